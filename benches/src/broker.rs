//! A broker in a process of its own: the bench's own program, started once more.

use core::time::Duration;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use millpond::Broker;
use millpond::client::cluster::Cluster;
use millpond::client::connection::Options;
use millpond::config::broker_config::BrokerConfig;
use millpond::protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest, CreateTopicsResponse};
use millpond::protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use millpond::protocol::messages::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use millpond_core::ids::{ProducerEpoch, ProducerId, Sequence};
use millpond_core::record::batch::ProducerStamp;
use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::{Array, Records};

/// By topic name, which is simpler than by id.
pub const PRODUCE: Versions = Versions::new(3, 12);
const INITIALIZE: Versions = Versions::new(3, 5);
const CREATE: Versions = Versions::new(2, 7);

/// What a bench comes to.
pub type Outcome<T> = Result<T, Box<dyn core::error::Error>>;

/// The broker itself, if that is what this program was started for: it runs until its input ends, and then stops cleanly.
///
/// # Errors
/// When it does not start, or was not stopped in good order.
pub fn is_asked_for() -> Outcome<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &*arguments {
        [mode, directory, settings @ ..] if mode == "serve" => serve(directory, settings).map(|()| true),
        _ => Ok(false),
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn serve(directory: &str, more: &[String]) -> Outcome<()> {
    let more = more.iter().filter_map(|setting| setting.split_once('='));
    let settings = [("listeners", "PLAINTEXT://127.0.0.1:0"), ("log.dirs", directory)].into_iter().chain(more);
    let (config, _warnings) = BrokerConfig::from_entries(settings)?;
    let broker = Broker::start(config).await?;
    println!("{}", broker.local_addr());
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
    broker.shutdown().await?;
    Ok(())
}

/// A broker in a process of its own.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Where it listens.
    pub address: String,
    /// When it was started.
    pub began: Instant,
    /// How long it took until it listened.
    pub listening_ms: f64,
}

impl Running {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started, or does not say where it listens.
    pub fn start(directory: &Path) -> Outcome<Self> {
        Self::start_with(&[], directory, &[])
    }

    /// Starts it as the last argument of another command, if one is named, with settings, each as `key=value`.
    ///
    /// # Errors
    /// When it cannot be started, or does not say where it listens.
    #[expect(clippy::disallowed_methods, reason = "how long it takes is what is asked")]
    pub fn start_with(wrapper: &[&str], directory: &Path, settings: &[&str]) -> Outcome<Self> {
        let began = Instant::now();
        let own = std::env::current_exe()?;
        let words: Vec<&OsStr> = wrapper
            .iter()
            .map(OsStr::new)
            .chain([own.as_os_str(), OsStr::new("serve"), directory.as_os_str()])
            .chain(settings.iter().map(OsStr::new))
            .collect();
        let (program, arguments) = words.split_first().ok_or("a program")?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        if !wrapper.is_empty() {
            command.stderr(Stdio::piped());
        }
        let mut child = command.spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().ok_or("a pipe")?).read_line(&mut address)?;
        Ok(Self { child, address: address.trim().to_owned(), began, listening_ms: ms_since(began) })
    }

    /// Stops it, or kills it. Answers what it, or the command that it ran under, has said.
    ///
    /// # Errors
    /// When it is not there.
    pub fn stop(mut self, cleanly: bool) -> Outcome<String> {
        if cleanly {
            drop(self.child.stdin.take());
        } else {
            self.child.kill()?;
        }
        let mut said = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut said)?;
        }
        self.child.wait()?;
        Ok(said)
    }

    /// A number that the system keeps of the process.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn figure(&self, file: &str, name: &str) -> Outcome<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("a figure")?;
        Ok(line.split_whitespace().next().ok_or("a figure")?.parse()?)
    }
}

/// How long ago that was. Unit: ms.
#[must_use]
pub fn ms_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

/// A connection to a broker.
///
/// # Errors
/// When there is none.
pub async fn connect(address: &str) -> Outcome<Cluster> {
    Ok(Cluster::connect(address, Options::default()).await?)
}

/// Writes a batch to each of these partitions, and waits until they are acknowledged.
///
/// # Errors
/// When they are refused.
pub async fn produce(cluster: &mut Cluster, topic: &str, partitions: &[i32], bytes: &[u8], writer: Writer<'_>) -> Outcome<()> {
    let data: Vec<_> = partitions.iter().map(|index| PartitionProduceData { index: *index, records: Some(Records::Here(bytes)) }).collect();
    let topics = [TopicProduceData { name: topic, partition_data: Array::from(&*data), ..Default::default() }];
    let Writer { acks, transactional_id } = writer;
    let request = ProduceRequest { acks, transactional_id, timeout_ms: 60_000, topic_data: Array::from(&topics) };
    let reply = cluster.any().await?.call_in(&request, PRODUCE).await?;
    let response: ProduceResponse<'_> = reply.read()?;
    let refused = response.responses.iter().flat_map(|topic| topic.partition_responses.iter()).find(|answer| answer.error_code != 0);
    match refused {
        Some(refused) => Err(format!("partition {}: error {}", refused.index, refused.error_code).into()),
        None => Ok(()),
    }
}

/// What a producer says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// When it wants to hear that its records are there.
    pub acks: i16,
    /// Under which name it writes transactions.
    pub transactional_id: Option<&'a str>,
}

impl Writer<'_> {
    /// Who wants its records to be on the disk.
    pub const SAFE: Self = Self { acks: -1, transactional_id: None };
}

/// Creates a topic.
///
/// # Errors
/// When it is refused.
pub async fn create(cluster: &mut Cluster, name: &str, partitions: i32) -> Outcome<()> {
    let topics = [CreatableTopic { name, num_partitions: partitions, replication_factor: -1, ..Default::default() }];
    let request = CreateTopicsRequest { topics: Array::from(&topics), timeout_ms: 60_000, validate_only: false };
    let reply = cluster.any().await?.call_in(&request, CREATE).await?;
    let response: CreateTopicsResponse<'_> = reply.read()?;
    match response.topics.iter().find(|topic| topic.error_code != 0) {
        Some(topic) => Err(format!("creating the topic: error {}", topic.error_code).into()),
        None => Ok(()),
    }
}

/// Makes a producer known, for transactions if it has a name for them.
///
/// # Errors
/// When it is refused for seconds.
pub async fn initialize(cluster: &mut Cluster, transactional_id: Option<&str>) -> Outcome<ProducerStamp> {
    let request = InitProducerIdRequest {
        transactional_id,
        transaction_timeout_ms: 60_000,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    for _ in 0..100 {
        let reply = cluster.any().await?.call_in(&request, INITIALIZE).await?;
        let response: InitProducerIdResponse = reply.read()?;
        if response.error_code == 0 {
            let (id, epoch) = (ProducerId(response.producer_id), ProducerEpoch(response.producer_epoch));
            return Ok(ProducerStamp { id, epoch, base_sequence: Sequence(0) });
        }
        // Its topic is just being created, perhaps.
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    Err("no producer id".into())
}

/// A directory that is removed in the end.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    /// A new one in the target folder.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn new(parent: &str, name: &str) -> Outcome<Self> {
        let path = PathBuf::from(parent).join(format!("{name}-{}", std::process::id()));
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
