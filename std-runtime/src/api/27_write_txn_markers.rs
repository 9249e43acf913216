//! WriteTxnMarkers, key 27, served 1-2. KIP-98, KIP-1228 (v2).
//!
//! Brokers send it to each other; here only administrators do, to end a transaction that nobody knows (`kafka-transactions abort`, KIP-664).
//! Differences from Apache Kafka: none known.

use millpond_core::bounded::slab::Slot;
use millpond_core::ids::PartitionIndex;
use millpond_core::record::marker::{EndMarker, Outcome};
use millpond_core::shard::error::{PartitionError, WriteError};
use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::transaction::identity;
use super::{error_map, respond};

/// From this level of `transaction.version` on, the end of each transaction uses up an epoch.
const EPOCH_PER_TRANSACTION_SINCE: i8 = 2;

/// What has become of the partitions of a topic.
type TopicRow<'a> = (&'a str, Vec<WritableTxnMarkerPartitionResult>);

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: WriteTxnMarkersRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    worker.turn(|turn| {
        let mut written: Vec<Written> = Vec::new();
        let rows: Vec<Vec<TopicRow<'_>>> = request.markers.iter().map(|marker| write_all(turn, &marker, &mut written)).collect();
        let topics: Vec<Vec<WritableTxnMarkerTopicResult<'_>>> = rows
            .iter()
            .map(|rows| {
                let rows = rows.iter();
                rows.map(|(name, partitions)| WritableTxnMarkerTopicResult { name, partitions: Array::from(&**partitions) }).collect()
            })
            .collect();
        let markers: Vec<WritableTxnMarkerResult<'_>> = request
            .markers
            .iter()
            .zip(&topics)
            .map(|(marker, topics)| WritableTxnMarkerResult { producer_id: marker.producer_id, topics: Array::from(&**topics) })
            .collect();
        let outgoing = respond::encode(head, &WriteTxnMarkersResponse { markers: Array::from(&*markers) });
        turn.hold(head, reply, outgoing, &written, ErrorCode::KAFKA_STORAGE_ERROR, None);
    });
    Ok(())
}

fn write_all<'a>(turn: &mut Turn<'_>, marker: &WritableTxnMarker<'a>, written: &mut Vec<Written>) -> Vec<TopicRow<'a>> {
    let mut rows = Vec::new();
    for topic in marker.topics.iter() {
        let slot = turn.inner.shard.catalog().topic(topic.name).map_or(Slot::NONE, |topic| topic.slot);
        let partitions = topic.partition_indexes.iter().map(|partition_index| {
            let code = write(turn, marker, (slot, PartitionIndex(partition_index)), written);
            WritableTxnMarkerPartitionResult { partition_index, error_code: code.number() }
        });
        rows.push((topic.name, partitions.collect()));
    }
    rows
}

fn write(turn: &mut Turn<'_>, marker: &WritableTxnMarker<'_>, place: (Slot, PartitionIndex), written: &mut Vec<Written>) -> ErrorCode {
    let who = identity(marker.producer_id, marker.producer_epoch);
    let outcome = if marker.transaction_result { Outcome::Commit } else { Outcome::Abort };
    let end = EndMarker { outcome, coordinator_epoch: marker.coordinator_epoch };
    let epoch_per_transaction = marker.transaction_version >= EPOCH_PER_TRANSACTION_SINCE;
    let inner = &mut *turn.inner;
    match inner.shard.write_marker(turn.at, place, who, epoch_per_transaction, end, &mut inner.released) {
        Ok(end) => {
            written.push(end);
            ErrorCode::NONE
        }
        Err(WriteError::Partition(PartitionError::Unknown)) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        Err(error) => error_map::of_append(&error),
    }
}
