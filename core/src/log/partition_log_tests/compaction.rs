//! Compaction against a model: what a reader gets from the start is what it got before, but for what was superseded.

use alloc::collections::{BTreeMap, BTreeSet};

use super::shared::{Refusal, Shared, SharedLog};
use super::*;
use crate::log::compact::error::CompactError;
use crate::log::compact::job::{CompactLimits, CompactMemory, Compaction, Step};
use crate::log::reading::{ReadScratch, TimestampQuery};
use crate::record::codec::{Codec, CodecError, Compression};
use crate::record::marker::Outcome;
use crate::store::file_name::FileKind;

/// Runs of a byte, as their length and the byte: what fill values shrink to.
pub(super) struct Runs;

impl Codec for Runs {
    fn decompress(&mut self, compression: Compression, input: &[u8], output: &mut List<'_, u8>) -> Result<(), CodecError> {
        for pair in input.chunks(2) {
            let [count, byte] = pair else { return Err(CodecError::Corrupt(compression)) };
            output
                .extend_from_slice(&alloc::vec![*byte; usize::from(*count)])
                .map_err(|_| CodecError::OutputFull { limit: output.capacity() })?;
        }
        Ok(())
    }
    fn compress(&mut self, _: Compression, input: &[u8], output: &mut List<'_, u8>) -> Result<(), CodecError> {
        for run in input.chunk_by(|one, next| one == next) {
            for part in run.chunks(255) {
                let pair = [u8::try_from(part.len()).unwrap(), part[0]];
                output.extend_from_slice(&pair).map_err(|_| CodecError::OutputFull { limit: output.capacity() })?;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keyed {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
}

/// A record as it was written, and the transaction it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Written {
    offset: i64,
    time: i64,
    what: Keyed,
    transaction: Option<usize>,
}

/// A record as it is read: its offset, its time, and what it says.
type Found = (i64, i64, Keyed);

#[derive(Clone, Default)]
pub(super) struct Model {
    records: Vec<Written>,
    /// How each transaction has ended, and where.
    transactions: Vec<Option<(Outcome, i64)>>,
    /// Where each begins.
    begins: Vec<i64>,
    /// Of each producer: its next sequence, and its open transaction.
    producers: [(i32, Option<usize>); 4],
    pub(super) end: i64,
    /// When a tombstone was first come across by a compaction.
    marked: BTreeMap<i64, i64>,
}

impl Model {
    fn counts(&self, record: &Written) -> bool {
        record.transaction.is_none_or(|at| matches!(self.transactions[at], Some((Outcome::Commit, _))))
    }

    /// A compaction has come across the tombstones below an offset.
    pub(super) fn note_tombstones(&mut self, below: i64, wall: i64) {
        for record in self.records.iter().filter(|record| record.offset < below && record.what.value.is_none()) {
            self.marked.entry(record.offset).or_insert(wall);
        }
    }

    fn cut(&mut self, end: i64) {
        self.records.retain(|record| record.offset < end);
        for ended in &mut self.transactions {
            *ended = ended.filter(|(_, marker)| *marker < end);
        }
        for (at, begins) in self.begins.iter().enumerate() {
            if *begins >= end {
                self.transactions[at] = Some((Outcome::Abort, i64::MIN));
            }
        }
        self.end = end;
    }
}

pub(super) fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 1200,
        recovery_bytes: 400,
        index_interval_bytes: 100,
        retention_ms: None,
        delete: false,
        compact: true,
        delete_retention: Millis(50),
        ..LogConfig::default()
    }
}

pub(super) fn open_shared(disk: &Shared, hints: OpenHints) -> SharedLog {
    PartitionLog::open(Timestamp(0), disk.clone(), memory(), config(), hints).unwrap().0
}

/// Appends a batch as it is given; the rules of compacted topics are not asked.
pub(super) fn put_batch(log: &mut SharedLog, time: i64, options: BatchOptions, compression: Compression, records: &[Keyed]) -> Appended {
    let mut bytes = List::grown(1 << 16);
    let mut builder = Builder::new(&mut bytes, options).unwrap();
    for (at, record) in records.iter().enumerate() {
        let timestamp = Some(Timestamp(time + i64::try_from(at).unwrap()));
        builder.append(NewRecord { timestamp, key: record.key.as_deref(), value: record.value.as_deref(), headers: &[] }).unwrap();
    }
    builder.finish_compressed(compression, &mut Runs, &mut List::grown(1 << 16)).unwrap().unwrap();
    let rules = Rules { compacted: false, ..log.config().rules(Origin::Client) };
    let checked = check(&bytes, &rules, Timestamp(time), None).unwrap();
    log.append(Timestamp(time), EPOCH, &checked).unwrap()
}

fn put_marker(log: &mut SharedLog, time: i64, id: i64, outcome: Outcome) -> Appended {
    let marker = Some(EndMarker { outcome, coordinator_epoch: 3 });
    let given = Given { producer: Some((id, 0, -1)), transactional: true, marker, time, ..Given::default() };
    let bytes = given.bytes();
    let checked = check(&bytes, &log.config().rules(Origin::Coordinator), Timestamp(time), None).unwrap();
    log.append(Timestamp(time), EPOCH, &checked).unwrap()
}

fn stamp(id: i64, sequence: i32) -> Option<ProducerStamp> {
    Some(ProducerStamp { id: ProducerId(id), epoch: ProducerEpoch(0), base_sequence: Sequence(sequence) })
}

/// Appends something: records of nobody, of an idempotent producer, of a transaction, or the end of one.
pub(super) fn append(log: &mut SharedLog, model: &mut Model, dice: &mut Dice, time: i64) {
    let who = dice.size(5);
    let id = i64::try_from(who).unwrap();
    if (2..4).contains(&who)
        && let Some(open) = model.producers[who].1
        && dice.roll(3) == 0
    {
        let outcome = if dice.roll(2) == 0 { Outcome::Abort } else { Outcome::Commit };
        let appended = put_marker(log, time, id, outcome);
        model.transactions[open] = Some((outcome, appended.base_offset.0));
        model.producers[who].1 = None;
        model.end += 1;
        return;
    }
    let records: Vec<Keyed> = (0..1 + dice.size(4))
        .map(|_| Keyed {
            key: (dice.roll(40) > 0).then(|| alloc::vec![b'k', u8::try_from(dice.roll(12)).unwrap()]),
            value: (dice.roll(6) > 0).then(|| alloc::vec![u8::try_from(dice.roll(256)).unwrap(); dice.size(50)]),
        })
        .collect();
    let mut options = BatchOptions::default();
    let mut transaction = None;
    if who < 4 {
        options.producer = stamp(id, model.producers[who].0);
        model.producers[who].0 += i32::try_from(records.len()).unwrap();
    }
    if (2..4).contains(&who) {
        options.transactional = true;
        transaction = Some(model.producers[who].1.unwrap_or_else(|| {
            model.transactions.push(None);
            model.begins.push(model.end);
            model.transactions.len() - 1
        }));
        model.producers[who].1 = transaction;
    }
    let compression = if dice.roll(3) == 0 { Compression::Lz4 } else { Compression::None };
    let appended = put_batch(log, time, options, compression, &records);
    assert_eq!(appended.base_offset.0, model.end);
    for (at, what) in (0..).zip(records) {
        model.records.push(Written { offset: model.end + at, time: time + at, what, transaction });
    }
    model.end = appended.last_offset.0 + 1;
}

/// All records that lie in a log; and of its markers the offsets, the outcomes and the times.
pub(super) fn lie_in(log: &mut SharedLog) -> (Vec<Found>, Vec<(i64, Outcome, i64)>) {
    let (mut records, mut markers) = (Vec::new(), Vec::new());
    let mut next = log.watermarks().log_start();
    let mut scratch = List::grown(1 << 16);
    while next < log.watermarks().log_end() {
        let behind = log.read_batches(next, &mut scratch).unwrap();
        assert!(behind > next, "reading goes on at {next:?}");
        let mut rest: &[u8] = &scratch;
        while let Ok((batch, later)) = Batch::split_first(rest) {
            rest = later;
            let header = batch.header();
            assert!(batch.crc_is_right());
            assert!(header.base_offset() >= next || header.last_offset() >= next, "offsets rise");
            let mut unfolded = List::grown(1 << 16);
            let body = match header.compression().unwrap() {
                Compression::None => batch.body(),
                other => {
                    Runs.decompress(other, batch.body(), &mut unfolded).unwrap();
                    &unfolded
                }
            };
            for record in crate::record::records::Records::new(body, header.record_count()) {
                let record = record.unwrap();
                let offset = header.base_offset().0 + i64::from(record.offset_delta);
                let time = header.base_timestamp() + record.timestamp_delta;
                if header.is_control() {
                    markers.push((offset, EndMarker::read(&record).unwrap().outcome, time));
                } else {
                    let what = Keyed { key: record.key.map(<[u8]>::to_vec), value: record.value.map(<[u8]>::to_vec) };
                    records.push((offset, time, what));
                }
            }
            next = header.next_offset();
        }
        next = next.max(behind);
    }
    assert!(records.is_sorted_by(|one, other| one.0 < other.0), "every record lies there once");
    (records, markers)
}

/// What a consumer of committed records gets. Source: `CompletedFetch.fetchRecords` of the Java client.
pub(super) fn committed(log: &mut SharedLog) -> BTreeSet<i64> {
    let mut all = BTreeSet::new();
    let mut next = log.watermarks().log_start();
    loop {
        let range = log.read(next, 700, ReadUpTo::LastStable, true).unwrap();
        let Some(slice) = range.bytes else { return all };
        let mut told = Vec::new();
        log.aborted_transactions(next, range.below, &mut |aborted| told.push(aborted)).unwrap();
        told.sort_by_key(|aborted| aborted.first_offset);
        let mut left_out: Vec<ProducerId> = Vec::new();
        let mut bytes = alloc::vec![0; usize::try_from(slice.size).unwrap()];
        log.store_mut().read_at(slice.file, slice.position, &mut bytes).unwrap();
        let mut rest = bytes.as_slice();
        while let Ok((batch, behind)) = Batch::split_first(rest) {
            rest = behind;
            let header = batch.header();
            while told.first().is_some_and(|aborted| aborted.first_offset <= header.last_offset()) {
                left_out.push(told.remove(0).producer_id);
            }
            let id = header.producer().map(|stamp| stamp.id);
            if header.is_control() {
                let record = batch.records().unwrap().next();
                if record.is_some_and(|record| EndMarker::read(&record.unwrap()).unwrap().outcome == Outcome::Abort) {
                    left_out.retain(|other| Some(*other) != id);
                }
            } else if !(header.is_transactional() && id.is_some_and(|id| left_out.contains(&id))) {
                let mut unfolded = List::grown(1 << 16);
                let body = match header.compression().unwrap() {
                    Compression::None => batch.body(),
                    other => {
                        Runs.decompress(other, batch.body(), &mut unfolded).unwrap();
                        &unfolded
                    }
                };
                for record in crate::record::records::Records::new(body, header.record_count()) {
                    all.insert(header.base_offset().0 + i64::from(record.unwrap().offset_delta));
                }
            }
            next = header.next_offset();
        }
    }
}

/// What always holds, whatever was compacted and whatever has crashed. `wall`: when the last pass was.
pub(super) fn check_view(log: &mut SharedLog, model: &Model, wall: i64) {
    assert_eq!(log.watermarks().log_end().0, model.end);
    let (found, markers) = lie_in(log);
    let written: BTreeMap<i64, &Written> = model.records.iter().map(|record| (record.offset, record)).collect();
    for (offset, time, what) in &found {
        let record = written.get(offset).expect("nothing is invented");
        assert_eq!((*time, what), (record.time, &record.what), "the record at {offset} is as it was written");
    }
    let there: BTreeMap<i64, &Found> = found.iter().map(|one| (one.0, one)).collect();
    let stable = log.watermarks().last_stable().0;
    let seen = committed(log);
    for record in model.records.iter().filter(|record| record.offset < stable) {
        let is_seen = seen.contains(&record.offset);
        assert_eq!(is_seen, model.counts(record) && there.contains_key(&record.offset), "whether {} is seen", record.offset);
    }
    // The last word on each key stays, unless it is that there is none.
    let mut last: BTreeMap<&[u8], &Written> = BTreeMap::new();
    for record in model.records.iter().filter(|record| record.offset < stable && model.counts(record)) {
        if let Some(key) = &record.what.key {
            last.insert(key, record);
        }
    }
    for (key, record) in &last {
        if there.contains_key(&record.offset) {
            continue;
        }
        assert!(record.what.value.is_none(), "the last record of {key:?}, at {}, is gone", record.offset);
        let marked = model.marked.get(&record.offset).copied().expect("a tombstone goes at the second pass at the earliest");
        assert!(marked + 50 <= wall, "the tombstone at {} was marked at {marked} and is gone at {wall}", record.offset);
        let earlier = model.records.iter().filter(|other| other.what.key.as_deref() == Some(*key) && other.offset < record.offset);
        let risen = earlier.filter(|other| model.counts(other)).find(|other| there.contains_key(&other.offset));
        assert!(risen.is_none(), "{key:?} has risen from the dead: {risen:?}");
    }
    // Every record is found by its offset.
    for (offset, ..) in &found {
        let slice = log.read(Offset(*offset), 1, ReadUpTo::LogEnd, true).unwrap().bytes.expect("it is there");
        let mut bytes = alloc::vec![0; usize::try_from(slice.size).unwrap()];
        log.store_mut().read_at(slice.file, slice.position, &mut bytes).unwrap();
        let (batch, _) = Batch::split_first(&bytes).unwrap();
        let holds = batch.header().base_offset().0 <= *offset && *offset <= batch.header().last_offset().0;
        assert!(holds, "{offset} is not in {:?}", batch.header());
    }
    let mut times: Vec<(i64, i64)> = found.iter().map(|one| (one.0, one.1)).chain(markers.iter().map(|one| (one.0, one.2))).collect();
    times.sort_unstable();
    for time in (0..700).step_by(23) {
        let (mut batch, mut records) = (List::grown(1 << 16), List::grown(1 << 16));
        let scratch = ReadScratch { batch: &mut batch, records: &mut records, codec: Some(&mut Runs) };
        let first = log.offset_for_timestamp(TimestampQuery::At(Timestamp(time)), ReadUpTo::LogEnd, scratch).unwrap();
        let expected = times.iter().find(|one| one.1 >= time).map(|one| one.0);
        assert_eq!(first.map(|first| first.offset.0), expected, "the first at {time}");
    }
    let (mut batch, mut records) = (List::grown(1 << 16), List::grown(1 << 16));
    let scratch = ReadScratch { batch: &mut batch, records: &mut records, codec: Some(&mut Runs) };
    let latest = log.offset_for_timestamp(TimestampQuery::Max, ReadUpTo::LogEnd, scratch).unwrap();
    assert_eq!(latest.map(|latest| latest.timestamp.unwrap().0), times.iter().map(|one| one.1).max());
    for (offset, outcome, _) in &markers {
        assert!(model.transactions.contains(&Some((*outcome, *offset))), "the marker at {offset} was written");
    }
}

/// What holds after a pass that has come to its end.
fn check_compacted(log: &mut SharedLog, model: &Model) {
    let end = log.first_dirty().0;
    let (found, _) = lie_in(log);
    let mut last: BTreeMap<&[u8], i64> = BTreeMap::new();
    for record in model.records.iter().filter(|record| record.offset < end && model.counts(record)) {
        if let Some(key) = &record.what.key {
            last.insert(key, record.offset);
        }
    }
    for (offset, _, what) in found.iter().filter(|one| one.0 < end) {
        let key = what.key.as_deref().expect("records without a key go");
        assert_eq!(last.get(key), Some(offset), "{key:?} at {offset} is superseded");
    }
}

pub(super) fn begin(log: &SharedLog, disk: &Shared, wall: i64, limits: &CompactLimits) -> Option<Compaction<'static, Shared>> {
    log.begin_compaction(Timestamp(wall), disk.clone(), CompactMemory::grown(limits), HashKey(5, 6)).unwrap()
}

