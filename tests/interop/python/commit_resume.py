"""A group resumes where it committed; another group starts at the beginning; commits carry their metadata."""
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata
from support import consumer, create, name, produce, run, same, take, until


def scenario(bootstrap):
    topic, group = create(bootstrap, "resumed"), name("group")
    partition = TopicPartition(topic, 0)
    produce(bootstrap, topic, [b"%d" % number for number in range(20)], partition=0)
    manual = {"group_id": group, "enable_auto_commit": False, "max_poll_records": 5}

    with consumer(bootstrap, topic, **manual) as reader:
        same(reader.committed(partition), None, "nothing is committed")
        records = []
        until(lambda: records.extend(r for rs in reader.poll(timeout_ms=1000).values() for r in rs) or len(records) >= 10, "10 records")
        reader.commit({partition: OffsetAndMetadata(10, "half way")})
        same(reader.committed(partition), 10, "what is committed")
        same(reader.committed(partition, metadata=True).metadata, "half way", "its metadata")
        same(reader.position(partition) >= 10, True, "the position")

    with consumer(bootstrap, topic, **manual) as reader:
        same([record.offset for record in take(reader, 10)], list(range(10, 20)), "the group resumes from its commit")
        # closed without a commit

    with consumer(bootstrap, topic, **manual) as reader:
        same(take(reader, 10)[0].offset, 10, "what was read without a commit is read again")
        reader.commit()

    produce(bootstrap, topic, [b"20", b"21"], partition=0)
    with consumer(bootstrap, topic, group_id=group, enable_auto_commit=True, auto_commit_interval_ms=100) as reader:
        same([record.value for record in take(reader, 2)], [b"20", b"21"], "what is new since the commit")
        reader.poll(timeout_ms=300)
        until(lambda: reader.poll(timeout_ms=1000) == {} and reader.committed(partition) == 22, "the automatic commit")

    with consumer(bootstrap, topic, group_id=name("other")) as reader:
        same(take(reader, 22)[0].offset, 0, "another group starts at 0")
    return {"records": 22}


run(scenario)
