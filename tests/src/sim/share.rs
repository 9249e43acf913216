//! What the broker does for members of share groups, as `std-runtime/src/api/78_share_fetch.rs` does it.

use millpond_core::bounded::list::List;
use millpond_core::catalog::name;
use millpond_core::group::input::{Caller, Input as GroupInput, ShareHeartbeat};
use millpond_core::group::modern::topics::NoMatcher;
use millpond_core::ids::{CallId, MemberEpoch, Offset, PartitionIndex};
use millpond_core::log::reading::ReadUpTo;
use millpond_core::machine::{Answers, When};
use millpond_core::record::batch::Batch;
use millpond_core::shard::fetch::{FetchLimits, FetchPartition};
use millpond_core::shard::logs::Written;
use millpond_core::share::answer::{Acquired, Answer as ShareAnswer};
use millpond_core::share::config::ShareLimits;
use millpond_core::share::coordinator::Coordinator;
use millpond_core::share::error::ShareError;
use millpond_core::share::input::{Acknowledge, Acknowledged, Acquire, Initialize, Input, LogBatch, LogBegins, ShareKey};
use millpond_core::share::state::AcknowledgeType;
use millpond_core::time::{Millis, Moment};
use millpond_core::wire::value::Array;

use super::Sabotage;
use super::broker::{Broker, Call, GroupAnswers, PATIENCE};
use super::message::{Answer, Lot, Partition, Settle, TOPICS, Worker};

/// How long a record is locked.
pub(crate) const LOCK: Millis = Millis(3000);

/// What a worker has acquired, as the broker decided it.
#[derive(Clone, Debug)]
pub(crate) struct Acquisition {
    pub(crate) worker: Worker,
    pub(crate) lot: Lot,
}

#[derive(Default)]
struct Caught(Option<Result<Vec<Acquired>, ShareError>>);

impl Answers<Coordinator<'static>> for Caught {
    fn answer(&mut self, _: CallId, _: When, answer: ShareAnswer<'_>) {
        self.0 = Some(match answer {
            ShareAnswer::Acquired(result) => result.map(<[Acquired]>::to_vec),
            ShareAnswer::Done(result) => result.map(|()| Vec::new()),
        });
    }
}

impl Broker {
    /// A worker says that it lives, and its group gets what it needs to work.
    pub(super) fn work(&mut self, at: Moment, call: CallId, worker: &Worker, epoch: i32) {
        let _ = self.ensure(at, name::CONSUMER_OFFSETS);
        let _ = self.ensure(at, name::SHARE_GROUP_STATE);
        let heartbeat = ShareHeartbeat {
            caller: Caller { call, group_id: &worker.group, member_id: &worker.id, group_instance_id: None },
            epoch: MemberEpoch(epoch),
            client_id: "worker",
            client_host: "/::1",
            rack_id: None,
            names: (epoch == 0).then_some(Array::from(&TOPICS[..])),
        };
        self.calls.insert(call, Call::Machine);
        let mut answers = GroupAnswers { calls: &mut self.calls, ready: Vec::new() };
        let result = self.shard.group(at, GroupInput::ShareHeartbeat(heartbeat), &NoMatcher, &mut answers, &mut self.released);
        let ready = answers.ready;
        self.deliver(at, ready, result.map_err(|_| ()));
        // What cannot be written is tried again the next time.
        let _ = self.shard.begin_to_share(at, &worker.group, &mut self.released);
    }

    /// A worker says what has become of records, and wants others.
    pub(super) fn share(&mut self, at: Moment, call: CallId, worker: &Worker, settles: &[Settle], wanted: &[Partition]) {
        let limits = ShareLimits { record_lock: LOCK, ..ShareLimits::default() };
        let mut written: Vec<Written> = Vec::new();
        let mut settled = Vec::new();
        for settle in settles {
            let types = [settle.how];
            let batches = [Acknowledged { first: Offset(settle.lot.first), last: Offset(settle.lot.last), types: &types }];
            let key = key(worker, &settle.lot.partition);
            let told = self.turn_share(at, Input::Acknowledge(Acknowledge { call, key, member_id: &worker.id, batches: &batches, limits }));
            settled.push(told.is_ok());
            // Whoever settles is told when that is safe.
            written.extend(told.ok().and_then(|(_, end)| end).filter(|_| !self.sabotaged(Sabotage::TellsSettledEarly)));
        }
        let mut acquired = Vec::new();
        for partition in wanted {
            for one in self.acquire(at, worker, partition, limits, &mut written) {
                let lot = Lot { partition: partition.clone(), first: one.first.0, last: one.last.0, times: one.delivery_count };
                self.acquired.push(Acquisition { worker: worker.clone(), lot: lot.clone() });
                acquired.push(lot);
            }
        }
        if self.sabotaged(Sabotage::TellsSettledEarly) {
            written.clear();
        }
        self.hold(at, call, Answer::Shared { settled, acquired }, &written, PATIENCE);
    }

