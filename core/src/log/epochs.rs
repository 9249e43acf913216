//! Which leader's reign began at which offset. Source: KIP-101, KIP-279; `LeaderEpochFileCache`, `LeaderEpochCheckpointFile`.

use core::fmt::Write as _;

use crate::bounded::list::List;
use crate::ids::{LeaderEpoch, Offset};
use crate::store::file_name::{FileName, FileState};
use crate::store::segment_store::SegmentStore;

use super::disk::{Disk, DiskResult, Inflow, Outflow};

/// One reign: its number and the first offset written under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochStart {
    /// The number of the reign.
    pub epoch: LeaderEpoch,
    /// Its first offset.
    pub start: Offset,
}

/// Where an epoch ended: the answer to a follower or a consumer that was away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest known epoch that is not above the one asked for.
    pub epoch: LeaderEpoch,
    /// Where the next one began, or the end of the log.
    pub end: Offset,
}

/// The reigns of a log, rising in epoch and in offset.
///
/// Bounds: the capacity of the list; when it is full the oldest reign is forgotten, and questions for it are answered as for one
/// older than the log. On disk: `leader-epoch-checkpoint`, text: version 0, count, one line `epoch start` each.
#[derive(Debug)]
pub struct Epochs<'m> {
    starts: List<'m, EpochStart>,
    /// Whether the file says less than the memory.
    pub(super) unwritten: bool,
}

impl<'m> Epochs<'m> {
    /// None yet, in this memory.
    #[must_use]
    pub fn new(mut starts: List<'m, EpochStart>) -> Self {
        starts.clear();
        Self { starts, unwritten: false }
    }

    /// All reigns, oldest first.
    #[must_use]
    pub fn starts(&self) -> &[EpochStart] {
        &self.starts
    }

    /// The current reign.
    #[must_use]
    pub fn latest(&self) -> Option<LeaderEpoch> {
        self.starts.last().map(|start| start.epoch)
    }

    /// A batch of this epoch begins at `start`. Negative epochs are none.
    pub(super) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if epoch.0 < 0 || self.latest().is_some_and(|latest| latest >= epoch) {
            return;
        }
        // A reign that wrote nothing gives way to the one that began at the same offset.
        while self.starts.last().is_some_and(|last| last.start >= start) {
            self.starts.pop();
        }
        if self.starts.is_full() {
            self.starts.remove(0);
        }
        // There is room now, unless the memory holds none at all: then no question is ever answered.
        self.unwritten |= self.starts.push(EpochStart { epoch, start }).is_ok();
    }

    /// Forgets what began at `end` or later.
    pub(super) fn cut_to(&mut self, end: Offset) {
        let keep = self.starts.partition_point(|start| start.start < end);
        self.unwritten |= keep < self.starts.len();
        self.starts.truncate(keep);
    }

    /// Forgets what ended before `log_start`; the reign that holds it now begins there.
    pub(super) fn start_at(&mut self, log_start: Offset) {
        while self.starts.get(1).is_some_and(|second| second.start <= log_start) {
            self.starts.remove(0);
            self.unwritten = true;
        }
        if let Some(first) = self.starts.first_mut()
            && first.start < log_start
        {
            first.start = log_start;
            self.unwritten = true;
        }
    }

    /// Under which epoch the record at `offset` was written.
    #[must_use]
    pub fn at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let count = self.starts.partition_point(|start| start.start <= offset);
        self.starts.get(count.checked_sub(1)?).map(|start| start.epoch)
    }

    /// Where `epoch` ended; `None` when it is newer than any known here.
    #[must_use]
    pub fn end_of(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<EpochEnd> {
        let above = self.starts.partition_point(|start| start.epoch <= epoch);
        let floor = above.checked_sub(1).and_then(|at| self.starts.get(at));
        match (floor, self.starts.get(above)) {
            (Some(floor), Some(next)) => Some(EpochEnd { epoch: floor.epoch, end: next.start }),
            (Some(floor), None) if floor.epoch == epoch => Some(EpochEnd { epoch, end: log_end }),
            // Older than the log: whoever asks holds nothing that is still here.
            (None, Some(next)) => Some(EpochEnd { epoch, end: next.start }),
            (Some(_) | None, None) => None,
        }
    }

    /// Writes the file, beside the old one and then, when it is on the disk, in its place: a loss of power must not leave half of it,
    /// since without it the whole log would have to be read through.
    pub(super) fn write<S: SegmentStore>(&mut self, disk: &mut Disk<S>) -> DiskResult<S, ()> {
        let temporary = FileName::EPOCHS.in_state(FileState::Temporary);
        let mut out = Outflow::new(disk, temporary)?;
        // An outflow keeps its failure until it is finished.
        let _kept = write!(out, "0\n{}\n", self.starts.len());
        for start in self.starts.iter() {
            let _kept = writeln!(out, "{} {}", start.epoch, start.start);
        }
        out.finish()?;
        disk.sync(temporary)?;
        disk.rename(temporary, FileName::EPOCHS)?;
        self.unwritten = false;
        Ok(())
    }

    /// Reads the file. False when it is missing or makes no sense; then nothing is known.
    pub(super) fn read<S: SegmentStore>(&mut self, disk: &mut Disk<S>) -> DiskResult<S, bool> {
        self.starts.clear();
        let mut lines = Inflow::new(disk, FileName::EPOCHS);
        let mut whole = number(&mut lines)? == Some((0, b'\n'));
        let count = number(&mut lines)?.map_or(-1, |(count, _)| count);
        whole &= count >= 0;
        let mut at = 0;
        while whole && at < count {
            let (epoch, start) = (number(&mut lines)?, number(&mut lines)?);
            let entry = match (epoch, start) {
                (Some((epoch, b' ')), Some((start, b'\n'))) => {
                    i32::try_from(epoch).ok().map(|epoch| EpochStart { epoch: LeaderEpoch(epoch), start: Offset(start) })
                }
                _ => None,
            };
            match entry {
                Some(entry) => self.assign(entry.epoch, entry.start),
                None => whole = false,
            }
            at += 1;
        }
        if !whole {
            self.starts.clear();
        }
        self.unwritten = false;
        Ok(whole)
    }
}

