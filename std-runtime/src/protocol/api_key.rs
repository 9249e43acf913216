//! The table of requests: which there are, in which versions this codec reads and writes them, and which of these a broker of ours
//! advertises.
//!
//! The numbers that messages know of themselves (key, versions, first flexible version) are taken from their definitions; that both
//! agree is checked when this is compiled.

use millpond_core::wire::schema::{Message, Schema, Versions};

use super::messages::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
use super::messages::add_partitions_to_txn::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};
use super::messages::alter_client_quotas::{AlterClientQuotasRequest, AlterClientQuotasResponse};
use super::messages::alter_configs::{AlterConfigsRequest, AlterConfigsResponse};
use super::messages::alter_partition_reassignments::{AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse};
use super::messages::alter_replica_log_dirs::{AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse};
use super::messages::alter_share_group_offsets::{AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse};
use super::messages::alter_user_scram_credentials::{AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse};
use super::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use super::messages::consumer_group_describe::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};
use super::messages::consumer_group_heartbeat::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use super::messages::create_acls::{CreateAclsRequest, CreateAclsResponse};
use super::messages::create_delegation_token::{CreateDelegationTokenRequest, CreateDelegationTokenResponse};
use super::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse};
use super::messages::create_topics::{CreateTopicsRequest, CreateTopicsResponse};
use super::messages::delete_acls::{DeleteAclsRequest, DeleteAclsResponse};
use super::messages::delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse};
use super::messages::delete_records::{DeleteRecordsRequest, DeleteRecordsResponse};
use super::messages::delete_share_group_offsets::{DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse};
use super::messages::delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse};
use super::messages::describe_acls::{DescribeAclsRequest, DescribeAclsResponse};
use super::messages::describe_client_quotas::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
use super::messages::describe_cluster::{DescribeClusterRequest, DescribeClusterResponse};
use super::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResponse};
use super::messages::describe_delegation_token::{DescribeDelegationTokenRequest, DescribeDelegationTokenResponse};
use super::messages::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};
use super::messages::describe_log_dirs::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use super::messages::describe_producers::{DescribeProducersRequest, DescribeProducersResponse};
use super::messages::describe_quorum::{DescribeQuorumRequest, DescribeQuorumResponse};
use super::messages::describe_share_group_offsets::{DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse};
use super::messages::describe_topic_partitions::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};
use super::messages::describe_transactions::{DescribeTransactionsRequest, DescribeTransactionsResponse};
use super::messages::describe_user_scram_credentials::{DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse};
use super::messages::elect_leaders::{ElectLeadersRequest, ElectLeadersResponse};
use super::messages::end_txn::{EndTxnRequest, EndTxnResponse};
use super::messages::expire_delegation_token::{ExpireDelegationTokenRequest, ExpireDelegationTokenResponse};
use super::messages::fetch::{FetchRequest, FetchResponse};
use super::messages::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use super::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use super::messages::incremental_alter_configs::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use super::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use super::messages::join_group::{JoinGroupRequest, JoinGroupResponse};
use super::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse};
use super::messages::list_config_resources::{ListConfigResourcesRequest, ListConfigResourcesResponse};
use super::messages::list_groups::{ListGroupsRequest, ListGroupsResponse};
use super::messages::list_offsets::{ListOffsetsRequest, ListOffsetsResponse};
use super::messages::list_partition_reassignments::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};
use super::messages::list_transactions::{ListTransactionsRequest, ListTransactionsResponse};
use super::messages::metadata::{MetadataRequest, MetadataResponse};
use super::messages::offset_commit::{OffsetCommitRequest, OffsetCommitResponse};
use super::messages::offset_delete::{OffsetDeleteRequest, OffsetDeleteResponse};
use super::messages::offset_fetch::{OffsetFetchRequest, OffsetFetchResponse};
use super::messages::offset_for_leader_epoch::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use super::messages::produce::{ProduceRequest, ProduceResponse};
use super::messages::renew_delegation_token::{RenewDelegationTokenRequest, RenewDelegationTokenResponse};
use super::messages::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
use super::messages::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
use super::messages::share_acknowledge::{ShareAcknowledgeRequest, ShareAcknowledgeResponse};
use super::messages::share_fetch::{ShareFetchRequest, ShareFetchResponse};
use super::messages::share_group_describe::{ShareGroupDescribeRequest, ShareGroupDescribeResponse};
use super::messages::share_group_heartbeat::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse};
use super::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};
use super::messages::txn_offset_commit::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};
use super::messages::unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};
use super::messages::update_features::{UpdateFeaturesRequest, UpdateFeaturesResponse};
use super::messages::write_txn_markers::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};

