"""The four experiments, as somebody tries them who meets Kafka for the first time: one after the other, on one topic with two partitions."""
from support import Child, Member, consumer, create, flat, name, partitions_of, producer, run, same, settle, until


def scenario(bootstrap):
    # 1. Produce, and consume what was produced.
    topic, group = create(bootstrap, "experiments", 2), name("group")
    with producer(bootstrap, key_serializer=str.encode, value_serializer=str.encode) as sender:
        for number in range(40):
            sender.send(topic, key=f"key {number % 4}", value=f"value {number}", timestamp_ms=1_000_000 + number)
        sender.flush()
    with consumer(bootstrap, topic, group_id=name("first"), consumer_timeout_ms=2000, value_deserializer=bytes.decode) as reader:
        found = [(record.timestamp - 1_000_000, record.value) for record in reader]
    same(sorted(found), [(number, f"value {number}") for number in range(40)], "what was produced is consumed")

    # 2. Two consumers share two partitions; one goes, the other takes over.
    one, two = Member(bootstrap, group, topic), Child(bootstrap, group, topic, session_timeout_ms=2000)
    settle([one, two], partitions_of(topic, 2), 30)
    until(lambda: len(one.owned) == len(two.owned) == 1, "one each")
    two.kill()
    took = settle([one], partitions_of(topic, 2), 10)
    until(lambda: len({record.value for record in one.records}) > 0, "records")
    one.call(lambda reader: reader.commit())
    one.close()

    # 3. A restart resumes from the commit.
    with consumer(bootstrap, topic, group_id=group, enable_auto_commit=False) as reader:
        until(lambda: reader.poll(timeout_ms=1000) is not None and len(reader.assignment()) == 2, "an assignment")
        ends = reader.end_offsets(list(reader.assignment()))
        until(lambda: flat(reader.poll(timeout_ms=1000)) == [] and {p: reader.position(p) for p in ends} == ends, "the end of both partitions")
        with producer(bootstrap) as sender:
            sender.send(topic, b"after the restart", partition=0)
        fresh = []
        until(lambda: fresh.extend(flat(reader.poll(timeout_ms=1000))) or fresh, "the new record")
        same([record.value for record in fresh], [b"after the restart"], "only what is new")

    # 4. Another group starts at 0.
    with consumer(bootstrap, topic, group_id=name("fourth")) as reader:
        first = {}
        until(lambda: [first.setdefault(r.partition, r.offset) for r in flat(reader.poll(timeout_ms=1000))] is not None and len(first) == 2, "both partitions")
        same(first, {0: 0, 1: 0}, "another group starts at 0")
    return {"took_over_s": round(took, 3)}


run(scenario)
