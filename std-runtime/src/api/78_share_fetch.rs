//! ShareFetch, key 78, served 1-2. KIP-932, KIP-1206 and KIP-1222 (v2).
//!
//! What was read is looked through before it leaves: which of it the member has acquired follows from where batches begin and end.
//! Differences from Apache Kafka: where a group begins is written down when it is looked up, not with the first acknowledgement, so that a crash
//! between the two costs no record. A group that is to begin by a duration, where only the object store knows the offset of that, is answered
//! KAFKA_STORAGE_ERROR. Of records that come back, a fetch without ShareAcquireMode 1 takes no more than it wants, where Kafka goes on to the
//! end of what was once acquired together; and what a member releases with a fetch may be among what that fetch brings.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileExt as _;

use millpond_core::bounded::slab::Slot;
use millpond_core::ids::{CallId, Offset, PartitionIndex};
use millpond_core::log::error::ReadError;
use millpond_core::log::reading::{ReadUpTo, TimestampQuery};
use millpond_core::log::txn_index::AbortedTransaction;
use millpond_core::record::batch::Batch;
use millpond_core::shard::fetch::{FetchError, FetchLimits, FetchPartition};
use millpond_core::shard::logs::Written;
use millpond_core::shard::tier::TieredLog;
use millpond_core::share::answer::Acquired;
use millpond_core::share::input::{Acquire, Initialize, Input, LogBatch, LogBegins, ShareKey};
use millpond_core::time::{Instant, Millis, Timestamp};
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::{Array, Records};

use crate::config::groups::{GroupSettings, ShareReset};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::share_fetch::{
    AcquiredRecords, PartitionData, ShareFetchRequest, ShareFetchResponse, ShareFetchableTopicResponse,
};
use crate::worker::calls::{Call, Head};
use crate::worker::remote::{RemoteAnswer, RemoteAnswers, RemoteOrder, RemoteWish};
use crate::worker::reply::{FileRange, Outgoing, Reply};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::share_session::{CLOSES, OPENS, Owner, SessionId, Wanted};
use super::{error_map, list_offsets, respond, share};

/// The longest that a fetch waits, whatever it asks for.
const WAIT_MAX: Millis = Millis(300_000);
/// What is read of one partition at the most. Unit: bytes.
const PARTITION_BYTES_MAX: u32 = 1 << 20;

/// A fetch, once its acknowledgements are carried out and its session has taken it.
#[derive(Debug)]
pub struct WaitingShare {
    /// What the answer repeats.
    pub head: Head,
    /// Where it goes.
    pub reply: Reply,
    due: Instant,
    owner: Owner,
    /// The session that it belongs to; `None` when it closes one.
    session: Option<SessionId>,
    wanted: Vec<Wanted>,
    /// Whether partitions are told of that have nothing new.
    tells_all: bool,
    /// What has become of the acknowledgements.
    acknowledged: BTreeMap<Wanted, ErrorCode>,
    /// What must be committed before that may be told.
    written: Vec<Written>,
    limits: Limits,
    /// What is in force for the group.
    settings: GroupSettings,
    store: Store,
}

/// What the object store is asked for, one partition after the other, and has said so far.
#[derive(Debug, Default)]
struct Store {
    /// What it is asked for: of which partition, and from which offset on that member wants records.
    asked: Option<(Wanted, Offset)>,
    /// Where nothing is, from an offset on up to another: the store was looked through for that.
    behind: BTreeMap<Wanted, (Offset, Offset)>,
    /// What it cannot give.
    failed: BTreeSet<Wanted>,
    /// Whether it did not answer in time. Source: `DelayedRemoteFetch`: then there are no records, and no error.
    is_late: bool,
}

/// Records that the object store had.
struct Brought {
    place: Wanted,
    from: Offset,
    bytes: Vec<u8>,
    aborted: Vec<AbortedTransaction>,
}

/// What the object store is to be asked for.
struct Order {
    place: Wanted,
    from: Offset,
    log: TieredLog,
    wish: RemoteWish,
}

