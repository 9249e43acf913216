//! The beginning: who may write under a transactional id, and where.

use crate::bounded::Full;
use crate::bounded::chain::Chain;
use crate::bounded::slab::Slot;
use crate::ids::{PartitionIndex, ProducerEpoch};
use crate::machine::When;
use crate::time::Moment;

use super::answer::{Answer, Identity};
use super::coordinator::{Coordinator, Fx, not_before};
use super::end::Fence;
use super::error::TxnError;
use super::input::{AddPartitions, Initialize, TopicPartition};
use super::record::{ImagePartitions, ShowPartitions, Shown, TransactionImage, TxnRecord};
use super::state::{EPOCH_EXHAUSTED, State, TransactionVersion};

impl<'m> Coordinator<'m> {
    /// Source: `TransactionCoordinator.handleInitProducerId`.
    pub(super) fn initialize(&mut self, at: Moment, initialize: &Initialize<'_>, fx: &mut Fx<'_, '_, 'm>) {
        let before = fx.records.len();
        let result = self.try_initialize(at, initialize, fx);
        // Whoever has fenced another is told to come again, and that the other one can write no more: that must be safe.
        let is_decided = fx.records.len() > before;
        let when = if result.is_ok() || is_decided { When::Written } else { When::Now };
        fx.answers.answer(initialize.call, when, Answer::Initialized(result));
        self.arm_expiry_after_step(at);
    }

