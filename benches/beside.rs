//! What a producer notices of compaction and of retention that run beside it.
//!
//!     cargo bench -p millpond-benches --bench beside             # five rounds over logs of 256 MiB
//!     cargo bench -p millpond-benches --bench beside -- 9 512    # nine rounds over logs of 512 MiB
//!
//! A producer sends a record of 1 KiB, waits until it is acknowledged (`acks=all`), and sends the next: in each round while nothing else goes on, while a
//! log is compacted that has half a million keys, and while a log is deleted segment by segment. The rounds are mixed, so that what else the machine does falls
//! on all three. What is to be looked at is the ratio of the 99th percentiles, in one run on one disk.

#![expect(clippy::disallowed_methods, reason = "how long it takes is what is asked")]

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::time::Instant;

use millpond::client::cluster::Cluster;
use millpond::protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use millpond_benches::broker::{self, Folder, Outcome, Running, Writer, connect, ms_since};
use millpond_benches::{batch, keyed};
use millpond_core::wire::value::Array;

const LOAD: &str = "load";
const KEYS: u64 = 500_000;
const SETTINGS: &[&str] =
    &["log.cleaner.backoff.ms=50", "log.retention.check.interval.ms=100", "log.segment.bytes=16777216", "log.retention.ms=-1"];
/// How long a window without anything else lasts, and how long the others last at least.
const WINDOW: Duration = Duration::from_secs(3);

fn main() -> Outcome<()> {
    if broker::is_asked_for()? {
        return Ok(());
    }
    let is_test = std::env::args().any(|argument| argument == "--test");
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (rounds, mebibytes) = if is_test { (1, 32) } else { (numbers.next().unwrap_or(5), numbers.next().unwrap_or(256)) };
    measure(rounds, mebibytes)
}

#[tokio::main(flavor = "current_thread")]
async fn measure(rounds: usize, mebibytes: usize) -> Outcome<()> {
    let folder = Folder::new(env!("CARGO_TARGET_TMPDIR"), "beside")?;
    let running = Running::start_with(&[], &folder.0, SETTINGS)?;
    let mut cluster = connect(&running.address).await?;
    let mut other = connect(&running.address).await?;
    broker::create(&mut cluster, LOAD, 1).await?;
    let [mut alone, mut compacting, mut deleting] = [(); 3].map(|()| Vec::new());
    let (mut compacted_in, mut deleted_in) = (0.0, 0.0);
    for round in 0..rounds {
        let (compacted, deleted) = (format!("compacted-{round}"), format!("deleted-{round}"));
        for topic in [&compacted, &deleted] {
            broker::create(&mut other, topic, 1).await?;
            fill(&mut other, topic, mebibytes).await?;
        }
        load(&mut cluster, &mut alone, |since| since >= WINDOW).await?;

        let settled = Settled::new(folder.0.join(format!("{compacted}-0")));
        alter(&mut other, &compacted, &[("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.0")]).await?;
        broker::produce(&mut other, &compacted, &[0], &keyed(1, 10, 0, KEYS), Writer::SAFE).await?;
        compacted_in += load(&mut cluster, &mut compacting, |since| since >= WINDOW && settled.is_it()).await?;

        let settled = Settled::new(folder.0.join(format!("{deleted}-0")));
        alter(&mut other, &deleted, &[("retention.bytes", "1")]).await?;
        broker::produce(&mut other, &deleted, &[0], &keyed(1, 10, 0, KEYS), Writer::SAFE).await?;
        deleted_in += load(&mut cluster, &mut deleting, |since| since >= WINDOW && settled.is_it()).await?;
    }
    println!("{:36} {:>8} {:>9} {:>9}", "one record of 1 KiB, acks=all", "records", "p50 ms", "p99 ms");
    let one = tell("nothing else", &mut alone);
    let two = tell("a log is compacted", &mut compacting);
    let three = tell("a log is deleted", &mut deleting);
    println!("ratios of p99: {:.2} while compacting, {:.2} while deleting", two / one, three / one);
    println!("windows of compaction {compacted_in:.1} s, of deletion {deleted_in:.1} s, {rounds} rounds of {mebibytes} MiB each");
    running.stop(true).map(drop)
}

/// Whether a log has become smaller, and goes on being so no more.
struct Settled {
    directory: PathBuf,
    before: u64,
}

impl Settled {
    fn new(directory: PathBuf) -> Self {
        Self { before: bytes_in(&directory), directory }
    }

    fn is_it(&self) -> bool {
        let now = bytes_in(&self.directory);
        let in_transition = std::fs::read_dir(&self.directory).is_ok_and(|entries| {
            entries.flatten().any(|entry| {
                entry.path().extension().is_some_and(|extension| ["cleaned", "swap", "deleted"].iter().any(|one| extension == *one))
            })
        });
        now < self.before * 9 / 10 && !in_transition
    }
}

fn bytes_in(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let logs = entries.flatten().filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"));
    logs.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// Fills a topic with records of many keys.
async fn fill(cluster: &mut Cluster, topic: &str, mebibytes: usize) -> Outcome<()> {
    let mut written = 0;
    let mut seed = 1;
    while written < mebibytes << 20 {
        let bytes = keyed(1000, 200, seed, KEYS);
        broker::produce(cluster, topic, &[0], &bytes, Writer { acks: 1, transactional_id: None }).await?;
        written += bytes.len();
        seed += 1;
    }
    // What lies before is on the disk: nobody's sync pays for it later.
    broker::produce(cluster, topic, &[0], &keyed(1, 10, 0, KEYS), Writer::SAFE).await
}

/// One record after the other. Answers how long that went on. Unit: s.
async fn load(cluster: &mut Cluster, times: &mut Vec<f64>, is_over: impl Fn(Duration) -> bool) -> Outcome<f64> {
    let bytes = batch(1, 1000, None);
    let began = Instant::now();
    while !is_over(began.elapsed()) {
        for _ in 0..50 {
            let sent = Instant::now();
            broker::produce(cluster, LOAD, &[0], &bytes, Writer::SAFE).await?;
            times.push(ms_since(sent));
        }
        if began.elapsed() > Duration::from_secs(300) {
            return Err("what should go on beside the load does not come to an end".into());
        }
    }
    Ok(began.elapsed().as_secs_f64())
}

async fn alter(cluster: &mut Cluster, topic: &str, settings: &[(&str, &str)]) -> Outcome<()> {
    let configs: Vec<_> = settings.iter().map(|(name, value)| AlterableConfig { name, config_operation: 0, value: Some(value) }).collect();
    let resources = [AlterConfigsResource { resource_type: 2, resource_name: topic, configs: Array::from(&*configs) }];
    let request = IncrementalAlterConfigsRequest { resources: Array::from(&resources), validate_only: false };
    let reply = cluster.any().await?.call(&request).await?;
    let response: IncrementalAlterConfigsResponse<'_> = reply.read()?;
    match response.responses.iter().find(|one| one.error_code != 0) {
        Some(refused) => Err(format!("changing {topic}: error {}", refused.error_code).into()),
        None => Ok(()),
    }
}

/// Answers the 99th percentile.
fn tell(what: &str, times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default();
    println!("{what:36} {:8} {:9.2} {:9.2}", times.len(), at(50), at(99));
    at(99)
}
