//! What the coordinator writes down, in Kafka's own schema of `__consumer_offsets`.

use crate::bounded::Full;
use crate::ids::{GenerationId, LeaderEpoch, Offset, PartitionIndex, ProducerId, TopicId};
use crate::machine::{EncodedRecord, Records};
use crate::record::marker::Outcome;
use crate::time::{Millis, Timestamp};
use crate::wire::reader::{DecodeError, Reader};
use crate::wire::schema::Message;
use crate::wire::value::{Array, Form, Value};
use crate::wire::writer::Writer;

use super::modern::record::ConsumerRecord;
use super::modern::state::GroupKind;
use super::schema::{GroupMetadataKey, GroupMetadataValue, MemberMetadata, OffsetCommitKey, OffsetCommitValue};

/// The version of the offset values that are written. Source: `GroupCoordinatorRecordHelpers.offsetCommitValueVersion`.
const OFFSET_VALUE_VERSION: i16 = 4;
/// With the explicit expiry that old clients still ask for. Source: the same.
const OFFSET_VALUE_VERSION_WITH_EXPIRY: i16 = 1;
/// The version of the group values that are written. Source: `GroupCoordinatorRecordHelpers.newGroupMetadataRecord`.
const GROUP_VALUE_VERSION: i16 = 3;

/// The type of an offset's key, in the versions 0 and 1 that mean the same.
const OFFSET_KEY_TYPES: [i16; 2] = [0, 1];
/// The type of a group's key.
const GROUP_KEY_TYPE: i16 = 2;

/// One record of the coordinator.
#[derive(Clone, Copy, Debug)]
pub enum GroupRecord<'a> {
    /// A group committed an offset.
    Offset {
        /// The group.
        group: &'a str,
        /// The topic's name.
        topic: &'a str,
        /// The partition.
        partition: PartitionIndex,
        /// What was committed.
        commit: StoredOffset<'a>,
        /// The producer whose transaction it belongs to: it counts when that is committed. Source: KIP-98.
        transaction: Option<ProducerId>,
    },
    /// A transaction has ended: what it committed counts, or never was. This is the marker in the log, not a record of the coordinator's.
    TransactionEnded {
        /// Whose it was.
        producer_id: ProducerId,
        /// How it ended.
        outcome: Outcome,
    },
    /// An offset is forgotten.
    OffsetDeleted {
        /// The group.
        group: &'a str,
        /// The topic's name.
        topic: &'a str,
        /// The partition.
        partition: PartitionIndex,
    },
    /// A group as it stands after a round.
    Group {
        /// The group.
        group: &'a str,
        /// How it stands.
        image: GroupImage<'a>,
    },
    /// A group is forgotten.
    GroupDeleted {
        /// The group.
        group: &'a str,
    },
    /// Something of a consumer group or a share group. Source: KIP-848, KIP-932.
    Consumer {
        /// The group.
        group: &'a str,
        /// Which of them it is.
        kind: GroupKind,
        /// What.
        record: ConsumerRecord<'a>,
    },
    /// A record of a kind that this machine does not keep, such as one of a later Kafka. It is left alone.
    Foreign,
}

/// A committed offset as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredOffset<'a> {
    /// The offset of the next record to consume.
    pub offset: Offset,
    /// The leader epoch of the last consumed record.
    pub leader_epoch: Option<LeaderEpoch>,
    /// What the client wants kept beside it.
    pub metadata: &'a str,
    /// When it was committed.
    pub commit_timestamp: Timestamp,
    /// When it is to expire, if the client said so.
    pub expire_timestamp: Option<Timestamp>,
    /// The topic's id; zero when unknown.
    pub topic_id: TopicId,
}

/// A group as it stands after a round.
#[derive(Clone, Copy, Debug)]
pub struct GroupImage<'a> {
    /// The kind of group; empty before the first member.
    pub protocol_type: &'a str,
    /// The generation.
    pub generation_id: GenerationId,
    /// The protocol of the generation; `None` when the group is empty.
    pub protocol: Option<&'a str>,
    /// The leader's id; `None` when the group is empty.
    pub leader: Option<&'a str>,
    /// When the group came into this state.
    pub state_timestamp: Option<Timestamp>,
    /// Its members.
    pub members: ImageMembers<'a>,
}

/// Shows the members of a group, one after the other, to whoever looks.
pub type ShowMembers<'a> = dyn Fn(&mut dyn FnMut(ImageMember<'_>)) + 'a;

