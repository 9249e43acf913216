//! The records of `__consumer_offsets` that classic groups and committed offsets leave behind, as Kafka stores them.
//!
//! A record's key begins with an int16 that says what follows: the `KEY` of [`LegacyOffsetCommitKey`], [`OffsetCommitKey`] or
//! [`GroupMetadataKey`]. Its value begins with an int16 too: the version of the value. No value means that the record is deleted.

use crate::ids::TopicId;
use crate::message;
use crate::wire::value::Array;

message! {
    /// Under which old brokers stored a committed offset.
    LegacyOffsetCommitKey<'a>, key 0, versions 0-0;
    /// The group.
    group: &'a str, 0-0;
    /// The topic.
    topic: &'a str, 0-0;
    /// The number of the partition.
    partition: i32, 0-0;
}

message! {
    /// A committed offset, as old brokers stored it.
    LegacyOffsetCommitValue<'a>, key 0, versions 0-0;
    /// The offset of the next record to consume.
    offset: i64, 0-0;
    /// The note stored beside the offset.
    metadata: &'a str, 0-0;
    /// When the offset was stored. Unit: ms since the epoch.
    commit_timestamp: i64, 0-0;
}

message! {
    /// Under which a committed offset is stored.
    OffsetCommitKey<'a>, key 1, versions 0-0;
    /// The group.
    group: &'a str, 0-0;
    /// The topic.
    topic: &'a str, 0-0;
    /// The number of the partition.
    partition: i32, 0-0;
}

message! {
    /// A committed offset. v4 is flexible, so that what comes later can be tagged and older brokers can still read it.
    ///
    /// Source: KIP-211 (v2, v3), KIP-320 (v3), KIP-915 (v4), KIP-848 (topic id).
    OffsetCommitValue<'a>, key 1, versions 0-4, flexible 4+;
    /// The offset of the next record to consume.
    offset: i64, 0+;
    /// The leader epoch of the last record consumed; -1 when unknown.
    leader_epoch: i32, 3+, else -1;
    /// The note stored beside the offset.
    metadata: &'a str, 0+;
    /// When the offset was stored. Unit: ms since the epoch.
    commit_timestamp: i64, 0+;
    /// When the offset expires. Unit: ms since the epoch; -1 leaves it to the settings.
    expire_timestamp: i64, 1-1, else -1;
    /// The id of the topic; zero when the commit did not say.
    topic_id: TopicId, 4+, tag 0;
}

message! {
    /// Under which a classic group is stored.
    GroupMetadataKey<'a>, key 2, versions 0-0;
    /// The group.
    group: &'a str, 0-0;
}

message! {
    /// A classic group in its generation.
    ///
    /// Source: KIP-62 (v1), KIP-211 (v2), KIP-345 (v3), KIP-915 (v4).
    GroupMetadataValue<'a>, key 2, versions 0-4, flexible 4+;
    /// What kind of group this is: consumers say `consumer`.
    protocol_type: &'a str, 0+;
    /// The generation of the group.
    generation: i32, 0+;
    /// The name of the assignor; null when the group has none.
    protocol: Option<&'a str>, 0+, null 0+;
    /// The member id of the group's leader; null when the group is empty.
    leader: Option<&'a str>, 0+, null 0+;
    /// When the group entered its state. Unit: ms since the epoch; -1 when unknown.
    current_state_timestamp: i64, 2+, else -1;
    /// The members.
    members: Array<'a, MemberMetadata<'a>>, 0+;
}

message! {
    /// A member, as the group's record keeps it.
    MemberMetadata<'a>;
    /// The member id.
    member_id: &'a str, 0+;
    /// The name of a static member (`group.instance.id`); null for a dynamic one.
    group_instance_id: Option<&'a str>, 3+, null 3+;
    /// The client id under which the member joined.
    client_id: &'a str, 0+;
    /// The address from which the member is connected.
    client_host: &'a str, 0+;
    /// How long a rebalance waits for the member. Unit: ms; -1 when the record is too old to say.
    rebalance_timeout: i32, 1+, else -1;
    /// How long the member may stay silent. Unit: ms.
    session_timeout: i32, 0+;
    /// The member's metadata for the chosen assignor.
    subscription: &'a [u8], 0+;
    /// What the member gets: opaque to the broker, read by the member's assignor.
    assignment: &'a [u8], 0+;
}
