//! The file that spares reading a whole log to know its producers.
//!
//! Layout: version i16 = 1, CRC-32C u32 of everything behind it, count i32, then per producer 46 bytes: producer id i64, epoch i16,
//! last sequence i32, last offset i64, offset delta i32, timestamp i64, coordinator epoch i32, first offset of the open transaction i64.
//! -1 stands for none. Source: `ProducerSnapshot`, `ProducerStateManager`.

use crate::crc::Crc32c;
use crate::ids::{Offset, ProducerEpoch, ProducerId, Sequence};
use crate::store::file_name::{FileKind, FileName};
use crate::store::segment_store::SegmentStore;
use crate::time::Timestamp;

use super::disk::{Disk, DiskResult, Inflow, Outflow};
use super::producers::{BatchMemory, Producer, Producers};

const VERSION: i16 = 1;
const ENTRY_SIZE: usize = 46;

/// Writes the producers as they stand before the record at `offset`.
pub(super) fn write<S: SegmentStore>(disk: &mut Disk<S>, offset: Offset, producers: &Producers<'_>) -> DiskResult<S, ()> {
    let count = i32::try_from(producers.len()).unwrap_or(i32::MAX).to_be_bytes();
    let mut crc = Crc32c::new();
    crc.update(&count);
    producers.iter().for_each(|producer| crc.update(&encode(producer)));
    let mut out = Outflow::new(disk, FileName::live(FileKind::Snapshot, offset))?;
    out.put(&VERSION.to_be_bytes());
    out.put(&crc.finish().to_be_bytes());
    out.put(&count);
    producers.iter().for_each(|producer| out.put(&encode(producer)));
    out.finish()
}

/// Reads the producers of a snapshot. False, and none, when it is missing or damaged.
pub(super) fn read<S: SegmentStore>(disk: &mut Disk<S>, offset: Offset, producers: &mut Producers<'_>) -> DiskResult<S, bool> {
    producers.clear();
    let file = FileName::live(FileKind::Snapshot, offset);
    // Twice through the file: first the checksum, so that nothing damaged is believed.
    let Some(count) = check(&mut Inflow::new(disk, file))? else {
        return Ok(false);
    };
    let mut bytes = Inflow::new(disk, file);
    bytes.array::<10>()?;
    for _ in 0..count {
        let Some(entry) = bytes.array::<ENTRY_SIZE>()? else { break };
        if let Some(producer) = decode(&entry) {
            producers.restore(producer);
        }
    }
    Ok(true)
}

/// Whether a snapshot can be read.
pub(super) fn is_sound<S: SegmentStore>(disk: &mut Disk<S>, offset: Offset) -> DiskResult<S, bool> {
    let file = FileName::live(FileKind::Snapshot, offset);
    Ok(check(&mut Inflow::new(disk, file))?.is_some())
}

fn check<S: SegmentStore>(bytes: &mut Inflow<'_, S>) -> DiskResult<S, Option<u32>> {
    let version = bytes.array()?.map(i16::from_be_bytes);
    let stated = bytes.array()?.map(u32::from_be_bytes);
    let Some(count) = bytes.array::<4>()? else { return Ok(None) };
    let mut crc = Crc32c::new();
    crc.update(&count);
    let Ok(entries) = u32::try_from(i32::from_be_bytes(count)) else {
        return Ok(None);
    };
    for _ in 0..entries {
        match bytes.array::<ENTRY_SIZE>()? {
            Some(entry) => crc.update(&entry),
            None => return Ok(None),
        }
    }
    let whole = version == Some(VERSION) && stated == Some(crc.finish()) && bytes.byte()?.is_none();
    Ok(whole.then_some(entries))
}

