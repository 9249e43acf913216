//! The coordinator: all transactions of a shard.

use crate::bounded::Full;
use crate::bounded::bytes::ByteHeap;
use crate::bounded::chain::Chain;
use crate::bounded::deadlines::Deadlines;
use crate::bounded::slab::{Slab, Slot};
use crate::bounded::table::{HashKey, Table};
use crate::ids::{PartitionIndex, ProducerId};
use crate::machine::{Effects, Machine};
use crate::time::{Instant, Millis, Moment, Timestamp};

use super::answer::Answer;
use super::config::TxnConfig;
use super::input::Input;
use super::record::TxnRecord;
use super::state::{State, Transaction, TransactionVersion, TxnPartition, TxnTopic};

/// Effects of the coordinator.
pub type Fx<'e, 'm, 'c> = Effects<'e, 'm, Coordinator<'c>>;

/// All transactions of a shard.
///
/// Hard state is what the records of `__transaction_state` say. Soft state: when whose time is up, where the markers of a transaction
/// that ends were written, and under which epoch its producer may ask once more. Losing it costs markers written twice and a producer
/// that must begin anew.
/// Bounds: every part has its capacity; see [`CoordinatorMemory`].
#[derive(Debug)]
pub struct Coordinator<'m> {
    pub(super) config: TxnConfig,
    pub(super) key: HashKey,
    pub(super) texts: ByteHeap<'m>,
    pub(super) transactions: Table<'m, Transaction>,
    pub(super) topics: Slab<'m, TxnTopic>,
    pub(super) partitions: Slab<'m, TxnPartition>,
    /// When the time of whose open transaction is up.
    pub(super) timeouts: Deadlines<'m>,
    /// Those that are decided and not complete, oldest decision first.
    pub(super) ending: Chain,
    /// A producer id that nobody has, for when one is used up.
    pub(super) spare_producer_id: Option<ProducerId>,
    /// When ids that nobody uses are next looked for, and at which place the look goes on.
    pub(super) expiry: Option<(Instant, usize)>,
}

/// The memory of a coordinator: lent piece by piece, or grown up to stated limits.
#[derive(Debug)]
pub struct CoordinatorMemory<'m> {
    /// Transactional ids, and the names of topics in transactions.
    pub texts: ByteHeap<'m>,
    /// One entry a transactional id.
    pub transactions: Table<'m, Transaction>,
    /// One entry a transaction and topic.
    pub topics: Slab<'m, TxnTopic>,
    /// One entry a transaction and partition.
    pub partitions: Slab<'m, TxnPartition>,
    /// Capacity of `transactions`.
    pub timeouts: Deadlines<'m>,
}

#[cfg(feature = "alloc")]
impl CoordinatorMemory<'_> {
    /// Memory that is allocated as it is needed, for so many transactional ids and so many partitions in their transactions altogether.
    #[must_use]
    pub fn grown(transactions: usize, partitions: usize) -> Self {
        Self {
            // Names of topics have 249 bytes at the most, ids mostly fewer.
            texts: ByteHeap::grown((transactions + partitions).saturating_mul(256).min(1 << 30), transactions + partitions),
            transactions: Table::grown(transactions),
            topics: Slab::grown(partitions),
            partitions: Slab::grown(partitions),
            timeouts: Deadlines::grown(transactions),
        }
    }
}

impl<'m> Coordinator<'m> {
    /// A coordinator that knows no transaction yet. `key` keys the hashes of names that peers chose.
    ///
    /// # Panics
    /// When the list of deadlines is shorter than the table of transactions.
    #[must_use]
    pub fn new(config: TxnConfig, key: HashKey, memory: CoordinatorMemory<'m>) -> Self {
        assert!(memory.timeouts.capacity() >= memory.transactions.capacity(), "a deadline for each transaction");
        Self {
            config,
            key,
            texts: memory.texts,
            transactions: memory.transactions,
            topics: memory.topics,
            partitions: memory.partitions,
            timeouts: memory.timeouts,
            ending: Chain::default(),
            spare_producer_id: None,
            expiry: None,
        }
    }

    /// The settings in force.
    #[must_use]
    pub const fn config(&self) -> &TxnConfig {
        &self.config
    }

    /// Says over how many partitions ids are spread: as many as `__transaction_state` has, whatever the settings say by now. To be called
    /// when that is known, and before anything is replayed.
    pub const fn spread_over(&mut self, partition_count: i32) {
        self.config.partition_count = partition_count;
    }

    /// Says which level of `transaction.version` is finalized.
    pub const fn finalize(&mut self, version: TransactionVersion) {
        self.config.version = version;
    }

    /// The partition of `__transaction_state` that keeps a transactional id.
    #[must_use]
    pub fn partition_of(&self, transactional_id: &str) -> PartitionIndex {
        PartitionIndex::of_name(transactional_id, self.config.partition_count)
    }

