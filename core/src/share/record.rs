//! What the coordinator writes down, in Kafka's own schema of `__share_group_state`.

use crate::bounded::Full;
use crate::ids::{Offset, PartitionIndex};
use crate::machine::{EncodedRecord, Records};
use crate::time::Timestamp;
use crate::wire::reader::{DecodeError, Reader};
use crate::wire::schema::Message;
use crate::wire::value::{Array, Form, Value as _};
use crate::wire::writer::Writer;

use super::input::ShareKey;
use super::schema::{ShareSnapshotKey, ShareSnapshotValue, ShareUpdateKey, ShareUpdateValue, StateBatch};
use super::state::RecordState;

/// All values are of version 0.
const FORM: Form = Form { version: 0, flexible: true, nullable: false };

/// One record of the coordinator.
#[derive(Clone, Copy, Debug)]
pub enum ShareRecord<'a> {
    /// The whole state of a shared partition; `None` when it is shared no longer.
    Snapshot {
        /// What is shared.
        key: ShareKey<'a>,
        /// How it stands.
        snapshot: Option<Snapshot<'a>>,
    },
    /// A change of it.
    Update {
        /// What is shared.
        key: ShareKey<'a>,
        /// The change; `None` in a record that was deleted, which means nothing.
        update: Option<Update<'a>>,
    },
    /// A record of a kind that this machine does not keep, such as one of a later Kafka. It is left alone.
    Foreign,
}

/// The whole state of a shared partition.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// How often the state was set from outside.
    pub state_epoch: i32,
    /// When the state was made.
    pub created: Timestamp,
    /// When it was written.
    pub written: Timestamp,
    /// What an update says too.
    pub update: Update<'a>,
}

/// A change of a shared partition.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// The number of the snapshot.
    pub snapshot_epoch: i32,
    /// The epoch of the partition's leader.
    pub leader_epoch: i32,
    /// The first offset that is not done with; `None` when it stays, or was not looked up.
    pub start: Option<Offset>,
    /// How many offsets from there on are done with; `None` when that is not said.
    pub complete_count: Option<u32>,
    /// What has changed.
    pub changes: Changes<'a>,
}

/// Offsets that stand alike from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The first.
    pub first: Offset,
    /// The last.
    pub last: Offset,
    /// How they stand.
    pub state: RecordState,
    /// How often they were delivered.
    pub delivery_count: u16,
}

/// Changes: read from a record, or known by whoever writes it.
#[derive(Clone, Copy)]
pub enum Changes<'a> {
    /// As they stand in a record.
    Stored(Array<'a, StateBatch>),
    /// As the coordinator knows them.
    Known(&'a [Change]),
    /// The same, so many of them, shown one after the other to whoever looks.
    Shown(usize, &'a ShowChanges<'a>),
}

/// Shows changes, one after the other, to whoever looks.
pub type ShowChanges<'a> = dyn Fn(&mut dyn FnMut(Change)) + 'a;

impl core::fmt::Debug for Changes<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut list = f.debug_list();
        self.for_each(|change| {
            list.entry(&change);
        });
        list.finish()
    }
}

impl Changes<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Stored(stored) => stored.len(),
            Self::Known(known) => known.len(),
            Self::Shown(count, _) => *count,
        }
    }

    /// Shows each in turn. Stored ones that no log has are left out: whoever may write to the log of states may have written anything.
    pub fn for_each(&self, mut see: impl FnMut(Change)) {
        let is_possible =
            |batch: &StateBatch| (0..i64::MAX).contains(&batch.last_offset) && (0..=batch.last_offset).contains(&batch.first_offset);
        match self {
            Self::Stored(stored) => stored.iter().filter(is_possible).for_each(|batch| {
                see(Change {
                    first: Offset(batch.first_offset),
                    last: Offset(batch.last_offset),
                    state: RecordState::from_number(batch.delivery_state),
                    delivery_count: u16::try_from(batch.delivery_count).unwrap_or(0),
                });
            }),
            Self::Known(known) => known.iter().copied().for_each(see),
            Self::Shown(_, show) => show(&mut see),
        }
    }
}

