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
use std::sync::Arc;

use millpond_core::bounded::table::HashKey;
use millpond_core::catalog::name::CLUSTER_METADATA;
use millpond_core::ids::{BrokerId, PartitionIndex, ProducerId, TopicId};
use millpond_core::log::config::LogConfig;
use millpond_core::log::partition_log::{LogLimits, LogMemory};
use millpond_core::log::recover::{OpenHints, RecoveryReport};
use millpond_core::shard::directory::{LeftOut, LogDirectory, PartitionName};

use crate::config::broker_config::{BrokerConfig, topic_log_config};
use crate::config::properties;

use super::checkpoint;
use super::files::{OpenFiles, PartitionFiles, sync_directory};
use super::names;
use super::remembered::{LeftLog, Remembered, Snapshot};

/// The file whose lock a broker holds.
pub const LOCK: &str = ".lock";
/// The file that says who the broker is.
pub const META: &str = "meta.properties";
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";

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
    identity: Identity,
    /// The settings of logs whose topics set nothing else.
    log_defaults: LogConfig,
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
    /// Directories of the partitions that were opened since the start.
    opened: HashSet<String>,
    /// Held for as long as the directory is in use.
    _lock: File,
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
        let clean_path = root.join(CLEAN_SHUTDOWN);
        let was_clean = clean_path.exists();
        if was_clean {
            // From the first write on it would be a lie.
            std::fs::remove_file(&clean_path).map_err(failed("removing", &clean_path))?;
            sync_directory(&root).map_err(failed("syncing", &root))?;
        }
        let remembered = Remembered::read(&root).map_err(|(path, error)| failed("reading", &path)(error))?;
        let open = Arc::new(OpenFiles::new(open_files_max()));
        Ok(Self {
            root,
            identity,
            log_defaults: config.log,
            open,
            hash_key,
            next_number: 0,
            was_clean,
            remembered,
            removed: HashSet::new(),
            removed_before: HashSet::new(),
            cold_doomed: config.remote.enable.then(Vec::new),
            retired: Vec::new(),
            opened: HashSet::new(),
            _lock: lock,
        })
    }

    /// Who this broker is.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Changes the settings of logs whose topics set nothing else, for logs opened from now on.
    pub const fn set_log_defaults(&mut self, log_defaults: LogConfig) {
        self.log_defaults = log_defaults;
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Puts in order what a crash may have left: directories of topics that were deleted are removed, and those whose deletion was lost
    /// come back. `is_known` says whether the catalogue knows a topic.
    ///
    /// What belongs to no topic, and was not deleted by anybody, is set aside under another name and said out loud: a catalogue that has
    /// lost something must not cost the records too. Source: `LogManager`, stray logs.
    /// # Errors
    /// When the directory cannot be read or changed.
    pub fn tidy(&mut self, is_known: impl Fn(TopicId) -> bool) -> Result<(), DataDirError> {
        let removed = core::mem::take(&mut self.removed);
        if self.cold_doomed.is_some() {
            self.removed_before.clone_from(&removed);
        }
        let paths = self.paths().map_err(failed("reading", &self.root))?;
        // First what goes, then what comes back: its place may be taken by a later topic of the same name, which is lost too.
        for (restore, path) in paths.iter().map(|path| (false, path)).chain(paths.iter().map(|path| (true, path))) {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let parsed = names::parse_deleted(name).or_else(|| names::parse(name));
            let Some((topic, index)) = parsed.filter(|(topic, _)| *topic != CLUSTER_METADATA && path.is_dir()) else { continue };
            let topic_id = read_topic_id(path);
            let fate = match topic_id {
                Some(topic_id) if is_known(topic_id) => Fate::Known,
                Some(topic_id) if removed.contains(&topic_id) => Fate::Removed,
                Some(_) | None => Fate::Unknown,
            };
            match (names::is_deleted(name), fate) {
                (true, Fate::Known) if restore => {
                    let back = self.root.join(names::partition_dir(topic, index));
                    std::fs::rename(path, &back).map_err(failed("restoring", path))?;
                }
                // Its name says so, or the catalogue does.
                (true, Fate::Removed | Fate::Unknown) | (false, Fate::Removed) if !restore => {
                    tracing::info!(directory = %path.display(), "removing the files of a topic that was deleted");
                    std::fs::remove_dir_all(path).map_err(failed("removing", path))?;
                }
                (false, Fate::Unknown) if !restore => {
                    // Without an identity nothing was ever written to it.
                    let Some(topic_id) = topic_id else { continue };
                    let aside = self.root.join(names::stray_dir(topic, index, topic_id));
                    let (from, to) = (path.display(), aside.display());
                    tracing::error!(directory = %from, %to, "no topic claims this directory, and nobody has deleted it: it is set aside");
                    std::fs::rename(path, &aside).map_err(failed("renaming", path))?;
                }
                (true | false, Fate::Known | Fate::Removed | Fate::Unknown) => {}
            }
        }
        Ok(())
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
            // Source: `CleanShutdownFileHandler`: a version, and the broker's epoch, which a sole broker has not got.
            let path = self.root.join(CLEAN_SHUTDOWN);
            checkpoint::write_whole(&self.root, CLEAN_SHUTDOWN, "{\"version\":0,\"brokerEpoch\":-1}").map_err(failed("writing", &path))?;
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
        let identity = format!("version: 0\ntopic_id: {}\n", partition.topic_id);
        PartitionFiles::new(self.next_number, &directory, identity, Arc::clone(&self.open))
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
        let gone = self.retired.extract_if(.., |(id, _)| *id == topic_id);
        for (_, path) in gone {
            if let Err(error) = std::fs::remove_dir_all(&path) {
                tracing::error!(directory = %path.display(), %error, "the files of a deleted topic cannot be removed");
            }
        }
    }
}

