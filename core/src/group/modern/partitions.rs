//! Sets of partitions as a coordinator keeps them: what a member is to have, has, or gives back.
//!
//! ```text
//!  topic id   count   partition  epoch   partition  epoch   ...   topic id   count   ...
//!  16         4       4          4       4          4             16         4
//! ```
//! Topics rise, and in each its partitions. One run of bytes for each set, so that a member costs a few texts however many partitions it
//! has. The epoch is the one at which the partition was assigned (KIP-1251); in a target it has no meaning and is 0.

use core::cmp::Ordering;
use core::ops::Range;

use crate::bounded::Full;
use crate::bounded::list::List;
use crate::ids::{MemberEpoch, PartitionIndex, TopicId};

const TOPIC_SIZE: usize = 20;
const ENTRY_SIZE: usize = 8;

/// A partition of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its topic.
    pub topic: TopicId,
    /// Its number.
    pub partition: PartitionIndex,
    /// When it was assigned.
    pub since: MemberEpoch,
}

impl Held {
    fn place(&self) -> (TopicId, PartitionIndex) {
        (self.topic, self.partition)
    }
}

/// A set of partitions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Partitions<'a>(&'a [u8]);

impl core::fmt::Debug for Partitions<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> Partitions<'a> {
    /// No partition.
    pub const NONE: Self = Self(&[]);

    /// The set that was built as these bytes.
    pub(in crate::group) const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many bytes it takes.
    pub(in crate::group) const fn size(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no partition.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its topics, rising, each with its partitions.
    pub fn topics(self) -> impl Iterator<Item = TopicPartitions<'a>> + Clone {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (head, behind) = rest.split_first_chunk::<TOPIC_SIZE>()?;
            let (id, count) = head.split_first_chunk::<16>()?;
            let count = usize::try_from(u32::from_be_bytes(count.try_into().ok()?)).ok()?;
            let (entries, behind) = behind.split_at_checked(count.checked_mul(ENTRY_SIZE)?)?;
            rest = behind;
            Some(TopicPartitions { topic: TopicId(*id), entries })
        })
    }

    /// Its partitions, rising.
    pub fn iter(self) -> impl Iterator<Item = Held> + Clone {
        self.topics().flat_map(TopicPartitions::iter)
    }

    /// Whether two sets have the same partitions, whenever they were assigned.
    #[must_use]
    pub fn has_same(self, other: Self) -> bool {
        self.0 == other.0
            || (self.0.len() == other.0.len() && self.iter().map(|held| held.place()).eq(other.iter().map(|held| held.place())))
    }

    /// The first partition behind a place, or of all.
    #[must_use]
    pub fn next_behind(self, place: Option<(TopicId, PartitionIndex)>) -> Option<Held> {
        let Some((topic, partition)) = place else { return self.iter().next() };
        self.topics().filter(|it| it.topic >= topic).find_map(|it| if it.topic == topic { it.behind(partition) } else { it.iter().next() })
    }

    /// When a partition was assigned; `None` when it is not in the set.
    #[must_use]
    pub fn since(self, topic: TopicId, partition: PartitionIndex) -> Option<MemberEpoch> {
        let topic = self.topics().find(|it| it.topic == topic)?;
        topic.find(partition)
    }
}

/// The partitions of one topic in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicPartitions<'a> {
    /// The topic.
    pub topic: TopicId,
    entries: &'a [u8],
}

impl<'a> TopicPartitions<'a> {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len() / ENTRY_SIZE
    }

    /// Whether there are none, which no set has.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The partitions, rising.
    pub fn iter(self) -> impl Iterator<Item = Held> + Clone + 'a {
        let topic = self.topic;
        self.entries.as_chunks::<ENTRY_SIZE>().0.iter().map(move |entry| {
            let (partition, since) = decode(*entry);
            Held { topic, partition, since }
        })
    }

    fn behind(self, partition: PartitionIndex) -> Option<Held> {
        let entries = self.entries.as_chunks::<ENTRY_SIZE>().0;
        let at = entries.partition_point(|entry| decode(*entry).0 <= partition);
        entries.get(at).map(|entry| decode(*entry)).map(|(partition, since)| Held { topic: self.topic, partition, since })
    }

    pub(super) fn find(self, partition: PartitionIndex) -> Option<MemberEpoch> {
        let entries = self.entries.as_chunks::<ENTRY_SIZE>().0;
        let at = entries.binary_search_by_key(&partition, |entry| decode(*entry).0).ok()?;
        entries.get(at).map(|entry| decode(*entry).1)
    }
}

fn decode(entry: [u8; ENTRY_SIZE]) -> (PartitionIndex, MemberEpoch) {
    let [a, b, c, d, e, f, g, h] = entry;
    (PartitionIndex(i32::from_be_bytes([a, b, c, d])), MemberEpoch(i32::from_be_bytes([e, f, g, h])))
}

/// Builds a set behind what a list holds.
#[derive(Debug)]
pub(in crate::group) struct Builder<'l, 'm> {
    bytes: &'l mut List<'m, u8>,
    start: usize,
    /// Where the count of the topic stands that is being built, and which topic that is.
    topic: Option<(usize, TopicId, PartitionIndex)>,
}

impl<'l, 'm> Builder<'l, 'm> {
    pub(in crate::group) fn new(bytes: &'l mut List<'m, u8>) -> Self {
        let start = bytes.len();
        Self { bytes, start, topic: None }
    }

