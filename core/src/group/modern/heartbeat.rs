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
use crate::bounded::bytes::Text;
use crate::bounded::chain::Chain;
use crate::bounded::slab::Slot;
use crate::group::answer::Answer;
use crate::group::classic::state::State;
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::group::input::{ConsumerHeartbeat, ShareHeartbeat};
use crate::group::record::GroupRecord;
use crate::ids::{CallId, MemberEpoch};
use crate::machine::{Answers, When};
use crate::time::Moment;

use super::migration::Leaving;
use super::names::{self, Names};
use super::offers::{self, Offers, StoredClassic};
use super::presence::Presence;
use super::record::{ConsumerRecord, Current, GroupEpoch, Says, StoredNames, StoredPartitions};
use super::state::{Classic, GroupKind};
use super::tables::name_at;
use super::topics::Topics;

/// The epoch of a group that nobody has written down yet. Source: `ModernGroup`.
pub(super) const FIRST_EPOCH: MemberEpoch = MemberEpoch(1);

/// Where a member that speaks is to go on once what it has written is believed. Soft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    call: CallId,
    /// Whether it is a join of the classic protocol.
    is_join: bool,
    /// Of what kind its group is.
    kind: GroupKind,
    stage: Stage,
    /// Whether it has changed what its member subscribes to.
    has_changed: bool,
    /// Whether a pattern matches other topics than before.
    has_matched: bool,
    /// Whether its member comes in the place of the last one that spoke the consumer protocol.
    downgrades: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Who is it, and may it?
    Admit,
    /// The group was a classic one until now: its members have sessions of another kind.
    Wake,
    /// What does it say of itself? Is the group another one by that?
    Say,
    /// What do the patterns match?
    Match,
    /// Is the group another one by that?
    Recount,
    /// What is to be shared that is not yet?
    Share,
    /// What is everybody to have?
    Target,
    /// What does it get of that by now?
    Reconcile,
    /// The same, in a group that will not be a consumer group any more.
    Settle,
    /// The group is a classic one again.
    Downgrade,
}

/// The answer to a member of a group of a kind that is refused.
fn refused(kind: GroupKind, error: GroupError) -> Answer<'static> {
    match kind {
        GroupKind::Consumer => Answer::ConsumerRefused(error),
        GroupKind::Share => Answer::ShareRefused(error),
    }
}

/// How a member comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admitted {
    /// By the door.
    Known,
    /// Not yet: its group has become a consumer group just for it.
    Converted,
    /// In the place of the last one that spoke the consumer protocol.
    Downgrades,
}

impl<'m> Coordinator<'m> {
    /// Whether the step that was taken last is to be given its input once more, when its records are believed.
    #[must_use]
    pub const fn wants_again(&self) -> bool {
        self.modern.resume.is_some() || self.modern.joins_again.is_some()
    }

    /// Gives up what the last step was about: its records could not be written down. A call that was to go on behind them is answered in
    /// the form that it expects, for the failure to take the place of what it says, as that of any answer that is for [`When::Written`].
    pub fn give_up(&mut self, answers: &mut dyn Answers<Self>) {
        let resume = self.modern.resume.take();
        let join = self.modern.joins_again.take().or(resume.filter(|resume| resume.is_join).map(|resume| resume.call));
        let error = GroupError::GroupFull;
        if let Some(call) = join {
            answers.answer(call, When::Written, Answer::JoinRefused { member_id: "", error });
        } else if let Some(resume) = resume {
            answers.answer(resume.call, When::Written, refused(resume.kind, error));
        }
        self.undo_downgrade();
    }

    pub(in crate::group) fn consumer_heartbeat(
        &mut self,
        at: Moment,
        heartbeat: &ConsumerHeartbeat<'_>,
        topics: &dyn Topics,
        fx: &mut Fx<'_, '_, 'm>,
    ) {
        let before = fx.records.len();
        let config = topics.settings_of(heartbeat.caller.group_id).unwrap_or(self.config);
        let said = Presence::of(heartbeat, topics, config);
        if let Err(error) = self.try_consumer_heartbeat(at, &said, fx) {
            fx.records.truncate(before);
            self.modern.resume = None;
            fx.answers.answer(said.caller.call, When::Now, refused(said.kind, error));
        }
    }