/// What is known of a request and its response.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    /// Which request.
    pub key: ApiKey,
    /// Kafka's name for it.
    pub name: &'static str,
    /// The versions that the codec reads and writes.
    pub codec: Versions,
    /// The versions that the answer to ApiVersions names; `None` while the broker does not serve the request.
    ///
    /// These lie within `codec`, with one exception: Produce is advertised from v0 although nobody serves it below v3, because an
    /// old librdkafka takes a missing v0 as a sign that the broker knows no compression. Source: KAFKA-18659.
    pub advertised: Option<Versions>,
    /// The first version whose request is flexible; `i16::MAX` when there is none.
    pub request_flexible_from: i16,
    /// The first version whose response is flexible; `i16::MAX` when there is none.
    pub response_flexible_from: i16,
    /// The response, as a value that programs can walk.
    pub response_schema: &'static Schema,
}

impl Api {
    /// The row of `Request` and `Response`.
    const fn of<'a, Request: Message<'a>, Response: Message<'a>>(key: ApiKey, name: &'static str, advertised: Option<Versions>) -> Self {
        let codec = Request::VERSIONS;
        assert!(key.number() == Request::KEY && Request::KEY == Response::KEY);
        assert!(codec.first == Response::VERSIONS.first && codec.last == Response::VERSIONS.last);
        if let Some(advertised) = advertised {
            assert!(codec.contains(advertised.last) && (codec.contains(advertised.first) || matches!(key, ApiKey::Produce)));
        }
        Self {
            key,
            name,
            codec,
            advertised,
            request_flexible_from: Request::FLEXIBLE_FROM,
            response_flexible_from: Response::FLEXIBLE_FROM,
            response_schema: Response::SCHEMA,
        }
    }

    /// Whether the broker serves a version: it is advertised, and there is a codec for it.
    #[must_use]
    pub const fn serves(&self, version: i16) -> bool {
        match self.advertised {
            Some(advertised) => advertised.contains(version) && self.codec.contains(version),
            None => false,
        }
    }

    /// The version of the header before a request of this version: 1 or 2.
    #[must_use]
    pub const fn request_header_version(&self, version: i16) -> i16 {
        if version >= self.request_flexible_from { 2 } else { 1 }
    }

    /// The version of the header before a response of this version: 0 or 1. Source: KIP-511 for the exception.
    #[must_use]
    pub const fn response_header_version(&self, version: i16) -> i16 {
        if version >= self.response_flexible_from && !matches!(self.key, ApiKey::ApiVersions) { 1 } else { 0 }
    }
}

macro_rules! apis {
    ($($name:ident = $number:literal: $request:ty, $response:ty $(, advertised $first:literal - $last:literal)?;)*) => {
        /// A request, by its number on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $(#[doc = concat!("API key ", $number, ".")] $name = $number,)*
        }

        impl ApiKey {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The request of this number; `None` when we know none.
            #[must_use]
            pub const fn from_i16(number: i16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> i16 {
                self as i16
            }

            /// What is known of it.
            #[must_use]
            pub const fn api(self) -> &'static Api {
                match self {
                    $(Self::$name => {
                        const ROW: Api = Api::of::<$request, $response>(
                            ApiKey::$name,
                            stringify!($name),
                            apis!(@versions $($first, $last)?),
                        );
                        &ROW
                    })*
                }
            }
        }
    };
    (@versions) => { None };
    (@versions $first:literal, $last:literal) => { Some(Versions::new($first, $last)) };
}

