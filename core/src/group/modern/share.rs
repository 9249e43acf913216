//! What share groups do otherwise than consumer groups: several members have one partition, nothing is given back, and a partition is
//! shared only once it has a state of its own.
//!
//! ```text
//!  heartbeat: a topic that is not shared ──► about to be shared ──► whoever keeps the states makes them ──► shared ──► a new target
//! ```
//! Source: KIP-932, `GroupMetadataManager.shareGroupHeartbeat`, `initializeShareGroupState`.

use core::ops::Range;

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::chain::Chain;
use crate::bounded::slab::Slot;
use crate::group::answer::Answer;
use crate::group::assignor::simple::{self, Seat};
use crate::group::assignor::subscriptions::Subscriptions;
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::group::input::{AlterShares, DeleteShares};
use crate::ids::{MemberEpoch, PartitionIndex, TopicId};
use crate::machine::When;
use crate::member::assignor::topics::Topics as TopicSizes;

use super::names::Names;
use super::partitions::{self, Builder, Held, Partitions};
use super::presence::Presence;
use super::reconcile::Next;
use super::record::{ConsumerRecord, GroupEpoch, Shared, SharedPartitions, StoredPartitions};
use super::state::{GroupKind, MemberState};
use super::topics::Topics;

const FULL: fn(Full) -> GroupError = |Full| GroupError::GroupFull;

/// What is shared.
impl<'m> Coordinator<'m> {
    /// What a share group is about to share, and its place; `None` when that is nothing.
    #[must_use]
    pub fn about_to_share(&self, group_id: &str) -> Option<(Slot, Partitions<'_>)> {
        let group = self.find_group(group_id)?;
        let entry = self.consumer_group(group).filter(|entry| entry.begins != Text::EMPTY)?;
        Some((group, self.partitions(entry.begins)))
    }

