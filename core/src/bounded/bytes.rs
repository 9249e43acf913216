//! Byte strings of any length in one bounded run of memory.

use core::fmt;

use super::Full;
use super::list::List;

/// Names a byte string in a [`ByteHeap`]. Copying the name copies no bytes.
///
/// A name stays good until [`ByteHeap::release`] is called once for each owner; the heap that made it must be the one that is asked.
/// Names have an order, so that sets of them can be sorted; it says nothing of the strings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Text(u32);

impl Text {
    /// The empty string, which every heap knows without storing it.
    pub const EMPTY: Self = Self(u32::MAX);
}

/// Where one string lies; a released span waits in the free chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    start: u32,
    size: u32,
    /// How many releases it takes to free it; 0 when it is free.
    owners: u32,
}

/// Byte strings of any length, each named by a [`Text`].
///
/// New strings are laid behind the last one; when the end is reached, or half of what is laid down is garbage, the living ones are
/// slid together, in the order in which they lie. So storing costs one copy and, over time, at most one more.
/// Bounds: the capacity of the byte list in bytes (below 4 GiB), of the span list in strings.
pub struct ByteHeap<'m> {
    bytes: List<'m, u8>,
    spans: List<'m, Span>,
    free: List<'m, u32>,
    live: usize,
}

impl<'m> ByteHeap<'m> {
    /// A heap in lent memory. `spans` bounds how many strings, `bytes` how many bytes; `free` needs the capacity of `spans`.
    ///
    /// # Panics
    /// When `free` is shorter than `spans`.
    #[must_use]
    pub fn lent(bytes: List<'m, u8>, spans: List<'m, Span>, free: List<'m, u32>) -> Self {
        assert!(free.capacity() >= spans.capacity(), "every string can be released");
        let mut heap = Self { bytes, spans, free, live: 0 };
        heap.bytes.clear();
        heap.spans.clear();
        heap.free.clear();
        heap
    }

