//! `millpond group list`

use std::collections::BTreeMap;

use clap::Args;
use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::Array;
use serde_json::{Value, json};

use crate::cli::connect::{Connect, Format};
use crate::cli::error::CommandError;
use crate::cli::table::{Table, write_json};
use crate::cli::terminal::Terminal;
use crate::client::error::ClientError;
use crate::protocol::messages::list_groups::{ListGroupsRequest, ListGroupsResponse};

/// States are told from here on. Source: KIP-518.
const LIST: Versions = Versions::new(4, 5);

/// The states of groups. Source: `GroupState`.
const STATES: [&str; 9] =
    ["Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Assigning", "Reconciling", "NotReady", "Unknown"];

/// List the groups.
#[derive(Debug, Args)]
pub struct List {
    /// Only groups in this state. May be given several times.
    #[arg(long = "state", value_name = "STATE", value_parser = STATES)]
    states: Vec<String>,
    /// How the list looks.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    connect: Connect,
}

impl List {
    pub(super) async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let states: Vec<&str> = self.states.iter().map(String::as_str).collect();
        let mut cluster = self.connect.cluster().await?;
        // Every broker lists the groups it coordinates. Asking for no topics tells the brokers.
        cluster.topics(Some(&[]), false).await?;
        let mut groups: BTreeMap<String, [String; 3]> = BTreeMap::new();
        for node in cluster.node_ids() {
            let request = ListGroupsRequest { states_filter: Array::from(&*states), ..Default::default() };
            let reply = cluster.node(node).await?.call_in(&request, LIST).await?;
            let response: ListGroupsResponse<'_> = reply.read()?;
            ClientError::refused(response.error_code, None, || format!("listing the groups of broker {node}"))?;
            for group in response.groups {
                let row = [group.group_state, group.group_type, group.protocol_type].map(str::to_string);
                groups.insert(group.group_id.to_string(), row);
            }
        }
        if self.format == Format::Json {
            let rows: Vec<Value> = groups
                .iter()
                .map(|(name, [state, kind, protocol])| json!({ "group": name, "state": state, "type": kind, "protocol_type": protocol }))
                .collect();
            return Ok(write_json(terminal.out, &Value::from(rows))?);
        }
        let mut table = Table::new(["GROUP", "STATE", "TYPE", "PROTOCOL"]);
        for (name, [state, kind, protocol]) in groups {
            table.row([name, state, kind, protocol]);
        }
        Ok(table.write(terminal.out)?)
    }
}
