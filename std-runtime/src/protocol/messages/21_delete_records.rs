//! DeleteRecords: key 21.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Deletes records from the start of partitions.
    ///
    /// Source: key 21; KIP-107.
    DeleteRecordsRequest<'a>, key 21, versions 0-2, flexible 2+;
    /// The topics.
    topics: Array<'a, DeleteRecordsTopic<'a>>, 0+;
    /// How long the broker may take. Unit: ms.
    timeout_ms: i32, 0+;
}

message! {
    /// What to delete in one topic.
    DeleteRecordsTopic<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, DeleteRecordsPartition>, 0+;
}

message! {
    /// What to delete in one partition.
    DeleteRecordsPartition;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// Records before this offset go; -1 means the high watermark.
    offset: i64, 0+;
}

message! {
    /// Says where the partitions start now.
    ///
    /// Source: key 21; KIP-107, KIP-219 (v1).
    DeleteRecordsResponse<'a>, key 21, versions 0-2, flexible 2+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// The topics.
    topics: Array<'a, DeleteRecordsTopicResult<'a>>, 0+;
}

message! {
    /// What became of one topic.
    DeleteRecordsTopicResult<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, DeleteRecordsPartitionResult>, 0+;
}

message! {
    /// What became of one partition.
    DeleteRecordsPartitionResult;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// The first offset that is left; -1 on an error.
    low_watermark: i64, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
}
