//! AlterPartitionReassignments, key 45, served 0-1. KIP-455, KIP-860 (v1).
//!
//! A partition may be sent to this broker, where it is.
//! Differences from Apache Kafka: no other broker is known that a partition could be sent to, whatever a directory of Kafka's says of
//! brokers that once were; a partition that is named twice is answered once, with what stands there last.

use std::collections::BTreeMap;

use millpond_core::catalog::catalog::Catalog;
use millpond_core::ids::PartitionIndex;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartitionResponse, ReassignableTopicResponse,
};

use super::catalog::Refusal;
use super::dispatch::Asked;
use super::respond;

/// The partitions of a topic, and why each is not where it shall be.
type Judged = Vec<(i32, Option<Refusal>)>;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: AlterPartitionReassignmentsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let catalog = turn.inner.shard.catalog();
        let mut wanted: BTreeMap<&str, BTreeMap<i32, Option<Array<'_, i32>>>> = BTreeMap::new();
        for topic in request.topics.iter() {
            let partitions = topic.partitions.iter().map(|partition| (partition.partition_index, partition.replicas));
            wanted.entry(topic.name).or_default().extend(partitions);
        }
        let judged: Vec<(&str, Judged)> = wanted
            .iter()
            .map(|(topic, partitions)| {
                let judged = partitions.iter().map(|(index, replicas)| (*index, judge(catalog, topic, *index, *replicas).err()));
                (*topic, judged.collect())
            })
            .collect();
        let partitions: Vec<Vec<ReassignablePartitionResponse<'_>>> = judged
            .iter()
            .map(|(_, partitions)| {
                let told = partitions.iter().map(|(index, refusal)| ReassignablePartitionResponse {
                    partition_index: *index,
                    error_code: refusal.as_ref().map_or(0, |refusal| refusal.code.number()),
                    error_message: refusal.as_ref().map(|refusal| refusal.message.as_str()),
                });
                told.collect()
            })
            .collect();
        let responses: Vec<ReassignableTopicResponse<'_>> = judged
            .iter()
            .zip(&partitions)
            .map(|((name, _), partitions)| ReassignableTopicResponse { name, partitions: Array::from(&**partitions) })
            .collect();
        let message = AlterPartitionReassignmentsResponse {
            allow_replication_factor_change: request.allow_replication_factor_change,
            responses: Array::from(&*responses),
            ..Default::default()
        };
        reply.send(respond::encode(head, &message));
    });
    Ok(())
}

/// Whether a partition is where it shall be. Source: `ReplicationControlManager.alterPartitionReassignment`.
fn judge(catalog: &Catalog<'_>, topic: &str, index: i32, replicas: Option<Array<'_, i32>>) -> Result<(), Refusal> {
    let known = catalog.topic(topic).and_then(|topic| catalog.partition(topic.slot, PartitionIndex(index)));
    if known.is_none() {
        return Err(Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, format!("there is no partition {index} of a topic {topic}")));
    }
    let refuse = |message: String| Err(Refusal::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
    let Some(replicas) = replicas else {
        return Err(Refusal::new(ErrorCode::NO_REASSIGNMENT_IN_PROGRESS, "the partition is not on its way"));
    };
    let node = catalog.node().0;
    match (replicas.iter().find(|replica| *replica != node), replicas.iter().count()) {
        (Some(other), _) => refuse(format!("broker {other} is not registered")),
        (None, 0) => refuse("a partition needs at least one replica".to_string()),
        (None, 1) => Ok(()),
        (None, _) => refuse(format!("broker {node} is named more than once")),
    }
}
