//! What becomes of one batch. Source: `Cleaner.cleanInto`, `MemoryRecords.filterTo`.

use crate::bounded::list::List;
use crate::ids::{Offset, ProducerEpoch, ProducerId};
use crate::log::producers::Producers;
use crate::log::txn_index::AbortedTransaction;
use crate::record::batch::{Batch, Header};
use crate::record::codec::{Codec, CodecError, Compression};
use crate::record::filter::{self, FilterError, Kept};
use crate::record::layout::HEADER_SIZE;
use crate::record::marker::{EndMarker, Outcome};
use crate::record::records::{Record, Records};
use crate::time::Timestamp;

use super::key_map::KeyMap;
use super::transactions::Transactions;

/// Which record of a producer must stay, so that it is known when its log is read anew.
#[derive(Clone, Copy, Debug)]
pub struct LastOfProducer {
    id: ProducerId,
    epoch: ProducerEpoch,
    /// The offset of its last numbered record.
    last: Option<Offset>,
    /// The offset of its last marker, as far as one was come across.
    marker: Option<Offset>,
}

/// What must stay of all producers that are remembered.
#[derive(Debug)]
pub(in crate::log) struct LastRecords<'m> {
    /// By producer, rising.
    list: List<'m, LastOfProducer>,
    /// Whether there was no memory for one of them: then every batch may be needed.
    forgetful: bool,
}

impl<'m> LastRecords<'m> {
    /// As the producers stand now. Those whose last record lies at `below` or behind need nothing that is compacted.
    pub(in crate::log) fn of(producers: &Producers<'_>, below: Offset, mut list: List<'m, LastOfProducer>) -> Self {
        list.clear();
        let mut forgetful = false;
        for producer in producers.iter() {
            let last = producer.last_batch().map(|batch| batch.last_offset);
            if last.is_none_or(|last| last < below) {
                forgetful |= list.push(LastOfProducer { id: producer.id, epoch: producer.epoch, last, marker: None }).is_err();
            }
        }
        list.sort_unstable_by_key(|entry| entry.id);
        Self { list, forgetful }
    }

    fn find(&self, id: ProducerId) -> Option<usize> {
        self.list.binary_search_by_key(&id, |entry| entry.id).ok()
    }

    /// Whether one of them is known by its markers alone: then all that are there are to be looked for.
    pub(in crate::log) fn ask_for_markers(&self) -> bool {
        self.list.iter().any(|entry| entry.last.is_none())
    }

    /// A control batch was come across.
    fn saw_marker(&mut self, header: &Header) {
        let found = header.producer().and_then(|stamp| self.find(stamp.id));
        if let Some(entry) = found.and_then(|at| self.list.get_mut(at)) {
            entry.marker = entry.marker.max(Some(header.last_offset()));
        }
    }

    /// Whether the batch says what its producer is known by: its last sequence number, or else the marker of its last epoch.
    ///
    /// A producer that is known by its epoch alone has many markers of it, if it is one that never numbers what it writes in its
    /// transactions: only the last of them counts. (Kafka keeps them all until the producer is forgotten.)
    fn need(&self, header: &Header) -> bool {
        let Some(stamp) = header.producer() else { return false };
        let Some(entry) = self.find(stamp.id).and_then(|at| self.list.get(at)) else { return self.forgetful };
        match entry.last {
            Some(last) => header.last_offset() == last,
            None => header.is_control() && stamp.epoch == entry.epoch && entry.marker.is_none_or(|marker| header.last_offset() >= marker),
        }
    }
}

/// Why a batch cannot be worked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log) enum Fault {
    /// It cannot be opened, or not be compressed again.
    Codec(CodecError),
    /// The lent memory is used up.
    NoRoom,
    /// The key map is.
    KeysFull,
}

impl From<CodecError> for Fault {
    fn from(error: CodecError) -> Self {
        match error {
            CodecError::OutputFull { .. } => Self::NoRoom,
            CodecError::Unsupported(_) | CodecError::Corrupt(_) => Self::Codec(error),
        }
    }
}

/// What was written of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::log) struct Cleaned {
    /// Its header now; `None` when nothing is left.
    pub(in crate::log) header: Option<Header>,
    /// What the new index of aborted transactions gets behind it.
    pub(in crate::log) aborted: Option<AbortedTransaction>,
}

