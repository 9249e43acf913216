//! The records of the cluster metadata log, and the control records of the quorum that keeps it. Source: KIP-631, KIP-595.
//!
//! In a record's value, three unsigned variable-length integers stand before the message: the frame version (1), the record type and the
//! version of the record. Control records carry their type in the key of the record instead: for them `KEY` is that type, and the field
//! `version` repeats the version of the message.

use crate::ids::TopicId;
use crate::message;
use crate::wire::value::Array;

message! {
    /// A topic comes into being.
    ///
    /// Source: KIP-516.
    TopicRecord<'a>, key 2, versions 0-0, flexible 0+;
    /// The topic.
    name: &'a str, 0+;
    /// The id of the topic.
    topic_id: TopicId, 0+;
}

message! {
    /// A partition comes into being.
    ///
    /// Source: KIP-631, KIP-858 (v1), KIP-966 (v2).
    PartitionRecord<'a>, key 3, versions 0-2, flexible 0+;
    /// The number of the partition.
    partition_id: i32, 0+, else -1;
    /// The topic of the partition.
    topic_id: TopicId, 0+;
    /// The brokers that hold the partition, preferred leader first.
    replicas: Array<'a, i32>, 0+;
    /// The replicas in sync.
    isr: Array<'a, i32>, 0+;
    /// The replicas that a reassignment is removing.
    removing_replicas: Array<'a, i32>, 0+;
    /// The replicas that a reassignment is adding.
    adding_replicas: Array<'a, i32>, 0+;
    /// The replica that leads; -1 when none does.
    leader: i32, 0+, else -1;
    /// 1 when the leader was elected uncleanly and has not recovered yet, else 0.
    leader_recovery_state: i8, 0+, tag 0;
    /// How often leadership has changed.
    leader_epoch: i32, 0+, else -1;
    /// Counts the changes of the partition.
    partition_epoch: i32, 0+, else -1;
    /// The log directory of each replica, in the order of `replicas`.
    directories: Array<'a, TopicId>, 1+;
    /// Replicas out of sync that still hold every committed record; null when there are none to name.
    eligible_leader_replicas: Option<Array<'a, i32>>, 2+, null 2+, tag 1;
    /// The last known eligible leaders; null when there are none to name.
    last_known_elr: Option<Array<'a, i32>>, 2+, null 2+, tag 2;
}

message! {
    /// Some of a partition's fields change; those that are null or at their default stay.
    ///
    /// Source: KIP-631, KIP-858 (v1), KIP-966 (v2).
    PartitionChangeRecord<'a>, key 5, versions 0-2, flexible 0+;
    /// The number of the partition.
    partition_id: i32, 0+, else -1;
    /// The topic of the partition.
    topic_id: TopicId, 0+;
    /// The replicas in sync; null when unchanged.
    isr: Option<Array<'a, i32>>, 0+, null 0+, tag 0;
    /// The replica that leads; -1 when none does any more, -2 when unchanged.
    leader: i32, 0+, tag 1, else -2;
    /// The brokers that hold the partition, preferred leader first; null when unchanged.
    replicas: Option<Array<'a, i32>>, 0+, null 0+, tag 2;
    /// The replicas that a reassignment is removing; null when unchanged.
    removing_replicas: Option<Array<'a, i32>>, 0+, null 0+, tag 3;
    /// The replicas that a reassignment is adding; null when unchanged.
    adding_replicas: Option<Array<'a, i32>>, 0+, null 0+, tag 4;
    /// 1 when the leader was elected uncleanly, 0 when it has recovered, -1 when unchanged.
    leader_recovery_state: i8, 0+, tag 5, else -1;
    /// Replicas out of sync that still hold every committed record; null when unchanged.
    eligible_leader_replicas: Option<Array<'a, i32>>, 2+, null 2+, tag 6;
    /// The last known eligible leaders; null when unchanged.
    last_known_elr: Option<Array<'a, i32>>, 2+, null 2+, tag 7;
    /// The log directory of each replica, in the order of the replicas; null when unchanged.
    directories: Option<Array<'a, TopicId>>, 1+, null 1+, tag 8;
}

