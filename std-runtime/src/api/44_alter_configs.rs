//! AlterConfigs, key 33, served 0-2, and IncrementalAlterConfigs, key 44, served 0-1. KIP-133, KIP-339.
//!
//! Differences from Apache Kafka: fewer of a broker's settings can be changed while it runs, see docs/configuration.md, and names that are not known
//! are refused, where Kafka keeps them for plugins; settings of streams groups are kept and shown, and have no effect yet; loggers
//! are our own; what clients are to measure is kept and told to nobody, as Kafka does without a plugin that takes it.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::catalog::answer::Answer;
use millpond_core::catalog::error::CatalogError;
use millpond_core::catalog::input::{AlterConfigs, Input, ResourceKind};
use millpond_core::catalog::name;
use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::config::client_metrics::{self, BadSubscription};
use crate::config::key::Kind;
use crate::config::{groups, keys};
use crate::loggers::{self, LoggerError};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::alter_configs::{self as replace, AlterConfigsRequest, AlterConfigsResponse};
use crate::protocol::messages::incremental_alter_configs::{
    self as incremental, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use crate::worker::turn::Turn;

use super::catalog::{self, Refusal};
use super::create_topics::check_topic_config;
use super::describe_configs::check_node;
use super::dispatch::Asked;
use super::repeated::repeated;
use super::{respond, tier_rules};

/// What is done to a setting. Source: `AlterConfigOp.OpType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Set,
    Delete,
    Append,
    Subtract,
}

impl Operation {
    const fn from_number(number: i8) -> Option<Self> {
        match number {
            0 => Some(Self::Set),
            1 => Some(Self::Delete),
            2 => Some(Self::Append),
            3 => Some(Self::Subtract),
            _ => None,
        }
    }
}

/// What a pattern may take when it is compiled. Unit: bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

type Changes = Vec<(String, Option<String>)>;

/// Replaces all settings of each resource.
pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: AlterConfigsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let named = request.resources.iter().map(|resource| ((resource.resource_type, resource.resource_name), resource));
        let (outcomes, written) = alter_each(turn, named, request.validate_only, replaced);
        let told: Vec<replace::AlterConfigsResourceResponse<'_>> = request
            .resources
            .iter()
            .zip(&outcomes)
            .map(|(resource, refusal)| replace::AlterConfigsResourceResponse {
                error_code: refusal.as_ref().map_or(0, |refusal| refusal.code.number()),
                error_message: refusal.as_ref().map(|refusal| refusal.message.as_str()),
                resource_type: resource.resource_type,
                resource_name: resource.resource_name,
            })
            .collect();
        let outgoing = respond::encode(head, &AlterConfigsResponse { responses: Array::from(&*told), ..Default::default() });
        turn.hold(head, reply, outgoing, &written, ErrorCode::KAFKA_STORAGE_ERROR, None);
    });
    Ok(())
}

/// Changes single settings of each resource.
pub(crate) fn serve_incremental(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: IncrementalAlterConfigsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let named = request.resources.iter().map(|resource| ((resource.resource_type, resource.resource_name), resource));
        let (outcomes, written) = alter_each(turn, named, request.validate_only, changed);
        let told: Vec<incremental::AlterConfigsResourceResponse<'_>> = request
            .resources
            .iter()
            .zip(&outcomes)
            .map(|(resource, refusal)| incremental::AlterConfigsResourceResponse {
                error_code: refusal.as_ref().map_or(0, |refusal| refusal.code.number()),
                error_message: refusal.as_ref().map(|refusal| refusal.message.as_str()),
                resource_type: resource.resource_type,
                resource_name: resource.resource_name,
            })
            .collect();
        let outgoing = respond::encode(head, &IncrementalAlterConfigsResponse { responses: Array::from(&*told), ..Default::default() });
        turn.hold(head, reply, outgoing, &written, ErrorCode::KAFKA_STORAGE_ERROR, None);
    });
    Ok(())
}

