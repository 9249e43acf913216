//! A vector in lent or grown memory.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, DerefMut};

use heapless::VecView;

use super::Full;

/// A vector that never outgrows the capacity it was built with.
///
/// Bounds: `capacity()` elements. Reads like a slice.
pub struct List<'m, T> {
    backing: Backing<'m, T>,
}

enum Backing<'m, T> {
    Lent(&'m mut VecView<T>),
    #[cfg(feature = "alloc")]
    Grown {
        items: Vec<T>,
        limit: usize,
    },
}

impl<'m, T> List<'m, T> {
    /// A list in memory lent by the caller; what it already holds stays.
    #[must_use]
    pub const fn lent(memory: &'m mut VecView<T>) -> Self {
        Self { backing: Backing::Lent(memory) }
    }

    /// A list that allocates as it grows, up to `limit` elements.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub const fn grown(limit: usize) -> Self {
        Self { backing: Backing::Grown { items: Vec::new(), limit } }
    }

    /// A list around a vector that already holds something; it grows up to `limit` elements.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub const fn from_vec(items: Vec<T>, limit: usize) -> Self {
        Self { backing: Backing::Grown { items, limit } }
    }

    /// The vector behind a grown list; `None` when the memory was lent.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn into_vec(self) -> Option<Vec<T>> {
        match self.backing {
            Backing::Lent(_) => None,
            Backing::Grown { items, .. } => Some(items),
        }
    }

    /// The largest number of elements this list will ever hold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        match &self.backing {
            Backing::Lent(items) => items.capacity(),
            #[cfg(feature = "alloc")]
            Backing::Grown { limit, .. } => *limit,
        }
    }

    /// Whether the next push would say [`Full`].
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= self.capacity()
    }

    /// Appends one element.
    ///
    /// # Errors
    /// [`Full`] when the list holds `capacity()` elements; the element is dropped.
    pub fn push(&mut self, item: T) -> Result<(), Full> {
        match &mut self.backing {
            Backing::Lent(items) => items.push(item).map_err(|_| Full),
            #[cfg(feature = "alloc")]
            Backing::Grown { items, limit } => {
                if items.len() >= *limit {
                    return Err(Full);
                }
                items.push(item);
                Ok(())
            }
        }
    }

    /// Puts one element before the one at `index`, which must not exceed the length.
    ///
    /// # Errors
    /// [`Full`] when there is no room, or `index` lies past the end.
    pub fn insert(&mut self, index: usize, item: T) -> Result<(), Full> {
        if index > self.len() || self.is_full() {
            return Err(Full);
        }
        match &mut self.backing {
            Backing::Lent(items) => items.insert(index, item).map_err(|_| Full),
            #[cfg(feature = "alloc")]
            Backing::Grown { items, .. } => {
                items.insert(index, item);
                Ok(())
            }
        }
    }

    /// Takes the last element off.
    pub fn pop(&mut self) -> Option<T> {
        match &mut self.backing {
            Backing::Lent(items) => items.pop(),
            #[cfg(feature = "alloc")]
            Backing::Grown { items, .. } => items.pop(),
        }
    }

    /// Takes out the element at `index` and closes the gap, keeping the order.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        if index >= self.len() {
            return None;
        }
        Some(match &mut self.backing {
            Backing::Lent(items) => items.remove(index),
            #[cfg(feature = "alloc")]
            Backing::Grown { items, .. } => items.remove(index),
        })
    }

    /// Takes out the element at `index` by moving the last one into its place.
    pub fn swap_remove(&mut self, index: usize) -> Option<T> {
        if index >= self.len() {
            return None;
        }
        Some(match &mut self.backing {
            Backing::Lent(items) => items.swap_remove(index),
            #[cfg(feature = "alloc")]
            Backing::Grown { items, .. } => items.swap_remove(index),
        })
    }

    /// Shortens the list to `len` elements; a longer `len` changes nothing.
    pub fn truncate(&mut self, len: usize) {
        match &mut self.backing {
            Backing::Lent(items) => items.truncate(len),
            #[cfg(feature = "alloc")]
            Backing::Grown { items, .. } => items.truncate(len),
        }
    }

    /// Empties the list.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Gives memory back that a grown list no longer needs; lent memory stays with the list.
    pub fn shrink(&mut self) {
        #[cfg(feature = "alloc")]
        if let Backing::Grown { items, .. } = &mut self.backing {
            items.shrink_to_fit();
        }
    }
}

impl<T: Clone> List<'_, T> {
    /// Appends copies of all of `items`, or of none of them.
    ///
    /// # Errors
    /// [`Full`] when they do not all fit.
    pub fn extend_from_slice(&mut self, items: &[T]) -> Result<(), Full> {
        if items.len() > self.capacity() - self.len() {
            return Err(Full);
        }
        match &mut self.backing {
            Backing::Lent(held) => held.extend_from_slice(items).map_err(|_| Full),
            #[cfg(feature = "alloc")]
            Backing::Grown { items: held, .. } => {
                held.extend_from_slice(items);
                Ok(())
            }
        }
    }

    /// Lengthens the list to `len` copies of `item`; a shorter `len` changes nothing.
    ///
    /// # Errors
    /// [`Full`] when `len` exceeds the capacity.
    pub fn fill_to(&mut self, len: usize, item: T) -> Result<(), Full> {
        if len > self.capacity() {
            return Err(Full);
        }
        if len <= self.len() {
            return Ok(());
        }
        match &mut self.backing {
            Backing::Lent(held) => held.resize(len, item).map_err(|_| Full),
            #[cfg(feature = "alloc")]
            Backing::Grown { items: held, .. } => {
                held.resize(len, item);
                Ok(())
            }
        }
    }
}

impl<T> Deref for List<'_, T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match &self.backing {
            Backing::Lent(items) => items,
            #[cfg(feature = "alloc")]
            Backing::Grown { items, .. } => items,
        }
    }
}

impl<T> DerefMut for List<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.backing {
            Backing::Lent(items) => items,
            #[cfg(feature = "alloc")]
            Backing::Grown { items, .. } => items,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
