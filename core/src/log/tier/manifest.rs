//! The manifest: what of a partition lies in the object store, as one small file. It lies there, and a copy of it beside the log.
//!
//! ```text
//! one envelope:          generation, where the log begins, how far it is copied, how many segments
//! and one per segment:   first offset, offset behind the last, id, bytes, largest timestamp, time and offset of the latest record,
//!                        entries of the indexes of offsets, times and aborted transactions, which files there are
//! ```
//! Each is an [`envelope`] with a checksum of its own, so that a manifest of any size is written and read piece by piece.
//! Kafka keeps the same facts as records of `__remote_log_metadata` (`RemoteLogSegmentMetadataRecord`); one broker needs no topic for them,
//! and a store that holds its own manifest can be read without one.

use core::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bounded::Full;
use crate::bounded::list::List;
use crate::envelope::{self, Kind};
use crate::ids::Offset;
use crate::log::disk::{Disk, DiskResult, Inflow};
use crate::log::segment::TimestampOffset;
use crate::store::file_name::FileName;
use crate::store::segment_store::SegmentStore;
use crate::time::Timestamp;

use super::remote::{ObjectId, Parts, RemoteSegment};

/// The name of the object, below its partition.
pub const MANIFEST: &str = "manifest";

/// No less than what [`Manifest`] takes: its numbers have at most 10, 10, 11 and 5 bytes. Unit: bytes.
const HEAD_MAX: usize = envelope::HEAD_SIZE + 36;
/// No less than what [`Entry`] takes: two offsets of 10, an id of 16, numbers of 5, 10, 21 and thrice 5, and a byte. Unit: bytes.
const ENTRY_MAX: usize = envelope::HEAD_SIZE + 88;

/// The most bytes of a manifest that names so many segments.
#[must_use]
pub const fn size_of(segments: usize) -> usize {
    HEAD_MAX.saturating_add(ENTRY_MAX.saturating_mul(segments))
}

/// The body of the first envelope.
#[derive(Serialize, Deserialize)]
struct Manifest {
    generation: u64,
    log_start: i64,
    copied_end: Option<i64>,
    count: u32,
}

/// The body of those behind it.
#[derive(Serialize, Deserialize)]
struct Entry {
    base: i64,
    end: i64,
    id: [u8; 16],
    size: u32,
    largest_timestamp: i64,
    max_timestamp: Option<(i64, i64)>,
    offset_entries: u32,
    time_entries: u32,
    txn_entries: u32,
    parts: u8,
}

impl Entry {
    fn of(segment: &RemoteSegment) -> Self {
        Self {
            base: segment.base.0,
            end: segment.end.0,
            id: segment.id.0,
            size: segment.size,
            largest_timestamp: segment.largest_timestamp.0,
            max_timestamp: segment.max_timestamp.map(|max| (max.timestamp.0, max.offset.0)),
            offset_entries: segment.offset_entries,
            time_entries: segment.time_entries,
            txn_entries: segment.txn_entries,
            parts: segment.parts.0,
        }
    }

    /// `None` when it makes no sense.
    fn segment(self) -> Option<RemoteSegment> {
        let makes_sense = self.base >= 0 && self.base < self.end && i32::try_from(self.size).is_ok();
        makes_sense.then_some(RemoteSegment {
            base: Offset(self.base),
            end: Offset(self.end),
            id: ObjectId(self.id),
            size: self.size,
            largest_timestamp: Timestamp(self.largest_timestamp),
            max_timestamp: self
                .max_timestamp
                .map(|(timestamp, offset)| TimestampOffset { timestamp: Timestamp(timestamp), offset: Offset(offset) }),
            offset_entries: self.offset_entries,
            time_entries: self.time_entries,
            txn_entries: self.txn_entries,
            parts: Parts(self.parts),
        })
    }
}

/// What a manifest says beside its segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Rises with every manifest that is written.
    pub generation: u64,
    /// Where the log begins.
    pub log_start: Offset,
    /// Everything below lies in the store, or did.
    pub copied_end: Option<Offset>,
}

/// What is wrong with a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestFlaw {
    /// It is shorter than it says, or longer.
    Length,
    /// It does not begin as a manifest does: it is damaged, something else, or of a later release.
    Head,
    /// A segment of it is damaged. Its number.
    Damaged(u32),
    /// Its segments do not follow one another. The number of the first that does not.
    Order(u32),
    /// It names more segments than there is memory for. How many.
    TooMany(u32),
}

impl fmt::Display for ManifestFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => f.write_str("its length is not what it says"),
            Self::Head => f.write_str("it is damaged, no manifest, or one of a later release"),
            Self::Damaged(number) => write!(f, "segment {number} of it is damaged"),
            Self::Order(number) => write!(f, "segment {number} does not follow the one before"),
            Self::TooMany(count) => write!(f, "it names {count} segments, more than there is memory for"),
        }
    }
}

