"""A topic is deleted under a member that reads it: the member lives on, reads its other topic, and the topic when it is made again.

Wants auto.create.topics.enable=false: whoever subscribes asks for the topic's metadata, and kafka-python 3.0.12 cannot ask without making it.
"""
from support import Member, admin, create, name, partitions_of, produce, run, same, settle, until


def scenario(bootstrap):
    client = admin(bootstrap)
    doomed, kept, group = create(bootstrap, "doomed", 2), create(bootstrap, "kept"), name("group")
    # It commits by itself: kafka-python's automatic commit before a rebalance insists on the deleted topic until max.poll.interval.ms is over.
    member = Member(bootstrap, group, doomed, kept, enable_auto_commit=False)
    settle([member], partitions_of(doomed, 2) | {(kept, 0)})
    produce(bootstrap, doomed, [b"old %d" % number for number in range(10)])
    produce(bootstrap, kept, [b"kept 1"])
    until(lambda: len(member.records) == 11, "11 records")
    member.call(lambda reader: reader.commit())
    same({p.topic for p in client.list_group_offsets({group: None})[group]}, {doomed, kept}, "topics with committed offsets")

    client.delete_topics([doomed])
    until(lambda: doomed not in client.list_topics(), "the topic is gone")
    produce(bootstrap, kept, [b"kept 2"])
    until(lambda: b"kept 2" in member.values(), "the member reads its other topic")
    settle([member], {(kept, 0)})

    # The group's offsets of the topic went with it.
    until(lambda: all(p.topic == kept for p in client.list_group_offsets({group: None})[group]), "no offsets of the deleted topic are left")
    client.create_topics({doomed: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    settle([member], {(doomed, 0), (kept, 0)})
    produce(bootstrap, doomed, [b"new 0", b"new 1"])
    until(lambda: member.values()[-2:] == [b"new 0", b"new 1"], lambda: f"the records of the topic made again; the last are {member.values()[-3:]}")
    member.close()
    same(member.failure, None, "the member's failure")
    client.close()
    return {}


run(scenario)
