//! Administration by Kafka's own tools: what they say of us is what they say of Kafka.
//!
//! `tests/golden/tools/administration.txt` is a transcript: commands, and what comes of them where that is the same for both. It is written by
//! `BLESS=1`, and holds for Kafka too: `MILLPOND_BIN=…/kafka-as-millpond` as the head of `interop` says.

use core::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use millpond_tests::broker::Broker;
use millpond_tests::skip::skip;
use millpond_tests::toolbox::{text_of, workspace_dir};

use super::both_ways::kafka_as_millpond;
use super::exactly_once::compiled;
use super::java::{Kafka, jars_or_skip, kafka_or_skip};

/// A tool as its script is called, the class behind it, and whether it wants to be told of the broker before what it is to do.
const TOOLS: &[(&str, &str, bool)] = &[
    ("kafka-acls", "org.apache.kafka.tools.AclCommand", true),
    ("kafka-client-metrics", "org.apache.kafka.tools.ClientMetricsCommand", true),
    ("kafka-cluster", "org.apache.kafka.tools.ClusterTool", false),
    ("kafka-configs", "kafka.admin.ConfigCommand", true),
    ("kafka-console-share-consumer", "org.apache.kafka.tools.consumer.ConsoleShareConsumer", true),
    ("kafka-consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", true),
    ("kafka-delegation-tokens", "org.apache.kafka.tools.DelegationTokenCommand", true),
    ("kafka-delete-records", "org.apache.kafka.tools.DeleteRecordsCommand", true),
    ("kafka-features", "org.apache.kafka.tools.FeatureCommand", true),
    ("kafka-get-offsets", "org.apache.kafka.tools.GetOffsetShell", true),
    ("kafka-groups", "org.apache.kafka.tools.GroupsCommand", true),
    ("kafka-leader-election", "org.apache.kafka.tools.LeaderElectionCommand", true),
    ("kafka-log-dirs", "org.apache.kafka.tools.LogDirsCommand", true),
    ("kafka-metadata-quorum", "org.apache.kafka.tools.MetadataQuorumCommand", true),
    ("kafka-reassign-partitions", "org.apache.kafka.tools.reassign.ReassignPartitionsCommand", true),
    ("kafka-share-groups", "org.apache.kafka.tools.consumer.group.ShareGroupCommand", true),
    ("kafka-topics", "org.apache.kafka.tools.TopicCommand", true),
    ("kafka-transactions", "org.apache.kafka.tools.TransactionsCommand", true),
    ("kafka-verifiable-producer", "org.apache.kafka.tools.VerifiableProducer", true),
];

/// Features that are announced by a broker that has more of Kafka than we have.
const NOT_YET: [&str; 2] = ["eligible.leader.replicas.version", "streams.version"];

