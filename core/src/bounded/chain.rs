//! Entries of a slab or a table, strung together in an order of their own.

use super::slab::{Slab, Slot};
use super::table::Table;

/// The neighbours of an entry in its chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Links {
    previous: Slot,
    next: Slot,
}

impl Links {
    /// The slot of the entry behind this one, or [`Slot::NONE`].
    #[must_use]
    pub const fn next_slot(&self) -> Slot {
        self.next
    }
}

/// An entry that can stand in a chain.
pub trait Linked {
    /// Its neighbours.
    fn links(&self) -> &Links;
    /// Its neighbours.
    fn links_mut(&mut self) -> &mut Links;
}

/// Says of entries with a field `links` that they can stand in a chain.
macro_rules! linked {
    ($($type:ty),*) => {$(
        impl $crate::bounded::chain::Linked for $type {
            fn links(&self) -> &$crate::bounded::chain::Links {
                &self.links
            }
            fn links_mut(&mut self) -> &mut $crate::bounded::chain::Links {
                &mut self.links
            }
        }
    )*};
}
pub(crate) use linked;

/// What a chain runs through: entries found by slot.
pub trait Slots<T> {
    /// The entry at `slot`.
    fn at(&self, slot: Slot) -> Option<&T>;
    /// The entry at `slot`.
    fn at_mut(&mut self, slot: Slot) -> Option<&mut T>;
}

impl<T> Slots<T> for Slab<'_, T> {
    fn at(&self, slot: Slot) -> Option<&T> {
        self.get(slot)
    }
    fn at_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.get_mut(slot)
    }
}

impl<T> Slots<T> for Table<'_, T> {
    fn at(&self, slot: Slot) -> Option<&T> {
        self.get(slot)
    }
    fn at_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.get_mut(slot)
    }
}

/// A sequence of entries, each of which knows its neighbours. Adding and taking out cost the same however long it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    first: Slot,
    last: Slot,
    count: usize,
}

impl Chain {
    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first entry's slot, or [`Slot::NONE`].
    #[must_use]
    pub const fn first(&self) -> Slot {
        self.first
    }

    /// The last entry's slot, or [`Slot::NONE`].
    #[must_use]
    pub const fn last(&self) -> Slot {
        self.last
    }

    /// Puts an entry that stands in no chain at the end.
    pub fn push<T: Linked>(&mut self, entries: &mut impl Slots<T>, slot: Slot) {
        if let Some(entry) = entries.at_mut(slot) {
            *entry.links_mut() = Links { previous: self.last, next: Slot::NONE };
        }
        match entries.at_mut(self.last) {
            Some(last) => last.links_mut().next = slot,
            None => self.first = slot,
        }
        self.last = slot;
        self.count += 1;
    }

    /// Takes an entry of this chain out of it; the entry itself stays in its slab.
    pub fn unlink<T: Linked>(&mut self, entries: &mut impl Slots<T>, slot: Slot) {
        let Some(links) = entries.at(slot).map(|entry| *entry.links()) else {
            return;
        };
        match entries.at_mut(links.previous) {
            Some(previous) => previous.links_mut().next = links.next,
            None => self.first = links.next,
        }
        match entries.at_mut(links.next) {
            Some(next) => next.links_mut().previous = links.previous,
            None => self.last = links.previous,
        }
        self.count -= 1;
    }

    /// The slot behind `slot`, or [`Slot::NONE`].
    pub fn next<T: Linked>(entries: &impl Slots<T>, slot: Slot) -> Slot {
        entries.at(slot).map_or(Slot::NONE, |entry| entry.links().next)
    }

    /// The entries in order.
    pub fn iter<'t, T: Linked + 't>(&self, entries: &'t impl Slots<T>) -> impl Iterator<Item = (Slot, &'t T)> {
        let mut slot = self.first;
        core::iter::from_fn(move || {
            let entry = entries.at(slot)?;
            let here = slot;
            slot = entry.links().next;
            Some((here, entry))
        })
    }
}
