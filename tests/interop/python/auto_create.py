"""A topic that nobody made is made when a producer or a consumer names it, with the broker's defaults; not by one who asks not to, nor where
auto.create.topics.enable forbids it (argument `off`)."""
from kafka.errors import KafkaError
from support import admin, consumer, everything, name, produce, producer, refused, run, same, take, until


def scenario(bootstrap, setting="on"):
    client = admin(bootstrap)
    if setting == "off":
        topic = name("forbidden")
        with producer(bootstrap, max_block_ms=2000) as sender:
            refused(KafkaError, lambda: sender.send(topic, b"x").get(timeout=5))
        same(topic in client.list_topics(), False, "auto.create.topics.enable=false")
        client.close()
        return {}
    topic = name("unheard")
    same(produce(bootstrap, topic, [b"1", b"2"])[1].offset, 1, "records of a topic that nobody made")
    same(len(client.describe_topics([topic])[0]["partitions"]), 1, "num.partitions")
    same(len(everything(bootstrap, topic, 2)), 2, "records")

    topic = name("awaited")
    with consumer(bootstrap, topic, group_id=name("group"), metadata_max_age_ms=500) as reader:
        until(lambda: reader.poll(timeout_ms=1000) == {} and topic in client.list_topics(), "a consumer's topic is made")
        produce(bootstrap, topic, [b"x"])
        same(take(reader, 1)[0].value, b"x", "its record")

    topic = name("described")
    same(client.describe_topics([topic])[0]["error_code"], 3, "UNKNOWN_TOPIC_OR_PARTITION")
    same(topic in client.list_topics(), False, "whoever asks not to make a topic does not make it")
    with producer(bootstrap, max_block_ms=2000) as sender:
        refused((KafkaError, ValueError), lambda: sender.send("not a name", b"x").get(timeout=5))
    client.close()
    return {}


run(scenario)