pub(super) fn limits() -> CompactLimits {
    CompactLimits { key_map_bytes: 1 << 16, batch_bytes: 1 << 16, ..CompactLimits::default() }
}

/// Runs a compaction to its end; `between` is called between its steps. False when it was given up.
pub(super) fn run(
    log: &mut SharedLog,
    job: &mut Compaction<'static, Shared>,
    mut between: impl FnMut(&mut SharedLog),
) -> Result<bool, CompactError<Refusal>> {
    loop {
        let step = match job.step(&mut Runs) {
            Err(_) if !log.is_as_planned(job) => Step::Swap,
            step => step?,
        };
        match step {
            Step::Worked(_) => between(log),
            Step::Done => return Ok(true),
            Step::Swap => {
                if !log.swap(job)? {
                    job.abandon();
                    return Ok(false);
                }
            }
        }
    }
}

/// Who is known, and for what.
type Known = (i64, i16, Option<i32>, Option<i64>);

fn known(log: &SharedLog) -> Vec<Known> {
    let of = |producer: &Producer| {
        let last = producer.last_sequence().map(|last| last.0);
        (producer.id.0, producer.epoch.0, last, producer.transaction_start.map(|start| start.0))
    };
    let mut known: Vec<Known> = log.producers().iter().map(of).collect();
    known.sort_unstable();
    known
}

