//! Who wrote last: so that a batch sent twice is written once, and a transaction keeps its place.
//!
//! Source: KIP-98, KIP-360, KIP-890; `ProducerStateManager`, `ProducerAppendInfo`, `ProducerStateEntry`.

use core::fmt;

use crate::bounded::list::List;
use crate::bounded::slab::Slot;
use crate::bounded::table::{HashKey, Table};
use crate::ids::{Offset, ProducerEpoch, ProducerId, Sequence};
use crate::record::batch::{Header, ProducerStamp};
use crate::record::marker::{EndMarker, Outcome};
use crate::record::validate::{Origin, Writer};
use crate::time::{Millis, Timestamp};

use super::txn_index::AbortedTransaction;

/// How many batches of a producer are remembered: as many as it may have under way. Source: KIP-98, `NUM_BATCHES_TO_RETAIN`.
pub const BATCHES_KEPT: usize = 5;

/// A producer that was idle for this long retries nothing any more (`delivery.timeout.ms`), so that it may be forgotten when room is
/// short. To forget one earlier could let its retry in twice.
pub const RETRY_WINDOW: Millis = Millis(120_000);

/// One remembered batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchMemory {
    /// The number of its last record.
    pub last_sequence: Sequence,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// The distance from its first to its last offset.
    pub offset_delta: i32,
    /// Its largest timestamp.
    pub timestamp: Option<Timestamp>,
}

impl BatchMemory {
    /// The offset of its first record.
    #[must_use]
    pub const fn base_offset(&self) -> Offset {
        Offset(self.last_offset.0.saturating_sub(self.offset_delta as i64))
    }

    /// The number of its first record: sequences wrap, so this counts back through 0.
    fn base_sequence(&self) -> Sequence {
        let back = self.last_sequence.0.wrapping_sub(self.offset_delta);
        Sequence(if back < 0 { back & i32::MAX } else { back })
    }
}

/// What is known of one producer. Hard state: follows from the log, and is kept in `.snapshot` files to save reading it all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Its identity.
    pub id: ProducerId,
    /// Its incarnation.
    pub epoch: ProducerEpoch,
    /// Its last batches, oldest first.
    pub(super) batches: heapless::Vec<BatchMemory, BATCHES_KEPT>,
    /// The leader epoch of the coordinator that last ended one of its transactions; -1 when none did.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins.
    pub transaction_start: Option<Offset>,
    /// The time of its last write: the largest timestamp of the batch.
    pub last_timestamp: Option<Timestamp>,
}

impl Producer {
    pub(super) const fn new(id: ProducerId, epoch: ProducerEpoch) -> Self {
        Self { id, epoch, batches: heapless::Vec::new(), coordinator_epoch: -1, transaction_start: None, last_timestamp: None }
    }

    /// Its last batch.
    #[must_use]
    pub fn last_batch(&self) -> Option<&BatchMemory> {
        self.batches.last()
    }

    /// The number of its last record.
    #[must_use]
    pub fn last_sequence(&self) -> Option<Sequence> {
        self.last_batch().map(|batch| batch.last_sequence)
    }

    /// Keeps a batch in mind that it has numbered.
    fn remember(&mut self, stamp: &ProducerStamp, header: &Header) {
        if self.last_sequence().is_some_and(|last| last.plus(1) != stamp.base_sequence) {
            // Such a batch was taken because its producer had been forgotten: what was known before must not come back at load.
            self.batches.clear();
        }
        if self.batches.is_full() {
            self.batches.remove(0);
        }
        let kept = self.batches.push(BatchMemory {
            last_sequence: stamp.base_sequence.plus(header.last_offset_delta().max(0)),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta(),
            timestamp: header.max_timestamp(),
        });
        debug_assert!(kept.is_ok(), "room was made");
    }

    fn idle_since(&self, wall: Timestamp, span: Millis) -> bool {
        let idle = wall.0.saturating_sub(self.last_timestamp.map_or(i64::MIN, |stamp| stamp.0));
        self.transaction_start.is_none() && u64::try_from(idle).unwrap_or(0) > span.0
    }
}

