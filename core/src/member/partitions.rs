//! Sets of partitions as members hold them, and as they are shown.

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::list::List;
use crate::ids::{PartitionIndex, TopicId};

use super::names::{Ids, Names};

/// A partition in a set: of a topic by its kept name, or by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held<K> {
    pub(super) topic: K,
    pub(super) partition: PartitionIndex,
}

/// A set of partitions.
///
/// Shape: rising, each once. Bounds: the capacity of the list.
#[derive(Debug)]
pub(super) struct PartitionSet<'m, K>(List<'m, Held<K>>);

impl<'m, K: Copy + Ord> PartitionSet<'m, K> {
    pub(super) fn new(mut list: List<'m, Held<K>>) -> Self {
        list.clear();
        Self(list)
    }

    pub(super) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    pub(super) fn held(&self) -> &[Held<K>] {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn has(&self, held: &Held<K>) -> bool {
        self.0.binary_search(held).is_ok()
    }

    pub(super) fn has_topic(&self, topic: K) -> bool {
        self.0.binary_search_by_key(&topic, |held| held.topic).is_ok()
    }

    /// Adds a partition behind the others. When all are added, [`Self::sort`] makes it a set again.
    pub(super) fn add(&mut self, topic: K, partition: PartitionIndex) -> Result<(), Full> {
        self.0.push(Held { topic, partition })
    }

    /// Puts everything in order, each partition once.
    pub(super) fn sort(&mut self) {
        self.0.sort_unstable();
        let mut kept = 0usize;
        for at in 0..self.0.len() {
            let Some(held) = self.0.get(at).copied() else { break };
            if kept.checked_sub(1).and_then(|last| self.0.get(last)) != Some(&held) {
                self.0.swap(kept, at);
                kept += 1;
            }
        }
        self.0.truncate(kept);
    }

    /// Becomes those of another set that `is_wanted`.
    pub(super) fn copy(&mut self, other: &PartitionSet<'_, K>, is_wanted: impl Fn(&Held<K>) -> bool) -> Result<(), Full> {
        self.0.clear();
        other.held().iter().filter(|held| is_wanted(held)).try_for_each(|held| self.0.push(*held))
    }

    /// Adds all of another set.
    pub(super) fn unite(&mut self, other: &PartitionSet<'_, K>) -> Result<(), Full> {
        let before = self.0.len();
        for held in other.held() {
            let is_new = self.0.get(..before).unwrap_or_default().binary_search(held).is_err();
            if is_new {
                self.0.push(*held)?;
            }
        }
        self.0.sort_unstable();
        Ok(())
    }

    /// Takes out all of another set.
    pub(super) fn subtract(&mut self, other: &PartitionSet<'_, K>) {
        let mut kept = 0;
        for at in 0..self.0.len() {
            if self.0.get(at).is_some_and(|held| !other.has(held)) {
                self.0.swap(kept, at);
                kept += 1;
            }
        }
        self.0.truncate(kept);
    }
}

/// A partition as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition<'a> {
    /// The name of its topic.
    pub topic: &'a str,
    /// The id of its topic; [`TopicId::ZERO`] where members speak of names only.
    pub topic_id: TopicId,
    /// Its number.
    pub index: PartitionIndex,
}

/// A set of partitions as it is shown: by topic, and in each topic rising.
#[derive(Clone, Copy)]
pub struct Partitions<'a> {
    names: &'a Names<'a>,
    of: Of<'a>,
}

#[derive(Clone, Copy)]
enum Of<'a> {
    Named(&'a [Held<Text>]),
    Ids(&'a Ids<'a>, &'a [Held<TopicId>]),
}

impl<'a> Partitions<'a> {
    pub(super) const fn named(names: &'a Names<'a>, held: &'a [Held<Text>]) -> Self {
        Self { names, of: Of::Named(held) }
    }

    pub(super) const fn by_id(names: &'a Names<'a>, ids: &'a Ids<'a>, held: &'a [Held<TopicId>]) -> Self {
        Self { names, of: Of::Ids(ids, held) }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.of {
            Of::Named(held) => held.len(),
            Of::Ids(_, held) => held.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The partitions.
    pub fn iter(self) -> impl Iterator<Item = Partition<'a>> + Clone {
        (0..self.len()).filter_map(move |at| match self.of {
            Of::Named(held) => {
                let held = held.get(at)?;
                Some(Partition { topic: self.names.str(held.topic), topic_id: TopicId::ZERO, index: held.partition })
            }
            Of::Ids(ids, held) => {
                let held = held.get(at)?;
                let topic = ids.find(held.topic).map_or("", |name| self.names.str(name));
                Some(Partition { topic, topic_id: held.topic, index: held.partition })
            }
        })
    }
}

impl core::fmt::Debug for Partitions<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter().map(|held| (held.topic, held.index.0))).finish()
    }
}

/// Topics as they are shown, in Java's order of their names.
#[derive(Clone, Copy)]
pub struct TopicNames<'a> {
    names: &'a Names<'a>,
    topics: &'a [Text],
}

impl<'a> TopicNames<'a> {
    pub(super) const fn new(names: &'a Names<'a>, topics: &'a [Text]) -> Self {
        Self { names, topics }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.topics.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// The names.
    pub fn iter(self) -> impl Iterator<Item = &'a str> + Clone {
        self.topics.iter().map(move |topic| self.names.str(*topic))
    }
}

impl core::fmt::Debug for TopicNames<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;

    fn set(partitions: &[i32]) -> PartitionSet<'static, Text> {
        let mut set = PartitionSet::new(List::grown(4));
        partitions.iter().for_each(|partition| set.add(Text::EMPTY, PartitionIndex(*partition)).expect("it fits"));
        set.sort();
        set
    }

    #[test]
    fn sets_are_united_and_taken_apart() {
        let shown = |set: &PartitionSet<'_, Text>| set.held().iter().map(|held| held.partition.0).collect::<alloc::vec::Vec<_>>();
        let mut all = set(&[3, 1, 3, 1]);
        assert_eq!(shown(&all), [1, 3]);
        all.unite(&set(&[2, 3])).unwrap();
        assert_eq!(shown(&all), [1, 2, 3]);
        all.subtract(&set(&[1, 7]));
        assert_eq!(shown(&all), [2, 3]);
        let mut some = set(&[]);
        some.copy(&all, |held| held.partition.0 > 2).unwrap();
        assert_eq!((shown(&some), some.has_topic(Text::EMPTY), some.is_empty()), (alloc::vec![3], true, false));
        assert_eq!(all.unite(&set(&[5, 6, 7])), Err(Full));
    }
}
