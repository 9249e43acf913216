//! Fetch sessions, on the wire.

use millpond::client::connection::{Connection, Options};
use millpond::protocol::error_code::ErrorCode;
use millpond::protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic};
use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::Array;
use millpond_tests::broker::Broker;

use super::command;

/// The last version that names topics by name, and the first that names them by id.
const BY_NAME: Versions = Versions::new(12, 12);
const BY_ID: Versions = Versions::new(13, 13);

/// A consumer that fetches from topic `t`.
struct Consumer<'b> {
    broker: &'b Broker,
    runtime: tokio::runtime::Runtime,
    connection: Connection,
}

/// An answer: its error, its session, and of each partition its error and how many bytes of records.
type Told = (ErrorCode, i32, Vec<(i32, ErrorCode, bool)>);

impl<'b> Consumer<'b> {
    fn new(broker: &'b Broker) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let connection = runtime.block_on(Connection::connect(broker.bootstrap(), &Options::default())).expect("connects");
        Self { broker, runtime, connection }
    }

    fn fetch(&mut self, session: (i32, i32), partitions: &[(i32, i64)], forgotten: &[i32]) -> Told {
        self.fetch_in(session, partitions, forgotten, BY_NAME)
    }

    fn fetch_in(&mut self, session: (i32, i32), partitions: &[(i32, i64)], forgotten: &[i32], within: Versions) -> Told {
        let partitions: Vec<FetchPartition> = partitions
            .iter()
            .map(|(partition, fetch_offset)| FetchPartition {
                partition: *partition,
                fetch_offset: *fetch_offset,
                partition_max_bytes: 1 << 20,
                ..Default::default()
            })
            .collect();
        let topics = [FetchTopic { topic: "t", partitions: Array::from(&*partitions), ..Default::default() }];
        let gone = [ForgottenTopic { topic: "t", partitions: Array::from(forgotten), ..Default::default() }];
        let request = FetchRequest {
            max_wait_ms: 200,
            min_bytes: 1,
            session_id: session.0,
            session_epoch: session.1,
            topics: if partitions.is_empty() { Array::default() } else { Array::from(&topics) },
            forgotten_topics_data: if forgotten.is_empty() { Array::default() } else { Array::from(&gone) },
            ..Default::default()
        };
        let reply = self.runtime.block_on(self.connection.call_in(&request, within)).expect("is answered");
        let told: FetchResponse<'_> = reply.read().expect("an answer");
        let partitions = told.responses.iter().flat_map(|topic| topic.partitions.iter()).map(|partition| {
            let has_records = partition.records.is_some_and(|records| !records.here().is_empty());
            (partition.partition_index, ErrorCode(partition.error_code), has_records)
        });
        (ErrorCode(told.error_code), told.session_id, partitions.collect())
    }

    fn produce(&self, partition: u32) {
        command(self.broker, &format!("produce t --partition {partition}"), "a record\n");
    }
}

#[test]
fn a_consumer_names_its_partitions_once_and_hears_of_those_with_something_new() {
    let broker = Broker::start(&[]);
    command(&broker, "topic create t --partitions 3", "");
    let mut consumer = Consumer::new(&broker);
    let (code, id, partitions) = consumer.fetch((0, 0), &[(0, 0), (1, 0), (2, 0)], &[]);
    assert_eq!((code, partitions.len()), (ErrorCode::NONE, 3));
    assert!(id > 0, "a session is opened");
    assert_eq!(consumer.fetch((id, 1), &[], &[]), (ErrorCode::NONE, id, Vec::new()), "nothing is new");
    consumer.produce(1);
    assert_eq!(consumer.fetch((id, 2), &[], &[]), (ErrorCode::NONE, id, vec![(1, ErrorCode::NONE, true)]));
    // It goes on behind the record; a partition that there is not is told each time.
    assert_eq!(consumer.fetch((id, 3), &[(1, 1)], &[]), (ErrorCode::NONE, id, Vec::new()));
    let unknown = (9, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, false);
    assert_eq!(consumer.fetch((id, 4), &[(9, 0)], &[]), (ErrorCode::NONE, id, vec![unknown]));
    assert_eq!(consumer.fetch((id, 5), &[], &[9]), (ErrorCode::NONE, id, Vec::new()));
    // Records that come while it waits are sent at once.
    let waited = std::thread::scope(|scope| {
        let broker = &broker;
        scope.spawn(move || command(broker, "produce t --partition 2", "a record\n"));
        let mut told = consumer.fetch((id, 6), &[], &[]);
        let mut epoch = 7;
        while told.2.is_empty() && epoch < 60 {
            told = consumer.fetch((id, epoch), &[], &[]);
            epoch += 1;
        }
        told
    });
    assert_eq!(waited, (ErrorCode::NONE, id, vec![(2, ErrorCode::NONE, true)]));
}

#[test]
fn a_session_that_is_not_as_it_should_be_is_refused() {
    let broker = Broker::start(&[]);
    command(&broker, "topic create t --partitions 2", "");
    let mut consumer = Consumer::new(&broker);
    let (_, id, _) = consumer.fetch((0, 0), &[(0, 0), (1, 0)], &[]);
    assert_eq!(consumer.fetch((id.wrapping_add(1), 1), &[], &[]), (ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0, Vec::new()));
    assert_eq!(consumer.fetch((id, 2), &[], &[]), (ErrorCode::INVALID_FETCH_SESSION_EPOCH, 0, Vec::new()));
    assert_eq!(consumer.fetch_in((id, 1), &[], &[], BY_ID), (ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR, 0, Vec::new()));
    assert_eq!(consumer.fetch((id, 1), &[], &[]), (ErrorCode::NONE, id, Vec::new()), "and is none the worse for it");
    // A request that stands by itself ends it.
    let (code, none, partitions) = consumer.fetch((id, -1), &[(0, 0)], &[]);
    assert_eq!((code, none, partitions.len()), (ErrorCode::NONE, 0, 1));
    assert_eq!(consumer.fetch((id, 2), &[], &[]), (ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0, Vec::new()));
    // So does one that takes the last partition out.
    let (_, id, _) = consumer.fetch((0, 0), &[(0, 0)], &[]);
    assert_eq!(consumer.fetch((id, 1), &[], &[0]), (ErrorCode::NONE, 0, Vec::new()));
    assert_eq!(consumer.fetch((id, 2), &[], &[]), (ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0, Vec::new()));
}

#[test]
fn without_slots_no_session_is_kept() {
    let Some(broker) = Broker::start_own_or_skip("no fetch sessions", &[("max.incremental.fetch.session.cache.slots", "0")]) else {
        return;
    };
    command(&broker, "topic create t --partitions 1", "");
    let (code, id, partitions) = Consumer::new(&broker).fetch((0, 0), &[(0, 0)], &[]);
    assert_eq!((code, id, partitions.len()), (ErrorCode::NONE, 0, 1));
}
