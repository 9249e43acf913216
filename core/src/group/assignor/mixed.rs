//! The uniform assignor where members subscribe to different topics.
//!
//! Three steps. What nobody has goes to the least loaded subscribers, topic by topic, those first where much falls to few. Then each topic
//! by itself is evened out between its most and its least loaded subscribers, round after round. What that cannot see, chains of moves
//! through several topics, is found in the end by [`super::improve`].
//! Source: the first two are those of `UniformHeterogeneousAssignmentBuilder`, with its order of topics and members; the third is ours.

use crate::bounded::list::List;
use crate::member::assignor::error::AssignError;
use crate::member::assignor::owner::{NOBODY, Owners};
use crate::member::assignor::scratch::Words;
use crate::member::assignor::subscribers::{Subscribers, holds};

use super::improve::{self, Search};
use super::subscriptions::Subscriptions;

/// After so many rounds over all topics the rest is left to the chains. Source: `MAX_ITERATION_COUNT`.
const ROUNDS_MAX: u32 = 16;

/// A group while its partitions are divided.
pub(super) struct Division<'a, 'g> {
    pub(super) group: &'g Subscriptions<'g>,
    pub(super) owners: Owners<'a>,
    /// How many partitions each member has.
    pub(super) loads: Words<'a>,
    /// For each partition, whether its owner has it since this call: moving it on moves nothing.
    is_fresh: Words<'a>,
}

/// The partitions of one topic by owner, each to be given away once.
struct Stock<'a> {
    /// For each member the partition to give away first.
    top: Words<'a>,
    /// For each partition the one behind it.
    below: Words<'a>,
}

pub(super) fn assign(group: &Subscriptions<'_>, owners: &mut Owners<'_>, memory: &mut List<'_, u32>) -> Result<(), AssignError> {
    let (by_member, [ends, mut order, seen_topics], [is_fresh, below], pairs) = group.sizes().carve(memory)?;
    let [loads, sorted, top, seen, queue, receivers, through] = by_member;
    let subscribers = Subscribers::new(group.iter(), ends, pairs);
    let mut division = Division { group, owners: Owners(&mut *owners.0), loads, is_fresh };
    division.keep_what_is_subscribed();
    order_topics(group, &subscribers, &mut order);
    let mut scale = Scale::new(sorted);
    division.give_what_nobody_has(&subscribers, order.all(), &mut scale);
    division.even_out(&subscribers, order.all(), &mut scale, &mut Stock { top, below });
    improve::improve(&mut division, &mut Search::new(seen, queue, receivers, through, seen_topics));
    Ok(())
}

/// Puts topics in order: most partitions for each subscriber first, then fewest subscribers.
fn order_topics(group: &Subscriptions<'_>, subscribers: &Subscribers<'_>, order: &mut Words<'_>) {
    for (place, topic) in order.all_mut().iter_mut().zip(group.topics().numbers()) {
        *place = topic;
    }
    let size = |topic: u32| {
        let partitions = group.topics().partitions(topic);
        (u64::from(partitions.end - partitions.start), subscribers.of(topic).len())
    };
    order.all_mut().sort_unstable_by(|a, b| {
        let ((partitions_a, members_a), (partitions_b, members_b)) = (size(*a), size(*b));
        // Fractions are compared crosswise; a topic without subscribers takes no part, and counts as if it had one.
        let [wide_a, wide_b] = [members_a, members_b].map(|members| u64::try_from(members.max(1)).unwrap_or(u64::MAX));
        let fuller_first = partitions_b.saturating_mul(wide_a).cmp(&partitions_a.saturating_mul(wide_b));
        fuller_first.then(members_a.cmp(&members_b)).then(a.cmp(b))
    });
}

impl Division<'_, '_> {
    /// Takes from members what they no longer subscribe to, and counts the rest.
    fn keep_what_is_subscribed(&mut self) {
        let topics = self.group.topics();
        for topic in topics.numbers() {
            let (mut asked, mut may) = (NOBODY, false);
            for partition in topics.partitions(topic) {
                let owner = self.owners.of(partition);
                // Neighbours mostly have one owner.
                if owner != asked {
                    (asked, may) = (owner, holds(self.group.of(owner), topic));
                }
                if may {
                    self.loads.raise(owner);
                } else {
                    self.owners.give(partition, NOBODY);
                }
            }
        }
    }

