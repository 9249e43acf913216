"""Records before an offset are deleted: the log starts there, for everyone."""
from kafka import TopicPartition
from kafka.errors import OffsetOutOfRangeError
from support import admin, consumer, create, everything, produce, refused, run, same, take


def scenario(bootstrap):
    client = admin(bootstrap)
    topic = create(bootstrap, "trimmed", 2)
    partition, untouched = TopicPartition(topic, 0), TopicPartition(topic, 1)
    for number in (0, 1):
        produce(bootstrap, topic, [b"%d" % number for number in range(10)], partition=number)

    same(client.delete_records({partition: 7})[partition]["low_watermark"], 7, "the low watermark")
    with consumer(bootstrap, group_id=None) as reader:
        same(reader.beginning_offsets([partition, untouched]), {partition: 7, untouched: 0}, "the first offsets")
        same(reader.end_offsets([partition, untouched]), {partition: 10, untouched: 10}, "the next offsets")
        reader.assign([partition])
        same([record.offset for record in take(reader, 3)], [7, 8, 9], "what is left")
        reader.seek(partition, 3)
        same([record.offset for record in take(reader, 3)], [7, 8, 9], "an offset that is gone is reset to the earliest")
    same(client.delete_records({partition: 3})[partition]["low_watermark"], 7, "the log never starts earlier again")
    refused(OffsetOutOfRangeError, client.delete_records, {partition: 11})
    # -1 stands for the high watermark.
    same(client.delete_records({partition: -1})[partition]["low_watermark"], 10, "everything")
    same(produce(bootstrap, topic, [b"next"], partition=0)[0].offset, 10, "offsets go on")
    same(len(everything(bootstrap, topic, 11)), 11, "records")
    client.close()
    return {}


run(scenario)
