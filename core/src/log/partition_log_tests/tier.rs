//! A log whose closed segments lie in a store: what is read from where, what is deleted when, and what a crash between any two steps leaves.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

use super::shared::{Shared, SharedLog};
use super::*;
use crate::log::config::LocalRetention;
use crate::log::error::ReadError;
use crate::log::reading::{FoundOffset, ReadScratch, TimestampQuery};
use crate::log::tier::job::{Step, TierMemory};
use crate::log::tier::look::{Located, find_in, locate};
use crate::log::tier::manifest::MANIFEST;
use crate::log::tier::plan::{AttachError, Attached, TierWork};
use crate::log::tier::remote::{Knowledge, Object, ObjectId, RemoteSegment};
use crate::store::file_name::FileName;

/// A record: its offset, timestamp and value.
type Row = (i64, i64, Vec<u8>);
type Rows = Vec<Row>;

/// An object store; and a count of what was done in it, so that it can go away at any of these.
#[derive(Clone, Default)]
struct Bucket {
    objects: BTreeMap<String, Vec<u8>>,
    done: u64,
    goes_at: Option<u64>,
    ids: u8,
}

/// It went away.
#[derive(Debug, PartialEq, Eq)]
struct Gone;

impl Bucket {
    fn act(&mut self) -> Result<(), Gone> {
        if self.goes_at.is_some_and(|at| self.done >= at) {
            return Err(Gone);
        }
        self.done += 1;
        Ok(())
    }

    fn has(&self, object: &Object) -> bool {
        self.objects.contains_key(&object.to_string())
    }

    fn fresh_id(&mut self) -> ObjectId {
        self.ids += 1;
        ObjectId([self.ids; 16])
    }

