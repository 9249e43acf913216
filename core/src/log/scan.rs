//! Reading a segment through, batch by batch, and building its indexes anew.

use core::fmt;

use crate::crc::Crc32c;
use crate::ids::Offset;
use crate::record::batch::{BatchError, Header};
use crate::record::layout::{CRC, HEADER_SIZE};
use crate::store::file_name::FileKind;
use crate::store::segment_store::SegmentStore;

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

impl fmt::Display for CutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch(error) => error.fmt(f),
            Self::Crc { stated, computed } => write!(f, "the checksum of a batch is {computed:08x}, and should be {stated:08x}"),
            Self::OutOfOrder { expected, found } => write!(f, "a batch begins at offset {found}, behind it comes {expected}"),
            Self::Gap { expected, found } => write!(f, "the next segment begins at offset {found}, and should begin at {expected}"),
            Self::Overlap => f.write_str("a segment begins before the one before it ends"),
            Self::Behind => f.write_str("the log ends before it should begin"),
        }
    }
}

/// A place inside a log where a batch should be and none is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// In which segment.
    pub segment: Offset,
    /// At which byte.
    pub position: u32,
}

/// How a segment is read through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rebuild {
    /// Stop before the batch that holds this offset.
    pub(super) stop_at: Option<Offset>,
    /// Whether checksums are looked at.
    pub(super) verify: bool,
    /// What lies below was on the disk: damage there is no torn end, and sound batches behind it are kept.
    pub(super) durable_below: Option<Offset>,
    /// `index.interval.bytes`.
    pub(super) interval: u32,
}

/// Whoever is shown the batches of a segment: the disk, the segment so far, where the batch begins, and its header.
pub(super) type Each<'e, S> = dyn FnMut(&mut Disk<S>, &mut Segment, u32, &Header) -> DiskResult<S, ()> + 'e;

/// A segment read through.
#[derive(Debug)]
pub(super) struct Rebuilt {
    pub(super) segment: Segment,
    pub(super) batches: u64,
    /// Why the reading ended before the file did.
    pub(super) reason: Option<CutReason>,
    /// The first damage that was stepped over.
    pub(super) damage: Option<Damage>,
}

impl Rebuild {
    /// Reads the `size` bytes of a segment through from where `start` ends, with the offset `next`, writes what its indexes lack, and shows
    /// every sound batch to `each`, with where it begins.
    /// The index of aborted transactions is for `each` to write, who knows the producers.
    pub(super) fn run<S: SegmentStore>(
        self,
        (start, mut next): (Segment, Offset),
        disk: &mut Disk<S>,
        size: u32,
        each: &mut Each<'_, S>,
    ) -> DiskResult<S, Rebuilt> {
        let mut segment = start;
        segment.cut_indexes_back(disk)?;
        let mut walk = Walk::new(&segment, segment.size, size);
        let mut batches = 0;
        let mut damage = None;
        let mut interval = self.interval;
        let reason = loop {
            let mut judged = self.judge(disk, &segment, &mut walk, size, next)?;
            if let Judged::Sound(header) = judged
                && header.base_offset() > next
                && is_misplaced(disk, &Segment { size, ..segment }, walk.position(), &header, next)?
            {
                judged = Judged::Fault(CutReason::OutOfOrder { expected: next, found: header.base_offset() });
            }
            let header = match judged {
                Judged::Sound(header) => header,
                Judged::End => break None,
                Judged::Fault(reason) => {
                    let is_lost = self.durable_below.is_none_or(|durable| next >= durable);
                    let sound = if is_lost { None } else { self.sound_behind(disk, &segment, walk.position(), size, next)? };
                    let Some(position) = sound else { break Some(reason) };
                    damage = damage.or(Some(Damage { segment: segment.base, position: walk.position() }));
                    walk.step(position - walk.position());
                    segment.size = position;
                    // So that whoever looks for what lies behind does not come through here.
                    interval = 0;
                    continue;
                }
            };
            let (offset, time) = segment.take(Entry::of(&header), interval);
            interval = self.interval;
            segment.write_entries(disk, offset, time)?;
            next = header.next_offset();
            batches += 1;
            each(disk, &mut segment, walk.position(), &header)?;
            walk.step(header.size());
        };
        segment.indexes_synced = false;
        Ok(Rebuilt { segment, batches, reason, damage })
    }

