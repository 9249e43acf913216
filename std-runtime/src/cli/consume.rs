//! `millpond consume`

use core::ops::ControlFlow;
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};

use clap::Args;
use millpond_core::time::{Instant, Millis};

use crate::client::cluster::Cluster;
use crate::client::error::ClientError;
use crate::client::fetcher::Fetcher;
use crate::client::member::{Member, Standing};
use crate::client::offsets::{self, At, TopicPartition};
use crate::protocol::error_code::ErrorCode;

use super::connect::Connect;
use super::error::CommandError;
use super::moment;
use super::record_format::{Line, RecordFormat};
use super::terminal::{Terminal, unless_told_to_end};

/// How long a broker waits for something to come. Unit: ms.
const WAIT_MS: i32 = 500;
/// How often a group's offsets are committed. Source: Kafka's `auto.commit.interval.ms`.
const COMMIT_INTERVAL: Millis = Millis(5_000);

/// Read records.
///
/// Without a group, all partitions of the topic are read. With one, the partitions are shared among its members, and what was read is
/// committed every few seconds and at the end.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own on the command line")]
pub struct Consume {
    /// The topic.
    topic: String,
    /// Only this partition. May be given several times.
    #[arg(long = "partition", value_name = "N", conflicts_with = "group", value_parser = clap::value_parser!(i32).range(0..))]
    partitions: Vec<i32>,
    /// Where to begin, with a group only where it has committed nothing: earliest, latest, an offset, or timestamp: with a time such as
    /// 2026-05-01T12:00:00Z.
    #[arg(long, value_name = "WHERE", default_value = "earliest", value_parser = start)]
    from: Start,
    /// End after so many records.
    #[arg(long, value_name = "N")]
    max_records: Option<u64>,
    /// End when all is read that was there at the beginning.
    #[arg(long)]
    exit_at_end: bool,
    /// The consumer group to join.
    #[arg(long, value_name = "G")]
    group: Option<String>,
    /// How a record looks: value, json, or a pattern such as "%k\t%v\n" (%k key, %v value, %t topic, %p partition, %o offset, %T time,
    /// %h headers). In JSON, bytes that are no text stand as {"base64": "..."}.
    #[arg(long, value_name = "FORMAT", default_value = "value")]
    format: String,
    /// Put the key before the value.
    #[arg(long)]
    print_key: bool,
    /// Put the headers before the value.
    #[arg(long)]
    print_headers: bool,
    /// Put the offset before the value.
    #[arg(long)]
    print_offset: bool,
    /// Put the partition before the value.
    #[arg(long)]
    print_partition: bool,
    /// Put the time before the value.
    #[arg(long)]
    print_timestamp: bool,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    At(At),
    Offset(i64),
}

fn start(text: &str) -> Result<Start, String> {
    if let Some(moment) = text.strip_prefix("timestamp:") {
        return moment::parse(moment).map(|ms| Start::At(At::Timestamp(ms)));
    }
    match (text, text.parse::<i64>()) {
        ("earliest", _) => Ok(Start::At(At::Earliest)),
        ("latest", _) => Ok(Start::At(At::Latest)),
        (_, Ok(offset)) if offset >= 0 => Ok(Start::Offset(offset)),
        _ => Err(format!("{text} is neither earliest, latest, an offset nor timestamp: with a time")),
    }
}

/// A consumer at work: what must outlive an interruption.
#[derive(Debug)]
struct Reading {
    cluster: Cluster,
    fetcher: Fetcher,
    member: Option<Member>,
    /// What was committed last.
    committed: BTreeMap<TopicPartition, i64>,
    commit_due: Instant,
    /// Where each log ended at the beginning, when that is where to stop.
    ends: Option<BTreeMap<TopicPartition, i64>>,
    count: u64,
}

