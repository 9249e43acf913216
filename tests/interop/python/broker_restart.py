"""Before and after a restart of the broker: `before` prints what `after` must find again."""
import json

from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata
from support import admin, consumer, create, everything, name, produce, run, same, take

COMMITTED = {0: 70, 1: 30}


def before(bootstrap):
    topic, group = create(bootstrap, "durable", 2, segment_bytes="1048576"), name("group")
    # Two segments and more in partition 0.
    for partition in (0, 1):
        values = [b"%d-%d-" % (partition, number) + bytes([number % 251]) * (20000 if partition == 0 else 10) for number in range(100)]
        told = produce(bootstrap, topic, values, partition=partition, acks="all")
        same([record.offset for record in told], list(range(100)), "acknowledged offsets")
    with consumer(bootstrap, topic, group_id=group, enable_auto_commit=False) as reader:
        take(reader, 200)
        reader.commit({TopicPartition(topic, partition): OffsetAndMetadata(offset, "kept", 0) for partition, offset in COMMITTED.items()})
    client = admin(bootstrap)
    topics = client.describe_topics([topic])
    client.close()
    return {"topic": topic, "group": group, "topic_id": str(topics[0]["topic_id"]), "cluster": cluster(bootstrap)}


def after(bootstrap, state, generation):
    state, generation = json.loads(state), int(generation)
    topic, group = state["topic"], state["group"]
    client = admin(bootstrap)
    found = client.describe_topics([topic])[0]
    same((str(found["topic_id"]), len(found["partitions"])), (state["topic_id"], 2), "the topic's id and partitions")
    client.close()
    same(cluster(bootstrap), state["cluster"], "the cluster id")

    more = generation - 1  # records that earlier calls added to each partition
    records = everything(bootstrap, topic, 200 + 2 * more)
    for partition in (0, 1):
        mine = [record for record in records if record.partition == partition]
        same([record.offset for record in mine], list(range(100 + more)), "every acknowledged record is there, once")
        size = 20000 if partition == 0 else 10
        for number, record in enumerate(mine[:100]):
            same(record.value, b"%d-%d-" % (partition, number) + bytes([number % 251]) * size, f"the record at {partition}/{number}")

    with consumer(bootstrap, topic, group_id=group, enable_auto_commit=False) as reader:
        for partition, offset in COMMITTED.items():
            kept = reader.committed(TopicPartition(topic, partition), metadata=True)
            same((kept.offset, kept.metadata), (offset, "kept"), "the committed offset")
        count = 200 + 2 * more - sum(COMMITTED.values())
        first = {}
        for record in take(reader, count):
            first.setdefault(record.partition, record.offset)
        same(first, COMMITTED, "the group resumes where it committed")
    with consumer(bootstrap, topic, group_id=name("other")) as reader:
        same({record.offset for record in take(reader, 200 + 2 * more)} >= {0}, True, "another group starts at 0")

    for partition in (0, 1):
        told = produce(bootstrap, topic, [b"after"], partition=partition, acks="all")
        same(told[0].offset, 100 + more, "the next record's offset")
    return {"records": 202 + 2 * more}


def cluster(bootstrap):
    client = admin(bootstrap)
    try:
        return client.describe_cluster()["cluster_id"]
    finally:
        client.close()


def scenario(bootstrap, moment, *arguments):
    return {"before": before, "after": after}[moment](bootstrap, *arguments)


run(scenario)
