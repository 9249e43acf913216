//! A member acquires records: those that came back before those that nobody had, as far as the window of the partition reaches.
//!
//! Records that came back several times are delivered in smaller and smaller lots, and the last time one by one: whatever is wrong with
//! one of them, the others get through. Source: `SharePartition.acquire`, KIP-1222.

use crate::bounded::bytes::Text;
use crate::bounded::slab::Slot;
use crate::ids::Offset;
use crate::time::{Instant, Moment};

use super::answer::Acquired;
use super::coordinator::{Coordinator, Fx, count};
use super::error::ShareError;
use super::input::{Acquire, LogBatch};
use super::record::Change;
use super::state::{RecordState, Run};

/// From how many deliveries on lots get smaller, at least. Source: `MINIMUM_THROTTLE_RECORDS_DELIVERY_LIMIT`.
const THROTTLE_MIN: u16 = 2;

/// What is to be acquired, and for whom.
struct Wanted<'a> {
    slot: Slot,
    batches: &'a [LogBatch],
    owner: Text,
    due: Instant,
    batch_size: u32,
    is_strict: bool,
    delivery_count_max: u16,
    /// The last offset that may be acquired.
    last: Offset,
    /// How many records are acquired at the most, give or take the end of a batch.
    room: u32,
    taken: u32,
    /// The lot of which something was acquired last.
    lot: Option<Offset>,
    /// The lot that was looked through for what came back often, to no avail.
    fresh: Option<Offset>,
}

impl Wanted<'_> {
    const fn left(&self) -> u32 {
        self.room.saturating_sub(self.taken)
    }

    /// From how many deliveries on lots get smaller. Source: `throttleRecordsDeliveryLimit`.
    fn throttle_limit(&self) -> u16 {
        self.delivery_count_max.div_ceil(2).max(THROTTLE_MIN)
    }
}

impl<'m> Coordinator<'m> {
    /// Acquires what there is for a member; what that is stands in `acquired` then.
    pub(super) fn acquire(&mut self, at: Moment, acquire: &Acquire<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), ShareError> {
        let slot = self.find(&acquire.key).ok_or(ShareError::NotShared)?;
        let Some(entry) = self.partitions.get_mut(slot) else { return Err(ShareError::NotShared) };
        let limits = acquire.limits;
        entry.delivery_count_max = limits.delivery_count_max;
        let Some(entry) = self.partitions.get(slot) else { return Err(ShareError::NotShared) };
        let (start, end) = entry.start.zip(self.end_of(entry)).ok_or(ShareError::NotShared)?;
        let (Some(first), Some(last)) = (acquire.batches.first(), acquire.batches.last()) else { return Ok(()) };
        let window = u32::try_from(end.0 - start.0).unwrap_or(u32::MAX);
        let mut wanted = Wanted {
            slot,
            batches: acquire.batches,
            owner: Text::EMPTY,
            due: at.now.after(limits.record_lock),
            batch_size: acquire.batch_size,
            is_strict: acquire.is_strict,
            delivery_count_max: limits.delivery_count_max,
            last: last.last,
            room: acquire.records_max.min(limits.record_locks_max.saturating_sub(window)),
            taken: 0,
            lot: None,
            fresh: None,
        };
        if wanted.room == 0 && acquire.read_from < end {
            // The window is used up: only what came back within it.
            wanted.last = last.last.min(Offset(end.0 - 1));
            wanted.room = acquire.records_max.min(count(acquire.read_from, Offset(end.0 - 1)));
        }
        let is_room = wanted.room > 0 && last.last >= start;
        if !is_room || !self.texts.has_room_for(acquire.member_id.len(), 1) {
            return Ok(());
        }
        wanted.owner = self.texts.store(acquire.member_id.as_bytes()).map_err(|_| ShareError::Full)?;
        let result = self.take(&mut wanted, start.max(first.first));
        self.texts.release(wanted.owner);
        // Whatever was acquired before memory ended is the member's.
        if self.acquired.is_empty() {
            result?;
        }
        self.await_locks(slot);
        self.archive_missing(slot, acquire.read_from.max(start), first.first)?;
        self.archive_aborted(acquire)?;
        // Belief cannot fail. What is not archived is acquired, and comes back.
        if !self.runs.has_room_for(self.cuts(slot)) {
            return Err(ShareError::Full);
        }
        if self.changes.is_empty() { Ok(()) } else { self.record_changes(at, slot, fx) }
    }

