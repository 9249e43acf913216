"""Groups by the admin client: listed, described, their lag, their offsets changed, members removed, deleted."""
from kafka import TopicPartition
from kafka.admin import MemberToRemove, OffsetSpec
from kafka.errors import GroupIdNotFoundError, GroupSubscribedToTopicError, NoError, UnknownMemberIdError
from kafka.structs import OffsetAndMetadata
from support import Member, admin, consumer, create, name, partitions_of, produce, refused, run, same, settle, take, until


def scenario(bootstrap):
    client = admin(bootstrap)
    topic, group = create(bootstrap, "grouped", 2), name("group")
    partitions = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
    for partition in (0, 1):
        produce(bootstrap, topic, [b"x"] * 10, partition=partition)
    with consumer(bootstrap, topic, group_id=group, enable_auto_commit=False) as reader:
        take(reader, 20)
        reader.commit({partitions[0]: OffsetAndMetadata(4, "m"), partitions[1]: OffsetAndMetadata(10, "")})

    def listed(**filters):
        return {found["group_id"]: found for found in client.list_groups(**filters)}.get(group)

    def offsets():
        return {p.partition: o.offset for p, o in client.list_group_offsets({group: None})[group].items()}

    until(lambda: listed()["group_state"] == "Empty", "the group without members is Empty")
    same((listed()["protocol_type"], listed()["group_type"].lower()), ("consumer", "classic"), "its types")
    same(listed(states_filter=["Stable"]), None, "filtered by another state")
    same(listed(states_filter=["Empty"])["group_id"], group, "filtered by its state")

    same(offsets(), {0: 4, 1: 10}, "committed offsets")
    ends = client.list_partition_offsets({partition: OffsetSpec.LATEST for partition in partitions})
    same({p.partition: ends[p].offset - offsets()[p.partition] for p in partitions}, {0: 6, 1: 0}, "the lag")

    member = Member(bootstrap, group, topic, client_id="named", enable_auto_commit=False)
    settle([member], partitions_of(topic, 2))
    described = client.describe_groups([group])[group]
    same((described["error"], described["group_state"], len(described["members"])), (None, "Stable", 1), "the group with a member")
    same((described["members"][0]["client_id"], described["members"][0]["client_host"]), ("named", "/127.0.0.1"), "its member")
    same(client.delete_groups([group])[group], "NonEmptyGroupError", "a group with members cannot be deleted")
    same(set(client.alter_group_offsets(group, {partitions[0]: OffsetAndMetadata(1, "", -1)}).values()), {UnknownMemberIdError},
         "offsets of a group with members cannot be set from outside")
    same(set(client.delete_group_offsets(group, [partitions[0]]).values()), {GroupSubscribedToTopicError}, "nor deleted")

    # Put out by the administrator, a member comes back by itself.
    identity = described["members"][0]["member_id"]
    same(client.remove_group_members(group, [MemberToRemove(member_id=identity)]), {identity: NoError}, "the member is put out")
    until(lambda: any(what == "lost" for what, _ in member.events), "it is told")
    settle([member], partitions_of(topic, 2))
    member.close()

    until(lambda: listed()["group_state"] == "Empty", "Empty again")
    same(set(client.alter_group_offsets(group, {partitions[0]: OffsetAndMetadata(7, "set", -1)}).values()), {NoError}, "an offset is set")
    same(offsets(), {0: 7, 1: 10}, "offsets")
    reset = client.reset_group_offsets(group, {partition: OffsetSpec.EARLIEST for partition in partitions})
    same({p.partition: (r["error"], r["offset"]) for p, r in reset.items()}, {0: (NoError, 0), 1: (NoError, 0)}, "reset to the earliest")
    same(offsets(), {0: 0, 1: 0}, "offsets after the reset")
    same(client.delete_group_offsets(group, [partitions[1]]), {partitions[1]: NoError}, "one offset is deleted")
    same(offsets(), {0: 0}, "offsets that are left")

    same(client.delete_groups([group])[group], "OK", "the group is deleted")
    same(listed(), None, "and gone")
    same(client.delete_groups([group])[group], "GroupIdNotFoundError", "it cannot be deleted twice")
    same(client.list_group_offsets({group: None})[group], {}, "no offsets are left")
    refused(GroupIdNotFoundError, client.delete_group_offsets, name("nobody"), [partitions[0]])
    client.close()
    return {}


run(scenario)
