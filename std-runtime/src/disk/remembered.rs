//! What is remembered of logs from run to run: Kafka's four checkpoints.
//!
//! It only saves work and keeps what DeleteRecords did: every offset in it is one that the log had reached, so an old checkpoint is as
//! true as a new one. Source: `LogManager.checkpointLogRecoveryOffsets`, `checkpointLogStartOffsets`,
//! `LogCleanerManager.updateCheckpoints`, `OffsetCheckpointFile`.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use millpond_core::ids::{Offset, PartitionIndex};

use super::checkpoint::{self, Offsets};
use super::partition_dir::sync_directory;

/// Up to where logs are on the disk.
pub const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// Where logs begin.
pub const LOG_STARTS: &str = "log-start-offset-checkpoint";
/// How far consumers could see.
pub const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
/// Up to where logs were compacted.
pub const FIRST_DIRTY: &str = "cleaner-offset-checkpoint";

/// What is remembered of one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Marks {
    /// Everything below is on the disk.
    pub recovery_point: Option<Offset>,
    /// Where the log begins.
    pub log_start: Option<Offset>,
    /// How far consumers could see.
    pub high_watermark: Option<Offset>,
    /// Everything below was compacted.
    pub first_dirty: Option<Offset>,
}

/// A log as it stands or was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftLog {
    /// The topic's name and the partition.
    pub partition: (String, PartitionIndex),
    /// Everything below is on the disk.
    pub durable_end: Offset,
    /// Where the log begins.
    pub log_start: Offset,
    /// How far consumers could see.
    pub high_watermark: Offset,
    /// Everything below was compacted; `None` when nothing was.
    pub first_dirty: Option<Offset>,
}

/// What is remembered, and the files that hold it.
#[derive(Debug)]
pub struct Remembered {
    logs: HashMap<(String, PartitionIndex), Marks>,
    /// Rises with every copy that is to be written.
    version: u64,
    files: Arc<Files>,
}

#[derive(Debug)]
struct Files {
    root: PathBuf,
    /// The version that was written last. Held while writing, so that an older one never replaces a newer.
    written: Mutex<u64>,
    /// Whether the files may say less than they should, because a write has failed.
    behind: AtomicBool,
}

