//! What each member has: the array of owners, seen from the members.

use crate::bounded::list::List;

use super::error::AssignError;
use super::owner::Owner;
use super::scratch::{Sizes, Words, count, index};

/// The partitions of each member.
#[derive(Debug)]
pub struct Shares<'a> {
    /// For each member the place behind its last partition.
    ends: Words<'a>,
    partitions: Words<'a>,
}

impl<'a> Shares<'a> {
    /// Turns an array of owners around. Owners that are no members count as nobody.
    ///
    /// Bounds: one word of memory for each member and each partition.
    ///
    /// # Errors
    /// [`AssignError::Full`] when `memory` is too small; [`AssignError::TooMany`] past 2^31 members or partitions.
    pub fn new(owners: &[Owner], member_count: u32, memory: &'a mut List<'_, u32>) -> Result<Self, AssignError> {
        count(owners.len())?;
        let sizes = Sizes { members: index(member_count), topics: 0, partitions: owners.len(), pairs: 0 };
        let ([mut ends], [], [mut partitions], _) = sizes.carve(memory)?;
        owners.iter().for_each(|owner| ends.raise(owner.number()));
        let mut start = 0;
        for end in ends.all_mut() {
            let first = start;
            start += *end;
            *end = first;
        }
        for (partition, owner) in (0..).zip(owners) {
            if owner.number() < member_count {
                partitions.set(ends.at(owner.number()), partition);
                ends.raise(owner.number());
            }
        }
        Ok(Self { ends, partitions })
    }

    /// The partitions of a member, rising.
    #[must_use]
    pub fn of(&self, member: u32) -> &[u32] {
        let start = member.checked_sub(1).map_or(0, |before| self.ends.at(before));
        self.partitions.range(start..self.ends.at(member))
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;

    #[test]
    fn each_member_has_what_the_array_says() {
        let owners = [Owner::of(1), Owner::NOBODY, Owner::of(0), Owner::of(1), Owner::of(7)];
        let mut memory = List::grown(8);
        let shares = Shares::new(&owners, 3, &mut memory).unwrap();
        assert_eq!([0, 1, 2, 3].map(|member| shares.of(member)), [&[2][..], &[0, 3], &[], &[]]);
        assert_eq!(Shares::new(&owners, 3, &mut List::grown(7)).unwrap_err(), AssignError::Full);
    }
}
