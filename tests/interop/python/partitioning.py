"""The same key goes to the same partition, the one Kafka's murmur2 names; without a key records spread."""
from support import create, everything, producer, run, same

# From the tests of Apache Kafka's own Utils.murmur2.
MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
PARTITIONS = 5


def scenario(bootstrap):
    topic = create(bootstrap, "keyed", PARTITIONS)
    with producer(bootstrap) as sender:
        futures = [(key, sender.send(topic, key=key, value=b"%d" % turn)) for turn in range(20) for key in MURMUR2]
        sender.flush()
        acknowledged = {(key, future.get(timeout=30).partition) for key, future in futures}
    expected = {(key, (number & 0x7FFFFFFF) % PARTITIONS) for key, number in MURMUR2.items()}
    same(acknowledged, expected, "the partition of each key")

    found = everything(bootstrap, topic, 20 * len(MURMUR2))
    same({(record.key, record.partition) for record in found}, expected, "where each key is read")
    for key in MURMUR2:
        same([record.value for record in found if record.key == key], [b"%d" % turn for turn in range(20)], f"the order of {key!r}")

    spread = create(bootstrap, "spread", PARTITIONS)
    with producer(bootstrap) as sender:
        futures = [sender.send(spread, b"x") for _ in range(300)]
        sender.flush()
        counts = [0] * PARTITIONS
        for future in futures:
            counts[future.get(timeout=30).partition] += 1
    assert min(counts) > 20, f"300 records without a key are spread unevenly: {counts}"
    return {"spread": counts}


run(scenario)
