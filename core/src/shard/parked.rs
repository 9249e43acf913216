//! Calls that wait, and for what: until records are committed, until there are bytes to read, or until their time is up.
//!
//! Conditions are data here. A call is released exactly once, and then forgotten.

use crate::bounded::Full;
use crate::bounded::chain::{Chain, Links, linked};
use crate::bounded::deadlines::{DeadlineEntry, Deadlines};
use crate::bounded::list::List;
use crate::bounded::slab::{Place, Slab, Slot};
use crate::ids::{CallId, Offset};
use crate::time::Instant;

/// How a wait has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What was waited for has come.
    Ready,
    /// The time is up first.
    TimedOut,
    /// It will not come: a log it concerns has failed.
    Failed,
    /// It will not come: a log it concerns is gone with its topic.
    Gone,
}

/// Hears whose wait has ended. The runtime's part.
pub trait Release {
    /// The wait of `call` has ended.
    fn release(&mut self, call: CallId, outcome: Outcome);
}

/// The waits of one partition.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waiting {
    /// For records to be committed, in the order of their offsets.
    committed: Chain,
    /// For bytes to read.
    bytes: Chain,
}

/// One call that waits.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    call: CallId,
    condition: Condition,
    first_node: Slot,
}

#[derive(Clone, Copy, Debug)]
enum Condition {
    /// So many partitions have yet to commit.
    Committed { partitions: usize },
    /// So many bytes have yet to be appended.
    Bytes { missing: i64 },
}

/// One call at one partition.
#[derive(Debug)]
pub struct Node {
    wait: Slot,
    partition: Slot,
    /// For commits: the offset that the high watermark must reach.
    end: Offset,
    links: Links,
    next_of_wait: Slot,
}

linked!(Node);

/// All calls that wait.
///
/// Bounds: the capacities of the slabs: calls, and calls times partitions.
#[derive(Debug)]
pub struct Parked<'m> {
    waits: Slab<'m, Wait>,
    nodes: Slab<'m, Node>,
    due: Deadlines<'m>,
}

/// The memory of [`Parked`].
#[derive(Debug)]
pub struct ParkedMemory<'m> {
    /// One entry a call.
    pub waits: List<'m, Place<Wait>>,
    /// One entry a call and partition.
    pub nodes: List<'m, Place<Node>>,
    /// Capacity of `waits`.
    pub heap: List<'m, Slot>,
    /// Capacity of `waits`.
    pub entries: List<'m, DeadlineEntry>,
}

#[cfg(feature = "alloc")]
impl ParkedMemory<'_> {
    /// Memory that is allocated as it is needed, for so many calls and calls times partitions.
    #[must_use]
    pub const fn grown(calls: usize, nodes: usize) -> Self {
        Self { waits: List::grown(calls), nodes: List::grown(nodes), heap: List::grown(calls), entries: List::grown(calls) }
    }
}

/// What a partition's waits need of the table of partitions.
pub trait Partitions {
    /// The waits of a partition.
    fn waiting_mut(&mut self, partition: Slot) -> Option<&mut Waiting>;
}

impl<'m> Parked<'m> {
    /// Nobody waits.
    #[must_use]
    pub fn new(memory: ParkedMemory<'m>) -> Self {
        Self { waits: Slab::new(memory.waits), nodes: Slab::new(memory.nodes), due: Deadlines::new(memory.heap, memory.entries) }
    }

    /// The number of calls that wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.waits.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }

