//! A disk whose live bytes and names are kept apart from those that would survive a loss of power.
//!
//! Bytes become durable when their file is synced, names when their directory is. What is not synced is lost, kept, torn, or kept
//! sector by sector in any combination; names follow their journal up to some place, or each change makes it or not on its own.
//! A sync that fails may leave bytes in the cache for good, taken for written: only what is written again is written by a later sync.
//! A rename is one change: it makes it or not, as every journaling file system has it.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use millpond_core::record::batch::Batch;
use millpond_core::record::marker::{EndMarker, Outcome};
use millpond_core::store::file_name::{FileKind, FileName, FileState};
use millpond_core::store::segment_store::SegmentStore;

use crate::random::Random;

use super::Sabotage;

/// The bytes that reach the disk together or not at all.
const SECTOR_SIZE: usize = 512;

/// The directory of the checkpoints and of all other directories.
pub(crate) const ROOT: usize = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskError {
    Full,
    Failed,
    Missing,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "no space left on device",
            Self::Failed => "input/output error",
            Self::Missing => "no such file or directory",
        })
    }
}

impl core::error::Error for DiskError {}

impl embedded_io::Error for DiskError {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self {
            Self::Full => embedded_io::ErrorKind::OutOfMemory,
            Self::Failed => embedded_io::ErrorKind::Other,
            Self::Missing => embedded_io::ErrorKind::NotFound,
        }
    }
}

#[derive(Clone, Debug, Default)]
struct File {
    live: Vec<u8>,
    synced: Vec<u8>,
    /// The sectors that the next sync writes.
    dirty: BTreeSet<usize>,
    /// Whether the size is to be written.
    resized: bool,
}

impl File {
    fn is_dirty(&self) -> bool {
        self.resized || !self.dirty.is_empty()
    }

    /// What the disk holds once everything that is dirty is written.
    fn written(&self) -> Vec<u8> {
        let mut written = self.synced.clone();
        if self.resized {
            written.resize(self.live.len(), 0);
        }
        for sector in &self.dirty {
            let range = sector * SECTOR_SIZE..written.len().min((sector + 1) * SECTOR_SIZE);
            if let (Some(place), Some(bytes)) = (written.get_mut(range.clone()), self.live.get(range)) {
                place.copy_from_slice(bytes);
            }
        }
        written
    }

    fn settle(&mut self) {
        self.synced = self.written();
        self.forget();
    }

    fn forget(&mut self) {
        self.dirty.clear();
        self.resized = false;
    }
}

/// A change of names that is not durable yet.
#[derive(Clone, Debug)]
enum Change {
    Put(String, usize),
    Rename(String, String),
    Remove(String),
}

/// Names and what they stand for: files, and in the root directories too.
#[derive(Clone, Debug, Default)]
struct Names {
    live: BTreeMap<String, usize>,
    synced: BTreeMap<String, usize>,
    pending: Vec<Change>,
}

fn apply(names: &mut BTreeMap<String, usize>, change: &Change) {
    match change {
        Change::Put(name, node) => drop(names.insert(name.clone(), *node)),
        Change::Rename(from, to) => {
            if let Some(node) = names.remove(from) {
                names.insert(to.clone(), node);
            }
        }
        Change::Remove(name) => drop(names.remove(name)),
    }
}

impl Names {
    fn change(&mut self, change: Change) {
        apply(&mut self.live, &change);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        self.synced.clone_from(&self.live);
        self.pending.clear();
    }
}

/// The media, and what is wrong with them at the moment.
#[derive(Debug, Default)]
pub(crate) struct Media {
    files: Vec<File>,
    /// By number; the root is the first.
    directories: Vec<Names>,
    /// How many more bytes fit; `None` without limit.
    pub(crate) room: Option<u64>,
    /// So many of the next syncs fail.
    pub(crate) failing_syncs: u32,
    /// So many of the next writes fail half-way.
    pub(crate) failing_writes: u32,
    /// The disk says that it has synced, and has not.
    pub(crate) lies: bool,
    /// It says so of names alone, for as long as this is set.
    pub(crate) lies_of_names: bool,
}

pub(crate) type Disk = Rc<RefCell<Media>>;

