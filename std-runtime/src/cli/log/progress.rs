//! How far a long command is, for whoever watches.

use std::io::Write;

/// How wide the bar is. Unit: characters.
const WIDTH: u64 = 30;

/// A bar on one line that is written again and again.
pub struct Progress<'p> {
    to: Option<&'p mut dyn Write>,
    total: u64,
    done: u64,
    /// What was shown last. Unit: a thousandth of the whole.
    shown: Option<u64>,
}

impl core::fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Progress").field("total", &self.total).field("done", &self.done).finish_non_exhaustive()
    }
}

impl<'p> Progress<'p> {
    /// Over `total` bytes; shown nowhere when `to` is `None`.
    pub fn new(to: Option<&'p mut dyn Write>, total: u64) -> Self {
        Self { to, total, done: 0, shown: None }
    }

    /// So much more is done, of what `name` says.
    pub fn add(&mut self, bytes: u64, name: &str) {
        self.done = self.done.saturating_add(bytes);
        let Some(to) = self.to.as_mut() else { return };
        let done = self.done.min(self.total);
        let part = (u128::from(done) * 1000).checked_div(self.total.into()).and_then(|part| u64::try_from(part).ok()).unwrap_or(1000);
        if self.shown == Some(part) {
            return;
        }
        self.shown = Some(part);
        let full = part * WIDTH / 1000;
        let bar: String = (0..WIDTH).map(|at| if at < full { '#' } else { '-' }).collect();
        // A bar that cannot be shown is no reason to stop. What was longer before is cleared to the end of the line.
        let _ = write!(to, "\r[{bar}] {}.{} %  {name}\u{1b}[K", part / 10, part % 10).and_then(|()| to.flush());
    }

    /// Takes the bar away.
    pub fn clear(&mut self) {
        if let Some(to) = self.to.as_mut().filter(|_| self.shown.take().is_some()) {
            let _ = write!(to, "\r\u{1b}[K").and_then(|()| to.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_and_goes_away() {
        let mut shown = Vec::new();
        let mut progress = Progress::new(Some(&mut shown), 4000);
        for _ in 0..4 {
            progress.add(1, "t-0");
        }
        progress.add(1996, "t-0");
        progress.add(9999, "t-1");
        progress.clear();
        let shown = String::from_utf8(shown).expect("text");
        let lines: Vec<&str> = shown.split('\r').skip(1).map(|line| line.trim_end_matches("\u{1b}[K")).collect();
        let (half, full) = ("#".repeat(15) + &"-".repeat(15), "#".repeat(30));
        let empty = "-".repeat(30);
        let expected = [
            format!("[{empty}] 0.0 %  t-0"),
            format!("[{empty}] 0.1 %  t-0"),
            format!("[{half}] 50.0 %  t-0"),
            format!("[{full}] 100.0 %  t-1"),
        ];
        assert_eq!(lines, [&expected[0], &expected[1], &expected[2], &expected[3], ""]);
    }

    #[test]
    fn nobody_is_shown_nothing() {
        let mut progress = Progress::new(None, 0);
        progress.add(1, "t-0");
        progress.clear();
    }
}
