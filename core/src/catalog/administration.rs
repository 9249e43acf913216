//! What administrators change in the catalogue beside topics and settings: features, quotas, passwords, the books of brokers.

use crate::bounded::Full;
use crate::bounded::slab::Slot;
use crate::ids::BrokerId;
use crate::wire::value::Array;

use super::answer::FeatureRefusal;
use super::catalog::{Catalog, Fx, Registration};
use super::credentials::{CredentialView, Secret};
use super::error::CatalogError;
use super::features::{self, FeatureError};
use super::input::{AlterQuotas, RemoveCredential, SetCredential, UnregisterBroker, UpdateFeatures};
use super::name::KRAFT_VERSION;
use super::quotas::QuotaEntity;
use super::record::CatalogRecord;
use super::schema::{ClientQuotaRecord, FeatureLevelRecord, RemoveUserScramCredentialRecord, UnregisterBrokerRecord};

/// What there is.
impl Catalog<'_> {
    /// The level at which a feature is finalized; 0 when it is not.
    #[must_use]
    pub fn feature_level(&self, name: &str) -> i16 {
        if name == KRAFT_VERSION {
            return self.quorum().kraft_version();
        }
        self.features().find(|(feature, _)| *feature == name).map_or(0, |(_, level)| level)
    }

    /// All quotas of clients: whom each applies to, its name, its limit. In no order.
    pub fn quotas(&self) -> impl Iterator<Item = (QuotaEntity<&str>, &str, f64)> {
        self.quotas.iter(&self.texts)
    }

    /// Who has a password for SCRAM. In no order.
    pub fn credentials(&self) -> impl Iterator<Item = CredentialView<'_>> {
        self.credentials.iter(&self.texts)
    }

    /// What a server has to know of a user's password: mechanism 1 is SCRAM-SHA-256, 2 SCRAM-SHA-512.
    #[must_use]
    pub fn credential(&self, name: &str, mechanism: i8) -> Option<Secret<'_>> {
        self.credentials.get(self.key, &self.texts, name, mechanism)
    }

    /// The brokers on the books. In no order.
    pub fn brokers(&self) -> impl Iterator<Item = Registration> {
        self.brokers.iter().map(|(_, registration)| *registration)
    }

    fn find_broker(&self, broker: BrokerId) -> Option<Slot> {
        self.brokers.find(self.broker_hash(broker), |registration| registration.broker == broker)
    }

    fn broker_hash(&self, broker: BrokerId) -> u64 {
        self.key.hash(&[&broker.0.to_be_bytes()])
    }
}

/// Decisions.
impl<'m> Catalog<'m> {
    pub(super) fn update_features(&self, update: &UpdateFeatures<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), FeatureRefusal> {
        let before = fx.records.len();
        for (index, update) in update.updates.iter().enumerate() {
            self.update_feature(update, fx).map_err(|error| FeatureRefusal { index, error })?;
        }
        if update.validate_only {
            fx.records.truncate(before);
        }
        Ok(())
    }

    fn update_feature(&self, update: &features::FeatureUpdate<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), FeatureError> {
        let Some(feature_level) = features::judge(update, self.feature_level(update.name))? else { return Ok(()) };
        if !self.texts.has_room_for(update.name.len(), 1) || self.features.is_full() {
            return Err(FeatureError::Full);
        }
        let record = CatalogRecord::FeatureLevel(FeatureLevelRecord { name: update.name, feature_level });
        Ok(record.encode(self.metadata_version(), fx.records)?)
    }

    /// Source: `ClientQuotaControlManager.alterClientQuotaEntity`: what is as it shall be leaves no record.
    pub(super) fn alter_quotas(&self, alter: &AlterQuotas<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), CatalogError> {
        /// What one quota takes of the strings: the parts of its entity and its name.
        const TEXTS: usize = 4;
        let count = alter.changes.len();
        let size = alter.changes.iter().map(|(key, _)| key.len() + alter.entity.size()).sum();
        if !self.quotas.has_room_for(count) || !self.texts.has_room_for(size, count.saturating_mul(TEXTS)) {
            return Err(CatalogError::Full);
        }
        if alter.validate_only {
            return Ok(());
        }
        let (parts, data) = alter.entity.data();
        let entity = Array::from(data.get(..parts).unwrap_or_default());
        for (key, value) in alter.changes {
            let before = self.quotas.get(self.key, &self.texts, alter.entity, key);
            // The very same number, bit for bit.
            if before.map(f64::to_bits) == value.map(f64::to_bits) {
                continue;
            }
            let record = ClientQuotaRecord { entity, key, value: value.unwrap_or(0.0), remove: value.is_none() };
            CatalogRecord::ClientQuota(record).encode(self.metadata_version(), fx.records).map_err(|Full| CatalogError::Full)?;
        }
        Ok(())
    }

    pub(super) fn set_credential(&self, set: &SetCredential<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), CatalogError> {
        let credential = set.credential;
        let size = credential.name.len() + credential.salt.len() + credential.stored_key.len() + credential.server_key.len();
        if !self.credentials.has_room_for(1) || !self.texts.has_room_for(size, 4) {
            return Err(CatalogError::Full);
        }
        CatalogRecord::UserScramCredential(credential).encode(self.metadata_version(), fx.records).map_err(|Full| CatalogError::Full)
    }

    pub(super) fn remove_credential(&self, remove: &RemoveCredential<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), CatalogError> {
        let RemoveCredential { call: _, name, mechanism } = *remove;
        self.credential(name, mechanism).ok_or(CatalogError::UnknownCredential)?;
        let record = RemoveUserScramCredentialRecord { name, mechanism };
        CatalogRecord::RemoveUserScramCredential(record).encode(self.metadata_version(), fx.records).map_err(|Full| CatalogError::Full)
    }

    /// Source: `ClusterControlManager`, `QuorumController.unregisterBroker`.
    pub(super) fn unregister_broker(&self, unregister: UnregisterBroker, fx: &mut Fx<'_, '_, 'm>) -> Result<(), CatalogError> {
        let broker = unregister.broker;
        if broker == self.config.node {
            return Err(CatalogError::SoleBroker(broker));
        }
        let known = self.find_broker(broker).and_then(|slot| self.brokers.get(slot)).ok_or(CatalogError::UnknownBroker(broker))?;
        let record = UnregisterBrokerRecord { broker_id: broker.0, broker_epoch: known.epoch };
        CatalogRecord::UnregisterBroker(record).encode(self.metadata_version(), fx.records).map_err(|Full| CatalogError::Full)
    }
}

/// Belief.
impl Catalog<'_> {
    pub(super) fn believe_broker(&mut self, broker: BrokerId, epoch: i64) -> Result<(), Full> {
        if let Some(known) = self.find_broker(broker).and_then(|slot| self.brokers.get_mut(slot)) {
            known.epoch = epoch;
            return Ok(());
        }
        self.brokers.insert(self.broker_hash(broker), Registration { broker, epoch }).map(drop)
    }

    pub(super) fn forget_broker(&mut self, broker: BrokerId) {
        if let Some(slot) = self.find_broker(broker) {
            self.brokers.remove(slot);
        }
    }
}
