//! A day from a seed.

extern crate std;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::group::modern::target::ServerAssignor;
use crate::ids::{CallId, GenerationId};
use crate::member::assignor::assignor::Assignor;
use crate::member::contact::RequestId;
use crate::member::standing::Departure;

use super::Kind;
use super::client::{Client, Heard};
use super::message::{Answered, Message};
use super::server::Server;

const CLIENTS: usize = 5;
pub(super) const TOPICS: [&str; 3] = ["t", "tt", "u"];
/// How long the bad part lasts, and how long after it a group may take to come to rest.
const BAD_MS: u64 = 90_000;
const SETTLING_MS: u64 = 90_000;
/// How long nothing may happen then.
const REST_MS: u64 = 20_000;

/// Numbers from a seed.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn once_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// What happens at a time.
#[derive(Clone, Debug)]
enum Happening {
    Arrives(Letter, Message),
    Returns(Letter, Answered),
    IsLost(Letter),
    CoordinatorStarts,
}

/// From which life of which client a request is, and which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Letter {
    client: usize,
    life: u64,
    asked: Asked,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// What the machine wanted to know.
    Request(RequestId),
    /// What the application wants committed, in a generation.
    Commit(GenerationId),
}

/// How days ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ended {
    days: u64,
    requests: u64,
    joins: u64,
    revoked: u64,
    lost: u64,
    failed: u64,
    ups: u64,
    downs: u64,
    /// How much was said, in the worst case, from the last fault until rest, without heartbeats.
    to_rest: u64,
}

impl Ended {
    pub(super) fn add(&mut self, other: &Self) {
        self.days += 1;
        self.requests += other.requests;
        self.joins += other.joins;
        self.revoked += other.revoked;
        self.lost += other.lost;
        self.failed += other.failed;
        self.ups += other.ups;
        self.downs += other.downs;
        self.to_rest = self.to_rest.max(other.to_rest);
    }
}

/// A day: a coordinator, clients, and what is under way between them.
pub(super) struct Day {
    pub(super) kind: Kind,
    dice: Dice,
    tells: bool,
    pub(super) now: u64,
    pub(super) server: Server,
    pub(super) clients: Vec<Option<Client>>,
    lives: Vec<u64>,
    /// Until when a client that is gone stays away.
    away: Vec<u64>,
    /// When the last request of each client arrives: those behind it arrive later.
    arrivals: Vec<u64>,
    happenings: BTreeMap<(u64, u64), Happening>,
    count: u64,
    calls: BTreeMap<u64, Letter>,
    /// How often something was to be done since time has last gone on.
    idle: u32,
    is_bad: bool,
    /// Whether the last two clients are static members.
    has_static: bool,
    ended: Ended,
    was_modern: bool,
}

impl Day {
    pub(super) fn new(kind: Kind, seed: u64, tells: bool) -> Self {
        let mut dice = Dice(seed);
        let assignor = match kind {
            Kind::Modern(assignor) => assignor,
            Kind::Classic(_) | Kind::Mixed(_) => ServerAssignor::Uniform,
        };
        let topics: Vec<(&str, u32)> = TOPICS.iter().map(|name| (*name, 1 + u32::try_from(dice.below(6)).unwrap())).collect();
        Self {
            kind,
            dice,
            tells,
            now: 0,
            server: Server::new(assignor, &topics),
            clients: (0..CLIENTS).map(|_| None).collect(),
            lives: [0; CLIENTS].to_vec(),
            away: [0; CLIENTS].to_vec(),
            arrivals: [0; CLIENTS].to_vec(),
            happenings: BTreeMap::new(),
            count: 0,
            calls: BTreeMap::new(),
            idle: 0,
            is_bad: true,
            has_static: !seed.is_multiple_of(2),
            ended: Ended::default(),
            was_modern: false,
        }
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.tells {
            std::println!("{:>7} {}", self.now, what());
        }
    }

    fn at(&mut self, time: u64, what: Happening) {
        self.count += 1;
        self.happenings.insert((time, self.count), what);
    }

