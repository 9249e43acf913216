//! The client's side of a group: what members write to each other, and how one of them divides the partitions.
//!
//! The broker's own assignors stand in `group::assignor`; what both sides share lives here, once: the numbering of partitions, who owns
//! them, and the ranges.
//!
//! - [`consumer_protocol`]: what a member says when it joins, and what the leader gives it.
//! - [`assignor`]: range, round robin, sticky and cooperative sticky, as pure functions.

pub mod assignor;
pub mod consumer_protocol;
