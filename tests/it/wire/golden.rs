//! Frames that Kafka's own classes wrote, and a few that nobody should write.

use std::path::Path;

use millpond::protocol::api_key::ApiKey;
use millpond::protocol::error_code::ErrorCode;
use millpond::protocol::frame::{self, Decoded};
use millpond::protocol::header::{self, RequestFrame};
use millpond::protocol::messages::api_versions::ApiVersionsResponse;
use millpond::protocol::messages::describe_topic_partitions::{Cursor, DescribeTopicPartitionsResponse};
use millpond::protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic, ReplicaState};
use millpond::protocol::messages::heartbeat::HeartbeatResponse;
use millpond::protocol::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use millpond::protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use millpond::protocol::messages::offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use millpond::protocol::messages::produce::ProduceRequest;
use millpond_core::catalog::schema::PartitionChangeRecord;
use millpond_core::ids::TopicId;
use millpond_core::member::consumer_protocol::ConsumerProtocolSubscription;
use millpond_core::wire::reader::{DecodeError, Reader};
use millpond_core::wire::schema::Message;
use millpond_core::wire::value::{Array, Records};
use millpond_core::wire::writer::Writer;
use millpond_tests::catalogue::apis;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/wire");

fn golden(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(Path::new(FOLDER).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let digits = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    digits.map(|digits| u8::from_str_radix(digits, 16).expect("two digits")).collect()
}

fn content(frame: &[u8]) -> &[u8] {
    match frame::decode(frame, 1 << 20) {
        Decoded::Frame { content, size } if size == frame.len() => content,
        other => panic!("{other:?}"),
    }
}

/// A request as Kafka wrote it: compares its header and its message with `expected`, then writes it again.
fn request<'a, M: Message<'a> + PartialEq + core::fmt::Debug>(bytes: &'a [u8], version: i16, expected: &M) {
    let api_key = ApiKey::from_i16(M::KEY).expect("an API");
    let request = header::decode_request(content(bytes)).expect("a header");
    let client_id = request.client_id;
    assert_eq!((request.api_key, request.api_version, request.correlation_id), (api_key, version, 7));
    assert_eq!(M::decode(request.body, version).as_ref(), Ok(expected));
    let mut writer = Writer::growing();
    frame::encode(&mut writer, |writer| {
        let request = RequestFrame { api_key, api_version: version, correlation_id: 7, client_id, body: &[] };
        header::encode_request(writer, &request);
        expected.encode(writer, version);
    });
    assert_eq!(writer.bytes(), bytes);
}

/// A response as Kafka wrote it, read and then written again.
fn response<'a, M: Message<'a>>(bytes: &'a [u8], version: i16) -> M {
    let api_key = ApiKey::from_i16(M::KEY).expect("an API");
    let mut reader = Reader::new(content(bytes));
    assert_eq!(header::decode_response(&mut reader, api_key, version), Ok(7));
    let message = M::decode(reader.rest(), version).expect("a response");
    let mut writer = Writer::growing();
    frame::encode(&mut writer, |writer| {
        header::encode_response(writer, api_key, version, 7);
        message.encode(writer, version);
    });
    assert_eq!(writer.bytes(), bytes);
    message
}

const POND: TopicId = TopicId([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
const DIRECTORY: TopicId = TopicId([0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4]);

#[test]
fn requests_of_kafka_are_read_field_by_field() {
    let all = MetadataRequest { topics: None, allow_auto_topic_creation: true, ..MetadataRequest::default() };
    request(&golden("03_metadata_v1.request.hex"), 1, &all);

    let topics = [
        MetadataRequestTopic { name: Some("pond"), ..MetadataRequestTopic::default() },
        MetadataRequestTopic { name: None, topic_id: POND },
    ];
    let two = MetadataRequest { topics: Some(Array::from(&topics)), allow_auto_topic_creation: false, ..MetadataRequest::default() };
    request(&golden("03_metadata_v12.request.hex"), 12, &two);

    let partitions = [OffsetCommitRequestPartition {
        partition_index: 2,
        committed_offset: 42,
        committed_leader_epoch: 1,
        committed_metadata: Some("note"),
    }];
    let topics = [OffsetCommitRequestTopic { name: "pond", partitions: Array::from(&partitions), ..OffsetCommitRequestTopic::default() }];
    let commit = OffsetCommitRequest {
        group_id: "g",
        generation_id_or_member_epoch: 3,
        member_id: "m",
        topics: Array::from(&topics),
        ..OffsetCommitRequest::default()
    };
    request(&golden("08_offset_commit_v8.request.hex"), 8, &commit);

    let partitions = [FetchPartition {
        partition: 0,
        current_leader_epoch: 4,
        fetch_offset: 10,
        last_fetched_epoch: 4,
        log_start_offset: 0,
        partition_max_bytes: 1 << 20,
        replica_directory_id: DIRECTORY,
        high_watermark: 8,
    }];
    let topics = [FetchTopic { topic_id: POND, partitions: Array::from(&partitions), ..FetchTopic::default() }];
    let fetch = FetchRequest {
        cluster_id: Some("c"),
        replica_state: ReplicaState { replica_id: 2, replica_epoch: 9 },
        max_wait_ms: 500,
        min_bytes: 1,
        session_epoch: 0,
        topics: Array::from(&topics),
        ..FetchRequest::default()
    };
    request(&golden("01_fetch_v18.request.hex"), 18, &fetch);
}

#[test]
fn a_join_carries_the_subscription_of_its_member() {
    let subscription = [&[0, 1, 0, 0, 0, 1, 0, 4][..], b"pond", &[0xff; 4], &[0; 4]].concat();
    let protocols = [JoinGroupRequestProtocol { name: "range", metadata: &subscription }];
    let join = JoinGroupRequest {
        group_id: "g",
        session_timeout_ms: 45_000,
        rebalance_timeout_ms: 300_000,
        protocol_type: "consumer",
        protocols: Array::from(&protocols),
        reason: Some("because"),
        ..JoinGroupRequest::default()
    };
    request(&golden("11_join_group_v9.request.hex"), 9, &join);

    let mut reader = Reader::new(&subscription);
    let version = i16::from_be_bytes(reader.array().expect("a version"));
    let subscription = ConsumerProtocolSubscription::decode(reader.rest(), version).expect("a subscription");
    assert_eq!(subscription.topics.iter().collect::<Vec<_>>(), ["pond"]);
    assert_eq!(subscription.user_data, None);
    assert!(subscription.owned_partitions.is_empty());
}

#[test]
fn records_that_lie_elsewhere_leave_their_place_free() {
    let frame = golden("00_produce_v13.request.hex");
    let body = header::decode_request(content(&frame)).expect("a header").body;
    let produce = ProduceRequest::decode(body, 13).expect("a request");
    let topic = produce.topic_data.iter().next().expect("a topic");
    let mut partition = topic.partition_data.iter().next().expect("a partition");
    let records = partition.records.expect("records");
    assert_eq!(records.here().len(), 70);

    partition.records = Some(Records::Elsewhere(records.here().len()));
    let partitions = [partition];
    let mut elsewhere = topic;
    elsewhere.partition_data = Array::from(&partitions);
    let topics = [elsewhere];
    let mut writer = Writer::growing();
    ProduceRequest { topic_data: Array::from(&topics), ..produce }.encode(&mut writer, 13);
    assert_eq!(writer.size(), body.len());
    let [splice] = writer.splices() else { panic!("one place") };
    assert_eq!(splice.size, 70);
    let (before, after) = writer.bytes().split_at(splice.at);
    assert_eq!([before, records.here(), after].concat(), body);
}

#[test]
fn responses_of_kafka_are_read_field_by_field() {
    let frame = golden("18_api_versions_v0.response.hex");
    let refused: ApiVersionsResponse<'_> = response(&frame, 0);
    assert_eq!(ErrorCode(refused.error_code), ErrorCode::UNSUPPORTED_VERSION);
    let versions: Vec<_> = refused.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect();
    assert_eq!(versions, [(18, 0, 4)]);

    let frame = golden("18_api_versions_v4.response.hex");
    let answered: ApiVersionsResponse<'_> = response(&frame, 4);
    assert_eq!(answered.finalized_features_epoch, 5);
    assert_eq!(answered.finalized_features.iter().map(|feature| feature.name).collect::<Vec<_>>(), ["group.version"]);

    let heartbeat: HeartbeatResponse = response(&golden("12_heartbeat_v4.response.hex"), 4);
    assert_eq!(ErrorCode(heartbeat.error_code), ErrorCode::REBALANCE_IN_PROGRESS);

    let frame = golden("75_describe_topic_partitions_v0.response.hex");
    let page: DescribeTopicPartitionsResponse<'_> = response(&frame, 0);
    let cursor = Cursor { topic_name: "pond", partition_index: 3 };
    assert_eq!(page.next_cursor, Some(cursor));
}

#[test]
fn a_record_of_kafkas_metadata_is_read_field_by_field() {
    let bytes = golden("partition_change_record_v2.hex");
    let record = PartitionChangeRecord::decode(&bytes, 2).expect("a record");
    assert_eq!((record.partition_id, record.topic_id, record.leader), (3, POND, -1));
    assert_eq!(record.isr, Some(Array::from(&[1, 2])));
    assert_eq!(record.replicas, None);
    assert_eq!(record.directories, Some(Array::from(&[DIRECTORY])));
    assert_eq!(record.eligible_leader_replicas, Some(Array::from(&[5])));
    let mut writer = Writer::growing();
    record.encode(&mut writer, 2);
    assert_eq!(writer.bytes(), bytes);
}

#[test]
fn hostile_requests_are_refused() {
    let error = |name: &str| -> DecodeError {
        let frame = golden(name);
        let request = header::decode_request(content(&frame)).expect("the header is not the hostile part");
        let entries = apis();
        let entry = entries.iter().find(|entry| entry.key == request.api_key.number()).expect("a request");
        let mut error = None;
        let allocations = allocation_counter::measure(|| error = (entry.decode)(request.body, request.api_version).err());
        assert_eq!(allocations.count_total, 0);
        error.expect("a refusal")
    };
    assert_eq!(error("03_metadata_v12.hostile.hex"), DecodeError::Length);
    assert_eq!(error("11_join_group_v5.hostile.hex"), DecodeError::Null);
}

#[test]
fn every_golden_message_comes_back_as_the_same_bytes() {
    let entries = apis();
    let mut count = 0;
    for file in std::fs::read_dir(FOLDER).expect("the golden files").flatten() {
        let name = file.file_name().into_string().expect("a name");
        let Some((stem, direction)) = name.strip_suffix(".hex").and_then(|name| name.split_once('.')) else {
            continue;
        };
        let (key, version) = (stem.split('_').next(), stem.rsplit("_v").next());
        let (Some(Ok(key)), Some(Ok(version))) = (key.map(str::parse::<i16>), version.map(str::parse::<i16>)) else {
            continue;
        };
        let api_key = ApiKey::from_i16(key).expect("an API");
        let bytes = golden(&name);
        let (suffix, body) = match direction {
            "request" => ("Request", header::decode_request(content(&bytes)).expect("a header").body),
            "response" => {
                let mut reader = Reader::new(content(&bytes));
                header::decode_response(&mut reader, api_key, version).expect("a header");
                ("Response", reader.rest())
            }
            _ => continue,
        };
        let entry = entries.iter().find(|entry| entry.key == key && entry.name.ends_with(suffix)).expect("a message");
        assert_eq!((entry.recode)(body, version).as_deref(), Ok(body), "{name}");
        count += 1;
    }
    assert_eq!(count, 11);
}
