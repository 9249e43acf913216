//! What a crash costs: recovery marks.

use super::transactions::{data, end};
use super::verify::{Files, files_of, store_of};
use super::*;
use crate::log::producers::Producer;
use crate::record::marker::Outcome;
use crate::store::file_name::{FileKind, FileName};

const EVERY: u32 = 1500;

fn config() -> LogConfig {
    LogConfig { segment_bytes: 1 << 20, recovery_bytes: EVERY, ..small(false) }
}

/// A log in one segment, of producers and transactions, synced after each batch; and how many of its bytes were never synced.
fn lived(seed: u64, batches: i64) -> (MemoryLog, u32) {
    let mut dice = Dice(seed);
    let mut log = fresh(config());
    let mut sequences = [0i32; 4];
    for time in 0..batches {
        let who = dice.size(5);
        let id = i64::try_from(who).unwrap();
        let value = alloc::vec![7; dice.size(80)];
        let given = match sequences.get_mut(who) {
            Some(sequence) if who < 2 || dice.roll(6) > 0 => {
                *sequence += 1;
                Given { producer: Some((id, 0, *sequence - 1)), transactional: who > 1, ..Given::of(&[&value], time) }
            }
            Some(sequence) if *sequence > 0 => {
                let outcome = if dice.roll(2) == 0 { Outcome::Abort } else { Outcome::Commit };
                let marker = Some(EndMarker { outcome, coordinator_epoch: 3 });
                Given { producer: Some((id, 0, -1)), transactional: true, marker, ..Given::of(&[], time) }
            }
            _ => Given::of(&[&value, b"more"], time),
        };
        put(&mut log, time, &given).unwrap();
        log.sync_all().unwrap();
    }
    let size = |log: &MemoryLog| u32::try_from(log.size_bytes()).unwrap();
    let synced = size(&log);
    for time in 0..3 {
        put(&mut log, batches, &Given::of(&[b"not synced"], batches + time)).unwrap();
    }
    let late = size(&log) - synced;
    (log, late)
}

/// What is known of the producers, but for the batches before the last, which no snapshot holds.
type Known = (ProducerId, ProducerEpoch, Option<Sequence>, Option<Offset>, i32);

fn known(log: &MemoryLog) -> Vec<Known> {
    let one = |producer: &Producer| {
        (producer.id, producer.epoch, producer.last_sequence(), producer.transaction_start, producer.coordinator_epoch)
    };
    let mut all: Vec<_> = log.producers().iter().map(one).collect();
    all.sort_unstable();
    all
}

/// What the log is made of, but for what only says how it is to be recovered.
fn substance(log: MemoryLog) -> Files {
    let mut files = files_of(&mut log.into_store());
    files.retain(|(name, _)| !matches!(name.kind, FileKind::RecoveryMark | FileKind::Snapshot));
    files
}

fn recovered(files: &Files) -> (MemoryLog, RecoveryReport) {
    open(store_of(files), config(), OpenHints::default())
}

fn without_marks(files: &Files) -> Files {
    files.iter().filter(|(name, _)| *name != FileName::RECOVERY_MARK).cloned().collect()
}

#[test]
fn a_crash_costs_the_same_however_long_the_log_is_and_leaves_the_same_log() {
    for seed in 0..20 {
        for batches in [60, 500, 2000] {
            let (log, late) = lived(seed, batches);
            let before = known(&log);
            let size = log.size_bytes();
            let files = files_of(&mut log.into_store());
            let (quick, quick_report) = recovered(&files);
            let (slow, slow_report) = recovered(&without_marks(&files));
            assert_eq!(slow_report.bytes, size);
            let bound = u64::from(EVERY + late) + 400;
            assert!(quick_report.bytes <= bound, "{} of {size} bytes were read", quick_report.bytes);
            assert_eq!((quick.watermarks(), quick_report.end), (slow.watermarks(), slow_report.end));
            assert_eq!(quick.epochs(), slow.epochs());
            assert_eq!((known(&quick), known(&slow)), (before.clone(), before));
            assert!(substance(quick) == substance(slow), "seed {seed}, {batches} batches");
        }
    }
}

