//! The settings of the transaction coordinator.

use crate::time::Millis;

use super::state::TransactionVersion;

/// The settings. Defaults are Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxnConfig {
    /// Over how many partitions of `__transaction_state` transactional ids are spread. `transaction.state.log.num.partitions`.
    pub partition_count: i32,
    /// The longest that a transaction may be open. `transaction.max.timeout.ms`.
    pub timeout_max: Millis,
    /// How long an id is remembered that nobody uses. `transactional.id.expiration.ms`.
    pub expiration: Millis,
    /// How often such ids are looked for. `transaction.remove.expired.transaction.cleanup.interval.ms`.
    pub expiration_check_interval: Millis,
    /// The finalized level of the feature `transaction.version`: under which protocol transactions end that nobody ends.
    pub version: TransactionVersion,
}

impl Default for TxnConfig {
    fn default() -> Self {
        Self {
            partition_count: 50,
            timeout_max: Millis(900_000),
            expiration: Millis(7 * 24 * 3_600_000),
            expiration_check_interval: Millis(3_600_000),
            version: TransactionVersion::Two,
        }
    }
}
