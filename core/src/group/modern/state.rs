//! What is known of a consumer group, and how its members come to what they are to have.
//!
//! ```text
//!              a newer target, nothing to give back            a newer target, something to give back
//!            ┌──────────────────────────────────── Stable ─────────────────────────────────────────┐
//!            │                                      ▲    ▲                                          │
//!            ▼              the rest became free    │    │ it was given back; nothing is missing    ▼
//!   UnreleasedPartitions ───────────────────────────┘    └─────────────────────────── UnrevokedPartitions
//!            ▲                                                                                      │
//!            └──────────── it was given back; others still hold some of what comes ◄────────────────┘
//! ```
//! In `Stable` and `UnreleasedPartitions` a member is in the epoch of the target; in `UnrevokedPartitions` it stays in the one before, so
//! that it may commit what it has read. Source: `CurrentAssignmentBuilder`, `ConsumerGroup.maybeUpdateGroupState`.

use crate::bounded::bytes::Text;
use crate::bounded::chain::{Chain, Links, linked};
use crate::bounded::slab::Slot;
use crate::ids::{MemberEpoch, PartitionIndex, TopicId};
use crate::time::{Instant, Millis, Timestamp};

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// It has what it is to have.
    Stable,
    /// It is to give partitions back before anything else.
    UnrevokedPartitions,
    /// It waits for partitions that others have not given back yet.
    UnreleasedPartitions,
    /// A later Kafka has put it into a state that is not known here: it has to begin anew.
    Unknown,
}

impl MemberState {
    /// Kafka's number for it. Source: `MemberState`.
    #[must_use]
    pub const fn number(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::UnrevokedPartitions => 1,
            Self::UnreleasedPartitions => 2,
            Self::Unknown => 127,
        }
    }

    /// The state of a number.
    #[must_use]
    pub const fn from_number(number: i8) -> Self {
        match number {
            0 => Self::Stable,
            1 => Self::UnrevokedPartitions,
            2 => Self::UnreleasedPartitions,
            _ => Self::Unknown,
        }
    }
}

/// Where a consumer group or a share group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// Without members; it may have offsets.
    Empty,
    /// There is no target for its epoch yet.
    Assigning,
    /// Members are on the way to the target.
    Reconciling,
    /// All members have what they are to have.
    Stable,
}

impl GroupState {
    /// Kafka's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

/// What its members do with the partitions they get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// Each is one member's alone (KIP-848).
    Consumer,
    /// Several work on one, record by record (KIP-932).
    Share,
}

/// What a group is beside its id and its offsets, when the coordinator makes its assignments. Hard, where nothing else is said.
#[derive(Debug)]
pub struct ConsumerGroup {
    pub(in crate::group) kind: GroupKind,
    pub(in crate::group) epoch: MemberEpoch,
    /// Of the topics that it subscribes to, when that was last looked at; 0 without any.
    pub(in crate::group) metadata_hash: i64,
    /// For which epoch its target was made.
    pub(in crate::group) target_epoch: MemberEpoch,
    pub(in crate::group) target_at: Option<Timestamp>,
    /// In the order in which they joined.
    pub(in crate::group) members: Chain,
    /// How many of them speak the classic protocol. Follows from them.
    pub(in crate::group) classics: usize,
    /// The topics that somebody subscribes to.
    pub(in crate::group) topics: Chain,
    pub(in crate::group) patterns: Chain,
    /// Soft: the version of the catalogue whose topics the hash was made of.
    pub(in crate::group) checked: Option<u64>,
    /// Of a share group: the partitions that it shares: [`super::partitions::Partitions`].
    pub(in crate::group) shares: Text,
    /// Of a share group: those that it is about to share.
    pub(in crate::group) begins: Text,
    /// Soft: the version of the catalogue of which it shares everything that somebody subscribes to, or is about to.
    pub(in crate::group) all_shared_at: Option<u64>,
}

/// One member of a consumer group. Hard, where nothing else is said.
#[derive(Debug)]
pub struct Consumer {
    /// Among the consumer groups.
    pub(in crate::group) group: Slot,
    pub(in crate::group) id: Text,
    pub(in crate::group) instance: Option<Text>,
    pub(in crate::group) rack: Option<Text>,
    pub(in crate::group) client_id: Text,
    pub(in crate::group) client_host: Text,
    /// The topics it subscribes to by name: [`super::names::Names`].
    pub(in crate::group) names: Text,
    pub(in crate::group) pattern: Option<Text>,
    pub(in crate::group) assignor: Option<Text>,
    pub(in crate::group) rebalance_timeout: Option<Millis>,
    /// What it said in the classic protocol, if that is the one it speaks.
    pub(in crate::group) classic: Option<Classic>,
    pub(in crate::group) epoch: MemberEpoch,
    pub(in crate::group) previous: MemberEpoch,
    pub(in crate::group) state: MemberState,
    /// What it has: [`super::partitions::Partitions`], as the two that follow.
    pub(in crate::group) assigned: Text,
    /// What it is to give back.
    pub(in crate::group) revoking: Text,
    /// What it is to have; `None` before that was ever said.
    pub(in crate::group) target: Option<Text>,
    /// Soft: when its session ends; the deadline kept for it may be earlier, never later.
    pub(in crate::group) session_due: Instant,
    /// Soft: until when a member that speaks the classic protocol is to join again, if it was told to.
    pub(in crate::group) join_due: Option<Instant>,
    /// Soft: until when a member that speaks the classic protocol is to ask for its assignment, if it has joined.
    pub(in crate::group) sync_due: Option<Instant>,
    /// Scratch of an assignment: its number.
    pub(in crate::group) number: u32,
    /// Scratch of a leave: it is among those who go.
    pub(in crate::group) goes: bool,
    pub(in crate::group) links: Links,
}

/// What a member of a consumer group says that speaks the classic protocol.
#[derive(Clone, Copy, Debug)]
pub struct Classic {
    /// How long it may be silent.
    pub(in crate::group) session_timeout: Millis,
    /// What it offers: [`super::offers::Offers`].
    pub(in crate::group) offers: Text,
}

/// A topic that members of a group subscribe to.
#[derive(Debug)]
pub struct Subscribed {
    pub(in crate::group) group: Slot,
    pub(in crate::group) name: Text,
    /// How many members name it.
    pub(in crate::group) by_name: usize,
    /// How many patterns match it.
    pub(in crate::group) by_pattern: usize,
    /// Scratch of a hash: how many of those are gone then; below 0 when some come.
    pub(in crate::group) off: isize,
    /// Scratch of a target: its number.
    pub(in crate::group) number: u32,
    pub(in crate::group) links: Links,
}

/// A pattern that members of a group subscribe to.
#[derive(Debug)]
pub struct Pattern {
    pub(in crate::group) group: Slot,
    pub(in crate::group) text: Text,
    /// How many members have it.
    pub(in crate::group) members: usize,
    /// Scratch of a leave: how many of those go.
    pub(in crate::group) off: usize,
    /// What it matches, once that was looked up: [`super::names::Names`], in which version of the catalogue, and when.
    pub(in crate::group) matches: Option<(Text, i64, Timestamp)>,
    pub(in crate::group) links: Links,
}

/// Who holds a partition: has it, or has not given it back yet. Follows from the members.
#[derive(Debug)]
pub struct Holding {
    pub(in crate::group) group: Slot,
    pub(in crate::group) topic: TopicId,
    pub(in crate::group) partition: PartitionIndex,
    pub(in crate::group) member: Slot,
}

linked!(Consumer, Subscribed, Pattern);