#[test]
fn a_mark_that_is_damaged_is_not_believed() {
    let (log, late) = lived(3, 300);
    let size = log.size_bytes();
    let files = files_of(&mut log.into_store());
    let (sound, _) = recovered(&files);
    let (end, producers, sound) = (sound.watermarks(), known(&sound), substance(sound));
    let at = files.iter().position(|(name, _)| *name == FileName::RECOVERY_MARK).unwrap();
    let mut fell_back = 0;
    for byte in (0..140).chain(4096..4236) {
        for bit in [0, 5, 7] {
            let mut damaged = files.clone();
            damaged[at].1[byte] ^= 1 << bit;
            let (log, report) = recovered(&damaged);
            assert!(report.bytes == size || report.bytes <= u64::from(EVERY + late) + 400, "byte {byte}: {} bytes were read", report.bytes);
            fell_back += u32::from(report.bytes == size);
            assert_eq!((log.watermarks(), known(&log)), (end, producers.clone()));
            assert!(substance(log) == sound);
        }
    }
    assert!(fell_back > 100, "one of the two slots is the one that counts");
}

#[test]
fn a_mark_is_believed_only_of_the_log_that_it_was_made_of() {
    let (log, _) = lived(3, 300);
    let size = log.size_bytes();
    let files = files_of(&mut log.into_store());
    let reads = |change: &dyn Fn(&mut Files)| {
        let mut changed = files.clone();
        change(&mut changed);
        recovered(&changed).1.bytes
    };
    let cut = |kind: FileKind| {
        move |files: &mut Files| files.iter_mut().filter(|(name, _)| name.kind == kind).for_each(|(_, bytes)| bytes.truncate(8))
    };
    assert!(reads(&|_| ()) < size / 2);
    // Indexes made anew by somebody else, snapshots deleted by Kafka, which asks for the latest only.
    assert_eq!(reads(&cut(FileKind::Index)), size);
    assert_eq!(reads(&cut(FileKind::TimeIndex)), size);
    assert_eq!(reads(&cut(FileKind::Snapshot)), size);
    // Another log, of the same size.
    let (other, _) = lived(4, 300);
    let other = files_of(&mut other.into_store());
    let log_of = |files: &Files| files.iter().position(|(name, _)| name.kind == FileKind::Log).unwrap();
    let swapped = reads(&|files| {
        let here = log_of(files);
        let mut bytes = other[log_of(&other)].1.clone();
        bytes.resize(files[here].1.len(), 0);
        files[here].1 = bytes;
    });
    assert!(swapped > size / 2, "{swapped} of {size}");
}

#[test]
fn marks_leave_no_snapshots_behind() {
    let (log, _) = lived(5, 2000);
    let mut store = log.into_store();
    let snapshots = |store: &mut MemoryStore<'static>| {
        let files = files_of(store);
        files.iter().filter(|(name, _)| name.kind == FileKind::Snapshot).count()
    };
    assert!(snapshots(&mut store) <= 2, "that of the last mark, and of the one before");
    let (mut log, _) = open(store, config(), OpenHints::default());
    log.close().unwrap();
    assert!(snapshots(&mut log.into_store()) <= 3);
}

/// A snapshot that a loss of power has emptied stands where the log begins: those behind it know the producers whose batches are gone.
#[test]
fn producers_are_known_by_a_later_snapshot_where_the_first_is_damaged() {
    let config = LogConfig { segment_bytes: 300, recovery_bytes: u32::MAX, ..small(false) };
    let mut log = fresh(config);
    let first = Given { producer: Some((7, 0, 0)), ..Given::of(&[b"once"], 1) };
    put(&mut log, 1, &first).unwrap();
    for time in 2..30 {
        put(&mut log, time, &Given::of(&[&[7; 60]], time)).unwrap();
    }
    log.sync_all().unwrap();
    let mut files = files_of(&mut log.into_store());
    let snapshots: Vec<_> = files.iter().filter(|(name, _)| name.kind == FileKind::Snapshot).map(|(name, _)| name.base).collect();
    assert!(snapshots.len() > 4, "{snapshots:?}");
    let begins = snapshots[2];
    files.iter_mut().filter(|(name, _)| name.kind == FileKind::Snapshot && name.base == begins).for_each(|(_, bytes)| bytes.clear());
    let (mut log, _) = open(store_of(&files), config, OpenHints::default());
    log.delete_records(begins).unwrap();
    log.retain(Timestamp(40)).unwrap();
    assert_eq!(log.segments().first().map(|segment| segment.base()), Some(begins));
    let files = files_of(&mut log.into_store());
    for recovery_point in [None, Some(begins), Some(Offset(25))] {
        let (mut log, _) = open(store_of(&files), config, OpenHints { recovery_point, ..OpenHints::default() });
        let again = put(&mut log, 41, &first).unwrap();
        assert!(again.is_duplicate, "recovery point {recovery_point:?}: {again:?}");
    }
}

