//! DescribeTopicPartitions, key 75, served 0. KIP-966.
//!
//! Differences from Apache Kafka: none known.

use millpond_core::catalog::name;
use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use crate::worker::calls::Head;
use crate::worker::reply::Reply;
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::respond;

/// The most partitions in one answer. Source: `max.request.partition.size.limit`.
const PARTITIONS_MAX: i32 = 2000;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DescribeTopicPartitionsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut left = usize::try_from(request.response_partition_limit.clamp(1, PARTITIONS_MAX)).unwrap_or(1);
        let node = [turn.around.config.node.0];
        let mut names = names_of(turn, &request);
        names.sort();
        names.dedup();
        // Source: `DescribeTopicPartitionsRequestHandler`.
        if let Some(cursor) = &request.cursor {
            let is_asked = request.topics.is_empty() || names.iter().any(|name| name == cursor.topic_name);
            if cursor.partition_index < 0 || !is_asked {
                refuse_cursor(head, reply, &names);
                return;
            }
        }
        let (start_name, start_index) = request.cursor.map_or(("", 0), |cursor| (cursor.topic_name, cursor.partition_index));
        let mut next: Option<(String, i32)> = None;
        let mut pages: Vec<(String, Vec<DescribeTopicPartitionsResponsePartition<'_>>)> = Vec::new();
        for name in names.into_iter().filter(|name| name.as_str() >= start_name) {
            if left == 0 {
                next = Some((name, 0));
                break;
            }
            let first = if name == start_name { start_index } else { 0 };
            let partitions = partitions_of(turn, &name, first, left, &node);
            left -= partitions.len();
            let count = turn.inner.shard.catalog().topic(&name).map_or(0, |topic| topic.partition_count);
            let reached = first.saturating_add(i32::try_from(partitions.len()).unwrap_or(i32::MAX));
            pages.push((name.clone(), partitions));
            if reached < count {
                next = Some((name, reached));
                break;
            }
        }
        let topics: Vec<DescribeTopicPartitionsResponseTopic<'_>> =
            pages.iter().map(|(name, partitions)| tell_topic(turn, name, partitions)).collect();
        let next_cursor = next.as_ref().map(|(topic_name, partition_index)| Cursor { topic_name, partition_index: *partition_index });
        let message = DescribeTopicPartitionsResponse { topics: Array::from(&*topics), next_cursor, ..Default::default() };
        let outgoing = respond::encode(head, &message);
        let written: Vec<Written> = turn.inner.shard.uncommitted_catalog().into_iter().collect();
        turn.hold(head, reply, outgoing, &written, ErrorCode::KAFKA_STORAGE_ERROR, None);
    });
    Ok(())
}

/// A cursor that points to nowhere is refused for each topic. Source: `DescribeTopicPartitionsRequest.getErrorResponse`.
fn refuse_cursor(head: Head, reply: Reply, names: &[String]) {
    let error_code = ErrorCode::INVALID_REQUEST.number();
    let topics: Vec<DescribeTopicPartitionsResponseTopic<'_>> =
        names.iter().map(|name| DescribeTopicPartitionsResponseTopic { error_code, name: Some(name), ..Default::default() }).collect();
    reply.send(respond::encode(head, &DescribeTopicPartitionsResponse { topics: Array::from(&*topics), ..Default::default() }));
}

fn names_of(turn: &Turn<'_>, request: &DescribeTopicPartitionsRequest<'_>) -> Vec<String> {
    if request.topics.is_empty() {
        return turn.inner.shard.catalog().topics().map(|topic| topic.name.to_string()).collect();
    }
    request.topics.iter().map(|topic| topic.name.to_string()).collect()
}

fn partitions_of<'n>(
    turn: &Turn<'_>,
    name: &str,
    first: i32,
    count_max: usize,
    node: &'n [i32; 1],
) -> Vec<DescribeTopicPartitionsResponsePartition<'n>> {
    let catalog = turn.inner.shard.catalog();
    let Some(topic) = catalog.topic(name) else { return Vec::new() };
    let [leader_id] = *node;
    let partitions = catalog.partitions_of(topic.slot).filter(|partition| partition.index.0 >= first);
    partitions
        .take(count_max)
        .map(|partition| DescribeTopicPartitionsResponsePartition {
            partition_index: partition.index.0,
            leader_id,
            leader_epoch: partition.leader_epoch.0,
            replica_nodes: Array::from(node),
            isr_nodes: Array::from(node),
            eligible_leader_replicas: Some(Array::default()),
            last_known_elr: Some(Array::default()),
            ..Default::default()
        })
        .collect()
}

fn tell_topic<'t>(
    turn: &Turn<'_>,
    name: &'t str,
    partitions: &'t [DescribeTopicPartitionsResponsePartition<'t>],
) -> DescribeTopicPartitionsResponseTopic<'t> {
    match turn.inner.shard.catalog().topic(name) {
        Some(topic) => DescribeTopicPartitionsResponseTopic {
            name: Some(name),
            topic_id: topic.topic_id,
            is_internal: name::is_internal(name),
            partitions: Array::from(partitions),
            ..Default::default()
        },
        None => {
            let invalid = name::check(name).is_err();
            let code = if invalid { ErrorCode::INVALID_TOPIC_EXCEPTION } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
            DescribeTopicPartitionsResponseTopic { error_code: code.number(), name: Some(name), ..Default::default() }
        }
    }
}