    fn try_initialize(&mut self, at: Moment, initialize: &Initialize<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<Identity, TxnError> {
        if initialize.transactional_id.is_empty() {
            return Err(TxnError::InvalidTransactionalId);
        }
        if initialize.timeout.0 == 0 || initialize.timeout > self.config.timeout_max {
            return Err(TxnError::InvalidTimeout { asked: initialize.timeout, max: self.config.timeout_max });
        }
        let Some(slot) = self.find(initialize.transactional_id) else { return self.found(at, initialize, fx) };
        let Some(transaction) = self.transactions.get(slot) else { return Err(TxnError::NotFound) };
        if transaction.state.decided().is_some() {
            return Err(TxnError::ConcurrentTransactions);
        }
        let (current, last_epoch) = (transaction.identity, transaction.last_epoch);
        let is_known = |expected: Identity| {
            expected.producer_id == current.producer_id
                || (Some(expected.producer_id) == transaction.previous_producer_id && expected.producer_epoch >= EPOCH_EXHAUSTED)
        };
        if !initialize.expected.is_none_or(is_known) {
            return Err(TxnError::ProducerFenced);
        }
        match transaction.state {
            State::PrepareCommit | State::PrepareAbort => Err(TxnError::ConcurrentTransactions),
            State::Ongoing => {
                self.fence(at, slot, Fence::Successor, fx)?;
                Err(TxnError::ConcurrentTransactions)
            }
            State::Empty | State::CompleteCommit | State::CompleteAbort => {
                let expected = initialize.expected.map(|expected| expected.producer_epoch);
                let (identity, last) = match expected {
                    // It asks once more: nobody has taken over since, for that would have cleared the epoch before.
                    Some(epoch) if epoch != current.producer_epoch && Some(epoch) == last_epoch => (current, last_epoch),
                    Some(epoch) if epoch != current.producer_epoch => return Err(TxnError::ProducerFenced),
                    Some(_) => (self.successor(current)?, Some(current.producer_epoch)),
                    None => (self.successor(current)?, None),
                };
                self.take_over(at, initialize, slot, identity, fx)?;
                self.use_up(identity);
                if let Some(transaction) = self.transactions.get_mut(slot) {
                    transaction.last_epoch = last;
                }
                Ok(identity)
            }
        }
    }

    /// Who a producer is next: under its next epoch, or under another id when its epochs are used up.
    fn successor(&self, current: Identity) -> Result<Identity, TxnError> {
        if current.producer_epoch >= EPOCH_EXHAUSTED {
            let producer_id = self.spare_producer_id.ok_or(TxnError::NoProducerId)?;
            return Ok(Identity { producer_id, producer_epoch: ProducerEpoch(0) });
        }
        Ok(Identity { producer_epoch: ProducerEpoch(current.producer_epoch.0 + 1), ..current })
    }

    /// The spare producer id is spare no more, if this is it.
    pub(super) fn use_up(&mut self, identity: Identity) {
        self.spare_producer_id = self.spare_producer_id.filter(|spare| *spare != identity.producer_id);
    }

    /// A transactional id is used for the first time.
    fn found(&mut self, at: Moment, initialize: &Initialize<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<Identity, TxnError> {
        let producer_id = self.spare_producer_id.ok_or(TxnError::NoProducerId)?;
        if self.transactions.is_full() || !self.texts.has_room_for(initialize.transactional_id.len(), 1) {
            return Err(TxnError::Full);
        }
        let identity = Identity { producer_id, producer_epoch: ProducerEpoch(0) };
        let image = TransactionImage {
            identity,
            previous_producer_id: Some(producer_id),
            next_producer_id: None,
            timeout: initialize.timeout,
            state: State::Empty,
            partitions: ImagePartitions::NONE,
            started: None,
            updated: at.wall,
            version: TransactionVersion::Zero,
        };
        self.record(&TxnRecord::Transaction { transactional_id: initialize.transactional_id, image }, fx).map_err(|Full| TxnError::Full)?;
        self.use_up(identity);
        Ok(identity)
    }

    fn take_over(
        &self,
        at: Moment,
        initialize: &Initialize<'_>,
        slot: Slot,
        identity: Identity,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<(), TxnError> {
        let Some(transaction) = self.transactions.get(slot) else { return Err(TxnError::NotFound) };
        let image = TransactionImage {
            identity,
            previous_producer_id: Some(transaction.identity.producer_id),
            next_producer_id: transaction.next_producer_id,
            timeout: initialize.timeout,
            state: State::Empty,
            partitions: ImagePartitions::NONE,
            started: None,
            updated: not_before(at.wall, transaction.updated),
            version: transaction.version,
        };
        self.record(&TxnRecord::Transaction { transactional_id: initialize.transactional_id, image }, fx).map_err(|Full| TxnError::Full)
    }

    /// Source: `TransactionCoordinator.handleAddPartitionsToTransaction`.
    pub(super) fn add_partitions(&mut self, at: Moment, add: &AddPartitions<'_>, fx: &mut Fx<'_, '_, 'm>) {
        let before = fx.records.len();
        let result = self.try_add_partitions(at, add, fx).inspect_err(|_| fx.records.truncate(before));
        let when = if result.is_ok() { When::Written } else { When::Now };
        fx.answers.answer(add.call, when, Answer::PartitionsAdded(result));
    }

    fn try_add_partitions(&mut self, at: Moment, add: &AddPartitions<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), TxnError> {
        if self.ending_of(add.transactional_id).is_some() {
            return Err(TxnError::ConcurrentTransactions);
        }
        let slot = self.check_writer(add.transactional_id, add.identity)?;
        let Some(transaction) = self.transactions.get(slot) else { return Err(TxnError::NotFound) };
        let is_new = |partition: &TopicPartition<'_>| !self.reaches(slot, partition.topic, partition.partition);
        let is_open = transaction.state == State::Ongoing;
        if is_open && !add.partitions.iter().any(is_new) {
            return Ok(());
        }
        let none = Chain::default();
        let grown = Grown { coordinator: self, topics: if is_open { &transaction.topics } else { &none }, added: add.partitions };
        if !grown.has_room(&transaction.topics) {
            return Err(TxnError::Full);
        }
        let image = TransactionImage {
            identity: transaction.identity,
            previous_producer_id: Some(transaction.identity.producer_id),
            next_producer_id: transaction.next_producer_id,
            timeout: transaction.timeout,
            state: State::Ongoing,
            partitions: ImagePartitions::Known(&grown),
            started: transaction.started.filter(|_| is_open).or(Some(at.wall)),
            updated: not_before(at.wall, transaction.updated),
            version: add.version,
        };
        let timeout = transaction.timeout;
        self.record(&TxnRecord::Transaction { transactional_id: add.transactional_id, image }, fx).map_err(|Full| TxnError::Full)?;
        if !is_open {
            self.set_timeout(slot, at.now.after(timeout));
        }
        Ok(())
    }

    /// Whether a producer may write now: it is the one that the transactional id belongs to, and nothing is coming to its end.
    fn check_writer(&self, transactional_id: &str, identity: Identity) -> Result<Slot, TxnError> {
        if transactional_id.is_empty() {
            return Err(TxnError::InvalidTransactionalId);
        }
        let slot = self.find(transactional_id).ok_or(TxnError::InvalidProducerIdMapping)?;
        let transaction = self.transactions.get(slot).ok_or(TxnError::InvalidProducerIdMapping)?;
        if transaction.identity.producer_id != identity.producer_id {
            return Err(TxnError::InvalidProducerIdMapping);
        }
        if transaction.identity.producer_epoch != identity.producer_epoch {
            return Err(TxnError::ProducerFenced);
        }
        if transaction.state.decided().is_some() { Err(TxnError::ConcurrentTransactions) } else { Ok(slot) }
    }

    /// Whether a producer may write to a partition as part of its transaction. Changes nothing.
    ///
    /// # Errors
    /// [`TxnError::NotInTransaction`] when the partition has not joined; others as for a request that adds it.
    /// Source: KIP-890 part 1, `TransactionCoordinator.handleVerifyPartitionsInTransaction`.
    pub fn verify(&self, transactional_id: &str, identity: Identity, topic: &str, partition: PartitionIndex) -> Result<(), TxnError> {
        let slot = self.check_writer(transactional_id, identity)?;
        if self.reaches(slot, topic, partition) { Ok(()) } else { Err(TxnError::NotInTransaction) }
    }

    /// Whether the transaction, as it was last known, reaches a partition.
    pub(super) fn reaches(&self, slot: Slot, topic: &str, partition: PartitionIndex) -> bool {
        let Some(transaction) = self.transactions.get(slot) else { return false };
        let topic = transaction.topics.iter(&self.topics).find(|(_, entry)| self.texts.bytes(entry.name) == topic.as_bytes());
        topic.is_some_and(|(_, topic)| topic.partitions.iter(&self.partitions).any(|(_, entry)| entry.index == partition))
    }

    fn arm_expiry_after_step(&mut self, at: Moment) {
        // The table may still be empty: what this step writes down is believed later.
        if self.expiry.is_none() {
            self.expiry = Some((at.now.after(self.config.expiration_check_interval), 0));
        }
    }
}

/// The partitions of a transaction, with some more.
struct Grown<'g, 'm> {
    coordinator: &'g Coordinator<'m>,
    topics: &'g Chain,
    added: &'g [TopicPartition<'g>],
}

impl Grown<'_, '_> {
    fn known(&self, name: &str) -> Option<&super::state::TxnTopic> {
        let coordinator = self.coordinator;
        self.topics
            .iter(&coordinator.topics)
            .find(|(_, topic)| coordinator.texts.bytes(topic.name) == name.as_bytes())
            .map(|(_, topic)| topic)
    }

    /// Whether a partition of the request is one of the transaction's already, or named twice.
    fn is_new(&self, at: usize) -> bool {
        let Some(wanted) = self.added.get(at) else { return false };
        let is_known = self.known(wanted.topic).is_some_and(|topic| {
            topic.partitions.iter(&self.coordinator.partitions).any(|(_, partition)| partition.index == wanted.partition)
        });
        let before = self.added.get(..at).unwrap_or_default();
        // Those of one topic stand together, so the look back is short.
        let is_repeated =
            before.iter().rev().take_while(|other| other.topic == wanted.topic).any(|other| other.partition == wanted.partition);
        !is_known && !is_repeated
    }

    /// The new partitions of a topic, by their place in the request.
    fn new_of<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s TopicPartition<'s>> {
        let named = self.added.iter().enumerate().filter(move |(_, partition)| partition.topic == name);
        named.filter(|(at, _)| self.is_new(*at)).map(|(_, partition)| partition)
    }

    /// The places of the request where a topic begins that the transaction does not reach yet.
    fn new_topics(&self) -> impl Iterator<Item = &str> {
        let begins = |at: usize| at == 0 || self.added.get(at - 1).map(|before| before.topic) != self.added.get(at).map(|here| here.topic);
        let firsts = self.added.iter().enumerate().filter(move |(at, _)| begins(*at)).map(|(_, partition)| partition.topic);
        firsts.filter(|name| self.known(name).is_none())
    }

    /// Belief cannot fail, so room is made sure of before anything is written: for all of it, in the place of what was before.
    fn has_room(&self, before: &Chain) -> bool {
        let coordinator = self.coordinator;
        let (mut topics, mut partitions, mut bytes) = (0, 0, 0);
        self.show(&mut |shown| match shown {
            Shown::Topic(name, _) => {
                topics += 1;
                bytes += name.len();
            }
            Shown::Partition(_) => partitions += 1,
        });
        let (mut given_partitions, mut given_bytes) = (0, 0);
        for (_, topic) in before.iter(&coordinator.topics) {
            given_partitions += topic.partitions.len();
            given_bytes += coordinator.texts.bytes(topic.name).len();
        }
        let given_topics = before.len();
        topics <= coordinator.topics.capacity() - coordinator.topics.len() + given_topics
            && partitions <= coordinator.partitions.capacity() - coordinator.partitions.len() + given_partitions
            && coordinator.texts.has_room_for(bytes.saturating_sub(given_bytes), topics.saturating_sub(given_topics))
    }
}

impl ShowPartitions for Grown<'_, '_> {
    fn topic_count(&self) -> usize {
        self.topics.len() + self.new_topics().count()
    }

