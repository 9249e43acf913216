//! OffsetFetch, key 9, served 1-10. KIP-88 (v2), KIP-320 (v5), KIP-447 (v7), KIP-709 (v8), KIP-848 (v9, v10).
//!
//! Differences from Apache Kafka: none known.

use millpond_core::group::record::StoredOffset;
use millpond_core::ids::{PartitionIndex, TopicId};
use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::repeated::unique;
use super::respond;

/// From this version on, several groups can be asked for.
const SEVERAL_SINCE: i16 = 8;
/// From this version on, topics are named by id.
const BY_ID_SINCE: i16 = 10;

/// The offsets of one topic, as they are told.
struct Told {
    name: String,
    topic_id: TopicId,
    partitions: Vec<ToldOffset>,
}

struct ToldOffset {
    index: i32,
    error_code: i16,
    offset: i64,
    leader_epoch: i32,
    metadata: String,
}

impl ToldOffset {
    fn new(index: i32, stored: Option<StoredOffset<'_>>) -> Self {
        Self {
            index,
            error_code: 0,
            offset: stored.map_or(-1, |stored| stored.offset.0),
            leader_epoch: stored.and_then(|stored| stored.leader_epoch).map_or(-1, |epoch| epoch.0),
            metadata: stored.map_or(String::new(), |stored| stored.metadata.to_string()),
        }
    }
}

impl ToldOffset {
    /// An open transaction has committed another: what counts is about to change. Source: KIP-447.
    fn unstable(index: i32) -> Self {
        Self { error_code: ErrorCode::UNSTABLE_OFFSET_COMMIT.number(), ..Self::new(index, None) }
    }
}

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: OffsetFetchRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        // What is told of a group must not be undone by a loss of power: a committed offset never goes back.
        let mut written: Vec<Written> = Vec::new();
        let outgoing = if head.version >= SEVERAL_SINCE {
            let asked = unique(request.groups.iter(), |group| group.group_id);
            let groups: Vec<Vec<Told>> = asked
                .iter()
                .map(|group| {
                    written.extend(turn.inner.shard.uncommitted_group(group.group_id));
                    match group.topics {
                        None => all_of(turn, group.group_id, request.require_stable, head.version),
                        Some(topics) => topics
                            .iter()
                            .map(|topic| {
                                let name = name_of(turn, topic.name, topic.topic_id, head.version);
                                let named = Named { name, topic_id: topic.topic_id, indices: topic.partition_indexes };
                                some_of(turn, group.group_id, request.require_stable, named)
                            })
                            .collect(),
                    }
                })
                .collect();
            tell_groups(head, &asked, &groups)
        } else {
            written.extend(turn.inner.shard.uncommitted_group(request.group_id));
            let told = match request.topics {
                None => all_of(turn, request.group_id, request.require_stable, head.version),
                Some(topics) => {
                    let topics = topics.iter();
                    topics
                        .map(|topic| {
                            let name = Some(topic.name.to_string());
                            let named = Named { name, topic_id: TopicId::ZERO, indices: topic.partition_indexes };
                            some_of(turn, request.group_id, request.require_stable, named)
                        })
                        .collect()
                }
            };
            tell_topics(head, &told)
        };
        turn.hold(head, reply, outgoing, &written, ErrorCode::NOT_COORDINATOR, None);
    });
    Ok(())
}

/// The name of a topic of the request; `None` when its id is unknown.
fn name_of(turn: &Turn<'_>, name: &str, topic_id: TopicId, version: i16) -> Option<String> {
    if version < BY_ID_SINCE {
        return Some(name.to_string());
    }
    turn.inner.shard.catalog().topic_by_id(topic_id).map(|topic| topic.name.to_string())
}

/// A topic of the request.
struct Named<'a> {
    name: Option<String>,
    topic_id: TopicId,
    indices: Array<'a, i32>,
}

