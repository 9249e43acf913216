"""aiokafka in the client matrix. Its loop runs in a thread of its own, so that what the contract asks for can wait."""
import asyncio
import threading

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from contract import BOOTSTRAP, live_through_restart, rebalance, run, same, until, values_of

LOOP = asyncio.new_event_loop()
threading.Thread(target=LOOP.run_forever, daemon=True).start()


def wait(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, LOOP).result()


def waits(coroutine_function):
    return lambda *arguments, **keywords: wait(coroutine_function(*arguments, **keywords))


def producer(**config):
    return AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, **{"acks": "all", **config})


def consumer(*topics, **config):
    basis = {"bootstrap_servers": BOOTSTRAP, "auto_offset_reset": "earliest", "fetch_max_wait_ms": 100}
    return AIOKafkaConsumer(*topics, **{**basis, **config})


async def start(make, *arguments, **config):
    client = make(*arguments, **config)
    await client.start()
    return client


async def send(sender, topic, values, partition=0):
    await asyncio.gather(*[await sender.send(topic, value, key=b"key", partition=partition) for value in values])


async def produce(topic, values, partition=0, **config):
    async with producer(**config) as sender:
        await send(sender, topic, values, partition)


async def take(reader, count):
    """Reads so many values."""
    return [(await reader.getone()).value for _ in range(count)]


async def read(topic, count, **config):
    async with consumer(**config) as reader:
        reader.assign([TopicPartition(topic, 0)])
        return await take(reader, count)


def codec(name):
    @waits
    async def show():
        values = values_of(name, 20)
        await produce(f"codec-{name}", values, compression_type=None if name == "none" else name, linger_ms=50)
        same(await read(f"codec-{name}", 20), values, "values")
    return show


@waits
async def idempotent():
    values = values_of("idempotent", 100)
    await produce("idempotent", values, enable_idempotence=True, max_batch_size=4000)
    same(await read("idempotent", 100), values, "values")


@waits
async def transactions():
    async with producer(transactional_id="aiokafka") as sender:
        async def transact(word, end):
            values = values_of(word, 10)
            await sender.begin_transaction()
            await send(sender, "transactions", values)
            await end()
            return values

        first = await transact("first", sender.commit_transaction)
        aborted = await transact("aborted", sender.abort_transaction)
        second = await transact("second", sender.commit_transaction)
    same(await read("transactions", 20, isolation_level="read_committed"), first + second, "committed values")
    same(await read("transactions", 30), first + aborted + second, "all values")


@waits
async def exactly_once():
    values = values_of("transfer", 10)
    await produce("transfer-in", values)
    async with producer(transactional_id="aiokafka-transfer") as sender, \
            consumer("transfer-in", group_id="transfer", enable_auto_commit=False) as first:
        found = await take(first, 10)

        async def transact(values, offset, end):
            await sender.begin_transaction()
            await send(sender, "transfer-out", values)
            if offset:
                await sender.send_offsets_to_transaction({TopicPartition("transfer-in", 0): offset}, "transfer")
            await end()

        await transact(found[:5], 5, sender.commit_transaction)
        await transact(found[5:], 10, sender.abort_transaction)
        await transact([b"end"], None, sender.commit_transaction)
    same(await read("transfer-out", 6, isolation_level="read_committed"), values[:5] + [b"end"], "committed values")
    async with consumer("transfer-in", group_id="transfer", enable_auto_commit=False) as successor:
        same(await take(successor, 5), values[5:], "the successor's")


class Member:
    """A member of a group."""

    def __init__(self, topic, seen):
        self.consumer = wait(start(consumer, topic, group_id=topic, heartbeat_interval_ms=300))
        self.reading = asyncio.run_coroutine_threadsafe(self._read(seen), LOOP)

    async def _read(self, seen):
        async for record in self.consumer:
            seen.add(record.value)

    def owns(self):
        return [partition.partition for partition in self.consumer.assignment()]

    def leave(self):
        self.reading.cancel()
        wait(self.consumer.stop())


def group():
    rebalance(lambda seen: Member("group", seen), lambda partition, values: wait(produce("group", values, partition)))


@waits
async def resume():
    values = values_of("resume", 20)
    await produce("resume", values)
    async with consumer("resume", group_id="resume", enable_auto_commit=False) as first:
        same(await take(first, 10), values[:10], "the first reader's")
        await first.commit({TopicPartition("resume", 0): 10})
    async with consumer("resume", group_id="resume", enable_auto_commit=False) as second:
        same(await take(second, 10), values[10:], "the second reader's")


@waits
async def seek():
    values = values_of("seek", 20)
    await produce("seek", values)
    partition = TopicPartition("seek", 0)
    async with consumer() as reader:
        reader.assign([partition])
        same(await take(reader, 20), values, "from the start")
        reader.seek(partition, 15)
        same(await take(reader, 5), values[15:], "from offset 15")
        await reader.seek_to_beginning(partition)
        same(await take(reader, 20), values, "from the start again")


def admin():
    client = wait(start(AIOKafkaAdminClient, bootstrap_servers=BOOTSTRAP))
    wait(client.create_topics([NewTopic("admin", 3, 1)]))
    until(lambda: "admin" in wait(client.list_topics()), lambda: "the topic is listed")
    same(len(wait(client.describe_topics(["admin"]))[0]["partitions"]), 3, "partitions")
    groups = [group for group, *_ in wait(client.list_consumer_groups())]
    assert "group" in groups, groups
    wait(client.delete_topics(["admin"]))
    until(lambda: "admin" not in wait(client.list_topics()), lambda: "the topic is listed no more")
    wait(client.close())


def restart():
    seen = set()
    member = Member("restart", seen)
    sender = wait(start(producer))

    def acknowledged(partition, value):
        try:
            return wait(sender.send_and_wait("restart", value, partition=partition))
        except KafkaError:
            return None

    live_through_restart(acknowledged, seen)
    member.leave()
    wait(sender.stop())


run({
    "none": codec("none"),
    "gzip": codec("gzip"),
    "snappy": codec("snappy"),
    "lz4": codec("lz4"),
    "zstd": codec("zstd"),
    "idempotent": idempotent,
    "transactions": transactions,
    "exactly-once": exactly_once,
    "group": group,
    "group-848": "it has the classic protocol only",
    "share": "it has no share consumer",
    "resume": resume,
    "seek": seek,
    "admin": admin,
    "restart": restart,
})