/// What comes of a look at the records of a partition.
enum Look<T> {
    /// They are here: the bytes, and what there is to say of them.
    Here(Vec<u8>, Vec<T>),
    /// They are in the object store.
    Elsewhere(Order),
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    max_bytes: u32,
    records_max: u32,
    batch_size: u32,
    is_strict: bool,
}

impl WaitingShare {
    /// What it holds in memory. Unit: bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        (self.wanted.len() + self.acknowledged.len() + self.store.behind.len() + self.store.failed.len()) * size_of::<Wanted>()
            + self.owner.0.len()
            + self.owner.1.len()
    }
}

/// What a partition has come to.
#[derive(Debug, Default)]
struct Told {
    error: Option<ErrorCode>,
    bytes: Vec<u8>,
    acquired: Vec<Acquired>,
    /// Whether the next one is to read elsewhere.
    has_come_on: bool,
}

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ShareFetchRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, caller, .. } = asked;
    worker.turn(|turn| {
        let refuse = |code: ErrorCode| respond::encode(head, &ShareFetchResponse { error_code: code.number(), ..Default::default() });
        if !share::is_enabled(turn) {
            return reply.send(refuse(ErrorCode::UNSUPPORTED_VERSION));
        }
        match begin(turn, head, &request, caller.connection, reply) {
            Ok(waiting) => carry_out(turn, waiting, None),
            Err((reply, code)) => reply.send(refuse(code)),
        }
    });
    Ok(())
}

/// Carries out a fetch again that waited.
pub(crate) fn resume(turn: &mut Turn<'_>, waiting: WaitingShare) {
    carry_out(turn, waiting, None);
}

/// Carries out a fetch again with what the object store had for it.
pub(crate) fn resume_remote(turn: &mut Turn<'_>, mut waiting: WaitingShare, mut answers: RemoteAnswers) {
    let Some((place, from)) = waiting.store.asked.take() else { return carry_out(turn, waiting, None) };
    let mut brought = None;
    match answers.remove(&0) {
        Some(RemoteAnswer::Records(bytes, aborted)) => brought = Some(Brought { place, from, bytes, aborted }),
        Some(RemoteAnswer::Behind(offset)) => {
            waiting.store.behind.insert(place, (from, offset));
        }
        Some(RemoteAnswer::Failed | RemoteAnswer::Late | RemoteAnswer::Found(_)) => {
            waiting.store.failed.insert(place);
        }
        None => waiting.store.is_late = true,
    }
    carry_out(turn, waiting, brought);
}

