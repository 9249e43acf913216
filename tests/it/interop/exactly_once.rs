//! Exactly once, with Kafka's own producers, Kafka Streams and share consumers, under a broker that is killed again and again.

use core::time::Duration;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use millpond_tests::broker::Broker;
use millpond_tests::toolbox::{make_once, run_command, workspace_dir};

use super::java::{Kafka, kafka_or_skip};

/// Short retries, so that a run sees many of them; everything else as it comes.
const SETTINGS: &[(&str, &str)] = &[("group.initial.rebalance.delay.ms", "100")];

/// The classes of a program of ours, compiled.
pub(super) fn compiled(kafka: &Kafka, name: &str) -> PathBuf {
    let source = workspace_dir().join(format!("tests/interop/java/{name}.java"));
    let recipe = fs::read_to_string(&source).expect("the program is in the repository");
    let made = make_once(&format!("java-{name}"), &recipe, |dir| {
        let mut javac = Command::new("javac");
        javac.arg("-cp").arg(kafka.jars.join("*")).arg("-d").arg(dir).arg(&source);
        run_command(&mut javac).map(drop)
    });
    made.unwrap_or_else(|message| panic!("{message}"))
}

/// A program that runs until it is told to finish.
struct Running {
    child: Child,
    input: ChildStdin,
    output: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn start(kafka: &Kafka, name: &str, argument: &str) -> Self {
        let classes = compiled(kafka, name);
        let path = std::env::join_paths([kafka.jars.join("*"), classes]).expect("a class path");
        let mut java = Command::new("timeout");
        java.args(["180", "java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Xmx512M", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"]);
        java.arg("-cp").arg(path).args([name, kafka.broker.bootstrap(), argument]);
        let mut child = java.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("java can be started");
        let input = child.stdin.take().expect("its input is ours");
        let output = BufReader::new(child.stdout.take().expect("its output is ours"));
        let mut running = Self { child, input, output };
        let mut line = String::new();
        while line.trim() != "RUNNING" {
            line.clear();
            assert!(running.output.read_line(&mut line).expect("it speaks") > 0, "{name} ended before it ran");
        }
        running
    }

    /// Lets it finish, and answers everything that it said.
    fn finish(mut self) -> String {
        self.input.write_all(b"finish\n").expect("it listens");
        drop(self.input);
        let said: Vec<String> = self.output.lines().map_while(Result::ok).collect();
        let status = self.child.wait().expect("it ends");
        let said = said.join("\n");
        assert!(status.success(), "{said}");
        said
    }
}

#[expect(clippy::disallowed_methods, reason = "another process has to come some way before it is disturbed")]
fn kill_again_and_again(broker: &mut Broker, times: u32, gap: Duration) {
    for _ in 0..times {
        std::thread::sleep(gap);
        broker.kill();
        broker.restart();
    }
    std::thread::sleep(gap);
}

#[test]
fn committed_transactions_are_there_in_whole_and_aborted_ones_are_not_however_often_the_broker_is_killed() {
    const TEST: &str = "transactions and kills";
    let Some(mut kafka) = kafka_or_skip(TEST, SETTINGS) else { return };
    for topic in ["money-0", "money-1", "money-2"] {
        kafka.says("kafka-topics", &format!("--create --topic {topic} --partitions 2"));
    }
    kafka.says("kafka-topics", "--create --topic plain --partitions 1");
    let tellers = Running::start(&kafka, "Money", "1");
    kill_again_and_again(&mut kafka.broker, 5, Duration::from_millis(1200));
    let said = tellers.finish();
    println!("{said}");
    assert!(said.ends_with("EXACT"), "{said}");
    // What is left on the disk is what Kafka's own tools take for a log with transactions.
    kafka.broker.stop();
    let log = kafka.broker.data_dir().join("money-0-0/00000000000000000000.log");
    let dumped = run_command(kafka.offline("kafka-dump-log", "--deep-iteration --print-data-log --files").arg(&log));
    let dumped = dumped.unwrap_or_else(|message| panic!("{message}"));
    for word in ["isTransactional: true", "endTxnMarker: COMMIT", "endTxnMarker: ABORT"] {
        assert!(dumped.contains(word), "{word} is missing");
    }
    let state = fs::read_dir(kafka.broker.data_dir()).expect("the data directory").flatten();
    let states = state.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains("__transaction_state-"));
    let decoded: String = states
        .flat_map(|path| fs::read_dir(path).expect("a partition").flatten())
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"))
        .map(|entry| {
            let mut dump = kafka.offline("kafka-dump-log", "--transaction-log-decoder --files");
            run_command(dump.arg(entry.path())).unwrap_or_else(|message| panic!("{message}"))
        })
        .collect();
    assert!(decoded.contains("teller-0") && decoded.contains("transactionStatus"), "{decoded}");
}

#[test]
fn what_workers_of_a_share_group_settle_stays_settled_and_the_rest_comes_back_however_often_the_broker_is_killed() {
    const TEST: &str = "share groups and kills";
    // Locks that expire while the test looks on.
    let locks = [
        ("group.share.min.record.lock.duration.ms", "1000"),
        ("group.share.record.lock.duration.ms", "4000"),
        ("group.share.delivery.count.limit", "10"),
        ("share.coordinator.snapshot.update.records.per.snapshot", "50"),
    ];
    let Some(mut kafka) = kafka_or_skip(TEST, &locks) else { return };
    kafka.says("kafka-topics", "--create --topic work --partitions 2");
    let workers = Running::start(&kafka, "Workers", "1");
    kill_again_and_again(&mut kafka.broker, 4, Duration::from_millis(2000));
    let said = workers.finish();
    println!("{said}");
    assert!(said.ends_with("EXACT"), "{said}");
}

#[test]
fn kafka_streams_counts_words_exactly_once_however_often_the_broker_is_killed() {
    const TEST: &str = "Kafka Streams and kills";
    let Some(mut kafka) = kafka_or_skip(TEST, SETTINGS) else { return };
    kafka.says("kafka-topics", "--create --topic lines --partitions 4");
    kafka.says("kafka-topics", "--create --topic counts --partitions 2");
    let states = kafka.broker.data_dir().with_file_name("streams");
    let application = Running::start(&kafka, "Words", &states.to_string_lossy());
    kill_again_and_again(&mut kafka.broker, 4, Duration::from_millis(2000));
    let said = application.finish();
    println!("{said}");
    assert!(said.ends_with("EXACT"), "{said}");
}

#[test]
fn transactions_are_shown_and_ended_by_kafkas_tool() {
    let Some(kafka) = kafka_or_skip("kafka-transactions", SETTINGS) else { return };
    kafka.says("kafka-topics", "--create --topic money-0 --partitions 2");
    kafka.says("kafka-topics", "--create --topic money-1 --partitions 2");
    kafka.says("kafka-topics", "--create --topic money-2 --partitions 2");
    kafka.says("kafka-topics", "--create --topic plain --partitions 1");
    let tellers = Running::start(&kafka, "Money", "2");
    let all = |listed: &String| ["teller-0", "teller-1", "teller-2"].into_iter().all(|id| listed.contains(id));
    // They begin one after the other, and the tool may be there first.
    let mut listings = (0..10).map(|_| kafka.says("kafka-transactions", "list"));
    assert!(listings.any(|listed| all(&listed)), "{}", kafka.says("kafka-transactions", "list"));
    let described = kafka.says("kafka-transactions", "describe --transactional-id teller-1");
    assert!(described.contains("teller-1") && described.contains("60000"), "{described}");
    let producers = kafka.says("kafka-transactions", "describe-producers --topic money-0 --partition 0");
    assert!(producers.contains("ProducerId"), "{producers}");
    let said = tellers.finish();
    assert!(said.ends_with("EXACT"), "{said}");
    let filtered = kafka.says("kafka-transactions", "list --transactional-id-pattern teller-[01]");
    assert!(filtered.contains("teller-0") && !filtered.contains("teller-2"), "{filtered}");
    assert!(kafka.says("kafka-features", "describe").contains("transaction.version"), "the feature is finalized");
}
