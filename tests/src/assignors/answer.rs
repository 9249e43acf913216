//! What our assignors answer, and what can be said of an answer.

use millpond_core::bounded::list::List;
use millpond_core::group::assignor::subscriptions::Subscriptions;
use millpond_core::group::assignor::{range, simple, uniform};
use millpond_core::member::assignor::assignor::{Assignor, words};
use millpond_core::member::assignor::error::AssignError;
use millpond_core::member::assignor::group::{Group, Member, Racks};
use millpond_core::member::assignor::owner::Owner;
use millpond_core::member::assignor::topics::Topics;

use super::scenario::{Scenario, Subscriber, number};

/// Partitions of each member, counted through all topics, rising.
pub type Parts = Vec<Vec<u32>>;

impl Scenario {
    /// What our assignor of a name says, in as much memory as it is said to need. Those of the broker are called `server-...`.
    ///
    /// # Errors
    /// What [`AssignError`] names.
    ///
    /// # Panics
    /// When there is no such assignor.
    pub fn ours(&self, assignor: &str) -> Result<Parts, AssignError> {
        let ends = ends(self.topics.iter().map(|topic| topic.partition_count));
        let topics = Topics::from_ends(&ends)?;
        let owned: Vec<Vec<u32>> = self.members.iter().map(|member| self.numbers(&member.owned)).collect();
        let partition_count = index(topics.partition_count());
        let pairs = self.members.iter().map(|member| member.topics.len()).sum();
        let memory = |words: fn(usize, usize, usize, usize) -> usize| {
            List::grown(words(self.members.len(), self.topics.len(), partition_count, pairs))
        };
        let mut owners = vec![Owner::NOBODY; partition_count];
        if let Some(server) = assignor.strip_prefix("server-") {
            let lists: Vec<&[u32]> = self.members.iter().map(|member| &*member.topics).collect();
            let group = Subscriptions::new(topics, &lists)?;
            for (member, own) in (0..).zip(&owned) {
                own.iter().filter_map(|partition| owners.get_mut(index(*partition)).map(|owner| *owner = Owner::of(member))).count();
            }
            match server {
                "range" => range::assign(&group, &mut owners, &mut List::grown(3 * self.topics.len() + self.members.len()))?,
                "uniform" => uniform::assign(&group, &mut owners, &mut memory(uniform::words))?,
                "simple" => return simple_parts(&group, &owned, pairs + partition_count, &mut memory(simple::words)),
                _ => panic!("there is no assignor {assignor}"),
            }
            return Ok(parts(&owners, self.members.len()));
        }
        let assignor = Assignor::from_name(assignor).expect("an assignor of the client");
        let members: Vec<Member<'_>> = self.members.iter().zip(&owned).map(|(member, owned)| member.seen(owned)).collect();
        let racks: Vec<&Vec<u32>> = self.topics.iter().flat_map(|topic| &topic.racks).collect();
        let rack_ends = self::ends(racks.iter().map(|racks| number(racks.len())));
        let all_racks: Vec<u32> = racks.into_iter().flatten().copied().collect();
        let names: Vec<&str> = self.topics.iter().map(|topic| &*topic.name).collect();
        let mut group = Group::new(topics, &members)?.with_topic_names(&names);
        if rack_ends.len() == partition_count {
            group = group.with_racks(Racks::new(&rack_ends, &all_racks)?)?;
        }
        assignor.assign(&group, &mut owners, &mut memory(words))?;
        Ok(parts(&owners, self.members.len()))
    }

    /// Partitions, counted through all topics.
    #[must_use]
    pub fn numbers(&self, owned: &[(u32, u32)]) -> Vec<u32> {
        let before = |topic: u32| self.topics.iter().take(index(topic)).map(|topic| topic.partition_count).sum::<u32>();
        owned.iter().map(|(topic, partition)| before(*topic) + partition).collect()
    }

    /// Whether somebody claims, from an earlier generation than the last, what it does not subscribe to any more. Java's sticky assignors
    /// may then give it back to that member, in between or for good, or find no such member where they look for it.
    #[must_use]
    pub fn misleads_java(&self) -> bool {
        let last = self.members.iter().map(|member| member.generation).max();
        let late = self.members.iter().filter(|member| Some(member.generation) < last);
        late.into_iter().any(|member| member.owned.iter().any(|(topic, _)| !member.topics.contains(topic)))
    }

    /// How many partitions have another owner than before, of those whose owner is still there and may have them.
    #[must_use]
    pub fn moves(&self, after: &Parts) -> usize {
        let kept = |(member, own): (&Subscriber, &Vec<u32>)| {
            let may: Vec<(u32, u32)> = member.owned.iter().copied().filter(|(topic, _)| member.topics.contains(topic)).collect();
            self.numbers(&may).into_iter().filter(|partition| !own.contains(partition)).count()
        };
        self.members.iter().zip(after).map(kept).sum()
    }

    /// How many members each partition has, given to no one who does not subscribe to it.
    ///
    /// # Errors
    /// The member that has what it does not subscribe to.
    pub fn takers(&self, parts: &Parts) -> Result<Vec<usize>, String> {
        let ends = ends(self.topics.iter().map(|topic| topic.partition_count));
        let mut takers = vec![0; index(ends.last().copied().unwrap_or(0))];
        for (member, own) in self.members.iter().zip(parts) {
            for partition in own {
                let topic = number(ends.partition_point(|end| end <= partition));
                if !member.topics.contains(&topic) {
                    return Err(format!("{} has {partition}", member.id));
                }
                takers.get_mut(index(*partition)).map(|takers| *takers += 1).ok_or("no such partition")?;
            }
        }
        Ok(takers)
    }
}

impl Subscriber {
    fn seen<'a>(&'a self, owned: &'a [u32]) -> Member<'a> {
        Member {
            member_id: &self.id,
            instance_id: self.instance.as_deref(),
            rack: self.rack,
            topics: &self.topics,
            owned,
            generation: self.generation,
        }
    }
}

fn simple_parts(
    group: &Subscriptions<'_>,
    owned: &[Vec<u32>],
    new_seats_max: usize,
    memory: &mut List<'_, u32>,
) -> Result<Parts, AssignError> {
    let mut last: Vec<simple::Seat> = Vec::new();
    for (member, own) in (0..).zip(owned) {
        last.extend(own.iter().map(|partition| simple::Seat { partition: *partition, member }));
    }
    let seats_max = last.len() + new_seats_max;
    let mut seats = List::from_vec(last, seats_max);
    simple::assign(group, None, &mut seats, memory)?;
    let own = |member: u32| seats.iter().filter(move |seat| seat.member == member).map(|seat| seat.partition);
    Ok((0..group.member_count()).map(|member| own(member).collect()).collect())
}

/// The loads of members, lightest first: how balanced an answer is.
#[must_use]
pub fn loads(parts: &Parts) -> Vec<usize> {
    let mut loads: Vec<usize> = parts.iter().map(Vec::len).collect();
    loads.sort_unstable();
    loads
}

fn parts(owners: &[Owner], members: usize) -> Parts {
    let own = |member: u32| (0..).zip(owners).filter(move |(_, owner)| **owner == Owner::of(member)).map(|(partition, _)| partition);
    (0..number(members)).map(|member| own(member).collect()).collect()
}

fn ends(counts: impl Iterator<Item = u32>) -> Vec<u32> {
    counts
        .scan(0, |end, count| {
            *end += count;
            Some(*end)
        })
        .collect()
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
