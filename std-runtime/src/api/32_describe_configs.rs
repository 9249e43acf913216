//! DescribeConfigs, key 32, served 1-4. KIP-133, KIP-226 (v1), KIP-569 (v3).
//!
//! Everything told comes from the rows of `config::keys`.
//! Differences from Apache Kafka: settings that neither know are not shown; loggers are our own, and a broker inside of another program has
//! them only if that hands them over.

use std::collections::BTreeSet;

use millpond_core::catalog::error::CatalogError;
use millpond_core::catalog::input::ResourceKind;
use millpond_core::catalog::name;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::config::client_metrics;
use crate::config::key::Key;
use crate::config::keys;
use crate::loggers::{self, Level, Loggers};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult,
    DescribeConfigsSynonym,
};
use crate::worker::turn::Turn;

use super::catalog::Refusal;
use super::create_topics;
use super::dispatch::Asked;
use super::repeated::unique;
use super::respond;

/// Where a value comes from. Source: `DescribeConfigsResponse.ConfigSource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub(crate) enum Source {
    /// Set for the topic.
    Topic = 1,
    /// Set for this broker while it runs.
    Broker = 2,
    /// Set for all brokers while they run.
    DefaultBroker = 3,
    /// In the broker's configuration.
    StaticBroker = 4,
    /// Nowhere.
    Default = 5,
    /// The level of a logger.
    BrokerLogger = 6,
    /// Set for the subscription.
    ClientMetrics = 7,
    /// Set for the group.
    Group = 8,
}

impl Source {
    pub(crate) const fn number(self) -> i8 {
        self as i8
    }
}

/// One setting as it is told.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
    pub(crate) source: Source,
    pub(crate) read_only: bool,
    pub(crate) sensitive: bool,
    kind: i8,
    doc: &'static str,
    /// Where the value could come from, first what counts.
    synonyms: Vec<(String, Option<String>, Source)>,
}

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DescribeConfigsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let resources = unique(request.resources.iter(), |resource| (resource.resource_type, resource.resource_name));
        let described: Vec<Result<Vec<Described>, Refusal>> = resources.iter().map(|resource| describe(turn, resource)).collect();
        let synonyms: Vec<Vec<Vec<DescribeConfigsSynonym<'_>>>> = described
            .iter()
            .map(|described| described.iter().flatten().map(|config| tell_synonyms(config, request.include_synonyms)).collect())
            .collect();
        let configs: Vec<Vec<DescribeConfigsResourceResult<'_>>> = described
            .iter()
            .zip(&synonyms)
            .map(|(described, synonyms)| {
                let pairs = described.iter().flatten().zip(synonyms);
                pairs.map(|(config, synonyms)| tell(config, synonyms, request.include_documentation)).collect()
            })
            .collect();
        let results: Vec<DescribeConfigsResult<'_>> = resources
            .iter()
            .zip(&described)
            .zip(&configs)
            .map(|((resource, described), configs)| {
                let refusal = described.as_ref().err();
                DescribeConfigsResult {
                    error_code: refusal.map_or(0, |refusal| refusal.code.number()),
                    error_message: refusal.map(|refusal| refusal.message.as_str()),
                    resource_type: resource.resource_type,
                    resource_name: resource.resource_name,
                    configs: Array::from(&**configs),
                }
            })
            .collect();
        reply.send(respond::encode(head, &DescribeConfigsResponse { results: Array::from(&*results), ..Default::default() }));
    });
    Ok(())
}

fn describe(turn: &Turn<'_>, resource: &DescribeConfigsResource<'_>) -> Result<Vec<Described>, Refusal> {
    // No keys mean all of them. Source: `ConfigHelper.describeConfigs`.
    let keys: Option<BTreeSet<&str>> = resource.configuration_keys.filter(|keys| !keys.is_empty()).map(|keys| keys.iter().collect());
    let wanted = |name: &str| keys.as_ref().is_none_or(|keys| keys.contains(name));
    let mut described = match ResourceKind(resource.resource_type) {
        ResourceKind::TOPIC => {
            let name = resource.resource_name;
            name::check(name).map_err(|error| Refusal::from(&CatalogError::InvalidName(error)))?;
            if turn.inner.shard.catalog().topic(name).is_none() {
                let message = format!("there is no topic {name}");
                return Err(Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message));
            }
            let own = create_topics::own_configs(turn, name);
            of_topic(turn, &mut own.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        }
        ResourceKind::BROKER => {
            if !resource.resource_name.is_empty() {
                check_node(turn, resource.resource_name)?;
            }
            of_broker(turn, resource.resource_name)
        }
        ResourceKind::GROUP | ResourceKind::CLIENT_METRICS if resource.resource_name.is_empty() => {
            return Err(Refusal::new(ErrorCode::INVALID_REQUEST, "the resource has no name"));
        }
        ResourceKind::GROUP => of_group(turn, resource.resource_name),
        ResourceKind::CLIENT_METRICS => of_subscription(turn, resource.resource_name),
        ResourceKind::BROKER_LOGGER => {
            check_node(turn, resource.resource_name)?;
            of_loggers()
        }
        ResourceKind(other) => {
            return Err(Refusal::new(ErrorCode::INVALID_REQUEST, format!("{other} names no kind of resource that has settings here")));
        }
    };
    described.retain(|config| wanted(&config.name));
    Ok(described)
}

