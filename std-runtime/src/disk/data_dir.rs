//! The data directory: its lock, its identity, its partitions, and what is remembered between runs.
//!
//! Shape, in Kafka's own files and names: `.lock`, `meta.properties`, one directory a partition, `.kafka_cleanshutdown` after a clean
//! stop, and the checkpoints `recovery-point-offset-checkpoint`, `log-start-offset-checkpoint`, `replication-offset-checkpoint` and
//! `cleaner-offset-checkpoint`.
//! Source: `LogManager`, `OffsetCheckpointFile`, `MetaProperties`, `CleanShutdownFileHandler`.

use core::num::NonZeroUsize;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use millpond_core::bounded::table::HashKey;
use millpond_core::catalog::catalog::Catalog;
use millpond_core::catalog::name::CLUSTER_METADATA;
use millpond_core::catalog::others::Others;
use millpond_core::catalog::snapshot::{SnapshotDamage, SnapshotId};
use millpond_core::group::config::GroupConfig;
use millpond_core::ids::{BrokerId, LeaderEpoch, PartitionIndex, ProducerId, TopicId};
use millpond_core::log::config::LogConfig;
use millpond_core::log::partition_log::{LogLimits, LogMemory};
use millpond_core::log::recover::{OpenHints, RecoveryReport};
use millpond_core::shard::directory::{LeftOut, LogDirectory, PartitionName, Refused, Unreadable};

use crate::config::broker_config::{BrokerConfig, topic_log_config};
use crate::config::groups;
use crate::config::properties;

use super::checkpoint;
use super::files::{OpenFiles, PartitionFiles, read_full_at};
use super::later::{Ending, Later};
use super::lock::{LOCK, Lock, NoLock};
use super::names;
use super::partition_dir::{PartitionDir, read_topic_id, sync_directory};
use super::quorum::{self, QUORUM_STATE};
use super::remembered::{LeftLog, Remembered, Snapshot};

/// The file that says who the broker is.
pub const META: &str = "meta.properties";
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
/// What a catalogue is to begin with, as `kafka-storage format` leaves it. Source: `BootstrapDirectory`.
const BOOTSTRAP: &str = "bootstrap.checkpoint";

/// Stands for a broker that never registered with a controller. Source: `CleanShutdownFileHandler`.
const NO_BROKER_EPOCH: i64 = -1;

/// How many files of all partitions together stay open, if the system allows. A partition in use has three.
const OPEN_FILES_MAX: u64 = 8192;

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another broker uses it.
    #[error("the data directory {0} is locked by another broker: stop that one, or give this one a directory of its own (--data-dir)")]
    Locked(PathBuf),
    /// It belongs to another broker.
    #[error(
        "the data directory {directory} belongs to node {found}, not to node {expected}: set node.id={found}, or use another directory"
    )]
    OtherNode {
        /// The directory.
        directory: PathBuf,
        /// The node that it says.
        found: i32,
        /// The node that we are.
        expected: i32,
    },
    /// It has no name.
    #[error("log.dirs is empty: name the directory that the data is kept in (--data-dir)")]
    Nameless,
    /// It was in use, and nobody knows any more by whom.
    #[error(
        "{0} is missing, though the directory has a catalogue in it: restore that file from a copy; with another one it would be another cluster"
    )]
    Anonymous(PathBuf),
    /// A file of it does not read as what it should be.
    #[error("{file} is damaged: {reason}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Logs could not be closed in good order; it was said which and why.
    #[error(
        "logs that could not be closed in good order: {logs}; nothing that was acknowledged is lost, and the next start reads them through"
    )]
    Unclosed {
        /// How many.
        logs: usize,
    },
    /// The system refuses.
    #[error("{doing} {path}: {error}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_path_buf();
    move |error| DataDirError::Io { doing, path, error }
}

/// Who this broker is. Source: `MetaProperties`, KIP-631, KIP-858.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster, in Kafka's spelling of ids.
    pub cluster_id: String,
    /// The directory.
    pub directory_id: TopicId,
}

/// The data directory.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    node: BrokerId,
    /// The latest epoch of the quorum of the catalogue's log that `quorum-state` tells.
    quorum_epoch: LeaderEpoch,
    /// Under which epoch this broker is registered with Kafka's controller, if it is.
    broker_epoch: i64,
    /// Why the directory is not to be served, once that is known.
    refusal: Arc<OnceLock<String>>,
    identity: Identity,
    /// The settings of logs whose topics set nothing else.
    log_defaults: LogConfig,
    /// The settings that hold for groups as far as they set nothing else.
    defaults: BrokerConfig,
    open: Arc<OpenFiles>,
    hash_key: HashKey,
    next_number: u64,
    was_clean: bool,
    remembered: Remembered,
    /// Topics whose deletion the catalogue tells of, until the directory was put in order.
    removed: HashSet<TopicId>,
    /// The same, from then on, for whoever looks after what they have in the object store.
    removed_before: HashSet<TopicId>,
    /// Topics that were deleted since, likewise; nobody asks where there is no store.
    cold_doomed: Option<Vec<TopicId>>,
    /// Directories of deleted partitions whose files are still there.
    retired: Vec<(TopicId, PathBuf)>,
    /// Directories of partitions that do not say whose they are: the power failed before that was on the disk.
    nameless: HashSet<String>,
    /// Directories of the partitions that were opened since the start.
    opened: HashSet<String>,
    /// Removes the files of deleted topics.
    later: Later,
    /// Held for as long as the directory is in use. It goes last.
    _lock: Lock,
}

