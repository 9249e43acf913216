//! `millpond topic alter`

use clap::Args;
use millpond_core::wire::value::Array;

use crate::cli::connect::{Connect, key_value};
use crate::cli::error::CommandError;
use crate::cli::terminal::Terminal;
use crate::client::cluster::Cluster;
use crate::client::error::ClientError;
use crate::protocol::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic};
use crate::protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

use super::describe::TOPIC;

/// What is done to a setting. Source: `AlterConfigOp.OpType`.
const SET: i8 = 0;
const DELETE: i8 = 1;

/// Add partitions, change the configuration.
///
/// Everything is checked before anything is changed.
#[derive(Debug, Args)]
#[group(id = "change", required = true, multiple = true, args = ["partitions", "set", "unset"])]
pub struct Alter {
    /// The topic.
    name: String,
    /// How many partitions it shall have in all: more than now. Keys may then move to other partitions.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// One of Kafka's settings of topics. May be given several times.
    #[arg(long, value_name = "key=value")]
    set: Vec<String>,
    /// A setting that shall be the broker's again. May be given several times.
    #[arg(long, value_name = "key")]
    unset: Vec<String>,
    #[command(flatten)]
    connect: Connect,
}

impl Alter {
    pub(super) async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let mut changes = Vec::new();
        for setting in &self.set {
            let (name, value) = key_value("--set", setting)?;
            changes.push(AlterableConfig { name, config_operation: SET, value: Some(value) });
        }
        changes.extend(self.unset.iter().map(|name| AlterableConfig { name, config_operation: DELETE, value: None }));
        let mut cluster = self.connect.cluster().await?;
        for validate_only in [true, false] {
            if !changes.is_empty() {
                self.configure(&mut cluster, &changes, validate_only).await?;
            }
            if let Some(count) = self.partitions {
                self.grow(&mut cluster, count, validate_only).await?;
            }
        }
        writeln!(terminal.out, "altered topic {}", self.name)?;
        Ok(())
    }

    async fn configure(&self, cluster: &mut Cluster, changes: &[AlterableConfig<'_>], validate_only: bool) -> Result<(), ClientError> {
        let resources = [AlterConfigsResource { resource_type: TOPIC, resource_name: &self.name, configs: Array::from(changes) }];
        let request = IncrementalAlterConfigsRequest { resources: Array::from(&resources), validate_only };
        let reply = cluster.any().await?.call(&request).await?;
        let response: IncrementalAlterConfigsResponse<'_> = reply.read()?;
        let what = || format!("configuring topic {}", self.name);
        let result = response.responses.iter().next().ok_or_else(|| ClientError::Missing(what()))?;
        ClientError::refused(result.error_code, result.error_message, what)
    }

    async fn grow(&self, cluster: &mut Cluster, count: i32, validate_only: bool) -> Result<(), ClientError> {
        let topics = [CreatePartitionsTopic { name: &self.name, count, assignments: None }];
        let request =
            CreatePartitionsRequest { topics: Array::from(&topics), timeout_ms: self.connect.request_timeout_ms(), validate_only };
        let reply = cluster.any().await?.call(&request).await?;
        let response: CreatePartitionsResponse<'_> = reply.read()?;
        let what = || format!("adding partitions to topic {}", self.name);
        let result = response.results.iter().next().ok_or_else(|| ClientError::Missing(what()))?;
        ClientError::refused(result.error_code, result.error_message, what)
    }
}
