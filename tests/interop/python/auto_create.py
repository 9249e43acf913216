"""A topic that nobody made is made when a producer or a consumer names it, with the broker's defaults; not by one who asks not to."""
from kafka.errors import InvalidTopicError, KafkaError
from support import admin, consumer, everything, name, produce, producer, refused, run, same, take, until


def scenario(bootstrap):
    client = admin(bootstrap)
    topic = name("unheard")
    same(produce(bootstrap, topic, [b"1", b"2"])[1].offset, 1, "records of a topic that nobody made")
    same(len(client.describe_topics([topic])[0]["partitions"]), 1, "num.partitions")
    same(len(everything(bootstrap, topic, 2)), 2, "records")

    topic = name("awaited")
    with consumer(bootstrap, topic, group_id=name("group"), metadata_max_age_ms=500) as reader:
        until(lambda: reader.poll(timeout_ms=100) == {} and topic in client.list_topics(), "a consumer's topic is made")
        produce(bootstrap, topic, [b"x"])
        same(take(reader, 1)[0].value, b"x", "its record")

    topic = name("unwanted")
    with producer(bootstrap, allow_auto_create_topics=False, max_block_ms=2000) as sender:
        refused(KafkaError, lambda: sender.send(topic, b"x").get(timeout=5))
    with consumer(bootstrap, topic, group_id=name("group"), allow_auto_create_topics=False) as reader:
        for _ in range(5):
            reader.poll(timeout_ms=100)
    client.describe_topics([name("described")])
    same([found for found in client.list_topics() if found.startswith(("unwanted", "described"))], [], "topics that nobody asked for")
    with producer(bootstrap, max_block_ms=2000) as sender:
        refused((InvalidTopicError, KafkaError), lambda: sender.send("not a name", b"x").get(timeout=5))
    client.close()
    return {}


run(scenario)
