//! AddPartitionsToTxn: key 24.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Adds partitions to a transaction. Clients use v0 to v3, brokers v4 and above.
    ///
    /// Source: key 24; KIP-98, KIP-588 (v2), KIP-890 (v4, v5).
    AddPartitionsToTxnRequest<'a>, key 24, versions 0-5, flexible 3+;
    /// The transactions to add partitions to, for brokers' versions.
    transactions: Array<'a, AddPartitionsToTxnTransaction<'a>>, 4+;
    /// The transactional id.
    v3_and_below_transactional_id: &'a str, 0-3;
    /// The producer id.
    v3_and_below_producer_id: i64, 0-3;
    /// The epoch of the producer.
    v3_and_below_producer_epoch: i16, 0-3;
    /// The partitions to add, by topic.
    v3_and_below_topics: Array<'a, AddPartitionsToTxnTopic<'a>>, 0-3;
}

message! {
    /// One transaction, in brokers' versions.
    AddPartitionsToTxnTransaction<'a>;
    /// The transactional id.
    transactional_id: &'a str, 4+;
    /// The producer id; -1 when there is none.
    producer_id: i64, 4+;
    /// The epoch of the producer; -1 when it has none.
    producer_epoch: i16, 4+;
    /// Whether to ask only if the partitions belong to the transaction, and add nothing.
    verify_only: bool, 4+;
    /// The topics.
    topics: Array<'a, AddPartitionsToTxnTopic<'a>>, 4+;
}

message! {
    /// Partitions of one topic.
    AddPartitionsToTxnTopic<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
}

message! {
    /// Says which partitions were added.
    ///
    /// Source: key 24; KIP-98, KIP-219 (v1), KIP-588 (v2), KIP-890 (v4, v5).
    AddPartitionsToTxnResponse<'a>, key 24, versions 0-5, flexible 3+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 4+;
    /// What became of each transaction, for brokers' versions.
    results_by_transaction: Array<'a, AddPartitionsToTxnResult<'a>>, 4+;
    /// What became of each topic, for clients' versions.
    results_by_topic_v3_and_below: Array<'a, AddPartitionsToTxnTopicResult<'a>>, 0-3;
}

message! {
    /// What became of one transaction.
    AddPartitionsToTxnResult<'a>;
    /// The transactional id.
    transactional_id: &'a str, 4+;
    /// What became of each topic.
    topic_results: Array<'a, AddPartitionsToTxnTopicResult<'a>>, 4+;
}

message! {
    /// What became of one topic.
    AddPartitionsToTxnTopicResult<'a>;
    /// The topic.
    name: &'a str, 0+;
    /// What became of each partition.
    results_by_partition: Array<'a, AddPartitionsToTxnPartitionResult>, 0+;
}

message! {
    /// What became of one partition.
    AddPartitionsToTxnPartitionResult;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// 0, or why the partition could not be added.
    partition_error_code: i16, 0+;
}
