//! The records of `__transaction_state`, as Kafka stores them.
//!
//! A record's key begins with an int16 that says what follows, the `KEY` of [`TransactionLogKey`]; its value with an int16 too: the
//! version of the value. No value means that the transactional id is forgotten.

use crate::message;
use crate::wire::value::Array;

message! {
    /// Under which a transaction is stored.
    TransactionLogKey<'a>, key 0, versions 0-0;
    /// The transactional id.
    transactional_id: &'a str, 0-0;
}

message! {
    /// A transaction as it stands.
    ///
    /// Source: KIP-98, KIP-915 (v1), KIP-890 (tags 0 to 2), KIP-939 (tag 3).
    TransactionLogValue<'a>, key 0, versions 0-1, flexible 1+;
    /// The producer id.
    producer_id: i64, 0+;
    /// Its epoch.
    producer_epoch: i16, 0+;
    /// How long a transaction may be open. Unit: ms.
    transaction_timeout_ms: i32, 0+;
    /// The number of the state.
    transaction_status: i8, 0+;
    /// The partitions that the transaction reaches, by topic; null when none has begun.
    transaction_partitions: Option<Array<'a, PartitionsSchema<'a>>>, 0+, null 0+;
    /// When the state was entered. Unit: ms since the epoch.
    transaction_last_update_timestamp_ms: i64, 0+;
    /// When the transaction began. Unit: ms since the epoch; -1 when none has.
    transaction_start_timestamp_ms: i64, 0+;
    /// The producer id before the last change.
    previous_producer_id: i64, 1+, tag 0, else -1;
    /// The producer id that goes on when this one is used up.
    next_producer_id: i64, 1+, tag 1, else -1;
    /// The level of `transaction.version` that the producer uses.
    client_transaction_version: i16, 1+, tag 2, else 0;
    /// The epoch under which the next producer id goes on.
    next_producer_epoch: i16, 1+, tag 3, else -1;
}

message! {
    /// Partitions of one topic.
    PartitionsSchema<'a>;
    /// The topic.
    topic: &'a str, 0+;
    /// The numbers of the partitions.
    partition_ids: Array<'a, i32>, 0+;
}
