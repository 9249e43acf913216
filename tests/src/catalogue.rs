//! Every message there is, as values that a test can walk.

use millpond::protocol::{header, messages};
use millpond_core::catalog::schema as metadata;
use millpond_core::group::modern::schema as consumer_groups;
use millpond_core::group::schema as offsets;
use millpond_core::member::consumer_protocol;
use millpond_core::share::schema as shares;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::schema::{Message, Schema, Versions};
use millpond_core::wire::writer::Writer;

/// A message, without its type.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Kafka's name for it.
    pub name: &'static str,
    /// Its fields.
    pub schema: &'static Schema,
    /// The API key or the record type; -1 when it has neither.
    pub key: i16,
    /// The versions its definition covers.
    pub versions: Versions,
    /// The first flexible version.
    pub flexible_from: i16,
    /// Decodes and looks at nothing.
    pub decode: fn(&[u8], i16) -> Result<(), DecodeError>,
    /// Decodes and encodes again.
    pub recode: fn(&[u8], i16) -> Result<Vec<u8>, DecodeError>,
}

macro_rules! entry {
    ($message:path) => {{
        use $message as Known;
        Entry {
            name: Known::SCHEMA.name,
            schema: Known::SCHEMA,
            key: Known::KEY,
            versions: Known::VERSIONS,
            flexible_from: Known::FLEXIBLE_FROM,
            decode: |bytes, version| Known::decode(bytes, version).map(drop),
            recode: |bytes, version| {
                let message = Known::decode(bytes, version)?;
                let mut writer = Writer::growing();
                message.encode(&mut writer, version);
                assert!(!writer.overflowed());
                Ok(writer.bytes().to_vec())
            },
        }
    }};
}

/// Calls a macro with a row for every API: the module, the request and the response.
#[macro_export]
macro_rules! every_api {
    ($then:ident) => {
        $then! {
            produce ProduceRequest ProduceResponse;
            fetch FetchRequest FetchResponse;
            list_offsets ListOffsetsRequest ListOffsetsResponse;
            metadata MetadataRequest MetadataResponse;
            offset_commit OffsetCommitRequest OffsetCommitResponse;
            offset_fetch OffsetFetchRequest OffsetFetchResponse;
            find_coordinator FindCoordinatorRequest FindCoordinatorResponse;
            join_group JoinGroupRequest JoinGroupResponse;
            heartbeat HeartbeatRequest HeartbeatResponse;
            leave_group LeaveGroupRequest LeaveGroupResponse;
            sync_group SyncGroupRequest SyncGroupResponse;
            describe_groups DescribeGroupsRequest DescribeGroupsResponse;
            list_groups ListGroupsRequest ListGroupsResponse;
            sasl_handshake SaslHandshakeRequest SaslHandshakeResponse;
            api_versions ApiVersionsRequest ApiVersionsResponse;
            create_topics CreateTopicsRequest CreateTopicsResponse;
            delete_topics DeleteTopicsRequest DeleteTopicsResponse;
            delete_records DeleteRecordsRequest DeleteRecordsResponse;
            init_producer_id InitProducerIdRequest InitProducerIdResponse;
            offset_for_leader_epoch OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse;
            add_partitions_to_txn AddPartitionsToTxnRequest AddPartitionsToTxnResponse;
            add_offsets_to_txn AddOffsetsToTxnRequest AddOffsetsToTxnResponse;
            end_txn EndTxnRequest EndTxnResponse;
            write_txn_markers WriteTxnMarkersRequest WriteTxnMarkersResponse;
            txn_offset_commit TxnOffsetCommitRequest TxnOffsetCommitResponse;
            describe_acls DescribeAclsRequest DescribeAclsResponse;
            create_acls CreateAclsRequest CreateAclsResponse;
            delete_acls DeleteAclsRequest DeleteAclsResponse;
            describe_configs DescribeConfigsRequest DescribeConfigsResponse;
            alter_configs AlterConfigsRequest AlterConfigsResponse;
            alter_replica_log_dirs AlterReplicaLogDirsRequest AlterReplicaLogDirsResponse;
            describe_log_dirs DescribeLogDirsRequest DescribeLogDirsResponse;
            sasl_authenticate SaslAuthenticateRequest SaslAuthenticateResponse;
            create_partitions CreatePartitionsRequest CreatePartitionsResponse;
            create_delegation_token CreateDelegationTokenRequest CreateDelegationTokenResponse;
            renew_delegation_token RenewDelegationTokenRequest RenewDelegationTokenResponse;
            expire_delegation_token ExpireDelegationTokenRequest ExpireDelegationTokenResponse;
            describe_delegation_token DescribeDelegationTokenRequest DescribeDelegationTokenResponse;
            delete_groups DeleteGroupsRequest DeleteGroupsResponse;
            elect_leaders ElectLeadersRequest ElectLeadersResponse;
            incremental_alter_configs IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse;
            alter_partition_reassignments AlterPartitionReassignmentsRequest AlterPartitionReassignmentsResponse;
            list_partition_reassignments ListPartitionReassignmentsRequest ListPartitionReassignmentsResponse;
            offset_delete OffsetDeleteRequest OffsetDeleteResponse;
            describe_client_quotas DescribeClientQuotasRequest DescribeClientQuotasResponse;
            alter_client_quotas AlterClientQuotasRequest AlterClientQuotasResponse;
            describe_user_scram_credentials DescribeUserScramCredentialsRequest DescribeUserScramCredentialsResponse;
            alter_user_scram_credentials AlterUserScramCredentialsRequest AlterUserScramCredentialsResponse;
            describe_quorum DescribeQuorumRequest DescribeQuorumResponse;
            update_features UpdateFeaturesRequest UpdateFeaturesResponse;
            describe_cluster DescribeClusterRequest DescribeClusterResponse;
            describe_producers DescribeProducersRequest DescribeProducersResponse;
            unregister_broker UnregisterBrokerRequest UnregisterBrokerResponse;
            describe_transactions DescribeTransactionsRequest DescribeTransactionsResponse;
            list_transactions ListTransactionsRequest ListTransactionsResponse;
            consumer_group_heartbeat ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse;
            consumer_group_describe ConsumerGroupDescribeRequest ConsumerGroupDescribeResponse;
            list_config_resources ListConfigResourcesRequest ListConfigResourcesResponse;
            describe_topic_partitions DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse;
            share_group_heartbeat ShareGroupHeartbeatRequest ShareGroupHeartbeatResponse;
            share_group_describe ShareGroupDescribeRequest ShareGroupDescribeResponse;
            share_fetch ShareFetchRequest ShareFetchResponse;
            share_acknowledge ShareAcknowledgeRequest ShareAcknowledgeResponse;
            describe_share_group_offsets DescribeShareGroupOffsetsRequest DescribeShareGroupOffsetsResponse;
            alter_share_group_offsets AlterShareGroupOffsetsRequest AlterShareGroupOffsetsResponse;
            delete_share_group_offsets DeleteShareGroupOffsetsRequest DeleteShareGroupOffsetsResponse;
        }
    };
}