/// Why a producer's batch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProducerError {
    /// A newer incarnation has written, or a marker of a newer one.
    InvalidEpoch {
        /// Who writes.
        producer_id: ProducerId,
        /// The incarnation known here.
        current: ProducerEpoch,
        /// The one that writes.
        found: ProducerEpoch,
    },
    /// Records are missing before this batch, or it is a duplicate older than the remembered ones.
    OutOfOrderSequence {
        /// Who writes.
        producer_id: ProducerId,
        /// The number that should come.
        expected: Sequence,
        /// The number that came.
        found: Sequence,
    },
    /// A batch outside of any transaction while one is open.
    TransactionOpen {
        /// Who writes.
        producer_id: ProducerId,
        /// Where the transaction begins.
        since: Offset,
    },
    /// A coordinator that has been followed by another ends a transaction.
    CoordinatorFenced {
        /// The coordinator's leader epoch known here.
        current: i32,
        /// The one that writes.
        found: i32,
    },
    /// The memory for producers is used up, and none of them has been idle for [`RETRY_WINDOW`].
    TooMany {
        /// How many there may be.
        limit: usize,
    },
}

impl fmt::Display for ProducerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidEpoch { producer_id, current, found } => {
                write!(f, "producer {producer_id} writes with epoch {found}, known is {current}")
            }
            Self::OutOfOrderSequence { producer_id, expected, found } => {
                write!(f, "producer {producer_id} sent sequence number {found} where {expected} should come")
            }
            Self::TransactionOpen { producer_id, since } => {
                write!(f, "producer {producer_id} writes outside of its transaction, open since offset {since}")
            }
            Self::CoordinatorFenced { current, found } => write!(f, "coordinator epoch {found} is older than {current}"),
            Self::TooMany { limit } => write!(f, "the log remembers {limit} producers and has no room for another"),
        }
    }
}

impl core::error::Error for ProducerError {}

/// What a batch is to the producers known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is to be written.
    New,
    /// It was written before, here.
    Duplicate(BatchMemory),
}

/// A transaction that has ended, but whose end may still be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedTransaction {
    first: Offset,
    marker: Offset,
}

/// All producers of a log.
///
/// Bounds: the capacity of the table. A new producer takes the place of one that expired, else of the one idle longest, when that is
/// longer than [`RETRY_WINDOW`]; else it is refused.
#[derive(Debug)]
pub struct Producers<'m> {
    table: Table<'m, Producer>,
    key: HashKey,
    /// Who was asked for last: most batches are followed by another of the same producer.
    recent: Slot,
    open_first: Option<Offset>,
    ended: List<'m, EndedTransaction>,
}

impl<'m> Producers<'m> {
    /// None yet, in this memory.
    #[must_use]
    pub fn new(table: Table<'m, Producer>, ended: List<'m, EndedTransaction>, key: HashKey) -> Self {
        let mut producers = Self { table, key, recent: Slot::NONE, open_first: None, ended };
        producers.clear();
        producers
    }

