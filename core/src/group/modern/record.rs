//! What consumer groups write down, in Kafka's own schema.

use crate::bounded::Full;
use crate::group::record::decode_versioned;
use crate::ids::{MemberEpoch, PartitionIndex, TopicId};
use crate::machine::{EncodedRecord, Records};
use crate::time::{Millis, Timestamp};
use crate::wire::reader::{DecodeError, Reader};
use crate::wire::schema::Message;
use crate::wire::value::{Array, Form, Value};
use crate::wire::writer::Writer;

use super::names::Names;
use super::offers::StoredClassic;
use super::partitions::{Held, Partitions};
use super::schema::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataKey,
    ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey, ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataKey,
    ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue,
    CurrentTopicPartitions, TargetTopicPartition,
};
use super::state::MemberState;

/// All values are of version 0.
const FLEXIBLE: Form = Form { version: 0, flexible: true, nullable: false };

/// One record of a consumer group. Where a value is `None`, what it was about is gone.
#[derive(Clone, Copy, Debug)]
pub enum ConsumerRecord<'a> {
    /// The group.
    Group(Option<GroupEpoch>),
    /// The topics of the group, as brokers before 4.1 kept them. Nobody needs them any more; they are deleted with the group.
    Topics,
    /// What a member says of itself.
    Member {
        /// The member.
        member_id: &'a str,
        /// What it says.
        says: Option<Says<'a>>,
    },
    /// When the target assignment was made.
    TargetMade(Option<TargetMade>),
    /// What a member is to have.
    Target {
        /// The member.
        member_id: &'a str,
        /// What.
        partitions: Option<StoredPartitions<'a>>,
    },
    /// What a member has.
    Current {
        /// The member.
        member_id: &'a str,
        /// What.
        current: Option<Current<'a>>,
    },
    /// The topics that a pattern matches.
    Pattern {
        /// The pattern.
        pattern: &'a str,
        /// The topics.
        matches: Option<Matches<'a>>,
    },
}

/// How far a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupEpoch {
    /// Its epoch.
    pub epoch: MemberEpoch,
    /// The hash of its topics; 0 without any.
    pub metadata_hash: i64,
}

/// When a target assignment was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetMade {
    /// For which epoch of the group.
    pub epoch: MemberEpoch,
    /// When; `None` when unknown.
    pub at: Option<Timestamp>,
}

/// What a member says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Says<'a> {
    /// The name of a static member.
    pub instance_id: Option<&'a str>,
    /// Its rack.
    pub rack_id: Option<&'a str>,
    /// What its connection calls itself.
    pub client_id: &'a str,
    /// Where it speaks from.
    pub client_host: &'a str,
    /// The topics it subscribes to by name.
    pub names: StoredNames<'a>,
    /// The pattern of topics it subscribes to.
    pub pattern: Option<&'a str>,
    /// How long it may take to give partitions back.
    pub rebalance_timeout: Option<Millis>,
    /// The assignor that it wants.
    pub assignor: Option<&'a str>,
    /// What it said in the classic protocol, if that is the one that it speaks.
    pub classic: Option<StoredClassic<'a>>,
}

/// What a member has.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// The epoch that it is expected to name.
    pub epoch: MemberEpoch,
    /// The one before.
    pub previous: MemberEpoch,
    /// Where it stands.
    pub state: MemberState,
    /// What it has.
    pub assigned: StoredPartitions<'a>,
    /// What it is to give back.
    pub revoking: StoredPartitions<'a>,
}

/// The topics that a pattern matches.
#[derive(Clone, Copy, Debug)]
pub struct Matches<'a> {
    /// Their names.
    pub topics: StoredNames<'a>,
    /// The version of the catalogue that they were looked up in.
    pub version: i64,
    /// When.
    pub at: Timestamp,
}

