//! How the leader of a classic group divides partitions among members. Pure functions in lent memory.
//!
//! Everything is a number: topics in the order of their names, partitions counted through all topics, members as the caller lists them.
//! The result is one array, [`owner::Owner`] by partition. Where Java's result is determined by what its members say, ours is the same.
//!
//! - [`assignor::Assignor`]: the four, by the names that members join with.
//! - [`group::Group`]: what a leader knows. [`told::Told`]: how it comes to know it, from what members wrote.
//! - [`topics::Topics`]: how partitions are numbered. [`owner::Owner`]: who has one. [`share::Shares`]: what each member has.
//! - [`user_data`]: what sticky members write for each other.
//!
//! Differences from Apache Kafka's assignors: a partition that a topic no longer has is not kept; a member that subscribes to nothing is
//! given nothing; a partition is not given back to who had it in an earlier generation and does not subscribe to it any more, where Java's
//! sticky assignors give it, or fail; and what a member claims counts from the generation in which its assignor says that it got it (Java
//! looks at the subscription alone for the other of two claims, where versions 0 and 1 have no generation).

#[expect(clippy::module_inception, reason = "the room is called for what it holds")]
pub mod assignor;
pub mod error;
pub mod group;
pub(crate) mod order;
pub mod owner;
mod range;
pub(crate) mod ranges;
mod round_robin;
pub(crate) mod scratch;
pub mod share;
mod sticky;
pub(crate) mod subscribers;
pub mod told;
pub mod topics;
pub mod user_data;

#[cfg(test)]
#[cfg(feature = "alloc")]
mod assignor_tests;
