//! DeleteShareGroupOffsets: key 92.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Says that a share group is to forget topics.
    ///
    /// Source: key 92; KIP-932.
    DeleteShareGroupOffsetsRequest<'a>, key 92, versions 0-0, flexible 0+;
    /// The group.
    group_id: &'a str, 0+;
    /// The topics.
    topics: Array<'a, DeleteShareGroupOffsetsRequestTopic<'a>>, 0+;
}

message! {
    /// A topic to forget.
    DeleteShareGroupOffsetsRequestTopic<'a>;
    /// Its name.
    topic_name: &'a str, 0+;
}

message! {
    /// Tells what has become of that.
    ///
    /// Source: key 92; KIP-932.
    DeleteShareGroupOffsetsResponse<'a>, key 92, versions 0-0, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// The topics.
    responses: Array<'a, DeleteShareGroupOffsetsResponseTopic<'a>>, 0+;
}

message! {
    /// What has become of a topic.
    DeleteShareGroupOffsetsResponseTopic<'a>;
    /// Its name.
    topic_name: &'a str, 0+;
    /// Its id.
    topic_id: TopicId, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
}
