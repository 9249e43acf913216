//! Which partitions are near to whom. Source: KIP-881.

use crate::member::assignor::group::Group;
use crate::member::assignor::owner::NOBODY;
use crate::member::assignor::scratch::{Words, index};

/// The racks of members, and whether they make a difference.
#[derive(Debug)]
pub(super) struct Near<'a> {
    /// The racks of members, sorted; as many as there are members with one.
    racks: &'a [u32],
    /// Whether somebody is in a rack of some partition, and not all partitions are in the same racks.
    pub(super) tells_apart: bool,
}

impl<'a> Near<'a> {
    /// Looks at the racks of everybody, and of the partitions of `topics`: those that somebody subscribes to. `memory` has a place for each
    /// member.
    pub(super) fn new(group: &Group<'_>, topics: impl Iterator<Item = u32> + Clone, memory: &'a mut Words<'_>) -> Self {
        let mut count = 0;
        for rack in group.members().iter().filter_map(|member| member.rack) {
            memory.set(count, rack);
            count += 1;
        }
        let racks = memory.head_mut(count);
        racks.sort_unstable();
        let mut near = Self { racks, tells_apart: false };
        let partitions = topics.flat_map(|topic| group.topics().partitions(topic));
        near.tells_apart = !near.racks.is_empty() && near.is_some_near(group, partitions.clone()) && !are_all_alike(group, partitions);
        near
    }

    fn is_some_near(&self, group: &Group<'_>, mut partitions: impl Iterator<Item = u32>) -> bool {
        partitions.any(|partition| group.racks_of(partition).iter().any(|rack| self.racks.binary_search(rack).is_ok()))
    }

    /// Whether a member should rather not have a partition: it has a rack, and no replica is there.
    pub(super) fn is_far(&self, group: &Group<'_>, member: u32, partition: u32) -> bool {
        self.tells_apart && !group.racks_match(member, partition)
    }

    /// Whether a member has a rack, and a replica is there.
    pub(super) fn is_near(&self, group: &Group<'_>, member: u32, partition: u32) -> bool {
        self.tells_apart && group.member(member).rack.is_some_and(|rack| group.racks_of(partition).contains(&rack))
    }

    /// How many members are in a rack of a partition.
    fn reach(&self, group: &Group<'_>, partition: u32) -> usize {
        let racks = group.racks_of(partition);
        let once = racks.iter().zip(0..).filter(|(rack, at)| !racks.iter().take(*at).any(|before| before == *rack));
        once.map(|(rack, _)| self.racks.partition_point(|other| other <= rack) - self.racks.partition_point(|other| other < rack)).sum()
    }

    /// Puts partitions that few could have near before those that many could. So Java does it as soon as one member has a rack, whether it
    /// makes a difference or not.
    pub(super) fn sort(&self, group: &Group<'_>, partitions: &mut [u32]) {
        if !self.racks.is_empty() {
            partitions.sort_unstable_by_key(|partition| (self.reach(group, *partition), *partition));
        }
    }

    /// The place in a list of members, from `first` on and around its end, of one to whom a partition is near.
    pub(super) fn next_near(&self, group: &Group<'_>, members: &[u32], first: u32, partition: u32) -> Option<u32> {
        let (before, behind) = members.split_at_checked(index(first))?;
        let mut places = (first..).zip(behind).chain((0..).zip(before));
        places.find(|(_, member)| self.is_near(group, **member, partition)).map(|(place, _)| place).filter(|place| *place != NOBODY)
    }
}

/// Whether all partitions have replicas in the same racks.
fn are_all_alike(group: &Group<'_>, mut partitions: impl Iterator<Item = u32>) -> bool {
    let Some(first) = partitions.next() else { return true };
    partitions.all(|partition| group.have_same_racks(first, partition))
}
