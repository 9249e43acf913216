//! CreateTopics: key 19.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Creates topics.
    ///
    /// Source: key 19; KIP-4, KIP-464 (v4), KIP-525 (v5), KIP-599 (v6), KIP-516 (v7).
    CreateTopicsRequest<'a>, key 19, versions 2-7, flexible 5+;
    /// The topics.
    topics: Array<'a, CreatableTopic<'a>>, 0+;
    /// How long the broker may take. Unit: ms.
    timeout_ms: i32, 0+, else 60000;
    /// Whether to check everything and change nothing.
    validate_only: bool, 1+;
}

message! {
    /// A topic to create.
    CreatableTopic<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// How many partitions to create; -1 for the broker's default or when they are assigned by hand.
    num_partitions: i32, 0+;
    /// How many replicas each partition shall have; -1 for the broker's default or when they are assigned by hand.
    replication_factor: i16, 0+;
    /// The brokers of every partition; empty when the broker shall choose.
    assignments: Array<'a, CreatableReplicaAssignment<'a>>, 0+;
    /// Settings of the topic that differ from the broker's.
    configs: Array<'a, CreatableTopicConfig<'a>>, 0+;
}

message! {
    /// The brokers of one partition.
    CreatableReplicaAssignment<'a>;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// The brokers that shall hold the partition, preferred leader first.
    broker_ids: Array<'a, i32>, 0+;
}

message! {
    /// A setting of the topic to create.
    CreatableTopicConfig<'a>;
    /// The setting.
    name: &'a str, 0+;
    /// The value; null for the default.
    value: Option<&'a str>, 0+, null 0+;
}

message! {
    /// Says which topics were created.
    ///
    /// Source: key 19; KIP-219 (v3), KIP-525 (v5), KIP-599 (v6), KIP-516 (v7).
    CreateTopicsResponse<'a>, key 19, versions 2-7, flexible 5+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 2+;
    /// The topics.
    topics: Array<'a, CreatableTopicResult<'a>>, 0+;
}

message! {
    /// What became of one topic.
    CreatableTopicResult<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The id of the topic.
    topic_id: TopicId, 7+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 1+, null 0+;
    /// Why `configs` is null: set when the caller may not see the settings.
    topic_config_error_code: i16, 5+, tag 0;
    /// How many partitions the topic has; -1 when the caller may not see it.
    num_partitions: i32, 5+, else -1;
    /// How many replicas each partition has; -1 when the caller may not see it.
    replication_factor: i16, 5+, else -1;
    /// The settings of the new topic; null when the caller may not see them.
    configs: Option<Array<'a, CreatableTopicConfigs<'a>>>, 5+, null 5+;
}

message! {
    /// A setting of the new topic.
    CreatableTopicConfigs<'a>;
    /// The setting.
    name: &'a str, 5+;
    /// The value; null when it is secret.
    value: Option<&'a str>, 5+, null 5+;
    /// Whether the value cannot be changed.
    read_only: bool, 5+;
    /// Where the value comes from: 1 topic, 2 broker, 3 the default of all brokers, 4 the file of the broker, 5 built in, 6 logger, 7
    /// client metrics, 8 group; 0 or -1 when unknown.
    config_source: i8, 5+, else -1;
    /// Whether the value is kept secret.
    is_sensitive: bool, 5+;
}
