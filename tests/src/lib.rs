//! What the tests share.
//!
//! - [`random`]: numbers from a seed. [`skip`]: how a test says that it cannot run here.
//! - [`wait`]: how a test waits for what goes on elsewhere.
//! - [`group`]: a coordinator with a log in memory. [`crowd`]: a large consumer group. [`trace`]: transcripts of what one does.
//! - [`sim`]: a whole world from a seed, around a real shard.
//! - [`catalogue`]: every message there is. [`any_message`]: random messages, made from their schema.
//! - [`assignors`]: groups for Java's assignors and ours.
//! - [`broker`]: the broker under test, as a process. [`command`]: the binary's commands, in the test's own process. [`toolbox`]: what tests install, and the programs they run.

pub mod any_message;
pub mod assignors;
pub mod broker;
pub mod catalogue;
pub mod command;
pub mod crowd;
pub mod group;
pub mod random;
pub mod sim;
pub mod skip;
pub mod toolbox;
pub mod trace;
pub mod wait;
