//! Letting go of records: at the front by age, size or order, at the end by a leader's word.

use crate::ids::Offset;
use crate::store::file_name::{FileKind, FileName};
use crate::store::segment_store::SegmentStore;
use crate::time::{Millis, Timestamp};

use super::disk::{Disk, DiskResult};
use super::error::{Closed, LogError, ReadError};
use super::partition_log::PartitionLog;
use super::recover::rebuild;
use super::scan::Rebuild;
use super::segment::Segment;
use super::snapshot;
use super::watermarks::Watermarks;

/// What retention has deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Retained {
    /// How many segments.
    pub segments: u32,
    /// Their size. Unit: bytes.
    pub bytes: u64,
}

const SEGMENT_KINDS: [FileKind; 5] = [FileKind::Log, FileKind::Index, FileKind::TimeIndex, FileKind::TxnIndex, FileKind::Snapshot];

impl<S: SegmentStore> PartitionLog<'_, S> {
    /// Deletes the oldest segments that are too old, too much, or below the start of the log; and forgets producers that expired.
    ///
    /// Never a record that is not safe yet; and of a log that is tiered none that does not lie in the store, unless it lies below the start
    /// of the log: a store that is away delays deletion. The active segment of such a log is ended, so that it can be copied. Another's goes
    /// only for its age or size, and leaves an empty one behind, so that offsets go on. Records without timestamps count from when their segment was begun or opened.
    /// # Errors
    /// What [`LogError`] names; what was deleted until then is deleted.
    /// Source: `UnifiedLog.deleteOldSegments`.
    pub fn retain(&mut self, wall: Timestamp) -> Result<Retained, LogError<S::Error>> {
        self.delete_front(wall, self.config.delete)
    }

    /// Deletes the segments below the start of the log, and no others, whatever its settings say: what a machine is loaded from goes by what
    /// the machine needs.
    /// # Errors
    /// As [`PartitionLog::retain`].
    pub fn retain_from_start(&mut self, wall: Timestamp) -> Result<Retained, LogError<S::Error>> {
        self.delete_front(wall, false)
    }

    fn delete_front(&mut self, wall: Timestamp, by_rules: bool) -> Result<Retained, LogError<S::Error>> {
        self.alive()?;
        self.expire_producers(wall);
        let mut retained = Retained::default();
        let tiers = self.config.tiers();
        self.retain_remote(wall);
        let mut total = self.size_bytes();
        while let Some(oldest) = self.segments.first().copied() {
            let next = self.segments.get(1).map(|next| next.base);
            let end = next.unwrap_or_else(|| self.marks.log_end());
            let below_start = next.is_some_and(|next| next <= self.marks.log_start());
            let doomed = below_start || (by_rules && (self.is_too_old(wall, &oldest) || self.is_too_much(total, &oldest)));
            if !doomed || end > self.marks.high_watermark() {
                break;
            }
            if next.is_none() && oldest.size == 0 {
                break;
            }
            if tiers && next.is_none() {
                // It is copied first. Source: `UnifiedLog.deletableSegments`.
                self.roll(wall)?;
                break;
            }
            if tiers && !below_start && self.remote.safe_below().is_none_or(|safe| end > safe) {
                break;
            }
            if next.is_none() {
                self.begin_segment(wall)?;
                self.create_active()?;
            }
            if !self.secure_the_front(end)? {
                break;
            }
            self.segments.remove(0);
            self.forget_positions();
            retained.segments += 1;
            retained.bytes += u64::from(oldest.size);
            total -= u64::from(oldest.size);
            if !tiers {
                self.start_at(end);
            }
            // Its batches go now, and what belongs to them once that is safe: were they back after a loss of power, and the index of what was
            // aborted among them gone, they would be taken for committed.
            self.front = Some(oldest);
            self.disk.delete(oldest.file(FileKind::Log))?;
            if next.is_none() {
                let place = self.end_place();
                self.high_place = place;
                break;
            }
        }
        Ok(retained)
    }

    /// Makes sure that what lies before `end` can go. Answers whether it can now.
    ///
    /// Producers are remembered by the batches that are about to go, or by a snapshot: the one at `end`, where recovery would begin to
    /// read, must be durable first. Where that one is missing one behind it must do.
    /// And were this segment's name lost and an older one's back, recovery would find a gap, and cut the log there.
    fn secure_the_front(&mut self, end: Offset) -> DiskResult<S, bool> {
        let safe = self.marks.high_watermark();
        let at_end = FileName::live(FileKind::Snapshot, end);
        if self.last_snapshot != Some(end) && snapshot::is_sound(&mut self.disk, end)? {
            self.sync_now(at_end)?;
        } else {
            if !self.last_snapshot.is_some_and(|snapshot| snapshot >= end && snapshot <= safe) {
                if self.marks.log_end() > safe {
                    return Ok(false);
                }
                match self.write_snapshot(self.marks.log_end()) {
                    // A full disk is what deletion is for: then late retries of old producers are taken for new.
                    Err(error) if error.is_full => {}
                    written => written?,
                }
            }
            self.sync_snapshot()?;
        }
        if self.front.is_some() || self.names != self.names_synced {
            self.sync_names_now()?;
            self.delete_behind_the_front()?;
        }
        Ok(true)
    }

    /// Deletes what belonged to the batches of the segment that went last: it is safe that these are gone.
    pub(super) fn delete_behind_the_front(&mut self) -> DiskResult<S, ()> {
        self.front.take().map_or(Ok(()), |gone| self.delete_files(&gone))
    }

    /// Moves the start of the log over segments in the store that are too old or too much: they are deleted there later. What lies on the
    /// disk only counts too. Source: `RemoteLogManager.RLMExpirationTask`.
    fn retain_remote(&mut self, wall: Timestamp) {
        if !self.config.remote_storage || !self.config.delete {
            return;
        }
        let uncopied = self.segments.iter().filter(|segment| self.remote.copied_end.is_none_or(|copied| segment.base >= copied));
        let mut total: u64 = uncopied.map(|segment| u64::from(segment.size)).sum();
        let copied = self.remote.all_behind(self.marks.log_start());
        total += copied.iter().map(|segment| u64::from(segment.size)).sum::<u64>();
        let mut start = None;
        for segment in copied {
            let without = total.saturating_sub(segment.size.into());
            let is_too_much = self.config.retention_bytes.is_some_and(|max| segment.size > 0 && without >= max);
            if !is_too_much && !is_over(wall, segment.largest_timestamp, self.config.retention_ms) {
                break;
            }
            total = without;
            start = Some(segment.end);
        }
        if let Some(start) = start {
            self.start_at(start);
        }
    }

    fn is_too_old(&self, wall: Timestamp, segment: &Segment) -> bool {
        let total = self.config.retention_ms;
        let max = if self.config.tiers() { self.config.local_retention_ms.or(total) } else { total };
        segment.size > 0 && is_over(wall, segment.largest_timestamp(), max)
    }

    fn is_too_much(&self, local: u64, segment: &Segment) -> bool {
        let without = local.saturating_sub(segment.size.into());
        let total = self.config.retention_bytes;
        let max = if self.config.tiers() { self.config.local_retention_bytes.or(total) } else { total };
        max.is_some_and(|max| segment.size > 0 && without >= max)
    }

    pub(super) fn start_at(&mut self, log_start: Offset) {
        self.marks.start_at(log_start);
        let log_start = self.marks.log_start();
        self.epochs.start_at(log_start);
    }

    /// Deletes a segment. Where transactions were aborted in it, its batches are gone for good before that is forgotten: were they to come
    /// back after a loss of power, they would be shown as committed.
    pub(super) fn delete_segment(&mut self, segment: &Segment) -> DiskResult<S, ()> {
        if segment.txn_entries > 0 {
            self.disk.delete(segment.file(FileKind::Log))?;
            self.sync_names_now()?;
        }
        self.delete_files(segment)
    }

    /// Deletes the files of a segment, its batches first: what is left after a crash is then seen to belong to nothing.
    pub(super) fn delete_files(&mut self, segment: &Segment) -> DiskResult<S, ()> {
        for kind in SEGMENT_KINDS {
            let file = segment.file(kind);
            if kind == FileKind::Snapshot && self.last_snapshot == Some(segment.base) && segment.base >= self.marks.log_start() {
                continue;
            }
            self.disk.delete(file)?;
        }
        Ok(())
    }

    /// Moves the start of the log up to `upto`; segments below it are deleted by the next [`PartitionLog::retain`].
    ///
    /// An offset at or below the start changes nothing. Answers the offsets afterwards.
    /// # Errors
    /// [`LogError::OutOfRange`] past the high watermark.
    /// Source: KIP-107.
    pub fn delete_records(&mut self, upto: Offset) -> Result<Watermarks, LogError<S::Error>> {
        self.alive()?;
        if upto > self.marks.high_watermark() {
            return Err(LogError::OutOfRange { offset: upto, log_start: self.marks.log_start(), end: self.marks.high_watermark() });
        }
        self.start_at(upto);
        Ok(self.marks)
    }

    /// Cuts the end of the log back to `offset`, or to the start of the batch that holds it.
    ///
    /// An offset at or past the end changes nothing; one below the start empties the log, which then begins at `offset`.
    /// # Errors
    /// What [`LogError`] names; a failure half-way closes the log.
    /// Source: `UnifiedLog.truncateTo`.
    pub fn truncate_to(&mut self, wall: Timestamp, offset: Offset) -> Result<Watermarks, LogError<S::Error>> {
        self.alive()?;
        if offset >= self.marks.log_end() {
            return Ok(self.marks);
        }
        let cut = self.cut_end(wall, offset);
        if cut.is_err() {
            self.closed = Some(Closed::StorageFailed);
        }
        cut
    }

    fn cut_end(&mut self, wall: Timestamp, offset: Offset) -> Result<Watermarks, LogError<S::Error>> {
        let log_start = self.marks.log_start();
        self.cuts = self.cuts.wrapping_add(1);
        self.forget_positions();
        self.drop_marks()?;
        // From the end backwards: a crash in between leaves a log that is merely longer.
        while let Some(last) = self.segments.last().copied() {
            if last.base < offset && offset > log_start {
                break;
            }
            self.segments.pop();
            self.last_snapshot = self.last_snapshot.filter(|snapshot| *snapshot < last.base);
            self.delete_segment(&last)?;
        }
        let mut end = offset;
        if let Some(last) = self.segments.last().copied() {
            let how = Rebuild { stop_at: Some(offset), verify: false, durable_below: None, interval: self.config.index_interval_bytes };
            self.load_producers(last.base)?;
            let start = (Segment::new(last.base, wall), last.base);
            let mut rebuilt =
                rebuild(how, start, &mut self.disk, &mut self.producers, last.size, &mut |header| end = header.next_offset())?;
            rebuilt.segment.synced = last.synced.min(rebuilt.segment.size);
            rebuilt.segment.indexes_synced = false;
            end = if rebuilt.segment.size == 0 { last.base } else { end };
            if let Some(kept) = self.segments.last_mut() {
                *kept = rebuilt.segment;
            }
            rebuilt.segment.cut_back(&mut self.disk)?;
            self.disk.sync(last.file(FileKind::Log))?;
        }
        self.marks.cut_to(end);
        if self.segments.is_empty() {
            self.marks = Watermarks::empty_at(end);
        }
        self.durable_end = self.durable_end.min(end);
        self.first_dirty = self.first_dirty.min(end);
        self.high_place = self.place_of_high()?;
        self.cut_remote(end);
        self.epochs.cut_to(end);
        self.write_epochs()?;
        self.delete_snapshots_above(end)?;
        self.load_producers(end)?;
        if self.segments.is_empty() {
            self.begin_segment(wall)?;
            self.create_active()?;
        }
        self.disk.sync_names()?;
        self.names_synced = self.names;
        let high_watermark = self.marks.high_watermark();
        self.commit_to(high_watermark);
        Ok(self.marks)
    }

    fn place_of_high(&mut self) -> Result<super::partition_log::Place, LogError<S::Error>> {
        let high = self.marks.high_watermark();
        if high < self.marks.log_end() {
            match self.place_of(high) {
                Ok(Some((place, _))) => return Ok(place),
                Ok(None) => {}
                Err(ReadError::Store(error)) => return Err(error.into()),
                // What lies there cannot be read: nothing behind it may be seen either.
                Err(_) => return Err(LogError::Closed(Closed::StorageFailed)),
            }
        }
        Ok(self.end_place())
    }

    /// Deletes snapshots that speak of records which are no longer there.
    pub(super) fn delete_snapshots_above(&mut self, end: Offset) -> DiskResult<S, ()> {
        delete_snapshots(&mut self.disk, |offset| offset > end)
    }

    /// Deletes snapshots that nobody would ever ask for.
    pub(super) fn delete_stray_snapshots(&mut self) -> DiskResult<S, ()> {
        let (segments, last, marking) = (&self.segments, self.last_snapshot, self.marking);
        let begins = |offset| segments.binary_search_by_key(&offset, |segment: &Segment| segment.base).is_ok();
        delete_snapshots(&mut self.disk, |offset| Some(offset) != last && !begins(offset) && !marking.needs(offset))
    }
}

/// Whether records of this time are older than they may become.
fn is_over(wall: Timestamp, largest: Timestamp, max: Option<Millis>) -> bool {
    let age = wall.0.saturating_sub(largest.0);
    max.is_some_and(|max| u64::try_from(age).unwrap_or(0) > max.0)
}

fn delete_snapshots<S: SegmentStore>(disk: &mut Disk<S>, doomed: impl Fn(Offset) -> bool) -> DiskResult<S, ()> {
    loop {
        let mut found = None;
        disk.list(&mut |file| {
            if file.kind == FileKind::Snapshot && doomed(file.base) {
                found = Some(file);
            }
        })?;
        let Some(file) = found else { return Ok(()) };
        disk.delete(FileName { ..file })?;
    }
}
