//! The records of `__consumer_offsets` that consumer groups leave behind, as Kafka stores them: see [`crate::group::schema`] for the
//! int16 before each key and each value.

use crate::ids::TopicId;
use crate::message;
use crate::wire::value::Array;

message! {
    /// Under which a consumer group is stored.
    ConsumerGroupMetadataKey<'a>, key 3, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
}

message! {
    /// A consumer group.
    ///
    /// Source: KIP-848, KIP-1101 (hash).
    ConsumerGroupMetadataValue, key 3, versions 0-0, flexible 0+;
    /// The epoch of the group.
    epoch: i32, 0+;
    /// The hash of all topics that the group subscribes to: when it is another one, one of them has changed.
    metadata_hash: i64, 0+, tag 0;
}

message! {
    /// Under which brokers before 4.1 stored the topics of a consumer group.
    ConsumerGroupPartitionMetadataKey<'a>, key 4, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
}

message! {
    /// The topics of a consumer group, as brokers before 4.1 stored them.
    ConsumerGroupPartitionMetadataValue<'a>, key 4, versions 0-0, flexible 0+;
    /// The topics.
    topics: Array<'a, TopicMetadata<'a>>, 0+;
}

message! {
    /// A topic that a group subscribes to.
    TopicMetadata<'a>;
    /// Its id.
    topic_id: TopicId, 0+;
    /// Its name.
    topic_name: &'a str, 0+;
    /// How many partitions it has.
    num_partitions: i32, 0+;
    /// The racks of its partitions; empty since 4.0.
    partition_metadata: Array<'a, PartitionMetadata<'a>>, 0+;
}

message! {
    /// The racks of a partition.
    PartitionMetadata<'a>;
    /// The partition.
    partition: i32, 0+;
    /// The racks of its replicas.
    racks: Array<'a, &'a str>, 0+;
}

message! {
    /// Under which a member of a consumer group is stored.
    ConsumerGroupMemberMetadataKey<'a>, key 5, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
    /// The member.
    member_id: &'a str, 0-0;
}

message! {
    /// What a member of a consumer group says of itself.
    ///
    /// Source: KIP-848.
    ConsumerGroupMemberMetadataValue<'a>, key 5, versions 0-0, flexible 0+;
    /// The name of a static member; null for a dynamic one.
    instance_id: Option<&'a str>, 0+, null 0+;
    /// The rack of the member; null when it has none.
    rack_id: Option<&'a str>, 0+, null 0+;
    /// What its connection calls itself.
    client_id: &'a str, 0+;
    /// Where it speaks from.
    client_host: &'a str, 0+;
    /// The topics it subscribes to by name.
    subscribed_topic_names: Array<'a, &'a str>, 0+;
    /// The pattern of topics it subscribes to; null when it has none.
    subscribed_topic_regex: Option<&'a str>, 0+, null 0+;
    /// How long it may take to give partitions back. Unit: ms; -1 when unknown.
    rebalance_timeout_ms: i32, 0+, else -1;
    /// The assignor of the broker that it wants; null for the default.
    server_assignor: Option<&'a str>, 0+, null 0+;
    /// What it said in the classic protocol; null for a member that speaks the consumer protocol.
    classic_member_metadata: Option<ClassicMemberMetadata<'a>>, 0+, null 0+, tag 0;
}

message! {
    /// What a member said that speaks the classic protocol.
    ClassicMemberMetadata<'a>;
    /// How long it may be silent. Unit: ms.
    session_timeout_ms: i32, 0+;
    /// What it offers.
    supported_protocols: Array<'a, ClassicProtocol<'a>>, 0+;
}

message! {
    /// A protocol that a member offers.
    ClassicProtocol<'a>;
    /// Its name.
    name: &'a str, 0+;
    /// What the member tells its leader under it.
    metadata: &'a [u8], 0+;
}

message! {
    /// Under which it is stored when the target assignment of a consumer group was made.
    ConsumerGroupTargetAssignmentMetadataKey<'a>, key 6, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
}

message! {
    /// When the target assignment of a consumer group was made.
    ///
    /// Source: KIP-848, KIP-1263 (timestamp).
    ConsumerGroupTargetAssignmentMetadataValue, key 6, versions 0-0, flexible 0+;
    /// For which epoch of the group.
    assignment_epoch: i32, 0+;
    /// When. Unit: ms since the epoch; 0 when unknown.
    assignment_timestamp: i64, 0+, tag 0;
}

message! {
    /// Under which the target assignment of a member is stored.
    ConsumerGroupTargetAssignmentMemberKey<'a>, key 7, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
    /// The member.
    member_id: &'a str, 0-0;
}

message! {
    /// The partitions that a member is to have.
    ConsumerGroupTargetAssignmentMemberValue<'a>, key 7, versions 0-0, flexible 0+;
    /// The partitions, by topic.
    topic_partitions: Array<'a, TargetTopicPartition<'a>>, 0+;
}

message! {
    /// Partitions of one topic that a member is to have.
    TargetTopicPartition<'a>;
    /// The topic.
    topic_id: TopicId, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
}

message! {
    /// Under which the current assignment of a member is stored.
    ConsumerGroupCurrentMemberAssignmentKey<'a>, key 8, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
    /// The member.
    member_id: &'a str, 0-0;
}

