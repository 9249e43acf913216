//! What it costs to take a batch: to check it, and to append it, apart from the disk.

use core::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use millpond_benches::{Nowhere, WALL, batch, log};
use millpond_core::ids::{LeaderEpoch, Sequence};
use millpond_core::log::config::LogConfig;
use millpond_core::record::validate::{self, Origin};

fn check(criterion: &mut Criterion) {
    let rules = LogConfig::default().rules(Origin::Client);
    let mut group = criterion.benchmark_group("check");
    for (name, count, size) in [("1 x 100 B", 1, 100), ("100 x 150 B", 100, 150), ("64 x 1 KiB", 64, 1000), ("600 x 100 B", 600, 100)] {
        let bytes = batch(count, size, None);
        group.throughput(Throughput::Bytes(bytes.len().try_into().expect("small")));
        group.bench_function(name, |bencher| {
            bencher.iter(|| validate::check(black_box(&bytes), &rules, WALL, None).map(|batch| batch.body().len()))
        });
    }
    group.finish();
}

fn append(criterion: &mut Criterion) {
    let config = LogConfig { write_caching: true, ..LogConfig::default() };
    let rules = config.rules(Origin::Client);
    let mut group = criterion.benchmark_group("append");
    let bytes = batch(64, 1000, None);
    group.throughput(Throughput::Bytes(bytes.len().try_into().expect("small")));
    let checked = validate::check(&bytes, &rules, WALL, None).expect("a good batch");
    let mut plain = log(Nowhere, config);
    group.bench_function("64 x 1 KiB", |bencher| {
        bencher.iter(|| plain.append(WALL, LeaderEpoch(0), black_box(&checked)).map(|done| done.base_offset))
    });
    // An idempotent producer's batches follow one another: each is made anew.
    let mut sequence = Sequence(0);
    let mut idempotent = log(Nowhere, config);
    group.bench_function("64 x 1 KiB, idempotent", |bencher| {
        bencher.iter_batched(
            || {
                let bytes = batch(64, 1000, Some(sequence));
                sequence = sequence.plus(64);
                bytes
            },
            |bytes| {
                let checked = validate::check(&bytes, &rules, WALL, None).expect("a good batch");
                idempotent.append(WALL, LeaderEpoch(0), &checked).map(|done| done.base_offset)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, check, append);
criterion_main!(benches);
