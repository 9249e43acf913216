//! `millpond log`: commands on the files of a data directory, which no broker uses meanwhile.

use clap::Subcommand;

use super::error::CommandError;
use super::terminal::Terminal;

pub mod findings;
pub mod progress;
pub mod report;
pub mod verify;

/// Look at the files of a data directory, without a broker, and repair them.
#[derive(Debug, Subcommand)]
pub enum Log {
    /// Read every batch, index and checkpoint, and say what is damaged; with --repair, keep all that is sound.
    Verify(verify::Verify),
}

impl Log {
    pub(crate) fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        match self {
            Self::Verify(verify) => verify.carry_out(terminal),
        }
    }
}
