//! AddPartitionsToTxn, key 24, served 0-5. KIP-98, KIP-588 (v2), KIP-890 (v4, v5).
//!
//! Differences from Apache Kafka: a request of a client (v0-3) that comes while the transaction before comes to its end waits for that, up
//! to `add.partitions.to.txn.retry.backoff.max.ms`, before it is answered CONCURRENT_TRANSACTIONS.

use millpond_core::ids::{CallId, PartitionIndex};
use millpond_core::shard::logs::Written;
use millpond_core::txn::answer::Answer;
use millpond_core::txn::error::TxnError;
use millpond_core::txn::input::{AddPartitions, Input, TopicPartition};
use millpond_core::txn::state::TransactionVersion;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, AddPartitionsToTxnResult,
    AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult, AddPartitionsToTxnTransaction,
};
use crate::worker::calls::{Head, WaitingRequest};
use crate::worker::reply::Outgoing;
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::transaction::{await_end, code_for, decode, identity, patience};
use super::{error_map, respond, transaction};

/// From this version on, brokers ask, for several transactions at once.
const BATCHED_SINCE: i16 = 4;
/// From this version on, clients know that they are fenced.
const FENCED_SINCE: i16 = 2;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    asked.decode::<AddPartitionsToTxnRequest<'_>>()?;
    let Asked { worker, head, reply, body, .. } = asked;
    worker.turn(|turn| {
        let due = turn.at.now.after(patience(turn));
        carry_out(turn, WaitingRequest { head, reply, body: body.to_vec(), due })
    })
}

/// What is told of each partition of a transaction, in the order of the request.
type Verdicts = Vec<ErrorCode>;

pub(crate) fn carry_out(turn: &mut Turn<'_>, waiting: WaitingRequest) -> Result<(), DecodeError> {
    let request: AddPartitionsToTxnRequest<'_> = decode(waiting.head, &waiting.body)?;
    let head = waiting.head;
    let mut written: Vec<Written> = Vec::new();
    if head.version >= BATCHED_SINCE {
        let verdicts: Vec<Verdicts> = request.transactions.iter().map(|one| add_or_verify(turn, &one, head, &mut written)).collect();
        let outgoing = tell_batch(head, &request, &verdicts);
        turn.hold(head, waiting.reply, outgoing, &written, ErrorCode::NOT_COORDINATOR, None);
        return Ok(());
    }
    let one = AddPartitionsToTxnTransaction {
        transactional_id: request.v3_and_below_transactional_id,
        producer_id: request.v3_and_below_producer_id,
        producer_epoch: request.v3_and_below_producer_epoch,
        verify_only: false,
        topics: request.v3_and_below_topics,
    };
    let verdicts = add_or_verify(turn, &one, head, &mut written);
    if verdicts.first() == Some(&ErrorCode::CONCURRENT_TRANSACTIONS) {
        let id = one.transactional_id.to_string();
        let Some(back) = await_end(turn, &id, waiting) else { return Ok(()) };
        let request: AddPartitionsToTxnRequest<'_> = decode(head, &back.body)?;
        let outgoing = tell(head, request.v3_and_below_topics, &verdicts);
        back.reply.send(outgoing);
        return Ok(());
    }
    let outgoing = tell(head, one.topics, &verdicts);
    turn.hold(head, waiting.reply, outgoing, &written, ErrorCode::NOT_COORDINATOR, None);
    Ok(())
}

