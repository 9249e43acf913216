//! What is asked of the catalogue.

use crate::ids::{BrokerId, CallId, TopicId};

use super::features::FeatureUpdate;
use super::quotas::QuotaEntity;
use super::schema::UserScramCredentialRecord;

/// One input of the catalogue.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A new data directory gets its first records.
    Bootstrap(Bootstrap<'a>),
    /// A topic is to come into being.
    CreateTopic(CreateTopic<'a>),
    /// A topic is to go.
    DeleteTopic(DeleteTopic<'a>),
    /// A topic is to have more partitions.
    CreatePartitions(CreatePartitions<'a>),
    /// Settings of a resource are to change.
    AlterConfigs(AlterConfigs<'a>),
    /// A block of producer ids is wanted.
    AllocateProducerIds(AllocateProducerIds),
    /// Features are to change their levels.
    UpdateFeatures(UpdateFeatures<'a>),
    /// Quotas of an entity are to change.
    AlterQuotas(AlterQuotas<'a>),
    /// A user's password is to be set.
    SetCredential(SetCredential<'a>),
    /// A user's password is to go.
    RemoveCredential(RemoveCredential<'a>),
    /// A broker is to be taken off the books.
    UnregisterBroker(UnregisterBroker),
}

/// The first records of a data directory.
#[derive(Clone, Copy, Debug)]
pub struct Bootstrap<'a> {
    /// The call to answer.
    pub call: CallId,
    /// Features and the level each is finalized at.
    pub features: &'a [(&'a str, i16)],
}

/// A topic is to come into being.
#[derive(Clone, Copy, Debug)]
pub struct CreateTopic<'a> {
    /// The call to answer.
    pub call: CallId,
    /// Its name.
    pub name: &'a str,
    /// Its id: fresh, chosen by the runtime.
    pub topic_id: TopicId,
    /// How many partitions it has.
    pub partition_count: i32,
    /// On how many brokers each is to be.
    pub replication_factor: i16,
    /// Settings of its own.
    pub configs: &'a [(&'a str, &'a str)],
    /// Whether to say only what would happen.
    pub validate_only: bool,
}

/// A topic by name or by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicRef<'a> {
    /// By name.
    Name(&'a str),
    /// By id.
    Id(TopicId),
}

/// A topic is to go.
#[derive(Clone, Copy, Debug)]
pub struct DeleteTopic<'a> {
    /// The call to answer.
    pub call: CallId,
    /// Which.
    pub topic: TopicRef<'a>,
}

/// A topic is to have more partitions.
#[derive(Clone, Copy, Debug)]
pub struct CreatePartitions<'a> {
    /// The call to answer.
    pub call: CallId,
    /// The topic.
    pub name: &'a str,
    /// How many it is to have altogether.
    pub partition_count: i32,
    /// Whether to say only what would happen.
    pub validate_only: bool,
}

/// What settings belong to. Source: `ConfigResource.Type`; the numbers are those of stored records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceKind(pub i8);

impl ResourceKind {
    /// A topic.
    pub const TOPIC: Self = Self(2);
    /// A broker; all of them when the name is empty.
    pub const BROKER: Self = Self(4);
    /// What a broker logs.
    pub const BROKER_LOGGER: Self = Self(8);
    /// What clients are to measure.
    pub const CLIENT_METRICS: Self = Self(16);
    /// A group.
    pub const GROUP: Self = Self(32);
}

/// Settings of a resource are to change.
#[derive(Clone, Copy, Debug)]
pub struct AlterConfigs<'a> {
    /// The call to answer.
    pub call: CallId,
    /// The kind of resource.
    pub kind: ResourceKind,
    /// Its name.
    pub name: &'a str,
    /// The settings, each with its new value, or `None` for the default.
    pub changes: &'a [(&'a str, Option<&'a str>)],
    /// Whether to say only what would happen.
    pub validate_only: bool,
}

/// A block of producer ids is wanted.
#[derive(Clone, Copy, Debug)]
pub struct AllocateProducerIds {
    /// The call to answer.
    pub call: CallId,
}

/// Features are to change their levels: all of them, or none.
#[derive(Clone, Copy, Debug)]
pub struct UpdateFeatures<'a> {
    /// The call to answer.
    pub call: CallId,
    /// The changes, each feature once.
    pub updates: &'a [FeatureUpdate<'a>],
    /// Whether to say only what would happen.
    pub validate_only: bool,
}

/// Quotas of an entity are to change.
#[derive(Clone, Copy, Debug)]
pub struct AlterQuotas<'a> {
    /// The call to answer.
    pub call: CallId,
    /// Whom they apply to.
    pub entity: QuotaEntity<&'a str>,
    /// The quotas, each once with its new limit, or `None` to remove it.
    pub changes: &'a [(&'a str, Option<f64>)],
    /// Whether to say only what would happen.
    pub validate_only: bool,
}

/// A user's password is to be set, in place of what there was for its mechanism.
#[derive(Clone, Copy)]
pub struct SetCredential<'a> {
    /// The call to answer.
    pub call: CallId,
    /// All that is kept of it.
    pub credential: UserScramCredentialRecord<'a>,
}

impl core::fmt::Debug for SetCredential<'_> {
    /// Without what is secret.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SetCredential").field("call", &self.call).field("name", &self.credential.name).finish_non_exhaustive()
    }
}

/// A user's password is to go.
#[derive(Clone, Copy, Debug)]
pub struct RemoveCredential<'a> {
    /// The call to answer.
    pub call: CallId,
    /// The user.
    pub name: &'a str,
    /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    pub mechanism: i8,
}

/// A broker is to be taken off the books.
#[derive(Clone, Copy, Debug)]
pub struct UnregisterBroker {
    /// The call to answer.
    pub call: CallId,
    /// Which.
    pub broker: BrokerId,
}
