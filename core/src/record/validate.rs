//! What a broker must refuse before a batch comes near a log.
//!
//! A check needs no log and no lock, so that it runs beside other work; what it answers is the proof that `append` takes.

use core::fmt;

use crate::bounded::list::List;
use crate::ids::ProducerId;
use crate::time::{Millis, Timestamp};

use super::batch::{Batch, BatchError, Header};
use super::codec::{Codec, CodecError, Compression};
use super::layout;
use super::marker::EndMarker;
use super::records::{RecordError, Records};

/// Whose time a topic keeps. Source: KIP-32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TimestampType {
    /// The producer's, per record.
    #[default]
    CreateTime,
    /// The broker's, per batch.
    LogAppendTime,
}

/// Who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Origin {
    /// A producer.
    #[default]
    Client,
    /// A machine of ours: it may write control batches, and its records are not held against the topic's time limits.
    Coordinator,
}

/// Who wrote a batch, for a log that knows the producers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Writer {
    /// A producer, or a machine of ours: that one numbers no records.
    pub origin: Origin,
    /// Whether it is part of a transaction that has an epoch of its own: such an epoch is used up by the marker that ends it.
    pub epoch_per_transaction: bool,
}

/// The rules of a topic, as far as they concern one batch.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Who writes.
    pub origin: Origin,
    /// Whether the writer gives each of its transactions an epoch of its own. Source: KIP-890 part 2, `transaction.version` 2.
    pub epoch_per_transaction: bool,
    /// The largest batch, header included. Unit: bytes. `max.message.bytes`.
    pub max_message_bytes: u32,
    /// Whose time is kept. `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// How far a record may lie in the past; `None` without limit. `message.timestamp.before.max.ms`.
    pub timestamp_before_max: Option<Millis>,
    /// How far a record may lie in the future; `None` without limit. `message.timestamp.after.max.ms`.
    pub timestamp_after_max: Option<Millis>,
    /// Whether every record needs a key. `cleanup.policy` contains `compact`.
    pub compacted: bool,
    /// How batches are kept; `None` as the producer chose. `compression.type`.
    pub compression: Option<Compression>,
    /// Whether a compressed batch is opened even when no other rule demands it. Apache Kafka always opens it.
    pub look_inside_compressed: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            origin: Origin::Client,
            epoch_per_transaction: false,
            max_message_bytes: 1_048_588,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max: None,
            timestamp_after_max: Some(Millis(3_600_000)),
            compacted: false,
            compression: None,
            look_inside_compressed: false,
        }
    }
}

/// Compression and memory lent for one check.
pub struct Lent<'s, 'a, 'm> {
    /// Who compresses.
    pub codec: &'s mut dyn Codec,
    /// Scratch for the records of a compressed batch. Its capacity bounds what a batch may unfold to.
    pub records: &'s mut List<'m, u8>,
    /// For the body of a batch that is kept otherwise than it came; the answer borrows it. Its capacity bounds that body.
    pub body: &'a mut List<'m, u8>,
}

impl fmt::Debug for Lent<'_, '_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}

/// What is wrong with one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// It has no key, but the topic is compacted.
    NullKey,
    /// Its timestamp lies too far from the broker's clock.
    Timestamp,
}

/// The number of a record in its batch, counted from 0, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordIssue {
    /// Which record.
    pub index: u32,
    /// What is wrong.
    pub fault: RecordFault,
}

/// The faulty records of a batch. Bounds: the first [`RecordIssues::KEPT`] are named, the others counted.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RecordIssues {
    named: heapless::Vec<RecordIssue, { Self::KEPT }>,
    count: u32,
    timestamps: u32,
}

impl RecordIssues {
    /// How many are named.
    pub const KEPT: usize = 8;