fn some_of(turn: &Turn<'_>, group_id: &str, stable: bool, Named { name, topic_id, indices }: Named<'_>) -> Told {
    let groups = turn.inner.shard.groups();
    // Who names a topic means the one that has the name now.
    let now = name.as_deref().and_then(|name| turn.inner.shard.catalog().topic(name)).map(|topic| topic.topic_id);
    let meant = if topic_id.is_zero() { now } else { Some(topic_id) };
    let partitions = indices
        .iter()
        .map(|index| match &name {
            None => ToldOffset { error_code: ErrorCode::UNKNOWN_TOPIC_ID.number(), ..ToldOffset::new(index, None) },
            Some(name) if stable && groups.is_unstable(group_id, name, PartitionIndex(index)) => ToldOffset::unstable(index),
            Some(name) => {
                let stored = groups.committed(group_id, name, PartitionIndex(index));
                // An offset of an earlier topic of the same name is none. Source: `OffsetMetadataManager.isMismatchedTopicId`.
                let same = |stored: &StoredOffset<'_>| stored.topic_id.is_zero() || Some(stored.topic_id) == meant;
                ToldOffset::new(index, stored.filter(same))
            }
        })
        .collect();
    Told { name: name.unwrap_or_default(), topic_id, partitions }
}

fn all_of(turn: &Turn<'_>, group_id: &str, stable: bool, version: i16) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    let catalog = turn.inner.shard.catalog();
    for (name, index, stored) in turn.inner.shard.groups().group(group_id).into_iter().flat_map(|group| group.offsets()) {
        let now = catalog.topic(name).map(|topic| topic.topic_id);
        if (version >= BY_ID_SINCE && now.is_none()) || !(stored.topic_id.is_zero() || Some(stored.topic_id) == now) {
            continue;
        }
        let topic_id = now.filter(|_| version >= BY_ID_SINCE).unwrap_or(TopicId::ZERO);
        let unstable = stable && turn.inner.shard.groups().is_unstable(group_id, name, index);
        let offset = if unstable { ToldOffset::unstable(index.0) } else { ToldOffset::new(index.0, Some(stored)) };
        match told.iter_mut().find(|topic| topic.name == name) {
            Some(topic) => topic.partitions.push(offset),
            None => told.push(Told { name: name.to_string(), topic_id, partitions: vec![offset] }),
        }
    }
    told
}

fn tell_topics(head: crate::worker::calls::Head, told: &[Told]) -> crate::worker::reply::Outgoing {
    let partitions: Vec<Vec<OffsetFetchResponsePartition<'_>>> = told
        .iter()
        .map(|topic| {
            let partitions = topic.partitions.iter();
            partitions
                .map(|told| OffsetFetchResponsePartition {
                    partition_index: told.index,
                    committed_offset: told.offset,
                    committed_leader_epoch: told.leader_epoch,
                    metadata: Some(&told.metadata),
                    error_code: told.error_code,
                })
                .collect()
        })
        .collect();
    let topics: Vec<OffsetFetchResponseTopic<'_>> = told
        .iter()
        .zip(&partitions)
        .map(|(topic, partitions)| OffsetFetchResponseTopic { name: &topic.name, partitions: Array::from(&**partitions) })
        .collect();
    respond::encode(head, &OffsetFetchResponse { topics: Array::from(&*topics), ..Default::default() })
}

fn tell_groups(
    head: crate::worker::calls::Head,
    asked: &[OffsetFetchRequestGroup<'_>],
    told: &[Vec<Told>],
) -> crate::worker::reply::Outgoing {
    let partitions: Vec<Vec<Vec<OffsetFetchResponsePartitions<'_>>>> =
        told.iter().map(|topics| topics.iter().map(|topic| topic.partitions.iter().map(tell_partition).collect()).collect()).collect();
    let topics: Vec<Vec<OffsetFetchResponseTopics<'_>>> = told
        .iter()
        .zip(&partitions)
        .map(|(topics, partitions)| {
            let pairs = topics.iter().zip(partitions);
            pairs
                .map(|(topic, partitions)| OffsetFetchResponseTopics {
                    name: &topic.name,
                    topic_id: topic.topic_id,
                    partitions: Array::from(&**partitions),
                })
                .collect()
        })
        .collect();
    let groups: Vec<OffsetFetchResponseGroup<'_>> = asked
        .iter()
        .zip(&topics)
        .map(|(group, topics)| OffsetFetchResponseGroup { group_id: group.group_id, topics: Array::from(&**topics), error_code: 0 })
        .collect();
    respond::encode(head, &OffsetFetchResponse { groups: Array::from(&*groups), ..Default::default() })
}

fn tell_partition(told: &ToldOffset) -> OffsetFetchResponsePartitions<'_> {
    OffsetFetchResponsePartitions {
        partition_index: told.index,
        committed_offset: told.offset,
        committed_leader_epoch: told.leader_epoch,
        metadata: Some(&told.metadata),
        error_code: told.error_code,
    }
}
