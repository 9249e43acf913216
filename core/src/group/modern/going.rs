//! Members go: of themselves, sent away by an administrator, or because they are too late.

use crate::bounded::Full;
use crate::bounded::slab::Slot;
use crate::group::answer::Answer;
use crate::group::config::GroupConfig;
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::group::input::LeavingMember;
use crate::ids::MemberEpoch;
use crate::machine::When;
use crate::time::{Instant, Moment};

use super::migration::Leaving;
use super::presence::Presence;
use super::record::{ConsumerRecord, Current, GroupEpoch, StoredPartitions};
use super::state::{GroupKind, MemberState};
use super::topics::Topics;

/// Leaving.
impl<'m> Coordinator<'m> {
    /// Source: `GroupMetadataManager.consumerGroupLeave`.
    pub(super) fn consumer_leaves(&mut self, at: Moment, said: &Presence<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let caller = &said.caller;
        let group = self.consumer_group_named(caller.group_id)?;
        if self.kind_at(group) != said.kind {
            return Err(GroupError::GroupNotFound);
        }
        let slot = self.check_consumer(group, caller.member_id, caller.group_instance_id)?;
        if said.epoch == MemberEpoch::LEAVES_FOR_A_WHILE {
            self.record_away(slot, caller.group_id, fx)?;
        } else {
            self.send_away(at, slot, said.topics, fx)?;
        }
        let answer = match said.kind {
            GroupKind::Consumer => Answer::ConsumerLeft { member_id: caller.member_id, epoch: said.epoch },
            GroupKind::Share => Answer::ShareLeft { member_id: caller.member_id },
        };
        fx.answers.answer(caller.call, When::Written, answer);
        Ok(())
    }

    /// The member of an id, which owns the instance id it names. Source: `validateConsumerGroupMember`.
    pub(super) fn check_consumer(&self, group: Slot, member_id: &str, instance_id: Option<&str>) -> Result<Slot, GroupError> {
        let member = self.find_consumer(group, member_id);
        let Some(instance_id) = instance_id else { return member.ok_or(GroupError::UnknownMemberId) };
        let known = self.find_consumer_instance(group, instance_id).ok_or(GroupError::UnknownMemberId)?;
        if member == Some(known) { Ok(known) } else { Err(GroupError::FencedInstanceId) }
    }

    /// A static member is away: whatever it has is kept for whoever comes back under its name, as if it had always been theirs.
    /// Source: `consumerGroupStaticMemberGroupLeave`.
    fn record_away(&mut self, slot: Slot, group_id: &str, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let Some(member) = self.modern.members.get(slot) else { return Err(GroupError::UnknownMemberId) };
        let assigned = StoredPartitions::Ageless(self.partitions(member.assigned));
        let current = Current {
            epoch: MemberEpoch::LEAVES_FOR_A_WHILE,
            previous: member.previous,
            state: member.state,
            assigned,
            revoking: StoredPartitions::NONE,
        };
        let member_id = self.texts.str(member.id);
        self.record_consumer(group_id, ConsumerRecord::Current { member_id, current: Some(current) }, fx)?;
        self.modern.patience.clear(slot);
        Ok(())
    }

