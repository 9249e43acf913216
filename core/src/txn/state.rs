//! The states of a transaction and what belongs to each.
//!
//! ```text
//!                  partitions join                commit                     markers are safe
//!   Empty ──────────────────────────► Ongoing ─────────────► PrepareCommit ─────────────────► CompleteCommit
//!     ▲ ▲                               ▲  │ abort, time is up,                                   │
//!     │ │                               │  ▼ another takes over        markers are safe           │
//!     │ └── another takes over ──┐      │ PrepareAbort ─────────────────────────► CompleteAbort   │
//!     │                          │      │   ▲                                       │   │         │
//!     │                          │      └───┼───────── partitions join ─────────────┼───┴─────────┘
//!     └──────────────────────────┴──────────┼───────────────────────────────────────┘
//!                                           └── abort by version 2 of Empty or Complete: uses up an epoch
//! ```
//!
//! What each state answers to its own producer (id and epoch as they stand), under version 2 and, where that differs, before it:
//!
//! | | initialize | add partitions | commit | abort | abort, before version 2 |
//! |---|---|---|---|---|---|
//! | Empty | next epoch | Ongoing | `InvalidState` | PrepareAbort | `InvalidState` |
//! | Ongoing | PrepareAbort, `ConcurrentTransactions` | Ongoing | PrepareCommit | PrepareAbort | PrepareAbort |
//! | PrepareCommit, PrepareAbort | `ConcurrentTransactions` | `ConcurrentTransactions` | `ConcurrentTransactions` | `ConcurrentTransactions` | `ConcurrentTransactions` |
//! | CompleteCommit | next epoch | Ongoing | `InvalidState`; before: done | PrepareAbort | `InvalidState` |
//! | CompleteAbort | next epoch | Ongoing | `InvalidState` | PrepareAbort | done |
//!
//! Under version 2 a producer that did not hear the answer still has the epoch before, and asks again with it: in a Complete state it gets
//! the answer once more, and `InvalidState` to the other outcome. In a Prepare state everybody is told to come again: Kafka has a
//! transition pending there until the markers are safe.
//!
//! Source: `TransactionState`, `TransactionCoordinator`, KIP-890. There is no state Dead: an id that expired is gone; and none between
//! a decision and its record, since a decision that was not written was not made.
//! Held by: `each_state_answers_each_request_as_the_table_says`.

use crate::bounded::bytes::Text;
use crate::bounded::chain::{Chain, Links, linked};
use crate::ids::{Offset, PartitionIndex, ProducerEpoch, ProducerId, TopicId};
use crate::record::marker::Outcome;
use crate::time::{Millis, Timestamp};

use super::answer::Identity;

/// Where a transaction stands. Hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// None has begun since the producer took over.
    Empty,
    /// Partitions have joined.
    Ongoing,
    /// It is decided: its records will count, as soon as each partition says so.
    PrepareCommit,
    /// It is decided: its records will not count.
    PrepareAbort,
    /// Its records count.
    CompleteCommit,
    /// Its records do not count.
    CompleteAbort,
}

impl State {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Empty, Self::Ongoing, Self::PrepareCommit, Self::PrepareAbort, Self::CompleteCommit, Self::CompleteAbort];

    /// Kafka's name for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// How a transaction ends that is decided and not complete.
    #[must_use]
    pub const fn decided(&self) -> Option<Outcome> {
        match self {
            Self::PrepareCommit => Some(Outcome::Commit),
            Self::PrepareAbort => Some(Outcome::Abort),
            Self::Empty | Self::Ongoing | Self::CompleteCommit | Self::CompleteAbort => None,
        }
    }

    /// How the last transaction ended, when it is complete.
    pub(super) const fn completed(&self) -> Option<Outcome> {
        match self {
            Self::CompleteCommit => Some(Outcome::Commit),
            Self::CompleteAbort => Some(Outcome::Abort),
            Self::Empty | Self::Ongoing | Self::PrepareCommit | Self::PrepareAbort => None,
        }
    }

    pub(super) const fn prepare(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Commit => Self::PrepareCommit,
            Outcome::Abort => Self::PrepareAbort,
        }
    }

    pub(super) const fn complete(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Commit => Self::CompleteCommit,
            Outcome::Abort => Self::CompleteAbort,
        }
    }
}

