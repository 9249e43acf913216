//! DescribeTransactions: key 65.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks about transactions.
    ///
    /// Source: key 65; KIP-664.
    DescribeTransactionsRequest<'a>, key 65, versions 0-0, flexible 0+;
    /// The transactional ids to describe.
    transactional_ids: Array<'a, &'a str>, 0+;
}

message! {
    /// Describes transactions.
    ///
    /// Source: key 65; KIP-664.
    DescribeTransactionsResponse<'a>, key 65, versions 0-0, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// The transactions.
    transaction_states: Array<'a, TransactionState<'a>>, 0+;
}

message! {
    /// A transaction.
    TransactionState<'a>;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The transactional id.
    transactional_id: &'a str, 0+;
    /// The state of the transaction, in Kafka's words.
    transaction_state: &'a str, 0+;
    /// How long a transaction may stay idle before it is aborted. Unit: ms.
    transaction_timeout_ms: i32, 0+;
    /// When the transaction began. Unit: ms since the epoch; -1 when none is open.
    transaction_start_time_ms: i64, 0+;
    /// The producer id; -1 when there is none.
    producer_id: i64, 0+;
    /// The epoch of the producer; -1 when it has none.
    producer_epoch: i16, 0+;
    /// The topics.
    topics: Array<'a, TopicData<'a>>, 0+;
}

message! {
    /// Partitions of one topic.
    TopicData<'a>;
    /// The topic.
    topic: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
}
