//! Members of share groups come, get partitions together, and go.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::modern_tests::{Dice, Heard, Told, World, id_of, joins, stays, told, unchanged};
use super::state::GroupKind;
use crate::group::error::GroupError;
use crate::group::input::{Caller, DeleteGroup, ForgetTopic, Input, ShareHeartbeat, Shared};
use crate::ids::{CallId, MemberEpoch, PartitionIndex};
use crate::wire::value::Array;

impl World {
    fn share(&mut self, member_id: &str, epoch: i32, names: Option<&[&str]>) -> Result<Told, GroupError> {
        let heartbeat = ShareHeartbeat {
            caller: Caller { call: CallId(1), group_id: "g", member_id, group_instance_id: None },
            epoch: MemberEpoch(epoch),
            client_id: "client",
            client_host: "/host",
            rack_id: None,
            names: names.map(Array::from),
        };
        let mut heard = Heard::default();
        self.ask(Input::ShareHeartbeat(heartbeat), &mut heard);
        assert_eq!(heard.0.len(), 1, "a heartbeat is answered once");
        heard.0.pop().unwrap()
    }

    /// Whoever keeps the states of partitions makes those that are wanted. Answers which, as `t-0 t-1`.
    fn make_states(&mut self) -> String {
        let Some((group, begins)) = self.coordinator.about_to_share("g") else { return String::new() };
        let all: Vec<String> = begins.iter().map(|held| alloc::format!("{}", held.partition.0)).collect();
        self.ask(Input::Shared(Shared { group }), &mut Heard::default());
        assert!(self.coordinator.about_to_share("g").is_none());
        all.join(" ")
    }

    fn shown(&self) -> BTreeMap<String, (i32, Vec<i32>)> {
        let group = self.coordinator.consumer_group_view("g").expect("a group");
        assert_eq!(group.kind(), GroupKind::Share);
        let of = |view: super::administration::ConsumerView<'_>| {
            (view.member_id.to_string(), (view.epoch.0, view.assigned.iter().map(|held| held.partition.0).collect()))
        };
        group.members().map(of).collect()
    }
}

const T: Option<&[&str]> = Some(&["t"]);

#[test]
fn partitions_are_shared_once_they_have_a_state() {
    let mut world = World::new(&[("t", 2)]);
    assert_eq!(world.share("a", 0, Some(&[])), Err(GroupError::InvalidRequest("SubscribedTopicNames must be set in first request.")));
    assert_eq!(world.share("a", 0, T), told(2, ""), "nothing is shared yet");
    assert_eq!(world.make_states(), "0 1");
    assert_eq!(world.share("a", 2, None), told(3, "t-0 t-1"));
    assert_eq!(world.share("a", 3, None), unchanged(3));
    let written = world.log.len();
    assert_eq!(world.share("a", 3, None), unchanged(3));
    assert_eq!(world.log.len(), written, "nothing has changed");
    // The answer before was lost.
    assert_eq!(world.share("a", 2, None), unchanged(3));
    let fenced = |named| Err(GroupError::FencedMemberEpoch { named: MemberEpoch(named), known: MemberEpoch(3) });
    assert_eq!(world.share("a", 1, None), fenced(1));
    assert_eq!(world.share("a", 4, None), fenced(4));
    // Several have one partition.
    for member in ["b", "c", "d"] {
        world.share(member, 0, T).unwrap();
    }
    world.share("a", 3, None).unwrap();
    for member in ["b", "c", "d"] {
        let epoch = world.shown()[member].0;
        world.share(member, epoch, None).unwrap();
    }
    let by_partition = |world: &World| {
        let mut counts = [0; 2];
        world.shown().values().flat_map(|(_, held)| held).for_each(|partition| counts[usize::try_from(*partition).unwrap()] += 1);
        counts
    };
    assert_eq!(by_partition(&world), [2, 2]);
    world.restart();
    assert_eq!(by_partition(&world), [2, 2]);
    assert_eq!(world.share("d", -1, None), unchanged(-1));
    assert_eq!(world.share("d", 5, None), Err(GroupError::UnknownMemberId));
    world.wait(45_001);
    assert_eq!(world.coordinator.consumer_group_view("g").unwrap().state().name(), "Empty");
}

#[test]
fn a_topic_that_grows_or_goes_changes_what_is_shared() {
    let mut world = World::new(&[("t", 1), ("u", 1)]);
    world.share("a", 0, Some(&["t", "u"])).unwrap();
    assert_eq!(world.make_states(), "0 0");
    assert_eq!(world.share("a", 2, None), told(3, "t-0 u-0"));
    world.topics.topics.insert("t".to_string(), 3);
    world.topics.version += 1;
    assert_eq!(world.share("a", 3, None), unchanged(4));
    assert_eq!(world.make_states(), "1 2");
    assert_eq!(world.share("a", 4, None), told(5, "t-0 t-1 t-2 u-0"));
    // Half of it was begun when the coordinator stopped: whoever starts it finds what is left to do.
    world.topics.topics.insert("u".to_string(), 2);
    world.topics.version += 1;
    world.share("a", 5, None).unwrap();
    world.restart();
    assert_eq!(world.make_states(), "1");
    assert_eq!(world.share("a", 6, None), told(7, "t-0 t-1 t-2 u-0 u-1"));
    let group = world.coordinator.find_group("g").unwrap();
    world.topics.topics.remove("t");
    world.topics.version += 1;
    world.ask(Input::ForgetTopic(ForgetTopic { group, topic: "t", topic_id: id_of("t") }), &mut Heard::default());
    assert!(world.coordinator.shares("g").since(id_of("t"), PartitionIndex(0)).is_none());
    assert_eq!(world.share("a", 7, None), told(8, "u-0 u-1"));
    assert_eq!(world.share("a", 8, Some(&["t"])), told(9, ""));
}

