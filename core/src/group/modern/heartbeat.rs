//! ConsumerGroupHeartbeat: a member joins, stays, changes what it subscribes to, takes up what it is given, and leaves.
//!
//! One heartbeat may change the member, then the epoch of the group, then the target, then what the member has; each follows from the one
//! before. Since nothing is believed before it is written down, a heartbeat is decided in stages: after a stage that writes something the
//! machine asks to be given the same input again ([`Coordinator::wants_again`]), and goes on behind it. Whatever was written until then
//! is a state that the group may be in: the next heartbeat of anybody goes on from there.
//!
//! | epoch of the member | what it asks for |
//! |---|---|
//! | 0 | to join, or to begin anew |
//! | its own | to stay |
//! | the one before | the same: the answer that told it the new one was lost |
//! | -1 | to leave |
//! | -2 | to leave for a while: a static member keeps what it has |
//!
//! Source: KIP-848, `GroupMetadataManager.consumerGroupHeartbeat`.

use crate::bounded::Full;
use crate::bounded::chain::Chain;
use crate::bounded::slab::Slot;
use crate::group::answer::Answer;
use crate::group::classic::state::State;
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::group::input::ConsumerHeartbeat;
use crate::group::record::GroupRecord;
use crate::ids::{CallId, MemberEpoch};
use crate::machine::When;
use crate::time::{Instant, Moment};

use super::names::{self, Names};
use super::record::{ConsumerRecord, Current, GroupEpoch, Says, StoredNames, StoredPartitions};
use super::state::MemberState;
use super::topics::Topics;

/// The epoch of a group that nobody has written down yet. Source: `ModernGroup`.
pub(super) const FIRST_EPOCH: MemberEpoch = MemberEpoch(1);

/// Where a heartbeat goes on once what it has written is believed. Soft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    call: CallId,
    stage: Stage,
    /// Whether it has changed what its member subscribes to.
    has_changed: bool,
    /// Whether a pattern matches other topics than before.
    has_matched: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Who is it, and may it?
    Admit,
    /// What does it say of itself? Is the group another one by that?
    Say,
    /// What do the patterns match?
    Match,
    /// Is the group another one by that?
    Recount,
    /// What is everybody to have?
    Target,
    /// What does it get of that by now?
    Reconcile,
}

impl<'m> Coordinator<'m> {
    /// Whether the step that was taken last is to be given its input once more, when its records are believed.
    #[must_use]
    pub const fn wants_again(&self) -> bool {
        self.modern.resume.is_some() || self.modern.joins_again
    }

    /// Gives up what was to be gone on with: it could not be written down.
    pub const fn give_up(&mut self) {
        self.modern.joins_again = false;
        self.modern.resume = None;
    }

    pub(in crate::group) fn consumer_heartbeat(&mut self, at: Moment, heartbeat: &ConsumerHeartbeat<'_>, fx: &mut Fx<'_, '_, 'm>) {
        let before = fx.records.len();
        if let Err(error) = self.try_consumer_heartbeat(at, heartbeat, fx) {
            fx.records.truncate(before);
            self.modern.resume = None;
            fx.answers.answer(heartbeat.caller.call, When::Now, Answer::ConsumerRefused(error));
        }
    }

    fn try_consumer_heartbeat(&mut self, at: Moment, heartbeat: &ConsumerHeartbeat<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let call = heartbeat.caller.call;
        let resumed = self.modern.resume.take().filter(|resume| resume.call == call);
        if resumed.is_none() {
            heartbeat.check()?;
            if heartbeat.epoch == MemberEpoch::LEAVES || heartbeat.epoch == MemberEpoch::LEAVES_FOR_A_WHILE {
                return self.consumer_leaves(heartbeat, fx);
            }
        }
        let first = Resume { call, stage: Stage::Admit, has_changed: false, has_matched: false };
        let Resume { mut stage, mut has_changed, mut has_matched, .. } = resumed.unwrap_or(first);
        loop {
            let written = fx.records.len();
            stage = match stage {
                Stage::Admit => {
                    self.admit(heartbeat, fx)?;
                    Stage::Say
                }
                Stage::Say => {
                    has_changed = self.say(at, heartbeat, fx)?;
                    Stage::Match
                }
                Stage::Match => {
                    has_matched = self.match_patterns(at, heartbeat, fx)?;
                    if fx.records.len() > written { Stage::Recount } else { Stage::Target }
                }
                Stage::Recount => {
                    self.recount(heartbeat, has_matched, fx)?;
                    // What the member's own pattern matches may be less than it was.
                    has_changed |= has_matched;
                    Stage::Target
                }
                Stage::Target => {
                    self.make_target(at, heartbeat, fx)?;
                    Stage::Reconcile
                }
                Stage::Reconcile => return self.reconcile(at, heartbeat, has_changed, fx),
            };
            if fx.records.len() > written {
                self.modern.resume = Some(Resume { call, stage, has_changed, has_matched });
                return Ok(());
            }
        }
    }

