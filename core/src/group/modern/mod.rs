//! Groups whose assignments the coordinator makes: consumer groups (KIP-848).

mod believe;
pub mod names;
pub mod partitions;
pub mod record;
pub mod schema;
pub mod state;
pub mod tables;
