//! The coordinator: the shared partitions of all groups.

use crate::bounded::Full;
use crate::bounded::bytes::ByteHeap;
use crate::bounded::deadlines::Deadlines;
use crate::bounded::list::List;
#[cfg(feature = "alloc")]
use crate::bounded::slab::Slab;
use crate::bounded::slab::Slot;
use crate::bounded::table::{HashKey, Table};
use crate::ids::{Offset, PartitionIndex};
use crate::machine::{Effects, Machine, When};
use crate::time::{Instant, Moment};

use super::answer::{Acquired, Answer};
use super::config::{ShareConfig, ShareLimits};
use super::error::ShareError;
use super::input::{Initialize, Input, ShareKey};
use super::record::{Change, Changes, ShareRecord, Snapshot, Update};
use super::runs::Runs;
use super::state::{RecordState, Run, SharePartition};

/// Effects of the coordinator.
pub type Fx<'e, 'm, 'c> = Effects<'e, 'm, Coordinator<'c>>;

/// The shared partitions of all groups.
///
/// Hard state is what the records of `__share_group_state` say: where each partition begins, and what behind that is done with or was
/// delivered how often. Soft is who has acquired what: whoever starts anew finds it as it was before.
/// Bounds: see [`ShareMemory`].
#[derive(Debug)]
pub struct Coordinator<'m> {
    pub(super) config: ShareConfig,
    pub(super) key: HashKey,
    pub(super) texts: ByteHeap<'m>,
    pub(super) partitions: Table<'m, SharePartition>,
    pub(super) runs: Runs<'m>,
    /// When the earliest lock of a partition may expire.
    pub(super) locks: Deadlines<'m>,
    /// What a step changes; empty between steps.
    pub(super) changes: List<'m, Change>,
    /// What a step has acquired; empty between steps.
    pub(super) acquired: List<'m, Acquired>,
}

/// The memory of a coordinator: lent piece by piece, or grown up to stated limits.
#[derive(Debug)]
pub struct ShareMemory<'m> {
    /// Ids of groups, and of members that have acquired something.
    pub texts: ByteHeap<'m>,
    /// One entry a group and partition.
    pub partitions: Table<'m, SharePartition>,
    /// What stands alike, of all partitions together.
    pub runs: Runs<'m>,
    /// Capacity of `partitions`.
    pub locks: Deadlines<'m>,
    /// What one step may change.
    pub changes: List<'m, Change>,
    /// What one step may acquire.
    pub acquired: List<'m, Acquired>,
}

#[cfg(feature = "alloc")]
impl ShareMemory<'_> {
    /// Memory that is allocated as it is needed: for so many shared partitions, and runs of all of them together.
    #[must_use]
    pub fn grown(partitions: usize, runs: usize) -> Self {
        Self {
            texts: ByteHeap::grown(partitions.saturating_mul(256).saturating_add(runs.saturating_mul(64)), partitions + runs),
            partitions: Table::grown(partitions),
            runs: Runs::new(Slab::grown(runs)),
            locks: Deadlines::grown(partitions),
            changes: List::grown(runs),
            acquired: List::grown(runs),
        }
    }
}

impl<'m> Coordinator<'m> {
    /// A coordinator that knows no shared partition yet. `key` keys the hashes of names that peers chose.
    ///
    /// # Panics
    /// When the list of deadlines is shorter than the table of partitions.
    #[must_use]
    pub fn new(config: ShareConfig, key: HashKey, memory: ShareMemory<'m>) -> Self {
        assert!(memory.locks.capacity() >= memory.partitions.capacity(), "a deadline for each shared partition");
        let ShareMemory { texts, partitions, runs, locks, changes, acquired } = memory;
        Self { config, key, texts, partitions, runs, locks, changes, acquired }
    }

    /// Puts other settings in force. Over how many partitions the states are spread is not among them.
    pub const fn configure(&mut self, config: ShareConfig) {
        let state_partition_count = self.config.state_partition_count;
        self.config = ShareConfig { state_partition_count, ..config };
    }

    /// Says over how many partitions the states are spread: as many as `__share_group_state` has, whatever the settings say by now.
    pub const fn spread_over(&mut self, partition_count: i32) {
        self.config.state_partition_count = partition_count;
    }

