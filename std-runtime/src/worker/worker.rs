//! The worker itself.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use millpond_core::bounded::list::List;
use millpond_core::bounded::slab::Slot;
use millpond_core::catalog::input::ResourceKind;
use millpond_core::group::answer::Answer;
use millpond_core::group::coordinator::Coordinator;
use millpond_core::group::input::Input;
use millpond_core::ids::{CallId, Offset, ProducerId};
use millpond_core::log::durability::SyncTicket;
use millpond_core::log::watermarks::Watermarks;
use millpond_core::machine::{Answers, When};
use millpond_core::shard::directory::PartitionName;
use millpond_core::shard::logs::{SyncedLog, Written};
use millpond_core::shard::parked::{Outcome, Release};
use millpond_core::shard::shard::Shard;
use millpond_core::time::{Instant, Millis, Moment};
use tokio::runtime::RuntimeFlavor;
use tokio::sync::Notify;

use crate::api;
use crate::clock::Clock;
use crate::config::broker_config::BrokerConfig;
use crate::disk::data_dir::{DataDir, DataDirError, Identity};
use crate::disk::files::{DiskError, OpenFile, sync_directory};
use crate::disk::remembered::{LeftLog, Snapshot};
use crate::protocol::api_key::ApiKey;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::refuse::{Keep, refuse};

use super::calls::{Call, Calls, Head};
use super::reply::{Outgoing, Reply};

/// How many threads sync files at one time.
const SYNC_THREADS: usize = 4;

/// How long a log that cannot be synced waits for its next try.
const SYNC_RETRY: Duration = Duration::from_millis(200);

/// What a compressed batch may unfold to. Unit: bytes.
pub const UNFOLDED_BYTES_MAX: usize = 256 << 20;

/// What of the broker every turn may look at.
#[derive(Debug)]
pub struct Surroundings {
    /// The settings.
    pub config: Arc<BrokerConfig>,
    /// Who this broker is.
    pub identity: Identity,
    /// What clients are told to connect to.
    pub advertised: (String, u16),
}

/// What a turn changes.
#[derive(Debug)]
pub struct Inner {
    /// The shard.
    pub shard: Shard<'static, DataDir>,
    /// The calls that wait.
    pub calls: Calls,
    /// Producer ids that were allocated and not handed out yet.
    pub producer_ids: core::ops::Range<i64>,
    /// Waits that have ended during the turn.
    pub released: Released,
    /// Scratch.
    pub slots: List<'static, Slot>,
    /// Scratch.
    pub ends: List<'static, (Slot, Offset)>,
    /// Scratch: a batch that has to be looked into.
    pub batch: List<'static, u8>,
    /// Scratch: its records.
    pub records: List<'static, u8>,
    /// When old records are looked for next.
    retention_due: Option<Instant>,
    /// When it is written down how the logs stand.
    checkpoint_due: Option<Instant>,
}

/// Waits that have ended.
#[derive(Debug, Default)]
pub struct Released(Vec<(CallId, Outcome)>);

impl Release for Released {
    fn release(&mut self, call: CallId, outcome: Outcome) {
        self.0.push((call, outcome));
    }
}

/// One shard behind a lock, and what drives it.
#[derive(Debug)]
pub struct Worker {
    inner: Mutex<Inner>,
    surroundings: Surroundings,
    clock: Clock,
    /// The deadline that the timer sleeps for. Unit: ms of the monotonic clock.
    armed: AtomicU64,
    /// Wakes the timer: there is an earlier deadline.
    timer: Notify,
    /// Wakes the syncs: some log wants one.
    sync: Notify,
    /// Whether no more rounds of syncs shall begin.
    ending: AtomicBool,
}

/// A turn: the shard, the calls, the time, and what surrounds them.
#[derive(Debug)]
pub struct Turn<'t> {
    /// What the turn changes.
    pub inner: &'t mut Inner,
    /// What it may look at.
    pub around: &'t Surroundings,
    /// When it is.
    pub at: Moment,
}

