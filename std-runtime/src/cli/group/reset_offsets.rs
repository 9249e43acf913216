//! `millpond group reset-offsets`

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::connect::{Connect, Format};
use crate::cli::error::CommandError;
use crate::cli::moment;
use crate::cli::table::{Table, or_dash, write_json};
use crate::cli::terminal::Terminal;
use crate::client::cluster::Cluster;
use crate::client::error::ClientError;
use crate::client::offsets::{self, At, Committer, TopicPartition};
use crate::protocol::error_code::ErrorCode;

use super::look::{Kind, look};

/// Move what a group has committed. Shows what would be done; does it with --execute.
///
/// The group must have no members. Offsets outside of a log become its nearest end.
#[derive(Debug, Args)]
#[group(id = "target", required = true, multiple = false, args = ["to_earliest", "to_latest", "to_offset", "to_datetime", "shift_by"])]
pub struct ResetOffsets {
    /// The group; it need not be there yet.
    group: String,
    /// A topic, or some of its partitions. May be given several times.
    #[arg(long = "topic", value_name = "T[:P,...]", required = true)]
    topics: Vec<String>,
    /// To the first record there is.
    #[arg(long)]
    to_earliest: bool,
    /// Behind the last record there is.
    #[arg(long)]
    to_latest: bool,
    /// To this offset.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    to_offset: Option<i64>,
    /// To the first record of this time or later, such as 2026-05-01T12:00:00Z; without a zone it is UTC's.
    #[arg(long, value_name = "ISO8601", value_parser = moment::parse)]
    to_datetime: Option<i64>,
    /// By so many records, backwards when negative.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    shift_by: Option<i64>,
    /// Do it.
    #[arg(long)]
    execute: bool,
    /// How the list looks.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    connect: Connect,
}

impl ResetOffsets {
    pub(super) async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let mut cluster = self.connect.cluster().await?;
        let partitions = self.partitions(&mut cluster).await?;
        self.check_is_empty(&mut cluster).await?;
        let committed = offsets::committed(&mut cluster, &self.group, None).await?;
        let targets = self.targets(&mut cluster, &partitions, &committed, terminal).await?;
        if self.execute {
            offsets::commit(&mut cluster, &self.group, Committer::OUTSIDER, &targets).await?;
        }
        if self.format == Format::Json {
            let rows: Vec<Value> = targets
                .iter()
                .map(|(place, target)| {
                    json!({ "topic": place.0, "partition": place.1, "current_offset": committed.get(place), "new_offset": target })
                })
                .collect();
            write_json(terminal.out, &Value::from(rows))?;
        } else {
            let mut table = Table::new(["TOPIC", "PARTITION", "CURRENT", "NEW"]);
            for (place, target) in &targets {
                table.row([place.0.clone(), place.1.to_string(), or_dash(committed.get(place)), target.to_string()]);
            }
            table.write(terminal.out)?;
        }
        if !self.execute {
            terminal.say("nothing was changed; --execute does it");
        }
        Ok(())
    }

    /// What `--topic` names, checked against what there is.
    async fn partitions(&self, cluster: &mut Cluster) -> Result<Vec<TopicPartition>, CommandError> {
        let mut partitions = Vec::new();
        for text in &self.topics {
            let (name, indexes) = text.split_once(':').map_or((text.as_str(), None), |(name, indexes)| (name, Some(indexes)));
            let topic = cluster.topic(name, false).await?;
            let Some(indexes) = indexes else {
                partitions.extend(topic.partitions.iter().map(|partition| (name.to_string(), partition.index)));
                continue;
            };
            for index in indexes.split(',') {
                let usage = || CommandError::Usage(format!("--topic {text}: {index} is not the number of a partition"));
                let index: i32 = index.trim().parse().map_err(|_| usage())?;
                if !topic.partitions.iter().any(|partition| partition.index == index) {
                    let count = topic.partitions.len();
                    return Err(ClientError::NoPartition { topic: name.to_string(), partition: index, count }.into());
                }
                partitions.push((name.to_string(), index));
            }
        }
        partitions.sort();
        partitions.dedup();
        Ok(partitions)
    }

    /// While a group has members, those decide what is committed.
    async fn check_is_empty(&self, cluster: &mut Cluster) -> Result<(), CommandError> {
        let group = &self.group;
        let looked = match look(cluster, group).await {
            // A group that is not there has no members.
            Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => return Ok(()),
            other => other?,
        };
        if looked.kind == Kind::Share {
            let why = "is a share group, which commits no offsets: `kafka-share-groups --reset-offsets` moves where it begins";
            return Err(CommandError::Usage(format!("group {group} {why}")));
        }
        match looked.members.len() {
            0 => Ok(()),
            count => {
                let (state, members) = (looked.state, if count == 1 { "1 member".to_string() } else { format!("{count} members") });
                Err(CommandError::Usage(format!("group {group} has {members} and is {state}: stop its consumers first")))
            }
        }
    }

    async fn targets(
        &self,
        cluster: &mut Cluster,
        partitions: &[TopicPartition],
        committed: &BTreeMap<TopicPartition, i64>,
        terminal: &mut Terminal<'_>,
    ) -> Result<BTreeMap<TopicPartition, i64>, CommandError> {
        let earliest = offsets::find(cluster, partitions, At::Earliest).await?;
        let latest = offsets::find(cluster, partitions, At::Latest).await?;
        let timed = match self.to_datetime {
            Some(ms) => offsets::find(cluster, partitions, At::Timestamp(ms)).await?,
            None => BTreeMap::new(),
        };
        let mut targets = BTreeMap::new();
        for place in partitions {
            let start = earliest.get(place).copied().flatten().unwrap_or(0);
            let end = latest.get(place).copied().flatten().unwrap_or(start).max(start);
            let target = if self.to_earliest {
                start
            } else if self.to_latest {
                end
            } else if let Some(offset) = self.to_offset {
                offset
            } else if let Some(shift) = self.shift_by {
                let from = committed.get(place).copied();
                let nothing =
                    || format!("group {} has committed nothing in {}-{}, so there is nothing to shift", self.group, place.0, place.1);
                from.ok_or_else(|| CommandError::Usage(nothing()))?.saturating_add(shift)
            } else {
                timed.get(place).copied().flatten().unwrap_or(end)
            };
            let nearest = target.clamp(start, end);
            if nearest != target {
                terminal.say(&format!("{}-{} has offsets from {start} to {end}: {target} becomes {nearest}", place.0, place.1));
            }
            targets.insert(place.clone(), nearest);
        }
        Ok(targets)
    }
}