    fn show(&self, see: &mut dyn FnMut(Shown<'_>)) {
        let coordinator = self.coordinator;
        for (_, topic) in self.topics.iter(&coordinator.topics) {
            let name = coordinator.texts.str(topic.name);
            see(Shown::Topic(name, topic.partitions.len() + self.new_of(name).count()));
            topic.partitions.iter(&coordinator.partitions).for_each(|(_, partition)| see(Shown::Partition(partition.index)));
            self.new_of(name).for_each(|partition| see(Shown::Partition(partition.partition)));
        }
        for name in self.new_topics() {
            see(Shown::Topic(name, self.new_of(name).count()));
            self.new_of(name).for_each(|partition| see(Shown::Partition(partition.partition)));
        }
    }
}

/// The partitions that a transaction reaches, as they stand.
pub(super) struct AsTheyStand<'g, 'm> {
    pub(super) coordinator: &'g Coordinator<'m>,
    pub(super) topics: &'g Chain,
}

impl ShowPartitions for AsTheyStand<'_, '_> {
    fn topic_count(&self) -> usize {
        self.topics.len()
    }

    fn show(&self, see: &mut dyn FnMut(Shown<'_>)) {
        Grown { coordinator: self.coordinator, topics: self.topics, added: &[] }.show(see);
    }
}
