//! One change of what lies in the store, as steps in their only order.

use crate::bounded::list::List;
use crate::ids::Offset;
use crate::log::disk::{Disk, DiskResult};
use crate::store::file_name::{FileName, FileState};
use crate::store::segment_store::SegmentStore;

#[cfg(feature = "alloc")]
use super::manifest;
use super::manifest::Head;
use super::remote::{Object, PARTS, RemoteSegment};

/// A file that is to be copied to an object.
#[derive(Clone, Debug)]
pub struct Upload<H> {
    /// Where to.
    pub object: Object,
    /// Keeps the bytes readable, whatever becomes of the file.
    pub handle: H,
    /// How many of them. Unit: bytes.
    pub size: u64,
}

/// What is to be done next in the store, or for it.
#[derive(Debug)]
pub enum Step<'s, H> {
    /// Copy a file to an object. To do it again changes nothing.
    Upload(&'s Upload<H>),
    /// Put these bytes in the place of the manifest in the store.
    PutManifest(&'s [u8]),
    /// [`TierJob::keep_manifest`]: the same bytes beside the log, durably.
    KeepManifest,
    /// [`PartitionLog::end_tiering`](crate::log::partition_log::PartitionLog::end_tiering), in a turn.
    Commit,
    /// Delete an object; one that is not there is deleted already.
    Delete(Object),
    /// Nothing: it is done.
    Done,
}

/// The memory of a job: lent piece by piece, or [`TierMemory::grown`].
#[derive(Debug)]
pub struct TierMemory<'m> {
    /// The manifest: [`manifest::size_of`] the segments that a log may have in the store.
    pub manifest: List<'m, u8>,
    /// Segments that are to be deleted.
    pub doomed: List<'m, RemoteSegment>,
}

#[cfg(feature = "alloc")]
impl TierMemory<'static> {
    /// Memory that is allocated as it is needed, for so many segments in the store.
    #[must_use]
    pub const fn grown(segments: usize) -> Self {
        Self { manifest: List::grown(manifest::size_of(segments)), doomed: List::grown(segments) }
    }
}

/// One change of what lies in the store: a segment more, old ones less, or both.
///
/// It is carried out beside the shard, step after step; whoever drops it half-way must say so with
/// [`PartitionLog::tiering_failed`](crate::log::partition_log::PartitionLog::tiering_failed).
#[derive(Debug)]
pub struct TierJob<'j, S: SegmentStore> {
    /// A store of its own, of the same files.
    pub(super) disk: Disk<S>,
    pub(super) uploads: heapless::Vec<Upload<S::Handle>, { PARTS.len() }>,
    pub(super) added: Option<RemoteSegment>,
    /// What the new manifest no longer names: the first segments of the old one.
    pub(super) doomed: List<'j, RemoteSegment>,
    pub(super) head: Head,
    pub(super) manifest: List<'j, u8>,
    /// The manifest that this one follows, and how often the log had been cut.
    pub(super) follows: u64,
    pub(super) cuts: u32,
    /// How many steps are done; of the deletion of a segment each object is one.
    pub(super) done: usize,
}

impl<S: SegmentStore> TierJob<'_, S> {
    /// The segment that it copies, if it does.
    #[must_use]
    pub const fn added(&self) -> Option<&RemoteSegment> {
        self.added.as_ref()
    }

    /// The segments that it deletes.
    #[must_use]
    pub fn doomed(&self) -> &[RemoteSegment] {
        &self.doomed
    }

    /// What all uploads amount to. Unit: bytes.
    #[must_use]
    pub fn upload_bytes(&self) -> u64 {
        self.uploads.iter().map(|upload| upload.size).sum()
    }

    /// Where the log begins by the new manifest.
    #[must_use]
    pub const fn log_start(&self) -> Offset {
        self.head.log_start
    }

    /// What is to be done next.
    #[must_use]
    pub fn next(&self) -> Step<'_, S::Handle> {
        if let Some(upload) = self.uploads.get(self.done) {
            return Step::Upload(upload);
        }
        match self.done - self.uploads.len() {
            0 => Step::PutManifest(&self.manifest),
            1 => Step::KeepManifest,
            2 => Step::Commit,
            deleted => {
                let number = deleted - 3;
                let segment = self.doomed.get(number / PARTS.len());
                match segment.zip(PARTS.get(number % PARTS.len())) {
                    Some((segment, kind)) => Step::Delete(segment.object(*kind)),
                    None => Step::Done,
                }
            }
        }
    }

    /// The step that [`TierJob::next`] answered is done. Objects that a segment never had are passed over.
    pub fn step(&mut self) {
        self.done += 1;
        while let Step::Delete(object) = self.next()
            && !self.doomed.iter().any(|segment| segment.id == object.id && segment.parts.has(object.kind))
        {
            self.done += 1;
        }
    }

    /// Writes the manifest beside the log, whole or not at all, and durably.
    ///
    /// # Errors
    /// When the disk refuses. The copy is the old one or the new one.
    pub fn keep_manifest(&mut self) -> Result<(), crate::log::error::StoreError<S::Error>> {
        let temporary = FileName::REMOTE_MANIFEST.in_state(FileState::Temporary);
        self.write_beside(temporary)?;
        self.disk.rename(temporary, FileName::REMOTE_MANIFEST)?;
        self.disk.sync_names()
    }

    fn write_beside(&mut self, temporary: FileName) -> DiskResult<S, ()> {
        self.disk.truncate(temporary, 0)?;
        self.disk.write(temporary, 0, &[&self.manifest])?;
        self.disk.sync(temporary)
    }
}
