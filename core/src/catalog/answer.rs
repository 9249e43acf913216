//! What the catalogue answers.

use crate::ids::{ProducerId, TopicId};

use super::error::CatalogError;
use super::features::FeatureError;

/// One answer of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The first records stand.
    Bootstrapped,
    /// The topic is there.
    TopicCreated(Result<CreatedTopic, CatalogError>),
    /// The topic is gone.
    TopicDeleted(Result<DeletedTopic<'a>, CatalogError>),
    /// The topic has its partitions.
    PartitionsCreated(Result<(), CatalogError>),
    /// The settings are changed.
    ConfigsAltered(Result<(), CatalogError>),
    /// The ids are the caller's.
    ProducerIds(Result<ProducerIdBlock, CatalogError>),
    /// The features have their levels.
    FeaturesUpdated(Result<(), FeatureRefusal>),
    /// The quotas are changed.
    QuotasAltered(Result<(), CatalogError>),
    /// The password is set, or gone.
    CredentialAltered(Result<(), CatalogError>),
    /// The broker is off the books.
    BrokerUnregistered(Result<(), CatalogError>),
}

/// Why no feature has changed its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureRefusal {
    /// Which of the changes cannot be, counted from 0.
    pub index: usize,
    /// Why.
    pub error: FeatureError,
}

/// A topic that has come into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// Its id.
    pub topic_id: TopicId,
    /// How many partitions it has.
    pub partition_count: i32,
    /// On how many brokers each is.
    pub replication_factor: i16,
}

/// A topic that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its id.
    pub topic_id: TopicId,
}

/// Producer ids that nobody else will be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdBlock {
    /// The first.
    pub first: ProducerId,
    /// How many.
    pub count: i64,
}
