//! ListOffsets: key 2.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Finds offsets by time.
    ///
    /// Source: key 2; KIP-79 (v1), KIP-98 (v2), KIP-320 (v4), KIP-734 (v7), KIP-405 (v8), KIP-1005 (v9), KIP-1075 (v10), KIP-1023 (v11).
    ListOffsetsRequest<'a>, key 2, versions 1-11, flexible 6+;
    /// The number of the follower that asks; -1 from a consumer.
    replica_id: i32, 0+;
    /// 0 reads everything, 1 only what is committed.
    isolation_level: i8, 2+;
    /// The topics.
    topics: Array<'a, ListOffsetsTopic<'a>>, 0+;
    /// How long a look-up in tiered storage may take. Unit: ms.
    timeout_ms: i32, 10+;
}

message! {
    /// What to look for in one topic.
    ListOffsetsTopic<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, ListOffsetsPartition>, 0+;
}

message! {
    /// What to look for in one partition.
    ListOffsetsPartition;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// The leader epoch the caller knows; the broker refuses an older or a newer one. -1 skips the check.
    current_leader_epoch: i32, 4+, else -1;
    /// What to look for: a time in ms since the epoch, or -1 the end, -2 the start, -3 the record with the largest timestamp, -4 the start
    /// of the local log, -5 the end of what is tiered, -6 the first offset not yet tiered.
    timestamp: i64, 0+;
}

message! {
    /// Says which offsets were found.
    ///
    /// Source: key 2; KIP-79 (v1), KIP-219 (v3), KIP-320 (v4), KIP-207 (v5).
    ListOffsetsResponse<'a>, key 2, versions 1-11, flexible 6+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 2+;
    /// The topics.
    topics: Array<'a, ListOffsetsTopicResponse<'a>>, 0+;
}

message! {
    /// What was found in one topic.
    ListOffsetsTopicResponse<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, ListOffsetsPartitionResponse>, 0+;
}

message! {
    /// What was found in one partition.
    ListOffsetsPartitionResponse;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The timestamp of the record found; -1 when there is none. Unit: ms since the epoch.
    timestamp: i64, 1+, else -1;
    /// The offset found; -1 when there is none.
    offset: i64, 1+, else -1;
    /// The leader epoch of the record at the offset; -1 when unknown.
    leader_epoch: i32, 4+, else -1;
}
