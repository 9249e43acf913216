//! What is said to be compacted has no key twice.

use std::collections::BTreeMap;

use super::Verdict;
use crate::sim::message::{Whole, key_of};

/// All of a log was read at one moment; everything below `first_dirty` is said to be compacted.
///
/// A batch that reaches over the start of the log is read with its records below, which no client shows and compaction does not look at.
pub(crate) fn look(whole: &Whole, first_dirty: i64) -> Verdict {
    let mut keys = BTreeMap::new();
    for (offset, number) in whole.records.range(whole.log_start.min(first_dirty)..first_dirty) {
        if let Some((before, other)) = keys.insert(key_of(*number), (offset, number)) {
            return Err(format!("compacted below {first_dirty}, and has {other:#x} at {before} and {number:#x} at {offset}, of one key"));
        }
    }
    Ok(())
}
