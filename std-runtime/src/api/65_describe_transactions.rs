//! DescribeTransactions, key 65, served 0. KIP-664.
//!
//! Differences from Apache Kafka: there are no transactions yet, so none is found.

use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::describe_transactions::{DescribeTransactionsRequest, DescribeTransactionsResponse, TransactionState};

use super::dispatch::Asked;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DescribeTransactionsRequest<'_> = asked.decode()?;
    let error_code = ErrorCode::TRANSACTIONAL_ID_NOT_FOUND.number();
    let state = |transactional_id| TransactionState { error_code, transactional_id, ..Default::default() };
    let states: Vec<TransactionState<'_>> = request.transactional_ids.iter().map(state).collect();
    asked.answer(&DescribeTransactionsResponse { transaction_states: Array::from(&*states), ..Default::default() });
    Ok(())
}
