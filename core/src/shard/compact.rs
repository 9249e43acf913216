//! Which log is compacted next, and the little of it that is done by the shard.

use crate::ids::{PartitionIndex, TopicId};
use crate::log::compact::error::CompactError;
use crate::log::compact::job::{CompactMemory, Compaction};
use crate::log::error::LogError;
use crate::time::{Moment, Timestamp};

use super::directory::{LogDirectory, PartitionName};
use super::logs::Partition;
use super::shard::{Shard, StoreFailure, partition_name};

/// The log that a compaction is of: one that comes later to the same place is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactedLog {
    topic_id: TopicId,
    index: PartitionIndex,
}

/// What there is to compact.
#[derive(Debug)]
pub enum NextCompaction<J> {
    /// This log is the dirtiest: its compaction, to be stepped beside the shard.
    Begun(CompactedLog, J),
    /// Nothing now. Then there may be something, should nothing be appended until then.
    Nothing(Option<Timestamp>),
}

/// What a compaction of a shard's log can fail with.
pub type CompactFailure<'m, D> = CompactError<StoreFailure<'m, D>>;

impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// Whether there may be more to compact than when this was last asked.
    pub const fn take_dirt(&mut self) -> bool {
        core::mem::replace(&mut self.logs.has_dirt, false)
    }

    /// Begins the compaction of the dirtiest log that is dirty enough. `failed` hears of logs that cannot be compacted; they are left
    /// alone from then on.
    ///
    /// Only logs that are open are looked at: one that nobody uses becomes no dirtier. Source: `grabFilthiestCompactedLog`.
    pub fn begin_compaction<'j>(
        &mut self,
        at: Moment,
        memory: CompactMemory<'j>,
        mut failed: impl FnMut(PartitionName<'_>, CompactFailure<'m, D>),
    ) -> NextCompaction<Compaction<'j, D::Store>> {
        let mut dirtiest = None;
        let mut later: Option<Timestamp> = None;
        let mut from = 0;
        while let Some(slot) = self.logs.partitions.next_from(from) {
            from = slot.index() + 1;
            let Some(partition) = self.logs.partitions.get_mut(slot).filter(|partition| is_cleanable(partition)) else { continue };
            match partition.log.cleanable(at.wall) {
                Ok(cleanable) if cleanable.is_due(partition.log.config()) => {
                    dirtiest = dirtiest.max(Some((cleanable.dirty_millionths(), core::cmp::Reverse(slot.index()))));
                }
                Ok(cleanable) => later = later.into_iter().chain(cleanable.later).min(),
                Err(error) => {
                    partition.is_uncleanable = true;
                    failed(partition_name(&self.catalog, partition), CompactError::Log(error));
                }
            }
        }
        let slot = dirtiest.and_then(|(_, slot)| self.logs.partitions.next_from(slot.0));
        let Some(partition) = slot.and_then(|slot| self.logs.partitions.get_mut(slot)) else { return NextCompaction::Nothing(later) };
        let log = CompactedLog { topic_id: partition.topic_id, index: partition.index };
        let name = partition_name(&self.catalog, partition);
        match partition.log.begin_compaction(at.wall, self.directory.beside(name), memory, self.logs.key) {
            Ok(Some(job)) => return NextCompaction::Begun(log, job),
            Ok(None) => debug_assert!(false, "what is due is there"),
            Err(error) => {
                partition.is_uncleanable = true;
                failed(name, error);
            }
        }
        // There may be another: somebody looks again at once.
        NextCompaction::Nothing(Some(at.wall))
    }

    /// Puts a segment that a compaction has written into its place. False when the log has changed, or is gone: then the compaction is to
    /// be given up.
    ///
    /// # Errors
    /// What [`LogError`] names.
    pub fn swap_compacted(&mut self, log: CompactedLog, job: &mut Compaction<'_, D::Store>) -> Result<bool, LogError<StoreFailure<'m, D>>> {
        self.compacted(log).map_or(Ok(false), |partition| partition.log.swap(job))
    }

    /// Hears that a compaction has failed. When the log has changed meanwhile that was to be expected; else it is left alone from then on,
    /// and its name is answered.
    pub fn compaction_failed(&mut self, log: CompactedLog, job: &Compaction<'_, D::Store>) -> Option<PartitionName<'_>> {
        let slot = self.logs.find(log.topic_id, log.index)?;
        let partition = self.logs.partitions.get_mut(slot).filter(|partition| partition.log.is_as_planned(job))?;
        partition.is_uncleanable = true;
        self.logs.partitions.get(slot).map(|partition| partition_name(&self.catalog, partition))
    }

    /// What the log of a compaction is called; `None` when it is gone.
    #[must_use]
    pub fn compacted_name(&self, log: CompactedLog) -> Option<PartitionName<'_>> {
        let slot = self.logs.find(log.topic_id, log.index)?;
        self.logs.partitions.get(slot).map(|partition| partition_name(&self.catalog, partition))
    }

    fn compacted(&mut self, log: CompactedLog) -> Option<&mut Partition<'m, D::Store>> {
        let slot = self.logs.find(log.topic_id, log.index)?;
        self.logs.partitions.get_mut(slot)
    }
}

fn is_cleanable<S: crate::store::segment_store::SegmentStore>(partition: &Partition<'_, S>) -> bool {
    partition.log.config().compact && !partition.is_uncleanable && partition.log.closed().is_none()
}
