//! The walk over all files of a partition.

use core::fmt;

use crate::bounded::list::List;
use crate::ids::Offset;
use crate::log::disk::{Disk, DiskResult};
use crate::log::epochs::{self, EpochStart, Epochs};
use crate::log::error::StoreError;
use crate::log::scan::CutReason;
use crate::log::segment::{Segment, Walk};
use crate::log::snapshot;
use crate::log::tier::manifest;
use crate::record::batch::{BatchError, Header};
use crate::record::codec::Codec;
use crate::store::file_name::{FileKind, FileName, FileState};
use crate::store::segment_store::SegmentStore;
use crate::time::Timestamp;

use super::batches::{Hole, Limit, Look, Piece, Pieces};
use super::finding::{Fault, Finding, Flaw, IndexFlaw, Unreadable};
use super::indexes::{self, Indexes, Wrong};

/// The most bytes of a segment that anything can point into.
const SEGMENT_SIZE_MAX: u32 = i32::MAX.cast_unsigned();

/// Memory lent for looking through a log, or [`VerifyMemory::grown`].
#[derive(Debug)]
pub struct VerifyMemory<'m> {
    /// One entry per segment.
    pub segments: List<'m, Offset>,
    /// One batch. Into one that does not fit nobody looks: its checksum has to do.
    pub batch: List<'m, u8>,
    /// The records of a compressed batch. What does not fit is not looked at.
    pub records: List<'m, u8>,
    /// Reigns of leaders, for a repair.
    pub epochs: List<'m, EpochStart>,
}

#[cfg(feature = "alloc")]
impl VerifyMemory<'static> {
    /// Memory that is allocated as it is needed: `bytes_max` for a batch, and as much for the records of one.
    #[must_use]
    pub const fn grown(bytes_max: usize) -> Self {
        Self { segments: List::grown(1 << 20), batch: List::grown(bytes_max), records: List::grown(bytes_max), epochs: List::grown(4096) }
    }
}

/// What a look through a log tells while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something is wrong.
    Found(Finding),
    /// So many bytes more of the log have been read.
    Read(u32),
}

/// What a log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Totals {
    /// Segments.
    pub segments: u32,
    /// Batches that can be read.
    pub batches: u64,
    /// Records that those claim to hold.
    pub records: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Bytes of batches that can be read.
    pub bytes_sound: u64,
    /// All other bytes of the segments.
    pub bytes_damaged: u64,
    /// Batches whose checksum is right and into which nobody has looked, because they are compressed or too large.
    pub batches_unopened: u64,
    /// Findings that are damage.
    pub damages: u64,
    /// Offsets between sound batches that no batch holds, and no damage explains: a compaction leaves such, or a repair.
    pub offsets_absent: u64,
    /// Where the first segment begins; `None` when there is none.
    pub begin: Option<Offset>,
    /// Where the log ends: behind its last sound batch, or where its last segment begins.
    pub end: Offset,
}

/// Why a log could not be looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyError<E> {
    /// Failure: the disk refused.
    Store(StoreError<E>),
    /// Refusal: the memory for segments is used up.
    TooManySegments {
        /// How many there may be.
        limit: usize,
    },
}

impl<E> From<StoreError<E>> for VerifyError<E> {
    fn from(error: StoreError<E>) -> Self {
        Self::Store(error)
    }
}

impl<E: fmt::Display> fmt::Display for VerifyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::TooManySegments { limit } => write!(f, "the log has more than {limit} segments"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for VerifyError<E> {}

/// The files of one partition, looked at from outside: no log is open on them.
#[derive(Debug)]
pub struct Verifier<'m, S> {
    pub(super) disk: Disk<S>,
    /// The bases of the segments, oldest first.
    pub(super) segments: List<'m, Offset>,
    pub(super) batch: List<'m, u8>,
    pub(super) records: List<'m, u8>,
    pub(super) epochs: Epochs<'m>,
}

/// What became of one segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Whether bytes of it are no batches, or it has no place in the log.
    pub(super) has_holes: bool,
    /// Whether that is the end of a write that did not get done, and nothing else.
    pub(super) is_torn_only: bool,
    /// Whether an index of it is wrong.
    pub(super) has_wrong_index: bool,
    /// The offset behind its last sound batch.
    pub(super) end: Offset,
    /// The offset behind everything that is known to have been in it.
    accounted: Offset,
}

