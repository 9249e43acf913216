//! Clients that know nothing of us, unmodified, against the broker as a process.
//!
//! Every test here but those of the object store was first run against Apache Kafka 4.3: `tests/interop/kafka-as-millpond` says how.

mod assignors;
mod both_ways;
mod exactly_once;
mod java;
mod matrix;
mod process;
mod python;
mod tier;
mod tools;
mod traces;
