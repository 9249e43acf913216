//! The catalogue: which topics there are, how many partitions each has, and what is set for them.
//!
//! One [`catalog::Catalog`] is a [`crate::machine::Machine`] whose records are those of a KRaft cluster's metadata log, in Kafka's own
//! schema: one truth, in the format that Apache Kafka reads too. Values of settings are opaque here; what they mean is known to the
//! runtime, which refuses what is wrong before it comes here.

pub mod administration;
pub mod answer;
#[expect(clippy::module_inception, reason = "the room is named for the machine it holds")]
pub mod catalog;
pub mod credentials;
pub mod error;
pub mod features;
pub mod input;
pub mod name;
pub mod others;
pub mod quorum;
pub mod quotas;
pub mod record;
pub mod schema;
pub mod snapshot;