    /// All of them, in no meaningful order.
    pub fn iter(&self) -> impl Iterator<Item = &Producer> {
        self.table.iter().map(|(_, producer)| producer)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// One of them.
    #[must_use]
    pub fn find(&self, id: ProducerId) -> Option<&Producer> {
        self.table.get(self.slot(id)?)
    }

    fn slot(&self, id: ProducerId) -> Option<Slot> {
        if self.table.get(self.recent).is_some_and(|producer| producer.id == id) {
            return Some(self.recent);
        }
        if self.table.is_empty() {
            return None;
        }
        self.table.find(self.hash(id), |producer| producer.id == id)
    }

    fn hash(&self, id: ProducerId) -> u64 {
        self.key.hash(&[&id.0.to_be_bytes()])
    }

    pub(super) fn clear(&mut self) {
        while let Some(slot) = self.table.next_from(0) {
            self.table.remove(slot);
        }
        self.ended.clear();
        self.open_first = None;
    }

    /// Judges a batch before it is written. Changes nothing but who is found faster.
    ///
    /// Source: `ProducerAppendInfo`; KAFKA-19999 for markers that are written twice.
    pub(super) fn judge(&mut self, header: &Header, marker: Option<EndMarker>, writer: Writer) -> Result<Verdict, ProducerError> {
        let Some(stamp) = header.producer() else {
            return Ok(Verdict::New);
        };
        let out_of_order = |expected| ProducerError::OutOfOrderSequence { producer_id: stamp.id, expected, found: stamp.base_sequence };
        let is_numbered = writer.origin == Origin::Client;
        let slot = self.slot(stamp.id).unwrap_or(Slot::NONE);
        self.recent = slot;
        let Some(known) = self.table.get(slot) else {
            // Whose every transaction begins anew has nothing before it that could be forgotten: its first records are missing.
            let begins = !is_numbered || !writer.epoch_per_transaction || stamp.base_sequence == Sequence(0);
            return if begins { Ok(Verdict::New) } else { Err(out_of_order(Sequence(0))) };
        };
        if is_numbered && let Some(duplicate) = duplicate_of(known, &stamp, header.last_offset_delta()) {
            return Ok(Verdict::Duplicate(duplicate));
        }
        if stamp.epoch < known.epoch || (header.is_control() && writer.epoch_per_transaction && !is_end_of(known, stamp.epoch)) {
            return Err(ProducerError::InvalidEpoch { producer_id: stamp.id, current: known.epoch, found: stamp.epoch });
        }
        if header.is_control() {
            return match marker {
                Some(marker) if marker.coordinator_epoch < known.coordinator_epoch => {
                    Err(ProducerError::CoordinatorFenced { current: known.coordinator_epoch, found: marker.coordinator_epoch })
                }
                _ => Ok(Verdict::New),
            };
        }
        let expected = match known.last_sequence() {
            Some(last) if stamp.epoch == known.epoch => last.plus(1),
            _ => Sequence(0),
        };
        if is_numbered && stamp.base_sequence != expected {
            return Err(out_of_order(expected));
        }
        match known.transaction_start {
            Some(since) if !header.is_transactional() => Err(ProducerError::TransactionOpen { producer_id: stamp.id, since }),
            _ => Ok(Verdict::New),
        }
    }

    /// The transaction that a marker aborts, if it has records here; `marker` is the end of it, `header` carries its final offset.
    pub(super) fn aborted_by(&self, header: &Header, marker: Option<EndMarker>) -> Option<AbortedTransaction> {
        marker.filter(|marker| marker.outcome == Outcome::Abort)?;
        let producer_id = header.producer()?.id;
        let first_offset = self.find(producer_id)?.transaction_start?;
        let last_offset = header.last_offset();
        let others = self.iter().filter(|producer| producer.id != producer_id);
        let last_stable = others.filter_map(|producer| producer.transaction_start).min().unwrap_or(header.next_offset());
        Some(AbortedTransaction { producer_id, first_offset, last_offset, last_stable })
    }

    /// Makes sure that [`Producers::apply`] will have room for the writer of this batch.
    pub(super) fn reserve(&mut self, wall: Timestamp, header: &Header) -> Result<(), ProducerError> {
        let Some(stamp) = header.producer() else { return Ok(()) };
        if self.slot(stamp.id).is_some() || !self.table.is_full() {
            return Ok(());
        }
        match self.idlest() {
            Some(slot) if self.table.get(slot).is_some_and(|idlest| idlest.idle_since(wall, RETRY_WINDOW)) => {
                self.table.remove(slot);
                Ok(())
            }
            _ => Err(ProducerError::TooMany { limit: self.table.capacity() }),
        }
    }

    fn idlest(&self) -> Option<Slot> {
        let closed = self.table.iter().filter(|(_, producer)| producer.transaction_start.is_none());
        closed.min_by_key(|(_, producer)| producer.last_timestamp).map(|(slot, _)| slot)
    }

    /// Believes a batch that was written; `header` carries its final offset. Total: also runs when a log is opened.
    pub(super) fn apply(&mut self, header: &Header, marker: Option<EndMarker>) {
        let Some(stamp) = header.producer() else { return };
        // Control records of other kinds are no producer's.
        if header.is_control() && marker.is_none() {
            return;
        }
        let Some(producer) = self.entry(stamp.id, stamp.epoch) else {
            return;
        };
        if producer.epoch != stamp.epoch {
            producer.epoch = stamp.epoch;
            producer.batches.clear();
        }
        producer.last_timestamp = header.max_timestamp();
        if let Some(marker) = marker {
            producer.coordinator_epoch = marker.coordinator_epoch;
            if let Some(first) = producer.transaction_start.take() {
                self.end_transaction(first, header.last_offset());
            }
            return;
        }
        if stamp.base_sequence.0 >= 0 {
            producer.remember(&stamp, header);
        }
        if header.is_transactional() && producer.transaction_start.is_none() {
            producer.transaction_start = Some(header.base_offset());
            let first = header.base_offset();
            self.open_first = Some(self.open_first.map_or(first, |open| open.min(first)));
        }
    }

    /// The entry of a producer, made when missing. A full table forgets the idlest: `reserve` has refused before, and at load the
    /// log says more than the memory holds. `None` only when all have transactions open.
    fn entry(&mut self, id: ProducerId, epoch: ProducerEpoch) -> Option<&mut Producer> {
        let slot = match self.slot(id) {
            Some(slot) => slot,
            None => self.put(Producer::new(id, epoch))?,
        };
        self.table.get_mut(slot)
    }

    fn put(&mut self, producer: Producer) -> Option<Slot> {
        if self.table.is_full() {
            let idlest = self.idlest()?;
            self.table.remove(idlest);
        }
        self.table.insert(self.hash(producer.id), producer).ok()
    }

    /// Takes a producer as a snapshot describes it.
    pub(super) fn restore(&mut self, producer: Producer) {
        if let Some(first) = producer.transaction_start {
            self.open_first = Some(self.open_first.map_or(first, |open| open.min(first)));
        }
        self.put(producer);
    }

    fn end_transaction(&mut self, first: Offset, marker: Offset) {
        self.open_first = self.iter().filter_map(|producer| producer.transaction_start).min();
        if self.ended.push(EndedTransaction { first, marker }).is_err() {
            // No room: two ended transactions count as one that spans both, which holds readers back longer and never too short.
            if let Some(last) = self.ended.last_mut() {
                last.first = last.first.min(first);
                last.marker = marker;
            } else {
                self.open_first = Some(self.open_first.map_or(first, |open| open.min(first)));
            }
        }
    }

    /// Where the first transaction begins whose end is not safe yet. Source: `ProducerStateManager.firstUnstableOffset`.
    pub(super) fn undecided(&mut self, high_watermark: Offset) -> Option<Offset> {
        while self.ended.first().is_some_and(|ended| ended.marker < high_watermark) {
            self.ended.remove(0);
        }
        let ended = self.ended.iter().map(|ended| ended.first).min();
        match (self.open_first, ended) {
            (Some(open), Some(ended)) => Some(open.min(ended)),
            (open, ended) => open.or(ended),
        }
    }

    /// Forgets those that have not written for `expiration`; answers how many. Never one with an open transaction.
    pub(super) fn expire(&mut self, wall: Timestamp, expiration: Millis) -> usize {
        let before = self.table.len();
        let mut from = 0;
        while let Some(slot) = self.table.next_from(from) {
            from = slot.index() + 1;
            if self.table.get(slot).is_some_and(|producer| producer.idle_since(wall, expiration)) {
                self.table.remove(slot);
            }
        }
        before - self.table.len()
    }
}

/// Whether a marker of this epoch ends the open transaction of a producer that uses up an epoch with each; or is written once more.
fn is_end_of(known: &Producer, epoch: ProducerEpoch) -> bool {
    epoch > known.epoch || known.transaction_start.is_none() || epoch.0 == i16::MAX
}

fn duplicate_of(known: &Producer, stamp: &ProducerStamp, last_offset_delta: i32) -> Option<BatchMemory> {
    // The next one in order is none of those before it.
    if known.epoch != stamp.epoch || known.last_sequence().is_none_or(|last| last.plus(1) == stamp.base_sequence) {
        return None;
    }
    let last_sequence = stamp.base_sequence.plus(last_offset_delta.max(0));
    let same = |batch: &&BatchMemory| batch.base_sequence() == stamp.base_sequence && batch.last_sequence == last_sequence;
    known.batches.iter().find(same).copied()
}

#[cfg(test)]
#[cfg(feature = "alloc")]
#[path = "producers_tests.rs"]
mod tests;
