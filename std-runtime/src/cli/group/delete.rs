//! `millpond group delete`

use clap::Args;
use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::Array;

use crate::cli::connect::Connect;
use crate::cli::error::{CommandError, hint};
use crate::cli::terminal::Terminal;
use crate::client::error::ClientError;
use crate::protocol::messages::delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse};

/// Delete groups and what they have committed.
#[derive(Debug, Args)]
pub struct Delete {
    /// The groups; they must have no members.
    #[arg(required = true)]
    groups: Vec<String>,
    #[command(flatten)]
    connect: Connect,
}

impl Delete {
    pub(super) async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let mut cluster = self.connect.cluster().await?;
        let mut failures = Vec::new();
        for group in &self.groups {
            let names = [group.as_str()];
            let request = DeleteGroupsRequest { groups_names: Array::from(&names) };
            let what = || format!("deleting group {group}");
            let done = cluster
                .ask_coordinator(group, &request, Versions::new(0, 2), |reply| {
                    let response: DeleteGroupsResponse<'_> = reply.read()?;
                    let result = response.results.iter().find(|result| result.group_id == group);
                    ClientError::refused(result.ok_or_else(|| ClientError::Missing(what()))?.error_code, None, what)
                })
                .await;
            match done {
                Ok(_) => writeln!(terminal.out, "deleted group {group}")?,
                Err(error) if error.code().is_some() => failures.push(format!("{error}{}", hint(&error))),
                Err(error) => return Err(error.into()),
            }
        }
        CommandError::unless(failures)
    }
}
