//! How a member comes to what it is to have: first it gives back, then it gets. The states stand in [`super::state`].
//!
//! A partition is given to a member only when nobody holds it: so at no time two members read it. Source: `CurrentAssignmentBuilder`.

use crate::bounded::Full;
use crate::bounded::bytes::{ByteHeap, Text};
use crate::bounded::list::List;
use crate::bounded::slab::Slot;
use crate::bounded::table::{HashKey, Table};
use crate::group::answer::{Answer, ConsumerSeat};
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::ids::{MemberEpoch, TopicId};
use crate::machine::When;
use crate::time::Moment;

use super::classic_members::classic_seat;
use super::names::Names;
use super::partitions::{Builder, Compared, Held, Partitions, compare};
use super::presence::Presence;
use super::record::{ConsumerRecord, Current, StoredPartitions};
use super::state::{Consumer, GroupKind, Holding, MemberState};
use super::tables::holder;
use super::topics::Topics;

/// A member as it is to be next. What it has and gives back lies in the scratch of the coordinator.
#[derive(Clone, Debug)]
pub(super) struct Next {
    pub(super) epoch: MemberEpoch,
    pub(super) state: MemberState,
    pub(super) assigned: core::ops::Range<usize>,
    pub(super) revoking: core::ops::Range<usize>,
}

/// A member that has got what it gets by now.
#[derive(Debug)]
pub(super) struct Settled {
    slot: Slot,
    /// What it has now, if that is anything else.
    next: Option<Next>,
    /// Whether it has other partitions.
    has_other: bool,
}

/// How a member gets on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It stays as it is.
    Stay,
    /// What it no longer subscribes to is taken from it at once, without a look at the target.
    Shrink,
    /// Towards the target.
    Move,
}

