//! What it costs a group to come together, and a member to say that it lives.

use core::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use millpond_core::bounded::table::HashKey;
use millpond_core::group::answer::Answer;
use millpond_core::group::config::GroupConfig;
use millpond_core::group::coordinator::{Coordinator, CoordinatorLimits, CoordinatorMemory};
use millpond_core::group::input::{Caller, Heartbeat, Input, Join, MemberAssignment, Protocol, Sync};
use millpond_core::group::record::GroupRecord;
use millpond_core::ids::{CallId, GenerationId};
use millpond_core::machine::{Answers, Effects, Machine, Records, When};
use millpond_core::time::{Instant, Millis, Moment, Timestamp};
use millpond_tests::crowd::Crowd;

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

/// How a storm's cost grows: the time a member takes, beside that in a group a tenth of its size.
#[expect(clippy::disallowed_methods, reason = "it measures how long something takes")]
fn growth() {
    println!("{:>10} {:>12} {:>16} {:>8}", "members", "heartbeats", "µs a member", "ratio");
    let mut before: Option<f64> = None;
    for members in [100, 1_000, 10_000] {
        let mut group = Crowd::new(members);
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
                || Crowd::new(*members),
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
        let mut group = Crowd::new(members);
        group.storm();
        let mut next = 0;
        bench.bench_function(BenchmarkId::from_parameter(members), |bencher| {
            bencher.iter(|| {
                next = (next + 1) % members;
                assert_eq!(group.heartbeat(1_000_000, next), Ok(false), "nothing is new");
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