    /// Gives a partition to a member from now on.
    pub(super) fn give(&mut self, partition: u32, member: u32) {
        let before = self.owners.of(partition);
        if before != NOBODY {
            self.loads.lower(before);
        }
        self.owners.give(partition, member);
        self.loads.raise(member);
        self.is_fresh.set(partition, 1);
    }

    /// A partition of a topic that a member has, one that it has only now if there is any.
    pub(super) fn any_of(&self, topic: u32, member: u32) -> Option<u32> {
        let mut own = self.group.topics().partitions(topic).filter(|partition| self.owners.of(*partition) == member);
        let first = own.next()?;
        if self.is_fresh.at(first) == 1 {
            return Some(first);
        }
        Some(own.find(|partition| self.is_fresh.at(*partition) == 1).unwrap_or(first))
    }

    fn give_what_nobody_has(&mut self, subscribers: &Subscribers<'_>, order: &[u32], scale: &mut Scale<'_>) {
        for topic in order {
            let members = subscribers.of(*topic);
            let mut is_weighed = members.is_empty();
            for partition in self.group.topics().partitions(*topic) {
                if members.is_empty() || self.owners.of(partition) != NOBODY {
                    continue;
                }
                if !is_weighed {
                    scale.weigh(members, &self.loads);
                    is_weighed = true;
                }
                let lightest = scale.next_lightest(&self.loads);
                self.give(partition, lightest);
            }
        }
    }

    /// Evens out topic after topic until none changes any more.
    fn even_out(&mut self, subscribers: &Subscribers<'_>, order: &[u32], scale: &mut Scale<'_>, stock: &mut Stock<'_>) {
        let shared = || order.iter().filter(|topic| subscribers.of(**topic).len() > 1);
        let mut last_changed = shared().next();
        for round in 0..ROUNDS_MAX {
            for topic in shared() {
                if round > 0 && last_changed == Some(topic) {
                    return;
                }
                if self.even_out_topic(*topic, subscribers.of(*topic), scale, stock) {
                    last_changed = Some(topic);
                }
            }
        }
    }

    /// Moves partitions of a topic from its most to its least loaded subscribers, until their loads differ by one at most or those who have
    /// more have nothing of this topic. Answers whether anything moved.
    fn even_out_topic(&mut self, topic: u32, members: &[u32], scale: &mut Scale<'_>, stock: &mut Stock<'_>) -> bool {
        let loads = || members.iter().map(|member| self.loads.at(*member));
        if loads().max().unwrap_or(0) - loads().min().unwrap_or(0) <= 1 {
            return false;
        }
        scale.weigh(members, &self.loads);
        self.take_stock(topic, members, stock);
        let mut has_moved = false;
        while let Some(heaviest) = scale.next_heaviest(&self.loads) {
            let partition = stock.top.at(heaviest);
            if partition == NOBODY {
                scale.exclude_heaviest();
                continue;
            }
            stock.top.set(heaviest, stock.below.at(partition));
            let lightest = scale.next_lightest(&self.loads);
            if scale.is_level() {
                break;
            }
            self.give(partition, lightest);
            has_moved = true;
        }
        has_moved
    }

    /// Lays out the partitions of a topic by owner: what its owner has only now lies on top, then the last partition.
    fn take_stock(&self, topic: u32, members: &[u32], stock: &mut Stock<'_>) {
        members.iter().for_each(|member| stock.top.set(*member, NOBODY));
        for is_fresh in [0, 1] {
            for partition in self.group.topics().partitions(topic) {
                let owner = self.owners.of(partition);
                if self.is_fresh.at(partition) == is_fresh && owner != NOBODY {
                    stock.below.set(partition, stock.top.at(owner));
                    stock.top.set(owner, partition);
                }
            }
        }
    }
}