/// Files that commands name, as `@name`.
const FILES: &[(&str, &str)] = &[
    ("@empty", ""),
    ("@topics", r#"{"version":1,"topics":[{"topic":"t"}]}"#),
    (
        "@here",
        r#"{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1],"log_dirs":["any"]},{"topic":"t","partition":1,"replicas":[1],"log_dirs":["any"]}]}"#,
    ),
    ("@nowhere", r#"{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[2],"log_dirs":["any"]}]}"#),
    ("@records", r#"{"version":1,"partitions":[{"topic":"t","partition":0,"offset":-1}]}"#),
];

fn golden() -> PathBuf {
    workspace_dir().join("tests/golden/tools/administration.txt")
}

/// Runs commands in one process of Java: what each wrote, and the code it ended with.
fn run(kafka: &Kafka, files: &Path, commands: &[&str]) -> Vec<(Vec<String>, String)> {
    let path = std::env::join_paths([kafka.jars.join("*"), compiled(kafka, "Tools")]).expect("a class path");
    let mut java = Command::new("timeout");
    java.args(["300", "java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Xmx256M", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"]);
    java.arg("-cp").arg(path).arg("Tools").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = java.spawn().expect("java can be started");
    let mut lines = String::new();
    for command in commands {
        let (tool, arguments) = command.split_once(' ').unwrap_or((command, ""));
        let (_, class, broker_first) = TOOLS.iter().find(|(name, _, _)| *name == tool).expect("a tool of the table");
        let arguments = arguments.replace('@', &format!("{}/@", files.display()));
        let broker = format!("--bootstrap-server {}", kafka.broker.bootstrap());
        let whole = if *broker_first { format!("{broker} {arguments}") } else { format!("{arguments} {broker}") };
        writeln!(lines, "{class} {whole}").expect("text grows");
    }
    child.stdin.take().expect("its input is ours").write_all(lines.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let text = text_of(&output);
    let mut told = Vec::new();
    let mut written = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("=== ") {
            Some(code) => told.push((core::mem::take(&mut written), code.to_owned())),
            None => written.extend(stable(kafka, line)),
        }
    }
    assert_eq!(told.len(), commands.len(), "every command is answered; {}:\n{text}", output.status);
    told
}

/// What of a line is the same each time, and the same of both brokers; `None` when nothing is.
fn stable(kafka: &Kafka, line: &str) -> Option<String> {
    let is_trace =
        line.starts_with("\tat ") || line.starts_with("\t... ") || line.starts_with("Caused by") || line.starts_with("\tSuppressed");
    let is_feature = NOT_YET.iter().any(|name| line.contains(name));
    // What this tool says bears the time in it.
    let is_producer = line.starts_with(r#"{"timestamp""#);
    if is_trace || is_feature || is_producer || line.trim().is_empty() {
        return None;
    }
    let line = line.trim_start_matches("java.util.concurrent.ExecutionException: ");
    let directory = kafka.broker.data_dir();
    let line = line.replace(kafka.broker.bootstrap(), "BROKER").replace(&*directory.to_string_lossy(), "DIRECTORY");
    let (host, port) = kafka.broker.bootstrap().rsplit_once(':').expect("an address");
    let line = line.replace(&format!("{host} {port}"), "HOST PORT");
    // The texts of refusals are each broker's own; their kind is not.
    let line = match line.find("Exception: ") {
        Some(at) => line.split_at(at + "Exception".len()).0.to_owned(),
        None => line,
    };
    let line = match line.split_once(". ") {
        Some((begin, _)) if line.starts_with("Could not") || line.starts_with("Can not") => begin.to_owned(),
        _ => line,
    };
    let line = match line.find("\"endpoints\": [") {
        Some(at) => format!("{}…", line.split_at(at).0),
        None => line,
    };
    // A cluster of Kafka's that begins with KIP-966 sets this for all topics.
    let words = line.split_whitespace().filter(|word| *word != "min.insync.replicas=1");
    let mut words: Vec<String> = words.map(stable_word).collect();
    if let [_, _, end, .., last] = &mut *words
        && last == "Leader"
    {
        "N".clone_into(end);
    }
    let line = words.join(" ");
    // Kafka tells of passwords in no order.
    let line = match line.split_once(" are SCRAM") {
        Some((whose, passwords)) => {
            let passwords = format!("SCRAM{passwords}");
            let mut each: Vec<&str> = passwords.split(", ").collect();
            each.sort_unstable();
            format!("{whose} are {}", each.join(", "))
        }
        None => line,
    };
    // How far the catalogue has got is another matter.
    let counted = ["HighWatermark:", "LeaderEpoch:", "Epoch:"].iter().find_map(|word| line.find(word).map(|at| at + word.len()));
    Some(match counted {
        Some(at) => format!("{} N", line.split_at(at).0),
        None => line,
    })
}

/// A word, unless it is made anew each time: an id, or a moment.
fn stable_word(word: &str) -> String {
    let bare = word.trim_matches(|character: char| "\",[]{}".contains(character));
    let is_id = bare.len() == 22 && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let is_moment = bare.len() == 13 && bare.bytes().all(|byte| byte.is_ascii_digit());
    match (is_id && bare.bytes().any(|byte| byte.is_ascii_uppercase()), is_moment) {
        (true, _) if bare != "LatestCoordinatorEpoch" => word.replace(bare, "ID"),
        (_, true) => word.replace(bare, "MOMENT"),
        _ => word.to_owned(),
    }
}

/// Commands whose answers are lists in no order.
fn sorted(command: &str, mut lines: Vec<String>) -> Vec<String> {
    if command.contains("--describe --all") || command.contains("--reset-offsets") || command.contains("log-dirs") {
        lines.sort();
    }
    lines
}

#[test]
fn tools_say_of_us_what_they_say_of_kafka() {
    let Some(kafka) = kafka_or_skip("kafka's administrative tools", &[("group.initial.rebalance.delay.ms", "0")]) else { return };
    let files = std::env::temp_dir().join(format!("millpond-tools-{}", std::process::id()));
    fs::create_dir_all(&files).expect("a folder can be made");
    for (name, text) in FILES {
        fs::write(files.join(name), text).expect("a file can be written");
    }
    let transcript = fs::read_to_string(golden()).expect("the transcript is in the repository");
    let commands: Vec<&str> = transcript.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    let mut now = String::from(transcript.split_once("$ ").map_or("", |(head, _)| head));
    for (command, (lines, code)) in commands.iter().zip(run(&kafka, &files, &commands)) {
        writeln!(now, "$ {command}").expect("text grows");
        for line in sorted(command, lines) {
            writeln!(now, "  {line}").expect("text grows");
        }
        if code != "0" {
            writeln!(now, "  => {code}").expect("text grows");
        }
    }
    fs::remove_dir_all(&files).expect("the test's own folder");
    if std::env::var_os("BLESS").is_some() {
        fs::write(golden(), now).expect("a file of ours can be written");
        return;
    }
    for (before, now) in transcript.lines().zip(now.lines()) {
        assert_eq!(
            now,
            before,
            "the transcript says otherwise; all of it:\n{}",
            transcript.lines().take(400).collect::<Vec<_>>().join("\n")
        );
    }
    assert_eq!(now.lines().count(), transcript.lines().count());
}

/// What is set, and then looked at under each broker.
const SET: &[&str] = &[
    "kafka-topics --create --topic t --partitions 1 --replication-factor 1",
    "kafka-configs --alter --entity-type groups --entity-name g --add-config consumer.session.timeout.ms=50000",
    "kafka-configs --alter --entity-type users --entity-name u --entity-type clients --entity-default --add-config request_percentage=50.5",
    "kafka-configs --alter --entity-type users --entity-name u --add-config producer_byte_rate=1024",
    "kafka-configs --alter --entity-type users --entity-name u --add-config SCRAM-SHA-256=[iterations=8192,password=pw]",
    "kafka-configs --alter --entity-type users --entity-name u --add-config SCRAM-SHA-512=[password=pw]",
    "kafka-client-metrics --alter --name m --metrics org.apache.kafka.producer. --interval 30000",
    "kafka-configs --alter --entity-type brokers --entity-name 1 --add-config num.io.threads=9",
    "kafka-features downgrade --feature transaction.version=1",
    "kafka-features disable --feature group.version",
];
const SEEN: &[&str] = &[
    "kafka-features describe",
    "kafka-configs --describe --entity-type groups --entity-name g",
    "kafka-configs --describe --entity-type users",
    "kafka-configs --describe --entity-type users --entity-type clients",
    "kafka-client-metrics --describe",
    "kafka-configs --describe --entity-type brokers --entity-name 1",
];
/// What is changed under Apache Kafka.
const CHANGED: &[&str] = &[
    "kafka-configs --alter --entity-type users --entity-name u --delete-config SCRAM-SHA-512",
    "kafka-configs --alter --entity-type users --entity-name u --add-config consumer_byte_rate=7",
    "kafka-features upgrade --feature group.version=1 --feature transaction.version=2",
];

#[test]
fn what_administrators_have_set_goes_to_kafka_and_back() {
    const TEST: &str = "settings of administrators, to Kafka and back";
    if std::env::var_os("MILLPOND_BIN").is_some_and(|program| Path::new(&program).ends_with("kafka-as-millpond")) {
        return skip(TEST, "both brokers would be Apache Kafka");
    }
    let Some(jars) = jars_or_skip(TEST) else { return };
    let Some(broker) = Broker::start_own_or_skip(TEST, &[]) else { return };
    let mut kafka = Kafka { jars, broker };
    let files = std::env::temp_dir();
    let succeed = |kafka: &Kafka, commands: &[&str]| {
        for (command, (told, code)) in commands.iter().zip(run(kafka, &files, commands)) {
            assert_eq!(code, "0", "{command}: {told:?}");
        }
    };
    let see = |kafka: &Kafka| -> Vec<Vec<String>> { run(kafka, &files, SEEN).into_iter().map(|(told, _)| told).collect() };
    succeed(&kafka, SET);
    let before = see(&kafka);
    assert!(
        before.iter().flatten().any(|line| line.contains("SCRAM-SHA-256=iterations=8192, SCRAM-SHA-512=iterations=4096")),
        "{before:?}"
    );
    kafka.broker.stop();
    kafka.broker.run_as(Some(&kafka_as_millpond()), &[("KAFKA_LIBS", &kafka.jars)]);
    kafka.broker.restart();
    assert_eq!(see(&kafka), before, "under Apache Kafka");
    succeed(&kafka, CHANGED);
    let changed = see(&kafka);
    assert_ne!(changed, before);
    kafka.broker.stop();
    kafka.broker.run_as(None, &[]);
    kafka.broker.restart();
    assert_eq!(see(&kafka), changed, "back again");
}
