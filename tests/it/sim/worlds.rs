//! Many worlds, in each of which everything must hold that was promised.

use std::panic::{AssertUnwindSafe, catch_unwind};

use millpond_tests::sim;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

fn live(seed: u64) -> [u64; 6] {
    let replay =
        format!("replay it with: MILLPOND_SEED={seed} cargo test -p millpond-tests --test it what_was_promised_holds_in_every_world");
    match catch_unwind(AssertUnwindSafe(|| sim::run(seed, None))) {
        Ok(sim::Outcome { violation: None, counts, .. }) => counts,
        Ok(sim::Outcome { violation: Some(violation), .. }) => {
            panic!("seed {seed}: {} does not hold: {}\n{replay}", violation.invariant, violation.what)
        }
        Err(_) => panic!("seed {seed}: a panic\n{replay}"),
    }
}

/// `MILLPOND_SEED` runs one world, `MILLPOND_SEEDS` so many from the first on.
#[test]
fn what_was_promised_holds_in_every_world() {
    if let Some(seed) = variable("MILLPOND_SEED") {
        println!("seed {seed}: {:?}", live(seed));
        return;
    }
    let seeds = variable("MILLPOND_SEEDS").unwrap_or(60);
    let mut sums = [0; 6];
    for seed in 0..seeds {
        for (sum, count) in sums.iter_mut().zip(live(seed)) {
            *sum += count;
        }
    }
    println!("{seeds} worlds: acknowledged batches, reads, assignments, commits, starts, losses of power: {sums:?}");
    assert!(sums.iter().all(|sum| *sum > seeds / 10), "worlds in which nothing happens prove nothing: {sums:?}");
}

#[test]
fn a_seed_gives_the_same_world_every_time_and_another_gives_another() {
    let traces: Vec<_> = (0..3).map(|seed| sim::run(seed, None)).collect();
    for (seed, outcome) in (0..).zip(&traces) {
        assert_eq!(*outcome, sim::run(seed, None), "seed {seed}");
    }
    assert_ne!(traces[0].trace, traces[1].trace);
    assert_ne!(traces[1].trace, traces[2].trace);
}
