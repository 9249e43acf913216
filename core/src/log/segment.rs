//! One file of batches and its indexes. Source: `LogSegment`.

use crate::ids::Offset;
use crate::record::batch::Header;
use crate::record::layout::HEADER_SIZE;
use crate::store::file_name::{FileKind, FileName, FileState};
use crate::store::segment_store::SegmentStore;
use crate::time::{Millis, Timestamp};

use super::disk::{Disk, DiskResult};
use super::error::{ReadError, ReadResult};
use super::index::{self, OFFSET_ENTRY_SIZE, OffsetEntry, TIME_ENTRY_SIZE, TimeEntry};
use super::txn_index::TXN_ENTRY_SIZE;

/// The largest timestamp of a segment and the last offset of the batch that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// The timestamp.
    pub timestamp: Timestamp,
    /// The offset.
    pub offset: Offset,
}

/// What a log knows of one segment without looking at the disk.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// The offset in the names of its files.
    pub(super) base: Offset,
    /// Where its files stand in their life: those of a compaction are not live yet.
    pub(super) state: FileState,
    /// The bytes of its batches.
    pub(super) size: u32,
    /// How many of them would survive a loss of power.
    pub(super) synced: u32,
    /// Whether its indexes would.
    pub(super) indexes_synced: bool,
    pub(super) offset_entries: u32,
    pub(super) time_entries: u32,
    pub(super) txn_entries: u32,
    /// Where the batch of the last index entry begins.
    pub(super) last_entry_position: u32,
    /// The timestamp of the last time entry; -1 when there is none.
    pub(super) last_entry_time: i64,
    pub(super) max_timestamp: Option<TimestampOffset>,
    /// The largest timestamp of the first batch, once somebody asked.
    pub(super) first_timestamp: Option<Option<Timestamp>>,
    /// When it was begun or opened: stands in for the time of records that have none.
    pub(super) created: Timestamp,
}

/// What a batch is to its segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) max_timestamp: Option<Timestamp>,
    pub(super) last_offset: Offset,
    pub(super) size: u32,
}

impl Entry {
    pub(super) fn of(header: &Header) -> Self {
        // A batch that compaction has emptied still names the largest time it had, but nobody finds a record of that time in it.
        let max_timestamp = header.max_timestamp().filter(|_| header.record_count() > 0);
        Self { max_timestamp, last_offset: header.last_offset(), size: header.size() }
    }
}

impl Segment {
    pub(super) const fn new(base: Offset, created: Timestamp) -> Self {
        Self {
            base,
            state: FileState::Live,
            size: 0,
            synced: 0,
            indexes_synced: true,
            offset_entries: 0,
            time_entries: 0,
            txn_entries: 0,
            last_entry_position: 0,
            last_entry_time: -1,
            max_timestamp: None,
            first_timestamp: None,
            created,
        }
    }

    /// The offset in the names of its files.
    #[must_use]
    pub const fn base(&self) -> Offset {
        self.base
    }

