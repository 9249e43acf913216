//! Members of consumer groups come, go and move partitions, step by step, as Kafka's would.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::topics::{BadPattern, TopicShape, Topics};
use crate::bounded::table::HashKey;
use crate::group::answer::Answer;
use crate::group::config::GroupConfig;
use crate::group::coordinator::{Coordinator, CoordinatorLimits, CoordinatorMemory};
use crate::group::error::GroupError;
use crate::group::input::{Caller, ConsumerHeartbeat, Input, ShowOwned};
use crate::group::record::GroupRecord;
use crate::ids::{CallId, MemberEpoch, PartitionIndex, TopicId};
use crate::machine::{Answers, Effects, Machine, Records, When};
use crate::time::{Instant, Millis, Moment, Timestamp};
use crate::wire::value::Array;

/// What topics there are: by name, how many partitions.
#[derive(Clone, Debug, Default)]
pub(in crate::group) struct Known {
    pub(in crate::group) topics: BTreeMap<String, u32>,
    pub(in crate::group) version: u64,
    /// The settings of the group, where it has some of its own.
    pub(in crate::group) settings: Option<GroupConfig>,
    /// A pattern that cannot be read any more.
    pub(in crate::group) unreadable: Option<String>,
}

pub(in crate::group) fn id_of(name: &str) -> TopicId {
    let mut id = [0; 16];
    id[..name.len()].copy_from_slice(name.as_bytes());
    TopicId(id)
}

impl Topics for Known {
    fn version(&self) -> u64 {
        self.version
    }
    fn settings_of(&self, group_id: &str) -> Option<GroupConfig> {
        self.settings.filter(|_| group_id == "g")
    }
    fn find(&self, name: &str) -> Option<TopicShape> {
        self.topics.get(name).map(|partitions| TopicShape { id: id_of(name), partitions: *partitions })
    }
    fn name_of(&self, topic: TopicId) -> Option<&str> {
        self.topics.keys().find(|name| id_of(name) == topic).map(String::as_str)
    }
    fn check(&self, pattern: &str) -> Result<(), BadPattern> {
        if pattern.ends_with('*') && self.unreadable.as_deref() != Some(pattern) { Ok(()) } else { Err(BadPattern) }
    }
    /// The beginning of a name and a `*` or `.*` is all that is known here.
    fn matching(&self, pattern: &str, see: &mut dyn FnMut(&str)) -> Result<(), BadPattern> {
        self.check(pattern)?;
        let start = pattern.trim_end_matches('*').trim_end_matches('.');
        self.topics.keys().filter(|name| name.starts_with(start)).for_each(|name| see(name));
        Ok(())
    }
}

/// What a member was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) epoch: i32,
    /// As `t-0 t-1`, if it was told.
    pub(super) assigned: Option<String>,
}

#[derive(Default)]
pub(super) struct Heard(pub(super) Vec<Result<Told, GroupError>>);

/// What a member of a consumer group was answered, if it was that.
pub(super) fn told_by(answer: Answer<'_>) -> Result<Told, GroupError> {
    match answer {
        Answer::Consumer(seat) | Answer::Share(seat) => Ok(Told {
            epoch: seat.epoch.0,
            assigned: seat.assigned.map(|set| {
                let name = |topic: TopicId| String::from_utf8(topic.0.into_iter().take_while(|byte| *byte > 0).collect()).unwrap();
                let all: Vec<String> = set.iter().map(|held| format!("{}-{}", name(held.topic), held.partition)).collect();
                all.join(" ")
            }),
        }),
        Answer::ConsumerLeft { epoch, .. } => Ok(Told { epoch: epoch.0, assigned: None }),
        Answer::ShareLeft { .. } => Ok(Told { epoch: MemberEpoch::LEAVES.0, assigned: None }),
        Answer::ConsumerRefused(error) | Answer::ShareRefused(error) => Err(error),
        other => panic!("{other:?}"),
    }
}

impl Answers<Coordinator<'static>> for Heard {
    fn answer(&mut self, _: CallId, _: When, answer: Answer<'_>) {
        self.0.push(told_by(answer));
    }
}

/// A log that is kept, so that a coordinator can be loaded from it.
type Log = Vec<(Vec<u8>, Option<Vec<u8>>)>;

pub(super) struct World {
    pub(super) coordinator: Coordinator<'static>,
    pub(super) topics: Known,
    pub(super) now: u64,
    pub(super) log: Log,
}

