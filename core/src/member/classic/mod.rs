//! A member of a classic group: it joins, its leader divides the partitions, it reads them and says that it lives. Source: KIP-62 and on.
//!
//! - [`member::ClassicMember`]: the machine. [`memory`]: what it stands in.
//! - [`request`]: what it asks, is answered, and tells the application.
//! - [`state`]: where it stands, with a diagram.
//!
//! The group comes together twice when partitions change hands and members go on reading meanwhile (cooperative), once when all give
//! everything back first (eager). A member is cooperative if all assignors that it offers are.
//!
//! Differences from Apache Kafka's consumer: a member whose session has passed without an answer counts what it has as lost, where Java
//! goes on until the coordinator tells it; the session counts from when an answered heartbeat was sent. A request for the assignment whose
//! answer was lost is repeated, where Java joins again. Of an assignment with topics that a member does not subscribe to it takes up the rest
//! before it joins again, where Java takes up nothing. A leader that cannot read what a member wrote gives it nothing, where Java fails.

mod join;
pub mod lead;
pub mod member;
pub mod memory;
pub mod request;
mod seat;
pub mod state;
mod subscription;

#[cfg(test)]
#[cfg(feature = "alloc")]
mod member_tests;
#[cfg(test)]
#[cfg(feature = "alloc")]
mod refusal_tests;
