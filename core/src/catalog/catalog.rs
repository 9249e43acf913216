//! The machine: topics, partitions, settings, features.

use crate::bounded::Full;
use crate::bounded::bytes::{ByteHeap, Text};
use crate::bounded::chain::{Chain, Links, linked};
use crate::bounded::slab::Slot;
use crate::bounded::table::{HashKey, Table};
use crate::ids::{BrokerId, LeaderEpoch, PartitionIndex, ProducerId, TopicId};
use crate::machine::{Effects, Machine, When};
use crate::time::{Instant, Moment};
use crate::wire::value::Array;

use super::answer::{Answer, CreatedTopic, DeletedTopic, ProducerIdBlock};
use super::credentials::{Credential, Credentials};
use super::error::CatalogError;
use super::input::{AlterConfigs, CreatePartitions, CreateTopic, DeleteTopic, Input, ResourceKind, TopicRef};
use super::name;
use super::others::{Elsewhere, Obstacle, Others};
use super::quorum::{ControlRecord, Quorum};
use super::quotas::{Quota, Quotas};
use super::record::CatalogRecord;
use super::schema::{
    ConfigRecord, FeatureLevelRecord, PartitionChangeRecord, PartitionRecord, ProducerIdsRecord, RemoveTopicRecord, TopicRecord,
};

/// How many producer ids are handed out at once. Source: `ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`.
pub const PRODUCER_ID_BLOCK_SIZE: i64 = 1000;

/// How many brokers a directory of Kafka's may know: more than any cluster has.
#[cfg(feature = "alloc")]
const BROKERS_MAX: usize = 65_536;

pub(super) type Fx<'e, 'm, 'c> = Effects<'e, 'm, Catalog<'c>>;

/// What the catalogue is told about its broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogConfig {
    /// The broker that holds and leads every partition.
    pub node: BrokerId,
    /// The id of its data directory. Source: KIP-858.
    pub directory: TopicId,
}

/// All topics, their partitions and everybody's settings. All of it is hard state.
#[derive(Debug)]
pub struct Catalog<'m> {
    pub(super) config: CatalogConfig,
    pub(super) key: HashKey,
    pub(super) texts: ByteHeap<'m>,
    topics: Table<'m, Topic>,
    /// The same topics by id.
    ids: Table<'m, Slot>,
    partitions: Table<'m, Partition>,
    resources: Table<'m, Resource>,
    configs: Table<'m, ConfigEntry>,
    pub(super) features: Table<'m, Feature>,
    pub(super) quotas: Quotas<'m>,
    pub(super) credentials: Credentials<'m>,
    /// The brokers on the books, this one among them if it ever was a Kafka.
    pub(super) brokers: Table<'m, Registration>,
    next_producer_id: i64,
    /// How many records of topics were believed.
    topics_version: u64,
    /// The epoch of this broker's last registration, if it ever was a Kafka. Unit: an offset of the log.
    broker_epoch: Option<i64>,
    pub(super) quorum: Quorum,
    others: Others,
}

/// The memory of a catalogue.
#[derive(Debug)]
pub struct CatalogMemory<'m> {
    /// Names and values.
    pub texts: ByteHeap<'m>,
    /// One entry a topic.
    pub topics: Table<'m, Topic>,
    /// One entry a topic.
    pub ids: Table<'m, Slot>,
    /// One entry a partition.
    pub partitions: Table<'m, Partition>,
    /// One entry a resource with settings of its own.
    pub resources: Table<'m, Resource>,
    /// One entry a setting.
    pub configs: Table<'m, ConfigEntry>,
    /// One entry a feature.
    pub features: Table<'m, Feature>,
    /// One entry a quota.
    pub quotas: Table<'m, Quota>,
    /// One entry a password.
    pub credentials: Table<'m, Credential>,
    /// One entry a broker.
    pub brokers: Table<'m, Registration>,
}

#[cfg(feature = "alloc")]
impl CatalogMemory<'_> {
    /// Memory that is allocated as it is needed, for so many partitions at the most.
    #[must_use]
    pub fn grown(partitions_max: usize) -> Self {
        Self {
            texts: ByteHeap::grown(partitions_max.saturating_mul(512), partitions_max.saturating_mul(8)),
            topics: Table::grown(partitions_max),
            ids: Table::grown(partitions_max),
            partitions: Table::grown(partitions_max),
            resources: Table::grown(partitions_max),
            configs: Table::grown(partitions_max.saturating_mul(2)),
            features: Table::grown(64),
            quotas: Table::grown(partitions_max),
            credentials: Table::grown(partitions_max),
            brokers: Table::grown(BROKERS_MAX),
        }
    }
}

