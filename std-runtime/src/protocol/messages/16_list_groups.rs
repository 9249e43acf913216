//! ListGroups: key 16.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks which groups this broker coordinates.
    ///
    /// Source: key 16; KIP-518 (v4), KIP-848 (v5).
    ListGroupsRequest<'a>, key 16, versions 0-5, flexible 3+;
    /// Only groups in these states; empty for all.
    states_filter: Array<'a, &'a str>, 4+;
    /// Only groups of these kinds; empty for all.
    types_filter: Array<'a, &'a str>, 5+;
}

message! {
    /// Lists the groups that this broker coordinates.
    ///
    /// Source: key 16; KIP-219 (v2), KIP-518 (v4), KIP-848 (v5).
    ListGroupsResponse<'a>, key 16, versions 0-5, flexible 3+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 1+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The groups.
    groups: Array<'a, ListedGroup<'a>>, 0+;
}

message! {
    /// A group.
    ListedGroup<'a>;
    /// The group.
    group_id: &'a str, 0+;
    /// What kind of group this is: consumers say `consumer`.
    protocol_type: &'a str, 0+;
    /// The state of the group, in Kafka's words; empty on an error.
    group_state: &'a str, 4+;
    /// The kind of the group: classic, consumer, share or streams.
    group_type: &'a str, 5+;
}