/// The members of an image: read from a record, or known by whoever writes it.
#[derive(Clone, Copy)]
pub enum ImageMembers<'a> {
    /// As they stand in a record.
    Stored(Array<'a, MemberMetadata<'a>>),
    /// As the coordinator knows them.
    Known(&'a ShowMembers<'a>),
}

/// A member in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageMember<'a> {
    /// Its id.
    pub member_id: &'a str,
    /// Its instance id, if it is static.
    pub group_instance_id: Option<&'a str>,
    /// What its connection calls itself.
    pub client_id: &'a str,
    /// Where it speaks from.
    pub client_host: &'a str,
    /// How long it may take to join again.
    pub rebalance_timeout: Millis,
    /// How long it may be silent.
    pub session_timeout: Millis,
    /// What it said under the protocol of the generation.
    pub subscription: &'a [u8],
    /// What the leader gave it.
    pub assignment: &'a [u8],
}

impl ImageMember<'_> {
    /// The member as it reads when it was written down: times are cut to what a record can hold.
    #[must_use]
    pub fn as_stored(mut self) -> Self {
        self.rebalance_timeout = Millis::from_signed(i64::from(narrow(self.rebalance_timeout)));
        self.session_timeout = Millis::from_signed(i64::from(narrow(self.session_timeout)));
        self
    }
}

impl core::fmt::Debug for ImageMembers<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut list = f.debug_list();
        self.for_each(|member| {
            list.entry(&member.member_id);
        });
        list.finish()
    }
}

impl ImageMembers<'_> {
    /// Nobody.
    pub const NONE: Self = Self::Stored(Array::Held(&[]));

    /// Shows each member in turn.
    pub fn for_each(&self, mut see: impl FnMut(ImageMember<'_>)) {
        match self {
            Self::Known(walk) => walk(&mut see),
            Self::Stored(members) => {
                for member in members.iter() {
                    see(ImageMember {
                        member_id: member.member_id,
                        group_instance_id: member.group_instance_id,
                        client_id: member.client_id,
                        client_host: member.client_host,
                        // Images of the oldest version have one timeout for both.
                        rebalance_timeout: Millis::from_signed(i64::from(if member.rebalance_timeout < 0 {
                            member.session_timeout
                        } else {
                            member.rebalance_timeout
                        })),
                        session_timeout: Millis::from_signed(i64::from(member.session_timeout)),
                        subscription: member.subscription,
                        assignment: member.assignment,
                    });
                }
            }
        }
    }
}

impl<'a> GroupRecord<'a> {
    /// The group that the record is about; empty when it is about none.
    #[must_use]
    pub const fn group(&self) -> &'a str {
        match self {
            Self::Offset { group, .. }
            | Self::OffsetDeleted { group, .. }
            | Self::Group { group, .. }
            | Self::GroupDeleted { group }
            | Self::Consumer { group, .. } => group,
            Self::TransactionEnded { .. } | Self::Foreign => "",
        }
    }

    /// Reads a record of `__consumer_offsets`; `transaction` is the producer of its batch, if that has one.
    ///
    /// # Errors
    /// When the key or the value is of a kind that is known and does not read as that kind.
    pub fn decode(record: EncodedRecord<'a>, transaction: Option<ProducerId>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(record.key);
        let kind = i16::from_be_bytes(reader.array()?);
        if OFFSET_KEY_TYPES.contains(&kind) {
            let key = OffsetCommitKey::decode_from(&mut reader, 0)?;
            let partition = PartitionIndex(key.partition);
            let Some(value) = record.value else {
                return Ok(Self::OffsetDeleted { group: key.group, topic: key.topic, partition });
            };
            let value: OffsetCommitValue<'a> = decode_versioned(value)?;
            let commit = StoredOffset {
                offset: Offset(value.offset),
                leader_epoch: Some(LeaderEpoch(value.leader_epoch)).filter(|epoch| epoch.0 >= 0),
                metadata: value.metadata,
                commit_timestamp: Timestamp(value.commit_timestamp),
                expire_timestamp: Some(Timestamp(value.expire_timestamp)).filter(|timestamp| timestamp.0 >= 0),
                topic_id: value.topic_id,
            };
            return Ok(Self::Offset { group: key.group, topic: key.topic, partition, commit, transaction });
        }
        if kind != GROUP_KEY_TYPE {
            let consumer = ConsumerRecord::decode(record)?;
            return Ok(consumer.map_or(Self::Foreign, |(group, kind, record)| Self::Consumer { group, kind, record }));
        }
        let group = GroupMetadataKey::decode_from(&mut reader, 0)?.group;
        let Some(value) = record.value else { return Ok(Self::GroupDeleted { group }) };
        let value: GroupMetadataValue<'a> = decode_versioned(value)?;
        let image = GroupImage {
            protocol_type: value.protocol_type,
            generation_id: GenerationId(value.generation),
            protocol: value.protocol,
            leader: value.leader,
            state_timestamp: Some(Timestamp(value.current_state_timestamp)).filter(|timestamp| timestamp.0 >= 0),
            members: ImageMembers::Stored(value.members),
        };
        Ok(Self::Group { group, image })
    }

    /// Writes the record behind those that `records` holds.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn encode(&self, partition: PartitionIndex, records: &mut Records<'_>) -> Result<(), Full> {
        match self {
            Self::Offset { group, topic, partition: of, commit, transaction: _ } => {
                records.push(partition, |writer| encode_offset_key(writer, group, topic, *of), Some(&mut |writer| commit.encode(writer)))
            }
            Self::OffsetDeleted { group, topic, partition: of } => {
                records.push(partition, |writer| encode_offset_key(writer, group, topic, *of), None)
            }
            Self::Group { group, image } => {
                records.push(partition, |writer| encode_group_key(writer, group), Some(&mut |writer| image.encode(writer)))
            }
            Self::GroupDeleted { group } => records.push(partition, |writer| encode_group_key(writer, group), None),
            Self::Consumer { group, kind, record } => record.encode(group, *kind, partition, records),
            Self::TransactionEnded { .. } | Self::Foreign => Ok(()),
        }
    }
}

