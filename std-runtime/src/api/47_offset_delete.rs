//! OffsetDelete, key 47, served 0. KIP-496.
//!
//! Differences from Apache Kafka: none known.

use millpond_core::group::answer::Answer;
use millpond_core::group::input::{DeleteOffsets, Input, TopicPartition};
use millpond_core::ids::PartitionIndex;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use crate::worker::calls::Head;
use crate::worker::reply::Outgoing;

use super::dispatch::Asked;
use super::{error_map, group, respond};

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: OffsetDeleteRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let catalog = turn.inner.shard.catalog();
        let exists = |topic: &str, index: i32| {
            catalog.topic(topic).is_some_and(|topic| catalog.partition(topic.slot, PartitionIndex(index)).is_some())
        };
        let all =
            request.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |partition| (topic.name, partition.partition_index)));
        let known: Vec<bool> = all.clone().map(|(topic, index)| exists(topic, index)).collect();
        let known_only = all.zip(&known).filter(|(_, known)| **known);
        let partitions: Vec<TopicPartition<'_>> =
            known_only.map(|((topic, index), _)| TopicPartition { topic, partition: PartitionIndex(index) }).collect();
        turn.group(head, reply, &|answer| tell(head, &request, &known, answer), |call| {
            Input::DeleteOffsets(DeleteOffsets { call, group_id: request.group_id, partitions: &partitions })
        });
    });
    Ok(())
}

/// `known` says of each partition of the request whether it exists: the coordinator was asked about those only.
fn tell(head: Head, request: &OffsetDeleteRequest<'_>, known: &[bool], answer: &Answer<'_>) -> Outgoing {
    let Answer::OffsetsDeleted(result) = answer else { return group::tell(head, answer) };
    let results = match result {
        Ok(results) => *results,
        Err(error) => {
            let error_code = error_map::of_group(error).number();
            return respond::encode(head, &OffsetDeleteResponse { error_code, ..Default::default() });
        }
    };
    let mut results = results.iter();
    let mut known = known.iter();
    let mut code = || match known.next() {
        Some(true) => error_map::of_group_part(results.next().and_then(Option::as_ref)),
        Some(false) | None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.number(),
    };
    let partitions: Vec<Vec<OffsetDeleteResponsePartition>> = request
        .topics
        .iter()
        .map(|topic| {
            let partitions = topic.partitions.iter();
            partitions
                .map(|partition| OffsetDeleteResponsePartition { partition_index: partition.partition_index, error_code: code() })
                .collect()
        })
        .collect();
    let topics: Vec<OffsetDeleteResponseTopic<'_>> = request
        .topics
        .iter()
        .zip(&partitions)
        .map(|(topic, partitions)| OffsetDeleteResponseTopic { name: topic.name, partitions: Array::from(&**partitions) })
        .collect();
    respond::encode(head, &OffsetDeleteResponse { topics: Array::from(&*topics), ..Default::default() })
}
