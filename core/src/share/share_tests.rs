//! Members acquire records and say what has become of them, step by step, as with Kafka.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::answer::Answer;
use super::config::{ShareConfig, ShareLimits};
use super::coordinator::{Coordinator, ShareMemory};
use super::error::ShareError;
use super::input::{Acknowledge, Acknowledged, Acquire, Initialize, Input, LogBatch, LogBegins, Place, Release, ShareKey};
use super::record::ShareRecord;
use super::state::{AcknowledgeType, RecordState};
use crate::bounded::table::HashKey;
use crate::ids::{CallId, Offset, PartitionIndex, TopicId};
use crate::machine::{Answers, Effects, EncodedRecord, Machine, Records, When};
use crate::time::{Instant, Millis, Moment, Timestamp};

const KEY: ShareKey<'_> = ShareKey { group_id: "g", topic_id: TopicId([1; 16]), partition: PartitionIndex(0) };

#[derive(Default)]
struct Heard(Vec<Result<String, ShareError>>);

impl Answers<Coordinator<'static>> for Heard {
    fn answer(&mut self, _: CallId, _: When, answer: Answer<'_>) {
        self.0.push(match answer {
            Answer::Acquired(acquired) => acquired.map(|all| {
                let each = all.iter().map(|it| format!("{}-{}x{}", it.first.0, it.last.0, it.delivery_count));
                each.collect::<Vec<_>>().join(" ")
            }),
            Answer::Done(result) => result.map(|()| String::new()),
        });
    }
}

struct World {
    coordinator: Coordinator<'static>,
    now: u64,
    log: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// The batches of the partition that is shared.
    batches: Vec<LogBatch>,
    aborted: Vec<LogBatch>,
    limits: ShareLimits,
}

fn coordinator() -> Coordinator<'static> {
    let config = ShareConfig { state_partition_count: 1, updates_per_snapshot: 4 };
    Coordinator::new(config, HashKey(1, 2), ShareMemory::grown(10, 1000))
}

impl World {
    /// Shares a partition that has batches of so many records.
    fn new(batches: &[i64]) -> Self {
        let limits = ShareLimits { record_lock: Millis(1_000), ..ShareLimits::default() };
        let mut world = Self { coordinator: coordinator(), now: 100, log: Vec::new(), batches: Vec::new(), aborted: Vec::new(), limits };
        batches.iter().for_each(|size| world.append(*size));
        assert_eq!(world.ask(Input::Initialize(Initialize { call: CallId(1), key: KEY, state_epoch: 0, start: Some(Offset(0)) })), ok());
        world
    }

    fn append(&mut self, size: i64) {
        let first = self.batches.last().map_or(0, |batch| batch.last.0 + 1);
        self.batches.push(LogBatch { first: Offset(first), last: Offset(first + size - 1) });
    }

    fn at(&self) -> Moment {
        Moment { now: Instant(self.now), wall: Timestamp(1_000 + i64::try_from(self.now).unwrap()) }
    }

    fn believe(&mut self, records: &Records<'_>) {
        for record in records.iter() {
            let at = Offset(i64::try_from(self.log.len()).unwrap());
            self.log.push((record.key.to_vec(), record.value.map(<[u8]>::to_vec)));
            self.coordinator.believe(&ShareRecord::decode(record).expect("what was written can be read"), at);
        }
        self.coordinator.assert_consistent();
    }

    fn ask(&mut self, input: Input<'_>) -> Result<String, ShareError> {
        self.ask_with(input, 1 << 20)
    }

    /// Asks where a step may write so many bytes.
    fn ask_with(&mut self, input: Input<'_>, bytes: usize) -> Result<String, ShareError> {
        let mut records = Records::grown(bytes, 100);
        let mut heard = Heard::default();
        let at = self.at();
        self.coordinator.step(at, input, &mut Effects { records: &mut records, answers: &mut heard });
        self.believe(&records);
        assert_eq!(heard.0.len(), 1, "a call is answered once");
        heard.0.pop().unwrap()
    }

