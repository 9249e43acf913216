//! Numbers in lent memory.

use crate::bounded::list::List;

use super::error::AssignError;

/// A run of numbers, read and written by place. A place that it does not have reads as 0, and writing there does nothing: every place that
/// is asked for was checked before, so this spares a panic, not a test.
#[derive(Debug, Default)]
pub(crate) struct Words<'a>(&'a mut [u32]);

impl Words<'_> {
    pub(crate) fn at(&self, place: u32) -> u32 {
        self.0.get(index(place)).copied().unwrap_or(0)
    }

    pub(crate) fn set(&mut self, place: u32, number: u32) {
        if let Some(word) = self.0.get_mut(index(place)) {
            *word = number;
        }
    }

    /// Counts a place up.
    pub(crate) fn raise(&mut self, place: u32) {
        if let Some(word) = self.0.get_mut(index(place)) {
            *word = word.wrapping_add(1);
        }
    }

    /// Counts a place down.
    pub(crate) fn lower(&mut self, place: u32) {
        if let Some(word) = self.0.get_mut(index(place)) {
            *word = word.wrapping_sub(1);
        }
    }

    /// The first `count` numbers.
    pub(crate) fn head(&self, count: u32) -> &[u32] {
        self.0.get(..index(count)).unwrap_or_default()
    }

    /// The first `count` numbers.
    pub(crate) fn head_mut(&mut self, count: u32) -> &mut [u32] {
        self.0.get_mut(..index(count)).unwrap_or_default()
    }

    /// The numbers of a range of places.
    pub(crate) fn range(&self, range: core::ops::Range<u32>) -> &[u32] {
        self.0.get(index(range.start)..index(range.end)).unwrap_or_default()
    }

    pub(crate) fn all(&self) -> &[u32] {
        self.0
    }

    pub(crate) fn all_mut(&mut self) -> &mut [u32] {
        self.0
    }
}

/// How much of everything a group has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) members: usize,
    pub(crate) topics: usize,
    pub(crate) partitions: usize,
    /// Pairs of a member and a topic that it subscribes to.
    pub(crate) pairs: usize,
}

/// Runs of numbers: with a place for each member, topic and partition, so many of each, and one with a place for each pair.
pub(crate) type Runs<'a, const M: usize, const T: usize, const P: usize> = ([Words<'a>; M], [Words<'a>; T], [Words<'a>; P], Words<'a>);

impl Sizes {
    /// How many words it takes to have so many runs with a place for each member, topic and partition, and one for pairs.
    pub(crate) const fn words(self, by_member: usize, by_topic: usize, by_partition: usize) -> usize {
        let by_member = self.members.saturating_mul(by_member);
        let by_topic = self.topics.saturating_mul(by_topic);
        let by_partition = self.partitions.saturating_mul(by_partition);
        by_member.saturating_add(by_topic).saturating_add(by_partition).saturating_add(self.pairs)
    }

    /// Cuts memory into runs of zeros.
    pub(crate) fn carve<'a, const M: usize, const T: usize, const P: usize>(
        self,
        memory: &'a mut List<'_, u32>,
    ) -> Result<Runs<'a, M, T, P>, AssignError> {
        memory.clear();
        memory.fill_to(self.words(M, T, P), 0)?;
        let mut rest: &mut [u32] = memory;
        let mut run = |size: usize| {
            let (head, tail) = core::mem::take(&mut rest).split_at_mut_checked(size).unwrap_or_default();
            rest = tail;
            Words(head)
        };
        Ok((
            [(); M].map(|()| run(self.members)),
            [(); T].map(|()| run(self.topics)),
            [(); P].map(|()| run(self.partitions)),
            run(self.pairs),
        ))
    }
}

/// Numbers are 32 bits wide; every target this runs on addresses at least as much.
pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// How many there are, as a number that names one of them and leaves half of the range free.
pub(crate) fn count(len: usize) -> Result<u32, AssignError> {
    i32::try_from(len).map(i32::unsigned_abs).map_err(|_| AssignError::TooMany)
}
