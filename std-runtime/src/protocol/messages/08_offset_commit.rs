//! OffsetCommit: key 8.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Stores how far a group has come.
    ///
    /// Source: key 8; KIP-211 (v5), KIP-320 (v6), KIP-345 (v7), KIP-848 (v9: member epochs, v10: topic ids).
    OffsetCommitRequest<'a>, key 8, versions 2-10, flexible 8+;
    /// The group.
    group_id: &'a str, 0+;
    /// The generation (classic protocol) or the member epoch (consumer protocol); -1 for a commit from outside the group.
    generation_id_or_member_epoch: i32, 1+, else -1;
    /// The member id; empty for a commit from outside the group.
    member_id: &'a str, 1+;
    /// The name of a static member (`group.instance.id`); null for a dynamic one.
    group_instance_id: Option<&'a str>, 7+, null 7+;
    /// How long to keep the offsets; -1 leaves it to the broker. Unit: ms.
    retention_time_ms: i64, 2-4, else -1;
    /// The topics.
    topics: Array<'a, OffsetCommitRequestTopic<'a>>, 0+;
}

message! {
    /// Offsets for one topic.
    OffsetCommitRequestTopic<'a>;
    /// The topic.
    name: &'a str, 0-9;
    /// The id of the topic.
    topic_id: TopicId, 10+;
    /// The partitions.
    partitions: Array<'a, OffsetCommitRequestPartition<'a>>, 0+;
}

message! {
    /// The offset for one partition.
    OffsetCommitRequestPartition<'a>;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// The offset of the next record to consume.
    committed_offset: i64, 0+;
    /// The leader epoch of the last record consumed; -1 when unknown.
    committed_leader_epoch: i32, 6+, else -1;
    /// A note the client stores beside the offset; null when it has none.
    committed_metadata: Option<&'a str>, 0+, null 0+;
}

message! {
    /// Says which offsets were stored.
    ///
    /// Source: key 8; KIP-219 (v4), KIP-848 (v9, v10).
    OffsetCommitResponse<'a>, key 8, versions 2-10, flexible 8+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 3+;
    /// The topics.
    topics: Array<'a, OffsetCommitResponseTopic<'a>>, 0+;
}

message! {
    /// What became of one topic's offsets.
    OffsetCommitResponseTopic<'a>;
    /// The topic.
    name: &'a str, 0-9;
    /// The id of the topic.
    topic_id: TopicId, 10+;
    /// The partitions.
    partitions: Array<'a, OffsetCommitResponsePartition>, 0+;
}

message! {
    /// What became of one partition's offset.
    OffsetCommitResponsePartition;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
}