    /// The partition of `__share_group_state` that keeps a state. Source: `ShareCoordinatorService.partitionFor`,
    /// `SharePartitionKey.asCoordinatorKey`.
    #[must_use]
    pub fn partition_of(&self, key: &ShareKey<'_>) -> PartitionIndex {
        let mut name = JavaHash::default();
        // A hash takes whatever it is given.
        let written = core::fmt::write(&mut name, format_args!("{}:{}:{}", key.group_id, key.topic_id, key.partition.0));
        debug_assert!(written.is_ok(), "a hash takes everything");
        PartitionIndex::of_hash(name.0, self.config.state_partition_count)
    }

    /// Where the log is to be read from for the next member that wants records; `None` when the partition is not shared, or nobody has
    /// looked up yet where it begins.
    #[must_use]
    pub fn next_fetch_offset(&self, key: &ShareKey<'_>) -> Option<Offset> {
        let entry = self.partitions.get(self.find(key)?)?;
        let mut next = entry.start?;
        for (_, run) in self.runs.of(entry.runs) {
            if run.first > next {
                return Some(next);
            }
            if run.state == RecordState::Available {
                return Some(run.first);
            }
            next = Offset(run.last.0 + 1);
        }
        Some(next)
    }

    /// Whether a member that wants records may get some: some came back, or the window reaches further than what was delivered.
    #[must_use]
    pub fn may_acquire(&self, key: &ShareKey<'_>, limits: &ShareLimits) -> bool {
        let Some(entry) = self.find(key).and_then(|slot| self.partitions.get(slot)) else { return false };
        let (Some(start), Some(end), Some(next)) = (entry.start, self.end_of(entry), self.next_fetch_offset(key)) else { return false };
        next < end || end.0 - start.0 < i64::from(limits.record_locks_max)
    }

    /// Whether a partition is shared and nobody has looked up yet where it begins.
    #[must_use]
    pub fn wants_start(&self, key: &ShareKey<'_>) -> bool {
        self.find(key).and_then(|slot| self.partitions.get(slot)).is_some_and(|entry| entry.start.is_none())
    }

    pub(super) fn find(&self, key: &ShareKey<'_>) -> Option<Slot> {
        self.partitions.find(self.hash(key), |entry| {
            (entry.topic, entry.partition) == (key.topic_id, key.partition) && self.texts.bytes(entry.group) == key.group_id.as_bytes()
        })
    }

    pub(super) fn hash(&self, key: &ShareKey<'_>) -> u64 {
        self.key.hash(&[key.group_id.as_bytes(), &key.topic_id.0, &key.partition.0.to_be_bytes()])
    }

