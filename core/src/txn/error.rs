//! Why the transaction coordinator refuses.

use core::fmt;

use crate::time::Millis;

/// A refusal: nothing of the transaction has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxnError {
    /// The transactional id is empty.
    InvalidTransactionalId,
    /// The timeout lies outside what the broker allows.
    InvalidTimeout {
        /// What the producer asked for.
        asked: Millis,
        /// `transaction.max.timeout.ms`.
        max: Millis,
    },
    /// The transactional id is not known, or belongs to another producer id.
    InvalidProducerIdMapping,
    /// A newer producer has taken over the transactional id, or its transaction took too long.
    ProducerFenced,
    /// The transaction that was there before has not come to its end: try again shortly.
    ConcurrentTransactions,
    /// The transaction is in a state in which this cannot be asked.
    InvalidState,
    /// The partition was not added to the transaction, which can only be aborted. Source: KIP-890.
    NotInTransaction,
    /// There is no transaction under this id.
    NotFound,
    /// A fresh producer id is needed, and none could be had.
    NoProducerId,
    /// The memory set aside for transactions is used up.
    Full,
}

impl fmt::Display for TxnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidTransactionalId => f.write_str("the transactional id is empty"),
            Self::InvalidTimeout { asked, max } => write!(f, "a transaction timeout of {asked:?} is not between 1ms and {max:?}"),
            Self::InvalidProducerIdMapping => f.write_str("the transactional id does not belong to this producer id"),
            Self::ProducerFenced => f.write_str("a newer producer uses the transactional id, or the transaction has timed out"),
            Self::ConcurrentTransactions => f.write_str("the transaction before has not come to its end yet"),
            Self::InvalidState => f.write_str("the transaction is in a state in which this cannot be asked"),
            Self::NotInTransaction => f.write_str("the partition was not added to the transaction"),
            Self::NotFound => f.write_str("there is no such transactional id"),
            Self::NoProducerId => f.write_str("no fresh producer id could be had"),
            Self::Full => f.write_str("the memory set aside for transactions is used up"),
        }
    }
}

impl core::error::Error for TxnError {}
