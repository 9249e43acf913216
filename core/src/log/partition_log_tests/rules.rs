//! One rule at a time.

use super::*;
use crate::log::reading::{ReadScratch, TimestampQuery};
use crate::record::marker::Outcome;
use crate::store::file_name::{FileKind, FileName};
use crate::store::memory::MemoryError;

fn find(log: &mut MemoryLog, query: TimestampQuery) -> Option<(i64, Option<i64>)> {
    let (mut batch, mut records) = (List::grown(1 << 16), List::grown(1 << 16));
    let scratch = ReadScratch { batch: &mut batch, records: &mut records, codec: None };
    let found = log.offset_for_timestamp(query, ReadUpTo::HighWatermark, scratch).unwrap();
    found.map(|found| (found.offset.0, found.timestamp.map(|stamp| stamp.0)))
}

fn files(log: &mut MemoryLog) -> usize {
    let mut count = 0;
    log.store_mut().list(&mut |_| count += 1).unwrap();
    count
}

#[test]
fn a_log_that_was_never_written_to_leaves_nothing_behind() {
    let mut log = fresh(small(false));
    assert!(log.read(Offset(0), 100, ReadUpTo::HighWatermark, true).unwrap().bytes.is_none());
    assert!(log.begin_sync().unwrap().is_none());
    log.retain(Timestamp(1)).unwrap();
    log.close().unwrap();
    assert_eq!(files(&mut log), 0);
    assert!(matches!(put(&mut log, 0, &Given::of(&[b"a"], 0)), Err(AppendError::Closed(Closed::Cleanly))));
}

#[test]
fn records_are_seen_once_they_are_durable_or_at_once_under_write_caching() {
    let mut log = fresh(small(false));
    let appended = put(&mut log, 0, &Given::of(&[b"a", b"b"], 5)).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset), (Offset(0), Offset(1)));
    assert_eq!(log.watermarks().high_watermark(), Offset(0));
    let ticket = log.begin_sync().unwrap().unwrap();
    assert!(ticket.must_sync_names());
    put(&mut log, 0, &Given::of(&[b"c"], 5)).unwrap();
    let marks = log.end_sync(ticket, Ok(())).unwrap();
    assert_eq!(marks.high_watermark(), Offset(2));
    assert_eq!(read_all(&mut log, Offset(0), ReadUpTo::HighWatermark, 1000).len(), 2);
    assert_eq!(read_all(&mut log, Offset(0), ReadUpTo::LogEnd, 1000).len(), 3);
    log.configure(small(true));
    assert_eq!(read_all(&mut log, Offset(0), ReadUpTo::HighWatermark, 1000).len(), 3);
    assert_eq!(log.durable_end(), Offset(2));
}

#[test]
fn a_failed_sync_closes_the_log() {
    let mut log = fresh(small(false));
    put(&mut log, 0, &Given::of(&[b"a"], 5)).unwrap();
    let ticket = log.begin_sync().unwrap().unwrap();
    assert!(log.end_sync(ticket, Err(MemoryError::Full)).is_err());
    assert!(matches!(put(&mut log, 0, &Given::of(&[b"a"], 0)), Err(AppendError::Closed(Closed::StorageFailed))));
    assert!(matches!(log.read(Offset(0), 1, ReadUpTo::LogEnd, true), Err(crate::log::error::ReadError::Closed(_))));
}

#[test]
fn a_sync_begun_before_a_cut_says_nothing_about_what_came_after() {
    let mut log = fresh(small(false));
    for _ in 0..3 {
        put(&mut log, 0, &Given::of(&[b"a"], 5)).unwrap();
    }
    let ticket = log.begin_sync().unwrap().unwrap();
    log.truncate_to(Timestamp(0), Offset(1)).unwrap();
    put(&mut log, 0, &Given::of(&[b"b"], 5)).unwrap();
    let marks = log.end_sync(ticket, Ok(())).unwrap();
    assert!(marks.high_watermark() <= Offset(1));
    assert_eq!(log.sync_all().unwrap().high_watermark(), Offset(2));
}