/// Whether this is the broker that is meant.
pub(crate) fn check_node(turn: &Turn<'_>, name: &str) -> Result<(), Refusal> {
    let node = turn.around.config.node.to_string();
    if name == node {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::INVALID_REQUEST, format!("Unexpected broker id, expected {node}, but received {name}")))
}

/// The settings of a topic, given those of its own.
pub(crate) fn of_topic(turn: &Turn<'_>, own: &mut dyn Iterator<Item = (&str, &str)>) -> Vec<Described> {
    let own: Vec<(String, String)> = own.map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let of_key = |key: &'static Key| {
        let name = key.topic_name?;
        let mut synonyms = Vec::new();
        if let Some((_, value)) = own.iter().find(|(own, _)| own == name) {
            synonyms.push((name.to_string(), Some(value.clone()), Source::Topic));
        }
        let names: Vec<&str> = if key.name.is_empty() { Vec::new() } else { keys::synonyms(key.name).collect() };
        push_broker_sources(turn, &names, &mut synonyms);
        let mut told = described(name, key, synonyms, false);
        told.value = match told.synonyms.first() {
            Some((of, value, _)) => value.as_ref().map(|value| keys::as_topics_have_it(of, value)),
            // What only topics have is no synonym of anything.
            None => key.default.map(str::to_string),
        };
        Some(told)
    };
    keys::KEYS.iter().filter_map(of_key).collect()
}

/// The settings of this broker, or with an empty name those that are set for all brokers.
fn of_broker(turn: &Turn<'_>, name: &str) -> Vec<Described> {
    if name.is_empty() {
        return stored(turn, "", Source::DefaultBroker);
    }
    let of_key = |key: &'static Key| {
        let mut synonyms = Vec::new();
        push_broker_sources(turn, &[key.name], &mut synonyms);
        described(key.name, key, synonyms, !key.dynamic)
    };
    keys::KEYS.iter().filter(|key| !key.name.is_empty()).map(of_key).collect()
}

/// Settings of brokers that are kept, as they are kept. What is not known is a secret: it may be one. Source: `KafkaConfig.maybeSensitive`.
fn stored(turn: &Turn<'_>, name: &str, source: Source) -> Vec<Described> {
    let configs = turn.inner.shard.catalog().configs_of(ResourceKind::BROKER, name);
    let of_unknown = |name: &str| Described {
        name: name.to_string(),
        value: None,
        source,
        read_only: false,
        sensitive: true,
        kind: UNKNOWN_KIND,
        doc: "",
        synonyms: Vec::new(),
    };
    let told = configs.map(|(name, value)| match keys::broker_key(name) {
        Some(key) => described(name, key, vec![(name.to_string(), Some(value.to_string()), source)], false),
        None => of_unknown(name),
    });
    told.collect()
}

/// The kind of a value that nothing is known of. Source: `DescribeConfigsResponse.ConfigType`.
const UNKNOWN_KIND: i8 = 0;

/// The settings of a group: its own, and the broker's for what it does not set.
fn of_group(turn: &Turn<'_>, group: &str) -> Vec<Described> {
    let own = |of: &str| {
        let mut configs = turn.inner.shard.catalog().configs_of(ResourceKind::GROUP, group);
        configs.find(|(name, _)| *name == of).map(|(_, value)| value)
    };
    let of_key = |key: &'static Key| {
        let name = key.group_name?;
        let mut synonyms = Vec::new();
        synonyms.extend(own(name).map(|value| (name.to_string(), Some(value.to_string()), Source::Group)));
        if key.name.is_empty() {
            synonyms.extend(key.default.map(|default| (name.to_string(), Some(default.to_string()), Source::Default)));
        } else {
            push_broker_sources(turn, &[key.name], &mut synonyms);
        }
        Some(described(name, key, synonyms, false))
    };
    keys::KEYS.iter().filter_map(of_key).collect()
}

