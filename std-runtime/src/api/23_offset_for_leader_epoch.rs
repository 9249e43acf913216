//! OffsetForLeaderEpoch, key 23, served 2-4. KIP-101, KIP-279, KIP-320.
//!
//! Differences from Apache Kafka: none known.

use millpond_core::bounded::slab::Slot;
use millpond_core::ids::{LeaderEpoch, PartitionIndex};
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::{error_map, respond};

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: OffsetForLeaderEpochRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut told: Vec<Vec<EpochEndOffset>> = Vec::new();
        for topic in request.topics.iter() {
            let slot = turn.inner.shard.catalog().topic(topic.topic).map_or(Slot::NONE, |topic| topic.slot);
            told.push(topic.partitions.iter().map(|partition| find(turn, slot, &partition)).collect());
        }
        let topics: Vec<OffsetForLeaderTopicResult<'_>> = request
            .topics
            .iter()
            .zip(&told)
            .map(|(topic, partitions)| OffsetForLeaderTopicResult { topic: topic.topic, partitions: Array::from(&**partitions) })
            .collect();
        reply.send(respond::encode(head, &OffsetForLeaderEpochResponse { topics: Array::from(&*topics), ..Default::default() }));
    });
    Ok(())
}

fn find(turn: &mut Turn<'_>, topic: Slot, asked: &OffsetForLeaderPartition) -> EpochEndOffset {
    let index = PartitionIndex(asked.partition);
    let refused = |code: ErrorCode| EpochEndOffset { error_code: code.number(), partition: asked.partition, ..Default::default() };
    let Some(current) = turn.inner.shard.catalog().partition(topic, index).map(|partition| partition.leader_epoch.0) else {
        return refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    };
    if asked.current_leader_epoch >= 0 && asked.current_leader_epoch != current {
        let fenced = asked.current_leader_epoch < current;
        return refused(if fenced { ErrorCode::FENCED_LEADER_EPOCH } else { ErrorCode::UNKNOWN_LEADER_EPOCH });
    }
    match turn.inner.shard.log(turn.at, topic, index) {
        Err(error) => refused(error_map::of_partition(&error)),
        Ok(log) => {
            // No epoch has no end. Source: `LeaderEpochFileCache.endOffsetFor`.
            let epoch = Some(LeaderEpoch(asked.leader_epoch)).filter(|epoch| epoch.0 >= 0);
            let known = epoch.and_then(|epoch| log.epoch_end_offset(epoch));
            let (leader_epoch, end_offset) = known.map_or((-1, -1), |end| (end.epoch.0, end.end.0));
            EpochEndOffset { partition: asked.partition, leader_epoch, end_offset, ..Default::default() }
        }
    }
}
