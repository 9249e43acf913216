//! Opening a log: trusting what was closed in good order, and reading through what was not.

use crate::ids::Offset;
use crate::record::batch::Header;
use crate::record::layout::HEADER_SIZE;
use crate::record::marker::EndMarker;
use crate::record::records::Records;
use crate::store::file_name::{FileKind, FileName, FileState};
use crate::store::segment_store::SegmentStore;
use crate::time::Timestamp;

use super::config::LogConfig;
use super::disk::{Disk, DiskResult};
use super::epochs::Epochs;
use super::error::LogError;
use super::index::{self, OFFSET_ENTRY_SIZE, OffsetEntry, TIME_ENTRY_SIZE, TimeEntry};
use super::mark::{Mark, Marking};
use super::partition_log::{LogMemory, PartitionLog, Place};
use super::producers::Producers;
use super::scan::{CutReason, Damage, Rebuild, Rebuilt};
use super::segment::{Segment, TimestampOffset, Walk};
use super::snapshot;
use super::tier::manifest::{self, ManifestFlaw};
use super::tier::remote::{Knowledge, Remote};
use super::txn_index::{self, TXN_ENTRY_SIZE};
use super::watermarks::Watermarks;

/// What the runtime remembers of a log from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct OpenHints {
    /// Everything below was durable. Without it everything is read through.
    pub recovery_point: Option<Offset>,
    /// Where the log begins.
    pub log_start: Option<Offset>,
    /// Everything below was compacted.
    pub first_dirty: Option<Offset>,
    /// Whether it was closed in good order: then nothing is read through.
    pub clean: bool,
}

impl OpenHints {
    /// Whether nothing tells that anything of the log was ever on the disk, not even the name of its directory: whoever made it may have
    /// ended before. That is then to be synced with the first of its files.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        !self.clean && self.recovery_point.is_none_or(|point| point == Offset::ZERO)
    }
}

/// Where the end of a log was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// In which segment.
    pub segment: Offset,
    /// From which byte on.
    pub position: u32,
    /// How many bytes are gone, from here and from the segments behind.
    pub bytes: u64,
    /// How many whole segments behind it are gone.
    pub segments: u32,
    /// Why.
    pub reason: CutReason,
}

/// What opening has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RecoveryReport {
    /// How many segments were read through, or had their indexes built anew.
    pub segments_rebuilt: u32,
    /// How many batches were found there.
    pub batches: u64,
    /// How many bytes of those were read.
    pub bytes: u64,
    /// Where the log ends.
    pub end: Offset,
    /// What was cut off.
    pub cut: Option<Cut>,
    /// Files left over from work that was interrupted, now deleted.
    pub leftovers: u32,
    /// Whether the log was emptied because it ended before it should begin.
    pub emptied: bool,
    /// A batch inside the log that is damaged, if one was come across. What lies behind it is still there.
    pub damage: Option<Damage>,
    /// What is wrong with the copy of the manifest, if it cannot be read: the store has to tell.
    pub manifest: Option<ManifestFlaw>,
}

