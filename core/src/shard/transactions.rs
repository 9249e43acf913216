//! Turns of transactions: the coordinator's, and the markers that carry its decisions into the logs.
//!
//! A decision is written to `__transaction_state`. When it is safe there, a marker is written to every partition that the transaction
//! reaches; when these are safe, the transaction is complete. Each step waits for the one before, since a loss of power may take
//! whatever is not safe: a marker without its decision could end a transaction here that is ended otherwise there.
//!
//! A log may still be left with an open transaction that no coordinator knows, when a loss of power took the record by which its
//! partition joined, and left the data. Nobody was told that either is safe, so it is aborted when the log is opened.

use core::ops::Range;

use crate::bounded::list::List;
use crate::bounded::slab::Slot;
use crate::catalog::answer::Answer as CatalogAnswer;
use crate::catalog::catalog::Catalog;
use crate::catalog::input::{AllocateProducerIds, Input as CatalogInput};
use crate::catalog::name;
use crate::group::record::GroupRecord;
use crate::ids::{CallId, PartitionIndex, ProducerEpoch, ProducerId, Sequence, TopicId};
use crate::log::error::AppendError;
use crate::log::producers::ProducerError;
use crate::machine::{Answers, Effects, Machine as _, When};
use crate::record::batch::ProducerStamp;
use crate::record::builder::{BatchOptions, Builder};
use crate::record::marker::{EndMarker, Outcome as End};
use crate::record::validate;
use crate::time::{Instant, Millis, Moment};
use crate::txn::answer::Identity;
use crate::txn::coordinator::Coordinator;
use crate::txn::input::{Complete, Input};
use crate::txn::record::TxnRecord;
use crate::txn::state::Marker;
use crate::txn::view::{Decision, PartitionPlace};

use super::directory::{LogDirectory, PartitionName};
use super::error::{PartitionError, WriteError};
use super::logs::{PartitionTable, Written};
use super::parked::{Outcome, Release};
use super::shard::{Shard, StoreFailure};
use super::turn::{Nobody, machine_rules};

/// How long a marker or a completion waits that could not be written, for want of room perhaps.
const RETRY: Millis = Millis(1000);

/// What the answers of a turn wait for: the log of the coordinator, and the catalogue when that gave out producer ids.
pub type TurnWritten = heapless::Vec<Written, 2>;

/// A call that waits for the end of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndWait {
    transaction: Slot,
    wait: Slot,
    call: CallId,
}

/// The transactions of a shard, and how far their ends have come.
#[derive(Debug)]
pub(super) struct Transactions<'m> {
    pub(super) coordinator: Coordinator<'m>,
    /// Who waits for the end of which, in the order in which they came.
    waits: List<'m, EndWait>,
    /// Producer ids that were allocated and not handed out yet.
    producer_ids: Range<i64>,
    /// When something that could not be written is tried again.
    retry_at: Option<Instant>,
    /// Whether everything that the coordinator ever wrote down could be loaded: else nobody can say that a transaction is unknown.
    pub(super) is_whole: bool,
    /// Whether it was loaded.
    is_loaded: bool,
}

impl<'m> Transactions<'m> {
    pub(super) const fn new(coordinator: Coordinator<'m>, waits: List<'m, EndWait>) -> Self {
        Self { coordinator, waits, producer_ids: 0..0, retry_at: None, is_whole: true, is_loaded: false }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.coordinator.poll_timeout().into_iter().chain(self.retry_at).min()
    }
}

/// How far the end of a transaction has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Something is not safe yet.
    Waits,
    /// Something could not be written.
    Failed,
    /// Everything is safe.
    Done,
}

