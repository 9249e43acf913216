//! The network: what is sent arrives later, or never.

use crate::random::Random;

/// How bad a network is.
#[derive(Debug)]
pub(crate) struct Net {
    /// One message in so many is lost; 0 loses none.
    loss: usize,
    /// The longest a message is under way. Unit: ms.
    delay_max: usize,
    /// Until when nothing at all arrives.
    cut_until: u64,
}

impl Net {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self { loss: *random.pick(&[0, 0, 50, 15]), delay_max: *random.pick(&[1, 20, 200, 3000]), cut_until: 0 }
    }

    /// How long a message takes that is sent now; `None` when it is lost.
    pub(crate) fn carry(&self, now: u64, random: &mut Random) -> Option<u64> {
        let lost = now < self.cut_until || (self.loss > 0 && random.once_in(self.loss));
        let delay = u64::try_from(random.below(self.delay_max)).unwrap_or(0);
        (!lost).then_some(delay)
    }

    pub(crate) fn cut(&mut self, until: u64) {
        self.cut_until = self.cut_until.max(until);
    }

    /// From now on everything arrives.
    pub(crate) const fn heal(&mut self) {
        (self.loss, self.delay_max, self.cut_until) = (0, 5, 0);
    }
}
