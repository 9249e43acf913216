//! TxnOffsetCommit: key 28.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Stores offsets of a group as part of a transaction.
    ///
    /// Source: key 28; KIP-98, KIP-320 (v2), KIP-447 (v3), KIP-890 (v4, v5).
    TxnOffsetCommitRequest<'a>, key 28, versions 0-5, flexible 3+;
    /// The transactional id.
    transactional_id: &'a str, 0+;
    /// The group.
    group_id: &'a str, 0+;
    /// The producer id; -1 when there is none.
    producer_id: i64, 0+;
    /// The epoch of the producer; -1 when it has none.
    producer_epoch: i16, 0+;
    /// The generation of the group the producer consumes in; -1 skips the check.
    generation_id: i32, 3+, else -1;
    /// The member id; empty skips the check.
    member_id: &'a str, 3+;
    /// The name of a static member (`group.instance.id`); null for a dynamic one.
    group_instance_id: Option<&'a str>, 3+, null 3+;
    /// The topics.
    topics: Array<'a, TxnOffsetCommitRequestTopic<'a>>, 0+;
}

message! {
    /// Offsets for one topic.
    TxnOffsetCommitRequestTopic<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, TxnOffsetCommitRequestPartition<'a>>, 0+;
}

message! {
    /// The offset for one partition.
    TxnOffsetCommitRequestPartition<'a>;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// The offset of the next record to consume.
    committed_offset: i64, 0+;
    /// The leader epoch of the last record consumed; -1 when unknown.
    committed_leader_epoch: i32, 2+, else -1;
    /// A note the client stores beside the offset; null when it has none.
    committed_metadata: Option<&'a str>, 0+, null 0+;
}

message! {
    /// Says which offsets joined the transaction.
    ///
    /// Source: key 28; KIP-98, KIP-219 (v1), KIP-447 (v3), KIP-890 (v4, v5).
    TxnOffsetCommitResponse<'a>, key 28, versions 0-5, flexible 3+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// The topics.
    topics: Array<'a, TxnOffsetCommitResponseTopic<'a>>, 0+;
}

message! {
    /// What became of one topic's offsets.
    TxnOffsetCommitResponseTopic<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, TxnOffsetCommitResponsePartition>, 0+;
}

message! {
    /// What became of one partition's offset.
    TxnOffsetCommitResponsePartition;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
}
