//! The settings of one log, typed.

use crate::record::codec::Compression;
use crate::record::validate::{Origin, Rules, TimestampType};
use crate::time::Millis;

/// How much of a log is kept on the disk, once it lies in the object store too. Source: KIP-405.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalRetention<T> {
    /// As much as is kept of all of it: -2.
    Total,
    /// All: -1.
    Unlimited,
    /// So much.
    AtMost(T),
}

impl<T> LocalRetention<T> {
    /// The limit, given that of all of it; `None` without limit.
    #[must_use]
    pub fn or(self, total: Option<T>) -> Option<T> {
        match self {
            Self::Total => total,
            Self::Unlimited => None,
            Self::AtMost(limit) => Some(limit),
        }
    }
}

/// The settings of one log. Defaults are Kafka's, except where a field says why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The active segment rolls when it would outgrow this. Unit: bytes, below 2 GiB. `segment.bytes`.
    pub segment_bytes: u32,
    /// The active segment rolls when its records span more time than this. `segment.ms`.
    pub segment_ms: Millis,
    /// How many bytes of batches lie between two index entries. `index.interval.bytes`.
    pub index_interval_bytes: u32,
    /// The active segment rolls when its index reaches this. Unit: bytes. `segment.index.bytes`.
    pub index_bytes_max: u32,
    /// After how many bytes in a segment the next recovery mark is due: how much is read through after a crash, give or take what was
    /// written since the last sync. Unit: bytes. Kafka reads the whole segment.
    pub recovery_bytes: u32,
    /// How long records are kept; `None` for ever. `retention.ms`.
    pub retention_ms: Option<Millis>,
    /// How many bytes are kept; `None` without limit. `retention.bytes`.
    pub retention_bytes: Option<u64>,
    /// Whether old segments are deleted. `cleanup.policy` contains `delete`.
    pub delete: bool,
    /// Whether only the last record of each key is kept. `cleanup.policy` contains `compact`.
    pub compact: bool,
    /// The largest batch. Unit: bytes. `max.message.bytes`.
    pub max_message_bytes: u32,
    /// Whose time is kept. `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// How far a record may lie in the past; `None` without limit. `message.timestamp.before.max.ms`.
    pub timestamp_before_max: Option<Millis>,
    /// How far a record may lie in the future; `None` without limit. `message.timestamp.after.max.ms`.
    pub timestamp_after_max: Option<Millis>,
    /// How batches are kept; `None` as the producer chose. `compression.type`.
    pub compression: Option<Compression>,
    /// Whether compressed batches are opened when no other rule demands it.
    pub look_inside_compressed: bool,
    /// Whether records count as safe as soon as the system has them, before they are on the disk. Kafka's defaults
    /// amount to that and trust in replicas; here one disk is all there is, so the default is not to.
    pub write_caching: bool,
    /// How much of a log must be dirty before it is compacted. Unit: millionths of its bytes. `min.cleanable.dirty.ratio`.
    pub min_dirty_millionths: u32,
    /// How old records must be to be compacted. `min.compaction.lag.ms`.
    pub min_compaction_lag: Millis,
    /// How old records may become without being compacted; `None` without limit. `max.compaction.lag.ms`.
    pub max_compaction_lag: Option<Millis>,
    /// How long tombstones and markers stay after all that they speak of was removed. `delete.retention.ms`.
    pub delete_retention: Millis,
    /// How long a producer is remembered after its last write. `producer.id.expiration.ms`.
    pub producer_expiration_ms: Millis,
    /// Whether closed segments are kept in the object store. `remote.storage.enable`.
    pub remote_storage: bool,
    /// Whether no more of them are copied there, and retention is that of a log without it. `remote.log.copy.disable`.
    pub remote_copy_disabled: bool,
    /// Whether what lies in the store is deleted when `remote_storage` no longer holds. `remote.log.delete.on.disable`.
    pub remote_delete_on_disable: bool,
    /// How long records stay on the disk too. `local.retention.ms`.
    pub local_retention_ms: LocalRetention<Millis>,
    /// How many bytes stay on the disk too. `local.retention.bytes`.
    pub local_retention_bytes: LocalRetention<u64>,
}

impl Default for LogConfig {
    fn default() -> Self {
        let rules = Rules::default();
        Self {
            segment_bytes: 1 << 30,
            segment_ms: Millis(7 * 24 * 3_600_000),
            index_interval_bytes: 4096,
            index_bytes_max: 10 << 20,
            recovery_bytes: 16 << 20,
            retention_ms: Some(Millis(7 * 24 * 3_600_000)),
            retention_bytes: None,
            delete: true,
            compact: false,
            max_message_bytes: rules.max_message_bytes,
            timestamp_type: rules.timestamp_type,
            timestamp_before_max: rules.timestamp_before_max,
            timestamp_after_max: rules.timestamp_after_max,
            compression: rules.compression,
            look_inside_compressed: rules.look_inside_compressed,
            write_caching: false,
            min_dirty_millionths: 500_000,
            min_compaction_lag: Millis::ZERO,
            max_compaction_lag: None,
            delete_retention: Millis(24 * 3_600_000),
            producer_expiration_ms: Millis(24 * 3_600_000),
            remote_storage: false,
            remote_copy_disabled: false,
            remote_delete_on_disable: false,
            local_retention_ms: LocalRetention::Total,
            local_retention_bytes: LocalRetention::Total,
        }
    }
}

impl LogConfig {
    /// The rules for one batch, for a check that runs without the log.
    #[must_use]
    pub const fn rules(&self, origin: Origin) -> Rules {
        Rules {
            origin,
            epoch_per_transaction: false,
            max_message_bytes: self.max_message_bytes,
            timestamp_type: self.timestamp_type,
            timestamp_before_max: self.timestamp_before_max,
            timestamp_after_max: self.timestamp_after_max,
            compacted: self.compact,
            compression: self.compression,
            look_inside_compressed: self.look_inside_compressed,
        }
    }

    /// Whether closed segments are copied to the object store, and leave the disk only after that.
    #[must_use]
    pub const fn tiers(&self) -> bool {
        self.remote_storage && !self.remote_copy_disabled
    }

    /// How much time the records of a segment may span: one that was to be compacted by now must not be the active one.
    /// Source: `LogConfig.maxSegmentMs`.
    pub(super) fn segment_ms_max(&self) -> Millis {
        match self.max_compaction_lag {
            Some(lag) if self.compact => lag.min(self.segment_ms),
            Some(_) | None => self.segment_ms,
        }
    }

    /// The largest segment: positions in an index are 31 bits wide.
    pub(super) fn segment_bytes_max(&self) -> u32 {
        self.segment_bytes.min(i32::MAX.cast_unsigned())
    }
}
