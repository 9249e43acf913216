//! What it costs to divide 10,000 partitions of 100 topics among 1,000 members, and what it costs Java.
//!
//!     cargo bench -p millpond-benches --bench assign           # ours, by criterion, then both in one table
//!     cargo bench -p millpond-benches --bench assign -- java   # the table alone
//!
//! Java's assignors come from the jars that the interop tests have fetched; without them there is no table. Both sides are asked for the
//! same groups; a time is the assignor's own, with what it is told lying ready, and Java's after it was compiled. What is to be looked at
//! is the ratio, in one run on one machine.

use core::fmt::Write as _;
use core::hint::black_box;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use criterion::{BenchmarkId, Criterion};
use millpond_core::bounded::list::List;
use millpond_core::group::assignor::subscriptions::Subscriptions;
use millpond_core::group::assignor::{range, uniform};
use millpond_core::member::assignor::assignor::Assignor;
use millpond_core::member::assignor::error::AssignError;
use millpond_core::member::assignor::group::{Group, Member};
use millpond_core::member::assignor::owner::Owner;
use millpond_core::member::assignor::topics::Topics;

const MEMBERS: usize = 1_000;
const TOPICS: u32 = 100;
const PARTITIONS_OF_EACH: u32 = 100;

/// What happened to the group before it is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// Nobody has anything.
    Fresh,
    /// The last member is gone.
    OneLeaves,
}

/// A group as its assignor finds it.
struct Fixture {
    name: String,
    assignor: &'static str,
    ends: Vec<u32>,
    ids: Vec<String>,
    subscriptions: Vec<Vec<u32>>,
    owned: Vec<Vec<u32>>,
    owners: Vec<Owner>,
}

impl Fixture {
    fn new(assignor: &'static str, are_alike: bool, change: Change) -> Self {
        let is_subscribed = |member: u32, topic: u32| are_alike || (topic * 7 + member * 13) % 100 < 50;
        let members = 0..u32::try_from(MEMBERS).unwrap_or(0);
        // As a client makes them: its name and a random part.
        let ids = members.clone().map(|member| format!("consumer-{:08x}-4f2a-b1c3-{member:012x}", member.wrapping_mul(0x9e37_79b1)));
        let subscriptions = members.map(|member| (0..TOPICS).filter(|topic| is_subscribed(member, *topic)).collect());
        let owners = vec![Owner::NOBODY; usize::try_from(TOPICS * PARTITIONS_OF_EACH).unwrap_or(0)];
        let mut fixture = Self {
            name: format!("{assignor}, {}, {change:?}", if are_alike { "same" } else { "different" }),
            assignor,
            ends: (1..=TOPICS).map(|topic| topic * PARTITIONS_OF_EACH).collect(),
            ids: ids.collect(),
            subscriptions: subscriptions.collect(),
            owned: vec![Vec::new(); MEMBERS],
            owners,
        };
        if change == Change::OneLeaves {
            fixture.let_one_leave();
        }
        fixture
    }

    fn let_one_leave(&mut self) {
        let mut owners = self.owners.clone();
        self.asked(|asked| asked.divide(&mut owners, &mut List::grown(usize::MAX))).expect("a group that makes sense");
        self.ids.pop();
        self.subscriptions.pop();
        self.owned.pop();
        for ((partition, owner), slot) in (0..).zip(owners).zip(&mut self.owners) {
            let member = owner.member().and_then(|member| usize::try_from(member).ok());
            if let Some(own) = member.and_then(|member| self.owned.get_mut(member)) {
                own.push(partition);
                *slot = owner;
            }
        }
    }

