//! Opening a shard: its machines are loaded from their logs.

use core::convert::Infallible;

use crate::bounded::list::List;
use crate::bounded::slab::Slot;
use crate::bounded::table::HashKey;
use crate::catalog::name;
use crate::group::record::GroupRecord;
use crate::ids::{Offset, PartitionIndex};
use crate::log::error::ReadError;
use crate::machine::{EncodedRecord, Machine as _};
use crate::record::batch::{Batch, Header};
use crate::record::marker::EndMarker;
use crate::record::records::Record;
use crate::share::record::ShareRecord;
use crate::time::Moment;
use crate::txn::record::TxnRecord;
use crate::wire::reader::DecodeError;

use super::directory::{LeftOut, LogDirectory, PartitionName, Refused};
use super::error::OpenError;
use super::lead::Lead;
use super::logs::Logs;
use super::parked::Parked;
use super::shard::{Machines, Shard, ShardMemory, ShardPartitions, StoreFailure};
use super::transactions::Transactions;

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
        machines: Machines<'m>,
        parked: Parked<'m>,
        memory: ShardMemory<'m>,
        partitions: ShardPartitions<'m, D>,
        key: HashKey,
        scratch: &mut List<'_, u8>,
    ) -> Result<Self, OpenError<StoreFailure<'m, D>>> {
        let Machines { catalog, groups, transactions, shares } = machines;
        let mut shard = Self {
            directory,
            catalog,
            groups,
            transactions: Transactions::new(transactions, memory.end_waits),
            shares,
            logs: Logs { partitions: partitions.0, parked, unsynced: memory.unsynced, key, closed: false, stirred: false, has_dirt: false },
            records: memory.records,
            batch: memory.batch,
            doomed: memory.doomed,
            lead: Lead::default(),
        };
        let metadata = shard.metadata_log(at).map_err(OpenError::Partition)?;
        shard.load_catalog(metadata, scratch)?;
        shard.directory.begin(&shard.catalog).map_err(|Refused| OpenError::Refused)?;
        shard.spread_machines();
        shard.finalize_features();
        for machine in [Kept::Transactions, Kept::Groups, Kept::Shares] {
            let kept = shard.catalog.topic(machine.topic()).map(|topic| (topic.slot, topic.partition_count));
            let Some((topic, count)) = kept else { continue };
            for index in (0..count).map(PartitionIndex) {
                let slot = shard.log_of(at, topic, index).map_err(OpenError::Partition)?;
                shard.load_machine(slot, machine, scratch).map_err(|error| machine.failed(index, error))?;
            }
        }
        shard.transactions.coordinator.loaded(at);
        shard.transactions_loaded(at);
        shard.groups.loaded(at);
        Ok(shard)
    }

    /// Loads what a machine keeps in one partition. What cannot be read is left out and said out loud: one flipped bit costs what it
    /// stands for, not the broker.
    fn load_machine(&mut self, slot: Slot, machine: Kept, scratch: &mut List<'_, u8>) -> Result<(), ReadError<StoreFailure<'m, D>>> {
        let Some(partition) = self.logs.partitions.get_mut(slot) else { return Ok(()) };
        let mut from = partition.log.watermarks().log_start();
        let mut misplaced = 0;
        let name = PartitionName { topic: machine.topic(), topic_id: partition.topic_id, index: partition.index };
        loop {
            let Some(partition) = self.logs.partitions.get_mut(slot) else { return Ok(()) };
            let next = match partition.log.read_batches(from, scratch) {
                Ok(next) if next == from => break,
                Ok(next) => next,
                Err(ReadError::Corrupt { file, position }) => {
                    let next = partition.log.offset_behind(from, file, position)?;
                    self.leave_out(name, machine, LeftOut::Bytes { file, position, next });
                    scratch.clear();
                    next
                }
                Err(error) => return Err(error),
            };
            let Ok(()) = for_each_batch(scratch, |batch| {
                let offset = batch.header().base_offset();
                let Some(records) = batch.records().filter(|_| batch.crc_is_right()) else {
                    self.leave_out(name, machine, LeftOut::Batch { offset });
                    return Ok::<_, Infallible>(());
                };
                for record in records {
                    let Ok(record) = record else {
                        self.leave_out(name, machine, LeftOut::Batch { offset });
                        break;
                    };
                    match self.load_record(machine, name.index, batch.header(), &record) {
                        Ok(true) => {}
                        Ok(false) => misplaced += 1,
                        Err(error) => {
                            let offset = Offset(offset.0.saturating_add(record.offset_delta.into()));
                            self.leave_out(name, machine, LeftOut::Record { offset, error });
                        }
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
            self.leave_out(name, machine, LeftOut::Misplaced { records: misplaced });
        }
        Ok(())
    }

    /// Lets a machine believe a record. Answers whether it is kept where it belongs: a broker that spread names otherwise may have kept it
    /// here, and what its own partition says counts.
    fn load_record(&mut self, machine: Kept, index: PartitionIndex, header: &Header, record: &Record<'_>) -> Result<bool, DecodeError> {
        if header.is_control() {
            if let (Kept::Groups, Some(stamp), Some(marker)) = (machine, header.producer(), EndMarker::read(record)) {
                self.groups.replay(&GroupRecord::TransactionEnded { producer_id: stamp.id, outcome: marker.outcome });
            }
            return Ok(true);
        }
        match machine {
            Kept::Groups => {
                let record = GroupRecord::decode(encoded(record), header.producer().map(|stamp| stamp.id))?;
                let is_here = record.group().is_empty() || self.groups.partition_of(record.group()) == index;
                if is_here {
                    self.groups.replay(&record);
                }
                Ok(is_here)
            }
            Kept::Shares => {
                let at = Offset(header.base_offset().0.saturating_add(record.offset_delta.into()));
                let record = ShareRecord::decode(encoded(record))?;
                let is_here = record.key().is_none_or(|key| self.shares.partition_of(&key) == index);
                if is_here {
                    self.shares.believe(&record, at);
                }
                Ok(is_here)
            }
            Kept::Transactions => {
                let record = TxnRecord::decode(encoded(record))?;
                let id = record.transactional_id();
                let is_here = id.is_empty() || self.transactions.coordinator.partition_of(id) == index;
                if is_here {
                    self.transactions.coordinator.replay(&record);
                }
                Ok(is_here)
            }
        }
    }

    fn leave_out(&mut self, name: PartitionName<'_>, machine: Kept, what: LeftOut) {
        self.transactions.is_whole &= machine != Kept::Transactions;
        self.directory.left_out(name, what);
    }
}

/// Whose log is loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Groups,
    Transactions,
    Shares,
}

impl Kept {
    const fn topic(self) -> &'static str {
        match self {
            Self::Groups => name::CONSUMER_OFFSETS,
            Self::Transactions => name::TRANSACTION_STATE,
            Self::Shares => name::SHARE_GROUP_STATE,
        }
    }

    const fn failed<E>(self, index: PartitionIndex, error: ReadError<E>) -> OpenError<E> {
        match self {
            Self::Groups => OpenError::Groups(index, error),
            Self::Transactions => OpenError::Transactions(index, error),
            Self::Shares => OpenError::Shares(index, error),
        }
    }
}

/// Shows every batch of a piece of log.
pub(super) fn for_each_batch<E>(piece: &[u8], mut each: impl FnMut(&Batch<'_>) -> Result<(), E>) -> Result<(), E> {
    let mut rest = piece;
    while let Ok((batch, behind)) = Batch::split_first(rest) {
        rest = behind;
        each(&batch)?;
    }
    Ok(())
}

/// A record as machines know it.
pub(super) fn encoded<'r>(record: &Record<'r>) -> EncodedRecord<'r> {
    EncodedRecord { key: record.key.unwrap_or_default(), value: record.value }
}
