//! What members of a classic group and their assignor write to each other, through the broker and opaque to it.
//!
//! An int16 with the version stands before either message. A version above those known here is read as the highest known: later
//! versions only add fields behind, so a reader must not mind bytes left over.

use crate::message;
use crate::wire::reader::{DecodeError, Reader};
use crate::wire::schema::Message as _;
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

/// Reads what a member wrote, with its version before it.
///
/// # Errors
/// What [`DecodeError`] names.
pub fn subscription(metadata: &[u8]) -> Result<ConsumerProtocolSubscription<'_>, DecodeError> {
    let mut reader = Reader::new(metadata);
    let version = i16::from_be_bytes(reader.array()?);
    ConsumerProtocolSubscription::decode_from(&mut reader, version.min(ConsumerProtocolSubscription::VERSIONS.last))
}

/// Reads what a member was given, with its version before it.
///
/// # Errors
/// What [`DecodeError`] names.
pub fn assignment(bytes: &[u8]) -> Result<ConsumerProtocolAssignment<'_>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = i16::from_be_bytes(reader.array()?);
    ConsumerProtocolAssignment::decode_from(&mut reader, version.min(ConsumerProtocolAssignment::VERSIONS.last))
}

/// The version in which a member is to be answered: the one that it wrote in, as far as that is known here.
/// Source: `ConsumerProtocol.deserializeVersion`, `serializeAssignment`.
#[must_use]
pub fn version(metadata: &[u8]) -> i16 {
    let written = metadata.first_chunk().map_or(0, |version| i16::from_be_bytes(*version));
    written.clamp(0, ConsumerProtocolAssignment::VERSIONS.last)
}
