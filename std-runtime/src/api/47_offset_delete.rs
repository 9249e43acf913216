//! OffsetDelete, key 47, served 0. KIP-496.
//!
//! Differences from Apache Kafka: none known.

use millpond_core::group::answer::Answer;
use millpond_core::group::input::{DeleteOffsets, Input, TopicPartition};
use millpond_core::ids::PartitionIndex;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

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
    let partitions: Vec<TopicPartition<'_>> = request
        .topics
        .iter()
        .flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(move |partition| TopicPartition { topic: topic.name, partition: PartitionIndex(partition.partition_index) })
        })
        .collect();
    worker.turn(|turn| {
        turn.group(head, reply, &|answer| tell(head, &request, answer), |call| {
            Input::DeleteOffsets(DeleteOffsets { call, group_id: request.group_id, partitions: &partitions })
        });
    });
    Ok(())
}

fn tell(head: Head, request: &OffsetDeleteRequest<'_>, answer: &Answer<'_>) -> Outgoing {
    let Answer::OffsetsDeleted(result) = answer else { return group::tell(head, answer) };
    let results = match result {
        Ok(results) => *results,
        Err(error) => {
            let error_code = error_map::of_group(error).number();
            return respond::encode(head, &OffsetDeleteResponse { error_code, ..Default::default() });
        }
    };
    let mut results = results.iter();
    let mut code = || error_map::of_group_part(results.next().and_then(Option::as_ref));
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
