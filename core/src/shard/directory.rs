//! Where the logs of a shard live: lent by the runtime.

use crate::catalog::catalog::Catalog;
use crate::catalog::snapshot::{SnapshotDamage, SnapshotId};
use crate::group::config::GroupConfig;
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, ProducerId, TopicId};
use crate::log::config::LogConfig;
use crate::log::partition_log::LogMemory;
use crate::log::recover::{OpenHints, RecoveryReport};
use crate::store::file_name::FileName;
use crate::store::segment_store::SegmentStore;
use crate::wire::reader::DecodeError;

/// A partition, named in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionName<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The topic's id.
    pub topic_id: TopicId,
    /// The partition.
    pub index: PartitionIndex,
}

/// Something in a machine's log that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// A record that is none of the machine's.
    Record {
        /// Its offset.
        offset: Offset,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// Records of groups that another partition keeps.
    Misplaced {
        /// How many.
        records: u64,
    },
    /// A batch whose checksum is wrong, or whose records cannot be read.
    Batch {
        /// Its first offset.
        offset: Offset,
    },
    /// Bytes where a batch should be.
    Bytes {
        /// In which file.
        file: FileName,
        /// From where on.
        position: u32,
        /// Where reading goes on.
        next: Offset,
    },
}

/// Something cannot be read, and who knows why has said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// A directory is not to be served, and it says why to whoever asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// The directory of all logs: stores, memory and settings for each, and what was remembered of them.
pub trait LogDirectory<'m> {
    /// The store of one log.
    type Store: SegmentStore;

    /// The store of a partition. Nothing is created before it is written to.
    fn store(&mut self, partition: PartitionName<'_>) -> Self::Store;

    /// A second store of the same files, for work beside the log. It creates files, but never the directory: the partition may be gone.
    fn beside(&mut self, partition: PartitionName<'_>) -> Self::Store {
        self.store(partition)
    }

    /// The memory of a partition's log.
    fn memory(&mut self) -> LogMemory<'m>;

    /// The settings of a topic's log, given the topic's own settings.
    fn log_config<'e>(&self, own: &mut dyn Iterator<Item = (&'e str, &'e str)>) -> LogConfig;

    /// The settings in force for a group, given the group's own; `None` where a directory leaves that to the coordinator.
    fn group_config<'e>(&self, own: &mut dyn Iterator<Item = (&'e str, &'e str)>) -> Option<GroupConfig> {
        let _ = own;
        None
    }

    /// What was remembered of a partition's log since it was last open.
    fn hints(&self, partition: PartitionName<'_>) -> OpenHints;

    /// Hears what opening a log has found: the runtime says it out loud where something was lost.
    fn opened(&mut self, partition: PartitionName<'_>, report: &RecoveryReport);

    /// Hears, while a machine is loaded, of what was left out because it cannot be read: its place in the partition's log, and why.
    fn left_out(&mut self, partition: PartitionName<'_>, what: LeftOut);

    /// Hears of an open transaction in a log that no coordinator knows: it was aborted, so that it does not hold readers back for ever.
    fn abandoned(&mut self, partition: PartitionName<'_>, producer_id: ProducerId);

    /// The newest snapshot of the catalogue, or the newest that is older than one. Without an implementation there are none.
    fn snapshot_before(&mut self, _: Option<SnapshotId>) -> Option<SnapshotId> {
        None
    }

    /// Reads a snapshot from `position` until `into` is full or the file ends; answers how many bytes that were.
    ///
    /// # Errors
    /// [`Unreadable`] when bytes that are there cannot be read; the directory has said why.
    fn read_snapshot(&mut self, _: SnapshotId, _position: u64, _into: &mut [u8]) -> Result<usize, Unreadable> {
        Ok(0)
    }

    /// Hears of a snapshot that is not whole and was left aside.
    fn snapshot_damaged(&mut self, _: SnapshotId, _: SnapshotDamage) {}

    /// Hears that the catalogue is loaded. Up to here nothing was changed; from here on the directory is written to.
    ///
    /// # Errors
    /// [`Refused`] when it is not to be served, or cannot be written to: then it is left as it is, and the directory says why.
    fn begin(&mut self, _: &Catalog<'m>) -> Result<(), Refused> {
        Ok(())
    }

    /// The latest epoch that the directory remembers of the quorum of the catalogue's log; 0 when none. The log itself may know of a
    /// later one.
    fn quorum_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(0)
    }

    /// Hears that this broker leads the catalogue's log from now on, to be remembered before anything is written under the epoch, and by
    /// which version of the quorum's protocol. An epoch that is forgotten by a loss of power was never seen by anybody.
    fn lead_quorum(&mut self, _: LeaderEpoch, _kraft_version: i16) {}

    /// Hears, while the catalogue is loaded, of a topic that was deleted: whatever is left of its files may go.
    fn removed(&mut self, topic_id: TopicId);

    /// Takes the files of a deleted partition out of the way, so that a topic of the same name can come after it.
    fn retire(&mut self, partition: PartitionName<'_>);

    /// Deletes the files of all retired partitions of a topic: its deletion can no longer be undone by a loss of power.
    fn purge(&mut self, topic_id: TopicId);
}
