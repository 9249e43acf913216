//! From a frame to the file of its key.

use std::sync::Arc;

use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::schema::Message;

use crate::protocol::api_key::ApiKey;
use crate::protocol::header::{self, HeaderError};
use crate::worker::calls::Head;
use crate::worker::reply::{Replies, Reply};
use crate::worker::worker::Worker;

use super::*;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Where the connection comes from, as Kafka prints it: `/127.0.0.1`.
    pub client_host: String,
    /// Which connection it is, among all that there were.
    pub connection: u64,
}

/// A request on its way to its file.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// Who carries it out.
    pub(crate) worker: &'a Worker,
    /// What the answer repeats.
    pub(crate) head: Head,
    /// What the connection calls itself.
    pub(crate) client_id: &'a str,
    /// Who asks.
    pub(crate) caller: &'a Caller,
    /// The body, as it came.
    pub(crate) body: &'a [u8],
    /// Where the answer goes.
    pub(crate) reply: Reply,
}

impl<'a> Asked<'a> {
    /// Reads the body. Bytes behind what the version defines are left alone, as in Kafka.
    pub(crate) fn decode<M: Message<'a>>(&self) -> Result<M, DecodeError> {
        M::decode_from(&mut millpond_core::wire::reader::Reader::new(self.body), self.head.version)
    }

    /// Answers at once.
    pub(crate) fn answer<'m>(self, message: &impl Message<'m>) {
        let outgoing = respond::encode(self.head, message);
        self.reply.send(outgoing);
    }
}

/// Why a connection cannot go on. Source: `RequestContext.parseRequest`, `SocketServer.processCompletedReceives`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The header.
    #[error("{0}")]
    Header(HeaderError),
    /// A version that is not served.
    #[error("{api_key:?} is not served in version {version}")]
    Version {
        /// Which request.
        api_key: ApiKey,
        /// In which version.
        version: i16,
    },
    /// The body.
    #[error("the {api_key:?} request, version {version}, is malformed: {error}")]
    Body {
        /// Which request.
        api_key: ApiKey,
        /// In which version.
        version: i16,
        /// What is wrong.
        error: DecodeError,
    },
}

