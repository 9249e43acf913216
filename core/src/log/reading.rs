//! Reading: ranges of files, and offsets for times. Nothing is copied but headers.

use core::fmt;

use crate::bounded::list::List;
use crate::ids::{LeaderEpoch, Offset};
use crate::record::batch::{Batch, Header};
use crate::record::codec::{Codec, CodecError, Compression};
use crate::record::records::Records;
use crate::store::file_name::{FileKind, FileName};
use crate::store::segment_store::SegmentStore;
use crate::time::Timestamp;

use super::error::{ReadError, ReadResult};
use super::index::{self, TimeEntry};
use super::partition_log::{PartitionLog, Place};
use super::segment::{Segment, Walk};
use super::tier::remote::Knowledge;
use super::txn_index::{self, AbortedTransaction, Look};

/// Where the batch of an offset begins: what a recent read has found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    offset: Offset,
    segment: Offset,
    position: u32,
}

/// How far a read may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadUpTo {
    /// What will not be lost: consumers.
    HighWatermark,
    /// What is decided: consumers of committed records.
    LastStable,
    /// Everything: followers.
    LogEnd,
}

/// One whole slice of a file.
#[derive(Clone, Debug)]
pub struct FileSlice<H> {
    /// Which file.
    pub file: FileName,
    /// Keeps its bytes readable after the log was let go of, even when the file is deleted.
    pub handle: H,
    /// Where the slice begins: at a batch. Unit: bytes.
    pub position: u64,
    /// How long it is. Unit: bytes.
    pub size: u32,
}

/// What a read answers.
#[derive(Clone, Debug)]
pub struct ReadRange<H> {
    /// The bytes; `None` when there are none to be seen, or the first batch does not fit.
    pub bytes: Option<FileSlice<H>>,
    /// No record of the bytes lies at or above this: whoever leaves out aborted transactions needs not look at later ones.
    pub below: Offset,
    /// The offsets of the log.
    pub watermarks: crate::log::watermarks::Watermarks,
}

/// What a search by time looks for. Source: `ListOffsets`, KIP-79, KIP-734.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampQuery {
    /// The start of the log.
    Earliest,
    /// The end, as far as the read may see.
    Latest,
    /// The record with the largest timestamp.
    Max,
    /// The first record that is not older.
    At(Timestamp),
    /// The same, from an offset on: what lies before was looked through already.
    AtFrom(Timestamp, Offset),
    /// The first offset that lies on the disk. Source: KIP-405.
    EarliestLocal,
    /// The last offset that lies in the object store, as one that was found; none when nothing does. Source: KIP-1005.
    LatestTiered,
    /// The first offset that is still to be copied to the object store. Source: KIP-1023.
    EarliestPendingUpload,
}

/// What a search by time found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset.
    pub offset: Offset,
    /// The timestamp of the record; `None` for the ends of the log.
    pub timestamp: Option<Timestamp>,
    /// Under which epoch the record was written, or the next one would be.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// Memory and compression lent for looking into a batch.
pub struct ReadScratch<'s, 'm> {
    /// Holds the batch: `max.message.bytes` are enough.
    pub batch: &'s mut List<'m, u8>,
    /// Holds the records of a compressed batch.
    pub records: &'s mut List<'m, u8>,
    /// Opens compressed batches.
    pub codec: Option<&'s mut dyn Codec>,
}

impl fmt::Debug for ReadScratch<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadScratch").finish_non_exhaustive()
    }
}

