//! What it costs a group to come together, and a member to say that it lives.

use core::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use millpond_core::bounded::table::HashKey;
use millpond_core::group::answer::Answer;
use millpond_core::group::config::GroupConfig;
use millpond_core::group::coordinator::{Coordinator, CoordinatorLimits, CoordinatorMemory};
use millpond_core::group::input::{Caller, ConsumerHeartbeat, Heartbeat, Input, Join, MemberAssignment, Protocol, Sync};
use millpond_core::group::modern::topics::{BadPattern, TopicShape, Topics};
use millpond_core::group::record::GroupRecord;
use millpond_core::ids::{CallId, GenerationId, MemberEpoch, PartitionIndex, TopicId};
use millpond_core::machine::{Answers, Effects, Machine, Records, When};
use millpond_core::time::{Instant, Millis, Moment, Timestamp};
use millpond_core::wire::value::Array;

/// Keeps the ids of members that have a seat.
#[derive(Default)]
struct Seated(Vec<String>);

impl Answers<Coordinator<'static>> for Seated {
    fn answer(&mut self, _: CallId, _: When, answer: Answer<'_>) {
        if let Answer::Joined(joined) = answer {
            // The leader reads the whole roster, as its answer is encoded.
            black_box(joined.roster.iter().count());
            self.0.push(joined.member_id.to_string());
        }
    }
}

struct Group {
    coordinator: Coordinator<'static>,
    records: Records<'static>,
    seated: Seated,
}

const fn at(ms: u64) -> Moment {
    Moment { now: Instant(ms), wall: Timestamp(1_700_000_000_000) }
}

impl Group {
    fn new() -> Self {
        let config = GroupConfig { initial_rebalance_delay: Millis(1), ..GroupConfig::default() };
        let memory = CoordinatorMemory::grown(CoordinatorLimits::default());
        let coordinator = Coordinator::new(config, HashKey(1, 2), memory);
        Self { coordinator, records: Records::grown(64 << 20, 10_000), seated: Seated::default() }
    }

    fn believe(&mut self) {
        for record in self.records.iter() {
            self.coordinator.replay(&GroupRecord::decode(record, None).expect("its own record"));
        }
        self.records.clear();
    }

    fn step(&mut self, at: Moment, input: Input<'_>) {
        self.coordinator.step(at, input, &mut Effects { records: &mut self.records, answers: &mut self.seated });
        self.believe();
    }

    /// Everybody joins, the round completes, everybody syncs.
    fn storm(&mut self, members: usize) {
        let protocols = [Protocol { name: "range", metadata: &[7; 100] }];
        for member in 0..members {
            let id_suffix = format!("{member:036}");
            let caller = Caller { call: CallId(1), group_id: "g", member_id: "", group_instance_id: None };
            self.step(
                at(0),
                Input::Join(Join {
                    caller,
                    client_id: "c",
                    client_host: "/127.0.0.1",
                    session_timeout: Millis(45_000),
                    rebalance_timeout: Millis(60_000),
                    protocol_type: "consumer",
                    protocols: &protocols,
                    id_required: false,
                    may_skip_assignment: true,
                    id_suffix: &id_suffix,
                }),
            );
        }
        for ms in [1, 2, 60_000] {
            while self.coordinator.handle_timeout(at(ms), &mut Effects { records: &mut self.records, answers: &mut self.seated }) {
                self.believe();
            }
        }
        let ids = core::mem::take(&mut self.seated.0);
        assert_eq!(ids.len(), members);
        let assignments: Vec<MemberAssignment<'_>> =
            ids.iter().map(|id| MemberAssignment { member_id: id, assignment: &[1; 20] }).collect();
        for (number, member_id) in ids.iter().enumerate() {
            let assignments = if number == 0 { &*assignments } else { &[] };
            self.step(
                at(60_001),
                Input::Sync(Sync {
                    caller: Caller { call: CallId(1), group_id: "g", member_id, group_instance_id: None },
                    generation_id: GenerationId(1),
                    protocol_type: Some("consumer"),
                    protocol_name: Some("range"),
                    assignments,
                }),
            );
        }
        self.seated.0 = ids;
    }
}

