//! The files of a partition, in Kafka's spelling.

use core::fmt;

use crate::ids::Offset;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// Record batches, back to back: `.log`.
    Log,
    /// Positions of offsets: `.index`.
    Index,
    /// Offsets of timestamps: `.timeindex`.
    TimeIndex,
    /// Aborted transactions: `.txnindex`.
    TxnIndex,
    /// Producers as they stood before the offset in the name: `.snapshot`.
    Snapshot,
    /// Where each leader's reign began: `leader-epoch-checkpoint`.
    LeaderEpochCheckpoint,
    /// Which topic this is: `partition.metadata`.
    PartitionMetadata,
    /// From where on a log is read through after a crash: `millpond-recovery-mark`. Kafka has no such file, and leaves it alone.
    RecoveryMark,
    /// Which segments lie in the object store: `millpond-remote-manifest`. Kafka keeps that in a topic of its own.
    RemoteManifest,
}

/// Where a file stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum FileState {
    /// In use.
    #[default]
    Live,
    /// Waits to be deleted: `.deleted`.
    Deleted,
    /// Being written by a compaction that has not finished: `.cleaned`.
    Cleaned,
    /// Written by a compaction that has finished, not yet in its place: `.swap`.
    Swap,
    /// Being written, to be renamed when whole: `.tmp`.
    Temporary,
}

/// The name of one file of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    /// What it holds.
    pub kind: FileKind,
    /// The first offset it speaks of; 0 for the files of which a partition has one.
    pub base: Offset,
    /// Where it stands in its life.
    pub state: FileState,
}

/// The most characters a name takes.
pub const NAME_SIZE_MAX: usize = 40;

const SEGMENT_SUFFIXES: [(FileKind, &str); 5] = [
    (FileKind::Log, ".log"),
    (FileKind::Index, ".index"),
    (FileKind::TimeIndex, ".timeindex"),
    (FileKind::TxnIndex, ".txnindex"),
    (FileKind::Snapshot, ".snapshot"),
];
const SINGLE: [(FileKind, &str); 4] = [
    (FileKind::LeaderEpochCheckpoint, "leader-epoch-checkpoint"),
    (FileKind::PartitionMetadata, "partition.metadata"),
    (FileKind::RecoveryMark, "millpond-recovery-mark"),
    (FileKind::RemoteManifest, "millpond-remote-manifest"),
];
const STATES: [(FileState, &str); 5] = [
    (FileState::Deleted, ".deleted"),
    (FileState::Cleaned, ".cleaned"),
    (FileState::Swap, ".swap"),
    (FileState::Temporary, ".tmp"),
    (FileState::Live, ""),
];

impl FileName {
    /// A file in use that belongs to the segment beginning at `base`.
    #[must_use]
    pub const fn live(kind: FileKind, base: Offset) -> Self {
        Self { kind, base, state: FileState::Live }
    }

    /// The leader epochs of a partition.
    pub const EPOCHS: Self = Self::live(FileKind::LeaderEpochCheckpoint, Offset::ZERO);
    /// The identity of a partition.
    pub const METADATA: Self = Self::live(FileKind::PartitionMetadata, Offset::ZERO);
    /// What a partition has in the object store.
    pub const REMOTE_MANIFEST: Self = Self::live(FileKind::RemoteManifest, Offset::ZERO);

    /// From where on the log is read through after a crash.
    pub const RECOVERY_MARK: Self = Self::live(FileKind::RecoveryMark, Offset::ZERO);

    /// The same file in another state.
    #[must_use]
    pub const fn in_state(self, state: FileState) -> Self {
        Self { state, ..self }
    }

    /// Reads a name; `None` for files that are none of a partition's.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (state, stem) = STATES.iter().find_map(|(state, suffix)| name.strip_suffix(suffix).map(|stem| (*state, stem)))?;
        if let Some((kind, _)) = SINGLE.iter().find(|(_, single)| *single == stem) {
            return Some(Self { kind: *kind, base: Offset::ZERO, state });
        }
        let (kind, digits) = SEGMENT_SUFFIXES.iter().find_map(|(kind, suffix)| stem.strip_suffix(suffix).map(|digits| (*kind, digits)))?;
        if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let base = Offset(digits.parse().ok()?);
        Some(Self { kind, base, state })
    }
}

impl fmt::Display for FileName {
    /// As it stands in a directory: 20 digits and suffixes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((_, single)) = SINGLE.iter().find(|(kind, _)| *kind == self.kind) {
            f.write_str(single)?;
        } else {
            write!(f, "{:020}", self.base.0)?;
            if let Some((_, suffix)) = SEGMENT_SUFFIXES.iter().find(|(kind, _)| *kind == self.kind) {
                f.write_str(suffix)?;
            }
        }
        match STATES.iter().find(|(state, _)| *state == self.state) {
            Some((_, suffix)) => f.write_str(suffix),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_are_spelled_as_kafka_spells_them_and_read_back() {
        for (name, kind, base, state) in [
            ("00000000000000000000.log", FileKind::Log, 0, FileState::Live),
            ("00000000000000000042.index", FileKind::Index, 42, FileState::Live),
            ("00000000000000000042.timeindex.deleted", FileKind::TimeIndex, 42, FileState::Deleted),
            ("00000000000000000042.log.cleaned", FileKind::Log, 42, FileState::Cleaned),
            ("00000000000000000042.txnindex.swap", FileKind::TxnIndex, 42, FileState::Swap),
            ("09223372036854775807.snapshot", FileKind::Snapshot, i64::MAX, FileState::Live),
            ("leader-epoch-checkpoint.tmp", FileKind::LeaderEpochCheckpoint, 0, FileState::Temporary),
            ("partition.metadata", FileKind::PartitionMetadata, 0, FileState::Live),
            ("millpond-recovery-mark", FileKind::RecoveryMark, 0, FileState::Live),
            ("millpond-remote-manifest.tmp", FileKind::RemoteManifest, 0, FileState::Temporary),
        ] {
            let parsed = FileName::parse(name).unwrap();
            let base = Offset(base);
            assert_eq!(parsed, FileName { kind, base, state });
            assert_eq!(parsed.to_string(), name);
            assert!(name.len() <= NAME_SIZE_MAX);
        }
        for foreign in ["", ".log", "0.log", "99999999999999999999.log", "+0000000000000000001.log", "core", "a.tmp"] {
            assert_eq!(FileName::parse(foreign), None, "{foreign}");
        }
    }
}
