//! The world: everything that happens, in the order of its time.

mod damage;

use core::cell::RefCell;
use core::hash::Hasher;
use std::collections::BTreeMap;
use std::hash::DefaultHasher;
use std::rc::Rc;

use crate::random::Random;

use super::broker::{Broker, Ticket};
use super::clients::{Client, Custom};
use super::clock::Clock;
use super::disk::{Disk, DiskError, Media, forge};
use super::message::{Answer, Request, Whole};
use super::net::Net;
use super::oracle::Oracle;
use super::{Outcome, Sabotage, Violation};

/// How long a client waits for an answer; as long as a rebalance, or not so long. Unit: ms.
const PATIENCE: [u64; 3] = [12_000, 12_000, 1_500];
const CLIENTS: u64 = 18;

enum Event {
    Act(usize),
    Arrive { id: u64 },
    Return { id: u64, answer: Answer },
    GiveUp { client: usize, id: u64 },
    Synced { run: u64, job: Box<Ticket>, outcome: Result<(), DiskError>, done: bool },
    Trouble,
    Retain,
}

pub(crate) struct World {
    random: Random,
    clock: Clock,
    net: Net,
    disk: Disk,
    broker: Option<Broker>,
    oracle: Oracle,
    clients: Vec<Client>,
    requests: BTreeMap<u64, (usize, Request)>,
    events: BTreeMap<(u64, u64), Event>,
    sabotage: Option<Sabotage>,
    trace: DefaultHasher,
    next_event: u64,
    next_request: u64,
    next_topic_id: u64,
    /// How often the broker was started.
    runs: u64,
    power_losses: u64,
    /// How many syncs are under way.
    syncing: usize,
    sync_ms_max: usize,
    patience: u64,
    /// Whether topics are compacted, which takes longer lives.
    is_compacting: bool,
    /// How many compactions have come to their end.
    compactions: u64,
    /// Nothing goes wrong any more.
    calm: bool,
    /// Nobody asks for anything any more.
    silent: bool,
    /// Nothing is compacted any more.
    settled: bool,
    /// Whether everything is printed that happens (`MILLPOND_TRACE`).
    loud: bool,
}

impl World {
    pub(crate) fn new(seed: u64, sabotage: Option<Sabotage>) -> Self {
        let mut random = Random::new(seed);
        let disk = Rc::new(RefCell::new(Media::new()));
        disk.borrow_mut().lies = sabotage == Some(Sabotage::DiskLies);
        let custom = Custom::new(&mut random);
        let clients = (0..CLIENTS).map(|number| Client::new(number, custom, &mut random)).collect();
        Self {
            net: Net::new(&mut random),
            sync_ms_max: *random.pick(&[1, 10, 300, 4000]),
            patience: *random.pick(&PATIENCE),
            random,
            clock: Clock::new(),
            disk,
            broker: None,
            oracle: Oracle::default(),
            clients,
            requests: BTreeMap::new(),
            events: BTreeMap::new(),
            sabotage,
            trace: DefaultHasher::new(),
            next_event: 0,
            next_request: 0,
            next_topic_id: 0,
            runs: 0,
            power_losses: 0,
            syncing: 0,
            is_compacting: custom.is_compacting(),
            compactions: 0,
            calm: false,
            silent: false,
            settled: false,
            loud: std::env::var_os("MILLPOND_TRACE").is_some(),
        }
    }

    fn at(&mut self, after: u64, event: Event) {
        self.next_event += 1;
        self.events.insert((self.clock.now + after, self.next_event), event);
    }

    fn span(&mut self, end: usize) -> u64 {
        u64::try_from(self.random.below(end)).unwrap_or(0)
    }

    pub(crate) fn live(mut self) -> Outcome {
        self.live_through();
        let counts = self.oracle.counts;
        let counts = [counts[0], counts[1], counts[2], counts[3], counts[4], self.runs, self.power_losses, self.compactions];
        Outcome { trace: self.trace.finish(), violation: self.oracle.violation, counts }
    }

    fn live_through(&mut self) {
        self.start();
        for client in 0..self.clients.len() {
            self.at(1, Event::Act(client));
        }
        self.at(400, Event::Trouble);
        self.at(1000, Event::Retain);
        let steps = if self.is_compacting { 1500 + self.random.below(3000) } else { 400 + self.random.below(1200) };
        self.run_for(steps, u64::MAX);
        self.calm_down();
    }

