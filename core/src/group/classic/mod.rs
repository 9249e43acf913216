//! The classic protocol: join, sync, heartbeat, leave. Source: KIP-62, KIP-345, KIP-394, KIP-559, KIP-800, KIP-814.
//!
//! One file for the states, one for each request, and `round` for what happens between two generations.

mod heartbeat;
mod join;
mod leave;
mod round;
pub mod state;
mod sync;

pub(in crate::group) use round::{Seat, Spoken};
