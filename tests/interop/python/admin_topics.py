"""Topics by the admin client: made, refused, described, grown, deleted, made again."""
import time
import uuid

from kafka.errors import (InvalidConfigurationError, InvalidPartitionsError, InvalidReplicationFactorError, InvalidTopicError, TopicAlreadyExistsError,
                          UnknownTopicOrPartitionError)
from support import admin, everything, name, produce, refused, run, same, until


def scenario(bootstrap):
    client = admin(bootstrap)
    topic = name("managed")
    one = {"num_partitions": 1, "replication_factor": 1}

    client.create_topics({topic: one}, validate_only=True)
    same(topic in client.list_topics(), False, "validate_only makes nothing")
    client.create_topics({topic: {"num_partitions": 3, "replication_factor": 1, "configs": {"retention.ms": "60000"}}}, wait_for_metadata=True)
    same(topic in client.list_topics(), True, "the topic is listed")
    found = client.describe_topics([topic])[0]
    same((found["error_code"], found["is_internal"], sorted(p["partition_index"] for p in found["partitions"])), (0, False, [0, 1, 2]), "the topic")
    for partition in found["partitions"]:
        leader = partition["leader_id"]
        same((partition["error_code"], partition["replica_nodes"], partition["isr_nodes"], partition["offline_replicas"]), (0, [leader], [leader], []),
             "a partition")
    identity = found["topic_id"]
    assert uuid.UUID(str(identity)).int != 0, "a topic has an id"
    same(client.describe_topics([uuid.UUID(str(identity))])[0]["name"], topic, "the topic by its id")
    brokers = [broker["broker_id"] for broker in client.describe_cluster()["brokers"]]
    same(leader in brokers, True, "its leader is a broker of the cluster")

    refused(TopicAlreadyExistsError, client.create_topics, {topic: one})
    for bad in ("", ".", "..", "a b", "ä", "x" * 250):
        refused(InvalidTopicError, client.create_topics, {bad: one})
    refused(InvalidPartitionsError, client.create_topics, {name("t"): {"num_partitions": 0, "replication_factor": 1}})
    refused(InvalidReplicationFactorError, client.create_topics, {name("t"): {"num_partitions": 1, "replication_factor": 5}})
    refused(InvalidConfigurationError, client.create_topics, {name("t"): {**one, "configs": {"retention.ms": "soon"}}})
    refused(InvalidConfigurationError, client.create_topics, {name("t"): {**one, "configs": {"no.such.key": "1"}}})
    collides = name("with.dot")
    client.create_topics({collides: one})
    refused(InvalidTopicError, client.create_topics, {collides.replace(".", "_"): one})

    # -1 stands for the broker's defaults.
    defaults = name("defaults")
    answer = client.create_topics([defaults])
    same((answer["topics"][0]["num_partitions"], answer["topics"][0]["replication_factor"]), (1, 1), "the defaults")

    produce(bootstrap, topic, [b"x"] * 10, partition=2)
    client.create_partitions({topic: 4})
    until(lambda: len(client.describe_topics([topic])[0]["partitions"]) == 4, "the fourth partition")
    for count in (4, 2, 0):
        refused(InvalidPartitionsError, client.create_partitions, {topic: count})
    refused(UnknownTopicOrPartitionError, client.create_partitions, {name("nobody"): 2})
    client.create_partitions({topic: 9}, validate_only=True)
    same(len(client.describe_topics([topic])[0]["partitions"]), 4, "validate_only adds nothing")
    same(len(everything(bootstrap, topic, 10)), 10, "what was there stays")

    # A closed client's last request for metadata may stand behind its last fetch, and would make the topic again.
    time.sleep(0.5)
    # By id, for one; by name, for the other.
    client.delete_topics([uuid.UUID(str(identity))])
    client.delete_topics([defaults])
    until(lambda: topic not in client.list_topics() and defaults not in client.list_topics(), "the topics are gone")
    refused(UnknownTopicOrPartitionError, client.delete_topics, [topic])
    same(client.describe_topics([topic])[0]["error_code"], 3, "UNKNOWN_TOPIC_OR_PARTITION")

    client.create_topics({topic: one}, wait_for_metadata=True)
    again = client.describe_topics([topic])[0]
    assert again["topic_id"] != identity, "a topic made again has another id"
    same(produce(bootstrap, topic, [b"new"], partition=0)[0].offset, 0, "and an empty log")
    client.close()
    return {}


run(scenario)