    /// Everything is repaired, and everything that somebody knows is looked at once more.
    fn calm_down(&mut self) {
        self.calm = true;
        self.net.heal();
        {
            let mut media = self.disk.borrow_mut();
            (media.room, media.failing_syncs, media.failing_writes) = (None, 0, 0);
        }
        self.restart(true);
        self.run_for(150, u64::MAX);
        self.silent = true;
        self.events.retain(|_, event| matches!(event, Event::Synced { .. }));
        let end = self.clock.now + 400_000;
        self.run_for(2000, end);
        self.clock.now = end;
        self.drive();
        if self.random.once_in(2) {
            self.compact_everything();
        }
        self.restart(true);
        self.settled = true;
        self.read_everything(false);
        // Nobody asks anything any more; what was found open in the logs, or coming to its end, is ended.
        self.events.clear();
        self.drive();
        let end = self.clock.now + 60_000;
        self.run_for(2000, end);
        self.read_everything(true);
        self.oracle.finish();
    }

    fn compact_everything(&mut self) {
        let at = self.clock.moment();
        for _ in 0..10_000 {
            let Some(broker) = &mut self.broker else { return };
            if !broker.compact(at, &mut self.random) {
                return;
            }
        }
        self.oracle.broken("a compaction comes to no end".to_owned());
    }

    /// Reads every log from its first record to its last, and looks at it as a whole.
    fn read_everything(&mut self, committed: bool) {
        for partition in self.oracle.partitions() {
            let mut from = 0;
            let mut there = Whole::default();
            for _ in 0..10_000 {
                let Some(broker) = &mut self.broker else { return };
                self.next_request += 1;
                let partitions = vec![(partition.topic.clone(), partition.index, from)];
                let id = self.next_request;
                let request = Request::Fetch { partitions, min_bytes: 0, max_bytes: 1 << 20, committed };
                self.oracle.ask(self.clock.now, id, &request);
                self.oracle.receive(self.clock.now, id, broker);
                broker.receive(self.clock.moment(), id, request);
                let said = core::mem::take(&mut broker.said);
                let mut next = None;
                for (id, answer) in said {
                    if let Answer::Read(reads) = &answer
                        && let Some(read) = reads.first()
                    {
                        there.take(read);
                        if self.calm {
                            self.oracle.read_last(read);
                        }
                        if read.failed && !self.calm {
                            there.is_broken = true;
                        } else if read.failed || read.partition != partition {
                            self.oracle.broken(format!("{partition:?} cannot be read: {read:?}"));
                        }
                        next = if read.in_range { Some(read.next) } else { Some(read.log_start) };
                        next = next.filter(|next| *next > from);
                        if read.in_range && read.next <= from && from < read.high_watermark {
                            if self.loud {
                                broker.show(&partition);
                            }
                            self.oracle.broken(format!("{partition:?} yields nothing below its end: {read:?}"));
                        }
                    }
                    self.oracle.say(id, &answer);
                }
                match next {
                    Some(next) => from = next,
                    None => break,
                }
            }
            if !committed
                && !there.is_broken
                && let Some(broker) = &self.broker
            {
                self.oracle.read_whole(self.clock.now, &partition, &there, broker.first_dirty(&partition));
            }
        }
    }