/// One segment and what surrounds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    pub(super) segment: Segment,
    /// How large the file is. What lies out of the reach of a segment is damage.
    file_size: u64,
    /// The first offset that its batches may have.
    pub(super) next: Offset,
    pub(super) limit: Option<Limit>,
}

/// Where findings and sums go.
pub(super) struct Report<'r> {
    pub(super) totals: Totals,
    pub(super) each: &'r mut dyn FnMut(Event),
}

impl Report<'_> {
    fn found(&mut self, finding: Finding) {
        self.totals.damages += u64::from(finding.is_damage());
        (self.each)(Event::Found(finding));
    }

    fn hole(&mut self, file: FileName, hole: &Hole) {
        self.totals.bytes_damaged += u64::from(hole.size);
        let lost = !hole.is_torn && hole.end.is_none_or(|end| end > hole.first);
        let offsets = lost.then_some(Unreadable { first: hole.first, end: hole.end });
        let fault = match hole.flaw {
            Flaw::Batch(reason) if hole.is_torn => Fault::Torn(reason),
            flaw => Fault::Damaged(flaw),
        };
        self.found(Finding { file, position: hole.position.into(), bytes: hole.size.into(), offsets, fault });
        (self.each)(Event::Read(hole.size));
    }

    fn sound(&mut self, header: &Header) {
        self.totals.batches += 1;
        self.totals.records += u64::try_from(header.record_count()).unwrap_or(0);
        self.totals.bytes_sound += u64::from(header.size());
        (self.each)(Event::Read(header.size()));
    }

    fn absent(&mut self, from: Offset, to: Offset) {
        self.totals.offsets_absent += u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0);
    }

    fn index(&mut self, file: FileName, size: Option<u64>, wrong: Wrong) {
        let bytes = size.unwrap_or(0).saturating_sub(wrong.position);
        self.found(Finding { file, position: wrong.position, bytes, offsets: None, fault: Fault::Index(wrong.flaw) });
    }
}

impl<'m, S: SegmentStore> Verifier<'m, S> {
    /// Over the files in `store`.
    #[must_use]
    pub fn new(store: S, memory: VerifyMemory<'m>) -> Self {
        let VerifyMemory { segments, batch, records, epochs } = memory;
        Self { disk: Disk { store }, segments, batch, records, epochs: Epochs::new(epochs) }
    }

    /// The store back.
    #[must_use]
    pub fn into_store(self) -> S {
        self.disk.store
    }

    /// Looks through all files and changes none.
    ///
    /// With `codec` compressed batches are opened too; without it their checksum has to do.
    /// # Errors
    /// What [`VerifyError`] names. Damage is none: it is told to `each`, and counted.
    pub fn verify(&mut self, codec: Option<&mut dyn Codec>, each: &mut dyn FnMut(Event)) -> Result<Totals, VerifyError<S::Error>> {
        let mut report = Report { totals: Totals::default(), each };
        self.list_segments()?;
        self.report_unfinished(&mut report)?;
        let begin = self.segments.first().copied();
        report.totals.begin = begin;
        let mut end = begin.unwrap_or(Offset::ZERO);
        let mut accounted = end;
        let mut codec = codec;
        for at in 0..self.segments.len() {
            let Some(around) = self.around(at, end)? else { break };
            report.absent(accounted, around.next);
            let seen = self.segment(around, lend(&mut codec), &mut report)?;
            (end, accounted) = (seen.end, seen.accounted);
        }
        report.totals.end = end;
        self.verify_singles(&mut report)?;
        Ok(report.totals)
    }

    pub(super) fn list_segments(&mut self) -> Result<(), VerifyError<S::Error>> {
        let segments = &mut self.segments;
        segments.clear();
        let mut fits = true;
        self.disk.list(&mut |file| {
            if file.state == FileState::Live && file.kind == FileKind::Log {
                let at = segments.partition_point(|base| *base < file.base);
                fits &= segments.insert(at, file.base).is_ok();
            }
        })?;
        if fits { Ok(()) } else { Err(VerifyError::TooManySegments { limit: self.segments.capacity() }) }
    }

