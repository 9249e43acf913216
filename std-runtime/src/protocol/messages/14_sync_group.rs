//! SyncGroup: key 14.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Hands in the leader's assignment and waits for one's own.
    ///
    /// Source: key 14; KIP-345 (v3), KIP-559 (v5).
    SyncGroupRequest<'a>, key 14, versions 0-5, flexible 4+;
    /// The group.
    group_id: &'a str, 0+;
    /// The generation of the group.
    generation_id: i32, 0+;
    /// The member id.
    member_id: &'a str, 0+;
    /// The name of a static member (`group.instance.id`); null for a dynamic one.
    group_instance_id: Option<&'a str>, 3+, null 3+;
    /// What kind of group the member believes this is; null skips the check.
    protocol_type: Option<&'a str>, 5+, null 5+;
    /// The assignor the member believes chosen; null skips the check.
    protocol_name: Option<&'a str>, 5+, null 5+;
    /// What every member gets; filled in by the leader only.
    assignments: Array<'a, SyncGroupRequestAssignment<'a>>, 0+;
}

message! {
    /// The assignment of one member.
    SyncGroupRequestAssignment<'a>;
    /// The member id.
    member_id: &'a str, 0+;
    /// What the member gets: opaque to the broker, read by the member's assignor.
    assignment: &'a [u8], 0+;
}

message! {
    /// Carries the member's assignment.
    ///
    /// Source: key 14; KIP-219 (v2), KIP-559 (v5).
    SyncGroupResponse<'a>, key 14, versions 0-5, flexible 4+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 1+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// What kind of group this is; null on an error.
    protocol_type: Option<&'a str>, 5+, null 5+;
    /// The assignor of the group; null on an error.
    protocol_name: Option<&'a str>, 5+, null 5+;
    /// What the member gets: opaque to the broker, read by the member's assignor.
    assignment: &'a [u8], 0+;
}
