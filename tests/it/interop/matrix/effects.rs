//! What is to be seen on the disk and in the broker when a client says that it did something.

use std::fs;
use std::path::Path;

use millpond_tests::broker::Broker;
use millpond_tests::command;
use serde_json::Value;

use millpond_core::record::batch::{Batch, Header};
use millpond_core::record::codec::Compression;
use millpond_core::record::marker::{EndMarker, Outcome};

/// What the driver sees of a capability for itself, beside what the program saw.
///
/// # Panics
/// When it is not there.
pub(super) fn check(capability: &str, broker: &Broker) {
    let data_dir = &*broker.data_dir();
    match capability {
        "none" => compressed_with(Compression::None, capability, data_dir),
        "gzip" => compressed_with(Compression::Gzip, capability, data_dir),
        "snappy" => compressed_with(Compression::Snappy, capability, data_dir),
        "lz4" => compressed_with(Compression::Lz4, capability, data_dir),
        "zstd" => compressed_with(Compression::Zstd, capability, data_dir),
        "idempotent" => numbered_without_gaps(data_dir),
        "transactions" => ended_with_markers(data_dir, "transactions"),
        "exactly-once" => ended_with_markers(data_dir, "transfer-out"),
        "group" => has_group_of_type(broker, capability, "classic"),
        "group-848" => has_group_of_type(broker, capability, "consumer"),
        "share" => has_group_of_type(broker, capability, "share"),
        "admin" => {
            let left = data_dir.join("admin-0");
            assert!(!left.exists(), "{} was deleted and is still there", left.display());
        }
        _ => {}
    }
}

fn compressed_with(codec: Compression, capability: &str, data_dir: &Path) {
    let headers = headers(data_dir, &format!("codec-{capability}"));
    let stored: Vec<_> = headers.iter().map(Header::compression).collect();
    assert!(!stored.is_empty() && stored.iter().all(|found| *found == Some(codec)), "{capability}: on the disk there is {stored:?}");
}

/// A client that was asked for the one protocol has not taken the other.
fn has_group_of_type(broker: &Broker, group: &str, expected: &str) {
    let listed = command::run(broker.bootstrap(), "group list --format json", Vec::new()).ok();
    let listed: Value = serde_json::from_str(&listed).expect("it is JSON");
    let found = listed.as_array().into_iter().flatten().find(|row| row["group"] == group).map(|row| &row["type"]);
    let found = found.and_then(Value::as_str).map(str::to_lowercase);
    assert_eq!(found.as_deref(), Some(expected), "{group}: the type of the group in {listed}");
}

/// Every batch has a producer's number, and their sequences follow each other.
fn numbered_without_gaps(data_dir: &Path) {
    let (mut next, mut producer) = (0, None);
    for header in headers(data_dir, "idempotent") {
        let stamp = header.producer().expect("an idempotent producer numbers its batches");
        assert_eq!(*producer.get_or_insert(stamp.id), stamp.id, "there was one producer");
        assert_eq!(stamp.base_sequence.0, next, "sequences follow each other");
        next += header.record_count();
    }
    assert_eq!(next, 100, "idempotent: records on the disk");
}

/// Transactions that were committed, and one that was aborted.
fn ended_with_markers(data_dir: &Path, topic: &str) {
    let (mut commits, mut aborts) = (0, 0);
    each_batch(data_dir, topic, |batch| {
        let header = batch.header();
        assert!(header.is_transactional(), "{topic}: a batch of no transaction");
        if !header.is_control() {
            return;
        }
        let record = batch.records().and_then(|mut records| records.next()).expect("a marker has a record").expect("it can be read");
        match EndMarker::read(&record).expect("it is a marker").outcome {
            Outcome::Commit => commits += 1,
            Outcome::Abort => aborts += 1,
        }
    });
    assert_eq!((commits, aborts), (2, 1), "{topic}: commits and aborts on the disk");
}

fn headers(data_dir: &Path, topic: &str) -> Vec<Header> {
    let mut headers = Vec::new();
    each_batch(data_dir, topic, |batch| headers.push(*batch.header()));
    headers
}

/// The batches of a topic's first partition.
fn each_batch(data_dir: &Path, topic: &str, mut see: impl FnMut(&Batch<'_>)) {
    let log = data_dir.join(format!("{topic}-0/00000000000000000000.log"));
    let bytes = fs::read(&log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
    let mut rest = &*bytes;
    while !rest.is_empty() {
        let (batch, behind) = Batch::split_first(rest).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        see(&batch);
        rest = behind;
    }
}
