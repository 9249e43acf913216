//! The client's side of the protocol: what the command line and the tests speak to a broker with, ours or any other.
//!
//! - [`connection`]: one connection; versions are agreed on when it is made, then calls are made one after another.
//! - [`cluster`]: the brokers behind an address; who leads a partition, who coordinates a group. [`error`]: what can go wrong.
//! - [`partitioner`]: which partition a key belongs to. [`producer`]: batches out. [`fetcher`]: records in.
//! - [`offsets`]: where logs begin and end, what groups have committed. [`member`]: a seat in a group.
//!
//! No bytes of a broker make it panic, and no length is believed before the bytes have come.

pub mod cluster;
pub mod connection;
pub mod error;
pub mod fetcher;
pub mod member;
pub mod offsets;
pub mod partitioner;
pub mod producer;
