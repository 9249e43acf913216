//! Fetch, key 1, served 4-18. KIP-74, KIP-98 (v4), KIP-107 (v5), KIP-227 (v7), KIP-320 (v9), KIP-392 (v11), KIP-516 (v13).
//!
//! Records leave as whole ranges of files: nothing is copied or decoded.
//! Differences from Apache Kafka: a fetch waits five minutes at the most; a fetch session has ten thousand partitions at the most, and all of
//! them together a million (who wants more gets no session, and names all of them each time); a follower's fields are read and left
//! aside, since there are no followers; when the object store fails the code is KAFKA_STORAGE_ERROR, where Kafka's is
//! UNKNOWN_SERVER_ERROR.

use millpond_core::bounded::slab::Slot;
use millpond_core::ids::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use millpond_core::log::reading::ReadUpTo;
use millpond_core::shard::error::PartitionError;
use millpond_core::shard::fetch::{FetchError, FetchLimits, FetchPartition, RemoteRead};
use millpond_core::shard::tier::TieredLog;
use millpond_core::time::{Instant, Millis};
use millpond_core::wire::reader::{DecodeError, Reader};
use millpond_core::wire::schema::Message;
use millpond_core::wire::value::{Array, Records};
use millpond_core::wire::writer::Writer;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::fetch::{
    AbortedTransaction, EpochEndOffset, FetchPartition as FetchWish, FetchRequest, FetchResponse, FetchTopic, FetchableTopicResponse,
    PartitionData,
};
use crate::worker::calls::{Call, Head, WaitingRequest};
use crate::worker::remote::{RemoteAnswer, RemoteWish};
use crate::worker::reply::{FileRange, Outgoing, Reply};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::fetch_session::{Answered, LAST_EPOCH, NO_SESSION, Opened};
use super::remote::{Progress, WaitingRemote};
use super::{catalog, error_map, respond};

/// The longest that a fetch waits, whatever it asks for: a client that is answered with nothing asks again.
const WAIT_MAX: Millis = Millis(300_000);
/// From this version on, topics are named by id.
const BY_ID_SINCE: i16 = 13;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: FetchRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, body, .. } = asked;
    worker.turn(|turn| {
        let due = turn.at.now.after(Millis::from_signed(i64::from(request.max_wait_ms)).min(WAIT_MAX));
        let by_id = head.version >= BY_ID_SINCE;
        let opened = turn.inner.fetch_sessions.open(turn.at.now, &request, by_id);
        match opened {
            Err(code) => reply.send(respond::encode(head, &FetchResponse { error_code: code.number(), ..Default::default() })),
            Ok(Opened::Whole) => carry_out(turn, head, &request, reply, due, (body, Progress::default())),
            Ok(Opened::Ended) => {
                let (session_id, session_epoch) = (NO_SESSION, LAST_EPOCH);
                let whole = FetchRequest { session_id, session_epoch, forgotten_topics_data: Array::default(), ..request };
                carry_out_as(turn, head, &whole, reply, due);
            }
            Ok(Opened::Incremental) => {
                let wanted: Vec<(String, TopicId, FetchWish)> = turn
                    .inner
                    .fetch_sessions
                    .wanted(request.session_id)
                    .into_iter()
                    .map(|(name, id, wanted)| (name.to_owned(), id, wanted))
                    .collect();
                let partitions: Vec<FetchWish> = wanted.iter().map(|(_, _, wanted)| *wanted).collect();
                let topics = topics_of(&wanted, &partitions);
                let whole = FetchRequest { topics: Array::from(&*topics), forgotten_topics_data: Array::default(), ..request };
                carry_out_as(turn, head, &whole, reply, due);
            }
        }
    });
    Ok(())
}

/// The partitions of a session as topics of a request: those of one topic that stand beside each other together.
fn topics_of<'a>(wanted: &'a [(String, TopicId, FetchWish)], partitions: &'a [FetchWish]) -> Vec<FetchTopic<'a>> {
    let mut rest = partitions;
    let topics = wanted.chunk_by(|one, next| (&one.0, one.1) == (&next.0, next.1)).filter_map(|chunk| {
        let (mine, behind) = rest.split_at_checked(chunk.len())?;
        rest = behind;
        let (name, topic_id, _) = chunk.first()?;
        Some(FetchTopic { topic: name, topic_id: *topic_id, partitions: Array::from(mine) })
    });
    topics.collect()
}