/// What is logged.
fn of_loggers() -> Vec<Described> {
    let levels = loggers::handed_over().map(Loggers::levels).unwrap_or_default();
    let of_level = |(name, level): (&str, Level)| Described {
        name: name.to_string(),
        value: Some(level.name().to_string()),
        source: Source::BrokerLogger,
        read_only: false,
        sensitive: false,
        kind: UNKNOWN_KIND,
        doc: "",
        synonyms: Vec::new(),
    };
    levels.into_iter().map(of_level).collect()
}

/// What clients are to measure by a subscription.
fn of_subscription(turn: &Turn<'_>, subscription: &str) -> Vec<Described> {
    let own = |of: &str| {
        let mut configs = turn.inner.shard.catalog().configs_of(ResourceKind::CLIENT_METRICS, subscription);
        configs.find(|(name, _)| *name == of).map(|(_, value)| value)
    };
    let of_key = |key: &client_metrics::MetricsKey| {
        let set = own(key.name).map(|value| (key.name.to_string(), Some(value.to_string()), Source::ClientMetrics));
        let synonyms: Vec<_> = set.into_iter().collect();
        let default = (Some(key.default.to_string()), Source::Default);
        let (value, source) = synonyms.first().map_or(default, |(_, value, source)| (value.clone(), *source));
        Described {
            name: key.name.to_string(),
            value,
            source,
            read_only: false,
            sensitive: false,
            kind: key.kind.number(),
            doc: key.doc,
            synonyms,
        }
    };
    client_metrics::KEYS.iter().map(of_key).collect()
}

/// Where the broker's value of these keys, which all say the same, may come from: first what counts. Source: `ConfigHelper.configSynonyms`.
fn push_broker_sources(turn: &Turn<'_>, names: &[&str], synonyms: &mut Vec<(String, Option<String>, Source)>) {
    let catalog = turn.inner.shard.catalog();
    let node = turn.around.config.node.to_string();
    let set = |of: &str, key: &str| catalog.configs_of(ResourceKind::BROKER, of).find(|(name, _)| *name == key).map(|(_, value)| value);
    for source in [Source::Broker, Source::DefaultBroker, Source::StaticBroker, Source::Default] {
        for name in names {
            let value = match source {
                Source::Broker => set(&node, name),
                Source::DefaultBroker => set("", name),
                Source::StaticBroker => turn.around.config.given(name),
                Source::Default => keys::broker_key(name).and_then(|key| key.default),
                Source::Topic | Source::Group | Source::ClientMetrics | Source::BrokerLogger => None,
            };
            synonyms.extend(value.map(|value| ((*name).to_string(), Some(value.to_string()), source)));
        }
    }
}

fn described(name: &str, key: &'static Key, synonyms: Vec<(String, Option<String>, Source)>, read_only: bool) -> Described {
    let (value, source) = synonyms.first().map_or((None, Source::Default), |(_, value, source)| (value.clone(), *source));
    Described {
        name: name.to_string(),
        // A sensitive value is never shown.
        value: value.filter(|_| !key.sensitive),
        source,
        read_only,
        sensitive: key.sensitive,
        kind: key.kind.number(),
        doc: key.doc,
        synonyms: if key.sensitive { Vec::new() } else { synonyms },
    }
}

fn tell_synonyms(config: &Described, wanted: bool) -> Vec<DescribeConfigsSynonym<'_>> {
    let synonyms = config.synonyms.iter().filter(|_| wanted);
    synonyms.map(|(name, value, source)| DescribeConfigsSynonym { name, value: value.as_deref(), source: source.number() }).collect()
}

fn tell<'c>(config: &'c Described, synonyms: &'c [DescribeConfigsSynonym<'c>], documented: bool) -> DescribeConfigsResourceResult<'c> {
    DescribeConfigsResourceResult {
        name: &config.name,
        value: config.value.as_deref(),
        read_only: config.read_only,
        config_source: config.source.number(),
        is_sensitive: config.sensitive,
        synonyms: Array::from(synonyms),
        config_type: config.kind,
        documentation: documented.then_some(config.doc),
    }
}
