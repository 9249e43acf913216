//! What administrators ask, on the wire: what changes, what stays through a restart, and what is refused.

use millpond::client::connection::{Connection, Options, Reply};
use millpond::protocol::error_code::ErrorCode;
use millpond::protocol::messages::alter_client_quotas::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, EntityData, EntryData, OpData,
};
use millpond::protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition, ReassignableTopic,
};
use millpond::protocol::messages::alter_replica_log_dirs::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse,
};
use millpond::protocol::messages::alter_user_scram_credentials::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse, ScramCredentialDeletion, ScramCredentialUpsertion,
};
use millpond::protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use millpond::protocol::messages::describe_client_quotas::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
use millpond::protocol::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse};
use millpond::protocol::messages::describe_quorum::{DescribeQuorumRequest, DescribeQuorumResponse, PartitionData, TopicData};
use millpond::protocol::messages::describe_user_scram_credentials::{
    DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse, UserName,
};
use millpond::protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use millpond::protocol::messages::list_config_resources::{ListConfigResourcesRequest, ListConfigResourcesResponse};
use millpond::protocol::messages::unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};
use millpond::protocol::messages::update_features::{FeatureUpdateKey, UpdateFeaturesRequest, UpdateFeaturesResponse};
use millpond_core::wire::schema::{Message, Versions};
use millpond_core::wire::value::Array;
use millpond_tests::broker::Broker;

use super::command;

/// A broker, and a way to ask it.
struct Admin {
    broker: Broker,
    runtime: tokio::runtime::Runtime,
}

impl Admin {
    fn new() -> Option<Self> {
        let broker = Broker::start_own_or_skip("administration", &[])?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Some(Self { broker, runtime })
    }

    fn ask<'a, Request: Message<'a>>(&self, request: &Request) -> Reply {
        self.ask_in(request, Request::VERSIONS)
    }

    fn ask_in<'a, Request: Message<'a>>(&self, request: &Request, within: Versions) -> Reply {
        self.runtime.block_on(async {
            let mut connection = Connection::connect(self.broker.bootstrap(), &Options::default()).await.expect("connects");
            connection.call_in(request, within).await.expect("is answered")
        })
    }

    fn restart(&mut self) {
        self.broker.stop();
        self.broker.restart();
    }

    /// The level of a feature, and the epoch that it is told under.
    fn level(&self, feature: &str) -> (i16, i64) {
        let reply = self.ask(&ApiVersionsRequest { client_software_name: "t", client_software_version: "1" });
        let told: ApiVersionsResponse<'_> = reply.read().expect("an answer");
        let found = told.finalized_features.iter().find(|one| one.name == feature);
        (found.map_or(0, |found| found.max_version_level), told.finalized_features_epoch)
    }

