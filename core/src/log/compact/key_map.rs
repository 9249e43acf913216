//! The last offset of each key, in memory of a stated size. Source: `SkimpyOffsetMap`.
//!
//! Of a key only its hash is kept: 128 bits, keyed with numbers that nobody outside of the process knows. Two keys with one hash would
//! lose the records of one of them. Among the four billion keys of a map of 100 GiB that happens with a chance of one in 2^65, and whoever
//! chooses the keys cannot raise it: there is nothing to be tried out without the numbers. (Kafka takes MD5, for which colliding keys can
//! be had.)
//!
//! Shape: open addressing, 24 bytes a place, filled to seven eighths. What grows is rehashed where it lies, so that the memory never is
//! more than was stated.

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::bounded::Full;
use crate::bounded::list::List;
use crate::bounded::table::HashKey;
use crate::ids::Offset;

/// A place for one key.
#[derive(Clone, Copy, Debug)]
pub struct KeySlot {
    hash: [u64; 2],
    /// The offset; negative: see below.
    offset: i64,
}

/// The size of a place. Unit: bytes.
pub const KEY_SLOT_SIZE: usize = size_of::<KeySlot>();
const _: () = assert!(KEY_SLOT_SIZE == 24);

/// Nothing is there. Another negative number is the complement of an offset that waits for its new place.
const EMPTY: i64 = i64::MIN;

/// How many places a map has at first, or a little more.
const SLOTS_MIN: usize = 256;

/// Which offset is the last of a key.
///
/// Bounds: seven eighths of the capacity of the list in keys.
#[derive(Debug)]
pub struct KeyMap<'m> {
    slots: List<'m, KeySlot>,
    count: usize,
    key: HashKey,
}

impl<'m> KeyMap<'m> {
    /// An empty map in this memory, which grows as it is needed.
    #[must_use]
    pub fn new(mut slots: List<'m, KeySlot>, key: HashKey) -> Self {
        slots.clear();
        Self { slots, count: 0, key }
    }

