//! The assignors that members can name.

use core::cmp::Ordering;

use crate::bounded::list::List;

use super::error::AssignError;
use super::group::Group;
use super::owner::{Owner, Owners};
use super::scratch::Sizes;
use super::sticky::Protocol;
use super::{order, range, round_robin, sticky};

/// How a leader divides partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assignor {
    /// Each topic by itself, a run of partitions for each subscriber. Source: `RangeAssignor`, KIP-881.
    Range,
    /// Partition after partition, member after member. Source: `RoundRobinAssignor`.
    RoundRobin,
    /// Balanced, and members keep what they can, though they give it up while the group comes together. Source: KIP-54.
    Sticky,
    /// The same, and members go on reading what they keep: what changes hands is nobody's until it was given up. Source: KIP-429.
    CooperativeSticky,
}

impl Assignor {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Range, Self::RoundRobin, Self::Sticky, Self::CooperativeSticky];

    /// The name that members join with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The assignor that members mean by a name, if it is one of these.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// Whether members go on reading what they have while they join again.
    #[must_use]
    pub const fn is_cooperative(self) -> bool {
        matches!(self, Self::CooperativeSticky)
    }

    /// Whether it asks what members had before.
    #[must_use]
    pub const fn is_sticky(self) -> bool {
        matches!(self, Self::Sticky | Self::CooperativeSticky)
    }

    /// Divides the partitions of a group. What stood in `owners` plays no part.
    ///
    /// A partition of a topic that somebody subscribes to has an owner, unless it is held back by [`Self::CooperativeSticky`].
    /// Shape: `owners` has one place for each partition; an owner is the place of a member in the group.
    /// Bounds: [`words`] of `memory`.
    ///
    /// # Errors
    /// [`AssignError::Owners`] when `owners` has another length; [`AssignError::Full`] when `memory` is too small.
    pub fn assign(self, group: &Group<'_>, owners: &mut [Owner], memory: &mut List<'_, u32>) -> Result<(), AssignError> {
        group.check(owners)?;
        let owners = &mut Owners(owners);
        owners.clear();
        if group.member_count() == 0 {
            return Ok(());
        }
        match self {
            Self::Range => range::assign(group, owners, memory),
            Self::RoundRobin => round_robin::assign(group, owners, memory),
            Self::Sticky => sticky::assign(group, Protocol::Eager, owners, memory),
            Self::CooperativeSticky => sticky::assign(group, Protocol::Cooperative, owners, memory),
        }
    }
}

/// How many words of memory suffice any assignor for groups of up to so many members, topics, partitions, and pairs of a member and a topic
/// that it subscribes to.
#[must_use]
pub const fn words(members: usize, topics: usize, partitions: usize, pairs: usize) -> usize {
    Sizes { members, topics, partitions, pairs }.words(5, 3, 8)
}

/// The order of members for those who give the first of them more: static ones by instance id, then the others by member id. A member is
/// its instance id, if it has one, and its member id. Ids are compared by UTF-16 code units, as Java does.
///
/// Source: `AbstractPartitionAssignor.MemberInfo`, and `RangeAssignor` of the group coordinator.
#[must_use]
pub fn compare_members(a: (Option<&str>, &str), b: (Option<&str>, &str)) -> Ordering {
    order::of_members(a, b)
}

/// The order of names in Java, by UTF-16 code units: that in which a leader numbers topics.
#[must_use]
pub fn compare_names(a: &str, b: &str) -> Ordering {
    order::of_text(a, b)
}
