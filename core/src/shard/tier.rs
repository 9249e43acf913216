//! What the logs of a shard have to do in the object store: the little of it that is done in turns.

use crate::ids::{PartitionIndex, TopicId};
use crate::log::partition_log::PartitionLog;

use super::directory::{LogDirectory, PartitionName};
use super::shard::{Shard, partition_name};

/// A log that is tiered: one that comes later to the same place is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TieredLog {
    /// Its topic.
    pub topic_id: TopicId,
    /// Its partition.
    pub index: PartitionIndex,
}

impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// Names every open log that has something to do in the store.
    pub fn tier_work(&self, mut each: impl FnMut(TieredLog)) {
        for (topic_id, index, log) in self.open_logs() {
            if log.tier_work().is_some() {
                each(TieredLog { topic_id, index });
            }
        }
    }

    /// A log that is tiered; `None` when it is gone.
    pub fn tiered(&mut self, log: TieredLog) -> Option<&mut PartitionLog<'m, D::Store>> {
        let slot = self.logs.find(log.topic_id, log.index)?;
        self.logs.partitions.get_mut(slot).map(|partition| &mut partition.log)
    }

    /// What it is called; `None` when it is gone.
    #[must_use]
    pub fn tiered_name(&self, log: TieredLog) -> Option<PartitionName<'_>> {
        let slot = self.logs.find(log.topic_id, log.index)?;
        self.logs.partitions.get(slot).map(|partition| partition_name(&self.catalog, partition))
    }

    /// A second store of its files, for work beside it; `None` when it is gone.
    pub fn beside_tiered(&mut self, log: TieredLog) -> Option<D::Store> {
        let slot = self.logs.find(log.topic_id, log.index)?;
        let partition = self.logs.partitions.get(slot)?;
        Some(self.directory.beside(partition_name(&self.catalog, partition)))
    }
}