/// Judges batches, one after the other, in the order of their offsets: first those that are dirty, to learn their keys; then all.
#[derive(Debug)]
pub(in crate::log) struct Cleaner<'m> {
    pub(in crate::log) wall: Timestamp,
    /// From when on what is marked today may go.
    pub(in crate::log) horizon: Timestamp,
    pub(in crate::log) first_dirty: Offset,
    /// Records at this offset or behind it are not judged by their keys.
    pub(in crate::log) end: Offset,
    pub(in crate::log) keys: KeyMap<'m>,
    pub(in crate::log) transactions: Transactions<'m>,
    pub(in crate::log) producers: LastRecords<'m>,
    /// Scratch: the records of a compressed batch.
    pub(in crate::log) records: List<'m, u8>,
    /// Scratch: those of them that are kept.
    pub(in crate::log) kept: List<'m, u8>,
    /// Scratch: the same, with times that count from elsewhere.
    pub(in crate::log) rebased: List<'m, u8>,
}

impl Cleaner<'_> {
    /// Learns the keys of a batch.
    ///
    /// Those of a batch that cannot be read are not learnt: what it would supersede stays.
    pub(in crate::log) fn learn(&mut self, batch: &Batch<'_>, codec: &mut dyn Codec) -> Result<(), Fault> {
        let header = batch.header();
        if header.is_control() {
            self.producers.saw_marker(header);
            return Ok(());
        }
        if header.last_offset() < self.first_dirty || self.is_aborted(header) || !batch.crc_is_right() {
            return Ok(());
        }
        let Some(body) = open(batch, codec, &mut self.records)? else { return Ok(()) };
        let records = Records::new(body, header.record_count());
        if records.clone().any(|record| record.is_err()) {
            return Ok(());
        }
        for record in records.flatten() {
            let offset = offset_of(header, &record);
            if let Some(key) = record.key
                && offset >= self.first_dirty
            {
                self.keys.put(key, offset).map_err(|_| Fault::KeysFull)?;
            }
        }
        Ok(())
    }

    fn is_aborted(&self, header: &Header) -> bool {
        let producer = header.producer().filter(|_| header.is_transactional());
        producer.is_some_and(|stamp| self.transactions.aborted(stamp.id, header.base_offset()).is_some())
    }

    /// Writes what is left of a batch behind what `out` holds. With `ends_segment` at least its header is left, so that the offsets
    /// behind it follow on those before.
    pub(in crate::log) fn clean(
        &mut self,
        batch: &Batch<'_>,
        ends_segment: bool,
        codec: &mut dyn Codec,
        out: &mut List<'_, u8>,
    ) -> Result<Cleaned, Fault> {
        let header = batch.header();
        if header.is_control() {
            return self.clean_marker(batch, ends_segment, out);
        }
        if let Some(stamp) = header.producer().filter(|_| header.is_transactional()) {
            self.transactions.saw_batch(stamp.id);
        }
        let keeps_header = ends_segment || self.producers.need(header);
        if self.is_aborted(header) {
            return without_records(header, keeps_header, out);
        }
        self.clean_records(batch, keeps_header, codec, out)
    }

    fn clean_marker(&mut self, batch: &Batch<'_>, ends_segment: bool, out: &mut List<'_, u8>) -> Result<Cleaned, Fault> {
        let header = batch.header();
        if header.record_count() == 0 {
            // It has ended a segment once. Its transaction is long gone.
            return without_records(header, ends_segment, out);
        }
        let first = batch.records().and_then(|mut records| records.next()).and_then(Result::ok);
        let marker = first.and_then(|record| EndMarker::read(&record));
        let (Some(marker), Some(stamp), true) = (marker, header.producer(), batch.crc_is_right()) else {
            return whole(batch, None, out);
        };
        let aborted = self.transactions.aborted(stamp.id, header.base_offset()).filter(|_| marker.outcome == Outcome::Abort);
        if self.transactions.ended(stamp.id) {
            return whole(batch, aborted, out);
        }
        match header.delete_horizon() {
            // What its producer is known by stays as it is: the epoch of the coordinator is written nowhere else.
            Some(horizon) if horizon <= self.wall && !self.producers.need(header) => without_records(header, ends_segment, out),
            Some(_) => whole(batch, None, out),
            None => {
                let stamp = header.max_timestamp().map_or(-1, |stamp| stamp.0);
                let kept = Kept { count: header.record_count(), max_timestamp: stamp, ..Kept::default() };
                self.rebased.clear();
                match filter::rebase_records(header, kept.count, batch.body(), self.horizon, &mut self.rebased) {
                    Ok(()) => rewritten(&filter::refitted(header, &kept, Some(self.horizon), &self.rebased), &self.rebased, out),
                    Err(FilterError::Full) => Err(Fault::NoRoom),
                    Err(FilterError::Record(_)) => whole(batch, None, out),
                }
            }
        }
    }

    fn clean_records(
        &mut self,
        batch: &Batch<'_>,
        keeps_header: bool,
        codec: &mut dyn Codec,
        out: &mut List<'_, u8>,
    ) -> Result<Cleaned, Fault> {
        let header = batch.header();
        if !batch.crc_is_right() {
            // A new checksum would make what is damaged look sound.
            return whole(batch, None, out);
        }
        let Self { wall, end, keys, records, kept: kept_bytes, rebased, .. } = self;
        let Some(body) = open(batch, codec, records)? else { return whole(batch, None, out) };
        let tombstones_go = header.delete_horizon().is_some_and(|horizon| horizon <= *wall);
        kept_bytes.clear();
        let copied = filter::copy_records(header, body, kept_bytes, |record| {
            let offset = offset_of(header, record);
            if offset >= *end {
                return true;
            }
            let Some(key) = record.key else { return false };
            keys.get(key).is_none_or(|last| offset >= last) && (record.value.is_some() || !tombstones_go)
        });
        let kept = match copied {
            Ok(kept) => kept,
            Err(FilterError::Full) => return Err(Fault::NoRoom),
            Err(FilterError::Record(_)) => return whole(batch, None, out),
        };
        if kept.count == 0 {
            return without_records(header, keeps_header, out);
        }
        let horizon = (kept.tombstones > 0 && header.delete_horizon().is_none()).then_some(self.horizon);
        if kept.removed == 0 && horizon.is_none() {
            return whole(batch, None, out);
        }
        let mut left: &[u8] = kept_bytes;
        if let Some(horizon) = horizon {
            rebased.clear();
            // They were all read a moment ago: what can be short is memory.
            filter::rebase_records(header, kept.count, kept_bytes, horizon, rebased).map_err(|_| Fault::NoRoom)?;
            left = rebased;
        }
        let compression = header.compression().unwrap_or_default();
        if compression == Compression::None {
            return rewritten(&filter::refitted(header, &kept, horizon, left), left, out);
        }
        let start = out.len();
        out.extend_from_slice(&[0; HEADER_SIZE]).map_err(|_| Fault::NoRoom)?;
        codec.compress(compression, left, out)?;
        let packed = out.get(start + HEADER_SIZE..).unwrap_or_default();
        let fitted = filter::refitted(header, &kept, horizon, packed);
        if let Some(place) = out.get_mut(start..).and_then(|bytes| bytes.first_chunk_mut()) {
            *place = *fitted.as_bytes();
        }
        Ok(Cleaned { header: Some(fitted), aborted: None })
    }
}