impl DataDir {
    /// Opens a directory, creating it if need be, and takes its lock.
    ///
    /// `fresh` makes an id for a directory that has none.
    /// # Errors
    /// What [`DataDirError`] names.
    pub fn open(config: &BrokerConfig, hash_key: HashKey, mut fresh: impl FnMut() -> TopicId) -> Result<Self, DataDirError> {
        let root = PathBuf::from(&config.data_dir);
        if root.as_os_str().is_empty() {
            return Err(DataDirError::Nameless);
        }
        if !root.exists() {
            std::fs::create_dir_all(&root).map_err(failed("creating the data directory", &root))?;
            let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            sync_directory(parent).map_err(failed("syncing", parent))?;
        }
        let lock = lock(&root)?;
        let identity = identity(&root, config.node, &mut fresh)?;
        let was_clean = root.join(CLEAN_SHUTDOWN).exists();
        let remembered = Remembered::read(&root).map_err(|(path, error)| failed("reading", &path)(error))?;
        let open = Arc::new(OpenFiles::new(open_files_max()));
        let quorum_epoch = read_quorum_epoch(&root);
        Ok(Self {
            root,
            node: config.node,
            quorum_epoch,
            broker_epoch: NO_BROKER_EPOCH,
            refusal: Arc::default(),
            identity,
            log_defaults: config.log,
            defaults: config.clone(),
            open,
            hash_key,
            next_number: 0,
            was_clean,
            remembered,
            removed: HashSet::new(),
            removed_before: HashSet::new(),
            cold_doomed: config.remote.enable.then(Vec::new),
            retired: Vec::new(),
            nameless: HashSet::new(),
            opened: HashSet::new(),
            later: Later::default(),
            _lock: lock,
        })
    }

    /// Where it will stand why the directory is not to be served, should opening a shard on it fail for that.
    #[must_use]
    pub fn refusal(&self) -> Arc<OnceLock<String>> {
        Arc::clone(&self.refusal)
    }

