//! Hears everything that is asked and said, and knows what must never be said.
//!
//! What was asked and not answered is unknown: it may have happened, or may happen yet. It is never taken for absent.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::ids::{Offset, TopicId};

use crate::group::Reply;

use super::Violation;
use super::broker::Broker;
use super::consumers::GROUP;
use super::invariants::acknowledged::Acknowledged;
use super::invariants::answered::Answered;
use super::invariants::authentic::Authentic;
use super::invariants::committed::Committed;
use super::invariants::decided::Decided;
use super::invariants::exclusive::Exclusive;
use super::invariants::latest::Latest;
use super::invariants::one_owner::OneOwner;
use super::invariants::repeatable::Repeatable;
use super::invariants::settled::Settled;
use super::invariants::topics::Topics;
use super::invariants::{Verdict, compacted, deadlines, no_leaks};
use super::message::{Answer, Partition, Read, Request, Whole};
use super::share::Acquisition;

#[derive(Debug, Default)]
pub(crate) struct Oracle {
    acknowledged: Acknowledged,
    authentic: Authentic,
    repeatable: Repeatable,
    one_owner: OneOwner,
    exclusive: Exclusive,
    committed: Committed,
    settled: Settled,
    topics: Topics,
    decided: Decided,
    latest: Latest,
    answered: Answered,
    /// Topics that do not wait for their disk.
    caching: BTreeSet<String>,
    asked: BTreeMap<u64, Request>,
    pub(crate) violation: Option<Violation>,
    /// How much was checked: acknowledged records, records read, assignments, commits, lots settled in share groups.
    pub(crate) counts: [u64; 5],
}

impl Oracle {
    fn judge(&mut self, invariant: &'static str, verdict: Verdict) {
        if let Err(what) = verdict {
            self.violation.get_or_insert(Violation { invariant, what });
        }
    }

    /// A client sends a request; whether it arrives is another matter.
    pub(crate) fn ask(&mut self, now: u64, id: u64, request: &Request) {
        match request {
            Request::Produce { topic, partition, records, producer, transaction, .. } => {
                self.authentic.send(topic, *partition, *producer, records);
                self.latest.send(now, (topic, *partition), producer.is_some(), records);
                if let Some(transaction) = transaction {
                    self.decided.send(transaction, records);
                }
            }
            Request::End { transaction, commit } => self.decided.ask_end(transaction, *commit),
            Request::DeleteRecords { topic, partition, upto } => self.acknowledged.delete_below(topic, *partition, *upto),
            Request::CreateTopic { topic, configs, .. } => {
                configs.iter().for_each(|(config, value)| self.configure(topic, config, value));
            }
            Request::AlterTopic { topic, config, value } => self.configure(topic, config, value.as_deref().unwrap_or_default()),
            _ => {}
        }
        self.asked.insert(id, request.clone());
    }

    fn configure(&mut self, topic: &str, config: &str, value: &str) {
        match config {
            "write.caching" => drop(self.caching.insert(topic.to_owned())),
            "retention.bytes" | "retention.ms" => self.acknowledged.retain(topic),
            "cleanup.policy" if value.contains("compact") => self.latest.compact(topic),
            "delete.retention.ms" => self.latest.keep_tombstones(topic, value.parse().unwrap_or(0)),
            _ => {}
        }
    }

    /// A request is about to be carried out.
    pub(crate) fn receive(&mut self, now: u64, id: u64, broker: &Broker) {
        self.answered.receive(id, now);
        match self.asked.get(&id) {
            Some(Request::DeleteTopic { topic }) => {
                if let Some(topic) = broker.shard().catalog().topic(topic) {
                    self.topics.doom(topic.topic_id);
                    self.committed.forget_topic(topic.topic_id);
                    self.settled.forget_topic(topic.topic_id);
                    self.exclusive.forget_topic(topic.topic_id);
                }
            }
            Some(Request::Commit { member, offsets }) => self.committed.tried(id, &member.group, offsets),
            Some(Request::FetchOffsets { .. }) => self.committed.ask(id),
            Some(Request::Beat(beat)) => self.exclusive.heard(now, id, beat),
            Some(Request::Share { worker, settles, .. }) => settles.iter().for_each(|settle| self.settled.said(worker, settle)),
            _ => {}
        }
    }

    /// The broker answers.
    pub(crate) fn say(&mut self, id: u64, answer: &Answer) {
        let verdict = self.answered.answer(id);
        self.judge("answered", verdict);
        let Some(request) = self.asked.get(&id).cloned() else { return };
        match (answer, &request) {
            (Answer::Topics(topics), _) => topics.iter().for_each(|topic| self.topics.told(topic)),
            (Answer::Deleted(topic), _) => self.topics.deleted(*topic),
            (Answer::Producer(producer), _) => {
                let verdict = self.authentic.introduce(*producer, id);
                self.judge("authentic", verdict);
            }
            (Answer::Identity(_), Request::End { transaction, commit }) => {
                let verdict = self.decided.told_end(transaction, *commit);
                self.judge("decided", verdict);
            }
            (Answer::Produced { partition, base_offset, safe: true }, Request::Produce { records, transaction, .. }) => {
                self.counts[0] += 1;
                if let Some(transaction) = transaction {
                    self.decided.acknowledge(transaction, partition, records);
                }
                self.acknowledged.acknowledge(partition, *base_offset, records);
                self.latest.know(partition, (*base_offset..).zip(records.iter().copied()));
            }
            (Answer::Read(reads), _) => reads.iter().for_each(|read| self.read(read)),
            (Answer::Offsets(offsets), Request::FetchOffsets { group }) => {
                let verdict = self.committed.told(id, group, offsets);
                self.judge("committed", verdict);
            }
            (Answer::Group(Reply::Synced(_, _, assignment)), Request::Sync { member, .. }) => {
                self.counts[2] += 1;
                let verdict = self.one_owner.assigned(member, assignment);
                self.judge("one-owner", verdict);
            }
            (Answer::Seat(told), Request::Beat(beat)) => {
                self.counts[2] += u64::from(told.as_ref().is_ok_and(|told| told.assigned.is_some()));
                let verdict = self.exclusive.told(id, beat, told);
                self.judge("exclusive", verdict);
            }
            (Answer::Shared { settled, .. }, Request::Share { worker, settles, .. }) => {
                for (settle, _) in settles.iter().zip(settled).filter(|(_, settled)| **settled) {
                    self.counts[4] += 1;
                    self.settled.told(worker, settle);
                }
            }
            (Answer::Group(Reply::Parts(Ok(parts))), Request::Commit { member, offsets }) if parts.len() == offsets.len() => {
                self.counts[3] += 1;
                for ((partition, _), _) in offsets.iter().zip(parts).filter(|(_, error)| error.is_none()) {
                    self.committed.acknowledged(id, &member.group, partition);
                }
            }
            _ => {}
        }
    }

