//! How a test waits for what goes on in another process, or in the background: it looks again and again.

use core::time::Duration;
use std::thread;

const TRIES: u32 = 3000;
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until there is something to be seen; `None` when there is nothing for 30 s.
#[expect(clippy::disallowed_methods, reason = "what goes on elsewhere has no other way to say so")]
pub fn poll<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..TRIES {
        if let Some(found) = look() {
            return Some(found);
        }
        thread::sleep(PAUSE);
    }
    None
}

/// Looks until there is something to be seen.
///
/// # Panics
/// When there is nothing for 30 s.
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    poll(look).unwrap_or_else(|| panic!("not within 30 s: {what}"))
}
