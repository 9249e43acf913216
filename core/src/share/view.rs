//! What an administrator sees.

use crate::bounded::slab::Slot;
use crate::ids::Offset;

use super::coordinator::Coordinator;
use super::input::ShareKey;
use super::state::RecordState;

/// A shared partition as an administrator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareView<'a> {
    /// Its place, for [`super::input::Place`]; another partition may have it once this one is deleted.
    pub slot: Slot,
    /// What is shared.
    pub key: ShareKey<'a>,
    /// How often its state was set from outside.
    pub state_epoch: i32,
    /// The epoch of the partition's leader.
    pub leader_epoch: i32,
    /// The first offset that is not done with; `None` before it was looked up.
    pub start: Option<Offset>,
    /// How many offsets from there on are done with.
    pub complete_count: u32,
    /// Where in the log of its states the last snapshot of it stands, and the one before.
    pub snapshots_at: [Offset; 2],
}

/// Offsets that stand alike, as tests and tools see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunView<'a> {
    /// The first.
    pub first: Offset,
    /// The last.
    pub last: Offset,
    /// How they stand.
    pub state: RecordState,
    /// How often they were delivered.
    pub delivery_count: u16,
    /// Who has acquired them; empty when nobody has.
    pub member_id: &'a str,
}

impl Coordinator<'_> {
    /// A shared partition, if it is one.
    #[must_use]
    pub fn view(&self, key: &ShareKey<'_>) -> Option<ShareView<'_>> {
        self.find(key).and_then(|slot| self.view_at(slot))
    }

    /// The first shared partition whose place is number `from` or behind.
    #[must_use]
    pub fn next_view(&self, from: usize) -> Option<ShareView<'_>> {
        self.view_at(self.partitions.next_from(from)?)
    }

    /// All shared partitions.
    pub fn views(&self) -> impl Iterator<Item = ShareView<'_>> {
        self.partitions.iter().filter_map(|(slot, _)| self.view_at(slot))
    }

    /// How the records of a shared partition stand that were delivered and are not forgotten, rising.
    pub fn runs_of(&self, key: &ShareKey<'_>) -> impl Iterator<Item = RunView<'_>> {
        let head = self.find(key).and_then(|slot| self.partitions.get(slot)).map(|entry| entry.runs);
        head.into_iter().flat_map(|head| self.runs.of(head)).map(|(_, run)| RunView {
            first: run.first,
            last: run.last,
            state: run.state,
            delivery_count: run.delivery_count,
            member_id: self.texts.str(run.owner),
        })
    }

    fn view_at(&self, slot: Slot) -> Option<ShareView<'_>> {
        let entry = self.partitions.get(slot)?;
        Some(ShareView {
            slot,
            key: self.key_of(entry),
            state_epoch: entry.state_epoch,
            leader_epoch: entry.leader_epoch,
            start: entry.start,
            complete_count: self.complete_count(entry),
            snapshots_at: entry.snapshots_at,
        })
    }
}