impl<'m, S: SegmentStore> PartitionLog<'m, S> {
    /// Opens the log that lies in `store`, or one that is still to come.
    ///
    /// After a clean close only the end is looked at. Else the segments from the recovery point on are read through, batch by batch;
    /// their indexes are built anew; at the first byte that is wrong the log ends, and what was found whole is made durable before
    /// anybody sees it.
    /// # Errors
    /// What [`LogError`] names.
    /// Source: `LogLoader`, `LogSegment.recover`.
    pub fn open(
        wall: Timestamp,
        store: S,
        memory: LogMemory<'m>,
        config: LogConfig,
        hints: OpenHints,
    ) -> Result<(Self, RecoveryReport), LogError<S::Error>> {
        let start = hints.log_start.unwrap_or(Offset::ZERO);
        let mut log = Self {
            disk: Disk { store },
            config,
            segments: memory.segments,
            producers: Producers::new(memory.producers, memory.ended, memory.hash_key),
            epochs: Epochs::new(memory.epochs),
            positions: memory.positions,
            next_position: 0,
            marks: Watermarks::empty_at(start),
            high_place: Place { segment: start, position: 0 },
            durable_end: start,
            names: 0,
            names_synced: 0,
            tickets_out: 0,
            cuts: 0,
            last_snapshot: None,
            synced_snapshot: None,
            marking: Marking::default(),
            first_dirty: hints.first_dirty.unwrap_or(Offset::ZERO),
            front: None,
            closed: None,
            remote: Remote::new(memory.remote),
        };
        log.segments.clear();
        log.positions.clear();
        let mut report = RecoveryReport::default();
        log.tidy(&mut report)?;
        log.list_segments(wall)?;
        log.delete_orphans(&mut report)?;
        let start = log.load_manifest(start, &mut report)?;
        if log.segments.is_empty() {
            // A snapshot without batches speaks of some that were lost, and would be believed of others that get their offsets.
            if log.last_snapshot.take().is_some() {
                log.delete_snapshots_above(Offset(i64::MIN))?;
                log.disk.sync_names()?;
            }
            // What lies in the store only keeps its offsets.
            let end = log.end_elsewhere(start, hints);
            log.marks = Watermarks::elsewhere(start, end);
            log.durable_end = log.marks.log_end();
            log.high_place = Place { segment: log.durable_end, position: 0 };
            log.configure_remote();
            report.end = log.marks.log_end();
            return Ok((log, report));
        }
        let (end, producers_known) = log.load_segments(wall, hints, &mut report)?;
        if !producers_known {
            log.producers.clear();
        }
        let begin = log.end_elsewhere(start, hints);
        log.set_out(wall, (start, begin), (end, producers_known), &mut report)?;
        log.synced_snapshot = log.last_snapshot.filter(|_| hints.clean);
        report.end = log.marks.log_end();
        Ok((log, report))
    }

    /// Learns what lies in the object store, from the copy of the manifest. Answers where the log begins, as far as it is told.
    fn load_manifest(&mut self, start: Offset, report: &mut RecoveryReport) -> DiskResult<S, Offset> {
        let read = manifest::read(&mut self.disk, &mut self.remote.segments)?;
        let start = match read {
            Some(Ok(head)) => {
                self.remote.knowledge = Knowledge::Known;
                self.remote.copied_end = head.copied_end;
                self.remote.generation = head.generation;
                start.max(head.log_start)
            }
            Some(Err(flaw)) => {
                report.manifest = Some(flaw);
                start
            }
            None => start,
        };
        if self.config.remote_storage && self.remote.knowledge == Knowledge::Off {
            self.remote.knowledge = Knowledge::Unknown;
        }
        Ok(start)
    }

    /// Below which no offset is given out, whatever lies on the disk: there are records in the store, or there were some here.
    ///
    /// A log that had records and has lost them all must not be taken for one that is new.
    fn end_elsewhere(&mut self, start: Offset, hints: OpenHints) -> Offset {
        let end = self.remote.copied_end.map_or(start, |copied| copied.max(start));
        let had = hints.recovery_point.unwrap_or(Offset::ZERO);
        self.remote.is_awaited = self.remote.knowledge == Knowledge::Unknown && self.size_bytes() == 0 && had > Offset::ZERO;
        if self.remote.is_awaited { end.max(had) } else { end }
    }

    /// Where the log begins, given its first segment on the disk: what lies before may lie in the store.
    fn start_before(&self, start: Offset, first: Offset) -> Offset {
        match self.remote.knowledge {
            Knowledge::Off => start.max(first),
            Knowledge::Unknown => start,
            Knowledge::Known => start.max(self.remote.segments.first().map_or(first, |remote| remote.base.min(first))),
        }
    }

    /// Deletes what interrupted work has left, and puts what a compaction has finished into its place.
    fn tidy(&mut self, report: &mut RecoveryReport) -> DiskResult<S, ()> {
        let is_left_over = |file: FileName| matches!(file.state, FileState::Deleted | FileState::Cleaned | FileState::Temporary);
        self.delete_each(report, is_left_over)?;
        while let Some(batches) = self.first_file(|file| file.state == FileState::Swap && file.kind == FileKind::Log)? {
            self.end_exchange(batches)?;
        }
        // Indexes are made ready before their batches: without them nothing was decided.
        self.delete_each(report, |file| file.state == FileState::Swap)
    }

