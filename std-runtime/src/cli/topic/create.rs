//! `millpond topic create`

use clap::Args;
use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::Array;

use crate::cli::connect::{Connect, key_value};
use crate::cli::error::CommandError;
use crate::cli::terminal::Terminal;
use crate::client::error::ClientError;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse};

/// The broker's defaults can be asked for. Source: KIP-464.
const CREATE: Versions = Versions::new(4, 7);

/// Create a topic.
#[derive(Debug, Args)]
pub struct Create {
    /// The topic's name: letters, digits, `.`, `_` and `-`.
    name: String,
    /// How many partitions; without it, the broker's num.partitions.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// How many brokers hold each partition; without it, the broker's default.replication.factor.
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// One of Kafka's settings of topics, such as retention.ms=3600000. May be given several times.
    #[arg(long = "config", value_name = "key=value")]
    configs: Vec<String>,
    /// Succeed when there already is a topic of this name, and leave it as it is.
    #[arg(long)]
    if_not_exists: bool,
    #[command(flatten)]
    connect: Connect,
}

impl Create {
    pub(super) async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let mut configs = Vec::new();
        for config in &self.configs {
            let (name, value) = key_value("--config", config)?;
            configs.push(CreatableTopicConfig { name, value: Some(value) });
        }
        let topics = [CreatableTopic {
            name: &self.name,
            num_partitions: self.partitions.unwrap_or(-1),
            replication_factor: self.replication_factor.unwrap_or(-1),
            configs: Array::from(&*configs),
            ..Default::default()
        }];
        let request =
            CreateTopicsRequest { topics: Array::from(&topics), timeout_ms: self.connect.request_timeout_ms(), validate_only: false };
        let mut cluster = self.connect.cluster().await?;
        let reply = cluster.any().await?.call_in(&request, CREATE).await?;
        let response: CreateTopicsResponse<'_> = reply.read()?;
        let what = || format!("creating topic {}", self.name);
        let result = response.topics.iter().find(|topic| topic.name == self.name).ok_or_else(|| ClientError::Missing(what()))?;
        if self.if_not_exists && ErrorCode::from_i16(result.error_code) == ErrorCode::TOPIC_ALREADY_EXISTS {
            terminal.say(&format!("topic {} exists already, nothing was changed", self.name));
            return Ok(());
        }
        ClientError::refused(result.error_code, result.error_message, what)?;
        match result.num_partitions {
            ..=0 => writeln!(terminal.out, "created topic {}", self.name)?,
            1 => writeln!(terminal.out, "created topic {} with 1 partition", self.name)?,
            count => writeln!(terminal.out, "created topic {} with {count} partitions", self.name)?,
        }
        Ok(())
    }
}
