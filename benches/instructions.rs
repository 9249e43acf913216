//! How many instructions it takes to take a batch: without a producer id, with one, and inside of a transaction.
//!
//!     cargo bench -p millpond-benches --bench instructions
//!
//! Counted by callgrind (valgrind), so whatever else the machine does makes no difference. This program runs itself under it, once a cell, and
//! counts only what happens inside of [`measured`]: the figures are the same every time. Of a request without a producer id everything is
//! counted that the broker's process does, from the socket to the socket, apart from the system's kernel: that figure differs by a tenth from
//! run to run, more than idempotence adds, which is why the last line adds what the core takes more.
//!
//! Fails when more is taken than is promised. Where valgrind is missing nothing is counted, and that is said (`MILLPOND_SKIPS_FAIL=1` makes it a
//! failure).

use core::hint::black_box;
use std::process::Command;

use millpond_benches::broker::{self, Folder, Outcome, Running, Writer, connect};
use millpond_benches::{Nowhere, WALL, log, stamped};
use millpond_core::ids::{LeaderEpoch, ProducerEpoch, ProducerId, Sequence};
use millpond_core::log::config::LogConfig;
use millpond_core::log::partition_log::PartitionLog;
use millpond_core::record::batch::ProducerStamp;
use millpond_core::record::validate::{self, CheckedBatch, Origin, Rules};

/// How many batches are counted, after as many that are not: what happens first is rarer than what happens again.
const BATCHES: usize = 500;
/// What idempotence may cost over an append without it, of all that a request takes.
const IDEMPOTENCE_MAX: f64 = 1.05;
/// Requests that are counted: what a run with so many takes more than one with none.
const REQUESTS: usize = 2000;
const TOPIC: &str = "instructions";

/// Records of a batch, and bytes of a value.
const SIZES: [(&str, usize, usize); 3] = [("1 x 100 B", 1, 100), ("100 x 150 B", 100, 150), ("64 x 1 KiB", 64, 1000)];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Idempotent,
    Transactional,
}

const KINDS: [(&str, Kind); 3] = [("plain", Kind::Plain), ("idempotent", Kind::Idempotent), ("transactional", Kind::Transactional)];

/// What is counted: the append alone, or with the check of the batch before it.
const PARTS: [(&str, bool); 2] = [("append", false), ("check and append", true)];

