//! TxnOffsetCommit, key 28, served 0-5. KIP-98, KIP-320 (v2), KIP-447 (v3), KIP-890 (v4, v5).
//!
//! Differences from Apache Kafka: none known.

use millpond_core::catalog::name;
use millpond_core::group::answer::Answer as GroupAnswer;
use millpond_core::group::input::{Caller, Commit, CommitPartition, Input as GroupInput};
use millpond_core::ids::{CallId, GenerationId, LeaderEpoch, Offset, PartitionIndex};
use millpond_core::machine::Transaction;
use millpond_core::shard::transactions::TurnWritten;
use millpond_core::txn::answer::Answer;
use millpond_core::txn::input::{AddPartitions, Input, TopicPartition};
use millpond_core::txn::state::TransactionVersion;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use crate::worker::calls::{Head, WaitingRequest};
use crate::worker::reply::Outgoing;
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::transaction::{await_end, decode, identity, patience};
use super::{catalog, error_map, group, respond, transaction};

/// From this version on, the offsets join the transaction by being committed; before, they must have joined it.
const JOINS_SINCE: i16 = 5;
/// From this version on, clients know that all they can do is abort.
const ABORTABLE_SINCE: i16 = 4;

/// What stands against one partition of the request, before the coordinator is asked.
type Verdict = Option<ErrorCode>;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    asked.decode::<TxnOffsetCommitRequest<'_>>()?;
    let Asked { worker, head, reply, body, .. } = asked;
    worker.turn(|turn| {
        let due = turn.at.now.after(patience(turn));
        carry_out(turn, WaitingRequest { head, reply, body: body.to_vec(), due })
    })
}

pub(crate) fn carry_out(turn: &mut Turn<'_>, waiting: WaitingRequest) -> Result<(), DecodeError> {
    let request: TxnOffsetCommitRequest<'_> = decode(waiting.head, &waiting.body)?;
    let head = waiting.head;
    if let Err(refusal) = catalog::ensure_offsets_topic(turn) {
        tracing::error!(error = refusal.message, "offsets have nowhere to be kept");
    }
    let verdicts = judge(turn, &request);
    let mut partitions: Vec<CommitPartition<'_>> = Vec::new();
    let mut verdict = verdicts.iter();
    for topic in request.topics.iter() {
        let topic_id = turn.inner.shard.catalog().topic(topic.name).map_or_else(Default::default, |topic| topic.topic_id);
        for partition in topic.partitions.iter() {
            if verdict.next().is_some_and(Option::is_some) {
                continue;
            }
            partitions.push(CommitPartition {
                topic: topic.name,
                topic_id,
                partition: PartitionIndex(partition.partition_index),
                offset: Offset(partition.committed_offset),
                leader_epoch: Some(LeaderEpoch(partition.committed_leader_epoch)).filter(|epoch| epoch.0 >= 0),
                metadata: partition.committed_metadata.unwrap_or_default(),
            });
        }
    }
    if partitions.is_empty() {
        // Nothing is left to commit, so the coordinator is not asked. Source: `KafkaApis.handleTxnOffsetCommitRequest`.
        waiting.reply.send(encode(head, &request, &verdicts, |_| 0));
        return Ok(());
    }
    let joined = match join(turn, head, &request) {
        Ok(joined) => joined,
        Err(ErrorCode::CONCURRENT_TRANSACTIONS) => {
            let id = request.transactional_id.to_string();
            let Some(back) = await_end(turn, &id, waiting) else { return Ok(()) };
            let request: TxnOffsetCommitRequest<'_> = decode(head, &back.body)?;
            let outgoing = encode(head, &request, &verdicts, |_| ErrorCode::CONCURRENT_TRANSACTIONS.number());
            back.reply.send(outgoing);
            return Ok(());
        }
        Err(code) => {
            waiting.reply.send(encode(head, &request, &verdicts, |_| code.number()));
            return Ok(());
        }
    };
    let tell = |answer: &GroupAnswer<'_>| tell(head, &request, &verdicts, answer);
    turn.group_after(head, waiting.reply, &joined, &tell, |call| {
        GroupInput::Commit(Commit {
            caller: Caller { call, group_id: request.group_id, member_id: request.member_id, group_instance_id: request.group_instance_id },
            generation_id: Some(GenerationId(request.generation_id)).filter(|generation| generation.0 >= 0),
            knows_epochs: true,
            transaction: Some(Transaction {
                producer_id: identity(request.producer_id, 0).producer_id,
                producer_epoch: identity(0, request.producer_epoch).producer_epoch,
            }),
            expire_timestamp: None,
            partitions: &partitions,
        })
    });
    Ok(())
}

