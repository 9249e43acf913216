//! Opening a shard: its machines are loaded from their logs.

use core::convert::Infallible;

use crate::bounded::list::List;
use crate::bounded::slab::Slot;
use crate::bounded::table::HashKey;
use crate::catalog::catalog::Catalog;
use crate::catalog::name;
use crate::catalog::record::CatalogRecord;
use crate::group::coordinator::Coordinator;
use crate::group::record::GroupRecord;
use crate::ids::{Offset, PartitionIndex};
use crate::log::error::ReadError;
use crate::machine::{EncodedRecord, Machine as _};
use crate::record::batch::Batch;
use crate::record::records::Record;
use crate::time::Moment;

use super::directory::{LeftOut, LogDirectory, PartitionName};
use super::error::OpenError;
use super::logs::Logs;
use super::parked::Parked;
use super::shard::{Shard, ShardMemory, ShardPartitions, StoreFailure};

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
            logs: Logs { partitions: partitions.0, parked, unsynced: memory.unsynced, key, closed: false, has_dirt: false },
            records: memory.records,
            batch: memory.batch,
            doomed: memory.doomed,
        };
        let metadata = shard.metadata_log(at).map_err(OpenError::Partition)?;
        shard.load_catalog(metadata, scratch)?;
        let offsets = shard.catalog.topic(name::CONSUMER_OFFSETS).map(|topic| (topic.slot, topic.partition_count));
        if let Some((topic, count)) = offsets {
            shard.groups.spread_over(count);
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
        let mut misplaced = 0;
        let name = PartitionName { topic: name::CONSUMER_OFFSETS, topic_id: partition.topic_id, index: partition.index };
        loop {
            let Some(partition) = self.logs.partitions.get_mut(slot) else { return Ok(()) };
            let next = match partition.log.read_batches(from, scratch) {
                Ok(next) if next == from => break,
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
                        // Kept here by a broker that spread groups otherwise: what their own partition says counts.
                        Ok(record) if self.groups.partition_of(record.group()) != name.index && !record.group().is_empty() => {
                            misplaced += 1;
                        }
                        Ok(record) => self.groups.replay(&record),
                        Err(error) => self.directory.left_out(name, LeftOut::Record { offset: Offset(offset), error }),
                    }
                }
                Ok(())
            });
            // Behind damage there may be nothing at all.
            if next <= from {
                break;
            }
            from = next;
        }
        if misplaced > 0 {
            self.directory.left_out(name, LeftOut::Misplaced { records: misplaced });
        }
        Ok(())
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
