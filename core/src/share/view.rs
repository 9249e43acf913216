//! What an administrator sees.

use crate::ids::Offset;

use super::coordinator::Coordinator;
use super::input::ShareKey;
use super::state::{RecordState, SharePartition};

/// A shared partition as an administrator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareView<'a> {
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
        self.find(key).and_then(|slot| self.partitions.get(slot)).map(|entry| self.view_of(entry))
    }

    /// The first shared partition at or behind the place number `from`, and the place behind it.
    #[must_use]
    pub fn next_view(&self, from: usize) -> Option<(ShareView<'_>, usize)> {
        let slot = self.partitions.next_from(from)?;
        self.partitions.get(slot).map(|entry| (self.view_of(entry), slot.index() + 1))
    }

    /// All shared partitions.
    pub fn views(&self) -> impl Iterator<Item = ShareView<'_>> {
        self.partitions.iter().map(|(_, entry)| self.view_of(entry))
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

    /// Where in each partition of the log the last snapshot of a state stands: what lies below all of them is needed no more.
    pub fn snapshots(&self) -> impl Iterator<Item = (crate::ids::PartitionIndex, Offset)> {
        self.partitions.iter().map(|(_, entry)| (self.partition_of(&self.key_of(entry)), entry.snapshot_at))
    }

    fn view_of<'a>(&'a self, entry: &'a SharePartition) -> ShareView<'a> {
        ShareView {
            key: self.key_of(entry),
            state_epoch: entry.state_epoch,
            leader_epoch: entry.leader_epoch,
            start: entry.start,
            complete_count: self.complete_count(entry),
        }
    }
}