/// Lets the partition that keeps the group join the transaction, or makes sure that it has. Answers what must be committed with the offsets.
fn join(turn: &mut Turn<'_>, head: Head, request: &TxnOffsetCommitRequest<'_>) -> Result<TurnWritten, ErrorCode> {
    let partition = turn.inner.shard.groups().partition_of(request.group_id);
    let who = identity(request.producer_id, request.producer_epoch);
    let knows_abortable = head.version >= ABORTABLE_SINCE;
    let for_writer = |error: &_| error_map::of_txn_for_writer(error_map::of_txn(error), knows_abortable);
    if head.version < JOINS_SINCE {
        let verified = turn.inner.shard.txns().verify(request.transactional_id, who, name::CONSUMER_OFFSETS, partition);
        return verified.map(|()| TurnWritten::new()).map_err(|error| for_writer(&error));
    }
    let add = AddPartitions {
        call: CallId(0),
        transactional_id: request.transactional_id,
        identity: who,
        partitions: &[TopicPartition { topic: name::CONSUMER_OFFSETS, partition }],
        version: TransactionVersion::Two,
    };
    let turned = transaction::turn(turn, Input::AddPartitions(add))?;
    match turned.answer {
        Answer::PartitionsAdded(Ok(())) => Ok(turned.written),
        Answer::PartitionsAdded(Err(error)) => Err(for_writer(&error)),
        Answer::Initialized(_) | Answer::Ended(_) => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
    }
}

fn judge(turn: &Turn<'_>, request: &TxnOffsetCommitRequest<'_>) -> Vec<Verdict> {
    let catalog = turn.inner.shard.catalog();
    let mut verdicts = Vec::new();
    for topic in request.topics.iter() {
        let known = catalog.topic(topic.name);
        for partition in topic.partitions.iter() {
            let exists = known.is_some_and(|known| catalog.partition(known.slot, PartitionIndex(partition.partition_index)).is_some());
            verdicts.push((!exists).then_some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        }
    }
    verdicts
}

fn tell(head: Head, request: &TxnOffsetCommitRequest<'_>, verdicts: &[Verdict], answer: &GroupAnswer<'_>) -> Outgoing {
    let GroupAnswer::Committed(result) = answer else { return group::tell(head, answer) };
    encode(head, request, verdicts, |at| match result {
        Ok(results) => error_map::of_group_part(results.get(at).and_then(Option::as_ref)),
        Err(error) => error_map::of_group(error).number(),
    })
}

/// `coordinator` says what became of the n-th partition that the coordinator was asked about.
fn encode(head: Head, request: &TxnOffsetCommitRequest<'_>, verdicts: &[Verdict], coordinator: impl Fn(usize) -> i16) -> Outgoing {
    let mut verdict = verdicts.iter();
    let mut asked = 0;
    let mut code = || match verdict.next().copied().flatten() {
        Some(code) => code.number(),
        None => {
            asked += 1;
            coordinator(asked - 1)
        }
    };
    let partitions: Vec<Vec<TxnOffsetCommitResponsePartition>> = request
        .topics
        .iter()
        .map(|topic| {
            let partitions = topic.partitions.iter();
            partitions
                .map(|partition| TxnOffsetCommitResponsePartition { partition_index: partition.partition_index, error_code: code() })
                .collect()
        })
        .collect();
    let topics: Vec<TxnOffsetCommitResponseTopic<'_>> = request
        .topics
        .iter()
        .zip(&partitions)
        .map(|(topic, partitions)| TxnOffsetCommitResponseTopic { name: topic.name, partitions: Array::from(&**partitions) })
        .collect();
    respond::encode(head, &TxnOffsetCommitResponse { topics: Array::from(&*topics), ..Default::default() })
}
