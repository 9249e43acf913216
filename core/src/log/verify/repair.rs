//! Writing anew what is not sound, without what cannot be read.
//!
//! No file is changed where it lies. What takes its place is written beside it under the name of unfinished work, which opening a log
//! deletes, and made durable; then the indexes of the segment go, then the new batches take the place of the old ones in one step, then
//! the new indexes come. Wherever this is interrupted, either the old batches or the new ones are there, and never an index of the
//! other ones; and the repair can be run again. Offsets never change: what is cut out leaves a gap.

use crate::ids::Offset;
use crate::log::disk::{Disk, DiskResult};
use crate::log::error::{Doing, StoreError};
use crate::log::segment::{Entry, Segment};
use crate::log::{index, snapshot};
use crate::record::batch::Header;
use crate::record::codec::Codec;
use crate::store::file_name::{FileKind, FileName, FileState};
use crate::store::segment_store::SegmentStore;
use crate::time::Timestamp;

use super::batches::{Look, Piece, Pieces};
use super::verifier::{Around, Report, Totals, Verifier, VerifyError, lend};

/// How far apart the entries of an index that is built anew lie. Unit: bytes; the default of `index.interval.bytes`.
const INDEX_INTERVAL: u32 = 4096;

/// What of a log may be repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RepairLimits {
    /// Only what follows from the batches, and a write at the end that did not get done: no batch that was once whole is cut out.
    pub only_torn: bool,
    /// Where the log should end at least: an end before it is brought up to it, so that no offset is given out
    /// twice.
    pub end: Option<Offset>,
}

/// Keeps the bytes of a file somewhere else, durably, before the file is changed.
pub type SetAside<'a, E> = &'a mut dyn FnMut(FileName) -> Result<(), E>;