fn play(seed: u64) {
    let mut dice = Dice(seed);
    let disk = Shared::default();
    let mut log = open_shared(&disk, OpenHints::default());
    let mut model = Model::default();
    let (mut passes, mut wall) = (0, 0);
    for time in 0..700i64 {
        match dice.roll(30) {
            0..=19 => append(&mut log, &mut model, &mut dice, time),
            20 | 21 => {
                log.sync_all().unwrap();
            }
            22 => log.roll(Timestamp(time)).unwrap(),
            23..=25 => {
                let few_keys = CompactLimits { key_map_bytes: 24 * 8, ..limits() };
                let limits = if dice.roll(3) == 0 { few_keys } else { limits() };
                let Some(mut job) = begin(&log, &disk, time, &limits) else { continue };
                let mut cut = dice.roll(6) == 0;
                let stop_after = if dice.roll(6) == 0 { dice.size(4) } else { usize::MAX };
                let mut steps = 0;
                wall = time;
                // What a pass comes across is marked by it even when it does not come to its end.
                let done = loop {
                    steps += 1;
                    if steps > stop_after {
                        if dice.roll(2) == 0 {
                            job.abandon();
                        }
                        break false;
                    }
                    if dice.roll(4) == 0 {
                        append(&mut log, &mut model, &mut dice, time);
                    }
                    if core::mem::take(&mut cut) && dice.roll(2) == 0 {
                        let high = log.watermarks().high_watermark();
                        log.truncate_to(Timestamp(time), high).unwrap();
                        model.cut(log.watermarks().log_end().0);
                        believe_the_log(&log, &mut model);
                    }
                    match job.step(&mut Runs) {
                        Err(error) if log.is_as_planned(&job) => panic!("{error}"),
                        Ok(Step::Worked(_)) => {}
                        Ok(Step::Done) => break true,
                        Err(_) | Ok(Step::Swap) => {
                            if !log.swap(&mut job).unwrap() {
                                job.abandon();
                                break false;
                            }
                            model.note_tombstones(log.watermarks().log_end().0, time);
                        }
                    }
                };
                check_view(&mut log, &model, wall);
                if done {
                    passes += 1;
                    assert_eq!(log.first_dirty(), job.end());
                    check_compacted(&mut log, &model);
                }
            }
            26 => {
                let before = known(&log);
                let marks = log.close().unwrap();
                if dice.roll(2) == 0 {
                    // So that everything is learnt from the batches that are left.
                    let mut names = Vec::new();
                    disk.clone().list(&mut |name| names.push(name)).unwrap();
                    for name in names.into_iter().filter(|name| name.kind == FileKind::Snapshot) {
                        disk.clone().delete(name).unwrap();
                    }
                }
                let first_dirty = Some(log.first_dirty());
                let hints = OpenHints { clean: true, recovery_point: Some(marks.log_end()), first_dirty, ..OpenHints::default() };
                log = open_shared(&disk, hints);
                assert_eq!(known(&log), before, "seed {seed}, at {time}");
                check_view(&mut log, &model, wall);
            }
            27 => {
                // With the least that may be remembered, everything is read through.
                let recovery_point = Some(if dice.roll(3) > 0 { log.durable_end() } else { Offset(0) });
                let hints = OpenHints { recovery_point, first_dirty: Some(log.first_dirty()), ..OpenHints::default() };
                let durable = log.durable_end().0;
                disk.crash(&mut dice);
                log = open_shared(&disk, hints);
                let end = log.watermarks().log_end().0;
                assert!(durable <= end && end <= model.end, "seed {seed}: {durable} <= {end} <= {}", model.end);
                model.cut(end);
                believe_the_log(&log, &mut model);
                check_view(&mut log, &model, wall);
            }
            _ => {}
        }
    }
    assert!(passes > 8, "seed {seed}: {passes} passes");
}

