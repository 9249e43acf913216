//! Groups go from one protocol to the other and back, while members of both read.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::group::answer::Answer;
use crate::group::config::MigrationPolicy;
use crate::group::coordinator::Coordinator;
use crate::group::error::GroupError;
use crate::group::input::{
    Caller, Commit, CommitPartition, Heartbeat, Input, Join, Leave, LeavingMember, MemberAssignment, Protocol, Sync,
};
use crate::ids::{CallId, GenerationId, MemberEpoch, Offset, PartitionIndex};
use crate::machine::{Answers, When};
use crate::member::consumer_protocol::{
    AssignmentTopicPartition, ConsumerProtocolAssignment, ConsumerProtocolSubscription, SubscriptionTopicPartition, assignment,
};
use crate::time::Millis;
use crate::wire::schema::Message as _;
use crate::wire::value::Array;
use crate::wire::writer::Writer;

use super::modern_tests::{Dice, Says, Told, World, id_of, joins, owns, stays, told, told_by, unchanged};

/// What a classic member was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reply {
    Joined {
        generation: i32,
        protocol: String,
        leads: Vec<String>,
    },
    Refused(String, GroupError),
    /// As `t-0 t-1`.
    Synced(Result<String, GroupError>),
    Heard(Result<(), GroupError>),
    Left(Vec<Option<GroupError>>),
    Committed(Option<GroupError>),
    Modern(Result<Told, GroupError>),
}

#[derive(Default)]
struct Replies(BTreeMap<u64, Reply>);

impl Answers<Coordinator<'static>> for Replies {
    fn answer(&mut self, call: CallId, _: When, answer: Answer<'_>) {
        let reply = match answer {
            Answer::Joined(joined) => Reply::Joined {
                generation: joined.generation_id.0,
                protocol: joined.protocol_name.unwrap_or("-").to_string(),
                leads: joined.roster.iter().map(|member| member.member_id.to_string()).collect(),
            },
            Answer::JoinRefused { member_id, error } => Reply::Refused(member_id.to_string(), error),
            Answer::Synced { assignment, .. } => Reply::Synced(Ok(shown(assignment))),
            Answer::SyncRefused(error) => Reply::Synced(Err(error)),
            Answer::Heartbeat(result) => Reply::Heard(result),
            Answer::Left(result) => Reply::Left(result.unwrap().to_vec()),
            Answer::Committed(result) => Reply::Committed(result.map_or_else(Some, |all| all[0])),
            modern => Reply::Modern(told_by(modern)),
        };
        let before = self.0.insert(call.0, reply);
        assert!(before.is_none(), "{call:?} is answered once");
    }
}

fn shown(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return String::new();
    }
    let read = assignment(bytes).expect("an assignment");
    let each = |topic: AssignmentTopicPartition<'_>| {
        topic.partitions.iter().map(|partition| alloc::format!("{}-{partition}", topic.topic)).collect::<Vec<_>>()
    };
    let mut all: Vec<String> = read.assigned_partitions.iter().flat_map(each).collect();
    all.sort();
    all.join(" ")
}

fn by_topic(held: &str) -> BTreeMap<&str, Vec<i32>> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for held in held.split_whitespace() {
        let (topic, partition) = held.split_once('-').unwrap();
        topics.entry(topic).or_default().push(partition.parse().unwrap());
    }
    topics
}

/// A subscription of version 1, which says what its member owns.
fn subscription(names: &[&str], owned: &str) -> Vec<u8> {
    let owned = by_topic(owned);
    let owned: Vec<SubscriptionTopicPartition<'_>> =
        owned.iter().map(|(topic, partitions)| SubscriptionTopicPartition { topic, partitions: Array::from(&**partitions) }).collect();
    let message = ConsumerProtocolSubscription { topics: Array::from(names), owned_partitions: Array::from(&*owned), ..Default::default() };
    let mut writer = Writer::growing();
    writer.put(&1i16.to_be_bytes());
    message.encode(&mut writer, 1);
    writer.bytes().to_vec()
}

