//! Members of consumer groups (KIP-848): the machine of the core with an application on top of it, and what the broker does for them, as
//! `std-runtime/src/api/68_consumer_group_heartbeat.rs` does it.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::catalog::name;
use millpond_core::group::answer::ConsumerSeat;
use millpond_core::group::error::GroupError;
use millpond_core::group::input::{Caller, ConsumerHeartbeat, Input as GroupInput};
use millpond_core::group::modern::topics::NoMatcher;
use millpond_core::ids::{CallId, MemberEpoch, PartitionIndex, TopicId};
use millpond_core::member::consumer::member::ConsumerMember;
use millpond_core::member::consumer::memory::{ConsumerConfig, ConsumerLimits, ConsumerMemory, Identity};
use millpond_core::member::consumer::request::{Event, Heard, Reply, Request as Asked};
use millpond_core::member::contact::RequestId;
use millpond_core::member::error::MemberError;
use millpond_core::member::partitions::Partitions;
use millpond_core::member::standing::{Departure, Standing};
use millpond_core::time::{Instant, Millis, Moment};
use millpond_core::wire::value::Array;

use crate::random::Random;

use super::Sabotage;
use super::broker::{Broker, Call, GroupAnswers};
use super::clients::fetch;
use super::message::{Answer, Member, Partition, Request, TOPICS, Topic};

/// The group that they all are in.
pub(crate) const GROUP: &str = "c";
/// How long a member may be silent.
pub(crate) const SESSION: Millis = Millis(8000);
/// How long a member may take to give partitions back.
pub(crate) const REBALANCE: Millis = Millis(15_000);
/// How often a member says that it lives.
pub(crate) const INTERVAL: Millis = Millis(500);

/// What a member says of itself; `None` for what is as it was.
#[derive(Clone, Debug)]
pub(crate) struct Beat {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) epoch: MemberEpoch,
    rebalance_timeout: Option<Millis>,
    names: Option<Vec<String>>,
    /// The partitions that it has.
    pub(crate) owned: Option<Vec<(TopicId, PartitionIndex)>>,
}

/// What a member is told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) epoch: MemberEpoch,
    interval: Millis,
    /// What it is to have; `None` for what it was told last.
    pub(crate) assigned: Option<Vec<(TopicId, PartitionIndex)>>,
}

impl Told {
    pub(super) fn of(seat: &ConsumerSeat<'_>) -> Self {
        let assigned = seat.assigned.map(|all| all.iter().map(|held| (held.topic, held.partition)).collect());
        Self { epoch: seat.epoch, interval: seat.heartbeat_interval, assigned }
    }

    /// What somebody is told who leaves.
    pub(super) const fn left(epoch: MemberEpoch) -> Self {
        Self { epoch, interval: INTERVAL, assigned: None }
    }
}

/// A member and its application.
#[derive(Debug)]
pub(super) struct Peer {
    number: u64,
    /// How many have been it.
    lives: u64,
    machine: Box<ConsumerMember<'static>>,
    /// What the machine has asked and waits for.
    asked: Option<RequestId>,
    reads: BTreeSet<Partition>,
    positions: BTreeMap<Partition, i64>,
    /// It does not know yet where to read on.
    resumes: bool,
    /// It is to give back what it does not read any more.
    gives_back: bool,
}

impl Peer {
    pub(super) fn new(number: u64, random: &mut Random) -> Self {
        let machine = machine(number, 0, random);
        let (reads, positions) = (BTreeSet::new(), BTreeMap::new());
        Self { number, lives: 0, machine, asked: None, reads, positions, resumes: false, gives_back: false }
    }

    /// Its process ends, and another one takes its place.
    fn die(&mut self, random: &mut Random) {
        self.lives += 1;
        self.machine = machine(self.number, self.lives, random);
        self.asked = None;
        self.gives_back = false;
        self.reads.clear();
        self.positions.clear();
    }

