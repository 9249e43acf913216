//! The shard itself.

use core::convert::Infallible;

use crate::bounded::list::List;
use crate::bounded::slab::Slot;
use crate::bounded::table::{HashKey, Table};
use crate::catalog::catalog::{Catalog, TopicView};
use crate::catalog::name;
use crate::catalog::record::CatalogRecord;
use crate::group::coordinator::Coordinator;
use crate::group::input::{ForgetTopic, Input as GroupInput};
use crate::group::record::GroupRecord;
use crate::ids::{CallId, LeaderEpoch, Offset, PartitionIndex, TopicId};
use crate::log::config::LogConfig;
use crate::log::durability::SyncTicket;
use crate::log::error::{Closed, LogError, ReadError};
use crate::log::partition_log::{Appended, PartitionLog};
use crate::log::reading::{FoundOffset, ReadScratch, ReadUpTo, TimestampQuery};
use crate::log::watermarks::Watermarks;
use crate::machine::{Answers, Effects, EncodedRecord, Machine, Records};
use crate::record::batch::Batch;
use crate::record::builder::{BatchOptions, Builder, NewRecord};
use crate::record::records::Record;
use crate::record::validate::{self, CheckedBatch, Origin};
use crate::store::segment_store::SegmentStore;
use crate::time::{Instant, Moment};

use super::directory::{LeftOut, LogDirectory, PartitionName};
use super::error::{OpenError, PartitionError, WriteError};
use super::fetch::{FetchError, FetchLimits, FetchOutcome, FetchPartition, Fetched};
use super::logs::{Logs, Partition, PartitionTable, SyncedLog, Written};
use super::parked::{Outcome, Parked, Release, Waiting};

/// The error of a directory's stores.
pub type StoreFailure<'m, D> = <<D as LogDirectory<'m>>::Store as SegmentStore>::Error;
/// The handle of a directory's stores.
pub type StoreHandle<'m, D> = <<D as LogDirectory<'m>>::Store as SegmentStore>::Handle;

/// A deleted topic whose files may go once its deletion cannot be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doomed {
    topic_id: TopicId,
    end: Offset,
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
}

/// One broker's catalogue, groups and logs.
pub struct Shard<'m, D: LogDirectory<'m>> {
    directory: D,
    catalog: Catalog<'m>,
    groups: Coordinator<'m>,
    logs: Logs<'m, D::Store>,
    records: Records<'m>,
    batch: List<'m, u8>,
    doomed: List<'m, Doomed>,
}

impl<'m, D: LogDirectory<'m>> core::fmt::Debug for Shard<'m, D> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shard").field("logs", &self.logs.partitions.len()).field("parked", &self.logs.parked.len()).finish_non_exhaustive()
    }
}

/// The epoch under which a sole broker leads its own metadata log.
const METADATA_EPOCH: LeaderEpoch = LeaderEpoch(1);

