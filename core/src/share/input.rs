//! What comes in.

use crate::bounded::slab::Slot;
use crate::ids::{CallId, Offset, PartitionIndex, TopicId};

use super::config::ShareLimits;
use super::state::AcknowledgeType;

/// A partition that a group shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareKey<'a> {
    /// The group.
    pub group_id: &'a str,
    /// The topic.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
}

/// One input of the coordinator.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A group begins to share a partition, or an administrator says where it is to go on.
    Initialize(Initialize<'a>),
    /// A member wants records to work on.
    Acquire(Acquire<'a>),
    /// A member is done with records, or is not.
    Acknowledge(Acknowledge<'a>),
    /// A member is gone: whatever it has acquired comes back.
    Release(Release<'a>),
    /// Records are gone from the log.
    LogBegins(LogBegins<'a>),
    /// Nobody shares a partition any more.
    Delete(Place),
    /// The whole state of a partition is to be written again, so that what was written before is needed no more. Source:
    /// `ShareCoordinatorShard.snapshotColdPartitions`.
    Snapshot(Place),
}

impl Input<'_> {
    /// What it is about, where it names that.
    #[must_use]
    pub const fn key(&self) -> Option<&ShareKey<'_>> {
        match self {
            Self::Initialize(initialize) => Some(&initialize.key),
            Self::Acquire(acquire) => Some(&acquire.key),
            Self::Acknowledge(acknowledge) => Some(&acknowledge.key),
            Self::Release(release) => Some(&release.key),
            Self::LogBegins(begins) => Some(&begins.key),
            Self::Delete(_) | Self::Snapshot(_) => None,
        }
    }
}

/// A group begins to share a partition, or an administrator says where it is to go on.
#[derive(Clone, Copy, Debug)]
pub struct Initialize<'a> {
    /// The call to answer.
    pub call: CallId,
    /// What is shared.
    pub key: ShareKey<'a>,
    /// How often the state was set; one that is lower than the known one is refused.
    pub state_epoch: i32,
    /// Where it begins; `None` when that is looked up with the first fetch.
    pub start: Option<Offset>,
}

/// A batch of the log, by its offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBatch {
    /// The first.
    pub first: Offset,
    /// The last.
    pub last: Offset,
}

/// A member wants records to work on, and what was read for it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Acquire<'a> {
    /// The call to answer.
    pub call: CallId,
    /// What is shared.
    pub key: ShareKey<'a>,
    /// The member.
    pub member_id: &'a str,
    /// From where on the log was read; see [`super::coordinator::Coordinator::next_fetch_offset`].
    pub read_from: Offset,
    /// What was read, rising.
    pub batches: &'a [LogBatch],
    /// Which of these belong to aborted transactions, rising, if the group is not to see them.
    pub aborted: &'a [LogBatch],
    /// How many records it wants; some more come when batches end later.
    pub records_max: u32,
    /// How many records are acquired together, about.
    pub batch_size: u32,
    /// Whether it wants so many and no more. Source: KIP-1206.
    pub is_strict: bool,
    /// What holds for the group.
    pub limits: ShareLimits,
}

/// Offsets that a member says something of.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged<'a> {
    /// The first.
    pub first: Offset,
    /// The last.
    pub last: Offset,
    /// What it says: of all of them, or of each.
    pub types: &'a [AcknowledgeType],
}

/// A member is done with records, or is not.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledge<'a> {
    /// The call to answer.
    pub call: CallId,
    /// What is shared.
    pub key: ShareKey<'a>,
    /// The member.
    pub member_id: &'a str,
    /// What it says, rising.
    pub batches: &'a [Acknowledged<'a>],
    /// What holds for the group.
    pub limits: ShareLimits,
}

/// A member is gone.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// The call to answer.
    pub call: CallId,
    /// What is shared.
    pub key: ShareKey<'a>,
    /// The member.
    pub member_id: &'a str,
}

/// Records are gone from the log.
#[derive(Clone, Copy, Debug)]
pub struct LogBegins<'a> {
    /// The call to answer.
    pub call: CallId,
    /// What is shared.
    pub key: ShareKey<'a>,
    /// Where the log begins now, or where sharing begins if that was to be looked up.
    pub offset: Offset,
}

/// A partition that is shared, by its place.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The call to answer.
    pub call: CallId,
    /// See [`super::view::ShareView::slot`].
    pub slot: Slot,
}