/// One topic.
#[derive(Debug)]
pub struct Topic {
    name: Text,
    id: TopicId,
    partitions: Chain,
}

/// One partition of a topic.
#[derive(Debug)]
pub struct Partition {
    topic: Slot,
    index: PartitionIndex,
    leader_epoch: LeaderEpoch,
    partition_epoch: i32,
    elsewhere: Option<Elsewhere>,
    links: Links,
}

/// Something that has settings.
#[derive(Debug)]
pub struct Resource {
    kind: ResourceKind,
    name: Text,
    configs: Chain,
}

/// One setting.
#[derive(Debug)]
pub struct ConfigEntry {
    resource: Slot,
    name: Text,
    value: Text,
    links: Links,
}

/// One feature and the level it is finalized at.
#[derive(Debug)]
pub struct Feature {
    pub(super) name: Text,
    pub(super) level: i16,
}

/// A broker on the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its number.
    pub broker: BrokerId,
    /// The epoch that the controller gave it. Unit: an offset of the log.
    pub epoch: i64,
}

linked!(Partition, ConfigEntry);

/// A topic as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicView<'a> {
    /// Where the catalogue keeps it; good until the topic is deleted.
    pub slot: Slot,
    /// Its name.
    pub name: &'a str,
    /// Its id.
    pub topic_id: TopicId,
    /// How many partitions it has.
    pub partition_count: i32,
}

/// A partition as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// Its number.
    pub index: PartitionIndex,
    /// How often its leadership has changed.
    pub leader_epoch: LeaderEpoch,
    /// How often its replicas have changed.
    pub partition_epoch: i32,
}

impl<'m> Catalog<'m> {
    /// An empty catalogue.
    #[must_use]
    pub fn new(config: CatalogConfig, key: HashKey, memory: CatalogMemory<'m>) -> Self {
        Self {
            config,
            key,
            texts: memory.texts,
            topics: memory.topics,
            ids: memory.ids,
            partitions: memory.partitions,
            resources: memory.resources,
            configs: memory.configs,
            features: memory.features,
            quotas: Quotas::new(memory.quotas),
            credentials: Credentials::new(memory.credentials),
            brokers: memory.brokers,
            next_producer_id: 0,
            topics_version: 0,
            broker_epoch: None,
            quorum: Quorum::default(),
            others: Others::default(),
        }
    }

    /// The broker that holds and leads every partition.
    #[must_use]
    pub const fn node(&self) -> BrokerId {
        self.config.node
    }

    /// The id of its data directory.
    #[must_use]
    pub const fn directory(&self) -> TopicId {
        self.config.directory
    }

    /// The epoch of this broker's last registration with Kafka's controller; `None` if there never was one. Source: KIP-966: a broker that
    /// comes back and names it has ended in good order.
    #[must_use]
    pub const fn broker_epoch(&self) -> Option<i64> {
        self.broker_epoch
    }

    /// Who writes this catalogue.
    #[must_use]
    pub const fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    /// What it holds that is not acted upon.
    #[must_use]
    pub const fn others(&self) -> &Others {
        &self.others
    }

