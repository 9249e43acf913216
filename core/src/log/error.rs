//! What can go wrong with a log, in the words of the cause.

use core::fmt;

use crate::ids::{LeaderEpoch, Offset};
use crate::record::codec::CodecError;
use crate::store::file_name::FileName;
use crate::store::segment_store::SegmentStore;

use super::producers::ProducerError;
use super::tier::remote::RemoteSegment;

/// What was asked of the store when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Reading the names of files.
    List,
    /// Asking for a size.
    Size,
    /// Reading bytes.
    Read,
    /// Writing bytes.
    Write,
    /// Shortening a file.
    Truncate,
    /// Renaming a file.
    Rename,
    /// Deleting a file.
    Delete,
    /// Making bytes durable.
    Sync,
    /// Making names durable.
    SyncNames,
    /// Opening a file for others.
    Handle,
    /// Keeping the bytes of a file elsewhere.
    SetAside,
}

/// The store failed. Kind: failure; whether the log goes on is said by the error around this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreError<E> {
    /// What was asked of it.
    pub doing: Doing,
    /// Of which file; `None` when all names are meant.
    pub file: Option<FileName>,
    /// Whether the disk is full.
    pub is_full: bool,
    /// What it said.
    pub error: E,
}

impl<E: fmt::Display> fmt::Display for StoreError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.doing {
            Doing::List => "listing files",
            Doing::Size => "asking for the size of",
            Doing::Read => "reading",
            Doing::Write => "writing",
            Doing::Truncate => "shortening",
            Doing::Rename => "renaming",
            Doing::Delete => "deleting",
            Doing::Sync => "syncing",
            Doing::SyncNames => "syncing the names of files",
            Doing::Handle => "opening",
            Doing::SetAside => "setting aside",
        };
        match self.file {
            Some(file) => write!(f, "{verb} {file}: {}", self.error),
            None => write!(f, "{verb}: {}", self.error),
        }
    }
}

impl<E: core::error::Error> core::error::Error for StoreError<E> {}

/// Why a log is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It was closed in good order.
    Cleanly,
    /// The disk failed in a way that leaves its content uncertain: only opening it anew helps.
    StorageFailed,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cleanly => "the log is closed",
            Self::StorageFailed => "the log is closed because its disk failed",
        })
    }
}

macro_rules! from_store {
    ($($name:ident),*) => {$(
        impl<E> From<StoreError<E>> for $name<E> {
            fn from(error: StoreError<E>) -> Self {
                Self::Store(error)
            }
        }
        impl<E> From<Closed> for $name<E> {
            fn from(closed: Closed) -> Self {
                Self::Closed(closed)
            }
        }
        impl<E: core::error::Error> core::error::Error for $name<E> {}
    )*};
}
from_store!(AppendError, ReadError, LogError);

/// Why nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError<E> {
    /// Failure: the log is closed.
    Closed(Closed),
    /// Failure: the disk refused. The log is as before, unless it says [`Closed::StorageFailed`] from now on.
    Store(StoreError<E>),
    /// Refusal: the batch is larger than a segment. Unit: bytes.
    LargerThanSegment {
        /// Its size.
        size: u32,
        /// `segment.bytes`.
        segment_bytes: u32,
    },
    /// Refusal: the producer is out of step.
    Producer(ProducerError),
    /// Refusal: a leader that has been followed by another.
    StaleLeaderEpoch {
        /// The latest epoch in the log.
        current: LeaderEpoch,
        /// The one given.
        found: LeaderEpoch,
    },
    /// Refusal: the memory for segments is used up; retention or a larger `segment.bytes` helps.
    TooManySegments {
        /// How many there may be.
        limit: usize,
    },
    /// Refusal: there are no offsets left.
    OffsetsExhausted {
        /// The end of the log.
        log_end: Offset,
    },
    /// Failure that passes: the log has lost its records, and the object store has not told yet from where on it goes on.
    Awaited,
}

impl<E: fmt::Display> fmt::Display for AppendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => closed.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::LargerThanSegment { size, segment_bytes } => {
                write!(f, "a batch of {size} bytes does not fit a segment of {segment_bytes}")
            }
            Self::Producer(error) => error.fmt(f),
            Self::StaleLeaderEpoch { current, found } => write!(f, "leader epoch {found} comes after {current}"),
            Self::TooManySegments { limit } => write!(f, "the log has reached its {limit} segments"),
            Self::OffsetsExhausted { log_end } => write!(f, "no offsets are left behind {log_end}"),
            Self::Awaited => f.write_str("the log is gone from the disk, and the object store has not told where it goes on"),
        }
    }
}

/// What a look into the log answers.
pub(super) type ReadResult<S, T> = Result<T, ReadError<<S as SegmentStore>::Error>>;

/// Why nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError<E> {
    /// Failure: the log is closed.
    Closed(Closed),
    /// Failure: the disk refused.
    Store(StoreError<E>),
    /// Refusal: the offset is not one of this log's.
    OutOfRange {
        /// The offset asked for.
        from: Offset,
        /// The first that may be.
        log_start: Offset,
        /// The last that may be.
        log_end: Offset,
    },
    /// Failure: a batch inside the log is damaged.
    Corrupt {
        /// Of which file.
        file: FileName,
        /// Where in it. Unit: bytes.
        position: u32,
    },
    /// Failure: the lent memory cannot hold the batch that has to be looked into. Unit: bytes.
    ScratchTooSmall {
        /// How much it takes.
        needed: u32,
    },
    /// Failure: the batch that has to be looked into cannot be opened.
    Codec(CodecError),
    /// Neither: what is asked for lies in the object store only. Whoever runs the log reads it there.
    /// Source: `OffsetMovedToTieredStorageException`.
    Remote(RemoteSegment),
    /// Failure that passes: what is asked for lies in the object store, if anywhere, and the store has not told yet.
    RemoteUnknown {
        /// The offset asked for.
        from: Offset,
        /// The first that lies on the disk.
        local_start: Offset,
    },
}

impl<E: fmt::Display> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => closed.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::OutOfRange { from, log_start, log_end } => write!(f, "offset {from} lies outside of {log_start} to {log_end}"),
            Self::Corrupt { file, position } => write!(f, "{file} is damaged at byte {position}"),
            Self::ScratchTooSmall { needed } => write!(f, "looking into a batch takes {needed} bytes of memory"),
            Self::Codec(error) => error.fmt(f),
            Self::Remote(segment) => write!(f, "offsets {} to {} lie in the object store only", segment.base, segment.end),
            Self::RemoteUnknown { from, local_start } => {
                write!(f, "offset {from} lies before {local_start}, where the disk begins, and the object store has not told what it has")
            }
        }
    }
}

/// Why an operation other than append and read did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogError<E> {
    /// Failure: the log is closed.
    Closed(Closed),
    /// Failure: the disk refused.
    Store(StoreError<E>),
    /// Refusal: the memory for segments is used up.
    TooManySegments {
        /// How many there may be.
        limit: usize,
    },
    /// Refusal: the offset is not one of this log's.
    OutOfRange {
        /// The offset asked for.
        offset: Offset,
        /// The first that may be.
        log_start: Offset,
        /// The last that may be.
        end: Offset,
    },
}

impl<E: fmt::Display> fmt::Display for LogError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => closed.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::TooManySegments { limit } => write!(f, "the log has more than {limit} segments"),
            Self::OutOfRange { offset, log_start, end } => write!(f, "offset {offset} lies outside of {log_start} to {end}"),
        }
    }
}
