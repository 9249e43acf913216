//! AlterClientQuotas: key 49.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Sets and removes quotas.
    ///
    /// Source: key 49; KIP-546.
    AlterClientQuotasRequest<'a>, key 49, versions 0-1, flexible 1+;
    /// The entities.
    entries: Array<'a, EntryData<'a>>, 0+;
    /// Whether to check everything and change nothing.
    validate_only: bool, 0+;
}

message! {
    /// An entity, and what is to change.
    EntryData<'a>;
    /// Whom the quotas apply to: the parts of its name taken together.
    entity: Array<'a, EntityData<'a>>, 0+;
    /// What is to change.
    ops: Array<'a, OpData<'a>>, 0+;
}

message! {
    /// A part of an entity's name.
    EntityData<'a>;
    /// What is named: user, client-id or ip.
    entity_type: &'a str, 0+;
    /// The name; null for the default of the type.
    entity_name: Option<&'a str>, 0+, null 0+;
}

message! {
    /// A change of a quota.
    OpData<'a>;
    /// The name of the quota.
    key: &'a str, 0+;
    /// The limit.
    value: f64, 0+;
    /// Whether the quota is removed instead of set.
    remove: bool, 0+;
}

message! {
    /// Says which quotas were changed.
    ///
    /// Source: key 49; KIP-546.
    AlterClientQuotasResponse<'a>, key 49, versions 0-1, flexible 1+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// The entities.
    entries: Array<'a, EntryResult<'a>>, 0+;
}

message! {
    /// What became of an entity.
    EntryResult<'a>;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// Whom the quotas apply to: the parts of its name taken together.
    entity: Array<'a, EntityResult<'a>>, 0+;
}

message! {
    /// A part of an entity's name.
    EntityResult<'a>;
    /// What is named: user, client-id or ip.
    entity_type: &'a str, 0+;
    /// The name; null for the default of the type.
    entity_name: Option<&'a str>, 0+, null 0+;
}
