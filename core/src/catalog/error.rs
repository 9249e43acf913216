//! Why the catalogue refuses.

use core::fmt;

use crate::ids::BrokerId;

use super::name::NameError;

/// A refusal; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogError {
    /// The name cannot be a topic's.
    InvalidName(NameError),
    /// The name differs from that of another topic only by `.` and `_`, which metrics cannot tell apart.
    NameCollides,
    /// There is a topic of this name.
    TopicExists,
    /// There is no topic of this name.
    UnknownTopic,
    /// There is no topic of this id.
    UnknownTopicId,
    /// The number of partitions is not positive, or beyond what is set aside.
    InvalidPartitionCount {
        /// What was asked for.
        asked: i32,
    },
    /// The number of partitions can only grow.
    PartitionCountNotLarger {
        /// What was asked for.
        asked: i32,
        /// What there is.
        current: i32,
    },
    /// The replication factor is not positive, or larger than the number of brokers.
    InvalidReplicationFactor {
        /// What was asked for.
        asked: i16,
        /// How many brokers there are.
        brokers: i16,
    },
    /// The user has no such password.
    UnknownCredential,
    /// No broker of this number is on the books.
    UnknownBroker(BrokerId),
    /// The broker serves this catalogue, alone.
    SoleBroker(BrokerId),
    /// The memory set aside for the catalogue is used up.
    Full,
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName(error) => write!(f, "the topic name is invalid: {error}"),
            Self::NameCollides => f.write_str("the topic name collides with another that differs only by '.' and '_'"),
            Self::TopicExists => f.write_str("a topic of this name exists already"),
            Self::UnknownTopic => f.write_str("there is no topic of this name"),
            Self::UnknownTopicId => f.write_str("there is no topic of this id"),
            Self::InvalidPartitionCount { asked } => write!(f, "{asked} is not a possible number of partitions"),
            Self::PartitionCountNotLarger { asked, current } => {
                write!(f, "the topic has {current} partitions already, and {asked} is not more")
            }
            Self::InvalidReplicationFactor { asked, brokers } => {
                write!(f, "the replication factor {asked} is not between 1 and the {brokers} brokers there are")
            }
            Self::UnknownCredential => f.write_str("the user has no password for this mechanism"),
            Self::UnknownBroker(BrokerId(broker)) => write!(f, "broker {broker} is not registered"),
            Self::SoleBroker(BrokerId(broker)) => write!(f, "broker {broker} is the one that answers, and there is no other"),
            Self::Full => f.write_str("the memory set aside for the catalogue is used up"),
        }
    }
}

impl core::error::Error for CatalogError {}
