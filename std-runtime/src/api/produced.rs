//! The second half of Produce: what was checked joins its transaction, is appended, and is told of.

use millpond_core::bounded::slab::Slot;
use millpond_core::ids::{CallId, PartitionIndex, TopicId};
use millpond_core::record::batch::ProducerStamp;
use millpond_core::record::validate::{CheckedBatch, KeptBatch, Rules};
use millpond_core::shard::logs::Written;
use millpond_core::shard::transactions::TurnWritten;
use millpond_core::time::{Instant, Millis};
use millpond_core::txn::answer::{Answer, Identity};
use millpond_core::txn::error::TxnError;
use millpond_core::txn::input::{AddPartitions, Input, TopicPartition};
use millpond_core::txn::state::TransactionVersion;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::produce::{BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
use crate::worker::calls::{Call, Head};
use crate::worker::reply::{Outgoing, Reply};
use crate::worker::turn::Turn;

use super::{error_map, respond, transaction};

/// From this version on, topics are named by id.
pub(super) const BY_ID_SINCE: i16 = 13;
/// From this version on, partitions join a transaction by being written to; before, they must have joined it. Source: KIP-890.
pub(super) const JOINS_SINCE: i16 = 12;
/// From this version on, clients know that all they can do is abort.
const ABORTABLE_SINCE: i16 = 11;

/// One partition of the request and what is to become of it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) topic: Slot,
    /// The topic may be gone when the records were checked, and another in its slot.
    pub(super) topic_id: TopicId,
    pub(super) index: PartitionIndex,
    /// Where its log begins: told even with a refusal, so that a producer can tell whether its earlier records are still there.
    pub(super) log_start_offset: i64,
    pub(super) outcome: Outcome,
}

/// What has become of a partition.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It may go on, under these rules.
    Checking(Rules),
    Done(Result<Granted, Refused>),
}

#[derive(Debug)]
pub(super) struct Granted {
    base_offset: i64,
    log_append_time_ms: i64,
    log_start_offset: i64,
}

#[derive(Debug)]
pub(super) struct Refused {
    pub(super) code: ErrorCode,
    pub(super) message: Option<String>,
    pub(super) records: Vec<(i32, String)>,
    /// Whether there was not exactly one batch.
    pub(super) is_no_single_batch: bool,
    /// Whether it unfolds to more than is looked at on the thread that read it: there is more room elsewhere.
    pub(super) outgrew: bool,
}

/// Where the log of a partition begins, as a refusal tells it; nowhere before it was looked at.
pub(super) const NO_LOG: i64 = -1;

impl Refused {
    pub(super) const fn plain(code: ErrorCode) -> Self {
        Self { code, message: None, records: Vec::new(), is_no_single_batch: false, outgrew: false }
    }
}

/// The topics of a request as its answer repeats them: name, id, and how many partitions.
pub(super) type Layout<'a> = Vec<(&'a str, TopicId, usize)>;

/// A request whose batches are checked.
pub(super) struct Checked<'a> {
    pub(super) head: Head,
    pub(super) reply: Reply,
    pub(super) acks: i16,
    pub(super) timeout: Millis,
    pub(super) transactional_id: Option<&'a str>,
    pub(super) layout: Layout<'a>,
    pub(super) parts: Vec<Part>,
    /// For each part its batch, unless it was refused.
    pub(super) batches: Vec<Option<CheckedBatch<'a>>>,
    /// How long it waits for the end of the transaction before.
    pub(super) due: Instant,
}

/// A request that waits for the end of the transaction before.
#[derive(Debug)]
pub struct WaitingProduce {
    /// What the answer repeats.
    pub head: Head,
    /// Where it goes.
    pub reply: Reply,
    acks: i16,
    timeout: Millis,
    transactional_id: String,
    layout: Vec<(String, TopicId, usize)>,
    parts: Vec<Part>,
    batches: Vec<Option<KeptBatch>>,
    due: Instant,
}

impl WaitingProduce {
    /// The bytes that it keeps.
    #[must_use]
    pub fn size(&self) -> usize {
        self.batches.iter().flatten().map(|kept| kept.batch().body().len()).sum()
    }
}

