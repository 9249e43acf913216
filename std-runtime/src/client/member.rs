//! A seat in a classic group: joining, being given partitions, staying, committing, leaving.
//!
//! ```text
//!            join ──► JoinGroup ──► (the leader assigns) ──► SyncGroup ──► seated ──► leave
//!              ▲  MEMBER_ID_REQUIRED, UNKNOWN_MEMBER_ID,          │          │
//!              │  ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS       │          │ heartbeat or commit says so
//!              └──────────────────────────────────────────────────┴──────────┘
//! ```
//! Eager: whoever joins again has given up what it held. Source: KIP-62, KIP-394.

use core::time::Duration;
use std::collections::BTreeMap;

use millpond_core::time::{Instant, Millis};
use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::protocol::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use crate::protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity};
use crate::protocol::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};

use super::assignor::{self, Subscriber};
use super::cluster::Cluster;
use super::error::ClientError;
use super::offsets::{self, Committer, TopicPartition};

/// What kind of group this is.
const PROTOCOL_TYPE: &str = "consumer";
/// The assignor.
const PROTOCOL: &str = "range";
/// How long the group waits for a silent member. Source: Kafka's `session.timeout.ms`.
const SESSION_TIMEOUT: Millis = Millis(45_000);
/// How often a member is heard of. Source: Kafka's `heartbeat.interval.ms`.
const HEARTBEAT_INTERVAL: Millis = Millis(3_000);
/// How long the group waits for a member to join again. Source: Kafka's `max.poll.interval.ms`, shortened: we look after every answer.
const REBALANCE_TIMEOUT: Millis = Millis(60_000);
/// How much later than that an answer may come. Source: `ConsumerNetworkClient`, `JOIN_GROUP_TIMEOUT_LAPSE`.
const JOIN_LAPSE_MS: u64 = 5_000;
/// Several members may be named from here on.
const LEAVE: Versions = Versions::new(3, 5);

/// Whether a member still holds what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Seated,
    /// It must join again.
    JoinAgain,
}

/// A member of a group.
#[derive(Debug)]
pub struct Member {
    group: String,
    topics: Vec<String>,
    member_id: String,
    generation: i32,
    heartbeat_due: Instant,
}

impl Member {
    /// Somebody who wants to read topics as part of a group, and has not joined it yet.
    #[must_use]
    pub const fn new(group: String, topics: Vec<String>) -> Self {
        Self { group, topics, member_id: String::new(), generation: -1, heartbeat_due: Instant::ZERO }
    }

    /// Its name in the group; empty before it has joined.
    #[must_use]
    pub fn member_id(&self) -> &str {
        &self.member_id
    }

    /// Joins, as often as it takes, and answers what was given to this member.
    ///
    /// # Errors
    /// What [`ClientError`] names. What passes is waited for, for as long as a request may take.
    pub async fn join(&mut self, cluster: &mut Cluster) -> Result<Vec<TopicPartition>, ClientError> {
        let mut deadline = cluster.deadline();
        loop {
            match self.try_join(cluster).await {
                Ok(given) => {
                    self.heartbeat_due = cluster.now().after(HEARTBEAT_INTERVAL);
                    return Ok(given);
                }
                Err(error) => match error.code() {
                    // These answers show that the group works; it just moved on.
                    Some(ErrorCode::MEMBER_ID_REQUIRED | ErrorCode::REBALANCE_IN_PROGRESS) => deadline = cluster.deadline(),
                    Some(ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION) if cluster.now() < deadline => {
                        self.forget(&error);
                    }
                    _ if error.is_retriable() && cluster.now() < deadline => cluster.back_off().await,
                    _ => return Err(error),
                },
            }
        }
    }

    fn forget(&mut self, error: &ClientError) {
        if error.code() == Some(ErrorCode::UNKNOWN_MEMBER_ID) {
            self.member_id.clear();
        }
        self.generation = -1;
    }

    async fn try_join(&mut self, cluster: &mut Cluster) -> Result<Vec<TopicPartition>, ClientError> {
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let metadata = assignor::subscription(&topics);
        let protocols = [JoinGroupRequestProtocol { name: PROTOCOL, metadata: &metadata }];
        let request = JoinGroupRequest {
            group_id: &self.group,
            session_timeout_ms: signed(SESSION_TIMEOUT),
            rebalance_timeout_ms: signed(REBALANCE_TIMEOUT),
            member_id: &self.member_id,
            protocol_type: PROTOCOL_TYPE,
            protocols: Array::from(&protocols),
            ..Default::default()
        };
        let node = cluster.coordinator(&self.group).await?;
        let timeout = Duration::from_millis(REBALANCE_TIMEOUT.0 + JOIN_LAPSE_MS);
        let reply = cluster.node(node).await?.call_for(&request, Versions::new(0, 9), timeout).await?;
        let response: JoinGroupResponse<'_> = reply.read()?;
        if ErrorCode::from_i16(response.error_code) == ErrorCode::MEMBER_ID_REQUIRED {
            self.member_id = response.member_id.to_string();
        }
        ClientError::refused(response.error_code, None, || format!("joining group {}", self.group))?;
        self.member_id = response.member_id.to_string();
        self.generation = response.generation_id;
        let protocol = response.protocol_name.unwrap_or(PROTOCOL).to_string();
        let given = if response.leader == response.member_id && !response.skip_assignment {
            self.assign(cluster, &response).await?
        } else {
            Vec::new()
        };
        self.sync(cluster, node, (&protocol, &given)).await
    }

