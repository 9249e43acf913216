//! What comes in: requests of producers, without a version or a number of the wire.

use crate::bounded::slab::Slot;
use crate::ids::{CallId, PartitionIndex};
use crate::record::marker::Outcome;
use crate::time::Millis;

use super::answer::Identity;
use super::state::TransactionVersion;

/// One input of the coordinator.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A producer takes over a transactional id: whoever had it before can write no more.
    Initialize(Initialize<'a>),
    /// Partitions join the transaction of a producer, which begins with the first of them.
    AddPartitions(AddPartitions<'a>),
    /// A producer ends its transaction.
    End(End<'a>),
    /// The markers of a transaction that ends are safe in all its partitions.
    Complete(Complete),
}

impl<'a> Input<'a> {
    /// The transactional id that a request is about; `None` where the transaction is known by its place only.
    #[must_use]
    pub const fn transactional_id(&self) -> Option<&'a str> {
        match self {
            Self::Initialize(initialize) => Some(initialize.transactional_id),
            Self::AddPartitions(add) => Some(add.transactional_id),
            Self::End(end) => Some(end.transactional_id),
            Self::Complete(_) => None,
        }
    }
}

/// A producer takes over a transactional id.
#[derive(Clone, Copy, Debug)]
pub struct Initialize<'a> {
    /// The call to answer.
    pub call: CallId,
    /// The transactional id.
    pub transactional_id: &'a str,
    /// How long each of its transactions may be open.
    pub timeout: Millis,
    /// Who the producer was, when it goes on after an error: it is refused if another has taken over meanwhile. Source: KIP-360.
    pub expected: Option<Identity>,
}

/// A partition by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicPartition<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition.
    pub partition: PartitionIndex,
}

/// Partitions join a transaction.
#[derive(Clone, Copy, Debug)]
pub struct AddPartitions<'a> {
    /// The call to answer.
    pub call: CallId,
    /// The transactional id.
    pub transactional_id: &'a str,
    /// Who writes.
    pub identity: Identity,
    /// The partitions; those of one topic stand together.
    pub partitions: &'a [TopicPartition<'a>],
    /// The protocol of the producer.
    pub version: TransactionVersion,
}

/// A producer ends its transaction.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// The call to answer.
    pub call: CallId,
    /// The transactional id.
    pub transactional_id: &'a str,
    /// Who ends it.
    pub identity: Identity,
    /// How.
    pub outcome: Outcome,
    /// The protocol of the producer.
    pub version: TransactionVersion,
}

/// The markers of a transaction are safe.
#[derive(Clone, Copy, Debug)]
pub struct Complete {
    /// The transaction, as [`super::coordinator::Coordinator::ending`] showed it.
    pub transaction: Slot,
}
