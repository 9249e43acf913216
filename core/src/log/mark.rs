//! Recovery marks: places from which a log can be recovered without reading what lies before.
//!
//! Kafka reads the segment of the recovery point through from its start, whose size grows up to `segment.bytes`. A mark names a batch
//! boundary in the active segment before which everything is durable: batches, indexes, reigns, and the producers in a snapshot. It is
//! taken with a sync that comes anyway, once [`LogConfig::recovery_bytes`] have been written since the one before, so that this is what a
//! crash costs at most, however long the log and its segments are.
//!
//! The file is `millpond-recovery-mark`: two slots, written in turn, each with its own checksum, so that a loss of power leaves one of them whole. A slot is
//! written when the sync has succeeded, and counts as durable after the next one. It is only believed where the file of the segment says
//! the same: another broker may have used the directory meanwhile.

use serde::{Deserialize, Serialize};

use crate::envelope::{self, Kind};
use crate::ids::Offset;
use crate::store::file_name::{FileKind, FileName};
use crate::store::segment_store::SegmentStore;
use crate::time::Timestamp;

use super::disk::{Disk, DiskResult};
use super::index::{self, OFFSET_ENTRY_SIZE, OffsetEntry, TIME_ENTRY_SIZE, TimeEntry};
use super::partition_log::PartitionLog;
use super::segment::{Segment, TimestampOffset, Walk};
use super::snapshot;
use super::txn_index::TXN_ENTRY_SIZE;

#[cfg(doc)]
use super::config::LogConfig;

/// Each slot begins a sector of its own, so that a write that is torn leaves the other alone. Unit: bytes.
const SLOT_SIZE: u64 = 4096;
/// More than a slot ever holds. Unit: bytes.
const BODY_MAX: usize = 128;

/// Where a recovery can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Rises by one with each mark of a log. The slot is its last bit.
    number: u32,
    /// The base of the segment.
    base: i64,
    /// Where in the segment. Unit: bytes.
    position: u32,
    /// The offset that comes there.
    end: i64,
    offset_entries: u32,
    time_entries: u32,
    txn_entries: u32,
    last_entry_position: u32,
    last_entry_time: i64,
    max_timestamp: Option<(i64, i64)>,
    last_batch: LastBatch,
    /// Whether there were producers: then a snapshot speaks of them.
    has_producers: bool,
}

/// The batch before a mark, by which the log is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LastBatch {
    pub(super) position: u32,
    pub(super) crc: u32,
}

/// What a log knows of its marks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marking {
    /// Written last. The one before it stands in the other slot.
    written: Option<Mark>,
    /// The last one that would survive a loss of power.
    durable: Option<Mark>,
    /// The highest number that was ever seen.
    number: u32,
    /// Whether a sync is under way that a mark will come of.
    pub(super) is_pending: bool,
    /// The last batch of the log, if it was written since the log was opened.
    pub(super) last_batch: Option<LastBatch>,
}

impl Mark {
    /// The offset before which everything is durable.
    pub(super) const fn end(&self) -> Offset {
        Offset(self.end)
    }

    /// The base of the segment that it lies in.
    pub(super) const fn base(&self) -> Offset {
        Offset(self.base)
    }

    /// The segment as it was then.
    pub(super) fn segment(&self, wall: Timestamp) -> Segment {
        let max_timestamp =
            self.max_timestamp.map(|(timestamp, offset)| TimestampOffset { timestamp: Timestamp(timestamp), offset: Offset(offset) });
        Segment {
            size: self.position,
            synced: self.position,
            offset_entries: self.offset_entries,
            time_entries: self.time_entries,
            txn_entries: self.txn_entries,
            last_entry_position: self.last_entry_position,
            last_entry_time: self.last_entry_time,
            max_timestamp,
            ..Segment::new(self.base(), wall)
        }
    }

    /// The files that must be durable before it, beside the batches.
    pub(super) fn files(&self) -> impl Iterator<Item = FileName> + use<> {
        let snapshot = self.has_producers.then_some(FileName::live(FileKind::Snapshot, self.end()));
        self.segment(Timestamp(0)).indexes().chain(snapshot)
    }
}

impl Marking {
    /// Whether recovery may ask for the snapshot at this offset.
    pub(super) fn needs(&self, snapshot: Offset) -> bool {
        [self.written, self.durable].into_iter().flatten().any(|mark| mark.end() == snapshot)
    }