    /// Why this broker must not serve it, if so.
    #[must_use]
    pub fn obstacle(&self) -> Option<Obstacle<'_>> {
        let found = self.metadata_version();
        if found > name::METADATA_VERSION_MAX {
            return Some(Obstacle::MetadataVersion { found, known: name::METADATA_VERSION_MAX });
        }
        if let Some(other) = self.quorum.other_voter() {
            return Some(Obstacle::Voter(other));
        }
        let elsewhere = self.partitions.iter().find_map(|(_, partition)| {
            let topic = self.texts.str(self.topics.get(partition.topic)?.name);
            Some(Obstacle::Elsewhere { topic, index: partition.index, place: partition.elsewhere? })
        });
        let entries = self.others.access_control_entries;
        elsewhere.or_else(|| (entries > 0).then_some(Obstacle::AccessControl { entries }))
    }

    /// The level of `metadata.version`; the highest that is known in a new directory.
    #[must_use]
    pub fn metadata_version(&self) -> i16 {
        let found = self.features().find(|(feature, _)| *feature == name::METADATA_VERSION);
        found.map_or(name::METADATA_VERSION_MAX, |(_, level)| level)
    }

    /// Whether nothing was ever written down: a new data directory.
    #[must_use]
    pub const fn is_blank(&self) -> bool {
        self.features.is_empty() && self.topics.is_empty()
    }

    /// A topic by name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<TopicView<'_>> {
        self.topic_at(self.find_topic(name)?)
    }

    /// A topic by id.
    #[must_use]
    pub fn topic_by_id(&self, topic_id: TopicId) -> Option<TopicView<'_>> {
        self.topic_at(self.find_id(topic_id)?)
    }

    /// Another number whenever a topic has come, gone, or got more partitions.
    #[must_use]
    pub const fn topics_version(&self) -> u64 {
        self.topics_version
    }

    /// The topic at a slot.
    #[must_use]
    pub fn topic_at(&self, slot: Slot) -> Option<TopicView<'_>> {
        self.topics.get(slot).map(|topic| self.view(slot, topic))
    }

    /// All topics, in the order of their slots.
    pub fn topics(&self) -> impl Iterator<Item = TopicView<'_>> {
        self.topics.iter().map(|(slot, topic)| self.view(slot, topic))
    }

    /// The number of topics.
    #[must_use]
    pub const fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// The number of partitions of all topics.
    #[must_use]
    pub const fn partition_count(&self) -> usize {
        self.partitions.len()
    }

    /// The partitions of a topic in the order of their numbers.
    pub fn partitions_of(&self, topic: Slot) -> impl Iterator<Item = PartitionView> {
        let chain = self.topics.get(topic).map_or_else(Chain::default, |topic| topic.partitions);
        let mut slot = chain.first();
        core::iter::from_fn(move || {
            let partition = self.partitions.get(slot)?;
            slot = partition.links.next_slot();
            Some(Self::partition_view(partition))
        })
    }

    /// One partition of a topic.
    #[must_use]
    pub fn partition(&self, topic: Slot, index: PartitionIndex) -> Option<PartitionView> {
        self.partitions.get(self.find_partition(topic, index)?).map(Self::partition_view)
    }

    /// The settings of a resource, in the order in which they were first set.
    pub fn configs_of(&self, kind: ResourceKind, name: &str) -> impl Iterator<Item = (&str, &str)> {
        let resource = self.find_resource(kind, name).and_then(|slot| self.resources.get(slot));
        let mut slot = resource.map_or(Slot::NONE, |resource| resource.configs.first());
        core::iter::from_fn(move || {
            let entry = self.configs.get(slot)?;
            slot = entry.links.next_slot();
            Some((self.texts.str(entry.name), self.texts.str(entry.value)))
        })
    }

    /// The names of all resources of a kind that have settings of their own.
    pub fn resources_of(&self, kind: ResourceKind) -> impl Iterator<Item = &str> {
        let of_kind = self.resources.iter().filter(move |(_, resource)| resource.kind == kind && !resource.configs.is_empty());
        of_kind.map(|(_, resource)| self.texts.str(resource.name))
    }

    /// The features and the level each is finalized at.
    pub fn features(&self) -> impl Iterator<Item = (&str, i16)> {
        self.features.iter().map(|(_, feature)| (self.texts.str(feature.name), feature.level))
    }

    fn view(&self, slot: Slot, topic: &Topic) -> TopicView<'_> {
        TopicView {
            slot,
            name: self.texts.str(topic.name),
            topic_id: topic.id,
            partition_count: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
        }
    }

    const fn partition_view(partition: &Partition) -> PartitionView {
        PartitionView { index: partition.index, leader_epoch: partition.leader_epoch, partition_epoch: partition.partition_epoch }
    }

    fn find_topic(&self, name: &str) -> Option<Slot> {
        self.topics.find(self.key.hash(&[name.as_bytes()]), |topic| self.texts.str(topic.name) == name)
    }

    fn find_id(&self, topic_id: TopicId) -> Option<Slot> {
        let is_it = |slot: &Slot| self.topics.get(*slot).is_some_and(|topic| topic.id == topic_id);
        self.ids.get(self.ids.find(self.key.hash(&[&topic_id.0]), is_it)?).copied()
    }

    fn partition_hash(&self, topic: Slot, index: PartitionIndex) -> u64 {
        let id = self.topics.get(topic).map_or(TopicId::ZERO, |topic| topic.id);
        self.key.hash(&[&id.0, &index.0.to_be_bytes()])
    }

    fn find_partition(&self, topic: Slot, index: PartitionIndex) -> Option<Slot> {
        let is_it = |partition: &Partition| partition.topic == topic && partition.index == index;
        self.partitions.find(self.partition_hash(topic, index), is_it)
    }

    fn resource_hash(&self, kind: ResourceKind, name: &str) -> u64 {
        self.key.hash(&[&kind.0.to_be_bytes(), name.as_bytes()])
    }

    fn find_resource(&self, kind: ResourceKind, name: &str) -> Option<Slot> {
        let is_it = |resource: &Resource| resource.kind == kind && self.texts.str(resource.name) == name;
        self.resources.find(self.resource_hash(kind, name), is_it)
    }

    fn config_hash(&self, resource: Slot, name: &str) -> u64 {
        let (kind, of) = self.resources.get(resource).map_or((ResourceKind(0), ""), |entry| (entry.kind, self.texts.str(entry.name)));
        self.key.hash(&[&kind.0.to_be_bytes(), of.as_bytes(), name.as_bytes()])
    }

    fn find_config(&self, resource: Slot, name: &str) -> Option<Slot> {
        let is_it = |entry: &ConfigEntry| entry.resource == resource && self.texts.str(entry.name) == name;
        self.configs.find(self.config_hash(resource, name), is_it)
    }

    fn find_feature(&self, name: &str) -> Option<Slot> {
        self.features.find(self.key.hash(&[name.as_bytes()]), |feature| self.texts.str(feature.name) == name)
    }
}

