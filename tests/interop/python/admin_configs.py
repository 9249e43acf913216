"""Settings of topics and of the broker: described with their source, changed, taken back, refused."""
from kafka.admin import AlterConfigOp, ConfigResource
from kafka.errors import MessageSizeTooLargeError
from support import admin, create, produce, refused, run, same, until


def scenario(bootstrap):
    client = admin(bootstrap)
    topic = create(bootstrap, "configured", retention_ms="120000")

    def described(which="all"):
        return client.describe_configs([ConfigResource("topic", topic)], include_synonyms=True, config_filter=which)["topic"][topic]

    def alter(configs, **keywords):
        return client.alter_configs([ConfigResource("topic", topic, configs)], raise_on_unknown=False, **keywords)["topic"][topic]

    found = described()
    retention = found["retention.ms"]
    same((retention["value"], retention["config_source"], retention["config_type"], retention["read_only"], retention["is_sensitive"]),
         ("120000", "DYNAMIC_TOPIC_CONFIG", "LONG", False, False), "retention.ms")
    same([(s["name"], s["value"], s["source"]) for s in retention["synonyms"]][:1], [("retention.ms", "120000", "DYNAMIC_TOPIC_CONFIG")], "its synonyms")
    same((found["segment.ms"]["value"], found["segment.ms"]["config_source"]), ("604800000", "DEFAULT_CONFIG"), "segment.ms")
    same([(s["name"], s["value"], s["source"]) for s in found["segment.ms"]["synonyms"]], [("log.roll.hours", "168", "DEFAULT_CONFIG")], "its synonyms")
    same(retention["synonyms"][-1]["name"], "log.retention.hours", "the last synonym of retention.ms")
    same((found["segment.bytes"]["value"], found["segment.bytes"]["config_source"]), ("1073741824", "DEFAULT_CONFIG"), "segment.bytes")
    same((found["cleanup.policy"]["value"], found["cleanup.policy"]["config_type"]), ("delete", "LIST"), "cleanup.policy")
    same(set(described("modified")), {"retention.ms"}, "what differs from the defaults")

    same(alter({"max.message.bytes": "1000", "cleanup.policy": (AlterConfigOp.APPEND, "compact")}), "OK", "two settings at once")
    until(lambda: described()["max.message.bytes"]["value"] == "1000", "the new value")
    same(set(described()["cleanup.policy"]["value"].split(",")), {"delete", "compact"}, "a list that was appended to")
    same(alter({"cleanup.policy": (AlterConfigOp.SUBTRACT, "compact")}), "OK", "taken off the list")
    until(lambda: described()["cleanup.policy"]["value"] == "delete", "the list as it was")
    refused(MessageSizeTooLargeError, produce, bootstrap, topic, [bytes(2000)])

    same(alter({"max.message.bytes": (AlterConfigOp.DELETE, None)}), "OK", "a setting taken back")
    until(lambda: described()["max.message.bytes"]["config_source"] == "DEFAULT_CONFIG", "the default again")
    produce(bootstrap, topic, [bytes(2000)])

    for bad in ({"retention.ms": "soon"}, {"cleanup.policy": "burn"}, {"no.such.key": "1"}, {"segment.bytes": "1"}):
        answer = alter(bad)
        assert "InvalidConfigurationError" in answer or "InvalidRequestError" in answer, f"{bad} was answered {answer}"
    same(described()["retention.ms"]["value"], "120000", "what was refused changed nothing")
    same(alter({"retention.ms": "5"}, validate_only=True), "OK", "validate_only")
    same(described()["retention.ms"]["value"], "120000", "validate_only changed nothing")
    assert "UnknownTopicOrPartition" in client.alter_configs([ConfigResource("topic", "nobody-has-this", {"retention.ms": "5"})],
                                                             raise_on_unknown=False)["topic"]["nobody-has-this"], "an unknown topic is named"

    # AlterConfigs, the older request, replaces the whole set.
    same(alter({"retention.ms": "90000"}, incremental=False), "OK", "the older request")
    until(lambda: described()["retention.ms"]["value"] == "90000", "its value")

    broker = str(client.describe_cluster()["brokers"][0]["broker_id"])
    settings = client.describe_configs([ConfigResource("broker", broker)], config_filter="all")["broker"][broker]
    same((settings["message.max.bytes"]["value"], settings["message.max.bytes"]["config_source"]), ("1048588", "DEFAULT_CONFIG"), "message.max.bytes")
    same(settings["group.initial.rebalance.delay.ms"]["config_source"], "STATIC_BROKER_CONFIG", "a setting of the command line")
    client.close()
    return {"topic_keys": len(found), "broker_keys": len(settings)}


run(scenario)