    /// Puts a compacted segment in the place of those that it stands for. As long as the batches wait, all of it can be done again.
    fn end_exchange(&mut self, batches: FileName) -> DiskResult<S, ()> {
        self.clear_the_place_of(batches)?;
        while let Some(index) =
            self.first_file(|file| file.state == FileState::Swap && file.kind != FileKind::Log && file.base == batches.base)?
        {
            self.disk.rename(index, index.in_state(FileState::Live))?;
        }
        // Were the batches to take their place first, what is cleared away could come back beside them.
        self.disk.sync_names()?;
        self.disk.rename(batches, batches.in_state(FileState::Live))
    }

    fn first_file(&mut self, is_it: impl Fn(FileName) -> bool) -> DiskResult<S, Option<FileName>> {
        let mut found = None;
        self.disk.list(&mut |file| found = found.or(Some(file).filter(|file| is_it(*file))))?;
        Ok(found)
    }

    fn delete_each(&mut self, report: &mut RecoveryReport, is_doomed: impl Fn(FileName) -> bool) -> DiskResult<S, ()> {
        while let Some(file) = self.first_file(&is_doomed)? {
            self.disk.delete(file)?;
            report.leftovers += 1;
        }
        Ok(())
    }

    /// Deletes the segments that a compacted one stands for: all that begin inside of it.
    fn clear_the_place_of(&mut self, swap: FileName) -> DiskResult<S, ()> {
        let size = self.disk.size(swap)?.unwrap_or(0);
        let mut position = 0u64;
        let mut end = swap.base;
        let mut bytes = [0; HEADER_SIZE];
        while position < size {
            let Some(header) = Header::peek(self.disk.read(swap, position, &mut bytes)?) else {
                break;
            };
            if header.check().is_err() {
                break;
            }
            end = header.next_offset();
            position += u64::from(header.size());
        }
        loop {
            let mut inside = None;
            self.disk.list(&mut |file| {
                let replaced = matches!(file.kind, FileKind::Log | FileKind::Index | FileKind::TimeIndex | FileKind::TxnIndex);
                if replaced && file.state == FileState::Live && file.base > swap.base && file.base < end {
                    inside = Some(file);
                }
            })?;
            match inside {
                Some(file) => self.disk.delete(file)?,
                None => return Ok(()),
            }
        }
    }

    /// Deletes indexes without batches: a segment that begins there later must not inherit them.
    fn delete_orphans(&mut self, report: &mut RecoveryReport) -> DiskResult<S, ()> {
        loop {
            let mut orphan = None;
            let segments = &self.segments;
            self.disk.list(&mut |file| {
                let is_index = matches!(file.kind, FileKind::Index | FileKind::TimeIndex | FileKind::TxnIndex);
                if is_index && file.state == FileState::Live && segments.binary_search_by_key(&file.base, |segment| segment.base).is_err() {
                    orphan = Some(file);
                }
            })?;
            let Some(file) = orphan else { return Ok(()) };
            self.disk.delete(file)?;
            report.leftovers += 1;
        }
    }

    /// Learns which segments and which snapshots there are, oldest first.
    fn list_segments(&mut self, wall: Timestamp) -> Result<(), LogError<S::Error>> {
        let segments = &mut self.segments;
        let mut last_snapshot = None;
        let mut fits = true;
        self.disk.list(&mut |file| {
            if file.state != FileState::Live {
                return;
            }
            if file.kind == FileKind::Snapshot {
                last_snapshot = last_snapshot.max(Some(file.base));
            }
            if file.kind == FileKind::Log {
                let at = segments.partition_point(|segment: &Segment| segment.base < file.base);
                fits &= segments.insert(at, Segment::new(file.base, wall)).is_ok();
            }
        })?;
        self.last_snapshot = last_snapshot;
        if !fits {
            return Err(LogError::TooManySegments { limit: self.segments.capacity() });
        }
        Ok(())
    }

