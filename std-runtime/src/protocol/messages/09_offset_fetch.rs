//! OffsetFetch: key 9.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks how far a group has come.
    ///
    /// Source: key 9; KIP-88 (v2), KIP-447 (v7), KIP-709 many groups (v8), KIP-848 (v9: member epochs, v10: topic ids).
    OffsetFetchRequest<'a>, key 9, versions 1-10, flexible 6+;
    /// The group.
    group_id: &'a str, 0-7;
    /// The topics to read the offsets of; null for all.
    topics: Option<Array<'a, OffsetFetchRequestTopic<'a>>>, 0-7, null 2-7;
    /// The groups to read the offsets of.
    groups: Array<'a, OffsetFetchRequestGroup<'a>>, 8+;
    /// Whether offsets with an open transaction behind them answer an error that asks for a retry (KIP-447).
    require_stable: bool, 7+;
}

message! {
    /// The partitions of one topic whose offsets are wanted.
    OffsetFetchRequestTopic<'a>;
    /// The topic.
    name: &'a str, 0-7;
    /// The numbers of the partitions.
    partition_indexes: Array<'a, i32>, 0-7;
}

message! {
    /// A group whose offsets are wanted.
    OffsetFetchRequestGroup<'a>;
    /// The group.
    group_id: &'a str, 8+;
    /// The member id; null for a caller from outside the group.
    member_id: Option<&'a str>, 9+, null 9+;
    /// The epoch of the member; -1 for a caller from outside the group.
    member_epoch: i32, 9+, else -1;
    /// The topics to read the offsets of; null for all.
    topics: Option<Array<'a, OffsetFetchRequestTopics<'a>>>, 8+, null 8+;
}

message! {
    /// The partitions of one topic whose offsets are wanted.
    OffsetFetchRequestTopics<'a>;
    /// The topic.
    name: &'a str, 8-9;
    /// The id of the topic.
    topic_id: TopicId, 10+;
    /// The numbers of the partitions.
    partition_indexes: Array<'a, i32>, 8+;
}

message! {
    /// Says how far a group has come.
    ///
    /// Source: key 9; KIP-88 (v2), KIP-219 (v4), KIP-320 (v5), KIP-447 (v7), KIP-709 (v8), KIP-848 (v9, v10).
    OffsetFetchResponse<'a>, key 9, versions 1-10, flexible 6+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 3+;
    /// The topics.
    topics: Array<'a, OffsetFetchResponseTopic<'a>>, 0-7;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 2-7;
    /// The groups.
    groups: Array<'a, OffsetFetchResponseGroup<'a>>, 8+;
}

message! {
    /// The offsets of one topic.
    OffsetFetchResponseTopic<'a>;
    /// The topic.
    name: &'a str, 0-7;
    /// The partitions.
    partitions: Array<'a, OffsetFetchResponsePartition<'a>>, 0-7;
}

message! {
    /// The offset of one partition.
    OffsetFetchResponsePartition<'a>;
    /// The number of the partition.
    partition_index: i32, 0-7;
    /// The offset of the next record to consume; -1 when none is stored.
    committed_offset: i64, 0-7;
    /// The leader epoch of the last record consumed; -1 when unknown.
    committed_leader_epoch: i32, 5-7, else -1;
    /// The note stored beside the offset; null when there is none.
    metadata: Option<&'a str>, 0-7, null 0-7;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0-7;
}

message! {
    /// The offsets of one group.
    OffsetFetchResponseGroup<'a>;
    /// The group.
    group_id: &'a str, 8+;
    /// The topics.
    topics: Array<'a, OffsetFetchResponseTopics<'a>>, 8+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 8+;
}

message! {
    /// The offsets of one topic.
    OffsetFetchResponseTopics<'a>;
    /// The topic.
    name: &'a str, 8-9;
    /// The id of the topic.
    topic_id: TopicId, 10+;
    /// The partitions.
    partitions: Array<'a, OffsetFetchResponsePartitions<'a>>, 8+;
}

message! {
    /// The offset of one partition.
    OffsetFetchResponsePartitions<'a>;
    /// The number of the partition.
    partition_index: i32, 8+;
    /// The offset of the next record to consume; -1 when none is stored.
    committed_offset: i64, 8+;
    /// The leader epoch of the last record consumed; -1 when unknown.
    committed_leader_epoch: i32, 8+, else -1;
    /// The note stored beside the offset; null when there is none.
    metadata: Option<&'a str>, 8+, null 8+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 8+;
}
