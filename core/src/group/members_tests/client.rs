//! A machine, and the application on top of it.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::ids::{GenerationId, MemberEpoch, PartitionIndex, TopicId};
use crate::member::assignor::assignor::Assignor;
use crate::member::assignor::told;
use crate::member::classic::member::ClassicMember;
use crate::member::classic::memory::{ClassicConfig, ClassicLimits, ClassicMemory};
use crate::member::classic::{self, request::Metadata};
use crate::member::consumer;
use crate::member::consumer::member::ConsumerMember;
use crate::member::consumer::memory::{ConsumerConfig, ConsumerLimits, ConsumerMemory};
use crate::member::contact::RequestId;
use crate::member::error::Failure;
use crate::member::partitions::Partitions;
use crate::member::standing::{Departure, Standing};
use crate::time::{Instant, Millis};

use super::day::TOPICS;
use super::message::{Answered, Caller, Message};
use crate::group::modern::modern_tests::Known;

pub(super) const SESSION: Millis = Millis(10_000);
pub(super) const PATIENCE: Millis = Millis(20_000);

/// Either machine.
#[derive(Debug)]
pub(super) enum Machine {
    Classic(Box<ClassicMember<'static>>),
    Consumer(Box<ConsumerMember<'static>>),
}

/// What the application has heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Assigned(Vec<(String, i32)>),
    Revoked(Vec<(String, i32)>),
    Lost(Vec<(String, i32)>),
    Refused,
    Failed(Failure),
}

/// A client, while it lives.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) machine: Machine,
    /// What the application reads.
    pub(super) reads: BTreeSet<(String, i32)>,
    /// The same: one bit a partition.
    pub(super) marks: u64,
    /// What it is to give back, and when it does.
    pub(super) gives_back: Option<(u64, Vec<(String, i32)>)>,
    pub(super) next_poll: u64,
    pub(super) last_poll: u64,
    pub(super) next_look: u64,
    pub(super) subscription: BTreeSet<String>,
    /// Whether it subscribes to the topics that begin as the one of its subscription does.
    pub(super) by_pattern: bool,
    pub(super) leaves: bool,
    /// Whether it offers one assignor only.
    pub(super) offers_one: bool,
    pub(super) instance_id: Option<String>,
    /// The last generation in which a classic member was given a seat, whether it has heard of that or not.
    pub(super) granted: i32,
    /// Whether it missed a generation and reads what it had before.
    pub(super) is_late: bool,
}

impl Client {
    pub(super) fn classic(assignors: &[Assignor], instance_id: Option<&str>, seed: u64) -> Machine {
        let limits = ClassicLimits { members: 50, topics: 20, partitions: 60, bytes: 1 << 16 };
        let identity = classic::memory::Identity { group_id: "g", group_instance_id: instance_id, rack_id: None, assignors, seed };
        let config = ClassicConfig { session_timeout: SESSION, max_poll_interval: PATIENCE, ..ClassicConfig::default() };
        Machine::Classic(Box::new(ClassicMember::new(identity, config, ClassicMemory::grown(limits)).expect("it fits")))
    }

    pub(super) fn consumer(member_id: &str, instance_id: Option<&str>, seed: u64) -> Machine {
        let limits = ConsumerLimits { topics: 20, partitions: 60, bytes: 1 << 14 };
        let identity =
            consumer::memory::Identity { group_id: "g", member_id, group_instance_id: instance_id, rack_id: None, assignor: None, seed };
        let config = ConsumerConfig { max_poll_interval: PATIENCE, ..ConsumerConfig::default() };
        Machine::Consumer(Box::new(ConsumerMember::new(identity, config, ConsumerMemory::grown(limits)).expect("it fits")))
    }

    pub(super) fn subscribe(&mut self, now: u64, topics: &[&str], by_pattern: bool) {
        self.leaves = false;
        if matches!(self.standing(), Standing::Outside | Standing::Leaving) {
            // From here on it is to poll.
            self.last_poll = now;
        }
        self.subscription = topics.iter().map(ToString::to_string).collect();
        self.by_pattern = by_pattern && matches!(self.machine, Machine::Consumer(_));
        let now = Instant(now);
        match &mut self.machine {
            Machine::Classic(member) => member.subscribe(now, topics).expect("it fits"),
            Machine::Consumer(member) if self.by_pattern => {
                let pattern = alloc::format!("{}.*", topics[0]);
                member.subscribe_pattern(now, &pattern).expect("it fits");
            }
            Machine::Consumer(member) => member.subscribe(now, topics).expect("it fits"),
        }
    }

