//! Repairing a log: everything sound is kept, nothing else is, and no bytes are lost on the way.

use super::verify::{Files, batches_of, files_of, look_through, sound, store_of, verifier};
use super::*;
use crate::log::verify::repair::RepairLimits;
use crate::log::verify::verifier::{Verifier, VerifyError, VerifyMemory};
use crate::record::batch::Header;
use crate::record::layout::HEADER_SIZE;
use crate::store::file_name::{FileName, FileState};
use crate::store::memory::MemoryError;

const EVERYTHING: RepairLimits = RepairLimits { only_torn: false, end: None };

/// Repairs, and answers the files afterwards and those that were set aside.
fn repaired(files: &Files, limits: RepairLimits) -> (Files, Files) {
    let mut aside = Files::new();
    let mut verifier = verifier(store_of(files));
    let mut keep = |name: FileName| {
        let kept = files.iter().find(|(other, _)| *other == name).unwrap_or_else(|| panic!("{name} was not there"));
        aside.push(kept.clone());
        Ok(())
    };
    verifier.repair(limits, None, &mut keep).unwrap();
    (files_of(&mut verifier.into_store()), aside)
}

/// Every batch of the segments, by its offset.
fn all_batches(files: &Files) -> Vec<(Offset, Vec<u8>)> {
    let mut all = Vec::new();
    for (_, bytes) in files.iter().filter(|(name, _)| name.kind == FileKind::Log && name.state == FileState::Live) {
        for (position, header) in batches_of(bytes) {
            all.push((header.base_offset(), bytes[position..][..usize::try_from(header.size()).unwrap()].to_vec()));
        }
    }
    all
}

/// The batches of a sound log whose bytes are still there, where they were.
fn survivors(sound: &Files, damaged: &Files) -> Vec<(Offset, Vec<u8>)> {
    let mut all = Vec::new();
    for (name, bytes) in sound.iter().filter(|(name, _)| name.kind == FileKind::Log) {
        let now = damaged.iter().find(|(other, _)| other == name).map_or(&[][..], |(_, bytes)| bytes);
        for (position, header) in batches_of(bytes) {
            let place = position..position + usize::try_from(header.size()).unwrap();
            if now.get(place.clone()) == Some(&bytes[place.clone()]) {
                all.push((header.base_offset(), bytes[place].to_vec()));
            }
        }
    }
    all
}

/// Nothing of what was there is gone: it is where it was, or set aside.
fn assert_nothing_destroyed(before: &Files, after: &Files, aside: &Files) {
    for (name, bytes) in before {
        let kept = after.iter().chain(aside).any(|(other, now)| other == name && now == bytes);
        assert!(kept, "{name} is neither where it was nor set aside");
    }
}

/// Turns, cuts or clears something.
fn damage(dice: &mut Dice, files: &mut Files) {
    let at = dice.size(u64::try_from(files.len()).unwrap());
    let bytes = &mut files[at].1;
    if bytes.is_empty() {
        return;
    }
    let length = u64::try_from(bytes.len()).unwrap();
    let from = dice.size(length);
    match dice.roll(4) {
        0 => bytes.truncate(from),
        1 => {
            let size = 1 + dice.size(300);
            bytes.iter_mut().skip(from).take(size).for_each(|byte| *byte = 0);
        }
        _ => bytes[from] ^= 1 << dice.roll(8),
    }
}

/// The first offsets of the batches that a reader comes by.
fn read_through(log: &mut MemoryLog) -> Vec<Offset> {
    let mut next = log.watermarks().log_start();
    let mut offsets = Vec::new();
    while let Some(slice) = log.read(next, 1, ReadUpTo::LogEnd, true).unwrap().bytes {
        let mut header = [0; HEADER_SIZE];
        log.store_mut().read_at(slice.file, slice.position, &mut header).unwrap();
        let header = Header::peek(&header).unwrap();
        offsets.push(header.base_offset());
        next = header.next_offset();
    }
    assert_eq!(next, log.watermarks().log_end());
    offsets
}

#[test]
fn a_sound_log_is_left_as_it_is() {
    let files = sound();
    let (after, aside) = repaired(&files, EVERYTHING);
    assert!(after == files && aside.is_empty());
}