    fn turn_share(&mut self, at: Moment, input: Input<'_>) -> Result<(Vec<Acquired>, Option<Written>), ()> {
        let mut caught = Caught::default();
        let written = self.shard.share(at, input, &mut caught, &mut self.released).map_err(|_| ())?;
        match caught.0 {
            Some(Ok(acquired)) => Ok((acquired, written)),
            Some(Err(_)) | None => Err(()),
        }
    }

    fn acquire(
        &mut self,
        at: Moment,
        worker: &Worker,
        partition: &Partition,
        limits: ShareLimits,
        written: &mut Vec<Written>,
    ) -> Vec<Acquired> {
        let key = key(worker, partition);
        let Some(topic) = self.shard.catalog().topic_by_id(partition.id).map(|topic| topic.slot) else { return Vec::new() };
        let index = PartitionIndex(partition.index);
        let is_shared = self.shard.groups().shares(&worker.group).since(partition.id, index).is_some();
        if self.shard.shares().view(&key).is_none() {
            if !is_shared {
                return Vec::new();
            }
            let initialize = Initialize { call: CallId(0), key, state_epoch: 0, start: None };
            let Ok((_, end)) = self.turn_share(at, Input::Initialize(initialize)) else { return Vec::new() };
            written.extend(end);
        }
        let start = self.shard.shares().view(&key).and_then(|view| view.start);
        let Ok(begins) = self.shard.log(at, topic, index).map(|log| log.watermarks().log_start()) else { return Vec::new() };
        if start.is_none_or(|start| begins > start) {
            let Ok((_, end)) = self.turn_share(at, Input::LogBegins(LogBegins { call: CallId(0), key, offset: begins })) else {
                return Vec::new();
            };
            written.extend(end);
        }
        let Some(from) = self.shard.shares().next_fetch_offset(&key) else { return Vec::new() };
        let wanted = FetchPartition { topic, index, offset: from, max_bytes: 2000, current_leader_epoch: None, last_fetched_epoch: None };
        let limits_of_fetch = FetchLimits { min_bytes: 0, max_bytes: 2000, up_to: ReadUpTo::HighWatermark };
        let mut batches: Vec<LogBatch> = Vec::new();
        let disk = self.disk.clone();
        self.shard.fetch(at, &[wanted], limits_of_fetch, &mut List::grown(1 << 10), |_, fetched, _| {
            let Some(slice) = fetched.ok().and_then(|range| range.bytes) else { return };
            let media = disk.borrow();
            let start = usize::try_from(slice.position).unwrap_or(usize::MAX);
            let end = start.saturating_add(usize::try_from(slice.size).unwrap_or(0));
            let mut rest = media.bytes(slice.handle.file).get(start..end).unwrap_or_default();
            while let Ok((batch, behind)) = Batch::split_first(rest) {
                batches.push(LogBatch { first: batch.header().base_offset(), last: batch.header().last_offset() });
                rest = behind;
            }
        });
        let acquire = Acquire {
            call: CallId(0),
            key,
            member_id: &worker.id,
            read_from: from,
            batches: &batches,
            aborted: &[],
            records_max: 10,
            batch_size: 5,
            is_strict: worker.is_strict,
            limits,
        };
        let Ok((acquired, end)) = self.turn_share(at, Input::Acquire(acquire)) else { return Vec::new() };
        written.extend(end);
        acquired
    }
}

fn key<'a>(worker: &'a Worker, partition: &Partition) -> ShareKey<'a> {
    ShareKey { group_id: &worker.group, topic_id: partition.id, partition: PartitionIndex(partition.index) }
}

/// What a worker says of records that it has, by chance.
pub(crate) const SAYS: [AcknowledgeType; 4] =
    [AcknowledgeType::Accept, AcknowledgeType::Accept, AcknowledgeType::Release, AcknowledgeType::Reject];
