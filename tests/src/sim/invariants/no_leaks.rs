//! Nothing waits for calls that are gone: the broker and its core agree who waits.

use std::collections::BTreeSet;

use super::Verdict;

/// The calls that the broker keeps for its machines, how many others it keeps, and what the core says of both.
pub(crate) fn look(machine: &BTreeSet<u64>, others: usize, in_machine: &BTreeSet<u64>, parked: usize) -> Verdict {
    if machine != in_machine {
        return Err(format!("the broker keeps {machine:?} for the groups, which wait for {in_machine:?}"));
    }
    if others != parked {
        return Err(format!("the broker keeps {others} calls, and {parked} are parked"));
    }
    Ok(())
}
