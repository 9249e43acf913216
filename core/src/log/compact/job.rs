//! The steps of a compaction.

use crate::bounded::list::List;
use crate::bounded::table::HashKey;
use crate::ids::{Offset, ProducerId};
use crate::log::disk::{Disk, DiskResult};
use crate::log::error::LogError;
use crate::log::index::{OFFSET_ENTRY_SIZE, TIME_ENTRY_SIZE};
use crate::log::partition_log::PartitionLog;
use crate::log::segment::{Entry, Segment};
use crate::log::txn_index::{self, AbortedTransaction};
use crate::record::batch::{Batch, Header};
use crate::record::codec::Codec;
use crate::store::file_name::{FileKind, FileState};
use crate::store::segment_store::SegmentStore;
use crate::time::{Millis, Timestamp};

use super::clean::{Cleaner, Fault, LastOfProducer, LastRecords};
use super::error::CompactError;
use super::key_map::{KeyMap, KeySlot};
use super::swap::INDEXES;
use super::transactions::{Loaded, Transactions};

/// How much one step reads, unless a batch is larger. Unit: bytes.
pub const PIECE_SIZE: u32 = 1 << 17;

/// How much is written between two syncs of a file. One sync of all of it would hold up those of the producers. Unit: bytes.
const SYNC_SIZE: u32 = 1 << 18;

/// How much memory a compaction may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactLimits {
    /// For the key map: 24 bytes a key, and an eighth of them empty. Unit: bytes. `log.cleaner.dedupe.buffer.size`.
    pub key_map_bytes: usize,
    /// For each of the five buffers that hold a batch, as it lies or unfolded. Unit: bytes.
    pub batch_bytes: usize,
    /// Transactions that were aborted in one segment.
    pub aborted_transactions: usize,
    /// Producers.
    pub producers: usize,
    /// Segments.
    pub segments: usize,
}

impl Default for CompactLimits {
    fn default() -> Self {
        Self { key_map_bytes: 128 << 20, batch_bytes: 256 << 20, aborted_transactions: 1 << 20, producers: 65_536, segments: 65_536 }
    }
}

/// The memory of a compaction: lent piece by piece, or [`CompactMemory::grown`].
#[derive(Debug)]
pub struct CompactMemory<'m> {
    /// One entry a key.
    pub keys: List<'m, KeySlot>,
    /// One entry per transaction that was aborted in one segment.
    pub aborted: List<'m, AbortedTransaction>,
    /// One entry per producer whose transaction spans two batches.
    pub open: List<'m, ProducerId>,
    /// One entry per producer that is remembered.
    pub producers: List<'m, LastOfProducer>,
    /// One entry per segment of the log.
    pub segments: List<'m, Segment>,
    /// What is read: room for a batch as it lies, better for [`PIECE_SIZE`].
    pub input: List<'m, u8>,
    /// What is written: the same.
    pub output: List<'m, u8>,
    /// The records of a compressed batch.
    pub records: List<'m, u8>,
    /// The records of a batch that are kept.
    pub kept: List<'m, u8>,
    /// The same, with other timestamps.
    pub rebased: List<'m, u8>,
}

#[cfg(feature = "alloc")]
impl CompactMemory<'static> {
    /// Memory that is allocated as it is needed, up to `limits`.
    #[must_use]
    pub fn grown(limits: &CompactLimits) -> Self {
        let batch = || List::grown(limits.batch_bytes);
        Self {
            keys: List::grown(limits.key_map_bytes / super::key_map::KEY_SLOT_SIZE),
            aborted: List::grown(limits.aborted_transactions),
            open: List::grown(limits.producers),
            producers: List::grown(limits.producers),
            segments: List::grown(limits.segments),
            input: batch(),
            output: batch(),
            records: batch(),
            kept: batch(),
            rebased: batch(),
        }
    }
}

