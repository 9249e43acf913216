//! Every call is answered once, and in its time.

use std::collections::BTreeMap;

use super::Verdict;

/// The longest that any call may take: a join of a member that nobody has answered yet, and some. Unit: ms.
const LONGEST: u64 = 330_000;

#[derive(Debug, Default)]
pub(crate) struct Answered {
    /// When those came that have no answer yet.
    open: BTreeMap<u64, u64>,
}

impl Answered {
    pub(crate) fn receive(&mut self, call: u64, now: u64) {
        self.open.insert(call, now);
    }

    pub(crate) fn answer(&mut self, call: u64) -> Verdict {
        self.open.remove(&call).map(drop).ok_or_else(|| format!("call {call} is answered, and has no answer to get"))
    }

    /// The broker is gone: nobody will answer.
    pub(crate) fn restart(&mut self) {
        self.open.clear();
    }

    pub(crate) fn look(&self, now: u64, waits: impl Fn(u64) -> bool) -> Verdict {
        for (call, since) in &self.open {
            if !waits(*call) {
                return Err(format!("call {call} has no answer and does not wait for one"));
            }
            if now - since > LONGEST {
                return Err(format!("call {call} has waited since {since}"));
            }
        }
        Ok(())
    }
}
