//! EndTxn, key 26, served 0-5. KIP-98, KIP-588 (v2), KIP-890 (v4, v5).
//!
//! Differences from Apache Kafka: a request that comes while the transaction before comes to its end waits for that, up to
//! `add.partitions.to.txn.retry.backoff.max.ms`, before it is answered CONCURRENT_TRANSACTIONS.

use millpond_core::ids::CallId;
use millpond_core::record::marker::Outcome;
use millpond_core::txn::answer::Answer;
use millpond_core::txn::error::TxnError;
use millpond_core::txn::input::{End, Input};
use millpond_core::txn::state::TransactionVersion;
use millpond_core::wire::reader::DecodeError;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::end_txn::{EndTxnRequest, EndTxnResponse};
use crate::worker::calls::{Head, WaitingRequest};
use crate::worker::reply::Outgoing;
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::transaction::{await_end, code_for, decode, identity, patience};
use super::{respond, transaction};

/// From this version on, the end of each transaction uses up an epoch. Source: `TransactionVersion.transactionVersionForEndTxn`.
const EPOCH_PER_TRANSACTION_SINCE: i16 = 5;
/// From this version on, clients know that they are fenced.
const FENCED_SINCE: i16 = 2;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    asked.decode::<EndTxnRequest<'_>>()?;
    let Asked { worker, head, reply, body, .. } = asked;
    worker.turn(|turn| {
        let due = turn.at.now.after(patience(turn));
        carry_out(turn, WaitingRequest { head, reply, body: body.to_vec(), due })
    })
}

pub(crate) fn carry_out(turn: &mut Turn<'_>, waiting: WaitingRequest) -> Result<(), DecodeError> {
    let request: EndTxnRequest<'_> = decode(waiting.head, &waiting.body)?;
    let head = waiting.head;
    let end = End {
        call: CallId(0),
        transactional_id: request.transactional_id,
        identity: identity(request.producer_id, request.producer_epoch),
        outcome: if request.committed { Outcome::Commit } else { Outcome::Abort },
        version: if head.version >= EPOCH_PER_TRANSACTION_SINCE { TransactionVersion::Two } else { TransactionVersion::Zero },
    };
    match transaction::turn(turn, Input::End(end)) {
        Err(code) => waiting.reply.send(refused(head, code)),
        Ok(turned) => {
            let outgoing = match turned.answer {
                Answer::Ended(Ok(next)) => {
                    let (producer_id, producer_epoch) = (next.producer_id.0, next.producer_epoch.0);
                    respond::encode(head, &EndTxnResponse { producer_id, producer_epoch, ..Default::default() })
                }
                Answer::Ended(Err(TxnError::ConcurrentTransactions)) => {
                    let id = request.transactional_id.to_string();
                    let Some(back) = await_end(turn, &id, waiting) else { return Ok(()) };
                    back.reply.send(refused(head, ErrorCode::CONCURRENT_TRANSACTIONS));
                    return Ok(());
                }
                Answer::Ended(Err(error)) => {
                    let known = turn.inner.shard.txns().transaction(request.transactional_id);
                    let (state, epoch) = known.map_or(("", -1), |known| (known.state().name(), known.identity().producer_epoch.0));
                    let (id, asks, commit) = (request.transactional_id, request.producer_epoch, request.committed);
                    tracing::warn!(id, state, epoch, asks, commit, %error, "a transaction cannot be ended so");
                    refused(head, code_for(&error, head.version >= FENCED_SINCE))
                }
                Answer::Initialized(_) | Answer::PartitionsAdded(_) => refused(head, ErrorCode::UNKNOWN_SERVER_ERROR),
            };
            turned.send(turn, head, waiting.reply, outgoing);
        }
    }
    Ok(())
}

fn refused(head: Head, code: ErrorCode) -> Outgoing {
    respond::encode(head, &EndTxnResponse { error_code: code.number(), ..Default::default() })
}
