//! What clients do with records: append, fetch, find, delete.

use crate::bounded::list::List;
use crate::bounded::slab::Slot;
use crate::catalog::name;
use crate::ids::{CallId, LeaderEpoch, Offset, PartitionIndex, TopicId};
use crate::log::error::{LogError, ReadError};
use crate::log::partition_log::Appended;
use crate::log::reading::{FoundOffset, ReadScratch, ReadUpTo, TimestampQuery};
use crate::log::txn_index::AbortedTransaction;
use crate::log::watermarks::Watermarks;
use crate::record::validate::CheckedBatch;
use crate::time::{Instant, Moment};

use super::directory::{LogDirectory, PartitionName};
use super::error::{PartitionError, WriteError};
use super::fetch::{FetchError, FetchLimits, FetchOutcome, FetchPartition, Fetched, RemoteRead};
use super::logs::{PartitionTable, Written};
use super::parked::Release;
use super::shard::{Shard, StoreFailure, StoreHandle};

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

    /// Reads several partitions within limits. `each` gets what every one of them yields, in order; and for readers of what is decided, the
    /// aborted transactions among it, through `aborted`.
    /// Source: KIP-74, `ReplicaManager.readFromLog`.
    pub fn fetch(
        &mut self,
        at: Moment,
        partitions: &[FetchPartition],
        limits: FetchLimits,
        aborted: &mut List<'_, AbortedTransaction>,
        mut each: impl FnMut(usize, Fetched<StoreHandle<'m, D>, StoreFailure<'m, D>>, &[AbortedTransaction]),
    ) -> FetchOutcome {
        let mut outcome = FetchOutcome { bytes: 0, complete: partitions.is_empty() };
        for (number, wanted) in partitions.iter().enumerate() {
            let left = u64::from(limits.max_bytes).saturating_sub(outcome.bytes);
            let max_bytes = wanted.max_bytes.min(u32::try_from(left).unwrap_or(u32::MAX));
            // Only the first batch of all comes however large it is.
            let mut fetched = self.fetch_one(at, wanted, max_bytes, limits.up_to, outcome.bytes == 0);
            aborted.clear();
            if let Ok(range) = &fetched
                && limits.up_to == ReadUpTo::LastStable
                && range.bytes.is_some()
                && let Err(error) = self.aborted_in(at, wanted, range.below, aborted)
            {
                fetched = Err(error);
            }
            match &fetched {
                Ok(range) => outcome.bytes += range.bytes.as_ref().map_or(0, |slice| u64::from(slice.size)),
                Err(FetchError::Remote(read)) => {
                    outcome.bytes += u64::from(read.max_bytes).max(1);
                    outcome.complete = true;
                }
                Err(_) => outcome.complete = true,
            }
            each(number, fetched, aborted);
        }
        outcome.complete |= i64::try_from(outcome.bytes).unwrap_or(i64::MAX) >= i64::from(limits.min_bytes);
        outcome
    }

    /// Collects the aborted transactions with records in a range of a partition.
    fn aborted_in(
        &mut self,
        at: Moment,
        wanted: &FetchPartition,
        below: Offset,
        aborted: &mut List<'_, AbortedTransaction>,
    ) -> Result<(), FetchError<StoreFailure<'m, D>>> {
        let log = self.log(at, wanted.topic, wanted.index).map_err(FetchError::Partition)?;
        let mut fits = true;
        let told = log.aborted_transactions(wanted.offset, below, &mut |transaction| fits &= aborted.push(transaction).is_ok());
        told.map_err(FetchError::Read)?;
        // Not to name one would let its records pass for committed ones.
        let needed = u32::try_from(aborted.len()).unwrap_or(u32::MAX).saturating_add(1);
        if fits { Ok(()) } else { Err(FetchError::Read(ReadError::ScratchTooSmall { needed })) }
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
        log.read(wanted.offset, max_bytes, up_to, at_least_one).map_err(|error| match error {
            ReadError::Remote(segment) => FetchError::Remote(RemoteRead { segment, max_bytes, at_least_one }),
            error => FetchError::Read(error),
        })
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
}
