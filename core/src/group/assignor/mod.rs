//! How the broker divides partitions among the members of a group. Pure functions in lent memory: members and topics in, target out.
//!
//! Topics and members are numbers. Topics stand in an order that the caller chooses and keeps, members in Java's: static ones by instance
//! id, then the others by member id ([`compare_members`](crate::member::assignor::assignor::compare_members)). The target of a consumer
//! group is one array, the owner of each partition; it goes in as the last target and comes out as the next. In a share group a partition
//! may have several members, so its target is a list of [`simple::Seat`]s.
//!
//! - [`subscriptions::Subscriptions`]: who subscribes to what, checked once.
//! - [`range`]: a run of each topic's partitions for each of its subscribers. KIP-848.
//! - [`uniform`]: balanced first, then sticky. KIP-848.
//! - [`simple`]: share groups. KIP-932.
//!
//! Racks play no part, as in Kafka 4.3: its assignors are told racks and ignore them.
//!
//! Differences from Apache Kafka's assignors: where members subscribe to different topics, `uniform` also finds balance through chains of
//! moves, which Java's does not look for; `simple` takes from a member what it no longer subscribes to, which Java's lets it keep while
//! somebody else subscribes to the topic, and lets those have one seat more who have it already.

mod even;
mod improve;
mod mixed;
pub mod range;
pub mod simple;
pub mod subscriptions;
pub mod uniform;

#[cfg(test)]
#[cfg(feature = "alloc")]
mod assignor_tests;
