//! Runs of records that stand alike: cut where something changes, and joined again where nothing differs.
//!
//! ```text
//!  start                                                        end
//!    │ Acquired 1, a │        │ Available 2 │ Acknowledged 1 │   │
//!    0               4        6             8                9
//!                     never delivered: as if Available 0
//! ```
//! A partition has as many runs as there are places where something differs: of a batch of the log that is acknowledged record by record,
//! as many as records. Steps look for offsets that rise, so a walk begins where the one before has ended.

use core::cell::Cell;

use crate::bounded::Full;
use crate::bounded::bytes::{ByteHeap, Text};
use crate::bounded::slab::{Slab, Slot};
use crate::ids::Offset;

use super::state::Run;

/// The runs of all partitions.
#[derive(Debug)]
pub struct Runs<'m> {
    runs: Slab<'m, Run>,
    /// What was found last. A hint: without it the same is found, later.
    found: Cell<Found>,
}

/// Two runs of one list that were found last, the later one first: steps look at the border of a run and at the next one by turns.
#[derive(Clone, Copy, Debug)]
struct Found {
    head: Slot,
    last: Slot,
    before: Slot,
}

impl Found {
    const NOTHING: Self = Self { head: Slot::NONE, last: Slot::NONE, before: Slot::NONE };
}

impl<'m> Runs<'m> {
    /// Runs in a slab, which is empty.
    #[must_use]
    pub const fn new(runs: Slab<'m, Run>) -> Self {
        Self { runs, found: Cell::new(Found::NOTHING) }
    }

    pub(super) const fn len(&self) -> usize {
        self.runs.len()
    }

    /// How many are kept for what becomes of those that are there: who acquires leaves them free.
    pub(super) fn reserve(&self) -> usize {
        self.runs.capacity() / 8
    }

    /// Whether so many more would find room.
    pub(super) fn has_room_for(&self, count: usize) -> bool {
        self.runs.capacity() - self.runs.len() >= count
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Run> {
        self.runs.get_mut(slot)
    }

    /// The runs of a partition, rising.
    pub(super) fn of(&self, head: Slot) -> impl Iterator<Item = (Slot, &Run)> + Clone {
        let mut slot = head;
        core::iter::from_fn(move || {
            let run = self.runs.get(slot)?;
            let found = (slot, run);
            slot = run.next;
            Some(found)
        })
    }

    /// The run that holds an offset, or the first one behind it.
    pub(super) fn at(&self, head: Slot, offset: Offset) -> Option<(Slot, &Run)> {
        let found = self.of(self.before(head, offset)).find(|(_, run)| run.last >= offset)?;
        self.note(head, found.0);
        Some(found)
    }

    /// Where a walk to an offset may begin: nothing before it reaches there.
    fn before(&self, head: Slot, offset: Offset) -> Slot {
        let found = self.found.get();
        let is_before = |slot: &Slot| found.head == head && self.runs.get(*slot).is_some_and(|run| run.first <= offset);
        [found.last, found.before].into_iter().find(is_before).unwrap_or(head)
    }

    fn note(&self, head: Slot, slot: Slot) {
        let found = self.found.get();
        if found.head != head {
            self.found.set(Found { head, last: slot, before: Slot::NONE });
        } else if found.last != slot {
            self.found.set(Found { head, last: slot, before: found.last });
        }
    }

    /// Takes a run out of its list.
    fn take(&mut self, slot: Slot) -> Option<Run> {
        self.found.set(Found::NOTHING);
        self.runs.remove(slot)
    }

    /// Sees to it that no run goes across an offset: one begins there, or none holds it.
    pub(super) fn cut(&mut self, texts: &mut ByteHeap<'m>, head: Slot, offset: Offset) -> Result<(), Full> {
        let Some((slot, run)) = self.at(head, offset).filter(|(_, run)| run.first < offset) else { return Ok(()) };
        let behind = Run { first: offset, ..*run };
        let behind = self.runs.insert(behind)?;
        let _ = texts.share(self.runs.get(behind).map_or(Text::EMPTY, |run| run.owner));
        if let Some(run) = self.runs.get_mut(slot) {
            (run.last, run.next) = (Offset(offset.0 - 1), behind);
        }
        Ok(())
    }

    /// Puts a run where there is none.
    pub(super) fn insert(&mut self, head: &mut Slot, run: Run) -> Result<(), Full> {
        let before = self.of(self.before(*head, run.first)).take_while(|(_, other)| other.last < run.first).last().map(|(slot, _)| slot);
        let next = before.and_then(|before| self.runs.get(before)).map_or(*head, |before| before.next);
        debug_assert!(self.runs.get(next).is_none_or(|next| run.last < next.first), "runs do not overlap");
        let slot = self.runs.insert(Run { next, ..run })?;
        match before.and_then(|before| self.runs.get_mut(before)) {
            Some(before) => before.next = slot,
            None => *head = slot,
        }
        self.note(*head, slot);
        Ok(())
    }

    /// Forgets everything below an offset.
    pub(super) fn trim(&mut self, texts: &mut ByteHeap<'m>, head: &mut Slot, start: Offset) {
        while let Some(run) = self.runs.get_mut(*head)
            && run.first < start
        {
            if run.last >= start {
                run.first = start;
                return;
            }
            let (owner, next) = (run.owner, run.next);
            self.take(*head);
            texts.release(owner);
            *head = next;
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self, texts: &mut ByteHeap<'m>, head: &mut Slot) {
        while let Some(run) = self.take(*head) {
            texts.release(run.owner);
            *head = run.next;
        }
    }

    /// Joins neighbours that differ in nothing.
    pub(super) fn join(&mut self, texts: &mut ByteHeap<'m>, head: Slot) {
        let mut slot = head;
        while let Some(run) = self.runs.get(slot).copied() {
            let next = run.next;
            let Some(behind) = self.runs.get(next).copied() else { return };
            let touches = run.last.0 + 1 == behind.first.0;
            let is_alike = run.state == behind.state && run.delivery_count == behind.delivery_count;
            // Who is done with has no batch that matters any more.
            let is_together = run.state.is_terminal()
                || (run.batch == behind.batch && run.due == behind.due && texts.bytes(run.owner) == texts.bytes(behind.owner));
            if touches && is_alike && is_together {
                self.take(next);
                texts.release(behind.owner);
                if let Some(run) = self.runs.get_mut(slot) {
                    (run.last, run.next) = (behind.last, behind.next);
                }
            } else {
                slot = next;
            }
        }
    }
}
