//! `millpond topic list`

use clap::Args;
use serde_json::{Value, json};

use crate::cli::connect::{Connect, Format};
use crate::cli::error::CommandError;
use crate::cli::table::write_json;
use crate::cli::terminal::Terminal;

/// List the names of the topics.
#[derive(Debug, Args)]
pub struct List {
    /// Also those that are the cluster's own.
    #[arg(long)]
    internal: bool,
    /// How the list looks.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    connect: Connect,
}

impl List {
    pub(super) async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let mut cluster = self.connect.cluster().await?;
        let mut topics = cluster.topics(None, false).await?;
        topics.retain(|topic| self.internal || !topic.is_internal);
        if self.format == Format::Json {
            let rows: Vec<Value> = topics
                .iter()
                .map(|topic| {
                    json!({
                        "name": topic.name,
                        "id": topic.id.to_string(),
                        "internal": topic.is_internal,
                        "partitions": topic.partitions.len(),
                    })
                })
                .collect();
            return Ok(write_json(terminal.out, &Value::from(rows))?);
        }
        for topic in topics {
            writeln!(terminal.out, "{}", topic.name)?;
        }
        Ok(())
    }
}
