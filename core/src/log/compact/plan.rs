//! What may be compacted, and whether it is worth it. Source: `LogCleanerManager.cleanableOffsets`, `LogToClean`.

use crate::ids::Offset;
use crate::log::config::LogConfig;
use crate::log::error::LogError;
use crate::log::partition_log::PartitionLog;
use crate::log::segment::Segment;
use crate::store::segment_store::SegmentStore;
use crate::time::Timestamp;

/// What a compaction of a log would find now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanable {
    /// Everything below was compacted.
    pub first_dirty: Offset,
    /// Everything from here on stays as it is: the active segment, what may be lost or is not decided yet, what is too young.
    pub upper: Offset,
    /// The bytes below.
    pub clean_bytes: u64,
    /// The bytes between.
    pub dirty_bytes: u64,
    /// Whether some of them are older than `max.compaction.lag.ms` allows.
    pub is_overdue: bool,
    /// When to look again, should nothing be appended until then.
    pub later: Option<Timestamp>,
}

impl Cleanable {
    /// How much of it is dirty. Unit: millionths.
    #[must_use]
    pub fn dirty_millionths(&self) -> u32 {
        let all = self.clean_bytes.saturating_add(self.dirty_bytes);
        let share = u128::from(self.dirty_bytes) * 1_000_000 / u128::from(all.max(1));
        u32::try_from(share).unwrap_or(u32::MAX)
    }

    /// Whether the log should be compacted now.
    #[must_use]
    pub fn is_due(&self, config: &LogConfig) -> bool {
        self.dirty_bytes > 0 && (self.is_overdue || self.dirty_millionths() > config.min_dirty_millionths)
    }
}

/// Which segments of a log a compaction reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    pub(super) first_dirty: Offset,
    /// How many segments from the first on.
    pub(super) segments: usize,
    pub(super) upper: Offset,
}

impl<S: SegmentStore> PartitionLog<'_, S> {
    /// Everything below was compacted: what is remembered for the next opening.
    #[must_use]
    pub const fn first_dirty(&self) -> Offset {
        self.first_dirty
    }

    /// Says what a compaction would find. Ends the active segment before, if it holds what was to be compacted by now.
    ///
    /// # Errors
    /// What [`LogError`] names.
    pub fn cleanable(&mut self, wall: Timestamp) -> Result<Cleanable, LogError<S::Error>> {
        self.alive()?;
        self.roll_overdue(wall)?;
        let (reach, too_young) = self.reach(wall);
        let mut cleanable = Cleanable {
            first_dirty: reach.first_dirty,
            upper: reach.upper,
            clean_bytes: 0,
            dirty_bytes: 0,
            is_overdue: false,
            later: too_young,
        };
        let mut oldest: Option<Timestamp> = None;
        let has_limit = self.config.max_compaction_lag.is_some();
        let mut at = 0;
        while let Some(segment) = self.segments.get(at).copied() {
            let end = self.segments.get(at + 1).map_or_else(|| self.marks.log_end(), |next| next.base);
            if segment.base < reach.first_dirty {
                cleanable.clean_bytes += u64::from(segment.size);
            }
            if end > reach.first_dirty {
                if at < reach.segments {
                    cleanable.dirty_bytes += u64::from(segment.size);
                }
                if has_limit && let Some(segment) = self.segments.get_mut(at).filter(|segment| segment.size > 0) {
                    let first = segment.first_time(&mut self.disk)?.filter(|first| first.0 > 0);
                    oldest = first.into_iter().chain(oldest).min();
                }
            }
            at += 1;
        }
        if let (Some(limit), Some(oldest)) = (self.config.max_compaction_lag, oldest) {
            let due = oldest.after(limit);
            cleanable.is_overdue = due < wall;
            if !cleanable.is_overdue {
                cleanable.later = Some(cleanable.later.map_or(due, |later| later.min(due)));
            }
        }
        Ok(cleanable)
    }

    /// Which segments may be compacted, and when the first that is too young for it will not be any more.
    pub(super) fn reach(&self, wall: Timestamp) -> (Reach, Option<Timestamp>) {
        let (start, end) = (self.marks.log_start(), self.marks.log_end());
        // Source: `cleanableOffsets`: what is remembered of another log, or of what was lost, is not believed.
        let first_dirty = if self.first_dirty < start || self.first_dirty > end { start } else { self.first_dirty };
        // What the disk may still lose must not take the place of what it cannot.
        let limit = self.marks.last_stable().min(self.durable_end);
        let active = self.segments.len().saturating_sub(1);
        let below = self.segments.partition_point(|segment| segment.base <= limit).saturating_sub(1).min(active);
        let lag = i64::try_from(self.config.min_compaction_lag.0).unwrap_or(i64::MAX);
        let young = |segment: &Segment| lag > 0 && segment.largest_timestamp().0 > wall.0.saturating_sub(lag);
        let from = self.segments.partition_point(|segment| segment.base <= first_dirty).saturating_sub(1).min(below);
        let stop = self.segments.get(from..below).unwrap_or_default().iter().position(young).map(|at| from + at);
        let too_young =
            stop.and_then(|at| self.segments.get(at)).map(|segment| segment.largest_timestamp().after(self.config.min_compaction_lag));
        let segments = stop.unwrap_or(below);
        let upper = self.segments.get(segments).map_or(first_dirty, |next| next.base).max(first_dirty);
        (Reach { first_dirty, segments, upper }, too_young)
    }

    /// Ends the active segment when its records were to be compacted by now.
    fn roll_overdue(&mut self, wall: Timestamp) -> Result<(), LogError<S::Error>> {
        let Some(limit) = self.config.max_compaction_lag else { return Ok(()) };
        let Some(active) = self.segments.last_mut().filter(|active| active.size > 0) else { return Ok(()) };
        let first = active.first_time(&mut self.disk)?;
        if first.is_some_and(|first| first.0 > 0 && first.after(limit) < wall) {
            self.roll(wall)?;
        }
        Ok(())
    }
}