impl Worker {
    /// A worker around a shard.
    #[must_use]
    pub fn new(shard: Shard<'static, DataDir>, surroundings: Surroundings, clock: Clock) -> Arc<Self> {
        let inner = Inner {
            shard,
            calls: Calls::default(),
            producer_ids: 0..0,
            released: Released::default(),
            slots: List::grown(usize::MAX),
            ends: List::grown(usize::MAX),
            batch: List::grown(UNFOLDED_BYTES_MAX),
            records: List::grown(UNFOLDED_BYTES_MAX),
            retention_due: None,
            checkpoint_due: None,
        };
        Arc::new(Self {
            inner: Mutex::new(inner),
            surroundings,
            clock,
            armed: AtomicU64::new(u64::MAX),
            timer: Notify::new(),
            sync: Notify::new(),
            ending: AtomicBool::new(false),
        })
    }

    /// What surrounds every turn.
    #[must_use]
    pub const fn around(&self) -> &Surroundings {
        &self.surroundings
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Carries out a turn, then answers whoever it released, and wakes whoever drives what follows.
    pub fn turn<T>(&self, act: impl FnOnce(&mut Turn<'_>) -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut turn = Turn { inner: &mut inner, around: &self.surroundings, at: self.clock.now() };
        let result = act(&mut turn);
        turn.settle();
        let (due, wants_sync) = (turn.due(), inner.shard.wants_sync());
        drop(inner);
        if wants_sync {
            self.sync.notify_one();
        }
        if let Some(due) = due
            && due.0 < self.armed.load(Ordering::Relaxed)
        {
            self.timer.notify_one();
        }
        result
    }

    /// Does what takes long without making the other connections of this thread wait, where the runtime has other threads.
    pub fn aside<T>(&self, act: impl FnOnce() -> T) -> T {
        let has_others = tokio::runtime::Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
        if has_others { tokio::task::block_in_place(act) } else { act() }
    }

    /// Sleeps until a deadline, acts on it, and so on for ever. Sleeps without end while there is none.
    pub async fn drive_timer(self: Arc<Self>) {
        loop {
            let (due, checkpoint) = self.turn(|turn| {
                turn.act_on_deadlines();
                turn.settle();
                let checkpoint = turn.checkpoint_if_due();
                let due = turn.due();
                // Within the turn: whoever has an earlier deadline after it compares with this one.
                self.armed.store(due.map_or(u64::MAX, |due| due.0), Ordering::Relaxed);
                (due, checkpoint)
            });
            if let Some(snapshot) = checkpoint {
                // Beside the timer, which a slow disk must not stop.
                tokio::task::spawn_blocking(move || {
                    if let Err((path, error)) = snapshot.write() {
                        tracing::error!(file = %path.display(), %error, "the checkpoint cannot be written; the next start takes longer");
                    }
                });
            }
            match due {
                None => self.timer.notified().await,
                Some(due) => {
                    tokio::select! {
                        () = self.timer.notified() => {}
                        () = tokio::time::sleep(self.clock.until(due)) => {}
                    }
                }
            }
        }
    }

    /// Syncs what wants to be synced, until [`Worker::end_sync_rounds`]: one round serves all who wait, and while it runs the next gathers.
    pub async fn drive_sync(self: Arc<Self>) {
        while !self.ending.load(Ordering::Relaxed) {
            if !self.sync_once().await {
                self.sync.notified().await;
            }
        }
    }

    /// Lets [`Worker::drive_sync`] end, after the round that it is in.
    pub fn end_sync_rounds(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.sync.notify_one();
    }

    /// One round of syncs. Answers whether there was anything to do.
    async fn sync_once(self: &Arc<Self>) -> bool {
        let (tickets, failure) = self.turn(|turn| {
            let mut tickets = Vec::new();
            loop {
                match turn.inner.shard.begin_sync(&mut turn.inner.released) {
                    Ok(Some(ticket)) => tickets.push(ticket),
                    Ok(None) => return (tickets, None),
                    Err(error) => return (tickets, Some(error)),
                }
            }
        });
        if let Some(error) = &failure {
            tracing::error!(%error, "a log cannot be synced now; it is tried again");
        }
        if tickets.is_empty() {
            if failure.is_some() {
                tokio::time::sleep(SYNC_RETRY).await;
            }
            return failure.is_some();
        }
        let share = tickets.len().div_ceil(SYNC_THREADS).max(1);
        let mut rest = tickets;
        let mut running = Vec::new();
        while !rest.is_empty() {
            let mine: Vec<Ticket> = rest.split_off(rest.len().saturating_sub(share));
            running.push(tokio::task::spawn_blocking(move || mine.into_iter().map(carry_out).collect::<Vec<_>>()));
        }
        for batch in running {
            // A sync that panicked tells nothing; its logs stay unsynced and their callers time out.
            let Ok(done) = batch.await else { continue };
            self.turn(|turn| {
                turn.arm_checkpoint(turn.around.config.recovery_point_checkpoint_interval);
                for (log, ticket, outcome) in done {
                    if let Err(error) = turn.inner.shard.end_sync(log, ticket, outcome, &mut turn.inner.released) {
                        tracing::error!(%error, "a log could not be synced and is closed; restart the broker when the disk is in order");
                    }
                }
            });
        }
        true
    }

    /// After a crash, recovers the logs that nobody has asked for yet, one a turn: damage is said out loud at once, and after the next stop
    /// all of them are in good order.
    pub async fn recover_rest(self: Arc<Self>) {
        let waiting = self.turn(|turn| {
            let directory = turn.inner.shard.directory();
            if directory.was_clean() { Ok(Vec::new()) } else { directory.unopened() }
        });
        let waiting = waiting.unwrap_or_else(|error| {
            tracing::error!(%error, "the data directory cannot be read; its logs are recovered when they are first used");
            Vec::new()
        });
        for (topic, index) in waiting {
            self.turn(|turn| {
                // It may be gone by now, and a directory may be no partition of ours.
                let Some(slot) = turn.inner.shard.catalog().topic(&topic).map(|view| view.slot) else { return };
                if let Err(error) = turn.inner.shard.log(turn.at, slot, index) {
                    tracing::error!(topic, partition = index.0, %error, "the log cannot be recovered");
                }
            });
            tokio::task::yield_now().await;
        }
    }

    /// Closes every log in good order and remembers how each was left.
    ///
    /// # Errors
    /// When that cannot be written. What was acknowledged is safe all the same; the next start takes longer.
    pub fn close(&self) -> Result<(), DataDirError> {
        self.turn(|turn| {
            let mut left = Vec::new();
            let mut clean = true;
            turn.inner.shard.close(|name, result| match result {
                Ok(marks) => left.push(left_log(name, marks.log_end(), marks)),
                Err(error) => {
                    tracing::error!(topic = name.topic, partition = name.index.0, %error, "the log could not be closed in good order");
                    clean = false;
                }
            });
            turn.inner.shard.directory_mut().remember(left, clean)
        })
    }
}

/// A log as it stands, everything below `durable_end` being on the disk.
fn left_log(name: PartitionName<'_>, durable_end: Offset, marks: Watermarks) -> LeftLog {
    LeftLog {
        partition: (name.topic.to_string(), name.index),
        durable_end,
        log_start: marks.log_start(),
        high_watermark: marks.high_watermark(),
    }
}

type Ticket = (SyncedLog, SyncTicket<OpenFile>);

/// Syncs what a ticket names. Runs on a thread that may block.
fn carry_out((log, ticket): Ticket) -> (SyncedLog, SyncTicket<OpenFile>, Result<(), DiskError>) {
    let sync = || {
        for file in ticket.files() {
            file.handle.file().sync_data()?;
        }
        match ticket.files().first() {
            Some(file) if ticket.must_sync_names() => sync_directory(file.handle.directory()),
            _ => Ok(()),
        }
    };
    let outcome = sync().map_err(DiskError::from);
    (log, ticket, outcome)
}

impl Turn<'_> {
    /// The earliest deadline of all.
    fn due(&self) -> Option<Instant> {
        self.inner.shard.poll_timeout().into_iter().chain(self.inner.retention_due).chain(self.inner.checkpoint_due).min()
    }

    /// Acts on every deadline that has come.
    fn act_on_deadlines(&mut self) {
        let at = self.at;
        self.inner.shard.handle_timeout(at.now, &mut self.inner.released);
        loop {
            let inner = &mut *self.inner;
            let mut answers = GroupAnswers { calls: &mut inner.calls, own: None, ready: Vec::new() };
            let Some(result) = inner.shard.groups_timeout(at, &mut answers, &mut inner.released) else { break };
            let ready = answers.ready;
            self.deliver(ready, result.map_err(|error| api::error_map::of_group_write(&error)));
        }
        if self.inner.retention_due.is_some_and(|due| due <= at.now) {
            self.inner.shard.retain(at, |name, error| {
                tracing::error!(topic = name.topic, partition = name.index.0, %error, "old records could not be deleted");
            });
            self.inner.retention_due = None;
            self.arm_retention();
            self.arm_checkpoint(self.around.config.log_start_checkpoint_interval);
        }
    }

    /// How the logs stand, when it is time to write that down and there is something new to write.
    fn checkpoint_if_due(&mut self) -> Option<Snapshot> {
        self.inner.checkpoint_due.filter(|due| *due <= self.at.now)?;
        self.inner.checkpoint_due = None;
        let mut logs = Vec::new();
        self.inner.shard.survey(|name, log| logs.push(left_log(name, log.durable_end(), log.watermarks())));
        self.inner.shard.directory_mut().checkpoint(logs)
    }

    /// Sees to it that how the logs stand is written down by then, now that it has changed.
    pub fn arm_checkpoint(&mut self, interval: Millis) {
        let due = self.at.now.after(interval);
        self.inner.checkpoint_due = Some(self.inner.checkpoint_due.map_or(due, |armed| armed.min(due)));
    }

    /// Forgets calls that nobody waits for any more: their connection has ended.
    pub fn forget(&mut self, calls: &[CallId]) {
        for call in calls {
            drop(self.inner.calls.take(*call));
        }
    }

    /// Puts in force what was set for this broker, or for all of them, while it runs.
    pub fn apply_broker_settings(&mut self) {
        let node = self.around.config.node.to_string();
        let catalog = self.inner.shard.catalog();
        let of = |name| catalog.configs_of(ResourceKind::BROKER, name).map(|(key, value)| (key.to_string(), value.to_string()));
        // What is set for this broker wins over what is set for all of them.
        let dynamic: Vec<(String, String)> = of("").chain(of(&node)).collect();
        let defaults = self.around.config.log_defaults(&dynamic);
        self.inner.shard.directory_mut().set_log_defaults(defaults);
        self.inner.shard.reconfigure_all();
    }

    /// Sees to it that old records are looked for, now that there are some that may become old.
    pub fn arm_retention(&mut self) {
        let due = self.at.now.after(self.around.config.retention_check_interval);
        self.inner.retention_due.get_or_insert(due);
    }

    /// A turn of the groups for a request: whatever the machine answers is encoded and sent, now or when it has become true.
    ///
    /// `tell` encodes the answer to this request, if it comes in this turn; one that comes later is encoded by [`api::group::tell`].
    pub fn group<'i>(&mut self, head: Head, reply: Reply, tell: &Tell<'_>, input: impl FnOnce(CallId) -> Input<'i>) {
        let inner = &mut *self.inner;
        let call = inner.calls.add(Call::Machine { head, reply });
        let input = input(call);
        let mut answers = GroupAnswers { calls: &mut inner.calls, own: Some((call, tell)), ready: Vec::new() };
        let result = inner.shard.group(self.at, input, &mut answers, &mut inner.released);
        let ready = answers.ready;
        if let Err(error) = &result {
            tracing::warn!(%error, "the group coordinator could not write down what it decided");
        }
        self.deliver(ready, result.map_err(|error| api::error_map::of_group_write(&error)));
    }

