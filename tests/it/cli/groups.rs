//! `millpond group`, and `millpond consume --group`

use core::time::Duration;
use std::thread;

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
