//! The four offsets of a log and the one inequality between them.

use crate::ids::Offset;

/// `log_start ≤ last_stable ≤ high_watermark ≤ log_end`, always.
///
/// Every method keeps the inequality, by moving what has to give way: the start never moves back, the end carries nothing with it
/// upwards and everything downwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Watermarks {
    log_start: Offset,
    last_stable: Offset,
    high_watermark: Offset,
    log_end: Offset,
}

impl Watermarks {
    /// Those of an empty log that begins at `start`.
    #[must_use]
    pub const fn empty_at(start: Offset) -> Self {
        Self { log_start: start, last_stable: start, high_watermark: start, log_end: start }
    }

    /// Those of a log whose records lie elsewhere, from `log_start` on, and which goes on at `log_end`.
    #[must_use]
    pub(super) fn elsewhere(log_start: Offset, log_end: Offset) -> Self {
        Self { log_start: log_start.min(log_end), last_stable: log_end, high_watermark: log_end, log_end }
    }

    /// The first offset that may be read.
    #[must_use]
    pub const fn log_start(&self) -> Offset {
        self.log_start
    }

    /// The end of what is read by those who want decided transactions only. Source: KIP-98, "last stable offset".
    #[must_use]
    pub const fn last_stable(&self) -> Offset {
        self.last_stable
    }

    /// The end of what is read by consumers: what will not be lost.
    #[must_use]
    pub const fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The offset that the next record will get.
    #[must_use]
    pub const fn log_end(&self) -> Offset {
        self.log_end
    }

    /// Records were appended.
    pub(super) fn extend_to(&mut self, log_end: Offset) {
        self.log_end = self.log_end.max(log_end);
    }

    /// Records became safe. `undecided` is where the first transaction begins whose end is not safe yet.
    pub(super) fn commit_to(&mut self, high_watermark: Offset, undecided: Option<Offset>) {
        self.high_watermark = high_watermark.clamp(self.high_watermark, self.log_end);
        let stable = undecided.map_or(self.high_watermark, |first| first.min(self.high_watermark));
        self.last_stable = stable.max(self.log_start);
    }

    /// The first records are gone. The start moves up to the high watermark at most.
    pub(super) fn start_at(&mut self, log_start: Offset) {
        self.log_start = log_start.clamp(self.log_start, self.high_watermark);
        self.last_stable = self.last_stable.max(self.log_start);
    }

    /// The last records are gone.
    pub(super) fn cut_to(&mut self, log_end: Offset) {
        self.log_end = log_end;
        self.high_watermark = self.high_watermark.min(log_end);
        self.last_stable = self.last_stable.min(log_end);
        self.log_start = self.log_start.min(log_end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inequality_holds_whatever_is_asked() {
        let mut marks = Watermarks::empty_at(Offset(5));
        let mut seed = 3u64;
        for _ in 0..10_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let offset = Offset(i64::try_from(seed >> 56).unwrap());
            match (seed >> 33) % 5 {
                0 | 1 => marks.extend_to(offset),
                2 => marks.commit_to(offset, (seed & 1 == 0).then_some(Offset(offset.0 / 2))),
                3 => marks.start_at(offset),
                _ => marks.cut_to(offset.min(marks.log_end())),
            }
            assert!(marks.log_start() <= marks.last_stable());
            assert!(marks.last_stable() <= marks.high_watermark());
            assert!(marks.high_watermark() <= marks.log_end());
        }
    }
}
