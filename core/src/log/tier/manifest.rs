//! The manifest: what of a partition lies in the object store, as one small file. It lies there, and a copy of it beside the log.
//!
//! ```text
//! magic "MPRM", version i16 = 1, generation i64, log start i64, copied end i64 (-1: none), count i32
//! per segment, 73 bytes:
//!   base i64, end i64, id 16 bytes, bytes i32, largest timestamp i64, time i64 and offset i64 of the latest record (-1: none),
//!   entries of the indexes of offsets, times and aborted transactions i32 each, parts i8
//! CRC-32C u32 of everything before
//! ```
//! Numbers are big-endian, as in Kafka's files. Kafka keeps the same facts as records of `__remote_log_metadata`
//! (`RemoteLogSegmentMetadataRecord`); one broker needs no topic for them, and a store that holds its own manifest can be read without one.

use core::fmt;

use crate::bounded::Full;
use crate::bounded::list::List;
use crate::crc::Crc32c;
use crate::ids::Offset;
use crate::log::disk::{Disk, DiskResult, Inflow};
use crate::log::segment::TimestampOffset;
use crate::store::file_name::FileName;
use crate::store::segment_store::SegmentStore;
use crate::time::Timestamp;
use crate::wire::reader::Reader;

use super::remote::{ObjectId, Parts, RemoteSegment};

/// The name of the object, below its partition.
pub const MANIFEST: &str = "manifest";

const MAGIC: [u8; 4] = *b"MPRM";
const VERSION: i16 = 1;
const HEAD_SIZE: usize = 34;
/// What a segment takes in a manifest. Unit: bytes.
pub const ENTRY_SIZE: usize = 73;

/// The most bytes of a manifest that names so many segments.
#[must_use]
pub const fn size_of(segments: usize) -> usize {
    HEAD_SIZE.saturating_add(ENTRY_SIZE.saturating_mul(segments)).saturating_add(4)
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
    /// It is no manifest.
    Magic,
    /// Its version is of a later release. The version.
    Version(i16),
    /// Its checksum is wrong.
    Crc,
    /// Its segments do not follow one another. The number of the first that does not.
    Order(u32),
    /// It names more segments than there is memory for. How many.
    TooMany(u32),
}

impl fmt::Display for ManifestFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => f.write_str("its length is not what it says"),
            Self::Magic => f.write_str("it is no manifest"),
            Self::Version(version) => write!(f, "its version is {version}, and only {VERSION} is known"),
            Self::Crc => f.write_str("its checksum is wrong"),
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
    let count = i32::try_from(segments.clone().count()).map_err(|_| Full)?;
    let generation = i64::try_from(head.generation).unwrap_or(i64::MAX);
    let mut put = |bytes: &[u8]| into.extend_from_slice(bytes);
    put(&MAGIC)?;
    put(&VERSION.to_be_bytes())?;
    put(&generation.to_be_bytes())?;
    put(&head.log_start.0.to_be_bytes())?;
    put(&head.copied_end.map_or(-1, |end| end.0).to_be_bytes())?;
    put(&count.to_be_bytes())?;
    for segment in segments {
        let (time, offset) = segment.max_timestamp.map_or((-1, -1), |max| (max.timestamp.0, max.offset.0));
        put(&segment.base.0.to_be_bytes())?;
        put(&segment.end.0.to_be_bytes())?;
        put(&segment.id.0)?;
        put(&segment.size.to_be_bytes())?;
        put(&segment.largest_timestamp.0.to_be_bytes())?;
        put(&time.to_be_bytes())?;
        put(&offset.to_be_bytes())?;
        for entries in [segment.offset_entries, segment.time_entries, segment.txn_entries] {
            put(&entries.to_be_bytes())?;
        }
        put(&[segment.parts.0])?;
    }
    let mut crc = Crc32c::new();
    crc.update(into);
    into.extend_from_slice(&crc.finish().to_be_bytes())
}

