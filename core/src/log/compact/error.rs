//! Why a compaction has ended before its time.

use core::fmt;

use crate::ids::Offset;
use crate::log::error::{LogError, StoreError};
use crate::record::codec::CodecError;
use crate::store::file_name::FileName;

/// Why a log cannot be compacted now. Nothing is lost: what was not put in its place yet is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompactError<E> {
    /// Failure: the disk refused.
    Store(StoreError<E>),
    /// Failure: the log refused.
    Log(LogError<E>),
    /// Failure: where a batch should be there is none. What lies behind it could not be found in the new file.
    Corrupt {
        /// Of which file.
        file: FileName,
        /// Where in it. Unit: bytes.
        position: u32,
    },
    /// Failure: a batch cannot be opened, or not be compressed again.
    Codec {
        /// Where it begins.
        offset: Offset,
        /// Why.
        error: CodecError,
    },
    /// Refusal: the memory for a batch is used up. Unit: bytes.
    BatchTooLarge {
        /// Where it begins.
        offset: Offset,
        /// How large it is, as it lies.
        size: u32,
    },
    /// Refusal: not even the keys of one batch fit into the key map; a larger `log.cleaner.dedupe.buffer.size` helps.
    KeysTooMany {
        /// How many fit.
        limit: usize,
    },
    /// Refusal: more transactions were aborted in one segment than there is memory for.
    AbortedTooMany {
        /// How many fit.
        limit: usize,
    },
    /// Refusal: what was to be written is more than a segment may be.
    SegmentTooLarge {
        /// Which.
        base: Offset,
    },
    /// Refusal: there is no memory for the segments of the log.
    SegmentsTooMany {
        /// How many fit.
        limit: usize,
    },
}

impl<E> From<StoreError<E>> for CompactError<E> {
    fn from(error: StoreError<E>) -> Self {
        Self::Store(error)
    }
}

impl<E> From<LogError<E>> for CompactError<E> {
    fn from(error: LogError<E>) -> Self {
        Self::Log(error)
    }
}

impl<E: fmt::Display> fmt::Display for CompactError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Log(error) => error.fmt(f),
            Self::Corrupt { file, position } => write!(f, "{file} is damaged at byte {position}"),
            Self::Codec { offset, error } => write!(f, "the batch at offset {offset}: {error}"),
            Self::BatchTooLarge { offset, size } => write!(f, "there is no memory for the batch of {size} bytes at offset {offset}"),
            Self::KeysTooMany { limit } => write!(f, "a batch has more than the {limit} keys that fit into the key map"),
            Self::AbortedTooMany { limit } => write!(f, "more than {limit} transactions were aborted in one segment"),
            Self::SegmentTooLarge { base } => write!(f, "the segment at offset {base} would become too large"),
            Self::SegmentsTooMany { limit } => write!(f, "the log has more than {limit} segments"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for CompactError<E> {}
