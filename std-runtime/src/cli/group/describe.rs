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
use crate::client::member;
use crate::client::offsets::{self, At, TopicPartition};
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::describe_groups::DescribeGroupsResponse;

use super::describe_group;

/// Show members, assignments, committed offsets and lag.
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
    state: String,
    protocol_type: String,
    protocol: String,
    members: Vec<Member>,
    partitions: Vec<Place>,
}

#[derive(Debug)]
struct Member {
    member_id: String,
    instance_id: Option<String>,
    client_id: String,
    host: String,
    /// `None` when it is in no form we know.
    assignment: Option<Vec<TopicPartition>>,
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
            match look(&mut cluster, group).await {
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

async fn look(cluster: &mut Cluster, group: &str) -> Result<Described, ClientError> {
    let reply = describe_group(cluster, group).await?;
    let response: DescribeGroupsResponse<'_> = reply.read()?;
    let told = response.groups.iter().find(|told| told.group_id == group);
    let told = told.ok_or_else(|| ClientError::Missing(format!("group {group}")))?;
    let committed = offsets::committed(cluster, group, None).await?;
    if told.group_state == "Dead" && committed.is_empty() {
        // What a broker says of a group that is not there, before version 6.
        ClientError::refused(ErrorCode::GROUP_ID_NOT_FOUND.number(), None, || format!("group {group}"))?;
    }
    let members: Vec<Member> = told
        .members
        .iter()
        .map(|member| Member {
            member_id: member.member_id.to_string(),
            instance_id: member.group_instance_id.map(str::to_string),
            client_id: member.client_id.to_string(),
            host: member.client_host.to_string(),
            assignment: (told.protocol_type == "consumer").then(|| member::read_assignment(member.member_assignment).ok()).flatten(),
        })
        .collect();
    let mut holders: BTreeMap<&TopicPartition, &str> = BTreeMap::new();
    for member in &members {
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
    Ok(Described {
        group: group.to_string(),
        state: told.group_state.to_string(),
        protocol_type: told.protocol_type.to_string(),
        protocol: told.protocol_data.to_string(),
        members,
        partitions,
    })
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
    let Described { group, state, protocol, members, partitions, .. } = described;
    let assignor = if protocol.is_empty() { String::new() } else { format!("  assignor {protocol}") };
    writeln!(terminal.out, "group {group}  state {state}{assignor}  members {}", members.len())?;
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
        "state": described.state,
        "protocol_type": described.protocol_type,
        "assignor": described.protocol,
        "members": members,
        "partitions": partitions,
    })
}
