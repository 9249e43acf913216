//! UpdateFeatures: key 57.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Changes the levels of features.
    ///
    /// Source: key 57; KIP-584, KIP-778 (v1), KIP-1022 (v2).
    UpdateFeaturesRequest<'a>, key 57, versions 0-2, flexible 0+;
    /// How long the broker may take. Unit: ms.
    timeout_ms: i32, 0+, else 60000;
    /// The features to change.
    feature_updates: Array<'a, FeatureUpdateKey<'a>>, 0+;
    /// Whether to check everything and change nothing.
    validate_only: bool, 1+;
}

message! {
    /// A change of a feature.
    FeatureUpdateKey<'a>;
    /// The feature.
    feature: &'a str, 0+;
    /// The level to be in force; 0 takes the feature out of force.
    max_version_level: i16, 0+;
    /// Whether the level may become lower.
    allow_downgrade: bool, 0-0;
    /// 1 upgrade, 2 downgrade that loses nothing, 3 downgrade that may lose something.
    upgrade_type: i8, 1+, else 1;
}

message! {
    /// Says whether the features were changed.
    ///
    /// Source: key 57; KIP-584, KIP-778 (v1), KIP-1022 (v2).
    UpdateFeaturesResponse<'a>, key 57, versions 0-2, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// What became of each feature.
    results: Array<'a, UpdatableFeatureResult<'a>>, 0-1;
}

message! {
    /// What became of a feature.
    UpdatableFeatureResult<'a>;
    /// The feature.
    feature: &'a str, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
}
