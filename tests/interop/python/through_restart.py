"""An idempotent producer and a member of a group live through a restart of the broker.

Says `ready` when both are at work, goes on until a line comes on standard input, and then wants every acknowledged record at its offset,
none twice, and the member with all of them.
"""
import sys
import threading

from support import Member, create, everything, name, partitions_of, producer, run, same, settle, until


def scenario(bootstrap):
    topic, group = create(bootstrap, "lived", 2), name("group")
    member = Member(bootstrap, group, topic, session_timeout_ms=20000, auto_commit_interval_ms=200, reconnect_backoff_max_ms=200)
    settle([member], partitions_of(topic, 2))
    sender = producer(bootstrap, acks="all", retry_backoff_ms=50, reconnect_backoff_max_ms=200, request_timeout_ms=5000)
    stop, sent = threading.Event(), []
    threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
    while not stop.is_set() and len(sent) < 20000:
        value = b"%d" % len(sent)
        sent.append((value, sender.send(topic, value, partition=len(sent) % 2)))
        if len(sent) == 200:
            until(lambda: len(member.records) > 0, "the member reads")
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
    until(lambda: len(set(member.values())) >= len(sent), lambda: f"the member has {len(set(member.values()))} of {len(sent)} records", 40)
    same(set(member.values()), {value for value, _ in sent}, "what the member read")
    member.close()
    return {"records": len(sent), "read_twice": len(member.values()) - len(sent)}


run(scenario)
