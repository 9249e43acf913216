//! The worker: the lock around a shard, its clock and its timer.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use millpond_core::bounded::list::List;
use millpond_core::shard::shard::Shard;
use millpond_core::time::{Millis, Moment};
use tokio::runtime::RuntimeFlavor;
use tokio::sync::{Notify, Semaphore, watch};

use crate::api::fetch_session::FetchSessions;
use crate::api::share_session::ShareSessions;
use crate::clock::Clock;
use crate::disk::data_dir::{DataDir, DataDirError};

use super::calls::Calls;
use super::turn::{ABORTED_MAX, Inner, Released, Surroundings, Turn, UNFOLDED_BYTES_MAX, compacted_below, left_log};

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
    pub(super) sync: Notify,
    /// Whether no more rounds of syncs shall begin, and no more of a compaction be done.
    pub(super) ending: AtomicBool,
    /// How many turns there were: whether anybody is at work.
    pub(super) turns: AtomicU64,
    /// Wakes the compaction: there may be something to be done.
    pub(super) compaction: Notify,
    /// Wakes a compaction that pauses: it is to end.
    pub(super) compaction_end: Notify,
    /// Wakes the work in the object store.
    pub(super) tier: Notify,
    /// Whether that work is to end, for whoever waits for the store.
    pub(super) tier_end: watch::Sender<bool>,
    /// Wakes whoever reads from the object store: some request waits for it.
    pub(super) remote: Notify,
    /// How many may wait for the object store.
    pub(super) pending_reads: Arc<Semaphore>,
}

impl Worker {
    /// A worker around a shard.
    #[must_use]
    pub fn new(shard: Shard<'static, DataDir>, surroundings: Surroundings, clock: Clock) -> Arc<Self> {
        let inner = Inner {
            shard,
            calls: Calls::default(),
            released: Released::default(),
            slots: List::grown(usize::MAX),
            ends: List::grown(usize::MAX),
            batch: List::grown(UNFOLDED_BYTES_MAX),
            records: List::grown(UNFOLDED_BYTES_MAX),
            aborted: List::grown(ABORTED_MAX),
            share_sessions: ShareSessions::new(surroundings.config.share_sessions_max),
            retention_due: None,
            checkpoint_due: None,
            compaction_due: None,
            compaction_wanted: false,
            fetch_sessions: FetchSessions::new(surroundings.config.fetch_sessions_max),
            remote_orders: Vec::new(),
        };
        let pending_reads = surroundings.cold.as_ref().map_or(0, |cold| cold.settings().pending_reads_max);
        Arc::new(Self {
            inner: Mutex::new(inner),
            surroundings,
            clock,
            armed: AtomicU64::new(u64::MAX),
            timer: Notify::new(),
            sync: Notify::new(),
            ending: AtomicBool::new(false),
            turns: AtomicU64::new(0),
            compaction: Notify::new(),
            compaction_end: Notify::new(),
            tier: Notify::new(),
            tier_end: watch::Sender::new(false),
            remote: Notify::new(),
            pending_reads: Arc::new(Semaphore::new(pending_reads)),
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
        self.turns.fetch_add(1, Ordering::Relaxed);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut turn = Turn { inner: &mut inner, around: &self.surroundings, at: self.clock.now() };
        let result = act(&mut turn);
        turn.settle();
        turn.arm_compaction();
        let (due, wants_sync) = (turn.due(), inner.shard.wants_sync());
        let wants_compaction = core::mem::take(&mut inner.compaction_wanted);
        let wants_remote = !inner.remote_orders.is_empty();
        drop(inner);
        if wants_compaction {
            self.compaction.notify_one();
        }
        if wants_remote {
            self.remote.notify_one();
        }
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
                turn.arm_compaction();
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
        // What was accepted as it was found stays accepted: a gap that a compaction has left is not laid at the next crash's door.
        self.turn(|turn| {
            if !turn.inner.shard.directory().was_clean() {
                turn.arm_checkpoint(Millis::ZERO);
            }
        });
    }

    /// Closes every log in good order and remembers how each was left.
    ///
    /// # Errors
    /// When that cannot be written, or a log could not be closed so. What was acknowledged is safe all the same; the next start takes longer.
    pub fn close(&self) -> Result<(), DataDirError> {
        self.turn(|turn| {
            let mut compacted = HashMap::new();
            turn.inner.shard.survey(|name, log| {
                if let Some(below) = compacted_below(log) {
                    compacted.insert((name.topic_id, name.index), below);
                }
            });
            let mut left = Vec::new();
            let mut unclosed = 0;
            turn.inner.shard.close(|name, result| match result {
                Ok(marks) => left.push(left_log(name, marks.log_end(), marks, compacted.get(&(name.topic_id, name.index)).copied())),
                Err(error) => {
                    tracing::error!(topic = name.topic, partition = name.index.0, %error, "the log could not be closed in good order");
                    unclosed += 1;
                }
            });
            turn.inner.shard.directory_mut().remember(left, unclosed == 0)?;
            if unclosed == 0 { Ok(()) } else { Err(DataDirError::Unclosed { logs: unclosed }) }
        })
    }
}
