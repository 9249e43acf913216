//! What the coordinator writes down, in Kafka's own schema of `__transaction_state`.

use crate::bounded::Full;
use crate::ids::{PartitionIndex, ProducerEpoch, ProducerId};
use crate::machine::{EncodedRecord, Records};
use crate::time::{Millis, Timestamp};
use crate::wire::reader::{DecodeError, Reader};
use crate::wire::schema::Message;
use crate::wire::value::{Form, Value};
use crate::wire::writer::Writer;

use super::answer::Identity;
use super::schema::{PartitionsSchema, TransactionLogKey, TransactionLogValue};
use super::state::{State, TransactionVersion};

/// The type of the key of a transaction.
const KEY_TYPE: i16 = 0;

/// One record of the coordinator.
#[derive(Clone, Copy, Debug)]
pub enum TxnRecord<'a> {
    /// A transaction as it stands.
    Transaction {
        /// The transactional id.
        transactional_id: &'a str,
        /// How it stands.
        image: TransactionImage<'a>,
    },
    /// A transactional id is forgotten.
    Expired {
        /// The transactional id.
        transactional_id: &'a str,
    },
    /// A record of a kind that this machine does not keep, such as one of a later Kafka. It is left alone.
    Foreign,
}

/// A transaction as it stands.
#[derive(Clone, Copy, Debug)]
pub struct TransactionImage<'a> {
    /// Its producer.
    pub identity: Identity,
    /// The producer id before the last change.
    pub previous_producer_id: Option<ProducerId>,
    /// The producer id that goes on when this one is used up.
    pub next_producer_id: Option<ProducerId>,
    /// How long a transaction may be open.
    pub timeout: Millis,
    /// Where it stands.
    pub state: State,
    /// The partitions that it reaches.
    pub partitions: ImagePartitions<'a>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it came into its state.
    pub updated: Timestamp,
    /// The protocol of its producer.
    pub version: TransactionVersion,
}

/// Whoever knows which partitions a transaction reaches, topic by topic.
pub trait ShowPartitions {
    /// How many topics there are.
    fn topic_count(&self) -> usize;
    /// Shows each topic: its name and how many of its partitions there are; and after each topic its partitions.
    fn show(&self, see: &mut dyn FnMut(Shown<'_>));
}

/// One thing that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// A topic, and how many of its partitions follow.
    Topic(&'a str, usize),
    /// A partition of the topic before.
    Partition(PartitionIndex),
}

/// The partitions of an image: read from a record, or known by whoever writes it.
#[derive(Clone, Copy)]
pub enum ImagePartitions<'a> {
    /// As they stand in a record.
    Stored(crate::wire::value::Array<'a, PartitionsSchema<'a>>),
    /// As the coordinator knows them.
    Known(&'a dyn ShowPartitions),
}

impl core::fmt::Debug for ImagePartitions<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut list = f.debug_list();
        self.show(&mut |shown| {
            list.entry(&shown);
        });
        list.finish()
    }
}

impl ImagePartitions<'_> {
    /// None.
    pub const NONE: Self = Self::Stored(crate::wire::value::Array::Held(&[]));

    /// Shows each topic and, behind it, its partitions.
    pub fn show(&self, see: &mut dyn FnMut(Shown<'_>)) {
        match self {
            Self::Known(known) => known.show(see),
            Self::Stored(topics) => {
                for topic in topics.iter() {
                    see(Shown::Topic(topic.topic, topic.partition_ids.len()));
                    topic.partition_ids.iter().for_each(|index| see(Shown::Partition(PartitionIndex(index))));
                }
            }
        }
    }

    fn topic_count(&self) -> usize {
        match self {
            Self::Known(known) => known.topic_count(),
            Self::Stored(topics) => topics.len(),
        }
    }
}

