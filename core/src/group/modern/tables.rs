//! The memory of consumer groups, and how their entries hang together.

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::chain::{Chain, Links};
use crate::bounded::deadlines::Deadlines;
use crate::bounded::list::List;
use crate::bounded::slab::{Slab, Slot};
use crate::bounded::table::{HashKey, Table};
use crate::group::coordinator::Coordinator;
use crate::ids::{CallId, MemberEpoch, PartitionIndex, TopicId};
use crate::time::Instant;

use crate::group::assignor::simple::Seat;
use crate::group::assignor::subscriptions::Span;
#[cfg(feature = "alloc")]
use crate::group::assignor::uniform;
use crate::member::assignor::owner::Owner;

use super::heartbeat::{FIRST_EPOCH, Resume};
use super::names::{Names, Place};
use super::partitions::{Held, Partitions};
use super::state::{Classic, Consumer, ConsumerGroup, GroupKind, Holding, MemberState, Pattern, Subscribed};
use super::target::TargetTopic;

/// The memory of consumer groups.
#[derive(Debug)]
pub struct ModernMemory<'m> {
    /// One entry a consumer group.
    pub groups: Slab<'m, ConsumerGroup>,
    /// One entry a member.
    pub members: Table<'m, Consumer>,
    /// One entry a static member.
    pub instances: Table<'m, Slot>,
    /// One entry a group and topic that somebody in it subscribes to.
    pub topics: Table<'m, Subscribed>,
    /// One entry a group and pattern.
    pub patterns: Table<'m, Pattern>,
    /// One entry a group and partition that a member holds.
    pub holdings: Table<'m, Holding>,
    /// Capacity of `members`.
    pub sessions: Deadlines<'m>,
    /// Capacity of `members`: until when it is waited for that a member gives back, joins again, or asks for its assignment.
    pub patience: Deadlines<'m>,
    /// Scratch: the partitions of one member, or the names it subscribes to.
    pub bytes: List<'m, u8>,
    /// Scratch: the names that a pattern matches, as they come.
    pub matched: List<'m, u8>,
    /// Scratch: the partitions of one member.
    pub held: List<'m, Held>,
    /// Scratch: the names that one member subscribes to.
    pub places: List<'m, Place>,
    /// Scratch of a target: the topics of a group.
    pub topics_of_target: List<'m, TargetTopic>,
    /// Scratch of a target: for each of them the number behind its last partition.
    pub ends: List<'m, u32>,
    /// Scratch of a target: the members of a group.
    pub order: List<'m, Slot>,
    /// Scratch of a target: the numbers of the topics that members subscribe to; those who subscribe to the same share them.
    pub pool: List<'m, u32>,
    /// Scratch of a target: which of them are whose.
    pub spans: List<'m, Span>,
    /// Scratch of a target: whose each partition is.
    pub owners: List<'m, Owner>,
    /// Scratch of a target: for the assignor.
    pub words: List<'m, u32>,
    /// Scratch of the target of a share group: who is to have what.
    pub seats: List<'m, Seat>,
    /// Scratch of the target of a share group: what can be given out.
    pub assignable: List<'m, bool>,
    /// Soft: where a heartbeat goes on once what it has written is believed.
    pub resume: Option<Resume>,
    /// Soft: the join that goes on once what it has written is believed.
    pub joins_again: Option<CallId>,
    /// Soft: the group that was made a classic one by a step whose records may not be written yet.
    pub downgraded: Slot,
}

#[cfg(feature = "alloc")]
impl ModernMemory<'_> {
    /// Memory that is allocated as it is needed: for so many groups, members of all of them together, and partitions that they hold.
    #[must_use]
    pub fn grown(groups: usize, members: usize, partitions: usize) -> Self {
        Self {
            groups: Slab::grown(groups),
            members: Table::grown(members),
            instances: Table::grown(members),
            topics: Table::grown(partitions),
            patterns: Table::grown(members),
            holdings: Table::grown(partitions),
            sessions: Deadlines::grown(members),
            patience: Deadlines::grown(members),
            bytes: List::grown(partitions.saturating_mul(32)),
            matched: List::grown(partitions.saturating_mul(32)),
            held: List::grown(partitions),
            places: List::grown(partitions),
            topics_of_target: List::grown(partitions),
            ends: List::grown(partitions),
            order: List::grown(members),
            pool: List::grown(partitions.saturating_mul(4)),
            spans: List::grown(members),
            owners: List::grown(partitions),
            words: List::grown(uniform::words(members, partitions, partitions, partitions.saturating_mul(4))),
            seats: List::grown(partitions.saturating_mul(4)),
            assignable: List::grown(partitions),
            resume: None,
            joins_again: None,
            downgraded: Slot::NONE,
        }
    }
}

