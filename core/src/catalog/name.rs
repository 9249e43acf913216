//! What may be called what. Source: `org.apache.kafka.common.internals.Topic`.

use core::fmt;

/// The longest topic name. Unit: bytes.
pub const NAME_SIZE_MAX: usize = 249;

/// Where committed offsets and groups are kept.
pub const CONSUMER_OFFSETS: &str = "__consumer_offsets";
/// Where transactions are kept.
pub const TRANSACTION_STATE: &str = "__transaction_state";
/// Where share groups keep what they delivered.
pub const SHARE_GROUP_STATE: &str = "__share_group_state";
/// The log of the catalogue itself; no topic that clients see.
pub const CLUSTER_METADATA: &str = "__cluster_metadata";

/// The feature that says under which protocol transactions run. Source: KIP-1022.
pub const TRANSACTION_VERSION: &str = "transaction.version";

/// The feature that says whether there are consumer groups. Source: KIP-848.
pub const GROUP_VERSION: &str = "group.version";
/// The feature that share groups belong to. Source: `ShareVersion`.
pub const SHARE_VERSION: &str = "share.version";

/// The feature that says under which protocol the controllers' quorum runs. What is in force of it stands in control records.
/// Source: KIP-853.
pub const KRAFT_VERSION: &str = "kraft.version";

/// The feature that says by which rules the catalogue is written. Source: KIP-584, KIP-778.
pub const METADATA_VERSION: &str = "metadata.version";
/// The highest level of it that is known: that of Kafka 4.3. Source: `MetadataVersion.LATEST_PRODUCTION`.
pub const METADATA_VERSION_MAX: i16 = 30;

/// Whether a topic belongs to the broker itself, so that clients do not write to it.
#[must_use]
pub fn is_internal(name: &str) -> bool {
    [CONSUMER_OFFSETS, TRANSACTION_STATE, SHARE_GROUP_STATE].contains(&name)
}

/// Why a name cannot be a topic's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It is empty.
    Empty,
    /// It is `.` or `..`, which a file system takes for something else.
    Dots,
    /// It is longer than [`NAME_SIZE_MAX`].
    TooLong,
    /// It has a character other than ASCII letters, digits, `.`, `_` and `-`.
    Character,
    /// It is the name of the catalogue's own log.
    Reserved,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::Dots => f.write_str("it is '.' or '..'"),
            Self::TooLong => write!(f, "it is longer than {NAME_SIZE_MAX} characters"),
            Self::Character => f.write_str("it has a character other than ASCII letters, digits, '.', '_' and '-'"),
            Self::Reserved => f.write_str("it is reserved for the cluster's own metadata"),
        }
    }
}

/// Checks that a name can be a topic's.
///
/// # Errors
/// What [`NameError`] names.
pub fn check(name: &str) -> Result<(), NameError> {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    match name {
        "" => Err(NameError::Empty),
        "." | ".." => Err(NameError::Dots),
        CLUSTER_METADATA => Err(NameError::Reserved),
        _ if name.len() > NAME_SIZE_MAX => Err(NameError::TooLong),
        _ if !name.as_bytes().iter().all(legal) => Err(NameError::Character),
        _ => Ok(()),
    }
}

/// Whether two names differ at most by `.` and `_`.
#[must_use]
pub fn collide(one: &str, other: &str) -> bool {
    let fold = |byte: u8| if byte == b'.' { b'_' } else { byte };
    one.len() == other.len() && one.bytes().map(fold).eq(other.bytes().map(fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rules() {
        assert_eq!(check("a.B_c-9"), Ok(()));
        assert_eq!(check(""), Err(NameError::Empty));
        assert_eq!(check(".."), Err(NameError::Dots));
        assert_eq!(check("..."), Ok(()));
        assert_eq!(check("a b"), Err(NameError::Character));
        assert_eq!(check("\u{e9}t\u{e9}"), Err(NameError::Character));
        assert_eq!(check(CLUSTER_METADATA), Err(NameError::Reserved));
        assert_eq!(check(core::str::from_utf8(&[b'x'; 249]).unwrap()), Ok(()));
        assert_eq!(check(core::str::from_utf8(&[b'x'; 250]).unwrap()), Err(NameError::TooLong));
        assert!(collide("a.b", "a_b") && collide("a", "a") && !collide("a.b", "a-b") && !collide("a", "ab"));
    }
}
