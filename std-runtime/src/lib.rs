//! A Kafka broker to link into anything.
//!
//! [`protocol`] speaks Kafka's wire protocol. It needs neither the feature `std` nor an operating system.
#![cfg_attr(not(feature = "std"), no_std)]

pub mod protocol;
