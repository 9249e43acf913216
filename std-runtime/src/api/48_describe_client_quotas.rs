//! DescribeClientQuotas, key 48, served 0-1. KIP-546, KIP-612.
//!
//! Differences from Apache Kafka: quotas are kept and told, and are not enforced yet.

use std::collections::BTreeMap;

use millpond_core::catalog::quotas::{ENTITY_TYPES, Part, QuotaEntity};
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::describe_client_quotas::{
    ComponentData, DescribeClientQuotasRequest, DescribeClientQuotasResponse, EntityData, EntryData, ValueData,
};

use super::catalog::Refusal;
use super::dispatch::Asked;
use super::respond;

/// What a part must be. Source: `DescribeClientQuotasRequest`, its match types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted<'a> {
    /// Whatever it is, even if there is none; with `strict` there must be none.
    Unsaid,
    /// This very part.
    Exactly(Part<&'a str>),
    /// There.
    Any,
}

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DescribeClientQuotasRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    let wanted = match wanted(request.components) {
        Ok(wanted) => wanted,
        Err(refusal) => {
            let error_code = refusal.code.number();
            let message = DescribeClientQuotasResponse { error_code, error_message: Some(&refusal.message), ..Default::default() };
            reply.send(respond::encode(head, &message));
            return Ok(());
        }
    };
    worker.turn(|turn| {
        let mut found: BTreeMap<QuotaEntity<&str>, BTreeMap<&str, f64>> = BTreeMap::new();
        for (entity, key, value) in turn.inner.shard.catalog().quotas().filter(|(entity, _, _)| matches(&wanted, entity, request.strict)) {
            found.entry(entity).or_default().insert(key, value);
        }
        let entities: Vec<Vec<EntityData<'_>>> = found.keys().map(tell_entity).collect();
        let values: Vec<Vec<ValueData<'_>>> =
            found.values().map(|values| values.iter().map(|(key, value)| ValueData { key, value: *value }).collect()).collect();
        let entries: Vec<EntryData<'_>> = entities
            .iter()
            .zip(&values)
            .map(|(entity, values)| EntryData { entity: Array::from(&**entity), values: Array::from(&**values) })
            .collect();
        let message = DescribeClientQuotasResponse { entries: Some(Array::from(&*entries)), ..Default::default() };
        reply.send(respond::encode(head, &message));
    });
    Ok(())
}

fn tell_entity<'c>(entity: &QuotaEntity<&'c str>) -> Vec<EntityData<'c>> {
    let (count, data) = entity.data();
    data.iter().take(count).map(|part| EntityData { entity_type: part.entity_type, entity_name: part.entity_name }).collect()
}

/// What is wanted of each type. Source: `ClientQuotasImage.describe`.
fn wanted<'a>(components: Array<'a, ComponentData<'a>>) -> Result<[Wanted<'a>; 3], Refusal> {
    let invalid = |message: String| Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
    let mut wanted = [Wanted::Unsaid; 3];
    for component in components.iter() {
        let entity_type = component.entity_type;
        if entity_type.is_empty() {
            return invalid("a part of an entity's name has no type".to_string());
        }
        let Some(at) = ENTITY_TYPES.iter().position(|known| *known == entity_type) else {
            return Err(Refusal::new(ErrorCode::UNSUPPORTED_VERSION, format!("no part of an entity's name is called {entity_type}")));
        };
        let one = match (component.match_type, component.r#match) {
            (0, Some(name)) => Wanted::Exactly(Part::Named(name)),
            (1, None) => Wanted::Exactly(Part::Default),
            (2, None) => Wanted::Any,
            (0, None) => return invalid(format!("which {entity_type} is not said")),
            (1 | 2, Some(_)) => return invalid(format!("a {entity_type} is named that is not to be compared")),
            (other, _) => return invalid(format!("{other} is no way of comparing")),
        };
        match wanted.get_mut(at) {
            Some(place @ Wanted::Unsaid) => *place = one,
            _ => return invalid(format!("{entity_type} is asked for twice")),
        }
    }
    let [user, client_id, ip] = wanted;
    if ip != Wanted::Unsaid && (user != Wanted::Unsaid || client_id != Wanted::Unsaid) {
        return invalid("an entity is an ip, or it is a user, a client-id, or both".to_string());
    }
    Ok(wanted)
}

fn matches(wanted: &[Wanted<'_>; 3], entity: &QuotaEntity<&str>, strict: bool) -> bool {
    let each = wanted.iter().zip(entity.parts());
    each.into_iter().all(|(wanted, part)| match wanted {
        Wanted::Unsaid => !strict || !part.is_present(),
        Wanted::Exactly(exactly) => *exactly == part,
        Wanted::Any => part.is_present(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(entity_type: &'static str, match_type: i8, name: Option<&'static str>) -> ComponentData<'static> {
        ComponentData { entity_type, match_type, r#match: name }
    }

    #[test]
    fn a_filter_names_each_type_once_and_only_what_it_compares() {
        let code = |parts: &[ComponentData<'static>]| wanted(Array::from(parts)).map(drop).map_err(|refusal| refusal.code);
        assert_eq!(code(&[]), Ok(()));
        assert_eq!(code(&[part("user", 0, Some("u")), part("client-id", 2, None)]), Ok(()));
        for wrong in [
            &[part("user", 0, None)][..],
            &[part("user", 1, Some("u"))],
            &[part("user", 2, Some("u"))],
            &[part("user", 9, None)],
            &[part("", 2, None)],
            &[part("user", 2, None), part("user", 1, None)],
            &[part("ip", 2, None), part("user", 2, None)],
        ] {
            assert_eq!(code(wrong), Err(ErrorCode::INVALID_REQUEST), "{wrong:?}");
        }
        assert_eq!(code(&[part("planet", 2, None)]), Err(ErrorCode::UNSUPPORTED_VERSION));
    }

    #[test]
    fn strict_leaves_out_what_has_further_parts() {
        let mut both = QuotaEntity::default();
        assert!(both.set("user", Some("u")) && both.set("client-id", None));
        let (user, default) = ([part("user", 0, Some("u"))], [part("user", 1, None)]);
        let of_user = wanted(Array::from(&user)).expect("a filter");
        assert!(matches(&of_user, &both, false) && !matches(&of_user, &both, true));
        let of_default = wanted(Array::from(&default)).expect("a filter");
        assert!(!matches(&of_default, &both, false));
        let of_all = wanted(Array::default()).expect("a filter");
        assert!(matches(&of_all, &both, false) && !matches(&of_all, &both, true));
    }
}
