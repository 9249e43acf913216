//! JoinGroup: key 11.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks for a seat in a group.
    ///
    /// Source: key 11; KIP-62 (v1), KIP-394 (v4), KIP-345 (v5), KIP-800 (v8), KIP-814 (v9).
    JoinGroupRequest<'a>, key 11, versions 0-9, flexible 6+;
    /// The group.
    group_id: &'a str, 0+;
    /// How long the member may stay silent before it is dropped. Unit: ms.
    session_timeout_ms: i32, 0+;
    /// How long a rebalance waits for the member. Unit: ms. Before v1 the session timeout serves in its stead.
    rebalance_timeout_ms: i32, 1+, else -1;
    /// The member id; empty on the first attempt.
    member_id: &'a str, 0+;
    /// The name of a static member (`group.instance.id`); null for a dynamic one.
    group_instance_id: Option<&'a str>, 5+, null 5+;
    /// What kind of group this is: consumers say `consumer`.
    protocol_type: &'a str, 0+;
    /// The assignors that the member knows, best first, each with its metadata.
    protocols: Array<'a, JoinGroupRequestProtocol<'a>>, 0+;
    /// Why, in words; null when it does not say.
    reason: Option<&'a str>, 8+, null 8+;
}

message! {
    /// An assignor that the member knows.
    JoinGroupRequestProtocol<'a>;
    /// The name of the assignor.
    name: &'a str, 0+;
    /// What the assignor needs to know of the member.
    metadata: &'a [u8], 0+;
}

message! {
    /// Gives the seat, and the leader the list of members.
    ///
    /// Source: key 11; KIP-219 (v3), KIP-394 (v4), KIP-345 (v5), KIP-559 (v7), KIP-814 (v9).
    JoinGroupResponse<'a>, key 11, versions 0-9, flexible 6+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 2+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The generation of the group; -1 on an error.
    generation_id: i32, 0+, else -1;
    /// What kind of group this is; null on an error.
    protocol_type: Option<&'a str>, 7+, null 7+;
    /// The assignor that all members know; null on an error from v7 on.
    protocol_name: Option<&'a str>, 0+, null 7+;
    /// The member id of the group's leader; empty on an error.
    leader: &'a str, 0+;
    /// Whether the leader shall leave the assignment as it is (KIP-814).
    skip_assignment: bool, 9+;
    /// The id of the member that asked.
    member_id: &'a str, 0+;
    /// The members with their metadata; empty for all but the leader.
    members: Array<'a, JoinGroupResponseMember<'a>>, 0+;
}

message! {
    /// A member, as the leader sees it.
    JoinGroupResponseMember<'a>;
    /// The member id.
    member_id: &'a str, 0+;
    /// The name of a static member (`group.instance.id`); null for a dynamic one.
    group_instance_id: Option<&'a str>, 5+, null 5+;
    /// What the assignor needs to know of the member.
    metadata: &'a [u8], 0+;
}