impl<'a> ShareRecord<'a> {
    /// What the record is about; `None` for a foreign one.
    #[must_use]
    pub const fn key(&self) -> Option<ShareKey<'a>> {
        match self {
            Self::Snapshot { key, .. } | Self::Update { key, .. } => Some(*key),
            Self::Foreign => None,
        }
    }

    /// Reads a record of `__share_group_state`.
    ///
    /// # Errors
    /// When the key or the value is of a kind that is known and does not read as that kind.
    pub fn decode(record: EncodedRecord<'a>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(record.key);
        match i16::from_be_bytes(reader.array()?) {
            ShareSnapshotKey::KEY => {
                let ShareSnapshotKey { group_id, topic_id, partition } = ShareSnapshotKey::decode_from(&mut reader, 0)?;
                let key = ShareKey { group_id, topic_id, partition: PartitionIndex(partition) };
                let value = record.value.map(value_of::<ShareSnapshotValue<'a>>).transpose()?;
                Ok(Self::Snapshot { key, snapshot: value.map(Snapshot::of) })
            }
            ShareUpdateKey::KEY => {
                let ShareUpdateKey { group_id, topic_id, partition } = ShareUpdateKey::decode_from(&mut reader, 0)?;
                let key = ShareKey { group_id, topic_id, partition: PartitionIndex(partition) };
                let value = record.value.map(value_of::<ShareUpdateValue<'a>>).transpose()?;
                Ok(Self::Update { key, update: value.map(Update::of) })
            }
            _ => Ok(Self::Foreign),
        }
    }

    /// Writes the record behind those that `records` holds.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn encode(&self, partition: PartitionIndex, records: &mut Records<'_>) -> Result<(), Full> {
        match self {
            Self::Foreign => Ok(()),
            Self::Snapshot { key, snapshot } => {
                let ShareKey { group_id, topic_id, partition: PartitionIndex(index) } = *key;
                let key = |writer: &mut Writer<'_>| {
                    writer.put(&ShareSnapshotKey::KEY.to_be_bytes());
                    ShareSnapshotKey { group_id, topic_id, partition: index }.encode(writer, 0);
                };
                match snapshot {
                    None => records.push(partition, key, None),
                    Some(snapshot) => records.push(partition, key, Some(&mut |writer| snapshot.write(writer))),
                }
            }
            Self::Update { key, update } => {
                let ShareKey { group_id, topic_id, partition: PartitionIndex(index) } = *key;
                let key = |writer: &mut Writer<'_>| {
                    writer.put(&ShareUpdateKey::KEY.to_be_bytes());
                    ShareUpdateKey { group_id, topic_id, partition: index }.encode(writer, 0);
                };
                match update {
                    None => records.push(partition, key, None),
                    Some(update) => records.push(partition, key, Some(&mut |writer| update.write_alone(writer))),
                }
            }
        }
    }
}

fn value_of<'a, M: Message<'a>>(bytes: &'a [u8]) -> Result<M, DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = i16::from_be_bytes(reader.array()?);
    M::decode_from(&mut reader, version)
}

/// Numbers on the wire that stand for "none" when they are below 0.
fn known(offset: i64) -> Option<Offset> {
    Some(Offset(offset)).filter(|offset| offset.0 >= 0)
}

impl<'a> Snapshot<'a> {
    fn of(value: ShareSnapshotValue<'a>) -> Self {
        Self {
            state_epoch: value.state_epoch,
            created: Timestamp(value.create_timestamp),
            written: Timestamp(value.write_timestamp),
            update: Update {
                snapshot_epoch: value.snapshot_epoch,
                leader_epoch: value.leader_epoch,
                start: known(value.start_offset),
                complete_count: u32::try_from(value.delivery_complete_count).ok(),
                changes: Changes::Stored(value.state_batches),
            },
        }
    }

    /// Written field by field: what has changed is known only one by one.
    fn write(&self, writer: &mut Writer<'_>) {
        writer.put(&0i16.to_be_bytes());
        self.update.snapshot_epoch.write(writer, FORM);
        self.state_epoch.write(writer, FORM);
        self.update.leader_epoch.write(writer, FORM);
        self.update.start.map_or(-1, |start| start.0).write(writer, FORM);
        self.created.0.write(writer, FORM);
        self.written.0.write(writer, FORM);
        self.update.write_changes(writer);
    }
}