    /// The consumer group that a member of it speaks of.
    pub(super) fn consumer_group_named(&self, group_id: &str) -> Result<Slot, GroupError> {
        self.find_group(group_id).filter(|group| self.consumer_group(*group).is_some()).ok_or(GroupError::GroupNotFound)
    }

    pub(super) fn record_consumer(&self, group: &str, record: ConsumerRecord<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        self.record(&GroupRecord::Consumer { group, record }, fx).map_err(|Full| GroupError::GroupFull)
    }

    /// Says who may come in. What a static member left behind goes over to the one that comes in its place.
    fn admit(&self, heartbeat: &ConsumerHeartbeat<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let caller = &heartbeat.caller;
        let joins = heartbeat.epoch == MemberEpoch::JOINS;
        let Some(group) = self.find_group(caller.group_id) else {
            return if joins { Ok(()) } else { Err(GroupError::GroupNotFound) };
        };
        let Some(entry) = self.consumer_group(group) else {
            return self.take_over_empty(group, joins, fx);
        };
        let member = self.find_consumer(group, caller.member_id);
        if member.is_none() && entry.members.len() >= self.config.consumer_size_max {
            return Err(GroupError::GroupFull);
        }
        let Some(instance_id) = caller.group_instance_id else {
            return match member {
                Some(member) => self.check_epoch(member, heartbeat),
                None if joins => Ok(()),
                None => Err(GroupError::UnknownMemberId),
            };
        };
        let Some(known) = self.find_consumer_instance(group, instance_id) else {
            return if joins { Ok(()) } else { Err(GroupError::UnknownMemberId) };
        };
        if !joins {
            return if member == Some(known) { self.check_epoch(known, heartbeat) } else { Err(GroupError::FencedInstanceId) };
        }
        if self.modern.members.get(known).is_some_and(|known| known.epoch != MemberEpoch::LEAVES_FOR_A_WHILE) {
            return Err(GroupError::UnreleasedInstanceId);
        }
        self.replace_static(known, heartbeat, fx)
    }

    /// A classic group without members makes room for a consumer group; its offsets stay. Source: `maybeDeleteEmptyClassicGroup`.
    fn take_over_empty(&self, group: Slot, joins: bool, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let entry = self.groups.get(group).filter(|entry| joins && entry.state == State::Empty && entry.pendings.is_empty());
        let Some(entry) = entry else { return Err(GroupError::GroupNotFound) };
        let group = self.texts.str(entry.id);
        self.record(&GroupRecord::GroupDeleted { group }, fx).map_err(|Full| GroupError::GroupFull)
    }

    /// Source: `throwIfConsumerGroupMemberEpochIsInvalid`.
    fn check_epoch(&self, slot: Slot, heartbeat: &ConsumerHeartbeat<'_>) -> Result<(), GroupError> {
        let Some(member) = self.modern.members.get(slot) else { return Err(GroupError::UnknownMemberId) };
        let named = heartbeat.epoch;
        if named == MemberEpoch::JOINS || named == member.epoch {
            return Ok(());
        }
        let was_lost = named < member.epoch && named == member.previous && heartbeat.owns_only(self.partitions(member.assigned));
        if was_lost { Ok(()) } else { Err(GroupError::FencedMemberEpoch { named, known: member.epoch }) }
    }

