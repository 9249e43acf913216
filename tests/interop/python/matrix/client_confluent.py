"""confluent-kafka in the client matrix."""
from confluent_kafka import AcknowledgeType, Consumer, KafkaException, Producer, ShareConsumer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from contract import BOOTSTRAP, Member, live_through_restart, rebalance, run, same, until, values_of


def producer(**config):
    return Producer({"bootstrap.servers": BOOTSTRAP, **named(config)})


def consumer(**config):
    basis = {"bootstrap.servers": BOOTSTRAP, "group.id": "unused", "auto.offset.reset": "earliest", "fetch.wait.max.ms": 100}
    return Consumer({**basis, **named(config)})


def named(config):
    return {key.replace("_", "."): value for key, value in config.items()}


def send(sender, topic, values, partition=0):
    """Sends values and wants all acknowledged."""
    refused = []
    for value in values:
        sender.produce(topic, value, key=b"key", partition=partition, on_delivery=lambda error, _: error and refused.append(error))
    same(sender.flush(), 0, "values that are still to be sent")
    same(refused, [], "refusals")


def take(reader, count):
    """Reads so many values."""
    values = []

    def enough():
        values.extend(value_of(message) for message in reader.consume(count - len(values), timeout=0.1))
        return len(values) >= count

    until(enough, lambda: f"{count} values, there are {len(values)}")
    return values


def value_of(message):
    if message.error():
        raise KafkaException(message.error())
    return message.value()


def read(topic, count, **config):
    reader = consumer(**config)
    reader.assign([TopicPartition(topic, 0, 0)])
    values = take(reader, count)
    reader.close()
    return values


def codec(name):
    def show():
        values = values_of(name, 20)
        send(producer(compression_type=name, linger_ms=50), f"codec-{name}", values)
        same(read(f"codec-{name}", 20), values, "values")
    return show


def idempotent():
    values = values_of("idempotent", 100)
    send(producer(enable_idempotence=True, batch_num_messages=10), "idempotent", values)
    same(read("idempotent", 100), values, "values")


def transactions():
    sender = producer(transactional_id="confluent")
    sender.init_transactions()

    def transact(word, end):
        values = values_of(word, 10)
        sender.begin_transaction()
        send(sender, "transactions", values)
        end()
        return values

    first = transact("first", sender.commit_transaction)
    aborted = transact("aborted", sender.abort_transaction)
    second = transact("second", sender.commit_transaction)
    same(read("transactions", 20, isolation_level="read_committed"), first + second, "committed values")
    same(read("transactions", 30, isolation_level="read_uncommitted"), first + aborted + second, "all values")


def exactly_once():
    values = values_of("transfer", 10)
    send(producer(), "transfer-in", values)
    sender = producer(transactional_id="confluent-transfer")
    sender.init_transactions()
    first = member("transfer", "transfer-in")
    found = take(first, 10)

    def transact(values, offset, end):
        sender.begin_transaction()
        send(sender, "transfer-out", values)
        if offset:
            sender.send_offsets_to_transaction([TopicPartition("transfer-in", 0, offset)], first.consumer_group_metadata())
        end()

    transact(found[:5], 5, sender.commit_transaction)
    transact(found[5:], 10, sender.abort_transaction)
    transact([b"end"], None, sender.commit_transaction)
    first.close()
    same(read("transfer-out", 6, isolation_level="read_committed"), values[:5] + [b"end"], "committed values")
    successor = member("transfer", "transfer-in")
    same(take(successor, 5), values[5:], "the successor's")
    successor.close()


def member(group_id, topic):
    reader = consumer(group_id=group_id, enable_auto_commit=False)
    reader.subscribe([topic])
    return reader


class Grouped:
    """A consumer of a group, as a member wants it."""

    def __init__(self, topic, **config):
        self.consumer = consumer(group_id=topic, **config)
        self.consumer.subscribe([topic])

    def poll(self):
        # While the broker is away there are errors, and the client goes on by itself.
        return [message.value() for message in self.consumer.consume(100, timeout=0.1) if not message.error()]

    def owns(self):
        return [partition.partition for partition in self.consumer.assignment()]

    def close(self):
        self.consumer.close()


def group(topic, **config):
    def show():
        sender = producer()
        rebalance(lambda seen: Member(lambda: Grouped(topic, **config), seen),
                  lambda partition, values: send(sender, topic, values, partition))
    return show


