//! A checked view over the bytes of one record batch.

use core::fmt;

use crate::crc::crc32c_parts;
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};
use crate::time::Timestamp;

use super::codec::Compression;
use super::layout;
use super::records::Records;

/// Why bytes are not a record batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// Fewer bytes than a header or than the header says. Unit: bytes.
    Truncated {
        /// How many bytes there should be.
        needed: u64,
        /// How many there are.
        found: u64,
    },
    /// The batch length is smaller than a header.
    Length(i32),
    /// The format is not version 2.
    Magic(i8),
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, found } => write!(f, "a batch of {needed} bytes is cut after {found}"),
            Self::Length(length) => write!(f, "a batch length of {length} is smaller than a header"),
            Self::Magic(magic) => write!(f, "record format version {magic} is not 2"),
        }
    }
}

impl core::error::Error for BatchError {}

/// The producer fields of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStamp {
    /// Who wrote it.
    pub id: ProducerId,
    /// Which incarnation wrote it.
    pub epoch: ProducerEpoch,
    /// The number of the first record; negative in control batches.
    pub base_sequence: Sequence,
}

/// A header copied out of a batch: 61 bytes, nothing believed yet. See [`Header::check`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; layout::HEADER_SIZE],
}

impl Header {
    /// The first 61 bytes, whatever they say; `None` when there are fewer. For scans, which judge by themselves.
    #[must_use]
    pub fn peek(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().map(|bytes| Self { bytes: *bytes })
    }

    pub(super) const fn zeroed() -> Self {
        Self { bytes: [0; layout::HEADER_SIZE] }
    }

    /// A whole batch without records, which stands for offsets that nobody can read any more: a compaction leaves such, and readers pass
    /// over it. Source: `DefaultRecordBatch.writeEmptyHeader`.
    #[must_use]
    pub fn empty(first: Offset, last_offset_delta: i32) -> Self {
        let mut header = Self::zeroed();
        header.stamp(first, LeaderEpoch(-1));
        header.set(layout::MAGIC, layout::MAGIC_V2.to_be_bytes());
        header.set(layout::LAST_OFFSET_DELTA, last_offset_delta.to_be_bytes());
        for absent in [layout::BASE_TIMESTAMP, layout::MAX_TIMESTAMP, layout::PRODUCER_ID] {
            header.set(absent, (-1i64).to_be_bytes());
        }
        header.set(layout::PRODUCER_EPOCH, (-1i16).to_be_bytes());
        header.set(layout::BASE_SEQUENCE, (-1i32).to_be_bytes());
        header.seal(&[]);
        header
    }

    /// Whether the length and the format version are those of a batch.
    ///
    /// # Errors
    /// [`BatchError::Magic`] or [`BatchError::Length`].
    pub fn check(&self) -> Result<(), BatchError> {
        if self.magic() != layout::MAGIC_V2 {
            return Err(BatchError::Magic(self.magic()));
        }
        if self.batch_length() < i32::try_from(layout::BATCH_LENGTH_MIN).unwrap_or(0) {
            return Err(BatchError::Length(self.batch_length()));
        }
        Ok(())
    }

