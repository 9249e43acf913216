//! The assignor `uniform`: members differ by one partition at most where their subscriptions allow it, and keep what they can.

use crate::bounded::list::List;
use crate::member::assignor::error::AssignError;
use crate::member::assignor::owner::{Owner, Owners};
use crate::member::assignor::scratch::Sizes;

use super::subscriptions::Subscriptions;
use super::{even, mixed};

/// What configurations and members call it.
pub const NAME: &str = "uniform";

/// Turns the last target into the next: balance comes first, then that partitions stay where they are.
///
/// Where all subscribe to the same topics, no assignment of that balance moves fewer partitions. Where they do not, the result is balanced
/// as far as subscriptions allow: no chain of moves from one member to the next would bring the loads of its two ends closer together.
/// An assignment that is balanced already does not change.
///
/// Shape: `owners` has one place for each partition; a number that is no member's counts as nobody's.
/// Bounds: one word of `memory` for each member where all subscribe to the same topics; else [`words`] of it.
///
/// # Errors
/// [`AssignError::Owners`] when `owners` has another length, [`AssignError::Full`] when `memory` is too small.
/// Source: KIP-848, `UniformAssignor`. Held by: `uniform_is_balanced_and_moves_no_more_than_it_must`.
pub fn assign(group: &Subscriptions<'_>, owners: &mut [Owner], memory: &mut List<'_, u32>) -> Result<(), AssignError> {
    group.check(owners)?;
    let mut owners = Owners(owners);
    if group.are_alike() { even::assign(group, &mut owners, memory) } else { mixed::assign(group, &mut owners, memory) }
}

/// How many words of memory suffice for groups of up to so many members, topics, partitions, and pairs of a member and a topic that it
/// subscribes to.
#[must_use]
pub const fn words(members: usize, topics: usize, partitions: usize, pairs: usize) -> usize {
    Sizes { members, topics, partitions, pairs }.words(7, 3, 2)
}
