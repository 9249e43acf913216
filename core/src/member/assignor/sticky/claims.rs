//! Who has what, when several say that they have it.

use crate::member::assignor::group::Group;
use crate::member::assignor::owner::{NOBODY, Owners};
use crate::member::assignor::scratch::Words;

/// Decides between the claims of members, heard in the order of `members`.
///
/// The claim of the later generation holds. Two claims of the same generation cancel each other, since one of them must be wrong; such a
/// partition is marked in `doubly`. `claimants` remembers whose claim was the last to count.
pub(super) fn settle(group: &Group<'_>, members: &[u32], owners: &mut Owners<'_>, claimants: &mut Words<'_>, doubly: &mut Words<'_>) {
    owners.clear();
    claimants.all_mut().fill(NOBODY);
    for number in members {
        let member = group.member(*number);
        for partition in member.owned.iter().filter(|partition| **partition < group.topics().partition_count()) {
            let other = claimants.at(*partition);
            if other == NOBODY || member.generation > group.member(other).generation {
                owners.give(*partition, *number);
                claimants.set(*partition, *number);
            } else if member.generation == group.member(other).generation {
                owners.give(*partition, NOBODY);
                claimants.set(*partition, *number);
                doubly.set(*partition, 1);
            }
        }
    }
}

/// Finds who had each partition in an earlier generation than the last, latest first; the first heard among equals.
pub(super) fn older(group: &Group<'_>, members: &[u32], previous: &mut Words<'_>) {
    previous.all_mut().fill(NOBODY);
    let last = group.members().iter().map(|member| member.generation).max().unwrap_or(-1);
    for number in members {
        let member = group.member(*number);
        if member.generation >= last {
            continue;
        }
        for partition in member.owned {
            let other = previous.at(*partition);
            if other == NOBODY || member.generation > group.member(other).generation {
                previous.set(*partition, *number);
            }
        }
    }
}
