//! A turn: what it may look at, what it changes, and what becomes of answers and deadlines.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use millpond_core::bounded::list::List;
use millpond_core::bounded::slab::Slot;
use millpond_core::catalog::input::ResourceKind;
use millpond_core::group::answer::Answer;
use millpond_core::group::coordinator::Coordinator;
use millpond_core::group::input::Input;
use millpond_core::ids::{CallId, Offset};
use millpond_core::log::partition_log::PartitionLog;
use millpond_core::log::txn_index::AbortedTransaction;
use millpond_core::log::watermarks::Watermarks;
use millpond_core::machine::{Answers, When};
use millpond_core::shard::directory::PartitionName;
use millpond_core::shard::logs::Written;
use millpond_core::shard::parked::{Outcome, Release};
use millpond_core::shard::shard::Shard;
use millpond_core::store::segment_store::SegmentStore;
use millpond_core::time::{Instant, Millis, Moment};

use crate::api;
use crate::api::fetch_session::FetchSessions;
use crate::api::share_session::ShareSessions;
use crate::config::broker_config::BrokerConfig;
use crate::disk::data_dir::{DataDir, Identity};
use crate::disk::remembered::{LeftLog, Snapshot};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::refuse::{Keep, refuse};

use crate::tier::Cold;

use super::calls::{Call, Calls, Head};
use super::remote::RemoteOrder;
use super::reply::{Outgoing, Reply};

/// How many states of shared partitions are written anew in one go, so that others are served in between.
const SNAPSHOTS_AT_ONCE: usize = 1000;

/// What a compressed batch may unfold to. Unit: bytes.
pub const UNFOLDED_BYTES_MAX: usize = 256 << 20;

/// How many aborted transactions one range of a log may touch.
pub const ABORTED_MAX: usize = 1 << 20;

/// What of the broker every turn may look at.
#[derive(Debug)]
pub struct Surroundings {
    /// The settings, as the broker was started with them.
    pub config: Arc<BrokerConfig>,
    /// The same with what was changed while it runs.
    pub live: Live,
    /// Who this broker is.
    pub identity: Identity,
    /// What clients are told to connect to.
    pub advertised: (String, u16),
    /// The object store, if there is one.
    pub cold: Option<Arc<Cold>>,
}

/// Settings that can change while the broker runs.
#[derive(Debug)]
pub struct Live(RwLock<Arc<BrokerConfig>>);

impl Live {
    /// Settings to begin with.
    #[must_use]
    pub const fn new(config: Arc<BrokerConfig>) -> Self {
        Self(RwLock::new(config))
    }

    /// The settings of this moment.
    #[must_use]
    pub fn get(&self) -> Arc<BrokerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, config: BrokerConfig) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }
}

/// What a turn changes.
#[derive(Debug)]
pub struct Inner {
    /// The shard.
    pub shard: Shard<'static, DataDir>,
    /// The calls that wait.
    pub calls: Calls,
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
    /// Scratch: the aborted transactions in a range of a log.
    pub aborted: List<'static, AbortedTransaction>,
    /// The share sessions.
    pub(crate) share_sessions: ShareSessions,
    /// When old records are looked for next.
    pub(super) retention_due: Option<Instant>,
    /// When it is written down how the logs stand.
    pub(super) checkpoint_due: Option<Instant>,
    /// When it is looked for what is to be compacted.
    pub(super) compaction_due: Option<Instant>,
    /// Whether that time has come.
    pub(super) compaction_wanted: bool,
    /// What consumers read from.
    pub fetch_sessions: FetchSessions,
    /// What requests want of the object store, to be taken up after the turn.
    pub remote_orders: Vec<RemoteOrder>,
}

/// Waits that have ended.
#[derive(Debug, Default)]
pub struct Released(VecDeque<(CallId, Outcome)>);

impl Release for Released {
    fn release(&mut self, call: CallId, outcome: Outcome) {
        self.0.push_back((call, outcome));
    }
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

impl Turn<'_> {
    /// The earliest deadline of all.
    pub(super) fn due(&self) -> Option<Instant> {
        let own = [self.inner.retention_due, self.inner.checkpoint_due, self.inner.compaction_due];
        self.inner.shard.poll_timeout().into_iter().chain(own.into_iter().flatten()).min()
    }

