//! Writing batches: by machines for their own records, by clients, by tests.

use crate::bounded::Full;
use crate::bounded::list::List;
use crate::ids::{LeaderEpoch, Offset};
use crate::time::Timestamp;
use crate::wire::varint;

use super::batch::{Header, ProducerStamp};
use super::codec::{Codec, CodecError, Compression};
use super::layout;
use super::marker::EndMarker;
use super::records::RecordHeader;

/// What a batch says of itself besides its records.
#[derive(Clone, Copy, Debug)]
pub struct BatchOptions {
    /// The offset of the first record; 0 in what goes to a broker, which stamps the real one.
    pub base_offset: Offset,
    /// The leader epoch; -1 in what goes to a broker.
    pub leader_epoch: LeaderEpoch,
    /// Who writes it, when duplicates must be recognised.
    pub producer: Option<ProducerStamp>,
    /// Whether it belongs to a transaction.
    pub transactional: bool,
    /// Whether its records are no application's.
    pub control: bool,
    /// The largest size of the batch, header included. Unit: bytes.
    pub size_max: usize,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            base_offset: Offset::ZERO,
            leader_epoch: LeaderEpoch(-1),
            producer: None,
            transactional: false,
            control: false,
            size_max: usize::MAX,
        }
    }
}

/// One record to be written.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewRecord<'a> {
    /// When it happened; `None` when nobody knows.
    pub timestamp: Option<Timestamp>,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a [RecordHeader<'a>],
}

/// Writes one uncompressed batch behind what a list already holds.
///
/// Bounds: the capacity of the list and `size_max`; a record that fits neither is refused and leaves the batch as it was.
#[derive(Debug)]
pub struct Builder<'l, 'm> {
    bytes: &'l mut List<'m, u8>,
    options: BatchOptions,
    start: usize,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl<'l, 'm> Builder<'l, 'm> {
    /// Begins a batch.
    ///
    /// # Errors
    /// [`Full`] when not even the header fits.
    pub fn new(bytes: &'l mut List<'m, u8>, options: BatchOptions) -> Result<Self, Full> {
        if options.size_max < layout::HEADER_SIZE {
            return Err(Full);
        }
        let start = bytes.len();
        bytes.extend_from_slice(&[0; layout::HEADER_SIZE])?;
        Ok(Self { bytes, options, start, count: 0, base_timestamp: -1, max_timestamp: -1 })
    }

    /// How many records the batch holds.
    #[must_use]
    pub const fn count(&self) -> i32 {
        self.count
    }

    /// The size of the batch so far. Unit: bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Adds one record.
    ///
    /// # Errors
    /// [`Full`] when it does not fit; the batch is then as before.
    pub fn append(&mut self, record: NewRecord<'_>) -> Result<(), Full> {
        let end = self.bytes.len();
        let stamp = record.timestamp.map_or(-1, |stamp| stamp.0);
        let base = if self.count == 0 { stamp } else { self.base_timestamp };
        let written = self.write(record, stamp.wrapping_sub(base));
        if written.is_err() || self.size() > self.options.size_max {
            self.bytes.truncate(end);
            return Err(Full);
        }
        self.count += 1;
        self.base_timestamp = base;
        self.max_timestamp = self.max_timestamp.max(stamp);
        Ok(())
    }

    /// Adds the record that ends a transaction; the batch must be a control batch.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn append_marker(&mut self, timestamp: Timestamp, marker: EndMarker) -> Result<(), Full> {
        self.append(NewRecord { timestamp: Some(timestamp), key: Some(&marker.key()), value: Some(&marker.value()), headers: &[] })
    }

    fn write(&mut self, record: NewRecord<'_>, timestamp_delta: i64) -> Result<(), Full> {
        if self.count == i32::MAX {
            return Err(Full);
        }
        let sized = |bytes: Option<&[u8]>| bytes.map_or(1, |bytes| varint::size_i64(wide(bytes.len())) + bytes.len());
        let headers: usize = record.headers.iter().map(|header| sized(Some(header.key)) + sized(header.value)).sum();
        let size = 1
            + varint::size_i64(timestamp_delta)
            + varint::size_i64(i64::from(self.count))
            + sized(record.key)
            + sized(record.value)
            + varint::size_i64(wide(record.headers.len()))
            + headers;
        if i32::try_from(size).is_err() || size > self.bytes.capacity() - self.bytes.len() {
            return Err(Full);
        }
        self.number(wide(size))?;
        self.bytes.push(0)?;
        self.number(timestamp_delta)?;
        self.number(i64::from(self.count))?;
        self.bytes_or_null(record.key)?;
        self.bytes_or_null(record.value)?;
        self.number(wide(record.headers.len()))?;
        for header in record.headers {
            self.bytes_or_null(Some(header.key))?;
            self.bytes_or_null(header.value)?;
        }
        Ok(())
    }

