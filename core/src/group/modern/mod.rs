//! Groups whose assignments the coordinator makes: consumer groups (KIP-848).

pub mod administration;
mod believe;
pub mod heartbeat;
pub mod names;
pub mod partitions;
mod patterns;
mod reconcile;
pub mod record;
pub mod schema;
pub mod state;
pub mod tables;
pub mod target;
pub mod topics;

#[cfg(test)]
#[cfg(feature = "alloc")]
mod modern_tests;
