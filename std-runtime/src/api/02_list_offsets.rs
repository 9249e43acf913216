//! ListOffsets, key 2, served 1-11. KIP-79 (v1), KIP-98 (v2), KIP-320 (v4), KIP-734 (v7), KIP-405 (v8), KIP-1005 (v9), KIP-1023 (v11).
//!
//! Differences from Apache Kafka: without tiered storage the earliest local offset is the earliest, and there is no latest tiered one,
//! as in a Kafka that does not use it.

use millpond_core::bounded::slab::Slot;
use millpond_core::ids::{LeaderEpoch, Offset, PartitionIndex};
use millpond_core::log::reading::{FoundOffset, ReadScratch, ReadUpTo, TimestampQuery};
use millpond_core::shard::fetch::FetchPartition;
use millpond_core::time::Timestamp;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::compression::Codecs;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::repeated::repeated;
use super::{error_map, respond};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// From which version on a special timestamp is known.
const SPECIAL_SINCE: [(i64, i16); 4] = [(MAX_TIMESTAMP, 7), (EARLIEST_LOCAL, 8), (LATEST_TIERED, 9), (EARLIEST_PENDING_UPLOAD, 11)];

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ListOffsetsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let up_to = if request.isolation_level == 1 { ReadUpTo::LastStable } else { ReadUpTo::HighWatermark };
        let mut told: Vec<Vec<ListOffsetsPartitionResponse>> = Vec::new();
        let each =
            request.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |partition| (topic.name, partition.partition_index)));
        let asked_twice = repeated(each);
        for topic in request.topics.iter() {
            let slot = turn.inner.shard.catalog().topic(topic.name).map_or(Slot::NONE, |topic| topic.slot);
            let tell = |partition: ListOffsetsPartition| {
                if asked_twice.contains(&(topic.name, partition.partition_index)) {
                    refused(&partition, ErrorCode::INVALID_REQUEST)
                } else {
                    find(turn, slot, &partition, up_to, head.version)
                }
            };
            told.push(topic.partitions.iter().map(tell).collect());
        }
        let topics: Vec<ListOffsetsTopicResponse<'_>> = request
            .topics
            .iter()
            .zip(&told)
            .map(|(topic, partitions)| ListOffsetsTopicResponse { name: topic.name, partitions: Array::from(&**partitions) })
            .collect();
        reply.send(respond::encode(head, &ListOffsetsResponse { topics: Array::from(&*topics), ..Default::default() }));
    });
    Ok(())
}

fn refused(partition: &ListOffsetsPartition, code: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse { partition_index: partition.partition_index, error_code: code.number(), ..Default::default() }
}

fn find(turn: &mut Turn<'_>, topic: Slot, partition: &ListOffsetsPartition, up_to: ReadUpTo, version: i16) -> ListOffsetsPartitionResponse {
    let since = SPECIAL_SINCE.iter().find(|(special, _)| *special == partition.timestamp).map_or(0, |(_, since)| *since);
    if partition.timestamp < EARLIEST_PENDING_UPLOAD || version < since {
        return refused(partition, ErrorCode::UNSUPPORTED_VERSION);
    }
    let query = match partition.timestamp {
        LATEST => TimestampQuery::Latest,
        // Nothing is tiered: everything is local, and would be the first to be uploaded.
        EARLIEST | EARLIEST_LOCAL => TimestampQuery::Earliest,
        MAX_TIMESTAMP => TimestampQuery::Max,
        // Nothing is tiered: there is no such offset, but there must be such a partition.
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => TimestampQuery::Latest,
        timestamp => TimestampQuery::At(Timestamp(timestamp)),
    };
    let wanted = FetchPartition {
        topic,
        index: PartitionIndex(partition.partition_index),
        offset: Offset::ZERO,
        max_bytes: 0,
        current_leader_epoch: Some(LeaderEpoch(partition.current_leader_epoch)).filter(|epoch| epoch.0 >= 0),
        last_fetched_epoch: None,
    };
    let inner = &mut *turn.inner;
    inner.batch.clear();
    inner.records.clear();
    let mut codec = Codecs::default();
    let scratch = ReadScratch { batch: &mut inner.batch, records: &mut inner.records, codec: Some(&mut codec) };
    let found = inner.shard.find_offset(turn.at, &wanted, query, up_to, scratch);
    for list in [&mut inner.batch, &mut inner.records] {
        list.clear();
        list.shrink();
    }
    match found {
        Err(error) => refused(partition, error_map::of_fetch(&error)),
        Ok(Some(_)) if [LATEST_TIERED, EARLIEST_PENDING_UPLOAD].contains(&partition.timestamp) => {
            ListOffsetsPartitionResponse { partition_index: partition.partition_index, ..Default::default() }
        }
        Ok(None) => ListOffsetsPartitionResponse { partition_index: partition.partition_index, ..Default::default() },
        Ok(Some(FoundOffset { offset, timestamp, leader_epoch })) => ListOffsetsPartitionResponse {
            partition_index: partition.partition_index,
            timestamp: timestamp.map_or(-1, |timestamp| timestamp.0),
            offset: offset.0,
            leader_epoch: leader_epoch.map_or(-1, |epoch| epoch.0),
            ..Default::default()
        },
    }
}
