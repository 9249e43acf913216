//! Belief: what a record of `__transaction_state`, once written, makes true. The same at load.

use crate::bounded::Full;
use crate::bounded::chain::{Chain, Links};
use crate::bounded::slab::Slot;

use super::coordinator::Coordinator;
use super::record::{Shown, TransactionImage, TxnRecord};
use super::state::{Marker, State, Transaction, TxnPartition, TxnTopic};

impl Coordinator<'_> {
    /// Makes a record true.
    ///
    /// # Panics
    /// When the memory set aside cannot hold the transactions of the log: decisions leave room for what they write, but a load into less
    /// memory than the log was written with cannot be made good.
    pub(super) fn believe(&mut self, record: &TxnRecord<'_>) {
        let believed = match record {
            TxnRecord::Transaction { transactional_id, image } => self.believe_image(transactional_id, image),
            TxnRecord::Expired { transactional_id } => {
                if let Some(slot) = self.find(transactional_id) {
                    self.forget(slot);
                }
                Ok(())
            }
            TxnRecord::Foreign => Ok(()),
        };
        assert!(believed.is_ok(), "the memory for transactions holds what their log says: {record:?}");
    }

    fn forget(&mut self, slot: Slot) {
        self.drop_topics(slot);
        self.timeouts.clear(slot);
        if self.transactions.get(slot).is_some_and(|transaction| transaction.state.decided().is_some()) {
            self.ending.unlink(&mut self.transactions, slot);
        }
        if let Some(transaction) = self.transactions.remove(slot) {
            self.texts.release(transaction.id);
        }
    }

    fn believe_image(&mut self, transactional_id: &str, image: &TransactionImage<'_>) -> Result<(), Full> {
        let slot = match self.find(transactional_id) {
            Some(slot) => slot,
            None => self.create(transactional_id, image)?,
        };
        self.take_over_partitions(slot, image)?;
        let Some(transaction) = self.transactions.get_mut(slot) else { return Ok(()) };
        let was_ending = transaction.state.decided().is_some();
        transaction.identity = image.identity;
        transaction.previous_producer_id = image.previous_producer_id;
        transaction.next_producer_id = image.next_producer_id;
        transaction.timeout = image.timeout;
        transaction.state = image.state;
        transaction.started = image.started;
        transaction.updated = image.updated;
        transaction.version = image.version;
        transaction.decided_at = None;
        if was_ending {
            self.ending.unlink(&mut self.transactions, slot);
        }
        if image.state.decided().is_some() {
            self.ending.push(&mut self.transactions, slot);
        }
        if image.state != State::Ongoing {
            self.timeouts.clear(slot);
        }
        Ok(())
    }

    fn create(&mut self, transactional_id: &str, image: &TransactionImage<'_>) -> Result<Slot, Full> {
        if self.transactions.is_full() {
            return Err(Full);
        }
        let hash = self.key.hash(&[transactional_id.as_bytes()]);
        let id = self.texts.store(transactional_id.as_bytes())?;
        let transaction = Transaction {
            id,
            identity: image.identity,
            previous_producer_id: None,
            next_producer_id: None,
            last_epoch: None,
            timeout: image.timeout,
            state: State::Empty,
            topics: Chain::default(),
            started: None,
            updated: image.updated,
            version: image.version,
            decided_at: None,
            links: Links::default(),
        };
        self.transactions.insert(hash, transaction).inspect_err(|Full| self.texts.release(id))
    }

    /// Puts the partitions of an image in the place of those that were known. A decision changes nothing about them. What is over reaches
    /// nothing, whatever its record says.
    fn take_over_partitions(&mut self, slot: Slot, image: &TransactionImage<'_>) -> Result<(), Full> {
        self.drop_topics(slot);
        if image.state != State::Ongoing && image.state.decided().is_none() {
            return Ok(());
        }
        let mut topic: Option<Slot> = None;
        let mut result = Ok(());
        image.partitions.show(&mut |shown| {
            if result.is_ok() {
                result = match shown {
                    Shown::Topic(name, _) => self.add_topic(slot, name).map(|added| topic = Some(added)),
                    Shown::Partition(index) => self.add_partition(topic, index),
                };
            }
        });
        result
    }

    fn add_topic(&mut self, transaction: Slot, name: &str) -> Result<Slot, Full> {
        let name = self.texts.store(name.as_bytes())?;
        let entry = TxnTopic { name, partitions: Chain::default(), links: Links::default() };
        let slot = self.topics.insert(entry).inspect_err(|Full| self.texts.release(name))?;
        if let Some(transaction) = self.transactions.get_mut(transaction) {
            transaction.topics.push(&mut self.topics, slot);
        }
        Ok(slot)
    }

    fn add_partition(&mut self, topic: Option<Slot>, index: crate::ids::PartitionIndex) -> Result<(), Full> {
        let Some(topic) = topic else { return Ok(()) };
        let slot = self.partitions.insert(TxnPartition { index, marker: Marker::Missing, links: Links::default() })?;
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.partitions.push(&mut self.partitions, slot);
        }
        Ok(())
    }

    fn drop_topics(&mut self, slot: Slot) {
        let Some(topics) = self.transactions.get_mut(slot).map(|transaction| core::mem::take(&mut transaction.topics)) else { return };
        let mut topic = topics.first();
        while topic.is_some() {
            let next = Chain::next(&self.topics, topic);
            let Some(entry) = self.topics.remove(topic) else { break };
            self.texts.release(entry.name);
            let mut partition = entry.partitions.first();
            while partition.is_some() {
                let next = Chain::next(&self.partitions, partition);
                self.partitions.remove(partition);
                partition = next;
            }
            topic = next;
        }
    }
}