    /// Sends answers, or holds those that must become true first.
    fn deliver(&mut self, ready: Vec<ReadyAnswer>, written: Result<Option<Written>, ErrorCode>) {
        for ReadyAnswer { head, reply, when, mut outgoing } in ready {
            match (when, written) {
                (When::Now, _) | (When::Written, Ok(None)) => reply.send(outgoing),
                (When::Written, Ok(Some(written))) => self.hold(head, reply, outgoing, &[written], ErrorCode::NOT_COORDINATOR, None),
                (When::Written, Err(error)) => {
                    refuse_frame(head, &mut outgoing, error, &mut || false);
                    reply.send(outgoing);
                }
            }
        }
    }

    /// Sends an answer when what it speaks of is committed, or its refusal when that fails or takes too long.
    #[expect(clippy::too_many_arguments, reason = "an answer and everything it depends on")]
    pub fn hold(
        &mut self,
        head: Head,
        reply: Reply,
        outgoing: Outgoing,
        written: &[Written],
        on_failure: ErrorCode,
        timeout: Option<Millis>,
    ) {
        /// How long an answer that has no time of its own waits for the disk.
        const PATIENCE: Millis = Millis(30_000);
        let inner = &mut *self.inner;
        if inner.shard.is_committed(written) {
            return reply.send(outgoing);
        }
        // Every other answer is true as a whole or not at all.
        let parts = if head.api_key == ApiKey::Produce { written.to_vec() } else { Vec::new() };
        let call = inner.calls.add(Call::Held { head, reply, outgoing, on_failure, parts });
        let due = self.at.now.after(timeout.unwrap_or(PATIENCE));
        if !inner.shard.hold(call, due, written, &mut inner.ends) {
            inner.released.release(call, Outcome::Failed);
        }
    }

