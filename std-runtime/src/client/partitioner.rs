//! Which partition a record goes to: as Kafka's own clients decide it, so that all of them agree on where a key lives.

/// The hash that Kafka's clients use for keys: MurmurHash2, 32 bits. Source: `org.apache.kafka.common.utils.Utils.murmur2`.
#[must_use]
pub fn murmur2(bytes: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    // Java counts the length in an int; no key is that long.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let [a, b, c, d] = word.map(u32::from);
        let mut k = (d << 24 | c << 16 | b << 8 | a).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (index, byte) in (0u32..).zip(tail) {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ hash >> 15).cast_signed()
}

/// The place of a key among `count` partitions. Source: `BuiltInPartitioner.partitionForKey`.
#[must_use]
pub fn partition_of_key(key: &[u8], count: usize) -> usize {
    let positive = usize::try_from(murmur2(key) & i32::MAX).unwrap_or(0);
    positive.checked_rem(count).unwrap_or(0)
}

/// Where records without a key go: to one partition until its batch is sent, then to the next. Source: KIP-480, KIP-794.
#[derive(Clone, Copy, Debug)]
pub struct Sticky {
    current: usize,
}

impl Sticky {
    /// Begins anywhere.
    #[must_use]
    pub const fn new(start: usize) -> Self {
        Self { current: start }
    }

    /// The current place among `count` partitions.
    #[must_use]
    pub fn place(&self, count: usize) -> usize {
        self.current.checked_rem(count).unwrap_or(0)
    }

    /// Goes on to the next one.
    pub const fn advance(&mut self) {
        self.current = self.current.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: `UtilsTest.testMurmur2`.
    #[test]
    fn keys_hash_as_in_kafka() {
        let known: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key), hash, "{}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn a_key_has_one_place_and_there_may_be_none() {
        assert_eq!(partition_of_key(b"abc", 10), 7);
        assert_eq!(partition_of_key(b"21", 3), usize::try_from(-973_932_308i32 & i32::MAX).expect("positive") % 3);
        assert_eq!(partition_of_key(b"abc", 0), 0);
    }

    #[test]
    fn records_without_a_key_stay_until_they_are_told_to_go() {
        let mut sticky = Sticky::new(4);
        assert_eq!([sticky.place(3), sticky.place(3)], [1, 1]);
        sticky.advance();
        assert_eq!([sticky.place(3), sticky.place(0)], [2, 0]);
    }
}
