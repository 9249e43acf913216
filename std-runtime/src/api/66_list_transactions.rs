//! ListTransactions, key 66, served 0-2. KIP-664, KIP-994 (v1), KIP-1152 (v2).
//!
//! Differences from Apache Kafka: there are no transactions yet, so none is listed.

use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::messages::list_transactions::{ListTransactionsRequest, ListTransactionsResponse};

use super::dispatch::Asked;

/// The states that can be asked for. Source: `TransactionState`.
const STATES: [&str; 7] = ["Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "PrepareEpochFence"];

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ListTransactionsRequest<'_> = asked.decode()?;
    let unknown: Vec<&str> = request.state_filters.iter().filter(|state| !STATES.contains(state)).collect();
    asked.answer(&ListTransactionsResponse { unknown_state_filters: Array::from(&*unknown), ..Default::default() });
    Ok(())
}
