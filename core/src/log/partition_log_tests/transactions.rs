//! Transactions in a log: what readers of committed records see, whatever happened to the log meanwhile.

use super::*;
use crate::log::error::ReadError;
use crate::log::producers::ProducerError;
use crate::log::txn_index::AbortedTransaction;
use crate::record::marker::Outcome;
use crate::store::file_name::{FileKind, FileName};

pub(super) fn data(id: i64, epoch: i16, sequence: i32, value: &[u8], time: i64) -> Given {
    Given { producer: Some((id, epoch, sequence)), transactional: true, ..Given::of(&[value], time) }
}

pub(super) fn end(id: i64, epoch: i16, outcome: Outcome, time: i64) -> Given {
    let marker = Some(EndMarker { outcome, coordinator_epoch: 0 });
    Given { producer: Some((id, epoch, -1)), transactional: true, marker, time, ..Given::default() }
}

fn aborted(log: &mut MemoryLog, from: i64, below: i64) -> Vec<AbortedTransaction> {
    let mut all = Vec::new();
    log.aborted_transactions(Offset(from), Offset(below), &mut |aborted| all.push(aborted)).unwrap();
    all
}

/// What a consumer of committed records makes of an answer: it leaves out the batches of a producer from the first offset of an
/// aborted transaction on, until its abort marker. Source: `CompletedFetch.fetchRecords` of the Java client.
fn consume_committed(log: &mut MemoryLog, from: Offset, max_bytes: u32) -> Vec<(i64, Vec<u8>)> {
    let mut all = Vec::new();
    let mut next = from;
    loop {
        let range = log.read(next, max_bytes, ReadUpTo::LastStable, true).unwrap();
        let Some(slice) = range.bytes else { return all };
        let mut told = aborted(log, next.0, range.below.0);
        assert!(told.is_sorted_by_key(|aborted| aborted.last_offset));
        told.sort_by_key(|aborted| aborted.first_offset);
        let mut left_out: Vec<ProducerId> = Vec::new();
        let mut bytes = alloc::vec![0; usize::try_from(slice.size).unwrap()];
        log.store_mut().read_at(slice.file, slice.position, &mut bytes).unwrap();
        let mut rest = bytes.as_slice();
        while let Ok((batch, behind)) = Batch::split_first(rest) {
            rest = behind;
            let header = batch.header();
            if header.last_offset() >= next {
                while told.first().is_some_and(|aborted| aborted.first_offset <= header.last_offset()) {
                    left_out.push(told.remove(0).producer_id);
                }
                let id = header.producer().map(|stamp| stamp.id);
                if header.is_control() {
                    let record = batch.records().unwrap().next().unwrap().unwrap();
                    if EndMarker::read(&record).unwrap().outcome == Outcome::Abort {
                        left_out.retain(|other| Some(*other) != id);
                    }
                } else if !(header.is_transactional() && id.is_some_and(|id| left_out.contains(&id))) {
                    for record in batch.records().unwrap() {
                        let record = record.unwrap();
                        all.push((header.base_offset().0 + i64::from(record.offset_delta), record.value.unwrap().to_vec()));
                    }
                }
            }
            next = header.next_offset();
        }
    }
}

#[test]
fn a_marker_of_a_used_up_epoch_is_taken_only_where_nothing_is_open() {
    let mut log = fresh(small(true));
    let bumping = |given: Given| Given { epoch_per_transaction: true, ..given };
    put(&mut log, 0, &bumping(data(7, 3, 0, b"a", 1))).unwrap();
    let refused = put(&mut log, 0, &bumping(end(7, 3, Outcome::Commit, 2)));
    assert!(matches!(refused, Err(AppendError::Producer(ProducerError::InvalidEpoch { .. }))), "{refused:?}");
    put(&mut log, 0, &bumping(end(7, 4, Outcome::Commit, 2))).unwrap();
    // Written once more by a coordinator that does not know: nothing is open, so nothing can be ended by mistake.
    put(&mut log, 0, &bumping(end(7, 4, Outcome::Commit, 2))).unwrap();
    // Whatever the producer still sends in the epoch that has ended is too late.
    let late = put(&mut log, 0, &bumping(data(7, 3, 1, b"late", 3)));
    assert!(matches!(late, Err(AppendError::Producer(ProducerError::InvalidEpoch { .. }))), "{late:?}");
    let begins_late = put(&mut log, 0, &bumping(data(8, 0, 5, b"5", 3)));
    assert!(matches!(begins_late, Err(AppendError::Producer(ProducerError::OutOfOrderSequence { .. }))), "{begins_late:?}");
    // Without an epoch for each transaction, records before it may have been forgotten.
    put(&mut log, 0, &data(9, 0, 5, b"5", 3)).unwrap();
}