/// Carries out the request in a frame. Its answer comes through `replies`, now or later.
///
/// # Errors
/// When the frame is no request that is served: the connection is to be closed.
pub fn dispatch(worker: &Worker, caller: &Caller, replies: &Arc<Replies>, frame: &[u8]) -> Result<(), Malformed> {
    let request = header::decode_request(frame).map_err(Malformed::Header)?;
    let (api_key, version) = (request.api_key, request.api_version);
    let head = Head { api_key, version, correlation_id: request.correlation_id };
    if !api_key.api().serves(version) && api_key != ApiKey::ApiVersions {
        return Err(Malformed::Version { api_key, version });
    }
    let reply = replies.expect();
    let client_id = request.client_id.unwrap_or_default();
    let asked = Asked { worker, head, client_id, caller, body: request.body, reply };
    let served = match api_key {
        ApiKey::Produce => produce::serve(asked),
        ApiKey::Fetch => fetch::serve(asked),
        ApiKey::ListOffsets => list_offsets::serve(asked),
        ApiKey::Metadata => metadata::serve(asked),
        ApiKey::OffsetCommit => offset_commit::serve(asked),
        ApiKey::OffsetFetch => offset_fetch::serve(asked),
        ApiKey::FindCoordinator => find_coordinator::serve(asked),
        ApiKey::JoinGroup => join_group::serve(asked),
        ApiKey::Heartbeat => heartbeat::serve(asked),
        ApiKey::LeaveGroup => leave_group::serve(asked),
        ApiKey::SyncGroup => sync_group::serve(asked),
        ApiKey::DescribeGroups => describe_groups::serve(asked),
        ApiKey::ListGroups => list_groups::serve(asked),
        ApiKey::ApiVersions => api_versions::serve(asked),
        ApiKey::CreateTopics => create_topics::serve(asked),
        ApiKey::DeleteTopics => delete_topics::serve(asked),
        ApiKey::DeleteRecords => delete_records::serve(asked),
        ApiKey::InitProducerId => init_producer_id::serve(asked),
        ApiKey::OffsetForLeaderEpoch => offset_for_leader_epoch::serve(asked),
        ApiKey::AddPartitionsToTxn => add_partitions_to_txn::serve(asked),
        ApiKey::AddOffsetsToTxn => add_offsets_to_txn::serve(asked),
        ApiKey::EndTxn => end_txn::serve(asked),
        ApiKey::WriteTxnMarkers => write_txn_markers::serve(asked),
        ApiKey::TxnOffsetCommit => txn_offset_commit::serve(asked),
        ApiKey::DescribeAcls => describe_acls::serve(asked),
        ApiKey::CreateAcls => create_acls::serve(asked),
        ApiKey::DeleteAcls => delete_acls::serve(asked),
        ApiKey::DescribeConfigs => describe_configs::serve(asked),
        ApiKey::AlterConfigs => alter_configs::serve(asked),
        ApiKey::AlterReplicaLogDirs => alter_replica_log_dirs::serve(asked),
        ApiKey::DescribeLogDirs => describe_log_dirs::serve(asked),
        ApiKey::CreatePartitions => create_partitions::serve(asked),
        ApiKey::CreateDelegationToken => create_delegation_token::serve(asked),
        ApiKey::RenewDelegationToken => renew_delegation_token::serve(asked),
        ApiKey::ExpireDelegationToken => expire_delegation_token::serve(asked),
        ApiKey::DescribeDelegationToken => describe_delegation_token::serve(asked),
        ApiKey::DeleteGroups => delete_groups::serve(asked),
        ApiKey::ElectLeaders => elect_leaders::serve(asked),
        ApiKey::IncrementalAlterConfigs => alter_configs::serve_incremental(asked),
        ApiKey::AlterPartitionReassignments => alter_partition_reassignments::serve(asked),
        ApiKey::ListPartitionReassignments => list_partition_reassignments::serve(asked),
        ApiKey::OffsetDelete => offset_delete::serve(asked),
        ApiKey::DescribeClientQuotas => describe_client_quotas::serve(asked),
        ApiKey::AlterClientQuotas => alter_client_quotas::serve(asked),
        ApiKey::DescribeUserScramCredentials => describe_user_scram_credentials::serve(asked),
        ApiKey::AlterUserScramCredentials => alter_user_scram_credentials::serve(asked),
        ApiKey::DescribeQuorum => describe_quorum::serve(asked),
        ApiKey::UpdateFeatures => update_features::serve(asked),
        ApiKey::DescribeCluster => describe_cluster::serve(asked),
        ApiKey::DescribeProducers => describe_producers::serve(asked),
        ApiKey::UnregisterBroker => unregister_broker::serve(asked),
        ApiKey::DescribeTransactions => describe_transactions::serve(asked),
        ApiKey::ListTransactions => list_transactions::serve(asked),
        ApiKey::ConsumerGroupHeartbeat => consumer_group_heartbeat::serve(asked),
        ApiKey::ConsumerGroupDescribe => consumer_group_describe::serve(asked),
        ApiKey::ListConfigResources => list_config_resources::serve(asked),
        ApiKey::DescribeTopicPartitions => describe_topic_partitions::serve(asked),
        ApiKey::ShareGroupHeartbeat => share_group_heartbeat::serve(asked),
        ApiKey::ShareGroupDescribe => share_group_describe::serve(asked),
        ApiKey::ShareFetch => share_fetch::serve(asked),
        ApiKey::ShareAcknowledge => share_acknowledge::serve(asked),
        ApiKey::DescribeShareGroupOffsets => describe_share_group_offsets::serve(asked),
        ApiKey::AlterShareGroupOffsets => alter_share_group_offsets::serve(asked),
        ApiKey::DeleteShareGroupOffsets => delete_share_group_offsets::serve(asked),
        // Known to the codec, not served: `Api::serves` has said no.
        ApiKey::SaslHandshake | ApiKey::SaslAuthenticate => {
            return Err(Malformed::Version { api_key, version });
        }
    };
    served.map_err(|error| Malformed::Body { api_key, version, error })
}
