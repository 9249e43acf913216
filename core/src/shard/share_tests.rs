//! Share groups and the states of what they share, as a broker has them: together.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::*;
use crate::bounded::list::List;
use crate::bounded::table::HashKey;
use crate::catalog::input::{DeleteTopic, Input as CatalogInput, TopicRef};
use crate::group::input::{Caller, ShareHeartbeat};
use crate::ids::MemberEpoch;
use crate::log::config::LogConfig;
use crate::machine::EncodedRecord;
use crate::shard::load::{encoded, for_each_batch};
use crate::shard::load_catalog::tests::Directory;
use crate::shard::shard::tests::{AT, Heard, catalog, create_named, shard_in, sync_all};
use crate::share::config::{ShareConfig, ShareLimits};
use crate::share::coordinator::ShareMemory;
use crate::share::input::{Acknowledge, Acknowledged, Acquire, LogBatch, LogBegins};
use crate::share::state::AcknowledgeType;
use crate::wire::value::Array;

const TOPIC: TopicId = TopicId([1; 16]);
const KEY: ShareKey<'_> = key("g");

const fn key(group_id: &str) -> ShareKey<'_> {
    ShareKey { group_id, topic_id: TOPIC, partition: PartitionIndex(0) }
}

type Broker = Shard<'static, Directory>;

fn broker(config: LogConfig) -> Broker {
    let mut directory = Directory::default();
    directory.config = config;
    let mut shard = shard_in(directory);
    create_named(&mut shard, "t", 1);
    create_named(&mut shard, name::CONSUMER_OFFSETS, 2);
    create_named(&mut shard, name::SHARE_GROUP_STATE, 3);
    shard
}

/// A member joins, stays or leaves; then what its group is about to share has a state.
fn heartbeat(shard: &mut Broker, group_id: &str, epoch: i32) {
    let heartbeat = ShareHeartbeat {
        caller: Caller { call: NOBODYS, group_id, member_id: "m", group_instance_id: None },
        epoch: MemberEpoch(epoch),
        client_id: "client",
        client_host: "/host",
        rack_id: None,
        names: (epoch == 0).then_some(Array::from(&["t"][..])),
    };
    shard.group(AT, GroupInput::ShareHeartbeat(heartbeat), &NoMatcher, &mut Welcome, &mut Heard::default()).unwrap();
    shard.begin_to_share(AT, group_id, &mut Heard::default()).unwrap();
}

/// Whoever speaks is not refused.
struct Welcome;

impl<'m> Answers<Groups<'m>> for Welcome {
    fn answer(&mut self, _: CallId, _: When, answer: GroupAnswer<'_>) {
        assert!(matches!(answer, GroupAnswer::Share(_) | GroupAnswer::ShareLeft { .. }), "{answer:?}");
    }
}

fn share(shard: &mut Broker, input: Input<'_>) {
    shard.share(AT, input, &mut Nobody, &mut Heard::default()).unwrap();
}

/// A member acquires the record at an offset, and is done with it.
fn work(shard: &mut Broker, key: ShareKey<'_>, offset: i64) {
    let batches = [LogBatch { first: Offset(offset), last: Offset(offset) }];
    let limits = ShareLimits::default();
    let (member_id, read_from, aborted) = ("m", Offset(offset), &[][..]);
    let (call, records_max, batch_size, is_strict) = (NOBODYS, 1, 1, false);
    let acquire = Acquire { call, key, member_id, read_from, batches: &batches, aborted, records_max, batch_size, is_strict, limits };
    share(shard, Input::Acquire(acquire));
    let batches = [Acknowledged { first: Offset(offset), last: Offset(offset), types: &[AcknowledgeType::Accept] }];
    share(shard, Input::Acknowledge(Acknowledge { call, key, member_id, batches: &batches, limits }));
}

/// Where each group stands in the partition: its start, and how often that was set.
fn states(shares: &Coordinator<'_>) -> Vec<String> {
    let mut all: Vec<String> = shares
        .views()
        .map(|view| format!("{} at {} for the {}. time", view.key.group_id, view.start.map_or(-1, |start| start.0), view.state_epoch))
        .collect();
    all.sort();
    all
}

/// The shared partitions as whoever starts anew finds them.
fn loaded(shard: &mut Broker) -> Coordinator<'static> {
    let config = ShareConfig { state_partition_count: 1, ..ShareConfig::default() };
    let mut shares = Coordinator::new(config, HashKey(1, 2), ShareMemory::grown(8, 64));
    let topic = shard.catalog().topic(name::SHARE_GROUP_STATE).unwrap().slot;
    let log = shard.log(AT, topic, PartitionIndex(0)).unwrap();
    let mut piece = List::grown(1 << 16);
    let mut next = log.watermarks().log_start();
    loop {
        let behind = log.read_batches(next, &mut piece).unwrap();
        if behind == next {
            return shares;
        }
        for_each_batch(&piece, |batch| {
            for record in batch.records().unwrap() {
                let record = record.unwrap();
                let at = Offset(batch.header().base_offset().0 + i64::from(record.offset_delta));
                let record: EncodedRecord<'_> = encoded(&record);
                shares.believe(&ShareRecord::decode(record).unwrap(), at);
            }
            Ok::<(), ()>(())
        })
        .unwrap();
        next = behind;
    }
}

