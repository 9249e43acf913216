//! Bits that flip in what was durable: said out loud, and nothing else is lost.

use super::*;
use crate::log::error::ReadError;
use crate::log::scan::{CutReason, Damage};
use crate::store::file_name::FileName;

const RECORDS: i64 = 60;

/// A log of single records over several segments, all of it durable.
fn sealed() -> MemoryLog {
    let mut log = fresh(small(false));
    for number in 0..RECORDS {
        put(&mut log, 0, &Given::of(&[&[7; 60]], 1_000 + number)).unwrap();
    }
    log.sync_all().unwrap();
    log
}

/// Where the batch of an offset begins.
fn place(log: &mut MemoryLog, offset: i64) -> (FileName, u64, u32) {
    let slice = log.read(Offset(offset), 1, ReadUpTo::LogEnd, true).unwrap().bytes.unwrap();
    (slice.file, slice.position, slice.size)
}

fn flip(log: &mut MemoryLog, file: FileName, position: u64) {
    let mut byte = [0];
    log.store_mut().read_at(file, position, &mut byte).unwrap();
    log.store_mut().write_at(file, position, &[&[byte[0] ^ 4]]).unwrap();
}

fn offsets(log: &mut MemoryLog, from: i64) -> Vec<i64> {
    read_all(log, Offset(from), ReadUpTo::LogEnd, 1).into_iter().map(|(offset, ..)| offset).collect()
}

#[test]
fn a_batch_that_is_no_batch_any_more_is_not_skipped_by_readers() {
    let mut log = sealed();
    let (file, position, _) = place(&mut log, 4);
    flip(&mut log, file, position + 16);
    let (mut log, _) = open(log.into_store(), small(false), OpenHints { clean: true, ..OpenHints::default() });
    assert_eq!(log.read(Offset(3), 1, ReadUpTo::LogEnd, true).unwrap().bytes.unwrap().position, position * 3 / 4);
    let refused = log.read(Offset(4), 1 << 20, ReadUpTo::LogEnd, true);
    let at = u32::try_from(position).unwrap();
    assert!(matches!(refused, Err(ReadError::Corrupt { file: found, position }) if (found, position) == (file, at)), "{refused:?}");
    // Later segments are as they were.
    let later = log.segments()[1].base();
    assert_eq!(offsets(&mut log, later.0), (later.0..RECORDS).collect::<Vec<_>>());
}

#[test]
fn whoever_reads_all_batches_is_not_led_astray_by_one_that_names_a_wrong_place() {
    let second = sealed().segments()[1].base().0;
    // No checksum covers the first eight bytes.
    for (damaged, byte) in [second - 1, second - 5].into_iter().flat_map(|damaged| (4..8).map(move |byte| (damaged, byte))) {
        let mut log = sealed();
        let (file, position, _) = place(&mut log, damaged);
        flip(&mut log, file, position + byte);
        let (mut log, _) = open(log.into_store(), small(false), OpenHints { clean: true, ..OpenHints::default() });
        for capacity in [1 << 16, 200] {
            let mut scratch = List::grown(capacity);
            let mut found = Vec::new();
            let mut from = Offset::ZERO;
            loop {
                let next = log.read_batches(from, &mut scratch).unwrap();
                if next == from {
                    break;
                }
                assert!(next > from, "batch {damaged}, byte {byte}: from {from} to {next}");
                let mut rest: &[u8] = &scratch;
                while let Ok((batch, behind)) = Batch::split_first(rest) {
                    found.push(batch.header().base_offset().0);
                    rest = behind;
                }
                from = next;
            }
            let lies = usize::try_from(damaged).unwrap();
            assert_ne!(found.remove(lies), damaged);
            assert_eq!(found, (0..RECORDS).filter(|offset| *offset != damaged).collect::<Vec<_>>(), "batch {damaged}, byte {byte}");
        }
    }
}

#[test]
fn whoever_reads_all_batches_comes_across_what_is_missing_at_the_end_of_a_segment() {
    let mut log = sealed();
    let second = log.segments()[1].base().0;
    let (file, position, _) = place(&mut log, second - 1);
    log.store_mut().truncate(file, position).unwrap();
    let (mut log, _) = open(log.into_store(), small(false), OpenHints { clean: true, ..OpenHints::default() });
    let next = log.read_batches(Offset::ZERO, &mut List::grown(1 << 16)).unwrap();
    assert_eq!(next, Offset(second - 1), "a catalogue with a hole is not to be believed");
}