impl<S: SegmentStore> Verifier<'_, S> {
    /// Repairs what can be repaired, and sees to it that all that is left is durable.
    ///
    /// `set_aside` is called for each file before it is changed. With `codec` compressed batches whose records cannot be unpacked are
    /// cut out as well.
    /// # Errors
    /// What [`VerifyError`] names. What was repaired until then stays repaired, and the rest is as it was.
    pub fn repair(
        &mut self,
        limits: RepairLimits,
        mut codec: Option<&mut dyn Codec>,
        set_aside: SetAside<'_, S::Error>,
    ) -> Result<(), VerifyError<S::Error>> {
        self.raise_end(limits, lend(&mut codec), set_aside)?;
        self.list_segments()?;
        self.clear_unfinished(set_aside)?;
        let mut end = self.segments.first().copied().unwrap_or(Offset::ZERO);
        let mut batches_end = None;
        for at in 0..self.segments.len() {
            let Some(around) = self.around(at, end)? else { break };
            let mut report = Report { totals: Totals::default(), each: &mut |_| {} };
            let seen = self.segment(around, lend(&mut codec), &mut report)?;
            end = seen.end;
            batches_end = if report.totals.batches > 0 { Some(end) } else { batches_end };
            if seen.has_holes && (seen.is_torn_only || !limits.only_torn) {
                self.rewrite(around, lend(&mut codec), set_aside)?;
            } else if seen.has_wrong_index && !seen.has_holes {
                self.build_indexes(around, lend(&mut codec), set_aside)?;
            }
        }
        if let Some(batches_end) = batches_end.filter(|_| !limits.only_torn) {
            self.fill(batches_end, end, set_aside)?;
        }
        self.repair_singles(codec, set_aside)?;
        self.sync_everything()
    }

    /// Deletes what an interrupted repair or compaction has left half done. What is done and waits for its place stays.
    fn clear_unfinished(&mut self, set_aside: SetAside<'_, S::Error>) -> DiskResult<S, ()> {
        loop {
            let mut found = None;
            self.disk.list(&mut |file| {
                if matches!(file.state, FileState::Cleaned | FileState::Temporary) {
                    found = Some(file);
                }
            })?;
            let Some(file) = found else { return Ok(()) };
            put_aside::<S>(file, set_aside)?;
            self.disk.delete(file)?;
        }
    }

    /// Writes a segment anew without what cannot be read of it.
    fn rewrite(&mut self, around: Around, codec: Option<&mut dyn Codec>, set_aside: SetAside<'_, S::Error>) -> DiskResult<S, ()> {
        let old = around.segment;
        // One that began inside of the segment before it gets the place that is left, unless there is none.
        let mut new = Segment::new(around.next, Timestamp(0));
        let moves = new.base() != old.base();
        let is_taken = moves && self.disk.size(new.file(FileKind::Log))?.is_some();
        if is_taken && old.size > 0 {
            return Ok(());
        }
        self.put_all_aside(&old, &[FileKind::Log, FileKind::Index, FileKind::TimeIndex], set_aside)?;
        if is_taken {
            self.disk.delete(old.file(FileKind::Log))?;
            return self.delete_indexes(&old);
        }
        self.write_anew(around, &mut new, codec, true)?;
        self.delete_indexes(&old)?;
        if new.size == 0 && around.limit.is_some() {
            // Nothing is left of it, and segments behind it tell where the log goes on.
            self.disk.delete(old.file(FileKind::Log))?;
            return self.delete_cleaned(&new);
        }
        self.disk.rename(cleaned(&new, FileKind::Log), new.file(FileKind::Log))?;
        self.disk.sync_names()?;
        if moves {
            self.put_all_aside(&old, &[FileKind::TxnIndex], set_aside)?;
            if self.disk.size(old.file(FileKind::TxnIndex))?.is_some() {
                self.disk.rename(old.file(FileKind::TxnIndex), new.file(FileKind::TxnIndex))?;
            }
            self.disk.delete(old.file(FileKind::Log))?;
            self.disk.sync_names()?;
        }
        self.place_indexes(&new)
    }

    fn put_all_aside(&mut self, segment: &Segment, kinds: &[FileKind], set_aside: SetAside<'_, S::Error>) -> DiskResult<S, ()> {
        for kind in kinds {
            if self.disk.size(segment.file(*kind))?.is_some() {
                put_aside::<S>(segment.file(*kind), set_aside)?;
            }
        }
        Ok(())
    }

    /// Builds the indexes of a segment anew.
    fn build_indexes(&mut self, around: Around, codec: Option<&mut dyn Codec>, set_aside: SetAside<'_, S::Error>) -> DiskResult<S, ()> {
        let old = around.segment;
        self.put_all_aside(&old, &[FileKind::Index, FileKind::TimeIndex], set_aside)?;
        let mut new = Segment::new(old.base(), Timestamp(0));
        self.write_anew(around, &mut new, codec, false)?;
        self.place_indexes(&new)
    }

    /// Writes the sound batches of a segment, if asked to, and their indexes, under the names of unfinished work, and makes them durable.
    fn write_anew(&mut self, around: Around, new: &mut Segment, codec: Option<&mut dyn Codec>, with_batches: bool) -> DiskResult<S, ()> {
        for kind in [FileKind::Log, FileKind::Index, FileKind::TimeIndex] {
            self.disk.delete(cleaned(new, kind))?;
            if with_batches || kind != FileKind::Log {
                self.disk.write(cleaned(new, kind), 0, &[])?;
            }
        }
        let mut look = Look { batch: &mut self.batch, records: &mut self.records, codec, unopened: 0 };
        let mut pieces = Pieces::new(around.segment, around.next, around.limit);
        let mut run = Run { from: around.segment.file(FileKind::Log), to: cleaned(new, FileKind::Log), start: 0, size: 0, copied: 0 };
        while let Some(piece) = pieces.next(&mut self.disk, &mut look)? {
            let Piece::Sound { position, header } = piece else { continue };
            if with_batches {
                run.take(&mut self.disk, position, header.size())?;
            }
            let (offset, time) = new.take(Entry::of(&header), INDEX_INTERVAL);
            if let Some(entry) = offset {
                let position = u64::from(new.offset_entries - 1) * u64::from(index::OFFSET_ENTRY_SIZE);
                self.disk.write(cleaned(new, FileKind::Index), position, &[&entry.encode()])?;
            }
            write_time(&mut self.disk, new, time)?;
        }
        run.flush(&mut self.disk)?;
        let last = new.take_time();
        write_time(&mut self.disk, new, last)?;
        for kind in [FileKind::Log, FileKind::Index, FileKind::TimeIndex] {
            if with_batches || kind != FileKind::Log {
                self.disk.sync(cleaned(new, kind))?;
            }
        }
        self.disk.sync_names()
    }

    fn delete_indexes(&mut self, segment: &Segment) -> DiskResult<S, ()> {
        for kind in [FileKind::Index, FileKind::TimeIndex] {
            self.disk.delete(segment.file(kind))?;
        }
        self.disk.sync_names()
    }

    /// Puts new indexes into their place.
    fn place_indexes(&mut self, new: &Segment) -> DiskResult<S, ()> {
        for kind in [FileKind::Index, FileKind::TimeIndex] {
            self.disk.rename(cleaned(new, kind), new.file(kind))?;
        }
        self.disk.sync_names()
    }

    fn delete_cleaned(&mut self, new: &Segment) -> DiskResult<S, ()> {
        for kind in [FileKind::Log, FileKind::Index, FileKind::TimeIndex] {
            self.disk.delete(cleaned(new, kind))?;
        }
        self.disk.sync_names()
    }

    /// Brings the end of the log up to where it should be.
    fn raise_end(
        &mut self,
        limits: RepairLimits,
        codec: Option<&mut dyn Codec>,
        set_aside: SetAside<'_, S::Error>,
    ) -> Result<(), VerifyError<S::Error>> {
        if let Some(wanted) = limits.end.filter(|_| !limits.only_torn) {
            let end = self.verify(codec, &mut |_| {})?.end;
            self.fill(end, wanted, set_aside)?;
        }
        Ok(())
    }

    /// Adds a segment with a batch that stands for the offsets from `from` to before `to` and has no records.
    ///
    /// The name of an empty segment would do for the log, but whoever reads up to its end would wait there for records that do not come.
    /// A segment that begins at `from` already has no sound batch.
    fn fill(&mut self, from: Offset, to: Offset, set_aside: SetAside<'_, S::Error>) -> DiskResult<S, ()> {
        let last = to.0.checked_sub(from.0).and_then(|missing| i32::try_from(missing.checked_sub(1)?).ok());
        let Some(last_offset_delta) = last.filter(|last| *last >= 0) else { return Ok(()) };
        let new = Segment::new(from, Timestamp(0));
        self.put_all_aside(&new, &[FileKind::Log, FileKind::Index, FileKind::TimeIndex], set_aside)?;
        let batch = Header::empty(from, last_offset_delta);
        for (kind, bytes) in [(FileKind::Log, batch.as_bytes().as_slice()), (FileKind::Index, &[]), (FileKind::TimeIndex, &[])] {
            self.disk.delete(cleaned(&new, kind))?;
            self.disk.write(cleaned(&new, kind), 0, &[bytes])?;
            self.disk.sync(cleaned(&new, kind))?;
        }
        self.delete_indexes(&new)?;
        self.disk.rename(cleaned(&new, FileKind::Log), new.file(FileKind::Log))?;
        self.disk.sync_names()?;
        self.place_indexes(&new)
    }

    /// Removes snapshots that cannot be read, and writes the reigns of leaders anew.
    fn repair_singles(&mut self, codec: Option<&mut dyn Codec>, set_aside: SetAside<'_, S::Error>) -> Result<(), VerifyError<S::Error>> {
        let mut from = Offset(i64::MIN);
        while let Some(offset) = self.snapshot_from(from)? {
            if !snapshot::is_sound(&mut self.disk, offset)? {
                let file = FileName::live(FileKind::Snapshot, offset);
                put_aside::<S>(file, set_aside)?;
                self.disk.delete(file)?;
            }
            from = Offset(offset.0.saturating_add(1));
        }
        self.list_segments()?;
        if self.has_wrong_epochs()? {
            put_aside::<S>(FileName::EPOCHS, set_aside)?;
            self.rebuild_epochs(codec)?;
        }
        Ok(())
    }

    /// Learns from the batches where each reign began.
    fn rebuild_epochs(&mut self, mut codec: Option<&mut dyn Codec>) -> Result<(), VerifyError<S::Error>> {
        self.list_segments()?;
        self.epochs.cut_to(Offset(i64::MIN));
        let mut end = self.segments.first().copied().unwrap_or(Offset::ZERO);
        for at in 0..self.segments.len() {
            let Some(around) = self.around(at, end)? else { break };
            let codec = lend(&mut codec);
            let mut look = Look { batch: &mut self.batch, records: &mut self.records, codec, unopened: 0 };
            let mut pieces = Pieces::new(around.segment, around.next, around.limit);
            while let Some(piece) = pieces.next(&mut self.disk, &mut look)? {
                if let Piece::Sound { header, .. } = piece {
                    self.epochs.assign(header.leader_epoch(), header.base_offset());
                }
            }
            end = pieces.next_offset();
        }
        self.epochs.write(&mut self.disk)?;
        Ok(())
    }

    /// Makes all that is there survive a loss of power: whoever opens the log next may count on it.
    fn sync_everything(&mut self) -> Result<(), VerifyError<S::Error>> {
        self.list_segments()?;
        for at in 0..self.segments.len() {
            let Some(base) = self.segments.get(at).copied() else { break };
            for kind in [FileKind::Log, FileKind::Index, FileKind::TimeIndex, FileKind::TxnIndex] {
                self.disk.sync(FileName::live(kind, base))?;
            }
        }
        self.disk.sync(FileName::EPOCHS)?;
        Ok(self.disk.sync_names()?)
    }
}