impl Media {
    pub(crate) fn new() -> Self {
        Self { directories: vec![Names::default()], ..Self::default() }
    }

    pub(crate) fn directory(&self, name: &str) -> Option<usize> {
        self.directories.get(ROOT)?.live.get(&format!("{name}/")).copied()
    }

    pub(crate) fn directory_names(&self) -> Vec<String> {
        let root = self.directories.get(ROOT).into_iter().flat_map(|root| root.live.keys());
        root.filter_map(|name| name.strip_suffix('/').map(str::to_owned)).collect()
    }

    pub(crate) fn create_directory(&mut self, name: &str) -> usize {
        let number = self.directories.len();
        self.directories.push(Names::default());
        self.change(ROOT, Change::Put(format!("{name}/"), number));
        number
    }

    pub(crate) fn rename_directory(&mut self, from: &str, to: &str) {
        self.change(ROOT, Change::Rename(format!("{from}/"), format!("{to}/")));
    }

    pub(crate) fn remove_directory(&mut self, name: &str) {
        if let Some(number) = self.directory(name) {
            for file in self.names(number) {
                self.remove(number, &file);
            }
        }
        self.change(ROOT, Change::Remove(format!("{name}/")));
    }

    fn change(&mut self, directory: usize, change: Change) {
        if let Some(names) = self.directories.get_mut(directory) {
            names.change(change);
        }
    }

    pub(crate) fn names(&self, directory: usize) -> Vec<String> {
        self.directories.get(directory).map(|names| names.live.keys().cloned().collect()).unwrap_or_default()
    }

    pub(crate) fn find(&self, directory: usize, name: &str) -> Option<usize> {
        self.directories.get(directory)?.live.get(name).copied()
    }

    pub(crate) fn remove(&mut self, directory: usize, name: &str) {
        if self.find(directory, name).is_some() {
            self.change(directory, Change::Remove(name.to_owned()));
        }
    }

