//! What the coordinator is told about limits and times.

use crate::time::Millis;

/// Settings of the share coordinator. The broker's keys for them stand in the docs; defaults are Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareConfig {
    /// `share.coordinator.state.topic.num.partitions`: over how many partitions the states are spread.
    pub state_partition_count: i32,
    /// `share.coordinator.snapshot.update.records.per.snapshot`: how many changes are written down before the whole state is again.
    pub updates_per_snapshot: u32,
}

impl Default for ShareConfig {
    fn default() -> Self {
        Self { state_partition_count: 50, updates_per_snapshot: 500 }
    }
}

/// What holds for one group. The group's keys for them stand in the docs; defaults are Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareLimits {
    /// `share.record.lock.duration.ms`: for how long a member acquires records.
    pub record_lock: Millis,
    /// `share.delivery.count.limit`: how often a record is delivered before it is archived.
    pub delivery_count_max: u16,
    /// `share.partition.max.record.locks`: how far ahead of the first record that is not done with others are delivered.
    pub record_locks_max: u32,
    /// `share.renew.acknowledge.enable`: whether members may renew their locks.
    pub may_renew: bool,
}

impl Default for ShareLimits {
    fn default() -> Self {
        Self { record_lock: Millis(30_000), delivery_count_max: 5, record_locks_max: 2000, may_renew: true }
    }
}
