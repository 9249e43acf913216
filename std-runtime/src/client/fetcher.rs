//! Records in: reads partitions from where they stand, and moves on.

use core::ops::ControlFlow;
use core::time::Duration;
use std::collections::BTreeMap;

use millpond_core::bounded::list::List;
use millpond_core::record::batch::{Batch, BatchError};
use millpond_core::record::codec::{Codec, Compression};
use millpond_core::record::records::{Headers, Records};
use millpond_core::time::Instant;
use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::{self as wire, Array};

use crate::compression::Codecs;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};

use super::cluster::Cluster;
use super::error::{BatchFault, ClientError};
use super::offsets::{TopicPartition, by_leader};

/// Topics by name; ids come with version 13.
const FETCH: Versions = Versions::new(4, 12);
/// How much one answer brings, all in all and of one partition. Unit: bytes. A first batch larger than this comes whole (KIP-74).
const FETCH_BYTES_MAX: i32 = 16 << 20;
const PARTITION_BYTES_MAX: i32 = 1 << 20;
/// How large a batch may become when it is decompressed. Unit: bytes.
const BATCH_SIZE_MAX: usize = 512 << 20;

/// A record that was read.
#[derive(Clone, Copy, Debug)]
pub struct Fetched<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// When it happened; `None` when nobody knows. Unit: ms since the epoch.
    pub timestamp: Option<i64>,
    /// Whether the timestamp is the broker's.
    pub is_append_time: bool,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
}

/// What came of a look at the partitions.
#[derive(Clone, Debug, Default)]
pub struct Polled {
    /// Partitions whose position lies outside of their log.
    pub out_of_range: Vec<TopicPartition>,
}

/// Reads partitions.
#[derive(Debug, Default)]
pub struct Fetcher {
    positions: BTreeMap<TopicPartition, i64>,
    /// Who leads what; empty when that must be asked.
    leaders: BTreeMap<i32, BTreeMap<String, Vec<i32>>>,
    /// Which leader is asked first; so that none has to wait for the others for ever.
    turn: usize,
    /// Since when nothing but failures came.
    failing_since: Option<Instant>,
}

impl Fetcher {
    /// Reads these partitions from these offsets on, and no others.
    pub fn assign(&mut self, positions: BTreeMap<TopicPartition, i64>) {
        self.positions = positions;
        self.leaders.clear();
        self.failing_since = None;
    }

    /// Goes on at another offset.
    pub fn seek(&mut self, partition: &TopicPartition, offset: i64) {
        if let Some(position) = self.positions.get_mut(partition) {
            *position = offset;
        }
    }

    /// The offset behind the last record that was taken, for every partition.
    #[must_use]
    pub const fn positions(&self) -> &BTreeMap<TopicPartition, i64> {
        &self.positions
    }