/// Looking up.
impl Coordinator<'_> {
    pub(in crate::group) fn consumer_group(&self, group: Slot) -> Option<&ConsumerGroup> {
        self.modern.groups.get(self.groups.get(group)?.consumer)
    }

    /// The kind of a group; one that is yet to be is a consumer group, unless somebody says otherwise.
    pub(in crate::group) fn kind_at(&self, group: Slot) -> GroupKind {
        self.consumer_group(group).map_or(GroupKind::Consumer, |entry| entry.kind)
    }

    pub(super) fn consumer_group_mut(&mut self, group: Slot) -> Option<&mut ConsumerGroup> {
        self.modern.groups.get_mut(self.groups.get(group)?.consumer)
    }

    pub(in crate::group) fn find_consumer(&self, group: Slot, member_id: &str) -> Option<Slot> {
        let hash = self.hash_within(group, member_id.as_bytes());
        self.modern.members.find(hash, |member| member.group == group && self.texts.bytes(member.id) == member_id.as_bytes())
    }

    pub(super) fn find_consumer_instance(&self, group: Slot, instance_id: &str) -> Option<Slot> {
        let hash = self.hash_within(group, instance_id.as_bytes());
        let is_it = |slot: &Slot| {
            let member = self.modern.members.get(*slot);
            let instance = member.filter(|member| member.group == group).and_then(|member| member.instance);
            instance.is_some_and(|text| self.texts.bytes(text) == instance_id.as_bytes())
        };
        let found = self.modern.instances.find(hash, is_it)?;
        self.modern.instances.get(found).copied()
    }

    pub(super) fn find_subscribed(&self, group: Slot, name: &str) -> Option<Slot> {
        let hash = self.hash_within(group, name.as_bytes());
        self.modern.topics.find(hash, |topic| topic.group == group && self.texts.bytes(topic.name) == name.as_bytes())
    }

    pub(super) fn find_pattern(&self, group: Slot, pattern: &str) -> Option<Slot> {
        let hash = self.hash_within(group, pattern.as_bytes());
        self.modern.patterns.find(hash, |entry| entry.group == group && self.texts.bytes(entry.text) == pattern.as_bytes())
    }

    pub(in crate::group) fn partitions(&self, text: Text) -> Partitions<'_> {
        Partitions::of(self.texts.bytes(text))
    }

    pub(in crate::group) fn names(&self, text: Text) -> Names<'_> {
        Names::of(self.texts.bytes(text))
    }
}