/// Opening, and what is known.
impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// Opens a shard: its catalogue and its groups are loaded from their logs; other logs are opened when they are first used.
    ///
    /// `partitions_max` bounds how many logs can be open.
    /// # Errors
    /// When a log that a machine is loaded from cannot be opened or read.
    #[expect(clippy::too_many_arguments, reason = "everything a shard is made of, once")]
    pub fn open(
        at: Moment,
        directory: D,
        catalog: Catalog<'m>,
        groups: Coordinator<'m>,
        parked: Parked<'m>,
        memory: ShardMemory<'m>,
        partitions: ShardPartitions<'m, D>,
        key: HashKey,
        scratch: &mut List<'_, u8>,
    ) -> Result<Self, OpenError<StoreFailure<'m, D>>> {
        let mut shard = Self {
            directory,
            catalog,
            groups,
            logs: Logs { partitions: partitions.0, parked, unsynced: memory.unsynced, key, closed: false },
            records: memory.records,
            batch: memory.batch,
            doomed: memory.doomed,
        };
        let metadata = shard.metadata_log(at).map_err(OpenError::Partition)?;
        shard.load_catalog(metadata, scratch)?;
        let offsets = shard.catalog.topic(name::CONSUMER_OFFSETS).map(|topic| (topic.slot, topic.partition_count));
        if let Some((topic, count)) = offsets {
            for index in 0..count {
                let slot = shard.log_of(at, topic, PartitionIndex(index)).map_err(OpenError::Partition)?;
                shard.load_groups(slot, scratch).map_err(|error| OpenError::Groups(PartitionIndex(index), error))?;
            }
        }
        shard.groups.loaded(at);
        Ok(shard)
    }

    /// Loads the catalogue. All of it, or none: a catalogue with a hole would take topics for deleted.
    fn load_catalog(&mut self, slot: Slot, scratch: &mut List<'_, u8>) -> Result<(), OpenError<StoreFailure<'m, D>>> {
        let Some(partition) = self.logs.partitions.get_mut(slot) else { return Ok(()) };
        let mut from = partition.log.watermarks().log_start();
        if from > Offset::ZERO {
            return Err(OpenError::Beheaded(from));
        }
        loop {
            let Some(partition) = self.logs.partitions.get_mut(slot) else { return Ok(()) };
            let next = partition.log.read_batches(from, scratch).map_err(OpenError::Read)?;
            if next == from {
                return Ok(());
            }
            for_each_batch(scratch, |batch| {
                let offset = batch.header().base_offset();
                let Some(records) = batch.records().filter(|_| batch.crc_is_right()) else {
                    return Err(OpenError::Batch(offset));
                };
                for (record, offset) in records.zip(offset.0..) {
                    let Ok(record) = record else { return Err(OpenError::Batch(batch.header().base_offset())) };
                    let record = CatalogRecord::decode(encoded(&record)).map_err(|error| OpenError::Record(Offset(offset), error))?;
                    if let CatalogRecord::RemoveTopic(removed) = &record {
                        self.directory.removed(removed.topic_id);
                    }
                    self.catalog.replay(&record);
                }
                Ok(())
            })?;
            from = next;
        }
    }

    /// Loads the groups of one partition. What cannot be read is left out and said out loud: one flipped bit costs the offsets it stands
    /// for, not the broker.
    fn load_groups(&mut self, slot: Slot, scratch: &mut List<'_, u8>) -> Result<(), ReadError<StoreFailure<'m, D>>> {
        let Some(partition) = self.logs.partitions.get_mut(slot) else { return Ok(()) };
        let mut from = partition.log.watermarks().log_start();
        let name = PartitionName { topic: name::CONSUMER_OFFSETS, topic_id: partition.topic_id, index: partition.index };
        loop {
            let Some(partition) = self.logs.partitions.get_mut(slot) else { return Ok(()) };
            let next = match partition.log.read_batches(from, scratch) {
                Ok(next) if next == from => return Ok(()),
                Ok(next) => next,
                Err(ReadError::Corrupt { file, position }) => {
                    let next = partition.log.offset_behind(from, file, position)?;
                    self.directory.left_out(name, LeftOut::Bytes { file, position, next });
                    scratch.clear();
                    next
                }
                Err(error) => return Err(error),
            };
            let Ok(()) = for_each_batch(scratch, |batch| {
                let offset = batch.header().base_offset();
                let Some(records) = batch.records().filter(|_| batch.crc_is_right()) else {
                    self.directory.left_out(name, LeftOut::Batch { offset });
                    return Ok::<_, Infallible>(());
                };
                for (record, offset) in records.zip(offset.0..) {
                    let Ok(record) = record else {
                        self.directory.left_out(name, LeftOut::Batch { offset: batch.header().base_offset() });
                        break;
                    };
                    match GroupRecord::decode(encoded(&record)) {
                        Ok(record) => self.groups.replay(&record),
                        Err(error) => self.directory.left_out(name, LeftOut::Record { offset: Offset(offset), error }),
                    }
                }
                Ok(())
            });
            // Behind damage there may be nothing at all.
            if next <= from {
                return Ok(());
            }
            from = next;
        }
    }

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
    fn log_of(&mut self, at: Moment, topic: Slot, index: PartitionIndex) -> Result<Slot, PartitionError<StoreFailure<'m, D>>> {
        let Some(view) = self.catalog.topic_at(topic) else { return Err(PartitionError::Unknown) };
        if let Some(slot) = self.logs.find(view.topic_id, index) {
            return Ok(slot);
        }
        if self.catalog.partition(topic, index).is_none() {
            return Err(PartitionError::Unknown);
        }
        let name = PartitionName { topic: view.name, topic_id: view.topic_id, index };
        Self::open_log(at, &mut self.directory, &self.catalog, &mut self.logs, name)
    }

    fn metadata_log(&mut self, at: Moment) -> Result<Slot, PartitionError<StoreFailure<'m, D>>> {
        let index = PartitionIndex(0);
        if let Some(slot) = self.logs.find(TopicId::METADATA, index) {
            return Ok(slot);
        }
        let name = PartitionName { topic: name::CLUSTER_METADATA, topic_id: TopicId::METADATA, index };
        Self::open_log(at, &mut self.directory, &self.catalog, &mut self.logs, name)
    }

    fn open_log(
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
        let config = directory.log_config(&mut catalog.configs_of(crate::catalog::input::ResourceKind::TOPIC, name.topic));
        // Nobody compacts the catalogue: in its log a gap is a loss, whatever is the rule for others.
        let config = LogConfig { compact: config.compact && name.topic_id != TopicId::METADATA, ..config };
        let (store, memory, hints) = (directory.store(name), directory.memory(), directory.hints(name));
        let (mut log, report) = PartitionLog::open(at.wall, store, memory, config, hints).map_err(PartitionError::Log)?;
        if let Some(partition) = catalog.topic(name.topic).and_then(|topic| catalog.partition(topic.slot, name.index)) {
            log.lead(partition.leader_epoch);
        }
        directory.opened(name, &report);
        let hash = logs.hash(name.topic_id, name.index);
        let metadata = logs.find(TopicId::METADATA, PartitionIndex(0)).and_then(|slot| logs.partitions.get(slot));
        let founded = metadata.map_or(Offset::ZERO, |partition| partition.log.watermarks().log_end());
        let partition =
            Partition { topic_id: name.topic_id, index: name.index, log, waiting: Waiting::default(), founded, wants_sync: false };
        logs.partitions.insert(hash, partition).map_err(|_| PartitionError::TooManyPartitions)
    }
}

