//! Questions that change nothing: what a group looks like, and what it has committed.

use crate::bounded::slab::Slot;
use crate::ids::{CallId, GenerationId, PartitionIndex};
use crate::time::Instant;

use super::answer::{RosterMember, Seats};
use super::classic::state::{Group, Member, State, Waiting};
use super::coordinator::Coordinator;
use super::modern::administration::ConsumerGroupView;
use super::record::StoredOffset;

/// A group as an administrator sees it.
#[derive(Clone, Copy, Debug)]
pub struct GroupView<'a, 'm> {
    coordinator: &'a Coordinator<'m>,
    group: &'a Group,
}

/// A member as an administrator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberView<'a> {
    /// Its id.
    pub member_id: &'a str,
    /// Its instance id, if it is static.
    pub group_instance_id: Option<&'a str>,
    /// What its connection calls itself.
    pub client_id: &'a str,
    /// Where it speaks from.
    pub client_host: &'a str,
    /// What it said under the group's protocol; empty unless the group is stable.
    pub metadata: &'a [u8],
    /// What the leader gave it last; empty while it waits for a new assignment. Source: `ClassicGroupMember.describeNoMetadata`.
    pub assignment: &'a [u8],
}

/// What a coordinator waits for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due<'a> {
    /// The end of a member's session, or the time to look whether it has moved.
    Session {
        /// The group.
        group_id: &'a str,
        /// The member.
        member_id: &'a str,
    },
    /// The end of the patience with a member that was given an id.
    Pending {
        /// The group.
        group_id: &'a str,
        /// The id that was given.
        member_id: &'a str,
    },
    /// The end of the joining or of the syncing of a group.
    Round {
        /// The group.
        group_id: &'a str,
    },
    /// The look for expired offsets.
    Expiry,
}

impl<'a, 'm> GroupView<'a, 'm> {
    /// The group's id.
    #[must_use]
    pub fn group_id(&self) -> &'a str {
        self.coordinator.texts.str(self.group.id)
    }

    /// The kind of group; empty when it has only offsets.
    #[must_use]
    pub fn protocol_type(&self) -> &'a str {
        self.group.protocol_type.map_or("", |text| self.coordinator.texts.str(text))
    }

    /// What it is as a consumer group, if it is one; then nothing of a classic one is of any meaning.
    #[must_use]
    pub fn consumer_group(&self) -> Option<ConsumerGroupView<'a, 'm>> {
        self.coordinator.consumer_group_view(self.group_id())
    }

    /// Where the group stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.group.state
    }

    /// The current generation.
    #[must_use]
    pub const fn generation_id(&self) -> GenerationId {
        self.group.generation_id
    }

    /// The protocol of a stable group; empty otherwise. Source: `GroupMetadataManager.describeGroups`.
    #[must_use]
    pub fn protocol(&self) -> &'a str {
        let protocol = self.group.protocol.filter(|_| self.group.state == State::Stable);
        protocol.map_or("", |text| self.coordinator.texts.str(text))
    }

    /// The leader of the current generation; empty when there is none.
    #[must_use]
    pub fn leader(&self) -> &'a str {
        self.coordinator.members.get(self.group.leader).map_or("", |leader| self.coordinator.texts.str(leader.id))
    }

    /// The members in the order in which they joined.
    pub fn members(&self) -> impl Iterator<Item = MemberView<'a>> + use<'a, 'm> {
        let (coordinator, group) = (self.coordinator, self.group);
        let protocol = self.protocol();
        let stable = group.state == State::Stable;
        group.members.iter(&coordinator.members).map(move |(_, member)| coordinator.member_view(member, protocol, stable))
    }

    /// What the group has committed, in the order in which it first did.
    pub fn offsets(&self) -> impl Iterator<Item = (&'a str, PartitionIndex, StoredOffset<'a>)> + use<'a, 'm> {
        let coordinator = self.coordinator;
        self.group.offsets.iter(&coordinator.offsets).map(|(_, entry)| coordinator.stored(entry))
    }
}

