//! What a log has to do in the store, and what it believes afterwards. Source: `RemoteLogManager.RLMCopyTask`, `RLMExpirationTask`.

use core::fmt;

use crate::bounded::list::List;
use crate::ids::Offset;
use crate::log::disk::Disk;
use crate::log::error::LogError;
use crate::log::partition_log::PartitionLog;
use crate::log::segment::Segment;
use crate::log::watermarks::Watermarks;
use crate::store::file_name::{FileKind, FileName};
use crate::store::segment_store::SegmentStore;
use crate::time::Timestamp;

use super::job::{TierJob, TierMemory, Upload};
use super::manifest::{self, Head, ManifestFlaw};
use super::remote::{Knowledge, Object, ObjectId, PARTS, Parts, Remote, RemoteSegment};

/// What a log wants done in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierWork {
    /// First its manifest is to be read there, and what no manifest names deleted: [`PartitionLog::attach_store`].
    Attach,
    /// A change: [`PartitionLog::begin_tiering`].
    Change,
}

/// What the manifest in the store has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// There is none, and none was to be expected.
    New,
    /// It is the one that was known.
    Same,
    /// It is newer than the copy beside the log, or that was lost: it counts. How many segments it names.
    Adopted(u32),
    /// It is older than the copy beside the log, missing, or damaged: the copy counts, and is written there again.
    Behind,
}

/// Why a log cannot go on with what lies in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachError<E> {
    /// The log says no.
    Log(LogError<E>),
    /// The manifest in the store is damaged, and there is no copy of it.
    Damaged(ManifestFlaw),
    /// The manifest in the store names an object that is not there, and there is no copy of another.
    Missing(Object),
    /// The store has records behind the end of the log: something was lost here.
    Ahead {
        /// Up to where the store has records.
        copied_end: Offset,
        /// The end of the log.
        log_end: Offset,
    },
}

impl<E: fmt::Display> fmt::Display for AttachError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::Damaged(flaw) => {
                write!(f, "the manifest in the store is damaged ({flaw}) and there is no copy beside the log: restore one")
            }
            Self::Missing(object) => write!(f, "the manifest in the store names {object}, which is not there: restore it"),
            Self::Ahead { copied_end, log_end } => {
                write!(f, "the store has records up to {copied_end}, and the log ends at {log_end}: records of it are lost on the disk")
            }
        }
    }
}

impl<E: core::error::Error> core::error::Error for AttachError<E> {}