fn encode_offset_key(writer: &mut Writer<'_>, group: &str, topic: &str, partition: PartitionIndex) {
    writer.put(&OFFSET_KEY_TYPES[1].to_be_bytes());
    OffsetCommitKey { group, topic, partition: partition.0 }.encode(writer, 0);
}

fn encode_group_key(writer: &mut Writer<'_>, group: &str) {
    writer.put(&GROUP_KEY_TYPE.to_be_bytes());
    GroupMetadataKey { group }.encode(writer, 0);
}

/// Reads a value that says its version in its first two bytes.
pub(super) fn decode_versioned<'a, M: Message<'a>>(bytes: &'a [u8]) -> Result<M, DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = i16::from_be_bytes(reader.array()?);
    M::decode_from(&mut reader, version)
}

impl StoredOffset<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        let version = if self.expire_timestamp.is_some() { OFFSET_VALUE_VERSION_WITH_EXPIRY } else { OFFSET_VALUE_VERSION };
        writer.put(&version.to_be_bytes());
        let value = OffsetCommitValue {
            offset: self.offset.0,
            leader_epoch: self.leader_epoch.map_or(-1, |epoch| epoch.0),
            metadata: self.metadata,
            commit_timestamp: self.commit_timestamp.0,
            expire_timestamp: self.expire_timestamp.map_or(-1, |timestamp| timestamp.0),
            topic_id: self.topic_id,
        };
        value.encode(writer, version);
    }
}

impl GroupImage<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.put(&GROUP_VALUE_VERSION.to_be_bytes());
        let value = GroupMetadataValue {
            protocol_type: self.protocol_type,
            generation: self.generation_id.0,
            protocol: self.protocol,
            leader: self.leader,
            current_state_timestamp: self.state_timestamp.map_or(-1, |timestamp| timestamp.0),
            members: Array::default(),
        };
        value.encode(writer, GROUP_VALUE_VERSION);
        // The members are the last field of this version, and known only one by one: their count, written as 0, is mended behind them.
        let count_at = writer.size() - size_of::<i32>();
        let form = Form { version: GROUP_VALUE_VERSION, flexible: false, nullable: false };
        let mut count = 0i32;
        self.members.for_each(|member| {
            count += 1;
            let stored = MemberMetadata {
                member_id: member.member_id,
                group_instance_id: member.group_instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                rebalance_timeout: narrow(member.rebalance_timeout),
                session_timeout: narrow(member.session_timeout),
                subscription: member.subscription,
                assignment: member.assignment,
            };
            stored.write(writer, form);
        });
        writer.patch(count_at, &count.to_be_bytes());
    }
}

fn narrow(span: Millis) -> i32 {
    i32::try_from(span.0).unwrap_or(i32::MAX)
}
