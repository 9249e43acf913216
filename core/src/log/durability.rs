//! Making appends durable, beside the log: what to sync is said here, the syncing is done without its lock.

use crate::ids::Offset;
use crate::store::file_name::{FileKind, FileName};
use crate::store::segment_store::SegmentStore;

use super::disk::DiskResult;
use super::error::{Closed, Doing, LogError, StoreError};
use super::mark::Mark;
use super::partition_log::{PartitionLog, Place};
use super::segment::Segment;
use super::watermarks::Watermarks;

/// How many files one ticket names at most.
pub const TICKET_FILES_MAX: usize = 8;

/// One file to be synced.
#[derive(Clone, Debug)]
pub struct SyncFile<H> {
    /// Its name.
    pub name: FileName,
    /// Keeps it open, and alive should it be deleted meanwhile.
    pub handle: H,
}

/// What has to be synced so that everything below an offset survives.
///
/// Bounds: [`TICKET_FILES_MAX`] files; when more are waiting, the oldest come first and the next ticket names the rest.
#[derive(Clone, Debug)]
#[must_use = "records are safe only once the ticket is handed back"]
pub struct SyncTicket<H> {
    files: heapless::Vec<SyncFile<H>, TICKET_FILES_MAX>,
    names: Option<u32>,
    end: Offset,
    place: Place,
    /// Whether the last segment named had ended: then its indexes are named too.
    has_ended: bool,
    /// What is written down when all this is done.
    mark: Option<Mark>,
    /// The recovery mark that is among the files, by its number.
    written_mark: Option<u32>,
    cuts: u32,
}

impl<H> SyncTicket<H> {
    /// The files, in any order.
    #[must_use]
    pub fn files(&self) -> &[SyncFile<H>] {
        &self.files
    }

    /// Whether the names in the directory must be synced too, after the files.
    #[must_use]
    pub const fn must_sync_names(&self) -> bool {
        self.names.is_some()
    }

    /// Everything below this will be durable.
    #[must_use]
    pub const fn end(&self) -> Offset {
        self.end
    }
}

