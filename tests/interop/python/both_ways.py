"""What a data directory holds, written through one broker and looked at through another.

    both_ways.py BOOTSTRAP write WORD [END…]   topics of all kinds, groups and transactions; one transaction is left open.
                                               What the words END left open before is aborted first: their producers come back. Their
                                               topics change: a setting comes, one goes, partitions are added, a topic is deleted.
    both_ways.py BOOTSTRAP write-and-keep WORD [END…]   the same, but no records are deleted: that is remembered within a minute or at a stop
    both_ways.py BOOTSTRAP see                 everything that can be seen of all that, as one line
"""
import hashlib
import os
from functools import partial

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import AlterConfigOp, ConfigResource
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError
from kafka.structs import OffsetAndMetadata
from support import admin, flat, run, same, take, until

RECORDS = 40


def scenario(bootstrap, what, *words):
    return {"write": write, "write-and-keep": partial(write, cut=False), "see": see}[what](bootstrap, *words)


def write(bootstrap, word, *ends, cut=True):
    for end in ends:
        with transactional(bootstrap, f"open-{end}"):
            pass
    client = admin(bootstrap)
    for end in ends:
        change(client, end)
    kinds = {"plain": (3, {"retention.ms": "3600000000"}), "compact": (1, {"cleanup.policy": "compact"}), "gone": (2, {}),
             "later-gone": (2, {"segment.ms": "7200000"}), "money": (1, {}), "cut": (1, {"segment.bytes": "1048576"})}
    client.create_topics({f"{kind}-{word}": {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
                          for kind, (partitions, configs) in kinds.items()}, wait_for_metadata=True)
    for codec in [None, "gzip", "snappy", "lz4", "zstd"]:
        with KafkaProducer(bootstrap_servers=bootstrap, compression_type=codec, enable_idempotence=True, acks="all", linger_ms=5) as sender:
            for number in range(RECORDS):
                value = b"%d by %s " % (number, str(codec).encode()) * 5
                sender.send(f"plain-{word}", value, key=b"%d" % number, headers=[("codec", str(codec).encode())], partition=number % 3)
                sender.send(f"compact-{word}", value, key=b"%d" % (number % 7))
                sender.send(f"cut-{word}", value)
                sender.send(f"gone-{word}", value)
                sender.send(f"later-gone-{word}", value)
            sender.flush()
    client.create_partitions({f"cut-{word}": 2})
    client.delete_topics([f"gone-{word}"])
    if cut:
        client.delete_records({TopicPartition(f"cut-{word}", 0): 30})
    client.close()
    with KafkaConsumer(f"plain-{word}", bootstrap_servers=bootstrap, group_id=f"readers-{word}", enable_auto_commit=False,
                       auto_offset_reset="earliest", fetch_max_wait_ms=100) as reader:
        take(reader, 5 * RECORDS)
        reader.commit()
    # One that Java gives a negative hash, and one that it does not.
    for group in [f"group-{word}", f"readers-{word}"]:
        with transactional(bootstrap, f"paid-{word}") as sender:
            pay(sender, word, "paid")
            sender.send_offsets_to_transaction({TopicPartition(f"plain-{word}", 0): OffsetAndMetadata(7, "with the money", -1)}, group)
            sender.commit_transaction()
    with transactional(bootstrap, f"lost-{word}") as sender:
        pay(sender, word, "lost")
        sender.abort_transaction()
    sender = transactional(bootstrap, f"open-{word}")
    pay(sender, word, "open")
    print("{}", flush=True)
    # Without a word: a producer that says goodbye aborts what it has begun.
    os._exit(0)


def change(client, word):
    """What an administrator does to topics that another broker has made."""
    wanted = {"max.message.bytes": "900000", "retention.ms": (AlterConfigOp.DELETE, None)}
    same(client.alter_configs([ConfigResource("topic", f"plain-{word}", wanted)])["topic"][f"plain-{word}"], "OK", "settings of a topic")
    same(client.alter_configs([ConfigResource("broker", "1", {"message.max.bytes": "1100000"})])["broker"]["1"], "OK", "settings of the broker")
    client.create_partitions({f"compact-{word}": 2})
    client.delete_topics([f"later-gone-{word}"])


def transactional(bootstrap, name):
    sender = KafkaProducer(bootstrap_servers=bootstrap, transactional_id=name, acks="all", transaction_timeout_ms=600000)
    sender.init_transactions()
    return sender


def pay(sender, word, what):
    sender.begin_transaction()
    for number in range(5):
        sender.send(f"money-{word}", b"%s %d" % (what.encode(), number))
    sender.flush()


def see(bootstrap):
    client = admin(bootstrap)
    found = {"cluster": client.describe_cluster()["cluster_id"], "settings": modified(client, "broker", "1")}
    groups, transactions = loaded(client.list_groups), loaded(client.list_transactions)
    topics = sorted(topic for topic in client.list_topics() if not topic.startswith("__"))
    for topic in client.describe_topics(topics):
        name = topic["name"]
        partitions = [TopicPartition(name, index) for index in range(len(topic["partitions"]))]
        states = client.describe_producers(partitions)
        producers = sorted((where.partition, state.producer_id, state.producer_epoch, state.last_sequence,
                            state.current_transaction_start_offset)
                           for where, about in states.items() for state in about.active_producers)
        found[name] = {"id": str(topic["topic_id"]), "producers": producers, "settings": modified(client, "topic", name),
                       **{level: records(bootstrap, partitions, level) for level in ("read_uncommitted", "read_committed")}}
    for group in sorted({group["group_id"] for group in groups}):
        offsets = client.list_group_offsets([group])[group]
        found[f"group {group}"] = sorted((where.topic, where.partition, at.offset, at.metadata) for where, at in offsets.items())
    found["transactions"] = sorted(str(transaction) for of_broker in transactions.values() for transaction in of_broker)
    client.close()
    return dict(sorted(found.items()))


def modified(client, kind, name):
    """The settings that somebody has made while brokers ran."""
    settings = client.describe_configs([ConfigResource(kind, name)], config_filter="all")[kind][name]
    return sorted((key, about["value"]) for key, about in settings.items()
                  if about["config_source"] in ("DYNAMIC_TOPIC_CONFIG", "DYNAMIC_BROKER_CONFIG", "DYNAMIC_DEFAULT_BROKER_CONFIG"))


def loaded(ask):
    """What a coordinator answers once it has read its log."""
    answers = []

    def is_answered():
        try:
            answers.append(ask())
        except (CoordinatorLoadInProgressError, CoordinatorNotAvailableError):
            return False
        return bool(answers[-1])

    until(is_answered, "an answer of a coordinator that has loaded")
    return answers[-1]


def records(bootstrap, partitions, level):
    with KafkaConsumer(bootstrap_servers=bootstrap, isolation_level=level, group_id=None, enable_auto_commit=False,
                       auto_offset_reset="earliest", fetch_max_wait_ms=50) as reader:
        reader.assign(partitions)
        reader.seek_to_beginning()
        begin, end = reader.beginning_offsets(partitions), reader.end_offsets(partitions)
        came = {partition: [] for partition in partitions}

        def is_read():
            for record in flat(reader.poll(timeout_ms=200)):
                came[TopicPartition(record.topic, record.partition)].append(
                    (record.offset, record.timestamp, record.key, record.value, record.headers))
            return all(reader.position(partition) >= end[partition] for partition in partitions)

        until(is_read, lambda: f"{partitions} up to {end}, only up to {[reader.position(partition) for partition in partitions]}")
    hashed = hashlib.sha256(repr([came[partition] for partition in partitions]).encode()).hexdigest()[:16]
    return {"begin": [begin[partition] for partition in partitions], "end": [end[partition] for partition in partitions],
            "count": [len(came[partition]) for partition in partitions], "records": hashed}


run(scenario)
