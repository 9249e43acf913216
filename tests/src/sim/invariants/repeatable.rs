//! What a consumer has seen stays as it is.

use std::collections::BTreeMap;

use super::Verdict;
use crate::sim::message::{Partition, Read};

#[derive(Debug, Default)]
pub(crate) struct Repeatable {
    seen: BTreeMap<Partition, BTreeMap<i64, u64>>,
}

impl Repeatable {
    pub(crate) fn forget(&mut self, topic: &str) {
        self.seen.retain(|partition, _| partition.topic != topic);
    }

    pub(crate) fn read(&mut self, read: &Read) -> Verdict {
        if read.failed || !read.in_range {
            return Ok(());
        }
        let place = &read.partition;
        let seen = self.seen.entry(place.clone()).or_default();
        if let Some((last, _)) = seen.last_key_value()
            && *last >= read.high_watermark
        {
            return Err(format!("{last} of {place:?} was seen, and now it ends at {}", read.high_watermark));
        }
        for (offset, number) in &read.records {
            let before = seen.insert(*offset, *number);
            if before.is_some_and(|before| before != *number) {
                return Err(format!("{offset} of {place:?} was {before:x?} and now is {number:#x}"));
            }
            if *offset >= read.high_watermark {
                return Err(format!("{offset} of {place:?} lies above the high watermark {}", read.high_watermark));
            }
        }
        Ok(())
    }

    /// Every partition in which something was seen.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.seen.iter().filter(|(_, seen)| !seen.is_empty()).map(|(partition, _)| partition)
    }
}
