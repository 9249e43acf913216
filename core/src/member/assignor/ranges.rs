//! Ranges: each topic by itself, a run of partitions for each of its subscribers.
//!
//! Shared by the range assignors of both sides: the broker's, and the leader's where racks play no part.
//! Source: `RangeAssignor`, KIP-848.

use super::owner::{Owner, Owners};
use super::scratch::{Words, index};
use super::topics::Topics;

/// How the partitions of one topic go round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    /// How many partitions every subscriber gets.
    pub(crate) each: u32,
    /// How many of the first subscribers get one more.
    pub(crate) extra: u32,
}

impl Quota {
    /// The quota of so many partitions among so many members.
    pub(crate) fn new(partition_count: u32, member_count: u32) -> Self {
        Self { each: partition_count.checked_div(member_count).unwrap_or(0), extra: partition_count.checked_rem(member_count).unwrap_or(0) }
    }

    /// What the next subscriber gets.
    pub(crate) const fn take(&mut self) -> u32 {
        match self.extra.checked_sub(1) {
            Some(left) => {
                self.extra = left;
                self.each + 1
            }
            None => self.each,
        }
    }
}

/// Gives members that all subscribe to `subscribed` their ranges.
pub(crate) fn assign_alike(topics: Topics<'_>, subscribed: &[u32], members: impl Iterator<Item = u32> + Clone, owners: &mut Owners<'_>) {
    owners.clear();
    let member_count = u32::try_from(members.clone().count()).unwrap_or(u32::MAX);
    for topic in subscribed {
        let mut partitions = topics.partitions(*topic);
        let mut quota = Quota::new(partitions.end - partitions.start, member_count);
        for member in members.clone() {
            if partitions.is_empty() {
                break;
            }
            give(owners, &mut partitions, quota.take(), member);
        }
    }
}

/// Gives members, in this order, their ranges of the topics that each subscribes to.
///
/// `words` are three runs of zeros with a place for each topic.
pub(crate) fn assign_unlike<'s>(
    topics: Topics<'_>,
    subscriptions: impl Iterator<Item = (u32, &'s [u32])> + Clone,
    owners: &mut Owners<'_>,
    words: [Words<'_>; 3],
) {
    let [mut each, mut extra, mut next] = words;
    for (_, subscribed) in subscriptions.clone() {
        subscribed.iter().for_each(|topic| each.raise(*topic));
    }
    for topic in topics.numbers() {
        let partitions = topics.partitions(topic);
        let quota = Quota::new(partitions.end - partitions.start, each.at(topic));
        each.set(topic, quota.each);
        extra.set(topic, quota.extra);
        next.set(topic, partitions.start);
    }
    owners.clear();
    for (member, subscribed) in subscriptions {
        for topic in subscribed {
            let mut quota = Quota { each: each.at(*topic), extra: extra.at(*topic) };
            let mut partitions = next.at(*topic)..topics.partitions(*topic).end;
            give(owners, &mut partitions, quota.take(), member);
            extra.set(*topic, quota.extra);
            next.set(*topic, partitions.start);
        }
    }
}

/// Gives a member the first `count` of some partitions.
fn give(owners: &mut Owners<'_>, partitions: &mut core::ops::Range<u32>, count: u32, member: u32) {
    let end = partitions.start.saturating_add(count).min(partitions.end);
    if let Some(run) = owners.0.get_mut(index(partitions.start)..index(end)) {
        run.fill(Owner::of(member));
    }
    partitions.start = end;
}
