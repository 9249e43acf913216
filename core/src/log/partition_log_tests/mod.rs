//! Tests of a whole log.

mod compaction;
mod compaction_crash;
mod crash;
mod damage;
mod life;
mod model;
#[cfg(unix)]
mod on_disk;
mod recovery;
mod repair;
mod rules;
mod shared;
mod tier;
mod transactions;
mod verify;

use alloc::vec::Vec;

use super::*;
use crate::bounded::list::List;
use crate::ids::{ProducerEpoch, ProducerId, Sequence};
use crate::log::reading::ReadUpTo;
use crate::log::recover::{OpenHints, RecoveryReport};
use crate::record::batch::{Batch, ProducerStamp};
use crate::record::builder::{BatchOptions, Builder, NewRecord};
use crate::record::marker::EndMarker;
use crate::record::validate::{Origin, Rules, check};
use crate::store::memory::MemoryStore;
use crate::time::Millis;

pub(super) const EPOCH: LeaderEpoch = LeaderEpoch(0);
pub(super) type MemoryLog = PartitionLog<'static, MemoryStore<'static>>;

/// A seeded row of numbers.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
    pub(super) fn size(&mut self, sides: u64) -> usize {
        usize::try_from(self.roll(sides)).unwrap()
    }
}

/// What a test appends.
#[derive(Clone, Default)]
pub(super) struct Given {
    pub(super) values: Vec<Vec<u8>>,
    pub(super) time: i64,
    pub(super) producer: Option<(i64, i16, i32)>,
    pub(super) transactional: bool,
    pub(super) marker: Option<EndMarker>,
    pub(super) epoch_per_transaction: bool,
}

impl Given {
    pub(super) fn of(values: &[&[u8]], time: i64) -> Self {
        Self { values: values.iter().map(|value| value.to_vec()).collect(), time, ..Self::default() }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut list = List::grown(1 << 20);
        let options = BatchOptions {
            producer: self.producer.map(|(id, epoch, sequence)| ProducerStamp {
                id: ProducerId(id),
                epoch: ProducerEpoch(epoch),
                base_sequence: Sequence(sequence),
            }),
            transactional: self.transactional,
            control: self.marker.is_some(),
            ..BatchOptions::default()
        };
        let mut builder = Builder::new(&mut list, options).unwrap();
        if let Some(marker) = self.marker {
            builder.append_marker(Timestamp(self.time), marker).unwrap();
        }
        for (at, value) in self.values.iter().enumerate() {
            let record = NewRecord {
                timestamp: Some(Timestamp(self.time + i64::try_from(at).unwrap())),
                value: Some(value),
                ..NewRecord::default()
            };
            builder.append(record).unwrap();
        }
        builder.finish().unwrap();
        list.into_vec().unwrap()
    }
}

pub(super) fn put<S: SegmentStore>(log: &mut PartitionLog<'_, S>, wall: i64, given: &Given) -> Result<Appended, AppendError<S::Error>> {
    let bytes = given.bytes();
    let origin = if given.marker.is_some() { Origin::Coordinator } else { Origin::Client };
    let rules = Rules { epoch_per_transaction: given.epoch_per_transaction, ..log.config().rules(origin) };
    let checked = check(&bytes, &rules, Timestamp(wall), None).unwrap();
    log.append(Timestamp(wall), EPOCH, &checked)
}

pub(super) fn small(write_caching: bool) -> LogConfig {
    LogConfig {
        recovery_bytes: 500,
        segment_bytes: 2_000,
        index_interval_bytes: 100,
        retention_ms: None,
        write_caching,
        ..LogConfig::default()
    }
}

pub(super) fn memory() -> LogMemory<'static> {
    LogMemory::grown(&LogLimits::default(), HashKey(1, 2))
}

pub(super) fn open(store: MemoryStore<'static>, config: LogConfig, hints: OpenHints) -> (MemoryLog, RecoveryReport) {
    PartitionLog::open(Timestamp(0), store, memory(), config, hints).unwrap()
}

pub(super) fn fresh(config: LogConfig) -> MemoryLog {
    open(MemoryStore::grown(1 << 22, 4096), config, OpenHints::default()).0
}

/// Everything that may be read from `from` on: the offset, timestamp and value of each record.
pub(super) fn read_all<S: SegmentStore>(
    log: &mut PartitionLog<'_, S>,
    from: Offset,
    up_to: ReadUpTo,
    max_bytes: u32,
) -> Vec<(i64, i64, Vec<u8>)> {
    let mut all = Vec::new();
    let mut next = from;
    loop {
        let range = log.read(next, max_bytes, up_to, true).unwrap();
        let Some(slice) = range.bytes else { return all };
        let mut bytes = alloc::vec![0; usize::try_from(slice.size).unwrap()];
        let got = log.store_mut().read_at(slice.file, slice.position, &mut bytes).unwrap();
        assert_eq!(got, bytes.len());
        let mut rest = bytes.as_slice();
        let mut whole = 0;
        while let Ok((batch, behind)) = Batch::split_first(rest) {
            assert!(batch.crc_is_right());
            let header = batch.header();
            for record in batch.records().unwrap() {
                let record = record.unwrap();
                let offset = header.base_offset().0 + i64::from(record.offset_delta);
                if offset >= next.0 && !header.is_control() {
                    let value = record.value.unwrap_or_default().to_vec();
                    all.push((offset, header.base_timestamp() + record.timestamp_delta, value));
                }
            }
            next = header.next_offset();
            rest = behind;
            whole += 1;
        }
        assert!(whole > 0, "the first batch comes whole");
    }
}
