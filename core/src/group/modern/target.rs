//! The target of a consumer group: what everybody is to have. Source: `TargetAssignmentBuilder`.

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::chain::Chain;
use crate::bounded::slab::Slot;
use crate::group::assignor::subscriptions::{Span, Subscriptions};
use crate::group::assignor::{range, uniform};
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::ids::{PartitionIndex, TopicId};
use crate::member::assignor::error::AssignError;
use crate::member::assignor::owner::Owner;
use crate::member::assignor::topics::Topics as TopicSizes;
use crate::time::Moment;

use super::names::Names;
use super::partitions::{Builder, Held, Partitions};
use super::presence::Presence;
use super::record::{ConsumerRecord, StoredPartitions, TargetMade};
use super::state::GroupKind;
use super::topics::Topics;

/// An assignor of the coordinator's. Source: `UniformAssignor`, `RangeAssignor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerAssignor {
    /// Balanced first, then sticky.
    Uniform,
    /// A run of each topic's partitions for each of its subscribers.
    Range,
}

impl ServerAssignor {
    /// Kafka's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The assignor of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Uniform, Self::Range].into_iter().find(|it| it.name() == name)
    }
}

/// A topic that a target is made for. Scratch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetTopic {
    pub(super) id: TopicId,
    pub(super) partitions: u32,
    /// The number of its first partition among those of all topics.
    pub(super) first: u32,
    /// The entry that has its name.
    subscribed: Slot,
}

impl<'m> Coordinator<'m> {
    /// Makes a target for the epoch of the group, if there is none yet and the last one is old enough.
    pub(super) fn make_target(&mut self, at: Moment, said: &Presence<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let group_id = said.caller.group_id;
        let group = self.consumer_group_named(group_id)?;
        let Some(entry) = self.consumer_group(group) else { return Err(GroupError::GroupNotFound) };
        let epoch = entry.epoch;
        let (kind, interval) = match entry.kind {
            GroupKind::Consumer => (entry.kind, said.config.consumer_assignment_interval),
            GroupKind::Share => (entry.kind, said.config.share_assignment_interval),
        };
        // An interval of 0 does not ask the clock, which may have been put back. Source: KIP-1263.
        let is_early = interval.0 > 0 && entry.target_at.is_some_and(|made| at.wall < made.after(interval));
        if entry.target_epoch >= epoch || is_early {
            return Ok(());
        }
        self.gather_topics(group, said.topics).map_err(|Full| GroupError::GroupFull)?;
        self.gather_members(group).map_err(|Full| GroupError::GroupFull)?;
        match kind {
            GroupKind::Consumer => {
                self.gather_owners().map_err(|Full| GroupError::GroupFull)?;
                self.run_assignor(self.preferred_assignor(group)).map_err(GroupError::Assignor)?;
                self.record_targets(group_id, fx)?;
            }
            GroupKind::Share => self.divide_seats(group, group_id, fx)?,
        }
        let made = TargetMade { epoch, at: Some(at.wall) };
        self.record_consumer(group_id, ConsumerRecord::TargetMade(Some(made)), fx)
    }

    /// The assignor that most members want that want one. Source: `ConsumerGroup.computePreferredServerAssignor`.
    pub(in crate::group) fn preferred_assignor(&self, group: Slot) -> ServerAssignor {
        let (mut uniform, mut range) = (0, 0);
        let members = self.consumer_group(group).map(|entry| entry.members.iter(&self.modern.members));
        for (_, member) in members.into_iter().flatten() {
            match member.assignor.and_then(|text| ServerAssignor::named(self.texts.str(text))) {
                Some(ServerAssignor::Uniform) => uniform += 1,
                Some(ServerAssignor::Range) => range += 1,
                None => {}
            }
        }
        match uniform.cmp(&range) {
            core::cmp::Ordering::Less => ServerAssignor::Range,
            core::cmp::Ordering::Greater => ServerAssignor::Uniform,
            core::cmp::Ordering::Equal => self.config.consumer_assignor,
        }
    }

