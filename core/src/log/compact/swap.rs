//! The exchange: a segment that was written takes the place of those that it stands for.
//!
//! ```text
//!            .log        index files   after a crash
//!  written   .cleaned    .cleaned      all of it is deleted; the old segments are whole
//!  ready     .cleaned    .swap         the same: indexes without batches are nobody's
//!  decided   .swap       .swap         the exchange is done once more, and ends
//!            .swap       live          the same; the old segments may be there or not
//!  done      live        live          the new segment is whole
//! ```
//! Names are made durable wherever what follows would be wrong without: before it is decided, when it is, and before the batches take
//! the name of the old ones. Source: `LocalLog.replaceSegments`.

use crate::log::disk::DiskResult;
use crate::log::error::{Closed, LogError};
use crate::log::partition_log::{PartitionLog, Place};
use crate::log::segment::Segment;
use crate::store::file_name::{FileKind, FileState};
use crate::store::segment_store::SegmentStore;

use super::job::Compaction;

/// The indexes of a segment, in the order in which they are exchanged.
pub(in crate::log) const INDEXES: [FileKind; 3] = [FileKind::Index, FileKind::TimeIndex, FileKind::TxnIndex];

impl<S: SegmentStore> PartitionLog<'_, S> {
    /// Whether the log still is what a compaction was begun on.
    #[must_use]
    pub fn is_as_planned(&self, job: &Compaction<'_, S>) -> bool {
        self.place_of_group(job).is_some()
    }

    /// Where the segments of the group begin that the compaction is about; `None` when they are no longer there, or not as they were.
    fn place_of_group(&self, job: &Compaction<'_, S>) -> Option<usize> {
        let group = job.group();
        let at = self.segments.binary_search_by_key(&group.first()?.base, |segment| segment.base).ok()?;
        let mine = self.segments.get(at..at.checked_add(group.len())?)?;
        let same = mine.iter().zip(group).all(|(mine, other)| (mine.base, mine.size) == (other.base, other.size));
        // The active segment is never in a group: one comes behind it.
        (same && self.cuts == job.cuts && self.segments.get(at + group.len()).is_some()).then_some(at)
    }

    /// Puts what the compaction has written into its place. False, and nothing was done, when the log has changed so that it no longer
    /// fits.
    ///
    /// Whoever holds a handle of an old file reads on in it.
    /// # Errors
    /// What [`LogError`] names. A failure half-way closes the log: the next opening ends the exchange.
    pub fn swap(&mut self, job: &mut Compaction<'_, S>) -> Result<bool, LogError<S::Error>> {
        self.alive()?;
        let Some(at) = self.place_of_group(job) else { return Ok(false) };
        let new = job.written();
        let batches = new.file(FileKind::Log);
        let swap = batches.in_state(FileState::Swap);
        self.disk.rename(batches, swap)?;
        job.decided();
        let done = self.sync_names_now().and_then(|()| self.put_in_place(at, job.group().len(), new));
        if done.is_err() {
            self.closed = Some(Closed::StorageFailed);
        }
        done?;
        job.swapped();
        if job.is_done() {
            self.first_dirty = job.end();
        }
        Ok(true)
    }

    fn put_in_place(&mut self, at: usize, count: usize, written: Segment) -> DiskResult<S, ()> {
        for behind in at + 1..at + count {
            if let Some(old) = self.segments.get(behind).copied() {
                self.delete_files(&old)?;
            }
        }
        let new = Segment { state: FileState::Live, ..written };
        let has_index = |segment: &Segment| segment.txn_entries > 0;
        let old_has_index = self.segments.get(at).is_some_and(has_index);
        for kind in INDEXES {
            if kind != FileKind::TxnIndex || has_index(&new) || old_has_index {
                let live = new.file(kind);
                self.disk.rename(live.in_state(FileState::Swap), live)?;
            }
        }
        // Were the batches to take their place first, the old indexes would lead into them at the wrong places.
        self.sync_names_now()?;
        let live = new.file(FileKind::Log);
        self.disk.rename(live.in_state(FileState::Swap), live)?;
        self.names = self.names.wrapping_add(1);
        if old_has_index && !has_index(&new) {
            self.disk.delete(new.file(FileKind::TxnIndex))?;
        }
        if let Some(place) = self.segments.get_mut(at) {
            *place = new;
        }
        for _ in 1..count {
            self.segments.remove(at + 1);
        }
        self.forget_positions();
        // What is safe reaches at least to the end of the group.
        if self.high_place.segment >= new.base
            && let Some(next) = self.segments.get(at + 1).filter(|next| self.high_place.segment < next.base)
        {
            self.high_place = Place { segment: next.base, position: 0 };
        }
        Ok(())
    }
}