    /// A heap that allocates as it grows, up to `bytes_max` bytes in at most `texts_max` strings.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn grown(bytes_max: usize, texts_max: usize) -> Self {
        Self::lent(List::grown(bytes_max), List::grown(texts_max), List::grown(texts_max))
    }

    /// How many bytes of living strings there are.
    #[must_use]
    pub const fn live(&self) -> usize {
        self.live
    }

    /// Whether `texts` strings of `size` bytes altogether would find room.
    #[must_use]
    pub fn has_room_for(&self, size: usize, texts: usize) -> bool {
        let spans = self.free.len() + (self.spans.capacity() - self.spans.len());
        self.bytes.capacity() - self.live >= size && spans >= texts
    }

    /// Stores a copy of `bytes`.
    ///
    /// # Errors
    /// [`Full`] when the living strings leave no room for it.
    pub fn store(&mut self, bytes: &[u8]) -> Result<Text, Full> {
        self.store_parts(&[bytes])
    }

    /// Stores a copy of several pieces as one string.
    ///
    /// # Errors
    /// [`Full`] when the living strings leave no room for it.
    pub fn store_parts(&mut self, parts: &[&[u8]]) -> Result<Text, Full> {
        let text = self.reserve(parts.iter().map(|part| part.len()).sum())?;
        if text != Text::EMPTY {
            let mut end = index(self.span(text).start);
            for part in parts {
                if let Some(place) = self.bytes.get_mut(end..end + part.len()) {
                    place.copy_from_slice(part);
                }
                end += part.len();
            }
        }
        Ok(text)
    }

    /// Makes a string of `size` zeros behind the others.
    fn reserve(&mut self, size: usize) -> Result<Text, Full> {
        if size == 0 {
            return Ok(Text::EMPTY);
        }
        if self.bytes.capacity() - self.bytes.len() < size || self.garbage_dominates() {
            self.compact();
        }
        let start = u32::try_from(self.bytes.len()).map_err(|_| Full)?;
        let span = Span { start, size: u32::try_from(size).map_err(|_| Full)?, owners: 1 };
        if self.bytes.capacity() - self.bytes.len() < size || (self.free.is_empty() && self.spans.is_full()) {
            return Err(Full);
        }
        self.bytes.fill_to(self.bytes.len() + size, 0)?;
        self.live += size;
        if let Some(name) = self.free.pop()
            && let Some(slot) = self.spans.get_mut(index(name))
        {
            *slot = span;
            return Ok(Text(name));
        }
        let name = u32::try_from(self.spans.len()).map_err(|_| Full)?;
        self.spans.push(span)?;
        Ok(Text(name))
    }

    /// Gives a string one owner more, who releases it in turn. Takes no room, so it cannot fail: strings never change.
    ///
    /// # Panics
    /// When `text` was released already, or has 2^32 - 1 owners: the machine that holds it is broken.
    #[must_use]
    pub fn share(&mut self, text: Text) -> Text {
        if text != Text::EMPTY {
            let owners = self.span(text).owners.checked_add(1);
            assert!(owners.is_some(), "a text has too many owners: {text:?}");
            if let (Some(span), Some(owners)) = (self.spans.get_mut(index(text.0)), owners) {
                span.owners = owners;
            }
        }
        text
    }

    /// The bytes of a string.
    ///
    /// # Panics
    /// When `text` was released or belongs to another heap: the machine that holds it is broken.
    #[must_use]
    pub fn bytes(&self, text: Text) -> &[u8] {
        if text == Text::EMPTY {
            return &[];
        }
        let span = self.span(text);
        self.bytes.get(index(span.start)..index(span.start) + index(span.size)).unwrap_or_default()
    }

    /// The string as text; what is not UTF-8 reads as empty, which cannot happen to strings that were stored from `str`.
    #[must_use]
    pub fn str(&self, text: Text) -> &str {
        core::str::from_utf8(self.bytes(text)).unwrap_or_default()
    }

    /// Takes one owner from a string; without any it is forgotten.
    ///
    /// # Panics
    /// When `text` was released already: the machine that holds it is broken.
    pub fn release(&mut self, text: Text) {
        if text == Text::EMPTY {
            return;
        }
        let span = self.span(text);
        if let Some(slot) = self.spans.get_mut(index(text.0)) {
            slot.owners -= 1;
        }
        if span.owners > 1 {
            return;
        }
        self.live -= index(span.size);
        // A released string at the very end gives its bytes back at once: the common case of store, fail, release.
        if index(span.start) + index(span.size) == self.bytes.len() {
            self.bytes.truncate(index(span.start));
        }
        // `free` has the capacity of `spans`, and a name enters it once per release.
        let kept = self.free.push(text.0);
        debug_assert!(kept.is_ok(), "the free list is as long as the span list");
        if self.live == 0 {
            self.bytes.clear();
            self.bytes.shrink();
        }
    }

    /// Stores `bytes` in place of the string `old`, which is released.
    ///
    /// # Errors
    /// [`Full`] when there is no room; `old` is then untouched.
    pub fn replace(&mut self, old: Text, bytes: &[u8]) -> Result<Text, Full> {
        if self.bytes(old) == bytes {
            return Ok(old);
        }
        let new = self.store(bytes)?;
        self.release(old);
        Ok(new)
    }

    fn span(&self, text: Text) -> Span {
        let span = self.spans.get(index(text.0)).copied().unwrap_or_default();
        assert!(span.owners > 0, "a released text was used again: {text:?}");
        span
    }

    fn garbage_dominates(&self) -> bool {
        self.bytes.len() > 4096 && self.bytes.len() - self.live > self.bytes.len() / 2
    }

    /// Slides the living strings together, in the order in which they lie.
    fn compact(&mut self) {
        let mut end = 0usize;
        let mut floor = 0u32;
        // Spans are visited by rising start without extra memory: each round finds the next one at or above `floor`.
        // The number of rounds times spans would be quadratic, so the order is kept in `free`'s spare room when there is some.
        if self.order_by_start() {
            let free_len = self.free.len();
            let living = self.spans.iter().filter(|span| span.owners > 0).count();
            let first = free_len - living;
            for at in first..free_len {
                if let Some(name) = self.free.get(at).copied() {
                    end = self.slide(name, end);
                }
            }
            self.free.truncate(first);
        } else {
            while let Some(name) = self.next_at_or_above(floor) {
                floor = self.spans.get(index(name)).map_or(u32::MAX, |span| span.start + span.size);
                end = self.slide(name, end);
            }
        }
        self.bytes.truncate(end);
        if self.bytes.len() < 4096 {
            self.bytes.shrink();
        }
    }

    /// Lays the names of living strings, sorted by where they lie, behind the free names. False when they do not fit.
    fn order_by_start(&mut self) -> bool {
        let before = self.free.len();
        for at in 0..self.spans.len() {
            let used = self.spans.get(at).is_some_and(|span| span.owners > 0);
            let name = u32::try_from(at).unwrap_or(u32::MAX);
            if used && self.free.push(name).is_err() {
                self.free.truncate(before);
                return false;
            }
        }
        let spans = &self.spans;
        if let Some(living) = self.free.get_mut(before..) {
            living.sort_unstable_by_key(|name| spans.get(index(*name)).map(|span| span.start));
        }
        true
    }

    fn next_at_or_above(&self, floor: u32) -> Option<u32> {
        let living = self.spans.iter().enumerate().filter(|(_, span)| span.owners > 0 && span.start >= floor);
        living.min_by_key(|(_, span)| span.start).and_then(|(at, _)| u32::try_from(at).ok())
    }

    /// Moves one string down to `end` and answers the end behind it.
    fn slide(&mut self, name: u32, end: usize) -> usize {
        let Some(span) = self.spans.get_mut(index(name)) else { return end };
        let (start, size) = (index(span.start), index(span.size));
        span.start = u32::try_from(end).unwrap_or(u32::MAX);
        self.bytes.copy_within(start..start + size, end);
        end + size
    }
}

