//! Groups whose assignments the coordinator makes: consumer groups (KIP-848).

pub mod administration;
mod believe;
mod classic_members;
mod going;
pub mod heartbeat;
mod migration;
pub mod names;
pub mod offers;
pub mod partitions;
mod patterns;
mod presence;
mod reconcile;
pub mod record;
pub mod schema;
mod share;
pub mod state;
pub mod tables;
pub mod target;
pub mod topics;

#[cfg(test)]
#[cfg(feature = "alloc")]
mod migration_tests;
#[cfg(test)]
#[cfg(feature = "alloc")]
pub(in crate::group) mod modern_tests;
#[cfg(test)]
#[cfg(feature = "alloc")]
mod share_tests;