pub(super) fn coordinator(interval: u64) -> Coordinator<'static> {
    let limits = CoordinatorLimits { groups: 10, members: 100, offsets: 100, partitions: 1000, text_bytes: 1 << 20 };
    let config = GroupConfig {
        consumer_assignment_interval: Millis(interval),
        share_assignment_interval: Millis(interval),
        offsets_partition_count: 1,
        ..GroupConfig::default()
    };
    Coordinator::new(config, HashKey(1, 2), CoordinatorMemory::grown(limits))
}

/// What a member says.
#[derive(Clone, Copy, Default)]
pub(super) struct Says<'a> {
    pub(super) epoch: i32,
    pub(super) instance: Option<&'a str>,
    pub(super) names: Option<&'a [&'a str]>,
    pub(super) pattern: Option<&'a str>,
    /// As `t-0 t-1`.
    pub(super) owned: Option<&'a str>,
    pub(super) assignor: Option<&'a str>,
    /// Whether everything is said once more.
    pub(super) is_full: bool,
}

/// Joins.
pub(super) fn joins<'a>(names: &'a [&'a str]) -> Says<'a> {
    Says { names: Some(names), owned: Some(""), ..Says::default() }
}

pub(super) fn stays<'a>(epoch: i32) -> Says<'a> {
    Says { epoch, ..Says::default() }
}

pub(super) fn owns(epoch: i32, owned: &str) -> Says<'_> {
    Says { epoch, owned: Some(owned), ..Says::default() }
}

impl World {
    pub(super) fn new(topics: &[(&str, u32)]) -> Self {
        let topics = topics.iter().map(|(name, partitions)| ((*name).to_string(), *partitions)).collect();
        Self { coordinator: coordinator(0), topics: Known { topics, version: 1, ..Known::default() }, now: 1000, log: Log::new() }
    }

    fn at(&self) -> Moment {
        Moment { now: Instant(self.now), wall: Timestamp(1_000_000 + i64::try_from(self.now).unwrap()) }
    }

    fn believe(&mut self, records: &Records<'_>) {
        for record in records.iter() {
            self.log.push((record.key.to_vec(), record.value.map(<[u8]>::to_vec)));
            let record = GroupRecord::decode(record, None).expect("what was written can be read");
            self.coordinator.replay(&record);
        }
        self.coordinator.assert_consistent();
    }

    pub(super) fn tell(&mut self, member_id: &str, says: Says<'_>) -> Result<Told, GroupError> {
        let mut heard = Heard::default();
        self.tell_as(CallId(1), member_id, says, &mut heard);
        assert_eq!(heard.0.len(), 1, "a heartbeat is answered once");
        heard.0.pop().unwrap()
    }

    pub(super) fn tell_as(&mut self, call: CallId, member_id: &str, says: Says<'_>, heard: &mut dyn Answers<Coordinator<'static>>) {
        let owned: Vec<(TopicId, PartitionIndex)> = says
            .owned
            .unwrap_or_default()
            .split_whitespace()
            .map(|held| held.split_once('-').unwrap())
            .map(|(name, partition)| (id_of(name), PartitionIndex(partition.parse().unwrap())))
            .collect();
        let show = |see: &mut dyn FnMut(TopicId, PartitionIndex)| owned.iter().for_each(|(topic, partition)| see(*topic, *partition));
        let show: &ShowOwned<'_> = &show;
        let heartbeat = ConsumerHeartbeat {
            caller: Caller { call, group_id: "g", member_id, group_instance_id: says.instance },
            epoch: MemberEpoch(says.epoch),
            client_id: "client",
            client_host: "/host",
            rack_id: None,
            rebalance_timeout: Some(Millis(30_000)).filter(|_| says.epoch == 0 || says.is_full),
            names: says.names.map(Array::from),
            pattern: says.pattern,
            assignor: says.assignor,
            owned: says.owned.map(|_| show),
        };
        self.ask(Input::ConsumerHeartbeat(heartbeat), heard);
    }

    /// Gives the coordinator an input as often as it wants it.
    pub(super) fn ask(&mut self, input: Input<'_>, heard: &mut dyn Answers<Coordinator<'static>>) {
        let topics = self.topics.clone();
        for _ in 0..9 {
            let mut records = Records::grown(1 << 20, 1000);
            let at = self.at();
            self.coordinator.step_among(&topics, at, input, &mut Effects { records: &mut records, answers: heard });
            self.believe(&records);
            if !self.coordinator.wants_again() {
                return;
            }
        }
        panic!("it comes to its end");
    }

