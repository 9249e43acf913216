//! Offsets that a transaction commits: kept aside until it ends. Source: KIP-98, KIP-447; `OffsetMetadataManager`.

use crate::bounded::Full;
use crate::bounded::chain::{Chain, Links, linked};
use crate::bounded::slab::Slot;
use crate::ids::{PartitionIndex, ProducerId};
use crate::record::marker::Outcome;

use super::coordinator::{Coordinator, Fx};
use super::error::GroupError;
use super::input::Commit;
use super::offsets::Kept;
use super::record::StoredOffset;

/// One offset that counts once its transaction is committed. Hard.
///
/// Entries are found by group and partition, so that several transactions may have one for the same.
#[derive(Debug)]
pub struct PendingOffset {
    group: Slot,
    transaction: Slot,
    kept: Kept,
    links: Links,
}

linked!(PendingOffset);

/// A transaction that has committed offsets and is open. Hard.
#[derive(Debug)]
pub struct OpenTransaction {
    producer_id: ProducerId,
    offsets: Chain,
}

impl<'m> Coordinator<'m> {
    /// Some offset that an open transaction has committed for a partition.
    pub(super) fn find_pending_offset(&self, group: Slot, topic: &str, partition: PartitionIndex) -> Option<Slot> {
        self.find_pending_offset_of(group, topic, partition, None)
    }

    fn find_pending_offset_of(&self, group: Slot, topic: &str, partition: PartitionIndex, of: Option<Slot>) -> Option<Slot> {
        let is_it = |pending: &PendingOffset| {
            pending.group == group && of.is_none_or(|of| pending.transaction == of) && self.is_of(&pending.kept, topic, partition)
        };
        self.pending_offsets.find(self.offset_hash(group, topic, partition), is_it)
    }

    fn find_open(&self, producer_id: ProducerId) -> Option<Slot> {
        let hash = self.key.hash(&[&producer_id.0.to_be_bytes()]);
        self.transactions.find(hash, |open| open.producer_id == producer_id)
    }

    /// Whether an open transaction has committed an offset for a partition: then what counts is about to change.
    /// Source: KIP-447, `require_stable`.
    #[must_use]
    pub fn is_unstable(&self, group_id: &str, topic: &str, partition: PartitionIndex) -> bool {
        let group = if self.pending_offsets.is_empty() { None } else { self.find_group(group_id) };
        group.is_some_and(|group| self.find_pending_offset(group, topic, partition).is_some())
    }

    pub(super) fn has_room_for_pending(&self, offsets: usize) -> bool {
        self.pending_offsets.capacity() - self.pending_offsets.len() >= offsets && !self.transactions.is_full()
    }

    /// Who may commit as part of a transaction: unlike others, whatever the state of the group, and without belonging to it when the
    /// producer does not say that it does. Source: `ClassicGroup.validateOffsetCommit`, KIP-447.
    pub(super) fn check_pending_commit(&self, commit: &Commit<'_>) -> Result<(), GroupError> {
        let caller = &commit.caller;
        let known = self.find_group(caller.group_id).and_then(|slot| Some((slot, self.groups.get(slot)?)));
        let Some((slot, group)) = known else {
            return if commit.generation_id.is_none() { Ok(()) } else { Err(GroupError::IllegalGeneration) };
        };
        if self.consumer_group(slot).is_some() {
            return self.check_consumer_commit(slot, commit);
        }
        let is_empty = group.state == super::classic::state::State::Empty;
        let is_anonymous = caller.member_id.is_empty() && caller.group_instance_id.is_none();
        if commit.generation_id.is_none() && (is_empty || is_anonymous) {
            return Ok(());
        }
        self.check_member(slot, caller.member_id, caller.group_instance_id)?;
        if commit.generation_id == Some(group.generation_id) { Ok(()) } else { Err(GroupError::IllegalGeneration) }
    }

