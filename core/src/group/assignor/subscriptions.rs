//! Who subscribes to what.

use crate::member::assignor::error::AssignError;
use crate::member::assignor::owner::Owner;
use crate::member::assignor::scratch::{Sizes, count, index};
use crate::member::assignor::subscribers::{all_equal, subscription_count};
use crate::member::assignor::topics::Topics;

/// The topics of a group, and which of them each member subscribes to.
#[derive(Clone, Copy, Debug)]
pub struct Subscriptions<'a> {
    topics: Topics<'a>,
    members: &'a [&'a [u32]],
    member_count: u32,
    are_alike: bool,
}

impl<'a> Subscriptions<'a> {
    /// Checks what members subscribe to: for each a rising list of numbers of topics.
    ///
    /// Members that subscribe to the same topics should share one list: then all of them are checked at the price of one.
    /// Bounds: fewer than 2^31 members.
    ///
    /// # Errors
    /// [`AssignError::Subscription`] when a list does not rise or names a topic that there is not; [`AssignError::TooMany`].
    pub fn new(topics: Topics<'a>, members: &'a [&'a [u32]]) -> Result<Self, AssignError> {
        let member_count = count(members.len())?;
        let mut last: &[u32] = &[];
        for (member, subscribed) in (0..).zip(members) {
            if !core::ptr::eq(*subscribed, last) && !topics.has_all(subscribed) {
                return Err(AssignError::Subscription { member });
            }
            last = subscribed;
        }
        Ok(Self { topics, members, member_count, are_alike: all_equal(members.iter().copied()) })
    }

    /// The topics.
    #[must_use]
    pub const fn topics(&self) -> Topics<'a> {
        self.topics
    }

    /// The number of members.
    #[must_use]
    pub const fn member_count(&self) -> u32 {
        self.member_count
    }

    /// Whether all members subscribe to the same topics.
    #[must_use]
    pub const fn are_alike(&self) -> bool {
        self.are_alike
    }

    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            members: self.members.len(),
            topics: self.topics.len(),
            partitions: index(self.topics.partition_count()),
            pairs: subscription_count(self.members.iter().copied()),
        }
    }

    /// The topics of a member; none for a member that there is not.
    #[must_use]
    pub fn of(&self, member: u32) -> &'a [u32] {
        self.members.get(index(member)).copied().unwrap_or_default()
    }

    /// Every member with its topics.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &'a [u32])> + Clone {
        (0..self.member_count).zip(self.members.iter().copied())
    }

    /// Whether an array of owners is as long as there are partitions.
    pub(super) fn check(&self, owners: &[Owner]) -> Result<(), AssignError> {
        if owners.len() == index(self.topics.partition_count()) { Ok(()) } else { Err(AssignError::Owners) }
    }
}