    /// Source: `GroupMetadataManager.replaceMember`.
    fn replace_static(&self, old: Slot, heartbeat: &ConsumerHeartbeat<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let Some(member) = self.modern.members.get(old) else { return Err(GroupError::UnknownMemberId) };
        let (group, new_id) = (heartbeat.caller.group_id, heartbeat.caller.member_id);
        self.record_member_gone(old, group, fx)?;
        let says = Some(self.says(old));
        self.record_consumer(group, ConsumerRecord::Member { member_id: new_id, says }, fx)?;
        let target = self.partitions(member.target.unwrap_or(crate::bounded::bytes::Text::EMPTY));
        self.record_consumer(group, ConsumerRecord::Target { member_id: new_id, partitions: Some(StoredPartitions::Known(target)) }, fx)?;
        let current = Current {
            epoch: MemberEpoch::JOINS,
            previous: MemberEpoch::JOINS,
            state: member.state,
            assigned: StoredPartitions::Known(self.partitions(member.assigned)),
            revoking: StoredPartitions::Known(self.partitions(member.revoking)),
        };
        self.record_consumer(group, ConsumerRecord::Current { member_id: new_id, current: Some(current) }, fx)
    }

    /// The order is Kafka's: what hangs on a member goes before it. Source: `GroupMetadataManager.removeMember`.
    pub(super) fn record_member_gone(&self, slot: Slot, group: &str, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let member_id = self.modern.members.get(slot).map_or("", |member| self.texts.str(member.id));
        self.record_consumer(group, ConsumerRecord::Current { member_id, current: None }, fx)?;
        self.record_consumer(group, ConsumerRecord::Target { member_id, partitions: None }, fx)?;
        self.record_consumer(group, ConsumerRecord::Member { member_id, says: None }, fx)
    }

