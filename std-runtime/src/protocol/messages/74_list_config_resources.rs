//! ListConfigResources: key 74.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks what has settings.
    ///
    /// Source: key 74; KIP-714, KIP-1142 (v1).
    ListConfigResourcesRequest<'a>, key 74, versions 0-1, flexible 0+;
    /// The types to list: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group; empty for all.
    resource_types: Array<'a, i8>, 1+;
}

message! {
    /// Lists what has settings.
    ///
    /// Source: key 74; KIP-714, KIP-1142 (v1).
    ListConfigResourcesResponse<'a>, key 74, versions 0-1, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// What has settings.
    config_resources: Array<'a, ConfigResource<'a>>, 0+;
}

message! {
    /// Something that has settings.
    ConfigResource<'a>;
    /// The name: a topic, a broker's number, a group.
    resource_name: &'a str, 0+;
    /// What is named: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    resource_type: i8, 1+, else 16;
}