    /// Answers whoever was released during the turn, and whoever that releases in turn.
    fn settle(&mut self) {
        while let Some((id, outcome)) = self.inner.released.0.pop() {
            match self.inner.calls.take(id) {
                None => {}
                Some(Call::Machine { head: _, reply }) => drop(reply),
                Some(Call::Held { head, reply, mut outgoing, on_failure, parts }) => {
                    let error = match outcome {
                        Outcome::Ready => None,
                        Outcome::TimedOut => Some(ErrorCode::REQUEST_TIMED_OUT),
                        Outcome::Failed => Some(on_failure),
                        Outcome::Gone => Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
                    };
                    if let Some(error) = error {
                        let mut parts = parts.iter();
                        let shard = &self.inner.shard;
                        let keep = &mut || parts.next().is_some_and(|part| shard.is_committed(core::slice::from_ref(part)));
                        refuse_frame(head, &mut outgoing, error, keep);
                    }
                    reply.send(outgoing);
                }
                Some(Call::Fetch(fetch)) => {
                    fetch.reply.waited(id, fetch.body.len());
                    api::fetch::resume(self, *fetch);
                }
            }
        }
    }

    /// A producer id that nobody else has. Answers what must be committed before it may be told.
    ///
    /// # Errors
    /// When no more can be had.
    pub fn producer_id(&mut self) -> Result<(ProducerId, Option<Written>), ErrorCode> {
        if let Some(id) = self.inner.producer_ids.next() {
            return Ok((ProducerId(id), self.inner.shard.uncommitted_catalog()));
        }
        let (block, written) = api::catalog::allocate_producer_ids(self)?;
        self.inner.producer_ids = block;
        let id = self.inner.producer_ids.next().ok_or(ErrorCode::UNKNOWN_SERVER_ERROR)?;
        Ok((ProducerId(id), written))
    }
}

