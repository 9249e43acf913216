//! LeaveGroup: members leave, or an administrator sends them away.

use crate::bounded::Full;
use crate::bounded::slab::Slot;
use crate::group::answer::Answer;
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::group::input::{Leave, LeavingMember};
use crate::group::modern::topics::Topics;
use crate::machine::When;
use crate::time::Moment;

use super::state::State;

impl<'m> Coordinator<'m> {
    /// Source: `classicGroupLeaveToClassicGroup`.
    pub(in crate::group) fn leave(&mut self, at: Moment, leave: &Leave<'_>, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) {
        let before = fx.records.len();
        if let Err(error) = self.try_leave(at, leave, topics, fx) {
            fx.records.truncate(before);
            fx.answers.answer(leave.call, When::Now, Answer::Left(Err(error)));
        } else {
            fx.answers.answer(leave.call, When::Written, Answer::Left(Ok(&self.results)));
        }
        self.results.clear();
    }

    fn try_leave(&mut self, at: Moment, leave: &Leave<'_>, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        if leave.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        self.clear_results(leave.members.len()).map_err(|Full| GroupError::GroupFull)?;
        let group = self.find_group(leave.group_id);
        if let Some(group) = group.filter(|group| self.consumer_group(*group).is_some()) {
            return self.leave_consumers(at, group, leave.members, topics, fx);
        }
        let mut left = false;
        for (index, member) in leave.members.iter().enumerate() {
            let result = group.ok_or(GroupError::UnknownMemberId).and_then(|group| self.leave_one(group, member, fx));
            left |= result.is_ok();
            self.set_result(index, result);
        }
        let Some(group) = group.filter(|_| left) else { return Ok(()) };
        match self.groups.get(group).map(|group| group.state) {
            Some(State::Stable | State::CompletingRebalance) => self.begin_round(at, group, fx),
            Some(State::PreparingRebalance(_)) => self.complete_round_if_all_joined(at, group, fx),
            Some(State::Empty) | None => {}
        }
        Ok(())
    }

    fn leave_one(&mut self, group: Slot, member: &LeavingMember<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        if member.member_id.is_empty() {
            // An administrator knows a static member by its instance id only.
            let owner = member.group_instance_id.and_then(|instance_id| self.find_instance(group, instance_id));
            self.evict(owner.ok_or(GroupError::UnknownMemberId)?, fx);
        } else if let Some(pending) = self.find_pending(group, member.member_id) {
            self.drop_pending(pending);
        } else {
            let slot = self.check_member(group, member.member_id, member.group_instance_id)?;
            self.evict(slot, fx);
        }
        Ok(())
    }
}
