//! Heartbeat: a member says that it lives.

use crate::group::answer::Answer;
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::group::input::Heartbeat;
use crate::machine::When;
use crate::time::Moment;

use super::state::State;

impl<'m> Coordinator<'m> {
    /// Costs the same however large the group is, and changes one number. Source: `classicGroupHeartbeatToClassicGroup`.
    pub(in crate::group) fn heartbeat(&mut self, at: Moment, heartbeat: &Heartbeat<'_>, fx: &mut Fx<'_, '_, 'm>) {
        let result = self.try_heartbeat(at, heartbeat);
        fx.answers.answer(heartbeat.caller.call, When::Now, Answer::Heartbeat(result));
    }

    fn try_heartbeat(&mut self, at: Moment, heartbeat: &Heartbeat<'_>) -> Result<(), GroupError> {
        let caller = &heartbeat.caller;
        if caller.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let group = self.find_group(caller.group_id).ok_or(GroupError::UnknownMemberId)?;
        if self.consumer_group(group).is_some() {
            return self.hear_consumer(at.now, group, heartbeat);
        }
        let slot = self.check_member(group, caller.member_id, caller.group_instance_id)?;
        let entry = self.groups.get(group).ok_or(GroupError::UnknownMemberId)?;
        if entry.generation_id != heartbeat.generation_id {
            return Err(GroupError::IllegalGeneration);
        }
        let state = entry.state;
        match state {
            State::Empty => return Err(GroupError::UnknownMemberId),
            State::PreparingRebalance(_) | State::CompletingRebalance | State::Stable => self.restart_session(at.now, slot),
        }
        if matches!(state, State::PreparingRebalance(_)) { Err(GroupError::RebalanceInProgress) } else { Ok(()) }
    }
}
