//! LeaveGroup: key 13.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Gives seats in a group back.
    ///
    /// Source: key 13; KIP-345 many members (v3), KIP-800 (v5).
    LeaveGroupRequest<'a>, key 13, versions 0-5, flexible 4+;
    /// The group.
    group_id: &'a str, 0+;
    /// The member that leaves.
    member_id: &'a str, 0-2;
    /// The members.
    members: Array<'a, MemberIdentity<'a>>, 3+;
}

message! {
    /// A member that leaves.
    MemberIdentity<'a>;
    /// The member id.
    member_id: &'a str, 3+;
    /// The name of a static member (`group.instance.id`); null for a dynamic one.
    group_instance_id: Option<&'a str>, 3+, null 3+;
    /// Why, in words; null when it does not say.
    reason: Option<&'a str>, 5+, null 5+;
}

message! {
    /// Says which seats were given back.
    ///
    /// Source: key 13; KIP-219 (v2), KIP-345 (v3).
    LeaveGroupResponse<'a>, key 13, versions 0-5, flexible 4+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 1+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The members.
    members: Array<'a, MemberResponse<'a>>, 3+;
}

message! {
    /// What became of one member.
    MemberResponse<'a>;
    /// The member id.
    member_id: &'a str, 3+;
    /// The name of a static member (`group.instance.id`); null for a dynamic one.
    group_instance_id: Option<&'a str>, 3+, null 3+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 3+;
}