#[test]
fn a_bit_that_flips_below_the_recovery_point_takes_one_batch_and_no_more() {
    let last = {
        let log = sealed();
        log.segments().last().unwrap().base().0
    };
    for byte in [0, 6, 7, 8, 11, 16, 17, 23, 57, 70] {
        let mut log = sealed();
        // In the segment that is read through, since the recovery point lies in it.
        let damaged = last + 1;
        let (file, position, _) = place(&mut log, damaged);
        flip(&mut log, file, position + byte);
        let hints = OpenHints { recovery_point: Some(Offset(RECORDS)), ..OpenHints::default() };
        let (mut log, report) = open(log.into_store(), small(false), hints);
        let place = Damage { segment: Offset(last), position: u32::try_from(position).unwrap() };
        assert_eq!((report.cut, report.damage), (None, Some(place)), "byte {byte}");
        assert_eq!(log.watermarks().log_end(), Offset(RECORDS));
        assert_eq!(offsets(&mut log, damaged + 1), (damaged + 1..RECORDS).collect::<Vec<_>>(), "byte {byte}");
        put(&mut log, 0, &Given::of(&[b"goes on"], 2_000)).unwrap();
        assert_eq!(offsets(&mut log, RECORDS), [RECORDS]);
    }
}

#[test]
fn damage_behind_the_recovery_point_ends_the_log() {
    let mut log = sealed();
    let last = log.segments().last().unwrap().base().0;
    let (file, position, _) = place(&mut log, last + 2);
    flip(&mut log, file, position + 70);
    let hints = OpenHints { recovery_point: Some(Offset(last + 2)), ..OpenHints::default() };
    let (log, report) = open(log.into_store(), small(false), hints);
    assert!(matches!(report.cut.unwrap().reason, CutReason::Crc { .. }), "{report:?}");
    assert_eq!(log.watermarks().log_end(), Offset(last + 2));
}

#[test]
fn what_a_segment_lacks_does_not_cost_the_durable_ones_behind_it() {
    let mut log = sealed();
    let (first, second) = (log.segments()[0].base(), log.segments()[1].base());
    // Its last batch, and its index, so that it is read through.
    let (file, position, _) = place(&mut log, second.0 - 1);
    flip(&mut log, file, position + 70);
    log.store_mut().write_at(FileName::live(FileKind::Index, first), 0, &[&[1; 3]]).unwrap();
    log.store_mut().truncate(FileName::live(FileKind::Index, first), 3).unwrap();
    for clean in [true, false] {
        let mut store = MemoryStore::grown(1 << 22, 4096);
        copy(log.store_mut(), &mut store);
        let hints = OpenHints { recovery_point: Some(Offset(RECORDS)), clean, ..OpenHints::default() };
        let (mut log, report) = open(store, small(false), hints);
        assert!(report.cut.is_some(), "it is said");
        assert_eq!(log.watermarks().log_end(), Offset(RECORDS));
        assert_eq!(offsets(&mut log, second.0), (second.0..RECORDS).collect::<Vec<_>>());
    }
}

#[test]
fn an_index_without_batches_is_not_inherited() {
    let mut log = sealed();
    let orphan = FileName::live(FileKind::Index, Offset(RECORDS));
    log.store_mut().write_at(orphan, 0, &[&[1; 80]]).unwrap();
    let (mut log, report) = open(log.into_store(), small(false), OpenHints { clean: true, ..OpenHints::default() });
    assert_eq!(report.leftovers, 1);
    assert_eq!(log.store_mut().size(orphan).unwrap(), None);
}

fn copy(from: &mut MemoryStore<'static>, to: &mut MemoryStore<'static>) {
    let mut names = Vec::new();
    from.list(&mut |name| names.push(name)).unwrap();
    for name in names {
        let mut bytes = alloc::vec![0; usize::try_from(from.size(name).unwrap().unwrap()).unwrap()];
        from.read_at(name, 0, &mut bytes).unwrap();
        to.write_at(name, 0, &[&bytes]).unwrap();
    }
}
