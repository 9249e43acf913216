//! The lock of a data directory: one broker at a time, be it ours or Apache Kafka, and nobody who repairs beside it.
//!
//! Two kinds of lock are taken on one file. Kafka's is that of Java, which belongs to a process (`fcntl`), and a process loses it with the
//! first descriptor of the file that it closes. So whoever is refused here must not have opened the file: who holds it in this process is
//! remembered. The other kind belongs to an open file (`flock`): it is for those who look at a directory together in one process, where the
//! first to leave takes Java's kind along.
//! Source: `FileLock`.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// The file that is locked.
pub const LOCK: &str = ".lock";

/// The files that are locked by this process for itself alone: device and number.
static HELD: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());

/// A lock, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    /// The file, if nobody else may have it.
    held: Option<(u64, u64)>,
}

/// Why there is no lock to be had.
#[derive(Debug)]
pub enum NoLock {
    /// Somebody else has it.
    Held,
    /// The system refuses.
    Io(io::Error),
}

impl Lock {
    /// Takes the lock of a directory for oneself alone, and makes its file if there is none.
    ///
    /// # Errors
    /// What [`NoLock`] names.
    pub fn alone(root: &Path) -> Result<Self, NoLock> {
        let path = root.join(LOCK);
        let mut all = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        not_held(&all, &path)?;
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(NoLock::Io)?;
        checked(file.try_lock())?;
        lock_as_java_does(&file, FlockOperation::NonBlockingLockExclusive)?;
        let id = id_of(&file.metadata().map_err(NoLock::Io)?);
        all.push(id);
        Ok(Self { _file: file, held: Some(id) })
    }

    /// Keeps brokers from a directory without changing it: others may look at it too. `None` where there is no file to lock: no broker
    /// runs there.
    ///
    /// # Errors
    /// What [`NoLock`] names.
    pub fn shared(root: &Path) -> Result<Option<Self>, NoLock> {
        let path = root.join(LOCK);
        let all = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        not_held(&all, &path)?;
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(NoLock::Io)?,
        };
        checked(file.try_lock_shared())?;
        lock_as_java_does(&file, FlockOperation::NonBlockingLockShared)?;
        Ok(Some(Self { _file: file, held: None }))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut all = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        // The file is closed a moment later: whoever comes between is refused by the other kind, and there is nothing left to lose.
        all.retain(|id| Some(*id) != self.held);
    }
}

/// Refuses who would open a file that this process has locked.
fn not_held(all: &[(u64, u64)], path: &Path) -> Result<(), NoLock> {
    match std::fs::metadata(path) {
        Ok(metadata) if all.contains(&id_of(&metadata)) => Err(NoLock::Held),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(NoLock::Io(error)),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn id_of(metadata: &std::fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn checked(locked: Result<(), TryLockError>) -> Result<(), NoLock> {
    locked.map_err(|error| match error {
        TryLockError::WouldBlock => NoLock::Held,
        TryLockError::Error(error) => NoLock::Io(error),
    })
}

fn lock_as_java_does(file: &File, how: FlockOperation) -> Result<(), NoLock> {
    rustix::fs::fcntl_lock(file, how).map_err(|error| match error {
        Errno::AGAIN | Errno::ACCESS => NoLock::Held,
        error => NoLock::Io(error.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_for_one_alone_or_for_several_who_look() {
        let root = std::env::temp_dir().join(format!("millpond-lock-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(&root).unwrap();
        assert!(matches!(Lock::shared(&root), Ok(None)));
        let alone = Lock::alone(&root).unwrap();
        assert!(matches!(Lock::alone(&root), Err(NoLock::Held)));
        assert!(matches!(Lock::shared(&root), Err(NoLock::Held)));
        drop(alone);
        let looks = [Lock::shared(&root).unwrap(), Lock::shared(&root).unwrap()];
        assert!(matches!(Lock::alone(&root), Err(NoLock::Held)));
        drop(looks);
        drop(Lock::alone(&root).unwrap());
        std::fs::remove_dir_all(&root).unwrap();
    }
}