    /// Who this broker is.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Changes the settings of logs and groups that set nothing else, for logs opened from now on.
    pub fn set_defaults(&mut self, defaults: BrokerConfig) {
        self.log_defaults = defaults.log;
        self.defaults = defaults;
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Puts in order what a crash may have left: directories of topics that were deleted are removed, and those whose deletion was lost
    /// come back. `is_known` says whether the catalogue knows a topic, and `is_named` whether it knows a partition of a topic of that name.
    ///
    /// What belongs to no topic, and was not deleted by anybody, is set aside under another name and said out loud: a catalogue that has
    /// lost something must not cost the records too. Source: `LogManager`, stray logs.
    /// # Errors
    /// When the directory cannot be read or changed.
    pub fn tidy(
        &mut self,
        is_known: impl Fn(TopicId) -> bool,
        is_named: impl Fn(&str, PartitionIndex) -> bool,
    ) -> Result<(), DataDirError> {
        let removed = core::mem::take(&mut self.removed);
        if self.cold_doomed.is_some() {
            self.removed_before.clone_from(&removed);
        }
        let paths = self.paths().map_err(failed("reading", &self.root))?;
        // Each is looked into once: there may be ten thousand of them, and nobody is served meanwhile.
        let found: Vec<Found<'_>> = paths.iter().filter_map(|path| Found::at(path, &is_known, &removed)).collect();
        let coming_back: HashSet<String> =
            found.iter().filter(|found| found.comes_back()).map(|found| names::partition_dir(found.topic, found.index)).collect();
        let mut doomed = Vec::new();
        // First what goes, then what comes back: its place may be taken by a later topic of the same name, which is lost too.
        for &Found { path, name, topic, index, topic_id, fate } in &found {
            match (names::is_deleted(name), fate) {
                // Its name says so, or the catalogue does.
                (true, Fate::Removed | Fate::Unknown) => doomed.push(path.to_path_buf()),
                (false, Fate::Removed) => {
                    let to = self.root.join(names::deleted_dir(topic, index, topic_id.unwrap_or(TopicId::ZERO)));
                    std::fs::rename(path, &to).map_err(failed("renaming", path))?;
                    doomed.push(to);
                }
                // It was just made when the power failed, and nothing in it was ever promised to anybody; or its identity is damaged.
                (false, Fate::Unknown) if topic_id.is_none() && is_named(topic, index) && !coming_back.contains(name) => {
                    self.nameless.insert(name.to_owned());
                }
                (false, Fate::Unknown) => {
                    let aside = self.free_place_aside(topic, index, topic_id);
                    let (from, to) = (path.display(), aside.display());
                    tracing::error!(directory = %from, %to, "no topic claims this directory, and nobody has deleted it: it is set aside");
                    std::fs::rename(path, &aside).map_err(failed("renaming", path))?;
                }
                (true | false, Fate::Known) => {}
            }
        }
        for found in found.iter().filter(|found| found.comes_back()) {
            let back = self.root.join(names::partition_dir(found.topic, found.index));
            std::fs::rename(found.path, &back).map_err(failed("restoring", found.path))?;
        }
        if !doomed.is_empty() {
            sync_directory(&self.root).map_err(failed("syncing", &self.root))?;
            self.later.run(move |ending| remove(&doomed, ending));
        }
        Ok(())
    }

    /// A name that nothing has yet, for a directory that no topic claims.
    fn free_place_aside(&self, topic: &str, index: PartitionIndex, topic_id: Option<TopicId>) -> PathBuf {
        let numbered = (0..u128::MAX).map(|number| TopicId(number.to_be_bytes()));
        let mut places = topic_id.into_iter().chain(numbered).map(|id| self.root.join(names::stray_dir(topic, index, id)));
        places.find(|place| !place.exists()).unwrap_or_else(|| self.root.join(names::stray_dir(topic, index, TopicId::ZERO)))
    }

    /// Where the catalogue's log is.
    fn catalogue_dir(&self) -> PathBuf {
        self.root.join(names::partition_dir(CLUSTER_METADATA, PartitionIndex(0)))
    }

    /// Looks at a directory that has no catalogue: is it a new one, or is the catalogue somewhere else? Answers why it must not be taken
    /// for a new one: then all that is in it would belong to nobody.
    fn check_blank(&self) -> Result<(), String> {
        let found = self.with_records().map_err(failed("reading", &self.root)).map_err(|error| error.to_string())?;
        if let Some(found) = found {
            return Err(format!(
                "there is nothing in {CLUSTER_METADATA}-0, though {found} holds records: if Apache Kafka has written them, its catalogue lies in metadata.log.dir or in the first of its log.dirs, and that is the directory to serve; otherwise restore this log from a copy (nothing was changed)"
            ));
        }
        let path = self.root.join(BOOTSTRAP);
        if path.exists() {
            // Kafka looks at it only while there is no catalogue either.
            tracing::warn!(file = %path.display(), "Apache Kafka has formatted this directory and never started on it: the features and credentials in this file do not get into the catalogue");
        }
        Ok(())
    }

    /// A directory of a partition that has bytes in its log.
    fn with_records(&self) -> io::Result<Option<String>> {
        for path in self.paths()? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let is_partition = names::parse(name).is_some_and(|(topic, _)| topic != CLUSTER_METADATA) && !names::is_deleted(name);
            if !is_partition || !path.is_dir() {
                continue;
            }
            for entry in std::fs::read_dir(&path)? {
                let entry = entry?;
                if entry.path().extension().is_some_and(|extension| extension == "log") && entry.metadata()?.len() > 0 {
                    return Ok(Some(name.to_owned()));
                }
            }
        }
        Ok(None)
    }

    /// Topics whose deletion can no longer be undone, since this was last asked: what the object store has of them may go.
    pub fn take_cold_doomed(&mut self) -> Vec<TopicId> {
        self.cold_doomed.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// Topics that were deleted before the start, as far as the catalogue tells; once.
    pub fn take_removed_before(&mut self) -> HashSet<TopicId> {
        core::mem::take(&mut self.removed_before)
    }

    /// What lies in the directory.
    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        std::fs::read_dir(&self.root)?.map(|entry| entry.map(|entry| entry.path())).collect()
    }

