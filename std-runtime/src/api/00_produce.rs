//! Produce, key 0, served 3-13 (advertised from 0, KAFKA-18659). KIP-98 (v3), KIP-467 (v8), KIP-951 (v10), KIP-516 (v13).
//!
//! Differences from Apache Kafka: transactional batches are refused, since there is no transaction coordinator yet; `acks=all` means on
//! the disk, where Kafka means on the replicas (set `write.caching=true` on a topic for the latter).

use millpond_core::bounded::list::List;
use millpond_core::bounded::slab::Slot;
use millpond_core::catalog::name;
use millpond_core::ids::{PartitionIndex, TopicId};
use millpond_core::record::batch::Header;
use millpond_core::record::codec::{CodecError, Compression};
use millpond_core::record::validate::{self, CheckedBatch, InvalidBatch, Lent, Origin, RecordFault, Rules};
use millpond_core::shard::logs::Written;
use millpond_core::time::Millis;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::compression::Codecs;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use crate::worker::calls::Head;
use crate::worker::reply::Outgoing;
use crate::worker::turn::{Turn, UNFOLDED_BYTES_MAX};

use super::dispatch::Asked;
use super::{error_map, respond};

/// Kafka's admin client may write where others may not. Source: `ReplicaManager`, `AdminUtils.ADMIN_CLIENT_ID`.
const ADMIN_CLIENT_ID: &str = "__admin_client";
/// From this version on, topics are named by id.
const BY_ID_SINCE: i16 = 13;
/// Since when zstd may be used. Source: KIP-110.
const ZSTD_SINCE: i16 = 7;
/// What is looked at on the thread that read it, packed and unfolded. What is larger would make other connections wait. Unit: bytes.
const PACKED_AT_ONCE_MAX: usize = 512 << 10;
const UNFOLDED_AT_ONCE_MAX: usize = 4 << 20;

/// One partition of the request and what is to become of it.
struct Part<'a> {
    topic: Slot,
    /// The topic may be gone when the records were checked, and another in its slot.
    topic_id: TopicId,
    index: PartitionIndex,
    records: &'a [u8],
    /// Where its log begins: told even with a refusal, so that a producer can tell whether its earlier records are still there.
    log_start_offset: i64,
    outcome: Outcome,
}

/// What has become of a partition.
enum Outcome {
    /// It may go on, under these rules.
    Checking(Rules),
    Done(Result<Granted, Refused>),
}

struct Granted {
    base_offset: i64,
    log_append_time_ms: i64,
    log_start_offset: i64,
}

struct Refused {
    code: ErrorCode,
    message: Option<String>,
    records: Vec<(i32, String)>,
    /// Whether there was not exactly one batch.
    is_no_single_batch: bool,
    /// Whether it unfolds to more than is looked at on the thread that read it: there is more room elsewhere.
    outgrew: bool,
}

/// Where the log of a partition begins, as a refusal tells it; nowhere before it was looked at.
const NO_LOG: i64 = -1;

