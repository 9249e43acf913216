//! Why there is no assignment.

use core::fmt;

use crate::bounded::Full;

/// Why an assignor did not divide anything. What it was given to write into then holds nothing that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssignError {
    /// The memory lent is too small.
    Full,
    /// There are more members or partitions than numbers for them: 2^31 - 1.
    TooMany,
    /// The ends of topics do not rise.
    Topics,
    /// The array of owners has not one place for each partition.
    Owners,
    /// What this member subscribes to is not a rising list of topics that there are.
    Subscription {
        /// The number of the member.
        member: u32,
    },
    /// The racks of replicas are not given for each partition, in order.
    Racks,
}

impl From<Full> for AssignError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl fmt::Display for AssignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => Full.fmt(f),
            Self::TooMany => f.write_str("there are more members or partitions than numbers for them"),
            Self::Topics => f.write_str("the ends of topics do not rise"),
            Self::Owners => f.write_str("the array of owners has not one place for each partition"),
            Self::Subscription { member } => write!(f, "member {member} does not subscribe to a rising list of topics that there are"),
            Self::Racks => f.write_str("the racks of replicas are not given for each partition"),
        }
    }
}

impl core::error::Error for AssignError {}