    /// Files that opening the log would delete, or put into their place.
    fn report_unfinished(&mut self, report: &mut Report<'_>) -> DiskResult<S, ()> {
        self.disk.list(&mut |file| {
            if file.state != FileState::Live {
                report.found(Finding { file, position: 0, bytes: 0, offsets: None, fault: Fault::Unfinished });
            }
        })
    }

    /// What is to be known of a segment before it is read. `next`: the end of what comes before it.
    pub(super) fn around(&mut self, at: usize, next: Offset) -> DiskResult<S, Option<Around>> {
        let Some(base) = self.segments.get(at).copied() else { return Ok(None) };
        let (segment, file_size) = measure(&mut self.disk, base)?;
        let mut limit: Option<Limit> = None;
        for behind in self.segments.iter().skip(at + 1) {
            let (segment, _) = measure(&mut self.disk, *behind)?;
            let first = Walk::new(&segment, 0, segment.size).peek(&mut self.disk)?;
            let is_firm = first.is_some_and(|first| {
                first.check().is_ok() && first.base_offset() >= *behind && segment.relative(first.last_offset()).is_some()
            });
            limit = limit.filter(|_| !is_firm).or(Some(Limit { base: *behind, is_firm }));
            if is_firm {
                break;
            }
        }
        Ok(Some(Around { segment, file_size, next: next.max(base), limit }))
    }

    /// Reads one segment through, and holds its indexes against it.
    pub(super) fn segment(&mut self, around: Around, codec: Option<&mut dyn Codec>, report: &mut Report<'_>) -> DiskResult<S, Seen> {
        let Around { segment, file_size, next, limit } = around;
        let log = segment.file(FileKind::Log);
        let mut seen = Seen { has_holes: false, is_torn_only: true, has_wrong_index: false, end: next, accounted: next };
        let mut look = Look { batch: &mut self.batch, records: &mut self.records, codec, unopened: 0 };
        let mut pieces = Pieces::new(segment, next, limit);
        let mut indexes = Indexes::open(&mut self.disk, segment.base(), limit.is_none())?;
        report.totals.segments += 1;
        report.totals.bytes += file_size;
        while let Some(piece) = pieces.next(&mut self.disk, &mut look)? {
            match piece {
                Piece::Sound { position, header } => {
                    report.absent(seen.accounted, header.base_offset());
                    report.sound(&header);
                    seen.accounted = header.next_offset();
                    if !seen.has_holes {
                        indexes.pass(&mut self.disk, position, &header)?;
                    }
                }
                Piece::Hole(hole) => {
                    report.hole(log, &hole);
                    seen.has_holes = true;
                    seen.is_torn_only &= hole.is_torn;
                    seen.accounted = hole.end.unwrap_or(hole.first);
                }
            }
        }
        seen.end = pieces.next_offset();
        report.totals.batches_unopened += look.unopened;
        let out_of_reach = file_size - u64::from(segment.size);
        if out_of_reach > 0 {
            let flaw = Flaw::Batch(CutReason::Batch(BatchError::Truncated { needed: file_size, found: segment.size.into() }));
            report.totals.bytes_damaged += out_of_reach;
            let offsets = Some(Unreadable { first: seen.end, end: limit.map(|limit| limit.base) });
            report.found(Finding { file: log, position: segment.size.into(), bytes: out_of_reach, offsets, fault: Fault::Damaged(flaw) });
        }
        if segment.size == 0 && next > segment.base() {
            report.found(Finding { file: log, position: 0, bytes: 0, offsets: None, fault: Fault::Overlap });
        }
        if out_of_reach > 0 || (segment.size == 0 && next > segment.base()) {
            (seen.has_holes, seen.is_torn_only) = (true, false);
        }
        seen.has_wrong_index = self.end_indexes(around, seen, indexes, report)?;
        Ok(seen)
    }

