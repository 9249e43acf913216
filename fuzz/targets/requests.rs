//! Frames, headers and the bodies of every request, as a peer may send them. What decodes is encoded and decoded again, and stays the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millpond::protocol::api_key::ApiKey;
use millpond::protocol::frame::{self, Decoded};
use millpond::protocol::header::decode_request;
use millpond::protocol::messages as m;
use millpond_core::wire::schema::Message;
use millpond_core::wire::writer::Writer;

/// Decodes, encodes, and decodes again: from the first encoding on, nothing changes any more.
macro_rules! settles {
    ($message:ty, $body:ident, $version:ident) => {
        if let Ok(message) = <$message>::decode($body, $version) {
            let mut once = Writer::growing();
            message.encode(&mut once, $version);
            let again = <$message>::decode(once.bytes(), $version).expect("what was encoded decodes");
            let mut twice = Writer::growing();
            again.encode(&mut twice, $version);
            assert_eq!(once.bytes(), twice.bytes());
        }
    };
}

fuzz_target!(|data: &[u8]| {
    let content = match frame::decode(data, 1 << 20) {
        Decoded::Frame { content, .. } => content,
        // Most inputs are no frame: they are taken for the content of one, so that what lies behind is reached too.
        Decoded::NeedMore { .. } | Decoded::TooLarge { .. } | Decoded::Malformed { .. } => data,
    };
    let Ok(request) = decode_request(content) else { return };
    let (body, version) = (request.body, request.api_version);
    match request.api_key {
        ApiKey::Produce => settles!(m::produce::ProduceRequest<'_>, body, version),
        ApiKey::Fetch => settles!(m::fetch::FetchRequest<'_>, body, version),
        ApiKey::ListOffsets => settles!(m::list_offsets::ListOffsetsRequest<'_>, body, version),
        ApiKey::Metadata => settles!(m::metadata::MetadataRequest<'_>, body, version),
        ApiKey::OffsetCommit => settles!(m::offset_commit::OffsetCommitRequest<'_>, body, version),
        ApiKey::OffsetFetch => settles!(m::offset_fetch::OffsetFetchRequest<'_>, body, version),
        ApiKey::FindCoordinator => settles!(m::find_coordinator::FindCoordinatorRequest<'_>, body, version),
        ApiKey::JoinGroup => settles!(m::join_group::JoinGroupRequest<'_>, body, version),
        ApiKey::SyncGroup => settles!(m::sync_group::SyncGroupRequest<'_>, body, version),
        ApiKey::LeaveGroup => settles!(m::leave_group::LeaveGroupRequest<'_>, body, version),
        ApiKey::CreateTopics => settles!(m::create_topics::CreateTopicsRequest<'_>, body, version),
        ApiKey::DeleteTopics => settles!(m::delete_topics::DeleteTopicsRequest<'_>, body, version),
        ApiKey::DescribeConfigs => settles!(m::describe_configs::DescribeConfigsRequest<'_>, body, version),
        ApiKey::IncrementalAlterConfigs => settles!(m::incremental_alter_configs::IncrementalAlterConfigsRequest<'_>, body, version),
        ApiKey::DescribeTopicPartitions => settles!(m::describe_topic_partitions::DescribeTopicPartitionsRequest<'_>, body, version),
        _ => {}
    }
});
