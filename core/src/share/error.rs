//! Why the coordinator refuses.

use core::fmt;

/// A refusal: the client's doing, or a limit it has run into. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareError {
    /// The partition is not shared by the group.
    NotShared,
    /// What is acknowledged is not acquired by the member, or not any more.
    InvalidRecordState,
    /// What is acknowledged makes no sense.
    InvalidRequest(&'static str),
    /// The state was set from outside since, by somebody who knew more.
    FencedStateEpoch,
    /// The memory set aside for shared partitions is used up.
    Full,
}

impl fmt::Display for ShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotShared => f.write_str("the partition is not shared by the group"),
            Self::InvalidRecordState => f.write_str("the records are not acquired by the member, or not any more"),
            Self::InvalidRequest(why) => f.write_str(why),
            Self::FencedStateEpoch => f.write_str("the state of the shared partition is of a later epoch"),
            Self::Full => f.write_str("the memory set aside for shared partitions is used up"),
        }
    }
}

impl core::error::Error for ShareError {}