    /// The bytes of its batches.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    pub(super) const fn file(&self, kind: FileKind) -> FileName {
        FileName { kind, base: self.base, state: self.state }
    }

    /// The time by which its age counts.
    pub(super) fn largest_timestamp(&self) -> Timestamp {
        self.max_timestamp.map_or(self.created, |max| max.timestamp)
    }

    /// An offset as the indexes count it; `None` when it lies out of their reach.
    pub(super) fn relative(&self, offset: Offset) -> Option<u32> {
        let relative = offset.0.checked_sub(self.base.0)?;
        i32::try_from(relative).ok().and_then(|relative| u32::try_from(relative).ok())
    }

    /// Whether the next index entry would not fit. The last place for a time is kept for when the segment is done.
    pub(super) const fn indexes_are_full(&self, index_bytes_max: u32) -> bool {
        self.offset_entries >= index_bytes_max / OFFSET_ENTRY_SIZE || self.time_entries + 1 >= index_bytes_max / TIME_ENTRY_SIZE
    }

    /// Takes a batch in at the end: updates what is known, and answers the entries that the indexes get before it.
    pub(super) fn take(&mut self, entry: Entry, index_interval_bytes: u32) -> (Option<OffsetEntry>, Option<TimeEntry>) {
        if self.size == 0 {
            self.first_timestamp = Some(entry.max_timestamp);
        }
        if let Some(timestamp) = entry.max_timestamp
            && timestamp.0 > self.max_timestamp.map_or(-1, |max| max.timestamp.0)
        {
            let offset = entry.last_offset;
            self.max_timestamp = Some(TimestampOffset { timestamp, offset });
        }
        let mut offset_entry = None;
        let mut time_entry = None;
        if self.size - self.last_entry_position > index_interval_bytes
            && let Some(relative) = self.relative(entry.last_offset)
        {
            offset_entry = Some(OffsetEntry { relative, position: self.size });
            self.last_entry_position = self.size;
            self.offset_entries += 1;
            self.indexes_synced = false;
            time_entry = self.take_time();
        }
        self.size += entry.size;
        (offset_entry, time_entry)
    }

    /// The time entry that is due now, if one is.
    pub(super) fn take_time(&mut self) -> Option<TimeEntry> {
        let max = self.max_timestamp?;
        let relative = self.relative(max.offset)?;
        if max.timestamp.0 <= self.last_entry_time {
            return None;
        }
        self.last_entry_time = max.timestamp.0;
        self.time_entries += 1;
        self.indexes_synced = false;
        let timestamp = max.timestamp;
        Some(TimeEntry { timestamp, relative })
    }

    /// Writes entries that `take` answered, behind those that were there.
    pub(super) fn write_entries<S: SegmentStore>(
        &self,
        disk: &mut Disk<S>,
        offset: Option<OffsetEntry>,
        time: Option<TimeEntry>,
    ) -> DiskResult<S, ()> {
        if let Some(entry) = offset {
            let position = u64::from(self.offset_entries - 1) * u64::from(OFFSET_ENTRY_SIZE);
            disk.write(self.file(FileKind::Index), position, &[&entry.encode()])?;
        }
        if let Some(entry) = time {
            let position = u64::from(self.time_entries - 1) * u64::from(TIME_ENTRY_SIZE);
            disk.write(self.file(FileKind::TimeIndex), position, &[&entry.encode()])?;
        }
        Ok(())
    }

    /// Cuts all four files back to what is known.
    pub(super) fn cut_back<S: SegmentStore>(&self, disk: &mut Disk<S>) -> DiskResult<S, ()> {
        disk.truncate(self.file(FileKind::Log), self.size.into())?;
        self.cut_indexes_back(disk)
    }

    /// Cuts the indexes back to the entries that are known.
    pub(super) fn cut_indexes_back<S: SegmentStore>(&self, disk: &mut Disk<S>) -> DiskResult<S, ()> {
        disk.truncate(self.file(FileKind::Index), u64::from(self.offset_entries) * u64::from(OFFSET_ENTRY_SIZE))?;
        disk.truncate(self.file(FileKind::TimeIndex), u64::from(self.time_entries) * u64::from(TIME_ENTRY_SIZE))?;
        if self.txn_entries == 0 {
            return disk.delete(self.file(FileKind::TxnIndex));
        }
        disk.truncate(self.file(FileKind::TxnIndex), u64::from(self.txn_entries) * u64::from(TXN_ENTRY_SIZE))
    }

    /// The indexes that have entries: what must survive beside the batches.
    pub(super) fn indexes(&self) -> impl Iterator<Item = FileName> + use<> {
        let counts =
            [(FileKind::Index, self.offset_entries), (FileKind::TimeIndex, self.time_entries), (FileKind::TxnIndex, self.txn_entries)];
        let segment = *self;
        counts.into_iter().filter(|(_, count)| *count > 0).map(move |(kind, _)| segment.file(kind))
    }

    /// Creates indexes that have no entry yet: Kafka's tools take one without the other for damaged.
    fn create_indexes<S: SegmentStore>(&self, disk: &mut Disk<S>) -> DiskResult<S, ()> {
        for (kind, count) in [(FileKind::Index, self.offset_entries), (FileKind::TimeIndex, self.time_entries)] {
            if count == 0 {
                disk.write(self.file(kind), 0, &[])?;
            }
        }
        Ok(())
    }

    /// Nothing more will be appended: the time index gets its last entry.
    pub(super) fn complete<S: SegmentStore>(&mut self, disk: &mut Disk<S>) -> DiskResult<S, ()> {
        let before = *self;
        let time = self.take_time();
        let written = self.write_entries(disk, None, time).and_then(|()| self.create_indexes(disk));
        if written.is_err() {
            *self = before;
        }
        written
    }

    /// Whether records of this time no longer belong into this segment. Source: `LogSegment.shouldRoll`, by record time.
    pub(super) fn is_over<S: SegmentStore>(
        &mut self,
        wall: Timestamp,
        disk: &mut Disk<S>,
        timestamp: Option<Timestamp>,
        segment_ms: Millis,
    ) -> DiskResult<S, bool> {
        if self.size == 0 {
            return Ok(false);
        }
        let first = self.first_time(disk)?;
        let waited = match first {
            Some(first) if first.0 >= 0 => timestamp.map_or(-1, |stamp| stamp.0).saturating_sub(first.0),
            _ => wall.0.saturating_sub(self.created.0),
        };
        Ok(u64::try_from(waited).unwrap_or(0) > segment_ms.0)
    }

    /// The largest timestamp of the first batch.
    pub(super) fn first_time<S: SegmentStore>(&mut self, disk: &mut Disk<S>) -> DiskResult<S, Option<Timestamp>> {
        if let Some(first) = self.first_timestamp {
            return Ok(first);
        }
        let first = Walk::new(self, 0, self.size).next(disk)?.and_then(|(_, header)| header.max_timestamp());
        self.first_timestamp = Some(first);
        Ok(first)
    }

    /// Where a walk to `offset` should begin: at a batch that begins at or before it.
    ///
    /// An index has no checksum. An entry that does not lead to such a batch is not followed, but the one before it, and at last none.
    pub(super) fn floor<S: SegmentStore>(&self, disk: &mut Disk<S>, offset: Offset) -> DiskResult<S, u32> {
        let mut wanted = offset.0.saturating_sub(self.base.0);
        for _ in 0..2 {
            let is_below = |entry: &OffsetEntry| i64::from(entry.relative) <= wanted;
            let Some(entry) = index::floor(disk, self.base, self.offset_entries, is_below)? else { break };
            let begins = Walk::new(self, entry.position.min(self.size), self.size).peek(disk)?;
            if begins.is_some_and(|header| header.check().is_ok() && header.base_offset() <= offset && header.base_offset() >= self.base) {
                return Ok(entry.position);
            }
            wanted = i64::from(entry.relative) - 1;
        }
        Ok(0)
    }

    /// The first batch that holds `offset` or a later one, and where it begins.
    ///
    /// A batch that is damaged is no end: what lies behind it is not answered in its stead.
    pub(super) fn locate<S: SegmentStore>(&self, disk: &mut Disk<S>, offset: Offset) -> ReadResult<S, Option<(u32, Header)>> {
        let from = self.floor(disk, offset)?;
        let mut walk = Walk::new(self, from, self.size);
        while let Some((position, header)) = walk.next(disk)? {
            if header.last_offset() >= offset {
                return Ok(Some((position, header)));
            }
        }
        walk.reached_end().map(|()| None)
    }
}

