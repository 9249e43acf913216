//! Groups out of a seed, as text for Java's assignors and as numbers for ours, and what can be said of an answer.

use core::fmt::{self, Write};

use millpond_core::bounded::list::List;
use millpond_core::group::assignor::subscriptions::Subscriptions;
use millpond_core::group::assignor::{range, simple, uniform};
use millpond_core::member::assignor::assignor::{Assignor, compare_members};
use millpond_core::member::assignor::error::AssignError;
use millpond_core::member::assignor::group::{Group, Member, Racks};
use millpond_core::member::assignor::owner::Owner;
use millpond_core::member::assignor::topics::Topics;

use crate::random::Random;

/// A topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its number of partitions.
    pub partition_count: u32,
    /// The racks of each partition's replicas; empty when they are not known.
    pub racks: Vec<Vec<u32>>,
}

/// A member.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// Its id.
    pub id: String,
    /// Its fixed name.
    pub instance: Option<String>,
    /// Its rack.
    pub rack: Option<u32>,
    /// The generation of what it owns.
    pub generation: i32,
    /// The places of the topics that it subscribes to, rising.
    pub topics: Vec<u32>,
    /// What it owns: the places of topics, and indexes of partitions.
    pub owned: Vec<(u32, u32)>,
}

/// A group, its topics in the order of their names.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Topics.
    pub topics: Vec<Topic>,
    /// Members, on the broker's side in the order of their identities.
    pub members: Vec<Subscriber>,
}

/// Partitions of each member, counted through all topics.
pub type Parts = Vec<Vec<u32>>;

/// What groups are to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// As a leader sees them.
    Client,
    /// As the broker does: nobody owns what somebody else owns.
    Server,
}

impl Scenario {
    /// A group out of a seed.
    ///
    /// # Panics
    /// Never: what is written into a string fits.
    #[must_use]
    pub fn random(random: &mut Random, side: Side) -> Self {
        let (widest, most_members) = *random.pick(&[(4, 4), (10, 8), (20, 20), (40, 30)]);
        let has_racks = random.once_in(3);
        let rack_count = 1 + random.below(4);
        let size = 1 + random.below(widest);
        let sizes_are_equal = random.once_in(3);
        let mut topics: Vec<Topic> = (0..1 + random.below(6))
            .map(|_| {
                let count = if sizes_are_equal { size } else { 1 + random.below(widest) };
                let mut racks = Vec::new();
                if has_racks {
                    let replicas = 1 + random.below(3);
                    racks = (0..count).map(|_| (0..replicas).filter_map(|_| Self::rack(random, rack_count, 20)).collect()).collect();
                }
                // The letters of a name decide where hash tables keep it.
                let name = format!("{}-{:x}", random.pick(&["orders", "t", "Topic", "clicks_eu"]), random.below(1 << 12));
                Topic { name, partition_count: number(count), racks }
            })
            .collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        topics.dedup_by(|a, b| a.name == b.name);
        let mut scenario = Self { topics, members: Vec::new() };
        let member_count = 1 + random.below(most_members);
        scenario.add_members(random, member_count, has_racks.then_some(rack_count));
        scenario.give_history(random, side);
        if side == Side::Server {
            scenario.members.sort_by(|a, b| compare_members((a.instance.as_deref(), &a.id), (b.instance.as_deref(), &b.id)));
        }
        scenario
    }

    fn rack(random: &mut Random, rack_count: usize, none: usize) -> Option<u32> {
        (!random.once_in(none)).then(|| number(random.below(rack_count)))
    }

    fn add_members(&mut self, random: &mut Random, count: usize, rack_count: Option<usize>) {
        let all: Vec<u32> = (0..number(self.topics.len())).collect();
        let are_alike = random.once_in(2);
        let statics = *random.pick(&[1_000, 1_000, 2, 1]);
        for place in 0..count {
            let subset: Vec<u32> = all.iter().copied().filter(|_| !random.once_in(2)).collect();
            let topics = if are_alike {
                all.clone()
            } else if subset.is_empty() {
                vec![*random.pick(&all)]
            } else {
                subset
            };
            let id = format!("c{}-{:08x}-{place}", random.below(3), random.next() >> 32);
            let instance = random.once_in(statics).then(|| format!("i{:x}-{place}", random.below(256)));
            let rack = rack_count.and_then(|rack_count| Self::rack(random, rack_count, 6));
            self.members.push(Subscriber { id, instance, rack, generation: -1, topics, owned: Vec::new() });
        }
    }

    /// Lets members own things: nothing, what was dealt out at random, or what an assignor gave before somebody came or went.
    fn give_history(&mut self, random: &mut Random, side: Side) {
        let generation = i32::try_from(random.below(9)).unwrap_or(0);
        match random.below(4) {
            0 => {}
            1 => self.deal(random),
            _ => {
                let parts = self.ours("sticky", None).expect("a group of ours");
                for (member, own) in self.members.iter_mut().zip(parts) {
                    member.owned = own.iter().map(|partition| place_of(&self.topics, *partition)).collect();
                }
                self.upset(random);
            }
        }
        for member in &mut self.members {
            member.generation = generation;
        }
        if side == Side::Client && random.once_in(4) {
            self.confuse(random, generation);
        }
    }

