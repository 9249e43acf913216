//! A committed offset never goes back on its own: what is told is what was committed last, or something that may have been since.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::ids::TopicId;

use super::Verdict;
use crate::sim::message::Partition;

type Key = (String, Partition);

#[derive(Debug, Default)]
pub(crate) struct Committed {
    /// What was tried, in the order in which the broker heard of it, and by which call.
    tries: BTreeMap<Key, Vec<(u64, i64)>>,
    /// From which try on what is told must come.
    floors: BTreeMap<Key, usize>,
    /// What the floors were when a call began to ask.
    asked: BTreeMap<u64, BTreeMap<Key, usize>>,
    gone: BTreeSet<TopicId>,
}

impl Committed {
    pub(crate) fn tried(&mut self, call: u64, group: &str, offsets: &[(Partition, i64)]) {
        for (partition, offset) in offsets {
            self.tries.entry((group.to_owned(), partition.clone())).or_default().push((call, *offset));
        }
    }

    pub(crate) fn acknowledged(&mut self, call: u64, group: &str, partition: &Partition) {
        let key = (group.to_owned(), partition.clone());
        if let Some(at) = self.tries.get(&key).and_then(|tries| tries.iter().position(|(by, _)| *by == call)) {
            let floor = self.floors.entry(key).or_insert(0);
            *floor = at.max(*floor);
        }
    }

    /// Somebody wants to delete a topic: its offsets may go with it.
    pub(crate) fn forget_topic(&mut self, id: TopicId) {
        self.gone.insert(id);
    }

    /// Topics that nobody was told of may be lost with the power, and what is committed there then speaks of nothing.
    pub(crate) fn look(&mut self, exists: impl Fn(TopicId) -> bool) {
        self.gone.extend(self.tries.keys().map(|(_, partition)| partition.id).filter(|id| !exists(*id)));
    }

    pub(crate) fn ask(&mut self, call: u64) {
        self.asked.insert(call, self.floors.clone());
    }

    pub(crate) fn told(&mut self, call: u64, group: &str, offsets: &[(Partition, i64)]) -> Verdict {
        let floors = self.asked.remove(&call).unwrap_or_default();
        for (key, floor) in floors.iter().filter(|((of, partition), _)| of == group && !self.gone.contains(&partition.id)) {
            let told = offsets.iter().find(|(partition, _)| *partition == key.1).map(|(_, offset)| *offset);
            let since = self.tries.get(key).into_iter().flatten().skip(*floor);
            if told.is_none() || !since.clone().any(|(_, offset)| Some(*offset) == told) {
                let since: Vec<_> = since.collect();
                return Err(format!("{key:?} is told to be {told:?}, but what was committed is {since:?}"));
            }
        }
        for (partition, offset) in offsets.iter().filter(|(partition, _)| !self.gone.contains(&partition.id)) {
            let key = (group.to_owned(), partition.clone());
            let floor = self.floors.get(&key).copied().unwrap_or(0);
            let tries = self.tries.get(&key).into_iter().flatten().enumerate();
            let from = floors.get(&key).copied().unwrap_or(0);
            match tries.skip(from).find(|(_, (_, tried))| tried == offset) {
                Some((at, _)) => drop(self.floors.insert(key, at.max(floor))),
                None => return Err(format!("{key:?} is told to be {offset}, which nobody committed")),
            }
        }
        Ok(())
    }
}