    fn acquire_as(&mut self, member_id: &str, records_max: u32, batch_size: u32, is_strict: bool) -> Result<String, ShareError> {
        let read_from = self.coordinator.next_fetch_offset(&KEY).unwrap_or_default();
        let batches: Vec<LogBatch> = self.batches.iter().copied().filter(|batch| batch.last >= read_from).collect();
        let aborted = self.aborted.clone();
        let limits = self.limits;
        self.ask(Input::Acquire(Acquire {
            call: CallId(1),
            key: KEY,
            member_id,
            read_from,
            batches: &batches,
            aborted: &aborted,
            records_max,
            batch_size,
            is_strict,
            limits,
        }))
    }

    fn acquire(&mut self, member_id: &str, records_max: u32) -> String {
        self.acquire_as(member_id, records_max, 500, false).expect("it is shared")
    }

    fn say(&mut self, member_id: &str, said: &[(i64, i64, &[AcknowledgeType])]) -> Result<String, ShareError> {
        let batches: Vec<Acknowledged<'_>> =
            said.iter().map(|(first, last, types)| Acknowledged { first: Offset(*first), last: Offset(*last), types }).collect();
        let limits = self.limits;
        self.ask(Input::Acknowledge(Acknowledge { call: CallId(1), key: KEY, member_id, batches: &batches, limits }))
    }

    fn release(&mut self, member_id: &str) {
        assert_eq!(self.ask(Input::Release(Release { call: CallId(1), key: KEY, member_id })), ok());
    }

    fn wait(&mut self, span: u64) {
        self.now += span;
        loop {
            let mut records = Records::grown(64 << 20, 100);
            let at = self.at();
            let acted = self.coordinator.handle_timeout(at, &mut Effects { records: &mut records, answers: &mut Heard::default() });
            self.believe(&records);
            if !acted {
                return;
            }
        }
    }

    /// Starts anew from what was written.
    fn restart(&mut self) {
        self.coordinator = coordinator();
        let log = core::mem::take(&mut self.log);
        for (at, (key, value)) in log.iter().enumerate() {
            let record = EncodedRecord { key, value: value.as_deref() };
            self.coordinator.believe(&ShareRecord::decode(record).unwrap(), Offset(i64::try_from(at).unwrap()));
        }
        self.log = log;
        self.coordinator.assert_consistent();
    }

    /// As `start: 0-3 Acquired x1 a, ...`.
    fn shown(&self) -> String {
        let start = self.coordinator.view(&KEY).and_then(|view| view.start).map_or(-1, |start| start.0);
        let runs: Vec<String> = self
            .coordinator
            .runs_of(&KEY)
            .map(|run| {
                format!("{}-{} {:?}x{} {}", run.first.0, run.last.0, run.state, run.delivery_count, run.member_id).trim().to_string()
            })
            .collect();
        format!("{start}: {}", runs.join(", "))
    }

    /// The same, but for what is acquired, which whoever starts anew does not know.
    fn hard(&self) -> (Option<Offset>, u32, BTreeMap<i64, (RecordState, u16)>) {
        let view = self.coordinator.view(&KEY).expect("it is shared");
        let mut all = BTreeMap::new();
        for run in self.coordinator.runs_of(&KEY) {
            for offset in run.first.0..=run.last.0 {
                match run.state {
                    RecordState::Acquired if run.delivery_count > 1 => {
                        all.insert(offset, (RecordState::Available, run.delivery_count - 1));
                    }
                    RecordState::Acquired => {}
                    state => {
                        all.insert(offset, (state, run.delivery_count));
                    }
                }
            }
        }
        (view.start, view.complete_count, all)
    }
}

fn ok() -> Result<String, ShareError> {
    Ok(String::new())
}

const ACCEPT: &[AcknowledgeType] = &[AcknowledgeType::Accept];
const RELEASE: &[AcknowledgeType] = &[AcknowledgeType::Release];
const REJECT: &[AcknowledgeType] = &[AcknowledgeType::Reject];
const RENEW: &[AcknowledgeType] = &[AcknowledgeType::Renew];