#[test]
fn a_full_disk_leaves_the_log_as_it_was() {
    let store = MemoryStore::grown(4096, 64);
    let (mut log, _) = open(store, small(true), OpenHints::default());
    let mut count = 0;
    let error = loop {
        match put(&mut log, 0, &Given::of(&[&[7; 300]], 5)) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AppendError::Store(error) if error.is_full));
    assert_eq!(log.closed(), None);
    assert_eq!(i64::try_from(read_all(&mut log, Offset(0), ReadUpTo::LogEnd, 1000).len()).unwrap(), count);
    assert_eq!(log.watermarks().log_end(), Offset(count));
    log.delete_records(Offset(count)).unwrap();
    let store = log.into_store();
    let (mut log, report) = open(store, small(true), OpenHints::default());
    assert_eq!(report.cut, None);
    assert_eq!(log.watermarks().log_end(), Offset(count));
    assert_eq!(read_all(&mut log, Offset(0), ReadUpTo::LogEnd, 1000).len(), usize::try_from(count).unwrap());
}

#[test]
fn a_first_batch_that_does_not_fit_comes_whole_or_not_at_all() {
    let mut log = fresh(small(true));
    let size = u32::try_from(Given::of(&[&[1; 200]], 0).bytes().len()).unwrap();
    for _ in 0..3 {
        put(&mut log, 0, &Given::of(&[&[1; 200]], 0)).unwrap();
    }
    let mut sized = |max, whole| log.read(Offset(0), max, ReadUpTo::HighWatermark, whole).unwrap().bytes.map(|slice| slice.size);
    assert_eq!(sized(10, true), Some(size));
    assert_eq!(sized(10, false), None);
    assert_eq!(sized(size + 10, false), Some(size + 10));
    assert_eq!(sized(9999, false), Some(size * 3));
}

#[test]
fn what_is_out_of_range_is_refused() {
    let mut log = fresh(small(true));
    for _ in 0..5 {
        put(&mut log, 0, &Given::of(&[b"a"], 0)).unwrap();
    }
    log.delete_records(Offset(2)).unwrap();
    assert!(log.read(Offset(1), 10, ReadUpTo::LogEnd, true).is_err());
    assert!(log.read(Offset(6), 10, ReadUpTo::LogEnd, true).is_err());
    assert!(log.read(Offset(5), 10, ReadUpTo::LogEnd, true).unwrap().bytes.is_none());
    assert!(log.delete_records(Offset(6)).is_err());
    assert_eq!(log.delete_records(Offset(0)).unwrap().log_start(), Offset(2));
    let large = Given::of(&[&[0; 3000]], 0);
    assert!(matches!(put(&mut log, 0, &large), Err(AppendError::LargerThanSegment { segment_bytes: 2000, .. })));
}

#[test]
fn offsets_are_found_by_time() {
    let mut log = fresh(small(true));
    for at in 0..60 {
        let time = 1000 + at * 10;
        put(&mut log, 0, &Given::of(&[&[1; 40], b"b", b"c"], time)).unwrap();
    }
    assert!(log.segments().len() > 2);
    assert_eq!(find(&mut log, TimestampQuery::Earliest), Some((0, None)));
    assert_eq!(find(&mut log, TimestampQuery::Latest), Some((180, None)));
    assert_eq!(find(&mut log, TimestampQuery::Max), Some((179, Some(1592))));
    assert_eq!(find(&mut log, TimestampQuery::At(Timestamp(1593))), None);
    for at in 0..60 {
        for inside in 0..3 {
            let time = 1000 + at * 10 + inside;
            assert_eq!(find(&mut log, TimestampQuery::At(Timestamp(time))), Some((at * 3 + inside, Some(time))));
        }
        let between = find(&mut log, TimestampQuery::At(Timestamp(1000 + at * 10 - 3)));
        assert_eq!(between, Some((at * 3, Some(1000 + at * 10))));
    }
    log.delete_records(Offset(100)).unwrap();
    assert_eq!(find(&mut log, TimestampQuery::At(Timestamp(0))), Some((100, Some(1331))));
}

