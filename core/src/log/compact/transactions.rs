//! Which records were aborted, and which markers are still needed. Source: `CleanedTransactionMetadata`.

use crate::bounded::list::List;
use crate::ids::{Offset, ProducerId};
use crate::log::disk::{Disk, DiskResult};
use crate::log::segment::Segment;
use crate::log::txn_index::{self, AbortedTransaction, Look};
use crate::store::segment_store::SegmentStore;

/// How loading the aborted transactions of a segment has ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::log) enum Loaded {
    Whole,
    /// The memory does not hold them all.
    TooMany,
    /// An index cannot be read.
    Unreadable(Segment),
}

/// The transactions of the segment that is being read, and those that began before.
#[derive(Debug)]
pub(in crate::log) struct Transactions<'m> {
    /// Those that were aborted and have records in the segment, by producer and first offset.
    aborted: List<'m, AbortedTransaction>,
    /// Producers whose transaction has left batches so far, whatever became of their records; rising.
    open: List<'m, ProducerId>,
    /// Whether there was no memory for one of them: then every marker may be needed.
    forgetful: bool,
}

impl<'m> Transactions<'m> {
    pub(in crate::log) fn new(mut aborted: List<'m, AbortedTransaction>, mut open: List<'m, ProducerId>) -> Self {
        aborted.clear();
        open.clear();
        Self { aborted, open, forgetful: false }
    }

    /// Begins to read from the first segment once more.
    pub(in crate::log) fn restart(&mut self) {
        self.open.clear();
        self.forgetful = false;
    }

    /// How many aborted transactions there is memory for.
    pub(in crate::log) fn limit(&self) -> usize {
        self.aborted.capacity()
    }

    /// Loads what was aborted among the records from `from` to `below`: their markers lie in `segments`, the first of which holds `from`.
    pub(in crate::log) fn load<S: SegmentStore>(
        &mut self,
        disk: &mut Disk<S>,
        segments: &[Segment],
        (from, below): (Offset, Offset),
    ) -> DiskResult<S, Loaded> {
        self.aborted.clear();
        let mut fits = true;
        let aborted = &mut self.aborted;
        for segment in segments.iter().filter(|segment| segment.txn_entries > 0) {
            let look = txn_index::collect(disk, segment, (from, below), &mut |entry| fits &= aborted.push(entry).is_ok())?;
            match look {
                _ if !fits => return Ok(Loaded::TooMany),
                Look::GoesOn => {}
                Look::Done => break,
                Look::Unreadable => return Ok(Loaded::Unreadable(*segment)),
            }
        }
        aborted.sort_unstable_by_key(|entry| (entry.producer_id, entry.first_offset));
        Ok(Loaded::Whole)
    }

    /// The aborted transaction that a batch of a producer belongs to, its marker included.
    pub(in crate::log) fn aborted(&self, producer: ProducerId, base: Offset) -> Option<AbortedTransaction> {
        let above = self.aborted.partition_point(|entry| (entry.producer_id, entry.first_offset) <= (producer, base));
        let entry = self.aborted.get(above.checked_sub(1)?)?;
        (entry.producer_id == producer && base <= entry.last_offset).then_some(*entry)
    }

    /// A batch of a transaction was come across, even one without records.
    pub(in crate::log) fn saw_batch(&mut self, producer: ProducerId) {
        if let Err(at) = self.open.binary_search(&producer) {
            self.forgetful |= self.open.insert(at, producer).is_err();
        }
    }

    /// A marker was come across. Answers whether it is needed: whether batches of the transaction that it ends are still there.
    pub(in crate::log) fn ended(&mut self, producer: ProducerId) -> bool {
        let found = self.open.binary_search(&producer).ok().and_then(|at| self.open.remove(at));
        found.is_some() || self.forgetful
    }
}