    pub(super) fn ask(&mut self, topics: &[Topic], random: &mut Random, now: Instant) -> Request {
        if random.once_in(150) {
            self.die(random);
        }
        self.machine.poll(now);
        self.listen(random);
        if random.once_in(120) {
            self.machine.leave(*random.pick(&[Departure::AsMember, Departure::ForGood]));
        } else if random.once_in(80) || self.machine.standing() == Standing::Outside {
            let wanted: Vec<&str> = TOPICS.iter().filter(|_| !random.once_in(4)).copied().collect();
            self.machine.subscribe(now, &wanted).expect("room for a few topics");
        }
        self.listen(random);
        if self.gives_back && random.once_in(2) {
            self.machine.revoked_done();
            self.gives_back = false;
        }
        while let Some(asked) = self.machine.poll_request(now) {
            let id = asked.id;
            match asked.request {
                Asked::FindCoordinator { .. } => self.machine.on_reply(now, id, Reply::FindCoordinator(Ok(()))),
                Asked::TopicNames { .. } => {
                    self.asked = Some(id);
                    return Request::Metadata;
                }
                Asked::ConsumerGroupHeartbeat(says) => {
                    let beat = Beat {
                        member_id: says.member_id.to_owned(),
                        instance_id: says.instance_id.map(str::to_owned),
                        epoch: says.member_epoch,
                        rebalance_timeout: says.rebalance_timeout,
                        names: says.subscribed_topic_names.map(|names| names.iter().map(str::to_owned).collect()),
                        owned: says.topic_partitions.map(|all| all.iter().map(|held| (held.topic_id, held.index)).collect()),
                    };
                    self.asked = Some(id);
                    return Request::Beat(beat);
                }
            }
        }
        self.work(topics, random)
    }

    /// What the application does between two heartbeats.
    fn work(&self, topics: &[Topic], random: &mut Random) -> Request {
        if self.resumes && !self.reads.is_empty() {
            return Request::FetchOffsets { group: GROUP.to_owned() };
        }
        match self.machine.member_epoch() {
            Some(epoch) if epoch.0 > 0 && !self.positions.is_empty() && random.once_in(3) => {
                let member = Member { group: GROUP.to_owned(), id: self.machine.member_id().to_owned(), generation: epoch.0 };
                Request::Commit { member, offsets: self.positions.iter().map(|(partition, offset)| (partition.clone(), *offset)).collect() }
            }
            _ if topics.is_empty() => Request::Metadata,
            _ => {
                let position = |partition: &Partition| self.positions.get(partition).copied().unwrap_or(0);
                let wanted = self.reads.iter().map(|partition| (partition.topic.clone(), partition.index, position(partition)));
                fetch(wanted.collect(), false, random)
            }
        }
    }

    /// The application hears what the machine has to say.
    fn listen(&mut self, random: &mut Random) {
        let copy = |all: Partitions<'_>| {
            let partition = |held: millpond_core::member::partitions::Partition<'_>| Partition {
                topic: held.topic.to_owned(),
                id: held.topic_id,
                index: held.index.0,
            };
            all.iter().map(partition).collect::<Vec<_>>()
        };
        let mut has_failed = false;
        while let Some(event) = self.machine.poll_event() {
            match event {
                Event::Assigned(all) => {
                    self.reads.extend(copy(all));
                    self.resumes = true;
                }
                Event::Revoked(all) | Event::Lost(all) => {
                    self.gives_back = matches!(event, Event::Revoked(_));
                    for partition in copy(all) {
                        self.reads.remove(&partition);
                        self.positions.remove(&partition);
                    }
                }
                Event::Refused(_) => {}
                Event::Failed(_) => has_failed = true,
            }
        }
        if has_failed {
            self.die(random);
        }
    }

    pub(super) fn hear(&mut self, request: &Request, answer: Option<&Answer>, now: Instant) {
        if let Some(id) = self.asked.take() {
            return match answer {
                Some(Answer::Topics(topics)) => {
                    let names: Vec<(TopicId, &str)> = topics.iter().map(|topic| (topic.id, topic.name.as_str())).collect();
                    self.machine.names_known(now, id, &names);
                }
                Some(Answer::Seat(told)) => self.told(now, id, told),
                Some(Answer::Refused) => {
                    self.machine.on_reply(now, id, Reply::ConsumerGroupHeartbeat(Err(MemberError::CoordinatorNotAvailable)));
                }
                _ => self.machine.on_lost(now, id),
            };
        }
        match (request, answer) {
            (Request::FetchOffsets { .. }, Some(Answer::Offsets(offsets))) => {
                self.resumes = false;
                for (partition, offset) in offsets.iter().filter(|(partition, _)| self.reads.contains(partition)) {
                    self.positions.entry(partition.clone()).or_insert(*offset);
                }
            }
            (Request::Fetch { .. }, Some(Answer::Read(reads))) => {
                for read in reads.iter().filter(|read| !read.failed && self.reads.contains(&read.partition)) {
                    self.positions.insert(read.partition.clone(), if read.in_range { read.next } else { read.log_start });
                }
            }
            _ => {}
        }
    }

    fn told(&mut self, now: Instant, id: RequestId, told: &Result<Told, GroupError>) {
        let reply = match told {
            Err(error) => Err(refusal(*error)),
            Ok(told) => {
                let all = told.assigned.as_deref().unwrap_or_default();
                let show = |see: &mut dyn FnMut(TopicId, PartitionIndex)| all.iter().for_each(|(topic, index)| see(*topic, *index));
                let (member_epoch, heartbeat_interval) = (told.epoch, told.interval);
                let heard = Heard { member_epoch, heartbeat_interval, assignment: told.assigned.as_ref().map(|_| &show as _) };
                return self.machine.on_reply(now, id, Reply::ConsumerGroupHeartbeat(Ok(heard)));
            }
        };
        self.machine.on_reply(now, id, Reply::ConsumerGroupHeartbeat(reply));
    }
}

