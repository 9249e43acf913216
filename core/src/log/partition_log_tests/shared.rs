//! A store that two can use, that dies when told to, and that loses of names and bytes whatever was not synced.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use core::cell::RefCell;

use super::*;
use crate::store::file_name::FileName;

/// What the disk says once it is dead, or when a name is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Dead,
    Missing(FileName),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
impl core::error::Error for Refusal {}
impl embedded_io::Error for Refusal {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::Other
    }
}

#[derive(Clone, Default)]
struct Inode {
    bytes: Vec<u8>,
    durable: Vec<u8>,
}

/// A change of names that a loss of power may take back.
#[derive(Clone, Copy)]
enum Change {
    Create(FileName, usize),
    Rename(FileName, FileName, usize),
    Delete(FileName),
}

#[derive(Default)]
struct Media {
    inodes: Vec<Inode>,
    names: BTreeMap<FileName, usize>,
    durable_names: BTreeMap<FileName, usize>,
    changes: Vec<Change>,
    /// How many changes of the disk there were.
    count: u64,
    /// At which of them it dies.
    dies_at: Option<u64>,
}

/// A disk; its clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Shared(Rc<RefCell<Media>>);

pub(super) type SharedLog = PartitionLog<'static, Shared>;

impl Shared {
    pub(super) fn changes(&self) -> u64 {
        self.0.borrow().count
    }

    pub(super) fn die_at(&self, count: Option<u64>) {
        self.0.borrow_mut().dies_at = count;
    }

    /// A copy of everything, which goes its own way.
    pub(super) fn copy(&self) -> Self {
        let media = self.0.borrow();
        Self(Rc::new(RefCell::new(Media {
            inodes: media.inodes.clone(),
            names: media.names.clone(),
            durable_names: media.durable_names.clone(),
            changes: media.changes.clone(),
            count: media.count,
            dies_at: None,
        })))
    }

    /// Loses power: of what was not synced each change of a name is kept or lost by itself, and a part of the bytes.
    pub(super) fn crash(&self, dice: &mut Dice) {
        let mut media = self.0.borrow_mut();
        media.dies_at = None;
        let mut names = media.durable_names.clone();
        for change in core::mem::take(&mut media.changes) {
            if dice.roll(2) == 0 {
                continue;
            }
            match change {
                Change::Create(name, inode) => {
                    names.insert(name, inode);
                }
                Change::Rename(from, to, inode) => {
                    if names.get(&from) == Some(&inode) {
                        names.remove(&from);
                    }
                    names.insert(to, inode);
                }
                Change::Delete(name) => {
                    names.remove(&name);
                }
            }
        }
        for inode in &mut media.inodes {
            let grown = inode.bytes.starts_with(&inode.durable) && inode.bytes.len() > inode.durable.len();
            let kept = if grown {
                inode.durable.len() + dice.size(u64::try_from(inode.bytes.len() - inode.durable.len() + 1).unwrap())
            } else {
                0
            };
            inode.bytes = if grown { inode.bytes[..kept].to_vec() } else { inode.durable.clone() };
            inode.durable = inode.bytes.clone();
        }
        media.names = names.clone();
        media.durable_names = names;
    }

    fn act<T>(&self, act: impl FnOnce(&mut Media) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let mut media = self.0.borrow_mut();
        if media.dies_at.is_some_and(|at| media.count >= at) {
            return Err(Refusal::Dead);
        }
        media.count += 1;
        act(&mut media)
    }
}

impl SegmentStore for Shared {
    type Error = Refusal;
    type Handle = FileName;

    fn list(&mut self, each: &mut dyn FnMut(FileName)) -> Result<(), Refusal> {
        self.0.borrow().names.keys().for_each(|name| each(*name));
        Ok(())
    }
    fn size(&mut self, file: FileName) -> Result<Option<u64>, Refusal> {
        let media = self.0.borrow();
        Ok(media.names.get(&file).map(|at| media.inodes[*at].bytes.len().try_into().unwrap()))
    }
    fn read_at(&mut self, file: FileName, position: u64, into: &mut [u8]) -> Result<usize, Refusal> {
        let media = self.0.borrow();
        let Some(at) = media.names.get(&file) else { return Ok(0) };
        let from = usize::try_from(position).unwrap();
        let there = media.inodes[*at].bytes.get(from..).unwrap_or_default();
        let count = there.len().min(into.len());
        into[..count].copy_from_slice(&there[..count]);
        Ok(count)
    }
    fn write_at(&mut self, file: FileName, position: u64, parts: &[&[u8]]) -> Result<(), Refusal> {
        self.act(|media| {
            let at = match media.names.get(&file) {
                Some(at) => *at,
                None => {
                    media.inodes.push(Inode::default());
                    let at = media.inodes.len() - 1;
                    media.names.insert(file, at);
                    media.changes.push(Change::Create(file, at));
                    at
                }
            };
            let from = usize::try_from(position).unwrap();
            let bytes = &mut media.inodes[at].bytes;
            assert!(from <= bytes.len(), "a write to {file} begins behind its end");
            let all = parts.concat();
            bytes.resize(bytes.len().max(from + all.len()), 0);
            bytes[from..from + all.len()].copy_from_slice(&all);
            Ok(())
        })
    }
    fn truncate(&mut self, file: FileName, size: u64) -> Result<(), Refusal> {
        self.act(|media| {
            if let Some(at) = media.names.get(&file).copied() {
                media.inodes[at].bytes.truncate(usize::try_from(size).unwrap());
            }
            Ok(())
        })
    }
    fn rename(&mut self, from: FileName, to: FileName) -> Result<(), Refusal> {
        self.act(|media| {
            let at = media.names.remove(&from).ok_or(Refusal::Missing(from))?;
            media.names.insert(to, at);
            media.changes.push(Change::Rename(from, to, at));
            Ok(())
        })
    }
    fn delete(&mut self, file: FileName) -> Result<(), Refusal> {
        self.act(|media| {
            if media.names.remove(&file).is_some() {
                media.changes.push(Change::Delete(file));
            }
            Ok(())
        })
    }
    fn sync(&mut self, file: FileName) -> Result<(), Refusal> {
        self.act(|media| {
            if let Some(at) = media.names.get(&file).copied() {
                media.inodes[at].durable = media.inodes[at].bytes.clone();
            }
            Ok(())
        })
    }
    fn sync_names(&mut self) -> Result<(), Refusal> {
        self.act(|media| {
            media.durable_names = media.names.clone();
            media.changes.clear();
            Ok(())
        })
    }
    fn handle(&mut self, file: FileName) -> Result<FileName, Refusal> {
        self.0.borrow().names.get(&file).map(|_| file).ok_or(Refusal::Missing(file))
    }
    fn is_full(_: &Refusal) -> bool {
        false
    }
}
