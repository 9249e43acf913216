//! Who subscribes to what.

use crate::member::assignor::error::AssignError;
use crate::member::assignor::owner::Owner;
use crate::member::assignor::scratch::{count, index};
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

/// The topics of a group, and which of them each member subscribes to.
#[derive(Clone, Copy, Debug)]
pub struct Subscriptions<'a> {
    topics: Topics<'a>,
    pool: &'a [u32],
    members: &'a [Span],
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
    pub fn new(topics: Topics<'a>, pool: &'a [u32], members: &'a [Span]) -> Result<Self, AssignError> {
        let member_count = count(members.len())?;
        let mut last = None;
        for (member, span) in (0..).zip(members) {
            if last != Some(span) && !topics.has_all(cut(pool, *span)) {
                return Err(AssignError::Subscription { member });
            }
            last = Some(span);
        }
        let are_alike = all_equal(members.iter().map(|span| cut(pool, *span)));
        Ok(Self { topics, pool, members, member_count, are_alike })
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

    /// How many pairs of a member and a topic there are.
    #[must_use]
    pub fn pair_count(&self) -> usize {
        subscription_count(self.members.iter().map(|span| cut(self.pool, *span)))
    }

    /// The topics of a member; none for a member that there is not.
    #[must_use]
    pub fn of(&self, member: u32) -> &'a [u32] {
        self.members.get(index(member)).map(|span| cut(self.pool, *span)).unwrap_or_default()
    }

    /// Every member with its topics.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &'a [u32])> + Clone {
        let pool = self.pool;
        (0..self.member_count).zip(self.members.iter().map(move |span| cut(pool, *span)))
    }

    /// Whether an array of owners is as long as there are partitions.
    pub(super) fn check(&self, owners: &[Owner]) -> Result<(), AssignError> {
        if owners.len() == index(self.topics.partition_count()) { Ok(()) } else { Err(AssignError::Owners) }
    }
}

fn cut(pool: &[u32], span: Span) -> &[u32] {
    pool.get(span.start..).and_then(|rest| rest.get(..span.len)).unwrap_or_default()
}
