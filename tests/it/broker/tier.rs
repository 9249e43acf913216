//! A broker whose topics keep closed segments in an object store: what clients see, whatever the store does.

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use millpond::broker::Broker;
use millpond::client::cluster::Cluster;
use millpond::client::connection::Options;
use millpond::config::broker_config::BrokerConfig;
use millpond::protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
};
use millpond::protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use millpond::protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic};
use millpond::tier::Cold;
use millpond_core::log::tier::manifest;
use millpond_core::log::tier::remote::Object;
use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::{Array, Records};
use millpond_tests::broker::Broker as Process;
use millpond_tests::command::run;
use millpond_tests::wait::until;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::command;
use super::flaky::{Flaky, Mood};

/// Settings with which segments wander at a test's pace, over many small pieces.
pub(crate) const QUICK: &[(&str, &str)] = &[
    ("remote.log.storage.system.enable", "true"),
    ("remote.log.manager.task.interval.ms", "50"),
    ("remote.log.manager.task.retry.backoff.ms", "10"),
    ("remote.log.manager.task.retry.backoff.max.ms", "100"),
    ("log.retention.check.interval.ms", "50"),
    ("remote.fetch.max.wait.ms", "3000"),
    ("rsm.config.chunk.size", "65536"),
    ("rsm.config.fetch.chunk.cache.size", "1048576"),
    ("rsm.config.fetch.chunk.cache.prefetch.max.size", "131072"),
];

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

const UNSUPPORTED_VERSION: i16 = 35;
const KAFKA_STORAGE_ERROR: i16 = 56;

const CREATE: &str = "topic create t --config remote.storage.enable=true --config local.retention.bytes=1048576";

/// So many records, as lines.
fn lines(numbers: core::ops::Range<usize>) -> String {
    let mut lines = String::new();
    for number in numbers {
        writeln!(lines, "{number:06}-{}", "x".repeat(990)).expect("text");
    }
    lines
}

#[expect(clippy::disallowed_methods, reason = "the test is about what is under way by then")]
fn pause(span: Duration) {
    std::thread::sleep(span);
}

/// A broker in the test's own process, and the store that it was given.
struct World {
    broker: Option<Broker>,
    runtime: tokio::runtime::Runtime,
    store: Arc<Flaky>,
    config: BrokerConfig,
    directory: PathBuf,
    address: String,
}

impl World {
    fn new(name: &str, more: &[(&str, &str)]) -> Self {
        let directory = std::env::temp_dir().join(format!("millpond-tier-{name}-{}", std::process::id()));
        // It may be left over from a run before.
        let _ = fs::remove_dir_all(&directory);
        let own = [
            ("listeners", "PLAINTEXT://127.0.0.1:0"),
            ("log.dirs", directory.to_str().expect("text")),
            ("rsm.config.url", "memory:///"),
            ("rsm.config.request.timeout.ms", "150"),
            ("log.segment.bytes", "1048576"),
        ];
        let entries = QUICK.iter().copied().chain(own).chain(more.iter().copied());
        let (config, warnings) = BrokerConfig::from_entries(entries).expect("settings");
        assert!(warnings.is_empty());
        let mut world = Self { broker: None, runtime: runtime(), store: Flaky::new(), config, directory, address: String::new() };
        world.start();
        world
    }

    fn start(&mut self) {
        let store: Arc<dyn ObjectStore> = Arc::<Flaky>::clone(&self.store);
        let make = Box::new(move |config: &_, cluster: &str| Cold::new(store, &Path::from("below"), cluster, config));
        let broker = self.runtime.block_on(Broker::start_with(self.config.clone(), Some(make))).expect("starts");
        self.address = broker.local_addr().to_string();
        self.broker = Some(broker);
    }

    /// Ends it without a word.
    fn kill(&mut self) {
        drop(self.broker.take());
        // Its directory is free once all its tasks have ended.
        core::mem::replace(&mut self.runtime, runtime()).shutdown_timeout(Duration::from_secs(10));
    }

    #[track_caller]
    fn run(&self, line: &str, input: &str) -> String {
        run(&self.address, line, input.as_bytes().to_vec()).ok()
    }

    fn read(&self) -> String {
        self.run("consume t --from earliest --exit-at-end", "")
    }

