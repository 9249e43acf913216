//! CreatePartitions: key 37.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Adds partitions to topics.
    ///
    /// Source: key 37; KIP-195, KIP-599 (v3).
    CreatePartitionsRequest<'a>, key 37, versions 0-3, flexible 2+;
    /// The topics.
    topics: Array<'a, CreatePartitionsTopic<'a>>, 0+;
    /// How long the broker may take. Unit: ms.
    timeout_ms: i32, 0+;
    /// Whether to check everything and change nothing.
    validate_only: bool, 0+;
}

message! {
    /// A topic that gets more partitions.
    CreatePartitionsTopic<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// How many partitions the topic shall have in all.
    count: i32, 0+;
    /// The brokers of every new partition; null when the broker shall choose.
    assignments: Option<Array<'a, CreatePartitionsAssignment<'a>>>, 0+, null 0+;
}

message! {
    /// The brokers of one new partition.
    CreatePartitionsAssignment<'a>;
    /// The brokers that shall hold the partition, preferred leader first.
    broker_ids: Array<'a, i32>, 0+;
}

message! {
    /// Says which topics got their partitions.
    ///
    /// Source: key 37; KIP-195, KIP-219 (v1), KIP-599 (v3).
    CreatePartitionsResponse<'a>, key 37, versions 0-3, flexible 2+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// What became of each topic.
    results: Array<'a, CreatePartitionsTopicResult<'a>>, 0+;
}

message! {
    /// What became of one topic.
    CreatePartitionsTopicResult<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
}
