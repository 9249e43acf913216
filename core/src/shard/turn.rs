//! Turns of the machines: decide, write down, believe, answer.

use crate::bounded::slab::Slot;
use crate::catalog::catalog::{Catalog, TopicView};
use crate::catalog::input::ResourceKind;
use crate::catalog::name;
use crate::catalog::record::CatalogRecord;
use crate::group::config::GroupConfig;
use crate::group::coordinator::Coordinator;
use crate::group::input::{ForgetTopic, Input as GroupInput};
use crate::group::modern::topics::{BadPattern, Matcher, NoMatcher, TopicShape, Topics};
use crate::group::record::GroupRecord;
use crate::ids::{CallId, LeaderEpoch, PartitionIndex, Sequence, TopicId};
use crate::log::config::LogConfig;
use crate::machine::{Answers, Effects, Machine, Transaction};
use crate::record::batch::ProducerStamp;
use crate::record::builder::{BatchOptions, Builder, NewRecord};
use crate::record::validate;
use crate::record::validate::Origin;
use crate::time::Moment;
use crate::txn::state::TransactionVersion;

use super::directory::{LogDirectory, PartitionName};
use super::error::WriteError;
use super::logs::{Logs, Written};
use super::parked::Release;
use super::shard::{Doomed, Shard, StoreFailure, config_of};

impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// A turn of the groups. Answers the log end that answers marked [`crate::machine::When::Written`] wait for, if there is any.
    ///
    /// # Errors
    /// When what the step decided cannot be written down: answers so marked must be replaced by that failure.
    pub fn group(
        &mut self,
        at: Moment,
        input: GroupInput<'_>,
        matcher: &dyn Matcher,
        answers: &mut dyn Answers<Coordinator<'m>>,
        out: &mut dyn Release,
    ) -> Result<Option<Written>, WriteError<StoreFailure<'m, D>>> {
        loop {
            self.records.clear();
            let topics = KnownTopics { catalog: &self.catalog, directory: &self.directory, matcher };
            self.groups.step_among(&topics, at, input, &mut Effects { records: &mut self.records, answers });
            if self.records.is_empty() {
                // What is told now may have been decided by a step whose records are not safe yet.
                return Ok(input.group_id().and_then(|group_id| self.uncommitted_group(group_id)));
            }
            let written = self.write_down_group(at, out).inspect_err(|_| self.groups.give_up(answers))?;
            if !self.groups.wants_again() {
                return Ok(written);
            }
        }
    }

    /// Acts on one deadline of the groups. Answers `None` when none is due, else what a turn answers.
    pub fn groups_timeout(
        &mut self,
        at: Moment,
        answers: &mut dyn Answers<Coordinator<'m>>,
        out: &mut dyn Release,
    ) -> Option<Result<Option<Written>, WriteError<StoreFailure<'m, D>>>> {
        self.records.clear();
        let topics = KnownTopics { catalog: &self.catalog, directory: &self.directory, matcher: &NoMatcher };
        let acted = self.groups.handle_timeout_among(&topics, at, &mut Effects { records: &mut self.records, answers });
        acted.then(|| self.write_down_group(at, out).inspect_err(|_| self.groups.give_up(answers)))
    }

    fn write_down_group(&mut self, at: Moment, out: &mut dyn Release) -> Result<Option<Written>, WriteError<StoreFailure<'m, D>>> {
        let Some(index) = self.records.partition() else { return Ok(None) };
        let written = self.write_down_in(at, name::CONSUMER_OFFSETS, index, out)?;
        let transaction = self.records.transaction().map(|transaction| transaction.producer_id);
        for record in self.records.iter() {
            let record = GroupRecord::decode(record, transaction);
            debug_assert!(record.is_ok(), "what a machine encodes, it can decode");
            if let Ok(record) = record {
                self.groups.replay(&record);
            }
        }
        Ok(Some(written))
    }

    /// A turn of the catalogue. Answers as [`Shard::group`] does.
    ///
    /// # Errors
    /// When what the step decided cannot be written down.
    pub fn catalog_turn(
        &mut self,
        at: Moment,
        input: crate::catalog::input::Input<'_>,
        answers: &mut dyn Answers<Catalog<'m>>,
        out: &mut dyn Release,
    ) -> Result<Option<Written>, WriteError<StoreFailure<'m, D>>> {
        let slot = self.metadata_log(at).map_err(WriteError::Partition)?;
        self.abort_unfinished(at, slot, out)?;
        self.records.clear();
        self.catalog.step(at, input, &mut Effects { records: &mut self.records, answers });
        if self.records.is_empty() {
            return Ok(None);
        }
        let epoch = self.take_the_lead(at, slot, out)?;
        let written = self.write_down(at, slot, epoch, false, out)?;
        let mut removed = TopicId::ZERO;
        let mut machine_topic_created = false;
        for record in self.records.iter() {
            let Ok(record) = CatalogRecord::decode(record) else {
                debug_assert!(false, "what a machine encodes, it can decode");
                continue;
            };
            if let CatalogRecord::RemoveTopic(remove) = record {
                removed = remove.topic_id;
                Self::retire(&mut self.directory, &self.catalog, &mut self.logs, removed, out);
            }
            self.catalog.replay(&record);
            // Only when it comes into being: what is kept in one partition is not moved when there are more of them.
            machine_topic_created |= matches!(record, CatalogRecord::Topic(topic) if name::is_internal(topic.name));
            if let CatalogRecord::Config(config) = record {
                Self::reconfigure(&self.directory, &self.catalog, &mut self.logs, config.resource_name);
            }
        }
        if machine_topic_created {
            self.spread_machines();
        }
        self.finalize_features();
        if !removed.is_zero() {
            // When the list is full the files stay until the next start, which finds that nobody knows them.
            let _ = self.doomed.push(Doomed { topic_id: removed, end: written.end });
        }
        Ok(Some(written))
    }

    /// Tells the machines how many partitions their topics have.
    pub(super) fn spread_machines(&mut self) {
        if let Some(topic) = self.catalog.topic(name::CONSUMER_OFFSETS) {
            self.groups.spread_over(topic.partition_count);
        }
        if let Some(topic) = self.catalog.topic(name::TRANSACTION_STATE) {
            self.transactions.coordinator.spread_over(topic.partition_count);
        }
        if let Some(topic) = self.catalog.topic(name::SHARE_GROUP_STATE) {
            self.shares.spread_over(topic.partition_count);
        }
    }

    /// Tells the machines which features are finalized.
    pub(super) fn finalize_features(&mut self) {
        let level = self.catalog.features().find(|(name, _)| *name == name::TRANSACTION_VERSION).map_or(0, |(_, level)| level);
        self.transactions.coordinator.finalize(TransactionVersion::from_level(level));
    }

    /// Writes the records of the step to a partition of a machine's topic.
    pub(super) fn write_down_in(
        &mut self,
        at: Moment,
        topic: &str,
        index: PartitionIndex,
        out: &mut dyn Release,
    ) -> Result<Written, WriteError<StoreFailure<'m, D>>> {
        let topic = self.catalog.topic(topic).map_or(Slot::NONE, |topic| topic.slot);
        let slot = self.log_of(at, topic, index).map_err(WriteError::Partition)?;
        let epoch = self.catalog.partition(topic, index).map_or(LeaderEpoch(0), |partition| partition.leader_epoch);
        self.write_down(at, slot, epoch, true, out)
    }

    /// Takes the logs of a topic that is about to be gone out of the shard.
    fn retire(directory: &mut D, catalog: &Catalog<'m>, logs: &mut Logs<'m, D::Store>, topic_id: TopicId, out: &mut dyn Release) {
        let Some(topic) = catalog.topic_by_id(topic_id) else { return };
        let mut from = 0;
        while let Some(slot) = logs.partitions.next_from(from) {
            from = slot.index() + 1;
            if logs.partitions.get(slot).is_some_and(|partition| partition.topic_id == topic_id) {
                logs.drop_log(slot, out);
            }
        }
        for partition in catalog.partitions_of(topic.slot) {
            directory.retire(PartitionName { topic: topic.name, topic_id, index: partition.index });
        }
    }

    /// Puts the settings of a topic in force in its open logs.
    fn reconfigure(directory: &D, catalog: &Catalog<'m>, logs: &mut Logs<'m, D::Store>, topic: &str) {
        let Some(TopicView { topic_id, .. }) = catalog.topic(topic) else { return };
        let config = config_of(directory, catalog, topic, topic_id);
        logs.has_dirt |= config.compact;
        let mut from = 0;
        while let Some(slot) = logs.partitions.next_from(from) {
            from = slot.index() + 1;
            if let Some(partition) = logs.partitions.get_mut(slot).filter(|partition| partition.topic_id == topic_id) {
                partition.log.configure(config);
            }
        }
    }

    /// Puts the settings in force in every open log: those of the directory have changed.
    pub fn reconfigure_all(&mut self) {
        let mut from = 0;
        while let Some(slot) = self.logs.partitions.next_from(from) {
            from = slot.index() + 1;
            let Some(partition) = self.logs.partitions.get_mut(slot) else { continue };
            let topic = self.catalog.topic_by_id(partition.topic_id).map_or(name::CLUSTER_METADATA, |topic| topic.name);
            let config = config_of(&self.directory, &self.catalog, topic, partition.topic_id);
            self.logs.has_dirt |= config.compact;
            partition.log.configure(config);
        }
    }

    /// Lets every group forget its offsets in a topic that is gone, and what it shared of it. `told` hears of each group that had any: what must be committed so
    /// that they stay forgotten, or why that could not be written.
    pub fn forget_topic(
        &mut self,
        at: Moment,
        topic: &str,
        topic_id: TopicId,
        told: &mut dyn FnMut(Result<Written, WriteError<StoreFailure<'m, D>>>),
        out: &mut dyn Release,
    ) {
        let mut from = 0;
        while let Some(group) = self.groups.next_group(from) {
            from = group.index() + 1;
            let input = GroupInput::ForgetTopic(ForgetTopic { group, topic, topic_id });
            if let Some(result) = self.group(at, input, &NoMatcher, &mut Nobody, out).transpose() {
                told(result);
            }
        }
        if let Err(error) = self.forget_shares(at, |key| key.topic_id == topic_id, &mut |written| told(Ok(written)), out) {
            told(Err(error));
        }
    }

    /// Writes the records of the step to a log as one batch.
    pub(super) fn write_down(
        &mut self,
        at: Moment,
        slot: Slot,
        epoch: LeaderEpoch,
        keyed: bool,
        out: &mut dyn Release,
    ) -> Result<Written, WriteError<StoreFailure<'m, D>>> {
        self.batch.clear();
        let result = self.write_batch(at, slot, epoch, keyed, out);
        // Memory after a large image goes back.
        if self.batch.len() > 1 << 20 {
            self.batch.clear();
            self.batch.shrink();
        }
        result
    }

    fn write_batch(
        &mut self,
        at: Moment,
        slot: Slot,
        epoch: LeaderEpoch,
        keyed: bool,
        out: &mut dyn Release,
    ) -> Result<Written, WriteError<StoreFailure<'m, D>>> {
        // What a machine writes in a transaction bears no sequence numbers. Source: `CoordinatorPartitionWriter`.
        let stamp = |transaction: Transaction| ProducerStamp {
            id: transaction.producer_id,
            epoch: transaction.producer_epoch,
            base_sequence: Sequence(-1),
        };
        let producer = self.records.transaction().map(stamp);
        let options = BatchOptions { producer, transactional: producer.is_some(), ..BatchOptions::default() };
        let mut builder = Builder::new(&mut self.batch, options).map_err(|_| WriteError::TooLarge)?;
        for record in self.records.iter() {
            let key = Some(record.key).filter(|_| keyed);
            let record = NewRecord { timestamp: Some(at.wall), key, value: record.value, headers: &[] };
            builder.append(record).map_err(|_| WriteError::TooLarge)?;
        }
        // Nothing to write would be nothing to wait for: a step without records does not come here.
        let size = builder.finish();
        debug_assert!(size.is_some(), "a step that comes here has records");
        self.append_built(at, slot, epoch, out)
    }
}

