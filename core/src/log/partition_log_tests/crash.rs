//! Power cuts.

use super::shared::Shared;
use super::transactions::{data, end};
use super::*;
use crate::log::scan::CutReason;
use crate::record::marker::Outcome;
use crate::store::file_name::{FileKind, FileName};

fn seven() -> (MemoryLog, Vec<u64>) {
    let mut log = fresh(LogConfig { segment_bytes: 1 << 20, ..small(true) });
    let mut ends = alloc::vec![0];
    for at in 0..7 {
        let given = Given { producer: Some((3, 0, at)), ..Given::of(&[&[u8::try_from(at).unwrap(); 60]], at.into()) };
        put(&mut log, 0, &given).unwrap();
        ends.push(log.size_bytes());
    }
    (log, ends)
}

#[test]
fn a_log_cut_at_any_byte_keeps_exactly_its_whole_batches() {
    let file = FileName::live(FileKind::Log, Offset(0));
    let (_, ends) = seven();
    for cut in 0..=*ends.last().unwrap() {
        let mut store = seven().0.into_store();
        store.truncate(file, cut).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
        let (mut log, report) = open(store, small(true), OpenHints::default());
        let end = Offset(i64::try_from(whole).unwrap());
        assert_eq!(log.watermarks().log_end(), end);
        assert_eq!(report.cut.is_some(), !ends.contains(&cut), "cut at {cut}");
        assert_eq!(read_all(&mut log, Offset(0), ReadUpTo::LogEnd, 150).len(), whole);
        let known = log.producers().find(ProducerId(3)).and_then(|producer| producer.last_sequence());
        assert_eq!(known.map(|last| i64::from(last.0)), end.0.checked_sub(1).filter(|last| *last >= 0));
        assert_eq!(put(&mut log, 0, &Given::of(&[b"next"], 9)).unwrap().base_offset, end);
    }
}

#[test]
fn a_turned_bit_anywhere_ends_the_log_before_its_batch() {
    let (_, ends) = seven();
    let file = FileName::live(FileKind::Log, Offset(0));
    for at in (0..*ends.last().unwrap()).step_by(3) {
        let mut store = seven().0.into_store();
        let mut byte = [0];
        store.read_at(file, at, &mut byte).unwrap();
        store.write_at(file, at, &[&[byte[0] ^ 0x10]]).unwrap();
        let (mut log, _) = open(store, small(true), OpenHints::default());
        // The leader epoch and the low bits of the base offset lie outside of the checksum.
        let batch = ends.iter().filter(|end| **end <= at).count() - 1;
        let inside = at - ends[batch];
        let records = read_all(&mut log, Offset(0), ReadUpTo::LogEnd, 9999);
        if inside < 8 || (12..16).contains(&inside) {
            assert!(records.len() >= batch);
        } else {
            assert_eq!(records.len(), batch, "byte {at}");
        }
    }
}

#[test]
fn segments_behind_a_damaged_one_go_too_and_the_report_says_so() {
    let mut log = fresh(small(true));
    for at in 0..60 {
        put(&mut log, 0, &Given::of(&[&[1; 100]], at)).unwrap();
    }
    let bases: Vec<Offset> = log.segments().iter().map(|segment| segment.base()).collect();
    let mut store = log.into_store();
    store.write_at(FileName::live(FileKind::Log, bases[1]), 300, &[b"\xff\xff"]).unwrap();
    let (log, report) = open(store, small(true), OpenHints::default());
    let cut = report.cut.unwrap();
    assert_eq!((cut.segment, usize::try_from(cut.segments).unwrap()), (bases[1], bases.len() - 2));
    assert!(matches!(cut.reason, CutReason::Crc { .. }), "{cut:?}");
    assert_eq!(log.watermarks().log_end(), bases[1].checked_add(1).unwrap());
    assert_eq!(log.segments().len(), 2);
}