    /// Walks through what was read.
    fn take(&mut self, wanted: &mut Wanted<'_>, from: Offset) -> Result<(), ShareError> {
        let mut next = from;
        while next <= wanted.last && wanted.left() > 0 {
            let Some(head) = self.partitions.get(wanted.slot).map(|entry| entry.runs) else { return Ok(()) };
            let run = self.runs.at(head, next).map(|(_, run)| *run);
            next = match run {
                Some(run) if run.first <= next && run.state == RecordState::Available => {
                    if self.is_throttled(wanted, head, next, run.batch.0) {
                        if wanted.taken > 0 {
                            return Ok(());
                        }
                        let behind = self.take_few(wanted, next, run.batch)?;
                        if wanted.taken > 0 {
                            return Ok(());
                        }
                        behind
                    } else {
                        let mut last = run.last.min(wanted.last);
                        if wanted.is_strict {
                            last = last.min(Offset(next.0 + i64::from(wanted.left()) - 1));
                        }
                        self.seize(wanted, next, last)?
                    }
                }
                Some(run) if run.first <= next => Offset(run.last.0 + 1),
                Some(run) => self.take_new(wanted, next, wanted.last.min(Offset(run.first.0 - 1)))?,
                None => self.take_new(wanted, next, wanted.last)?,
            };
        }
        Ok(())
    }

    /// Whether something of a lot, from an offset on, came back so often that it is to be delivered in smaller ones.
    fn is_throttled(&self, wanted: &mut Wanted<'_>, head: Slot, from: Offset, lot: Offset) -> bool {
        if wanted.fresh == Some(lot) {
            return false;
        }
        let Some((first, _)) = self.runs.at(head, from) else { return false };
        let mut of_lot = self.runs.of(first).map(|(_, run)| run).take_while(|run| run.batch.0 == lot && run.first <= wanted.last);
        let limit = wanted.throttle_limit();
        let is_throttled = of_lot.any(|run| run.state == RecordState::Available && run.delivery_count >= limit);
        if !is_throttled {
            wanted.fresh = Some(lot);
        }
        is_throttled
    }

    /// Acquires a part of a lot. Answers where it goes on behind the lot. Source: `acquireSubsetBatchRecords`.
    fn take_few(&mut self, wanted: &mut Wanted<'_>, from: Offset, (lot, lot_size): (Offset, u32)) -> Result<Offset, ShareError> {
        let (limit, most) = (wanted.throttle_limit(), wanted.delivery_count_max);
        let isolates = most > 2;
        let mut cap: Option<u32> = None;
        let mut next = from;
        while next <= wanted.last {
            let Some(head) = self.partitions.get(wanted.slot).map(|entry| entry.runs) else { break };
            let Some(run) = self.runs.at(head, next).map(|(_, run)| *run).filter(|run| run.batch.0 == lot) else { break };
            let first = run.first.max(next);
            next = Offset(run.last.0 + 1);
            if run.state != RecordState::Available {
                continue;
            }
            // The last attempt is made alone.
            let is_last = isolates && run.delivery_count + 1 >= most;
            if is_last && wanted.taken > 0 {
                break;
            }
            if run.delivery_count >= limit && cap.is_none() {
                let shift = u32::from(run.delivery_count - limit) + 1;
                cap = Some(lot_size.checked_shr(shift).unwrap_or(0).max(1));
            }
            let mut most_now = u32::MAX;
            if is_last {
                most_now = 1;
            }
            if wanted.is_strict {
                most_now = most_now.min(wanted.left());
            }
            if let Some(cap) = cap {
                most_now = most_now.min(cap.saturating_sub(wanted.taken));
            }
            if most_now == 0 {
                break;
            }
            let last = run.last.min(wanted.last).min(Offset(first.0.saturating_add(i64::from(most_now) - 1)));
            self.seize(wanted, first, last)?;
            if is_last || last < run.last {
                break;
            }
        }
        Ok(next)
    }