/// Carries out a request that is another than the one that came: written down anew, so that it can wait like any other.
fn carry_out_as(turn: &mut Turn<'_>, head: Head, request: &FetchRequest<'_>, reply: Reply, due: Instant) {
    let mut writer = Writer::growing();
    request.encode(&mut writer, head.version);
    carry_out(turn, head, request, reply, due, (writer.bytes(), Progress::default()));
}

/// Carries out a fetch again that waited for bytes.
pub(crate) fn resume(turn: &mut Turn<'_>, waiting: WaitingRequest) {
    let WaitingRequest { head, reply, body, due } = waiting;
    // It was read once already; who drops the reply closes the connection.
    let Ok(request) = FetchRequest::decode_from(&mut Reader::new(&body), head.version) else { return };
    carry_out(turn, head, &request, reply, due, (&body, Progress::default()));
}

/// Carries out a fetch again with what the object store had for it.
pub(crate) fn resume_remote(turn: &mut Turn<'_>, waiting: WaitingRequest, progress: Progress) {
    let WaitingRequest { head, reply, body, due } = waiting;
    let Ok(request) = FetchRequest::decode_from(&mut Reader::new(&body), head.version) else { return };
    carry_out(turn, head, &request, reply, due, (&body, progress));
}

fn carry_out(turn: &mut Turn<'_>, head: Head, request: &FetchRequest<'_>, reply: Reply, due: Instant, (body, progress): (&[u8], Progress)) {
    let mut wanted = find_partitions(turn, request, head.version);
    for (number, (_, from)) in &progress.from {
        if let Some(wanted) = wanted.get_mut(*number) {
            wanted.offset = *from;
        }
    }
    let wanted = wanted;
    let max_bytes = u32::try_from(request.max_bytes).unwrap_or(0).min(turn.around.config.fetch_bytes_max);
    let limits = FetchLimits {
        // More than may come is not waited for. Source: `KafkaApis.handleFetchRequest`.
        min_bytes: request.min_bytes.min(i32::try_from(max_bytes).unwrap_or(i32::MAX)),
        max_bytes,
        up_to: if request.isolation_level == 1 { ReadUpTo::LastStable } else { ReadUpTo::HighWatermark },
    };
    let mut told: Vec<PartitionData<'_>> = Vec::with_capacity(wanted.len());
    let mut ranges: Vec<FileRange> = Vec::new();
    let committed_only = request.isolation_level == 1;
    let mut aborted: Vec<Vec<AbortedTransaction>> = Vec::new();
    let mut remote: Vec<(usize, RemoteRead)> = Vec::new();
    let inner = &mut *turn.inner;
    let outcome = inner.shard.fetch(turn.at, &wanted, limits, &mut inner.aborted, |number, fetched, left_out| {
        let told_of = |one: &millpond_core::log::txn_index::AbortedTransaction| AbortedTransaction {
            producer_id: one.producer_id.0,
            first_offset: one.first_offset.0,
        };
        aborted.push(left_out.iter().map(told_of).collect());
        let partition_index = wanted.get(number).map_or(0, |wanted| wanted.index.0);
        told.push(match fetched {
            Ok(range) => {
                let size = range.bytes.as_ref().map_or(0, |slice| slice.size);
                ranges.extend(range.bytes.map(|slice| FileRange { at: 0, file: slice.handle, position: slice.position, size: slice.size }));
                let size = usize::try_from(size).unwrap_or(0);
                PartitionData {
                    partition_index,
                    high_watermark: range.watermarks.high_watermark().0,
                    last_stable_offset: range.watermarks.last_stable().0,
                    log_start_offset: range.watermarks.log_start().0,
                    aborted_transactions: committed_only.then(Array::default),
                    // Never null: some clients take that for a broken answer.
                    records: Some(if size == 0 { Records::default() } else { Records::Elsewhere(size) }),
                    ..Default::default()
                }
            }
            Err(FetchError::Remote(read)) => {
                remote.push((number, read));
                PartitionData { partition_index, records: Some(Records::default()), ..Default::default() }
            }
            Err(error) => tell_failed(head, wanted.get(number), &error),
        });
    });
    let wishes = wishes(turn, &wanted, &remote, &progress, committed_only);
    if !wishes.is_empty() {
        let request = WaitingRequest { head, reply, body: body.to_vec(), due };
        let patience = turn.around.live.get().remote.fetch_wait_max;
        return super::remote::wait(turn, WaitingRemote { request, progress, wishes }, patience);
    }
    for (number, _) in &remote {
        if let (Some(told), Some(wanted), Some(answer)) = (told.get_mut(*number), wanted.get(*number), progress.answers.get(number)) {
            let left_out = tell_remote(turn, told, wanted, answer, committed_only);
            if let Some(place) = aborted.get_mut(*number) {
                *place = left_out;
            }
        }
    }
    for (told, aborted) in told.iter_mut().zip(&aborted).filter(|(_, aborted)| !aborted.is_empty()) {
        told.aborted_transactions = Some(Array::from(&**aborted));
    }
    if !outcome.complete && turn.at.now < due {
        let missing = i64::from(limits.min_bytes).saturating_sub(i64::try_from(outcome.bytes).unwrap_or(i64::MAX));
        let waiting = WaitingRequest { head, reply, body: body.to_vec(), due };
        let inner = &mut *turn.inner;
        let call = inner.calls.add_with(|call| {
            waiting.reply.waits(call, waiting.body.len());
            Call::Fetch(Box::new(waiting))
        });
        if inner.shard.await_bytes(call, due, missing, &wanted, &mut inner.slots) {
            return;
        }
        // Too many wait already: this one is answered with what there is.
        if let Some(Call::Fetch(waiting)) = inner.calls.take(call) {
            waiting.reply.waited(call, waiting.body.len());
            let outgoing = tell(turn, head, request, &told, ranges);
            waiting.reply.send(outgoing);
        }
        return;
    }
    let outgoing = tell(turn, head, request, &told, ranges);
    reply.send(outgoing);
}