impl<'a> TxnRecord<'a> {
    /// The transactional id that the record is about; empty for a foreign one.
    #[must_use]
    pub const fn transactional_id(&self) -> &'a str {
        match self {
            Self::Transaction { transactional_id, .. } | Self::Expired { transactional_id } => transactional_id,
            Self::Foreign => "",
        }
    }

    /// Reads a record of `__transaction_state`.
    ///
    /// # Errors
    /// When the key or the value is of a kind that is known and does not read as that kind.
    pub fn decode(record: EncodedRecord<'a>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(record.key);
        if i16::from_be_bytes(reader.array()?) != KEY_TYPE {
            return Ok(Self::Foreign);
        }
        let transactional_id = TransactionLogKey::decode_from(&mut reader, 0)?.transactional_id;
        let Some(value) = record.value else { return Ok(Self::Expired { transactional_id }) };
        let mut reader = Reader::new(value);
        let version = i16::from_be_bytes(reader.array()?);
        let value = TransactionLogValue::decode_from(&mut reader, version)?;
        let known = |id: i64| Some(ProducerId(id)).filter(|id| id.0 >= 0);
        let state = usize::try_from(value.transaction_status).ok().and_then(|number| State::ALL.get(number).copied());
        // A number without meaning is of a later Kafka, or the mark of one that is about to be forgotten: neither is stored.
        let Some(state) = state else { return Ok(Self::Foreign) };
        let image = TransactionImage {
            identity: Identity { producer_id: ProducerId(value.producer_id), producer_epoch: ProducerEpoch(value.producer_epoch) },
            previous_producer_id: known(value.previous_producer_id),
            next_producer_id: known(value.next_producer_id),
            timeout: Millis::from_signed(value.transaction_timeout_ms.into()),
            state,
            partitions: ImagePartitions::Stored(value.transaction_partitions.unwrap_or_default()),
            started: Some(Timestamp(value.transaction_start_timestamp_ms)).filter(|started| started.0 >= 0),
            updated: Timestamp(value.transaction_last_update_timestamp_ms),
            version: TransactionVersion::from_level(value.client_transaction_version),
        };
        Ok(Self::Transaction { transactional_id, image })
    }

    /// Writes the record behind those that `records` holds; `server` says in which version.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn encode(&self, partition: PartitionIndex, server: TransactionVersion, records: &mut Records<'_>) -> Result<(), Full> {
        match self {
            Self::Transaction { transactional_id, image } => {
                records.push(partition, |writer| encode_key(writer, transactional_id), Some(&mut |writer| image.encode(server, writer)))
            }
            Self::Expired { transactional_id } => records.push(partition, |writer| encode_key(writer, transactional_id), None),
            Self::Foreign => Ok(()),
        }
    }
}

fn encode_key(writer: &mut Writer<'_>, transactional_id: &str) {
    writer.put(&KEY_TYPE.to_be_bytes());
    TransactionLogKey { transactional_id }.encode(writer, 0);
}

