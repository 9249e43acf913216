//! What goes out. Answers borrow from the coordinator: whoever keeps one copies it.

use crate::bounded::slab::Slot;
use crate::ids::{GenerationId, MemberEpoch};
use crate::time::Millis;

use super::error::GroupError;
use super::modern::partitions::Partitions;

/// One answer of the coordinator.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// The member has a seat in a generation.
    Joined(Joined<'a>),
    /// The member has no seat.
    JoinRefused {
        /// The id the member goes on with: its own, a fresh one, or empty.
        member_id: &'a str,
        /// Why.
        error: GroupError,
    },
    /// The member's assignment.
    Synced {
        /// The protocol type of the group.
        protocol_type: Option<&'a str>,
        /// The protocol of the generation.
        protocol_name: Option<&'a str>,
        /// What the leader gave the member; empty if nothing.
        assignment: &'a [u8],
    },
    /// The member gets no assignment.
    SyncRefused(GroupError),
    /// The heartbeat was heard, or not.
    Heartbeat(Result<(), GroupError>),
    /// The members have left; for each, in the order of the request, why not if it has not.
    Left(Result<&'a [Option<GroupError>], GroupError>),
    /// The offsets are committed; for each, in the order of the request, why not if it is not.
    Committed(Result<&'a [Option<GroupError>], GroupError>),
    /// The offsets are deleted; for each, in the order of the request, why not if it is not.
    OffsetsDeleted(Result<&'a [Option<GroupError>], GroupError>),
    /// The group is deleted, or not.
    GroupDeleted(Result<(), GroupError>),
    /// A member of a consumer group is in it.
    Consumer(ConsumerSeat<'a>),
    /// A member of a consumer group has left it, for good or for a while.
    ConsumerLeft {
        /// The member.
        member_id: &'a str,
        /// As it left.
        epoch: MemberEpoch,
    },
    /// A member of a consumer group is refused.
    ConsumerRefused(GroupError),
    /// A member of a share group is in it.
    Share(ConsumerSeat<'a>),
    /// A member of a share group has left it.
    ShareLeft {
        /// The member.
        member_id: &'a str,
    },
    /// A member of a share group is refused.
    ShareRefused(GroupError),
    /// What a share group shares is as an administrator said, or not.
    SharesSet(Result<(), GroupError>),
}

/// A seat in a consumer group or a share group.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerSeat<'a> {
    /// The member.
    pub member_id: &'a str,
    /// How far it is.
    pub epoch: MemberEpoch,
    /// How often it is to say that it lives.
    pub heartbeat_interval: Millis,
    /// What it has; `None` when that is what it knows.
    pub assigned: Option<Partitions<'a>>,
}

/// A seat in a generation.
#[derive(Clone, Copy, Debug)]
pub struct Joined<'a> {
    /// The generation.
    pub generation_id: GenerationId,
    /// The protocol type of the group.
    pub protocol_type: Option<&'a str>,
    /// The protocol that all members support.
    pub protocol_name: Option<&'a str>,
    /// The member that computes the assignment.
    pub leader: &'a str,
    /// The member itself.
    pub member_id: &'a str,
    /// For the leader: everybody; for others nobody.
    pub roster: Roster<'a>,
    /// Whether the leader is to leave the assignment as it is. Source: KIP-814.
    pub skip_assignment: bool,
}

/// Whoever knows the members of a group, one after the other.
pub(super) trait Seats {
    /// How many members the group has.
    fn seat_count(&self, group: Slot) -> usize;
    /// The member that joined first, or [`Slot::NONE`].
    fn first_seat(&self, group: Slot) -> Slot;
    /// The member at `slot` as its leader sees it, and the one that joined next.
    fn seat(&self, slot: Slot) -> Option<(RosterMember<'_>, Slot)>;
}

/// The members of a generation as its leader is told them, in the order in which they joined.
#[derive(Clone, Copy)]
pub struct Roster<'a> {
    of: Option<(&'a dyn Seats, Slot)>,
}

impl core::fmt::Debug for Roster<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A member as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RosterMember<'a> {
    /// The member's id.
    pub member_id: &'a str,
    /// The instance id of a static member.
    pub group_instance_id: Option<&'a str>,
    /// What the member said under the chosen protocol.
    pub metadata: &'a [u8],
}

impl<'a> Roster<'a> {
    /// Nobody.
    pub const NOBODY: Self = Self { of: None };

    pub(super) const fn of(seats: &'a dyn Seats, group: Slot) -> Self {
        Self { of: Some((seats, group)) }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.of.map_or(0, |(seats, group)| seats.seat_count(group))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The members.
    pub fn iter(self) -> impl Iterator<Item = RosterMember<'a>> {
        let mut slot = self.of.map_or(Slot::NONE, |(seats, group)| seats.first_seat(group));
        core::iter::from_fn(move || {
            let (member, next) = self.of?.0.seat(slot)?;
            slot = next;
            Some(member)
        })
    }
}
