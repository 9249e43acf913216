//! Reading a segment that lies in the store, given pieces of its objects: where to begin, which batch, which record.
//!
//! Pure: whoever has the store gets the bytes, a piece at a time, and asks here what they say.

use crate::bounded::list::List;
use crate::ids::Offset;
use crate::log::reading::{BatchFault, FoundOffset, look_into_batch};
use crate::record::batch::{Batch, Header};
use crate::record::codec::{Codec, CodecError};
use crate::record::layout::HEADER_SIZE;
use crate::time::Timestamp;

/// What a piece of a segment says of the batch that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Located {
    /// It begins at this place of the piece, and is this large. Not all of it need be in the piece. Unit: bytes.
    At {
        /// Where in the piece.
        position: usize,
        /// How large the batch is.
        size: u32,
    },
    /// It lies behind this place of the piece: where the next batch begins, or where too little of its header is in the piece.
    Behind(usize),
    /// At this place of the piece there is something else than a batch.
    Corrupt(usize),
}

/// Walks over a piece of a segment that begins with a batch, until `is_it` says so.
pub fn locate(piece: &[u8], is_it: impl Fn(&Header) -> bool) -> Located {
    let mut position = 0usize;
    loop {
        let rest = piece.get(position..).unwrap_or_default();
        if rest.len() < HEADER_SIZE {
            return Located::Behind(position);
        }
        let Some(header) = Header::peek(rest).filter(|header| header.check().is_ok()) else { return Located::Corrupt(position) };
        if is_it(&header) {
            return Located::At { position, size: header.size() };
        }
        let size = usize::try_from(header.size()).unwrap_or(usize::MAX);
        position = position.saturating_add(size);
        if position >= piece.len() {
            return Located::Behind(position);
        }
    }
}

/// The offset behind the last batch of a piece that begins with a batch, whole or not: no record of the piece lies at or above it.
#[must_use]
pub fn end_of(piece: &[u8]) -> Option<Offset> {
    let mut rest = piece;
    let mut end = None;
    while let Some(header) = Header::peek(rest).filter(|header| header.check().is_ok()) {
        end = Some(header.next_offset());
        let size = usize::try_from(header.size()).unwrap_or(usize::MAX);
        rest = rest.get(size..).unwrap_or_default();
    }
    end
}

/// Why a batch from the store cannot be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookError {
    /// It cannot be opened.
    Codec(CodecError),
    /// It is damaged, or not whole.
    Corrupt,
}

/// The first record of the batch at the start of `bytes` that is not older than a timestamp and not below `start`.
///
/// # Errors
/// What [`LookError`] names.
pub fn find_in(
    bytes: &[u8],
    (timestamp, start): (Timestamp, Offset),
    records: &mut List<'_, u8>,
    codec: Option<&mut (dyn Codec + '_)>,
) -> Result<Option<FoundOffset>, LookError> {
    let (batch, _) = Batch::split_first(bytes).map_err(|_| LookError::Corrupt)?;
    if !batch.crc_is_right() {
        return Err(LookError::Corrupt);
    }
    look_into_batch(&batch, (timestamp, start), records, codec).map_err(|fault| match fault {
        BatchFault::Codec(error) => LookError::Codec(error),
        BatchFault::Corrupt => LookError::Corrupt,
    })
}
