"""kafka-python in the client matrix."""
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from contract import BOOTSTRAP, Member, rebalance, run, same, until, values_of


def producer(**config):
    return KafkaProducer(bootstrap_servers=BOOTSTRAP, **{"acks": "all", **config})


def consumer(**config):
    return KafkaConsumer(bootstrap_servers=BOOTSTRAP, **{"auto_offset_reset": "earliest", "fetch_max_wait_ms": 100, **config})


def produce(topic, values, partition=0, **config):
    with producer(**config) as sender:
        futures = [sender.send(topic, value, key=b"key", partition=partition) for value in values]
        sender.flush()
        for future in futures:
            future.get()


def polled(reader):
    # Long enough for a join: kafka-python 3.0.12 may lose its seat when a poll ends between the two halves of one.
    return [record.value for records in reader.poll(timeout_ms=1000).values() for record in records]


def take(reader, count):
    """Reads so many values."""
    values = []
    until(lambda: values.extend(polled(reader)) or len(values) >= count, lambda: f"{count} values, there are {len(values)}")
    return values


def read(topic, count, **config):
    with consumer(group_id=None, **config) as reader:
        reader.assign([TopicPartition(topic, 0)])
        return take(reader, count)


def codec(name):
    def show():
        values = values_of(name, 20)
        produce(f"codec-{name}", values, compression_type=None if name == "none" else name, linger_ms=50)
        same(read(f"codec-{name}", 20), values, "values")
    return show


def idempotent():
    values = values_of("idempotent", 100)
    produce("idempotent", values, enable_idempotence=True, batch_size=4000)
    same(read("idempotent", 100), values, "values")


def transactions():
    sender = producer(transactional_id="kafka-python")
    sender.init_transactions()

    def transact(word, end):
        values = values_of(word, 10)
        sender.begin_transaction()
        futures = [sender.send("transactions", value, partition=0) for value in values]
        sender.flush()
        for future in futures:
            future.get()
        end()
        return values

    first = transact("first", sender.commit_transaction)
    aborted = transact("aborted", sender.abort_transaction)
    second = transact("second", sender.commit_transaction)
    sender.close()
    same(read("transactions", 20, isolation_level="read_committed"), first + second, "committed values")
    same(read("transactions", 30), first + aborted + second, "all values")


def exactly_once():
    values = values_of("transfer", 10)
    produce("transfer-in", values)
    sender = producer(transactional_id="kafka-python-transfer")
    sender.init_transactions()
    first = member("transfer", "transfer-in")
    found = take(first, 10)

    def transact(values, offset, end):
        sender.begin_transaction()
        for value in values:
            sender.send("transfer-out", value, partition=0)
        if offset:
            offsets = {TopicPartition("transfer-in", 0): OffsetAndMetadata(offset, "", -1)}
            sender.send_offsets_to_transaction(offsets, first.group_metadata())
        end()

    transact(found[:5], 5, sender.commit_transaction)
    transact(found[5:], 10, sender.abort_transaction)
    transact([b"end"], None, sender.commit_transaction)
    first.close()
    sender.close()
    same(read("transfer-out", 6, isolation_level="read_committed"), values[:5] + [b"end"], "committed values")
    with member("transfer", "transfer-in") as successor:
        same(take(successor, 5), values[5:], "the successor's")


def member(group_id, topic, **config):
    reader = consumer(group_id=group_id, enable_auto_commit=False, **config)
    reader.subscribe([topic])
    return reader


class Grouped:
    """A consumer of a group, as a member wants it."""

    def __init__(self, topic):
        self.consumer = consumer(group_id=topic, heartbeat_interval_ms=300)
        self.consumer.subscribe([topic])

    def poll(self):
        return polled(self.consumer)

    def owns(self):
        return [partition.partition for partition in self.consumer.assignment()]

    def close(self):
        self.consumer.close()


def group():
    rebalance(lambda seen: Member(lambda: Grouped("group"), seen), lambda partition, values: produce("group", values, partition))


def resume():
    values = values_of("resume", 20)
    produce("resume", values)
    with member("resume", "resume", max_poll_records=10) as first:
        same(take(first, 10), values[:10], "the first reader's")
        first.commit()
    with member("resume", "resume") as second:
        same(take(second, 10), values[10:], "the second reader's")


def seek():
    values = values_of("seek", 20)
    produce("seek", values)
    partition = TopicPartition("seek", 0)
    with consumer(group_id=None) as reader:
        reader.assign([partition])
        same(take(reader, 20), values, "from the start")
        reader.seek(partition, 15)
        same(take(reader, 5), values[15:], "from offset 15")
        reader.seek_to_beginning(partition)
        same(take(reader, 20), values, "from the start again")


def admin():
    client = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    client.create_topics([NewTopic("admin", 3, 1)])
    until(lambda: "admin" in client.list_topics(), lambda: "the topic is listed")
    same(len(client.describe_topics(["admin"])[0]["partitions"]), 3, "partitions")
    groups = client.list_groups()
    assert "group" in str(groups), groups
    client.delete_topics(["admin"])
    until(lambda: "admin" not in client.list_topics(), lambda: "the topic is listed no more")
    client.close()


run({
    "none": codec("none"),
    "gzip": codec("gzip"),
    "snappy": codec("snappy"),
    "lz4": codec("lz4"),
    "zstd": codec("zstd"),
    "idempotent": idempotent,
    "transactions": transactions,
    "exactly-once": exactly_once,
    "group": group,
    "group-848": "it has the classic protocol only",
    "share": "it has no share consumer",
    "resume": resume,
    "seek": seek,
    "admin": admin,
    # Its producer is shown to live through restarts by `through_restart.py`.
    "restart": "its consumer may stop reading when a broker was away for seconds, Apache Kafka's too",
})
