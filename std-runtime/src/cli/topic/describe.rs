//! `millpond topic describe`

use std::collections::BTreeMap;

use clap::Args;
use millpond_core::wire::value::Array;
use serde_json::{Value, json};

use crate::cli::connect::{Connect, Format};
use crate::cli::error::{CommandError, hint};
use crate::cli::table::{Table, listed, or_dash, write_json};
use crate::cli::terminal::Terminal;
use crate::client::cluster::{Cluster, Topic};
use crate::client::error::ClientError;
use crate::protocol::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse};

/// A topic, among the things that have settings. Source: `ConfigResource.Type`.
pub(super) const TOPIC: i8 = 2;
/// A value that was set for the topic itself. Source: `ConfigSource.DYNAMIC_TOPIC_CONFIG`.
const SET_FOR_TOPIC: i8 = 1;

/// Show partitions, leaders and what was configured.
#[derive(Debug, Args)]
pub struct Describe {
    /// The topics; without any, all that are not the cluster's own.
    names: Vec<String>,
    /// How it looks.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    connect: Connect,
}

/// The settings of each topic, by its name.
type Configs = BTreeMap<String, BTreeMap<String, Option<String>>>;

impl Describe {
    pub(super) async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let mut cluster = self.connect.cluster().await?;
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let mut topics = cluster.topics((!names.is_empty()).then_some(&names[..]), false).await?;
        topics.retain(|topic| !names.is_empty() || !topic.is_internal);
        let mut failures = Vec::new();
        topics.retain(|topic| match ClientError::refused(topic.error.number(), None, || format!("topic {}", topic.name)) {
            Ok(()) => true,
            Err(error) => {
                failures.push(format!("{error}{}", hint(&error)));
                false
            }
        });
        let configs = configs(&mut cluster, &topics, &mut failures).await?;
        if self.format == Format::Json {
            let rows: Vec<Value> = topics.iter().map(|topic| as_json(topic, &configs)).collect();
            write_json(terminal.out, &Value::from(rows))?;
        } else {
            for (index, topic) in topics.iter().enumerate() {
                if index > 0 {
                    writeln!(terminal.out)?;
                }
                write_text(terminal, topic, &configs)?;
            }
        }
        CommandError::unless(failures)
    }
}

/// What was set for the topics themselves.
async fn configs(cluster: &mut Cluster, topics: &[Topic], failures: &mut Vec<String>) -> Result<Configs, ClientError> {
    let mut all = Configs::new();
    if topics.is_empty() {
        return Ok(all);
    }
    let resources: Vec<DescribeConfigsResource<'_>> = topics
        .iter()
        .map(|topic| DescribeConfigsResource { resource_type: TOPIC, resource_name: &topic.name, configuration_keys: None })
        .collect();
    let reply = cluster.ask(&DescribeConfigsRequest { resources: Array::from(&*resources), ..Default::default() }).await?;
    let response: DescribeConfigsResponse<'_> = reply.read()?;
    for result in response.results {
        let what = || format!("the settings of topic {}", result.resource_name);
        if let Err(error) = ClientError::refused(result.error_code, result.error_message, what) {
            failures.push(format!("{error}{}", hint(&error)));
            continue;
        }
        let set = result.configs.iter().filter(|config| config.config_source == SET_FOR_TOPIC);
        let set = set.map(|config| (config.name.to_string(), config.value.map(str::to_string))).collect();
        all.insert(result.resource_name.to_string(), set);
    }
    Ok(all)
}

fn write_text(terminal: &mut Terminal<'_>, topic: &Topic, configs: &Configs) -> std::io::Result<()> {
    let replication = topic.partitions.first().map_or(0, |partition| partition.replicas.len());
    let (count, name, id) = (topic.partitions.len(), &topic.name, topic.id);
    writeln!(terminal.out, "topic {name}  id {id}  partitions {count}  replication-factor {replication}")?;
    for (name, value) in configs.get(&topic.name).into_iter().flatten() {
        writeln!(terminal.out, "  {name}={}", value.as_deref().unwrap_or("(secret)"))?;
    }
    let mut table = Table::new(["PARTITION", "LEADER", "EPOCH", "REPLICAS", "ISR"]);
    for partition in &topic.partitions {
        let (replicas, isr) = (listed(&partition.replicas), listed(&partition.isr));
        table.row([partition.index.to_string(), or_dash(partition.leader), partition.leader_epoch.to_string(), replicas, isr]);
    }
    table.write(terminal.out)
}

fn as_json(topic: &Topic, configs: &Configs) -> Value {
    let partitions: Vec<Value> = topic
        .partitions
        .iter()
        .map(|partition| {
            json!({
                "partition": partition.index,
                "leader": partition.leader,
                "leader_epoch": partition.leader_epoch,
                "replicas": partition.replicas,
                "isr": partition.isr,
            })
        })
        .collect();
    json!({
        "name": topic.name,
        "id": topic.id.to_string(),
        "internal": topic.is_internal,
        "partitions": partitions,
        "configs": configs.get(&topic.name),
    })
}
