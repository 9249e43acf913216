//! Catalogues as Apache Kafka leaves them: snapshots and the log behind them, transactions, and damage to all of it.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::bounded::list::List;
use crate::bounded::table::HashKey;
use crate::catalog::catalog::{Catalog, CatalogConfig, CatalogMemory};
use crate::catalog::input::{CreateTopic, Input};
use crate::catalog::name;
use crate::catalog::quorum::{ControlRecord, Quorum};
use crate::catalog::record::CatalogRecord;
use crate::catalog::schema::{
    AbortTransactionRecord, BeginTransactionRecord, ClientQuotaRecord, EndTransactionRecord, EntityData, FeatureLevelRecord,
    PartitionRecord, RegisterBrokerRecord, RemoveTopicRecord, SnapshotFooterRecord, SnapshotHeaderRecord, TopicRecord,
    UserScramCredentialRecord,
};
use crate::catalog::snapshot::{SnapshotDamage, SnapshotId};
use crate::group::config::GroupConfig;
use crate::group::coordinator::{Coordinator, CoordinatorLimits, CoordinatorMemory};
use crate::ids::{BrokerId, CallId, LeaderEpoch, Offset, ProducerId, TopicId};
use crate::log::config::LogConfig;
use crate::log::partition_log::{LogLimits, LogMemory};
use crate::log::recover::{OpenHints, RecoveryReport};
use crate::record::batch::Batch;
use crate::record::builder::{BatchOptions, Builder, NewRecord};
use crate::shard::directory::{LeftOut, LogDirectory, PartitionName, Refused, Unreadable};
use crate::shard::error::OpenError;
use crate::shard::parked::{Outcome, Parked, ParkedMemory, Release};
use crate::shard::shard::{Machines, Shard, ShardMemory, ShardPartitions};
use crate::shard::turn::Nobody;
use crate::share::config::ShareConfig;
use crate::share::coordinator::{Coordinator as ShareCoordinator, ShareMemory};
use crate::store::file_name::{FileKind, FileName};
use crate::store::memory::{MemoryError, MemoryStore};
use crate::store::segment_store::SegmentStore as _;
use crate::time::{Instant, Moment, Timestamp};
use crate::txn::config::TxnConfig;
use crate::txn::coordinator::{Coordinator as TxnCoordinator, CoordinatorMemory as TxnMemory};
use crate::wire::schema::Message;
use crate::wire::value::Array;
use crate::wire::writer::Writer;

const AT: Moment = Moment { now: Instant(1), wall: Timestamp(1) };
const NODE: BrokerId = BrokerId(1);
const HERE: TopicId = TopicId([9; 16]);

/// A directory with a catalogue's log and snapshots in it.
#[derive(Clone, Default)]
pub(in crate::shard) struct Directory {
    /// Of every log.
    pub(in crate::shard) config: LogConfig,
    log: Vec<u8>,
    log_start: i64,
    snapshots: Vec<(SnapshotId, Vec<u8>)>,
    quorum_epoch: i32,
    damaged: Vec<SnapshotDamage>,
    led: Vec<(i32, i16)>,
}

