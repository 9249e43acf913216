//! The store of a log, with every failure told in words: what was asked, of which file.

use core::fmt;

use crate::store::file_name::FileName;
use crate::store::segment_store::SegmentStore;

use super::error::{Doing, StoreError};

/// A store whose errors say what was asked.
#[derive(Debug)]
pub(super) struct Disk<S> {
    pub(super) store: S,
}

/// What an operation on the disk answers.
pub(super) type DiskResult<S, T> = Result<T, StoreError<<S as SegmentStore>::Error>>;

impl<S: SegmentStore> Disk<S> {
    fn told<T>(doing: Doing, file: Option<FileName>, result: Result<T, S::Error>) -> DiskResult<S, T> {
        result.map_err(|error| StoreError { doing, file, is_full: S::is_full(&error), error })
    }

    pub(super) fn list(&mut self, each: &mut dyn FnMut(FileName)) -> DiskResult<S, ()> {
        Self::told(Doing::List, None, self.store.list(each))
    }

    pub(super) fn size(&mut self, file: FileName) -> DiskResult<S, Option<u64>> {
        Self::told(Doing::Size, Some(file), self.store.size(file))
    }

    /// Answers what was read: less than asked only at the end of the file.
    pub(super) fn read<'b>(&mut self, file: FileName, position: u64, into: &'b mut [u8]) -> DiskResult<S, &'b [u8]> {
        let count = Self::told(Doing::Read, Some(file), self.store.read_at(file, position, into))?;
        Ok(into.get(..count).unwrap_or_default())
    }

    pub(super) fn write(&mut self, file: FileName, position: u64, parts: &[&[u8]]) -> DiskResult<S, ()> {
        Self::told(Doing::Write, Some(file), self.store.write_at(file, position, parts))
    }

    pub(super) fn truncate(&mut self, file: FileName, size: u64) -> DiskResult<S, ()> {
        Self::told(Doing::Truncate, Some(file), self.store.truncate(file, size))
    }

    pub(super) fn rename(&mut self, from: FileName, to: FileName) -> DiskResult<S, ()> {
        Self::told(Doing::Rename, Some(from), self.store.rename(from, to))
    }

    pub(super) fn delete(&mut self, file: FileName) -> DiskResult<S, ()> {
        Self::told(Doing::Delete, Some(file), self.store.delete(file))
    }

    pub(super) fn sync(&mut self, file: FileName) -> DiskResult<S, ()> {
        Self::told(Doing::Sync, Some(file), self.store.sync(file))
    }

    pub(super) fn sync_names(&mut self) -> DiskResult<S, ()> {
        Self::told(Doing::SyncNames, None, self.store.sync_names())
    }

    pub(super) fn handle(&mut self, file: FileName) -> DiskResult<S, S::Handle> {
        Self::told(Doing::Handle, Some(file), self.store.handle(file))
    }
}

/// Writes a file from its start through a small buffer.
#[derive(Debug)]
pub(super) struct Outflow<'d, S: SegmentStore> {
    disk: &'d mut Disk<S>,
    file: FileName,
    position: u64,
    buffer: heapless::Vec<u8, 256>,
    failed: Option<StoreError<S::Error>>,
}

impl<'d, S: SegmentStore> Outflow<'d, S> {
    /// Begins the file anew, in place of what it held.
    pub(super) fn new(disk: &'d mut Disk<S>, file: FileName) -> DiskResult<S, Self> {
        disk.truncate(file, 0)?;
        Ok(Self { disk, file, position: 0, buffer: heapless::Vec::new(), failed: None })
    }

    pub(super) fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.buffer.capacity() - self.buffer.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            // It fits: `now` is no longer than the room.
            let fits = self.buffer.extend_from_slice(now);
            debug_assert!(fits.is_ok(), "no more than the room is taken");
            bytes = later;
            if self.buffer.is_full() {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        if self.failed.is_none() {
            self.failed = self.disk.write(self.file, self.position, &[&self.buffer]).err();
        }
        self.position += u64::try_from(self.buffer.len()).unwrap_or(0);
        self.buffer.clear();
    }

    /// Writes what is left. An empty file comes into being too.
    pub(super) fn finish(mut self) -> DiskResult<S, ()> {
        self.flush();
        self.failed.map_or(Ok(()), Err)
    }
}

impl<S: SegmentStore> fmt::Write for Outflow<'_, S> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

/// Reads a file from its start through a small buffer.
#[derive(Debug)]
pub(super) struct Inflow<'d, S> {
    disk: &'d mut Disk<S>,
    file: FileName,
    position: u64,
    buffer: [u8; 256],
    at: usize,
    held: usize,
}

impl<'d, S: SegmentStore> Inflow<'d, S> {
    pub(super) fn new(disk: &'d mut Disk<S>, file: FileName) -> Self {
        Self { disk, file, position: 0, buffer: [0; 256], at: 0, held: 0 }
    }

    /// The next byte; `None` at the end.
    pub(super) fn byte(&mut self) -> DiskResult<S, Option<u8>> {
        if self.at >= self.held {
            self.held = self.disk.read(self.file, self.position, &mut self.buffer)?.len();
            self.position += u64::try_from(self.held).unwrap_or(0);
            self.at = 0;
        }
        if self.at >= self.held {
            return Ok(None);
        }
        self.at += 1;
        Ok(self.buffer.get(self.at - 1).copied())
    }

    /// The next `N` bytes; `None` when fewer are left.
    pub(super) fn array<const N: usize>(&mut self) -> DiskResult<S, Option<[u8; N]>> {
        let mut bytes = [0; N];
        for place in &mut bytes {
            match self.byte()? {
                Some(byte) => *place = byte,
                None => return Ok(None),
            }
        }
        Ok(Some(bytes))
    }
}
