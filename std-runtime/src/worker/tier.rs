//! Copying closed segments to the object store and deleting what is too old there, beside the shard.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use millpond_core::bounded::list::List;
use millpond_core::catalog::input::ResourceKind;
use millpond_core::ids::{PartitionIndex, TopicId};
use millpond_core::log::partition_log::LogLimits;
use millpond_core::log::tier::job::{Step, TierJob, TierMemory};
use millpond_core::log::tier::manifest;
use millpond_core::log::tier::plan::{Attached, TierWork};
use millpond_core::log::tier::remote::ObjectId;
use millpond_core::shard::tier::TieredLog;
use tokio::task::JoinSet;

use crate::api::catalog;
use crate::config::broker_config::topic_log_config;
use crate::disk::files::PartitionFiles;
use crate::tier::Cold;
use crate::tier::error::ColdError;

use super::worker::Worker;

type Job = TierJob<'static, PartitionFiles>;

/// Why the work for one log has ended before it was done.
enum Stopped {
    /// The store.
    Cold(ColdError),
    /// The disk, or the log; it was said out loud.
    Log,
    /// The log is gone, or the broker ends.
    Gone,
}

impl From<ColdError> for Stopped {
    fn from(error: ColdError) -> Self {
        Self::Cold(error)
    }
}

/// How many rounds in a row have failed, and what became of the store last.
#[derive(Default)]
struct Health {
    failures: u32,
}

impl Health {
    /// Says out loud when the store goes away, and when it is back: once each.
    fn note(&mut self, failure: Option<&ColdError>) {
        match failure {
            Some(error) if self.failures == 0 => {
                tracing::error!(%error, "the object store is away: segments wait for it on the disk, and nothing that it lacks is deleted");
            }
            Some(error) => tracing::debug!(%error, "the object store is still away"),
            None if self.failures > 0 => tracing::info!(rounds = self.failures, "the object store is back"),
            None => {}
        }
        self.failures = if failure.is_some() { self.failures.saturating_add(1) } else { 0 };
    }
}

