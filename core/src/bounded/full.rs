//! What every container says at its end.

/// A container has reached the limit it was built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl core::fmt::Display for Full {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the memory set aside for this is used up")
    }
}

impl core::error::Error for Full {}
