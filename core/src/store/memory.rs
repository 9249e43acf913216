//! Files in lent or grown memory.

use core::fmt;

use crate::bounded::Full;
use crate::bounded::list::List;

use super::file_name::FileName;
use super::segment_store::SegmentStore;

/// The bytes of one block.
pub const BLOCK_SIZE: usize = 512;
const BLOCK_SIZE_U64: u64 = 512;
const _: () = assert!(BLOCK_SIZE == 512 && BLOCK_SIZE_U64 == 512);

/// One piece of a file's bytes, and which block comes next.
#[derive(Clone, Debug)]
pub struct Block {
    bytes: [u8; BLOCK_SIZE],
    next: u32,
}

/// No block.
const NONE: u32 = u32::MAX;

/// One file.
#[derive(Clone, Debug)]
pub struct MemoryFile {
    name: FileName,
    size: u64,
    /// Up to here the bytes are as they were at the last sync.
    synced: u64,
    /// Whether the name itself would survive.
    name_synced: bool,
    first: u32,
    last: u32,
    blocks: u64,
    /// The number of a block within the file and which it is: where the last access ended.
    cursor: (u64, u32),
}

/// What [`MemoryStore`] can fail with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryError {
    /// All blocks, or all places for files, are in use.
    Full,
    /// There is no such file.
    Missing(FileName),
    /// The write begins behind the end of the file.
    Gap(FileName),
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the memory for files is used up"),
            Self::Missing(name) => write!(f, "there is no {name}"),
            Self::Gap(name) => write!(f, "a write to {name} begins behind its end"),
        }
    }
}

impl core::error::Error for MemoryError {}

impl embedded_io::Error for MemoryError {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self {
            Self::Full => embedded_io::ErrorKind::OutOfMemory,
            Self::Missing(_) => embedded_io::ErrorKind::NotFound,
            Self::Gap(_) => embedded_io::ErrorKind::InvalidInput,
        }
    }
}

impl From<Full> for MemoryError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

/// Files as chains of blocks.
///
/// What was written and what would survive a loss of power are kept apart, so that a test can lose the difference; see
/// [`MemoryStore::crash`]. A handle is a name: deleting a file ends it, which suits who reads before letting go of the log.
/// Bounds: the capacities of the two lists, in blocks of [`BLOCK_SIZE`] bytes and in files.
#[derive(Debug)]
pub struct MemoryStore<'m> {
    files: List<'m, MemoryFile>,
    blocks: List<'m, Block>,
    free: u32,
}

impl<'m> MemoryStore<'m> {
    /// Files in lent memory.
    #[must_use]
    pub fn lent(files: List<'m, MemoryFile>, blocks: List<'m, Block>) -> Self {
        let mut store = Self { files, blocks, free: NONE };
        store.files.clear();
        store.blocks.clear();
        store
    }