    fn update(&self, feature: &str, max_version_level: i16, upgrade_type: i8, validate_only: bool) -> ErrorCode {
        let updates = [FeatureUpdateKey { feature, max_version_level, upgrade_type, ..Default::default() }];
        let request = UpdateFeaturesRequest { feature_updates: Array::from(&updates), validate_only, ..Default::default() };
        ErrorCode(self.ask(&request).read::<UpdateFeaturesResponse<'_>>().expect("an answer").error_code)
    }

    fn alter_quota(&self, entity: &[EntityData<'_>], key: &str, value: Option<f64>) -> ErrorCode {
        let ops = [OpData { key, value: value.unwrap_or_default(), remove: value.is_none() }];
        let entries = [EntryData { entity: Array::from(entity), ops: Array::from(&ops) }];
        let reply = self.ask(&AlterClientQuotasRequest { entries: Array::from(&entries), validate_only: false });
        let told: AlterClientQuotasResponse<'_> = reply.read().expect("an answer");
        ErrorCode(told.entries.iter().next().expect("an entry").error_code)
    }

    /// All quotas, as text.
    fn quotas(&self) -> Vec<String> {
        let reply = self.ask(&DescribeClientQuotasRequest::default());
        let told: DescribeClientQuotasResponse<'_> = reply.read().expect("an answer");
        let entries = told.entries.into_iter().flat_map(|entries| entries.iter());
        let told = entries.map(|entry| {
            let name: Vec<String> =
                entry.entity.iter().map(|part| format!("{}={}", part.entity_type, part.entity_name.unwrap_or("*"))).collect();
            let values: Vec<String> = entry.values.iter().map(|value| format!("{}={}", value.key, value.value)).collect();
            format!("{} {}", name.join(","), values.join(","))
        });
        told.collect()
    }

    fn alter_password(&self, deletions: &[ScramCredentialDeletion<'_>], upsertions: &[ScramCredentialUpsertion<'_>]) -> Vec<ErrorCode> {
        let request = AlterUserScramCredentialsRequest { deletions: Array::from(deletions), upsertions: Array::from(upsertions) };
        let reply = self.ask(&request);
        let told: AlterUserScramCredentialsResponse<'_> = reply.read().expect("an answer");
        told.results.iter().map(|result| ErrorCode(result.error_code)).collect()
    }

    /// The users with passwords, each with the iterations, or why there are none.
    fn passwords(&self, users: &[&str]) -> Vec<(String, ErrorCode, Vec<i32>)> {
        let users: Vec<UserName<'_>> = users.iter().map(|name| UserName { name }).collect();
        let reply = self.ask(&DescribeUserScramCredentialsRequest { users: Some(Array::from(&*users)) });
        let told: DescribeUserScramCredentialsResponse<'_> = reply.read().expect("an answer");
        let results = told.results.iter();
        results
            .map(|result| {
                let iterations = result.credential_infos.iter().map(|info| info.iterations).collect();
                (result.user.to_owned(), ErrorCode(result.error_code), iterations)
            })
            .collect()
    }
}

const UPGRADE: i8 = 1;
const DOWNGRADE: i8 = 2;

#[test]
fn features_change_their_levels_and_keep_them() {
    let Some(mut admin) = Admin::new() else { return };
    let (level, epoch) = admin.level("transaction.version");
    assert_eq!(level, 2);
    assert_eq!(admin.update("transaction.version", 0, DOWNGRADE, true), ErrorCode::NONE);
    assert_eq!(admin.level("transaction.version"), (2, epoch), "only tried");
    assert_eq!(admin.update("transaction.version", 0, UPGRADE, false), ErrorCode::INVALID_UPDATE_VERSION);
    assert_eq!(admin.update("transaction.version", 0, DOWNGRADE, false), ErrorCode::NONE);
    let (level, later) = admin.level("transaction.version");
    assert!(level == 0 && later > epoch, "clients take the highest epoch for the last word: {level}, {later}");
    admin.restart();
    assert_eq!(admin.level("transaction.version").0, 0);
    assert_eq!(admin.update("transaction.version", 2, UPGRADE, false), ErrorCode::NONE);
    assert_eq!(admin.update("metadata.version", 25, DOWNGRADE, false), ErrorCode::INVALID_UPDATE_VERSION);
    assert_eq!(admin.update("nosuch.version", 1, UPGRADE, false), ErrorCode::INVALID_UPDATE_VERSION);
    admin.restart();
    assert_eq!((admin.level("transaction.version").0, admin.level("metadata.version").0, admin.level("kraft.version").0), (2, 30, 1));
}

#[test]
fn old_clients_do_not_hear_of_features_that_may_be_out_of_force() {
    let Some(admin) = Admin::new() else { return };
    let supported = |version| {
        let request = ApiVersionsRequest { client_software_name: "t", client_software_version: "1" };
        let reply = admin.ask_in(&request, Versions::new(version, version));
        let told: ApiVersionsResponse<'_> = reply.read().expect("an answer");
        assert!(told.api_keys.iter().all(|api| ![71, 72].contains(&api.api_key)), "nobody takes reports of clients on themselves");
        told.supported_features.iter().map(|feature| feature.name.to_owned()).collect::<Vec<String>>()
    };
    assert_eq!(supported(3), ["metadata.version"]);
    assert_eq!(supported(4), ["group.version", "kraft.version", "metadata.version", "share.version", "transaction.version"]);
}

#[test]
fn one_feature_that_cannot_change_keeps_all_others() {
    let Some(admin) = Admin::new() else { return };
    let update =
        |feature, max_version_level| FeatureUpdateKey { feature, max_version_level, upgrade_type: DOWNGRADE, ..Default::default() };
    let updates = [update("group.version", 0), update("transaction.version", 9)];
    let reply = admin.ask(&UpdateFeaturesRequest { feature_updates: Array::from(&updates), ..Default::default() });
    let told: UpdateFeaturesResponse<'_> = reply.read().expect("an answer");
    assert_eq!(ErrorCode(told.error_code), ErrorCode::INVALID_UPDATE_VERSION);
    assert!(told.error_message.is_some_and(|message| message.contains("transaction.version") && message.contains('9')));
    assert_eq!(admin.level("group.version").0, 1);
}

#[test]
fn quotas_are_kept_through_a_restart() {
    let Some(mut admin) = Admin::new() else { return };
    let part = |entity_type, entity_name| EntityData { entity_type, entity_name };
    assert_eq!(admin.alter_quota(&[part("user", Some("u"))], "producer_byte_rate", Some(1024.0)), ErrorCode::NONE);
    assert_eq!(admin.alter_quota(&[part("client-id", None), part("user", Some("u"))], "request_percentage", Some(50.5)), ErrorCode::NONE);
    assert_eq!(admin.alter_quota(&[part("ip", Some("10.0.0.1"))], "connection_creation_rate", Some(7.0)), ErrorCode::NONE);
    for (entity, key, value) in [
        (&[part("user", Some("u"))][..], "producer_byte_rate", Some(0.5)),
        (&[part("user", Some("u"))], "connection_creation_rate", Some(1.0)),
        (&[part("user", Some("u")), part("user", None)], "producer_byte_rate", Some(1.0)),
        (&[part("planet", None)], "producer_byte_rate", Some(1.0)),
        (&[], "producer_byte_rate", Some(1.0)),
    ] {
        assert_eq!(admin.alter_quota(entity, key, value), ErrorCode::INVALID_REQUEST, "{entity:?} {key} {value:?}");
    }
    admin.restart();
    let expected =
        ["user=u producer_byte_rate=1024", "user=u,client-id=* request_percentage=50.5", "ip=10.0.0.1 connection_creation_rate=7"];
    let mut found = admin.quotas();
    found.sort_by_key(|quota| !quota.starts_with("user"));
    assert_eq!(found, expected);
    assert_eq!(admin.alter_quota(&[part("user", Some("u"))], "producer_byte_rate", None), ErrorCode::NONE);
    assert_eq!(admin.alter_quota(&[part("user", Some("nobody"))], "producer_byte_rate", None), ErrorCode::NONE);
    admin.restart();
    assert_eq!(admin.quotas().len(), 2);
}

#[test]
fn passwords_are_kept_and_never_told() {
    let Some(mut admin) = Admin::new() else { return };
    let set =
        |name, mechanism, iterations| ScramCredentialUpsertion { name, mechanism, iterations, salt: b"salt", salted_password: b"hashed" };
    assert_eq!(admin.alter_password(&[], &[set("u", 1, 8192), set("v", 2, 4096)]), [ErrorCode::NONE, ErrorCode::NONE]);
    for (change, code) in [
        (set("", 1, 8192), ErrorCode::UNACCEPTABLE_CREDENTIAL),
        (set("u", 1, 4095), ErrorCode::UNACCEPTABLE_CREDENTIAL),
        (set("u", 1, 16_385), ErrorCode::UNACCEPTABLE_CREDENTIAL),
        (set("u", 0, 8192), ErrorCode::UNSUPPORTED_SASL_MECHANISM),
    ] {
        assert_eq!(admin.alter_password(&[], &[change]), [code]);
    }
    assert_eq!(admin.alter_password(&[], &[set("u", 1, 8192), set("u", 2, 8192)]), [ErrorCode::DUPLICATE_RESOURCE]);
    admin.restart();
    let of = |user: &str, code, iterations: &[i32]| (user.to_owned(), code, iterations.to_vec());
    assert_eq!(admin.passwords(&[]), [of("u", ErrorCode::NONE, &[8192]), of("v", ErrorCode::NONE, &[4096])]);
    assert_eq!(
        admin.passwords(&["u", "w", "v", "v"]),
        [of("u", ErrorCode::NONE, &[8192]), of("v", ErrorCode::DUPLICATE_RESOURCE, &[]), of("w", ErrorCode::RESOURCE_NOT_FOUND, &[])]
    );
    let gone = [ScramCredentialDeletion { name: "u", mechanism: 1 }];
    assert_eq!(admin.alter_password(&gone, &[]), [ErrorCode::NONE]);
    assert_eq!(admin.alter_password(&gone, &[]), [ErrorCode::RESOURCE_NOT_FOUND]);
    admin.restart();
    assert_eq!(admin.passwords(&[]), [of("v", ErrorCode::NONE, &[4096])]);
}

#[test]
fn partitions_stay_where_they_are() {
    let Some(admin) = Admin::new() else { return };
    command(&admin.broker, "topic create t --partitions 1", "");
    let reassigned = |index: i32, replicas: Option<&[i32]>| {
        let partitions = [ReassignablePartition { partition_index: index, replicas: replicas.map(Array::from) }];
        let topics = [ReassignableTopic { name: "t", partitions: Array::from(&partitions) }];
        let reply = admin.ask(&AlterPartitionReassignmentsRequest { topics: Array::from(&topics), ..Default::default() });
        let told: AlterPartitionReassignmentsResponse<'_> = reply.read().expect("an answer");
        let partition = told.responses.iter().flat_map(|topic| topic.partitions.iter()).next().expect("a partition");
        ErrorCode(partition.error_code)
    };
    assert_eq!(reassigned(0, Some(&[1])), ErrorCode::NONE);
    assert_eq!(reassigned(0, Some(&[2])), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    assert_eq!(reassigned(0, Some(&[1, 1])), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    assert_eq!(reassigned(0, Some(&[])), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    assert_eq!(reassigned(0, None), ErrorCode::NO_REASSIGNMENT_IN_PROGRESS);
    assert_eq!(reassigned(7, Some(&[1])), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);

    let here = std::path::absolute(admin.broker.data_dir()).expect("a path");
    let moved = |path: &str, index: i32| {
        let indices = [index];
        let topics = [AlterReplicaLogDirTopic { name: "t", partitions: Array::from(&indices) }];
        let dirs = [AlterReplicaLogDir { path, topics: Array::from(&topics) }];
        let reply = admin.ask(&AlterReplicaLogDirsRequest { dirs: Array::from(&dirs) });
        let told: AlterReplicaLogDirsResponse<'_> = reply.read().expect("an answer");
        let partition = told.results.iter().flat_map(|topic| topic.partitions.iter()).next().expect("a partition");
        ErrorCode(partition.error_code)
    };
    let here = here.to_str().expect("a path in UTF-8");
    assert_eq!(moved(here, 0), ErrorCode::NONE);
    assert_eq!(moved("/elsewhere", 0), ErrorCode::LOG_DIR_NOT_FOUND);
    assert_eq!(moved(here, 7), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn what_has_settings_is_listed_by_its_kind() {
    let Some(admin) = Admin::new() else { return };
    command(&admin.broker, "topic create t --partitions 1", "");
    let set = |resource_type, resource_name, name, value| {
        let configs = [AlterableConfig { name, config_operation: 0, value: Some(value) }];
        let resources = [AlterConfigsResource { resource_type, resource_name, configs: Array::from(&configs) }];
        let reply = admin.ask(&IncrementalAlterConfigsRequest { resources: Array::from(&resources), validate_only: false });
        let told: IncrementalAlterConfigsResponse<'_> = reply.read().expect("an answer");
        ErrorCode(told.responses.iter().next().expect("a resource").error_code)
    };
    assert_eq!(set(32, "g", "consumer.session.timeout.ms", "50000"), ErrorCode::NONE);
    assert_eq!(set(32, "g", "consumer.session.timeout.ms", "1"), ErrorCode::INVALID_CONFIG);
    assert_eq!(set(32, "", "consumer.session.timeout.ms", "50000"), ErrorCode::INVALID_REQUEST);
    assert_eq!(set(16, "m", "interval.ms", "30000"), ErrorCode::NONE);
    assert_eq!(set(16, "m", "match", "client_id=["), ErrorCode::INVALID_CONFIG);
    assert_eq!(set(8, "1", "nosuch", "DEBUG"), ErrorCode::INVALID_CONFIG);
    assert_eq!(set(8, "1", "millpond::net", "LOUD"), ErrorCode::INVALID_CONFIG);
    assert_eq!(set(8, "", "root", "DEBUG"), ErrorCode::INVALID_REQUEST);
    assert_eq!(set(4, "1", "node.id", "7"), ErrorCode::INVALID_REQUEST);
    let listed = |kinds: &[i8], version| {
        let reply = admin.ask_in(&ListConfigResourcesRequest { resource_types: Array::from(kinds) }, Versions::new(version, version));
        let told: ListConfigResourcesResponse<'_> = reply.read().expect("an answer");
        let resources = told.config_resources.iter().map(|resource| (resource.resource_type, resource.resource_name.to_owned()));
        (ErrorCode(told.error_code), resources.collect::<Vec<(i8, String)>>())
    };
    let named = |kind, name: &str| (kind, name.to_owned());
    let all = vec![named(16, "m"), named(32, "g"), named(8, "1"), named(4, "1"), named(2, "t")];
    assert_eq!(listed(&[], 1), (ErrorCode::NONE, all));
    assert_eq!(listed(&[32], 1), (ErrorCode::NONE, vec![named(32, "g")]));
    assert_eq!(listed(&[], 0), (ErrorCode::NONE, vec![named(16, "m")]));
    assert_eq!(listed(&[99], 1), (ErrorCode::UNSUPPORTED_VERSION, Vec::new()));
}

#[test]
fn what_is_logged_changes_while_the_broker_runs() {
    let Some(admin) = Admin::new() else { return };
    let set = |operation, value| {
        let configs = [AlterableConfig { name: "millpond::api", config_operation: operation, value }];
        let resources = [AlterConfigsResource { resource_type: 8, resource_name: "1", configs: Array::from(&configs) }];
        let reply = admin.ask(&IncrementalAlterConfigsRequest { resources: Array::from(&resources), validate_only: false });
        let told: IncrementalAlterConfigsResponse<'_> = reply.read().expect("an answer");
        ErrorCode(told.responses.iter().next().expect("a resource").error_code)
    };
    let level = || {
        let resources = [DescribeConfigsResource { resource_type: 8, resource_name: "1", ..Default::default() }];
        let reply = admin.ask(&DescribeConfigsRequest { resources: Array::from(&resources), ..Default::default() });
        let told: DescribeConfigsResponse<'_> = reply.read().expect("an answer");
        let configs = told.results.iter().flat_map(|result| result.configs.iter());
        configs.filter(|config| config.name == "millpond::api").filter_map(|config| config.value).next().map(str::to_owned)
    };
    assert_eq!(level().as_deref(), Some("INFO"));
    assert_eq!(set(2, Some("DEBUG")), ErrorCode::INVALID_REQUEST, "a level is no list");
    assert_eq!(set(0, Some("ERROR")), ErrorCode::NONE);
    assert_eq!(level().as_deref(), Some("ERROR"));
    command(&admin.broker, "topic create quiet --partitions 1", "");
    assert_eq!(admin.update("transaction.version", 1, DOWNGRADE, false), ErrorCode::NONE);
    assert!(!admin.broker.said_all().contains("features have changed"), "that would be an INFO");
    assert_eq!(set(1, None), ErrorCode::NONE);
    assert_eq!(level().as_deref(), Some("INFO"));
    assert_eq!(admin.update("transaction.version", 2, UPGRADE, false), ErrorCode::NONE);
    assert!(admin.broker.said_all().contains("features have changed"));
}

#[test]
fn the_number_of_connections_changes_while_the_broker_runs() {
    let Some(admin) = Admin::new() else { return };
    // This one stays, and takes the limit back.
    admin.runtime.block_on(async {
        let mut first = Connection::connect(admin.broker.bootstrap(), &Options::default()).await.expect("connects");
        let mut set = async |operation, value| {
            let configs = [AlterableConfig { name: "max.connections", config_operation: operation, value }];
            let resources = [AlterConfigsResource { resource_type: 4, resource_name: "1", configs: Array::from(&configs) }];
            let request = IncrementalAlterConfigsRequest { resources: Array::from(&resources), validate_only: false };
            let reply = first.call(&request).await.expect("is answered");
            let told: IncrementalAlterConfigsResponse<'_> = reply.read().expect("an answer");
            assert_eq!(told.responses.iter().next().map(|resource| resource.error_code), Some(0));
        };
        set(0, Some("1")).await;
        assert!(Connection::connect(admin.broker.bootstrap(), &Options::default()).await.is_err(), "one is open already");
        set(1, None).await;
        assert!(Connection::connect(admin.broker.bootstrap(), &Options::default()).await.is_ok());
    });
}

#[test]
fn the_quorum_is_this_broker_and_it_stays_on_the_books() {
    let Some(admin) = Admin::new() else { return };
    let described = |topic_name, index: &[i32]| {
        let partitions: Vec<PartitionData> = index.iter().map(|index| PartitionData { partition_index: *index }).collect();
        let topics = [TopicData { topic_name, partitions: Array::from(&*partitions) }];
        let reply = admin.ask(&DescribeQuorumRequest { topics: Array::from(&topics) });
        let told: DescribeQuorumResponse<'_> = reply.read().expect("an answer");
        let partitions = told.topics.iter().flat_map(|topic| topic.partitions.iter());
        let told = partitions.map(|one| (ErrorCode(one.error_code), one.leader_id, one.high_watermark, one.current_voters.iter().count()));
        told.collect::<Vec<(ErrorCode, i32, i64, usize)>>()
    };
    let told = described("__cluster_metadata", &[0]);
    assert!(matches!(&*told, [(ErrorCode::NONE, 1, marks, 1)] if *marks >= 0), "{told:?}");
    let unknown = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0, 0, 0);
    assert_eq!(described("t", &[0]), [unknown]);
    assert_eq!(described("__cluster_metadata", &[0, 1, 1]), [unknown, unknown]);
    let gone = |broker_id| {
        let reply = admin.ask(&UnregisterBrokerRequest { broker_id });
        ErrorCode(reply.read::<UnregisterBrokerResponse<'_>>().expect("an answer").error_code)
    };
    assert_eq!((gone(1), gone(7)), (ErrorCode::INVALID_REQUEST, ErrorCode::BROKER_ID_NOT_REGISTERED));
}
