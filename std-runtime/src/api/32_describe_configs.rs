//! DescribeConfigs, key 32, served 1-4. KIP-133, KIP-226 (v1), KIP-569 (v3).
//!
//! Everything told comes from the rows of `config::keys`.
//! Differences from Apache Kafka: settings that neither know are not shown; loggers have no settings.

use std::collections::BTreeSet;

use millpond_core::catalog::error::CatalogError;
use millpond_core::catalog::input::ResourceKind;
use millpond_core::catalog::name;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::config::key::{Key, Kind};
use crate::config::keys;
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
            let node = turn.around.config.node.to_string();
            if !resource.resource_name.is_empty() && resource.resource_name != node {
                let message = format!("Unexpected broker id, expected {node}, but received {}", resource.resource_name);
                return Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
            }
            of_broker(turn, resource.resource_name)
        }
        ResourceKind::GROUP => stored(turn, ResourceKind::GROUP, resource.resource_name, Source::Group),
        ResourceKind::CLIENT_METRICS => stored(turn, ResourceKind::CLIENT_METRICS, resource.resource_name, Source::Group),
        ResourceKind(other) => {
            return Err(Refusal::new(ErrorCode::INVALID_REQUEST, format!("{other} names no kind of resource that has settings here")));
        }
    };
    described.retain(|config| wanted(&config.name));
    Ok(described)
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
        return stored(turn, ResourceKind::BROKER, "", Source::DefaultBroker);
    }
    let of_key = |key: &'static Key| {
        let mut synonyms = Vec::new();
        push_broker_sources(turn, &[key.name], &mut synonyms);
        described(key.name, key, synonyms, !key.dynamic)
    };
    keys::KEYS.iter().filter(|key| !key.name.is_empty()).map(of_key).collect()
}

/// Settings that are kept for a resource and have no defaults.
fn stored(turn: &Turn<'_>, kind: ResourceKind, name: &str, source: Source) -> Vec<Described> {
    let configs = turn.inner.shard.catalog().configs_of(kind, name);
    configs
        .map(|(name, value)| {
            let synonyms = vec![(name.to_string(), Some(value.to_string()), source)];
            match keys::broker_key(name) {
                Some(key) => described(name, key, synonyms, false),
                None => Described {
                    name: name.to_string(),
                    value: Some(value.to_string()),
                    source,
                    read_only: false,
                    sensitive: false,
                    kind: Kind::String.number(),
                    doc: "",
                    synonyms,
                },
            }
        })
        .collect()
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
                Source::Topic | Source::Group => None,
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
