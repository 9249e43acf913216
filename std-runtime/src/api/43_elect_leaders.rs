//! ElectLeaders, key 43, served 0-2. KIP-183, KIP-460 (v1).
//!
//! Every partition has the one replica that it can have for its leader, so an election is never needed.
//! Differences from Apache Kafka: a partition that is named twice is answered once.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::ids::PartitionIndex;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::elect_leaders::{ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult};

use super::dispatch::Asked;
use super::respond;

/// The replica that stands first. Source: `ElectionType`.
const PREFERRED: i8 = 0;
/// Any replica, when none that has everything is left.
const UNCLEAN: i8 = 1;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ElectLeadersRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    if ![PREFERRED, UNCLEAN].contains(&request.election_type) {
        let error_code = ErrorCode::INVALID_REQUEST.number();
        reply.send(respond::encode(head, &ElectLeadersResponse { error_code, ..Default::default() }));
        return Ok(());
    }
    worker.turn(|turn| {
        let catalog = turn.inner.shard.catalog();
        // Who asks for all hears of those that changed: none. Source: `ReplicationControlManager.electLeaders`.
        let mut wanted: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
        for topic in request.topic_partitions.into_iter().flat_map(|topics| topics.iter()) {
            wanted.entry(topic.topic).or_default().extend(topic.partitions.iter());
        }
        let judged = |topic: &str, index: i32| match catalog.topic(topic) {
            None => (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "there is no topic of this name"),
            Some(topic) if catalog.partition(topic.slot, PartitionIndex(index)).is_none() => {
                (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "the topic has no such partition")
            }
            Some(_) => (ErrorCode::ELECTION_NOT_NEEDED, "the partition has the leader that it is to have"),
        };
        let partitions: Vec<(&str, Vec<PartitionResult<'_>>)> = wanted
            .iter()
            .map(|(topic, partitions)| {
                let told = partitions.iter().map(|index| {
                    let (code, message) = judged(topic, *index);
                    PartitionResult { partition_id: *index, error_code: code.number(), error_message: Some(message) }
                });
                (*topic, told.collect())
            })
            .collect();
        let results: Vec<ReplicaElectionResult<'_>> = partitions
            .iter()
            .map(|(topic, partitions)| ReplicaElectionResult { topic, partition_result: Array::from(&**partitions) })
            .collect();
        let message = ElectLeadersResponse { replica_election_results: Array::from(&*results), ..Default::default() };
        reply.send(respond::encode(head, &message));
    });
    Ok(())
}
