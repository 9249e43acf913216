//! ListTransactions: key 66.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks which transactions this broker coordinates.
    ///
    /// Source: key 66; KIP-664, KIP-994 (v1), KIP-1152 (v2).
    ListTransactionsRequest<'a>, key 66, versions 0-2, flexible 0+;
    /// Only transactions in these states; empty for all.
    state_filters: Array<'a, &'a str>, 0+;
    /// Only transactions of these producers; empty for all.
    producer_id_filters: Array<'a, i64>, 0+;
    /// Only transactions that have been running longer. Unit: ms; negative for all.
    duration_filter: i64, 1+, else -1;
    /// Only transactional ids that match this pattern; null for all.
    transactional_id_pattern: Option<&'a str>, 2+, null 2+;
}

message! {
    /// Lists the transactions that this broker coordinates.
    ///
    /// Source: key 66; KIP-664, KIP-994 (v1), KIP-1152 (v2).
    ListTransactionsResponse<'a>, key 66, versions 0-2, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The states asked for that the coordinator does not know.
    unknown_state_filters: Array<'a, &'a str>, 0+;
    /// The transactions.
    transaction_states: Array<'a, TransactionState<'a>>, 0+;
}

message! {
    /// A transaction.
    TransactionState<'a>;
    /// The transactional id.
    transactional_id: &'a str, 0+;
    /// The producer id; -1 when there is none.
    producer_id: i64, 0+;
    /// The state of the transaction, in Kafka's words.
    transaction_state: &'a str, 0+;
}