#[test]
fn segments_below_the_recovery_point_are_not_read_through() {
    let mut log = fresh(small(false));
    for at in 0..60 {
        put(&mut log, 0, &Given::of(&[&[1; 100]], at)).unwrap();
        if at == 50 {
            log.sync_all().unwrap();
        }
    }
    let recovery_point = Some(log.durable_end());
    let below = log.segments().iter().filter(|segment| segment.base() <= Offset(51)).count();
    let whole = log.segments().len();
    let hints = OpenHints { recovery_point, ..OpenHints::default() };
    let mut store = log.into_store();
    store.crash(|_, _, written| Some(written));
    let (log, report) = open(store, small(false), hints);
    // The first roll wrote the reigns down, so that only what lies behind the point must be read.
    assert_eq!(usize::try_from(report.segments_rebuilt).unwrap(), whole - below + 1);
    assert_eq!(log.watermarks().high_watermark(), Offset(60));
}

#[test]
fn a_snapshot_whose_batches_were_lost_is_not_believed_of_later_ones() {
    let first = Given { producer: Some((3, 0, 0)), ..Given::of(&[b"one"], 1) };
    // A snapshot of some other past, at the offset where the log will end.
    let mut other = fresh(small(true));
    put(&mut other, 0, &Given { producer: Some((4, 0, 0)), ..Given::of(&[b"lost"], 1) }).unwrap();
    other.close().unwrap();
    let mut store = other.into_store();
    for kind in [FileKind::Log, FileKind::Index, FileKind::TimeIndex] {
        store.delete(FileName::live(kind, Offset(0))).unwrap();
    }
    let (mut log, _) = open(store, small(true), OpenHints::default());
    put(&mut log, 0, &first).unwrap();
    let (mut log, _) = open(log.into_store(), small(true), OpenHints::default());
    assert!(put(&mut log, 0, &first).unwrap().is_duplicate);
}

#[test]
fn who_wrote_only_what_retention_has_deleted_is_known_after_a_loss_of_power() {
    let early = Given { producer: Some((3, 0, 0)), ..Given::of(&[&[3; 600]], 1) };
    let mut log = fresh(LogConfig { retention_bytes: Some(4_000), ..small(false) });
    put(&mut log, 0, &early).unwrap();
    for at in 0..30 {
        put(&mut log, 0, &Given::of(&[&[1; 200]], at)).unwrap();
        log.sync_all().unwrap();
    }
    let before = log.segments().len();
    assert!(log.retain(Timestamp(0)).unwrap().segments > 0);
    assert!(log.segments().len() > 2 && log.segments().len() < before, "several are left, each with a snapshot at its start");
    let mut store = log.into_store();
    // Nothing survives that was not asked to.
    store.crash(|_, synced, _| Some(synced));
    let (mut log, report) = open(store, small(false), OpenHints::default());
    assert_eq!(report.cut, None);
    assert!(put(&mut log, 0, &early).unwrap().is_duplicate);
}

#[test]
fn batches_that_come_back_after_their_deletion_still_say_what_was_aborted() {
    let mut came_back = 0;
    for (dies_after, luck) in (0..10).flat_map(|dies_after| (0..20).map(move |luck| (dies_after, luck))) {
        let disk = Shared::default();
        let config = LogConfig { segment_bytes: 600, ..small(false) };
        let reopen = |hints| PartitionLog::open(Timestamp(0), disk.clone(), memory(), config, hints).unwrap().0;
        let mut log = reopen(OpenHints::default());
        put(&mut log, 1, &data(7, 0, 0, b"never", 1)).unwrap();
        put(&mut log, 1, &end(7, 0, Outcome::Abort, 1)).unwrap();
        for time in 2..20 {
            put(&mut log, time, &Given::of(&[&[7; 60]], time)).unwrap();
        }
        log.sync_all().unwrap();
        let second = log.segments()[1].base();
        log.delete_records(second).unwrap();
        let recovery_point = Some(log.durable_end());
        disk.die_at(Some(disk.changes() + dies_after));
        let _dead = log.retain(Timestamp(20));
        disk.crash(&mut Dice(dies_after * 31 + luck));
        // Where the log begins had not been written down yet.
        let mut log = reopen(OpenHints { recovery_point, ..OpenHints::default() });
        if log.watermarks().log_start() == Offset::ZERO {
            came_back += 1;
            let mut told = 0;
            log.aborted_transactions(Offset::ZERO, second, &mut |_| told += 1).unwrap();
            assert_eq!(told, 1, "dies after {dies_after}, luck {luck}");
        }
    }
    assert!(came_back > 20, "{came_back}");
}
