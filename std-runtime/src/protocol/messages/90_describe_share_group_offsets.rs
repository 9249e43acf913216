//! DescribeShareGroupOffsets: key 90.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks how far share groups are.
    ///
    /// Source: key 90; KIP-932, KIP-1226 (v1).
    DescribeShareGroupOffsetsRequest<'a>, key 90, versions 0-1, flexible 0+;
    /// The groups.
    groups: Array<'a, DescribeShareGroupOffsetsRequestGroup<'a>>, 0+;
}

message! {
    /// A share group.
    DescribeShareGroupOffsetsRequestGroup<'a>;
    /// Its id.
    group_id: &'a str, 0+;
    /// The topics; null for all that it shares.
    topics: Option<Array<'a, DescribeShareGroupOffsetsRequestTopic<'a>>>, 0+, null 0+;
}

message! {
    /// A topic of a share group.
    DescribeShareGroupOffsetsRequestTopic<'a>;
    /// Its name.
    topic_name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
}

message! {
    /// Tells how far share groups are.
    ///
    /// Source: key 90; KIP-932, KIP-1226 (v1).
    DescribeShareGroupOffsetsResponse<'a>, key 90, versions 0-1, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// The groups.
    groups: Array<'a, DescribeShareGroupOffsetsResponseGroup<'a>>, 0+;
}

message! {
    /// How far a share group is.
    DescribeShareGroupOffsetsResponseGroup<'a>;
    /// Its id.
    group_id: &'a str, 0+;
    /// The topics.
    topics: Array<'a, DescribeShareGroupOffsetsResponseTopic<'a>>, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
}

message! {
    /// How far a share group is in a topic.
    DescribeShareGroupOffsetsResponseTopic<'a>;
    /// Its name.
    topic_name: &'a str, 0+;
    /// Its id.
    topic_id: TopicId, 0+;
    /// The partitions.
    partitions: Array<'a, DescribeShareGroupOffsetsResponsePartition<'a>>, 0+;
}

message! {
    /// How far a share group is in a partition.
    DescribeShareGroupOffsetsResponsePartition<'a>;
    /// The partition.
    partition_index: i32, 0+;
    /// The first offset that is not done with; -1 when that was not looked up yet.
    start_offset: i64, 0+;
    /// The epoch of the partition's leader.
    leader_epoch: i32, 0+;
    /// How many records are not done with; -1 when that is not known.
    lag: i64, 1+, else -1;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
}