/// Reads a manifest that came from the store. On failure `segments` is empty.
///
/// # Errors
/// What is wrong with it.
pub fn decode(bytes: &[u8], segments: &mut List<'_, RemoteSegment>) -> Result<Head, ManifestFlaw> {
    let mut rest = bytes;
    let read = read_through(segments, &mut |into| {
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
    if disk.size(FileName::REMOTE_MANIFEST)?.is_none() {
        return Ok(None);
    }
    let mut file = Inflow::new(disk, FileName::REMOTE_MANIFEST);
    let read = read_through(segments, &mut |into| {
        for place in into {
            match file.byte()? {
                Some(byte) => *place = byte,
                None => return Ok(false),
            }
        }
        Ok(true)
    })?;
    let read = match (read, file.byte()?) {
        (Ok(head), None) => Ok(head),
        (Ok(_), Some(_)) => Err(ManifestFlaw::Length),
        (Err(flaw), _) => Err(flaw),
    };
    if read.is_err() {
        segments.clear();
    }
    Ok(Some(read))
}

/// Reads a manifest piece by piece: `next` fills what it is given, or says that there is not so much.
fn read_through<E>(
    segments: &mut List<'_, RemoteSegment>,
    next: &mut impl FnMut(&mut [u8]) -> Result<bool, E>,
) -> Result<Result<Head, ManifestFlaw>, E> {
    segments.clear();
    let mut crc = Crc32c::new();
    let mut head = [0; HEAD_SIZE];
    if !next(&mut head)? {
        return Ok(Err(ManifestFlaw::Length));
    }
    crc.update(&head);
    let (head, count) = match decode_head(&head) {
        Ok(decoded) => decoded,
        Err(flaw) => return Ok(Err(flaw)),
    };
    let mut before: Option<RemoteSegment> = None;
    for number in 0..count {
        let mut entry = [0; ENTRY_SIZE];
        if !next(&mut entry)? {
            return Ok(Err(ManifestFlaw::Length));
        }
        crc.update(&entry);
        let segment = decode_entry(&entry).filter(|segment| before.is_none_or(|before| before.end <= segment.base));
        let Some(segment) = segment else { return Ok(Err(ManifestFlaw::Order(number))) };
        if segments.push(segment).is_err() {
            return Ok(Err(ManifestFlaw::TooMany(count)));
        }
        before = Some(segment);
    }
    let mut stated = [0; 4];
    if !next(&mut stated)? {
        return Ok(Err(ManifestFlaw::Length));
    }
    if u32::from_be_bytes(stated) != crc.finish() {
        return Ok(Err(ManifestFlaw::Crc));
    }
    let reaches = before.is_none_or(|last| head.copied_end.is_some_and(|end| end >= last.end));
    Ok(if reaches { Ok(head) } else { Err(ManifestFlaw::Order(count)) })
}

fn decode_head(head: &[u8; HEAD_SIZE]) -> Result<(Head, u32), ManifestFlaw> {
    let mut fields = Reader::new(head);
    if fields.array() != Ok(MAGIC) {
        return Err(ManifestFlaw::Magic);
    }
    let version = fields.array().map(i16::from_be_bytes).unwrap_or(-1);
    if version != VERSION {
        return Err(ManifestFlaw::Version(version));
    }
    let mut number = || fields.array().map(i64::from_be_bytes).unwrap_or(-1);
    let (generation, log_start, copied_end) = (number(), number(), number());
    let count = fields.array().map(i32::from_be_bytes).unwrap_or(-1);
    let (Ok(generation), Ok(count)) = (u64::try_from(generation), u32::try_from(count)) else { return Err(ManifestFlaw::Length) };
    Ok((Head { generation, log_start: Offset(log_start), copied_end: (copied_end >= 0).then_some(Offset(copied_end)) }, count))
}

/// `None` when it makes no sense.
fn decode_entry(entry: &[u8; ENTRY_SIZE]) -> Option<RemoteSegment> {
    let mut fields = Reader::new(entry);
    let base = Offset(fields.array().map(i64::from_be_bytes).ok()?);
    let end = Offset(fields.array().map(i64::from_be_bytes).ok()?);
    let id = ObjectId(fields.array().ok()?);
    let size = fields.array().map(u32::from_be_bytes).ok()?;
    let mut number = || fields.array().map(i64::from_be_bytes).ok();
    let (largest, time, offset) = (number()?, number()?, number()?);
    let mut count = || fields.array().map(u32::from_be_bytes).ok();
    let (offset_entries, time_entries, txn_entries) = (count()?, count()?, count()?);
    let [parts] = fields.array().ok()?;
    let max_timestamp = (time >= 0).then_some(TimestampOffset { timestamp: Timestamp(time), offset: Offset(offset) });
    let makes_sense = base >= Offset::ZERO && base < end && i32::try_from(size).is_ok();
    makes_sense.then_some(RemoteSegment {
        base,
        end,
        id,
        size,
        largest_timestamp: Timestamp(largest),
        max_timestamp,
        offset_entries,
        time_entries,
        txn_entries,
        parts: Parts(parts),
    })
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
        assert_eq!(bytes.len(), size_of(segments.len()));
        bytes.into_vec().unwrap()
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