    /// Members leave as they do from a classic group, or an administrator sends them away. Answers for each whether it was there in
    /// the results. Source: `classicGroupLeaveToConsumerGroup`.
    pub(in crate::group) fn leave_consumers(
        &mut self,
        at: Moment,
        group: Slot,
        members: &[LeavingMember<'_>],
        topics: &dyn Topics,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<(), GroupError> {
        self.modern.order.clear();
        for (index, leaving) in members.iter().enumerate() {
            let found = match leaving.group_instance_id {
                // An administrator knows a static member by its instance id only.
                Some(instance_id) if leaving.member_id.is_empty() => {
                    self.find_consumer_instance(group, instance_id).ok_or(GroupError::UnknownMemberId)
                }
                instance_id => self.check_consumer(group, leaving.member_id, instance_id),
            };
            let goes = found.and_then(|slot| self.mark(slot).map_err(|Full| GroupError::GroupFull));
            self.set_result(index, goes);
        }
        if self.modern.order.is_empty() { Ok(()) } else { self.send_marked_away(at, group, topics, fx) }
    }
}

/// Sending away.
impl<'m> Coordinator<'m> {
    /// A member goes.
    pub(super) fn send_away(&mut self, at: Moment, slot: Slot, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let Some(group) = self.modern.members.get(slot).map(|member| member.group) else { return Err(GroupError::UnknownMemberId) };
        self.modern.order.clear();
        self.mark(slot).map_err(|Full| GroupError::GroupFull)?;
        self.send_marked_away(at, group, topics, fx)
    }

    /// Puts a member among those who go; once, however often it is named.
    fn mark(&mut self, slot: Slot) -> Result<(), Full> {
        let Some(member) = self.modern.members.get_mut(slot) else { return Ok(()) };
        if !core::mem::replace(&mut member.goes, true) {
            self.modern.order.push(slot).inspect_err(|Full| member.goes = false)?;
        }
        Ok(())
    }

    /// The members that are marked go: the group is in its next epoch, or a classic one if all who are left speak that protocol.
    /// Nobody is marked any more afterwards. Source: `consumerGroupFenceMembers`.
    fn send_marked_away(&mut self, at: Moment, group: Slot, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let before = fx.records.len();
        let classics = self.modern.order.iter().filter_map(|slot| self.modern.members.get(*slot)).filter(|it| it.classic.is_some()).count();
        let going = self.modern.order.len();
        let left = self.consumer_group(group).map_or(0, |entry| entry.members.len().saturating_sub(going));
        let downgraded = self.may_downgrade(group, Leaving { members: going, classics }, left)
            // Without room for the members of a classic group it stays what it is.
            && self.downgrade(at, group, true, topics, fx).inspect_err(|Full| fx.records.truncate(before)).is_ok();
        let result = if downgraded { Ok(()) } else { self.record_marked_gone(group, topics, fx) };
        for slot in self.modern.order.iter() {
            if let Some(member) = self.modern.members.get_mut(*slot) {
                member.goes = false;
            }
        }
        self.modern.order.clear();
        result
    }

    fn record_marked_gone(&mut self, group: Slot, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let Some(entry) = self.consumer_group(group) else { return Err(GroupError::GroupNotFound) };
        let (epoch, hash_before) = (entry.epoch.next(), entry.metadata_hash);
        let group_id = self.groups.get(group).map_or("", |group| self.texts.str(group.id));
        for slot in self.modern.order.iter() {
            self.record_member_gone(*slot, group_id, fx)?;
        }
        for at in 0..self.modern.order.len() {
            let member = self.modern.order.get(at).and_then(|slot| self.modern.members.get(*slot));
            let Some((names, pattern)) = member.map(|member| (member.names, member.pattern)) else { continue };
            self.count_off(group, names);
            let Some(slot) = pattern.and_then(|text| self.find_pattern(group, self.texts.str(text))) else { continue };
            let Some(pattern) = self.modern.patterns.get_mut(slot) else { continue };
            pattern.off += 1;
            if pattern.off == pattern.members {
                pattern.off = 0;
                let group_id = self.groups.get(group).map_or("", |group| self.texts.str(group.id));
                self.record_pattern_gone(slot, group_id, fx)?;
                self.count_off_pattern(group, slot);
            }
        }
        // What others have too, stays.
        for at in 0..self.modern.order.len() {
            let pattern = self.modern.order.get(at).and_then(|slot| self.modern.members.get(*slot)).and_then(|member| member.pattern);
            let slot = pattern.and_then(|text| self.find_pattern(group, self.texts.str(text)));
            if let Some(pattern) = slot.and_then(|slot| self.modern.patterns.get_mut(slot)) {
                pattern.off = 0;
            }
        }
        let metadata_hash = self.metadata_hash(Some(group), None, topics);
        // Where nobody says which topics there are, they are looked at with the next heartbeat.
        let metadata_hash = if topics.is_known() { metadata_hash } else { hash_before };
        let group_id = self.groups.get(group).map_or("", |group| self.texts.str(group.id));
        self.record_consumer(group_id, ConsumerRecord::Group(Some(GroupEpoch { epoch, metadata_hash })), fx)
    }
}

/// Waiting for members.
impl<'m> Coordinator<'m> {
    /// A member has been silent for too long, or only now looks so: then its deadline moves.
    pub(in crate::group) fn consumer_session_due(&mut self, at: Moment, slot: Slot, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) {
        let due = self.modern.members.get(slot).map_or(Instant::ZERO, |member| member.session_due);
        if due > at.now {
            let set = self.modern.sessions.set(slot, due);
            debug_assert!(set.is_ok(), "every member has room for its deadline");
            return;
        }
        self.modern.sessions.clear(slot);
        self.fence(at, slot, topics, fx);
    }

    /// A member has not done in time what it was to do next: to give back, to join again, or to ask for its assignment.
    pub(in crate::group) fn patience_due(&mut self, at: Moment, slot: Slot, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) {
        self.modern.patience.clear(slot);
        let Some(member) = self.modern.members.get(slot) else { return };
        let is_late = match member.classic {
            None => member.state == MemberState::UnrevokedPartitions,
            Some(_) => [member.join_due, member.sync_due].into_iter().flatten().any(|due| due <= at.now),
        };
        if is_late {
            self.fence(at, slot, topics, fx);
        } else {
            self.await_classic(slot);
        }
    }

    fn fence(&mut self, at: Moment, slot: Slot, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) {
        let before = fx.records.len();
        if self.send_away(at, slot, topics, fx).is_err() {
            // It does not fit beside what is written now: it is tried again.
            fx.records.truncate(before);
            let _ = self.modern.sessions.set(slot, at.now.after(self.config.consumer_heartbeat_interval));
        }
    }

    /// A member has been heard of. Its session is that of its group; one that spoke the classic protocol has its own.
    pub(super) fn extend_consumer_session(&mut self, now: Instant, slot: Slot, config: &GroupConfig) {
        let Some(kind) = self.modern.members.get(slot).map(|member| self.kind_at(member.group)) else { return };
        let Some(member) = self.modern.members.get_mut(slot) else { return };
        let timeout = match (kind, member.classic) {
            (GroupKind::Share, _) => config.share_session_timeout,
            (GroupKind::Consumer, Some(classic)) => classic.session_timeout,
            (GroupKind::Consumer, None) => config.consumer_session_timeout,
        };
        let due = now.after(timeout);
        let later = due >= member.session_due && member.session_due > Instant::ZERO;
        member.session_due = due;
        if !later || !self.modern.sessions.is_set(slot) {
            let set = self.modern.sessions.set(slot, due);
            debug_assert!(set.is_ok(), "every member has room for its deadline");
        }
    }

    /// After a load: sessions start, and who is to give something back has its time for it.
    pub(in crate::group) fn wake_consumers(&mut self, now: Instant, group: Slot) {
        let mut slot = self.consumer_group(group).map_or(Slot::NONE, |entry| entry.members.first());
        while let Some(member) = self.modern.members.get(slot) {
            let (next, is_classic) = (member.links.next_slot(), member.classic.is_some());
            let config = self.config;
            self.extend_consumer_session(now, slot, &config);
            // Whoever speaks the classic protocol is told with its next heartbeat what it is to do, and its time runs from there.
            if !is_classic {
                self.await_revocation(now, slot);
            }
            slot = next;
        }
    }

    /// A member that is to give something back has its time for it.
    pub(super) fn await_revocation(&mut self, now: Instant, slot: Slot) {
        let Some(member) = self.modern.members.get(slot) else { return };
        if member.state != MemberState::UnrevokedPartitions {
            return self.modern.patience.clear(slot);
        }
        let due = now.after(member.rebalance_timeout.unwrap_or_default());
        let set = self.modern.patience.set(slot, due);
        debug_assert!(set.is_ok(), "every member has room for its deadline");
    }

    /// A member that speaks the classic protocol has its time for whatever it is to do next.
    pub(super) fn await_classic(&mut self, slot: Slot) {
        let due = self.modern.members.get(slot).and_then(|member| member.join_due.into_iter().chain(member.sync_due).min());
        let Some(due) = due else { return self.modern.patience.clear(slot) };
        let set = self.modern.patience.set(slot, due);
        debug_assert!(set.is_ok(), "every member has room for its deadline");
    }
}
