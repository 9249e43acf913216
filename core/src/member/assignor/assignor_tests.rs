//! What holds for every group: out of seeds, and from the cases of Kafka's own tests.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::bounded::list::List;

use super::assignor::{Assignor, words};
use super::error::AssignError;
use super::group::{Group, Member, Racks};
use super::owner::Owner;
use super::topics::Topics;

extern crate std;

/// How many groups a property is tried on.
const GROUPS: u64 = 3_000;

/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn number(&mut self, end: usize) -> u32 {
        number(self.below(end))
    }

    fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap()
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap()
}

/// A member with what it says.
#[derive(Clone, Debug, Default)]
struct Subscriber {
    id: String,
    instance: Option<String>,
    rack: Option<u32>,
    topics: Vec<u32>,
    owned: Vec<u32>,
    generation: i32,
}

#[derive(Clone, Debug)]
struct Case {
    ends: Vec<u32>,
    members: Vec<Subscriber>,
    racks: Vec<Vec<u32>>,
}

impl Case {
    /// Topics of these sizes, and members called `a`, `b` and so on.
    fn of(sizes: &[u32], members: &[&[u32]]) -> Self {
        let ends: Vec<u32> = (1..=sizes.len()).map(|count| sizes[..count].iter().sum()).collect();
        let members = members.iter().zip(b'a'..).map(|(topics, letter)| Subscriber {
            id: String::from(char::from(letter)),
            topics: topics.to_vec(),
            generation: -1,
            ..Subscriber::default()
        });
        Self { ends, members: members.collect(), racks: Vec::new() }
    }

    fn random(random: &mut Random) -> Self {
        let (topics, widest, members) = [(3, 4, 4), (5, 12, 8), (8, 30, 20)][random.below(3)];
        let size = random.number(widest);
        let are_equal = random.once_in(3);
        let sizes: Vec<u32> = (0..1 + random.below(topics)).map(|_| if are_equal { size } else { random.number(widest) }).collect();
        let mut case = Self::of(&sizes, &[]);
        let all: Vec<u32> = (0..number(sizes.len())).collect();
        let are_alike = random.once_in(2);
        let has_racks = random.once_in(3);
        for place in 0..1 + random.below(members) {
            let some = all.iter().copied().filter(|_| !random.once_in(2)).collect();
            case.members.push(Subscriber {
                id: format!("{:x}-{place}", random.below(1 << 16)),
                instance: random.once_in(4).then(|| format!("{:x}-{place}", random.below(1 << 8))),
                rack: (has_racks && !random.once_in(5)).then(|| random.number(3)),
                topics: if are_alike { all.clone() } else { some },
                owned: Vec::new(),
                generation: -1,
            });
        }
        if has_racks {
            case.racks = (0..case.partition_count()).map(|_| (0..random.below(4)).map(|_| random.number(3)).collect()).collect();
        }
        case
    }

    /// Lets members say anything.
    fn confuse(&mut self, random: &mut Random) {
        let end = self.partition_count() + 2;
        for member in &mut self.members {
            member.generation = i32::try_from(random.below(4)).unwrap() - 1;
            member.owned = (0..random.below(8)).map(|_| random.number(end)).collect();
        }
    }

    fn partition_count(&self) -> usize {
        index(self.ends.last().copied().unwrap_or(0))
    }