/// The records of a batch as they can be read; `None` when they cannot.
fn open<'a>(batch: &Batch<'a>, codec: &mut dyn Codec, records: &'a mut List<'_, u8>) -> Result<Option<&'a [u8]>, Fault> {
    match batch.header().compression() {
        None => Ok(None),
        Some(Compression::None) => Ok(Some(batch.body())),
        Some(compression) => {
            records.clear();
            match codec.decompress(compression, batch.body(), records) {
                Ok(()) => Ok(Some(records)),
                Err(CodecError::Corrupt(_)) => Ok(None),
                Err(error) => Err(error.into()),
            }
        }
    }
}

/// The offset of a record. Nobody has looked at the distances inside of a batch that came uncompressed: they do not lead out of it.
fn offset_of(header: &Header, record: &Record<'_>) -> Offset {
    let delta = record.offset_delta.clamp(0, header.last_offset_delta().max(0));
    Offset(header.base_offset().0.saturating_add(delta.into()))
}

fn whole(batch: &Batch<'_>, aborted: Option<AbortedTransaction>, out: &mut List<'_, u8>) -> Result<Cleaned, Fault> {
    out.extend_from_slice(batch.bytes()).map_err(|_| Fault::NoRoom)?;
    Ok(Cleaned { header: Some(*batch.header()), aborted })
}

fn rewritten(header: &Header, body: &[u8], out: &mut List<'_, u8>) -> Result<Cleaned, Fault> {
    out.extend_from_slice(header.as_bytes()).and_then(|()| out.extend_from_slice(body)).map_err(|_| Fault::NoRoom)?;
    Ok(Cleaned { header: Some(*header), aborted: None })
}

fn without_records(header: &Header, keeps_header: bool, out: &mut List<'_, u8>) -> Result<Cleaned, Fault> {
    if keeps_header { rewritten(&filter::emptied(header), &[], out) } else { Ok(Cleaned::default()) }
}
