//! The Rust half of what `../README.md` tells.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The broker's address.
pub fn bootstrap() -> String {
    std::env::args().nth(1).expect("the broker's address")
}

/// Shows a capability, unless the command line names others.
pub async fn shows(capability: &str, show: impl Future<Output = ()>) {
    if wanted(capability) {
        show.await;
        println!("{capability} ok");
    }
}

/// Says that the client does not offer a capability.
pub fn lacks(capability: &str, why: &str) {
    if wanted(capability) {
        println!("{capability} not offered: {why}");
    }
}

fn wanted(capability: &str) -> bool {
    let mut only = std::env::args().skip(2).peekable();
    only.peek().is_none() || only.any(|name| name == capability)
}

/// Has the broker killed and started again.
fn restart() {
    println!("restart please");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("the driver answers");
    assert_eq!(line, "restarted\n");
}

/// Waits for a condition.
#[allow(clippy::disallowed_methods, reason = "a client has no clock of the broker's")]
pub async fn until(what: impl Fn() -> String, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(120), "not within two minutes: {}", what());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Values that compress well.
pub fn values(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix} {number}{}", " flour".repeat(50))).collect()
}

/// What has been read.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<BTreeSet<String>>>);

impl Seen {
    pub fn add(&self, value: String) {
        self.0.lock().expect("nobody panics").insert(value);
    }

    fn has_all(&self, values: &BTreeSet<String>) -> bool {
        self.0.lock().expect("nobody panics").is_superset(values)
    }

    fn count(&self) -> usize {
        self.0.lock().expect("nobody panics").len()
    }
}

/// A member of a group, which adds to what has been seen what it reads.
#[allow(async_fn_in_trait)]
pub trait Member {
    fn owns(&self) -> Vec<i32>;

    async fn leave(self);
}

/// Has a second member join a group, the first leave, and nothing be lost. `send` writes a value to a partition.
pub async fn rebalance<M: Member>(join: impl Fn(Seen) -> M, send: impl AsyncFn(i32, &str)) {
    let (seen, mut sent) = (Seen::default(), BTreeSet::new());
    let first = join(seen.clone());
    shared(&[&first]).await;
    send_to_all("alone", &send, &mut sent, &seen).await;
    let second = join(seen.clone());
    shared(&[&first, &second]).await;
    send_to_all("shared", &send, &mut sent, &seen).await;
    first.leave().await;
    shared(&[&second]).await;
    send_to_all("taken over", &send, &mut sent, &seen).await;
    second.leave().await;
}

async fn send_to_all(when: &str, send: impl AsyncFn(i32, &str), sent: &mut BTreeSet<String>, seen: &Seen) {
    for partition in 0..4 {
        for value in values(&format!("{when} {partition}"), 10) {
            send(partition, &value).await;
            sent.insert(value);
        }
    }
    until(|| format!("{} values, there are {}", sent.len(), seen.count()), || seen.has_all(sent)).await;
}

async fn shared<M: Member>(members: &[&M]) {
    let owned = || members.iter().map(|member| member.owns()).collect::<Vec<_>>();
    let is_shared = || {
        let owned = owned();
        let mut union = owned.concat();
        union.sort_unstable();
        union == [0, 1, 2, 3] && owned.iter().all(|partitions| !partitions.is_empty())
    };
    until(|| format!("four partitions among the members: {:?}", owned()), is_shared).await;
}

/// Sends and reads while the broker is restarted: what was acknowledged is read in the end. `send` answers whether it was acknowledged.
pub async fn live_through_restart<S: Future<Output = bool> + Send>(send: impl Fn(i32, String) -> S + Send + 'static, seen: &Seen) {
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn({
        let (acknowledged, stop) = (acknowledged.clone(), stop.clone());
        async move {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let value = format!("value {number}");
                if send(number % 2, value.clone()).await {
                    acknowledged.lock().expect("nobody panics").insert(value);
                }
            }
        }
    });
    let count = || acknowledged.lock().expect("nobody panics").len();
    until(|| format!("{} sent and {} read", count(), seen.count()), || count() >= 200 && seen.count() > 0).await;
    tokio::task::spawn_blocking(restart).await.expect("the driver answers");
    let before = count();
    until(|| format!("{} sent after the restart", count() - before), || count() >= before + 200).await;
    stop.store(true, Ordering::Relaxed);
    sending.await.expect("it ends");
    let acknowledged = acknowledged.lock().expect("nobody panics").clone();
    until(|| format!("{} acknowledged, {} read", acknowledged.len(), seen.count()), || seen.has_all(&acknowledged)).await;
}
