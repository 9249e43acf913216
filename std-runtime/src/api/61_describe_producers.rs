//! DescribeProducers, key 61, served 0. KIP-664.
//!
//! Differences from Apache Kafka: none known.

use std::collections::BTreeSet;

use millpond_core::bounded::slab::Slot;
use millpond_core::ids::PartitionIndex;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::{error_map, respond};

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DescribeProducersRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut seen: BTreeSet<(&str, i32)> = BTreeSet::new();
        let mut found: Vec<Vec<(i32, ErrorCode, Vec<ProducerState>)>> = Vec::new();
        for topic in request.topics.iter() {
            let slot = turn.inner.shard.catalog().topic(topic.name).map_or(Slot::NONE, |topic| topic.slot);
            // Each is answered once, however often it is asked for.
            let mine: Vec<i32> = topic.partition_indexes.iter().filter(|index| seen.insert((topic.name, *index))).collect();
            found.push(mine.into_iter().map(|index| producers_of(turn, slot, index)).collect());
        }
        let partitions: Vec<Vec<PartitionResponse<'_>>> = found
            .iter()
            .map(|partitions| {
                let partitions = partitions.iter();
                partitions
                    .map(|(partition_index, code, producers)| PartitionResponse {
                        partition_index: *partition_index,
                        error_code: code.number(),
                        active_producers: Array::from(&**producers),
                        ..Default::default()
                    })
                    .collect()
            })
            .collect();
        let topics: Vec<TopicResponse<'_>> = request
            .topics
            .iter()
            .zip(&partitions)
            .map(|(topic, partitions)| TopicResponse { name: topic.name, partitions: Array::from(&**partitions) })
            .collect();
        reply.send(respond::encode(head, &DescribeProducersResponse { topics: Array::from(&*topics), ..Default::default() }));
    });
    Ok(())
}

fn producers_of(turn: &mut Turn<'_>, topic: Slot, index: i32) -> (i32, ErrorCode, Vec<ProducerState>) {
    match turn.inner.shard.log(turn.at, topic, PartitionIndex(index)) {
        Err(error) => (index, error_map::of_partition(&error), Vec::new()),
        Ok(log) => {
            let producers = log.producers().iter().map(|producer| ProducerState {
                producer_id: producer.id.0,
                producer_epoch: i32::from(producer.epoch.0),
                last_sequence: producer.last_sequence().map_or(-1, |sequence| sequence.0),
                last_timestamp: producer.last_timestamp.map_or(-1, |timestamp| timestamp.0),
                coordinator_epoch: producer.coordinator_epoch,
                current_txn_start_offset: producer.transaction_start.map_or(-1, |offset| offset.0),
            });
            (index, ErrorCode::NONE, producers.collect())
        }
    }
}
