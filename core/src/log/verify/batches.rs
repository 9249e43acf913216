//! Which bytes of a segment are batches that can be read, and which are not.

use crate::bounded::list::List;
use crate::crc::crc32c_parts;
use crate::ids::Offset;
use crate::log::disk::{Disk, DiskResult};
use crate::log::scan::{self, CutReason};
use crate::log::segment::{Segment, Walk};
use crate::record::batch::{BatchError, Header};
use crate::record::codec::{Codec, CodecError, Compression};
use crate::record::layout::{ATTRIBUTES, COMPRESSION_MASK, HEADER_SIZE};
use crate::record::records::Records;
use crate::store::file_name::FileKind;
use crate::store::segment_store::SegmentStore;

use super::finding::Flaw;

/// Memory and compression lent for looking into batches.
pub(super) struct Look<'l, 'm, 'c> {
    pub(super) batch: &'l mut List<'m, u8>,
    pub(super) records: &'l mut List<'m, u8>,
    /// Opens compressed batches; without it their checksum has to do.
    pub(super) codec: Option<&'l mut (dyn Codec + 'c)>,
    /// How many batches nobody could look into.
    pub(super) unopened: u64,
}

/// Where the segments behind this one begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    /// The base of the next one.
    pub(super) base: Offset,
    /// Whether a batch lies there to confirm it, and not only the name of a file.
    pub(super) is_firm: bool,
}

/// A piece of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    /// A batch.
    Sound { position: u32, header: Header },
    /// Bytes up to the next sound batch, or to the end of the file.
    Hole(Hole),
}

/// Bytes that are no batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    pub(super) position: u32,
    pub(super) size: u32,
    pub(super) flaw: Flaw,
    /// The first offset it may have held.
    pub(super) first: Offset,
    /// The offset behind the last it may have held: where the next batch begins, or what is left of the last one says.
    pub(super) end: Option<Offset>,
    /// Whether it goes to the end of the last segment, and looks like a write that did not get done.
    pub(super) is_torn: bool,
}

/// Walks a segment from its start to its end, piece by piece. Changes nothing.
#[derive(Debug)]
pub(super) struct Pieces {
    segment: Segment,
    limit: Option<Limit>,
    position: u32,
    next: Offset,
}

impl Pieces {
    /// Over all of `segment`, whose batches begin at `next` or behind it.
    pub(super) const fn new(segment: Segment, next: Offset, limit: Option<Limit>) -> Self {
        Self { segment, limit, position: 0, next }
    }

    /// The offset behind all that was walked over.
    pub(super) const fn next_offset(&self) -> Offset {
        self.next
    }

    /// The next piece; `None` at the end of the file.
    pub(super) fn next<S: SegmentStore>(&mut self, disk: &mut Disk<S>, look: &mut Look<'_, '_, '_>) -> DiskResult<S, Option<Piece>> {
        let position = self.position;
        if position >= self.segment.size {
            return Ok(None);
        }
        let flaw = match self.judge(disk, look, position, self.next)? {
            Ok(header) => {
                self.next = header.next_offset();
                self.position = position.saturating_add(header.size());
                return Ok(Some(Piece::Sound { position, header }));
            }
            Err(flaw) => flaw,
        };
        let behind = self.behind(disk, look, position)?;
        let end = behind.unwrap_or(self.segment.size);
        self.position = end;
        let size = end - position;
        let is_torn = behind.is_none() && self.limit.is_none() && (is_cut(flaw) || self.is_zero(disk, position)?);
        let end = match behind {
            Some(behind) => self.header(disk, behind)?.map(|header| header.base_offset()),
            None => match self.limit {
                Some(limit) => Some(limit.base.max(self.next)),
                None => self.claimed_end(disk, position)?,
            },
        };
        Ok(Some(Piece::Hole(Hole { position, size, flaw, first: self.next, end, is_torn })))
    }

    fn header<S: SegmentStore>(&self, disk: &mut Disk<S>, position: u32) -> DiskResult<S, Option<Header>> {
        Walk::new(&self.segment, position, self.segment.size).peek(disk)
    }

    /// What lies at `position`, behind everything below `next`: a batch that can be read, or why not.
    fn judge<S: SegmentStore>(
        &self,
        disk: &mut Disk<S>,
        look: &mut Look<'_, '_, '_>,
        position: u32,
        next: Offset,
    ) -> DiskResult<S, Result<Header, Flaw>> {
        let header = match self.judge_header(disk, position, next)? {
            Ok(header) => header,
            Err(reason) => return Ok(Err(Flaw::Batch(reason))),
        };
        let size = usize::try_from(header.size()).unwrap_or(usize::MAX);
        look.batch.clear();
        let fits = look.batch.fill_to(size, 0).is_ok();
        let computed = if fits {
            let count = disk.read(self.segment.file(FileKind::Log), position.into(), look.batch)?.len();
            look.batch.truncate(count);
            crc32c_parts(&[look.batch.get(ATTRIBUTES..).unwrap_or_default()])
        } else {
            scan::checksum(disk, &self.segment, position, header.size())?
        };
        if computed != header.crc() {
            return Ok(Err(Flaw::Batch(CutReason::Crc { stated: header.crc(), computed })));
        }
        if header.base_offset() > next && scan::is_misplaced(disk, &self.segment, position, &header, next)? {
            return Ok(Err(Flaw::Batch(CutReason::OutOfOrder { expected: next, found: header.base_offset() })));
        }
        if !fits {
            look.unopened += 1;
            return Ok(Ok(header));
        }
        Ok(look_inside(&header, look).map(|()| header))
    }

