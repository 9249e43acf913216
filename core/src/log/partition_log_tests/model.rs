//! The log against a vector, for thousands of steps: every acknowledged record is there, none is invented.

use super::*;
use crate::log::reading::{ReadScratch, TimestampQuery};

/// The next sequence number of a producer, and its batches as base sequence, count, base offset.
type Writer = (i32, Vec<(i32, i32, i64)>);

#[derive(Default)]
struct Model {
    /// Offset, timestamp, value; offsets count up by one.
    records: Vec<(i64, i64, Vec<u8>)>,
    start: i64,
    end: i64,
    durable: i64,
    producers: [Writer; 3],
}

impl Model {
    fn visible(&self, from: i64, to: i64) -> Vec<(i64, i64, Vec<u8>)> {
        self.records.iter().filter(|record| record.0 >= from && record.0 < to).cloned().collect()
    }

    fn cut(&mut self, end: i64) {
        self.records.retain(|record| record.0 < end);
        self.end = end;
        self.durable = self.durable.min(end);
        self.start = self.start.min(end);
    }
}

fn values(dice: &mut Dice, time: i64) -> Given {
    let count = 1 + dice.size(4);
    let values = (0..count).map(|_| {
        let fill = u8::try_from(dice.roll(256)).unwrap();
        alloc::vec![fill; dice.size(120)]
    });
    Given { values: values.collect(), time, ..Given::default() }
}

fn append(log: &mut MemoryLog, model: &mut Model, given: &Given, wall: i64) {
    let appended = put(log, wall, given).unwrap();
    assert!(!appended.is_duplicate);
    assert_eq!(appended.base_offset.0, model.end);
    for (at, value) in given.values.iter().enumerate() {
        let at = i64::try_from(at).unwrap();
        model.records.push((model.end + at, given.time + at, value.clone()));
    }
    model.end += i64::try_from(given.values.len()).unwrap();
}

fn check_all(log: &mut MemoryLog, model: &Model, dice: &mut Dice) {
    let marks = log.watermarks();
    assert_eq!((marks.log_start().0, marks.log_end().0), (model.start, model.end));
    let high = if log.config().write_caching { model.end } else { model.durable };
    assert_eq!(marks.high_watermark().0, high);
    let from = model.start + i64::try_from(dice.roll(u64::try_from(model.end - model.start + 1).unwrap())).unwrap();
    let max_bytes = 1 + u32::try_from(dice.roll(3000)).unwrap();
    if from <= high {
        assert_eq!(read_all(log, Offset(from), ReadUpTo::HighWatermark, max_bytes), model.visible(from, high));
    }
    assert_eq!(read_all(log, Offset(from), ReadUpTo::LogEnd, max_bytes), model.visible(from, model.end));
    let time = i64::try_from(dice.roll(4000)).unwrap();
    let (mut batch, mut records) = (List::grown(1 << 16), List::grown(1 << 16));
    let scratch = ReadScratch { batch: &mut batch, records: &mut records, codec: None };
    let found = log.offset_for_timestamp(TimestampQuery::At(Timestamp(time)), ReadUpTo::LogEnd, scratch).unwrap();
    let expected = model.visible(model.start, model.end).into_iter().find(|record| record.1 >= time);
    assert_eq!(
        found.map(|found| (found.offset.0, found.timestamp.unwrap().0)),
        expected.map(|record| (record.0, record.1)),
        "first at {time}"
    );
}

