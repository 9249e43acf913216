//! The commands of the binary, each against a broker in this process.

use core::sync::atomic::{AtomicU32, Ordering};
use std::path::PathBuf;

use millpond::broker::Broker;
use millpond::config::broker_config::BrokerConfig;
use millpond_tests::command::{Done, run};

mod groups;
mod log_verify;
mod records;
mod topics;

/// A broker with a directory of its own.
struct World {
    broker: Option<Broker>,
    address: String,
    directory: PathBuf,
    config: BrokerConfig,
    runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(more: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("millpond-cli-{}-{number}", std::process::id()));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let settings = [
            ("listeners", "PLAINTEXT://127.0.0.1:0"),
            ("log.dirs", directory.to_str().expect("a path that is text")),
            ("auto.create.topics.enable", "false"),
            ("group.initial.rebalance.delay.ms", "0"),
        ];
        let settings = settings.into_iter().chain(more.iter().copied());
        let (config, _) = BrokerConfig::from_entries(settings).expect("settings");
        let broker = runtime.block_on(Broker::start(config.clone())).expect("starts");
        let address = broker.local_addr().to_string();
        Self { broker: Some(broker), address, directory, config, runtime }
    }

    /// Runs a command, given as one line, with a text as its input.
    fn feed(&self, line: &str, input: &str) -> Done {
        run(&self.address, line, input.as_bytes().to_vec())
    }

    fn run(&self, line: &str) -> Done {
        self.feed(line, "")
    }
}

impl World {
    /// Stops the broker in good order; its directory stays.
    fn stop(&mut self) {
        if let Some(broker) = self.broker.take() {
            self.runtime.block_on(broker.shutdown()).expect("stops");
        }
    }

    /// Runs a broker on the directory again.
    fn start(&mut self) {
        assert!(self.broker.is_none(), "it runs");
        let broker = self.runtime.block_on(Broker::start(self.config.clone())).expect("starts");
        self.address = broker.local_addr().to_string();
        self.broker = Some(broker);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(broker) = self.broker.take() {
            let _ = self.runtime.block_on(broker.shutdown());
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn without_a_broker_every_command_says_so() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    let commands = [
        "topic list",
        "topic create t",
        "topic delete t",
        "group list",
        "group describe g",
        "produce t --value x",
        "consume t --exit-at-end",
    ];
    for line in commands {
        let words = run(&nobody, line, Vec::new()).failed();
        assert!(words.starts_with(&format!("millpond: cannot connect to {nobody}: ")), "{words}");
        assert!(words.contains("is a broker running there?"), "{words}");
    }
}

#[test]
fn the_first_broker_of_a_list_that_is_there_is_asked() {
    let world = World::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    run(&format!("{nobody}, {}", world.address), "topic create t", Vec::new()).ok();
    assert_eq!(world.run("topic list").ok(), "t\n");
    assert_eq!(world.feed("produce t --acks -1", "x\n").ok(), "");
}

#[test]
fn what_cannot_be_read_as_a_command_is_explained() {
    let world = World::new();
    assert!(world.run("topic create t --partitions 0").failed().contains("0 is not in 1.."));
    assert!(world.run("topic create t --partitions -1").failed().contains("-1 is not in 1.."));
    assert!(world.run("topic create t --config x").failed().contains("--config x: it must be key=value"));
    assert!(world.run("consume t --from yesterday").failed().contains("yesterday is neither earliest, latest"));
    assert!(world.run("consume t --format %q").failed().contains("--format: %q means nothing"));
    assert!(world.run("group reset-offsets g --topic t").failed().contains("--to-earliest"));
    assert!(world.run("topic alter t").failed().contains("--partitions"));
    assert!(world.run("produce --help").ok().contains("--compression"));
}
