//! `millpond group describe`

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::connect::{Connect, Format};
use crate::cli::error::{CommandError, hint};
use crate::cli::table::{Table, or_dash, write_json};
use crate::cli::terminal::Terminal;
use crate::client::cluster::Cluster;
use crate::client::error::ClientError;
use crate::client::offsets::{self, At, TopicPartition};

use super::look::{Kind, Looked, done_up_to, look};

/// Show members, assignments, committed offsets and lag.
///
/// A share group has committed what lies below where it begins: all that is settled there.
#[derive(Debug, Args)]
pub struct Describe {
    /// The groups.
    #[arg(required = true)]
    groups: Vec<String>,
    /// How it looks.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    connect: Connect,
}

/// All there is to say about a group.
#[derive(Debug)]
struct Described {
    group: String,
    looked: Looked,
    partitions: Vec<Place>,
}

/// How far a group is in a partition.
#[derive(Debug)]
struct Place {
    topic: String,
    partition: i32,
    committed: Option<i64>,
    /// `None` when there is no such partition any more.
    log_end: Option<i64>,
    member: Option<String>,
}

impl Place {
    fn lag(&self) -> Option<i64> {
        Some(self.log_end?.saturating_sub(self.committed?).max(0))
    }
}

impl Describe {
    pub(super) async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let mut cluster = self.connect.cluster().await?;
        let mut failures = Vec::new();
        let mut all = Vec::new();
        for group in &self.groups {
            match describe(&mut cluster, group).await {
                Ok(described) => all.push(described),
                Err(error) if error.code().is_some() => failures.push(format!("{error}{}", hint(&error))),
                Err(error) => return Err(error.into()),
            }
        }
        if self.format == Format::Json {
            write_json(terminal.out, &all.iter().map(as_json).collect())?;
        } else {
            for (index, described) in all.iter().enumerate() {
                if index > 0 {
                    writeln!(terminal.out)?;
                }
                write_text(terminal, described)?;
            }
        }
        CommandError::unless(failures)
    }
}

async fn describe(cluster: &mut Cluster, group: &str) -> Result<Described, ClientError> {
    let looked = look(cluster, group).await?;
    let committed = done_up_to(cluster, group, looked.kind).await?;
    let mut holders: BTreeMap<&TopicPartition, &str> = BTreeMap::new();
    // Members of a share group hold partitions together.
    for member in looked.members.iter().filter(|_| looked.kind != Kind::Share) {
        holders.extend(member.assignment.iter().flatten().map(|partition| (partition, member.member_id.as_str())));
    }
    let places: BTreeSet<&TopicPartition> = committed.keys().chain(holders.keys().copied()).collect();
    let ends = log_ends(cluster, &places).await?;
    let partitions = places
        .into_iter()
        .map(|place| Place {
            topic: place.0.clone(),
            partition: place.1,
            committed: committed.get(place).copied(),
            log_end: ends.get(place).copied().flatten(),
            member: holders.get(place).map(|member| (*member).to_string()),
        })
        .collect();
    Ok(Described { group: group.to_string(), looked, partitions })
}

/// Where the logs end of those partitions that are there and have a leader.
async fn log_ends(cluster: &mut Cluster, places: &BTreeSet<&TopicPartition>) -> Result<BTreeMap<TopicPartition, Option<i64>>, ClientError> {
    let mut names: Vec<&str> = places.iter().map(|(topic, _)| topic.as_str()).collect();
    names.dedup();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut present: BTreeSet<TopicPartition> = BTreeSet::new();
    for topic in cluster.topics(Some(&names), false).await? {
        let led = topic.partitions.iter().filter(|partition| partition.leader.is_some());
        present.extend(led.map(|partition| (topic.name.clone(), partition.index)));
    }
    let asked: Vec<TopicPartition> = places.iter().filter(|place| present.contains(**place)).map(|place| (*place).clone()).collect();
    offsets::find(cluster, &asked, At::Latest).await
}

fn write_text(terminal: &mut Terminal<'_>, described: &Described) -> std::io::Result<()> {
    let Described { group, looked, partitions } = described;
    let Looked { kind, state, assignor, members, .. } = looked;
    let assignor = if assignor.is_empty() { String::new() } else { format!("  assignor {assignor}") };
    writeln!(terminal.out, "group {group}  type {}  state {state}{assignor}  members {}", kind.name(), members.len())?;
    if !members.is_empty() {
        let mut table = Table::new(["MEMBER", "INSTANCE", "CLIENT", "HOST", "ASSIGNMENT"]);
        for member in members {
            let assignment = member.assignment.as_ref().map_or_else(|| "?".to_string(), |partitions| told(partitions));
            let (client_id, host) = (member.client_id.clone(), member.host.clone());
            table.row([member.member_id.clone(), or_dash(member.instance_id.as_ref()), client_id, host, assignment]);
        }
        table.write(terminal.out)?;
    }
    if !partitions.is_empty() {
        let mut table = Table::new(["TOPIC", "PARTITION", "COMMITTED", "LOG-END", "LAG", "MEMBER"]);
        for place in partitions {
            let (committed, log_end, lag) = (or_dash(place.committed), or_dash(place.log_end), or_dash(place.lag()));
            table.row([place.topic.clone(), place.partition.to_string(), committed, log_end, lag, or_dash(place.member.as_ref())]);
        }
        table.write(terminal.out)?;
    }
    Ok(())
}

/// `topic:0,1 other:3`
fn told(partitions: &[TopicPartition]) -> String {
    let mut text = String::new();
    let mut last = None;
    for (topic, index) in partitions {
        if last == Some(topic) {
            text.push_str(&format!(",{index}"));
        } else {
            let gap = if text.is_empty() { "" } else { " " };
            text.push_str(&format!("{gap}{topic}:{index}"));
        }
        last = Some(topic);
    }
    if text.is_empty() { "-".to_string() } else { text }
}

fn as_json(described: &Described) -> Value {
    let pair = |(topic, partition): &TopicPartition| json!({ "topic": topic, "partition": partition });
    let members: Vec<Value> = described
        .looked
        .members
        .iter()
        .map(|member| {
            let assignment: Option<Vec<Value>> = member.assignment.as_ref().map(|partitions| partitions.iter().map(pair).collect());
            json!({
                "member_id": member.member_id,
                "group_instance_id": member.instance_id,
                "client_id": member.client_id,
                "host": member.host,
                "assignment": assignment,
            })
        })
        .collect();
    let partitions: Vec<Value> = described
        .partitions
        .iter()
        .map(|place| {
            json!({
                "topic": place.topic,
                "partition": place.partition,
                "committed_offset": place.committed,
                "log_end_offset": place.log_end,
                "lag": place.lag(),
                "member_id": place.member,
            })
        })
        .collect();
    json!({
        "group": described.group,
        "type": described.looked.kind.name(),
        "state": described.looked.state,
        "protocol_type": described.looked.protocol_type,
        "assignor": described.looked.assignor,
        "members": members,
        "partitions": partitions,
    })
}
