//! A batch without some of its records: what compaction makes of it. Source: `MemoryRecords.filterTo`; KIP-534.
//!
//! Whatever goes, the batch keeps its place and its name: base offset, last offset delta, leader epoch, producer, epoch and sequence.

use crate::bounded::Full;
use crate::bounded::list::List;
use crate::time::Timestamp;
use crate::wire::varint;

use super::batch::Header;
use super::layout;
use super::records::{Record, RecordError, Records};

/// What is left of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Kept {
    /// How many records.
    pub count: i32,
    /// How many were left out.
    pub removed: i32,
    /// How many of the kept ones are tombstones.
    pub tombstones: i32,
    /// The largest timestamp of the kept ones; -1 when they have none. Unit: ms since the epoch.
    pub max_timestamp: i64,
}

/// Why records could not be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterError {
    /// The bytes are not the records they should be.
    Record(RecordError),
    /// The list that they go to is full.
    Full,
}

impl From<RecordError> for FilterError {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

impl From<Full> for FilterError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

/// Copies the records of an uncompressed body that `keep` wants, as they are, behind what `out` holds.
///
/// # Errors
/// What [`FilterError`] names; `out` may then hold a part of them.
pub fn copy_records(
    header: &Header,
    body: &[u8],
    out: &mut List<'_, u8>,
    mut keep: impl FnMut(&Record<'_>) -> bool,
) -> Result<Kept, FilterError> {
    let mut kept = Kept { max_timestamp: -1, ..Kept::default() };
    let mut records = Records::new(body, header.record_count());
    let mut rest = body;
    while let Some(record) = records.next() {
        let record = record?;
        let behind = records.rest();
        let bytes = rest.get(..rest.len() - behind.len()).unwrap_or_default();
        rest = behind;
        if !keep(&record) {
            kept.removed += 1;
            continue;
        }
        kept.count += 1;
        kept.tombstones += i32::from(record.value.is_none());
        kept.max_timestamp = kept.max_timestamp.max(header.base_timestamp().wrapping_add(record.timestamp_delta));
        out.extend_from_slice(bytes)?;
    }
    Ok(kept)
}

/// Copies records behind what `out` holds, and lets their times count from `base` instead of from what the header says.
///
/// # Errors
/// What [`FilterError`] names; `out` may then hold a part of them.
pub fn rebase_records(header: &Header, count: i32, body: &[u8], base: Timestamp, out: &mut List<'_, u8>) -> Result<(), FilterError> {
    let mut records = Records::new(body, count);
    let mut rest = body;
    while let Some(record) = records.next() {
        let record = record?;
        let behind = records.rest();
        let bytes = rest.get(..rest.len() - behind.len()).unwrap_or_default();
        rest = behind;
        // Length, attributes, the distance in time, and everything else as it is.
        let tail = tail_of(bytes).ok_or(RecordError::Truncated)?;
        let delta = varint::encode_i64(header.base_timestamp().wrapping_add(record.timestamp_delta).wrapping_sub(base.0));
        let size = 1 + delta.as_slice().len() + tail.len();
        out.extend_from_slice(varint::encode_i64(i64::try_from(size).unwrap_or(i64::MAX)).as_slice())?;
        out.extend_from_slice(&[record.attributes.cast_unsigned()])?;
        out.extend_from_slice(delta.as_slice())?;
        out.extend_from_slice(tail)?;
    }
    Ok(())
}

/// What stands behind the distance in time of a whole record.
fn tail_of(record: &[u8]) -> Option<&[u8]> {
    let (_, length_size) = varint::decode_i32(record)?;
    let fields = record.get(length_size + 1..)?;
    let (_, delta_size) = varint::decode_i64(fields)?;
    fields.get(delta_size..)
}

/// The header of a batch whose records are gone: what it says of its producer and of its offsets stays.
#[must_use]
pub fn emptied(header: &Header) -> Header {
    let mut empty = *header;
    let attributes = header.attributes() & !(layout::COMPRESSION_MASK | layout::DELETE_HORIZON);
    empty.set(layout::ATTRIBUTES, attributes.to_be_bytes());
    empty.set(layout::BASE_TIMESTAMP, (-1i64).to_be_bytes());
    empty.set(layout::RECORD_COUNT, 0i32.to_be_bytes());
    empty.seal(&[]);
    empty
}

/// The header of a batch that holds `kept` of its records, as `body`, compressed as before. With `horizon` its tombstones or its marker
/// may go from then on, and `body` counts its times from there.
#[must_use]
pub fn refitted(header: &Header, kept: &Kept, horizon: Option<Timestamp>, body: &[u8]) -> Header {
    let mut fitted = *header;
    if let Some(horizon) = horizon {
        fitted.set(layout::ATTRIBUTES, (header.attributes() | layout::DELETE_HORIZON).to_be_bytes());
        fitted.set(layout::BASE_TIMESTAMP, horizon.0.to_be_bytes());
    }
    // Where all records carry the time of the append, that one is theirs whichever of them are left.
    if !header.has_log_append_time() {
        fitted.set(layout::MAX_TIMESTAMP, kept.max_timestamp.to_be_bytes());
    }
    fitted.set(layout::RECORD_COUNT, kept.count.to_be_bytes());
    fitted.seal(body);
    fitted
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::super::batch::Batch;
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn what_is_kept_keeps_its_offsets_and_its_times_whatever_they_count_from() {
        let bytes = super::super::builder::tests::sample(9);
        let (batch, _) = Batch::split_first(&bytes).unwrap();
        let header = batch.header();
        let mut body = List::grown(1 << 16);
        let kept = copy_records(header, batch.body(), &mut body, |record| record.offset_delta % 4 == 1).unwrap();
        assert_eq!(kept, Kept { count: 2, removed: 7, tombstones: 0, max_timestamp: 1005 });
        let horizon = Timestamp(5_000_000_000);
        let mut rebased = List::grown(1 << 16);
        rebase_records(header, kept.count, &body, horizon, &mut rebased).unwrap();
        for (horizon, body) in [(None, &body), (Some(horizon), &rebased)] {
            let fitted = refitted(header, &kept, horizon, body);
            let whole = [fitted.as_bytes().as_slice(), body].concat();
            let (fitted, rest) = Batch::split_first(&whole).unwrap();
            assert!(fitted.crc_is_right() && rest.is_empty());
            assert_eq!(fitted.header().delete_horizon(), horizon);
            assert_eq!((fitted.header().last_offset_delta(), fitted.header().max_timestamp()), (8, Some(Timestamp(1005))));
            let base = fitted.header().base_timestamp();
            let read: Vec<_> = fitted.records().unwrap().map(Result::unwrap).collect();
            let of = |record: &Record<'_>| (record.offset_delta, base + record.timestamp_delta, record.headers.count());
            assert_eq!(read.iter().map(of).collect::<Vec<_>>(), [(1, 1001, 1), (5, 1005, 1)]);
        }
    }

    #[test]
    fn an_empty_batch_says_who_wrote_it_and_where_it_ends() {
        let bytes = super::super::builder::tests::sample(9);
        let (batch, _) = Batch::split_first(&bytes).unwrap();
        let empty = emptied(batch.header());
        let (read, rest) = Batch::split_first(empty.as_bytes()).unwrap();
        assert!(read.crc_is_right() && rest.is_empty() && read.bytes().len() == layout::HEADER_SIZE);
        assert_eq!(
            (read.header().last_offset(), read.header().max_timestamp()),
            (batch.header().last_offset(), batch.header().max_timestamp())
        );
        assert_eq!(read.records().unwrap().count(), 0);
    }
}