    /// The topics that somebody subscribes to and that there are, by their ids.
    fn gather_topics(&mut self, group: Slot, topics: &dyn Topics) -> Result<(), Full> {
        self.modern.topics_of_target.clear();
        let mut slot = self.consumer_group(group).map_or(Slot::NONE, |entry| entry.topics.first());
        while slot.is_some() {
            let name = self.modern.topics.get(slot).map_or("", |topic| self.texts.str(topic.name));
            if let Some(shape) = topics.find(name) {
                let topic = TargetTopic { id: shape.id, partitions: shape.partitions, first: 0, subscribed: slot };
                self.modern.topics_of_target.push(topic)?;
            }
            slot = Chain::next(&self.modern.topics, slot);
        }
        self.modern.topics_of_target.sort_unstable_by_key(|topic| topic.id);
        self.modern.ends.clear();
        let mut first = 0u32;
        for (number, topic) in (0u32..).zip(self.modern.topics_of_target.iter_mut()) {
            topic.first = first;
            first = first.checked_add(topic.partitions).ok_or(Full)?;
            self.modern.ends.push(first)?;
            if let Some(subscribed) = self.modern.topics.get_mut(topic.subscribed) {
                subscribed.number = number;
            }
        }
        Ok(())
    }

    /// The members in Java's order, and the numbers of the topics that each subscribes to.
    fn gather_members(&mut self, group: Slot) -> Result<(), Full> {
        let modern = &mut self.modern;
        modern.order.clear();
        let chained = self.groups.get(group).map_or(Slot::NONE, |group| group.consumer);
        let mut slot = modern.groups.get(chained).map_or(Slot::NONE, |entry| entry.members.first());
        while slot.is_some() {
            modern.order.push(slot)?;
            slot = Chain::next(&modern.members, slot);
        }
        let (members, texts) = (&modern.members, &self.texts);
        // Static ones by their names, then the others by their ids.
        let place = |slot: &Slot| {
            let member = members.get(*slot);
            let instance = member.and_then(|member| member.instance);
            (instance.is_none(), texts.str(instance.or(member.map(|member| member.id)).unwrap_or(Text::EMPTY)))
        };
        modern.order.sort_unstable_by(|a, b| place(a).cmp(&place(b)));
        for (number, slot) in (0u32..).zip(modern.order.iter()) {
            if let Some(member) = modern.members.get_mut(*slot) {
                member.number = number;
            }
        }
        self.modern.pool.clear();
        self.modern.spans.clear();
        let mut last: Option<(Text, Option<Text>, Span)> = None;
        for at in 0..self.modern.order.len() {
            let slot = self.modern.order.get(at).copied().unwrap_or(Slot::NONE);
            let Some((names, pattern)) = self.modern.members.get(slot).map(|member| (member.names, member.pattern)) else { continue };
            // Mostly all subscribe to the same.
            let same = last.filter(|(last_names, last_pattern, _)| self.says_same((names, pattern), (*last_names, *last_pattern)));
            let span = match same {
                Some((_, _, span)) => span,
                None => self.pool_topics(group, names, pattern)?,
            };
            last = Some((names, pattern, span));
            self.modern.spans.push(span)?;
        }
        Ok(())
    }

    fn says_same(&self, a: (Text, Option<Text>), b: (Text, Option<Text>)) -> bool {
        let bytes = |text: Option<Text>| text.map(|text| self.texts.bytes(text));
        self.texts.bytes(a.0) == self.texts.bytes(b.0) && bytes(a.1) == bytes(b.1)
    }

    /// Puts the numbers of the topics of a subscription into the pool, rising.
    fn pool_topics(&mut self, group: Slot, names: Text, pattern: Option<Text>) -> Result<Span, Full> {
        let start = self.modern.pool.len();
        let slot = pattern.and_then(|text| self.find_pattern(group, self.texts.str(text)));
        let matches = slot.and_then(|slot| self.modern.patterns.get(slot)).and_then(|pattern| pattern.matches);
        let matched = matches.map_or(Text::EMPTY, |(text, _, _)| text);
        for text in [names, matched] {
            for name in Names::of(self.texts.bytes(text)).iter() {
                let topic =
                    self.find_subscribed(group, name).and_then(|slot| self.modern.topics.get(slot).map(|topic| (slot, topic.number)));
                // One that there is not has the number of another, or none.
                let exists = |(slot, number): &(Slot, u32)| {
                    let of = usize::try_from(*number).ok().and_then(|number| self.modern.topics_of_target.get(number));
                    of.is_some_and(|topic| topic.subscribed == *slot)
                };
                if let Some((_, number)) = topic.filter(exists) {
                    self.modern.pool.push(number)?;
                }
            }
        }
        let pool = self.modern.pool.get_mut(start..).unwrap_or_default();
        pool.sort_unstable();
        let mut kept = 0;
        for at in 0..pool.len() {
            let number = pool.get(at).copied().unwrap_or_default();
            if at == 0 || kept == 0 || pool.get(kept - 1) != Some(&number) {
                if let Some(place) = pool.get_mut(kept) {
                    *place = number;
                }
                kept += 1;
            }
        }
        self.modern.pool.truncate(start + kept);
        Ok(Span { start, len: kept })
    }

