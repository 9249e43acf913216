"""Keys, values, headers and timestamps come back as they were sent, at the offsets that were acknowledged."""
import time

from kafka import TopicPartition
from support import consumer, create, everything, producer, run, same, take


def scenario(bootstrap):
    topic = create(bootstrap, "orders", 2)
    sent = [
        (b"k1", b"first", [("trace", b"1"), ("trace", b"2"), ("empty", b"")], 1_600_000_000_000),
        (b"k1", b"second", [], 1_600_000_000_001),
        (b"k2", b"", [("only", "ö".encode())], 1_500_000_000_000),
        (b"k3", None, [], 1_600_000_000_002),          # a tombstone
        (None, b"no key", [], 0),
        (b"", b"empty key", [], 1_700_000_000_000),
    ]
    acknowledged = []
    with producer(bootstrap, acks="all") as sender:
        for key, value, headers, timestamp in sent:
            told = sender.send(topic, key=key, value=value, headers=headers, timestamp_ms=timestamp, partition=1).get(timeout=30)
            acknowledged.append((told.partition, told.offset, told.timestamp))
    same(acknowledged, [(1, offset, record[3]) for offset, record in enumerate(sent)], "what the broker acknowledged")

    found = everything(bootstrap, topic, len(sent))
    same([(r.partition, r.offset, r.key, r.value, list(r.headers), r.timestamp, r.timestamp_type) for r in found],
         [(1, offset, key, value, headers, timestamp, 0) for offset, (key, value, headers, timestamp) in enumerate(sent)], "what came back")

    # Without a timestamp the producer's clock serves.
    before = int(time.time() * 1000)
    with producer(bootstrap) as sender:
        told = sender.send(topic, b"now", partition=0).get(timeout=30)
    assert before <= told.timestamp <= int(time.time() * 1000), f"the timestamp {told.timestamp} is not from now ({before})"

    with consumer(bootstrap, group_id=None) as reader:
        partitions = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
        same(reader.beginning_offsets(partitions), dict.fromkeys(partitions, 0), "the first offsets")
        same(reader.end_offsets(partitions), {partitions[0]: 1, partitions[1]: len(sent)}, "the next offsets")
        reader.assign(partitions)
        take(reader, len(sent) + 1)
        same(reader.highwater(partitions[1]), len(sent), "the high watermark")

    # Iterating, as most programs do; acks=1 and acks=0 arrive as well.
    other = create(bootstrap, "plain")
    for acks in (1, 0):
        with producer(bootstrap, acks=acks, enable_idempotence=False) as sender:
            for number in range(50):
                sender.send(other, f"{acks}-{number}".encode())
            sender.flush()
    with consumer(bootstrap, other, group_id=None, consumer_timeout_ms=3000) as reader:
        values = []
        for record in reader:
            values.append(record.value)
            if len(values) == 100:
                break
    same(values, [f"{acks}-{number}".encode() for acks in (1, 0) for number in range(50)], "records in order")
    return {"records": len(sent) + 101}


run(scenario)
