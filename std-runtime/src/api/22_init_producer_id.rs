//! InitProducerId, key 22, served 0-5. KIP-98, KIP-360 (v3), KIP-588 (v4), KIP-890 (v5).
//!
//! Differences from Apache Kafka: a request that comes while the transaction before comes to its end waits for that, up to
//! `add.partitions.to.txn.retry.backoff.max.ms`, before it is answered CONCURRENT_TRANSACTIONS.

use millpond_core::ids::CallId;
use millpond_core::time::Millis;
use millpond_core::txn::answer::{Answer, Identity};
use millpond_core::txn::error::TxnError;
use millpond_core::txn::input::{Initialize, Input};
use millpond_core::wire::reader::DecodeError;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use crate::worker::calls::{Head, WaitingRequest};
use crate::worker::reply::{Outgoing, Reply};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::transaction::{await_end, code_for, decode, ensure_topic_of_transactions, identity, patience};
use super::{error_map, respond, transaction};

/// From this version on, clients know that they are fenced.
const FENCED_SINCE: i16 = 4;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: InitProducerIdRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, body, .. } = asked;
    let has_id = request.transactional_id.is_some();
    // Who has an id has an epoch with it. Source: `KafkaApis.handleInitProducerIdRequest`, KIP-360.
    let is_whole = (request.producer_id == -1) == (request.producer_epoch == -1);
    if request.transactional_id == Some("") || !is_whole {
        reply.send(refused(head, ErrorCode::INVALID_REQUEST));
        return Ok(());
    }
    worker.turn(|turn| {
        if has_id {
            let due = turn.at.now.after(patience(turn));
            carry_out(turn, WaitingRequest { head, reply, body: body.to_vec(), due })
        } else {
            give_id(turn, head, reply);
            Ok(())
        }
    })
}

/// An id for a producer that is idempotent only.
fn give_id(turn: &mut Turn<'_>, head: Head, reply: Reply) {
    match turn.inner.shard.producer_id(turn.at, &mut turn.inner.released) {
        Ok(producer_id) => {
            let written: Vec<_> = turn.inner.shard.uncommitted_catalog().into_iter().collect();
            let outgoing = tell(head, identity(producer_id.0, 0));
            turn.hold(head, reply, outgoing, &written, ErrorCode::COORDINATOR_NOT_AVAILABLE, None);
        }
        Err(error) => {
            tracing::error!(%error, "producer ids cannot be allocated");
            reply.send(refused(head, error_map::of_catalog_write(&error)));
        }
    }
}

pub(crate) fn carry_out(turn: &mut Turn<'_>, waiting: WaitingRequest) -> Result<(), DecodeError> {
    let request: InitProducerIdRequest<'_> = decode(waiting.head, &waiting.body)?;
    let head = waiting.head;
    let transactional_id = request.transactional_id.unwrap_or_default();
    if let Err(refusal) = ensure_topic_of_transactions(turn) {
        tracing::error!(error = refusal.message, "transactions have nowhere to be kept");
        waiting.reply.send(refused(head, ErrorCode::COORDINATOR_NOT_AVAILABLE));
        return Ok(());
    }
    let initialize = Initialize {
        call: CallId(0),
        transactional_id,
        timeout: Millis::from_signed(request.transaction_timeout_ms.into()),
        expected: (request.producer_id != -1).then(|| identity(request.producer_id, request.producer_epoch)),
    };
    let was_ending = turn.inner.shard.txns().ending_of(transactional_id).is_some();
    match transaction::turn(turn, Input::Initialize(initialize)) {
        Err(code) => waiting.reply.send(refused(head, code)),
        Ok(turned) => {
            let outgoing = match turned.answer {
                Answer::Initialized(Ok(identity)) => tell(head, identity),
                // Not when it was this request that ended the transaction: its producer is to hear of it at once.
                Answer::Initialized(Err(TxnError::ConcurrentTransactions)) if was_ending => {
                    let id = transactional_id.to_string();
                    let Some(back) = await_end(turn, &id, waiting) else { return Ok(()) };
                    back.reply.send(refused(head, ErrorCode::CONCURRENT_TRANSACTIONS));
                    return Ok(());
                }
                Answer::Initialized(Err(error)) => refused(head, code_for(&error, head.version >= FENCED_SINCE)),
                other => unexpected(head, &other),
            };
            turned.send(turn, head, waiting.reply, outgoing);
        }
    }
    Ok(())
}

fn tell(head: Head, Identity { producer_id, producer_epoch }: Identity) -> Outgoing {
    let message = InitProducerIdResponse { producer_id: producer_id.0, producer_epoch: producer_epoch.0, ..Default::default() };
    respond::encode(head, &message)
}

fn refused(head: Head, code: ErrorCode) -> Outgoing {
    respond::encode(head, &InitProducerIdResponse { error_code: code.number(), producer_epoch: -1, ..Default::default() })
}

fn unexpected(head: Head, answer: &Answer) -> Outgoing {
    debug_assert!(false, "the coordinator answered something else: {answer:?}");
    refused(head, ErrorCode::UNKNOWN_SERVER_ERROR)
}
