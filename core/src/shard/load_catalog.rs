//! Loading the catalogue: from the newest sound snapshot and the log behind it. All of it, or none: a catalogue with a hole would take
//! topics for deleted.

use crate::bounded::list::List;
use crate::bounded::slab::Slot;
use crate::catalog::name;
use crate::catalog::quorum::ControlRecord;
use crate::catalog::record::CatalogRecord;
use crate::catalog::snapshot::{SnapshotCheck, SnapshotDamage, SnapshotId};
use crate::ids::{Offset, PartitionIndex, TopicId};
use crate::machine::Machine as _;
use crate::record::batch::{Batch, Header};
use crate::record::layout;
use crate::record::records::Record;

use super::directory::{LogDirectory, PartitionName};
use super::error::OpenError;
use super::load::{encoded, for_each_batch};
use super::shard::{Shard, StoreFailure};

type Opened<'m, D, T> = Result<T, OpenError<StoreFailure<'m, D>>>;

/// Which records of the log count. Source: KIP-868; `OffsetControlManager`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Each, as it comes; inside of a transaction that is known to be ended, up to its end.
    Believing { ends: Option<Offset> },
    /// None yet: how the transaction that begins at this offset ends is still to be seen.
    Seeking { begin: Offset },
}

impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    pub(super) fn load_catalog(&mut self, slot: Slot, scratch: &mut List<'_, u8>) -> Opened<'m, D, ()> {
        let Some(partition) = self.logs.partitions.get(slot) else { return Ok(()) };
        let (log_start, log_end) = (partition.log.watermarks().log_start(), partition.log.watermarks().log_end());
        let name = PartitionName { topic: name::CLUSTER_METADATA, topic_id: TopicId::METADATA, index: PartitionIndex(0) };
        if let Some(durable) = self.directory.hints(name).recovery_point.filter(|durable| *durable > log_end) {
            return Err(OpenError::Short { end: log_end, durable });
        }
        let from = self.load_snapshot(log_start, log_end, scratch)?;
        self.load_catalog_log(slot, from, scratch)
    }

    /// Loads the newest snapshot that is whole and from whose end on the log goes on. Answers where the log is to be read from.
    fn load_snapshot(&mut self, log_start: Offset, log_end: Offset, scratch: &mut List<'_, u8>) -> Opened<'m, D, Offset> {
        let mut newest = self.directory.snapshot_before(None);
        if let Some(snapshot) = newest.filter(|newest| newest.end > log_end) {
            return Err(OpenError::Cut { snapshot, log_end });
        }
        while let Some(id) = newest.filter(|id| id.end >= log_start) {
            match self.for_each_of_snapshot(id, scratch, |_, _| Ok(())) {
                Ok(()) => {
                    // It was whole a moment ago; if it no longer is, this start is over.
                    let believed = self.for_each_of_snapshot(id, scratch, Self::believe_snapshot);
                    self.lead.heard_of(id.epoch);
                    return believed.map(|()| id.end).map_err(|damage| OpenError::Snapshot(id, damage));
                }
                Err(damage) => self.directory.snapshot_damaged(id, damage),
            }
            newest = self.directory.snapshot_before(Some(id));
        }
        if log_start > Offset::ZERO { Err(OpenError::Beheaded(log_start)) } else { Ok(Offset::ZERO) }
    }

    fn believe_snapshot(&mut self, batch: &Batch<'_>) -> Result<(), SnapshotDamage> {
        let offset = batch.header().base_offset();
        for record in batch.records().ok_or(SnapshotDamage::Records(offset))? {
            let record = record.map_err(|_| SnapshotDamage::Records(offset))?;
            let damaged = |error| SnapshotDamage::Record(offset, error);
            if batch.header().is_control() {
                self.catalog.replay_control(&ControlRecord::decode(&record).map_err(damaged)?);
            } else {
                self.believe_catalog(&CatalogRecord::decode(encoded(&record)).map_err(damaged)?);
            }
        }
        Ok(())
    }

    /// Shows every batch of a snapshot, each checked, until one is not as it should be.
    fn for_each_of_snapshot(
        &mut self,
        id: SnapshotId,
        scratch: &mut List<'_, u8>,
        mut each: impl FnMut(&mut Self, &Batch<'_>) -> Result<(), SnapshotDamage>,
    ) -> Result<(), SnapshotDamage> {
        let mut check = SnapshotCheck::default();
        let mut position = 0u64;
        loop {
            scratch.clear();
            let cut = SnapshotDamage::Cut { position };
            self.read_snapshot(id, position, layout::HEADER_SIZE, scratch)?;
            if scratch.is_empty() {
                return check.end();
            }
            let header = Header::peek(scratch).filter(|header| header.check().is_ok()).ok_or(cut)?;
            let size = header.size();
            scratch.clear();
            // The size is a claim: no more is read, or set aside, than there is of the file.
            self.read_snapshot(id, position, usize::try_from(size).unwrap_or(usize::MAX), scratch)?;
            let (batch, _) = Batch::split_first(scratch).map_err(|_| cut)?;
            check.batch(&batch)?;
            each(self, &batch)?;
            position = position.saturating_add(u64::from(size));
        }
    }

    /// Reads up to `size` bytes of a snapshot behind what `into` holds, piece by piece; fewer where the file ends.
    fn read_snapshot(&mut self, id: SnapshotId, position: u64, size: usize, into: &mut List<'_, u8>) -> Result<(), SnapshotDamage> {
        /// How much is set aside before it is known to be there. Unit: bytes.
        const PIECE_SIZE: usize = 256 << 10;
        let (start, mut position) = (into.len(), position);
        while into.len() - start < size {
            let at = into.len();
            let wanted = PIECE_SIZE.min(size - (at - start));
            let too_large = |_| SnapshotDamage::TooLarge { size: u32::try_from(size).unwrap_or(u32::MAX) };
            into.fill_to(at + wanted, 0).map_err(too_large)?;
            let piece = into.get_mut(at..).unwrap_or_default();
            let count = self.directory.read_snapshot(id, position, piece).map_err(|_| SnapshotDamage::Unreadable)?.min(wanted);
            into.truncate(at + count);
            position = position.saturating_add(u64::try_from(count).unwrap_or(0));
            if count < wanted {
                break;
            }
        }
        Ok(())
    }

    /// Loads what the log says from an offset on.
    fn load_catalog_log(&mut self, slot: Slot, from: Offset, scratch: &mut List<'_, u8>) -> Opened<'m, D, ()> {
        let mut reading = Reading::Believing { ends: None };
        let mut from = from;
        loop {
            let Some(partition) = self.logs.partitions.get_mut(slot) else { return Ok(()) };
            let next = partition.log.read_batches(from, scratch).map_err(OpenError::Read)?;
            if next == from {
                break;
            }
            let mut again = None;
            let mut expected = None;
            for_each_batch(scratch, |batch| {
                let header = batch.header();
                // The first one may begin before what is asked for.
                if expected.map_or(header.base_offset() > from, |expected| header.base_offset() != expected) {
                    return Err(OpenError::Hole(expected.unwrap_or(from)));
                }
                expected = Some(header.next_offset());
                if again.is_none() {
                    again = self.load_catalog_batch(batch, from, &mut reading)?;
                }
                Ok(())
            })?;
            from = again.unwrap_or(next);
        }
        self.lead.is_unfinished = matches!(reading, Reading::Seeking { .. });
        Ok(())
    }

    /// Loads a batch of the log. Answers from where it is to be read again, once it is known that a transaction counts.
    fn load_catalog_batch(&mut self, batch: &Batch<'_>, from: Offset, reading: &mut Reading) -> Opened<'m, D, Option<Offset>> {
        let base = batch.header().base_offset();
        let Some(records) = batch.records().filter(|_| batch.crc_is_right()) else { return Err(OpenError::Batch(base)) };
        for (record, offset) in records.zip(base.0..) {
            let record: Record<'_> = record.map_err(|_| OpenError::Batch(base))?;
            let offset = Offset(offset);
            if offset < from {
                continue;
            }
            if batch.header().is_control() {
                // Who leads does not hang on how a transaction ends; and once it counts all is read again, which changes nothing here.
                self.catalog.replay_control(&ControlRecord::decode(&record).map_err(|error| OpenError::Record(offset, error))?);
                continue;
            }
            let record = CatalogRecord::decode(encoded(&record)).map_err(|error| OpenError::Record(offset, error))?;
            match (*reading, record) {
                (Reading::Believing { ends: Some(end) }, CatalogRecord::BeginTransaction(_)) if offset < end => {}
                (Reading::Believing { .. }, CatalogRecord::BeginTransaction(_)) => *reading = Reading::Seeking { begin: offset },
                (Reading::Believing { .. }, record) => self.believe_catalog(&record),
                (Reading::Seeking { begin }, CatalogRecord::EndTransaction) => {
                    *reading = Reading::Believing { ends: Some(offset) };
                    return Ok(Some(begin));
                }
                (Reading::Seeking { .. }, CatalogRecord::AbortTransaction(_)) => *reading = Reading::Believing { ends: None },
                (Reading::Seeking { .. }, _) => {}
            }
        }
        Ok(None)
    }

    fn believe_catalog(&mut self, record: &CatalogRecord<'_>) {
        if let CatalogRecord::RemoveTopic(removed) = record {
            self.directory.removed(removed.topic_id);
        }
        self.catalog.replay(record);
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
#[path = "load_catalog_tests.rs"]
pub(super) mod tests;
