//! Committed offsets through changes around them: settings, deletions, and what a loss of power takes of these.

use std::fs;
use std::path::Path;

use millpond_tests::broker::Broker;
use millpond_tests::command::run;

use super::command;

fn commit(broker: &Broker, group: &str, topic: &str, offset: u32) {
    command(broker, &format!("group reset-offsets {group} --topic {topic} --to-offset {offset} --execute"), "");
}

/// What a group has committed in partition 0 of a topic, as the command line tells it.
fn committed(broker: &Broker, group: &str) -> Option<String> {
    let told = command(broker, &format!("group describe {group} --format json"), "");
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let partitions = told.pointer("/0/partitions").and_then(serde_json::Value::as_array).expect("the group's partitions");
    let committed = partitions.first()?.get("committed_offset").expect("an offset or null");
    committed.as_i64().map(|offset| offset.to_string())
}

fn with_records(broker: &Broker, topic: &str) {
    command(broker, &format!("topic create {topic}"), "");
    command(broker, &format!("produce {topic}"), "1\n2\n3\n4\n5\n6\n7\n8\n");
}

#[test]
fn groups_stay_where_they_are_kept_whatever_the_setting_says_later() {
    let Some(mut broker) = Broker::start_own_or_skip("offsets.topic.num.partitions", &[("offsets.topic.num.partitions", "7")]) else {
        return;
    };
    with_records(&broker, "t");
    let groups: Vec<String> = (0..8).map(|number| format!("g{number}")).collect();
    for group in &groups {
        commit(&broker, group, "t", 3);
    }
    for (count, before, after) in [("1", 3, 5), ("20", 5, 6), ("7", 6, 7)] {
        broker.stop();
        broker.set("offsets.topic.num.partitions", count);
        broker.restart();
        for group in &groups {
            assert_eq!(committed(&broker, group), Some(before.to_string()), "{group}, with the setting {count}");
            commit(&broker, group, "t", after);
        }
    }
    broker.stop();
    broker.restart();
    for group in &groups {
        assert_eq!(committed(&broker, group), Some("7".to_owned()), "{group}");
    }
}

#[test]
fn an_offset_in_a_deleted_topic_is_not_told_of_its_successor() {
    let Some(mut broker) = Broker::start_own_or_skip("lost tombstones", &[("offsets.topic.num.partitions", "1")]) else { return };
    with_records(&broker, "t");
    commit(&broker, "g", "t", 5);
    assert_eq!(committed(&broker, "g"), Some("5".to_owned()));
    broker.stop();
    let log = broker.data_dir().join("__consumer_offsets-0/00000000000000000000.log");
    let before = fs::read(&log).expect("the groups' log");
    broker.restart();
    command(&broker, "topic delete t", "");
    with_records(&broker, "t");
    broker.kill();
    // As if the tombstone had never been written.
    fs::write(&log, before).expect("the groups' log");
    forget(&broker.data_dir());
    broker.restart();
    assert_eq!(committed(&broker, "g"), None);
}

/// Takes away what is remembered of where logs end.
fn forget(data: &Path) {
    for name in ["recovery-point-offset-checkpoint", "replication-offset-checkpoint"] {
        let _ = fs::remove_file(data.join(name));
    }
}

#[test]
fn the_topic_of_the_groups_cannot_be_deleted() {
    let broker = Broker::start(&[]);
    with_records(&broker, "t");
    commit(&broker, "g", "t", 5);
    let said = run(broker.bootstrap(), "topic delete __consumer_offsets", Vec::new()).failed();
    assert!(said.contains("__consumer_offsets"), "{said}");
    assert_eq!(committed(&broker, "g"), Some("5".to_owned()));
}