    /// The named ones.
    #[must_use]
    pub fn named(&self) -> &[RecordIssue] {
        &self.named
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    fn add(&mut self, index: u32, fault: RecordFault) {
        self.count += 1;
        self.timestamps += u32::from(fault == RecordFault::Timestamp);
        // Past the bound they are only counted.
        let _counted_only = self.named.push(RecordIssue { index, fault });
    }
}

/// Why a batch is refused. Nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidBatch {
    /// There is no batch at all.
    Empty,
    /// The bytes are not a batch.
    NotABatch(BatchError),
    /// More than one batch, or bytes behind it. Unit: bytes.
    MoreThanOne {
        /// The size of the first.
        first: u32,
        /// The size of all.
        total: u64,
    },
    /// Larger than the topic allows. Unit: bytes.
    TooLarge {
        /// Its size.
        size: u32,
        /// `max.message.bytes`.
        max: u32,
    },
    /// The bytes are not those that were sent.
    Crc {
        /// What the batch claims.
        stated: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// The first offset is not 0.
    BaseOffset(i64),
    /// The number of records does not fit the offsets.
    Count {
        /// How many records it claims.
        count: i32,
        /// The distance from the first to the last offset.
        last_offset_delta: i32,
    },
    /// Only brokers write control batches.
    Control,
    /// A producer id without a sequence number.
    NoSequence {
        /// Who wrote it.
        producer_id: ProducerId,
        /// The sequence number it has instead.
        base_sequence: i32,
    },
    /// A transaction without a producer id.
    NoProducer,
    /// The attributes name no compression.
    Compression(i16),
    /// The producer claims the broker's time on a topic that keeps the broker's time.
    LogAppendTime,
    /// Timestamps lie too far from the broker's clock.
    Timestamps(RecordIssues),
    /// The largest timestamp lies too far from the broker's clock; the records themselves were not looked at.
    MaxTimestamp(Timestamp),
    /// Records break a rule of the topic.
    Records(RecordIssues),
    /// The bytes of a record make no sense.
    Structure {
        /// Which record, counted from 0.
        index: u32,
        /// What is wrong.
        error: RecordError,
    },
    /// The offsets inside do not count up by one.
    OffsetDelta {
        /// Which record, counted from 0.
        index: u32,
        /// The distance it claims from the first.
        found: i32,
    },
    /// A rule demands to look inside, and nobody lent compression.
    NoCodec(Compression),
    /// Compression failed.
    Codec(CodecError),
}

impl fmt::Display for InvalidBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no batch"),
            Self::NotABatch(error) => error.fmt(f),
            Self::MoreThanOne { first, total } => write!(f, "{total} bytes hold more than one batch, of {first} bytes"),
            Self::TooLarge { size, max } => write!(f, "the batch of {size} bytes is larger than max.message.bytes, {max}"),
            Self::Crc { stated, computed } => write!(f, "the checksum is {computed:#010x}, the batch says {stated:#010x}"),
            Self::BaseOffset(found) => write!(f, "the base offset of a producer's batch is {found}, not 0"),
            Self::Count { count, last_offset_delta } => write!(f, "{count} records do not fit a last offset delta of {last_offset_delta}"),
            Self::Control => f.write_str("clients do not write control batches"),
            Self::NoSequence { producer_id, base_sequence } => write!(f, "producer {producer_id} gave the sequence number {base_sequence}"),
            Self::NoProducer => f.write_str("a transactional batch has no producer id"),
            Self::Compression(id) => write!(f, "{id} names no compression"),
            Self::LogAppendTime => f.write_str("a producer's batch claims log append time"),
            Self::Timestamps(issues) => write!(f, "{} timestamps are out of range", issues.timestamps),
            Self::MaxTimestamp(stamp) => write!(f, "the largest timestamp, {}, is out of range", stamp.0),
            Self::Records(issues) => write!(f, "{} records break a rule of the topic", issues.count),
            Self::Structure { index, error } => write!(f, "record {index}: {error}"),
            Self::OffsetDelta { index, found } => write!(f, "record {index} has the offset delta {found}"),
            Self::NoCodec(compression) => write!(f, "{compression} cannot be opened here"),
            Self::Codec(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for InvalidBatch {}

/// A batch that may be appended: its header, restamped where a rule says so, and its body, borrowed.
///
/// Only [`check`] makes one, so holding it is the proof. `append` writes header and body in one go and copies no record.
#[derive(Clone, Copy, Debug)]
pub struct CheckedBatch<'a> {
    header: Header,
    body: &'a [u8],
    marker: Option<EndMarker>,
    writer: Writer,
    log_append_time: Option<Timestamp>,
}

impl<'a> CheckedBatch<'a> {
    /// The header; base offset and leader epoch are still the producer's.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The records as they will lie in the log.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The end of a transaction, when this is one.
    #[must_use]
    pub const fn marker(&self) -> Option<EndMarker> {
        self.marker
    }

