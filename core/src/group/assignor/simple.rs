//! The assignor `simple` of share groups: every partition is read by as many members as every other, and every member reads as many.
//!
//! A partition may have several members here. Where there are more members than partitions, each partition gets the same number of them,
//! the smallest that leaves nobody out; else each partition gets one.

use core::ops::Range;

use crate::bounded::list::List;
use crate::member::assignor::error::AssignError;
use crate::member::assignor::owner::NOBODY;
use crate::member::assignor::scratch::{Sizes, Words, count, index};
use crate::member::assignor::subscribers::{Subscribers, holds};

use super::subscriptions::Subscriptions;

/// What configurations and members call it.
pub const NAME: &str = "simple";

/// One member reads one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat {
    /// The number of the partition.
    pub partition: u32,
    /// The number of the member.
    pub member: u32,
}

/// Turns the last target of a share group into the next: everybody is served, then loads are even, then seats stay with whom they are.
///
/// Where all subscribe to the same topics, their partitions are divided as one lot; else each topic is a lot of its own. In a lot of P
/// partitions and S subscribers each partition has ⌈S/P⌉ seats, and the seats of members differ by one at most.
///
/// Shape: `seats` rises by partition, then member; so it comes out. In what comes in, seats that nobody may have are dropped.
/// `assignable` says of each partition whether it can be given out yet; `None` when all can.
/// Bounds: `seats` needs room for what comes in and what goes out, which is a seat for each pair of a member and a topic and one for each
/// partition at most; `memory` for [`words`].
///
/// # Errors
/// [`AssignError::Owners`] when `assignable` has not one place for each partition; [`AssignError::Full`] when memory is too small.
/// Source: KIP-932, `SimpleAssignor` of 4.3. Held by: `simple_serves_everybody_evenly`.
pub fn assign(
    group: &Subscriptions<'_>,
    assignable: Option<&[bool]>,
    seats: &mut List<'_, Seat>,
    memory: &mut List<'_, u32>,
) -> Result<(), AssignError> {
    let topics = group.topics();
    if assignable.is_some_and(|assignable| assignable.len() != index(topics.partition_count())) {
        return Err(AssignError::Owners);
    }
    let sizes = group.sizes();
    let ([mut all, loads, quotas, next, stamps, totals, candidates], [ends], [taken], pairs) =
        if group.are_alike() { Sizes { pairs: 0, ..sizes } } else { sizes }.carve(memory)?;
    let is_assignable = |partition: &u32| assignable.is_none_or(|all| all.get(index(*partition)).copied().unwrap_or(false));
    drop_invalid(group, is_assignable, seats);
    let last_len = seats.len();
    let mut desk = Desk { seats, last_len, taken, loads, quotas, next, stamps, totals, candidates };
    if group.are_alike() {
        all.all_mut().iter_mut().zip(0..).for_each(|(place, member)| *place = member);
        let partitions = group.of(0).iter().flat_map(|topic| topics.partitions(*topic));
        desk.divide(0..topics.partition_count(), partitions.filter(is_assignable), all.all())?;
    } else {
        let subscribers = Subscribers::new(group.iter(), ends, pairs);
        for topic in topics.numbers() {
            let partitions = topics.partitions(topic);
            desk.divide(partitions.clone(), partitions.filter(is_assignable), subscribers.of(topic))?;
        }
    }
    drop_where(seats, |seat| seat.member == NOBODY);
    seats.sort_unstable();
    Ok(())
}

/// How many words of memory suffice for groups of up to so many members, topics, partitions, and pairs of a member and a topic.
#[must_use]
pub const fn words(members: usize, topics: usize, partitions: usize, pairs: usize) -> usize {
    Sizes { members, topics, partitions, pairs }.words(7, 1, 1)
}

/// Drops seats of members and partitions that are gone or do not belong together, and seats that stand there twice.
fn drop_invalid(group: &Subscriptions<'_>, is_assignable: impl Fn(&u32) -> bool, seats: &mut List<'_, Seat>) {
    seats.sort_unstable();
    let mut before = None;
    drop_where(seats, |seat| {
        let topic = group.topics().topic_of(seat.partition).filter(|topic| holds(group.of(seat.member), *topic));
        before.replace(seat) == Some(seat) || topic.is_none() || !is_assignable(&seat.partition)
    });
}