fn assigned(held: &str, user_data: Option<&[u8]>) -> Vec<u8> {
    let topics = by_topic(held);
    let topics: Vec<AssignmentTopicPartition<'_>> =
        topics.iter().map(|(topic, partitions)| AssignmentTopicPartition { topic, partitions: Array::from(&**partitions) }).collect();
    let message = ConsumerProtocolAssignment { assigned_partitions: Array::from(&*topics), user_data };
    let mut writer = Writer::growing();
    writer.put(&1i16.to_be_bytes());
    message.encode(&mut writer, 1);
    writer.bytes().to_vec()
}

/// The calls of classic members, which may be answered later.
#[derive(Default)]
struct Calls {
    replies: Replies,
    count: u64,
}

fn caller<'a>(call: u64, member_id: &'a str, instance: Option<&'a str>) -> Caller<'a> {
    Caller { call: CallId(call), group_id: "g", member_id, group_instance_id: instance }
}

impl Calls {
    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn take(&mut self, call: u64) -> Reply {
        self.replies.0.remove(&call).unwrap_or_else(|| panic!("call {call} is answered"))
    }

    fn join_as(&mut self, world: &mut World, id: &str, instance: Option<&str>, offers: &[(&str, &[u8])]) -> u64 {
        let call = self.next();
        let protocols: Vec<Protocol<'_>> = offers.iter().map(|(name, metadata)| Protocol { name, metadata }).collect();
        let suffix = alloc::format!("fresh{call}");
        let join = Join {
            caller: caller(call, id, instance),
            client_id: "client",
            client_host: "/host",
            session_timeout: Millis(10_000),
            rebalance_timeout: Millis(5_000),
            protocol_type: "consumer",
            protocols: &protocols,
            id_required: true,
            may_skip_assignment: true,
            id_suffix: &suffix,
        };
        world.ask(Input::Join(join), &mut self.replies);
        call
    }

    fn tell(&mut self, world: &mut World, id: &str, says: Says<'_>) -> Result<Told, GroupError> {
        let call = self.next();
        world.tell_as(CallId(call), id, says, &mut self.replies);
        let Reply::Modern(result) = self.take(call) else { panic!("a heartbeat is answered as one") };
        result
    }

    /// One that offers `range` alone.
    fn join(&mut self, world: &mut World, id: &str, owned: &str) -> u64 {
        self.join_as(world, id, None, &[("range", &subscription(&["t"], owned))])
    }

    fn sync(&mut self, world: &mut World, id: &str, generation: i32, gives: &[(&str, &str)]) -> u64 {
        let call = self.next();
        let gives: Vec<(&str, Vec<u8>)> = gives.iter().map(|(id, held)| (*id, assigned(held, None))).collect();
        let assignments: Vec<MemberAssignment<'_>> =
            gives.iter().map(|(member_id, assignment)| MemberAssignment { member_id, assignment }).collect();
        let sync = Sync {
            caller: caller(call, id, None),
            generation_id: GenerationId(generation),
            protocol_type: Some("consumer"),
            protocol_name: Some("range"),
            assignments: &assignments,
        };
        world.ask(Input::Sync(sync), &mut self.replies);
        call
    }

    fn synced(&mut self, world: &mut World, id: &str, generation: i32) -> Result<String, GroupError> {
        let call = self.sync(world, id, generation, &[]);
        let Reply::Synced(result) = self.take(call) else { panic!("a sync is answered as one") };
        result
    }

    fn beat(&mut self, world: &mut World, id: &str, generation: i32) -> Result<(), GroupError> {
        let call = self.next();
        let heartbeat = Heartbeat { caller: caller(call, id, None), generation_id: GenerationId(generation) };
        world.ask(Input::Heartbeat(heartbeat), &mut self.replies);
        let Reply::Heard(result) = self.take(call) else { panic!("a heartbeat is answered as one") };
        result
    }