    /// What an entry is about.
    pub(super) fn key_of(&self, entry: &SharePartition) -> ShareKey<'_> {
        ShareKey { group_id: self.texts.str(entry.group), topic_id: entry.topic, partition: entry.partition }
    }

    /// Behind the last offset that was delivered.
    pub(super) fn end_of(&self, entry: &SharePartition) -> Option<Offset> {
        let start = entry.start?;
        let last = self.runs.of(entry.runs).last().map_or(start, |(_, run)| Offset(run.last.0 + 1));
        Some(start.max(last))
    }

    pub(super) fn record(&self, record: &ShareRecord<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        let Some(key) = record.key() else { return Ok(()) };
        record.encode(self.partition_of(&key), fx.records)
    }

    /// Writes down what `changes` holds; before it the whole state, if that is due.
    pub(super) fn record_changes(&self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) -> Result<(), ShareError> {
        let Some(entry) = self.partitions.get(slot) else { return Err(ShareError::NotShared) };
        let full = |Full| ShareError::Full;
        let mut snapshot_epoch = entry.snapshot_epoch;
        if entry.updates >= self.config.updates_per_snapshot {
            snapshot_epoch += 1;
            self.record_snapshot(at, entry, snapshot_epoch, fx).map_err(full)?;
        }
        let (start, complete_count) = self.survey(entry);
        // What is below the start is forgotten anyway.
        let from = self.changes.iter().position(|change| start.is_none_or(|start| change.last >= start)).unwrap_or(self.changes.len());
        let changes = self.changes.get(from..).unwrap_or_default();
        let leader_epoch = entry.leader_epoch;
        let update = Update { snapshot_epoch, leader_epoch, start, complete_count: Some(complete_count), changes: Changes::Known(changes) };
        self.record(&ShareRecord::Update { key: self.key_of(entry), update: Some(update) }, fx).map_err(full)
    }

    /// The whole state as whoever starts anew is to find it: what is acquired is as it was before.
    fn record_snapshot(&self, at: Moment, entry: &SharePartition, snapshot_epoch: i32, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        // Written one by one: an array of all is nowhere.
        let (start, complete_count) = (entry.start, self.complete_count(entry));
        let runs = || {
            let stored = |run: &Run| Change {
                first: run.first,
                last: run.last,
                state: if run.state == RecordState::Acquired { RecordState::Available } else { run.state },
                delivery_count: run.delivery_count.saturating_sub(u16::from(run.state == RecordState::Acquired)),
            };
            self.runs.of(entry.runs).map(move |(_, run)| stored(run)).filter(|it| it.state.is_terminal() || it.delivery_count > 0)
        };
        let update = Update {
            snapshot_epoch,
            leader_epoch: entry.leader_epoch,
            start,
            complete_count: Some(complete_count),
            changes: Changes::Shown(runs().count(), &|see| runs().for_each(see)),
        };
        let snapshot = Snapshot { state_epoch: entry.state_epoch, created: entry.created, written: at.wall, update };
        self.record(&ShareRecord::Snapshot { key: self.key_of(entry), snapshot: Some(snapshot) }, fx)
    }

    pub(super) fn complete_count(&self, entry: &SharePartition) -> u32 {
        let done = self.runs.of(entry.runs).filter(|(_, run)| run.state.is_terminal());
        done.fold(0u32, |sum, (_, run)| sum.saturating_add(count(run.first, run.last)))
    }

    /// Writes down that a partition begins at an offset, or behind what is done with from there on.
    pub(super) fn record_start(&self, at: Moment, slot: Slot, offset: Offset, fx: &mut Fx<'_, '_, 'm>) -> Result<(), ShareError> {
        let Some(entry) = self.partitions.get(slot) else { return Err(ShareError::NotShared) };
        let full = |Full| ShareError::Full;
        let mut start = offset;
        let mut complete_count = 0u32;
        for (_, run) in self.runs.of(entry.runs).filter(|(_, run)| run.last >= offset && run.state.is_terminal()) {
            if run.first <= start {
                start = Offset(run.last.0 + 1);
            } else {
                complete_count = complete_count.saturating_add(count(run.first, run.last));
            }
        }
        let mut snapshot_epoch = entry.snapshot_epoch;
        if entry.updates >= self.config.updates_per_snapshot {
            snapshot_epoch += 1;
            self.record_snapshot(at, entry, snapshot_epoch, fx).map_err(full)?;
        }
        let update = Update {
            snapshot_epoch,
            leader_epoch: entry.leader_epoch,
            start: Some(start),
            complete_count: Some(complete_count),
            changes: Changes::Known(&[]),
        };
        self.record(&ShareRecord::Update { key: self.key_of(entry), update: Some(update) }, fx).map_err(full)
    }

    /// Where a partition begins once its changes are believed, and how many offsets from there on are done with.
    fn survey(&self, entry: &SharePartition) -> (Option<Offset>, u32) {
        let Some(start) = entry.start else { return (None, 0) };
        let mut next = start;
        // Both rise, and so does where it is looked: each is walked through once.
        let mut changes = self.changes.iter().peekable();
        let mut runs = self.runs.of(entry.runs).map(|(_, run)| run).peekable();
        loop {
            while changes.next_if(|change| change.last < next).is_some() {}
            while runs.next_if(|run| run.last < next).is_some() {}
            let change = changes.peek().filter(|change| change.first <= next).map(|change| (change.state, change.last));
            let run = runs.peek().filter(|run| run.first <= next).map(|run| (run.state, run.last));
            match (change, run) {
                (Some((state, last)), _) if state.is_terminal() => next = Offset(last.0 + 1),
                (None, Some((state, last))) if state.is_terminal() => {
                    // Up to where a change begins.
                    let border = changes.peek().map_or(last, |change| last.min(Offset(change.first.0 - 1)));
                    next = Offset(border.0 + 1);
                }
                (Some(_) | None, _) => break,
            }
        }
        let done = self.changes.iter().filter(|change| change.state.is_terminal());
        let done = done.fold(self.complete_count(entry), |sum, change| sum.saturating_add(count(change.first, change.last)));
        (Some(next), done.saturating_sub(u32::try_from(next.0 - start.0).unwrap_or(u32::MAX)))
    }

    fn initialize(&mut self, at: Moment, initialize: &Initialize<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), ShareError> {
        let known = self.find(&initialize.key).and_then(|slot| self.partitions.get(slot));
        if known.is_some_and(|entry| entry.state_epoch > initialize.state_epoch) {
            return Err(ShareError::FencedStateEpoch);
        }
        let has_room = known.is_some() || (!self.partitions.is_full() && self.texts.has_room_for(initialize.key.group_id.len(), 1));
        if !has_room {
            return Err(ShareError::Full);
        }
        let update = Update {
            snapshot_epoch: known.map_or(0, |entry| entry.snapshot_epoch + 1),
            leader_epoch: known.map_or(0, |entry| entry.leader_epoch),
            start: initialize.start,
            // Where it begins is not known yet, and neither is how much is left of it.
            complete_count: initialize.start.map(|_| 0),
            changes: Changes::Known(&[]),
        };
        let snapshot = Snapshot { state_epoch: initialize.state_epoch, created: at.wall, written: at.wall, update };
        self.record(&ShareRecord::Snapshot { key: initialize.key, snapshot: Some(snapshot) }, fx).map_err(|Full| ShareError::Full)
    }

    fn delete(&self, slot: Slot, fx: &mut Fx<'_, '_, 'm>) -> Result<(), ShareError> {
        let Some(entry) = self.partitions.get(slot) else { return Err(ShareError::NotShared) };
        self.record(&ShareRecord::Snapshot { key: self.key_of(entry), snapshot: None }, fx).map_err(|Full| ShareError::Full)
    }

    fn snapshot(&self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) -> Result<(), ShareError> {
        let Some(entry) = self.partitions.get(slot) else { return Err(ShareError::NotShared) };
        self.record_snapshot(at, entry, entry.snapshot_epoch + 1, fx).map_err(|Full| ShareError::Full)
    }

    /// The earliest lock of a partition is what its deadline says.
    pub(super) fn await_locks(&mut self, slot: Slot) {
        let Some(entry) = self.partitions.get(slot) else { return };
        let acquired = self.runs.of(entry.runs).filter(|(_, run)| run.state == RecordState::Acquired);
        match acquired.map(|(_, run)| run.due).min() {
            None => self.locks.clear(slot),
            Some(due) => {
                let set = self.locks.set(slot, due);
                debug_assert!(set.is_ok(), "every shared partition has room for its deadline");
            }
        }
    }
}

