//! Turns that meet: what a sync says, of which log, and when.

use alloc::vec::Vec;
use core::cell::Cell;

use super::*;
use crate::bounded::table::HashKey;
use crate::catalog::catalog::{CatalogConfig, CatalogMemory};
use crate::catalog::input::{CreateTopic, DeleteTopic, Input, TopicRef};
use crate::group::config::GroupConfig;
use crate::group::coordinator::{CoordinatorLimits, CoordinatorMemory};
use crate::ids::{BrokerId, CallId, ProducerEpoch, ProducerId, Sequence};
use crate::log::reading::ReadUpTo;
use crate::machine::{Answers, When};
use crate::record::batch::ProducerStamp;
use crate::record::builder::{BatchOptions, Builder, NewRecord};
use crate::record::marker::Outcome as End;
use crate::record::validate::{self, Rules};
use crate::shard::fetch::{FetchLimits, FetchPartition};
use crate::shard::load_catalog::tests::Directory;
use crate::shard::logs::Written;
use crate::shard::parked::{Outcome, Parked, ParkedMemory, Release};
use crate::shard::turn::Nobody;
use crate::share::config::ShareConfig;
use crate::share::coordinator::{Coordinator as ShareCoordinator, ShareMemory};
use crate::store::memory::MemoryError;
use crate::time::{Instant, Millis, Timestamp};
use crate::txn::answer::{Answer, Identity};
use crate::txn::config::TxnConfig;
use crate::txn::coordinator::{Coordinator as TxnCoordinator, CoordinatorMemory as TxnMemory};
use crate::txn::error::TxnError;
use crate::txn::input::{AddPartitions, End as EndTransaction, Initialize, Input as TxnInput, TopicPartition};
use crate::txn::state::TransactionVersion;

#[derive(Default)]
pub(in crate::shard) struct Heard(Cell<Option<Outcome>>);

impl Release for Heard {
    fn release(&mut self, _: CallId, outcome: Outcome) {
        self.0.set(Some(outcome));
    }
}

pub(in crate::shard) const AT: Moment = Moment { now: Instant(1), wall: Timestamp(1) };

fn shard() -> Shard<'static, Directory> {
    shard_in(Directory::default())
}

pub(in crate::shard) fn shard_in(directory: Directory) -> Shard<'static, Directory> {
    let key = HashKey(1, 2);
    let catalog = Catalog::new(CatalogConfig { node: BrokerId(1), directory: TopicId::ZERO }, key, CatalogMemory::grown(8));
    let limits = CoordinatorLimits { groups: 4, members: 4, offsets: 4, partitions: 64, text_bytes: 1 << 16 };
    let groups = Coordinator::new(GroupConfig::default(), key, CoordinatorMemory::grown(limits));
    let txns = TxnCoordinator::new(TxnConfig::default(), key, TxnMemory::grown(8, 64));
    let shares = ShareCoordinator::new(ShareConfig::default(), key, ShareMemory::grown(8, 64));
    let machines = Machines { catalog, groups, transactions: txns, shares };
    let (parked, memory) = (Parked::new(ParkedMemory::grown(8, 8)), ShardMemory::grown(1 << 16, 64, 8));
    let mut scratch = List::grown(1 << 16);
    Shard::open(AT, directory, machines, parked, memory, ShardPartitions::grown(8), key, &mut scratch).unwrap()
}

pub(in crate::shard) fn catalog(shard: &mut Shard<'static, Directory>, input: Input<'_>) {
    assert!(shard.catalog_turn(AT, input, &mut Nobody, &mut Heard::default()).unwrap().is_some());
}

fn create(shard: &mut Shard<'static, Directory>, id: u8) {
    create_named(shard, "t", id);
}

pub(in crate::shard) fn create_named(shard: &mut Shard<'static, Directory>, name: &str, id: u8) {
    let (call, topic_id) = (CallId(0), TopicId([id; 16]));
    let create = CreateTopic { call, name, topic_id, partition_count: 1, replication_factor: 1, configs: &[], validate_only: false };
    catalog(shard, Input::CreateTopic(create));
}

fn produce(shard: &mut Shard<'static, Directory>) -> Written {
    produce_as(shard, BatchOptions::default())
}

fn produce_as(shard: &mut Shard<'static, Directory>, options: BatchOptions) -> Written {
    let mut bytes = List::grown(4096);
    let mut builder = Builder::new(&mut bytes, options).unwrap();
    builder.append(NewRecord { value: Some(b"record"), ..NewRecord::default() }).unwrap();
    builder.finish().unwrap();
    let rules = Rules { epoch_per_transaction: options.transactional, ..Rules::default() };
    let checked = validate::check(&bytes, &rules, AT.wall, None).unwrap();
    let topic = shard.catalog().topic("t").unwrap().slot;
    shard.append(AT, topic, PartitionIndex(0), &checked, &mut Heard::default()).unwrap().1
}

