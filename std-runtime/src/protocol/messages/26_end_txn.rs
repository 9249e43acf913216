//! EndTxn: key 26.

use millpond_core::message;

message! {
    /// Commits or aborts a transaction.
    ///
    /// Source: key 26; KIP-98, KIP-588 (v2), KIP-890 (v4, v5).
    EndTxnRequest<'a>, key 26, versions 0-5, flexible 3+;
    /// The transactional id.
    transactional_id: &'a str, 0+;
    /// The producer id; -1 when there is none.
    producer_id: i64, 0+;
    /// The epoch of the producer; -1 when it has none.
    producer_epoch: i16, 0+;
    /// Whether the transaction ends in a commit; false aborts it.
    committed: bool, 0+;
}

message! {
    /// Says whether the transaction ends; from v5 on with the producer's next epoch.
    ///
    /// Source: key 26; KIP-98, KIP-219 (v1), KIP-588 (v2), KIP-890 (v4, v5).
    EndTxnResponse, key 26, versions 0-5, flexible 3+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The producer id; -1 when there is none.
    producer_id: i64, 5+, else -1;
    /// The epoch of the producer; -1 when it has none.
    producer_epoch: i16, 5+, else -1;
}