/// The coordinator's turns.
impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// A producer id that nobody else has. Before it may be told, everything must be committed that
    /// [`Shard::uncommitted_catalog`] names.
    ///
    /// # Errors
    /// When the catalogue cannot write down that it is taken.
    pub fn producer_id(&mut self, at: Moment, out: &mut dyn Release) -> Result<ProducerId, WriteError<StoreFailure<'m, D>>> {
        // What transactions have from before is taken, even if a loss of power took the allocation that it came from: one or two blocks.
        for _ in 0..3 {
            let taken = self.transactions.coordinator.producer_id_max().map_or(-1, |id| id.0);
            if let Some(id) = self.transactions.producer_ids.find(|id| *id > taken) {
                return Ok(ProducerId(id));
            }
            let mut allocated = Allocated(None);
            let input = CatalogInput::AllocateProducerIds(AllocateProducerIds { call: CallId(0) });
            self.catalog_turn(at, input, &mut allocated, out)?;
            self.transactions.producer_ids = allocated.0.ok_or(WriteError::TooLarge)?;
        }
        Err(WriteError::TooLarge)
    }

    /// A turn of the transaction coordinator. Answers the log ends that answers marked [`When::Written`] wait for.
    ///
    /// # Errors
    /// When what the step decided cannot be written down: answers so marked must be replaced by that failure.
    pub fn transaction(
        &mut self,
        at: Moment,
        input: Input<'_>,
        answers: &mut dyn Answers<Coordinator<'m>>,
        out: &mut dyn Release,
    ) -> Result<TurnWritten, WriteError<StoreFailure<'m, D>>> {
        self.lend_producer_id(at, out);
        self.records.clear();
        self.transactions.coordinator.step(at, input, &mut Effects { records: &mut self.records, answers });
        let mut written = TurnWritten::new();
        if self.records.is_empty() {
            // What is told now may have been decided by a step whose records are not safe yet.
            let before = input.transactional_id().and_then(|id| self.uncommitted_transaction(id));
            written.extend(before);
        } else {
            written.extend(self.write_down_transaction(at, out)?);
        }
        written.extend(self.uncommitted_catalog());
        Ok(written)
    }

    /// Acts on one deadline of the transaction coordinator. Answers whether one was due, and why what it decided could not be written.
    pub fn transactions_timeout(
        &mut self,
        at: Moment,
        out: &mut dyn Release,
    ) -> Option<Result<Option<Written>, WriteError<StoreFailure<'m, D>>>> {
        if self.transactions.coordinator.poll_timeout().is_none_or(|due| due > at.now) {
            return None;
        }
        self.lend_producer_id(at, out);
        self.records.clear();
        let acted = self.transactions.coordinator.handle_timeout(at, &mut Effects { records: &mut self.records, answers: &mut Nobody });
        acted.then(|| self.write_down_transaction(at, out))
    }

    /// Sees to it that the coordinator has a producer id to spare. Without one it refuses whoever needs it, and nobody else.
    fn lend_producer_id(&mut self, at: Moment, out: &mut dyn Release) {
        if self.transactions.coordinator.wants_producer_id()
            && let Ok(id) = self.producer_id(at, out)
        {
            self.transactions.coordinator.give_producer_id(id);
        }
    }

    fn write_down_transaction(&mut self, at: Moment, out: &mut dyn Release) -> Result<Option<Written>, WriteError<StoreFailure<'m, D>>> {
        let Some(index) = self.records.partition() else { return Ok(None) };
        let written = match self.write_down_in(at, name::TRANSACTION_STATE, index, out) {
            Ok(written) => written,
            Err(error) => {
                self.transactions.coordinator.not_written(at);
                return Err(error);
            }
        };
        for record in self.records.iter() {
            let record = TxnRecord::decode(record);
            debug_assert!(record.is_ok(), "what a machine encodes, it can decode");
            if let Ok(record) = record {
                self.transactions.coordinator.replay(&record);
            }
        }
        self.transactions.coordinator.decided_at(written.end);
        self.logs.stirred = true;
        Ok(Some(written))
    }

    /// The end of the log that keeps a transaction, while it is not committed.
    #[must_use]
    pub fn uncommitted_transaction(&self, transactional_id: &str) -> Option<Written> {
        let topic = self.catalog.topic(name::TRANSACTION_STATE)?;
        self.uncommitted(self.logs.find(topic.topic_id, self.transactions.coordinator.partition_of(transactional_id))?)
    }

    /// Lets a call wait until a transaction that is decided has come to its end. Answers whether it waits; if not, there is no such
    /// transaction, or there are too many who do.
    pub fn await_end(&mut self, call: CallId, due: Instant, transactional_id: &str) -> bool {
        let Some(transaction) = self.transactions.coordinator.ending_of(transactional_id) else { return false };
        if self.transactions.waits.is_full() {
            let mut at = 0;
            while let Some(waits) = self.transactions.waits.get(at).copied() {
                if self.logs.parked.is_kept(waits.wait, waits.call) {
                    at += 1;
                } else {
                    self.transactions.waits.remove(at);
                }
            }
        }
        if self.transactions.waits.is_full() {
            return false;
        }
        let Ok(wait) = self.logs.parked.keep(call, due) else { return false };
        self.transactions.waits.push(EndWait { transaction, wait, call }).is_ok()
    }
}