    /// Files that allocate as they grow, up to `bytes_max` bytes in at most `files_max` files.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn grown(bytes_max: usize, files_max: usize) -> Self {
        Self::lent(List::grown(files_max), List::grown(bytes_max / BLOCK_SIZE))
    }

    /// Loses power: for each file `survives(name, synced, written)` says how many of its bytes are left, which lies between the two;
    /// `None` loses the file, when its name was never synced. Then everything left counts as synced.
    pub fn crash(&mut self, mut survives: impl FnMut(FileName, u64, u64) -> Option<u64>) {
        let mut at = 0;
        while let Some(file) = self.files.get(at) {
            let (name, synced, size, name_synced) = (file.name, file.synced, file.size, file.name_synced);
            let left = survives(name, synced, size);
            if left.is_none() && !name_synced {
                self.remove(at);
                continue;
            }
            let left = left.unwrap_or(synced).clamp(synced.min(size), size);
            self.shorten(at, left);
            if let Some(file) = self.files.get_mut(at) {
                file.synced = left;
                file.name_synced = true;
            }
            at += 1;
        }
    }

    fn find(&self, name: FileName) -> Option<usize> {
        self.files.iter().position(|file| file.name == name)
    }

    fn create(&mut self, name: FileName) -> Result<usize, MemoryError> {
        self.files.push(MemoryFile {
            name,
            size: 0,
            synced: 0,
            name_synced: false,
            first: NONE,
            last: NONE,
            blocks: 0,
            cursor: (0, NONE),
        })?;
        Ok(self.files.len() - 1)
    }

    fn take_block(&mut self) -> Result<u32, MemoryError> {
        if let Some(block) = self.blocks.get_mut(index(self.free)) {
            let taken = self.free;
            self.free = block.next;
            block.next = NONE;
            return Ok(taken);
        }
        let taken = u32::try_from(self.blocks.len()).map_err(|_| MemoryError::Full)?;
        self.blocks.push(Block { bytes: [0; BLOCK_SIZE], next: NONE })?;
        Ok(taken)
    }

    fn give_chain(&mut self, first: u32) {
        let mut at = first;
        while let Some(block) = self.blocks.get_mut(index(at)) {
            let next = block.next;
            block.next = self.free;
            self.free = at;
            at = next;
        }
    }

    /// Which block is number `wanted` of the file.
    fn block_of(&mut self, at: usize, wanted: u64) -> Option<u32> {
        let file = self.files.get(at)?;
        if wanted >= file.blocks {
            return None;
        }
        if wanted + 1 == file.blocks {
            return Some(file.last);
        }
        let (mut number, mut block) = if file.cursor.1 != NONE && file.cursor.0 <= wanted { file.cursor } else { (0, file.first) };
        while number < wanted {
            block = self.blocks.get(index(block))?.next;
            number += 1;
        }
        if let Some(file) = self.files.get_mut(at) {
            file.cursor = (number, block);
        }
        Some(block)
    }

    fn add_block(&mut self, at: usize) -> Result<u32, MemoryError> {
        let block = self.take_block()?;
        let Some(file) = self.files.get_mut(at) else {
            return Err(MemoryError::Full);
        };
        let last = file.last;
        file.last = block;
        file.blocks += 1;
        if file.first == NONE {
            file.first = block;
        }
        if let Some(last) = self.blocks.get_mut(index(last)) {
            last.next = block;
        }
        Ok(block)
    }

    fn write(&mut self, at: usize, mut position: u64, mut bytes: &[u8]) -> Result<(), MemoryError> {
        while !bytes.is_empty() {
            let block = match self.block_of(at, position / BLOCK_SIZE_U64) {
                Some(block) => block,
                None => self.add_block(at)?,
            };
            let inside = usize::try_from(position % BLOCK_SIZE_U64).unwrap_or(0);
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_SIZE - inside));
            if let Some(place) = self.blocks.get_mut(index(block)).and_then(|block| block.bytes.get_mut(inside..inside + now.len())) {
                place.copy_from_slice(now);
            }
            position += u64::try_from(now.len()).unwrap_or(0);
            if let Some(file) = self.files.get_mut(at) {
                file.size = file.size.max(position);
            }
            bytes = later;
        }
        Ok(())
    }

    fn shorten(&mut self, at: usize, size: u64) {
        let keep = size.div_ceil(BLOCK_SIZE_U64);
        let Some(file) = self.files.get_mut(at) else { return };
        if size >= file.size {
            return;
        }
        file.size = size;
        file.synced = file.synced.min(size);
        file.cursor = (0, NONE);
        if keep == file.blocks {
            return;
        }
        if keep == 0 {
            let first = file.first;
            (file.first, file.last, file.blocks) = (NONE, NONE, 0);
            self.give_chain(first);
            return;
        }
        let Some(last) = self.block_of(at, keep - 1) else { return };
        let mut cut = NONE;
        if let Some(block) = self.blocks.get_mut(index(last)) {
            cut = block.next;
            block.next = NONE;
        }
        self.give_chain(cut);
        if let Some(file) = self.files.get_mut(at) {
            file.last = last;
            file.blocks = keep;
            file.cursor = (0, NONE);
        }
    }

    fn remove(&mut self, at: usize) {
        if let Some(file) = self.files.swap_remove(at) {
            self.give_chain(file.first);
        }
    }
}