/// What a step has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to be done. Unit: bytes read and written.
    Worked(u64),
    /// A segment is written, and the log is to be asked to [`PartitionLog::swap`] it.
    Swap,
    /// Everything is done: the log remembers how far.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The keys of what is dirty are learnt; and where the last markers are of producers that are known by nothing else, wherever that is.
    Learning,
    /// A group of segments is written anew.
    Writing,
    /// The group is written, but not safe yet.
    Finishing,
    /// The log is to do the exchange.
    Swapping,
    Done,
}

/// A compaction of one log: a value that is stepped until it is done, or dropped before.
///
/// Bounds: each step reads [`PIECE_SIZE`] or one batch, and writes no more than what is left of that, or makes durable what earlier ones
/// have written. Memory as lent.
#[derive(Debug)]
pub struct Compaction<'m, S: SegmentStore> {
    disk: Disk<S>,
    /// All segments of the log, as they stood when this was begun.
    segments: List<'m, Segment>,
    /// How many of them are compacted.
    count: usize,
    pub(super) cuts: u32,
    upper: Offset,
    interval: u32,
    segment_bytes: u64,
    index_bytes_max: u64,
    cleaner: Cleaner<'m>,
    input: List<'m, u8>,
    output: List<'m, u8>,
    stage: Stage,
    /// Which segment is being read, and from where on.
    at: usize,
    position: u32,
    /// Which segment the aborted transactions are known of.
    loaded: Option<usize>,
    /// How far keys were learnt.
    learnt: Offset,
    /// The group: which segments stand for one, from where to where.
    group: (usize, usize),
    /// What is written.
    target: Segment,
    /// How much of it the files have, and how much of that is durable.
    flushed: u32,
    synced: u32,
}

impl<S: SegmentStore> PartitionLog<'_, S> {
    /// Begins a compaction, if there is anything dirty that may be compacted: worth it or not is for the caller to judge.
    ///
    /// `store` is a second one of the same files. `key` is one that nobody else knows.
    /// # Errors
    /// What [`CompactError`] names.
    pub fn begin_compaction<'j>(
        &self,
        wall: Timestamp,
        store: S,
        memory: CompactMemory<'j>,
        key: HashKey,
    ) -> Result<Option<Compaction<'j, S>>, CompactError<S::Error>> {
        self.alive().map_err(|closed| CompactError::Log(LogError::Closed(closed)))?;
        let (reach, _) = self.reach(wall);
        if reach.upper <= reach.first_dirty {
            return Ok(None);
        }
        let mut segments = memory.segments;
        segments.clear();
        segments.extend_from_slice(&self.segments).map_err(|_| CompactError::SegmentsTooMany { limit: segments.capacity() })?;
        let delete_retention: Millis = self.config.delete_retention;
        let cleaner = Cleaner {
            wall,
            horizon: wall.after(delete_retention),
            first_dirty: reach.first_dirty,
            end: reach.upper,
            keys: KeyMap::new(memory.keys, key),
            transactions: Transactions::new(memory.aborted, memory.open),
            producers: LastRecords::of(&self.producers, reach.upper, memory.producers),
            records: memory.records,
            kept: memory.kept,
            rebased: memory.rebased,
        };
        let looks_back = cleaner.producers.ask_for_markers();
        let at = if looks_back { 0 } else { segments.partition_point(|segment| segment.base <= reach.first_dirty).saturating_sub(1) };
        let mut job = Compaction {
            disk: Disk { store },
            segments,
            count: reach.segments,
            cuts: self.cuts,
            upper: reach.upper,
            interval: self.config.index_interval_bytes,
            segment_bytes: self.config.segment_bytes_max().into(),
            index_bytes_max: self.config.index_bytes_max.into(),
            cleaner,
            input: memory.input,
            output: memory.output,
            stage: Stage::Learning,
            at,
            position: 0,
            loaded: None,
            learnt: reach.first_dirty,
            group: (0, reach.segments),
            target: Segment::new(reach.first_dirty, wall),
            flushed: 0,
            synced: 0,
        };
        job.input.clear();
        job.output.clear();
        Ok(Some(job))
    }
}