/// The rules for what a machine writes. Those of the topic are for clients: this is kept as it is written, so that the machine can always
/// go on, and be loaded.
pub(super) fn machine_rules(config: &LogConfig) -> validate::Rules {
    let neutral = validate::Rules { max_message_bytes: u32::MAX, compression: None, compacted: false, ..validate::Rules::default() };
    validate::Rules { origin: Origin::Coordinator, timestamp_type: config.timestamp_type, ..neutral }
}

/// Where answers go that nobody waits for.
pub(super) struct Nobody;

impl<M: Machine + ?Sized> Answers<M> for Nobody {
    fn answer(&mut self, _: CallId, _: crate::machine::When, _: M::Answer<'_>) {}
}

/// The topics of the catalogue, as groups see them.
struct KnownTopics<'a, 'm, D> {
    catalog: &'a Catalog<'m>,
    directory: &'a D,
    matcher: &'a dyn Matcher,
}

impl<'m, D: LogDirectory<'m>> Topics for KnownTopics<'_, 'm, D> {
    fn version(&self) -> u64 {
        self.catalog.topics_version()
    }
    fn settings_of(&self, group_id: &str) -> Option<GroupConfig> {
        let mut own = self.catalog.configs_of(ResourceKind::GROUP, group_id).peekable();
        own.peek()?;
        self.directory.group_config(&mut own)
    }
    fn find(&self, name: &str) -> Option<TopicShape> {
        let topic = self.catalog.topic(name)?;
        Some(TopicShape { id: topic.topic_id, partitions: u32::try_from(topic.partition_count).unwrap_or(0) })
    }
    fn name_of(&self, topic: TopicId) -> Option<&str> {
        self.catalog.topic_by_id(topic).map(|topic| topic.name)
    }
    fn check(&self, pattern: &str) -> Result<(), BadPattern> {
        self.matcher.select(pattern, &mut core::iter::empty(), &mut |_| {})
    }
    fn matching(&self, pattern: &str, see: &mut dyn FnMut(&str)) -> Result<(), BadPattern> {
        let mut names = self.catalog.topics().map(|topic| topic.name).filter(|name| !name::is_internal(name));
        self.matcher.select(pattern, &mut names, see)
    }
}
