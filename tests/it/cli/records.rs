//! `millpond produce` and `millpond consume`

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use millpond::client::partitioner::partition_of_key;
use serde_json::{Value, json};

use super::{World, run};

#[test]
fn what_is_produced_is_consumed_whatever_the_compression() {
    let world = World::new();
    let lines: String = (0..2000).map(|number| format!("a line with the number {number}\n")).collect();
    for compression in ["none", "gzip", "snappy", "lz4", "zstd"] {
        world.run(&format!("topic create {compression}")).ok();
        let done = world.feed(&format!("produce {compression} --compression {compression} --batch-bytes 20000"), &lines);
        assert_eq!(done.err, format!("wrote 2000 records to {compression}\n"));
        done.ok();
        assert!(world.run(&format!("consume {compression} --exit-at-end")).ok() == lines, "{compression}");
    }
}

#[test]
fn keys_live_where_kafkas_partitioner_puts_them() {
    let world = World::new();
    world.run("topic create t --partitions 5").ok();
    let input: String = (0..50).map(|number| format!("key{number}:{number}\n")).collect();
    world.feed("produce t --key-separator :", &input).ok();
    let mut seen = 0;
    for line in world.run("consume t --exit-at-end --format %p~%k\\n").ok().lines() {
        let (partition, key) = line.split_once(' ').expect("two words");
        assert_eq!(partition, partition_of_key(key.as_bytes(), 5).to_string());
        seen += 1;
    }
    assert_eq!(seen, 50);
}

#[test]
fn records_are_shown_faithfully() {
    let world = World::new();
    world.run("topic create t").ok();
    run(&world.address, "produce t --key-separator = --header a=1 --header a=", b"k\xff=v\r\n=\n".to_vec()).ok();
    world.run("produce t --value x=y --value z --partition 0").ok();
    let out = world.run("consume t --exit-at-end --format json").ok();
    let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(records.len(), 4);
    assert_eq!((&records[0]["key"], &records[0]["value"]), (&json!({ "base64": "a/8=" }), &json!("v")));
    assert_eq!(records[0]["headers"], json!([{ "key": "a", "value": "1" }, { "key": "a", "value": "" }]));
    assert_eq!((&records[1]["key"], &records[1]["value"]), (&json!(""), &json!("")));
    assert_eq!((&records[2]["key"], &records[2]["value"], &records[2]["offset"]), (&Value::Null, &json!("x=y"), &json!(2)));
    let lines = world.run("consume t --from 2 --exit-at-end --print-key --print-offset --print-partition --print-headers").ok();
    assert_eq!(lines, "Partition:0\tOffset:2\tNO_HEADERS\tnull\tx=y\nPartition:0\tOffset:3\tNO_HEADERS\tnull\tz\n");
}

#[test]
fn reading_begins_and_ends_where_it_is_told() {
    let world = World::new();
    world.run("topic create t --partitions 2").ok();
    world.feed("produce t --partition 1", "a\nb\nc\n").ok();
    assert_eq!(world.run("consume t --from 1 --partition 1 --max-records 1").ok(), "b\n");
    assert_eq!(world.run("consume t --from latest --exit-at-end").ok(), "");
    assert_eq!(world.run("consume t --from timestamp:2020-01-01 --exit-at-end").ok(), "a\nb\nc\n");
    assert_eq!(world.run("consume t --from timestamp:2999-01-01T00:00:00Z --exit-at-end").ok(), "");
    assert_eq!(world.run("consume t --max-records 0").ok(), "");
    let words = world.run("consume t --partition 1 --from 9").failed();
    assert!(words.contains("reading t-1 at offset 9, where 0 to 3 are: OFFSET_OUT_OF_RANGE (1)"), "{words}");
    assert!(world.run("consume t --partition 2").failed().contains("t has 2 partitions, so there is no partition 2"));
    assert!(world.run("consume gone").failed().contains("topic gone: UNKNOWN_TOPIC_OR_PARTITION (3)"));
}

#[test]
fn a_record_that_is_not_written_is_an_error() {
    let world = World::new();
    world.run("topic create t --config max.message.bytes=2000").ok();
    let done = world.feed("produce t", &format!("small\n{}\nsmall\n", "x".repeat(5000)));
    assert!(done.err.starts_with("wrote 2 records to t\n"), "{}", done.err);
    let words = done.failed();
    assert!(words.contains("1 record was not written") && words.contains("MESSAGE_TOO_LARGE (10)"), "{words}");
    assert_eq!(world.run("consume t --exit-at-end").ok(), "small\nsmall\n");
    let done = world.feed("produce t --key-separator :", "a:1\nb2\nc:3\n");
    assert!(done.failed().contains("line 2 has no \":\" between key and value"));
    assert_eq!(world.run("consume t --from 2 --exit-at-end --print-key").ok(), "a\t1\n", "what came before is written");
    let words = world.feed("produce gone --timeout-ms 300", "x\n").failed();
    assert!(words.contains("topic gone: UNKNOWN_TOPIC_OR_PARTITION (3)"), "{words}");
    assert!(world.feed("produce t --partition 7", "x\n").failed().contains("there is no partition 7"));
}

#[test]
fn who_asks_for_less_certainty_gets_it() {
    let world = World::new();
    world.run("topic create t").ok();
    world.feed("produce t --acks 1", "one\n").ok();
    world.feed("produce t --acks 0", "none\n").ok();
    assert_eq!(world.run("consume t --max-records 2").ok(), "one\nnone\n");
}

/// Takes one frame off a stream; `None` when it has ended.
fn frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).ok()?;
    let mut content = vec![0; usize::try_from(u32::from_be_bytes(prefix)).ok()?];
    stream.read_exact(&mut content).ok()?;
    let frame = [&prefix[..], &content].concat();
    Some(frame)
}

/// Stands before a broker and cuts the connection instead of handing on the answers to the first few Produce requests.
fn cut_before_answers(listener: TcpListener, broker: String, mut cuts: usize) {
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut broker) = (client.expect("a client"), TcpStream::connect(&broker).expect("the broker"));
            while let Some(request) = frame(&mut client) {
                broker.write_all(&request).expect("the broker takes it");
                let Some(answer) = frame(&mut broker) else { break };
                if request.get(4..6) == Some(&[0, 0]) && cuts > 0 {
                    cuts -= 1;
                    break;
                }
                client.write_all(&answer).expect("the client takes it");
            }
        }
    });
}

#[test]
fn kip98_a_batch_whose_answer_was_lost_is_written_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let between = listener.local_addr().expect("an address").to_string();
    let world = World::with(&[("advertised.listeners", &format!("PLAINTEXT://{between}"))]);
    cut_before_answers(listener, world.address.clone(), 3);
    run(&between, "topic create t", Vec::new()).ok();
    let done = run(&between, "produce t --batch-bytes 100", b"a\nb\nc\nd\ne\nf\n".to_vec());
    assert_eq!(done.err, "wrote 6 records to t\n");
    done.ok();
    assert_eq!(run(&between, "consume t --exit-at-end", Vec::new()).ok(), "a\nb\nc\nd\ne\nf\n");
}
