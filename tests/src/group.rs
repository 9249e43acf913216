//! A group coordinator with a log in memory, driven as the broker drives it: decide, write down, believe, answer.

use std::collections::BTreeSet;

use millpond_core::bounded::table::HashKey;
use millpond_core::group::answer::Answer;
use millpond_core::group::config::GroupConfig;
use millpond_core::group::coordinator::{Coordinator, CoordinatorMemory};
use millpond_core::group::error::GroupError;
use millpond_core::group::input::Input;
use millpond_core::group::record::GroupRecord;
use millpond_core::ids::{CallId, GenerationId, MemberEpoch, ProducerId};
use millpond_core::machine::{Answers, Effects, EncodedRecord, Machine, Records, When};
use millpond_core::record::marker::Outcome as End;
use millpond_core::time::{Instant, Moment, Timestamp};

/// The wall clock reads this when the monotonic one reads 0.
pub const WALL_START: i64 = 1_000_000;

/// A member as a joining leader is told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its id.
    pub member_id: String,
    /// Its instance id.
    pub group_instance_id: Option<String>,
    /// What it said.
    pub metadata: Vec<u8>,
}

/// An answer, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A seat in a generation.
    Joined {
        /// The generation.
        generation_id: GenerationId,
        /// The protocol type.
        protocol_type: Option<String>,
        /// The protocol.
        protocol_name: Option<String>,
        /// Who leads.
        leader: String,
        /// Who is told.
        member_id: String,
        /// Who is there, for the leader.
        roster: Vec<Seen>,
        /// Whether the assignment is to stay.
        skip_assignment: bool,
    },
    /// No seat, and the member id to go on with.
    JoinRefused(String, GroupError),
    /// Protocol type, protocol, assignment.
    Synced(Option<String>, Option<String>, Vec<u8>),
    /// No assignment.
    SyncRefused(GroupError),
    /// A heartbeat.
    Heartbeat(Result<(), GroupError>),
    /// A leave, a commit or a deletion of offsets, part by part.
    Parts(Result<Vec<Option<GroupError>>, GroupError>),
    /// A deletion, or a setting of what is shared.
    Deleted(Result<(), GroupError>),
    /// A heartbeat in a consumer group or a share group: the epoch.
    Consumer(Result<MemberEpoch, GroupError>),
    /// The records of the step could not be written.
    NotWritten,
}

impl Reply {
    /// Copies an answer.
    #[must_use]
    pub fn of(answer: &Answer<'_>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        match answer {
            Answer::Joined(joined) => Self::Joined {
                generation_id: joined.generation_id,
                protocol_type: owned(joined.protocol_type),
                protocol_name: owned(joined.protocol_name),
                leader: joined.leader.to_owned(),
                member_id: joined.member_id.to_owned(),
                roster: (joined.roster.iter())
                    .map(|seen| Seen {
                        member_id: seen.member_id.to_owned(),
                        group_instance_id: owned(seen.group_instance_id),
                        metadata: seen.metadata.to_vec(),
                    })
                    .collect(),
                skip_assignment: joined.skip_assignment,
            },
            Answer::JoinRefused { member_id, error } => Self::JoinRefused((*member_id).to_owned(), *error),
            Answer::Synced { protocol_type, protocol_name, assignment } => {
                Self::Synced(owned(*protocol_type), owned(*protocol_name), assignment.to_vec())
            }
            Answer::SyncRefused(error) => Self::SyncRefused(*error),
            Answer::Heartbeat(result) => Self::Heartbeat(*result),
            Answer::Left(parts) | Answer::Committed(parts) | Answer::OffsetsDeleted(parts) => Self::Parts(parts.map(<[_]>::to_vec)),
            Answer::GroupDeleted(result) | Answer::SharesSet(result) => Self::Deleted(*result),
            Answer::Consumer(seat) | Answer::Share(seat) => Self::Consumer(Ok(seat.epoch)),
            Answer::ConsumerLeft { epoch, .. } => Self::Consumer(Ok(*epoch)),
            Answer::ShareLeft { .. } => Self::Consumer(Ok(MemberEpoch::LEAVES)),
            Answer::ConsumerRefused(error) | Answer::ShareRefused(error) => Self::Consumer(Err(*error)),
        }
    }
}

/// What the log keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogRecord {
    /// A record: its key, its value, and the producer whose transaction it belongs to.
    Record(Vec<u8>, Option<Vec<u8>>, Option<ProducerId>),
    /// The end of a transaction.
    End(ProducerId, End),
}

/// A record of the log, read.
///
/// # Panics
/// When it does not read: only the coordinator writes here.
#[must_use]
pub fn read(record: &LogRecord) -> GroupRecord<'_> {
    match record {
        LogRecord::Record(key, value, transaction) => {
            let record = EncodedRecord { key, value: value.as_deref() };
            GroupRecord::decode(record, *transaction).expect("a record of the coordinator's own")
        }
        LogRecord::End(producer_id, outcome) => GroupRecord::TransactionEnded { producer_id: *producer_id, outcome: *outcome },
    }
}

/// What one step has led to.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The answers, in order.
    pub replies: Vec<(CallId, Reply)>,
    /// The records that were written.
    pub records: Vec<LogRecord>,
    /// Whether there were records that could not be written.
    pub lost: bool,
}