    /// Judges what the header says, and not whether it is true.
    fn judge_header<S: SegmentStore>(&self, disk: &mut Disk<S>, position: u32, next: Offset) -> DiskResult<S, Result<Header, CutReason>> {
        let left = self.segment.size - position;
        let truncated = |needed: u64| CutReason::Batch(BatchError::Truncated { needed, found: left.into() });
        let Some(header) = self.header(disk, position)? else {
            return Ok(Err(truncated(HEADER_SIZE.try_into().unwrap_or(u64::MAX))));
        };
        if let Err(error) = header.check() {
            return Ok(Err(CutReason::Batch(error)));
        }
        if header.size() > left {
            return Ok(Err(truncated(header.size().into())));
        }
        let in_order = header.base_offset() >= next && header.last_offset_delta() >= 0;
        let reaches_too_far =
            self.limit.is_some_and(|limit| header.last_offset() >= limit.base && (limit.is_firm || header.base_offset() > next));
        if !in_order || reaches_too_far || self.segment.relative(header.last_offset()).is_none() {
            return Ok(Err(CutReason::OutOfOrder { expected: next, found: header.base_offset() }));
        }
        Ok(Ok(header))
    }

    /// Where the next sound batch begins behind a place where none does; `None` when there is none.
    fn behind<S: SegmentStore>(&self, disk: &mut Disk<S>, look: &mut Look<'_, '_, '_>, damaged: u32) -> DiskResult<S, Option<u32>> {
        // Where the batch says that it ends, if only its content is damaged.
        let told = match self.header(disk, damaged)? {
            Some(header) if header.check().is_ok() => damaged.checked_add(header.size()).filter(|told| *told < self.segment.size),
            _ => None,
        };
        let told = match told {
            Some(told) if self.judge(disk, look, told, self.next)?.is_ok() => Some(told),
            _ => None,
        };
        let mut from = damaged;
        while let Some((found, _)) = scan::next_sound(disk, &self.segment, from, self.next)? {
            if let Some(told) = told {
                if found >= told {
                    return Ok(Some(told));
                }
                // A batch of its own, or the value of a record that looks like one: then what comes behind it is none.
                if !self.leads_to(disk, look, found, told)? {
                    from = found;
                    continue;
                }
            }
            if self.judge(disk, look, found, self.next)?.is_ok() {
                return Ok(Some(found));
            }
            from = found;
        }
        Ok(told)
    }

    /// Whether batch comes behind batch from one place to the other.
    fn leads_to<S: SegmentStore>(&self, disk: &mut Disk<S>, look: &mut Look<'_, '_, '_>, from: u32, to: u32) -> DiskResult<S, bool> {
        let (mut position, mut next) = (from, self.next);
        while position < to {
            let Ok(header) = self.judge(disk, look, position, next)? else { return Ok(false) };
            next = header.next_offset();
            position = position.saturating_add(header.size());
        }
        Ok(position == to)
    }

    fn is_zero<S: SegmentStore>(&self, disk: &mut Disk<S>, from: u32) -> DiskResult<S, bool> {
        let mut buffer = [0u8; 4096];
        let mut at = u64::from(from);
        loop {
            let bytes = disk.read(self.segment.file(FileKind::Log), at, &mut buffer)?;
            if bytes.is_empty() {
                return Ok(true);
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += u64::try_from(bytes.len()).unwrap_or(0);
        }
    }

    /// Where a damaged batch ends, if all that it says of its offsets agrees with itself and with what comes before it.
    fn claimed_end<S: SegmentStore>(&self, disk: &mut Disk<S>, position: u32) -> DiskResult<S, Option<Offset>> {
        let header = self.header(disk, position)?;
        Ok(header.filter(|header| self.is_plausible(header)).map(|header| header.next_offset()))
    }

    fn is_plausible(&self, header: &Header) -> bool {
        let count = header.record_count();
        header.check().is_ok() && header.base_offset() == self.next && count > 0 && header.last_offset_delta() == count - 1
    }
}

/// Whether the file ends before the batch does.
const fn is_cut(flaw: Flaw) -> bool {
    matches!(flaw, Flaw::Batch(CutReason::Batch(BatchError::Truncated { .. })))
}

/// Parses the records of the batch that was read last, if that can be done.
fn look_inside(header: &Header, look: &mut Look<'_, '_, '_>) -> Result<(), Flaw> {
    let Some(compression) = header.compression() else {
        return Err(Flaw::Compression(header.attributes() & COMPRESSION_MASK));
    };
    let body = look.batch.get(HEADER_SIZE..).unwrap_or_default();
    if compression == Compression::None {
        return parse(header, body);
    }
    let Some(codec) = look.codec.as_mut() else {
        look.unopened += 1;
        return Ok(());
    };
    look.records.clear();
    match codec.decompress(compression, body, look.records) {
        Ok(()) => parse(header, look.records),
        // That says something of us, not of the batch.
        Err(CodecError::OutputFull { .. } | CodecError::Unsupported(_)) => {
            look.unopened += 1;
            Ok(())
        }
        Err(error @ CodecError::Corrupt(_)) => Err(Flaw::Codec(error)),
    }
}

fn parse(header: &Header, body: &[u8]) -> Result<(), Flaw> {
    // A batch has at most 2^31 records: the numbers never run out.
    for (index, record) in (0u32..).zip(Records::new(body, header.record_count())) {
        let found = record.map_err(|error| Flaw::Record { index, error })?.offset_delta;
        // Nobody looks at more when a batch is written.
        if found < 0 || found > header.last_offset_delta() {
            return Err(Flaw::OffsetDelta { index, found });
        }
    }
    Ok(())
}
