//! The assignor `roundrobin`: partition after partition, member after member.
//!
//! Source: `RoundRobinAssignor`.

use crate::bounded::list::List;

use super::error::AssignError;
use super::group::Group;
use super::order;
use super::owner::Owners;
use super::scratch::{Sizes, Words};
use super::subscribers::Subscribers;

/// Deals partitions out in the order of topics. Members who do not subscribe to a topic are passed over; the turn carries over from one
/// topic to the next.
pub(super) fn assign(group: &Group<'_>, owners: &mut Owners<'_>, memory: &mut List<'_, u32>) -> Result<(), AssignError> {
    owners.clear();
    if group.are_alike() {
        let ([mut order], [], [], _) = Sizes { pairs: 0, ..group.sizes() }.carve(memory)?;
        order::by_identity(group.members(), &mut order);
        deal_alike(group, owners, order.all());
        return Ok(());
    }
    let ([mut order], [ends], [], pairs) = group.sizes().carve(memory)?;
    order::by_identity(group.members(), &mut order);
    // Subscribers by their places in the order of members: so the next one is found by comparing places.
    let places = order.all().iter().zip(0..).map(|(member, place)| (place, group.member(*member).topics));
    let subscribers = Subscribers::new(places, ends, pairs);
    deal_unlike(group, owners, &order, &subscribers);
    Ok(())
}

fn deal_alike(group: &Group<'_>, owners: &mut Owners<'_>, order: &[u32]) {
    let mut turn = order.iter().cycle();
    for topic in group.members().first().map_or(&[][..], |member| member.topics) {
        for partition in group.topics().partitions(*topic) {
            if let Some(member) = turn.next() {
                owners.give(partition, *member);
            }
        }
    }
}

fn deal_unlike(group: &Group<'_>, owners: &mut Owners<'_>, order: &Words<'_>, subscribers: &Subscribers<'_>) {
    let mut turn = 0;
    for topic in group.topics().numbers() {
        let places = subscribers.of(topic);
        let mut next = places.partition_point(|place| *place < turn);
        for partition in group.topics().partitions(topic) {
            let Some(place) = places.get(next).or_else(|| places.first()) else { break };
            next = if next < places.len() { next + 1 } else { 1 };
            owners.give(partition, order.at(*place));
            turn = place + 1;
        }
    }
}
