//! Tests of `producers`.

use super::*;
use crate::record::batch::Batch;
use crate::record::builder::{BatchOptions, Builder, NewRecord};
use crate::record::marker::Outcome;

fn producers(limit: usize) -> Producers<'static> {
    Producers::new(Table::grown(limit), List::grown(2), HashKey(1, 2))
}

struct Write {
    id: i64,
    epoch: i16,
    sequence: i32,
    count: i32,
    transactional: bool,
    marker: Option<EndMarker>,
    at: i64,
    time: i64,
}

const ONE: Write = Write { id: 7, epoch: 0, sequence: 0, count: 1, transactional: false, marker: None, at: 0, time: 1000 };

fn header(write: &Write) -> Header {
    let mut list = List::grown(1 << 16);
    let options = BatchOptions {
        base_offset: Offset(write.at),
        producer: Some(ProducerStamp {
            id: ProducerId(write.id),
            epoch: ProducerEpoch(write.epoch),
            base_sequence: Sequence(if write.marker.is_some() { -1 } else { write.sequence }),
        }),
        transactional: write.transactional || write.marker.is_some(),
        control: write.marker.is_some(),
        ..BatchOptions::default()
    };
    let mut builder = Builder::new(&mut list, options).unwrap();
    for _ in 0..write.count {
        let timestamp = Some(Timestamp(write.time));
        builder.append(NewRecord { timestamp, ..NewRecord::default() }).unwrap();
    }
    builder.finish().unwrap();
    *Batch::split_first(&list).unwrap().0.header()
}

fn write(producers: &mut Producers<'_>, write: &Write) -> Result<Verdict, ProducerError> {
    let header = header(write);
    let verdict = producers.judge(&header, write.marker, Writer::default())?;
    if verdict == Verdict::New {
        producers.reserve(Timestamp(write.time), &header)?;
        producers.apply(&header, write.marker);
    }
    Ok(verdict)
}

#[test]
fn duplicates_of_the_last_five_batches_are_answered_with_their_offset_and_older_ones_refused() {
    let mut all = producers(4);
    for at in 0..6 {
        let sequence = at * 3;
        let at = i64::from(at) * 10;
        assert_eq!(write(&mut all, &Write { sequence, count: 3, at, ..ONE }), Ok(Verdict::New));
    }
    for at in 1..6 {
        let sequence = at * 3;
        let Ok(Verdict::Duplicate(batch)) = write(&mut all, &Write { sequence, count: 3, at: 99, ..ONE }) else { panic!() };
        assert_eq!(batch.base_offset(), Offset(i64::from(at) * 10));
    }
    let refused = |write_: Write| match write(&mut producers_with(&all), &write_) {
        Err(ProducerError::OutOfOrderSequence { expected, found, .. }) => (expected.0, found.0),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(Write { sequence: 0, count: 3, ..ONE }), (18, 0));
    assert_eq!(refused(Write { sequence: 15, count: 2, ..ONE }), (18, 15));
    assert_eq!(refused(Write { sequence: 19, ..ONE }), (18, 19));
}

fn producers_with(from: &Producers<'_>) -> Producers<'static> {
    let mut copy = producers(8);
    from.iter().for_each(|producer| copy.restore(producer.clone()));
    copy
}

#[test]
fn a_new_epoch_begins_at_zero_and_fences_the_old_one() {
    let mut all = producers(4);
    // Unknown: any sequence number is taken.
    assert_eq!(write(&mut all, &Write { sequence: 40, ..ONE }), Ok(Verdict::New));
    let gap = write(&mut all, &Write { epoch: 1, sequence: 41, ..ONE });
    assert!(matches!(gap, Err(ProducerError::OutOfOrderSequence { expected: Sequence(0), .. })));
    assert_eq!(write(&mut all, &Write { epoch: 1, ..ONE }), Ok(Verdict::New));
    let stale = write(&mut all, &Write { sequence: 41, ..ONE });
    assert!(matches!(stale, Err(ProducerError::InvalidEpoch { current: ProducerEpoch(1), .. })));
}

#[test]
fn sequences_wrap_inside_a_batch() {
    let mut all = producers(4);
    let sequence = i32::MAX - 1;
    assert_eq!(write(&mut all, &Write { sequence, count: 4, ..ONE }), Ok(Verdict::New));
    assert!(matches!(write(&mut all, &Write { sequence, count: 4, ..ONE }), Ok(Verdict::Duplicate(_))));
    assert_eq!(write(&mut all, &Write { sequence: 2, ..ONE }), Ok(Verdict::New));
}

#[test]
fn the_first_undecided_offset_follows_transactions_until_their_end_is_safe() {
    let mut all = producers(4);
    let commit = Some(EndMarker { outcome: Outcome::Commit, coordinator_epoch: 3 });
    let begin = |id, at| Write { id, at, transactional: true, ..ONE };
    write(&mut all, &begin(1, 5)).unwrap();
    write(&mut all, &begin(2, 6)).unwrap();
    assert_eq!(all.undecided(Offset(7)), Some(Offset(5)));
    let outside = write(&mut all, &Write { id: 1, sequence: 1, at: 7, ..ONE });
    assert!(matches!(outside, Err(ProducerError::TransactionOpen { since: Offset(5), .. })));
    write(&mut all, &Write { id: 1, at: 7, marker: commit, ..ONE }).unwrap();
    assert_eq!(all.undecided(Offset(7)), Some(Offset(5)), "the end is written, but not safe");
    assert_eq!(all.undecided(Offset(8)), Some(Offset(6)));
    write(&mut all, &Write { id: 2, at: 8, marker: commit, ..ONE }).unwrap();
    assert_eq!(all.undecided(Offset(9)), None);
    let old = Some(EndMarker { outcome: Outcome::Abort, coordinator_epoch: 2 });
    let fenced = write(&mut all, &Write { id: 2, at: 9, marker: old, ..ONE });
    assert_eq!(fenced, Err(ProducerError::CoordinatorFenced { current: 3, found: 2 }));
}

#[test]
fn a_full_table_forgets_the_idle_and_refuses_rather_than_forget_the_busy() {
    let mut all = producers(2);
    write(&mut all, &Write { id: 1, time: 0, ..ONE }).unwrap();
    write(&mut all, &Write { id: 2, time: 50_000, ..ONE }).unwrap();
    let refused = write(&mut all, &Write { id: 3, time: 100_000, ..ONE });
    assert_eq!(refused, Err(ProducerError::TooMany { limit: 2 }));
    write(&mut all, &Write { id: 3, time: 120_001, ..ONE }).unwrap();
    assert!(all.find(ProducerId(1)).is_none() && all.find(ProducerId(2)).is_some());
    assert_eq!(all.expire(Timestamp(50_000 + 86_400_001), Millis(86_400_000)), 1);
    assert!(all.find(ProducerId(3)).is_some());
}