    /// The broker gives records to members of share groups.
    pub(crate) fn acquire(&mut self, now: u64, acquired: &[Acquisition]) {
        for acquisition in acquired {
            let verdict = self.settled.acquired(now, acquisition);
            self.judge("settled", verdict);
        }
    }

    /// Somebody reads.
    pub(crate) fn read(&mut self, read: &Read) {
        self.counts[1] += 1;
        if self.topics.is_doomed(read.partition.id) || read.partition.id == TopicId::ZERO {
            return;
        }
        let verdict = self.decided.read(read);
        self.judge("decided", verdict);
        if read.committed {
            // What is left out is neither lost nor another.
            return;
        }
        let (latest, decided) = (&self.latest, &self.decided);
        let verdict = self.acknowledged.read(read, |offset, number| latest.may_lack(decided, &read.partition, (offset, number)));
        self.judge("acknowledged", verdict);
        if !read.failed && read.in_range {
            self.latest.know(&read.partition, read.records.iter().copied());
        }
        let verdict = self.authentic.read(read);
        self.judge("authentic", verdict);
        let verdict = self.repeatable.read(read);
        self.judge("repeatable", verdict);
    }

    /// Somebody has read all of a log at one moment.
    pub(crate) fn read_whole(&mut self, now: u64, partition: &Partition, whole: &Whole, first_dirty: Option<Offset>) {
        if !self.topics.is_doomed(partition.id) {
            let verdict = self.latest.read_whole(now, &self.decided, partition, whole);
            self.judge("latest", verdict);
            let verdict = compacted::look(whole, first_dirty.map_or(0, |offset| offset.0));
            self.judge("compacted", verdict.map_err(|what| format!("{partition:?}: {what}")));
        }
    }

    /// The disk is full, or will be soon.
    pub(crate) fn fill_disk(&mut self) {
        self.authentic.fill_disk();
    }

    /// The wall clock was put forward or back.
    pub(crate) fn jump(&mut self, now: u64, by: i64) {
        self.latest.jump(now, by);
    }

    /// At the end of the world everything was read.
    pub(crate) fn read_last(&mut self, read: &Read) {
        self.decided.read_last(read);
    }

    /// Nothing more will be said.
    pub(crate) fn finish(&mut self) {
        let verdict = self.decided.finish();
        self.judge("decided", verdict);
    }

    /// After every turn.
    pub(crate) fn look(&mut self, now: u64, broker: &Broker) {
        let (machine, parked, in_machine) = broker.waiting();
        let verdict = no_leaks::look(&machine, parked, &in_machine, broker.shard().waiting_count());
        self.judge("no-leaks", verdict);
        let verdict = self.answered.look(now, |call| broker.waits(call));
        self.judge("answered", verdict);
        let groups = broker.shard().groups();
        self.one_owner.look(|group| groups.group(group).is_some());
        let members = groups.consumer_group_view(GROUP).into_iter().flat_map(|group| group.members()).map(|member| member.member_id);
        let verdict = self.exclusive.look(now, &members.collect());
        self.judge("exclusive", verdict);
    }

    /// After a turn of the clock.
    pub(crate) fn timed(&mut self, now: u64, broker: &Broker) {
        let verdict = deadlines::look(millpond_core::time::Instant(now), broker.poll_timeout());
        self.judge("deadlines", verdict);
    }

    /// The broker is gone; `power` says whether the machine is too.
    pub(crate) fn stop(&mut self, power: bool) {
        self.answered.restart();
        self.one_owner.restart();
        self.settled.restart();
        if power {
            for topic in &self.caching {
                self.acknowledged.forget(topic);
                self.latest.forget(topic);
                self.authentic.forget(topic);
                self.repeatable.forget(topic);
                self.decided.forget(topic);
                self.settled.forget(topic);
            }
        }
    }

    /// The broker is back.
    pub(crate) fn start(&mut self, broker: &Broker) {
        let verdict = self.topics.look(|id| broker.shard().catalog().topic_by_id(id).map(|topic| topic.partition_count));
        self.judge("topics", verdict);
        self.committed.look(|id| broker.shard().catalog().topic_by_id(id).is_some());
    }

    pub(crate) fn broken(&mut self, what: String) {
        self.judge("acknowledged", Err(what));
    }

    /// Every partition that somebody knows something of.
    pub(crate) fn partitions(&self) -> BTreeSet<Partition> {
        let known = self.acknowledged.partitions().chain(self.repeatable.partitions());
        known.filter(|partition| !self.topics.is_doomed(partition.id)).cloned().collect()
    }
}