fn encode(producer: &Producer) -> [u8; ENTRY_SIZE] {
    let last = producer.last_batch();
    let mut entry = heapless::Vec::<u8, ENTRY_SIZE>::new();
    let timestamp = producer.last_timestamp.map_or(-1, |stamp| stamp.0);
    let transaction = producer.transaction_start.map_or(-1, |start| start.0);
    for field in [
        producer.id.0.to_be_bytes().as_slice(),
        &producer.epoch.0.to_be_bytes(),
        &last.map_or(-1, |last| last.last_sequence.0).to_be_bytes(),
        &last.map_or(-1, |last| last.last_offset.0).to_be_bytes(),
        &last.map_or(0, |last| last.offset_delta).to_be_bytes(),
        &timestamp.to_be_bytes(),
        &producer.coordinator_epoch.to_be_bytes(),
        &transaction.to_be_bytes(),
    ] {
        let fits = entry.extend_from_slice(field);
        debug_assert!(fits.is_ok(), "the fields are as wide as the entry");
    }
    entry.into_array().unwrap_or([0; ENTRY_SIZE])
}

fn decode(entry: &[u8; ENTRY_SIZE]) -> Option<Producer> {
    let mut fields = crate::wire::reader::Reader::new(entry);
    let id = ProducerId(fields.array().map(i64::from_be_bytes).ok()?);
    let epoch = ProducerEpoch(fields.array().map(i16::from_be_bytes).ok()?);
    let last_sequence = Sequence(fields.array().map(i32::from_be_bytes).ok()?);
    let last_offset = Offset(fields.array().map(i64::from_be_bytes).ok()?);
    let offset_delta = fields.array().map(i32::from_be_bytes).ok()?;
    let timestamp = fields.array().map(i64::from_be_bytes).ok()?;
    let coordinator_epoch = fields.array().map(i32::from_be_bytes).ok()?;
    let transaction = fields.array().map(i64::from_be_bytes).ok()?;
    let mut producer = Producer::new(id, epoch);
    producer.last_timestamp = (timestamp != -1).then_some(Timestamp(timestamp));
    producer.coordinator_epoch = coordinator_epoch;
    producer.transaction_start = (transaction >= 0).then_some(Offset(transaction));
    if last_sequence.0 >= 0 {
        let kept = producer.batches.push(BatchMemory { last_sequence, last_offset, offset_delta, timestamp: producer.last_timestamp });
        debug_assert!(kept.is_ok(), "the first of five");
    }
    Some(producer)
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use crate::bounded::list::List;
    use crate::bounded::table::{HashKey, Table};
    use crate::store::memory::MemoryStore;

    #[test]
    fn a_snapshot_reads_back_and_a_damaged_one_says_nothing() {
        let fresh = || Producers::new(Table::grown(64), List::grown(4), HashKey(0, 0));
        let mut disk = Disk { store: MemoryStore::grown(1 << 16, 4) };
        let mut producers = fresh();
        for id in 0..20 {
            let mut producer = Producer::new(ProducerId(id), ProducerEpoch(3));
            producer.transaction_start = (id % 3 == 0).then_some(Offset(id * 10));
            producer.last_timestamp = (id % 2 == 0).then_some(Timestamp(id));
            if id % 4 != 0 {
                producer
                    .batches
                    .push(BatchMemory {
                        last_sequence: Sequence(9),
                        last_offset: Offset(id * 10 + 4),
                        offset_delta: 2,
                        timestamp: producer.last_timestamp,
                    })
                    .unwrap();
            }
            producers.restore(producer);
        }
        write(&mut disk, Offset(500), &producers).unwrap();
        let mut back = fresh();
        assert!(read(&mut disk, Offset(500), &mut back).unwrap());
        assert_eq!(back.undecided(Offset(900)), Some(Offset(0)));
        assert!(producers.iter().all(|producer| back.find(producer.id) == Some(producer)));
        assert_eq!(back.len(), 20);
        let file = FileName::live(FileKind::Snapshot, Offset(500));
        for cut in [0, 5, 9, 40, 929] {
            disk.truncate(file, cut).unwrap();
            assert!(!read(&mut disk, Offset(500), &mut back).unwrap());
            assert!(back.is_empty());
            write(&mut disk, Offset(500), &producers).unwrap();
        }
        disk.write(file, 100, &[&[0x55]]).unwrap();
        assert!(!read(&mut disk, Offset(500), &mut back).unwrap());
    }
}
