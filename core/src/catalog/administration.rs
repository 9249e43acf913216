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

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    use super::*;
    use crate::bounded::table::HashKey;
    use crate::catalog::answer::Answer;
    use crate::catalog::catalog::{CatalogConfig, CatalogMemory};
    use crate::catalog::features::{FeatureUpdate, UpgradeType};
    use crate::catalog::input::Input;
    use crate::catalog::schema::{RegisterBrokerRecord, UserScramCredentialRecord};
    use crate::ids::{CallId, TopicId};
    use crate::machine::{Answers, Effects, Machine as _, Records, When};
    use crate::time::{Instant, Moment, Timestamp};

    const CALL: CallId = CallId(1);
    const AT: Moment = Moment { now: Instant(5), wall: Timestamp(5) };

    fn catalog(room: usize) -> Catalog<'static> {
        let config = CatalogConfig { node: BrokerId(1), directory: TopicId([9; 16]) };
        Catalog::new(config, HashKey(1, 2), CatalogMemory::grown(room))
    }

    /// What a step answered, in words; empty when it agreed.
    #[derive(Default)]
    struct Heard(String);

    impl Answers<Catalog<'static>> for Heard {
        fn answer(&mut self, _: CallId, _: When, answer: Answer<'_>) {
            self.0 = match answer {
                Answer::FeaturesUpdated(Err(refusal)) => refusal.error.to_string(),
                Answer::QuotasAltered(Err(error)) | Answer::CredentialAltered(Err(error)) | Answer::BrokerUnregistered(Err(error)) => {
                    error.to_string()
                }
                _ => String::new(),
            };
        }
    }

    /// A step, and belief in what it has written: how many records, and the refusal.
    fn step(catalog: &mut Catalog<'static>, input: Input<'_>) -> (usize, String) {
        let mut records = Records::grown(1 << 16, 64);
        let mut heard = Heard::default();
        catalog.step(AT, input, &mut Effects { records: &mut records, answers: &mut heard });
        for record in records.iter() {
            catalog.replay(&CatalogRecord::decode(record).unwrap());
        }
        (records.len(), heard.0)
    }

    #[test]
    fn all_features_of_a_request_change_or_none() {
        let mut catalog = catalog(8);
        let update = |name, level, upgrade_type| FeatureUpdate { name, level, upgrade_type };
        let up = |name, level| update(name, level, UpgradeType::Upgrade);
        let mut ask = |updates: &[FeatureUpdate<'_>], validate_only| {
            let input = Input::UpdateFeatures(UpdateFeatures { call: CALL, updates, validate_only });
            let told = step(&mut catalog, input);
            (told, catalog.feature_level("group.version"), catalog.feature_level("transaction.version"))
        };
        let both = [up("group.version", 1), up("transaction.version", 2)];
        assert_eq!(ask(&both, true), ((0, String::new()), 0, 0));
        let wrong = [up("group.version", 1), up("transaction.version", 3)];
        assert_eq!(ask(&wrong, false), ((0, String::from("This broker only supports versions 0-2")), 0, 0));
        assert_eq!(ask(&both, false), ((2, String::new()), 1, 2));
        let down = [update("group.version", 0, UpgradeType::SafeDowngrade)];
        assert_eq!(ask(&down, false), ((1, String::new()), 0, 2));
    }

    #[test]
    fn a_quota_that_is_as_it_shall_be_leaves_no_record() {
        let mut catalog = catalog(2);
        let mut entity = QuotaEntity::default();
        assert!(entity.set("user", Some("u")));
        let mut alter = |changes: &[(&str, Option<f64>)], validate_only| {
            step(&mut catalog, Input::AlterQuotas(AlterQuotas { call: CALL, entity, changes, validate_only }))
        };
        assert_eq!(alter(&[("a", Some(1.0))], true).0, 0);
        assert_eq!(alter(&[("a", Some(1.0)), ("b", None)], false).0, 1);
        assert_eq!(alter(&[("a", Some(1.0))], false).0, 0);
        assert_eq!(alter(&[("a", Some(2.0))], false).0, 1);
        assert!(alter(&[("b", Some(1.0)), ("c", Some(1.0))], false).1.contains("used up"), "more than there is room for");
        assert_eq!(alter(&[("a", None)], false).0, 1);
        assert_eq!(catalog.quotas().count(), 0);
    }

    #[test]
    fn a_password_is_set_and_removed_and_no_other_is() {
        let mut catalog = catalog(8);
        let credential =
            UserScramCredentialRecord { name: "u", mechanism: 1, salt: &[1], stored_key: &[2], server_key: &[3], iterations: 4096 };
        let remove = |mechanism| Input::RemoveCredential(RemoveCredential { call: CALL, name: "u", mechanism });
        assert!(step(&mut catalog, remove(1)).1.contains("no password"));
        assert_eq!(step(&mut catalog, Input::SetCredential(SetCredential { call: CALL, credential })).0, 1);
        assert_eq!(catalog.credential("u", 1).map(|secret| (secret.stored_key.to_vec(), secret.iterations)), Some((Vec::from([2]), 4096)));
        assert!(step(&mut catalog, remove(2)).1.contains("no password"));
        assert_eq!(step(&mut catalog, remove(1)).0, 1);
        assert_eq!(catalog.credential("u", 1), None);
    }

    #[test]
    fn a_broker_that_once_was_is_taken_off_the_books_and_the_one_that_is_stays() {
        let mut catalog = catalog(8);
        for (broker_id, broker_epoch) in [(1, 3), (2, 4), (2, 9)] {
            let record = RegisterBrokerRecord { broker_id, broker_epoch, ..RegisterBrokerRecord::default() };
            catalog.replay(&CatalogRecord::RegisterBroker(record));
        }
        let unregister = |broker| Input::UnregisterBroker(UnregisterBroker { call: CALL, broker: BrokerId(broker) });
        assert!(step(&mut catalog, unregister(1)).1.contains("there is no other"));
        assert!(step(&mut catalog, unregister(7)).1.contains("broker 7 is not registered"));
        assert_eq!(catalog.brokers().map(|known| known.epoch).max(), Some(9));
        assert_eq!(step(&mut catalog, unregister(2)), (1, String::new()));
        assert_eq!(catalog.brokers().collect::<Vec<Registration>>(), [Registration { broker: BrokerId(1), epoch: 3 }]);
        assert_eq!(catalog.broker_epoch(), Some(3));
    }
}
