//! DeleteGroups: key 42.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Deletes groups.
    ///
    /// Source: key 42; KIP-229.
    DeleteGroupsRequest<'a>, key 42, versions 0-2, flexible 2+;
    /// The groups to delete.
    groups_names: Array<'a, &'a str>, 0+;
}

message! {
    /// Says which groups were deleted.
    ///
    /// Source: key 42; KIP-229, KIP-219 (v1).
    DeleteGroupsResponse<'a>, key 42, versions 0-2, flexible 2+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// What became of each group.
    results: Array<'a, DeletableGroupResult<'a>>, 0+;
}

message! {
    /// What became of one group.
    DeletableGroupResult<'a>;
    /// The group.
    group_id: &'a str, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
}