def share_consumer():
    reader = ShareConsumer({"bootstrap.servers": BOOTSTRAP, "group.id": "share", "share.acknowledgement.mode": "explicit"})
    reader.subscribe(["share"])
    return reader


def acquire(reader, values, times):
    """Polls until there are messages: these values, delivered for that time."""
    messages = []

    def some():
        messages.extend(reader.poll(timeout=1))
        return bool(messages)

    until(some, lambda: "shared values")
    same([value_of(message) for message in messages], values, "shared values")
    same({message.delivery_count() for message in messages}, {times}, "delivered")
    return messages


def settle(reader, messages, how):
    for message in messages:
        reader.acknowledge(message, how)


def commit(reader):
    same([error for error in reader.commit_sync().values() if error], [], "refusals")


def share():
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    begin = ConfigEntry("share.auto.offset.reset", "earliest", incremental_operation=AlterConfigOpType.SET)
    for altered in admin.incremental_alter_configs([ConfigResource(ResourceType.GROUP, "share", incremental_configs=[begin])]).values():
        altered.result()
    early, late = values_of("early", 20), values_of("late", 10)
    send(producer(linger_ms=50), "share", early)
    first, second = share_consumer(), share_consumer()
    held = acquire(first, early, 1)
    send(producer(linger_ms=50), "share", late)
    settle(second, acquire(second, late, 1), AcknowledgeType.ACCEPT)
    commit(second)
    settle(first, held[:10], AcknowledgeType.ACCEPT)
    settle(first, held[10:11], AcknowledgeType.REJECT)
    settle(first, held[11:], AcknowledgeType.RELEASE)
    commit(first)
    first.close()
    settle(second, acquire(second, early[11:], 2), AcknowledgeType.ACCEPT)
    commit(second)
    send(producer(), "share", [b"end"])
    settle(second, acquire(second, [b"end"], 1), AcknowledgeType.ACCEPT)
    commit(second)
    second.close()


def resume():
    values = values_of("resume", 20)
    send(producer(), "resume", values)
    first = member("resume", "resume")
    same(take(first, 10), values[:10], "the first reader's")
    first.commit(offsets=[TopicPartition("resume", 0, 10)], asynchronous=False)
    first.close()
    second = member("resume", "resume")
    same(take(second, 10), values[10:], "the second reader's")
    second.close()


def seek():
    values = values_of("seek", 20)
    send(producer(), "seek", values)
    reader = consumer()
    reader.assign([TopicPartition("seek", 0, 0)])
    same(take(reader, 20), values, "from the start")
    reader.seek(TopicPartition("seek", 0, 15))
    same(take(reader, 5), values[15:], "from offset 15")
    reader.seek(TopicPartition("seek", 0, 0))
    same(take(reader, 20), values, "from the start again")
    reader.close()


def admin():
    client = AdminClient({"bootstrap.servers": BOOTSTRAP})
    client.create_topics([NewTopic("admin", 3, 1)])["admin"].result()
    until(lambda: "admin" in client.list_topics().topics, lambda: "the topic is listed")
    same(len(client.list_topics("admin").topics["admin"].partitions), 3, "partitions")
    groups = [group.group_id for group in client.list_consumer_groups().result().valid]
    assert "group" in groups, groups
    client.delete_topics(["admin"])["admin"].result()
    until(lambda: "admin" not in client.list_topics().topics, lambda: "the topic is listed no more")


def restart():
    seen = set()
    member = Member(lambda: Grouped("restart"), seen)
    sender = producer()

    def acknowledged(partition, value):
        told = []
        sender.produce("restart", value, partition=partition, on_delivery=lambda error, _: told.append(error))
        sender.flush()
        return told == [None]

    live_through_restart(acknowledged, seen)
    member.leave()


run({
    "none": codec("none"),
    "gzip": codec("gzip"),
    "snappy": codec("snappy"),
    "lz4": codec("lz4"),
    "zstd": codec("zstd"),
    "idempotent": idempotent,
    "transactions": transactions,
    "exactly-once": exactly_once,
    "group": group("group"),
    "group-848": group("group-848", group_protocol="consumer"),
    "share": share,
    "resume": resume,
    "seek": seek,
    "admin": admin,
    "restart": restart,
})
