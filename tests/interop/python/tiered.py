"""A topic whose old segments lie in an object store: records of every codec, transactions that were aborted between them, all read back.

`write` makes it and prints its name and a time; `read NAME TIME` reads it from its beginning, with both isolation levels, and from places in the middle.
"""
import random
import sys
import time

from kafka import TopicPartition
from support import consumer, create, flat, produce, producer, run, same, take, until

CODECS = (None, "gzip", "snappy", "lz4", "zstd")
ROUNDS = 50
BATCH = 60


def rounds(base):
    """What is written, made again from a seed: (codec, outcome, records) of each round. The records are younger than all markers."""
    dice = random.Random(405)
    for number in range(ROUNDS):
        outcome = ("plain", "committed", "aborted")[number % 3]
        records = []
        for record in range(BATCH):
            headers = [(f"h{record % 3}", dice.randbytes(9))] if record % 4 == 0 else []
            key = None if record % 5 == 0 else dice.randbytes(12)
            records.append((key, dice.randbytes(dice.randrange(500, 3000)), headers, base + number * 1000 + record))
        yield CODECS[number % len(CODECS)], outcome, records


def write(bootstrap):
    topic = create(bootstrap, "tiered", remote_storage_enable="true", local_retention_bytes="1048576", segment_bytes="1048576")
    base = int(time.time() * 1000) + 600_000
    for number, (codec, outcome, records) in enumerate(rounds(base)):
        config = {"compression_type": codec, "batch_size": 65536, "linger_ms": 20}
        if outcome != "plain":
            config["transactional_id"] = f"{topic}-{number % 4}"
        with producer(bootstrap, **config) as sender:
            if outcome != "plain":
                sender.init_transactions()
                sender.begin_transaction()
            futures = [sender.send(topic, partition=0, key=key, value=value, headers=headers, timestamp_ms=stamp)
                       for key, value, headers, stamp in records]
            sender.flush()
            for future in futures:
                future.get(timeout=30)
            if outcome == "committed":
                sender.commit_transaction()
            elif outcome == "aborted":
                sender.abort_transaction()
    return {"topic": topic, "base": str(base)}


def read(bootstrap, topic, base):
    seen = {}
    for isolation in ("read_uncommitted", "read_committed"):
        wanted = [record for _, outcome, records in rounds(int(base)) if outcome != "aborted" or isolation == "read_uncommitted"
                  for record in records]
        with consumer(bootstrap, group_id=None, enable_auto_commit=False, isolation_level=isolation) as reader:
            partition = TopicPartition(topic, 0)
            reader.assign([partition])
            reader.seek_to_beginning()
            found = take(reader, len(wanted), seconds=60)
            told = [(record.key, record.value, list(record.headers), record.timestamp) for record in found]
            same(told == wanted, True, f"{isolation}: what came back is what was written")
            offsets = [record.offset for record in found]
            same(offsets == sorted(set(offsets)), True, "offsets rise")
            # From the middle, by offset and by time.
            for place in range(7, len(found), 433):
                record = found[place]
                reader.seek(partition, record.offset)
                first = []
                until(lambda: first.extend(flat(reader.poll(timeout_ms=500, max_records=1))) or first, f"offset {record.offset}")
                same(first[0].value == record.value, True, f"what lies at offset {record.offset}")
                at = reader.offsets_for_times({partition: record.timestamp})[partition]
                same((at.offset, at.timestamp), (record.offset, record.timestamp), f"the offset of {record.timestamp}")
            seen[isolation] = len(found)
    # It goes on.
    produce(bootstrap, topic, [b"one more"], partition=0)
    return seen


run({"write": write, "read": read}[sys.argv.pop(2)])