impl<S: SegmentStore> PartitionLog<'_, S> {
    /// What of the log lies in the store.
    #[must_use]
    pub const fn remote(&self) -> &Remote<'_> {
        &self.remote
    }

    /// The first offset that lies on the disk; the end of the log when none does. Source: `UnifiedLog.localLogStartOffset`.
    #[must_use]
    pub fn local_start(&self) -> Offset {
        let first = self.segments.first().map_or_else(|| self.marks.log_end(), |first| first.base);
        first.max(self.marks.log_start())
    }

    /// Sees to it that what the settings ask for is known of the store, or given up there.
    pub(in crate::log) fn configure_remote(&mut self) {
        if self.config.remote_storage {
            if self.remote.knowledge == Knowledge::Off {
                self.remote.knowledge = Knowledge::Unknown;
                self.remote.is_attached = false;
            }
        } else if self.remote.knowledge == Knowledge::Unknown {
            self.remote.knowledge = Knowledge::Off;
            self.remote.is_awaited = false;
        } else if self.is_given_up() {
            // Source: KIP-950: what was only in the store is gone with it.
            let local_start = self.local_start();
            self.start_at(local_start);
        }
    }

    /// Whether all that lies in the store is to be deleted.
    fn is_given_up(&self) -> bool {
        !self.config.remote_storage && self.config.remote_delete_on_disable && !self.remote.segments.is_empty()
    }

    /// How many segments in the store hold nothing that is still of the log.
    fn doomed_count(&self) -> usize {
        if self.is_given_up() {
            return self.remote.segments.len();
        }
        let log_start = self.marks.log_start();
        self.remote.segments.partition_point(|segment| segment.end <= log_start)
    }

    /// The next segment to be copied, and where it ends: closed, decided, durable. Source: `RLMCopyTask.candidateLogSegments`.
    fn candidate(&self) -> Option<(Segment, Offset)> {
        if !self.config.tiers() || self.remote.knowledge != Knowledge::Known {
            return None;
        }
        let from = self.remote.copied_end.unwrap_or(Offset::ZERO).max(self.marks.log_start());
        let at = self.segments.partition_point(|segment| segment.base <= from).saturating_sub(1);
        let segment = self.segments.get(at).copied()?;
        let end = self.segments.get(at + 1)?.base;
        let is_safe = end <= self.marks.last_stable() && end <= self.durable_end && segment.synced == segment.size;
        (is_safe && end > from).then_some((segment, end))
    }

    /// Whether a segment waits to be copied for which there is no room in memory: retention or a larger `segment.bytes` helps.
    #[must_use]
    pub fn is_remote_full(&self) -> bool {
        self.doomed_count() == 0 && self.remote.segments.is_full() && self.candidate().is_some()
    }

    /// How many bytes wait to be copied, the active segment aside. Source: `RemoteCopyLagBytes`.
    #[must_use]
    pub fn uncopied_bytes(&self) -> u64 {
        let from = self.remote.copied_end.unwrap_or(Offset::ZERO);
        let closed = self.segments.len().saturating_sub(1);
        let waiting = self.segments.iter().take(closed).filter(|segment| segment.base >= from);
        waiting.map(|segment| u64::from(segment.size)).sum()
    }

    /// What there is to do in the store now; `None` too while somebody is at work there.
    #[must_use]
    pub fn tier_work(&self) -> Option<TierWork> {
        if self.closed.is_some() || self.remote.is_busy {
            return None;
        }
        match self.remote.knowledge {
            Knowledge::Off => None,
            // Once after each opening: whoever was at work before may have left something.
            Knowledge::Unknown | Knowledge::Known if !self.remote.is_attached => Some(TierWork::Attach),
            Knowledge::Unknown => None,
            Knowledge::Known => {
                let is_copied = self.candidate().is_some() && !self.remote.segments.is_full();
                (self.remote.is_copy_stale || self.doomed_count() > 0 || is_copied).then_some(TierWork::Change)
            }
        }
    }

    /// Takes up the work in the store, with what lies there as the manifest: `None` when there is nothing.
    ///
    /// `is_there` says whether an object lies there. A manifest that is newer than what is known is believed only when all that it adds does:
    /// whoever gave up on writing it cannot know when that is carried out, and what it names may have been deleted since.
    ///
    /// Until [`PartitionLog::attached`] what lies there and is not named by [`Remote::names`] is to be deleted: it was left by work that
    /// did not end. `spare` is memory for the segments that the manifest names.
    /// # Errors
    /// What [`AttachError`] names; nothing has changed.
    pub fn attach_store(
        &mut self,
        wall: Timestamp,
        found: Option<&[u8]>,
        is_there: impl Fn(&Object) -> bool,
        spare: &mut List<'_, RemoteSegment>,
    ) -> Result<Attached, AttachError<S::Error>> {
        self.alive().map_err(|closed| AttachError::Log(LogError::Closed(closed)))?;
        let is_known = self.remote.knowledge == Knowledge::Known;
        let head = match found.map(|bytes| manifest::decode(bytes, spare)) {
            None if is_known && self.remote.generation > 0 => return Ok(self.write_again()),
            None => {
                self.remote.knowledge = Knowledge::Known;
                self.remote.is_awaited = false;
                self.remote.is_busy = true;
                // What lay before the first segment was deleted before anything was copied.
                let local_start = self.local_start();
                self.start_at(local_start);
                return Ok(Attached::New);
            }
            Some(Err(_)) if is_known => return Ok(self.write_again()),
            Some(Err(flaw)) => return Err(AttachError::Damaged(flaw)),
            Some(Ok(head)) => head,
        };
        if is_known && head.generation <= self.remote.generation {
            // One that was given up may come late too, and bear the number of the one that took its place.
            if head.generation < self.remote.generation || **spare != *self.remote.segments {
                return Ok(self.write_again());
            }
            self.remote.is_busy = true;
            return Ok(Attached::Same);
        }
        let news = spare.iter().filter(|segment| !self.remote.segments.contains(segment));
        match news.flat_map(RemoteSegment::objects).find(|object| !is_there(object)) {
            Some(_) if is_known => Ok(self.write_again()),
            Some(object) => Err(AttachError::Missing(object)),
            None => self.adopt(wall, head, spare),
        }
    }

    fn write_again(&mut self) -> Attached {
        self.remote.is_copy_stale = true;
        self.remote.is_busy = true;
        Attached::Behind
    }

    fn adopt(&mut self, wall: Timestamp, head: Head, spare: &List<'_, RemoteSegment>) -> Result<Attached, AttachError<S::Error>> {
        let log_end = self.marks.log_end();
        if let Some(copied_end) = head.copied_end.filter(|copied| *copied > log_end) {
            if self.size_bytes() > 0 {
                return Err(AttachError::Ahead { copied_end, log_end });
            }
            // Nothing is left on the disk: the log goes on where the store ends.
            self.restart_at(wall, copied_end).map_err(AttachError::Log)?;
        }
        self.remote.segments.clear();
        if self.remote.segments.extend_from_slice(spare).is_err() {
            let count = u32::try_from(spare.len()).unwrap_or(u32::MAX);
            return Err(AttachError::Damaged(ManifestFlaw::TooMany(count)));
        }
        self.remote.knowledge = Knowledge::Known;
        self.remote.is_awaited = false;
        self.remote.copied_end = head.copied_end;
        self.remote.generation = head.generation;
        self.remote.is_copy_stale = true;
        self.remote.is_busy = true;
        let first = self.remote.segments.first().map_or(Offset(i64::MAX), |first| first.base);
        let local = self.segments.first().map_or(log_end, |local| local.base);
        self.start_at(head.log_start.max(first.min(local)));
        self.configure_remote();
        Ok(Attached::Adopted(u32::try_from(self.remote.segments.len()).unwrap_or(u32::MAX)))
    }

    /// The end of the log was cut off: what the store has behind it is of a log that is no more.
    pub(in crate::log) fn cut_remote(&mut self, end: Offset) {
        let keep = self.remote.segments.partition_point(|segment| segment.end <= end);
        if keep < self.remote.segments.len() || self.remote.copied_end.is_some_and(|copied| copied > end) {
            self.remote.segments.truncate(keep);
            self.remote.copied_end = self.remote.copied_end.map(|copied| copied.min(end));
            self.remote.is_copy_stale = true;
        }
    }

    /// Begins anew at an offset, with nothing on the disk.
    fn restart_at(&mut self, wall: Timestamp, end: Offset) -> Result<(), LogError<S::Error>> {
        self.cuts = self.cuts.wrapping_add(1);
        self.forget_positions();
        while let Some(last) = self.segments.pop() {
            self.delete_segment(&last)?;
        }
        self.marks = Watermarks::elsewhere(self.marks.log_start(), end);
        self.begin_segment(wall)?;
        self.create_active()?;
        self.high_place = self.end_place();
        self.durable_end = end;
        Ok(())
    }

    /// What nobody names is deleted from the store.
    pub const fn attached(&mut self) {
        self.remote.is_attached = true;
        self.remote.is_busy = false;
    }

    /// What was begun in the store did not end: it is taken up anew, and what it left there deleted.
    pub const fn tiering_failed(&mut self) {
        self.remote.is_attached = false;
        self.remote.is_busy = false;
    }

    /// Begins the next change: one segment more in the store, and all that are to be deleted less. `None` when there is nothing to do.
    ///
    /// `beside` is a second store of the same files, `id` one that was never used before.
    /// # Errors
    /// What [`LogError`] names; nothing was begun.
    pub fn begin_tiering<'j>(
        &mut self,
        beside: S,
        memory: TierMemory<'j>,
        id: ObjectId,
    ) -> Result<Option<TierJob<'j, S>>, LogError<S::Error>> {
        self.alive()?;
        if self.tier_work() != Some(TierWork::Change) {
            return Ok(None);
        }
        let doomed_count = self.doomed_count();
        let TierMemory { manifest, mut doomed } = memory;
        let mut job = {
            doomed.clear();
            for segment in self.remote.segments.iter().take(doomed_count) {
                doomed.push(*segment).map_err(|_| LogError::TooManySegments { limit: doomed.capacity() })?;
            }
            let head =
                Head { generation: self.remote.generation + 1, log_start: self.marks.log_start(), copied_end: self.remote.copied_end };
            let (follows, cuts) = (self.remote.generation, self.cuts);
            let uploads = heapless::Vec::new();
            TierJob { disk: Disk { store: beside }, uploads, added: None, doomed, head, manifest, follows, cuts, done: 0 }
        };
        let has_room = doomed_count > 0 || !self.remote.segments.is_full();
        if let Some((segment, end)) = self.candidate().filter(|_| has_room) {
            job.added = Some(self.plan_copy(&segment, end, id, &mut job.uploads)?);
            job.head.copied_end = Some(end);
        }
        if self.is_given_up() {
            job.head.copied_end = None;
        }
        let kept = self.remote.segments.iter().skip(doomed_count).chain(job.added.iter());
        let limit = self.remote.segments.capacity();
        manifest::encode(job.head, kept, &mut job.manifest).map_err(|_| LogError::TooManySegments { limit })?;
        self.remote.is_busy = true;
        Ok(Some(job))
    }

    fn plan_copy(
        &mut self,
        segment: &Segment,
        end: Offset,
        id: ObjectId,
        uploads: &mut heapless::Vec<Upload<S::Handle>, { PARTS.len() }>,
    ) -> Result<RemoteSegment, LogError<S::Error>> {
        let mut remote = RemoteSegment {
            base: segment.base,
            end,
            id,
            size: segment.size,
            largest_timestamp: segment.largest_timestamp(),
            max_timestamp: segment.max_timestamp,
            offset_entries: segment.offset_entries,
            time_entries: segment.time_entries,
            txn_entries: segment.txn_entries,
            parts: Parts::default(),
        };
        for kind in PARTS {
            let file = match kind {
                FileKind::LeaderEpochCheckpoint => FileName::EPOCHS,
                // The producers as they stand behind the segment: where the next one begins.
                FileKind::Snapshot => FileName::live(FileKind::Snapshot, end),
                kind => segment.file(kind),
            };
            let size = match self.disk.size(file)? {
                Some(size) => size,
                // Without its batches there is no segment; the handle says so.
                None if kind == FileKind::Log => 0,
                None => continue,
            };
            let size = if kind == FileKind::Log { u64::from(segment.size) } else { size };
            let upload = Upload { object: Object { base: segment.base, id, kind }, handle: self.disk.handle(file)?, size };
            let fits = uploads.push(upload);
            debug_assert!(fits.is_ok(), "one for each part");
            remote.parts.add(kind);
        }
        Ok(remote)
    }

    /// Believes a change that is written down in the store and beside the log. False when the log has changed so that it no longer fits:
    /// then the job is to be dropped, with [`PartitionLog::tiering_failed`].
    ///
    /// # Errors
    /// What [`LogError`] names.
    pub fn end_tiering(&mut self, job: &TierJob<'_, S>) -> Result<bool, LogError<S::Error>> {
        self.alive()?;
        if self.remote.generation != job.follows || self.cuts != job.cuts || self.remote.knowledge != Knowledge::Known {
            return Ok(false);
        }
        let kept = self.remote.segments.len().saturating_sub(job.doomed.len());
        let doomed = job.doomed.len().min(self.remote.segments.len());
        self.remote.segments.rotate_left(doomed);
        self.remote.segments.truncate(kept);
        if let Some(added) = job.added {
            let fits = self.remote.segments.push(added);
            debug_assert!(fits.is_ok(), "room was asked for");
        }
        self.remote.copied_end = job.head.copied_end;
        self.remote.generation = job.head.generation;
        self.remote.is_copy_stale = false;
        Ok(true)
    }

    /// All of a change is done, its deletions too.
    pub const fn tiering_done(&mut self) {
        self.remote.is_busy = false;
    }
}
