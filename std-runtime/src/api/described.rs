//! Partitions as descriptions of groups tell them.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::group::modern::partitions::Partitions;
use millpond_core::ids::TopicId;

use crate::worker::turn::Turn;

/// Partitions of a topic.
pub(super) struct ToldTopic {
    /// Its id.
    pub(super) id: TopicId,
    /// Its name.
    pub(super) name: String,
    /// The partitions, rising.
    pub(super) partitions: Vec<i32>,
}

/// What is in any of some sets, by topic; topics that are gone are left out.
pub(super) fn by_topic(turn: &Turn<'_>, sets: &[Partitions<'_>]) -> Vec<ToldTopic> {
    let mut by_topic: BTreeMap<TopicId, BTreeSet<i32>> = BTreeMap::new();
    for held in sets.iter().flat_map(|set| set.iter()) {
        by_topic.entry(held.topic).or_default().insert(held.partition.0);
    }
    let name = |id: TopicId| turn.inner.shard.catalog().topic_by_id(id).map(|topic| topic.name.to_string());
    let told =
        |(id, partitions): (TopicId, BTreeSet<i32>)| Some(ToldTopic { id, name: name(id)?, partitions: partitions.into_iter().collect() });
    by_topic.into_iter().filter_map(told).collect()
}
