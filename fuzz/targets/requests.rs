//! Frames, headers and the bodies of every request and of what is answered to it, as a peer may send them. What decodes is encoded and
//! decoded again, and stays the same.
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

/// The request and the answer of each key: none is left out.
macro_rules! both {
    ($key:expr, $body:ident, $version:ident, $($name:ident: $request:ty, $response:ty;)*) => {
        match $key {
            $(ApiKey::$name => {
                settles!($request, $body, $version);
                // What brokers say, clients read.
                settles!($response, $body, $version);
            })*
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
    both! {
        request.api_key, body, version,
        Produce: m::produce::ProduceRequest<'_>, m::produce::ProduceResponse<'_>;
        Fetch: m::fetch::FetchRequest<'_>, m::fetch::FetchResponse<'_>;
        ListOffsets: m::list_offsets::ListOffsetsRequest<'_>, m::list_offsets::ListOffsetsResponse<'_>;
        Metadata: m::metadata::MetadataRequest<'_>, m::metadata::MetadataResponse<'_>;
        OffsetCommit: m::offset_commit::OffsetCommitRequest<'_>, m::offset_commit::OffsetCommitResponse<'_>;
        OffsetFetch: m::offset_fetch::OffsetFetchRequest<'_>, m::offset_fetch::OffsetFetchResponse<'_>;
        FindCoordinator: m::find_coordinator::FindCoordinatorRequest<'_>, m::find_coordinator::FindCoordinatorResponse<'_>;
        JoinGroup: m::join_group::JoinGroupRequest<'_>, m::join_group::JoinGroupResponse<'_>;
        Heartbeat: m::heartbeat::HeartbeatRequest<'_>, m::heartbeat::HeartbeatResponse;
        LeaveGroup: m::leave_group::LeaveGroupRequest<'_>, m::leave_group::LeaveGroupResponse<'_>;
        SyncGroup: m::sync_group::SyncGroupRequest<'_>, m::sync_group::SyncGroupResponse<'_>;
        DescribeGroups: m::describe_groups::DescribeGroupsRequest<'_>, m::describe_groups::DescribeGroupsResponse<'_>;
        ListGroups: m::list_groups::ListGroupsRequest<'_>, m::list_groups::ListGroupsResponse<'_>;
        SaslHandshake: m::sasl_handshake::SaslHandshakeRequest<'_>, m::sasl_handshake::SaslHandshakeResponse<'_>;
        ApiVersions: m::api_versions::ApiVersionsRequest<'_>, m::api_versions::ApiVersionsResponse<'_>;
        CreateTopics: m::create_topics::CreateTopicsRequest<'_>, m::create_topics::CreateTopicsResponse<'_>;
        DeleteTopics: m::delete_topics::DeleteTopicsRequest<'_>, m::delete_topics::DeleteTopicsResponse<'_>;
        DeleteRecords: m::delete_records::DeleteRecordsRequest<'_>, m::delete_records::DeleteRecordsResponse<'_>;
        InitProducerId: m::init_producer_id::InitProducerIdRequest<'_>, m::init_producer_id::InitProducerIdResponse;
        OffsetForLeaderEpoch: m::offset_for_leader_epoch::OffsetForLeaderEpochRequest<'_>, m::offset_for_leader_epoch::OffsetForLeaderEpochResponse<'_>;
        AddPartitionsToTxn: m::add_partitions_to_txn::AddPartitionsToTxnRequest<'_>, m::add_partitions_to_txn::AddPartitionsToTxnResponse<'_>;
        AddOffsetsToTxn: m::add_offsets_to_txn::AddOffsetsToTxnRequest<'_>, m::add_offsets_to_txn::AddOffsetsToTxnResponse;
        EndTxn: m::end_txn::EndTxnRequest<'_>, m::end_txn::EndTxnResponse;
        WriteTxnMarkers: m::write_txn_markers::WriteTxnMarkersRequest<'_>, m::write_txn_markers::WriteTxnMarkersResponse<'_>;
        TxnOffsetCommit: m::txn_offset_commit::TxnOffsetCommitRequest<'_>, m::txn_offset_commit::TxnOffsetCommitResponse<'_>;
        DescribeAcls: m::describe_acls::DescribeAclsRequest<'_>, m::describe_acls::DescribeAclsResponse<'_>;
        CreateAcls: m::create_acls::CreateAclsRequest<'_>, m::create_acls::CreateAclsResponse<'_>;
        DeleteAcls: m::delete_acls::DeleteAclsRequest<'_>, m::delete_acls::DeleteAclsResponse<'_>;
        DescribeConfigs: m::describe_configs::DescribeConfigsRequest<'_>, m::describe_configs::DescribeConfigsResponse<'_>;
        AlterConfigs: m::alter_configs::AlterConfigsRequest<'_>, m::alter_configs::AlterConfigsResponse<'_>;
        AlterReplicaLogDirs: m::alter_replica_log_dirs::AlterReplicaLogDirsRequest<'_>, m::alter_replica_log_dirs::AlterReplicaLogDirsResponse<'_>;
        DescribeLogDirs: m::describe_log_dirs::DescribeLogDirsRequest<'_>, m::describe_log_dirs::DescribeLogDirsResponse<'_>;
        SaslAuthenticate: m::sasl_authenticate::SaslAuthenticateRequest<'_>, m::sasl_authenticate::SaslAuthenticateResponse<'_>;
        CreatePartitions: m::create_partitions::CreatePartitionsRequest<'_>, m::create_partitions::CreatePartitionsResponse<'_>;
        CreateDelegationToken: m::create_delegation_token::CreateDelegationTokenRequest<'_>, m::create_delegation_token::CreateDelegationTokenResponse<'_>;
        RenewDelegationToken: m::renew_delegation_token::RenewDelegationTokenRequest<'_>, m::renew_delegation_token::RenewDelegationTokenResponse;
        ExpireDelegationToken: m::expire_delegation_token::ExpireDelegationTokenRequest<'_>, m::expire_delegation_token::ExpireDelegationTokenResponse;
        DescribeDelegationToken: m::describe_delegation_token::DescribeDelegationTokenRequest<'_>, m::describe_delegation_token::DescribeDelegationTokenResponse<'_>;
        DeleteGroups: m::delete_groups::DeleteGroupsRequest<'_>, m::delete_groups::DeleteGroupsResponse<'_>;
        ElectLeaders: m::elect_leaders::ElectLeadersRequest<'_>, m::elect_leaders::ElectLeadersResponse<'_>;
        IncrementalAlterConfigs: m::incremental_alter_configs::IncrementalAlterConfigsRequest<'_>, m::incremental_alter_configs::IncrementalAlterConfigsResponse<'_>;
        AlterPartitionReassignments: m::alter_partition_reassignments::AlterPartitionReassignmentsRequest<'_>, m::alter_partition_reassignments::AlterPartitionReassignmentsResponse<'_>;
        ListPartitionReassignments: m::list_partition_reassignments::ListPartitionReassignmentsRequest<'_>, m::list_partition_reassignments::ListPartitionReassignmentsResponse<'_>;
        OffsetDelete: m::offset_delete::OffsetDeleteRequest<'_>, m::offset_delete::OffsetDeleteResponse<'_>;
        DescribeClientQuotas: m::describe_client_quotas::DescribeClientQuotasRequest<'_>, m::describe_client_quotas::DescribeClientQuotasResponse<'_>;
        AlterClientQuotas: m::alter_client_quotas::AlterClientQuotasRequest<'_>, m::alter_client_quotas::AlterClientQuotasResponse<'_>;
        DescribeUserScramCredentials: m::describe_user_scram_credentials::DescribeUserScramCredentialsRequest<'_>, m::describe_user_scram_credentials::DescribeUserScramCredentialsResponse<'_>;
        AlterUserScramCredentials: m::alter_user_scram_credentials::AlterUserScramCredentialsRequest<'_>, m::alter_user_scram_credentials::AlterUserScramCredentialsResponse<'_>;
        DescribeQuorum: m::describe_quorum::DescribeQuorumRequest<'_>, m::describe_quorum::DescribeQuorumResponse<'_>;
        UpdateFeatures: m::update_features::UpdateFeaturesRequest<'_>, m::update_features::UpdateFeaturesResponse<'_>;
        DescribeCluster: m::describe_cluster::DescribeClusterRequest, m::describe_cluster::DescribeClusterResponse<'_>;
        DescribeProducers: m::describe_producers::DescribeProducersRequest<'_>, m::describe_producers::DescribeProducersResponse<'_>;
        UnregisterBroker: m::unregister_broker::UnregisterBrokerRequest, m::unregister_broker::UnregisterBrokerResponse<'_>;
        DescribeTransactions: m::describe_transactions::DescribeTransactionsRequest<'_>, m::describe_transactions::DescribeTransactionsResponse<'_>;
        ListTransactions: m::list_transactions::ListTransactionsRequest<'_>, m::list_transactions::ListTransactionsResponse<'_>;
        ConsumerGroupHeartbeat: m::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest<'_>, m::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse<'_>;
        ConsumerGroupDescribe: m::consumer_group_describe::ConsumerGroupDescribeRequest<'_>, m::consumer_group_describe::ConsumerGroupDescribeResponse<'_>;
        ListConfigResources: m::list_config_resources::ListConfigResourcesRequest<'_>, m::list_config_resources::ListConfigResourcesResponse<'_>;
        DescribeTopicPartitions: m::describe_topic_partitions::DescribeTopicPartitionsRequest<'_>, m::describe_topic_partitions::DescribeTopicPartitionsResponse<'_>;
        ShareGroupHeartbeat: m::share_group_heartbeat::ShareGroupHeartbeatRequest<'_>, m::share_group_heartbeat::ShareGroupHeartbeatResponse<'_>;
        ShareGroupDescribe: m::share_group_describe::ShareGroupDescribeRequest<'_>, m::share_group_describe::ShareGroupDescribeResponse<'_>;
        ShareFetch: m::share_fetch::ShareFetchRequest<'_>, m::share_fetch::ShareFetchResponse<'_>;
        ShareAcknowledge: m::share_acknowledge::ShareAcknowledgeRequest<'_>, m::share_acknowledge::ShareAcknowledgeResponse<'_>;
        DescribeShareGroupOffsets: m::describe_share_group_offsets::DescribeShareGroupOffsetsRequest<'_>, m::describe_share_group_offsets::DescribeShareGroupOffsetsResponse<'_>;
        AlterShareGroupOffsets: m::alter_share_group_offsets::AlterShareGroupOffsetsRequest<'_>, m::alter_share_group_offsets::AlterShareGroupOffsetsResponse<'_>;
        DeleteShareGroupOffsets: m::delete_share_group_offsets::DeleteShareGroupOffsetsRequest<'_>, m::delete_share_group_offsets::DeleteShareGroupOffsetsResponse<'_>;
    }
});