/// The level of the feature `transaction.version`: under which protocol a producer runs its transactions. Source: KIP-890, KIP-1022.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TransactionVersion {
    /// One epoch for all transactions of a producer.
    #[default]
    Zero,
    /// The same; records may hold what older brokers leave aside.
    One,
    /// An epoch for each transaction, so that nothing late can slip into the next; partitions join with the first record.
    Two,
}

impl TransactionVersion {
    /// The version of a feature level; higher ones than are known count as the highest.
    #[must_use]
    pub const fn from_level(level: i16) -> Self {
        match level {
            i16::MIN..=0 => Self::Zero,
            1 => Self::One,
            2.. => Self::Two,
        }
    }

    /// Its feature level.
    #[must_use]
    pub const fn level(&self) -> i16 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
            Self::Two => 2,
        }
    }

    /// Whether the end of each transaction uses up an epoch.
    #[must_use]
    pub const fn bumps_epochs(&self) -> bool {
        matches!(self, Self::Two)
    }
}

/// The epoch from which a producer id is used up. Source: `TransactionMetadata.isEpochExhausted`.
pub(super) const EPOCH_EXHAUSTED: ProducerEpoch = ProducerEpoch(i16::MAX - 1);

/// One transactional id and the transaction that its producer has open, is ending, or had last.
#[derive(Debug)]
pub struct Transaction {
    /// The transactional id.
    pub(super) id: Text,
    /// Hard.
    pub(super) identity: Identity,
    /// Hard: the producer id before the last change, or the same.
    pub(super) previous_producer_id: Option<ProducerId>,
    /// Hard: the producer id that goes on when this one is used up, known from the decision on.
    pub(super) next_producer_id: Option<ProducerId>,
    /// Soft: the epoch before the last change, as long as its producer may ask again. Kafka does not store it either.
    pub(super) last_epoch: Option<ProducerEpoch>,
    /// Hard.
    pub(super) timeout: Millis,
    /// Hard.
    pub(super) state: State,
    /// Hard: the topics that the transaction reaches, in the order in which they joined.
    pub(super) topics: Chain,
    /// Hard.
    pub(super) started: Option<Timestamp>,
    /// Hard.
    pub(super) updated: Timestamp,
    /// Hard: the protocol of the producer.
    pub(super) version: TransactionVersion,
    /// Soft: where its decision lies in the log of transactions; 0 when it was loaded from there.
    pub(super) decided_at: Option<Offset>,
    /// Its neighbours among those that end.
    pub(super) links: Links,
}

linked!(Transaction);

impl Transaction {
    pub(super) fn is_exhausted(&self) -> bool {
        self.identity.producer_epoch >= EPOCH_EXHAUSTED
    }
}

/// A topic that a transaction reaches. Hard.
#[derive(Debug)]
pub struct TxnTopic {
    pub(super) name: Text,
    pub(super) partitions: Chain,
    pub(super) links: Links,
}

linked!(TxnTopic);

/// A partition that a transaction reaches.
#[derive(Debug)]
pub struct TxnPartition {
    /// Hard.
    pub(super) index: PartitionIndex,
    /// Soft: what has become of the marker that ends the transaction there.
    pub(super) marker: Marker,
    pub(super) links: Links,
}

linked!(TxnPartition);

/// What has become of the marker of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// It is not written.
    Missing,
    /// It is written; safe once everything below the offset is.
    Written(TopicId, Offset),
    /// It is safe, or there is no such partition any more.
    Safe,
}