message! {
    /// A setting changes.
    ///
    /// Source: KIP-631.
    ConfigRecord<'a>, key 4, versions 0-0, flexible 0+;
    /// What is named: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    resource_type: i8, 0+;
    /// The name of the resource: a topic, a broker's number, a group.
    resource_name: &'a str, 0+;
    /// The setting.
    name: &'a str, 0+;
    /// The value; null deletes the setting.
    value: Option<&'a str>, 0+, null 0+;
}

message! {
    /// A topic goes.
    ///
    /// Source: KIP-516.
    RemoveTopicRecord, key 9, versions 0-0, flexible 0+;
    /// The topic that goes, with all its partitions.
    topic_id: TopicId, 0+;
}

message! {
    /// A feature changes its level. The first record of every metadata log sets `metadata.version` this way.
    ///
    /// Source: KIP-584, KIP-778.
    FeatureLevelRecord<'a>, key 12, versions 0-0, flexible 0+;
    /// The feature.
    name: &'a str, 0+;
    /// The level now in force; 0 removes the feature.
    feature_level: i16, 0+;
}

message! {
    /// A broker registers.
    ///
    /// Source: KIP-631, KIP-841 (v1), KIP-866 (v2), KIP-858 (v3), KIP-1066 (v4).
    RegisterBrokerRecord<'a>, key 0, versions 0-4, flexible 0+;
    /// The number of the broker.
    broker_id: i32, 0+;
    /// Whether the broker is on its way from ZooKeeper.
    is_migrating_zk_broker: bool, 2+;
    /// Drawn anew at each start of the process.
    incarnation_id: TopicId, 0+;
    /// The epoch the controller gave this registration of the broker.
    broker_epoch: i64, 0+;
    /// Where it listens.
    end_points: Array<'a, BrokerEndpoint<'a>>, 0+;
    /// The features it supports.
    features: Array<'a, BrokerFeature<'a>>, 0+;
    /// The rack of the broker; null when it has none.
    rack: Option<&'a str>, 0+, null 0+;
    /// Whether the broker is fenced: registered, but without leaderships and hidden from clients.
    fenced: bool, 0+, else true;
    /// Whether the broker is shutting down in good order.
    in_controlled_shutdown: bool, 1+;
    /// The log directories that are in use.
    log_dirs: Array<'a, TopicId>, 3+, tag 0;
    /// The log directories that take no new partitions; null until the broker reports some.
    cordoned_log_dirs: Option<Array<'a, TopicId>>, 4+, null 4+, tag 1;
}

message! {
    /// Where a broker listens.
    BrokerEndpoint<'a>;
    /// The listener.
    name: &'a str, 0+;
    /// The host name or address to connect to.
    host: &'a str, 0+;
    /// The port to connect to.
    port: u16, 0+;
    /// How to speak there: 0 plain text, 1 TLS, 2 SASL, 3 SASL over TLS.
    security_protocol: i16, 0+;
}

message! {
    /// A feature that a broker supports.
    BrokerFeature<'a>;
    /// The feature.
    name: &'a str, 0+;
    /// The lowest version supported.
    min_supported_version: i16, 0+;
    /// The highest version supported.
    max_supported_version: i16, 0+;
}

message! {
    /// A broker's registration changes.
    ///
    /// Source: KIP-841 (v1), KIP-858 (v2), KIP-1066 (v3).
    BrokerRegistrationChangeRecord<'a>, key 17, versions 0-3, flexible 0+;
    /// The number of the broker.
    broker_id: i32, 0+;
    /// The epoch the controller gave this registration of the broker.
    broker_epoch: i64, 0+;
    /// 1 fences the broker, -1 lets it in again, 0 leaves it.
    fenced: i8, 0+, tag 0;
    /// 1 when the broker began to shut down in good order, 0 when nothing changed.
    in_controlled_shutdown: i8, 1+, tag 1;
    /// The log directories that are in use.
    log_dirs: Array<'a, TopicId>, 2+, tag 2;
    /// The log directories that take no new partitions; null when unchanged.
    cordoned_log_dirs: Option<Array<'a, TopicId>>, 3+, null 3+, tag 3;
}

