"""assign without a group; seek and position; offsets for times; pause; offsets in the application's own store."""
import os
import sqlite3
import tempfile

from kafka import TopicPartition
from support import admin, consumer, create, everything, name, producer, run, same, take


def scenario(bootstrap):
    topic = create(bootstrap, "sought", 2)
    first, second = TopicPartition(topic, 0), TopicPartition(topic, 1)
    with producer(bootstrap) as sender:
        for number in range(30):
            for partition in (0, 1):
                sender.send(topic, b"%d" % number, partition=partition, timestamp_ms=1_000_000 + number * 1000)

    # Two standalone consumers read the same partition: nobody coordinates them.
    with consumer(bootstrap, group_id=None) as one, consumer(bootstrap, group_id=None) as two:
        one.assign([first])
        two.assign([first])
        same([record.offset for record in take(one, 30)], [record.offset for record in take(two, 30)], "both read all")

        one.seek(first, 25)
        same(one.position(first), 25, "the position after a seek")
        same([record.offset for record in take(one, 5)], list(range(25, 30)), "records from there")
        same(one.position(first), 30, "the position after reading")
        one.seek_to_beginning(first)
        same(one.position(first), 0, "the beginning")
        one.seek_to_end(first)
        same(one.position(first), 30, "the end")
        same(one.poll(timeout_ms=200), {}, "nothing behind the end")

        one.assign([first, second])
        one.seek_to_beginning()
        one.pause(second)
        same({record.partition for record in take(one, 30)}, {0}, "a paused partition is silent")
        one.resume(second)
        same({record.partition for record in take(one, 30)}, {1}, "and speaks again")

        times = one.offsets_for_times({first: 1_010_000, second: 1_010_001})
        same((times[first].offset, times[first].timestamp), (10, 1_010_000), "the first record at a time")
        same((times[second].offset, times[second].timestamp), (11, 1_011_000), "the first record after a time")
        same(one.offsets_for_times({first: 2_000_000})[first], None, "no record that late")

    # A store of the application's own: offset and effect in one transaction, so a crash between the two cannot be.
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "store.db")
        group = name("store")
        done = 0
        while done < 60:
            store = sqlite3.connect(path)
            store.execute("create table if not exists offsets (partition integer primary key, next integer)")
            store.execute("create table if not exists effects (partition integer, value blob)")
            with consumer(bootstrap, group_id=group, enable_auto_commit=False, max_poll_records=7) as reader:
                reader.assign([first, second])
                for partition in (first, second):
                    row = store.execute("select next from offsets where partition = ?", (partition.partition,)).fetchone()
                    reader.seek(partition, row[0] if row else 0)
                # One batch, and then the application dies.
                for partition, records in reader.poll(timeout_ms=2000).items():
                    with store:
                        for record in records:
                            store.execute("insert into effects values (?, ?)", (record.partition, record.value))
                        store.execute("insert or replace into offsets values (?, ?)", (partition.partition, records[-1].offset + 1))
            done = store.execute("select count(*) from effects").fetchone()[0]
            store.close()
        store = sqlite3.connect(path)
        for partition in (0, 1):
            values = [row[0] for row in store.execute("select value from effects where partition = ? order by rowid", (partition,))]
            same(values, [b"%d" % number for number in range(30)], "each record once, in order")
        store.close()
    client = admin(bootstrap)
    same(client.list_group_offsets({group: None})[group], {}, "Kafka's own store stays empty")
    client.close()
    same(len(everything(bootstrap, topic, 60)), 60, "records")
    return {}


run(scenario)
