//! How long a gateway is without its broker: restarts, after a clean stop and after a kill, of logs that are large and of logs that are
//! many.
//!
//!     cargo bench -p millpond-benches --bench restart                      # up to 4 GiB in one log, and 1,000 logs
//!     cargo bench -p millpond-benches --bench restart -- 32 10000          # up to 32 GiB, and 10,000 logs
//!
//! The broker is this program, started once more. Of each restart: how long until it listens, until a record is acknowledged by the log in
//! question, and how much it has read by then (`rchar` of the process). Everything lies in the target folder, and is removed.

use millpond_benches::batch;
use millpond_benches::broker::{self, Folder, Outcome, Running, Writer, connect, ms_since};

const TOPIC: &str = "restart";

fn main() -> Outcome<()> {
    if broker::is_asked_for()? {
        return Ok(());
    }
    let is_test = std::env::args().any(|argument| argument == "--test");
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let usual = if is_test { (0, 100) } else { (4, 1000) };
    let (gigabytes, partitions) = (numbers.next().unwrap_or(usual.0), numbers.next().unwrap_or(usual.1));
    println!("{:28} {:>10} {:>10} {:>12} {:>9}", "", "listens", "first ack", "read by then", "memory");
    let mut size = 1;
    while size <= gigabytes {
        large(size)?;
        size *= 2;
    }
    let mut count = 100;
    while count <= partitions {
        many(count)?;
        count *= 10;
    }
    Ok(())
}

/// Writes batches, one to each of these partitions, and waits until they are acknowledged.
#[tokio::main(flavor = "current_thread")]
async fn produce(address: &str, partitions: &[i32], bytes: &[u8], times: usize) -> Outcome<()> {
    let mut cluster = connect(address).await?;
    for _ in 0..times {
        broker::produce(&mut cluster, TOPIC, partitions, bytes, Writer::SAFE).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn create(address: &str, partitions: i32) -> Outcome<()> {
    broker::create(&mut connect(address).await?, TOPIC, partitions).await
}

fn folder() -> Outcome<Folder> {
    Folder::new(env!("CARGO_TARGET_TMPDIR"), TOPIC)
}

/// One log of so many GiB, in segments of the usual size.
fn large(gigabytes: usize) -> Outcome<()> {
    let folder = folder()?;
    let bytes = batch(1000, 1000, None);
    let broker = Running::start(&folder.0)?;
    create(&broker.address, 1)?;
    produce(&broker.address, &[0], &bytes, (gigabytes << 30) / bytes.len())?;
    restarts(&folder, broker, 0, &format!("{gigabytes} GiB in one log"))
}

/// So many logs, each with a record.
fn many(count: usize) -> Outcome<()> {
    let folder = folder()?;
    let bytes = batch(1, 100, None);
    let broker = Running::start(&folder.0)?;
    let count = i32::try_from(count)?;
    create(&broker.address, count)?;
    let all: Vec<i32> = (0..count).collect();
    for some in all.chunks(500) {
        produce(&broker.address, some, &bytes, 1)?;
    }
    restarts(&folder, broker, count - 1, &format!("{count} logs"))
}

/// Kills the broker, and stops it, and says what it costs to start it again.
fn restarts(folder: &Folder, mut broker: Running, partition: i32, what: &str) -> Outcome<()> {
    let small = batch(1, 100, None);
    for cleanly in [false, true] {
        broker.stop(cleanly)?;
        broker = Running::start(&folder.0)?;
        produce(&broker.address, &[partition], &small, 1)?;
        let acknowledged = ms_since(broker.began);
        let read = broker.figure("io", "rchar:")? / 1e6;
        let memory = broker.figure("status", "VmRSS:")? / 1000.0;
        let how = if cleanly { "stopped" } else { "killed" };
        println!("{:28} {:7.0} ms {acknowledged:7.0} ms {read:9.1} MB {memory:6.1} MB", format!("{what}, {how}"), broker.listening_ms);
    }
    broker.stop(true).map(drop)
}
