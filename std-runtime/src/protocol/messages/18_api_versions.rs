//! ApiVersions: key 18.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks which versions the broker speaks.
    ///
    /// Source: key 18; KIP-35, KIP-511 (v3).
    ApiVersionsRequest<'a>, key 18, versions 0-4, flexible 3+;
    /// The name of the client library.
    client_software_name: &'a str, 3+;
    /// The version of the client library.
    client_software_version: &'a str, 3+;
}

message! {
    /// Says which versions the broker speaks. Its header is never flexible, since the client cannot know yet.
    ///
    /// Source: key 18; KIP-35, KIP-219 (v2), KIP-511 and KIP-584 (v3), KIP-1022 (v4).
    ApiVersionsResponse<'a>, key 18, versions 0-4, flexible 3+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// Every API that the broker answers.
    api_keys: Array<'a, ApiVersion>, 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 1+;
    /// The features that the broker supports; before v4 none whose lowest version is 0.
    supported_features: Array<'a, SupportedFeatureKey<'a>>, 3+, tag 0;
    /// The version of the metadata behind `finalized_features`; -1 when unknown.
    finalized_features_epoch: i64, 3+, tag 1, else -1;
    /// The features in force in the cluster; meaningful when their epoch is not negative.
    finalized_features: Array<'a, FinalizedFeatureKey<'a>>, 3+, tag 2;
    /// Whether the controller is set up for a migration from ZooKeeper.
    zk_migration_ready: bool, 3+, tag 3;
}

message! {
    /// The versions of one API.
    ApiVersion;
    /// The API key.
    api_key: i16, 0+;
    /// The lowest version, inclusive.
    min_version: i16, 0+;
    /// The highest version, inclusive.
    max_version: i16, 0+;
}

message! {
    /// A feature that the broker supports.
    SupportedFeatureKey<'a>;
    /// The feature.
    name: &'a str, 3+;
    /// The lowest version, inclusive.
    min_version: i16, 3+;
    /// The highest version, inclusive.
    max_version: i16, 3+;
}

message! {
    /// A feature in force.
    FinalizedFeatureKey<'a>;
    /// The feature.
    name: &'a str, 3+;
    /// The highest level in force.
    max_version_level: i16, 3+;
    /// The lowest level in force.
    min_version_level: i16, 3+;
}