impl core::error::Error for ManifestFlaw {}

/// Writes a manifest.
///
/// # Errors
/// [`Full`] when it does not fit.
pub fn encode<'s>(head: Head, segments: impl Iterator<Item = &'s RemoteSegment> + Clone, into: &mut List<'_, u8>) -> Result<(), Full> {
    into.clear();
    let count = u32::try_from(segments.clone().count()).map_err(|_| Full)?;
    let Head { generation, log_start, copied_end } = head;
    let head = Manifest { generation, log_start: log_start.0, copied_end: copied_end.map(|end| end.0), count };
    into.extend_from_slice(envelope::seal(Kind::Manifest, &head, &mut [0; HEAD_MAX]).ok_or(Full)?)?;
    for segment in segments {
        into.extend_from_slice(envelope::seal(Kind::RemoteSegment, &Entry::of(segment), &mut [0; ENTRY_MAX]).ok_or(Full)?)?;
    }
    Ok(())
}

/// Reads a manifest that came from the store. On failure `segments` is empty.
///
/// # Errors
/// What is wrong with it.
pub fn decode(bytes: &[u8], segments: &mut List<'_, RemoteSegment>) -> Result<Head, ManifestFlaw> {
    segments.clear();
    let mut rest = bytes;
    let read = read_through(&mut |segment| segments.push(segment), &mut |into| {
        let Some((now, later)) = rest.split_at_checked(into.len()) else { return Ok::<_, core::convert::Infallible>(false) };
        into.copy_from_slice(now);
        rest = later;
        Ok(true)
    });
    let Ok(read) = read;
    let read = read.and_then(|head| if rest.is_empty() { Ok(head) } else { Err(ManifestFlaw::Length) });
    if read.is_err() {
        segments.clear();
    }
    read
}

/// Reads the copy that lies beside a log; `None` when there is none. On failure `segments` is empty.
pub(in crate::log) fn read<S: SegmentStore>(
    disk: &mut Disk<S>,
    segments: &mut List<'_, RemoteSegment>,
) -> DiskResult<S, Option<Result<Head, ManifestFlaw>>> {
    segments.clear();
    let read = read_copy(disk, &mut |segment| segments.push(segment))?;
    if read.is_some_and(|read| read.is_err()) {
        segments.clear();
    }
    Ok(read)
}

/// What is wrong with the copy that lies beside a log, if there is one.
pub(in crate::log) fn flaw_of_copy<S: SegmentStore>(disk: &mut Disk<S>) -> DiskResult<S, Option<ManifestFlaw>> {
    Ok(read_copy(disk, &mut |_| Ok(()))?.and_then(Result::err))
}

fn read_copy<S: SegmentStore>(
    disk: &mut Disk<S>,
    each: &mut impl FnMut(RemoteSegment) -> Result<(), Full>,
) -> DiskResult<S, Option<Result<Head, ManifestFlaw>>> {
    if disk.size(FileName::REMOTE_MANIFEST)?.is_none() {
        return Ok(None);
    }
    let mut file = Inflow::new(disk, FileName::REMOTE_MANIFEST);
    let read = read_through(each, &mut |into| {
        for place in into {
            match file.byte()? {
                Some(byte) => *place = byte,
                None => return Ok(false),
            }
        }
        Ok(true)
    })?;
    Ok(Some(match (read, file.byte()?) {
        (Ok(head), None) => Ok(head),
        (Ok(_), Some(_)) => Err(ManifestFlaw::Length),
        (Err(flaw), _) => Err(flaw),
    }))
}

/// Reads a manifest piece by piece: `next` fills what it is given, or says that there is not so much.
fn read_through<E>(
    each: &mut impl FnMut(RemoteSegment) -> Result<(), Full>,
    next: &mut impl FnMut(&mut [u8]) -> Result<bool, E>,
) -> Result<Result<Head, ManifestFlaw>, E> {
    let Manifest { generation, log_start, copied_end, count } = match read_one::<HEAD_MAX, Manifest, E>(Kind::Manifest, next)? {
        Ok(Some(head)) => head,
        Ok(None) => return Ok(Err(ManifestFlaw::Head)),
        Err(flaw) => return Ok(Err(flaw)),
    };
    let head = Head { generation, log_start: Offset(log_start), copied_end: copied_end.map(Offset) };
    let mut before: Option<RemoteSegment> = None;
    for number in 0..count {
        let entry = match read_one::<ENTRY_MAX, Entry, E>(Kind::RemoteSegment, next)? {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(Err(ManifestFlaw::Damaged(number))),
            Err(flaw) => return Ok(Err(flaw)),
        };
        let segment = entry.segment().filter(|segment| before.is_none_or(|before| before.end <= segment.base));
        let Some(segment) = segment else { return Ok(Err(ManifestFlaw::Order(number))) };
        if each(segment).is_err() {
            return Ok(Err(ManifestFlaw::TooMany(count)));
        }
        before = Some(segment);
    }
    let reaches = before.is_none_or(|last| head.copied_end.is_some_and(|end| end >= last.end));
    Ok(if reaches { Ok(head) } else { Err(ManifestFlaw::Order(count)) })
}