/// Takes the request into its session, and carries out its acknowledgements.
fn begin(
    turn: &mut Turn<'_>,
    head: Head,
    request: &ShareFetchRequest<'_>,
    connection: u64,
    reply: Reply,
) -> Result<WaitingShare, (Reply, ErrorCode)> {
    let epoch = request.share_session_epoch;
    let owner = match share::owner(request.group_id, request.member_id) {
        Ok(owner) => owner,
        Err(code) => return Err((reply, code)),
    };
    let named: Vec<Wanted> = request
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(move |partition| (topic.topic_id, PartitionIndex(partition.partition_index))))
        .collect();
    let forgotten: Vec<Wanted> = request
        .forgotten_topics_data
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(move |index| (topic.topic_id, PartitionIndex(index))))
        .collect();
    let says = request.topics.iter().any(|topic| topic.partitions.iter().any(|partition| !partition.acknowledgement_batches.is_empty()));
    // Source: `KafkaApis.handleShareFetchRequest`: nothing is acquired yet when a session opens; who renews wants no records.
    let renews_and_fetches =
        request.is_renew_ack && (request.max_bytes > 0 || request.min_bytes > 0 || request.max_wait_ms > 0 || request.max_records > 0);
    if (epoch == OPENS && says) || renews_and_fetches {
        return Err((reply, ErrorCode::INVALID_REQUEST));
    }
    let sessions = &mut turn.inner.share_sessions;
    let taken = match epoch {
        OPENS => sessions.open(owner.clone(), named.clone(), connection).map(|()| (named, None)),
        CLOSES => sessions.close(&owner).map(|wanted| (Vec::new(), Some(wanted))),
        epoch => sessions.next(&owner, epoch, &named, &forgotten).map(|wanted| (wanted, None)),
    };
    let (wanted, closed) = match taken {
        Ok(taken) => taken,
        Err(error) => return Err((reply, share::code_of(error))),
    };
    let said = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().filter(|partition| !partition.acknowledgement_batches.is_empty()).map(move |partition| {
            let batches = partition.acknowledgement_batches.iter();
            let said = batches.map(|batch| (batch.first_offset, batch.last_offset, batch.acknowledge_types.iter().collect())).collect();
            ((topic.topic_id, PartitionIndex(partition.partition_index)), said)
        })
    });
    let (acknowledged, mut written) = share::acknowledge_all(turn, &owner, said, request.is_renew_ack);
    if let Some(wanted) = closed {
        written.extend(share::release(turn, &owner, &wanted));
    }
    let due = turn.at.now.after(Millis::from_signed(i64::from(request.max_wait_ms)).min(WAIT_MAX));
    let wanted = if request.is_renew_ack { Vec::new() } else { wanted };
    let limits = Limits {
        max_bytes: u32::try_from(request.max_bytes).unwrap_or(0).min(turn.around.config.fetch_bytes_max),
        records_max: u32::try_from(request.max_records).unwrap_or(0),
        batch_size: u32::try_from(request.batch_size).unwrap_or(0).max(1),
        is_strict: request.share_acquire_mode == 1,
    };
    let settings = share::settings(turn, &owner.0);
    let store = Store::default();
    let session = turn.inner.share_sessions.id(&owner);
    Ok(WaitingShare { session, store, settings, head, reply, due, owner, wanted, tells_all: epoch == OPENS, acknowledged, written, limits })
}

fn carry_out(turn: &mut Turn<'_>, mut waiting: WaitingShare, brought: Option<Brought>) {
    // Whoever waited for a session that is gone gets nothing: what it had acquired came back with that.
    if waiting.session != turn.inner.share_sessions.id(&waiting.owner) {
        waiting.wanted.clear();
    }
    let mut asked = Vec::new();
    let mut written = core::mem::take(&mut waiting.written);
    let (told, order) = acquire_all(turn, &waiting, brought, (&mut asked, &mut written));
    waiting.written = written;
    if let Some(order) = order {
        return wait_for_store(turn, waiting, &order);
    }
    // What was looked through, to no avail, is answered too: there may be more behind it.
    let has_come_on = told.values().any(|told| told.has_come_on || !told.acquired.is_empty());
    let is_done = waiting.store.is_late || has_come_on || told.values().all(|told| told.error.is_some());
    if !is_done && turn.at.now < waiting.due && !waiting.wanted.is_empty() && waiting.limits.records_max > 0 {
        let (due, size) = (waiting.due, waiting.size());
        let inner = &mut *turn.inner;
        let call = inner.calls.add_with(|call| {
            waiting.reply.waits(call, size);
            Call::Share(Box::new(waiting))
        });
        // One byte more, or whatever comes back, is worth a look.
        if inner.shard.await_bytes(call, due, 1, &asked, &mut inner.slots) {
            return;
        }
        // Too many wait already: this one is answered with what there is.
        let Some(Call::Share(back)) = inner.calls.take(call) else { return };
        back.reply.waited(call, size);
        waiting = *back;
    }
    let lock = i32::try_from(waiting.settings.share.record_lock.0).unwrap_or(i32::MAX);
    let outgoing = tell(&waiting, &told, lock);
    let WaitingShare { head, reply, written, .. } = waiting;
    turn.hold(head, reply, outgoing, &written, ErrorCode::NOT_COORDINATOR, None);
}

