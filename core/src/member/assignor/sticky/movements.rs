//! Which partitions have changed hands since the members had them, so that no two of one topic are swapped for nothing.
//!
//! Before a partition goes from one member to another, it is asked whether another partition of the topic went the opposite way: then that
//! one goes back instead. Source: `AbstractStickyAssignor.PartitionMovements`.

use crate::member::assignor::group::Group;
use crate::member::assignor::order;
use crate::member::assignor::owner::NOBODY;
use crate::member::assignor::scratch::Words;

/// Moves of partitions, each from where it was first to where it is.
pub(super) struct Movements<'a, 'g> {
    group: &'g Group<'g>,
    /// For each partition the member that it was moved away from, if it was moved.
    sources: Words<'a>,
    /// For each partition moved the member that has it.
    targets: Words<'a>,
    /// For each partition moved the number of the move.
    since: Words<'a>,
    /// For each partition moved how many there were at most that moved as it did, since there was none: Java's table of them is that large.
    peaks: Words<'a>,
    count: u32,
}

impl<'a, 'g> Movements<'a, 'g> {
    pub(super) fn new(group: &'g Group<'g>, [mut sources, targets, since, peaks]: [Words<'a>; 4]) -> Self {
        sources.all_mut().fill(NOBODY);
        Self { group, sources, targets, since, peaks, count: 0 }
    }

    /// The partitions of a topic that were moved away from one member and are another's.
    fn moved(&self, topic: u32, source: u32, target: u32) -> impl Iterator<Item = u32> {
        self.group.topics().partitions(topic).filter(move |moved| (self.sources.at(*moved), self.targets.at(*moved)) == (source, target))
    }

    /// The partition of the topic to move so that `owner` has one less and `other` one more: `partition`, or one that came the other way.
    pub(super) fn best(&self, topic: u32, partition: u32, owner: u32, other: u32) -> u32 {
        let reverse = self.moved(topic, other, self.first(partition, owner));
        reverse.min_by_key(|moved| (self.place(topic, *moved), self.since.at(*moved))).unwrap_or(partition)
    }

    /// Who had a partition before anything moved.
    fn first(&self, partition: u32, owner: u32) -> u32 {
        Some(self.sources.at(partition)).filter(|source| *source != NOBODY).unwrap_or(owner)
    }

    /// Where Java's hash set keeps a partition that was moved. Source: `TopicPartition.hashCode`, `HashMap`.
    fn place(&self, topic: u32, partition: u32) -> u32 {
        let partition_index = partition - self.group.topics().partitions(topic).start;
        let Some(name) = self.group.topic_name(topic) else { return partition_index };
        let hash = partition_index.wrapping_add(31).wrapping_mul(31).wrapping_add(order::hash(name));
        order::hash_spread(hash) & (order::places(self.peaks.at(partition)) - 1)
    }

    /// Notes that a partition of a topic goes from one member to another.
    pub(super) fn note(&mut self, topic: u32, partition: u32, from: u32, to: u32) {
        let source = self.first(partition, from);
        self.sources.set(partition, NOBODY);
        if source == to {
            return;
        }
        let (count, peak) = self.moved(topic, source, to).fold((1, 1), |(count, peak), moved| (count + 1, self.peaks.at(moved).max(peak)));
        self.count += 1;
        self.since.set(partition, self.count);
        self.sources.set(partition, source);
        self.targets.set(partition, to);
        for alike in self.group.topics().partitions(topic) {
            if (self.sources.at(alike), self.targets.at(alike)) == (source, to) {
                self.peaks.set(alike, peak.max(count));
            }
        }
    }

    /// The memory of the moves, for other use.
    pub(super) const fn memory(&mut self) -> &mut Words<'a> {
        &mut self.sources
    }
}