    pub(super) fn live(mut self) -> Result<Ended, String> {
        while self.now < BAD_MS {
            self.go_on(BAD_MS)?;
            self.meddle();
        }
        self.say(|| "from here on nothing fails".to_string());
        self.is_bad = false;
        self.come_back();
        self.ended.to_rest = 0;
        // A static member that comes back to a classic group gets what it had before, even if it subscribes to something else by now; a
        // leader that comes back does not know whether topics have grown meanwhile; and nobody leads a group that went down when a static
        // member came back. The group finds out when it next divides, as in Kafka: so somebody else comes back, too.
        for half in [1, 2] {
            while self.now < BAD_MS + SETTLING_MS / 2 * half {
                self.go_on(BAD_MS + SETTLING_MS / 2 * half)?;
            }
            if half == 1 {
                TOPICS.iter().for_each(|topic| self.grow(topic));
            }
            if half == 1 && self.has_static {
                self.die(0, 0);
            }
        }
        let to_rest = self.ended.to_rest;
        self.ended.to_rest = 0;
        self.check_rest()?;
        while self.now < BAD_MS + SETTLING_MS + REST_MS {
            self.go_on(BAD_MS + SETTLING_MS + REST_MS)?;
        }
        if self.ended.to_rest > 0 {
            return Err(alloc::format!("the group is not at rest: {} requests", self.ended.to_rest));
        }
        self.check_rest()?;
        if to_rest > 1_000 {
            return Err(alloc::format!("it took {to_rest} requests to come to rest"));
        }
        self.ended.to_rest = to_rest;
        Ok(self.ended)
    }