    /// Lets time pass; answers how often somebody's patience ended.
    pub(super) fn wait(&mut self, span: u64) -> usize {
        self.wait_with(span, &mut Heard::default())
    }

    pub(super) fn wait_with(&mut self, span: u64, heard: &mut dyn Answers<Coordinator<'static>>) -> usize {
        self.now += span;
        let mut acted = 0;
        loop {
            let mut records = Records::grown(1 << 20, 1000);
            let at = self.at();
            let topics = self.topics.clone();
            let fx = &mut Effects { records: &mut records, answers: &mut *heard };
            let more = self.coordinator.handle_timeout_among(&topics, at, fx);
            acted += usize::from(!records.is_empty());
            self.believe(&records);
            if !more {
                return acted;
            }
        }
    }

    /// Starts anew from what was written.
    pub(super) fn restart(&mut self) {
        self.coordinator = coordinator(0);
        for (key, value) in core::mem::take(&mut self.log) {
            let record = crate::machine::EncodedRecord { key: &key, value: value.as_deref() };
            self.coordinator.replay(&GroupRecord::decode(record, None).unwrap());
            self.log.push((key, value));
        }
        self.coordinator.loaded(self.at());
        self.coordinator.assert_consistent();
    }
}

pub(super) fn told(epoch: i32, assigned: &str) -> Result<Told, GroupError> {
    Ok(Told { epoch, assigned: Some(assigned.to_string()) })
}

pub(super) const fn unchanged(epoch: i32) -> Result<Told, GroupError> {
    Ok(Told { epoch, assigned: None })
}

#[test]
fn a_first_member_gets_everything_at_epoch_two() {
    let mut world = World::new(&[("t", 3)]);
    // Source: the trace of Kafka 4.3, where a group begins at epoch 1.
    assert_eq!(world.tell("a", joins(&["t", "gone"])), told(2, "t-0 t-1 t-2"));
    assert_eq!(world.tell("a", stays(2)), unchanged(2));
    let written = world.log.len();
    assert_eq!(world.tell("a", owns(2, "t-0 t-1 t-2")), unchanged(2));
    assert_eq!(world.log.len(), written, "nothing has changed");
    // Whoever says everything is told everything.
    let all = Says { epoch: 2, ..joins(&["gone", "t"]) };
    assert_eq!(world.tell("a", Says { owned: Some("t-0"), ..all }).map(|told| told.epoch), Ok(2));
    // A member that subscribes to nothing that there is has an epoch all the same.
    let mut world = World::new(&[]);
    assert_eq!(world.tell("a", joins(&[])), told(1, ""));
}

#[test]
fn a_group_with_settings_of_its_own_lives_by_them() {
    let mut world = World::new(&[("t", 2)]);
    let config = *world.coordinator.config();
    let (session, interval) = (Millis(9_000), Millis(5_000));
    world.topics.settings = Some(GroupConfig { consumer_session_timeout: session, consumer_assignment_interval: interval, ..config });
    assert_eq!(world.tell("a", joins(&["t"])), told(2, "t-0 t-1"));
    // The target stays for as long as the group says.
    assert_eq!(world.tell("b", joins(&["t"])), told(2, ""));
    assert_eq!(world.wait(4_999), 0);
    assert_eq!(world.tell("b", stays(2)), unchanged(2));
    assert_eq!(world.wait(1), 0);
    assert_eq!(world.tell("b", stays(2)), unchanged(3));
    // And who is silent is out when the group says so.
    assert_eq!(world.wait(4_000), 1);
    assert_eq!(world.tell("a", stays(2)), Err(GroupError::UnknownMemberId));
}

#[test]
fn partitions_move_only_when_they_were_given_back() {
    let mut world = World::new(&[("t", 4)]);
    assert_eq!(world.tell("a", joins(&["t"])), told(2, "t-0 t-1 t-2 t-3"));
    // The second one is there, and gets nothing before the first gives something back.
    assert_eq!(world.tell("b", joins(&["t"])), told(3, ""));
    let kept = world.tell("a", stays(2)).unwrap();
    assert_eq!(kept.epoch, 2, "it stays in its epoch until it has given back");
    let kept = kept.assigned.unwrap();
    assert_eq!(kept.split(' ').count(), 2);
    assert_eq!(world.tell("b", stays(3)), unchanged(3));
    // It says nothing of what it owns: it may own all of it.
    assert_eq!(world.tell("a", stays(2)), unchanged(2));
    assert_eq!(world.tell("a", owns(2, "t-0 t-1 t-2 t-3")), unchanged(2));
    assert_eq!(world.tell("a", owns(2, &kept)), unchanged(3));
    let got = world.tell("b", stays(3)).unwrap();
    let all: alloc::collections::BTreeSet<&str> = kept.split(' ').chain(got.assigned.as_deref().unwrap().split(' ')).collect();
    assert_eq!((got.epoch, all.len()), (3, 4));
}

