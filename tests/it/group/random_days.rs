//! Random days of groups: many members, right and wrong calls, time that jumps, restarts, and writes that fail. What must hold, holds
//! after every step; and when everybody behaves again, the group gets stable, and when everybody is gone, nothing is left.

#![expect(clippy::indexing_slicing, reason = "a client that does not exist is a broken test, and shall stop it")]

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::group::classic::state::State;
use millpond_core::group::config::GroupConfig;
use millpond_core::group::coordinator::{Coordinator, CoordinatorLimits, CoordinatorMemory};
use millpond_core::group::error::GroupError;
use millpond_core::group::input::{
    Caller, Commit, CommitPartition, DeleteGroup, DeleteOffsets, ForgetTopic, Heartbeat, Input, Join, Leave, LeavingMember,
    MemberAssignment, Protocol, Sync, TopicPartition,
};
use millpond_core::group::record::GroupRecord;
use millpond_core::ids::{CallId, GenerationId, Offset, PartitionIndex, TopicId};
use millpond_core::machine::Machine;
use millpond_core::time::{Instant, Millis};
use millpond_tests::group::{Driver, Outcome, Reply, Seen, read};
use millpond_tests::random::Random;

const GROUPS: [&str; 3] = ["g", "h", ""];
const PARTITIONS: usize = 8;

/// How much memory a day has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Plenty,
    Scarce,
}

fn memory(room: Room) -> CoordinatorMemory<'static> {
    match room {
        Room::Plenty => {
            CoordinatorMemory::grown(CoordinatorLimits { groups: 100, members: 100, offsets: 1000, partitions: 100, text_bytes: 1 << 20 })
        }
        Room::Scarce => CoordinatorMemory::grown(CoordinatorLimits { groups: 2, members: 5, offsets: 6, partitions: 4, text_bytes: 420 }),
    }
}

/// A client and what it believes.
#[derive(Clone, Debug, Default)]
struct Client {
    group: &'static str,
    instance: Option<&'static str>,
    member_id: String,
    generation: i32,
    /// What it would assign if it leads.
    roster: Vec<Seen>,
    /// What its last answer was.
    step: Step,
    call: Option<CallId>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Outside,
    Joined,
    Synced,
}

/// What was asked with a call.
#[derive(Clone, Debug)]
struct Asked {
    client: usize,
    group: &'static str,
    generation: i32,
    member_id: String,
    commits: Vec<(usize, i64)>,
}

struct Day {
    seed: u64,
    room: Room,
    /// Whether an image of many members does not fit into one step.
    cramped: bool,
    random: Random,
    driver: Driver<'static>,
    clients: Vec<Client>,
    asked: BTreeMap<CallId, Asked>,
    /// What was committed, as answers and deletions have it.
    offsets: BTreeMap<(String, i32), i64>,
    /// By group and generation, the mark of the assignment that everybody must see.
    marks: BTreeMap<(String, i32), u8>,
    /// By group, generation and partition, who was given it: an instance id or a member id.
    holders: BTreeMap<(String, i32, u8), String>,
    /// Groups whose last image could not be written: the log knows less of them.
    behind: BTreeSet<String>,
    next_mark: u8,
}

