//! The client's side of a group: what members write to each other, and how one of them divides the partitions.
//!
//! The broker's own assignors stand in `group::assignor`; what both sides share lives here, once: the numbering of partitions, who owns
//! them, and the ranges.
//!
//! - [`consumer_protocol`]: what a member says when it joins, and what the leader gives it.
//! - [`assignor`]: range, round robin, sticky and cooperative sticky, as pure functions.
//! - [`classic`] and [`consumer`]: members, as machines without a clock and without a wire: what is to be asked, and what the answer means.
//! - [`error`]: why a broker refuses, and why a member gives up. [`contact`]: requests and their replies. [`partitions`]: what is shown.
//!   [`standing`]: where a member stands, and how it goes.

pub mod assignor;
pub mod classic;
pub mod consumer;
pub mod consumer_protocol;
pub mod contact;
pub mod error;
mod names;
pub mod partitions;
pub mod standing;
mod telling;