#[test]
fn who_goes_leaves_everything_to_the_others() {
    let mut world = World::new(&[("t", 2)]);
    world.tell("a", joins(&["t"])).unwrap();
    world.tell("b", joins(&["t"])).unwrap();
    let kept = world.tell("a", stays(2)).unwrap().assigned.unwrap();
    world.tell("a", owns(2, &kept)).unwrap();
    assert_eq!(world.tell("b", stays(3)).unwrap().assigned.unwrap().len(), 3);
    assert_eq!(world.tell("b", stays(-1)), unchanged(-1));
    assert_eq!(world.tell("b", stays(-1)), Err(GroupError::UnknownMemberId));
    assert_eq!(world.tell("b", stays(3)), Err(GroupError::UnknownMemberId));
    assert_eq!(world.tell("a", stays(3)), told(4, "t-0 t-1"));
    // The last one goes, and the group is empty; who comes then finds it further on.
    assert_eq!(world.tell("a", stays(-1)), unchanged(-1));
    assert_eq!(world.tell("c", joins(&["t"])), told(6, "t-0 t-1"));
}

#[test]
fn who_is_silent_or_keeps_what_it_is_to_give_back_is_out() {
    let mut world = World::new(&[("t", 2)]);
    world.tell("a", joins(&["t"])).unwrap();
    assert_eq!(world.wait(44_999), 0);
    world.tell("a", stays(2)).unwrap();
    assert_eq!(world.wait(44_999), 0, "its session goes on");
    assert_eq!(world.wait(2), 1);
    assert_eq!(world.tell("a", stays(2)), Err(GroupError::UnknownMemberId));
    // One that is to give back has its rebalance timeout for it, and no longer, however it lives.
    world.tell("a", joins(&["t"])).unwrap();
    world.tell("b", joins(&["t"])).unwrap();
    let epoch = world.tell("a", stays(4)).unwrap().epoch;
    assert_eq!(world.wait(29_000), 0);
    assert_eq!(world.tell("a", stays(epoch)), unchanged(epoch));
    assert_eq!(world.wait(1_001), 1);
    assert_eq!(world.tell("a", stays(epoch)), Err(GroupError::UnknownMemberId));
    assert!(world.tell("b", stays(5)).unwrap().assigned.unwrap().contains("t-0 t-1"));
}

#[test]
fn epochs_that_are_not_a_members_own_are_fenced() {
    let mut world = World::new(&[("t", 2)]);
    assert_eq!(world.tell("a", stays(1)), Err(GroupError::GroupNotFound));
    world.tell("a", joins(&["t"])).unwrap();
    let fenced = |named, known| Err(GroupError::FencedMemberEpoch { named: MemberEpoch(named), known: MemberEpoch(known) });
    assert_eq!(world.tell("a", stays(3)), fenced(3, 2));
    assert_eq!(world.tell("a", stays(1)), fenced(1, 2));
    // Its answer was lost: it names the epoch before, and owns no more than it is known to have.
    let mut world = World::new(&[("t", 2)]);
    world.tell("a", joins(&["t"])).unwrap();
    world.topics.topics.insert("u".to_string(), 1);
    assert_eq!(world.tell("a", Says { names: Some(&["t", "u"]), ..owns(2, "t-0 t-1") }), told(3, "t-0 t-1 u-0"));
    assert_eq!(world.tell("a", owns(2, "t-0 t-1")), unchanged(3));
    assert_eq!(world.tell("a", owns(2, "t-0 x-1")), fenced(2, 3));
    assert_eq!(world.tell("a", stays(2)), fenced(2, 3));
    // Joining anew is always possible.
    assert_eq!(world.tell("a", joins(&["t", "u"])), told(3, "t-0 t-1 u-0"));
}

