//! The numbers that travel, each with a type of its own so that none is mistaken for another.

use core::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number!(
    /// The position of a record in its partition, counted from 0; also an exclusive end when a name says `_end` or `log_end_offset`.
    Offset(i64)
);
number!(
    /// The number of a partition within its topic, counted from 0.
    PartitionIndex(i32)
);
number!(
    /// How often leadership of a partition has changed hands; stamped into every batch.
    LeaderEpoch(i32)
);
number!(
    /// One round of a classic group: every completed rebalance counts it up.
    GenerationId(i32)
);
number!(
    /// How far a member of a consumer or share group has come, and how far its group: every change of members or subscriptions counts
    /// the group's up, and members follow. Source: KIP-848.
    MemberEpoch(i32)
);
number!(
    /// The identity under which an idempotent producer numbers its batches. -1 on the wire means none.
    ProducerId(i64)
);
number!(
    /// The incarnation of a producer id; a higher one fences the lower.
    ProducerEpoch(i16)
);
number!(
    /// The number of a record among those that one producer wrote to one partition; wraps from 2^31-1 to 0.
    Sequence(i32)
);
number!(
    /// The number of a broker in its cluster (`node.id`).
    BrokerId(i32)
);
number!(
    /// Names one call into a machine so that its answer finds the way back; chosen by the runtime, never interpreted here.
    CallId(u64)
);

impl Offset {
    /// The first offset of an empty log.
    pub const ZERO: Self = Self(0);

    /// The offset `count` records later, or `None` past the end of the number range.
    #[must_use]
    pub const fn checked_add(self, count: i64) -> Option<Self> {
        match self.0.checked_add(count) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }
}

impl MemberEpoch {
    /// Of a member that joins.
    pub const JOINS: Self = Self(0);
    /// Of a member that leaves.
    pub const LEAVES: Self = Self(-1);
    /// Of a static member that leaves and means to come back.
    pub const LEAVES_FOR_A_WHILE: Self = Self(-2);

    /// The next one; the last one stays.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl PartitionIndex {
    /// The partition of a coordinator's topic that keeps what is known under a name: the absolute value of Java's `String.hashCode` of it,
    /// modulo the number of partitions. The sign is not masked away, as partitioners of producers do it: for half of all names that is
    /// another partition. Source: `GroupCoordinatorService.partitionFor`, `TransactionStateManager.partitionFor`, `Utils.abs`.
    #[must_use]
    pub fn of_name(name: &str, partition_count: i32) -> Self {
        Self::of_hash(name.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit))), partition_count)
    }

    /// The same of such a hash.
    #[must_use]
    pub const fn of_hash(hash: i32, partition_count: i32) -> Self {
        let positive = match hash.checked_abs() {
            Some(positive) => positive,
            None => 0,
        };
        match positive.checked_rem(partition_count) {
            Some(index) => Self(index),
            None => Self(0),
        }
    }
}

impl Sequence {
    /// The sequence number `count` records later. Source: KIP-98, sequence numbers wrap to 0 after 2^31-1.
    #[must_use]
    pub const fn plus(self, count: i32) -> Self {
        if self.0 > i32::MAX - count { Self(count - (i32::MAX - self.0) - 1) } else { Self(self.0 + count) }
    }
}

/// The identity of a topic that a re-created topic of the same name does not share. Source: KIP-516.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TopicId(pub [u8; 16]);

impl TopicId {
    /// The id that stands for "none".
    pub const ZERO: Self = Self([0; 16]);
    /// The id of the cluster's own metadata log. Source: `Uuid.METADATA_TOPIC_ID`.
    pub const METADATA: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// Reads an id in Kafka's spelling: 22 characters of URL-safe base64 without padding.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 22 {
            return None;
        }
        let mut bits = 0u128;
        for (index, letter) in text.bytes().enumerate() {
            let digit = u128::from(match letter {
                b'A'..=b'Z' => letter - b'A',
                b'a'..=b'z' => letter - b'a' + 26,
                b'0'..=b'9' => letter - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return None,
            });
            // The last digit carries 2 bits only.
            bits = if index < 21 { bits << 6 | digit } else { bits << 2 | digit >> 4 };
        }
        Some(Self(bits.to_be_bytes()))
    }

    /// Whether this is one of the first hundred ids, which stand for something else than a topic or a directory: for a directory, that
    /// nobody knows which. Source: `Uuid.RESERVED`, `DirectoryId.reserved`.
    #[must_use]
    pub const fn is_reserved(self) -> bool {
        u128::from_be_bytes(self.0) < 100
    }

    /// Whether this is the id that stands for "none".
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicId({self})")
    }
}

impl fmt::Display for TopicId {
    /// Kafka's spelling: 22 characters of URL-safe base64 without padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits = u128::from_be_bytes(self.0);
        for index in 0..22u32 {
            // 22 digits of 6 bits hold 132 bits: the last digit carries the final 2 bits and 4 of padding.
            let digit = if index < 21 { (bits >> (122 - 6 * index)) & 63 } else { (bits & 3) << 4 };
            let letter = ALPHABET.get(usize::try_from(digit).unwrap_or(0)).copied().unwrap_or(b'A');
            fmt::Write::write_char(f, char::from(letter))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_id_prints_as_kafka_prints_it() {
        extern crate std;
        use std::string::ToString;
        assert_eq!(TopicId::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(TopicId::METADATA.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(TopicId([0xff; 16]).to_string(), "_____________________w");
        let id = TopicId([1, 35, 69, 103, 137, 171, 205, 239, 254, 220, 186, 152, 118, 84, 50, 16]);
        assert_eq!(TopicId::parse(&id.to_string()), Some(id));
        assert_eq!(TopicId::parse("AAAAAAAAAAAAAAAAAAAAAQ"), Some(TopicId::METADATA));
        assert_eq!(TopicId::parse("AAAA"), None);
    }

    #[test]
    fn names_are_spread_as_java_spreads_them() {
        // "g".hashCode() = 103, "polygenelubricants".hashCode() = -2147483648 in Java.
        assert_eq!(PartitionIndex::of_name("g", 50), PartitionIndex(3));
        assert_eq!(PartitionIndex::of_name("", 50), PartitionIndex(0));
        assert_eq!(PartitionIndex::of_name("polygenelubricants", 50), PartitionIndex(0));
        // "group-one".hashCode() = -1484144104: the sign goes, the bits below it stay. Kafka 4.3 keeps it in partition 4 of 50.
        assert_eq!(PartitionIndex::of_name("group-one", 50), PartitionIndex(4));
    }

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(Sequence(i32::MAX).plus(1), Sequence(0));
        assert_eq!(Sequence(i32::MAX - 1).plus(3), Sequence(1));
        assert_eq!(Sequence(7).plus(0), Sequence(7));
    }
}
