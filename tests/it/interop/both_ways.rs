//! One data directory, in turn under millpond and under Apache Kafka 4.3 in its combined mode: what one has written the other serves, with
//! every offset, every id and every producer, and nothing gets lost on the way back.

use std::path::{Path, PathBuf};
use std::{fs, io};

use millpond_tests::broker::Broker;
use millpond_tests::command::run_offline;
use millpond_tests::skip::skip;
use millpond_tests::toolbox::workspace_dir;

use super::java::{Kafka, assert_says, files, jars_or_skip};
use super::python::{play, python_or_skip};

/// What both brokers are told. Few partitions: each is a directory that is read at every start.
const SETTINGS: &[(&str, &str)] = &[
    ("transaction.state.log.num.partitions", "4"),
    ("transaction.max.timeout.ms", "3600000"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    // Snapshots of the catalogue in seconds, and segments that can go before them.
    ("metadata.log.max.record.bytes.between.snapshots", "4000"),
    ("metadata.log.segment.ms", "500"),
];

const CATALOGUE: &str = "__cluster_metadata-0";

/// A directory and whoever serves it.
struct Directory {
    kafka: Kafka,
    python: PathBuf,
}

impl Directory {
    fn new_or_skip(test: &str, begins_with: Kind) -> Option<Self> {
        if std::env::var_os("MILLPOND_BIN").is_some_and(|program| Path::new(&program).ends_with("kafka-as-millpond")) {
            skip(test, "both brokers would be Apache Kafka");
            return None;
        }
        let jars = jars_or_skip(test)?;
        let python = python_or_skip(test)?;
        let broker = match begins_with {
            Kind::Millpond => Broker::start_own_or_skip(test, SETTINGS)?,
            Kind::Kafka => Broker::start_as_or_skip(test, SETTINGS, &kafka_as_millpond(), &[("KAFKA_LIBS", &jars)])?,
        };
        Some(Self { kafka: Kafka { jars, broker }, python })
    }

    /// Serves it with the other one, or the same.
    fn serve_with(&mut self, kind: Kind) {
        match kind {
            Kind::Millpond => self.kafka.broker.run_as(None, &[]),
            Kind::Kafka => self.kafka.broker.run_as(Some(&kafka_as_millpond()), &[("KAFKA_LIBS", &self.kafka.jars)]),
        }
        self.kafka.broker.restart();
    }

    /// Whoever serves it has it for itself: what the other kind of broker says that comes beside it.
    fn refuses(&self, kind: Kind) -> String {
        match kind {
            Kind::Millpond => self.kafka.broker.refuses_beside(None, &[]),
            Kind::Kafka => self.kafka.broker.refuses_beside(Some(&kafka_as_millpond()), &[("KAFKA_LIBS", &self.kafka.jars)]),
        }
    }

    fn play(&self, arguments: &[&str]) -> String {
        play(&self.python, "both_ways", &self.kafka.broker, arguments)
    }

    fn see(&self) -> String {
        self.play(&["see"])
    }

    /// A consumer group (KIP-848) reads on where it is, so many records at most. Answers how many there were.
    fn go_on(&self, records: usize) -> usize {
        let arguments = format!(
            "--topic plain-one --group modern --from-beginning --command-property group.protocol=consumer \
             --max-messages {records} --timeout-ms 6000"
        );
        let read = self.kafka.says("kafka-console-consumer", &arguments);
        let listed = self.kafka.says("kafka-consumer-groups", "--list --type consumer");
        assert_says(&listed, &["modern"], "the groups of the consumer protocol");
        read.lines().filter(|line| line.contains(" by ")).count()
    }

    /// A share group (KIP-932) works on where it is, on so many records at most. Answers how many there were.
    fn work_on(&self, records: usize) -> usize {
        let arguments = format!("--topic plain-one --group workers --max-messages {records} --timeout-ms 6000");
        let read = self.kafka.says("kafka-console-share-consumer", &arguments);
        read.lines().filter(|line| line.contains(" by ")).count()
    }

    /// Stops whoever serves it, and what is left is sound.
    fn stop(&mut self) {
        self.kafka.broker.stop();
        run_offline(&format!("log verify {} --deep", self.data_dir().display()), Vec::new()).ok();
    }

    /// Without a word: neither needs a clean stop of the other.
    fn kill(&mut self) {
        self.kafka.broker.kill();
    }

    fn data_dir(&self) -> PathBuf {
        self.kafka.broker.data_dir()
    }

    /// What Kafka's own tool reads in the catalogue's log.
    fn dump_catalogue(&self) -> String {
        let logs = files(&self.data_dir(), |folder, file| folder == CATALOGUE && file.ends_with(".log"));
        // The tool calls it a gap when a file does not begin at 0.
        self.kafka.dump("--cluster-metadata-decoder", &logs, true)
    }

    fn catalogue(&self) -> PathBuf {
        self.data_dir().join(CATALOGUE)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Millpond,
    Kafka,
}

pub(super) fn kafka_as_millpond() -> PathBuf {
    workspace_dir().join("tests/interop/kafka-as-millpond")
}

/// The names of the files in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect::<io::Result<_>>().expect("the folder can be read");
    names.sort();
    names
}

#[test]
fn a_directory_that_millpond_began_goes_to_kafka_and_back_twice() {
    let Some(mut directory) = Directory::new_or_skip("a directory of millpond's", Kind::Millpond) else { return };
    directory.play(&["write", "one"]);
    assert_eq!(directory.go_on(60), 60, "a consumer group begins");
    let earliest = "--alter --entity-type groups --entity-name workers --add-config share.auto.offset.reset=earliest";
    directory.kafka.says("kafka-configs", earliest);
    assert_eq!(directory.work_on(60), 60, "a share group begins");
    let seen = directory.see();
    directory.stop();

    directory.serve_with(Kind::Kafka);
    assert_eq!(directory.see(), seen, "Kafka serves what millpond wrote");
    assert_eq!(directory.go_on(60), 60, "a consumer group goes on");
    assert_eq!(directory.work_on(60), 60, "a share group goes on");
    // The producer whose transaction was left open there comes back here.
    directory.play(&["write", "two", "one"]);
    let seen = directory.see();
    directory.stop();

    directory.serve_with(Kind::Millpond);
    assert_eq!(directory.see(), seen, "millpond serves what Kafka went on with");
    assert_eq!(directory.go_on(1000), 80, "a consumer group has the rest");
    assert_eq!(directory.work_on(1000), 80, "a share group has the rest");
    directory.play(&["write-and-keep", "three", "two"]);
    let seen = directory.see();
    directory.kill();

    directory.serve_with(Kind::Kafka);
    assert_eq!(directory.see(), seen, "Kafka serves what a killed millpond left");
    directory.kill();

    directory.serve_with(Kind::Millpond);
    assert_eq!(directory.see(), seen, "millpond serves what a killed Kafka left");
    directory.stop();
    assert_says(&directory.dump_catalogue(), &["TOPIC_RECORD", "plain-three"], "the catalogue");
}

#[test]
fn a_directory_that_kafka_began_is_served_from_a_snapshot_of_its_catalogue() {
    let Some(mut directory) = Directory::new_or_skip("a directory of Kafka's", Kind::Kafka) else { return };
    directory.play(&["write", "one"]);
    let seen = directory.see();
    assert_says(&directory.refuses(Kind::Millpond), &["is locked by another broker"], "millpond beside Kafka");
    directory.stop();

    // What Kafka does after a week: the log loses what a snapshot tells.
    let catalogue = directory.catalogue();
    let all = names(&catalogue);
    let snapshots: Vec<&String> = all.iter().filter(|name| name.ends_with(".checkpoint")).collect();
    let newest = (*snapshots.last().expect("Kafka has made a snapshot")).clone();
    let logs: Vec<&String> = all.iter().filter(|name| name.ends_with(".log")).collect();
    // The last segment that begins no later than the snapshot ends.
    let first = logs.iter().rfind(|log| log.get(..20) <= newest.get(..20)).expect("the log has segments");
    assert_ne!(**first, "00000000000000000000.log", "the log has rolled: {all:?}");
    for name in all.iter().filter(|name| name.as_bytes().first().is_some_and(u8::is_ascii_digit) && name.get(..20) < first.get(..20)) {
        fs::remove_file(catalogue.join(name)).expect("a file can be removed");
    }

    // Damaged, it is refused, and nothing is touched: fewer topics would be a lie.
    let path = catalogue.join(&newest);
    let sound = fs::read(&path).expect("the snapshot can be read");
    let mut damaged = sound.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    replace(&path, &damaged);
    let older = snapshots.len() > 1 && snapshots.iter().rev().nth(1).is_some_and(|older| older.get(..20) >= first.get(..20));
    assert!(!older, "the newest snapshot is the only one that is left: {all:?}");
    directory.kafka.broker.run_as(None, &[]);
    let before = names(&directory.data_dir());
    assert!(before.iter().any(|name| name == ".kafka_cleanshutdown"), "Kafka has stopped cleanly: {before:?}");
    let said = directory.kafka.broker.try_start().expect_err("the catalogue has a hole");
    assert!(said.contains("no sound snapshot"), "{said}");
    let after = names(&directory.data_dir());
    assert_eq!(after.iter().filter(|name| *name != ".lock").collect::<Vec<_>>(), before.iter().collect::<Vec<_>>());
    replace(&path, &sound);

    directory.serve_with(Kind::Millpond);
    assert_eq!(directory.see(), seen, "millpond serves what stands in the snapshot");
    assert_says(&directory.refuses(Kind::Kafka), &["Failed to acquire lock"], "Kafka beside millpond");
    directory.play(&["write", "two", "one"]);
    let seen = directory.see();
    directory.stop();

    directory.serve_with(Kind::Kafka);
    assert_eq!(directory.see(), seen, "Kafka goes on behind its own snapshot");
}

/// Kafka's snapshots may not be written to, so they are replaced.
fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).and_then(|()| fs::write(path, bytes)).expect("the snapshot can be replaced");
}
