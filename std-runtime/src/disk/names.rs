//! What the directories of partitions are called. Source: `UnifiedLog.logDirName`, `logDeleteDirName`, `parseTopicPartitionName`.

use millpond_core::ids::{PartitionIndex, TopicId};

/// What ends the name of a directory whose partition was deleted.
const DELETE_SUFFIX: &str = "-delete";
/// What ends the name of a directory that no topic claims.
const STRAY_SUFFIX: &str = "-stray";

/// The directory of a partition: `topic-0`.
#[must_use]
pub fn partition_dir(topic: &str, index: PartitionIndex) -> String {
    format!("{topic}-{index}")
}

/// The directory of a deleted partition: `topic-0.<id>-delete`, shortened where the name would be too long for a file system.
#[must_use]
pub fn deleted_dir(topic: &str, index: PartitionIndex, topic_id: TopicId) -> String {
    set_aside(topic, index, topic_id, DELETE_SUFFIX)
}

/// Where a directory goes that belongs to no topic that is known, and that nobody has deleted. Source: `UnifiedLog.logStrayDirName`.
#[must_use]
pub fn stray_dir(topic: &str, index: PartitionIndex, topic_id: TopicId) -> String {
    set_aside(topic, index, topic_id, STRAY_SUFFIX)
}

fn set_aside(topic: &str, index: PartitionIndex, topic_id: TopicId, why: &str) -> String {
    let id: String = topic_id.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let suffix = format!("-{index}.{id}{why}");
    let room = 255usize.saturating_sub(suffix.len());
    let topic = topic.get(..topic.floor_char_boundary(room)).unwrap_or_default();
    format!("{topic}{suffix}")
}

/// Whether a directory is that of a deleted partition.
#[must_use]
pub fn is_deleted(name: &str) -> bool {
    name.ends_with(DELETE_SUFFIX)
}

/// The topic and partition that a directory belongs to; `None` when it is none of a partition's.
#[must_use]
pub fn parse(name: &str) -> Option<(&str, PartitionIndex)> {
    let (topic, index) = name.rsplit_once('-')?;
    let index = index.parse().ok().filter(|index: &i32| *index >= 0)?;
    (!topic.is_empty()).then_some((topic, PartitionIndex(index)))
}

/// The topic and partition that a deleted partition's directory belonged to.
#[must_use]
pub fn parse_deleted(name: &str) -> Option<(&str, PartitionIndex)> {
    let (head, _) = name.strip_suffix(DELETE_SUFFIX)?.rsplit_once('.')?;
    parse(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_named_as_kafka_names_them() {
        assert_eq!(partition_dir("my-topic", PartitionIndex(3)), "my-topic-3");
        assert_eq!(parse("my-topic-3"), Some(("my-topic", PartitionIndex(3))));
        assert_eq!(parse("meta.properties"), None);
        assert_eq!(parse("-3"), None);
        let deleted = deleted_dir("a.b", PartitionIndex(0), TopicId([0xab; 16]));
        assert_eq!(deleted, format!("a.b-0.{}-delete", "ab".repeat(16)));
        assert!(is_deleted(&deleted));
        assert_eq!(parse_deleted(&deleted), Some(("a.b", PartitionIndex(0))));
        assert!(deleted_dir(&"x".repeat(249), PartitionIndex(7), TopicId::ZERO).len() <= 255);
    }
}
