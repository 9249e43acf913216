//! Foreign clients over the edge between the disk and the object store, and an S3 that is not ours.
//!
//! Against Apache Kafka they are skipped: it comes without a store of its own.

use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use millpond::client::cluster::Cluster;
use millpond::client::connection::Options;
use millpond::protocol::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse};
use millpond_core::wire::value::Array;
use millpond_tests::broker::Broker;
use millpond_tests::command::run;
use millpond_tests::skip::skip;
use millpond_tests::toolbox::{make_once, run_command, workspace_dir};
use millpond_tests::wait::until;

use super::java::kafka_or_skip;
use super::python::{play, python_or_skip};
use crate::broker::tier::QUICK;

/// Skips a test where the broker is Kafka.
fn is_kafka(test: &str) -> bool {
    let is_kafka = std::env::var("MILLPOND_BIN").is_ok_and(|program| program.ends_with("kafka-as-millpond"));
    if is_kafka {
        skip(test, "Apache Kafka comes without an object store");
    }
    is_kafka
}

fn with<'s>(more: &[(&'s str, &'s str)]) -> Vec<(&'s str, &'s str)> {
    QUICK.iter().chain(more).copied().collect()
}

/// How many segments of a partition lie on the disk.
fn local(broker: &Broker, topic: &str) -> usize {
    let files = fs::read_dir(broker.data_dir().join(format!("{topic}-0"))).expect("the partition").flatten();
    files.filter(|file| file.path().extension().is_some_and(|kind| kind == "log")).count()
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("millpond-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// The objects of one kind below a folder, in their order.
fn objects(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == kind) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Writes a topic; answers its name, and what else it takes to read it.
fn written(python: &Path, broker: &Broker) -> (String, String) {
    let told: serde_json::Value = serde_json::from_str(&play(python, "tiered", broker, &["write"])).expect("JSON");
    let word = |name: &str| told.get(name).and_then(serde_json::Value::as_str).expect("a word").to_owned();
    (word("topic"), word("base"))
}

#[test]
fn kafka_python_reads_over_the_edge_of_the_disk_what_was_written_and_what_was_committed() {
    if is_kafka("tiered") {
        return;
    }
    let Some(python) = python_or_skip("tiered") else { return };
    let store = folder("edge");
    let url = format!("file://{}", store.display());
    let Some(mut broker) = Broker::start_own_or_skip("tiered", &with(&[("rsm.config.url", &url)])) else { return };
    let (topic, base) = written(&python, &broker);
    until("it is copied", || (local(&broker, &topic) <= 3).then_some(()));
    play(&python, "tiered", &broker, &["read", &topic, &base]);
    assert!(!objects(&store, "txnindex").is_empty());
    broker.kill();
    broker.restart();
    let count = objects(&store, "log").len();
    assert!(count >= 3, "{count} segments");
    broker.stop();
    let _ = fs::remove_dir_all(&store);
}

#[test]
fn kafkas_consumers_read_over_the_edge_of_the_disk_and_its_tools_read_the_objects() {
    if is_kafka("tiered") {
        return;
    }
    let store = folder("objects");
    let url = format!("file://{}", store.display());
    let Some(kafka) = kafka_or_skip("tiered", &with(&[("rsm.config.url", &url)])) else { return };
    let broker = &kafka.broker;
    let told = |line: &str, input: &str| run(broker.bootstrap(), line, input.as_bytes().to_vec()).ok();
    told("topic create java --config remote.storage.enable=true --config local.retention.bytes=1048576 --config segment.bytes=1048576", "");
    let lines: String = (0..6000).map(|number| format!("{number:05}-{}\n", "y".repeat(900))).collect();
    told("produce java --batch-bytes 16384", &lines);
    until("it is copied", || (local(broker, "java") <= 3).then_some(()));
    let read = kafka.says("kafka-console-consumer", "--topic java --from-beginning --max-messages 6000 --timeout-ms 30000");
    let records = |read: &str| -> String { read.lines().filter(|line| line.contains("-y")).map(|line| format!("{line}\n")).collect() };
    assert!(records(&read) == lines, "{} bytes of {}", records(&read).len(), lines.len());
    // So does a share group.
    kafka.says("kafka-configs", "--alter --entity-type groups --entity-name workers --add-config share.auto.offset.reset=earliest");
    let read = kafka.says("kafka-console-share-consumer", "--topic java --group workers --max-messages 6000 --timeout-ms 30000");
    assert!(records(&read) == lines, "{} bytes of {}", records(&read).len(), lines.len());
    let local_start = kafka.says("kafka-get-offsets", "--topic java --time -4");
    assert!(!local_start.contains("java:0:0"), "{local_start}");
    let tiered = kafka.says("kafka-get-offsets", "--topic java --time -5");
    assert!(tiered.contains("java:0:") && !tiered.contains("java:0:-1"), "{tiered}");
    // As the documentation says: without its id in the name an object is a file of Kafka's.
    let restored = store.join("java-0");
    fs::create_dir(&restored).expect("it is ours");
    for kind in ["log", "index", "timeindex"] {
        for object in objects(&store, kind) {
            let name = object.file_name().and_then(|name| name.to_str()).expect("text");
            fs::copy(&object, restored.join(format!("{}.{kind}", &name[..20]))).expect("it is ours");
        }
    }
    for log in objects(&restored, "log") {
        let mut dump = kafka.offline("kafka-dump-log", "--deep-iteration --print-data-log --files");
        let text = run_command(dump.arg(&log)).expect("it can be read");
        assert!(text.contains("isvalid: true") && !text.contains("isvalid: false"), "{}", log.display());
    }
    let verified = millpond_tests::command::run_offline(&format!("log verify {} --deep", restored.display()), Vec::new()).ok();
    assert!(verified.contains("sound"), "{verified}");
    let _ = fs::remove_dir_all(&store);
}

/// An S3 as a process: moto's.
struct Moto {
    child: Child,
    address: String,
}

impl Moto {
    fn start_or_skip(test: &str) -> Option<Self> {
        let requirements = workspace_dir().join("tests/interop/python/s3.txt");
        let recipe = fs::read_to_string(&requirements).expect("the list of packages is in the repository");
        let made = make_once("s3", &recipe, |dir| {
            run_command(Command::new("python3").args(["-m", "venv"]).arg(dir))?;
            let mut pip = Command::new(dir.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--requirement"]);
            run_command(pip.arg(&requirements)).map(drop)
        });
        let dir = made.map_err(|message| skip(test, &format!("moto cannot be installed: {message}"))).ok()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free").port();
        let mut server = Command::new(dir.join("bin/python"));
        server.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]).stdin(Stdio::null());
        let log = File::create(dir.join("moto.log")).expect("a log can be made");
        let child = server.stdout(Stdio::null()).stderr(log).spawn().expect("python can be started");
        let moto = Self { child, address: format!("127.0.0.1:{port}") };
        until("moto listens", || TcpStream::connect(&moto.address).ok());
        Some(moto)
    }

    /// One request, without a signature: moto asks for none. Answers what came back.
    fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        BufReader::new(stream).read_to_end(&mut answer).expect("it answers");
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn keys(&self, bucket: &str) -> Vec<String> {
        let listed = self.ask("GET", &format!("/{bucket}?list-type=2"));
        listed.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>")).map(|(key, _)| key.to_owned()).collect()
    }

    fn signal(&self, signal: &str) {
        run_command(Command::new("kill").args([signal, &self.child.id().to_string()])).expect("a process of ours");
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_bucket_of_s3_holds_what_left_the_disk_and_its_password_is_shown_to_nobody() {
    const TEST: &str = "a bucket of S3";
    const SECRET: &str = "a-secret-that-nobody-may-see";
    if is_kafka(TEST) {
        return;
    }
    let Some(python) = python_or_skip(TEST) else { return };
    let Some(moto) = Moto::start_or_skip(TEST) else { return };
    let told = moto.ask("PUT", "/bucket");
    assert!(told.contains("200 OK"), "{told}");
    let endpoint = format!("http://{}", moto.address);
    let settings = with(&[
        ("rsm.config.url", "s3://bucket/below/here"),
        ("rsm.config.aws_endpoint", &endpoint),
        ("rsm.config.aws_allow_http", "true"),
        ("rsm.config.aws_region", "us-east-1"),
        ("rsm.config.aws_secret_access_key", SECRET),
        ("rsm.config.request.timeout.ms", "2000"),
    ]);
    // The other half of it comes from the environment.
    let mut broker = match Broker::try_start_own(&settings, &[("AWS_ACCESS_KEY_ID", "somebody")]) {
        Ok(Some(broker)) => broker,
        Ok(None) => return skip(TEST, "it starts a broker with settings, and MILLPOND_TEST_BOOTSTRAP names one that runs"),
        Err(message) if message.contains("tiered-s3") => return skip(TEST, "the program was built without the feature tiered-s3"),
        Err(message) => panic!("{message}"),
    };
    let (topic, base) = written(&python, &broker);
    until("it is copied", || (local(&broker, &topic) <= 3).then_some(()));
    let keys = moto.keys("bucket");
    assert!(keys.iter().all(|key| key.starts_with("below/here/")) && keys.iter().any(|key| key.ends_with("/manifest")), "{keys:?}");
    play(&python, "tiered", &broker, &["read", &topic, &base]);
    // It hangs: producers do not notice, and it is said out loud.
    moto.signal("-STOP");
    let lines: String = (0..4000).map(|number| format!("{number:05}-{}\n", "z".repeat(900))).collect();
    run(broker.bootstrap(), &format!("produce {topic} --batch-bytes 16384"), lines.as_bytes().to_vec()).ok();
    until("it is said that the store is away", || broker.said().contains("the object store is away").then_some(()));
    assert!(local(&broker, &topic) >= 4, "nothing has left the disk");
    moto.signal("-CONT");
    until("it is said that the store is back", || broker.said().contains("the object store is back").then_some(()));
    until("the rest is copied", || (local(&broker, &topic) <= 3).then_some(()));
    broker.kill();
    broker.restart();
    let read = run(broker.bootstrap(), &format!("consume {topic} --from earliest --exit-at-end --format %o\\n"), Vec::new()).ok();
    assert!(read.lines().count() > 7000, "{} records", read.lines().count());
    // One that is so large that it is sent in parts.
    let create = "topic create large --config remote.storage.enable=true --config local.retention.bytes=1 --config segment.bytes=20971520";
    run(broker.bootstrap(), create, Vec::new()).ok();
    let large: String = (0..26_000).map(|number| format!("{number:05}-{}\n", "w".repeat(900))).collect();
    run(broker.bootstrap(), "produce large --batch-bytes 65536", large.as_bytes().to_vec()).ok();
    until("it is copied", || (local(&broker, "large") == 1).then_some(()));
    let read = run(broker.bootstrap(), "consume large --from earliest --exit-at-end", Vec::new()).ok();
    assert!(read == large, "{} bytes of {}", read.len(), large.len());
    // With the topic its objects go.
    run(broker.bootstrap(), &format!("topic delete {topic} large"), Vec::new()).ok();
    until("what the bucket had of the topic is gone", || moto.keys("bucket").is_empty().then_some(()));
    assert!(!broker.said_all().contains(SECRET), "its password was said");
    assert!(!described(&broker).contains(SECRET), "its password was shown");
    broker.stop();
}

/// All settings of a broker, as it tells them to clients.
fn described(broker: &Broker) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut cluster = Cluster::connect(broker.bootstrap(), Options::default()).await.expect("connects");
        let resources = [DescribeConfigsResource { resource_type: 4, resource_name: "1", ..Default::default() }];
        let request = DescribeConfigsRequest { resources: Array::from(&resources[..]), ..Default::default() };
        let reply = cluster.ask(&request).await.expect("is answered");
        let response: DescribeConfigsResponse<'_> = reply.read().expect("is an answer");
        let mut told = String::new();
        for config in response.results.iter().flat_map(|result| result.configs.iter()) {
            told.push_str(&format!("{}={}\n", config.name, config.value.unwrap_or_default()));
        }
        assert!(told.contains("rsm.config.url=s3://bucket/below/here"), "{told}");
        told
    })
}