/// After a loss producers go on where the log knows them.
fn believe_the_log(log: &SharedLog, model: &mut Model) {
    for who in 0..4usize {
        let known = log.producers().find(ProducerId(i64::try_from(who).unwrap()));
        let start = known.and_then(|known| known.transaction_start).map(|start| start.0);
        let open =
            start.map(|start| model.begins.iter().zip(&model.transactions).position(|(begins, ended)| *begins == start && ended.is_none()));
        model.producers[who] =
            (known.and_then(|known| known.last_sequence()).map_or(0, |last| last.0 + 1), open.map(|open| open.expect("it is open")));
    }
}

#[test]
fn a_compacted_log_says_what_it_said_but_for_what_is_superseded() {
    for seed in 0..60 {
        play(seed);
    }
}

fn keyed(key: &str, value: Option<&str>) -> Keyed {
    Keyed { key: Some(key.as_bytes().to_vec()), value: value.map(|value| value.as_bytes().to_vec()) }
}

/// Appends one record a batch, and ends the segment.
fn segment_of(log: &mut SharedLog, time: i64, records: &[(&str, Option<&str>)]) {
    for (key, value) in records {
        put_batch(log, time, BatchOptions::default(), Compression::None, &[keyed(key, *value)]);
    }
    log.sync_all().unwrap();
    log.roll(Timestamp(time)).unwrap();
}

