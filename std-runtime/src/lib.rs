//! A Kafka broker to link into anything.
//!
//! [`Broker::start`](broker::Broker::start) runs one inside a program; the binary `millpond` runs one by itself.
//!
//! Rooms, each importing only from those to its right: [`broker`] > [`net`] > [`api`] > [`worker`] > [`protocol`], [`config`],
//! [`disk`], [`clock`], [`compression`], with [`tier`] > [`config`], [`disk`] and [`compression`]. Beside them, [`cli`] > [`broker`] and
//! [`client`]; [`api`] and [`cli`] > [`loggers`]; [`client`] > [`protocol`], [`clock`], [`compression`]: what speaks to a broker knows nothing of ours but the protocol. [`protocol`] and [`config`] need neither the feature `std` nor an operating system.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod config;
pub mod protocol;

#[cfg(feature = "std")]
pub mod api;
#[cfg(feature = "std")]
pub mod broker;
#[cfg(feature = "std")]
pub mod cli;
#[cfg(feature = "std")]
pub mod client;
#[cfg(feature = "std")]
pub mod clock;
#[cfg(feature = "std")]
pub mod compression;
#[cfg(feature = "std")]
pub mod disk;
#[cfg(feature = "std")]
pub mod loggers;
#[cfg(feature = "std")]
pub mod net;
#[cfg(feature = "std")]
pub mod tier;
#[cfg(feature = "std")]
pub mod worker;

#[cfg(feature = "std")]
pub use broker::Broker;