    /// The bytes as they lie.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; layout::HEADER_SIZE] {
        &self.bytes
    }

    #[inline]
    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        self.bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; N])
    }

    #[inline]
    pub(super) fn set<const N: usize>(&mut self, at: usize, field: [u8; N]) {
        if let Some(place) = self.bytes.get_mut(at..).and_then(|bytes| bytes.first_chunk_mut()) {
            *place = field;
        }
    }

    /// The offset of the first record; 0 in what a producer sends.
    #[must_use]
    pub fn base_offset(&self) -> Offset {
        Offset(i64::from_be_bytes(self.field(layout::BASE_OFFSET)))
    }

    /// How many bytes follow the length field.
    #[must_use]
    pub fn batch_length(&self) -> i32 {
        i32::from_be_bytes(self.field(layout::BATCH_LENGTH))
    }

    /// The size of the whole batch in bytes; 61 at least once the header was checked.
    #[must_use]
    pub fn size(&self) -> u32 {
        u32::try_from(self.batch_length()).unwrap_or(0) + layout::LENGTH_OVERHEAD
    }

    /// Under which leader it was written; negative when none stamped it.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(i32::from_be_bytes(self.field(layout::LEADER_EPOCH)))
    }

    /// The format version.
    #[must_use]
    pub fn magic(&self) -> i8 {
        i8::from_be_bytes(self.field(layout::MAGIC))
    }

    /// The checksum the batch claims.
    #[must_use]
    pub fn crc(&self) -> u32 {
        u32::from_be_bytes(self.field(layout::CRC))
    }

    /// All attribute bits.
    #[must_use]
    pub fn attributes(&self) -> i16 {
        i16::from_be_bytes(self.field(layout::ATTRIBUTES))
    }

    /// How the records are compressed; `None` for a number without meaning.
    #[must_use]
    pub fn compression(&self) -> Option<Compression> {
        Compression::from_id(self.attributes() & layout::COMPRESSION_MASK)
    }

    /// Whether every record carries the time of its append, which is then the largest timestamp.
    #[must_use]
    pub fn has_log_append_time(&self) -> bool {
        self.attributes() & layout::LOG_APPEND_TIME != 0
    }

    /// Whether it belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.attributes() & layout::TRANSACTIONAL != 0
    }

    /// Whether its records are no application's.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.attributes() & layout::CONTROL != 0
    }

    /// The distance from the first to the last offset.
    #[must_use]
    pub fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(self.field(layout::LAST_OFFSET_DELTA))
    }

    /// The offset of the last record; saturates on numbers no log writes.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        Offset(self.base_offset().0.saturating_add(i64::from(self.last_offset_delta())))
    }

    /// The offset behind the last record.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        Offset(self.last_offset().0.saturating_add(1))
    }

    /// What the records' timestamps count from, as it stands. Unit: ms since the epoch; -1 stands for none.
    #[must_use]
    pub fn base_timestamp(&self) -> i64 {
        i64::from_be_bytes(self.field(layout::BASE_TIMESTAMP))
    }

    /// The largest timestamp of the records; `None` when they have none.
    #[must_use]
    pub fn max_timestamp(&self) -> Option<Timestamp> {
        let stamp = i64::from_be_bytes(self.field(layout::MAX_TIMESTAMP));
        (stamp != -1).then_some(Timestamp(stamp))
    }

    /// From when on the tombstones of the batch may go, or the marker in it; `None` as long as nobody has said.
    /// Source: KIP-534.
    #[must_use]
    pub fn delete_horizon(&self) -> Option<Timestamp> {
        (self.attributes() & layout::DELETE_HORIZON != 0).then_some(Timestamp(self.base_timestamp()))
    }

    /// Who wrote it, when it was an idempotent producer.
    #[must_use]
    pub fn producer(&self) -> Option<ProducerStamp> {
        let id = ProducerId(i64::from_be_bytes(self.field(layout::PRODUCER_ID)));
        (id.0 >= 0).then(|| ProducerStamp {
            id,
            epoch: ProducerEpoch(i16::from_be_bytes(self.field(layout::PRODUCER_EPOCH))),
            base_sequence: Sequence(i32::from_be_bytes(self.field(layout::BASE_SEQUENCE))),
        })
    }

    /// How many records it claims to hold.
    #[must_use]
    pub fn record_count(&self) -> i32 {
        i32::from_be_bytes(self.field(layout::RECORD_COUNT))
    }

    /// The bytes of the header that its checksum covers.
    #[must_use]
    pub fn under_crc(&self) -> &[u8] {
        self.bytes.get(layout::ATTRIBUTES..).unwrap_or_default()
    }

    /// Gives the batch its place in a log. The checksum does not cover these fields.
    pub fn stamp(&mut self, base_offset: Offset, leader_epoch: LeaderEpoch) {
        self.set(layout::BASE_OFFSET, base_offset.0.to_be_bytes());
        self.set(layout::LEADER_EPOCH, leader_epoch.0.to_be_bytes());
    }

    /// Sets size and checksum to fit `body`.
    pub(super) fn seal(&mut self, body: &[u8]) {
        let length = i32::try_from(body.len()).unwrap_or(i32::MAX).saturating_add(49);
        self.set(layout::BATCH_LENGTH, length.to_be_bytes());
        let crc = crc32c_parts(&[self.under_crc(), body]);
        self.set(layout::CRC, crc.to_be_bytes());
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("base_offset", &self.base_offset())
            .field("size", &self.size())
            .field("last_offset_delta", &self.last_offset_delta())
            .field("attributes", &self.attributes())
            .field("producer", &self.producer())
            .field("max_timestamp", &self.max_timestamp())
            .finish_non_exhaustive()
    }
}

/// One whole batch: header there, length right, format version 2. The checksum is looked at only by [`Batch::crc_is_right`].
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    header: Header,
    bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Takes the first batch off `bytes`; answers it and what lies behind.
    ///
    /// # Errors
    /// What [`BatchError`] names.
    pub fn split_first(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), BatchError> {
        let found = bytes.len().try_into().unwrap_or(u64::MAX);
        let cut = |needed: u64| BatchError::Truncated { needed, found };
        let header = Header::peek(bytes).ok_or_else(|| cut(layout::HEADER_SIZE.try_into().unwrap_or(u64::MAX)))?;
        header.check()?;
        let size = usize::try_from(header.size()).map_err(|_| cut(header.size().into()))?;
        let (bytes, rest) = bytes.split_at_checked(size).ok_or_else(|| cut(header.size().into()))?;
        Ok((Self { header, bytes }, rest))
    }

    /// The fields.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// All bytes, header included.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes of the records, compressed as they are.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(layout::HEADER_SIZE..).unwrap_or_default()
    }

    /// The checksum that the bytes really have.
    #[must_use]
    pub fn computed_crc(&self) -> u32 {
        crc32c_parts(&[self.bytes.get(layout::ATTRIBUTES..).unwrap_or_default()])
    }

    /// Whether the bytes are those the checksum was made of.
    #[must_use]
    pub fn crc_is_right(&self) -> bool {
        self.header.crc() == self.computed_crc()
    }

    /// The records; `None` when they are compressed.
    #[must_use]
    pub fn records(&self) -> Option<Records<'a>> {
        (self.header.compression() == Some(Compression::None)).then(|| Records::new(self.body(), self.header.record_count()))
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;

    #[test]
    fn a_cut_batch_is_refused_at_every_byte() {
        let bytes = super::super::builder::tests::sample(3);
        for cut in 0..bytes.len() {
            assert!(Batch::split_first(&bytes[..cut]).is_err());
        }
        let (batch, rest) = Batch::split_first(&bytes).unwrap();
        assert!(batch.crc_is_right() && rest.is_empty());
    }

    #[test]
    fn a_length_smaller_than_a_header_is_refused() {
        let mut bytes = super::super::builder::tests::sample(1);
        bytes[8..12].copy_from_slice(&48i32.to_be_bytes());
        assert_eq!(Batch::split_first(&bytes).err(), Some(BatchError::Length(48)));
        bytes[16] = 1;
        assert_eq!(Batch::split_first(&bytes).err(), Some(BatchError::Magic(1)));
    }
}
