//! A live broker in the test's own process, spoken to over TCP.

use millpond_tests::broker::Broker;
use millpond_tests::command::run;

mod administration;
mod compaction;
mod connections;
mod crash;
mod damage;
mod flaky;
mod full_disk;
mod hostile;
mod offsets;
mod produce;
mod sessions;
pub(crate) mod tier;

/// Runs a command of the binary with an input, which must succeed; answers what it printed.
#[track_caller]
fn command(broker: &Broker, line: &str, input: &str) -> String {
    run(broker.bootstrap(), line, input.as_bytes().to_vec()).ok()
}