    /// Who wrote it.
    #[must_use]
    pub const fn writer(&self) -> Writer {
        self.writer
    }

    /// The batch with its body copied.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn keep(&self) -> KeptBatch {
        KeptBatch { batch: CheckedBatch { body: &[], ..*self }, body: self.body.into() }
    }

    /// The time that all records were given, on a topic that keeps the broker's.
    #[must_use]
    pub const fn log_append_time(&self) -> Option<Timestamp> {
        self.log_append_time
    }
}

/// A checked batch with a body of its own, for a write that has to wait.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub struct KeptBatch {
    batch: CheckedBatch<'static>,
    body: alloc::boxed::Box<[u8]>,
}

#[cfg(feature = "alloc")]
impl KeptBatch {
    /// The batch.
    #[must_use]
    pub fn batch(&self) -> CheckedBatch<'_> {
        CheckedBatch { body: &self.body, ..self.batch }
    }
}

/// Checks what a producer sent for one partition, and rewrites of it what the topic's rules rewrite.
///
/// Shape: `bytes` hold exactly one batch of version 2. Units: `wall` in ms since the epoch.
/// # Errors
/// What [`InvalidBatch`] names; where several things are wrong, the first in Kafka's order of looking.
/// Source: `LogValidator`, `UnifiedLog.analyzeAndValidateRecords`; KIP-32, KIP-98, KIP-467.
pub fn check<'a>(
    bytes: &'a [u8],
    rules: &Rules,
    wall: Timestamp,
    lent: Option<Lent<'_, 'a, '_>>,
) -> Result<CheckedBatch<'a>, InvalidBatch> {
    if bytes.is_empty() {
        return Err(InvalidBatch::Empty);
    }
    let (batch, rest) = Batch::split_first(bytes).map_err(InvalidBatch::NotABatch)?;
    let mut header = *batch.header();
    match Batch::split_first(rest) {
        // Less than a batch at the end is cut off. Source: `UnifiedLog.trimInvalidBytes`.
        Err(BatchError::Truncated { .. }) => {}
        Err(error @ BatchError::Length(_)) => return Err(InvalidBatch::NotABatch(error)),
        Ok(_) | Err(BatchError::Magic(_)) => {
            return Err(InvalidBatch::MoreThanOne { first: header.size(), total: bytes.len().try_into().unwrap_or(u64::MAX) });
        }
    }
    if header.base_offset().0 != 0 {
        return Err(InvalidBatch::BaseOffset(header.base_offset().0));
    }
    fits(&header, rules)?;
    let computed = batch.computed_crc();
    if header.crc() != computed {
        return Err(InvalidBatch::Crc { stated: header.crc(), computed });
    }
    let compression = check_header(&header, rules)?;

    let mut dirty = rewrite_time(&mut header, rules, wall);
    let keep = if header.is_control() { None } else { rules.compression };
    let target = keep.unwrap_or(compression);
    let recompress = target != compression;
    let look_inside = compression == Compression::None || recompress || must_look_inside(rules);
    let mut body = batch.body();
    let mut marker = None;
    if !look_inside {
        max_timestamp_in_range(&header, rules, wall)?;
    } else if compression == Compression::None && !recompress {
        dirty |= look_at_records(&mut header, body, rules, Look { wall, consecutive: false })?;
        marker = end_marker(&header, body);
    } else {
        let lent = lent.ok_or(InvalidBatch::NoCodec(if compression == Compression::None { target } else { compression }))?;
        let look = Look { wall, consecutive: true };
        body = unfold(&mut header, body, (compression, target), rules, look, lent, &mut dirty)?;
    }
    if recompress {
        let attributes = (header.attributes() & !layout::COMPRESSION_MASK) | target.id();
        header.set(layout::ATTRIBUTES, attributes.to_be_bytes());
        header.seal(body);
        fits(&header, rules)?;
    } else if dirty {
        header.seal(body);
    }
    let writer = Writer { origin: rules.origin, epoch_per_transaction: rules.epoch_per_transaction && header.is_transactional() };
    let log_append_time = (rules.timestamp_type == TimestampType::LogAppendTime).then_some(wall);
    Ok(CheckedBatch { header, body, marker, writer, log_append_time })
}

