//! The log of one partition.

use core::fmt;

use crate::bounded::list::List;
use crate::bounded::table::{HashKey, Table};
use crate::ids::{LeaderEpoch, Offset};
use crate::record::validate::CheckedBatch;
use crate::store::file_name::FileKind;
use crate::store::segment_store::SegmentStore;
use crate::time::Timestamp;

use super::config::LogConfig;
use super::disk::{Disk, DiskResult};
use super::epochs::{EpochEnd, EpochStart, Epochs};
use super::error::{AppendError, Closed, LogError};
use super::mark::{LastBatch, Marking};
use super::producers::{BatchMemory, EndedTransaction, Producer, Producers, Verdict};
use super::reading::Position;
use super::segment::{Entry, Segment};
use super::snapshot;
use super::tier::remote::{Remote, RemoteSegment};
use super::txn_index::{self, AbortedTransaction};
use super::watermarks::Watermarks;

/// How much of everything a log may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Segments.
    pub segments: usize,
    /// Producers that are remembered.
    pub producers: usize,
    /// Ended transactions whose end is not safe yet; further ones are merged.
    pub ended_transactions: usize,
    /// Reigns of leaders.
    pub epochs: usize,
    /// Positions of recent reads.
    pub positions: usize,
    /// Segments in the object store.
    pub remote_segments: usize,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { segments: 65_536, producers: 65_536, ended_transactions: 1024, epochs: 4096, positions: 8, remote_segments: 65_536 }
    }
}

/// The memory of one log: lent piece by piece, or [`LogMemory::grown`].
#[derive(Debug)]
pub struct LogMemory<'m> {
    /// One entry per segment. The only list that must have room: for one segment at least.
    pub segments: List<'m, Segment>,
    /// One entry per remembered producer.
    pub producers: Table<'m, Producer>,
    /// Ended transactions whose end is not safe yet.
    pub ended: List<'m, EndedTransaction>,
    /// Reigns of leaders.
    pub epochs: List<'m, EpochStart>,
    /// Positions of recent reads.
    pub positions: List<'m, Position>,
    /// One entry per segment in the object store; none at all where there is no store.
    pub remote: List<'m, RemoteSegment>,
    /// The key under which producer ids are hashed.
    pub hash_key: HashKey,
}

#[cfg(feature = "alloc")]
impl LogMemory<'static> {
    /// Memory that is allocated as it is needed, up to `limits`.
    #[must_use]
    pub fn grown(limits: &LogLimits, hash_key: HashKey) -> Self {
        Self {
            segments: List::grown(limits.segments),
            producers: Table::grown(limits.producers),
            ended: List::grown(limits.ended_transactions),
            epochs: List::grown(limits.epochs),
            positions: List::grown(limits.positions),
            remote: List::grown(limits.remote_segments),
            hash_key,
        }
    }
}

/// A batch boundary in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: Offset,
    pub(super) position: u32,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// The time that its records were given, on a topic that keeps the broker's; for a duplicate its largest timestamp.
    pub log_append_time: Option<Timestamp>,
    /// Whether it had been written before: then this says where, and nothing was written now.
    pub is_duplicate: bool,
    /// The offsets of the log, afterwards. The batch is safe once the high watermark has passed `last_offset`.
    pub watermarks: Watermarks,
}

/// The log of one partition.
///
/// Offsets are given here, once. Whatever fails leaves the log as it was; when even that cannot be had, the log closes and every later
/// call says [`Closed::StorageFailed`], since a disk that lies must not be written to.
/// Hard state: follows from the files, but for the start of the log and how far it was known durable, which the runtime keeps in
/// checkpoints and gives back when opening.
pub struct PartitionLog<'m, S: SegmentStore> {
    pub(super) disk: Disk<S>,
    pub(super) config: LogConfig,
    pub(super) segments: List<'m, Segment>,
    pub(super) producers: Producers<'m>,
    pub(super) epochs: Epochs<'m>,
    pub(super) positions: List<'m, Position>,
    /// Which position gives way next.
    pub(super) next_position: usize,
    pub(super) marks: Watermarks,
    /// Where the high watermark lies.
    pub(super) high_place: Place,
    /// Everything below is on the disk.
    pub(super) durable_end: Offset,
    /// Files created so far, and how many of those have names that would survive.
    pub(super) names: u32,
    pub(super) names_synced: u32,
    /// How many syncs are under way.
    pub(super) tickets_out: u32,
    /// How often the end was cut: a sync begun before says nothing about what was written after.
    pub(super) cuts: u32,
    pub(super) last_snapshot: Option<Offset>,
    /// The snapshot that would survive a loss of power.
    pub(super) synced_snapshot: Option<Offset>,
    pub(super) marking: Marking,
    /// Everything below was compacted.
    pub(super) first_dirty: Offset,
    /// The segment that was deleted last at the front: its batches may come back with a loss of power, and its indexes are still there.
    pub(super) front: Option<Segment>,
    pub(super) closed: Option<Closed>,
    /// What of it lies in the object store.
    pub(super) remote: Remote<'m>,
}

