//! The brokers behind an address.

use core::time::Duration;
use std::collections::BTreeMap;

use millpond_core::ids::TopicId;
use millpond_core::time::{Instant, Millis, Timestamp};
use millpond_core::wire::schema::{Message, Versions};
use millpond_core::wire::value::Array;

use crate::clock::Clock;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use crate::protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};

use super::connection::{Connection, Options, Reply};
use super::error::ClientError;

/// How long to wait before something is tried again.
const BACKOFF: Duration = Duration::from_millis(100);
/// FindCoordinator with several keys. Source: KIP-699.
const FIND_COORDINATORS: Versions = Versions::new(4, 6);

/// A topic as Metadata tells it.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its id; zero when the broker is too old to have one.
    pub id: TopicId,
    /// Why nothing more is known.
    pub error: ErrorCode,
    /// Whether it is the cluster's own.
    pub is_internal: bool,
    /// Its partitions, by number.
    pub partitions: Vec<Partition>,
}

/// A partition as Metadata tells it.
#[derive(Clone, Debug)]
pub struct Partition {
    /// Its number.
    pub index: i32,
    /// Who leads it; `None` when nobody does.
    pub leader: Option<i32>,
    /// The leader epoch.
    pub leader_epoch: i32,
    /// Who holds it.
    pub replicas: Vec<i32>,
    /// Whose copies are up to date.
    pub isr: Vec<i32>,
}

/// Connections to the brokers of a cluster, made when they are first needed.
#[derive(Debug)]
pub struct Cluster {
    bootstrap: String,
    options: Options,
    clock: Clock,
    /// Where the brokers listen.
    nodes: BTreeMap<i32, String>,
    connections: BTreeMap<String, Connection>,
}

impl Cluster {
    /// Connects to one broker of a cluster: the first of `bootstrap`, HOST:PORT or several of these with commas between, that is there.
    ///
    /// # Errors
    /// What [`ClientError`] names, of the last one tried.
    pub async fn connect(bootstrap: &str, options: Options) -> Result<Self, ClientError> {
        let mut addresses = bootstrap.split(',').map(str::trim).filter(|address| !address.is_empty()).peekable();
        loop {
            let address = addresses.next().unwrap_or(bootstrap);
            match Connection::connect(address, &options).await {
                Err(_) if addresses.peek().is_some() => {}
                Err(error) => return Err(error),
                Ok(connection) => {
                    let (bootstrap, nodes) = (address.to_string(), BTreeMap::new());
                    let connections = BTreeMap::from([(bootstrap.clone(), connection)]);
                    return Ok(Self { bootstrap, options, clock: Clock::start(), nodes, connections });
                }
            }
        }
    }

