//! OffsetDelete: key 47.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Deletes stored offsets of a group.
    ///
    /// Source: key 47; KIP-496.
    OffsetDeleteRequest<'a>, key 47, versions 0-0;
    /// The group.
    group_id: &'a str, 0+;
    /// The topics.
    topics: Array<'a, OffsetDeleteRequestTopic<'a>>, 0+;
}

message! {
    /// The offsets to delete in one topic.
    OffsetDeleteRequestTopic<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, OffsetDeleteRequestPartition>, 0+;
}

message! {
    /// The partition whose offset to delete.
    OffsetDeleteRequestPartition;
    /// The number of the partition.
    partition_index: i32, 0+;
}

message! {
    /// Says which offsets were deleted.
    ///
    /// Source: key 47; KIP-496.
    OffsetDeleteResponse<'a>, key 47, versions 0-0;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// The topics.
    topics: Array<'a, OffsetDeleteResponseTopic<'a>>, 0+;
}

message! {
    /// What became of one topic's offsets.
    OffsetDeleteResponseTopic<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, OffsetDeleteResponsePartition>, 0+;
}

message! {
    /// What became of one partition's offset.
    OffsetDeleteResponsePartition;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
}