/// Closes the gaps that seats leave which are to be dropped.
fn drop_where(seats: &mut List<'_, Seat>, mut is_dropped: impl FnMut(Seat) -> bool) {
    let mut kept = 0;
    for at in 0..seats.len() {
        if seats.get(at).is_some_and(|seat| !is_dropped(*seat)) {
            seats.swap(kept, at);
            kept += 1;
        }
    }
    seats.truncate(kept);
}

/// Seats while they are given out, lot by lot.
struct Desk<'a, 's, 'm> {
    /// First those of the last target, in order; a seat that is taken away stays there as [`NOBODY`]'s. Behind them the new ones.
    seats: &'s mut List<'m, Seat>,
    /// How many of the last target there are.
    last_len: usize,
    /// How many members each partition has.
    taken: Words<'a>,
    /// For each member how many seats of the lot it has,
    loads: Words<'a>,
    /// and how many it is to have.
    quotas: Words<'a>,
    /// For each member that has fewer the next such, in a ring.
    next: Words<'a>,
    /// For each member the partition, plus one, at which it was seen last.
    stamps: Words<'a>,
    /// For each member how many seats it may have in the lots divided so far.
    totals: Words<'a>,
    /// Members who might have one seat more than others.
    candidates: Words<'a>,
}

impl Desk<'_, '_, '_> {
    /// Gives out the partitions of a lot, which lie in `span` and rise, among members.
    fn divide(&mut self, span: Range<u32>, partitions: impl Iterator<Item = u32> + Clone, members: &[u32]) -> Result<(), AssignError> {
        let partition_count = count(partitions.clone().count())?;
        let member_count = count(members.len())?;
        if partition_count == 0 || member_count == 0 {
            return Ok(());
        }
        let share = member_count.div_ceil(partition_count);
        let last = self.seats.get(..self.last_len).unwrap_or_default();
        let last = last.partition_point(|seat| seat.partition < span.start)..last.partition_point(|seat| seat.partition < span.end);
        self.count(last.clone(), partitions.clone(), members);
        self.set_quotas(u64::from(share) * u64::from(partition_count), members);
        // Both at once where both are too many; then what members have too many, then what partitions have.
        self.take_away(last.clone(), |desk, seat| desk.is_over_quota(seat) && desk.taken.at(seat.partition) > share);
        self.take_away(last.clone(), |desk, seat| desk.is_over_quota(seat));
        self.take_away(last.clone(), |desk, seat| desk.taken.at(seat.partition) > share);
        self.fill(last, partitions, members, share)
    }

    fn count(&mut self, last: Range<usize>, partitions: impl Iterator<Item = u32>, members: &[u32]) {
        partitions.for_each(|partition| self.taken.set(partition, 0));
        members.iter().for_each(|member| self.loads.set(*member, 0));
        for seat in self.seats.get(last).unwrap_or_default() {
            self.taken.raise(seat.partition);
            self.loads.raise(seat.member);
        }
    }

    /// Says how many seats each member may have. One more than others have those who have more already, then those who have fewest in the
    /// lots before.
    fn set_quotas(&mut self, seat_count: u64, members: &[u32]) {
        let wide = u64::try_from(members.len()).unwrap_or(u64::MAX).max(1);
        let each = u32::try_from(seat_count / wide).unwrap_or(u32::MAX);
        let mut extra = seat_count % wide;
        let mut candidate_count = 0;
        for member in members {
            let has_more = self.loads.at(*member) > each && extra > 0;
            extra -= u64::from(has_more);
            self.quotas.set(*member, each + u32::from(has_more));
            if !has_more {
                self.candidates.set(candidate_count, *member);
                candidate_count += 1;
            }
        }
        let candidates = self.candidates.head_mut(candidate_count);
        candidates.sort_unstable_by_key(|member| (self.totals.at(*member), *member));
        for member in candidates.iter().take(usize::try_from(extra).unwrap_or(usize::MAX)) {
            self.quotas.raise(*member);
        }
        for member in members {
            self.totals.set(*member, self.totals.at(*member).saturating_add(self.quotas.at(*member)));
        }
    }

    fn is_over_quota(&self, seat: Seat) -> bool {
        self.loads.at(seat.member) > self.quotas.at(seat.member)
    }

    /// Takes seats of the last target away, the last first.
    fn take_away(&mut self, last: Range<usize>, is_too_many: impl Fn(&Self, Seat) -> bool) {
        for at in last.rev() {
            let Some(seat) = self.seats.get(at).copied().filter(|seat| seat.member != NOBODY) else { continue };
            if is_too_many(self, seat) {
                self.loads.lower(seat.member);
                self.taken.lower(seat.partition);
                self.set_member(at, NOBODY);
            }
        }
    }

    fn set_member(&mut self, at: usize, member: u32) {
        if let Some(seat) = self.seats.get_mut(at) {
            seat.member = member;
        }
    }

    /// Gives every partition the members that it lacks, from those who lack partitions.
    fn fill(&mut self, last: Range<usize>, partitions: impl Iterator<Item = u32>, members: &[u32], share: u32) -> Result<(), AssignError> {
        let new = self.seats.len();
        let mut ring = self.ring(members);
        let mut walked = last.start;
        for partition in partitions {
            while let Some(seat) = self.seats.get(..last.end).and_then(|seats| seats.get(walked)).filter(|seat| seat.partition <= partition)
            {
                self.stamps.set(seat.member, seat.partition + 1);
                walked += 1;
            }
            while self.taken.at(partition) < share {
                let Some(before) = ring else { return Ok(()) };
                let needy = self.next.at(before);
                let member = if let Some(before) = self.next_without(before, partition) {
                    let member = self.next.at(before);
                    self.loads.raise(member);
                    ring = self.served(before);
                    member
                } else if let Some(other) = self.heir(members, partition, needy) {
                    self.quotas.lower(needy);
                    self.quotas.raise(other);
                    self.loads.raise(other);
                    ring = self.served(before);
                    other
                } else {
                    let Some(at) = self.tradable(last.clone(), new, partition, needy) else { break };
                    let other = self.seats.get(at).map_or(NOBODY, |seat| seat.member);
                    self.set_member(at, needy);
                    self.loads.raise(needy);
                    ring = self.served(before);
                    other
                };
                self.stamps.set(member, partition + 1);
                self.taken.raise(partition);
                self.seats.push(Seat { partition, member })?;
            }
        }
        Ok(())
    }

    /// Strings those together who lack seats. Answers the last of them: the first comes next.
    fn ring(&mut self, members: &[u32]) -> Option<u32> {
        let (mut first, mut before) = (None, None);
        for member in members.iter().copied().filter(|member| self.loads.at(*member) < self.quotas.at(*member)) {
            match before {
                Some(before) => self.next.set(before, member),
                None => first = Some(member),
            }
            before = Some(member);
        }
        if let (Some(first), Some(last)) = (first, before) {
            self.next.set(last, first);
        }
        before
    }

    /// The place in the ring, from `before` on, before a member that does not read the partition.
    fn next_without(&self, before: u32, partition: u32) -> Option<u32> {
        let mut at = before;
        loop {
            let member = self.next.at(at);
            if self.stamps.at(member) != partition + 1 {
                return Some(at);
            }
            at = member;
            if at == before {
                return None;
            }
        }
    }

    /// The member behind `before` has one seat more, or is to have one less: it goes to the end of the ring, or leaves it when it lacks
    /// nothing any more. Answers where the ring goes on.
    fn served(&mut self, before: u32) -> Option<u32> {
        let member = self.next.at(before);
        if self.loads.at(member) < self.quotas.at(member) {
            return Some(member);
        }
        self.next.set(before, self.next.at(member));
        Some(before).filter(|before| *before != member)
    }

    /// Those who lack seats are all here already. Somebody who is not, has as many as `needy`, and was to have one less, could have the
    /// seat in its stead: then nobody has to move.
    fn heir(&self, members: &[u32], partition: u32, needy: u32) -> Option<u32> {
        let load = self.loads.at(needy);
        let is_heir = |member: &u32| {
            self.stamps.at(*member) != partition + 1 && self.loads.at(*member) == load && self.quotas.at(*member) < self.quotas.at(needy)
        };
        members.iter().copied().find(is_heir)
    }

    /// A seat elsewhere in the lot that `member` could take, of somebody who is not at `partition` and goes there.
    fn tradable(&self, last: Range<usize>, new: usize, partition: u32, member: u32) -> Option<usize> {
        // New ones first: nobody has them yet.
        let lot = || (new..self.seats.len()).chain(last.clone());
        let seat = |at: usize| self.seats.get(at).copied().filter(|seat| seat.member != NOBODY);
        let reads = |partition: u32| lot().filter_map(seat).any(|seat| seat == Seat { partition, member });
        lot().find(|at| {
            seat(*at)
                .is_some_and(|seat| seat.partition != partition && self.stamps.at(seat.member) != partition + 1 && !reads(seat.partition))
        })
    }
}
