//! Where logs begin and end, and what groups have committed.

use std::collections::BTreeMap;

use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::Array;

use crate::protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic};
use crate::protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
};
use crate::protocol::messages::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse};

use crate::protocol::error_code::ErrorCode;

use super::cluster::Cluster;
use super::connection::Reply;
use super::error::ClientError;

/// A partition of a topic, by name.
pub type TopicPartition = (String, i32);

/// Topics by name; ids come with version 10. Several groups come with version 8.
const COMMITTED: Versions = Versions::new(8, 9);
/// Topics by name; ids come with version 10.
const COMMIT: Versions = Versions::new(2, 9);

/// Which offset of a log is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The first there is.
    Earliest,
    /// The one the next record will get.
    Latest,
    /// The first record of this time or later. Unit: ms since the epoch.
    Timestamp(i64),
}

impl At {
    /// As ListOffsets has it.
    const fn wire(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::Timestamp(ms) => ms,
        }
    }
}

/// Finds offsets in logs. A partition without a record of that time or later has none.
///
/// # Errors
/// What [`ClientError`] names, for the first partition of which something is wrong.
pub async fn find(
    cluster: &mut Cluster,
    partitions: &[TopicPartition],
    at: At,
) -> Result<BTreeMap<TopicPartition, Option<i64>>, ClientError> {
    let deadline = cluster.deadline();
    loop {
        match find_once(cluster, partitions, at).await {
            Err(error) if error.is_retriable() && cluster.now() < deadline && !is_missing(&error) => cluster.back_off().await,
            other => return other,
        }
    }
}

/// A topic that is not there will not come by waiting.
fn is_missing(error: &ClientError) -> bool {
    error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

async fn find_once(
    cluster: &mut Cluster,
    partitions: &[TopicPartition],
    at: At,
) -> Result<BTreeMap<TopicPartition, Option<i64>>, ClientError> {
    let mut found = BTreeMap::new();
    for (leader, by_topic) in by_leader(cluster, partitions).await? {
        let wanted: Vec<(&str, Vec<ListOffsetsPartition>)> = by_topic
            .iter()
            .map(|(topic, partitions)| {
                let wanted = |index: &i32| ListOffsetsPartition { partition_index: *index, timestamp: at.wire(), ..Default::default() };
                (topic.as_str(), partitions.iter().map(wanted).collect())
            })
            .collect();
        let topics: Vec<ListOffsetsTopic<'_>> =
            wanted.iter().map(|(name, partitions)| ListOffsetsTopic { name, partitions: Array::from(&**partitions) }).collect();
        let request = ListOffsetsRequest { replica_id: -1, topics: Array::from(&*topics), timeout_ms: 30_000, ..Default::default() };
        let reply = cluster.node(leader).await?.call(&request).await?;
        let response: ListOffsetsResponse<'_> = reply.read()?;
        for topic in response.topics {
            for partition in topic.partitions {
                let what = || format!("looking for an offset of {}-{}", topic.name, partition.partition_index);
                ClientError::refused(partition.error_code, None, what)?;
                found.insert((topic.name.to_string(), partition.partition_index), (partition.offset >= 0).then_some(partition.offset));
            }
        }
    }
    match partitions.iter().find(|partition| !found.contains_key(*partition)) {
        None => Ok(found),
        Some((topic, index)) => Err(ClientError::Missing(format!("{topic}-{index}"))),
    }
}

/// Partitions of topics, by who leads them.
///
/// # Errors
/// What [`ClientError`] names: a topic or a partition that is not there, or one without a leader.
pub async fn by_leader(
    cluster: &mut Cluster,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<i32, BTreeMap<String, Vec<i32>>>, ClientError> {
    let mut names: Vec<&str> = partitions.iter().map(|(topic, _)| topic.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let topics = cluster.topics(Some(&names), false).await?;
    let mut leaders: BTreeMap<i32, BTreeMap<String, Vec<i32>>> = BTreeMap::new();
    for (name, index) in partitions {
        let topic = topics.iter().find(|topic| topic.name == *name).ok_or_else(|| ClientError::Missing(format!("topic {name}")))?;
        ClientError::refused(topic.error.number(), None, || format!("topic {name}"))?;
        let missing = || ClientError::NoPartition { topic: name.clone(), partition: *index, count: topic.partitions.len() };
        let partition = topic.partitions.iter().find(|partition| partition.index == *index).ok_or_else(missing)?;
        let leader = partition.leader.ok_or_else(|| ClientError::NoLeader { topic: name.clone(), partition: *index })?;
        leaders.entry(leader).or_default().entry(name.clone()).or_default().push(*index);
    }
    Ok(leaders)
}

/// What a group has committed: all of it, or for some partitions.
///
/// # Errors
/// What [`ClientError`] names.
pub async fn committed(
    cluster: &mut Cluster,
    group: &str,
    partitions: Option<&[TopicPartition]>,
) -> Result<BTreeMap<TopicPartition, i64>, ClientError> {
    let by_topic = partitions.map(grouped);
    let topics: Option<Vec<OffsetFetchRequestTopics<'_>>> = by_topic.as_ref().map(|by_topic| {
        by_topic
            .iter()
            .map(|(name, indexes)| OffsetFetchRequestTopics { name, partition_indexes: Array::from(&**indexes), ..Default::default() })
            .collect()
    });
    let groups = [OffsetFetchRequestGroup { group_id: group, topics: topics.as_deref().map(Array::from), ..Default::default() }];
    let request = OffsetFetchRequest { groups: Array::from(&groups), require_stable: true, ..Default::default() };
    let judge = |reply: &Reply| {
        let response: OffsetFetchResponse<'_> = reply.read()?;
        for answered in response.groups {
            ClientError::refused(answered.error_code, None, || format!("asking for the offsets of group {group}"))?;
            for topic in answered.topics {
                for partition in topic.partitions {
                    let what = || format!("asking for the offset of group {group} in {}-{}", topic.name, partition.partition_index);
                    ClientError::refused(partition.error_code, None, what)?;
                }
            }
        }
        Ok(())
    };
    let reply = cluster.ask_coordinator(group, &request, COMMITTED, judge).await?;
    let response: OffsetFetchResponse<'_> = reply.read()?;
    let answered = response.groups.iter().find(|answered| answered.group_id == group);
    let answered = answered.ok_or_else(|| ClientError::Missing(format!("group {group}")))?;
    let mut offsets = BTreeMap::new();
    for topic in answered.topics {
        for partition in topic.partitions {
            if partition.committed_offset >= 0 {
                offsets.insert((topic.name.to_string(), partition.partition_index), partition.committed_offset);
            }
        }
    }
    Ok(offsets)
}

/// Who commits.
#[derive(Clone, Copy, Debug)]
pub struct Committer<'a> {
    /// The member's id; empty for somebody outside of the group.
    pub member_id: &'a str,
    /// The member's generation; -1 for somebody outside of the group.
    pub generation: i32,
}