pub(in crate::shard) fn sync_all(shard: &mut Shard<'static, Directory>) {
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

/// Syncs once whatever wants it, all at the same time, until everything is committed. Answers how often.
fn rounds_until_committed(shard: &mut Shard<'static, Directory>, written: &[Written]) -> usize {
    let mut rounds = 0;
    while !shard.is_committed(written) {
        round(shard);
        rounds += 1;
        assert!(rounds < 10, "{written:?} is never committed");
    }
    rounds
}

/// One round: what begins to be synced now, and ends later together.
fn round(shard: &mut Shard<'static, Directory>) {
    let mut begun = Vec::new();
    while let Some(one) = shard.begin_sync(&mut Heard::default()).unwrap() {
        begun.push(one);
    }
    assert!(!begun.is_empty(), "a round that syncs nothing would never end");
    for (log, ticket) in begun {
        shard.end_sync(log, ticket, Ok(()), &mut Heard::default()).unwrap();
    }
}

struct Told(Option<Answer>);

impl<'m> Answers<TxnCoordinator<'m>> for Told {
    fn answer(&mut self, _: CallId, _: When, answer: Answer) {
        self.0 = Some(answer);
    }
}

fn transaction(shard: &mut Shard<'static, Directory>, input: TxnInput<'_>) -> (Answer, Vec<Written>) {
    let mut told = Told(None);
    let written = shard.transaction(AT, input, &mut told, &mut Heard::default()).unwrap();
    (told.0.unwrap(), written.to_vec())
}

/// A producer's request that writes, as the broker carries it out: it joins, and is written, in one turn.
fn join_and_produce(shard: &mut Shard<'static, Directory>, identity: Identity) -> Result<Vec<Written>, TxnError> {
    let partitions = [TopicPartition { topic: "t", partition: PartitionIndex(0) }];
    let (call, transactional_id, version) = (CallId(0), "teller", TransactionVersion::Two);
    let add = AddPartitions { call, transactional_id, identity, partitions: &partitions, version };
    let (answer, mut written) = transaction(shard, TxnInput::AddPartitions(add));
    let Answer::PartitionsAdded(added) = answer else { panic!("{answer:?}") };
    added?;
    let Identity { producer_id: id, producer_epoch: epoch } = identity;
    let producer = Some(ProducerStamp { id, epoch, base_sequence: Sequence(0) });
    written.push(produce_as(shard, BatchOptions { producer, transactional: true, ..BatchOptions::default() }));
    Ok(written)
}

#[test]
fn a_transaction_takes_one_round_of_syncs_more_than_an_idempotent_record() {
    let mut shard = shard();
    create(&mut shard, 1);
    create_named(&mut shard, name::TRANSACTION_STATE, 2);
    let (call, transactional_id, version) = (CallId(0), "teller", TransactionVersion::Two);
    let initialize = Initialize { call, transactional_id, timeout: Millis(60_000), expected: None };
    let (answer, _) = transaction(&mut shard, TxnInput::Initialize(initialize));
    let Answer::Initialized(Ok(mut identity)) = answer else { panic!("{answer:?}") };
    sync_all(&mut shard);

    let producer = Some(ProducerStamp { id: ProducerId(7), epoch: ProducerEpoch(0), base_sequence: Sequence(0) });
    let idempotent = produce_as(&mut shard, BatchOptions { producer, ..BatchOptions::default() });
    assert_eq!(rounds_until_committed(&mut shard, &[idempotent]), 1);

    for outcome in [End::Commit, End::Abort, End::Commit] {
        let written = join_and_produce(&mut shard, identity).unwrap();
        assert_eq!(written.len(), 2, "the join and the record");
        assert_eq!(rounds_until_committed(&mut shard, &written), 1, "that a partition joins is synced together with its records");
        let (answer, decided) =
            transaction(&mut shard, TxnInput::End(EndTransaction { call, transactional_id, identity, outcome, version }));
        let Answer::Ended(Ok(next)) = answer else { panic!("{answer:?}") };
        assert_eq!(rounds_until_committed(&mut shard, &decided), 1);
        identity = next;
        // Beside the producer's next thought: the markers. That the transaction is complete is synced with whatever comes next.
        shard.proceed(AT, &mut Heard::default(), &mut |name, error| panic!("{name:?}: {error}"));
        assert_eq!(join_and_produce(&mut shard, identity), Err(TxnError::ConcurrentTransactions));
        round(&mut shard);
        shard.proceed(AT, &mut Heard::default(), &mut |name, error| panic!("{name:?}: {error}"));
    }
}