/// A hundred topics of a hundred partitions.
struct Hundred {
    names: Vec<String>,
}

impl Hundred {
    fn new() -> Self {
        Self { names: (0..100).map(|number| format!("topic-{number:02}")).collect() }
    }
}

impl Topics for Hundred {
    fn version(&self) -> u64 {
        1
    }
    fn find(&self, name: &str) -> Option<TopicShape> {
        let number: u8 = name.strip_prefix("topic-")?.parse().ok()?;
        Some(TopicShape { id: TopicId([number + 1; 16]), partitions: 100 })
    }
    fn name_of(&self, topic: TopicId) -> Option<&str> {
        let [first, ..] = topic.0;
        self.names.get(usize::from(first).checked_sub(1)?).map(String::as_str)
    }
    fn matching(&self, _: &str, _: &mut dyn FnMut(&str)) -> Result<(), BadPattern> {
        Ok(())
    }
}

/// What a member of a consumer group was told last.
#[derive(Default)]
struct Told {
    epoch: Option<MemberEpoch>,
    assigned: Option<Vec<(TopicId, PartitionIndex)>>,
}

impl Answers<Coordinator<'static>> for Told {
    fn answer(&mut self, _: CallId, _: When, answer: Answer<'_>) {
        let Answer::Consumer(seat) = answer else { return };
        self.epoch = Some(seat.epoch);
        if let Some(assigned) = seat.assigned {
            self.assigned = Some(assigned.iter().map(|held| (held.topic, held.partition)).collect());
        }
    }
}

/// A consumer group (KIP-848) and its members, in the core alone.
struct Modern {
    coordinator: Coordinator<'static>,
    records: Records<'static>,
    topics: Hundred,
    members: Vec<Client>,
}

struct Client {
    id: String,
    epoch: MemberEpoch,
    owned: Vec<(TopicId, PartitionIndex)>,
    /// Whether it has yet to say what it owns.
    says_owned: bool,
}

impl Modern {
    fn new(members: usize) -> Self {
        let config = GroupConfig { consumer_size_max: usize::MAX, ..GroupConfig::default() };
        let coordinator = Coordinator::new(config, HashKey(1, 2), CoordinatorMemory::grown(CoordinatorLimits::default()));
        let client = |number| Client { id: format!("{number:036}"), epoch: MemberEpoch::JOINS, owned: Vec::new(), says_owned: true };
        let members = (0..members).map(client).collect();
        Self { coordinator, records: Records::grown(64 << 20, 100_000), topics: Hundred::new(), members }
    }

    /// A heartbeat of a member. Answers whether anything was new.
    fn heartbeat(&mut self, ms: u64, number: usize) -> bool {
        let Some(client) = self.members.get(number) else { return false };
        let joins = client.epoch == MemberEpoch::JOINS;
        let names: Vec<&str> = if joins { self.topics.names.iter().map(String::as_str).collect() } else { Vec::new() };
        let show = |see: &mut dyn FnMut(TopicId, PartitionIndex)| client.owned.iter().for_each(|(topic, partition)| see(*topic, *partition));
        let mut told = Told::default();
        loop {
            let heartbeat = ConsumerHeartbeat {
                caller: Caller { call: CallId(1), group_id: "g", member_id: &client.id, group_instance_id: None },
                epoch: client.epoch,
                client_id: "client",
                client_host: "/127.0.0.1",
                rack_id: None,
                rebalance_timeout: joins.then_some(Millis(60_000)),
                names: joins.then_some(Array::from(&*names)),
                pattern: None,
                assignor: None,
                owned: if client.says_owned { Some(&show) } else { None },
            };
            let fx = &mut Effects { records: &mut self.records, answers: &mut told };
            self.coordinator.step_among(&self.topics, at(ms), Input::ConsumerHeartbeat(heartbeat), fx);
            for record in self.records.iter() {
                self.coordinator.replay(&GroupRecord::decode(record, None).expect("its own record"));
            }
            self.records.clear();
            if !self.coordinator.wants_again() {
                break;
            }
        }
        let Some(client) = self.members.get_mut(number) else { return false };
        let epoch = told.epoch.expect("a member of the group is not refused");
        let is_new = epoch != client.epoch || told.assigned.is_some() || client.says_owned;
        client.epoch = epoch;
        client.says_owned = told.assigned.is_some();
        client.owned = told.assigned.unwrap_or(core::mem::take(&mut client.owned));
        is_new
    }

