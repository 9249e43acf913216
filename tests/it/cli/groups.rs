//! `millpond group`, and `millpond consume --group`

use core::time::Duration;
use std::thread;

use millpond::client::cluster::Cluster;
use millpond::client::connection::Options;
use millpond::protocol::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use millpond::protocol::messages::share_group_heartbeat::ShareGroupHeartbeatRequest;
use millpond_core::wire::schema::Message;
use millpond_core::wire::value::Array;
use serde_json::Value;

use super::{World, run};

#[test]
fn a_group_goes_on_where_it_left_off() {
    let world = World::new();
    world.run("topic create t --partitions 2").ok();
    world.feed("produce t --partition 0", "a\nb\nc\n").ok();
    assert_eq!(world.run("consume t --group g --max-records 2").ok(), "a\nb\n");
    assert_eq!(world.run("consume t --group g --exit-at-end").ok(), "c\n");
    assert_eq!(world.run("consume t --group g --exit-at-end").ok(), "");
    world.feed("produce t --partition 0", "d\n").ok();
    assert_eq!(world.run("group list --state Empty").ok(), "GROUP  STATE  TYPE     PROTOCOL\ng      Empty  classic  consumer\n");
    assert_eq!(world.run("group list --state Stable --format json").ok(), "[]\n");
    let described: Value = serde_json::from_str(&world.run("group describe g --format json").ok()).expect("JSON");
    let first = &described[0]["partitions"][0];
    assert_eq!((&first["committed_offset"], &first["log_end_offset"], &first["lag"]), (&3.into(), &4.into(), &1.into()));
    assert!(world.run("group describe g").ok().contains("t      0          3          4        1    -\n"));
    assert_eq!(world.run("group delete g").ok(), "deleted group g\n");
    assert!(world.run("group delete g").failed().contains("deleting group g: GROUP_ID_NOT_FOUND (69)"));
    assert!(world.run("group describe g").failed().contains("group g: GROUP_ID_NOT_FOUND (69)"));
}

#[test]
fn offsets_are_moved_only_when_that_is_said() {
    let world = World::new();
    world.run("topic create t --partitions 2").ok();
    world.feed("produce t --partition 0", "a\nb\nc\n").ok();
    world.run("consume t --group g --exit-at-end").ok();
    let done = world.run("group reset-offsets g --topic t --to-earliest");
    assert_eq!(done.err, "nothing was changed; --execute does it\n");
    assert_eq!(done.ok(), "TOPIC  PARTITION  CURRENT  NEW\nt      0          3        0\nt      1          0        0\n");
    let new = |options: &str| -> i64 {
        let listed: Value = serde_json::from_str(&world.run(&format!("group reset-offsets g --format json {options}")).ok()).expect("JSON");
        listed[0]["new_offset"].as_i64().expect("a number")
    };
    assert_eq!(new("--topic t:0 --shift-by -2 --execute"), 1);
    assert_eq!(new("--topic t:0 --shift-by 1"), 2);
    assert_eq!(new("--topic t:0 --shift-by -9"), 0);
    assert_eq!(new("--topic t:0 --to-latest"), 3);
    assert_eq!(new("--topic t:0 --to-offset 99"), 3);
    assert_eq!(new("--topic t:0 --to-datetime 2020-01-01T00:00:00Z"), 0);
    assert_eq!(new("--topic t:0 --to-datetime 2999-01-01"), 3);
    assert_eq!(world.run("consume t --group g --exit-at-end").ok(), "b\nc\n");
    assert!(world.run("group reset-offsets h --topic t --shift-by 1").failed().contains("nothing to shift"));
    assert!(world.run("group reset-offsets g --topic t:5 --to-latest").failed().contains("there is no partition 5"));
    assert!(world.run("group reset-offsets g --topic t:x --to-latest").failed().contains("x is not the number of a partition"));
    assert!(world.run("group reset-offsets g --topic gone --to-latest").failed().contains("UNKNOWN_TOPIC_OR_PARTITION"));
}