/// Lets a fetch wait for the object store.
fn wait_for_store(turn: &mut Turn<'_>, mut waiting: WaitingShare, order: &Order) {
    waiting.store.asked = Some((order.place, order.from));
    let patience = core::time::Duration::from_millis(turn.around.live.get().remote.fetch_wait_max.0);
    let size = waiting.size();
    let inner = &mut *turn.inner;
    let call = inner.calls.add_with(|call| {
        waiting.reply.waits(call, size);
        Call::Share(Box::new(waiting))
    });
    inner.remote_orders.push(RemoteOrder { call, patience, wishes: vec![(0, order.log, order.wish)] });
}

/// Acquires what there is for the member in each partition that it wants; `asked` is where it was looked for.
///
/// Answers also what the object store is to be asked for before it goes on: of the first partition whose records are there, while nothing
/// was acquired. Whoever has something takes that, and is served first from the store when the turn of that partition comes.
fn acquire_all(
    turn: &mut Turn<'_>,
    waiting: &WaitingShare,
    mut brought: Option<Brought>,
    (asked, written): (&mut Vec<FetchPartition>, &mut Vec<Written>),
) -> (BTreeMap<Wanted, Told>, Option<Order>) {
    let mut told: BTreeMap<Wanted, Told> = BTreeMap::new();
    let mut has_some = false;
    let (mut bytes_left, mut records_left) = (waiting.limits.max_bytes, waiting.limits.records_max);
    for place in &waiting.wanted {
        let mut of_place = Told::default();
        match wanted_of(turn, waiting, *place, written) {
            Err(code) => of_place.error = Some(code),
            Ok(wanted) => {
                if bytes_left > 0 && records_left > 0 {
                    let from_store = brought.take_if(|it| it.place == *place && it.from == wanted.offset);
                    match acquire(turn, waiting, *place, &wanted, (bytes_left, records_left), from_store) {
                        Ok(Look::Here(bytes, acquired)) => (of_place.bytes, of_place.acquired) = (bytes, acquired),
                        Ok(Look::Elsewhere(order)) if !has_some && !waiting.store.is_late => return (told, Some(order)),
                        Ok(Look::Elsewhere(_)) => {}
                        Err(code) => of_place.error = Some(code),
                    }
                    has_some |= !of_place.acquired.is_empty();
                    let key = ShareKey { group_id: &waiting.owner.0, topic_id: place.0, partition: place.1 };
                    of_place.has_come_on = turn.inner.shard.shares().next_fetch_offset(&key) != Some(wanted.offset);
                    bytes_left = bytes_left.saturating_sub(u32::try_from(of_place.bytes.len()).unwrap_or(u32::MAX));
                    let count = of_place.acquired.iter().map(|it| it.last.0 - it.first.0 + 1).sum::<i64>();
                    records_left = records_left.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
                }
                asked.push(wanted);
            }
        }
        told.insert(*place, of_place);
    }
    (told, None)
}

/// Where a partition is to be read from.
fn wanted_of(turn: &mut Turn<'_>, waiting: &WaitingShare, place: Wanted, written: &mut Vec<Written>) -> Result<FetchPartition, ErrorCode> {
    share::check_partition(turn, place)?;
    let (topic_id, index) = place;
    let key = ShareKey { group_id: &waiting.owner.0, topic_id, partition: index };
    let topic = turn.inner.shard.catalog().topic_by_id(topic_id).map_or(Slot::NONE, |topic| topic.slot);
    let start = match turn.inner.shard.shares().view(&key) {
        Some(view) => view.start,
        // A crash may have left a group with a partition that has no state any more: it begins there anew.
        None if turn.inner.shard.groups().shares(&waiting.owner.0).since(topic_id, index).is_some() => {
            let initialize = Initialize { call: CallId(0), key, state_epoch: 0, start: None };
            written.extend(share::turn(turn, Input::Initialize(initialize))?.1);
            None
        }
        None => return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
    };
    let log_start = turn.inner.shard.log(turn.at, topic, index).map_err(|error| error_map::of_partition(&error))?.watermarks().log_start();
    let begins = match start {
        None => Some(first_of(turn, (topic, index), waiting.settings.share_reset)?),
        Some(start) => Some(log_start).filter(|begins| *begins > start),
    };
    if let Some(offset) = begins {
        written.extend(share::turn(turn, Input::LogBegins(LogBegins { call: CallId(0), key, offset }))?.1);
    }
    let offset = turn.inner.shard.shares().next_fetch_offset(&key).unwrap_or_default();
    let max_bytes = PARTITION_BYTES_MAX;
    Ok(FetchPartition { topic, index, offset, max_bytes, current_leader_epoch: None, last_fetched_epoch: None })
}