impl fmt::Debug for ByteHeap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteHeap").field("live", &self.live).field("laid", &self.bytes.len()).field("texts", &self.spans.len()).finish()
    }
}

/// Names and sizes are 32 bits wide; every target this runs on addresses at least as much.
fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn strings_survive_compaction_and_a_full_heap_says_so() {
        let mut heap = ByteHeap::grown(64, 16);
        let a = heap.store(&[1; 20]).unwrap();
        let b = heap.store(&[2; 20]).unwrap();
        let c = heap.store(&[3; 20]).unwrap();
        assert_eq!(heap.store(&[4; 20]), Err(Full));
        heap.release(b);
        let d = heap.store(&[4; 20]).unwrap();
        assert_eq!(heap.bytes(a), [1; 20]);
        assert_eq!(heap.bytes(c), [3; 20]);
        assert_eq!(heap.bytes(d), [4; 20]);
        assert_eq!(heap.live(), 60);
    }

    #[test]
    fn a_heap_in_lent_memory_behaves_as_a_grown_one() {
        let mut bytes = heapless::Vec::<u8, 256>::new();
        let mut spans = heapless::Vec::<Span, 32>::new();
        let mut free = heapless::Vec::<u32, 32>::new();
        let lent = ByteHeap::lent(List::lent(&mut bytes), List::lent(&mut spans), List::lent(&mut free));
        let grown = ByteHeap::grown(256, 32);
        let mut model: Vec<(Vec<u8>, Text, Text)> = Vec::new();
        let (mut lent, mut grown) = (lent, grown);
        let mut seed = 7u32;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let pick = usize::try_from(seed >> 8).unwrap();
            if seed & 24 == 0 && !model.is_empty() {
                let (text, a, b) = model[pick % model.len()].clone();
                let live = lent.live();
                model.push((text, lent.share(a), grown.share(b)));
                assert_eq!((lent.live(), grown.live()), (live, live));
            } else if seed & 4 == 0 && !model.is_empty() {
                let (_, a, b) = model.swap_remove(pick % model.len());
                lent.release(a);
                grown.release(b);
            } else {
                let text: Vec<u8> = (0..pick % 23).map(|at| u8::try_from((at * 7 + pick) % 251).unwrap()).collect();
                match (lent.store(&text), grown.store(&text)) {
                    (Ok(a), Ok(b)) => model.push((text, a, b)),
                    (Err(Full), Err(Full)) => assert!(!lent.has_room_for(text.len(), 1) && !grown.has_room_for(text.len(), 1)),
                    unequal => panic!("{unequal:?}"),
                }
            }
            for (text, a, b) in &model {
                assert_eq!(lent.bytes(*a), text);
                assert_eq!(grown.bytes(*b), text);
            }
        }
        for (_, a, b) in model {
            lent.release(a);
            grown.release(b);
        }
        assert_eq!((lent.live(), grown.live()), (0, 0));
    }
}