/// Shows every data batch of a piece of log.
fn for_each_batch<E>(piece: &[u8], mut each: impl FnMut(&Batch<'_>) -> Result<(), E>) -> Result<(), E> {
    let mut rest = piece;
    while let Ok((batch, behind)) = Batch::split_first(rest) {
        rest = behind;
        if !batch.header().is_control() {
            each(&batch)?;
        }
    }
    Ok(())
}

/// A record as machines know it.
fn encoded<'r>(record: &Record<'r>) -> EncodedRecord<'r> {
    EncodedRecord { key: record.key.unwrap_or_default(), value: record.value }
}

/// The table of a shard's logs, made before the shard.
pub struct ShardPartitions<'m, D: LogDirectory<'m>>(Table<'m, Partition<'m, D::Store>>);

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
        }
    }
}

/// Records of clients.
impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// Appends a batch that was checked to a partition's log. Answers what became of it, and the log end to wait for.
    ///
    /// # Errors
    /// What [`WriteError`] names; nothing was appended.
    pub fn append(
        &mut self,
        at: Moment,
        topic: Slot,
        index: PartitionIndex,
        batch: &CheckedBatch<'_>,
        out: &mut dyn Release,
    ) -> Result<(Appended, Written), WriteError<StoreFailure<'m, D>>> {
        let slot = self.log_of(at, topic, index).map_err(WriteError::Partition)?;
        let epoch = self.catalog.partition(topic, index).map_or(LeaderEpoch(0), |partition| partition.leader_epoch);
        self.logs.append(at, slot, epoch, batch, out)
    }

    /// Reads several partitions within limits. `each` gets what every one of them yields, in order.
    /// Source: KIP-74, `ReplicaManager.readFromLog`.
    pub fn fetch(
        &mut self,
        at: Moment,
        partitions: &[FetchPartition],
        limits: FetchLimits,
        mut each: impl FnMut(usize, Fetched<StoreHandle<'m, D>, StoreFailure<'m, D>>),
    ) -> FetchOutcome {
        let mut outcome = FetchOutcome { bytes: 0, complete: partitions.is_empty() };
        for (number, wanted) in partitions.iter().enumerate() {
            let left = u64::from(limits.max_bytes).saturating_sub(outcome.bytes);
            let max_bytes = wanted.max_bytes.min(u32::try_from(left).unwrap_or(u32::MAX));
            // Only the first batch of all comes however large it is.
            let fetched = self.fetch_one(at, wanted, max_bytes, limits.up_to, outcome.bytes == 0);
            match &fetched {
                Ok(range) => outcome.bytes += range.bytes.as_ref().map_or(0, |slice| u64::from(slice.size)),
                Err(_) => outcome.complete = true,
            }
            each(number, fetched);
        }
        outcome.complete |= i64::try_from(outcome.bytes).unwrap_or(i64::MAX) >= i64::from(limits.min_bytes);
        outcome
    }

    fn fetch_one(
        &mut self,
        at: Moment,
        wanted: &FetchPartition,
        max_bytes: u32,
        up_to: ReadUpTo,
        at_least_one: bool,
    ) -> Fetched<StoreHandle<'m, D>, StoreFailure<'m, D>> {
        self.check_epoch(wanted.topic, wanted.index, wanted.current_leader_epoch)?;
        let log = self.log(at, wanted.topic, wanted.index).map_err(FetchError::Partition)?;
        if let Some(epoch) = wanted.last_fetched_epoch {
            let watermarks = log.watermarks();
            match log.epoch_end_offset(epoch) {
                // Nobody has led under that epoch here. Source: `Partition.readRecords`.
                None => {
                    let (from, log_start, log_end) = (wanted.offset, watermarks.log_start(), watermarks.log_end());
                    return Err(FetchError::Read(ReadError::OutOfRange { from, log_start, log_end }));
                }
                Some(end) if end.epoch < epoch || end.end < wanted.offset => return Err(FetchError::Diverging { end, watermarks }),
                Some(_) => {}
            }
        }
        log.read(wanted.offset, max_bytes, up_to, at_least_one).map_err(FetchError::Read)
    }

    /// Compares the leader epoch that a reader believes in with the partition's. Source: KIP-320.
    fn check_epoch(
        &self,
        topic: Slot,
        index: PartitionIndex,
        believed: Option<LeaderEpoch>,
    ) -> Result<(), FetchError<StoreFailure<'m, D>>> {
        let partition = self.catalog.partition(topic, index).ok_or(FetchError::Partition(PartitionError::Unknown))?;
        match believed {
            Some(epoch) if epoch < partition.leader_epoch => Err(FetchError::FencedLeaderEpoch),
            Some(epoch) if epoch > partition.leader_epoch => Err(FetchError::UnknownLeaderEpoch),
            Some(_) | None => Ok(()),
        }
    }

    /// Lets a fetch wait until more bytes are there, or its time is up: it is released when it is worth another try.
    /// Answers whether it waits; if not, there are too many who do.
    pub fn await_bytes(
        &mut self,
        call: CallId,
        due: Instant,
        missing: i64,
        partitions: &[FetchPartition],
        slots: &mut List<'_, Slot>,
    ) -> bool {
        slots.clear();
        for wanted in partitions {
            let topic_id = self.catalog.topic_at(wanted.topic).map_or(TopicId::ZERO, |topic| topic.topic_id);
            if let Some(slot) = self.logs.find(topic_id, wanted.index)
                && slots.push(slot).is_err()
            {
                return false;
            }
        }
        slots.sort_unstable_by_key(|slot| slot.index());
        let (mut kept, mut at) = (0, 0);
        while let Some(slot) = slots.get(at).copied() {
            if at == 0 || slots.get(kept - 1) != Some(&slot) {
                slots.swap(kept, at);
                kept += 1;
            }
            at += 1;
        }
        slots.truncate(kept);
        // What was appended and is not to be seen yet will come without another append.
        let above = |slot: &Slot| self.logs.partitions.get(*slot).map_or(0, |partition| partition.log.bytes_above_high_watermark());
        let coming: u64 = slots.iter().map(above).sum();
        let missing = missing.saturating_sub_unsigned(coming);
        self.logs.parked.await_bytes(call, due, missing, slots, &mut PartitionTable(&mut self.logs.partitions)).is_ok()
    }

    /// Finds an offset by time.
    ///
    /// # Errors
    /// What [`FetchError`] names.
    pub fn find_offset(
        &mut self,
        at: Moment,
        wanted: &FetchPartition,
        query: TimestampQuery,
        up_to: ReadUpTo,
        scratch: ReadScratch<'_, '_>,
    ) -> Result<Option<FoundOffset>, FetchError<StoreFailure<'m, D>>> {
        self.check_epoch(wanted.topic, wanted.index, wanted.current_leader_epoch)?;
        let log = self.log(at, wanted.topic, wanted.index).map_err(FetchError::Partition)?;
        log.offset_for_timestamp(query, up_to, scratch).map_err(FetchError::Read)
    }
}

