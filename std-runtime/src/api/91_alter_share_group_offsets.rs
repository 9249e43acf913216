//! AlterShareGroupOffsets, key 91, served 0. KIP-932.
//!
//! Differences from Apache Kafka: a partition that is named twice goes on where it is named last.

use std::collections::BTreeMap;

use millpond_core::group::input::ShareStart;
use millpond_core::ids::{Offset, PartitionIndex, TopicId};
use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::alter_share_group_offsets::{
    AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse, AlterShareGroupOffsetsResponsePartition,
    AlterShareGroupOffsetsResponseTopic,
};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::{catalog, error_map, respond, share};

struct ToldTopic<'a> {
    name: &'a str,
    id: TopicId,
    partitions: Vec<AlterShareGroupOffsetsResponsePartition<'static>>,
}

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: AlterShareGroupOffsetsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut written: Vec<Written> = Vec::new();
        let outgoing = match alter(turn, &request, &mut written) {
            Ok(told) => {
                let topics: Vec<AlterShareGroupOffsetsResponseTopic<'_>> = told
                    .iter()
                    .map(|topic| AlterShareGroupOffsetsResponseTopic {
                        topic_name: topic.name,
                        topic_id: topic.id,
                        partitions: Array::from(&*topic.partitions),
                    })
                    .collect();
                respond::encode(head, &AlterShareGroupOffsetsResponse { responses: Array::from(&*topics), ..Default::default() })
            }
            Err((code, why)) => {
                let error_message = why.as_deref();
                respond::encode(head, &AlterShareGroupOffsetsResponse { error_code: code.number(), error_message, ..Default::default() })
            }
        };
        turn.hold(head, reply, outgoing, &written, ErrorCode::NOT_COORDINATOR, None);
    });
    Ok(())
}

fn alter<'a>(
    turn: &mut Turn<'_>,
    request: &AlterShareGroupOffsetsRequest<'a>,
    written: &mut Vec<Written>,
) -> Result<Vec<ToldTopic<'a>>, (ErrorCode, Option<String>)> {
    if !share::is_enabled(turn) {
        return Err((ErrorCode::UNSUPPORTED_VERSION, None));
    }
    for refusal in [catalog::ensure_offsets_topic(turn).err(), share::ensure_state_topic(turn).err()].into_iter().flatten() {
        tracing::error!(error = refusal.message, "share groups have nowhere to be kept");
    }
    let mut told = Vec::new();
    let mut starts: BTreeMap<(TopicId, PartitionIndex), Offset> = BTreeMap::new();
    for topic in request.topics.iter() {
        let known = turn.inner.shard.catalog().topic(topic.topic_name).map(|found| (found.topic_id, found.partition_count));
        let (id, count) = known.unwrap_or((TopicId::ZERO, 0));
        let tell = |partition_index, code: ErrorCode| AlterShareGroupOffsetsResponsePartition {
            partition_index,
            error_code: code.number(),
            error_message: (code != ErrorCode::NONE).then_some("This server does not host this topic-partition."),
        };
        let mut partitions = Vec::new();
        for partition in topic.partitions.iter() {
            let index = partition.partition_index;
            let is_known = (0..count).contains(&index);
            partitions.push(tell(index, if is_known { ErrorCode::NONE } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION }));
            if is_known {
                starts.insert((id, PartitionIndex(index)), Offset(partition.start_offset));
            }
        }
        told.push(ToldTopic { name: topic.topic_name, id, partitions });
    }
    let starts: Vec<ShareStart> =
        starts.into_iter().map(|((topic_id, partition), start)| ShareStart { topic_id, partition, start }).collect();
    let inner = &mut *turn.inner;
    match inner.shard.alter_shares(turn.at, request.group_id, &starts, &mut |end| written.push(end), &mut inner.released) {
        Ok(Ok(())) => Ok(told),
        Ok(Err(error)) => Err(share::refusal(request.group_id, &error)),
        Err(error) => {
            tracing::warn!(%error, group_id = request.group_id, "where a share group is to go on could not be written down");
            Err((error_map::of_group_write(&error), None))
        }
    }
}