impl<S: SegmentStore> PartitionLog<'_, S> {
    /// Says what must be synced now; `None` when everything is durable.
    ///
    /// Appends and reads go on meanwhile, and several tickets may be out; each covers what was appended before it.
    /// # Errors
    /// What [`LogError`] names; nothing has changed.
    pub fn begin_sync(&mut self) -> Result<Option<SyncTicket<S::Handle>>, LogError<S::Error>> {
        self.alive()?;
        let active = self.segments.len().saturating_sub(1);
        let clean = |at: usize, segment: &Segment| segment.synced == segment.size && (at == active || segment.indexes_synced);
        let mut from = self.segments.len();
        while let Some(at) = from.checked_sub(1)
            && self.segments.get(at).is_some_and(|segment| at == active || !clean(at, segment))
        {
            from = at;
        }
        // A mark speaks of the end of the log: it is made when all that is not durable has room in one ticket.
        let unsynced = self.segments.len() - from;
        let is_due = unsynced <= 1 && self.durable_end < self.marks.log_end() && self.wants_mark();
        let mark = if is_due { self.prepare_mark() } else { None };
        let mut ticket = SyncTicket {
            files: heapless::Vec::new(),
            names: (self.names != self.names_synced).then_some(self.names),
            end: self.durable_end,
            place: self.high_place,
            has_ended: false,
            mark,
            written_mark: self.marking.unsynced(),
            cuts: self.cuts,
        };
        if ticket.written_mark.is_some() {
            self.add(&mut ticket, FileName::RECOVERY_MARK)?;
        }
        for file in mark.iter().flat_map(Mark::files) {
            self.add(&mut ticket, file)?;
        }
        for at in from..=active {
            let Some(segment) = self.segments.get(at).copied() else { break };
            let wanted = if at < active { 4 } else { 1 };
            if ticket.files.len() + wanted > TICKET_FILES_MAX {
                break;
            }
            if segment.synced < segment.size {
                self.add(&mut ticket, segment.file(FileKind::Log))?;
            }
            if at < active && !segment.indexes_synced {
                for index in segment.indexes() {
                    self.add(&mut ticket, index)?;
                }
            }
            ticket.has_ended = at < active;
            ticket.place = Place { segment: segment.base, position: segment.size };
            ticket.end = self.segments.get(at + 1).map_or_else(|| self.marks.log_end(), |next| next.base);
        }
        if ticket.names.is_some() && ticket.files.is_empty() {
            // Whoever carries it out knows the directory by a file of it.
            let any = self.segments.last().map_or(FileName::EPOCHS, |active| active.file(FileKind::Log));
            self.add(&mut ticket, any)?;
        }
        let nothing = ticket.files.is_empty() && ticket.names.is_none() && ticket.end <= self.durable_end;
        if nothing {
            return Ok(None);
        }
        self.tickets_out += 1;
        self.marking.is_pending |= ticket.mark.is_some();
        Ok(Some(ticket))
    }

    fn add(&mut self, ticket: &mut SyncTicket<S::Handle>, name: FileName) -> DiskResult<S, ()> {
        let handle = self.disk.handle(name)?;
        let fits = ticket.files.push(SyncFile { name, handle });
        debug_assert!(fits.is_ok(), "room was asked for");
        Ok(())
    }

    /// Hears how a sync went. On success everything below the ticket's end is durable, and the high watermark follows.
    ///
    /// # Errors
    /// [`LogError::Store`] when the sync failed: the log is closed, for the system may have dropped what it could not write.
    pub fn end_sync(&mut self, ticket: SyncTicket<S::Handle>, outcome: Result<(), S::Error>) -> Result<Watermarks, LogError<S::Error>> {
        self.alive()?;
        self.tickets_out = self.tickets_out.saturating_sub(1);
        if let Err(error) = outcome {
            self.closed = Some(Closed::StorageFailed);
            return Err(LogError::Store(StoreError { doing: Doing::Sync, file: None, is_full: S::is_full(&error), error }));
        }
        if let Some(names) = ticket.names {
            self.names_synced = names;
        }
        self.marking.is_pending &= ticket.mark.is_none();
        if let Some(number) = ticket.written_mark {
            self.mark_is_durable(number);
        }
        if ticket.cuts != self.cuts {
            // What was synced is no longer what is there: the next ticket tells.
            return Ok(self.marks);
        }
        let count = self.segments.partition_point(|segment| segment.base <= ticket.place.segment);
        for segment in self.segments.iter_mut().take(count).rev() {
            let is_last = segment.base == ticket.place.segment;
            if !is_last && segment.synced == segment.size && segment.indexes_synced {
                break;
            }
            let size = if is_last { ticket.place.position } else { segment.size };
            // One that was compacted meanwhile may be smaller.
            segment.synced = segment.synced.max(size).min(segment.size);
            segment.indexes_synced |= !is_last || ticket.has_ended;
        }
        self.durable_end = self.durable_end.max(ticket.end);
        if let Some(mark) = ticket.mark {
            self.write_mark(mark);
        }
        if ticket.end > self.marks.high_watermark() {
            self.high_place = ticket.place;
            self.commit_to(ticket.end);
        }
        Ok(self.marks)
    }

    /// Makes everything durable before it returns, for those who have nobody else to do it.
    ///
    /// # Errors
    /// What [`LogError`] names; after a failed sync the log is closed.
    pub fn sync_all(&mut self) -> Result<Watermarks, LogError<S::Error>> {
        while let Some(ticket) = self.begin_sync()? {
            let mut outcome = Ok(());
            for file in ticket.files() {
                outcome = outcome.and_then(|()| self.disk.store.sync(file.name));
            }
            if ticket.must_sync_names() {
                outcome = outcome.and_then(|()| self.disk.store.sync_names());
            }
            self.end_sync(ticket, outcome)?;
        }
        Ok(self.marks)
    }

    pub(super) fn sync_indexes(&mut self, segment: &Segment) -> DiskResult<S, ()> {
        if !segment.indexes_synced {
            for index in segment.indexes() {
                self.sync_now(index)?;
            }
        }
        if self.names != self.names_synced {
            self.sync_names_now()?;
        }
        Ok(())
    }

    /// Makes the last snapshot of the producers durable.
    pub(super) fn sync_snapshot(&mut self) -> DiskResult<S, ()> {
        if let Some(snapshot) = self.last_snapshot.filter(|snapshot| self.synced_snapshot != Some(*snapshot)) {
            self.sync_now(FileName::live(FileKind::Snapshot, snapshot))?;
            self.synced_snapshot = Some(snapshot);
        }
        Ok(())
    }

    /// Makes a file durable. A failure closes the log: the system may have dropped what it could not write, and would say yes the next
    /// time it is asked.
    pub(super) fn sync_now(&mut self, file: FileName) -> DiskResult<S, ()> {
        self.disk.sync(file).inspect_err(|_| self.closed = Some(Closed::StorageFailed))
    }

    /// Makes all names durable. A failure closes the log.
    pub(super) fn sync_names_now(&mut self) -> DiskResult<S, ()> {
        self.disk.sync_names().inspect_err(|_| self.closed = Some(Closed::StorageFailed))?;
        self.names_synced = self.names;
        Ok(())
    }
}