    /// Asks for an offset by time, in a version of the request: the error code and what was found.
    fn offset(&self, timestamp: i64, version: i16) -> (i16, i64) {
        self.runtime.block_on(async {
            let mut cluster = Cluster::connect(&self.address, Options::default()).await.expect("connects");
            let partitions = [ListOffsetsPartition { timestamp, ..Default::default() }];
            let topics = [ListOffsetsTopic { name: "t", partitions: Array::from(&partitions[..]) }];
            let request = ListOffsetsRequest { replica_id: -1, topics: Array::from(&topics[..]), timeout_ms: 5000, ..Default::default() };
            let connection = cluster.any().await.expect("a connection");
            let reply = connection.call_in(&request, Versions::new(version, version)).await.expect("is answered");
            let response: ListOffsetsResponse<'_> = reply.read().expect("is an answer");
            let told = response.topics.iter().flat_map(|topic| topic.partitions.iter()).next().expect("the partition is spoken of");
            (told.error_code, told.offset)
        })
    }

    fn delete_records(&self, offset: i64) {
        self.runtime.block_on(async {
            let mut cluster = Cluster::connect(&self.address, Options::default()).await.expect("connects");
            let partitions = [DeleteRecordsPartition { partition_index: 0, offset }];
            let topics = [DeleteRecordsTopic { name: "t", partitions: Array::from(&partitions[..]) }];
            let request = DeleteRecordsRequest { topics: Array::from(&topics[..]), timeout_ms: 10_000 };
            let reply = cluster.ask(&request).await.expect("is answered");
            let response: DeleteRecordsResponse<'_> = reply.read().expect("is an answer");
            let told = response.topics.iter().flat_map(|topic| topic.partitions.iter()).next().expect("the partition is spoken of");
            assert_eq!((told.error_code, told.low_watermark), (0, offset));
        });
    }

    /// One fetch: the error code, and whether records came.
    fn fetch(&self, fetch_offset: i64) -> (i16, bool) {
        self.runtime.block_on(async {
            let mut cluster = Cluster::connect(&self.address, Options::default()).await.expect("connects");
            let partitions = [FetchPartition { fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() }];
            let topics = [FetchTopic { topic: "t", partitions: Array::from(&partitions[..]), ..Default::default() }];
            let request =
                FetchRequest { max_wait_ms: 100, min_bytes: 1, max_bytes: 1 << 20, topics: Array::from(&topics[..]), ..Default::default() };
            let connection = cluster.any().await.expect("a connection");
            let reply = connection.call_in(&request, Versions::new(12, 12)).await.expect("is answered");
            let response: FetchResponse<'_> = reply.read().expect("is an answer");
            let told = response.responses.iter().flat_map(|topic| topic.partitions.iter()).next().expect("the partition is spoken of");
            let records = match told.records {
                Some(Records::Here(bytes)) => !bytes.is_empty(),
                _ => false,
            };
            (told.error_code, records)
        })
    }

    fn names(&self) -> Vec<String> {
        self.runtime.block_on(self.store.names())
    }

    /// How many segments lie on the disk.
    fn local(&self) -> usize {
        let files = fs::read_dir(self.directory.join("t-0")).expect("the partition").flatten();
        files.filter(|file| file.path().extension().is_some_and(|kind| kind == "log")).count()
    }

    /// Where the segment begins that is written to.
    fn active(&self) -> i64 {
        let files = fs::read_dir(self.directory.join("t-0")).expect("the partition").flatten();
        let bases = files.filter_map(|file| file.file_name().to_str()?.strip_suffix(".log")?.parse().ok());
        bases.max().expect("there is always one")
    }