/// The end of transactions.
impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// Carries the ends of transactions as far as they can go now: to be called whenever a turn is over. Answers each failure to `failed`;
    /// what failed is tried again after a while.
    pub fn proceed(
        &mut self,
        at: Moment,
        out: &mut dyn Release,
        failed: &mut dyn FnMut(PartitionName<'_>, &WriteError<StoreFailure<'m, D>>),
    ) {
        let retries = self.transactions.retry_at.is_some_and(|due| due <= at.now);
        if retries {
            self.transactions.retry_at = None;
            self.logs.stirred = true;
        }
        while core::mem::take(&mut self.logs.stirred) && self.transactions.coordinator.is_ending() {
            let mut last = None;
            while let Some(transaction) = self.transactions.coordinator.ending(last) {
                let mut progress = self.advance(at, transaction, out, failed);
                if progress == Progress::Done {
                    progress = self.complete(at, transaction, out, failed);
                }
                if progress == Progress::Failed {
                    self.transactions.retry_at.get_or_insert(at.now.after(RETRY));
                }
                // One that is complete stands there no more: the look goes on behind the one before it.
                if progress != Progress::Done {
                    last = Some(transaction);
                }
            }
        }
    }

    /// Writes the markers of a decision that is safe.
    fn advance(
        &mut self,
        at: Moment,
        transaction: Slot,
        out: &mut dyn Release,
        failed: &mut dyn FnMut(PartitionName<'_>, &WriteError<StoreFailure<'m, D>>),
    ) -> Progress {
        let Some(decision) = self.transactions.coordinator.decision(transaction) else { return Progress::Waits };
        if !self.is_decision_safe(&decision) {
            return Progress::Waits;
        }
        let mut progress = Progress::Done;
        let mut last = None;
        while let Some(place) = self.transactions.coordinator.next_place(transaction, last) {
            last = Some(place);
            let (marker, failure) = self.advance_marker(at, &decision, place, out);
            if let Some((topic_id, index, error)) = failure {
                let topic = self.catalog.topic_by_id(topic_id).map_or("", |topic| topic.name);
                failed(PartitionName { topic, topic_id, index }, &error);
                progress = Progress::Failed;
            } else if marker != Marker::Safe && progress == Progress::Done {
                progress = Progress::Waits;
            }
            self.transactions.coordinator.marked(place, marker);
        }
        progress
    }

    fn is_decision_safe(&self, decision: &Decision) -> bool {
        let Some(end) = decision.decided_at else { return false };
        let topic = self.catalog.topic(name::TRANSACTION_STATE);
        let log =
            topic.and_then(|topic| self.logs.find(topic.topic_id, decision.partition)).and_then(|slot| self.logs.partitions.get(slot));
        log.is_some_and(|partition| partition.log.watermarks().high_watermark() >= end)
    }

    /// Looks after the marker of one partition. Answers what has become of it, and what went wrong.
    #[expect(clippy::type_complexity, reason = "a marker, and whose failure it is if it failed")]
    fn advance_marker(
        &mut self,
        at: Moment,
        decision: &Decision,
        place: PartitionPlace,
        out: &mut dyn Release,
    ) -> (Marker, Option<(TopicId, PartitionIndex, WriteError<StoreFailure<'m, D>>)>) {
        let Some((topic, index, marker)) = self.transactions.coordinator.marker_at(place) else { return (Marker::Safe, None) };
        match marker {
            Marker::Safe => (Marker::Safe, None),
            Marker::Written(topic_id, end) => {
                // A topic that is gone has taken its part of the transaction along.
                let is_there = self.catalog.topic_by_id(topic_id).is_some();
                let log = self.logs.find(topic_id, index).and_then(|slot| self.logs.partitions.get(slot));
                let is_safe = log.is_some_and(|partition| partition.log.watermarks().high_watermark() >= end);
                (if is_safe || !is_there { Marker::Safe } else { marker }, None)
            }
            Marker::Missing => {
                let Some(view) = self.catalog.topic(topic) else { return (Marker::Safe, None) };
                let (topic_id, slot) = (view.topic_id, view.slot);
                let written =
                    self.log_of(at, slot, index).map_err(WriteError::Partition).and_then(|log| self.append_marker(at, log, decision, out));
                match written {
                    Ok(written) => (Marker::Written(topic_id, written.end), None),
                    // There is no such partition, or a newer producer has written to it: nothing of this transaction is open there.
                    Err(
                        WriteError::Partition(PartitionError::Unknown)
                        | WriteError::Append(AppendError::Producer(ProducerError::InvalidEpoch { .. })),
                    ) => (Marker::Safe, None),
                    Err(error) => (Marker::Missing, Some((topic_id, index, error))),
                }
            }
        }
    }

    /// Writes the marker that ends a transaction into one log.
    fn append_marker(
        &mut self,
        at: Moment,
        slot: Slot,
        decision: &Decision,
        out: &mut dyn Release,
    ) -> Result<Written, WriteError<StoreFailure<'m, D>>> {
        let state = self.catalog.topic(name::TRANSACTION_STATE).and_then(|topic| self.catalog.partition(topic.slot, decision.partition));
        let coordinator_epoch = state.map_or(0, |state| state.leader_epoch.0);
        let marker = EndMarker { outcome: decision.outcome, coordinator_epoch };
        self.write_marker_to(at, slot, decision.identity, decision.epoch_per_transaction, marker, out)
    }

    /// Writes the marker that ends a producer's transaction into one partition, by whoever's order. Answers what is to be committed.
    ///
    /// # Errors
    /// What [`WriteError`] names; nothing was written.
    /// Source: `KafkaApis.handleWriteTxnMarkersRequest`.
    #[expect(clippy::too_many_arguments, reason = "a marker, and where it goes")]
    pub fn write_marker(
        &mut self,
        at: Moment,
        (topic, index): (Slot, PartitionIndex),
        identity: Identity,
        epoch_per_transaction: bool,
        marker: EndMarker,
        out: &mut dyn Release,
    ) -> Result<Written, WriteError<StoreFailure<'m, D>>> {
        let slot = self.log_of(at, topic, index).map_err(WriteError::Partition)?;
        self.write_marker_to(at, slot, identity, epoch_per_transaction, marker, out)
    }

    #[expect(clippy::too_many_arguments, reason = "a marker, and where it goes")]
    fn write_marker_to(
        &mut self,
        at: Moment,
        slot: Slot,
        identity: Identity,
        epoch_per_transaction: bool,
        marker: EndMarker,
        out: &mut dyn Release,
    ) -> Result<Written, WriteError<StoreFailure<'m, D>>> {
        let Some(partition) = self.logs.partitions.get(slot) else { return Err(WriteError::Partition(PartitionError::Unknown)) };
        let topic = self.catalog.topic_by_id(partition.topic_id);
        let keeps_groups = topic.is_some_and(|topic| topic.name == name::CONSUMER_OFFSETS);
        let epoch = topic.and_then(|topic| self.catalog.partition(topic.slot, partition.index)).map(|partition| partition.leader_epoch);
        let Identity { producer_id: id, producer_epoch } = identity;
        let producer = Some(ProducerStamp { id, epoch: producer_epoch, base_sequence: Sequence(-1) });
        let options = BatchOptions { producer, transactional: true, control: true, ..BatchOptions::default() };
        self.batch.clear();
        let mut builder = Builder::new(&mut self.batch, options).map_err(|_| WriteError::TooLarge)?;
        builder.append_marker(at.wall, marker).map_err(|_| WriteError::TooLarge)?;
        let size = builder.finish();
        debug_assert!(size.is_some(), "a marker is a record");
        let rules = validate::Rules { epoch_per_transaction, ..machine_rules(partition.log.config()) };
        let checked = validate::check(&self.batch, &rules, at.wall, None);
        debug_assert!(checked.is_ok(), "what a shard builds passes its own check: {checked:?}");
        let checked = checked.map_err(|_| WriteError::TooLarge)?;
        let (_, written) = self.logs.append(at, slot, epoch.unwrap_or_default(), &checked, out)?;
        if keeps_groups {
            self.groups.replay(&GroupRecord::TransactionEnded { producer_id: id, outcome: marker.outcome });
        }
        Ok(written)
    }

    /// Every marker is safe: the transaction is complete, and whoever waited for that goes on.
    fn complete(
        &mut self,
        at: Moment,
        transaction: Slot,
        out: &mut dyn Release,
        failed: &mut dyn FnMut(PartitionName<'_>, &WriteError<StoreFailure<'m, D>>),
    ) -> Progress {
        let index = self.transactions.coordinator.decision(transaction).map_or(PartitionIndex(0), |decision| decision.partition);
        self.records.clear();
        let input = Input::Complete(Complete { transaction });
        self.transactions.coordinator.step(at, input, &mut Effects { records: &mut self.records, answers: &mut Nobody });
        if let Err(error) = self.write_down_transaction(at, out) {
            let topic_id = self.catalog.topic(name::TRANSACTION_STATE).map_or(TopicId::ZERO, |topic| topic.topic_id);
            failed(PartitionName { topic: name::TRANSACTION_STATE, topic_id, index }, &error);
            return Progress::Failed;
        }
        let mut at = 0;
        while let Some(waits) = self.transactions.waits.get(at).copied() {
            if waits.transaction == transaction {
                self.transactions.waits.remove(at);
                self.logs.parked.let_go(waits.wait, waits.call, &mut PartitionTable(&mut self.logs.partitions), out);
            } else {
                at += 1;
            }
        }
        Progress::Done
    }
}

