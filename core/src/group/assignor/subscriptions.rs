//! Who subscribes to what.

use crate::member::assignor::error::AssignError;
use crate::member::assignor::owner::Owner;
use crate::member::assignor::scratch::{Sizes, count, index};
use crate::member::assignor::subscribers::{all_equal, subscription_count};
use crate::member::assignor::topics::Topics;

/// Which part of a pool of numbers of topics is one member's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub start: usize,
    /// How many there are.
    pub len: usize,
}

/// The numbers of topics that each member subscribes to.
#[derive(Clone, Copy, Debug)]
enum Lists<'a> {
    /// A list for each.
    Each(&'a [&'a [u32]]),
    /// A part of one pool for each.
    Pooled(&'a [u32], &'a [Span]),
}

impl<'a> Lists<'a> {
    const fn len(self) -> usize {
        match self {
            Self::Each(lists) => lists.len(),
            Self::Pooled(_, spans) => spans.len(),
        }
    }

    fn get(self, member: usize) -> &'a [u32] {
        match self {
            Self::Each(lists) => lists.get(member).copied().unwrap_or_default(),
            Self::Pooled(pool, spans) => {
                let span = spans.get(member).and_then(|span| pool.get(span.start..)?.get(..span.len));
                span.unwrap_or_default()
            }
        }
    }

    fn iter(self) -> impl Iterator<Item = &'a [u32]> + Clone {
        (0..self.len()).map(move |member| self.get(member))
    }
}

/// The topics of a group, and which of them each member subscribes to.
#[derive(Clone, Copy, Debug)]
pub struct Subscriptions<'a> {
    topics: Topics<'a>,
    members: Lists<'a>,
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
        Self::check_lists(topics, Lists::Each(members))
    }

    /// The same for lists that lie in one pool: for each member its part of it. Those who subscribe to the same topics should share one.
    ///
    /// # Errors
    /// As [`Subscriptions::new`].
    pub fn pooled(topics: Topics<'a>, pool: &'a [u32], members: &'a [Span]) -> Result<Self, AssignError> {
        Self::check_lists(topics, Lists::Pooled(pool, members))
    }

    fn check_lists(topics: Topics<'a>, members: Lists<'a>) -> Result<Self, AssignError> {
        let member_count = count(members.len())?;
        let mut last: &[u32] = &[];
        for (member, subscribed) in (0..).zip(members.iter()) {
            if !core::ptr::eq(subscribed, last) && !topics.has_all(subscribed) {
                return Err(AssignError::Subscription { member });
            }
            last = subscribed;
        }
        Ok(Self { topics, members, member_count, are_alike: all_equal(members.iter()) })
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
            pairs: subscription_count(self.members.iter()),
        }
    }

    /// The topics of a member; none for a member that there is not.
    #[must_use]
    pub fn of(&self, member: u32) -> &'a [u32] {
        self.members.get(index(member))
    }

    /// Every member with its topics.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &'a [u32])> + Clone {
        (0..self.member_count).zip(self.members.iter())
    }

    /// Whether an array of owners is as long as there are partitions.
    pub(super) fn check(&self, owners: &[Owner]) -> Result<(), AssignError> {
        if owners.len() == index(self.topics.partition_count()) { Ok(()) } else { Err(AssignError::Owners) }
    }
}
