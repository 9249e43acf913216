//! What Produce answers to records that are not as they should be: the codes of Apache Kafka 4.3, asked of it with the same bytes.

use millpond::client::cluster::Cluster;
use millpond::client::connection::Options;
use millpond::protocol::messages::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use millpond_core::bounded::list::List;
use millpond_core::crc::crc32c;
use millpond_core::record::builder::{BatchOptions, Builder, NewRecord};
use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::{Array, Records};
use millpond_tests::broker::Broker;

use super::command;

/// The last version that names topics by name.
const BY_NAME: Versions = Versions::new(12, 12);

pub(super) fn batch() -> Vec<u8> {
    let mut bytes = List::grown(4096);
    let mut builder = Builder::new(&mut bytes, BatchOptions::default()).expect("room");
    builder.append(NewRecord { value: Some(b"a record"), ..NewRecord::default() }).expect("room");
    builder.finish().expect("one record");
    bytes.to_vec()
}

/// Overwrites a place of a batch, and makes its checksum right again.
fn with(at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = batch();
    bytes.splice(at..at + with.len(), with.iter().copied());
    let crc = crc32c(bytes.get(21..).expect("a header"));
    bytes.splice(17..21, crc.to_be_bytes());
    bytes
}

#[test]
fn records_that_are_no_batch_get_the_codes_that_kafka_gives() {
    let broker = Broker::start(&[]);
    command(&broker, "topic create codes --config max.message.bytes=1000", "");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cut = batch().split_off(0).into_iter().take(70).collect::<Vec<u8>>();
    let mut wrong_crc = batch();
    wrong_crc.splice(17..21, [1, 2, 3, 4]);
    let mut wrong_crc_and_base = wrong_crc.clone();
    wrong_crc_and_base.splice(0..8, 5i64.to_be_bytes());
    let cases: [(&str, Vec<u8>, i16); 9] = [
        ("as it should be", batch(), 0),
        ("nothing", Vec::new(), 87),
        ("the older format", with(16, &[1]), 87),
        ("cut off", cut, 87),
        ("a length below that of a header", with(8, &5i32.to_be_bytes()), 2),
        ("a wrong checksum", wrong_crc, 2),
        ("a wrong checksum, and an offset", wrong_crc_and_base, 87),
        ("two batches", [batch(), batch()].concat(), 87),
        ("a few bytes too many", [batch(), vec![0; 5]].concat(), 0),
    ];
    runtime.block_on(async {
        let mut cluster = Cluster::connect(broker.bootstrap(), Options::default()).await.expect("connects");
        for (what, records, code) in cases {
            let partitions = [PartitionProduceData { index: 0, records: Some(Records::Here(&records)) }];
            let topics = [TopicProduceData { name: "codes", partition_data: Array::from(&partitions[..]), ..Default::default() }];
            let request = ProduceRequest { acks: -1, timeout_ms: 10_000, topic_data: Array::from(&topics[..]), ..Default::default() };
            let connection = cluster.any().await.expect("a connection");
            let reply = connection.call_in(&request, BY_NAME).await.expect("is answered");
            let response: ProduceResponse<'_> = reply.read().expect("is an answer");
            let told =
                response.responses.iter().flat_map(|topic| topic.partition_responses.iter()).next().expect("the partition is spoken of");
            assert_eq!(told.error_code, code, "{what}: {:?}", told.error_message);
        }
    });
}