/// Decisions.
impl<'m> Catalog<'m> {
    /// Whether a topic may have this name and none has it: what is judged of a new topic before everything else.
    ///
    /// # Errors
    /// [`CatalogError::InvalidName`] or [`CatalogError::TopicExists`].
    pub fn check_new_name(&self, name: &str) -> Result<(), CatalogError> {
        name::check(name).map_err(CatalogError::InvalidName)?;
        if self.find_topic(name).is_some() {
            return Err(CatalogError::TopicExists);
        }
        Ok(())
    }

    /// Source: `ReplicationControlManager.createTopics`.
    fn create_topic(&self, create: &CreateTopic<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<CreatedTopic, CatalogError> {
        self.check_new_name(create.name)?;
        let ambiguous = create.name.bytes().any(|byte| byte == b'.' || byte == b'_');
        if ambiguous && self.topics().any(|topic| name::collide(topic.name, create.name)) {
            return Err(CatalogError::NameCollides);
        }
        if create.partition_count < 1 {
            return Err(CatalogError::InvalidPartitionCount { asked: create.partition_count });
        }
        if create.replication_factor != 1 {
            return Err(CatalogError::InvalidReplicationFactor { asked: create.replication_factor, brokers: 1 });
        }
        let size = create.name.len() * 2 + create.configs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        self.check_room(1, create.partition_count, create.configs.len(), size)?;
        let created = CreatedTopic {
            topic_id: create.topic_id,
            partition_count: create.partition_count,
            replication_factor: create.replication_factor,
        };
        if create.validate_only {
            return Ok(created);
        }
        let full = |Full| CatalogError::Full;
        CatalogRecord::Topic(TopicRecord { name: create.name, topic_id: create.topic_id })
            .encode(self.metadata_version(), fx.records)
            .map_err(full)?;
        for (name, value) in create.configs {
            self.record_config(ResourceKind::TOPIC, create.name, name, Some(value), fx).map_err(full)?;
        }
        self.record_partitions(create.topic_id, 0..create.partition_count, fx).map_err(full)?;
        Ok(created)
    }

    fn record_partitions(&self, topic_id: TopicId, indices: core::ops::Range<i32>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        let (node, directory) = ([self.config.node.0], [self.config.directory]);
        for partition_id in indices {
            let record = PartitionRecord {
                partition_id,
                topic_id,
                replicas: Array::from(&node),
                isr: Array::from(&node),
                leader: self.config.node.0,
                leader_epoch: 0,
                partition_epoch: 0,
                directories: Array::from(&directory),
                ..PartitionRecord::default()
            };
            CatalogRecord::Partition(record).encode(self.metadata_version(), fx.records)?;
        }
        Ok(())
    }

    fn record_config(
        &self,
        kind: ResourceKind,
        resource_name: &str,
        name: &str,
        value: Option<&str>,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<(), Full> {
        CatalogRecord::Config(ConfigRecord { resource_type: kind.0, resource_name, name, value })
            .encode(self.metadata_version(), fx.records)
    }

    /// Belief cannot fail, so room is made sure of before anything is written.
    fn check_room(&self, topics: usize, partitions: i32, configs: usize, size: usize) -> Result<(), CatalogError> {
        let asked = usize::try_from(partitions).map_err(|_| CatalogError::InvalidPartitionCount { asked: partitions })?;
        let room = |capacity: usize, len: usize, wanted: usize| capacity - len >= wanted;
        if !room(self.partitions.capacity(), self.partitions.len(), asked) {
            return Err(CatalogError::InvalidPartitionCount { asked: partitions });
        }
        let has_room = room(self.topics.capacity(), self.topics.len(), topics)
            && room(self.ids.capacity(), self.ids.len(), topics)
            && room(self.resources.capacity(), self.resources.len(), 1)
            && room(self.configs.capacity(), self.configs.len(), configs)
            && self.texts.has_room_for(size, topics + 1 + 2 * configs);
        if has_room { Ok(()) } else { Err(CatalogError::Full) }
    }

    fn delete_topic(&self, delete: &DeleteTopic<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<DeletedTopic<'_>, CatalogError> {
        let topic = match delete.topic {
            TopicRef::Name(name) => self.topic(name).ok_or(CatalogError::UnknownTopic)?,
            TopicRef::Id(topic_id) => self.topic_by_id(topic_id).ok_or(CatalogError::UnknownTopicId)?,
        };
        CatalogRecord::RemoveTopic(RemoveTopicRecord { topic_id: topic.topic_id })
            .encode(self.metadata_version(), fx.records)
            .map_err(|Full| CatalogError::Full)?;
        Ok(DeletedTopic { name: topic.name, topic_id: topic.topic_id })
    }

    /// Source: `ReplicationControlManager.createPartitions`.
    fn create_partitions(&self, create: &CreatePartitions<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), CatalogError> {
        let topic = self.topic(create.name).ok_or(CatalogError::UnknownTopic)?;
        let (asked, current) = (create.partition_count, topic.partition_count);
        if asked <= current {
            return Err(CatalogError::PartitionCountNotLarger { asked, current });
        }
        self.check_room(0, asked - current, 0, 0).map_err(|_| CatalogError::InvalidPartitionCount { asked })?;
        if create.validate_only {
            return Ok(());
        }
        self.record_partitions(topic.topic_id, current..asked, fx).map_err(|Full| CatalogError::Full)
    }

    fn alter_configs(&self, alter: &AlterConfigs<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), CatalogError> {
        if alter.kind == ResourceKind::TOPIC && self.find_topic(alter.name).is_none() {
            return Err(CatalogError::UnknownTopic);
        }
        let size = alter.changes.iter().map(|(name, value)| name.len() + value.map_or(0, str::len)).sum::<usize>();
        self.check_room(0, 0, alter.changes.len(), size + alter.name.len())?;
        if alter.validate_only {
            return Ok(());
        }
        let resource = self.find_resource(alter.kind, alter.name);
        for (name, value) in alter.changes {
            let known = resource.and_then(|resource| self.find_config(resource, name));
            // Taking away what is not there leaves no record.
            if value.is_some() || known.is_some() {
                self.record_config(alter.kind, alter.name, name, *value, fx).map_err(|Full| CatalogError::Full)?;
            }
        }
        Ok(())
    }

    fn allocate_producer_ids(&self, fx: &mut Fx<'_, '_, 'm>) -> Result<ProducerIdBlock, CatalogError> {
        let first = self.next_producer_id;
        let next_producer_id = first.checked_add(PRODUCER_ID_BLOCK_SIZE).ok_or(CatalogError::Full)?;
        let record = ProducerIdsRecord { broker_id: self.config.node.0, broker_epoch: -1, next_producer_id };
        CatalogRecord::ProducerIds(record).encode(self.metadata_version(), fx.records).map_err(|Full| CatalogError::Full)?;
        Ok(ProducerIdBlock { first: ProducerId(first), count: PRODUCER_ID_BLOCK_SIZE })
    }
}

impl<'m> Machine for Catalog<'m> {
    type Input<'a> = Input<'a>;
    type Record<'a> = CatalogRecord<'a>;
    type Answer<'a> = Answer<'a>;

    fn step(&mut self, _: Moment, input: Input<'_>, fx: &mut Effects<'_, '_, Self>) {
        let before = fx.records.len();
        let (call, answer) = match input {
            Input::Bootstrap(bootstrap) => {
                for (name, level) in bootstrap.features {
                    let record = CatalogRecord::FeatureLevel(FeatureLevelRecord { name, feature_level: *level });
                    let written = record.encode(self.metadata_version(), fx.records);
                    debug_assert!(written.is_ok(), "a handful of features fits into one step");
                }
                (bootstrap.call, Answer::Bootstrapped)
            }
            Input::CreateTopic(create) => (create.call, Answer::TopicCreated(self.create_topic(&create, fx))),
            Input::DeleteTopic(delete) => (delete.call, Answer::TopicDeleted(self.delete_topic(&delete, fx))),
            Input::CreatePartitions(create) => (create.call, Answer::PartitionsCreated(self.create_partitions(&create, fx))),
            Input::AlterConfigs(alter) => (alter.call, Answer::ConfigsAltered(self.alter_configs(&alter, fx))),
            Input::AllocateProducerIds(allocate) => (allocate.call, Answer::ProducerIds(self.allocate_producer_ids(fx))),
            Input::UpdateFeatures(update) => (update.call, Answer::FeaturesUpdated(self.update_features(&update, fx))),
            Input::AlterQuotas(alter) => (alter.call, Answer::QuotasAltered(self.alter_quotas(&alter, fx))),
            Input::SetCredential(set) => (set.call, Answer::CredentialAltered(self.set_credential(&set, fx))),
            Input::RemoveCredential(remove) => (remove.call, Answer::CredentialAltered(self.remove_credential(&remove, fx))),
            Input::UnregisterBroker(unregister) => (unregister.call, Answer::BrokerUnregistered(self.unregister_broker(unregister, fx))),
        };
        if answer.is_refusal() {
            fx.records.truncate(before);
        }
        fx.answers.answer(call, When::Written, answer);
    }

    fn replay(&mut self, record: &CatalogRecord<'_>) {
        let is_of_topics = matches!(record, CatalogRecord::Topic(_) | CatalogRecord::Partition(_) | CatalogRecord::RemoveTopic(_));
        self.topics_version += u64::from(is_of_topics);
        let believed = match record {
            CatalogRecord::Topic(topic) => self.believe_topic(topic),
            CatalogRecord::Partition(partition) => self.believe_partition(partition),
            CatalogRecord::PartitionChange(change) => {
                self.believe_partition_change(change);
                Ok(())
            }
            CatalogRecord::Config(config) => self.believe_config(config),
            CatalogRecord::RemoveTopic(remove) => {
                self.forget_topic(remove.topic_id);
                Ok(())
            }
            CatalogRecord::FeatureLevel(feature) => self.believe_feature(feature),
            CatalogRecord::ProducerIds(ids) => {
                self.next_producer_id = ids.next_producer_id;
                Ok(())
            }
            CatalogRecord::RegisterBroker(broker) => {
                if broker.broker_id == self.config.node.0 {
                    self.broker_epoch = Some(broker.broker_epoch);
                }
                self.believe_broker(BrokerId(broker.broker_id), broker.broker_epoch)
            }
            CatalogRecord::UnregisterBroker(broker) => {
                self.forget_broker(BrokerId(broker.broker_id));
                Ok(())
            }
            CatalogRecord::ClientQuota(quota) => self.quotas.believe(self.key, &mut self.texts, quota),
            CatalogRecord::UserScramCredential(credential) => self.credentials.believe(self.key, &mut self.texts, credential),
            CatalogRecord::RemoveUserScramCredential(gone) => {
                self.credentials.forget(self.key, &mut self.texts, gone.name, gone.mechanism);
                Ok(())
            }
            CatalogRecord::Foreign(kind) => {
                self.others.count(*kind);
                Ok(())
            }
            // Whoever reads the log knows by them what to show here.
            CatalogRecord::BeginTransaction(_) | CatalogRecord::EndTransaction | CatalogRecord::AbortTransaction(_) => Ok(()),
        };
        assert!(believed.is_ok(), "the memory for the catalogue holds what its log says: {record:?}");
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn handle_timeout(&mut self, _: Moment, _: &mut Effects<'_, '_, Self>) -> bool {
        false
    }
}

impl Answer<'_> {
    const fn is_refusal(&self) -> bool {
        match self {
            Self::Bootstrapped => false,
            Self::TopicCreated(result) => result.is_err(),
            Self::TopicDeleted(result) => result.is_err(),
            Self::PartitionsCreated(result)
            | Self::ConfigsAltered(result)
            | Self::QuotasAltered(result)
            | Self::CredentialAltered(result)
            | Self::BrokerUnregistered(result) => result.is_err(),
            Self::FeaturesUpdated(result) => result.is_err(),
            Self::ProducerIds(result) => result.is_err(),
        }
    }
}

/// Belief.
impl Catalog<'_> {
    fn believe_topic(&mut self, record: &TopicRecord<'_>) -> Result<(), Full> {
        let name = self.texts.store(record.name.as_bytes())?;
        let topic = Topic { name, id: record.topic_id, partitions: Chain::default() };
        let slot = self.topics.insert(self.key.hash(&[record.name.as_bytes()]), topic)?;
        self.ids.insert(self.key.hash(&[&record.topic_id.0]), slot)?;
        Ok(())
    }

    fn believe_partition(&mut self, record: &PartitionRecord<'_>) -> Result<(), Full> {
        let (index, leader_epoch) = (PartitionIndex(record.partition_id), LeaderEpoch(record.leader_epoch));
        let partition_epoch = record.partition_epoch;
        let Some(topic) = self.find_id(record.topic_id) else { return Ok(()) };
        let elsewhere = self.other_replica(record.replicas).or_else(|| self.other_directory(record.directories));
        if let Some(known) = self.find_partition(topic, index).and_then(|slot| self.partitions.get_mut(slot)) {
            (known.leader_epoch, known.partition_epoch, known.elsewhere) = (leader_epoch, partition_epoch, elsewhere);
            return Ok(());
        }
        let partition = Partition { topic, index, leader_epoch, partition_epoch, elsewhere, links: Links::default() };
        let slot = self.partitions.insert(self.partition_hash(topic, index), partition)?;
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.partitions.push(&mut self.partitions, slot);
        }
        Ok(())
    }