#[test]
fn static_members_come_back_to_what_they_had() {
    let mut world = World::new(&[("t", 2)]);
    let joins_as = |instance| Says { instance: Some(instance), ..joins(&["t"]) };
    let as_one = |says: Says<'static>, instance| Says { instance: Some(instance), ..says };
    assert_eq!(world.tell("a", joins_as("one")), told(2, "t-0 t-1"));
    assert_eq!(world.tell("b", joins_as("one")), Err(GroupError::UnreleasedInstanceId));
    assert_eq!(world.tell("b", as_one(stays(2), "one")), Err(GroupError::FencedInstanceId));
    assert_eq!(world.tell("a", as_one(stays(2), "two")), Err(GroupError::UnknownMemberId));
    assert_eq!(world.tell("a", as_one(stays(-2), "one")), unchanged(-2));
    assert_eq!(world.tell("b", joins_as("one")), told(2, "t-0 t-1"));
    assert_eq!(world.tell("a", as_one(stays(2), "one")), Err(GroupError::FencedInstanceId));
    assert_eq!(world.tell("a", stays(2)), Err(GroupError::UnknownMemberId));
    assert_eq!(world.tell("b", as_one(stays(2), "one")), unchanged(2));
    // One that does not come back is out when its session ends.
    assert_eq!(world.tell("b", as_one(stays(-2), "one")), unchanged(-2));
    assert_eq!(world.wait(45_001), 1);
    assert_eq!(world.tell("c", joins_as("one")), told(4, "t-0 t-1"));
}

#[test]
fn topics_that_change_make_another_target() {
    let mut world = World::new(&[("t", 1)]);
    assert_eq!(world.tell("a", joins(&["t", "u"])), told(2, "t-0"));
    assert_eq!(world.tell("a", stays(2)), unchanged(2));
    world.topics.topics.insert("t".to_string(), 2);
    assert_eq!(world.tell("a", stays(2)), unchanged(2));
    world.topics.version += 1;
    assert_eq!(world.tell("a", stays(2)), told(3, "t-0 t-1"));
    world.topics.topics.insert("u".to_string(), 1);
    world.topics.topics.insert("v".to_string(), 1);
    world.topics.version += 1;
    assert_eq!(world.tell("a", stays(3)), told(4, "t-0 t-1 u-0"));
    // A topic that is gone is taken back at once.
    world.topics.topics.remove("t");
    world.topics.version += 1;
    assert_eq!(world.tell("a", stays(4)), told(4, "u-0"));
    assert_eq!(world.tell("a", owns(4, "u-0")), unchanged(5));
}

#[test]
fn an_assignor_that_most_want_is_taken() {
    let mut world = World::new(&[("t", 4), ("u", 4)]);
    let wants = |assignor| Says { assignor: Some(assignor), ..joins(&["t", "u"]) };
    assert_eq!(world.tell("a", wants("nobody's")), Err(GroupError::UnsupportedAssignor));
    assert!(world.tell("a", wants("range")).is_ok());
    assert!(world.tell("b", wants("range")).is_ok());
    assert_eq!(world.tell("a", stays(2)), told(2, "t-0 t-1 u-0 u-1"));
}

#[test]
fn a_restart_changes_nothing() {
    let mut world = World::new(&[("t", 4), ("u", 3)]);
    world.tell("a", joins(&["t", "u"])).unwrap();
    world.tell("b", Says { instance: Some("one"), ..joins(&["t"]) }).unwrap();
    let kept = world.tell("a", stays(2)).unwrap().assigned.unwrap();
    world.restart();
    assert_eq!(world.tell("a", stays(2)), unchanged(2), "what it is to give back is still to be given back");
    assert_eq!(world.tell("a", owns(2, &kept)), unchanged(3));
    world.restart();
    assert!(world.tell("b", Says { instance: Some("one"), ..stays(3) }).unwrap().assigned.unwrap().contains("t-"));
    world.restart();
    // Sessions begin anew with the restart.
    assert_eq!(world.wait(45_001), 2);
    world.restart();
    assert_eq!(world.tell("c", joins(&["u"])), told(6, "u-0 u-1 u-2"));
}

#[test]
fn a_target_stays_for_its_time() {
    let mut world = World::new(&[("t", 2)]);
    world.coordinator = coordinator(1000);
    assert_eq!(world.tell("a", joins(&["t"])), told(2, "t-0 t-1"));
    // The next one has to wait, and is in the epoch of the old target.
    assert_eq!(world.tell("b", joins(&["t"])), told(2, ""));
    assert_eq!(world.tell("a", stays(2)), unchanged(2));
    world.wait(1000);
    assert_eq!(world.tell("b", stays(2)), unchanged(3));
}

