//! A fetch: what is asked of many partitions at once, within limits, now or when there is enough.

use crate::bounded::slab::Slot;
use crate::ids::{LeaderEpoch, Offset, PartitionIndex};
use crate::log::epochs::EpochEnd;
use crate::log::error::ReadError;
use crate::log::reading::{ReadRange, ReadUpTo};
use crate::log::tier::remote::RemoteSegment;
use crate::log::watermarks::Watermarks;

use super::error::PartitionError;

/// One partition of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPartition {
    /// The topic, as the catalogue keeps it; [`Slot::NONE`] when it is unknown.
    pub topic: Slot,
    /// The partition.
    pub index: PartitionIndex,
    /// The first offset wanted.
    pub offset: Offset,
    /// The most bytes wanted of this partition.
    pub max_bytes: u32,
    /// The leader epoch that the reader believes in, if it says so. Source: KIP-320.
    pub current_leader_epoch: Option<LeaderEpoch>,
    /// The epoch of the last record that the reader has, if it says so: a log that parts from it is told before anything is read.
    /// Source: KIP-595.
    pub last_fetched_epoch: Option<LeaderEpoch>,
}

/// The limits of a fetch. Source: KIP-74.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// The fewest bytes worth an answer before the time is up.
    pub min_bytes: i32,
    /// The most bytes of all partitions together; the first batch comes in any case.
    pub max_bytes: u32,
    /// How far the reader may see.
    pub up_to: ReadUpTo,
}

/// Why a partition yields nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError<E> {
    /// It cannot be worked with.
    Partition(PartitionError<E>),
    /// The reader believes in an earlier leader.
    FencedLeaderEpoch,
    /// The reader believes in a later leader.
    UnknownLeaderEpoch,
    /// The reader has records that this log has not: no error, but it must go back first.
    Diverging {
        /// Where the logs still agree.
        end: EpochEnd,
        /// The offsets of this log.
        watermarks: Watermarks,
    },
    /// Its log says no.
    Read(ReadError<E>),
    /// No error: what is wanted lies in the object store, and whoever runs the shard reads it there. Source: KIP-405.
    Remote(RemoteRead),
}

/// What of a segment in the object store is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteRead {
    /// The segment that holds the first offset wanted.
    pub segment: RemoteSegment,
    /// The most bytes wanted. They are counted as if they were all there.
    pub max_bytes: u32,
    /// Whether the first batch comes however large it is.
    pub at_least_one: bool,
}

/// What one partition yields.
pub type Fetched<H, E> = Result<ReadRange<H>, FetchError<E>>;

/// How a fetch has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchOutcome {
    /// The bytes of all partitions together.
    pub bytes: u64,
    /// Whether the answer should leave now: there is enough, or something is wrong, or nothing was asked.
    pub complete: bool,
}
