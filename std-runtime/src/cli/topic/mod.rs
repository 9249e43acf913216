//! `millpond topic`: one file for each of its commands.

use clap::Subcommand;

use super::error::CommandError;
use super::terminal::Terminal;

pub mod alter;
pub mod create;
pub mod delete;
pub mod describe;
pub mod list;

/// Create, look at, change and delete topics.
#[derive(Debug, Subcommand)]
pub enum Topic {
    /// Create a topic.
    Create(create::Create),
    /// List the names of the topics.
    List(list::List),
    /// Show partitions, leaders and what was configured.
    Describe(describe::Describe),
    /// Add partitions, change the configuration.
    Alter(alter::Alter),
    /// Delete topics and all their records.
    Delete(delete::Delete),
}

impl Topic {
    pub(crate) async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        match self {
            Self::Create(create) => create.carry_out(terminal).await,
            Self::List(list) => list.carry_out(terminal).await,
            Self::Describe(describe) => describe.carry_out(terminal).await,
            Self::Alter(alter) => alter.carry_out(terminal).await,
            Self::Delete(delete) => delete.carry_out(terminal).await,
        }
    }
}
