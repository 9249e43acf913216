//! Batches out: records are gathered by partition, and each partition has one batch under way at a time.
//!
//! With acks=all the producer is idempotent: a batch whose answer was lost is sent again byte for byte, under the same sequence numbers, so
//! the broker writes it once. Source: KIP-98. With acks=1 such a batch may be written twice, with acks=0 it may be lost unseen.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use millpond_core::bounded::list::List;
use millpond_core::ids::{ProducerEpoch, ProducerId, Sequence};
use millpond_core::record::batch::ProducerStamp;
use millpond_core::record::builder::{BatchOptions, Builder, NewRecord};
use millpond_core::record::codec::Compression;
use millpond_core::record::layout;
use millpond_core::record::records::RecordHeader;
use millpond_core::time::{Instant, Timestamp};
use millpond_core::wire::schema::Versions;
use millpond_core::wire::value::{Array, Records};

use crate::compression::Codecs;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use crate::protocol::messages::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};

use super::cluster::Cluster;
use super::error::ClientError;
use super::partitioner::{Sticky, partition_of_key};

/// Topics by name; ids come with version 13.
const PRODUCE: Versions = Versions::new(3, 12);
/// How much is gathered for all partitions before it is sent. Unit: bytes.
const GATHERED_MAX: usize = 16 << 20;
/// How many failures are kept in words.
const FAILURES_TOLD_MAX: usize = 10;

/// When a record counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// When it was sent.
    None,
    /// When the leader has it.
    Leader,
    /// When all in-sync replicas have it.
    All,
}

/// How to produce.
#[derive(Clone, Debug)]
pub struct ProducerOptions {
    /// Where to.
    pub topic: String,
    /// The one partition that gets everything; `None` lets the keys decide.
    pub partition: Option<i32>,
    /// When a record counts as written.
    pub acks: Acks,
    /// How batches are compressed.
    pub compression: Compression,
    /// How large a batch grows, before compression. Unit: bytes.
    pub batch_bytes: usize,
}

/// A record to be written.
#[derive(Clone, Debug, Default)]
pub struct OwnedRecord {
    /// When it happened.
    pub timestamp: Timestamp,
    /// The key; `None` is null.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is null.
    pub value: Option<Vec<u8>>,
    /// The headers.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl OwnedRecord {
    /// An upper bound of what it takes up in a batch. Unit: bytes.
    fn size(&self) -> usize {
        let part = |bytes: Option<&Vec<u8>>| 5 + bytes.map_or(0, Vec::len);
        let headers: usize = self.headers.iter().map(|(key, value)| part(Some(key)) + part(value.as_ref())).sum();
        26 + part(self.key.as_ref()) + part(self.value.as_ref()) + headers
    }
}

/// What became of the records.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many were written.
    pub written: u64,
    /// How many were not, as far as is known.
    pub failed: u64,
    /// Why: the first few reasons.
    pub failures: Vec<String>,
}

/// Records that go together.
#[derive(Debug)]
struct Pending {
    records: Vec<OwnedRecord>,
    /// The batch as it was sent first; the same bytes are sent again.
    bytes: Option<Vec<u8>>,
    /// Whether an answer to it was lost: then it may have been written.
    in_doubt: bool,
    /// What it failed of last.
    error: Option<Arc<ClientError>>,
}

/// One partition.
#[derive(Debug)]
struct Lane {
    index: i32,
    leader: Option<i32>,
    next_sequence: Sequence,
    gathered: Vec<OwnedRecord>,
    gathered_size: usize,
    queue: VecDeque<Pending>,
}

/// Writes records to one topic.
#[derive(Debug)]
pub struct Producer {
    cluster: Cluster,
    options: ProducerOptions,
    identity: Option<(ProducerId, ProducerEpoch)>,
    lanes: Vec<Lane>,
    sticky: Sticky,
    gathered_size: usize,
    outcome: Outcome,
}

impl Producer {
    /// Finds the topic, and an identity if one is needed.
    ///
    /// # Errors
    /// What [`ClientError`] names.
    pub async fn open(mut cluster: Cluster, options: ProducerOptions) -> Result<Self, ClientError> {
        let topic = cluster.topic(&options.topic, true).await?;
        let count = topic.partitions.len();
        let lanes: Vec<Lane> = topic
            .partitions
            .iter()
            .map(|partition| Lane {
                index: partition.index,
                leader: partition.leader,
                next_sequence: Sequence(0),
                gathered: Vec::new(),
                gathered_size: 0,
                queue: VecDeque::new(),
            })
            .collect();
        if let Some(partition) = options.partition
            && !lanes.iter().any(|lane| lane.index == partition)
        {
            return Err(ClientError::NoPartition { topic: options.topic, partition, count });
        }
        // Many who write one record each shall not all write to the first partition.
        let start = usize::try_from(getrandom::u32().map_err(ClientError::Random)?).unwrap_or(0);
        let (sticky, outcome) = (Sticky::new(start), Outcome::default());
        let mut producer = Self { cluster, options, identity: None, lanes, sticky, gathered_size: 0, outcome };
        if producer.options.acks == Acks::All {
            producer.identify().await?;
        }
        Ok(producer)
    }