    pub(crate) fn rename(&mut self, directory: usize, from: &str, to: &str) -> Result<(), DiskError> {
        self.find(directory, from).ok_or(DiskError::Missing)?;
        self.change(directory, Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    pub(crate) fn open(&mut self, directory: usize, name: &str) -> usize {
        if let Some(file) = self.find(directory, name) {
            return file;
        }
        self.files.push(File::default());
        self.change(directory, Change::Put(name.to_owned(), self.files.len() - 1));
        self.files.len() - 1
    }

    pub(crate) fn bytes(&self, file: usize) -> &[u8] {
        self.files.get(file).map_or(&[], |file| &file.live)
    }

    pub(crate) fn write(&mut self, file: usize, position: usize, bytes: &[u8]) -> Result<(), DiskError> {
        let Some(target) = self.files.get_mut(file) else { return Err(DiskError::Missing) };
        let mut fits = bytes.len();
        let growth = (position + bytes.len()).saturating_sub(target.live.len());
        let mut error = None;
        if let Some(room) = &mut self.room {
            let short = growth.saturating_sub(usize::try_from(*room).unwrap_or(usize::MAX));
            if short > 0 {
                error = Some(DiskError::Full);
                fits -= short.min(fits);
            }
            *room = room.saturating_sub(u64::try_from(growth - short).unwrap_or(0));
        }
        if error.is_none() && self.failing_writes > 0 {
            self.failing_writes -= 1;
            error = Some(DiskError::Failed);
            fits /= 2;
        }
        if fits > 0 {
            if target.live.len() < position + fits {
                // The sector that was the last is written whole.
                target.dirty.insert(target.live.len() / SECTOR_SIZE);
                target.live.resize(position + fits, 0);
                target.resized = true;
            }
            if let (Some(place), Some(bytes)) = (target.live.get_mut(position..position + fits), bytes.get(..fits)) {
                place.copy_from_slice(bytes);
            }
            target.dirty.extend(position / SECTOR_SIZE..(position + fits).div_ceil(SECTOR_SIZE));
        }
        error.map_or(Ok(()), Err)
    }

    pub(crate) fn truncate(&mut self, file: usize, size: usize) {
        if let Some(file) = self.files.get_mut(file)
            && file.live.len() > size
        {
            if let Some(room) = &mut self.room {
                *room += u64::try_from(file.live.len() - size).unwrap_or(0);
            }
            file.live.truncate(size);
            file.resized = true;
        }
    }

    fn may_sync(&mut self) -> Result<(), DiskError> {
        if self.failing_syncs > 0 {
            self.failing_syncs -= 1;
            return Err(DiskError::Failed);
        }
        Ok(())
    }

    pub(crate) fn sync(&mut self, file: usize) -> Result<(), DiskError> {
        let may = self.may_sync();
        if let Some(file) = self.files.get_mut(file).filter(|file| file.is_dirty() && !self.lies) {
            match may {
                Ok(()) => file.settle(),
                // The size was in the journal. Of the rest nobody speaks any more.
                Err(_) => {
                    file.dirty.clear();
                    file.settle();
                }
            }
        }
        may
    }

    pub(crate) fn sync_names(&mut self, directory: usize) -> Result<(), DiskError> {
        self.may_sync()?;
        let lies = self.lies || self.lies_of_names;
        if let Some(names) = self.directories.get_mut(directory).filter(|_| !lies) {
            names.sync();
        }
        Ok(())
    }

    /// Loses power.
    pub(crate) fn crash(&mut self, random: &mut Random) {
        for file in &mut self.files {
            file.live = if file.is_dirty() { survivors(file, random) } else { file.synced.clone() };
            file.synced.clone_from(&file.live);
            file.forget();
        }
        let in_order = random.once_in(2);
        for names in &mut self.directories {
            let kept = random.below(names.pending.len() + 1);
            for (number, change) in names.pending.iter().enumerate() {
                if if in_order { number < kept } else { random.once_in(2) } {
                    apply(&mut names.synced, change);
                }
            }
            names.live.clone_from(&names.synced);
            names.pending.clear();
        }
    }
}

/// What is left of a file that was not synced.
fn survivors(file: &File, random: &mut Random) -> Vec<u8> {
    let written = file.written();
    let least = file.synced.len().min(written.len());
    match random.below(4) {
        0 => file.synced.clone(),
        1 => written,
        // Torn behind some byte, or behind some sector.
        2 => {
            let mut end = least + random.below(written.len() - least + 1);
            if random.once_in(2) {
                end = (end - end % SECTOR_SIZE).max(least);
            }
            written.get(..end).unwrap_or_default().to_vec()
        }
        // Each sector as it is or as it was; the size came first.
        _ => {
            let mut left = Vec::with_capacity(written.len());
            for sector in written.chunks(SECTOR_SIZE) {
                let from = left.len();
                let old = file.synced.get(from..).unwrap_or_default();
                if random.once_in(2) {
                    left.extend_from_slice(sector);
                } else {
                    left.extend_from_slice(old.get(..sector.len().min(old.len())).unwrap_or_default());
                    left.resize(from + sector.len(), 0);
                }
            }
            left
        }
    }
}

/// An open file: its bytes stay, whatever becomes of its name.
#[derive(Clone, Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: usize,
    /// The directory that had its name, by the name that it had itself.
    pub(crate) directory: String,
    is_new: Rc<Cell<bool>>,
}

impl OpenFile {
    /// Makes the names in its directory survive a loss of power, and that one's own, as `PartitionDir` does.
    pub(crate) fn sync_names(&self, media: &mut Media) -> Result<(), DiskError> {
        let directory = media.directory(&self.directory).ok_or(DiskError::Missing)?;
        sync_directory(media, directory, &self.is_new)
    }
}

fn sync_directory(media: &mut Media, directory: usize, is_new: &Cell<bool>) -> Result<(), DiskError> {
    if !is_new.get() {
        return media.sync_names(directory);
    }
    if let Some(file) = media.find(directory, &FileName::METADATA.to_string()) {
        media.sync(file)?;
    }
    media.sync_names(directory)?;
    media.sync_names(ROOT)?;
    is_new.set(false);
    Ok(())
}

/// The files of one partition, as `PartitionFiles` of the broker has them.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) disk: Disk,
    pub(crate) directory: String,
    /// What goes into `partition.metadata`.
    pub(crate) identity: String,
    /// Whether neither the name of the directory nor its identity would survive a loss of power yet.
    pub(crate) is_new: Rc<Cell<bool>>,
    /// Whether it is a second one, of a compaction.
    pub(crate) beside: Option<Beside>,
}

