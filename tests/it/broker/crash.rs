//! A broker that is killed: what it has written down while it ran is known to the next one.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

use millpond::client::cluster::Cluster;
use millpond::client::connection::Options;
use millpond::client::offsets::{self, At};
use millpond::protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
};
use millpond_core::wire::value::Array;
use millpond_tests::broker::Broker;

use super::command;

/// Deletes what lies below `upto` in partition 0, as a client of its own; answers where the log begins.
async fn delete_below(bootstrap: &str, topic: &str, upto: i64) -> i64 {
    let mut cluster = Cluster::connect(bootstrap, Options::default()).await.expect("connects");
    let partitions = [DeleteRecordsPartition { partition_index: 0, offset: upto }];
    let topics = [DeleteRecordsTopic { name: topic, partitions: Array::from(&partitions[..]) }];
    let request = DeleteRecordsRequest { topics: Array::from(&topics[..]), timeout_ms: 10_000 };
    let reply = cluster.ask(&request).await.expect("is answered");
    let response: DeleteRecordsResponse<'_> = reply.read().expect("is an answer");
    let told = response.topics.iter().next().and_then(|topic| topic.partitions.iter().next()).expect("the partition is spoken of");
    assert_eq!(told.error_code, 0);
    told.low_watermark
}

async fn earliest(bootstrap: &str, topic: &str) -> Option<i64> {
    let mut cluster = Cluster::connect(bootstrap, Options::default()).await.expect("connects");
    let found = offsets::find(&mut cluster, &[(topic.to_owned(), 0)], At::Earliest).await.expect("is found");
    found.into_values().next().flatten()
}

/// Waits until a condition holds.
#[expect(clippy::disallowed_methods, reason = "another process has no other way to say so")]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what}: not within 30 s");
}

/// The line of a partition in a checkpoint.
fn checkpointed(directory: &Path, name: &str, partition: &str) -> Option<String> {
    let text = fs::read_to_string(directory.join(name)).ok()?;
    text.lines().find(|line| line.starts_with(partition)).map(str::to_owned)
}

#[test]
fn what_was_deleted_stays_deleted_after_a_crash() {
    let settings = [("log.flush.start.offset.checkpoint.interval.ms", "50"), ("log.flush.offset.checkpoint.interval.ms", "50")];
    let Some(mut broker) = Broker::start_own_or_skip("deleted records and a crash", &settings) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    command(&broker, "topic create kept", "");
    command(&broker, "produce kept", "a\nb\nc\nd\ne\n");
    assert_eq!(runtime.block_on(delete_below(broker.bootstrap(), "kept", 3)), 3);
    until("the start of the log is written down", || {
        checkpointed(&broker.data_dir(), "log-start-offset-checkpoint", "kept 0 ").is_some_and(|line| line == "kept 0 3")
    });
    assert_eq!(checkpointed(&broker.data_dir(), "recovery-point-offset-checkpoint", "kept 0 ").as_deref(), Some("kept 0 5"));
    broker.kill();
    broker.restart();
    assert_eq!(runtime.block_on(earliest(broker.bootstrap(), "kept")), Some(3));
    assert_eq!(command(&broker, "consume kept --from earliest --exit-at-end", ""), "d\ne\n");
}

#[test]
fn after_a_crash_logs_that_nobody_asks_for_are_recovered_too() {
    let Some(mut broker) = Broker::start_own_or_skip("recovery in the background", &[]) else { return };
    for topic in ["one", "two"] {
        command(&broker, &format!("topic create {topic}"), "");
        command(&broker, &format!("produce {topic}"), "a\nb\nc\n");
    }
    broker.kill();
    let logs = ["one", "two"].map(|topic| broker.data_dir().join(format!("{topic}-0/00000000000000000000.log")));
    let size = |log: &PathBuf| fs::metadata(log).expect("the log is there").len();
    let whole = logs.each_ref().map(size);
    for log in &logs {
        // Half a batch, as a loss of power may leave it.
        let file = fs::File::options().write(true).open(log).expect("the log is there");
        file.set_len(size(log) + 30).expect("a file can grow");
    }
    broker.restart();
    until("the logs are cut back", || logs.each_ref().map(size) == whole);
    broker.stop();
    assert!(broker.data_dir().join(".kafka_cleanshutdown").exists(), "nothing is left to recover");
}