    /// The partitions that have files and were not opened since the start: after a crash each waits for its recovery.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn unopened(&self) -> io::Result<Vec<(String, PartitionIndex)>> {
        let paths = self.paths()?;
        let unopened = paths.iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            let (topic, index) = names::parse(name)?;
            (path.is_dir() && !names::is_deleted(name) && !self.opened.contains(name)).then(|| (topic.to_owned(), index))
        });
        Ok(unopened.collect())
    }

    /// Takes in how logs stand while they are in use; what comes back, if that is news, is to be written beside the work.
    pub fn checkpoint(&mut self, logs: Vec<LeftLog>) -> Option<Snapshot> {
        self.remembered.note(logs)
    }

    /// Remembers how logs were left, and with `clean` that all of them were closed in good order.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn remember(&mut self, logs: Vec<LeftLog>, clean: bool) -> Result<(), DataDirError> {
        if let Some(snapshot) = self.checkpoint(logs) {
            snapshot.write().map_err(|(path, error)| failed("writing", &path)(error))?;
        }
        // After an unclean stop a log that nobody has opened since is not clean yet, however well the others are closed.
        if clean && (self.was_clean || self.unopened().is_ok_and(|unopened| unopened.is_empty())) {
            // Source: `CleanShutdownFileHandler`: a version, and the broker's epoch. A Kafka that comes next says by it that its last
            // registration has ended in good order, and nobody takes its replicas for incomplete (KIP-966).
            let path = self.root.join(CLEAN_SHUTDOWN);
            let text = format!("{{\"version\":0,\"brokerEpoch\":{}}}", self.broker_epoch);
            checkpoint::write_whole(&self.root, CLEAN_SHUTDOWN, &text).map_err(failed("writing", &path))?;
        }
        Ok(())
    }

    /// Whether the broker before this one ended in good order. If not, each log is read through from its recovery point on when it is
    /// opened.
    #[must_use]
    pub const fn was_clean(&self) -> bool {
        self.was_clean
    }

    /// How much room the file system has: all of it, and what is left. Unit: bytes.
    #[must_use]
    pub fn room(&self) -> Option<(u64, u64)> {
        let room = rustix::fs::statvfs(&self.root).ok()?;
        Some((room.f_blocks.saturating_mul(room.f_frsize), room.f_bavail.saturating_mul(room.f_frsize)))
    }
}