    /// Acquires what nobody had yet: whole batches of the log, unless so many and no more are wanted; in lots of about the wanted size.
    /// Answers what comes behind. Source: `acquireNewBatchRecords`, `createBatches`.
    fn take_new(&mut self, wanted: &mut Wanted<'_>, first: Offset, last: Offset) -> Result<Offset, ShareError> {
        let wished = Offset(first.0.saturating_add(i64::from(wanted.left()) - 1));
        let mut whole = last;
        if wished < last {
            let holding = wanted.batches.iter().take_while(|batch| batch.first <= wished).last().filter(|batch| wished <= batch.last);
            whole = holding.map_or(wished, |batch| batch.last).min(last);
        }
        if wanted.is_strict {
            let size = count(first, whole);
            return self.deliver(wanted, first, whole.min(wished), size);
        }
        let mut from = first;
        if count(first, whole) > wanted.batch_size {
            for at in 0..wanted.batches.len() {
                let Some(batch) = wanted.batches.get(at).copied() else { break };
                if batch.first > whole {
                    break;
                }
                if batch.first.0 - from.0 >= i64::from(wanted.batch_size.max(1)) {
                    let lot = Offset(batch.first.0 - 1);
                    self.deliver(wanted, from, lot, count(from, lot))?;
                    from = batch.first;
                }
            }
        }
        self.deliver(wanted, from, whole, count(from, whole))
    }

    /// Delivers a lot for the first time.
    fn deliver(&mut self, wanted: &mut Wanted<'_>, first: Offset, last: Offset, lot_size: u32) -> Result<Offset, ShareError> {
        if !self.runs.has_room_for(self.runs.reserve() + 1) {
            return Err(ShareError::Full);
        }
        let Some(entry) = self.partitions.get_mut(wanted.slot) else { return Err(ShareError::NotShared) };
        let owner = self.texts.share(wanted.owner);
        let run = Run {
            first,
            last,
            state: RecordState::Acquired,
            delivery_count: 1,
            owner,
            due: wanted.due,
            batch: (first, lot_size),
            next: Slot::NONE,
        };
        let inserted = self.runs.insert(&mut entry.runs, run);
        inserted.map_err(|_| {
            self.texts.release(owner);
            ShareError::Full
        })?;
        self.note(wanted, Acquired { first, last, delivery_count: 1 }, first)
    }

    /// Delivers what came back once more. Answers what comes behind.
    fn seize(&mut self, wanted: &mut Wanted<'_>, first: Offset, last: Offset) -> Result<Offset, ShareError> {
        let Some(head) = self.partitions.get(wanted.slot).map(|entry| entry.runs) else { return Err(ShareError::NotShared) };
        let full = |_| ShareError::Full;
        let borders = usize::from(self.is_cut(head, first)) + usize::from(self.is_cut(head, Offset(last.0 + 1)));
        if borders > 0 && !self.runs.has_room_for(self.runs.reserve() + borders) {
            return Err(ShareError::Full);
        }
        self.runs.cut(&mut self.texts, head, first).map_err(full)?;
        self.runs.cut(&mut self.texts, head, Offset(last.0 + 1)).map_err(full)?;
        let Some(slot) = self.runs.at(head, first).map(|(slot, _)| slot) else { return Err(ShareError::NotShared) };
        let owner = self.texts.share(wanted.owner);
        let Some(run) = self.runs.get_mut(slot) else { return Err(ShareError::NotShared) };
        let before = core::mem::replace(&mut run.owner, owner);
        run.state = RecordState::Acquired;
        run.delivery_count = run.delivery_count.saturating_add(1);
        run.due = wanted.due;
        let (delivery_count, lot) = (run.delivery_count, run.batch.0);
        self.texts.release(before);
        self.note(wanted, Acquired { first, last, delivery_count }, lot)
    }