    fn run_for(&mut self, steps: usize, until: u64) {
        for _ in 0..steps {
            if self.oracle.violation.is_some() {
                return;
            }
            let due = self.broker.as_ref().and_then(Broker::poll_timeout).map_or(u64::MAX, |due| due.0.max(self.clock.now));
            let next = self.events.first_key_value().map_or(u64::MAX, |((time, _), _)| *time);
            if due.min(next) >= until {
                return;
            }
            if due <= next {
                self.clock.now = due;
            } else if let Some(((time, _), event)) = self.events.pop_first() {
                self.clock.now = self.clock.now.max(time);
                self.happen(event);
            }
            self.drive();
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Act(client) => self.act(client),
            Event::Arrive { id } => {
                if let (Some(broker), Some((_, request))) = (&mut self.broker, self.requests.get(&id)) {
                    if self.loud {
                        println!("{} asked {id} {}", self.clock.now, brief(request));
                    }
                    self.oracle.receive(self.clock.now, id, broker);
                    let mut request = request.clone();
                    if let Request::Produce { bytes, .. } = &mut request
                        && self.sabotage == Some(Sabotage::ForgetsSequences)
                    {
                        forget_producer(bytes);
                    }
                    broker.receive(self.clock.moment(), id, request);
                }
            }
            Event::Return { id, answer } => self.hear(id, Some(&answer)),
            Event::GiveUp { client, id } => {
                if self.clients.get(client).is_some_and(|client| client.waits_for.is_some_and(|(waits, _)| waits == id)) {
                    self.hear(id, None);
                }
            }
            Event::Synced { run, job, outcome, done } => {
                // What was begun in another life of the broker ended with it.
                self.syncing -= usize::from(run == self.runs);
                if self.loud {
                    println!("{} synced {:?} up to {} {outcome:?} {done}", self.clock.now, job.log, job.ticket.end());
                }
                if let Some(broker) = self.broker.as_mut().filter(|_| run == self.runs) {
                    let outcome = if done { outcome } else { broker.carry_out(&job) };
                    broker.end_sync(self.clock.moment(), *job, outcome);
                }
            }
            Event::Trouble => self.trouble(),
            Event::Retain => {
                if let Some(broker) = &mut self.broker {
                    broker.retain(self.clock.moment());
                }
                self.at(1500, Event::Retain);
            }
        }
    }

    fn act(&mut self, number: usize) {
        let at = self.clock.moment();
        let Some(client) = self.clients.get_mut(number) else { return };
        if client.waits_for.is_some() || self.silent {
            return;
        }
        let request = client.ask(&mut self.random, at);
        self.next_request += 1;
        let id = self.next_request;
        client.waits_for = Some((id, self.clock.now));
        self.oracle.ask(self.clock.now, id, &request);
        self.requests.insert(id, (number, request));
        let now = self.clock.now;
        if let Some(delay) = self.net.carry(now, &mut self.random) {
            self.at(delay, Event::Arrive { id });
        }
        self.at(self.patience, Event::GiveUp { client: number, id });
    }

    fn hear(&mut self, id: u64, answer: Option<&Answer>) {
        let Some((number, request)) = self.requests.get(&id) else { return };
        let number = *number;
        let at = self.clock.moment();
        let Some(client) = self.clients.get_mut(number) else { return };
        if client.waits_for.is_none_or(|(waits, _)| waits != id) {
            return;
        }
        client.waits_for = None;
        client.hear(request, answer, &mut self.random, at);
        let pause = match number {
            0 | 1 => 600,
            9 => 20,
            10.. => 60,
            _ => 120,
        };
        let pause = 1 + self.span(pause);
        self.at(pause, Event::Act(number));
    }

    /// After every event: deadlines, syncs, answers, checks.
    fn drive(&mut self) {
        let at = self.clock.moment();
        let Some(broker) = &mut self.broker else { return };
        if !self.settled && self.random.once_in(2) {
            broker.compact(at, &mut self.random);
        }
        if broker.poll_timeout().is_some_and(|due| due <= at.now) {
            broker.handle_timeout(at);
            self.oracle.timed(self.clock.now, broker);
        }
        let mut jobs = Vec::new();
        if self.syncing == 0 {
            jobs = broker.begin_syncs(at);
        }
        self.oracle.acquire(self.clock.now, &core::mem::take(&mut broker.acquired));
        let said = core::mem::take(&mut broker.said);
        for (id, answer) in &said {
            if self.loud {
                println!("{} answer {id} {answer:?}", self.clock.now);
            }
            self.trace.write(format!("{} {id} {answer:?}", self.clock.now).as_bytes());
            self.oracle.say(*id, answer);
        }
        self.oracle.look(self.clock.now, broker);
        // Some syncs happen at once and are reported late, others happen late.
        for job in jobs {
            let done = self.random.once_in(2);
            let outcome = if done { self.broker.as_ref().map_or(Ok(()), |broker| broker.carry_out(&job)) } else { Ok(()) };
            let delay = self.span(self.sync_ms_max);
            self.syncing += 1;
            self.at(delay, Event::Synced { run: self.runs, job: Box::new(job), outcome, done });
        }
        for (id, answer) in said {
            let now = self.clock.now;
            if let Some(delay) = self.net.carry(now, &mut self.random) {
                self.at(delay, Event::Return { id, answer });
            }
        }
    }