impl TransactionImage<'_> {
    /// Written field by field: the partitions stand in the middle, and are known only one by one.
    fn encode(&self, server: TransactionVersion, writer: &mut Writer<'_>) {
        // Source: `TransactionVersion.transactionLogValueVersion`.
        let version = i16::from(server >= TransactionVersion::One);
        let form = TransactionLogValue::form(version);
        writer.put(&version.to_be_bytes());
        self.identity.producer_id.0.write(writer, form);
        self.identity.producer_epoch.0.write(writer, form);
        i32::try_from(self.timeout.0).unwrap_or(i32::MAX).write(writer, form);
        let status = State::ALL.iter().position(|state| *state == self.state).and_then(|number| i8::try_from(number).ok());
        status.unwrap_or(0).write(writer, form);
        self.encode_partitions(writer, form);
        self.updated.0.write(writer, form);
        self.started.map_or(-1, |started| started.0).write(writer, form);
        if form.flexible {
            self.encode_tagged(writer, form);
        }
    }

    fn encode_partitions(&self, writer: &mut Writer<'_>, form: Form) {
        let is_none = self.state == State::Empty;
        let count = |writer: &mut Writer<'_>, count: usize| {
            if form.flexible {
                writer.uvarint(u32::try_from(count + 1).unwrap_or(u32::MAX));
            } else {
                i32::try_from(count).unwrap_or(i32::MAX).write(writer, form);
            }
        };
        if is_none {
            return if form.flexible { writer.uvarint(0) } else { (-1i32).write(writer, form) };
        }
        count(writer, self.partitions.topic_count());
        // In flexible versions tagged fields follow each topic: none.
        let mut left = 0;
        self.partitions.show(&mut |shown| {
            match shown {
                Shown::Topic(name, partitions) => {
                    name.write(writer, form);
                    count(writer, partitions);
                    left = partitions;
                }
                Shown::Partition(index) => {
                    index.0.write(writer, form);
                    left -= 1;
                }
            }
            if left == 0 && form.flexible {
                writer.uvarint(0);
            }
        });
    }

    fn encode_tagged(&self, writer: &mut Writer<'_>, form: Form) {
        let ids = [self.previous_producer_id, self.next_producer_id];
        let version = Some(self.version.level()).filter(|level| *level != 0);
        let count = ids.iter().flatten().count() + usize::from(version.is_some());
        writer.uvarint(u32::try_from(count).unwrap_or(0));
        for (tag, id) in (0u32..).zip(ids) {
            if let Some(id) = id {
                writer.uvarint(tag);
                writer.sized(|writer| id.0.write(writer, form));
            }
        }
        if let Some(level) = version {
            writer.uvarint(2);
            writer.sized(|writer| level.write(writer, form));
        }
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use crate::wire::value::Array;

    #[test]
    fn what_is_written_reads_back_in_both_versions() {
        let topics = [
            PartitionsSchema { topic: "orders", partition_ids: Array::from(&[0, 7]) },
            PartitionsSchema { topic: "payments", partition_ids: Array::from(&[1]) },
        ];
        for (server, state) in [
            (TransactionVersion::Zero, State::Ongoing),
            (TransactionVersion::Two, State::PrepareCommit),
            (TransactionVersion::Two, State::Empty),
        ] {
            let image = TransactionImage {
                identity: Identity { producer_id: ProducerId(5), producer_epoch: ProducerEpoch(3) },
                previous_producer_id: Some(ProducerId(4)),
                next_producer_id: None,
                timeout: Millis(60_000),
                state,
                partitions: if state == State::Empty { ImagePartitions::NONE } else { ImagePartitions::Stored(Array::from(&topics)) },
                started: Some(Timestamp(77)),
                updated: Timestamp(78),
                version: TransactionVersion::Two,
            };
            let mut records = Records::grown(1000, 10);
            TxnRecord::Transaction { transactional_id: "t", image }.encode(PartitionIndex(3), server, &mut records).unwrap();
            let encoded = records.iter().next().unwrap();
            // Whatever is hand-written here agrees with the definition, byte for byte.
            let value = encoded.value.unwrap();
            let version = i16::from_be_bytes([value[0], value[1]]);
            let defined = TransactionLogValue::decode(&value[2..], version).unwrap();
            let mut again = Writer::growing();
            defined.encode(&mut again, version);
            assert_eq!(again.bytes(), &value[2..]);
            assert_eq!(defined.transaction_partitions.is_none(), state == State::Empty);
            let Ok(TxnRecord::Transaction { transactional_id: "t", image: back }) = TxnRecord::decode(encoded) else {
                panic!("{encoded:?}")
            };
            let stored = |image: TransactionImage<'_>| std::format!("{image:?}");
            let flexible = server == TransactionVersion::Two;
            let kept = TransactionImage { previous_producer_id: None, version: TransactionVersion::Zero, ..image };
            assert_eq!(stored(back), stored(if flexible { image } else { kept }));
        }
    }

    extern crate std;
}
