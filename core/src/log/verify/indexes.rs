//! Whether the ways into a segment lead where they say.

use crate::ids::Offset;
use crate::log::disk::{Disk, DiskResult, Inflow};
use crate::log::index::{Entry, OffsetEntry, TimeEntry};
use crate::record::batch::Header;
use crate::store::file_name::{FileKind, FileName};
use crate::store::segment_store::SegmentStore;

use super::finding::IndexFlaw;

/// The size of an entry of `.txnindex`: version i16, producer id, first offset, last offset and last stable offset i64.
/// Source: `AbortedTxn`.
pub(super) const TRANSACTION_ENTRY_SIZE: u32 = 34;

/// A whole number of entries of either index. Unit: bytes.
const BLOCK_SIZE: usize = 4080;

/// Something wrong with an index. Unit of the position: bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) position: u64,
    pub(super) flaw: IndexFlaw,
}

/// An entry that can tell whether it comes behind another.
pub(super) trait Rising: Entry + PartialEq {
    const EMPTY: Self;
    fn rises_above(&self, before: &Self) -> bool;
    /// Whether an index may begin with an entry that is all zeros.
    const MAY_BEGIN_EMPTY: bool;
}

impl Rising for OffsetEntry {
    const EMPTY: Self = Self { relative: 0, position: 0 };
    const MAY_BEGIN_EMPTY: bool = false;
    fn rises_above(&self, before: &Self) -> bool {
        self.relative > before.relative && self.position > before.position
    }
}

impl Rising for TimeEntry {
    const EMPTY: Self = Self { timestamp: crate::time::Timestamp(0), relative: 0 };
    const MAY_BEGIN_EMPTY: bool = true;
    fn rises_above(&self, before: &Self) -> bool {
        self.timestamp > before.timestamp && self.relative >= before.relative
    }
}

/// Reads the entries of one index in order, up to the first that is wrong.
#[derive(Debug)]
pub(super) struct Entries<E> {
    file: FileName,
    size: u64,
    /// Kafka makes the index of the active segment as large as it may become, and fills it with zeros.
    may_be_padded: bool,
    number: u64,
    current: Option<E>,
    before: Option<E>,
    wrong: Option<Wrong>,
    block: [u8; BLOCK_SIZE],
    block_start: u64,
    block_size: usize,
}

impl<E: Rising> Entries<E> {
    /// From the first entry on. A file that is missing has none.
    pub(super) fn open<S: SegmentStore>(disk: &mut Disk<S>, base: Offset, may_be_padded: bool) -> DiskResult<S, Self> {
        let file = FileName::live(E::KIND, base);
        let size = disk.size(file)?.unwrap_or(0);
        let mut entries = Self {
            file,
            size,
            may_be_padded,
            number: 0,
            current: None,
            before: None,
            wrong: None,
            block: [0; BLOCK_SIZE],
            block_start: 0,
            block_size: 0,
        };
        if size % u64::from(E::SIZE) != 0 {
            entries.wrong = Some(Wrong { position: size - size % u64::from(E::SIZE), flaw: IndexFlaw::Size });
        } else {
            entries.load(disk)?;
        }
        Ok(entries)
    }

    /// The entry at hand; `None` behind the last, or once something was wrong.
    pub(super) const fn current(&self) -> Option<E> {
        self.current
    }

    /// The entry before the one at hand.
    pub(super) const fn before(&self) -> Option<E> {
        self.before
    }

    pub(super) const fn wrong(&self) -> Option<Wrong> {
        self.wrong
    }

    /// Says that the entry at hand is wrong, and ends.
    pub(super) fn fail(&mut self, flaw: IndexFlaw) {
        self.wrong = self.wrong.or(Some(Wrong { position: self.number * u64::from(E::SIZE), flaw }));
        self.current = None;
    }

    /// Goes to the next entry.
    pub(super) fn step<S: SegmentStore>(&mut self, disk: &mut Disk<S>) -> DiskResult<S, ()> {
        self.before = self.current;
        self.number += 1;
        self.load(disk)
    }

    /// Reads what is left, for an index whose segment cannot bear it out.
    pub(super) fn skim<S: SegmentStore>(&mut self, disk: &mut Disk<S>) -> DiskResult<S, ()> {
        while self.current.is_some() {
            self.step(disk)?;
        }
        Ok(())
    }

    fn load<S: SegmentStore>(&mut self, disk: &mut Disk<S>) -> DiskResult<S, ()> {
        self.current = self.entry(disk, self.number)?;
        let Some(current) = self.current else { return Ok(()) };
        if current == E::EMPTY {
            let begins = E::MAY_BEGIN_EMPTY && self.number == 0;
            if begins && self.entry(disk, 1)?.is_none_or(|next| next != E::EMPTY) {
                return Ok(());
            }
            if self.may_be_padded && self.is_empty_from(disk, self.number)? {
                self.current = None;
            } else {
                self.fail(IndexFlaw::Empty);
            }
        } else if self.before.is_some_and(|before| !current.rises_above(&before)) {
            self.fail(IndexFlaw::Order);
        }
        Ok(())
    }