/// Waiting for commitment.
impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// Whether everything is committed already.
    #[must_use]
    pub fn is_committed(&self, written: &[Written]) -> bool {
        written.iter().all(|written| {
            let partition = self.logs.partitions.get(written.partition);
            partition.is_some_and(|partition| partition.log.watermarks().high_watermark() >= written.end)
        })
    }

    /// Lets a call wait until everything is committed. Answers whether it waits; if not, there are too many who do.
    pub fn hold(&mut self, call: CallId, due: Instant, written: &[Written], ends: &mut List<'_, (Slot, Offset)>) -> bool {
        ends.clear();
        for one in written {
            let committed = self.is_committed(core::slice::from_ref(one));
            if !committed && ends.push((one.partition, one.end)).is_err() {
                return false;
            }
        }
        self.logs.parked.hold(call, due, ends, &mut PartitionTable(&mut self.logs.partitions)).is_ok()
    }

    /// The end of the catalogue's log, while it is not committed: who has seen the catalogue waits for it before telling anybody.
    #[must_use]
    pub fn uncommitted_catalog(&self) -> Option<Written> {
        self.uncommitted(self.logs.find(TopicId::METADATA, PartitionIndex(0))?)
    }

    /// The end of the log that keeps a group, while it is not committed.
    #[must_use]
    pub fn uncommitted_group(&self, group_id: &str) -> Option<Written> {
        let topic = self.catalog.topic(name::CONSUMER_OFFSETS)?;
        self.uncommitted(self.logs.find(topic.topic_id, self.groups.partition_of(group_id))?)
    }

    fn uncommitted(&self, partition: Slot) -> Option<Written> {
        let marks = self.logs.partitions.get(partition)?.log.watermarks();
        (marks.high_watermark() < marks.log_end()).then_some(Written { partition, end: marks.log_end() })
    }

    /// How many calls wait here: for commitment, or for bytes. Those that the machines keep are not among them.
    #[must_use]
    pub const fn waiting_count(&self) -> usize {
        self.logs.parked.len()
    }

    /// Whether some log wants a sync.
    #[must_use]
    pub fn wants_sync(&self) -> bool {
        let settled = self.settled();
        self.logs.unsynced.iter().any(|slot| self.is_founded(*slot, settled))
    }

    /// How far the catalogue is committed.
    fn settled(&self) -> Offset {
        let metadata = self.logs.find(TopicId::METADATA, PartitionIndex(0)).and_then(|slot| self.logs.partitions.get(slot));
        metadata.map_or(Offset::ZERO, |partition| partition.log.watermarks().high_watermark())
    }

    /// Whether a partition outlives a loss of power.
    fn is_founded(&self, slot: Slot, settled: Offset) -> bool {
        self.logs.partitions.get(slot).is_none_or(|partition| partition.founded <= settled)
    }

    /// Takes the next log that wants a sync, and says what is to be synced. To be called until it answers `None`; the tickets are
    /// carried out beside the shard and come back through [`Shard::end_sync`].
    ///
    /// The log of a partition waits until the catalogue is committed that knows of it: else a record could be acknowledged, or read,
    /// whose topic a loss of power takes away.
    /// # Errors
    /// When a log cannot say what is to be synced: whoever waited for it was told, and it stands last among those that want a sync.
    #[expect(clippy::type_complexity, reason = "a ticket and whose it is, or what went wrong, or nothing")]
    pub fn begin_sync(
        &mut self,
        out: &mut dyn Release,
    ) -> Result<Option<(SyncedLog, SyncTicket<StoreHandle<'m, D>>)>, LogError<StoreFailure<'m, D>>> {
        let settled = self.settled();
        let mut at = self.logs.unsynced.len();
        while let Some(next) = at.checked_sub(1) {
            at = next;
            let Some(slot) = self.logs.unsynced.get(at).copied().filter(|slot| self.is_founded(*slot, settled)) else { continue };
            self.logs.unsynced.swap_remove(at);
            let Some(partition) = self.logs.partitions.get_mut(slot) else { continue };
            partition.wants_sync = false;
            let log = SyncedLog { slot, topic_id: partition.topic_id, index: partition.index };
            match partition.log.begin_sync() {
                Ok(Some(ticket)) => return Ok(Some((log, ticket))),
                Ok(None) => {}
                Err(error) => {
                    if partition.log.closed().is_none() {
                        partition.wants_sync = true;
                        let noted = self.logs.unsynced.insert(0, slot);
                        debug_assert!(noted.is_ok(), "it was just taken out");
                    }
                    self.logs.abandon(slot, Outcome::Failed, out);
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    /// Hears how a sync went: what it covers is committed, and whoever waited for that is released; or the log has failed.
    ///
    /// # Errors
    /// When the sync failed: the log is closed, and whoever waited for it was told.
    pub fn end_sync(
        &mut self,
        log: SyncedLog,
        ticket: SyncTicket<StoreHandle<'m, D>>,
        outcome: Result<(), StoreFailure<'m, D>>,
        out: &mut dyn Release,
    ) -> Result<(), LogError<StoreFailure<'m, D>>> {
        let slot = log.slot;
        let is_it = |partition: &&mut Partition<'m, D::Store>| (partition.topic_id, partition.index) == (log.topic_id, log.index);
        // The topic may have been deleted meanwhile, and its place taken by another log, of which this says nothing.
        let Some(partition) = self.logs.partitions.get_mut(slot).filter(is_it) else { return Ok(()) };
        match partition.log.end_sync(ticket, outcome) {
            Ok(marks) => {
                let again = partition.log.durable_end() < marks.log_end();
                if partition.topic_id == TopicId::METADATA {
                    self.purge_doomed(marks.high_watermark());
                }
                self.logs.committed(slot, marks.high_watermark(), out);
                if again {
                    self.logs.want_sync(slot);
                }
                Ok(())
            }
            Err(error) => {
                self.logs.abandon(slot, Outcome::Failed, out);
                Err(error)
            }
        }
    }

    fn purge_doomed(&mut self, high_watermark: Offset) {
        let mut at = 0;
        while let Some(doomed) = self.doomed.get(at).copied() {
            if doomed.end <= high_watermark {
                self.directory.purge(doomed.topic_id);
                self.doomed.swap_remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// The earliest instant at which [`Shard::handle_timeout`] has work.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.groups.poll_timeout().into_iter().chain(self.logs.parked.poll_timeout()).min()
    }

    /// Ends the waits whose time is up. The machines' own deadlines are handled by [`Shard::groups_timeout`].
    pub fn handle_timeout(&mut self, now: Instant, out: &mut dyn Release) {
        while self.logs.parked.handle_timeout(now, &mut PartitionTable(&mut self.logs.partitions), out) {}
    }
}

/// The machines.
impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// A turn of the groups. Answers the log end that answers marked [`crate::machine::When::Written`] wait for, if there is any.
    ///
    /// # Errors
    /// When what the step decided cannot be written down: answers so marked must be replaced by that failure.
    pub fn group(
        &mut self,
        at: Moment,
        input: GroupInput<'_>,
        answers: &mut dyn Answers<Coordinator<'m>>,
        out: &mut dyn Release,
    ) -> Result<Option<Written>, WriteError<StoreFailure<'m, D>>> {
        self.records.clear();
        self.groups.step(at, input, &mut Effects { records: &mut self.records, answers });
        if self.records.is_empty() {
            // What is told now may have been decided by a step whose records are not safe yet.
            return Ok(input.group_id().and_then(|group_id| self.uncommitted_group(group_id)));
        }
        self.write_down_group(at, out)
    }

    /// Acts on one deadline of the groups. Answers `None` when none is due, else what a turn answers.
    pub fn groups_timeout(
        &mut self,
        at: Moment,
        answers: &mut dyn Answers<Coordinator<'m>>,
        out: &mut dyn Release,
    ) -> Option<Result<Option<Written>, WriteError<StoreFailure<'m, D>>>> {
        self.records.clear();
        let acted = self.groups.handle_timeout(at, &mut Effects { records: &mut self.records, answers });
        acted.then(|| self.write_down_group(at, out))
    }

    fn write_down_group(&mut self, at: Moment, out: &mut dyn Release) -> Result<Option<Written>, WriteError<StoreFailure<'m, D>>> {
        let Some(index) = self.records.partition() else { return Ok(None) };
        let topic = self.catalog.topic(name::CONSUMER_OFFSETS).map_or(Slot::NONE, |topic| topic.slot);
        let slot = self.log_of(at, topic, index).map_err(WriteError::Partition)?;
        let written = self.write_down(at, slot, LeaderEpoch(0), true, out)?;
        for record in self.records.iter() {
            let record = GroupRecord::decode(record);
            debug_assert!(record.is_ok(), "what a machine encodes, it can decode");
            if let Ok(record) = record {
                self.groups.replay(&record);
            }
        }
        Ok(Some(written))
    }

    /// A turn of the catalogue. Answers as [`Shard::group`] does.
    ///
    /// # Errors
    /// When what the step decided cannot be written down.
    pub fn catalog_turn(
        &mut self,
        at: Moment,
        input: crate::catalog::input::Input<'_>,
        answers: &mut dyn Answers<Catalog<'m>>,
        out: &mut dyn Release,
    ) -> Result<Option<Written>, WriteError<StoreFailure<'m, D>>> {
        self.records.clear();
        self.catalog.step(at, input, &mut Effects { records: &mut self.records, answers });
        if self.records.is_empty() {
            return Ok(None);
        }
        let slot = self.metadata_log(at).map_err(WriteError::Partition)?;
        let written = self.write_down(at, slot, METADATA_EPOCH, false, out)?;
        let mut removed = TopicId::ZERO;
        for record in self.records.iter() {
            let Ok(record) = CatalogRecord::decode(record) else {
                debug_assert!(false, "what a machine encodes, it can decode");
                continue;
            };
            if let CatalogRecord::RemoveTopic(remove) = record {
                removed = remove.topic_id;
                Self::retire(&mut self.directory, &self.catalog, &mut self.logs, removed, out);
            }
            self.catalog.replay(&record);
            if let CatalogRecord::Config(config) = record {
                Self::reconfigure(&self.directory, &self.catalog, &mut self.logs.partitions, config.resource_name);
            }
        }
        if !removed.is_zero() {
            // When the list is full the files stay until the next start, which finds that nobody knows them.
            let _ = self.doomed.push(Doomed { topic_id: removed, end: written.end });
        }
        Ok(Some(written))
    }

    /// Takes the logs of a topic that is about to be gone out of the shard.
    fn retire(directory: &mut D, catalog: &Catalog<'m>, logs: &mut Logs<'m, D::Store>, topic_id: TopicId, out: &mut dyn Release) {
        let Some(topic) = catalog.topic_by_id(topic_id) else { return };
        let mut from = 0;
        while let Some(slot) = logs.partitions.next_from(from) {
            from = slot.index() + 1;
            if logs.partitions.get(slot).is_some_and(|partition| partition.topic_id == topic_id) {
                logs.drop_log(slot, out);
            }
        }
        for partition in catalog.partitions_of(topic.slot) {
            directory.retire(PartitionName { topic: topic.name, topic_id, index: partition.index });
        }
    }

    /// Puts the settings of a topic in force in its open logs.
    fn reconfigure(directory: &D, catalog: &Catalog<'m>, partitions: &mut Table<'m, Partition<'m, D::Store>>, topic: &str) {
        let Some(TopicView { topic_id, .. }) = catalog.topic(topic) else { return };
        let config = directory.log_config(&mut catalog.configs_of(crate::catalog::input::ResourceKind::TOPIC, topic));
        let mut from = 0;
        while let Some(slot) = partitions.next_from(from) {
            from = slot.index() + 1;
            if let Some(partition) = partitions.get_mut(slot).filter(|partition| partition.topic_id == topic_id) {
                partition.log.configure(config);
            }
        }
    }

    /// Puts the settings in force in every open log: those of the directory have changed.
    pub fn reconfigure_all(&mut self) {
        let mut from = 0;
        while let Some(slot) = self.logs.partitions.next_from(from) {
            from = slot.index() + 1;
            let Some(partition) = self.logs.partitions.get_mut(slot) else { continue };
            let topic = self.catalog.topic_by_id(partition.topic_id).map_or(name::CLUSTER_METADATA, |topic| topic.name);
            let own = &mut self.catalog.configs_of(crate::catalog::input::ResourceKind::TOPIC, topic);
            partition.log.configure(self.directory.log_config(own));
        }
    }

    /// Lets every group forget its offsets in a topic that is gone.
    pub fn forget_topic(&mut self, at: Moment, topic: &str, topic_id: TopicId, out: &mut dyn Release) {
        let mut from = 0;
        while let Some(group) = self.groups.next_group(from) {
            from = group.index() + 1;
            let input = GroupInput::ForgetTopic(ForgetTopic { group, topic, topic_id });
            // Nobody waits for this; what cannot be written now expires later.
            let _ = self.group(at, input, &mut Nobody, out);
        }
    }

    /// Writes the records of the step to a log as one batch.
    fn write_down(
        &mut self,
        at: Moment,
        slot: Slot,
        epoch: LeaderEpoch,
        keyed: bool,
        out: &mut dyn Release,
    ) -> Result<Written, WriteError<StoreFailure<'m, D>>> {
        self.batch.clear();
        let result = self.write_batch(at, slot, epoch, keyed, out);
        // Memory after a large image goes back.
        if self.batch.len() > 1 << 20 {
            self.batch.clear();
            self.batch.shrink();
        }
        result
    }

    fn write_batch(
        &mut self,
        at: Moment,
        slot: Slot,
        epoch: LeaderEpoch,
        keyed: bool,
        out: &mut dyn Release,
    ) -> Result<Written, WriteError<StoreFailure<'m, D>>> {
        let mut builder = Builder::new(&mut self.batch, BatchOptions::default()).map_err(|_| WriteError::TooLarge)?;
        for record in self.records.iter() {
            let key = Some(record.key).filter(|_| keyed);
            let record = NewRecord { timestamp: Some(at.wall), key, value: record.value, headers: &[] };
            builder.append(record).map_err(|_| WriteError::TooLarge)?;
        }
        // Nothing to write would be nothing to wait for: a step without records does not come here.
        let size = builder.finish();
        debug_assert!(size.is_some(), "a step that comes here has records");
        let Some(partition) = self.logs.partitions.get(slot) else { return Err(WriteError::Partition(PartitionError::Unknown)) };
        // The rules of the topic are for clients. What a machine writes is kept as it writes it, so that it can always go on, and be loaded.
        let neutral = validate::Rules { max_message_bytes: u32::MAX, compression: None, compacted: false, ..validate::Rules::default() };
        let timestamp_type = partition.log.config().timestamp_type;
        let rules = validate::Rules { origin: Origin::Coordinator, timestamp_type, ..neutral };
        let checked = validate::check(&self.batch, &rules, at.wall, None);
        debug_assert!(checked.is_ok(), "what a shard builds passes its own check: {checked:?}");
        let checked = checked.map_err(|_| WriteError::TooLarge)?;
        self.logs.append(at, slot, epoch, &checked, out).map(|(_, written)| written)
    }

    /// Deletes what retention allows in every open log. Answers each failure to `failed`.
    pub fn retain(&mut self, at: Moment, mut failed: impl FnMut(PartitionName<'_>, LogError<StoreFailure<'m, D>>)) {
        let mut from = 0;
        while let Some(slot) = self.logs.partitions.next_from(from) {
            from = slot.index() + 1;
            let Some(partition) = self.logs.partitions.get_mut(slot) else { continue };
            // The catalogue and the groups are read from their first record on: nothing of theirs may go before it is compacted.
            let topic = self.catalog.topic_by_id(partition.topic_id);
            let Some(topic) = topic.filter(|topic| !name::is_internal(topic.name)) else { continue };
            let name = PartitionName { topic: topic.name, topic_id: partition.topic_id, index: partition.index };
            if let Err(error) = partition.log.retain(at.wall) {
                failed(name, error);
            }
        }
    }

    /// Deletes the records of a partition below an offset. Answers where the log begins then.
    ///
    /// # Errors
    /// What [`LogError`] names, or that the partition cannot be worked with.
    pub fn delete_records(
        &mut self,
        at: Moment,
        topic: Slot,
        index: PartitionIndex,
        upto: Option<Offset>,
    ) -> Result<Watermarks, PartitionError<StoreFailure<'m, D>>> {
        let log = self.log(at, topic, index)?;
        let upto = upto.unwrap_or_else(|| log.watermarks().high_watermark());
        log.delete_records(upto).map_err(PartitionError::Log)
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

/// What an open log is called. The catalogue's own log is in no catalogue; the log of a topic that is gone has no name.
fn partition_name<'c, S: SegmentStore>(catalog: &'c Catalog<'_>, partition: &Partition<'_, S>) -> PartitionName<'c> {
    let topic = if partition.topic_id == TopicId::METADATA {
        name::CLUSTER_METADATA
    } else {
        catalog.topic_by_id(partition.topic_id).map_or("", |topic| topic.name)
    };
    PartitionName { topic, topic_id: partition.topic_id, index: partition.index }
}

/// Where answers go that nobody waits for.
struct Nobody;

impl<M: Machine + ?Sized> Answers<M> for Nobody {
    fn answer(&mut self, _: CallId, _: crate::machine::When, _: M::Answer<'_>) {}
}

#[cfg(test)]
#[cfg(feature = "alloc")]
#[path = "shard_tests.rs"]
mod tests;
