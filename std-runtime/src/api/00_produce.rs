//! Produce, key 0, served 3-13 (advertised from 0, KAFKA-18659). KIP-98 (v3), KIP-467 (v8), KIP-951 (v10), KIP-516 (v13).
//!
//! Differences from Apache Kafka: `acks=all` means on the disk, where Kafka means on the replicas (set `write.caching=true` on a topic for
//! the latter).

use millpond_core::bounded::list::List;
use millpond_core::bounded::slab::Slot;
use millpond_core::catalog::name;
use millpond_core::ids::{PartitionIndex, TopicId};
use millpond_core::record::batch::Header;
use millpond_core::record::codec::{CodecError, Compression};
use millpond_core::record::validate::{self, CheckedBatch, InvalidBatch, Lent, Origin, RecordFault, Rules};
use millpond_core::time::Millis;
use millpond_core::wire::reader::DecodeError;

use crate::compression::Codecs;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::produce::ProduceRequest;
use crate::worker::calls::Head;
use crate::worker::turn::{Turn, UNFOLDED_BYTES_MAX};

use super::dispatch::Asked;
use super::produced::{BY_ID_SINCE, Checked, JOINS_SINCE, NO_LOG, Outcome, Part, Refused, finish};
use super::{error_map, transaction};

pub use super::produced::WaitingProduce;
pub(crate) use super::produced::resume;

/// Kafka's admin client may write where others may not. Source: `ReplicaManager`, `AdminUtils.ADMIN_CLIENT_ID`.
const ADMIN_CLIENT_ID: &str = "__admin_client";
/// Since when zstd may be used. Source: KIP-110.
const ZSTD_SINCE: i16 = 7;
/// What is looked at on the thread that read it, packed and unfolded. What is larger would make other connections wait. Unit: bytes.
const PACKED_AT_ONCE_MAX: usize = 512 << 10;
const UNFOLDED_AT_ONCE_MAX: usize = 4 << 20;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: ProduceRequest<'_> = asked.decode()?;
    let Asked { worker, head, client_id, reply, .. } = asked;
    let may_write_internal = client_id == ADMIN_CLIENT_ID;
    let (mut parts, records) = worker.turn(|turn| find_parts(turn, &request, head, may_write_internal));

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
    for ((part, bytes), [body, again]) in parts.iter_mut().zip(&records).zip(&mut bodies) {
        let Outcome::Checking(rules) = &part.outcome else {
            checked.push(None);
            continue;
        };
        let capacity = room.min(usize::try_from(rules.max_message_bytes).unwrap_or(usize::MAX));
        (*body, *again) = (List::grown(capacity), List::grown(capacity));
        let version = head.version;
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

    let layout = request.topic_data.iter().map(|topic| (topic.name, topic.topic_id, topic.partition_data.len())).collect();
    worker.turn(|turn| {
        let due = turn.at.now.after(transaction::patience(turn));
        let timeout = Millis::from_signed(i64::from(request.timeout_ms));
        let (acks, transactional_id) = (request.acks, request.transactional_id);
        finish(turn, Checked { head, reply, acks, timeout, transactional_id, layout, parts, batches: checked, due });
    });
    Ok(())
}

/// Looks up every partition, and refuses what can be refused without looking at its records.
fn find_parts<'a>(turn: &mut Turn<'_>, request: &ProduceRequest<'a>, head: Head, may_write_internal: bool) -> (Vec<Part>, Vec<&'a [u8]>) {
    let by_id = head.version >= BY_ID_SINCE;
    // Source: `KafkaApis.handleProduceRequest`: what a client hears that may not use the transactional id.
    let unnamed =
        (request.transactional_id.is_none() && has_transactional(request)).then_some(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    let (mut parts, mut batches) = (Vec::new(), Vec::new());
    for topic in request.topic_data.iter() {
        let catalog = turn.inner.shard.catalog();
        let found = if by_id { catalog.topic_by_id(topic.topic_id) } else { catalog.topic(topic.name) };
        let (slot, topic_id) = found.map_or((Slot::NONE, TopicId::ZERO), |found| (found.slot, found.topic_id));
        let internal = found.is_some_and(|found| name::is_internal(found.name));
        for partition in topic.partition_data.iter() {
            let index = PartitionIndex(partition.index);
            let records = partition.records.map_or(&[][..], |records| records.here());
            let (log_start_offset, outcome) = match refusal(request, by_id, slot, internal && !may_write_internal).or(unnamed) {
                Some(code) => (NO_LOG, Outcome::Done(Err(Refused::plain(code)))),
                None => rules_of(turn, slot, index, head.version),
            };
            parts.push(Part { topic: slot, topic_id, index, log_start_offset, outcome });
            batches.push(records);
        }
    }
    (parts, batches)
}

/// Whether some batch of the request belongs to a transaction.
fn has_transactional(request: &ProduceRequest<'_>) -> bool {
    request.topic_data.iter().flat_map(|topic| topic.partition_data.iter()).any(|partition| {
        let header = partition.records.and_then(|records| Header::peek(records.here()));
        header.is_some_and(|header| header.check().is_ok() && header.is_transactional())
    })
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

fn rules_of(turn: &mut Turn<'_>, topic: Slot, index: PartitionIndex, version: i16) -> (i64, Outcome) {
    match turn.inner.shard.log(turn.at, topic, index) {
        Ok(log) => {
            let rules = Rules { epoch_per_transaction: version >= JOINS_SINCE, ..log.config().rules(Origin::Client) };
            (log.watermarks().log_start().0, Outcome::Checking(rules))
        }
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
