//! Fixtures shared by the benches.

pub mod broker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use millpond_core::bounded::list::List;
use millpond_core::bounded::table::HashKey;
use millpond_core::ids::{ProducerEpoch, ProducerId, Sequence};
use millpond_core::log::config::LogConfig;
use millpond_core::log::partition_log::{LogLimits, LogMemory, PartitionLog};
use millpond_core::log::recover::OpenHints;
use millpond_core::record::batch::ProducerStamp;
use millpond_core::record::builder::{BatchOptions, Builder, NewRecord};
use millpond_core::store::file_name::FileName;
use millpond_core::store::segment_store::SegmentStore;
use millpond_core::time::Timestamp;

/// When everything happens. Unit: ms since the epoch.
pub const WALL: Timestamp = Timestamp(1_700_000_000_000);

/// A batch of `count` records with values of `value_size` bytes, as a producer sends it.
///
/// # Panics
/// Never: what it builds fits into memory that grows.
#[must_use]
pub fn batch(count: usize, value_size: usize, producer: Option<Sequence>) -> Vec<u8> {
    let producer = producer.map(|base_sequence| ProducerStamp { id: ProducerId(7), epoch: ProducerEpoch(0), base_sequence });
    stamped(count, value_size, producer, false)
}

/// The same of any producer, inside of a transaction or not.
///
/// # Panics
/// Never: what it builds fits into memory that grows.
#[must_use]
pub fn stamped(count: usize, value_size: usize, producer: Option<ProducerStamp>, transactional: bool) -> Vec<u8> {
    let mut bytes = List::grown(usize::MAX);
    let mut builder = Builder::new(&mut bytes, BatchOptions { producer, transactional, ..BatchOptions::default() }).expect("room");
    let value = vec![0x5a; value_size];
    for _ in 0..count {
        let record = NewRecord { timestamp: Some(WALL), key: None, value: Some(&value), headers: &[] };
        builder.append(record).expect("room");
    }
    builder.finish().expect("records");
    bytes.into_vec().expect("memory of its own")
}

/// A batch of records with keys out of so many, chosen by a seed.
///
/// # Panics
/// Never: what it builds fits into memory that grows.
#[must_use]
pub fn keyed(count: usize, value_size: usize, seed: u64, keys: u64) -> Vec<u8> {
    let mut bytes = List::grown(usize::MAX);
    let mut builder = Builder::new(&mut bytes, BatchOptions::default()).expect("room");
    let value = vec![0x5a; value_size];
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..count {
        // Source: Marsaglia, Xorshift RNGs (2003).
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let key = (random % keys).to_string();
        builder.append(NewRecord { timestamp: Some(WALL), key: Some(key.as_bytes()), value: Some(&value), headers: &[] }).expect("room");
    }
    builder.finish().expect("records");
    bytes.into_vec().expect("memory of its own")
}

/// A disk that takes everything at once and forgets it: what is left is the cost of the log itself.
#[derive(Debug, Default)]
pub struct Nowhere;

impl SegmentStore for Nowhere {
    type Error = embedded_io_kind::Never;
    type Handle = ();

    fn list(&mut self, _: &mut dyn FnMut(FileName)) -> Result<(), Self::Error> {
        Ok(())
    }
    fn size(&mut self, _: FileName) -> Result<Option<u64>, Self::Error> {
        Ok(None)
    }
    fn read_at(&mut self, _: FileName, _: u64, _: &mut [u8]) -> Result<usize, Self::Error> {
        Ok(0)
    }
    fn write_at(&mut self, _: FileName, _: u64, _: &[&[u8]]) -> Result<(), Self::Error> {
        Ok(())
    }
    fn truncate(&mut self, _: FileName, _: u64) -> Result<(), Self::Error> {
        Ok(())
    }
    fn rename(&mut self, _: FileName, _: FileName) -> Result<(), Self::Error> {
        Ok(())
    }
    fn delete(&mut self, _: FileName) -> Result<(), Self::Error> {
        Ok(())
    }
    fn sync(&mut self, _: FileName) -> Result<(), Self::Error> {
        Ok(())
    }
    fn sync_names(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
    fn handle(&mut self, _: FileName) -> Result<(), Self::Error> {
        Ok(())
    }
    fn is_full(error: &Self::Error) -> bool {
        match *error {}
    }
}

/// The error of a disk that has none.
pub mod embedded_io_kind {
    use core::convert::Infallible;

    /// It never happens.
    pub type Never = Infallible;
}

/// Files in memory that several stores share: what is left is the cost of what is done with them, apart from the disk.
#[derive(Clone, Debug, Default)]
pub struct Somewhere(Arc<Mutex<HashMap<FileName, Vec<u8>>>>);

impl Somewhere {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<FileName, Vec<u8>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn place(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

impl SegmentStore for Somewhere {
    type Error = embedded_io_kind::Never;
    type Handle = ();

    fn list(&mut self, each: &mut dyn FnMut(FileName)) -> Result<(), Self::Error> {
        self.with(|files| files.keys().for_each(|name| each(*name)));
        Ok(())
    }
    fn size(&mut self, file: FileName) -> Result<Option<u64>, Self::Error> {
        Ok(self.with(|files| files.get(&file).map(|bytes| bytes.len().try_into().unwrap_or(u64::MAX))))
    }
    fn read_at(&mut self, file: FileName, position: u64, into: &mut [u8]) -> Result<usize, Self::Error> {
        Ok(self.with(|files| {
            let there = files.get(&file).and_then(|bytes| bytes.get(place(position)..)).unwrap_or_default();
            let count = there.len().min(into.len());
            if let (Some(into), Some(there)) = (into.get_mut(..count), there.get(..count)) {
                into.copy_from_slice(there);
            }
            count
        }))
    }
    fn write_at(&mut self, file: FileName, position: u64, parts: &[&[u8]]) -> Result<(), Self::Error> {
        self.with(|files| {
            let bytes = files.entry(file).or_default();
            bytes.truncate(place(position));
            parts.iter().for_each(|part| bytes.extend_from_slice(part));
        });
        Ok(())
    }
    fn truncate(&mut self, file: FileName, size: u64) -> Result<(), Self::Error> {
        self.with(|files| files.entry(file).or_default().truncate(place(size)));
        Ok(())
    }
    fn rename(&mut self, from: FileName, to: FileName) -> Result<(), Self::Error> {
        self.with(|files| {
            if let Some(bytes) = files.remove(&from) {
                files.insert(to, bytes);
            }
        });
        Ok(())
    }
    fn delete(&mut self, file: FileName) -> Result<(), Self::Error> {
        self.with(|files| files.remove(&file));
        Ok(())
    }
    fn sync(&mut self, _: FileName) -> Result<(), Self::Error> {
        Ok(())
    }
    fn sync_names(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
    fn handle(&mut self, _: FileName) -> Result<(), Self::Error> {
        Ok(())
    }
    fn is_full(error: &Self::Error) -> bool {
        match *error {}
    }
}

/// An empty log on a store.
///
/// # Panics
/// When the store refuses.
pub fn log<S: SegmentStore>(store: S, config: LogConfig) -> PartitionLog<'static, S> {
    let memory = LogMemory::grown(&LogLimits::default(), HashKey(1, 2));
    match PartitionLog::open(WALL, store, memory, config, OpenHints::default()) {
        Ok((log, _)) => log,
        Err(error) => panic!("{error}"),
    }
}
