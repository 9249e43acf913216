//! What a log knows of its segments in the object store.

use core::fmt;

use crate::bounded::list::List;
use crate::ids::Offset;
use crate::log::segment::TimestampOffset;
use crate::store::file_name::FileKind;
use crate::time::Timestamp;

/// Makes the name of an object unique: a copy that is made again gets another. Source: `RemoteLogSegmentId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ObjectId(pub [u8; 16]);

/// The files of a segment that may lie in the store, in the order in which they are copied. Source: `LogSegmentData`.
pub const PARTS: [FileKind; 6] =
    [FileKind::Log, FileKind::Index, FileKind::TimeIndex, FileKind::TxnIndex, FileKind::Snapshot, FileKind::LeaderEpochCheckpoint];

const SUFFIXES: [&str; 6] = [".log", ".index", ".timeindex", ".txnindex", ".snapshot", ".leader-epoch-checkpoint"];

/// Which files of a segment lie in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Parts(pub(super) u8);

impl Parts {
    const fn bit(kind: FileKind) -> u8 {
        match kind {
            FileKind::Log => 1,
            FileKind::Index => 2,
            FileKind::TimeIndex => 4,
            FileKind::TxnIndex => 8,
            FileKind::Snapshot => 16,
            FileKind::LeaderEpochCheckpoint => 32,
            FileKind::PartitionMetadata | FileKind::RecoveryMark | FileKind::RemoteManifest => 0,
        }
    }

    /// Whether this one does.
    #[must_use]
    pub const fn has(self, kind: FileKind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    pub(super) const fn add(&mut self, kind: FileKind) {
        self.0 |= Self::bit(kind);
    }
}

/// One segment in the store.
///
/// A log has one such line of 88 bytes per segment in memory; everything else stays in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteSegment {
    /// Its first offset.
    pub base: Offset,
    /// The offset behind its last.
    pub end: Offset,
    /// What makes the names of its objects unique.
    pub id: ObjectId,
    /// The bytes of its batches.
    pub size: u32,
    /// The time by which its age counts.
    pub largest_timestamp: Timestamp,
    /// The record with the largest timestamp, if records have any.
    pub max_timestamp: Option<TimestampOffset>,
    /// How many entries its index of offsets has.
    pub offset_entries: u32,
    /// How many entries its index of times has.
    pub time_entries: u32,
    /// How many entries its index of aborted transactions has.
    pub txn_entries: u32,
    /// Which of its files lie there.
    pub parts: Parts,
}

impl RemoteSegment {
    /// The object that holds one of its files.
    #[must_use]
    pub const fn object(&self, kind: FileKind) -> Object {
        Object { base: self.base, id: self.id, kind }
    }

    /// All its objects.
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        let segment = *self;
        PARTS.into_iter().filter(move |kind| segment.parts.has(*kind)).map(move |kind| segment.object(kind))
    }
}

/// The name of an object below its partition: the file's name with an id in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// The first offset of the segment.
    pub base: Offset,
    /// What makes the name unique.
    pub id: ObjectId,
    /// Which file of the segment it is.
    pub kind: FileKind,
}

impl Object {
    /// Reads a name; `None` for objects that are none of a segment's.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (digits, rest) = name.split_once('-')?;
        let (hex, suffix) = rest.split_at_checked(32)?;
        let at = SUFFIXES.iter().position(|other| *other == suffix)?;
        if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        if !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let id = u128::from_str_radix(hex, 16).ok()?;
        Some(Self { base: Offset(digits.parse().ok()?), id: ObjectId(id.to_be_bytes()), kind: *PARTS.get(at)? })
    }
}

impl fmt::Display for Object {
    /// `<20 digits of the first offset>-<32 hexadecimal digits>.<kind>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = PARTS.iter().position(|kind| *kind == self.kind);
        let suffix = at.and_then(|at| SUFFIXES.get(at)).copied().unwrap_or_default();
        write!(f, "{:020}-{:032x}{suffix}", self.base.0, u128::from_be_bytes(self.id.0))
    }
}

/// How far a log knows what lies in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// It has nothing there.
    Off,
    /// Not before the store has told: the copy of the manifest is missing or damaged, or the topic was only just tiered.
    Unknown,
    /// It is known.
    Known,
}