    /// A change of a partition counts its epoch up, and a change of its leader the leader's epoch too.
    /// Source: `PartitionRegistration.merge`.
    fn believe_partition_change(&mut self, record: &PartitionChangeRecord<'_>) {
        /// Stands for "the leader stays". Source: `PartitionChangeRecord`.
        const NO_LEADER_CHANGE: i32 = -2;
        let index = PartitionIndex(record.partition_id);
        let replica = record.replicas.map(|replicas| self.other_replica(replicas));
        let directory = record.directories.map(|directories| self.other_directory(directories));
        let slot = self.find_id(record.topic_id).and_then(|topic| self.find_partition(topic, index));
        let Some(partition) = slot.and_then(|slot| self.partitions.get_mut(slot)) else { return };
        partition.partition_epoch = partition.partition_epoch.wrapping_add(1);
        if record.leader != NO_LEADER_CHANGE {
            partition.leader_epoch = LeaderEpoch(partition.leader_epoch.0.wrapping_add(1));
        }
        let kept = |other: Elsewhere| match other {
            Elsewhere::Broker(_) => replica.is_none(),
            Elsewhere::Directory(_) => directory.is_none(),
        };
        partition.elsewhere = replica.flatten().or(partition.elsewhere.filter(|other| kept(*other))).or(directory.flatten());
    }