impl LogDirectory<'static> for DataDir {
    type Store = PartitionFiles;

    fn store(&mut self, partition: PartitionName<'_>) -> PartitionFiles {
        self.next_number += 1;
        let directory = self.root.join(names::partition_dir(partition.topic, partition.index));
        let directory = PartitionDir::new(&directory, Some(partition.topic_id));
        if self.hints(partition).is_doubtful() {
            directory.doubt();
        }
        if self.nameless.remove(&names::partition_dir(partition.topic, partition.index))
            && let Err(error) = directory.renew()
        {
            tracing::warn!(directory = %directory.path().display(), %error, "it does not say whose it is, and that cannot be written");
        }
        PartitionFiles::new(self.next_number, directory, Arc::clone(&self.open))
    }

    fn beside(&mut self, partition: PartitionName<'_>) -> PartitionFiles {
        self.store(partition).beside()
    }

    fn memory(&mut self) -> LogMemory<'static> {
        LogMemory::grown(&LogLimits::default(), self.hash_key)
    }

    fn log_config<'e>(&self, own: &mut dyn Iterator<Item = (&'e str, &'e str)>) -> LogConfig {
        topic_log_config(self.log_defaults, own)
    }

    fn group_config<'e>(&self, own: &mut dyn Iterator<Item = (&'e str, &'e str)>) -> Option<GroupConfig> {
        Some(groups::effective(&self.defaults, own).group)
    }

    fn hints(&self, partition: PartitionName<'_>) -> OpenHints {
        let marks = self.remembered.of(partition.topic, partition.index);
        OpenHints {
            recovery_point: marks.recovery_point,
            log_start: marks.log_start,
            first_dirty: marks.first_dirty,
            // The mark is left only when every log was closed well: at that stop, or at one before from which nothing was left over.
            clean: self.was_clean,
        }
    }

    fn opened(&mut self, partition: PartitionName<'_>, report: &RecoveryReport) {
        self.opened.insert(names::partition_dir(partition.topic, partition.index));
        let marks = self.remembered.of(partition.topic, partition.index);
        let (topic, partition) = (partition.topic, partition.index.0);
        if let Some(cut) = report.cut {
            tracing::warn!(
                topic,
                partition,
                segment = cut.segment.0,
                position = cut.position,
                bytes = cut.bytes,
                segments = cut.segments,
                reason = %cut.reason,
                "the log was damaged behind this place and was cut there"
            );
        }
        if let Some(damage) = report.damage {
            let (segment, position) = (damage.segment.0, damage.position);
            tracing::error!(
                topic,
                partition,
                segment,
                position,
                "a batch of the log is damaged and cannot be read; what lies behind it is kept"
            );
        }
        if let Some(flaw) = report.manifest {
            tracing::error!(topic, partition, %flaw, "the copy of the manifest is damaged: the object store is asked for it");
        }
        if let Some(durable) = marks.recovery_point.filter(|durable| *durable > report.end) {
            let (end, durable, lost) = (report.end.0, durable.0, durable.0 - report.end.0);
            tracing::error!(topic, partition, end, durable, lost, "records that were on the disk are gone");
        }
        if report.segments_rebuilt > 0 {
            let (segments, batches, bytes) = (report.segments_rebuilt, report.batches, report.bytes);
            tracing::info!(topic, partition, segments, batches, bytes, "the log was read through after an unclean stop");
        }
    }

    fn left_out(&mut self, partition: PartitionName<'_>, what: LeftOut) {
        let (topic, partition) = (partition.topic, partition.index.0);
        match what {
            LeftOut::Record { offset, error } => {
                tracing::error!(topic, partition, offset = offset.0, %error, "a record cannot be read and is left out");
            }
            LeftOut::Misplaced { records } => {
                tracing::warn!(topic, partition, records, "records of groups that another partition keeps are left out");
            }
            LeftOut::Batch { offset } => tracing::error!(topic, partition, offset = offset.0, "a batch is damaged and is left out"),
            LeftOut::Bytes { file, position, next } => {
                tracing::error!(topic, partition, %file, position, next = next.0, "the log is damaged here; reading goes on at the next offset");
            }
        }
    }

    fn abandoned(&mut self, partition: PartitionName<'_>, producer_id: ProducerId) {
        let (topic, partition) = (partition.topic, partition.index.0);
        tracing::warn!(topic, partition, producer_id = producer_id.0, "an open transaction that no coordinator knows was aborted");
    }

    fn snapshot_before(&mut self, before: Option<SnapshotId>) -> Option<SnapshotId> {
        let directory = self.catalogue_dir();
        quorum::snapshot_before(&directory, before).unwrap_or_else(|error| {
            tracing::error!(directory = %directory.display(), %error, "it cannot be seen whether there are snapshots of the catalogue");
            None
        })
    }

    fn read_snapshot(&mut self, snapshot: SnapshotId, position: u64, into: &mut [u8]) -> Result<usize, Unreadable> {
        let path = self.catalogue_dir().join(snapshot.to_string());
        let read = File::open(&path).and_then(|file| read_full_at(&file, position, into));
        read.map_err(|error| {
            tracing::error!(file = %path.display(), %error, "the snapshot of the catalogue cannot be read");
            Unreadable
        })
    }

    fn snapshot_damaged(&mut self, snapshot: SnapshotId, damage: SnapshotDamage) {
        let file = self.catalogue_dir().join(snapshot.to_string());
        tracing::error!(file = %file.display(), %damage, "the snapshot of the catalogue is damaged and is left aside; an older one or the log itself must do");
    }

    fn begin(&mut self, catalog: &Catalog<'static>) -> Result<(), Refused> {
        let refuse = |reason: String| {
            // Asked once, and answered once.
            let _ = self.refusal.set(reason);
            Refused
        };
        if let Some(obstacle) = catalog.obstacle() {
            return Err(refuse(format!("{CLUSTER_METADATA}-0: {obstacle} (nothing was changed)")));
        }
        if catalog.is_blank() {
            self.check_blank().map_err(refuse)?;
        }
        say_what_is_not_acted_upon(catalog);
        self.broker_epoch = catalog.broker_epoch().unwrap_or(NO_BROKER_EPOCH);
        if self.was_clean {
            // From the first write on it would be a lie.
            let path = self.root.join(CLEAN_SHUTDOWN);
            let removed = std::fs::remove_file(&path).and_then(|()| sync_directory(&self.root));
            removed.map_err(|error| refuse(failed("removing", &path)(error).to_string()))?;
        }
        Ok(())
    }

    fn quorum_epoch(&self) -> LeaderEpoch {
        self.quorum_epoch
    }

    fn lead_quorum(&mut self, epoch: LeaderEpoch, kraft_version: i16) {
        self.quorum_epoch = epoch;
        let directory = self.catalogue_dir();
        if let Err(error) = quorum::write_epoch(&directory, self.node, epoch, kraft_version) {
            // The log says it as well, with the first batch of the reign.
            tracing::error!(directory = %directory.display(), %error, "{QUORUM_STATE} cannot be written");
        }
    }

    fn removed(&mut self, topic_id: TopicId) {
        self.removed.insert(topic_id);
    }

    fn retire(&mut self, partition: PartitionName<'_>) {
        // On the disk too: a later topic of the same name must not be taken for this one after a crash, and emptied because it ends
        // before that one began.
        if let Some(snapshot) = self.remembered.forget(partition.topic) {
            snapshot.write_or_remove();
        }
        let from = self.root.join(names::partition_dir(partition.topic, partition.index));
        let to = self.root.join(names::deleted_dir(partition.topic, partition.index, partition.topic_id));
        match std::fs::rename(&from, &to) {
            Ok(()) => self.retired.push((partition.topic_id, to)),
            // A partition that was never written to has no directory.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::error!(directory = %from.display(), %error, "the files of a deleted topic cannot be moved away"),
        }
    }

    fn purge(&mut self, topic_id: TopicId) {
        if let Some(doomed) = &mut self.cold_doomed {
            doomed.push(topic_id);
        }
        let gone: Vec<PathBuf> = self.retired.extract_if(.., |(id, _)| *id == topic_id).map(|(_, path)| path).collect();
        if gone.is_empty() {
            return;
        }
        let root = self.root.clone();
        self.later.run(move |ending| match sync_directory(&root) {
            Ok(()) => remove(&gone, ending),
            Err(error) => tracing::error!(%error, "the files of a deleted topic cannot be removed now; the next start does it"),
        });
    }
}

