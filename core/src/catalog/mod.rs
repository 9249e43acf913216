//! What the cluster knows of itself: topics, partitions, settings, brokers.
//!
//! - [`schema`]: the records of the cluster metadata log.

pub mod schema;
