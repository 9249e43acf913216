//! A directory that no broker uses, looked at from outside: which partitions it has, and what lies beside them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use millpond_core::catalog::name::CLUSTER_METADATA;
use millpond_core::ids::{Offset, PartitionIndex};
use millpond_core::store::file_name::{FileKind, FileName};

use super::checkpoint::{self, Offsets};
use super::data_dir::{self, META};
use super::lock::{LOCK, Lock, NoLock};
use super::names;
use super::partition_dir::{self, sync_directory};
use super::remembered::{FIRST_DIRTY, HIGH_WATERMARKS, LOG_STARTS, RECOVERY_POINTS};

/// What comes before the number in the names of what was set aside.
const SET_ASIDE: &str = "millpond-repair-";

/// Why a directory cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// A broker runs on it.
    #[error("{0} is in use by a broker: stop it first, or look at a copy")]
    InUse(PathBuf),
    /// It is something else.
    #[error("{0} is neither a data directory nor the directory of a partition: no log is in it")]
    NoLogs(PathBuf),
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

/// Remembers what was tried, for when it fails.
pub fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OfflineError {
    let path = path.to_path_buf();
    move |error| OfflineError::Io { doing, path, error }
}

/// One partition of a directory.
#[derive(Clone, Debug)]
pub struct OfflinePartition {
    /// The name of its directory.
    pub name: String,
    /// Its topic and number, if its directory is named as partitions are.
    pub partition: Option<(String, PartitionIndex)>,
    /// Where its files are.
    pub path: PathBuf,
    /// Everything below was on the disk once, as far as is remembered.
    pub recovery_point: Option<Offset>,
}

impl OfflinePartition {
    /// Whether it holds the catalogue.
    #[must_use]
    pub fn is_catalogue(&self) -> bool {
        self.partition.as_ref().is_some_and(|(topic, _)| topic == CLUSTER_METADATA)
    }

    /// How large its segments are. Unit: bytes.
    ///
    /// # Errors
    /// When that cannot be asked.
    pub fn log_bytes(&self) -> io::Result<u64> {
        let mut bytes = 0;
        for entry in read_if_there(&self.path)? {
            if entry.file_name().to_str().and_then(FileName::parse).is_some_and(|name| name.kind == FileKind::Log) {
                bytes += entry.metadata()?.len();
            }
        }
        Ok(bytes)
    }
}

/// Something that is wrong beside the logs.
#[derive(Clone, Debug)]
pub struct Misfit {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
    /// Whether a broker does as well without the file.
    pub may_go: bool,
}

/// A data directory, or the directory of one partition.
#[derive(Debug)]
pub struct OfflineDir {
    root: PathBuf,
    is_data_dir: bool,
    /// Whether all of it is meant, and not only some partitions.
    is_whole: bool,
    /// The partitions that were asked for, by name.
    pub partitions: Vec<OfflinePartition>,
    /// What is wrong beside the logs.
    pub misfits: Vec<Misfit>,
    recovery_points: Option<Offsets>,
    /// Held for as long as it is looked at.
    _lock: Option<Lock>,
}

