//! DeleteTopics: key 20.

use millpond_core::ids::TopicId;
use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Deletes topics.
    ///
    /// Source: key 20; KIP-4, KIP-599 (v5), KIP-516 topic ids (v6).
    DeleteTopicsRequest<'a>, key 20, versions 1-6, flexible 4+;
    /// The topics.
    topics: Array<'a, DeleteTopicState<'a>>, 6+;
    /// The topics to delete.
    topic_names: Array<'a, &'a str>, 0-5;
    /// How long the broker may take. Unit: ms.
    timeout_ms: i32, 0+;
}

message! {
    /// A topic to delete.
    DeleteTopicState<'a>;
    /// The topic; null when it is named by id.
    name: Option<&'a str>, 6+, null 6+;
    /// The id of the topic; zero when it is given by name.
    topic_id: TopicId, 6+;
}

message! {
    /// Says which topics were deleted.
    ///
    /// Source: key 20; KIP-219 (v2), KIP-599 (v5), KIP-516 (v6).
    DeleteTopicsResponse<'a>, key 20, versions 1-6, flexible 4+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 1+;
    /// What became of each topic.
    responses: Array<'a, DeletableTopicResult<'a>>, 0+;
}

message! {
    /// What became of one topic.
    DeletableTopicResult<'a>;
    /// The topic; null when the caller named it by id and may not see its name.
    name: Option<&'a str>, 0+, null 6+;
    /// The id of the topic.
    topic_id: TopicId, 6+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 5+, null 5+;
}