    /// Loads or reads through every segment. Answers the end of the log, and whether the producers are known as of there.
    fn load_segments(
        &mut self,
        wall: Timestamp,
        hints: OpenHints,
        report: &mut RecoveryReport,
    ) -> Result<(Offset, bool), LogError<S::Error>> {
        let known_epochs = self.epochs.read(&mut self.disk)?;
        let mark = self.find_mark()?.filter(|_| !hints.clean);
        let recovery_point = hints.recovery_point.max(mark.map(|mark| mark.end()));
        let trusted_below = match (hints.clean, recovery_point) {
            (true, _) => Offset(i64::MAX),
            (false, Some(point)) => point,
            (false, None) => Offset(i64::MIN),
        };
        let durable_below = if hints.clean { Some(Offset(i64::MAX)) } else { recovery_point };
        let mut end = self.segments.first().map_or(Offset::ZERO, |first| first.base);
        let mut producers_known = false;
        let mut was_read = false;
        let mut at = 0;
        while let Some(segment) = self.segments.get(at).copied() {
            let size = self.disk.size(segment.file(FileKind::Log))?.unwrap_or(0);
            let next = self.segments.get(at + 1).map(|next| next.base);
            if segment.base < end {
                self.drop_from(at, end, CutReason::Overlap, report)?;
                break;
            }
            // A segment is trusted when the point lies inside a later one. At its very end is not enough: the point may have been
            // reached before the segment was done, when its indexes were not synced yet.
            let trusted = hints.clean || next.is_some_and(|next| next < trusted_below);
            let mut loaded = None;
            if trusted && known_epochs && u32::try_from(size).is_ok_and(|size| size <= i32::MAX.cast_unsigned()) {
                loaded = self.load_segment(wall, segment.base, size, next)?;
            }
            let reason = if let Some((loaded, loaded_end)) = loaded {
                self.put_segment(at, loaded);
                end = loaded_end;
                (producers_known, was_read) = (false, false);
                None
            } else {
                // What comes before a mark need not be read, unless it must be known what reigns there were.
                let mut from = mark.filter(|mark| mark.base() == segment.base && known_epochs && !producers_known);
                if let Some(mark) = from
                    && !self.restore_producers(&mark)?
                {
                    from = None;
                }
                if from.is_some() {
                    producers_known = true;
                } else if !producers_known && (at == 0 || !was_read) {
                    let damage = self.load_producers(segment.base)?;
                    report.damage = report.damage.or(damage);
                    // Without a snapshot they are known where nothing lies before. Where the first is damaged a later one has to do: they
                    // were remembered by batches that are gone.
                    producers_known = segment.base == Offset::ZERO || self.last_snapshot.is_some();
                } else if !producers_known && snapshot::is_sound(&mut self.disk, segment.base)? {
                    producers_known = snapshot::read(&mut self.disk, segment.base, &mut self.producers)?;
                    self.last_snapshot = producers_known.then_some(segment.base);
                }
                was_read = true;
                let cut;
                (cut, end) = self.read_through(wall, at, size, (from, durable_below), report)?;
                // A gap behind what was durable is a loss, unless the log was compacted there. Compaction here leaves none between segments;
                // Kafka's does, not only below the recovery point, and writes down how far it came.
                let gaps_below = recovery_point.max(hints.first_dirty);
                let lost = next.filter(|next| *next > end && !hints.clean && Some(*next) > gaps_below);
                let reason = cut.or_else(|| lost.map(|found| CutReason::Gap { expected: end, found }));
                // What the next segment holds was on the disk: it is not given up for what this one lacks. Nor is it where this one lacks
                // what was on the disk: that is damage, and not where the power failed.
                reason.filter(|_| next.is_none_or(|next| durable_below.is_none_or(|durable| next >= durable && end >= durable)))
            };
            at += 1;
            if let Some(reason) = reason {
                self.drop_from(at, end, reason, report)?;
                break;
            }
        }
        self.epochs.cut_to(end);
        Ok((end, producers_known))
    }

    fn put_segment(&mut self, at: usize, segment: Segment) {
        if let Some(place) = self.segments.get_mut(at) {
            *place = segment;
        }
    }