#[test]
fn records_are_acquired_accepted_released_and_rejected() {
    // Source: the trace of Kafka 4.3, share-basic.
    let mut world = World::new(&[2, 2]);
    world.limits.delivery_count_max = 3;
    assert_eq!(world.acquire("a", 500), "0-3x1");
    assert_eq!(world.acquire("b", 500), "");
    assert_eq!(world.say("a", &[(0, 1, ACCEPT)]), ok());
    assert_eq!(world.shown(), "2: 2-3 Acquiredx1 a");
    assert_eq!(world.say("a", &[(2, 2, RELEASE)]), ok());
    assert_eq!(world.say("a", &[(3, 3, REJECT)]), ok());
    assert_eq!(world.say("a", &[(0, 1, ACCEPT)]), ok(), "what is done with may be said again");
    assert_eq!(world.acquire("a", 500), "2-2x2");
    assert_eq!(world.say("b", &[(2, 2, ACCEPT)]), Err(ShareError::InvalidRecordState), "it is another's");
    world.wait(1_000);
    assert_eq!(world.say("a", &[(2, 2, ACCEPT)]), Err(ShareError::InvalidRecordState), "it took too long");
    assert_eq!(world.acquire("b", 500), "2-2x3");
    assert_eq!(world.say("b", &[(2, 2, RELEASE)]), ok());
    assert_eq!(world.shown(), "4: ", "tried often enough");
    assert_eq!(world.acquire("b", 500), "");
    assert_eq!(world.say("b", &[(4, 9, ACCEPT)]), Err(ShareError::InvalidRecordState), "nothing is under way");
}

#[test]
fn what_is_said_of_more_than_is_under_way_is_refused_as_by_kafka() {
    // Source: random requests to Apache Kafka 4.3 side by side.
    let mut world = World::new(&[10]);
    assert_eq!(world.say("a", &[(0, 0, ACCEPT)]), Err(ShareError::InvalidRecordState), "nothing was acquired yet");
    assert_eq!(world.acquire("a", 500), "0-9x1");
    assert_eq!(world.say("a", &[(5, 5, RELEASE)]), ok());
    // Only what was settled is known then: there is a hole before it.
    world.restart();
    assert_eq!(world.shown(), "0: 5-5 Availablex1");
    assert_eq!(world.say("a", &[(0, 5, ACCEPT)]), Err(ShareError::InvalidRecordState));
    assert_eq!(world.acquire_as("a", 1, 500, true).unwrap(), "0-0x1");
    let behind = Err(ShareError::InvalidRequest("what is acknowledged lies behind what was acquired"));
    assert_eq!(world.say("a", &[(0, 3, ACCEPT)]), behind, "it ends in the hole");
    assert_eq!(world.say("a", &[(2, 3, ACCEPT)]), behind);
    assert_eq!(world.say("a", &[(0, 5, ACCEPT)]), Err(ShareError::InvalidRecordState), "it is not acquired");
    assert_eq!(world.say("a", &[(0, 6, ACCEPT)]), behind);
}