impl<'m> Coordinator<'m> {
    /// Gives the member what it gets by now, and answers it.
    pub(super) fn reconcile(
        &mut self,
        at: Moment,
        said: &Presence<'_>,
        has_changed: bool,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<(), GroupError> {
        let Settled { slot, next, has_other } = self.settle(at, said, has_changed, fx)?;
        let caller = &said.caller;
        let Some(member) = self.modern.members.get(slot) else { return Err(GroupError::UnknownMemberId) };
        let epoch = next.as_ref().map_or(member.epoch, |next| next.epoch);
        if let Some(join) = said.classic {
            fx.answers.answer(caller.call, When::Written, Answer::Joined(classic_seat(join, caller.member_id, epoch)));
            return Ok(());
        }
        let wants_all = has_other || said.epoch == MemberEpoch::JOINS || said.is_full();
        let assigned = match &next {
            Some(next) => Partitions::of(self.modern.bytes.get(next.assigned.clone()).unwrap_or_default()),
            None => self.partitions(member.assigned),
        };
        let seat = ConsumerSeat {
            member_id: caller.member_id,
            epoch,
            heartbeat_interval: match said.kind {
                GroupKind::Consumer => said.config.consumer_heartbeat_interval,
                GroupKind::Share => said.config.share_heartbeat_interval,
            },
            assigned: Some(assigned).filter(|_| wants_all),
        };
        let answer = match said.kind {
            GroupKind::Consumer => Answer::Consumer(seat),
            GroupKind::Share => Answer::Share(seat),
        };
        fx.answers.answer(caller.call, When::Written, answer);
        Ok(())
    }

    /// Gives the member what it gets by now, and the time that it has for whatever it is to do next.
    pub(super) fn settle(
        &mut self,
        at: Moment,
        said: &Presence<'_>,
        has_changed: bool,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<Settled, GroupError> {
        let caller = &said.caller;
        let group = self.consumer_group_named(caller.group_id)?;
        let slot = self.find_consumer(group, caller.member_id).ok_or(GroupError::UnknownMemberId)?;
        let target_epoch = self.consumer_group(group).map_or(MemberEpoch(0), |entry| entry.target_epoch);
        let next = self.next_assignment(slot, target_epoch, said, has_changed)?;
        let has_other = match &next {
            Some(next) => self.record_next(slot, next, caller.group_id, fx)?,
            None => false,
        };
        self.extend_consumer_session(at.now, slot, &said.config);
        if let Some(join) = said.classic {
            if let Some(member) = self.modern.members.get_mut(slot) {
                (member.join_due, member.sync_due) = (None, Some(at.now.after(join.rebalance_timeout)));
            }
            self.await_classic(slot);
        } else {
            match next.as_ref().map(|next| next.state) {
                None => {}
                Some(MemberState::UnrevokedPartitions) => {
                    let timeout = self.modern.members.get(slot).and_then(|member| member.rebalance_timeout).unwrap_or_default();
                    let set = self.modern.patience.set(slot, at.now.after(timeout));
                    debug_assert!(set.is_ok(), "every member has room for its deadline");
                }
                Some(MemberState::Stable | MemberState::UnreleasedPartitions | MemberState::Unknown) => self.modern.patience.clear(slot),
            }
        }
        self.arm_expiry(at.now);
        Ok(Settled { slot, next, has_other })
    }

    /// Writes down what the member has next, if that is anything else. Answers whether it has other partitions then.
    fn record_next(&self, slot: Slot, next: &Next, group_id: &str, fx: &mut Fx<'_, '_, 'm>) -> Result<bool, GroupError> {
        let Some(member) = self.modern.members.get(slot) else { return Err(GroupError::UnknownMemberId) };
        let set = |range: &core::ops::Range<usize>| Partitions::of(self.modern.bytes.get(range.clone()).unwrap_or_default());
        let (assigned, revoking) = (set(&next.assigned), set(&next.revoking));
        let has_other = assigned != self.partitions(member.assigned);
        let holdings = &self.modern.holdings;
        let has_room = holdings.capacity() - holdings.len() >= assigned.iter().count()
            && self.texts.has_room_for(next.assigned.len() + next.revoking.len(), 2);
        if !has_room {
            return Err(GroupError::GroupFull);
        }
        let current = Current {
            epoch: next.epoch,
            previous: member.epoch,
            state: next.state,
            assigned: StoredPartitions::Known(assigned),
            revoking: StoredPartitions::Known(revoking),
        };
        let member_id = self.texts.str(member.id);
        self.record_consumer(group_id, ConsumerRecord::Current { member_id, current: Some(current) }, fx)?;
        Ok(has_other)
    }

    /// What the member has next; `None` when it stays as it is.
    fn next_assignment(
        &mut self,
        slot: Slot,
        target_epoch: MemberEpoch,
        said: &Presence<'_>,
        has_changed: bool,
    ) -> Result<Option<Next>, GroupError> {
        let Some(member) = self.modern.members.get(slot) else { return Err(GroupError::UnknownMemberId) };
        if said.kind == GroupKind::Share {
            return self.next_share(slot, target_epoch, said, has_changed);
        }
        let may_shrink = if has_changed { Step::Shrink } else { Step::Stay };
        let step = match member.state {
            MemberState::Stable if member.epoch == target_epoch => may_shrink,
            MemberState::Stable | MemberState::UnreleasedPartitions => Step::Move,
            MemberState::UnrevokedPartitions if said.owns_any(self.partitions(member.revoking)) => may_shrink,
            MemberState::UnrevokedPartitions => Step::Move,
            // Whoever begins anew owns nothing.
            MemberState::Unknown if said.owns_nothing() => Step::Move,
            MemberState::Unknown => return Err(GroupError::FencedMemberEpoch { named: said.epoch, known: member.epoch }),
        };
        // A member in a state that is not known here moves from wherever the target is.
        let epoch = if member.state == MemberState::Unknown { target_epoch } else { member.epoch };
        let pattern = member.pattern.and_then(|text| self.find_pattern(member.group, self.texts.str(text)));
        let matches = pattern.and_then(|slot| self.modern.patterns.get(slot)).and_then(|pattern| pattern.matches);
        let scene = Scene {
            texts: &self.texts,
            holdings: &self.modern.holdings,
            key: self.key,
            slot,
            member,
            named: Names::of(self.texts.bytes(member.names)),
            matched: matches.map_or(Names::NONE, |(text, _, _)| Names::of(self.texts.bytes(text))),
            topics: said.topics,
        };
        let bytes = &mut self.modern.bytes;
        bytes.clear();
        let next = match step {
            Step::Stay => Ok(None),
            Step::Shrink => scene.shrink(epoch, said, bytes),
            Step::Move => scene.go_on(epoch, target_epoch, said, bytes).map(Some),
        };
        let next = next.map_err(|Full| GroupError::GroupFull)?;
        // Nothing is written down that is so already.
        let is_same = |next: &Next| {
            let set = |range: &core::ops::Range<usize>| bytes.get(range.clone()).unwrap_or_default();
            (next.epoch, next.state, member.previous) == (member.epoch, member.state, member.epoch)
                && set(&next.assigned) == self.texts.bytes(member.assigned)
                && set(&next.revoking) == self.texts.bytes(member.revoking)
        };
        Ok(next.filter(|next| !is_same(next)))
    }
}

/// What is looked at when a member gets on.
struct Scene<'a, 'm> {
    texts: &'a ByteHeap<'m>,
    holdings: &'a Table<'m, Holding>,
    key: HashKey,
    slot: Slot,
    member: &'a Consumer,
    named: Names<'a>,
    matched: Names<'a>,
    topics: &'a dyn Topics,
}

impl Scene<'_, '_> {
    fn set(&self, text: Text) -> Partitions<'_> {
        Partitions::of(self.texts.bytes(text))
    }

    fn is_subscribed(&self, topic: TopicId) -> bool {
        self.topics.name_of(topic).is_some_and(|name| self.named.contains(name) || self.matched.contains(name))
    }

    /// Whether the member can have a partition now: nobody holds it, or it is the member itself, which has not given it back yet.
    fn is_free(&self, held: &Held) -> bool {
        let holder = holder(self.holdings, self.key, self.member.group, held);
        holder.is_none_or(|holder| holder == self.slot && self.set(self.member.revoking).since(held.topic, held.partition).is_some())
    }

    /// Shows what the member keeps, gives back, or is to get, in order.
    fn for_each(&self, mut see: impl FnMut(Compared) -> Result<(), Full>) -> Result<(), Full> {
        let target = self.member.target.map_or(Partitions::NONE, |text| self.set(text));
        let mut known: Option<(TopicId, bool)> = None;
        for compared in compare(self.set(self.member.assigned), target) {
            let (Compared::Left(held) | Compared::Right(held) | Compared::Both(held)) = compared;
            let is_subscribed = known.filter(|(topic, _)| *topic == held.topic).map(|(_, is)| is);
            let is_subscribed = is_subscribed.unwrap_or_else(|| self.is_subscribed(held.topic));
            known = Some((held.topic, is_subscribed));
            // What it does not subscribe to is no target of its.
            match compared {
                Compared::Both(held) if !is_subscribed => see(Compared::Left(held))?,
                Compared::Right(_) if !is_subscribed => {}
                Compared::Left(_) | Compared::Right(_) | Compared::Both(_) => see(compared)?,
            }
        }
        Ok(())
    }

    /// Source: `CurrentAssignmentBuilder.computeNextAssignment`.
    fn go_on(&self, epoch: MemberEpoch, target_epoch: MemberEpoch, said: &Presence<'_>, bytes: &mut List<'_, u8>) -> Result<Next, Full> {
        let mut builder = Builder::new(bytes);
        self.for_each(|compared| if let Compared::Left(held) = compared { builder.push(held) } else { Ok(()) })?;
        let revoking = builder.finish();
        let has_to_give_back = {
            let set = Partitions::of(bytes.get(revoking.clone()).unwrap_or_default());
            !set.is_empty() && said.owns_any(set)
        };
        if has_to_give_back {
            let mut builder = Builder::new(bytes);
            self.for_each(|compared| if let Compared::Both(held) = compared { builder.push(held) } else { Ok(()) })?;
            let assigned = builder.finish();
            return Ok(Next { epoch, state: MemberState::UnrevokedPartitions, assigned, revoking });
        }
        let mut is_complete = true;
        let mut builder = Builder::new(bytes);
        self.for_each(|compared| match compared {
            Compared::Both(held) => builder.push(held),
            Compared::Right(held) if self.is_free(&held) => builder.push(Held { since: target_epoch, ..held }),
            Compared::Right(_) => {
                is_complete = false;
                Ok(())
            }
            Compared::Left(_) => Ok(()),
        })?;
        let assigned = builder.finish();
        let state = if is_complete { MemberState::Stable } else { MemberState::UnreleasedPartitions };
        Ok(Next { epoch: target_epoch, state, assigned, revoking: 0..0 })
    }

    /// Source: `CurrentAssignmentBuilder.updateCurrentAssignment`.
    fn shrink(&self, epoch: MemberEpoch, said: &Presence<'_>, bytes: &mut List<'_, u8>) -> Result<Option<Next>, Full> {
        let assigned_before = self.set(self.member.assigned);
        let goes = |topic: TopicId| !self.is_subscribed(topic);
        if !assigned_before.topics().any(|topic| goes(topic.topic)) {
            return Ok(None);
        }
        let mut builder = Builder::new(bytes);
        for topic in assigned_before.topics().filter(|topic| !goes(topic.topic)) {
            topic.iter().try_for_each(|held| builder.push(held))?;
        }
        let assigned = builder.finish();
        // What goes now comes to what goes already, in order.
        let mut builder = Builder::new(bytes);
        for compared in compare(assigned_before, self.set(self.member.revoking)) {
            match compared {
                Compared::Left(held) | Compared::Both(held) if goes(held.topic) => builder.push(held)?,
                Compared::Right(held) => builder.push(held)?,
                Compared::Left(_) | Compared::Both(_) => {}
            }
        }
        let revoking = builder.finish();
        let owns = said.owns_any(Partitions::of(bytes.get(revoking.clone()).unwrap_or_default()));
        if owns {
            return Ok(Some(Next { epoch, state: MemberState::UnrevokedPartitions, assigned, revoking }));
        }
        // They were given back already: only what it has is less.
        let start = bytes.len();
        let before = self.texts.bytes(self.member.revoking);
        bytes.extend_from_slice(before)?;
        Ok(Some(Next { epoch, state: self.member.state, assigned, revoking: start..start + before.len() }))
    }
}