    /// Deals partitions out without regard to balance.
    fn deal(&mut self, random: &mut Random) {
        let favourites = 1 + random.below(self.members.len());
        for (topic, one) in (0..).zip(&self.topics) {
            for index in 0..one.partition_count {
                let member = &mut self.members[random.below(favourites)];
                if !random.once_in(4) && (member.topics.contains(&topic) || random.once_in(8)) {
                    member.owned.push((topic, index));
                }
            }
        }
    }

    /// What may happen to a group: members leave, come, subscribe anew; topics grow.
    fn upset(&mut self, random: &mut Random) {
        for _ in 0..random.below(4) {
            match random.below(4) {
                0 if self.members.len() > 1 => {
                    self.members.remove(random.below(self.members.len()));
                }
                1 => {
                    let mut new = self.members[random.below(self.members.len())].clone();
                    (new.id, new.instance, new.owned) = (format!("new-{:08x}", random.next() >> 32), None, Vec::new());
                    self.members.push(new);
                }
                2 => {
                    let count = self.topics.len();
                    let member = random.below(self.members.len());
                    let topics = &mut self.members[member].topics;
                    let changed = number(random.below(count));
                    match topics.binary_search(&changed) {
                        Ok(at) if topics.len() > 1 => drop(topics.remove(at)),
                        Ok(_) => {}
                        Err(at) => topics.insert(at, changed),
                    }
                }
                _ => {
                    let at = random.below(self.topics.len());
                    let topic = &mut self.topics[at];
                    topic.partition_count += 1;
                    if let Some(racks) = topic.racks.last().cloned() {
                        topic.racks.push(racks);
                    }
                }
            }
        }
    }

    /// Lets some say what cannot be: claims of others, from this generation or an earlier one.
    fn confuse(&mut self, random: &mut Random, generation: i32) {
        let all: Vec<(u32, u32)> = self.members.iter().flat_map(|member| member.owned.clone()).collect();
        for member in &mut self.members {
            if random.once_in(3) {
                member.generation =
                    if random.once_in(2) { generation } else { generation - i32::try_from(random.below(3)).unwrap_or(0) }.max(0);
                for claim in &all {
                    if random.once_in(8) && !member.owned.contains(claim) {
                        member.owned.push(*claim);
                    }
                }
                member.owned.sort_unstable();
            }
        }
    }

    /// The group as text, and what is asked of it.
    #[must_use]
    pub fn text(&self, asked: &[&str]) -> String {
        let mut text = String::new();
        self.write(&mut text, "go", asked).expect("a string grows");
        text
    }

