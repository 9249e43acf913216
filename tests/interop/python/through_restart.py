"""An idempotent producer lives through a restart of the broker, and a group goes on where it was.

Says `ready` when both are at work, goes on until a line comes on standard input, and then wants every acknowledged record at its offset,
none twice, no commit lost, and the rest of the records for the member's successor. (The member itself is not asked to live on:
kafka-python 3.0.12 may stop fetching when its broker was away for some seconds, whichever broker that is.)
"""
import sys
import threading

from kafka import TopicPartition
from support import Child, admin, consumer, create, everything, name, partitions_of, producer, run, same, settle, take, until


def scenario(bootstrap):
    topic, group = create(bootstrap, "lived", 2), name("group")
    partitions = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
    client = admin(bootstrap)

    def committed():
        offsets = client.list_group_offsets({group: None})[group]
        return [offsets[partition].offset if partition in offsets else 0 for partition in partitions]

    member = Child(bootstrap, group, topic, session_timeout_ms=3000, auto_commit_interval_ms=100)
    settle([member], partitions_of(topic, 2))
    sender = producer(bootstrap, acks="all", retry_backoff_ms=50, reconnect_backoff_max_ms=200, request_timeout_ms=5000)
    stop, sent, before = threading.Event(), [], None
    threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
    while not stop.is_set() and len(sent) < 20000:
        value = b"%d" % len(sent)
        sent.append((value, sender.send(topic, value, partition=len(sent) % 2)))
        if len(sent) == 200:
            until(lambda: min(committed()) > 0, "the member reads and commits")
            before = committed()
            client.close()
            print("ready", flush=True)
        stop.wait(0.005)
    sender.flush(timeout=60)
    acknowledged = {}
    for value, future in sent:
        told = future.get(timeout=1)
        acknowledged[told.partition, told.offset] = value
    sender.close()
    same(len(acknowledged), len(sent), "every record has an offset of its own")

    found = {(record.partition, record.offset): record.value for record in everything(bootstrap, topic, len(sent))}
    same(found, acknowledged, "the log")

    member.kill()
    client = admin(bootstrap)
    after = committed()
    client.close()
    assert all(new >= old for new, old in zip(after, before)), f"committed offsets went back from {before} to {after}"
    rest = {(partition, offset) for partition, offset in acknowledged if offset >= after[partition]}
    with consumer(bootstrap, topic, group_id=group) as successor:
        read = {(record.partition, record.offset) for record in take(successor, len(rest))} if rest else set()
    same(read, rest, "what the member's successor reads")
    return {"records": len(sent), "committed_before": before, "committed_after": after}


run(scenario)
