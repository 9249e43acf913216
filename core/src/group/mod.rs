//! Consumer groups.
//!
//! - [`schema`]: the records that groups leave behind in `__consumer_offsets`.
//! - [`consumer_protocol`]: what the members of a classic group write to each other.

pub mod consumer_protocol;
pub mod schema;
