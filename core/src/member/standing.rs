//! How members are seen from outside, and how they go.

use super::error::Failure;

/// Where a member stands, for those who look from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is no member: it has not subscribed, has left, or has given up.
    Outside,
    /// It has left, since the application did not poll; it comes back when it does.
    Stale,
    /// The group is coming together, or the member has something to give back first.
    Rebalancing,
    /// It has what it got.
    Seated,
    /// It is on its way out.
    Leaving,
}

/// Whether the group is told that a member leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Departure {
    /// Only of a dynamic member: a static one keeps its partitions until it comes back or its session ends. Source: KIP-345.
    #[default]
    AsMember,
    /// In any case. Source: KIP-1092, `CloseOptions.GroupMembershipOperation.LEAVE_GROUP`.
    ForGood,
    /// In no case. Source: KIP-1092, `REMAIN_IN_GROUP`.
    Silently,
}

/// What a member is when it has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// What it was told meanwhile: no member, or one that joins.
    Outside,
    /// One that waits for its application.
    Stale,
    /// One that has given up.
    Failed(Failure),
}