message! {
    /// The partitions that a member has, and those that it is to give back.
    ///
    /// Source: KIP-848, KIP-1251 (assignment epochs).
    ConsumerGroupCurrentMemberAssignmentValue<'a>, key 8, versions 0-0, flexible 0+;
    /// The epoch that the member is expected to name.
    member_epoch: i32, 0+;
    /// The one before, for a member that never heard of the current one.
    previous_member_epoch: i32, 0+;
    /// Where the member stands: see [`super::state::MemberState`].
    state: i8, 0+;
    /// What it has.
    assigned_partitions: Array<'a, CurrentTopicPartitions<'a>>, 0+;
    /// What it is to give back.
    partitions_pending_revocation: Array<'a, CurrentTopicPartitions<'a>>, 0+;
}

message! {
    /// Partitions of one topic that a member has.
    CurrentTopicPartitions<'a>;
    /// The topic.
    topic_id: TopicId, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
    /// The epoch at which each was assigned; null in records of brokers before 4.3.
    assignment_epochs: Option<Array<'a, i32>>, 0+, null 0+, tag 0;
}

message! {
    /// Under which the topics are stored that a pattern matches.
    ConsumerGroupRegularExpressionKey<'a>, key 16, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
    /// The pattern.
    regular_expression: &'a str, 0-0;
}

message! {
    /// The topics that a pattern matches.
    ConsumerGroupRegularExpressionValue<'a>, key 16, versions 0-0, flexible 0+;
    /// Their names.
    topics: Array<'a, &'a str>, 0+;
    /// The offset of the catalogue that they were looked up in.
    version: i64, 0+;
    /// When they were looked up. Unit: ms since the epoch.
    timestamp: i64, 0+;
}

message! {
    /// Under which a member of a share group is stored.
    ShareGroupMemberMetadataKey<'a>, key 10, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
    /// The member.
    member_id: &'a str, 0-0;
}

message! {
    /// What a member of a share group says of itself.
    ///
    /// Source: KIP-932.
    ShareGroupMemberMetadataValue<'a>, key 10, versions 0-0, flexible 0+;
    /// The rack of the member; null when it has none.
    rack_id: Option<&'a str>, 0+, null 0+;
    /// What its connection calls itself.
    client_id: &'a str, 0+;
    /// Where it speaks from.
    client_host: &'a str, 0+;
    /// The topics it subscribes to.
    subscribed_topic_names: Array<'a, &'a str>, 0+;
}

message! {
    /// Under which a share group is stored.
    ShareGroupMetadataKey<'a>, key 11, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
}

message! {
    /// A share group.
    ///
    /// Source: KIP-932.
    ShareGroupMetadataValue, key 11, versions 0-0, flexible 0+;
    /// The epoch of the group.
    epoch: i32, 0+;
    /// The hash of all topics that the group subscribes to.
    metadata_hash: i64, 0+;
}

message! {
    /// Under which it is stored when the target assignment of a share group was made.
    ShareGroupTargetAssignmentMetadataKey<'a>, key 12, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
}

message! {
    /// When the target assignment of a share group was made.
    ///
    /// Source: KIP-932, KIP-1263 (timestamp).
    ShareGroupTargetAssignmentMetadataValue, key 12, versions 0-0, flexible 0+;
    /// For which epoch of the group.
    assignment_epoch: i32, 0+;
    /// When. Unit: ms since the epoch; 0 when unknown.
    assignment_timestamp: i64, 0+, tag 0;
}

message! {
    /// Under which the target assignment of a member of a share group is stored.
    ShareGroupTargetAssignmentMemberKey<'a>, key 13, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
    /// The member.
    member_id: &'a str, 0-0;
}

message! {
    /// The partitions that a member of a share group is to have.
    ShareGroupTargetAssignmentMemberValue<'a>, key 13, versions 0-0, flexible 0+;
    /// The partitions, by topic.
    topic_partitions: Array<'a, TargetTopicPartition<'a>>, 0+;
}

message! {
    /// Under which the current assignment of a member of a share group is stored.
    ShareGroupCurrentMemberAssignmentKey<'a>, key 14, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
    /// The member.
    member_id: &'a str, 0-0;
}

message! {
    /// The partitions that a member of a share group has.
    ///
    /// Source: KIP-932.
    ShareGroupCurrentMemberAssignmentValue<'a>, key 14, versions 0-0, flexible 0+;
    /// The epoch that the member is expected to name.
    member_epoch: i32, 0+;
    /// The one before, for a member that never heard of the current one.
    previous_member_epoch: i32, 0+;
    /// Where the member stands: see [`super::state::MemberState`].
    state: i8, 0+;
    /// What it has.
    assigned_partitions: Array<'a, TargetTopicPartition<'a>>, 0+;
}

message! {
    /// Under which it is stored what a share group shares.
    ShareGroupStatePartitionMetadataKey<'a>, key 15, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
}

message! {
    /// What a share group shares.
    ///
    /// Source: KIP-932.
    ShareGroupStatePartitionMetadataValue<'a>, key 15, versions 0-0, flexible 0+;
    /// What it is about to share.
    initializing_topics: Array<'a, SharedTopic<'a>>, 0+;
    /// What it shares.
    initialized_topics: Array<'a, SharedTopic<'a>>, 0+;
    /// What it is about to share no longer.
    deleting_topics: Array<'a, UnsharedTopic<'a>>, 0+;
}

message! {
    /// Partitions of one topic that a group shares.
    SharedTopic<'a>;
    /// The topic.
    topic_id: TopicId, 0+;
    /// Its name.
    topic_name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
}

message! {
    /// A topic that a group shares no longer.
    UnsharedTopic<'a>;
    /// The topic.
    topic_id: TopicId, 0+;
    /// Its name.
    topic_name: &'a str, 0+;
}
