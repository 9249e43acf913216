//! DescribeTopicPartitions: key 75.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks for topics and partitions, page by page.
    ///
    /// Source: key 75; KIP-966.
    DescribeTopicPartitionsRequest<'a>, key 75, versions 0-0, flexible 0+;
    /// The topics.
    topics: Array<'a, TopicRequest<'a>>, 0+;
    /// The most partitions to tell at once.
    response_partition_limit: i32, 0+, else 2000;
    /// Where to go on; null to begin at the first topic.
    cursor: Option<Cursor<'a>>, 0+, null 0+;
}

message! {
    /// A topic asked about.
    TopicRequest<'a>;
    /// The topic.
    name: &'a str, 0+;
}

message! {
    /// A place in the order of topics and partitions.
    Cursor<'a>;
    /// The first topic to tell.
    topic_name: &'a str, 0+;
    /// The number of the first partition to tell.
    partition_index: i32, 0+;
}

message! {
    /// Tells topics and partitions, page by page.
    ///
    /// Source: key 75; KIP-966.
    DescribeTopicPartitionsResponse<'a>, key 75, versions 0-0, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// The topics.
    topics: Array<'a, DescribeTopicPartitionsResponseTopic<'a>>, 0+;
    /// Where the caller shall go on; null when all was told.
    next_cursor: Option<Cursor<'a>>, 0+, null 0+;
}

message! {
    /// A topic.
    DescribeTopicPartitionsResponseTopic<'a>;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The topic.
    name: Option<&'a str>, 0+, null 0+;
    /// The id of the topic.
    topic_id: TopicId, 0+;
    /// Whether the topic belongs to the broker itself.
    is_internal: bool, 0+;
    /// The partitions.
    partitions: Array<'a, DescribeTopicPartitionsResponsePartition<'a>>, 0+;
    /// The operations the caller may perform on the topic, a bit for each; -2147483648 when not asked for.
    topic_authorized_operations: i32, 0+, else i32::MIN;
}

message! {
    /// A partition.
    DescribeTopicPartitionsResponsePartition<'a>;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The number of the partition.
    partition_index: i32, 0+;
    /// The number of the broker that leads; -1 when none does.
    leader_id: i32, 0+;
    /// The leader epoch; -1 when unknown.
    leader_epoch: i32, 0+, else -1;
    /// The brokers that hold the partition, preferred leader first.
    replica_nodes: Array<'a, i32>, 0+;
    /// The replicas in sync with the leader.
    isr_nodes: Array<'a, i32>, 0+;
    /// Replicas out of sync that still hold every committed record; null when there are none to name.
    eligible_leader_replicas: Option<Array<'a, i32>>, 0+, null 0+;
    /// The last known eligible leaders; null when there are none to name.
    last_known_elr: Option<Array<'a, i32>>, 0+, null 0+;
    /// The replicas that are not available.
    offline_replicas: Array<'a, i32>, 0+;
}
