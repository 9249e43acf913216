//! The worker: one shard behind a lock, and what drives it.
//!
//! A request is carried through its turn on the thread that read it: no hand-over between threads, which would cost more than the turn.
//! The lock is held for the turn only; checksums, compression and sockets are outside of it, and syncs run beside it.
//!
//! - [`worker`]: the lock, the clock, the timer; `sync`, `compact`, `tier` and [`remote`]: what runs beside it. [`turn`]: what a turn may look at and what it changes.
//! - [`calls`]: calls that wait, and what each needs to be answered.
//! - [`reply`]: where answers go: in the order of requests, however they finish.

pub mod calls;
mod compact;
pub mod remote;
pub mod reply;
mod sync;
mod tier;
pub mod turn;
#[expect(clippy::module_inception, reason = "the room is named for what it holds")]
pub mod worker;
