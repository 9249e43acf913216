//! The clients of the matrix.

use std::fs;
use std::path::Path;
use std::process::Command;

use millpond_tests::toolbox::workspace_dir;

use super::install;

/// A client, and where its version is written.
pub(crate) struct Client {
    pub(super) language: &'static str,
    pub(super) name: &'static str,
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
    language: "Go",
    name: "franz-go",
    lock: ("go/go.mod", "github.com/twmb/franz-go v"),
    program: || install::go("franz"),
};

pub(super) const SARAMA: Client = Client {
    language: "Go",
    name: "Sarama",
    lock: ("go/go.mod", "github.com/IBM/sarama v"),
    program: || install::go("sarama"),
};

pub(super) const KAFKA_GO: Client = Client {
    language: "Go",
    name: "kafka-go",
    lock: ("go/go.mod", "github.com/segmentio/kafka-go v"),
    program: || install::go("segmentio"),
};

pub(super) const KAFKAJS: Client = Client {
    language: "JavaScript",
    name: "KafkaJS",
    lock: ("javascript/package.json", "\"kafkajs\": \""),
    program: || install::javascript("kafkajs.js", false),
};

pub(super) const CONFLUENT_JAVASCRIPT: Client = Client {
    language: "JavaScript",
    name: "confluent-kafka-javascript",
    lock: ("javascript/package.json", "\"@confluentinc/kafka-javascript\": \""),
    program: || install::javascript("confluent.js", false),
};

pub(super) const PLATFORMATIC: Client = Client {
    language: "JavaScript",
    name: "@platformatic/kafka",
    lock: ("javascript/package.json", "\"@platformatic/kafka\": \""),
    program: || install::javascript("platformatic.js", true),
};

pub(super) const KAFKA_PYTHON: Client = Client {
    language: "Python",
    name: "kafka-python",
    lock: ("python/requirements.txt", "kafka-python=="),
    program: || install::python("client_kafka_python.py"),
};

pub(super) const CONFLUENT_PYTHON: Client = Client {
    language: "Python",
    name: "confluent-kafka",
    lock: ("python/requirements.txt", "confluent-kafka=="),
    program: || install::python("client_confluent.py"),
};

pub(super) const AIOKAFKA: Client = Client {
    language: "Python",
    name: "aiokafka",
    lock: ("python/requirements.txt", "aiokafka=="),
    program: || install::python("client_aiokafka.py"),
};

pub(super) const KAFKA_CLIENTS: Client = Client {
    language: "Java",
    name: "kafka-clients",
    lock: ("java/pom.xml", "kafka_2.13</artifactId><version>"),
    program: || install::java("Clients"),
};

pub(super) const RDKAFKA: Client = Client {
    language: "Rust",
    name: "rdkafka",
    lock: ("rust/Cargo.lock", "name = \"rdkafka\"\nversion = \""),
    program: || install::rust("rdkafka"),
};

pub(super) const RSKAFKA: Client = Client {
    language: "Rust",
    name: "rskafka",
    lock: ("rust/Cargo.lock", "name = \"rskafka\"\nversion = \""),
    program: || install::rust("rskafka"),
};

pub(super) const KCAT: Client = Client {
    language: "C",
    name: "kcat, librdkafka",
    lock: ("debian.txt", "kcat "),
    program: || install::debian("c/kcat.sh", "kcat", "kcat"),
};