    pub(in crate::group) fn share_heartbeat(
        &mut self,
        at: Moment,
        heartbeat: &ShareHeartbeat<'_>,
        topics: &dyn Topics,
        fx: &mut Fx<'_, '_, 'm>,
    ) {
        let before = fx.records.len();
        let config = topics.settings_of(heartbeat.caller.group_id).unwrap_or(self.config);
        let said = Presence::of_share(heartbeat, topics, config);
        if let Err(error) = self.try_consumer_heartbeat(at, &said, fx) {
            fx.records.truncate(before);
            self.modern.resume = None;
            fx.answers.answer(said.caller.call, When::Now, refused(said.kind, error));
        }
    }

    fn try_consumer_heartbeat(&mut self, at: Moment, said: &Presence<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        if !self.goes_on(said.caller.call) {
            said.check()?;
            if said.epoch == MemberEpoch::LEAVES || said.epoch == MemberEpoch::LEAVES_FOR_A_WHILE {
                return self.consumer_leaves(at, said, fx);
            }
        }
        self.enter(at, said, fx)
    }

    /// Whether a call was decided in part, and what that wrote is believed by now.
    pub(super) fn goes_on(&self, call: CallId) -> bool {
        self.modern.resume.is_some_and(|resume| resume.call == call)
    }

    /// A member of a consumer group joins or stays, up to the next stage that writes something.
    pub(super) fn enter(&mut self, at: Moment, said: &Presence<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let call = said.caller.call;
        let is_join = said.classic.is_some();
        let first =
            Resume { call, is_join, kind: said.kind, stage: Stage::Admit, has_changed: false, has_matched: false, downgrades: false };
        let mut going = self.modern.resume.take().filter(|resume| resume.call == call).unwrap_or(first);
        loop {
            let written = fx.records.len();
            going.stage = match going.stage {
                Stage::Admit => match self.admit(said, fx)? {
                    Admitted::Converted => Stage::Wake,
                    Admitted::Known => Stage::Say,
                    Admitted::Downgrades => {
                        going.downgrades = true;
                        Stage::Say
                    }
                },
                Stage::Wake => {
                    let group = self.consumer_group_named(said.caller.group_id)?;
                    self.wake_consumers(at.now, group);
                    Stage::Admit
                }
                Stage::Say => {
                    going.has_changed = self.say(at, said, fx)?;
                    // Who speaks the classic protocol has no pattern, and does not look after those of others.
                    match said.classic {
                        None if said.kind == GroupKind::Share => Stage::Share,
                        None => Stage::Match,
                        Some(_) if going.downgrades => Stage::Settle,
                        Some(_) => Stage::Target,
                    }
                }
                Stage::Match => {
                    going.has_matched = self.match_patterns(at, said, fx)?;
                    if fx.records.len() > written { Stage::Recount } else { Stage::Target }
                }
                Stage::Recount => {
                    self.recount(said, going.has_matched, fx)?;
                    // What the member's own pattern matches may be less than it was.
                    going.has_changed |= going.has_matched;
                    Stage::Target
                }
                Stage::Share => {
                    self.begin_to_share(said, fx)?;
                    Stage::Target
                }
                Stage::Target => {
                    self.make_target(at, said, fx)?;
                    Stage::Reconcile
                }
                Stage::Reconcile => return self.reconcile(at, said, going.has_changed, fx),
                Stage::Settle => {
                    let group = self.consumer_group_named(said.caller.group_id)?;
                    // When it lags behind, a round follows anyway.
                    if !self.lags(group) {
                        self.settle(at, said, going.has_changed, fx)?;
                    }
                    Stage::Downgrade
                }
                Stage::Downgrade => match self.downgrade_joined(at, said, fx) {
                    Ok(()) => return Ok(()),
                    // Without room for the members of a classic group it stays what it is.
                    Err(Full) => {
                        fx.records.truncate(written);
                        Stage::Target
                    }
                },
            };
            if fx.records.len() > written {
                self.modern.resume = Some(going);
                return Ok(());
            }
        }
    }

