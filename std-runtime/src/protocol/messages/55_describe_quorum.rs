//! DescribeQuorum: key 55.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks how the quorum of controllers stands.
    ///
    /// Source: key 55; KIP-595, KIP-836 (v1), KIP-853 (v2).
    DescribeQuorumRequest<'a>, key 55, versions 0-2, flexible 0+;
    /// The topics: the metadata log's.
    topics: Array<'a, TopicData<'a>>, 0+;
}

message! {
    /// A topic.
    TopicData<'a>;
    /// The topic.
    topic_name: &'a str, 0+;
    /// Its partitions.
    partitions: Array<'a, PartitionData>, 0+;
}

message! {
    /// A partition.
    PartitionData;
    /// The number of the partition.
    partition_index: i32, 0+;
}

message! {
    /// Says how the quorum of controllers stands.
    ///
    /// Source: key 55; KIP-595, KIP-836 (v1), KIP-853 (v2).
    DescribeQuorumResponse<'a>, key 55, versions 0-2, flexible 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 2+, null 2+;
    /// The topics: the metadata log's.
    topics: Array<'a, TopicQuorum<'a>>, 0+;
    /// Where the voters listen.
    nodes: Array<'a, Node<'a>>, 2+;
}

message! {
    /// The quorum of a topic.
    TopicQuorum<'a>;
    /// The topic.
    topic_name: &'a str, 0+;
    /// Its partitions.
    partitions: Array<'a, PartitionQuorum<'a>>, 0+;
}

message! {
    /// A voter.
    Node<'a>;
    /// The number of the voter.
    node_id: i32, 2+;
    /// Its listeners.
    listeners: Array<'a, Listener<'a>>, 2+;
}

message! {
    /// The quorum of a partition.
    PartitionQuorum<'a>;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 2+, null 2+;
    /// The number of the leader; -1 when there is none.
    leader_id: i32, 0+;
    /// The epoch of the leader.
    leader_epoch: i32, 0+;
    /// Up to where the log is committed.
    high_watermark: i64, 0+;
    /// The voters.
    current_voters: Array<'a, ReplicaState>, 0+;
    /// Who follows without a vote.
    observers: Array<'a, ReplicaState>, 0+;
}

message! {
    /// Where a voter listens.
    Listener<'a>;
    /// The listener.
    name: &'a str, 2+;
    /// The host name or address to connect to.
    host: &'a str, 2+;
    /// The port to connect to.
    port: u16, 2+;
}

message! {
    /// How far a node is.
    ReplicaState;
    /// The number of the node.
    replica_id: i32, 0+;
    /// The id of its log directory.
    replica_directory_id: TopicId, 2+;
    /// How far its log reaches; -1 when unknown.
    log_end_offset: i64, 0+;
    /// When it fetched last. Unit: ms since the epoch; -1 when unknown.
    last_fetch_timestamp: i64, 1+, else -1;
    /// When it had all of the leader's log last. Unit: ms since the epoch; -1 when unknown.
    last_caught_up_timestamp: i64, 1+, else -1;
}
