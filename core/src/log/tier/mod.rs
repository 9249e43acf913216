//! Tiered storage: closed segments lie in an object store, and leave the disk before they are deleted. Source: KIP-405, KIP-950, KIP-1005.
//!
//! ```text
//!  log start                    local start        copied end                    log end
//!  |  in the store only             |  in the store   |  on the disk only            |
//!  |                                |  and on disk    |  (closed, not copied) active |
//! ```
//! Nothing here speaks to a store. The log says what is to be done ([`plan`]), a [`job::TierJob`] says in which order and is carried out
//! beside the shard, and the log believes it once it is written down in two places: the manifest in the store, and its copy beside the log.
//!
//! The order is what keeps records from being lost, whatever dies in between:
//!
//! 1. the objects of a segment are put; then the manifest that names them; then its copy beside the log, durably; only then the log counts
//!    the segment as copied, and retention may take it from the disk;
//! 2. what is no longer wanted leaves the manifest first, then its copy, then its objects are deleted.
//!
//! So a manifest never names what is not there, and a crash leaves at the worst objects that no manifest names. Whoever takes up a
//! partition after a start or a failure looks for those, and deletes them ([`plan`], "attach").
//!
//! - [`remote`]: what a log knows of its segments in the store. [`manifest`]: how that is written. [`look`]: how a segment is read that lies
//!   there: which bytes, given pieces of its objects.

pub mod job;
pub mod look;
pub mod manifest;
pub mod plan;
pub mod remote;