    fn number(&mut self, number: i64) -> Result<(), Full> {
        self.bytes.extend_from_slice(varint::encode_i64(number).as_slice())
    }

    fn bytes_or_null(&mut self, bytes: Option<&[u8]>) -> Result<(), Full> {
        match bytes {
            None => self.number(-1),
            Some(bytes) => {
                self.number(wide(bytes.len()))?;
                self.bytes.extend_from_slice(bytes)
            }
        }
    }

    /// Completes the batch with its records compressed, and answers its size in bytes. Records that would not shrink stay plain, as the
    /// format allows. A batch without records is taken away again: `None`.
    ///
    /// `packed` holds the compressed records on the way.
    ///
    /// # Errors
    /// What [`CodecError`] names; the batch is then taken away again.
    pub fn finish_compressed(
        self,
        compression: Compression,
        codec: &mut impl Codec,
        packed: &mut List<'_, u8>,
    ) -> Result<Option<usize>, CodecError> {
        let options = self.options;
        let start = self.start;
        let count = self.count;
        let (base_timestamp, max_timestamp) = (self.base_timestamp, self.max_timestamp);
        let bytes: &mut List<'_, u8> = self.bytes;
        let finish =
            |bytes: &mut List<'_, u8>| Builder { bytes: &mut *bytes, options, start, count, base_timestamp, max_timestamp }.finish();
        if compression == Compression::None || count == 0 {
            return Ok(finish(bytes));
        }
        packed.clear();
        let plain = bytes.get(start + layout::HEADER_SIZE..).unwrap_or_default();
        let plain_size = plain.len();
        if let Err(error) = codec.compress(compression, plain, packed) {
            bytes.truncate(start);
            return Err(error);
        }
        let size = finish(bytes);
        if packed.len() >= plain_size {
            return Ok(size);
        }
        let Some(mut header) = bytes.get(start..).and_then(Header::peek) else {
            return Ok(size);
        };
        header.set(layout::ATTRIBUTES, (header.attributes() | compression.id()).to_be_bytes());
        header.seal(packed);
        bytes.truncate(start);
        let whole = bytes.extend_from_slice(header.as_bytes()).and_then(|()| bytes.extend_from_slice(packed));
        // It is smaller than what stood there before.
        whole.map_err(|Full| CodecError::OutputFull { limit: bytes.capacity() })?;
        Ok(Some(bytes.len() - start))
    }

    /// Completes the batch and answers its size in bytes. A batch without records is taken away again: `None`.
    #[must_use]
    pub fn finish(self) -> Option<usize> {
        if self.count == 0 {
            self.bytes.truncate(self.start);
            return None;
        }
        let options = self.options;
        let mut header = Header::zeroed();
        header.stamp(options.base_offset, options.leader_epoch);
        header.set(layout::MAGIC, layout::MAGIC_V2.to_be_bytes());
        let flag = |set: bool, bit: i16| if set { bit } else { 0 };
        let attributes = flag(options.transactional, layout::TRANSACTIONAL) | flag(options.control, layout::CONTROL);
        header.set(layout::ATTRIBUTES, attributes.to_be_bytes());
        header.set(layout::LAST_OFFSET_DELTA, (self.count - 1).to_be_bytes());
        header.set(layout::BASE_TIMESTAMP, self.base_timestamp.to_be_bytes());
        header.set(layout::MAX_TIMESTAMP, self.max_timestamp.to_be_bytes());
        let (id, epoch, sequence) = options.producer.map_or((-1, -1, -1), |stamp| (stamp.id.0, stamp.epoch.0, stamp.base_sequence.0));
        header.set(layout::PRODUCER_ID, id.to_be_bytes());
        header.set(layout::PRODUCER_EPOCH, epoch.to_be_bytes());
        header.set(layout::BASE_SEQUENCE, sequence.to_be_bytes());
        header.set(layout::RECORD_COUNT, self.count.to_be_bytes());
        let batch = self.bytes.get_mut(self.start..)?;
        let size = batch.len();
        let (head, body) = batch.split_first_chunk_mut::<{ layout::HEADER_SIZE }>()?;
        header.seal(body);
        *head = *header.as_bytes();
        Some(size)
    }
}

