//! OffsetCommit, key 8, served 2-10. KIP-211 (v5), KIP-320 (v6), KIP-345 (v7), KIP-848 (v9, v10).
//!
//! Differences from Apache Kafka: none known.

use millpond_core::group::answer::Answer;
use millpond_core::group::error::GroupError;
use millpond_core::group::input::{Caller, Commit, CommitPartition, Input};
use millpond_core::ids::{GenerationId, LeaderEpoch, Offset, PartitionIndex};
use millpond_core::time::{Millis, Timestamp};
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use crate::worker::calls::Head;
use crate::worker::reply::Outgoing;
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::{catalog, error_map, group, respond};

/// From this version on, topics are named by id.
const BY_ID_SINCE: i16 = 10;
/// From this version on, members of consumer groups may commit.
const EPOCHS_SINCE: i16 = 9;
/// From this version on, an unknown group is named as such.
const UNKNOWN_GROUP_SINCE: i16 = 9;

/// What stands against one partition of the request, before the coordinator is asked.
type Verdict = Option<ErrorCode>;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: OffsetCommitRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        if let Err(refusal) = catalog::ensure_offsets_topic(turn) {
            tracing::error!(error = refusal.message, "offsets have nowhere to be kept");
        }
        let names: Vec<String> = request.topics.iter().map(|topic| name_of(turn, topic.name, topic.topic_id, head.version)).collect();
        let verdicts = judge(turn, &request, &names, head.version);
        let mut partitions: Vec<CommitPartition<'_>> = Vec::new();
        let mut verdict = verdicts.iter();
        for (topic, name) in request.topics.iter().zip(&names) {
            let topic_id = turn.inner.shard.catalog().topic(name).map_or(topic.topic_id, |topic| topic.topic_id);
            for partition in topic.partitions.iter() {
                if verdict.next().is_some_and(Option::is_some) {
                    continue;
                }
                partitions.push(CommitPartition {
                    topic: name,
                    topic_id,
                    partition: PartitionIndex(partition.partition_index),
                    offset: Offset(partition.committed_offset),
                    leader_epoch: Some(LeaderEpoch(partition.committed_leader_epoch)).filter(|epoch| epoch.0 >= 0),
                    metadata: partition.committed_metadata.unwrap_or_default(),
                });
            }
        }
        if partitions.is_empty() && !verdicts.is_empty() {
            // Nothing is left to commit, so the coordinator is not asked. Source: `KafkaApis.handleOffsetCommitRequest`.
            return reply.send(encode(head, &request, &verdicts, |_| 0));
        }
        let expire_timestamp = (request.retention_time_ms >= 0).then(|| {
            let wall: Timestamp = turn.at.wall;
            wall.after(Millis::from_signed(request.retention_time_ms))
        });
        turn.group(head, reply, &|answer| tell(head, &request, &verdicts, answer), |call| {
            Input::Commit(Commit {
                caller: Caller {
                    call,
                    group_id: request.group_id,
                    member_id: request.member_id,
                    group_instance_id: request.group_instance_id,
                },
                generation_id: Some(GenerationId(request.generation_id_or_member_epoch)).filter(|generation| generation.0 >= 0),
                knows_epochs: head.version >= EPOCHS_SINCE,
                transaction: None,
                expire_timestamp,
                partitions: &partitions,
            })
        });
    });
    Ok(())
}

fn name_of(turn: &Turn<'_>, name: &str, topic_id: millpond_core::ids::TopicId, version: i16) -> String {
    let known = if version >= BY_ID_SINCE { turn.inner.shard.catalog().topic_by_id(topic_id) } else { None };
    known.map_or_else(|| name.to_string(), |topic| topic.name.to_string())
}

fn judge(turn: &Turn<'_>, request: &OffsetCommitRequest<'_>, names: &[String], version: i16) -> Vec<Verdict> {
    let catalog = turn.inner.shard.catalog();
    let mut verdicts = Vec::new();
    for (topic, name) in request.topics.iter().zip(names) {
        let known = catalog.topic(name);
        for partition in topic.partitions.iter() {
            let exists = known.is_some_and(|known| catalog.partition(known.slot, PartitionIndex(partition.partition_index)).is_some());
            verdicts.push(match known {
                None if version >= BY_ID_SINCE => Some(ErrorCode::UNKNOWN_TOPIC_ID),
                _ if !exists => Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
                _ => None,
            });
        }
    }
    verdicts
}

fn tell(head: Head, request: &OffsetCommitRequest<'_>, verdicts: &[Verdict], answer: &Answer<'_>) -> Outgoing {
    let Answer::Committed(result) = answer else { return group::tell(head, answer) };
    let code = |error: &GroupError| match error {
        GroupError::GroupNotFound if head.version < UNKNOWN_GROUP_SINCE => ErrorCode::ILLEGAL_GENERATION.number(),
        error => error_map::of_group(error).number(),
    };
    encode(head, request, verdicts, |at| match result {
        Ok(results) => results.get(at).and_then(Option::as_ref).map_or(0, code),
        Err(error) => code(error),
    })
}

/// `coordinator` says what became of the n-th partition that the coordinator was asked about.
fn encode(head: Head, request: &OffsetCommitRequest<'_>, verdicts: &[Verdict], coordinator: impl Fn(usize) -> i16) -> Outgoing {
    let mut verdict = verdicts.iter();
    let mut asked = 0;
    let mut code = || match verdict.next().copied().flatten() {
        Some(code) => code.number(),
        None => {
            asked += 1;
            coordinator(asked - 1)
        }
    };
    let partitions: Vec<Vec<OffsetCommitResponsePartition>> = request
        .topics
        .iter()
        .map(|topic| {
            let partitions = topic.partitions.iter();
            partitions
                .map(|partition| OffsetCommitResponsePartition { partition_index: partition.partition_index, error_code: code() })
                .collect()
        })
        .collect();
    let topics: Vec<OffsetCommitResponseTopic<'_>> = request
        .topics
        .iter()
        .zip(&partitions)
        .map(|(topic, partitions)| OffsetCommitResponseTopic {
            name: topic.name,
            topic_id: topic.topic_id,
            partitions: Array::from(&**partitions),
        })
        .collect();
    respond::encode(head, &OffsetCommitResponse { topics: Array::from(&*topics), ..Default::default() })
}