message! {
    /// A controller registers.
    ///
    /// Source: KIP-919.
    RegisterControllerRecord<'a>, key 27, versions 0-0, flexible 0+;
    /// The number of the controller.
    controller_id: i32, 0+;
    /// Drawn anew at each start of the process.
    incarnation_id: TopicId, 0+;
    /// Whether the controller is set up for a migration from ZooKeeper.
    zk_migration_ready: bool, 0+;
    /// Where it listens.
    end_points: Array<'a, ControllerEndpoint<'a>>, 0+;
    /// The features it supports.
    features: Array<'a, ControllerFeature<'a>>, 0+;
}

message! {
    /// Where a controller listens.
    ControllerEndpoint<'a>;
    /// The listener.
    name: &'a str, 0+;
    /// The host name or address to connect to.
    host: &'a str, 0+;
    /// The port to connect to.
    port: u16, 0+;
    /// How to speak there: 0 plain text, 1 TLS, 2 SASL, 3 SASL over TLS.
    security_protocol: i16, 0+;
}

message! {
    /// A feature that a controller supports.
    ControllerFeature<'a>;
    /// The feature.
    name: &'a str, 0+;
    /// The lowest version supported.
    min_supported_version: i16, 0+;
    /// The highest version supported.
    max_supported_version: i16, 0+;
}

message! {
    /// A block of producer ids is handed out.
    ///
    /// Source: KIP-730.
    ProducerIdsRecord, key 15, versions 0-0, flexible 0+;
    /// The broker that asked for the block.
    broker_id: i32, 0+;
    /// The registration epoch of the broker that asked; -1 when unknown.
    broker_epoch: i64, 0+, else -1;
    /// The first producer id behind the block.
    next_producer_id: i64, 0+;
}

message! {
    /// Nothing happens; it keeps the metadata log moving.
    ///
    /// Source: KIP-835.
    NoOpRecord, key 20, versions 0-0, flexible 0+;
}

message! {
    /// A broker's registration goes.
    ///
    /// Source: KIP-631.
    UnregisterBrokerRecord, key 1, versions 0-0, flexible 0+;
    /// The number of the broker.
    broker_id: i32, 0+;
    /// The epoch the controller gave this registration of the broker.
    broker_epoch: i64, 0+;
}

message! {
    /// A broker is fenced. Written by old controllers.
    ///
    /// Source: KIP-631.
    FenceBrokerRecord, key 7, versions 0-0, flexible 0+;
    /// The number of the broker.
    id: i32, 0+;
    /// The registration epoch that is fenced.
    epoch: i64, 0+;
}

message! {
    /// A broker is let in again. Written by old controllers.
    ///
    /// Source: KIP-631.
    UnfenceBrokerRecord, key 8, versions 0-0, flexible 0+;
    /// The number of the broker.
    id: i32, 0+;
    /// The registration epoch that is let in again.
    epoch: i64, 0+;
}

message! {
    /// The records that follow hold together.
    ///
    /// Source: KIP-868.
    BeginTransactionRecord<'a>, key 23, versions 0-0, flexible 0+;
    /// What the transaction is for; null when it does not say.
    name: Option<&'a str>, 0+, null 0+, tag 0;
}

message! {
    /// The records since the beginning are valid.
    ///
    /// Source: KIP-868.
    EndTransactionRecord, key 24, versions 0-0, flexible 0+;
}

message! {
    /// The records since the beginning never happened.
    ///
    /// Source: KIP-868.
    AbortTransactionRecord<'a>, key 25, versions 0-0, flexible 0+;
    /// Why, in words; null when it does not say.
    reason: Option<&'a str>, 0+, null 0+, tag 0;
}

message! {
    /// A quota changes.
    ///
    /// Source: KIP-546.
    ClientQuotaRecord<'a>, key 14, versions 0-0, flexible 0+;
    /// Whom the quota applies to: the parts of its name taken together.
    entity: Array<'a, EntityData<'a>>, 0+;
    /// The name of the quota.
    key: &'a str, 0+;
    /// The limit; without meaning when it is removed.
    value: f64, 0+;
    /// Whether the quota is removed instead of set.
    remove: bool, 0+;
}

