//! ShareAcknowledge: key 79.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Says what has become of records.
    ///
    /// Source: key 79; KIP-932, KIP-1222 (v2: renewal).
    ShareAcknowledgeRequest<'a>, key 79, versions 1-2, flexible 0+;
    /// The group.
    group_id: Option<&'a str>, 0+, null 0+;
    /// The member.
    member_id: Option<&'a str>, 0+, null 0+;
    /// The epoch of the share session; -1 closes it.
    share_session_epoch: i32, 0+;
    /// Whether there are renewals among the acknowledgements.
    is_renew_ack: bool, 2+;
    /// The topics.
    topics: Array<'a, AcknowledgeTopic<'a>>, 0+;
}

message! {
    /// A topic.
    AcknowledgeTopic<'a>;
    /// The id of the topic.
    topic_id: TopicId, 0+;
    /// The partitions.
    partitions: Array<'a, AcknowledgePartition<'a>>, 0+;
}

message! {
    /// A partition.
    AcknowledgePartition<'a>;
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
    /// Tells whether that was heard.
    ///
    /// Source: key 79; KIP-932.
    ShareAcknowledgeResponse<'a>, key 79, versions 1-2, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// For how long renewed records are acquired. Unit: ms.
    acquisition_lock_timeout_ms: i32, 2+;
    /// The topics.
    responses: Array<'a, ShareAcknowledgeTopicResponse<'a>>, 0+;
    /// Where the leaders listen that partitions were not told of.
    node_endpoints: Array<'a, NodeEndpoint<'a>>, 0+;
}

message! {
    /// A topic.
    ShareAcknowledgeTopicResponse<'a>;
    /// The id of the topic.
    topic_id: TopicId, 0+;
    /// The partitions.
    partitions: Array<'a, PartitionData<'a>>, 0+;
}

message! {
    /// A partition.
    PartitionData<'a>;
    /// The partition.
    partition_index: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// Who leads the partition.
    current_leader: LeaderIdAndEpoch, 0+;
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
