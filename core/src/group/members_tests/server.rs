//! The coordinator, its log, and what topics there are.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::bounded::table::HashKey;
use crate::group::answer::Answer;
use crate::group::config::GroupConfig;
use crate::group::coordinator::{Coordinator, CoordinatorLimits, CoordinatorMemory};
use crate::group::error::GroupError;
use crate::group::input::{
    Caller, Commit, CommitPartition, ConsumerHeartbeat, Heartbeat, Input, Join, Leave, LeavingMember, MemberAssignment, Protocol,
    ShowOwned, Sync,
};
use crate::group::modern::modern_tests::Known;
use crate::group::modern::target::ServerAssignor;
use crate::group::modern::topics::Topics;
use crate::group::record::GroupRecord;
use crate::ids::{CallId, GenerationId, MemberEpoch, Offset, PartitionIndex, TopicId};
use crate::machine::{Answers, Effects, EncodedRecord, Machine, Records, When};
use crate::member::error::MemberError;
use crate::time::{Instant, Millis, Moment, Timestamp};
use crate::wire::value::Array;

use super::client::Client;
use super::day::TOPICS;
use super::message::{self, Answered, Message, Modern, Seated, Told, refusal};

/// What was answered, by call.
#[derive(Debug, Default)]
pub(super) struct Outbox(pub(super) Vec<(CallId, Answered)>);

impl Answers<Coordinator<'static>> for Outbox {
    fn answer(&mut self, call: CallId, _: When, answer: Answer<'_>) {
        let answered = match answer {
            Answer::Joined(joined) => Answered::Joined(Seated {
                generation: joined.generation_id.0,
                protocol: joined.protocol_name.unwrap_or_default().to_string(),
                leader: joined.leader.to_string(),
                member_id: joined.member_id.to_string(),
                members: joined
                    .roster
                    .iter()
                    .map(|member| (caller_of(member.member_id, member.group_instance_id), member.metadata.to_vec()))
                    .collect(),
                skips: joined.skip_assignment,
            }),
            Answer::JoinRefused { member_id, error: GroupError::MemberIdRequired } => Answered::NeedsId(member_id.to_string()),
            Answer::JoinRefused { error, .. } => Answered::JoinRefused(refusal(error)),
            Answer::Synced { protocol_name, assignment, .. } => {
                Answered::Synced(Ok((protocol_name.map(ToString::to_string), assignment.to_vec())))
            }
            Answer::SyncRefused(error) => Answered::Synced(Err(refusal(error))),
            Answer::Heartbeat(result) => Answered::Heard(result.map_err(refusal)),
            Answer::Left(result) => {
                Answered::Left(result.map_or_else(|error| Err(refusal(error)), |each| each[0].map_or(Ok(()), |error| Err(refusal(error)))))
            }
            Answer::Committed(result) => Answered::Committed(
                result.map_or_else(|error| Err(refusal(error)), |each| each[0].map_or(Ok(()), |error| Err(refusal(error)))),
            ),
            Answer::Consumer(seat) => Answered::Modern(Ok(Told {
                epoch: seat.epoch.0,
                interval: seat.heartbeat_interval,
                assigned: seat.assigned.map(|set| set.iter().map(|held| (held.topic, held.partition)).collect()),
            })),
            Answer::ConsumerLeft { epoch, .. } => Answered::Modern(Ok(Told { epoch: epoch.0, interval: Millis::ZERO, assigned: None })),
            Answer::ConsumerRefused(error) => Answered::Modern(Err(refusal(error))),
            other => panic!("{other:?}"),
        };
        self.0.push((call, answered));
    }
}

fn caller_of(member_id: &str, instance_id: Option<&str>) -> message::Caller {
    message::Caller { member_id: member_id.to_string(), instance_id: instance_id.map(ToString::to_string) }
}

/// The coordinator.
pub(super) struct Server {
    /// `None` while it is dead.
    pub(super) coordinator: Option<Coordinator<'static>>,
    pub(super) topics: Known,
    log: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    assignor: ServerAssignor,
    calls: u64,
    pub(super) outbox: Outbox,
}

impl Server {
    pub(super) fn new(assignor: ServerAssignor, topics: &[(&str, u32)]) -> Self {
        let topics = topics.iter().map(|(name, partitions)| ((*name).to_string(), *partitions)).collect();
        let topics = Known { topics, version: 1, ..Known::default() };
        let mut server = Self { coordinator: None, topics, log: Vec::new(), assignor, calls: 0, outbox: Outbox::default() };
        server.start(0);
        server
    }

