//! Simulated clients. Each has one request under way at the most, and gives it up when no answer comes in its time.

use std::collections::BTreeMap;

use millpond_core::bounded::list::List;
use millpond_core::group::error::GroupError;
use millpond_core::ids::{ProducerEpoch, ProducerId, Sequence};
use millpond_core::record::batch::ProducerStamp;
use millpond_core::record::builder::{BatchOptions, Builder, NewRecord};
use millpond_core::record::records::RecordHeader;
use millpond_core::time::{Moment, Timestamp};
use millpond_core::txn::answer::Identity;
use millpond_core::txn::error::TxnError;

use crate::group::Reply;
use crate::random::Random;

use super::consumers::{self, Peer};
use super::message::{
    Answer, Lot, Member, Partition, Request, Settle, TOPICS, Topic, Transaction, Worker, is_tombstone, key_of, record_number,
};
use super::share::SAYS;

const GROUPS: [&str; 2] = ["g", "h"];
/// Those whose offsets somebody looks at.
const MONITORED: [&str; 3] = ["g", "h", consumers::GROUP];

#[derive(Debug)]
pub(crate) struct Client {
    role: Role,
    topics: Vec<Topic>,
    /// Its metadata may be out of date.
    stale: bool,
    pub(crate) waits_for: Option<(u64, u64)>,
}

#[derive(Debug)]
enum Role {
    Producer(Producer),
    Reader {
        positions: Positions,
        committed: bool,
    },
    Teller(Teller),
    Member(Consumer),
    Worker(Hand),
    Peer(Peer),
    Admin(Custom),
    /// Looks at what groups have committed, all the time.
    Monitor,
}

/// What the topics of a world are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Custom {
    /// `cleanup.policy` of those that compact; `None` in a world where none does.
    compacts: Option<&'static str>,
    /// Their `delete.retention.ms`: short, or longer than any world.
    delete_retention: &'static str,
}

impl Custom {
    pub(crate) fn new(random: &mut Random) -> Self {
        let compacts = *random.pick(&[None, None, Some("compact"), Some("compact"), Some("compact,delete")]);
        Self { compacts, delete_retention: *random.pick(&["0", "3000", "86400000"]) }
    }

    pub(crate) const fn is_compacting(&self) -> bool {
        self.compacts.is_some()
    }
}

type Positions = BTreeMap<(String, i32), i64>;

#[derive(Debug, Default)]
struct Producer {
    number: u64,
    idempotent: bool,
    id: Option<i64>,
    acks: i8,
    sequences: BTreeMap<(String, i32), i32>,
    sending: Option<Sending>,
    sent: u64,
}

/// Writes in transactions.
#[derive(Debug, Default)]
struct Teller {
    number: u64,
    id: String,
    identity: Option<Identity>,
    transaction: u64,
    sequences: BTreeMap<(String, i32), i32>,
    sending: Option<Sending>,
    written: u32,
    failed: bool,
    /// How it is to end, once that is decided.
    ending: Option<bool>,
    tries: u32,
    sent: u64,
}

#[derive(Debug)]
struct Sending {
    topic: String,
    partition: i32,
    bytes: Vec<u8>,
    records: Vec<u64>,
    tries: u32,
}

/// Works in a share group.
#[derive(Debug)]
struct Hand {
    worker: Worker,
    epoch: i32,
    has: Vec<Lot>,
}

#[derive(Debug, Default)]
struct Consumer {
    member: Member,
    step: Step,
    roster: Vec<String>,
    positions: BTreeMap<Partition, i64>,
    assigned: Vec<(String, i32)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Outside,
    Joined,
    Resuming,
    Consuming,
}