/// How many offsets there are from the first to the last.
pub(super) fn count(first: Offset, last: Offset) -> u32 {
    u32::try_from(last.0.saturating_sub(first.0).saturating_add(1)).unwrap_or(if last < first { 0 } else { u32::MAX })
}

/// The hash of a string in Java, of what is written to it piece by piece.
#[derive(Debug, Default)]
struct JavaHash(i32);

impl core::fmt::Write for JavaHash {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0 = text.encode_utf16().fold(self.0, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
        Ok(())
    }
}

impl<'m> Machine for Coordinator<'m> {
    type Input<'a> = Input<'a>;
    type Record<'a> = ShareRecord<'a>;
    type Answer<'a> = Answer<'a>;

    fn step(&mut self, at: Moment, input: Input<'_>, fx: &mut Effects<'_, '_, Self>) {
        let before = fx.records.len();
        self.changes.clear();
        self.acquired.clear();
        let (call, result) = match input {
            Input::Acquire(acquire) => {
                let result = self.acquire(at, &acquire, fx).inspect_err(|_| fx.records.truncate(before));
                let answer = Answer::Acquired(result.map(|()| &*self.acquired));
                fx.answers.answer(acquire.call, When::Written, answer);
                return self.changes.clear();
            }
            Input::Initialize(initialize) => (initialize.call, self.initialize(at, &initialize, fx)),
            Input::Acknowledge(acknowledge) => (acknowledge.call, self.acknowledge(at, &acknowledge, fx)),
            Input::Release(release) => (release.call, self.release(at, &release, fx)),
            Input::LogBegins(begins) => (begins.call, self.log_begins(at, &begins, fx)),
            Input::Delete(place) => (place.call, self.delete(place.slot, fx)),
            Input::Snapshot(place) => (place.call, self.snapshot(at, place.slot, fx)),
        };
        if result.is_err() {
            fx.records.truncate(before);
        }
        self.changes.clear();
        fx.answers.answer(call, When::Written, Answer::Done(result));
    }

    fn replay(&mut self, record: &ShareRecord<'_>) {
        self.believe(record, Offset(0));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.locks.first().map(|(due, _)| due)
    }

    fn handle_timeout(&mut self, at: Moment, fx: &mut Effects<'_, '_, Self>) -> bool {
        let Some((due, slot)) = self.locks.first() else { return false };
        if due > at.now {
            return false;
        }
        self.changes.clear();
        self.locks_due(at, slot, fx);
        self.changes.clear();
        true
    }
}
