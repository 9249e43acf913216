//! The only reader of clocks.

use millpond_core::time::{Instant, Moment, Timestamp};

/// Both clocks: a monotonic one that counts from when this was made, and the wall's.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock whose origin is now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where clocks are read")]
    pub fn start() -> Self {
        Self { origin: std::time::Instant::now() }
    }

    /// A reading of both clocks.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment { now: Instant(u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)), wall: wall() }
    }

    /// How far away a deadline is: rounded up, so that who sleeps that long does not wake before it.
    #[must_use]
    pub fn until(&self, due: Instant) -> core::time::Duration {
        core::time::Duration::from_millis(due.0).saturating_sub(self.origin.elapsed())
    }
}

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "this is where clocks are read")]
fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
