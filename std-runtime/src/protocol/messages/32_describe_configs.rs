//! DescribeConfigs: key 32.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks for settings.
    ///
    /// Source: key 32; KIP-133, KIP-226 (v1), KIP-569 (v3).
    DescribeConfigsRequest<'a>, key 32, versions 1-4, flexible 4+;
    /// The resources.
    resources: Array<'a, DescribeConfigsResource<'a>>, 0+;
    /// Whether to add all places from which a value could come.
    include_synonyms: bool, 1+;
    /// Whether to add what each setting does.
    include_documentation: bool, 3+;
}

message! {
    /// A resource to describe.
    DescribeConfigsResource<'a>;
    /// What is named: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    resource_type: i8, 0+;
    /// The name of the resource: a topic, a broker's number, a group.
    resource_name: &'a str, 0+;
    /// The settings to describe; null for all of them.
    configuration_keys: Option<Array<'a, &'a str>>, 0+, null 0+;
}

message! {
    /// Tells settings.
    ///
    /// Source: key 32; KIP-133, KIP-226 (v1), KIP-219 (v2), KIP-569 (v3).
    DescribeConfigsResponse<'a>, key 32, versions 1-4, flexible 4+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// What was found, one entry for each resource.
    results: Array<'a, DescribeConfigsResult<'a>>, 0+;
}

message! {
    /// The settings of one resource.
    DescribeConfigsResult<'a>;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// What is named: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    resource_type: i8, 0+;
    /// The name of the resource: a topic, a broker's number, a group.
    resource_name: &'a str, 0+;
    /// The settings.
    configs: Array<'a, DescribeConfigsResourceResult<'a>>, 0+;
}

message! {
    /// One setting.
    DescribeConfigsResourceResult<'a>;
    /// The setting.
    name: &'a str, 0+;
    /// The value; null when it is secret or not set.
    value: Option<&'a str>, 0+, null 0+;
    /// Whether the value cannot be changed.
    read_only: bool, 0+;
    /// Where the value comes from: 1 topic, 2 broker, 3 the default of all brokers, 4 the file of the broker, 5 built in, 6 logger, 7
    /// client metrics, 8 group; 0 or -1 when unknown.
    config_source: i8, 1+, else -1;
    /// Whether the value is kept secret.
    is_sensitive: bool, 0+;
    /// The places the value could come from, in order of precedence.
    synonyms: Array<'a, DescribeConfigsSynonym<'a>>, 1+;
    /// The type of the value: 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password; 0 unknown.
    config_type: i8, 3+;
    /// What the setting does; null when not asked for.
    documentation: Option<&'a str>, 3+, null 0+;
}

message! {
    /// A place that the value could come from.
    DescribeConfigsSynonym<'a>;
    /// The setting that the value would come from.
    name: &'a str, 1+;
    /// The value; null when it is secret or not set.
    value: Option<&'a str>, 1+, null 0+;
    /// Where this value would come from; numbered as `config_source`.
    source: i8, 1+;
}
