//! ElectLeaders: key 43.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks for elections.
    ///
    /// Source: key 43; KIP-183, KIP-460 (v1).
    ElectLeadersRequest<'a>, key 43, versions 0-2, flexible 2+;
    /// 0 elects the preferred replica, 1 any replica when none in sync is left.
    election_type: i8, 1+;
    /// The partitions; null for all.
    topic_partitions: Option<Array<'a, TopicPartitions<'a>>>, 0+, null 0+;
    /// How long the broker may take. Unit: ms.
    timeout_ms: i32, 0+, else 60000;
}

message! {
    /// A topic, and which of its partitions.
    TopicPartitions<'a>;
    /// The topic.
    topic: &'a str, 0+;
    /// The numbers of the partitions.
    partitions: Array<'a, i32>, 0+;
}

message! {
    /// Says which partitions have a new leader.
    ///
    /// Source: key 43; KIP-183, KIP-460 (v1).
    ElectLeadersResponse<'a>, key 43, versions 0-2, flexible 2+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 1+;
    /// What became of each topic.
    replica_election_results: Array<'a, ReplicaElectionResult<'a>>, 0+;
}

message! {
    /// What became of a topic.
    ReplicaElectionResult<'a>;
    /// The topic.
    topic: &'a str, 0+;
    /// What became of each partition.
    partition_result: Array<'a, PartitionResult<'a>>, 0+;
}

message! {
    /// What became of a partition.
    PartitionResult<'a>;
    /// The number of the partition.
    partition_id: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
}
