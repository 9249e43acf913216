//! Share groups: which record is whose to work on, and which are done with (KIP-932).
//!
//! A partition is shared by a group: its records are *acquired* by members, a few at a time and for a while, and acknowledged one by one. What
//! is not acknowledged in time comes back, and what comes back too often is archived.
//!
//! ```text
//!                          ┌────────────── released, or the lock has expired ─────────────┐
//!                          ▼                                                              │
//!  not seen yet ─────► Available ── acquired by a member, the delivery count rises ──► Acquired
//!                          │                                                              │
//!                          │ gone from the log,                      rejected, or         │ accepted
//!                          │ of an aborted transaction               tried often enough   │
//!                          └─────────────────────► Archived ◄─────────────────────────────┴──► Acknowledged
//!
//!  start offset: below it everything is acknowledged or archived, and forgotten
//! ```
//!
//! One [`coordinator::Coordinator`] keeps the shared partitions of all groups. It is a [`crate::machine::Machine`]: what must outlive it, that
//! is everything but who has acquired what, is written down as [`record::ShareRecord`] in Kafka's schema of `__share_group_state`.
//! Apache Kafka has two machines here, one at the leader of the partition and one for the log, which speak to each other by requests; there
//! is one here, so that no acknowledgement is ever half done. Source: `SharePartition`, `ShareCoordinatorShard`.

mod acknowledge;
mod acquire;
pub mod answer;
mod check;
pub mod config;
pub mod coordinator;
pub mod error;
pub mod input;
pub mod record;
mod replay;
pub mod runs;
pub mod schema;
pub mod state;
pub mod view;

#[cfg(test)]
#[cfg(feature = "alloc")]
mod share_tests;
