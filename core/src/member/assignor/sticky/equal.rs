//! Sticky, where all members subscribe to the same topics.
//!
//! The loads are known beforehand: the quotient for everybody, one more for as many as the remainder says. Members keep up to that, the
//! partitions with the lowest indexes first. The rest goes round, near ones first where racks tell apart, until everybody has the quotient;
//! and then one more each to those who stand first.
//! Source: `AbstractStickyAssignor.ConstrainedAssignmentBuilder`.

use super::near::Near;
use crate::member::assignor::group::Group;
use crate::member::assignor::owner::{NOBODY, Owners};
use crate::member::assignor::ranges::Quota;
use crate::member::assignor::scratch::{Words, index};

/// A group whose members subscribe to the same topics, while its partitions are divided.
pub(super) struct Equal<'a, 'g, 'o> {
    pub(super) group: &'g Group<'g>,
    pub(super) near: Near<'a>,
    pub(super) owners: Owners<'o>,
    /// Members in the order in which it is decided who keeps one more; then those who have less than the quotient.
    pub(super) by_hash: Words<'a>,
    /// Members in the order of their ids; then those who may get one more.
    pub(super) by_id: Words<'a>,
    /// How many partitions each member has.
    pub(super) loads: Words<'a>,
    /// How many it may keep.
    pub(super) quotas: Words<'a>,
    /// For each partition whether two members claimed it at once.
    pub(super) doubly: Words<'a>,
    /// For each partition who had to give it up.
    pub(super) revoked: Words<'a>,
    /// For each index of a partition in its topic, where those of that index begin.
    pub(super) slots: Words<'a>,
}

/// Members who are still to get something, in order.
struct Lists {
    /// How many have less than the quotient.
    under_len: u32,
    /// Where those who may get one more begin,
    exact_start: u32,
    /// and end.
    exact_end: u32,
}