/// Reads one envelope of at most `N` bytes; `None` in the middle when it cannot be opened.
fn read_one<const N: usize, T: DeserializeOwned, E>(
    kind: Kind,
    next: &mut impl FnMut(&mut [u8]) -> Result<bool, E>,
) -> Result<Result<Option<T>, ManifestFlaw>, E> {
    let mut head = [0; envelope::HEAD_SIZE];
    if !next(&mut head)? {
        return Ok(Err(ManifestFlaw::Length));
    }
    let mut sealed = [0; N];
    let whole = envelope::HEAD_SIZE + envelope::body_size(&head);
    let Some((start, body)) = sealed.get_mut(..whole).and_then(|sealed| sealed.split_first_chunk_mut()) else { return Ok(Ok(None)) };
    *start = head;
    if !next(body)? {
        return Ok(Err(ManifestFlaw::Length));
    }
    Ok(Ok(envelope::open(kind, &sealed)))
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn segment(base: i64) -> RemoteSegment {
        RemoteSegment {
            base: Offset(base),
            end: Offset(base + 10),
            id: ObjectId([u8::try_from(base).unwrap(); 16]),
            size: 900,
            largest_timestamp: Timestamp(base + 5),
            max_timestamp: (base > 10).then_some(TimestampOffset { timestamp: Timestamp(base + 5), offset: Offset(base + 3) }),
            offset_entries: 9,
            time_entries: 4,
            txn_entries: 1,
            parts: Parts(0x2f),
        }
    }

    fn written(segments: &[RemoteSegment]) -> Vec<u8> {
        let head = Head { generation: 7, log_start: Offset(3), copied_end: Some(Offset(60)) };
        let mut bytes = List::grown(1 << 16);
        encode(head, segments.iter(), &mut bytes).unwrap();
        assert!(bytes.len() <= size_of(segments.len()));
        bytes.into_vec().unwrap()
    }

    #[test]
    fn the_largest_numbers_fit() {
        let max = Offset(i64::MAX);
        let segment = RemoteSegment {
            base: Offset(i64::MAX - 1),
            end: max,
            id: ObjectId([0xff; 16]),
            size: i32::MAX.unsigned_abs(),
            largest_timestamp: Timestamp(i64::MIN),
            max_timestamp: Some(TimestampOffset { timestamp: Timestamp(i64::MIN), offset: Offset(i64::MIN) }),
            offset_entries: u32::MAX,
            time_entries: u32::MAX,
            txn_entries: u32::MAX,
            parts: Parts(0xff),
        };
        let mut bytes = List::grown(1 << 16);
        let head = Head { generation: u64::MAX, log_start: Offset(i64::MIN), copied_end: Some(max) };
        encode(head, [segment].iter(), &mut bytes).unwrap();
        assert!(bytes.len() <= size_of(1));
        let mut back = List::grown(1);
        assert_eq!((decode(&bytes, &mut back), &*back), (Ok(head), [segment].as_slice()));
    }

    #[test]
    fn a_manifest_reads_back_and_no_damage_passes() {
        let segments = [segment(0), segment(10), segment(50)];
        let bytes = written(&segments);
        let mut back = List::grown(8);
        let head = decode(&bytes, &mut back).unwrap();
        assert_eq!((head.generation, head.log_start, head.copied_end), (7, Offset(3), Some(Offset(60))));
        assert_eq!(&*back, segments.as_slice());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(decode(&damaged, &mut back).is_err(), "a flipped bit at {at}");
            assert!(back.is_empty());
            assert!(decode(&bytes[..at], &mut back).is_err(), "cut at {at}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(decode(&longer, &mut back), Err(ManifestFlaw::Length));
        assert_eq!(decode(&bytes, &mut List::grown(2)), Err(ManifestFlaw::TooMany(3)));
        assert_eq!(decode(&written(&[segment(10), segment(0)]), &mut back), Err(ManifestFlaw::Order(1)));
        assert_eq!(decode(&written(&[segment(60)]), &mut back), Err(ManifestFlaw::Order(1)));
        assert!(decode(&written(&[]), &mut back).is_ok());
    }
}
