//! FindCoordinator: key 10.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks which broker coordinates.
    ///
    /// Source: key 10; KIP-98 (v1), KIP-699 many keys (v4), KIP-890 (v5), KIP-932 share state (v6).
    FindCoordinatorRequest<'a>, key 10, versions 0-6, flexible 3+;
    /// What to find the coordinator of: a group id or a transactional id.
    key: &'a str, 0-3;
    /// What the keys name: 0 groups, 1 transactions, 2 share state.
    key_type: i8, 1+;
    /// What to find the coordinators of; for share state each key reads `group:topic id:partition`.
    coordinator_keys: Array<'a, &'a str>, 4+;
}

message! {
    /// Says which broker coordinates.
    ///
    /// Source: key 10; KIP-98 (v1), KIP-219 (v2), KIP-699 (v4), KIP-890 (v5), KIP-932 (v6).
    FindCoordinatorResponse<'a>, key 10, versions 0-6, flexible 3+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 1+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0-3;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 1-3, null 1-3;
    /// The number of the broker.
    node_id: i32, 0-3;
    /// The host name or address to connect to.
    host: &'a str, 0-3;
    /// The port to connect to.
    port: i32, 0-3;
    /// The coordinators, one for every key.
    coordinators: Array<'a, Coordinator<'a>>, 4+;
}

message! {
    /// The coordinator of one key.
    Coordinator<'a>;
    /// What to find the coordinator of: a group id or a transactional id.
    key: &'a str, 4+;
    /// The number of the broker.
    node_id: i32, 4+;
    /// The host name or address to connect to.
    host: &'a str, 4+;
    /// The port to connect to.
    port: i32, 4+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 4+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 4+, null 4+;
}