    /// What lies in the store and is named by no manifest.
    fn leaked(&self) -> Vec<String> {
        let names = self.names();
        let mut named = BTreeSet::new();
        for name in names.iter().filter(|name| name.ends_with("/manifest")) {
            let bytes = self.runtime.block_on(async { self.store.get(&Path::from(name.as_str())).await?.bytes().await }).expect("is there");
            let mut segments = millpond_core::bounded::list::List::grown(1000);
            manifest::decode(&bytes, &mut segments).expect("a manifest");
            for segment in segments.iter() {
                named.extend(segment.objects().map(|object| name.replace("manifest", &object.to_string())));
            }
            named.insert(name.clone());
        }
        assert!(named.iter().all(|name| names.contains(name)), "a manifest names what is not there");
        names.into_iter().filter(|name| !named.contains(name)).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

const RECORDS: usize = 8_000;

#[test]
fn a_store_that_is_away_delays_deletion_and_loses_nothing() {
    let mut world = World::new("away", &[]);
    world.run(CREATE, "");
    let written = lines(0..RECORDS);
    let half = written.len() / 2;
    for mood in [Mood::Gone, Mood::Hanging, Mood::HalfWrites] {
        world.store.be(mood);
        if mood == Mood::Gone {
            world.run("produce t --batch-bytes 16384", &written[..half]);
        }
        let asked = world.store.asked();
        until("it is tried again and again", || (world.store.asked() > asked + 4).then_some(()));
        assert_eq!(world.local(), half / 1_048_576 + 1, "nothing has left the disk ({mood:?})");
        assert!(world.read() == written[..half]);
    }
    world.store.be(Mood::Fine);
    until("what waited is copied", || (world.local() <= 3).then_some(()));
    assert!(world.read() == written[..half], "from the store");
    until("what half-writes left is gone", || world.leaked().is_empty().then_some(()));

    // Away while it is read from: nobody is told a wrong thing, and who asks again gets it.
    world.store.be(Mood::Gone);
    let read = std::thread::scope(|scope| {
        let reader = scope.spawn(|| world.read());
        world.run("produce t --batch-bytes 16384", &written[half..]);
        let asked = world.store.asked();
        until("it is tried again and again", || (world.store.asked() > asked + 20).then_some(()));
        world.store.be(Mood::Fine);
        reader.join().expect("it reads on when the store is back")
    });
    assert!(written.starts_with(&read) && read.len() >= half, "{} of {} bytes", read.len(), written.len());
    until("the rest is copied too", || (world.local() <= 3).then_some(()));
    assert!(world.read() == written);
    world.kill();
    // Without the store it starts, and knows its offsets.
    world.store.be(Mood::Gone);
    world.start();
    assert_eq!(world.offset(LATEST, 11), (0, 8000));
    assert_eq!(world.offset(EARLIEST, 11), (0, 0));
    let local = world.offset(EARLIEST_LOCAL, 11).1;
    assert!(local > 4000, "{local}");
    // What lies on the disk is read as ever, what does not is not there for now.
    let read = world.run(&format!("consume t --from {local} --exit-at-end"), "");
    assert!(!read.is_empty() && written.ends_with(&read));
    assert_eq!(world.fetch(local), (0, true));
    assert_eq!(world.fetch(0), (KAFKA_STORAGE_ERROR, false));
    world.store.be(Mood::Hanging);
    // It answers in time, without records and without an error: the client asks again.
    assert_eq!(world.fetch(0), (KAFKA_STORAGE_ERROR, false), "once the request to the store has timed out");
    world.store.be(Mood::Fine);
    assert!(world.read() == written);
}

#[test]
fn a_fickle_store_and_a_broker_that_is_killed_lose_nothing_and_leave_nothing() {
    let mut world = World::new("fickle", &[]);
    world.run(CREATE, "");
    let written = lines(0..RECORDS);
    let step = written.len() / 8;
    for part in 0..8 {
        world.store.be(Mood::Fickle(12));
        world.run("produce t --batch-bytes 16384", &written[part * step..(part + 1) * step]);
        // Wherever it is by then.
        pause(Duration::from_millis(37 * u64::try_from(part).expect("small") + 20));
        world.kill();
        world.start();
        if part % 3 == 2 {
            world.store.be(Mood::Fine);
            assert!(world.read() == written[..(part + 1) * step], "part {part}");
        }
    }
    world.store.be(Mood::Fine);
    until("all is copied", || (world.local() <= 3).then_some(()));
    assert!(world.read() == written);
    until("nothing is left lying about", || world.leaked().is_empty().then_some(()));
    // With the topic everything goes, when the store lets it.
    world.store.be(Mood::Gone);
    world.run("topic delete t", "");
    world.kill();
    world.start();
    assert!(!world.names().is_empty());
    world.store.be(Mood::Fine);
    until("what the store had of the topic is gone", || world.names().is_empty().then_some(()));
}

#[test]
fn old_records_leave_the_store_and_offsets_are_found_in_it() {
    let world = World::new("offsets", &[]);
    world.run(CREATE, "");
    let written = lines(0..RECORDS);
    world.run("produce t --batch-bytes 16384", &written);
    until("all is copied", || (world.offset(EARLIEST_PENDING_UPLOAD, 11).1 == world.active()).then_some(()));
    until("the disk is rid of it", || (world.local() <= 3).then_some(()));
    let before = world.names().len();
    // Which offsets there are, and since which version that may be asked. Source: KIP-405, KIP-1005, KIP-1023.
    assert_eq!(world.offset(EARLIEST, 1), (0, 0));
    let local = world.offset(EARLIEST_LOCAL, 8).1;
    let tiered = world.offset(LATEST_TIERED, 9).1;
    assert!(local > 0 && local <= tiered && tiered < 8000, "{local} {tiered}");
    assert_eq!(world.offset(EARLIEST_PENDING_UPLOAD, 11), (0, tiered + 1));
    for (timestamp, since) in [(EARLIEST_LOCAL, 8), (LATEST_TIERED, 9), (EARLIEST_PENDING_UPLOAD, 11)] {
        assert_eq!(world.offset(timestamp, since).0, 0);
        assert_eq!(world.offset(timestamp, since - 1), (UNSUPPORTED_VERSION, -1), "{timestamp} before {since}");
    }
    world.run("group reset-offsets g --topic t --to-offset 1234 --execute", "");
    let read = world.run("consume t --group g --max-records 3 --print-offset", "");
    assert!(read.starts_with("Offset:1234\t001234-"), "{}", read.get(..40).unwrap_or_default());
    world.run("topic alter t --set retention.bytes=4194304 --set local.retention.bytes=1048576", "");
    until("old records are gone", || (world.names().len() < before).then_some(()));
    until("nothing else is", || world.leaked().is_empty().then_some(()));
    let read = world.read();
    assert!(written.ends_with(&read) && read.len() > 3_000_000 && read.len() < 5_500_000, "{}", read.len());
    let start = world.offset(EARLIEST, 11).1;
    assert!(start > 2000 && world.offset(EARLIEST_LOCAL, 11).1 > start);
    // DeleteRecords takes whole segments from the store, and what is left begins where it should.
    let before = world.names().len();
    let cut = start + 1500;
    world.delete_records(cut);
    until("deleted records leave the store", || (world.names().len() < before).then_some(()));
    until("nothing else does", || world.leaked().is_empty().then_some(()));
    assert_eq!(world.offset(EARLIEST, 11), (0, cut));
    let read = world.run("consume t --from earliest --exit-at-end", "");
    assert!(written.ends_with(&read) && read.starts_with(&format!("{cut:06}-")), "{}", read.get(..10).unwrap_or_default());
}

/// The objects below a folder, manifests aside.
fn objects_below(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| Object::parse(name).is_some()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn a_process_with_a_directory_as_its_store_says_when_that_goes_and_when_it_is_back() {
    let folder = std::env::temp_dir().join(format!("millpond-cold-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let url = format!("file://{}", folder.display());
    let settings: Vec<(&str, &str)> =
        QUICK.iter().copied().chain([("rsm.config.url", url.as_str()), ("log.segment.bytes", "1048576")]).collect();
    let Some(mut broker) = Process::start_own_or_skip("tier", &settings) else { return };
    command(&broker, CREATE, "");
    let written = lines(0..RECORDS);
    let half = written.len() / 2;
    command(&broker, "produce t --batch-bytes 16384", &written[..half]);
    let is_log = |path: &String| path.ends_with(".log");
    let logs = || objects_below(&folder).into_iter().filter(is_log).count();
    until("segments are copied", || (logs() == half / 1_048_576).then_some(()));
    // Something else stands where the store was.
    let aside = folder.with_extension("aside");
    fs::rename(&folder, &aside).expect("it is ours");
    fs::write(&folder, "").expect("it is ours");
    command(&broker, "produce t --batch-bytes 16384", &written[half..]);
    until("it is said that the store is away", || broker.said().contains("the object store is away").then_some(()));
    broker.kill();
    fs::remove_file(&folder).expect("it is ours");
    fs::rename(&aside, &folder).expect("it is ours");
    broker.restart();
    until("the rest is copied", || (logs() == written.len() / 1_048_576).then_some(()));
    assert!(command(&broker, "consume t --from earliest --exit-at-end", "") == written);
    broker.stop();
    // The files of the store are Kafka's, and what lies beside the log is in order.
    let verified = millpond_tests::command::run_offline(&format!("log verify {}", broker.data_dir().display()), Vec::new()).ok();
    assert!(!verified.contains("manifest"), "{verified}");
    let copy = broker.data_dir().join("t-0/millpond-remote-manifest");
    let mut bytes = fs::read(&copy).expect("the copy of the manifest");
    bytes[30] ^= 1;
    fs::write(&copy, &bytes).expect("it is ours");
    let verified = millpond_tests::command::run_offline(&format!("log verify {}", broker.data_dir().display()), Vec::new());
    assert!(verified.out.contains("millpond-remote-manifest"), "{}{}", verified.out, verified.err);
    broker.restart();
    assert!(command(&broker, "consume t --from earliest --exit-at-end", "") == written, "the store has told");
    command(&broker, "topic delete t", "");
    until("what the store had of the topic is gone", || objects_below(&folder).is_empty().then_some(()));
    broker.stop();
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn settings_that_contradict_each_other_are_refused_in_kafkas_words() {
    let world = World::new("rules", &[]);
    let refused = |line: &str| run(&world.address, line, Vec::new()).failed();
    let tiered = "--config remote.storage.enable=true";
    for (config, why) in [
        ("--config cleanup.policy=compact", "cleanup.policy=delete"),
        ("--config retention.ms=1000 --config local.retention.ms=2000", "Value must not be more than retention.ms property value: 1000"),
        ("--config retention.bytes=1000 --config local.retention.bytes=-1", "Value must not be -1"),
        ("--config remote.log.copy.disable=true --config local.retention.ms=5", "identical value"),
    ] {
        let told = refused(&format!("topic create x {tiered} {config}"));
        assert!(told.contains(why), "{told}");
    }
    world.run(CREATE, "");
    assert!(refused("topic alter t --set remote.storage.enable=false").contains("invalid to disable remote storage"));
    world.run("topic alter t --set remote.storage.enable=false --set remote.log.delete.on.disable=true", "");

    let plain = World::new("plain", &[]);
    let mut config = plain.config.clone();
    config.data_dir.push_str("-2");
    config.remote.enable = false;
    let runtime = runtime();
    let broker = runtime.block_on(Broker::start(config.clone())).expect("starts");
    let told = run(&broker.local_addr().to_string(), &format!("topic create x {tiered}"), Vec::new()).failed();
    assert!(told.contains("Tiered Storage functionality is disabled in the broker"), "{told}");
    drop(broker);
    runtime.shutdown_timeout(Duration::from_secs(10));
    let _ = fs::remove_dir_all(config.data_dir);
}

#[test]
fn a_broker_without_the_store_does_not_start_on_topics_that_need_it() {
    let mut world = World::new("needs", &[]);
    world.run(CREATE, "");
    world.kill();
    let mut config = world.config.clone();
    config.remote.enable = false;
    let refused = world.runtime.block_on(Broker::start(config)).expect_err("refuses").to_string();
    assert!(refused.contains("topic t has remote.storage.enable=true"), "{refused}");
    world.runtime = runtime();
    until("its directory is free", || {
        let store: Arc<dyn ObjectStore> = Arc::<Flaky>::clone(&world.store);
        let make = Box::new(move |config: &_, cluster: &str| Cold::new(store, &Path::from("below"), cluster, config));
        world.runtime.block_on(Broker::start_with(world.config.clone(), Some(make))).ok()
    });
}

#[test]
fn a_partition_whose_directory_is_lost_rests_until_the_store_has_told() {
    let mut world = World::new("lost", &[("log.flush.offset.checkpoint.interval.ms", "50")]);
    world.run(CREATE, "");
    let written = lines(0..RECORDS);
    world.run("produce t --batch-bytes 16384", &written);
    until("it is copied", || (world.local() <= 3).then_some(()));
    let tiered = world.offset(LATEST_TIERED, 9).1;
    assert!(tiered > 5000, "{tiered}");
    // How far it was safe stands beside the logs of all partitions.
    pause(Duration::from_millis(500));
    world.kill();
    fs::remove_dir_all(world.directory.join("t-0")).expect("it is ours");
    world.store.be(Mood::Gone);
    for _ in 0..2 {
        world.start();
        for timestamp in [EARLIEST, LATEST, EARLIEST_LOCAL] {
            assert_eq!(world.offset(timestamp, 11), (KAFKA_STORAGE_ERROR, -1), "{timestamp}");
        }
        assert_eq!(world.fetch(tiered), (KAFKA_STORAGE_ERROR, false));
        let refused = run(&world.address, "produce t --timeout-ms 300", b"too early\n".to_vec()).failed();
        assert!(refused.contains("STORAGE"), "{refused}");
        // What is remembered of it is not forgotten either.
        pause(Duration::from_millis(200));
        world.kill();
    }
    world.store.be(Mood::Fine);
    world.start();
    until("the store has told", || (world.offset(LATEST, 11).0 == 0).then_some(()));
    assert!(world.offset(LATEST, 11).1 > tiered);
    world.run("produce t", "one more\n");
    let read = world.read();
    let kept = read.strip_suffix("one more\n").expect("what came last");
    // More may have been copied before the kill than when that was asked.
    assert!(written.starts_with(kept) && kept.lines().count() > usize::try_from(tiered).expect("small"), "{}", kept.len());
}
