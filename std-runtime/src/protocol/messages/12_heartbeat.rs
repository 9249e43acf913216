//! Heartbeat: key 12.

use millpond_core::message;

message! {
    /// Keeps a seat in a group.
    ///
    /// Source: key 12; KIP-219 (v2), KIP-345 (v3).
    HeartbeatRequest<'a>, key 12, versions 0-4, flexible 4+;
    /// The group.
    group_id: &'a str, 0+;
    /// The generation of the group.
    generation_id: i32, 0+;
    /// The member id.
    member_id: &'a str, 0+;
    /// The name of a static member (`group.instance.id`); null for a dynamic one.
    group_instance_id: Option<&'a str>, 3+, null 3+;
}

message! {
    /// Says whether the seat is still good.
    ///
    /// Source: key 12; KIP-219 (v2).
    HeartbeatResponse, key 12, versions 0-4, flexible 4+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 1+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
}