apis! {
    Produce = 0: ProduceRequest<'static>, ProduceResponse<'static>, advertised 0-13;
    Fetch = 1: FetchRequest<'static>, FetchResponse<'static>, advertised 4-18;
    ListOffsets = 2: ListOffsetsRequest<'static>, ListOffsetsResponse<'static>, advertised 1-11;
    Metadata = 3: MetadataRequest<'static>, MetadataResponse<'static>, advertised 0-13;
    OffsetCommit = 8: OffsetCommitRequest<'static>, OffsetCommitResponse<'static>, advertised 2-10;
    OffsetFetch = 9: OffsetFetchRequest<'static>, OffsetFetchResponse<'static>, advertised 1-10;
    FindCoordinator = 10: FindCoordinatorRequest<'static>, FindCoordinatorResponse<'static>, advertised 0-6;
    JoinGroup = 11: JoinGroupRequest<'static>, JoinGroupResponse<'static>, advertised 0-9;
    Heartbeat = 12: HeartbeatRequest<'static>, HeartbeatResponse, advertised 0-4;
    LeaveGroup = 13: LeaveGroupRequest<'static>, LeaveGroupResponse<'static>, advertised 0-5;
    SyncGroup = 14: SyncGroupRequest<'static>, SyncGroupResponse<'static>, advertised 0-5;
    DescribeGroups = 15: DescribeGroupsRequest<'static>, DescribeGroupsResponse<'static>, advertised 0-6;
    ListGroups = 16: ListGroupsRequest<'static>, ListGroupsResponse<'static>, advertised 0-5;
    SaslHandshake = 17: SaslHandshakeRequest<'static>, SaslHandshakeResponse<'static>;
    ApiVersions = 18: ApiVersionsRequest<'static>, ApiVersionsResponse<'static>, advertised 0-4;
    CreateTopics = 19: CreateTopicsRequest<'static>, CreateTopicsResponse<'static>, advertised 2-7;
    DeleteTopics = 20: DeleteTopicsRequest<'static>, DeleteTopicsResponse<'static>, advertised 1-6;
    DeleteRecords = 21: DeleteRecordsRequest<'static>, DeleteRecordsResponse<'static>, advertised 0-2;
    InitProducerId = 22: InitProducerIdRequest<'static>, InitProducerIdResponse, advertised 0-5;
    OffsetForLeaderEpoch = 23: OffsetForLeaderEpochRequest<'static>, OffsetForLeaderEpochResponse<'static>, advertised 2-4;
    AddPartitionsToTxn = 24: AddPartitionsToTxnRequest<'static>, AddPartitionsToTxnResponse<'static>, advertised 0-5;
    AddOffsetsToTxn = 25: AddOffsetsToTxnRequest<'static>, AddOffsetsToTxnResponse, advertised 0-4;
    EndTxn = 26: EndTxnRequest<'static>, EndTxnResponse, advertised 0-5;
    WriteTxnMarkers = 27: WriteTxnMarkersRequest<'static>, WriteTxnMarkersResponse<'static>, advertised 1-2;
    TxnOffsetCommit = 28: TxnOffsetCommitRequest<'static>, TxnOffsetCommitResponse<'static>, advertised 0-5;
    DescribeAcls = 29: DescribeAclsRequest<'static>, DescribeAclsResponse<'static>, advertised 1-3;
    CreateAcls = 30: CreateAclsRequest<'static>, CreateAclsResponse<'static>, advertised 1-3;
    DeleteAcls = 31: DeleteAclsRequest<'static>, DeleteAclsResponse<'static>, advertised 1-3;
    DescribeConfigs = 32: DescribeConfigsRequest<'static>, DescribeConfigsResponse<'static>, advertised 1-4;
    AlterConfigs = 33: AlterConfigsRequest<'static>, AlterConfigsResponse<'static>, advertised 0-2;
    AlterReplicaLogDirs = 34: AlterReplicaLogDirsRequest<'static>, AlterReplicaLogDirsResponse<'static>, advertised 1-2;
    DescribeLogDirs = 35: DescribeLogDirsRequest<'static>, DescribeLogDirsResponse<'static>, advertised 1-5;
    SaslAuthenticate = 36: SaslAuthenticateRequest<'static>, SaslAuthenticateResponse<'static>;
    CreatePartitions = 37: CreatePartitionsRequest<'static>, CreatePartitionsResponse<'static>, advertised 0-3;
    CreateDelegationToken = 38: CreateDelegationTokenRequest<'static>, CreateDelegationTokenResponse<'static>, advertised 1-3;
    RenewDelegationToken = 39: RenewDelegationTokenRequest<'static>, RenewDelegationTokenResponse, advertised 1-2;
    ExpireDelegationToken = 40: ExpireDelegationTokenRequest<'static>, ExpireDelegationTokenResponse, advertised 1-2;
    DescribeDelegationToken = 41: DescribeDelegationTokenRequest<'static>, DescribeDelegationTokenResponse<'static>, advertised 1-3;
    DeleteGroups = 42: DeleteGroupsRequest<'static>, DeleteGroupsResponse<'static>, advertised 0-2;
    ElectLeaders = 43: ElectLeadersRequest<'static>, ElectLeadersResponse<'static>, advertised 0-2;
    IncrementalAlterConfigs = 44: IncrementalAlterConfigsRequest<'static>, IncrementalAlterConfigsResponse<'static>, advertised 0-1;
    AlterPartitionReassignments = 45: AlterPartitionReassignmentsRequest<'static>, AlterPartitionReassignmentsResponse<'static>, advertised 0-1;
    ListPartitionReassignments = 46: ListPartitionReassignmentsRequest<'static>, ListPartitionReassignmentsResponse<'static>, advertised 0-0;
    OffsetDelete = 47: OffsetDeleteRequest<'static>, OffsetDeleteResponse<'static>, advertised 0-0;
    DescribeClientQuotas = 48: DescribeClientQuotasRequest<'static>, DescribeClientQuotasResponse<'static>, advertised 0-1;
    AlterClientQuotas = 49: AlterClientQuotasRequest<'static>, AlterClientQuotasResponse<'static>, advertised 0-1;
    DescribeUserScramCredentials = 50: DescribeUserScramCredentialsRequest<'static>, DescribeUserScramCredentialsResponse<'static>, advertised 0-0;
    AlterUserScramCredentials = 51: AlterUserScramCredentialsRequest<'static>, AlterUserScramCredentialsResponse<'static>, advertised 0-0;
    DescribeQuorum = 55: DescribeQuorumRequest<'static>, DescribeQuorumResponse<'static>, advertised 0-2;
    UpdateFeatures = 57: UpdateFeaturesRequest<'static>, UpdateFeaturesResponse<'static>, advertised 0-2;
    DescribeCluster = 60: DescribeClusterRequest, DescribeClusterResponse<'static>, advertised 0-2;
    DescribeProducers = 61: DescribeProducersRequest<'static>, DescribeProducersResponse<'static>, advertised 0-0;
    UnregisterBroker = 64: UnregisterBrokerRequest, UnregisterBrokerResponse<'static>, advertised 0-0;
    DescribeTransactions = 65: DescribeTransactionsRequest<'static>, DescribeTransactionsResponse<'static>, advertised 0-0;
    ListTransactions = 66: ListTransactionsRequest<'static>, ListTransactionsResponse<'static>, advertised 0-2;
    ConsumerGroupHeartbeat = 68: ConsumerGroupHeartbeatRequest<'static>, ConsumerGroupHeartbeatResponse<'static>, advertised 0 - 1;
    ConsumerGroupDescribe = 69: ConsumerGroupDescribeRequest<'static>, ConsumerGroupDescribeResponse<'static>, advertised 0 - 1;
    ListConfigResources = 74: ListConfigResourcesRequest<'static>, ListConfigResourcesResponse<'static>, advertised 0-1;
    DescribeTopicPartitions = 75: DescribeTopicPartitionsRequest<'static>, DescribeTopicPartitionsResponse<'static>, advertised 0-0;
    ShareGroupHeartbeat = 76: ShareGroupHeartbeatRequest<'static>, ShareGroupHeartbeatResponse<'static>, advertised 1-1;
    ShareGroupDescribe = 77: ShareGroupDescribeRequest<'static>, ShareGroupDescribeResponse<'static>, advertised 1-1;
    ShareFetch = 78: ShareFetchRequest<'static>, ShareFetchResponse<'static>, advertised 1-2;
    ShareAcknowledge = 79: ShareAcknowledgeRequest<'static>, ShareAcknowledgeResponse<'static>, advertised 1-2;
    DescribeShareGroupOffsets = 90: DescribeShareGroupOffsetsRequest<'static>, DescribeShareGroupOffsetsResponse<'static>, advertised 0-1;
    AlterShareGroupOffsets = 91: AlterShareGroupOffsetsRequest<'static>, AlterShareGroupOffsetsResponse<'static>, advertised 0-0;
    DeleteShareGroupOffsets = 92: DeleteShareGroupOffsetsRequest<'static>, DeleteShareGroupOffsetsResponse<'static>, advertised 0-0;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_to_the_same_row() {
        assert!(ApiKey::ALL.is_sorted());
        for key in ApiKey::ALL {
            assert_eq!(ApiKey::from_i16(key.number()), Some(*key));
            assert_eq!(key.api().key, *key);
        }
        assert_eq!(ApiKey::from_i16(-1), None);
        assert_eq!(ApiKey::from_i16(999), None);
    }

    #[test]
    fn produce_is_advertised_from_0_and_served_from_3() {
        let produce = ApiKey::Produce.api();
        assert_eq!(produce.advertised, Some(Versions::new(0, 13)));
        assert_eq!([2, 3, 13, 14].map(|version| produce.serves(version)), [false, true, true, false]);
    }
}
