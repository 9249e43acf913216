//! What goes out.

use crate::ids::{ProducerEpoch, ProducerId};

use super::error::TxnError;

/// A producer as it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its incarnation.
    pub producer_epoch: ProducerEpoch,
}

/// One answer of the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The producer may write under its transactional id as this one.
    Initialized(Result<Identity, TxnError>),
    /// The partitions belong to the transaction.
    PartitionsAdded(Result<(), TxnError>),
    /// It is decided how the transaction ends; the producer goes on as this one.
    Ended(Result<Identity, TxnError>),
}