impl<S: SegmentStore> fmt::Debug for PartitionLog<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionLog")
            .field("watermarks", &self.marks)
            .field("segments", &self.segments.len())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl<S: SegmentStore> PartitionLog<'_, S> {
    /// The four offsets.
    #[must_use]
    pub const fn watermarks(&self) -> Watermarks {
        self.marks
    }

    /// The end of what is known to be on the disk: the recovery point for the next opening.
    #[must_use]
    pub const fn durable_end(&self) -> Offset {
        self.durable_end
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Changes the settings; they hold from the next operation on.
    pub fn configure(&mut self, config: LogConfig) {
        self.config = config;
        self.configure_remote();
        if config.write_caching {
            self.high_place = self.end_place();
            self.commit_to(self.marks.log_end());
        }
    }

    /// The bytes of all batches.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| u64::from(segment.size)).sum()
    }

    /// The segments, oldest first.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The producers that are remembered.
    #[must_use]
    pub const fn producers(&self) -> &Producers<'_> {
        &self.producers
    }

    /// The reigns of leaders.
    #[must_use]
    pub fn epochs(&self) -> &[EpochStart] {
        self.epochs.starts()
    }

    /// Where `epoch` ended; `None` when it is newer than any known here. Source: `UnifiedLog.endOffsetForEpoch`.
    #[must_use]
    pub fn epoch_end_offset(&self, epoch: LeaderEpoch) -> Option<EpochEnd> {
        self.epochs.end_of(epoch, self.marks.log_end())
    }

    /// A leader of this epoch leads from the end of the log on, whether it writes or not. Source: `Partition.makeLeader`.
    pub fn lead(&mut self, epoch: LeaderEpoch) {
        self.epochs.assign(epoch, self.marks.log_end());
    }

    /// Why the log is closed, when it is.
    #[must_use]
    pub const fn closed(&self) -> Option<Closed> {
        self.closed
    }

    /// The store, for those who must reach around the log: tests, and whoever deletes a partition.
    pub const fn store_mut(&mut self) -> &mut S {
        &mut self.disk.store
    }

    /// The store back. What was not synced stays that way.
    #[must_use]
    pub fn into_store(self) -> S {
        self.disk.store
    }

    /// Appends one batch and gives it its offsets.
    ///
    /// One vectored write of header and body; the body is not looked at. A batch that its producer sent before is answered with the
    /// offsets it got then.
    /// Units: `wall` in ms since the epoch.
    /// # Errors
    /// What [`AppendError`] names; nothing was appended.
    /// Source: KIP-98; `UnifiedLog.append`.
    pub fn append(
        &mut self,
        wall: Timestamp,
        leader_epoch: LeaderEpoch,
        batch: &CheckedBatch<'_>,
    ) -> Result<Appended, AppendError<S::Error>> {
        self.alive()?;
        if self.remote.is_awaited {
            return Err(AppendError::Awaited);
        }
        let mut header = *batch.header();
        if header.size() > self.config.segment_bytes_max() {
            return Err(AppendError::LargerThanSegment { size: header.size(), segment_bytes: self.config.segment_bytes_max() });
        }
        if let Some(current) = self.epochs.latest().filter(|latest| *latest > leader_epoch) {
            return Err(AppendError::StaleLeaderEpoch { current, found: leader_epoch });
        }
        if let Verdict::Duplicate(known) = self.producers.judge(&header, batch.marker(), batch.writer()).map_err(AppendError::Producer)? {
            return Ok(self.duplicate(&known));
        }
        let base_offset = self.marks.log_end();
        let end = i64::from(header.last_offset_delta()) + 1;
        let end = base_offset.checked_add(end).ok_or(AppendError::OffsetsExhausted { log_end: base_offset })?;
        header.stamp(base_offset, leader_epoch);
        let entry = Entry::of(&header);
        self.producers.reserve(wall, &header).map_err(AppendError::Producer)?;
        if self.must_roll(wall, entry)? {
            self.begin_segment(wall).map_err(|error| match error {
                LogError::Store(error) => AppendError::Store(error),
                LogError::Closed(closed) => AppendError::Closed(closed),
                LogError::TooManySegments { limit } => AppendError::TooManySegments { limit },
                LogError::OutOfRange { .. } => AppendError::OffsetsExhausted { log_end: base_offset },
            })?;
        }
        let aborted = self.producers.aborted_by(&header, batch.marker());
        self.write_batch(header.as_bytes(), batch.body(), entry, aborted)?;

        // Written: from here on nothing fails.
        let position = self.end_place().position - entry.size;
        self.marking.last_batch = Some(LastBatch { position, crc: header.crc() });
        self.epochs.assign(leader_epoch, base_offset);
        self.marks.extend_to(end);
        self.producers.apply(&header, batch.marker());
        let caching = self.config.write_caching;
        if caching {
            self.high_place = self.end_place();
        }
        // A batch may also move the last stable offset, which stands still while a transaction is open.
        self.commit_to(if caching { end } else { self.marks.high_watermark() });
        Ok(Appended {
            base_offset,
            last_offset: entry.last_offset,
            log_append_time: batch.log_append_time(),
            is_duplicate: false,
            watermarks: self.marks,
        })
    }

    /// A batch that was sent before. Its time is told whoever's it was. Source: `UnifiedLog.append`, duplicates.
    fn duplicate(&self, known: &BatchMemory) -> Appended {
        Appended {
            base_offset: known.base_offset(),
            last_offset: known.last_offset,
            log_append_time: known.timestamp,
            is_duplicate: true,
            watermarks: self.marks,
        }
    }

    /// Writes a batch behind the last one. A failure leaves files and memory as they were, or closes the log.
    fn write_batch(&mut self, header: &[u8], body: &[u8], entry: Entry, aborted: Option<AbortedTransaction>) -> DiskResult<S, ()> {
        let Some(segment) = self.segments.last_mut() else { return Ok(()) };
        let before = *segment;
        if segment.size == 0 {
            self.names = self.names.wrapping_add(1);
        }
        let written = self.disk.write(segment.file(FileKind::Log), segment.size.into(), &[header, body]).and_then(|()| {
            let (offset, time) = segment.take(entry, self.config.index_interval_bytes);
            segment.write_entries(&mut self.disk, offset, time)
        });
        let written = match aborted {
            Some(aborted) => written.and_then(|()| txn_index::append(&mut self.disk, segment, &aborted)),
            None => written,
        };
        if written.is_err() {
            *segment = before;
            if segment.cut_back(&mut self.disk).is_err() {
                self.closed = Some(Closed::StorageFailed);
            }
        }
        written
    }

    /// Whether the batch belongs into a new segment. Source: `LogSegment.shouldRoll`.
    fn must_roll(&mut self, wall: Timestamp, entry: Entry) -> DiskResult<S, bool> {
        let Some(segment) = self.segments.last_mut() else {
            return Ok(true);
        };
        let outgrown = segment.size > self.config.segment_bytes_max().saturating_sub(entry.size);
        let full = segment.indexes_are_full(self.config.index_bytes_max) && segment.size > 0;
        let out_of_reach = segment.relative(entry.last_offset).is_none();
        Ok(outgrown || full || out_of_reach || segment.is_over(wall, &mut self.disk, entry.max_timestamp, self.config.segment_ms_max())?)
    }

    /// Ends the active segment, so that the next batch begins a new one. An empty one goes on.
    ///
    /// # Errors
    /// What [`LogError`] names.
    pub fn roll(&mut self, wall: Timestamp) -> Result<(), LogError<S::Error>> {
        self.alive()?;
        if self.segments.last().is_some_and(|segment| segment.size > 0) {
            self.begin_segment(wall)?;
            self.create_active()?;
        }
        Ok(())
    }

    /// Adds an empty segment at the end of the log. Its file is created by the first write.
    pub(super) fn begin_segment(&mut self, wall: Timestamp) -> Result<(), LogError<S::Error>> {
        let base = self.marks.log_end();
        if self.segments.is_full() {
            return Err(LogError::TooManySegments { limit: self.segments.capacity() });
        }
        if !self.segments.is_empty() && self.names != self.names_synced {
            // Were the names that follow to survive without this one's, the log would seem to begin behind records that were never
            // safe, and their producers would be told that they are. A segment is seldom full before its first sync.
            self.sync_names_now()?;
        }
        if let Some(active) = self.segments.last_mut() {
            active.complete(&mut self.disk)?;
            self.write_epochs()?;
            self.write_snapshot(base)?;
        }
        // There is room: it was asked for above.
        let added = self.segments.push(Segment::new(base, wall));
        debug_assert!(added.is_ok(), "room was asked for");
        Ok(())
    }

    /// Creates the file of an active segment that is empty, so that its name keeps the end of the log.
    pub(super) fn create_active(&mut self) -> DiskResult<S, ()> {
        if let Some(active) = self.segments.last() {
            self.disk.write(active.file(FileKind::Log), 0, &[])?;
            self.names = self.names.wrapping_add(1);
        }
        Ok(())
    }

    pub(super) fn write_epochs(&mut self) -> DiskResult<S, ()> {
        if self.epochs.unwritten {
            self.epochs.write(&mut self.disk)?;
            self.names = self.names.wrapping_add(1);
        }
        Ok(())
    }

    /// Writes the producers down as they stand at the end of the log. Snapshots that no segment begins with are replaced.
    pub(super) fn write_snapshot(&mut self, offset: Offset) -> DiskResult<S, ()> {
        if self.last_snapshot == Some(offset) {
            return Ok(());
        }
        self.synced_snapshot = self.synced_snapshot.filter(|synced| *synced != offset);
        snapshot::write(&mut self.disk, offset, &self.producers)?;
        self.names = self.names.wrapping_add(1);
        if let Some(old) = self.last_snapshot.replace(offset)
            && !self.is_asked_for(old)
        {
            self.disk.delete(crate::store::file_name::FileName::live(FileKind::Snapshot, old))?;
        }
        Ok(())
    }

    /// Forgets producers that expired; answers how many. Source: `producer.id.expiration.ms`, asked every ten minutes.
    pub fn expire_producers(&mut self, wall: Timestamp) -> usize {
        self.producers.expire(wall, self.config.producer_expiration_ms)
    }

    /// Closes the log in good order: everything is on the disk, so that the next opening has nothing to look for.
    ///
    /// A log that was never written to leaves nothing behind, and one that was not written to since it was opened costs no sync. One with a sync under way is not in good order: were that one to fail, the
    /// system would say yes to the next.
    /// # Errors
    /// What [`LogError`] names; the log is then closed all the same, and the next opening must not be told that it was clean.
    pub fn close(&mut self) -> Result<Watermarks, LogError<S::Error>> {
        self.alive()?;
        self.closed = Some(Closed::StorageFailed);
        if self.tickets_out > 0 {
            return Err(LogError::Closed(Closed::StorageFailed));
        }
        if let Some(active) = self.segments.last_mut() {
            active.complete(&mut self.disk)?;
            self.write_epochs()?;
            self.write_snapshot(self.marks.log_end())?;
        }
        self.closed = None;
        self.sync_all()?;
        if self.front.is_some() {
            self.sync_names_now()?;
            self.delete_behind_the_front()?;
        }
        if let Some(active) = self.segments.last().copied() {
            self.sync_indexes(&active)?;
            self.sync_snapshot()?;
        }
        self.closed = Some(Closed::Cleanly);
        Ok(self.marks)
    }

    pub(super) fn alive(&self) -> Result<(), Closed> {
        self.closed.map_or(Ok(()), Err)
    }

    /// Where the log ends.
    pub(super) fn end_place(&self) -> Place {
        match self.segments.last() {
            Some(segment) => Place { segment: segment.base, position: segment.size },
            None => Place { segment: self.marks.log_end(), position: 0 },
        }
    }

    /// Moves the high watermark, and the last stable offset behind it.
    pub(super) fn commit_to(&mut self, high_watermark: Offset) {
        let undecided = self.producers.undecided(high_watermark);
        self.marks.commit_to(high_watermark, undecided);
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
#[path = "partition_log_tests/mod.rs"]
mod tests;
