//! The broker's settings, typed, and how they come about.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use millpond_core::ids::BrokerId;
use millpond_core::log::config::{LocalRetention, LogConfig};
use millpond_core::share::config::ShareConfig;
use millpond_core::time::Millis;
use millpond_core::txn::config::TxnConfig;

use super::groups::GroupSettings;
use super::key::{BadValue, Key, Setter};
use super::keys;

/// The settings of compaction that are the same for all logs.
#[derive(Clone, Copy, Debug)]
pub struct CleanerConfig {
    /// `log.cleaner.enable`.
    pub enable: bool,
    /// `log.cleaner.dedupe.buffer.size`. Unit: bytes.
    pub key_map_bytes: usize,
    /// `log.cleaner.io.max.bytes.per.second`. Unit: bytes a second.
    pub io_bytes_per_second: f64,
    /// `log.cleaner.backoff.ms`.
    pub backoff: Millis,
}

/// What begins the names of settings that the object store is handed. Source: `RemoteLogManagerConfig`, its default.
const STORE_PREFIX: &str = "rsm.config.";

/// The settings of tiered storage that are the same for all logs.
#[derive(Clone)]
pub struct RemoteConfig {
    /// `remote.log.storage.system.enable`.
    pub enable: bool,
    /// `rsm.config.url`: which store.
    pub url: String,
    /// All other settings that begin with `rsm.config.`, without that: there may be passwords among them.
    pub options: Vec<(String, String)>,
    /// `rsm.config.chunk.size`. Unit: bytes.
    pub chunk_bytes: u32,
    /// `rsm.config.fetch.chunk.cache.size`. Unit: bytes.
    pub cache_bytes: u64,
    /// `rsm.config.fetch.chunk.cache.prefetch.max.size`. Unit: bytes.
    pub read_ahead_bytes: u32,
    /// `rsm.config.request.timeout.ms`.
    pub request_timeout: Duration,
    /// `remote.log.manager.task.interval.ms`.
    pub task_interval: Millis,
    /// `remote.log.manager.task.retry.backoff.ms`.
    pub retry_backoff: Millis,
    /// `remote.log.manager.task.retry.backoff.max.ms`.
    pub retry_backoff_max: Millis,
    /// `remote.log.manager.task.retry.jitter`: a fraction.
    pub retry_jitter: f64,
    /// `remote.log.manager.copier.thread.pool.size`.
    pub copiers: usize,
    /// `remote.log.manager.copy.max.bytes.per.second`.
    pub copy_bytes_per_second: u64,
    /// `remote.log.manager.fetch.max.bytes.per.second`.
    pub fetch_bytes_per_second: u64,
    /// `remote.log.reader.threads`.
    pub readers: usize,
    /// `remote.log.reader.max.pending.tasks`.
    pub pending_reads_max: usize,
    /// `remote.fetch.max.wait.ms`.
    pub fetch_wait_max: Millis,
    /// `remote.list.offsets.request.timeout.ms`.
    pub find_wait_max: Millis,
}

impl core::fmt::Debug for RemoteConfig {
    /// Without what may be a password.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let names: Vec<&str> = self.options.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("RemoteConfig")
            .field("enable", &self.enable)
            .field("url", &self.url)
            .field("options", &names)
            .finish_non_exhaustive()
    }
}

impl Default for RemoteConfig {
    /// Nothing is set yet: the rows of the table do that.
    fn default() -> Self {
        Self {
            enable: false,
            url: String::new(),
            options: Vec::new(),
            chunk_bytes: 1 << 22,
            cache_bytes: 0,
            read_ahead_bytes: 0,
            request_timeout: Duration::from_secs(60),
            task_interval: Millis::ZERO,
            retry_backoff: Millis::ZERO,
            retry_backoff_max: Millis::ZERO,
            retry_jitter: 0.0,
            copiers: 1,
            copy_bytes_per_second: u64::MAX,
            fetch_bytes_per_second: u64::MAX,
            readers: 1,
            pending_reads_max: 1,
            fetch_wait_max: Millis::ZERO,
            find_wait_max: Millis::ZERO,
        }
    }
}

