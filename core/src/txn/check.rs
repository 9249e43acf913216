//! What must hold between any two steps, for tests and for runtimes that would rather stop than go on wrongly.

use super::coordinator::Coordinator;
use super::state::State;

impl Coordinator<'_> {
    /// Asserts that everything kept twice agrees with itself, and that whoever is open has a deadline.
    ///
    /// # Panics
    /// When something does not hold: the machine is broken.
    pub fn assert_consistent(&self) {
        let (mut topics, mut partitions) = (0, 0);
        for (slot, transaction) in self.transactions.iter() {
            let id = self.texts.str(transaction.id);
            assert_eq!(self.find(id), Some(slot), "a transaction is found by its id");
            topics += transaction.topics.len();
            partitions += transaction.topics.iter(&self.topics).map(|(_, topic)| topic.partitions.len()).sum::<usize>();
            let is_open = transaction.state == State::Ongoing;
            assert_eq!(self.timeouts.is_set(slot), is_open, "{id}: who is open has a deadline, and nobody else");
            let reaches = is_open || transaction.state.decided().is_some();
            assert!(reaches || transaction.topics.is_empty(), "{id}: what is over reaches nothing");
            let ends = self.ending.iter(&self.transactions).any(|(other, _)| other == slot);
            assert_eq!(ends, transaction.state.decided().is_some(), "{id}: who is decided stands among those that end");
        }
        assert_eq!((topics, partitions), (self.topics.len(), self.partitions.len()), "everything is in a transaction");
        assert!(self.transactions.is_empty() || self.expiry.is_some(), "where there are ids, unused ones are looked for some day");
        if self.transactions.is_empty() {
            assert_eq!(self.texts.live(), 0, "nothing is left of transactions that are gone");
        }
    }
}