    /// The consumer group that a member of it speaks of.
    pub(super) fn consumer_group_named(&self, group_id: &str) -> Result<Slot, GroupError> {
        self.find_group(group_id).filter(|group| self.consumer_group(*group).is_some()).ok_or(GroupError::GroupNotFound)
    }

    pub(super) fn record_consumer(&self, group: &str, record: ConsumerRecord<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let kind = self.find_group(group).map_or(GroupKind::Consumer, |slot| self.kind_at(slot));
        self.record_as(kind, group, record, fx)
    }

    /// The same for a group that may be yet to be.
    pub(super) fn record_as(
        &self,
        kind: GroupKind,
        group: &str,
        record: ConsumerRecord<'_>,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<(), GroupError> {
        self.record(&GroupRecord::Consumer { group, kind, record }, fx).map_err(|Full| GroupError::GroupFull)
    }

    /// Says who may come in. What a static member left behind goes over to the one that comes in its place.
    fn admit(&mut self, said: &Presence<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<Admitted, GroupError> {
        let caller = &said.caller;
        let joins = said.epoch == MemberEpoch::JOINS;
        let Some(group) = self.find_group(caller.group_id) else {
            return if joins { Ok(Admitted::Known) } else { Err(GroupError::GroupNotFound) };
        };
        let Some(entry) = self.consumer_group(group) else {
            return self.take_over(group, said, fx);
        };
        if entry.kind != said.kind {
            return Err(GroupError::GroupNotFound);
        }
        let size_max = match entry.kind {
            GroupKind::Consumer => self.config.consumer_size_max,
            GroupKind::Share => self.config.share_size_max,
        };
        let member = self.find_consumer(group, caller.member_id);
        if member.is_none() && entry.members.len() >= size_max {
            return Err(GroupError::GroupFull);
        }
        let Some(instance_id) = caller.group_instance_id else {
            return match member {
                Some(member) => self.check_epoch(member, said),
                None if joins => Ok(()),
                None => Err(GroupError::UnknownMemberId),
            }
            .map(|()| Admitted::Known);
        };
        let Some(known) = self.find_consumer_instance(group, instance_id) else {
            return if joins { Ok(Admitted::Known) } else { Err(GroupError::UnknownMemberId) };
        };
        if !joins {
            let checked = if member == Some(known) { self.check_epoch(known, said) } else { Err(GroupError::FencedInstanceId) };
            return checked.map(|()| Admitted::Known);
        }
        let Some(before) = self.modern.members.get(known) else { return Err(GroupError::UnknownMemberId) };
        let (is_modern, size) = (before.classic.is_none(), entry.members.len());
        // Between the two protocols nobody has to leave first: the client is being replaced by a newer or an older one.
        if is_modern && said.classic.is_none() && before.epoch != MemberEpoch::LEAVES_FOR_A_WHILE {
            return Err(GroupError::UnreleasedInstanceId);
        }
        let downgrades = is_modern && said.classic.is_some() && self.may_downgrade(group, Leaving { members: 1, classics: 0 }, size);
        // Also where a classic member comes back by its own id, which Kafka takes for the one that was there, at the epoch where it was: then
        // what it has not given back yet may be given to somebody else meanwhile.
        self.replace_static(known, said, fx)?;
        Ok(if downgrades { Admitted::Downgrades } else { Admitted::Known })
    }

    /// A classic group makes room for a consumer group: one without members at once, another by becoming it; its offsets stay.
    /// Source: `maybeDeleteEmptyClassicGroup`, `convertToConsumerGroup`.
    fn take_over(&mut self, group: Slot, said: &Presence<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<Admitted, GroupError> {
        // A share group takes up nobody else's id. Source: `getOrMaybeCreateShareGroup`.
        let may = said.epoch == MemberEpoch::JOINS && said.kind == GroupKind::Consumer;
        let entry = self.groups.get(group).filter(|_| may);
        let Some(entry) = entry else { return Err(GroupError::GroupNotFound) };
        self.check_pattern(None, said)?;
        if entry.state != State::Empty {
            self.upgrade(group, said, fx)?;
            return Ok(Admitted::Converted);
        }
        let group = self.texts.str(entry.id);
        self.record(&GroupRecord::GroupDeleted { group }, fx).map_err(|Full| GroupError::GroupFull)?;
        Ok(Admitted::Known)
    }

    /// Source: `throwIfConsumerGroupMemberEpochIsInvalid`.
    fn check_epoch(&self, slot: Slot, said: &Presence<'_>) -> Result<(), GroupError> {
        let Some(member) = self.modern.members.get(slot) else { return Err(GroupError::UnknownMemberId) };
        let named = said.epoch;
        if named == MemberEpoch::JOINS || named == member.epoch {
            return Ok(());
        }
        // A member of a share group never says what it owns.
        let is_plausible = said.kind == GroupKind::Share || said.owns_only(self.partitions(member.assigned));
        let was_lost = named < member.epoch && named == member.previous && is_plausible;
        if was_lost { Ok(()) } else { Err(GroupError::FencedMemberEpoch { named, known: member.epoch }) }
    }

    /// Source: `GroupMetadataManager.replaceMember`.
    fn replace_static(&self, old: Slot, said: &Presence<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let Some(member) = self.modern.members.get(old) else { return Err(GroupError::UnknownMemberId) };
        let (group, new_id) = (said.caller.group_id, said.caller.member_id);
        self.record_member_gone(old, group, fx)?;
        let says = Some(self.says(old));
        self.record_consumer(group, ConsumerRecord::Member { member_id: new_id, says }, fx)?;
        let target = self.partitions(member.target.unwrap_or(Text::EMPTY));
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
    pub(super) fn says(&self, slot: Slot) -> Says<'_> {
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
            classic: member.classic.map(|classic| self.stored_classic(classic)),
        }
    }

    fn stored_classic(&self, classic: Classic) -> StoredClassic<'_> {
        let offers = Offers::of(self.texts.bytes(classic.offers));
        StoredClassic::Known { session_timeout: classic.session_timeout, offers }
    }

