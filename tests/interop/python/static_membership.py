"""A static member (KIP-345) that restarts within its session keeps its partitions and disturbs nobody."""
import time

from kafka.errors import FencedInstanceIdError
from support import Member, admin, create, name, partitions_of, run, same, settle, until


def scenario(bootstrap):
    topic, group = create(bootstrap, "static", 4), name("group")
    timers = {"session_timeout_ms": 10000}
    one = Member(bootstrap, group, topic, group_instance_id="one", **timers)
    two = Member(bootstrap, group, topic, group_instance_id="two", **timers)
    settle([one, two], partitions_of(topic, 4))
    until(lambda: len(one.owned) == len(two.owned) == 2, "two partitions each")
    had, disturbed = set(one.owned), len(two.events)

    one.close()
    time.sleep(1.5)  # several heartbeats of the other: nobody tells it anything
    one = Member(bootstrap, group, topic, group_instance_id="one", **timers)
    back = until(lambda: one.owned == had, lambda: f"the restarted member owns {had}; it owns {one.owned}", 5)
    same(len(two.events), disturbed, "events of the member that stayed")

    client = admin(bootstrap)
    members = client.describe_groups([group])[group]["members"]
    same({member["group_instance_id"] for member in members}, {"one", "two"}, "instance ids")
    client.close()

    # A third program with the same instance id takes the seat; the one that sat there is fenced.
    thief = Member(bootstrap, group, topic, group_instance_id="one", **timers)
    until(lambda: one.failure is not None, "the former owner of the instance id is fenced", 15)
    same(type(one.failure), FencedInstanceIdError, "how it is told")
    until(lambda: thief.owned == had, "the new one owns its partitions")
    same(len(two.events), disturbed, "events of the member that stayed")

    # Gone for longer than the session, its partitions move.
    thief.close()
    gone = settle([two], partitions_of(topic, 4), 15)
    assert gone > 7, f"the partitions of a static member moved after {gone:.1f} s; the session timeout is 10 s"
    two.close()
    return {"back_s": round(back, 3), "moved_s": round(gone, 3)}


run(scenario)
