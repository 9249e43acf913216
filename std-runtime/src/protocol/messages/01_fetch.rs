//! Fetch: key 1.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::{Array, Records};

message! {
    /// Reads records, for consumers and followers.
    ///
    /// Source: key 1; KIP-98 (v4), KIP-107 (v5), KIP-227 sessions (v7), KIP-320 (v9, v12), KIP-110 zstd (v10), KIP-392 racks (v11), KIP-516
    /// topic ids (v13), KIP-405 (v14), KIP-903 (v15), KIP-951 (v16), KIP-853 (v17), KIP-1166 (v18).
    FetchRequest<'a>, key 1, versions 4-18, flexible 12+;
    /// The identity of the cluster; null when unknown.
    cluster_id: Option<&'a str>, 12+, null 12+, tag 0;
    /// The number of the follower that asks; -1 from a consumer.
    replica_id: i32, 0-14, else -1;
    /// Which follower asks.
    replica_state: ReplicaState, 15+, tag 1;
    /// How long to wait for `min_bytes`. Unit: ms.
    max_wait_ms: i32, 0+;
    /// Answer as soon as this many bytes are there.
    min_bytes: i32, 0+;
    /// The most bytes in all; a first batch larger than this is sent nevertheless (KIP-74).
    max_bytes: i32, 3+, else i32::MAX;
    /// 0 reads everything, 1 only what is committed.
    isolation_level: i8, 4+;
    /// The fetch session; 0 for none.
    session_id: i32, 7+;
    /// Counts the requests of a fetch session: 0 opens one, -1 does without.
    session_epoch: i32, 7+, else -1;
    /// The topics.
    topics: Array<'a, FetchTopic<'a>>, 0+;
    /// Partitions that leave the fetch session.
    forgotten_topics_data: Array<'a, ForgottenTopic<'a>>, 7+;
    /// The rack of the caller; empty when it has none.
    rack_id: &'a str, 11+;
}

message! {
    /// Which follower asks.
    ReplicaState;
    /// The number of the follower; -1 from a consumer.
    replica_id: i32, 15+, else -1;
    /// The registration epoch of the follower; -1 when it has none.
    replica_epoch: i64, 15+, else -1;
}

message! {
    /// What to read from one topic.
    FetchTopic<'a>;
    /// The topic.
    topic: &'a str, 0-12;
    /// The id of the topic.
    topic_id: TopicId, 13+;
    /// The partitions.
    partitions: Array<'a, FetchPartition>, 0+;
}

message! {
    /// What to read from one partition.
    FetchPartition;
    /// The number of the partition.
    partition: i32, 0+;
    /// The leader epoch the caller knows; the broker refuses an older or a newer one. -1 skips the check.
    current_leader_epoch: i32, 9+, else -1;
    /// The offset of the first record wanted.
    fetch_offset: i64, 0+;
    /// The leader epoch of the last record the caller has; -1 when it has none.
    last_fetched_epoch: i32, 12+, else -1;
    /// The first offset the follower's log holds; -1 from a consumer.
    log_start_offset: i64, 5+, else -1;
    /// The most bytes from this partition; a first batch larger than this is sent nevertheless (KIP-74).
    partition_max_bytes: i32, 0+;
    /// The log directory of the follower; zero when it does not say.
    replica_directory_id: TopicId, 17+, tag 0;
    /// The high watermark the follower knows; -1 when it knows none, the largest number when it does not take part in this.
    high_watermark: i64, 18+, tag 1, else i64::MAX;
}

message! {
    /// Partitions of one topic that leave the fetch session.
    ForgottenTopic<'a>;
    /// The topic.
    topic: &'a str, 7-12;
    /// The id of the topic.
    topic_id: TopicId, 13+;
    /// The partitions.
    partitions: Array<'a, i32>, 7+;
}

message! {
    /// Carries the records.
    ///
    /// Source: key 1; KIP-98 (v4), KIP-107 (v5), KIP-227 sessions (v7), KIP-392 (v11), KIP-320 and KIP-595 (v12), KIP-516 (v13), KIP-951
    /// (v16).
    FetchResponse<'a>, key 1, versions 4-18, flexible 12+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 1+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 7+;
    /// The fetch session; 0 for none.
    session_id: i32, 7+;
    /// The topics.
    responses: Array<'a, FetchableTopicResponse<'a>>, 0+;
    /// Where the brokers named as `current_leader` listen.
    node_endpoints: Array<'a, NodeEndpoint<'a>>, 16+, tag 0;
}

message! {
    /// What was read from one topic.
    FetchableTopicResponse<'a>;
    /// The topic.
    topic: &'a str, 0-12;
    /// The id of the topic.
    topic_id: TopicId, 13+;
    /// The partitions.
    partitions: Array<'a, PartitionData<'a>>, 0+;
}

message! {
    /// What was read from one partition.
    PartitionData<'a>;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The end of the committed records, exclusive; -1 on an error.
    high_watermark: i64, 0+;
    /// The end of the records whose transactions are decided, exclusive; -1 when unknown.
    last_stable_offset: i64, 4+, else -1;
    /// The first offset the log still holds; -1 when unknown.
    log_start_offset: i64, 5+, else -1;
    /// Where the log of the caller parts from this one: truncate to there. Set when `last_fetched_epoch` does not fit.
    diverging_epoch: EpochEndOffset, 12+, tag 0;
    /// Where to turn instead, when the error says that this broker does not lead the partition.
    current_leader: LeaderIdAndEpoch, 12+, tag 1;
    /// The snapshot to fetch instead, when the offset lies before the start of the metadata log.
    snapshot_id: SnapshotId, 12+, tag 2;
    /// Transactions whose records in this answer a reader of committed data must skip; null when it reads everything.
    aborted_transactions: Option<Array<'a, AbortedTransaction>>, 4+, null 4+;
    /// The replica that a consumer shall read from instead; -1 when this one serves.
    preferred_read_replica: i32, 11+, else -1;
    /// The record batches; null when there are none.
    records: Option<Records<'a>>, 0+, null 0+;
}

message! {
    /// The end of a leader epoch.
    EpochEndOffset;
    /// The leader epoch; -1 when unknown.
    epoch: i32, 12+, else -1;
    /// The end of the epoch, exclusive; -1 when unknown.
    end_offset: i64, 12+, else -1;
}

message! {
    /// Who leads a partition.
    LeaderIdAndEpoch;
    /// The number of the broker that leads; -1 when none does.
    leader_id: i32, 12+, else -1;
    /// The leader epoch; -1 when unknown.
    leader_epoch: i32, 12+, else -1;
}

message! {
    /// A snapshot of the metadata log.
    SnapshotId;
    /// The end of what the snapshot covers, exclusive; -1 when there is no snapshot.
    end_offset: i64, 0+, else -1;
    /// The leader epoch; -1 when unknown.
    epoch: i32, 0+, else -1;
}

message! {
    /// A transaction that was aborted.
    AbortedTransaction;
    /// The producer id; -1 when there is none.
    producer_id: i64, 4+;
    /// The first offset of the transaction in this partition.
    first_offset: i64, 4+;
}

message! {
    /// Where a broker listens.
    NodeEndpoint<'a>;
    /// The number of the broker.
    node_id: i32, 16+;
    /// The host name or address to connect to.
    host: &'a str, 16+;
    /// The port to connect to.
    port: i32, 16+;
    /// The rack of the broker; null when it has none.
    rack: Option<&'a str>, 16+, null 16+;
}
