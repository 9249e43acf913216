"""The Python half of what ../../README.md tells."""
import sys
import threading
import time

BOOTSTRAP = sys.argv[1]


def run(capabilities):
    """Shows the capabilities that the command line names, or all of them: each a function, or why the client does not offer it."""
    for name, show in capabilities.items():
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        if isinstance(show, str):
            print(f"{name} not offered: {show}", flush=True)
        else:
            show()
            print(f"{name} ok", flush=True)


def restart():
    """Has the broker killed and started again."""
    print("restart please", flush=True)
    same(sys.stdin.readline(), "restarted\n", "the driver's answer")


def same(found, expected, what):
    assert found == expected, f"{what}: expected {expected!r}, found {found!r}"


def until(condition, what):
    """Waits for a condition."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < 120, f"not within two minutes: {what()}"
        time.sleep(0.02)


def values_of(prefix, count):
    """Values that compress well."""
    return [f"{prefix} {number}{' flour' * 50}".encode() for number in range(count)]


class Member:
    """A member of a group that polls in a thread of its own.

    `consumer` has `poll()`, which answers values, `owns()`, which answers partitions, and `close()`.
    """

    def __init__(self, make_consumer, seen):
        self.owned, self.failure, self.stopping = [], None, threading.Event()
        self.thread = threading.Thread(target=self._poll, args=(make_consumer, seen), daemon=True)
        self.thread.start()

    def _poll(self, make_consumer, seen):
        try:
            consumer = make_consumer()
            while not self.stopping.is_set():
                seen.update(consumer.poll())
                self.owned = consumer.owns()
            consumer.close()
        except Exception as failure:  # told to whoever asks next
            self.failure = failure

    def owns(self):
        if self.failure:
            raise self.failure
        return self.owned

    def leave(self):
        self.stopping.set()
        self.thread.join()
        if self.failure:
            raise self.failure


def rebalance(join, produce):
    """Has a second member join a group, the first leave, and nothing be lost.

    `join(seen)` answers a member, which adds to `seen` what it reads; `produce(partition, values)` writes.
    """
    seen, sent = set(), set()

    def send(when):
        for partition in range(4):
            values = values_of(f"{when} {partition}", 10)
            produce(partition, values)
            sent.update(values)
        until(lambda: sent <= seen, lambda: f"{len(sent)} values, there are {len(seen)}")

    def shared(*members):
        def is_shared():
            owned = [member.owns() for member in members]
            return all(owned) and sorted(sum(owned, [])) == [0, 1, 2, 3]
        until(is_shared, lambda: f"four partitions among the members: {[member.owns() for member in members]}")

    first = join(seen)
    shared(first)
    send("alone")
    second = join(seen)
    shared(first, second)
    send("shared")
    first.leave()
    shared(second)
    send("taken over")
    second.leave()


def live_through_restart(send, seen):
    """Sends and reads while the broker is restarted: what was acknowledged is read in the end.

    `send(partition, value)` answers whether the value was acknowledged.
    """
    acknowledged, stop = [], threading.Event()

    def sends():
        number = 0
        while not stop.is_set():
            value = f"value {number}".encode()
            if send(number % 2, value):
                acknowledged.append(value)
            number += 1
            stop.wait(0.001)

    thread = threading.Thread(target=sends, daemon=True)
    thread.start()
    until(lambda: len(acknowledged) >= 200 and seen, lambda: f"{len(acknowledged)} sent and {len(seen)} read")
    restart()
    before = len(acknowledged)
    until(lambda: len(acknowledged) >= before + 200, lambda: f"{len(acknowledged) - before} sent after the restart")
    stop.set()
    thread.join()
    until(lambda: seen.issuperset(acknowledged), lambda: f"{len(acknowledged)} acknowledged, {len(seen)} read")
