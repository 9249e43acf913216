//! rust-rdkafka in the client matrix.

use std::sync::Arc;
use std::time::Duration;

use millpond_interop_rust::{Member, Seen, bootstrap, lacks, live_through_restart, rebalance, shows, until, values};
use rdkafka::Offset::{Beginning, Offset};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::topic_partition_list::TopicPartitionList;
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(60);

fn config(settings: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap()).set("auto.offset.reset", "earliest").set("group.id", "unused");
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config
}

fn producer(settings: &[(&str, &str)]) -> FutureProducer {
    config(settings).create().expect("a producer")
}

fn consumer(settings: &[(&str, &str)]) -> StreamConsumer {
    config(settings).set("fetch.wait.max.ms", "100").create().expect("a consumer")
}

async fn send(producer: &FutureProducer, topic: &str, partition: i32, value: &str) -> Result<(), KafkaError> {
    let record = FutureRecord::to(topic).partition(partition).key("key").payload(value);
    producer.send(record, PATIENCE).await.map(drop).map_err(|(error, _)| error)
}

async fn produce(producer: &FutureProducer, topic: &str, values: &[String]) {
    let sent = values.iter().map(|value| send(producer, topic, 0, value));
    for result in futures::future::join_all(sent).await {
        result.expect("it is acknowledged");
    }
}

/// Reads so many values.
async fn take(consumer: &StreamConsumer, count: usize) -> Vec<String> {
    let mut values = Vec::new();
    while values.len() < count {
        let message = consumer.recv().await.expect("a message");
        values.push(text(&message));
    }
    values
}

fn text(message: &impl Message) -> String {
    String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned()
}

/// A consumer of a topic's first partition, from the beginning on.
fn reader(topic: &str, settings: &[(&str, &str)]) -> StreamConsumer {
    let consumer = consumer(settings);
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Beginning).expect("an offset");
    consumer.assign(&partitions).expect("partitions of its own");
    consumer
}

async fn codec(name: &str) {
    let (topic, values) = (format!("codec-{name}"), values(name, 20));
    produce(&producer(&[("compression.type", name), ("linger.ms", "50")]), &topic, &values).await;
    assert_eq!(take(&reader(&topic, &[]), 20).await, values);
}

async fn idempotent() {
    let values = values("idempotent", 100);
    produce(&producer(&[("enable.idempotence", "true"), ("batch.num.messages", "10")]), "idempotent", &values).await;
    assert_eq!(take(&reader("idempotent", &[]), 100).await, values);
}

async fn transactions() {
    let producer = producer(&[("transactional.id", "rdkafka")]);
    producer.init_transactions(PATIENCE).expect("a producer's number");
    let transact = async |word: &str, commit: bool| {
        let values = values(word, 10);
        producer.begin_transaction().expect("a transaction begins");
        produce(&producer, "transactions", &values).await;
        let ended = if commit { producer.commit_transaction(PATIENCE) } else { producer.abort_transaction(PATIENCE) };
        ended.expect("it ends");
        values
    };
    let (first, aborted, second) = (transact("first", true).await, transact("aborted", false).await, transact("second", true).await);
    let committed = reader("transactions", &[("isolation.level", "read_committed")]);
    assert_eq!(take(&committed, 20).await, [first.clone(), second.clone()].concat());
    let all = reader("transactions", &[("isolation.level", "read_uncommitted")]);
    assert_eq!(take(&all, 30).await, [first, aborted, second].concat());
}

async fn exactly_once() {
    let values = values("transfer", 10);
    produce(&producer(&[]), "transfer-in", &values).await;
    let producer = producer(&[("transactional.id", "rdkafka-transfer")]);
    producer.init_transactions(PATIENCE).expect("a producer's number");
    let first = member("transfer", "transfer-in");
    let found = take(&first, 10).await;
    let transact = async |values: &[String], offset: Option<i64>, commit: bool| {
        producer.begin_transaction().expect("a transaction begins");
        produce(&producer, "transfer-out", values).await;
        if let Some(offset) = offset {
            let metadata = first.group_metadata().expect("a member");
            producer.send_offsets_to_transaction(&offsets("transfer-in", offset), &metadata, PATIENCE).expect("offsets");
        }
        let ended = if commit { producer.commit_transaction(PATIENCE) } else { producer.abort_transaction(PATIENCE) };
        ended.expect("it ends");
    };
    transact(&found[..5], Some(5), true).await;
    transact(&found[5..], Some(10), false).await;
    transact(&["end".to_owned()], None, true).await;
    drop(first);
    let committed = reader("transfer-out", &[("isolation.level", "read_committed")]);
    assert_eq!(take(&committed, 6).await, [&values[..5], &["end".to_owned()]].concat());
    assert_eq!(take(&member("transfer", "transfer-in"), 5).await, values[5..]);
}

