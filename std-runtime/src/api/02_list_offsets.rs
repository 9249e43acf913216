//! ListOffsets, key 2, served 1-11. KIP-79 (v1), KIP-98 (v2), KIP-320 (v4), KIP-734 (v7), KIP-405 (v8), KIP-1005 (v9), KIP-1023 (v11).
//!
//! Differences from Apache Kafka: the record with the largest timestamp is found in the object store too, where Kafka looks on the disk only.

use millpond_core::bounded::slab::Slot;
use millpond_core::ids::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use millpond_core::log::error::ReadError;
use millpond_core::log::reading::{FoundOffset, ReadScratch, ReadUpTo, TimestampQuery};
use millpond_core::shard::fetch::{FetchError, FetchPartition};
use millpond_core::shard::tier::TieredLog;
use millpond_core::time::{Instant, Timestamp};
use millpond_core::wire::reader::{DecodeError, Reader};
use millpond_core::wire::schema::Message as _;
use millpond_core::wire::value::Array;

use crate::compression::Codecs;
use crate::disk::files::DiskError;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use crate::worker::calls::{Head, WaitingRequest};
use crate::worker::remote::{RemoteAnswer, RemoteWish};
use crate::worker::reply::Reply;
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::remote::{Progress, WaitingRemote};
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
    let Asked { worker, head, reply, body, .. } = asked;
    worker.turn(|turn| {
        let due = turn.at.now;
        carry_out(turn, &request, body, (head, reply, due), Progress::default());
    });
    Ok(())
}

/// Carries out a search again with what the object store had for it.
pub(crate) fn resume(turn: &mut Turn<'_>, waiting: WaitingRequest, progress: Progress) {
    let WaitingRequest { head, reply, body, due } = waiting;
    // It was read once already; who drops the reply closes the connection.
    let Ok(request) = ListOffsetsRequest::decode_from(&mut Reader::new(&body), head.version) else { return };
    carry_out(turn, &request, &body, (head, reply, due), progress);
}

fn carry_out(
    turn: &mut Turn<'_>,
    request: &ListOffsetsRequest<'_>,
    body: &[u8],
    (head, reply, due): (Head, Reply, Instant),
    progress: Progress,
) {
    let up_to = if request.isolation_level == 1 { ReadUpTo::LastStable } else { ReadUpTo::HighWatermark };
    let mut told: Vec<Vec<ListOffsetsPartitionResponse>> = Vec::new();
    let each =
        request.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |partition| (topic.name, partition.partition_index)));
    let asked_twice = repeated(each);
    let mut wishes = Vec::new();
    let mut number = 0;
    for topic in request.topics.iter() {
        let slot = turn.inner.shard.catalog().topic(topic.name).map_or(Slot::NONE, |topic| topic.slot);
        let tell = |partition: ListOffsetsPartition| {
            let mine = number;
            number += 1;
            if asked_twice.contains(&(topic.name, partition.partition_index)) {
                return refused(&partition, ErrorCode::INVALID_REQUEST);
            }
            match progress.answers.get(&mine) {
                Some(RemoteAnswer::Found(found)) => tell_found(&partition, Some(*found)),
                Some(RemoteAnswer::Late) => refused(&partition, ErrorCode::REQUEST_TIMED_OUT),
                Some(RemoteAnswer::Records(..) | RemoteAnswer::Behind(_) | RemoteAnswer::Failed) => {
                    refused(&partition, ErrorCode::KAFKA_STORAGE_ERROR)
                }
                None => {
                    let query = query(&partition, progress.from.get(&mine), head.version);
                    match find(turn, slot, &partition, (query, up_to)) {
                        Sought::Told(told) => told,
                        Sought::Elsewhere(log, wish) => {
                            wishes.push((mine, log, wish));
                            ListOffsetsPartitionResponse::default()
                        }
                    }
                }
            }
        };
        told.push(topic.partitions.iter().map(tell).collect());
    }
    if !wishes.is_empty() {
        let request = WaitingRequest { head, reply, body: body.to_vec(), due };
        let patience = turn.around.live.get().remote.find_wait_max;
        return super::remote::wait(turn, WaitingRemote { request, progress, wishes }, patience);
    }
    let topics: Vec<ListOffsetsTopicResponse<'_>> = request
        .topics
        .iter()
        .zip(&told)
        .map(|(topic, partitions)| ListOffsetsTopicResponse { name: topic.name, partitions: Array::from(&**partitions) })
        .collect();
    reply.send(respond::encode(head, &ListOffsetsResponse { topics: Array::from(&*topics), ..Default::default() }));
}