/// What of a log lies in the store. Hard state: the manifest, whose copy lies beside the log.
///
/// Bounds: the capacity of the list; when it is full nothing more is copied, and so nothing more leaves the disk.
#[derive(Debug)]
pub struct Remote<'m> {
    /// Rising, none reaching into the next.
    pub(in crate::log) segments: List<'m, RemoteSegment>,
    pub(in crate::log) knowledge: Knowledge,
    /// Everything below lies in the store, or did until it was deleted. Kafka's highest offset in remote storage, plus one.
    pub(in crate::log) copied_end: Option<Offset>,
    /// Rises with every manifest that is written.
    pub(in crate::log) generation: u64,
    /// Soft state: whether the store was asked since the log was opened, and rid of what nobody names.
    pub(super) is_attached: bool,
    /// Soft state: whether the copy of the manifest may say something else than the memory.
    pub(super) is_copy_stale: bool,
    /// Soft state: whether the disk has lost all records of the log, so that it rests until the store has told where it begins and ends.
    pub(in crate::log) is_awaited: bool,
    /// Soft state: whether somebody is at work in the store for this log.
    pub(super) is_busy: bool,
}

impl<'m> Remote<'m> {
    /// Nothing, in this memory.
    #[must_use]
    pub fn new(mut segments: List<'m, RemoteSegment>) -> Self {
        segments.clear();
        Self {
            segments,
            knowledge: Knowledge::Off,
            copied_end: None,
            generation: 0,
            is_attached: false,
            is_copy_stale: false,
            is_awaited: false,
            is_busy: false,
        }
    }

    /// The segments, oldest first.
    #[must_use]
    pub fn segments(&self) -> &[RemoteSegment] {
        &self.segments
    }

    /// How far it is known.
    #[must_use]
    pub const fn knowledge(&self) -> Knowledge {
        self.knowledge
    }

    /// Everything below lies in the store, or did until it was deleted; `None` when nothing ever did, or that is not known.
    #[must_use]
    pub const fn copied_end(&self) -> Option<Offset> {
        self.copied_end
    }

    /// The number of the manifest that says so.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The first segment that reaches behind an offset.
    #[must_use]
    pub fn behind(&self, offset: Offset) -> Option<&RemoteSegment> {
        self.all_behind(offset).first()
    }

    /// The segments that reach behind an offset, oldest first.
    pub(in crate::log) fn all_behind(&self, offset: Offset) -> &[RemoteSegment] {
        self.segments.get(self.segments.partition_point(|segment| segment.end <= offset)..).unwrap_or_default()
    }

    /// Whether the manifest names an object.
    #[must_use]
    pub fn names(&self, object: &Object) -> bool {
        let at = self.segments.partition_point(|segment| segment.base < object.base);
        self.segments
            .get(at)
            .is_some_and(|segment| segment.base == object.base && segment.id == object.id && segment.parts.has(object.kind))
    }

    /// What may leave the disk: it lies in the store, and that is known after a crash too.
    pub(in crate::log) fn safe_below(&self) -> Option<Offset> {
        self.copied_end.filter(|_| self.knowledge == Knowledge::Known && !self.is_copy_stale)
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_of_objects_read_back() {
        for (at, kind) in PARTS.into_iter().enumerate() {
            let object = Object { base: Offset(42), id: ObjectId([u8::try_from(at).unwrap() + 0xa0; 16]), kind };
            assert_eq!(Object::parse(&object.to_string()), Some(object), "{object}");
        }
        let log = Object { base: Offset(7), id: ObjectId([1; 16]), kind: FileKind::Log };
        assert_eq!(log.to_string(), "00000000000000000007-01010101010101010101010101010101.log");
        for foreign in ["", "manifest", "7-01.log", "00000000000000000007-0101010101010101010101010101010+.log", "00000000000000000007.log"]
        {
            assert_eq!(Object::parse(foreign), None, "{foreign}");
        }
        let many_bytes = "00000000000000000007-é".repeat(9);
        assert_eq!(Object::parse(&many_bytes), None);
    }
}
