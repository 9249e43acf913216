//! A partition's files as a damaged disk may show them: the log opens with what can be proven good, and everything in it can be read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millpond_core::bounded::list::List;
use millpond_core::bounded::table::HashKey;
use millpond_core::ids::Offset;
use millpond_core::log::config::LogConfig;
use millpond_core::log::partition_log::{LogLimits, LogMemory, PartitionLog};
use millpond_core::log::recover::OpenHints;
use millpond_core::record::batch::Batch;
use millpond_core::store::file_name::{FileKind, FileName};
use millpond_core::store::memory::MemoryStore;
use millpond_core::store::segment_store::SegmentStore;
use millpond_core::time::Timestamp;

const KINDS: [FileKind; 5] = [FileKind::Log, FileKind::Index, FileKind::TimeIndex, FileKind::Snapshot, FileKind::LeaderEpochCheckpoint];

fuzz_target!(|data: &[u8]| {
    let mut store = MemoryStore::grown(1 << 20, 64);
    let mut rest = data;
    while let Some((head, behind)) = rest.split_first_chunk::<4>() {
        let kind = KINDS[usize::from(head[0]) % KINDS.len()];
        let file = FileName::live(kind, Offset(i64::from(head[1] % 8)));
        let size = usize::from(u16::from_be_bytes([head[2], head[3]])).min(behind.len());
        let (content, behind) = behind.split_at(size);
        rest = behind;
        let _ = store.write_at(file, 0, &[content]);
    }
    let memory = LogMemory::grown(&LogLimits { segments: 16, ..LogLimits::default() }, HashKey(1, 2));
    let hints = OpenHints { clean: data.first().is_some_and(|byte| byte % 2 == 1), ..OpenHints::default() };
    let Ok((mut log, _)) = PartitionLog::open(Timestamp(0), store, memory, LogConfig::default(), hints) else { return };
    let marks = log.watermarks();
    let mut from = marks.log_start();
    let mut batches = List::grown(1 << 20);
    while let Ok(next) = log.read_batches(from, &mut batches) {
        if next <= from {
            break;
        }
        let mut bytes: &[u8] = &batches;
        while let Ok((_, behind)) = Batch::split_first(bytes) {
            bytes = behind;
        }
        from = next;
    }
});
