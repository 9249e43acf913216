//! AlterPartitionReassignments: key 45.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Moves partitions to other brokers, or calls that off.
    ///
    /// Source: key 45; KIP-455, KIP-860 (v1).
    AlterPartitionReassignmentsRequest<'a>, key 45, versions 0-1, flexible 0+;
    /// How long the broker may take. Unit: ms.
    timeout_ms: i32, 0+, else 60000;
    /// Whether the number of replicas may change.
    allow_replication_factor_change: bool, 1+, else true;
    /// The topics.
    topics: Array<'a, ReassignableTopic<'a>>, 0+;
}

message! {
    /// A topic to move.
    ReassignableTopic<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// Its partitions.
    partitions: Array<'a, ReassignablePartition<'a>>, 0+;
}

message! {
    /// A partition to move.
    ReassignablePartition<'a>;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// The brokers that shall hold it, preferred leader first; null calls a move off.
    replicas: Option<Array<'a, i32>>, 0+, null 0+;
}

message! {
    /// Says which partitions are on their way.
    ///
    /// Source: key 45; KIP-455, KIP-860 (v1).
    AlterPartitionReassignmentsResponse<'a>, key 45, versions 0-1, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// Whether the number of replicas may change.
    allow_replication_factor_change: bool, 1+, else true;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// What became of each topic.
    responses: Array<'a, ReassignableTopicResponse<'a>>, 0+;
}

message! {
    /// What became of a topic.
    ReassignableTopicResponse<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// Its partitions.
    partitions: Array<'a, ReassignablePartitionResponse<'a>>, 0+;
}

message! {
    /// What became of a partition.
    ReassignablePartitionResponse<'a>;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
}
