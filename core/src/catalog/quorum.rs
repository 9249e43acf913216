//! The quorum that writes the catalogue's log: what its control records say, and what a sole voter says of itself.
//!
//! Kafka's controllers elect a leader; each reign has an epoch, and begins with a control batch that names the leader. Here is one broker
//! only: it takes the lead before it writes for the first time, under an epoch that nobody has written under, as Kafka does when it is
//! its own quorum. So either can go on where the other has stopped. Source: KIP-595, KIP-853; `LeaderState`, `QuorumState`.

use crate::bounded::Full;
use crate::bounded::list::List;
use crate::ids::{BrokerId, TopicId};
use crate::record::builder::{BatchOptions, Builder, NewRecord};
use crate::record::records::Record;
use crate::time::Timestamp;
use crate::wire::reader::{DecodeError, Reader};
use crate::wire::schema::Message;
use crate::wire::value::Array;
use crate::wire::writer::Writer;

use super::schema::{
    KRaftVersionFeature, KRaftVersionRecord, LeaderChangeMessage, LeaderChangeVoter, SnapshotFooterRecord, SnapshotHeaderRecord, Voter,
    VotersRecord,
};

/// The version of the quorum's protocol with its voters in the log. Source: `KRaftVersion.KRAFT_VERSION_1`.
const KRAFT_VERSION: i16 = 1;

/// The largest control batch that is written here: three records of one voter. Unit: bytes.
pub const LEAD_BATCH_SIZE_MAX: usize = 512;

/// One control record of the catalogue's log, or of a snapshot of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ControlRecord<'a> {
    /// A reign begins.
    LeaderChange(LeaderChangeMessage<'a>),
    /// A snapshot begins.
    SnapshotHeader(SnapshotHeaderRecord),
    /// A snapshot ends.
    SnapshotFooter(SnapshotFooterRecord),
    /// The protocol of the quorum changes.
    KRaftVersion(KRaftVersionRecord),
    /// The voters change.
    Voters(VotersRecord<'a>),
    /// A control record of another type. It is left alone.
    Foreign(i16),
}

impl<'a> ControlRecord<'a> {
    /// Reads a record of a control batch.
    ///
    /// Layout: key { i16 version 0, i16 type }, value { i16 version, the message in that version }.
    /// # Errors
    /// When it has no key, or a record of a known type does not read as that type.
    pub fn decode(record: &Record<'a>) -> Result<Self, DecodeError> {
        let mut key = Reader::new(record.key.ok_or(DecodeError::Null)?);
        let [_, _, high, low] = key.array::<4>()?;
        let bytes = record.value.ok_or(DecodeError::Null)?;
        let version = i16::from_be_bytes(Reader::new(bytes).array()?);
        Ok(match i16::from_be_bytes([high, low]) {
            LeaderChangeMessage::KEY => Self::LeaderChange(Message::decode(bytes, version)?),
            SnapshotHeaderRecord::KEY => Self::SnapshotHeader(Message::decode(bytes, version)?),
            SnapshotFooterRecord::KEY => Self::SnapshotFooter(Message::decode(bytes, version)?),
            KRaftVersionRecord::KEY => Self::KRaftVersion(Message::decode(bytes, version)?),
            VotersRecord::KEY => Self::Voters(Message::decode(bytes, version)?),
            kind => Self::Foreign(kind),
        })
    }
}

/// What is known of the quorum. Hard state: what the control records say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quorum {
    /// Whether anybody has ever led it, or its voters are named. If not, the log is a new one.
    is_heard_of: bool,
    kraft_version: i16,
    other_voter: Option<BrokerId>,
}

impl Quorum {
    /// The version of the quorum's protocol: 0 with voters that only the settings of its members name, 1 with voters in the log.
    #[must_use]
    pub const fn kraft_version(&self) -> i16 {
        self.kraft_version
    }

    /// A voter that is not this broker: then what one of them writes alone is not what the quorum decided.
    #[must_use]
    pub const fn other_voter(&self) -> Option<BrokerId> {
        self.other_voter
    }