#[test]
fn what_a_machine_writes_in_a_transaction_bears_no_numbers() {
    let mut log = fresh(small(true));
    for at in 0..3 {
        let given = data(7, 0, -1, b"offset", at);
        let checked = given.bytes();
        let checked = check(&checked, &log.config().rules(Origin::Coordinator), Timestamp(0), None).unwrap();
        let appended = log.append(Timestamp(0), EPOCH, &checked).unwrap();
        assert!(!appended.is_duplicate);
    }
    assert_eq!(log.watermarks().last_stable(), Offset(0));
    assert_eq!(log.producers().find(ProducerId(7)).unwrap().last_sequence(), None);
    put(&mut log, 0, &end(7, 0, Outcome::Abort, 4)).unwrap();
    let all = aborted(&mut log, 0, 100);
    assert_eq!(all.iter().map(|aborted| (aborted.first_offset.0, aborted.last_offset.0)).collect::<Vec<_>>(), [(0, 3)]);
    assert_eq!(log.watermarks().last_stable(), Offset(4));
}

#[test]
fn an_index_of_aborted_transactions_that_cannot_be_read_hides_nothing() {
    let mut log = fresh(small(true));
    put(&mut log, 0, &data(7, 0, 0, b"a", 1)).unwrap();
    put(&mut log, 0, &end(7, 0, Outcome::Abort, 2)).unwrap();
    log.store_mut().write_at(FileName::live(FileKind::TxnIndex, Offset(0)), 0, &[&[9]]).unwrap();
    let read = log.aborted_transactions(Offset(0), Offset(9), &mut |_| ());
    assert!(matches!(read, Err(ReadError::Corrupt { .. })));
}

/// A record: its offset, its value, and the transaction it belongs to.
type Kept = (i64, Vec<u8>, Option<usize>);

/// The first offset of a transaction, its marker's offset and outcome, and whose it is.
type Transaction = (i64, Option<(i64, Outcome)>, usize);

#[derive(Default)]
struct Model {
    records: Vec<Kept>,
    transactions: Vec<Transaction>,
    /// Of each producer: its epoch, its next sequence, its open transaction.
    producers: [(i16, i32, Option<usize>); 4],
    end: i64,
}

impl Model {
    fn last_stable(&self) -> i64 {
        self.transactions.iter().filter(|one| one.1.is_none()).map(|one| one.0).min().unwrap_or(self.end)
    }

    fn committed(&self, from: i64) -> Vec<(i64, Vec<u8>)> {
        let counts = |transaction: &Option<usize>| match transaction {
            None => true,
            Some(at) => matches!(self.transactions[*at].1, Some((_, Outcome::Commit))),
        };
        let seen = self.records.iter().filter(|record| record.0 >= from && record.0 < self.last_stable() && counts(&record.2));
        seen.map(|record| (record.0, record.1.clone())).collect()
    }

    fn cut(&mut self, end: i64) {
        self.records.retain(|record| record.0 < end);
        for one in &mut self.transactions {
            one.1 = one.1.filter(|(marker, _)| *marker < end);
        }
        // What began behind the cut never was, and what ended there is open again.
        self.transactions
            .iter_mut()
            .filter(|one| one.0 >= end)
            .for_each(|one| (one.0, one.1) = (i64::MAX, Some((i64::MIN, Outcome::Abort))));
        for (who, (_, _, open)) in self.producers.iter_mut().enumerate() {
            *open = self.transactions.iter().position(|one| one.1.is_none() && one.2 == who);
        }
        self.end = end;
    }
}