    /// Tells what is wrong with the indexes of a segment that was read through.
    fn end_indexes(&mut self, around: Around, seen: Seen, mut indexes: Indexes, report: &mut Report<'_>) -> DiskResult<S, bool> {
        let segment = around.segment;
        if seen.has_holes {
            // Its entries may lead to what was there once: only what they are by themselves can be told.
            indexes.offsets.skim(&mut self.disk)?;
            indexes.times.skim(&mut self.disk)?;
        } else {
            indexes.end(seen.end);
        }
        let is_done = around.limit.is_some() && segment.size > 0;
        let mut is_wrong = false;
        for (kind, wrong) in [(FileKind::Index, indexes.offsets.wrong()), (FileKind::TimeIndex, indexes.times.wrong())] {
            let size = self.disk.size(segment.file(kind))?;
            let missing = (is_done && size.is_none()).then_some(Wrong { position: 0, flaw: IndexFlaw::Missing });
            if let Some(wrong) = wrong.or(missing) {
                is_wrong = true;
                report.index(segment.file(kind), size, wrong);
            }
        }
        Ok(is_wrong)
    }

    /// Looks at the files that do not belong to the batches of one segment.
    fn verify_singles(&mut self, report: &mut Report<'_>) -> DiskResult<S, ()> {
        for at in 0..self.segments.len() {
            let Some(base) = self.segments.get(at).copied() else { break };
            if let Some((position, bytes)) = indexes::wrong_transactions(&mut self.disk, base)? {
                let file = FileName::live(FileKind::TxnIndex, base);
                report.found(Finding { file, position, bytes, offsets: None, fault: Fault::Transactions });
            }
        }
        let mut from = Offset(i64::MIN);
        while let Some(offset) = self.snapshot_from(from)? {
            if !snapshot::is_sound(&mut self.disk, offset)? {
                self.report_whole(FileName::live(FileKind::Snapshot, offset), Fault::Snapshot, report)?;
            }
            from = Offset(offset.0.saturating_add(1));
        }
        if self.has_wrong_epochs()? {
            self.report_whole(FileName::EPOCHS, Fault::Epochs, report)?;
        }
        if let Some(flaw) = manifest::flaw_of_copy(&mut self.disk)? {
            self.report_whole(FileName::REMOTE_MANIFEST, Fault::Manifest(flaw), report)?;
        }
        Ok(())
    }

    /// Whether it is written down wrongly when leaders reigned. Before the first roll it need not be written down at all; and of a log
    /// without batches an empty file says enough, as Kafka leaves it where it has moved a replica from one log directory to another.
    pub(super) fn has_wrong_epochs(&mut self) -> DiskResult<S, bool> {
        let Some(size) = self.disk.size(FileName::EPOCHS)? else { return Ok(false) };
        if size == 0 {
            for base in self.segments.iter() {
                if self.disk.size(FileName::live(FileKind::Log, *base))?.is_some_and(|size| size > 0) {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        Ok(!epochs::is_sound(&mut self.disk)?)
    }

    fn report_whole(&mut self, file: FileName, fault: Fault, report: &mut Report<'_>) -> DiskResult<S, ()> {
        let bytes = self.disk.size(file)?.unwrap_or(0);
        report.found(Finding { file, position: 0, bytes, offsets: None, fault });
        Ok(())
    }

    /// The first snapshot at or behind an offset.
    pub(super) fn snapshot_from(&mut self, from: Offset) -> DiskResult<S, Option<Offset>> {
        let mut first: Option<Offset> = None;
        self.disk.list(&mut |file| {
            if file.kind == FileKind::Snapshot && file.state == FileState::Live && file.base >= from {
                first = Some(first.map_or(file.base, |first| first.min(file.base)));
            }
        })?;
        Ok(first)
    }
}

/// Lends what was lent once more.
pub(super) fn lend<'a>(codec: &'a mut Option<&mut dyn Codec>) -> Option<&'a mut dyn Codec> {
    match codec {
        Some(codec) => Some(&mut **codec),
        None => None,
    }
}

fn measure<S: SegmentStore>(disk: &mut Disk<S>, base: Offset) -> DiskResult<S, (Segment, u64)> {
    let mut segment = Segment::new(base, Timestamp(0));
    let size = disk.size(segment.file(FileKind::Log))?.unwrap_or(0);
    segment.size = u32::try_from(size).unwrap_or(u32::MAX).min(SEGMENT_SIZE_MAX);
    Ok((segment, size))
}