impl<S: SegmentStore> PartitionLog<'_, S> {
    /// Answers the bytes from the batch that holds `from` on: one slice of one file, cut at `max_bytes` wherever that falls.
    ///
    /// With `at_least_one` the first batch comes whole even when it is larger; without, a first batch that does not fit is left out.
    /// Source: KIP-74; `LogSegment.read`, `LocalLog.read`.
    /// # Errors
    /// What [`ReadError`] names.
    pub fn read(
        &mut self,
        from: Offset,
        max_bytes: u32,
        up_to: ReadUpTo,
        at_least_one: bool,
    ) -> Result<ReadRange<S::Handle>, ReadError<S::Error>> {
        self.alive()?;
        self.is_told(from)?;
        let marks = self.marks;
        if from < marks.log_start() || from > marks.log_end() {
            return Err(ReadError::OutOfRange { from, log_start: marks.log_start(), log_end: marks.log_end() });
        }
        let nothing = ReadRange { bytes: None, below: from, watermarks: marks };
        let limit = self.limit_of(up_to);
        if from >= limit {
            return Ok(nothing);
        }
        if let Some(elsewhere) = self.elsewhere(from) {
            return Err(elsewhere);
        }
        let Some(end) = self.place_of_end(limit)? else { return Ok(nothing) };
        let Some((start, first)) = self.place_of(from)? else {
            return Ok(nothing);
        };
        let Some(segment) = self.segment_based(start.segment) else {
            return Ok(nothing);
        };
        let reaches_limit = start.segment == end.segment;
        let stop = if reaches_limit { end.position } else { segment.size };
        if start.segment > end.segment || start.position >= stop {
            return Ok(nothing);
        }
        let mut size = stop - start.position;
        if size > max_bytes {
            let first = match first {
                Some(header) => header.size(),
                None => Walk::new(&segment, start.position, stop)
                    .next(&mut self.disk)?
                    .map(|(_, header)| header.size())
                    .ok_or(ReadError::Corrupt { file: segment.file(FileKind::Log), position: start.position })?,
            };
            if first > max_bytes && !at_least_one {
                return Ok(nothing);
            }
            size = size.min(first.max(max_bytes));
        } else if reaches_limit {
            // The next read will come for what follows.
            self.remember(limit, end);
        }
        let below = match up_to {
            ReadUpTo::LastStable => self.bound_behind(&segment, start.position.saturating_add(size))?.min(limit),
            ReadUpTo::HighWatermark | ReadUpTo::LogEnd => limit,
        };
        let file = segment.file(FileKind::Log);
        let bytes = Some(FileSlice { file, handle: self.disk.handle(file)?, position: start.position.into(), size });
        Ok(ReadRange { bytes, below, watermarks: marks })
    }

    /// Where a log begins and ends that has lost its records only the store can tell.
    const fn is_told<E>(&self, from: Offset) -> Result<(), ReadError<E>> {
        if self.remote.is_awaited { Err(ReadError::RemoteUnknown { from, local_start: self.marks.log_end() }) } else { Ok(()) }
    }

    /// Who has an offset that does not lie on the disk; `None` when it does, or nobody has it.
    fn elsewhere<E>(&self, from: Offset) -> Option<ReadError<E>> {
        let local_start = self.local_start();
        if from >= local_start {
            return None;
        }
        match self.remote.knowledge() {
            Knowledge::Off => None,
            Knowledge::Unknown => Some(ReadError::RemoteUnknown { from, local_start }),
            // Between the two there may be a gap, where records were deleted before they were copied.
            Knowledge::Known => {
                self.remote.behind(from).filter(|remote| remote.base < local_start).map(|remote| ReadError::Remote(*remote))
            }
        }
    }

    /// An offset that no record before `position` of a segment reaches: a near one, as far as the index tells.
    ///
    /// The entry says where to look and the batch there says the offset: an index has no checksum, and what one flipped bit in it leaves out
    /// would be an aborted transaction. Source: `LogSegment.fetchUpperBoundOffset`, which believes the entry.
    fn bound_behind(&mut self, segment: &Segment, position: u32) -> ReadResult<S, Offset> {
        let behind = index::first_at(&mut self.disk, segment.base, segment.offset_entries, position)?;
        if let Some(entry) = behind
            && let Some(header) = Walk::new(segment, entry.position.min(segment.size), segment.size).peek(&mut self.disk)?
            && header.check().is_ok()
            && header.base_offset() >= segment.base
        {
            return Ok(header.last_offset());
        }
        let next = self.segments.partition_point(|other| other.base <= segment.base);
        Ok(self.segments.get(next).map_or_else(|| self.marks.log_end(), |next| next.base))
    }

    /// Shows the aborted transactions that have records in `from..below`, in the order in which they ended.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] when an index cannot be read: without it aborted records would be taken for committed ones.
    /// Source: `UnifiedLog.collectAbortedTransactions`.
    pub fn aborted_transactions(
        &mut self,
        from: Offset,
        below: Offset,
        each: &mut dyn FnMut(AbortedTransaction),
    ) -> Result<(), ReadError<S::Error>> {
        self.alive()?;
        let first = self.segments.partition_point(|segment| segment.base <= from).saturating_sub(1);
        for at in first..self.segments.len() {
            let Some(segment) = self.segments.get(at).copied() else { break };
            if segment.txn_entries == 0 {
                continue;
            }
            match txn_index::collect(&mut self.disk, &segment, (from, below), each)? {
                Look::GoesOn => {}
                Look::Done => break,
                Look::Unreadable => return Err(ReadError::Corrupt { file: segment.file(FileKind::TxnIndex), position: 0 }),
            }
        }
        Ok(())
    }

    /// Finds an offset by time. `None` when no such record may be seen.
    ///
    /// Looks at single records, so it reads one batch, and opens it when it is compressed.
    /// # Errors
    /// What [`ReadError`] names.
    pub fn offset_for_timestamp(
        &mut self,
        query: TimestampQuery,
        up_to: ReadUpTo,
        scratch: ReadScratch<'_, '_>,
    ) -> Result<Option<FoundOffset>, ReadError<S::Error>> {
        self.alive()?;
        self.is_told(self.marks.log_start())?;
        let limit = self.limit_of(up_to);
        let end = |offset, leader_epoch| Ok(Some(FoundOffset { offset, timestamp: None, leader_epoch }));
        match query {
            TimestampQuery::Earliest => {
                let start = self.marks.log_start();
                end(start, self.epochs.at(start))
            }
            TimestampQuery::Latest => end(limit, self.epochs.latest()),
            TimestampQuery::Max => self.find_max_timestamp(limit, scratch),
            TimestampQuery::At(timestamp) => self.find_timestamp((timestamp, self.marks.log_start()), limit, scratch),
            TimestampQuery::AtFrom(timestamp, from) => self.find_timestamp((timestamp, from.max(self.marks.log_start())), limit, scratch),
            TimestampQuery::EarliestLocal => {
                let start = self.local_start();
                end(start, self.epochs.at(start))
            }
            TimestampQuery::LatestTiered => match self.remote.copied_end() {
                Some(copied) => end(Offset(copied.0 - 1), self.epochs.at(Offset(copied.0 - 1))),
                None => Ok(None),
            },
            TimestampQuery::EarliestPendingUpload => match (self.remote.knowledge(), self.remote.copied_end()) {
                (Knowledge::Off | Knowledge::Unknown, _) => Ok(None),
                (Knowledge::Known, copied) => {
                    let first = copied.unwrap_or(Offset::ZERO).max(self.marks.log_start());
                    end(first, self.epochs.at(first))
                }
            },
        }
    }

    fn find_max_timestamp(&mut self, limit: Offset, mut scratch: ReadScratch<'_, '_>) -> Result<Option<FoundOffset>, ReadError<S::Error>> {
        let latest = self.segments.iter().filter_map(|segment| segment.max_timestamp.map(|max| (max, *segment)));
        // The first of several: later ones must be larger to win.
        let local = latest.reduce(|best, next| if next.0.timestamp > best.0.timestamp { next } else { best });
        let local_start = self.local_start();
        let gone = self.remote.all_behind(self.marks.log_start()).iter().filter(|remote| remote.base < local_start);
        let remote = gone.filter_map(|remote| remote.max_timestamp.map(|max| (max.timestamp, remote)));
        let remote = remote.reduce(|best, next| if next.0 > best.0 { next } else { best });
        if let Some((time, remote)) = remote
            && local.is_none_or(|(max, _)| time >= max.timestamp)
        {
            return Err(ReadError::Remote(*remote));
        }
        let Some((max, segment)) = local else { return Ok(None) };
        let Some((position, header)) = segment.locate(&mut self.disk, max.offset)? else {
            return Ok(None);
        };
        let place = Place { segment: segment.base, position };
        let found = self.look_into(place, &header, (max.timestamp, Offset::ZERO), &mut scratch)?;
        Ok(found.filter(|found| found.offset < limit))
    }

    fn find_timestamp(
        &mut self,
        (timestamp, log_start): (Timestamp, Offset),
        limit: Offset,
        mut scratch: ReadScratch<'_, '_>,
    ) -> Result<Option<FoundOffset>, ReadError<S::Error>> {
        let local_start = self.local_start();
        if log_start < local_start {
            match self.remote.knowledge() {
                Knowledge::Off => {}
                Knowledge::Unknown => return Err(ReadError::RemoteUnknown { from: log_start, local_start }),
                Knowledge::Known => {
                    let gone = self.remote.all_behind(log_start).iter().filter(|remote| remote.base < local_start);
                    let mut late = gone.filter(|remote| remote.max_timestamp.is_some_and(|max| max.timestamp >= timestamp));
                    if let Some(remote) = late.next() {
                        return Err(ReadError::Remote(*remote));
                    }
                }
            }
        }
        let from = self.segments.partition_point(|segment| segment.base <= log_start).saturating_sub(1);
        for at in from..self.segments.len() {
            let Some(segment) = self.segments.get(at).copied() else { break };
            if segment.max_timestamp.is_none_or(|max| max.timestamp < timestamp) {
                continue;
            }
            let below = |entry: &TimeEntry| entry.timestamp < timestamp;
            let entry = index::floor::<TimeEntry, S>(&mut self.disk, segment.base, segment.time_entries, below)?;
            let after = entry.map_or(segment.base, |entry| Offset(segment.base.0.saturating_add(entry.relative.into())));
            let position = segment.floor(&mut self.disk, after.max(log_start))?;
            let mut walk = Walk::new(&segment, position, segment.size);
            while let Some((position, header)) = walk.next(&mut self.disk)? {
                if header.base_offset() >= limit {
                    return Ok(None);
                }
                if header.last_offset() >= log_start && header.max_timestamp().is_some_and(|max| max >= timestamp) {
                    let place = Place { segment: segment.base, position };
                    // None when all such records lie below the start of the log.
                    let found = self.look_into(place, &header, (timestamp, log_start), &mut scratch)?;
                    if found.is_some() {
                        return Ok(found.filter(|found| found.offset < limit));
                    }
                }
            }
            walk.reached_end()?;
        }
        Ok(None)
    }

    /// The first record of a batch that is not older than `timestamp` and not below `start`.
    fn look_into(
        &mut self,
        place: Place,
        header: &Header,
        (timestamp, start): (Timestamp, Offset),
        scratch: &mut ReadScratch<'_, '_>,
    ) -> Result<Option<FoundOffset>, ReadError<S::Error>> {
        if let Some(found) = found_by_header(header, start) {
            return Ok(Some(found));
        }
        let file = FileName::live(FileKind::Log, place.segment);
        let corrupt = ReadError::Corrupt { file, position: place.position };
        let ReadScratch { batch, records, codec } = scratch;
        batch.clear();
        let size = usize::try_from(header.size()).unwrap_or(usize::MAX);
        let too_small = ReadError::ScratchTooSmall { needed: header.size() };
        if batch.fill_to(size, 0).is_err() {
            return Err(too_small);
        }
        let bytes = self.disk.read(file, place.position.into(), batch)?;
        let Ok((whole, _)) = Batch::split_first(bytes) else {
            return Err(corrupt);
        };
        match look_into_batch(&whole, (timestamp, start), records, codec.as_deref_mut()) {
            Ok(found) => Ok(found),
            Err(BatchFault::Codec(error)) => Err(ReadError::Codec(error)),
            Err(BatchFault::Corrupt) => Err(corrupt),
        }
    }

    fn limit_of(&self, up_to: ReadUpTo) -> Offset {
        match up_to {
            ReadUpTo::HighWatermark => self.marks.high_watermark(),
            ReadUpTo::LastStable => self.marks.last_stable(),
            ReadUpTo::LogEnd => self.marks.log_end(),
        }
    }

    /// Where what may be seen ends. A limit always lies between two batches.
    fn place_of_end(&mut self, limit: Offset) -> ReadResult<S, Option<Place>> {
        if limit == self.marks.high_watermark() {
            Ok(Some(self.high_place))
        } else if limit == self.marks.log_end() {
            Ok(Some(self.end_place()))
        } else {
            Ok(self.place_of(limit)?.map(|(place, _)| place))
        }
    }

    /// Where the batch that holds `offset`, or the first one behind it, begins; with its header when that had to be read.
    pub(super) fn place_of(&mut self, offset: Offset) -> ReadResult<S, Option<(Place, Option<Header>)>> {
        if let Some(known) = self.positions.iter().find(|known| known.offset == offset) {
            let (segment, position) = (known.segment, known.position);
            if self.segment_based(segment).is_some_and(|segment| position < segment.size) {
                return Ok(Some((Place { segment, position }, None)));
            }
        }
        let from = self.segments.partition_point(|segment| segment.base <= offset).saturating_sub(1);
        for at in from..self.segments.len() {
            let Some(segment) = self.segments.get(at).copied() else { break };
            if let Some((position, header)) = segment.locate(&mut self.disk, offset)? {
                let place = Place { segment: segment.base, position };
                self.remember(offset, place);
                return Ok(Some((place, Some(header))));
            }
        }
        Ok(None)
    }

    /// How many bytes lie between the high watermark and the end: appended, and not to be seen yet.
    #[must_use]
    pub fn bytes_above_high_watermark(&self) -> u64 {
        let high = self.high_place;
        let above = self.segments.iter().rev().take_while(|segment| segment.base >= high.segment);
        let seen = |segment: &Segment| if segment.base == high.segment { high.position } else { 0 };
        above.map(|segment| u64::from(segment.size.saturating_sub(seen(segment)))).sum()
    }

    fn segment_based(&self, base: Offset) -> Option<Segment> {
        let at = self.segments.binary_search_by_key(&base, |segment| segment.base).ok()?;
        self.segments.get(at).copied()
    }

    pub(super) fn remember(&mut self, offset: Offset, place: Place) {
        let known = Position { offset, segment: place.segment, position: place.position };
        if let Some(same) = self.positions.iter_mut().find(|same| same.offset == offset) {
            *same = known;
            return;
        }
        if self.positions.push(known).is_ok() {
            return;
        }
        let count = self.positions.len().max(1);
        self.next_position = (self.next_position + 1) % count;
        if let Some(oldest) = self.positions.get_mut(self.next_position) {
            *oldest = known;
        }
    }

    /// Positions may have moved: forget them all.
    pub(super) fn forget_positions(&mut self) {
        self.positions.clear();
    }
}

