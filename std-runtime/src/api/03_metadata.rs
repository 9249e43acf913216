//! Metadata, key 3, served 0-13. KIP-204 (v8), KIP-430 (v8), KIP-516 (v10, v12), KIP-1102 (v13).
//!
//! Differences from Apache Kafka: a topic that comes into being because it was asked for is there in the same answer, where Kafka
//! says UNKNOWN_TOPIC_OR_PARTITION first.

use millpond_core::catalog::name;
use millpond_core::ids::TopicId;
use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::worker::calls::Head;
use crate::worker::reply::Outgoing;
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::repeated::unique;
use super::{catalog, operations, respond};

/// From this version on, an empty list of topics means none of them.
const EMPTY_IS_NONE_SINCE: i16 = 1;
/// From this version on, topics can be asked for by id.
const BY_ID_SINCE: i16 = 12;

/// A topic of the answer.
enum Found {
    Known { slot: millpond_core::bounded::slab::Slot },
    Refused { name: Option<String>, topic_id: TopicId, code: ErrorCode },
}

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: MetadataRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut written: Vec<Written> = Vec::new();
        let all = request.topics.is_none_or(|topics| topics.is_empty() && head.version < EMPTY_IS_NONE_SINCE);
        let found: Vec<Found> = if all {
            let mut topics: Vec<_> = turn.inner.shard.catalog().topics().map(|topic| (topic.name.to_string(), topic.slot)).collect();
            topics.sort();
            topics.into_iter().map(|(_, slot)| Found::Known { slot }).collect()
        } else {
            let topics = request.topics.unwrap_or_default();
            let create = request.allow_auto_topic_creation && turn.around.config.auto_create_topics;
            let topics = unique(topics.iter(), |topic| (topic.name, topic.topic_id));
            topics.iter().map(|topic| find(turn, topic.name, topic.topic_id, head.version, create, &mut written)).collect()
        };
        // What is told of the catalogue must not be undone by a loss of power.
        written.extend(turn.inner.shard.uncommitted_catalog());
        let outgoing = tell(turn, head, &request, &found);
        turn.hold(head, reply, outgoing, &written, ErrorCode::KAFKA_STORAGE_ERROR, None);
    });
    Ok(())
}

fn find(turn: &mut Turn<'_>, name: Option<&str>, topic_id: TopicId, version: i16, create: bool, written: &mut Vec<Written>) -> Found {
    let refused = |code| Found::Refused { name: name.map(str::to_string), topic_id, code };
    if !topic_id.is_zero() {
        if version < BY_ID_SINCE {
            return refused(ErrorCode::INVALID_REQUEST);
        }
        let topic = turn.inner.shard.catalog().topic_by_id(topic_id);
        return topic.map_or_else(|| refused(ErrorCode::UNKNOWN_TOPIC_ID), |topic| Found::Known { slot: topic.slot });
    }
    let Some(name) = name else { return refused(ErrorCode::INVALID_REQUEST) };
    if let Some(topic) = turn.inner.shard.catalog().topic(name) {
        return Found::Known { slot: topic.slot };
    }
    if name::check(name).is_err() {
        return refused(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    if !create {
        return refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    let made = if name == name::CONSUMER_OFFSETS {
        catalog::ensure_offsets_topic(turn)
    } else {
        let count = turn.around.config.partition_count;
        catalog::ensure_topic(turn, name, count, &[])
    };
    match made {
        Ok(end) => {
            written.extend(end);
            let topic = turn.inner.shard.catalog().topic(name);
            topic.map_or_else(|| refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), |topic| Found::Known { slot: topic.slot })
        }
        Err(refusal) => refused(refusal.code),
    }
}

fn tell(turn: &Turn<'_>, head: Head, request: &MetadataRequest<'_>, found: &[Found]) -> Outgoing {
    let node = [turn.around.config.node.0];
    let (host, port) = &turn.around.advertised;
    let rack = turn.around.config.rack.as_deref();
    let [node_id] = node;
    let brokers = [MetadataResponseBroker { node_id, host, port: i32::from(*port), rack }];
    let partitions: Vec<Vec<MetadataResponsePartition<'_>>> = found.iter().map(|found| partitions_of(turn, found, &node)).collect();
    let mut topics: Vec<MetadataResponseTopic<'_>> =
        found.iter().zip(&partitions).map(|(found, partitions)| topic_of(turn, found, partitions)).collect();
    let topic_authorized_operations = operations::of_topic(request.include_topic_authorized_operations);
    topics
        .iter_mut()
        .filter(|topic| topic.error_code == 0)
        .for_each(|topic| topic.topic_authorized_operations = topic_authorized_operations);
    let message = MetadataResponse {
        brokers: Array::from(&brokers),
        cluster_id: Some(&turn.around.identity.cluster_id),
        controller_id: node_id,
        topics: Array::from(&*topics),
        cluster_authorized_operations: operations::of_cluster(request.include_cluster_authorized_operations),
        ..Default::default()
    };
    respond::encode(head, &message)
}

fn topic_of<'t>(turn: &'t Turn<'_>, found: &'t Found, partitions: &'t [MetadataResponsePartition<'t>]) -> MetadataResponseTopic<'t> {
    match found {
        Found::Known { slot } => {
            let topic = turn.inner.shard.catalog().topic_at(*slot);
            topic.map_or_else(MetadataResponseTopic::default, |topic| MetadataResponseTopic {
                name: Some(topic.name),
                topic_id: topic.topic_id,
                is_internal: name::is_internal(topic.name),
                partitions: Array::from(partitions),
                ..Default::default()
            })
        }
        Found::Refused { name, topic_id, code } => {
            MetadataResponseTopic { error_code: code.number(), name: name.as_deref(), topic_id: *topic_id, ..Default::default() }
        }
    }
}

fn partitions_of<'t>(turn: &Turn<'_>, found: &Found, node: &'t [i32; 1]) -> Vec<MetadataResponsePartition<'t>> {
    let Found::Known { slot } = found else { return Vec::new() };
    let [leader_id] = *node;
    let partitions = turn.inner.shard.catalog().partitions_of(*slot);
    partitions
        .map(|partition| MetadataResponsePartition {
            partition_index: partition.index.0,
            leader_id,
            leader_epoch: partition.leader_epoch.0,
            replica_nodes: Array::from(node),
            isr_nodes: Array::from(node),
            ..Default::default()
        })
        .collect()
}