impl<S: SegmentStore> Compaction<'_, S> {
    /// Everything below will be compacted: what the next compaction begins with.
    #[must_use]
    pub const fn end(&self) -> Offset {
        self.cleaner.end
    }

    /// How much memory the key map takes, and how many keys it holds. Unit: bytes.
    #[must_use]
    pub fn key_map_bytes(&self) -> (usize, usize) {
        (self.cleaner.keys.size_bytes(), self.cleaner.keys.len())
    }

    /// The segments that one is written for now; before that, all that may be compacted.
    pub(super) fn group(&self) -> &[Segment] {
        self.segments.get(self.group.0..self.group.1).unwrap_or_default()
    }

    pub(super) const fn written(&self) -> Segment {
        self.target
    }

    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// The batches have the name that decides the exchange: from here on the files are the log's.
    pub(super) const fn decided(&mut self) {
        self.stage = Stage::Done;
    }

    /// The log has done the exchange: the next group follows.
    pub(super) fn swapped(&mut self) {
        self.begin_group(self.group.1);
    }

    /// Does the next piece of work.
    ///
    /// # Errors
    /// What [`CompactError`] names; the compaction is then to be given up. Where the log has changed meanwhile, see
    /// [`PartitionLog::is_as_planned`], that is only what was to be expected.
    pub fn step(&mut self, codec: &mut dyn Codec) -> Result<Step, CompactError<S::Error>> {
        match self.stage {
            Stage::Learning => self.learn(codec),
            Stage::Writing => self.write(codec),
            Stage::Finishing => self.finish(),
            Stage::Swapping => Ok(Step::Swap),
            Stage::Done => Ok(Step::Done),
        }
    }

    /// Gives the compaction up: deletes the files that it has written and that are in no use.
    pub fn abandon(&mut self) {
        if self.stage == Stage::Done {
            return;
        }
        self.stage = Stage::Done;
        for kind in INDEXES.into_iter().chain([FileKind::Log]) {
            let file = self.target.file(kind);
            // What stays is deleted by the next opening.
            let _left = self.disk.delete(file.in_state(FileState::Cleaned));
            if kind != FileKind::Log {
                let _left = self.disk.delete(file.in_state(FileState::Swap));
            }
        }
    }

    fn learn(&mut self, codec: &mut dyn Codec) -> Result<Step, CompactError<S::Error>> {
        let Some(segment) = self.segments.get(self.at).copied().filter(|_| self.at < self.count) else {
            self.learnt = self.upper;
            return self.end_learning();
        };
        if self.loaded != Some(self.at) {
            if segment.base < self.cleaner.first_dirty && !self.cleaner.producers.ask_for_markers() {
                self.position = segment.floor(&mut self.disk, self.cleaner.first_dirty)?;
            }
            self.load_transactions()?;
        }
        let size = self.read(&segment)?;
        let mut rest = self.input.get(..size).unwrap_or_default();
        while let Ok((batch, behind)) = Batch::split_first(rest) {
            match self.cleaner.learn(&batch, codec) {
                Ok(()) => {}
                Err(Fault::KeysFull) => return self.end_learning(),
                Err(fault) => return Err(told(fault, batch.header())),
            }
            self.learnt = self.learnt.max(batch.header().next_offset());
            rest = behind;
        }
        self.step_on(&segment, size);
        Ok(Step::Worked(u64::try_from(size).unwrap_or(0)))
    }

    fn end_learning(&mut self) -> Result<Step, CompactError<S::Error>> {
        if self.learnt <= self.cleaner.first_dirty {
            return Err(CompactError::KeysTooMany { limit: self.cleaner.keys.len() });
        }
        self.cleaner.end = self.learnt;
        self.count = self.segments.partition_point(|segment| segment.base < self.learnt).min(self.count);
        self.cleaner.transactions.restart();
        self.begin_group(0);
        Ok(Step::Worked(0))
    }

    /// Sets out to write the segments from number `from` on that fit into one. Source: `Cleaner.groupSegmentsBySize`.
    fn begin_group(&mut self, from: usize) {
        let mut from = from;
        // A segment without batches is not worth an exchange.
        while from < self.count && self.segments.get(from).is_some_and(|segment| segment.size == 0) {
            from += 1;
        }
        self.group = (from, from);
        let Some(first) = self.segments.get(from).copied().filter(|_| from < self.count) else {
            self.stage = Stage::Done;
            return;
        };
        let (mut size, mut offsets, mut times) = (0, 0, 0);
        for at in from..self.count {
            let Some(segment) = self.segments.get(at) else { break };
            let next = self.segments.get(at + 1).map_or(self.upper, |next| next.base);
            size += u64::from(segment.size);
            offsets += u64::from(segment.offset_entries) * u64::from(OFFSET_ENTRY_SIZE);
            times += u64::from(segment.time_entries) * u64::from(TIME_ENTRY_SIZE);
            let is_too_much = size > self.segment_bytes || offsets > self.index_bytes_max || times > self.index_bytes_max;
            if at > from && (is_too_much || first.relative(next).is_none()) {
                break;
            }
            self.group.1 = at + 1;
        }
        let created = self.group().iter().map(|segment| segment.created).max().unwrap_or(first.created);
        self.target = Segment { state: FileState::Cleaned, ..Segment::new(first.base, created) };
        (self.flushed, self.synced) = (0, 0);
        (self.at, self.position, self.loaded) = (from, 0, None);
        self.stage = Stage::Writing;
    }

    fn write(&mut self, codec: &mut dyn Codec) -> Result<Step, CompactError<S::Error>> {
        let Some(segment) = self.segments.get(self.at).copied().filter(|_| self.at < self.group.1) else {
            self.stage = Stage::Finishing;
            return Ok(Step::Worked(0));
        };
        if self.at == self.group.0 && self.position == 0 {
            // What an earlier one has left.
            for kind in INDEXES.into_iter().chain([FileKind::Log]) {
                self.disk.delete(self.target.file(kind))?;
            }
        }
        if self.loaded != Some(self.at) {
            self.load_transactions()?;
        }
        let size = self.read(&segment)?;
        let behind = self.segments.get(self.at + 1..self.group.1).unwrap_or_default();
        let ends_group = behind.iter().all(|segment| segment.size == 0);
        let mut at = self.position;
        let mut rest = self.input.get(..size).unwrap_or_default();
        while let Ok((batch, behind)) = Batch::split_first(rest) {
            at += batch.header().size();
            let cleaned = self.cleaner.clean(&batch, ends_group && at == segment.size, codec, &mut self.output);
            let cleaned = cleaned.map_err(|fault| told(fault, batch.header()))?;
            if let Some(header) = cleaned.header {
                let fits = self.target.size.checked_add(header.size()).is_some_and(|size| i32::try_from(size).is_ok());
                if !fits {
                    return Err(CompactError::SegmentTooLarge { base: self.target.base });
                }
                let (offset, time) = self.target.take(Entry::of(&header), self.interval);
                self.target.write_entries(&mut self.disk, offset, time)?;
            }
            if let Some(aborted) = cleaned.aborted {
                txn_index::append(&mut self.disk, &mut self.target, &aborted)?;
            }
            rest = behind;
        }
        let written = self.output.len();
        self.disk.write(self.target.file(FileKind::Log), self.flushed.into(), &[&self.output])?;
        self.output.clear();
        self.flushed = self.target.size;
        if self.flushed - self.synced >= SYNC_SIZE {
            self.disk.sync(self.target.file(FileKind::Log))?;
            self.synced = self.flushed;
        }
        self.step_on(&segment, size);
        Ok(Step::Worked(u64::try_from(size + written).unwrap_or(0)))
    }

    /// Makes durable what was written, and everything ready for the exchange.
    fn finish(&mut self) -> Result<Step, CompactError<S::Error>> {
        self.target.complete(&mut self.disk)?;
        let stands_for_entries = self.group().first().is_some_and(|first| first.txn_entries > 0);
        if self.target.txn_entries == 0 && stands_for_entries {
            // So that something takes the place of the old one.
            self.disk.write(self.target.file(FileKind::TxnIndex), 0, &[])?;
        }
        self.disk.sync(self.target.file(FileKind::Log))?;
        for kind in INDEXES {
            if kind == FileKind::TxnIndex && self.target.txn_entries == 0 && !stands_for_entries {
                continue;
            }
            let file = self.target.file(kind);
            self.disk.sync(file)?;
            self.disk.rename(file, file.in_state(FileState::Swap))?;
        }
        self.disk.sync_names()?;
        self.target.synced = self.target.size;
        self.target.indexes_synced = true;
        self.stage = Stage::Swapping;
        Ok(Step::Swap)
    }

    fn load_transactions(&mut self) -> Result<(), CompactError<S::Error>> {
        let from = self.segments.get(self.at).map_or(self.upper, |segment| segment.base);
        let below = self.segments.get(self.at + 1).map_or(self.upper, |next| next.base);
        let segments = self.segments.get(self.at..).unwrap_or_default();
        match self.cleaner.transactions.load(&mut self.disk, segments, (from, below))? {
            Loaded::Whole => {}
            Loaded::TooMany => return Err(CompactError::AbortedTooMany { limit: self.cleaner.transactions.limit() }),
            Loaded::Unreadable(segment) => return Err(CompactError::Corrupt { file: segment.file(FileKind::TxnIndex), position: 0 }),
        }
        self.loaded = Some(self.at);
        Ok(())
    }

    /// Reads the next batches of a segment; answers the size of those that are whole. Unit: bytes.
    fn read(&mut self, segment: &Segment) -> Result<usize, CompactError<S::Error>> {
        let left = segment.size.saturating_sub(self.position);
        if left == 0 {
            return Ok(0);
        }
        let mut wanted = left.min(PIECE_SIZE).min(u32::try_from(self.input.capacity()).unwrap_or(u32::MAX));
        loop {
            let whole = self.read_whole(segment, wanted)?;
            if whole > 0 {
                return Ok(whole);
            }
            let header = Header::peek(&self.input);
            let found = header.filter(|header| header.check().is_ok() && header.size() <= left && header.size() > wanted);
            let Some(header) = found else {
                return Err(CompactError::Corrupt { file: segment.file(FileKind::Log), position: self.position });
            };
            let too_large = CompactError::BatchTooLarge { offset: header.base_offset(), size: header.size() };
            wanted = header.size();
            if usize::try_from(wanted).unwrap_or(usize::MAX) > self.input.capacity() {
                return Err(too_large);
            }
        }
    }

    fn read_whole(&mut self, segment: &Segment, wanted: u32) -> DiskResult<S, usize> {
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        self.input.truncate(wanted);
        // There is room: no more is wanted than fits.
        let filled = self.input.fill_to(wanted, 0);
        debug_assert!(filled.is_ok(), "no more is wanted than fits");
        let bytes = self.disk.read(segment.file(FileKind::Log), self.position.into(), &mut self.input)?;
        let mut rest = bytes;
        while let Ok((_, behind)) = Batch::split_first(rest) {
            rest = behind;
        }
        Ok(bytes.len() - rest.len())
    }

    /// Goes on behind what was read, into the next segment behind the last batch of one.
    fn step_on(&mut self, segment: &Segment, size: usize) {
        self.position = self.position.saturating_add(u32::try_from(size).unwrap_or(u32::MAX));
        if self.position >= segment.size {
            self.at += 1;
            self.position = 0;
        }
    }
}

fn told<E>(fault: Fault, header: &Header) -> CompactError<E> {
    let offset = header.base_offset();
    match fault {
        Fault::Codec(error) => CompactError::Codec { offset, error },
        Fault::NoRoom | Fault::KeysFull => CompactError::BatchTooLarge { offset, size: header.size() },
    }
}