/// A loss of power may bring the batches back that were deleted last: then the index of what was aborted among them must be there too.
#[test]
fn indexes_go_after_their_batches_are_gone_for_good() {
    let config = LogConfig { segment_bytes: 300, ..small(false) };
    let mut log = fresh(config);
    put(&mut log, 1, &data(7, 0, 0, b"aborted", 1)).unwrap();
    put(&mut log, 2, &end(7, 0, Outcome::Abort, 2)).unwrap();
    for time in 3..30 {
        put(&mut log, time, &Given::of(&[&[7; 60]], time)).unwrap();
    }
    log.sync_all().unwrap();
    let second = log.segments().get(1).unwrap().base();
    let third = log.segments().get(2).unwrap().base();
    log.delete_records(second).unwrap();
    log.retain(Timestamp(40)).unwrap();
    let has = |log: &mut MemoryLog, kind| log.store_mut().size(FileName::live(kind, Offset(0))).unwrap().is_some();
    assert_eq!((has(&mut log, FileKind::Log), has(&mut log, FileKind::TxnIndex)), (false, true));
    // With the next segment that goes, the names are synced first.
    log.delete_records(third).unwrap();
    log.retain(Timestamp(41)).unwrap();
    assert!(!has(&mut log, FileKind::TxnIndex));
    log.close().unwrap();
    let names: Vec<_> = files_of(&mut log.into_store()).into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| name.kind != FileKind::Index || name.base >= third), "{names:?}");
}

#[test]
fn what_was_never_safe_leaves_no_gap_in_a_compacted_log() {
    let config = LogConfig { compact: true, ..small(false) };
    let written = |behind: i64| {
        let mut log = fresh(small(false));
        for time in 0..8 {
            put(&mut log, time, &Given::of(&[b"a", b"b"], time)).unwrap();
        }
        log.roll(Timestamp(8)).unwrap();
        for time in 8..8 + behind {
            put(&mut log, time, &Given::of(&[b"a", b"b"], time)).unwrap();
        }
        // Power was lost before anything of it was synced: the new name has survived, and the end of the old file has not.
        let slice = log.read(Offset(12), 1, ReadUpTo::LogEnd, true).unwrap().bytes.unwrap();
        let mut store = log.into_store();
        store.truncate(slice.file, slice.position).unwrap();
        store
    };
    let mut torn = written(1);
    torn.truncate(FileName::live(FileKind::Log, Offset(16)), 30).unwrap();
    assert_eq!(open(torn, config, OpenHints::default()).1.end, Offset(12), "nor is the beginning of a batch anything");
    let (mut log, report) = open(written(0), config, OpenHints::default());
    assert_eq!((report.end, log.watermarks().log_end()), (Offset(12), Offset(12)), "readers would wait there for ever");
    log.configure(small(false));
    assert_eq!(put(&mut log, 9, &Given::of(&[b"c"], 9)).unwrap().base_offset, Offset(12));
    // Nor with records behind it: whoever has written those that are lost tries again, and would be told that they are there.
    let (mut log, report) = open(written(1), config, OpenHints::default());
    assert_eq!((report.end, log.watermarks().log_end()), (Offset(12), Offset(12)));
    // What has stayed stays when it is no longer compacted.
    log.configure(small(false));
    put(&mut log, 9, &Given::of(&[b"c"], 9)).unwrap();
    log.sync_all().unwrap();
    let (_, report) = open(log.into_store(), small(false), OpenHints::default());
    assert_eq!((report.end, report.cut), (Offset(13), None));
    // It may be a compaction of Kafka that has left the gap, where the end was known to be safe, or to be compacted.
    for hints in [
        OpenHints { recovery_point: Some(Offset(16)), ..OpenHints::default() },
        OpenHints { first_dirty: Some(Offset(16)), ..OpenHints::default() },
        OpenHints { recovery_point: Some(Offset(3)), first_dirty: Some(Offset(16)), ..OpenHints::default() },
    ] {
        let (_, report) = open(written(0), config, hints);
        assert_eq!(report.end, Offset(16), "{hints:?}");
        let (log, report) = open(written(1), config, hints);
        assert_eq!((report.end, log.watermarks().log_end()), (Offset(18), Offset(18)), "{hints:?}");
    }
}