    /// Begins from what was written.
    pub(super) fn start(&mut self, now: u64) {
        let limits = CoordinatorLimits { groups: 10, members: 100, offsets: 100, partitions: 1000, text_bytes: 1 << 20 };
        let config = GroupConfig {
            initial_rebalance_delay: Millis(300),
            consumer_session_timeout: Millis(10_000),
            consumer_heartbeat_interval: Millis(2_000),
            consumer_assignor: self.assignor,
            offsets_partition_count: 1,
            ..GroupConfig::default()
        };
        let mut coordinator = Coordinator::new(config, HashKey(1, 2), CoordinatorMemory::grown(limits));
        for (key, value) in &self.log {
            let record = EncodedRecord { key, value: value.as_deref() };
            coordinator.replay(&GroupRecord::decode(record, None).expect("what was written can be read"));
        }
        coordinator.loaded(at(now));
        coordinator.assert_consistent();
        self.coordinator = Some(coordinator);
    }

    /// Dies with all that waits for an answer.
    pub(super) fn die(&mut self) {
        self.coordinator = None;
        self.outbox.0.clear();
    }

    fn step(&mut self, now: u64, input: Input<'_>) {
        for _ in 0..20 {
            let mut records = Records::grown(1 << 20, 1000);
            let Some(coordinator) = &mut self.coordinator else { return };
            coordinator.step_among(&self.topics, at(now), input, &mut Effects { records: &mut records, answers: &mut self.outbox });
            believe(coordinator, &mut self.log, &records);
            if !coordinator.wants_again() {
                return;
            }
        }
        panic!("a step comes to its end");
    }

    /// Acts on what is due; answers whether there was something.
    pub(super) fn wake(&mut self, now: u64) {
        for _ in 0..1000 {
            let mut records = Records::grown(1 << 20, 1000);
            let Some(coordinator) = &mut self.coordinator else { return };
            let fx = &mut Effects { records: &mut records, answers: &mut self.outbox };
            let more = coordinator.handle_timeout_among(&self.topics, at(now), fx);
            believe(coordinator, &mut self.log, &records);
            if !more {
                return;
            }
        }
        panic!("what is due comes to its end");
    }

    pub(super) fn due(&self) -> Option<u64> {
        self.coordinator.as_ref().and_then(Machine::poll_timeout).map(|due| due.0)
    }

    /// Whether the coordinator takes somebody for a member that reads. Nobody is one of a dead coordinator.
    pub(super) fn counts(&self, client: &Client) -> bool {
        let member_id = client.member_id();
        let Some(coordinator) = self.coordinator.as_ref().filter(|_| !member_id.is_empty()) else { return false };
        let Some(slot) = coordinator.find_group("g") else { return false };
        if let Some(member) = coordinator.find_consumer(slot, member_id).and_then(|at| coordinator.modern.members.get(at)) {
            // Who has left for a while does not read.
            return member.epoch != MemberEpoch::LEAVES_FOR_A_WHILE;
        }
        coordinator.find_member(slot, member_id).is_some() && !client.is_late
    }

    /// The generation of a classic group.
    pub(super) fn generation(&self) -> Option<GenerationId> {
        self.coordinator.as_ref()?.group("g").map(|group| group.generation_id())
    }

    pub(super) fn is_modern(&self) -> bool {
        self.coordinator.as_ref().is_some_and(|coordinator| coordinator.consumer_group_view("g").is_some())
    }

