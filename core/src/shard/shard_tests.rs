//! Turns that meet: what a sync says, of which log, and when.

use core::cell::Cell;

use super::*;
use crate::bounded::table::HashKey;
use crate::catalog::catalog::{CatalogConfig, CatalogMemory};
use crate::catalog::input::{CreateTopic, DeleteTopic, Input, TopicRef};
use crate::group::config::GroupConfig;
use crate::group::coordinator::{CoordinatorLimits, CoordinatorMemory};
use crate::ids::{BrokerId, CallId, ProducerId};
use crate::log::config::LogConfig;
use crate::log::partition_log::{LogLimits, LogMemory};
use crate::log::reading::ReadUpTo;
use crate::log::recover::{OpenHints, RecoveryReport};
use crate::record::builder::{BatchOptions, Builder, NewRecord};
use crate::record::validate::{self, Rules};
use crate::shard::directory::LeftOut;
use crate::shard::fetch::{FetchLimits, FetchPartition};
use crate::shard::logs::Written;
use crate::shard::parked::{Outcome, Parked, ParkedMemory, Release};
use crate::shard::turn::Nobody;
use crate::store::memory::{MemoryError, MemoryStore};
use crate::time::{Instant, Millis, Timestamp};
use crate::txn::config::TxnConfig;
use crate::txn::coordinator::{Coordinator as TxnCoordinator, CoordinatorMemory as TxnMemory};

struct Directory;

impl LogDirectory<'static> for Directory {
    type Store = MemoryStore<'static>;

    fn store(&mut self, _: PartitionName<'_>) -> Self::Store {
        MemoryStore::grown(1 << 16, 16)
    }
    fn memory(&mut self) -> LogMemory<'static> {
        LogMemory::grown(&LogLimits::default(), HashKey(1, 2))
    }
    fn log_config<'e>(&self, _: &mut dyn Iterator<Item = (&'e str, &'e str)>) -> LogConfig {
        LogConfig::default()
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
}

#[derive(Default)]
struct Heard(Cell<Option<Outcome>>);

impl Release for Heard {
    fn release(&mut self, _: CallId, outcome: Outcome) {
        self.0.set(Some(outcome));
    }
}

const AT: Moment = Moment { now: Instant(1), wall: Timestamp(1) };

fn shard() -> Shard<'static, Directory> {
    let key = HashKey(1, 2);
    let catalog = Catalog::new(CatalogConfig { node: BrokerId(1), directory: TopicId::ZERO }, key, CatalogMemory::grown(8));
    let limits = CoordinatorLimits { groups: 2, members: 2, offsets: 2, text_bytes: 4096 };
    let groups = Coordinator::new(GroupConfig::default(), key, CoordinatorMemory::grown(limits));
    let txns = TxnCoordinator::new(TxnConfig::default(), key, TxnMemory::grown(8, 64));
    let (parked, memory) = (Parked::new(ParkedMemory::grown(8, 8)), ShardMemory::grown(1 << 16, 64, 8));
    let mut scratch = List::grown(1 << 16);
    Shard::open(AT, Directory, catalog, groups, txns, parked, memory, ShardPartitions::grown(8), key, &mut scratch).unwrap()
}

fn catalog(shard: &mut Shard<'static, Directory>, input: Input<'_>) {
    assert!(shard.catalog_turn(AT, input, &mut Nobody, &mut Heard::default()).unwrap().is_some());
}

fn create(shard: &mut Shard<'static, Directory>, id: u8) {
    let (call, name, topic_id) = (CallId(0), "t", TopicId([id; 16]));
    let create = CreateTopic { call, name, topic_id, partition_count: 1, replication_factor: 1, configs: &[], validate_only: false };
    catalog(shard, Input::CreateTopic(create));
}