/// What lies in a log: the offset, the key and the value of each record.
fn texts(log: &mut SharedLog) -> Vec<(i64, alloc::string::String)> {
    let text =
        |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or("-".into(), |bytes| alloc::string::String::from_utf8(bytes.clone()).unwrap());
    lie_in(log).0.iter().map(|(offset, _, what)| (*offset, text(&what.key) + "=" + &text(&what.value))).collect()
}

fn compact(log: &mut SharedLog, disk: &Shared, wall: i64) -> bool {
    let Some(mut job) = begin(log, disk, wall, &limits()) else { return false };
    run(log, &mut job, |_| ()).unwrap()
}

#[test]
fn what_consumers_may_see_reaches_as_far_as_before() {
    let disk = Shared::default();
    let mut log = open_shared(&disk, OpenHints::default());
    // Nothing is synced behind the roll: what may be seen ends with the last closed segment.
    segment_of(&mut log, 1, &[("a", Some("1")), ("a", Some("2")), ("b", Some("3"))]);
    let mut seen = 2;
    for more in [&[("a", Some("4"))], &[("c", Some("5"))]] {
        assert!(compact(&mut log, &disk, 9));
        assert_eq!(log.segments().len(), 2);
        assert_eq!(log.bytes_above_high_watermark(), 0);
        assert_eq!(read_all(&mut log, Offset(0), ReadUpTo::HighWatermark, 5000).len(), seen);
        segment_of(&mut log, 3, more);
        seen += 1;
        assert_eq!(read_all(&mut log, Offset(0), ReadUpTo::HighWatermark, 5000).len(), seen);
        seen -= usize::from(more[0].0 == "a");
    }
}

