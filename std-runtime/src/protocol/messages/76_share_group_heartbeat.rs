//! ShareGroupHeartbeat: key 76.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Joins a share group, stays in it and leaves it.
    ///
    /// Source: key 76; KIP-932.
    ShareGroupHeartbeatRequest<'a>, key 76, versions 1-1, flexible 0+;
    /// The group.
    group_id: &'a str, 0+;
    /// The member id, drawn by the client, which keeps it as long as its process runs.
    member_id: &'a str, 0+;
    /// The epoch of the member; 0 joins, -1 leaves.
    member_epoch: i32, 0+;
    /// The rack of the member; null when it has none or when unchanged.
    rack_id: Option<&'a str>, 0+, null 0+;
    /// The topics the member subscribes to; null when unchanged.
    subscribed_topic_names: Option<Array<'a, &'a str>>, 0+, null 0+;
}

message! {
    /// Tells a member its epoch and its partitions.
    ///
    /// Source: key 76; KIP-932.
    ShareGroupHeartbeatResponse<'a>, key 76, versions 1-1, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// The member id; null on an error.
    member_id: Option<&'a str>, 0+, null 0+;
    /// The epoch of the member.
    member_epoch: i32, 0+;
    /// How often the member shall send a heartbeat. Unit: ms.
    heartbeat_interval_ms: i32, 0+;
    /// The partitions of the member; null when this answer does not change them.
    assignment: Option<Assignment<'a>>, 0+, null 0+;
}

message! {
    /// The partitions of a member.
    Assignment<'a>;
    /// The partitions, by topic.
    topic_partitions: Array<'a, TopicPartitions<'a>>, 0+;
}

message! {
    /// Partitions of one topic.
    TopicPartitions<'a>;
    /// The id of the topic.
    topic_id: TopicId, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
}
