//! `millpond group`: one file for each of its commands.

use clap::Subcommand;

use super::error::CommandError;
use super::terminal::Terminal;

pub mod delete;
pub mod describe;
pub mod list;
mod look;
pub mod reset_offsets;

/// Look at groups of any kind, move the offsets of consumer groups, delete groups.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// List the groups.
    List(list::List),
    /// Show members, assignments, committed offsets and lag.
    Describe(describe::Describe),
    /// Move what a group has committed. Shows what would be done; does it with --execute.
    ResetOffsets(reset_offsets::ResetOffsets),
    /// Delete groups and what they have committed.
    Delete(delete::Delete),
}

impl Group {
    pub(crate) async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        match self {
            Self::List(list) => list.carry_out(terminal).await,
            Self::Describe(describe) => describe.carry_out(terminal).await,
            Self::ResetOffsets(reset) => reset.carry_out(terminal).await,
            Self::Delete(delete) => delete.carry_out(terminal).await,
        }
    }
}
