//! The shard itself.

use crate::bounded::list::List;
use crate::bounded::slab::Slot;
use crate::bounded::table::Table;
use crate::catalog::catalog::Catalog;
use crate::catalog::input::ResourceKind;
use crate::catalog::name;
use crate::group::coordinator::Coordinator;
use crate::ids::{Offset, PartitionIndex, TopicId};
use crate::log::config::LogConfig;
use crate::log::error::{Closed, LogError};
use crate::log::partition_log::PartitionLog;
use crate::log::watermarks::Watermarks;
use crate::machine::Records;
use crate::store::segment_store::SegmentStore;
use crate::time::Moment;

use super::directory::{LogDirectory, PartitionName};
use super::error::PartitionError;
use super::lead::Lead;
use super::logs::{Logs, Partition};
use super::parked::Waiting;
use super::transactions::{EndWait, Transactions};

/// The error of a directory's stores.
pub type StoreFailure<'m, D> = <<D as LogDirectory<'m>>::Store as SegmentStore>::Error;
/// The handle of a directory's stores.
pub type StoreHandle<'m, D> = <<D as LogDirectory<'m>>::Store as SegmentStore>::Handle;

/// A deleted topic whose files may go once its deletion cannot be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doomed {
    pub(super) topic_id: TopicId,
    pub(super) end: Offset,
}

/// The memory of a shard, beside that of its machines and its logs.
#[derive(Debug)]
pub struct ShardMemory<'m> {
    /// What one step writes down.
    pub records: Records<'m>,
    /// The same as a batch.
    pub batch: List<'m, u8>,
    /// Partitions that want a sync; one entry a log.
    pub unsynced: List<'m, Slot>,
    /// Deleted topics whose files are still there.
    pub doomed: List<'m, Doomed>,
    /// Calls that wait for the end of a transaction.
    pub end_waits: List<'m, EndWait>,
}

/// What knows things: each machine with its memory.
#[derive(Debug)]
pub struct Machines<'m> {
    /// Topics and settings.
    pub catalog: Catalog<'m>,
    /// Groups.
    pub groups: Coordinator<'m>,
    /// Transactions.
    pub transactions: crate::txn::coordinator::Coordinator<'m>,
    /// Shared partitions.
    pub shares: crate::share::coordinator::Coordinator<'m>,
}

/// One broker's catalogue, groups and logs.
pub struct Shard<'m, D: LogDirectory<'m>> {
    pub(super) directory: D,
    pub(super) catalog: Catalog<'m>,
    pub(super) groups: Coordinator<'m>,
    pub(super) transactions: Transactions<'m>,
    pub(super) shares: crate::share::coordinator::Coordinator<'m>,
    pub(super) logs: Logs<'m, D::Store>,
    pub(super) records: Records<'m>,
    pub(super) batch: List<'m, u8>,
    pub(super) doomed: List<'m, Doomed>,
    pub(super) lead: Lead,
}

impl<'m, D: LogDirectory<'m>> core::fmt::Debug for Shard<'m, D> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shard").field("logs", &self.logs.partitions.len()).field("parked", &self.logs.parked.len()).finish_non_exhaustive()
    }
}

/// How many calls wait for the end of a transaction at the most; further ones are told to come again.
#[cfg(feature = "alloc")]
const END_WAITS_MAX: usize = 16_384;

