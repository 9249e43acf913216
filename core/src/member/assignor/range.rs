//! The assignor `range` of the client: each topic by itself, a run of partitions for each subscriber; near to their racks where it can be.
//!
//! Where racks say something, each subscriber first gets partitions that have a replica in its rack, as many as its range would have held,
//! and then what is left. Topics of equal size with the same subscribers are divided as one: everybody gets the same partitions of all of
//! them, and a partition counts as near only if it is in all of them. Source: `RangeAssignor`, KIP-881.

use crate::bounded::list::List;

use super::error::AssignError;
use super::group::Group;
use super::order;
use super::owner::{NOBODY, Owners};
use super::ranges::{self, Quota};
use super::scratch::{Sizes, Words, index};
use super::subscribers::Subscribers;

pub(super) fn assign(group: &Group<'_>, owners: &mut Owners<'_>, memory: &mut List<'_, u32>) -> Result<(), AssignError> {
    if group.members().iter().any(|member| member.rack.is_some()) {
        let ([mut order, assigned], [ends, lot, mut state], [], pairs) = group.sizes().carve(memory)?;
        order::by_identity(group.members(), &mut order);
        let subscribers = Subscribers::new(in_order(group, &order), ends, pairs);
        for topic in group.topics().numbers() {
            state.set(topic, if is_told_apart(group, topic, subscribers.of(topic)) { NEEDS_RACKS } else { 0 });
        }
        if state.all().contains(&NEEDS_RACKS) {
            owners.clear();
            let mut racked =
                Racked { group, subscribers, owners: Owners(owners.0), assigned, lot, lot_len: 0, state, quota: Quota::new(0, 0) };
            group.topics().numbers().for_each(|topic| racked.assign_lot_of(topic));
            return Ok(());
        }
    }
    let ([mut order], words, [], _) = Sizes { pairs: 0, ..group.sizes() }.carve(memory)?;
    order::by_identity(group.members(), &mut order);
    if group.are_alike() {
        ranges::assign_alike(group.topics(), group.member(0).topics, order.all().iter().copied(), owners);
    } else {
        ranges::assign_unlike(group.topics(), in_order(group, &order), owners, words);
    }
    Ok(())
}

fn in_order<'a>(group: &Group<'a>, order: &Words<'_>) -> impl Iterator<Item = (u32, &'a [u32])> + Clone {
    order.all().iter().map(|member| (*member, group.member(*member).topics))
}

/// Whether racks make a difference to a topic: some subscriber is in one of its racks, and its partitions are not all in the same ones.
fn is_told_apart(group: &Group<'_>, topic: u32, subscribers: &[u32]) -> bool {
    let partitions = group.topics().partitions(topic);
    if partitions.clone().all(|partition| group.have_same_racks(partitions.start, partition)) {
        return false;
    }
    subscribers.iter().filter_map(|member| group.member(*member).rack).any(|rack| {
        let mut racks = partitions.clone().map(|partition| group.racks_of(partition));
        racks.any(|racks| racks.contains(&rack))
    })
}

/// What `state` says of a topic: racks make a difference to it,
const NEEDS_RACKS: u32 = 1;
/// or it has been divided.
const DIVIDED: u32 = 2;

/// Topics while they are divided with an eye on racks. A lot is one topic, or several that are divided as one.
struct Racked<'a, 'g, 'o> {
    group: &'g Group<'g>,
    subscribers: Subscribers<'a>,
    owners: Owners<'o>,
    /// For each subscriber of the lot how many partitions of each of its topics it has.
    assigned: Words<'a>,
    lot: Words<'a>,
    lot_len: u32,
    state: Words<'a>,
    /// What the subscribers of the lot may have of each of its topics.
    quota: Quota,
}

