//! Sticky, where members subscribe to different topics.
//!
//! Members keep what they have, the rest goes to the least loaded subscribers, and then partition after partition moves to a less loaded
//! subscriber while that helps. If it did not help in sum, all of that is taken back.
//! Source: `AbstractStickyAssignor.GeneralAssignmentBuilder`. Where Java asks for each partition anew whether all is balanced, we ask after
//! each move.

use super::movements::Movements;
use super::near::Near;
use crate::member::assignor::group::Group;
use crate::member::assignor::owner::{NOBODY, Owners};
use crate::member::assignor::scratch::Words;
use crate::member::assignor::subscribers::{Subscribers, holds};

/// A group whose members subscribe to different topics, while its partitions are divided.
pub(super) struct General<'a, 'g, 'o> {
    pub(super) group: &'g Group<'g>,
    pub(super) near: Near<'a>,
    pub(super) owners: Owners<'o>,
    pub(super) subscribers: Subscribers<'a>,
    /// For each member its place in the order of member ids.
    pub(super) ranks: Words<'a>,
    pub(super) loads: Words<'a>,
    /// For each partition who had it in an earlier generation.
    pub(super) previous: Words<'a>,
    pub(super) movements: Movements<'a, 'g>,
}

/// Memory that is written before it is read.
pub(super) struct Lists<'a> {
    /// A place for each topic.
    pub(super) order: Words<'a>,
    /// A place for each partition: all of them,
    pub(super) all: Words<'a>,
    /// those that had nobody,
    pub(super) left: Words<'a>,
    /// and who had them before anything moved.
    pub(super) before: Words<'a>,
    /// A place for each member: whether it takes part in moves,
    pub(super) is_fixed: Words<'a>,
    /// and its load.
    pub(super) sizes: Words<'a>,
}