    /// Lets time pass until something happens, at the latest until `end`.
    fn go_on(&mut self, end: u64) -> Result<(), String> {
        let mut next = end.min(self.now + 200);
        next = next.min(self.happenings.first_key_value().map_or(u64::MAX, |((time, _), _)| *time));
        next = next.min(self.server.due().unwrap_or(u64::MAX));
        for client in self.clients.iter().flatten() {
            next = next.min(client.next_poll).min(client.next_look).min(client.due().unwrap_or(u64::MAX));
            next = next.min(client.gives_back.as_ref().map_or(u64::MAX, |(time, _)| *time));
        }
        self.idle = if next > self.now { 0 } else { self.idle + 1 };
        if self.idle > 1_000 {
            return Err(alloc::format!("time stands still at {}: {:?}", self.now, self.clients));
        }
        self.now = self.now.max(next);
        while let Some(entry) = self.happenings.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let what = entry.remove();
            self.happen(what);
        }
        self.server.wake(self.now);
        self.send_answers();
        for at in 0..CLIENTS {
            self.run(at);
        }
        let is_modern = self.server.is_modern();
        if self.server.coordinator.is_some() {
            self.ended.ups += u64::from(is_modern && !self.was_modern);
            self.ended.downs += u64::from(!is_modern && self.was_modern);
            self.was_modern = is_modern;
        }
        if let Some(generation_id) = self.server.generation() {
            self.clients.iter_mut().flatten().for_each(|client| client.miss(generation_id));
        }
        self.check_patience()?;
        self.check_exclusive()
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Arrives(letter, message) => {
                self.say(|| alloc::format!("  <- {} hears {message:?}", letter.client));
                match self.server.hear(self.now, &message) {
                    Ok(call) => {
                        self.calls.insert(call.0, letter);
                    }
                    Err(answered) => self.send_back(letter, answered),
                }
                self.send_answers();
            }
            Happening::Returns(letter, answered) => {
                let now = self.now;
                if let Some(client) = self.client(letter) {
                    match letter.asked {
                        Asked::Request(id) => client.told(now, id, &answered),
                        Asked::Commit(generation_id) => client.committed(generation_id, &answered),
                    }
                    self.say(|| alloc::format!("  -> {} {answered:?}", letter.client));
                }
            }
            Happening::IsLost(letter) => {
                let now = self.now;
                if let (Asked::Request(id), Some(client)) = (letter.asked, self.client(letter)) {
                    client.lost(now, id);
                }
            }
            Happening::CoordinatorStarts => {
                if self.server.coordinator.is_none() {
                    self.say(|| "the coordinator starts".to_string());
                    self.server.start(self.now);
                }
            }
        }
    }

    fn client(&mut self, letter: Letter) -> Option<&mut Client> {
        if self.lives[letter.client] == letter.life { self.clients[letter.client].as_mut() } else { None }
    }

    fn send_answers(&mut self) {
        for (CallId(call), answered) in core::mem::take(&mut self.server.outbox.0) {
            if let Some(letter) = self.calls.remove(&call) {
                if let (Answered::Joined(seated), Some(client)) = (&answered, self.client(letter)) {
                    client.granted = seated.generation;
                }
                self.send_back(letter, answered);
            }
        }
    }

    fn send_back(&mut self, letter: Letter, answered: Answered) {
        let delay = self.delay();
        if self.is_bad && self.dice.once_in(12) {
            return;
        }
        if self.is_bad && self.dice.once_in(12) {
            let later = self.now + self.dice.below(9_000);
            self.at(later, Happening::Returns(letter, answered.clone()));
        }
        self.at(self.now + delay, Happening::Returns(letter, answered));
    }

    fn delay(&mut self) -> u64 {
        if self.is_bad && self.dice.once_in(10) { self.dice.below(7_000) } else { 1 + self.dice.below(20) }
    }

    /// A client sends something. It waits for the answer for some time, or learns sooner that there will be none.
    fn send(&mut self, letter: Letter, message: Message) {
        self.ended.requests += 1;
        self.ended.joins += u64::from(matches!(message, Message::Join { .. }));
        self.ended.to_rest += u64::from(!message.is_quiet());
        let patience = match message {
            Message::Join { rebalance, .. } => rebalance.0 + 5_000,
            Message::Sync { .. } => 25_000,
            _ => 5_000,
        };
        let heard_of = if self.is_bad && self.dice.once_in(20) { self.dice.below(500) } else { patience };
        self.at(self.now + heard_of, Happening::IsLost(letter));
        if self.is_bad && self.dice.once_in(12) {
            return;
        }
        let arrival = (self.now + self.delay()).max(self.arrivals[letter.client]);
        self.arrivals[letter.client] = arrival;
        self.at(arrival, Happening::Arrives(letter, message));
    }

    /// A client does what it has to do by now.
    fn run(&mut self, at: usize) {
        let now = self.now;
        if self.clients[at].is_none() && self.away[at] <= now {
            self.come(at);
        }
        let polls = self.clients[at].as_ref().is_some_and(|client| client.next_poll <= now);
        if polls {
            let pause = if self.is_bad && self.dice.once_in(100) { 5_000 + self.dice.below(30_000) } else { 100 + self.dice.below(900) };
            if let Some(client) = &mut self.clients[at] {
                client.poll(now);
                client.last_poll = now;
                client.next_poll = now + pause;
            }
            self.listen(at);
        }
        let Some(client) = &mut self.clients[at] else { return };
        if client.next_look <= now {
            client.look(&self.server.topics);
            client.next_look = now + 1_000 + self.dice.below(1_000);
            if let Some((generation_id, message)) = client.commit().filter(|_| self.dice.once_in(3)) {
                self.say(|| alloc::format!("{at} asks {message:?}"));
                self.send(Letter { client: at, life: self.lives[at], asked: Asked::Commit(generation_id) }, message);
            }
        }
        let Some(client) = &mut self.clients[at] else { return };
        if client.gives_back.as_ref().is_some_and(|(time, _)| *time <= now)
            && let Some((_, held)) = client.gives_back.take()
        {
            client.read(|reads| reads.retain(|it| !held.contains(it)));
            client.revoked_done();
            self.say(|| alloc::format!("{at} has given back {held:?}"));
        }
        for _ in 0..9 {
            let life = self.lives[at];
            let Some((id, message)) = self.clients[at].as_mut().and_then(|client| client.ask(now)) else { return };
            self.say(|| alloc::format!("{at} asks {message:?}"));
            self.send(Letter { client: at, life, asked: Asked::Request(id) }, message);
        }
        panic!("client {at} asks for ever: {:?}", self.clients[at]);
    }

    /// The application looks what it is told.
    fn listen(&mut self, at: usize) {
        for _ in 0..9 {
            let Some(client) = &mut self.clients[at] else { return };
            let Some(heard) = client.event() else { return };
            self.say(|| alloc::format!("{at} is told {heard:?}"));
            let slow = self.is_bad && self.dice.once_in(30);
            let pause = if slow { self.dice.below(25_000) } else { self.dice.below(300) };
            let Some(client) = &mut self.clients[at] else { return };
            match heard {
                Heard::Assigned(held) => client.read(|reads| reads.extend(held)),
                Heard::Revoked(held) => {
                    self.ended.revoked += 1;
                    client.gives_back = Some((self.now + pause, held));
                }
                Heard::Lost(held) => {
                    self.ended.lost += 1;
                    client.gives_back = None;
                    let held: BTreeSet<(String, i32)> = held.into_iter().collect();
                    assert!(client.reads.is_subset(&held), "all is lost");
                    client.read(BTreeSet::clear);
                }
                Heard::Refused => {}
                Heard::Failed(_) => {
                    self.ended.failed += 1;
                    assert!(client.reads.is_empty(), "who has failed holds nothing");
                    self.die(at, 1_000);
                }
            }
        }
        panic!("client {at} is told things for ever");
    }

    fn die(&mut self, at: usize, away: u64) {
        self.clients[at] = None;
        self.lives[at] += 1;
        self.away[at] = self.now + away;
    }

    fn come(&mut self, at: usize) {
        let seed = self.dice.next();
        let instance = (self.has_static && at + 2 >= CLIENTS).then(|| alloc::format!("i{at}"));
        let instance = instance.as_deref();
        let id = alloc::format!("m{at}-{}", self.lives[at]);
        let is_modern = self.dice.once_in(2);
        let mut offers_one = true;
        let machine = match self.kind {
            Kind::Classic(assignor) | Kind::Mixed(assignor) if self.kind == Kind::Classic(assignor) || !is_modern => {
                let offers = [assignor, *[Assignor::Range, Assignor::RoundRobin, Assignor::Sticky].get(at % 3).unwrap()];
                let alone = assignor == Assignor::CooperativeSticky || offers[0] == offers[1] || !seed.is_multiple_of(4);
                offers_one = alone;
                Client::classic(if alone { &offers[..1] } else { &offers }, instance, seed)
            }
            Kind::Classic(_) | Kind::Mixed(_) | Kind::Modern(_) => Client::consumer(&id, instance, seed),
        };
        let mut client = Client {
            machine,
            reads: BTreeSet::new(),
            marks: 0,
            gives_back: None,
            next_poll: self.now,
            last_poll: self.now,
            next_look: self.now,
            subscription: BTreeSet::new(),
            by_pattern: false,
            leaves: false,
            offers_one,
            instance_id: instance.map(ToString::to_string),
            granted: -1,
            is_late: false,
        };
        self.subscribe(&mut client);
        self.say(|| alloc::format!("{at} comes as {id}: {:?} {:?}", client.subscription, client.by_pattern));
        self.clients[at] = Some(client);
    }

    fn subscribe(&mut self, client: &mut Client) {
        let all = self.dice.once_in(2);
        let chosen: Vec<&str> = TOPICS.iter().copied().filter(|_| all || self.dice.once_in(2)).collect();
        let chosen = if chosen.is_empty() { TOPICS[..1].to_vec() } else { chosen };
        let by_pattern = self.dice.once_in(5);
        client.subscribe(self.now, if by_pattern { &chosen[..1] } else { &chosen }, by_pattern);
    }

    /// Something goes wrong, or changes.
    fn meddle(&mut self) {
        if !self.dice.once_in(60) {
            return;
        }
        let at = usize::try_from(self.dice.below(CLIENTS as u64)).unwrap();
        match self.dice.below(9) {
            0 | 1 => {
                self.say(|| alloc::format!("{at} dies"));
                let away = self.dice.below(15_000);
                self.die(at, away);
            }
            2 => {
                let departure =
                    [Departure::AsMember, Departure::ForGood, Departure::Silently][usize::try_from(self.dice.below(3)).unwrap()];
                if let Some(client) = &mut self.clients[at] {
                    client.leave(departure);
                    self.say(|| alloc::format!("{at} leaves {departure:?}"));
                }
            }
            3..=5 => {
                if let Some(mut client) = self.clients[at].take() {
                    self.subscribe(&mut client);
                    self.say(|| alloc::format!("{at} subscribes to {:?} {}", client.subscription, client.by_pattern));
                    self.clients[at] = Some(client);
                }
            }
            6 => {
                self.say(|| "the coordinator dies".to_string());
                self.server.die();
                let letters: Vec<Letter> = core::mem::take(&mut self.calls).into_values().collect();
                for letter in letters {
                    if self.dice.once_in(2) {
                        let later = self.now + self.dice.below(500);
                        self.at(later, Happening::IsLost(letter));
                    }
                }
                let later = self.now + self.dice.below(12_000);
                self.at(later, Happening::CoordinatorStarts);
            }
            _ => {
                let topic = TOPICS[usize::try_from(self.dice.below(3)).unwrap()];
                if self.server.topics.topics[topic] < 9 {
                    self.grow(topic);
                }
            }
        }
    }

    fn grow(&mut self, topic: &str) {
        self.say(|| alloc::format!("{topic} grows"));
        *self.server.topics.topics.entry(topic.to_string()).or_default() += 1;
        self.server.topics.version += 1;
    }

    /// What must be there in the good part.
    fn come_back(&mut self) {
        for client in self.clients.iter_mut().flatten() {
            client.next_poll = client.next_poll.min(self.now + 500);
            if let Some((time, _)) = &mut client.gives_back {
                *time = (*time).min(self.now + 500);
            }
        }
        if self.server.coordinator.is_none() {
            self.at(self.now + 500, Happening::CoordinatorStarts);
        }
    }
}