/// A length as a varint takes it. What is longer than the type allows was refused by its size before.
fn wide(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[cfg(feature = "alloc")]
pub(crate) mod tests {
    use super::super::batch::Batch;
    use super::*;
    use alloc::vec::Vec;

    pub(crate) fn sample(count: i64) -> Vec<u8> {
        let mut list = List::grown(1 << 20);
        let mut builder = Builder::new(&mut list, BatchOptions::default()).unwrap();
        for at in 0..count {
            let value = at.to_be_bytes();
            let record = NewRecord {
                timestamp: Some(Timestamp(1000 + at)),
                key: Some(b"key"),
                value: Some(&value),
                headers: &[RecordHeader { key: b"trace", value: None }],
            };
            builder.append(record).unwrap();
        }
        builder.finish().unwrap();
        list.into_vec().unwrap()
    }

    #[test]
    fn what_is_built_is_read_back() {
        let bytes = sample(300);
        let (batch, _) = Batch::split_first(&bytes).unwrap();
        assert_eq!(batch.header().max_timestamp(), Some(Timestamp(1299)));
        for (at, record) in batch.records().unwrap().enumerate() {
            let record = record.unwrap();
            let at = i64::try_from(at).unwrap();
            assert_eq!((record.timestamp_delta, i64::from(record.offset_delta)), (at, at));
            assert_eq!(record.value, Some(at.to_be_bytes().as_slice()));
            assert_eq!(record.headers.count(), 1);
        }
    }

    /// Keeps every other byte: shorter, and wrong in the way that matters least here.
    struct Halves;

    impl Codec for Halves {
        fn decompress(&mut self, compression: Compression, _: &[u8], _: &mut List<'_, u8>) -> Result<(), CodecError> {
            Err(CodecError::Unsupported(compression))
        }
        fn compress(&mut self, compression: Compression, input: &[u8], output: &mut List<'_, u8>) -> Result<(), CodecError> {
            if compression == Compression::Zstd {
                return Err(CodecError::Unsupported(compression));
            }
            let step = if compression == Compression::Gzip { 1 } else { 2 };
            let half: Vec<u8> = input.iter().copied().step_by(step).collect();
            output.extend_from_slice(&half).map_err(|_| CodecError::OutputFull { limit: output.capacity() })
        }
    }

    #[test]
    fn records_are_compressed_only_where_that_makes_them_smaller() {
        for (compression, kept) in [(Compression::Lz4, Compression::Lz4), (Compression::Gzip, Compression::None)] {
            let mut list = List::grown(1 << 20);
            list.extend_from_slice(b"before").unwrap();
            let mut builder = Builder::new(&mut list, BatchOptions::default()).unwrap();
            builder.append(NewRecord { value: Some(&[7; 100]), ..NewRecord::default() }).unwrap();
            let plain = builder.size() - layout::HEADER_SIZE;
            let size = builder.finish_compressed(compression, &mut Halves, &mut List::grown(1 << 20)).unwrap().unwrap();
            let (batch, rest) = Batch::split_first(list.strip_prefix(b"before").unwrap()).unwrap();
            assert!(batch.crc_is_right() && rest.is_empty());
            assert_eq!((batch.header().compression(), batch.bytes().len()), (Some(kept), size));
            assert_eq!(batch.body().len(), if kept == Compression::None { plain } else { plain.div_ceil(2) });
        }
    }

    #[test]
    fn a_batch_that_cannot_be_compressed_is_taken_away_again() {
        let mut list = List::grown(1 << 20);
        list.extend_from_slice(b"before").unwrap();
        let mut builder = Builder::new(&mut list, BatchOptions::default()).unwrap();
        builder.append(NewRecord::default()).unwrap();
        let finished = builder.finish_compressed(Compression::Zstd, &mut Halves, &mut List::grown(10));
        assert_eq!(finished, Err(CodecError::Unsupported(Compression::Zstd)));
        assert_eq!(&*list, b"before");
    }

    #[test]
    fn a_record_that_does_not_fit_leaves_the_batch_as_it_was() {
        let mut lent = heapless::Vec::<u8, 100>::new();
        let mut list = List::lent(&mut lent);
        let mut builder = Builder::new(&mut list, BatchOptions::default()).unwrap();
        let record = |value: &'static [u8]| NewRecord { value: Some(value), ..NewRecord::default() };
        builder.append(record(b"0123456789")).unwrap();
        assert_eq!(builder.append(record(&[0; 30])), Err(Full));
        builder.append(record(b"x")).unwrap();
        builder.finish().unwrap();
        let (batch, rest) = Batch::split_first(&list).unwrap();
        assert!(batch.crc_is_right() && rest.is_empty());
        assert_eq!(batch.records().unwrap().filter(Result::is_ok).count(), 2);
    }
}