    /// What a share group shares.
    #[must_use]
    pub fn shares(&self, group_id: &str) -> Partitions<'_> {
        let entry = self.find_group(group_id).and_then(|group| self.consumer_group(group));
        entry.map_or(Partitions::NONE, |entry| self.partitions(entry.shares))
    }

    /// Writes down what is to be shared that is not yet.
    pub(super) fn begin_to_share(&mut self, said: &Presence<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let group = self.consumer_group_named(said.caller.group_id)?;
        let Some(entry) = self.consumer_group(group) else { return Err(GroupError::GroupNotFound) };
        let version = Some(said.topics.version()).filter(|_| said.topics.is_known());
        if version.is_some() && entry.all_shared_at == version {
            return Ok(());
        }
        let (shares, begins, mut slot) = (entry.shares, entry.begins, entry.topics.first());
        let modern = &mut self.modern;
        modern.held.clear();
        let [shared, beginning] = [shares, begins].map(|text| Partitions::of(self.texts.bytes(text)));
        while let Some(topic) = modern.topics.get(slot) {
            if let Some(shape) = said.topics.find(self.texts.str(topic.name)) {
                let of_topic = [shared, beginning].map(|known| known.topics().find(|it| it.topic == shape.id));
                for partition in (0..i32::try_from(shape.partitions).unwrap_or(i32::MAX)).map(PartitionIndex) {
                    if !of_topic.iter().flatten().any(|known| known.find(partition).is_some()) {
                        modern.held.push(Held { topic: shape.id, partition, since: MemberEpoch(0) }).map_err(FULL)?;
                    }
                }
            }
            slot = Chain::next(&modern.topics, slot);
        }
        if modern.held.is_empty() {
            if let Some(entry) = self.consumer_group_mut(group) {
                entry.all_shared_at = version;
            }
            return Ok(());
        }
        beginning.iter().try_for_each(|held| modern.held.push(held)).map_err(FULL)?;
        let begins = self.lay_out_held().map_err(FULL)?;
        let begins = Partitions::of(self.modern.bytes.get(begins).unwrap_or_default());
        self.record_shared(said.caller.group_id, (begins, self.partitions(shares)), said.topics, fx)
    }

    /// All that a group was about to share it shares: there is to be a new target for that.
    pub(in crate::group) fn shared(&mut self, group: Slot, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) {
        let before = fx.records.len();
        if self.try_shared(group, topics, fx).is_err() {
            // It does not fit beside what there is: it stays about to be shared, and it is tried again.
            fx.records.truncate(before);
        }
    }

    fn try_shared(&mut self, group: Slot, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let Some(entry) = self.consumer_group(group).filter(|entry| entry.kind == GroupKind::Share) else { return Ok(()) };
        // Without members there is nobody whose target lacks it.
        let epoch = GroupEpoch { epoch: entry.epoch.next(), metadata_hash: entry.metadata_hash };
        let has_members = !entry.members.is_empty();
        let texts = [entry.shares, entry.begins];
        let modern = &mut self.modern;
        modern.held.clear();
        for text in texts {
            Partitions::of(self.texts.bytes(text)).iter().try_for_each(|held| modern.held.push(held)).map_err(FULL)?;
        }
        let all = self.lay_out_held().map_err(FULL)?;
        let all = Partitions::of(self.modern.bytes.get(all).unwrap_or_default());
        let group_id = self.groups.get(group).map_or("", |group| self.texts.str(group.id));
        self.record_shared(group_id, (Partitions::NONE, all), topics, fx)?;
        if has_members { self.record_consumer(group_id, ConsumerRecord::Group(Some(epoch)), fx) } else { Ok(()) }
    }

    /// The share group that an administrator means, if there is a group of this id.
    fn empty_share_group(&self, group_id: &str) -> Result<Option<Slot>, GroupError> {
        let Some(group) = self.find_group(group_id) else { return Ok(None) };
        let entry = self.consumer_group(group).filter(|entry| entry.kind == GroupKind::Share).ok_or(GroupError::GroupNotFound)?;
        if entry.members.is_empty() { Ok(Some(group)) } else { Err(GroupError::NonEmptyGroup) }
    }

    /// An administrator says where a group is to go on: it is about to share what it did not share yet.
    pub(in crate::group) fn alter_shares(&mut self, alter: &AlterShares<'_>, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) {
        let before = fx.records.len();
        let result = self.try_alter_shares(alter, topics, fx);
        if result.is_err() {
            fx.records.truncate(before);
        }
        fx.answers.answer(alter.call, When::Written, Answer::SharesSet(result));
    }

    fn try_alter_shares(&mut self, alter: &AlterShares<'_>, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        if alter.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let group = self.empty_share_group(alter.group_id)?;
        if group.is_none() && (self.groups.is_full() || self.modern.groups.is_full()) {
            return Err(GroupError::GroupFull);
        }
        let entry = group.and_then(|group| self.consumer_group(group));
        let (shares, begins) = entry.map_or((Text::EMPTY, Text::EMPTY), |entry| (entry.shares, entry.begins));
        let [shared, beginning] = [shares, begins].map(|text| Partitions::of(self.texts.bytes(text)));
        let held = &mut self.modern.held;
        held.clear();
        for start in alter.starts {
            if shared.since(start.topic_id, start.partition).is_none() {
                held.push(Held { topic: start.topic_id, partition: start.partition, since: MemberEpoch(0) }).map_err(FULL)?;
            }
        }
        if held.is_empty() {
            return Ok(());
        }
        beginning.iter().try_for_each(|known| held.push(known)).map_err(FULL)?;
        let begins = self.lay_out_held().map_err(FULL)?;
        let begins = Partitions::of(self.modern.bytes.get(begins).unwrap_or_default());
        if !self.texts.has_room_for(alter.group_id.len() + begins.size() + self.partitions(shares).size(), 3) {
            return Err(GroupError::GroupFull);
        }
        let shared =
            Shared { begins: SharedPartitions::Known(begins, topics), shares: SharedPartitions::Known(self.partitions(shares), topics) };
        self.record_as(GroupKind::Share, alter.group_id, ConsumerRecord::Shared(Some(shared)), fx)
    }

    /// An administrator says that a group is to forget a topic.
    pub(in crate::group) fn delete_shares(&mut self, delete: &DeleteShares<'_>, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) {
        let before = fx.records.len();
        let result = match self.empty_share_group(delete.group_id) {
            Ok(Some(group)) => self.unshare(group, delete.topic_id, topics, fx),
            Ok(None) => Err(GroupError::GroupNotFound),
            Err(error) => Err(error),
        };
        if result.is_err() {
            fx.records.truncate(before);
        }
        fx.answers.answer(delete.call, When::Written, Answer::SharesSet(result));
    }

    /// A topic is gone: nobody shares it any more.
    pub(in crate::group) fn unshare(
        &mut self,
        group: Slot,
        topic: TopicId,
        topics: &dyn Topics,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<(), GroupError> {
        let Some(entry) = self.consumer_group(group).filter(|entry| entry.kind == GroupKind::Share) else { return Ok(()) };
        let texts = [entry.begins, entry.shares];
        let modern = &mut self.modern;
        modern.bytes.clear();
        let mut ranges = [0..0, 0..0];
        let mut is_there = false;
        for (text, range) in texts.into_iter().zip(&mut ranges) {
            let mut builder = Builder::new(&mut modern.bytes);
            for held in Partitions::of(self.texts.bytes(text)).iter() {
                is_there |= held.topic == topic;
                if held.topic != topic {
                    builder.push(held).map_err(FULL)?;
                }
            }
            *range = builder.finish();
        }
        if !is_there {
            return Ok(());
        }
        let [begins, shares] = ranges.map(|range| Partitions::of(self.modern.bytes.get(range).unwrap_or_default()));
        let group_id = self.groups.get(group).map_or("", |group| self.texts.str(group.id));
        self.record_shared(group_id, (begins, shares), topics, fx)
    }

    /// Sorts the partitions in the scratch into a set in the scratch for bytes. Kafka's records may name one as shared and as about to be.
    fn lay_out_held(&mut self) -> Result<Range<usize>, Full> {
        let modern = &mut self.modern;
        modern.bytes.clear();
        partitions::sorted(&mut modern.held, &mut modern.bytes)
    }

    fn record_shared(
        &self,
        group_id: &str,
        (begins, shares): (Partitions<'_>, Partitions<'_>),
        topics: &dyn Topics,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<(), GroupError> {
        // Belief cannot fail.
        if !self.texts.has_room_for(begins.size() + shares.size(), 2) {
            return Err(GroupError::GroupFull);
        }
        let shared = Shared { begins: SharedPartitions::Known(begins, topics), shares: SharedPartitions::Known(shares, topics) };
        self.record_consumer(group_id, ConsumerRecord::Shared(Some(shared)), fx)
    }
}

/// Who has what.
impl<'m> Coordinator<'m> {
    /// Divides what a share group shares among its members, and writes down the target of each that has another one now.
    pub(super) fn divide_seats(&mut self, group: Slot, group_id: &str, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        self.gather_seats(group).map_err(FULL)?;
        let modern = &mut self.modern;
        let sizes = TopicSizes::from_ends(&modern.ends).map_err(GroupError::Assignor)?;
        let subscriptions = Subscriptions::pooled(sizes, &modern.pool, &modern.spans).map_err(GroupError::Assignor)?;
        simple::assign(&subscriptions, Some(&modern.assignable), &mut modern.seats, &mut modern.words).map_err(GroupError::Assignor)?;
        // By members, and each member's in their own order.
        modern.seats.sort_unstable_by_key(|seat| (seat.member, seat.partition));
        let mut at = 0;
        for number in 0..self.modern.order.len() {
            let slot = self.modern.order.get(number).copied().unwrap_or(Slot::NONE);
            at = self.build_seats(at, u32::try_from(number).unwrap_or(u32::MAX)).map_err(FULL)?;
            let modern = &self.modern;
            let Some(member) = modern.members.get(slot) else { continue };
            if member.target.is_some_and(|text| self.texts.bytes(text) == &*modern.bytes) {
                continue;
            }
            if !self.texts.has_room_for(modern.bytes.len(), 1) {
                return Err(GroupError::GroupFull);
            }
            let partitions = Some(StoredPartitions::Known(Partitions::of(&modern.bytes)));
            self.record_consumer(group_id, ConsumerRecord::Target { member_id: self.texts.str(member.id), partitions }, fx)?;
        }
        Ok(())
    }

    /// Who is to have what by the last target, and what can be given out.
    fn gather_seats(&mut self, group: Slot) -> Result<(), Full> {
        let shares = self.consumer_group(group).map_or(Text::EMPTY, |entry| entry.shares);
        let modern = &mut self.modern;
        let count = modern.ends.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or(0);
        modern.assignable.clear();
        modern.assignable.fill_to(count, false)?;
        modern.seats.clear();
        let topics = &modern.topics_of_target;
        let number = |held: Held| {
            let known = topics.binary_search_by_key(&held.topic, |topic| topic.id).ok().and_then(|at| topics.get(at))?;
            u32::try_from(held.partition.0).ok().filter(|index| *index < known.partitions).map(|index| known.first + index)
        };
        for partition in Partitions::of(self.texts.bytes(shares)).iter().filter_map(number) {
            if let Some(place) = usize::try_from(partition).ok().and_then(|at| modern.assignable.get_mut(at)) {
                *place = true;
            }
        }
        for (member, slot) in (0u32..).zip(modern.order.iter()) {
            let target = modern.members.get(*slot).and_then(|member| member.target);
            let target = target.map_or(Partitions::NONE, |text| Partitions::of(self.texts.bytes(text)));
            for partition in target.iter().filter_map(number) {
                modern.seats.push(Seat { partition, member })?;
            }
        }
        modern.seats.sort_unstable();
        Ok(())
    }

    /// Builds the target of a member from the seats; answers where those of the next one begin.
    fn build_seats(&mut self, mut at: usize, member: u32) -> Result<usize, Full> {
        let modern = &mut self.modern;
        modern.bytes.clear();
        let mut builder = Builder::new(&mut modern.bytes);
        let mut topic = 0;
        while let Some(seat) = modern.seats.get(at).filter(|seat| seat.member == member) {
            while modern.topics_of_target.get(topic + 1).is_some_and(|next| next.first <= seat.partition) {
                topic += 1;
            }
            if let Some(topic) = modern.topics_of_target.get(topic) {
                let partition = PartitionIndex(i32::try_from(seat.partition - topic.first).unwrap_or(i32::MAX));
                builder.push(Held { topic: topic.id, partition, since: MemberEpoch(0) })?;
            }
            at += 1;
        }
        Ok(at)
    }

    /// What a member of a share group has next: what it is to have, as far as it subscribes to it. Source: `ShareGroupAssignmentBuilder`.
    pub(super) fn next_share(
        &mut self,
        slot: Slot,
        target_epoch: MemberEpoch,
        said: &Presence<'_>,
        has_changed: bool,
    ) -> Result<Option<Next>, GroupError> {
        let Some(member) = self.modern.members.get(slot) else { return Err(GroupError::UnknownMemberId) };
        if member.epoch == target_epoch && !has_changed {
            return Ok(None);
        }
        let names = Names::of(self.texts.bytes(member.names));
        let is_subscribed = |topic: TopicId| said.topics.name_of(topic).is_some_and(|name| names.contains(name));
        let target = member.target.map_or(Partitions::NONE, |text| Partitions::of(self.texts.bytes(text)));
        let bytes = &mut self.modern.bytes;
        bytes.clear();
        let mut builder = Builder::new(bytes);
        for topic in target.topics().filter(|topic| is_subscribed(topic.topic)) {
            topic.iter().try_for_each(|held| builder.push(held)).map_err(FULL)?;
        }
        let assigned = builder.finish();
        let is_same = member.epoch == target_epoch && bytes.get(assigned.clone()) == Some(self.texts.bytes(member.assigned));
        Ok((!is_same).then_some(Next { epoch: target_epoch, state: MemberState::Stable, assigned, revoking: 0..0 }))
    }
}