#[test]
fn old_segments_go_by_time_by_size_and_below_the_start() {
    let filled = |config: LogConfig| {
        let mut log = fresh(config);
        for at in 0..60 {
            put(&mut log, at, &Given::of(&[&[1; 100]], at * 1000)).unwrap();
        }
        log
    };
    let by_time = LogConfig { retention_ms: Some(Millis(30_000)), ..small(true) };
    let mut log = filled(by_time);
    let before = log.segments().len();
    let retained = log.retain(Timestamp(59_000)).unwrap();
    assert!(retained.segments > 0 && log.segments().len() < before);
    let start = log.watermarks().log_start();
    assert!(start > Offset(10) && start <= Offset(29), "{start:?}");
    assert_eq!(read_all(&mut log, start, ReadUpTo::HighWatermark, 5000).len(), usize::try_from(60 - start.0).unwrap());
    // All of it: the end stays where it was, in the name of an empty file.
    log.retain(Timestamp(900_000)).unwrap();
    assert_eq!(log.watermarks().log_start(), Offset(60));
    assert_eq!(log.size_bytes(), 0);
    let (mut log, _) = open(log.into_store(), by_time, OpenHints::default());
    assert_eq!(put(&mut log, 0, &Given::of(&[b"x"], 0)).unwrap().base_offset, Offset(60));

    let by_size = LogConfig { retention_bytes: Some(4_000), ..small(true) };
    let mut log = filled(by_size);
    log.retain(Timestamp(0)).unwrap();
    assert!((4_000..6_000).contains(&log.size_bytes()), "{}", log.size_bytes());

    let mut log = filled(LogConfig { delete: false, ..by_time });
    log.delete_records(Offset(40)).unwrap();
    log.retain(Timestamp(900_000)).unwrap();
    assert!(log.segments()[0].base() <= Offset(40) && log.segments()[1].base() > Offset(40));
}

#[test]
fn record_time_rolls_a_segment() {
    let config = LogConfig { segment_ms: Millis(1000), ..small(true) };
    let mut log = fresh(config);
    for time in [5_000, 5_500, 6_000, 6_001, 5_000] {
        put(&mut log, 0, &Given::of(&[b"a"], time)).unwrap();
    }
    let bases: Vec<i64> = log.segments().iter().map(|segment| segment.base().0).collect();
    assert_eq!(bases, [0, 3]);
}

#[test]
fn open_transactions_hold_the_last_stable_offset_back_even_across_a_restart() {
    let mut log = fresh(small(true));
    let transactional = |sequence| Given { producer: Some((9, 0, sequence)), transactional: true, ..Given::of(&[b"t"], 5) };
    put(&mut log, 0, &Given::of(&[b"a"], 5)).unwrap();
    put(&mut log, 0, &transactional(0)).unwrap();
    for _ in 0..40 {
        put(&mut log, 0, &Given::of(&[&[1; 100]], 5)).unwrap();
    }
    assert_eq!(log.watermarks().last_stable(), Offset(1));
    assert_eq!(read_all(&mut log, Offset(0), ReadUpTo::LastStable, 5000).len(), 1);
    for clean in [true, false] {
        if clean {
            log.close().unwrap();
        }
        let hints = OpenHints { clean, ..OpenHints::default() };
        (log, _) = open(log.into_store(), small(true), hints);
        assert_eq!(log.watermarks().last_stable(), Offset(1));
    }
    assert!(put(&mut log, 0, &transactional(0)).unwrap().is_duplicate);
    let marker = Given {
        producer: Some((9, 0, -1)),
        transactional: true,
        marker: Some(EndMarker { outcome: Outcome::Commit, coordinator_epoch: 1 }),
        ..Given::default()
    };
    put(&mut log, 0, &marker).unwrap();
    assert_eq!(log.watermarks().last_stable(), Offset(43));
    log.close().unwrap();
    let hints = OpenHints { clean: true, ..OpenHints::default() };
    let (log, _) = open(log.into_store(), small(true), hints);
    assert_eq!(log.producers().find(ProducerId(9)).unwrap().coordinator_epoch, 1);
}