impl Refused {
    const fn plain(code: ErrorCode) -> Self {
        Self { code, message: None, records: Vec::new(), is_no_single_batch: false, outgrew: false }
    }
}

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ProduceRequest<'_> = asked.decode()?;
    let Asked { worker, head, client_id, reply, .. } = asked;
    let may_write_internal = client_id == ADMIN_CLIENT_ID;
    let mut parts = worker.turn(|turn| find_parts(turn, &request, head, may_write_internal));

    // Checksums and compression cost time in proportion to the bytes: they are outside of the turn.
    let wall = worker.now().wall;
    let mut codec = Codecs::default();
    let (mut some, mut all) = (List::grown(UNFOLDED_AT_ONCE_MAX), List::grown(UNFOLDED_BYTES_MAX));
    // Two tries each: as most are, and as some may be.
    let mut bodies: Vec<[List<'_, u8>; 2]> = Vec::with_capacity(parts.len());
    bodies.resize_with(parts.len(), || [List::grown(0), List::grown(0)]);
    // What is kept otherwise than it came takes, over the whole request, no more than a request may.
    let mut room = worker.around().config.request_bytes_max;
    let mut checked: Vec<Option<CheckedBatch<'_>>> = Vec::with_capacity(parts.len());
    for (part, [body, again]) in parts.iter_mut().zip(&mut bodies) {
        let Outcome::Checking(rules) = &part.outcome else {
            checked.push(None);
            continue;
        };
        let capacity = room.min(usize::try_from(rules.max_message_bytes).unwrap_or(usize::MAX));
        (*body, *again) = (List::grown(capacity), List::grown(capacity));
        let (bytes, version) = (part.records, head.version);
        let came = Header::peek(bytes).and_then(|header| header.compression());
        let mut result = Err(Refused { outgrew: true, ..Refused::plain(ErrorCode::MESSAGE_TOO_LARGE) });
        if bytes.len() <= if came == Some(Compression::None) { UNFOLDED_AT_ONCE_MAX } else { PACKED_AT_ONCE_MAX } {
            result = check(bytes, rules, wall, version, Lent { codec: &mut codec, records: &mut some, body });
        }
        if result.as_ref().is_err_and(|refused| refused.outgrew) {
            let lent = Lent { codec: &mut codec, records: &mut all, body: again };
            result = worker.aside(|| check(bytes, rules, wall, version, lent));
        }
        match result {
            Ok(batch) => {
                room -= if came == batch.header().compression() { 0 } else { batch.body().len() };
                checked.push(Some(batch));
            }
            Err(refused) => {
                part.outcome = Outcome::Done(Err(refused));
                checked.push(None);
            }
        }
    }

    let (acks, by_id) = (request.acks, head.version >= BY_ID_SINCE);
    worker.turn(|turn| {
        let mut written: Vec<Written> = Vec::new();
        for (part, batch) in parts.iter_mut().zip(&checked) {
            if let Some(batch) = batch {
                let is_it = turn.inner.shard.catalog().topic_at(part.topic).is_some_and(|topic| topic.topic_id == part.topic_id);
                let gone = if by_id { ErrorCode::UNKNOWN_TOPIC_ID } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
                let appended = if is_it { append(turn, part, batch, &mut written) } else { Err(Refused::plain(gone)) };
                part.outcome = Outcome::Done(appended);
            }
        }
        turn.arm_retention();
        if acks == 0 {
            // Nobody hears an error, so the connection ends: the client finds out. Source: `KafkaApis.handleProduceRequest`.
            let failed = parts.iter().any(|part| matches!(part.outcome, Outcome::Done(Err(_))));
            return if failed { reply.close() } else { reply.be_silent() };
        }
        let outgoing = tell(head, &request, &parts);
        if acks == -1 {
            let timeout = Some(Millis::from_signed(i64::from(request.timeout_ms)));
            turn.hold(head, reply, outgoing, &written, ErrorCode::KAFKA_STORAGE_ERROR, timeout);
        } else {
            reply.send(outgoing);
        }
    });
    Ok(())
}

/// Looks up every partition, and refuses what can be refused without looking at its records.
fn find_parts<'a>(turn: &mut Turn<'_>, request: &ProduceRequest<'a>, head: Head, may_write_internal: bool) -> Vec<Part<'a>> {
    let by_id = head.version >= BY_ID_SINCE;
    let mut parts = Vec::new();
    for topic in request.topic_data.iter() {
        let catalog = turn.inner.shard.catalog();
        let found = if by_id { catalog.topic_by_id(topic.topic_id) } else { catalog.topic(topic.name) };
        let (slot, topic_id) = found.map_or((Slot::NONE, TopicId::ZERO), |found| (found.slot, found.topic_id));
        let internal = found.is_some_and(|found| name::is_internal(found.name));
        for partition in topic.partition_data.iter() {
            let index = PartitionIndex(partition.index);
            let records = partition.records.map_or(&[][..], |records| records.here());
            let (log_start_offset, outcome) = match refusal(request, by_id, slot, internal && !may_write_internal) {
                Some(code) => (NO_LOG, Outcome::Done(Err(Refused::plain(code)))),
                None => rules_of(turn, slot, index),
            };
            parts.push(Part { topic: slot, topic_id, index, records, log_start_offset, outcome });
        }
    }
    parts
}