    /// Attaches a log, and begins its first change, as long as `goes_on` says of the step that comes.
    fn tend_until(&mut self, log: &mut SharedLog, disk: &Shared, goes_on: &mut dyn FnMut(&Step<'_, FileName>) -> bool) {
        log.attach_store(Timestamp(0), None, |_| false, &mut List::grown(100)).unwrap();
        log.attached();
        let id = self.fresh_id();
        let mut job = log.begin_tiering(disk.clone(), TierMemory::grown(1000), id).unwrap().unwrap();
        while goes_on(&job.next()) {
            let Step::Upload(upload) = job.next() else { break };
            self.objects.insert(upload.object.to_string(), Vec::new());
            job.step();
        }
        log.tiering_failed();
    }

    /// Carries out all that the log wants done.
    fn tend(&mut self, log: &mut SharedLog, disk: &Shared) -> Result<(), Gone> {
        let done = self.try_tend(log, disk);
        if done.is_err() {
            log.tiering_failed();
        }
        done
    }

    fn try_tend(&mut self, log: &mut SharedLog, disk: &Shared) -> Result<(), Gone> {
        while let Some(work) = log.tier_work() {
            match work {
                TierWork::Attach => {
                    self.act()?;
                    let found = self.objects.get(MANIFEST).cloned();
                    log.attach_store(Timestamp(0), found.as_deref(), |object| self.has(object), &mut List::grown(1000)).unwrap();
                    let names: Vec<String> = self.objects.keys().cloned().collect();
                    for name in names {
                        if name != MANIFEST && Object::parse(&name).is_none_or(|object| !log.remote().names(&object)) {
                            self.act()?;
                            self.objects.remove(&name);
                        }
                    }
                    log.attached();
                }
                TierWork::Change => {
                    let id = self.fresh_id();
                    let Ok(Some(mut job)) = log.begin_tiering(disk.clone(), TierMemory::grown(1000), id) else { return Err(Gone) };
                    loop {
                        self.act()?;
                        match job.next() {
                            Step::Upload(upload) => {
                                let mut bytes = alloc::vec![0; usize::try_from(upload.size).unwrap()];
                                assert_eq!(disk.clone().read_at(upload.handle, 0, &mut bytes), Ok(bytes.len()));
                                // One that goes away in the middle may leave a part.
                                let name = upload.object.to_string();
                                self.objects.insert(name.clone(), bytes[..bytes.len() / 2].to_vec());
                                self.act()?;
                                self.objects.insert(name, bytes);
                            }
                            Step::PutManifest(bytes) => drop(self.objects.insert(MANIFEST.to_string(), bytes.to_vec())),
                            Step::KeepManifest => job.keep_manifest().map_err(|_| Gone)?,
                            Step::Commit => assert_eq!(log.end_tiering(&job), Ok(true)),
                            Step::Delete(object) => drop(self.objects.remove(&object.to_string())),
                            Step::Done => break,
                        }
                        job.step();
                    }
                    log.tiering_done();
                }
            }
        }
        Ok(())
    }

    /// Every record from the start of the log on, from wherever it lies.
    fn read_all(&self, log: &mut SharedLog, from: Offset) -> Rows {
        let mut all = Vec::new();
        let mut next = from;
        loop {
            match log.read(next, 700, ReadUpTo::LastStable, true) {
                Err(ReadError::Remote(segment)) => {
                    let bytes = &self.objects[&segment.object(FileKind::Log).to_string()];
                    assert_eq!(bytes.len(), usize::try_from(segment.size).unwrap());
                    let Located::At { position, .. } = locate(bytes, |header| header.last_offset() >= next) else {
                        panic!("{next} is there")
                    };
                    let mut rest = &bytes[position..];
                    while let Ok((batch, behind)) = Batch::split_first(rest) {
                        all.extend(values(&batch, next));
                        next = batch.header().next_offset();
                        rest = behind;
                    }
                    assert_eq!(next, segment.end);
                }
                Ok(range) if range.bytes.is_some() => {
                    let local = read_all(log, next, ReadUpTo::LastStable, 700);
                    next = log.watermarks().last_stable();
                    all.extend(local);
                }
                Ok(_) => return all,
                Err(other) => panic!("{next} cannot be read: {other}"),
            }
        }
    }

    /// What lies there and is named by nobody.
    fn leaked(&self, log: &SharedLog) -> Vec<String> {
        let is_leaked = |name: &&String| *name != MANIFEST && Object::parse(name).is_none_or(|object| !log.remote().names(&object));
        self.objects.keys().filter(is_leaked).cloned().collect()
    }
}

fn values(batch: &Batch<'_>, from: Offset) -> Rows {
    let header = batch.header();
    let records = batch.records().unwrap().map(Result::unwrap);
    let told = records.map(|record| {
        let offset = header.base_offset().0 + i64::from(record.offset_delta);
        (offset, header.base_timestamp() + record.timestamp_delta, record.value.unwrap_or_default().to_vec())
    });
    told.filter(|(offset, _, _)| *offset >= from.0).collect()
}

fn tiered() -> LogConfig {
    LogConfig { remote_storage: true, local_retention_bytes: LocalRetention::AtMost(3_000), ..small(false) }
}

fn open_at(disk: &Shared, config: LogConfig, hints: OpenHints) -> SharedLog {
    PartitionLog::open(Timestamp(0), disk.clone(), memory(), config, hints).unwrap().0
}

fn append(log: &mut SharedLog, times: core::ops::Range<i64>) -> Rows {
    let mut written = Vec::new();
    for time in times {
        let value = alloc::vec![u8::try_from(time % 250).unwrap(); 200];
        let appended = put(log, time, &Given::of(&[&value], time)).unwrap();
        written.push((appended.base_offset.0, time, value));
    }
    log.sync_all().unwrap();
    written
}

fn local_bases(disk: &Shared) -> Vec<i64> {
    let mut bases = Vec::new();
    disk.clone().list(&mut |file| bases.extend((file.kind == FileKind::Log).then_some(file.base.0))).unwrap();
    bases.sort_unstable();
    bases
}

/// A log with some segments in the store only, and all of what was written.
fn world(config: LogConfig) -> (Shared, SharedLog, Bucket, Rows) {
    let (disk, mut bucket) = (Shared::default(), Bucket::default());
    let mut log = open_at(&disk, config, OpenHints::default());
    let written = append(&mut log, 0..60);
    bucket.tend(&mut log, &disk).unwrap();
    log.retain(Timestamp(100)).unwrap();
    (disk, log, bucket, written)
}

#[test]
fn what_left_the_disk_is_read_from_the_store_and_nothing_leaves_before_it_is_there() {
    let (disk, mut bucket) = (Shared::default(), Bucket::default());
    let mut log = open_at(&disk, tiered(), OpenHints::default());
    let written = append(&mut log, 0..60);
    let before = local_bases(&disk);
    assert!(before.len() > 8);
    bucket.goes_at = Some(0);
    assert_eq!(bucket.tend(&mut log, &disk), Err(Gone));
    log.retain(Timestamp(i64::MAX)).unwrap();
    assert_eq!(local_bases(&disk), before, "a store that is away delays deletion");
    bucket.goes_at = None;
    bucket.tend(&mut log, &disk).unwrap();
    log.retain(Timestamp(100)).unwrap();
    assert!(local_bases(&disk).len() <= 3);
    assert_eq!((log.watermarks().log_start(), log.local_start() > Offset(40)), (Offset(0), true));
    assert_eq!(bucket.read_all(&mut log, Offset(0)), written);
    assert_eq!(bucket.read_all(&mut log, Offset(33)), written[33..]);
    assert_eq!(log.remote().copied_end().unwrap().0, *before.last().unwrap());
    assert_eq!(bucket.leaked(&log), Vec::<String>::new());
}

#[test]
fn a_log_knows_its_offsets_while_the_store_is_away_and_asks_it_when_the_copy_is_lost() {
    for (is_clean, is_lost) in [(true, false), (false, false), (true, true), (false, true)] {
        let (disk, mut log, mut bucket, written) = world(tiered());
        let local_start = log.local_start();
        let hints = OpenHints { clean: is_clean, recovery_point: Some(log.durable_end()), ..OpenHints::default() };
        if is_clean {
            log.close().unwrap();
        }
        if is_lost {
            disk.clone().write_at(FileName::REMOTE_MANIFEST, 20, &[&[0x77]]).unwrap();
        }
        let mut log = open_at(&disk, tiered(), hints);
        assert_eq!((log.watermarks().log_start(), log.local_start()), (Offset(0), local_start));
        if is_lost {
            assert!(matches!(log.read(Offset(3), 100, ReadUpTo::LogEnd, true), Err(ReadError::RemoteUnknown { .. })));
            log.retain(Timestamp(i64::MAX)).unwrap();
            assert_eq!(log.local_start(), local_start);
        } else {
            assert_eq!(log.remote().knowledge(), Knowledge::Known);
            assert!(matches!(log.read(Offset(3), 100, ReadUpTo::LogEnd, true), Err(ReadError::Remote(_))));
        }
        bucket.tend(&mut log, &disk).unwrap();
        assert_eq!(bucket.read_all(&mut log, Offset(0)), written);
    }
}

#[test]
fn a_disk_that_lost_everything_goes_on_where_the_store_ends() {
    let (_, log, mut bucket, written) = world(tiered());
    let copied = log.remote().copied_end().unwrap();
    let disk = Shared::default();
    let mut log = open_at(&disk, tiered(), OpenHints::default());
    bucket.tend(&mut log, &disk).unwrap();
    assert_eq!((log.watermarks().log_start(), log.watermarks().log_end()), (Offset(0), copied));
    let more = append(&mut log, 70..90);
    assert_eq!(more[0].0, copied.0);
    bucket.tend(&mut log, &disk).unwrap();
    let expected = [&written[..usize::try_from(copied.0).unwrap()], &more].concat();
    assert_eq!(bucket.read_all(&mut log, Offset(0)), expected);
    // Where it had records before it rests until the store has told: no offset is given out twice, and nobody is sent to another one.
    let disk = Shared::default();
    for _ in 0..2 {
        let hints = OpenHints { recovery_point: Some(Offset(copied.0 - 4)), log_start: Some(Offset(0)), ..OpenHints::default() };
        let mut log = open_at(&disk, tiered(), hints);
        assert!(matches!(put(&mut log, 90, &Given::of(&[b"x"], 90)), Err(AppendError::Awaited)));
        for from in [0, 3, 1000] {
            let read = log.read(Offset(from), 100, ReadUpTo::LogEnd, true);
            assert!(matches!(read, Err(ReadError::RemoteUnknown { .. })), "{from}");
        }
        assert_eq!(log.durable_end(), Offset(copied.0 - 4), "it is remembered for the next start");
        log.sync_all().unwrap();
    }
    let hints = OpenHints { recovery_point: Some(Offset(copied.0 - 4)), ..OpenHints::default() };
    let mut log = open_at(&disk, tiered(), hints);
    bucket.tend(&mut log, &disk).unwrap();
    assert_eq!((log.watermarks().log_start(), log.watermarks().log_end() >= copied), (Offset(0), true));
    append(&mut log, 70..75);
    // One that has other records at these offsets is not mixed with it.
    let disk = Shared::default();
    let mut log = open_at(&disk, tiered(), OpenHints::default());
    append(&mut log, 0..3);
    let found = bucket.objects.get(MANIFEST).map(Vec::as_slice);
    let attached = log.attach_store(Timestamp(0), found, |object| bucket.has(object), &mut List::grown(1000));
    assert!(matches!(attached, Err(AttachError::Ahead { .. })), "{attached:?}");
}

#[test]
fn total_retention_deletes_in_the_store_and_deleted_records_too() {
    let config = LogConfig { retention_bytes: Some(12_000), ..tiered() };
    let (disk, mut log, mut bucket, written) = world(config);
    let start = log.watermarks().log_start();
    assert!(start > Offset(0), "it is more than may be kept");
    bucket.tend(&mut log, &disk).unwrap();
    assert_eq!(bucket.leaked(&log), Vec::<String>::new());
    assert!(bucket.objects.keys().all(|name| Object::parse(name).is_none_or(|object| object.base >= start)));
    assert_eq!(bucket.read_all(&mut log, start), written[usize::try_from(start.0).unwrap()..]);
    assert!(matches!(log.read(Offset(0), 100, ReadUpTo::LogEnd, true), Err(ReadError::OutOfRange { .. })));
    // By age.
    log.configure(LogConfig { retention_ms: Some(Millis(65)), ..config });
    log.retain(Timestamp(95)).unwrap();
    assert!(log.watermarks().log_start() > start && log.watermarks().log_start() < Offset(50));
    // DeleteRecords, inside of what is in the store only.
    let start = Offset(log.watermarks().log_start().0 + 1);
    assert!(start < log.local_start());
    log.delete_records(start).unwrap();
    bucket.tend(&mut log, &disk).unwrap();
    assert_eq!(bucket.read_all(&mut log, start), written[usize::try_from(start.0).unwrap()..]);
    // And over all of it.
    log.delete_records(Offset(60)).unwrap();
    log.retain(Timestamp(100)).unwrap();
    bucket.tend(&mut log, &disk).unwrap();
    assert_eq!(bucket.objects.keys().collect::<Vec<_>>(), [MANIFEST]);
    assert_eq!((log.local_start(), log.watermarks().log_start()), (Offset(60), Offset(60)));
}

#[test]
fn a_topic_that_is_tiered_no_longer_keeps_what_is_on_the_disk() {
    let (disk, mut log, mut bucket, written) = world(tiered());
    let local_start = log.local_start();
    // Read only: nothing more is copied, everything can be read. Source: KIP-950.
    let read_only = LogConfig { remote_copy_disabled: true, ..tiered() };
    log.configure(read_only);
    let more = append(&mut log, 60..80);
    let objects = bucket.objects.len();
    bucket.tend(&mut log, &disk).unwrap();
    log.retain(Timestamp(100)).unwrap();
    assert_eq!((bucket.objects.len(), log.local_start()), (objects, local_start));
    assert_eq!(bucket.read_all(&mut log, Offset(0)), [&*written, &*more].concat());
    // Without the word to delete it, it stays.
    log.configure(LogConfig { remote_storage: false, ..tiered() });
    assert_eq!((log.tier_work(), log.watermarks().log_start()), (None, Offset(0)));
    let off = LogConfig { remote_storage: false, remote_delete_on_disable: true, ..tiered() };
    log.configure(off);
    assert_eq!(log.watermarks().log_start(), local_start);
    bucket.tend(&mut log, &disk).unwrap();
    assert_eq!(bucket.objects.keys().collect::<Vec<_>>(), [MANIFEST]);
    assert_eq!(log.remote().copied_end(), None);
    // And back: it begins with what is on the disk.
    log.configure(tiered());
    bucket.tend(&mut log, &disk).unwrap();
    assert_eq!(log.remote().segments()[0].base, local_start);
    log.retain(Timestamp(100)).unwrap();
    let all = [written, more].concat();
    assert_eq!(bucket.read_all(&mut log, local_start), all[usize::try_from(local_start.0).unwrap()..]);
}

#[test]
fn only_what_is_closed_decided_and_durable_is_copied() {
    let (disk, mut bucket) = (Shared::default(), Bucket::default());
    let mut log = open_at(&disk, tiered(), OpenHints::default());
    for time in 0..10 {
        put(&mut log, time, &Given::of(&[&[1; 400]], time)).unwrap();
    }
    bucket.tend(&mut log, &disk).unwrap();
    assert!(bucket.objects.is_empty(), "nothing is durable yet");
    log.sync_all().unwrap();
    let open = Given { producer: Some((7, 0, 0)), transactional: true, ..Given::of(&[&[2; 400]], 10) };
    let from = put(&mut log, 10, &open).unwrap().base_offset;
    append(&mut log, 11..40);
    bucket.tend(&mut log, &disk).unwrap();
    assert!(log.remote().copied_end().unwrap() <= from, "a transaction is open");
    let marker = EndMarker { outcome: crate::record::marker::Outcome::Abort, coordinator_epoch: 0 };
    put(&mut log, 41, &Given { producer: Some((7, 0, -1)), transactional: true, marker: Some(marker), ..Given::default() }).unwrap();
    log.sync_all().unwrap();
    bucket.tend(&mut log, &disk).unwrap();
    let active = log.segments().last().unwrap().base();
    assert_eq!(log.remote().copied_end(), Some(active));
    log.roll(Timestamp(50)).unwrap();
    bucket.tend(&mut log, &disk).unwrap();
    assert_eq!(log.remote().copied_end(), Some(log.watermarks().log_end()));
    let last = log.remote().segments().last().unwrap();
    assert_eq!(last.txn_entries, 1);
    assert!(bucket.objects.contains_key(&last.object(FileKind::TxnIndex).to_string()));
}

fn look_for(log: &mut SharedLog, bucket: &Bucket, query: TimestampQuery) -> Option<FoundOffset> {
    let (mut batch, mut records) = (List::grown(1 << 16), List::grown(1 << 16));
    let mut query = query;
    loop {
        let scratch = ReadScratch { batch: &mut batch, records: &mut records, codec: None };
        let segment: RemoteSegment = match log.offset_for_timestamp(query, ReadUpTo::HighWatermark, scratch) {
            Err(ReadError::Remote(segment)) => segment,
            found => return found.unwrap(),
        };
        let (time, from) = match query {
            TimestampQuery::At(time) => (time, log.watermarks().log_start()),
            TimestampQuery::AtFrom(time, from) => (time, from),
            _ => (segment.max_timestamp.unwrap().timestamp, Offset(0)),
        };
        let bytes = &bucket.objects[&segment.object(FileKind::Log).to_string()];
        let is_it =
            |header: &crate::record::batch::Header| header.last_offset() >= from && header.max_timestamp().is_some_and(|max| max >= time);
        if let Located::At { position, .. } = locate(bytes, is_it)
            && let Some(found) = find_in(&bytes[position..], (time, from), &mut records, None).unwrap()
        {
            return Some(found);
        }
        query = TimestampQuery::AtFrom(time, segment.end);
    }
}

#[test]
fn offsets_are_found_wherever_they_lie() {
    let (disk, mut log, mut bucket, written) = world(tiered());
    let find = |log: &mut SharedLog, query| look_for(log, &bucket, query).map(|found| found.offset.0);
    for (offset, time, _) in &written {
        assert_eq!(find(&mut log, TimestampQuery::At(Timestamp(*time))), Some(*offset));
    }
    assert_eq!(find(&mut log, TimestampQuery::At(Timestamp(60))), None);
    assert_eq!(find(&mut log, TimestampQuery::Max), Some(59));
    let copied = log.remote().copied_end().unwrap().0;
    assert_eq!(find(&mut log, TimestampQuery::Earliest), Some(0));
    assert_eq!(find(&mut log, TimestampQuery::EarliestLocal), Some(log.local_start().0));
    assert_eq!(find(&mut log, TimestampQuery::LatestTiered), Some(copied - 1));
    assert_eq!(find(&mut log, TimestampQuery::EarliestPendingUpload), Some(copied));
    // The latest record may lie in the store.
    let mut log = open_at(&Shared::default(), tiered(), OpenHints::default());
    let fresh = |log: &mut SharedLog, query| look_for(log, &Bucket::default(), query).map(|found| found.offset.0);
    assert_eq!((fresh(&mut log, TimestampQuery::LatestTiered), fresh(&mut log, TimestampQuery::EarliestPendingUpload)), (None, None));
    let disk_again = disk.copy();
    let mut log = open_at(&disk_again, tiered(), OpenHints::default());
    put(&mut log, 5, &Given::of(&[&[1; 1900]], 5)).unwrap();
    append(&mut log, 1..20);
    bucket.tend(&mut log, &disk_again).unwrap();
    log.retain(Timestamp(100)).unwrap();
    assert!(log.local_start() > Offset(60));
    let find = |log: &mut SharedLog, query| look_for(log, &bucket, query).map(|found| found.offset.0);
    assert_eq!(find(&mut log, TimestampQuery::Max), Some(59));
}

/// Everything that happens to a log and its store: some segments are copied, some are deleted on the disk, some in the store.
fn day(disk: &Shared, bucket: &mut Bucket, log: &mut SharedLog) -> Result<(), Gone> {
    bucket.tend(log, disk)?;
    log.retain(Timestamp(100)).map_err(|_| Gone)?;
    bucket.tend(log, disk)?;
    log.retain(Timestamp(100)).map_err(|_| Gone)?;
    bucket.tend(log, disk)
}

fn check_whole(disk: &Shared, bucket: &mut Bucket, hints: OpenHints, written: &[Row], config: LogConfig, why: &str) {
    let mut log = open_at(disk, config, hints);
    let start = log.watermarks().log_start();
    if log.remote().knowledge() == Knowledge::Known {
        let from = usize::try_from(start.0).unwrap();
        assert_eq!(bucket.read_all(&mut log, start), written[from..], "{why}: at once");
    }
    // Only what retention allows is gone, and in the end nothing is left lying about.
    day(disk, bucket, &mut log).unwrap();
    let start = log.watermarks().log_start();
    let from = usize::try_from(start.0).unwrap();
    assert_eq!(bucket.read_all(&mut log, start), written[from..], "{why}: in the end");
    let kept: usize = written[from..].iter().map(|(_, _, value)| value.len()).sum();
    assert!(kept + 2_000 > 8_000, "{why}: no more than allowed is gone, but {kept} bytes are left");
    assert_eq!(bucket.leaked(&log), Vec::<String>::new(), "{why}");
}

#[test]
fn wherever_the_work_in_the_store_dies_every_record_is_read_once_and_nothing_leaks() {
    let config = LogConfig { retention_bytes: Some(8_000), ..tiered() };
    let (whole, start) = (Shared::default(), Bucket::default());
    let mut log = open_at(&whole, config, OpenHints::default());
    let written = append(&mut log, 0..60);
    let hints = OpenHints { recovery_point: Some(log.durable_end()), ..OpenHints::default() };
    drop(log);
    let (steps, changes) = {
        let (disk, mut bucket) = (whole.copy(), start.clone());
        let mut log = open_at(&disk, config, hints);
        let from = disk.changes();
        day(&disk, &mut bucket, &mut log).unwrap();
        (bucket.done, from..disk.changes())
    };
    assert!(steps > 60 && changes.end - changes.start > 60, "{steps} steps, {changes:?} changes");
    // The store goes away, or the broker dies, before each step there.
    for goes_at in 0..steps {
        for is_killed in [false, true] {
            let (disk, mut bucket) = (whole.copy(), start.clone());
            let mut log = open_at(&disk, config, hints);
            bucket.goes_at = Some(goes_at);
            assert_eq!(day(&disk, &mut bucket, &mut log), Err(Gone));
            bucket.goes_at = None;
            if is_killed {
                drop(log);
                disk.crash(&mut Dice(goes_at));
                check_whole(&disk, &mut bucket, hints, &written, config, &alloc::format!("killed at step {goes_at}"));
            } else {
                day(&disk, &mut bucket, &mut log).unwrap();
                drop(log);
                check_whole(&disk, &mut bucket, hints, &written, config, &alloc::format!("gone at step {goes_at}"));
            }
        }
    }
    // The disk dies at each of its changes, and loses what was not synced.
    for dies_at in changes {
        for luck in 0..4 {
            let (disk, mut bucket) = (whole.copy(), start.clone());
            let mut log = open_at(&disk, config, hints);
            disk.die_at(Some(dies_at));
            let died = day(&disk, &mut bucket, &mut log);
            drop(log);
            disk.crash(&mut Dice(dies_at * 31 + luck));
            if died.is_err() {
                check_whole(&disk, &mut bucket, hints, &written, config, &alloc::format!("the disk died at {dies_at}, luck {luck}"));
            }
        }
    }
}

#[test]
fn a_manifest_that_is_missing_or_damaged_in_the_store_is_written_again() {
    for damage in [None, Some(b"junk".to_vec())] {
        let (disk, mut log, mut bucket, written) = world(tiered());
        match damage {
            None => drop(bucket.objects.remove(MANIFEST)),
            Some(junk) => drop(bucket.objects.insert(MANIFEST.to_string(), junk)),
        }
        log.tiering_failed();
        let found = bucket.objects.get(MANIFEST).cloned();
        assert_eq!(
            log.attach_store(Timestamp(0), found.as_deref(), |object| bucket.has(object), &mut List::grown(100)),
            Ok(Attached::Behind)
        );
        log.attached();
        bucket.tend(&mut log, &disk).unwrap();
        let mut segments = List::grown(100);
        crate::log::tier::manifest::decode(&bucket.objects[MANIFEST], &mut segments).unwrap();
        assert_eq!(segments.len(), log.remote().segments().len());
        assert_eq!(bucket.read_all(&mut log, Offset(0)), written);
    }
}

#[test]
fn a_manifest_that_was_given_up_and_comes_late_takes_nothing_with_it() {
    let (disk, mut bucket) = (Shared::default(), Bucket::default());
    let mut log = open_at(&disk, tiered(), OpenHints::default());
    let written = append(&mut log, 0..60);
    let hints = OpenHints { recovery_point: Some(log.durable_end()), ..OpenHints::default() };
    // Its writer gives up on it, and deletes the objects that it would have named.
    let (mut late, mut objects) = (Vec::new(), Vec::new());
    bucket.tend_until(&mut log, &disk, &mut |step| {
        if let Step::PutManifest(bytes) = step {
            late = bytes.to_vec();
        }
        late.is_empty()
    });
    objects.extend(bucket.objects.keys().cloned());
    assert!(!objects.is_empty());
    for is_killed_first in [true, false] {
        let (disk, mut bucket) = (disk.copy(), bucket.clone());
        let mut log = open_at(&disk, tiered(), hints);
        if is_killed_first {
            objects.iter().for_each(|name| drop(bucket.objects.remove(name)));
        } else {
            bucket.tend(&mut log, &disk).unwrap();
            assert!(objects.iter().all(|name| !bucket.objects.contains_key(name)), "swept");
        }
        let generation = log.remote().generation();
        bucket.objects.insert(MANIFEST.to_string(), late.clone());
        drop(log);
        let mut log = open_at(&disk, tiered(), hints);
        if is_killed_first {
            let attached = log.attach_store(Timestamp(0), Some(&late), |object| bucket.has(object), &mut List::grown(100));
            assert!(matches!(attached, Err(AttachError::Missing(_))), "{attached:?}");
            log.retain(Timestamp(100)).unwrap();
            assert_eq!(log.local_start(), Offset(0), "nothing leaves the disk");
            continue;
        }
        bucket.tend(&mut log, &disk).unwrap();
        assert!(log.remote().generation() > generation, "it is written again");
        log.retain(Timestamp(100)).unwrap();
        assert!(log.local_start() > Offset(0));
        assert_eq!(bucket.read_all(&mut log, Offset(0)), written);
    }
}
