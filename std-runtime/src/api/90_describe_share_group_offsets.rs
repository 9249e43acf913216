//! DescribeShareGroupOffsets, key 90, served 0-1. KIP-932, KIP-1226 (v1).
//!
//! Differences from Apache Kafka: none known.

use std::collections::BTreeMap;

use millpond_core::ids::{PartitionIndex, TopicId};
use millpond_core::shard::logs::Written;
use millpond_core::share::input::ShareKey;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::describe_share_group_offsets::{
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsRequestGroup, DescribeShareGroupOffsetsResponse,
    DescribeShareGroupOffsetsResponseGroup, DescribeShareGroupOffsetsResponsePartition, DescribeShareGroupOffsetsResponseTopic,
};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::{error_map, respond, share};

type ToldTopic = (String, TopicId, Vec<DescribeShareGroupOffsetsResponsePartition<'static>>);

/// What is not known of a partition. Source: `PartitionFactory`.
const UNKNOWN: i64 = -1;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DescribeShareGroupOffsetsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let is_enabled = share::is_enabled(turn);
        let told: Vec<Result<Vec<ToldTopic>, ErrorCode>> = request
            .groups
            .iter()
            .map(|group| if is_enabled { topics_of(turn, &group) } else { Err(ErrorCode::UNSUPPORTED_VERSION) })
            .collect();
        let topics: Vec<Vec<DescribeShareGroupOffsetsResponseTopic<'_>>> =
            told.iter().map(|told| told.as_ref().map_or_else(|_| Vec::new(), |topics| topics.iter().map(tell_topic).collect())).collect();
        let groups: Vec<DescribeShareGroupOffsetsResponseGroup<'_>> = request
            .groups
            .iter()
            .zip(&told)
            .zip(&topics)
            .map(|((group, told), topics)| DescribeShareGroupOffsetsResponseGroup {
                group_id: group.group_id,
                topics: Array::from(&**topics),
                error_code: told.as_ref().err().unwrap_or(&ErrorCode::NONE).number(),
                ..Default::default()
            })
            .collect();
        let outgoing = respond::encode(head, &DescribeShareGroupOffsetsResponse { groups: Array::from(&*groups), ..Default::default() });
        let mut written: Vec<Written> = Vec::new();
        for (group, told) in request.groups.iter().zip(&told) {
            for (_, topic_id, partitions) in told.iter().flatten() {
                let key = |index: i32| ShareKey { group_id: group.group_id, topic_id: *topic_id, partition: PartitionIndex(index) };
                written.extend(partitions.iter().filter_map(|it| turn.inner.shard.uncommitted_share(&key(it.partition_index))));
            }
        }
        turn.hold(head, reply, outgoing, &written, ErrorCode::NOT_COORDINATOR, None);
    });
    Ok(())
}

/// What there is to tell of a group: of the topics that are named, or of all that it shares.
fn topics_of(turn: &mut Turn<'_>, group: &DescribeShareGroupOffsetsRequestGroup<'_>) -> Result<Vec<ToldTopic>, ErrorCode> {
    let Some(named) = group.topics else {
        if group.group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let mut shared: BTreeMap<TopicId, Vec<i32>> = BTreeMap::new();
        for held in turn.inner.shard.groups().shares(group.group_id).iter() {
            shared.entry(held.topic).or_default().push(held.partition.0);
        }
        let catalog = turn.inner.shard.catalog();
        let known: Vec<(String, TopicId, Vec<i32>)> = shared
            .into_iter()
            .filter_map(|(topic_id, partitions)| Some((catalog.topic_by_id(topic_id)?.name.to_string(), topic_id, partitions)))
            .collect();
        return Ok(known.into_iter().map(|(name, id, partitions)| (name, id, tell_all(turn, group.group_id, id, &partitions))).collect());
    };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for topic in named.iter() {
        let partitions: Vec<i32> = topic.partitions.iter().collect();
        match turn.inner.shard.catalog().topic(topic.topic_name).map(|topic| topic.topic_id) {
            Some(id) => known.push((topic.topic_name.to_string(), id, tell_all(turn, group.group_id, id, &partitions))),
            None => unknown.push((topic.topic_name.to_string(), TopicId::ZERO, partitions.into_iter().map(nothing).collect())),
        }
    }
    known.extend(unknown);
    Ok(known)
}

fn tell_all(
    turn: &mut Turn<'_>,
    group_id: &str,
    topic_id: TopicId,
    partitions: &[i32],
) -> Vec<DescribeShareGroupOffsetsResponsePartition<'static>> {
    partitions.iter().map(|partition| tell(turn, &ShareKey { group_id, topic_id, partition: PartitionIndex(*partition) })).collect()
}

/// How far a group is in a partition. Source: `GroupCoordinatorService.computeShareGroupLagAndBuildResponse`.
fn tell(turn: &mut Turn<'_>, key: &ShareKey<'_>) -> DescribeShareGroupOffsetsResponsePartition<'static> {
    let none = nothing(key.partition.0);
    let Some(view) = turn.inner.shard.shares().view(key) else { return none };
    let (leader_epoch, complete_count) = (view.leader_epoch, i64::from(view.complete_count));
    let Some(start) = view.start else { return DescribeShareGroupOffsetsResponsePartition { leader_epoch, ..none } };
    let Some(topic) = turn.inner.shard.catalog().topic_by_id(key.topic_id).map(|topic| topic.slot) else { return none };
    match turn.inner.shard.log(turn.at, topic, key.partition) {
        Ok(log) => {
            let lag = log.watermarks().high_watermark().0 - start.0 - complete_count;
            DescribeShareGroupOffsetsResponsePartition { start_offset: start.0, leader_epoch, lag, ..none }
        }
        Err(error) => {
            let error_code = error_map::of_partition(&error).number();
            DescribeShareGroupOffsetsResponsePartition { partition_index: key.partition.0, error_code, ..Default::default() }
        }
    }
}

fn nothing(partition_index: i32) -> DescribeShareGroupOffsetsResponsePartition<'static> {
    DescribeShareGroupOffsetsResponsePartition { partition_index, start_offset: UNKNOWN, lag: UNKNOWN, ..Default::default() }
}

fn tell_topic<'a>((name, topic_id, partitions): &'a ToldTopic) -> DescribeShareGroupOffsetsResponseTopic<'a> {
    DescribeShareGroupOffsetsResponseTopic { topic_name: name, topic_id: *topic_id, partitions: Array::from(&**partitions) }
}
