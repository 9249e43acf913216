//! SyncGroup: a member asks for its assignment; the leader brings everybody's.

use crate::bounded::Full;
use crate::bounded::slab::Slot;
use crate::group::answer::Answer;
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::group::input::{MemberAssignment, Sync};
use crate::group::modern::topics::Topics;
use crate::group::record::{ImageMember, ImageMembers};
use crate::machine::When;
use crate::time::Moment;

use super::state::{State, Waiting};

impl<'m> Coordinator<'m> {
    /// Source: `classicGroupSyncToClassicGroup`.
    pub(in crate::group) fn sync(&mut self, at: Moment, sync: &Sync<'_>, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) {
        let consumers = self.find_group(sync.caller.group_id).filter(|group| self.consumer_group(*group).is_some());
        let result = match consumers {
            Some(group) => self.sync_consumer(at, group, sync, topics, fx),
            None => self.try_sync(at, sync, fx),
        };
        if let Err(error) = result {
            fx.answers.answer(sync.caller.call, When::Now, Answer::SyncRefused(error));
        }
    }

    fn try_sync(&mut self, at: Moment, sync: &Sync<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let (group, slot) = self.check_sync(sync)?;
        let Some(entry) = self.groups.get(group) else { return Err(GroupError::UnknownMemberId) };
        match entry.state {
            State::Empty => Err(GroupError::UnknownMemberId),
            State::PreparingRebalance(_) => Err(GroupError::RebalanceInProgress),
            State::CompletingRebalance => {
                let is_leader = entry.leader == slot;
                // As with joins: a member that asks twice has given up the first call.
                self.answer_waiting(slot, GroupError::RebalanceInProgress, fx);
                if let Some(member) = self.members.get_mut(slot) {
                    member.waiting = Waiting::InSync(sync.caller.call);
                }
                if is_leader {
                    // It has synced when what it brought is believed: until then the others have a deadline to wait for.
                    self.assign(at, group, sync.assignments, fx);
                } else {
                    self.note_synced(group, slot);
                }
                Ok(())
            }
            State::Stable => {
                self.note_synced(group, slot);
                if let Some(member) = self.members.get(slot) {
                    let assignment = self.texts.bytes(member.assignment);
                    // It was written by an earlier step, which need not be durable yet.
                    fx.answers.answer(sync.caller.call, When::Written, self.synced(group, assignment));
                }
                Ok(())
            }
        }
    }

    fn check_sync(&self, sync: &Sync<'_>) -> Result<(Slot, Slot), GroupError> {
        if sync.caller.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let group = self.find_group(sync.caller.group_id).ok_or(GroupError::UnknownMemberId)?;
        let slot = self.check_member(group, sync.caller.member_id, sync.caller.group_instance_id)?;
        let entry = self.groups.get(group).ok_or(GroupError::UnknownMemberId)?;
        if entry.generation_id != sync.generation_id {
            return Err(GroupError::IllegalGeneration);
        }
        let other_type = sync.protocol_type.is_some_and(|given| entry.protocol_type.map(|text| self.texts.str(text)) != Some(given));
        let other_name = sync.protocol_name.is_some_and(|given| entry.protocol.map(|text| self.texts.str(text)) != Some(given));
        if other_type || other_name { Err(GroupError::InconsistentProtocol) } else { Ok((group, slot)) }
    }

    /// A member has synced; when all have, nobody's patience with them can end any more.
    pub(in crate::group) fn note_synced(&mut self, group: Slot, slot: Slot) {
        let Some(member) = self.members.get_mut(slot) else { return };
        if !core::mem::replace(&mut member.unsynced, false) {
            return;
        }
        if let Some(entry) = self.groups.get_mut(group) {
            entry.unsynced -= 1;
            if entry.unsynced == 0 {
                self.rounds.clear(group);
            }
        }
    }

    /// The leader's assignment: it is written down, and everybody who waits gets its part once it is.
    fn assign(&mut self, at: Moment, group: Slot, assignments: &[MemberAssignment<'_>], fx: &mut Fx<'_, '_, 'm>) {
        self.match_assignments(group, assignments);
        // Belief cannot fail, so room is made sure of before anything is written.
        let size = assignments.iter().map(|assignment| assignment.assignment.len()).sum();
        if !self.texts.has_room_for(size, assignments.len()) || self.record_assignments(group, at, assignments, fx).is_err() {
            // The image is larger than one write may be: nobody can be told anything that would survive, so nobody waits for it.
            self.refuse_syncs(at.now, group, GroupError::GroupFull, fx);
            return self.begin_round(at, group, fx);
        }
        let mut slot = self.groups.get(group).map_or(Slot::NONE, |group| group.members.first());
        while let Some(member) = self.members.get_mut(slot) {
            let (given, next) = (member.given, member.links.next_slot());
            if let Waiting::InSync(call) = member.waiting {
                member.waiting = Waiting::Nowhere;
                fx.answers.answer(call, When::Written, self.synced(group, given_to(assignments, given)));
                self.restart_session(at.now, slot);
            }
            slot = next;
        }
    }

    /// Notes for each member which of the assignments is its own; the last one counts, as in a map.
    fn match_assignments(&mut self, group: Slot, assignments: &[MemberAssignment<'_>]) {
        let mut slot = self.groups.get(group).map_or(Slot::NONE, |group| group.members.first());
        while let Some(member) = self.members.get_mut(slot) {
            member.given = 0;
            slot = member.links.next_slot();
        }
        for (at, assignment) in assignments.iter().enumerate() {
            if let Some(member) = self.find_member(group, assignment.member_id).and_then(|slot| self.members.get_mut(slot)) {
                member.given = at + 1;
            }
        }
    }

    fn record_assignments(
        &self,
        slot: Slot,
        at: Moment,
        assignments: &[MemberAssignment<'_>],
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<(), Full> {
        let Some(group) = self.groups.get(slot) else { return Ok(()) };
        let protocol = group.protocol.map_or("", |text| self.texts.str(text));
        let show = |see: &mut dyn FnMut(ImageMember<'_>)| {
            for (_, member) in group.members.iter(&self.members) {
                see(self.image_member(member, protocol, given_to(assignments, member.given)));
            }
        };
        self.record_image_since(slot, Some(at.wall), &ImageMembers::Known(&show), fx)
    }

    fn synced<'a>(&'a self, slot: Slot, assignment: &'a [u8]) -> Answer<'a> {
        let group = self.groups.get(slot);
        Answer::Synced {
            protocol_type: group.and_then(|group| group.protocol_type).map(|text| self.texts.str(text)),
            protocol_name: group.and_then(|group| group.protocol).map(|text| self.texts.str(text)),
            assignment,
        }
    }
}

fn given_to<'a>(assignments: &[MemberAssignment<'a>], given: usize) -> &'a [u8] {
    given.checked_sub(1).and_then(|at| assignments.get(at)).map_or(&[], |assignment| assignment.assignment)
}