    /// A replica that is not this broker's.
    fn other_replica(&self, replicas: Array<'_, i32>) -> Option<Elsewhere> {
        replicas.iter().find(|replica| *replica != self.config.node.0).map(|replica| Elsewhere::Broker(BrokerId(replica)))
    }

    /// A log directory that is not this one. Those that stand for "not known" are none.
    fn other_directory(&self, directories: Array<'_, TopicId>) -> Option<Elsewhere> {
        let is_other = |directory: &TopicId| !directory.is_reserved() && *directory != self.config.directory;
        directories.iter().find(|directory| !self.config.directory.is_zero() && is_other(directory)).map(Elsewhere::Directory)
    }

    /// Believes one control record of its log, or of a snapshot.
    pub fn replay_control(&mut self, record: &ControlRecord<'_>) {
        self.quorum.replay(self.config.node, record);
    }

    fn believe_config(&mut self, record: &ConfigRecord<'_>) -> Result<(), Full> {
        let kind = ResourceKind(record.resource_type);
        let resource = match (self.find_resource(kind, record.resource_name), record.value) {
            (Some(slot), _) => slot,
            (None, None) => return Ok(()),
            (None, Some(_)) => {
                let name = self.texts.store(record.resource_name.as_bytes())?;
                let resource = Resource { kind, name, configs: Chain::default() };
                self.resources.insert(self.resource_hash(kind, record.resource_name), resource)?
            }
        };
        match (self.find_config(resource, record.name), record.value) {
            (None, None) => Ok(()),
            (Some(slot), None) => {
                self.drop_config(slot);
                Ok(())
            }
            (Some(slot), Some(value)) => {
                let Some(before) = self.configs.get(slot).map(|entry| entry.value) else { return Ok(()) };
                let value = self.texts.replace(before, value.as_bytes())?;
                if let Some(entry) = self.configs.get_mut(slot) {
                    entry.value = value;
                }
                Ok(())
            }
            (None, Some(value)) => {
                let hash = self.config_hash(resource, record.name);
                let (name, value) = (self.texts.store(record.name.as_bytes())?, self.texts.store(value.as_bytes())?);
                let slot = self.configs.insert(hash, ConfigEntry { resource, name, value, links: Links::default() })?;
                if let Some(resource) = self.resources.get_mut(resource) {
                    resource.configs.push(&mut self.configs, slot);
                }
                Ok(())
            }
        }
    }