/// Carries a request out again that has waited.
pub(crate) fn resume(turn: &mut Turn<'_>, waiting: WaitingProduce) {
    let WaitingProduce { head, reply, acks, timeout, transactional_id, layout, parts, batches, due } = waiting;
    let checked = Checked {
        head,
        reply,
        acks,
        timeout,
        transactional_id: Some(&transactional_id),
        layout: layout.iter().map(|(name, topic_id, count)| (name.as_str(), *topic_id, *count)).collect(),
        parts,
        batches: batches.iter().map(|kept| kept.as_ref().map(KeptBatch::batch)).collect(),
        due,
    };
    finish(turn, checked);
}

/// Appends what was checked, and answers.
pub(super) fn finish(turn: &mut Turn<'_>, mut checked: Checked<'_>) {
    let by_id = checked.head.version >= BY_ID_SINCE;
    for (part, batch) in checked.parts.iter_mut().zip(&mut checked.batches) {
        let is_it = turn.inner.shard.catalog().topic_at(part.topic).is_some_and(|topic| topic.topic_id == part.topic_id);
        if batch.is_some() && !is_it {
            let gone = if by_id { ErrorCode::UNKNOWN_TOPIC_ID } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
            part.outcome = Outcome::Done(Err(Refused::plain(gone)));
            *batch = None;
        }
    }
    let joined = match join(turn, &mut checked) {
        Joined::Now(written) => written,
        Joined::After => return wait(turn, checked),
    };
    let Checked { head, reply, acks, timeout, layout, mut parts, batches, .. } = checked;
    let mut written: Vec<Written> = Vec::new();
    for (part, batch) in parts.iter_mut().zip(&batches) {
        if let Some(batch) = batch {
            part.outcome = Outcome::Done(append(turn, part, batch, &mut written));
        }
    }
    turn.arm_retention();
    if acks == 0 {
        // Nobody hears an error, so the connection ends: the client finds out. Source: `KafkaApis.handleProduceRequest`.
        let failed = parts.iter().any(|part| matches!(part.outcome, Outcome::Done(Err(_))));
        return if failed { reply.close() } else { reply.be_silent() };
    }
    let outgoing = tell(head, &layout, &parts);
    if acks == -1 {
        turn.hold_parts(head, reply, outgoing, (written, joined.to_vec()), ErrorCode::KAFKA_STORAGE_ERROR, Some(timeout));
    } else {
        reply.send(outgoing);
    }
}

/// Whether the partitions belong to their transaction.
enum Joined {
    /// They do, or were refused; this must be committed with their records.
    Now(TurnWritten),
    /// They will, when the transaction before has come to its end.
    After,
}

