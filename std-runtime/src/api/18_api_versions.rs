//! ApiVersions, key 18, served 0-4. KIP-35, KIP-482 (v3), KIP-511 (v3), KIP-584 (features).
//!
//! What is reported is `protocol::api_key`'s table, the one that dispatch obeys.
//! Differences from Apache Kafka: APIs that are not served yet are not reported, and neither are features that need them. A directory that
//! Kafka wrote may have them finalized; it keeps them.

use millpond_core::catalog::name::{GROUP_VERSION, METADATA_VERSION, METADATA_VERSION_MAX, SHARE_VERSION, TRANSACTION_VERSION};
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::api_key::ApiKey;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use crate::worker::calls::Head;

use super::dispatch::Asked;
use super::respond;

/// The features that this broker knows, and up to which level.
pub(crate) const FEATURES: &[(&str, i16, i16)] =
    &[(GROUP_VERSION, 0, 1), (METADATA_VERSION, 7, METADATA_VERSION_MAX), (SHARE_VERSION, 0, 1), (TRANSACTION_VERSION, 0, 2)];

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    if !ApiKey::ApiVersions.api().serves(asked.head.version) {
        // A client that is newer than we are reads version 0, and learns what to ask. Source: KIP-511.
        let own = [row(ApiKey::ApiVersions)];
        let own: Vec<ApiVersion> = own.into_iter().flatten().collect();
        let error_code = ErrorCode::UNSUPPORTED_VERSION.number();
        let message = ApiVersionsResponse { error_code, api_keys: Array::from(&*own), ..Default::default() };
        let head = Head { version: 0, ..asked.head };
        asked.reply.send(respond::encode(head, &message));
        return Ok(());
    }
    let request: ApiVersionsRequest<'_> = asked.decode()?;
    let named = is_software_word(request.client_software_name) && is_software_word(request.client_software_version);
    if asked.head.version >= 3 && !named {
        let error_code = ErrorCode::INVALID_REQUEST.number();
        asked.answer(&ApiVersionsResponse { error_code, ..Default::default() });
        return Ok(());
    }
    let api_keys: Vec<ApiVersion> = ApiKey::ALL.iter().filter_map(|key| row(*key)).collect();
    let supported: Vec<SupportedFeatureKey<'_>> = FEATURES
        .iter()
        .map(|(name, min_version, max_version)| SupportedFeatureKey { name, min_version: *min_version, max_version: *max_version })
        .collect();
    let is_known = |feature: &str| FEATURES.iter().any(|(known, _, _)| *known == feature);
    let levels: Vec<(String, i16)> = asked.worker.turn(|turn| {
        let known = turn.inner.shard.catalog().features().filter(|(name, _)| is_known(name));
        known.map(|(name, level)| (name.to_string(), level)).collect()
    });
    let finalized: Vec<FinalizedFeatureKey<'_>> =
        levels.iter().map(|(name, level)| FinalizedFeatureKey { name, max_version_level: *level, min_version_level: *level }).collect();
    asked.answer(&ApiVersionsResponse {
        api_keys: Array::from(&*api_keys),
        supported_features: Array::from(&*supported),
        finalized_features_epoch: 0,
        finalized_features: Array::from(&*finalized),
        ..Default::default()
    });
    Ok(())
}

fn row(key: ApiKey) -> Option<ApiVersion> {
    let versions = key.api().advertised?;
    Some(ApiVersion { api_key: key.number(), min_version: versions.first, max_version: versions.last })
}

/// Letters and digits, with `-` and `.` inside. Source: `ApiVersionsRequest.SOFTWARE_NAME_VERSION_PATTERN`.
fn is_software_word(word: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let ends = [word.bytes().next(), word.bytes().next_back()];
    ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric())) && word.bytes().all(inner)
}
