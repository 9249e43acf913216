//! A seat in a classic group: the machine of [`millpond_core::member::classic`] with a wire and a clock.
//!
//! What it asks is asked, and what comes back is told to it, one after the other; what it tells is what whoever reads is to know: which
//! partitions, or that they are to be given back. Why and when is the machine's affair. Offers the range assignor, so whoever joins again
//! has given up what it held.

use core::time::Duration;
use std::collections::BTreeMap;

use millpond_core::ids::GenerationId;
use millpond_core::member::assignor::assignor::Assignor;
use millpond_core::member::assignor::told;
use millpond_core::member::classic::member::ClassicMember;
use millpond_core::member::classic::memory::{ClassicConfig, ClassicLimits, ClassicMemory, Identity};
use millpond_core::member::classic::request::{Event, JoinGroup, Joined, LeaveGroup, Metadata, Reply as Told, Request, SyncGroup, Synced};
use millpond_core::member::consumer_protocol;
use millpond_core::member::contact::RequestId;
use millpond_core::member::error::{Failure, MemberError};
use millpond_core::member::standing::{self, Departure};
use millpond_core::time::{Instant, Millis};
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::protocol::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use crate::protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity};
use crate::protocol::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};

use super::cluster::{Cluster, Topic};
use super::connection::Reply;
use super::error::ClientError;
use super::offsets::{self, Committer, TopicPartition};

/// How long the group waits for a member to join again. Source: Kafka's `max.poll.interval.ms`, shortened: we look after every answer.
const REBALANCE_TIMEOUT: Millis = Millis(60_000);
/// How much later than that an answer may come. Source: `ConsumerNetworkClient`, `JOIN_GROUP_TIMEOUT_LAPSE`.
const JOIN_LAPSE_MS: u64 = 5_000;
/// How often a leader looks whether topics have grown. Source: Kafka's `metadata.max.age.ms`.
const TOPICS_INTERVAL: Millis = Millis(300_000);
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
    machine: ClassicMember<'static>,
    /// The coordinator, while the machine takes it for known.
    node: i32,
    /// What went wrong last, since something last went well.
    error: Option<ClientError>,
    /// When a leader looks whether topics have grown.
    topics_due: Instant,
}

/// What came of a request.
enum Answered {
    Coordinator(i32),
    Joined(Reply),
    Synced(Reply),
    Heard,
    Left,
    Counts(Vec<u32>),
}

impl Member {
    /// Somebody who wants to read topics as part of a group, and has not joined it yet.
    ///
    /// # Errors
    /// [`ClientError::Random`], and [`ClientError::Member`] for names without end.
    pub fn new(group: String, topics: Vec<String>) -> Result<Self, ClientError> {
        let seed = getrandom::u64().map_err(ClientError::Random)?;
        let identity = Identity { group_id: &group, group_instance_id: None, rack_id: None, assignors: &[Assignor::Range], seed };
        let config = ClassicConfig { max_poll_interval: REBALANCE_TIMEOUT, ..ClassicConfig::default() };
        let machine = ClassicMember::new(identity, config, ClassicMemory::grown(ClassicLimits::default()));
        let machine = machine.map_err(|full| ClientError::Member(full.into()))?;
        Ok(Self { group, topics, machine, node: -1, error: None, topics_due: Instant::ZERO })
    }

    /// Its name in the group; empty before it has joined.
    #[must_use]
    pub fn member_id(&self) -> &str {
        self.machine.member_id()
    }

    /// Joins, as often as it takes, and answers what was given to this member. What it held before is given back.
    ///
    /// # Errors
    /// What [`ClientError`] names. What passes is waited for, for as long as a request may take.
    pub async fn join(&mut self, cluster: &mut Cluster) -> Result<Vec<TopicPartition>, ClientError> {
        if self.machine.standing() == standing::Standing::Outside {
            let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
            self.machine.subscribe(cluster.now(), &topics).map_err(|full| ClientError::Member(full.into()))?;
        }
        self.error = None;
        let mut deadline = cluster.deadline();
        loop {
            self.machine.poll(cluster.now());
            self.listen()?;
            if self.machine.standing() == standing::Standing::Seated {
                self.topics_due = cluster.now().after(TOPICS_INTERVAL);
                return Ok(self.machine.owned().iter().map(|held| (held.topic.to_string(), held.index.0)).collect());
            }
            if !self.step(cluster).await? {
                self.rest(cluster).await;
            } else if self.error.is_none() {
                // Whoever answers works; the group may just have moved on.
                deadline = cluster.deadline();
            } else if let Some(error) = self.error.take_if(|_| cluster.now() >= deadline) {
                return Err(error);
            }
        }
    }

