//! A broker inside a program.

use core::net::SocketAddr;
use std::io;
use std::sync::Arc;

use millpond_core::bounded::list::List;
use millpond_core::bounded::table::HashKey;
use millpond_core::catalog::catalog::{Catalog, CatalogConfig, CatalogMemory};
use millpond_core::catalog::features::SUPPORTED;
use millpond_core::catalog::input::{Bootstrap, Input, ResourceKind};
use millpond_core::catalog::name::KRAFT_VERSION;
use millpond_core::group::coordinator::{Coordinator, CoordinatorLimits, CoordinatorMemory};
use millpond_core::shard::parked::{Parked, ParkedMemory};
use millpond_core::shard::shard::{Machines, Shard, ShardMemory, ShardPartitions};
use millpond_core::share::coordinator::{Coordinator as ShareCoordinator, ShareMemory};
use millpond_core::txn::coordinator::{Coordinator as TxnCoordinator, CoordinatorMemory as TxnMemory};
use tokio::task::JoinHandle;

use crate::api::catalog;
use crate::clock::Clock;
use crate::config::broker_config::{BrokerConfig, RemoteConfig, topic_log_config};
use crate::disk::data_dir::{DataDir, DataDirError};
use crate::net::listener;
use crate::tier::Cold;
use crate::worker::turn::{Live, Surroundings};
use crate::worker::worker::Worker;

/// How many partitions a broker holds at the most.
const PARTITIONS_MAX: usize = 200_000;
/// How many calls wait at the most, and at how many partitions altogether.
const WAITING_CALLS_MAX: usize = 1_000_000;
/// How many transactional ids are remembered at the most, and how many partitions their open transactions reach altogether.
const TRANSACTIONAL_IDS_MAX: usize = 100_000;
const TRANSACTION_PARTITIONS_MAX: usize = 1_000_000;
/// How many partitions groups share at the most, and how many records of them stand otherwise than their neighbours, altogether.
const SHARED_PARTITIONS_MAX: usize = 100_000;
const SHARED_RUNS_MAX: usize = 4_000_000;
/// What one step of a machine writes down at the most. Unit: bytes; records.
const STEP_BYTES_MAX: usize = 64 << 20;
const STEP_RECORDS_MAX: usize = 1_000_000;

/// Why a broker cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// Its logs cannot be loaded.
    #[error("the data in {directory} cannot be loaded: {reason}")]
    Load {
        /// The data directory.
        directory: String,
        /// What is wrong.
        reason: String,
    },
    /// Its address cannot be had.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        error: io::Error,
    },
    /// The settings make no object store.
    #[error("the object store cannot be used: {0}")]
    Store(String),
    /// What clients are to be told is no address.
    #[error("advertised.listeners: {0} is not HOST:PORT")]
    Advertised(String),
}

/// Makes the object store of a broker, given its settings and the id of its cluster.
pub type MakeStore = Box<dyn FnOnce(&RemoteConfig, &str) -> Arc<Cold> + Send>;

/// A running broker. When it is dropped without [`Broker::shutdown`], it stops as if the power had failed: what was acknowledged is
/// safe, and the next start takes longer. Its directory stays locked until its tasks have ended, shortly after: only `shutdown` waits for
/// that.
#[derive(Debug)]
pub struct Broker {
    worker: Arc<Worker>,
    local_addr: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
    syncs: JoinHandle<()>,
    compaction: JoinHandle<()>,
    tier: JoinHandle<()>,
}

impl Broker {
    /// Starts a broker: from here on it accepts connections.
    ///
    /// ```
    /// # #[tokio::main(flavor = "multi_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use millpond::broker::Broker;
    /// use millpond::config::broker_config::BrokerConfig;
    ///
    /// let directory = std::env::temp_dir().join(format!("millpond-doc-{}", std::process::id()));
    /// let settings = [("listeners", "PLAINTEXT://127.0.0.1:0"), ("log.dirs", directory.to_str().unwrap_or("data"))];
    /// let (config, _warnings) = BrokerConfig::from_entries(settings)?;
    /// let broker = Broker::start(config).await?;
    /// println!("any Kafka client can connect to {}", broker.local_addr());
    /// broker.shutdown().await?;
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What [`StartError`] names.
    pub async fn start(config: BrokerConfig) -> Result<Self, StartError> {
        Self::start_with(config, None).await
    }

