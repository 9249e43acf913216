//! Entries that keep their place.

use core::fmt;

use super::Full;
use super::list::List;

/// Names the place of an entry in a [`Slab`] or a [`super::table::Table`]. It stays good until that entry is removed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// No entry; the end of a chain of entries.
    pub const NONE: Self = Self(u32::MAX);

    /// Whether this names an entry at all.
    #[must_use]
    pub fn is_some(self) -> bool {
        self != Self::NONE
    }

    /// The number of the place, for a runtime that keeps an array beside it.
    #[must_use]
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_some() { write!(f, "#{}", self.0) } else { f.write_str("#-") }
    }
}

/// One place of a slab.
#[derive(Clone, Debug)]
pub struct Place<T> {
    entry: Option<T>,
    next_free: Slot,
}

/// Entries that stay where they were put, each addressed by its [`Slot`]; the places of removed ones are used again.
///
/// Bounds: the capacity of the list of places.
pub struct Slab<'m, T> {
    places: List<'m, Place<T>>,
    free: Slot,
    count: usize,
}

impl<'m, T> Slab<'m, T> {
    /// A slab in lent or grown memory; what the list held is dropped.
    #[must_use]
    pub fn new(mut places: List<'m, Place<T>>) -> Self {
        places.clear();
        Self { places, free: Slot::NONE, count: 0 }
    }

    /// A slab that allocates as it grows, up to `limit` entries.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn grown(limit: usize) -> Self {
        Self::new(List::grown(limit))
    }

    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The largest number of entries this slab will ever hold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.places.capacity()
    }

    /// Whether the next insert would say [`Full`].
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.count >= self.places.capacity()
    }

    /// How many places were ever used: every slot's index is below this.
    #[must_use]
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`Full`] when there are `capacity()` entries; the entry is dropped.
    pub fn insert(&mut self, entry: T) -> Result<Slot, Full> {
        let place = Place { entry: Some(entry), next_free: Slot::NONE };
        let slot = self.free;
        let slot = if let Some(vacant) = self.places.get_mut(slot.index()) {
            self.free = vacant.next_free;
            *vacant = place;
            slot
        } else {
            let slot = Slot(u32::try_from(self.places.len()).map_err(|_| Full)?);
            self.places.push(place)?;
            slot
        };
        self.count += 1;
        Ok(slot)
    }

    /// Takes an entry out. Its slot may be given to a later entry.
    pub fn remove(&mut self, slot: Slot) -> Option<T> {
        let place = self.places.get_mut(slot.index())?;
        let entry = place.entry.take()?;
        place.next_free = self.free;
        self.free = slot;
        self.count -= 1;
        Some(entry)
    }

    /// The entry at `slot`, if there is one.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&T> {
        self.places.get(slot.index())?.entry.as_ref()
    }

    /// The entry at `slot`, if there is one.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.places.get_mut(slot.index())?.entry.as_mut()
    }

    /// All entries, by place.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        self.places.iter().enumerate().filter_map(|(at, place)| {
            let slot = Slot(u32::try_from(at).ok()?);
            place.entry.as_ref().map(|entry| (slot, entry))
        })
    }

    /// The first occupied place at or behind the place number `from`, for walks that change the slab between steps.
    #[must_use]
    pub fn next_from(&self, from: usize) -> Option<Slot> {
        let at = self.places.iter().enumerate().skip(from).find(|(_, place)| place.entry.is_some())?.0;
        u32::try_from(at).ok().map(Slot)
    }
}

impl<T: fmt::Debug> fmt::Debug for Slab<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