    pub(super) fn leave(&mut self, departure: Departure) {
        self.leaves = true;
        self.subscription.clear();
        match &mut self.machine {
            Machine::Classic(member) => member.leave(departure),
            Machine::Consumer(member) => member.leave(departure),
        }
    }

    pub(super) fn member_id(&self) -> &str {
        match &self.machine {
            Machine::Classic(member) => member.member_id(),
            Machine::Consumer(member) => member.member_id(),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        match &self.machine {
            Machine::Classic(member) => member.standing(),
            Machine::Consumer(member) => member.standing(),
        }
    }

    pub(super) fn due(&self) -> Option<u64> {
        match &self.machine {
            Machine::Classic(member) => member.poll_timeout(),
            Machine::Consumer(member) => member.poll_timeout(),
        }
        .map(|due| due.0)
    }

    pub(super) fn poll(&mut self, now: u64) {
        match &mut self.machine {
            Machine::Classic(member) => member.poll(Instant(now)),
            Machine::Consumer(member) => member.poll(Instant(now)),
        }
    }

    /// The application begins to read, or ends.
    pub(super) fn read(&mut self, change: impl FnOnce(&mut BTreeSet<(String, i32)>)) {
        change(&mut self.reads);
        let mark = |(topic, index): &(String, i32)| {
            let place = TOPICS.iter().position(|it| it == topic).expect("a topic");
            1u64 << (place * 16 + usize::try_from(*index).expect("a partition"))
        };
        self.marks = self.reads.iter().map(mark).fold(0, |all, mark| all | mark);
    }

    pub(super) fn revoked_done(&mut self) {
        match &mut self.machine {
            Machine::Classic(member) => member.revoked_done(),
            Machine::Consumer(member) => member.revoked_done(),
        }
    }

    /// The runtime looks what topics there are.
    pub(super) fn look(&mut self, known: &Known) {
        if let Machine::Classic(member) = &mut self.machine {
            let watched: Vec<String> = member.watched().map(ToString::to_string).collect();
            let counts: Vec<(&str, u32)> =
                watched.iter().map(|name| (name.as_str(), known.topics.get(name).copied().unwrap_or(0))).collect();
            member.topics_changed(&counts);
        }
    }

    pub(super) fn ask(&mut self, now: u64) -> Option<(RequestId, Message)> {
        let now = Instant(now);
        match &mut self.machine {
            Machine::Classic(member) => member.poll_request(now).map(|asked| (asked.id, Message::of_classic(&asked.request))),
            Machine::Consumer(member) => member.poll_request(now).map(|asked| (asked.id, Message::of_consumer(&asked.request))),
        }
    }

    /// A static member that did not join again in time keeps its seat and loses what it had. It hears of that when it next asks, or when it
    /// has joined again and is told what it has: until then it reads what may be somebody else's. So it is in Kafka.
    pub(super) fn miss(&mut self, generation_id: GenerationId) {
        let Machine::Classic(member) = &self.machine else { return };
        if self.instance_id.is_some() && self.granted < generation_id.0 {
            self.is_late = true;
        } else if self.reads.is_empty() || (member.standing() == Standing::Seated && member.generation_id() == Some(generation_id)) {
            self.is_late = false;
        }
    }

    /// A commit in the name of a classic member, beside all that the machine asks; consumers commit on their own account.
    pub(super) fn commit(&self) -> Option<(GenerationId, Message)> {
        let Machine::Classic(member) = &self.machine else { return None };
        let generation_id = member.generation_id()?;
        let caller = Caller { member_id: member.member_id().to_string(), instance_id: self.instance_id.clone() };
        Some((generation_id, Message::Commit { caller, generation: generation_id.0 }))
    }

    pub(super) fn committed(&mut self, generation_id: GenerationId, answered: &Answered) {
        let Answered::Committed(committed) = answered else { panic!("{answered:?} is no answer to a commit") };
        if let (Machine::Classic(member), Err(error)) = (&mut self.machine, committed) {
            member.commit_refused(generation_id, *error);
        }
    }

    pub(super) fn lost(&mut self, now: u64, id: RequestId) {
        match &mut self.machine {
            Machine::Classic(member) => member.on_lost(Instant(now), id),
            Machine::Consumer(member) => member.on_lost(Instant(now), id),
        }
    }

    pub(super) fn told(&mut self, now: u64, id: RequestId, answered: &Answered) {
        let now = Instant(now);
        match &mut self.machine {
            Machine::Classic(member) => tell_classic(member, now, id, answered),
            Machine::Consumer(member) => tell_consumer(member, now, id, answered),
        }
    }

    /// The next thing that the machine tells the application.
    pub(super) fn event(&mut self) -> Option<Heard> {
        let copy = |held: Partitions<'_>| held.iter().map(|held| (held.topic.to_string(), held.index.0)).collect();
        Some(match &mut self.machine {
            Machine::Classic(member) => match member.poll_event()? {
                classic::request::Event::Assigned(held) => Heard::Assigned(copy(held)),
                classic::request::Event::Revoked(held) => Heard::Revoked(copy(held)),
                classic::request::Event::Lost(held) => Heard::Lost(copy(held)),
                classic::request::Event::Failed(failure) => Heard::Failed(failure),
            },
            Machine::Consumer(member) => match member.poll_event()? {
                consumer::request::Event::Assigned(held) => Heard::Assigned(copy(held)),
                consumer::request::Event::Revoked(held) => Heard::Revoked(copy(held)),
                consumer::request::Event::Lost(held) => Heard::Lost(copy(held)),
                consumer::request::Event::Refused(_) => Heard::Refused,
                consumer::request::Event::Failed(failure) => Heard::Failed(failure),
            },
        })
    }
}

fn tell_classic(member: &mut ClassicMember<'_>, now: Instant, id: RequestId, answered: &Answered) {
    use classic::request::{Joined, Reply, Synced};
    match answered {
        Answered::Found(found) => member.on_reply(now, id, Reply::FindCoordinator(*found)),
        Answered::Joined(seated) => {
            let show = |see: &mut dyn FnMut(told::Joined<'_>)| {
                for (caller, metadata) in &seated.members {
                    see(told::Joined { member_id: &caller.member_id, instance_id: caller.instance_id.as_deref(), metadata });
                }
            };
            let joined = Joined {
                generation_id: GenerationId(seated.generation),
                protocol_type: Some("consumer"),
                protocol_name: &seated.protocol,
                leader: &seated.leader,
                member_id: &seated.member_id,
                members: &show,
                skip_assignment: seated.skips,
            };
            member.on_reply(now, id, Reply::JoinGroup(Ok(joined)));
        }
        Answered::NeedsId(member_id) => member.on_reply(now, id, Reply::MemberIdRequired { member_id }),
        Answered::JoinRefused(error) => member.on_reply(now, id, Reply::JoinGroup(Err(*error))),
        Answered::Synced(synced) => {
            let synced = synced.as_ref().map(|(protocol, assignment)| Synced {
                protocol_type: Some("consumer"),
                protocol_name: protocol.as_deref(),
                assignment,
            });
            member.on_reply(now, id, Reply::SyncGroup(synced.map_err(|error| *error)));
        }
        Answered::Heard(heard) => member.on_reply(now, id, Reply::Heartbeat(*heard)),
        Answered::Left(left) => member.on_reply(now, id, Reply::LeaveGroup(*left)),
        Answered::Counts(counts) => member.assign_grown(now, id, &Metadata { partition_counts: counts, racks: None }),
        Answered::Names(_) | Answered::Modern(_) | Answered::Committed(_) => panic!("{answered:?} is told to a classic member"),
    }
}

fn tell_consumer(member: &mut ConsumerMember<'_>, now: Instant, id: RequestId, answered: &Answered) {
    use consumer::request::{Heard, Reply};
    match answered {
        Answered::Found(found) => member.on_reply(now, id, Reply::FindCoordinator(*found)),
        Answered::Names(names) => {
            let names: Vec<(TopicId, &str)> = names.iter().map(|(id, name)| (*id, name.as_str())).collect();
            member.names_known(now, id, &names);
        }
        Answered::Modern(Err(error)) => member.on_reply(now, id, Reply::ConsumerGroupHeartbeat(Err(*error))),
        Answered::Modern(Ok(told)) => {
            let all = told.assigned.as_deref().unwrap_or_default();
            let show = |see: &mut dyn FnMut(TopicId, PartitionIndex)| all.iter().for_each(|(topic, partition)| see(*topic, *partition));
            let heard = Heard {
                member_epoch: MemberEpoch(told.epoch),
                heartbeat_interval: told.interval,
                assignment: if told.assigned.is_some() { Some(&show) } else { None },
            };
            member.on_reply(now, id, Reply::ConsumerGroupHeartbeat(Ok(heard)));
        }
        Answered::Joined(_)
        | Answered::NeedsId(_)
        | Answered::JoinRefused(_)
        | Answered::Synced(_)
        | Answered::Heard(_)
        | Answered::Left(_)
        | Answered::Committed(_)
        | Answered::Counts(_) => panic!("{answered:?} is told to a member of a consumer group"),
    }
}