    /// What a member says of itself.
    fn says(&self, slot: Slot) -> Says<'_> {
        let option = |text: Option<_>| text.map(|text| self.texts.str(text));
        let Some(member) = self.modern.members.get(slot) else { return Says::NOTHING };
        Says {
            instance_id: option(member.instance),
            rack_id: option(member.rack),
            client_id: self.texts.str(member.client_id),
            client_host: self.texts.str(member.client_host),
            names: StoredNames::Known(self.names(member.names)),
            pattern: option(member.pattern),
            rebalance_timeout: member.rebalance_timeout,
            assignor: option(member.assignor),
            classic: None,
        }
    }

    /// Writes down what has changed of the member, and the next epoch of the group if its topics have. Answers whether the member
    /// subscribes to something else now.
    fn say(&mut self, at: Moment, heartbeat: &ConsumerHeartbeat<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<bool, GroupError> {
        // There will be a group, if there is none yet.
        self.arm_expiry(at.now);
        let group_id = heartbeat.caller.group_id;
        let group = self.find_group(group_id).filter(|group| self.consumer_group(*group).is_some());
        let member = group.and_then(|group| self.find_consumer(group, heartbeat.caller.member_id));
        self.modern.bytes.clear();
        let said = match &heartbeat.names {
            Some(said) => {
                let sorted = names::sorted(said.iter(), &mut self.modern.bytes, &mut self.modern.places);
                Some(sorted.map_err(|Full| GroupError::GroupFull)?)
            }
            None => None,
        };
        let before = member.map_or(Says::NOTHING, |slot| self.says(slot));
        let names_before = before.names.known();
        let names = said.map_or(names_before, |range| Names::of(self.modern.bytes.get(range).unwrap_or_default()));
        let now = Says {
            instance_id: heartbeat.caller.group_instance_id.or(before.instance_id),
            rack_id: heartbeat.rack_id.or(before.rack_id),
            client_id: heartbeat.client_id,
            client_host: heartbeat.client_host,
            names: StoredNames::Known(names),
            pattern: heartbeat.pattern.or(before.pattern),
            rebalance_timeout: heartbeat.rebalance_timeout.or(before.rebalance_timeout),
            assignor: heartbeat.assignor.or(before.assignor),
            classic: None,
        };
        let has_renamed = names != names_before;
        let no_pattern = |says: &Says<'_>| says.pattern.is_none_or(str::is_empty);
        let has_other_pattern = now.pattern != before.pattern && !(no_pattern(&now) && no_pattern(&before));
        let dropped = member.filter(|_| has_other_pattern).and_then(|slot| self.last_of_pattern(slot));
        if member.is_none() || has_renamed || !now.is_like(&before) {
            self.check_room(&now, member.is_none(), group.is_none())?;
            self.record_consumer(group_id, ConsumerRecord::Member { member_id: heartbeat.caller.member_id, says: Some(now) }, fx)?;
        }
        if let Some(dropped) = dropped {
            self.record_pattern_gone(dropped, group_id, fx)?;
        }
        // A new one is looked up before it is of any consequence.
        let known = group.zip(now.pattern).and_then(|(group, pattern)| self.find_pattern(group, pattern));
        let is_known = known.and_then(|slot| self.modern.patterns.get(slot)).is_some_and(|pattern| pattern.matches.is_some());
        let has_resolved = has_other_pattern && (is_known || no_pattern(&now));
        let entry = group.and_then(|group| self.consumer_group(group));
        let version = heartbeat.topics.version();
        if !has_renamed && !has_other_pattern && entry.is_some_and(|entry| entry.checked == Some(version)) {
            return Ok(false);
        }
        let metadata_hash = self.metadata_hash(group, (names_before, names), dropped, heartbeat.topics);
        let (epoch, hash_before) = entry.map_or((FIRST_EPOCH, 0), |entry| (entry.epoch, entry.metadata_hash));
        if has_renamed || has_resolved || metadata_hash != hash_before {
            let epoch = GroupEpoch { epoch: epoch.next(), metadata_hash };
            self.record_consumer(group_id, ConsumerRecord::Group(Some(epoch)), fx)?;
        }
        if let Some(entry) = group.and_then(|group| self.consumer_group_mut(group)) {
            entry.checked = Some(version);
        }
        Ok(has_renamed || has_other_pattern)
    }

    /// Whether what a member says finds room once it is believed. Belief cannot fail, so this errs on the safe side.
    fn check_room(&self, says: &Says<'_>, is_new: bool, founds: bool) -> Result<(), GroupError> {
        let names = says.names.known();
        let count = names.iter().count();
        let option = |text: Option<&str>| text.map_or(0, str::len);
        let own = says.client_id.len() + says.client_host.len() + option(says.instance_id) + option(says.rack_id) + option(says.pattern);
        let size = own + option(says.assignor) + names.bytes().len() * 2 + 4096;
        let modern = &self.modern;
        let has_room = self.texts.has_room_for(size, count + 16)
            && modern.topics.capacity() - modern.topics.len() >= count
            && (!is_new || !(modern.members.is_full() || modern.instances.is_full() || modern.patterns.is_full()))
            && (!founds || !(self.groups.is_full() || modern.groups.is_full()));
        if has_room { Ok(()) } else { Err(GroupError::GroupFull) }
    }

    /// The hash of the topics of a group once a member of it subscribes to other names, and nobody to a pattern any more: the sum of those of its topics, so that their
    /// order is of no account. 0 without any.
    pub(super) fn metadata_hash(
        &self,
        group: Option<Slot>,
        (before, now): (Names<'_>, Names<'_>),
        dropped: Option<Slot>,
        topics: &dyn Topics,
    ) -> i64 {
        let matches = dropped.and_then(|slot| self.modern.patterns.get(slot)).and_then(|pattern| pattern.matches);
        let unmatched = matches.map_or(Names::NONE, |(text, _, _)| self.names(text));
        let mut sum = 0i64;
        let chain = group.and_then(|group| self.consumer_group(group)).map(|entry| &entry.topics);
        for (_, topic) in chain.into_iter().flat_map(|chain| chain.iter(&self.modern.topics)) {
            let name = self.texts.str(topic.name);
            let mut count = topic.by_name + topic.by_pattern;
            if before != now {
                count = (count + usize::from(now.contains(name))).saturating_sub(usize::from(before.contains(name)));
            }
            if !unmatched.is_empty() {
                count = count.saturating_sub(usize::from(unmatched.contains(name)));
            }
            if count > 0 {
                sum = sum.wrapping_add(topics.hash_of(name));
            }
        }
        let is_new = |name: &&str| group.is_none_or(|group| self.find_subscribed(group, name).is_none());
        now.iter().filter(is_new).fold(sum, |sum, name| sum.wrapping_add(topics.hash_of(name)))
    }
}