    /// Reads one segment through, from the mark on if one lies in it. Answers why it was cut, if it was, and where the log now ends.
    fn read_through(
        &mut self,
        wall: Timestamp,
        at: usize,
        size: u64,
        (mark, durable_below): (Option<Mark>, Option<Offset>),
        report: &mut RecoveryReport,
    ) -> DiskResult<S, (Option<CutReason>, Offset)> {
        let Some(mut old) = self.segments.get(at).copied() else {
            return Ok((None, Offset::ZERO));
        };
        old.size = u32::try_from(size).unwrap_or(u32::MAX).min(i32::MAX.cast_unsigned());
        let interval = self.config.index_interval_bytes;
        let how = Rebuild { stop_at: None, verify: true, durable_below, interval };
        let epochs = &mut self.epochs;
        let mut end = mark.map_or(old.base, |mark| mark.end());
        epochs.cut_to(end);
        let start = mark.map_or_else(|| Segment::new(old.base, wall), |mark| mark.segment(wall));
        let mut known_durable = start.size;
        let mut rebuilt = rebuild(how, (start, end), &mut self.disk, &mut self.producers, old.size, &mut |header| {
            end = header.next_offset();
            epochs.assign(header.leader_epoch(), header.base_offset());
            if durable_below.is_some_and(|durable| end <= durable) {
                known_durable += header.size();
            }
        })?;
        let segment = &mut rebuilt.segment;
        report.segments_rebuilt += 1;
        report.damage = report.damage.or(rebuilt.damage);
        report.batches += rebuilt.batches;
        report.bytes += u64::from(segment.size - start.size);
        if let Some(reason) = rebuilt.reason {
            report.cut =
                Some(Cut { segment: segment.base, position: segment.size, bytes: size - u64::from(segment.size), segments: 0, reason });
        }
        segment.cut_back(&mut self.disk)?;
        let is_active = at + 1 == self.segments.len();
        if !is_active || rebuilt.reason.is_some() {
            segment.complete(&mut self.disk)?;
        }
        // What was found may be in the cache of the system only: nobody may see it before it is safe. And a sync that failed may have
        // left it there for good, taken for written: only what is written again is written by the next sync.
        rewrite(&mut self.disk, segment, known_durable)?;
        for kind in [FileKind::Log, FileKind::Index, FileKind::TimeIndex, FileKind::TxnIndex] {
            self.disk.sync(segment.file(kind))?;
        }
        segment.synced = segment.size;
        segment.indexes_synced = true;
        let segment = *segment;
        self.put_segment(at, segment);
        Ok((rebuilt.reason, end))
    }

    /// Deletes the segments from number `at` on, last one first.
    fn drop_from(&mut self, at: usize, end: Offset, reason: CutReason, report: &mut RecoveryReport) -> DiskResult<S, ()> {
        let cut = report.cut.get_or_insert(Cut { segment: end, position: 0, bytes: 0, segments: 0, reason });
        while self.segments.len() > at {
            let Some(last) = self.segments.pop() else { break };
            cut.segments += 1;
            cut.bytes += self.disk.size(last.file(FileKind::Log))?.unwrap_or(0);
            for kind in [FileKind::Log, FileKind::Index, FileKind::TimeIndex, FileKind::TxnIndex] {
                self.disk.delete(last.file(kind))?;
            }
        }
        Ok(())
    }