#[test]
fn a_log_that_loses_its_oldest_segment_meanwhile_keeps_the_others_as_they_are() {
    let disk = Shared::default();
    let mut log = open_shared(&disk, OpenHints::default());
    segment_of(&mut log, 1, &[("a", Some("1")), ("b", Some("2"))]);
    segment_of(&mut log, 2, &[("a", Some("3"))]);
    segment_of(&mut log, 3, &[("c", Some("4"))]);
    let mut job = begin(&log, &disk, 9, &limits()).unwrap();
    while job.step(&mut Runs).unwrap() != Step::Swap {}
    log.delete_records(Offset(2)).unwrap();
    assert_eq!(log.retain(Timestamp(9)).unwrap().segments, 1);
    assert!(!log.is_as_planned(&job));
    assert_eq!(log.swap(&mut job), Ok(false));
    job.abandon();
    assert_eq!(job.step(&mut Runs), Ok(Step::Done));
    assert_eq!((log.first_dirty(), texts(&mut log)), (Offset(0), alloc::vec![(2, "a=3".into()), (3, "c=4".into())]));
    let mut left = 0;
    disk.clone().list(&mut |file| left += usize::from(file.state != crate::store::file_name::FileState::Live)).unwrap();
    assert_eq!(left, 0);
    // The next one begins where the log now does.
    assert!(compact(&mut log, &disk, 9));
    assert_eq!(log.first_dirty(), Offset(4));
}

