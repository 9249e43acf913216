//! What a state machine is here, and where its effects go.
//!
//! Four verbs: a machine *decides* in [`Machine::step`], the log *writes down* what it decided, the machine *believes* what was
//! written in [`Machine::replay`], and answers leave when their condition holds. Belief never fails and runs the same way at load.

use crate::bounded::Full;
use crate::bounded::list::List;
use crate::ids::{CallId, PartitionIndex, ProducerEpoch, ProducerId};
use crate::time::{Instant, Moment};
use crate::wire::writer::Writer;

/// A state machine whose hard state changes only by records that were written down.
pub trait Machine {
    /// What comes in.
    type Input<'a>;
    /// What is written down.
    type Record<'a>;
    /// What goes out.
    type Answer<'a>;

    /// Decides. Reads hard state and never changes it; everything it wants done stands in `fx`.
    fn step(&mut self, at: Moment, input: Self::Input<'_>, fx: &mut Effects<'_, '_, Self>);

    /// Believes one record that was written down. Total: the same records in the same order give the same state.
    fn replay(&mut self, record: &Self::Record<'_>);

    /// The earliest instant at which [`Machine::handle_timeout`] has work; `None` when nothing is waited for.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Acts on one deadline at or before `at.now` and answers whether there was one. To be called until it answers false;
    /// the effects of each call are carried out before the next. Early and repeated calls change nothing.
    fn handle_timeout(&mut self, at: Moment, fx: &mut Effects<'_, '_, Self>) -> bool;
}

/// When an answer may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At once, whatever becomes of the records of the same step.
    Now,
    /// When the records of the same step are as durable as their log promises; from a step without records, those of the steps
    /// before, since the answer may tell of them. If they cannot be written, the call gets that failure instead of this answer.
    Written,
}

/// Where answers go. The runtime's part: it encodes, holds back what must wait, and finds the caller.
pub trait Answers<M: Machine + ?Sized> {
    /// Takes the answer to `call`, which borrows from the machine: what is kept must be copied.
    fn answer(&mut self, call: CallId, when: When, answer: M::Answer<'_>);
}

/// Where a step puts what it wants done. The caller owns it, so there is nothing to forget to drain.
pub struct Effects<'e, 'm, M: Machine + ?Sized> {
    /// What is to be written down, in order.
    pub records: &'e mut Records<'m>,
    /// What is to be answered.
    pub answers: &'e mut dyn Answers<M>,
}

impl<M: Machine + ?Sized> core::fmt::Debug for Effects<'_, '_, M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Effects").field("records", &self.records).finish_non_exhaustive()
    }
}

/// Records of one step, encoded, for one partition of the machine's log.
///
/// Bounds: the capacity of its byte list. What does not fit says [`Full`] and leaves no trace.
#[derive(Debug)]
pub struct Records<'m> {
    bytes: List<'m, u8>,
    ends: List<'m, RecordEnds>,
    partition: Option<PartitionIndex>,
    transaction: Option<Transaction>,
}

/// A transaction that records belong to: they count once it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Whose it is.
    pub producer_id: ProducerId,
    /// In which incarnation.
    pub producer_epoch: ProducerEpoch,
}

/// Where a record's key and value end in the byte list; the value of a tombstone ends nowhere.
#[derive(Clone, Copy, Debug)]
pub struct RecordEnds {
    key_end: usize,
    value_end: Option<usize>,
}

/// One encoded record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodedRecord<'a> {
    /// What the record is about.
    pub key: &'a [u8],
    /// What is so from now on; `None` deletes.
    pub value: Option<&'a [u8]>,
}

impl<'m> Records<'m> {
    /// A buffer over two lists, which are emptied.
    #[must_use]
    pub fn new(mut bytes: List<'m, u8>, mut ends: List<'m, RecordEnds>) -> Self {
        bytes.clear();
        ends.clear();
        Self { bytes, ends, partition: None, transaction: None }
    }

    /// A buffer that allocates as it grows, up to `bytes_max` bytes in at most `records_max` records.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn grown(bytes_max: usize, records_max: usize) -> Self {
        Self::new(List::grown(bytes_max), List::grown(records_max))
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.partition = None;
        self.transaction = None;
    }

    /// Whether there is nothing to write down.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The partition that the records belong to; `None` before the first one.
    #[must_use]
    pub const fn partition(&self) -> Option<PartitionIndex> {
        self.partition
    }

    /// The transaction that the records belong to, if they do.
    #[must_use]
    pub const fn transaction(&self) -> Option<Transaction> {
        self.transaction
    }

    /// Makes the records of this step part of a transaction.
    pub const fn belong_to(&mut self, transaction: Transaction) {
        self.transaction = Some(transaction);
    }

    /// Adds a record: a key, and a value unless the key is to be deleted.
    ///
    /// # Errors
    /// [`Full`] when it does not fit; the buffer is then as before.
    /// # Panics
    /// When records of two partitions meet in one step: they could not be written down as one.
    pub fn push(
        &mut self,
        partition: PartitionIndex,
        key: impl FnOnce(&mut Writer<'_>),
        value: Option<&mut dyn FnMut(&mut Writer<'_>)>,
    ) -> Result<(), Full> {
        assert!(self.partition.is_none_or(|other| other == partition), "one step writes to one partition");
        let before = self.bytes.len();
        let ends = self.write(key, value).and_then(|ends| self.ends.push(ends));
        if ends.is_err() {
            self.bytes.truncate(before);
        } else {
            self.partition = Some(partition);
        }
        ends
    }

    fn write(&mut self, key: impl FnOnce(&mut Writer<'_>), value: Option<&mut dyn FnMut(&mut Writer<'_>)>) -> Result<RecordEnds, Full> {
        let mut writer = Writer::behind(&mut self.bytes);
        key(&mut writer);
        let key_end = writer.size();
        let value_end = value.map(|value| {
            value(&mut writer);
            writer.size()
        });
        if writer.overflowed() { Err(Full) } else { Ok(RecordEnds { key_end, value_end }) }
    }

    /// Takes back all records behind the first `len`.
    pub fn truncate(&mut self, len: usize) {
        let kept = len.checked_sub(1).and_then(|last| self.ends.get(last));
        let end = kept.map_or(0, |ends| ends.value_end.unwrap_or(ends.key_end));
        self.bytes.truncate(end);
        self.ends.truncate(len);
        if len == 0 {
            self.partition = None;
            self.transaction = None;
        }
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = EncodedRecord<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |ends| {
            let key = self.bytes.get(start..ends.key_end).unwrap_or_default();
            let value = ends.value_end.map(|end| self.bytes.get(ends.key_end..end).unwrap_or_default());
            start = ends.value_end.unwrap_or(ends.key_end);
            EncodedRecord { key, value }
        })
    }
}
