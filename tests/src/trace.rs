//! Transcripts of a group: what clients ask, at which time, and everything that comes of it.
//!
//! A line says what happens, `t=<time> <client>: <verb> <arguments>`; the indented lines below it are produced by the run, and a run
//! that produces others fails. Empty lines and lines that begin with `#` are comments. Times are in ms, or end in `s`, `m`, `h`, `d`.
//!
//! | line | meaning |
//! |---|---|
//! | `config KEY=VALUE ...` | settings other than [`config`]'s: `size`, `delay`, `retention`, `check`, and `step`: bytes that one may write |
//! | `t=10s` | time passes |
//! | `a: join GROUP member= instance= session= rebalance= type= protocols= direct old` | `direct`: no id is required first; `old`: cannot skip an assignment |
//! | `a: sync GROUP member= instance= generation= type= protocol= assign=m1:x,m2:y` | |
//! | `a: heartbeat GROUP member= instance= generation=` | |
//! | `a: leave GROUP m1 m2@instance @instance` | |
//! | `a: commit GROUP member= instance= generation= expire= transaction= t-0=5 t-1=7:note` | `expire` after now; `transaction` of a producer id |
//! | `end PRODUCER commit`, `end PRODUCER abort` | the marker of a transaction is written |
//! | `a: delete-offsets GROUP t-0 t-1`, `a: delete-group GROUP`, `forget-topic t` | |
//! | `describe GROUP`, `offsets GROUP` | questions; an offset that an open transaction is about to change has a `?` |
//! | `restart`, `fail-next-append` | |
//!
//! Members are called m1, m2, ... in the order in which they were given their ids. A protocol is `range`, `range(t+u)` for a consumer's
//! subscription to t and u, or `range(=text)` for metadata of any kind.

use core::fmt::Write;
use std::collections::BTreeMap;

use millpond_core::group::config::GroupConfig;
use millpond_core::group::coordinator::{CoordinatorLimits, CoordinatorMemory};
use millpond_core::group::error::GroupError;
use millpond_core::group::input::{
    Caller, Commit, CommitPartition, DeleteGroup, DeleteOffsets, ForgetTopic, Heartbeat, Input, Join, Leave, LeavingMember,
    MemberAssignment, Protocol, Sync, TopicPartition,
};
use millpond_core::group::record::GroupRecord;
use millpond_core::group::view::Due;
use millpond_core::ids::{CallId, GenerationId, Offset, PartitionIndex, ProducerEpoch, ProducerId, TopicId};
use millpond_core::machine::Transaction;
use millpond_core::member::consumer_protocol::ConsumerProtocolSubscription;
use millpond_core::record::marker::Outcome as End;
use millpond_core::time::{Instant, Millis, Timestamp};
use millpond_core::wire::reader::Reader;
use millpond_core::wire::schema::Message;
use millpond_core::wire::value::Array;
use millpond_core::wire::writer::Writer;

use crate::group::{Driver, Outcome, Reply, WALL_START, read};

/// The settings that a transcript begins with: Kafka's, but for the size of a group's metadata that a reader can still take in.
#[must_use]
pub fn config() -> GroupConfig {
    GroupConfig { offset_metadata_max: 16, ..GroupConfig::default() }
}

/// Memory for a transcript that grows as needed.
#[must_use]
pub fn grown_memory() -> CoordinatorMemory<'static> {
    CoordinatorMemory::grown(CoordinatorLimits { groups: 1000, members: 1000, offsets: 10_000, partitions: 10_000, text_bytes: 1 << 20 })
}

/// Runs the script of a transcript and answers the whole transcript. `memory` makes the memory of a coordinator, anew after a restart.
///
/// # Panics
/// When the script cannot be read.
pub fn play<'m>(script: &str, mut memory: impl FnMut() -> CoordinatorMemory<'m>) -> String {
    let mut play = Play {
        driver: Driver::new(config(), memory()),
        clients: BTreeMap::new(),
        members: Vec::new(),
        due: String::new(),
        out: String::new(),
    };
    for line in script.lines().filter(|line| !line.starts_with(' ')) {
        play.out.push_str(line);
        play.out.push('\n');
        if !line.trim().is_empty() && !line.starts_with('#') {
            play.line(line, &mut memory);
        }
    }
    play.out
}

