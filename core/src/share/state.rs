//! What is known of a shared partition.

use crate::bounded::bytes::Text;
use crate::bounded::slab::Slot;
use crate::ids::{Offset, PartitionIndex, TopicId};
use crate::time::{Instant, Timestamp};

/// Where records stand that are not done with, or not yet forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// Somebody may acquire them.
    Available,
    /// A member works on them. Soft: whoever starts anew finds them as they were before.
    Acquired,
    /// A member is done with them.
    Acknowledged,
    /// Nobody gets them any more: they were rejected, tried too often, or are not there.
    Archived,
}

impl RecordState {
    /// Kafka's number for it. Source: `RecordState`.
    #[must_use]
    pub const fn number(self) -> i8 {
        match self {
            Self::Available => 0,
            Self::Acquired => 1,
            Self::Acknowledged => 2,
            Self::Archived => 4,
        }
    }

    /// The state of a number in a record. One that is not known there, such as that of a record on its way elsewhere in a later Kafka, is
    /// not done with.
    #[must_use]
    pub const fn from_number(number: i8) -> Self {
        match number {
            2 => Self::Acknowledged,
            4 => Self::Archived,
            _ => Self::Available,
        }
    }

    /// Whether nothing comes behind it.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Acknowledged | Self::Archived)
    }
}

/// What a member says of a record. Source: `AcknowledgeType`, and the gap of ShareAcknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcknowledgeType {
    /// There is no record.
    Gap,
    /// It is done with.
    Accept,
    /// Somebody else may try.
    Release,
    /// Nobody can do anything with it.
    Reject,
    /// It takes longer. Source: KIP-1222.
    Renew,
}

impl AcknowledgeType {
    /// What a number on the wire means.
    #[must_use]
    pub const fn from_number(number: i8) -> Option<Self> {
        match number {
            0 => Some(Self::Gap),
            1 => Some(Self::Accept),
            2 => Some(Self::Release),
            3 => Some(Self::Reject),
            4 => Some(Self::Renew),
            _ => None,
        }
    }
}

/// Records in a row that stand alike.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub(super) first: Offset,
    pub(super) last: Offset,
    pub(super) state: RecordState,
    /// How often they were delivered, this time included.
    pub(super) delivery_count: u16,
    /// Soft: who has acquired them.
    pub(super) owner: Text,
    /// Soft: until when.
    pub(super) due: Instant,
    /// Soft: the records that were first acquired together with them: which that is, and how many.
    pub(super) batch: (Offset, u32),
    pub(super) next: Slot,
}

/// A partition that a group shares. Hard, where nothing else is said.
#[derive(Debug)]
pub struct SharePartition {
    pub(super) group: Text,
    pub(super) topic: TopicId,
    pub(super) partition: PartitionIndex,
    pub(super) state_epoch: i32,
    pub(super) snapshot_epoch: i32,
    pub(super) leader_epoch: i32,
    /// The first offset that is not done with; `None` before it was looked up.
    pub(super) start: Option<Offset>,
    pub(super) created: Timestamp,
    /// How many changes were written since the last snapshot.
    pub(super) updates: u32,
    /// Where in the log its last snapshot stands, and the one before: the last may not be safe yet.
    pub(super) snapshots_at: [Offset; 2],
    /// Soft: how often records are delivered at most, as was said last.
    pub(super) delivery_count_max: u16,
    /// Its runs, rising. What lies between them, and behind them, was never delivered.
    pub(super) runs: Slot,
}
