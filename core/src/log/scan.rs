//! Reading a segment through, batch by batch, and building its indexes anew.

use crate::crc::Crc32c;
use crate::ids::Offset;
use crate::record::batch::{BatchError, Header};
use crate::record::layout::{CRC, HEADER_SIZE};
use crate::store::file_name::FileKind;
use crate::store::segment_store::SegmentStore;
use crate::time::Timestamp;

use super::disk::{Disk, DiskResult};
use super::segment::{Entry, Segment, Walk};

/// Why the end of a log was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutReason {
    /// The bytes do not begin, or do not end, as a batch.
    Batch(BatchError),
    /// The bytes of a batch are not those its checksum was made of.
    Crc {
        /// What the batch claims.
        stated: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// A batch does not follow the one before.
    OutOfOrder {
        /// The first offset it might have.
        expected: Offset,
        /// The one it has.
        found: Offset,
    },
    /// A later segment survived a loss of power, but the end of the one before it did not.
    Gap {
        /// Where the segment should begin.
        expected: Offset,
        /// Where it begins.
        found: Offset,
    },
    /// The name of the segment lies below the end of the one before it.
    Overlap,
    /// It comes behind the place where the log was cut.
    Behind,
}

/// How a segment is read through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rebuild {
    /// Stop before the batch that holds this offset.
    pub(super) stop_at: Option<Offset>,
    /// Whether checksums are looked at.
    pub(super) verify: bool,
    /// `index.interval.bytes`.
    pub(super) interval: u32,
}

/// A segment read through.
#[derive(Debug)]
pub(super) struct Rebuilt {
    pub(super) segment: Segment,
    pub(super) batches: u64,
    /// Why the reading ended before the file did.
    pub(super) reason: Option<CutReason>,
}

impl Rebuild {
    /// Reads a segment through from its start, writes its indexes anew, and shows every sound batch to `each`.
    pub(super) fn run<S: SegmentStore>(
        self,
        wall: Timestamp,
        disk: &mut Disk<S>,
        old: &Segment,
        each: &mut dyn FnMut(&Header),
    ) -> DiskResult<S, Rebuilt> {
        let mut segment = Segment::new(old.base, wall);
        disk.truncate(segment.file(FileKind::Index), 0)?;
        disk.truncate(segment.file(FileKind::TimeIndex), 0)?;
        let mut walk = Walk::new(&segment, 0, old.size);
        let mut batches = 0;
        let mut next = old.base;
        let reason = loop {
            let left = old.size - walk.position();
            let Some(header) = walk.peek(disk)? else {
                let needed = HEADER_SIZE.try_into().unwrap_or(u64::MAX);
                break (left > 0).then_some(CutReason::Batch(BatchError::Truncated { needed, found: left.into() }));
            };
            if self.stop_at.is_some_and(|stop| header.last_offset() >= stop) {
                break None;
            }
            if let Err(error) = header.check() {
                break Some(CutReason::Batch(error));
            }
            if header.size() > left {
                break Some(CutReason::Batch(BatchError::Truncated { needed: header.size().into(), found: left.into() }));
            }
            let in_order = header.base_offset() >= next && header.last_offset_delta() >= 0;
            if !in_order || segment.relative(header.last_offset()).is_none() {
                break Some(CutReason::OutOfOrder { expected: next, found: header.base_offset() });
            }
            if self.verify {
                let computed = checksum(disk, &segment, walk.position(), header.size())?;
                if computed != header.crc() {
                    break Some(CutReason::Crc { stated: header.crc(), computed });
                }
            }
            let (offset, time) = segment.take(Entry::of(&header), self.interval);
            segment.write_entries(disk, offset, time)?;
            next = header.next_offset();
            batches += 1;
            each(&header);
            walk.step(header.size());
        };
        segment.indexes_synced = false;
        Ok(Rebuilt { segment, batches, reason })
    }
}

/// The checksum of a batch on the disk.
fn checksum<S: SegmentStore>(disk: &mut Disk<S>, segment: &Segment, position: u32, size: u32) -> DiskResult<S, u32> {
    let mut buffer = [0u8; 4096];
    let mut crc = Crc32c::new();
    let skipped = u32::try_from(CRC + 4).unwrap_or(0);
    let mut at = u64::from(position) + u64::from(skipped);
    let mut left = usize::try_from(size - skipped).unwrap_or(usize::MAX);
    while left > 0 {
        let wanted = left.min(buffer.len());
        let bytes = disk.read(segment.file(FileKind::Log), at, buffer.get_mut(..wanted).unwrap_or_default())?;
        if bytes.is_empty() {
            break;
        }
        crc.update(bytes);
        at += u64::try_from(bytes.len()).unwrap_or(0);
        left -= bytes.len();
    }
    Ok(crc.finish())
}