fn refused(partition: &ListOffsetsPartition, code: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse { partition_index: partition.partition_index, error_code: code.number(), ..Default::default() }
}

/// What a partition asks for; `None` when this version has no word for it.
fn query(partition: &ListOffsetsPartition, from: Option<&(Timestamp, Offset)>, version: i16) -> Option<TimestampQuery> {
    let since = SPECIAL_SINCE.iter().find(|(special, _)| *special == partition.timestamp).map_or(0, |(_, since)| *since);
    if partition.timestamp < EARLIEST_PENDING_UPLOAD || version < since {
        return None;
    }
    if let Some((timestamp, from)) = from {
        return Some(TimestampQuery::AtFrom(*timestamp, *from));
    }
    Some(match partition.timestamp {
        LATEST => TimestampQuery::Latest,
        EARLIEST => TimestampQuery::Earliest,
        MAX_TIMESTAMP => TimestampQuery::Max,
        EARLIEST_LOCAL => TimestampQuery::EarliestLocal,
        LATEST_TIERED => TimestampQuery::LatestTiered,
        EARLIEST_PENDING_UPLOAD => TimestampQuery::EarliestPendingUpload,
        timestamp => TimestampQuery::At(Timestamp(timestamp)),
    })
}

/// How a search on the disk has ended.
enum Sought {
    /// With this answer.
    Told(ListOffsetsPartitionResponse),
    /// It goes on in the object store.
    Elsewhere(TieredLog, RemoteWish),
}

/// What a search for an offset on the disk ends with.
pub(crate) type Found = Result<Option<FoundOffset>, FetchError<DiskError>>;

/// Looks for an offset on the disk.
pub(crate) fn find_offset(turn: &mut Turn<'_>, wanted: &FetchPartition, query: TimestampQuery, up_to: ReadUpTo) -> Found {
    let inner = &mut *turn.inner;
    inner.batch.clear();
    inner.records.clear();
    let mut codec = Codecs::default();
    let scratch = ReadScratch { batch: &mut inner.batch, records: &mut inner.records, codec: Some(&mut codec) };
    let found = inner.shard.find_offset(turn.at, wanted, query, up_to, scratch);
    for list in [&mut inner.batch, &mut inner.records] {
        list.clear();
        list.shrink();
    }
    found
}

/// Looks on the disk for what a partition asks for.
fn find(turn: &mut Turn<'_>, topic: Slot, partition: &ListOffsetsPartition, (query, up_to): (Option<TimestampQuery>, ReadUpTo)) -> Sought {
    let Some(query) = query else { return Sought::Told(refused(partition, ErrorCode::UNSUPPORTED_VERSION)) };
    let index = PartitionIndex(partition.partition_index);
    let wanted = FetchPartition {
        topic,
        index,
        offset: Offset::ZERO,
        max_bytes: 0,
        current_leader_epoch: Some(LeaderEpoch(partition.current_leader_epoch)).filter(|epoch| epoch.0 >= 0),
        last_fetched_epoch: None,
    };
    match find_offset(turn, &wanted, query, up_to) {
        Err(FetchError::Read(ReadError::Remote(segment))) => {
            let topic_id = turn.inner.shard.catalog().topic_at(topic).map_or(TopicId::ZERO, |topic| topic.topic_id);
            let (timestamp, from) = match query {
                TimestampQuery::At(timestamp) => {
                    let start = turn.inner.shard.log(turn.at, topic, index).map_or(Offset::ZERO, |log| log.watermarks().log_start());
                    (timestamp, start)
                }
                TimestampQuery::AtFrom(timestamp, from) => (timestamp, from),
                // Only the largest lies there: it is looked for as the first that is not older.
                _ => (segment.max_timestamp.map_or(segment.largest_timestamp, |max| max.timestamp), Offset::ZERO),
            };
            Sought::Elsewhere(TieredLog { topic_id, index }, RemoteWish::Find { segment, timestamp, from })
        }
        Err(error) => Sought::Told(refused(partition, error_map::of_fetch(&error))),
        Ok(found) => Sought::Told(tell_found(partition, found)),
    }
}

fn tell_found(partition: &ListOffsetsPartition, found: Option<FoundOffset>) -> ListOffsetsPartitionResponse {
    let none = ListOffsetsPartitionResponse { partition_index: partition.partition_index, ..Default::default() };
    match found {
        None => none,
        Some(FoundOffset { offset, timestamp, leader_epoch }) => ListOffsetsPartitionResponse {
            timestamp: timestamp.map_or(-1, |timestamp| timestamp.0),
            offset: offset.0,
            leader_epoch: leader_epoch.map_or(-1, |epoch| epoch.0),
            ..none
        },
    }
}