#[test]
fn a_damaged_or_missing_index_is_built_anew_on_a_clean_opening() {
    let mut log = fresh(small(true));
    for at in 0..40 {
        put(&mut log, 0, &Given::of(&[&[1; 100]], at)).unwrap();
    }
    log.close().unwrap();
    let bases: Vec<Offset> = log.segments().iter().map(|segment| segment.base()).collect();
    let mut store = log.into_store();
    store.truncate(FileName::live(FileKind::Index, bases[0]), 13).unwrap();
    store.truncate(FileName::live(FileKind::TimeIndex, bases[1]), 13).unwrap();
    store.delete(FileName::EPOCHS).unwrap();
    let hints = OpenHints { clean: true, ..OpenHints::default() };
    let (mut log, report) = open(store, small(true), hints);
    assert!(report.segments_rebuilt >= 2 && report.cut.is_none());
    assert_eq!(log.epochs().len(), 1);
    for from in 0..40 {
        assert_eq!(read_all(&mut log, Offset(from), ReadUpTo::LogEnd, 300).len(), usize::try_from(40 - from).unwrap());
    }
}

#[test]
fn reigns_are_kept_and_answered_across_restarts() {
    let mut log = fresh(small(true));
    for epoch in [0, 0, 3, 4] {
        let bytes = Given::of(&[b"a"], 0).bytes();
        let checked = check(&bytes, &log.config().rules(Origin::Client), Timestamp(0), None).unwrap();
        log.append(Timestamp(0), LeaderEpoch(epoch), &checked).unwrap();
    }
    assert!(matches!(put(&mut log, 0, &Given::of(&[b"a"], 0)), Err(AppendError::StaleLeaderEpoch { .. })));
    let (log, _) = open(log.into_store(), small(true), OpenHints::default());
    let end = |epoch| log.epoch_end_offset(LeaderEpoch(epoch)).map(|end| (end.epoch.0, end.end.0));
    assert_eq!((end(0), end(2), end(3), end(4), end(5)), (Some((0, 2)), Some((0, 2)), Some((3, 3)), Some((4, 4)), None));
}

#[test]
fn a_finished_compaction_takes_its_place_and_an_unfinished_one_goes() {
    let mut log = fresh(small(true));
    for at in 0..40 {
        put(&mut log, 0, &Given::of(&[&[1; 100]], at)).unwrap();
    }
    log.close().unwrap();
    let first = log.segments()[0];
    let mut store = log.into_store();
    // The compacted file is the first segment's first batch, and its last.
    let mut bytes = alloc::vec![0; usize::try_from(first.size()).unwrap()];
    let file = FileName::live(FileKind::Log, first.base());
    store.read_at(file, 0, &mut bytes).unwrap();
    let size = Batch::split_first(&bytes).unwrap().0.bytes().len();
    let parts = [&bytes[..size], &bytes[bytes.len() - size..]];
    store.write_at(file.in_state(crate::store::file_name::FileState::Swap), 0, &parts).unwrap();
    store.write_at(FileName::live(FileKind::Log, Offset(7)).in_state(crate::store::file_name::FileState::Cleaned), 0, &parts).unwrap();
    let (mut log, report) = open(store, small(true), OpenHints::default());
    assert_eq!((report.leftovers, report.cut), (1, None));
    let offsets: Vec<i64> = read_all(&mut log, Offset(0), ReadUpTo::LogEnd, 5000).iter().map(|record| record.0).collect();
    assert_eq!((offsets[0], offsets[1], *offsets.last().unwrap()), (0, log.segments()[1].base().0 - 1, 39));
}

