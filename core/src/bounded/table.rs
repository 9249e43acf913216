//! A hash table whose entries keep their place.

use core::fmt;
use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::Full;
use super::list::List;
use super::slab::{Slab, Slot};

/// The key of the hash: given by the runtime, so that peers who choose the names cannot choose the collisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashKey(pub u64, pub u64);

impl HashKey {
    /// Hashes a key that consists of several byte strings. The lengths take part, so `("a", "bc")` differs from `("ab", "c")`.
    #[must_use]
    pub fn hash(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        for part in parts {
            hasher.write(part);
            hasher.write_u32(u32::try_from(part.len()).unwrap_or(u32::MAX));
        }
        hasher.finish()
    }
}

/// An entry of a table, with the hash it is found by.
#[derive(Clone, Debug)]
pub struct Hashed<T> {
    hash: u64,
    entry: T,
}

/// A hash table: entries stay where they were put, the index points at them.
///
/// The caller brings the hash and the equality, since keys mostly lie elsewhere (in a heap of texts, in another table).
/// Iteration goes by place, so the same calls in the same order give the same order on every machine.
/// Bounds: the capacity of the slab in entries.
pub struct Table<'m, T> {
    entries: Slab<'m, Hashed<T>>,
    index: List<'m, Slot>,
}

impl<'m, T> Table<'m, T> {
    /// A table over a slab and an index. The index is used up to the largest power of two that it has room for, and holds half as
    /// many entries: for `n` entries, room for `2 * n` rounded up to a power of two is enough.
    #[must_use]
    pub fn new(entries: Slab<'m, Hashed<T>>, mut index: List<'m, Slot>) -> Self {
        index.clear();
        Self { entries, index }
    }