    /// Notes what the member is told of. What follows within a lot and was delivered as often is told together.
    /// Source: `ShareFetchUtils.accumulateAcquiredRecords`.
    fn note(&mut self, wanted: &mut Wanted<'_>, acquired: Acquired, lot: Offset) -> Result<Offset, ShareError> {
        wanted.taken = wanted.taken.saturating_add(count(acquired.first, acquired.last));
        let behind = Offset(acquired.last.0 + 1);
        if wanted.lot.replace(lot) == Some(lot)
            && let Some(last) = self.acquired.last_mut()
            && (last.last.0 + 1, last.delivery_count) == (acquired.first.0, acquired.delivery_count)
        {
            last.last = acquired.last;
            return Ok(behind);
        }
        self.acquired.push(acquired).map_err(|_| ShareError::Full)?;
        Ok(behind)
    }

    /// What was asked for and is not in the log any more, nobody gets. Source: `maybeArchiveStaleBatches`.
    fn archive_missing(&mut self, slot: Slot, from: Offset, to: Offset) -> Result<(), ShareError> {
        let Some(head) = self.partitions.get(slot).map(|entry| entry.runs) else { return Ok(()) };
        let mut next = from;
        while next < to {
            let run = self.runs.at(head, next).map(|(_, run)| *run);
            let before = Offset(to.0 - 1);
            let (last, found) = match run {
                Some(run) if run.first <= next => {
                    (run.last.min(before), (run.state == RecordState::Available).then_some(run.delivery_count))
                }
                Some(run) => (before.min(Offset(run.first.0 - 1)), Some(0)),
                None => (before, Some(0)),
            };
            if let Some(delivery_count) = found {
                self.change(Change { first: next, last, state: RecordState::Archived, delivery_count })?;
            }
            next = Offset(last.0 + 1);
        }
        Ok(())
    }

    /// What belongs to aborted transactions is archived instead of told. Source: `filterAbortedTransactionalAcquiredRecords`.
    fn archive_aborted(&mut self, acquire: &Acquire<'_>) -> Result<(), ShareError> {
        if acquire.aborted.is_empty() {
            return Ok(());
        }
        let told = self.acquired.len();
        for at in 0..told {
            let Some(lot) = self.acquired.get(at).copied() else { break };
            let mut from = lot.first;
            for aborted in acquire.aborted.iter().filter(|aborted| aborted.last >= lot.first && aborted.first <= lot.last) {
                let (first, last) = (aborted.first.max(from), aborted.last.min(lot.last));
                if from < first {
                    self.acquired.push(Acquired { last: Offset(first.0 - 1), first: from, ..lot }).map_err(|_| ShareError::Full)?;
                }
                self.change(Change { first, last, state: RecordState::Archived, delivery_count: lot.delivery_count })?;
                from = Offset(last.0 + 1);
            }
            if from <= lot.last {
                self.acquired.push(Acquired { first: from, ..lot }).map_err(|_| ShareError::Full)?;
            }
        }
        // What is left stands behind what there was.
        let left = self.acquired.len() - told;
        self.acquired.copy_within(told.., 0);
        self.acquired.truncate(left);
        Ok(())
    }

    /// Notes a change, with the one before it if they stand alike.
    pub(super) fn change(&mut self, change: Change) -> Result<(), ShareError> {
        if let Some(last) = self.changes.last_mut()
            && (last.state, last.delivery_count, last.last.0 + 1) == (change.state, change.delivery_count, change.first.0)
        {
            last.last = change.last;
            return Ok(());
        }
        self.changes.push(change).map_err(|_| ShareError::Full)
    }
}
