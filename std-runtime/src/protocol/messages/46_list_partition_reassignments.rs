//! ListPartitionReassignments: key 46.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks which partitions are on their way.
    ///
    /// Source: key 46; KIP-455.
    ListPartitionReassignmentsRequest<'a>, key 46, versions 0-0, flexible 0+;
    /// How long the broker may take. Unit: ms.
    timeout_ms: i32, 0+, else 60000;
    /// The topics; null for all.
    topics: Option<Array<'a, ListPartitionReassignmentsTopics<'a>>>, 0+, null 0+;
}

message! {
    /// A topic, and which of its partitions.
    ListPartitionReassignmentsTopics<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The numbers of the partitions.
    partition_indexes: Array<'a, i32>, 0+;
}

message! {
    /// Lists partitions on their way.
    ///
    /// Source: key 46; KIP-455.
    ListPartitionReassignmentsResponse<'a>, key 46, versions 0-0, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// The topics with partitions on their way.
    topics: Array<'a, OngoingTopicReassignment<'a>>, 0+;
}

message! {
    /// A topic with partitions on their way.
    OngoingTopicReassignment<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// Its partitions that are on their way.
    partitions: Array<'a, OngoingPartitionReassignment<'a>>, 0+;
}

message! {
    /// A partition on its way.
    OngoingPartitionReassignment<'a>;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// The brokers that hold it now.
    replicas: Array<'a, i32>, 0+;
    /// Those that are on their way to hold it.
    adding_replicas: Array<'a, i32>, 0+;
    /// Those that are on their way to hold it no more.
    removing_replicas: Array<'a, i32>, 0+;
}
