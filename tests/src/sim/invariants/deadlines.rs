//! After a turn of the clock no deadline lies in the past.

use millpond_core::time::Instant;

use super::Verdict;

pub(crate) fn look(now: Instant, due: Option<Instant>) -> Verdict {
    match due.filter(|due| *due <= now) {
        Some(due) => Err(format!("at {now:?} somebody still waits for {due:?}")),
        None => Ok(()),
    }
}
