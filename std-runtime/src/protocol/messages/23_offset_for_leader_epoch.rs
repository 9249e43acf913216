//! OffsetForLeaderEpoch: key 23.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks where leader epochs end.
    ///
    /// Source: key 23; KIP-101, KIP-320 (v2), KIP-392 (v3).
    OffsetForLeaderEpochRequest<'a>, key 23, versions 2-4, flexible 4+;
    /// The number of the follower that asks; -1 from a consumer, -2 from a debugging tool.
    replica_id: i32, 3+, else -2;
    /// The topics.
    topics: Array<'a, OffsetForLeaderTopic<'a>>, 0+;
}

message! {
    /// The epochs asked about in one topic.
    OffsetForLeaderTopic<'a>;
    /// The topic.
    topic: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, OffsetForLeaderPartition>, 0+;
}

message! {
    /// The epoch asked about in one partition.
    OffsetForLeaderPartition;
    /// The number of the partition.
    partition: i32, 0+;
    /// The leader epoch the caller knows; the broker refuses an older or a newer one. -1 skips the check.
    current_leader_epoch: i32, 2+, else -1;
    /// The epoch whose end is wanted.
    leader_epoch: i32, 0+;
}

message! {
    /// Says where leader epochs end.
    ///
    /// Source: key 23; KIP-101, KIP-279 (v1).
    OffsetForLeaderEpochResponse<'a>, key 23, versions 2-4, flexible 4+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 2+;
    /// The topics.
    topics: Array<'a, OffsetForLeaderTopicResult<'a>>, 0+;
}

message! {
    /// The ends found in one topic.
    OffsetForLeaderTopicResult<'a>;
    /// The topic.
    topic: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, EpochEndOffset>, 0+;
}

message! {
    /// The end of a leader epoch.
    EpochEndOffset;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The number of the partition.
    partition: i32, 0+;
    /// The largest epoch not above the one asked for; -1 when there is none.
    leader_epoch: i32, 1+, else -1;
    /// The end of the epoch, exclusive; -1 when unknown.
    end_offset: i64, 0+, else -1;
}