/// What a compaction does with its files, and is kept from doing.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) sabotage: Option<Sabotage>,
    /// Whether it has begun to write: what it reads from then on goes into the new segments.
    pub(crate) has_learnt: bool,
}

impl Store {
    fn sabotaged(&self, by: Sabotage) -> bool {
        self.beside.as_ref().is_some_and(|beside| beside.sabotage == Some(by))
    }

    fn find(&self, file: FileName) -> Option<usize> {
        let media = self.disk.borrow();
        media.find(media.directory(&self.directory)?, &file.to_string())
    }

    fn create(&self, file: FileName) -> Result<usize, DiskError> {
        let mut media = self.disk.borrow_mut();
        let directory = media.directory(&self.directory);
        if self.beside.is_some() {
            return Ok(media.open(directory.ok_or(DiskError::Missing)?, &file.to_string()));
        }
        let directory = self.make(&mut media)?;
        Ok(media.open(directory, &file.to_string()))
    }

    /// Makes the directory with its identity in it, as `PartitionDir::make` does.
    fn make(&self, media: &mut Media) -> Result<usize, DiskError> {
        let directory = media.directory(&self.directory).unwrap_or_else(|| media.create_directory(&self.directory));
        let identity = FileName::METADATA.to_string();
        if media.find(directory, &identity).is_none() {
            self.is_new.set(true);
            let temporary = FileName::METADATA.in_state(FileState::Temporary).to_string();
            let file = media.open(directory, &temporary);
            media.truncate(file, 0);
            media.write(file, 0, self.identity.as_bytes())?;
            media.rename(directory, &temporary, &identity)?;
        }
        Ok(directory)
    }

    /// Gives the directory its identity again, as `PartitionDir::renew` does.
    pub(crate) fn renew(&self) -> Result<(), DiskError> {
        let mut media = self.disk.borrow_mut();
        if let Some(directory) = media.directory(&self.directory) {
            media.remove(directory, &FileName::METADATA.to_string());
        }
        let directory = self.make(&mut media)?;
        sync_directory(&mut media, directory, &self.is_new)
    }
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

impl SegmentStore for Store {
    type Error = DiskError;
    type Handle = OpenFile;

    fn list(&mut self, each: &mut dyn FnMut(FileName)) -> Result<(), DiskError> {
        let names = {
            let media = self.disk.borrow();
            media.directory(&self.directory).map(|directory| media.names(directory)).unwrap_or_default()
        };
        names.iter().filter_map(|name| FileName::parse(name)).for_each(each);
        Ok(())
    }

    fn size(&mut self, file: FileName) -> Result<Option<u64>, DiskError> {
        Ok(self.find(file).and_then(|file| u64::try_from(self.disk.borrow().bytes(file).len()).ok()))
    }

    fn read_at(&mut self, file: FileName, position: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let kind = file.kind;
        let Some(file) = self.find(file) else { return Ok(0) };
        let media = self.disk.borrow();
        let bytes = media.bytes(file).get(size(position)..).unwrap_or_default();
        let count = bytes.len().min(into.len());
        if let (Some(into), Some(bytes)) = (into.get_mut(..count), bytes.get(..count)) {
            into.copy_from_slice(bytes);
            let learns = self.beside.as_ref().is_some_and(|beside| !beside.has_learnt);
            if self.sabotaged(Sabotage::LearnsWrongKeys) && learns && kind == FileKind::Log {
                give_next_keys(into);
            }
            if self.sabotaged(Sabotage::OverlooksAborts) && kind == FileKind::TxnIndex {
                give_to_nobody(position, into);
            }
        }
        Ok(count)
    }

    fn write_at(&mut self, file: FileName, position: u64, parts: &[&[u8]]) -> Result<(), DiskError> {
        let file = match self.find(file) {
            Some(file) => file,
            None => self.create(file)?,
        };
        let mut bytes = parts.concat();
        if self.sabotaged(Sabotage::LosesAbortMarkers) {
            unmark(&mut bytes);
        }
        self.disk.borrow_mut().write(file, size(position), &bytes)
    }

