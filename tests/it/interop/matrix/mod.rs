//! The client matrix: what each client, and each processor of logs and streams, does with the broker. One program each, all of one
//! contract: `tests/interop/README.md`.
//!
//! A test runs the program of its client, checks on the disk and in the broker what the program says it did, and compares the client's row of the table in
//! the README, which is written by `BLESS=1`. The clients are compiled and installed by their package managers, which takes minutes, so
//! the tests run where `MILLPOND_MATRIX=1` asks for them, as `verify.sh` does.
//!
//! One client by itself: `MILLPOND_MATRIX=1 cargo test -p millpond-tests --test it interop::matrix::go_franz_go -- --nocapture`.

mod client;
mod contract;
mod effects;
mod install;
mod table;

use client::Client;

/// One test a client.
macro_rules! clients {
    ($($test:ident: $client:ident,)*) => {
        /// Every client and processor, in the order of the tables.
        pub(crate) const CLIENTS: &[&Client] = &[$(&client::$client),*];
        $(
            #[test]
            fn $test() {
                contract::play(stringify!($test), &client::$client);
            }
        )*
    };
}

clients! {
    java_kafka_clients: KAFKA_CLIENTS,
    python_kafka_python: KAFKA_PYTHON,
    python_confluent: CONFLUENT_PYTHON,
    python_aiokafka: AIOKAFKA,
    go_franz_go: FRANZ_GO,
    go_sarama: SARAMA,
    go_kafka_go: KAFKA_GO,
    javascript_kafkajs: KAFKAJS,
    javascript_confluent: CONFLUENT_JAVASCRIPT,
    javascript_platformatic: PLATFORMATIC,
    rust_rdkafka: RDKAFKA,
    rust_rskafka: RSKAFKA,
    c_kcat: KCAT,
    processor_kafka_streams: STREAMS,
    processor_kafka_connect: CONNECT,
    processor_rsyslog: RSYSLOG,
}

#[test]
fn the_tables_have_a_row_for_each_client_with_the_version_that_its_lock_file_names() {
    table::CLIENTS.check();
    table::PROCESSORS.check();
}
