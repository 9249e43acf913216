//! Both clocks of the simulated machine: the monotonic one only goes on, the wall clock jumps as an administrator's does.

use millpond_core::time::{Instant, Moment, Timestamp};

/// What the wall clock reads when a world begins.
const WALL_START: i64 = 1_700_000_000_000;

/// The time of a world. Unit: ms.
#[derive(Debug)]
pub(crate) struct Clock {
    pub(crate) now: u64,
    skew: i64,
}

impl Clock {
    pub(crate) const fn new() -> Self {
        Self { now: 1, skew: 0 }
    }

    pub(crate) fn moment(&self) -> Moment {
        let now = i64::try_from(self.now).unwrap_or(i64::MAX);
        Moment { now: Instant(self.now), wall: Timestamp(WALL_START + now + self.skew) }
    }

    /// The wall clock is put forward or back; the monotonic one does not notice.
    pub(crate) const fn jump(&mut self, by: i64) {
        self.skew += by;
    }
}
