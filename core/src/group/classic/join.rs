//! JoinGroup: a member asks for a seat.

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::slab::Slot;
use crate::group::answer::Answer;
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::group::input::Join;
use crate::group::modern::topics::Topics;
use crate::group::record::ImageMembers;
use crate::machine::When;
use crate::time::{Instant, Moment};

use super::round::Seat;
use super::state::{Preparing, State, Waiting};

/// The longest member id: what a string of the wire can hold. Unit: bytes.
const MEMBER_ID_SIZE_MAX: usize = 0x7fff;

impl<'m> Coordinator<'m> {
    /// Source: `classicGroupJoinToClassicGroup`.
    pub(in crate::group) fn join(&mut self, at: Moment, join: &Join<'_>, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) {
        self.modern.joins_again = None;
        if let Err((member_id, error)) = self.try_join(at, join, topics, fx) {
            (self.modern.joins_again, self.modern.resume) = (None, None);
            fx.answers.answer(join.caller.call, When::Now, Answer::JoinRefused { member_id, error });
        }
    }

    /// Refuses with the member id that the member is told, or sees to it that the call is answered.
    fn try_join<'j>(
        &mut self,
        at: Moment,
        join: &Join<'j>,
        topics: &dyn Topics,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<(), (&'j str, GroupError)> {
        let member_id = join.caller.member_id;
        self.check_join(join).map_err(|error| (member_id, error))?;
        let group = match self.find_group(join.caller.group_id) {
            Some(group) => group,
            None if !member_id.is_empty() => return Err((member_id, GroupError::UnknownMemberId)),
            None => self.found_group(at.now, join, fx).map_err(|error| ("", error))?,
        };
        if let Some(entry) = self.consumer_group(group) {
            if !entry.members.is_empty() {
                return self.join_consumers(at, group, join, topics, fx);
            }
            // An empty one makes room; its offsets stay. Source: `maybeDeleteEmptyConsumerGroup`.
            self.modern.joins_again = Some(join.caller.call);
            return self.record_consumer_group_gone(group, fx).map_err(|error| ("", error));
        }
        if !self.has_room(group, member_id) {
            if let Some(member) = self.find_member(group, member_id) {
                self.evict(member, fx);
            } else if let Some(pending) = self.find_pending(group, member_id) {
                self.drop_pending(pending);
            }
            // Unlike in Kafka, those who wait need not wait for the member that was just sent away.
            self.complete_round_if_all_joined(at, group, fx);
            return Err(("", GroupError::GroupFull));
        }
        if !self.supports(group, join.protocol_type, join.protocols) {
            return Err((member_id, GroupError::InconsistentProtocol));
        }
        if member_id.is_empty() {
            self.join_new(at, group, join, fx).map_err(|error| ("", error))
        } else if let Some(pending) = self.find_pending(group, member_id).filter(|_| join.caller.group_instance_id.is_none()) {
            if !self.has_room_to_seat(group, &Seat::of(join), join.protocols) {
                return Err((member_id, GroupError::GroupFull));
            }
            let id = self.take_pending(pending);
            self.join_seated(at, group, join, id, fx).map_err(|Full| ("", GroupError::GroupFull))
        } else {
            self.join_known(at, group, join, fx).map_err(|error| (member_id, error))
        }
    }

    fn check_join(&self, join: &Join<'_>) -> Result<(), GroupError> {
        if join.caller.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let (min, max) = (self.config.session_timeout_min, self.config.session_timeout_max);
        if join.session_timeout < min || join.session_timeout > max {
            return Err(GroupError::InvalidSessionTimeout { asked: join.session_timeout, min, max });
        }
        Ok(())
    }