fn refusal(request: &ProduceRequest<'_>, by_id: bool, topic: Slot, forbidden: bool) -> Option<ErrorCode> {
    if !(-1..=1).contains(&request.acks) {
        Some(ErrorCode::INVALID_REQUIRED_ACKS)
    } else if !topic.is_some() {
        Some(if by_id { ErrorCode::UNKNOWN_TOPIC_ID } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION })
    } else if forbidden {
        Some(ErrorCode::INVALID_TOPIC_EXCEPTION)
    } else {
        None
    }
}

fn rules_of(turn: &mut Turn<'_>, topic: Slot, index: PartitionIndex) -> (i64, Outcome) {
    match turn.inner.shard.log(turn.at, topic, index) {
        Ok(log) => (log.watermarks().log_start().0, Outcome::Checking(log.config().rules(Origin::Client))),
        Err(error) => (NO_LOG, Outcome::Done(Err(Refused::plain(error_map::of_partition(&error))))),
    }
}

fn check<'a>(
    bytes: &'a [u8],
    rules: &Rules,
    wall: millpond_core::time::Timestamp,
    version: i16,
    lent: Lent<'_, 'a, '_>,
) -> Result<CheckedBatch<'a>, Refused> {
    let header = Header::peek(bytes);
    if version < ZSTD_SINCE && header.is_some_and(|header| header.compression() == Some(Compression::Zstd)) {
        return Err(Refused::plain(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE));
    }
    if header.is_some_and(|header| header.is_transactional()) {
        // Source: `KafkaApis.handleProduceRequest`: what a client hears that may not use the transactional id.
        return Err(Refused::plain(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED));
    }
    validate::check(bytes, rules, wall, Some(lent)).map_err(|error| refused_batch(&error))
}

fn refused_batch(error: &InvalidBatch) -> Refused {
    let code = error_map::of_batch(error);
    let issues = match error {
        InvalidBatch::Timestamps(issues) | InvalidBatch::Records(issues) => issues.named(),
        _ => &[],
    };
    let words = |fault: RecordFault| match fault {
        RecordFault::NullKey => "a compacted topic takes no record without a key",
        RecordFault::Timestamp => "the timestamp lies too far from the broker's clock",
    };
    let records = issues.iter().map(|issue| (i32::try_from(issue.index).unwrap_or(i32::MAX), words(issue.fault).to_string())).collect();
    let is_no_single_batch = matches!(error, InvalidBatch::Empty | InvalidBatch::NotABatch(_) | InvalidBatch::MoreThanOne { .. });
    let outgrew = matches!(error, InvalidBatch::Codec(CodecError::OutputFull { limit: UNFOLDED_AT_ONCE_MAX }));
    Refused { code, message: Some(error.to_string()), records, is_no_single_batch, outgrew }
}

fn append(turn: &mut Turn<'_>, part: &Part<'_>, batch: &CheckedBatch<'_>, written: &mut Vec<Written>) -> Result<Granted, Refused> {
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

fn tell(head: Head, request: &ProduceRequest<'_>, parts: &[Part<'_>]) -> Outgoing {
    let errors: Vec<Vec<BatchIndexAndErrorMessage<'_>>> = parts.iter().map(errors_of).collect();
    let told: Vec<PartitionProduceResponse<'_>> = parts.iter().zip(&errors).map(|(part, errors)| tell_part(part, errors)).collect();
    let mut rest = &*told;
    let topics: Vec<TopicProduceResponse<'_>> = request
        .topic_data
        .iter()
        .map(|topic| {
            let (mine, behind) = rest.split_at_checked(topic.partition_data.len()).unwrap_or_default();
            rest = behind;
            let (name, topic_id): (&str, TopicId) = (topic.name, topic.topic_id);
            TopicProduceResponse { name, topic_id, partition_responses: Array::from(mine) }
        })
        .collect();
    respond::encode(head, &ProduceResponse { responses: Array::from(&*topics), ..Default::default() })
}

fn errors_of<'p>(part: &'p Part<'_>) -> Vec<BatchIndexAndErrorMessage<'p>> {
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

fn tell_part<'p>(part: &'p Part<'_>, errors: &'p [BatchIndexAndErrorMessage<'p>]) -> PartitionProduceResponse<'p> {
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
