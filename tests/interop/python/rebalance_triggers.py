"""What starts a rebalance beside coming and going: more partitions, another subscription, a new topic that a pattern matches, a slow member."""
from kafka import KafkaConsumer
from support import Member, admin, create, name, partitions_of, produce, run, same, settle, until


def scenario(bootstrap):
    client = admin(bootstrap)

    # The partition count grows.
    topic, group = create(bootstrap, "grown", 2), name("group")
    first, second = Member(bootstrap, group, topic), Member(bootstrap, group, topic)
    settle([first, second], partitions_of(topic, 2))
    client.create_partitions({topic: 5})
    settle([first, second], partitions_of(topic, 5))
    produce(bootstrap, topic, [b"in a new partition"], partition=4)
    until(lambda: b"in a new partition" in first.values() + second.values(), "a record of a new partition")

    first.close()
    second.close()

    # The subscription changes.
    one, other, group = create(bootstrap, "one", 2), create(bootstrap, "other", 2), name("group")
    first, second = Member(bootstrap, group, one), Member(bootstrap, group, one)
    settle([first, second], partitions_of(one, 2))
    for member in (first, second):
        member.call(lambda consumer, member=member: consumer.subscribe([one, other], listener=member))
    settle([first, second], partitions_of(one, 2) | partitions_of(other, 2))
    for member in (first, second):
        member.call(lambda consumer, member=member: consumer.subscribe([other], listener=member))
    settle([first, second], partitions_of(other, 2))
    first.close()
    second.close()

    # A pattern meets a topic that did not exist.
    prefix = name("pattern")
    client.create_topics({f"{prefix}.a": {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    member = Member(bootstrap, name("group"), pattern=f"^{prefix}.*")
    settle([member], {(f"{prefix}.a", 0)})
    client.create_topics({f"{prefix}.b": {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    settle([member], {(f"{prefix}.a", 0), (f"{prefix}.b", 0)})
    member.close()

    # A member that does not poll leaves by itself; when it polls again, it is back.
    topic, group = create(bootstrap, "slow", 2), name("group")
    quick = Member(bootstrap, group, topic)
    settle([quick], partitions_of(topic, 2))
    slow = KafkaConsumer(topic, group_id=group, bootstrap_servers=bootstrap, max_poll_interval_ms=2000, heartbeat_interval_ms=300,
                         session_timeout_ms=10000)
    until(lambda: slow.poll(timeout_ms=1000) is not None and len(slow.assignment()) == 1, "the slow member has a partition")
    until(lambda: len(quick.owned) == 1, "and the quick one the other")
    took = settle([quick], partitions_of(topic, 2), 8)
    until(lambda: slow.poll(timeout_ms=1000) is not None and len(slow.assignment()) == 1 and len(quick.owned) == 1, "the slow member is back")
    slow.close()
    quick.close()
    client.close()
    return {"slow_member_replaced_s": round(took, 3)}


run(scenario)
