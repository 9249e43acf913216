//! Produce: key 0.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::{Array, Records};

message! {
    /// Appends records to partitions.
    ///
    /// Source: key 0; KIP-98 (v3), KIP-110 zstd (v7), KIP-467 (v8), KIP-951 (v10), KIP-890 (v11, v12: a transaction adds its partitions by
    /// itself), KIP-516 topic ids (v13).
    ProduceRequest<'a>, key 0, versions 3-13, flexible 9+;
    /// The transactional id; null when the producer is not transactional.
    transactional_id: Option<&'a str>, 3+, null 3+;
    /// How many copies must exist before the answer: 0 none and no answer at all, 1 the leader's, -1 all in-sync replicas.
    acks: i16, 0+;
    /// How long to wait for the replicas. Unit: ms.
    timeout_ms: i32, 0+;
    /// The topics, each with its partitions.
    topic_data: Array<'a, TopicProduceData<'a>>, 0+;
}

message! {
    /// Records for one topic.
    TopicProduceData<'a>;
    /// The topic.
    name: &'a str, 0-12;
    /// The id of the topic.
    topic_id: TopicId, 13+;
    /// The partitions, each with its records.
    partition_data: Array<'a, PartitionProduceData<'a>>, 0+;
}

message! {
    /// Records for one partition.
    PartitionProduceData<'a>;
    /// The number of the partition.
    index: i32, 0+;
    /// The record batches; null when there are none.
    records: Option<Records<'a>>, 0+, null 0+;
}

message! {
    /// Says where the records went, or why not.
    ///
    /// Source: key 0; KIP-467 (v8), KIP-951 (v10), KIP-890 (v11, v12), KIP-516 (v13).
    ProduceResponse<'a>, key 0, versions 3-13, flexible 9+;
    /// The topics.
    responses: Array<'a, TopicProduceResponse<'a>>, 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 1+;
    /// Where the brokers named as `current_leader` listen.
    node_endpoints: Array<'a, NodeEndpoint<'a>>, 10+, tag 0;
}

message! {
    /// What became of the records for one topic.
    TopicProduceResponse<'a>;
    /// The topic.
    name: &'a str, 0-12;
    /// The id of the topic.
    topic_id: TopicId, 13+;
    /// The partitions.
    partition_responses: Array<'a, PartitionProduceResponse<'a>>, 0+;
}

message! {
    /// What became of the records for one partition.
    PartitionProduceResponse<'a>;
    /// The number of the partition.
    index: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The offset of the first record appended; -1 on an error.
    base_offset: i64, 0+;
    /// The timestamp the broker gave the records; -1 when they keep the producer's. Unit: ms since the epoch.
    log_append_time_ms: i64, 2+, else -1;
    /// The first offset the log still holds; -1 when unknown.
    log_start_offset: i64, 5+, else -1;
    /// The records for which the batch was refused.
    record_errors: Array<'a, BatchIndexAndErrorMessage<'a>>, 8+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 8+, null 8+;
    /// Where to turn instead, when the error says that this broker does not lead the partition.
    current_leader: LeaderIdAndEpoch, 10+, tag 0;
}

message! {
    /// One record for which its batch was refused.
    BatchIndexAndErrorMessage<'a>;
    /// The position of the refused record within its batch, counted from 0.
    batch_index: i32, 8+;
    /// Why that record was refused; null when there is nothing to add.
    batch_index_error_message: Option<&'a str>, 8+, null 8+;
}

message! {
    /// Who leads a partition.
    LeaderIdAndEpoch;
    /// The number of the broker that leads; -1 when none does.
    leader_id: i32, 10+, else -1;
    /// The leader epoch; -1 when unknown.
    leader_epoch: i32, 10+, else -1;
}

message! {
    /// Where a broker listens.
    NodeEndpoint<'a>;
    /// The number of the broker.
    node_id: i32, 10+;
    /// The host name or address to connect to.
    host: &'a str, 10+;
    /// The port to connect to.
    port: i32, 10+;
    /// The rack of the broker; null when it has none.
    rack: Option<&'a str>, 10+, null 10+;
}