    /// Looks once at every partition, and waits up to `wait_ms` for something to come. `take` gets every record and may end the look.
    ///
    /// # Errors
    /// What [`ClientError`] names. What may pass is no error until it has lasted for as long as a request may.
    pub async fn poll(
        &mut self,
        cluster: &mut Cluster,
        wait_ms: i32,
        mut take: impl FnMut(&Fetched<'_>) -> ControlFlow<()>,
    ) -> Result<Polled, ClientError> {
        let mut polled = Polled::default();
        if self.positions.is_empty() {
            tokio::time::sleep(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0))).await;
            return Ok(polled);
        }
        match self.look(cluster, wait_ms, &mut take, &mut polled).await {
            Ok(()) => {
                self.failing_since = None;
                Ok(polled)
            }
            Err(error) if error.is_retriable() => {
                let now = cluster.now();
                let since = *self.failing_since.get_or_insert(now);
                self.leaders.clear();
                if now >= since.after(cluster.deadline().since(now)) {
                    return Err(error);
                }
                cluster.back_off().await;
                Ok(polled)
            }
            Err(error) => Err(error),
        }
    }

    async fn look(
        &mut self,
        cluster: &mut Cluster,
        wait_ms: i32,
        take: &mut impl FnMut(&Fetched<'_>) -> ControlFlow<()>,
        polled: &mut Polled,
    ) -> Result<(), ClientError> {
        if self.leaders.is_empty() {
            let partitions: Vec<TopicPartition> = self.positions.keys().cloned().collect();
            self.leaders = by_leader(cluster, &partitions).await?;
        }
        let count = self.leaders.len();
        let mut leaders: Vec<i32> = self.leaders.keys().copied().collect();
        leaders.rotate_left(self.turn.checked_rem(count).unwrap_or(0));
        self.turn = self.turn.wrapping_add(1);
        let wait_ms = i32::try_from(count).ok().and_then(|count| wait_ms.checked_div(count)).unwrap_or(0);
        for leader in leaders {
            let reply = {
                let Some(by_topic) = self.leaders.get(&leader) else { continue };
                let wanted: Vec<(&str, Vec<FetchPartition>)> =
                    by_topic.iter().map(|(topic, indexes)| (topic.as_str(), self.wanted(topic, indexes))).collect();
                let topics: Vec<FetchTopic<'_>> = wanted
                    .iter()
                    .map(|(topic, partitions)| FetchTopic { topic, partitions: Array::from(&**partitions), ..Default::default() })
                    .collect();
                let request = FetchRequest {
                    max_wait_ms: wait_ms,
                    min_bytes: 1,
                    max_bytes: FETCH_BYTES_MAX,
                    topics: Array::from(&*topics),
                    ..Default::default()
                };
                cluster.node(leader).await?.call_in(&request, FETCH).await?
            };
            let response: FetchResponse<'_> = reply.read()?;
            ClientError::refused(response.error_code, None, || "reading".to_string())?;
            if self.take_all(&response, take, polled)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn wanted(&self, topic: &str, indexes: &[i32]) -> Vec<FetchPartition> {
        // The partition that was served first comes last next time.
        let mut wanted: Vec<FetchPartition> = indexes
            .iter()
            .filter_map(|index| {
                let offset = self.positions.get(&(topic.to_string(), *index))?;
                Some(FetchPartition {
                    partition: *index,
                    fetch_offset: *offset,
                    partition_max_bytes: PARTITION_BYTES_MAX,
                    ..Default::default()
                })
            })
            .collect();
        let shift = self.turn.checked_rem(wanted.len()).unwrap_or(0);
        wanted.rotate_left(shift);
        wanted
    }

    fn take_all(
        &mut self,
        response: &FetchResponse<'_>,
        take: &mut impl FnMut(&Fetched<'_>) -> ControlFlow<()>,
        polled: &mut Polled,
    ) -> Result<ControlFlow<()>, ClientError> {
        let mut passing = None;
        for topic in response.responses {
            for partition in topic.partitions {
                let place = (topic.topic.to_string(), partition.partition_index);
                let Some(position) = self.positions.get_mut(&place) else { continue };
                if ErrorCode::from_i16(partition.error_code) == ErrorCode::OFFSET_OUT_OF_RANGE {
                    polled.out_of_range.push(place);
                    continue;
                }
                let what = || format!("reading {}-{} at offset {position}", place.0, place.1);
                match ClientError::refused(partition.error_code, None, what) {
                    Err(error) if error.is_retriable() => {
                        passing = Some(error);
                        continue;
                    }
                    other => other?,
                }
                let bytes = partition.records.map(wire::Records::here).unwrap_or_default();
                if read_batches(bytes, (&place.0, place.1), position, take)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        passing.map_or(Ok(ControlFlow::Continue(())), Err)
    }
}

/// Hands on the records of batches from `position` on, and moves it behind what was taken.
fn read_batches(
    mut bytes: &[u8],
    (topic, partition): (&str, i32),
    position: &mut i64,
    take: &mut impl FnMut(&Fetched<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, ClientError> {
    let (mut codec, mut plain) = (Codecs::default(), List::grown(BATCH_SIZE_MAX));
    while !bytes.is_empty() {
        let at = *position;
        let fault = |offset, fault| ClientError::Batch { topic: topic.to_string(), partition, offset, fault };
        let (batch, rest) = match Batch::split_first(bytes) {
            Ok(split) => split,
            // An answer may end in the middle of a batch.
            Err(BatchError::Truncated { .. }) => break,
            Err(error) => return Err(fault(at, BatchFault::Batch(error))),
        };
        bytes = rest;
        let header = batch.header();
        let base = header.base_offset().0;
        let next = header.next_offset().0;
        if next <= *position {
            continue;
        }
        if !batch.crc_is_right() {
            return Err(fault(base, BatchFault::Crc));
        }
        if header.is_control() {
            *position = next;
            continue;
        }
        let compression = header.compression().ok_or_else(|| fault(base, BatchFault::Compression))?;
        let body = if compression == Compression::None {
            batch.body()
        } else {
            plain.clear();
            codec.decompress(compression, batch.body(), &mut plain).map_err(|error| fault(base, BatchFault::Codec(error)))?;
            &plain
        };
        for record in Records::new(body, header.record_count()) {
            let record = record.map_err(|error| fault(base, BatchFault::Record(error)))?;
            let offset = base.saturating_add(i64::from(record.offset_delta));
            if offset < *position {
                continue;
            }
            let stamp = if header.has_log_append_time() {
                header.max_timestamp().map(|stamp| stamp.0)
            } else {
                Some(header.base_timestamp().wrapping_add(record.timestamp_delta)).filter(|stamp| *stamp != -1)
            };
            let fetched = Fetched {
                topic,
                partition,
                offset,
                timestamp: stamp,
                is_append_time: header.has_log_append_time(),
                key: record.key,
                value: record.value,
                headers: record.headers,
            };
            let flow = take(&fetched);
            *position = offset.saturating_add(1);
            if flow.is_break() {
                return Ok(flow);
            }
        }
        *position = (*position).max(next);
    }
    Ok(ControlFlow::Continue(()))
}