/// What is wrong with a batch that was to be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BatchFault {
    /// It cannot be opened.
    Codec(CodecError),
    /// Its records make no sense.
    Corrupt,
}

/// The first record of a batch whose records all have the time at which they were appended.
fn found_by_header(header: &Header, start: Offset) -> Option<FoundOffset> {
    let leader_epoch = Some(header.leader_epoch()).filter(|epoch| epoch.0 >= 0);
    let found = FoundOffset { offset: header.base_offset().max(start), timestamp: header.max_timestamp(), leader_epoch };
    header.has_log_append_time().then_some(found)
}

/// The first record of a batch that is not older than a timestamp and not below `start`. `records` holds those of a compressed one.
pub(super) fn look_into_batch(
    batch: &Batch<'_>,
    (timestamp, start): (Timestamp, Offset),
    records: &mut List<'_, u8>,
    codec: Option<&mut (dyn Codec + '_)>,
) -> Result<Option<FoundOffset>, BatchFault> {
    let header = batch.header();
    if let Some(found) = found_by_header(header, start) {
        return Ok(Some(found));
    }
    let leader_epoch = Some(header.leader_epoch()).filter(|epoch| epoch.0 >= 0);
    let body = match header.compression() {
        Some(Compression::None) => batch.body(),
        Some(compression) => {
            let codec = codec.ok_or(BatchFault::Codec(CodecError::Unsupported(compression)))?;
            records.clear();
            codec.decompress(compression, batch.body(), records).map_err(BatchFault::Codec)?;
            records
        }
        None => return Err(BatchFault::Corrupt),
    };
    for record in Records::new(body, header.record_count()) {
        let record = record.map_err(|_| BatchFault::Corrupt)?;
        let stamp = header.base_timestamp().wrapping_add(record.timestamp_delta);
        let delta = record.offset_delta.clamp(0, header.last_offset_delta().max(0));
        let offset = Offset(header.base_offset().0.saturating_add(delta.into()));
        if stamp >= timestamp.0 && offset >= start {
            return Ok(Some(FoundOffset { offset, timestamp: Some(Timestamp(stamp)), leader_epoch }));
        }
    }
    Ok(None)
}