/// What partitions want of the object store that have not got it yet.
fn wishes(
    turn: &Turn<'_>,
    wanted: &[FetchPartition],
    remote: &[(usize, RemoteRead)],
    progress: &Progress,
    committed_only: bool,
) -> Vec<(usize, TieredLog, RemoteWish)> {
    let catalog = turn.inner.shard.catalog();
    let missing = remote.iter().filter(|(number, _)| !progress.answers.contains_key(number));
    let wish = |(number, read): &(usize, RemoteRead)| {
        let wanted = wanted.get(*number)?;
        let log = TieredLog { topic_id: catalog.topic_at(wanted.topic)?.topic_id, index: wanted.index };
        Some((*number, log, RemoteWish::Read { read: *read, from: wanted.offset, committed_only }))
    };
    missing.filter_map(wish).collect()
}

/// Tells what the object store had for a partition. Answers the aborted transactions in it.
fn tell_remote<'a>(
    turn: &mut Turn<'_>,
    told: &mut PartitionData<'a>,
    wanted: &FetchPartition,
    answer: &'a RemoteAnswer,
    committed_only: bool,
) -> Vec<AbortedTransaction> {
    let marks = turn.inner.shard.log(turn.at, wanted.topic, wanted.index).map(|log| log.watermarks());
    match (answer, marks) {
        (RemoteAnswer::Records(bytes, aborted), Ok(marks)) => {
            told.high_watermark = marks.high_watermark().0;
            told.last_stable_offset = marks.last_stable().0;
            told.log_start_offset = marks.log_start().0;
            told.aborted_transactions = committed_only.then(Array::default);
            told.records = Some(Records::Here(bytes));
            aborted.iter().map(|one| AbortedTransaction { producer_id: one.producer_id.0, first_offset: one.first_offset.0 }).collect()
        }
        (RemoteAnswer::Records(..) | RemoteAnswer::Found(_) | RemoteAnswer::Behind(_) | RemoteAnswer::Failed | RemoteAnswer::Late, _) => {
            told.error_code = ErrorCode::KAFKA_STORAGE_ERROR.number();
            told.high_watermark = -1;
            Vec::new()
        }
    }
}

