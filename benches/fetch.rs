//! What it costs to find the bytes that a fetch asks for: at the tail, in order, and anywhere.

use core::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use millpond_benches::{WALL, batch, log};
use millpond_core::ids::{LeaderEpoch, Offset};
use millpond_core::log::config::LogConfig;
use millpond_core::log::reading::ReadUpTo;
use millpond_core::record::validate::{self, Origin};
use millpond_core::store::memory::MemoryStore;

const BATCHES: i64 = 2_000;

fn fetch(criterion: &mut Criterion) {
    let config = LogConfig { write_caching: true, segment_bytes: 8 << 20, ..LogConfig::default() };
    let mut log = log(MemoryStore::grown(256 << 20, 1 << 16), config);
    let bytes = batch(100, 150, None);
    let checked = validate::check(&bytes, &config.rules(Origin::Client), WALL, None).expect("a good batch");
    for _ in 0..BATCHES {
        log.append(WALL, LeaderEpoch(0), &checked).expect("room");
    }
    let end = log.watermarks().log_end();
    let mut group = criterion.benchmark_group("fetch");
    let mut read =
        |offset| log.read(black_box(offset), 1 << 20, ReadUpTo::HighWatermark, true).map(|range| range.bytes.map(|slice| slice.size));
    group.bench_function("the last batch", |bencher| bencher.iter(|| read(Offset(end.0 - 100))));
    group.bench_function("the end", |bencher| bencher.iter(|| read(end)));
    let mut offset = 0;
    group.bench_function("anywhere", |bencher| {
        bencher.iter(|| {
            offset = (offset + 7_919 * 100) % end.0;
            read(Offset(offset))
        });
    });
    group.finish();
}

criterion_group!(benches, fetch);
criterion_main!(benches);