/// The subscribers of one topic by load, and two hands: one goes over the lightest, one over the heaviest.
///
/// ```text
///  load │ heavy hand takes here      ▓▓
///       │                        ░░░▓▓▓▓
///       │ light hand    ░░░░░░░░░░░░▓▓▓▓
///       │ gives here ─► ▒▒▒▒░░░░░░░░▓▓▓▓
///       └─────────────────────────────── members
/// ```
/// Each hand passes once over all members of its level before it takes the next level in: those who were lighter come first.
struct Scale<'a> {
    sorted: Words<'a>,
    member_count: u32,
    light: Hand,
    heavy: Hand,
    /// Members from here on have nothing to give.
    heavy_end: u32,
}

/// Up to so many different loads members are laid in order by a walk for each, which is faster than sorting them: mostly there are two or
/// three.
const LEVELS_WALKED: u32 = 8;

/// A hand over the scale.
#[derive(Clone, Copy, Default)]
struct Hand {
    /// Where its level ends that lies inside of the scale.
    edge: u32,
    /// Where it stands.
    next: u32,
    /// The load of its members. It starts one outside of the scale.
    level: i64,
}

impl<'a> Scale<'a> {
    fn new(sorted: Words<'a>) -> Self {
        Self { sorted, member_count: 0, light: Hand::default(), heavy: Hand::default(), heavy_end: 0 }
    }

    /// Lays members on the scale: in the order of their loads, then of their numbers.
    fn weigh(&mut self, members: &[u32], loads: &Words<'_>) {
        self.member_count = u32::try_from(members.len()).unwrap_or(0);
        let load = |member: &u32| loads.at(*member);
        let lightest = members.iter().map(load).min().unwrap_or(0);
        let heaviest = members.iter().map(load).max().unwrap_or(0);
        if heaviest - lightest < LEVELS_WALKED {
            let levels = (lightest..=heaviest).flat_map(|level| members.iter().filter(move |member| loads.at(**member) == level));
            (0..).zip(levels).for_each(|(place, member)| self.sorted.set(place, *member));
        } else {
            let sorted = self.sorted.head_mut(self.member_count);
            sorted.copy_from_slice(members);
            sorted.sort_unstable_by_key(|member| (load(member), *member));
        }
        let end = self.member_count;
        self.light = Hand { edge: 0, next: 0, level: i64::from(lightest) - 1 };
        // One above the place, so that below the first is a place as well.
        self.heavy = Hand { edge: end, next: end, level: i64::from(heaviest) + 1 };
        self.heavy_end = end;
    }

    fn level_at(&self, place: u32, loads: &Words<'_>) -> i64 {
        i64::from(loads.at(self.sorted.at(place)))
    }

    /// The next of the lightest members; it is given something.
    fn next_lightest(&mut self, loads: &Words<'_>) -> u32 {
        if self.light.next >= self.light.edge {
            self.light.level += 1;
            while self.light.edge < self.member_count && self.level_at(self.light.edge, loads) == self.light.level {
                self.light.edge += 1;
            }
            self.light.next = 0;
        }
        let member = self.sorted.at(self.light.next);
        self.light.next += 1;
        member
    }

    /// The next of the heaviest members, if any is left; it gives something away, or is excluded.
    fn next_heaviest(&mut self, loads: &Words<'_>) -> Option<u32> {
        if self.heavy.next <= self.heavy.edge {
            if self.heavy_end <= self.heavy.edge && self.heavy.edge > 0 {
                // All of its level were excluded.
                self.heavy.level = self.level_at(self.heavy.edge - 1, loads);
            } else {
                self.heavy.level -= 1;
            }
            while self.heavy.edge > 0 && self.level_at(self.heavy.edge - 1, loads) == self.heavy.level {
                self.heavy.edge -= 1;
            }
            self.heavy.next = self.heavy_end;
        }
        self.heavy.next = self.heavy.next.checked_sub(1)?;
        Some(self.sorted.at(self.heavy.next))
    }

    /// Leaves out the member that was named last: it has nothing to give.
    fn exclude_heaviest(&mut self) {
        if let Some(last) = self.heavy_end.checked_sub(1) {
            let (excluded, other) = (self.sorted.at(self.heavy.next), self.sorted.at(last));
            self.sorted.set(self.heavy.next, other);
            self.sorted.set(last, excluded);
            self.heavy_end = last;
        }
    }

    /// Whether the two hands have met: moving from one to the other would even out nothing.
    const fn is_level(&self) -> bool {
        self.heavy.level - self.light.level <= 1
    }
}
