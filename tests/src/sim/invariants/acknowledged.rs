//! What was acknowledged with `acks=all` is read back at its offset, unless it was deleted.

use std::collections::{BTreeMap, BTreeSet};

use super::Verdict;
use crate::sim::message::{Partition, Read};

#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    records: BTreeMap<Partition, BTreeMap<i64, u64>>,
    /// Below this somebody has asked to delete; per topic and partition.
    deleted_below: BTreeMap<(String, i32), i64>,
    /// Topics whose oldest records may go by themselves.
    retained: BTreeSet<String>,
}

impl Acknowledged {
    pub(crate) fn acknowledge(&mut self, partition: &Partition, base_offset: i64, records: &[u64]) {
        let known = self.records.entry(partition.clone()).or_default();
        known.extend((base_offset..).zip(records.iter().copied()));
    }

    pub(crate) fn delete_below(&mut self, topic: &str, partition: i32, upto: i64) {
        let below = self.deleted_below.entry((topic.to_owned(), partition)).or_insert(0);
        *below = upto.max(*below);
    }

    pub(crate) fn retain(&mut self, topic: &str) {
        self.retained.insert(topic.to_owned());
    }

    /// A topic that does not wait for its disk has lost its power.
    pub(crate) fn forget(&mut self, topic: &str) {
        self.records.retain(|partition, _| partition.topic != topic);
    }

    /// `may_lack` says of a record that is not there whether compaction may have taken it.
    pub(crate) fn read(&self, read: &Read, may_lack: impl Fn(i64, u64) -> bool) -> Verdict {
        let Some(known) = self.records.get(&read.partition).filter(|_| !read.failed) else { return Ok(()) };
        let place = &read.partition;
        let below = self.deleted_below.get(&(place.topic.clone(), place.index)).copied().unwrap_or(0);
        if let Some((offset, _)) = known.range(below..).next()
            && *offset < read.log_start
            && !self.retained.contains(&place.topic)
        {
            return Err(format!("{place:?} begins at {}, but nobody deleted {offset}", read.log_start));
        }
        if let Some((last, _)) = known.last_key_value()
            && (if read.in_range { read.high_watermark <= *last } else { read.from <= *last && read.from >= read.log_start })
        {
            return Err(format!("{place:?} ends before {last}, which was acknowledged: {read:?}"));
        }
        let from = read.from.max(read.log_start);
        for (offset, number) in known.range(from..read.next.max(from)) {
            if !read.records.contains(&(*offset, *number)) && !may_lack(*offset, *number) {
                return Err(format!("{place:?} has lost {number:#x} at {offset}: {read:?}"));
            }
        }
        Ok(())
    }

    /// Every partition in which something was acknowledged.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.records.keys()
    }
}
