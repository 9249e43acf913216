"""Large records pass whole; one beyond max.message.bytes is refused by name, and nothing else is lost."""
from kafka import TopicPartition
from kafka.errors import MessageSizeTooLargeError
from support import consumer, create, everything, producer, refused, run, same, take


def scenario(bootstrap):
    topic = create(bootstrap, "large")
    values = [bytes([number]) * 900_000 for number in range(8)]
    # kafka-python's idempotent producer takes the refusal for the end of its session; a plain one goes on.
    plain = {"enable_idempotence": False}
    with producer(bootstrap, max_request_size=2_000_000, **plain) as sender:
        for number, value in enumerate(values):
            same(sender.send(topic, value).get(timeout=30).offset, number, "the offset of a large record")
        # The default max.message.bytes is 1 MiB and 12 bytes.
        refused(MessageSizeTooLargeError, sender.send(topic, bytes(1_100_000)).get, timeout=30)
        same(sender.send(topic, b"small").get(timeout=30).offset, len(values), "what follows is written")
    same([record.value for record in everything(bootstrap, topic, 9)] == values + [b"small"], True, "all of them come back as they were")

    # A fetch that asks for less than a record still gets one, or nobody would ever get past it.
    with consumer(bootstrap, group_id=None, max_partition_fetch_bytes=1000, fetch_max_bytes=1000) as reader:
        reader.assign([TopicPartition(topic, 0)])
        same([len(record.value) for record in take(reader, 9)], [900_000] * 8 + [5], "with small fetches")

    narrow = create(bootstrap, "narrow", max_message_bytes="1000")
    with producer(bootstrap, **plain) as sender:
        refused(MessageSizeTooLargeError, sender.send(narrow, bytes(2000)).get, timeout=30)
        same(sender.send(narrow, bytes(500)).get(timeout=30).offset, 0, "a record within the topic's own limit")
    wide = create(bootstrap, "wide", max_message_bytes="6000000")
    with producer(bootstrap, max_request_size=6_000_000) as sender:
        sender.send(wide, bytes(5_000_000)).get(timeout=30)
    same(len(everything(bootstrap, wide, 1)[0].value), 5_000_000, "a record that the topic allows")
    return {}


run(scenario)
