//! DescribeLogDirs: key 35.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks what lies in the log directories.
    ///
    /// Source: key 35; KIP-113.
    DescribeLogDirsRequest<'a>, key 35, versions 1-5, flexible 2+;
    /// The partitions to describe; null for all.
    topics: Option<Array<'a, DescribableLogDirTopic<'a>>>, 0+, null 0+;
}

message! {
    /// The partitions of one topic to describe.
    DescribableLogDirTopic<'a>;
    /// The topic.
    topic: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
}

message! {
    /// Tells what lies in the log directories.
    ///
    /// Source: key 35; KIP-113, KIP-219 (v1), KIP-784 (v3), KIP-827 (v4), KIP-1066 (v5).
    DescribeLogDirsResponse<'a>, key 35, versions 1-5, flexible 2+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 3+;
    /// The log directories.
    results: Array<'a, DescribeLogDirsResult<'a>>, 0+;
}

message! {
    /// A log directory.
    DescribeLogDirsResult<'a>;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The absolute path of the log directory.
    log_dir: &'a str, 0+;
    /// The topics.
    topics: Array<'a, DescribeLogDirsTopic<'a>>, 0+;
    /// The size of the volume; -1 when unknown.
    total_bytes: i64, 4+, else -1;
    /// What is left of the volume; -1 when unknown.
    usable_bytes: i64, 4+, else -1;
    /// Whether the directory takes no new partitions.
    is_cordoned: bool, 5+;
}

message! {
    /// What one topic takes up in it.
    DescribeLogDirsTopic<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, DescribeLogDirsPartition>, 0+;
}

message! {
    /// What one partition takes up in it.
    DescribeLogDirsPartition;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// The bytes of all its segments.
    partition_size: i64, 0+;
    /// How far the log lies behind: behind the high watermark, or as a future copy behind the log it will replace.
    offset_lag: i64, 0+;
    /// Whether this is a copy that will replace the log when it has caught up in its new directory.
    is_future_key: bool, 0+;
}
