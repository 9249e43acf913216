//! What a member of a consumer group is told about times, and the memory that it stands in.

use crate::bounded::bytes::{ByteHeap, Text};
use crate::bounded::list::List;
use crate::ids::TopicId;
use crate::member::contact::RetryConfig;
use crate::member::partitions::Held;
use crate::time::Millis;

/// Settings of a member of a consumer group; defaults are Kafka's. How often it says that it lives, and how long it may be silent, is
/// the coordinator's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// `max.poll.interval.ms`: how long the application may take between two polls, and to give back what it has: the rebalance timeout.
    pub max_poll_interval: Millis,
    /// How long to wait before something is tried again.
    pub retry: RetryConfig,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self { max_poll_interval: Millis(300_000), retry: RetryConfig::default() }
    }
}

/// Who a member is.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The group.
    pub group_id: &'a str,
    /// Its id, drawn by the caller: no other member ever has the same. Source: KIP-1082.
    pub member_id: &'a str,
    /// The fixed name of a static member.
    pub group_instance_id: Option<&'a str>,
    /// The rack that it stands in.
    pub rack_id: Option<&'a str>,
    /// The broker's assignor that it wants (`group.remote.assignor`).
    pub assignor: Option<&'a str>,
    /// Where chance comes from, for the time between attempts: another one for each member.
    pub seed: u64,
}

/// The memory of a member of a consumer group: lent piece by piece, or grown up to stated limits.
#[derive(Debug)]
pub struct ConsumerMemory<'m> {
    /// Ids, the pattern, names of topics.
    pub texts: ByteHeap<'m>,
    /// One entry a topic that the member subscribes to or has partitions of.
    pub names: List<'m, Text>,
    /// One entry a topic that the member has partitions of.
    pub ids: List<'m, (TopicId, Text)>,
    /// One entry a topic that the member subscribes to.
    pub topics: List<'m, Text>,
    /// What the member has: one entry a partition.
    pub owned: List<'m, Held<TopicId>>,
    /// Capacity of `owned`: what it is to have.
    pub target: List<'m, Held<TopicId>>,
    /// Capacity of `owned`: what comes or goes.
    pub moving: List<'m, Held<TopicId>>,
}

/// Limits of a member of a consumer group whose memory grows.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerLimits {
    /// Topics that the member subscribes to, and likewise that it has partitions of.
    pub topics: usize,
    /// Partitions of the member.
    pub partitions: usize,
    /// Bytes of ids and names.
    pub bytes: usize,
}

#[cfg(feature = "alloc")]
impl Default for ConsumerLimits {
    fn default() -> Self {
        Self { topics: 100_000, partitions: 1_000_000, bytes: 1 << 26 }
    }
}

#[cfg(feature = "alloc")]
impl ConsumerMemory<'_> {
    /// Memory that is allocated as it is needed.
    #[must_use]
    pub fn grown(limits: ConsumerLimits) -> Self {
        let names = limits.topics.saturating_mul(3);
        Self {
            texts: ByteHeap::grown(limits.bytes, names.saturating_add(8)),
            names: List::grown(names),
            // What it has, and what it is to have.
            ids: List::grown(limits.topics.saturating_mul(2)),
            topics: List::grown(limits.topics),
            owned: List::grown(limits.partitions),
            target: List::grown(limits.partitions),
            moving: List::grown(limits.partitions),
        }
    }
}