    /// Acts on every deadline that has come.
    pub(super) fn act_on_deadlines(&mut self) {
        let at = self.at;
        self.inner.shard.handle_timeout(at.now, &mut self.inner.released);
        loop {
            let inner = &mut *self.inner;
            let mut answers = GroupAnswers { calls: &mut inner.calls, own: None, ready: Vec::new() };
            let Some(result) = inner.shard.groups_timeout(at, &mut answers, &mut inner.released) else { break };
            let ready = answers.ready;
            self.deliver(ready, &[], result.map_err(|error| api::error_map::of_group_write(&error)));
        }
        loop {
            let inner = &mut *self.inner;
            match inner.shard.shares_timeout(at, &mut inner.released) {
                None => break,
                Some(Ok(_)) => {}
                // It has seen to it that it is asked again, in a while.
                Some(Err(error)) => tracing::error!(%error, "locks of shared records that have expired stay; it is tried again"),
            }
        }
        loop {
            let inner = &mut *self.inner;
            match inner.shard.transactions_timeout(at, &mut inner.released) {
                None => break,
                Some(Ok(_)) => {}
                // It has seen to it that it is asked again, in a while.
                Some(Err(error)) => tracing::error!(%error, "a transaction whose time is up cannot be aborted; it is tried again"),
            }
        }
        if self.inner.retention_due.is_some_and(|due| due <= at.now) {
            self.inner.shard.retain(at, |name, error| {
                tracing::error!(topic = name.topic, partition = name.index.0, %error, "old records could not be deleted");
            });
            let inner = &mut *self.inner;
            if let Err(error) = inner.shard.prune_shares(at, SNAPSHOTS_AT_ONCE, &mut inner.released) {
                tracing::error!(%error, "what no shared partition needs any more could not be deleted; it is tried again");
            }
            self.inner.retention_due = None;
            self.arm_retention();
            self.arm_checkpoint(self.around.config.log_start_checkpoint_interval);
        }
        if self.inner.compaction_due.is_some_and(|due| due <= at.now) {
            self.inner.compaction_due = None;
            self.inner.compaction_wanted = true;
        }
    }

    /// How the logs stand, when it is time to write that down and there is something new to write.
    pub(super) fn checkpoint_if_due(&mut self) -> Option<Snapshot> {
        self.inner.checkpoint_due.filter(|due| *due <= self.at.now)?;
        self.inner.checkpoint_due = None;
        let mut logs = Vec::new();
        self.inner.shard.survey(|name, log| logs.push(left_log(name, log.durable_end(), log.watermarks(), compacted_below(log))));
        self.inner.shard.directory_mut().checkpoint(logs)
    }

    /// Sees to it that how the logs stand is written down by then, now that it has changed.
    pub fn arm_checkpoint(&mut self, interval: Millis) {
        let due = self.at.now.after(interval);
        self.inner.checkpoint_due = Some(self.inner.checkpoint_due.map_or(due, |armed| armed.min(due)));
    }

    /// A connection has ended: what members of share groups have acquired there comes back.
    pub fn disconnect(&mut self, connection: u64) {
        for (owner, wanted) in self.inner.share_sessions.disconnect(connection) {
            let _ = api::share::release(self, &owner, &wanted);
        }
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
        let config = self.around.config.with(&dynamic);
        self.inner.shard.directory_mut().set_defaults(config.clone());
        self.around.live.set(config);
        self.inner.shard.reconfigure_all();
    }

    /// Sees to it that it is looked for what is to be compacted, if there may be more than before.
    pub(super) fn arm_compaction(&mut self) {
        let cleaner = self.around.live.get().cleaner;
        if self.inner.shard.take_dirt() && cleaner.enable {
            let due = self.at.now.after(cleaner.backoff);
            self.inner.compaction_due.get_or_insert(due);
        }
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
        self.group_after(head, reply, &[], tell, input);
    }