/// What the catalogue says of a directory's topic.
#[derive(Clone, Copy)]
enum Fate {
    Known,
    Removed,
    Unknown,
}

/// Half of what the process may open, and no more than is of use: the rest is for connections.
fn open_files_max() -> NonZeroUsize {
    let allowed = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from((allowed / 2).min(OPEN_FILES_MAX)).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN)
}

/// Takes the lock of a directory; it is held until the file is closed.
///
/// # Errors
/// [`DataDirError::Locked`] when another has it.
pub fn lock(root: &Path) -> Result<File, DataDirError> {
    let path = root.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed("opening", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(DataDirError::Locked(root.to_path_buf())),
        Err(std::fs::TryLockError::Error(error)) => Err(failed("locking", &path)(error)),
    }
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

/// The topic that a partition's directory belongs to.
pub(crate) fn read_topic_id(directory: &Path) -> Option<TopicId> {
    let text = std::fs::read_to_string(directory.join("partition.metadata")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("topic_id:")).and_then(|id| TopicId::parse(id.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use millpond_core::ids::Offset;

    fn scratch(name: &str) -> Arc<BrokerConfig> {
        let path = std::env::temp_dir().join(format!("millpond-data-dir-{name}-{}", std::process::id()));
        // It may be left over from a run before.
        let _ = std::fs::remove_dir_all(&path);
        let path = path.to_str().unwrap().to_owned();
        Arc::new(BrokerConfig::from_entries([("log.dirs", path.as_str())]).unwrap().0)
    }

    fn open(config: &Arc<BrokerConfig>) -> DataDir {
        DataDir::open(config, HashKey(1, 2), || TopicId([3; 16])).unwrap()
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
        directory.tidy(|topic_id| topic_id == OLD).unwrap();
        let path = directory.path().join("t-0");
        assert_eq!(read_topic_id(&path), Some(OLD));
        assert!(path.join("00000000000000000000.log").exists());
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
