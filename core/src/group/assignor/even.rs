//! The uniform assignor where all members subscribe to the same topics.
//!
//! Everybody may have anything, so the loads are known beforehand: the quotient for all, one more for as many as the remainder says. Who
//! gets one more is chosen among those who have more than the quotient already; then three walks over the partitions are all it takes.

use crate::bounded::list::List;
use crate::member::assignor::error::AssignError;
use crate::member::assignor::owner::{NOBODY, Owners};
use crate::member::assignor::ranges::Quota;
use crate::member::assignor::scratch::{Sizes, Words, index};

use super::subscriptions::Subscriptions;

pub(super) fn assign(group: &Subscriptions<'_>, owners: &mut Owners<'_>, memory: &mut List<'_, u32>) -> Result<(), AssignError> {
    let ([mut loads], [], [], _) = Sizes { pairs: 0, ..group.sizes() }.carve(memory)?;
    let partition_count = count_loads(group, owners, &mut loads);
    if group.member_count() == 0 {
        return Ok(());
    }
    let mut rooms = quotas(Quota::new(partition_count, group.member_count()), loads);
    keep(owners, &mut rooms);
    fill(group, owners, &mut rooms);
    Ok(())
}

/// Takes away what nobody may have, counts what each member has, and answers how many partitions there are to have.
fn count_loads(group: &Subscriptions<'_>, owners: &mut Owners<'_>, loads: &mut Words<'_>) -> u32 {
    let topics = group.topics();
    let mut partition_count = 0;
    let mut end = 0;
    for topic in group.of(0) {
        let partitions = topics.partitions(*topic);
        take_away(owners, end..partitions.start);
        end = partitions.end;
        partition_count += partitions.end - partitions.start;
        for owner in owners.0.get(index(partitions.start)..index(partitions.end)).unwrap_or_default() {
            // Nobody, and members that are gone, have no place among the loads.
            loads.raise(owner.number());
        }
    }
    take_away(owners, end..topics.partition_count());
    partition_count
}

fn take_away(owners: &mut Owners<'_>, partitions: core::ops::Range<u32>) {
    partitions.for_each(|partition| owners.give(partition, NOBODY));
}

/// Turns loads into what each member may have.
fn quotas(mut quota: Quota, mut loads: Words<'_>) -> Words<'_> {
    let each = quota.each;
    // Who has more keeps more: then it is kept, and not given to somebody else who has to wait for it.
    for load in loads.all_mut() {
        *load = if *load > each { quota.take() } else { each };
    }
    for room in loads.all_mut().iter_mut().filter(|room| **room == each) {
        if quota.extra == 0 {
            break;
        }
        *room = quota.take();
    }
    loads
}

/// Lets everybody keep what it may, the first partitions first; what is left of its quota is its room.
fn keep(owners: &mut Owners<'_>, rooms: &mut Words<'_>) {
    for owner in owners.0.iter_mut() {
        let room = rooms.at(owner.number());
        if room == 0 {
            *owner = Default::default();
        } else {
            rooms.set(owner.number(), room - 1);
        }
    }
}

/// Gives what nobody has to those with room, each a run.
fn fill(group: &Subscriptions<'_>, owners: &mut Owners<'_>, rooms: &mut Words<'_>) {
    let mut member = 0;
    for topic in group.of(0) {
        for partition in group.topics().partitions(*topic) {
            if owners.of(partition) != NOBODY {
                continue;
            }
            while rooms.at(member) == 0 && member < group.member_count() {
                member += 1;
            }
            owners.give(partition, member);
            rooms.lower(member);
        }
    }
}
