//! What must hold between any two steps, for tests and for runtimes that would rather stop than go on wrongly.

use super::coordinator::Coordinator;
use super::state::RecordState;

impl Coordinator<'_> {
    /// Asserts that everything kept twice agrees with itself, and that whatever is acquired comes back some day.
    ///
    /// # Panics
    /// When something does not hold: the machine is broken.
    pub fn assert_consistent(&self) {
        let mut runs = 0;
        for (slot, entry) in self.partitions.iter() {
            let key = self.key_of(entry);
            assert_eq!(self.find(&key), Some(slot), "a shared partition is found by its key");
            let mut next = entry.start;
            let mut earliest = None;
            for (_, run) in self.runs.of(entry.runs) {
                runs += 1;
                assert!(run.first <= run.last && next.is_some_and(|next| run.first >= next), "{key:?}: runs rise: {run:?}");
                let is_owned = !self.texts.bytes(run.owner).is_empty();
                assert_eq!(run.state == RecordState::Acquired, is_owned, "{key:?}: what is acquired is somebody's: {run:?}");
                if is_owned {
                    earliest = earliest.into_iter().chain([run.due]).min();
                }
                next = Some(crate::ids::Offset(run.last.0 + 1));
            }
            let first = self.runs.of(entry.runs).next();
            assert!(
                first.is_none_or(|(_, run)| Some(run.first) != entry.start || !run.state.is_terminal()),
                "{key:?}: what is done with at the start is forgotten"
            );
            let due = self.locks.get(slot);
            assert!(earliest.is_none() || due.is_some_and(|due| Some(due) <= earliest), "{key:?}: locks expire: {due:?}, {earliest:?}");
        }
        assert_eq!(runs, self.runs.len(), "every run is of a partition");
        if self.partitions.is_empty() {
            assert_eq!(self.texts.live(), 0, "nothing is left of partitions that are shared no longer");
        }
    }
}
