//! AddOffsetsToTxn, key 25, served 0-4. KIP-98, KIP-588 (v2), KIP-890 (v4).
//!
//! Differences from Apache Kafka: a request that comes while the transaction before comes to its end waits for that, up to
//! `add.partitions.to.txn.retry.backoff.max.ms`, before it is answered CONCURRENT_TRANSACTIONS.

use millpond_core::catalog::name;
use millpond_core::ids::CallId;
use millpond_core::txn::answer::Answer;
use millpond_core::txn::error::TxnError;
use millpond_core::txn::input::{AddPartitions, Input, TopicPartition};
use millpond_core::txn::state::TransactionVersion;
use millpond_core::wire::reader::DecodeError;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
use crate::worker::calls::{Head, WaitingRequest};
use crate::worker::reply::Outgoing;
use crate::worker::turn::Turn;

use super::catalog::ensure_offsets_topic;
use super::dispatch::Asked;
use super::transaction::{await_end, code_for, decode, identity, patience};
use super::{respond, transaction};

/// From this version on, clients know that they are fenced.
const FENCED_SINCE: i16 = 2;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    asked.decode::<AddOffsetsToTxnRequest<'_>>()?;
    let Asked { worker, head, reply, body, .. } = asked;
    worker.turn(|turn| {
        let due = turn.at.now.after(patience(turn));
        carry_out(turn, WaitingRequest { head, reply, body: body.to_vec(), due })
    })
}

pub(crate) fn carry_out(turn: &mut Turn<'_>, waiting: WaitingRequest) -> Result<(), DecodeError> {
    let request: AddOffsetsToTxnRequest<'_> = decode(waiting.head, &waiting.body)?;
    let head = waiting.head;
    if let Err(refusal) = ensure_offsets_topic(turn) {
        tracing::error!(error = refusal.message, "offsets have nowhere to be kept");
        waiting.reply.send(tell(head, ErrorCode::COORDINATOR_NOT_AVAILABLE));
        return Ok(());
    }
    let partition = turn.inner.shard.groups().partition_of(request.group_id);
    let add = AddPartitions {
        call: CallId(0),
        transactional_id: request.transactional_id,
        identity: identity(request.producer_id, request.producer_epoch),
        partitions: &[TopicPartition { topic: name::CONSUMER_OFFSETS, partition }],
        version: TransactionVersion::Zero,
    };
    match transaction::turn(turn, Input::AddPartitions(add)) {
        Err(code) => waiting.reply.send(tell(head, code)),
        Ok(turned) => {
            let code = match turned.answer {
                Answer::PartitionsAdded(Ok(())) => ErrorCode::NONE,
                Answer::PartitionsAdded(Err(TxnError::ConcurrentTransactions)) => {
                    let id = request.transactional_id.to_string();
                    let Some(back) = await_end(turn, &id, waiting) else { return Ok(()) };
                    back.reply.send(tell(head, ErrorCode::CONCURRENT_TRANSACTIONS));
                    return Ok(());
                }
                Answer::PartitionsAdded(Err(error)) => code_for(&error, head.version >= FENCED_SINCE),
                Answer::Initialized(_) | Answer::Ended(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
            };
            turned.send(turn, head, waiting.reply, tell(head, code));
        }
    }
    Ok(())
}

fn tell(head: Head, code: ErrorCode) -> Outgoing {
    respond::encode(head, &AddOffsetsToTxnResponse { error_code: code.number(), ..Default::default() })
}