/// The settings of a broker.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// `node.id`.
    pub node: BrokerId,
    /// `listeners`: where to accept connections, as HOST:PORT. Port 0 picks a free one.
    pub listen: String,
    /// `advertised.listeners`: what clients are told, as HOST:PORT; where it listens unless set.
    pub advertised: Option<String>,
    /// `log.dirs`: where the data is kept.
    pub data_dir: String,
    /// `num.partitions`.
    pub partition_count: i32,
    /// `default.replication.factor`.
    pub replication_factor: i16,
    /// `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// `delete.topic.enable`.
    pub delete_topics: bool,
    /// `socket.request.max.bytes`.
    pub request_bytes_max: usize,
    /// `connections.max.idle.ms`; `None` keeps idle connections.
    pub connection_idle_max: Option<Duration>,
    /// `max.connections`.
    pub connections_max: usize,
    /// `fetch.max.bytes`.
    pub fetch_bytes_max: u32,
    /// `max.incremental.fetch.session.cache.slots`.
    pub fetch_sessions_max: usize,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval: Millis,
    /// `log.flush.offset.checkpoint.interval.ms`.
    pub recovery_point_checkpoint_interval: Millis,
    /// `log.flush.start.offset.checkpoint.interval.ms`.
    pub log_start_checkpoint_interval: Millis,
    /// Settings of compaction.
    pub cleaner: CleanerConfig,
    /// Settings of tiered storage.
    pub remote: RemoteConfig,
    /// Settings of the group coordinator, and what holds for groups that nobody has said anything else of.
    pub groups: GroupSettings,
    /// Settings of the transaction coordinator.
    pub txn: TxnConfig,
    /// Settings of the share coordinator.
    pub share: ShareConfig,
    /// Share sessions that are open at the same time.
    pub share_sessions_max: usize,
    /// Whether a batch is refused whose partition has not joined its transaction.
    pub txn_verify_partitions: bool,
    /// How long a request waits for the end of the transaction before.
    pub txn_retry_backoff_max: Millis,
    /// Settings of logs whose topics set nothing else.
    pub log: LogConfig,
    /// What was set, by the broker's names for it.
    given: BTreeMap<String, String>,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        let mut config = Self {
            node: BrokerId(0),
            listen: String::new(),
            advertised: None,
            data_dir: String::new(),
            partition_count: 1,
            replication_factor: 1,
            auto_create_topics: true,
            delete_topics: true,
            request_bytes_max: 0,
            connection_idle_max: None,
            connections_max: usize::MAX,
            fetch_bytes_max: 0,
            fetch_sessions_max: 0,
            rack: None,
            retention_check_interval: Millis::ZERO,
            recovery_point_checkpoint_interval: Millis::ZERO,
            log_start_checkpoint_interval: Millis::ZERO,
            cleaner: CleanerConfig { enable: true, key_map_bytes: 0, io_bytes_per_second: f64::MAX, backoff: Millis::ZERO },
            remote: RemoteConfig::default(),
            groups: GroupSettings::default(),
            txn: TxnConfig::default(),
            share: ShareConfig::default(),
            share_sessions_max: 2000,
            txn_verify_partitions: true,
            txn_retry_backoff_max: Millis::ZERO,
            log: LogConfig::default(),
            given: BTreeMap::new(),
        };
        for key in keys::KEYS {
            if let Some(default) = key.default.filter(|_| !key.name.is_empty()) {
                let set = config.apply(key, default);
                debug_assert!(set.is_ok(), "the default of {} obeys its rule", key.name);
            }
        }
        config
    }
}

/// What was noticed while settings were read that is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// No key has this name.
    UnknownKey(String),
}

impl core::fmt::Display for Warning {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::UnknownKey(key) => write!(f, "the configuration key {key} is unknown and has no effect"),
        }
    }
}

