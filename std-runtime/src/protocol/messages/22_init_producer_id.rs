//! InitProducerId: key 22.

use millpond_core::message;

message! {
    /// Asks for a producer id, or a new epoch of one.
    ///
    /// Source: key 22; KIP-98, KIP-360 (v3), KIP-588 (v4), KIP-890 (v5), KIP-939 (v6, unstable).
    InitProducerIdRequest<'a>, key 22, versions 0-6, flexible 2+;
    /// The transactional id; null when the producer is idempotent only.
    transactional_id: Option<&'a str>, 0+, null 0+;
    /// How long a transaction may stay idle before it is aborted. Unit: ms.
    transaction_timeout_ms: i32, 0+;
    /// The producer id; -1 when there is none.
    producer_id: i64, 3+, else -1;
    /// The epoch of the producer; -1 when it has none.
    producer_epoch: i16, 3+, else -1;
    /// Whether an outside coordinator decides on the transaction (two-phase commit).
    enable2_pc: bool, 6+;
    /// Whether a prepared transaction stays open instead of being aborted.
    keep_prepared_txn: bool, 6+;
}

message! {
    /// Gives the producer id and its epoch.
    ///
    /// Source: key 22; KIP-98, KIP-219 (v1), KIP-588 (v4), KIP-890 (v5), KIP-939 (v6, unstable).
    InitProducerIdResponse, key 22, versions 0-6, flexible 2+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The producer id; -1 when there is none.
    producer_id: i64, 0+, else -1;
    /// The epoch of the producer; -1 when it has none.
    producer_epoch: i16, 0+;
    /// The producer id of the transaction kept open; -1 when there is none.
    ongoing_txn_producer_id: i64, 6+, else -1;
    /// The epoch of the transaction kept open; -1 when there is none.
    ongoing_txn_producer_epoch: i16, 6+, else -1;
}
