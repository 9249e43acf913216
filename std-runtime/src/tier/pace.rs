//! So many bytes a second.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Lets bytes through at a rate, all who ask together.
#[derive(Debug)]
pub(super) struct Pace {
    /// Unit: bytes a second.
    rate: u64,
    /// Until when what was let through so far takes.
    busy_until: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) const fn new(rate: u64) -> Self {
        Self { rate, busy_until: Mutex::new(None) }
    }

    /// Waits until so many bytes more may come.
    pub(super) async fn take(&self, bytes: u64) {
        if self.rate >= i64::MAX.unsigned_abs() {
            return;
        }
        let span = Duration::from_millis(bytes.saturating_mul(1000) / self.rate.max(1));
        let begin = {
            let now = Instant::now();
            let mut busy_until = self.busy_until.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = busy_until.map_or(now, |until| until.max(now));
            *busy_until = begin.checked_add(span);
            begin
        };
        tokio::time::sleep_until(begin).await;
    }
}