    /// Looks what the machine tells. What is to be given back has been given back by whoever calls.
    fn listen(&mut self) -> Result<(), ClientError> {
        while let Some(event) = self.machine.poll_event() {
            match event {
                Event::Assigned(_) | Event::Lost(_) => {}
                Event::Revoked(_) => self.machine.revoked_done(),
                Event::Failed(failure) => return Err(self.failed(failure)),
            }
        }
        Ok(())
    }

    fn failed(&mut self, failure: Failure) -> ClientError {
        match (failure, self.error.take()) {
            (Failure::Refused(_), Some(error)) => error,
            (Failure::Assignment(error), _) => {
                ClientError::Malformed { address: format!("the leader of group {}", self.group), api: "SyncGroup", error }
            }
            (failure, _) => ClientError::Member(failure),
        }
    }

    /// Asks one thing that the machine wants to know by now, and tells it the answer; whether there was one to ask.
    async fn step(&mut self, cluster: &mut Cluster) -> Result<bool, ClientError> {
        let Some(asked) = self.machine.poll_request(cluster.now()) else { return Ok(false) };
        let (id, refusal) = (asked.id, refusal_of(&asked.request));
        let answered = ask(cluster, self.node, asked.request).await;
        let now = cluster.now();
        let told = match answered {
            Ok(answered) => self.tell(now, id, &answered),
            Err(error) => match (refusal, error.code()) {
                (Some(refusal), Some(code)) => {
                    self.error = Some(error);
                    self.machine.on_reply(now, id, refusal(meaning(code)));
                    return Ok(true);
                }
                _ => Err(error),
            },
        };
        if let Err(error) = told {
            self.machine.on_lost(now, id);
            if !error.is_retriable() {
                return Err(error);
            }
            self.error = Some(error);
        }
        Ok(true)
    }

    /// Waits until the machine wants something again.
    async fn rest(&self, cluster: &Cluster) {
        if let Some(due) = self.machine.poll_timeout() {
            cluster.sleep_until(due).await;
        }
    }

    fn tell(&mut self, now: Instant, id: RequestId, answered: &Answered) -> Result<(), ClientError> {
        match answered {
            Answered::Coordinator(node) => {
                // That it is known does not say that it works.
                self.node = *node;
                self.machine.on_reply(now, id, Told::FindCoordinator(Ok(())));
                return Ok(());
            }
            Answered::Joined(reply) => {
                let response: JoinGroupResponse<'_> = reply.read()?;
                if ErrorCode::from_i16(response.error_code) == ErrorCode::MEMBER_ID_REQUIRED {
                    self.machine.on_reply(now, id, Told::MemberIdRequired { member_id: response.member_id });
                } else {
                    let members = |see: &mut dyn FnMut(told::Joined<'_>)| {
                        for member in response.members {
                            let (instance_id, metadata) = (member.group_instance_id, member.metadata);
                            see(told::Joined { member_id: member.member_id, instance_id, metadata });
                        }
                    };
                    let joined = Joined {
                        generation_id: GenerationId(response.generation_id),
                        protocol_type: response.protocol_type,
                        protocol_name: response.protocol_name.unwrap_or_default(),
                        leader: response.leader,
                        member_id: response.member_id,
                        members: &members,
                        skip_assignment: response.skip_assignment,
                    };
                    self.machine.on_reply(now, id, Told::JoinGroup(Ok(joined)));
                }
            }
            Answered::Synced(reply) => {
                let response: SyncGroupResponse<'_> = reply.read()?;
                let SyncGroupResponse { protocol_type, protocol_name, assignment, .. } = response;
                self.machine.on_reply(now, id, Told::SyncGroup(Ok(Synced { protocol_type, protocol_name, assignment })));
            }
            Answered::Heard => self.machine.on_reply(now, id, Told::Heartbeat(Ok(()))),
            Answered::Left => self.machine.on_reply(now, id, Told::LeaveGroup(Ok(()))),
            Answered::Counts(counts) => self.machine.assign_grown(now, id, &Metadata { partition_counts: counts, racks: None }),
        }
        self.error = None;
        Ok(())
    }

