"""SIGKILL ends one of two consumers: the other takes over when the session has timed out, and not before."""
from support import Child, create, name, partitions_of, produce, run, settle, until

SESSION = 3.0


def scenario(bootstrap):
    topic, group = create(bootstrap, "killed", 2), name("group")
    timers = {"session_timeout_ms": int(SESSION * 1000), "heartbeat_interval_ms": 300}
    victim, survivor = Child(bootstrap, group, topic, **timers), Child(bootstrap, group, topic, **timers)
    settle([victim, survivor], partitions_of(topic, 2), 30)
    until(lambda: len(victim.owned) == len(survivor.owned) == 1, "one partition each")
    produce(bootstrap, topic, [b"x"] * 10)
    victim.kill()
    took = settle([survivor], partitions_of(topic, 2), SESSION + 5)
    survivor.kill()
    # The last heartbeat came at most an interval before the death, and the survivor learns of it with its next heartbeat.
    assert SESSION - 0.5 <= took <= SESSION + 2, f"the take-over took {took:.3f} s; the session timeout is {SESSION} s"
    return {"took_over_s": round(took, 3)}


run(scenario)