/// What is known, and its logs.
impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// The catalogue.
    #[must_use]
    pub const fn catalog(&self) -> &Catalog<'m> {
        &self.catalog
    }

    /// The groups.
    #[must_use]
    pub const fn groups(&self) -> &Coordinator<'m> {
        &self.groups
    }

    /// The transactions.
    #[must_use]
    pub const fn txns(&self) -> &crate::txn::coordinator::Coordinator<'m> {
        &self.transactions.coordinator
    }

    /// The directory of the logs.
    #[must_use]
    pub const fn directory(&self) -> &D {
        &self.directory
    }

    /// The catalogue, and the directory that is put in order by it.
    pub const fn catalog_and_directory(&mut self) -> (&Catalog<'m>, &mut D) {
        (&self.catalog, &mut self.directory)
    }

    /// The directory of the logs.
    pub const fn directory_mut(&mut self) -> &mut D {
        &mut self.directory
    }

    /// The logs that are open: topic id, partition and log.
    pub fn open_logs(&self) -> impl Iterator<Item = (TopicId, PartitionIndex, &PartitionLog<'m, D::Store>)> {
        self.logs.partitions.iter().map(|(_, partition)| (partition.topic_id, partition.index, &partition.log))
    }

    /// The log of a partition, opened if it is not.
    ///
    /// # Errors
    /// What [`PartitionError`] names.
    pub fn log(
        &mut self,
        at: Moment,
        topic: Slot,
        index: PartitionIndex,
    ) -> Result<&mut PartitionLog<'m, D::Store>, PartitionError<StoreFailure<'m, D>>> {
        let slot = self.log_of(at, topic, index)?;
        self.logs.partitions.get_mut(slot).map(|partition| &mut partition.log).ok_or(PartitionError::Unknown)
    }

    /// The slot of a partition's log, opened if it is not.
    pub(super) fn log_of(&mut self, at: Moment, topic: Slot, index: PartitionIndex) -> Result<Slot, PartitionError<StoreFailure<'m, D>>> {
        let Some(view) = self.catalog.topic_at(topic) else { return Err(PartitionError::Unknown) };
        if let Some(slot) = self.logs.find(view.topic_id, index) {
            return Ok(slot);
        }
        if self.catalog.partition(topic, index).is_none() {
            return Err(PartitionError::Unknown);
        }
        let name = PartitionName { topic: view.name, topic_id: view.topic_id, index };
        let slot = Self::open_log(at, &mut self.directory, &self.catalog, &mut self.logs, name)?;
        self.abort_abandoned(at, slot);
        Ok(slot)
    }

    pub(super) fn metadata_log(&mut self, at: Moment) -> Result<Slot, PartitionError<StoreFailure<'m, D>>> {
        let index = PartitionIndex(0);
        if let Some(slot) = self.logs.find(TopicId::METADATA, index) {
            return Ok(slot);
        }
        let name = PartitionName { topic: name::CLUSTER_METADATA, topic_id: TopicId::METADATA, index };
        Self::open_log(at, &mut self.directory, &self.catalog, &mut self.logs, name)
    }

    pub(super) fn open_log(
        at: Moment,
        directory: &mut D,
        catalog: &Catalog<'m>,
        logs: &mut Logs<'m, D::Store>,
        name: PartitionName<'_>,
    ) -> Result<Slot, PartitionError<StoreFailure<'m, D>>> {
        if logs.closed {
            // What was written now would not be known to be there.
            return Err(PartitionError::Log(LogError::Closed(Closed::Cleanly)));
        }
        if logs.partitions.is_full() {
            return Err(PartitionError::TooManyPartitions);
        }
        let config = config_of(directory, catalog, name.topic, name.topic_id);
        let (store, memory, hints) = (directory.store(name), directory.memory(), directory.hints(name));
        let (mut log, report) = PartitionLog::open(at.wall, store, memory, config, hints).map_err(PartitionError::Log)?;
        if let Some(partition) = catalog.topic(name.topic).and_then(|topic| catalog.partition(topic.slot, name.index)) {
            log.lead(partition.leader_epoch);
        }
        directory.opened(name, &report);
        let hash = logs.hash(name.topic_id, name.index);
        let metadata = logs.find(TopicId::METADATA, PartitionIndex(0)).and_then(|slot| logs.partitions.get(slot));
        let founded = metadata.map_or(Offset::ZERO, |partition| partition.log.watermarks().log_end());
        logs.has_dirt |= config.compact;
        let partition = Partition {
            topic_id: name.topic_id,
            index: name.index,
            log,
            waiting: Waiting::default(),
            founded,
            wants_sync: false,
            is_uncleanable: false,
        };
        logs.partitions.insert(hash, partition).map_err(|_| PartitionError::TooManyPartitions)
    }

    /// Shows every open log: what is to be remembered of it, should the broker end without a word.
    pub fn survey(&self, mut each: impl FnMut(PartitionName<'_>, &PartitionLog<'m, D::Store>)) {
        for (_, partition) in self.logs.partitions.iter() {
            if partition.log.closed().is_none() {
                each(partition_name(&self.catalog, partition), &partition.log);
            }
        }
    }

    /// Puts the watermarks of every open log, and closes them in good order. Answers each to `each` with how that went.
    pub fn close(&mut self, mut each: impl FnMut(PartitionName<'_>, Result<Watermarks, LogError<StoreFailure<'m, D>>>)) {
        self.logs.closed = true;
        let mut from = 0;
        while let Some(slot) = self.logs.partitions.next_from(from) {
            from = slot.index() + 1;
            let Some(partition) = self.logs.partitions.get_mut(slot) else { continue };
            if partition.log.closed() != Some(Closed::Cleanly) {
                let result = partition.log.close();
                each(partition_name(&self.catalog, partition), result);
            }
        }
    }
}

