//! Ten thousand connections at once: all are served, none costs much, and when they are gone so is what they took.

use core::time::Duration;
use std::fs;

use millpond_tests::broker::Broker;
use millpond_tests::wait::poll;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::command;
use super::hostile::{connect, is_answered};

const CONNECTIONS: usize = 10_000;
/// What one may cost the broker while nothing happens on it. Unit: bytes.
const IDLE_MAX: usize = 8 << 10;

/// Makes room for so many open files in this process, and in those that it starts. Answers whether there is.
fn may_open(files: usize) -> bool {
    let files = u64::try_from(files).unwrap_or(u64::MAX);
    let limit = getrlimit(Resource::Nofile);
    let has = |bound: Option<u64>| bound.is_none_or(|bound| bound >= files);
    let maximum = if has(limit.maximum) { limit.maximum } else { Some(files) };
    has(limit.current) || setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum }).is_ok()
}

/// What the system says of the broker's process: its memory in bytes, and how many files and sockets it has open.
fn figures(broker: &Broker) -> Option<(usize, usize)> {
    let process = format!("/proc/{}", broker.process_id());
    let status = fs::read_to_string(format!("{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: usize = line.split_whitespace().next()?.parse().ok()?;
    Some((kibibytes << 10, fs::read_dir(format!("{process}/fd")).ok()?.count()))
}

#[test]
fn ten_thousand_connections_are_served_and_forgotten() {
    if !may_open(CONNECTIONS + 500) {
        println!("skipped: ten thousand connections (this user may not open so many files)");
        return;
    }
    let Some(broker) = Broker::start_own_or_skip("ten thousand connections", &[]) else { return };
    command(&broker, "topic create t", "");
    command(&broker, "produce t", "before\n");
    let address = broker.bootstrap().parse().expect("an address");
    let before = figures(&broker);

    let mut streams: Vec<_> = (0..CONNECTIONS).map(|_| connect(address)).collect();
    // Twice: who was served once is served again when all the others are there.
    for _ in 0..2 {
        assert!(streams.iter_mut().all(is_answered), "everybody is served");
    }
    command(&broker, "produce t", "meanwhile\n");
    assert_eq!(command(&broker, "consume t --from earliest --exit-at-end", ""), "before\nmeanwhile\n");
    if let (Some((idle, _)), Some((busy, _))) = (before, figures(&broker)) {
        let each = busy.saturating_sub(idle) / CONNECTIONS;
        println!("{CONNECTIONS} connections: {} MiB instead of {}, {each} bytes each", busy >> 20, idle >> 20);
        assert!(each <= IDLE_MAX, "a connection on which nothing happens takes {each} bytes");
    }

    drop(streams);
    if let Some((_, files)) = before {
        until_there_are_no_more_files_than(&broker, files + 10);
    }
    command(&broker, "produce t", "after\n");
    assert_eq!(command(&broker, "consume t --from earliest --exit-at-end", ""), "before\nmeanwhile\nafter\n");
}

/// More connections than the broker may open files: who is connected is served, and when somebody leaves others come in.
#[test]
fn who_is_connected_is_served_while_others_find_no_room() {
    let Some(mut broker) = Broker::start_own_or_skip("more connections than files", &[("num.network.threads", "2")]) else { return };
    broker.stop();
    // Its own files and those of the log are among them.
    broker.limit_files(100);
    broker.restart();
    command(&broker, "topic create t", "");
    let address = broker.bootstrap().parse().expect("an address");
    let mut streams = Vec::new();
    let mut served = 0;
    for _ in 0..150 {
        let mut stream = connect(address);
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        if !is_answered(&mut stream) {
            break;
        }
        streams.push(stream);
        served += 1;
    }
    assert!((40..100).contains(&served), "{served} connections were served with 100 files");
    assert!(streams.iter_mut().all(is_answered), "who was there before is served as ever");
    assert!(broker.said().contains("a connection could not be accepted"), "{}", broker.said());
    streams.truncate(10);
    command(&broker, "produce t", "room\n");
    assert_eq!(command(&broker, "consume t --from earliest --exit-at-end", ""), "room\n");
}

fn until_there_are_no_more_files_than(broker: &Broker, files: usize) {
    let settled = poll(|| figures(broker).filter(|(_, open)| *open <= files));
    assert!(settled.is_some(), "not within 30 s: no more than {files} open files, but {:?}", figures(broker));
}