impl Day {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let room = if random.once_in(3) { Room::Scarce } else { Room::Plenty };
        let config = GroupConfig {
            initial_rebalance_delay: Millis(*random.pick(&[0, 3000])),
            size_max: *random.pick(&[2, 4, 100]),
            offset_metadata_max: 8,
            offsets_retention: Millis(7_200_000),
            offsets_partition_count: 4,
            ..GroupConfig::default()
        };
        let instances = [None, None, None, Some("i"), Some("i"), Some("j")];
        let clients = (0..6).map(|_| Client {
            group: if random.once_in(4) { GROUPS[1] } else { GROUPS[0] },
            instance: *random.pick(&instances),
            ..Client::default()
        });
        let clients = clients.collect();
        let driver = Driver::new(config, memory(room));
        let cramped = random.once_in(8);
        let driver = if cramped { driver.with_record_bytes_max(300) } else { driver };
        let (asked, offsets, marks, holders, behind) = Default::default();
        Self { seed, room, cramped, random, driver, clients, asked, offsets, marks, holders, behind, next_mark: 0 }
    }

    fn ask(&mut self, client: usize, commits: Vec<(usize, i64)>) -> (CallId, Client) {
        let call = self.driver.call();
        let asking = self.clients[client].clone();
        let (group, generation, member_id) = (asking.group, asking.generation, asking.member_id.clone());
        self.asked.insert(call, Asked { client, group, generation, member_id, commits });
        (call, asking)
    }

    /// Something that anybody might ask, with now and then something wrong in it.
    fn act(&mut self) {
        let client = self.random.below(self.clients.len());
        if self.random.once_in(25) {
            let stranger = self.random.pick(&["", "bogus"]).to_string();
            self.clients[client].member_id = stranger;
        }
        if self.random.once_in(30) {
            self.clients[client].generation += 1;
        }
        match self.random.below(24) {
            0..7 => self.join(client, true),
            7..12 => self.sync(client),
            12..15 => self.heartbeat(client),
            15 | 16 => self.leave(client),
            17..20 => self.commit(client),
            20 => self.administrate(),
            21 => self.driver.fail_next_append = self.room == Room::Plenty,
            22 if self.random.once_in(3) => self.restart(),
            _ => {
                let span = *self.random.pick(&[1, 1, 100, 3000, 7000, 61_000, 400_000]);
                self.advance(span);
            }
        }
    }

    fn join(&mut self, client: usize, wild: bool) {
        let wild = wild && self.random.once_in(3);
        let (call, asking) = self.ask(client, Vec::new());
        let offers: &[&[(&str, &[u8])]] = &[
            &[("range", b"m")],
            &[("range", b"n")],
            &[("range", b"m"), ("sticky", b"")],
            &[("sticky", b"s"), ("range", b"")],
            &[("range", b"m"), ("range", b"n")],
            &[("other", b"o")],
            &[],
        ];
        let offer = if wild { *self.random.pick(offers) } else { offers[0] };
        let protocols: Vec<_> = offer.iter().map(|(name, metadata)| Protocol { name, metadata }).collect();
        let suffix = call.0.to_string();
        let outcome = self.driver.step(Input::Join(Join {
            caller: Caller { call, group_id: asking.group, member_id: &asking.member_id, group_instance_id: asking.instance },
            client_id: "client",
            client_host: "/::1",
            session_timeout: Millis(*self.random.pick(&[6000, 10_000])),
            rebalance_timeout: Millis(*self.random.pick(&[5000, 60_000])),
            protocol_type: if wild && self.random.once_in(6) { "connect" } else { "consumer" },
            protocols: &protocols,
            id_required: self.random.once_in(2),
            may_skip_assignment: self.random.once_in(2),
            id_suffix: &suffix,
        }));
        self.clients[client].call = Some(call);
        self.see(outcome);
    }

    fn sync(&mut self, client: usize) {
        let (call, asking) = self.ask(client, Vec::new());
        self.next_mark = self.next_mark.wrapping_add(1);
        let mut shares: Vec<(String, Vec<u8>)> = asking.roster.iter().map(|seen| (seen.member_id.clone(), vec![self.next_mark])).collect();
        for partition in 0..PARTITIONS {
            let share = self.random.below(shares.len());
            if let Some((_, share)) = shares.get_mut(share) {
                share.push(u8::try_from(partition).expect("few partitions"));
            }
        }
        let assignments: Vec<_> = shares.iter().map(|(member_id, assignment)| MemberAssignment { member_id, assignment }).collect();
        let outcome = self.driver.step(Input::Sync(Sync {
            caller: Caller { call, group_id: asking.group, member_id: &asking.member_id, group_instance_id: asking.instance },
            generation_id: GenerationId(asking.generation),
            protocol_type: None,
            protocol_name: None,
            assignments: &assignments,
        }));
        self.clients[client].call = Some(call);
        self.see(outcome);
    }

    fn heartbeat(&mut self, client: usize) {
        let (call, asking) = self.ask(client, Vec::new());
        let caller = Caller { call, group_id: asking.group, member_id: &asking.member_id, group_instance_id: asking.instance };
        let outcome = self.driver.step(Input::Heartbeat(Heartbeat { caller, generation_id: GenerationId(asking.generation) }));
        self.see(outcome);
    }

    fn leave(&mut self, client: usize) {
        let (call, asking) = self.ask(client, Vec::new());
        let member_id = if self.random.once_in(3) { "" } else { &asking.member_id };
        let one = LeavingMember { member_id, group_instance_id: asking.instance };
        let members = [one, LeavingMember { member_id: "bogus", group_instance_id: None }, one];
        let count = 1 + self.random.below(3);
        let outcome = self.driver.step(Input::Leave(Leave { call, group_id: asking.group, members: &members[..count] }));
        self.see(outcome);
    }

    fn commit(&mut self, client: usize) {
        let mut commits = Vec::new();
        for _ in 0..=self.random.below(2) {
            let partition = self.random.below(PARTITIONS);
            commits.push((partition, i64::try_from(self.random.below(1000)).expect("small")));
        }
        let (call, asking) = self.ask(client, commits.clone());
        let simple = self.random.once_in(4);
        let group_id = if simple { *self.random.pick(&GROUPS) } else { asking.group };
        if let Some(asked) = self.asked.get_mut(&call) {
            asked.group = group_id;
        }
        let metadata = if self.random.once_in(6) { "too long for the limit" } else { "note" };
        let partitions: Vec<_> = commits
            .iter()
            .map(|(partition, offset)| CommitPartition {
                topic: "t",
                topic_id: TopicId::ZERO,
                partition: PartitionIndex(i32::try_from(*partition).expect("few partitions")),
                offset: Offset(*offset),
                leader_epoch: None,
                metadata,
            })
            .collect();
        let outcome = self.driver.step(Input::Commit(Commit {
            caller: Caller {
                call,
                group_id,
                member_id: if simple { "" } else { &asking.member_id },
                group_instance_id: asking.instance.filter(|_| !simple),
            },
            generation_id: (!simple).then_some(GenerationId(asking.generation)),
            knows_epochs: true,
            transaction: None,
            expire_timestamp: self.random.once_in(8).then_some(self.driver.at.wall.after(Millis(600_000))),
            partitions: &partitions,
        }));
        self.see(outcome);
    }

    fn administrate(&mut self) {
        let (call, _) = self.ask(0, Vec::new());
        let group_id = *self.random.pick(&GROUPS);
        let outcome = match self.random.below(3) {
            0 => self.driver.step(Input::DeleteGroup(DeleteGroup { call, group_id })),
            1 => {
                let partitions = [
                    TopicPartition { topic: "t", partition: PartitionIndex(0) },
                    TopicPartition { topic: "u", partition: PartitionIndex(0) },
                ];
                self.driver.step(Input::DeleteOffsets(DeleteOffsets { call, group_id, partitions: &partitions }))
            }
            _ => {
                self.driver.parked.remove(&call);
                let Some(group) = self.driver.coordinator.next_group(0) else { return };
                self.driver.step(Input::ForgetTopic(ForgetTopic { group, topic: "t", topic_id: TopicId::ZERO }))
            }
        };
        self.see(outcome);
    }

    fn restart(&mut self) {
        self.driver.restart(memory(self.room));
        self.behind.clear();
        for client in &mut self.clients {
            client.call = None;
        }
        self.check();
    }

    fn advance(&mut self, span: u64) {
        let mut outcomes = Vec::new();
        self.driver.advance(self.driver.at.now.after(Millis(span)), |_, outcome| outcomes.push(outcome));
        for outcome in outcomes {
            self.believe(outcome);
        }
        self.check();
    }

    fn see(&mut self, outcome: Outcome) {
        self.believe(outcome);
        self.check();
    }

    fn believe(&mut self, outcome: Outcome) {
        if outcome.lost {
            self.behind.extend(GROUPS.map(str::to_owned));
        }
        for record in &outcome.records {
            match read(record) {
                GroupRecord::OffsetDeleted { group, partition, .. } => {
                    assert!(self.offsets.remove(&(group.to_owned(), partition.0)).is_some(), "only what is there is deleted");
                }
                GroupRecord::Group { group, .. } => drop(self.behind.remove(group)),
                GroupRecord::GroupDeleted { group } => {
                    self.marks.retain(|(of, _), _| of != group);
                    self.holders.retain(|(of, _, _), _| of != group);
                }
                GroupRecord::Offset { .. } | GroupRecord::TransactionEnded { .. } | GroupRecord::Consumer { .. } | GroupRecord::Foreign => {
                }
            }
        }
        for (call, reply) in outcome.replies {
            let asked = self.asked.remove(&call).expect("a call that was asked");
            self.hear(call, &asked, reply);
        }
    }

    fn hear(&mut self, call: CallId, asked: &Asked, reply: Reply) {
        let seed = self.seed;
        // Who has asked again since hears nothing more of the call before.
        let current = self.clients[asked.client].call == Some(call);
        let group = self.driver.coordinator.group(asked.group);
        match reply {
            Reply::Joined { generation_id, member_id, leader, roster, .. } => {
                assert!(roster.is_empty() || roster.iter().any(|seen| seen.member_id == member_id), "seed {seed}: a leader is a member");
                assert!(roster.is_empty() || leader == member_id, "seed {seed}: only a leader is told the members");
                if current {
                    let client = &mut self.clients[asked.client];
                    (client.generation, client.member_id, client.roster, client.step) = (generation_id.0, member_id, roster, Step::Joined);
                }
            }
            Reply::JoinRefused(member_id, error) => {
                assert!(error != GroupError::MemberIdRequired || !member_id.is_empty(), "seed {seed}: a required id is given");
                if current {
                    let client = &mut self.clients[asked.client];
                    client.step = Step::Outside;
                    client.member_id = if error == GroupError::MemberIdRequired { member_id } else { String::new() };
                }
            }
            Reply::Synced(_, _, assignment) => {
                if let Some(mark) = assignment.first() {
                    let known = *self.marks.entry((asked.group.to_owned(), asked.generation)).or_insert(*mark);
                    assert_eq!(known, *mark, "seed {seed}: one assignment for each generation");
                }
                let who = self.clients[asked.client].instance.unwrap_or(&asked.member_id);
                for partition in assignment.iter().skip(1) {
                    let place = (asked.group.to_owned(), asked.generation, *partition);
                    let holder = self.holders.entry(place).or_insert_with(|| who.to_owned());
                    assert_eq!(holder, who, "seed {seed}: a partition has one owner in a generation");
                }
                if current {
                    self.clients[asked.client].step = Step::Synced;
                }
            }
            Reply::SyncRefused(error) | Reply::Heartbeat(Err(error)) => {
                let client = &mut self.clients[asked.client];
                if client.member_id == asked.member_id && client.generation == asked.generation && client.step != Step::Outside {
                    client.step = Step::Outside;
                    if matches!(error, GroupError::UnknownMemberId | GroupError::FencedInstanceId) {
                        client.member_id = String::new();
                    }
                }
            }
            Reply::Heartbeat(Ok(())) => {
                let group = group.expect("the group of a member");
                assert_eq!(group.generation_id().0, asked.generation, "seed {seed}: only the current generation lives");
                assert!(group.members().any(|member| member.member_id == asked.member_id), "seed {seed}: only members live");
            }
            Reply::Parts(Ok(parts)) => {
                for ((partition, offset), _) in asked.commits.iter().zip(parts).filter(|(_, error)| error.is_none()) {
                    self.offsets.insert((asked.group.to_owned(), i32::try_from(*partition).expect("few partitions")), *offset);
                }
            }
            Reply::Parts(Err(_)) | Reply::Deleted(_) => {}
            Reply::Consumer(_) => panic!("nobody here is in a consumer group"),
            Reply::NotWritten => {
                if current {
                    self.clients[asked.client].step = Step::Outside;
                }
            }
        }
    }

    fn check(&self) {
        let seed = self.seed;
        let coordinator = &self.driver.coordinator;
        let waiting: BTreeSet<_> = coordinator.waiting().collect();
        assert_eq!(waiting, self.driver.parked, "seed {seed}: who waits is known to the machine");
        assert!(waiting.is_empty() || coordinator.poll_timeout().is_some(), "seed {seed}: who waits has a deadline");
        assert_eq!(offsets(coordinator), self.offsets, "seed {seed}: offsets are what was committed");
    }

    /// What the log says is what is believed.
    fn reload(&self) {
        let seed = self.seed;
        let mut fresh = Driver::new(*self.driver.coordinator.config(), memory(Room::Plenty));
        fresh.log.clone_from(&self.driver.log);
        fresh.restart(memory(Room::Plenty));
        assert_eq!(offsets(&fresh.coordinator), self.offsets, "seed {seed}: offsets survive");
        for view in self.driver.coordinator.views().filter(|view| !self.behind.contains(view.group_id())) {
            let stored = fresh.coordinator.group(view.group_id()).unwrap_or_else(|| panic!("seed {seed}: a group survives"));
            if view.state() == State::Empty || view.state() == State::Stable {
                assert_eq!((stored.generation_id(), stored.protocol_type()), (view.generation_id(), view.protocol_type()), "seed {seed}");
            }
            if view.state() == State::Stable && self.driver.coordinator.config().size_max >= view.members().count() {
                assert_eq!(
                    (stored.state(), stored.leader(), stored.protocol()),
                    (State::Stable, view.leader(), view.protocol()),
                    "seed {seed}"
                );
                let mut members: Vec<_> = view.members().collect();
                let mut reloaded: Vec<_> = stored.members().collect();
                members.sort_by_key(|member| member.member_id);
                reloaded.sort_by_key(|member| member.member_id);
                assert_eq!(members, reloaded, "seed {seed}: members survive");
            }
        }
    }

    /// Everybody behaves: within a few minutes all of them are in one stable generation.
    fn calm_down(&mut self) {
        let seed = self.seed;
        self.driver.fail_next_append = false;
        self.driver.coordinator.configure(GroupConfig { size_max: 100, ..*self.driver.coordinator.config() });
        for (number, client) in self.clients.iter_mut().enumerate() {
            *client = Client { group: "g", instance: [Some("i"), Some("j")].get(number).copied().flatten(), ..Client::default() };
        }
        // Who has no room in a scarce day has none in a calm one either.
        let active = if self.room == Room::Scarce { 2 } else { self.clients.len() };
        // New members may have been left waiting for 5 min, and nobody commits to other groups any more.
        for _ in 0..700 {
            for client in 0..active {
                let waits = self.clients[client].call.is_some_and(|call| self.driver.parked.contains(&call));
                match self.clients[client].step {
                    _ if waits => {}
                    Step::Outside => self.join(client, false),
                    Step::Joined => self.sync(client),
                    Step::Synced => self.heartbeat(client),
                }
            }
            self.advance(1000);
        }
        if self.room == Room::Scarce || self.cramped {
            return;
        }
        let group = self.driver.coordinator.group("g").expect("the group");
        assert_eq!(group.state(), State::Stable, "seed {seed}: {:?}", self.clients);
        assert_eq!(group.members().count(), self.clients.len(), "seed {seed}: everybody has a seat, and nobody else");
        for client in &self.clients {
            assert_eq!((client.step, client.generation), (Step::Synced, group.generation_id().0), "seed {seed}: {client:?}");
        }
    }

    /// Everybody is gone: sessions end, offsets expire, and nothing is left.
    fn fall_silent(&mut self) {
        self.advance(3_600_000 * 5);
        assert_eq!(self.driver.coordinator.next_group(0), None, "seed {}: nothing is left", self.seed);
        assert!(self.driver.parked.is_empty(), "seed {}: nobody waits for ever", self.seed);
        self.driver.coordinator.assert_consistent();
        assert_eq!(self.driver.coordinator.poll_timeout(), None, "seed {}: nothing is waited for", self.seed);
    }
}