    pub(super) fn believe_pending_offset(
        &mut self,
        producer_id: ProducerId,
        (group_id, topic, partition): (&str, &str, PartitionIndex),
        commit: &StoredOffset<'_>,
    ) -> Result<(), Full> {
        let group = self.find_or_create_group(group_id)?;
        let transaction = match self.find_open(producer_id) {
            Some(open) => open,
            None => {
                let hash = self.key.hash(&[&producer_id.0.to_be_bytes()]);
                self.transactions.insert(hash, OpenTransaction { producer_id, offsets: Chain::default() })?
            }
        };
        let kept = self.keep(topic, partition, commit)?;
        if let Some(slot) = self.find_pending_offset_of(group, topic, partition, Some(transaction))
            && let Some(pending) = self.pending_offsets.get_mut(slot)
        {
            let before = core::mem::replace(&mut pending.kept, kept);
            self.release_kept(&before);
            return Ok(());
        }
        let hash = self.offset_hash(group, topic, partition);
        let entry = PendingOffset { group, transaction, kept, links: Links::default() };
        let slot = self.pending_offsets.insert(hash, entry).inspect_err(|Full| self.release_kept(&kept))?;
        if let Some(open) = self.transactions.get_mut(transaction) {
            open.offsets.push(&mut self.pending_offsets, slot);
        }
        if let Some(group) = self.groups.get_mut(group) {
            group.pending_offsets += 1;
        }
        Ok(())
    }

    /// Takes a pending offset out. A transaction without any is still open, but of no concern here.
    fn take_pending_offset(&mut self, slot: Slot) -> Option<(Slot, Kept)> {
        let transaction = self.pending_offsets.get(slot)?.transaction;
        if let Some(open) = self.transactions.get_mut(transaction) {
            open.offsets.unlink(&mut self.pending_offsets, slot);
            if open.offsets.is_empty() {
                self.transactions.remove(transaction);
            }
        }
        let pending = self.pending_offsets.remove(slot)?;
        if let Some(group) = self.groups.get_mut(pending.group) {
            group.pending_offsets -= 1;
        }
        Some((pending.group, pending.kept))
    }

    pub(super) fn drop_pending_offset(&mut self, slot: Slot) {
        if let Some((_, kept)) = self.take_pending_offset(slot) {
            self.release_kept(&kept);
        }
    }

    pub(super) fn drop_pending_offsets_of(&mut self, group: Slot) {
        let mut from = 0;
        while self.groups.get(group).is_some_and(|group| group.pending_offsets > 0)
            && let Some(slot) = self.pending_offsets.next_from(from)
        {
            from = slot.index() + 1;
            if self.pending_offsets.get(slot).is_some_and(|pending| pending.group == group) {
                self.drop_pending_offset(slot);
            }
        }
    }

    /// A transaction has ended: its offsets count, in the order in which they were committed, or are forgotten.
    pub(super) fn believe_end(&mut self, producer_id: ProducerId, outcome: Outcome) -> Result<(), Full> {
        while let Some(slot) = self.find_open(producer_id).and_then(|open| self.transactions.get(open)).map(|open| open.offsets.first()) {
            match outcome {
                Outcome::Abort => self.drop_pending_offset(slot),
                Outcome::Commit => {
                    let Some((group, kept)) = self.take_pending_offset(slot) else { break };
                    self.settle_offset(group, kept)?;
                }
            }
        }
        Ok(())
    }

    /// Deletes the pending offsets of a group that concern somebody, where no committed one was deleted with the same words.
    pub(super) fn record_pending_tombstones(
        &self,
        slot: Slot,
        fx: &mut Fx<'_, '_, 'm>,
        concerns: impl Fn(&Kept) -> bool,
    ) -> Result<(), Full> {
        let Some(group) = self.groups.get(slot).filter(|group| group.pending_offsets > 0) else { return Ok(()) };
        for (_, pending) in self.pending_offsets.iter().filter(|(_, pending)| pending.group == slot && concerns(&pending.kept)) {
            if self.find_offset(slot, self.texts.str(pending.kept.topic), pending.kept.partition).is_none() {
                self.record_tombstone(group, &pending.kept, fx)?;
            }
        }
        Ok(())
    }

    /// Asserts that whatever is pending is found, counted, and in a chain.
    pub(super) fn assert_pending(&self) {
        let mut chained = 0;
        for (slot, open) in self.transactions.iter() {
            assert_eq!(self.find_open(open.producer_id), Some(slot), "a transaction is found by its producer");
            assert!(!open.offsets.is_empty(), "a transaction without offsets is of no concern");
            for (_, pending) in open.offsets.iter(&self.pending_offsets) {
                chained += 1;
                assert_eq!(pending.transaction, slot, "a pending offset knows its transaction");
                let (topic, partition) = (self.texts.str(pending.kept.topic), pending.kept.partition);
                assert!(self.find_pending_offset_of(pending.group, topic, partition, Some(slot)).is_some(), "it is found by its partition");
            }
        }
        assert_eq!(chained, self.pending_offsets.len(), "every pending offset is in a transaction");
        let counted: usize = self.groups.iter().map(|(_, group)| group.pending_offsets).sum();
        assert_eq!(counted, chained, "every pending offset is counted by its group");
    }
}