/// Walks from header to header. Ends where the bytes stop being batches.
#[derive(Debug)]
pub(super) struct Walk {
    file: FileName,
    position: u32,
    end: u32,
    window: [u8; 512],
    window_start: u32,
    window_size: usize,
}

impl Walk {
    /// Over the batches of `segment` from `position`, where one begins, to `end`.
    pub(super) const fn new(segment: &Segment, position: u32, end: u32) -> Self {
        Self { file: segment.file(FileKind::Log), position, end, window: [0; 512], window_start: 0, window_size: 0 }
    }

    /// After the last step: whether the walk came to its end, and not to something that is no whole batch.
    pub(super) const fn reached_end<E>(&self) -> Result<(), ReadError<E>> {
        if self.position == self.end { Ok(()) } else { Err(ReadError::Corrupt { file: self.file, position: self.position }) }
    }

    /// Where the next batch begins, or where the walk ended.
    pub(super) const fn position(&self) -> u32 {
        self.position
    }

    /// The header at the position, whatever it says; `None` when fewer bytes are left.
    pub(super) fn peek<S: SegmentStore>(&mut self, disk: &mut Disk<S>) -> DiskResult<S, Option<Header>> {
        let size = u32::try_from(HEADER_SIZE).unwrap_or(0);
        if self.position.checked_add(size).is_none_or(|end| end > self.end) {
            return Ok(None);
        }
        if let Some(header) = self.in_window() {
            return Ok(Some(header));
        }
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let wanted = self.window.len().min(left);
        let into = self.window.get_mut(..wanted).unwrap_or_default();
        self.window_size = disk.read(self.file, self.position.into(), into)?.len();
        self.window_start = self.position;
        Ok(self.in_window())
    }

    fn in_window(&self) -> Option<Header> {
        let at = usize::try_from(self.position.checked_sub(self.window_start)?).ok()?;
        Header::peek(self.window.get(at..self.window_size)?)
    }

    /// Steps over the batch of a header that [`Walk::peek`] answered.
    pub(super) const fn step(&mut self, header_size: u32) {
        self.position = self.position.saturating_add(header_size);
    }

    /// The next batch and where it begins; `None` at the end, or where there is no whole batch.
    pub(super) fn next<S: SegmentStore>(&mut self, disk: &mut Disk<S>) -> DiskResult<S, Option<(u32, Header)>> {
        let Some(header) = self.peek(disk)? else { return Ok(None) };
        let position = self.position;
        let fits = position.checked_add(header.size()).is_some_and(|end| end <= self.end);
        if header.check().is_err() || !fits {
            return Ok(None);
        }
        self.step(header.size());
        Ok(Some((position, header)))
    }
}