struct Play<'m> {
    driver: Driver<'m>,
    clients: BTreeMap<CallId, String>,
    members: Vec<String>,
    due: String,
    out: String,
}

/// The words of a line: plain ones, and those with a key.
struct Words<'l> {
    line: &'l str,
    plain: Vec<&'l str>,
    keyed: BTreeMap<&'l str, &'l str>,
}

impl<'l> Words<'l> {
    fn of(line: &'l str) -> Self {
        let mut words = Words { line, plain: Vec::new(), keyed: BTreeMap::new() };
        for word in line.split_whitespace() {
            match word.split_once('=') {
                Some((key, value)) => drop(words.keyed.insert(key, value)),
                None => words.plain.push(word),
            }
        }
        words
    }

    fn at(&self, index: usize) -> &'l str {
        self.plain.get(index).unwrap_or_else(|| panic!("a word is missing: {}", self.line))
    }

    fn has(&self, word: &str) -> bool {
        self.plain.contains(&word)
    }

    fn time(&self, key: &str, default: u64) -> Millis {
        Millis(self.keyed.get(key).map_or(default, |text| time(text)))
    }

    fn generation(&self) -> Option<GenerationId> {
        self.keyed.get("generation").map(|text| GenerationId(text.parse().expect("a generation")))
    }

    /// The partitions that are named with or without a value.
    fn partitions(&self) -> Vec<(&'l str, i32, &'l str)> {
        let words = self.line.split_whitespace().map(|word| word.split_once('=').unwrap_or((word, "")));
        let partition = |(name, value): (&'l str, &'l str)| {
            let (topic, number) = name.rsplit_once('-')?;
            Some((topic, number.parse().ok()?, value))
        };
        words.filter_map(partition).collect()
    }
}

fn time(text: &str) -> u64 {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let found = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let (number, factor) = found.unwrap_or((text, &1));
    number.parse::<u64>().unwrap_or_else(|_| panic!("not a time: {text}")) * factor
}

/// Stable for a name, so that a topic that is made again can be told apart by a suffix: `t#2`.
fn topic_id(topic: &str) -> TopicId {
    let mut id = [0; 16];
    for (place, byte) in id.iter_mut().zip(topic.bytes()) {
        *place = byte;
    }
    TopicId(id)
}

fn subscription(topics: &str) -> Vec<u8> {
    let topics: Vec<&str> = topics.split('+').filter(|topic| !topic.is_empty()).collect();
    let mut writer = Writer::growing();
    writer.put(&1i16.to_be_bytes());
    let subscription = ConsumerProtocolSubscription {
        topics: Array::Held(&topics),
        user_data: None,
        owned_partitions: Array::default(),
        generation_id: -1,
        rack_id: None,
    };
    subscription.encode(&mut writer, 1);
    writer.bytes().to_vec()
}

fn metadata(bytes: &[u8]) -> String {
    let mut reader = Reader::new(bytes);
    let parsed = reader
        .array()
        .ok()
        .and_then(|version: [u8; 2]| (version == [0, 1]).then(|| ConsumerProtocolSubscription::decode_from(&mut reader, 1).ok()).flatten());
    match parsed {
        Some(subscription) => subscription.topics.iter().collect::<Vec<_>>().join("+"),
        None => format!("={}", String::from_utf8_lossy(bytes)),
    }
}

/// Protocols as `range(t+u),roundrobin(=text)`.
fn protocols(text: &str) -> Vec<(String, Vec<u8>)> {
    let one = |word: &str| {
        let (name, said) = word.strip_suffix(')').and_then(|word| word.split_once('(')).unwrap_or((word, "t"));
        (name.to_owned(), said.strip_prefix('=').map_or_else(|| subscription(said), |raw| raw.as_bytes().to_vec()))
    };
    text.split(',').filter(|word| !word.is_empty()).map(one).collect()
}

