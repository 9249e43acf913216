//! ListTransactions, key 66, served 0-2. KIP-664, KIP-994 (v1), KIP-1152 (v2).
//!
//! Differences from Apache Kafka: a pattern takes 1 MiB of memory at the most, compiled.

use millpond_core::txn::state::State;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;
use regex::Regex;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::list_transactions::{ListTransactionsRequest, ListTransactionsResponse, TransactionState};

use super::dispatch::Asked;
use super::{re2, respond};

/// A state that can be asked for and that nothing is ever seen in: between a decision and its record. Source: `TransactionState`.
const NEVER_SEEN: &str = "PrepareEpochFence";

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ListTransactionsRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    let pattern = request.transactional_id_pattern.filter(|pattern| !pattern.is_empty());
    let pattern: Option<Regex> = match pattern.map(re2::compile).transpose() {
        Ok(pattern) => pattern,
        Err(_) => {
            let error_code = ErrorCode::INVALID_REGULAR_EXPRESSION.number();
            reply.send(respond::encode(head, &ListTransactionsResponse { error_code, ..Default::default() }));
            return Ok(());
        }
    };
    let is_state = |name: &&str| State::ALL.iter().any(|state| state.name() == *name) || *name == NEVER_SEEN;
    let unknown: Vec<&str> = request.state_filters.iter().filter(|name| !is_state(name)).collect();
    worker.turn(|turn| {
        let wall = turn.at.wall;
        let txns = turn.inner.shard.txns();
        let listed = txns.views().filter(|transaction| {
            let state = transaction.state().name();
            let running = wall.0.saturating_sub(transaction.started().map_or(-1, |started| started.0));
            (request.producer_id_filters.is_empty()
                || request.producer_id_filters.iter().any(|id| id == transaction.identity().producer_id.0))
                && (request.state_filters.is_empty() || request.state_filters.iter().any(|name| name == state))
                && (request.duration_filter < 0 || running > request.duration_filter)
                && pattern.as_ref().is_none_or(|pattern| pattern.is_match(transaction.transactional_id()))
        });
        let states: Vec<TransactionState<'_>> = listed
            .map(|transaction| TransactionState {
                transactional_id: transaction.transactional_id(),
                producer_id: transaction.identity().producer_id.0,
                transaction_state: transaction.state().name(),
            })
            .collect();
        let message = ListTransactionsResponse {
            unknown_state_filters: Array::from(&*unknown),
            transaction_states: Array::from(&*states),
            ..Default::default()
        };
        reply.send(respond::encode(head, &message));
    });
    Ok(())
}
