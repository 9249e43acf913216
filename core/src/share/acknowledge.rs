//! Members say what has become of records, are gone, or take too long; and the log forgets. Source: `SharePartition.acknowledge`,
//! `releaseAcquiredRecords`, `releaseAcquisitionLockOnTimeout`, `updateCacheAndOffsets`.

use crate::bounded::slab::Slot;
use crate::ids::Offset;
use crate::time::{Millis, Moment};

use super::coordinator::{Coordinator, Fx};
use super::error::ShareError;
use super::input::{Acknowledge, Acknowledged, LogBegins, Release};
use super::record::Change;
use super::state::{AcknowledgeType, RecordState, Run};

/// How long it is waited until what found no room is tried again.
const AGAIN: Millis = Millis(1_000);

/// How records stand when a lock on them ends. Source: `InFlightState.tryUpdateState`.
const fn returned(run: &Run, delivery_count_max: u16) -> RecordState {
    if run.delivery_count >= delivery_count_max { RecordState::Archived } else { RecordState::Available }
}

impl<'m> Coordinator<'m> {
    /// All that a member says in one go is true, or nothing of it.
    pub(super) fn acknowledge(&mut self, at: Moment, acknowledge: &Acknowledge<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), ShareError> {
        let slot = self.find(&acknowledge.key).ok_or(ShareError::NotShared)?;
        let mut renews = false;
        for batch in acknowledge.batches {
            self.acknowledge_batch(slot, acknowledge, batch, &mut renews)?;
        }
        let mut cuts = 0;
        if renews {
            cuts = acknowledge.batches.iter().map(|batch| batch.types.len() + 1).sum();
        }
        // Belief cannot fail, so there is room for what it cuts.
        if !self.runs.has_room_for(self.cuts(slot) + cuts) {
            return Err(ShareError::Full);
        }
        if !self.changes.is_empty() {
            self.record_changes(at, slot, fx)?;
        }
        if renews {
            let due = at.now.after(acknowledge.limits.record_lock);
            for batch in acknowledge.batches {
                self.renew(slot, batch, due)?;
            }
            self.await_locks(slot);
        }
        Ok(())
    }

    /// Whether a run goes across an offset.
    pub(super) fn is_cut(&self, head: Slot, border: Offset) -> bool {
        self.runs.at(head, border).is_some_and(|(_, run)| run.first < border)
    }

    /// How many runs more there are when the changes are believed.
    pub(super) fn cuts(&self, slot: Slot) -> usize {
        let Some(head) = self.partitions.get(slot).map(|entry| entry.runs) else { return 0 };
        let of_change = |change: &Change| {
            // What was never delivered has no run yet.
            let is_new = self.runs.at(head, change.first).is_none_or(|(_, run)| run.first > change.first);
            let borders = [change.first, Offset(change.last.0 + 1)];
            borders.into_iter().filter(|border| self.is_cut(head, *border)).count() + usize::from(is_new)
        };
        self.changes.iter().map(of_change).sum()
    }

    /// Checks what a member says of a batch, and notes what becomes of it.
    fn acknowledge_batch(
        &mut self,
        slot: Slot,
        acknowledge: &Acknowledge<'_>,
        batch: &Acknowledged<'_>,
        renews: &mut bool,
    ) -> Result<(), ShareError> {
        let Some(entry) = self.partitions.get(slot) else { return Err(ShareError::NotShared) };
        let head = entry.runs;
        let start = entry.start.ok_or(ShareError::InvalidRecordState)?;
        // It is done with already.
        if batch.last < start {
            return Ok(());
        }
        // Of what lies before all that is under way nothing was ever delivered, or all is done with; what lies behind is yet to come.
        // Source: `SharePartition.fetchSubMapForAcknowledgementBatch`.
        if self.runs.of(head).next().is_none_or(|(_, run)| run.first > batch.first.max(start)) {
            return Err(ShareError::InvalidRecordState);
        }
        if self.runs.at(head, batch.last).is_none_or(|(_, run)| run.first > batch.last) {
            return Err(ShareError::InvalidRequest("what is acknowledged lies behind what was acquired"));
        }
        let mut next = batch.first.max(start);
        while next <= batch.last {
            let Some((_, run)) = self.runs.at(head, next) else { return Err(ShareError::InvalidRecordState) };
            let run = *run;
            // What is said of records that there are not is of no account.
            next = next.max(run.first);
            if run.state != RecordState::Acquired || self.texts.bytes(run.owner) != acknowledge.member_id.as_bytes() {
                return Err(ShareError::InvalidRecordState);
            }
            let (said, last) = said_of(batch, next, run.last);
            let state = match said {
                AcknowledgeType::Accept => Some(RecordState::Acknowledged),
                AcknowledgeType::Reject | AcknowledgeType::Gap => Some(RecordState::Archived),
                AcknowledgeType::Release => Some(returned(&run, acknowledge.limits.delivery_count_max)),
                AcknowledgeType::Renew if acknowledge.limits.may_renew => None,
                AcknowledgeType::Renew => return Err(ShareError::InvalidRecordState),
            };
            match state {
                // A batch that overlaps the one before says something of records that are not the member's any more.
                Some(_) if self.changes.last().is_some_and(|change| change.last >= next) => return Err(ShareError::InvalidRecordState),
                Some(state) => self.change(Change { first: next, last, state, delivery_count: run.delivery_count })?,
                None => *renews = true,
            }
            next = Offset(last.0 + 1);
        }
        Ok(())
    }