/// Kafka's name of an error.
#[must_use]
pub fn error_name(error: GroupError) -> &'static str {
    match error {
        GroupError::InvalidGroupId => "INVALID_GROUP_ID",
        GroupError::InvalidSessionTimeout { .. } => "INVALID_SESSION_TIMEOUT",
        GroupError::UnknownMemberId => "UNKNOWN_MEMBER_ID",
        GroupError::MemberIdRequired => "MEMBER_ID_REQUIRED",
        GroupError::FencedInstanceId => "FENCED_INSTANCE_ID",
        GroupError::IllegalGeneration => "ILLEGAL_GENERATION",
        GroupError::RebalanceInProgress => "REBALANCE_IN_PROGRESS",
        GroupError::InconsistentProtocol => "INCONSISTENT_GROUP_PROTOCOL",
        GroupError::GroupFull => "GROUP_MAX_SIZE_REACHED",
        GroupError::GroupNotFound => "GROUP_ID_NOT_FOUND",
        GroupError::NonEmptyGroup => "NON_EMPTY_GROUP",
        GroupError::SubscribedToTopic => "GROUP_SUBSCRIBED_TO_TOPIC",
        GroupError::MetadataTooLarge => "OFFSET_METADATA_TOO_LARGE",
        GroupError::CommitTooLarge => "INVALID_COMMIT_OFFSET_SIZE",
        GroupError::InvalidRequest(_) => "INVALID_REQUEST",
        GroupError::UnsupportedAssignor => "UNSUPPORTED_ASSIGNOR",
        GroupError::FencedMemberEpoch { .. } => "FENCED_MEMBER_EPOCH",
        GroupError::StaleMemberEpoch { .. } => "STALE_MEMBER_EPOCH",
        GroupError::EpochsUnknown => "UNSUPPORTED_VERSION",
        GroupError::UnreleasedInstanceId => "UNRELEASED_INSTANCE_ID",
        GroupError::InvalidPattern => "INVALID_REGULAR_EXPRESSION",
        GroupError::Assignor(_) => "UNKNOWN_SERVER_ERROR",
    }
}