    fn topics(&self) -> Topics<'_> {
        Topics::from_ends(&self.ends).unwrap()
    }

    fn words(&self) -> usize {
        let pairs = self.members.iter().map(|member| member.topics.len()).sum();
        words(self.members.len(), self.ends.len(), self.partition_count(), pairs)
    }

    fn assign(&self, assignor: Assignor) -> Vec<Owner> {
        let members: Vec<Member<'_>> = self
            .members
            .iter()
            .map(|member| Member {
                member_id: &member.id,
                instance_id: member.instance.as_deref(),
                rack: member.rack,
                topics: &member.topics,
                owned: &member.owned,
                generation: member.generation,
            })
            .collect();
        let mut group = Group::new(self.topics(), &members).unwrap();
        let all: Vec<u32> = self.racks.iter().flatten().copied().collect();
        let ends: Vec<u32> =
            (1..=self.racks.len()).map(|count| self.racks[..count].iter().map(|racks| number(racks.len())).sum()).collect();
        if !self.racks.is_empty() {
            group = group.with_racks(Racks::new(&ends, &all).unwrap()).unwrap();
        }
        // What stood there before plays no part.
        let mut owners = vec![Owner::of(99); self.partition_count()];
        assignor.assign(&group, &mut owners, &mut List::grown(self.words())).unwrap();
        owners
    }

    /// Members have what they were given.
    fn believe(&mut self, owners: &[Owner], generation: i32) {
        for (number, member) in (0..).zip(&mut self.members) {
            member.owned = (0..).zip(owners).filter(|(_, owner)| **owner == Owner::of(number)).map(|(partition, _)| partition).collect();
            member.generation = generation;
        }
    }

    fn subscribers(&self, topic: u32) -> Vec<u32> {
        (0..number(self.members.len())).filter(|member| self.members[index(*member)].topics.contains(&topic)).collect()
    }

    fn are_alike(&self) -> bool {
        self.members.iter().all(|member| member.topics == self.members[0].topics)
    }

    fn loads(&self, owners: &[Owner]) -> Vec<usize> {
        let mut loads = vec![0; self.members.len()];
        let members = owners.iter().filter_map(|owner| owner.member());
        members.for_each(|member| loads.get_mut(index(member)).map(|load| *load += 1).unwrap_or_default());
        loads
    }

    /// Every partition of a subscribed topic has an owner who subscribes to it, or may have none; the others have none.
    #[track_caller]
    fn assert_valid(&self, owners: &[Owner], may_hold_back: bool) {
        for topic in 0..number(self.ends.len()) {
            let subscribers = self.subscribers(topic);
            for partition in self.topics().partitions(topic) {
                match owners[index(partition)].member() {
                    Some(owner) => assert!(subscribers.contains(&owner), "{partition} is {owner}'s"),
                    None => assert!(may_hold_back || subscribers.is_empty(), "{partition} is nobody's"),
                }
            }
        }
    }

    /// Nobody has two more than somebody who could have one of them.
    #[track_caller]
    fn assert_balanced(&self, owners: &[Owner]) {
        let loads = self.loads(owners);
        for (partition, owner) in (0..).zip(owners) {
            for other in self.subscribers(self.topics().topic_of(partition).unwrap()) {
                let load = owner.member().map_or(0, |owner| loads[index(owner)]);
                assert!(load <= loads[index(other)] + 1, "{partition} could go from {owner:?} to {other}: {loads:?}");
            }
        }
    }
}

/// Tries a property on many groups, and says which seed it was when it does not hold.
fn on_many(property: impl Fn(&mut Random)) {
    for seed in 0..GROUPS {
        let seed = seed.wrapping_mul(0x2545_f491_4f6c_dd1d);
        let outcome = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| property(&mut Random(seed))));
        if let Err(panic) = outcome {
            std::eprintln!("seed {seed:#x}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn every_partition_goes_to_one_subscriber_whatever_members_say() {
    on_many(|random| {
        let mut case = Case::random(random);
        case.confuse(random);
        for assignor in Assignor::ALL {
            let owners = case.assign(assignor);
            case.assert_valid(&owners, assignor.is_cooperative());
        }
    });
}

#[test]
fn range_keeps_its_quota_and_what_belongs_together() {
    on_many(|random| {
        let case = Case::random(random);
        let owners = case.assign(Assignor::Range);
        let owners_of = |topic| &owners[index(case.topics().partitions(topic).start)..index(case.topics().partitions(topic).end)];
        for topic in 0..number(case.ends.len()) {
            let own = owners_of(topic);
            let subscribers = case.subscribers(topic);
            let count = |member: &u32| own.iter().filter(|owner| **owner == Owner::of(*member)).count();
            let counts: Vec<usize> = subscribers.iter().map(count).collect();
            assert!(counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0) <= 1, "{counts:?}");
            let is_twin = |other: &u32| owners_of(*other).len() == own.len() && case.subscribers(*other) == subscribers;
            assert!((0..topic).filter(is_twin).all(|other| owners_of(other) == own), "topics of one size are divided alike");
        }
    });
}