impl<'a> Update<'a> {
    fn of(value: ShareUpdateValue<'a>) -> Self {
        Self {
            snapshot_epoch: value.snapshot_epoch,
            leader_epoch: value.leader_epoch,
            start: known(value.start_offset),
            complete_count: u32::try_from(value.delivery_complete_count).ok(),
            changes: Changes::Stored(value.state_batches),
        }
    }

    fn write_alone(&self, writer: &mut Writer<'_>) {
        writer.put(&0i16.to_be_bytes());
        self.snapshot_epoch.write(writer, FORM);
        self.leader_epoch.write(writer, FORM);
        self.start.map_or(-1, |start| start.0).write(writer, FORM);
        self.write_changes(writer);
    }

    /// The array, and the tagged field behind it.
    fn write_changes(&self, writer: &mut Writer<'_>) {
        writer.uvarint(u32::try_from(self.changes.len()).unwrap_or(u32::MAX).saturating_add(1));
        self.changes.for_each(|change| {
            let batch = StateBatch {
                first_offset: change.first.0,
                last_offset: change.last.0,
                delivery_state: change.state.number(),
                delivery_count: i16::try_from(change.delivery_count).unwrap_or(i16::MAX),
            };
            batch.write(writer, FORM);
        });
        let Some(count) = self.complete_count else { return writer.uvarint(0) };
        writer.uvarint(1);
        writer.uvarint(0);
        writer.sized(|writer| i32::try_from(count).unwrap_or(i32::MAX).write(writer, FORM));
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use crate::ids::TopicId;
    use alloc::vec::Vec;

    #[test]
    fn what_is_written_reads_as_it_was() {
        let key = ShareKey { group_id: "g", topic_id: TopicId([7; 16]), partition: PartitionIndex(3) };
        let changes = [
            Change { first: Offset(5), last: Offset(9), state: RecordState::Acknowledged, delivery_count: 1 },
            Change { first: Offset(10), last: Offset(10), state: RecordState::Available, delivery_count: 4 },
        ];
        for (start, complete_count) in [(Some(Offset(5)), Some(5)), (None, None)] {
            let update = Update { snapshot_epoch: 2, leader_epoch: 8, start, complete_count, changes: Changes::Known(&changes) };
            let snapshot = Snapshot { state_epoch: 1, created: Timestamp(11), written: Timestamp(12), update };
            let mut records = Records::grown(10_000, 4);
            ShareRecord::Update { key, update: Some(update) }.encode(PartitionIndex(0), &mut records).unwrap();
            ShareRecord::Snapshot { key, snapshot: Some(snapshot) }.encode(PartitionIndex(0), &mut records).unwrap();
            ShareRecord::Snapshot { key, snapshot: None }.encode(PartitionIndex(0), &mut records).unwrap();
            let read: Vec<ShareRecord<'_>> = records.iter().map(|record| ShareRecord::decode(record).unwrap()).collect();
            assert!(read.iter().all(|record| record.key() == Some(key)));
            let is_same = |found: &Update<'_>| {
                let mut all = Vec::new();
                found.changes.for_each(|change| all.push(change));
                assert_eq!(all, changes);
                assert_eq!((found.snapshot_epoch, found.leader_epoch, found.start, found.complete_count), (2, 8, start, complete_count));
            };
            let [
                ShareRecord::Update { update: Some(update), .. },
                ShareRecord::Snapshot { snapshot: Some(snapshot), .. },
                ShareRecord::Snapshot { snapshot: None, .. },
            ] = &*read
            else {
                panic!("{read:?}")
            };
            is_same(update);
            is_same(&snapshot.update);
            assert_eq!((snapshot.state_epoch, snapshot.created, snapshot.written), (1, Timestamp(11), Timestamp(12)));
            // Field by field it is what the schema writes.
            let mut writer = Writer::growing();
            let value = records.iter().nth(1).and_then(|record| record.value).unwrap();
            value_of::<ShareSnapshotValue<'_>>(value).unwrap().encode(&mut writer, 0);
            assert_eq!(writer.bytes(), &value[2..]);
        }
    }
}