#[test]
fn all_that_is_said_in_one_go_is_true_or_nothing_of_it() {
    let mut world = World::new(&[10]);
    assert_eq!(world.acquire("a", 500), "0-9x1");
    let before = world.shown();
    let outside = Err(ShareError::InvalidRequest("what is acknowledged lies behind what was acquired"));
    assert_eq!(world.say("a", &[(0, 1, ACCEPT), (9, 10, ACCEPT)]), outside);
    assert_eq!(world.say("a", &[(0, 3, ACCEPT), (3, 4, ACCEPT)]), Err(ShareError::InvalidRecordState));
    assert_eq!(world.shown(), before);
    use AcknowledgeType::{Accept, Gap, Reject, Release};
    assert_eq!(world.say("a", &[(1, 6, &[Accept, Accept, Release, Gap, Reject, Release])]), ok());
    assert_eq!(
        world.shown(),
        "0: 0-0 Acquiredx1 a, 1-2 Acknowledgedx1, 3-3 Availablex1, 4-5 Archivedx1, 6-6 Availablex1, 7-9 Acquiredx1 a"
    );
    assert_eq!(world.coordinator.view(&KEY).unwrap().complete_count, 4);
    assert_eq!(world.coordinator.next_fetch_offset(&KEY), Some(Offset(3)));
    assert_eq!(world.acquire("b", 500), "3-3x2 6-6x2");
    world.release("a");
    assert_eq!(world.say("a", &[(0, 0, ACCEPT)]), Err(ShareError::InvalidRecordState));
    assert_eq!(world.acquire("c", 500), "0-0x2 7-9x2");
    assert_eq!(world.say("c", &[(0, 0, ACCEPT)]), ok());
    assert_eq!(world.shown(), "3: 3-3 Acquiredx2 b, 4-5 Archivedx1, 6-6 Acquiredx2 b, 7-9 Acquiredx2 c");
}

#[test]
fn batches_are_not_split_unless_so_many_and_no_more_are_wanted() {
    let mut world = World::new(&[5, 5, 5]);
    assert_eq!(world.acquire("a", 7), "0-9x1", "up to the end of a batch");
    assert_eq!(world.acquire_as("b", 3, 500, true), Ok("10-12x1".to_string()));
    assert_eq!(world.acquire_as("b", 3, 500, true), Ok("13-14x1".to_string()));
    // In lots of about the wanted size, which end where batches end.
    let mut world = World::new(&[5, 5, 5, 5]);
    assert_eq!(world.acquire_as("a", 100, 8, false), Ok("0-9x1 10-19x1".to_string()));
}

#[test]
fn a_window_bounds_what_is_under_way() {
    let mut world = World::new(&[4, 4, 4, 4]);
    world.limits.record_locks_max = 6;
    assert_eq!(world.acquire("a", 500), "0-7x1", "up to the end of a batch");
    assert!(!world.coordinator.may_acquire(&KEY, &world.limits));
    assert_eq!(world.acquire("b", 500), "");
    assert_eq!(world.say("a", &[(4, 7, RELEASE)]), ok());
    assert!(world.coordinator.may_acquire(&KEY, &world.limits), "what came back");
    assert_eq!(world.acquire("b", 2), "4-7x2");
    assert_eq!(world.acquire("b", 500), "");
    assert_eq!(world.say("a", &[(0, 3, ACCEPT)]), ok());
    assert_eq!(world.acquire("b", 500), "8-11x1");
}

#[test]
fn what_fails_again_and_again_is_delivered_in_smaller_lots_and_at_last_alone() {
    let mut world = World::new(&[16]);
    // Five deliveries at the most: from the third on lots are smaller.
    let mut told = Vec::new();
    for _ in 0..2 {
        told.push(world.acquire("a", 500));
        world.release("a");
    }
    assert_eq!(told, ["0-15x1", "0-15x2"]);
    assert_eq!(world.acquire("a", 500), "0-15x3");
    world.release("a");
    assert_eq!(world.acquire("a", 500), "0-7x4", "half of them");
    assert_eq!(world.acquire("b", 500), "8-15x4");
    world.release("a");
    world.release("b");
    assert_eq!(world.acquire("a", 500), "0-0x5", "one by one");
    assert_eq!(world.acquire("b", 500), "1-1x5");
    assert_eq!(world.say("b", &[(1, 1, ACCEPT)]), ok());
    world.release("a");
    assert_eq!(world.coordinator.view(&KEY).unwrap().start, Some(Offset(2)), "the first is archived, the second is done with");
    assert_eq!(world.acquire("a", 500), "2-2x5");
}

