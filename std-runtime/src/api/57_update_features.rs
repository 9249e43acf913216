//! UpdateFeatures, key 57, served 0-2. KIP-584, KIP-778 (v1), KIP-1022 (v2).
//!
//! Differences from Apache Kafka: the texts of refusals are our own; `kraft.version` stays as it is, only Apache Kafka's controllers raise
//! it; in version 0 a downgrade that is allowed may lose nothing (Kafka's controllers take every update of version 0 for an upgrade).

use std::collections::BTreeMap;

use millpond_core::catalog::answer::Answer;
use millpond_core::catalog::features::{FeatureError, FeatureUpdate, UpgradeType};
use millpond_core::catalog::input::{Input, UpdateFeatures};
use millpond_core::catalog::name::METADATA_VERSION;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::update_features::{UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse};

use super::catalog::{self, Refusal};
use super::dispatch::Asked;
use super::{error_map, respond};

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: UpdateFeaturesRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    // The last word on a feature counts.
    let mut named: BTreeMap<&str, FeatureUpdate<'_>> = BTreeMap::new();
    for update in request.feature_updates.iter() {
        let upgrade_type = match (head.version, update.allow_downgrade) {
            (0, true) => UpgradeType::SafeDowngrade,
            (0, false) => UpgradeType::Upgrade,
            _ => UpgradeType::from_number(update.upgrade_type),
        };
        named.insert(update.feature, FeatureUpdate { name: update.feature, level: update.max_version_level, upgrade_type });
    }
    let updates: Vec<FeatureUpdate<'_>> = named.into_values().collect();
    worker.turn(|turn| {
        let input = UpdateFeatures { call: catalog::HERE, updates: &updates, validate_only: request.validate_only };
        let done = catalog::turn(turn, Input::UpdateFeatures(input), |answer| match answer {
            Answer::FeaturesUpdated(Ok(())) => Ok(()),
            Answer::FeaturesUpdated(Err(refused)) => Err(refusal(updates.get(refused.index), refused.error)),
            other => Err(catalog::unexpected(&other)),
        });
        let refusal = done.as_ref().err();
        // Since version 2 there is one answer for all, as all of them change or none.
        let results: Vec<UpdatableFeatureResult<'_>> = match refusal {
            Some(_) => Vec::new(),
            None => updates.iter().map(|update| UpdatableFeatureResult { feature: update.name, ..Default::default() }).collect(),
        };
        let message = UpdateFeaturesResponse {
            error_code: refusal.map_or(0, |refusal| refusal.code.number()),
            error_message: refusal.map(|refusal| refusal.message.as_str()),
            results: Array::from(&*results),
            ..Default::default()
        };
        let outgoing = respond::encode(head, &message);
        let written: Vec<_> = done.iter().filter_map(|((), written)| *written).collect();
        if !written.is_empty() {
            tracing::info!(?updates, "features have changed their levels");
        }
        turn.hold(head, reply, outgoing, &written, ErrorCode::KAFKA_STORAGE_ERROR, None);
    });
    Ok(())
}

fn refusal(update: Option<&FeatureUpdate<'_>>, error: FeatureError) -> Refusal {
    let (name, level) = update.map_or((METADATA_VERSION, 0), |update| (update.name, update.level));
    Refusal::new(error_map::of_feature(error), format!("no feature was changed, since {name} cannot have the level {level}: {error}"))
}
