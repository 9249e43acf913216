//! `millpond produce`

use core::time::Duration;
use std::io::{BufRead, BufReader, Read};

use clap::{Args, ValueEnum};
use millpond_core::record::codec::Compression;
use millpond_core::time::Millis;
use tokio::sync::mpsc::{self, Receiver};

use crate::client::producer::{Acks, OwnedRecord, Producer, ProducerOptions};

use super::connect::{Connect, key_value};
use super::error::CommandError;
use super::terminal::{Terminal, unless_told_to_end};

/// How many lines are read ahead.
const LINES_AHEAD: usize = 1024;

/// Write records: one from each line of the input.
///
/// Records with the same key go to the same partition as with any other client of Kafka's; records without a key fill one partition's
/// batch after another's.
#[derive(Debug, Args)]
pub struct Produce {
    /// The topic; a broker may be configured to create it.
    topic: String,
    /// What stands between key and value; without it, there is no key.
    #[arg(long, value_name = "S", value_parser = separator)]
    key_separator: Option<String>,
    /// A header of every record. May be given several times.
    #[arg(long = "header", value_name = "key=value")]
    headers: Vec<String>,
    /// When a record counts as written: when all in-sync replicas have it, when the leader does, or when it is sent. Only with `all` is a
    /// record whose answer was lost written just once.
    #[arg(long, value_enum, default_value = "all", allow_negative_numbers = true)]
    acks: AcksOption,
    /// How batches are compressed.
    #[arg(long, value_enum, default_value = "none")]
    compression: CompressionOption,
    /// The partition that all records go to.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// How large a batch grows before it is sent.
    #[arg(long, value_name = "N", default_value_t = 524_288, value_parser = clap::value_parser!(u32).range(1..=0x7fff_ffff))]
    batch_bytes: u32,
    /// How long a record waits for others to share its batch.
    #[arg(long, value_name = "N", default_value_t = 5)]
    linger_ms: u64,
    /// A record to write instead of those of the input. May be given several times.
    #[arg(long = "value", value_name = "TEXT")]
    values: Vec<String>,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AcksOption {
    #[value(name = "all", alias = "-1")]
    All,
    #[value(name = "1")]
    Leader,
    #[value(name = "0")]
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CompressionOption {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

fn separator(text: &str) -> Result<String, String> {
    let text = text.replace("\\t", "\t");
    if text.is_empty() { Err("it must not be empty".to_string()) } else { Ok(text) }
}

impl Produce {
    pub(super) async fn carry_out(self, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
        let mut headers = Vec::new();
        for header in &self.headers {
            let (key, value) = key_value("--header", header)?;
            headers.push((key.as_bytes().to_vec(), Some(value.as_bytes().to_vec())));
        }
        let options = ProducerOptions {
            topic: self.topic.clone(),
            partition: self.partition,
            acks: match self.acks {
                AcksOption::All => Acks::All,
                AcksOption::Leader => Acks::Leader,
                AcksOption::None => Acks::None,
            },
            compression: match self.compression {
                CompressionOption::None => Compression::None,
                CompressionOption::Gzip => Compression::Gzip,
                CompressionOption::Snappy => Compression::Snappy,
                CompressionOption::Lz4 => Compression::Lz4,
                CompressionOption::Zstd => Compression::Zstd,
            },
            batch_bytes: usize::try_from(self.batch_bytes).unwrap_or(usize::MAX),
        };
        let cluster = self.connect.cluster().await?;
        let mut producer = Producer::open(cluster, options).await?;
        let lines = self.lines(terminal);
        let sent = unless_told_to_end(terminal.signals, self.send_all(&mut producer, lines, headers)).await;
        // What was read is written, whatever ended the reading.
        let mut failures = match sent {
            Some(Err(error)) => vec![error.to_string()],
            Some(Ok(())) | None => Vec::new(),
        };
        producer.flush().await;
        let outcome = producer.outcome();
        let records = if outcome.written == 1 { "1 record".to_string() } else { format!("{} records", outcome.written) };
        terminal.say(&format!("wrote {records} to {}", self.topic));
        if outcome.failed > 0 {
            let records = if outcome.failed == 1 { "1 record was".to_string() } else { format!("{} records were", outcome.failed) };
            failures.push(format!("{records} not written, as far as is known:"));
            failures.extend(outcome.failures.iter().map(|failure| format!("  {failure}")));
        }
        CommandError::unless(failures)
    }

    async fn send_all(
        &self,
        producer: &mut Producer,
        mut lines: Receiver<std::io::Result<Vec<u8>>>,
        headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> Result<(), CommandError> {
        let mut number = 0u64;
        let mut due = producer.now();
        loop {
            let line = if producer.has_gathered() {
                let left = Duration::from_millis(due.since(producer.now()).0);
                match tokio::time::timeout(left, lines.recv()).await {
                    Ok(line) => line,
                    Err(_) => {
                        producer.flush().await;
                        continue;
                    }
                }
            } else {
                lines.recv().await
            };
            let Some(line) = line else { return Ok(()) };
            let line = line.map_err(CommandError::Input)?;
            number += 1;
            let (key, value) = self.split(line, number)?;
            if !producer.has_gathered() {
                due = producer.now().after(Millis(self.linger_ms));
            }
            let timestamp = producer.wall();
            producer.send(OwnedRecord { timestamp, key, value: Some(value), headers: headers.clone() }).await;
        }
    }

    fn split(&self, line: Vec<u8>, number: u64) -> Result<(Option<Vec<u8>>, Vec<u8>), CommandError> {
        let Some(separator) = &self.key_separator else {
            return Ok((None, line));
        };
        let separator = separator.as_bytes();
        let at = line.windows(separator.len()).position(|window| window == separator);
        let missing = || {
            let separator = String::from_utf8_lossy(separator);
            CommandError::Usage(format!("line {number} has no {separator:?} between key and value; it and what follows was not written"))
        };
        let at = at.ok_or_else(missing)?;
        let value = line.get(at + separator.len()..).unwrap_or_default().to_vec();
        let mut key = line;
        key.truncate(at);
        Ok((Some(key), value))
    }

    /// The records as lines: those of the options, or those of the input, which a thread waits for.
    fn lines(&self, terminal: &mut Terminal<'_>) -> Receiver<std::io::Result<Vec<u8>>> {
        let (sender, receiver) = mpsc::channel(LINES_AHEAD.max(self.values.len()));
        if !self.values.is_empty() {
            for value in &self.values {
                // There is room for all of them, and somebody who receives.
                let _ = sender.try_send(Ok(value.clone().into_bytes()));
            }
        } else if let Some(input) = terminal.input.take() {
            // Not a task of the runtime: that would wait for a line that may never come.
            std::thread::spawn(move || read_lines(input, &sender));
        }
        receiver
    }
}

fn read_lines(input: Box<dyn Read + Send>, sender: &mpsc::Sender<std::io::Result<Vec<u8>>>) {
    let mut input = BufReader::with_capacity(1 << 16, input);
    loop {
        let mut line = Vec::new();
        let read = input.read_until(b'\n', &mut line);
        if matches!(read, Ok(0)) {
            return;
        }
        if line.ends_with(b"\n") {
            line.pop();
            if line.ends_with(b"\r") {
                line.pop();
            }
        }
        let failed = read.is_err();
        if sender.blocking_send(read.map(|_| line)).is_err() || failed {
            return;
        }
    }
}