    /// Whether a producer id would be welcome: the next step may need one that nobody has.
    #[must_use]
    pub const fn wants_producer_id(&self) -> bool {
        self.spare_producer_id.is_none()
    }

    /// Gives the coordinator a producer id that nobody has. It is used once.
    pub const fn give_producer_id(&mut self, producer_id: ProducerId) {
        self.spare_producer_id = Some(producer_id);
    }

    /// Wakes up what was loaded: open transactions have the rest of their time, those that were ending go on.
    ///
    /// The rest is measured by the wall clock, which may have been set meanwhile: it is never more than the whole.
    pub fn loaded(&mut self, at: Moment) {
        let mut from = 0;
        while let Some(slot) = self.transactions.next_from(from) {
            from = slot.index() + 1;
            let Some(transaction) = self.transactions.get_mut(slot) else { continue };
            match transaction.state {
                State::Ongoing => {
                    let spent = at.wall.0.saturating_sub(transaction.started.map_or(at.wall.0, |started| started.0));
                    let left = transaction.timeout.0.saturating_sub(u64::try_from(spent).unwrap_or(0));
                    self.set_timeout(slot, at.now.after(Millis(left)));
                }
                // What is loaded is safe.
                State::PrepareCommit | State::PrepareAbort => transaction.decided_at = Some(crate::ids::Offset::ZERO),
                State::Empty | State::CompleteCommit | State::CompleteAbort => {}
            }
        }
        self.arm_expiry(at.now);
    }

    pub(super) fn set_timeout(&mut self, slot: Slot, due: Instant) {
        let set = self.timeouts.set(slot, due);
        debug_assert!(set.is_ok(), "the list of deadlines has the capacity of the table");
    }

    pub(super) fn find(&self, transactional_id: &str) -> Option<Slot> {
        let hash = self.key.hash(&[transactional_id.as_bytes()]);
        self.transactions.find(hash, |transaction| self.texts.bytes(transaction.id) == transactional_id.as_bytes())
    }

    pub(super) fn arm_expiry(&mut self, now: Instant) {
        if self.expiry.is_none() && !self.transactions.is_empty() {
            self.expiry = Some((now.after(self.config.expiration_check_interval), 0));
        }
    }

    /// Puts a record among the effects.
    pub(super) fn record(&self, record: &TxnRecord<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        record.encode(self.partition_of(record.transactional_id()), self.config.version, fx.records)
    }

    /// Looks at one transactional id, whether anybody still uses it. Source: `TransactionStateManager.removeExpiredTransactionalIds`.
    fn expire(&mut self, at: Moment, next: usize, fx: &mut Fx<'_, '_, 'm>) {
        let Some(slot) = self.transactions.next_from(next) else {
            self.expiry = None;
            self.arm_expiry(at.now);
            return;
        };
        self.expiry = self.expiry.map(|(due, _)| (due, slot.index() + 1));
        let Some(transaction) = self.transactions.get(slot) else { return };
        let is_over = match transaction.state {
            State::Empty | State::CompleteCommit | State::CompleteAbort => true,
            State::Ongoing | State::PrepareCommit | State::PrepareAbort => false,
        };
        if is_over && at.wall >= transaction.updated.after(self.config.expiration) {
            // What does not fit is looked at again the next time.
            let _ = self.record(&TxnRecord::Expired { transactional_id: self.texts.str(transaction.id) }, fx);
        }
    }
}

impl<'m> Machine for Coordinator<'m> {
    type Input<'a> = Input<'a>;
    type Record<'a> = TxnRecord<'a>;
    type Answer<'a> = Answer;

    fn step(&mut self, at: Moment, input: Input<'_>, fx: &mut Effects<'_, '_, Self>) {
        match input {
            Input::Initialize(initialize) => self.initialize(at, &initialize, fx),
            Input::AddPartitions(add) => self.add_partitions(at, &add, fx),
            Input::End(end) => self.end(at, &end, fx),
            Input::Complete(complete) => self.complete(at, complete.transaction, fx),
        }
    }

    fn replay(&mut self, record: &TxnRecord<'_>) {
        self.believe(record);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timeouts.first().map(|(due, _)| due).into_iter().chain(self.expiry.map(|(due, _)| due)).min()
    }

    fn handle_timeout(&mut self, at: Moment, fx: &mut Effects<'_, '_, Self>) -> bool {
        if let Some((due, slot)) = self.timeouts.first()
            && due <= at.now
        {
            self.time_is_up(at, slot, fx);
            true
        } else if let Some((due, next)) = self.expiry
            && due <= at.now
        {
            self.expire(at, next, fx);
            true
        } else {
            false
        }
    }
}

/// The time at which something happens, never before what was stored last: clocks are set back.
pub(super) fn not_before(wall: Timestamp, last: Timestamp) -> Timestamp {
    wall.max(last)
}
