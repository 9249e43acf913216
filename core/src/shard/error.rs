//! What can go wrong in a turn, beside the refusals of logs and machines.

use core::fmt;

use crate::log::error::{AppendError, LogError, ReadError};

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

/// Why a shard could not be opened.
#[derive(Debug)]
pub enum OpenError<E> {
    /// A log that a machine is loaded from could not be opened.
    Partition(PartitionError<E>),
    /// Such a log could not be read.
    Read(ReadError<E>),
    /// Such a log holds something that is no record of that machine.
    Foreign(crate::wire::reader::DecodeError),
}

impl<E: fmt::Display> fmt::Display for OpenError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition(error) => error.fmt(f),
            Self::Read(error) => error.fmt(f),
            Self::Foreign(error) => write!(f, "a record of the log cannot be read: {error}"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for OpenError<E> {}