impl Client {
    pub(crate) fn new(number: u64, custom: Custom, random: &mut Random) -> Self {
        let role = match number {
            0 | 1 => Role::Admin(custom),
            2..5 => Role::Producer(Producer {
                number,
                idempotent: number != 4,
                acks: if number == 4 && random.once_in(2) { 1 } else { -1 },
                ..Producer::default()
            }),
            5 | 12 => Role::Reader { positions: Positions::new(), committed: number == 12 },
            9 => Role::Monitor,
            13 | 14 => Role::Worker(Hand::new(number, random)),
            15..18 => Role::Peer(Peer::new(number, random)),
            10 | 11 => Role::Teller(Teller { number, id: format!("teller-{number}"), ..Teller::default() }),
            _ => {
                let group = if random.once_in(4) { GROUPS[1] } else { GROUPS[0] };
                Role::Member(Consumer { member: Member { group: group.to_owned(), ..Member::default() }, ..Consumer::default() })
            }
        };
        Self { role, topics: Vec::new(), stale: true, waits_for: None }
    }

    /// What it asks next.
    pub(crate) fn ask(&mut self, random: &mut Random, at: Moment) -> Request {
        let wall = at.wall;
        if self.stale || random.once_in(12) {
            self.stale = false;
            return Request::Metadata;
        }
        match &mut self.role {
            Role::Admin(Custom { compacts: Some(policy), delete_retention }) => administrate_compacted(policy, delete_retention, random),
            Role::Admin(Custom { compacts: None, .. }) => administrate(random),
            Role::Monitor => Request::FetchOffsets { group: (*random.pick(&MONITORED)).to_owned() },
            Role::Producer(producer) => producer.ask(&self.topics, random, wall),
            Role::Teller(teller) => teller.ask(&self.topics, random, wall),
            Role::Reader { positions, committed } => {
                let mut partitions = Vec::new();
                for topic in &self.topics {
                    for index in 0..topic.partitions {
                        let position = positions.entry((topic.name.clone(), index)).or_insert(0);
                        if random.once_in(20) {
                            *position = 0;
                        }
                        partitions.push((topic.name.clone(), index, *position));
                    }
                }
                fetch(partitions, *committed, random)
            }
            Role::Member(consumer) => consumer.ask(&self.topics, random),
            Role::Worker(hand) => hand.ask(&self.topics, random),
            Role::Peer(peer) => peer.ask(&self.topics, random, at.now),
        }
    }

    /// An answer has come, or `None`: it gave up waiting.
    pub(crate) fn hear(&mut self, request: &Request, answer: Option<&Answer>, random: &mut Random, at: Moment) {
        if let Some(Answer::Topics(topics)) = answer
            && matches!(request, Request::Metadata)
        {
            self.topics.clone_from(topics);
        }
        self.stale |= matches!(answer, None | Some(Answer::Refused | Answer::Unknown)) && random.once_in(2);
        match &mut self.role {
            Role::Admin(_) | Role::Monitor => {}
            Role::Producer(producer) => producer.hear(request, answer),
            Role::Teller(teller) => teller.hear(request, answer),
            Role::Reader { positions, .. } => {
                if let Some(Answer::Read(reads)) = answer {
                    for read in reads {
                        let next = read.next;
                        let next = if read.in_range { next } else { read.log_start };
                        positions.insert((read.partition.topic.clone(), read.partition.index), next);
                    }
                }
            }
            Role::Member(consumer) => consumer.hear(request, answer),
            Role::Worker(hand) => hand.hear(request, answer),
            Role::Peer(peer) => peer.hear(request, answer, at.now),
        }
    }
}

pub(super) fn fetch(partitions: Vec<(String, i32, i64)>, committed: bool, random: &mut Random) -> Request {
    Request::Fetch { partitions, min_bytes: *random.pick(&[1, 1, 400]), max_bytes: *random.pick(&[100, 2000, 1 << 20]), committed }
}

