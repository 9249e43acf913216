//! Who subscribes to what, seen from the topics.

use super::scratch::Words;

/// For each topic the members that subscribe to it, in the order in which they were given.
#[derive(Debug)]
pub(crate) struct Subscribers<'a> {
    /// For each topic the place behind its last subscriber.
    ends: Words<'a>,
    members: Words<'a>,
}

impl<'a> Subscribers<'a> {
    /// Turns subscriptions around. `ends` has a place for each topic, `members` one for each subscription of a member to a topic.
    pub(crate) fn new<'s>(
        subscriptions: impl Iterator<Item = (u32, &'s [u32])> + Clone,
        mut ends: Words<'a>,
        mut members: Words<'a>,
    ) -> Self {
        for (_, topics) in subscriptions.clone() {
            topics.iter().for_each(|topic| ends.raise(*topic));
        }
        let mut start = 0u32;
        for end in ends.all_mut() {
            let first = start;
            start = start.saturating_add(*end);
            *end = first;
        }
        for (member, topics) in subscriptions {
            for topic in topics {
                members.set(ends.at(*topic), member);
                ends.raise(*topic);
            }
        }
        Self { ends, members }
    }

    /// The subscribers of a topic.
    pub(crate) fn of(&self, topic: u32) -> &[u32] {
        let start = topic.checked_sub(1).map_or(0, |before| self.ends.at(before));
        self.members.range(start..self.ends.at(topic))
    }
}

/// Whether all members subscribe to the same topics. Members that share one list cost a comparison of two addresses.
pub(crate) fn all_equal<'s>(mut subscriptions: impl Iterator<Item = &'s [u32]>) -> bool {
    let Some(first) = subscriptions.next() else { return true };
    subscriptions.all(|topics| core::ptr::eq(topics, first) || topics == first)
}

/// How many subscriptions of a member to a topic there are.
pub(crate) fn subscription_count<'s>(subscriptions: impl Iterator<Item = &'s [u32]>) -> usize {
    subscriptions.fold(0usize, |sum, topics| sum.saturating_add(topics.len()))
}

/// Whether a sorted list of topics holds one.
pub(crate) fn holds(topics: &[u32], topic: u32) -> bool {
    topics.binary_search(&topic).is_ok()
}
