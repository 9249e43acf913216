//! Who has a partition.

use core::fmt;

/// The number of a member that has a partition, or nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(u32);

impl Owner {
    /// The partition is nobody's.
    pub const NOBODY: Self = Self(NOBODY);

    /// It belongs to the member of this number, which is below 2^31.
    #[must_use]
    pub const fn of(member: u32) -> Self {
        Self(member)
    }

    /// The number of the member, if there is one.
    #[must_use]
    pub const fn member(self) -> Option<u32> {
        if self.0 == NOBODY { None } else { Some(self.0) }
    }

    /// The number of the member, or [`NOBODY`].
    pub(crate) const fn number(self) -> u32 {
        self.0
    }
}

impl Default for Owner {
    fn default() -> Self {
        Self::NOBODY
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.member() {
            Some(member) => write!(f, "Owner({member})"),
            None => f.write_str("Nobody"),
        }
    }
}

/// What stands for no member, no partition or no rack where numbers are kept.
pub(crate) const NOBODY: u32 = u32::MAX;

/// The array of owners while it is worked on.
#[derive(Debug)]
pub(crate) struct Owners<'a>(pub(crate) &'a mut [Owner]);

impl Owners<'_> {
    /// Who has a partition: the number of a member, or [`NOBODY`].
    pub(crate) fn of(&self, partition: u32) -> u32 {
        self.0.get(super::scratch::index(partition)).map_or(NOBODY, |owner| owner.0)
    }

    /// Gives a partition to a member, or to [`NOBODY`].
    pub(crate) fn give(&mut self, partition: u32, member: u32) {
        if let Some(owner) = self.0.get_mut(super::scratch::index(partition)) {
            *owner = Owner(member);
        }
    }

    /// Takes everything from everybody.
    pub(crate) fn clear(&mut self) {
        self.0.fill(Owner::NOBODY);
    }
}