/// Transactions that nobody knows.
impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// The coordinator knows everything that was written down: logs that were opened before are looked at now.
    pub(super) fn transactions_loaded(&mut self, at: Moment) {
        self.transactions.is_loaded = true;
        // What was decided before goes on.
        self.logs.stirred = true;
        let mut from = 0;
        while let Some(slot) = self.logs.partitions.next_from(from) {
            from = slot.index() + 1;
            self.abort_abandoned(at, slot);
        }
    }

    /// Aborts the open transactions of a log that no coordinator knows.
    ///
    /// Not when some of what the coordinator wrote down could not be read: then a transaction that seems unknown may have been decided.
    pub(super) fn abort_abandoned(&mut self, at: Moment, slot: Slot) {
        if !self.transactions.is_loaded || !self.transactions.is_whole {
            return;
        }
        while let Some((identity, coordinator_epoch)) = self.abandoned(slot) {
            let marker = EndMarker { outcome: End::Abort, coordinator_epoch };
            if self.write_marker_to(at, slot, identity, false, marker, &mut NobodyWaits).is_err() {
                // The disk is full, perhaps: the next opening tries again.
                return;
            }
            if let Some(partition) = self.logs.partitions.get(slot) {
                let name = super::shard::partition_name(&self.catalog, partition);
                self.directory.abandoned(name, identity.producer_id);
            }
        }
    }

    /// An open transaction of a log that no coordinator knows.
    fn abandoned(&self, slot: Slot) -> Option<(Identity, i32)> {
        let partition = self.logs.partitions.get(slot)?;
        let topic = self.catalog.topic_by_id(partition.topic_id)?;
        let open = partition.log.producers().iter().filter(|producer| producer.transaction_start.is_some());
        let mut unknown = open.filter(|producer| {
            let identity = Identity { producer_id: producer.id, producer_epoch: producer.epoch };
            !self.transactions.coordinator.is_expected(identity, topic.name, partition.index)
        });
        let producer = unknown.next()?;
        // Under the next epoch: whatever its producer still sends under this one is refused, also a batch that is here and was aborted
        // with the others. Told that it is a duplicate, the producer would take it for written.
        let producer_epoch = ProducerEpoch(producer.epoch.0.saturating_add(1));
        Some((Identity { producer_id: producer.id, producer_epoch }, producer.coordinator_epoch.max(0)))
    }
}

/// Catches the producer ids that the catalogue allocates.
struct Allocated(Option<Range<i64>>);

impl<'m> Answers<Catalog<'m>> for Allocated {
    fn answer(&mut self, _: CallId, _: When, answer: CatalogAnswer<'_>) {
        if let CatalogAnswer::ProducerIds(Ok(block)) = answer {
            self.0 = Some(block.first.0..block.first.0 + block.count);
        }
    }
}

/// A log that is just being opened has nobody waiting for it.
struct NobodyWaits;

impl Release for NobodyWaits {
    fn release(&mut self, _: CallId, _: Outcome) {}
}