#[test]
fn locks_are_renewed_where_that_is_allowed() {
    let mut world = World::new(&[4]);
    assert_eq!(world.acquire("a", 500), "0-3x1");
    world.wait(900);
    assert_eq!(world.say("a", &[(1, 2, RENEW)]), ok());
    world.wait(100);
    assert_eq!(world.shown(), "0: 0-0 Availablex1, 1-2 Acquiredx1 a, 3-3 Availablex1");
    world.wait(899);
    assert_eq!(world.say("a", &[(1, 1, ACCEPT)]), ok());
    world.wait(1);
    assert_eq!(world.shown(), "0: 0-0 Availablex1, 1-1 Acknowledgedx1, 2-3 Availablex1");
    world.limits.may_renew = false;
    assert_eq!(world.acquire("a", 500), "0-0x2 2-3x2");
    assert_eq!(world.say("a", &[(0, 0, ACCEPT), (2, 2, RENEW)]), Err(ShareError::InvalidRecordState));
}

#[test]
fn what_is_gone_from_the_log_is_waited_for_by_nobody() {
    let mut world = World::new(&[4, 4, 4]);
    assert_eq!(world.acquire("a", 4), "0-3x1");
    assert_eq!(world.say("a", &[(1, 1, RELEASE)]), ok());
    // Retention: what was acquired may still be acknowledged, to nobody's use.
    assert_eq!(world.ask(Input::LogBegins(LogBegins { call: CallId(1), key: KEY, offset: Offset(2) })), ok());
    assert_eq!(world.shown(), "2: 2-3 Acquiredx1 a");
    assert_eq!(world.say("a", &[(0, 3, ACCEPT)]), ok());
    assert_eq!(world.shown(), "4: ");
    // Compaction: a batch is missing in the middle.
    world.batches.remove(1);
    assert_eq!(world.acquire("a", 500), "8-11x1");
    assert_eq!(world.shown(), "8: 8-11 Acquiredx1 a");
}

#[test]
fn aborted_records_are_archived_instead_of_delivered() {
    let mut world = World::new(&[2, 2, 2, 2]);
    let batch = |first, last| LogBatch { first: Offset(first), last: Offset(last) };
    world.aborted = Vec::from([batch(0, 1), batch(4, 5)]);
    assert_eq!(world.acquire_as("a", 500, 500, false), Ok("2-3x1 6-7x1".to_string()));
    assert_eq!(world.shown(), "2: 2-3 Acquiredx1 a, 4-5 Archivedx1, 6-7 Acquiredx1 a");
    assert_eq!(world.say("a", &[(2, 3, ACCEPT), (6, 7, ACCEPT)]), ok());
    assert_eq!(world.shown(), "8: ");
}

#[test]
fn where_it_begins_is_looked_up_or_set() {
    let mut world = World::new(&[4]);
    let initialize = |state_epoch, start| Input::Initialize(Initialize { call: CallId(1), key: KEY, state_epoch, start });
    assert_eq!(world.acquire("a", 500), "0-3x1");
    // An administrator sets it: whatever was acquired is not any more.
    assert_eq!(world.ask(initialize(1, Some(Offset(2)))), ok());
    assert_eq!(world.shown(), "2: ");
    assert_eq!(world.say("a", &[(2, 3, ACCEPT)]), Err(ShareError::InvalidRecordState));
    assert_eq!(world.ask(initialize(0, Some(Offset(0)))), Err(ShareError::FencedStateEpoch));
    // To be looked up.
    assert_eq!(world.ask(initialize(2, None)), ok());
    assert!(world.coordinator.wants_start(&KEY));
    assert_eq!(world.coordinator.next_fetch_offset(&KEY), None);
    assert_eq!(world.ask(Input::LogBegins(LogBegins { call: CallId(1), key: KEY, offset: Offset(3) })), ok());
    assert_eq!(world.acquire("a", 500), "3-3x1");
    world.restart();
    assert_eq!(world.shown(), "3: ");
    let slot = world.coordinator.view(&KEY).unwrap().slot;
    assert_eq!(world.ask(Input::Delete(Place { call: CallId(1), slot })), ok());
    assert_eq!(world.acquire_as("a", 500, 500, false), Err(ShareError::NotShared));
    world.restart();
    assert_eq!(world.coordinator.views().count(), 0);
}

