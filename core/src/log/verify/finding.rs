//! What a look through a log may come across.

use core::fmt;

use crate::ids::Offset;
use crate::log::scan::CutReason;
use crate::log::tier::manifest::ManifestFlaw;
use crate::record::codec::CodecError;
use crate::record::records::RecordError;
use crate::store::file_name::FileName;

/// Why bytes of a segment are not a batch that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// They are no batch, not the one that was written, or not in its place.
    Batch(CutReason),
    /// The batch is the one that was written, but its attributes name no compression.
    Compression(i16),
    /// The batch is the one that was written, but a record of it makes no sense.
    Record {
        /// Which record, counted from 0.
        index: u32,
        /// What is wrong.
        error: RecordError,
    },
    /// The batch is the one that was written, but a record of it lies outside of its offsets.
    OffsetDelta {
        /// Which record, counted from 0.
        index: u32,
        /// The distance it claims from the first offset.
        found: i32,
    },
    /// The batch is the one that was written, but its records cannot be unpacked.
    Codec(CodecError),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch(reason) => reason.fmt(f),
            Self::Compression(id) => write!(f, "{id} names no compression"),
            Self::Record { index, error } => write!(f, "record {index} of a batch: {error}"),
            Self::OffsetDelta { index, found } => write!(f, "record {index} of a batch has the offset delta {found}"),
            Self::Codec(error) => write!(f, "the records of a batch: {error}"),
        }
    }
}

/// What is wrong with an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexFlaw {
    /// There is none, though its segment is done.
    Missing,
    /// Its size is no whole number of entries.
    Size,
    /// An entry does not rise above the one before it.
    Order,
    /// An entry is empty, in a segment that is done.
    Empty,
    /// An entry leads to a place where no batch begins.
    Place,
    /// An entry names another offset, or another time, than the batch it leads to.
    Content,
}

impl fmt::Display for IndexFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "it is missing",
            Self::Size => "its size is no whole number of entries",
            Self::Order => "an entry does not rise above the one before it",
            Self::Empty => "an entry is empty",
            Self::Place => "an entry leads to where no batch begins",
            Self::Content => "an entry says something else than the batch it leads to",
        })
    }
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Bytes of a segment cannot be read. What they held is lost.
    Damaged(Flaw),
    /// The end of the log is less than a batch: a write that did not get done. Whoever waited for the disk was not told that it had.
    Torn(CutReason),
    /// A segment without a batch begins inside of the one before it.
    Overlap,
    /// The way into a segment does not lead where it says. It follows from the batches.
    Index(IndexFlaw),
    /// An entry of the aborted transactions makes no sense.
    Transactions,
    /// The producers as they stood cannot be read. They follow from the batches.
    Snapshot,
    /// The reigns of leaders cannot be read. They follow from the batches.
    Epochs,
    /// The copy of the manifest cannot be read. The object store has another.
    Manifest(ManifestFlaw),
    /// Work on the files is not done, or was interrupted; opening the log ends it. No damage.
    Unfinished,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(flaw) => flaw.fmt(f),
            Self::Torn(reason) => write!(f, "a write did not get done: {reason}"),
            Self::Overlap => f.write_str("an empty segment begins inside of the one before it"),
            Self::Index(flaw) => flaw.fmt(f),
            Self::Transactions => f.write_str("an entry of the aborted transactions makes no sense"),
            Self::Snapshot => f.write_str("the snapshot of the producers cannot be read"),
            Self::Epochs => f.write_str("the reigns of leaders cannot be read"),
            Self::Manifest(flaw) => write!(f, "the copy of the manifest cannot be read: {flaw}"),
            Self::Unfinished => f.write_str("work on this file is not done"),
        }
    }
}

/// Offsets that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The first of them.
    pub first: Offset,
    /// The offset behind the last; `None` when nothing tells. In a log that was compacted some of them may have been gone before.
    pub end: Option<Offset>,
}

impl Unreadable {
    /// How many offsets that are at the most, as far as is known.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.end.and_then(|end| u64::try_from(end.0.saturating_sub(self.first.0)).ok()).unwrap_or(0)
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: FileName,
    /// Where it begins. Unit: bytes.
    pub position: u64,
    /// How far it goes. Unit: bytes; 0 when a place is meant, or something that is not there.
    pub bytes: u64,
    /// The offsets that cannot be read because of it; `None` when none are lost.
    pub offsets: Option<Unreadable>,
    /// What is wrong.
    pub fault: Fault,
}

impl Finding {
    /// Whether something is damaged, and not just unfinished.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        !matches!(self.fault, Fault::Unfinished)
    }

    /// Whether bytes of the log itself are concerned, and not what follows from them.
    #[must_use]
    pub const fn is_of_records(&self) -> bool {
        matches!(self.fault, Fault::Damaged(_) | Fault::Torn(_) | Fault::Overlap)
    }
}
