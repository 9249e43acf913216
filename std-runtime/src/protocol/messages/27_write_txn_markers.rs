//! WriteTxnMarkers: key 27.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Ends transactions in partitions; sent by their coordinator.
    ///
    /// Source: key 27; KIP-98, KIP-1228 (v2).
    WriteTxnMarkersRequest<'a>, key 27, versions 1-2, flexible 1+;
    /// The markers, one for every transaction that ends.
    markers: Array<'a, WritableTxnMarker<'a>>, 0+;
}

message! {
    /// The end of one transaction.
    WritableTxnMarker<'a>;
    /// The producer id; -1 when there is none.
    producer_id: i64, 0+;
    /// The epoch of the producer; -1 when it has none.
    producer_epoch: i16, 0+;
    /// true writes commit markers, false abort markers.
    transaction_result: bool, 0+;
    /// The topics.
    topics: Array<'a, WritableTxnMarkerTopic<'a>>, 0+;
    /// The leader epoch of the coordinator's partition of the transaction log; an older one is refused.
    coordinator_epoch: i32, 0+;
    /// Which protocol of transactions the marker ends: 2 from KIP-890 on.
    transaction_version: i8, 2+;
}

message! {
    /// The partitions of one topic that get the marker.
    WritableTxnMarkerTopic<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The numbers of the partitions.
    partition_indexes: Array<'a, i32>, 0+;
}

message! {
    /// Says which markers were written.
    ///
    /// Source: key 27; KIP-98, KIP-1228 (v2).
    WriteTxnMarkersResponse<'a>, key 27, versions 1-2, flexible 1+;
    /// The markers, one for every transaction that ends.
    markers: Array<'a, WritableTxnMarkerResult<'a>>, 0+;
}

message! {
    /// What became of one transaction's markers.
    WritableTxnMarkerResult<'a>;
    /// The producer id; -1 when there is none.
    producer_id: i64, 0+;
    /// The topics.
    topics: Array<'a, WritableTxnMarkerTopicResult<'a>>, 0+;
}

message! {
    /// What became of one topic's markers.
    WritableTxnMarkerTopicResult<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, WritableTxnMarkerPartitionResult>, 0+;
}

message! {
    /// What became of one partition's marker.
    WritableTxnMarkerPartitionResult;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
}