/// Takes for ever where a step walks through all runs for each of them.
#[test]
fn a_batch_that_is_settled_record_by_record_costs_no_more_than_its_records() {
    const SIZE: i64 = 100_000;
    let mut world = World::new(&[SIZE]);
    let config = ShareConfig { state_partition_count: 1, updates_per_snapshot: 4 };
    world.coordinator = Coordinator::new(config, HashKey(1, 2), ShareMemory::grown(1, 400_000));
    world.log.clear();
    let initialize = Input::Initialize(Initialize { call: CallId(1), key: KEY, state_epoch: 0, start: Some(Offset(0)) });
    assert_eq!(world.ask_with(initialize, 64 << 20), ok());
    let alternate = |a, b| (0..SIZE).map(|at| if at % 2 == 0 { a } else { b }).collect::<Vec<_>>();
    let say = |world: &mut World, types: &[AcknowledgeType]| {
        let batches = [Acknowledged { first: Offset(0), last: Offset(SIZE - 1), types }];
        let limits = world.limits;
        let said = Acknowledge { call: CallId(1), key: KEY, member_id: "a", batches: &batches, limits };
        world.ask_with(Input::Acknowledge(said), 64 << 20)
    };
    assert_eq!(world.acquire("a", 500), format!("0-{}x1", SIZE - 1));
    assert_eq!(say(&mut world, &alternate(AcknowledgeType::Release, AcknowledgeType::Renew)), ok());
    world.acquire("a", u32::MAX);
    world.wait(1_001);
    world.acquire("a", u32::MAX);
    assert_eq!(say(&mut world, &alternate(AcknowledgeType::Accept, AcknowledgeType::Reject)), ok());
    assert_eq!(world.shown(), format!("{SIZE}: "));
}

#[test]
fn states_of_offsets_that_no_log_has_are_left_out() {
    use super::record::{Change, Changes, Snapshot, Update};
    let mut world = World::new(&[4]);
    let change =
        |first: i64, last: i64| Change { first: Offset(first), last: Offset(last), state: RecordState::Available, delivery_count: 1 };
    let changes = [change(1, 2), change(3, i64::MAX), change(-7, 9), change(9, 8), change(i64::MAX, i64::MAX)];
    let (snapshot_epoch, leader_epoch, start, complete_count) = (1, 0, Some(Offset(0)), None);
    let update = Update { snapshot_epoch, leader_epoch, start, complete_count, changes: Changes::Known(&changes) };
    let (created, written) = (Timestamp(7), Timestamp(7));
    let snapshot = Some(Snapshot { state_epoch: 3, created, written, update });
    let mut records = Records::grown(1 << 10, 1);
    ShareRecord::Snapshot { key: KEY, snapshot }.encode(PartitionIndex(0), &mut records).unwrap();
    world.believe(&records);
    assert_eq!(world.shown(), "0: 1-2 Availablex1");
}

#[test]
fn states_are_spread_as_kafka_spreads_them() {
    let mut coordinator = coordinator();
    coordinator.spread_over(50);
    // Source: SharePartitionKey.asCoordinatorKey, String.hashCode: "g:AQEBAQEBAQEBAQEBAQEBAQ:0".
    let expected = PartitionIndex::of_name("g:AQEBAQEBAQEBAQEBAQEBAQ:0", 50);
    assert_eq!(coordinator.partition_of(&KEY), expected);
}

/// Small, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn below(&mut self, end: i64) -> i64 {
        i64::try_from(self.roll(u64::try_from(end).unwrap())).unwrap()
    }
}