/// Makes a refusal of an answer that was encoded before its truth was known.
fn refuse_frame(head: Head, outgoing: &mut Outgoing, error: ErrorCode, keep: Keep<'_>) {
    let api = head.api_key.api();
    let header = crate::protocol::frame::PREFIX_SIZE + if api.response_header_version(head.version) == 0 { 4 } else { 5 };
    let form =
        millpond_core::wire::value::Form { version: head.version, flexible: head.version >= api.response_flexible_from, nullable: false };
    let body = outgoing.bytes.get_mut(header..).unwrap_or_default();
    if let Err(reason) = refuse(api.response_schema, form, body, error, keep) {
        debug_assert!(false, "what we encode, we can walk: {reason}");
        outgoing.bytes.clear();
    }
}

/// An answer of the groups, encoded.
struct ReadyAnswer {
    head: Head,
    reply: Reply,
    when: When,
    outgoing: Outgoing,
}

/// Encodes the answer to the request that is being carried out.
pub type Tell<'t> = dyn Fn(&Answer<'_>) -> Outgoing + 't;

/// Encodes what the groups answer, while it may still be borrowed from them.
struct GroupAnswers<'c> {
    calls: &'c mut Calls,
    /// The call of the request that is being carried out.
    own: Option<(CallId, &'c Tell<'c>)>,
    ready: Vec<ReadyAnswer>,
}

impl Answers<Coordinator<'static>> for GroupAnswers<'_> {
    fn answer(&mut self, call: CallId, when: When, answer: Answer<'_>) {
        let Some(Call::Machine { head, reply }) = self.calls.take(call) else { return };
        let outgoing = match self.own {
            Some((own, tell)) if own == call => tell(&answer),
            Some(_) | None => api::group::tell(head, &answer),
        };
        self.ready.push(ReadyAnswer { head, reply, when, outgoing });
    }
}
