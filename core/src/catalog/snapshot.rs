//! Snapshots of the catalogue, as Kafka's controllers write them: everything that the log said below an offset, so that the log can lose
//! its beginning.
//!
//! Shape: a file `OFFSET-EPOCH.checkpoint` beside the log, record batches back to back. The offsets in it count from 0 and have nothing
//! to do with those of the log. The first batch is a control batch whose first record is a `SnapshotHeader`; the last record is a
//! `SnapshotFooter`, and nothing stands behind it. Source: KIP-630; `RecordsSnapshotWriter`.

use core::fmt;

use crate::ids::{LeaderEpoch, Offset};
use crate::record::batch::Batch;
use crate::wire::reader::DecodeError;

use super::quorum::ControlRecord;
use super::record::CatalogRecord;

/// The name of a snapshot. Later ones are larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotId {
    /// The offset of the first record that it does not cover.
    pub end: Offset,
    /// The epoch of the last record that it covers.
    pub epoch: LeaderEpoch,
}

impl SnapshotId {
    /// Reads the name of a file: 20 digits, 10 digits, `.checkpoint`. `None` for everything else, half-written snapshots among them.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (end, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
        let are_digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(end, 20) || !are_digits(epoch, 10) {
            return None;
        }
        Some(Self { end: Offset(end.parse().ok()?), epoch: LeaderEpoch(epoch.parse().ok()?) })
    }
}

impl fmt::Display for SnapshotId {
    /// As the file is called.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}-{:010}.checkpoint", self.end.0, self.epoch.0)
    }
}

/// What is wrong with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotDamage {
    /// The system does not let it be read; the runtime has said why.
    Unreadable,
    /// There is no whole batch at this position of the file.
    Cut {
        /// Where. Unit: bytes.
        position: u64,
    },
    /// A batch is larger than the memory set aside for reading. Unit: bytes.
    TooLarge {
        /// How large it says it is.
        size: u32,
    },
    /// The batch at this offset of the snapshot is not what was written: its checksum is wrong.
    Checksum(Offset),
    /// A batch does not begin where the one before it ended.
    Order {
        /// Where it should begin.
        expected: Offset,
        /// Where it says it begins.
        found: Offset,
    },
    /// The batch at this offset cannot be taken apart into records.
    Records(Offset),
    /// The record at this offset cannot be read.
    Record(Offset, DecodeError),
    /// It does not begin with a header.
    NoHeader,
    /// It does not end with a footer: the end is missing.
    NoFooter,
    /// There is something behind the footer.
    BehindFooter,
}

impl fmt::Display for SnapshotDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("it cannot be read"),
            Self::Cut { position } => write!(f, "there is no whole batch at byte {position}"),
            Self::TooLarge { size } => write!(f, "a batch of {size} bytes is larger than the memory for reading"),
            Self::Checksum(offset) => write!(f, "the checksum of the batch at offset {offset} is wrong"),
            Self::Order { expected, found } => write!(f, "a batch begins at offset {found} instead of {expected}"),
            Self::Records(offset) => write!(f, "the records of the batch at offset {offset} cannot be told apart"),
            Self::Record(offset, error) => write!(f, "the record at offset {offset} cannot be read: {error}"),
            Self::NoHeader => f.write_str("it has no header"),
            Self::NoFooter => f.write_str("it has no footer, so its end is missing"),
            Self::BehindFooter => f.write_str("there is something behind its footer"),
        }
    }
}

impl core::error::Error for SnapshotDamage {}

/// Goes through a snapshot, batch by batch, and says whether it is whole. Nothing is believed before all of it was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct SnapshotCheck {
    next: Offset,
    ended: bool,
}

impl SnapshotCheck {
    /// Looks at the next batch.
    ///
    /// # Errors
    /// What [`SnapshotDamage`] names.
    pub fn batch(&mut self, batch: &Batch<'_>) -> Result<(), SnapshotDamage> {
        let header = batch.header();
        let offset = header.base_offset();
        if self.ended {
            return Err(SnapshotDamage::BehindFooter);
        }
        if offset != self.next {
            return Err(SnapshotDamage::Order { expected: self.next, found: offset });
        }
        if !batch.crc_is_right() {
            return Err(SnapshotDamage::Checksum(offset));
        }
        let mut count = 0;
        for record in batch.records().ok_or(SnapshotDamage::Records(offset))? {
            let record = record.map_err(|_| SnapshotDamage::Records(offset))?;
            let at = Offset(offset.0.saturating_add(count));
            let damaged = |error| SnapshotDamage::Record(at, error);
            if self.ended {
                return Err(SnapshotDamage::BehindFooter);
            }
            let is_header = if header.is_control() {
                let record = ControlRecord::decode(&record).map_err(damaged)?;
                self.ended = matches!(record, ControlRecord::SnapshotFooter(_));
                matches!(record, ControlRecord::SnapshotHeader(_))
            } else {
                CatalogRecord::decode_value(record.value).map_err(damaged)?;
                false
            };
            if is_header != (at == Offset::ZERO) {
                return Err(SnapshotDamage::NoHeader);
            }
            count += 1;
        }
        if count != i64::from(header.last_offset_delta()) + 1 {
            return Err(SnapshotDamage::Records(offset));
        }
        self.next = header.next_offset();
        Ok(())
    }

    /// Says whether that was all.
    ///
    /// # Errors
    /// [`SnapshotDamage::NoFooter`] when it was not.
    pub const fn end(&self) -> Result<(), SnapshotDamage> {
        if self.ended { Ok(()) } else { Err(SnapshotDamage::NoFooter) }
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_are_spelled_as_kafka_spells_them_and_read_back() {
        let name = "00000000000000000042-0000000007.checkpoint";
        let id = SnapshotId { end: Offset(42), epoch: LeaderEpoch(7) };
        assert_eq!(SnapshotId::parse(name), Some(id));
        assert_eq!(id.to_string(), name);
        let earlier = SnapshotId { end: Offset(41), epoch: LeaderEpoch(8) };
        assert!(earlier < id);
        for foreign in [
            "",
            "bootstrap.checkpoint",
            "00000000000000000042-0000000007.checkpoint.part",
            "00000000000000000042-0000000007.checkpoint.deleted",
            "42-7.checkpoint",
            "+0000000000000000042-0000000007.checkpoint",
            "99999999999999999999-0000000007.checkpoint",
            "00000000000000000042-9999999999.checkpoint",
        ] {
            assert_eq!(SnapshotId::parse(foreign), None, "{foreign}");
        }
    }
}