struct Sink(Vec<(CallId, When, Reply)>);

impl<'m> Answers<Coordinator<'m>> for Sink {
    fn answer(&mut self, call: CallId, when: When, answer: Answer<'_>) {
        self.0.push((call, when, Reply::of(&answer)));
    }
}

/// A coordinator, its log, and the calls that it has not answered.
#[derive(Debug)]
pub struct Driver<'m> {
    /// The machine.
    pub coordinator: Coordinator<'m>,
    /// What was written.
    pub log: Vec<LogRecord>,
    /// Both clocks.
    pub at: Moment,
    /// Whether the next records are not to be written.
    pub fail_next_append: bool,
    /// Calls without an answer.
    pub parked: BTreeSet<CallId>,
    records: Records<'static>,
    next_call: u64,
}

impl<'m> Driver<'m> {
    /// A coordinator that knows nothing, at the beginning of time.
    #[must_use]
    pub fn new(config: GroupConfig, memory: CoordinatorMemory<'m>) -> Self {
        Self {
            coordinator: Coordinator::new(config, HashKey(1, 2), memory),
            log: Vec::new(),
            at: Moment { now: Instant::ZERO, wall: Timestamp(WALL_START) },
            fail_next_append: false,
            parked: BTreeSet::new(),
            records: Records::grown(1 << 20, 4096),
            next_call: 0,
        }
    }

    /// Bounds what one step may write.
    #[must_use]
    pub fn with_record_bytes_max(mut self, bytes_max: usize) -> Self {
        self.bound_records(bytes_max);
        self
    }

    /// Bounds what one step may write from now on.
    pub fn bound_records(&mut self, bytes_max: usize) {
        self.records = Records::grown(bytes_max, 4096);
    }

    /// A call that is waiting for its answer from now on.
    pub fn call(&mut self) -> CallId {
        self.next_call += 1;
        self.parked.insert(CallId(self.next_call));
        CallId(self.next_call)
    }

    /// One turn: whatever it takes for an input to be answered.
    pub fn step(&mut self, input: Input<'_>) -> Outcome {
        let at = self.at;
        self.turn(|coordinator, fx| coordinator.step(at, input, fx))
    }

    /// The marker that ends a transaction is written.
    pub fn end_transaction(&mut self, producer_id: ProducerId, outcome: End) {
        let record = LogRecord::End(producer_id, outcome);
        self.coordinator.replay(&read(&record));
        self.log.push(record);
        self.coordinator.assert_consistent();
    }

    /// Moves the clocks on to `now` and acts on every deadline at its time, telling each outcome to `see`.
    ///
    /// # Panics
    /// When a deadline is acted on without end.
    pub fn advance(&mut self, now: Instant, mut see: impl FnMut(&Self, Outcome)) {
        while let Some(due) = self.coordinator.poll_timeout().filter(|due| *due <= now) {
            self.set_clocks(due.max(self.at.now));
            let mut turns = 0;
            loop {
                let at = self.at;
                let mut acted = false;
                let outcome = self.turn(|coordinator, fx| acted = coordinator.handle_timeout(at, fx));
                see(self, outcome);
                if !acted {
                    break;
                }
                turns += 1;
                assert!(turns < 100_000, "a deadline is acted on without end");
            }
        }
        self.set_clocks(now);
    }

    /// Drops the machine and its parked calls and loads another from the log.
    pub fn restart(&mut self, memory: CoordinatorMemory<'m>) {
        self.coordinator = Coordinator::new(*self.coordinator.config(), HashKey(1, 2), memory);
        self.parked.clear();
        for record in &self.log {
            self.coordinator.replay(&read(record));
        }
        self.coordinator.loaded(self.at);
        self.coordinator.assert_consistent();
    }

    fn set_clocks(&mut self, now: Instant) {
        self.at = Moment { now, wall: Timestamp(WALL_START + i64::try_from(now.0).expect("a time of a test")) };
    }

    fn turn(&mut self, decide: impl FnOnce(&mut Coordinator<'m>, &mut Effects<'_, 'static, Coordinator<'m>>)) -> Outcome {
        self.records.clear();
        let mut sink = Sink(Vec::new());
        decide(&mut self.coordinator, &mut Effects { records: &mut self.records, answers: &mut sink });
        let transaction = self.records.transaction().map(|transaction| transaction.producer_id);
        let kept = |record: EncodedRecord<'_>| LogRecord::Record(record.key.to_vec(), record.value.map(<[u8]>::to_vec), transaction);
        let records: Vec<LogRecord> = self.records.iter().map(kept).collect();
        let lost = !records.is_empty() && core::mem::take(&mut self.fail_next_append);
        let mut outcome = Outcome { lost, ..Outcome::default() };
        if !lost {
            for record in &records {
                self.coordinator.replay(&read(record));
            }
            self.log.extend(records.iter().cloned());
            outcome.records = records;
        }
        for (call, when, reply) in sink.0 {
            assert!(self.parked.remove(&call), "{call:?} is answered twice: {reply:?}");
            outcome.replies.push((call, if lost && when == When::Written { Reply::NotWritten } else { reply }));
        }
        self.coordinator.assert_consistent();
        outcome
    }
}