/// Going.
impl<'m> Coordinator<'m> {
    /// Source: `GroupMetadataManager.consumerGroupLeave`.
    fn consumer_leaves(&mut self, heartbeat: &ConsumerHeartbeat<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let caller = &heartbeat.caller;
        let group = self.consumer_group_named(caller.group_id)?;
        let member = self.find_consumer(group, caller.member_id);
        let slot = match caller.group_instance_id {
            None => member.ok_or(GroupError::UnknownMemberId)?,
            Some(instance_id) => {
                let known = self.find_consumer_instance(group, instance_id).ok_or(GroupError::UnknownMemberId)?;
                if member != Some(known) {
                    return Err(GroupError::FencedInstanceId);
                }
                known
            }
        };
        if heartbeat.epoch == MemberEpoch::LEAVES_FOR_A_WHILE {
            self.record_away(slot, caller.group_id, fx)?;
        } else {
            self.record_fenced(slot, fx)?;
        }
        fx.answers.answer(caller.call, When::Written, Answer::ConsumerLeft { member_id: caller.member_id, epoch: heartbeat.epoch });
        Ok(())
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
        self.modern.revocations.clear(slot);
        Ok(())
    }

    /// A member goes, of itself or because it is too late: the group is in its next epoch. Source: `consumerGroupFenceMembers`.
    pub(super) fn record_fenced(&self, slot: Slot, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let Some(member) = self.modern.members.get(slot) else { return Err(GroupError::UnknownMemberId) };
        let Some(entry) = self.consumer_group(member.group) else { return Err(GroupError::GroupNotFound) };
        let group_id = self.groups.get(member.group).map_or("", |group| self.texts.str(group.id));
        self.record_member_gone(slot, group_id, fx)?;
        if let Some(pattern) = self.last_of_pattern(slot) {
            self.record_pattern_gone(pattern, group_id, fx)?;
        }
        // Which topics are left is looked at with the next heartbeat: only then somebody tells what there is.
        let epoch = GroupEpoch { epoch: entry.epoch.next(), metadata_hash: entry.metadata_hash };
        self.record_consumer(group_id, ConsumerRecord::Group(Some(epoch)), fx)
    }

    /// A member has been silent for too long, or only now looks so: then its deadline moves.
    pub(in crate::group) fn consumer_session_due(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        let due = self.modern.members.get(slot).map_or(Instant::ZERO, |member| member.session_due);
        if due > at.now {
            let set = self.modern.sessions.set(slot, due);
            debug_assert!(set.is_ok(), "every member has room for its deadline");
            return;
        }
        self.modern.sessions.clear(slot);
        self.fence(at, slot, fx);
    }

    /// A member has not given back in time what it was to give back.
    pub(in crate::group) fn revocation_due(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        self.modern.revocations.clear(slot);
        if self.modern.members.get(slot).is_some_and(|member| member.state == MemberState::UnrevokedPartitions) {
            self.fence(at, slot, fx);
        }
    }

    fn fence(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        let before = fx.records.len();
        if self.record_fenced(slot, fx).is_err() {
            // It does not fit beside what is written now: it is tried again.
            fx.records.truncate(before);
            let _ = self.modern.sessions.set(slot, at.now.after(self.config.consumer_heartbeat_interval));
        }
    }

    pub(super) fn extend_consumer_session(&mut self, now: Instant, slot: Slot) {
        let due = now.after(self.config.consumer_session_timeout);
        let Some(member) = self.modern.members.get_mut(slot) else { return };
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
        while slot.is_some() {
            self.extend_consumer_session(now, slot);
            self.await_revocation(now, slot);
            slot = Chain::next(&self.modern.members, slot);
        }
    }

    pub(super) fn await_revocation(&mut self, now: Instant, slot: Slot) {
        let Some(member) = self.modern.members.get(slot) else { return };
        if member.state != MemberState::UnrevokedPartitions {
            return self.modern.revocations.clear(slot);
        }
        let due = now.after(member.rebalance_timeout.unwrap_or_default());
        let set = self.modern.revocations.set(slot, due);
        debug_assert!(set.is_ok(), "every member has room for its deadline");
    }
}
