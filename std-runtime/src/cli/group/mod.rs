//! `millpond group`: one file for each of its commands.

use clap::Subcommand;
use millpond_core::wire::value::Array;

use crate::client::cluster::Cluster;
use crate::client::connection::Reply;
use crate::client::error::ClientError;
use crate::protocol::messages::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};

use super::error::CommandError;
use super::terminal::Terminal;

pub mod delete;
pub mod describe;
pub mod list;
pub mod reset_offsets;

/// Look at consumer groups, move their offsets, delete them.
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

/// Asks what a group is like; the answer is one without error.
async fn describe_group(cluster: &mut Cluster, group: &str) -> Result<Reply, ClientError> {
    let groups = [group];
    let request = DescribeGroupsRequest { groups: Array::from(&groups), include_authorized_operations: false };
    let versions = <DescribeGroupsRequest<'_> as millpond_core::wire::schema::Message<'_>>::VERSIONS;
    cluster
        .ask_coordinator(group, &request, versions, |reply| {
            let response: DescribeGroupsResponse<'_> = reply.read()?;
            let described = response.groups.iter().find(|described| described.group_id == group);
            let described = described.ok_or_else(|| ClientError::Missing(format!("group {group}")))?;
            ClientError::refused(described.error_code, described.error_message, || format!("group {group}"))
        })
        .await
}