/// Whether the file is whole and its reigns rise. One that is missing is not.
pub(super) fn is_sound<S: SegmentStore>(disk: &mut Disk<S>) -> DiskResult<S, bool> {
    let mut lines = Inflow::new(disk, FileName::EPOCHS);
    if number(&mut lines)? != Some((0, b'\n')) {
        return Ok(false);
    }
    let Some((count, b'\n')) = number(&mut lines)? else { return Ok(false) };
    let mut last = None;
    for _ in 0..count {
        let (Some((epoch, b' ')), Some((start, b'\n'))) = (number(&mut lines)?, number(&mut lines)?) else { return Ok(false) };
        let rises = last.is_none_or(|(before, at)| epoch > before && start > at);
        if !rises || i32::try_from(epoch).is_err() {
            return Ok(false);
        }
        last = Some((epoch, start));
    }
    Ok(lines.byte()?.is_none())
}

/// Reads digits up to the byte behind them, which is answered too; `None` when there are no digits or no byte behind them.
fn number<S: SegmentStore>(lines: &mut Inflow<'_, S>) -> DiskResult<S, Option<(i64, u8)>> {
    let mut number: Option<i64> = None;
    while let Some(byte) = lines.byte()? {
        if byte.is_ascii_digit() {
            let digit = i64::from(byte - b'0');
            number = number.unwrap_or(0).checked_mul(10).and_then(|tens| tens.checked_add(digit));
            if number.is_none() {
                return Ok(None);
            }
        } else {
            return Ok(number.map(|number| (number, byte)));
        }
    }
    Ok(None)
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    fn three() -> Epochs<'static> {
        let mut epochs = Epochs::new(List::grown(8));
        for (epoch, start) in [(0, 0), (2, 10), (5, 25)] {
            epochs.assign(LeaderEpoch(epoch), Offset(start));
        }
        epochs
    }

    #[test]
    fn the_end_of_an_epoch_is_where_the_next_began() {
        let epochs = three();
        let end = |epoch| epochs.end_of(LeaderEpoch(epoch), Offset(40)).map(|end| (end.epoch.0, end.end.0));
        assert_eq!(end(0), Some((0, 10)));
        assert_eq!(end(1), Some((0, 10)));
        assert_eq!(end(2), Some((2, 25)));
        assert_eq!(end(5), Some((5, 40)));
        assert_eq!(end(6), None);
        assert_eq!(Epochs::new(List::grown(1)).end_of(LeaderEpoch(0), Offset(4)), None);
    }

    #[test]
    fn cutting_either_end_keeps_the_reigns_in_between() {
        let mut epochs = three();
        epochs.start_at(Offset(12));
        assert_eq!(epochs.starts()[0], EpochStart { epoch: LeaderEpoch(2), start: Offset(12) });
        assert_eq!(epochs.end_of(LeaderEpoch(0), Offset(40)).unwrap().end, Offset(12));
        epochs.cut_to(Offset(25));
        assert_eq!(epochs.latest(), Some(LeaderEpoch(2)));
    }

    #[test]
    fn the_file_is_kafkas_and_reads_back() {
        let mut disk = Disk { store: MemoryStore::grown(1 << 16, 4) };
        three().write(&mut disk).unwrap();
        let mut text = [0; 64];
        assert_eq!(disk.read(FileName::EPOCHS, 0, &mut text).unwrap(), b"0\n3\n0 0\n2 10\n5 25\n");
        let mut back = Epochs::new(List::grown(8));
        assert!(back.read(&mut disk).unwrap());
        assert_eq!(back.starts(), three().starts());
        disk.truncate(FileName::EPOCHS, 14).unwrap();
        assert!(!back.read(&mut disk).unwrap());
        assert!(back.starts().is_empty());
    }
}
