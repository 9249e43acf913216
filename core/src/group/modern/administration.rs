//! What others ask of consumer groups: commits, deletions, and what they look like.

use crate::bounded::slab::Slot;
use crate::group::assignor::simple;
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::group::input::Commit;
use crate::ids::{GenerationId, MemberEpoch};

use super::names::Names;
use super::partitions::Partitions;
use super::record::ConsumerRecord;
use super::state::{Consumer, ConsumerGroup, GroupKind, GroupState, MemberState};

/// A consumer group as an administrator sees it.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerGroupView<'a, 'm> {
    coordinator: &'a Coordinator<'m>,
    slot: Slot,
    entry: &'a ConsumerGroup,
}

/// A member of a consumer group as an administrator sees it.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerView<'a> {
    /// Its id.
    pub member_id: &'a str,
    /// Its instance id, if it is static.
    pub group_instance_id: Option<&'a str>,
    /// Its rack.
    pub rack_id: Option<&'a str>,
    /// How far it is.
    pub epoch: MemberEpoch,
    /// What its connection calls itself.
    pub client_id: &'a str,
    /// Where it speaks from.
    pub client_host: &'a str,
    /// The topics it subscribes to by name.
    pub names: Names<'a>,
    /// The pattern of topics it subscribes to.
    pub pattern: Option<&'a str>,
    /// What it has.
    pub assigned: Partitions<'a>,
    /// What it is to give back, and has until then.
    pub revoking: Partitions<'a>,
    /// What it is to have.
    pub target: Partitions<'a>,
    /// Whether it speaks the classic protocol.
    pub is_classic: bool,
}

impl<'a, 'm> ConsumerGroupView<'a, 'm> {
    /// Where the group lies.
    #[must_use]
    pub const fn slot(&self) -> Slot {
        self.slot
    }

    /// Of which kind the group is.
    #[must_use]
    pub const fn kind(&self) -> GroupKind {
        self.entry.kind
    }

    /// Where the group stands.
    #[must_use]
    pub fn state(&self) -> GroupState {
        let entry = self.entry;
        if entry.members.is_empty() {
            return GroupState::Empty;
        }
        // A share group has nothing to bring about. Source: `ShareGroup.maybeUpdateGroupState`.
        if entry.kind == GroupKind::Share {
            return GroupState::Stable;
        }
        if entry.epoch > entry.target_epoch {
            return GroupState::Assigning;
        }
        let mut members = entry.members.iter(&self.coordinator.modern.members);
        let is_there = |member: &Consumer| member.state == MemberState::Stable && member.epoch == entry.target_epoch;
        if members.all(|(_, member)| is_there(member)) { GroupState::Stable } else { GroupState::Reconciling }
    }

    /// How far the group is.
    #[must_use]
    pub const fn epoch(&self) -> MemberEpoch {
        self.entry.epoch
    }

    /// For which epoch its target was made.
    #[must_use]
    pub const fn target_epoch(&self) -> MemberEpoch {
        self.entry.target_epoch
    }

    /// The assignor that makes its targets.
    #[must_use]
    pub fn assignor(&self) -> &'static str {
        match self.entry.kind {
            GroupKind::Consumer => self.coordinator.preferred_assignor(self.slot).name(),
            GroupKind::Share => simple::NAME,
        }
    }

    /// Its members in the order in which they joined.
    pub fn members(&self) -> impl Iterator<Item = ConsumerView<'a>> + use<'a, 'm> {
        let coordinator = self.coordinator;
        self.entry.members.iter(&coordinator.modern.members).map(move |(_, member)| {
            let option = |text: Option<_>| text.map(|text| coordinator.texts.str(text));
            ConsumerView {
                member_id: coordinator.texts.str(member.id),
                group_instance_id: option(member.instance),
                rack_id: option(member.rack),
                epoch: member.epoch,
                client_id: coordinator.texts.str(member.client_id),
                client_host: coordinator.texts.str(member.client_host),
                names: coordinator.names(member.names),
                pattern: option(member.pattern),
                assigned: coordinator.partitions(member.assigned),
                revoking: coordinator.partitions(member.revoking),
                target: member.target.map_or(Partitions::NONE, |text| coordinator.partitions(text)),
                is_classic: member.classic.is_some(),
            }
        })
    }
}

impl<'m> Coordinator<'m> {
    /// The consumer group at a place, if what is there is one.
    #[must_use]
    pub fn consumer_group_at(&self, slot: Slot) -> Option<ConsumerGroupView<'_, 'm>> {
        self.consumer_group(slot).map(|entry| ConsumerGroupView { coordinator: self, slot, entry })
    }

    /// The consumer group of an id, if there is one.
    #[must_use]
    pub fn consumer_group_view(&self, group_id: &str) -> Option<ConsumerGroupView<'_, 'm>> {
        self.consumer_group_at(self.find_group(group_id)?)
    }