message! {
    /// A part of a quota's name.
    EntityData<'a>;
    /// What is named: user, client-id or ip.
    entity_type: &'a str, 0+;
    /// The name; null for the default of the type.
    entity_name: Option<&'a str>, 0+, null 0+;
}

message! {
    /// A user's password for SCRAM changes.
    ///
    /// Source: KIP-900.
    UserScramCredentialRecord<'a>, key 11, versions 0-0, flexible 0+;
    /// The user.
    name: &'a str, 0+;
    /// How the password is hashed: 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    mechanism: i8, 0+;
    /// What it is salted with.
    salt: &'a [u8], 0+;
    /// The hash of the client's key.
    stored_key: &'a [u8], 0+;
    /// The server's key.
    server_key: &'a [u8], 0+;
    /// How often it is hashed.
    iterations: i32, 0+;
}

message! {
    /// A user's password for SCRAM goes.
    ///
    /// Source: KIP-900.
    RemoveUserScramCredentialRecord<'a>, key 22, versions 0-0, flexible 0+;
    /// The user.
    name: &'a str, 0+;
    /// How the password is hashed: 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    mechanism: i8, 0+;
}

message! {
    /// A control record: a quorum has a new leader.
    ///
    /// Source: KIP-595, KIP-853 (v1).
    LeaderChangeMessage<'a>, key 2, versions 0-1, flexible 0+;
    /// The version of the record.
    version: i16, 0+;
    /// The number of the new leader.
    leader_id: i32, 0+;
    /// The voters of the quorum.
    voters: Array<'a, LeaderChangeVoter>, 0+;
    /// The voters that voted for the leader.
    granting_voters: Array<'a, LeaderChangeVoter>, 0+;
}

message! {
    /// A voter of an election.
    LeaderChangeVoter;
    /// The number of the voter.
    voter_id: i32, 0+;
    /// The log directory of the voter.
    voter_directory_id: TopicId, 1+;
}

message! {
    /// A control record: a snapshot begins.
    ///
    /// Source: KIP-630.
    SnapshotHeaderRecord, key 3, versions 0-0, flexible 0+;
    /// The version of the record.
    version: i16, 0+;
    /// The append time of the last record the snapshot covers. Unit: ms since the epoch.
    last_contained_log_timestamp: i64, 0+;
}

message! {
    /// A control record: a snapshot ends.
    ///
    /// Source: KIP-630.
    SnapshotFooterRecord, key 4, versions 0-0, flexible 0+;
    /// The version of the record.
    version: i16, 0+;
}

message! {
    /// A control record: the quorum's protocol changes its version.
    ///
    /// Source: KIP-853.
    KRaftVersionRecord, key 5, versions 0-0, flexible 0+;
    /// The version of the record.
    version: i16, 0+;
    /// The version of the quorum's protocol.
    kraft_version: i16, 0+;
}

message! {
    /// A control record: the voters of the quorum.
    ///
    /// Source: KIP-853.
    VotersRecord<'a>, key 6, versions 0-0, flexible 0+;
    /// The version of the record.
    version: i16, 0+;
    /// The voters of the quorum.
    voters: Array<'a, Voter<'a>>, 0+;
}

message! {
    /// A voter.
    Voter<'a>;
    /// The number of the voter.
    voter_id: i32, 0+;
    /// The log directory of the voter.
    voter_directory_id: TopicId, 0+;
    /// Where the voter listens.
    endpoints: Array<'a, Endpoint<'a>>, 0+;
    /// The versions of the quorum's protocol that the voter supports.
    kraft_version_feature: KRaftVersionFeature, 0+;
}

message! {
    /// Where a voter listens.
    Endpoint<'a>;
    /// The listener.
    name: &'a str, 0+;
    /// The host name or address to connect to.
    host: &'a str, 0+;
    /// The port to connect to.
    port: u16, 0+;
}

message! {
    /// The versions of the quorum's protocol that a voter supports.
    KRaftVersionFeature;
    /// The lowest version supported.
    min_supported_version: i16, 0+;
    /// The highest version supported.
    max_supported_version: i16, 0+;
}