fn step(log: &mut MemoryLog, model: &mut Model, dice: &mut Dice, time: i64) {
    let who = dice.size(4);
    let id = i64::try_from(who).unwrap();
    let (epoch, sequence, open) = model.producers[who];
    if let Some(open) = open
        && dice.roll(3) == 0
    {
        let outcome = if dice.roll(2) == 0 { Outcome::Abort } else { Outcome::Commit };
        let appended = put(log, time, &Given { epoch_per_transaction: true, ..end(id, epoch + 1, outcome, time) }).unwrap();
        model.transactions[open].1 = Some((appended.base_offset.0, outcome));
        model.producers[who] = (epoch + 1, 0, None);
        model.end += 1;
        return;
    }
    let value = alloc::vec![u8::try_from(time % 251).unwrap(); dice.size(60)];
    if who == 3 {
        put(log, time, &Given::of(&[&value], time)).unwrap();
        model.records.push((model.end, value, None));
    } else {
        put(log, time, &Given { epoch_per_transaction: true, ..data(id, epoch, sequence, &value, time) }).unwrap();
        let at = open.unwrap_or_else(|| {
            model.transactions.push((model.end, None, who));
            model.transactions.len() - 1
        });
        model.records.push((model.end, value, Some(at)));
        model.producers[who] = (epoch, sequence + 1, Some(at));
    }
    model.end += 1;
}

fn compare(log: &mut MemoryLog, model: &Model, dice: &mut Dice) {
    assert_eq!(log.watermarks().log_end().0, model.end);
    assert_eq!(log.watermarks().last_stable().0, model.last_stable().max(log.watermarks().log_start().0));
    let start = log.watermarks().log_start().0;
    let from = start + i64::try_from(dice.roll(u64::try_from(model.last_stable().max(start) - start + 1).unwrap())).unwrap();
    let max_bytes = 1 + u32::try_from(dice.roll(2000)).unwrap();
    assert_eq!(consume_committed(log, Offset(from), max_bytes), model.committed(from));
}

#[test]
fn readers_of_committed_records_see_those_and_no_others_whatever_happens_to_the_log() {
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let config = small(true);
        let mut log = fresh(config);
        let mut model = Model::default();
        for time in 0..400i64 {
            step(&mut log, &mut model, &mut dice, time);
            match dice.roll(60) {
                0 => log.roll(Timestamp(time)).unwrap(),
                1 => {
                    // A clean restart: indexes are trusted.
                    let marks = log.close().unwrap();
                    let hints = OpenHints {
                        clean: true,
                        recovery_point: Some(marks.log_end()),
                        log_start: Some(marks.log_start()),
                        first_dirty: None,
                    };
                    log = open(log.into_store(), config, hints).0;
                }
                2 => {
                    // A crash: everything, or what lies behind the last roll, is read through, and the indexes are built anew.
                    let hints = OpenHints { recovery_point: (dice.roll(2) == 0).then(|| log.durable_end()), ..OpenHints::default() };
                    log = open(log.into_store(), config, hints).0;
                }
                3 => {
                    let back = model.end - i64::try_from(dice.roll(20)).unwrap().min(model.end);
                    log.truncate_to(Timestamp(time), Offset(back)).unwrap();
                    model.cut(back);
                    // A producer goes on where the log has forgotten it: under a new epoch.
                    for (who, (epoch, sequence, _)) in model.producers.iter_mut().enumerate() {
                        let known = log.producers().find(ProducerId(i64::try_from(who).unwrap()));
                        (*epoch, *sequence) =
                            known.map_or((*epoch, 0), |known| (known.epoch.0, known.last_sequence().map_or(0, |last| last.0 + 1)));
                    }
                }
                _ => {}
            }
            compare(&mut log, &model, &mut dice);
        }
        assert!(model.transactions.len() > 30, "seed {seed} has transactions");
    }
}