fn main() -> Outcome<()> {
    if broker::is_asked_for()? {
        return Ok(());
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, part, kind, size] = &*arguments
        && mode == "run"
    {
        run(part == PARTS[1].0, found(&KINDS, kind)?.1, found_size(size)?);
        return Ok(());
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: instructions (valgrind is missing)");
        return if std::env::var("MILLPOND_SKIPS_FAIL").is_ok_and(|value| value == "1") {
            Err("valgrind is missing".into())
        } else {
            Ok(())
        };
    }
    println!("{:32} {:>10} {:>12} {:>14} {:>8}", "instructions a batch", "plain", "idempotent", "transactional", "ratio");
    let mut broken = Vec::new();
    for (size, ..) in SIZES {
        let mut more = 0.0;
        for (part, _) in PARTS {
            let [plain, idempotent, transactional] = KINDS.map(|(kind, _)| count(part, kind, size));
            let (plain, idempotent, transactional) = (plain?, idempotent?, transactional?);
            more = idempotent - plain;
            println!("{:32} {plain:>10.0} {idempotent:>12.0} {transactional:>14.0} {:>8.3}", format!("{part}, {size}"), idempotent / plain);
        }
        let request = count_requests(found_size(size)?)?;
        let ratio = (request + more) / request;
        println!("{:32} {request:>10.0} {:>12.0} {:>14} {ratio:>8.3}", format!("request, {size}"), request + more, "");
        if ratio > IDEMPOTENCE_MAX {
            broken.push(format!("{size}: idempotence takes {ratio:.3} times the instructions, {more:.0} more"));
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n").into()) }
}

/// The instructions of one request, in a broker under callgrind.
fn count_requests((count, value): (usize, usize)) -> Outcome<f64> {
    let bytes = stamped(count, value, None, false);
    let [none, all] = [0, REQUESTS].map(|requests| serve_requests(&bytes, requests));
    Ok((all? - none?) / f64::from(u32::try_from(REQUESTS)?))
}

#[tokio::main(flavor = "current_thread")]
async fn serve_requests(bytes: &[u8], requests: usize) -> Outcome<f64> {
    let folder = Folder::new(env!("CARGO_TARGET_TMPDIR"), TOPIC)?;
    let broker = Running::start_with(&["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"], &folder.0, &[])?;
    let mut cluster = connect(&broker.address).await?;
    broker::create(&mut cluster, TOPIC, 1).await?;
    // What happens once has happened before it is counted.
    for _ in 0..requests + 50 {
        broker::produce(&mut cluster, TOPIC, &[0], bytes, Writer { acks: 1, transactional_id: None }).await?;
    }
    drop(cluster);
    collected(&broker.stop(true)?)
}

/// What callgrind has counted.
fn collected(said: &str) -> Outcome<f64> {
    let collected = said.lines().find_map(|line| line.split("Collected : ").nth(1)).ok_or_else(|| format!("callgrind said {said}"))?;
    Ok(collected.trim().parse()?)
}

fn found<T: Copy>(all: &[(&str, T)], name: &str) -> Outcome<(usize, T)> {
    let at = all.iter().position(|(known, _)| *known == name).ok_or("a name of the table")?;
    Ok((at, all.get(at).ok_or("a row")?.1))
}

fn found_size(name: &str) -> Outcome<(usize, usize)> {
    let (_, count, value) = SIZES.iter().find(|(known, ..)| *known == name).ok_or("a size of the table")?;
    Ok((*count, *value))
}

/// The instructions of one batch, by a run of this program under callgrind.
fn count(part: &str, kind: &str, size: &str) -> Outcome<f64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*measured*"]);
    let output = command.arg(std::env::current_exe()?).args(["run", part, kind, size]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let instructions = collected(&said)?;
    if !output.status.success() || instructions == 0.0 {
        return Err(format!("nothing was counted: {said}").into());
    }
    Ok(instructions / f64::from(u32::try_from(BATCHES)?))
}

fn run(checks: bool, kind: Kind, (count, value): (usize, usize)) {
    let config = LogConfig { write_caching: true, ..LogConfig::default() };
    let rules = config.rules(Origin::Client);
    let mut log = log(Nowhere, config);
    let mut sequence = Sequence(0);
    for at in 0..2 * BATCHES {
        let producer = ProducerStamp { id: ProducerId(7), epoch: ProducerEpoch(0), base_sequence: sequence };
        let bytes = stamped(count, value, (kind != Kind::Plain).then_some(producer), kind == Kind::Transactional);
        sequence = sequence.plus(i32::try_from(count).unwrap_or(1));
        let counts = at >= BATCHES;
        if checks && counts {
            measured(|| take(&mut log, &rules, &bytes));
        } else {
            let checked = validate::check(&bytes, &rules, WALL, None).expect("a good batch");
            if counts {
                measured(|| append(&mut log, &checked));
            } else {
                append(&mut log, &checked);
            }
        }
    }
}

fn take(log: &mut PartitionLog<'_, Nowhere>, rules: &Rules, bytes: &[u8]) {
    append(log, &validate::check(black_box(bytes), rules, WALL, None).expect("a good batch"));
}

fn append(log: &mut PartitionLog<'_, Nowhere>, checked: &CheckedBatch<'_>) {
    black_box(log.append(WALL, LeaderEpoch(0), black_box(checked)).expect("room"));
}

/// Only what happens in here is counted: callgrind knows it by its name.
#[inline(never)]
fn measured<T>(act: impl FnOnce() -> T) -> T {
    black_box(act())
}
