//! Reading whole batches into memory, for those who look at every record: machines that are loaded from their log.

use crate::bounded::list::List;
use crate::ids::Offset;
use crate::record::batch::Batch;
use crate::store::file_name::{FileKind, FileName};
use crate::store::segment_store::SegmentStore;

use super::error::ReadError;
use super::partition_log::{PartitionLog, Place};
use super::reading::ReadUpTo;
use super::scan;
use super::segment::Walk;

/// How much is read in one go, unless a batch is larger. Unit: bytes.
const PIECE_SIZE: u32 = 1 << 18;

impl<S: SegmentStore> PartitionLog<'_, S> {
    /// Fills `batches` with whole batches, from the one that holds `from` on, and answers the offset behind them: `from` itself at the
    /// end of the log.
    ///
    /// Bounds: a piece of 256 KiB, or one batch if that is larger; the capacity of the list.
    /// # Errors
    /// What [`ReadError`] names; [`ReadError::ScratchTooSmall`] when the list cannot hold the next batch.
    pub fn read_batches(&mut self, from: Offset, batches: &mut List<'_, u8>) -> Result<Offset, ReadError<S::Error>> {
        batches.clear();
        let limit = PIECE_SIZE.min(u32::try_from(batches.capacity()).unwrap_or(u32::MAX));
        let range = self.read(from, limit, ReadUpTo::LogEnd, true)?;
        let Some(slice) = range.bytes else {
            let missing = ReadError::Corrupt { file: FileName::live(FileKind::Log, from), position: 0 };
            return if from < self.marks.log_end() { Err(missing) } else { Ok(from) };
        };
        let size = usize::try_from(slice.size).unwrap_or(usize::MAX);
        batches.fill_to(size, 0).map_err(|_| ReadError::ScratchTooSmall { needed: slice.size })?;
        let count = self.disk.read(slice.file, slice.position, batches)?.len();
        batches.truncate(count);
        let at = self.segments.partition_point(|segment| segment.base <= slice.file.base);
        let end = self.segments.get(at).map_or(self.marks.log_end(), |segment| segment.base);
        let mut next = from;
        let mut whole = 0u32;
        let mut rest: &[u8] = batches;
        while let Ok((batch, behind)) = Batch::split_first(rest) {
            // No checksum covers where a batch says that it belongs: one that names a wrong place must not lead away from those behind it.
            next = next.max(batch.header().next_offset()).min(end);
            whole += batch.header().size();
            rest = behind;
        }
        batches.truncate(usize::try_from(whole).unwrap_or(usize::MAX));
        let position = u32::try_from(slice.position).unwrap_or(u32::MAX);
        if whole == 0 {
            return Err(ReadError::Corrupt { file: slice.file, position });
        }
        let place = Place { segment: slice.file.base, position: position.saturating_add(whole) };
        let segment = at.checked_sub(1).and_then(|at| self.segments.get(at)).copied();
        let Some(segment) = segment.filter(|segment| place.position < segment.size) else {
            return Ok(if next > from { next } else { end });
        };
        let follower = Walk::new(&segment, place.position, segment.size).peek(&mut self.disk)?.map(|header| header.base_offset());
        // The lower one of what both say: whatever it is called, the place is right.
        let likely = [Some(next), follower].into_iter().flatten().filter(|next| *next > from && *next < end);
        let next = likely.min().unwrap_or(Offset(from.0.saturating_add(1)));
        self.remember(next, place);
        Ok(next)
    }

    /// Where reading can go on behind a place that a read has called damaged: at the next sound batch, or at the next segment.
    ///
    /// # Errors
    /// [`ReadError::Store`] when the disk refuses.
    pub fn offset_behind(&mut self, from: Offset, file: FileName, position: u32) -> Result<Offset, ReadError<S::Error>> {
        let at = self.segments.partition_point(|segment| segment.base <= file.base);
        let next = self.segments.get(at).map_or(self.marks.log_end(), |segment| segment.base);
        let Some(segment) = at.checked_sub(1).and_then(|at| self.segments.get(at)).copied() else { return Ok(next) };
        let Some((position, offset)) = scan::next_sound(&mut self.disk, &segment, position, from)? else { return Ok(next) };
        self.remember(offset, Place { segment: segment.base, position });
        Ok(offset)
    }
}
