//! A broker that is killed: what it has written down while it ran is known to the next one.

use std::fs;
use std::path::{Path, PathBuf};

use millpond::client::cluster::Cluster;
use millpond::client::connection::Options;
use millpond::client::offsets::{self, At};
use millpond::protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
};
use millpond::protocol::messages::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::{Array, Records};
use millpond_tests::broker::Broker;
use millpond_tests::wait::until;

use super::command;
use super::produce::batch;

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
        checkpointed(&broker.data_dir(), "log-start-offset-checkpoint", "kept 0 ").filter(|line| line == "kept 0 3")
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
    until("the logs are cut back", || (logs.each_ref().map(size) == whole).then_some(()));
    // At once, and not in a minute: until then another crash would judge once more what this one has left.
    for line in ["one 0 3", "two 0 3"] {
        let noted = || checkpointed(&broker.data_dir(), "recovery-point-offset-checkpoint", line);
        until("it is written down that they are recovered", noted);
    }
    broker.stop();
    assert!(broker.data_dir().join(".kafka_cleanshutdown").exists(), "nothing is left to recover");
}

/// Writes the same batch to each of these partitions, at once.
async fn write_to_each(bootstrap: &str, topic: &str, partitions: &[i32], batch: &[u8]) {
    // By name: from version 13 on topics are named by id.
    const BY_NAME: Versions = Versions::new(9, 12);
    let mut cluster = Cluster::connect(bootstrap, Options::default()).await.expect("connects");
    for some in partitions.chunks(1000) {
        let data: Vec<_> = some.iter().map(|index| PartitionProduceData { index: *index, records: Some(Records::Here(batch)) }).collect();
        let topics = [TopicProduceData { name: topic, partition_data: Array::from(&*data), ..Default::default() }];
        let request = ProduceRequest { acks: -1, timeout_ms: 60_000, topic_data: Array::from(&topics[..]), ..Default::default() };
        let reply = cluster.any().await.expect("a broker").call_in(&request, BY_NAME).await.expect("is answered");
        let response: ProduceResponse<'_> = reply.read().expect("is an answer");
        let answers = response.responses.iter().flat_map(|topic| topic.partition_responses.iter());
        assert_eq!(answers.filter(|answer| answer.error_code == 0).count(), some.len());
    }
}

#[test]
fn ten_thousand_partitions_come_back_after_a_crash() {
    const PARTITIONS: i32 = 10_000;
    let Some(mut broker) = Broker::start_own_or_skip("ten thousand partitions", &[]) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    command(&broker, &format!("topic create wide --partitions {PARTITIONS}"), "");
    let all: Vec<i32> = (0..PARTITIONS).collect();
    runtime.block_on(write_to_each(broker.bootstrap(), "wide", &all, &batch()));
    broker.kill();
    broker.restart();
    let ends = || async {
        let mut cluster = Cluster::connect(broker.bootstrap(), Options::default()).await.expect("connects");
        let wanted: Vec<_> = all.iter().map(|index| ("wide".to_owned(), *index)).collect();
        offsets::find(&mut cluster, &wanted, At::Latest).await.expect("is found")
    };
    let ends = runtime.block_on(ends());
    assert_eq!(ends.values().filter(|end| **end == Some(1)).count(), all.len());
    // And they go on where they were.
    runtime.block_on(write_to_each(broker.bootstrap(), "wide", &[0, 4_999, 9_999], &batch()));
    assert_eq!(command(&broker, "consume wide --from earliest --exit-at-end", "").lines().count(), all.len() + 3);
}
