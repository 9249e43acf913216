//! Questions, and what whoever writes the markers needs to know and to tell.

use crate::bounded::chain::Chain;
use crate::bounded::slab::Slot;
use crate::ids::{Offset, PartitionIndex, ProducerId};
use crate::record::marker::Outcome;
use crate::time::{Millis, Timestamp};

use super::answer::Identity;
use super::coordinator::Coordinator;
use super::state::{Marker, State, Transaction};

/// A transaction as an administrator sees it.
#[derive(Clone, Copy, Debug)]
pub struct TransactionView<'a, 'm> {
    coordinator: &'a Coordinator<'m>,
    transaction: &'a Transaction,
}

impl<'a, 'm> TransactionView<'a, 'm> {
    /// The transactional id.
    #[must_use]
    pub fn transactional_id(&self) -> &'a str {
        self.coordinator.texts.str(self.transaction.id)
    }

    /// Its producer.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.transaction.identity
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.transaction.state
    }

    /// How long it may be open.
    #[must_use]
    pub const fn timeout(&self) -> Millis {
        self.transaction.timeout
    }

    /// When it began; `None` when none has.
    #[must_use]
    pub const fn started(&self) -> Option<Timestamp> {
        self.transaction.started
    }

    /// The topics that it reaches, and for each its partitions.
    pub fn topics(&self) -> impl Iterator<Item = (&'a str, impl Iterator<Item = PartitionIndex> + use<'a, 'm>)> + use<'a, 'm> {
        let coordinator = self.coordinator;
        self.transaction.topics.iter(&coordinator.topics).map(move |(_, topic)| {
            let partitions = topic.partitions.iter(&coordinator.partitions).map(|(_, partition)| partition.index);
            (coordinator.texts.str(topic.name), partitions)
        })
    }
}

impl<'m> Coordinator<'m> {
    /// A transaction, if there is one of this id.
    #[must_use]
    pub fn transaction(&self, transactional_id: &str) -> Option<TransactionView<'_, 'm>> {
        Some(TransactionView { coordinator: self, transaction: self.transactions.get(self.find(transactional_id)?)? })
    }

    /// All transactions.
    pub fn views(&self) -> impl Iterator<Item = TransactionView<'_, 'm>> {
        self.transactions.iter().map(|(_, transaction)| TransactionView { coordinator: self, transaction })
    }

    /// The largest producer id that any transaction has, or will have: an allocation from before it came into being is no good.
    #[must_use]
    pub fn producer_id_max(&self) -> Option<ProducerId> {
        let ids = |transaction: &Transaction| Some(transaction.identity.producer_id).max(transaction.next_producer_id);
        self.transactions.iter().filter_map(|(_, transaction)| ids(transaction)).max()
    }

    /// Whether some transaction that is open or coming to its end reaches a partition, and its records bear this producer id and epoch.
    ///
    /// A decision that uses up an epoch is about records of the epoch before: those of its own epoch belong to a transaction behind it,
    /// which is not known.
    #[must_use]
    pub fn is_expected(&self, identity: Identity, topic: &str, partition: PartitionIndex) -> bool {
        self.transactions.iter().any(|(slot, transaction)| {
            let (own, found) = (transaction.identity.producer_epoch.0, identity.producer_epoch.0);
            let before = found.checked_add(1) == Some(own) || own == i16::MAX;
            let is_its_epoch = match transaction.state.decided() {
                None => transaction.state == State::Ongoing && found == own,
                Some(_) if transaction.version.bumps_epochs() => before,
                // Whose time was up, or was followed by another, was fenced by the decision.
                Some(_) => found == own || before,
            };
            is_its_epoch && transaction.identity.producer_id == identity.producer_id && self.reaches(slot, topic, partition)
        })
    }
}

/// What is to be written into the partitions of a transaction that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// How it ends.
    pub outcome: Outcome,
    /// Under which producer id and epoch.
    pub identity: Identity,
    /// Whether the epoch is used up by it.
    pub epoch_per_transaction: bool,
    /// Behind which offset of its log the decision lies; `None` while it has not been said.
    pub decided_at: Option<Offset>,
    /// The partition of `__transaction_state` that keeps it.
    pub partition: PartitionIndex,
}

/// The end of transactions.
impl Coordinator<'_> {
    /// Whether some transaction is coming to its end.
    #[must_use]
    pub const fn is_ending(&self) -> bool {
        !self.ending.is_empty()
    }

    /// The first transaction that is decided and not complete, or the one after `last`.
    #[must_use]
    pub fn ending(&self, last: Option<Slot>) -> Option<Slot> {
        let slot = last.map_or_else(|| self.ending.first(), |last| Chain::next(&self.transactions, last));
        slot.is_some().then_some(slot)
    }

    /// The transaction of an id, if it is decided and not complete.
    #[must_use]
    pub fn ending_of(&self, transactional_id: &str) -> Option<Slot> {
        let slot = self.find(transactional_id)?;
        self.transactions.get(slot).filter(|transaction| transaction.state.decided().is_some()).map(|_| slot)
    }

    /// What was decided.
    #[must_use]
    pub fn decision(&self, slot: Slot) -> Option<Decision> {
        let transaction = self.transactions.get(slot)?;
        Some(Decision {
            outcome: transaction.state.decided()?,
            identity: transaction.identity,
            epoch_per_transaction: transaction.version.bumps_epochs(),
            decided_at: transaction.decided_at,
            partition: self.partition_of(self.texts.str(transaction.id)),
        })
    }

    /// Hears where the decisions lie that were just written down: the log of their partition ends there.
    pub fn decided_at(&mut self, end: Offset) {
        // Only the last decision can be without a place: they are told of one by one.
        let last = self.ending.last();
        if let Some(transaction) = self.transactions.get_mut(last) {
            transaction.decided_at.get_or_insert(end);
        }
    }

    /// The first partition of a transaction, or the one after `last`.
    #[must_use]
    pub fn next_place(&self, slot: Slot, last: Option<PartitionPlace>) -> Option<PartitionPlace> {
        let mut topic = match last {
            None => self.transactions.get(slot)?.topics.first(),
            Some(last) => {
                let partition = Chain::next(&self.partitions, last.partition);
                if partition.is_some() {
                    return Some(PartitionPlace { partition, ..last });
                }
                Chain::next(&self.topics, last.topic)
            }
        };
        while let Some(entry) = self.topics.get(topic) {
            let partition = entry.partitions.first();
            if partition.is_some() {
                return Some(PartitionPlace { topic, partition });
            }
            topic = Chain::next(&self.topics, topic);
        }
        None
    }

    /// The topic and number of a partition, and what has become of the marker there.
    #[must_use]
    pub fn marker_at(&self, place: PartitionPlace) -> Option<(&str, PartitionIndex, Marker)> {
        let (topic, partition) = (self.topics.get(place.topic)?, self.partitions.get(place.partition)?);
        Some((self.texts.str(topic.name), partition.index, partition.marker))
    }

    /// Hears what has become of the marker of a partition.
    pub fn marked(&mut self, place: PartitionPlace, marker: Marker) {
        if let Some(partition) = self.partitions.get_mut(place.partition) {
            partition.marker = marker;
        }
    }
}

/// Where a partition of a transaction is kept. Good until the transaction changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionPlace {
    topic: Slot,
    partition: Slot,
}