    /// Adds a partition. One that does not rise above those before is left out: a set has each once, and whoever hands in anything
    /// else has read it from a record that nobody of ours wrote.
    pub(in crate::group) fn push(&mut self, held: Held) -> Result<(), Full> {
        let place = match self.topic {
            Some((_, topic, last)) if (topic, last) >= held.place() => return Ok(()),
            Some((place, topic, _)) if topic == held.topic => place,
            Some(_) | None => {
                let place = self.bytes.len() + 16;
                self.bytes.extend_from_slice(&held.topic.0)?;
                self.bytes.extend_from_slice(&0u32.to_be_bytes())?;
                place
            }
        };
        self.bytes.extend_from_slice(&held.partition.0.to_be_bytes())?;
        self.bytes.extend_from_slice(&held.since.0.to_be_bytes())?;
        if let Some(count) = self.bytes.get_mut(place..).and_then(<[u8]>::first_chunk_mut::<4>) {
            *count = u32::from_be_bytes(*count).saturating_add(1).to_be_bytes();
        }
        self.topic = Some((place, held.topic, held.partition));
        Ok(())
    }

    /// The bytes of the set in the list.
    pub(in crate::group) fn finish(self) -> Range<usize> {
        self.start..self.bytes.len()
    }
}

/// What two sets have in common and what they do not: each partition once, rising.
pub(in crate::group) fn compare<'a>(left: Partitions<'a>, right: Partitions<'a>) -> impl Iterator<Item = Compared> {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    core::iter::from_fn(move || {
        let order = match (left.peek(), right.peek()) {
            (Some(left), Some(right)) => left.place().cmp(&right.place()),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => left.next().map(Compared::Left),
            Ordering::Greater => right.next().map(Compared::Right),
            Ordering::Equal => {
                right.next();
                left.next().map(Compared::Both)
            }
        }
    })
}

/// A partition of one of two sets, or of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::group) enum Compared {
    /// Of the first alone.
    Left(Held),
    /// Of the second alone.
    Right(Held),
    /// Of both; as the first has it.
    Both(Held),
}

/// Sorts partitions into a set, behind what `bytes` holds: what comes twice is there once. `held` is empty afterwards.
///
/// # Errors
/// [`Full`] when they do not fit.
pub(in crate::group) fn sorted(held: &mut List<'_, Held>, bytes: &mut List<'_, u8>) -> Result<Range<usize>, Full> {
    held.sort_unstable_by_key(Held::place);
    let mut builder = Builder::new(bytes);
    held.iter().try_for_each(|held| builder.push(*held))?;
    held.clear();
    Ok(builder.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn held(topic: u8, partition: i32, since: i32) -> Held {
        Held { topic: TopicId([topic; 16]), partition: PartitionIndex(partition), since: MemberEpoch(since) }
    }

    fn built(of: &[Held]) -> Vec<u8> {
        let mut bytes = List::grown(1 << 20);
        bytes.push(7).unwrap();
        let mut builder = Builder::new(&mut bytes);
        of.iter().for_each(|held| builder.push(*held).unwrap());
        let range = builder.finish();
        assert_eq!(range.start, 1, "behind what was there");
        bytes[range].to_vec()
    }

    #[test]
    fn a_set_has_what_was_put_into_it_in_order() {
        let all = [held(1, 0, 3), held(1, 5, 4), held(2, 1, 0), held(9, 700, 9)];
        let bytes = built(&all);
        let set = Partitions::of(&bytes);
        assert_eq!(set.iter().collect::<Vec<_>>(), all);
        assert_eq!(set.topics().map(|topic| (topic.topic.0[0], topic.len())).collect::<Vec<_>>(), [(1, 2), (2, 1), (9, 1)]);
        assert_eq!(set.since(TopicId([1; 16]), PartitionIndex(5)), Some(MemberEpoch(4)));
        assert_eq!(set.since(TopicId([1; 16]), PartitionIndex(4)), None);
        assert_eq!(set.since(TopicId([3; 16]), PartitionIndex(0)), None);
        assert!(Partitions::NONE.is_empty() && Partitions::NONE.iter().next().is_none());
        // What comes twice, or back, is there once.
        assert_eq!(
            built(&[held(1, 0, 3), held(1, 0, 4), held(1, 5, 4), held(1, 2, 0), held(0, 9, 9), held(2, 1, 0), held(9, 700, 9)]),
            bytes
        );
    }

    #[test]
    fn sets_are_compared_by_their_partitions() {
        let (left, right) = (built(&[held(1, 0, 3), held(1, 5, 4), held(3, 1, 0)]), built(&[held(1, 0, 8), held(2, 2, 1), held(3, 2, 0)]));
        let (left, right) = (Partitions::of(&left), Partitions::of(&right));
        let found: Vec<Compared> = compare(left, right).collect();
        let expected = [
            Compared::Both(held(1, 0, 3)),
            Compared::Left(held(1, 5, 4)),
            Compared::Right(held(2, 2, 1)),
            Compared::Left(held(3, 1, 0)),
            Compared::Right(held(3, 2, 0)),
        ];
        assert_eq!(found, expected);
        let later = built(&[held(1, 0, 9), held(1, 5, 9), held(3, 1, 9)]);
        assert!(left.has_same(Partitions::of(&later)) && !left.has_same(right) && !left.has_same(Partitions::NONE));
    }
}
