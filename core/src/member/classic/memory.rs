//! What a classic member is told about times, and the memory that it stands in.

use crate::bounded::bytes::{ByteHeap, Text};
use crate::bounded::list::List;
use crate::member::assignor::assignor::Assignor;
use crate::member::contact::RetryConfig;
use crate::member::partitions::Held;
use crate::time::Millis;

use super::lead::Seat;

/// Settings of a classic member; defaults are Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassicConfig {
    /// `session.timeout.ms`: how long the group waits for a silent member.
    pub session_timeout: Millis,
    /// `heartbeat.interval.ms`: how often the member says that it lives.
    pub heartbeat_interval: Millis,
    /// `max.poll.interval.ms`: how long the application may take between two polls, and to give back what it has: the rebalance timeout.
    pub max_poll_interval: Millis,
    /// How long to wait before something is tried again.
    pub retry: RetryConfig,
}

impl Default for ClassicConfig {
    fn default() -> Self {
        Self {
            session_timeout: Millis(45_000),
            heartbeat_interval: Millis(3_000),
            max_poll_interval: Millis(300_000),
            retry: RetryConfig::default(),
        }
    }
}

/// Who a member is.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The group.
    pub group_id: &'a str,
    /// The fixed name of a static member. Source: KIP-345.
    pub group_instance_id: Option<&'a str>,
    /// The rack that it stands in. Source: KIP-881.
    pub rack_id: Option<&'a str>,
    /// The assignors that it offers, most preferred first: one at least, each once.
    pub assignors: &'a [Assignor],
    /// Where chance comes from, for the time between attempts: another one for each member.
    pub seed: u64,
}

/// The memory of a classic member: lent piece by piece, or grown up to stated limits.
#[derive(Debug)]
pub struct ClassicMemory<'m> {
    /// Ids, names of topics, and for a leader what all members wrote.
    pub texts: ByteHeap<'m>,
    /// One entry a topic that the member subscribes to or has partitions of; for a leader, that anybody subscribes to.
    pub names: List<'m, Text>,
    /// One entry a topic that the member subscribes to.
    pub topics: List<'m, Text>,
    /// For a leader: one entry a topic that anybody subscribes to.
    pub watched: List<'m, Text>,
    /// Capacity of `watched`: how many partitions these have.
    pub counts: List<'m, u32>,
    /// For a leader: one entry a member.
    pub seats: List<'m, Seat>,
    /// What the member has: one entry a partition.
    pub owned: List<'m, Held<Text>>,
    /// Capacity of `owned`: what it is to have.
    pub target: List<'m, Held<Text>>,
    /// Capacity of `owned`: what comes or goes.
    pub moving: List<'m, Held<Text>>,
    /// Capacity of `owned`, for a member that offers the sticky assignor, otherwise none: what it had last.
    pub previous: List<'m, Held<Text>>,
    /// What it tells the leader, once for each assignor.
    pub metadata: List<'m, u8>,
    /// For a leader: what everybody gets, as bytes.
    pub given: List<'m, u8>,
}

/// Limits of a classic member whose memory grows.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassicLimits {
    /// Members of the group.
    pub members: usize,
    /// Topics that anybody in the group subscribes to.
    pub topics: usize,
    /// Partitions of one member.
    pub partitions: usize,
    /// Bytes of what is kept of the group, and likewise of what is written to it.
    pub bytes: usize,
}

#[cfg(feature = "alloc")]
impl Default for ClassicLimits {
    fn default() -> Self {
        Self { members: 10_000, topics: 100_000, partitions: 1_000_000, bytes: 1 << 28 }
    }
}

#[cfg(feature = "alloc")]
impl ClassicMemory<'_> {
    /// Memory that is allocated as it is needed.
    #[must_use]
    pub fn grown(limits: ClassicLimits) -> Self {
        let texts = limits.topics.saturating_mul(2).saturating_add(limits.members.saturating_mul(3)).saturating_add(8);
        Self {
            texts: ByteHeap::grown(limits.bytes, texts),
            names: List::grown(limits.topics.saturating_mul(2)),
            topics: List::grown(limits.topics),
            watched: List::grown(limits.topics),
            counts: List::grown(limits.topics),
            seats: List::grown(limits.members),
            owned: List::grown(limits.partitions),
            target: List::grown(limits.partitions),
            moving: List::grown(limits.partitions),
            previous: List::grown(limits.partitions),
            metadata: List::grown(limits.bytes),
            given: List::grown(limits.bytes),
        }
    }
}
