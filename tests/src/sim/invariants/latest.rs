//! Of each key of a compacted log the last record stays, and a tombstone as long as it must.

use std::collections::{BTreeMap, BTreeSet};

use super::Verdict;
use super::decided::Decided;
use crate::sim::message::{Partition, Whole, is_tombstone, key_of};

/// Where nothing else is said, tombstones stay for a day: `delete.retention.ms`.
const DAY: i64 = 24 * 3_600_000;

/// A record that was sent to a partition, and may be there or come yet.
#[derive(Clone, Copy, Debug)]
struct Sent {
    /// When it was sent first.
    at: u64,
    /// Whether it can stand in one place only.
    once: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Latest {
    /// Topics that somebody wanted to be compacted, now or before.
    topics: BTreeSet<String>,
    /// How long the tombstones of a topic stay, at the least. Unit: ms.
    retention: BTreeMap<String, i64>,
    /// By topic and partition, by number.
    sent: BTreeMap<(String, i32), BTreeMap<u64, Sent>>,
    /// What was acknowledged or seen, by offset, and where each number was.
    known: BTreeMap<Partition, BTreeMap<i64, u64>>,
    places: BTreeMap<(Partition, u64), i64>,
    /// When the wall clock was put forward or back, and how far it was off from then on.
    jumps: Vec<(u64, i64)>,
}

impl Latest {
    pub(crate) fn compact(&mut self, topic: &str) {
        self.topics.insert(topic.to_owned());
    }

    pub(crate) fn keep_tombstones(&mut self, topic: &str, retention: i64) {
        let least = self.retention.entry(topic.to_owned()).or_insert(DAY);
        *least = retention.min(*least);
    }

    pub(crate) fn send(&mut self, now: u64, (topic, index): (&str, i32), once: bool, records: &[u64]) {
        let sent = self.sent.entry((topic.to_owned(), index)).or_default();
        for record in records {
            sent.entry(*record).or_insert(Sent { at: now, once });
        }
    }

    pub(crate) fn know(&mut self, partition: &Partition, records: impl Iterator<Item = (i64, u64)>) {
        let known = self.known.entry(partition.clone()).or_default();
        for (offset, number) in records {
            known.insert(offset, number);
            self.places.insert((partition.clone(), number), offset);
        }
    }

    /// A topic that does not wait for its disk has lost its power.
    pub(crate) fn forget(&mut self, topic: &str) {
        self.known.retain(|partition, _| partition.topic != topic);
        self.places.retain(|(partition, _), _| partition.topic != topic);
    }

    pub(crate) fn jump(&mut self, now: u64, by: i64) {
        let off = self.jumps.last().map_or(0, |(_, off)| *off);
        self.jumps.push((now, off + by));
    }

    /// Whether a record may be gone that was in a log, because another may have come with its key.
    pub(crate) fn may_lack(&self, decided: &Decided, partition: &Partition, (offset, number): (i64, u64)) -> bool {
        if !self.topics.contains(&partition.topic) {
            return false;
        }
        decided.may_be_aborted(number) || is_tombstone(number) || self.may_follow(partition, (offset, number)).next().is_some()
    }

    /// Records of the same key that may lie behind one, the same once more among them.
    fn may_follow<'s>(&'s self, partition: &'s Partition, (offset, number): (i64, u64)) -> impl Iterator<Item = (u64, Sent)> + 's {
        let sent = self.sent.get(&(partition.topic.clone(), partition.index)).into_iter().flatten();
        sent.map(|(other, sent)| (*other, *sent)).filter(move |(other, sent)| {
            let place = self.places.get(&(partition.clone(), *other)).filter(|_| sent.once);
            key_of(*other) == key_of(number) && place.is_none_or(|place| *place > offset)
        })
    }

    /// All of a log was read at one moment.
    pub(crate) fn read_whole(&self, now: u64, decided: &Decided, partition: &Partition, whole: &Whole) -> Verdict {
        if !self.topics.contains(&partition.topic) {
            return Ok(());
        }
        let known = self.known.get(partition).into_iter().flat_map(|known| known.range(whole.log_start..));
        for (offset, number) in known.filter(|(offset, _)| !whole.records.contains_key(*offset)) {
            let mut behind = whole.records.range(offset + 1..);
            let is_superseded = behind.any(|(_, other)| key_of(*other) == key_of(*number) && !decided.is_aborted(*other));
            let mut tombstones = self.may_follow(partition, (*offset, *number)).filter(|(other, _)| !decided.is_aborted(*other));
            let is_forgotten = self.is_over(now, partition, *number) || tombstones.any(|(other, _)| self.is_over(now, partition, other));
            if !is_superseded && !is_forgotten && !decided.may_be_aborted(*number) {
                return Err(format!("{number:#x} at {offset} of {partition:?} is gone, and nothing supersedes it: {:x?}", whole.records));
            }
        }
        Ok(())
    }

    /// Whether a record is a tombstone that may have gone.
    fn is_over(&self, now: u64, partition: &Partition, number: u64) -> bool {
        let sent = self.sent.get(&(partition.topic.clone(), partition.index)).and_then(|sent| sent.get(&number));
        let retention = self.retention.get(&partition.topic).copied().unwrap_or(DAY);
        is_tombstone(number) && sent.is_some_and(|sent| self.span(sent.at, now) >= retention)
    }

    /// How much later it can have been by the wall clock at some moment than at one before, both of them in a span of time. Unit: ms.
    fn span(&self, from: u64, to: u64) -> i64 {
        let millis = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
        let (mut earliest, mut span) = (i64::MAX, 0);
        let mut begins = [(0, 0)].into_iter().chain(self.jumps.iter().copied()).peekable();
        while let Some((begin, off)) = begins.next() {
            let end = begins.peek().map_or(to, |(next, _)| *next).min(to);
            let begin = begin.max(from);
            if begin <= end {
                earliest = earliest.min(millis(begin) + off);
                span = span.max(millis(end) + off - earliest);
            }
        }
        span
    }
}
