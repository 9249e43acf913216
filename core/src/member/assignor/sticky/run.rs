//! The order of the steps, and the memory that they take.

use crate::bounded::list::List;

use super::claims;
use super::equal::Equal;
use super::general::{General, Lists};
use super::movements::Movements;
use super::near::Near;
use crate::member::assignor::error::AssignError;
use crate::member::assignor::group::Group;
use crate::member::assignor::order;
use crate::member::assignor::owner::Owners;
use crate::member::assignor::scratch::{Sizes, Words};
use crate::member::assignor::subscribers::Subscribers;

/// What becomes of a partition that changes hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::member::assignor) enum Protocol {
    /// It is given to its new owner: everybody has given up everything before.
    Eager,
    /// It is nobody's, until its owner has joined again without it. Source: KIP-429.
    Cooperative,
}

/// Divides partitions. Memory: see [`crate::member::assignor::assignor::words`].
pub(in crate::member::assignor) fn assign(
    group: &Group<'_>,
    protocol: Protocol,
    owners: &mut Owners<'_>,
    memory: &mut List<'_, u32>,
) -> Result<(), AssignError> {
    if group.are_alike() { assign_alike(group, protocol, owners, memory) } else { assign_unlike(group, protocol, owners, memory) }
}

fn assign_alike(group: &Group<'_>, protocol: Protocol, owners: &mut Owners<'_>, memory: &mut List<'_, u32>) -> Result<(), AssignError> {
    let sizes = Sizes { pairs: 0, ..group.sizes() };
    let ([mut by_hash, mut by_id, mut racks, loads, quotas], [], [mut claimants, mut doubly, revoked, list], _) = sizes.carve(memory)?;
    order::by_hash(group.members(), &mut by_hash, &mut by_id);
    claims::settle(group, by_hash.all(), owners, &mut claimants, &mut doubly);
    order::by_member_id(group.members(), &mut by_id);
    let near = Near::new(group, group.member(0).topics.iter().copied(), &mut racks);
    let owners = Owners(&mut *owners.0);
    let mut equal = Equal { group, near, owners, by_hash, by_id, loads, quotas, doubly, revoked, slots: claimants };
    equal.assign(list);
    if protocol == Protocol::Cooperative {
        equal.hold_back();
    }
    Ok(())
}

fn assign_unlike(group: &Group<'_>, protocol: Protocol, owners: &mut Owners<'_>, memory: &mut List<'_, u32>) -> Result<(), AssignError> {
    let ([mut members, mut ranks, mut racks, loads, sizes], [ends, order], partitions, pairs) = group.sizes().carve(memory)?;
    let [mut previous, mut all, left, before, sources, targets, since, peaks] = partitions;
    order::by_hash(group.members(), &mut members, &mut ranks);
    // Nobody asks for claims that cancel each other here: such a partition is nobody's, and that is all.
    claims::settle(group, members.all(), owners, &mut previous, &mut all);
    claims::older(group, members.all(), &mut previous);
    rank(group, &mut ranks, &mut members);
    let subscribers = Subscribers::new((0..).zip(group.members().iter().map(|member| member.topics)), ends, pairs);
    let near = Near::new(group, group.topics().numbers().filter(|topic| !subscribers.of(*topic).is_empty()), &mut racks);
    let movements = Movements::new(group, [sources, targets, since, peaks]);
    let mut general = General { group, near, owners: Owners(&mut *owners.0), subscribers, ranks, loads, previous, movements };
    general.assign(&mut Lists { order, all, left, before, is_fixed: members, sizes });
    if protocol == Protocol::Cooperative {
        general.hold_back();
    }
    Ok(())
}

/// Says for each member which place it has in the order of member ids.
fn rank(group: &Group<'_>, ranks: &mut Words<'_>, order: &mut Words<'_>) {
    order::by_member_id(group.members(), order);
    for (place, member) in (0..).zip(order.all()) {
        ranks.set(*member, place);
    }
}
