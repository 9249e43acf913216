//! What each request means: one file a key, its head saying what is served, from which KIPs, and where we differ from Apache Kafka.
//!
//! - [`dispatch`]: from a frame to the file of its key. [`error_map`]: errors of the core to Kafka's codes.
//! - [`respond`]: encoding an answer. [`fetch_session`]: what consumers read from. [`catalog`], [`group`], [`transaction`], `acls`, `delegation_tokens`, `quotas`, `repeated`, `scram`,
//!   `tier_rules`, [`remote`]: what several keys share.

mod acls;
pub mod catalog;
mod delegation_tokens;
pub(crate) mod described;
pub mod dispatch;
pub mod error_map;
pub mod fetch_session;
pub mod group;
mod operations;
mod produced;
mod quotas;
pub mod remote;
mod repeated;
pub mod respond;
mod scram;
mod tier_rules;
pub mod transaction;

#[path = "25_add_offsets_to_txn.rs"]
pub(crate) mod add_offsets_to_txn;
#[path = "24_add_partitions_to_txn.rs"]
pub(crate) mod add_partitions_to_txn;
#[path = "49_alter_client_quotas.rs"]
pub(crate) mod alter_client_quotas;
#[path = "44_alter_configs.rs"]
pub(crate) mod alter_configs;
#[path = "45_alter_partition_reassignments.rs"]
pub(crate) mod alter_partition_reassignments;
#[path = "34_alter_replica_log_dirs.rs"]
pub(crate) mod alter_replica_log_dirs;
#[path = "91_alter_share_group_offsets.rs"]
pub(crate) mod alter_share_group_offsets;
#[path = "51_alter_user_scram_credentials.rs"]
pub(crate) mod alter_user_scram_credentials;
#[path = "18_api_versions.rs"]
pub(crate) mod api_versions;
#[path = "69_consumer_group_describe.rs"]
pub(crate) mod consumer_group_describe;
#[path = "68_consumer_group_heartbeat.rs"]
pub(crate) mod consumer_group_heartbeat;
#[path = "30_create_acls.rs"]
pub(crate) mod create_acls;
#[path = "38_create_delegation_token.rs"]
pub(crate) mod create_delegation_token;
#[path = "37_create_partitions.rs"]
pub(crate) mod create_partitions;
#[path = "19_create_topics.rs"]
pub(crate) mod create_topics;
#[path = "31_delete_acls.rs"]
pub(crate) mod delete_acls;
#[path = "42_delete_groups.rs"]
pub(crate) mod delete_groups;
#[path = "21_delete_records.rs"]
pub(crate) mod delete_records;
#[path = "92_delete_share_group_offsets.rs"]
pub(crate) mod delete_share_group_offsets;
#[path = "20_delete_topics.rs"]
pub(crate) mod delete_topics;
#[path = "29_describe_acls.rs"]
pub(crate) mod describe_acls;
#[path = "48_describe_client_quotas.rs"]
pub(crate) mod describe_client_quotas;
#[path = "60_describe_cluster.rs"]
pub(crate) mod describe_cluster;
#[path = "32_describe_configs.rs"]
pub(crate) mod describe_configs;
#[path = "41_describe_delegation_token.rs"]
pub(crate) mod describe_delegation_token;
#[path = "15_describe_groups.rs"]
pub(crate) mod describe_groups;
#[path = "35_describe_log_dirs.rs"]
pub(crate) mod describe_log_dirs;
#[path = "61_describe_producers.rs"]
pub(crate) mod describe_producers;
#[path = "55_describe_quorum.rs"]
pub(crate) mod describe_quorum;
#[path = "90_describe_share_group_offsets.rs"]
pub(crate) mod describe_share_group_offsets;
#[path = "75_describe_topic_partitions.rs"]
pub(crate) mod describe_topic_partitions;
#[path = "65_describe_transactions.rs"]
pub(crate) mod describe_transactions;
#[path = "50_describe_user_scram_credentials.rs"]
pub(crate) mod describe_user_scram_credentials;
#[path = "43_elect_leaders.rs"]
pub(crate) mod elect_leaders;
#[path = "26_end_txn.rs"]
pub(crate) mod end_txn;
#[path = "40_expire_delegation_token.rs"]
pub(crate) mod expire_delegation_token;
#[path = "01_fetch.rs"]
pub(crate) mod fetch;
#[path = "10_find_coordinator.rs"]
pub(crate) mod find_coordinator;
#[path = "12_heartbeat.rs"]
pub(crate) mod heartbeat;
#[path = "22_init_producer_id.rs"]
pub(crate) mod init_producer_id;
#[path = "11_join_group.rs"]
pub(crate) mod join_group;
#[path = "13_leave_group.rs"]
pub(crate) mod leave_group;
#[path = "74_list_config_resources.rs"]
pub(crate) mod list_config_resources;
#[path = "16_list_groups.rs"]
pub(crate) mod list_groups;
#[path = "02_list_offsets.rs"]
pub(crate) mod list_offsets;
#[path = "46_list_partition_reassignments.rs"]
pub(crate) mod list_partition_reassignments;
#[path = "66_list_transactions.rs"]
pub(crate) mod list_transactions;
#[path = "03_metadata.rs"]
pub(crate) mod metadata;
#[path = "08_offset_commit.rs"]
pub(crate) mod offset_commit;
#[path = "47_offset_delete.rs"]
pub(crate) mod offset_delete;
#[path = "09_offset_fetch.rs"]
pub(crate) mod offset_fetch;
#[path = "23_offset_for_leader_epoch.rs"]
pub(crate) mod offset_for_leader_epoch;
#[path = "00_produce.rs"]
pub mod produce;
mod re2;
#[path = "39_renew_delegation_token.rs"]
pub(crate) mod renew_delegation_token;
pub(crate) mod share;
#[path = "79_share_acknowledge.rs"]
pub(crate) mod share_acknowledge;
#[path = "78_share_fetch.rs"]
pub mod share_fetch;
#[path = "77_share_group_describe.rs"]
pub(crate) mod share_group_describe;
#[path = "76_share_group_heartbeat.rs"]
pub(crate) mod share_group_heartbeat;
pub(crate) mod share_session;
#[path = "14_sync_group.rs"]
pub(crate) mod sync_group;
#[path = "28_txn_offset_commit.rs"]
pub(crate) mod txn_offset_commit;
#[path = "64_unregister_broker.rs"]
pub(crate) mod unregister_broker;
#[path = "57_update_features.rs"]
pub(crate) mod update_features;
#[path = "27_write_txn_markers.rs"]
pub(crate) mod write_txn_markers;