    /// Whether the log says nothing of a quorum, so that its voters are still to be named.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        !self.is_heard_of
    }

    /// Believes one control record.
    pub(super) fn replay(&mut self, node: BrokerId, record: &ControlRecord<'_>) {
        let other = |voter_id: i32| (voter_id != node.0).then_some(BrokerId(voter_id));
        match record {
            ControlRecord::LeaderChange(change) => {
                self.is_heard_of = true;
                // The voters in the log are the last word; without them these are the only ones that are known.
                if self.kraft_version == 0 {
                    self.other_voter = change.voters.iter().find_map(|voter| other(voter.voter_id));
                }
            }
            ControlRecord::KRaftVersion(version) => (self.is_heard_of, self.kraft_version) = (true, version.kraft_version),
            ControlRecord::Voters(voters) => {
                self.is_heard_of = true;
                self.other_voter = voters.voters.iter().find_map(|voter| other(voter.voter_id));
            }
            ControlRecord::SnapshotHeader(_) | ControlRecord::SnapshotFooter(_) | ControlRecord::Foreign(_) => {}
        }
    }

    /// Builds the control batch that begins a reign of `node`, behind what `batch` holds. In a new log it also names the voters: this
    /// one, in this directory. Where it listens is left open, since it is no controller that anybody can speak to; the first Kafka that
    /// leads puts its own address there. Source: `LeaderState.appendStartOfEpochControlRecords`.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn begin_reign(&self, wall: Timestamp, node: BrokerId, directory: TopicId, batch: &mut List<'_, u8>) -> Result<(), Full> {
        let mut builder = Builder::new(batch, BatchOptions { control: true, ..BatchOptions::default() })?;
        let voters = [LeaderChangeVoter { voter_id: node.0, ..LeaderChangeVoter::default() }];
        let (voters, granting_voters) = (Array::from(&voters), Array::from(&voters));
        let change = LeaderChangeMessage { version: 0, leader_id: node.0, voters, granting_voters };
        append(&mut builder, wall, &change)?;
        if self.is_new() {
            append(&mut builder, wall, &KRaftVersionRecord { version: 0, kraft_version: KRAFT_VERSION })?;
            let kraft_version_feature = KRaftVersionFeature { min_supported_version: 0, max_supported_version: KRAFT_VERSION };
            let voter = Voter { voter_id: node.0, voter_directory_id: directory, endpoints: Array::default(), kraft_version_feature };
            append(&mut builder, wall, &VotersRecord { version: 0, voters: Array::from(&[voter]) })?;
        }
        builder.finish().map(drop).ok_or(Full)
    }
}

/// Appends a control record: version 0 of its message.
fn append<'a, M: Message<'a>>(builder: &mut Builder<'_, '_>, wall: Timestamp, message: &M) -> Result<(), Full> {
    let [high, low] = M::KEY.to_be_bytes();
    let mut memory = heapless::Vec::<u8, LEAD_BATCH_SIZE_MAX>::new();
    let mut value = List::lent(&mut memory);
    let mut writer = Writer::behind(&mut value);
    message.encode(&mut writer, 0);
    if writer.overflowed() {
        return Err(Full);
    }
    builder.append(NewRecord { timestamp: Some(wall), key: Some(&[0, 0, high, low]), value: Some(&value), headers: &[] })
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use crate::record::batch::Batch;

    fn replay(quorum: &mut Quorum, bytes: &[u8]) {
        let (batch, _) = Batch::split_first(bytes).unwrap();
        assert!(batch.header().is_control() && batch.crc_is_right());
        for record in batch.records().unwrap() {
            quorum.replay(BrokerId(1), &ControlRecord::decode(&record.unwrap()).unwrap());
        }
    }

    #[test]
    fn the_first_reign_names_its_voter_and_a_later_one_only_its_leader() {
        let mut quorum = Quorum::default();
        let mut batch = List::grown(LEAD_BATCH_SIZE_MAX);
        quorum.begin_reign(Timestamp(7), BrokerId(1), TopicId([9; 16]), &mut batch).unwrap();
        assert_eq!(Batch::split_first(&batch).unwrap().0.header().record_count(), 3);
        replay(&mut quorum, &batch);
        assert_eq!((quorum.is_new(), quorum.kraft_version(), quorum.other_voter()), (false, 1, None));
        batch.clear();
        quorum.begin_reign(Timestamp(8), BrokerId(1), TopicId([9; 16]), &mut batch).unwrap();
        assert_eq!(Batch::split_first(&batch).unwrap().0.header().record_count(), 1);
    }

    #[test]
    fn another_voter_is_noticed_whoever_names_it() {
        let mut theirs = List::grown(LEAD_BATCH_SIZE_MAX);
        Quorum::default().begin_reign(Timestamp(7), BrokerId(2), TopicId([9; 16]), &mut theirs).unwrap();
        let mut quorum = Quorum::default();
        replay(&mut quorum, &theirs);
        assert_eq!(quorum.other_voter(), Some(BrokerId(2)));

        let voters = [LeaderChangeVoter { voter_id: 1, ..Default::default() }, LeaderChangeVoter { voter_id: 3, ..Default::default() }];
        let change = LeaderChangeMessage { leader_id: 1, voters: Array::from(&voters), ..Default::default() };
        let mut quorum = Quorum::default();
        quorum.replay(BrokerId(1), &ControlRecord::LeaderChange(change));
        assert_eq!(quorum.other_voter(), Some(BrokerId(3)));
    }
}
