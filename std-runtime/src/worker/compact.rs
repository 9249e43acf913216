//! Compacting logs beside the shard, a slice at a time.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::Arc;

use millpond_core::log::compact::error::CompactError;
use millpond_core::log::compact::job::{CompactLimits, CompactMemory, Compaction, Step};
use millpond_core::shard::compact::{CompactedLog, NextCompaction};
use millpond_core::time::{Instant, Millis};

use crate::compression::Codecs;
use crate::disk::files::{DiskError, PartitionFiles};

use super::turn::UNFOLDED_BYTES_MAX;
use super::worker::Worker;

/// How long a slice may take before it pauses, give or take a step. On a machine with few processors it takes one away from the requests
/// for as long. Unit: ms.
const SLICE_MS: u64 = 1;

/// How many times as long as a slice its pause is, while others are at work.
const PAUSES_PER_SLICE: u64 = 6;

/// How long after a turn others count as at work.
const BUSY_FOR: Millis = Millis(100);

/// How much of the allowance of a second a slice takes at the most, so that it is spread over the second.
const SLICES_PER_SECOND: f64 = 10.0;

type Job = Compaction<'static, PartitionFiles>;
type Failure = CompactError<DiskError>;

/// A compaction that is under way.
struct Running {
    log: CompactedLog,
    job: Job,
    codecs: Codecs,
}

/// How a slice has ended.
struct Slice {
    outcome: Result<Step, Failure>,
    /// Read and written. Unit: bytes.
    bytes: u64,
    took: Millis,
}

impl Worker {
    /// Compacts what is to be compacted, whenever the timer says that there may be something, until [`Worker::end_compaction`].
    pub async fn drive_compaction(self: Arc<Self>) {
        while !self.ending.load(Ordering::Relaxed) {
            match self.next_compaction() {
                Some(running) => self.compact(running).await,
                None => self.compaction.notified().await,
            }
        }
    }

    /// Lets [`Worker::drive_compaction`] end, after the slice that it is in.
    pub fn end_compaction(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.compaction.notify_one();
        self.compaction_end.notify_one();
    }

    /// Begins with the dirtiest log; without one, sees to it that it is looked again when that can have changed.
    fn next_compaction(&self) -> Option<Running> {
        let cleaner = self.around().live.get().cleaner;
        if !cleaner.enable {
            return None;
        }
        let limits = CompactLimits { key_map_bytes: cleaner.key_map_bytes, batch_bytes: UNFOLDED_BYTES_MAX, ..CompactLimits::default() };
        self.turn(|turn| {
            let at = turn.at;
            let next = turn.inner.shard.begin_compaction(at, CompactMemory::grown(&limits), |name, error| {
                tracing::error!(topic = name.topic, partition = name.index.0, %error, "the log cannot be compacted; it grows until the restart");
            });
            match next {
                NextCompaction::Begun(log, job) => Some(Running { log, job, codecs: Codecs::default() }),
                NextCompaction::Nothing(later) => {
                    if let Some(later) = later {
                        let span = Millis::from_signed(later.0.saturating_sub(at.wall.0)).max(Millis(1));
                        let due = at.now.after(span.max(cleaner.backoff.min(Millis(1000))));
                        turn.inner.compaction_due = Some(turn.inner.compaction_due.map_or(due, |armed: Instant| armed.min(due)));
                    }
                    None
                }
            }
        })
    }

    /// Carries one compaction through: slices of work on a thread that may block, and pauses between them for the others.
    async fn compact(self: &Arc<Self>, mut running: Running) {
        let rate = self.around().live.get().cleaner.io_bytes_per_second;
        let mut sum = 0;
        let mut turns_before = self.turns.load(Ordering::Relaxed);
        let mut busy_until = self.now().now.after(BUSY_FOR);
        loop {
            let worker = Arc::clone(self);
            let sliced = tokio::task::spawn_blocking(move || {
                let slice = worker.slice(&mut running);
                (running, slice)
            });
            // A slice that panicked has taken its compaction along: nothing was exchanged by it.
            let Ok((back, slice)) = sliced.await else { return };
            running = back;
            sum += slice.bytes;
            match slice.outcome {
                Ok(Step::Worked(_)) => {}
                Ok(Step::Swap) => {
                    if !self.swap(&mut running) {
                        return;
                    }
                }
                Ok(Step::Done) => {
                    self.compacted(&running, sum);
                    return;
                }
                Err(error) => {
                    self.turn(|turn| {
                        if let Some(name) = turn.inner.shard.compaction_failed(running.log, &running.job) {
                            let (topic, partition) = (name.topic, name.index.0);
                            tracing::error!(topic, partition, %error, "the log cannot be compacted; it grows until the restart");
                        }
                    });
                    running.job.abandon();
                    return;
                }
            }
            let turns = self.turns.load(Ordering::Relaxed);
            let now = self.now().now;
            if core::mem::replace(&mut turns_before, turns) != turns {
                busy_until = now.after(BUSY_FOR);
            }
            let is_alone = now > busy_until;
            let courtesy = if is_alone { 0 } else { slice.took.0.max(1) * PAUSES_PER_SLICE };
            let pause = Duration::from_millis(courtesy).max(pause_for(slice.bytes, rate));
            if pause.is_zero() && !self.ending.load(Ordering::Relaxed) {
                continue;
            }
            tokio::select! {
                () = self.compaction_end.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            if self.ending.load(Ordering::Relaxed) {
                running.job.abandon();
                return;
            }
        }
    }

    /// Steps a compaction until it has taken long enough, or wants something else.
    fn slice(&self, running: &mut Running) -> Slice {
        let began = self.now().now;
        let rate = self.around().live.get().cleaner.io_bytes_per_second;
        let mut bytes = 0;
        loop {
            let outcome = running.job.step(&mut running.codecs);
            let took = self.now().now.since(began);
            let Ok(Step::Worked(more)) = outcome else { return Slice { outcome, bytes, took } };
            bytes += more;
            if took.0 >= SLICE_MS || pause_for(bytes, rate).as_secs_f64() * SLICES_PER_SECOND >= 1.0 {
                return Slice { outcome, bytes, took };
            }
        }
    }

    /// Puts a segment in its place. Answers whether the compaction goes on.
    fn swap(&self, running: &mut Running) -> bool {
        let Running { log, job, .. } = running;
        let swapped = self.aside(|| self.turn(|turn| turn.inner.shard.swap_compacted(*log, job)));
        match swapped {
            Ok(true) => return true,
            // It was deleted, or cut, or its oldest records are gone.
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "a compacted segment cannot be put in its place"),
        }
        job.abandon();
        false
    }

    fn compacted(&self, running: &Running, bytes: u64) {
        self.turn(|turn| {
            // How far the log is compacted now is written down at once.
            turn.arm_checkpoint(Millis::ZERO);
            let (key_map_bytes, keys) = running.job.key_map_bytes();
            if let Some(name) = turn.inner.shard.compacted_name(running.log) {
                let (topic, partition, below) = (name.topic, name.index.0, running.job.end().0);
                tracing::info!(topic, partition, below, bytes, keys, key_map_bytes, "compacted a log");
            }
        });
    }
}

/// How long so many bytes take at a rate.
fn pause_for(bytes: u64, rate: f64) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "a pause need not be exact")]
    let seconds = bytes as f64 / rate.max(1.0);
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
