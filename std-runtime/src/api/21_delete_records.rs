//! DeleteRecords, key 21, served 0-2. KIP-107.
//!
//! Differences from Apache Kafka: none known.

use millpond_core::bounded::slab::Slot;
use millpond_core::catalog::name;
use millpond_core::ids::{Offset, PartitionIndex};
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::{error_map, respond};

/// Stands for "everything that consumers can see".
const HIGH_WATERMARK: i64 = -1;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DeleteRecordsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut told: Vec<Vec<DeleteRecordsPartitionResult>> = Vec::new();
        for topic in request.topics.iter() {
            let slot = turn.inner.shard.catalog().topic(topic.name).map_or(Slot::NONE, |topic| topic.slot);
            told.push(topic.partitions.iter().map(|partition| delete(turn, slot, &partition)).collect());
        }
        let topics: Vec<DeleteRecordsTopicResult<'_>> = request
            .topics
            .iter()
            .zip(&told)
            .map(|(topic, partitions)| DeleteRecordsTopicResult { name: topic.name, partitions: Array::from(&**partitions) })
            .collect();
        reply.send(respond::encode(head, &DeleteRecordsResponse { topics: Array::from(&*topics), ..Default::default() }));
    });
    Ok(())
}

fn delete(turn: &mut Turn<'_>, topic: Slot, asked: &DeleteRecordsPartition) -> DeleteRecordsPartitionResult {
    let index = PartitionIndex(asked.partition_index);
    let told = |low_watermark: i64, code: ErrorCode| DeleteRecordsPartitionResult {
        partition_index: asked.partition_index,
        low_watermark,
        error_code: code.number(),
    };
    if turn.inner.shard.catalog().topic_at(topic).is_some_and(|topic| name::is_internal(topic.name)) {
        // Source: `ReplicaManager.deleteRecordsOnLocalLog`.
        return told(-1, ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    let compacted_only = match turn.inner.shard.log(turn.at, topic, index) {
        Ok(log) => log.config().compact && !log.config().delete,
        Err(error) => return told(-1, error_map::of_partition(&error)),
    };
    if compacted_only {
        // Source: `ReplicaManager.deleteRecordsOnLocalLog`.
        return told(-1, ErrorCode::POLICY_VIOLATION);
    }
    if asked.offset < HIGH_WATERMARK {
        return told(-1, ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    let upto = Some(Offset(asked.offset)).filter(|offset| offset.0 != HIGH_WATERMARK);
    match turn.inner.shard.delete_records(turn.at, topic, index, upto) {
        Ok(marks) => {
            turn.arm_checkpoint(turn.around.config.log_start_checkpoint_interval);
            told(marks.log_start().0, ErrorCode::NONE)
        }
        Err(error) => told(-1, error_map::of_partition(&error)),
    }
}
