//! Two kinds of time that are never mixed: how long (monotonic) and when (wall clock).
//!
//! Core reads no clock. Every public function that needs time takes it as its first argument, named `now` or `wall`.

use core::fmt;

/// A point on the runtime's monotonic clock. Unit: ms since an origin that the runtime chose; never stored, never sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(pub u64);

/// A point on the wall clock as records carry it. Unit: ms since 1970-01-01 UTC. Absence is an `Option`; -1 exists only on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// A length of time. Unit: ms.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

impl Instant {
    /// The origin.
    pub const ZERO: Self = Self(0);
    /// Later than every deadline.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `span` later; saturates at [`Instant::MAX`].
    #[must_use]
    pub const fn after(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl Timestamp {
    /// The timestamp `span` later; saturates.
    #[must_use]
    pub fn after(self, span: Millis) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.0).unwrap_or(i64::MAX)))
    }
}

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A length that a peer gave as a signed number; a negative one counts as none.
    #[must_use]
    pub fn from_signed(span_ms: i64) -> Self {
        Self(u64::try_from(span_ms).unwrap_or(0))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t={}", self.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({})", self.0)
    }
}

impl fmt::Debug for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// One reading of both clocks, taken by the runtime when it hands an input to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Moment {
    /// The monotonic clock: for deadlines.
    pub now: Instant,
    /// The wall clock: for what is stored.
    pub wall: Timestamp,
}
