//! Apache Kafka's own tools, unmodified, from Maven Central: what an administrator types, and what Kafka thinks of our files.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use millpond_tests::broker::Broker;
use millpond_tests::command::run_offline;
use millpond_tests::skip::skip;
use millpond_tests::toolbox::{is_there, make_once, run_command, text_of, workspace_dir};

/// Kafka's jars; without Java, Maven or a repository the test is skipped.
pub(super) fn jars_or_skip(test: &str) -> Option<PathBuf> {
    jars("kafka", "java/pom.xml").map_err(|lacks| skip(test, &lacks)).ok()
}

/// A folder with the jars that a list of `tests/interop` names; what it lacks, if it cannot be had.
pub(super) fn jars(folder: &str, list: &str) -> Result<PathBuf, String> {
    for (program, argument) in [("java", "-version"), ("mvn", "--version")] {
        if !is_there(program, argument) {
            return Err(format!("{program} is missing"));
        }
    }
    let pom = workspace_dir().join("tests/interop").join(list);
    let recipe = fs::read_to_string(&pom).expect("the list of jars is in the repository");
    let made = make_once(folder, &recipe, |dir| {
        let mut mvn = Command::new("mvn");
        mvn.args(["--quiet", "--batch-mode", "--file"]).arg(&pom).arg("dependency:copy-dependencies");
        run_command(mvn.arg(format!("-DoutputDirectory={}", dir.display()))).map(drop)
    });
    made.map_err(|message| format!("the jars of {list} cannot be installed: {message}"))
}

/// Kafka's tools and a broker to use them on.
pub(super) struct Kafka {
    pub(super) jars: PathBuf,
    pub(super) broker: Broker,
}

