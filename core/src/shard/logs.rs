//! The open logs of a shard, who waits for them, and which want a sync.

use crate::bounded::list::List;
use crate::bounded::slab::Slot;
use crate::bounded::table::{HashKey, Table};
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use crate::log::partition_log::{Appended, PartitionLog};
use crate::record::validate::CheckedBatch;
use crate::store::segment_store::SegmentStore;
use crate::time::Moment;

use super::error::{PartitionError, WriteError};
use super::parked::{Outcome, Parked, Partitions, Release, Waiting};

/// A log end that answers may have to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The partition, as the shard keeps it.
    pub partition: Slot,
    /// What must be committed: everything below.
    pub end: Offset,
}

/// An open log, for whoever carries out its sync: a log that comes later to the same place is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncedLog {
    pub(super) slot: Slot,
    pub(super) topic_id: TopicId,
    pub(super) index: PartitionIndex,
}

impl SyncedLog {
    /// Whether it is the catalogue's.
    #[must_use]
    pub fn is_catalog(&self) -> bool {
        self.topic_id == TopicId::METADATA
    }
}

/// One partition's log and who waits for it.
pub(super) struct Partition<'m, S: SegmentStore> {
    pub(super) topic_id: TopicId,
    pub(super) index: PartitionIndex,
    pub(super) log: PartitionLog<'m, S>,
    pub(super) waiting: Waiting,
    /// The end of the catalogue's log when this one was opened: until that is committed, a loss of power takes the partition away
    /// with all that was promised of it, so nothing is.
    pub(super) founded: Offset,
    /// Whether it stands in the list of partitions that want a sync.
    pub(super) wants_sync: bool,
    /// Whether a compaction of it has failed: then none is begun any more.
    pub(super) is_uncleanable: bool,
}

/// The open logs.
pub(super) struct Logs<'m, S: SegmentStore> {
    pub(super) partitions: Table<'m, Partition<'m, S>>,
    pub(super) parked: Parked<'m>,
    /// Partitions that want a sync.
    pub(super) unsynced: List<'m, Slot>,
    pub(super) key: HashKey,
    /// Whether all logs were closed: then none is opened any more.
    pub(super) closed: bool,
    /// Whether something was committed since transactions were last looked at.
    pub(super) stirred: bool,
    /// Whether there may be more to compact than when somebody last looked.
    pub(super) has_dirt: bool,
}

pub(super) struct PartitionTable<'t, 'm, S: SegmentStore>(pub(super) &'t mut Table<'m, Partition<'m, S>>);

impl<S: SegmentStore> Partitions for PartitionTable<'_, '_, S> {
    fn waiting_mut(&mut self, partition: Slot) -> Option<&mut Waiting> {
        self.0.get_mut(partition).map(|partition| &mut partition.waiting)
    }
}

impl<'m, S: SegmentStore> Logs<'m, S> {
    pub(super) fn hash(&self, topic_id: TopicId, index: PartitionIndex) -> u64 {
        self.key.hash(&[&topic_id.0, &index.0.to_be_bytes()])
    }

    pub(super) fn find(&self, topic_id: TopicId, index: PartitionIndex) -> Option<Slot> {
        let is_it = |partition: &Partition<'m, S>| partition.topic_id == topic_id && partition.index == index;
        self.partitions.find(self.hash(topic_id, index), is_it)
    }

    pub(super) fn append(
        &mut self,
        at: Moment,
        slot: Slot,
        epoch: LeaderEpoch,
        batch: &CheckedBatch<'_>,
        out: &mut dyn Release,
    ) -> Result<(Appended, Written), WriteError<S::Error>> {
        let Some(partition) = self.partitions.get_mut(slot) else { return Err(WriteError::Partition(PartitionError::Unknown)) };
        let result = partition.log.append(at.wall, epoch, batch);
        let failed = partition.log.closed().is_some();
        let appended = match result {
            Ok(appended) => appended,
            Err(error) => {
                if failed {
                    self.abandon(slot, Outcome::Failed, out);
                }
                return Err(WriteError::Append(error));
            }
        };
        // The end is exclusive. For a duplicate it is that of the batch as it was written then.
        let end = Offset(appended.last_offset.0 + 1);
        if batch.header().is_control() {
            // The end of a transaction may uncover any number of bytes.
            self.parked.appended(&partition.waiting, u32::MAX);
        } else if !appended.is_duplicate {
            self.parked.appended(&partition.waiting, batch.header().size());
        }
        self.has_dirt |= partition.log.config().compact;
        if partition.log.config().write_caching {
            self.committed(slot, appended.watermarks.high_watermark(), out);
        } else {
            self.want_sync(slot);
        }
        Ok((appended, Written { partition: slot, end }))
    }

    pub(super) fn want_sync(&mut self, slot: Slot) {
        if let Some(partition) = self.partitions.get_mut(slot)
            && !partition.wants_sync
        {
            partition.wants_sync = true;
            // The list has the capacity of the table.
            let noted = self.unsynced.push(slot);
            debug_assert!(noted.is_ok(), "every log has room in the list");
        }
    }

    /// Forgets a log whose topic is gone, and tells whoever waits for it.
    pub(super) fn drop_log(&mut self, slot: Slot, out: &mut dyn Release) {
        self.abandon(slot, Outcome::Gone, out);
        self.partitions.remove(slot);
        if let Some(at) = self.unsynced.iter().position(|other| *other == slot) {
            self.unsynced.swap_remove(at);
        }
    }

    /// Tells whoever waits for a partition that its log has failed or is gone.
    pub(super) fn abandon(&mut self, slot: Slot, why: Outcome, out: &mut dyn Release) {
        self.parked.abandon(slot, why, &mut PartitionTable(&mut self.partitions), out);
    }

    /// Releases whoever waited for what is committed now.
    pub(super) fn committed(&mut self, slot: Slot, high_watermark: Offset, out: &mut dyn Release) {
        self.stirred = true;
        self.parked.committed(slot, high_watermark, &mut PartitionTable(&mut self.partitions), out);
    }
}
