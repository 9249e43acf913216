//! AlterReplicaLogDirs: key 34.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Moves replicas to other log directories of the broker.
    ///
    /// Source: key 34; KIP-113.
    AlterReplicaLogDirsRequest<'a>, key 34, versions 1-2, flexible 2+;
    /// The directories.
    dirs: Array<'a, AlterReplicaLogDir<'a>>, 0+;
}

message! {
    /// A directory, and what is to move there.
    AlterReplicaLogDir<'a>;
    /// The absolute path of the directory.
    path: &'a str, 0+;
    /// What is to move there.
    topics: Array<'a, AlterReplicaLogDirTopic<'a>>, 0+;
}

message! {
    /// A topic, and which of its partitions.
    AlterReplicaLogDirTopic<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The numbers of the partitions.
    partitions: Array<'a, i32>, 0+;
}

message! {
    /// Says which replicas are on their way.
    ///
    /// Source: key 34; KIP-113.
    AlterReplicaLogDirsResponse<'a>, key 34, versions 1-2, flexible 2+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// What became of each topic.
    results: Array<'a, AlterReplicaLogDirTopicResult<'a>>, 0+;
}

message! {
    /// What became of a topic.
    AlterReplicaLogDirTopicResult<'a>;
    /// The topic.
    topic_name: &'a str, 0+;
    /// What became of each partition.
    partitions: Array<'a, AlterReplicaLogDirPartitionResult>, 0+;
}

message! {
    /// What became of a partition.
    AlterReplicaLogDirPartitionResult;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
}
