//! Which transactions of a segment were aborted: what readers of committed records must leave out. Source: KIP-98, `TransactionIndex`.
//!
//! An entry is written behind the marker that aborts a transaction which has records here, into the file of the marker's segment:
//! ```text
//! .txnindex    { i16 version 0, i64 producer id, i64 first offset, i64 offset of the marker, i64 last stable offset }    34 bytes
//! ```
//! Entries rise by the offset of their marker. A segment without any has no such file.

use crate::ids::{Offset, ProducerId};
use crate::store::file_name::FileKind;
use crate::store::segment_store::SegmentStore;
use crate::wire::reader::Reader;

use super::disk::{Disk, DiskResult, Inflow};
use super::segment::Segment;

/// The size of an entry. Unit: bytes.
pub const TXN_ENTRY_SIZE: u32 = 34;

const VERSION: i16 = 0;

/// An aborted transaction, as far as one log knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose it was.
    pub producer_id: ProducerId,
    /// The offset of its first record.
    pub first_offset: Offset,
    /// The offset of the marker that ended it.
    pub last_offset: Offset,
    /// Where the last stable offset stood behind the marker: whoever reads no further than this need not look at later entries.
    pub last_stable: Offset,
}

impl AbortedTransaction {
    fn encode(&self) -> [u8; 34] {
        let mut entry = heapless::Vec::<u8, 34>::new();
        for field in [
            VERSION.to_be_bytes().as_slice(),
            &self.producer_id.0.to_be_bytes(),
            &self.first_offset.0.to_be_bytes(),
            &self.last_offset.0.to_be_bytes(),
            &self.last_stable.0.to_be_bytes(),
        ] {
            let fits = entry.extend_from_slice(field);
            debug_assert!(fits.is_ok(), "the fields are as wide as the entry");
        }
        entry.into_array().unwrap_or([0; 34])
    }

    /// `None` when the entry is of a version that nobody has written yet.
    fn decode(entry: &[u8; 34]) -> Option<Self> {
        let mut fields = Reader::new(entry);
        let version = fields.array().map(i16::from_be_bytes).ok()?;
        let mut number = || fields.array().map(i64::from_be_bytes).ok();
        let (producer_id, first, last, stable) = (number()?, number()?, number()?, number()?);
        (version == VERSION).then_some(Self {
            producer_id: ProducerId(producer_id),
            first_offset: Offset(first),
            last_offset: Offset(last),
            last_stable: Offset(stable),
        })
    }
}

/// Writes an entry behind those that the segment has.
pub(super) fn append<S: SegmentStore>(disk: &mut Disk<S>, segment: &mut Segment, aborted: &AbortedTransaction) -> DiskResult<S, ()> {
    let position = u64::from(segment.txn_entries) * u64::from(TXN_ENTRY_SIZE);
    disk.write(segment.file(FileKind::TxnIndex), position, &[&aborted.encode()])?;
    segment.txn_entries += 1;
    segment.indexes_synced = false;
    Ok(())
}

/// How a look through the entries of one segment has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Entries of later segments may concern the same records.
    GoesOn,
    /// None of them does.
    Done,
    /// There is an entry that cannot be read.
    Unreadable,
}

/// Shows the transactions that have records in a range of offsets and were aborted in this segment, in the order of their markers.
/// Source: `TransactionIndex.collectAbortedTxns`.
pub(super) fn collect<S: SegmentStore>(
    disk: &mut Disk<S>,
    segment: &Segment,
    range: (Offset, Offset),
    each: &mut dyn FnMut(AbortedTransaction),
) -> DiskResult<S, Look> {
    let mut entries = Inflow::new(disk, segment.file(FileKind::TxnIndex));
    for _ in 0..segment.txn_entries {
        let Some(aborted) = entries.array()?.and_then(|entry| AbortedTransaction::decode(&entry)) else { return Ok(Look::Unreadable) };
        if show(aborted, range, each) {
            return Ok(Look::Done);
        }
    }
    Ok(Look::GoesOn)
}

/// Shows a transaction that has records in `from..below`. Answers whether none behind it has any.
fn show(aborted: AbortedTransaction, (from, below): (Offset, Offset), each: &mut dyn FnMut(AbortedTransaction)) -> bool {
    if aborted.last_offset >= from && aborted.first_offset < below {
        each(aborted);
    }
    aborted.last_stable >= below
}

/// The same of entries that lie in memory.
#[must_use]
pub fn collect_from(entries: &[u8], range: (Offset, Offset), each: &mut dyn FnMut(AbortedTransaction)) -> Look {
    let (whole, rest) = entries.as_chunks();
    for entry in whole {
        let Some(aborted) = AbortedTransaction::decode(entry) else { return Look::Unreadable };
        if show(aborted, range, each) {
            return Look::Done;
        }
    }
    if rest.is_empty() { Look::GoesOn } else { Look::Unreadable }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;
    use crate::time::Timestamp;
    use alloc::vec::Vec;

    #[test]
    fn only_what_overlaps_is_shown_and_the_look_ends_where_nothing_more_can_come() {
        let mut disk = Disk { store: MemoryStore::grown(1 << 16, 4) };
        let mut segment = Segment::new(Offset(0), Timestamp(0));
        for at in 0..20 {
            let (first, last) = (Offset(at * 10), Offset(at * 10 + 5));
            let aborted =
                AbortedTransaction { producer_id: ProducerId(at), first_offset: first, last_offset: last, last_stable: Offset(last.0 + 1) };
            append(&mut disk, &mut segment, &aborted).unwrap();
        }
        let mut look = |from, below| {
            let mut seen = Vec::new();
            let end = collect(&mut disk, &segment, (Offset(from), Offset(below)), &mut |aborted| seen.push(aborted.producer_id.0)).unwrap();
            (seen, end)
        };
        assert_eq!(look(15, 31), (Vec::from([1, 2, 3]), Look::Done));
        assert_eq!(look(16, 30), (Vec::from([2]), Look::Done));
        assert_eq!(look(196, 300), (Vec::new(), Look::GoesOn));
        assert_eq!(disk.size(segment.file(FileKind::TxnIndex)).unwrap(), Some(680));
        disk.write(segment.file(FileKind::TxnIndex), 34, &[&[1]]).unwrap();
        assert_eq!(collect(&mut disk, &segment, (Offset(0), Offset(99)), &mut |_| ()).unwrap(), Look::Unreadable);
    }
}
