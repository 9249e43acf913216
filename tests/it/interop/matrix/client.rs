//! The clients of the matrix.

use std::fs;
use std::path::Path;
use std::process::Command;

use millpond_tests::toolbox::workspace_dir;

use super::install;
use super::table::{CLIENTS, PROCESSORS, Table};

/// A client, and where its version is written.
pub(crate) struct Client {
    pub(super) table: &'static Table,
    /// What its row begins with.
    pub(super) labels: [&'static str; 2],
    /// The lock file, below `tests/interop`, and what stands before the version in it.
    lock: (&'static str, &'static str),
    /// Installs the client and its program; what it lacks, if it cannot.
    pub(super) program: fn() -> Result<Command, String>,
}

impl Client {
    /// The version that the lock file names.
    pub(super) fn version(&self) -> String {
        let (file, before) = self.lock;
        let text = fs::read_to_string(interop_dir().join(file)).expect("the lock file is in the repository");
        let at = text.find(before).unwrap_or_else(|| panic!("{file} has no {before:?}")) + before.len();
        text[at..].chars().take_while(|character| character.is_ascii_alphanumeric() || *character == '.').collect()
    }
}

pub(super) fn interop_dir() -> std::path::PathBuf {
    workspace_dir().join(Path::new("tests/interop"))
}

pub(super) const FRANZ_GO: Client = Client {
    table: &CLIENTS,
    labels: ["Go", "franz-go"],
    lock: ("go/go.mod", "github.com/twmb/franz-go v"),
    program: || install::go("franz"),
};

pub(super) const SARAMA: Client =
    Client { table: &CLIENTS, labels: ["Go", "Sarama"], lock: ("go/go.mod", "github.com/IBM/sarama v"), program: || install::go("sarama") };

pub(super) const KAFKA_GO: Client = Client {
    table: &CLIENTS,
    labels: ["Go", "kafka-go"],
    lock: ("go/go.mod", "github.com/segmentio/kafka-go v"),
    program: || install::go("segmentio"),
};

pub(super) const KAFKAJS: Client = Client {
    table: &CLIENTS,
    labels: ["JavaScript", "KafkaJS"],
    lock: ("javascript/package.json", "\"kafkajs\": \""),
    program: || install::javascript("kafkajs.js", false),
};

pub(super) const CONFLUENT_JAVASCRIPT: Client = Client {
    table: &CLIENTS,
    labels: ["JavaScript", "confluent-kafka-javascript"],
    lock: ("javascript/package.json", "\"@confluentinc/kafka-javascript\": \""),
    program: || install::javascript("confluent.js", false),
};

pub(super) const PLATFORMATIC: Client = Client {
    table: &CLIENTS,
    labels: ["JavaScript", "@platformatic/kafka"],
    lock: ("javascript/package.json", "\"@platformatic/kafka\": \""),
    program: || install::javascript("platformatic.js", true),
};

pub(super) const KAFKA_PYTHON: Client = Client {
    table: &CLIENTS,
    labels: ["Python", "kafka-python"],
    lock: ("python/requirements.txt", "kafka-python=="),
    program: || install::python("client_kafka_python.py"),
};

pub(super) const CONFLUENT_PYTHON: Client = Client {
    table: &CLIENTS,
    labels: ["Python", "confluent-kafka"],
    lock: ("python/requirements.txt", "confluent-kafka=="),
    program: || install::python("client_confluent.py"),
};

pub(super) const AIOKAFKA: Client = Client {
    table: &CLIENTS,
    labels: ["Python", "aiokafka"],
    lock: ("python/requirements.txt", "aiokafka=="),
    program: || install::python("client_aiokafka.py"),
};

pub(super) const KAFKA_CLIENTS: Client = Client {
    table: &CLIENTS,
    labels: ["Java", "kafka-clients"],
    lock: ("java/pom.xml", "kafka_2.13</artifactId><version>"),
    program: || install::java("Clients", ("kafka", "java/pom.xml")),
};

pub(super) const RDKAFKA: Client = Client {
    table: &CLIENTS,
    labels: ["Rust", "rdkafka"],
    lock: ("rust/Cargo.lock", "name = \"rdkafka\"\nversion = \""),
    program: || install::rust("rdkafka"),
};

pub(super) const RSKAFKA: Client = Client {
    table: &CLIENTS,
    labels: ["Rust", "rskafka"],
    lock: ("rust/Cargo.lock", "name = \"rskafka\"\nversion = \""),
    program: || install::rust("rskafka"),
};

pub(super) const KCAT: Client = Client {
    table: &CLIENTS,
    labels: ["C", "kcat, librdkafka"],
    lock: ("debian.txt", "kcat "),
    program: || install::debian("c/kcat.sh", "kcat", "kcat"),
};

pub(super) const STREAMS: Client = Client {
    table: &PROCESSORS,
    labels: ["Kafka Streams", "counts the values of a topic into another, exactly once"],
    lock: ("java/pom.xml", "kafka-streams</artifactId><version>"),
    program: || install::java("Streams", ("kafka", "java/pom.xml")),
};

pub(super) const CONNECT: Client = Client {
    table: &PROCESSORS,
    labels: ["Kafka Connect", "brings the lines of a file to a topic, and those to another file"],
    lock: ("java/connect/pom.xml", "connect-runtime</artifactId><version>"),
    program: || install::java("Connect", ("connect", "java/connect/pom.xml")),
};

pub(super) const RSYSLOG: Client = Client {
    table: &PROCESSORS,
    labels: ["rsyslog", "ships the lines of a file to a topic (omkafka), and those to another file (imkafka)"],
    lock: ("debian.txt", "rsyslog-kafka "),
    program: || install::debian("rsyslog/rsyslog.sh", "rsyslogd", "rsyslog-kafka"),
};
