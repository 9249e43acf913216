//! Any file of any partition is damaged while no broker runs.

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use millpond_tests::sim::{self, Damaged, Harm};

const HARMS: [Harm; 6] = [Harm::Flipped, Harm::Missing, Harm::Empty, Harm::Cut, Harm::Zeroed, Harm::Longer];

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

fn suffer(seed: u64, harm: Harm) -> Result<Damaged, String> {
    let told = catch_unwind(AssertUnwindSafe(|| sim::damage(seed, harm))).unwrap_or_else(|_| Err("a panic, told above".to_owned()));
    let replay = "cargo test -p millpond-tests --test it damage_costs_no_more";
    told.map_err(|what| format!("seed {seed}, {harm:?}: {what}\n  replay: MILLPOND_SEED={seed} {replay}"))
}

/// `MILLPOND_SEED` runs one world, `MILLPOND_SEEDS` a quarter of so many from the first on; each is damaged in every way.
#[test]
fn damage_costs_no_more_than_what_was_in_the_file() {
    let seeds = match variable("MILLPOND_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("MILLPOND_SEEDS").map_or(30, |seeds| seeds / 4),
    };
    let (mut refused, mut lost, mut harmless) = (0, 0, 0);
    let mut failures = Vec::new();
    for seed in seeds.clone() {
        for harm in HARMS {
            match suffer(seed, harm) {
                Ok(damaged) if damaged.refused && !damaged.is_catalog => failures.push(format!("seed {seed}: {damaged:?}")),
                Ok(damaged) => {
                    refused += u32::from(damaged.refused);
                    lost += u32::from(damaged.lost);
                    harmless += u32::from(!damaged.refused && !damaged.lost);
                }
                Err(failure) => failures.push(failure),
            }
        }
    }
    println!("worlds {seeds:?}, each damaged in {} ways: {refused} refused, {lost} with losses, {harmless} without", HARMS.len());
    let first: Vec<_> = failures.iter().take(20).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} worlds are broken, such as\n{}", failures.len(), first.join("\n"));
    // Of thirty worlds it may happen that in none the file is one of the catalogue.
    assert!(seeds.end - seeds.start < 200 || (refused > 0 && lost > 0 && harmless > 0), "damage that never costs anything proves nothing");
}