impl Committer<'_> {
    /// Somebody outside of the group: accepted while it has no members.
    pub const OUTSIDER: Self = Self { member_id: "", generation: -1 };
}

/// Commits offsets for a group.
///
/// # Errors
/// What [`ClientError`] names.
pub async fn commit(
    cluster: &mut Cluster,
    group: &str,
    committer: Committer<'_>,
    offsets: &BTreeMap<TopicPartition, i64>,
) -> Result<(), ClientError> {
    let mut by_topic: BTreeMap<&str, Vec<OffsetCommitRequestPartition<'_>>> = BTreeMap::new();
    for ((topic, index), offset) in offsets {
        let partition = OffsetCommitRequestPartition {
            partition_index: *index,
            committed_offset: *offset,
            committed_metadata: Some(""),
            ..Default::default()
        };
        by_topic.entry(topic).or_default().push(partition);
    }
    let topics: Vec<OffsetCommitRequestTopic<'_>> = by_topic
        .iter()
        .map(|(name, partitions)| OffsetCommitRequestTopic { name, partitions: Array::from(&**partitions), ..Default::default() })
        .collect();
    let request = OffsetCommitRequest {
        group_id: group,
        generation_id_or_member_epoch: committer.generation,
        member_id: committer.member_id,
        topics: Array::from(&*topics),
        ..Default::default()
    };
    let judge = |reply: &Reply| {
        let response: OffsetCommitResponse<'_> = reply.read()?;
        for topic in response.topics {
            for partition in topic.partitions {
                let what = || format!("committing the offset of group {group} in {}-{}", topic.name, partition.partition_index);
                ClientError::refused(partition.error_code, None, what)?;
            }
        }
        Ok(())
    };
    cluster.ask_coordinator(group, &request, COMMIT, judge).await.map(drop)
}

fn grouped(partitions: &[TopicPartition]) -> BTreeMap<&str, Vec<i32>> {
    let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, index) in partitions {
        by_topic.entry(topic).or_default().push(*index);
    }
    by_topic
}