    /// The same, with an object store of one's own in the place of the one that the settings name.
    ///
    /// # Errors
    /// What [`StartError`] names.
    pub async fn start_with(config: BrokerConfig, store: Option<MakeStore>) -> Result<Self, StartError> {
        let config = Arc::new(config);
        let clock = Clock::start();
        let key = HashKey(u64::from_be_bytes(catalog::random()), u64::from_be_bytes(catalog::random()));
        let listen_error = |error| StartError::Listen { address: config.listen.clone(), error };
        // First what may fail without a trace: an opened directory is no longer one that was cleanly closed.
        let listener = listener::bind(&config.listen).await.map_err(listen_error)?;
        let directory = DataDir::open(&config, key, catalog::fresh_id)?;
        let local_addr = listener.local_addr().map_err(listen_error)?;
        let advertised = advertised(&config, local_addr)?;
        let cluster_id = directory.identity().cluster_id.clone();
        let cold = match store {
            Some(make) => Some(make(&config.remote, &cluster_id)),
            None => Cold::open(&config.remote, &cluster_id).map_err(|error| StartError::Store(error.to_string()))?,
        };
        let surroundings = Surroundings {
            config: Arc::clone(&config),
            live: Live::new(Arc::clone(&config)),
            identity: directory.identity().clone(),
            advertised,
            cold,
        };
        let shard = load(&config, directory, clock, key)?;
        let worker = Worker::new(shard, surroundings, clock);
        bootstrap(&worker)?;
        if !config.remote.enable {
            untiered(&worker)?;
        }
        worker.turn(|turn| turn.apply_broker_settings());
        let tasks = vec![
            tokio::spawn(Arc::clone(&worker).drive_timer()),
            tokio::spawn(Arc::clone(&worker).recover_rest()),
            tokio::spawn(Arc::clone(&worker).drive_remote()),
            tokio::spawn(listener::accept(Arc::clone(&worker), listener)),
        ];
        let syncs = tokio::spawn(Arc::clone(&worker).drive_sync());
        let compaction = tokio::spawn(Arc::clone(&worker).drive_compaction());
        let tier = tokio::spawn(Arc::clone(&worker).drive_tier());
        Ok(Self { worker, local_addr, tasks, syncs, compaction, tier })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Stops: connections are closed, every log is closed in good order.
    ///
    /// # Errors
    /// When a log cannot be closed so, or how the logs were left cannot be written down; what was acknowledged is safe all the same.
    pub async fn shutdown(mut self) -> Result<(), DataDirError> {
        for task in self.tasks.drain(..).rev() {
            task.abort();
            // It was just told to end: how it did is of no interest.
            let _ = task.await;
        }
        // What it has written and not put in its place goes.
        self.worker.end_compaction();
        let _ = (&mut self.compaction).await;
        // What is being written beside a log is written first; what is under way in the store is left half-way.
        self.worker.end_tiering();
        let _ = (&mut self.tier).await;
        // A round that is under way is heard: a sync that fails in it must not be followed by one that says all is well.
        self.worker.end_sync_rounds();
        let _ = (&mut self.syncs).await;
        let worker = Arc::clone(&self.worker);
        // Closing syncs files, which may block.
        match tokio::task::spawn_blocking(move || worker.close()).await {
            Ok(closed) => closed,
            Err(failed) => failed.try_into_panic().map_or(Ok(()), |panic| std::panic::resume_unwind(panic)),
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.syncs.abort();
        self.compaction.abort();
        self.tier.abort();
    }
}

/// What clients are told to connect to.
fn advertised(config: &BrokerConfig, local_addr: SocketAddr) -> Result<(String, u16), StartError> {
    let Some(advertised) = &config.advertised else {
        // A host that was given by name is told by name.
        let host = config.listen.rsplit_once(':').map_or(config.listen.as_str(), |(host, _)| host);
        let unspecified = local_addr.ip().is_unspecified();
        let host = if unspecified { hostname() } else { host.trim_matches(['[', ']']).to_string() };
        return Ok((host, local_addr.port()));
    };
    let parsed = advertised.rsplit_once(':').and_then(|(host, port)| Some((host.trim_matches(['[', ']']).to_string(), port.parse().ok()?)));
    parsed.ok_or_else(|| StartError::Advertised(advertised.clone()))
}

/// What this machine calls itself. Source: Kafka advertises the canonical host name where it listens on every address.
fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn load(config: &BrokerConfig, directory: DataDir, clock: Clock, key: HashKey) -> Result<Shard<'static, DataDir>, StartError> {
    let path = directory.path().display().to_string();
    let refusal = directory.refusal();
    let catalog_config = CatalogConfig { node: config.node, directory: directory.identity().directory_id };
    let catalog = Catalog::new(catalog_config, key, CatalogMemory::grown(PARTITIONS_MAX));
    let groups = Coordinator::new(config.groups.group, key, CoordinatorMemory::grown(CoordinatorLimits::default()));
    let txns = TxnCoordinator::new(config.txn, key, TxnMemory::grown(TRANSACTIONAL_IDS_MAX, TRANSACTION_PARTITIONS_MAX));
    let shares = ShareCoordinator::new(config.share, key, ShareMemory::grown(SHARED_PARTITIONS_MAX, SHARED_RUNS_MAX));
    let machines = Machines { catalog, groups, transactions: txns, shares };
    let parked = Parked::new(ParkedMemory::grown(WAITING_CALLS_MAX, WAITING_CALLS_MAX * 4));
    let memory = ShardMemory::grown(STEP_BYTES_MAX, STEP_RECORDS_MAX, PARTITIONS_MAX);
    let mut scratch = List::grown(STEP_BYTES_MAX * 2);
    let partitions = ShardPartitions::grown(PARTITIONS_MAX);
    let shard = Shard::open(clock.now(), directory, machines, parked, memory, partitions, key, &mut scratch);
    let mut shard = shard.map_err(|error| {
        let reason = refusal.get().cloned().unwrap_or_else(|| error.to_string());
        StartError::Load { directory: path.clone(), reason }
    })?;
    let (catalog, directory) = shard.catalog_and_directory();
    let is_named = |topic: &str, index| catalog.topic(topic).is_some_and(|topic| catalog.partition(topic.slot, index).is_some());
    directory.tidy(|topic_id| catalog.topic_by_id(topic_id).is_some(), is_named)?;
    Ok(shard)
}

/// Without tiered storage no topic may need it. Source: `LogConfig.validateRemoteStorageOnlyIfSystemEnabled`.
fn untiered(worker: &Worker) -> Result<(), StartError> {
    worker.turn(|turn| {
        let catalog = turn.inner.shard.catalog();
        let own = |name| catalog.configs_of(ResourceKind::TOPIC, name);
        match catalog.topics().find(|topic| topic_log_config(turn.around.config.log, own(topic.name)).remote_storage) {
            None => Ok(()),
            Some(topic) => Err(StartError::Store(format!(
                "topic {} has remote.storage.enable=true, and records that lie there only: set remote.log.storage.system.enable=true and \
                 rsm.config.url, or delete such topics first",
                topic.name
            ))),
        }
    })
}

/// Gives a new data directory its first records.
fn bootstrap(worker: &Worker) -> Result<(), StartError> {
    worker.turn(|turn| {
        if !turn.inner.shard.catalog().is_blank() {
            return Ok(());
        }
        // That of the quorum is told by control records, which stand before all others.
        let of_records = SUPPORTED.iter().filter(|feature| feature.name != KRAFT_VERSION);
        let features: Vec<(&str, i16)> = of_records.map(|feature| (feature.name, feature.max)).collect();
        let input = Input::Bootstrap(Bootstrap { call: catalog::HERE, features: &features });
        let done = catalog::turn(turn, input, |_| Ok(()));
        done.map(drop).map_err(|refusal| StartError::Load { directory: turn.around.config.data_dir.clone(), reason: refusal.message })
    })
}