    fn trouble(&mut self) {
        if self.calm {
            return;
        }
        let next = 300 + self.span(6000);
        self.at(next, Event::Trouble);
        let kind = self.random.below(10);
        if self.loud {
            println!("{} trouble {kind}", self.clock.now);
        }
        match kind {
            0..3 => self.restart(true),
            3 => self.restart(false),
            4 => {
                if let Some(broker) = self.broker.take() {
                    self.next_topic_id = broker.ids_up_to();
                    self.compactions += broker.compactions;
                    broker.stop();
                    self.restart(false);
                }
            }
            5 => {
                let by = *self.random.pick(&[-3_600_000, -5000, 5000, 3_600_000]);
                self.clock.jump(by);
                self.oracle.jump(self.clock.now, by);
            }
            6 => {
                let span = self.span(20_000);
                self.net.cut(self.clock.now + span);
            }
            9 => {
                if let Some(broker) = &mut self.broker {
                    broker.checkpoint();
                }
            }
            7 => {
                let room = self.span(3000);
                let mut media = self.disk.borrow_mut();
                media.room = if media.room.is_some() { None } else { Some(room) };
                self.oracle.fill_disk();
            }
            _ => {
                let (syncs, writes) = *self.random.pick(&[(1, 0), (0, 1), (3, 2)]);
                let mut media = self.disk.borrow_mut();
                (media.failing_syncs, media.failing_writes) = (syncs, writes);
            }
        }
    }

    /// The broker ends, with the power or without, and starts again.
    fn restart(&mut self, power: bool) {
        if let Some(broker) = self.broker.take() {
            self.next_topic_id = broker.ids_up_to();
            self.compactions += broker.compactions;
        }
        self.oracle.stop(power);
        if self.loud {
            println!("{} restart, power lost: {power}", self.clock.now);
        }
        if power {
            self.power_losses += 1;
            self.disk.borrow_mut().crash(&mut self.random);
        }
        self.syncing = 0;
        // Connections break, and clients notice soon.
        for number in 0..self.clients.len() {
            if let Some((id, _)) = self.clients.get(number).and_then(|client| client.waits_for) {
                let delay = self.span(200);
                self.at(delay, Event::GiveUp { client: number, id });
            }
        }
        // A disk that is full or failing keeps the broker from starting, until somebody has seen to it.
        if self.random.once_in(2) {
            let mut media = self.disk.borrow_mut();
            (media.room, media.failing_syncs, media.failing_writes) = (None, 0, 0);
        }
        self.start();
        if self.is_compacting && !self.calm && self.random.once_in(3) {
            self.read_everything(false);
        }
    }

    fn start(&mut self) {
        for attempt in 0..2 {
            self.runs += 1;
            match Broker::start(self.clock.moment(), &self.disk, self.sabotage, self.next_topic_id) {
                Ok(broker) => {
                    self.oracle.start(&broker);
                    self.broker = Some(broker);
                    return;
                }
                Err(error) if attempt > 0 => {
                    let what = format!("no start with a sound disk: {error}");
                    self.oracle.violation.get_or_insert(Violation { invariant: "topics", what });
                }
                Err(_) => {
                    let mut media = self.disk.borrow_mut();
                    (media.room, media.failing_syncs, media.failing_writes) = (None, 0, 0);
                }
            }
        }
    }
}

/// A request without its bytes.
fn brief(request: &Request) -> String {
    match request {
        Request::Produce { topic, partition, acks, records, producer, .. } => {
            format!("Produce {topic}-{partition} acks {acks} {records:x?} of {producer:?}")
        }
        other => format!("{other:?}"),
    }
}

/// Makes a batch one of a producer that is not idempotent.
fn forget_producer(bytes: &mut [u8]) {
    // Producer id, epoch and sequence stand behind the timestamps. Source: record batch v2.
    forge(bytes, |bytes| bytes.get_mut(43..57).into_iter().for_each(|place| place.fill(0xff)));
}
