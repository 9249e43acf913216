//! AlterClientQuotas, key 49, served 0-1. KIP-546, KIP-612.
//!
//! Differences from Apache Kafka: quotas are kept and told, and are not enforced yet; an ip is an address and not the name of a host, since
//! nobody is asked here what addresses a name has; an entity that is named twice is refused both times, where Kafka answers once.

use millpond_core::catalog::answer::Answer;
use millpond_core::catalog::input::{AlterQuotas, Input};
use millpond_core::catalog::quotas::QuotaEntity;
use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::alter_client_quotas::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, EntityData, EntityResult, EntryData, EntryResult,
};
use crate::worker::turn::Turn;

use super::catalog::{self, Refusal};
use super::dispatch::Asked;
use super::repeated::repeated;
use super::{quotas, respond};

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: AlterClientQuotasRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    let entities: Vec<Result<QuotaEntity<&str>, Refusal>> = request.entries.iter().map(|entry| entity_of(entry.entity)).collect();
    let twice = repeated(entities.iter().filter_map(|entity| entity.as_ref().ok().copied()));
    worker.turn(|turn| {
        let mut written: Vec<Written> = Vec::new();
        let refusals: Vec<Option<Refusal>> = request
            .entries
            .iter()
            .zip(entities)
            .map(|(entry, entity)| {
                let altered = entity.and_then(|entity| {
                    if twice.contains(&entity) {
                        return Err(Refusal::new(ErrorCode::INVALID_REQUEST, "the entity is named twice"));
                    }
                    alter(turn, entity, &entry, request.validate_only)
                });
                altered.map(|end| written.extend(end)).err()
            })
            .collect();
        let names: Vec<Vec<EntityResult<'_>>> = request
            .entries
            .iter()
            .map(|entry| {
                let parts = entry.entity.iter();
                parts.map(|part| EntityResult { entity_type: part.entity_type, entity_name: part.entity_name }).collect()
            })
            .collect();
        let entries: Vec<EntryResult<'_>> = names
            .iter()
            .zip(&refusals)
            .map(|(entity, refusal)| EntryResult {
                error_code: refusal.as_ref().map_or(0, |refusal| refusal.code.number()),
                error_message: refusal.as_ref().map(|refusal| refusal.message.as_str()),
                entity: Array::from(&**entity),
            })
            .collect();
        let outgoing = respond::encode(head, &AlterClientQuotasResponse { entries: Array::from(&*entries), ..Default::default() });
        turn.hold(head, reply, outgoing, &written, ErrorCode::KAFKA_STORAGE_ERROR, None);
    });
    Ok(())
}

fn entity_of<'a>(parts: Array<'a, EntityData<'a>>) -> Result<QuotaEntity<&'a str>, Refusal> {
    let mut entity = QuotaEntity::default();
    match parts.iter().find(|part| !entity.set(part.entity_type, part.entity_name)) {
        None => Ok(entity),
        Some(part) => {
            let message = format!("{} is no type of entity, or is named twice", part.entity_type);
            Err(Refusal::new(ErrorCode::INVALID_REQUEST, message))
        }
    }
}

fn alter(turn: &mut Turn<'_>, entity: QuotaEntity<&str>, entry: &EntryData<'_>, validate_only: bool) -> Result<Option<Written>, Refusal> {
    let known = quotas::quotas_of(&entity)?;
    if !repeated(entry.ops.iter().map(|change| change.key)).is_empty() {
        return Err(Refusal::new(ErrorCode::INVALID_REQUEST, "a quota is named twice"));
    }
    for change in entry.ops.iter().filter(|change| !change.remove) {
        quotas::check(known, change.key, change.value)?;
    }
    let changes: Vec<(&str, Option<f64>)> =
        entry.ops.iter().map(|change| (change.key, Some(change.value).filter(|_| !change.remove))).collect();
    let input = Input::AlterQuotas(AlterQuotas { call: catalog::HERE, entity, changes: &changes, validate_only });
    let ((), written) = catalog::turn(turn, input, |answer| match answer {
        Answer::QuotasAltered(Ok(())) => Ok(()),
        Answer::QuotasAltered(Err(error)) => Err(Refusal::from(&error)),
        other => Err(catalog::unexpected(&other)),
    })?;
    Ok(written)
}