/// The settings of a topic's log.
pub(super) fn config_of<'m, D: LogDirectory<'m>>(directory: &D, catalog: &Catalog<'m>, topic: &str, topic_id: TopicId) -> LogConfig {
    let config = directory.log_config(&mut catalog.configs_of(ResourceKind::TOPIC, topic));
    // Nobody compacts the catalogue: in its log a gap is a loss, whatever is the rule for others.
    // And what the broker itself keeps is read from its first record on, at every start. Source: `UnifiedLog.isRemoteLogEnabled`.
    let remote_storage = config.remote_storage && topic_id != TopicId::METADATA && !name::is_internal(topic);
    LogConfig { compact: config.compact && topic_id != TopicId::METADATA, remote_storage, ..config }
}

/// What an open log is called. The catalogue's own log is in no catalogue; the log of a topic that is gone has no name.
pub(super) fn partition_name<'c, S: SegmentStore>(catalog: &'c Catalog<'_>, partition: &Partition<'_, S>) -> PartitionName<'c> {
    let topic = if partition.topic_id == TopicId::METADATA {
        name::CLUSTER_METADATA
    } else {
        catalog.topic_by_id(partition.topic_id).map_or("", |topic| topic.name)
    };
    PartitionName { topic, topic_id: partition.topic_id, index: partition.index }
}

/// The table of a shard's logs, made before the shard.
pub struct ShardPartitions<'m, D: LogDirectory<'m>>(pub(super) Table<'m, Partition<'m, D::Store>>);

impl<'m, D: LogDirectory<'m>> core::fmt::Debug for ShardPartitions<'m, D> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("ShardPartitions").field(&self.0.len()).finish()
    }
}

#[cfg(feature = "alloc")]
impl<'m, D: LogDirectory<'m>> ShardPartitions<'m, D> {
    /// Room for so many logs, allocated as they are opened.
    #[must_use]
    pub fn grown(partitions_max: usize) -> Self {
        Self(Table::grown(partitions_max))
    }
}

#[cfg(feature = "alloc")]
impl ShardMemory<'_> {
    /// Memory that is allocated as it is needed.
    #[must_use]
    pub fn grown(step_bytes_max: usize, step_records_max: usize, partitions_max: usize) -> Self {
        Self {
            records: Records::grown(step_bytes_max, step_records_max),
            batch: List::grown(step_bytes_max.saturating_mul(2)),
            unsynced: List::grown(partitions_max),
            doomed: List::grown(partitions_max),
            end_waits: List::grown(END_WAITS_MAX),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
#[path = "shard_tests.rs"]
pub(super) mod tests;
