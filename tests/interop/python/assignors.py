"""Range, round robin, sticky and cooperative sticky: who owns what, and who has to stop when a third member comes."""
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.errors import InconsistentGroupProtocolError
from support import Member, admin, calm, create, name, partitions_of, produce, run, same, settle, until

ASSIGNORS = {assignor.name: assignor for assignor in
             (RangePartitionAssignor, RoundRobinPartitionAssignor, StickyPartitionAssignor, CooperativeStickyAssignor)}


def revoked(member, since):
    return set().union(*[partitions for what, partitions in member.events[since:] if what != "assigned"])


def one_assignor(bootstrap, chosen):
    a, b, group = create(bootstrap, "a", 3), create(bootstrap, "b", 3), name("group")
    wanted = partitions_of(a, 3) | partitions_of(b, 3)
    join = lambda: Member(bootstrap, group, a, b, partition_assignment_strategy=(ASSIGNORS[chosen],), max_poll_interval_ms=20000)
    first = join()
    settle([first], wanted)
    second = join()
    settle([first, second], wanted)
    # Range shares out topic by topic: 2 + 2 and 1 + 1; the others look at all partitions together.
    shares = [2, 4] if chosen == "range" else [3, 3]
    until(lambda: sorted([len(first.owned), len(second.owned)]) == shares, lambda: f"{shares} partitions; it stands at {first.owned}, {second.owned}")
    if chosen == "range":
        larger = first if len(first.owned) == 4 else second
        same(larger.owned, {(a, 0), (a, 1), (b, 0), (b, 1)}, "range gives the first member the first partitions of each topic")

    calm([first, second])
    before = {member: (set(member.owned), len(member.events)) for member in (first, second)}
    third = join()
    settle([first, second, third], wanted)
    until(lambda: min(len(member.owned) for member in (first, second, third)) == 2, "two partitions each")
    calm([first, second, third])
    moved = 0
    for member, (had, events) in before.items():
        gone = revoked(member, events)
        moved += len(had - member.owned)
        if chosen == "cooperative-sticky":
            same(gone, had - member.owned, "a cooperative member stops only what moves")
        else:
            same(gone, had, "an eager member gives up everything")
    if "sticky" in chosen:
        same(moved, 2, f"partitions that {chosen} moves")

    client = admin(bootstrap)
    described = client.describe_groups([group])[group]
    same((described["group_state"], described["protocol_type"], described["protocol_data"]), ("Stable", "consumer", chosen), "the group")
    client.close()

    produce(bootstrap, a, [b"%d" % number for number in range(60)])
    members = (first, second, third)
    until(lambda: sum(len(member.records) for member in members) >= 60, "60 records between the three")
    for member in members:
        member.close()
    same(sorted(int(value) for member in members for value in member.values()), list(range(60)), "each record once")
    return moved


def no_common_assignor(bootstrap):
    topic, group = create(bootstrap, "disagreed", 2), name("group")
    first = Member(bootstrap, group, topic, partition_assignment_strategy=(RangePartitionAssignor,))
    settle([first], partitions_of(topic, 2))
    other = Member(bootstrap, group, topic, partition_assignment_strategy=(RoundRobinPartitionAssignor,))
    until(lambda: other.failure is not None, "a member without a common assignor is refused")
    same(type(other.failure), InconsistentGroupProtocolError, "how it is told")
    same(first.owned, partitions_of(topic, 2), "the member that was there keeps its partitions")
    # Both speak range: that is what the group then uses.
    third = Member(bootstrap, group, topic, partition_assignment_strategy=(RoundRobinPartitionAssignor, RangePartitionAssignor))
    settle([first, third], partitions_of(topic, 2))
    first.close()
    third.close()


def scenario(bootstrap, chosen):
    if chosen == "none-in-common":
        no_common_assignor(bootstrap)
        return {}
    return {"moved": one_assignor(bootstrap, chosen)}


run(scenario)