    /// A table that allocates as it grows, up to `limit` entries.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn grown(limit: usize) -> Self {
        Self::new(Slab::grown(limit), List::grown(limit.saturating_mul(4).max(8)))
    }

    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The largest number of entries this table will ever hold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.entries.capacity().min(floor_power_of_two(self.index.capacity()) / 2)
    }

    /// Whether the next insert would say [`Full`].
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= self.capacity()
    }

    /// Finds the entry with this hash for which `is_it` holds.
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(&T) -> bool) -> Option<Slot> {
        let mask = self.mask()?;
        let mut at = fold(hash) & mask;
        loop {
            let slot = self.index.get(at).copied()?;
            if !slot.is_some() {
                return None;
            }
            if self.entries.get(slot).is_some_and(|place| place.hash == hash && is_it(&place.entry)) {
                return Some(slot);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds an entry; the caller has made sure that its key is not there yet.
    ///
    /// # Errors
    /// [`Full`] when the table holds `capacity()` entries; the entry is dropped.
    pub fn insert(&mut self, hash: u64, entry: T) -> Result<Slot, Full> {
        if self.is_full() {
            return Err(Full);
        }
        self.make_room()?;
        let slot = self.entries.insert(Hashed { hash, entry })?;
        self.point_at(hash, slot);
        Ok(slot)
    }

    /// Takes an entry out. Its slot may be given to a later entry.
    pub fn remove(&mut self, slot: Slot) -> Option<T> {
        // The index is closed up first: it looks at the hashes of the entries.
        let hash = self.entries.get(slot)?.hash;
        self.unpoint(hash, slot);
        self.entries.remove(slot).map(|place| place.entry)
    }

    /// Lets an entry be found by another hash from now on: its key has changed, its place stays.
    pub fn rekey(&mut self, slot: Slot, hash: u64) {
        let Some(before) = self.entries.get(slot).map(|place| place.hash) else { return };
        self.unpoint(before, slot);
        if let Some(place) = self.entries.get_mut(slot) {
            place.hash = hash;
        }
        self.point_at(hash, slot);
    }

    /// The entry at `slot`, if there is one.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&T> {
        self.entries.get(slot).map(|place| &place.entry)
    }

    /// The entry at `slot`, if there is one.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.entries.get_mut(slot).map(|place| &mut place.entry)
    }

    /// All entries, by place.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        self.entries.iter().map(|(slot, place)| (slot, &place.entry))
    }

    /// The first entry at or behind the place number `from`, for walks that change the table between steps.
    #[must_use]
    pub fn next_from(&self, from: usize) -> Option<Slot> {
        self.entries.next_from(from)
    }

    fn mask(&self) -> Option<usize> {
        self.index.len().checked_sub(1)
    }

    /// Keeps the index at most half full, so that probing is short.
    fn make_room(&mut self) -> Result<(), Full> {
        let wanted = (self.len() + 1) * 2;
        if wanted <= self.index.len() {
            return Ok(());
        }
        let room = floor_power_of_two(self.index.capacity());
        // Small memory is used in whole from the start; large memory doubles.
        let len = if room <= 1024 { room } else { wanted.next_power_of_two().max(8).min(room) };
        if len < wanted {
            return Err(Full);
        }
        self.index.clear();
        self.index.fill_to(len, Slot::NONE)?;
        let mut from = 0;
        while let Some(slot) = self.entries.next_from(from) {
            if let Some(hash) = self.entries.get(slot).map(|place| place.hash) {
                self.point_at(hash, slot);
            }
            from = slot.index() + 1;
        }
        Ok(())
    }

    fn point_at(&mut self, hash: u64, slot: Slot) {
        let Some(mask) = self.mask() else { return };
        let mut at = fold(hash) & mask;
        while let Some(pointer) = self.index.get_mut(at) {
            if !pointer.is_some() {
                *pointer = slot;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// Clears the pointer to `slot` and closes the probe sequence behind it, so that no tombstones are needed.
    fn unpoint(&mut self, hash: u64, slot: Slot) {
        let Some(mask) = self.mask() else { return };
        let mut hole = fold(hash) & mask;
        while self.index.get(hole).is_some_and(|pointer| *pointer != slot) {
            hole = (hole + 1) & mask;
        }
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let Some(pointer) = self.index.get(at).copied().filter(|pointer| pointer.is_some()) else {
                break;
            };
            let home = self.entries.get(pointer).map_or(at, |entry| fold(entry.hash) & mask);
            // The pointer may move into the hole unless its home lies cyclically behind the hole.
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                if let Some(place) = self.index.get_mut(hole) {
                    *place = pointer;
                }
                hole = at;
            }
        }
        if let Some(place) = self.index.get_mut(hole) {
            *place = Slot::NONE;
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Table<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The low bits of a hash as an index; the mask cuts it to size.
#[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
const fn fold(hash: u64) -> usize {
    hash as usize
}

fn floor_power_of_two(number: usize) -> usize {
    if number == 0 { 0 } else { 1 << (usize::BITS - 1 - number.leading_zeros()) }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use crate::bounded::slab::Place;
    use alloc::collections::BTreeMap;

    fn play(mut table: Table<'_, u32>, limit: usize) {
        let key = HashKey(3, 4);
        let mut model: BTreeMap<u32, Slot> = BTreeMap::new();
        let mut seed = 1u64;
        for _ in 0..40_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = u32::try_from((seed >> 33) % 200).expect("below 200");
            // A weak hash on purpose: long probe sequences are where removal goes wrong.
            let hash = if seed & 1 == 0 { u64::from(number % 7) } else { key.hash(&[&number.to_be_bytes()]) };
            let hash = if number < 100 { u64::from(number % 7) } else { hash | 1 << 60 };
            let hash = if number >= 100 { key.hash(&[&number.to_be_bytes()]) } else { hash };
            match table.find(hash, |entry| *entry == number) {
                Some(slot) => {
                    assert_eq!(model.remove(&number), Some(slot));
                    assert_eq!(table.remove(slot), Some(number));
                }
                None => {
                    assert!(!model.contains_key(&number));
                    match table.insert(hash, number) {
                        Ok(slot) => assert_eq!(model.insert(number, slot), None),
                        Err(Full) => assert_eq!(model.len(), limit),
                    }
                }
            }
            assert_eq!(table.len(), model.len());
        }
        for (number, slot) in model {
            assert_eq!(table.get(slot), Some(&number));
        }
    }

    /// An entry whose key changes is found under the new one only, and the others are found as before.
    #[test]
    fn a_rekeyed_table_agrees_with_a_model() {
        // All hashes share their low bits with others, so that probe sequences cross.
        let hash = |key: u64| (key % 5) | (key << 32);
        let mut table = Table::grown(40);
        let mut model: BTreeMap<u64, Slot> = BTreeMap::new();
        let mut seed = 5u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (key, other) = ((seed >> 33) % 60, (seed >> 45) % 60);
            match (model.get(&key).copied(), seed >> 60) {
                (None, _) => match table.insert(hash(key), key) {
                    Ok(slot) => assert_eq!(model.insert(key, slot), None),
                    Err(Full) => assert_eq!(model.len(), 40),
                },
                (Some(slot), 0..4) => {
                    model.remove(&key);
                    assert_eq!(table.remove(slot), Some(key));
                }
                (Some(slot), _) if !model.contains_key(&other) => {
                    model.remove(&key);
                    model.insert(other, slot);
                    *table.get_mut(slot).unwrap() = other;
                    table.rekey(slot, hash(other));
                }
                (Some(_), _) => {}
            }
            for key in 0..60 {
                assert_eq!(table.find(hash(key), |entry| *entry == key), model.get(&key).copied());
            }
        }
    }

    #[test]
    fn a_short_index_lowers_the_capacity_of_its_table() {
        let mut places = heapless::Vec::<Place<Hashed<u32>>, 50>::new();
        let mut index = heapless::Vec::<Slot, 100>::new();
        let table = Table::new(Slab::new(List::lent(&mut places)), List::lent(&mut index));
        assert_eq!(table.capacity(), 32);
        play(table, 32);
    }

    #[test]
    fn a_table_agrees_with_a_model_in_grown_memory() {
        play(Table::grown(64), 64);
        play(Table::grown(1000), 1000);
    }

    #[test]
    fn a_table_agrees_with_a_model_in_lent_memory() {
        let mut places = heapless::Vec::<Place<Hashed<u32>>, 50>::new();
        let mut index = heapless::Vec::<Slot, 128>::new();
        play(Table::new(Slab::new(List::lent(&mut places)), List::lent(&mut index)), 50);
    }
}