fn machine(number: u64, lives: u64, random: &mut Random) -> Box<ConsumerMember<'static>> {
    // The first of them is static.
    let instance_id = format!("c-{number}");
    let identity = Identity {
        group_id: GROUP,
        member_id: &format!("c-{number}-{lives}"),
        group_instance_id: number.is_multiple_of(3).then_some(&instance_id),
        rack_id: None,
        assignor: None,
        seed: u64::try_from(random.below(1 << 30)).unwrap_or(0),
    };
    let config = ConsumerConfig { max_poll_interval: REBALANCE, ..ConsumerConfig::default() };
    let limits = ConsumerLimits { topics: 16, partitions: 64, bytes: 1 << 12 };
    Box::new(ConsumerMember::new(identity, config, ConsumerMemory::grown(limits)).expect("room for a few names"))
}

/// What a refusal becomes on its way over the wire.
fn refusal(error: GroupError) -> MemberError {
    match error {
        GroupError::UnknownMemberId => MemberError::UnknownMemberId,
        GroupError::FencedMemberEpoch { .. } => MemberError::FencedMemberEpoch,
        GroupError::UnreleasedInstanceId => MemberError::UnreleasedInstanceId,
        GroupError::FencedInstanceId => MemberError::FencedInstanceId,
        GroupError::GroupFull => MemberError::GroupMaxSizeReached,
        _ => MemberError::Unexpected,
    }
}

impl Broker {
    /// A member of a consumer group joins, lives, or leaves.
    pub(super) fn beat(&mut self, at: Moment, call: CallId, beat: &Beat) {
        let _ = self.ensure(at, name::CONSUMER_OFFSETS);
        let names: Option<Vec<&str>> = beat.names.as_ref().map(|names| names.iter().map(String::as_str).collect());
        let owned = beat.owned.as_deref().unwrap_or_default();
        let believed = if self.sabotaged(Sabotage::ForgetsOwned) { &[] } else { owned };
        let show = |see: &mut dyn FnMut(TopicId, PartitionIndex)| believed.iter().for_each(|(topic, index)| see(*topic, *index));
        let heartbeat = ConsumerHeartbeat {
            caller: Caller { call, group_id: GROUP, member_id: &beat.member_id, group_instance_id: beat.instance_id.as_deref() },
            epoch: beat.epoch,
            client_id: "peer",
            client_host: "/::1",
            rack_id: None,
            rebalance_timeout: beat.rebalance_timeout,
            names: names.as_deref().map(Array::from),
            pattern: None,
            assignor: None,
            owned: beat.owned.is_some().then_some(&show as _),
        };
        self.calls.insert(call, Call::Machine);
        let mut answers = GroupAnswers { calls: &mut self.calls, ready: Vec::new() };
        let result = self.shard.group(at, GroupInput::ConsumerHeartbeat(heartbeat), &NoMatcher, &mut answers, &mut self.released);
        let ready = answers.ready;
        self.deliver(at, ready, result.map_err(|_| ()));
    }
}
