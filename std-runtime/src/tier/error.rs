//! What can go wrong with the object store.

use std::io;

use millpond_core::log::tier::remote::{Object, RemoteSegment};
use millpond_core::record::codec::CodecError;

/// Why something was not done in the object store.
#[derive(Debug, thiserror::Error)]
pub enum ColdError {
    /// The settings make no store.
    #[error("rsm.config.url={url}: {reason}")]
    Settings {
        /// The address.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The store says no, or cannot be reached.
    #[error("{doing} {object}: {reason}")]
    Store {
        /// What was tried.
        doing: &'static str,
        /// With what.
        object: String,
        /// What it says.
        reason: String,
    },
    /// It does not answer.
    #[error("{doing} {object}: no answer for {seconds} seconds")]
    TimedOut {
        /// What was tried.
        doing: &'static str,
        /// With what.
        object: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A file that was to be copied cannot be read.
    #[error("reading the file that is copied to {object}: {error}")]
    Disk {
        /// Where to.
        object: Object,
        /// What the system says.
        error: io::Error,
    },
    /// An object holds something else than it should.
    #[error("the object {object} is damaged at byte {position}: restore it from a copy; until then its offsets cannot be read")]
    Damaged {
        /// The object.
        object: Object,
        /// Where.
        position: u64,
    },
    /// A batch cannot be opened.
    #[error("a batch of {object} cannot be opened: {error}")]
    Codec {
        /// The object.
        object: Object,
        /// Why.
        error: CodecError,
    },
    /// The log on the disk, where a reader of committed records looks too, cannot be read.
    #[error("{0}")]
    Local(String),
    /// The broker ends before it is done.
    #[error("the broker is stopping")]
    Ending,
    /// Too many reads wait already.
    #[error("{0} reads wait for the object store already (remote.log.reader.max.pending.tasks)")]
    Busy(usize),
}

/// Records that were read from the store.
#[derive(Debug, PartialEq, Eq)]
pub enum ColdRead {
    /// These bytes, beginning with a batch; the last one may be cut. None when the first is larger than may come.
    Bytes(Vec<u8>),
    /// The segment has nothing from the offset on: the next is to be asked.
    Behind(RemoteSegment),
}