impl Worker {
    /// Does in the object store what the logs want done there, until [`Worker::end_tiering`].
    pub async fn drive_tier(self: Arc<Self>) {
        let Some(cold) = self.around().cold.clone() else { return };
        self.open_tiered().await;
        let mut health = Health::default();
        let mut deleted: Option<Vec<TopicId>> = None;
        while !self.ending.load(Ordering::Relaxed) {
            let mut failure = self.purge(&cold, &mut deleted).await.err();
            if let Some(error) = self.tier_round(&cold).await {
                failure.get_or_insert(error);
            }
            if self.ending.load(Ordering::Relaxed) {
                return;
            }
            health.note(failure.as_ref());
            let wait = self.pause(&cold, health.failures);
            tokio::select! {
                () = self.tier.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Lets [`Worker::drive_tier`] end, after what it does on the disk just now.
    pub fn end_tiering(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.tier.notify_one();
        self.tier_end.send_replace(true);
    }

    /// How long until the next round: the interval, or after failures longer and longer, and by chance a little more or less.
    fn pause(&self, cold: &Cold, failures: u32) -> Duration {
        let settings = cold.settings();
        let Some(doublings) = failures.checked_sub(1) else { return Duration::from_millis(settings.task_interval.0) };
        let backoff = settings.retry_backoff.0.saturating_mul(1 << doublings.min(20)).min(settings.retry_backoff_max.0);
        let chance = f64::from(u32::from_be_bytes(catalog::random())) / f64::from(u32::MAX);
        Duration::from_millis(backoff).mul_f64(1.0 + settings.retry_jitter * (chance * 2.0 - 1.0))
    }

    /// Opens the logs of all tiered topics, one a turn: nobody else might, and then nothing of theirs would be copied or grow too old.
    async fn open_tiered(&self) {
        let tiered = self.turn(|turn| {
            let catalog = turn.inner.shard.catalog();
            let is_tiered =
                |name: &str| topic_log_config(turn.around.config.log, catalog.configs_of(ResourceKind::TOPIC, name)).remote_storage;
            let topics = catalog.topics().filter(|topic| is_tiered(topic.name));
            topics.flat_map(|topic| (0..topic.partition_count).map(move |index| (topic.slot, PartitionIndex(index)))).collect::<Vec<_>>()
        });
        for (topic, index) in tiered {
            self.turn(|turn| {
                // It may be gone by now.
                if let Err(error) = turn.inner.shard.log(turn.at, topic, index) {
                    tracing::error!(partition = index.0, %error, "the log of a tiered topic cannot be opened");
                }
            });
            tokio::task::yield_now().await;
        }
    }

    /// Deletes what the store has of topics that were deleted: since the last round, and, after a start, of all that the catalogue tells of.
    async fn purge(&self, cold: &Cold, deleted: &mut Option<Vec<TopicId>>) -> Result<(), ColdError> {
        let news = self.turn(|turn| turn.inner.shard.directory_mut().take_cold_doomed());
        let doomed = match deleted {
            Some(doomed) => doomed,
            None => {
                let known = self.in_time(cold.topics()).await?;
                let earlier = self.turn(|turn| turn.inner.shard.directory_mut().take_removed_before());
                let (gone, other): (Vec<TopicId>, Vec<TopicId>) = known.into_iter().partition(|id| earlier.contains(id));
                let strangers: Vec<String> = self.turn(|turn| {
                    let catalog = turn.inner.shard.catalog();
                    other.iter().filter(|id| catalog.topic_by_id(**id).is_none() && !news.contains(id)).map(ToString::to_string).collect()
                });
                if !strangers.is_empty() {
                    tracing::error!(topics = ?strangers, "the object store has topics that nobody knows and nobody has deleted: they are left alone");
                }
                deleted.insert(gone)
            }
        };
        doomed.extend(news);
        while let Some(topic_id) = doomed.last().copied() {
            let objects = self.in_time(cold.purge(topic_id)).await?;
            doomed.pop();
            if objects > 0 {
                tracing::info!(%topic_id, objects, "deleted what the object store had of a topic");
            }
        }
        Ok(())
    }

    /// Does what there is to do for every log, some of them at one time. Answers a failure of the store, if there was one.
    async fn tier_round(self: &Arc<Self>, cold: &Arc<Cold>) -> Option<ColdError> {
        let mut waiting: VecDeque<TieredLog> = VecDeque::new();
        self.turn(|turn| turn.inner.shard.tier_work(|log| waiting.push_back(log)));
        let mut running = JoinSet::new();
        let mut failure = None;
        loop {
            while running.len() < cold.settings().copiers
                && failure.is_none()
                && let Some(log) = waiting.pop_front()
            {
                let (worker, cold) = (Arc::clone(self), Arc::clone(cold));
                running.spawn(async move { worker.tend(&cold, log).await });
            }
            // One that panicked leaves its log busy, until the restart.
            match running.join_next().await {
                None => return failure,
                Some(Ok(Err(Stopped::Cold(error)))) => failure = failure.or(Some(error)),
                Some(Ok(Ok(()) | Err(Stopped::Log | Stopped::Gone)) | Err(_)) => {}
            }
        }
    }

    /// Does what there is to do for one log, until there is nothing.
    async fn tend(self: &Arc<Self>, cold: &Arc<Cold>, log: TieredLog) -> Result<(), Stopped> {
        let done = self.try_tend(cold, log).await;
        if done.is_err() {
            self.turn(|turn| turn.inner.shard.tiered(log).map(millpond_core::log::partition_log::PartitionLog::tiering_failed));
        }
        done
    }

    async fn try_tend(self: &Arc<Self>, cold: &Arc<Cold>, log: TieredLog) -> Result<(), Stopped> {
        loop {
            let work = self.turn(|turn| turn.inner.shard.tiered(log).map(|log| (log.tier_work(), log.is_remote_full())));
            match work.ok_or(Stopped::Gone)? {
                (None, is_full) => {
                    if is_full {
                        let limit = LogLimits::default().remote_segments;
                        self.named(log, |topic, partition| {
                            tracing::error!(topic, partition, limit, "no more segments of the log are copied, for there is no room to remember them: let it be kept for a shorter time, or in larger segments");
                        });
                    }
                    return Ok(());
                }
                (Some(TierWork::Attach), _) => self.attach(cold, log).await?,
                (Some(TierWork::Change), _) => self.change(cold, log).await?,
            }
        }
    }

    /// Takes up the work for a log: its manifest is read, and what no manifest names deleted.
    async fn attach(&self, cold: &Cold, log: TieredLog) -> Result<(), Stopped> {
        let segments_max = LogLimits::default().remote_segments;
        let found = self.in_time(cold.manifest(log, manifest::size_of(segments_max))).await?;
        let mut objects = self.in_time(cold.objects(log)).await?;
        objects.sort_unstable();
        let attached = self.turn(|turn| {
            let wall = turn.at.wall;
            let tiered = turn.inner.shard.tiered(log)?;
            let before = tiered.remote().segments().len();
            Some((
                tiered.attach_store(wall, found.as_deref(), |object| objects.binary_search(object).is_ok(), &mut List::grown(segments_max)),
                before,
            ))
        });
        let (attached, before) = attached.ok_or(Stopped::Gone)?;
        match attached {
            Ok(Attached::New | Attached::Same) => {}
            Ok(Attached::Adopted(segments)) => self.named(log, |topic, partition| {
                tracing::warn!(
                    topic,
                    partition,
                    segments,
                    "what the object store has of the log is newer than what was known here: it counts"
                );
            }),
            Ok(Attached::Behind) => self.named(log, |topic, partition| {
                tracing::error!(
                    topic,
                    partition,
                    segments = before,
                    "the manifest in the object store is lost, damaged or another one: it is written again"
                );
            }),
            Err(error) => {
                self.named(log, |topic, partition| {
                    tracing::error!(topic, partition, %error, "the log cannot be tiered; nothing of it is deleted");
                });
                return Err(Stopped::Log);
            }
        }
        // Once the log is gone everything of it goes with its topic.
        self.turn(|turn| match turn.inner.shard.tiered(log) {
            Some(log) => objects.retain(|object| !log.remote().names(object)),
            None => objects.clear(),
        });
        let swept = self.in_time(cold.sweep(log, &objects)).await?;
        if swept > 0 {
            self.named(log, |topic, partition| {
                tracing::info!(topic, partition, objects = swept, "deleted what interrupted work had left in the object store");
            });
        }
        self.turn(|turn| turn.inner.shard.tiered(log).map(millpond_core::log::partition_log::PartitionLog::attached));
        Ok(())
    }

    /// Carries one change through.
    async fn change(self: &Arc<Self>, cold: &Arc<Cold>, log: TieredLog) -> Result<(), Stopped> {
        let begun = self.turn(|turn| {
            let beside = turn.inner.shard.beside_tiered(log)?;
            let memory = TierMemory::grown(LogLimits::default().remote_segments);
            Some(turn.inner.shard.tiered(log)?.begin_tiering(beside, memory, ObjectId(catalog::random())))
        });
        let mut job: Job = match begun.ok_or(Stopped::Gone)? {
            Ok(Some(job)) => job,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.named(
                    log,
                    |topic, partition| tracing::error!(topic, partition, %error, "a segment cannot be copied to the object store"),
                );
                return Err(Stopped::Log);
            }
        };
        loop {
            match job.next() {
                Step::Upload(upload) => {
                    let (object, file, size) = (upload.object, upload.handle.clone(), upload.size);
                    self.in_time(cold.upload(log, object, file, size)).await?;
                }
                Step::PutManifest(bytes) => {
                    let bytes = bytes.to_vec();
                    self.in_time(cold.put_manifest(log, bytes)).await?;
                }
                Step::KeepManifest => job = self.keep_manifest(log, job).await?,
                Step::Commit => self.commit_tiering(log, &job)?,
                Step::Delete(object) => self.in_time(cold.delete(log, object)).await?,
                Step::Done => break,
            }
            job.step();
        }
        self.turn(|turn| turn.inner.shard.tiered(log).map(millpond_core::log::partition_log::PartitionLog::tiering_done));
        Ok(())
    }

    /// Writes the manifest beside the log, where it may block; it is not left half-way.
    async fn keep_manifest(&self, log: TieredLog, mut job: Job) -> Result<Job, Stopped> {
        let kept = tokio::task::spawn_blocking(move || {
            let kept = job.keep_manifest();
            (job, kept)
        });
        let Ok((job, kept)) = kept.await else { return Err(Stopped::Log) };
        let Err(error) = kept else { return Ok(job) };
        // Its directory goes with its topic.
        if !self.turn(|turn| turn.inner.shard.tiered(log).is_some()) {
            return Err(Stopped::Gone);
        }
        self.named(log, |topic, partition| {
            tracing::error!(topic, partition, %error, "the copy of the manifest cannot be written; nothing of the log is deleted until it is");
        });
        Err(Stopped::Log)
    }

    fn commit_tiering(&self, log: TieredLog, job: &Job) -> Result<(), Stopped> {
        let done = self.turn(|turn| {
            let done = turn.inner.shard.tiered(log).map(|log| log.end_tiering(job));
            // What lies in the store may leave the disk.
            turn.arm_retention();
            turn.arm_checkpoint(turn.around.config.log_start_checkpoint_interval);
            done
        });
        match done {
            None => Err(Stopped::Gone),
            Some(Ok(true)) => {
                self.named(log, |topic, partition| {
                    if let Some(added) = job.added() {
                        let (base, end, bytes) = (added.base.0, added.end.0, job.upload_bytes());
                        tracing::debug!(topic, partition, base, end, bytes, "copied a segment to the object store");
                    }
                });
                Ok(())
            }
            // It was cut, or begun anew.
            Some(Ok(false)) => Err(Stopped::Log),
            Some(Err(error)) => {
                tracing::debug!(%error, "a log that is closed is not tiered any further");
                Err(Stopped::Log)
            }
        }
    }

    fn named(&self, log: TieredLog, tell: impl FnOnce(&str, i32)) {
        self.turn(|turn| {
            if let Some(name) = turn.inner.shard.tiered_name(log) {
                tell(name.topic, name.index.0);
            }
        });
    }

    /// What is done in the store, unless the broker ends before: then it is left half-way.
    async fn in_time<T>(&self, act: impl Future<Output = Result<T, ColdError>>) -> Result<T, ColdError> {
        let mut end = self.tier_end.subscribe();
        tokio::select! {
            done = act => done,
            _ = end.wait_for(|is_ending| *is_ending) => Err(ColdError::Ending),
        }
    }
}