/// Batches that lie behind one another and are copied in one go.
#[derive(Clone, Copy, Debug)]
struct Run {
    from: FileName,
    to: FileName,
    start: u32,
    size: u32,
    /// How much was copied before.
    copied: u64,
}

impl Run {
    fn take<S: SegmentStore>(&mut self, disk: &mut Disk<S>, position: u32, size: u32) -> DiskResult<S, ()> {
        if position != self.start + self.size {
            self.flush(disk)?;
            self.start = position;
        }
        self.size += size;
        Ok(())
    }

    fn flush<S: SegmentStore>(&mut self, disk: &mut Disk<S>) -> DiskResult<S, ()> {
        let mut buffer = [0u8; 4096];
        let mut at = u64::from(self.start);
        let end = at + u64::from(self.size);
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
            let bytes = disk.read(self.from, at, buffer.get_mut(..wanted).unwrap_or_default())?;
            if bytes.is_empty() {
                break;
            }
            let size = u64::try_from(bytes.len()).unwrap_or(0);
            disk.write(self.to, self.copied, &[bytes])?;
            self.copied += size;
            at += size;
        }
        self.start += self.size;
        self.size = 0;
        Ok(())
    }
}

fn write_time<S: SegmentStore>(disk: &mut Disk<S>, new: &Segment, entry: Option<index::TimeEntry>) -> DiskResult<S, ()> {
    let Some(entry) = entry else { return Ok(()) };
    let position = u64::from(new.time_entries - 1) * u64::from(index::TIME_ENTRY_SIZE);
    disk.write(cleaned(new, FileKind::TimeIndex), position, &[&entry.encode()])
}

const fn cleaned(segment: &Segment, kind: FileKind) -> FileName {
    segment.file(kind).in_state(FileState::Cleaned)
}

fn put_aside<S: SegmentStore>(file: FileName, set_aside: SetAside<'_, S::Error>) -> DiskResult<S, ()> {
    set_aside(file).map_err(|error| StoreError { doing: Doing::SetAside, file: Some(file), is_full: S::is_full(&error), error })
}
