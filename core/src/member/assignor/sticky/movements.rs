//! Which partitions have changed hands since the members had them, so that no two of one topic are swapped for nothing.
//!
//! Before a partition goes from one member to another, it is asked whether another partition of the topic went the opposite way: then that
//! one goes back instead. Source: `AbstractStickyAssignor.PartitionMovements`.

use super::super::group::Group;
use super::super::order;
use super::super::owner::NOBODY;
use super::super::scratch::Words;

/// Moves of partitions, each from where it was first to where it is.
pub(super) struct Movements<'a, 'g> {
    group: &'g Group<'g>,
    /// For each partition the member that it was moved away from, if it was moved.
    sources: Words<'a>,
    /// For each partition moved the member that has it.
    targets: Words<'a>,
    /// For each partition moved the number of the move.
    since: Words<'a>,
    count: u32,
}

impl<'a, 'g> Movements<'a, 'g> {
    pub(super) fn new(group: &'g Group<'g>, mut sources: Words<'a>, targets: Words<'a>, since: Words<'a>) -> Self {
        sources.all_mut().fill(NOBODY);
        Self { group, sources, targets, since, count: 0 }
    }

    /// The partition of the topic to move so that `owner` has one less and `other` one more: `partition`, or one that came the other way.
    pub(super) fn best(&self, topic: u32, partition: u32, owner: u32, other: u32) -> u32 {
        let source = Some(self.sources.at(partition)).filter(|source| *source != NOBODY).unwrap_or(owner);
        let reverse =
            || self.group.topics().partitions(topic).filter(|moved| (self.sources.at(*moved), self.targets.at(*moved)) == (other, source));
        let count = reverse().count();
        reverse().min_by_key(|moved| (self.place(topic, *moved, count), self.since.at(*moved))).unwrap_or(partition)
    }

    /// Where Java's hash set of so many partitions keeps one. Source: `TopicPartition.hashCode`, `HashMap`.
    fn place(&self, topic: u32, partition: u32, count: usize) -> u32 {
        let partition_index = partition - self.group.topics().partitions(topic).start;
        let Some(name) = self.group.topic_name(topic) else { return partition_index };
        let hash = partition_index.wrapping_add(31).wrapping_mul(31).wrapping_add(order::hash(name));
        order::hash_spread(hash) & (order::places(count) - 1)
    }

    /// Notes that a partition goes from one member to another.
    pub(super) fn note(&mut self, partition: u32, from: u32, to: u32) {
        let first = Some(self.sources.at(partition)).filter(|source| *source != NOBODY).unwrap_or(from);
        self.sources.set(partition, if first == to { NOBODY } else { first });
        self.targets.set(partition, to);
        self.count += 1;
        self.since.set(partition, self.count);
    }

    /// The memory of the moves, for other use.
    pub(super) const fn memory(&mut self) -> &mut Words<'a> {
        &mut self.sources
    }
}
