//! ConsumerGroupDescribe: key 69.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks about consumer groups.
    ///
    /// Source: key 69; KIP-848, KIP-1099 (v1).
    ConsumerGroupDescribeRequest<'a>, key 69, versions 0-1, flexible 0+;
    /// The groups to describe.
    group_ids: Array<'a, &'a str>, 0+;
    /// Whether to add the operations that the caller may perform on each group.
    include_authorized_operations: bool, 0+;
}

message! {
    /// Describes consumer groups.
    ///
    /// Source: key 69; KIP-848, KIP-1099 (v1).
    ConsumerGroupDescribeResponse<'a>, key 69, versions 0-1, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// The groups.
    groups: Array<'a, DescribedGroup<'a>>, 0+;
}

message! {
    /// A group.
    DescribedGroup<'a>;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// The group.
    group_id: &'a str, 0+;
    /// The state of the group, in Kafka's words; empty on an error.
    group_state: &'a str, 0+;
    /// The epoch of the group: it rises when members, subscriptions or topics change.
    group_epoch: i32, 0+;
    /// The group epoch for which the target assignment was computed.
    assignment_epoch: i32, 0+;
    /// The assignor that computed the target assignment.
    assignor_name: &'a str, 0+;
    /// The members.
    members: Array<'a, Member<'a>>, 0+;
    /// The operations the caller may perform, a bit for each; -2147483648 when not asked for.
    authorized_operations: i32, 0+, else i32::MIN;
}

message! {
    /// A member.
    Member<'a>;
    /// The member id.
    member_id: &'a str, 0+;
    /// The name of a static member; null for a dynamic one.
    instance_id: Option<&'a str>, 0+, null 0+;
    /// The rack of the member; null when it has none.
    rack_id: Option<&'a str>, 0+, null 0+;
    /// The epoch of the member.
    member_epoch: i32, 0+;
    /// The client id under which the member joined.
    client_id: &'a str, 0+;
    /// The address from which the member is connected.
    client_host: &'a str, 0+;
    /// The topics the member subscribes to by name.
    subscribed_topic_names: Array<'a, &'a str>, 0+;
    /// The pattern of topics the member subscribes to; null when it has none.
    subscribed_topic_regex: Option<&'a str>, 0+, null 0+;
    /// The partitions that the member holds now.
    assignment: Assignment<'a>, 0+;
    /// The partitions that the member will hold in the end.
    target_assignment: Assignment<'a>, 0+;
    /// 0 when the member speaks the classic protocol, 1 the consumer protocol; -1 when unknown.
    member_type: i8, 1+, else -1;
}

message! {
    /// The partitions of a member.
    Assignment<'a>;
    /// The partitions, by topic.
    topic_partitions: Array<'a, TopicPartitions<'a>>, 0+;
}

message! {
    /// Partitions of one topic.
    TopicPartitions<'a>;
    /// The id of the topic.
    topic_id: TopicId, 0+;
    /// The topic.
    topic_name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
}