    /// Loads what is known of a segment from its indexes and its end. `None` when they do not fit together.
    fn load_segment(&mut self, wall: Timestamp, base: Offset, size: u64, next: Option<Offset>) -> DiskResult<S, Option<(Segment, Offset)>> {
        let disk = &mut self.disk;
        let mut segment = Segment::new(base, wall);
        segment.size = u32::try_from(size).unwrap_or(0);
        segment.synced = segment.size;
        let offsets = disk.size(segment.file(FileKind::Index))?.unwrap_or(0);
        let times = disk.size(segment.file(FileKind::TimeIndex))?.unwrap_or(0);
        let aborted = disk.size(segment.file(FileKind::TxnIndex))?.unwrap_or(0);
        let (Ok(offsets), Ok(times), Ok(aborted)) = (u32::try_from(offsets), u32::try_from(times), u32::try_from(aborted)) else {
            return Ok(None);
        };
        if offsets % OFFSET_ENTRY_SIZE != 0 || times % TIME_ENTRY_SIZE != 0 || aborted % TXN_ENTRY_SIZE != 0 {
            return Ok(None);
        }
        segment.txn_entries = aborted / TXN_ENTRY_SIZE;
        segment.offset_entries = offsets / OFFSET_ENTRY_SIZE;
        segment.time_entries = times / TIME_ENTRY_SIZE;
        if let Some(last) = segment.offset_entries.checked_sub(1) {
            match index::entry::<OffsetEntry, S>(disk, base, last)? {
                Some(entry) if entry.relative > 0 && entry.position < segment.size => segment.last_entry_position = entry.position,
                _ => return Ok(None),
            }
        } else if size > u64::from(self.config.index_interval_bytes) + u64::from(self.config.max_message_bytes) * 2 {
            // So much without a single entry: the index is lost.
            return Ok(None);
        }
        if let Some(last) = segment.time_entries.checked_sub(1) {
            match index::entry::<TimeEntry, S>(disk, base, last)? {
                Some(entry) if entry.timestamp.0 >= 0 => {
                    segment.last_entry_time = entry.timestamp.0;
                    segment.max_timestamp =
                        Some(TimestampOffset { timestamp: entry.timestamp, offset: Offset(base.0.saturating_add(entry.relative.into())) });
                }
                _ => return Ok(None),
            }
        }
        if let Some(next) = next {
            return Ok(Some((segment, next)));
        }
        // The last segment: its end is the end of the log.
        let mut end = base;
        let mut walk = Walk::new(&segment, segment.last_entry_position, segment.size);
        while let Some((_, header)) = walk.next(disk)? {
            end = header.next_offset();
        }
        let whole = walk.position() == segment.size && (segment.size > 0 || end == base);
        Ok(whole.then_some((segment, end)))
    }

    /// Sets watermarks, epochs and producers when the segments are known.
    fn set_out(
        &mut self,
        wall: Timestamp,
        (start, begin): (Offset, Offset),
        (end, producers_known): (Offset, bool),
        report: &mut RecoveryReport,
    ) -> Result<(), LogError<S::Error>> {
        self.delete_snapshots_above(end)?;
        if end < begin {
            // The log ends before it should begin, or before what lies in the store does: all of it was deleted once, or lost.
            report.emptied = true;
            self.drop_from(0, begin, CutReason::Behind, report)?;
            self.epochs.cut_to(if begin > start { begin } else { Offset(i64::MIN) });
            self.marks = Watermarks::elsewhere(start, begin);
            self.last_snapshot = None;
            self.producers.clear();
            self.begin_segment(wall)?;
            self.create_active()?;
        } else {
            let first = self.segments.first().map_or(end, |first| first.base);
            self.marks = Watermarks::empty_at(self.start_before(start, first));
            self.marks.extend_to(end);
            if !producers_known {
                let damage = self.load_producers(end)?;
                report.damage = report.damage.or(damage);
            }
            self.delete_stray_snapshots()?;
        }
        if self.segments.is_empty() {
            self.begin_segment(wall)?;
            self.create_active()?;
        }
        self.epochs.start_at(self.marks.log_start());
        self.configure_remote();
        if report.segments_rebuilt > 0 || report.cut.is_some() {
            match self.write_epochs() {
                Ok(()) => {}
                // A full disk must not keep the log from being read, and emptied: the reigns are written by the next roll.
                Err(error) if error.is_full => self.disk.delete(FileName::EPOCHS.in_state(FileState::Temporary))?,
                Err(error) => return Err(error.into()),
            }
            self.disk.sync_names()?;
            self.names_synced = self.names;
        }
        self.durable_end = self.marks.log_end();
        self.high_place = self.end_place();
        self.commit_to(self.durable_end);
        Ok(())
    }

