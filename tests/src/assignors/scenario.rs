//! What a group looks like, and what may have happened to it.

use millpond_core::member::assignor::assignor::compare_members;

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
    /// When an assignor of ours refuses it.
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
            let topics = match subset.is_empty() {
                _ if are_alike => all.clone(),
                true => vec![*random.pick(&all)],
                false => subset,
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
                let parts = self.ours("sticky").expect("a group of ours");
                for (member, own) in self.members.iter_mut().zip(parts) {
                    member.owned = own.iter().filter_map(|partition| place_of(&self.topics, *partition)).collect();
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
            for partition in 0..one.partition_count {
                let Some(member) = self.members.get_mut(random.below(favourites)) else { continue };
                if !random.once_in(4) && (member.topics.contains(&topic) || random.once_in(8)) {
                    member.owned.push((topic, partition));
                }
            }
        }
    }

    /// What may happen to a group: members leave, come, subscribe anew; topics grow.
    fn upset(&mut self, random: &mut Random) {
        for _ in 0..random.below(4) {
            let (member, topic) = (random.below(self.members.len()), random.below(self.topics.len()));
            match random.below(4) {
                0 if self.members.len() > 1 => drop(self.members.remove(member)),
                1 => {
                    let like = random.pick(&self.members).clone();
                    let id = format!("new-{:08x}", random.next() >> 32);
                    self.members.push(Subscriber { id, instance: None, owned: Vec::new(), ..like });
                }
                2 => {
                    let Some(member) = self.members.get_mut(member) else { continue };
                    match member.topics.binary_search(&number(topic)) {
                        Ok(at) if member.topics.len() > 1 => drop(member.topics.remove(at)),
                        Ok(_) => {}
                        Err(at) => member.topics.insert(at, number(topic)),
                    }
                }
                _ => {
                    let Some(topic) = self.topics.get_mut(topic) else { continue };
                    topic.partition_count += 1;
                    let racks = topic.racks.last().cloned();
                    topic.racks.extend(racks);
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
}

/// The topic of a partition that is counted through all topics, and its index there.
fn place_of(topics: &[Topic], partition: u32) -> Option<(u32, u32)> {
    let mut left = partition;
    for (topic, one) in (0..).zip(topics) {
        match left.checked_sub(one.partition_count) {
            None => return Some((topic, left)),
            Some(rest) => left = rest,
        }
    }
    None
}

pub(super) fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
