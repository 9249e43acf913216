//! How partitions are numbered.

use core::ops::Range;

use crate::bounded::list::List;

use super::error::AssignError;
use super::scratch::{count, index};

/// Topics, and the partitions of all of them counted through.
///
/// Topic 0 has the partitions from 0 on, topic 1 those that follow, and so on. The caller chooses the order of topics and keeps it; the
/// leader of a classic group takes that of their names. A topic may have no partitions.
/// Bounds: fewer than 2^31 topics, and fewer than 2^31 partitions.
#[derive(Clone, Copy, Debug)]
pub struct Topics<'a> {
    /// For each topic the number behind its last partition.
    ends: &'a [u32],
}

impl<'a> Topics<'a> {
    /// Topics of which the ends are known: for each the number behind its last partition.
    ///
    /// # Errors
    /// [`AssignError::Topics`] when they do not rise; [`AssignError::TooMany`] past the bounds.
    pub fn from_ends(ends: &'a [u32]) -> Result<Self, AssignError> {
        count(ends.len())?;
        count(index(ends.last().copied().unwrap_or(0)))?;
        if ends.is_sorted() { Ok(Self { ends }) } else { Err(AssignError::Topics) }
    }

    /// Topics with so many partitions each; `ends` keeps where each of them ends.
    ///
    /// # Errors
    /// [`AssignError::Full`] when `ends` has no room for each topic; [`AssignError::TooMany`] past the bounds.
    pub fn number(partition_counts: impl IntoIterator<Item = u32>, ends: &'a mut List<'_, u32>) -> Result<Self, AssignError> {
        ends.clear();
        let mut end = 0u32;
        for partition_count in partition_counts {
            end = end.checked_add(partition_count).ok_or(AssignError::TooMany)?;
            ends.push(end)?;
        }
        Self::from_ends(ends)
    }

    /// The number of topics.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no topic.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The number of partitions of all topics.
    #[must_use]
    pub fn partition_count(&self) -> u32 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The partitions of a topic; empty for a topic that there is not.
    #[must_use]
    pub fn partitions(&self, topic: u32) -> Range<u32> {
        let Some(end) = self.ends.get(index(topic)) else { return 0..0 };
        let first = topic.checked_sub(1).and_then(|before| self.ends.get(index(before))).copied().unwrap_or(0);
        first..*end
    }

    /// Partition `partition_index` of a topic, if it has it.
    #[must_use]
    pub fn partition(&self, topic: u32, partition_index: u32) -> Option<u32> {
        let partitions = self.partitions(topic);
        partitions.start.checked_add(partition_index).filter(|partition| partitions.contains(partition))
    }

    /// The topic that a partition belongs to, if there is such a partition.
    #[must_use]
    pub fn topic_of(&self, partition: u32) -> Option<u32> {
        let topic = self.ends.partition_point(|end| *end <= partition);
        u32::try_from(topic).ok().filter(|_| topic < self.ends.len())
    }

    /// The numbers of all topics.
    pub(crate) fn numbers(&self) -> Range<u32> {
        0..u32::try_from(self.ends.len()).unwrap_or(0)
    }

    /// Whether a list of topics rises and names only topics that there are.
    pub(crate) fn has_all(&self, topics: &[u32]) -> bool {
        topics.is_sorted_by(|a, b| a < b) && topics.last().is_none_or(|last| index(*last) < self.ends.len())
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_counted_through_all_topics() {
        let mut ends = List::grown(10);
        let topics = Topics::number([2, 0, 3], &mut ends).unwrap();
        assert_eq!([0, 1, 2, 3].map(|topic| topics.partitions(topic)), [0..2, 2..2, 2..5, 0..0]);
        assert_eq!([0, 1, 2, 4, 5].map(|partition| topics.topic_of(partition)), [Some(0), Some(0), Some(2), Some(2), None]);
        assert_eq!((topics.partition(2, 2), topics.partition(2, 3), topics.partition(1, 0)), (Some(4), None, None));
        assert_eq!(topics.partition(2, u32::MAX), None);
    }

    #[test]
    fn ends_that_fall_and_numbers_that_run_out_are_refused() {
        assert_eq!(Topics::from_ends(&[2, 1]).unwrap_err(), AssignError::Topics);
        assert_eq!(Topics::from_ends(&[1 << 31]).unwrap_err(), AssignError::TooMany);
        assert_eq!(Topics::number([u32::MAX, 1], &mut List::grown(2)).unwrap_err(), AssignError::TooMany);
        assert_eq!(Topics::number([1, 1], &mut List::grown(1)).unwrap_err(), AssignError::Full);
    }
}