fn play(seed: u64, write_caching: bool) {
    let mut dice = Dice(seed);
    let config = small(write_caching);
    let mut log = fresh(config);
    let mut model = Model::default();
    for step in 0..1500i64 {
        let time = step * 2 + i64::try_from(dice.roll(100)).unwrap();
        match dice.roll(40) {
            0..=17 => append(&mut log, &mut model, &values(&mut dice, time), step),
            18..=23 => {
                let who = dice.size(3);
                let next = model.producers[who].0;
                let given = Given { producer: Some((i64::try_from(who).unwrap(), 0, next)), ..values(&mut dice, time) };
                let base = model.end;
                append(&mut log, &mut model, &given, step);
                let count = i32::try_from(given.values.len()).unwrap();
                let (next, batches) = &mut model.producers[who];
                *next += count;
                batches.push((given.producer.unwrap().2, count, base));
                // A gap, and a repetition of one of the last five.
                let gap = Given { producer: Some((i64::try_from(who).unwrap(), 0, *next + 1)), ..values(&mut dice, time) };
                assert!(matches!(put(&mut log, step, &gap), Err(AppendError::Producer(_))));
                let (sequence, count, base) = *batches.last().unwrap();
                let again = Given {
                    producer: Some((i64::try_from(who).unwrap(), 0, sequence)),
                    values: alloc::vec![Vec::new(); usize::try_from(count).unwrap()],
                    ..Given::default()
                };
                let appended = put(&mut log, step, &again).unwrap();
                assert!(appended.is_duplicate);
                assert_eq!(appended.base_offset.0, base);
            }
            24..=26 => {
                log.sync_all().unwrap();
                model.durable = model.end;
            }
            27 => log.roll(Timestamp(step)).unwrap(),
            28 => {
                let high = log.watermarks().high_watermark().0;
                let upto = model.start + i64::try_from(dice.roll(u64::try_from(high - model.start + 1).unwrap())).unwrap() / 4;
                log.delete_records(Offset(upto)).unwrap();
                model.start = model.start.max(upto);
                forget(&log, &mut model);
            }
            29 => {
                log.retain(Timestamp(step)).unwrap();
                assert_eq!(log.watermarks().log_start().0, model.start);
            }
            30 => {
                let back = i64::try_from(dice.roll(12)).unwrap();
                let to = Offset((model.end - back).max(model.start));
                log.truncate_to(Timestamp(step), to).unwrap();
                let end = log.watermarks().log_end();
                assert!(end <= to && end.0 + 4 > to.0 || end.0 == to.0);
                model.cut(end.0);
                forget(&log, &mut model);
            }
            31 | 32 => {
                log.close().unwrap();
                model.durable = model.end;
                (log, _) = open(log.into_store(), config, hints(&model, true, model.end));
            }
            33 | 34 => {
                let point = log.durable_end().0;
                assert!(point >= model.durable || write_caching);
                let mut store = log.into_store();
                store.crash(|_, synced, written| {
                    let lost = if dice.roll(2) == 0 { 0 } else { dice.roll(written - synced + 1) };
                    if synced == 0 && lost == 0 { None } else { Some(synced + lost) }
                });
                (log, _) = open(store, config, hints(&model, false, point));
                let end = log.watermarks().log_end().0;
                assert!(end >= model.durable, "acknowledged up to {}, found up to {end}", model.durable);
                assert!(end <= model.end);
                model.cut(end);
                // The first segment may be lost when nothing was ever durable; what a later one holds was not acknowledged either, and
                // cannot be told from a log whose start was moved by retention.
                let start = log.watermarks().log_start().0;
                assert!(start == model.start || model.durable <= model.start);
                model.start = start;
                // What was found has been made durable.
                model.durable = end;
                forget(&log, &mut model);
            }
            _ => check_all(&mut log, &model, &mut dice),
        }
    }
    check_all(&mut log, &model, &mut dice);
}

fn hints(model: &Model, clean: bool, point: i64) -> OpenHints {
    OpenHints { clean, recovery_point: Some(Offset(point)), log_start: Some(Offset(model.start)), first_dirty: None }
}

/// After a loss the log says what it knows of the producers, and that must follow from the records that are left.
fn forget(log: &MemoryLog, model: &mut Model) {
    for (who, (next, batches)) in model.producers.iter_mut().enumerate() {
        batches.retain(|(_, count, base)| base + i64::from(*count) <= model.end);
        let known = log.producers().find(ProducerId(i64::try_from(who).unwrap()));
        match (known.and_then(|known| known.last_sequence()), batches.last()) {
            (Some(last), Some((sequence, count, _))) => {
                assert_eq!(last.0, sequence + count - 1);
                *next = last.0 + 1;
            }
            (None, last) => {
                // Forgotten with its records: any number is taken.
                assert!(last.is_none_or(|(_, count, base)| base + i64::from(*count) <= model.start));
                batches.clear();
                *next = 0;
            }
            (Some(last), None) => panic!("producer {who} is known for {last:?}, which nobody wrote"),
        }
    }
}

#[test]
fn a_log_agrees_with_a_vector_through_rolls_cuts_restarts_and_crashes() {
    for seed in 0..12 {
        play(seed, false);
        play(seed + 100, true);
    }
}
