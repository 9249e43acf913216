//! DescribeLogDirs, key 35, served 1-5. KIP-113, KIP-827 (v4), KIP-1066 (v5).
//!
//! Differences from Apache Kafka: there is one directory; a partition that was never written to has size 0 and no files.

use std::collections::BTreeMap;

use millpond_core::ids::PartitionIndex;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::respond;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DescribeLogDirsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut found: BTreeMap<String, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
        for (name, index) in wanted(turn, &request) {
            let topic = turn.inner.shard.catalog().topic(&name).map(|topic| topic.slot);
            let size = topic.and_then(|topic| turn.inner.shard.log(turn.at, topic, index).ok()).map(|log| log.size_bytes());
            let Some(size) = size else { continue };
            let partition_size = i64::try_from(size).unwrap_or(i64::MAX);
            found.entry(name).or_default().push(DescribeLogDirsPartition {
                partition_index: index.0,
                partition_size,
                ..Default::default()
            });
        }
        let topics: Vec<DescribeLogDirsTopic<'_>> =
            found.iter().map(|(name, partitions)| DescribeLogDirsTopic { name, partitions: Array::from(&**partitions) }).collect();
        let directory = turn.inner.shard.directory();
        let path = std::path::absolute(directory.path()).unwrap_or_else(|_| directory.path().to_path_buf());
        let path = path.to_string_lossy();
        let (total, usable) = directory.room().unwrap_or_default();
        let bytes = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        let results = [DescribeLogDirsResult {
            log_dir: &path,
            topics: Array::from(&*topics),
            total_bytes: bytes(total),
            usable_bytes: bytes(usable),
            ..Default::default()
        }];
        reply.send(respond::encode(head, &DescribeLogDirsResponse { results: Array::from(&results), ..Default::default() }));
    });
    Ok(())
}

/// The partitions that were asked for: all of them when none is named.
fn wanted(turn: &Turn<'_>, request: &DescribeLogDirsRequest<'_>) -> Vec<(String, PartitionIndex)> {
    let catalog = turn.inner.shard.catalog();
    match request.topics {
        Some(topics) => {
            let partitions = topics.iter().flat_map(|topic| topic.partitions.iter().map(move |index| (topic.topic, index)));
            partitions.map(|(topic, index)| (topic.to_string(), PartitionIndex(index))).collect()
        }
        None => {
            let topics = catalog.topics();
            topics.flat_map(|topic| (0..topic.partition_count).map(move |index| (topic.name.to_string(), PartitionIndex(index)))).collect()
        }
    }
}
