//! A broker that compacts: its logs stay small, and nobody sees it but by that.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use millpond::client::cluster::Cluster;
use millpond::client::connection::Options;
use millpond::client::offsets::{self, Committer};
use millpond_tests::broker::Broker;
use millpond_tests::wait::poll;

use super::command;

/// Settings with which it is compacted at once, and often.
const QUICK: &[(&str, &str)] =
    &[("log.cleaner.backoff.ms", "20"), ("log.segment.bytes", "1048576"), ("log.cleaner.min.cleanable.ratio", "0.1")];

/// The bytes of a partition's files of one kind, and how many there are.
fn size_of(data: &Path, partition: &str, kind: &str) -> (u64, usize) {
    let files = fs::read_dir(data.join(partition)).into_iter().flatten().flatten();
    let sizes: Vec<u64> = files
        .filter(|file| file.file_name().to_string_lossy().ends_with(kind))
        .filter_map(|file| file.metadata().ok())
        .map(|metadata| metadata.len())
        .collect();
    (sizes.iter().sum(), sizes.len())
}

/// Waits until a partition's log is smaller than so many bytes.
fn until_small(broker: &Broker, partition: &str, limit: u64) {
    let size = || size_of(&broker.data_dir(), partition, ".log");
    let is_small = poll(|| (size().0 < limit).then_some(())).is_some();
    assert!(is_small, "{partition} has {:?} bytes and files after 30 s", size());
}

const RECORDS: usize = 50_000;
const KEYS: usize = 100;

/// Reads a topic from its start: what is last said of each key, and how many records that took.
fn last_values(broker: &Broker, topic: &str) -> (BTreeMap<String, String>, usize) {
    let read = command(broker, &format!("consume {topic} --from earliest --exit-at-end --print-key"), "");
    let pairs: Vec<(String, String)> =
        read.lines().filter_map(|line| line.split_once('\t')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let count = pairs.len();
    (pairs.into_iter().collect(), count)
}

#[test]
fn of_fifty_thousand_records_the_last_of_each_key_is_left() {
    let Some(mut broker) = Broker::start_own_or_skip("compaction", QUICK) else { return };
    for compression in ["none", "lz4"] {
        let topic = format!("keyed-{compression}");
        command(&broker, &format!("topic create {topic} --config cleanup.policy=compact"), "");
        let mut lines = String::new();
        for number in 0..RECORDS {
            // Long, and of many letters, so that compression does not make one segment of it all.
            let noise = number.wrapping_mul(2_654_435_761) % 1_000_000_007;
            write!(lines, "k{}={number}", number % KEYS).expect("text");
            for factor in [1, 7, 31, 127, 511, 2047, 8191, 32_767] {
                write!(lines, "-{:09}", noise * factor % 999_999_937).expect("text");
            }
            lines.push('\n');
        }
        command(&broker, &format!("produce {topic} --key-separator = --batch-bytes 16384 --compression {compression}"), &lines);
        until_small(&broker, &format!("{topic}-0"), 1_300_000);
        let expected: BTreeMap<String, String> =
            lines.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let (found, count) = last_values(&broker, &topic);
        assert_eq!(found, expected);
        assert!(count < RECORDS / 2, "{count} records are left");
        broker.kill();
        broker.restart();
        assert_eq!(last_values(&broker, &topic), (expected.clone(), count));
        broker.stop();
        let checkpoint = fs::read_to_string(broker.data_dir().join("cleaner-offset-checkpoint")).expect("it was compacted");
        assert!(checkpoint.lines().any(|line| line.starts_with(&format!("{topic} 0 "))), "{checkpoint}");
        let leftovers = size_of(&broker.data_dir(), &format!("{topic}-0"), ".cleaned").1
            + size_of(&broker.data_dir(), &format!("{topic}-0"), ".swap").1;
        assert_eq!(leftovers, 0);
        broker.restart();
        assert_eq!(last_values(&broker, &topic), (expected, count));
        // It goes on where it was: what comes now is compacted too.
        command(&broker, &format!("produce {topic} --key-separator = --batch-bytes 16384 --compression {compression}"), &lines);
        until_small(&broker, &format!("{topic}-0"), 1_300_000);
        assert_eq!(last_values(&broker, &topic).0.len(), KEYS);
    }
}

#[test]
fn committed_offsets_take_no_more_room_after_twenty_thousand_commits() {
    const PARTITIONS: i32 = 20;
    let settings = [QUICK, &[("offsets.topic.num.partitions", "1"), ("offsets.topic.segment.bytes", "1048576")]].concat();
    let Some(mut broker) = Broker::start_own_or_skip("compaction of __consumer_offsets", &settings) else { return };
    command(&broker, &format!("topic create t --partitions {PARTITIONS}"), "");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut expected = BTreeMap::new();
    runtime.block_on(async {
        let mut cluster = Cluster::connect(broker.bootstrap(), Options::default()).await.expect("connects");
        for round in 0..1000i64 {
            expected = (0..PARTITIONS).map(|index| (("t".to_owned(), index), round * 100 + i64::from(index))).collect();
            offsets::commit(&mut cluster, "a-group-with-a-long-name", Committer::OUTSIDER, &expected).await.expect("is committed");
        }
    });
    until_small(&broker, "__consumer_offsets-0", 1_200_000);
    let committed = |broker: &Broker| {
        runtime.block_on(async {
            let mut cluster = Cluster::connect(broker.bootstrap(), Options::default()).await.expect("connects");
            offsets::committed(&mut cluster, "a-group-with-a-long-name", None).await.expect("are told")
        })
    };
    assert_eq!(committed(&broker), expected);
    broker.kill();
    broker.restart();
    assert_eq!(committed(&broker), expected, "after a kill");
    broker.stop();
    broker.restart();
    assert_eq!(committed(&broker), expected, "after a stop");
    assert!(!broker.said().contains("left out"), "nothing was damaged:\n{}", broker.said());
}