fn produce(shard: &mut Shard<'static, Directory>) -> Written {
    let mut bytes = List::grown(4096);
    let mut builder = Builder::new(&mut bytes, BatchOptions::default()).unwrap();
    builder.append(NewRecord { value: Some(b"record"), ..NewRecord::default() }).unwrap();
    builder.finish().unwrap();
    let checked = validate::check(&bytes, &Rules::default(), AT.wall, None).unwrap();
    let topic = shard.catalog().topic("t").unwrap().slot;
    shard.append(AT, topic, PartitionIndex(0), &checked, &mut Heard::default()).unwrap().1
}

fn sync_all(shard: &mut Shard<'static, Directory>) {
    while let Some((log, ticket)) = shard.begin_sync(&mut Heard::default()).unwrap() {
        shard.end_sync(log, ticket, Ok(()), &mut Heard::default()).unwrap();
    }
}

#[test]
fn a_sync_of_a_deleted_topic_says_nothing_of_the_log_in_its_place() {
    for outcome in [Ok(()), Err(MemoryError::Full)] {
        let mut shard = shard();
        create(&mut shard, 1);
        sync_all(&mut shard);
        produce(&mut shard);
        let (log, ticket) = shard.begin_sync(&mut Heard::default()).unwrap().unwrap();
        catalog(&mut shard, Input::DeleteTopic(DeleteTopic { call: CallId(0), topic: TopicRef::Name("t") }));
        create(&mut shard, 2);
        sync_all(&mut shard);
        let written = produce(&mut shard);
        assert_eq!(written.partition, log.slot);
        shard.end_sync(log, ticket, outcome, &mut Heard::default()).unwrap();
        assert!(!shard.is_committed(&[written]));
        sync_all(&mut shard);
        assert!(shard.is_committed(&[written]));
    }
}

#[test]
fn a_record_is_not_safe_before_its_topic_is() {
    let mut shard = shard();
    create(&mut shard, 1);
    let written = produce(&mut shard);
    let mut heard = Heard::default();
    assert!(shard.hold(CallId(5), AT.now.after(Millis(9)), &[written], &mut List::grown(4)));
    let (log, ticket) = shard.begin_sync(&mut heard).unwrap().unwrap();
    assert_eq!(log.topic_id, TopicId::METADATA);
    assert!(shard.begin_sync(&mut heard).unwrap().is_none());
    // Nobody shall wake up for what cannot be done yet.
    assert!(!shard.wants_sync());
    shard.end_sync(log, ticket, Ok(()), &mut heard).unwrap();
    assert_eq!((heard.0.get(), shard.wants_sync()), (None, true));
    let (log, ticket) = shard.begin_sync(&mut heard).unwrap().unwrap();
    shard.end_sync(log, ticket, Ok(()), &mut heard).unwrap();
    assert_eq!(heard.0.get(), Some(Outcome::Ready));
}

#[test]
fn a_fetch_that_comes_between_append_and_sync_is_released_by_that_sync() {
    let mut shard = shard();
    create(&mut shard, 1);
    sync_all(&mut shard);
    produce(&mut shard);
    let mut heard = Heard::default();
    let topic = shard.catalog().topic("t").unwrap().slot;
    let wanted = FetchPartition {
        topic,
        index: PartitionIndex(0),
        offset: Offset(0),
        max_bytes: 1000,
        current_leader_epoch: None,
        last_fetched_epoch: None,
    };
    let limits = FetchLimits { min_bytes: 1, max_bytes: 1000, up_to: ReadUpTo::HighWatermark };
    let outcome = shard.fetch(AT, &[wanted], limits, &mut List::grown(8), |_, _, _| ());
    assert_eq!((outcome.bytes, outcome.complete), (0, false));
    // Asked twice, it still waits once.
    assert!(shard.await_bytes(CallId(7), AT.now.after(Millis(500)), 1, &[wanted, wanted], &mut List::grown(4)));
    let (log, ticket) = shard.begin_sync(&mut heard).unwrap().unwrap();
    shard.end_sync(log, ticket, Ok(()), &mut heard).unwrap();
    assert_eq!((heard.0.get(), shard.waiting_count()), (Some(Outcome::Ready), 0));
}