    /// What lies where a batch should begin.
    fn judge<S: SegmentStore>(
        self,
        disk: &mut Disk<S>,
        segment: &Segment,
        walk: &mut Walk,
        size: u32,
        next: Offset,
    ) -> DiskResult<S, Judged> {
        let left = size - walk.position();
        let Some(header) = walk.peek(disk)? else {
            let needed = HEADER_SIZE.try_into().unwrap_or(u64::MAX);
            let truncated = CutReason::Batch(BatchError::Truncated { needed, found: left.into() });
            return Ok(if left > 0 { Judged::Fault(truncated) } else { Judged::End });
        };
        if self.stop_at.is_some_and(|stop| header.last_offset() >= stop) {
            return Ok(Judged::End);
        }
        if let Err(error) = header.check() {
            return Ok(Judged::Fault(CutReason::Batch(error)));
        }
        if header.size() > left {
            return Ok(Judged::Fault(CutReason::Batch(BatchError::Truncated { needed: header.size().into(), found: left.into() })));
        }
        let in_order = header.base_offset() >= next && header.last_offset_delta() >= 0;
        if !in_order || segment.relative(header.last_offset()).is_none() {
            return Ok(Judged::Fault(CutReason::OutOfOrder { expected: next, found: header.base_offset() }));
        }
        if self.verify {
            let computed = checksum(disk, segment, walk.position(), header.size())?;
            if computed != header.crc() {
                return Ok(Judged::Fault(CutReason::Crc { stated: header.crc(), computed }));
            }
        }
        Ok(Judged::Sound(header))
    }

    /// Where the next sound batch begins behind a place where none does; `None` when there is none.
    fn sound_behind<S: SegmentStore>(
        self,
        disk: &mut Disk<S>,
        segment: &Segment,
        damaged: u32,
        size: u32,
        next: Offset,
    ) -> DiskResult<S, Option<u32>> {
        let mut buffer = [0u8; 4096];
        let mut at = damaged.saturating_add(1);
        while at < size {
            let bytes = disk.read(segment.file(FileKind::Log), at.into(), &mut buffer)?;
            if bytes.len() < HEADER_SIZE {
                break;
            }
            let mut ahead = 0;
            for window in bytes.windows(HEADER_SIZE) {
                let may_begin = Header::peek(window).is_some_and(|header| {
                    header.check().is_ok() && header.base_offset() >= next && segment.relative(header.last_offset()).is_some()
                });
                if may_begin {
                    let mut walk = Walk::new(segment, at + ahead, size);
                    if let Judged::Sound(_) = self.judge(disk, segment, &mut walk, size, next)? {
                        return Ok(Some(at + ahead));
                    }
                }
                ahead += 1;
            }
            at = at.saturating_add(ahead);
        }
        Ok(None)
    }
}

/// The next sound batch behind a damaged place of a segment: where it begins, and its base offset, which is `from` or a later one.
pub(super) fn next_sound<S: SegmentStore>(
    disk: &mut Disk<S>,
    segment: &Segment,
    damaged: u32,
    from: Offset,
) -> DiskResult<S, Option<(u32, Offset)>> {
    let how = Rebuild { stop_at: None, verify: true, durable_below: None, interval: 0 };
    let Some(position) = how.sound_behind(disk, segment, damaged, segment.size, from)? else { return Ok(None) };
    let header = Walk::new(segment, position, segment.size).peek(disk)?;
    Ok(header.map(|header| (position, header.base_offset())))
}

/// Whether a batch that leaves a gap before it has been given a wrong place, since the checksum does not cover the place. It has if the
/// next batch behind it belongs before it; what a compaction left has gaps and keeps its order.
pub(super) fn is_misplaced<S: SegmentStore>(
    disk: &mut Disk<S>,
    segment: &Segment,
    position: u32,
    header: &Header,
    next: Offset,
) -> DiskResult<S, bool> {
    let behind = position.saturating_add(header.size());
    if behind >= segment.size {
        return Ok(false);
    }
    let follower = Walk::new(segment, behind, segment.size).peek(disk)?;
    if follower.is_some_and(|follower| follower.check().is_ok() && follower.base_offset() > header.last_offset()) {
        return Ok(false);
    }
    let follower = next_sound(disk, segment, behind - 1, next)?;
    Ok(follower.is_some_and(|(_, begins)| begins <= header.last_offset()))
}

/// What lies where a batch should begin.
enum Judged {
    Sound(Header),
    End,
    Fault(CutReason),
}

/// The checksum of a batch on the disk.
pub(super) fn checksum<S: SegmentStore>(disk: &mut Disk<S>, segment: &Segment, position: u32, size: u32) -> DiskResult<S, u32> {
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