#[test]
fn a_damaged_batch_stays_damaged_and_what_it_would_supersede_stays() {
    let disk = Shared::default();
    let mut log = open_shared(&disk, OpenHints::default());
    for records in [[("a", "1"), ("b", "2")], [("a", "3"), ("b", "4")], [("b", "5"), ("c", "6")]] {
        let records = records.map(|(key, value)| keyed(key, Some(value)));
        put_batch(&mut log, 1, BatchOptions::default(), Compression::None, &records);
    }
    log.sync_all().unwrap();
    log.roll(Timestamp(1)).unwrap();
    let slice = log.read(Offset(2), 1, ReadUpTo::LogEnd, true).unwrap().bytes.unwrap();
    let last = slice.position + u64::from(slice.size) - 2;
    disk.clone().write_at(slice.file, last, &[b"?"]).unwrap();
    assert!(compact(&mut log, &disk, 9));
    let mut bytes = List::grown(1 << 16);
    log.read_batches(Offset(0), &mut bytes).unwrap();
    let (mut rest, mut left): (&[u8], Vec<_>) = (&bytes, Vec::new());
    while let Ok((batch, behind)) = Batch::split_first(rest) {
        left.push((batch.header().base_offset().0, batch.header().record_count(), batch.crc_is_right()));
        rest = behind;
    }
    assert_eq!(left, [(0, 1, true), (2, 2, false), (4, 2, true)]);
}

#[test]
fn whoever_numbers_nothing_is_known_by_the_last_of_its_markers() {
    let disk = Shared::default();
    let mut log = open_shared(&disk, OpenHints::default());
    for round in 0..4 {
        for at in 0..3 {
            let given = Given { producer: Some((9, 0, -1)), transactional: true, ..Given::default() };
            let mut bytes = List::grown(1 << 12);
            let options = BatchOptions {
                producer: given.producer.map(|(id, epoch, _)| ProducerStamp {
                    id: ProducerId(id),
                    epoch: ProducerEpoch(epoch),
                    base_sequence: Sequence(-1),
                }),
                transactional: true,
                ..BatchOptions::default()
            };
            let mut builder = Builder::new(&mut bytes, options).unwrap();
            let value = Some(&[round, at][..]);
            builder.append(NewRecord { timestamp: Some(Timestamp(1)), key: Some(b"group"), value, headers: &[] }).unwrap();
            builder.finish().unwrap();
            let checked = check(&bytes, &log.config().rules(Origin::Coordinator), Timestamp(1), None).unwrap();
            log.append(Timestamp(1), EPOCH, &checked).unwrap();
        }
        put_marker(&mut log, 1, 9, if round == 1 { Outcome::Abort } else { Outcome::Commit });
    }
    segment_of(&mut log, 1, &[("group", Some("last"))]);
    // The first pass removes the records, the second marks the markers, the third removes them; and some more, where the header of a
    // record's batch has ended a segment.
    for wall in [1000, 2000, 3000, 4000, 5000] {
        assert!(compact(&mut log, &disk, wall));
        segment_of(&mut log, 1, &[("other", Some("word"))]);
    }
    let (records, markers) = lie_in(&mut log);
    assert_eq!((records.len(), markers.len()), (3, 1), "{markers:?}");
    let before = log.producers().find(ProducerId(9)).unwrap().clone();
    assert_eq!(before.coordinator_epoch, 3);
    log.close().unwrap();
    let mut names = Vec::new();
    disk.clone().list(&mut |name| names.push(name)).unwrap();
    names.into_iter().filter(|name| name.kind == FileKind::Snapshot).for_each(|name| disk.clone().delete(name).unwrap());
    let log = open_shared(&disk, OpenHints { clean: true, ..OpenHints::default() });
    assert_eq!(log.producers().find(ProducerId(9)), Some(&before));
}