#[test]
fn groups_of_one_kind_are_no_groups_of_another() {
    let mut world = World::new(&[("t", 2)]);
    world.share("a", 0, T).unwrap();
    assert_eq!(world.tell("b", joins(&["t"])), Err(GroupError::GroupNotFound));
    assert_eq!(world.tell("a", stays(2)), Err(GroupError::GroupNotFound));
    assert_eq!(world.tell("a", stays(-1)), Err(GroupError::GroupNotFound));
    let mut world = World::new(&[("t", 2)]);
    world.tell("b", joins(&["t"])).unwrap();
    assert_eq!(world.share("a", 0, T), Err(GroupError::GroupNotFound));
    assert_eq!(world.share("b", -1, None), Err(GroupError::GroupNotFound));
    // A group that has members stays.
    let mut world = World::new(&[("t", 2)]);
    world.share("a", 0, T).unwrap();
    world.make_states();
    struct Deleted(Vec<Result<(), GroupError>>);
    impl crate::machine::Answers<crate::group::coordinator::Coordinator<'static>> for Deleted {
        fn answer(&mut self, _: CallId, _: crate::machine::When, answer: crate::group::answer::Answer<'_>) {
            let crate::group::answer::Answer::GroupDeleted(result) = answer else { panic!("{answer:?}") };
            self.0.push(result);
        }
    }
    let mut deleted = Deleted(Vec::new());
    world.ask(Input::DeleteGroup(DeleteGroup { call: CallId(1), group_id: "g" }), &mut deleted);
    world.share("a", -1, None).unwrap();
    world.ask(Input::DeleteGroup(DeleteGroup { call: CallId(2), group_id: "g" }), &mut deleted);
    assert_eq!(deleted.0, [Err(GroupError::NonEmptyGroup), Ok(())]);
    assert!(world.coordinator.find_group("g").is_none());
    world.restart();
    assert!(world.coordinator.find_group("g").is_none(), "nothing is left of it in the log");
}

#[test]
fn whatever_happens_every_partition_is_served_and_every_member_serves() {
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let mut world = World::new(&[("t", 1 + u32::try_from(dice.roll(6)).unwrap())]);
        let mut epochs: [Option<i32>; 5] = [None; 5];
        for _ in 0..100 {
            let at = usize::try_from(dice.roll(5)).unwrap();
            match (epochs[at], dice.roll(12)) {
                (None, 0..=5) => epochs[at] = Some(0),
                (Some(_), 0) => {
                    let _ = world.share(NAMES[at], -1, None);
                    epochs[at] = None;
                }
                (Some(_), 1) => epochs[at] = None,
                (Some(_), 2) => world.restart(),
                (Some(_), 3) => {
                    let more = world.topics.topics["t"] + u32::try_from(dice.roll(3)).unwrap();
                    world.topics.topics.insert("t".to_string(), more);
                    world.topics.version += 1;
                }
                (Some(epoch), _) => match world.share(NAMES[at], epoch, T.filter(|_| epoch == 0)) {
                    Ok(told) => epochs[at] = Some(told.epoch),
                    Err(GroupError::UnknownMemberId | GroupError::FencedMemberEpoch { .. } | GroupError::GroupNotFound) => {
                        epochs[at] = Some(0);
                    }
                    Err(error) => panic!("seed {seed}: {error:?}"),
                },
                (None, _) => {}
            }
            if dice.roll(3) == 0 {
                world.make_states();
            }
            world.wait(dice.roll(3_000));
        }
        for _ in 0..16 {
            world.make_states();
            for at in 0..5 {
                let Some(epoch) = epochs[at] else { continue };
                epochs[at] = Some(world.share(NAMES[at], epoch, T.filter(|_| epoch == 0)).map_or(0, |told| told.epoch));
            }
            world.wait(3_100);
        }
        let up = epochs.iter().flatten().count();
        if up == 0 {
            continue;
        }
        let shown = world.shown();
        let count = usize::try_from(world.topics.topics["t"]).unwrap();
        let mut served = alloc::vec![0; count];
        shown.values().flat_map(|(_, held)| held).for_each(|partition| served[usize::try_from(*partition).unwrap()] += 1);
        assert_eq!(shown.len(), up, "seed {seed}");
        assert!(served.iter().all(|count| *count > 0) && shown.values().all(|(_, held)| !held.is_empty()), "seed {seed}: {shown:?}");
    }
}
