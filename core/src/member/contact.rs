//! What a member has asked its coordinator and not been told yet: one request at a time, and when the next one may follow.

use crate::time::{Instant, Millis};

/// Names a request, so that its reply is known from those to requests that were given up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u32);

impl core::fmt::Debug for RequestId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RequestId({})", self.0)
    }
}

/// How long to wait before something is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryConfig {
    /// `retry.backoff.ms`: the first time.
    pub backoff: Millis,
    /// `retry.backoff.max.ms`: at most, however often it was tried.
    pub backoff_max: Millis,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self { backoff: Millis(100), backoff_max: Millis(1_000) }
    }
}

/// The line to the coordinator. `K` says what kind of request is under way.
#[derive(Debug)]
pub(super) struct Contact<K> {
    config: RetryConfig,
    /// Whether it is known which broker is the coordinator.
    pub(super) is_found: bool,
    under_way: Option<(RequestId, K)>,
    last_id: u32,
    /// Nothing is asked before.
    pub(super) not_before: Instant,
    attempts: u32,
    chance: u64,
}

impl<K: Copy> Contact<K> {
    pub(super) const fn new(config: RetryConfig, seed: u64) -> Self {
        Self { config, is_found: false, under_way: None, last_id: 0, not_before: Instant::ZERO, attempts: 0, chance: seed }
    }

    /// A request leaves.
    pub(super) const fn begin(&mut self, kind: K) -> RequestId {
        let id = self.name();
        self.under_way = Some((id, kind));
        id
    }

    /// A name for a request that does not go to the coordinator.
    pub(super) const fn name(&mut self) -> RequestId {
        self.last_id = self.last_id.wrapping_add(1);
        RequestId(self.last_id)
    }

    /// The request is over, one way or the other. `None` when nobody waits for it any more.
    pub(super) fn end(&mut self, id: RequestId) -> Option<K> {
        let (_, kind) = self.under_way.take_if(|(under_way, _)| *under_way == id)?;
        Some(kind)
    }

    /// Nobody waits for the request under way any more.
    pub(super) fn abandon(&mut self) {
        self.under_way = None;
    }

    pub(super) fn under_way(&self) -> Option<K> {
        self.under_way.map(|(_, kind)| kind)
    }

    /// When the next request may leave; `None` while one is under way.
    pub(super) fn free_from(&self) -> Option<Instant> {
        if self.under_way.is_some() { None } else { Some(self.not_before) }
    }

    /// How long it is waited at most.
    pub(super) const fn longest(&self) -> Millis {
        self.config.backoff_max
    }

    /// Something was achieved: waiting starts from the beginning.
    pub(super) const fn succeed(&mut self) {
        self.attempts = 0;
        self.not_before = Instant::ZERO;
    }

    /// Something is to be tried again: not at once.
    ///
    /// Twice as long each time, a fifth more or less, so that the members of a group do not come all together.
    /// Source: `ExponentialBackoff`, `CommonClientConfigs.RETRY_BACKOFF_JITTER`.
    pub(super) fn back_off(&mut self, now: Instant) {
        let doubled = self.config.backoff.0.saturating_mul(1 << self.attempts.min(32));
        self.attempts = self.attempts.saturating_add(1);
        let span = doubled.min(self.config.backoff_max.0);
        let jitter = self.draw() % (span.saturating_mul(2) / 5).saturating_add(1);
        let span = (span - span / 5).saturating_add(jitter).min(self.config.backoff_max.0);
        self.not_before = now.after(Millis(span));
    }

    /// A number from the seed. Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (SplitMix64).
    const fn draw(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.chance;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_up_to_its_end_and_differs_between_seeds() {
        let spans = |seed| {
            let mut contact = Contact::<()>::new(RetryConfig::default(), seed);
            [(); 6].map(|()| {
                contact.back_off(Instant(1_000));
                contact.not_before.since(Instant(1_000)).0
            })
        };
        for seed in 0..100 {
            for (span, middle) in spans(seed).into_iter().zip([100u64, 200, 400, 800, 1_000, 1_000]) {
                assert!(span >= middle * 4 / 5 && span <= (middle * 6 / 5).min(1_000), "{span} around {middle}");
            }
        }
        assert_ne!(spans(1), spans(2));
        assert_eq!(spans(1), spans(1));
    }

    #[test]
    fn only_the_request_under_way_is_answered_and_only_once() {
        let mut contact = Contact::new(RetryConfig::default(), 0);
        let first = contact.begin('a');
        assert_eq!(contact.free_from(), None);
        contact.abandon();
        let second = contact.begin('b');
        assert_eq!((contact.end(first), contact.end(second), contact.end(second)), (None, Some('b'), None));
        assert_eq!(contact.free_from(), Some(Instant::ZERO));
    }
}
