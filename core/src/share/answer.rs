//! What goes out. Answers borrow from the coordinator: whoever keeps one copies it.

use crate::ids::Offset;

use super::error::ShareError;

/// One answer of the coordinator.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// What a member has acquired, rising; nothing if there was nothing for it.
    Acquired(Result<&'a [Acquired], ShareError>),
    /// What was asked is done, or not.
    Done(Result<(), ShareError>),
}

/// Records that a member has acquired together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acquired {
    /// The first.
    pub first: Offset,
    /// The last.
    pub last: Offset,
    /// The how-manieth time this is.
    pub delivery_count: u16,
}