/// Names in a record: read from one, or known by whoever writes it.
#[derive(Clone, Copy, Debug)]
pub enum StoredNames<'a> {
    /// As they stand in a record, or in a request.
    Stored(Array<'a, &'a str>),
    /// As the coordinator knows them.
    Known(Names<'a>),
}

impl<'a> StoredNames<'a> {
    /// The names that the coordinator knows; none of those that were read.
    pub(super) const fn known(self) -> Names<'a> {
        match self {
            Self::Known(names) => names,
            Self::Stored(_) => Names::NONE,
        }
    }

    fn write(self, writer: &mut Writer<'_>) {
        match self {
            Self::Stored(names) => names.write(writer, FLEXIBLE),
            Self::Known(names) => names.write(writer),
        }
    }
}

/// Partitions in a record: read from one, or known by whoever writes it.
#[derive(Clone, Copy, Debug)]
pub enum StoredPartitions<'a> {
    /// What a member is to have, from a record.
    Target(Array<'a, TargetTopicPartition<'a>>),
    /// What a member has, from a record.
    Current(Array<'a, CurrentTopicPartitions<'a>>, MemberEpoch),
    /// As the coordinator knows them.
    Known(Partitions<'a>),
    /// The same, as if all of them had been assigned at the very beginning.
    Ageless(Partitions<'a>),
}

impl StoredPartitions<'_> {
    /// No partition.
    pub const NONE: Self = Self::Known(Partitions::NONE);

    /// Shows each partition, in the order of the record. One without an epoch of its own is the member's since its current epoch.
    /// Source: `ConsumerGroupMember.Builder.updateWith`.
    pub fn for_each(&self, mut see: impl FnMut(Held)) {
        let mut see = |topic: TopicId, partition: i32, since: i32| {
            see(Held { topic, partition: PartitionIndex(partition), since: MemberEpoch(since) });
        };
        match self {
            Self::Target(topics) => {
                topics.iter().for_each(|topic| topic.partitions.iter().for_each(|partition| see(topic.topic_id, partition, 0)));
            }
            Self::Current(topics, epoch) => {
                for topic in topics.iter() {
                    let mut epochs = topic.assignment_epochs.unwrap_or_default().iter();
                    topic.partitions.iter().for_each(|partition| see(topic.topic_id, partition, epochs.next().unwrap_or(epoch.0)));
                }
            }
            Self::Known(partitions) => partitions.iter().for_each(|held| see(held.topic, held.partition.0, held.since.0)),
            Self::Ageless(partitions) => partitions.iter().for_each(|held| see(held.topic, held.partition.0, 0)),
        }
    }

    /// Writes them as a compact array of version 0 of either record.
    fn write(&self, writer: &mut Writer<'_>, with_epochs: bool) {
        let (partitions, is_ageless) = match self {
            Self::Known(partitions) => (partitions, false),
            Self::Ageless(partitions) => (partitions, true),
            Self::Target(_) | Self::Current(..) => {
                // What was read is not written again.
                debug_assert!(false, "only what is known is written");
                return writer.uvarint(1);
            }
        };
        let compact = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
        writer.uvarint(compact(partitions.topics().count()));
        for topic in partitions.topics() {
            writer.put(&topic.topic.0);
            writer.uvarint(compact(topic.len()));
            topic.iter().for_each(|held| writer.put(&held.partition.0.to_be_bytes()));
            if !with_epochs {
                writer.uvarint(0);
                continue;
            }
            writer.uvarint(1);
            writer.uvarint(0);
            writer.sized(|writer| {
                writer.uvarint(compact(topic.len()));
                topic.iter().for_each(|held| writer.put(&if is_ageless { 0 } else { held.since.0 }.to_be_bytes()));
            });
        }
    }
}

