//! Features: which are supported, up to which level, and how the levels may change. Source: KIP-584, KIP-778, KIP-1022;
//! `FeatureControlManager`, `QuorumFeatures`, `MetadataVersion`.

use core::fmt;

use crate::bounded::Full;

use super::name::{GROUP_VERSION, KRAFT_VERSION, METADATA_VERSION, METADATA_VERSION_MAX, SHARE_VERSION, TRANSACTION_VERSION};

/// A feature and the levels of it that are supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supported {
    /// Its name.
    pub name: &'static str,
    /// The lowest level; 0 where the feature can be out of force.
    pub min: i16,
    /// The highest level.
    pub max: i16,
}

const fn levels(name: &'static str, min: i16, max: i16) -> Supported {
    Supported { name, min, max }
}

/// The features that this broker knows, in the order of their names. A new directory has each at its highest level.
pub const SUPPORTED: &[Supported] = &[
    levels(GROUP_VERSION, 0, 1),
    levels(KRAFT_VERSION, 0, 1),
    levels(METADATA_VERSION, 7, METADATA_VERSION_MAX),
    levels(SHARE_VERSION, 0, 1),
    levels(TRANSACTION_VERSION, 0, 2),
];

/// The feature of this name, if it is known.
#[must_use]
pub fn supported(name: &str) -> Option<&'static Supported> {
    SUPPORTED.iter().find(|feature| feature.name == name)
}

/// The levels of `metadata.version` that changed what the records mean: going back below one of them loses something.
/// Source: `MetadataVersion`, by its `didMetadataChange`.
const METADATA_CHANGED_AT: &[i16] = &[7, 8, 11, 13, 14, 15, 17, 23, 30];

/// In which direction a level may change. Source: `FeatureUpdate.UpgradeType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeType {
    /// Up only.
    Upgrade,
    /// Down, if nothing is lost.
    SafeDowngrade,
    /// Down, whatever is lost.
    UnsafeDowngrade,
    /// A number that stands for none of these.
    Unknown(i8),
}

impl UpgradeType {
    /// The type of this number on the wire.
    #[must_use]
    pub const fn from_number(number: i8) -> Self {
        match number {
            1 => Self::Upgrade,
            2 => Self::SafeDowngrade,
            3 => Self::UnsafeDowngrade,
            other => Self::Unknown(other),
        }
    }
}

/// A change of a feature's level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureUpdate<'a> {
    /// The feature.
    pub name: &'a str,
    /// The level to be in force; 0 takes the feature out of force.
    pub level: i16,
    /// In which direction it may change.
    pub upgrade_type: UpgradeType,
}

/// Why the level of a feature stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureError {
    /// The type of the change has a number that stands for nothing.
    UnknownUpgradeType(i8),
    /// No feature has a level below 0.
    Negative,
    /// No such feature is known.
    UnknownFeature,
    /// The feature has no such level here.
    NotSupported {
        /// The lowest that it has.
        min: i16,
        /// The highest.
        max: i16,
    },
    /// The level would fall, and the change allows it to rise only.
    WouldDowngrade {
        /// The level in force.
        current: i16,
    },
    /// The level would rise, and the change allows it to fall only.
    WouldUpgrade {
        /// The level in force.
        current: i16,
    },
    /// The catalogue may hold what the lower level has no records for.
    LosesMetadata {
        /// The level in force.
        current: i16,
    },
    /// The protocol of the quorum is changed by Apache Kafka's controllers only.
    OfTheQuorum {
        /// The level in force.
        current: i16,
    },
    /// The memory set aside for the catalogue is used up.
    Full,
}

impl From<Full> for FeatureError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl fmt::Display for FeatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownUpgradeType(number) => write!(f, "The upgrade type {number} is not known."),
            Self::Negative => f.write_str("The level of a feature is at least 0."),
            Self::UnknownFeature => f.write_str("This broker does not support this feature."),
            Self::NotSupported { min, max } => write!(f, "This broker only supports versions {min}-{max}"),
            Self::WouldDowngrade { current } => {
                write!(f, "The level is {current}: to lower it, the upgrade type must be a safe or an unsafe downgrade.")
            }
            Self::WouldUpgrade { current } => write!(f, "The level is {current}: a downgrade cannot raise it."),
            Self::LosesMetadata { current } => {
                write!(f, "The level is {current}: what was written since may have no place at the lower one.")
            }
            Self::OfTheQuorum { current } => {
                write!(f, "The level is {current}: only Apache Kafka's controllers change the protocol of their quorum.")
            }
            Self::Full => f.write_str("The memory set aside for the catalogue is used up."),
        }
    }
}

impl core::error::Error for FeatureError {}

