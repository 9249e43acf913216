//! DescribeProducers: key 61.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks which producers write to partitions.
    ///
    /// Source: key 61; KIP-664.
    DescribeProducersRequest<'a>, key 61, versions 0-0, flexible 0+;
    /// The topics.
    topics: Array<'a, TopicRequest<'a>>, 0+;
}

message! {
    /// A topic asked about.
    TopicRequest<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The numbers of the partitions.
    partition_indexes: Array<'a, i32>, 0+;
}

message! {
    /// Tells which producers write to partitions.
    ///
    /// Source: key 61; KIP-664.
    DescribeProducersResponse<'a>, key 61, versions 0-0, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// The topics.
    topics: Array<'a, TopicResponse<'a>>, 0+;
}

message! {
    /// The producers of one topic.
    TopicResponse<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, PartitionResponse<'a>>, 0+;
}

message! {
    /// The producers of one partition.
    PartitionResponse<'a>;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// The producers whose state the partition holds.
    active_producers: Array<'a, ProducerState>, 0+;
}

message! {
    /// What a partition knows of one producer.
    ProducerState;
    /// The producer id; -1 when there is none.
    producer_id: i64, 0+;
    /// The epoch of the producer; -1 when it has none.
    producer_epoch: i32, 0+;
    /// The sequence number of the producer's last record; -1 when it has none.
    last_sequence: i32, 0+, else -1;
    /// The timestamp of the producer's last batch. Unit: ms since the epoch; -1 when it has none.
    last_timestamp: i64, 0+, else -1;
    /// The epoch of the transaction coordinator that wrote the last marker; -1 when there was none.
    coordinator_epoch: i32, 0+;
    /// The first offset of the producer's open transaction; -1 when none is open.
    current_txn_start_offset: i64, 0+, else -1;
}
