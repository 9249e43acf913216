//! A member of a consumer group: the coordinator divides the partitions, and the member follows. Source: KIP-848.
//!
//! - [`member::ConsumerMember`]: the machine. [`memory`]: what it stands in.
//! - [`request`]: what it asks, is answered, and tells the application.
//! - [`state`]: where it stands, with a diagram.
//!
//! Differences from Apache Kafka's consumer: what was given back is told to the coordinator at once, not together with what is taken up
//! after it; a new subscription likewise, not with the next heartbeat that is due. A heartbeat that was not answered is followed by a look
//! for the coordinator, whether the connection broke or not.

pub mod member;
pub mod memory;
mod reconcile;
mod reply;
pub mod request;
pub mod state;

#[cfg(test)]
#[cfg(feature = "alloc")]
mod member_tests;