    /// How many keys there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How much memory is in use. Unit: bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.slots.len() * KEY_SLOT_SIZE
    }

    /// Notes an offset of a key, unless a later one is known.
    ///
    /// # Errors
    /// [`Full`] when there is no room for a new key; what is known stays.
    pub fn put(&mut self, key: &[u8], offset: Offset) -> Result<(), Full> {
        let hash = self.hash(key);
        let mut place = self.find(hash);
        if let Some(known) = place.and_then(|at| self.slots.get_mut(at))
            && known.offset != EMPTY
        {
            known.offset = known.offset.max(offset.0);
            return Ok(());
        }
        if self.is_full() {
            self.grow()?;
            if self.is_full() {
                return Err(Full);
            }
            place = self.find(hash);
        }
        let slot = place.and_then(|at| self.slots.get_mut(at)).ok_or(Full)?;
        *slot = KeySlot { hash, offset: offset.0 };
        self.count += 1;
        Ok(())
    }

    /// Whether the places that there are do not take another key.
    fn is_full(&self) -> bool {
        self.count >= self.slots.len() / 8 * 7
    }

    /// The last offset of a key.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Offset> {
        let slot = self.slots.get(self.find(self.hash(key))?)?;
        (slot.offset != EMPTY).then_some(Offset(slot.offset))
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        core::hash::Hasher::write(&mut hasher, key);
        let hash = hasher.finish128();
        [hash.h1, hash.h2]
    }

    /// Where a hash would best stand.
    fn home(&self, hash: [u64; 2]) -> usize {
        let places = u128::try_from(self.slots.len()).unwrap_or(0);
        usize::try_from((u128::from(hash[0]) * places) >> 64).unwrap_or(0)
    }

    /// Where a hash stands, or else the empty place for it. `None` without any places: an eighth of them is always empty.
    fn find(&self, hash: [u64; 2]) -> Option<usize> {
        let mut at = self.home(hash);
        loop {
            let slot = self.slots.get(at)?;
            if slot.offset == EMPTY || slot.hash == hash {
                return Some(at);
            }
            at = self.behind(at);
        }
    }

    fn behind(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    /// Doubles the places, as far as the memory goes, and gives every key its new one.
    fn grow(&mut self) -> Result<(), Full> {
        let capacity = self.slots.capacity();
        // In steps that end at the capacity: a vector that doubles must not take more than was stated.
        let mut wanted = capacity;
        while wanted / 2 >= SLOTS_MIN && wanted.div_ceil(2) > self.slots.len() {
            wanted = wanted.div_ceil(2);
        }
        let before = self.slots.len();
        if wanted <= before {
            return Err(Full);
        }
        self.slots.iter_mut().filter(|slot| slot.offset != EMPTY).for_each(|slot| slot.offset = !slot.offset);
        self.slots.fill_to(wanted, KeySlot { hash: [0; 2], offset: EMPTY })?;
        for at in 0..before {
            self.settle(at);
        }
        Ok(())
    }

    /// Takes up a key that waits, and whichever it pushes away from its place.
    fn settle(&mut self, at: usize) {
        let Some(slot) = self.slots.get_mut(at).filter(|slot| slot.offset < 0 && slot.offset != EMPTY) else { return };
        let mut moving = KeySlot { offset: !slot.offset, ..*slot };
        slot.offset = EMPTY;
        let mut at = self.home(moving.hash);
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.offset == EMPTY {
                *slot = moving;
                return;
            }
            if slot.offset < 0 {
                let pushed = KeySlot { offset: !slot.offset, ..*slot };
                *slot = moving;
                moving = pushed;
                at = self.home(moving.hash);
            } else {
                at = self.behind(at);
            }
        }
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    fn play(mut map: KeyMap<'_>, room: usize, keys: u64) {
        let mut model = BTreeMap::new();
        let mut seed = 9u64;
        for offset in 0..40_000i64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = ((seed >> 33) % keys).to_be_bytes();
            let put = map.put(&key, Offset(offset));
            if model.contains_key(&key) || model.len() < room {
                put.unwrap();
                model.insert(key, offset);
            } else {
                assert_eq!(put, Err(Full), "{} of {room}", map.len());
            }
            assert_eq!(map.len(), model.len());
        }
        for key in 0..keys {
            let key = key.to_be_bytes();
            assert_eq!(map.get(&key), model.get(&key).copied().map(Offset));
        }
        assert!(map.size_bytes() <= map.slots.capacity() * KEY_SLOT_SIZE);
    }

    #[test]
    fn the_map_agrees_with_a_model_until_it_is_full_and_then_says_so() {
        let key = HashKey(3, 4);
        play(KeyMap::new(List::grown(1 << 20), key), usize::MAX, 20_000);
        for capacity in [0, 1, 8, 100, 256, 300, 3001] {
            play(KeyMap::new(List::grown(capacity), key), capacity / 8 * 7, 5000);
        }
        let mut lent = heapless::Vec::<KeySlot, 1000>::new();
        play(KeyMap::new(List::lent(&mut lent), key), 875, 3000);
    }

    #[test]
    fn memory_grows_with_the_keys_and_ends_where_it_was_stated() {
        let mut map = KeyMap::new(List::grown(100_000), HashKey(0, 0));
        let mut sizes = alloc::vec![];
        for key in 0..87_500u32 {
            map.put(&key.to_be_bytes(), Offset(0)).unwrap();
            sizes.push(map.size_bytes());
        }
        sizes.dedup();
        assert!(sizes[0] < 16_000, "{sizes:?}");
        assert_eq!(sizes.last(), Some(&(100_000 * KEY_SLOT_SIZE)));
        assert_eq!(map.put(b"one more", Offset(0)), Err(Full));
    }

    #[test]
    fn an_earlier_offset_does_not_take_the_place_of_a_later_one() {
        let mut map = KeyMap::new(List::grown(100), HashKey(0, 0));
        map.put(b"k", Offset(7)).unwrap();
        map.put(b"k", Offset(3)).unwrap();
        assert_eq!(map.get(b"k"), Some(Offset(7)));
        assert_eq!(map.get(b"other"), None);
    }
}