/// A store that fails when told to: `write` tears after half of the bytes, `truncate` refuses.
struct Failing {
    inner: MemoryStore<'static>,
    write: bool,
    truncate: bool,
}

impl SegmentStore for Failing {
    type Error = MemoryError;
    type Handle = FileName;
    fn list(&mut self, each: &mut dyn FnMut(FileName)) -> Result<(), MemoryError> {
        self.inner.list(each)
    }
    fn size(&mut self, file: FileName) -> Result<Option<u64>, MemoryError> {
        self.inner.size(file)
    }
    fn read_at(&mut self, file: FileName, position: u64, into: &mut [u8]) -> Result<usize, MemoryError> {
        self.inner.read_at(file, position, into)
    }
    fn write_at(&mut self, file: FileName, position: u64, parts: &[&[u8]]) -> Result<(), MemoryError> {
        if !self.write {
            return self.inner.write_at(file, position, parts);
        }
        let whole = parts.concat();
        self.inner.write_at(file, position, &[&whole[..whole.len() / 2]])?;
        Err(MemoryError::Missing(file))
    }
    fn truncate(&mut self, file: FileName, size: u64) -> Result<(), MemoryError> {
        if self.truncate {
            return Err(MemoryError::Missing(file));
        }
        self.inner.truncate(file, size)
    }
    fn rename(&mut self, from: FileName, to: FileName) -> Result<(), MemoryError> {
        self.inner.rename(from, to)
    }
    fn delete(&mut self, file: FileName) -> Result<(), MemoryError> {
        self.inner.delete(file)
    }
    fn sync(&mut self, file: FileName) -> Result<(), MemoryError> {
        self.inner.sync(file)
    }
    fn sync_names(&mut self) -> Result<(), MemoryError> {
        self.inner.sync_names()
    }
    fn handle(&mut self, file: FileName) -> Result<FileName, MemoryError> {
        self.inner.handle(file)
    }
    fn is_full(error: &MemoryError) -> bool {
        *error == MemoryError::Full
    }
}

#[test]
fn a_torn_write_is_cut_back_and_when_that_fails_too_the_log_closes() {
    let store = Failing { inner: MemoryStore::grown(1 << 16, 16), write: false, truncate: false };
    let (mut log, _) = PartitionLog::open(Timestamp(0), store, memory(), small(true), OpenHints::default()).unwrap();
    put(&mut log, 0, &Given::of(&[b"a"], 5)).unwrap();
    let size = log.size_bytes();
    log.store_mut().write = true;
    assert!(matches!(put(&mut log, 0, &Given::of(&[b"b"], 5)), Err(AppendError::Store(_))));
    assert_eq!(log.store_mut().size(FileName::live(FileKind::Log, Offset(0))), Ok(Some(size)));
    log.store_mut().write = false;
    assert_eq!(put(&mut log, 0, &Given::of(&[b"c"], 5)).unwrap().base_offset, Offset(1));
    log.store_mut().write = true;
    log.store_mut().truncate = true;
    assert!(matches!(put(&mut log, 0, &Given::of(&[b"d"], 5)), Err(AppendError::Store(_))));
    assert!(matches!(put(&mut log, 0, &Given::of(&[b"e"], 5)), Err(AppendError::Closed(Closed::StorageFailed))));
    // Opening it anew finds the torn batch and cuts it off.
    let store = log.into_store().inner;
    let (mut log, report) = open(store, small(true), OpenHints::default());
    assert!(report.cut.is_some());
    assert_eq!(read_all(&mut log, Offset(0), ReadUpTo::LogEnd, 500).len(), 2);
}

#[test]
fn kip360_a_producer_whose_records_are_deleted_is_still_known() {
    let mut log = fresh(small(true));
    let first = Given { producer: Some((3, 0, 0)), ..Given::of(&[b"once"], 1) };
    put(&mut log, 0, &first).unwrap();
    log.delete_records(Offset(1)).unwrap();
    assert!(put(&mut log, 0, &first).unwrap().is_duplicate);
}
