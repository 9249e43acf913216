//! A log's whole life in lent memory.

use super::*;
use crate::bounded::slab::{Place as SlabPlace, Slab, Slot};
use crate::bounded::table::Hashed;
use crate::log::tier::remote::RemoteSegment;
use crate::store::memory::{Block, MemoryFile};

#[test]
fn a_log_lives_in_lent_memory_only() {
    let mut files = heapless::Vec::<MemoryFile, 24>::new();
    let mut blocks = heapless::Vec::<Block, 64>::new();
    let mut hints = OpenHints::default();
    let mut store = MemoryStore::lent(List::lent(&mut files), List::lent(&mut blocks));
    let config = LogConfig { segment_bytes: 4_000, retention_bytes: Some(8_000), ..small(false) };
    let mut written = 0i64;
    for day in 0..20i64 {
        let mut segments = heapless::Vec::<Segment, 8>::new();
        let mut places = heapless::Vec::<SlabPlace<Hashed<Producer>>, 2>::new();
        let mut slots = heapless::Vec::<Slot, 8>::new();
        let mut ended = heapless::Vec::<EndedTransaction, 1>::new();
        let mut epochs = heapless::Vec::<EpochStart, 2>::new();
        let mut remote = heapless::Vec::<RemoteSegment, 1>::new();
        let mut positions = heapless::Vec::<Position, 2>::new();
        let memory = LogMemory {
            segments: List::lent(&mut segments),
            producers: Table::new(Slab::new(List::lent(&mut places)), List::lent(&mut slots)),
            ended: List::lent(&mut ended),
            epochs: List::lent(&mut epochs),
            positions: List::lent(&mut positions),
            remote: List::lent(&mut remote),
            hash_key: HashKey(0, 0),
        };
        let (mut log, report) = PartitionLog::open(Timestamp(day), store, memory, config, hints).unwrap();
        assert_eq!(report.cut, None);
        assert_eq!(log.watermarks().high_watermark(), Offset(written));
        for step in 0..30 {
            let given = Given { producer: Some((step % 2, 0, i32::try_from(written / 2).unwrap())), ..Given::of(&[&[1; 150]], day) };
            let mut buffer = heapless::Vec::<u8, 512>::new();
            buffer.extend_from_slice(&given.bytes()).unwrap();
            let checked = check(&buffer, &config.rules(Origin::Client), Timestamp(day), None).unwrap();
            log.append(Timestamp(day), EPOCH, &checked).unwrap();
            written += 1;
            log.sync_all().unwrap();
            log.retain(Timestamp(day)).unwrap();
            let start = log.watermarks().log_start();
            assert_eq!(read_all(&mut log, start, ReadUpTo::HighWatermark, 600).len(), usize::try_from(written - start.0).unwrap());
        }
        let clean = day % 2 == 0;
        if clean {
            log.close().unwrap();
        }
        hints =
            OpenHints { clean, recovery_point: Some(log.durable_end()), log_start: Some(log.watermarks().log_start()), first_dirty: None };
        store = log.into_store();
    }
}
