"""gzip, snappy, lz4 and zstd: what a producer compressed, a consumer reads; one log holds all of them."""
from support import admin, create, everything, produce, run, same

CODECS = (None, "gzip", "snappy", "lz4", "zstd")


def scenario(bootstrap):
    topic = create(bootstrap, "mixed")
    expected = []
    for codec in CODECS:
        values = [f"{codec} {number} ".encode() + b"compressible " * 200 for number in range(50)]
        expected += values
        told = produce(bootstrap, topic, values, partition=0, compression_type=codec, linger_ms=50, batch_size=65536)
        same(told[-1].offset, len(expected) - 1, f"the last offset with {codec}")
    found = everything(bootstrap, topic, len(expected))
    same([record.value for record in found], expected, "what came back")
    same([record.offset for record in found], list(range(len(expected))), "offsets")

    # Compressed means compressed in the broker's log too.
    sizes = {}
    client = admin(bootstrap)
    for codec in CODECS:
        alone = create(bootstrap, f"alone-{codec}")
        produce(bootstrap, alone, [b"compressible " * 200] * 50, partition=0, compression_type=codec, linger_ms=50, batch_size=65536)
        sizes[str(codec)] = size(client, alone)
    client.close()
    for codec in CODECS[1:]:
        assert 0 < sizes[codec] < sizes["None"] / 5, f"the log with {codec} is not small: {sizes}"
    return sizes


def size(client, topic):
    for broker in client.describe_log_dirs([topic]):
        for directory in broker["log_dirs"]:
            for found in directory["topics"]:
                if found["name"] == topic:
                    return sum(partition["partition_size"] for partition in found["partitions"])
    raise AssertionError(f"{topic} is in no directory")


run(scenario)