#[test]
fn every_record_is_one_members_at_a_time_and_is_done_with_in_the_end() {
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let mut world = World::new(&[3, 1, 8, 5]);
        world.limits.record_locks_max = u32::try_from(4 + dice.roll(30)).unwrap();
        // What each member believes to hold: offset and how often it was delivered.
        let mut held: [BTreeMap<i64, u16>; 3] = Default::default();
        let mut accepted: BTreeMap<i64, u32> = BTreeMap::new();
        let mut delivered: BTreeMap<i64, u16> = BTreeMap::new();
        let names = ["a", "b", "c"];
        for round in 0..200 {
            let at = usize::try_from(dice.roll(3)).unwrap();
            match dice.roll(12) {
                0..=3 if round < 150 => {
                    let strict = dice.roll(4) == 0;
                    let size = u32::try_from(1 + dice.roll(9)).unwrap();
                    let told = world.acquire_as(names[at], size, 4, strict).unwrap();
                    for lot in told.split_whitespace() {
                        let (range, count) = lot.split_once('x').unwrap();
                        let (first, last) = range.split_once('-').unwrap();
                        for offset in first.parse::<i64>().unwrap()..=last.parse().unwrap() {
                            let count: u16 = count.parse().unwrap();
                            assert!(count <= 5, "seed {seed}: {offset} was delivered {count} times");
                            let other = held.iter().position(|held| held.contains_key(&offset));
                            assert_eq!(other, None, "seed {seed}: {offset} is acquired by two");
                            assert!(!accepted.contains_key(&offset), "seed {seed}: {offset} is done with, and delivered again");
                            delivered.insert(offset, count);
                            held[at].insert(offset, count);
                        }
                    }
                }
                4..=6 => {
                    let Some(first) = held[at].keys().copied().nth(usize::try_from(dice.roll(4)).unwrap()) else { continue };
                    let mut last = first;
                    while held[at].contains_key(&(last + 1)) && dice.roll(3) > 0 {
                        last += 1;
                    }
                    let kinds = [AcknowledgeType::Accept, AcknowledgeType::Release, AcknowledgeType::Reject, AcknowledgeType::Gap];
                    let one = [kinds[usize::try_from(dice.roll(4)).unwrap()]];
                    let each: Vec<AcknowledgeType> = (first..=last).map(|_| kinds[usize::try_from(dice.roll(4)).unwrap()]).collect();
                    let types: &[AcknowledgeType] = if dice.roll(2) == 0 { &one } else { &each };
                    assert_eq!(world.say(names[at], &[(first, last, types)]), ok(), "seed {seed}");
                    for (place, offset) in (first..=last).enumerate() {
                        held[at].remove(&offset);
                        let said = types.get(place.min(types.len() - 1)).copied().unwrap();
                        if said == AcknowledgeType::Accept {
                            *accepted.entry(offset).or_default() += 1;
                        }
                    }
                }
                7 => {
                    world.release(names[at]);
                    held[at].clear();
                }
                8 => {
                    // Everybody is too late.
                    world.wait(1_000);
                    held.iter_mut().for_each(BTreeMap::clear);
                }
                9 => {
                    let hard = world.hard();
                    world.restart();
                    assert_eq!(world.hard(), hard, "seed {seed}: what is written is what is known");
                    held.iter_mut().for_each(BTreeMap::clear);
                }
                10 if round < 100 => {
                    let size = 1 + dice.below(6);
                    world.append(size);
                }
                _ => {}
            }
        }
        // What is left is worked off.
        world.wait(1_000);
        for _ in 0..400 {
            let told = world.acquire("z", 50);
            if told.is_empty() {
                break;
            }
            for lot in told.split_whitespace() {
                let (first, last) = lot.split_once('x').unwrap().0.split_once('-').unwrap();
                assert_eq!(world.say("z", &[(first.parse().unwrap(), last.parse().unwrap(), ACCEPT)]), ok());
            }
        }
        let end = world.batches.last().map(|batch| Offset(batch.last.0 + 1));
        assert_eq!(world.coordinator.view(&KEY).unwrap().start, end, "seed {seed}: {}", world.shown());
        assert_eq!(world.coordinator.runs_of(&KEY).count(), 0);
    }
}