/// A tool's name as its script has it, and the class behind it.
const TOOLS: &[(&str, &str)] = &[
    ("kafka-topics", "org.apache.kafka.tools.TopicCommand"),
    ("kafka-configs", "kafka.admin.ConfigCommand"),
    ("kafka-console-producer", "org.apache.kafka.tools.ConsoleProducer"),
    ("kafka-console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
    ("kafka-consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
    ("kafka-console-share-consumer", "org.apache.kafka.tools.consumer.ConsoleShareConsumer"),
    ("kafka-verifiable-producer", "org.apache.kafka.tools.VerifiableProducer"),
    ("kafka-verifiable-consumer", "org.apache.kafka.tools.VerifiableConsumer"),
    ("kafka-get-offsets", "org.apache.kafka.tools.GetOffsetShell"),
    ("kafka-delete-records", "org.apache.kafka.tools.DeleteRecordsCommand"),
    ("kafka-log-dirs", "org.apache.kafka.tools.LogDirsCommand"),
    ("kafka-cluster", "org.apache.kafka.tools.ClusterTool"),
    ("kafka-broker-api-versions", "org.apache.kafka.tools.BrokerApiVersionsCommand"),
    ("kafka-transactions", "org.apache.kafka.tools.TransactionsCommand"),
    ("kafka-features", "org.apache.kafka.tools.FeatureCommand"),
    ("kafka-dump-log", "org.apache.kafka.tools.DumpLogSegments"),
];

/// How long a tool may run, in seconds.
const PATIENCE: &str = "60";

impl Kafka {
    fn command(&self, tool: &str) -> Command {
        let class = TOOLS.iter().find(|(name, _)| *name == tool).map(|(_, class)| class);
        let mut command = Command::new("timeout");
        command.args([
            PATIENCE,
            "java",
            "-Xshare:auto",
            "-XX:TieredStopAtLevel=1",
            "-Xmx256M",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        ]);
        command.arg("-cp").arg(self.jars.join("*")).arg(class.expect("the tool is in the table")).stdin(Stdio::null());
        command
    }

    /// A tool on files.
    pub(super) fn offline(&self, tool: &str, arguments: &str) -> Command {
        let mut command = self.command(tool);
        command.args(arguments.split_whitespace());
        command
    }

    /// A tool on the broker.
    fn online(&self, tool: &str, arguments: &str) -> Command {
        let mut command = self.command(tool);
        let bootstrap = ["--bootstrap-server", self.broker.bootstrap()];
        // Some want it before what they are to do, some behind.
        if ["kafka-transactions", "kafka-features"].contains(&tool) {
            command.args(bootstrap).args(arguments.split_whitespace());
        } else {
            command.args(arguments.split_whitespace()).args(bootstrap);
        }
        command
    }

    /// What a tool says when it succeeds.
    pub(super) fn says(&self, tool: &str, arguments: &str) -> String {
        match run_command(&mut self.online(tool, arguments)) {
            Ok(text) => text,
            Err(message) => panic!("{tool} {arguments}: {message}"),
        }
    }

    /// Kafka's own check of files, which finds nothing wrong with them; answers what it printed. What was cut out leaves gaps between
    /// offsets.
    pub(super) fn dump(&self, arguments: &str, files: &[String], may_have_gaps: bool) -> String {
        assert!(!files.is_empty(), "there are files for kafka-dump-log {arguments}");
        let mut command = self.offline("kafka-dump-log", arguments);
        let text = match run_command(command.arg("--files").arg(files.join(","))) {
            Ok(text) => text,
            Err(message) => panic!("kafka-dump-log {arguments}: {message}"),
        };
        for wrong in [
            "Mismatches in",
            "Invalid",
            "corrupt",
            "Exception",
            "isvalid: false",
            "Could not",
            "out of order",
            "Found timestamp mismatch",
            "Non-consecutive",
        ] {
            let is_a_gap = wrong == "Non-consecutive" && may_have_gaps;
            assert!(is_a_gap || !text.contains(wrong), "kafka-dump-log {arguments} found {wrong:?} in {files:?}:\n{text}");
        }
        text
    }

    /// What a tool says when it is refused: its exit code is an error, or it names one.
    fn refused(&self, tool: &str, arguments: &str, word: &str) {
        let output = self.online(tool, arguments).output().expect("java can be started");
        let text = text_of(&output);
        assert!(text.contains(word), "{tool} {arguments} should be refused with {word}; it ended with {} and said:\n{text}", output.status);
    }

    /// Feeds a tool lines.
    fn feed(&self, tool: &str, arguments: &str, lines: &str) -> String {
        let mut child = self.online(tool, arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("java can be started");
        child.stdin.take().expect("its input is ours").write_all(lines.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{tool} {arguments} ended with {}:\n{}", output.status, text_of(&output));
        text_of(&output)
    }
}

pub(super) fn kafka_or_skip(test: &str, settings: &[(&str, &str)]) -> Option<Kafka> {
    let jars = jars_or_skip(test)?;
    Some(Kafka { jars, broker: Broker::start(settings) })
}

/// One number of each line that `kind` names, such as `offset`.
fn lines_with<'t>(text: &'t str, words: &[&str]) -> Vec<&'t str> {
    text.lines().filter(|line| words.iter().all(|word| line.contains(word))).collect()
}

pub(super) fn assert_says(text: &str, words: &[&str], what: &str) {
    assert!(!lines_with(text, words).is_empty(), "{what}: no line with {words:?} in:\n{text}");
}

#[test]
fn topics_are_created_listed_described_altered_and_deleted() {
    let Some(kafka) = kafka_or_skip("kafka-topics", &[]) else { return };
    kafka.says("kafka-topics", "--create --topic java-topics --partitions 2 --replication-factor 1 --config retention.ms=120000");
    kafka.refused("kafka-topics", "--create --topic java-topics --partitions 1", "TopicExistsException");
    kafka.refused("kafka-topics", "--create --topic java-wide --partitions 1 --replication-factor 3", "InvalidReplicationFactorException");
    assert_says(&kafka.says("kafka-topics", "--list"), &["java-topics"], "the list");
    kafka.says("kafka-topics", "--alter --topic java-topics --partitions 3");
    let described = kafka.says("kafka-topics", "--describe --topic java-topics");
    assert_says(&described, &["PartitionCount: 3", "ReplicationFactor: 1", "retention.ms=120000"], "the topic");
    assert_eq!(lines_with(&described, &["Leader: ", "Isr: "]).len(), 3, "a line for each partition:\n{described}");
    assert!(lines_with(&described, &["Leader: none"]).is_empty(), "every partition has a leader:\n{described}");

    // Settings of topic and broker, on the same broker: each start of Java costs a second or two.
    let configs =
        "--alter --entity-type topics --entity-name java-topics --add-config max.message.bytes=5000,cleanup.policy=[compact,delete]";
    assert_says(&kafka.says("kafka-configs", configs), &["Completed updating config"], "the change");
    let described = kafka.says("kafka-configs", "--describe --entity-type topics --entity-name java-topics");
    assert_says(&described, &["max.message.bytes=5000", "DYNAMIC_TOPIC_CONFIG:max.message.bytes=5000"], "the setting and its source");
    assert_says(&described, &["cleanup.policy=compact,delete"], "a list");
    kafka.says("kafka-configs", "--alter --entity-type topics --entity-name java-topics --delete-config max.message.bytes");
    let described = kafka.says("kafka-configs", "--describe --all --entity-type topics --entity-name java-topics");
    assert_says(&described, &["max.message.bytes=1048588", "DEFAULT_CONFIG:message.max.bytes=1048588"], "the default again");
    kafka.refused(
        "kafka-configs",
        "--alter --entity-type topics --entity-name java-topics --add-config retention.ms=soon",
        "InvalidConfigurationException",
    );
    let broker = kafka.says("kafka-configs", "--describe --all --entity-type brokers --entity-name 1");
    assert_says(
        &broker,
        &["group.initial.rebalance.delay.ms=0", "STATIC_BROKER_CONFIG:group.initial.rebalance.delay.ms=0"],
        "a setting of the command line",
    );

    kafka.says("kafka-topics", "--delete --topic java-topics");
    assert!(!kafka.says("kafka-topics", "--list").contains("java-topics"), "a deleted topic is not listed");
}

#[test]
fn brokers_are_altered() {
    let Some(kafka) = kafka_or_skip("kafka-configs on a broker", &[]) else { return };
    kafka.says("kafka-configs", "--alter --entity-type brokers --entity-name 1 --add-config message.max.bytes=2000000");
    let broker = kafka.says("kafka-configs", "--describe --entity-type brokers --entity-name 1");
    assert_says(&broker, &["message.max.bytes=2000000", "DYNAMIC_BROKER_CONFIG:message.max.bytes=2000000"], "the setting and its source");
    kafka.says("kafka-configs", "--alter --entity-type brokers --entity-name 1 --delete-config message.max.bytes");
    let broker = kafka.says("kafka-configs", "--describe --entity-type brokers --entity-name 1");
    assert!(!broker.contains("message.max.bytes"), "a setting that was taken back is not listed:\n{broker}");
}

#[test]
fn console_clients_and_the_life_of_a_group() {
    let Some(kafka) = kafka_or_skip("kafka-console-*, kafka-consumer-groups", &[]) else { return };
    let lines: String = (0..10).map(|number| format!("h:{number}\tk{}\tv{number}\n", number % 2)).collect();
    kafka.feed(
        "kafka-console-producer",
        "--topic java-console --reader-property parse.key=true --reader-property parse.headers=true",
        &lines,
    );
    for protocol in ["classic", "consumer"] {
        let group = format!("java-group-{protocol}");
        life_of_a_group(&kafka, &group, &format!("--topic java-console --group {group} --command-property group.protocol={protocol}"));
    }
}

/// Consumers of a group read, are reset, and go on; then the group goes.
fn life_of_a_group(kafka: &Kafka, group: &str, consumer: &str) {
    let arguments = format!(
        "{consumer} --from-beginning --max-messages 10 --timeout-ms 20000 \
         --formatter-property print.key=true --formatter-property print.headers=true --formatter-property print.offset=true"
    );
    let read = kafka.says("kafka-console-consumer", &arguments);
    for number in 0..10 {
        assert_says(&read, &[&format!("Offset:{number}\th:{number}\tk{}\tv{number}", number % 2)], "what was produced");
    }

    assert_says(&kafka.says("kafka-consumer-groups", "--list"), &[group], "the list");
    let described = kafka.says("kafka-consumer-groups", &format!("--describe --group {group}"));
    assert_says(&described, &[group, "java-console", " 10 ", " 0 "], "the group at the end");
    let reset = format!("--group {group} --topic java-console --reset-offsets --execute --to-offset 4");
    kafka.says("kafka-consumer-groups", &reset);
    let described = kafka.says("kafka-consumer-groups", &format!("--describe --group {group}"));
    let row = lines_with(&described, &[group, "java-console"]).join("");
    let columns: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(columns.get(2..6), Some(&["0", "4", "10", "6"][..]), "partition, offset, end and lag:\n{described}");
    let rest = kafka.says("kafka-console-consumer", &format!("{consumer} --max-messages 6 --timeout-ms 20000"));
    assert_eq!(rest.lines().find(|line| line.starts_with('v')), Some("v4"), "the group goes on where it was set:\n{rest}");
    assert_says(&kafka.says("kafka-consumer-groups", &format!("--delete --group {group}")), &["was successful"], "the deletion");
    assert!(!kafka.says("kafka-consumer-groups", "--list").contains(group), "a deleted group is not listed");
}

#[test]
fn verifiable_clients_count_exactly() {
    let Some(kafka) = kafka_or_skip("kafka-verifiable-*", &[]) else { return };
    kafka.says("kafka-topics", "--create --topic java-verifiable --partitions 3 --replication-factor 1");
    let produced = kafka.says("kafka-verifiable-producer", "--topic java-verifiable --max-messages 20000 --acks -1");
    assert_says(&produced, &["\"name\":\"tool_data\"", "\"sent\":20000", "\"acked\":20000"], "what the producer counted");
    let consumed = kafka.says(
        "kafka-verifiable-consumer",
        "--topic java-verifiable --group-id java-verifiable --max-messages 20000 --reset-policy earliest --group-protocol classic --session-timeout 6000",
    );
    let count: u64 = lines_with(&consumed, &["\"name\":\"records_consumed\""])
        .iter()
        .map(|line| {
            line.split("\"count\":")
                .nth(1)
                .and_then(|rest| rest.split([',', '}']).next())
                .and_then(|digits| digits.parse().ok())
                .unwrap_or(0)
        })
        .sum();
    assert_eq!(count, 20_000, "records consumed");
    assert_says(&consumed, &["\"name\":\"offsets_committed\"", "\"success\":true"], "its commits");

    // The small tools, on what stands there now.
    let offsets = kafka.says("kafka-get-offsets", "--topic java-verifiable");
    let ends: u64 = offsets.lines().filter_map(|line| line.rsplit(':').next()?.trim().parse::<u64>().ok()).sum();
    assert_eq!((offsets.lines().count(), ends), (3, 20_000), "the end offsets:\n{offsets}");
    let described = kafka.says("kafka-log-dirs", "--describe --topic-list java-verifiable");
    assert_says(&described, &["\"partition\":\"java-verifiable-0\"", "\"error\":null"], "the log directories");
    // The producer chooses the partitions, and may leave one of them nearly empty.
    let fullest = offsets.lines().max_by_key(|line| line.rsplit(':').next().and_then(|end| end.trim().parse::<u64>().ok()));
    let index: u32 = fullest.and_then(|line| line.split(':').nth(1)?.parse().ok()).expect("a partition");
    let request = std::env::temp_dir().join(format!("millpond-delete-records-{}.json", std::process::id()));
    let wanted = format!(r#"{{"partitions":[{{"topic":"java-verifiable","partition":{index},"offset":100}}],"version":1}}"#);
    fs::write(&request, wanted).expect("a file can be written");
    let deleted = kafka.says("kafka-delete-records", &format!("--offset-json-file {}", request.display()));
    let _ = fs::remove_file(&request);
    assert_says(&deleted, &[&format!("java-verifiable-{index}"), "low_watermark: 100"], "the deletion");
    let earliest = kafka.says("kafka-get-offsets", "--topic java-verifiable --time earliest");
    assert_says(&earliest, &[&format!("java-verifiable:{index}:100")], "the first offset");
    assert_says(&kafka.says("kafka-cluster", "cluster-id"), &["Cluster ID: "], "the cluster");
    let versions = kafka.says("kafka-broker-api-versions", "");
    assert_says(&versions, &["id: 1 "], "the broker");
    for api in [
        "Produce(0)",
        "Fetch(1)",
        "ListOffsets(2)",
        "Metadata(3)",
        "OffsetCommit(8)",
        "JoinGroup(11)",
        "ApiVersions(18)",
        "InitProducerId(22)",
    ] {
        let line = lines_with(&versions, &[api]).join("");
        assert!(line.contains("usable"), "{api} is usable: {line}");
    }
}

/// Files of a data directory that `wanted` picks by folder and file name.
pub(super) fn files(data: &Path, wanted: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for folder in fs::read_dir(data).expect("the data directory can be read").flatten().filter(|entry| entry.path().is_dir()) {
        for file in fs::read_dir(folder.path()).expect("a folder of it can be read").flatten() {
            if wanted(&folder.file_name().to_string_lossy(), &file.file_name().to_string_lossy()) {
                found.push(file.path().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// Kafka's own check of every file that it knows; answers what it printed of the records. What was cut out leaves gaps between offsets.
fn dump_finds_nothing_wrong(kafka: &Kafka, may_have_gaps: bool) -> String {
    let data = kafka.broker.data_dir();
    let dump = |arguments: &str, files: &[String]| kafka.dump(arguments, files, may_have_gaps);
    let ours = |folder: &str| !folder.starts_with("__");
    let index = |file: &str| file.ends_with(".index") || file.ends_with(".timeindex");
    let records = dump("--deep-iteration --print-data-log", &files(&data, |folder, file| ours(folder) && file.ends_with(".log")));
    // The sanity check stops at the first file that is not an index, so indexes go by themselves.
    dump("--index-sanity-check", &files(&data, |_, file| index(file)));
    dump("--verify-index-only", &files(&data, |_, file| index(file)));
    let metadata =
        dump("--cluster-metadata-decoder", &files(&data, |folder, file| folder == "__cluster_metadata-0" && file.ends_with(".log")));
    assert_says(&metadata, &["TOPIC_RECORD", "\"name\":\"java-files\""], "the catalogue");
    assert_says(&metadata, &["PARTITION_RECORD"], "the catalogue");
    let offsets =
        dump("--offsets-decoder", &files(&data, |folder, file| folder.starts_with("__consumer_offsets-") && file.ends_with(".log")));
    assert_says(&offsets, &["java-files", "\"group\":\"java-files-group\""], "committed offsets");
    records
}

#[test]
fn kafka_finds_nothing_wrong_with_our_files_after_a_stop_and_after_a_kill() {
    const TEST: &str = "kafka-dump-log";
    let Some(jars) = jars_or_skip(TEST) else { return };
    // Small segments and dense indexes: many files, many entries.
    let settings = [("log.segment.bytes", "1048576"), ("log.index.interval.bytes", "512")];
    let Some(broker) = Broker::start_own_or_skip(TEST, &settings) else { return };
    let mut kafka = Kafka { jars, broker };
    kafka.says("kafka-topics", "--create --topic java-files --partitions 2 --replication-factor 1");
    let produce = |kafka: &Kafka| {
        let produced = kafka.says("kafka-verifiable-producer", "--topic java-files --max-messages 30000 --acks -1");
        assert_says(&produced, &["\"acked\":30000"], "what the producer counted");
    };
    produce(&kafka);
    let consume = "--topic java-files --group-id java-files-group --max-messages 30000 --reset-policy earliest --group-protocol classic";
    kafka.says("kafka-verifiable-consumer", consume);
    kafka.broker.stop();
    let records = dump_finds_nothing_wrong(&kafka, false);
    assert_eq!(lines_with(&records, &["| offset:"]).len(), 30_000, "records in the log");

    kafka.broker.restart();
    produce(&kafka);
    kafka.broker.kill();
    kafka.broker.restart();
    // Whoever asks for the end of a log waits until it was read through. Stopped before that, the broker would leave the end of the log
    // unclean, and what is cut off there would be a write that did not get done, and no loss.
    let ends = kafka.says("kafka-get-offsets", "--topic java-files");
    assert_eq!(lines_with(&ends, &["java-files:"]).len(), 2, "the ends of the logs: {ends}");
    kafka.broker.stop();
    let records = dump_finds_nothing_wrong(&kafka, false);
    assert_eq!(lines_with(&records, &["| offset:"]).len(), 60_000, "records in the log after a kill");

    let lost = damage_and_repair(&kafka.broker.data_dir());
    let records = dump_finds_nothing_wrong(&kafka, true);
    assert_eq!(lines_with(&records, &["| offset:"]).len() + lost, 60_000, "records in the log after a repair");
    kafka.broker.restart();
    produce(&kafka);
}

/// Turns a bit in the middle of every log of a topic and in every index, cuts the end off, and has it repaired; answers how many offsets
/// that has cost.
fn damage_and_repair(data: &Path) -> usize {
    let ours = |folder: &str, _: &str| folder.starts_with("java-files-");
    for path in files(data, |folder, file| ours(folder, file) && (file.ends_with(".log") || file.ends_with(".index"))) {
        let mut bytes = fs::read(&path).expect("the file is there");
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        bytes.truncate(bytes.len().saturating_sub(3));
        fs::write(&path, bytes).expect("the file can be written");
    }
    let verify = |more: &str| run_offline(&format!("log verify {} {more}", data.display()), Vec::new());
    let repaired = verify("--repair --deep --json");
    let report: serde_json::Value = serde_json::from_str(&repaired.out).expect("JSON");
    let is_sound = report.get("sound").and_then(serde_json::Value::as_bool);
    assert_eq!((repaired.code, is_sound), (1, Some(true)), "{report:#}");
    verify("--deep").ok();
    let lost = report.pointer("/totals/offsets_lost").and_then(serde_json::Value::as_u64).expect("a number");
    usize::try_from(lost).expect("a number that fits")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "another process has no other way to say that it has compacted")]
fn kafka_finds_nothing_wrong_with_what_was_compacted() {
    const TEST: &str = "kafka-dump-log after compaction";
    let Some(jars) = jars_or_skip(TEST) else { return };
    let settings = [
        ("log.segment.bytes", "1048576"),
        ("log.index.interval.bytes", "512"),
        ("log.cleaner.backoff.ms", "20"),
        ("log.cleaner.min.cleanable.ratio", "0.1"),
    ];
    let Some(broker) = Broker::start_own_or_skip(TEST, &settings) else { return };
    let mut kafka = Kafka { jars, broker };
    kafka.says("kafka-topics", "--create --topic java-files --partitions 1 --replication-factor 1 --config cleanup.policy=compact");
    let tombstones: String = (0..20).map(|number| format!("gone-{number}\tNULL\n")).collect();
    for _ in 0..2 {
        kafka.says("kafka-verifiable-producer", "--topic java-files --max-messages 40000 --acks -1 --repeating-keys 50");
        let nulls = "--topic java-files --reader-property parse.key=true --reader-property null.marker=NULL";
        kafka.feed("kafka-console-producer", nulls, &tombstones);
    }
    kafka.says("kafka-verifiable-producer", "--topic java-files --max-messages 40000 --acks -1 --repeating-keys 70");
    let size = |kafka: &Kafka| -> u64 {
        let logs = files(&kafka.broker.data_dir(), |folder, file| folder == "java-files-0" && file.ends_with(".log"));
        logs.iter().filter_map(|file| fs::metadata(file).ok()).map(|metadata| metadata.len()).sum()
    };
    for _ in 0..3000 {
        if size(&kafka) < 1_200_000 {
            break;
        }
        std::thread::sleep(core::time::Duration::from_millis(10));
    }
    let consume = "--topic java-files --group-id java-files-group --max-messages 70 --reset-policy earliest --group-protocol classic";
    kafka.says("kafka-verifiable-consumer", consume);
    kafka.broker.stop();
    let records = dump_finds_nothing_wrong(&kafka, true);
    let left = lines_with(&records, &["| offset:"]).len();
    assert!((70..60_000).contains(&left), "{left} of 120,040 records are left");
    assert_says(&records, &["deleteHorizonMs: OptionalLong["], "what was deleted is marked");
}