impl Equal<'_, '_, '_> {
    /// Divides partitions; `list` has a place for each.
    pub(super) fn assign(&mut self, mut list: Words<'_>) {
        let topics = self.group.member(0).topics;
        self.revoked.all_mut().fill(NOBODY);
        let partition_count = self.count_loads(topics);
        let quota = Quota::new(partition_count, self.group.member_count());
        let mut open = self.set_quotas(quota);
        if self.is_anybody_over() {
            self.keep_lowest(topics, &mut list);
        }
        let mut lists = self.list_unfilled(quota, open);
        let mut left = self.list_unowned(topics, &mut list);
        self.near.sort(self.group, list.head_mut(left));
        if self.near.tells_apart {
            left = self.give_near(quota, &mut open, &mut lists, &mut list, left);
        }
        self.go_round(quota, &mut lists, list.head(left));
    }

    /// Takes away what nobody may keep, counts what everybody has, and answers how many partitions there are.
    fn count_loads(&mut self, topics: &[u32]) -> u32 {
        let mut partition_count = 0;
        let mut end = 0;
        for topic in topics {
            let partitions = self.group.topics().partitions(*topic);
            (end..partitions.start).for_each(|partition| self.owners.give(partition, NOBODY));
            end = partitions.end;
            partition_count += partitions.end - partitions.start;
            for partition in partitions {
                let owner = self.owners.of(partition);
                if owner == NOBODY {
                    continue;
                }
                if self.near.is_far(self.group, owner, partition) {
                    self.revoked.set(partition, owner);
                    self.owners.give(partition, NOBODY);
                } else if self.doubly.at(partition) == 1 {
                    self.owners.give(partition, NOBODY);
                } else {
                    self.loads.raise(owner);
                }
            }
        }
        (end..self.group.topics().partition_count()).for_each(|partition| self.owners.give(partition, NOBODY));
        partition_count
    }

    /// Says how many partitions everybody may keep, and answers how many more may get one above the quotient.
    fn set_quotas(&mut self, quota: Quota) -> u32 {
        let mut open = quota.extra;
        for member in self.by_hash.all() {
            let may_have_more = self.loads.at(*member) > quota.each && open > 0;
            open -= u32::from(may_have_more);
            self.quotas.set(*member, quota.each + u32::from(may_have_more));
        }
        open
    }

    fn is_anybody_over(&self) -> bool {
        self.loads.all().iter().zip(self.quotas.all()).any(|(load, quota)| load > quota)
    }

    /// Lets everybody keep its quota: partitions by their index in their topic, then by topic.
    fn keep_lowest(&mut self, topics: &[u32], list: &mut Words<'_>) {
        let len = self.sort_by_index(topics, list);
        self.loads.all_mut().fill(0);
        for partition in list.head(len) {
            let owner = self.owners.of(*partition);
            if owner == NOBODY {
                continue;
            }
            if self.loads.at(owner) < self.quotas.at(owner) {
                self.loads.raise(owner);
            } else {
                self.revoked.set(*partition, owner);
                self.owners.give(*partition, NOBODY);
            }
        }
    }

    /// Lists partitions by their index in their topic, then by topic, and answers how many there are. Counting sorts in two walks.
    fn sort_by_index(&mut self, topics: &[u32], list: &mut Words<'_>) -> u32 {
        let ranges = || topics.iter().map(|topic| self.group.topics().partitions(*topic));
        let widest = ranges().map(|range| range.end - range.start).max().unwrap_or(0);
        self.slots.head_mut(widest).fill(0);
        for range in ranges() {
            (0..range.end - range.start).for_each(|partition_index| self.slots.raise(partition_index));
        }
        let mut start = 0;
        for slot in self.slots.head_mut(widest) {
            let first = start;
            start += *slot;
            *slot = first;
        }
        for range in ranges() {
            for (partition_index, partition) in (0..).zip(range) {
                list.set(self.slots.at(partition_index), partition);
                self.slots.raise(partition_index);
            }
        }
        start
    }

    /// Lists, in the order of member ids, who has less than the quotient, and who may get one more.
    fn list_unfilled(&mut self, quota: Quota, open: u32) -> Lists {
        let mut lists = Lists { under_len: 0, exact_start: 0, exact_end: 0 };
        for place in 0..self.group.member_count() {
            let member = self.by_id.at(place);
            if self.loads.at(member) < quota.each {
                // The order of hashes has served.
                self.by_hash.set(lists.under_len, member);
                lists.under_len += 1;
            } else if open > 0 && self.quotas.at(member) == quota.each {
                // This one is read ahead of where it is written.
                self.by_id.set(lists.exact_end, member);
                lists.exact_end += 1;
            }
        }
        lists
    }

    fn list_unowned(&self, topics: &[u32], list: &mut Words<'_>) -> u32 {
        let mut len = 0;
        for partition in topics.iter().flat_map(|topic| self.group.topics().partitions(*topic)) {
            if self.owners.of(partition) == NOBODY {
                list.set(len, partition);
                len += 1;
            }
        }
        len
    }

    /// Gives a partition, and answers how many its owner then has.
    fn give(&mut self, partition: u32, member: u32) -> u32 {
        self.owners.give(partition, member);
        self.loads.raise(member);
        self.loads.at(member)
    }

    fn push_exact(&mut self, lists: &mut Lists, member: u32) {
        self.by_id.set(lists.exact_end, member);
        lists.exact_end += 1;
    }

    /// Gives partitions to those who have them near: who has fewest first. Answers how many are left in the list.
    fn give_near(&mut self, quota: Quota, open: &mut u32, lists: &mut Lists, list: &mut Words<'_>, len: u32) -> u32 {
        let most = quota.each + u32::from(quota.extra > 0);
        let mut next = 0;
        let mut left = 0;
        for at in 0..len {
            let partition = list.at(at);
            let under = self.by_hash.head(lists.under_len);
            if let Some(place) = self.near.next_near(self.group, under, next, partition) {
                let member = self.by_hash.at(place);
                let load = self.give(partition, member);
                next = place + 1;
                if load >= quota.each {
                    remove(self.by_hash.head_mut(lists.under_len), place);
                    lists.under_len -= 1;
                    if load < most && *open > 0 {
                        self.push_exact(lists, member);
                    }
                    next = place;
                }
                next = next.checked_rem(lists.under_len).unwrap_or(0);
                continue;
            }
            let exact = self.by_id.range(lists.exact_start..lists.exact_end);
            let Some(place) = self.near.next_near(self.group, exact, 0, partition) else {
                list.set(left, partition);
                left += 1;
                continue;
            };
            let member = exact.get(index(place)).copied().unwrap_or(NOBODY);
            if self.give(partition, member) == most {
                remove(self.by_id.head_mut(lists.exact_end), place);
                lists.exact_end -= 1;
                *open = open.saturating_sub(1);
                if *open == 0 {
                    lists.exact_end = 0;
                }
            }
        }
        left
    }

    /// Gives partitions round after round to those who have less than the quotient, then one each to those who may have one more.
    fn go_round(&mut self, quota: Quota, lists: &mut Lists, partitions: &[u32]) {
        let (mut at, mut staying) = (0, 0);
        for partition in partitions {
            if at == lists.under_len {
                (lists.under_len, at, staying) = (staying, 0, 0);
            }
            if at == lists.under_len {
                if lists.exact_start == lists.exact_end {
                    // Not so: quotas add up to the number of partitions.
                    return;
                }
                let member = self.by_id.at(lists.exact_start);
                lists.exact_start += 1;
                self.give(*partition, member);
                continue;
            }
            let member = self.by_hash.at(at);
            at += 1;
            if self.give(*partition, member) == quota.each {
                self.push_exact(lists, member);
            } else {
                self.by_hash.set(staying, member);
                staying += 1;
            }
        }
    }

    /// Holds back what changes hands. Source: KIP-429.
    pub(super) fn hold_back(&mut self) {
        for partition in 0..self.group.topics().partition_count() {
            let before = self.revoked.at(partition);
            let is_taken = before != NOBODY && before != self.owners.of(partition);
            if is_taken || self.doubly.at(partition) == 1 {
                self.owners.give(partition, NOBODY);
            }
        }
    }
}

/// Takes a place out of a list and closes the gap.
fn remove(list: &mut [u32], place: u32) {
    if let Some(tail) = list.get_mut(index(place)..) {
        tail.rotate_left(usize::from(!tail.is_empty()));
    }
}
