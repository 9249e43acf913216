//! A partition's files, as core's `SegmentStore`.
//!
//! Files are opened when they are first needed, and a bounded number of them is kept open for all partitions together, so that ten
//! thousand idle partitions cost their names only. An open file stays readable for whoever holds it, even after it is deleted.

use core::fmt;
use core::num::NonZeroUsize;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use lru::LruCache;
use millpond_core::store::file_name::FileName;
use millpond_core::store::segment_store::SegmentStore;

use super::later::Later;
use super::partition_dir::PartitionDir;

/// What a disk says when it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskError {
    kind: io::ErrorKind,
    code: Option<i32>,
}

impl From<io::Error> for DiskError {
    fn from(error: io::Error) -> Self {
        Self { kind: error.kind(), code: error.raw_os_error() }
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => io::Error::from_raw_os_error(code).fmt(f),
            None => self.kind.fmt(f),
        }
    }
}

impl core::error::Error for DiskError {}

impl embedded_io::Error for DiskError {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self.kind {
            io::ErrorKind::NotFound => embedded_io::ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied => embedded_io::ErrorKind::PermissionDenied,
            io::ErrorKind::AlreadyExists => embedded_io::ErrorKind::AlreadyExists,
            io::ErrorKind::InvalidInput => embedded_io::ErrorKind::InvalidInput,
            io::ErrorKind::InvalidData => embedded_io::ErrorKind::InvalidData,
            io::ErrorKind::TimedOut => embedded_io::ErrorKind::TimedOut,
            io::ErrorKind::Interrupted => embedded_io::ErrorKind::Interrupted,
            io::ErrorKind::Unsupported => embedded_io::ErrorKind::Unsupported,
            io::ErrorKind::OutOfMemory => embedded_io::ErrorKind::OutOfMemory,
            io::ErrorKind::WriteZero => embedded_io::ErrorKind::WriteZero,
            _ => embedded_io::ErrorKind::Other,
        }
    }
}

/// An open file of a partition: its bytes stay readable for as long as a clone of this lives.
#[derive(Clone, Debug)]
pub struct OpenFile {
    file: Arc<File>,
    /// The directory that has its name.
    directory: Arc<PartitionDir>,
}

impl OpenFile {
    /// The file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The directory that has its name.
    #[must_use]
    pub fn directory(&self) -> &PartitionDir {
        &self.directory
    }
}

/// The files that are open, of all partitions together.
#[derive(Debug)]
pub struct OpenFiles {
    cache: Mutex<LruCache<(u64, FileName), OpenFile>>,
    /// Lets go of files that were deleted: the system frees the blocks of a file when the last who has it open closes it, which takes
    /// milliseconds of a large one, and whoever deletes may hold up others meanwhile.
    later: Later,
}

