//! AlterConfigs: key 33.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Replaces all settings of a resource.
    ///
    /// Source: key 33; KIP-133.
    AlterConfigsRequest<'a>, key 33, versions 0-2, flexible 2+;
    /// The resources.
    resources: Array<'a, AlterConfigsResource<'a>>, 0+;
    /// Whether to check everything and change nothing.
    validate_only: bool, 0+;
}

message! {
    /// A resource to change.
    AlterConfigsResource<'a>;
    /// What is named: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    resource_type: i8, 0+;
    /// The name of the resource: a topic, a broker's number, a group.
    resource_name: &'a str, 0+;
    /// The settings.
    configs: Array<'a, AlterableConfig<'a>>, 0+;
}

message! {
    /// A setting to change.
    AlterableConfig<'a>;
    /// The setting.
    name: &'a str, 0+;
    /// The value; null when it is deleted.
    value: Option<&'a str>, 0+, null 0+;
}

message! {
    /// Says which resources were changed.
    ///
    /// Source: key 33; KIP-133, KIP-219 (v1).
    AlterConfigsResponse<'a>, key 33, versions 0-2, flexible 2+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// What became of each resource.
    responses: Array<'a, AlterConfigsResourceResponse<'a>>, 0+;
}

message! {
    /// What became of one resource.
    AlterConfigsResourceResponse<'a>;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// What is named: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    resource_type: i8, 0+;
    /// The name of the resource: a topic, a broker's number, a group.
    resource_name: &'a str, 0+;
}