/// Lets the partitions that are written to join the transaction of their producer, or makes sure that they have.
///
/// Not those where its transaction is open already. Source: `ReplicaManager.maybeSendPartitionsToTransactionCoordinator`.
fn join(turn: &mut Turn<'_>, checked: &mut Checked<'_>) -> Joined {
    let Some(transactional_id) = checked.transactional_id else { return Joined::Now(TurnWritten::new()) };
    let mut producer: Option<ProducerStamp> = None;
    let mut missing: Vec<(usize, String)> = Vec::new();
    for at in 0..checked.parts.len() {
        let (Some(part), Some(Some(batch))) = (checked.parts.get_mut(at), checked.batches.get(at)) else { continue };
        let Some(stamp) = batch.header().producer().filter(|_| batch.header().is_transactional()) else { continue };
        if producer.is_some_and(|other| other.id != stamp.id) {
            return refuse_all(checked, ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        }
        producer.get_or_insert(stamp);
        let known = match turn.inner.shard.log(turn.at, part.topic, part.index) {
            Ok(log) => log.producers().find(stamp.id).map(|known| (known.epoch, known.transaction_start.is_some())),
            // The append says what is wrong.
            Err(_) => continue,
        };
        let name = turn.inner.shard.catalog().topic_at(part.topic).map_or("", |topic| topic.name);
        let who = Identity { producer_id: stamp.id, producer_epoch: stamp.epoch };
        // A loss of power may have taken the note that it joined, and a full disk has kept its records from being aborted: then it joins
        // again, or they would be left out when the transaction is committed.
        let is_noted = || turn.inner.shard.txns().verify(transactional_id, who, name, part.index).is_ok();
        match known {
            Some((epoch, _)) if stamp.epoch < epoch => refuse(checked, at, ErrorCode::INVALID_PRODUCER_EPOCH),
            // It has joined: what says so may not be safe yet.
            Some((epoch, true)) if stamp.epoch == epoch && is_noted() => {}
            _ => missing.push((at, name.to_string())),
        }
    }
    let Some(stamp) = producer else { return Joined::Now(TurnWritten::new()) };
    if missing.is_empty() {
        return Joined::Now(turn.inner.shard.uncommitted_transaction(transactional_id).into_iter().collect());
    }
    let who = Identity { producer_id: stamp.id, producer_epoch: stamp.epoch };
    if checked.head.version < JOINS_SINCE {
        if turn.around.live.get().txn_verify_partitions {
            verify(turn, checked, transactional_id, who, &missing);
        }
        return Joined::Now(turn.inner.shard.uncommitted_transaction(transactional_id).into_iter().collect());
    }
    let index = |at: usize| checked.parts.get(at).map_or(PartitionIndex(0), |part| part.index);
    let mut partitions: Vec<TopicPartition<'_>> =
        missing.iter().map(|(at, topic)| TopicPartition { topic, partition: index(*at) }).collect();
    partitions.sort_by_key(|partition| (partition.topic, partition.partition));
    let version = TransactionVersion::Two;
    let add = AddPartitions { call: CallId(0), transactional_id, identity: who, partitions: &partitions, version };
    let code = match transaction::turn(turn, Input::AddPartitions(add)) {
        Ok(turned) => match turned.answer {
            Answer::PartitionsAdded(Ok(())) => return Joined::Now(turned.written),
            Answer::PartitionsAdded(Err(TxnError::ConcurrentTransactions)) if turn.at.now < checked.due => return Joined::After,
            Answer::PartitionsAdded(Err(error)) => error_map::of_txn_for_writer(error_map::of_txn(&error), true),
            Answer::Initialized(_) | Answer::Ended(_) => ErrorCode::UNKNOWN_SERVER_ERROR,
        },
        Err(code) => passing(code),
    };
    missing.iter().for_each(|(at, _)| refuse(checked, *at, code));
    Joined::Now(TurnWritten::new())
}

/// Trouble of the coordinator, as producers are told of it: they try again. Source: `ReplicaManager.handleProduceAppend`.
const fn passing(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => {
            ErrorCode::NOT_ENOUGH_REPLICAS
        }
        code => code,
    }
}

/// Refuses the partitions that have not joined the transaction. Source: KIP-890 part 1.
fn verify(turn: &Turn<'_>, checked: &mut Checked<'_>, transactional_id: &str, who: Identity, missing: &[(usize, String)]) {
    let knows_abortable = checked.head.version >= ABORTABLE_SINCE;
    for (at, topic) in missing {
        let index = checked.parts.get(*at).map_or(PartitionIndex(0), |part| part.index);
        let code = match turn.inner.shard.txns().verify(transactional_id, who, topic, index) {
            Ok(()) => continue,
            Err(TxnError::ConcurrentTransactions) => ErrorCode::NOT_ENOUGH_REPLICAS,
            Err(error) => error_map::of_txn_for_writer(error_map::of_txn(&error), knows_abortable),
        };
        refuse(checked, *at, code);
    }
}

fn refuse(checked: &mut Checked<'_>, at: usize, code: ErrorCode) {
    if let (Some(part), Some(batch)) = (checked.parts.get_mut(at), checked.batches.get_mut(at)) {
        // It never came near the log. Source: `ReplicaManager.handleProduceAppend`.
        part.log_start_offset = NO_LOG;
        part.outcome = Outcome::Done(Err(Refused::plain(code)));
        *batch = None;
    }
}

fn refuse_all(checked: &mut Checked<'_>, code: ErrorCode) -> Joined {
    (0..checked.parts.len()).for_each(|at| refuse(checked, at, code));
    Joined::Now(TurnWritten::new())
}

/// Waits for the end of the transaction before; if that cannot be waited for, the client is told to come again.
fn wait(turn: &mut Turn<'_>, checked: Checked<'_>) {
    let Checked { head, reply, acks, timeout, transactional_id, layout, parts, batches, due } = checked;
    let transactional_id = transactional_id.unwrap_or_default().to_string();
    let waiting = WaitingProduce {
        head,
        reply,
        acks,
        timeout,
        transactional_id: transactional_id.clone(),
        layout: layout.iter().map(|(name, topic_id, count)| ((*name).to_string(), *topic_id, *count)).collect(),
        parts,
        batches: batches.iter().map(|batch| batch.as_ref().map(CheckedBatch::keep)).collect(),
        due,
    };
    let inner = &mut *turn.inner;
    let call = inner.calls.add_with(|call| {
        waiting.reply.waits(call, waiting.size());
        Call::Produce(Box::new(waiting))
    });
    if !inner.shard.await_end(call, due, &transactional_id)
        && let Some(Call::Produce(mut waiting)) = inner.calls.take(call)
    {
        waiting.reply.waited(call, waiting.size());
        waiting.due = Instant::ZERO;
        resume(turn, *waiting);
    }
}

