//! What a log asks of a disk.

use core::fmt;

use super::file_name::FileName;

/// The files of one partition.
///
/// One instance serves one directory, from one place at a time. Nothing here knows what the files hold.
/// An implementation need not keep anything in memory for files nobody has asked for.
pub trait SegmentStore {
    /// What can go wrong. Its kind is for messages; whether the disk is full is asked with [`SegmentStore::is_full`].
    type Error: embedded_io::Error;
    /// Keeps the bytes of a file readable, even after the file is deleted, for as long as a clone of the handle lives.
    type Handle: Clone + fmt::Debug;

    /// Names every file of the partition, in any order. A directory that does not exist has none.
    ///
    /// # Errors
    /// When the names cannot be read.
    fn list(&mut self, each: &mut dyn FnMut(FileName)) -> Result<(), Self::Error>;

    /// The size of a file in bytes; `None` when it does not exist.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn size(&mut self, file: FileName) -> Result<Option<u64>, Self::Error>;

    /// Reads from `position` until `into` is full or the file ends; answers how many bytes that were. A missing file is an empty one.
    ///
    /// # Errors
    /// When bytes that are there cannot be read.
    fn read_at(&mut self, file: FileName, position: u64, into: &mut [u8]) -> Result<usize, Self::Error>;

    /// Writes all `parts` behind one another at `position`, in one call to the system where it can. Creates a file that is missing.
    ///
    /// # Errors
    /// When not all was written; a part of it may have been.
    fn write_at(&mut self, file: FileName, position: u64, parts: &[&[u8]]) -> Result<(), Self::Error>;

    /// Shortens a file to `size` bytes. A file that is missing or no longer than that is left alone.
    ///
    /// # Errors
    /// When it could not be shortened.
    fn truncate(&mut self, file: FileName, size: u64) -> Result<(), Self::Error>;

    /// Gives a file another name, in place of the file that had it.
    ///
    /// # Errors
    /// When it could not be renamed.
    fn rename(&mut self, from: FileName, to: FileName) -> Result<(), Self::Error>;

    /// Deletes a file; one that is missing is deleted already.
    ///
    /// # Errors
    /// When it could not be deleted.
    fn delete(&mut self, file: FileName) -> Result<(), Self::Error>;

    /// Makes the bytes of a file survive a loss of power. A missing file has none.
    ///
    /// # Errors
    /// When that is not certain: then no byte written since the last success may be counted on.
    fn sync(&mut self, file: FileName) -> Result<(), Self::Error>;

    /// Makes the names survive a loss of power: files created, renamed, deleted.
    ///
    /// # Errors
    /// When that is not certain.
    fn sync_names(&mut self) -> Result<(), Self::Error>;

    /// A handle through which the bytes of a file can be read or synced elsewhere.
    ///
    /// # Errors
    /// When the file does not exist or cannot be opened.
    fn handle(&mut self, file: FileName) -> Result<Self::Handle, Self::Error>;

    /// Whether this error says that the disk is full: a state that passes, other than a disk that is broken.
    fn is_full(error: &Self::Error) -> bool;
}