/// Making and dropping.
impl Coordinator<'_> {
    /// The consumer group of an entry, made if there is none.
    pub(super) fn found_consumer_group(&mut self, group: Slot, kind: GroupKind) -> Result<(), Full> {
        if self.consumer_group(group).is_some() {
            return Ok(());
        }
        let made = ConsumerGroup {
            kind,
            epoch: FIRST_EPOCH,
            metadata_hash: 0,
            target_epoch: FIRST_EPOCH,
            target_at: None,
            members: Chain::default(),
            classics: 0,
            topics: Chain::default(),
            patterns: Chain::default(),
            checked: None,
            shares: Text::EMPTY,
            begins: Text::EMPTY,
            all_shared_at: None,
        };
        let slot = self.modern.groups.insert(made)?;
        if let Some(group) = self.groups.get_mut(group) {
            group.consumer = slot;
        }
        Ok(())
    }

    /// Forgets what makes an entry a consumer group; its offsets stay.
    pub(in crate::group) fn drop_consumer_group(&mut self, group: Slot) {
        self.drop_consumers(group);
        while let Some(pattern) = self.consumer_group(group).map(|entry| entry.patterns.first()).filter(|pattern| pattern.is_some()) {
            self.drop_pattern(pattern);
        }
        let Some(slot) = self.groups.get(group).map(|group| group.consumer) else { return };
        let gone = self.modern.groups.remove(slot);
        if let Some(gone) = &gone {
            [gone.shares, gone.begins].into_iter().for_each(|text| self.texts.release(text));
        }
        debug_assert!(gone.is_none_or(|gone| gone.topics.is_empty()), "a topic is there as long as somebody subscribes to it");
        if let Some(group) = self.groups.get_mut(group) {
            group.consumer = Slot::NONE;
        }
    }

    pub(in crate::group) fn drop_consumers(&mut self, group: Slot) {
        while let Some(member) = self.consumer_group(group).map(|entry| entry.members.first()).filter(|member| member.is_some()) {
            self.drop_consumer(member);
        }
    }

    /// The member of an id, made if there is none: one that has said nothing yet.
    pub(super) fn found_consumer(&mut self, group: Slot, member_id: &str) -> Result<Slot, Full> {
        if let Some(slot) = self.find_consumer(group, member_id) {
            return Ok(slot);
        }
        if self.modern.members.is_full() {
            return Err(Full);
        }
        let id = self.texts.store(member_id.as_bytes())?;
        let member = Consumer {
            group,
            id,
            instance: None,
            rack: None,
            client_id: Text::EMPTY,
            client_host: Text::EMPTY,
            names: Text::EMPTY,
            pattern: None,
            assignor: None,
            rebalance_timeout: None,
            classic: None,
            epoch: MemberEpoch::JOINS,
            previous: MemberEpoch(-1),
            state: MemberState::Stable,
            assigned: Text::EMPTY,
            revoking: Text::EMPTY,
            target: None,
            session_due: Instant::ZERO,
            join_due: None,
            sync_due: None,
            number: 0,
            goes: false,
            links: Links::default(),
        };
        let hash = self.hash_within(group, member_id.as_bytes());
        let slot = self.modern.members.insert(hash, member).inspect_err(|Full| self.texts.release(id))?;
        let chained = self.groups.get(group).map_or(Slot::NONE, |group| group.consumer);
        if let Some(entry) = self.modern.groups.get_mut(chained) {
            entry.members.push(&mut self.modern.members, slot);
        }
        Ok(slot)
    }

    pub(super) fn drop_consumer(&mut self, slot: Slot) {
        self.release_held(slot);
        self.forget_instance(slot);
        let Some(member) = self.modern.members.get(slot) else { return };
        let (group, names, pattern) = (member.group, member.names, member.pattern);
        self.unsubscribe(group, names);
        self.leave_pattern(group, pattern);
        self.modern.sessions.clear(slot);
        self.modern.patience.clear(slot);
        let chained = self.groups.get(group).map_or(Slot::NONE, |group| group.consumer);
        if let Some(entry) = self.modern.groups.get_mut(chained) {
            entry.members.unlink(&mut self.modern.members, slot);
        }
        self.put_classic(slot, None);
        let Some(member) = self.modern.members.remove(slot) else { return };
        let texts = [member.id, member.client_id, member.client_host, member.names, member.assigned, member.revoking];
        let said = [member.instance, member.rack, member.pattern, member.assignor, member.target];
        texts.into_iter().chain(said.into_iter().flatten()).for_each(|text| self.texts.release(text));
    }

    /// Which protocol a member speaks.
    pub(super) fn put_classic(&mut self, slot: Slot, classic: Option<Classic>) {
        let Some(member) = self.modern.members.get_mut(slot) else { return };
        let group = member.group;
        let before = core::mem::replace(&mut member.classic, classic);
        if let Some(entry) = self.consumer_group_mut(group) {
            entry.classics = (entry.classics + usize::from(classic.is_some())).saturating_sub(usize::from(before.is_some()));
        }
        self.texts.release(before.map_or(Text::EMPTY, |before| before.offers));
    }

    pub(super) fn forget_instance(&mut self, slot: Slot) {
        let Some(member) = self.modern.members.get(slot) else { return };
        let Some(instance) = member.instance else { return };
        let hash = self.hash_within(member.group, self.texts.bytes(instance));
        // By the member, and not by the name: another may have taken that over.
        if let Some(found) = self.modern.instances.find(hash, |it| *it == slot) {
            self.modern.instances.remove(found);
        }
    }

    /// Nothing is held by a member any more.
    pub(super) fn release_held(&mut self, slot: Slot) {
        let Some(member) = self.modern.members.get(slot) else { return };
        for text in [member.assigned, member.revoking] {
            for held in Partitions::of(self.texts.bytes(text)).iter() {
                let key = (member.group, held.topic, held.partition);
                let hash = holding_hash(self.key, key.0, key.1, key.2);
                let is_it = |it: &Holding| (it.group, it.topic, it.partition) == key && it.member == slot;
                if let Some(found) = self.modern.holdings.find(hash, is_it) {
                    self.modern.holdings.remove(found);
                }
            }
        }
    }

    /// What a member has and is to give back is held by it, whoever held it before. In a share group nobody holds anything.
    pub(super) fn take_hold(&mut self, slot: Slot) -> Result<(), Full> {
        let Some(member) = self.modern.members.get(slot) else { return Ok(()) };
        let group = member.group;
        if self.kind_at(group) == GroupKind::Share {
            return Ok(());
        }
        for text in [member.assigned, member.revoking] {
            for held in Partitions::of(self.texts.bytes(text)).iter() {
                let key = (group, held.topic, held.partition);
                let hash = holding_hash(self.key, key.0, key.1, key.2);
                let found = self.modern.holdings.find(hash, |it| (it.group, it.topic, it.partition) == key);
                match found.and_then(|found| self.modern.holdings.get_mut(found)) {
                    Some(holding) => holding.member = slot,
                    None => {
                        let holding = Holding { group, topic: held.topic, partition: held.partition, member: slot };
                        self.modern.holdings.insert(hash, holding)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Subscribing.
impl Coordinator<'_> {
    /// Counts one who names these topics.
    pub(super) fn subscribe(&mut self, group: Slot, names: Text) -> Result<(), Full> {
        self.count_topics(group, names, |topic| topic.by_name += 1)
    }

    pub(super) fn unsubscribe(&mut self, group: Slot, names: Text) {
        self.uncount_topics(group, names, |topic| topic.by_name = topic.by_name.saturating_sub(1));
    }

    /// A pattern matches these topics.
    pub(super) fn match_topics(&mut self, group: Slot, names: Text) -> Result<(), Full> {
        self.count_topics(group, names, |topic| topic.by_pattern += 1)
    }

    pub(super) fn unmatch_topics(&mut self, group: Slot, names: Text) {
        self.uncount_topics(group, names, |topic| topic.by_pattern = topic.by_pattern.saturating_sub(1));
    }

    fn count_topics(&mut self, group: Slot, names: Text, count: impl Fn(&mut Subscribed)) -> Result<(), Full> {
        let mut at = 0;
        while let Some((name, next)) = name_at(self.texts.bytes(names), at) {
            let slot = match self.find_subscribed(group, name) {
                Some(slot) => slot,
                None => self.add_subscribed(group, names, at)?,
            };
            at = next;
            if let Some(topic) = self.modern.topics.get_mut(slot) {
                count(topic);
            }
        }
        Ok(())
    }

    fn add_subscribed(&mut self, group: Slot, names: Text, at: usize) -> Result<Slot, Full> {
        if self.modern.topics.is_full() {
            return Err(Full);
        }
        // The name lies in the text of the names, which may move when another text is stored: it is taken out first.
        self.modern.bytes.clear();
        let name = name_at(self.texts.bytes(names), at).map_or("", |(name, _)| name);
        self.modern.bytes.extend_from_slice(name.as_bytes())?;
        let stored = self.texts.store(&self.modern.bytes)?;
        let hash = self.hash_within(group, &self.modern.bytes);
        let topic = Subscribed { group, name: stored, by_name: 0, by_pattern: 0, off: 0, number: 0, links: Links::default() };
        let slot = self.modern.topics.insert(hash, topic).inspect_err(|Full| self.texts.release(stored))?;
        let chained = self.groups.get(group).map_or(Slot::NONE, |group| group.consumer);
        if let Some(entry) = self.modern.groups.get_mut(chained) {
            entry.topics.push(&mut self.modern.topics, slot);
            entry.all_shared_at = None;
        }
        Ok(slot)
    }

    fn uncount_topics(&mut self, group: Slot, names: Text, uncount: impl Fn(&mut Subscribed)) {
        let mut at = 0;
        while let Some((name, next)) = name_at(self.texts.bytes(names), at) {
            at = next;
            let Some(slot) = self.find_subscribed(group, name) else { continue };
            let Some(topic) = self.modern.topics.get_mut(slot) else { continue };
            uncount(topic);
            if topic.by_name == 0 && topic.by_pattern == 0 {
                let chained = self.groups.get(group).map_or(Slot::NONE, |group| group.consumer);
                if let Some(entry) = self.modern.groups.get_mut(chained) {
                    entry.topics.unlink(&mut self.modern.topics, slot);
                }
                if let Some(topic) = self.modern.topics.remove(slot) {
                    self.texts.release(topic.name);
                }
            }
        }
    }
}

/// What is gone in a moment, for a hash of the topics that are left.
impl Coordinator<'_> {
    /// A member less names these topics, or a pattern less matches them.
    pub(super) fn count_off(&mut self, group: Slot, names: Text) {
        let mut at = 0;
        while let Some((name, next)) = name_at(self.texts.bytes(names), at) {
            at = next;
            let slot = self.find_subscribed(group, name);
            if let Some(topic) = slot.and_then(|slot| self.modern.topics.get_mut(slot)) {
                topic.off += 1;
            }
        }
    }

    pub(super) fn count_off_pattern(&mut self, group: Slot, pattern: Slot) {
        let matches = self.modern.patterns.get(pattern).and_then(|pattern| pattern.matches);
        if let Some((names, _, _)) = matches {
            self.count_off(group, names);
        }
    }
}

/// Patterns.
impl Coordinator<'_> {
    /// The entry of a pattern, made if there is none.
    pub(super) fn found_pattern(&mut self, group: Slot, pattern: &str) -> Result<Slot, Full> {
        if let Some(slot) = self.find_pattern(group, pattern) {
            return Ok(slot);
        }
        if self.modern.patterns.is_full() {
            return Err(Full);
        }
        let text = self.texts.store(pattern.as_bytes())?;
        let hash = self.hash_within(group, pattern.as_bytes());
        let entry = Pattern { group, text, members: 0, off: 0, matches: None, links: Links::default() };
        let slot = self.modern.patterns.insert(hash, entry).inspect_err(|Full| self.texts.release(text))?;
        let chained = self.groups.get(group).map_or(Slot::NONE, |group| group.consumer);
        if let Some(entry) = self.modern.groups.get_mut(chained) {
            entry.patterns.push(&mut self.modern.patterns, slot);
        }
        Ok(slot)
    }

    /// One member less has a pattern. The entry goes when nobody has it and nothing is known of what it matches.
    pub(super) fn leave_pattern(&mut self, group: Slot, pattern: Option<Text>) {
        let Some(slot) = pattern.and_then(|text| self.find_pattern(group, self.texts.str(text))) else { return };
        let Some(entry) = self.modern.patterns.get_mut(slot) else { return };
        entry.members = entry.members.saturating_sub(1);
        self.drop_pattern_if_unused(slot);
    }

    pub(super) fn drop_pattern_if_unused(&mut self, slot: Slot) {
        if self.modern.patterns.get(slot).is_some_and(|entry| entry.members == 0 && entry.matches.is_none()) {
            self.drop_pattern(slot);
        }
    }

    pub(super) fn drop_pattern(&mut self, slot: Slot) {
        let Some(entry) = self.modern.patterns.get(slot) else { return };
        let (group, matches) = (entry.group, entry.matches);
        if let Some((names, _, _)) = matches {
            self.unmatch_topics(group, names);
            self.texts.release(names);
        }
        let chained = self.groups.get(group).map_or(Slot::NONE, |group| group.consumer);
        if let Some(entry) = self.modern.groups.get_mut(chained) {
            entry.patterns.unlink(&mut self.modern.patterns, slot);
        }
        if let Some(entry) = self.modern.patterns.remove(slot) {
            self.texts.release(entry.text);
        }
    }
}

/// The hash of a partition that a member of a group holds.
fn holding_hash(key: HashKey, group: Slot, topic: TopicId, partition: PartitionIndex) -> u64 {
    key.hash(&[&group.index().to_be_bytes(), &topic.0, &partition.0.to_be_bytes()])
}

/// Who holds a partition: has it, or has not given it back yet.
pub(in crate::group) fn holder(holdings: &Table<'_, Holding>, key: HashKey, group: Slot, held: &Held) -> Option<Slot> {
    let place = (group, held.topic, held.partition);
    let hash = holding_hash(key, place.0, place.1, place.2);
    let found = holdings.find(hash, |it| (it.group, it.topic, it.partition) == place)?;
    holdings.get(found).map(|holding| holding.member)
}

/// The name at a place of a run of names, and where the next one begins.
pub(super) fn name_at(names: &[u8], at: usize) -> Option<(&str, usize)> {
    let (size, rest) = names.get(at..)?.split_first_chunk::<2>()?;
    let size = usize::from(u16::from_be_bytes(*size));
    Some((core::str::from_utf8(rest.get(..size)?).ok()?, at + 2 + size))
}
