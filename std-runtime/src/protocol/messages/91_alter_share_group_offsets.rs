//! AlterShareGroupOffsets: key 91.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Says where a share group is to go on.
    ///
    /// Source: key 91; KIP-932.
    AlterShareGroupOffsetsRequest<'a>, key 91, versions 0-0, flexible 0+;
    /// The group.
    group_id: &'a str, 0+;
    /// The topics.
    topics: Array<'a, AlterShareGroupOffsetsRequestTopic<'a>>, 0+;
}

message! {
    /// Where a share group is to go on in a topic.
    AlterShareGroupOffsetsRequestTopic<'a>;
    /// Its name.
    topic_name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, AlterShareGroupOffsetsRequestPartition>, 0+;
}

message! {
    /// Where a share group is to go on in a partition.
    AlterShareGroupOffsetsRequestPartition;
    /// The partition.
    partition_index: i32, 0+;
    /// The offset.
    start_offset: i64, 0+;
}

message! {
    /// Tells what has become of that.
    ///
    /// Source: key 91; KIP-932.
    AlterShareGroupOffsetsResponse<'a>, key 91, versions 0-0, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// The topics.
    responses: Array<'a, AlterShareGroupOffsetsResponseTopic<'a>>, 0+;
}

message! {
    /// What has become of a topic.
    AlterShareGroupOffsetsResponseTopic<'a>;
    /// Its name.
    topic_name: &'a str, 0+;
    /// Its id.
    topic_id: TopicId, 0+;
    /// The partitions.
    partitions: Array<'a, AlterShareGroupOffsetsResponsePartition<'a>>, 0+;
}

message! {
    /// What has become of a partition.
    AlterShareGroupOffsetsResponsePartition<'a>;
    /// The partition.
    partition_index: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
}