impl OpenFiles {
    /// Keeps up to `files_max` files open.
    #[must_use]
    pub fn new(files_max: NonZeroUsize) -> Self {
        // Made without a bound, then given one: so the cache allocates as it fills, not at once.
        let mut cache = LruCache::unbounded();
        cache.resize(files_max);
        Self { cache: Mutex::new(cache), later: Later::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut LruCache<(u64, FileName), OpenFile>) -> T) -> T {
        act(&mut self.cache.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The files of one partition.
#[derive(Debug)]
pub struct PartitionFiles {
    /// Which partition, among those that share the open files.
    number: u64,
    directory: Arc<PartitionDir>,
    /// Whether files are opened to be written to.
    writable: bool,
    open: Arc<OpenFiles>,
    /// Whether the directory is created when a file is, if it is not there.
    creates_directory: bool,
    /// The file used last, mostly the active segment, as long as it is among the open ones.
    last: Option<(FileName, Weak<File>)>,
}

/// What to do about a file that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Say,
    Create,
}

impl PartitionFiles {
    /// The files in a directory, which need not exist. `number` tells its open files from those of other partitions.
    #[must_use]
    pub fn new(number: u64, directory: PartitionDir, open: Arc<OpenFiles>) -> Self {
        Self { number, directory: Arc::new(directory), writable: true, open, creates_directory: true, last: None }
    }

    /// The same, for work beside the log that the files are of: a directory that is gone stays gone.
    #[must_use]
    pub const fn beside(mut self) -> Self {
        self.creates_directory = false;
        self
    }

    /// The files in a directory that is there, of a partition that no broker uses. Without `writable` nothing can be changed, and nothing
    /// has to be allowed but reading.
    #[must_use]
    pub fn offline(number: u64, directory: &Path, writable: bool, open: Arc<OpenFiles>) -> Self {
        let directory = Arc::new(PartitionDir::new(directory, None));
        Self { number, directory, writable, open, creates_directory: false, last: None }
    }

    fn path(&self, file: FileName) -> PathBuf {
        self.directory.of(file)
    }

    /// An open file; `None` when it does not exist.
    fn file(&mut self, name: FileName, missing: Missing) -> io::Result<Option<OpenFile>> {
        if let Some((last, file)) = &self.last
            && *last == name
            && let Some(file) = file.upgrade()
        {
            return Ok(Some(OpenFile { file, directory: Arc::clone(&self.directory) }));
        }
        let known = self.open.with(|cache| cache.get(&(self.number, name)).cloned());
        let file = match known {
            Some(file) => file,
            None => match self.open_file(name, missing)? {
                Some(file) => file,
                None => return Ok(None),
            },
        };
        self.last = Some((name, Arc::downgrade(&file.file)));
        Ok(Some(file))
    }

    fn open_file(&self, name: FileName, missing: Missing) -> io::Result<Option<OpenFile>> {
        let path = self.path(name);
        let mut options = OpenOptions::new();
        options.read(true).write(self.writable);
        let opened = match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && missing == Missing::Create => {
                if self.creates_directory {
                    self.directory.make()?;
                }
                options.create(true).truncate(false).open(&path)
            }
            opened => opened,
        };
        match opened {
            Ok(file) => {
                let file = OpenFile { file: Arc::new(file), directory: Arc::clone(&self.directory) };
                self.open.with(|cache| cache.put((self.number, name), file.clone()));
                Ok(Some(file))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn forget(&mut self, name: FileName) {
        self.last = self.last.take().filter(|(last, _)| *last != name);
        self.open.with(|cache| cache.pop(&(self.number, name)));
    }
}

impl Drop for PartitionFiles {
    fn drop(&mut self) {
        let number = self.number;
        self.open.with(|cache| {
            let mine: Vec<(u64, FileName)> = cache.iter().map(|(key, _)| *key).filter(|(of, _)| *of == number).collect();
            for key in mine {
                cache.pop(&key);
            }
        });
    }
}

/// Writes all parts behind one another at a position, in as few calls as the system allows.
fn write_all_vectored_at(file: &File, mut position: u64, parts: &[&[u8]]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    let mut rest = slices.as_mut_slice();
    // Takes empty parts off the front, so that a write of nothing is never mistaken for a full disk.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        let written = match rustix::io::pwritev(file, rest, position) {
            Err(rustix::io::Errno::INTR) => continue,
            written => written?,
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        position += u64::try_from(written).unwrap_or(0);
        IoSlice::advance_slices(&mut rest, written);
    }
    Ok(())
}

impl SegmentStore for PartitionFiles {
    type Error = DiskError;
    type Handle = OpenFile;

    fn list(&mut self, each: &mut dyn FnMut(FileName)) -> Result<(), DiskError> {
        let entries = match std::fs::read_dir(self.directory.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            if let Some(name) = entry?.file_name().to_str().and_then(FileName::parse) {
                each(name);
            }
        }
        Ok(())
    }

    fn size(&mut self, file: FileName) -> Result<Option<u64>, DiskError> {
        match std::fs::metadata(self.path(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            metadata => Ok(Some(metadata?.len())),
        }
    }

    fn read_at(&mut self, file: FileName, position: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let Some(file) = self.file(file, Missing::Say)? else { return Ok(0) };
        Ok(read_full_at(file.file(), position, into)?)
    }

    fn write_at(&mut self, file: FileName, position: u64, parts: &[&[u8]]) -> Result<(), DiskError> {
        let opened = self.file(file, Missing::Create)?;
        let opened = opened.ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        Ok(write_all_vectored_at(opened.file(), position, parts)?)
    }

    fn truncate(&mut self, file: FileName, size: u64) -> Result<(), DiskError> {
        let Some(file) = self.file(file, Missing::Say)? else { return Ok(()) };
        if file.file().metadata()?.len() > size {
            file.file().set_len(size)?;
        }
        Ok(())
    }

    fn rename(&mut self, from: FileName, to: FileName) -> Result<(), DiskError> {
        self.forget(from);
        self.forget(to);
        Ok(std::fs::rename(self.path(from), self.path(to))?)
    }

    fn delete(&mut self, file: FileName) -> Result<(), DiskError> {
        let opened = self.file(file, Missing::Say);
        self.forget(file);
        match std::fs::remove_file(self.path(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => removed?,
        }
        if let Ok(Some(opened)) = opened {
            self.open.later.run(move |_| drop(opened));
        }
        Ok(())
    }

    fn sync(&mut self, file: FileName) -> Result<(), DiskError> {
        let Some(file) = self.file(file, Missing::Say)? else { return Ok(()) };
        Ok(file.file().sync_data()?)
    }

    fn sync_names(&mut self) -> Result<(), DiskError> {
        match self.directory.sync() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            synced => Ok(synced?),
        }
    }

    fn handle(&mut self, file: FileName) -> Result<OpenFile, DiskError> {
        Ok(self.file(file, Missing::Say)?.ok_or(io::Error::from(io::ErrorKind::NotFound))?)
    }

    fn is_full(error: &DiskError) -> bool {
        matches!(error.kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
    }
}

/// Reads from a position until `into` is full or the file ends.
///
/// # Errors
/// When bytes that are there cannot be read.
pub fn read_full_at(file: &File, position: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while let Some(room) = into.get_mut(count..).filter(|room| !room.is_empty()) {
        match file.read_at(room, position + u64::try_from(count).unwrap_or(u64::MAX)) {
            Ok(0) => break,
            Ok(size) => count += size,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}