macro_rules! apis {
    ($($module:ident $request:ident $response:ident;)*) => {
        vec![$(entry!(messages::$module::$request), entry!(messages::$module::$response)),*]
    };
}

macro_rules! entries {
    ($module:ident: $($message:ident)*) => {
        [$(entry!($module::$message)),*]
    };
}

/// Requests and responses, in the order of their keys.
#[must_use]
pub fn apis() -> Vec<Entry> {
    every_api!(apis)
}

/// Everything: requests, responses, headers, records.
#[must_use]
pub fn everything() -> Vec<Entry> {
    let mut all = apis();
    all.extend(entries!(header: RequestHeader ResponseHeader));
    all.extend(entries!(consumer_protocol: ConsumerProtocolSubscription ConsumerProtocolAssignment));
    all.extend(entries!(consumer_groups: ConsumerGroupMetadataKey ConsumerGroupMetadataValue ConsumerGroupPartitionMetadataKey
        ConsumerGroupPartitionMetadataValue ConsumerGroupMemberMetadataKey ConsumerGroupMemberMetadataValue
        ConsumerGroupTargetAssignmentMetadataKey ConsumerGroupTargetAssignmentMetadataValue ConsumerGroupTargetAssignmentMemberKey
        ConsumerGroupTargetAssignmentMemberValue ConsumerGroupCurrentMemberAssignmentKey ConsumerGroupCurrentMemberAssignmentValue
        ConsumerGroupRegularExpressionKey ConsumerGroupRegularExpressionValue));
    all.extend(entries!(consumer_groups: ShareGroupMemberMetadataKey ShareGroupMemberMetadataValue ShareGroupMetadataKey
        ShareGroupMetadataValue ShareGroupTargetAssignmentMetadataKey ShareGroupTargetAssignmentMetadataValue
        ShareGroupTargetAssignmentMemberKey ShareGroupTargetAssignmentMemberValue ShareGroupCurrentMemberAssignmentKey
        ShareGroupCurrentMemberAssignmentValue ShareGroupStatePartitionMetadataKey ShareGroupStatePartitionMetadataValue));
    all.extend(entries!(shares: ShareSnapshotKey ShareSnapshotValue ShareUpdateKey ShareUpdateValue));
    all.extend(entries!(offsets: LegacyOffsetCommitKey LegacyOffsetCommitValue OffsetCommitKey OffsetCommitValue
        GroupMetadataKey GroupMetadataValue));
    all.extend(entries!(metadata: TopicRecord PartitionRecord PartitionChangeRecord ConfigRecord RemoveTopicRecord FeatureLevelRecord
        RegisterBrokerRecord BrokerRegistrationChangeRecord RegisterControllerRecord ProducerIdsRecord NoOpRecord
        UnregisterBrokerRecord FenceBrokerRecord UnfenceBrokerRecord BeginTransactionRecord EndTransactionRecord
        AbortTransactionRecord ClientQuotaRecord UserScramCredentialRecord RemoveUserScramCredentialRecord LeaderChangeMessage SnapshotHeaderRecord SnapshotFooterRecord KRaftVersionRecord
        VotersRecord));
    all
}