/// Where a group begins in a partition that is new to it. Source: `SharePartition.startOffsetDuringInitialization`.
fn first_of(turn: &mut Turn<'_>, (topic, index): (Slot, PartitionIndex), reset: ShareReset) -> Result<Offset, ErrorCode> {
    let query = match reset {
        ShareReset::Earliest => TimestampQuery::Earliest,
        ShareReset::Latest => TimestampQuery::Latest,
        ShareReset::ByDuration(duration) => {
            TimestampQuery::At(Timestamp(turn.at.wall.0.saturating_sub(i64::try_from(duration.0).unwrap_or(i64::MAX))))
        }
    };
    let wanted = FetchPartition { topic, index, offset: Offset::ZERO, max_bytes: 0, current_leader_epoch: None, last_fetched_epoch: None };
    match list_offsets::find_offset(turn, &wanted, query, ReadUpTo::HighWatermark) {
        Ok(Some(found)) => Ok(found.offset),
        // Nothing is as young as that yet. Source: `ShareFetchUtils.offsetForTimestamp`.
        Ok(None) => Err(ErrorCode::OFFSET_NOT_AVAILABLE),
        // The first record that is not older lies in the object store: so does what is behind it, up to the first that is local.
        Err(FetchError::Read(ReadError::Remote(_))) => Err(ErrorCode::KAFKA_STORAGE_ERROR),
        Err(error) => Err(error_map::of_fetch(&error)),
    }
}

/// Reads a partition, and acquires what the member may have of it. Answers the batches with what it has in them.
fn acquire(
    turn: &mut Turn<'_>,
    waiting: &WaitingShare,
    (topic_id, partition): Wanted,
    wanted: &FetchPartition,
    (max_bytes, records_max): (u32, u32),
    from_store: Option<Brought>,
) -> Result<Look<Acquired>, ErrorCode> {
    let key = ShareKey { group_id: &waiting.owner.0, topic_id, partition };
    let limits = waiting.settings.share;
    if !turn.inner.shard.shares().may_acquire(&key, &limits) {
        return Ok(Look::Here(Vec::new(), Vec::new()));
    }
    let (bytes, aborted) = match from_store {
        Some(brought) => (brought.bytes, brought.aborted),
        None => match read(turn, waiting, (topic_id, partition), wanted, max_bytes)? {
            Look::Here(bytes, aborted) => (bytes, aborted),
            Look::Elsewhere(order) => return Ok(Look::Elsewhere(order)),
        },
    };
    if bytes.is_empty() {
        return Ok(Look::Here(Vec::new(), Vec::new()));
    }
    let places = places_of(&bytes);
    let batches: Vec<LogBatch> = places.iter().map(|(batch, _)| *batch).collect();
    let aborted = aborted_of(&bytes, &aborted);
    let input = Acquire {
        call: CallId(0),
        key,
        member_id: &waiting.owner.1,
        read_from: wanted.offset,
        batches: &batches,
        aborted: &aborted,
        records_max,
        batch_size: waiting.limits.batch_size,
        is_strict: waiting.limits.is_strict,
        limits,
    };
    let (acquired, _) = share::turn(turn, Input::Acquire(input))?;
    Ok(Look::Here(slice_of(bytes, &places, &acquired), acquired))
}

