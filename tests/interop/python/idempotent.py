"""An idempotent producer with many requests in flight: every record once, in order; acks=all; the broker knows the producer."""
from kafka import TopicPartition
from kafka.errors import KafkaError
from support import admin, create, everything, producer, refused, run, same

COUNT = 3000


def scenario(bootstrap):
    topic = create(bootstrap, "once", 3)
    with producer(bootstrap, enable_idempotence=True, acks="all", batch_size=512, max_in_flight_requests_per_connection=5) as sender:
        futures = [sender.send(topic, b"%d" % number, partition=number % 3) for number in range(COUNT)]
        sender.flush()
        told = [(future.get(timeout=30).partition, future.get(timeout=30).offset) for future in futures]
    for partition in range(3):
        same([offset for where, offset in told if where == partition], list(range(COUNT // 3)), "offsets in the order of sending")
    for record in everything(bootstrap, topic, COUNT):
        same(record.value, b"%d" % (record.offset * 3 + record.partition), "a record in its place")

    with producer(bootstrap, enable_idempotence=True) as sender:
        sender.send(topic, b"another session", partition=0).get(timeout=30)
    client = admin(bootstrap)
    states = client.describe_producers([TopicPartition(topic, 0), TopicPartition(topic, 1)])
    ids = {partition.partition: [state.producer_id for state in states[partition].active_producers] for partition in states}
    client.close()
    same((len(set(ids[0])), len(set(ids[1]))), (2, 1), f"producers that wrote to each partition: {ids}")

    # Without waiting for all, an idempotent producer is a contradiction; the client itself says so.
    refused((KafkaError, ValueError, AssertionError), producer, bootstrap, enable_idempotence=True, acks=1)
    return {"producers": ids}


run(scenario)
