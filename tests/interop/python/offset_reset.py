"""auto.offset.reset three ways: without a committed offset, and with one that is out of range."""
from kafka import TopicPartition
from kafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from kafka.structs import OffsetAndMetadata
from support import admin, consumer, create, name, produce, refused, run, same, take, until


def scenario(bootstrap):
    topic = create(bootstrap, "reset")
    partition = TopicPartition(topic, 0)
    produce(bootstrap, topic, [b"%d" % number for number in range(10)], partition=0)

    with consumer(bootstrap, topic, group_id=name("group"), auto_offset_reset="earliest") as reader:
        same(take(reader, 10)[0].offset, 0, "earliest begins at the first record")

    with consumer(bootstrap, topic, group_id=name("group"), auto_offset_reset="latest") as reader:
        until(lambda: reader.poll(timeout_ms=1000) == {} and reader.assignment() == {partition}, "an assignment")
        same(reader.position(partition), 10, "latest stands behind the last record")
        produce(bootstrap, topic, [b"new"], partition=0)
        same([record.value for record in take(reader, 1)], [b"new"], "latest reads what comes later")

    with consumer(bootstrap, topic, group_id=name("group"), auto_offset_reset="none", enable_auto_commit=False) as reader:
        refused(NoOffsetForPartitionError, until, lambda: reader.poll(timeout_ms=1000) is None, "none has nowhere to begin", 10)

    group = name("group")
    with consumer(bootstrap, group_id=group, enable_auto_commit=False) as reader:
        reader.assign([partition])
        reader.commit({partition: OffsetAndMetadata(5, "")})
    with consumer(bootstrap, topic, group_id=group, auto_offset_reset="none", enable_auto_commit=False) as reader:
        same(take(reader, 6)[0].offset, 5, "none begins at the committed offset")

    # The committed offset falls off the log.
    client = admin(bootstrap)
    client.delete_records({partition: 8})
    client.close()
    with consumer(bootstrap, topic, group_id=group, auto_offset_reset="none", enable_auto_commit=False) as reader:
        refused(OffsetOutOfRangeError, until, lambda: reader.poll(timeout_ms=1000) is None, "none refuses what is gone", 10)
    with consumer(bootstrap, topic, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False) as reader:
        same(take(reader, 3)[0].offset, 8, "earliest goes on with the first that is left")
    with consumer(bootstrap, topic, group_id=group, auto_offset_reset="latest", enable_auto_commit=False) as reader:
        until(lambda: reader.poll(timeout_ms=1000) == {} and reader.assignment() == {partition} and reader.position(partition) == 11,
              "latest goes on behind the last")
    return {}


run(scenario)