#[test]
fn a_repaired_log_holds_exactly_what_was_sound() {
    let files = sound();
    let mut dice = Dice(11);
    let mut damaged_logs = 0;
    for round in 0..1500 {
        let mut damaged = files.clone();
        for _ in 0..=dice.roll(3) {
            damage(&mut dice, &mut damaged);
        }
        let (before, _) = look_through(&damaged);
        let (after, aside) = repaired(&damaged, EVERYTHING);
        let (totals, found) = look_through(&after);
        assert_eq!(found, [], "round {round}: {before:?}");
        assert_nothing_destroyed(&damaged, &after, &aside);
        let expected = survivors(&files, &damaged);
        // One without records may stand for an end that was lost.
        let (kept, stand_ins) = all_batches(&after).into_iter().partition::<Vec<_>, _>(|(_, bytes)| bytes.len() > HEADER_SIZE);
        assert_eq!(totals.bytes_sound, before.bytes_sound + u64::try_from(stand_ins.len() * HEADER_SIZE).unwrap(), "round {round}");
        damaged_logs += usize::from(expected.len() < all_batches(&files).len());
        for batch in &expected {
            assert!(kept.contains(batch), "round {round}: the batch at {} is gone", batch.0);
        }
        for batch in kept.iter().filter(|batch| !expected.contains(batch)) {
            // Neither the offset nor the reign is under the checksum.
            let origin = all_batches(&files).into_iter().find(|(_, bytes)| bytes[16..] == batch.1[16..]);
            assert!(origin.is_some(), "round {round}: the batch at {} was never written", batch.0);
        }
        // And whoever opens it agrees.
        let hints = OpenHints { recovery_point: Some(totals.end), ..OpenHints::default() };
        for hints in [OpenHints { clean: true, ..hints }, hints] {
            let (mut log, report) = open(store_of(&after), small(false), hints);
            assert_eq!((report.cut, report.damage), (None, None), "round {round}");
            assert_eq!(log.watermarks().log_end(), totals.end, "round {round}");
            let batches = all_batches(&after);
            assert!(all_batches(&files_of(log.store_mut())) == batches, "round {round}");
            assert!(read_through(&mut log) == batches.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), "round {round}");
        }
    }
    assert!(damaged_logs > 500, "{damaged_logs}");
}

#[test]
fn offsets_that_were_given_out_are_not_given_out_again() {
    let files = sound();
    let at = files.iter().rposition(|(name, _)| name.kind == FileKind::Log).unwrap();
    let (whole, _) = look_through(&files);
    let mut damaged = files.clone();
    let last = batches_of(&files[at].1).last().unwrap().0;
    damaged[at].1[last + 70] ^= 1;
    let (after, _) = repaired(&damaged, RepairLimits { end: Some(whole.end), ..EVERYTHING });
    let (totals, found) = look_through(&after);
    assert_eq!((totals.end, &found[..]), (whole.end, &[][..]));
    let hints = OpenHints { recovery_point: Some(whole.end), ..OpenHints::default() };
    let (mut log, _) = open(store_of(&after), small(false), hints);
    assert_eq!(put(&mut log, 0, &Given::of(&[b"next"], 9)).unwrap().base_offset, whole.end);
    // Readers come to the end, and a second time there is nothing to do.
    let (mut log, _) = open(store_of(&after), small(false), hints);
    assert_eq!(read_through(&mut log).len(), all_batches(&files).len());
    assert!(repaired(&after, RepairLimits { end: Some(whole.end), ..EVERYTHING }) == (after, Files::new()));
}

#[test]
fn with_a_narrow_order_only_what_was_never_whole_is_cut() {
    let narrow = RepairLimits { only_torn: true, end: None };
    let files = sound();
    let at = files.iter().rposition(|(name, _)| name.kind == FileKind::Log).unwrap();
    let mut damaged = files.clone();
    damaged[0].1[90] ^= 1;
    assert_eq!(damaged[0].0.kind, FileKind::Log);
    assert!(repaired(&damaged, narrow).0[0] == damaged[0]);
    let mut torn = files.clone();
    let length = torn[at].1.len();
    torn[at].1.truncate(length - 1);
    let (after, _) = repaired(&torn, narrow);
    assert_eq!(look_through(&after).1, []);
    assert_eq!(all_batches(&after).len() + 1, all_batches(&files).len());
}

/// A store that stops after so many changes.
struct Stopping {
    store: MemoryStore<'static>,
    left: u32,
}

impl Stopping {
    fn change(&mut self) -> Result<&mut MemoryStore<'static>, MemoryError> {
        self.left = self.left.checked_sub(1).ok_or(MemoryError::Full)?;
        Ok(&mut self.store)
    }
}

impl SegmentStore for Stopping {
    type Error = MemoryError;
    type Handle = FileName;
    fn list(&mut self, each: &mut dyn FnMut(FileName)) -> Result<(), MemoryError> {
        self.store.list(each)
    }
    fn size(&mut self, file: FileName) -> Result<Option<u64>, MemoryError> {
        self.store.size(file)
    }
    fn read_at(&mut self, file: FileName, position: u64, into: &mut [u8]) -> Result<usize, MemoryError> {
        self.store.read_at(file, position, into)
    }
    fn write_at(&mut self, file: FileName, position: u64, parts: &[&[u8]]) -> Result<(), MemoryError> {
        self.change()?.write_at(file, position, parts)
    }
    fn truncate(&mut self, file: FileName, size: u64) -> Result<(), MemoryError> {
        self.change()?.truncate(file, size)
    }
    fn rename(&mut self, from: FileName, to: FileName) -> Result<(), MemoryError> {
        self.change()?.rename(from, to)
    }
    fn delete(&mut self, file: FileName) -> Result<(), MemoryError> {
        self.change()?.delete(file)
    }
    fn sync(&mut self, file: FileName) -> Result<(), MemoryError> {
        self.change()?.sync(file)
    }
    fn sync_names(&mut self) -> Result<(), MemoryError> {
        self.change()?.sync_names()
    }
    fn handle(&mut self, file: FileName) -> Result<FileName, MemoryError> {
        self.store.handle(file)
    }
    fn is_full(error: &MemoryError) -> bool {
        MemoryStore::is_full(error)
    }
}

