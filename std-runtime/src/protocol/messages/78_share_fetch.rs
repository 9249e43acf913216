//! ShareFetch: key 78.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::{Array, Records};

message! {
    /// Asks for records to work on, and says what has become of others.
    ///
    /// Source: key 78; KIP-932, KIP-1206 (v2: acquire mode), KIP-1222 (v2: renewal).
    ShareFetchRequest<'a>, key 78, versions 1-2, flexible 0+;
    /// The group.
    group_id: Option<&'a str>, 0+, null 0+;
    /// The member.
    member_id: Option<&'a str>, 0+, null 0+;
    /// The epoch of the share session; 0 opens one, -1 closes it.
    share_session_epoch: i32, 0+;
    /// How long the answer may wait for records. Unit: ms.
    max_wait_ms: i32, 0+;
    /// The fewest bytes worth an answer before that.
    min_bytes: i32, 0+;
    /// The most bytes wanted.
    max_bytes: i32, 0+, else i32::MAX;
    /// The most records wanted, but for the end of a batch.
    max_records: i32, 1+;
    /// How many records the member wants to acquire together, about.
    batch_size: i32, 1+;
    /// 0: whole batches; 1: so many records and no more.
    share_acquire_mode: i8, 2+;
    /// Whether there are renewals among the acknowledgements.
    is_renew_ack: bool, 2+;
    /// The topics that are new in the session, or have acknowledgements.
    topics: Array<'a, FetchTopic<'a>>, 0+;
    /// The topics that leave the session.
    forgotten_topics_data: Array<'a, ForgottenTopic<'a>>, 0+;
}

message! {
    /// A topic.
    FetchTopic<'a>;
    /// The id of the topic.
    topic_id: TopicId, 0+;
    /// The partitions.
    partitions: Array<'a, FetchPartition<'a>>, 0+;
}

message! {
    /// A partition.
    FetchPartition<'a>;
    /// The partition.
    partition_index: i32, 0+;
    /// What has become of records.
    acknowledgement_batches: Array<'a, AcknowledgementBatch<'a>>, 0+;
}

message! {
    /// What has become of records in a row.
    AcknowledgementBatch<'a>;
    /// The first.
    first_offset: i64, 0+;
    /// The last.
    last_offset: i64, 0+;
    /// What: of all of them, or of each. 0 gap, 1 accept, 2 release, 3 reject, 4 renew.
    acknowledge_types: Array<'a, i8>, 0+;
}

message! {
    /// Partitions of a topic that leave the session.
    ForgottenTopic<'a>;
    /// The id of the topic.
    topic_id: TopicId, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
}

message! {
    /// Carries the records, and says which of them the member has acquired.
    ///
    /// Source: key 78; KIP-932.
    ShareFetchResponse<'a>, key 78, versions 1-2, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// For how long the records are acquired. Unit: ms.
    acquisition_lock_timeout_ms: i32, 1+;
    /// The topics.
    responses: Array<'a, ShareFetchableTopicResponse<'a>>, 0+;
    /// Where the leaders listen that partitions were not asked of.
    node_endpoints: Array<'a, NodeEndpoint<'a>>, 0+;
}

message! {
    /// What was read from one topic.
    ShareFetchableTopicResponse<'a>;
    /// The id of the topic.
    topic_id: TopicId, 0+;
    /// The partitions.
    partitions: Array<'a, PartitionData<'a>>, 0+;
}

message! {
    /// What was read from one partition.
    PartitionData<'a>;
    /// The partition.
    partition_index: i32, 0+;
    /// 0, or why nothing was read: see the table of error codes.
    error_code: i16, 0+;
    /// That error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// 0, or why the acknowledgements failed: see the table of error codes.
    acknowledge_error_code: i16, 0+;
    /// That error in words; null when there is nothing to add.
    acknowledge_error_message: Option<&'a str>, 0+, null 0+;
    /// Who leads the partition.
    current_leader: LeaderIdAndEpoch, 0+;
    /// The record batches; some of their records may not be acquired.
    records: Option<Records<'a>>, 0+, null 0-0;
    /// The records that the member has acquired.
    acquired_records: Array<'a, AcquiredRecords>, 0+;
}

message! {
    /// Records that a member has acquired together.
    AcquiredRecords;
    /// The first.
    first_offset: i64, 0+;
    /// The last.
    last_offset: i64, 0+;
    /// The how-manieth time this is.
    delivery_count: i16, 0+;
}

message! {
    /// The leader of a partition.
    LeaderIdAndEpoch;
    /// The broker; -1 when unknown.
    leader_id: i32, 0+;
    /// Its epoch.
    leader_epoch: i32, 0+;
}

message! {
    /// Where a broker listens.
    NodeEndpoint<'a>;
    /// The broker.
    node_id: i32, 0+;
    /// The host.
    host: &'a str, 0+;
    /// The port.
    port: i32, 0+;
    /// The rack; null when it has none.
    rack: Option<&'a str>, 0+, null 0+;
}