    /// Locks anew what a member needs longer for. There is room for the cuts.
    fn renew(&mut self, slot: Slot, batch: &Acknowledged<'_>, due: crate::time::Instant) -> Result<(), ShareError> {
        let Some((head, start)) = self.partitions.get(slot).map(|entry| (entry.runs, entry.start.unwrap_or_default())) else {
            return Ok(());
        };
        let mut next = batch.first.max(start);
        while next <= batch.last {
            let Some((_, run)) = self.runs.at(head, next) else { return Ok(()) };
            let (said, last) = said_of(batch, next, run.last);
            if said == AcknowledgeType::Renew {
                let full = |_| ShareError::Full;
                self.runs.cut(&mut self.texts, head, next).map_err(full)?;
                self.runs.cut(&mut self.texts, head, Offset(last.0 + 1)).map_err(full)?;
                let found = self.runs.at(head, next).map(|(slot, _)| slot);
                if let Some(run) = found.and_then(|found| self.runs.get_mut(found)) {
                    run.due = due;
                }
            }
            next = Offset(last.0 + 1);
        }
        Ok(())
    }

    /// What a member has acquired comes back.
    pub(super) fn release(&mut self, at: Moment, release: &Release<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), ShareError> {
        let Some(slot) = self.find(&release.key) else { return Ok(()) };
        self.give_back(slot, |this, run| this.texts.bytes(run.owner) == release.member_id.as_bytes())?;
        if self.changes.is_empty() { Ok(()) } else { self.record_changes(at, slot, fx) }
    }

    /// Notes that those of the acquired records come back that somebody means.
    fn give_back(&mut self, slot: Slot, concerns: impl Fn(&Self, &Run) -> bool) -> Result<(), ShareError> {
        let Some(entry) = self.partitions.get(slot) else { return Ok(()) };
        let most = entry.delivery_count_max;
        let mut next = entry.runs;
        loop {
            let run = self.runs.of(next).next().map(|(_, run)| *run);
            let Some(run) = run else { return Ok(()) };
            if run.state == RecordState::Acquired && concerns(self, &run) {
                let state = returned(&run, most);
                self.change(Change { first: run.first, last: run.last, state, delivery_count: run.delivery_count })?;
            }
            next = run.next;
        }
    }

    /// Locks of a partition have expired, or only look so.
    pub(super) fn locks_due(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        let before = fx.records.len();
        let given = self.give_back(slot, |_, run| run.due <= at.now);
        let recorded = given.and_then(|()| if self.changes.is_empty() { Ok(()) } else { self.record_changes(at, slot, fx) });
        match recorded {
            // What is believed sets the deadline anew.
            Ok(()) if !self.changes.is_empty() => {
                let set = self.locks.set(slot, at.now.after(AGAIN));
                debug_assert!(set.is_ok(), "every shared partition has room for its deadline");
            }
            Ok(()) => self.await_locks(slot),
            Err(_) => {
                // It does not fit beside what is written now: it is tried again.
                fx.records.truncate(before);
                let _ = self.locks.set(slot, at.now.after(AGAIN));
            }
        }
    }

    /// Records below an offset are gone, or the partition begins there for whoever shares it: nobody gets what was there and is not acquired.
    /// Who has acquired some of it may say so, to nobody's use.
    pub(super) fn log_begins(&mut self, at: Moment, begins: &LogBegins<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), ShareError> {
        let slot = self.find(&begins.key).ok_or(ShareError::NotShared)?;
        let Some(entry) = self.partitions.get(slot) else { return Err(ShareError::NotShared) };
        if entry.start.is_some_and(|start| start >= begins.offset) {
            return Ok(());
        }
        self.record_start(at, slot, begins.offset, fx)
    }
}

/// What a member says of an offset, and until where it says the same, up to the end of a run.
fn said_of(batch: &Acknowledged<'_>, offset: Offset, until: Offset) -> (AcknowledgeType, Offset) {
    let until = batch.last.min(until);
    match batch.types {
        [] => (AcknowledgeType::Gap, until),
        [said] => (*said, until),
        types => {
            let at = usize::try_from(offset.0 - batch.first.0).unwrap_or(usize::MAX);
            let rest = types.get(at..).unwrap_or_default();
            let said = rest.first().copied().unwrap_or(AcknowledgeType::Gap);
            let most = usize::try_from(super::coordinator::count(offset, until)).unwrap_or(usize::MAX);
            let same = rest.iter().take(most).take_while(|it| **it == said).count().max(1);
            (said, until.min(Offset(offset.0 + i64::try_from(same).unwrap_or(1) - 1)))
        }
    }
}