    fn leave(&mut self, world: &mut World, members: &[LeavingMember<'_>]) -> Vec<Option<GroupError>> {
        let call = self.next();
        world.ask(Input::Leave(Leave { call: CallId(call), group_id: "g", members }), &mut self.replies);
        let Reply::Left(results) = self.take(call) else { panic!("a leave is answered as one") };
        results
    }

    fn commit(&mut self, world: &mut World, id: &str, generation: i32) -> Option<GroupError> {
        let call = self.next();
        let partition = CommitPartition {
            topic: "t",
            topic_id: id_of("t"),
            partition: PartitionIndex(0),
            offset: Offset(7),
            leader_epoch: None,
            metadata: "",
        };
        let commit = Commit {
            caller: caller(call, id, None),
            generation_id: Some(GenerationId(generation)),
            knows_epochs: false,
            transaction: None,
            expire_timestamp: None,
            partitions: &[partition],
        };
        world.ask(Input::Commit(commit), &mut self.replies);
        let Reply::Committed(result) = self.take(call) else { panic!("a commit is answered as one") };
        result
    }

    /// Joins as a client that brings the id it is given; answers that, and the call that is still open.
    fn come(&mut self, world: &mut World) -> (String, u64) {
        let call = self.join(world, "", "");
        let Reply::Refused(id, GroupError::MemberIdRequired) = self.take(call) else { panic!("it is given an id first") };
        let call = self.join(world, &id, "");
        (id, call)
    }

    /// A classic group of one member that has both partitions of `t`, in generation 1.
    fn settled(&mut self, world: &mut World) -> String {
        let (id, call) = self.come(world);
        world.wait_with(3_000, &mut self.replies);
        let expected = Reply::Joined { generation: 1, protocol: "range".to_string(), leads: Vec::from([id.clone()]) };
        assert_eq!(self.take(call), expected);
        let call = self.sync(world, &id, 1, &[(&id, "t-0 t-1")]);
        assert_eq!(self.take(call), Reply::Synced(Ok("t-0 t-1".to_string())));
        id
    }
}

fn joined(generation: i32) -> Reply {
    Reply::Joined { generation, protocol: "range".to_string(), leads: Vec::new() }
}

#[test]
fn a_group_goes_up_and_down_again_while_its_members_read() {
    let (mut world, mut calls) = (World::new(&[("t", 2)]), Calls::default());
    let a = calls.settled(&mut world);
    assert_eq!(calls.commit(&mut world, &a, 1), None);

    // Up: the newcomer finds everything held, and the member that was there is sent to join again.
    assert_eq!(calls.tell(&mut world, "b", joins(&["t"])), told(2, ""));
    let view = world.coordinator.consumer_group_view("g").expect("a consumer group");
    assert_eq!(view.members().map(|member| member.is_classic).collect::<Vec<_>>(), [true, false]);
    assert_eq!(calls.beat(&mut world, &a, 1), Err(GroupError::RebalanceInProgress));
    let call = calls.join(&mut world, &a, "");
    assert_eq!(calls.take(call), joined(2));
    assert_eq!(calls.synced(&mut world, &a, 1), Err(GroupError::IllegalGeneration));
    let kept = calls.synced(&mut world, &a, 2).unwrap();
    assert_eq!(kept.len(), 3, "one of the two: {kept}");
    assert_eq!(calls.beat(&mut world, &a, 2), Ok(()));
    let given = calls.tell(&mut world, "b", stays(2)).unwrap().assigned.unwrap();
    assert_eq!(BTreeSet::from([&*kept, &*given]), BTreeSet::from(["t-0", "t-1"]));
    assert_eq!(calls.commit(&mut world, &a, 2), None);
    assert_eq!(calls.commit(&mut world, &a, 3), Some(GroupError::IllegalGeneration));

    // A member joins that says nothing new: all stays as it is.
    let call = calls.join(&mut world, &a, &kept);
    assert_eq!(calls.take(call), joined(2));
    assert_eq!(calls.synced(&mut world, &a, 2), Ok(kept.clone()));

    // What was written is what is.
    world.restart();
    assert_eq!(calls.beat(&mut world, &a, 2), Ok(()));
    assert_eq!(calls.tell(&mut world, "b", stays(2)), unchanged(2));

    // Down: in the epoch of the group, and its members join again.
    assert_eq!(calls.tell(&mut world, "b", stays(-1)), unchanged(-1));
    assert!(world.coordinator.consumer_group_view("g").is_none());
    assert_eq!(world.wait(0), 0);
    assert_eq!(world.coordinator.group("g").unwrap().state().name(), "PreparingRebalance");
    assert_eq!(calls.beat(&mut world, &a, 2), Err(GroupError::RebalanceInProgress));
    let call = calls.join(&mut world, &a, &kept);
    let expected = Reply::Joined { generation: 3, protocol: "range".to_string(), leads: Vec::from([a.clone()]) };
    assert_eq!(calls.take(call), expected);
    let call = calls.sync(&mut world, &a, 3, &[(&a, "t-0 t-1")]);
    assert_eq!(calls.take(call), Reply::Synced(Ok("t-0 t-1".to_string())));
    world.restart();
    assert_eq!(calls.beat(&mut world, &a, 3), Ok(()));
    assert_eq!(world.coordinator.committed("g", "t", PartitionIndex(0)).map(|kept| kept.offset), Some(Offset(7)));
}

#[test]
fn what_a_cooperative_member_still_reads_is_nobody_elses_when_its_group_goes_up() {
    // It was given one of the two that it owns, and has yet to give the other one back.
    let (mut world, mut calls) = (World::new(&[("t", 2)]), Calls::default());
    let a = calls.settled(&mut world);
    let call = calls.join(&mut world, &a, "t-0 t-1");
    assert!(matches!(calls.take(call), Reply::Joined { generation: 2, .. }));
    let call = calls.sync(&mut world, &a, 2, &[(&a, "t-0")]);
    assert_eq!(calls.take(call), Reply::Synced(Ok("t-0".to_string())));
    gives_back_first(&mut world, &mut calls, &a, "t-0");

    // The round in which it said what it owns never came to its end, and what it was given before is forgotten.
    let (mut world, mut calls) = (World::new(&[("t", 2)]), Calls::default());
    let a = calls.settled(&mut world);
    let call = calls.join(&mut world, &a, "t-0 t-1");
    assert!(matches!(calls.take(call), Reply::Joined { generation: 2, .. }));
    let call = calls.sync(&mut world, &a, 1, &[]);
    assert_eq!(calls.take(call), Reply::Synced(Err(GroupError::IllegalGeneration)));
    let (b, _) = calls.come(&mut world);
    let call = calls.leave(&mut world, &[LeavingMember { member_id: &b, group_instance_id: None }]);
    assert_eq!(call, [None]);
    gives_back_first(&mut world, &mut calls, &a, "");
}

/// A classic member that owns both partitions of `t` sees its group go up, and joins again until it has given back.
fn gives_back_first(world: &mut World, calls: &mut Calls, a: &str, given: &str) {
    assert_eq!(calls.tell(world, "m", joins(&["t"])).map(|told| told.assigned), Ok(Some(String::new())));
    world.restart();
    assert_eq!(calls.tell(world, "m", stays(3)).map(|told| told.assigned), Ok(None));
    assert_eq!(calls.beat(world, a, 2), Err(GroupError::RebalanceInProgress));
    let call = calls.join(world, a, "t-0 t-1");
    assert_eq!(calls.take(call), joined(2));
    assert_eq!(calls.synced(world, a, 2), Ok(given.to_string()));
    assert_eq!(calls.tell(world, "m", stays(3)).map(|told| told.assigned), Ok(None));
    let call = calls.join(world, a, given);
    assert_eq!(calls.take(call), joined(3));
    let kept = calls.synced(world, a, 3).unwrap();
    let other = calls.tell(world, "m", stays(3)).unwrap().assigned.unwrap();
    assert_eq!(BTreeSet::from([&*kept, &*other]), BTreeSet::from(["t-0", "t-1"]));
}

#[test]
fn who_waits_in_a_round_is_sent_to_join_the_consumer_group() {
    let (mut world, mut calls) = (World::new(&[("t", 2)]), Calls::default());
    // Two wait for the first generation, and one has an id it has not come back with.
    let (a, first) = calls.come(&mut world);
    let (b, second) = calls.come(&mut world);
    let call = calls.join(&mut world, "", "");
    let Reply::Refused(c, _) = calls.take(call) else { panic!("an id") };
    assert_eq!(calls.tell(&mut world, "m", joins(&["t"])).map(|told| told.epoch), Ok(1));
    assert_eq!(calls.take(first), Reply::Refused(a.clone(), GroupError::RebalanceInProgress));
    assert_eq!(calls.take(second), Reply::Refused(b.clone(), GroupError::RebalanceInProgress));
    for id in [&a, &b, &c] {
        let call = calls.join(&mut world, id, "");
        assert!(matches!(calls.take(call), Reply::Joined { .. }));
    }
    assert_eq!(world.coordinator.consumer_group_view("g").unwrap().members().count(), 4);
}

#[test]
fn classic_members_are_out_when_they_take_too_long() {
    let (mut world, mut calls) = (World::new(&[("t", 2)]), Calls::default());
    let a = calls.settled(&mut world);
    // Its session is its own, not that of consumer groups.
    calls.tell(&mut world, "b", joins(&["t"])).unwrap();
    assert_eq!(world.wait(9_999), 0);
    assert_eq!(world.wait(1), 1);
    assert_eq!(calls.beat(&mut world, &a, 1), Err(GroupError::UnknownMemberId));
    assert_eq!(calls.tell(&mut world, "b", stays(2)), told(3, "t-0 t-1"));

    // What it had is somebody else's: it comes back when it has given that up.
    let call = calls.join(&mut world, &a, "t-0 t-1");
    assert_eq!(calls.take(call), Reply::Refused(String::new(), GroupError::UnknownMemberId));

    // One that is told to join again has its rebalance timeout for it, from when it was first told.
    let (c, call) = calls.come(&mut world);
    assert_eq!(calls.take(call), joined(4));
    assert_eq!(calls.synced(&mut world, &c, 4), Ok(String::new()));
    let left = calls.tell(&mut world, "b", stays(3)).unwrap().assigned.unwrap();
    calls.tell(&mut world, "b", owns(3, &left)).unwrap();
    assert_eq!(calls.beat(&mut world, &c, 4), Err(GroupError::RebalanceInProgress), "what it is to have is free");
    world.wait(3_000);
    assert_eq!(calls.beat(&mut world, &c, 4), Err(GroupError::RebalanceInProgress));
    assert_eq!(world.wait(1_999), 0);
    assert_eq!(world.wait(1), 1);
    assert_eq!(calls.beat(&mut world, &c, 4), Err(GroupError::UnknownMemberId));

    // One that has joined has its rebalance timeout to ask for what it got.
    let (d, call) = calls.come(&mut world);
    let Reply::Joined { generation, .. } = calls.take(call) else { panic!("a seat") };
    assert_eq!(world.wait(4_999), 0);
    assert_eq!(calls.beat(&mut world, &d, generation), Ok(()));
    assert_eq!(world.wait(1), 1);
    assert_eq!(calls.beat(&mut world, &d, generation), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_silent_last_consumer_takes_the_group_down_with_it() {
    let (mut world, mut calls) = (World::new(&[("t", 2)]), Calls::default());
    let a = calls.settled(&mut world);
    calls.tell(&mut world, "b", joins(&["t"])).unwrap();
    let call = calls.join(&mut world, &a, "");
    assert_eq!(calls.take(call), joined(2));
    calls.synced(&mut world, &a, 2).unwrap();
    for _ in 0..9 {
        world.wait(5_000);
        let _ = calls.beat(&mut world, &a, 2);
    }
    world.wait(1);
    let group = world.coordinator.group("g").unwrap();
    assert!(group.consumer_group().is_none());
    assert_eq!(group.state().name(), "PreparingRebalance");
    // It was down when it stopped, and whoever starts it finds a classic group.
    world.restart();
    assert_eq!(calls.beat(&mut world, &a, 1), Err(GroupError::IllegalGeneration));
    assert_eq!(calls.beat(&mut world, &a, 2), Ok(()));
}

#[test]
fn a_static_member_changes_its_protocol_in_its_seat() {
    let (mut world, mut calls) = (World::new(&[("t", 2)]), Calls::default());
    let range = subscription(&["t"], "");
    let call = calls.join_as(&mut world, "", Some("one"), &[("range", &range)]);
    world.wait_with(3_000, &mut calls.replies);
    let Reply::Joined { leads, .. } = calls.take(call) else { panic!("a seat") };
    let call = calls.sync(&mut world, &leads[0], 1, &[(&leads[0], "t-0 t-1")]);
    calls.take(call);
    // What is no pattern takes no group up.
    let bad = Says { instance: Some("two"), pattern: Some("bad"), owned: Some(""), ..Says::default() };
    assert_eq!(calls.tell(&mut world, "c", bad), Err(GroupError::InvalidPattern));
    assert!(world.coordinator.group("g").unwrap().consumer_group().is_none());
    // Up: nobody has to leave first, and nothing moves.
    let as_one = |says: Says<'static>| Says { instance: Some("one"), ..says };
    assert_eq!(calls.tell(&mut world, "b", as_one(joins(&["t"]))), told(1, "t-0 t-1"));
    assert_eq!(calls.beat(&mut world, &leads[0], 1), Err(GroupError::UnknownMemberId));
    // Down: the same.
    let call = calls.join_as(&mut world, "", Some("one"), &[("range", &range)]);
    assert_eq!(calls.take(call), joined(1));
    let group = world.coordinator.group("g").unwrap();
    assert_eq!((group.consumer_group().is_none(), group.state().name()), (true, "Stable"));
    let id = group.members().next().unwrap().member_id.to_string();
    assert_eq!(calls.synced(&mut world, &id, 1), Ok("t-0 t-1".to_string()));
    assert_eq!(calls.tell(&mut world, "b", as_one(stays(1))), Err(GroupError::GroupNotFound));
}

#[test]
fn groups_that_may_not_or_cannot_go_up_stay_classic() {
    let policy = |world: &mut World, policy| {
        let config = *world.coordinator.config();
        world.coordinator.configure(crate::group::config::GroupConfig { consumer_migration: policy, ..config });
    };
    let (mut world, mut calls) = (World::new(&[("t", 2)]), Calls::default());
    let a = calls.settled(&mut world);
    for forbidden in [MigrationPolicy::Disabled, MigrationPolicy::Downgrade] {
        policy(&mut world, forbidden);
        assert_eq!(calls.tell(&mut world, "b", joins(&["t"])), Err(GroupError::GroupNotFound));
    }
    policy(&mut world, MigrationPolicy::Upgrade);
    assert_eq!(calls.tell(&mut world, "b", stays(1)), Err(GroupError::GroupNotFound), "only who joins takes it up");
    assert_eq!(calls.tell(&mut world, "b", joins(&["t"])), told(2, ""));
    // And it stays up when that is forbidden.
    assert_eq!(calls.tell(&mut world, "b", stays(-1)), unchanged(-1));
    assert!(world.coordinator.consumer_group_view("g").is_some());
    assert_eq!(calls.beat(&mut world, &a, 1), Err(GroupError::RebalanceInProgress));

    // An assignor of its own has said more than partitions: that would be lost.
    let (mut world, mut calls) = (World::new(&[("t", 2)]), Calls::default());
    let (id, call) = calls.come(&mut world);
    world.wait_with(3_000, &mut calls.replies);
    calls.take(call);
    let call = calls.next();
    let given = [MemberAssignment { member_id: &id, assignment: &assigned("t-0", Some(b"more")) }];
    let sync = Sync {
        caller: caller(call, &id, None),
        generation_id: GenerationId(1),
        protocol_type: None,
        protocol_name: None,
        assignments: &given,
    };
    world.ask(Input::Sync(sync), &mut calls.replies);
    let written = world.log.len();
    assert_eq!(calls.tell(&mut world, "b", joins(&["t"])), Err(GroupError::GroupNotFound));
    assert_eq!(world.log.len(), written);
    assert_eq!(calls.beat(&mut world, &id, 1), Ok(()));
}

#[test]
fn members_that_offer_nothing_in_common_are_refused() {
    let (mut world, mut calls) = (World::new(&[("t", 2)]), Calls::default());
    calls.settled(&mut world);
    calls.tell(&mut world, "b", joins(&["t"])).unwrap();
    let said = subscription(&["t"], "");
    let refused = |reply| matches!(reply, Reply::Refused(_, GroupError::InconsistentProtocol));
    let call = calls.join_as(&mut world, "x", None, &[("sticky", &said)]);
    assert!(refused(calls.take(call)));
    let call = calls.join_as(&mut world, "x", None, &[("range", b"")]);
    assert!(refused(calls.take(call)), "no subscription");
    let call = calls.join_as(&mut world, "x", None, &[]);
    assert!(refused(calls.take(call)));
    let call = calls.join_as(&mut world, "x", None, &[("sticky", &said), ("range", &said)]);
    assert_eq!(calls.take(call), Reply::Joined { generation: 3, protocol: "sticky".to_string(), leads: Vec::new() });
    // Whoever speaks the consumer protocol is no member of the other one.
    assert_eq!(calls.synced(&mut world, "b", 2), Err(GroupError::UnknownMemberId));
    assert_eq!(calls.beat(&mut world, "b", 2), Err(GroupError::UnknownMemberId));
    let by = |member_id: &'static str| LeavingMember { member_id, group_instance_id: None };
    let left = calls.leave(&mut world, &[by("x"), by("y"), by("x")]);
    assert_eq!(left, [None, Some(GroupError::UnknownMemberId), None]);
}

/// A member of either protocol, as clients are.
#[derive(Clone, Debug, Default)]
struct Client {
    is_up: bool,
    is_classic: bool,
    /// The id of its seat; of a classic one as it was given.
    id: String,
    epoch: i32,
    owned: BTreeSet<String>,
    told: Option<BTreeSet<String>>,
    /// Where a classic one waits.
    call: Option<u64>,
    is_leader_of: Vec<String>,
    has_joined: bool,
    has_synced: bool,
}

fn set(held: &str) -> BTreeSet<String> {
    held.split_whitespace().map(ToString::to_string).collect()
}

fn text(held: &BTreeSet<String>) -> String {
    held.iter().cloned().collect::<Vec<_>>().join(" ")
}

struct Day {
    world: World,
    calls: Calls,
    clients: Vec<Client>,
    seed: u64,
}

impl Day {
    fn come(&mut self, at: usize, is_classic: bool) {
        let id = if is_classic { String::new() } else { alloc::format!("m{at}") };
        self.clients[at] = Client { is_up: true, is_classic, id, ..Client::default() };
    }

    /// One thing that a client does next.
    fn act(&mut self, at: usize) {
        let mut client = self.clients[at].clone();
        if client.is_classic {
            self.act_classic(&mut client)
        } else {
            self.act_modern(&mut client)
        }
        self.clients[at] = client;
    }

    fn act_modern(&mut self, client: &mut Client) {
        if let Some(told) = &client.told {
            client.owned = client.owned.intersection(told).cloned().collect();
        }
        let owned = text(&client.owned);
        let says = if client.epoch == 0 { joins(&["t"]) } else { owns(client.epoch, &owned) };
        match self.calls.tell(&mut self.world, &client.id, says) {
            Ok(answer) => {
                client.epoch = answer.epoch;
                if let Some(assigned) = answer.assigned {
                    let assigned = set(&assigned);
                    if client.owned.is_subset(&assigned) {
                        client.owned.clone_from(&assigned);
                    }
                    client.told = Some(assigned);
                } else {
                    client.owned = client.told.clone().unwrap_or_default();
                }
            }
            Err(GroupError::FencedMemberEpoch { .. } | GroupError::UnknownMemberId | GroupError::GroupNotFound) => {
                *client = Client { is_up: true, id: client.id.clone(), ..Client::default() };
            }
            Err(error) => panic!("seed {}: {error:?}", self.seed),
        }
    }

    /// An eager one: it gives everything up before it joins again.
    fn act_classic(&mut self, client: &mut Client) {
        if let Some(call) = client.call {
            let Some(reply) = self.calls.replies.0.remove(&call) else { return };
            client.call = None;
            match reply {
                Reply::Joined { generation, leads, .. } => {
                    (client.epoch, client.is_leader_of, client.has_joined) = (generation, leads, true);
                    client.has_synced = false;
                }
                Reply::Refused(id, GroupError::MemberIdRequired) => client.id = id,
                Reply::Refused(_, GroupError::RebalanceInProgress) => {}
                Reply::Refused(_, GroupError::UnknownMemberId) => client.id.clear(),
                Reply::Synced(Ok(assigned)) => {
                    client.owned = set(&assigned);
                    client.has_synced = true;
                }
                Reply::Synced(Err(error)) => {
                    client.has_joined = false;
                    if error == GroupError::UnknownMemberId {
                        client.id.clear();
                    }
                }
                other => panic!("seed {}: {other:?}", self.seed),
            }
            return;
        }
        if !client.has_joined {
            client.owned.clear();
            client.call = Some(self.calls.join(&mut self.world, &client.id, ""));
            return;
        }
        if !client.has_synced {
            let count = self.world.topics.topics["t"];
            let shares: Vec<(String, String)> = client
                .is_leader_of
                .iter()
                .enumerate()
                .map(|(at, id)| {
                    let mine = (0..count).filter(|partition| usize::try_from(*partition).unwrap() % client.is_leader_of.len() == at);
                    (id.clone(), mine.map(|partition| alloc::format!("t-{partition}")).collect::<Vec<_>>().join(" "))
                })
                .collect();
            let shares: Vec<(&str, &str)> = shares.iter().map(|(id, held)| (&**id, &**held)).collect();
            client.call = Some(self.calls.sync(&mut self.world, &client.id, client.epoch, &shares));
            return;
        }
        match self.calls.beat(&mut self.world, &client.id, client.epoch) {
            Ok(()) => {}
            Err(error) => {
                client.has_joined = false;
                client.owned.clear();
                if error == GroupError::UnknownMemberId {
                    client.id.clear();
                }
            }
        }
    }

    fn is_member(&self, client: &Client) -> bool {
        let Some(group) = self.world.coordinator.find_group("g") else { return false };
        let coordinator = &self.world.coordinator;
        coordinator.find_consumer(group, &client.id).is_some() || coordinator.find_member(group, &client.id).is_some()
    }

    /// Nobody reads what another reads. Who is out and has not heard of it yet does not count: it has stopped reading by itself.
    fn check(&self) {
        let mut read: BTreeMap<&String, &String> = BTreeMap::new();
        for client in self.clients.iter().filter(|client| client.is_up && self.is_member(client)) {
            for partition in &client.owned {
                let other = read.insert(partition, &client.id);
                assert!(other.is_none(), "seed {}: {partition} is read by {} and {other:?}", self.seed, client.id);
            }
        }
    }
}

#[test]
fn members_of_both_protocols_share_everything_and_nothing_twice() {
    let (mut ups, mut downs) = (0, 0);
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let world = World::new(&[("t", 6)]);
        let mut day =
            Day { world, calls: Calls::default(), clients: Vec::from([const { None }; 5].map(|_: Option<()>| Client::default())), seed };
        let mut was_modern = false;
        for _ in 0..200 {
            let at = usize::try_from(dice.roll(5)).unwrap();
            match (day.clients[at].is_up, dice.roll(24)) {
                (false, 0..=9) => day.come(at, dice.roll(2) == 0),
                (false, _) => {}
                // It is gone without a word.
                (true, 0) => day.clients[at] = Client::default(),
                (true, 1) => {
                    let client = core::mem::take(&mut day.clients[at]);
                    if client.is_classic {
                        let by = LeavingMember { member_id: &client.id, group_instance_id: None };
                        day.calls.leave(&mut day.world, &[by]);
                    } else {
                        let _ = day.calls.tell(&mut day.world, &client.id, stays(MemberEpoch::LEAVES.0));
                    }
                }
                (true, 2) if seed % 2 == 0 => {
                    day.world.restart();
                    // Whoever waits in a call hears that it is lost, and begins anew.
                    for client in &mut day.clients {
                        if client.call.take().is_some() {
                            client.has_joined = false;
                        }
                    }
                }
                (true, _) => day.act(at),
            }
            day.world.wait_with(dice.roll(2_000), &mut day.calls.replies);
            day.check();
            let is_modern = day.world.coordinator.consumer_group_view("g").is_some();
            let has_members = day.clients.iter().any(|client| client.is_up);
            ups += usize::from(is_modern && !was_modern && has_members);
            downs += usize::from(!is_modern && was_modern && has_members);
            was_modern = is_modern;
        }
        for _ in 0..60 {
            for at in 0..5 {
                if day.clients[at].is_up {
                    day.act(at);
                }
            }
            day.world.wait_with(1_000, &mut day.calls.replies);
            day.check();
        }
        let up: Vec<&Client> = day.clients.iter().filter(|client| client.is_up).collect();
        if up.is_empty() {
            continue;
        }
        let sizes: Vec<usize> = up.iter().map(|client| client.owned.len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 6, "seed {seed}: {up:?}");
        assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "seed {seed}: {sizes:?}");
    }
    assert!(ups > 100 && downs > 50, "groups went up {ups} times and down {downs} times");
}
