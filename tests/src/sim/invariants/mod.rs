//! What must hold, whatever happens. One file each; each is seen to fail in `it/sim/mutations.rs`.
//!
//! | name | what must hold | source | file |
//! |---|---|---|---|
//! | acknowledged | what was acknowledged with `acks=all` is read back at its offset, unless it was deleted | PRODUCT promise 1 | `acknowledged.rs` |
//! | authentic | no record is invented; a producer's keep their order, and appear once if it is idempotent | KIP-98 | `authentic.rs` |
//! | repeatable | what a consumer has seen stays as it is | KIP-101, high watermark | `repeatable.rs` |
//! | decided | of a transaction all is seen or nothing, and nothing before it is committed | KIP-98 | `decided.rs` |
//! | latest | of each key of a compacted log the last record stays, and a tombstone as long as it must | KIP-58, KIP-534 | `latest.rs` |
//! | compacted | what is said to be compacted has no key twice | KIP-58 | `compacted.rs` |
//! | one-owner | one partition, one member per generation | KIP-62 | `one_owner.rs` |
//! | exclusive | a partition is nobody's before whoever has it has given it back; members stay members | KIP-848 | `exclusive.rs` |
//! | committed | a committed offset never goes back on its own | KIP-211 | `committed.rs` |
//! | settled | what was settled in a share group nobody gets again, nor what another one works on | KIP-932 | `settled.rs` |
//! | topics | a topic told of is there after a crash; one whose deletion was told is not | KIP-631 | `topics.rs` |
//! | answered | every call is answered once, and in its time | HOUSE §5 | `answered.rs` |
//! | no-leaks | nothing waits for calls that are gone | HOUSE §3 | `no_leaks.rs` |
//! | deadlines | after a turn of the clock no deadline lies in the past | HOUSE §3 | `deadlines.rs` |

pub(crate) mod acknowledged;
pub(crate) mod answered;
pub(crate) mod authentic;
pub(crate) mod committed;
pub(crate) mod compacted;
pub(crate) mod deadlines;
pub(crate) mod decided;
pub(crate) mod exclusive;
pub(crate) mod latest;
pub(crate) mod no_leaks;
pub(crate) mod one_owner;
pub(crate) mod repeatable;
pub(crate) mod settled;
pub(crate) mod topics;

/// What a check finds: nothing, or what is wrong.
pub(crate) type Verdict = Result<(), String>;
