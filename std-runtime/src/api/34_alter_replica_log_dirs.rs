//! AlterReplicaLogDirs, key 34, served 1-2. KIP-113.
//!
//! Differences from Apache Kafka: there is one directory, so a partition can be moved there only where it is already.

use std::collections::BTreeMap;

use millpond_core::ids::PartitionIndex;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::alter_replica_log_dirs::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse,
};

use super::dispatch::Asked;
use super::respond;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: AlterReplicaLogDirsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let catalog = turn.inner.shard.catalog();
        let here = std::path::absolute(turn.inner.shard.directory().path()).ok();
        // A partition that is named for several directories goes to the last of them. Source: `AlterReplicaLogDirsRequest.partitionDirs`.
        let mut wanted: BTreeMap<&str, BTreeMap<i32, &str>> = BTreeMap::new();
        for directory in request.dirs.iter() {
            for topic in directory.topics.iter() {
                let partitions = wanted.entry(topic.name).or_default();
                partitions.extend(topic.partitions.iter().map(|index| (index, directory.path)));
            }
        }
        let judged = |topic: &str, index: i32, path: &str| {
            let is_here = here.as_deref().is_some_and(|here| std::path::Path::new(path) == here);
            let is_known = catalog.topic(topic).is_some_and(|topic| catalog.partition(topic.slot, PartitionIndex(index)).is_some());
            match (is_here, is_known) {
                (false, _) => ErrorCode::LOG_DIR_NOT_FOUND,
                (true, false) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                (true, true) => ErrorCode::NONE,
            }
        };
        let partitions: Vec<(&str, Vec<AlterReplicaLogDirPartitionResult>)> = wanted
            .iter()
            .map(|(topic, partitions)| {
                let told = partitions.iter().map(|(index, path)| AlterReplicaLogDirPartitionResult {
                    partition_index: *index,
                    error_code: judged(topic, *index, path).number(),
                });
                (*topic, told.collect())
            })
            .collect();
        let results: Vec<AlterReplicaLogDirTopicResult<'_>> = partitions
            .iter()
            .map(|(topic_name, partitions)| AlterReplicaLogDirTopicResult { topic_name, partitions: Array::from(&**partitions) })
            .collect();
        reply.send(respond::encode(head, &AlterReplicaLogDirsResponse { results: Array::from(&*results), ..Default::default() }));
    });
    Ok(())
}