    /// The earliest instant at which somebody's time is up.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| due)
    }

    /// Lets a call wait until each of the partitions has committed everything below the offset beside it.
    ///
    /// # Errors
    /// [`Full`] when too many calls wait; this one then does not.
    pub fn hold(&mut self, call: CallId, due: Instant, ends: &[(Slot, Offset)], partitions: &mut impl Partitions) -> Result<(), Full> {
        let wait = self.add(call, due, Condition::Committed { partitions: ends.len() }, ends.len())?;
        for (partition, end) in ends {
            if let Some(node) = self.add_node(wait, *partition, *end)
                && let Some(waiting) = partitions.waiting_mut(*partition)
            {
                waiting.committed.push(&mut self.nodes, node);
            }
        }
        Ok(())
    }

    /// Lets a call wait until `missing` more bytes were appended to the partitions, and some of them can be read.
    ///
    /// # Errors
    /// [`Full`] when too many calls wait; this one then does not.
    pub fn await_bytes(
        &mut self,
        call: CallId,
        due: Instant,
        missing: i64,
        of: &[Slot],
        partitions: &mut impl Partitions,
    ) -> Result<(), Full> {
        let wait = self.add(call, due, Condition::Bytes { missing }, of.len())?;
        for partition in of {
            if let Some(node) = self.add_node(wait, *partition, Offset::ZERO)
                && let Some(waiting) = partitions.waiting_mut(*partition)
            {
                waiting.bytes.push(&mut self.nodes, node);
            }
        }
        Ok(())
    }

    /// Lets a call wait until [`Parked::let_go`], or its time is up. Answers the place of its wait.
    ///
    /// # Errors
    /// [`Full`] when too many calls wait; this one then does not.
    pub fn keep(&mut self, call: CallId, due: Instant) -> Result<Slot, Full> {
        self.add(call, due, Condition::Committed { partitions: 0 }, 0)
    }

    /// Whether the wait at a place is still that of `call`.
    #[must_use]
    pub fn is_kept(&self, wait: Slot, call: CallId) -> bool {
        self.waits.get(wait).is_some_and(|wait| wait.call == call)
    }

    /// What a call waited for has come, if it still waits.
    pub fn let_go(&mut self, wait: Slot, call: CallId, partitions: &mut impl Partitions, out: &mut dyn Release) {
        if self.is_kept(wait, call) {
            self.end(wait, Outcome::Ready, partitions, out);
        }
    }

    fn add(&mut self, call: CallId, due: Instant, condition: Condition, nodes: usize) -> Result<Slot, Full> {
        if self.nodes.capacity() - self.nodes.len() < nodes {
            return Err(Full);
        }
        let wait = self.waits.insert(Wait { call, condition, first_node: Slot::NONE })?;
        self.due.set(wait, due).inspect_err(|Full| {
            self.waits.remove(wait);
        })?;
        Ok(wait)
    }

    fn add_node(&mut self, wait: Slot, partition: Slot, end: Offset) -> Option<Slot> {
        let next_of_wait = self.waits.get(wait)?.first_node;
        let node = self.nodes.insert(Node { wait, partition, end, links: Links::default(), next_of_wait }).ok()?;
        self.waits.get_mut(wait)?.first_node = node;
        Some(node)
    }

    /// Bytes were appended to a partition; they may not be visible yet.
    pub fn appended(&mut self, waiting: &Waiting, bytes: u32) {
        let mut node = waiting.bytes.first();
        while let Some(entry) = self.nodes.get(node) {
            node = entry.links.next_slot();
            if let Some(Wait { condition: Condition::Bytes { missing }, .. }) = self.waits.get_mut(entry.wait) {
                *missing = missing.saturating_sub(i64::from(bytes));
            }
        }
    }

    /// The high watermark of a partition has moved.
    pub fn committed(&mut self, partition: Slot, high_watermark: Offset, partitions: &mut impl Partitions, out: &mut dyn Release) {
        while let Some(waiting) = partitions.waiting_mut(partition)
            && let first = waiting.committed.first()
            && let Some(node) = self.nodes.get(first)
            && node.end <= high_watermark
        {
            let wait = node.wait;
            waiting.committed.unlink(&mut self.nodes, first);
            // The node stays with its wait, out of every chain, until the wait ends.
            if let Some(node) = self.nodes.get_mut(first) {
                node.partition = Slot::NONE;
            }
            if let Some(Wait { condition: Condition::Committed { partitions: left }, .. }) = self.waits.get_mut(wait) {
                *left -= 1;
                if *left == 0 {
                    self.end(wait, Outcome::Ready, partitions, out);
                }
            }
        }
        let mut node = partitions.waiting_mut(partition).map_or(Slot::NONE, |waiting| waiting.bytes.first());
        while let Some(entry) = self.nodes.get(node) {
            let (wait, next) = (entry.wait, entry.links.next_slot());
            let enough = matches!(self.waits.get(wait), Some(Wait { condition: Condition::Bytes { missing }, .. }) if *missing <= 0);
            if enough {
                self.end(wait, Outcome::Ready, partitions, out);
            }
            // A call waits at most once for bytes of one partition, so ending it leaves the next node where it is.
            node = next;
        }
    }

    /// There may be something to read for whoever waits for bytes of a partition, however few have come.
    pub fn wake(&mut self, partition: Slot, partitions: &mut impl Partitions, out: &mut dyn Release) {
        while let Some(first) = partitions.waiting_mut(partition).map(|waiting| waiting.bytes.first())
            && let Some(wait) = self.nodes.get(first).map(|node| node.wait)
        {
            self.end(wait, Outcome::Ready, partitions, out);
        }
    }

    /// A partition has failed or is gone, as `why` says: whoever waits for it is told.
    pub fn abandon(&mut self, partition: Slot, why: Outcome, partitions: &mut impl Partitions, out: &mut dyn Release) {
        loop {
            let Some(waiting) = partitions.waiting_mut(partition) else { return };
            let (first, outcome) = if waiting.committed.is_empty() {
                // Readers look again, and see for themselves.
                (waiting.bytes.first(), Outcome::Ready)
            } else {
                (waiting.committed.first(), why)
            };
            let Some(wait) = self.nodes.get(first).map(|node| node.wait) else { return };
            self.end(wait, outcome, partitions, out);
        }
    }

    /// Ends the wait of whoever's time is up, one at a time. Answers whether there was one.
    pub fn handle_timeout(&mut self, now: Instant, partitions: &mut impl Partitions, out: &mut dyn Release) -> bool {
        let Some((due, wait)) = self.due.first() else { return false };
        if due > now {
            return false;
        }
        let outcome = match self.waits.get(wait).map(|wait| wait.condition) {
            // A fetch whose time is up is answered with what there is.
            Some(Condition::Bytes { .. }) => Outcome::Ready,
            Some(Condition::Committed { .. }) | None => Outcome::TimedOut,
        };
        self.end(wait, outcome, partitions, out);
        true
    }

    fn end(&mut self, slot: Slot, outcome: Outcome, partitions: &mut impl Partitions, out: &mut dyn Release) {
        self.due.clear(slot);
        let Some(wait) = self.waits.remove(slot) else { return };
        let mut node = wait.first_node;
        while let Some(entry) = self.nodes.get(node) {
            let (partition, next) = (entry.partition, entry.next_of_wait);
            if let Some(waiting) = partitions.waiting_mut(partition) {
                let chain = match wait.condition {
                    Condition::Committed { .. } => &mut waiting.committed,
                    Condition::Bytes { .. } => &mut waiting.bytes,
                };
                chain.unlink(&mut self.nodes, node);
            }
            self.nodes.remove(node);
            node = next;
        }
        out.release(wait.call, outcome);
    }
}
