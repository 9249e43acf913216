//! What it costs to read requests and to write answers.

use core::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use millpond::protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use millpond::protocol::messages::metadata::{MetadataResponse, MetadataResponsePartition, MetadataResponseTopic};
use millpond::protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use millpond_core::wire::schema::Message;
use millpond_core::wire::value::{Array, Records};
use millpond_core::wire::writer::Writer;

fn encoded<'a>(message: &impl Message<'a>, version: i16) -> Vec<u8> {
    let mut writer = Writer::growing();
    message.encode(&mut writer, version);
    writer.bytes().to_vec()
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for count in [1, 10, 100] {
        let records = millpond_benches::batch(1, 100, None);
        let partitions: Vec<PartitionProduceData<'_>> =
            (0..count).map(|index| PartitionProduceData { index, records: Some(Records::Here(&records)) }).collect();
        let topics = [TopicProduceData { name: "orders", partition_data: Array::from(&*partitions), ..Default::default() }];
        let request = ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: Array::from(&topics), ..Default::default() };
        let bytes = encoded(&request, 9);
        group.throughput(Throughput::Elements(count.unsigned_abs().into()));
        group.bench_function(format!("produce v9, {count} partitions"), |bencher| {
            bencher.iter(|| {
                let request = ProduceRequest::decode(black_box(&bytes), 9).expect("a request");
                let topics = request.topic_data.iter();
                topics.flat_map(|topic| topic.partition_data.iter()).map(|partition| partition.index).sum::<i32>()
            });
        });
        let partitions: Vec<FetchPartition> = (0..count).map(|partition| FetchPartition { partition, ..Default::default() }).collect();
        let topics = [FetchTopic { topic: "orders", partitions: Array::from(&*partitions), ..Default::default() }];
        let bytes = encoded(&FetchRequest { topics: Array::from(&topics), ..Default::default() }, 12);
        group.bench_function(format!("fetch v12, {count} partitions"), |bencher| {
            bencher.iter(|| {
                let request = FetchRequest::decode(black_box(&bytes), 12).expect("a request");
                let topics = request.topics.iter();
                topics.flat_map(|topic| topic.partitions.iter()).map(|partition| partition.fetch_offset).sum::<i64>()
            });
        });
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let node = [1];
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: 1,
        replica_nodes: Array::from(&node),
        isr_nodes: Array::from(&node),
        ..Default::default()
    };
    let partitions: Vec<MetadataResponsePartition<'_>> = (0..10).map(partition).collect();
    let topics: Vec<MetadataResponseTopic<'_>> = (0..100)
        .map(|_| MetadataResponseTopic { name: Some("orders"), partitions: Array::from(&*partitions), ..Default::default() })
        .collect();
    let response = MetadataResponse { topics: Array::from(&*topics), ..Default::default() };
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("metadata v12, 1000 partitions", |bencher| bencher.iter(|| encoded(black_box(&response), 12)));
    group.finish();
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