    /// Who is to have each partition by the last target.
    fn gather_owners(&mut self) -> Result<(), Full> {
        let modern = &mut self.modern;
        let count = modern.ends.last().and_then(|end| usize::try_from(*end).ok()).unwrap_or(0);
        modern.owners.clear();
        modern.owners.fill_to(count, Owner::NOBODY)?;
        for (number, slot) in (0u32..).zip(modern.order.iter()) {
            let target = modern.members.get(*slot).and_then(|member| member.target);
            let target = target.map_or(Partitions::NONE, |text| Partitions::of(self.texts.bytes(text)));
            for topic in target.topics() {
                let Ok(at) = modern.topics_of_target.binary_search_by_key(&topic.topic, |topic| topic.id) else { continue };
                let Some(known) = modern.topics_of_target.get(at) else { continue };
                for held in topic.iter() {
                    let index = u32::try_from(held.partition.0).ok().filter(|index| *index < known.partitions);
                    let place = index.and_then(|index| usize::try_from(known.first + index).ok());
                    if let Some(owner) = place.and_then(|place| modern.owners.get_mut(place)) {
                        *owner = Owner::of(number);
                    }
                }
            }
        }
        Ok(())
    }

    fn run_assignor(&mut self, assignor: ServerAssignor) -> Result<(), AssignError> {
        let modern = &mut self.modern;
        let topics = TopicSizes::from_ends(&modern.ends)?;
        let group = Subscriptions::pooled(topics, &modern.pool, &modern.spans)?;
        match assignor {
            ServerAssignor::Uniform => uniform::assign(&group, &mut modern.owners, &mut modern.words),
            ServerAssignor::Range => range::assign(&group, &mut modern.owners, &mut modern.words),
        }
    }

    /// Writes down the target of each member that has another one now.
    fn record_targets(&mut self, group_id: &str, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let full = |Full| GroupError::GroupFull;
        self.sort_by_owner().map_err(full)?;
        let mut at = 0;
        for number in 0..self.modern.order.len() {
            let slot = self.modern.order.get(number).copied().unwrap_or(Slot::NONE);
            let owner = Owner::of(u32::try_from(number).unwrap_or(u32::MAX));
            at = self.build_target(at, owner).map_err(full)?;
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

    /// Sorts the partitions by their owners, those of nobody last, and each owner's in their own order.
    fn sort_by_owner(&mut self) -> Result<(), Full> {
        let modern = &mut self.modern;
        modern.words.clear();
        for flat in 0..u32::try_from(modern.owners.len()).map_err(|_| Full)? {
            modern.words.push(flat)?;
        }
        let owner = |flat: &u32| usize::try_from(*flat).ok().and_then(|flat| modern.owners.get(flat)).copied().unwrap_or(Owner::NOBODY);
        modern.words.sort_unstable_by_key(|flat| (owner(flat), *flat));
        Ok(())
    }

    /// Builds the target of the next owner in the order of owners; answers where the one behind it begins.
    fn build_target(&mut self, mut at: usize, owner: Owner) -> Result<usize, Full> {
        let modern = &mut self.modern;
        modern.bytes.clear();
        let mut builder = Builder::new(&mut modern.bytes);
        let mut topic = 0;
        while let Some(flat) = modern.words.get(at).copied() {
            let of = usize::try_from(flat).ok().and_then(|flat| modern.owners.get(flat));
            if of != Some(&owner) {
                break;
            }
            while modern.topics_of_target.get(topic + 1).is_some_and(|next| next.first <= flat) {
                topic += 1;
            }
            if let Some(topic) = modern.topics_of_target.get(topic) {
                let partition = PartitionIndex(i32::try_from(flat - topic.first).unwrap_or(i32::MAX));
                builder.push(Held { topic: topic.id, partition, since: crate::ids::MemberEpoch(0) })?;
            }
            at += 1;
        }
        Ok(at)
    }
}