impl<'m> Play<'m> {
    fn line(&mut self, line: &str, memory: &mut impl FnMut() -> CoordinatorMemory<'m>) {
        let (now, rest) = match line.strip_prefix("t=") {
            Some(rest) => {
                let (now, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                (Instant(time(now)), rest.trim())
            }
            None => (self.driver.at.now, line),
        };
        assert!(now >= self.driver.at.now, "time runs backwards: {line}");
        self.advance(now);
        let (client, rest) = rest.split_once(": ").unwrap_or(("", rest));
        let words = Words::of(rest);
        match words.plain.first().copied().unwrap_or_default() {
            "" => {}
            "config" => self.configure(&words),
            "restart" => {
                self.driver.restart(memory());
                self.clients.clear();
            }
            "fail-next-append" => self.driver.fail_next_append = true,
            "describe" => self.describe(words.at(1)),
            "offsets" => self.offsets(words.at(1)),
            "forget-topic" => self.forget_topic(words.at(1)),
            "end" => {
                let outcome = if words.at(2) == "commit" { End::Commit } else { End::Abort };
                self.driver.end_transaction(ProducerId(words.at(1).parse().expect("a producer id")), outcome);
            }
            _ => self.ask(client, &words),
        }
        self.print_due();
    }

    fn advance(&mut self, now: Instant) {
        let mut seen = Vec::new();
        self.driver.advance(now, |driver, outcome| seen.push((driver.at.now, outcome)));
        for (at, outcome) in seen {
            if outcome != Outcome::default() {
                let _ = writeln!(self.out, "   at    t={}", at.0);
                self.print(&outcome);
            }
        }
    }

    fn configure(&mut self, words: &Words<'_>) {
        let mut config = *self.driver.coordinator.config();
        for (key, value) in &words.keyed {
            match *key {
                "step" => self.driver.bound_records(value.parse().expect("a number")),
                "size" => config.size_max = value.parse().expect("a number"),
                "delay" => config.initial_rebalance_delay = Millis(time(value)),
                "retention" => config.offsets_retention = Millis(time(value)),
                "check" => config.offsets_retention_check_interval = Millis(time(value)),
                _ => panic!("no such setting: {key}"),
            }
        }
        self.driver.coordinator.configure(config);
    }

    fn ask(&mut self, client: &str, words: &Words<'_>) {
        let call = self.driver.call();
        self.clients.insert(call, client.to_owned());
        let group_id = match words.plain.get(1).copied() {
            Some("''") => "",
            group_id => group_id.unwrap_or_default(),
        };
        let member_id = self.real(words.keyed.get("member").copied().unwrap_or_default());
        let caller = Caller { call, group_id, member_id: &member_id, group_instance_id: words.keyed.get("instance").copied() };
        let outcome = match words.at(0) {
            "join" => self.join(client, caller, words),
            "sync" => self.sync(caller, words),
            "heartbeat" => {
                self.driver.step(Input::Heartbeat(Heartbeat { caller, generation_id: words.generation().unwrap_or(GenerationId(-1)) }))
            }
            "leave" => self.leave(call, group_id, words),
            "commit" => self.commit(caller, words),
            "delete-offsets" => {
                let partitions = words.partitions();
                let partitions: Vec<_> = partitions
                    .iter()
                    .map(|(topic, partition, _)| TopicPartition { topic, partition: PartitionIndex(*partition) })
                    .collect();
                self.driver.step(Input::DeleteOffsets(DeleteOffsets { call, group_id, partitions: &partitions }))
            }
            "delete-group" => self.driver.step(Input::DeleteGroup(DeleteGroup { call, group_id })),
            verb => panic!("no such verb: {verb}"),
        };
        self.print(&outcome);
        if self.driver.parked.contains(&call) {
            let _ = writeln!(self.out, "   parked {client}");
        }
    }

    fn join(&mut self, client: &str, caller: Caller<'_>, words: &Words<'_>) -> Outcome {
        let offered = protocols(words.keyed.get("protocols").unwrap_or(&"range"));
        let offered: Vec<_> = offered.iter().map(|(name, metadata)| Protocol { name, metadata }).collect();
        let suffix = caller.call.0.to_string();
        self.driver.step(Input::Join(Join {
            caller,
            client_id: client,
            client_host: "/192.0.2.1",
            session_timeout: words.time("session", 10_000),
            rebalance_timeout: words.time("rebalance", 60_000),
            protocol_type: words.keyed.get("type").unwrap_or(&"consumer"),
            protocols: &offered,
            id_required: !words.has("direct"),
            may_skip_assignment: !words.has("old"),
            id_suffix: &suffix,
        }))
    }

    fn sync(&mut self, caller: Caller<'_>, words: &Words<'_>) -> Outcome {
        let given = words.keyed.get("assign").copied().unwrap_or_default();
        let given = given.split(',').filter_map(|word| word.split_once(':'));
        let given: Vec<_> = given.map(|(member, assignment)| (self.real(member), assignment)).collect();
        let assignments: Vec<_> =
            given.iter().map(|(member_id, assignment)| MemberAssignment { member_id, assignment: assignment.as_bytes() }).collect();
        self.driver.step(Input::Sync(Sync {
            caller,
            generation_id: words.generation().unwrap_or(GenerationId(-1)),
            protocol_type: words.keyed.get("type").copied(),
            protocol_name: words.keyed.get("protocol").copied(),
            assignments: &assignments,
        }))
    }

    fn leave(&mut self, call: CallId, group_id: &str, words: &Words<'_>) -> Outcome {
        let leaving = words.plain.iter().skip(2).map(|word| match word.split_once('@') {
            Some((member, instance)) => (self.real(member), Some(instance)),
            None => (self.real(word), None),
        });
        let leaving: Vec<_> = leaving.collect();
        let members: Vec<_> = leaving
            .iter()
            .map(|(member_id, group_instance_id)| LeavingMember { member_id, group_instance_id: *group_instance_id })
            .collect();
        self.driver.step(Input::Leave(Leave { call, group_id, members: &members }))
    }

    fn commit(&mut self, caller: Caller<'_>, words: &Words<'_>) -> Outcome {
        let partitions = words.partitions();
        let partitions: Vec<_> = partitions
            .iter()
            .map(|(topic, partition, value)| {
                let (offset, metadata) = value.split_once(':').unwrap_or((value, ""));
                let name = topic.split('#').next().unwrap_or_default();
                CommitPartition {
                    topic: name,
                    topic_id: topic_id(topic),
                    partition: PartitionIndex(*partition),
                    offset: Offset(offset.parse().expect("an offset")),
                    leader_epoch: None,
                    metadata,
                }
            })
            .collect();
        let expire = words.keyed.get("expire").map(|text| self.driver.at.wall.after(Millis(time(text))));
        let producer = words.keyed.get("transaction").map(|id| ProducerId(id.parse().expect("a producer id")));
        let transaction = producer.map(|producer_id| Transaction { producer_id, producer_epoch: ProducerEpoch(0) });
        let generation_id = words.generation();
        let commit = Commit { caller, generation_id, knows_epochs: true, transaction, expire_timestamp: expire, partitions: &partitions };
        self.driver.step(Input::Commit(commit))
    }

    fn forget_topic(&mut self, topic: &str) {
        let mut from = 0;
        while let Some(group) = self.driver.coordinator.next_group(from) {
            from = group.index() + 1;
            let name = topic.split('#').next().unwrap_or_default();
            let outcome = self.driver.step(Input::ForgetTopic(ForgetTopic { group, topic: name, topic_id: topic_id(topic) }));
            self.print(&outcome);
        }
    }

    /// The id of a member that is called `m1`; other names are ids themselves.
    fn real(&self, name: &str) -> String {
        let number = name.strip_prefix('m').and_then(|digits| digits.parse::<usize>().ok());
        let known = number.and_then(|number| self.members.get(number.checked_sub(1)?));
        known.map_or_else(|| name.to_owned(), Clone::clone)
    }

    fn called(&mut self, id: &str) -> String {
        // Ids that were made here end in the number of their call; others stand for themselves.
        if id.is_empty() || !id.contains('-') {
            return id.to_owned();
        }
        let place = self.members.iter().position(|known| known == id).unwrap_or_else(|| {
            self.members.push(id.to_owned());
            self.members.len() - 1
        });
        format!("m{}", place + 1)
    }

    fn print(&mut self, outcome: &Outcome) {
        for (call, reply) in &outcome.replies {
            let client = self.clients.get(call).cloned().unwrap_or_default();
            let said = self.said(reply);
            let _ = writeln!(self.out, "   reply {client}: {said}");
        }
        for record in &outcome.records {
            let written = self.written(&read(record));
            let _ = writeln!(self.out, "   record {written}");
        }
        if outcome.lost {
            self.out.push_str("   record lost\n");
        }
    }

    fn said(&mut self, reply: &Reply) -> String {
        match reply {
            Reply::Joined { generation_id, protocol_type, protocol_name, leader, member_id, roster, skip_assignment } => {
                let member = self.called(member_id);
                let leader = self.called(leader);
                let mut said = format!(
                    "joined member={member} generation={generation_id} protocol={}/{} leader={leader}",
                    protocol_type.as_deref().unwrap_or("-"),
                    protocol_name.as_deref().unwrap_or("-")
                );
                let roster: Vec<_> = roster
                    .iter()
                    .map(|seen| {
                        let instance = seen.group_instance_id.as_ref().map_or_else(String::new, |instance| format!("@{instance}"));
                        format!("{}{instance}({})", self.called(&seen.member_id), metadata(&seen.metadata))
                    })
                    .collect();
                if !roster.is_empty() {
                    let _ = write!(said, " members={}", roster.join(","));
                }
                if *skip_assignment {
                    said.push_str(" skip-assignment");
                }
                said
            }
            Reply::JoinRefused(member_id, error) => format!("{} member={}", error_name(*error), self.called(member_id)),
            Reply::Synced(protocol_type, protocol_name, assignment) => format!(
                "synced protocol={}/{} assignment={}",
                protocol_type.as_deref().unwrap_or("-"),
                protocol_name.as_deref().unwrap_or("-"),
                String::from_utf8_lossy(assignment)
            ),
            Reply::SyncRefused(error) => error_name(*error).to_owned(),
            Reply::Heartbeat(result) | Reply::Deleted(result) => result.map_or_else(error_name, |()| "NONE").to_owned(),
            Reply::Parts(Err(error)) => error_name(*error).to_owned(),
            Reply::Parts(Ok(parts)) => parts.iter().map(|part| part.map_or("NONE", error_name)).collect::<Vec<_>>().join(" "),
            Reply::Consumer(result) => result.map_or_else(error_name, |_| "NONE").to_owned(),
            Reply::NotWritten => "not written".to_owned(),
        }
    }

    fn written(&mut self, record: &GroupRecord<'_>) -> String {
        match record {
            GroupRecord::Offset { group, topic, partition, commit, transaction } => {
                let mut text = format!("offset {group} {topic}-{partition}={}", commit.offset);
                if !commit.metadata.is_empty() {
                    let _ = write!(text, ":{}", commit.metadata);
                }
                if let Some(producer_id) = transaction {
                    let _ = write!(text, " transaction={producer_id}");
                }
                if let Some(expire) = commit.expire_timestamp {
                    let _ = write!(text, " expires={}", since_start(expire));
                }
                text
            }
            GroupRecord::OffsetDeleted { group, topic, partition } => format!("offset {group} {topic}-{partition} deleted"),
            GroupRecord::Group { group, image } => {
                let mut text = format!("group {group} generation={}", image.generation_id);
                let mut members = Vec::new();
                image.members.for_each(|member| {
                    let instance = member.group_instance_id.map_or_else(String::new, |instance| format!("@{instance}"));
                    let assignment = String::from_utf8_lossy(member.assignment).into_owned();
                    members.push(format!("{}{instance}({})={assignment}", self.called(member.member_id), metadata(member.subscription)));
                });
                if let Some(leader) = image.leader {
                    let _ = write!(text, " protocol={} leader={}", image.protocol.unwrap_or("-"), self.called(leader));
                }
                if !members.is_empty() {
                    let _ = write!(text, " members={}", members.join(","));
                }
                text
            }
            GroupRecord::GroupDeleted { group } => format!("group {group} deleted"),
            GroupRecord::Consumer { group, kind, record } => format!("{kind:?} group {group} {record:?}"),
            GroupRecord::TransactionEnded { .. } | GroupRecord::Foreign => "foreign".to_owned(),
        }
    }

    fn describe(&mut self, group_id: &str) {
        let Some(view) = self.driver.coordinator.group(group_id) else {
            self.out.push_str("   group Dead\n");
            return;
        };
        let mut text =
            format!("{} generation={} protocol={}/{}", view.state().name(), view.generation_id(), view.protocol_type(), view.protocol());
        let leader = view.leader().to_owned();
        let members: Vec<_> = view
            .members()
            .map(|member| {
                let instance = member.group_instance_id.map_or_else(String::new, |instance| format!("@{instance}"));
                let rest = format!("{instance}({})={}", metadata(member.metadata), String::from_utf8_lossy(member.assignment));
                (member.member_id.to_owned(), rest)
            })
            .collect();
        let _ = write!(text, " leader={}", self.called(&leader));
        for (member, rest) in members {
            let _ = write!(text, " {}{rest}", self.called(&member));
        }
        let _ = writeln!(self.out, "   group {text}");
    }

    fn offsets(&mut self, group_id: &str) {
        let Some(view) = self.driver.coordinator.group(group_id) else {
            self.out.push_str("   offsets none\n");
            return;
        };
        let mut text = String::new();
        for (topic, partition, stored) in view.offsets() {
            let _ = write!(text, " {topic}-{partition}={}", stored.offset);
            if !stored.metadata.is_empty() {
                let _ = write!(text, ":{}", stored.metadata);
            }
            if self.driver.coordinator.is_unstable(group_id, topic, partition) {
                text.push('?');
            }
        }
        let _ = writeln!(self.out, "   offsets{}", if text.is_empty() { " none" } else { &text });
    }

    /// Says what is due next, if that has changed.
    fn print_due(&mut self) {
        let next = self.driver.coordinator.next_due().map(|(due, what)| {
            let what = match what {
                Due::Session { member_id, .. } => Err(("session", member_id.to_owned())),
                Due::Pending { member_id, .. } => Err(("pending", member_id.to_owned())),
                Due::Round { group_id } => Ok(format!("round {group_id}")),
                Due::Expiry => Ok("expiry".to_owned()),
            };
            (due, what)
        });
        let due = next.map_or_else(String::new, |(due, what)| {
            let what = what.unwrap_or_else(|(what, member_id)| format!("{what} {}", self.called(&member_id)));
            format!("t={} {what}", due.0)
        });
        if due != self.due && !due.is_empty() {
            let _ = writeln!(self.out, "   due   {due}");
        }
        self.due = due;
    }
}

fn since_start(timestamp: Timestamp) -> i64 {
    timestamp.0 - WALL_START
}
