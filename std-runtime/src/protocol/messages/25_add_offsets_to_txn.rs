//! AddOffsetsToTxn: key 25.

use millpond_core::message;

message! {
    /// Adds a group's offsets to a transaction.
    ///
    /// Source: key 25; KIP-98, KIP-588 (v2), KIP-890 (v4).
    AddOffsetsToTxnRequest<'a>, key 25, versions 0-4, flexible 3+;
    /// The transactional id.
    transactional_id: &'a str, 0+;
    /// The producer id; -1 when there is none.
    producer_id: i64, 0+;
    /// The epoch of the producer; -1 when it has none.
    producer_epoch: i16, 0+;
    /// The group.
    group_id: &'a str, 0+;
}

message! {
    /// Says whether the offsets may join the transaction.
    ///
    /// Source: key 25; KIP-98, KIP-219 (v1), KIP-588 (v2), KIP-890 (v4).
    AddOffsetsToTxnResponse, key 25, versions 0-4, flexible 3+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
}