    /// The time, by the clock of deadlines.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now().now
    }

    /// The time, by the clock of records.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// When a call that begins now must be done, retries included.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.now().after(Millis(u64::try_from(self.options.request_timeout.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Waits a little before something is tried again.
    pub async fn back_off(&self) {
        tokio::time::sleep(BACKOFF).await;
    }

    /// Waits until a time has come.
    pub async fn sleep_until(&self, due: Instant) {
        tokio::time::sleep(self.clock.until(due)).await;
    }

    async fn at(&mut self, address: String) -> Result<&mut Connection, ClientError> {
        if self.connections.get(&address).is_some_and(Connection::is_given_up) {
            self.connections.remove(&address);
        }
        match self.connections.entry(address) {
            std::collections::btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let connection = Connection::connect(entry.key(), &self.options).await?;
                Ok(entry.insert(connection))
            }
        }
    }

    /// The connection to the broker that was named at the start, or to another one when that is gone.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn any(&mut self) -> Result<&mut Connection, ClientError> {
        let mut address = self.bootstrap.clone();
        if let Err(error) = self.at(address.clone()).await {
            let mut others: Vec<String> = self.nodes.values().filter(|node| **node != address).cloned().collect();
            loop {
                let Some(other) = others.pop() else {
                    return Err(error);
                };
                if self.at(other.clone()).await.is_ok() {
                    address = other;
                    break;
                }
            }
        }
        self.at(address).await
    }

    /// The connection to a broker.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn node(&mut self, node: i32) -> Result<&mut Connection, ClientError> {
        let address = self.nodes.get(&node).cloned().ok_or(ClientError::UnknownNode { node })?;
        self.at(address).await
    }

    /// Asks whichever broker; once more when the connection turns out to be gone. For requests that may be repeated.
    ///
    /// # Errors
    /// What [`ClientError`] names.
    pub async fn ask<'a, Request: Message<'a>>(&mut self, request: &Request) -> Result<Reply, ClientError> {
        match self.any().await?.call(request).await {
            Err(ClientError::Lost { .. }) => self.any().await?.call(request).await,
            other => other,
        }
    }

    /// What there is: the named topics, or all of them. `create` lets the broker create what is missing, if it is so configured.
    ///
    /// # Errors
    /// What [`ClientError`] names; what is wrong with one topic stands beside it.
    pub async fn topics(&mut self, names: Option<&[&str]>, create: bool) -> Result<Vec<Topic>, ClientError> {
        let wanted: Option<Vec<MetadataRequestTopic<'_>>> =
            names.map(|names| names.iter().map(|name| MetadataRequestTopic { name: Some(name), ..Default::default() }).collect());
        let request =
            MetadataRequest { topics: wanted.as_deref().map(Array::from), allow_auto_topic_creation: create, ..Default::default() };
        let reply = self.ask(&request).await?;
        let response: MetadataResponse<'_> = reply.read()?;
        ClientError::refused(response.error_code, None, || "asking for metadata".to_string())?;
        for broker in response.brokers {
            self.nodes.insert(broker.node_id, joined(broker.host, broker.port));
        }
        let mut topics: Vec<Topic> = response
            .topics
            .iter()
            .map(|topic| {
                let mut partitions: Vec<Partition> = topic
                    .partitions
                    .iter()
                    .map(|partition| Partition {
                        index: partition.partition_index,
                        leader: (partition.leader_id >= 0).then_some(partition.leader_id),
                        leader_epoch: partition.leader_epoch,
                        replicas: partition.replica_nodes.iter().collect(),
                        isr: partition.isr_nodes.iter().collect(),
                    })
                    .collect();
                partitions.sort_by_key(|partition| partition.index);
                Topic {
                    name: topic.name.unwrap_or_default().to_string(),
                    id: topic.topic_id,
                    error: ErrorCode::from_i16(topic.error_code),
                    is_internal: topic.is_internal,
                    partitions,
                }
            })
            .collect();
        topics.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(topics)
    }

    /// One topic, once it has leaders: a topic that was just created may not have them at once.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when there is no such topic, and what else [`ClientError`] names.
    pub async fn topic(&mut self, name: &str, create: bool) -> Result<Topic, ClientError> {
        let deadline = self.deadline();
        loop {
            let topics = self.topics(Some(&[name]), create).await?;
            let topic = topics.into_iter().find(|topic| topic.name == name).ok_or_else(|| ClientError::Missing(format!("topic {name}")))?;
            let settled = topic.error.is_none() && topic.partitions.iter().all(|partition| partition.leader.is_some());
            // Who may not create it need not wait for somebody else to.
            let transient = topic.error.is_none() || topic.error == ErrorCode::LEADER_NOT_AVAILABLE || create && topic.error.is_retriable();
            if settled || !transient || self.now() >= deadline {
                ClientError::refused(topic.error.number(), None, || format!("topic {name}"))?;
                return Ok(topic);
            }
            self.back_off().await;
        }
    }

    /// Which broker coordinates a group.
    ///
    /// # Errors
    /// What [`ClientError`] names.
    pub async fn coordinator(&mut self, group: &str) -> Result<i32, ClientError> {
        let deadline = self.deadline();
        loop {
            let keys = [group];
            let request = FindCoordinatorRequest { key_type: 0, coordinator_keys: Array::from(&keys), ..Default::default() };
            let reply = self.any().await?.call_in(&request, FIND_COORDINATORS).await?;
            let response: FindCoordinatorResponse<'_> = reply.read()?;
            let found = response.coordinators.iter().find(|found| found.key == group);
            let found = found.ok_or_else(|| ClientError::Missing(format!("the coordinator of group {group}")))?;
            match ClientError::refused(found.error_code, found.error_message, || format!("finding the coordinator of group {group}")) {
                Ok(()) => {
                    self.nodes.insert(found.node_id, joined(found.host, found.port));
                    return Ok(found.node_id);
                }
                Err(error) if !error.is_retriable() || self.now() >= deadline => return Err(error),
                Err(_) => self.back_off().await,
            }
        }
    }

    /// Asks the coordinator of a group, and again for as long as `judge` finds an error that passes, such as a coordinator that is still
    /// loading, has moved, or is not there at the moment. For requests that may be repeated.
    ///
    /// # Errors
    /// What [`ClientError`] names.
    pub async fn ask_coordinator<'a, Request: Message<'a>>(
        &mut self,
        group: &str,
        request: &Request,
        within: Versions,
        judge: impl Fn(&Reply) -> Result<(), ClientError>,
    ) -> Result<Reply, ClientError> {
        let deadline = self.deadline();
        loop {
            let done = match self.coordinator_connection(group).await {
                Ok(connection) => connection.call_in(request, within).await,
                Err(error) => Err(error),
            };
            match done.and_then(|reply| judge(&reply).map(|()| reply)) {
                Err(error) if error.is_retriable() && self.now() < deadline => self.back_off().await,
                other => return other,
            }
        }
    }

    async fn coordinator_connection(&mut self, group: &str) -> Result<&mut Connection, ClientError> {
        let node = self.coordinator(group).await?;
        self.node(node).await
    }

    /// Every broker's number.
    #[must_use]
    pub fn node_ids(&self) -> Vec<i32> {
        self.nodes.keys().copied().collect()
    }
}

/// `HOST:PORT`, with the brackets that an IPv6 address needs.
fn joined(host: &str, port: i32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