impl<'m> Coordinator<'m> {
    /// A group, if there is one of this id.
    #[must_use]
    pub fn group(&self, group_id: &str) -> Option<GroupView<'_, 'm>> {
        self.group_at(self.find_group(group_id)?)
    }

    /// The group at a slot.
    #[must_use]
    pub fn group_at(&self, slot: Slot) -> Option<GroupView<'_, 'm>> {
        Some(GroupView { coordinator: self, group: self.groups.get(slot)? })
    }

    /// What happens next if nobody asks for anything, and when. Of what happens at the same time, the first to be acted on.
    #[must_use]
    pub fn next_due(&self) -> Option<(Instant, Due<'_>)> {
        let group_id = |group: Slot| self.groups.get(group).map_or("", |group| self.texts.str(group.id));
        let session = self.sessions.first().and_then(|(due, slot)| {
            let member = self.members.get(slot)?;
            Some((due, Due::Session { group_id: group_id(member.group), member_id: self.texts.str(member.id) }))
        });
        let pending = self.pending_sessions.first().and_then(|(due, slot)| {
            let pending = self.pendings.get(slot)?;
            Some((due, Due::Pending { group_id: group_id(pending.group), member_id: self.texts.str(pending.id) }))
        });
        let round = self.rounds.first().map(|(due, slot)| (due, Due::Round { group_id: group_id(slot) }));
        let expiry = self.expiry.map(|expiry| (expiry.due, Due::Expiry));
        [session, pending, round, expiry].into_iter().flatten().min_by_key(|(due, _)| *due)
    }

    /// The calls that wait for a round or an assignment: what a runtime still owes an answer.
    pub fn waiting(&self) -> impl Iterator<Item = CallId> {
        self.members.iter().filter_map(|(_, member)| match member.waiting {
            Waiting::InJoin(call) | Waiting::InSync(call) => Some(call),
            Waiting::Nowhere => None,
        })
    }

    /// All groups.
    pub fn views(&self) -> impl Iterator<Item = GroupView<'_, 'm>> {
        self.groups.iter().map(|(_, group)| GroupView { coordinator: self, group })
    }

    /// What a group has committed for a partition.
    #[must_use]
    pub fn committed(&self, group_id: &str, topic: &str, partition: PartitionIndex) -> Option<StoredOffset<'_>> {
        let offset = self.find_offset(self.find_group(group_id)?, topic, partition)?;
        self.offsets.get(offset).map(|entry| self.stored(entry).2)
    }

    fn member_view<'a>(&'a self, member: &'a Member, protocol: &str, stable: bool) -> MemberView<'a> {
        MemberView {
            member_id: self.texts.str(member.id),
            group_instance_id: member.instance.map(|text| self.texts.str(text)),
            client_id: self.texts.str(member.client_id),
            client_host: self.texts.str(member.client_host),
            metadata: if stable { self.metadata_under(member, protocol) } else { &[] },
            assignment: self.texts.bytes(member.assignment),
        }
    }
}

impl Seats for Coordinator<'_> {
    fn seat_count(&self, group: Slot) -> usize {
        self.groups.get(group).map_or(0, |group| group.members.len())
    }

    fn first_seat(&self, group: Slot) -> Slot {
        self.groups.get(group).map_or(Slot::NONE, |group| group.members.first())
    }

    fn seat(&self, slot: Slot) -> Option<(RosterMember<'_>, Slot)> {
        let member = self.members.get(slot)?;
        let protocol = self.groups.get(member.group)?.protocol.map_or("", |text| self.texts.str(text));
        let seen = RosterMember {
            member_id: self.texts.str(member.id),
            group_instance_id: member.instance.map(|text| self.texts.str(text)),
            metadata: self.metadata_under(member, protocol),
        };
        Some((seen, member.links.next_slot()))
    }
}
