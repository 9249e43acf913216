//! A disk that dies at every change which a compaction makes, and a loss of power after it.

use super::compaction::{Model, append, begin, check_view, limits, open_shared, run};
use super::shared::Shared;
use super::*;
use crate::store::file_name::FileState;

/// A durable log of many segments, a part of it compacted before.
fn dirty(seed: u64) -> (Shared, Model, OpenHints) {
    let mut dice = Dice(seed);
    let disk = Shared::default();
    let mut log = open_shared(&disk, OpenHints::default());
    let mut model = Model::default();
    for time in 0..150 {
        append(&mut log, &mut model, &mut dice, time);
        if time == 70 {
            log.roll(Timestamp(time)).unwrap();
            log.sync_all().unwrap();
            if let Some(mut job) = begin(&log, &disk, time, &limits()) {
                assert_eq!(run(&mut log, &mut job, |_| ()), Ok(true));
                model.note_tombstones(i64::MAX, time);
            }
        }
    }
    log.sync_all().unwrap();
    let recovery_point = Some(log.durable_end());
    // The checkpoint may be older than what was compacted since.
    let recovery_point = if seed.is_multiple_of(2) { recovery_point } else { Some(Offset(5)) };
    (disk, model, OpenHints { recovery_point, first_dirty: Some(log.first_dirty()), ..OpenHints::default() })
}

#[test]
fn wherever_a_compaction_dies_the_log_is_the_old_one_or_the_new_one() {
    let (mut decided, mut died_in_recovery) = (0, 0);
    for seed in 0..6 {
        let (whole, mut model, hints) = dirty(seed);
        model.note_tombstones(i64::MAX, 0);
        let (from, to) = {
            let disk = whole.copy();
            let mut log = open_shared(&disk, hints);
            let from = disk.changes();
            let mut job = begin(&log, &disk, 200, &limits()).expect("there is something to do");
            assert_eq!(run(&mut log, &mut job, |_| ()), Ok(true));
            check_view(&mut log, &model, 200);
            (from, disk.changes())
        };
        for dies_at in from..to {
            for luck in 0..8 {
                let mut dice = Dice(dies_at * 31 + luck);
                let disk = whole.copy();
                let mut log = open_shared(&disk, hints);
                let mut job = begin(&log, &disk, 200, &limits()).expect("there is something to do");
                disk.die_at(Some(dies_at));
                assert!(run(&mut log, &mut job, |_| ()).is_err());
                disk.crash(&mut dice);
                disk.clone().list(&mut |file| decided += usize::from(file.state == FileState::Swap && file.kind == FileKind::Log)).unwrap();
                // The next opening dies too, now and then.
                disk.die_at(Some(disk.changes() + dice.roll(12)));
                if PartitionLog::open(Timestamp(0), disk.clone(), memory(), compaction::config(), hints).is_err() {
                    died_in_recovery += 1;
                    disk.crash(&mut dice);
                }
                disk.die_at(None);
                let mut log = open_shared(&disk, hints);
                check_view(&mut log, &model, 200);
                let mut left = 0;
                disk.clone().list(&mut |file| left += usize::from(file.state != FileState::Live)).unwrap();
                assert_eq!(left, 0, "nothing is left lying about");
                // And what was not done can be done now.
                let mut job = begin(&log, &disk, 200, &limits()).expect("there is something to do");
                assert_eq!(run(&mut log, &mut job, |_| ()), Ok(true));
                check_view(&mut log, &model, 200);
            }
        }
    }
    assert!(decided > 100 && died_in_recovery > 100, "{decided} exchanges were decided, {died_in_recovery} recoveries died");
}
