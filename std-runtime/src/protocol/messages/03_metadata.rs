//! Metadata: key 3.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks for the brokers and for who leads which partition.
    ///
    /// Source: key 3; KIP-4 (v1), KIP-117 (v4), KIP-430 (v8), KIP-516 topic ids (v10, usable from v12), KIP-700 (v11), KIP-1102 (v13).
    MetadataRequest<'a>, key 3, versions 0-13, flexible 9+;
    /// The topics to describe; null for all, and before v1 an empty list means all.
    topics: Option<Array<'a, MetadataRequestTopic<'a>>>, 0+, null 1+;
    /// Whether a topic named here may be created when it is missing and the broker's settings allow it.
    allow_auto_topic_creation: bool, 4+, else true;
    /// Whether to add the operations that the caller may perform on the cluster.
    include_cluster_authorized_operations: bool, 8-10;
    /// Whether to add the operations that the caller may perform on each topic.
    include_topic_authorized_operations: bool, 8+;
}

message! {
    /// A topic to describe.
    MetadataRequestTopic<'a>;
    /// The id of the topic; zero when it is asked for by name.
    topic_id: TopicId, 10+;
    /// The topic; null when it is asked for by id.
    name: Option<&'a str>, 0+, null 10+;
}

message! {
    /// Tells the brokers and who leads which partition.
    ///
    /// Source: key 3; KIP-78 (v2), KIP-112 (v5), KIP-219 (v6), KIP-320 (v7), KIP-430 (v8), KIP-516 (v10), KIP-700 (v11), KIP-1102 (v13).
    MetadataResponse<'a>, key 3, versions 0-13, flexible 9+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 3+;
    /// The brokers of the cluster.
    brokers: Array<'a, MetadataResponseBroker<'a>>, 0+;
    /// The identity of the cluster; null when unknown.
    cluster_id: Option<&'a str>, 2+, null 2+;
    /// The number of the controller; -1 when there is none.
    controller_id: i32, 1+, else -1;
    /// The topics.
    topics: Array<'a, MetadataResponseTopic<'a>>, 0+;
    /// The operations the caller may perform on the cluster, a bit for each; -2147483648 when not asked for.
    cluster_authorized_operations: i32, 8-10, else i32::MIN;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 13+;
}

message! {
    /// A broker.
    MetadataResponseBroker<'a>;
    /// The number of the broker.
    node_id: i32, 0+;
    /// The host name or address to connect to.
    host: &'a str, 0+;
    /// The port to connect to.
    port: i32, 0+;
    /// The rack of the broker; null when it has none.
    rack: Option<&'a str>, 1+, null 1+;
}

message! {
    /// A topic.
    MetadataResponseTopic<'a>;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The topic; null when it was asked for by an id that nobody knows.
    name: Option<&'a str>, 0+, null 12+;
    /// The id of the topic; zero when it was asked for by a name that nobody knows.
    topic_id: TopicId, 10+;
    /// Whether the topic belongs to the broker itself.
    is_internal: bool, 1+;
    /// The partitions.
    partitions: Array<'a, MetadataResponsePartition<'a>>, 0+;
    /// The operations the caller may perform on the topic, a bit for each; -2147483648 when not asked for.
    topic_authorized_operations: i32, 8+, else i32::MIN;
}

message! {
    /// A partition.
    MetadataResponsePartition<'a>;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// The number of the broker that leads; -1 when none does.
    leader_id: i32, 0+;
    /// The leader epoch; -1 when unknown.
    leader_epoch: i32, 7+, else -1;
    /// The brokers that hold the partition, preferred leader first.
    replica_nodes: Array<'a, i32>, 0+;
    /// The replicas in sync with the leader.
    isr_nodes: Array<'a, i32>, 0+;
    /// The replicas that are not available.
    offline_replicas: Array<'a, i32>, 5+;
}
