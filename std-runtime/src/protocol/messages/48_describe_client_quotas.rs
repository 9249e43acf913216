//! DescribeClientQuotas: key 48.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks which quotas are set.
    ///
    /// Source: key 48; KIP-546.
    DescribeClientQuotasRequest<'a>, key 48, versions 0-1, flexible 1+;
    /// What the name of a quota must have in it; empty for all quotas.
    components: Array<'a, ComponentData<'a>>, 0+;
    /// Whether names with further parts are left out.
    strict: bool, 0+;
}

message! {
    /// A part of a quota's name to look for.
    ComponentData<'a>;
    /// What is named: user, client-id or ip.
    entity_type: &'a str, 0+;
    /// 0 this name, 1 the default of the type, 2 any name or the default.
    match_type: i8, 0+;
    /// The name; null unless it is matched.
    r#match: Option<&'a str>, 0+, null 0+;
}

message! {
    /// Lists quotas.
    ///
    /// Source: key 48; KIP-546.
    DescribeClientQuotasResponse<'a>, key 48, versions 0-1, flexible 1+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// The quotas; null when this failed.
    entries: Option<Array<'a, EntryData<'a>>>, 0+, null 0+;
}

message! {
    /// The quotas of one entity.
    EntryData<'a>;
    /// Whom the quotas apply to: the parts of its name taken together.
    entity: Array<'a, EntityData<'a>>, 0+;
    /// The quotas.
    values: Array<'a, ValueData<'a>>, 0+;
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
    /// A quota.
    ValueData<'a>;
    /// The name of the quota.
    key: &'a str, 0+;
    /// The limit.
    value: f64, 0+;
}