impl LogDirectory<'static> for Directory {
    type Store = MemoryStore<'static>;

    fn store(&mut self, partition: PartitionName<'_>) -> Self::Store {
        let mut store = MemoryStore::grown(1 << 16, 256);
        if partition.topic_id == TopicId::METADATA && !self.log.is_empty() {
            store.write_at(FileName::live(FileKind::Log, Offset(self.log_start)), 0, &[&self.log]).unwrap();
        }
        store
    }
    fn memory(&mut self) -> LogMemory<'static> {
        LogMemory::grown(&LogLimits::default(), HashKey(1, 2))
    }
    fn log_config<'e>(&self, _: &mut dyn Iterator<Item = (&'e str, &'e str)>) -> LogConfig {
        self.config
    }
    fn hints(&self, _: PartitionName<'_>) -> OpenHints {
        OpenHints::default()
    }
    fn opened(&mut self, _: PartitionName<'_>, _: &RecoveryReport) {}
    fn left_out(&mut self, _: PartitionName<'_>, _: LeftOut) {}
    fn abandoned(&mut self, _: PartitionName<'_>, _: ProducerId) {}
    fn removed(&mut self, _: TopicId) {}
    fn retire(&mut self, _: PartitionName<'_>) {}
    fn purge(&mut self, _: TopicId) {}
    fn snapshot_before(&mut self, before: Option<SnapshotId>) -> Option<SnapshotId> {
        self.snapshots.iter().map(|(id, _)| *id).filter(|id| before.is_none_or(|before| *id < before)).max()
    }
    fn read_snapshot(&mut self, id: SnapshotId, position: u64, into: &mut [u8]) -> Result<usize, Unreadable> {
        let (_, bytes) = self.snapshots.iter().find(|(other, _)| *other == id).ok_or(Unreadable)?;
        let rest = bytes.get(usize::try_from(position).unwrap()..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
    fn snapshot_damaged(&mut self, _: SnapshotId, damage: SnapshotDamage) {
        self.damaged.push(damage);
    }
    fn begin(&mut self, catalog: &Catalog<'static>) -> Result<(), Refused> {
        if catalog.obstacle().is_none() { Ok(()) } else { Err(Refused) }
    }
    fn quorum_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(self.quorum_epoch)
    }
    fn lead_quorum(&mut self, epoch: LeaderEpoch, kraft_version: i16) {
        self.led.push((epoch.0, kraft_version));
    }
}

struct Nothing;

impl Release for Nothing {
    fn release(&mut self, _: CallId, _: Outcome) {}
}

type Opened = Result<Shard<'static, Directory>, OpenError<MemoryError>>;

fn open(directory: &Directory) -> Opened {
    let key = HashKey(1, 2);
    let catalog = Catalog::new(CatalogConfig { node: NODE, directory: HERE }, key, CatalogMemory::grown(64));
    let limits = CoordinatorLimits { groups: 2, members: 2, offsets: 2, partitions: 2, text_bytes: 4096 };
    let groups = Coordinator::new(GroupConfig::default(), key, CoordinatorMemory::grown(limits));
    let txns = TxnCoordinator::new(TxnConfig::default(), key, TxnMemory::grown(8, 64));
    let shares = ShareCoordinator::new(ShareConfig::default(), key, ShareMemory::grown(8, 64));
    let machines = Machines { catalog, groups, transactions: txns, shares };
    let (parked, memory) = (Parked::new(ParkedMemory::grown(8, 8)), ShardMemory::grown(1 << 16, 64, 8));
    let mut scratch = List::grown(1 << 16);
    Shard::open(AT, directory.clone(), machines, parked, memory, ShardPartitions::grown(8), key, &mut scratch)
}

/// The names of all topics, or why there are none to be had.
fn topics(directory: &Directory) -> Result<Vec<String>, String> {
    let shard = open(directory).map_err(|error| error.to_string())?;
    let mut names: Vec<String> = shard.catalog().topics().map(|topic| topic.name.to_string()).collect();
    names.sort();
    Ok(names)
}

/// The value of a record as it stands in a log.
fn value<'a, M: Message<'a>>(message: &M, version: i16) -> Vec<u8> {
    let mut bytes = List::grown(4096);
    let mut writer = Writer::behind(&mut bytes);
    writer.uvarint(1);
    writer.uvarint(u32::from(M::KEY.cast_unsigned()));
    writer.uvarint(u32::from(version.cast_unsigned()));
    message.encode(&mut writer, version);
    bytes.to_vec()
}

fn topic(name: &str, id: u8) -> Vec<u8> {
    value(&TopicRecord { name, topic_id: TopicId([id; 16]) }, 0)
}

fn partition(id: u8, replicas: &[i32], directory: TopicId) -> Vec<u8> {
    let directories = vec![directory; replicas.len()];
    let (replicas, directories) = (Array::from(replicas), Array::from(&*directories));
    let topic_id = TopicId([id; 16]);
    value(&PartitionRecord { topic_id, partition_id: 0, replicas, isr: replicas, leader: 1, directories, ..PartitionRecord::default() }, 1)
}

fn control<'a, M: Message<'a>>(message: &M) -> (Vec<u8>, Vec<u8>) {
    let mut bytes = List::grown(4096);
    message.encode(&mut Writer::behind(&mut bytes), 0);
    let [high, low] = M::KEY.to_be_bytes();
    (vec![0, 0, high, low], bytes.to_vec())
}

/// A batch of a log or a snapshot.
fn batch(base: i64, epoch: i32, values: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = List::grown(1 << 16);
    let options = BatchOptions { base_offset: Offset(base), leader_epoch: LeaderEpoch(epoch), ..BatchOptions::default() };
    let mut builder = Builder::new(&mut bytes, options).unwrap();
    for value in values {
        builder.append(NewRecord { timestamp: Some(AT.wall), value: Some(value), ..NewRecord::default() }).unwrap();
    }
    builder.finish().unwrap();
    bytes.to_vec()
}

fn control_batch(base: i64, records: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = List::grown(1 << 16);
    let options = BatchOptions { base_offset: Offset(base), control: true, leader_epoch: LeaderEpoch(1), ..BatchOptions::default() };
    let mut builder = Builder::new(&mut bytes, options).unwrap();
    for (key, value) in records {
        builder.append(NewRecord { timestamp: Some(AT.wall), key: Some(key), value: Some(value), headers: &[] }).unwrap();
    }
    builder.finish().unwrap();
    bytes.to_vec()
}

/// A whole snapshot of these records.
fn snapshot(values: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = control_batch(0, &[control(&SnapshotHeaderRecord { version: 0, last_contained_log_timestamp: 7 })]);
    let mut next = 1;
    for some in values.chunks(2) {
        bytes.extend(batch(next, 1, some));
        next += i64::try_from(some.len()).unwrap();
    }
    bytes.extend(control_batch(next, &[control(&SnapshotFooterRecord { version: 0 })]));
    bytes
}

fn id(end: i64) -> SnapshotId {
    SnapshotId { end: Offset(end), epoch: LeaderEpoch(1) }
}

/// A log that lost its beginning: `old` and `kept` stand in a snapshot at offset 10, `new` in the log behind it.
fn beheaded() -> Directory {
    let values = [topic("old", 1), partition(1, &[1], HERE), topic("kept", 2)];
    let log = [batch(8, 1, &[topic("kept", 2), topic("gone", 3)]), batch(10, 1, &[topic("new", 4)])].concat();
    Directory { log, log_start: 8, snapshots: vec![(id(10), snapshot(&values))], ..Directory::default() }
}

#[test]
fn a_catalogue_is_its_newest_snapshot_and_the_log_behind_it() {
    let directory = beheaded();
    // What the log says below the end of the snapshot is in the snapshot, and is not told twice.
    assert_eq!(topics(&directory), Ok(vec!["kept".to_string(), "new".to_string(), "old".to_string()]));
    let shard = open(&directory).unwrap();
    assert!(shard.directory().damaged.is_empty());
    assert_eq!(shard.catalog().partition_count(), 1);
}

#[test]
fn a_damaged_snapshot_never_makes_fewer_topics() {
    let sound = beheaded();
    let whole = topics(&sound).unwrap();
    let (newest, bytes) = sound.snapshots[0].clone();
    // Older, and as good: the log goes on from there.
    let mut fallback = sound.clone();
    fallback.snapshots.push((id(8), snapshot(&[topic("old", 1), partition(1, &[1], HERE)])));
    fallback.log =
        [batch(8, 1, &[topic("kept", 2), value(&RemoveTopicRecord { topic_id: TopicId([3; 16]) }, 0)]), batch(10, 1, &[topic("new", 4)])]
            .concat();
    assert_eq!(topics(&fallback), Ok(whole.clone()));

    let flipped = (0..bytes.len()).map(|at| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x41;
        bytes
    });
    let cut = (0..bytes.len()).map(|end| bytes[..end].to_vec());
    let longer = [[bytes.clone(), vec![0]].concat(), [bytes.clone(), bytes.clone()].concat()];
    let (mut refused, mut count) = (0, 0);
    for damaged in flipped.chain(cut).chain(longer) {
        let mut alone = sound.clone();
        alone.snapshots = vec![(newest, damaged.clone())];
        match topics(&alone) {
            // Bits outside of the checksum, that say nothing here: the epoch of a batch.
            Ok(found) => assert_eq!(found, whole),
            Err(error) => {
                assert!(error.contains("no sound snapshot"), "{error}");
                refused += 1;
            }
        }
        fallback.snapshots[0].1 = damaged;
        assert_eq!(topics(&fallback), Ok(whole.clone()));
        count += 1;
    }
    assert!(refused > count * 9 / 10, "{refused} of {count}");
}

#[test]
fn a_log_from_the_beginning_needs_no_snapshot_and_a_log_that_ends_before_its_snapshot_has_lost_its_end() {
    let log = batch(0, 1, &[topic("a", 1), topic("b", 2)]);
    let both = Ok(vec!["a".to_string(), "b".to_string()]);
    let mut directory = Directory { log, snapshots: vec![(id(1), b"nothing of the kind".to_vec())], ..Directory::default() };
    assert_eq!(topics(&directory), both);
    assert_eq!(open(&directory).unwrap().directory().damaged, [SnapshotDamage::Cut { position: 0 }]);
    directory.snapshots = vec![(id(3), snapshot(&[topic("a", 1), topic("b", 2), topic("c", 3)]))];
    let error = topics(&directory).unwrap_err();
    assert!(error.contains("ends at offset 2") && error.contains("its end is lost"), "{error}");
}

#[test]
fn a_hole_in_the_log_is_refused() {
    let log = [batch(0, 1, &[topic("a", 1)]), batch(2, 1, &[topic("b", 2)])].concat();
    let error = topics(&Directory { log, ..Directory::default() }).unwrap_err();
    assert!(error.contains("offset 1 is missing"), "{error}");
}

#[test]
fn kip868_records_of_a_transaction_count_once_it_is_ended() {
    let begin = || value(&BeginTransactionRecord { name: Some("t") }, 0);
    let end = || value(&EndTransactionRecord {}, 0);
    let abort = || value(&AbortTransactionRecord { reason: None }, 0);
    let names = |names: &[&str]| Ok(names.iter().map(ToString::to_string).collect::<Vec<_>>());
    let log = |batches: &[&[Vec<u8>]]| {
        let mut next = 0;
        let mut log = Vec::new();
        for values in batches {
            log.extend(batch(next, 1, values));
            next += i64::try_from(values.len()).unwrap();
        }
        Directory { log, ..Directory::default() }
    };
    let ended = log(&[&[topic("a", 1), begin(), topic("b", 2)], &[topic("c", 3)], &[end(), topic("d", 4)]]);
    assert_eq!(topics(&ended), names(&["a", "b", "c", "d"]));
    let aborted = log(&[&[topic("a", 1), begin(), topic("b", 2)], &[topic("c", 3)], &[abort(), topic("d", 4)]]);
    assert_eq!(topics(&aborted), names(&["a", "d"]));
    let twice = log(&[&[begin(), topic("a", 1), end(), begin(), topic("b", 2), abort(), begin(), topic("c", 3), end()]]);
    assert_eq!(topics(&twice), names(&["a", "c"]));
    let unfinished = log(&[&[topic("a", 1), begin(), topic("b", 2)], &[topic("c", 3)]]);
    assert_eq!(topics(&unfinished), names(&["a"]));

    // What is written next must not become a part of it.
    let mut shard = open(&unfinished).unwrap();
    create(&mut shard, "e", 5);
    let written = records_behind(&mut shard, 4);
    assert!(
        matches!(written.as_slice(), [Written::Control, Written::Abort, Written::Topic(name), Written::Other] if name == "e"),
        "{written:?}"
    );
}

#[derive(Debug)]
enum Written {
    Control,
    Abort,
    Topic(String),
    Other,
}

fn create(shard: &mut Shard<'static, Directory>, name: &str, id: u8) {
    let (call, topic_id) = (CallId(0), TopicId([id; 16]));
    let create = CreateTopic { call, name, topic_id, partition_count: 1, replication_factor: 1, configs: &[], validate_only: false };
    assert!(shard.catalog_turn(AT, Input::CreateTopic(create), &mut Nobody, &mut Nothing).unwrap().is_some());
}

/// What stands in the catalogue's log from an offset on; a control batch counts as one.
fn records_behind(shard: &mut Shard<'static, Directory>, from: i64) -> Vec<Written> {
    let slot = shard.metadata_log(AT).unwrap();
    let log = &mut shard.logs.partitions.get_mut(slot).unwrap().log;
    let mut bytes = List::grown(1 << 16);
    log.read_batches(Offset(from), &mut bytes).unwrap();
    let (mut rest, mut written) = (&*bytes, Vec::new());
    while let Ok((batch, behind)) = Batch::split_first(rest) {
        rest = behind;
        if batch.header().is_control() {
            assert!(matches!(
                ControlRecord::decode(&batch.records().unwrap().next().unwrap().unwrap()),
                Ok(ControlRecord::LeaderChange(change)) if change.leader_id == NODE.0
            ));
            written.push(Written::Control);
            continue;
        }
        for record in batch.records().unwrap() {
            written.push(match CatalogRecord::decode_value(record.unwrap().value).unwrap() {
                CatalogRecord::AbortTransaction(_) => Written::Abort,
                CatalogRecord::Topic(topic) => Written::Topic(topic.name.to_string()),
                _ => Written::Other,
            });
        }
    }
    written
}

#[test]
fn a_broker_leads_under_an_epoch_that_nobody_has_led_under() {
    let mut directory = beheaded();
    directory.log = [directory.log, batch(11, 6, &[topic("six", 6)])].concat();
    for (remembered, expected) in [(0, 7), (6, 7), (9, 10)] {
        directory.quorum_epoch = remembered;
        let mut shard = open(&directory).unwrap();
        create(&mut shard, "x", 7);
        create(&mut shard, "y", 8);
        // A new quorum: its voters are in the log from now on.
        assert_eq!(shard.directory().led, [(expected, 1)]);
        assert_eq!((shard.catalog().quorum().is_new(), shard.catalog().quorum().kraft_version()), (false, 1));
        let slot = shard.metadata_log(AT).unwrap();
        let epochs = shard.logs.partitions.get(slot).unwrap().log.epochs().last().copied().unwrap();
        assert_eq!((epochs.epoch.0, epochs.start), (expected, Offset(12)));
        let written = records_behind(&mut shard, 12);
        let leads = written.iter().filter(|written| matches!(written, Written::Control)).count();
        assert_eq!(leads, 1, "{written:?}");
    }
}

#[test]
fn what_a_sole_broker_must_not_serve_is_refused() {
    let with = |values: &[Vec<u8>]| Directory { log: batch(0, 1, values), ..Directory::default() };
    let refused = |directory: &Directory, why: &str| {
        let reason = reason(directory);
        assert!(reason.contains(why) && reason.is_empty() == why.is_empty(), "{reason:?} should say {why:?}");
        assert_eq!(matches!(open(directory), Err(OpenError::Refused)), !why.is_empty());
    };
    let elsewhere = TopicId([8; 16]);
    refused(&with(&[topic("a", 1), partition(1, &[1], HERE)]), "");
    refused(&with(&[topic("a", 1), partition(1, &[1, 2], HERE)]), "broker 2");
    refused(&with(&[topic("a", 1), partition(1, &[1], elsewhere)]), "log directory");
    // Reserved ids stand for a directory that is not known.
    refused(&with(&[topic("a", 1), partition(1, &[1], TopicId::METADATA)]), "");
    let gone = value(&RemoveTopicRecord { topic_id: TopicId([1; 16]) }, 0);
    refused(&with(&[topic("a", 1), partition(1, &[1, 2], HERE), gone]), "");
    let newer = value(&FeatureLevelRecord { name: name::METADATA_VERSION, feature_level: 31 }, 0);
    refused(&with(&[newer]), "metadata.version is 31");
    // An access control entry comes, and goes. What is inside is not looked into.
    let (entry, no_entry) = (vec![1, 18, 0, 7, 7], vec![1, 19, 0, 7]);
    refused(&with(core::slice::from_ref(&entry)), "access control");
    refused(&with(&[entry, no_entry]), "");
    let mut votes = List::grown(512);
    Quorum::default().begin_reign(AT.wall, BrokerId(2), elsewhere, &mut votes).unwrap();
    refused(&Directory { log: votes.to_vec(), ..Directory::default() }, "node 2 votes");
}

/// Why a catalogue with this log must not be served; empty when it may.
fn reason(directory: &Directory) -> String {
    let mut catalog = Catalog::new(CatalogConfig { node: NODE, directory: HERE }, HashKey(1, 2), CatalogMemory::grown(64));
    let mut rest: &[u8] = &directory.log;
    while let Ok((batch, behind)) = Batch::split_first(rest) {
        rest = behind;
        for record in batch.records().unwrap() {
            let record = record.unwrap();
            if batch.header().is_control() {
                catalog.replay_control(&ControlRecord::decode(&record).unwrap());
            } else {
                crate::machine::Machine::replay(&mut catalog, &CatalogRecord::decode_value(record.value).unwrap());
            }
        }
    }
    catalog.obstacle().map(|obstacle| obstacle.to_string()).unwrap_or_default()
}

#[test]
fn records_that_nobody_here_acts_upon_are_counted_and_stepped_over() {
    let registered = RegisterBrokerRecord { broker_id: 1, broker_epoch: 14, ..RegisterBrokerRecord::default() };
    let others = RegisterBrokerRecord { broker_id: 2, broker_epoch: 15, ..RegisterBrokerRecord::default() };
    let credential = UserScramCredentialRecord { name: "u", mechanism: 1, iterations: 4096, ..UserScramCredentialRecord::default() };
    let user = [EntityData { entity_type: "user", entity_name: Some("u") }];
    let quota = ClientQuotaRecord { entity: Array::from(&user), key: "producer_byte_rate", value: 1.0, remove: false };
    let values = [
        topic("a", 1),
        value(&registered, 4),
        value(&others, 4),
        value(&credential, 0),
        value(&quota, 0),
        vec![1, 10, 0],
        vec![1, 20, 0, 0],
        vec![1, 99, 5, 1, 2, 3],
        topic("b", 2),
    ];
    let shard = open(&Directory { log: batch(0, 1, &values), ..Directory::default() }).unwrap();
    let found = shard.catalog().others();
    assert!(found.delegation_tokens);
    assert_eq!((shard.catalog().credentials().count(), shard.catalog().quotas().count(), shard.catalog().brokers().count()), (1, 1, 2));
    assert_eq!((found.unknown_records, found.unknown_kind, found.access_control_entries), (1, Some(99), 0));
    assert_eq!(shard.catalog().broker_epoch(), Some(14));
    assert_eq!(shard.catalog().topic_count(), 2);
}
