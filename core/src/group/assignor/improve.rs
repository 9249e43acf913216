//! Chains of moves: what evening out topic by topic cannot see.
//!
//! A member with few partitions may be able to get one only from a member that has few itself, which could take another from one that has
//! many: `heavy ──t──► middle ──u──► light`. While such a chain joins two members whose loads differ by two or more, moving one partition
//! along each of its links brings them closer, and leaves those between as they were.
//!
//! The search goes backwards, from the lightest member to everybody who could give to it, be it through others. Where nobody in that reach
//! has two more, nothing can be won there: nobody outside can give anything to anybody inside, and nobody inside has enough to give
//! outwards. So the whole reach is settled, and looked at no more. A group that is balanced is therefore walked over once.
//! Source: cost-reducing paths, Harvey, Ladner, Lovász and Tamir, "Semi-matchings for bipartite graphs and load balancing" (2003): without
//! such a path an assignment is as balanced as can be, whatever way of measuring that favours evenness.

use crate::member::assignor::owner::NOBODY;
use crate::member::assignor::scratch::Words;

use super::mixed::Division;

/// What a search needs to remember. One word for each member, one for each topic.
pub(super) struct Search<'a> {
    /// For each member the search that came upon it last; [`SETTLED`] when it takes no part any more.
    seen: Words<'a>,
    seen_topics: Words<'a>,
    /// The members that the search has come upon, in order.
    queue: Words<'a>,
    queue_len: u32,
    /// For each member found: to whom it would give,
    receivers: Words<'a>,
    /// and a partition of which topic.
    through: Words<'a>,
    /// Counts searches; 0 is before the first.
    number: u32,
}

const SETTLED: u32 = u32::MAX;

impl<'a> Search<'a> {
    pub(super) const fn new(seen: Words<'a>, queue: Words<'a>, receivers: Words<'a>, through: Words<'a>, seen_topics: Words<'a>) -> Self {
        Self { seen, seen_topics, queue, queue_len: 0, receivers, through, number: 0 }
    }

    /// Finds everybody who could give to `light`, and answers the heaviest of them, the nearest among equals.
    fn heaviest_giver(&mut self, division: &Division<'_, '_>, light: u32) -> u32 {
        self.number += 1;
        self.queue_len = 0;
        self.come_upon(light, NOBODY, NOBODY);
        let mut heaviest = light;
        let mut at = 0;
        while at < self.queue_len {
            let receiver = self.queue.at(at);
            at += 1;
            for topic in division.group.of(receiver) {
                if self.is_seen(self.seen_topics.at(*topic)) {
                    continue;
                }
                self.seen_topics.set(*topic, self.number);
                for partition in division.group.topics().partitions(*topic) {
                    let giver = division.owners.of(partition);
                    if giver == NOBODY || self.is_seen(self.seen.at(giver)) {
                        continue;
                    }
                    self.come_upon(giver, receiver, *topic);
                    if division.loads.at(giver) > division.loads.at(heaviest) {
                        heaviest = giver;
                    }
                }
            }
        }
        heaviest
    }

    const fn is_seen(&self, mark: u32) -> bool {
        mark == self.number || mark == SETTLED
    }

    fn come_upon(&mut self, member: u32, receiver: u32, topic: u32) {
        self.seen.set(member, self.number);
        self.receivers.set(member, receiver);
        self.through.set(member, topic);
        self.queue.set(self.queue_len, member);
        self.queue_len += 1;
    }

    /// Everybody whom the last search came upon takes no part any more, nor do their topics: others have nothing of those.
    fn settle(&mut self, division: &Division<'_, '_>) {
        for member in self.queue.head(self.queue_len) {
            self.seen.set(*member, SETTLED);
            division.group.of(*member).iter().for_each(|topic| self.seen_topics.set(*topic, SETTLED));
        }
    }
}

/// Moves partitions along chains until no chain brings the loads of its ends closer together.
pub(super) fn improve(division: &mut Division<'_, '_>, search: &mut Search<'_>) {
    // From level to level: a move leaves nobody at or below the level that it was made for, but those who are settled.
    let mut done = 0;
    while let Some(level) = lowest_unsettled(division, search, done) {
        for light in 0..division.group.member_count() {
            if division.loads.at(light) == level && search.seen.at(light) != SETTLED {
                improve_one(division, search, light);
            }
        }
        done = level + 1;
    }
}

/// The lowest load, from `level` on, of those who are not settled.
fn lowest_unsettled(division: &Division<'_, '_>, search: &Search<'_>, level: u32) -> Option<u32> {
    let unsettled = (0..division.group.member_count()).filter(|member| search.seen.at(*member) != SETTLED);
    unsettled.map(|member| division.loads.at(member)).filter(|load| *load >= level).min()
}

/// Gives one of the lightest members one partition more, or settles everybody who could give to it.
fn improve_one(division: &mut Division<'_, '_>, search: &mut Search<'_>, light: u32) {
    let heaviest = search.heaviest_giver(division, light);
    if division.loads.at(heaviest) <= division.loads.at(light) + 1 {
        search.settle(division);
        return;
    }
    let mut giver = heaviest;
    while giver != light {
        let receiver = search.receivers.at(giver);
        if let Some(partition) = division.any_of(search.through.at(giver), giver) {
            division.give(partition, receiver);
        }
        giver = receiver;
    }
}