    /// Everybody joins within a second, and speaks every five seconds until nobody hears anything new. Answers how often each spoke.
    fn storm(&mut self) -> usize {
        let count = self.members.len();
        for number in 0..count {
            let spread = u64::try_from(number * 1_000 / count).unwrap_or(0);
            self.heartbeat(spread, number);
        }
        for round in 1..100 {
            let mut is_new = false;
            for number in 0..count {
                let spread = u64::try_from(round * 5_000 + number * 1_000 / count).unwrap_or(0);
                is_new |= self.heartbeat(spread, number);
            }
            if !is_new {
                let owned: usize = self.members.iter().map(|member| member.owned.len()).sum();
                assert_eq!(owned, 10_000, "every partition has somebody");
                return round + 1;
            }
        }
        panic!("the group comes to rest");
    }
}

/// How a storm's cost grows: the time a member takes, beside that in a group a tenth of its size.
fn growth() {
    println!("{:>10} {:>12} {:>16} {:>8}", "members", "heartbeats", "µs a member", "ratio");
    let mut before: Option<f64> = None;
    for members in [100, 1_000, 10_000] {
        let mut group = Modern::new(members);
        let start = std::time::Instant::now();
        let rounds = group.storm();
        let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(u32::try_from(members).expect("small"));
        let ratio = before.map_or_else(String::new, |before| format!("{:.2}", each / before));
        println!("{members:>10} {rounds:>12} {each:>16.1} {ratio:>8}");
        before = Some(each);
    }
}

fn modern_storm(criterion: &mut Criterion) {
    growth();
    let mut group = criterion.benchmark_group("join storm, KIP-848");
    group.sample_size(10);
    for members in [100, 1_000, 10_000] {
        group.throughput(Throughput::Elements(members.try_into().expect("small")));
        group.bench_with_input(BenchmarkId::from_parameter(members), &members, |bencher, members| {
            bencher.iter_batched(
                || Modern::new(*members),
                |mut group| {
                    group.storm();
                    group
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn modern_heartbeat(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("heartbeat that changes nothing, KIP-848");
    for members in [100, 1_000, 10_000] {
        let mut group = Modern::new(members);
        group.storm();
        let mut next = 0;
        bench.bench_function(BenchmarkId::from_parameter(members), |bencher| {
            bencher.iter(|| {
                next = (next + 1) % members;
                assert!(!group.heartbeat(1_000_000, next), "nothing is new");
            });
        });
    }
    bench.finish();
}

fn storm(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("join storm");
    group.sample_size(10);
    for members in [100, 1_000, 10_000] {
        group.throughput(Throughput::Elements(members.try_into().expect("small")));
        group.bench_with_input(BenchmarkId::from_parameter(members), &members, |bencher, members| {
            bencher.iter_batched(
                Group::new,
                |mut group| {
                    group.storm(*members);
                    group
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn heartbeat(criterion: &mut Criterion) {
    let mut group = Group::new();
    group.storm(1_000);
    let ids = core::mem::take(&mut group.seated.0);
    let mut next = 0;
    criterion.bench_function("heartbeat among 1000", |bencher| {
        bencher.iter(|| {
            next = (next + 1) % ids.len();
            let member_id = ids.get(next).map_or("", String::as_str);
            let caller = Caller { call: CallId(1), group_id: "g", member_id, group_instance_id: None };
            group.step(at(60_002), Input::Heartbeat(Heartbeat { caller, generation_id: GenerationId(1) }));
        });
    });
}

criterion_group!(benches, storm, heartbeat, modern_storm, modern_heartbeat);
criterion_main!(benches);
