//! What a transaction costs its producer: one small record, committed, against the same record of an idempotent producer.
//!
//!     cargo bench -p millpond-benches --bench transaction
//!
//! An idempotent record waits for one round of syncs. A transaction waits for two: one for the record, together with the note that its
//! partition has joined, and one for the decision. The markers are written, and synced, after the producer has heard of the decision; a producer
//! that goes on at once meets them. Both are measured: with a pause between the transactions, and without one. What is to be looked at is the
//! ratio, in one run on one disk.

#![expect(clippy::disallowed_methods, reason = "how long it takes is what is asked")]

use core::time::Duration;
use std::time::Instant;

use millpond::client::cluster::Cluster;
use millpond::protocol::messages::end_txn::{EndTxnRequest, EndTxnResponse};
use millpond_benches::broker::{self, Folder, Outcome, Running, Writer, connect, ms_since};
use millpond_benches::stamped;
use millpond_core::ids::{ProducerEpoch, ProducerId, Sequence};
use millpond_core::record::batch::ProducerStamp;
use millpond_core::wire::schema::Versions;

const TOPIC: &str = "transaction";
const ID: &str = "teller";
/// From this version on each transaction has an epoch of its own. Source: KIP-890.
const END: Versions = Versions::new(5, 5);
/// Longer than any disk that is not broken takes for the markers.
const PAUSE: Duration = Duration::from_millis(30);

fn main() -> Outcome<()> {
    if broker::is_asked_for()? {
        return Ok(());
    }
    let is_test = std::env::args().any(|argument| argument == "--test");
    measure(if is_test { 10 } else { 300 })
}

#[tokio::main(flavor = "current_thread")]
async fn measure(count: usize) -> Outcome<()> {
    let folder = Folder::new(env!("CARGO_TARGET_TMPDIR"), TOPIC)?;
    let broker = Running::start(&folder.0)?;
    let mut cluster = connect(&broker.address).await?;
    broker::create(&mut cluster, TOPIC, 1).await?;
    let mut idempotent = broker::initialize(&mut cluster, None).await?;
    let mut teller = broker::initialize(&mut cluster, Some(ID)).await?;
    println!("{:36} {:>9} {:>9}", "one record of 100 B", "p50 ms", "p99 ms");
    // By turns, so that whatever else the disk does falls on all of them alike.
    let [mut plain, mut paced, mut together, mut decisions] = [(); 4].map(|()| Vec::with_capacity(count));
    for _ in 0..count {
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        produce(&mut cluster, &mut idempotent, None).await?;
        plain.push(ms_since(began));
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        produce(&mut cluster, &mut teller, Some(ID)).await?;
        let decides = Instant::now();
        commit(&mut cluster, &mut teller).await?;
        decisions.push(ms_since(decides));
        paced.push(ms_since(began));
        // The one before has just been decided.
        let began = Instant::now();
        produce(&mut cluster, &mut teller, Some(ID)).await?;
        commit(&mut cluster, &mut teller).await?;
        together.push(ms_since(began));
    }
    let one = tell("idempotent record, acks=all", &mut plain);
    let paced = tell("transaction, begun to committed", &mut paced);
    tell("  of which its end", &mut decisions);
    let together = tell("transaction on the heels of another", &mut together);
    println!("ratios of p50: {:.2} with a pause, {:.2} without", paced / one, together / one);
    broker.stop(true).map(drop)
}

async fn produce(cluster: &mut Cluster, stamp: &mut ProducerStamp, transactional_id: Option<&str>) -> Outcome<()> {
    let bytes = stamped(1, 100, Some(*stamp), transactional_id.is_some());
    broker::produce(cluster, TOPIC, &[0], &bytes, Writer { acks: -1, transactional_id }).await?;
    stamp.base_sequence = stamp.base_sequence.plus(1);
    Ok(())
}

async fn commit(cluster: &mut Cluster, stamp: &mut ProducerStamp) -> Outcome<()> {
    let request = EndTxnRequest { transactional_id: ID, producer_id: stamp.id.0, producer_epoch: stamp.epoch.0, committed: true };
    let reply = cluster.any().await?.call_in(&request, END).await?;
    let response: EndTxnResponse = reply.read()?;
    if response.error_code != 0 {
        return Err(format!("ending the transaction: error {}", response.error_code).into());
    }
    let (id, epoch) = (ProducerId(response.producer_id), ProducerEpoch(response.producer_epoch));
    *stamp = ProducerStamp { id, epoch, base_sequence: Sequence(0) };
    Ok(())
}

/// Answers the median.
fn tell(what: &str, times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default();
    println!("{what:36} {:9.2} {:9.2}", at(50), at(99));
    at(50)
}
