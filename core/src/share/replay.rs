//! Belief: what a record of `__share_group_state`, once written, makes true. The same at load.

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::slab::Slot;
use crate::ids::Offset;
use crate::time::{Instant, Timestamp};

use super::coordinator::Coordinator;
use super::input::ShareKey;
use super::record::{Change, ShareRecord, Snapshot, Update};
use super::state::{RecordState, Run, SharePartition};

impl Coordinator<'_> {
    /// Makes a record true that stands at an offset of its log.
    ///
    /// A load may need more runs than there is room for, when there are fewer than the log was written with. Then what was delivered
    /// without being acknowledged is forgotten, and what was acknowledged behind something that was not: both are delivered again, as after a
    /// crash.
    ///
    /// # Panics
    /// When the memory set aside cannot hold the shared partitions of the log.
    pub fn believe(&mut self, record: &ShareRecord<'_>, at: Offset) {
        match record {
            ShareRecord::Snapshot { key, snapshot: None } => {
                if let Some(slot) = self.find(key) {
                    self.drop_partition(slot);
                }
            }
            ShareRecord::Snapshot { key, snapshot: Some(snapshot) } => {
                let slot = self.found(key, snapshot);
                assert!(slot.is_ok(), "the memory for shared partitions holds what their log says: {key:?}");
                if let Ok(slot) = slot {
                    self.believe_snapshot(slot, snapshot, at);
                }
            }
            ShareRecord::Update { key, update: Some(update) } => {
                if let Some(slot) = self.find(key) {
                    self.believe_update(slot, update);
                    if let Some(entry) = self.partitions.get_mut(slot) {
                        entry.updates = entry.updates.saturating_add(1);
                    }
                }
            }
            ShareRecord::Update { update: None, .. } | ShareRecord::Foreign => {}
        }
    }

    fn found(&mut self, key: &ShareKey<'_>, snapshot: &Snapshot<'_>) -> Result<Slot, Full> {
        if let Some(slot) = self.find(key) {
            return Ok(slot);
        }
        let group = self.texts.store(key.group_id.as_bytes())?;
        let entry = SharePartition {
            group,
            topic: key.topic_id,
            partition: key.partition,
            state_epoch: snapshot.state_epoch,
            snapshot_epoch: snapshot.update.snapshot_epoch,
            leader_epoch: snapshot.update.leader_epoch,
            start: None,
            created: Timestamp(0),
            updates: 0,
            snapshots_at: [Offset(0); 2],
            delivery_count_max: u16::MAX,
            runs: Slot::NONE,
        };
        let hash = self.hash(key);
        self.partitions.insert(hash, entry).inspect_err(|Full| self.texts.release(group))
    }

    fn drop_partition(&mut self, slot: Slot) {
        self.locks.clear(slot);
        let Some(mut entry) = self.partitions.remove(slot) else { return };
        self.runs.clear(&mut self.texts, &mut entry.runs);
        self.texts.release(entry.group);
    }

    fn believe_snapshot(&mut self, slot: Slot, snapshot: &Snapshot<'_>, at: Offset) {
        let Some(entry) = self.partitions.get_mut(slot) else { return };
        // One that goes on in the same epoch is what is known already, but for what is acquired.
        let is_known =
            entry.state_epoch == snapshot.state_epoch && entry.created == snapshot.created && entry.start == snapshot.update.start;
        entry.state_epoch = snapshot.state_epoch;
        entry.snapshot_epoch = snapshot.update.snapshot_epoch;
        entry.leader_epoch = entry.leader_epoch.max(snapshot.update.leader_epoch);
        entry.created = snapshot.created;
        let [before, _] = entry.snapshots_at;
        (entry.updates, entry.snapshots_at) = (0, [at, before]);
        if is_known && entry.start.is_some() {
            return;
        }
        entry.start = snapshot.update.start;
        let mut runs = core::mem::replace(&mut entry.runs, Slot::NONE);
        self.runs.clear(&mut self.texts, &mut runs);
        self.believe_update(slot, &snapshot.update);
    }

    fn believe_update(&mut self, slot: Slot, update: &Update<'_>) {
        update.changes.for_each(|change| self.believe_change(slot, &change));
        let Some(entry) = self.partitions.get_mut(slot) else { return };
        entry.leader_epoch = entry.leader_epoch.max(update.leader_epoch);
        if let Some(start) = update.start {
            entry.start = Some(start);
            self.runs.trim(&mut self.texts, &mut entry.runs, start);
        }
        self.advance(slot);
        let Some(head) = self.partitions.get(slot).map(|entry| entry.runs) else { return };
        self.runs.join(&mut self.texts, head);
        self.await_locks(slot);
    }

    /// What is done with from the start on is forgotten.
    fn advance(&mut self, slot: Slot) {
        let Some(entry) = self.partitions.get_mut(slot) else { return };
        let Some(mut start) = entry.start else { return };
        for (_, run) in self.runs.of(entry.runs) {
            if run.first > start || !run.state.is_terminal() {
                break;
            }
            start = Offset(run.last.0 + 1);
        }
        entry.start = Some(start);
        self.runs.trim(&mut self.texts, &mut entry.runs, start);
    }

    /// Paints offsets, whatever they were.
    fn believe_change(&mut self, slot: Slot, change: &Change) {
        let Some(start) = self.partitions.get(slot).map(|entry| entry.start.unwrap_or_default()) else { return };
        let mut next = change.first.max(start);
        while next <= change.last {
            let Some(entry) = self.partitions.get_mut(slot) else { return };
            let run = self.runs.at(entry.runs, next).map(|(_, run)| *run);
            let (last, painted) = match run {
                Some(run) if run.first <= next => {
                    let last = run.last.min(change.last);
                    (last, self.repaint(slot, next, last, change))
                }
                other => {
                    let last = other.map_or(change.last, |run| change.last.min(Offset(run.first.0 - 1)));
                    let batch = (next, super::coordinator::count(next, last));
                    let run = Run {
                        first: next,
                        last,
                        state: change.state,
                        delivery_count: change.delivery_count,
                        owner: Text::EMPTY,
                        due: Instant::ZERO,
                        batch,
                        next: Slot::NONE,
                    };
                    (last, self.runs.insert(&mut entry.runs, run))
                }
            };
            // Without room it is as if it had never been delivered.
            if painted.is_err() {
                return;
            }
            next = Offset(last.0 + 1);
        }
    }

    /// Paints offsets that lie in one run.
    fn repaint(&mut self, slot: Slot, first: Offset, last: Offset, change: &Change) -> Result<(), Full> {
        let Some(head) = self.partitions.get(slot).map(|entry| entry.runs) else { return Ok(()) };
        self.runs.cut(&mut self.texts, head, first)?;
        self.runs.cut(&mut self.texts, head, Offset(last.0 + 1))?;
        let found = self.runs.at(head, first).map(|(slot, _)| slot);
        let Some(run) = found.and_then(|found| self.runs.get_mut(found)) else { return Ok(()) };
        let owner = core::mem::replace(&mut run.owner, Text::EMPTY);
        (run.state, run.delivery_count, run.due) = (change.state, change.delivery_count, Instant::ZERO);
        debug_assert!(run.state != RecordState::Acquired, "that is not written down");
        self.texts.release(owner);
        Ok(())
    }
}
