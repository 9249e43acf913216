//! DescribeAcls: key 29.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks who may do what.
    ///
    /// Source: key 29; KIP-140, KIP-290 (v1), KIP-1066 (v3).
    DescribeAclsRequest<'a>, key 29, versions 1-3, flexible 2+;
    /// What is named: 1 anything, 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
    resource_type_filter: i8, 0+;
    /// The name; null for any.
    resource_name_filter: Option<&'a str>, 0+, null 0+;
    /// How the name is meant: 1 in any way, 2 whatever applies to it, 3 as it is, 4 as a beginning.
    pattern_type_filter: i8, 1+, else 3;
    /// Whom it is about; null for anybody.
    principal_filter: Option<&'a str>, 0+, null 0+;
    /// From where; null for anywhere.
    host_filter: Option<&'a str>, 0+, null 0+;
    /// What is done: see `AclOperation`.
    operation: i8, 0+;
    /// 1 any, 2 denied, 3 allowed.
    permission_type: i8, 0+;
}

message! {
    /// Says who may do what.
    ///
    /// Source: key 29; KIP-140, KIP-290 (v1).
    DescribeAclsResponse<'a>, key 29, versions 1-3, flexible 2+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// Each resource that somebody may do something with.
    resources: Array<'a, DescribeAclsResource<'a>>, 0+;
}

message! {
    /// A resource.
    DescribeAclsResource<'a>;
    /// What is named: 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
    resource_type: i8, 0+;
    /// The name, or its beginning.
    resource_name: &'a str, 0+;
    /// How the name is meant: 3 as it is, 4 as a beginning.
    pattern_type: i8, 1+, else 3;
    /// Who may do what with it.
    acls: Array<'a, AclDescription<'a>>, 0+;
}

message! {
    /// One permission.
    AclDescription<'a>;
    /// Whom it is about, as `User:name`.
    principal: &'a str, 0+;
    /// From where; `*` from anywhere.
    host: &'a str, 0+;
    /// What is done: see `AclOperation`.
    operation: i8, 0+;
    /// 1 any, 2 denied, 3 allowed.
    permission_type: i8, 0+;
}