fn administrate(random: &mut Random) -> Request {
    let topic = (*random.pick(&TOPICS)).to_owned();
    match random.below(10) {
        0..4 => {
            let configs: [&[(&'static str, &str)]; 4] =
                [&[], &[("segment.bytes", "900")], &[("retention.bytes", "1500"), ("segment.bytes", "700")], &[("write.caching", "true")]];
            let configs = random.pick(&configs).iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            Request::CreateTopic { topic, partitions: *random.pick(&[1, 2, 3]), configs }
        }
        4 | 5 => Request::DeleteTopic { topic },
        6 => Request::GrowTopic { topic, partitions: *random.pick(&[2, 3, 4]) },
        7 => {
            let (config, value) = *random.pick(&[("segment.bytes", "1200"), ("retention.bytes", "2000"), ("segment.bytes", "5000")]);
            Request::AlterTopic { topic, config, value: Some(value.to_owned()) }
        }
        _ => Request::DeleteRecords { topic, partition: 0, upto: i64::try_from(random.below(40)).unwrap_or(0) },
    }
}

/// There are fewer topics, and they live longer.
fn administrate_compacted(policy: &str, delete_retention: &str, random: &mut Random) -> Request {
    let topic = (*random.pick(&TOPICS[..2])).to_owned();
    match random.below(60) {
        0..40 => {
            let mut configs = vec![
                ("segment.bytes", *random.pick(&["300", "500", "900"])),
                ("min.cleanable.dirty.ratio", *random.pick(&["0", "0.5"])),
                ("min.compaction.lag.ms", *random.pick(&["0", "0", "1500"])),
                ("delete.retention.ms", delete_retention),
            ];
            // Some become it later.
            if !random.once_in(6) {
                configs.push(("cleanup.policy", policy));
            }
            if policy.contains("delete") {
                configs.push(("retention.bytes", "4000"));
            }
            if random.once_in(4) {
                configs.push(("max.compaction.lag.ms", "2500"));
            }
            let configs = configs.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
            Request::CreateTopic { topic, partitions: *random.pick(&[1, 1, 2]), configs }
        }
        40 => Request::DeleteTopic { topic },
        41 => Request::GrowTopic { topic, partitions: 2 },
        42 | 43 => Request::DeleteRecords { topic, partition: 0, upto: i64::try_from(random.below(40)).unwrap_or(0) },
        44..47 => Request::AlterTopic { topic, config: "segment.bytes", value: Some((*random.pick(&["250", "1500"])).to_owned()) },
        47..50 => {
            Request::AlterTopic { topic, config: "cleanup.policy", value: Some((*random.pick(&[policy, policy, "delete"])).to_owned()) }
        }
        50..53 => Request::AlterTopic { topic, config: "min.cleanable.dirty.ratio", value: Some("0".to_owned()) },
        _ => Request::Metadata,
    }
}

impl Producer {
    fn ask(&mut self, topics: &[Topic], random: &mut Random, wall: Timestamp) -> Request {
        if self.idempotent && self.id.is_none() {
            self.sequences.clear();
            return Request::InitProducer;
        }
        if self.sending.is_none() {
            if topics.is_empty() {
                return Request::Metadata;
            }
            let topic = random.pick(topics);
            let partition = i32::try_from(random.below(usize::try_from(topic.partitions).unwrap_or(1))).unwrap_or(0);
            let first = self.sent;
            self.sent += 1 + u64::try_from(random.below(4)).unwrap_or(0);
            let records: Vec<u64> = (first..self.sent).map(|nth| record_number(self.number, nth, chance(random))).collect();
            let sequence = self.sequences.get(&(topic.name.clone(), partition)).copied().unwrap_or(0);
            let stamp = self.id.map(|id| ProducerStamp { id: ProducerId(id), epoch: ProducerEpoch(0), base_sequence: Sequence(sequence) });
            let bytes = batch(&records, stamp, false, random, wall);
            self.sending = Some(Sending { topic: topic.name.clone(), partition, bytes, records, tries: 0 });
        }
        let Some(sending) = &mut self.sending else { return Request::Metadata };
        sending.tries += 1;
        Request::Produce {
            topic: sending.topic.clone(),
            partition: sending.partition,
            bytes: sending.bytes.clone(),
            acks: self.acks,
            records: sending.records.clone(),
            producer: self.id,
            transaction: None,
        }
    }

    fn hear(&mut self, request: &Request, answer: Option<&Answer>) {
        match (request, answer) {
            (Request::InitProducer, Some(Answer::Producer(id))) => self.id = Some(*id),
            (Request::Produce { .. }, Some(Answer::Produced { .. })) => {
                if let Some(sent) = self.sending.take() {
                    let count = i32::try_from(sent.records.len()).unwrap_or(0);
                    *self.sequences.entry((sent.topic, sent.partition)).or_insert(0) += count;
                }
            }
            // Whether it was written is not known: it is sent again, a few times, and then another identity is taken.
            (Request::Produce { .. }, _) if self.sending.as_ref().is_some_and(|sending| sending.tries > 4) => {
                (self.sending, self.id) = (None, None);
            }
            _ => {}
        }
    }
}

fn chance(random: &mut Random) -> u8 {
    u8::try_from(random.below(256)).unwrap_or(0)
}

/// A batch of numbered records.
fn batch(records: &[u64], stamp: Option<ProducerStamp>, transactional: bool, random: &mut Random, wall: Timestamp) -> Vec<u8> {
    let mut bytes = List::grown(1 << 16);
    let options = BatchOptions { producer: stamp, transactional, ..BatchOptions::default() };
    let mut builder = Builder::new(&mut bytes, options).expect("room for a header");
    let most = *random.pick(&[30, 250]);
    for record in records {
        let number = record.to_be_bytes();
        let mut value = number.to_vec();
        value.resize(8 + random.below(most), b'.');
        let headers = [RecordHeader { key: b"number", value: Some(&number) }];
        let key = key_of(*record);
        let record = if is_tombstone(*record) {
            NewRecord { timestamp: Some(wall), key: Some(&key), value: None, headers: &headers }
        } else {
            NewRecord { timestamp: Some(wall), key: Some(&key), value: Some(&value), headers: &[] }
        };
        builder.append(record).expect("room for a record");
    }
    builder.finish().expect("a batch has records");
    bytes.to_vec()
}

impl Teller {
    /// What it does next: take over its id, write to a few partitions, end the transaction.
    fn ask(&mut self, topics: &[Topic], random: &mut Random, wall: Timestamp) -> Request {
        let Some(identity) = self.identity else {
            self.begin();
            return Request::Initialize { id: self.id.clone() };
        };
        if topics.is_empty() {
            return Request::Metadata;
        }
        let transaction = Transaction { id: self.id.clone(), identity, number: self.transaction };
        if self.ending.is_none() && self.sending.is_none() && (self.failed || self.written >= 4 || (self.written > 0 && random.once_in(3)))
        {
            self.ending = Some(!self.failed && !random.once_in(4));
        }
        if let Some(commit) = self.ending {
            // It forgets to end it now and then: then its time is up some day.
            if self.tries == 0 && random.once_in(40) {
                self.identity = None;
            }
            self.tries += 1;
            return Request::End { transaction, commit };
        }
        if self.sending.is_none() {
            let topic = random.pick(topics);
            let partition = i32::try_from(random.below(usize::try_from(topic.partitions).unwrap_or(1))).unwrap_or(0);
            let first = self.sent;
            self.sent += 1 + u64::try_from(random.below(3)).unwrap_or(0);
            let records: Vec<u64> = (first..self.sent).map(|nth| record_number(self.number, nth, chance(random))).collect();
            let sequence = self.sequences.get(&(topic.name.clone(), partition)).copied().unwrap_or(0);
            let stamp = ProducerStamp { id: identity.producer_id, epoch: identity.producer_epoch, base_sequence: Sequence(sequence) };
            let bytes = batch(&records, Some(stamp), true, random, wall);
            self.sending = Some(Sending { topic: topic.name.clone(), partition, bytes, records, tries: 0 });
        }
        let Some(sending) = &mut self.sending else { return Request::Metadata };
        sending.tries += 1;
        Request::Produce {
            topic: sending.topic.clone(),
            partition: sending.partition,
            bytes: sending.bytes.clone(),
            acks: -1,
            records: sending.records.clone(),
            producer: Some(identity.producer_id.0),
            transaction: Some(transaction),
        }
    }

    /// A transaction begins.
    fn begin(&mut self) {
        self.transaction += 1;
        (self.written, self.tries, self.failed) = (0, 0, false);
        (self.sending, self.ending) = (None, None);
        self.sequences.clear();
    }

    fn hear(&mut self, request: &Request, answer: Option<&Answer>) {
        match (request, answer) {
            (Request::Initialize { .. }, Some(Answer::Identity(identity))) => {
                self.begin();
                self.identity = Some(*identity);
            }
            (Request::End { .. }, Some(Answer::Identity(identity))) => {
                self.begin();
                self.identity = Some(*identity);
            }
            (Request::Produce { .. }, Some(Answer::Produced { .. })) => {
                if let Some(sent) = self.sending.take() {
                    let count = i32::try_from(sent.records.len()).unwrap_or(0);
                    *self.sequences.entry((sent.topic, sent.partition)).or_insert(0) += count;
                    self.written += 1;
                }
            }
            (_, Some(Answer::NotSo(TxnError::ConcurrentTransactions))) => {}
            (_, Some(Answer::NotSo(_))) => self.identity = None,
            // It cannot be written, or nobody knows whether it was: with a record missing, all that is left is to abort.
            (Request::Produce { .. }, _)
                if self.sending.as_ref().is_some_and(|sending| sending.tries > 4) || matches!(answer, Some(Answer::Refused)) =>
            {
                (self.sending, self.failed) = (None, true);
            }
            (Request::End { .. }, _) if self.tries > 10 => self.identity = None,
            _ => {}
        }
    }
}

impl Hand {
    fn new(number: u64, random: &mut Random) -> Self {
        let worker = Worker { group: "s".to_owned(), id: format!("worker-{number}"), is_strict: random.once_in(2) };
        Self { worker, epoch: 0, has: Vec::new() }
    }

    fn ask(&mut self, topics: &[Topic], random: &mut Random) -> Request {
        // It dies without a word now and then, and another one comes.
        if random.once_in(40) {
            self.worker.id.push('x');
            self.epoch = 0;
            self.has.clear();
        }
        let worker = self.worker.clone();
        if self.epoch == 0 || random.once_in(4) {
            return Request::Work { worker, epoch: self.epoch };
        }
        let mut settles = Vec::new();
        while !self.has.is_empty() && !random.once_in(3) {
            let lot = self.has.swap_remove(random.below(self.has.len()));
            // Now and then of a part of them; of the others it says nothing.
            let last = if random.once_in(3) { lot.first + (lot.last - lot.first) / 2 } else { lot.last };
            settles.push(Settle { lot: Lot { last, ..lot }, how: *random.pick(&SAYS) });
        }
        let all =
            topics.iter().flat_map(|topic| (0..topic.partitions).map(|index| Partition { topic: topic.name.clone(), id: topic.id, index }));
        let wanted = all.filter(|_| random.once_in(2)).collect();
        Request::Share { worker, settles, wanted }
    }

    fn hear(&mut self, request: &Request, answer: Option<&Answer>) {
        match (request, answer) {
            (Request::Work { .. }, Some(Answer::Group(Reply::Consumer(Ok(epoch))))) => self.epoch = epoch.0,
            (Request::Work { .. }, Some(Answer::Group(Reply::Consumer(Err(_))))) => {
                self.epoch = 0;
                self.has.clear();
            }
            (Request::Share { .. }, Some(Answer::Shared { acquired, .. })) => self.has.extend(acquired.iter().cloned()),
            _ => {}
        }
    }
}

impl Consumer {
    fn ask(&mut self, topics: &[Topic], random: &mut Random) -> Request {
        let member = self.member.clone();
        if random.once_in(60) {
            self.step = Step::Outside;
            if random.once_in(2) {
                // It dies without a word and comes back as another.
                self.member.id.clear();
                return Request::Metadata;
            }
            return Request::Leave { member };
        }
        match self.step {
            Step::Outside => Request::Join { member },
            Step::Joined => Request::Sync { member, assignments: self.assign(topics, random) },
            Step::Resuming => Request::FetchOffsets { group: member.group },
            Step::Consuming => match random.below(5) {
                0 => Request::Heartbeat { member },
                1 => Request::FetchOffsets { group: member.group },
                2 if !self.positions.is_empty() => {
                    let offsets = self.positions.iter().map(|(partition, offset)| (partition.clone(), *offset)).collect();
                    Request::Commit { member, offsets }
                }
                _ => {
                    let position = |topic: &str, index: i32| {
                        let known = self.positions.iter().find(|(partition, _)| partition.topic == topic && partition.index == index);
                        known.map_or(0, |(_, offset)| *offset)
                    };
                    let partitions = self.assigned.iter().map(|(topic, index)| (topic.clone(), *index, position(topic, *index))).collect();
                    fetch(partitions, false, random)
                }
            },
        }
    }

    /// The leader gives every partition to somebody.
    fn assign(&self, topics: &[Topic], random: &mut Random) -> Vec<(String, Vec<u8>)> {
        let mut shares: Vec<(String, String)> = self.roster.iter().map(|id| (id.clone(), String::new())).collect();
        for topic in topics {
            for index in 0..topic.partitions {
                let share = random.below(shares.len());
                if let Some((_, share)) = shares.get_mut(share) {
                    share.push_str(&format!("{}:{index};", topic.name));
                }
            }
        }
        shares.into_iter().map(|(id, share)| (id, share.into_bytes())).collect()
    }

    fn hear(&mut self, request: &Request, answer: Option<&Answer>) {
        match (request, answer) {
            (Request::Join { .. }, Some(Answer::Group(Reply::Joined { generation_id, member_id, roster, .. }))) => {
                (self.member.generation, self.member.id) = (generation_id.0, member_id.clone());
                self.roster = roster.iter().map(|seen| seen.member_id.clone()).collect();
                self.step = Step::Joined;
            }
            (Request::Join { .. }, Some(Answer::Group(Reply::JoinRefused(id, error)))) => {
                self.member.id = if *error == GroupError::MemberIdRequired { id.clone() } else { String::new() };
            }
            (Request::Sync { .. }, Some(Answer::Group(Reply::Synced(_, _, assignment)))) => {
                self.assigned = partitions(assignment);
                self.positions.clear();
                self.step = Step::Resuming;
            }
            (Request::FetchOffsets { .. }, Some(Answer::Offsets(offsets))) => {
                let mine = |partition: &Partition| {
                    self.assigned.iter().any(|(topic, index)| (topic, index) == (&partition.topic, &partition.index))
                };
                self.positions = offsets.iter().filter(|(partition, _)| mine(partition)).cloned().collect();
                self.step = Step::Consuming;
            }
            (Request::Fetch { .. }, Some(Answer::Read(reads))) => {
                for read in reads.iter().filter(|read| !read.failed) {
                    let next = read.next;
                    let next = if read.in_range { next } else { read.log_start };
                    self.positions
                        .retain(|partition, _| (&partition.topic, partition.index) != (&read.partition.topic, read.partition.index));
                    self.positions.insert(read.partition.clone(), next);
                }
            }
            (Request::Heartbeat { .. }, Some(Answer::Group(Reply::Heartbeat(Ok(()))))) => {}
            (Request::Fetch { .. } | Request::Metadata, _) => {}
            (Request::Commit { .. }, Some(Answer::Group(Reply::Parts(Ok(_))))) => {}
            (Request::Leave { .. }, _) => self.member.id.clear(),
            (_, answer) => {
                self.step = Step::Outside;
                let unknown = [GroupError::UnknownMemberId, GroupError::FencedInstanceId];
                if let Some(Answer::Group(Reply::SyncRefused(error) | Reply::Heartbeat(Err(error)) | Reply::Parts(Err(error)))) = answer
                    && unknown.contains(error)
                {
                    self.member.id.clear();
                }
            }
        }
    }
}

/// What an assignment says.
pub(crate) fn partitions(assignment: &[u8]) -> Vec<(String, i32)> {
    let text = String::from_utf8_lossy(assignment);
    let parts = text.split_terminator(';').filter_map(|part| part.split_once(':'));
    parts.filter_map(|(topic, index)| Some((topic.to_owned(), index.parse().ok()?))).collect()
}