    /// Makes a group for its first member. Unlike Kafka's, a join that offers nothing leaves no group behind.
    fn found_group(&mut self, now: Instant, join: &Join<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<Slot, GroupError> {
        if join.protocol_type.is_empty() || join.protocols.is_empty() {
            return Err(GroupError::InconsistentProtocol);
        }
        let group = self.create_group(join.caller.group_id).map_err(|Full| GroupError::GroupFull)?;
        self.record_image(group, &ImageMembers::NONE, fx).map_err(|Full| {
            self.drop_group(group);
            GroupError::GroupFull
        })?;
        self.arm_expiry(now);
        Ok(group)
    }

    /// Whether the group may take this member. Source: `acceptJoiningMember`.
    fn has_room(&self, slot: Slot, member_id: &str) -> bool {
        let Some(group) = self.groups.get(slot) else { return false };
        let member = self.find_member(slot, member_id).and_then(|slot| self.members.get(slot));
        match group.state {
            State::Empty => true,
            // Those who wait count, not those who have a seat: when the limit was lowered, the last to come back lose theirs.
            State::PreparingRebalance(_) => {
                member.is_some_and(|member| matches!(member.waiting, Waiting::InJoin(_))) || group.joining < self.config.size_max
            }
            State::CompletingRebalance | State::Stable => member.is_some() || group.members.len() < self.config.size_max,
        }
    }

    fn join_new(&mut self, at: Moment, group: Slot, join: &Join<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let prefix = join.caller.group_instance_id.unwrap_or(join.client_id);
        let room = MEMBER_ID_SIZE_MAX.saturating_sub(join.id_suffix.len() + 1);
        let prefix = prefix.get(..prefix.floor_char_boundary(room)).unwrap_or_default();
        let parts = [prefix.as_bytes(), b"-", join.id_suffix.as_bytes()];
        let id = self.texts.store_parts(&parts).map_err(|Full| GroupError::GroupFull)?;
        if let Some(instance_id) = join.caller.group_instance_id {
            return match self.find_instance(group, instance_id) {
                Some(known) => self.replace_static_member(at, known, join, id, fx),
                None => self.join_seated(at, group, join, id, fx),
            }
            .map_err(|Full| GroupError::GroupFull);
        }
        if !join.id_required {
            return self.join_seated(at, group, join, id, fx).map_err(|Full| GroupError::GroupFull);
        }
        self.add_pending(group, id, at.now.after(join.session_timeout)).map_err(|Full| {
            self.texts.release(id);
            GroupError::GroupFull
        })?;
        let answer = Answer::JoinRefused { member_id: self.texts.str(id), error: GroupError::MemberIdRequired };
        fx.answers.answer(join.caller.call, When::Now, answer);
        Ok(())
    }

    /// Gives out a seat and parks the member in it. Source: `addMemberThenRebalanceOrCompleteJoin`.
    fn join_seated(&mut self, at: Moment, group: Slot, join: &Join<'_>, id: Text, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        let slot = self.seat(group, id, &Seat::of(join), join.protocols)?;
        if let Some(member) = self.members.get_mut(slot) {
            member.is_new = true;
        }
        if let Some(entry) = self.groups.get_mut(group)
            && let State::PreparingRebalance(Preparing::Gathering { grown, .. }) = &mut entry.state
        {
            *grown = true;
        }
        self.park_in_join(slot, join, fx);
        self.extend_session(slot, at.now.after(self.config.new_member_join_timeout));
        self.begin_or_complete_round(at, group, fx);
        Ok(())
    }

    /// Lets a member wait in a join. A member that asks twice has given up the first call; Kafka leaves that one without an answer,
    /// here it is told to join again.
    fn park_in_join(&mut self, slot: Slot, join: &Join<'_>, fx: &mut Fx<'_, '_, 'm>) {
        self.answer_waiting(slot, GroupError::RebalanceInProgress, fx);
        let Some(member) = self.members.get_mut(slot) else { return };
        member.waiting = Waiting::InJoin(join.caller.call);
        if let Some(group) = self.groups.get_mut(member.group) {
            group.joining += 1;
        }
    }

    /// A member that has a seat joins again. Source: `classicGroupJoinExistingMember`.
    fn join_known(&mut self, at: Moment, group: Slot, join: &Join<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let slot = self.check_member(group, join.caller.member_id, join.caller.group_instance_id)?;
        let Some(entry) = self.groups.get(group) else { return Err(GroupError::UnknownMemberId) };
        let unchanged = self.offers_exactly(slot, join.protocols);
        let answer_again = match entry.state {
            State::Empty => return Err(GroupError::UnknownMemberId),
            State::PreparingRebalance(_) => false,
            // It did not get the answer: here it is again.
            State::CompletingRebalance => unchanged,
            // A leader that joins again wants a new assignment, for reasons of its own.
            State::Stable => unchanged && entry.leader != slot,
        };
        if answer_again {
            if let Some(joined) = self.joined(slot, false, None) {
                fx.answers.answer(join.caller.call, When::Now, Answer::Joined(joined));
            }
            return Ok(());
        }
        self.update_member(slot, join).map_err(|Full| GroupError::GroupFull)?;
        self.park_in_join(slot, join, fx);
        self.begin_or_complete_round(at, group, fx);
        Ok(())
    }

    /// Takes over what a member offers and how long it may be waited for; nothing if the offer finds no room.
    /// Source: `ClassicGroup.updateMember`.
    fn update_member(&mut self, slot: Slot, join: &Join<'_>) -> Result<(), Full> {
        let Some(group) = self.members.get(slot).map(|member| member.group) else { return Ok(()) };
        if !self.offers_exactly(slot, join.protocols) {
            if !self.has_room_to_offer(group, slot, join.protocols, (0, 0)) {
                return Err(Full);
            }
            let offered = self.offer(group, slot, join.protocols);
            debug_assert!(offered.is_ok(), "there is room for the offer");
            offered?;
        }
        if let Some(member) = self.members.get_mut(slot) {
            member.rebalance_timeout = join.rebalance_timeout;
            member.session_timeout = join.session_timeout;
        }
        Ok(())
    }

    /// A static member has come back under a new id: it takes over the old one's seat, and whoever still uses the old id is fenced.
    /// Source: `updateStaticMemberThenRebalanceOrCompleteJoin`.
    fn replace_static_member(&mut self, at: Moment, slot: Slot, join: &Join<'_>, id: Text, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        let Some(group) = self.members.get(slot).map(|member| member.group) else { return Err(Full) };
        if !self.has_room_to_offer(group, slot, join.protocols, (0, 0)) {
            self.texts.release(id);
            return Err(Full);
        }
        self.answer_waiting(slot, GroupError::FencedInstanceId, fx);
        let old = self.rename_member(slot, id);
        self.restart_session(at.now, slot);
        if let Some(member) = self.members.get_mut(slot) {
            // Its session is that of a member again, and waiting keeps it alive.
            member.is_new = false;
        }
        let result = self.update_member(slot, join).and_then(|()| {
            self.park_in_join(slot, join, fx);
            match self.groups.get(group).map(|group| group.state) {
                Some(State::Stable) => self.answer_or_begin_round(at, slot, old, join.may_skip_assignment, fx),
                Some(State::CompletingRebalance) => {
                    self.begin_round(at, group, fx);
                    Ok(())
                }
                Some(State::PreparingRebalance(_) | State::Empty) | None => {
                    self.complete_round_if_all_joined(at, group, fx);
                    Ok(())
                }
            }
        });
        self.texts.release(old);
        result
    }

    /// A static member of a stable group has come back: unless the group would now choose another protocol, it goes on as it is.
    fn answer_or_begin_round(&mut self, at: Moment, slot: Slot, old_id: Text, may_skip: bool, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        let Some(group) = self.members.get(slot).map(|member| member.group) else { return Err(Full) };
        let winner = self.vote(group).and_then(|winner| self.offered.get(winner)).map(|offered| self.texts.str(offered.name));
        let Some(entry) = self.groups.get(group) else { return Err(Full) };
        if winner != entry.protocol.map(|text| self.texts.str(text)) {
            self.begin_round(at, group, fx);
            return Ok(());
        }
        if self.record_members(group, fx).is_err() {
            self.answer_waiting(slot, GroupError::GroupFull, fx);
            return Ok(());
        }
        let Some(entry) = self.groups.get(group) else { return Err(Full) };
        let is_leader = entry.leader == slot;
        if may_skip {
            self.answer_join(slot, is_leader, None, When::Written, fx);
        } else {
            // A member that cannot be told to skip the assignment is told a leader other than itself, so that it computes none.
            let leader = if is_leader { old_id } else { self.members.get(entry.leader).map_or(Text::EMPTY, |leader| leader.id) };
            self.answer_join(slot, false, Some(leader), When::Written, fx);
        }
        Ok(())
    }

    /// Refuses whatever call a member still waits in.
    pub(in crate::group) fn answer_waiting(&mut self, slot: Slot, error: GroupError, fx: &mut Fx<'_, '_, 'm>) {
        let Some(member) = self.members.get_mut(slot) else { return };
        let waiting = core::mem::replace(&mut member.waiting, Waiting::Nowhere);
        let (group, id) = (member.group, member.id);
        match waiting {
            Waiting::Nowhere => {}
            Waiting::InJoin(call) => {
                if let Some(group) = self.groups.get_mut(group) {
                    group.joining -= 1;
                }
                fx.answers.answer(call, When::Now, Answer::JoinRefused { member_id: self.texts.str(id), error });
            }
            Waiting::InSync(call) => fx.answers.answer(call, When::Now, Answer::SyncRefused(error)),
        }
    }

    /// Writes down the group with the assignments that its members have.
    fn record_members(&self, slot: Slot, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        let Some(group) = self.groups.get(slot) else { return Ok(()) };
        let protocol = group.protocol.map_or("", |text| self.texts.str(text));
        let show = |see: &mut dyn FnMut(crate::group::record::ImageMember<'_>)| {
            for (_, member) in group.members.iter(&self.members) {
                see(self.image_member(member, protocol, self.texts.bytes(member.assignment)));
            }
        };
        self.record_image(slot, &ImageMembers::Known(&show), fx)
    }
}