#[test]
fn patterns_match_topics_that_come_later() {
    let mut world = World::new(&[("a1", 1), ("b1", 1)]);
    let matches = |pattern| Says { pattern: Some(pattern), owned: Some(""), ..Says::default() };
    // What is no pattern changes nothing: neither is there a group, nor has a member of it another subscription.
    assert_eq!(world.tell("m", matches("a")), Err(GroupError::InvalidPattern));
    assert_eq!((world.log.len(), world.coordinator.group("g").is_none()), (0, true));
    assert_eq!(world.tell("m", stays(1)), Err(GroupError::GroupNotFound));
    assert_eq!(world.tell("m", matches("a*")), told(2, "a1-0"));
    assert_eq!(world.tell("m", Says { pattern: Some("b"), ..stays(2) }), Err(GroupError::InvalidPattern));
    let written = world.log.len();
    assert_eq!(world.tell("m", stays(2)), unchanged(2));
    assert_eq!(world.log.len(), written);
    // A topic that comes is found, but not more often than every ten seconds.
    world.topics.topics.insert("a2".to_string(), 1);
    world.topics.version += 1;
    assert_eq!(world.tell("m", stays(2)), unchanged(2));
    world.wait(10_000);
    assert_eq!(world.tell("m", stays(2)), told(3, "a1-0 a2-0"));
    // Another member has the same pattern: nothing is looked up for it.
    assert_eq!(world.tell("n", matches("a*")), told(4, ""));
    let left = world.tell("m", stays(3)).unwrap().assigned.unwrap();
    assert_eq!(world.tell("m", owns(3, &left)), unchanged(4));
    assert_eq!(world.tell("n", stays(4)).unwrap().assigned.unwrap().len(), 4);
    world.restart();
    assert_eq!(world.tell("n", stays(4)), unchanged(4));
    // With another pattern it has other topics; names and patterns go together.
    let other = Says { names: Some(&["a1"]), pattern: Some("b*"), ..stays(4) };
    let told = world.tell("m", other).unwrap();
    assert_eq!(told.assigned.as_deref().map(|all| all.contains("b1-0")), Some(true), "{told:?}");
    assert_eq!(world.tell("n", stays(-1)), unchanged(-1));
    world.wait(10_001);
    let all = world.tell("m", Says { names: Some(&["a1"]), pattern: Some("b*"), ..owns(0, "") }).unwrap();
    assert_eq!(all.assigned.as_deref(), Some("a1-0 b1-0"));
    // None any more.
    let none = Says { pattern: Some(""), ..owns(all.epoch, "a1-0") };
    assert_eq!(world.tell("m", none).unwrap().assigned.as_deref(), Some("a1-0"));
    assert_eq!(world.tell("m", stays(-1)), unchanged(-1));
}

#[test]
fn a_pattern_that_another_broker_could_read_matches_nothing() {
    let mut world = World::new(&[("a1", 1), ("b1", 1)]);
    let matches = |pattern| Says { pattern: Some(pattern), owned: Some(""), ..Says::default() };
    assert_eq!(world.tell("m", matches("a*")), told(2, "a1-0"));
    // The log was another broker's, whose patterns are not quite ours.
    world.topics.unreadable = Some("a*".to_string());
    world.topics.version += 1;
    world.wait(10_000);
    assert_eq!(world.tell("n", joins(&["b1"])), told(4, "b1-0"));
    assert_eq!(world.tell("m", stays(2)), told(2, ""));
}

/// A member as a client is one: it gives back before it takes, and says so.
#[derive(Clone, Debug, Default)]
struct Client {
    epoch: i32,
    owned: alloc::collections::BTreeSet<String>,
    /// What it was told to have, and has not taken up yet.
    told: Option<alloc::collections::BTreeSet<String>>,
    /// Whether it lives.
    is_up: bool,
    /// Whether an answer has not come: then it says everything once more, to be told everything.
    lacks: bool,
}

/// Small, and the same on every machine.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