/// Alters each resource by itself, except those named twice: what became of each, in their order, and what was written for them.
/// A resource comes with the number of its kind and its name; `changes` says what is to become of its settings.
fn alter_each<'n, R>(
    turn: &mut Turn<'_>,
    resources: impl Iterator<Item = ((i8, &'n str), R)> + Clone,
    validate_only: bool,
    changes: impl Fn(&Turn<'_>, ResourceKind, &R) -> Result<Changes, Refusal>,
) -> (Vec<Option<Refusal>>, Vec<Written>) {
    let twice = repeated(resources.clone().map(|(named, _)| named));
    let mut written: Vec<Written> = Vec::new();
    let outcomes = resources
        .map(|(named, resource)| {
            if twice.contains(&named) {
                return Some(Refusal::new(ErrorCode::INVALID_REQUEST, "Each resource must appear at most once."));
            }
            let (kind, name) = (ResourceKind(named.0), named.1);
            let changes = changes(turn, kind, &resource);
            changes.and_then(|changes| alter(turn, kind, name, &changes, validate_only, &mut written)).err()
        })
        .collect();
    (outcomes, written)
}

fn current(turn: &Turn<'_>, kind: ResourceKind, name: &str) -> BTreeMap<String, String> {
    let configs = turn.inner.shard.catalog().configs_of(kind, name);
    configs.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn replaced(turn: &Turn<'_>, kind: ResourceKind, resource: &replace::AlterConfigsResource<'_>) -> Result<Changes, Refusal> {
    if kind == ResourceKind::BROKER_LOGGER {
        return Err(Refusal::new(ErrorCode::INVALID_REQUEST, "levels of loggers are changed one by one"));
    }
    let mut changes: BTreeMap<String, Option<String>> =
        current(turn, kind, resource.resource_name).into_keys().map(|name| (name, None)).collect();
    if !repeated(resource.configs.iter().map(|config| config.name)).is_empty() {
        return Err(Refusal::new(ErrorCode::INVALID_REQUEST, "Error due to duplicate config keys"));
    }
    for config in resource.configs.iter() {
        let Some(value) = config.value else {
            return Err(Refusal::new(ErrorCode::INVALID_REQUEST, format!("Null value not supported for {}.", config.name)));
        };
        changes.insert(config.name.to_string(), Some(value.to_string()));
    }
    Ok(changes.into_iter().collect())
}

fn changed(turn: &Turn<'_>, kind: ResourceKind, resource: &incremental::AlterConfigsResource<'_>) -> Result<Changes, Refusal> {
    let before = current(turn, kind, resource.resource_name);
    let mut named: BTreeSet<&str> = BTreeSet::new();
    let mut changes: Changes = Vec::new();
    for config in resource.configs.iter() {
        let name = config.name.to_string();
        if !named.insert(config.name) {
            return Err(Refusal::new(ErrorCode::INVALID_REQUEST, "Error due to duplicate config keys"));
        }
        let Some(operation) = Operation::from_number(config.config_operation) else {
            return Err(Refusal::new(ErrorCode::INVALID_REQUEST, format!("Unknown operation type {}", config.config_operation)));
        };
        let value = match (operation, config.value) {
            (Operation::Delete, _) => None,
            (_, None) => return Err(Refusal::new(ErrorCode::INVALID_REQUEST, format!("Null value not supported for {name}."))),
            (Operation::Set, Some(value)) => Some(value.to_string()),
            (Operation::Append | Operation::Subtract, Some(value)) => {
                let inherited = inherited(turn, kind, &name)?;
                let list = before.get(&name).map_or(inherited.as_str(), String::as_str);
                Some(edited(list, value, operation))
            }
        };
        changes.push((name, value));
    }
    Ok(changes)
}

/// The value that a list begins from when a resource has none of its own; an error when the setting is no list.
fn inherited(turn: &Turn<'_>, kind: ResourceKind, name: &str) -> Result<String, Refusal> {
    let key = match kind {
        ResourceKind::TOPIC => keys::topic_key(name),
        ResourceKind::GROUP => keys::group_key(name),
        ResourceKind::BROKER_LOGGER => {
            let message = format!("the level of the logger {name} is no list");
            return Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
        }
        ResourceKind::CLIENT_METRICS => {
            let key = client_metrics::KEYS.iter().find(|key| key.name == name && key.kind == Kind::List);
            return key.map(|key| key.default.to_string()).ok_or_else(|| no_list(name));
        }
        _ => keys::broker_key(name),
    };
    match key {
        Some(key) if key.kind == Kind::List => Ok(turn.around.config.value_of(key.name).or(key.default).unwrap_or_default().to_string()),
        Some(_) | None => Err(no_list(name)),
    }
}

fn no_list(name: &str) -> Refusal {
    Refusal::new(ErrorCode::INVALID_CONFIG, format!("Can't append or subtract from the config key {name}, which is no list"))
}

fn edited(list: &str, words: &str, operation: Operation) -> String {
    let split =
        |text: &str| -> Vec<String> { text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_string).collect() };
    let (mut list, words) = (split(list), split(words));
    if operation == Operation::Subtract {
        list.retain(|word| !words.contains(word));
    } else {
        let fresh: Vec<String> = words.into_iter().filter(|word| !list.contains(word)).collect();
        list.extend(fresh);
    }
    list.join(",")
}

fn alter(
    turn: &mut Turn<'_>,
    kind: ResourceKind,
    name: &str,
    changes: &Changes,
    validate_only: bool,
    written: &mut Vec<Written>,
) -> Result<(), Refusal> {
    match kind {
        ResourceKind::TOPIC => {
            // Source: `ConfigurationControlManager`, `ControllerApis`.
            if name.is_empty() {
                return Err(Refusal::new(ErrorCode::INVALID_REQUEST, "Default topic resources are not allowed."));
            }
            name::check(name).map_err(|error| Refusal::from(&CatalogError::InvalidName(error)))?;
            for (key, value) in changes {
                if let Some(value) = value {
                    check_topic_config(key, value)?;
                }
            }
            tier_rules::check(turn, &current(turn, kind, name), &after(turn, kind, name, changes))?;
        }
        ResourceKind::BROKER => check_broker_changes(turn, name, changes)?,
        ResourceKind::GROUP | ResourceKind::CLIENT_METRICS if name.is_empty() => {
            return Err(Refusal::new(ErrorCode::INVALID_REQUEST, "Default resources are not allowed here."));
        }
        // What is there is judged with what is to come, so that the whole makes sense.
        ResourceKind::GROUP => {
            let checked = groups::check(&turn.around.config, &after(turn, kind, name, changes));
            checked.map_err(|message| Refusal::new(ErrorCode::INVALID_CONFIG, message))?;
        }
        ResourceKind::CLIENT_METRICS => {
            let is_pattern = |text: &str| regex::RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build().is_ok();
            client_metrics::check(&after(turn, kind, name, changes), is_pattern).map_err(|bad| match bad {
                BadSubscription::Request(message) => Refusal::new(ErrorCode::INVALID_REQUEST, message),
                BadSubscription::Value(message) => Refusal::new(ErrorCode::INVALID_CONFIG, message),
            })?;
        }
        ResourceKind::BROKER_LOGGER => {
            check_node(turn, name)?;
            // They are of this moment: nothing is written down.
            return match loggers::handed_over() {
                Some(loggers) => loggers.change(changes, validate_only).map_err(|error| refusal_of_logger(&error)),
                None => Err(Refusal::new(ErrorCode::INVALID_CONFIG, "this broker has no loggers")),
            };
        }
        ResourceKind(other) => {
            return Err(Refusal::new(ErrorCode::INVALID_REQUEST, format!("{other} names no kind of resource that has settings here")));
        }
    }
    let borrowed: Vec<(&str, Option<&str>)> = changes.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
    let input = Input::AlterConfigs(AlterConfigs { call: catalog::HERE, kind, name, changes: &borrowed, validate_only });
    let ((), end) = catalog::turn(turn, input, |answer| match answer {
        Answer::ConfigsAltered(Ok(())) => Ok(()),
        Answer::ConfigsAltered(Err(error)) => Err(Refusal::from(&error)),
        other => Err(catalog::unexpected(&other)),
    })?;
    written.extend(end);
    if kind == ResourceKind::BROKER && !validate_only {
        turn.apply_broker_settings();
    }
    Ok(())
}

fn refusal_of_logger(error: &LoggerError) -> Refusal {
    let code = match error {
        LoggerError::Unknown(_) | LoggerError::Level(_) => ErrorCode::INVALID_CONFIG,
        LoggerError::RootNeedsLevel => ErrorCode::INVALID_REQUEST,
        LoggerError::Failed(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
    };
    Refusal::new(code, error.to_string())
}

/// The settings of a resource as they will be.
fn after(turn: &Turn<'_>, kind: ResourceKind, name: &str, changes: &Changes) -> BTreeMap<String, String> {
    let mut after = current(turn, kind, name);
    for (key, value) in changes {
        match value {
            Some(value) => drop(after.insert(key.clone(), value.clone())),
            None => drop(after.remove(key)),
        }
    }
    after
}

fn check_broker_changes(turn: &Turn<'_>, name: &str, changes: &Changes) -> Result<(), Refusal> {
    if !name.is_empty() {
        check_node(turn, name)?;
    }
    for (key, value) in changes {
        let Some(row) = keys::broker_key(key) else {
            return Err(Refusal::new(ErrorCode::INVALID_CONFIG, format!("Unknown broker config name: {key}")));
        };
        let Some(value) = value else { continue };
        if !row.dynamic {
            // Source: `DynamicBrokerConfig.verifyReconfigurableConfigs`.
            let message = format!("Cannot update these configs dynamically: [{}]", row.name);
            return Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
        }
        row.parse(value).map_err(|bad| Refusal::new(ErrorCode::INVALID_REQUEST, bad.to_string()))?;
    }
    Ok(())
}
