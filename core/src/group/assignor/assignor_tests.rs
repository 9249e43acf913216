//! What holds for every group: out of seeds, and from the cases of Kafka's own tests.

use alloc::vec;
use alloc::vec::Vec;

use crate::bounded::list::List;
use crate::member::assignor::error::AssignError;
use crate::member::assignor::owner::Owner;
use crate::member::assignor::topics::Topics;

use super::simple::{self, Seat};
use super::subscriptions::Subscriptions;
use super::{range, uniform};

extern crate std;

/// How many groups a property is tried on.
const GROUPS: u64 = 4_000;

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
        u32::try_from(self.below(end)).unwrap()
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

/// A group, and its last target.
#[derive(Clone, Debug)]
struct Case {
    ends: Vec<u32>,
    members: Vec<Vec<u32>>,
    owners: Vec<Owner>,
}

impl Case {
    fn of(sizes: &[u32], members: &[&[u32]]) -> Self {
        let ends: Vec<u32> = (1..=sizes.len()).map(|count| sizes[..count].iter().sum()).collect();
        let owners = vec![Owner::NOBODY; index(sizes.iter().sum())];
        Self { ends, members: members.iter().map(|topics| topics.to_vec()).collect(), owners }
    }

    fn random(random: &mut Random) -> Self {
        let (topics, widest, members) = [(3, 4, 4), (5, 12, 8), (8, 30, 20)][random.below(3)];
        let size = random.number(widest);
        let are_equal = random.once_in(3);
        let sizes: Vec<u32> = (0..1 + random.below(topics)).map(|_| if are_equal { size } else { random.number(widest) }).collect();
        let mut case = Self::of(&sizes, &[]);
        let all: Vec<u32> = (0..number(sizes.len())).collect();
        let are_alike = random.once_in(2);
        for _ in 0..1 + random.below(members) {
            let some = all.iter().copied().filter(|_| !random.once_in(2)).collect();
            case.members.push(if are_alike { all.clone() } else { some });
        }
        // Nobody's, some favourites', or anybody's; now and then somebody who is gone.
        let owners = [0, 1 + random.below(3), case.members.len()][random.below(3)];
        for owner in &mut case.owners {
            if owners > 0 && !random.once_in(5) {
                let gone = usize::from(random.once_in(9));
                *owner = Owner::of(random.number(owners + gone));
            }
        }
        case
    }