/// Reads a partition from where the member wants it, or from behind what the object store was looked through for. Answers the bytes, and which
/// transactions among them were aborted.
fn read(
    turn: &mut Turn<'_>,
    waiting: &WaitingShare,
    place: Wanted,
    wanted: &FetchPartition,
    max_bytes: u32,
) -> Result<Look<AbortedTransaction>, ErrorCode> {
    let nothing = waiting.store.behind.get(&place).filter(|(first, behind)| (*first..*behind).contains(&wanted.offset));
    let from = nothing.map_or(wanted.offset, |(_, behind)| *behind);
    let looked = FetchPartition { offset: from, ..*wanted };
    let committed_only = waiting.settings.is_share_committed_only;
    let up_to = if committed_only { ReadUpTo::LastStable } else { ReadUpTo::HighWatermark };
    let fetch = FetchLimits { min_bytes: 1, max_bytes, up_to };
    let mut aborted = Vec::new();
    let mut range: Option<Result<Option<FileRange>, ErrorCode>> = None;
    let mut remote = None;
    let inner = &mut *turn.inner;
    inner.shard.fetch(turn.at, core::slice::from_ref(&looked), fetch, &mut inner.aborted, |_, fetched, of_range| {
        aborted.extend_from_slice(of_range);
        range = Some(match fetched {
            Ok(found) => Ok(found.bytes.map(|slice| FileRange { at: 0, file: slice.handle, position: slice.position, size: slice.size })),
            Err(FetchError::Remote(read)) => {
                remote = Some(read);
                Ok(None)
            }
            Err(error) => match error_map::of_fetch(&error) {
                // An administrator may have said so: it waits for that record. Source: `ShareFetchUtils.processFetchResponse`.
                ErrorCode::OFFSET_OUT_OF_RANGE => Ok(None),
                code => Err(code),
            },
        });
    });
    if let Some(read) = remote {
        if waiting.store.failed.contains(&place) {
            return Err(ErrorCode::KAFKA_STORAGE_ERROR);
        }
        let (topic_id, index) = place;
        let log = TieredLog { topic_id, index };
        return Ok(Look::Elsewhere(Order { place, from: wanted.offset, log, wish: RemoteWish::Read { read, from, committed_only } }));
    }
    let Some(range) = range.transpose()?.flatten() else { return Ok(Look::Here(Vec::new(), Vec::new())) };
    let mut bytes = vec![0; usize::try_from(range.size).unwrap_or(0)];
    range.file.file().read_exact_at(&mut bytes, range.position).map_err(|error| {
        tracing::error!(%error, "shared records cannot be read");
        ErrorCode::KAFKA_STORAGE_ERROR
    })?;
    Ok(Look::Here(bytes, aborted))
}

/// The batches in what was read, and where each begins and ends.
fn places_of(bytes: &[u8]) -> Vec<(LogBatch, core::ops::Range<usize>)> {
    let mut places = Vec::new();
    let mut rest = bytes;
    while let Ok((batch, behind)) = Batch::split_first(rest) {
        let (start, end) = (bytes.len() - rest.len(), bytes.len() - behind.len());
        let header = batch.header();
        places.push((LogBatch { first: header.base_offset(), last: header.last_offset() }, start..end));
        rest = behind;
    }
    places
}

/// The batches in what was read whose transactions were aborted. Source: `SharePartition.fetchAbortedTransactionRecordBatches`.
fn aborted_of(bytes: &[u8], aborted: &[AbortedTransaction]) -> Vec<LogBatch> {
    let mut batches = Vec::new();
    let mut rest = bytes;
    while let Ok((batch, behind)) = Batch::split_first(rest)
        && !aborted.is_empty()
    {
        let header = batch.header();
        let (first, last) = (header.base_offset(), header.last_offset());
        let is_of = |it: &AbortedTransaction| {
            header.producer().is_some_and(|stamp| stamp.id == it.producer_id) && (it.first_offset..=it.last_offset).contains(&first)
        };
        if header.is_transactional() && !header.is_control() && aborted.iter().any(is_of) {
            batches.push(LogBatch { first, last });
        }
        rest = behind;
    }
    batches
}