#[test]
fn a_log_is_due_when_it_is_dirty_enough_or_too_old_and_not_while_it_is_too_young() {
    let disk = Shared::default();
    let mut log = open_shared(&disk, OpenHints::default());
    segment_of(&mut log, 1000, &[("a", Some("1")), ("b", Some("2")), ("c", Some("3"))]);
    segment_of(&mut log, 2000, &[("a", Some("4"))]);
    let due = |log: &mut SharedLog, wall| {
        let cleanable = log.cleanable(Timestamp(wall)).unwrap();
        (cleanable.is_due(log.config()), cleanable.upper.0, cleanable.later.map(|later| later.0))
    };
    assert_eq!(due(&mut log, 2000), (true, 4, None));
    log.configure(LogConfig { min_compaction_lag: Millis(500), ..config() });
    assert_eq!(due(&mut log, 1400), (false, 0, Some(1500)));
    assert_eq!(due(&mut log, 2499), (true, 3, Some(2500)));
    assert_eq!(due(&mut log, 2500), (true, 4, None));
    assert!(compact(&mut log, &disk, 2500));
    log.configure(config());
    assert_eq!(due(&mut log, 9000), (false, 4, None));
    put_batch(&mut log, 3000, BatchOptions::default(), Compression::None, &[keyed("d", Some("5"))]);
    log.sync_all().unwrap();
    log.configure(LogConfig { max_compaction_lag: Some(Millis(700)), ..config() });
    assert_eq!(due(&mut log, 3700), (false, 4, Some(3700)));
    // The active segment is ended, so that what lies in it can be compacted.
    assert_eq!(due(&mut log, 3701), (true, 5, None));
    assert!(compact(&mut log, &disk, 3701));
    assert_eq!((due(&mut log, 9000), log.first_dirty().0), ((false, 5, None), 5));
    log.configure(LogConfig { min_dirty_millionths: 600_000, ..config() });
    segment_of(&mut log, 4000, &[("a", Some("6"))]);
    assert!(!due(&mut log, 9000).0);
}

#[test]
fn tombstones_are_seen_for_as_long_as_was_promised() {
    let disk = Shared::default();
    let mut log = open_shared(&disk, OpenHints::default());
    segment_of(&mut log, 1, &[("a", Some("1")), ("b", Some("2")), ("a", None)]);
    let both = |log: &mut SharedLog| texts(log).iter().filter(|(_, text)| text.starts_with('a')).cloned().collect::<Vec<_>>();
    assert!(compact(&mut log, &disk, 1000));
    assert_eq!(both(&mut log), [(2, "a=-".into())]);
    // Its time is up at 1050, and something must be dirty for another pass.
    for (wall, left) in [(1049, 1), (1050, 0)] {
        segment_of(&mut log, 1, &[("c", Some("3"))]);
        assert!(compact(&mut log, &disk, wall));
        assert_eq!(both(&mut log).len(), left, "at {wall}");
    }
    assert!(texts(&mut log).contains(&(1, "b=2".into())));
}

#[test]
fn a_map_that_holds_no_batch_is_said_to_be_too_small() {
    let disk = Shared::default();
    let mut log = open_shared(&disk, OpenHints::default());
    let many: Vec<Keyed> = (0..30).map(|number| keyed(&alloc::format!("{number}"), Some("x"))).collect();
    put_batch(&mut log, 1, BatchOptions::default(), Compression::None, &many);
    log.sync_all().unwrap();
    log.roll(Timestamp(1)).unwrap();
    let few = CompactLimits { key_map_bytes: 24 * 16, ..limits() };
    let mut job = begin(&log, &disk, 9, &few).unwrap();
    assert_eq!(run(&mut log, &mut job, |_| ()), Err(CompactError::KeysTooMany { limit: 14 }));
}

#[test]
fn a_time_that_nobody_has_any_more_is_not_found() {
    let disk = Shared::default();
    let mut log = open_shared(&disk, OpenHints::default());
    segment_of(&mut log, 9000, &[("a", Some("1"))]);
    segment_of(&mut log, 10, &[("a", Some("2"))]);
    // Each stays a segment of its own, and the first keeps a header without a record.
    log.configure(LogConfig { segment_bytes: 100, ..config() });
    assert!(compact(&mut log, &disk, 9));
    assert_eq!((log.segments().len(), texts(&mut log)), (3, alloc::vec![(1, "a=2".into())]));
    for query in [TimestampQuery::Max, TimestampQuery::At(Timestamp(5))] {
        let (mut batch, mut records) = (List::grown(1 << 16), List::grown(1 << 16));
        let scratch = ReadScratch { batch: &mut batch, records: &mut records, codec: None };
        let found = log.offset_for_timestamp(query, ReadUpTo::LogEnd, scratch).unwrap();
        assert_eq!(found.map(|found| found.offset), Some(Offset(1)));
    }
}
