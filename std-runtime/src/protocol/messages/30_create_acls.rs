//! CreateAcls: key 30.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Allows or denies somebody something.
    ///
    /// Source: key 30; KIP-140, KIP-290 (v1).
    CreateAclsRequest<'a>, key 30, versions 1-3, flexible 2+;
    /// The permissions.
    creations: Array<'a, AclCreation<'a>>, 0+;
}

message! {
    /// One permission.
    AclCreation<'a>;
    /// What is named: 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
    resource_type: i8, 0+;
    /// The name, or its beginning.
    resource_name: &'a str, 0+;
    /// How the name is meant: 3 as it is, 4 as a beginning.
    resource_pattern_type: i8, 1+, else 3;
    /// Whom it is about, as `User:name`.
    principal: &'a str, 0+;
    /// From where; `*` from anywhere.
    host: &'a str, 0+;
    /// What is done: see `AclOperation`.
    operation: i8, 0+;
    /// 1 any, 2 denied, 3 allowed.
    permission_type: i8, 0+;
}

message! {
    /// Says which permissions now hold.
    ///
    /// Source: key 30; KIP-140, KIP-290 (v1).
    CreateAclsResponse<'a>, key 30, versions 1-3, flexible 2+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// What became of each, in the order of the request.
    results: Array<'a, AclCreationResult<'a>>, 0+;
}

message! {
    /// What became of one permission.
    AclCreationResult<'a>;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
}