fn append(turn: &mut Turn<'_>, part: &Part, batch: &CheckedBatch<'_>, written: &mut Vec<Written>) -> Result<Granted, Refused> {
    match turn.inner.shard.append(turn.at, part.topic, part.index, batch, &mut turn.inner.released) {
        Ok((appended, end)) => {
            written.push(end);
            Ok(Granted {
                base_offset: appended.base_offset.0,
                log_append_time_ms: appended.log_append_time.map_or(-1, |time| time.0),
                log_start_offset: appended.watermarks.log_start().0,
            })
        }
        Err(error) => {
            let code = error_map::of_append(&error);
            if code == ErrorCode::KAFKA_STORAGE_ERROR {
                let topic = turn.inner.shard.catalog().topic_at(part.topic).map_or("", |topic| topic.name);
                tracing::error!(topic, partition = part.index.0, %error, "records could not be written");
            }
            Err(Refused { message: Some(error.to_string()), ..Refused::plain(code) })
        }
    }
}

fn tell(head: Head, layout: &Layout<'_>, parts: &[Part]) -> Outgoing {
    let errors: Vec<Vec<BatchIndexAndErrorMessage<'_>>> = parts.iter().map(errors_of).collect();
    let told: Vec<PartitionProduceResponse<'_>> = parts.iter().zip(&errors).map(|(part, errors)| tell_part(part, errors)).collect();
    let mut rest = &*told;
    let topics: Vec<TopicProduceResponse<'_>> = layout
        .iter()
        .map(|(name, topic_id, count)| {
            let (mine, behind) = rest.split_at_checked(*count).unwrap_or_default();
            rest = behind;
            TopicProduceResponse { name, topic_id: *topic_id, partition_responses: Array::from(mine) }
        })
        .collect();
    respond::encode(head, &ProduceResponse { responses: Array::from(&*topics), ..Default::default() })
}

fn errors_of<'p>(part: &'p Part) -> Vec<BatchIndexAndErrorMessage<'p>> {
    let Outcome::Done(Err(refused)) = &part.outcome else { return Vec::new() };
    let error =
        |(index, message): &'p (i32, String)| BatchIndexAndErrorMessage { batch_index: *index, batch_index_error_message: Some(message) };
    refused.records.iter().map(error).collect()
}

/// Whether a refusal says where the log begins: not where the batch never came near it. Source: `ReplicaManager.appendRecords`.
fn says_log_start(refused: &Refused) -> bool {
    let never =
        [ErrorCode::CORRUPT_MESSAGE, ErrorCode::MESSAGE_TOO_LARGE, ErrorCode::RECORD_LIST_TOO_LARGE, ErrorCode::KAFKA_STORAGE_ERROR];
    !refused.is_no_single_batch && !never.contains(&refused.code)
}

fn tell_part<'p>(part: &'p Part, errors: &'p [BatchIndexAndErrorMessage<'p>]) -> PartitionProduceResponse<'p> {
    let index = part.index.0;
    match &part.outcome {
        Outcome::Done(Ok(granted)) => PartitionProduceResponse {
            index,
            base_offset: granted.base_offset,
            log_append_time_ms: granted.log_append_time_ms,
            log_start_offset: granted.log_start_offset,
            ..Default::default()
        },
        Outcome::Done(Err(refused)) => PartitionProduceResponse {
            index,
            error_code: refused.code.number(),
            base_offset: -1,
            log_start_offset: if says_log_start(refused) { part.log_start_offset } else { NO_LOG },
            record_errors: Array::from(errors),
            error_message: refused.message.as_deref(),
            ..Default::default()
        },
        Outcome::Checking(_) => {
            PartitionProduceResponse { index, error_code: ErrorCode::UNKNOWN_SERVER_ERROR.number(), base_offset: -1, ..Default::default() }
        }
    }
}