/// The batches from the first to the last that something was acquired of.
fn slice_of(mut bytes: Vec<u8>, places: &[(LogBatch, core::ops::Range<usize>)], acquired: &[Acquired]) -> Vec<u8> {
    let (Some(first), Some(last)) = (acquired.first(), acquired.last()) else { return Vec::new() };
    let start = places.iter().find(|(batch, _)| batch.last >= first.first).map_or(0, |(_, place)| place.start);
    let end = places.iter().rfind(|(batch, _)| batch.first <= last.last).map_or(bytes.len(), |(_, place)| place.end);
    bytes.truncate(end);
    bytes.drain(..start.min(end));
    bytes
}

fn tell(waiting: &WaitingShare, told: &BTreeMap<Wanted, Told>, lock: i32) -> Outgoing {
    let mut shown: BTreeMap<Wanted, (Option<&Told>, Option<ErrorCode>)> = BTreeMap::new();
    for (place, told) in told.iter().filter(|(_, told)| waiting.tells_all || told.error.is_some() || !told.acquired.is_empty()) {
        shown.entry(*place).or_default().0 = Some(told);
    }
    for (place, code) in &waiting.acknowledged {
        shown.entry(*place).or_default().1 = Some(*code);
    }
    let acquired: Vec<Vec<AcquiredRecords>> =
        shown.values().map(|(told, _)| told.map_or_else(Vec::new, |told| told.acquired.iter().map(tell_acquired).collect())).collect();
    let partitions: Vec<(Wanted, PartitionData<'_>)> = shown
        .iter()
        .zip(&acquired)
        .map(|((place, (told, code)), acquired)| {
            let error = told.and_then(|told| told.error);
            let bytes = told.map_or(&[][..], |told| &told.bytes);
            let data = PartitionData {
                partition_index: place.1.0,
                error_code: error.unwrap_or(ErrorCode::NONE).number(),
                acknowledge_error_code: code.unwrap_or(ErrorCode::NONE).number(),
                acknowledge_error_message: code.and_then(share::explained),
                records: Some(Records::Here(bytes)),
                acquired_records: Array::from(&**acquired),
                ..Default::default()
            };
            (*place, data)
        })
        .collect();
    let (places, data): (Vec<Wanted>, Vec<PartitionData<'_>>) = partitions.into_iter().unzip();
    let mut responses = Vec::new();
    let mut rest = &*data;
    for of_topic in places.chunk_by(|a, b| a.0 == b.0) {
        let (mine, behind) = rest.split_at_checked(of_topic.len()).unwrap_or_default();
        rest = behind;
        let topic_id = of_topic.first().map(|place| place.0).unwrap_or_default();
        responses.push(ShareFetchableTopicResponse { topic_id, partitions: Array::from(mine) });
    }
    let message = ShareFetchResponse { acquisition_lock_timeout_ms: lock, responses: Array::from(&*responses), ..Default::default() };
    respond::encode(waiting.head, &message)
}

fn tell_acquired(acquired: &Acquired) -> AcquiredRecords {
    AcquiredRecords {
        first_offset: acquired.first.0,
        last_offset: acquired.last.0,
        delivery_count: i16::try_from(acquired.delivery_count).unwrap_or(i16::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_begins_and_ends_with_batches_that_something_was_acquired_of() {
        let place = |first, last, at: core::ops::Range<usize>| (LogBatch { first: Offset(first), last: Offset(last) }, at);
        let places = [place(0, 4, 0..10), place(5, 9, 10..25), place(10, 12, 25..30)];
        let acquired = |first, last| Acquired { first: Offset(first), last: Offset(last), delivery_count: 1 };
        let bytes: Vec<u8> = (0..30).collect();
        assert_eq!(slice_of(bytes.clone(), &places, &[acquired(6, 7)]), bytes[10..25]);
        assert_eq!(slice_of(bytes.clone(), &places, &[acquired(1, 1), acquired(11, 12)]), bytes);
        assert!(slice_of(bytes, &places, &[]).is_empty());
    }
}