    fn drop_config(&mut self, slot: Slot) {
        let Some(resource) = self.configs.get(slot).map(|entry| entry.resource) else { return };
        if let Some(resource) = self.resources.get_mut(resource) {
            resource.configs.unlink(&mut self.configs, slot);
        }
        if let Some(entry) = self.configs.remove(slot) {
            self.texts.release(entry.name);
            self.texts.release(entry.value);
        }
        if self.resources.get(resource).is_some_and(|resource| resource.configs.is_empty())
            && let Some(resource) = self.resources.remove(resource)
        {
            self.texts.release(resource.name);
        }
    }

    /// A topic goes with its partitions and its settings. Source: `ReplicationControlManager.replay(RemoveTopicRecord)`.
    fn forget_topic(&mut self, topic_id: TopicId) {
        let Some(slot) = self.find_id(topic_id) else { return };
        while let Some(topic) = self.topics.get_mut(slot)
            && topic.partitions.first().is_some()
        {
            let partition = topic.partitions.first();
            topic.partitions.unlink(&mut self.partitions, partition);
            self.partitions.remove(partition);
        }
        if let Some(entry) = self.ids.find(self.key.hash(&[&topic_id.0]), |other| *other == slot) {
            self.ids.remove(entry);
        }
        let name = self.topics.get(slot).map_or(Text::EMPTY, |topic| topic.name);
        while let Some(resource) = self.find_resource(ResourceKind::TOPIC, self.texts.str(name))
            && let Some(entry) = self.resources.get(resource).map(|resource| resource.configs.first())
        {
            self.drop_config(entry);
        }
        self.topics.remove(slot);
        self.texts.release(name);
    }

    fn believe_feature(&mut self, record: &FeatureLevelRecord<'_>) -> Result<(), Full> {
        match self.find_feature(record.name) {
            Some(slot) if record.feature_level == 0 => {
                if let Some(feature) = self.features.remove(slot) {
                    self.texts.release(feature.name);
                }
            }
            Some(slot) => {
                if let Some(feature) = self.features.get_mut(slot) {
                    feature.level = record.feature_level;
                }
            }
            None if record.feature_level == 0 => {}
            None => {
                let name = self.texts.store(record.name.as_bytes())?;
                self.features.insert(self.key.hash(&[record.name.as_bytes()]), Feature { name, level: record.feature_level })?;
            }
        }
        Ok(())
    }
}
