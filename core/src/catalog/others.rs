//! What a catalogue may hold that this broker does not act upon: the rest of what Kafka's controllers write. None of it is lost, since
//! the log keeps it; but what it was to protect must not be taken for protected.

use core::fmt;

use crate::ids::{BrokerId, PartitionIndex, TopicId};

/// The kinds of records that the catalogue keeps in its log and does nothing with. Source: the record definitions of Kafka's metadata
/// module, by their `apiKey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignKind {
    /// Who may do what (18): an entry comes.
    AccessControlEntry,
    /// An entry goes (19).
    RemoveAccessControlEntry,
    /// A token that stands for somebody (10).
    DelegationToken,
    /// It goes (26).
    RemoveDelegationToken,
    /// Which brokers and controllers there are, in which state: 7, 8, 17, 27. And what is nothing: 20, 21, 28.
    Cluster,
    /// A kind that Kafka 4.3 does not write.
    Unknown(i16),
}

impl ForeignKind {
    /// The kind of a number that stands for no record the catalogue keeps.
    #[must_use]
    pub const fn of(number: i16) -> Self {
        match number {
            18 => Self::AccessControlEntry,
            19 => Self::RemoveAccessControlEntry,
            10 => Self::DelegationToken,
            26 => Self::RemoveDelegationToken,
            7 | 8 | 17 | 20 | 21 | 27 | 28 => Self::Cluster,
            unknown => Self::Unknown(unknown),
        }
    }
}

/// How much there is of what is not acted upon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// Entries that say who may do what. Each has an id and comes and goes once, so this is exact.
    pub access_control_entries: u64,
    /// Whether there may be delegation tokens.
    pub delegation_tokens: bool,
    /// Records of kinds that are not known at all.
    pub unknown_records: u64,
    /// The number of the last of those kinds.
    pub unknown_kind: Option<i16>,
}

impl Others {
    pub(super) const fn count(&mut self, kind: ForeignKind) {
        match kind {
            ForeignKind::AccessControlEntry => self.access_control_entries = self.access_control_entries.saturating_add(1),
            ForeignKind::RemoveAccessControlEntry => self.access_control_entries = self.access_control_entries.saturating_sub(1),
            ForeignKind::DelegationToken => self.delegation_tokens = true,
            ForeignKind::RemoveDelegationToken | ForeignKind::Cluster => {}
            ForeignKind::Unknown(number) => {
                self.unknown_records = self.unknown_records.saturating_add(1);
                self.unknown_kind = Some(number);
            }
        }
    }
}

/// Where a partition is kept, if not here alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// Another broker has a replica of it.
    Broker(BrokerId),
    /// Its files lie in another log directory of this broker. Source: KIP-858.
    Directory(TopicId),
}

/// Why a sole broker must not serve a catalogue: it would be untrue, or unsafe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle<'a> {
    /// It is written by rules that are newer than those known here.
    MetadataVersion {
        /// The level of `metadata.version`.
        found: i16,
        /// The highest level that is known.
        known: i16,
    },
    /// Others vote on what is written to it.
    Voter(BrokerId),
    /// A partition is not here, or not only here.
    Elsewhere {
        /// Its topic.
        topic: &'a str,
        /// Its number.
        index: PartitionIndex,
        /// Where it is.
        place: Elsewhere,
    },
    /// It says who may do what, and nobody here would ask.
    AccessControl {
        /// How many entries say so.
        entries: u64,
    },
}

impl fmt::Display for Obstacle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MetadataVersion { found, known } => write!(
                f,
                "its metadata.version is {found}, and only levels up to {known} are known: use a newer millpond, or let Apache Kafka go back with kafka-features downgrade"
            ),
            Self::Voter(BrokerId(other)) => write!(
                f,
                "node {other} votes in its quorum too, and what one node writes alone is not valid there: let Apache Kafka make this node the only controller first (kafka-metadata-quorum remove-controller)"
            ),
            Self::Elsewhere { topic, index, place: Elsewhere::Broker(BrokerId(other)) } => write!(
                f,
                "partition {index} of {topic} has a replica on broker {other}, and here is one broker only: let Apache Kafka move every partition to this node alone first (kafka-reassign-partitions)"
            ),
            Self::Elsewhere { topic, index, place: Elsewhere::Directory(directory) } => write!(
                f,
                "the files of partition {index} of {topic} lie in the log directory {directory}, which is another one: let Apache Kafka move every partition into this directory first (kafka-reassign-partitions with log_dirs)"
            ),
            Self::AccessControl { entries } => write!(
                f,
                "it holds access control entries ({entries}), which are not enforced here: what they protect would be open to everybody; remove them with Apache Kafka first (kafka-acls --remove), if that is what you want"
            ),
        }
    }
}
