//! Consumer groups: who has a seat, who gets which partitions, and which offsets were committed.
//!
//! One [`coordinator::Coordinator`] keeps all groups of a shard. It is a [`crate::machine::Machine`]: requests come in as
//! [`input::Input`], what must outlive it is written down as [`record::GroupRecord`] in Kafka's schema of `__consumer_offsets`, and
//! [`answer::Answer`]s go out. The states of a classic group, and what each answers to each request, stand in [`classic::state`].

pub mod answer;
pub mod assignor;
mod check;
pub mod classic;
pub mod config;
pub mod coordinator;
pub mod error;
pub mod input;
pub mod modern;
pub mod offsets;
pub mod pending;
pub mod record;
mod replay;
pub mod schema;
pub mod view;

#[cfg(test)]
#[cfg(feature = "alloc")]
mod members_tests;