    /// Lays ready what the assignor is told.
    fn asked<T>(&self, with: impl FnOnce(&Asked<'_>) -> T) -> T {
        let topics = Topics::from_ends(&self.ends).expect("ends that rise");
        if let Some(server) = self.assignor.strip_prefix("server-") {
            // Members that subscribe to the same share one list, as a coordinator keeps them.
            let first = self.subscriptions.first().map_or(&[][..], Vec::as_slice);
            let lists: Vec<&[u32]> = self.subscriptions.iter().map(|own| if own == first { first } else { own }).collect();
            let is_range = server == "range";
            return with(&Asked::Server { topics, lists: &lists, is_range });
        }
        let assignor = Assignor::from_name(self.assignor).expect("an assignor of the client");
        let members: Vec<Member<'_>> = self
            .ids
            .iter()
            .zip(&self.subscriptions)
            .zip(&self.owned)
            .map(|((member_id, topics), owned)| Member { member_id, topics, owned, generation: 5, ..Member::default() })
            .collect();
        with(&Asked::Client { topics, members: &members, assignor })
    }

    /// Writes the group for Java, and that it is to be measured.
    fn write(&self, to: &mut String) {
        for topic in 0..TOPICS {
            writeln!(to, "topic t{topic:02} {PARTITIONS_OF_EACH} -").expect("text grows");
        }
        for ((id, topics), owned) in self.ids.iter().zip(&self.subscriptions).zip(&self.owned) {
            let topics: Vec<String> = topics.iter().map(|topic| format!("t{topic:02}")).collect();
            let runs = owned.chunk_by(|a, b| a / PARTITIONS_OF_EACH == b / PARTITIONS_OF_EACH);
            let owned: Vec<String> = runs.map(told).collect();
            let owned = if owned.is_empty() { "-".to_owned() } else { owned.join(",") };
            writeln!(to, "member {id} - - 5 {} {owned}", topics.join(",")).expect("text grows");
        }
        writeln!(to, "bench {}", self.assignor).expect("text grows");
    }
}

/// Partitions of one topic, as Java reads them.
fn told(run: &[u32]) -> String {
    let topic = run.first().map_or(0, |first| first / PARTITIONS_OF_EACH);
    let indexes: Vec<String> = run.iter().map(|partition| (partition % PARTITIONS_OF_EACH).to_string()).collect();
    format!("t{topic:02}:{}", indexes.join("."))
}

/// A group, ready to be divided.
enum Asked<'a> {
    Server { topics: Topics<'a>, lists: &'a [&'a [u32]], is_range: bool },
    Client { topics: Topics<'a>, members: &'a [Member<'a>], assignor: Assignor },
}

impl Asked<'_> {
    fn divide(&self, owners: &mut [Owner], memory: &mut List<'_, u32>) -> Result<(), AssignError> {
        match self {
            Self::Server { topics, lists, is_range: true } => range::assign(&Subscriptions::new(*topics, lists)?, owners, memory),
            Self::Server { topics, lists, is_range: false } => uniform::assign(&Subscriptions::new(*topics, lists)?, owners, memory),
            Self::Client { topics, members, assignor } => assignor.assign(&Group::new(*topics, members)?, owners, memory),
        }
    }
}

fn fixtures() -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for are_alike in [true, false] {
        for assignor in ["server-range", "range", "roundrobin"] {
            fixtures.push(Fixture::new(assignor, are_alike, Change::Fresh));
        }
        for assignor in ["server-uniform", "sticky", "cooperative-sticky"] {
            fixtures.push(Fixture::new(assignor, are_alike, Change::Fresh));
            fixtures.push(Fixture::new(assignor, are_alike, Change::OneLeaves));
        }
    }
    fixtures
}

fn by_criterion(criterion: &mut Criterion, fixtures: &[Fixture]) {
    let mut group = criterion.benchmark_group("assign");
    group.sample_size(20);
    for fixture in fixtures {
        let (mut owners, mut memory) = (fixture.owners.clone(), List::grown(usize::MAX));
        fixture.asked(|asked| {
            group.bench_function(BenchmarkId::from_parameter(&fixture.name), |bencher| {
                bencher.iter(|| {
                    owners.copy_from_slice(&fixture.owners);
                    asked.divide(black_box(&mut owners), &mut memory)
                });
            });
        });
    }
    group.finish();
}

/// The best and the median time of ours. Unit: µs.
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is asked")]
fn measure(fixture: &Fixture) -> (f64, f64) {
    let (mut owners, mut memory) = (fixture.owners.clone(), List::grown(usize::MAX));
    let mut times: Vec<f64> = fixture.asked(|asked| {
        let times = (0..300).map(|_| {
            owners.copy_from_slice(&fixture.owners);
            let start = Instant::now();
            asked.divide(black_box(&mut owners), &mut memory).expect("memory that grows");
            start.elapsed().as_secs_f64() * 1e6
        });
        times.collect()
    });
    times.sort_by(f64::total_cmp);
    (times.first().copied().unwrap_or(0.0), times.get(times.len() / 2).copied().unwrap_or(0.0))
}

/// What Java's assignors take, in the order of the fixtures; `None` without Java or its jars.
fn ask_java(fixtures: &[Fixture]) -> Option<Vec<(f64, f64)>> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let jars = std::env::var_os("MILLPOND_KAFKA_JARS").map_or_else(|| target.join("interop/kafka"), PathBuf::from);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("tests/interop/java/Assignors.java");
    if !jars.is_dir() {
        println!("no jars in {}: the interop tests fetch them, or MILLPOND_KAFKA_JARS names a folder", jars.display());
        return None;
    }
    let mut text = String::new();
    fixtures.iter().for_each(|fixture| fixture.write(&mut text));
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("assign.txt");
    fs::write(&file, text).ok()?;
    let mut java = Command::new("java");
    java.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp"]).arg(jars.join("*")).arg(program);
    let said = java.stdin(Stdio::from(fs::File::open(file).ok()?)).stderr(Stdio::inherit()).output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    let numbers = said.lines().map(|line| line.split(' ').skip(1).filter_map(|word| word.parse().ok()).collect::<Vec<f64>>());
    let times: Option<Vec<(f64, f64)>> = numbers.map(|numbers| Some((*numbers.first()?, *numbers.get(1)?))).collect();
    let times = times.filter(|times| times.len() == fixtures.len());
    if times.is_none() {
        println!("Java has not measured everything:\n{said}");
    }
    times
}

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let fixtures = fixtures();
    if std::env::args().all(|argument| argument != "java") {
        let mut criterion = Criterion::default().configure_from_args();
        by_criterion(&mut criterion, &fixtures);
        criterion.final_summary();
    }
    if is_test {
        return;
    }
    let Some(java) = ask_java(&fixtures) else { return };
    println!("{:42} {:>22} {:>22} {:>7}", "1,000 members, 10,000 partitions", "ours µs, best/median", "Java's", "ratio");
    for (fixture, (java_best, java_median)) in fixtures.iter().zip(java) {
        let (best, median) = measure(fixture);
        let ratio = java_median / median;
        println!("{:42} {best:>11.1} /{median:>9.1} {java_best:>11.0} /{java_median:>9.0} {ratio:>6.1}x", fixture.name);
    }
}