    fn truncate(&mut self, file: FileName, to: u64) -> Result<(), DiskError> {
        if let Some(file) = self.find(file) {
            self.disk.borrow_mut().truncate(file, size(to));
        }
        Ok(())
    }

    fn rename(&mut self, from: FileName, to: FileName) -> Result<(), DiskError> {
        let mut media = self.disk.borrow_mut();
        let directory = media.directory(&self.directory).ok_or(DiskError::Missing)?;
        media.rename(directory, &from.to_string(), &to.to_string())
    }

    fn delete(&mut self, file: FileName) -> Result<(), DiskError> {
        if let Some(beside) = &mut self.beside {
            beside.has_learnt = true;
        }
        let mut media = self.disk.borrow_mut();
        if let Some(directory) = media.directory(&self.directory) {
            media.remove(directory, &file.to_string());
        }
        Ok(())
    }

    fn sync(&mut self, file: FileName) -> Result<(), DiskError> {
        let Some(file) = self.find(file).filter(|_| !self.sabotaged(Sabotage::SwapsUnsyncedFiles)) else { return Ok(()) };
        self.disk.borrow_mut().sync(file)
    }

    fn sync_names(&mut self) -> Result<(), DiskError> {
        let mut media = self.disk.borrow_mut();
        let Some(directory) = media.directory(&self.directory) else { return Ok(()) };
        sync_directory(&mut media, directory, &self.is_new)
    }

    fn handle(&mut self, file: FileName) -> Result<OpenFile, DiskError> {
        let file = self.find(file).ok_or(DiskError::Missing)?;
        Ok(OpenFile { file, directory: self.directory.clone(), is_new: Rc::clone(&self.is_new) })
    }

    fn is_full(error: &DiskError) -> bool {
        *error == DiskError::Full
    }
}

/// Changes a batch, and makes it look sound again. Source: record batch v2.
pub(crate) fn forge(batch: &mut [u8], change: impl FnOnce(&mut [u8])) {
    change(batch);
    let crc = millpond_core::crc::crc32c(batch.get(21..).unwrap_or_default());
    if let Some(place) = batch.get_mut(17..21) {
        place.copy_from_slice(&crc.to_be_bytes());
    }
}

/// Changes one byte of the key of records in whole batches: `change` says which and to what, given the key, and what the record says if it
/// ends a transaction.
fn forge_keys(bytes: &mut [u8], change: impl Fn(&[u8], Option<EndMarker>) -> Option<(usize, u8)>) {
    let mut at = 0;
    while let Ok((batch, _)) = Batch::split_first(bytes.get(at..).unwrap_or_default()) {
        let start = batch.bytes().as_ptr() as usize;
        let is_control = batch.header().is_control();
        let records = batch.records().into_iter().flatten().flatten();
        let changes: Vec<_> = records
            .filter_map(|record| {
                let key = record.key?;
                let marker = EndMarker::read(&record).filter(|_| is_control);
                let (place, byte) = change(key, marker)?;
                Some((key.as_ptr() as usize - start + place, byte))
            })
            .collect();
        let size = batch.bytes().len();
        if let Some(batch) = bytes.get_mut(at..at + size).filter(|_| !changes.is_empty()) {
            forge(batch, |batch| {
                for (at, byte) in changes {
                    batch.get_mut(at..).and_then(<[u8]>::first_mut).into_iter().for_each(|place| *place = byte);
                }
            });
        }
        at += size;
    }
}

/// Each record seems to have the key that comes after its own.
fn give_next_keys(bytes: &mut [u8]) {
    forge_keys(bytes, |key, marker| Some((0, key.first()?.wrapping_add(1))).filter(|_| marker.is_none() && key.len() == 1));
}

/// Markers of aborted transactions seem to be something else.
fn unmark(bytes: &mut [u8]) {
    forge_keys(bytes, |_, marker| (marker?.outcome == Outcome::Abort).then_some((2, 0x7f)));
}

/// Aborted transactions seem to be of a producer that nobody knows. Source: `TransactionIndex`, 34 bytes an entry.
fn give_to_nobody(position: u64, bytes: &mut [u8]) {
    for (at, byte) in (position..).zip(bytes) {
        if (2..10).contains(&(at % 34)) {
            *byte = 0x7f;
        }
    }
}
