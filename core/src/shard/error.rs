//! What can go wrong in a turn, beside the refusals of logs and machines.

use core::fmt;

use crate::catalog::name::{CLUSTER_METADATA, CONSUMER_OFFSETS, SHARE_GROUP_STATE, TRANSACTION_STATE};
use crate::catalog::snapshot::{SnapshotDamage, SnapshotId};
use crate::ids::{Offset, PartitionIndex};
use crate::log::error::{AppendError, LogError, ReadError};
use crate::wire::reader::DecodeError;

/// Why a partition cannot be worked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionError<E> {
    /// Refusal: there is no such topic or partition.
    Unknown,
    /// Refusal: the memory set aside for logs is used up.
    TooManyPartitions,
    /// Failure: the log could not be opened, or was closed by a failure of its disk.
    Log(LogError<E>),
}

impl<E: fmt::Display> fmt::Display for PartitionError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no such topic or partition"),
            Self::TooManyPartitions => f.write_str("the memory set aside for logs is used up"),
            Self::Log(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for PartitionError<E> {}

/// Why a machine's records could not be written down. The machine is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError<E> {
    /// Their partition cannot be worked with.
    Partition(PartitionError<E>),
    /// Their log refused them.
    Append(AppendError<E>),
    /// They are more than one write may be.
    TooLarge,
}

impl<E: fmt::Display> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition(error) => error.fmt(f),
            Self::Append(error) => error.fmt(f),
            Self::TooLarge => f.write_str("the records of one step are more than one write may be"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for WriteError<E> {}

/// What to do when the catalogue is damaged.
const RESTORE: &str = "without it nobody knows which topics there are; restore this log from a copy (nothing was changed)";

/// Why a shard could not be opened.
#[derive(Debug)]
pub enum OpenError<E> {
    /// A log that a machine is loaded from could not be opened.
    Partition(PartitionError<E>),
    /// The catalogue could not be read.
    Read(ReadError<E>),
    /// The log of some groups could not be read.
    Groups(PartitionIndex, ReadError<E>),
    /// The log of some transactions could not be read.
    Transactions(PartitionIndex, ReadError<E>),
    /// A log that shared partitions are kept in cannot be read.
    Shares(PartitionIndex, ReadError<E>),
    /// The batch of the catalogue that begins at this offset is damaged.
    Batch(Offset),
    /// The catalogue holds a record that cannot be read, at this offset.
    Record(Offset, DecodeError),
    /// The catalogue's log ends at an offset, and was on the disk up to a later one: its end was lost.
    Short {
        /// Where it ends.
        end: Offset,
        /// Where it ended.
        durable: Offset,
    },
    /// The catalogue's log has lost the batch at this offset.
    Hole(Offset),
    /// The catalogue's log begins at this offset, and no snapshot that is whole reaches there.
    Beheaded(Offset),
    /// The catalogue's log ends before its newest snapshot does: its end is lost.
    Cut {
        /// The snapshot.
        snapshot: SnapshotId,
        /// Where the log ends.
        log_end: Offset,
    },
    /// The snapshot was whole, and no longer is.
    Snapshot(SnapshotId, SnapshotDamage),
    /// The directory is not to be served. It has said why.
    Refused,
}

impl<E: fmt::Display> fmt::Display for OpenError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition(error) => error.fmt(f),
            Self::Read(error) => write!(f, "{CLUSTER_METADATA}-0: {error}; {RESTORE}"),
            Self::Transactions(index, error) => write!(f, "{TRANSACTION_STATE}-{index}: {error}"),
            Self::Shares(index, error) => write!(f, "{SHARE_GROUP_STATE}-{index}: {error}"),
            Self::Groups(index, error) => write!(f, "{CONSUMER_OFFSETS}-{index}: {error}"),
            Self::Batch(offset) => write!(f, "{CLUSTER_METADATA}-0: the batch at offset {offset} is damaged; {RESTORE}"),
            Self::Record(offset, error) => {
                write!(f, "{CLUSTER_METADATA}-0: the record at offset {offset} cannot be read: {error}; {RESTORE}")
            }
            Self::Short { end, durable } => {
                write!(f, "{CLUSTER_METADATA}-0 ends at offset {end}, and was on the disk up to {durable}; {RESTORE}")
            }
            Self::Hole(offset) => write!(f, "{CLUSTER_METADATA}-0: the batch at offset {offset} is missing; {RESTORE}"),
            Self::Beheaded(offset) => {
                write!(f, "{CLUSTER_METADATA}-0 begins at offset {offset}, and there is no sound snapshot of what came before; {RESTORE}")
            }
            Self::Cut { snapshot, log_end } => write!(
                f,
                "{CLUSTER_METADATA}-0 ends at offset {log_end}, though its snapshot {snapshot} reaches further: its end is lost; {RESTORE}"
            ),
            Self::Snapshot(id, damage) => write!(f, "{CLUSTER_METADATA}-0/{id}: {damage}; {RESTORE}"),
            Self::Refused => f.write_str("the directory is not to be served here (nothing was changed)"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for OpenError<E> {}
