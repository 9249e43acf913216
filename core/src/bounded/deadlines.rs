//! When whose patience ends: a heap of deadlines, one for each entry of a table.

use super::Full;
use super::list::List;
use super::slab::Slot;
use crate::time::Instant;

/// At most one deadline for each slot of a table, the earliest at hand.
///
/// Setting and clearing cost the logarithm of their number. A heartbeat need not come here: see how the coordinator moves a
/// session's deadline only when it is found to have passed.
/// Bounds: each list needs the capacity of the table.
#[derive(Debug)]
pub struct Deadlines<'m> {
    /// Slots in heap order.
    heap: List<'m, Slot>,
    /// For each slot its deadline and its place in the heap.
    entries: List<'m, DeadlineEntry>,
}

/// The deadline of one slot and where the heap holds it.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeadlineEntry {
    due: Instant,
    /// Place in the heap plus one; 0 when there is no deadline.
    place: usize,
}

impl<'m> Deadlines<'m> {
    /// Deadlines over two lists, which are emptied.
    #[must_use]
    pub fn new(mut heap: List<'m, Slot>, mut entries: List<'m, DeadlineEntry>) -> Self {
        heap.clear();
        entries.clear();
        Self { heap, entries }
    }

    /// Deadlines that allocate as they grow, for slots below `limit`.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn grown(limit: usize) -> Self {
        Self::new(List::grown(limit), List::grown(limit))
    }

    /// How many slots there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.heap.capacity().min(self.entries.capacity())
    }

    /// The earliest deadline.
    #[must_use]
    pub fn first(&self) -> Option<(Instant, Slot)> {
        let slot = self.heap.first().copied()?;
        Some((self.due(slot), slot))
    }

    /// The deadline of a slot, if it has one.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<Instant> {
        self.entries.get(slot.index()).filter(|entry| entry.place > 0).map(|entry| entry.due)
    }

    /// Whether a slot has a deadline.
    #[must_use]
    pub fn is_set(&self, slot: Slot) -> bool {
        self.entries.get(slot.index()).is_some_and(|entry| entry.place > 0)
    }

    /// Sets the deadline of a slot, earlier or later than the one it had.
    ///
    /// # Errors
    /// [`Full`] when the slot lies beyond the capacity of the lists.
    pub fn set(&mut self, slot: Slot, due: Instant) -> Result<(), Full> {
        self.entries.fill_to(slot.index() + 1, DeadlineEntry::default())?;
        let Some(entry) = self.entries.get_mut(slot.index()) else { return Err(Full) };
        entry.due = due;
        let place = entry.place;
        if place == 0 {
            self.heap.push(slot)?;
            let last = self.heap.len() - 1;
            self.note_place(last);
            self.rise(last);
        } else {
            let settled = self.rise(place - 1);
            self.sink(settled);
        }
        Ok(())
    }

    /// Takes the deadline of a slot away, if it has one.
    pub fn clear(&mut self, slot: Slot) {
        let Some(entry) = self.entries.get_mut(slot.index()) else { return };
        let Some(place) = entry.place.checked_sub(1) else { return };
        entry.place = 0;
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.note_place(place);
            let settled = self.rise(place);
            self.sink(settled);
        }
    }

    fn due(&self, slot: Slot) -> Instant {
        self.entries.get(slot.index()).map_or(Instant::MAX, |entry| entry.due)
    }

    fn due_at(&self, place: usize) -> Option<Instant> {
        self.heap.get(place).map(|slot| self.due(*slot))
    }

    fn note_place(&mut self, place: usize) {
        if let Some(slot) = self.heap.get(place)
            && let Some(entry) = self.entries.get_mut(slot.index())
        {
            entry.place = place + 1;
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        self.note_place(one);
        self.note_place(other);
    }

    fn rise(&mut self, mut place: usize) -> usize {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.due_at(parent) <= self.due_at(place) {
                break;
            }
            self.swap(parent, place);
            place = parent;
        }
        place
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let Some(mut least) = self.due_at(left) else { return };
            let mut child = left;
            if let Some(due) = self.due_at(right)
                && due < least
            {
                (least, child) = (due, right);
            }
            if self.due_at(place).is_some_and(|due| due <= least) {
                return;
            }
            self.swap(place, child);
            place = child;
        }
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use crate::bounded::slab::Slab;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    #[test]
    fn the_earliest_deadline_is_at_hand_whatever_was_set_and_cleared() {
        let mut slab = Slab::grown(40);
        let slots: Vec<Slot> = (0..40).map(|number| slab.insert(number).unwrap()).collect();
        let mut deadlines = Deadlines::grown(40);
        let mut model: BTreeMap<Slot, Instant> = BTreeMap::new();
        let mut seed = 11u64;
        for _ in 0..50_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let slot = slots[usize::try_from(seed >> 40).unwrap() % slots.len()];
            if seed & 0x300 == 0 {
                model.remove(&slot);
                deadlines.clear(slot);
            } else {
                let due = Instant(seed >> 20 & 0xff);
                model.insert(slot, due);
                deadlines.set(slot, due).unwrap();
            }
            for slot in &slots {
                assert_eq!(deadlines.get(*slot), model.get(slot).copied());
                assert_eq!(deadlines.is_set(*slot), model.contains_key(slot));
            }
            assert_eq!(deadlines.first().map(|(due, _)| due), model.values().min().copied());
            if let Some((due, slot)) = deadlines.first() {
                assert_eq!(model.get(&slot), Some(&due));
            }
        }
    }
}