impl BrokerConfig {
    /// Settings that differ from the defaults by `entries`; later ones win.
    ///
    /// # Errors
    /// The first value that does not obey its key.
    pub fn from_entries<'e>(entries: impl IntoIterator<Item = (&'e str, &'e str)>) -> Result<(Self, Vec<Warning>), BadValue> {
        let mut given = BTreeMap::new();
        let mut warnings = Vec::new();
        let mut options: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in entries {
            if keys::broker_key(name).is_some() {
                given.insert(name.to_string(), value.to_string());
            } else if let Some(option) = name.strip_prefix(STORE_PREFIX) {
                options.insert(option.to_string(), value.to_string());
            } else {
                warnings.push(Warning::UnknownKey(name.to_string()));
            }
        }
        let mut config = Self::default();
        // In the order of the rows, not of the file: where two keys set one value, the finer one stands later and wins.
        for key in keys::KEYS.iter().filter(|key| !key.name.is_empty()) {
            if let Some(value) = given.get(key.name) {
                config.apply(key, value)?;
            }
        }
        config.given = given;
        config.remote.options = options.into_iter().collect();
        config.check()?;
        Ok((config, warnings))
    }

    fn apply(&mut self, key: &Key, value: &str) -> Result<(), BadValue> {
        let parsed = key.parse(value)?;
        match key.set {
            Setter::Broker(set) => set(self, &parsed),
            Setter::Log(set) => set(&mut self.log, &parsed),
            Setter::Group(set) => set(&mut self.groups, &parsed),
            Setter::Kept => {}
        }
        Ok(())
    }

    /// Rules between keys.
    fn check(&self) -> Result<(), BadValue> {
        let map = self.value_of("listener.security.protocol.map").unwrap_or_default();
        let listeners = |key| keys::listeners(self.value_of(key).unwrap_or_default()).map(|listener| keys::protocol(listener, map));
        let are_plain = |key| listeners(key).all(|protocol| protocol.eq_ignore_ascii_case("PLAINTEXT"));
        let rules: [(bool, &str, &str); 11] = [
            // What somebody means to protect is not served to everybody.
            (are_plain("listeners"), "listeners", "PLAINTEXT: there is neither TLS nor SASL yet, so nothing else can be offered"),
            (listeners("listeners").count() == 1, "listeners", "one listener, beside those of a controller"),
            (are_plain("advertised.listeners"), "advertised.listeners", "PLAINTEXT, as the listener is"),
            (
                self.given("authorizer.class.name").is_none_or(str::is_empty),
                "authorizer.class.name",
                "empty: there is no authorizer yet, and everybody would be let in",
            ),
            (
                self.given("log.dirs").is_none_or(|directories| directories.split(',').count() == 1),
                "log.dirs",
                "one directory: what lies in the others would not be seen",
            ),
            (
                self.groups.group.session_timeout_min <= self.groups.group.session_timeout_max,
                "group.min.session.timeout.ms",
                "no larger than group.max.session.timeout.ms",
            ),
            (self.replication_factor == 1, "default.replication.factor", "1: a single broker holds every partition"),
            (
                !self.remote.enable || !self.remote.url.is_empty(),
                "rsm.config.url",
                "the object store, once remote.log.storage.system.enable is true: file:///DIRECTORY, s3://BUCKET/PREFIX, or another",
            ),
            // Source: `LogConfig.validateBrokerLogConfigValues`.
            (
                !self.remote.enable || is_within(self.log.local_retention_bytes, self.log.retention_bytes),
                "log.local.retention.bytes",
                "no more than log.retention.bytes",
            ),
            (
                !self.remote.enable || is_within(self.log.local_retention_ms, self.log.retention_ms),
                "log.local.retention.ms",
                "no more than log.retention.ms",
            ),
            (
                !self.remote.enable || cfg!(feature = "tiered"),
                "remote.log.storage.system.enable",
                "false: this program was built without tiered storage (cargo's feature `tiered`)",
            ),
        ];
        match rules.iter().find(|(holds, _, _)| !holds) {
            None => Ok(()),
            Some((_, key, rule)) => Err(BadValue {
                key: (*key).to_string(),
                value: self.value_of(key).unwrap_or_default().to_string(),
                rule: (*rule).to_string(),
            }),
        }
    }

    /// What was set for a key of the broker, or its default.
    #[must_use]
    pub fn value_of(&self, name: &str) -> Option<&str> {
        self.given(name).or_else(|| keys::broker_key(name).and_then(|key| key.default))
    }

    /// What was set for a key of the broker, if anything was.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str)
    }

    /// These settings with those over them that were set for the broker while it runs. Later ones win. Values that no longer obey their key
    /// are left out, since they were checked when they were set; so are keys that cannot be changed so, which Kafka may have kept.
    #[must_use]
    pub fn with(&self, dynamic: &[(String, String)]) -> Self {
        let mut config = self.clone();
        for key in keys::KEYS.iter().filter(|key| !key.name.is_empty() && key.dynamic) {
            for (_, value) in dynamic.iter().filter(|(name, _)| name == key.name) {
                let _ = config.apply(key, value);
            }
        }
        config
    }
}

/// Whether no more is to stay on the disk than is kept at all.
fn is_within<T: PartialOrd>(local: LocalRetention<T>, total: Option<T>) -> bool {
    match (local, total) {
        (LocalRetention::Total, _) | (_, None) => true,
        (LocalRetention::Unlimited, Some(_)) => false,
        (LocalRetention::AtMost(local), Some(total)) => local <= total,
    }
}

/// The settings of a topic's log: the broker's `defaults`, and over them the topic's own. Values that no longer obey their key are left
/// out, since they were checked when they were set.
#[must_use]
pub fn topic_log_config<'e>(defaults: LogConfig, own: impl IntoIterator<Item = (&'e str, &'e str)>) -> LogConfig {
    let mut config = defaults;
    for (name, value) in own {
        if let Some(key) = keys::topic_key(name)
            && let Setter::Log(set) = key.set
            && let Ok(parsed) = key.parse(value)
        {
            set(&mut config, &parsed);
        }
    }
    config
}