    /// Knows the producers as of `end`: from the latest sound snapshot and the batches behind it.
    ///
    /// Answers the first place where a batch should be and none is: producers behind it in that segment are not known.
    pub(super) fn load_producers(&mut self, end: Offset) -> DiskResult<S, Option<Damage>> {
        let mut damage = None;
        let mut bound = Some(end);
        let mut from = self.segments.first().map_or(end, |first| first.base);
        self.last_snapshot = None;
        self.producers.clear();
        while let Some(at_most) = bound {
            let mut latest = None;
            self.disk.list(&mut |file| {
                if file.kind == FileKind::Snapshot && file.state == FileState::Live && file.base <= at_most {
                    latest = latest.max(Some(file.base));
                }
            })?;
            let Some(offset) = latest.filter(|offset| *offset >= from) else {
                break;
            };
            if snapshot::read(&mut self.disk, offset, &mut self.producers)? {
                self.last_snapshot = Some(offset);
                from = offset;
                break;
            }
            bound = offset.checked_add(-1);
        }
        let first = self.segments.partition_point(|segment| segment.base <= from).saturating_sub(1);
        let behind = if from < end { first..self.segments.len() } else { 0..0 };
        for at in behind {
            let Some(segment) = self.segments.get(at).copied().filter(|segment| segment.base < end) else { break };
            let position = segment.floor(&mut self.disk, from)?;
            let mut walk = Walk::new(&segment, position, segment.size);
            while let Some((position, header)) = walk.next(&mut self.disk)? {
                if header.base_offset() >= from && header.producer().is_some() {
                    let marker = marker_at(&mut self.disk, &segment, position, &header)?;
                    self.producers.apply(&header, marker);
                }
            }
            if walk.position() < segment.size && damage.is_none() {
                damage = Some(Damage { segment: segment.base, position: walk.position() });
            }
        }
        Ok(damage)
    }
}

/// Reads a segment through, writes its indexes anew, and learns what its batches say of the producers: from `start` on, where the next
/// offset is `next` and as of where the producers must be known. Its file has `size` bytes.
pub(super) fn rebuild<S: SegmentStore>(
    how: Rebuild,
    (start, next): (Segment, Offset),
    disk: &mut Disk<S>,
    producers: &mut Producers<'_>,
    size: u32,
    each: &mut dyn FnMut(&Header),
) -> DiskResult<S, Rebuilt> {
    how.run((start, next), disk, size, &mut |disk, segment, position, header| {
        if header.producer().is_some() {
            let marker = marker_at(disk, segment, position, header)?;
            if let Some(aborted) = producers.aborted_by(header, marker) {
                txn_index::append(disk, segment, &aborted)?;
            }
            producers.apply(header, marker);
        }
        each(header);
        Ok(())
    })
}

/// Writes what lies in a segment from `from` on once more, as it is.
fn rewrite<S: SegmentStore>(disk: &mut Disk<S>, segment: &Segment, from: u32) -> DiskResult<S, ()> {
    let mut buffer = [0u8; 4096];
    let file = segment.file(FileKind::Log);
    let (mut at, end) = (u64::from(from), u64::from(segment.size));
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let bytes = disk.read(file, at, buffer.get_mut(..wanted).unwrap_or_default())?;
        if bytes.is_empty() {
            break;
        }
        let size = u64::try_from(bytes.len()).unwrap_or(0);
        disk.write(file, at, &[bytes])?;
        at += size;
    }
    Ok(())
}

/// The end of a transaction that a control batch on the disk holds.
fn marker_at<S: SegmentStore>(disk: &mut Disk<S>, segment: &Segment, position: u32, header: &Header) -> DiskResult<S, Option<EndMarker>> {
    if !header.is_control() {
        return Ok(None);
    }
    // A control record is some twenty bytes; headers that somebody may have added do not matter.
    let mut buffer = [0u8; 192];
    let body = u64::from(position) + u64::try_from(HEADER_SIZE).unwrap_or(0);
    let wanted = usize::try_from(header.size()).unwrap_or(usize::MAX).saturating_sub(HEADER_SIZE).min(buffer.len());
    let bytes = disk.read(segment.file(FileKind::Log), body, buffer.get_mut(..wanted).unwrap_or_default())?;
    let first = Records::new(bytes, 1).next();
    Ok(first.and_then(Result::ok).and_then(|record| EndMarker::read(&record)))
}
