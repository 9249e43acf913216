//! ShareGroupDescribe: key 77.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks what share groups look like.
    ///
    /// Source: key 77; KIP-932.
    ShareGroupDescribeRequest<'a>, key 77, versions 1-1, flexible 0+;
    /// The groups.
    group_ids: Array<'a, &'a str>, 0+;
    /// Whether the answer shall say what the caller may do.
    include_authorized_operations: bool, 0+;
}

message! {
    /// Tells what share groups look like.
    ///
    /// Source: key 77; KIP-932.
    ShareGroupDescribeResponse<'a>, key 77, versions 1-1, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// The groups.
    groups: Array<'a, DescribedGroup<'a>>, 0+;
}

message! {
    /// A share group.
    DescribedGroup<'a>;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// The group.
    group_id: &'a str, 0+;
    /// Its state by name.
    group_state: &'a str, 0+;
    /// Its epoch.
    group_epoch: i32, 0+;
    /// For which epoch its target was made.
    assignment_epoch: i32, 0+;
    /// The assignor that makes its targets.
    assignor_name: &'a str, 0+;
    /// Its members.
    members: Array<'a, Member<'a>>, 0+;
    /// What the caller may do, one bit an operation; the smallest number when that was not asked.
    authorized_operations: i32, 0+, else i32::MIN;
}

message! {
    /// A member of a share group.
    Member<'a>;
    /// Its id.
    member_id: &'a str, 0+;
    /// Its rack; null when it has none.
    rack_id: Option<&'a str>, 0+, null 0+;
    /// Its epoch.
    member_epoch: i32, 0+;
    /// What its connection calls itself.
    client_id: &'a str, 0+;
    /// Where it speaks from.
    client_host: &'a str, 0+;
    /// The topics it subscribes to.
    subscribed_topic_names: Array<'a, &'a str>, 0+;
    /// What it has.
    assignment: Assignment<'a>, 0+;
}

message! {
    /// What a member has.
    Assignment<'a>;
    /// The partitions, by topic.
    topic_partitions: Array<'a, TopicPartitions<'a>>, 0+;
}

message! {
    /// Partitions of one topic.
    TopicPartitions<'a>;
    /// The id of the topic.
    topic_id: TopicId, 0+;
    /// Its name.
    topic_name: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
}
