//! What the catalogue writes down: the records of a KRaft cluster's metadata log.

use crate::bounded::Full;
use crate::ids::PartitionIndex;
use crate::machine::{EncodedRecord, Records};
use crate::wire::reader::{DecodeError, Reader};
use crate::wire::schema::Message;

use super::others::ForeignKind;
use super::schema::{
    AbortTransactionRecord, BeginTransactionRecord, ClientQuotaRecord, ConfigRecord, EndTransactionRecord, FeatureLevelRecord,
    PartitionChangeRecord, PartitionRecord, ProducerIdsRecord, RegisterBrokerRecord, RemoveTopicRecord, RemoveUserScramCredentialRecord,
    TopicRecord, UnregisterBrokerRecord, UserScramCredentialRecord,
};

/// The first number of every record. Source: `AbstractApiMessageSerde.DEFAULT_FRAME_VERSION`.
const FRAME_VERSION: u32 = 1;

/// The version of partition records with directories, and the level of `metadata.version` from which on they may be written.
/// Source: `MetadataVersion.partitionRecordVersion`.
const PARTITION_VERSION: i16 = 1;
const PARTITION_VERSION_SINCE: i16 = 17;

/// The catalogue's log has one partition.
pub const METADATA_PARTITION: PartitionIndex = PartitionIndex(0);

/// One record of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CatalogRecord<'a> {
    /// A topic comes into being.
    Topic(TopicRecord<'a>),
    /// A partition comes into being.
    Partition(PartitionRecord<'a>),
    /// Some of a partition's fields change.
    PartitionChange(PartitionChangeRecord<'a>),
    /// A setting changes.
    Config(ConfigRecord<'a>),
    /// A topic goes.
    RemoveTopic(RemoveTopicRecord),
    /// A feature changes its level.
    FeatureLevel(FeatureLevelRecord<'a>),
    /// A block of producer ids is handed out.
    ProducerIds(ProducerIdsRecord),
    /// A broker has registered: this one when it was a Kafka, or another one of its cluster.
    RegisterBroker(RegisterBrokerRecord<'a>),
    /// A broker is taken off the books.
    UnregisterBroker(UnregisterBrokerRecord),
    /// A quota of clients changes.
    ClientQuota(ClientQuotaRecord<'a>),
    /// A user's password changes.
    UserScramCredential(UserScramCredentialRecord<'a>),
    /// A user's password goes.
    RemoveUserScramCredential(RemoveUserScramCredentialRecord<'a>),
    /// What follows counts only once it is ended. Source: KIP-868.
    BeginTransaction(BeginTransactionRecord<'a>),
    /// What was written since the beginning counts.
    EndTransaction,
    /// What was written since the beginning does not count.
    AbortTransaction(AbortTransactionRecord<'a>),
    /// A record of a kind that this machine does not keep. It is left alone.
    Foreign(ForeignKind),
}

impl<'a> CatalogRecord<'a> {
    /// Reads the value of a record.
    ///
    /// # Errors
    /// When the frame is of another version, or the record of a known kind does not read as that kind.
    pub fn decode(record: EncodedRecord<'a>) -> Result<Self, DecodeError> {
        Self::decode_value(record.value)
    }

    /// Reads the value of a record, which is all that there is of it.
    ///
    /// # Errors
    /// Those of [`CatalogRecord::decode`].
    pub fn decode_value(value: Option<&'a [u8]>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(value.ok_or(DecodeError::Null)?);
        if reader.uvarint()? != FRAME_VERSION {
            return Err(DecodeError::Version);
        }
        let kind = i16::try_from(reader.uvarint()?).map_err(|_| DecodeError::Varint)?;
        let version = i16::try_from(reader.uvarint()?).map_err(|_| DecodeError::Varint)?;
        let bytes = reader.rest();
        Ok(match kind {
            TopicRecord::KEY => Self::Topic(Message::decode(bytes, version)?),
            PartitionRecord::KEY => Self::Partition(Message::decode(bytes, version)?),
            PartitionChangeRecord::KEY => Self::PartitionChange(Message::decode(bytes, version)?),
            ConfigRecord::KEY => Self::Config(Message::decode(bytes, version)?),
            RemoveTopicRecord::KEY => Self::RemoveTopic(Message::decode(bytes, version)?),
            FeatureLevelRecord::KEY => Self::FeatureLevel(Message::decode(bytes, version)?),
            ProducerIdsRecord::KEY => Self::ProducerIds(Message::decode(bytes, version)?),
            RegisterBrokerRecord::KEY => Self::RegisterBroker(Message::decode(bytes, version)?),
            UnregisterBrokerRecord::KEY => Self::UnregisterBroker(Message::decode(bytes, version)?),
            ClientQuotaRecord::KEY => Self::ClientQuota(Message::decode(bytes, version)?),
            UserScramCredentialRecord::KEY => Self::UserScramCredential(Message::decode(bytes, version)?),
            RemoveUserScramCredentialRecord::KEY => Self::RemoveUserScramCredential(Message::decode(bytes, version)?),
            BeginTransactionRecord::KEY => Self::BeginTransaction(Message::decode(bytes, version)?),
            EndTransactionRecord::KEY => {
                EndTransactionRecord::decode(bytes, version)?;
                Self::EndTransaction
            }
            AbortTransactionRecord::KEY => Self::AbortTransaction(Message::decode(bytes, version)?),
            number => Self::Foreign(ForeignKind::of(number)),
        })
    }

    /// Writes the record behind those that `records` holds, for a catalogue at this level of `metadata.version`. It has no key.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn encode(&self, metadata_version: i16, records: &mut Records<'_>) -> Result<(), Full> {
        let partition_version = if metadata_version < PARTITION_VERSION_SINCE { 0 } else { PARTITION_VERSION };
        match self {
            Self::Topic(record) => push(records, record, 0),
            Self::Partition(record) => push(records, record, partition_version),
            Self::PartitionChange(record) => push(records, record, partition_version),
            Self::Config(record) => push(records, record, 0),
            Self::RemoveTopic(record) => push(records, record, 0),
            Self::FeatureLevel(record) => push(records, record, 0),
            Self::ProducerIds(record) => push(records, record, 0),
            Self::AbortTransaction(record) => push(records, record, 0),
            Self::UnregisterBroker(record) => push(records, record, 0),
            Self::ClientQuota(record) => push(records, record, 0),
            Self::UserScramCredential(record) => push(records, record, 0),
            Self::RemoveUserScramCredential(record) => push(records, record, 0),
            // What only Kafka's controllers write.
            Self::RegisterBroker(_) | Self::BeginTransaction(_) | Self::EndTransaction | Self::Foreign(_) => Ok(()),
        }
    }
}

fn push<'a, M: Message<'a>>(records: &mut Records<'_>, message: &M, version: i16) -> Result<(), Full> {
    let value = &mut |writer: &mut crate::wire::writer::Writer<'_>| {
        writer.uvarint(FRAME_VERSION);
        writer.uvarint(u32::from(M::KEY.cast_unsigned()));
        writer.uvarint(u32::from(version.cast_unsigned()));
        message.encode(writer, version);
    };
    records.push(METADATA_PARTITION, |_| {}, Some(value))
}