/// Removes directories whose names say that they were deleted, until it is told to end: the next start does the rest.
///
/// These names are safe before: were they undone, and what was removed not, a directory would be left that holds half of its files, and that
/// a later topic of the same name takes for its own.
fn remove(doomed: &[PathBuf], ending: &Ending) {
    for path in doomed {
        tracing::info!(directory = %path.display(), "removing the files of a topic that was deleted");
        if let Err(error) = remove_files(path, ending) {
            tracing::error!(directory = %path.display(), %error, "it cannot be removed now; the next start does it");
        }
    }
}

fn remove_files(directory: &Path, ending: &Ending) -> io::Result<()> {
    // Large ones take a while: a stop must not wait for all of them.
    for entry in std::fs::read_dir(directory)? {
        if ending.is_near() {
            return Ok(());
        }
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            std::fs::remove_file(entry.path())?;
        }
    }
    std::fs::remove_dir_all(directory)
}

/// The epoch of the quorum as `quorum-state` tells it. Without that file, or with a damaged one, the log itself is asked alone.
fn read_quorum_epoch(root: &Path) -> LeaderEpoch {
    let directory = root.join(names::partition_dir(CLUSTER_METADATA, PartitionIndex(0)));
    let epoch = quorum::read_epoch(&directory).unwrap_or_else(|error| {
        tracing::warn!(file = %directory.join(QUORUM_STATE).display(), %error, "the file is damaged and is left aside");
        None
    });
    epoch.unwrap_or_default()
}

/// Says out loud what Kafka would act upon and nobody here does. All of it stays in the directory.
fn say_what_is_not_acted_upon(catalog: &Catalog<'_>) {
    let Others { access_control_entries: _, delegation_tokens, unknown_records, unknown_kind } = catalog.others();
    // They let somebody in; who must not come in is a matter of listeners, and those that ask for a name are refused in the settings.
    if catalog.credentials().next().is_some() {
        tracing::warn!("the catalogue holds SCRAM credentials: they are kept, and nobody is asked for them");
    }
    if *delegation_tokens {
        tracing::warn!("the catalogue holds delegation tokens: they are kept, and nobody is asked for them");
    }
    if catalog.quotas().next().is_some() {
        tracing::warn!("the catalogue holds quotas of clients: they are kept, and not enforced");
    }
    if let Some(kind) = unknown_kind {
        let records = unknown_records;
        tracing::warn!(
            records,
            kind,
            "the catalogue holds records of a kind that Kafka 4.3 does not write: they are kept and not acted upon"
        );
    }
}

/// What the catalogue says of a directory's topic.
#[derive(Clone, Copy)]
enum Fate {
    Known,
    Removed,
    Unknown,
}

/// The directory of a partition, and what is to become of it.
struct Found<'p> {
    path: &'p Path,
    name: &'p str,
    topic: &'p str,
    index: PartitionIndex,
    topic_id: Option<TopicId>,
    fate: Fate,
}

impl<'p> Found<'p> {
    /// `None` for what is no partition's, and for the catalogue's own.
    fn at(path: &'p Path, is_known: &impl Fn(TopicId) -> bool, removed: &HashSet<TopicId>) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let parsed = names::parse_deleted(name).or_else(|| names::parse(name));
        let (topic, index) = parsed.filter(|(topic, _)| *topic != CLUSTER_METADATA && path.is_dir())?;
        let topic_id = read_topic_id(path);
        let fate = match topic_id {
            Some(topic_id) if is_known(topic_id) => Fate::Known,
            Some(topic_id) if removed.contains(&topic_id) => Fate::Removed,
            Some(_) | None => Fate::Unknown,
        };
        Some(Self { path, name, topic, index, topic_id, fate })
    }

    /// Whether its deletion was lost.
    fn comes_back(&self) -> bool {
        names::is_deleted(self.name) && matches!(self.fate, Fate::Known)
    }
}

/// Half of what the process may open, and no more than is of use: the rest is for connections.
fn open_files_max() -> NonZeroUsize {
    let allowed = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from((allowed / 2).min(OPEN_FILES_MAX)).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN)
}