fn offsets(coordinator: &Coordinator<'_>) -> BTreeMap<(String, i32), i64> {
    let of = |view: millpond_core::group::view::GroupView<'_, '_>| {
        let id = view.group_id().to_owned();
        view.offsets().map(|(_, partition, stored)| ((id.clone(), partition.0), stored.offset.0)).collect::<Vec<_>>()
    };
    coordinator.views().flat_map(of).collect()
}

fn live(seed: u64) {
    let mut day = Day::new(seed);
    let steps = 40 + day.random.below(160);
    for step in 0..steps {
        day.act();
        if step % 16 == 0 && day.room == Room::Plenty {
            day.reload();
        }
    }
    if seed.is_multiple_of(4) {
        day.calm_down();
        day.restart();
    }
    day.fall_silent();
    assert!(day.driver.at.now > Instant::ZERO);
}

/// `MILLPOND_SEED` runs one day, `MILLPOND_SEEDS` so many.
#[test]
fn what_must_hold_holds_on_random_days() {
    let variable = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    match variable("MILLPOND_SEED") {
        Some(seed) => live(seed),
        None => {
            for seed in 0..variable("MILLPOND_SEEDS").unwrap_or(4000) {
                if std::panic::catch_unwind(|| live(seed)).is_err() {
                    panic!("MILLPOND_SEED={seed} cargo test what_must_hold_holds_on_random_days");
                }
            }
        }
    }
}
