//! A data directory in which bits have flipped or files are missing: it is said out loud, and nothing else is lost.

use std::fs;
use std::path::{Path, PathBuf};

use millpond_tests::broker::Broker;

use super::command;

const FIRST: &str = "00000000000000000000.log";

/// A broker with topics `one` and `two`, a record in each, stopped in good order or killed.
fn with_two_topics(cleanly: bool) -> Option<Broker> {
    let settings = [("log.flush.offset.checkpoint.interval.ms", "1000000")];
    let mut broker = Broker::start_own_or_skip("damage", &settings)?;
    for topic in ["one", "two"] {
        command(&broker, &format!("topic create {topic}"), "");
        command(&broker, &format!("produce {topic}"), "kept\n");
    }
    if cleanly {
        broker.stop();
    } else {
        broker.kill();
    }
    Some(broker)
}

fn flip(file: &Path, position: usize) {
    let mut bytes = fs::read(file).expect("the file is there");
    *bytes.get_mut(position).expect("a byte of the file") ^= 0x10;
    fs::write(file, bytes).expect("the file can be written");
}

/// The records of a topic, wherever its directory is called now.
fn records_of(data: &Path, topic: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(data).expect("the data directory").map(|entry| entry.expect("an entry").path());
    let named = entries.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(topic)));
    named.map(|path| path.join(FIRST)).filter(|path| fs::metadata(path).is_ok_and(|file| file.len() > 0)).collect()
}

#[test]
fn a_bit_that_flips_in_the_catalogue_costs_no_topic_its_records() {
    for cleanly in [true, false] {
        let Some(mut broker) = with_two_topics(cleanly) else { return };
        let data = broker.data_dir();
        let catalog = data.join("__cluster_metadata-0").join(FIRST);
        let whole = fs::read(&catalog).expect("the catalogue is there");
        for position in (0..whole.len()).step_by(61) {
            fs::write(&catalog, &whole).expect("the catalogue can be written");
            flip(&catalog, position);
            if broker.try_start().is_ok() {
                broker.kill();
            }
            for topic in ["one-0", "two-0"] {
                assert_eq!(records_of(&data, topic).len(), 1, "clean {cleanly}, byte {position}: the records of {topic}");
            }
        }
    }
}

#[test]
fn a_directory_that_no_topic_claims_is_set_aside() {
    let Some(mut broker) = with_two_topics(true) else { return };
    let data = broker.data_dir();
    let three = data.join("three-0");
    fs::rename(data.join("two-0"), &three).expect("the directory can be renamed");
    let identity = "version: 0\ntopic_id: bWlsbHBvbmQtbWlsbHBvbg\n";
    fs::write(three.join("partition.metadata"), identity).expect("its identity can be changed");
    broker.restart();
    assert_eq!(command(&broker, "topic list", ""), "one\ntwo\n");
    assert_eq!(command(&broker, "consume one --from earliest --exit-at-end", ""), "kept\n");
    let found = records_of(&data, "three-0");
    assert!(matches!(&found[..], [path] if path.to_string_lossy().contains("-stray/")), "{found:?}");
}

#[test]
fn without_a_catalogue_nothing_is_touched() {
    let Some(mut broker) = with_two_topics(true) else { return };
    let data = broker.data_dir();
    let elsewhere = data.with_extension("catalogue");
    fs::rename(data.join("__cluster_metadata-0"), &elsewhere).expect("the catalogue can be moved");
    let refused = broker.try_start().expect_err("nobody knows which topics there are");
    assert!(refused.contains("restore this log from a copy"), "{refused}");
    for topic in ["one-0", "two-0"] {
        let found = records_of(&data, topic);
        assert!(matches!(&found[..], [path] if path.starts_with(data.join(topic))), "{found:?}");
    }
    fs::remove_dir_all(data.join("__cluster_metadata-0")).ok();
    fs::rename(&elsewhere, data.join("__cluster_metadata-0")).expect("the catalogue can be moved back");
    broker.restart();
    assert_eq!(command(&broker, "consume two --from earliest --exit-at-end", ""), "kept\n");
}

#[test]
fn one_damaged_batch_of_groups_does_not_keep_the_broker_from_starting() {
    let Some(mut broker) = with_two_topics(true) else { return };
    broker.restart();
    for group in ["g", "h"] {
        command(&broker, &format!("group reset-offsets {group} --topic one --to-offset 1 --execute"), "");
    }
    broker.stop();
    let data = broker.data_dir();
    for index in 0..4 {
        let log = data.join(format!("__consumer_offsets-{index}")).join(FIRST);
        if fs::metadata(&log).is_ok_and(|file| file.len() > 70) {
            flip(&log, 70);
        }
    }
    broker.restart();
    assert_eq!(command(&broker, "consume one --from earliest --exit-at-end", ""), "kept\n");
}

#[test]
fn what_is_missing_of_a_log_is_told_from_the_log_that_has_an_end() {
    let Some(mut broker) = with_two_topics(true) else { return };
    let log = broker.data_dir().join("one-0").join(FIRST);
    fs::write(&log, b"").expect("the log can be written");
    broker.restart();
    command(&broker, "consume one --from earliest --exit-at-end", "");
    assert!(broker.said().contains("records that were on the disk are gone"), "{}", broker.said());
    assert_eq!(command(&broker, "consume two --from earliest --exit-at-end", ""), "kept\n");
}