/// Takes the lock of a directory.
fn lock(root: &Path) -> Result<Lock, DataDirError> {
    Lock::alone(root).map_err(|error| match error {
        NoLock::Held => DataDirError::Locked(root.to_path_buf()),
        NoLock::Io(error) => failed("locking", &root.join(LOCK))(error),
    })
}

/// Reads who this broker is, or writes it into a directory that does not say.
fn identity(root: &Path, node: BrokerId, fresh: &mut impl FnMut() -> TopicId) -> Result<Identity, DataDirError> {
    let path = root.join(META);
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if root.join(names::partition_dir(CLUSTER_METADATA, PartitionIndex(0))).exists() {
                return Err(DataDirError::Anonymous(path));
            }
            let identity = Identity { cluster_id: fresh().to_string(), directory_id: fresh() };
            let Identity { cluster_id, directory_id } = &identity;
            let text = format!("#\nversion=1\ncluster.id={cluster_id}\nnode.id={node}\ndirectory.id={directory_id}\n");
            checkpoint::write_whole(root, META, &text).map_err(failed("writing", &path))?;
            return Ok(identity);
        }
        text => text.map_err(failed("reading", &path))?,
    };
    let (found, identity) = parse_identity(&text).map_err(|reason| DataDirError::Damaged { file: path, reason })?;
    if found != node.0 {
        return Err(DataDirError::OtherNode { directory: root.to_path_buf(), found, expected: node.0 });
    }
    Ok(identity)
}