fn fits(header: &Header, rules: &Rules) -> Result<(), InvalidBatch> {
    if header.size() > rules.max_message_bytes {
        return Err(InvalidBatch::TooLarge { size: header.size(), max: rules.max_message_bytes });
    }
    Ok(())
}

fn check_header(header: &Header, rules: &Rules) -> Result<Compression, InvalidBatch> {
    let (count, last_offset_delta) = (header.record_count(), header.last_offset_delta());
    if count <= 0 || count - 1 != last_offset_delta {
        return Err(InvalidBatch::Count { count, last_offset_delta });
    }
    if header.is_control() && rules.origin == Origin::Client {
        return Err(InvalidBatch::Control);
    }
    match header.producer() {
        Some(stamp) if stamp.base_sequence.0 < 0 && rules.origin == Origin::Client => {
            return Err(InvalidBatch::NoSequence { producer_id: stamp.id, base_sequence: stamp.base_sequence.0 });
        }
        None if header.is_transactional() => return Err(InvalidBatch::NoProducer),
        _ => {}
    }
    if header.has_log_append_time() && rules.timestamp_type == TimestampType::LogAppendTime && rules.origin == Origin::Client {
        return Err(InvalidBatch::LogAppendTime);
    }
    header.compression().ok_or_else(|| InvalidBatch::Compression(header.attributes() & layout::COMPRESSION_MASK))
}

/// Sets the time of the append, or takes a producer's claim to it away. True when the header changed.
fn rewrite_time(header: &mut Header, rules: &Rules, wall: Timestamp) -> bool {
    match rules.timestamp_type {
        TimestampType::LogAppendTime => {
            header.set(layout::ATTRIBUTES, (header.attributes() | layout::LOG_APPEND_TIME).to_be_bytes());
            header.set(layout::MAX_TIMESTAMP, wall.0.to_be_bytes());
            true
        }
        TimestampType::CreateTime if header.has_log_append_time() => {
            header.set(layout::ATTRIBUTES, (header.attributes() & !layout::LOG_APPEND_TIME).to_be_bytes());
            true
        }
        TimestampType::CreateTime => false,
    }
}

/// Whether a rule can only be held by looking at the records of a compressed batch.
fn must_look_inside(rules: &Rules) -> bool {
    let past_is_bounded = rules.timestamp_type == TimestampType::CreateTime && rules.timestamp_before_max.is_some();
    rules.look_inside_compressed || rules.compacted || (past_is_bounded && rules.origin == Origin::Client)
}

fn in_range(stamp: i64, rules: &Rules, wall: Timestamp) -> bool {
    let within = |span: i64, max: Option<Millis>| max.is_none_or(|max| u64::try_from(span).unwrap_or(0) <= max.0);
    stamp == -1
        || rules.origin == Origin::Coordinator
        || (within(wall.0.saturating_sub(stamp), rules.timestamp_before_max)
            && within(stamp.saturating_sub(wall.0), rules.timestamp_after_max))
}