#[test]
fn two_members_share_the_partitions_and_are_in_the_way_of_whoever_moves_offsets() {
    let world = World::new();
    world.run("topic create t --partitions 2").ok();
    let member = || {
        let address = world.address.clone();
        thread::spawn(move || run(&address, "consume t --group g --max-records 1", Vec::new()))
    };
    let members = [member(), member()];
    // Both are in, and each holds one partition.
    let mut described = Value::Null;
    for _ in 0..200 {
        let done = world.run("group describe g --format json");
        described = serde_json::from_str(&done.out).unwrap_or_default();
        let sizes: Vec<usize> = described[0]["members"]
            .as_array()
            .map(|members| members.iter().filter_map(|member| member["assignment"].as_array().map(Vec::len)).collect())
            .unwrap_or_default();
        if described[0]["state"] == "Stable" && sizes == [1, 1] {
            break;
        }
        thread::park_timeout(Duration::from_millis(50));
    }
    assert_eq!(described[0]["members"].as_array().map(Vec::len), Some(2), "{described}");
    assert_eq!(described[0]["assignor"], "range");
    let words = world.run("group reset-offsets g --topic t --to-latest --execute").failed();
    assert!(words.contains("group g has 2 members and is Stable: stop its consumers first"), "{words}");
    assert!(world.run("group delete g").failed().contains("NON_EMPTY_GROUP (68)"));
    world.feed("produce t --partition 0", "a\n").ok();
    world.feed("produce t --partition 1", "b\n").ok();
    let mut read: Vec<String> = members.into_iter().map(|member| member.join().expect("no panic").ok()).collect();
    read.sort();
    assert_eq!(read, ["a\n", "b\n"]);
    assert_eq!(world.run("consume t --group g --exit-at-end").ok(), "", "both have committed");
}

#[test]
fn a_member_waits_for_its_coordinator_to_come_back() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let mut world = World::with(&[("listeners", &format!("PLAINTEXT://127.0.0.1:{port}"))]);
    world.run("topic create t").ok();
    world.feed("produce t", "a\n").ok();
    let address = world.address.clone();
    let member = thread::spawn(move || run(&address, "consume t --group g --max-records 2", Vec::new()));
    thread::park_timeout(Duration::from_millis(1_500));
    world.stop();
    // Long enough that a heartbeat and a commit are due, and nobody is there.
    thread::park_timeout(Duration::from_millis(6_000));
    world.start();
    world.feed("produce t", "b\n").ok();
    assert_eq!(member.join().expect("no panic").ok(), "a\nb\n");
    assert_eq!(world.run("consume t --group g --exit-at-end").ok(), "", "it has committed");
}

/// A member of a consumer group that was told its part, and one of a share group; neither says anything more.
async fn join_both(address: &str) {
    let mut cluster = Cluster::connect(address, Options::default()).await.expect("a broker");
    let topics = ["t"];
    let none = [];
    let heartbeat = ConsumerGroupHeartbeatRequest {
        group_id: "c",
        member_id: "one",
        instance_id: Some("first"),
        rebalance_timeout_ms: 30_000,
        subscribed_topic_names: Some(Array::from(&topics)),
        topic_partitions: Some(Array::from(&none)),
        ..Default::default()
    };
    cluster
        .ask_coordinator("c", &heartbeat, <ConsumerGroupHeartbeatRequest<'_> as Message<'_>>::VERSIONS, |_| Ok(()))
        .await
        .expect("a seat");
    let heartbeat = ShareGroupHeartbeatRequest {
        group_id: "s",
        member_id: "two",
        subscribed_topic_names: Some(Array::from(&topics)),
        ..Default::default()
    };
    // The group begins to share with the first, and the second is told what it has.
    for _ in 0..2 {
        let versions = <ShareGroupHeartbeatRequest<'_> as Message<'_>>::VERSIONS;
        cluster.ask_coordinator("s", &heartbeat, versions, |_| Ok(())).await.expect("a seat");
    }
}

#[test]
fn groups_of_each_kind_are_described() {
    let world = World::with(&[("group.share.assignment.interval.ms", "0")]);
    world.run("topic create t --partitions 2").ok();
    world.feed("produce t --partition 0", "a\nb\nc\n").ok();
    world.runtime.block_on(join_both(&world.address));
    let consumers = world.run("group describe c").ok();
    assert!(consumers.starts_with("group c  type consumer  state Stable  assignor uniform  members 1\n"), "{consumers}");
    assert!(consumers.contains("one     first"), "{consumers}");
    assert!(consumers.contains("t:0,1"), "{consumers}");
    assert!(consumers.contains("t      0          -          3        -    one"), "{consumers}");
    let shared: Value = serde_json::from_str(&world.run("group describe s --format json").ok()).expect("JSON");
    assert_eq!((&shared[0]["type"], &shared[0]["state"]), (&"share".into(), &"Stable".into()), "{shared}");
    assert_eq!(shared[0]["members"][0]["assignment"].as_array().map(Vec::len), Some(2), "{shared}");
    // Whoever moves offsets is told what is in the way.
    let words = world.run("group reset-offsets c --topic t --to-latest --execute").failed();
    assert!(words.contains("group c has 1 member and is Stable: stop its consumers first"), "{words}");
    let words = world.run("group reset-offsets s --topic t --to-latest --execute").failed();
    assert!(words.contains("group s is a share group, which commits no offsets"), "{words}");
    let done = world.run("group reset-offsets other --topic t:0 --to-offset 99");
    assert!(done.err.contains("t-0 has offsets from 0 to 3: 99 becomes 3\n"), "{}", done.err);
    assert!(world.run("group describe other").failed().contains("GROUP_ID_NOT_FOUND (69)"));
}
