//! CreateTopics, key 19, served 2-7. KIP-464 (v4), KIP-525 (v5), KIP-599 (v6), KIP-516 (v7).
//!
//! Differences from Apache Kafka: a manual assignment may name this broker only, since there is no other.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::catalog::answer::{Answer, CreatedTopic};
use millpond_core::catalog::input::{CreateTopic, Input, ResourceKind};
use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::config::keys;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use crate::worker::turn::Turn;

use super::catalog::{self, Refusal};
use super::describe_configs::{self, Described};
use super::dispatch::Asked;
use super::repeated::repeated;
use super::{respond, tier_rules};

/// Stands for "the broker's default". Source: KIP-464.
const DEFAULT: i32 = -1;

type Outcome = Result<(CreatedTopic, Vec<Described>), Refusal>;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: CreateTopicsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut written: Vec<Written> = Vec::new();
        let mut outcomes: Vec<(&str, Outcome)> = Vec::new();
        let twice = repeated(request.topics.iter().map(|topic| topic.name));
        let mut told_twice: BTreeSet<&str> = BTreeSet::new();
        for topic in request.topics.iter() {
            let twice = twice.contains(topic.name);
            // A topic named twice is answered once.
            if twice && !told_twice.insert(topic.name) {
                continue;
            }
            let outcome = if twice {
                Err(Refusal::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name."))
            } else {
                create(turn, &topic, request.validate_only, &mut written)
            };
            outcomes.push((topic.name, outcome));
        }
        let configs: Vec<Vec<CreatableTopicConfigs<'_>>> = outcomes.iter().map(|(_, outcome)| tell_configs(outcome)).collect();
        let told: Vec<CreatableTopicResult<'_>> =
            outcomes.iter().zip(&configs).map(|((name, outcome), configs)| tell(name, outcome, configs)).collect();
        let outgoing = respond::encode(head, &CreateTopicsResponse { topics: Array::from(&*told), ..Default::default() });
        turn.hold(head, reply, outgoing, &written, ErrorCode::KAFKA_STORAGE_ERROR, None);
    });
    Ok(())
}

fn create(turn: &mut Turn<'_>, topic: &CreatableTopic<'_>, validate_only: bool, written: &mut Vec<Written>) -> Outcome {
    // Before settings and assignments, which only the catalogue's caller can judge. Source: `ReplicationControlManager.createTopics`.
    turn.inner.shard.catalog().check_new_name(topic.name).map_err(|error| Refusal::from(&error))?;
    let (partition_count, replication_factor) = numbers(turn, topic)?;
    let configs: Vec<(&str, &str)> = topic.configs.iter().filter_map(|config| Some((config.name, config.value?))).collect();
    for (name, value) in &configs {
        check_topic_config(name, value)?;
    }
    if let Some(config) = topic.configs.iter().find(|config| config.value.is_none()) {
        return Err(Refusal::new(ErrorCode::INVALID_CONFIG, format!("Null value not supported for topic configs: {}", config.name)));
    }
    let own = configs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    tier_rules::check(turn, &BTreeMap::new(), &own)?;
    let create = CreateTopic {
        call: catalog::HERE,
        name: topic.name,
        topic_id: catalog::fresh_id(),
        partition_count,
        replication_factor,
        configs: &configs,
        validate_only,
    };
    let (created, end) = catalog::turn(turn, Input::CreateTopic(create), |answer| match answer {
        Answer::TopicCreated(Ok(created)) => Ok(created),
        Answer::TopicCreated(Err(error)) => Err(Refusal::from(&error)),
        other => Err(catalog::unexpected(&other)),
    })?;
    written.extend(end);
    let described = describe_configs::of_topic(turn, &mut configs.iter().copied());
    Ok((created, described))
}

/// How many partitions and replicas are meant. Source: `ReplicationControlManager.createTopic`.
fn numbers(turn: &Turn<'_>, topic: &CreatableTopic<'_>) -> Result<(i32, i16), Refusal> {
    let config = &turn.around.config;
    if topic.assignments.is_empty() {
        let partitions = if topic.num_partitions == DEFAULT { config.partition_count } else { topic.num_partitions };
        let asked = i32::from(topic.replication_factor);
        return Ok((partitions, if asked == DEFAULT { config.replication_factor } else { topic.replication_factor }));
    }
    if topic.num_partitions != DEFAULT || i32::from(topic.replication_factor) != DEFAULT {
        let message = "A manual partition assignment was specified, so the partition count and the replication factor must be -1.";
        return Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
    }
    let count = i32::try_from(topic.assignments.len()).unwrap_or(i32::MAX);
    let mut indices: Vec<i32> = topic.assignments.iter().map(|assignment| assignment.partition_index).collect();
    indices.sort_unstable();
    let consecutive = indices.iter().copied().eq(0..count);
    let here = topic.assignments.iter().all(|assignment| assignment.broker_ids.iter().eq([config.node.0]));
    if consecutive && here {
        Ok((count, 1))
    } else {
        let message = format!("partitions must be numbered from 0 without gaps, each on broker {} alone", config.node);
        Err(Refusal::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message))
    }
}

/// Checks a setting of a topic's own.
pub(crate) fn check_topic_config(name: &str, value: &str) -> Result<(), Refusal> {
    let Some(key) = keys::topic_key(name) else {
        return Err(Refusal::new(ErrorCode::INVALID_CONFIG, format!("Unknown topic config name: {name}")));
    };
    key.parse(value).map(drop).map_err(|mut bad| {
        bad.key = name.to_string();
        Refusal::new(ErrorCode::INVALID_CONFIG, bad.to_string())
    })
}

fn tell_configs(outcome: &Outcome) -> Vec<CreatableTopicConfigs<'_>> {
    let Ok((_, configs)) = outcome else { return Vec::new() };
    configs
        .iter()
        .map(|config| CreatableTopicConfigs {
            name: &config.name,
            value: config.value.as_deref(),
            read_only: config.read_only,
            config_source: config.source.number(),
            is_sensitive: config.sensitive,
        })
        .collect()
}

fn tell<'r>(name: &'r str, outcome: &'r Outcome, configs: &'r [CreatableTopicConfigs<'r>]) -> CreatableTopicResult<'r> {
    match outcome {
        Ok((created, _)) => CreatableTopicResult {
            name,
            topic_id: created.topic_id,
            num_partitions: created.partition_count,
            replication_factor: created.replication_factor,
            configs: Some(Array::from(configs)),
            ..Default::default()
        },
        Err(refusal) => CreatableTopicResult {
            name,
            error_code: refusal.code.number(),
            error_message: Some(&refusal.message),
            configs: Some(Array::default()),
            ..Default::default()
        },
    }
}

/// The settings of a topic that the catalogue keeps for it.
pub(crate) fn own_configs(turn: &Turn<'_>, name: &str) -> Vec<(String, String)> {
    let configs = turn.inner.shard.catalog().configs_of(ResourceKind::TOPIC, name);
    configs.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}
