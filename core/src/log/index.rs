//! The ways into a segment: from offsets and from times. Source: `OffsetIndex`, `TimeIndex`, `LogSegment.append`; KIP-33.
//!
//! Both are sparse and rising. An entry is written before a batch when more than `index.interval.bytes` lie behind the last entry:
//! ```text
//! .index       { i32 last offset of the batch - base, i32 position of the batch }            8 bytes
//! .timeindex   { i64 largest timestamp so far, i32 last offset of its batch - base }        12 bytes
//! ```
//! The time entry is left out unless its timestamp is larger than the one before; a last one is written when the segment is done.
//! They are read from the disk, a block at a time: the system caches what is used, and a log costs no memory for what is not.

use crate::ids::Offset;
use crate::store::file_name::{FileKind, FileName};
use crate::store::segment_store::SegmentStore;
use crate::time::Timestamp;

use super::disk::{Disk, DiskResult};

/// The size of an offset entry. Unit: bytes.
pub const OFFSET_ENTRY_SIZE: u32 = 8;
/// The size of a time entry. Unit: bytes.
pub const TIME_ENTRY_SIZE: u32 = 12;

/// A batch that begins at `position` ends at or before every offset that is looked up from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetEntry {
    /// The last offset of the batch, counted from the base of the segment.
    pub relative: u32,
    /// Where the batch begins. Unit: bytes.
    pub position: u32,
}

/// No record up to the batch that holds `relative` is later than `timestamp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeEntry {
    /// The largest timestamp so far.
    pub timestamp: Timestamp,
    /// The last offset of the batch that holds it, counted from the base of the segment.
    pub relative: u32,
}

impl OffsetEntry {
    pub(super) fn encode(self) -> [u8; 8] {
        let mut bytes = [0; 8];
        if let Some((relative, position)) = bytes.split_first_chunk_mut::<4>() {
            *relative = self.relative.to_be_bytes();
            position.copy_from_slice(&self.position.to_be_bytes());
        }
        bytes
    }
}

impl TimeEntry {
    pub(super) fn encode(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        if let Some((timestamp, relative)) = bytes.split_first_chunk_mut::<8>() {
            *timestamp = self.timestamp.0.to_be_bytes();
            relative.copy_from_slice(&self.relative.to_be_bytes());
        }
        bytes
    }
}

/// How one kind of entry is read.
pub trait Entry: Sized + Copy {
    /// The size of an entry. Unit: bytes.
    const SIZE: u32;
    /// The file that holds such entries.
    const KIND: FileKind;
    /// Reads an entry; `None` when there are fewer bytes.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

impl Entry for OffsetEntry {
    const SIZE: u32 = OFFSET_ENTRY_SIZE;
    const KIND: FileKind = FileKind::Index;
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (relative, rest) = bytes.split_first_chunk()?;
        Some(Self { relative: u32::from_be_bytes(*relative), position: u32::from_be_bytes(*rest.first_chunk()?) })
    }
}

impl Entry for TimeEntry {
    const SIZE: u32 = TIME_ENTRY_SIZE;
    const KIND: FileKind = FileKind::TimeIndex;
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (timestamp, rest) = bytes.split_first_chunk()?;
        Some(Self { timestamp: Timestamp(i64::from_be_bytes(*timestamp)), relative: u32::from_be_bytes(*rest.first_chunk()?) })
    }
}

/// Reads one entry.
pub(super) fn entry<E: Entry, S: SegmentStore>(disk: &mut Disk<S>, base: Offset, number: u32) -> DiskResult<S, Option<E>> {
    let mut bytes = [0; 12];
    let size = usize::try_from(E::SIZE).unwrap_or(0);
    let wanted = bytes.get_mut(..size).unwrap_or_default();
    let position = u64::from(number) * u64::from(E::SIZE);
    let found = disk.read(FileName::live(E::KIND, base), position, wanted)?;
    Ok((found.len() == size).then(|| E::decode(found)).flatten())
}

/// The last of the first `count` entries for which `is_below` holds; it must hold for a first part of them and not for the rest.
pub(super) fn floor<E: Entry, S: SegmentStore>(
    disk: &mut Disk<S>,
    base: Offset,
    count: u32,
    is_below: impl Fn(&E) -> bool,
) -> DiskResult<S, Option<E>> {
    let mut block = [0u8; 512];
    let per_block = 512 / E::SIZE;
    let (mut low, mut high) = (0, count);
    let mut best = None;
    while high - low > per_block {
        let middle = low + (high - low) / 2;
        match entry::<E, S>(disk, base, middle)? {
            Some(found) if is_below(&found) => {
                best = Some(found);
                low = middle + 1;
            }
            _ => high = middle,
        }
    }
    let size = usize::try_from((high - low) * E::SIZE).unwrap_or(0);
    let wanted = block.get_mut(..size).unwrap_or_default();
    let found = disk.read(FileName::live(E::KIND, base), u64::from(low) * u64::from(E::SIZE), wanted)?;
    let entries = found.chunks_exact(usize::try_from(E::SIZE).unwrap_or(1)).filter_map(E::decode);
    Ok(entries.take_while(|entry| is_below(entry)).last().or(best))
}

/// The first of `count` entries whose batch begins at or behind `position`.
pub(super) fn first_at<S: SegmentStore>(disk: &mut Disk<S>, base: Offset, count: u32, position: u32) -> DiskResult<S, Option<OffsetEntry>> {
    let (mut low, mut high) = (0, count);
    let mut found = None;
    while low < high {
        let middle = low + (high - low) / 2;
        match entry::<OffsetEntry, S>(disk, base, middle)? {
            Some(entry) if entry.position < position => low = middle + 1,
            Some(entry) => {
                found = Some(entry);
                high = middle;
            }
            // Less on the disk than there should be: what is missing cannot bound anything.
            None => return Ok(None),
        }
    }
    Ok(found)
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    #[test]
    fn the_floor_is_found_in_indexes_of_every_size() {
        for count in [0u32, 1, 2, 63, 64, 65, 200, 1000] {
            let mut disk = Disk { store: MemoryStore::grown(1 << 20, 4) };
            let file = FileName::live(FileKind::Index, Offset(100));
            for number in 0..count {
                let entry = OffsetEntry { relative: number * 3 + 2, position: number * 50 };
                disk.write(file, u64::from(number) * 8, &[&entry.encode()]).unwrap();
            }
            for target in 0..count * 3 + 5 {
                let found = floor::<OffsetEntry, _>(&mut disk, Offset(100), count, |entry| entry.relative <= target).unwrap();
                let expected = if target < 2 || count == 0 { None } else { Some(((target - 2) / 3).min(count - 1) * 3 + 2) };
                assert_eq!(found.map(|entry| entry.relative), expected);
            }
            for position in 0..count * 50 + 5 {
                let found = first_at(&mut disk, Offset(100), count, position).unwrap().map(|entry| entry.position);
                assert_eq!(found, Some(position.div_ceil(50) * 50).filter(|at| *at < count * 50));
            }
        }
    }
}
