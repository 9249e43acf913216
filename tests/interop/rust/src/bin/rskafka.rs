//! rskafka in the client matrix.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::DateTime;
use futures::StreamExt;
use millpond_interop_rust::{Seen, bootstrap, lacks, live_through_restart, shows, values};
use rskafka::client::consumer::{StartOffset, StreamConsumerBuilder};
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::Record;

async fn client() -> Client {
    ClientBuilder::new(vec![bootstrap()]).build().await.expect("a client")
}

async fn partition(topic: &str, partition: i32) -> Arc<PartitionClient> {
    let partition = client().await.partition_client(topic, partition, UnknownTopicHandling::Retry).await;
    Arc::new(partition.expect("a partition"))
}

fn record(value: &str) -> Record {
    Record { key: Some(b"key".to_vec()), value: Some(value.into()), headers: BTreeMap::new(), timestamp: DateTime::UNIX_EPOCH }
}

async fn produce(partition: &PartitionClient, values: &[String], compression: Compression) {
    let records = values.iter().map(|value| record(value)).collect();
    partition.produce(records, compression).await.expect("they are acknowledged");
}

/// Reads so many values from an offset on.
async fn read(partition: &Arc<PartitionClient>, from: StartOffset, count: usize) -> Vec<String> {
    let consumer = StreamConsumerBuilder::new(partition.clone(), from).with_max_wait_ms(100).build();
    let records = consumer.take(count).map(|next| next.expect("a record").0.record.value.unwrap_or_default());
    records.map(|value| String::from_utf8(value).expect("text")).collect().await
}

async fn codec(name: &str, compression: Compression) {
    let (partition, values) = (partition(&format!("codec-{name}"), 0).await, values(name, 20));
    produce(&partition, &values, compression).await;
    assert_eq!(read(&partition, StartOffset::Earliest, 20).await, values);
}

async fn seek() {
    let (partition, values) = (partition("seek", 0).await, values("seek", 20));
    produce(&partition, &values, Compression::NoCompression).await;
    assert_eq!(read(&partition, StartOffset::Earliest, 20).await, values);
    assert_eq!(read(&partition, StartOffset::At(15), 5).await, values[15..]);
}

async fn admin() {
    let client = client().await;
    let controller = client.controller_client().expect("a controller");
    let partitions = async || {
        let topics = client.list_topics().await.expect("topics");
        topics.into_iter().find(|topic| topic.name == "admin").map(|topic| topic.partitions.len())
    };
    controller.create_topic("admin", 3, 1, 5_000).await.expect("it is created");
    while partitions().await != Some(3) {}
    controller.delete_topic("admin", 5_000).await.expect("it is deleted");
    while partitions().await.is_some() {}
}

async fn restart() {
    let seen = Seen::default();
    let partitions = [partition("restart", 0).await, partition("restart", 1).await];
    for partition in partitions.clone() {
        let seen = seen.clone();
        tokio::spawn(async move {
            let mut consumer = StreamConsumerBuilder::new(partition, StartOffset::Earliest).with_max_wait_ms(100).build();
            while let Some(next) = consumer.next().await {
                let value = next.expect("a record").0.record.value.unwrap_or_default();
                seen.add(String::from_utf8(value).expect("text"));
            }
        });
    }
    let send = move |index: i32, value: String| {
        let partition = partitions[index as usize].clone();
        async move { partition.produce(vec![record(&value)], Compression::NoCompression).await.is_ok() }
    };
    live_through_restart(send, &seen).await;
}

#[tokio::main]
async fn main() {
    shows("none", codec("none", Compression::NoCompression)).await;
    shows("gzip", codec("gzip", Compression::Gzip)).await;
    shows("snappy", codec("snappy", Compression::Snappy)).await;
    shows("lz4", codec("lz4", Compression::Lz4)).await;
    shows("zstd", codec("zstd", Compression::Zstd)).await;
    lacks("idempotent", "it does not number batches");
    lacks("transactions", "it does not number batches");
    lacks("exactly-once", "it does not number batches");
    lacks("group", "it reads partitions, without groups");
    lacks("group-848", "it reads partitions, without groups");
    lacks("share", "it reads partitions, without groups");
    lacks("resume", "it reads partitions, without groups");
    shows("seek", seek()).await;
    shows("admin", admin()).await;
    shows("restart", restart()).await;
}