/// A partition that yields no records.
fn tell_failed<E>(head: Head, wanted: Option<&FetchPartition>, error: &FetchError<E>) -> PartitionData<'static> {
    let partition_index = wanted.map_or(0, |wanted| wanted.index.0);
    let records = Some(Records::default());
    match error {
        FetchError::Diverging { end, watermarks } => PartitionData {
            partition_index,
            high_watermark: watermarks.high_watermark().0,
            last_stable_offset: watermarks.last_stable().0,
            log_start_offset: watermarks.log_start().0,
            diverging_epoch: EpochEndOffset { epoch: end.epoch.0, end_offset: end.end.0 },
            records,
            ..Default::default()
        },
        FetchError::Partition(PartitionError::Unknown) => {
            let by_id = head.version >= BY_ID_SINCE && wanted.is_none_or(|wanted| !wanted.topic.is_some());
            let code = if by_id { ErrorCode::UNKNOWN_TOPIC_ID } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
            // Kafka tells no aborted transactions here rather than null: the partition never came as far as a read.
            let aborted_transactions = Some(Array::default());
            PartitionData {
                partition_index,
                error_code: code.number(),
                high_watermark: -1,
                aborted_transactions,
                records,
                ..Default::default()
            }
        }
        error => {
            let error_code = error_map::of_fetch(error).number();
            PartitionData { partition_index, error_code, high_watermark: -1, records, ..Default::default() }
        }
    }
}

fn find_partitions(turn: &Turn<'_>, request: &FetchRequest<'_>, version: i16) -> Vec<FetchPartition> {
    let catalog = turn.inner.shard.catalog();
    let epoch = |number| Some(LeaderEpoch(number)).filter(|epoch| epoch.0 >= 0);
    let mut wanted = Vec::new();
    for topic in request.topics.iter() {
        let found = if version >= BY_ID_SINCE { catalog.topic_by_id(topic.topic_id) } else { catalog.topic(topic.topic) };
        for partition in topic.partitions.iter() {
            wanted.push(FetchPartition {
                topic: found.map_or(Slot::NONE, |found| found.slot),
                index: PartitionIndex(partition.partition),
                offset: Offset(partition.fetch_offset),
                max_bytes: u32::try_from(partition.partition_max_bytes).unwrap_or(0),
                current_leader_epoch: epoch(partition.current_leader_epoch),
                last_fetched_epoch: epoch(partition.last_fetched_epoch),
            });
        }
    }
    wanted
}

/// Encodes an answer: all of it, or what a session has not been told yet. What is left out has no records, so the ranges are its own still.
fn tell(turn: &mut Turn<'_>, head: Head, request: &FetchRequest<'_>, told: &[PartitionData<'_>], ranges: Vec<FileRange>) -> Outgoing {
    let by_id = head.version >= BY_ID_SINCE;
    let draw = &mut || i32::from_be_bytes(catalog::random()) & i32::MAX;
    let (session_id, tells) = match turn.inner.fetch_sessions.answer(turn.at.now, request, by_id, told, draw) {
        Answered::All(session_id) => (session_id, None),
        Answered::Some(session_id, tells) => (session_id, Some(tells)),
        Answered::Refused(session_id, code) => {
            return respond::encode(head, &FetchResponse { session_id, error_code: code.number(), ..Default::default() });
        }
    };
    let is_told = |number: usize| tells.as_ref().is_none_or(|tells| tells.get(number).copied().unwrap_or(true));
    let mut number = 0;
    let partitions: Vec<Vec<PartitionData<'_>>> = request
        .topics
        .iter()
        .map(|topic| {
            let from = number;
            number += topic.partitions.len();
            let mine = told.iter().enumerate().skip(from).take(topic.partitions.len());
            mine.filter(|(number, _)| is_told(*number)).map(|(_, told)| *told).collect()
        })
        .collect();
    let topics: Vec<FetchableTopicResponse<'_>> = request
        .topics
        .iter()
        .zip(&partitions)
        // A topic that nothing is told of is not named, but for one that was asked for without partitions.
        .filter(|(topic, partitions)| !partitions.is_empty() || (tells.is_none() && topic.partitions.is_empty()))
        .map(|(topic, partitions)| FetchableTopicResponse {
            topic: topic.topic,
            topic_id: topic.topic_id,
            partitions: Array::from(&**partitions),
        })
        .collect();
    let message = FetchResponse { session_id, responses: Array::from(&*topics), ..Default::default() };
    respond::encode_with_files(head, &message, ranges)
}
