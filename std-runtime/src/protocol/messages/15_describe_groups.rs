//! DescribeGroups: key 15.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks about classic groups.
    ///
    /// Source: key 15; KIP-430 (v3), KIP-345 (v4), KIP-1043 (v6).
    DescribeGroupsRequest<'a>, key 15, versions 0-6, flexible 5+;
    /// The groups.
    groups: Array<'a, &'a str>, 0+;
    /// Whether to add the operations that the caller may perform on each group.
    include_authorized_operations: bool, 3+;
}

message! {
    /// Describes classic groups.
    ///
    /// Source: key 15; KIP-219 (v2), KIP-430 (v3), KIP-345 (v4), KIP-1043 (v6: GROUP_ID_NOT_FOUND and a message).
    DescribeGroupsResponse<'a>, key 15, versions 0-6, flexible 5+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 1+;
    /// The groups.
    groups: Array<'a, DescribedGroup<'a>>, 0+;
}

message! {
    /// A group.
    DescribedGroup<'a>;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 6+, null 6+;
    /// The group.
    group_id: &'a str, 0+;
    /// The state of the group, in Kafka's words; empty on an error.
    group_state: &'a str, 0+;
    /// What kind of group this is: consumers say `consumer`.
    protocol_type: &'a str, 0+;
    /// The name of the assignor; empty while the group has none.
    protocol_data: &'a str, 0+;
    /// The members.
    members: Array<'a, DescribedGroupMember<'a>>, 0+;
    /// The operations the caller may perform, a bit for each; -2147483648 when not asked for.
    authorized_operations: i32, 3+, else i32::MIN;
}

message! {
    /// A member.
    DescribedGroupMember<'a>;
    /// The member id.
    member_id: &'a str, 0+;
    /// The name of a static member (`group.instance.id`); null for a dynamic one.
    group_instance_id: Option<&'a str>, 4+, null 4+;
    /// The client id under which the member joined.
    client_id: &'a str, 0+;
    /// The address from which the member is connected.
    client_host: &'a str, 0+;
    /// The member's metadata for the protocol in use.
    member_metadata: &'a [u8], 0+;
    /// The assignment as the leader wrote it.
    member_assignment: &'a [u8], 0+;
}
