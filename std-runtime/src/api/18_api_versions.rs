//! ApiVersions, key 18, served 0-4. KIP-35, KIP-482 (v3), KIP-511 (v3), KIP-584 (features).
//!
//! What is reported is `protocol::api_key`'s table, the one that dispatch obeys.
//! Reports of clients on themselves (GetTelemetrySubscriptions, PushTelemetry; KIP-714) are not asked for, as Apache Kafka does not without a
//! plugin that takes them.
//! Differences from Apache Kafka: APIs that are not served yet are not reported, and neither are features that need them. A directory that
//! Kafka wrote may have them finalized; it keeps them.

use millpond_core::catalog::features::{self, SUPPORTED};
use millpond_core::catalog::name::KRAFT_VERSION;
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

/// From which version on clients can be told that a feature may be out of force. Source: KAFKA-17492.
const LEVEL_0_SINCE: i16 = 4;

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
    let supported: Vec<SupportedFeatureKey<'_>> = SUPPORTED
        .iter()
        .filter(|feature| feature.min > 0 || asked.head.version >= LEVEL_0_SINCE)
        .map(|feature| SupportedFeatureKey { name: feature.name, min_version: feature.min, max_version: feature.max })
        .collect();
    let (levels, epoch): (Vec<(String, i16)>, i64) = asked.worker.turn(|turn| {
        // A client takes the levels of the answer with the highest epoch for those of today, so it rises with every change: it is the
        // offset of the last record. Source: `KRaftMetadataCache.features`.
        let epoch = turn.inner.shard.catalog_stands(turn.at).map_or(-1, |(marks, _)| marks.log_end().0 - 1);
        let catalog = turn.inner.shard.catalog();
        let quorum = Some((KRAFT_VERSION, catalog.feature_level(KRAFT_VERSION))).filter(|(_, level)| *level > 0);
        let known = catalog.features().filter(|(name, _)| features::supported(name).is_some());
        (known.chain(quorum).map(|(name, level)| (name.to_string(), level)).collect(), epoch)
    });
    let finalized: Vec<FinalizedFeatureKey<'_>> =
        levels.iter().map(|(name, level)| FinalizedFeatureKey { name, max_version_level: *level, min_version_level: *level }).collect();
    asked.answer(&ApiVersionsResponse {
        api_keys: Array::from(&*api_keys),
        supported_features: Array::from(&*supported),
        finalized_features_epoch: epoch,
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