    /// Who may commit to a consumer group. Source: `ConsumerGroup.validateOffsetCommit`, KIP-1251.
    pub(in crate::group) fn check_consumer_commit(&self, group: Slot, commit: &Commit<'_>) -> Result<(), GroupError> {
        let Some(entry) = self.consumer_group(group) else { return Err(GroupError::GroupNotFound) };
        // What a share group has done with is not said by offsets. Source: `ShareGroup.validateOffsetCommit`.
        if entry.kind == GroupKind::Share {
            return Err(GroupError::GroupNotFound);
        }
        let caller = &commit.caller;
        if commit.generation_id.is_none() && entry.members.is_empty() {
            return Ok(());
        }
        let is_anonymous = caller.member_id.is_empty() && caller.group_instance_id.is_none();
        if commit.transaction.is_some() && commit.generation_id.is_none() && is_anonymous {
            return Ok(());
        }
        let member = self.find_consumer(group, caller.member_id).and_then(|slot| self.modern.members.get(slot));
        let Some(member) = member else { return Err(GroupError::UnknownMemberId) };
        if commit.transaction.is_none() && !commit.knows_epochs && member.classic.is_none() {
            return Err(GroupError::EpochsUnknown);
        }
        // On the wire both are one field.
        let GenerationId(named) = commit.generation_id.unwrap_or(GenerationId(-1));
        let named = MemberEpoch(named);
        if named == member.epoch {
            return Ok(());
        }
        let stale = Err(GroupError::StaleMemberEpoch { named, known: member.epoch });
        // Who speaks the classic protocol knows it as a generation.
        let stale = if member.classic.is_some() { Err(GroupError::IllegalGeneration) } else { stale };
        if named > member.epoch {
            return stale;
        }
        // It has not heard yet that it is further on, or is on its way out: what it was given by then is still its own to commit.
        let (assigned, revoking) = (self.partitions(member.assigned), self.partitions(member.revoking));
        let may = |since: Option<MemberEpoch>| since.is_some_and(|since| named >= since);
        let all = commit.partitions.iter().all(|partition| {
            let place = (partition.topic_id, partition.partition);
            may(assigned.since(place.0, place.1).or_else(|| revoking.since(place.0, place.1)))
        });
        if all { Ok(()) } else { stale }
    }

    /// Who may ask what a group has committed. Whoever says nothing of itself may. Source: `ConsumerGroup.validateOffsetFetch`.
    ///
    /// # Errors
    /// [`GroupError::UnknownMemberId`] and [`GroupError::StaleMemberEpoch`], for consumer groups only.
    pub fn check_offset_fetch(&self, group_id: &str, member_id: Option<&str>, epoch: MemberEpoch) -> Result<(), GroupError> {
        if member_id.is_none() && epoch.0 < 0 {
            return Ok(());
        }
        let Some(group) = self.find_group(group_id).filter(|group| self.consumer_group(*group).is_some()) else { return Ok(()) };
        if self.kind_at(group) == GroupKind::Share {
            return Err(GroupError::GroupNotFound);
        }
        let member = self.find_consumer(group, member_id.unwrap_or_default()).and_then(|slot| self.modern.members.get(slot));
        let member = member.ok_or(GroupError::UnknownMemberId)?;
        if epoch == member.epoch {
            return Ok(());
        }
        let stale = GroupError::StaleMemberEpoch { named: epoch, known: member.epoch };
        Err(if member.classic.is_some() { GroupError::IllegalGeneration } else { stale })
    }

    /// Whether a member of a consumer group reads a topic.
    pub(in crate::group) fn is_consumed(&self, group: Slot, topic: &str) -> bool {
        self.find_subscribed(group, topic).is_some()
    }

    /// Nothing of a consumer group is left but its offsets. Source: `ConsumerGroup.createGroupTombstoneRecords`, in its order.
    pub(in crate::group) fn record_consumer_group_gone(&self, group: Slot, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let Some(entry) = self.consumer_group(group) else { return Ok(()) };
        let group_id = self.groups.get(group).map_or("", |group| self.texts.str(group.id));
        let members = || entry.members.iter(&self.modern.members).map(|(_, member)| self.texts.str(member.id));
        for member_id in members() {
            self.record_consumer(group_id, ConsumerRecord::Current { member_id, current: None }, fx)?;
        }
        for member_id in members() {
            self.record_consumer(group_id, ConsumerRecord::Target { member_id, partitions: None }, fx)?;
        }
        self.record_consumer(group_id, ConsumerRecord::TargetMade(None), fx)?;
        for member_id in members() {
            self.record_consumer(group_id, ConsumerRecord::Member { member_id, says: None }, fx)?;
        }
        for (_, pattern) in entry.patterns.iter(&self.modern.patterns) {
            self.record_consumer(group_id, ConsumerRecord::Pattern { pattern: self.texts.str(pattern.text), matches: None }, fx)?;
        }
        self.record_consumer(group_id, ConsumerRecord::Topics, fx)?;
        self.record_consumer(group_id, ConsumerRecord::Shared(None), fx)?;
        self.record_consumer(group_id, ConsumerRecord::Group(None), fx)
    }
}
