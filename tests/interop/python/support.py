"""What the scenarios share. A scenario is a program: SCENARIO.py BOOTSTRAP [ARGUMENT…] prints one JSON line, and fails by an exception."""

import atexit
import json
import logging
import subprocess
import sys
import threading
import time
import uuid

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(relativeCreated)d %(name)s %(levelname)s %(message)s")


def run(scenario):
    """Runs a scenario with the command line's arguments."""
    found = scenario(*sys.argv[1:])
    print(json.dumps(found if found is not None else {}, default=str), flush=True)


def name(word):
    """A name that no other run uses."""
    return f"{word}-{uuid.uuid4().hex[:8]}"


def same(found, expected, what):
    assert found == expected, f"{what}: expected {expected!r}, found {found!r}"


def refused(error, call, *arguments, **keywords):
    """Calls, and wants it refused with `error`."""
    try:
        answer = call(*arguments, **keywords)
    except error as refusal:
        return refusal
    raise AssertionError(f"wanted {error.__name__}, got the answer {answer!r}")


def until(condition, what, seconds=20):
    """Waits for a condition; answers how long it took, in seconds."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, f"not within {seconds} s: {what() if callable(what) else what}"
        time.sleep(0.02)
    return time.monotonic() - start


def admin(bootstrap):
    return KafkaAdminClient(bootstrap_servers=bootstrap)


def create(bootstrap, word, partitions=1, **configs):
    """Makes a topic and answers its name."""
    topic = name(word)
    client = admin(bootstrap)
    client.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1,
                                  "configs": {key.replace("_", "."): value for key, value in configs.items()}}},
                         wait_for_metadata=True)
    client.close()
    return topic


def producer(bootstrap, **config):
    return KafkaProducer(bootstrap_servers=bootstrap, **config)


def consumer(bootstrap, *topics, **config):
    return KafkaConsumer(*topics, bootstrap_servers=bootstrap, **{"auto_offset_reset": "earliest", "fetch_max_wait_ms": 100, **config})


def produce(bootstrap, topic, values, partition=None, **config):
    """Sends the values and answers the metadata of each record, once all are acknowledged."""
    with producer(bootstrap, **config) as sender:
        futures = [sender.send(topic, value=value, partition=partition) for value in values]
        sender.flush()
        return [future.get(timeout=30) for future in futures]


def take(reader, count, seconds=20):
    """Polls until `count` records have come, and a little longer for one too many."""
    records = []
    until(lambda: records.extend(flat(reader.poll(timeout_ms=1000))) or len(records) >= count,
          lambda: f"{count} records, only {len(records)} came", seconds)
    records.extend(flat(reader.poll(timeout_ms=100)))
    same(len(records), count, "records read")
    return records


def flat(polled):
    return [record for records in polled.values() for record in records]


def everything(bootstrap, topic, count, **config):
    """Reads a whole topic, without a group."""
    with consumer(bootstrap, group_id=None, enable_auto_commit=False, **config) as reader:
        partitions = sorted(reader.partitions_for_topic(topic))
        reader.assign([TopicPartition(topic, partition) for partition in partitions])
        reader.seek_to_beginning()
        return take(reader, count)


class Member(ConsumerRebalanceListener):
    """A member of a group that polls in a thread of its own, and remembers what happened to it."""

    def __init__(self, bootstrap, group, *topics, pattern=None, **config):
        self.events = []        # ("assigned" | "revoked" | "lost", set of (topic, partition)), in order
        self.records = []
        self.failure = None
        self.stopping = threading.Event()
        self.wanted = {"topics": list(topics)} if topics else {"pattern": pattern}
        self.config = {"auto_offset_reset": "earliest", "heartbeat_interval_ms": 300, "session_timeout_ms": 30000,
                       "metadata_max_age_ms": 1000, "group_id": group, "bootstrap_servers": bootstrap, **config}
        self.calls = []
        self.consumer = None
        self.thread = threading.Thread(target=self._poll, daemon=True)
        self.thread.start()

    def on_partitions_assigned(self, assigned):
        self.events.append(("assigned", {tuple(partition) for partition in assigned}))

    def on_partitions_revoked(self, revoked):
        self.events.append(("revoked", {tuple(partition) for partition in revoked}))

    def on_partitions_lost(self, lost):
        self.events.append(("lost", {tuple(partition) for partition in lost}))

    def _poll(self):
        try:
            self.consumer = KafkaConsumer(**self.config)
            self.consumer.subscribe(**self.wanted, listener=self)
            while not self.stopping.is_set():
                # Long enough for a join: kafka-python 3.0.12 may lose its seat when a poll ends between the two halves of one.
                self.records.extend(flat(self.consumer.poll(timeout_ms=1000)))
                while self.calls:
                    self.calls.pop(0)(self.consumer)
            self.consumer.close()
        except Exception as failure:  # told to whoever asks next
            self.failure = failure
        finally:
            self.consumer = None

    @property
    def owned(self):
        """What it may read now: (topic, partition)."""
        consumer = self.consumer
        return {tuple(partition) for partition in consumer.assignment()} if consumer else set()

    def call(self, what):
        """Runs `what(consumer)` in the member's own thread, between two polls."""
        done = threading.Event()
        self.calls.append(lambda consumer: (what(consumer), done.set()))
        until(lambda: done.is_set() or self.failure, "a call in the member's thread")
        if self.failure:
            raise self.failure

    def close(self):
        """Leaves the group (a static member only goes away)."""
        self.stopping.set()
        self.thread.join(20)
        assert not self.thread.is_alive(), "a member does not stop"
        if self.failure:
            raise self.failure

    def values(self):
        return [record.value for record in list(self.records)]


def partitions_of(topic, count):
    return {(topic, partition) for partition in range(count)}


def settled(members, wanted):
    """Whether the members own `wanted` between them, each partition once."""
    for member in members:
        if member.failure:
            raise member.failure
    owned = [partition for member in members for partition in member.owned]
    return len(owned) == len(set(owned)) and set(owned) == wanted


def calm(members, seconds=1):
    """Waits until nothing has happened to any member for a while."""
    def count():
        return [len(member.events) for member in members]
    while True:
        before = count()
        time.sleep(seconds)
        if count() == before:
            return


def settle(members, wanted, seconds=20):
    return until(lambda: settled(members, wanted), lambda: f"{wanted} shared out; it stands at {[member.owned for member in members]}", seconds)


class Child:
    """A member of a group in a process of its own, that can be killed."""

    def __init__(self, bootstrap, group, topic, **config):
        self.process = subprocess.Popen([sys.executable, __file__, "member", bootstrap, group, topic, json.dumps(config)],
                                        stdout=subprocess.PIPE, text=True)
        self.owned = set()
        self.failure = None
        atexit.register(self.kill)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.owned = {tuple(partition) for partition in json.loads(line)}

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.owned = set()


def _member(bootstrap, group, topic, config):
    member = Member(bootstrap, group, topic, **json.loads(config))
    told = None
    while not member.failure:
        if member.owned != told:
            told = set(member.owned)
            print(json.dumps(sorted(told)), flush=True)
        time.sleep(0.02)
    raise member.failure


if __name__ == "__main__" and sys.argv[1:2] == ["member"]:
    _member(*sys.argv[2:])
