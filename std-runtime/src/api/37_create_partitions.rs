//! CreatePartitions, key 37, served 0-3. KIP-195, KIP-599 (v3).
//!
//! Differences from Apache Kafka: a manual assignment may name this broker only, since there is no other.

use std::collections::BTreeSet;

use millpond_core::catalog::answer::Answer;
use millpond_core::catalog::input::{CreatePartitions, Input};
use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};
use crate::worker::turn::Turn;

use super::catalog::{self, Refusal};
use super::dispatch::Asked;
use super::repeated::repeated;
use super::respond;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: CreatePartitionsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut written: Vec<Written> = Vec::new();
        let mut outcomes: Vec<(&str, Option<Refusal>)> = Vec::new();
        let twice = repeated(request.topics.iter().map(|topic| topic.name));
        let mut told_twice: BTreeSet<&str> = BTreeSet::new();
        for topic in request.topics.iter() {
            let twice = twice.contains(topic.name);
            // A topic named twice is answered once.
            if twice && !told_twice.insert(topic.name) {
                continue;
            }
            let refusal = if twice {
                Some(Refusal::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name."))
            } else {
                create(turn, &topic, request.validate_only, &mut written).err()
            };
            outcomes.push((topic.name, refusal));
        }
        let told: Vec<CreatePartitionsTopicResult<'_>> = outcomes
            .iter()
            .map(|(name, refusal)| CreatePartitionsTopicResult {
                name,
                error_code: refusal.as_ref().map_or(0, |refusal| refusal.code.number()),
                error_message: refusal.as_ref().map(|refusal| refusal.message.as_str()),
            })
            .collect();
        let outgoing = respond::encode(head, &CreatePartitionsResponse { results: Array::from(&*told), ..Default::default() });
        turn.hold(head, reply, outgoing, &written, ErrorCode::KAFKA_STORAGE_ERROR, None);
    });
    Ok(())
}

fn create(turn: &mut Turn<'_>, topic: &CreatePartitionsTopic<'_>, validate_only: bool, written: &mut Vec<Written>) -> Result<(), Refusal> {
    if let Some(assignments) = topic.assignments {
        let current = turn.inner.shard.catalog().topic(topic.name).map_or(i32::MAX, |topic| topic.partition_count);
        let fresh = topic.count.saturating_sub(current);
        let node = turn.around.config.node.0;
        let fits = i32::try_from(assignments.len()) == Ok(fresh);
        // A topic that is not there, or a count that is none, is refused below, and first of all.
        let is_growth = fresh > 0;
        if is_growth && (!fits || !assignments.iter().all(|assignment| assignment.broker_ids.iter().eq([node]))) {
            let message = format!("{fresh} new partitions need as many assignments, each to broker {node} alone");
            return Err(Refusal::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
        }
    }
    let create = CreatePartitions { call: catalog::HERE, name: topic.name, partition_count: topic.count, validate_only };
    let ((), end) = catalog::turn(turn, Input::CreatePartitions(create), |answer| match answer {
        Answer::PartitionsCreated(Ok(())) => Ok(()),
        Answer::PartitionsCreated(Err(error)) => Err(Refusal::from(&error)),
        other => Err(catalog::unexpected(&other)),
    })?;
    written.extend(end);
    Ok(())
}
