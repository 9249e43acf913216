//! What is asked of the catalogue.

use crate::ids::{CallId, TopicId};

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
