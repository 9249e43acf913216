"""Two consumers share two partitions; when one closes, the other takes over at once; a surplus member idles."""
from support import Member, create, name, partitions_of, producer, run, same, settle, until


def scenario(bootstrap):
    topic, group = create(bootstrap, "shared", 2), name("group")
    first, second = Member(bootstrap, group, topic), Member(bootstrap, group, topic)
    settle([first, second], partitions_of(topic, 2))
    until(lambda: len(first.owned) == len(second.owned) == 1, "one partition each")

    with producer(bootstrap) as sender:
        for number in range(100):
            sender.send(topic, b"%d" % number, partition=number % 2)
    until(lambda: len(first.records) + len(second.records) >= 100, "100 records between the two")
    for member in (first, second):
        same({(record.topic, record.partition) for record in member.records}, member.owned, "a member reads what it owns")

    third = Member(bootstrap, group, topic)
    until(lambda: len(third.events) > 0 and third.owned == set(), "a third member joins and idles")
    settle([first, second, third], partitions_of(topic, 2))

    # The session timeout is 30 s: whoever takes over within 5 s was told.
    idle = next(member for member in (first, second, third) if not member.owned)
    leaving = next(member for member in (first, second, third) if member.owned)
    staying = next(member for member in (first, second, third) if member.owned and member is not leaving)
    leaving.close()
    idle_took = settle([idle, staying], partitions_of(topic, 2), 5)
    idle.close()
    took = settle([staying], partitions_of(topic, 2), 5)

    with producer(bootstrap) as sender:
        for number in range(100, 120):
            sender.send(topic, b"%d" % number, partition=number % 2)
    until(lambda: {b"%d" % number for number in range(100, 120)} <= set(staying.values()), "the last member reads both partitions")
    staying.close()
    read = first.values() + second.values() + third.values()
    same(sorted(map(int, read)), list(range(120)), "each record is read once: closing commits")
    return {"idle_took_over_s": round(idle_took, 3), "took_over_s": round(took, 3)}


run(scenario)