/// Judges a change of a feature that is at `current`. Answers the level to write down, if the change is one of records.
///
/// # Errors
/// What [`FeatureError`] names, but for [`FeatureError::Full`].
pub(super) fn judge(update: &FeatureUpdate<'_>, current: i16) -> Result<Option<i16>, FeatureError> {
    let level = update.level;
    if let UpgradeType::Unknown(number) = update.upgrade_type {
        return Err(FeatureError::UnknownUpgradeType(number));
    }
    if level < 0 {
        return Err(FeatureError::Negative);
    }
    // What is out of force may be kept so without anybody knowing what it is. Source: `QuorumFeatures.DISABLED`.
    let (min, max) = supported(update.name).map_or((0, 0), |feature| (feature.min, feature.max));
    if level < min || level > max {
        return Err(if max == 0 { FeatureError::UnknownFeature } else { FeatureError::NotSupported { min, max } });
    }
    let goes_up = update.upgrade_type == UpgradeType::Upgrade;
    if level < current && goes_up {
        return Err(FeatureError::WouldDowngrade { current });
    }
    if level > current && !goes_up {
        return Err(FeatureError::WouldUpgrade { current });
    }
    match update.name {
        KRAFT_VERSION if level == current => Ok(None),
        KRAFT_VERSION => Err(FeatureError::OfTheQuorum { current }),
        METADATA_VERSION if METADATA_CHANGED_AT.iter().any(|changed| (level + 1..=current).contains(changed)) => {
            Err(FeatureError::LosesMetadata { current })
        }
        _ => Ok(Some(level)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(name: &str, level: i16, upgrade_type: UpgradeType) -> FeatureUpdate<'_> {
        FeatureUpdate { name, level, upgrade_type }
    }

    #[test]
    fn levels_rise_by_upgrades_and_fall_by_downgrades() {
        use UpgradeType::{SafeDowngrade, Unknown, UnsafeDowngrade, Upgrade};
        let judged = |level, upgrade_type, current| judge(&update(TRANSACTION_VERSION, level, upgrade_type), current);
        assert_eq!(judged(2, Upgrade, 0), Ok(Some(2)));
        assert_eq!(judged(2, Upgrade, 2), Ok(Some(2)));
        assert_eq!(judged(1, Upgrade, 2), Err(FeatureError::WouldDowngrade { current: 2 }));
        assert_eq!(judged(1, SafeDowngrade, 2), Ok(Some(1)));
        assert_eq!(judged(0, UnsafeDowngrade, 2), Ok(Some(0)));
        assert_eq!(judged(2, SafeDowngrade, 1), Err(FeatureError::WouldUpgrade { current: 1 }));
        assert_eq!(judged(3, Upgrade, 2), Err(FeatureError::NotSupported { min: 0, max: 2 }));
        assert_eq!(judged(-1, Upgrade, 2), Err(FeatureError::Negative));
        assert_eq!(judged(2, Unknown(9), 2), Err(FeatureError::UnknownUpgradeType(9)));
    }

    #[test]
    fn metadata_goes_back_only_where_nothing_is_lost() {
        let judged = |level, upgrade_type, current| judge(&update(METADATA_VERSION, level, upgrade_type), current);
        let down = UpgradeType::SafeDowngrade;
        assert_eq!(judged(30, UpgradeType::Upgrade, 25), Ok(Some(30)));
        assert_eq!(judged(25, down, 30), Err(FeatureError::LosesMetadata { current: 30 }));
        assert_eq!(judged(25, UpgradeType::UnsafeDowngrade, 30), Err(FeatureError::LosesMetadata { current: 30 }));
        assert_eq!(judged(23, down, 29), Ok(Some(23)));
        assert_eq!(judged(22, down, 29), Err(FeatureError::LosesMetadata { current: 29 }));
        assert_eq!(judged(6, down, 29), Err(FeatureError::NotSupported { min: 7, max: 30 }));
        assert_eq!(judged(30, down, 30), Ok(Some(30)));
    }

    #[test]
    fn the_quorum_keeps_its_protocol_and_unknown_features_stay_unknown() {
        let up = UpgradeType::Upgrade;
        assert_eq!(judge(&update(KRAFT_VERSION, 1, up), 1), Ok(None));
        assert_eq!(judge(&update(KRAFT_VERSION, 1, up), 0), Err(FeatureError::OfTheQuorum { current: 0 }));
        assert_eq!(judge(&update(KRAFT_VERSION, 0, UpgradeType::SafeDowngrade), 1), Err(FeatureError::OfTheQuorum { current: 1 }));
        assert_eq!(judge(&update("nosuch.version", 1, up), 0), Err(FeatureError::UnknownFeature));
    }
}