impl OfflineDir {
    /// Opens a directory, and keeps brokers from it. With `to_change` files of it may be changed; without it nothing is.
    ///
    /// # Errors
    /// What [`OfflineError`] names.
    pub fn open(path: &Path, to_change: bool) -> Result<Self, OfflineError> {
        let path = fs::canonicalize(path).map_err(failed("opening", path))?;
        let reading = || failed("reading", &path);
        if is_partition(&path).map_err(reading())? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let parent = path.parent().filter(|parent| parent.join(META).exists() && names::parse(&name).is_some());
            let Some(parent) = parent else {
                let partition = OfflinePartition { partition: parse(&name), name, path: path.clone(), recovery_point: None };
                let partitions = vec![partition];
                let misfits = Vec::new();
                return Ok(Self {
                    root: path,
                    is_data_dir: false,
                    is_whole: true,
                    partitions,
                    misfits,
                    recovery_points: None,
                    _lock: None,
                });
            };
            let mut directory = Self::open_data_dir(parent, to_change)?;
            directory.keep(|partition| partition.name == name);
            return Ok(directory);
        }
        Self::open_data_dir(&path, to_change)
    }

    fn open_data_dir(root: &Path, to_change: bool) -> Result<Self, OfflineError> {
        let lock = lock(root, to_change)?;
        let reading = || failed("reading", root);
        let mut misfits = Vec::new();
        let mut checkpoints = HashMap::new();
        for name in [RECOVERY_POINTS, LOG_STARTS, HIGH_WATERMARKS, FIRST_DIRTY] {
            let path = root.join(name);
            // Kafka leaves those empty that have nothing to tell. This one always has, a minute after the first start.
            let is_emptied = name == RECOVERY_POINTS && fs::metadata(&path).is_ok_and(|metadata| metadata.len() == 0);
            let offsets = checkpoint::read_if_sound(&path).map_err(failed("reading", &path))?.filter(|_| !is_emptied);
            if offsets.is_none() {
                misfits.push(Misfit { path, reason: "the checkpoint cannot be read".to_owned(), may_go: true });
            }
            checkpoints.insert(name, offsets);
        }
        let recovery_points = checkpoints.remove(RECOVERY_POINTS).flatten();
        let mut partitions = Vec::new();
        for entry in fs::read_dir(root).map_err(reading())? {
            let path = entry.map_err(reading())?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()).map(ToOwned::to_owned) else { continue };
            if path.is_dir() && !names::is_deleted(&name) && names::parse(&name).is_some() {
                partitions.push(OfflinePartition { partition: parse(&name), name, path, recovery_point: None });
            }
        }
        // A log that was on the disk, and of which nothing is left.
        for ((topic, index), _) in recovery_points.iter().flatten().filter(|(_, point)| **point > Offset::ZERO) {
            let name = names::partition_dir(topic, *index);
            if !partitions.iter().any(|partition| partition.name == name) {
                let path = root.join(&name);
                partitions.push(OfflinePartition { partition: Some((topic.clone(), *index)), name, path, recovery_point: None });
            }
        }
        for partition in &mut partitions {
            let points = recovery_points.as_ref();
            partition.recovery_point = partition.partition.as_ref().and_then(|of| points?.get(of)).copied();
        }
        partitions.sort_by(|one, other| one.partition.cmp(&other.partition));
        if !root.join(META).exists() && !holds_a_log(&partitions).map_err(reading())? {
            return Err(OfflineError::NoLogs(root.to_path_buf()));
        }
        misfits.extend(misfit_identity(root)?);
        let root = root.to_path_buf();
        Ok(Self { root, is_data_dir: true, is_whole: true, partitions, misfits, recovery_points, _lock: lock })
    }

    /// Leaves all partitions aside but those that `is_meant` names, and what lies beside the logs too.
    pub fn keep(&mut self, is_meant: impl FnMut(&OfflinePartition) -> bool) {
        self.partitions.retain(is_meant);
        self.misfits.clear();
        self.is_whole = false;
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The first number under which nothing was set aside yet.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn next_number(&self) -> io::Result<u32> {
        let mut last = 0;
        let folders = core::iter::once(self.root.as_path()).chain(self.partitions.iter().map(|partition| partition.path.as_path()));
        for folder in folders {
            for entry in read_if_there(folder)? {
                let name = entry.file_name();
                let number = name.to_str().and_then(|name| name.rsplit_once(SET_ASIDE)).and_then(|(_, number)| number.parse().ok());
                last = last.max(number.unwrap_or(0));
            }
        }
        Ok(last + 1)
    }

    /// Whether nothing is remembered of how far logs were on the disk, because it cannot be read.
    #[must_use]
    pub const fn has_lost_points(&self) -> bool {
        self.is_data_dir && self.recovery_points.is_none()
    }

    /// Whether all of it is meant, and not only some partitions.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Copies a file that lies beside the logs, before it is changed: to the same name with the number behind it.
    ///
    /// # Errors
    /// When it cannot be copied, or the copy is not known to be on the disk.
    pub fn set_aside(&self, path: &Path, number: u32) -> io::Result<PathBuf> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let to = self.root.join(format!("{name}.{SET_ASIDE}{number}"));
        copy_durably(path, &to)?;
        Ok(to)
    }

    /// Whether a checkpoint that lies beside the logs can be read by now.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn is_sound_now(&self, path: &Path) -> io::Result<bool> {
        Ok(checkpoint::read_if_sound(path)?.is_some())
    }

    /// Removes a file that lies beside the logs.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)?;
        sync_directory(path.parent().unwrap_or(&self.root))
    }

    /// Notes that logs are on the disk up to these ends, so that a broker does not take a gap in them for a loss of power.
    ///
    /// # Errors
    /// When the checkpoint cannot be set aside or written.
    pub fn note_durable(&self, ends: &[((String, PartitionIndex), Offset)], number: u32) -> io::Result<()> {
        let mut points = self.recovery_points.clone().unwrap_or_default();
        let news = ends.iter().fold(false, |news, (partition, end)| news | (points.insert(partition.clone(), *end) != Some(*end)));
        if !self.is_data_dir || !news {
            return Ok(());
        }
        let path = self.root.join(RECOVERY_POINTS);
        if path.exists() {
            self.set_aside(&path, number)?;
        }
        checkpoint::write(&self.root, RECOVERY_POINTS, &points)
    }
}

