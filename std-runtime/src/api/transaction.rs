//! What the requests to the transaction coordinator share.

use millpond_core::catalog::name;
use millpond_core::ids::{CallId, ProducerEpoch, ProducerId};
use millpond_core::machine::{Answers, When};
use millpond_core::shard::logs::Written;
use millpond_core::shard::transactions::TurnWritten;
use millpond_core::time::Millis;
use millpond_core::txn::answer::{Answer, Identity};
use millpond_core::txn::coordinator::Coordinator;
use millpond_core::txn::error::TxnError;
use millpond_core::txn::input::Input;
use millpond_core::wire::reader::{DecodeError, Reader};
use millpond_core::wire::schema::Message;

use crate::protocol::api_key::ApiKey;
use crate::protocol::error_code::ErrorCode;
use crate::worker::calls::{Call, Head, WaitingRequest};
use crate::worker::reply::{Outgoing, Reply};
use crate::worker::turn::Turn;

use super::catalog::{Refusal, ensure_topic};
use super::*;

/// Catches the one answer of a turn.
struct Catch(Option<(When, Answer)>);

impl Answers<Coordinator<'static>> for Catch {
    fn answer(&mut self, _: CallId, when: When, answer: Answer) {
        self.0 = Some((when, answer));
    }
}

/// What a turn of the coordinator has come to.
pub(crate) struct Turned {
    /// Its answer.
    pub(crate) answer: Answer,
    /// What must be committed before the answer may be told.
    pub(crate) written: TurnWritten,
}

impl Turned {
    /// Sends what was made of the answer, when it is true.
    pub(crate) fn send(&self, turn: &mut Turn<'_>, head: Head, reply: Reply, outgoing: Outgoing) {
        turn.hold(head, reply, outgoing, &self.written, ErrorCode::NOT_COORDINATOR, None);
    }
}

/// A turn of the coordinator.
///
/// # Errors
/// When what it decided cannot be written down.
pub(crate) fn turn(at: &mut Turn<'_>, input: Input<'_>) -> Result<Turned, ErrorCode> {
    let mut catch = Catch(None);
    let inner = &mut *at.inner;
    let result = inner.shard.transaction(at.at, input, &mut catch, &mut inner.released);
    let written = result.map_err(|error| {
        tracing::warn!(%error, "the transaction coordinator could not write down what it decided");
        error_map::of_group_write(&error)
    })?;
    match catch.0 {
        Some((When::Written, answer)) => Ok(Turned { answer, written }),
        Some((When::Now, answer)) => Ok(Turned { answer, written: TurnWritten::new() }),
        None => {
            debug_assert!(false, "the coordinator answers in the turn of the request");
            Err(ErrorCode::UNKNOWN_SERVER_ERROR)
        }
    }
}

/// The code of a refusal, as a client of this version knows it. Source: KIP-588: older ones do not know that they are fenced.
pub(crate) const fn code_for(error: &TxnError, knows_fenced: bool) -> ErrorCode {
    match (error, knows_fenced) {
        (TxnError::ProducerFenced, false) => ErrorCode::INVALID_PRODUCER_EPOCH,
        (error, _) => error_map::of_txn(error),
    }
}

/// A producer as a request names it.
pub(crate) const fn identity(producer_id: i64, producer_epoch: i16) -> Identity {
    Identity { producer_id: ProducerId(producer_id), producer_epoch: ProducerEpoch(producer_epoch) }
}

/// Creates `__transaction_state`, if it is not there. Source: `TransactionStateManager.transactionTopicConfigs`.
///
/// # Errors
/// Why there is none now either.
pub(crate) fn ensure_topic_of_transactions(at: &mut Turn<'_>) -> Result<Option<Written>, Refusal> {
    let count = at.around.config.txn.partition_count;
    let segment_bytes = at.around.config.value_of("transaction.state.log.segment.bytes").unwrap_or_default();
    let configs = [("compression.type", "uncompressed"), ("cleanup.policy", "compact"), ("segment.bytes", segment_bytes)];
    ensure_topic(at, name::TRANSACTION_STATE, count, &configs)
}

/// Lets a request wait that comes while the transaction before it comes to its end, which takes as long as the disk does: it is carried out
/// again when that is over, or is told to come again when its patience ends. Gives the request back when it cannot wait.
///
/// Source: KIP-890; where Kafka looks again every `add.partitions.to.txn.retry.backoff.ms`, the end of the transaction is waited for.
pub(crate) fn await_end(turn: &mut Turn<'_>, transactional_id: &str, request: WaitingRequest) -> Option<WaitingRequest> {
    if turn.at.now >= request.due {
        return Some(request);
    }
    let inner = &mut *turn.inner;
    let due = request.due;
    let call = inner.calls.add_with(|call| {
        request.reply.waits(call, request.body.len());
        Call::Again(Box::new(request))
    });
    if inner.shard.await_end(call, due, transactional_id) {
        return None;
    }
    match inner.calls.take(call) {
        Some(Call::Again(request)) => {
            request.reply.waited(call, request.body.len());
            Some(*request)
        }
        _ => None,
    }
}

/// How long a request waits at most for the end of the transaction before it.
pub(crate) fn patience(turn: &Turn<'_>) -> Millis {
    turn.around.config.txn_retry_backoff_max
}

/// Carries a request out again that has waited.
pub(crate) fn resume(turn: &mut Turn<'_>, request: WaitingRequest) {
    let resumed = match request.head.api_key {
        ApiKey::InitProducerId => init_producer_id::carry_out(turn, request),
        ApiKey::AddPartitionsToTxn => add_partitions_to_txn::carry_out(turn, request),
        ApiKey::AddOffsetsToTxn => add_offsets_to_txn::carry_out(turn, request),
        ApiKey::EndTxn => end_txn::carry_out(turn, request),
        ApiKey::TxnOffsetCommit => txn_offset_commit::carry_out(turn, request),
        other => {
            debug_assert!(false, "{other:?} does not wait for transactions");
            Ok(())
        }
    };
    // It was read once already; who drops the reply closes the connection.
    debug_assert!(resumed.is_ok(), "what was read once can be read again");
}

/// Reads a request that has waited, or is about to.
pub(crate) fn decode<'a, M: Message<'a>>(head: Head, body: &'a [u8]) -> Result<M, DecodeError> {
    M::decode_from(&mut Reader::new(body), head.version)
}
