//! The directory of a partition, and whose it is.

use core::sync::atomic::{AtomicBool, Ordering};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use millpond_core::ids::TopicId;
use millpond_core::store::file_name::{FileName, FileState};

/// The directory of a partition. It is made when the first file in it is.
#[derive(Debug)]
pub struct PartitionDir {
    path: PathBuf,
    /// Whose it is: what stands in its `partition.metadata`. Nothing for one that nobody makes.
    identity: Option<TopicId>,
    /// Whether its name or its identity might not survive a loss of power yet.
    is_new: AtomicBool,
}

impl PartitionDir {
    /// A directory that need not be there yet; with an identity it is made when it has to be.
    #[must_use]
    pub fn new(path: &Path, identity: Option<TopicId>) -> Self {
        Self { path: path.to_path_buf(), identity, is_new: AtomicBool::new(false) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file in it is.
    #[must_use]
    pub fn of(&self, file: FileName) -> PathBuf {
        self.path.join(file.to_string())
    }

    /// Makes sure that it is there, with its identity in it.
    ///
    /// It does not survive a loss of power before [`PartitionDir::sync`]: nobody is promised anything of its files before their names are
    /// synced, and one without an identity, or with half of one, gets it again.
    /// # Errors
    /// When it cannot be made. The next one who wants it tries again.
    pub fn make(&self) -> io::Result<()> {
        let metadata = self.of(FileName::METADATA);
        let Some(topic_id) = self.identity.filter(|_| !metadata.exists()) else { return Ok(()) };
        std::fs::create_dir_all(&self.path)?;
        self.is_new.store(true, Ordering::Relaxed);
        let temporary = self.of(FileName::METADATA.in_state(FileState::Temporary));
        File::create(&temporary)?.write_all_at(identity_of(topic_id).as_bytes(), 0)?;
        std::fs::rename(&temporary, metadata)
    }

    /// Takes back that its name and its identity survive a loss of power: whoever made it may not have come to that.
    pub fn doubt(&self) {
        self.is_new.store(true, Ordering::Relaxed);
    }

    /// Makes the names in it survive a loss of power, and its own.
    ///
    /// # Errors
    /// When that is not certain.
    pub fn sync(&self) -> io::Result<()> {
        self.sync_inside()?;
        if let Some(parent) = self.unsettled_in() {
            sync_directory(parent)?;
            self.settled();
        }
        Ok(())
    }

    /// Makes the names in it survive; [`PartitionDir::unsettled_in`] says where its own is still to be seen to.
    ///
    /// # Errors
    /// When that is not certain.
    pub fn sync_inside(&self) -> io::Result<()> {
        if self.is_new.load(Ordering::Relaxed) {
            match File::open(self.of(FileName::METADATA)) {
                // A directory that was taken over without one gets it when a file is made in it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => opened?.sync_all()?,
            }
        }
        sync_directory(&self.path)
    }

    /// The directory whose names must be synced, so that this one's survives; `None` when it does.
    #[must_use]
    pub fn unsettled_in(&self) -> Option<&Path> {
        self.path.parent().filter(|_| self.is_new.load(Ordering::Relaxed))
    }

    /// Its name and all that was in it survive.
    pub fn settled(&self) {
        self.is_new.store(false, Ordering::Relaxed);
    }

    /// Gives it its identity again, when that cannot be read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn renew(&self) -> io::Result<()> {
        match std::fs::remove_file(self.of(FileName::METADATA)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed?,
        }
        self.make()?;
        self.sync()
    }
}

/// The topic that a partition's directory belongs to.
pub(crate) fn read_topic_id(directory: &Path) -> Option<TopicId> {
    parse_identity(&std::fs::read_to_string(directory.join("partition.metadata")).ok()?)
}

/// What `partition.metadata` says of a topic's partition. Source: `PartitionMetadataFile`.
#[must_use]
pub fn identity_of(topic_id: TopicId) -> String {
    format!("version: 0\ntopic_id: {topic_id}\n")
}

/// The topic that a `partition.metadata` names.
#[must_use]
pub fn parse_identity(text: &str) -> Option<TopicId> {
    text.lines().find_map(|line| line.strip_prefix("topic_id:")).and_then(|id| TopicId::parse(id.trim()))
}

/// Makes the names in a directory survive a loss of power.
///
/// # Errors
/// When that is not certain.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
