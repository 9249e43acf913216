//! Members as machines, and their coordinator: days from seeds, in which everything is lost, late, or said twice.
//!
//! A day has a bad part, in which members come, go, die, stall, and change their minds, topics grow, and the coordinator dies; and a good
//! one, in which nothing of that happens and the group has to come to rest. All the while nobody reads what another reads.
//!
//! `MILLPOND_SEED=n` lives one day and tells all that happens; `MILLPOND_SEEDS=n` as many days of each kind.

mod checks;
mod client;
mod day;
mod message;
mod server;

extern crate std;

use alloc::string::String;
use alloc::vec::Vec;
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use crate::group::modern::target::ServerAssignor;
use crate::member::assignor::assignor::Assignor;

use day::{Day, Ended};

/// What kind of members there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Classic ones, which offer this assignor.
    Classic(Assignor),
    /// Such as follow the coordinator.
    Modern(ServerAssignor),
    /// Both, with the classic ones offering this.
    Mixed(Assignor),
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// Lives a number of days of one kind.
fn live(kind: Kind, test: &str, by_default: u64) -> Ended {
    let seeds = match variable("MILLPOND_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("MILLPOND_SEEDS").unwrap_or(by_default),
    };
    let (mut all, mut failures) = (Ended::default(), Vec::<String>::new());
    for seed in seeds {
        let day = catch_unwind(AssertUnwindSafe(|| Day::new(kind, seed, variable("MILLPOND_SEED").is_some()).live()));
        match day {
            Ok(Ok(ended)) => all.add(&ended),
            Ok(Err(what)) => failures.push(alloc::format!("seed {seed}: {what}")),
            Err(_) => failures.push(alloc::format!("seed {seed}: a panic, told above")),
        }
        if failures.len() >= 5 {
            break;
        }
    }
    std::println!("{kind:?}: {all:?}");
    let replay = alloc::format!("replay: MILLPOND_SEED=n cargo test -p millpond-core --lib members_tests::{test} -- --nocapture");
    assert!(failures.is_empty(), "{kind:?}\n{}\n{replay}", failures.join("\n"));
    all
}

const DAYS: u64 = 300;

#[test]
fn days_of_range() {
    live(Kind::Classic(Assignor::Range), "days_of_range", DAYS);
}

#[test]
fn days_of_round_robin() {
    live(Kind::Classic(Assignor::RoundRobin), "days_of_round_robin", DAYS);
}

#[test]
fn days_of_sticky() {
    live(Kind::Classic(Assignor::Sticky), "days_of_sticky", DAYS);
}

#[test]
fn days_of_cooperative_sticky() {
    live(Kind::Classic(Assignor::CooperativeSticky), "days_of_cooperative_sticky", DAYS);
}

#[test]
fn days_of_uniform() {
    live(Kind::Modern(ServerAssignor::Uniform), "days_of_uniform", DAYS);
}

#[test]
fn days_of_server_range() {
    live(Kind::Modern(ServerAssignor::Range), "days_of_server_range", DAYS);
}

#[test]
fn days_of_migration_with_eager_members() {
    live(Kind::Mixed(Assignor::Range), "days_of_migration_with_eager_members", DAYS);
}

#[test]
fn days_of_migration_with_cooperative_members() {
    live(Kind::Mixed(Assignor::CooperativeSticky), "days_of_migration_with_cooperative_members", DAYS);
}
