//! Interim.
pub mod error;
pub mod owner;
pub(crate) mod ranges;
pub(crate) mod scratch;
pub(crate) mod subscribers;
pub mod topics;