impl Consume {
    pub(super) async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let line = Line {
            timestamp: self.print_timestamp,
            partition: self.print_partition,
            offset: self.print_offset,
            headers: self.print_headers,
            key: self.print_key,
        };
        let format = RecordFormat::parse(&self.format, line).map_err(|why| CommandError::Usage(format!("--format: {why}")))?;
        let cluster = self.connect.cluster().await?;
        let member = self.group.as_ref().map(|group| Member::new(group.clone(), vec![self.topic.clone()])).transpose()?;
        let mut reading = Reading {
            cluster,
            fetcher: Fetcher::default(),
            member,
            committed: BTreeMap::new(),
            commit_due: Instant::ZERO,
            ends: None,
            count: 0,
        };
        let signals = terminal.signals;
        let mut out = BufWriter::with_capacity(1 << 16, &mut *terminal.out);
        let read = unless_told_to_end(signals, self.read(&mut reading, &format, &mut out)).await.unwrap_or(Ok(()));
        let flushed = out.flush().map_err(CommandError::Output);
        drop(out);
        // What could not be shown was not read: only what was shown is committed.
        let shown = read.is_ok() && flushed.is_ok();
        let left = unless_told_to_end(signals, reading.end(shown)).await.unwrap_or(Ok(()));
        read.and(flushed).and(left.map_err(CommandError::Client))
    }

    async fn read(&self, reading: &mut Reading, format: &RecordFormat, out: &mut impl Write) -> Result<(), CommandError> {
        let topic = reading.cluster.topic(&self.topic, false).await?;
        if self.max_records == Some(0) {
            return Ok(());
        }
        if reading.member.is_some() {
            self.join(reading).await?;
        } else {
            let mut partitions: Vec<TopicPartition> =
                topic.partitions.iter().map(|partition| (self.topic.clone(), partition.index)).collect();
            if let Some(partition) = self.partitions.iter().find(|index| !partitions.iter().any(|(_, there)| there == *index)) {
                let (topic, count) = (self.topic.clone(), partitions.len());
                return Err(ClientError::NoPartition { topic, partition: *partition, count }.into());
            }
            partitions.retain(|(_, index)| self.partitions.is_empty() || self.partitions.contains(index));
            self.begin(reading, &partitions).await?;
        }
        while !reading.is_done() {
            if let Some(member) = &mut reading.member
                && member.heartbeat(&mut reading.cluster).await? == Standing::JoinAgain
            {
                self.join(reading).await?;
                continue;
            }
            self.look(reading, format, out).await?;
            out.flush()?;
            if self.max_records.is_some_and(|max| reading.count >= max) {
                break;
            }
            if reading.cluster.now() >= reading.commit_due && reading.commit().await? == Standing::JoinAgain {
                self.join(reading).await?;
            }
        }
        Ok(())
    }

    /// Commits what was read, joins the group and begins with what is given.
    async fn join(&self, reading: &mut Reading) -> Result<(), CommandError> {
        // If the group has gone on without us, that is what joining again is for.
        reading.commit().await?;
        reading.fetcher.assign(BTreeMap::new());
        reading.committed.clear();
        let Some(member) = &mut reading.member else { return Ok(()) };
        let given = member.join(&mut reading.cluster).await?;
        self.begin(reading, &given).await
    }

    /// Begins to read partitions.
    async fn begin(&self, reading: &mut Reading, partitions: &[TopicPartition]) -> Result<(), CommandError> {
        let cluster = &mut reading.cluster;
        let committed = match &self.group {
            Some(group) if !partitions.is_empty() => offsets::committed(cluster, group, Some(partitions)).await?,
            _ => BTreeMap::new(),
        };
        let fresh: Vec<TopicPartition> = partitions.iter().filter(|place| !committed.contains_key(*place)).cloned().collect();
        let mut positions = committed.clone();
        positions.extend(self.starts(cluster, &fresh).await?);
        if self.exit_at_end {
            let ends = offsets::find(cluster, partitions, At::Latest).await?;
            reading.ends = Some(ends.into_iter().map(|(place, end)| (place, end.unwrap_or(0))).collect());
        }
        reading.committed = committed;
        reading.commit_due = cluster.now().after(COMMIT_INTERVAL);
        reading.fetcher.assign(positions);
        Ok(())
    }

    /// Where reading begins, of partitions that nothing is known about.
    async fn starts(&self, cluster: &mut Cluster, partitions: &[TopicPartition]) -> Result<BTreeMap<TopicPartition, i64>, ClientError> {
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let at = match self.from {
            Start::Offset(offset) => return Ok(partitions.iter().map(|place| (place.clone(), offset)).collect()),
            Start::At(at) => at,
        };
        let found = offsets::find(cluster, partitions, at).await?;
        let mut starts: BTreeMap<TopicPartition, i64> = BTreeMap::new();
        let mut without = Vec::new();
        for (place, offset) in found {
            match offset {
                Some(offset) => drop(starts.insert(place, offset)),
                None => without.push(place),
            }
        }
        if !without.is_empty() {
            // Nothing is that young: what comes will be.
            let ends = offsets::find(cluster, &without, At::Latest).await?;
            starts.extend(ends.into_iter().map(|(place, end)| (place, end.unwrap_or(0))));
        }
        Ok(starts)
    }

    async fn look(&self, reading: &mut Reading, format: &RecordFormat, out: &mut impl Write) -> Result<(), CommandError> {
        let max = self.max_records.unwrap_or(u64::MAX);
        let mut written = Ok(());
        let count = &mut reading.count;
        let polled = reading.fetcher.poll(&mut reading.cluster, WAIT_MS, |record| {
            written = format.write(out, record);
            *count += 1;
            if written.is_err() || *count >= max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let polled = polled.await;
        written?;
        let out_of_range = polled?.out_of_range;
        if out_of_range.is_empty() {
            return Ok(());
        }
        self.return_to_range(reading, &out_of_range).await
    }

    /// A position may leave the log when records are deleted; one that was given must lie in it.
    async fn return_to_range(&self, reading: &mut Reading, partitions: &[TopicPartition]) -> Result<(), CommandError> {
        let earliest = offsets::find(&mut reading.cluster, partitions, At::Earliest).await?;
        let latest = offsets::find(&mut reading.cluster, partitions, At::Latest).await?;
        for place in partitions {
            let start = earliest.get(place).copied().flatten().unwrap_or(0);
            let end = latest.get(place).copied().flatten().unwrap_or(start);
            let position = reading.fetcher.positions().get(place).copied().unwrap_or(0);
            match self.from {
                Start::Offset(offset) if offset == position => {
                    let what = || format!("reading {}-{} at offset {position}, where {start} to {end} are", place.0, place.1);
                    ClientError::refused(ErrorCode::OFFSET_OUT_OF_RANGE.number(), None, what)?;
                }
                Start::At(At::Latest) => reading.fetcher.seek(place, end),
                Start::At(_) | Start::Offset(_) => reading.fetcher.seek(place, start),
            }
        }
        Ok(())
    }
}

impl Reading {
    fn is_done(&self) -> bool {
        let Some(ends) = &self.ends else { return false };
        self.fetcher.positions().iter().all(|(place, position)| ends.get(place).is_none_or(|end| position >= end))
    }

    /// Commits what was read since the last time.
    async fn commit(&mut self) -> Result<Standing, ClientError> {
        self.commit_due = self.cluster.now().after(COMMIT_INTERVAL);
        let Some(member) = &mut self.member else { return Ok(Standing::Seated) };
        let positions = self.fetcher.positions();
        if *positions == self.committed {
            return Ok(Standing::Seated);
        }
        let standing = member.commit(&mut self.cluster, positions).await?;
        if standing == Standing::Seated {
            self.committed = positions.clone();
        }
        Ok(standing)
    }

    /// Commits, if all was shown, and leaves the group.
    async fn end(&mut self, shown: bool) -> Result<(), ClientError> {
        let committed = if shown { self.commit().await.map(drop) } else { Ok(()) };
        let left = match &mut self.member {
            Some(member) => member.leave(&mut self.cluster).await,
            None => Ok(()),
        };
        committed.and(left)
    }
}
