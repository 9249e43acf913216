//! `millpond topic delete`

use clap::Args;
use millpond_core::wire::value::Array;

use crate::cli::connect::Connect;
use crate::cli::error::{CommandError, hint};
use crate::cli::terminal::Terminal;
use crate::client::error::ClientError;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse};

/// Delete topics and all their records.
#[derive(Debug, Args)]
pub struct Delete {
    /// The topics.
    #[arg(required = true)]
    names: Vec<String>,
    /// Succeed when there is no such topic.
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    connect: Connect,
}

impl Delete {
    pub(super) async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let mut names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let topics: Vec<DeleteTopicState<'_>> =
            names.iter().map(|name| DeleteTopicState { name: Some(name), ..Default::default() }).collect();
        let request = DeleteTopicsRequest {
            topics: Array::from(&*topics),
            topic_names: Array::from(&*names),
            timeout_ms: self.connect.request_timeout_ms(),
        };
        let mut cluster = self.connect.cluster().await?;
        let reply = cluster.any().await?.call(&request).await?;
        let response: DeleteTopicsResponse<'_> = reply.read()?;
        let mut failures = Vec::new();
        for name in names {
            let what = || format!("deleting topic {name}");
            let result = response.responses.iter().find(|result| result.name == Some(name));
            let result = result.ok_or_else(|| ClientError::Missing(what()))?;
            if self.if_exists && ErrorCode::from_i16(result.error_code) == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
                terminal.say(&format!("there is no topic {name}, nothing was changed"));
                continue;
            }
            match ClientError::refused(result.error_code, result.error_message, what) {
                Ok(()) => writeln!(terminal.out, "deleted topic {name}")?,
                Err(error) => failures.push(format!("{error}{}", hint(&error))),
            }
        }
        CommandError::unless(failures)
    }
}
