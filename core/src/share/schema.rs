//! The records of `__share_group_state`, as Kafka stores them: an int16 with the kind stands before each key, one with the version before
//! each value.

use crate::ids::TopicId;
use crate::message;
use crate::wire::value::Array;

message! {
    /// Under which the whole state of a shared partition is stored.
    ShareSnapshotKey<'a>, key 0, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
    /// The topic.
    topic_id: TopicId, 0-0;
    /// The partition.
    partition: i32, 0-0;
}

message! {
    /// The whole state of a shared partition.
    ///
    /// Source: KIP-932, KIP-1226 (count).
    ShareSnapshotValue<'a>, key 0, versions 0-0, flexible 0+;
    /// The number of the snapshot.
    snapshot_epoch: i32, 0+;
    /// How often the state was set from outside.
    state_epoch: i32, 0+;
    /// The epoch of the partition's leader.
    leader_epoch: i32, 0+;
    /// The first offset that is not done with; -1 before it was looked up.
    start_offset: i64, 0+;
    /// How many offsets from there on are done with.
    delivery_complete_count: i32, 0+, tag 0, else -1;
    /// When the state was made. Unit: ms since the epoch.
    create_timestamp: i64, 0+;
    /// When it was written. Unit: ms since the epoch.
    write_timestamp: i64, 0+;
    /// What is not as it was at the beginning.
    state_batches: Array<'a, StateBatch>, 0+;
}

message! {
    /// Under which a change of a shared partition is stored.
    ShareUpdateKey<'a>, key 1, versions 0-0;
    /// The group.
    group_id: &'a str, 0-0;
    /// The topic.
    topic_id: TopicId, 0-0;
    /// The partition.
    partition: i32, 0-0;
}

message! {
    /// A change of a shared partition since its last snapshot.
    ///
    /// Source: KIP-932, KIP-1226 (count).
    ShareUpdateValue<'a>, key 1, versions 0-0, flexible 0+;
    /// The number of the snapshot.
    snapshot_epoch: i32, 0+;
    /// The epoch of the partition's leader.
    leader_epoch: i32, 0+;
    /// The first offset that is not done with; -1 when it stays.
    start_offset: i64, 0+;
    /// How many offsets from there on are done with.
    delivery_complete_count: i32, 0+, tag 0, else -1;
    /// What has changed.
    state_batches: Array<'a, StateBatch>, 0+;
}

message! {
    /// Offsets that stand alike.
    StateBatch;
    /// The first.
    first_offset: i64, 0+;
    /// The last.
    last_offset: i64, 0+;
    /// How they stand: 0 available, 2 acknowledged, 4 archived.
    delivery_state: i8, 0+;
    /// How often they were delivered.
    delivery_count: i16, 0+;
}