    fn topics(&self) -> Topics<'_> {
        Topics::from_ends(&self.ends).unwrap()
    }

    /// With one list for all who subscribe to the same, as a coordinator keeps them.
    fn lists(&self) -> Vec<&[u32]> {
        self.members.iter().map(|topics| &**self.members.iter().find(|other| *other == topics).unwrap_or(topics)).collect()
    }

    fn words(&self, by: fn(usize, usize, usize, usize) -> usize) -> usize {
        by(self.members.len(), self.ends.len(), self.owners.len(), self.members.iter().map(Vec::len).sum())
    }

    fn uniform(&mut self) {
        let memory = self.words(uniform::words);
        let mut owners = core::mem::take(&mut self.owners);
        uniform::assign(&Subscriptions::new(self.topics(), &self.lists()).unwrap(), &mut owners, &mut List::grown(memory)).unwrap();
        self.owners = owners;
    }

    fn range(&mut self) {
        let mut owners = core::mem::take(&mut self.owners);
        let lists = self.lists();
        range::assign(
            &Subscriptions::new(self.topics(), &lists).unwrap(),
            &mut owners,
            &mut List::grown(3 * self.ends.len() + lists.len()),
        )
        .unwrap();
        self.owners = owners;
    }

    fn subscribers(&self, topic: u32) -> Vec<u32> {
        (0..number(self.members.len())).filter(|member| self.members[index(*member)].contains(&topic)).collect()
    }

    fn are_alike(&self) -> bool {
        self.members.iter().all(|topics| *topics == self.members[0])
    }

    /// Whether a member may have a partition.
    fn may(&self, member: u32, partition: usize) -> bool {
        let topic = self.topics().topic_of(number(partition)).unwrap();
        self.members.get(index(member)).is_some_and(|topics| topics.contains(&topic))
    }

    /// The members that keep what they had and may have: by partition.
    fn kept(&self, before: &[Owner]) -> usize {
        (0..before.len()).filter(|at| before[*at] == self.owners[*at] && before[*at] != Owner::NOBODY).count()
    }

    fn loads(&self) -> Vec<usize> {
        let mut loads = vec![0; self.members.len()];
        self.owners.iter().filter_map(|owner| owner.member()).for_each(|member| loads[index(member)] += 1);
        loads
    }

    /// Every partition of a subscribed topic has an owner who subscribes to it; the others have none.
    #[track_caller]
    fn assert_valid(&self) {
        for topic in 0..number(self.ends.len()) {
            let subscribers = self.subscribers(topic);
            for partition in self.topics().partitions(topic) {
                let owner = self.owners[index(partition)].member();
                assert_eq!(owner.is_some_and(|owner| subscribers.contains(&owner)), !subscribers.is_empty(), "partition {partition}");
                assert_eq!(owner.is_some(), !subscribers.is_empty(), "partition {partition}");
            }
        }
    }

    /// Nobody could hand a partition on, through others or not, to somebody who has two less: found the plain way.
    #[track_caller]
    fn assert_as_even_as_can_be(&self) {
        let loads = self.loads();
        for giver in 0..self.members.len() {
            let mut reached = vec![false; self.members.len()];
            reached[giver] = true;
            let mut queue = vec![number(giver)];
            while let Some(member) = queue.pop() {
                assert!(loads[giver] <= loads[index(member)] + 1, "{giver} could give to {member}: {loads:?}");
                for partition in (0..self.owners.len()).filter(|at| self.owners[*at] == Owner::of(member)) {
                    for other in self.subscribers(self.topics().topic_of(number(partition)).unwrap()) {
                        if !core::mem::replace(&mut reached[index(other)], true) {
                            queue.push(other);
                        }
                    }
                }
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
fn range_is_contiguous_balanced_and_co_partitioned() {
    on_many(|random| {
        let mut case = Case::random(random);
        case.range();
        case.assert_valid();
        let owners = |topic| case.owners[index(case.topics().partitions(topic).start)..index(case.topics().partitions(topic).end)].to_vec();
        for topic in 0..number(case.ends.len()) {
            let subscribers = case.subscribers(topic);
            let own = owners(topic);
            assert!(own.is_sorted(), "runs in the order of members: {own:?}");
            let counts: Vec<usize> =
                subscribers.iter().map(|member| own.iter().filter(|owner| **owner == Owner::of(*member)).count()).collect();
            assert!(counts.is_sorted_by(|a, b| a >= b), "the first have more: {counts:?}");
            assert!(counts.first().unwrap_or(&0) - counts.last().unwrap_or(&0) <= 1, "{counts:?}");
            for other in 0..topic {
                if owners(other).len() == own.len() && case.subscribers(other) == subscribers {
                    assert_eq!(owners(other), own);
                }
            }
        }
    });
}

#[test]
fn uniform_is_balanced_and_moves_no_more_than_it_must() {
    on_many(|random| {
        let mut case = Case::random(random);
        let before = case.owners.clone();
        case.uniform();
        case.assert_valid();
        case.assert_as_even_as_can_be();
        if case.are_alike() {
            let mut had = vec![0; case.members.len()];
            let theirs = (0..before.len()).filter_map(|at| before[at].member().filter(|member| case.may(*member, at)));
            theirs.for_each(|member| had[index(member)] += 1);
            let (each, extra) = (case.loads().iter().sum::<usize>() / had.len(), case.loads().iter().sum::<usize>() % had.len());
            let most = had.iter().map(|had| each.min(*had)).sum::<usize>() + had.iter().filter(|had| **had > each).count().min(extra);
            assert_eq!(case.kept(&before), most, "more could have stayed");
        }
    });
}

#[test]
fn uniform_changes_nothing_when_nothing_has_changed() {
    on_many(|random| {
        let mut case = Case::random(random);
        case.uniform();
        let before = case.clone();
        case.uniform();
        assert_eq!(case.owners, before.owners);
    });
}

#[test]
fn uniform_moves_only_what_a_member_leaves_behind_or_a_new_one_gets() {
    on_many(|random| {
        let mut case = Case::random(random);
        if !case.are_alike() {
            return;
        }
        case.uniform();
        let before = case.clone();
        if random.once_in(2) && case.members.len() > 1 {
            // The last one leaves; the others keep their numbers.
            let gone = Owner::of(number(case.members.len() - 1));
            case.members.pop();
            case.uniform();
            case.assert_valid();
            let left = |at: &usize| before.owners[*at] != gone;
            assert!((0..before.owners.len()).filter(left).all(|at| case.owners[at] == before.owners[at]));
        } else {
            let new = Owner::of(number(case.members.len()));
            case.members.push(case.members[0].clone());
            case.uniform();
            case.assert_valid();
            let moved = |at: &usize| case.owners[*at] != before.owners[*at];
            assert!((0..before.owners.len()).filter(moved).all(|at| case.owners[at] == new));
        }
    });
}

#[test]
fn uniform_finds_chains_through_several_topics() {
    // The first has two of topic 0, the second one of topic 1, the third nothing: no single move helps, two do.
    let mut case = Case::of(&[2, 1], &[&[0], &[0, 1], &[1]]);
    case.owners = vec![Owner::of(0), Owner::of(0), Owner::of(1)];
    case.uniform();
    assert_eq!(case.loads(), [1, 1, 1]);
    case.assert_valid();
}

/// Cases of `OptimizedUniformAssignmentBuilderTest` and `UniformHeterogeneousAssignmentBuilderTest`.
#[test]
fn uniform_does_what_the_tests_of_kafka_ask() {
    // More members than partitions: those without stay without.
    let mut case = Case::of(&[2, 1], &[&[0, 1][..]; 5]);
    case.uniform();
    assert_eq!(case.loads(), [1, 1, 1, 0, 0]);
    // Two have three of six; a third one comes and gets one of each.
    let mut case = Case::of(&[3, 3], &[&[0, 1][..]; 3]);
    case.owners = [0, 0, 1, 0, 1, 1].map(Owner::of).to_vec();
    case.uniform();
    assert_eq!(case.owners, [0, 0, 1, 2, 1, 2].map(Owner::of));
    // A topic that nobody subscribes to any more is taken from everybody.
    let mut case = Case::of(&[2, 2], &[&[1], &[1]]);
    case.owners = [0, 1, 0, 1].map(Owner::of).to_vec();
    case.uniform();
    assert_eq!(case.owners, [Owner::NOBODY, Owner::NOBODY, Owner::of(0), Owner::of(1)]);
    // Different subscriptions: the one topic of the first is left to it, the rest is shared evenly.
    let mut case = Case::of(&[3, 3, 2], &[&[0], &[1, 2], &[1, 2]]);
    case.uniform();
    let mut loads = case.loads();
    loads.sort_unstable();
    assert_eq!(loads, [2, 3, 3]);
}

/// Cases of the group coordinator's `RangeAssignorTest`.
#[test]
fn range_does_what_the_tests_of_kafka_ask() {
    let mut case = Case::of(&[3, 2], &[&[0, 1], &[0, 1]]);
    case.range();
    assert_eq!(case.owners, [0, 0, 1, 0, 1].map(Owner::of));
    let mut case = Case::of(&[3, 3, 2], &[&[0, 1], &[2], &[1, 2]]);
    case.range();
    assert_eq!(case.owners, [0, 0, 0, 0, 0, 2, 1, 2].map(Owner::of));
    let mut case = Case::of(&[3, 2], &[&[0, 1][..]; 4]);
    case.range();
    assert_eq!(case.owners, [0, 1, 2, 0, 1].map(Owner::of));
}

struct Shared {
    seats: Vec<Seat>,
    assignable: Vec<bool>,
}

fn simple(case: &Case, shared: &mut Shared) {
    let pairs: usize = case.members.iter().map(Vec::len).sum();
    let mut seats = List::from_vec(shared.seats.clone(), shared.seats.len() + pairs + case.owners.len());
    let lists = case.lists();
    let group = Subscriptions::new(case.topics(), &lists).unwrap();
    simple::assign(&group, Some(&shared.assignable), &mut seats, &mut List::grown(case.words(simple::words))).unwrap();
    shared.seats = seats.to_vec();
}

fn random_shared(random: &mut Random, case: &Case) -> Shared {
    let all = !random.once_in(4);
    let assignable = (0..case.owners.len()).map(|_| all || !random.once_in(4)).collect();
    let seats = (0..random.below(2 * case.owners.len() + 1))
        .map(|_| Seat { partition: random.number(case.owners.len() + 1), member: random.number(case.members.len() + 1) })
        .collect();
    Shared { seats, assignable }
}

#[test]
fn simple_serves_everybody_evenly() {
    on_many(|random| {
        let case = Case::random(random);
        let mut shared = random_shared(random, &case);
        let before: Vec<Seat> = shared.seats.clone();
        simple(&case, &mut shared);
        assert!(shared.seats.is_sorted_by(|a, b| a < b), "in order, none twice");
        let lots: Vec<Vec<u32>> =
            if case.are_alike() { vec![case.members[0].clone()] } else { (0..number(case.ends.len())).map(|topic| vec![topic]).collect() };
        for topics in lots {
            let members: Vec<u32> = (0..number(case.members.len()))
                .filter(|member| topics.iter().all(|topic| case.members[index(*member)].contains(topic)))
                .collect();
            let partitions: Vec<u32> = topics
                .iter()
                .flat_map(|topic| case.topics().partitions(*topic))
                .filter(|partition| shared.assignable[index(*partition)])
                .collect();
            let seats_of = |seats: &[Seat], partition| {
                seats.iter().filter(|seat| seat.partition == partition).map(|seat| seat.member).collect::<Vec<_>>()
            };
            if topics.is_empty() || members.is_empty() {
                continue;
            }
            let share = members.len().div_ceil(partitions.len().max(1));
            for partition in &partitions {
                let there = seats_of(&shared.seats, *partition);
                assert_eq!(there.len(), share, "members of {partition}");
                assert!(there.iter().all(|member| members.contains(member)));
            }
            let load =
                |seats: &[Seat], member| seats.iter().filter(|seat| seat.member == member && partitions.contains(&seat.partition)).count();
            let loads: Vec<usize> = members.iter().map(|member| load(&shared.seats, *member)).collect();
            assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1, "{loads:?}");
            // Whoever lost a seat had too many, or was at a partition that had.
            let mut last = before.clone();
            last.sort_unstable();
            last.dedup();
            last.retain(|seat| partitions.contains(&seat.partition) && members.contains(&seat.member));
            for seat in last.iter().filter(|seat| !shared.seats.contains(seat)) {
                let has_too_many = load(&last, seat.member) > *loads.iter().min().unwrap();
                assert!(has_too_many || seats_of(&last, seat.partition).len() > share, "{seat:?} was lost for nothing");
            }
        }
        let again = shared.seats.clone();
        simple(&case, &mut shared);
        assert_eq!(shared.seats, again, "nothing changes when nothing has changed");
    });
}

/// Cases of `SimpleAssignorTest`: fewer members than partitions share them out, more share them.
#[test]
fn simple_does_what_the_tests_of_kafka_ask() {
    let counts = |case: &Case| {
        let mut shared = Shared { seats: Vec::new(), assignable: vec![true; case.owners.len()] };
        simple(case, &mut shared);
        let mut loads = vec![0; case.members.len()];
        shared.seats.iter().for_each(|seat| loads[index(seat.member)] += 1);
        loads.sort_unstable();
        loads
    };
    assert_eq!(counts(&Case::of(&[3, 2], &[&[0, 1], &[0, 1]])), [2, 3]);
    assert_eq!(counts(&Case::of(&[1], &[&[0], &[0], &[0]])), [1, 1, 1]);
    // Three members on two partitions: two seats at each, so that one member has two.
    assert_eq!(counts(&Case::of(&[2], &[&[0], &[0], &[0]])), [1, 1, 2]);
    // Each topic by itself: all of the first, half of the second; half of the third; half of both.
    assert_eq!(counts(&Case::of(&[3, 2, 2], &[&[0, 1], &[2], &[1, 2]])), [1, 2, 4]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let ends = [2, 4];
    let topics = Topics::from_ends(&ends).unwrap();
    for wrong in [&[1, 0][..], &[0, 0], &[2]] {
        assert_eq!(Subscriptions::new(topics, &[&[0, 1], wrong]).unwrap_err(), AssignError::Subscription { member: 1 });
    }
    let group = Subscriptions::new(topics, &[&[0, 1], &[1]]).unwrap();
    let memory = &mut List::grown(100);
    assert_eq!(range::assign(&group, &mut [Owner::NOBODY; 3], memory), Err(AssignError::Owners));
    assert_eq!(uniform::assign(&group, &mut [Owner::NOBODY; 5], memory), Err(AssignError::Owners));
    assert_eq!(simple::assign(&group, Some(&[true; 5]), &mut List::grown(9), memory), Err(AssignError::Owners));
    // One word less than it is said to take.
    let few = |words: usize| List::grown(words - 1);
    assert_eq!(uniform::assign(&group, &mut [Owner::NOBODY; 4], &mut few(uniform::words(2, 2, 4, 3))), Err(AssignError::Full));
    assert_eq!(simple::assign(&group, None, &mut List::grown(9), &mut few(simple::words(2, 2, 4, 3))), Err(AssignError::Full));
    assert_eq!(simple::assign(&group, None, &mut List::grown(1), &mut List::grown(simple::words(2, 2, 4, 3))), Err(AssignError::Full));
}

#[test]
fn a_group_of_nobody_has_nothing() {
    let ends = [3];
    let group = Subscriptions::new(Topics::from_ends(&ends).unwrap(), &[]).unwrap();
    let mut owners = [Owner::of(0), Owner::of(7), Owner::NOBODY];
    uniform::assign(&group, &mut owners, &mut List::grown(0)).unwrap();
    assert_eq!(owners, [Owner::NOBODY; 3]);
    range::assign(&group, &mut owners, &mut List::grown(0)).unwrap();
    assert_eq!(owners, [Owner::NOBODY; 3]);
    let mut seats = List::from_vec(vec![Seat { partition: 0, member: 0 }], 4);
    simple::assign(&group, None, &mut seats, &mut List::grown(9)).unwrap();
    assert!(seats.is_empty());
}
