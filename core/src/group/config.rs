//! What the coordinator is told about limits and times.

use crate::time::Millis;

use super::modern::target::ServerAssignor;

/// Whether groups go from the classic protocol to the consumer protocol and back while they have members.
/// Source: `ConsumerGroupMigrationPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// Both ways.
    Bidirectional,
    /// To the consumer protocol only.
    Upgrade,
    /// To the classic protocol only.
    Downgrade,
    /// Neither.
    Disabled,
}

impl MigrationPolicy {
    /// Whether a classic group may become a consumer group.
    #[must_use]
    pub const fn is_upgrade_enabled(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Upgrade)
    }

    /// Whether a consumer group may become a classic group.
    #[must_use]
    pub const fn is_downgrade_enabled(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Downgrade)
    }
}

/// Settings of the group coordinator. The broker's keys for them stand in the docs; defaults are Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`.
    pub session_timeout_min: Millis,
    /// `group.max.session.timeout.ms`.
    pub session_timeout_max: Millis,
    /// `group.initial.rebalance.delay.ms`: how long a new group waits for more members before its first generation.
    pub initial_rebalance_delay: Millis,
    /// `group.max.size`: members of one group.
    pub size_max: usize,
    /// How long a member that has never had an answer may wait in a join. Source: `classicGroupNewMemberJoinTimeoutMs`, not a key.
    pub new_member_join_timeout: Millis,
    /// `offset.metadata.max.bytes`: characters of metadata in one commit.
    pub offset_metadata_max: usize,
    /// `offsets.retention.minutes`: how long offsets outlive their use.
    pub offsets_retention: Millis,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval: Millis,
    /// `group.consumer.session.timeout.ms`: how long a member of a consumer group may be silent.
    pub consumer_session_timeout: Millis,
    /// `group.consumer.heartbeat.interval.ms`: how often it is to say that it lives.
    pub consumer_heartbeat_interval: Millis,
    /// `group.consumer.max.size`: members of one consumer group.
    pub consumer_size_max: usize,
    /// `group.consumer.assignors`: the first of them, for groups whose members want none.
    pub consumer_assignor: ServerAssignor,
    /// `group.consumer.assignment.interval.ms`: how long the target of a group stays at least.
    pub consumer_assignment_interval: Millis,
    /// `group.consumer.regex.refresh.interval.ms`: how often it is looked again which topics a pattern matches, even if no topic has come.
    pub consumer_pattern_interval: Millis,
    /// `group.consumer.migration.policy`: whether groups go from one protocol to the other while they have members.
    pub consumer_migration: MigrationPolicy,
    /// `offsets.topic.num.partitions`: over how many partitions the groups are spread.
    pub offsets_partition_count: i32,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self {
            session_timeout_min: Millis(6_000),
            session_timeout_max: Millis(1_800_000),
            initial_rebalance_delay: Millis(3_000),
            size_max: usize::MAX,
            new_member_join_timeout: Millis(300_000),
            offset_metadata_max: 4096,
            offsets_retention: Millis(7 * 24 * 3_600_000),
            offsets_retention_check_interval: Millis(600_000),
            consumer_session_timeout: Millis(45_000),
            consumer_heartbeat_interval: Millis(5_000),
            consumer_size_max: usize::MAX,
            consumer_assignor: ServerAssignor::Uniform,
            consumer_assignment_interval: Millis(1_000),
            consumer_pattern_interval: Millis(600_000),
            consumer_migration: MigrationPolicy::Bidirectional,
            offsets_partition_count: 50,
        }
    }
}
