//! What it costs to compact a log, apart from the disk: to learn its keys, and to write what is left.
//!
//! The key map takes 24 bytes a key, an eighth of its places empty, and up to twice that just after it has grown: 100,000 keys take 2.6 to
//! 5.2 MiB, a million 26 to 52 MiB, and the default of 128 MiB holds 4.9 million. It is there while a compaction runs, and only then.

use core::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use millpond::compression::Codecs;
use millpond_benches::{Somewhere, WALL, log};
use millpond_core::bounded::list::List;
use millpond_core::bounded::table::HashKey;
use millpond_core::ids::{LeaderEpoch, Offset};
use millpond_core::log::compact::job::{CompactLimits, CompactMemory, Step};
use millpond_core::log::compact::key_map::KeyMap;
use millpond_core::log::config::LogConfig;
use millpond_core::log::partition_log::PartitionLog;
use millpond_core::record::builder::{BatchOptions, Builder, NewRecord};
use millpond_core::record::codec::Compression;
use millpond_core::record::validate::{self, Origin};

/// How large the log is. Unit: bytes, about.
const LOG_SIZE: u64 = 32 << 20;

/// A log of one closed segment: batches of 100 records with values of 100 bytes, over so many keys.
fn dirty(disk: &Somewhere, keys: u64, compression: Compression) -> PartitionLog<'static, Somewhere> {
    let config = LogConfig { compact: true, delete: false, max_message_bytes: 1 << 20, ..LogConfig::default() };
    let rules = config.rules(Origin::Client);
    let mut dirty = log(disk.clone(), config);
    let (mut seed, mut codecs) = (7u64, Codecs::default());
    while dirty.size_bytes() < LOG_SIZE {
        let mut bytes = List::grown(1 << 20);
        let mut builder = Builder::new(&mut bytes, BatchOptions::default()).expect("room");
        for _ in 0..100 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = ((seed >> 33) % keys).to_be_bytes();
            let value = [seed.to_be_bytes(); 12];
            let record = NewRecord { timestamp: Some(WALL), key: Some(&key), value: Some(value.as_flattened()), headers: &[] };
            builder.append(record).expect("room");
        }
        builder.finish_compressed(compression, &mut codecs, &mut List::grown(1 << 20)).expect("it shrinks");
        let (mut records, mut body) = (List::grown(1 << 20), List::grown(1 << 20));
        let lent = validate::Lent { codec: &mut codecs, records: &mut records, body: &mut body };
        let checked = validate::check(&bytes, &rules, WALL, Some(lent)).expect("a good batch");
        dirty.append(WALL, LeaderEpoch(0), &checked).expect("it is taken");
    }
    dirty.roll(WALL).expect("it is taken");
    dirty.sync_all().expect("it is taken");
    dirty
}

fn compact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compact");
    group.sample_size(10);
    for (name, keys, compression) in [
        ("1,000 keys", 1000, Compression::None),
        ("100,000 keys", 100_000, Compression::None),
        ("100,000 keys, lz4", 100_000, Compression::Lz4),
    ] {
        let disk = Somewhere::default();
        let dirty = dirty(&disk, keys, compression);
        group.throughput(Throughput::Bytes(dirty.size_bytes()));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let memory = CompactMemory::grown(&CompactLimits::default());
                let job = dirty.begin_compaction(WALL, disk.clone(), memory, HashKey(1, 2));
                let mut job = job.expect("it can be").expect("it is dirty");
                let mut codecs = Codecs::default();
                // All but the exchange, so that the log is as dirty the next time.
                while job.step(&mut codecs).expect("it is sound") != Step::Swap {}
                job.abandon();
                black_box(job.key_map_bytes())
            });
        });
    }
    group.finish();
}

fn key_map(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("key map");
    group.sample_size(10);
    for keys in [1000u64, 100_000, 1_000_000] {
        group.throughput(Throughput::Elements(keys));
        group.bench_function(format!("{keys} keys in"), |bencher| {
            bencher.iter(|| {
                let mut map = KeyMap::new(List::grown(usize::MAX >> 8), HashKey(1, 2));
                for key in 0..keys {
                    map.put(&key.to_be_bytes(), Offset(1)).expect("room");
                }
                black_box(map.size_bytes())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, compact, key_map);
criterion_main!(benches);