#[test]
fn range_puts_partitions_beside_their_readers_where_it_can() {
    // Two members in two racks, and the partitions of each rack in the half of the other.
    let mut case = Case::of(&[4], &[&[0], &[0]]);
    (case.members[0].rack, case.members[1].rack) = (Some(7), Some(8));
    case.racks = vec![vec![8], vec![8], vec![7], vec![7]];
    assert_eq!(case.assign(Assignor::Range), [1, 1, 0, 0].map(Owner::of));
    // All partitions in both racks: racks tell nothing, and the first has the first.
    case.racks = vec![vec![7, 8], vec![8, 7], vec![7, 8, 8], vec![8, 7]];
    assert_eq!(case.assign(Assignor::Range), [0, 0, 1, 1].map(Owner::of));
    // Two topics of one size are divided as one: only the second partition is in a rack of the first member in both.
    let mut case = Case::of(&[2, 2], &[&[0, 1], &[0, 1]]);
    (case.members[0].rack, case.members[1].rack) = (Some(7), Some(8));
    case.racks = vec![vec![8], vec![7], vec![7], vec![7]];
    assert_eq!(case.assign(Assignor::Range), [1, 0, 1, 0].map(Owner::of));
}

#[test]
fn sticky_is_balanced_and_keeps_what_it_can() {
    on_many(|random| {
        let mut case = Case::random(random);
        case.racks.clear();
        // Something to keep: as another group had it, by anybody.
        let claims: Vec<Owner> = (0..case.partition_count()).map(|_| Owner::of(random.number(case.members.len() + 1))).collect();
        case.believe(&claims, 4);
        let owners = case.assign(Assignor::Sticky);
        case.assert_balanced(&owners);
        if case.are_alike() && !case.members[0].topics.is_empty() {
            let valid: Vec<Owner> =
                claims.iter().zip(&owners).map(|(claim, owner)| if *owner == Owner::NOBODY { *owner } else { *claim }).collect();
            let had = case.loads(&valid);
            let count: usize = case.loads(&owners).iter().sum();
            let (each, extra) = (count / had.len(), count % had.len());
            let most = had.iter().map(|had| each.min(*had)).sum::<usize>() + had.iter().filter(|had| **had > each).count().min(extra);
            let kept = owners.iter().zip(&claims).filter(|(owner, claim)| owner == claim).count();
            assert_eq!(kept, most, "more could have stayed");
        }
    });
}

#[test]
fn sticky_changes_nothing_when_nothing_has_changed() {
    on_many(|random| {
        let mut case = Case::random(random);
        // What somebody has far from its rack is given out anew every time, as by Java.
        case.racks.clear();
        for assignor in [Assignor::Sticky, Assignor::CooperativeSticky] {
            let owners = case.assign(assignor);
            case.believe(&owners, 1);
            assert_eq!(case.assign(assignor), owners, "{assignor:?}");
            case.believe(&[], -1);
        }
    });
}

#[test]
fn a_member_that_leaves_moves_only_its_own() {
    on_many(|random| {
        let mut case = Case::random(random);
        case.racks.clear();
        let before = case.assign(Assignor::Sticky);
        case.believe(&before, 1);
        if !case.are_alike() || case.members.len() < 2 {
            return;
        }
        let gone = Owner::of(number(case.members.len() - 1));
        case.members.pop();
        let after = case.assign(Assignor::Sticky);
        assert!(before.iter().zip(&after).all(|(before, after)| *before == gone || before == after));
    });
}

#[test]
fn kip429_what_changes_hands_is_nobodys_until_it_was_given_up() {
    on_many(|random| {
        let mut case = Case::random(random);
        case.racks.clear();
        let before = case.assign(Assignor::CooperativeSticky);
        case.believe(&before, 1);
        let copy = case.members[random.below(case.members.len())].clone();
        case.members.push(Subscriber { id: String::from("new"), instance: None, owned: Vec::new(), generation: -1, ..copy });
        let first = case.assign(Assignor::CooperativeSticky);
        for (partition, (before, after)) in before.iter().zip(&first).enumerate() {
            assert!(*after == Owner::NOBODY || before == after || *before == Owner::NOBODY, "{partition}: {before:?}, {after:?}");
        }
        let planned = case.assign(Assignor::Sticky);
        assert!(first.iter().zip(&planned).all(|(first, planned)| first == planned || *first == Owner::NOBODY));
        // Everybody joins again with what it has left: now all of it is given out. Where members subscribe to different topics, what is
        // given out may be better shared by moving something else, and once more.
        let mut last = first;
        for generation in 2..if case.are_alike() { 3 } else { 6 } {
            case.believe(&last, generation);
            let next = case.assign(Assignor::CooperativeSticky);
            assert!(!case.are_alike() || last.iter().zip(&next).all(|(last, next)| *last == Owner::NOBODY || last == next));
            last = next;
        }
        case.assert_valid(&last, false);
    });
}

