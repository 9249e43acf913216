//! DescribeTransactions, key 65, served 0. KIP-664.
//!
//! Differences from Apache Kafka: none known.

use millpond_core::shard::logs::Written;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, TopicData, TransactionState,
};

use super::dispatch::Asked;
use super::repeated::unique;
use super::respond;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DescribeTransactionsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    let ids = unique(request.transactional_ids.iter(), |id| *id);
    worker.turn(|turn| {
        // What is told must not be undone by a loss of power.
        let written: Vec<Written> = ids.iter().filter_map(|id| turn.inner.shard.uncommitted_transaction(id)).collect();
        let txns = turn.inner.shard.txns();
        let partitions: Vec<Vec<(&str, Vec<i32>)>> = ids
            .iter()
            .map(|id| {
                let topics = txns.transaction(id).into_iter().flat_map(|transaction| transaction.topics());
                topics.map(|(topic, partitions)| (topic, partitions.map(|index| index.0).collect())).collect()
            })
            .collect();
        let topics: Vec<Vec<TopicData<'_>>> = partitions
            .iter()
            .map(|topics| topics.iter().map(|(topic, partitions)| TopicData { topic, partitions: Array::from(&**partitions) }).collect())
            .collect();
        let states: Vec<TransactionState<'_>> = ids
            .iter()
            .zip(&topics)
            .map(|(transactional_id, topics)| match txns.transaction(transactional_id) {
                _ if transactional_id.is_empty() => refused(transactional_id, ErrorCode::INVALID_REQUEST),
                None => refused(transactional_id, ErrorCode::TRANSACTIONAL_ID_NOT_FOUND),
                Some(transaction) => TransactionState {
                    error_code: 0,
                    transactional_id,
                    transaction_state: transaction.state().name(),
                    transaction_timeout_ms: i32::try_from(transaction.timeout().0).unwrap_or(i32::MAX),
                    transaction_start_time_ms: transaction.started().map_or(-1, |started| started.0),
                    producer_id: transaction.identity().producer_id.0,
                    producer_epoch: transaction.identity().producer_epoch.0,
                    topics: Array::from(&**topics),
                },
            })
            .collect();
        let message = DescribeTransactionsResponse { transaction_states: Array::from(&*states), ..Default::default() };
        let outgoing = respond::encode(head, &message);
        turn.hold(head, reply, outgoing, &written, ErrorCode::COORDINATOR_NOT_AVAILABLE, None);
    });
    Ok(())
}

fn refused<'a>(transactional_id: &'a str, code: ErrorCode) -> TransactionState<'a> {
    TransactionState { error_code: code.number(), transactional_id, ..Default::default() }
}