    fn is_empty_from<S: SegmentStore>(&mut self, disk: &mut Disk<S>, from: u64) -> DiskResult<S, bool> {
        let mut number = from;
        while let Some(entry) = self.entry(disk, number)? {
            if entry != E::EMPTY {
                return Ok(false);
            }
            number += 1;
        }
        Ok(true)
    }

    fn entry<S: SegmentStore>(&mut self, disk: &mut Disk<S>, number: u64) -> DiskResult<S, Option<E>> {
        let size = u64::from(E::SIZE);
        let position = number * size;
        if position + size > self.size {
            return Ok(None);
        }
        let held = u64::try_from(self.block_size).unwrap_or(0);
        if position < self.block_start || position + size > self.block_start + held {
            self.block_size = disk.read(self.file, position, &mut self.block)?.len();
            self.block_start = position;
        }
        let at = usize::try_from(position - self.block_start).unwrap_or(usize::MAX);
        let bytes = self.block.get(at..self.block_size).unwrap_or_default();
        Ok(bytes.get(..usize::try_from(size).unwrap_or(usize::MAX)).and_then(E::decode))
    }
}

/// Both indexes of a segment, held against its batches as those go by.
#[derive(Debug)]
pub(super) struct Indexes {
    base: Offset,
    pub(super) offsets: Entries<OffsetEntry>,
    pub(super) times: Entries<TimeEntry>,
    latest: i64,
}

impl Indexes {
    pub(super) fn open<S: SegmentStore>(disk: &mut Disk<S>, base: Offset, may_be_padded: bool) -> DiskResult<S, Self> {
        let offsets = Entries::open(disk, base, may_be_padded)?;
        Ok(Self { base, offsets, times: Entries::open(disk, base, may_be_padded)?, latest: -1 })
    }

    /// A batch goes by.
    ///
    /// An entry names an offset at or behind the beginning of the batch that it leads to, and before that of the next entry's: so the
    /// walk from there passes every offset that is looked for. Kafka has written the last offset of the batch, of several batches that
    /// were appended at once, and of what a compaction left of it.
    pub(super) fn pass<S: SegmentStore>(&mut self, disk: &mut Disk<S>, position: u32, header: &Header) -> DiskResult<S, ()> {
        let begins = header.base_offset();
        while let Some(entry) = self.offsets.current().filter(|entry| entry.position <= position) {
            if entry.position < position {
                self.offsets.fail(IndexFlaw::Place);
            } else if self.offset(entry.relative) < begins
                || self.offsets.before().is_some_and(|before| self.offset(before.relative) >= begins)
            {
                self.offsets.fail(IndexFlaw::Content);
            } else {
                self.offsets.step(disk)?;
            }
        }
        self.latest = self.latest.max(header.max_timestamp().map_or(-1, |stamp| stamp.0));
        while let Some(entry) = self.times.current().filter(|entry| self.offset(entry.relative) <= header.last_offset()) {
            let is_it = header.max_timestamp() == Some(entry.timestamp) && entry.timestamp.0 == self.latest;
            if is_it && self.offset(entry.relative) >= begins {
                self.times.step(disk)?;
            } else {
                self.times.fail(IndexFlaw::Content);
            }
        }
        Ok(())
    }

    /// The segment has come to its end, which is at `end`.
    pub(super) fn end(&mut self, end: Offset) {
        if self.offsets.current().is_some() {
            self.offsets.fail(IndexFlaw::Place);
        } else if self.offsets.before().is_some_and(|before| self.offset(before.relative) >= end) {
            self.offsets.wrong = self.offsets.wrong.or(Some(Wrong {
                position: self.offsets.number.saturating_sub(1) * u64::from(OffsetEntry::SIZE),
                flaw: IndexFlaw::Content,
            }));
        }
        if self.times.current().is_some() {
            self.times.fail(IndexFlaw::Place);
        }
    }

    fn offset(&self, relative: u32) -> Offset {
        Offset(self.base.0.saturating_add(relative.into()))
    }
}

/// Looks through the aborted transactions of a segment. Answers where the first entry begins that makes no sense, and how many bytes lie
/// from there on.
///
/// An entry may name an end behind that of its segment: the marker was lost, and it is still true that the transaction was aborted.
pub(super) fn wrong_transactions<S: SegmentStore>(disk: &mut Disk<S>, base: Offset) -> DiskResult<S, Option<(u64, u64)>> {
    let file = FileName::live(FileKind::TxnIndex, base);
    let size = disk.size(file)?.unwrap_or(0);
    let mut entries = Inflow::new(disk, file);
    let mut position = 0;
    let mut before = None;
    while position < size {
        let version = entries.array()?.map(i16::from_be_bytes);
        let mut number = || Ok(entries.array()?.map(i64::from_be_bytes));
        let (producer, first, last, stable) = (number()?, number()?, number()?, number()?);
        let (Some(producer), Some(first), Some(last), Some(stable)) = (producer, first, last, stable) else {
            return Ok(Some((position, size - position)));
        };
        let in_order = first >= 0 && first <= last && before.is_none_or(|before| last > before);
        let in_place = last >= base.0 && stable >= 0;
        if version != Some(0) || producer < 0 || !in_order || !in_place {
            return Ok(Some((position, size - position)));
        }
        before = Some(last);
        position += u64::from(TRANSACTION_ENTRY_SIZE);
    }
    Ok(None)
}