#[test]
fn kip341_a_claim_of_an_earlier_generation_loses() {
    let mut case = Case::of(&[2], &[&[0], &[0]]);
    (case.members[0].owned, case.members[0].generation) = (vec![0, 1], 3);
    (case.members[1].owned, case.members[1].generation) = (vec![0], 4);
    assert_eq!(case.assign(Assignor::Sticky), [1, 0].map(Owner::of));
    // Two claims of one generation cancel each other, and the cooperative one waits for both to give it up.
    case.members[0].generation = 4;
    assert_eq!(case.assign(Assignor::Sticky), [1, 0].map(Owner::of));
    assert_eq!(case.assign(Assignor::CooperativeSticky), [Owner::NOBODY, Owner::of(0)]);
}

/// Cases of `RangeAssignorTest`, `RoundRobinAssignorTest`, `StickyAssignorTest`.
#[test]
fn assignors_do_what_the_tests_of_kafka_ask() {
    let mixed = Case::of(&[3, 2], &[&[0], &[0, 1], &[0]]);
    assert_eq!(mixed.assign(Assignor::Range), [0, 1, 2, 1, 1].map(Owner::of));
    assert_eq!(mixed.assign(Assignor::RoundRobin), [0, 1, 2, 1, 1].map(Owner::of));
    let even = Case::of(&[3, 3], &[&[0, 1], &[0, 1]]);
    assert_eq!(even.assign(Assignor::Range), [0, 0, 1, 0, 0, 1].map(Owner::of));
    assert_eq!(even.assign(Assignor::RoundRobin), [0, 1, 0, 1, 0, 1].map(Owner::of));
    assert_eq!(even.assign(Assignor::Sticky), [0, 1, 0, 1, 0, 1].map(Owner::of));
    // The turn carries over from one topic to the next.
    let carried = Case::of(&[1, 3], &[&[0, 1], &[1], &[0, 1]]);
    assert_eq!(carried.assign(Assignor::RoundRobin), [0, 1, 2, 0].map(Owner::of));
    // Members with a fixed name come first, in the order of their names.
    let mut named = Case::of(&[4], &[&[0], &[0], &[0]]);
    (named.members[1].instance, named.members[2].instance) = (Some(String::from("2")), Some(String::from("1")));
    assert_eq!(named.assign(Assignor::Range), [2, 2, 1, 0].map(Owner::of));
    // Different subscriptions: who can read only one topic is left to it.
    let different = Case::of(&[1, 2, 3], &[&[0], &[0, 1], &[0, 1, 2]]);
    assert_eq!(different.assign(Assignor::Sticky), [0, 1, 1, 2, 2, 2].map(Owner::of));
    assert_eq!(different.assign(Assignor::RoundRobin), [0, 1, 2, 2, 2, 2].map(Owner::of));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let ends = [2, 4];
    let topics = Topics::from_ends(&ends).unwrap();
    let member = |topics| Member { topics, ..Member::default() };
    assert_eq!(Group::new(topics, &[member(&[0]), member(&[1, 1])]).unwrap_err(), AssignError::Subscription { member: 1 });
    assert_eq!(Group::new(topics, &[member(&[2])]).unwrap_err(), AssignError::Subscription { member: 0 });
    let members = [member(&[0]), member(&[1])];
    let group = Group::new(topics, &members).unwrap();
    assert_eq!(Racks::new(&[2, 1], &[0]).unwrap_err(), AssignError::Racks);
    assert_eq!(group.with_racks(Racks::new(&[1], &[0]).unwrap()).unwrap_err(), AssignError::Racks);
    for assignor in Assignor::ALL {
        assert_eq!(assignor.assign(&group, &mut [Owner::NOBODY; 3], &mut List::grown(999)), Err(AssignError::Owners));
        assert_eq!(assignor.assign(&group, &mut [Owner::NOBODY; 4], &mut List::grown(1)), Err(AssignError::Full));
        assert_eq!(Assignor::from_name(assignor.name()), Some(assignor));
        let mut owners = [Owner::of(3)];
        let none = [1];
        let nobody = Group::new(Topics::from_ends(&none).unwrap(), &[]).unwrap();
        assignor.assign(&nobody, &mut owners, &mut List::grown(0)).unwrap();
        assert_eq!(owners, [Owner::NOBODY]);
    }
    // One word less than it is said to take.
    let few = &mut List::grown(words(2, 2, 4, 2) - 2 - 1);
    assert_eq!(Assignor::CooperativeSticky.assign(&group, &mut [Owner::NOBODY; 4], few), Err(AssignError::Full));
    assert_eq!(Assignor::from_name("streams"), None);
}