/// A member of a group that commits what it is told to.
fn member(group: &str, topic: &str) -> StreamConsumer {
    let consumer = consumer(&[("group.id", group), ("enable.auto.commit", "false")]);
    consumer.subscribe(&[topic]).expect("a subscription");
    consumer
}

fn offsets(topic: &str, offset: i64) -> TopicPartitionList {
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, 0, Offset(offset)).expect("an offset");
    offsets
}

/// A member of a group that reads in a task of its own.
struct Grouped {
    consumer: Arc<StreamConsumer>,
    reading: JoinHandle<()>,
}

impl Grouped {
    fn join(topic: &str, protocol: &str, seen: Seen) -> Self {
        let consumer = Arc::new(consumer(&[("group.id", topic), ("group.protocol", protocol)]));
        consumer.subscribe(&[topic]).expect("a subscription");
        let reads = consumer.clone();
        let reading = tokio::spawn(async move {
            loop {
                // While the broker is away there are errors, and the client goes on by itself.
                if let Ok(message) = reads.recv().await {
                    seen.add(text(&message));
                }
            }
        });
        Self { consumer, reading }
    }
}

impl Member for Grouped {
    fn owns(&self) -> Vec<i32> {
        self.consumer.assignment().map(|owned| owned.elements().iter().map(|one| one.partition()).collect()).unwrap_or_default()
    }

    async fn leave(self) {
        self.reading.abort();
        let _ = self.reading.await;
        // The last one who has it closes it, which blocks.
        tokio::task::spawn_blocking(move || drop(self.consumer)).await.expect("it leaves");
    }
}

async fn group(topic: &str, protocol: &str) {
    let producer = producer(&[]);
    let send = async |partition: i32, value: &str| send(&producer, topic, partition, value).await.expect("it is acknowledged");
    rebalance(|seen| Grouped::join(topic, protocol, seen), send).await;
}

async fn resume() {
    let values = values("resume", 20);
    produce(&producer(&[]), "resume", &values).await;
    let first = member("resume", "resume");
    assert_eq!(take(&first, 20).await, values);
    first.commit(&offsets("resume", 10), CommitMode::Sync).expect("a commit");
    drop(first);
    assert_eq!(take(&member("resume", "resume"), 10).await, values[10..]);
}

async fn seek() {
    let values = values("seek", 20);
    produce(&producer(&[]), "seek", &values).await;
    let reader = reader("seek", &[]);
    assert_eq!(take(&reader, 20).await, values);
    reader.seek("seek", 0, Offset(15), PATIENCE).expect("it seeks");
    assert_eq!(take(&reader, 5).await, values[15..]);
    reader.seek("seek", 0, Beginning, PATIENCE).expect("it seeks");
    assert_eq!(take(&reader, 20).await, values);
}

async fn admin() {
    let admin: AdminClient<DefaultClientContext> = config(&[]).create().expect("an admin client");
    let asks: BaseConsumer = config(&[]).create().expect("a client that asks");
    let topics = || {
        let metadata = asks.fetch_metadata(None, PATIENCE).expect("metadata");
        metadata.topics().iter().map(|topic| (topic.name().to_owned(), topic.partitions().len())).collect::<Vec<_>>()
    };
    let topic = NewTopic::new("admin", 3, TopicReplication::Fixed(1));
    admin.create_topics([&topic], &AdminOptions::new()).await.expect("an answer")[0].as_ref().expect("it is created");
    until(|| "three partitions".to_owned(), || topics().contains(&("admin".to_owned(), 3))).await;
    let groups = asks.fetch_group_list(None, PATIENCE).expect("groups");
    assert!(groups.groups().iter().any(|group| group.name() == "group"));
    admin.delete_topics(&["admin"], &AdminOptions::new()).await.expect("an answer")[0].as_ref().expect("it is deleted");
    until(|| "the topic is listed no more".to_owned(), || topics().iter().all(|(name, _)| name != "admin")).await;
}

async fn restart() {
    let seen = Seen::default();
    let member = Grouped::join("restart", "classic", seen.clone());
    let producer = producer(&[]);
    let send = move |partition, value: String| {
        let producer = producer.clone();
        async move { send(&producer, "restart", partition, &value).await.is_ok() }
    };
    live_through_restart(send, &seen).await;
    member.leave().await;
}

#[tokio::main]
async fn main() {
    for name in ["none", "gzip", "snappy", "lz4", "zstd"] {
        shows(name, codec(name)).await;
    }
    shows("idempotent", idempotent()).await;
    shows("transactions", transactions()).await;
    shows("exactly-once", exactly_once()).await;
    shows("group", group("group", "classic")).await;
    shows("group-848", group("group-848", "consumer")).await;
    lacks("share", "it has no share consumer");
    shows("resume", resume()).await;
    shows("seek", seek()).await;
    shows("admin", admin()).await;
    shows("restart", restart()).await;
}