    /// Gets a new producer id; every partition is counted from 0 again.
    async fn identify(&mut self) -> Result<(), ClientError> {
        let deadline = self.cluster.deadline();
        let request = InitProducerIdRequest { transaction_timeout_ms: 60_000, producer_id: -1, producer_epoch: -1, ..Default::default() };
        let identity = loop {
            let asked = match self.cluster.ask(&request).await {
                Ok(reply) => reply.read::<InitProducerIdResponse>().and_then(|response| {
                    ClientError::refused(response.error_code, None, || "asking for a producer id".to_string()).map(|()| response)
                }),
                Err(error) => Err(error),
            };
            match asked {
                Ok(response) => break (ProducerId(response.producer_id), ProducerEpoch(response.producer_epoch)),
                Err(error) if error.is_retriable() && self.cluster.now() < deadline => self.cluster.back_off().await,
                Err(error) => return Err(error),
            }
        };
        self.identity = Some(identity);
        for lane in &mut self.lanes {
            lane.next_sequence = Sequence(0);
            lane.queue.iter_mut().for_each(|pending| pending.bytes = None);
        }
        Ok(())
    }

    /// The time, as records carry it.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        self.cluster.wall()
    }

    /// The time, by the clock of deadlines.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.cluster.now()
    }

    /// Whether records are gathered and not sent.
    #[must_use]
    pub const fn has_gathered(&self) -> bool {
        self.gathered_size > 0
    }

    /// What became of the records so far.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Takes a record; sends what is gathered when its batch is full. Failures are counted in [`Producer::outcome`].
    pub async fn send(&mut self, record: OwnedRecord) {
        let size = record.size();
        let place = self.place(&record);
        let lane_size = self.lanes.get(place).map_or(0, |lane| lane.gathered_size);
        let full = lane_size > 0 && lane_size + size + layout::HEADER_SIZE > self.options.batch_bytes;
        if full || self.gathered_size > 0 && self.gathered_size + size > GATHERED_MAX {
            self.flush().await;
        }
        // Flushing moves on where records without a key go.
        let place = self.place(&record);
        match self.lanes.get_mut(place) {
            Some(lane) => {
                lane.gathered.push(record);
                lane.gathered_size += size;
                self.gathered_size += size;
            }
            None => self.fail(1, &ClientError::NoPartition { topic: self.options.topic.clone(), partition: 0, count: 0 }),
        }
    }

    fn place(&self, record: &OwnedRecord) -> usize {
        match (self.options.partition, &record.key) {
            (Some(partition), _) => self.lanes.iter().position(|lane| lane.index == partition).unwrap_or(usize::MAX),
            (None, Some(key)) => partition_of_key(key, self.lanes.len()),
            (None, None) => self.sticky.place(self.lanes.len()),
        }
    }

    /// Sends what is gathered, and comes back when all of it is written or has failed.
    pub async fn flush(&mut self) {
        for lane in &mut self.lanes {
            if !lane.gathered.is_empty() {
                let records = core::mem::take(&mut lane.gathered);
                lane.gathered_size = 0;
                lane.queue.push_back(Pending { records, bytes: None, in_doubt: false, error: None });
            }
        }
        self.gathered_size = 0;
        self.sticky.advance();
        let deadline = self.cluster.deadline();
        while self.lanes.iter().any(|lane| !lane.queue.is_empty()) {
            let settled = self.send_round().await;
            if self.lanes.iter().all(|lane| lane.queue.is_empty()) {
                break;
            }
            if settled {
                continue;
            }
            if self.cluster.now() >= deadline {
                self.give_up();
                break;
            }
            self.cluster.back_off().await;
            self.find_leaders().await;
        }
    }

    /// Sends the first batch of every partition once. Answers whether nothing has to be waited for.
    async fn send_round(&mut self) -> bool {
        self.build();
        let mut leaders: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        let mut settled = true;
        for (place, lane) in self.lanes.iter_mut().enumerate() {
            match (lane.queue.front_mut(), lane.leader) {
                (Some(_), Some(leader)) => leaders.entry(leader).or_default().push(place),
                (Some(pending), None) => {
                    pending.error = Some(Arc::new(ClientError::NoLeader { topic: self.options.topic.clone(), partition: lane.index }));
                    settled = false;
                }
                (None, _) => {}
            }
        }
        for (leader, places) in leaders {
            settled &= self.send_to(leader, &places).await;
        }
        settled
    }

    /// Turns the first records of every queue into bytes, where that has not been done.
    fn build(&mut self) {
        let mut failures = Vec::new();
        for lane in &mut self.lanes {
            while let Some(pending) = lane.queue.front_mut() {
                if pending.bytes.is_some() {
                    break;
                }
                let producer = self.identity.map(|(id, epoch)| ProducerStamp { id, epoch, base_sequence: lane.next_sequence });
                match build(&pending.records, producer, self.options.compression) {
                    Ok(bytes) => pending.bytes = Some(bytes),
                    Err(error) => {
                        failures.push((pending.records.len(), error));
                        lane.queue.pop_front();
                    }
                }
            }
        }
        for (count, error) in failures {
            self.fail(count, &error);
        }
    }

    async fn send_to(&mut self, leader: i32, places: &[usize]) -> bool {
        let data: Vec<PartitionProduceData<'_>> = places
            .iter()
            .filter_map(|place| {
                let lane = self.lanes.get(*place)?;
                let bytes = lane.queue.front()?.bytes.as_deref()?;
                Some(PartitionProduceData { index: lane.index, records: Some(Records::Here(bytes)) })
            })
            .collect();
        let topics = [TopicProduceData { name: &self.options.topic, partition_data: Array::from(&*data), ..Default::default() }];
        let acks = match self.options.acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        };
        let request = ProduceRequest { acks, timeout_ms: 30_000, topic_data: Array::from(&topics), ..Default::default() };
        let connection = match self.cluster.node(leader).await {
            Ok(connection) => connection,
            // Nothing was sent.
            Err(error) => return self.doubt(places, error, false),
        };
        if acks == 0 {
            return match connection.tell(&request, PRODUCE).await {
                Ok(()) => {
                    places.iter().for_each(|place| self.written(*place));
                    true
                }
                Err(error) => self.doubt(places, error, true),
            };
        }
        let answered = match connection.call_in(&request, PRODUCE).await {
            Ok(reply) => reply.read::<ProduceResponse<'_>>().map(|response| {
                let partitions = response.responses.iter().flat_map(|topic| topic.partition_responses.iter());
                let told = partitions.map(|told| (told.index, told.error_code, told.error_message.map(str::to_string)));
                told.collect::<Vec<_>>()
            }),
            Err(error) => Err(error),
        };
        match answered {
            Err(error) => self.doubt(places, error, true),
            Ok(answered) => {
                let mut settled = true;
                for place in places {
                    settled &= self.judge(*place, &answered).await;
                }
                settled
            }
        }
    }

    /// Acts on the answer to one batch.
    async fn judge(&mut self, place: usize, answered: &[(i32, i16, Option<String>)]) -> bool {
        let Some(index) = self.lanes.get(place).map(|lane| lane.index) else {
            return true;
        };
        let what = format!("writing to {}-{index}", self.options.topic);
        let Some((_, code, message)) = answered.iter().find(|(answered, _, _)| *answered == index) else {
            self.fail_first(place, &ClientError::Missing(what));
            return true;
        };
        let Err(error) = ClientError::refused(*code, message.as_deref(), || what) else {
            self.written(place);
            return true;
        };
        match ErrorCode::from_i16(*code) {
            // It was written the first time.
            ErrorCode::DUPLICATE_SEQUENCE_NUMBER if self.identity.is_some() => {
                self.written(place);
                true
            }
            ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE if self.halve(place) => true,
            ErrorCode::UNKNOWN_PRODUCER_ID | ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER | ErrorCode::INVALID_PRODUCER_EPOCH
                if self.identity.is_some() && !self.any_in_doubt() && !self.has_failed_before(place, *code) =>
            {
                // The broker has forgotten this producer. Nothing is in doubt, so it may begin anew.
                if let Err(error) = self.identify().await {
                    self.fail_first(place, &error);
                } else if let Some(pending) = self.first(place) {
                    pending.error = Some(Arc::new(error));
                }
                true
            }
            code if code.is_retriable() => {
                // What the broker answers it knows; but after this error alone it may have written the batch.
                let in_doubt = code == ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND || code == ErrorCode::REQUEST_TIMED_OUT;
                self.doubt(&[place], error, in_doubt)
            }
            _ => {
                self.fail_first(place, &error);
                true
            }
        }
    }

    fn first(&mut self, place: usize) -> Option<&mut Pending> {
        self.lanes.get_mut(place)?.queue.front_mut()
    }

    fn any_in_doubt(&self) -> bool {
        self.lanes.iter().flat_map(|lane| &lane.queue).any(|pending| pending.in_doubt)
    }

    fn has_failed_before(&mut self, place: usize, code: i16) -> bool {
        self.first(place).and_then(|pending| pending.error.as_ref()?.code()).is_some_and(|before| before.number() == code)
    }

    fn written(&mut self, place: usize) {
        let Some(lane) = self.lanes.get_mut(place) else { return };
        let Some(pending) = lane.queue.pop_front() else { return };
        lane.next_sequence = lane.next_sequence.plus(i32::try_from(pending.records.len()).unwrap_or(i32::MAX));
        self.outcome.written += u64::try_from(pending.records.len()).unwrap_or(u64::MAX);
    }

    /// Keeps batches to be sent again, if that may help. Answers whether nothing has to be waited for.
    fn doubt(&mut self, places: &[usize], error: ClientError, in_doubt: bool) -> bool {
        if !error.is_retriable() {
            places.iter().for_each(|place| self.fail_first(*place, &error));
            return true;
        }
        let error = Arc::new(error);
        for place in places {
            if let Some(pending) = self.first(*place) {
                pending.in_doubt |= in_doubt;
                pending.error = Some(Arc::clone(&error));
            }
        }
        false
    }

    /// Splits the first batch of a partition in two. Answers whether that was possible. Source: `ProducerBatch.split`, KIP-126.
    fn halve(&mut self, place: usize) -> bool {
        let Some(lane) = self.lanes.get_mut(place) else { return false };
        let Some(pending) = lane.queue.front_mut() else { return false };
        if pending.records.len() < 2 {
            return false;
        }
        let behind = pending.records.split_off(pending.records.len() / 2);
        pending.bytes = None;
        lane.queue.insert(1, Pending { records: behind, bytes: None, in_doubt: false, error: None });
        true
    }

    fn fail_first(&mut self, place: usize, error: &ClientError) {
        if let Some(pending) = self.lanes.get_mut(place).and_then(|lane| lane.queue.pop_front()) {
            self.fail(pending.records.len(), error);
        }
    }

    fn fail(&mut self, count: usize, error: &ClientError) {
        self.outcome.failed += u64::try_from(count).unwrap_or(u64::MAX);
        if self.outcome.failures.len() < FAILURES_TOLD_MAX {
            let records = if count == 1 { "1 record".to_string() } else { format!("{count} records") };
            self.outcome.failures.push(format!("{records}: {error}"));
        }
    }

    /// The time is up: what waits has failed.
    fn give_up(&mut self) {
        for place in 0..self.lanes.len() {
            while let Some(pending) = self.lanes.get_mut(place).and_then(|lane| lane.queue.pop_front()) {
                let partition = self.lanes.get(place).map_or(-1, |lane| lane.index);
                let nobody = ClientError::NoLeader { topic: self.options.topic.clone(), partition };
                self.fail(pending.records.len(), pending.error.as_deref().unwrap_or(&nobody));
            }
        }
    }

    /// Asks anew who leads; what is not learned now is asked again.
    async fn find_leaders(&mut self) {
        let name = self.options.topic.clone();
        let Ok(topics) = self.cluster.topics(Some(&[&name]), false).await else { return };
        for partition in topics.iter().filter(|topic| topic.name == name).flat_map(|topic| &topic.partitions) {
            if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.index == partition.index) {
                lane.leader = partition.leader;
            }
        }
    }
}

/// One batch.
fn build(records: &[OwnedRecord], producer: Option<ProducerStamp>, compression: Compression) -> Result<Vec<u8>, ClientError> {
    let mut bytes = List::grown(usize::MAX);
    let too_large = |record: &OwnedRecord| ClientError::RecordSize { size: record.size() };
    let mut builder = Builder::new(&mut bytes, BatchOptions { producer, ..BatchOptions::default() })
        .map_err(|_| ClientError::RecordSize { size: layout::HEADER_SIZE })?;
    for record in records {
        let headers: Vec<RecordHeader<'_>> =
            record.headers.iter().map(|(key, value)| RecordHeader { key, value: value.as_deref() }).collect();
        let new =
            NewRecord { timestamp: Some(record.timestamp), key: record.key.as_deref(), value: record.value.as_deref(), headers: &headers };
        builder.append(new).map_err(|_| too_large(record))?;
    }
    builder.finish_compressed(compression, &mut Codecs::default(), &mut List::grown(usize::MAX)).map_err(ClientError::Compress)?;
    Ok(bytes.into_vec().unwrap_or_default())
}