impl General<'_, '_, '_> {
    /// Divides partitions.
    pub(super) fn assign(&mut self, lists: &mut Lists<'_>) {
        let must_revoke = self.keep_owned();
        let is_first = self.loads.all().iter().all(|load| *load == 0);
        self.sort_topics(&mut lists.order);
        let (all_len, left_len) = self.list(lists);
        let left = lists.left.head(left_len);
        // Near ones first, however far from balance that leads; whoever then still has nobody goes to anybody.
        if self.near.tells_apart {
            left.iter().for_each(|partition| self.give_to_lightest(*partition, true));
        }
        for partition in left {
            if self.owners.of(*partition) == NOBODY {
                self.give_to_lightest(*partition, false);
            }
        }
        self.find_fixed(&mut lists.is_fixed);
        for partition in 0..self.group.topics().partition_count() {
            lists.before.set(partition, self.owners.of(partition));
        }
        let uneven_before = self.unevenness(lists);
        if !must_revoke {
            self.move_while_it_helps(lists.left.head(left_len));
        }
        let has_moved = self.move_while_it_helps(lists.all.head(all_len));
        if !is_first && has_moved && self.unevenness(lists) >= uneven_before {
            for partition in 0..self.group.topics().partition_count() {
                self.owners.give(partition, lists.before.at(partition));
            }
        }
    }

    fn topic_of(&self, partition: u32) -> u32 {
        self.group.topics().topic_of(partition).unwrap_or(NOBODY)
    }

    fn is_shared(&self, topic: u32) -> bool {
        self.subscribers.of(topic).len() > 1
    }

    /// Takes from members what they do not subscribe to, or have not near where that counts. Answers whether there was such, apart from
    /// what nobody subscribes to any more.
    fn keep_owned(&mut self) -> bool {
        let mut must_revoke = false;
        for topic in self.group.topics().numbers() {
            for partition in self.group.topics().partitions(topic) {
                let owner = self.owners.of(partition);
                if owner == NOBODY {
                    continue;
                }
                if holds(self.group.member(owner).topics, topic) && !self.near.is_far(self.group, owner, partition) {
                    self.loads.raise(owner);
                } else {
                    self.owners.give(partition, NOBODY);
                    must_revoke |= !self.subscribers.of(topic).is_empty();
                }
            }
        }
        must_revoke
    }

    /// Puts topics with few subscribers first.
    fn sort_topics(&self, order: &mut Words<'_>) {
        order.all_mut().iter_mut().zip(self.group.topics().numbers()).for_each(|(place, topic)| *place = topic);
        order.all_mut().sort_unstable_by_key(|topic| (self.subscribers.of(*topic).len(), *topic));
    }

    /// Lists partitions by topic, those of shared topics as `all`, and those that have nobody as `left`; answers how many these are.
    fn list(&self, lists: &mut Lists<'_>) -> (u32, u32) {
        let (mut all_len, mut left_len) = (0, 0);
        for topic in lists.order.all().iter().filter(|topic| !self.subscribers.of(**topic).is_empty()) {
            for partition in self.group.topics().partitions(*topic) {
                if self.is_shared(*topic) {
                    lists.all.set(all_len, partition);
                    all_len += 1;
                }
                if self.owners.of(partition) == NOBODY {
                    lists.left.set(left_len, partition);
                    left_len += 1;
                }
            }
        }
        (all_len, left_len)
    }

    /// The least loaded subscriber of a topic, by member id among equals; of those only to whom a partition is not far, if that is asked.
    fn lightest(&self, topic: u32, near: Option<u32>) -> Option<u32> {
        let subscribers = self.subscribers.of(topic).iter().copied();
        let may = subscribers.filter(|member| near.is_none_or(|partition| !self.near.is_far(self.group, *member, partition)));
        may.min_by_key(|member| (self.loads.at(*member), self.ranks.at(*member)))
    }

    fn give_to_lightest(&mut self, partition: u32, only_near: bool) {
        if let Some(member) = self.lightest(self.topic_of(partition), only_near.then_some(partition)) {
            self.owners.give(partition, member);
            self.loads.raise(member);
        }
    }

    /// Marks members that nothing can be moved to or from: they have all that they subscribe to, and share none of those topics.
    fn find_fixed(&self, is_fixed: &mut Words<'_>) {
        for (number, member) in (0..).zip(self.group.members()) {
            let sizes = member.topics.iter().map(|topic| self.group.topics().partitions(*topic));
            let most = sizes.map(|partitions| partitions.end - partitions.start).sum::<u32>();
            is_fixed.set(number, u32::from(self.loads.at(number) >= most));
        }
        for topic in self.group.topics().numbers().filter(|topic| self.is_shared(*topic)) {
            for partition in self.group.topics().partitions(topic) {
                is_fixed.set(self.owners.of(partition), 0);
            }
        }
    }

    /// How far the loads of those who take part in moves are from each other: the sum over all pairs.
    fn unevenness(&self, lists: &mut Lists<'_>) -> u64 {
        let mut len = 0u32;
        for member in (0..self.group.member_count()).filter(|member| lists.is_fixed.at(*member) == 0) {
            lists.sizes.set(len, self.loads.at(member));
            len += 1;
        }
        let sizes = lists.sizes.head_mut(len);
        sizes.sort_unstable();
        // Each load counts once for every smaller one, and is taken off once for every larger one.
        let (more, less) = (0..).zip(sizes).fold((0u64, 0u64), |(more, less), (place, size)| {
            let size = u64::from(*size);
            (more + size * u64::from(place), less + size * u64::from(len - 1 - place))
        });
        more - less
    }

    /// Whether nobody has two partitions more than somebody else who subscribes to one of them.
    fn is_balanced(&self) -> bool {
        self.group.topics().numbers().filter(|topic| self.is_shared(*topic)).all(|topic| {
            let partitions = self.group.topics().partitions(topic);
            let most = partitions.map(|partition| self.loads.at(self.owners.of(partition))).max();
            let least = self.subscribers.of(topic).iter().map(|member| self.loads.at(*member)).min();
            most.zip(least).is_none_or(|(most, least)| most <= least + 1)
        })
    }

    /// Moves partitions of a list to less loaded subscribers, until all is balanced or nothing can be moved. Answers whether anything was.
    fn move_while_it_helps(&mut self, partitions: &[u32]) -> bool {
        let mut has_moved = false;
        let mut is_balanced = self.is_balanced();
        loop {
            let mut moves_on = false;
            for partition in partitions {
                if is_balanced {
                    return has_moved;
                }
                if self.move_if_it_helps(*partition) {
                    (has_moved, moves_on) = (true, true);
                    is_balanced = self.is_balanced();
                }
            }
            if !moves_on {
                return has_moved;
            }
        }
    }

    fn move_if_it_helps(&mut self, partition: u32) -> bool {
        let topic = self.topic_of(partition);
        let owner = self.owners.of(partition);
        if owner == NOBODY || !self.is_shared(topic) {
            return false;
        }
        let is_lighter = |member: u32| self.loads.at(owner) > self.loads.at(member) + 1;
        let previous = self.previous.at(partition);
        let is_back = previous != NOBODY && is_lighter(previous) && holds(self.group.member(previous).topics, topic);
        let other = if is_back { Some(previous) } else { self.lightest(topic, None).filter(|member| is_lighter(*member)) };
        let Some(other) = other else { return false };
        let moved = self.movements.best(topic, partition, owner, other);
        let from = self.owners.of(moved);
        self.movements.note(topic, moved, from, other);
        self.loads.lower(from);
        self.loads.raise(other);
        self.owners.give(moved, other);
        true
    }

    /// Holds back what somebody has and somebody else is to get. Source: KIP-429.
    pub(super) fn hold_back(&mut self) {
        let marks = self.movements.memory();
        marks.all_mut().fill(0);
        for (number, member) in (0..).zip(self.group.members()) {
            for partition in member.owned {
                let mark = if self.owners.of(*partition) == number { OWN } else { OTHERS };
                marks.set(*partition, marks.at(*partition) | mark);
            }
        }
        for partition in 0..self.group.topics().partition_count() {
            if marks.at(partition) == OTHERS {
                self.owners.give(partition, NOBODY);
            }
        }
    }
}

/// The new owner of a partition has it already,
const OWN: u32 = 1;
/// somebody else has it.
const OTHERS: u32 = 2;