/// A log with damage of every kind that leads to a repair, or of all but one: without its reigns a log is read through when it is opened.
fn damaged(with_epochs: bool) -> Files {
    let mut files = sound();
    let logs: Vec<usize> = (0..files.len()).filter(|at| files[*at].0.kind == FileKind::Log).collect();
    files[logs[1]].1[80] ^= 4;
    let last = *logs.last().unwrap();
    let length = files[last].1.len();
    files[last].1.truncate(length - 3);
    let of = |kind, files: &Files| files.iter().position(|(name, _)| name.kind == kind).unwrap();
    let (index, snapshot, epochs) =
        (of(FileKind::Index, &files), of(FileKind::Snapshot, &files), of(FileKind::LeaderEpochCheckpoint, &files));
    files[index].1[3] ^= 64;
    files[snapshot].1[12] ^= 1;
    files[epochs].1[0] = if with_epochs { b'x' } else { b'0' };
    files
}

#[test]
fn a_repair_that_is_interrupted_anywhere_costs_nothing_and_can_be_run_again() {
    interrupt_everywhere(&damaged(true));
    interrupt_everywhere(&damaged(false));
}

fn interrupt_everywhere(files: &Files) {
    let (whole, _) = repaired(files, EVERYTHING);
    let expected = all_batches(&whole);
    let end = look_through(&whole).0.end;
    let mut dice = Dice(5);
    let mut steps = 0;
    loop {
        let mut store = store_of(files);
        store.crash(|_, _, written| Some(written));
        let mut stopping = Verifier::new(Stopping { store, left: steps }, VerifyMemory::grown(1 << 20));
        let done = stopping.repair(EVERYTHING, None, &mut |_| Ok(()));
        let mut store = stopping.into_store().store;
        // The names stay as they are, and of what was not synced any part survives.
        store.crash(|_, synced, written| Some(synced + dice.roll(written - synced + 1)));
        let left = files_of(&mut store);
        let (again, _) = repaired(&left, EVERYTHING);
        assert_eq!(look_through(&again).1, [], "after {steps} steps");
        assert!(all_batches(&again) == expected, "after {steps} steps");
        // A broker that comes in between finds all of it too.
        let hints = OpenHints { recovery_point: Some(Offset(i64::MAX)), ..OpenHints::default() };
        let (mut log, _) = open(store, small(false), hints);
        let found = sound_ones(&files_of(log.store_mut()));
        assert!(found == expected, "after {steps} steps");
        assert_eq!(log.watermarks().log_end(), end);
        // And the indexes lead to it, wherever the new batches have come already.
        let now = files_of(log.store_mut());
        for (name, bytes) in whole.iter().filter(|file| file.0.kind == FileKind::Log && now.contains(file)) {
            for (position, header) in batches_of(bytes) {
                let slice = log.read(header.last_offset(), 1, ReadUpTo::LogEnd, true).unwrap().bytes.unwrap();
                assert_eq!((slice.file, slice.position), (*name, u64::try_from(position).unwrap()), "after {steps} steps");
            }
        }
        match done {
            Ok(()) => break,
            Err(VerifyError::Store(_)) => steps += 1,
            Err(error @ VerifyError::TooManySegments { .. }) => panic!("{error}"),
        }
    }
    assert!(steps > 30, "{steps}");
}

/// The sound batches of a log that may be damaged.
fn sound_ones(files: &Files) -> Vec<(Offset, Vec<u8>)> {
    all_batches(&repaired(files, EVERYTHING).0)
}

#[test]
fn what_cannot_be_set_aside_is_not_changed() {
    let files = damaged(true);
    let mut verifier = verifier(store_of(&files));
    let refused = verifier.repair(EVERYTHING, None, &mut |_| Err(MemoryError::Full));
    assert!(matches!(refused, Err(VerifyError::Store(error)) if error.is_full), "{refused:?}");
    assert!(files_of(&mut verifier.into_store()) == files);
}

#[test]
fn a_segment_that_begins_inside_of_another_gets_the_place_that_is_left() {
    let files = sound();
    let mut with_stray = files.clone();
    with_stray.push((FileName::live(FileKind::Log, Offset(3)), Vec::new()));
    let (after, aside) = repaired(&with_stray, EVERYTHING);
    assert_eq!(aside.len(), 1);
    assert!(after == files);
}
