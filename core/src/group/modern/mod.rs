//! Groups whose assignments the coordinator makes: consumer groups (KIP-848).

mod believe;
pub mod heartbeat;
pub mod names;
pub mod partitions;
pub mod record;
mod reconcile;
pub mod schema;
pub mod state;
pub mod tables;
pub mod target;
pub mod topics;

#[cfg(all(test, feature = "alloc"))]
mod modern_tests;