/// A copy of what is remembered, to be written beside the work.
#[derive(Debug)]
#[must_use = "it is remembered once it is written"]
pub struct Snapshot {
    version: u64,
    kinds: [(&'static str, Offsets); 4],
    files: Arc<Files>,
}

impl Remembered {
    /// Reads what was remembered in a data directory.
    ///
    /// # Errors
    /// The file that cannot be read, and why.
    pub fn read(root: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let mut logs: HashMap<_, Marks> = HashMap::new();
        let mut take = |name: &str, set: fn(&mut Marks, Offset)| {
            let path = root.join(name);
            for (partition, offset) in checkpoint::read(&path).map_err(|error| (path, error))? {
                set(logs.entry(partition).or_default(), offset);
            }
            Ok(())
        };
        take(RECOVERY_POINTS, |marks, offset| marks.recovery_point = Some(offset))?;
        take(LOG_STARTS, |marks, offset| marks.log_start = Some(offset))?;
        take(HIGH_WATERMARKS, |marks, offset| marks.high_watermark = Some(offset))?;
        take(FIRST_DIRTY, |marks, offset| marks.first_dirty = Some(offset))?;
        Ok(Self {
            logs,
            version: 0,
            files: Arc::new(Files { root: root.to_path_buf(), written: Mutex::new(0), behind: AtomicBool::new(false) }),
        })
    }

    /// What is remembered of a log.
    #[must_use]
    pub fn of(&self, topic: &str, index: PartitionIndex) -> Marks {
        self.logs.get(&(topic.to_owned(), index)).copied().unwrap_or_default()
    }

    /// Takes in how logs stand. What is said of others stays. `None` when the files say all of it already.
    pub fn note(&mut self, logs: impl IntoIterator<Item = LeftLog>) -> Option<Snapshot> {
        let mut news = self.files.behind.load(Ordering::Relaxed);
        for log in logs {
            // Source: `LogManager` writes only starts that a log's first segment does not tell.
            let log_start = Some(log.log_start).filter(|start| *start > Offset::ZERO);
            let (recovery_point, high_watermark) = (Some(log.durable_end), Some(log.high_watermark));
            let marks = Marks { recovery_point, log_start, high_watermark, first_dirty: log.first_dirty };
            news |= self.logs.insert(log.partition, marks) != Some(marks);
        }
        news.then(|| self.snapshot())
    }

    /// Forgets a topic's logs; `None` when nothing was known of them.
    pub fn forget(&mut self, topic: &str) -> Option<Snapshot> {
        let known = self.logs.len();
        self.logs.retain(|(of, _), _| of != topic);
        (self.logs.len() < known).then(|| self.snapshot())
    }

    fn snapshot(&mut self) -> Snapshot {
        self.version += 1;
        let offsets = |of: fn(&Marks) -> Option<Offset>| -> Offsets {
            self.logs.iter().filter_map(|(partition, marks)| Some((partition.clone(), of(marks)?))).collect()
        };
        let kinds = [
            (RECOVERY_POINTS, offsets(|marks| marks.recovery_point)),
            (LOG_STARTS, offsets(|marks| marks.log_start)),
            (HIGH_WATERMARKS, offsets(|marks| marks.high_watermark)),
            (FIRST_DIRTY, offsets(|marks| marks.first_dirty)),
        ];
        Snapshot { version: self.version, kinds, files: Arc::clone(&self.files) }
    }
}

impl Snapshot {
    /// Writes the checkpoints, unless newer ones were written meanwhile. May block.
    ///
    /// # Errors
    /// The file that cannot be written, and why.
    pub fn write(&self) -> Result<(), (PathBuf, io::Error)> {
        self.write_each(|root, name, error| Err((root.join(name), error)))
    }

    /// Writes the checkpoints; one that cannot be written is removed: none at all is safe as well, and needs no room. May block.
    pub fn write_or_remove(&self) {
        let done: Result<(), ()> = self.write_each(|root, name, error| {
            let removed = std::fs::remove_file(root.join(name)).and_then(|()| sync_directory(root));
            tracing::error!(checkpoint = name, %error, removed = removed.is_ok(), "a checkpoint cannot be written");
            Ok(())
        });
        debug_assert!(done.is_ok(), "failures are told, not returned");
    }

    fn write_each<E>(&self, mut failed: impl FnMut(&Path, &str, io::Error) -> Result<(), E>) -> Result<(), E> {
        let mut written = self.files.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written >= self.version {
            return Ok(());
        }
        // Also when it fails: what an older one still says may be of a topic that this one has forgotten.
        *written = self.version;
        self.files.behind.store(true, Ordering::Relaxed);
        let mut complete = true;
        for (name, offsets) in &self.kinds {
            if let Err(error) = checkpoint::write(&self.files.root, name, offsets) {
                complete = false;
                failed(&self.files.root, name, error)?;
            }
        }
        self.files.behind.store(!complete, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(topic: &str, log_start: i64) -> LeftLog {
        let end = Offset(500);
        LeftLog {
            partition: (topic.to_owned(), PartitionIndex(0)),
            durable_end: end,
            log_start: Offset(log_start),
            high_watermark: end,
            first_dirty: Some(Offset(7)),
        }
    }

    #[test]
    fn what_is_written_late_does_not_bring_back_what_was_forgotten() {
        let root = std::env::temp_dir().join(format!("millpond-remembered-{}", std::process::id()));
        // It may be left over from a run before.
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir(&root).unwrap();
        let mut remembered = Remembered::read(&root).unwrap();
        let late = remembered.note([log("gone", 300), log("stays", 0)]).unwrap();
        remembered.forget("gone").unwrap().write().unwrap();
        late.write().unwrap();
        let read = Remembered::read(&root).unwrap();
        assert_eq!(read.of("gone", PartitionIndex(0)), Marks::default());
        let marks =
            Marks { recovery_point: Some(Offset(500)), log_start: None, high_watermark: Some(Offset(500)), first_dirty: Some(Offset(7)) };
        assert_eq!(read.of("stays", PartitionIndex(0)), marks);
        assert!(remembered.forget("gone").is_none());
        assert!(remembered.note([log("stays", 0)]).is_none());
        std::fs::remove_dir_all(&root).unwrap();
        assert!(remembered.note([log("stays", 1)]).unwrap().write().is_err());
        assert!(remembered.note([log("stays", 1)]).is_some(), "what could not be written is tried again");
    }
}