impl Racked<'_, '_, '_> {
    /// Divides the lot that a topic begins, if it begins one.
    fn assign_lot_of(&mut self, topic: u32) {
        if self.state.at(topic) == DIVIDED || self.subscribers.of(topic).is_empty() {
            return;
        }
        let needs_racks = self.state.at(topic) == NEEDS_RACKS;
        self.gather(topic);
        let member_count = u32::try_from(self.subscribers.of(topic).len()).unwrap_or(u32::MAX);
        self.quota = Quota::new(self.partition_count(topic), member_count);
        for place in 0..member_count {
            self.assigned.set(self.subscriber(topic, place), 0);
        }
        if self.lot_len > 1 {
            self.assign_near_of_all(topic, member_count);
        } else if needs_racks {
            for place in 0..member_count {
                let member = self.subscriber(topic, place);
                self.assign_first(member, topic, |group, partition| group.racks_match(member, partition));
            }
        }
        for place in 0..member_count {
            self.assign_first(self.subscriber(topic, place), topic, |_, _| true);
        }
    }

    /// Puts a topic and all that are divided as it is into the lot.
    fn gather(&mut self, topic: u32) {
        self.lot_len = 0;
        for other in topic..u32::try_from(self.group.topics().len()).unwrap_or(0) {
            let is_like =
                self.partition_count(other) == self.partition_count(topic) && self.subscribers.of(other) == self.subscribers.of(topic);
            if is_like && self.state.at(other) != DIVIDED {
                self.state.set(other, DIVIDED);
                self.lot.set(self.lot_len, other);
                self.lot_len += 1;
            }
        }
    }

    fn partition_count(&self, topic: u32) -> u32 {
        let partitions = self.group.topics().partitions(topic);
        partitions.end - partitions.start
    }

    fn subscriber(&self, topic: u32, place: u32) -> u32 {
        self.subscribers.of(topic).get(index(place)).copied().unwrap_or(NOBODY)
    }

    /// How many partitions more of each topic of the lot a member may have.
    fn room(&self, member: u32) -> u32 {
        (self.quota.each + u32::from(self.quota.extra > 0)).saturating_sub(self.assigned.at(member))
    }

    /// Gives each partition, of all topics of the lot, to the first member with room that has it near in all of them.
    fn assign_near_of_all(&mut self, topic: u32, member_count: u32) {
        if self.subscribers.of(topic).iter().all(|member| self.group.member(*member).rack.is_none()) {
            return;
        }
        for partition_index in 0..self.partition_count(topic) {
            let members = (0..member_count).map(|place| self.subscriber(topic, place));
            let near = members.filter(|member| self.room(*member) > 0).find(|member| self.is_near_of_all(*member, partition_index));
            if let Some(member) = near {
                self.give(member, partition_index);
                self.count(member, 1);
            }
        }
    }

    fn is_near_of_all(&self, member: u32, partition_index: u32) -> bool {
        let lot = self.lot.head(self.lot_len).iter();
        let mut partitions = lot.filter_map(|topic| self.group.topics().partition(*topic, partition_index));
        partitions.all(|partition| self.group.racks_match(member, partition))
    }

    /// Gives a member as many of the partitions that are left, and that it may have, as it has room for: the first ones.
    fn assign_first(&mut self, member: u32, topic: u32, may: impl Fn(&Group<'_>, u32) -> bool) {
        let room = self.room(member);
        let partitions = self.group.topics().partitions(topic);
        let mut taken = 0;
        for partition in partitions.clone() {
            if taken == room {
                break;
            }
            if self.owners.of(partition) == NOBODY && may(self.group, partition) {
                self.give(member, partition - partitions.start);
                taken += 1;
            }
        }
        self.count(member, taken);
    }

    /// Gives a member a partition of every topic of the lot.
    fn give(&mut self, member: u32, partition_index: u32) {
        for topic in self.lot.head(self.lot_len) {
            if let Some(partition) = self.group.topics().partition(*topic, partition_index) {
                self.owners.give(partition, member);
            }
        }
    }

    fn count(&mut self, member: u32, count: u32) {
        let assigned = self.assigned.at(member) + count;
        self.assigned.set(member, assigned);
        if count > 0 && assigned > self.quota.each {
            self.quota.extra = self.quota.extra.saturating_sub(1);
        }
    }
}
