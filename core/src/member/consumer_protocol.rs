//! What members of a classic group and their assignor write to each other, through the broker and opaque to it.
//!
//! An int16 with the version stands before either message. A version above those known here is read as the highest known: later
//! versions only add fields behind, so a reader must not mind bytes left over.

use crate::message;
use crate::wire::value::Array;

message! {
    /// What a member tells its assignor: the metadata of JoinGroup.
    ///
    /// Source: KIP-429 (v1, v2), KIP-881 (v3).
    ConsumerProtocolSubscription<'a>, versions 0-3;
    /// The topics that the member wants to read.
    topics: Array<'a, &'a str>, 0+;
    /// What the assignor adds on its own account; null when nothing.
    user_data: Option<&'a [u8]>, 0+, null 0+;
    /// The partitions that the member still holds from its last assignment.
    owned_partitions: Array<'a, SubscriptionTopicPartition<'a>>, 1+;
    /// The generation in which the member got the partitions it owns; -1 when it is new.
    generation_id: i32, 2+, else -1;
    /// The rack of the member; null when it has none.
    rack_id: Option<&'a str>, 3+, null 3+;
}

message! {
    /// Partitions of one topic.
    SubscriptionTopicPartition<'a>;
    /// The topic.
    topic: &'a str, 1+;
    /// The partitions.
    partitions: Array<'a, i32>, 1+;
}

message! {
    /// What an assignor gives a member: the assignment of SyncGroup.
    ///
    /// Source: KIP-429, KIP-881.
    ConsumerProtocolAssignment<'a>, versions 0-3;
    /// The partitions given to the member, by topic.
    assigned_partitions: Array<'a, AssignmentTopicPartition<'a>>, 0+;
    /// What the assignor adds on its own account; null when nothing.
    user_data: Option<&'a [u8]>, 0+, null 0+;
}

message! {
    /// Partitions of one topic.
    AssignmentTopicPartition<'a>;
    /// The topic.
    topic: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
}