    /// Hears a request; answers the call's number, for its answer to be found. What needs no coordinator is answered at once.
    pub(super) fn hear(&mut self, now: u64, message: &Message) -> Result<CallId, Answered> {
        self.calls += 1;
        let call = CallId(self.calls);
        let suffix = alloc::format!("{}", self.calls);
        let is_up = self.coordinator.is_some();
        let down = MemberError::NotCoordinator;
        let named = |caller: &message::Caller| -> Option<String> { caller.instance_id.clone() };
        match message {
            Message::Find => return Err(Answered::Found(if is_up { Ok(()) } else { Err(MemberError::CoordinatorNotAvailable) })),
            Message::Counts(topics) => {
                return Err(Answered::Counts(topics.iter().map(|topic| self.topics.topics.get(topic).copied().unwrap_or(0)).collect()));
            }
            Message::Names(ids) => {
                let known = ids.iter().filter_map(|id| Some((*id, self.topics.name_of(*id)?.to_string())));
                return Err(Answered::Names(known.collect()));
            }
            Message::Join { .. } if !is_up => return Err(Answered::JoinRefused(down)),
            Message::Sync { .. } if !is_up => return Err(Answered::Synced(Err(down))),
            Message::Heartbeat { .. } if !is_up => return Err(Answered::Heard(Err(down))),
            Message::Leave { .. } if !is_up => return Err(Answered::Left(Err(down))),
            Message::Commit { .. } if !is_up => return Err(Answered::Committed(Err(down))),
            Message::Modern(_) if !is_up => return Err(Answered::Modern(Err(MemberError::CoordinatorLoadInProgress))),
            Message::Join { caller, session, rebalance, protocols } => {
                let protocols: Vec<Protocol<'_>> = protocols.iter().map(|(name, metadata)| Protocol { name, metadata }).collect();
                self.step(
                    now,
                    Input::Join(Join {
                        caller: caller_in(call, caller, named(caller).as_deref()),
                        client_id: "c",
                        client_host: "/h",
                        session_timeout: *session,
                        rebalance_timeout: *rebalance,
                        protocol_type: "consumer",
                        protocols: &protocols,
                        id_required: true,
                        may_skip_assignment: true,
                        id_suffix: &suffix,
                    }),
                );
            }
            Message::Sync { caller, generation, protocol, assignments } => {
                let assignments: Vec<MemberAssignment<'_>> =
                    assignments.iter().map(|(member_id, assignment)| MemberAssignment { member_id, assignment }).collect();
                self.step(
                    now,
                    Input::Sync(Sync {
                        caller: caller_in(call, caller, named(caller).as_deref()),
                        generation_id: GenerationId(*generation),
                        protocol_type: Some("consumer"),
                        protocol_name: Some(protocol),
                        assignments: &assignments,
                    }),
                );
            }
            Message::Heartbeat { caller, generation } => {
                let caller = caller_in(call, caller, caller.instance_id.as_deref());
                self.step(now, Input::Heartbeat(Heartbeat { caller, generation_id: GenerationId(*generation) }));
            }
            Message::Leave { caller } => {
                let members = [LeavingMember { member_id: &caller.member_id, group_instance_id: caller.instance_id.as_deref() }];
                self.step(now, Input::Leave(Leave { call, group_id: "g", members: &members }));
            }
            Message::Commit { caller, generation } => {
                let partition = CommitPartition {
                    topic: TOPICS[0],
                    topic_id: TopicId::ZERO,
                    partition: PartitionIndex(0),
                    offset: Offset(1),
                    leader_epoch: None,
                    metadata: "",
                };
                self.step(
                    now,
                    Input::Commit(Commit {
                        caller: caller_in(call, caller, caller.instance_id.as_deref()),
                        generation_id: Some(GenerationId(*generation)),
                        knows_epochs: false,
                        transaction: None,
                        expire_timestamp: None,
                        partitions: &[partition],
                    }),
                );
            }
            Message::Modern(says) => self.hear_modern(now, call, says),
        }
        Ok(call)
    }

    fn hear_modern(&mut self, now: u64, call: CallId, says: &Modern) {
        let names: Option<Vec<&str>> = says.names.as_ref().map(|names| names.iter().map(String::as_str).collect());
        let owned: &[(TopicId, PartitionIndex)] = says.owned.as_deref().unwrap_or_default();
        let show = |see: &mut dyn FnMut(TopicId, PartitionIndex)| owned.iter().for_each(|(topic, partition)| see(*topic, *partition));
        let show: &ShowOwned<'_> = &show;
        self.step(
            now,
            Input::ConsumerHeartbeat(ConsumerHeartbeat {
                caller: caller_in(call, &says.caller, says.caller.instance_id.as_deref()),
                epoch: MemberEpoch(says.epoch),
                client_id: "c",
                client_host: "/h",
                rack_id: None,
                rebalance_timeout: says.rebalance,
                names: names.as_deref().map(Array::from),
                pattern: says.pattern.as_deref(),
                assignor: says.assignor.as_deref(),
                owned: says.owned.is_some().then_some(show),
            }),
        );
    }
}

fn caller_in<'a>(call: CallId, caller: &'a message::Caller, instance: Option<&'a str>) -> Caller<'a> {
    Caller { call, group_id: "g", member_id: &caller.member_id, group_instance_id: instance }
}

fn at(now: u64) -> Moment {
    Moment { now: Instant(now), wall: Timestamp(1_000_000 + i64::try_from(now).unwrap()) }
}

fn believe(coordinator: &mut Coordinator<'static>, log: &mut Vec<(Vec<u8>, Option<Vec<u8>>)>, records: &Records<'_>) {
    for record in records.iter() {
        log.push((record.key.to_vec(), record.value.map(<[u8]>::to_vec)));
        coordinator.replay(&GroupRecord::decode(record, None).expect("what was written can be read"));
    }
    // Costs more than all the rest.
    if log.len().is_multiple_of(8) && !records.is_empty() {
        coordinator.assert_consistent();
    }
}