#[test]
fn an_administrator_says_where_a_group_goes_on_and_what_it_forgets() {
    let mut shard = broker(LogConfig::default());
    heartbeat(&mut shard, "g", 0);
    assert_eq!(states(shard.shares()), ["g at -1 for the 2. time"], "where it begins is looked up with the first fetch");
    share(&mut shard, Input::LogBegins(LogBegins { call: NOBODYS, key: KEY, offset: Offset(2) }));
    work(&mut shard, KEY, 2);
    let start = |start| ShareStart { topic_id: TOPIC, partition: PartitionIndex(0), start: Offset(start) };
    let mut told = Vec::new();
    let mut alter = |shard: &mut Broker, group_id: &str, at: i64| {
        shard.alter_shares(AT, group_id, &[start(at)], &mut |written| told.push(written), &mut Heard::default()).unwrap()
    };
    assert_eq!(alter(&mut shard, "g", 9), Err(GroupError::NonEmptyGroup), "somebody may be at work");
    heartbeat(&mut shard, "g", -1);
    assert_eq!(alter(&mut shard, "g", 9), Ok(()));
    let epoch = shard.groups().consumer_group_view("g").unwrap().epoch().0;
    assert_eq!(states(shard.shares()), [format!("g at 9 for the {epoch}. time")]);
    assert_eq!(alter(&mut shard, "new", 4), Ok(()), "a group that nobody is in begins there");
    assert_eq!(states(shard.shares())[1], "new at 4 for the 1. time");
    assert!(!shard.is_committed(&told));
    sync_all(&mut shard);
    assert!(shard.is_committed(&told));
    assert_eq!(states(&loaded(&mut shard)), states(shard.shares()));

    let mut delete = |group_id: &str| shard.delete_shares(AT, group_id, TOPIC, &mut |_| {}, &mut Heard::default()).unwrap();
    assert_eq!(delete("nobody"), Err(GroupError::GroupNotFound));
    assert_eq!(delete("g"), Ok(()));
    assert_eq!(states(shard.shares()), ["new at 4 for the 1. time"]);
    assert_eq!(shard.groups().shares("g").topics().count(), 0);
    assert_eq!(states(&loaded(&mut shard)), states(shard.shares()));
}

#[test]
fn a_deleted_topic_is_shared_no_longer() {
    let mut shard = broker(LogConfig::default());
    heartbeat(&mut shard, "g", 0);
    heartbeat(&mut shard, "h", 0);
    assert_eq!(states(shard.shares()).len(), 2);
    catalog(&mut shard, CatalogInput::DeleteTopic(DeleteTopic { call: NOBODYS, topic: TopicRef::Name("t") }));
    let mut told = 0;
    shard.forget_topic(AT, "t", TOPIC, &mut |result| told += i32::from(result.is_ok()), &mut Heard::default());
    assert_eq!(told, 4, "two groups and two states");
    assert_eq!(shard.shares().views().count(), 0);
    assert_eq!(loaded(&mut shard).views().count(), 0);
    assert_eq!(shard.groups().shares("g").topics().count(), 0);
}

#[test]
fn old_segments_of_states_go_and_no_state_with_them() {
    let config = LogConfig { segment_bytes: 4096, delete: false, ..LogConfig::default() };
    let mut shard = broker(config);
    for group in ["busy", "quiet", "gone"] {
        heartbeat(&mut shard, group, 0);
        share(&mut shard, Input::LogBegins(LogBegins { call: NOBODYS, key: key(group), offset: Offset(0) }));
        work(&mut shard, key(group), 0);
    }
    heartbeat(&mut shard, "gone", -1);
    shard.forget_shares(AT, |key| key.group_id == "gone", &mut |_| {}, &mut Heard::default()).unwrap();
    let segments = |shard: &mut Broker| {
        let topic = shard.catalog().topic(name::SHARE_GROUP_STATE).unwrap().slot;
        shard.log(AT, topic, PartitionIndex(0)).unwrap().segments().len()
    };
    let (mut highest, mut offset) = (0, 0);
    for round in 0..400 {
        for _ in 0..10 {
            offset += 1;
            work(&mut shard, key("busy"), offset);
        }
        sync_all(&mut shard);
        shard.prune_shares(AT, 10, &mut Heard::default()).unwrap();
        highest = highest.max(segments(&mut shard));
        if round % 50 == 0 {
            // Nothing that is not safe yet is counted on: power may go now.
            assert_eq!(states(&loaded(&mut shard)), states(shard.shares()));
        }
    }
    assert_eq!(states(shard.shares()), [format!("busy at {} for the 2. time", offset + 1), String::from("quiet at 1 for the 2. time")]);
    assert_eq!(states(&loaded(&mut shard)), states(shard.shares()));
    assert!(highest <= 4, "what is kept is bounded, however much was written: {highest} segments");
}

#[test]
fn a_snapshot_that_is_not_safe_yet_lets_nothing_go() {
    let config = LogConfig { segment_bytes: 1024, delete: false, ..LogConfig::default() };
    let mut shard = broker(config);
    heartbeat(&mut shard, "g", 0);
    share(&mut shard, Input::LogBegins(LogBegins { call: NOBODYS, key: KEY, offset: Offset(0) }));
    (0..100).for_each(|offset| work(&mut shard, KEY, offset));
    sync_all(&mut shard);
    let begins = |shard: &mut Broker| {
        let topic = shard.catalog().topic(name::SHARE_GROUP_STATE).unwrap().slot;
        shard.log(AT, topic, PartitionIndex(0)).unwrap().watermarks().log_start().0
    };
    // Each round ends the segment that the last snapshot stands in, so that another one is written.
    for round in 0..6 {
        shard.prune_shares(AT, 10, &mut Heard::default()).unwrap();
        assert_eq!(begins(&mut shard), 0, "round {round}");
        (0..20).for_each(|offset| work(&mut shard, KEY, 100 + round * 20 + offset));
    }
    sync_all(&mut shard);
    shard.prune_shares(AT, 10, &mut Heard::default()).unwrap();
    assert!(begins(&mut shard) > 50, "{}", begins(&mut shard));
    assert_eq!(states(&loaded(&mut shard)), ["g at 220 for the 2. time"]);
}