    /// What every member gets, as bytes: only the leader decides that.
    async fn assign(&self, cluster: &mut Cluster, response: &JoinGroupResponse<'_>) -> Result<Vec<(String, Vec<u8>)>, ClientError> {
        let mut members = Vec::new();
        for member in response.members {
            // A member that cannot say what it wants gets nothing.
            let topics = assignor::read_subscription(member.metadata).unwrap_or_default();
            let instance_id = member.group_instance_id.map(str::to_string);
            members.push(Subscriber { member_id: member.member_id.to_string(), instance_id, topics });
        }
        let mut names: Vec<&str> = members.iter().flat_map(|member| &member.topics).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let topics = cluster.topics(Some(&names), false).await?;
        let counts: BTreeMap<String, usize> =
            topics.into_iter().filter(|topic| topic.error.is_none()).map(|topic| (topic.name, topic.partitions.len())).collect();
        let given = assignor::range(&members, &counts)?;
        Ok(given.into_iter().map(|(member_id, partitions)| (member_id, assignor::assignment(&partitions))).collect())
    }

    async fn sync(
        &self,
        cluster: &mut Cluster,
        node: i32,
        (protocol, given): (&str, &[(String, Vec<u8>)]),
    ) -> Result<Vec<TopicPartition>, ClientError> {
        let assignments: Vec<SyncGroupRequestAssignment<'_>> =
            given.iter().map(|(member_id, assignment)| SyncGroupRequestAssignment { member_id, assignment }).collect();
        let request = SyncGroupRequest {
            group_id: &self.group,
            generation_id: self.generation,
            member_id: &self.member_id,
            protocol_type: Some(PROTOCOL_TYPE),
            protocol_name: Some(protocol),
            assignments: Array::from(&*assignments),
            ..Default::default()
        };
        let timeout = Duration::from_millis(REBALANCE_TIMEOUT.0 + JOIN_LAPSE_MS);
        let reply = cluster.node(node).await?.call_for(&request, Versions::new(0, 5), timeout).await?;
        let response: SyncGroupResponse<'_> = reply.read()?;
        ClientError::refused(response.error_code, None, || format!("waiting for the assignment of group {}", self.group))?;
        let malformed = |error| ClientError::Malformed { address: format!("the leader of group {}", self.group), api: "SyncGroup", error };
        assignor::read_assignment(response.assignment).map_err(malformed)
    }

    /// Shows that it is alive, when it is time to.
    ///
    /// # Errors
    /// What [`ClientError`] names, when it will not pass.
    pub async fn heartbeat(&mut self, cluster: &mut Cluster) -> Result<Standing, ClientError> {
        if cluster.now() < self.heartbeat_due {
            return Ok(Standing::Seated);
        }
        self.heartbeat_due = cluster.now().after(HEARTBEAT_INTERVAL);
        let request =
            HeartbeatRequest { group_id: &self.group, generation_id: self.generation, member_id: &self.member_id, ..Default::default() };
        let what = || format!("staying in group {}", self.group);
        let asked = cluster
            .ask_coordinator(&self.group, &request, Versions::new(0, 4), |reply| {
                ClientError::refused(reply.read::<HeartbeatResponse>()?.error_code, None, what)
            })
            .await;
        self.stand(asked.map(drop))
    }

    /// Commits what was read.
    ///
    /// # Errors
    /// What [`ClientError`] names, when it will not pass.
    pub async fn commit(&mut self, cluster: &mut Cluster, positions: &BTreeMap<TopicPartition, i64>) -> Result<Standing, ClientError> {
        if positions.is_empty() || self.generation < 0 {
            return Ok(Standing::Seated);
        }
        let committer = Committer { member_id: &self.member_id, generation: self.generation };
        let done = offsets::commit(cluster, &self.group, committer, positions).await;
        self.stand(done)
    }

    fn stand(&mut self, done: Result<(), ClientError>) -> Result<Standing, ClientError> {
        match done {
            Ok(()) => Ok(Standing::Seated),
            Err(error) => match error.code() {
                Some(ErrorCode::REBALANCE_IN_PROGRESS) => Ok(Standing::JoinAgain),
                Some(ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION) => {
                    self.forget(&error);
                    Ok(Standing::JoinAgain)
                }
                _ => Err(error),
            },
        }
    }

    /// Gives up its seat, so that the others need not wait for it to time out.
    ///
    /// # Errors
    /// What [`ClientError`] names; that the group does not know it any more is none.
    pub async fn leave(&mut self, cluster: &mut Cluster) -> Result<(), ClientError> {
        if self.member_id.is_empty() {
            return Ok(());
        }
        let members = [MemberIdentity { member_id: &self.member_id, reason: Some("the consumer ends"), ..Default::default() }];
        let request = LeaveGroupRequest { group_id: &self.group, members: Array::from(&members), ..Default::default() };
        let what = || format!("leaving group {}", self.group);
        let asked = cluster
            .ask_coordinator(&self.group, &request, LEAVE, |reply| {
                let response: LeaveGroupResponse<'_> = reply.read()?;
                ClientError::refused(response.error_code, None, what)?;
                response.members.iter().try_for_each(|member| ClientError::refused(member.error_code, None, what))
            })
            .await;
        self.member_id.clear();
        self.generation = -1;
        match asked {
            Err(error) if error.code() != Some(ErrorCode::UNKNOWN_MEMBER_ID) => Err(error),
            _ => Ok(()),
        }
    }
}

fn signed(span: Millis) -> i32 {
    i32::try_from(span.0).unwrap_or(i32::MAX)
}