fn add_or_verify(turn: &mut Turn<'_>, one: &AddPartitionsToTxnTransaction<'_>, head: Head, written: &mut Vec<Written>) -> Verdicts {
    let mut partitions: Vec<TopicPartition<'_>> = Vec::new();
    for topic in one.topics.iter() {
        partitions.extend(topic.partitions.iter().map(|index| TopicPartition { topic: topic.name, partition: PartitionIndex(index) }));
    }
    let catalog = turn.inner.shard.catalog();
    let exists = |partition: &TopicPartition<'_>| {
        catalog.topic(partition.topic).is_some_and(|topic| catalog.partition(topic.slot, partition.partition).is_some())
    };
    if !partitions.iter().all(exists) {
        // One that is not there, and none is added. Source: `KafkaApis.handleAddPartitionsToTxnRequest`.
        let verdict =
            |partition| if exists(partition) { ErrorCode::OPERATION_NOT_ATTEMPTED } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
        return partitions.iter().map(verdict).collect();
    }
    let who = identity(one.producer_id, one.producer_epoch);
    if one.verify_only {
        let txns = turn.inner.shard.txns();
        let verify = |partition: &TopicPartition<'_>| match txns.verify(one.transactional_id, who, partition.topic, partition.partition) {
            Ok(()) => ErrorCode::NONE,
            Err(error) => error_map::of_txn(&error),
        };
        return partitions.iter().map(verify).collect();
    }
    let version = if head.version >= BATCHED_SINCE { TransactionVersion::Two } else { TransactionVersion::Zero };
    // Those of one topic stand together, whatever the request says.
    let mut sorted = partitions.clone();
    sorted.sort_by_key(|partition| (partition.topic, partition.partition));
    let add = AddPartitions { call: CallId(0), transactional_id: one.transactional_id, identity: who, partitions: &sorted, version };
    let code = match transaction::turn(turn, Input::AddPartitions(add)) {
        Err(code) => code,
        Ok(turned) => {
            written.extend(turned.written);
            match turned.answer {
                Answer::PartitionsAdded(Ok(())) => ErrorCode::NONE,
                Answer::PartitionsAdded(Err(error)) => code_for(&error, head.version >= FENCED_SINCE),
                Answer::Initialized(_) | Answer::Ended(_) => error_map::of_txn(&TxnError::InvalidState),
            }
        }
    };
    vec![code; partitions.len()]
}

/// Results of one topic: its name and its partitions.
type TopicRow<'a> = (&'a str, Vec<AddPartitionsToTxnPartitionResult>);

fn rows<'a>(topics: Array<'a, AddPartitionsToTxnTopic<'a>>, verdicts: &[ErrorCode]) -> Vec<TopicRow<'a>> {
    let mut verdict = verdicts.iter();
    let mut result = |partition_index| AddPartitionsToTxnPartitionResult {
        partition_index,
        partition_error_code: verdict.next().map_or(0, |code| code.number()),
    };
    topics.iter().map(|topic| (topic.name, topic.partitions.iter().map(&mut result).collect())).collect()
}

fn results<'a>(rows: &'a [TopicRow<'a>]) -> Vec<AddPartitionsToTxnTopicResult<'a>> {
    let rows = rows.iter();
    rows.map(|(name, partitions)| AddPartitionsToTxnTopicResult { name, results_by_partition: Array::from(&**partitions) }).collect()
}

fn tell(head: Head, topics: Array<'_, AddPartitionsToTxnTopic<'_>>, verdicts: &[ErrorCode]) -> Outgoing {
    let rows = rows(topics, verdicts);
    let results = results(&rows);
    respond::encode(head, &AddPartitionsToTxnResponse { results_by_topic_v3_and_below: Array::from(&*results), ..Default::default() })
}

fn tell_batch(head: Head, request: &AddPartitionsToTxnRequest<'_>, verdicts: &[Verdicts]) -> Outgoing {
    let all: Vec<(&str, Vec<TopicRow<'_>>)> =
        request.transactions.iter().zip(verdicts).map(|(one, verdicts)| (one.transactional_id, rows(one.topics, verdicts))).collect();
    let topics: Vec<Vec<AddPartitionsToTxnTopicResult<'_>>> = all.iter().map(|(_, rows)| results(rows)).collect();
    let told: Vec<AddPartitionsToTxnResult<'_>> = all
        .iter()
        .zip(&topics)
        .map(|((transactional_id, _), topics)| AddPartitionsToTxnResult { transactional_id, topic_results: Array::from(&**topics) })
        .collect();
    respond::encode(head, &AddPartitionsToTxnResponse { results_by_transaction: Array::from(&*told), ..Default::default() })
}