/// Reads what `meta.properties` says: the node, and who it is.
///
/// # Errors
/// What is wrong with it.
pub fn parse_identity(text: &str) -> Result<(i32, Identity), String> {
    let entries: HashMap<String, String> = properties::parse(text).into_iter().collect();
    let found = entries.get("node.id").or_else(|| entries.get("broker.id"));
    if let Some(version) = entries.get("version").filter(|version| !["0", "1"].contains(&version.as_str())) {
        return Err(format!("its version is {version}, and only 0 and 1 are known"));
    }
    let found: i32 = found.and_then(|id| id.parse().ok()).ok_or("it has no node.id")?;
    let cluster_id = entries.get("cluster.id").cloned().ok_or("it has no cluster.id")?;
    let directory_id = entries.get("directory.id").and_then(|id| TopicId::parse(id)).unwrap_or(TopicId::ZERO);
    Ok((found, Identity { cluster_id, directory_id }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use millpond_core::catalog::catalog::{CatalogConfig, CatalogMemory};
    use millpond_core::catalog::name::{METADATA_VERSION, METADATA_VERSION_MAX};
    use millpond_core::catalog::record::CatalogRecord;
    use millpond_core::catalog::schema::FeatureLevelRecord;
    use millpond_core::ids::Offset;
    use millpond_core::machine::Machine as _;

    fn scratch(name: &str) -> Arc<BrokerConfig> {
        let path = std::env::temp_dir().join(format!("millpond-data-dir-{name}-{}", std::process::id()));
        // It may be left over from a run before.
        let _ = std::fs::remove_dir_all(&path);
        let path = path.to_str().unwrap().to_owned();
        Arc::new(BrokerConfig::from_entries([("log.dirs", path.as_str())]).unwrap().0)
    }

    fn open(config: &Arc<BrokerConfig>) -> DataDir {
        let mut directory = DataDir::open(config, HashKey(1, 2), || TopicId([3; 16])).unwrap();
        let of = CatalogConfig { node: config.node, directory: directory.identity.directory_id };
        let mut catalog = Catalog::new(of, HashKey(1, 2), CatalogMemory::grown(1));
        catalog.replay(&CatalogRecord::FeatureLevel(FeatureLevelRecord { name: METADATA_VERSION, feature_level: METADATA_VERSION_MAX }));
        directory.begin(&catalog).unwrap();
        directory
    }

    fn partition(topic_id: TopicId) -> PartitionName<'static> {
        PartitionName { topic: "t", topic_id, index: PartitionIndex(0) }
    }

    fn write(directory: &mut DataDir, topic_id: TopicId) {
        use millpond_core::store::segment_store::SegmentStore;
        let file = millpond_core::store::file_name::FileName::live(millpond_core::store::file_name::FileKind::Log, Offset(0));
        directory.store(partition(topic_id)).write_at(file, 0, &[b"bytes"]).unwrap();
    }

    fn left(log_start: i64) -> LeftLog {
        let durable_end = Offset(500);
        LeftLog {
            partition: ("t".to_owned(), PartitionIndex(0)),
            durable_end,
            log_start: Offset(log_start),
            high_watermark: durable_end,
            first_dirty: None,
        }
    }

    const OLD: TopicId = TopicId([7; 16]);
    const NEW: TopicId = TopicId([8; 16]);

    #[test]
    fn a_directory_that_lost_its_identity_gets_it_again() {
        let config = scratch("nameless");
        let metadata = {
            let mut directory = open(&config);
            write(&mut directory, OLD);
            directory.path().join("t-0/partition.metadata")
        };
        for left in [None, Some(""), Some("version: 0\ntop")] {
            std::fs::remove_file(&metadata).unwrap();
            if let Some(left) = left {
                std::fs::write(&metadata, left).unwrap();
            }
            let mut directory = open(&config);
            directory.tidy(|topic_id| topic_id == OLD, |_, _| true).unwrap();
            // Whoever it belongs to opens it, and it is known by that from then on.
            let mut files = directory.store(partition(OLD));
            assert_eq!(read_topic_id(metadata.parent().unwrap()), Some(OLD), "{left:?}");
            let file = millpond_core::store::file_name::FileName::live(millpond_core::store::file_name::FileKind::Log, Offset(0));
            let mut bytes = [0; 9];
            assert_eq!(millpond_core::store::segment_store::SegmentStore::read_at(&mut files, file, 0, &mut bytes), Ok(5));
        }
        std::fs::remove_dir_all(metadata.parent().unwrap().parent().unwrap()).unwrap();
    }

    #[test]
    fn a_topic_is_not_taken_for_an_earlier_one_of_its_name_after_a_crash() {
        let config = scratch("name");
        open(&config).remember(vec![left(300)], true).unwrap();
        let mut directory = open(&config);
        assert_eq!(directory.hints(partition(OLD)).log_start, Some(Offset(300)));
        write(&mut directory, OLD);
        directory.retire(partition(OLD));
        // It ends without a word, and the topic of the same name has ten records.
        drop(directory);
        assert_eq!(open(&config).hints(partition(NEW)), OpenHints::default());
        std::fs::remove_dir_all(&config.data_dir).unwrap();
    }

    #[test]
    fn a_deletion_that_was_lost_is_undone_even_if_its_place_is_taken() {
        let config = scratch("place");
        let mut directory = open(&config);
        write(&mut directory, OLD);
        directory.retire(partition(OLD));
        write(&mut directory, NEW);
        directory.tidy(|topic_id| topic_id == OLD, |_, _| true).unwrap();
        let path = directory.path().join("t-0");
        assert_eq!(read_topic_id(&path), Some(OLD));
        assert!(path.join("00000000000000000000.log").exists());
        // Even if nobody can tell any more who has taken it.
        directory.retire(partition(OLD));
        write(&mut directory, NEW);
        std::fs::remove_file(path.join("partition.metadata")).unwrap();
        directory.tidy(|topic_id| topic_id == OLD, |_, _| true).unwrap();
        assert_eq!(read_topic_id(&path), Some(OLD));
        std::fs::remove_dir_all(&config.data_dir).unwrap();
    }

    #[test]
    fn a_log_that_nobody_opened_since_a_crash_is_not_called_clean() {
        let config = scratch("clean");
        write(&mut open(&config), OLD);
        let mut directory = open(&config);
        directory.remember(Vec::new(), true).unwrap();
        drop(directory);
        let mut directory = open(&config);
        assert!(!directory.hints(partition(OLD)).clean);
        directory.opened(partition(OLD), &RecoveryReport::default());
        directory.remember(vec![left(0)], true).unwrap();
        drop(directory);
        assert!(open(&config).hints(partition(OLD)).clean);
        std::fs::remove_dir_all(&config.data_dir).unwrap();
    }

    #[test]
    fn a_directory_whose_catalogue_is_elsewhere_is_not_taken_for_a_new_one() {
        let config = scratch("elsewhere");
        write(&mut open(&config), OLD);
        let mut directory = DataDir::open(&config, HashKey(1, 2), || TopicId([3; 16])).unwrap();
        let of = CatalogConfig { node: config.node, directory: directory.identity.directory_id };
        let refused = directory.begin(&Catalog::new(of, HashKey(1, 2), CatalogMemory::grown(1)));
        assert_eq!(refused, Err(Refused));
        let said = directory.refusal().get().unwrap().clone();
        assert!(said.contains("though t-0 holds records") && said.ends_with("(nothing was changed)"), "{said}");
        std::fs::remove_dir_all(&config.data_dir).unwrap();
    }

    #[test]
    fn a_directory_that_was_not_finished_is_finished_by_the_next_write() {
        let config = scratch("half");
        let mut directory = open(&config);
        // As a full disk leaves it.
        std::fs::create_dir(directory.path().join("t-0")).unwrap();
        write(&mut directory, OLD);
        assert_eq!(read_topic_id(&directory.path().join("t-0")), Some(OLD));
        std::fs::remove_dir_all(&config.data_dir).unwrap();
    }
}