impl World {
    /// One heartbeat of a client; `lost` answers never reach it.
    fn beat(&mut self, name: &str, client: &mut Client, names: &[&str], is_lost: bool) {
        // What it is to give back it has given back by now; then it takes up the rest.
        let text: String = match &client.told {
            Some(told) => client.owned.intersection(told).cloned().collect::<Vec<_>>().join(" "),
            None => client.owned.iter().cloned().collect::<Vec<_>>().join(" "),
        };
        client.owned = text.split_whitespace().map(ToString::to_string).collect();
        let again = Says { names: Some(names), is_full: true, ..owns(client.epoch, &text) };
        let says = match client.epoch {
            0 => joins(names),
            _ if client.lacks => again,
            _ => owns(client.epoch, &text),
        };
        client.lacks = is_lost;
        let answer = self.tell(name, says);
        if is_lost {
            return;
        }
        match answer {
            Ok(told) => {
                client.epoch = told.epoch;
                let Some(assigned) = told.assigned else {
                    // It has given back what it was to, and takes up the rest.
                    client.owned = client.told.clone().unwrap_or_default();
                    return;
                };
                let assigned: alloc::collections::BTreeSet<String> = assigned.split_whitespace().map(ToString::to_string).collect();
                // Nothing is taken up while something is to be given back.
                if client.owned.is_subset(&assigned) {
                    client.owned.clone_from(&assigned);
                }
                client.told = Some(assigned);
            }
            Err(GroupError::FencedMemberEpoch { .. } | GroupError::UnknownMemberId) => {
                *client = Client { is_up: true, ..Client::default() };
            }
            Err(error) => panic!("{name}: {error:?}"),
        }
    }
}

#[test]
fn whatever_happens_nobody_reads_what_another_reads_and_all_is_read_in_the_end() {
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut world = World::new(&[("t", 5), ("u", 3)]);
        let mut clients: Vec<Client> = NAMES.map(|_| Client::default()).to_vec();
        for _ in 0..120 {
            let at = usize::try_from(dice.roll(5)).unwrap();
            let (name, client) = (NAMES[at], &mut clients[at]);
            match (client.is_up, dice.roll(20)) {
                (false, 0..=9) => *client = Client { is_up: true, ..Client::default() },
                (false, _) => {}
                (true, 0) => {
                    // It is gone without a word. What it read it reads no more.
                    *client = Client::default();
                }
                (true, 1) => {
                    let left = world.tell(name, stays(-1));
                    assert!(matches!(left, Ok(_) | Err(GroupError::UnknownMemberId | GroupError::GroupNotFound)), "seed {seed}: {left:?}");
                    *client = Client::default();
                }
                (true, 2) => {
                    world.topics.topics.insert("t".to_string(), 5 + u32::try_from(dice.roll(4)).unwrap());
                    world.topics.version += 1;
                }
                (true, 3) => world.restart(),
                (true, roll) => world.beat(name, client, &["t", "u"], roll < 6),
            }
            // Who was fenced for its silence notices when it speaks next: until then it has stopped reading by itself.
            let span = dice.roll(4000);
            world.wait(span);
            let mut read: BTreeMap<&String, &str> = BTreeMap::new();
            for (name, client) in NAMES.iter().zip(&clients) {
                let slot = world.coordinator.find_group("g").and_then(|group| world.coordinator.find_consumer(group, name));
                if slot.is_none() {
                    continue;
                }
                for partition in &client.owned {
                    let other = read.insert(partition, name);
                    assert!(other.is_none(), "seed {seed}: {partition} is read by {name} and {other:?}");
                }
            }
        }
        // Everybody who is there speaks for a while, and nobody else is waited for any more.
        for _ in 0..30 {
            for (name, client) in NAMES.iter().zip(&mut clients).filter(|(_, client)| client.is_up) {
                world.beat(name, client, &["t", "u"], false);
            }
            world.wait(4_000);
        }
        let up: Vec<&Client> = clients.iter().filter(|client| client.is_up).collect();
        if up.is_empty() {
            continue;
        }
        let all: alloc::collections::BTreeSet<&String> = up.iter().flat_map(|client| &client.owned).collect();
        let count = usize::try_from(world.topics.topics.values().sum::<u32>()).unwrap();
        let sizes: Vec<usize> = up.iter().map(|client| client.owned.len()).collect();
        assert_eq!((all.len(), sizes.iter().sum::<usize>()), (count, count), "seed {seed}: {sizes:?}");
        assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "seed {seed}: {sizes:?}");
        assert_eq!(world.coordinator.consumer_group_view("g").unwrap().state().name(), "Stable", "seed {seed}");
    }
}