    /// Writes the group, and what is to be done with it: `go` or `bench`.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write(&self, to: &mut impl Write, verb: &str, asked: &[&str]) -> fmt::Result {
        let rack = |rack: &u32| format!("rack-{rack}");
        let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        for topic in &self.topics {
            let racks = joined(topic.racks.iter().map(|racks| dash(&joined(racks.iter().map(rack), ","))), ";");
            writeln!(to, "topic {} {} {}", topic.name, topic.partition_count, dash(&racks))?;
        }
        for member in &self.members {
            let topics = joined(member.topics.iter().map(|topic| self.topics[index(*topic)].name.clone()), ",");
            let mut owned = String::new();
            for (topic, one) in (0..).zip(&self.topics) {
                let indexes = member.owned.iter().filter(|(other, _)| *other == topic).map(|(_, index)| index.to_string());
                let indexes = joined(indexes, ".");
                if !indexes.is_empty() {
                    let comma = if owned.is_empty() { "" } else { "," };
                    write!(owned, "{comma}{}:{indexes}", one.name)?;
                }
            }
            let (instance, rack) = (member.instance.as_deref().unwrap_or_default(), member.rack.as_ref().map(rack).unwrap_or_default());
            writeln!(
                to,
                "member {} {} {} {} {} {}",
                member.id,
                dash(instance),
                dash(&rack),
                member.generation,
                dash(&topics),
                dash(&owned)
            )?;
        }
        writeln!(to, "{verb} {}", asked.join(" "))
    }

    /// Reads a line of Java's answers for this group.
    ///
    /// # Errors
    /// What Java's assignor threw, or the line itself when it cannot be read.
    pub fn read(&self, line: &str) -> Result<Parts, String> {
        let (_, answers) = line.split_once(' ').ok_or(line)?;
        let answers: Vec<&str> = answers.split(' ').collect();
        if answers.len() != self.members.len() {
            return Err(line.to_owned());
        }
        let one = |(member, answer): (&Subscriber, &&str)| {
            let own = answer.strip_prefix(&*member.id)?.strip_prefix('=')?;
            let mut partitions = Vec::new();
            for topic in own.split(',').filter(|topic| !topic.is_empty()) {
                let (name, indexes) = topic.split_once(':')?;
                let topic = self.topics.iter().position(|topic| topic.name == name)?;
                let first: u32 = self.topics[..topic].iter().map(|topic| topic.partition_count).sum();
                for index in indexes.split('.') {
                    partitions.push(first + index.parse::<u32>().ok()?);
                }
            }
            partitions.sort_unstable();
            Some(partitions)
        };
        self.members.iter().zip(&answers).map(one).collect::<Option<Parts>>().ok_or_else(|| line.to_owned())
    }

    /// What our assignor of a name says, in so many words of memory, or as many as it is told to need.
    ///
    /// # Errors
    /// What [`AssignError`] names.
    ///
    /// # Panics
    /// When there is no such assignor.
    pub fn ours(&self, assignor: &str, words: Option<usize>) -> Result<Parts, AssignError> {
        let ends = ends(self.topics.iter().map(|topic| topic.partition_count));
        let topics = Topics::from_ends(&ends)?;
        let owned: Vec<Vec<u32>> = self.members.iter().map(|member| self.numbers(&member.owned)).collect();
        let pairs = self.members.iter().map(|member| member.topics.len()).sum();
        let sizes = (self.members.len(), self.topics.len(), index(topics.partition_count()), pairs);
        let mut owners = vec![Owner::NOBODY; index(topics.partition_count())];
        if let Some(server) = assignor.strip_prefix("server-") {
            let lists: Vec<&[u32]> = self.members.iter().map(|member| &*member.topics).collect();
            let group = Subscriptions::new(topics, &lists)?;
            for (member, own) in (0..).zip(&owned) {
                own.iter().for_each(|partition| owners[index(*partition)] = Owner::of(member));
            }
            match server {
                "range" => range::assign(&group, &mut owners, &mut List::grown(words.unwrap_or(3 * sizes.1)))?,
                "uniform" => {
                    let words = words.unwrap_or(uniform::words(sizes.0, sizes.1, sizes.2, sizes.3));
                    uniform::assign(&group, &mut owners, &mut List::grown(words))?;
                }
                "simple" => {
                    let words = words.unwrap_or(simple::words(sizes.0, sizes.1, sizes.2, sizes.3));
                    let last: usize = owned.iter().map(Vec::len).sum();
                    return simple_parts(&group, &owned, last + sizes.3 + sizes.2, words);
                }
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
        if rack_ends.len() == owners.len() {
            group = group.with_racks(Racks::new(&rack_ends, &all_racks)?)?;
        }
        let words = words.unwrap_or(millpond_core::member::assignor::assignor::words(sizes.0, sizes.1, sizes.2, sizes.3));
        assignor.assign(&group, &mut owners, &mut List::grown(words))?;
        Ok(parts(&owners, self.members.len()))
    }

    /// Partitions, counted through all topics.
    #[must_use]
    pub fn numbers(&self, owned: &[(u32, u32)]) -> Vec<u32> {
        let ends = ends(self.topics.iter().map(|topic| topic.partition_count));
        owned.iter().map(|(topic, index)| index + topic.checked_sub(1).map_or(0, |before| ends[self::index(before)])).collect()
    }

    /// Whether somebody claims, from an earlier generation than the last, what it does not subscribe to any more. Java's sticky assignors may
    /// then give it back to that member, in between or for good, or find no such member where they look for it.
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
                takers[index(*partition)] += 1;
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

fn simple_parts(group: &Subscriptions<'_>, owned: &[Vec<u32>], seats_max: usize, words: usize) -> Result<Parts, AssignError> {
    let mut seats = List::grown(seats_max);
    for (member, own) in (0..).zip(owned) {
        for partition in own {
            seats.push(simple::Seat { partition: *partition, member })?;
        }
    }
    simple::assign(group, None, &mut seats, &mut List::grown(words))?;
    let mut parts = vec![Vec::new(); owned.len()];
    seats.iter().for_each(|seat| parts[index(seat.member)].push(seat.partition));
    Ok(parts)
}

/// The loads of members, lightest first: how balanced an answer is.
#[must_use]
pub fn loads(parts: &Parts) -> Vec<usize> {
    let mut loads: Vec<usize> = parts.iter().map(Vec::len).collect();
    loads.sort_unstable();
    loads
}

fn parts(owners: &[Owner], members: usize) -> Parts {
    let mut parts = vec![Vec::new(); members];
    for (partition, owner) in (0..).zip(owners) {
        if let Some(member) = owner.member() {
            parts[index(member)].push(partition);
        }
    }
    parts
}

fn place_of(topics: &[Topic], partition: u32) -> (u32, u32) {
    let mut left = partition;
    for (topic, one) in (0..).zip(topics) {
        if left < one.partition_count {
            return (topic, left);
        }
        left -= one.partition_count;
    }
    (0, 0)
}

fn ends(counts: impl Iterator<Item = u32>) -> Vec<u32> {
    counts
        .scan(0, |end, count| {
            *end += count;
            Some(*end)
        })
        .collect()
}

fn joined(words: impl Iterator<Item = String>, by: &str) -> String {
    words.collect::<Vec<_>>().join(by)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