    /// Shows that it is alive, when it is time to; as the leader of the group, looks whether topics have grown.
    ///
    /// # Errors
    /// What [`ClientError`] names, when it will not pass.
    pub async fn heartbeat(&mut self, cluster: &mut Cluster) -> Result<Standing, ClientError> {
        self.machine.poll(cluster.now());
        while self.standing() == Standing::Seated && self.step(cluster).await? {}
        if self.standing() == Standing::Seated && cluster.now() >= self.topics_due {
            self.look(cluster).await;
        }
        Ok(self.standing())
    }

    async fn look(&mut self, cluster: &mut Cluster) {
        self.topics_due = cluster.now().after(TOPICS_INTERVAL);
        let watched: Vec<&str> = self.machine.watched().collect();
        if watched.is_empty() {
            return;
        }
        // What cannot be found out now will be the next time.
        let Ok(topics) = cluster.topics(Some(&watched), false).await else { return };
        let known = topics.iter().filter(|topic| topic.error.is_none() || topic.error == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        let counts: Vec<(&str, u32)> = known.map(|topic| (topic.name.as_str(), count(topic))).collect();
        self.machine.topics_changed(&counts);
    }

    fn standing(&self) -> Standing {
        if self.machine.standing() == standing::Standing::Seated { Standing::Seated } else { Standing::JoinAgain }
    }

    /// Commits what was read; whether the group has taken it.
    ///
    /// # Errors
    /// What [`ClientError`] names, when it will not pass.
    pub async fn commit(&mut self, cluster: &mut Cluster, positions: &BTreeMap<TopicPartition, i64>) -> Result<Standing, ClientError> {
        let Some(generation_id) = self.machine.generation_id().filter(|_| !positions.is_empty()) else { return Ok(Standing::Seated) };
        let committer = Committer { member_id: self.machine.member_id(), generation: generation_id.0 };
        let Err(error) = offsets::commit(cluster, &self.group, committer, positions).await else { return Ok(Standing::Seated) };
        match error.code() {
            Some(code @ (ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION)) => {
                self.machine.commit_refused(generation_id, meaning(code));
                Ok(Standing::JoinAgain)
            }
            _ => Err(error),
        }
    }

    /// Gives up its seat, so that the others need not wait for it to time out.
    ///
    /// # Errors
    /// What [`ClientError`] names; that the group does not know it any more is none.
    pub async fn leave(&mut self, cluster: &mut Cluster) -> Result<(), ClientError> {
        self.error = None;
        self.machine.leave(Departure::AsMember);
        while self.machine.standing() != standing::Standing::Outside {
            self.listen()?;
            if !self.step(cluster).await? {
                self.rest(cluster).await;
            }
        }
        match self.error.take() {
            Some(error) if error.code() != Some(ErrorCode::UNKNOWN_MEMBER_ID) => Err(error),
            _ => Ok(()),
        }
    }
}

/// How the machine is told that a request is refused; that its leader cannot have metadata it is not told so.
fn refusal_of(request: &Request<'_>) -> Option<fn(MemberError) -> Told<'static>> {
    match request {
        Request::FindCoordinator { .. } => Some(|error| Told::FindCoordinator(Err(error))),
        Request::JoinGroup(_) => Some(|error| Told::JoinGroup(Err(error))),
        Request::Metadata { .. } => None,
        Request::SyncGroup(_) => Some(|error| Told::SyncGroup(Err(error))),
        Request::Heartbeat(_) => Some(|error| Told::Heartbeat(Err(error))),
        Request::LeaveGroup(_) => Some(|error| Told::LeaveGroup(Err(error))),
    }
}

/// Puts a request on the wire. What the other side refuses is a [`ClientError::Refused`].
async fn ask(cluster: &mut Cluster, node: i32, request: Request<'_>) -> Result<Answered, ClientError> {
    match request {
        Request::FindCoordinator { group_id } => cluster.coordinator(group_id).await.map(Answered::Coordinator),
        Request::Metadata { topics } => {
            let names: Vec<&str> = topics.iter().collect();
            let found = cluster.topics(Some(&names), false).await?;
            let count_of = |name: &&str| found.iter().find(|topic| topic.name == **name && topic.error.is_none()).map_or(0, count);
            Ok(Answered::Counts(names.iter().map(count_of).collect()))
        }
        Request::JoinGroup(join) => ask_for_a_seat(cluster, node, &join).await,
        Request::SyncGroup(sync) => ask_for_an_assignment(cluster, node, &sync).await,
        Request::Heartbeat(heartbeat) => {
            let caller = heartbeat.caller;
            let request = HeartbeatRequest {
                group_id: caller.group_id,
                generation_id: heartbeat.generation_id.0,
                member_id: caller.member_id,
                group_instance_id: caller.group_instance_id,
            };
            let reply = cluster.node(node).await?.call(&request).await?;
            let response: HeartbeatResponse = reply.read()?;
            ClientError::refused(response.error_code, None, || format!("staying in group {}", caller.group_id))?;
            Ok(Answered::Heard)
        }
        Request::LeaveGroup(leave) => say_goodbye(cluster, node, &leave).await,
    }
}

async fn ask_for_a_seat(cluster: &mut Cluster, node: i32, join: &JoinGroup<'_>) -> Result<Answered, ClientError> {
    let caller = join.caller;
    let protocols: Vec<JoinGroupRequestProtocol<'_>> =
        join.protocols.iter().map(|(name, metadata)| JoinGroupRequestProtocol { name, metadata }).collect();
    let request = JoinGroupRequest {
        group_id: caller.group_id,
        session_timeout_ms: signed(join.session_timeout),
        rebalance_timeout_ms: signed(join.rebalance_timeout),
        member_id: caller.member_id,
        group_instance_id: caller.group_instance_id,
        protocol_type: join.protocol_type,
        protocols: Array::from(&*protocols),
        reason: Some(join.reason),
    };
    let reply = cluster.node(node).await?.call_for(&request, Versions::new(0, 9), patience()).await?;
    let code = reply.read::<JoinGroupResponse<'_>>()?.error_code;
    if ErrorCode::from_i16(code) != ErrorCode::MEMBER_ID_REQUIRED {
        ClientError::refused(code, None, || format!("joining group {}", caller.group_id))?;
    }
    Ok(Answered::Joined(reply))
}

async fn ask_for_an_assignment(cluster: &mut Cluster, node: i32, sync: &SyncGroup<'_>) -> Result<Answered, ClientError> {
    let caller = sync.caller;
    let assignments: Vec<SyncGroupRequestAssignment<'_>> =
        sync.assignments.iter().map(|(member_id, assignment)| SyncGroupRequestAssignment { member_id, assignment }).collect();
    let request = SyncGroupRequest {
        group_id: caller.group_id,
        generation_id: sync.generation_id.0,
        member_id: caller.member_id,
        group_instance_id: caller.group_instance_id,
        protocol_type: Some(sync.protocol_type),
        protocol_name: Some(sync.protocol_name),
        assignments: Array::from(&*assignments),
    };
    let reply = cluster.node(node).await?.call_for(&request, Versions::new(0, 5), patience()).await?;
    let code = reply.read::<SyncGroupResponse<'_>>()?.error_code;
    ClientError::refused(code, None, || format!("waiting for the assignment of group {}", caller.group_id))?;
    Ok(Answered::Synced(reply))
}

async fn say_goodbye(cluster: &mut Cluster, node: i32, leave: &LeaveGroup<'_>) -> Result<Answered, ClientError> {
    let caller = leave.caller;
    let (group_instance_id, reason) = (caller.group_instance_id, Some(leave.reason));
    let members = [MemberIdentity { member_id: caller.member_id, group_instance_id, reason }];
    let request = LeaveGroupRequest { group_id: caller.group_id, members: Array::from(&members), ..Default::default() };
    let reply = cluster.node(node).await?.call_in(&request, LEAVE).await?;
    let response: LeaveGroupResponse<'_> = reply.read()?;
    let what = || format!("leaving group {}", caller.group_id);
    ClientError::refused(response.error_code, None, what)?;
    response.members.iter().try_for_each(|member| ClientError::refused(member.error_code, None, what))?;
    Ok(Answered::Left)
}

/// How long an answer may take for which the group has to come together.
const fn patience() -> Duration {
    Duration::from_millis(REBALANCE_TIMEOUT.0 + JOIN_LAPSE_MS)
}

fn count(topic: &Topic) -> u32 {
    u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX)
}

fn signed(span: Millis) -> i32 {
    i32::try_from(span.0).unwrap_or(i32::MAX)
}

/// An error of the wire, as members know it: each by its name.
fn meaning(code: ErrorCode) -> MemberError {
    match code {
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => MemberError::CoordinatorLoadInProgress,
        ErrorCode::COORDINATOR_NOT_AVAILABLE => MemberError::CoordinatorNotAvailable,
        ErrorCode::NOT_COORDINATOR => MemberError::NotCoordinator,
        ErrorCode::REBALANCE_IN_PROGRESS => MemberError::RebalanceInProgress,
        ErrorCode::UNKNOWN_MEMBER_ID => MemberError::UnknownMemberId,
        ErrorCode::ILLEGAL_GENERATION => MemberError::IllegalGeneration,
        ErrorCode::FENCED_INSTANCE_ID => MemberError::FencedInstanceId,
        ErrorCode::FENCED_MEMBER_EPOCH => MemberError::FencedMemberEpoch,
        ErrorCode::UNRELEASED_INSTANCE_ID => MemberError::UnreleasedInstanceId,
        ErrorCode::INCONSISTENT_GROUP_PROTOCOL => MemberError::InconsistentGroupProtocol,
        ErrorCode::INVALID_SESSION_TIMEOUT => MemberError::InvalidSessionTimeout,
        ErrorCode::INVALID_GROUP_ID => MemberError::InvalidGroupId,
        ErrorCode::GROUP_ID_NOT_FOUND => MemberError::GroupIdNotFound,
        ErrorCode::GROUP_MAX_SIZE_REACHED => MemberError::GroupMaxSizeReached,
        ErrorCode::GROUP_AUTHORIZATION_FAILED => MemberError::GroupAuthorizationFailed,
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => MemberError::TopicAuthorizationFailed,
        ErrorCode::UNSUPPORTED_ASSIGNOR => MemberError::UnsupportedAssignor,
        ErrorCode::UNSUPPORTED_VERSION => MemberError::UnsupportedVersion,
        ErrorCode::INVALID_REQUEST => MemberError::InvalidRequest,
        ErrorCode::INVALID_REGULAR_EXPRESSION => MemberError::InvalidRegularExpression,
        other if other.is_retriable() => MemberError::Retriable,
        _ => MemberError::Unexpected,
    }
}

/// What a member was given, as its leader wrote it. No bytes stand for nothing.
///
/// # Errors
/// What [`DecodeError`] names.
pub fn read_assignment(bytes: &[u8]) -> Result<Vec<TopicPartition>, DecodeError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let assignment = consumer_protocol::assignment(bytes)?;
    let mut given: Vec<TopicPartition> = assignment
        .assigned_partitions
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(move |partition| (topic.topic.to_string(), partition)))
        .collect();
    given.sort();
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_mean_what_they_are_called() {
        let mut named = 0;
        for row in ErrorCode::TABLE {
            let words = row.name.split('_').map(|word| format!("{}{}", &word[..1], word[1..].to_lowercase()));
            match (meaning(row.code), words.collect::<String>()) {
                (MemberError::Retriable, _) => assert!(row.retriable, "{}", row.name),
                (MemberError::Unexpected, _) => assert!(!row.retriable, "{}", row.name),
                (error, name) => {
                    assert_eq!(format!("{error:?}"), name);
                    named += 1;
                }
            }
        }
        assert_eq!(named, 20);
        assert_eq!(meaning(ErrorCode::from_i16(12_345)), MemberError::Unexpected);
    }

    #[test]
    fn what_a_leader_wrote_is_read() {
        // Version 1: one topic, t, with the partitions 3 and 0; nothing else.
        let bytes = [0, 1, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(read_assignment(&bytes), Ok(vec![("t".to_string(), 0), ("t".to_string(), 3)]));
        assert_eq!((read_assignment(&[]), read_assignment(&[0])), (Ok(Vec::new()), Err(DecodeError::Truncated)));
    }
}
