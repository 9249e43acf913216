//! Reading whole batches into memory, for those who look at every record: machines that are loaded from their log.

use crate::bounded::list::List;
use crate::ids::Offset;
use crate::record::batch::Batch;
use crate::store::segment_store::SegmentStore;

use super::error::ReadError;
use super::partition_log::PartitionLog;
use super::reading::ReadUpTo;

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
        let Some(slice) = range.bytes else { return Ok(from) };
        let size = usize::try_from(slice.size).unwrap_or(usize::MAX);
        batches.fill_to(size, 0).map_err(|_| ReadError::ScratchTooSmall { needed: slice.size })?;
        let count = self.disk.read(slice.file, slice.position, batches)?.len();
        batches.truncate(count);
        let mut next = from;
        let mut whole = 0;
        let mut rest: &[u8] = batches;
        while let Ok((batch, behind)) = Batch::split_first(rest) {
            next = batch.header().next_offset();
            whole += batch.bytes().len();
            rest = behind;
        }
        batches.truncate(whole);
        Ok(next)
    }
}
