//! Many worlds, in each of which everything must hold that was promised.

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use millpond_tests::sim;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// Lives through a world. Answers how much happened there, or what went wrong and how to see it again.
fn live(seed: u64) -> Result<[u64; 8], String> {
    let what = match catch_unwind(AssertUnwindSafe(|| sim::run(seed, None))) {
        Ok(sim::Outcome { violation: None, counts, .. }) => return Ok(counts),
        Ok(sim::Outcome { violation: Some(violation), .. }) => format!("{} does not hold: {}", violation.invariant, violation.what),
        Err(_) => "a panic, told above".to_owned(),
    };
    let replay = "cargo test -p millpond-tests --test it what_was_promised_holds_in_every_world";
    Err(format!("seed {seed}: {what}\n  replay: MILLPOND_SEED={seed} {replay}"))
}

/// `MILLPOND_SEED` runs one world, `MILLPOND_SEEDS` so many from the first on.
#[test]
fn what_was_promised_holds_in_every_world() {
    let seeds = match variable("MILLPOND_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("MILLPOND_SEEDS").unwrap_or(60),
    };
    let mut sums = [0; 8];
    let mut failures = Vec::new();
    for seed in seeds.clone() {
        match live(seed) {
            Ok(counts) => sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count),
            Err(failure) => failures.push(failure),
        }
    }
    println!(
        "worlds {seeds:?}: acknowledged batches, reads, assignments, commits, lots settled, starts, losses of power, compactions: {sums:?}"
    );
    let first: Vec<_> = failures.iter().take(20).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} worlds are broken, such as\n{}", failures.len(), first.join("\n"));
    assert!(seeds.end - seeds.start < 10 || !sums.contains(&0), "worlds in which nothing happens prove nothing: {sums:?}");
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