fn max_timestamp_in_range(header: &Header, rules: &Rules, wall: Timestamp) -> Result<(), InvalidBatch> {
    match header.max_timestamp() {
        Some(stamp) if rules.timestamp_type == TimestampType::CreateTime && !in_range(stamp.0, rules, wall) => {
            Err(InvalidBatch::MaxTimestamp(stamp))
        }
        _ => Ok(()),
    }
}

#[derive(Clone, Copy)]
struct Look {
    wall: Timestamp,
    /// Whether offset deltas must count up by one: so inside compressed batches, where nobody else would look.
    consecutive: bool,
}

/// Walks all records once. True when the largest timestamp had to be corrected.
fn look_at_records(header: &mut Header, body: &[u8], rules: &Rules, look: Look) -> Result<bool, InvalidBatch> {
    let create_time = rules.timestamp_type == TimestampType::CreateTime;
    let base_timestamp = header.base_timestamp();
    let mut max_timestamp = -1i64;
    let mut issues = RecordIssues::default();
    // A batch has at most 2^31 records: the numbers never run out.
    for (index, record) in (0u32..).zip(Records::new(body, header.record_count())) {
        let record = record.map_err(|error| InvalidBatch::Structure { index, error })?;
        if look.consecutive && i64::from(record.offset_delta) != i64::from(index) {
            return Err(InvalidBatch::OffsetDelta { index, found: record.offset_delta });
        }
        if rules.compacted && record.key.is_none() && !header.is_control() {
            issues.add(index, RecordFault::NullKey);
        }
        if create_time {
            let stamp = base_timestamp.wrapping_add(record.timestamp_delta);
            max_timestamp = max_timestamp.max(stamp);
            if !in_range(stamp, rules, look.wall) {
                issues.add(index, RecordFault::Timestamp);
            }
        }
    }
    if issues.timestamps > 0 {
        return Err(InvalidBatch::Timestamps(issues));
    }
    if issues.count > 0 {
        return Err(InvalidBatch::Records(issues));
    }
    if create_time && header.max_timestamp().map_or(-1, |stamp| stamp.0) != max_timestamp {
        header.set(layout::MAX_TIMESTAMP, max_timestamp.to_be_bytes());
        return Ok(true);
    }
    Ok(false)
}

/// Opens a compressed batch, looks inside, and compresses it anew when it is to be kept otherwise. Answers the body to keep.
#[expect(clippy::too_many_arguments, reason = "one step of `check`, apart only for its length")]
fn unfold<'a>(
    header: &mut Header,
    body: &'a [u8],
    (from, to): (Compression, Compression),
    rules: &Rules,
    look: Look,
    lent: Lent<'_, 'a, '_>,
    dirty: &mut bool,
) -> Result<&'a [u8], InvalidBatch> {
    let Lent { codec, records, body: rebuilt } = lent;
    rebuilt.clear();
    if to == Compression::None {
        codec.decompress(from, body, rebuilt).map_err(InvalidBatch::Codec)?;
        *dirty |= look_at_records(header, rebuilt, rules, look)?;
        return Ok(rebuilt);
    }
    records.clear();
    let plain = if from == Compression::None {
        body
    } else {
        codec.decompress(from, body, records).map_err(InvalidBatch::Codec)?;
        records
    };
    *dirty |= look_at_records(header, plain, rules, look)?;
    if to == from {
        return Ok(body);
    }
    codec.compress(to, plain, rebuilt).map_err(InvalidBatch::Codec)?;
    Ok(rebuilt)
}

fn end_marker(header: &Header, body: &[u8]) -> Option<EndMarker> {
    if !header.is_control() {
        return None;
    }
    let first = Records::new(body, header.record_count()).next()?.ok()?;
    EndMarker::read(&first)
}

#[cfg(test)]
#[cfg(feature = "alloc")]
#[path = "validate_tests.rs"]
mod tests;