impl SegmentStore for MemoryStore<'_> {
    type Error = MemoryError;
    type Handle = FileName;

    fn list(&mut self, each: &mut dyn FnMut(FileName)) -> Result<(), MemoryError> {
        self.files.iter().for_each(|file| each(file.name));
        Ok(())
    }

    fn size(&mut self, file: FileName) -> Result<Option<u64>, MemoryError> {
        Ok(self.find(file).and_then(|at| self.files.get(at)).map(|file| file.size))
    }

    fn read_at(&mut self, file: FileName, position: u64, into: &mut [u8]) -> Result<usize, MemoryError> {
        let Some(at) = self.find(file) else { return Ok(0) };
        let size = self.files.get(at).map_or(0, |file| file.size);
        let there = usize::try_from(size.saturating_sub(position)).unwrap_or(usize::MAX);
        let wanted = into.len().min(there);
        let mut done = 0;
        while done < wanted {
            let from = position + u64::try_from(done).unwrap_or(0);
            let inside = usize::try_from(from % BLOCK_SIZE_U64).unwrap_or(0);
            let count = (wanted - done).min(BLOCK_SIZE - inside);
            let block = self.block_of(at, from / BLOCK_SIZE_U64).unwrap_or(NONE);
            let bytes = self.blocks.get(index(block)).and_then(|block| block.bytes.get(inside..inside + count));
            let (Some(bytes), Some(place)) = (bytes, into.get_mut(done..done + count)) else {
                break;
            };
            place.copy_from_slice(bytes);
            done += count;
        }
        Ok(done)
    }

    fn write_at(&mut self, file: FileName, position: u64, parts: &[&[u8]]) -> Result<(), MemoryError> {
        let at = match self.find(file) {
            Some(at) => at,
            None => self.create(file)?,
        };
        let size = self.files.get(at).map_or(0, |file| file.size);
        if position > size {
            return Err(MemoryError::Gap(file));
        }
        if let Some(file) = self.files.get_mut(at) {
            file.synced = file.synced.min(position);
        }
        let mut position = position;
        for part in parts {
            self.write(at, position, part)?;
            position += u64::try_from(part.len()).unwrap_or(0);
        }
        Ok(())
    }

    fn truncate(&mut self, file: FileName, size: u64) -> Result<(), MemoryError> {
        if let Some(at) = self.find(file) {
            self.shorten(at, size);
        }
        Ok(())
    }

    fn rename(&mut self, from: FileName, to: FileName) -> Result<(), MemoryError> {
        if self.find(from).is_none() {
            return Err(MemoryError::Missing(from));
        }
        if let Some(old) = self.find(to) {
            self.remove(old);
        }
        if let Some(file) = self.find(from).and_then(|at| self.files.get_mut(at)) {
            file.name = to;
            file.name_synced = false;
        }
        Ok(())
    }

    fn delete(&mut self, file: FileName) -> Result<(), MemoryError> {
        if let Some(at) = self.find(file) {
            self.remove(at);
        }
        Ok(())
    }

    fn sync(&mut self, file: FileName) -> Result<(), MemoryError> {
        if let Some(file) = self.find(file).and_then(|at| self.files.get_mut(at)) {
            file.synced = file.size;
        }
        Ok(())
    }

    fn sync_names(&mut self) -> Result<(), MemoryError> {
        self.files.iter_mut().for_each(|file| file.name_synced = true);
        Ok(())
    }

    fn handle(&mut self, file: FileName) -> Result<FileName, MemoryError> {
        self.find(file).map(|_| file).ok_or(MemoryError::Missing(file))
    }

    fn is_full(error: &MemoryError) -> bool {
        *error == MemoryError::Full
    }
}

/// Block numbers are 32 bits wide; every target this runs on addresses at least as much.
fn index(block: u32) -> usize {
    usize::try_from(block).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use crate::ids::Offset;
    use crate::store::file_name::FileKind;
    use alloc::vec;
    use alloc::vec::Vec;

    const A: FileName = FileName::live(FileKind::Log, Offset(0));
    const B: FileName = FileName::live(FileKind::Log, Offset(9));

    #[test]
    fn files_agree_with_vectors_and_give_their_blocks_back() {
        let mut files = heapless::Vec::<MemoryFile, 2>::new();
        let mut blocks = heapless::Vec::<Block, 24>::new();
        let mut store = MemoryStore::lent(List::lent(&mut files), List::lent(&mut blocks));
        let mut model = [Vec::<u8>::new(), Vec::new()];
        let mut seed = 5u64;
        for step in 0..5_000u32 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let dice = usize::try_from(seed >> 33).unwrap();
            let (name, vector) = if dice & 1 == 0 { (A, &mut model[0]) } else { (B, &mut model[1]) };
            match (dice >> 1) % 4 {
                0 => {
                    let size = dice % (vector.len() + 1);
                    store.truncate(name, size.try_into().unwrap()).unwrap();
                    vector.truncate(size);
                }
                1 => {
                    let mut read = vec![0; 700];
                    let from = dice % (vector.len() + 1);
                    let got = store.read_at(name, from.try_into().unwrap(), &mut read).unwrap();
                    assert_eq!(read[..got], vector[from..(from + 700).min(vector.len())]);
                }
                _ => {
                    let bytes: Vec<u8> = (0..dice % 900).map(|at| u8::try_from((at + dice) % 251).unwrap()).collect();
                    let from = if dice & 64 == 0 { vector.len() } else { dice % (vector.len() + 1) };
                    if from + bytes.len() <= 6_000 {
                        let half = bytes.len() / 2;
                        store.write_at(name, from.try_into().unwrap(), &[&bytes[..half], &bytes[half..]]).unwrap();
                        vector.resize(vector.len().max(from + bytes.len()), 0);
                        vector[from..from + bytes.len()].copy_from_slice(&bytes);
                    }
                }
            }
            if step % 1000 == 999 {
                store.delete(name).unwrap();
                vector.clear();
            }
        }
    }

    #[test]
    fn a_crash_takes_what_was_not_synced_and_nothing_else() {
        let mut store = MemoryStore::grown(1 << 16, 8);
        store.write_at(A, 0, &[&[1; 600]]).unwrap();
        store.sync(A).unwrap();
        store.sync_names().unwrap();
        store.write_at(A, 600, &[&[2; 600]]).unwrap();
        store.write_at(B, 0, &[&[3; 10]]).unwrap();
        store.crash(|name, synced, written| {
            assert_eq!((name == A, synced, written), if name == A { (true, 600, 1200) } else { (false, 0, 10) });
            None
        });
        assert_eq!(store.size(A), Ok(Some(600)));
        assert_eq!(store.size(B), Ok(None));
    }
}