    /// The same for a request that is part of a transaction: what it does is true only with what was `joined` before.
    pub fn group_after<'i>(
        &mut self,
        head: Head,
        reply: Reply,
        joined: &[Written],
        tell: &Tell<'_>,
        input: impl FnOnce(CallId) -> Input<'i>,
    ) {
        let inner = &mut *self.inner;
        let call = inner.calls.add(Call::Machine { head, reply });
        let input = input(call);
        let mut answers = GroupAnswers { calls: &mut inner.calls, own: Some((call, tell)), ready: Vec::new() };
        let result = inner.shard.group(self.at, input, &api::consumer_group_heartbeat::Regexes, &mut answers, &mut inner.released);
        let ready = answers.ready;
        if let Err(error) = &result {
            tracing::warn!(%error, "the group coordinator could not write down what it decided");
        }
        self.deliver(ready, joined, result.map_err(|error| api::error_map::of_group_write(&error)));
    }

    /// Sends answers, or holds those that must become true first.
    fn deliver(&mut self, ready: Vec<ReadyAnswer>, joined: &[Written], written: Result<Option<Written>, ErrorCode>) {
        for ReadyAnswer { head, reply, when, mut outgoing } in ready {
            match (when, written) {
                (When::Now, _) | (When::Written, Ok(None)) => reply.send(outgoing),
                (When::Written, Ok(Some(written))) => {
                    let written: Vec<Written> = joined.iter().copied().chain([written]).collect();
                    self.hold(head, reply, outgoing, &written, ErrorCode::NOT_COORDINATOR, None);
                }
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
        self.hold_parts(head, reply, outgoing, (Vec::new(), written.to_vec()), on_failure, timeout);
    }

    /// Sends an answer when what it speaks of is committed. One that speaks of each partition by itself names what each that is granted
    /// depends on, in order, and what all of them do: when that fails or takes too long, those are refused that are not true.
    #[expect(clippy::too_many_arguments, reason = "an answer and everything it depends on")]
    pub fn hold_parts(
        &mut self,
        head: Head,
        reply: Reply,
        outgoing: Outgoing,
        (parts, common): (Vec<Written>, Vec<Written>),
        on_failure: ErrorCode,
        timeout: Option<Millis>,
    ) {
        /// How long an answer that has no time of its own waits for the disk.
        const PATIENCE: Millis = Millis(30_000);
        let inner = &mut *self.inner;
        if inner.shard.is_committed(&parts) && inner.shard.is_committed(&common) {
            return reply.send(outgoing);
        }
        let written: Vec<Written> = parts.iter().chain(&common).copied().collect();
        let call = inner.calls.add(Call::Held { head, reply, outgoing, on_failure, parts, common });
        let due = self.at.now.after(timeout.unwrap_or(PATIENCE));
        if !inner.shard.hold(call, due, &written, &mut inner.ends) {
            inner.released.release(call, Outcome::Failed);
        }
    }

    /// Answers whoever was released during the turn, and whoever that releases in turn.
    pub(super) fn settle(&mut self) {
        self.proceed();
        while let Some((id, outcome)) = self.inner.released.0.pop_front() {
            match self.inner.calls.take(id) {
                None => {}
                Some(Call::Machine { head: _, reply }) => drop(reply),
                Some(Call::Held { head, reply, mut outgoing, on_failure, parts, common }) => {
                    let error = match outcome {
                        Outcome::Ready => None,
                        Outcome::TimedOut => Some(ErrorCode::REQUEST_TIMED_OUT),
                        Outcome::Failed => Some(on_failure),
                        Outcome::Gone => Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
                    };
                    if let Some(error) = error {
                        let mut parts = parts.iter();
                        let shard = &self.inner.shard;
                        let is_common = shard.is_committed(&common);
                        let keep = &mut || parts.next().is_some_and(|part| is_common && shard.is_committed(core::slice::from_ref(part)));
                        refuse_frame(head, &mut outgoing, error, keep);
                    }
                    reply.send(outgoing);
                }
                Some(Call::Fetch(fetch)) => {
                    fetch.reply.waited(id, fetch.body.len());
                    api::fetch::resume(self, *fetch);
                }
                Some(Call::Share(waiting)) => {
                    waiting.reply.waited(id, waiting.size());
                    api::share_fetch::resume(self, *waiting);
                }
                // The core does not know of it: nobody releases it so.
                Some(Call::Remote(waiting)) => drop(waiting),
                Some(Call::Again(request)) => {
                    request.reply.waited(id, request.body.len());
                    api::transaction::resume(self, *request);
                }
                Some(Call::Produce(produce)) => {
                    produce.reply.waited(id, produce.size());
                    api::produce::resume(self, *produce);
                }
            }
            self.proceed();
        }
    }

    /// Lets transactions that end go as far as they can.
    fn proceed(&mut self) {
        let inner = &mut *self.inner;
        inner.shard.proceed(self.at, &mut inner.released, &mut |name, error| {
            tracing::error!(topic = name.topic, partition = name.index.0, %error, "the end of a transaction cannot be written; it is tried again");
        });
    }
}

/// A log as it stands, everything below `durable_end` being on the disk.
pub(super) fn left_log(name: PartitionName<'_>, durable_end: Offset, marks: Watermarks, first_dirty: Option<Offset>) -> LeftLog {
    LeftLog {
        partition: (name.topic.to_string(), name.index),
        durable_end,
        log_start: marks.log_start(),
        high_watermark: marks.high_watermark(),
        first_dirty,
    }
}

/// How far a log was compacted, if it was.
pub(super) fn compacted_below<S: SegmentStore>(log: &PartitionLog<'_, S>) -> Option<Offset> {
    Some(log.first_dirty()).filter(|offset| log.config().compact && *offset > Offset::ZERO)
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
