//! How long a gateway is without its broker: restarts, after a clean stop and after a kill, of logs that are large and of logs that are
//! many.
//!
//!     cargo bench -p millpond-benches --bench restart                      # up to 4 GiB in one log, and 1,000 logs
//!     cargo bench -p millpond-benches --bench restart -- 32 10000          # up to 32 GiB, and 10,000 logs
//!
//! The broker is this program, started once more. Of each restart: how long until it listens, until a record is acknowledged by the log in
//! question, and how much it has read by then (`rchar` of the process). Everything lies in the target folder, and is removed.

#![expect(clippy::disallowed_methods, reason = "how long it takes is what is asked")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use millpond::Broker;
use millpond::client::cluster::Cluster;
use millpond::client::connection::Options;
use millpond::config::broker_config::BrokerConfig;
use millpond::protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest, CreateTopicsResponse};
use millpond::protocol::messages::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use millpond_benches::batch;
use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::{Array, Records};

/// By topic name, which is simpler than by id.
const PRODUCE: Versions = Versions::new(3, 12);
const CREATE: Versions = Versions::new(2, 7);

type Outcome<T> = Result<T, Box<dyn core::error::Error>>;

fn main() -> Outcome<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.first().is_some_and(|first| first == "serve") {
        return serve(&arguments.pop().unwrap_or_default());
    }
    let mut numbers = arguments.iter().filter_map(|argument| argument.parse::<usize>().ok());
    let (gigabytes, partitions) = (numbers.next().unwrap_or(4), numbers.next().unwrap_or(1000));
    println!("{:28} {:>10} {:>10} {:>12} {:>9}", "", "listens", "first ack", "read by then", "memory");
    let mut size = 1;
    while size <= gigabytes {
        large(size)?;
        size *= 2;
    }
    let mut count = 100;
    while count <= partitions {
        many(count)?;
        count *= 10;
    }
    Ok(())
}

/// The broker, until its input ends; then it stops cleanly.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn serve(directory: &str) -> Outcome<()> {
    let settings = [("listeners", "PLAINTEXT://127.0.0.1:0"), ("log.dirs", directory)];
    let (config, _warnings) = BrokerConfig::from_entries(settings)?;
    let broker = Broker::start(config).await?;
    println!("{}", broker.local_addr());
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
    broker.shutdown().await?;
    Ok(())
}

/// A broker in a process of its own.
struct Running {
    child: Child,
    address: String,
    began: Instant,
    listening_ms: f64,
}

impl Running {
    fn start(directory: &Path) -> Outcome<Self> {
        let began = Instant::now();
        let mut child =
            Command::new(std::env::current_exe()?).arg("serve").arg(directory).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().ok_or("a pipe")?).read_line(&mut address)?;
        Ok(Self { child, address: address.trim().to_owned(), began, listening_ms: ms_since(began) })
    }

    fn stop(mut self, cleanly: bool) -> Outcome<()> {
        if cleanly {
            drop(self.child.stdin.take());
        } else {
            self.child.kill()?;
        }
        self.child.wait()?;
        Ok(())
    }

    /// A number that the system keeps of the process.
    fn figure(&self, file: &str, name: &str) -> Outcome<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("a figure")?;
        Ok(line.split_whitespace().next().ok_or("a figure")?.parse()?)
    }
}

fn ms_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

/// Writes batches, one to each of these partitions, and waits until they are acknowledged.
#[tokio::main(flavor = "current_thread")]
async fn produce(address: &str, partitions: &[i32], bytes: &[u8], times: usize) -> Outcome<()> {
    let mut cluster = Cluster::connect(address, Options::default()).await?;
    let data: Vec<_> = partitions.iter().map(|index| PartitionProduceData { index: *index, records: Some(Records::Here(bytes)) }).collect();
    let topics = [TopicProduceData { name: "restart", partition_data: Array::from(&*data), ..Default::default() }];
    let request = ProduceRequest { acks: -1, timeout_ms: 60_000, topic_data: Array::from(&topics), ..Default::default() };
    for _ in 0..times {
        let reply = cluster.any().await?.call_in(&request, PRODUCE).await?;
        let response: ProduceResponse<'_> = reply.read()?;
        let refused = response.responses.iter().flat_map(|topic| topic.partition_responses.iter()).find(|answer| answer.error_code != 0);
        if let Some(refused) = refused {
            return Err(format!("partition {}: error {}", refused.index, refused.error_code).into());
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn create(address: &str, partitions: i32) -> Outcome<()> {
    let mut cluster = Cluster::connect(address, Options::default()).await?;
    let topics = [CreatableTopic { name: "restart", num_partitions: partitions, replication_factor: -1, ..Default::default() }];
    let request = CreateTopicsRequest { topics: Array::from(&topics), timeout_ms: 60_000, validate_only: false };
    let reply = cluster.any().await?.call_in(&request, CREATE).await?;
    let response: CreateTopicsResponse<'_> = reply.read()?;
    match response.topics.iter().find(|topic| topic.error_code != 0) {
        Some(topic) => Err(format!("creating the topic: error {}", topic.error_code).into()),
        None => Ok(()),
    }
}

/// A directory that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Outcome<Self> {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("restart-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It lies in the target folder: what cannot be removed now goes with that.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One log of so many GiB, in segments of the usual size.
fn large(gigabytes: usize) -> Outcome<()> {
    let folder = Folder::new()?;
    let bytes = batch(1000, 1000, None);
    let broker = Running::start(&folder.0)?;
    create(&broker.address, 1)?;
    produce(&broker.address, &[0], &bytes, (gigabytes << 30) / bytes.len())?;
    restarts(&folder, broker, 0, &format!("{gigabytes} GiB in one log"))
}

/// So many logs, each with a record.
fn many(count: usize) -> Outcome<()> {
    let folder = Folder::new()?;
    let bytes = batch(1, 100, None);
    let broker = Running::start(&folder.0)?;
    let count = i32::try_from(count)?;
    create(&broker.address, count)?;
    let all: Vec<i32> = (0..count).collect();
    for some in all.chunks(500) {
        produce(&broker.address, some, &bytes, 1)?;
    }
    restarts(&folder, broker, count - 1, &format!("{count} logs"))
}

/// Kills the broker, and stops it, and says what it costs to start it again.
fn restarts(folder: &Folder, mut broker: Running, partition: i32, what: &str) -> Outcome<()> {
    let small = batch(1, 100, None);
    for cleanly in [false, true] {
        broker.stop(cleanly)?;
        broker = Running::start(&folder.0)?;
        produce(&broker.address, &[partition], &small, 1)?;
        let acknowledged = ms_since(broker.began);
        let read = broker.figure("io", "rchar:")? / 1e6;
        let memory = broker.figure("status", "VmRSS:")? / 1000.0;
        let how = if cleanly { "stopped" } else { "killed" };
        println!("{:28} {:7.0} ms {acknowledged:7.0} ms {read:9.1} MB {memory:6.1} MB", format!("{what}, {how}"), broker.listening_ms);
    }
    broker.stop(true)
}
