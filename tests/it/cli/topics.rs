//! `millpond topic`

use serde_json::Value;

use super::World;

#[test]
fn a_topic_lives_and_dies() {
    let world = World::new();
    assert_eq!(world.run("topic create t --partitions 2 --config retention.ms=1000").ok(), "created topic t with 2 partitions\n");
    assert_eq!(world.run("topic create u").ok(), "created topic u with 1 partition\n");
    assert_eq!(world.run("topic list").ok(), "t\nu\n");
    let described = world.run("topic describe t").ok();
    assert!(described.starts_with("topic t  id ") && described.contains("partitions 2  replication-factor 1\n  retention.ms=1000\n"));
    assert_eq!(world.run("topic alter t --partitions 3 --set cleanup.policy=compact --unset retention.ms").ok(), "altered topic t\n");
    let described: Value = serde_json::from_str(&world.run("topic describe t --format json").ok()).expect("JSON");
    assert_eq!(described[0]["configs"], serde_json::json!({ "cleanup.policy": "compact" }));
    assert_eq!(described[0]["partitions"].as_array().map(Vec::len), Some(3));
    assert_eq!(described[0]["partitions"][2]["leader"], described[0]["partitions"][0]["replicas"][0]);
    assert_eq!(world.run("topic delete t u").ok(), "deleted topic t\ndeleted topic u\n");
    assert_eq!(world.run("topic list").ok(), "");
    let listed: Value = serde_json::from_str(&world.run("topic list --format json").ok()).expect("JSON");
    assert_eq!(listed, serde_json::json!([]));
}

#[test]
fn a_topic_that_is_there_and_one_that_is_not() {
    let world = World::new();
    world.run("topic create t").ok();
    let words = world.run("topic create t").failed();
    assert!(words.contains("creating topic t: TOPIC_ALREADY_EXISTS (36)") && words.contains("--if-not-exists"), "{words}");
    let done = world.run("topic create t --if-not-exists --partitions 7");
    assert!(done.err.contains("nothing was changed"));
    done.ok();
    let done = world.run("topic describe t gone");
    assert!(done.out.starts_with("topic t "), "what is there is told all the same");
    assert!(done.failed().contains("topic gone: UNKNOWN_TOPIC_OR_PARTITION (3)"));
    let done = world.run("topic delete gone t");
    assert_eq!(done.out, "deleted topic t\n");
    assert!(done.failed().contains("deleting topic gone: UNKNOWN_TOPIC_OR_PARTITION (3)"));
    assert!(world.run("topic delete gone --if-exists").ok().is_empty());
    assert!(world.run("topic alter gone --set retention.ms=1").failed().contains("configuring topic gone: "));
}

#[test]
fn a_change_that_is_half_wrong_changes_nothing() {
    let world = World::new();
    world.run("topic create t --partitions 3").ok();
    let words = world.run("topic alter t --set retention.ms=5 --partitions 2").failed();
    assert!(words.contains("adding partitions to topic t: INVALID_PARTITIONS (37)"), "{words}");
    let words = world.run("topic alter t --set retention.ms=soon --partitions 4").failed();
    assert!(words.contains("configuring topic t: INVALID_CONFIG (40)"), "{words}");
    let described: Value = serde_json::from_str(&world.run("topic describe t --format json").ok()).expect("JSON");
    assert_eq!(described[0]["configs"], serde_json::json!({}));
    assert_eq!(described[0]["partitions"].as_array().map(Vec::len), Some(3));
    assert!(world.run("topic create b/d").failed().contains("INVALID_TOPIC_EXCEPTION (17)"));
    assert!(world.run("topic create v --config nope=1").failed().contains("INVALID_CONFIG (40)"));
}
