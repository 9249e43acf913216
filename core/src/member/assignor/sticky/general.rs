//! Sticky, where members subscribe to different topics.
//!
//! Members keep what they have, the rest goes to the least loaded subscribers, and then partition after partition moves to a less loaded
//! subscriber while that helps. If it did not help in sum, all of that is taken back.
//! Source: `AbstractStickyAssignor.GeneralAssignmentBuilder`. Where Java asks for each partition anew whether all is balanced, we ask after
//! each move.

use super::super::group::Group;
use super::super::owner::{NOBODY, Owners};
use super::super::scratch::Words;
use super::super::subscribers::{Subscribers, holds};
use super::movements::Movements;
use super::near::Near;

/// A group whose members subscribe to different topics, while its partitions are divided.
pub(super) struct General<'a, 'g, 'o> {
    pub(super) group: &'g Group<'g>,
    pub(super) near: Near<'a>,
    pub(super) owners: Owners<'o>,
    pub(super) subscribers: Subscribers<'a>,
    /// For each member its place in the order of member ids.
    pub(super) ranks: Words<'a>,
    pub(super) loads: Words<'a>,
    /// For each partition who had it in an earlier generation.
    pub(super) previous: Words<'a>,
    pub(super) movements: Movements<'a, 'g>,
}

impl<'a> General<'a, '_, '_> {
    /// Divides partitions. `order` has a place for each topic, `all`, `left` and `before` for each partition, `fixed` for each member.
    pub(super) fn assign(&mut self, mut order: Words<'a>, mut all: Words<'a>, mut left: Words<'a>, mut before: Words<'a>, fixed: Words<'a>) {
        let must_revoke = self.keep_owned();
        let is_first = self.loads.all().iter().all(|load| *load == 0);
        self.sort_topics(&mut order);
        let (all, left) = self.list(order.all(), &mut all, &mut left);
        // Near ones first: whoever has a partition near gets it, however far that leads from balance.
        if self.near.tells_apart {
            left.iter().for_each(|(topic, partition)| self.give_to_lightest(*topic, *partition, true));
        }
        for (topic, partition) in left.iter() {
            if self.owners.of(*partition) == NOBODY {
                self.give_to_lightest(*topic, *partition, false);
            }
        }
    }
}
