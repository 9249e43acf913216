//! A topic told of is there after a crash; one whose deletion was told is not.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::ids::TopicId;

use super::Verdict;
use crate::sim::message::Topic;

#[derive(Debug, Default)]
pub(crate) struct Topics {
    told: BTreeMap<TopicId, i32>,
    /// Somebody wants these to go.
    doomed: BTreeSet<TopicId>,
    deleted: BTreeSet<TopicId>,
}

impl Topics {
    pub(crate) fn told(&mut self, topic: &Topic) {
        let partitions = self.told.entry(topic.id).or_insert(0);
        *partitions = topic.partitions.max(*partitions);
    }

    pub(crate) fn doom(&mut self, id: TopicId) {
        self.doomed.insert(id);
    }

    pub(crate) fn deleted(&mut self, id: TopicId) {
        self.deleted.insert(id);
    }

    pub(crate) fn is_doomed(&self, id: TopicId) -> bool {
        self.doomed.contains(&id)
    }

    /// What a broker knows that has just started.
    pub(crate) fn look(&self, partitions_of: impl Fn(TopicId) -> Option<i32>) -> Verdict {
        for (id, told) in self.told.iter().filter(|(id, _)| !self.doomed.contains(id)) {
            if partitions_of(*id).is_none_or(|partitions| partitions < *told) {
                return Err(format!("{id} was told to have {told} partitions, and has {:?}", partitions_of(*id)));
            }
        }
        match self.deleted.iter().find(|id| partitions_of(**id).is_some()) {
            Some(id) => Err(format!("{id} is back, whose deletion was told")),
            None => Ok(()),
        }
    }
}