/// Where the original bytes of a partition's files are kept.
///
/// Inside of the partition's own directory: Kafka and millpond pass over a folder there, while in the data directory Kafka takes every
/// folder for a partition and does not start.
#[derive(Debug)]
pub struct Aside {
    from: PathBuf,
    to: PathBuf,
}

impl Aside {
    /// For the files of a partition. Nothing is there before the first.
    #[must_use]
    pub fn new(partition: &OfflinePartition, number: u32) -> Self {
        Self { from: partition.path.clone(), to: partition.path.join(format!("{SET_ASIDE}{number}")) }
    }

    /// Where they are kept.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.to
    }

    /// Copies a file, and returns when the copy is on the disk. One that was copied before stays as it was then.
    ///
    /// # Errors
    /// When that is not certain.
    pub fn keep(&self, name: &str) -> io::Result<()> {
        let to = self.to.join(name);
        if to.exists() {
            return Ok(());
        }
        fs::create_dir_all(&self.to)?;
        copy_durably(&self.from.join(name), &to)?;
        sync_directory(&self.from)
    }
}

/// Copies a file so that it has its name only when all of it is on the disk.
fn copy_durably(from: &Path, to: &Path) -> io::Result<()> {
    let mut temporary = to.as_os_str().to_owned();
    temporary.push(".tmp");
    fs::copy(from, &temporary)?;
    File::open(&temporary)?.sync_all()?;
    fs::rename(&temporary, to)?;
    sync_directory(to.parent().unwrap_or(to))
}

/// What is wrong with the file that says which topic a partition belongs to; `None` when nothing is, or when there is none.
///
/// # Errors
/// When it cannot be read.
pub fn misfit_topic(partition: &OfflinePartition) -> io::Result<Option<Misfit>> {
    let path = partition.path.join(FileName::METADATA.to_string());
    let is_damaged = path.try_exists()? && partition_dir::read_topic_id(&partition.path).is_none();
    Ok(is_damaged.then(|| Misfit { path, reason: "it does not say which topic this is".to_owned(), may_go: true }))
}

fn misfit_identity(root: &Path) -> Result<Option<Misfit>, OfflineError> {
    let path = root.join(META);
    let reason = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let has_catalogue = root.join(names::partition_dir(CLUSTER_METADATA, PartitionIndex(0))).exists();
            has_catalogue.then(|| "it is missing, though a catalogue is there: a broker does not start without it".to_owned())
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Some("it is no text".to_owned()),
        text => data_dir::parse_identity(&text.map_err(failed("reading", &path))?).err(),
    };
    Ok(reason.map(|reason| Misfit { path, reason, may_go: false }))
}

fn parse(name: &str) -> Option<(String, PartitionIndex)> {
    names::parse(name).map(|(topic, index)| (topic.to_owned(), index))
}

/// Whether the files of a log lie in a directory.
fn is_partition(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let file = entry.file_name().to_str().and_then(FileName::parse);
        if file.is_some_and(|file| matches!(file.kind, FileKind::Log | FileKind::PartitionMetadata)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn holds_a_log(partitions: &[OfflinePartition]) -> io::Result<bool> {
    for partition in partitions.iter().filter(|partition| partition.path.exists()) {
        if is_partition(&partition.path)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn read_if_there(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.collect(),
    }
}

/// Keeps brokers from a directory; others who only look at it may come too, unless it is to be changed.
fn lock(root: &Path, to_change: bool) -> Result<Option<Lock>, OfflineError> {
    let locked = if to_change { Lock::alone(root).map(Some) } else { Lock::shared(root) };
    locked.map_err(|error| match error {
        NoLock::Held => OfflineError::InUse(root.to_path_buf()),
        NoLock::Io(error) => failed("locking", &root.join(LOCK))(error),
    })
}