    /// The number of the mark that was written last, until it is durable.
    pub(super) fn unsynced(&self) -> Option<u32> {
        self.written.filter(|written| self.durable != Some(*written)).map(|written| written.number)
    }
}

impl<S: SegmentStore> PartitionLog<'_, S> {
    /// Whether so much was written since the last mark that the next sync should bring another.
    pub(super) fn wants_mark(&self) -> bool {
        let Some(active) = self.segments.last() else { return false };
        let before = self.marking.written.filter(|mark| mark.base() == active.base).map_or(0, |mark| mark.position);
        // While one is not durable the slot of the next still holds the last that is.
        let is_free = !self.marking.is_pending && self.marking.unsynced().is_none();
        is_free && self.marking.last_batch.is_some() && active.size.saturating_sub(before) >= self.config.recovery_bytes
    }

    /// A mark at the end of the log as it is now; what it speaks of is written, and is to be synced. `None` when that cannot be written.
    pub(super) fn prepare_mark(&mut self) -> Option<Mark> {
        let (active, last_batch) = (*self.segments.last()?, self.marking.last_batch?);
        let end = self.marks.log_end();
        let has_producers = !self.producers.is_empty();
        // A disk that is full or failing is told by whoever cannot do without it.
        self.write_epochs().ok()?;
        if has_producers {
            self.write_snapshot(end).ok()?;
        }
        Some(Mark {
            number: self.marking.number.wrapping_add(1),
            base: active.base.0,
            position: active.size,
            end: end.0,
            offset_entries: active.offset_entries,
            time_entries: active.time_entries,
            txn_entries: active.txn_entries,
            last_entry_position: active.last_entry_position,
            last_entry_time: active.last_entry_time,
            max_timestamp: active.max_timestamp.map(|max| (max.timestamp.0, max.offset.0)),
            last_batch,
            has_producers,
        })
    }

    /// What a mark speaks of is durable: it is written down.
    pub(super) fn write_mark(&mut self, mark: Mark) {
        let mut bytes = [0; BODY_MAX];
        let sealed = envelope::seal(Kind::RecoveryMark, &mark, &mut bytes);
        debug_assert!(sealed.is_some(), "a mark is smaller than its slot");
        let slot = u64::from(mark.number & 1) * SLOT_SIZE;
        // What cannot be written is tried again with the next sync: it only saves work.
        if let Some(sealed) = sealed
            && self.make_slots().is_ok()
            && self.disk.write(FileName::RECOVERY_MARK, slot, &[sealed]).is_ok()
        {
            self.marking.number = mark.number;
            self.marking.written = Some(mark);
        }
    }

    /// Makes the file, of its final size, if it is not there.
    fn make_slots(&mut self) -> DiskResult<S, ()> {
        const EMPTY: [u8; 512] = [0; 512];
        let mut size = self.disk.size(FileName::RECOVERY_MARK)?.unwrap_or(0);
        if size == 0 {
            self.names = self.names.wrapping_add(1);
        }
        while size < 2 * SLOT_SIZE {
            self.disk.write(FileName::RECOVERY_MARK, size, &[&EMPTY])?;
            size += 512;
        }
        Ok(())
    }

    /// The mark of this number has come to the disk: nobody asks for the one before any more.
    pub(super) fn mark_is_durable(&mut self, number: u32) {
        let Some(written) = self.marking.written.filter(|mark| mark.number == number) else { return };
        if let Some(before) = self.marking.durable.replace(written)
            && !self.is_asked_for(before.end())
        {
            // One that stays behind is deleted at the next opening.
            let _ = self.disk.delete(FileName::live(FileKind::Snapshot, before.end()));
        }
    }

    /// Whether somebody may ask for the snapshot at an offset: recovery, at the start of a segment, at a mark, or for the latest.
    pub(super) fn is_asked_for(&self, snapshot: Offset) -> bool {
        self.last_snapshot == Some(snapshot)
            || self.marking.needs(snapshot)
            || self.segments.binary_search_by_key(&snapshot, |segment| segment.base).is_ok()
    }

    /// Forgets all marks, since what lies before them changes.
    pub(super) fn drop_marks(&mut self) -> DiskResult<S, ()> {
        self.marking = Marking { number: self.marking.number, ..Marking::default() };
        if self.disk.size(FileName::RECOVERY_MARK)?.is_some() {
            self.disk.delete(FileName::RECOVERY_MARK)?;
        }
        Ok(())
    }

    /// Finds the latest mark that the files bear out.
    pub(super) fn find_mark(&mut self) -> DiskResult<S, Option<Mark>> {
        if self.disk.size(FileName::RECOVERY_MARK)?.is_none() {
            return Ok(None);
        }
        let mut slots = [None; 2];
        for (slot, found) in (0u64..).zip(&mut slots) {
            let mut bytes = [0; BODY_MAX];
            let read = self.disk.read(FileName::RECOVERY_MARK, slot * SLOT_SIZE, &mut bytes)?;
            *found = envelope::open::<Mark>(Kind::RecoveryMark, read);
        }
        // By the offset, not by the number: after a clean stop nobody has looked at the file, and numbers begin anew.
        slots.sort_unstable_by_key(|mark| core::cmp::Reverse(mark.map(|mark| mark.end)));
        self.marking.number = slots.iter().flatten().map(|mark| mark.number).max().unwrap_or(0);
        for mark in slots.into_iter().flatten() {
            if self.is_borne_out(&mark)? {
                (self.marking.written, self.marking.durable) = (Some(mark), Some(mark));
                return Ok(Some(mark));
            }
        }
        Ok(None)
    }

    /// Whether the segment, its indexes and the snapshot are still those that a mark speaks of.
    fn is_borne_out(&mut self, mark: &Mark) -> DiskResult<S, bool> {
        let segment = mark.segment(Timestamp(0));
        if self.segments.binary_search_by_key(&segment.base, |segment| segment.base).is_err() || mark.end() <= segment.base {
            return Ok(false);
        }
        let disk = &mut self.disk;
        let needed = [
            (FileKind::Log, u64::from(segment.size)),
            (FileKind::Index, u64::from(segment.offset_entries) * u64::from(OFFSET_ENTRY_SIZE)),
            (FileKind::TimeIndex, u64::from(segment.time_entries) * u64::from(TIME_ENTRY_SIZE)),
            (FileKind::TxnIndex, u64::from(segment.txn_entries) * u64::from(TXN_ENTRY_SIZE)),
        ];
        for (kind, size) in needed {
            if disk.size(segment.file(kind))?.unwrap_or(0) < size {
                return Ok(false);
            }
        }
        let mut walk = Walk::new(&segment, mark.last_batch.position, segment.size);
        let last = walk.next(disk)?.map(|(_, header)| header);
        let is_it = last
            .is_some_and(|last| last.crc() == mark.last_batch.crc && last.next_offset() == mark.end() && walk.position() == segment.size);
        Ok(is_it && indexes_end_before(disk, &segment, mark.end())? && (!mark.has_producers || snapshot::is_sound(disk, mark.end())?))
    }

    /// Knows the producers as they were at a mark. False when that cannot be had any more.
    pub(super) fn restore_producers(&mut self, mark: &Mark) -> DiskResult<S, bool> {
        self.producers.clear();
        self.last_snapshot = None;
        if !mark.has_producers {
            return Ok(true);
        }
        let known = snapshot::read(&mut self.disk, mark.end(), &mut self.producers)?;
        self.last_snapshot = known.then_some(mark.end());
        Ok(known)
    }
}

/// Whether the last entries that a segment counts lead to what lies before `end`: the indexes may have been made anew, with others.
fn indexes_end_before<S: SegmentStore>(disk: &mut Disk<S>, segment: &Segment, end: Offset) -> DiskResult<S, bool> {
    let below = |relative: u32| segment.base.0.saturating_add(relative.into()) < end.0;
    if let Some(last) = segment.offset_entries.checked_sub(1) {
        let entry = index::entry::<OffsetEntry, S>(disk, segment.base, last)?;
        if entry.is_none_or(|entry| entry.position != segment.last_entry_position || !below(entry.relative)) {
            return Ok(false);
        }
    }
    if let Some(last) = segment.time_entries.checked_sub(1) {
        let entry = index::entry::<TimeEntry, S>(disk, segment.base, last)?;
        if entry.is_none_or(|entry| entry.timestamp.0 != segment.last_entry_time || !below(entry.relative)) {
            return Ok(false);
        }
    }
    Ok(true)
}
