//! ConsumerGroupHeartbeat: key 68.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Joins a consumer group, stays in it, takes up its assignment and leaves it.
    ///
    /// Source: key 68; KIP-848, KIP-1082 (v1: the client draws its member id).
    ConsumerGroupHeartbeatRequest<'a>, key 68, versions 0-1, flexible 0+;
    /// The group.
    group_id: &'a str, 0+;
    /// The member id; from v1 on drawn by the client, which keeps it as long as its process runs.
    member_id: &'a str, 0+;
    /// The epoch of the member; 0 joins, -1 leaves, -2 leaves for a moment (static members).
    member_epoch: i32, 0+;
    /// The name of a static member; null for a dynamic one or when unchanged.
    instance_id: Option<&'a str>, 0+, null 0+;
    /// The rack of the member; null when it has none or when unchanged.
    rack_id: Option<&'a str>, 0+, null 0+;
    /// How long the member may take to give partitions back. Unit: ms; -1 when unchanged.
    rebalance_timeout_ms: i32, 0+, else -1;
    /// The topics the member subscribes to by name; null when unchanged.
    subscribed_topic_names: Option<Array<'a, &'a str>>, 0+, null 0+;
    /// The pattern of topics the member subscribes to; null when unchanged.
    subscribed_topic_regex: Option<&'a str>, 1+, null 1+;
    /// The assignor of the broker that the member wants; null for the default or when unchanged.
    server_assignor: Option<&'a str>, 0+, null 0+;
    /// The partitions that the member holds; null when unchanged.
    topic_partitions: Option<Array<'a, TopicPartitions<'a>>>, 0+, null 0+;
}

message! {
    /// Partitions of one topic.
    TopicPartitions<'a>;
    /// The id of the topic.
    topic_id: TopicId, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
}

message! {
    /// Tells a member its epoch and its partitions.
    ///
    /// Source: key 68; KIP-848.
    ConsumerGroupHeartbeatResponse<'a>, key 68, versions 0-1, flexible 0+;
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