impl<'a> ConsumerRecord<'a> {
    /// Reads a record whose key is of one of the kinds of consumer groups: the group, and what it says. `None` when it is of another kind.
    ///
    /// # Errors
    /// When the key or the value does not read as its kind.
    pub(in crate::group) fn decode(record: EncodedRecord<'a>) -> Result<Option<(&'a str, Self)>, DecodeError> {
        let mut reader = Reader::new(record.key);
        let kind = i16::from_be_bytes(reader.array()?);
        let value = record.value;
        Ok(Some(match kind {
            ConsumerGroupMetadataKey::KEY => {
                let key = ConsumerGroupMetadataKey::decode_from(&mut reader, 0)?;
                let value = value.map(decode_versioned::<ConsumerGroupMetadataValue>).transpose()?;
                let epoch =
                    |value: ConsumerGroupMetadataValue| GroupEpoch { epoch: MemberEpoch(value.epoch), metadata_hash: value.metadata_hash };
                (key.group_id, Self::Group(value.map(epoch)))
            }
            ConsumerGroupPartitionMetadataKey::KEY => {
                (ConsumerGroupPartitionMetadataKey::decode_from(&mut reader, 0)?.group_id, Self::Topics)
            }
            ConsumerGroupMemberMetadataKey::KEY => {
                let key = ConsumerGroupMemberMetadataKey::decode_from(&mut reader, 0)?;
                let value = value.map(decode_versioned::<ConsumerGroupMemberMetadataValue<'a>>).transpose()?;
                (key.group_id, Self::Member { member_id: key.member_id, says: value.map(Says::of) })
            }
            ConsumerGroupTargetAssignmentMetadataKey::KEY => {
                let key = ConsumerGroupTargetAssignmentMetadataKey::decode_from(&mut reader, 0)?;
                let value = value.map(decode_versioned::<ConsumerGroupTargetAssignmentMetadataValue>).transpose()?;
                let made = |value: ConsumerGroupTargetAssignmentMetadataValue| TargetMade {
                    epoch: MemberEpoch(value.assignment_epoch),
                    at: Some(Timestamp(value.assignment_timestamp)).filter(|at| at.0 > 0),
                };
                (key.group_id, Self::TargetMade(value.map(made)))
            }
            ConsumerGroupTargetAssignmentMemberKey::KEY => {
                let key = ConsumerGroupTargetAssignmentMemberKey::decode_from(&mut reader, 0)?;
                let value = value.map(decode_versioned::<ConsumerGroupTargetAssignmentMemberValue<'a>>).transpose()?;
                let partitions = value.map(|value| StoredPartitions::Target(value.topic_partitions));
                (key.group_id, Self::Target { member_id: key.member_id, partitions })
            }
            ConsumerGroupCurrentMemberAssignmentKey::KEY => {
                let key = ConsumerGroupCurrentMemberAssignmentKey::decode_from(&mut reader, 0)?;
                let value = value.map(decode_versioned::<ConsumerGroupCurrentMemberAssignmentValue<'a>>).transpose()?;
                (key.group_id, Self::Current { member_id: key.member_id, current: value.map(Current::of) })
            }
            ConsumerGroupRegularExpressionKey::KEY => {
                let key = ConsumerGroupRegularExpressionKey::decode_from(&mut reader, 0)?;
                let value = value.map(decode_versioned::<ConsumerGroupRegularExpressionValue<'a>>).transpose()?;
                let matches = |value: ConsumerGroupRegularExpressionValue<'a>| Matches {
                    topics: StoredNames::Stored(value.topics),
                    version: value.version,
                    at: Timestamp(value.timestamp),
                };
                (key.group_id, Self::Pattern { pattern: key.regular_expression, matches: value.map(matches) })
            }
            _ => return Ok(None),
        }))
    }

    /// Writes the record of a group behind those that `records` holds.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub(in crate::group) fn encode(&self, group_id: &str, partition: PartitionIndex, records: &mut Records<'_>) -> Result<(), Full> {
        let key = |writer: &mut Writer<'_>| self.encode_key(group_id, writer);
        let is_gone = match self {
            Self::Group(epoch) => epoch.is_none(),
            Self::Topics => true,
            Self::Member { says, .. } => says.is_none(),
            Self::TargetMade(made) => made.is_none(),
            Self::Target { partitions, .. } => partitions.is_none(),
            Self::Current { current, .. } => current.is_none(),
            Self::Pattern { matches, .. } => matches.is_none(),
        };
        if is_gone {
            return records.push(partition, key, None);
        }
        records.push(partition, key, Some(&mut |writer| self.encode_value(writer)))
    }

    fn encode_key(&self, group_id: &str, writer: &mut Writer<'_>) {
        fn keyed<'k, M: Message<'k>>(key: &M, writer: &mut Writer<'_>) {
            writer.put(&M::KEY.to_be_bytes());
            key.encode(writer, 0);
        }
        match *self {
            Self::Group(_) => keyed(&ConsumerGroupMetadataKey { group_id }, writer),
            Self::Topics => keyed(&ConsumerGroupPartitionMetadataKey { group_id }, writer),
            Self::Member { member_id, .. } => keyed(&ConsumerGroupMemberMetadataKey { group_id, member_id }, writer),
            Self::TargetMade(_) => keyed(&ConsumerGroupTargetAssignmentMetadataKey { group_id }, writer),
            Self::Target { member_id, .. } => keyed(&ConsumerGroupTargetAssignmentMemberKey { group_id, member_id }, writer),
            Self::Current { member_id, .. } => keyed(&ConsumerGroupCurrentMemberAssignmentKey { group_id, member_id }, writer),
            Self::Pattern { pattern, .. } => keyed(&ConsumerGroupRegularExpressionKey { group_id, regular_expression: pattern }, writer),
        }
    }

    /// All values are of version 0, which they begin with.
    fn encode_value(&self, writer: &mut Writer<'_>) {
        writer.put(&0i16.to_be_bytes());
        match *self {
            Self::Group(Some(GroupEpoch { epoch, metadata_hash })) => {
                ConsumerGroupMetadataValue { epoch: epoch.0, metadata_hash }.encode(writer, 0);
            }
            Self::Member { says: Some(says), .. } => says.write(writer),
            Self::TargetMade(Some(TargetMade { epoch, at })) => {
                let assignment_timestamp = at.map_or(0, |at| at.0);
                ConsumerGroupTargetAssignmentMetadataValue { assignment_epoch: epoch.0, assignment_timestamp }.encode(writer, 0);
            }
            Self::Target { partitions: Some(partitions), .. } => {
                partitions.write(writer, false);
                writer.uvarint(0);
            }
            Self::Current { current: Some(current), .. } => {
                writer.put(&current.epoch.0.to_be_bytes());
                writer.put(&current.previous.0.to_be_bytes());
                writer.put(&current.state.number().to_be_bytes());
                current.assigned.write(writer, true);
                current.revoking.write(writer, true);
                writer.uvarint(0);
            }
            Self::Pattern { matches: Some(matches), .. } => {
                matches.topics.write(writer);
                writer.put(&matches.version.to_be_bytes());
                writer.put(&matches.at.0.to_be_bytes());
                writer.uvarint(0);
            }
            Self::Group(None)
            | Self::Topics
            | Self::Member { says: None, .. }
            | Self::TargetMade(None)
            | Self::Target { partitions: None, .. }
            | Self::Current { current: None, .. }
            | Self::Pattern { matches: None, .. } => {}
        }
    }
}

impl<'a> Says<'a> {
    /// What a member says that has said nothing yet.
    pub(super) const NOTHING: Self = Self {
        instance_id: None,
        rack_id: None,
        client_id: "",
        client_host: "",
        names: StoredNames::Known(Names::NONE),
        // Kafka's default for it, which it writes down.
        pattern: Some(""),
        rebalance_timeout: None,
        assignor: None,
        classic: None,
    };

    /// Whether all but the names is the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let texts =
            |says: &Self| [says.instance_id, says.rack_id, says.pattern, says.assignor, Some(says.client_id), Some(says.client_host)];
        texts(self) == texts(other) && self.rebalance_timeout == other.rebalance_timeout && self.classic == other.classic
    }

    fn of(value: ConsumerGroupMemberMetadataValue<'a>) -> Self {
        let rebalance_timeout = u64::try_from(value.rebalance_timeout_ms).ok().map(Millis);
        Self {
            instance_id: value.instance_id,
            rack_id: value.rack_id,
            client_id: value.client_id,
            client_host: value.client_host,
            names: StoredNames::Stored(value.subscribed_topic_names),
            pattern: value.subscribed_topic_regex,
            rebalance_timeout,
            assignor: value.server_assignor,
            classic: value.classic_member_metadata.map(StoredClassic::Stored),
        }
    }

    /// Field by field, since the names may not lie in memory as the message wants them. Held by: `what_is_written_reads_as_it_was`.
    fn write(&self, writer: &mut Writer<'_>) {
        let nullable = FLEXIBLE.nullable(true);
        self.instance_id.write(writer, nullable);
        self.rack_id.write(writer, nullable);
        self.client_id.write(writer, FLEXIBLE);
        self.client_host.write(writer, FLEXIBLE);
        self.names.write(writer);
        self.pattern.write(writer, nullable);
        let timeout = self.rebalance_timeout.map_or(-1, |timeout| i32::try_from(timeout.0).unwrap_or(i32::MAX));
        timeout.write(writer, FLEXIBLE);
        self.assignor.write(writer, nullable);
        let Some(classic) = self.classic else { return writer.uvarint(0) };
        writer.uvarint(1);
        writer.uvarint(0);
        writer.sized(|writer| classic.write(writer, FLEXIBLE));
    }
}

impl<'a> Current<'a> {
    const fn of(value: ConsumerGroupCurrentMemberAssignmentValue<'a>) -> Self {
        let epoch = MemberEpoch(value.member_epoch);
        Self {
            epoch,
            previous: MemberEpoch(value.previous_member_epoch),
            state: MemberState::from_number(value.state),
            assigned: StoredPartitions::Current(value.assigned_partitions, epoch),
            revoking: StoredPartitions::Current(value.partitions_pending_revocation, epoch),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use crate::bounded::list::List;
    use crate::group::modern::partitions::Builder;
    use crate::group::modern::schema::{ClassicMemberMetadata, ClassicProtocol};
    use alloc::format;
    use alloc::vec::Vec;

    fn read<'r>(records: &'r Records<'_>) -> ConsumerRecord<'r> {
        let record = records.iter().next().expect("a record was written");
        let (group, record) = ConsumerRecord::decode(record).expect("it can be read").expect("it is of a consumer group");
        assert_eq!(group, "g");
        record
    }

    fn written(record: &ConsumerRecord<'_>) -> Records<'static> {
        let mut records = Records::grown(10_000, 1);
        record.encode("g", PartitionIndex(0), &mut records).expect("there is room");
        records
    }

    fn shown(partitions: &StoredPartitions<'_>) -> Vec<Held> {
        let mut all = Vec::new();
        partitions.for_each(|held| all.push(held));
        all
    }

    #[test]
    fn what_is_written_reads_as_it_was() {
        let held = |topic: u8, partition, since| Held {
            topic: TopicId([topic; 16]),
            partition: PartitionIndex(partition),
            since: MemberEpoch(since),
        };
        let all = [held(1, 0, 3), held(1, 700, 4), held(2, 1, 4)];
        let mut bytes = List::grown(1000);
        let mut builder = Builder::new(&mut bytes);
        all.iter().for_each(|held| builder.push(*held).expect("there is room"));
        let range = builder.finish();
        let partitions = Partitions::of(&bytes[range]);

        let epoch = GroupEpoch { epoch: MemberEpoch(7), metadata_hash: -5 };
        assert!(matches!(read(&written(&ConsumerRecord::Group(Some(epoch)))), ConsumerRecord::Group(Some(found)) if found == epoch));
        for at in [None, Some(Timestamp(99))] {
            let made = TargetMade { epoch: MemberEpoch(7), at };
            let records = written(&ConsumerRecord::TargetMade(Some(made)));
            assert!(matches!(read(&records), ConsumerRecord::TargetMade(Some(found)) if found == made));
        }
        let records = written(&ConsumerRecord::Target { member_id: "m", partitions: Some(StoredPartitions::Known(partitions)) });
        let ConsumerRecord::Target { member_id: "m", partitions: Some(found) } = read(&records) else { panic!("a target") };
        assert_eq!(shown(&found), all.map(|held| Held { since: MemberEpoch(0), ..held }));
        for (assigned, since) in
            [(StoredPartitions::Known(partitions), None), (StoredPartitions::Ageless(partitions), Some(MemberEpoch(0)))]
        {
            let (state, revoking) = (MemberState::UnrevokedPartitions, StoredPartitions::Known(partitions));
            let current = Current { epoch: MemberEpoch(5), previous: MemberEpoch(4), state, assigned, revoking };
            let records = written(&ConsumerRecord::Current { member_id: "m", current: Some(current) });
            let ConsumerRecord::Current { member_id: "m", current: Some(found) } = read(&records) else { panic!("what it has") };
            assert_eq!((found.epoch, found.previous, found.state), (MemberEpoch(5), MemberEpoch(4), state));
            assert_eq!(shown(&found.assigned), all.map(|held| Held { since: since.unwrap_or(held.since), ..held }));
            assert_eq!(shown(&found.revoking), all);
        }
        let protocols = [ClassicProtocol { name: "range", metadata: b"\0\x01" }];
        let classic = ClassicMemberMetadata { session_timeout_ms: 9, supported_protocols: Array::from(&protocols) };
        let full = Says {
            instance_id: Some("i"),
            rack_id: Some("r"),
            client_id: "c",
            client_host: "/h",
            names: StoredNames::Stored(Array::from(&["t", "u"])),
            pattern: Some("p*"),
            rebalance_timeout: Some(Millis(30)),
            assignor: Some("range"),
            classic: Some(StoredClassic::Stored(classic)),
        };
        for says in [Says::NOTHING, full] {
            let records = written(&ConsumerRecord::Member { member_id: "m", says: Some(says) });
            let ConsumerRecord::Member { member_id: "m", says: Some(found) } = read(&records) else { panic!("a member") };
            assert!(found.is_like(&says), "{found:?}");
            let list = |says: &Says<'_>| match says.names {
                StoredNames::Stored(names) => format!("{:?}", names.iter().collect::<Vec<_>>()),
                StoredNames::Known(names) => format!("{names:?}"),
            };
            assert_eq!(list(&found), list(&says));
        }
        let matches = Matches { topics: StoredNames::Stored(Array::from(&["t"])), version: 3, at: Timestamp(4) };
        let records = written(&ConsumerRecord::Pattern { pattern: "t*", matches: Some(matches) });
        let ConsumerRecord::Pattern { pattern: "t*", matches: Some(found) } = read(&records) else { panic!("a pattern") };
        assert_eq!((found.version, found.at), (3, Timestamp(4)));
    }

    #[test]
    fn what_is_gone_is_said_with_its_key_alone() {
        let gone = [
            ConsumerRecord::Group(None),
            ConsumerRecord::Topics,
            ConsumerRecord::TargetMade(None),
            ConsumerRecord::Member { member_id: "m", says: None },
            ConsumerRecord::Target { member_id: "m", partitions: None },
            ConsumerRecord::Current { member_id: "m", current: None },
            ConsumerRecord::Pattern { pattern: "p", matches: None },
        ];
        for record in gone {
            let records = written(&record);
            assert_eq!(records.iter().next().map(|record| record.value), Some(None));
            assert_eq!(format!("{:?}", read(&records)), format!("{record:?}"));
        }
    }
}