    /// Writes down what has changed of the member, and the next epoch of the group if its topics have. Answers whether the member
    /// subscribes to something else now.
    fn say(&mut self, at: Moment, said: &Presence<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<bool, GroupError> {
        // There will be a group, if there is none yet.
        self.arm_expiry(at.now);
        let full = |Full| GroupError::GroupFull;
        let group_id = said.caller.group_id;
        let group = self.find_group(group_id).filter(|group| self.consumer_group(*group).is_some());
        self.check_pattern(group, said)?;
        let member = group.and_then(|group| self.find_consumer(group, said.caller.member_id));
        let modern = &mut self.modern;
        modern.bytes.clear();
        let named = said.names.map(|names| names::sorted(names.iter(), &mut modern.bytes, &mut modern.places)).transpose().map_err(full)?;
        let offered = said.classic.map(|join| offers::put(join.protocols.iter().copied(), &mut modern.bytes)).transpose().map_err(full)?;
        let scratch = |range: core::ops::Range<usize>| self.modern.bytes.get(range).unwrap_or_default();
        let before = member.map_or(Says::NOTHING, |slot| self.says(slot));
        let names_before = before.names.known();
        let names = named.clone().map_or(names_before, |range| Names::of(scratch(range)));
        let now = Says {
            instance_id: said.caller.group_instance_id.or(before.instance_id),
            rack_id: said.rack_id.or(before.rack_id),
            client_id: said.client_id,
            client_host: said.client_host,
            names: StoredNames::Known(names),
            pattern: said.pattern.or(before.pattern),
            rebalance_timeout: said.rebalance_timeout.or(before.rebalance_timeout),
            assignor: said.assignor.or(before.assignor),
            classic: said
                .classic
                .zip(offered)
                .map(|(join, range)| StoredClassic::Known { session_timeout: join.session_timeout, offers: Offers::of(scratch(range)) }),
        };
        let has_renamed = names != names_before;
        let no_pattern = |says: &Says<'_>| says.pattern.is_none_or(str::is_empty);
        let has_other_pattern = now.pattern != before.pattern && !(no_pattern(&now) && no_pattern(&before));
        let dropped = member.filter(|_| has_other_pattern).and_then(|slot| self.last_of_pattern(slot));
        if member.is_none() || has_renamed || !now.is_like(&before) {
            self.check_room(&now, member.is_none(), group.is_none())?;
            let record = ConsumerRecord::Member { member_id: said.caller.member_id, says: Some(now) };
            self.record_as(said.kind, group_id, record, fx)?;
        }
        if let Some(dropped) = dropped {
            self.record_pattern_gone(dropped, group_id, fx)?;
        }
        // A new one is looked up before it is of any consequence.
        let known = group.zip(now.pattern).and_then(|(group, pattern)| self.find_pattern(group, pattern));
        let is_known = known.and_then(|slot| self.modern.patterns.get(slot)).is_some_and(|pattern| pattern.matches.is_some());
        let has_resolved = has_other_pattern && (is_known || no_pattern(&now));
        let entry = group.and_then(|group| self.consumer_group(group));
        let version = said.topics.version();
        if !has_renamed && !has_other_pattern && entry.is_some_and(|entry| entry.checked == Some(version)) {
            return Ok(false);
        }
        let (epoch, hash_before) = entry.map_or((FIRST_EPOCH, 0), |entry| (entry.epoch, entry.metadata_hash));
        let renamed = named.filter(|_| has_renamed);
        let named_before = member.and_then(|slot| self.modern.members.get(slot)).map_or(Text::EMPTY, |member| member.names);
        if let Some(group) = group.filter(|_| renamed.is_some()) {
            self.count_off(group, named_before);
        }
        if let Some((group, dropped)) = group.zip(dropped) {
            self.count_off_pattern(group, dropped);
        }
        let metadata_hash = self.metadata_hash(group, renamed, said.topics);
        if has_renamed || has_resolved || metadata_hash != hash_before {
            let epoch = GroupEpoch { epoch: epoch.next(), metadata_hash };
            self.record_as(said.kind, group_id, ConsumerRecord::Group(Some(epoch)), fx)?;
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

    /// The hash of the topics of a group: the sum of those of its topics, so that their order is of no account; 0 without any. It is of
    /// what there is once those are gone that were counted off, and somebody subscribes to the names that `come`, which lie in the
    /// scratch. Nothing is counted off any more afterwards.
    pub(super) fn metadata_hash(&mut self, group: Option<Slot>, come: Option<core::ops::Range<usize>>, topics: &dyn Topics) -> i64 {
        let mut sum = 0i64;
        let mut at = 0;
        let come = come.unwrap_or(0..0);
        while let Some((name, next)) = name_at(self.modern.bytes.get(come.clone()).unwrap_or_default(), at) {
            at = next;
            match group.and_then(|group| self.find_subscribed(group, name)) {
                Some(slot) => {
                    if let Some(topic) = self.modern.topics.get_mut(slot) {
                        topic.off -= 1;
                    }
                }
                None => sum = sum.wrapping_add(topics.hash_of(name)),
            }
        }
        let mut slot = group.and_then(|group| self.consumer_group(group)).map_or(Slot::NONE, |entry| entry.topics.first());
        while let Some(topic) = self.modern.topics.get_mut(slot) {
            let off = core::mem::take(&mut topic.off);
            if topic.by_name.saturating_add(topic.by_pattern).cast_signed() > off {
                sum = sum.wrapping_add(topics.hash_of(self.texts.str(topic.name)));
            }
            slot = Chain::next(&self.modern.topics, slot);
        }
        sum
    }
}
