//! A broker without sockets: it drives the turns of a shard as the worker of the real one does, call by call.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use millpond::compression::Codecs;
use millpond_core::bounded::list::List;
use millpond_core::bounded::slab::Slot;
use millpond_core::bounded::table::HashKey;
use millpond_core::catalog::answer::Answer as CatalogAnswer;
use millpond_core::catalog::catalog::{Catalog, CatalogConfig, CatalogMemory};
use millpond_core::catalog::input::{
    AlterConfigs, Bootstrap, CreatePartitions, CreateTopic, DeleteTopic, Input as CatalogInput, ResourceKind, TopicRef,
};
use millpond_core::catalog::name;
use millpond_core::group::answer::Answer as GroupAnswer;
use millpond_core::group::config::GroupConfig;
use millpond_core::group::coordinator::{Coordinator, CoordinatorLimits, CoordinatorMemory};
use millpond_core::group::input::{
    Caller, Commit, CommitPartition, Heartbeat, Input as GroupInput, Join, Leave, LeavingMember, MemberAssignment, Protocol, Sync,
};
use millpond_core::group::modern::topics::NoMatcher;
use millpond_core::ids::{BrokerId, CallId, GenerationId, Offset, PartitionIndex, TopicId};
use millpond_core::log::compact::job::{CompactLimits, CompactMemory, Compaction, Step};
use millpond_core::log::error::ReadError;
use millpond_core::log::partition_log::PartitionLog;
use millpond_core::log::reading::ReadUpTo;
use millpond_core::log::txn_index::AbortedTransaction;
use millpond_core::machine::{Answers, When};
use millpond_core::record::batch::Batch;
use millpond_core::record::validate::{self, Origin};
use millpond_core::shard::compact::{CompactedLog, NextCompaction};
use millpond_core::shard::fetch::{FetchError, FetchLimits, FetchPartition};
use millpond_core::shard::logs::{SyncedLog, Written};
use millpond_core::shard::parked::{Outcome, Parked, ParkedMemory, Release};
use millpond_core::shard::shard::{Machines, Shard, ShardMemory, ShardPartitions};
use millpond_core::share::config::ShareConfig;
use millpond_core::share::coordinator::{Coordinator as ShareCoordinator, ShareMemory};
use millpond_core::time::{Instant, Millis, Moment};
use millpond_core::txn::answer::Answer as TxnAnswer;
use millpond_core::txn::config::TxnConfig;
use millpond_core::txn::coordinator::{Coordinator as TxnCoordinator, CoordinatorMemory as TxnMemory};

use millpond_core::record::marker::{EndMarker, Outcome as End};
use millpond_core::txn::error::TxnError;
use millpond_core::txn::input::{AddPartitions, End as TxnEnd, Initialize, Input, TopicPartition};
use millpond_core::txn::state::TransactionVersion;

use crate::group::Reply;
use crate::random::Random;

use super::Sabotage;
use super::consumers::{self, Told};
use super::directory::{Directory, LeftLog};
use super::disk::{Disk, OpenFile, Store};
use super::message::{Answer, Partition, Read, Request, Topic, Transaction, number_of};
use super::share::Acquisition;

const PARTITIONS_MAX: usize = 64;
const WAITS_MAX: usize = 256;
pub(super) const PATIENCE: Millis = Millis(30_000);

/// The number of a request: no two have the same.
pub(crate) type RequestId = u64;
type SimShard = Shard<'static, Directory>;
pub(crate) type Ticket = SyncJob;

/// A sync that is under way.
#[derive(Debug)]
pub(crate) struct SyncJob {
    pub(crate) log: SyncedLog,
    pub(crate) ticket: millpond_core::log::durability::SyncTicket<OpenFile>,
}

pub(super) enum Call {
    Machine,
    Held {
        answer: Answer,
    },
    Fetch {
        request: Request,
        due: Instant,
    },
    /// Waits for the end of a transaction, to be carried out again.
    Again {
        request: Request,
    },
}

#[derive(Default)]
pub(super) struct Released(VecDeque<(CallId, Outcome)>);

impl Release for Released {
    fn release(&mut self, call: CallId, outcome: Outcome) {
        self.0.push_back((call, outcome));
    }
}

/// What a broker has said, in order.
pub(crate) type Said = Vec<(RequestId, Answer)>;

pub(crate) struct Broker {
    pub(super) shard: SimShard,
    pub(super) disk: Disk,
    pub(super) calls: BTreeMap<CallId, Call>,
    pub(super) released: Released,
    slots: List<'static, Slot>,
    ends: List<'static, (Slot, Offset)>,
    pub(crate) said: Said,
    /// Who was given what in share groups, in order.
    pub(crate) acquired: Vec<Acquisition>,
    sabotage: Option<Sabotage>,
    next_topic_id: u64,
    compaction: Option<Running>,
    /// How many compactions have come to their end.
    pub(crate) compactions: u64,
}

/// A compaction that is under way.
struct Running {
    log: CompactedLog,
    job: Compaction<'static, Store>,
}

pub(super) struct GroupAnswers<'c> {
    pub(super) calls: &'c mut BTreeMap<CallId, Call>,
    pub(super) ready: Vec<(CallId, When, Answer)>,
}

impl Answers<Coordinator<'static>> for GroupAnswers<'_> {
    fn answer(&mut self, call: CallId, when: When, answer: GroupAnswer<'_>) {
        if self.calls.remove(&call).is_some() {
            let answer = match answer {
                GroupAnswer::Consumer(seat) => Answer::Seat(Ok(Told::of(&seat))),
                GroupAnswer::ConsumerLeft { epoch, .. } => Answer::Seat(Ok(Told::left(epoch))),
                GroupAnswer::ConsumerRefused(error) => Answer::Seat(Err(error)),
                answer => Answer::Group(Reply::of(&answer)),
            };
            self.ready.push((call, when, answer));
        }
    }
}

struct CoordinatorSaid(Option<(When, TxnAnswer)>);

impl Answers<TxnCoordinator<'static>> for CoordinatorSaid {
    fn answer(&mut self, _: CallId, when: When, answer: TxnAnswer) {
        self.0 = Some((when, answer));
    }
}

enum Caught {
    Topic(TopicId),
    Deleted(String, TopicId),
    Done,
    Refused,
}

struct Catch(Option<Caught>);

impl Answers<Catalog<'static>> for Catch {
    fn answer(&mut self, _: CallId, _: When, answer: CatalogAnswer<'_>) {
        self.0 = Some(match answer {
            CatalogAnswer::TopicCreated(Ok(created)) => Caught::Topic(created.topic_id),
            CatalogAnswer::TopicDeleted(Ok(deleted)) => Caught::Deleted(deleted.name.to_owned(), deleted.topic_id),
            CatalogAnswer::Bootstrapped | CatalogAnswer::PartitionsCreated(Ok(())) | CatalogAnswer::ConfigsAltered(Ok(())) => Caught::Done,
            _ => Caught::Refused,
        });
    }
}

impl Broker {
    /// Starts on a disk, as `Broker::start` does.
    pub(crate) fn start(at: Moment, disk: &Disk, sabotage: Option<Sabotage>, ids_from: u64) -> Result<Self, String> {
        let directory = Directory::open(disk, sabotage).map_err(|error| error.to_string())?;
        let key = HashKey(1, 2);
        let catalog =
            Catalog::new(CatalogConfig { node: BrokerId(1), directory: TopicId([9; 16]) }, key, CatalogMemory::grown(PARTITIONS_MAX));
        let group_config = GroupConfig { initial_rebalance_delay: Millis(500), offsets_partition_count: 2, ..GroupConfig::default() };
        let group_config =
            GroupConfig { consumer_session_timeout: consumers::SESSION, consumer_heartbeat_interval: consumers::INTERVAL, ..group_config };
        let limits = CoordinatorLimits { groups: 16, members: 64, offsets: 512, partitions: 512, text_bytes: 1 << 18 };
        let groups = Coordinator::new(group_config, key, CoordinatorMemory::grown(limits));
        let txns = TxnCoordinator::new(TxnConfig { partition_count: 2, ..TxnConfig::default() }, key, TxnMemory::grown(16, 64));
        let shares =
            ShareCoordinator::new(ShareConfig { state_partition_count: 2, updates_per_snapshot: 5 }, key, ShareMemory::grown(16, 512));
        let machines = Machines { catalog, groups, transactions: txns, shares };
        let parked = Parked::new(ParkedMemory::grown(WAITS_MAX, WAITS_MAX * 4));
        let memory = ShardMemory::grown(1 << 20, 4096, PARTITIONS_MAX);
        let partitions = ShardPartitions::grown(PARTITIONS_MAX);
        let mut scratch = List::grown(1 << 22);
        let shard = Shard::open(at, directory, machines, parked, memory, partitions, key, &mut scratch);
        let mut shard = shard.map_err(|error| error.to_string())?;
        let (catalog, directory) = shard.catalog_and_directory();
        let is_named = |topic: &str, index| catalog.topic(topic).is_some_and(|topic| catalog.partition(topic.slot, index).is_some());
        directory.tidy(|topic_id| catalog.topic_by_id(topic_id).is_some(), is_named).map_err(|error| format!("{error:?}"))?;
        let mut broker = Self {
            shard,
            disk: disk.clone(),
            calls: BTreeMap::new(),
            released: Released::default(),
            slots: List::grown(1 << 10),
            ends: List::grown(1 << 10),
            said: Vec::new(),
            acquired: Vec::new(),
            sabotage,
            next_topic_id: ids_from,
            compaction: None,
            compactions: 0,
        };
        if broker.shard.catalog().is_blank() {
            let input = CatalogInput::Bootstrap(Bootstrap {
                call: CallId(0),
                features: &[("metadata.version", 20), (name::TRANSACTION_VERSION, 2)],
            });
            broker.catalog(at, input).map_err(|()| "the first records cannot be written".to_owned())?;
        }
        Ok(broker)
    }

    pub(crate) const fn shard(&self) -> &SimShard {
        &self.shard
    }

    pub(super) fn sabotaged(&self, by: Sabotage) -> bool {
        self.sabotage == Some(by)
    }

    fn catalog(&mut self, at: Moment, input: CatalogInput<'_>) -> Result<(Caught, Option<Written>), ()> {
        let mut catch = Catch(None);
        let written = self.shard.catalog_turn(at, input, &mut catch, &mut self.released).map_err(|_| ())?;
        match catch.0 {
            Some(Caught::Refused) | None => Err(()),
            Some(caught) => Ok((caught, written)),
        }
    }

    /// A request has arrived: one turn.
    pub(crate) fn receive(&mut self, at: Moment, id: RequestId, request: Request) {
        let call = CallId(id);
        match request {
            Request::Metadata => {
                let catalog = self.shard.catalog();
                let topics = catalog.topics().filter(|topic| !name::is_internal(topic.name));
                let topics =
                    topics.map(|topic| Topic { name: topic.name.to_owned(), id: topic.topic_id, partitions: topic.partition_count });
                let answer = Answer::Topics(topics.collect());
                let written: Vec<Written> = self.shard.uncommitted_catalog().into_iter().collect();
                let written = if self.sabotaged(Sabotage::TellsTopicsEarly) { Vec::new() } else { written };
                self.hold(at, call, answer, &written, PATIENCE);
            }
            Request::InitProducer => match self.producer_id(at) {
                Ok((producer, written)) => {
                    let written: Vec<Written> = written.into_iter().collect();
                    self.hold(at, call, Answer::Producer(producer), &written, PATIENCE);
                }
                Err(()) => self.say(call, Answer::Refused),
            },
            Request::Produce { .. } | Request::Initialize { .. } | Request::End { .. } => self.write(at, call, request, true),
            Request::Fetch { .. } => {
                let due = at.now.after(Millis(500));
                self.fetch(at, call, request, due);
            }
            Request::DeleteRecords { topic, partition, upto } => {
                let topic = self.shard.catalog().topic(&topic).map_or(Slot::NONE, |topic| topic.slot);
                let deleted = self.shard.delete_records(at, topic, PartitionIndex(partition), Some(Offset(upto)));
                self.say(call, deleted.map_or(Answer::Refused, |_| Answer::Done));
            }
            Request::CreateTopic { topic, partitions, configs } => {
                let configs: Vec<_> = configs.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let created = self.create_topic(at, &topic, partitions, &configs);
                match created {
                    Ok((id, written)) => {
                        self.hold(at, call, Answer::Topics(vec![Topic { name: topic, id, partitions }]), &written, PATIENCE);
                    }
                    Err(()) => self.say(call, Answer::Refused),
                }
            }
            Request::GrowTopic { topic, partitions } => {
                let id = self.shard.catalog().topic(&topic).map_or(TopicId::ZERO, |topic| topic.topic_id);
                let grow = CreatePartitions { call: CallId(0), name: &topic, partition_count: partitions, validate_only: false };
                match self.catalog(at, CatalogInput::CreatePartitions(grow)) {
                    Ok((_, written)) => {
                        let written: Vec<Written> = written.into_iter().collect();
                        self.hold(at, call, Answer::Topics(vec![Topic { name: topic, id, partitions }]), &written, PATIENCE);
                    }
                    Err(()) => self.say(call, Answer::Refused),
                }
            }
            Request::AlterTopic { topic, config, value } => {
                let changes = [(config, value.as_deref())];
                let alter =
                    AlterConfigs { call: CallId(0), kind: ResourceKind::TOPIC, name: &topic, changes: &changes, validate_only: false };
                match self.catalog(at, CatalogInput::AlterConfigs(alter)) {
                    Ok((_, written)) => {
                        let written: Vec<Written> = written.into_iter().collect();
                        self.hold(at, call, Answer::Done, &written, PATIENCE);
                    }
                    Err(()) => self.say(call, Answer::Refused),
                }
            }
            Request::DeleteTopic { topic } => {
                let delete = DeleteTopic { call: CallId(0), topic: TopicRef::Name(&topic) };
                match self.catalog(at, CatalogInput::DeleteTopic(delete)) {
                    Ok((Caught::Deleted(name, id), written)) => {
                        let mut written: Vec<Written> = written.into_iter().collect();
                        self.shard.forget_topic(at, &name, id, &mut |result| written.extend(result), &mut self.released);
                        if self.sabotaged(Sabotage::TellsDeletionEarly) {
                            written.clear();
                        }
                        self.hold(at, call, Answer::Deleted(id), &written, PATIENCE);
                    }
                    _ => self.say(call, Answer::Refused),
                }
            }
            Request::FetchOffsets { group } => {
                let written: Vec<Written> = self.shard.uncommitted_group(&group).into_iter().collect();
                let written = if self.sabotaged(Sabotage::TellsOffsetsEarly) { Vec::new() } else { written };
                let offsets = self.offsets(&group);
                self.hold(at, call, Answer::Offsets(offsets), &written, PATIENCE);
            }
            Request::Beat(beat) => self.beat(at, call, &beat),
            Request::Work { worker, epoch } => self.work(at, call, &worker, epoch),
            Request::Share { worker, settles, wanted } => self.share(at, call, &worker, &settles, &wanted),
            Request::Join { .. } | Request::Sync { .. } | Request::Heartbeat { .. } | Request::Leave { .. } | Request::Commit { .. } => {
                self.group(at, call, &request);
            }
        }
        self.settle(at);
    }

    fn create_topic(&mut self, at: Moment, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Result<(TopicId, Vec<Written>), ()> {
        self.next_topic_id += 1;
        let mut id = [7; 16];
        id[..8].copy_from_slice(&self.next_topic_id.to_be_bytes());
        let create = CreateTopic {
            call: CallId(0),
            name,
            topic_id: TopicId(id),
            partition_count: partitions,
            replication_factor: 1,
            configs,
            validate_only: false,
        };
        match self.catalog(at, CatalogInput::CreateTopic(create))? {
            (Caught::Topic(id), written) => Ok((id, written.into_iter().collect())),
            _ => Err(()),
        }
    }

    pub(crate) const fn ids_up_to(&self) -> u64 {
        self.next_topic_id
    }

    fn producer_id(&mut self, at: Moment) -> Result<(i64, Option<Written>), ()> {
        let id = self.shard.producer_id(at, &mut self.released).map_err(|_| ())?;
        Ok((id.0, self.shard.uncommitted_catalog()))
    }

    /// Requests that may have to wait for the end of a transaction.
    fn write(&mut self, at: Moment, call: CallId, request: Request, may_wait: bool) {
        let concurrent = match &request {
            Request::Produce { topic, partition, bytes, acks, transaction, .. } => {
                let joined = match transaction {
                    None => Ok(Vec::new()),
                    Some(transaction) => self.join(at, transaction, (topic, *partition)),
                };
                match joined {
                    Ok(joined) => {
                        self.produce(at, call, (topic, *partition), bytes, *acks, &joined);
                        None
                    }
                    Err(TxnError::ConcurrentTransactions) => transaction.as_ref().map(|transaction| transaction.id.clone()),
                    Err(error) => return self.say(call, Answer::NotSo(error)),
                }
            }
            Request::Initialize { id } => {
                if self.ensure(at, name::TRANSACTION_STATE).is_err() {
                    return self.say(call, Answer::Refused);
                }
                let initialize = Initialize { call, transactional_id: id, timeout: Millis(20_000), expected: None };
                self.ask_coordinator(at, call, Input::Initialize(initialize)).then(|| id.clone())
            }
            Request::End { transaction, commit } => {
                let outcome = if *commit { End::Commit } else { End::Abort };
                let (transactional_id, identity) = (transaction.id.as_str(), transaction.identity);
                let end = TxnEnd { call, transactional_id, identity, outcome, version: TransactionVersion::Two };
                self.ask_coordinator(at, call, Input::End(end)).then(|| transaction.id.clone())
            }
            _ => None,
        };
        let Some(id) = concurrent else { return };
        if may_wait && self.shard.await_end(call, at.now.after(Millis(100)), &id) {
            self.calls.insert(call, Call::Again { request });
        } else {
            self.say(call, Answer::NotSo(TxnError::ConcurrentTransactions));
        }
    }

    /// Asks the transaction coordinator, and answers unless the transaction is coming to its end: then true.
    fn ask_coordinator(&mut self, at: Moment, call: CallId, input: Input<'_>) -> bool {
        let mut heard = CoordinatorSaid(None);
        let written = self.shard.transaction(at, input, &mut heard, &mut self.released);
        let (Ok(written), Some((when, answer))) = (written, heard.0) else {
            self.say(call, Answer::Refused);
            return false;
        };
        let was_ended_by_this = !written.is_empty() && when == When::Written;
        let answer = match answer {
            TxnAnswer::Initialized(Err(TxnError::ConcurrentTransactions)) if was_ended_by_this => {
                Answer::NotSo(TxnError::ConcurrentTransactions)
            }
            TxnAnswer::Initialized(Err(TxnError::ConcurrentTransactions)) | TxnAnswer::Ended(Err(TxnError::ConcurrentTransactions)) => {
                return true;
            }
            TxnAnswer::Initialized(Ok(identity)) | TxnAnswer::Ended(Ok(identity)) => Answer::Identity(identity),
            TxnAnswer::Initialized(Err(error)) | TxnAnswer::Ended(Err(error)) | TxnAnswer::PartitionsAdded(Err(error)) => {
                Answer::NotSo(error)
            }
            TxnAnswer::PartitionsAdded(Ok(())) => Answer::Done,
        };
        if when == When::Written && !self.sabotaged(Sabotage::TellsDecisionsEarly) {
            self.hold(at, call, answer, &written, PATIENCE);
        } else {
            self.say(call, answer);
        }
        false
    }

    /// Lets a partition join a transaction, unless it is open there already, as Produce does.
    fn join(&mut self, at: Moment, transaction: &Transaction, (topic, index): (&str, i32)) -> Result<Vec<Written>, TxnError> {
        let (id, index) = (transaction.id.as_str(), PartitionIndex(index));
        let slot = self.shard.catalog().topic(topic).map_or(Slot::NONE, |topic| topic.slot);
        let known = self.shard.log(at, slot, index).ok().and_then(|log| {
            let known = log.producers().find(transaction.identity.producer_id)?;
            Some(known.epoch == transaction.identity.producer_epoch && known.transaction_start.is_some())
        });
        if known == Some(true) && self.shard.txns().verify(id, transaction.identity, topic, index).is_ok() {
            return Ok(self.shard.uncommitted_transaction(id).into_iter().collect());
        }
        let partitions = [TopicPartition { topic, partition: index }];
        let (identity, version) = (transaction.identity, TransactionVersion::Two);
        let add = AddPartitions { call: CallId(0), transactional_id: id, identity, partitions: &partitions, version };
        let mut heard = CoordinatorSaid(None);
        let written = self.shard.transaction(at, Input::AddPartitions(add), &mut heard, &mut self.released);
        match (written, heard.0) {
            (Ok(written), Some((_, TxnAnswer::PartitionsAdded(Ok(()))))) => Ok(written.to_vec()),
            (_, Some((_, TxnAnswer::PartitionsAdded(Err(error))))) => Err(error),
            _ => Err(TxnError::Full),
        }
    }

    /// The topic of a coordinator, made if it is missing.
    pub(super) fn ensure(&mut self, at: Moment, topic: &str) -> Result<(), ()> {
        if self.shard.catalog().topic(topic).is_some() {
            return Ok(());
        }
        let policy = if topic == name::SHARE_GROUP_STATE { "delete" } else { "compact" };
        let configs = [("cleanup.policy", policy), ("segment.bytes", "700")];
        self.create_topic(at, topic, 2, &configs).map(drop)
    }

    #[expect(clippy::too_many_arguments, reason = "a batch, and where it goes")]
    fn produce(&mut self, at: Moment, call: CallId, (topic, index): (&str, i32), bytes: &[u8], acks: i8, joined: &[Written]) {
        let Some((slot, id)) = self.shard.catalog().topic(topic).map(|topic| (topic.slot, topic.topic_id)) else {
            return self.say(call, Answer::Refused);
        };
        let index = PartitionIndex(index);
        let rules = self.shard.log(at, slot, index).map(|log| (log.config().rules(Origin::Client), log.config().write_caching));
        let Ok((rules, cached)) = rules else { return self.say(call, Answer::Refused) };
        let rules = validate::Rules { epoch_per_transaction: true, ..rules };
        let checked = validate::check(bytes, &rules, at.wall, None);
        let Ok(checked) = checked else { return self.say(call, Answer::Refused) };
        match self.shard.append(at, slot, index, &checked, &mut self.released) {
            Ok((appended, written)) => {
                let partition = Partition { topic: topic.to_owned(), id, index: index.0 };
                let answer = Answer::Produced { partition, base_offset: appended.base_offset.0, safe: acks == -1 && !cached };
                if acks == -1 && !self.sabotaged(Sabotage::AcknowledgesEarly) {
                    let written: Vec<Written> = joined.iter().copied().chain([written]).collect();
                    self.hold(at, call, answer, &written, Millis(10_000));
                } else {
                    self.say(call, answer);
                }
            }
            Err(_) => self.say(call, Answer::Refused),
        }
    }

    fn fetch(&mut self, at: Moment, call: CallId, request: Request, due: Instant) {
        let Request::Fetch { partitions, min_bytes, max_bytes, committed } = &request else { return };
        let mut wanted = Vec::new();
        let mut read: Vec<Read> = Vec::new();
        for (topic, index, offset) in partitions {
            let view = self.shard.catalog().topic(topic);
            let partition = Partition { topic: topic.clone(), id: view.map_or(TopicId::ZERO, |view| view.topic_id), index: *index };
            read.push(Read {
                partition,
                from: *offset,
                high_watermark: -1,
                last_stable: -1,
                committed: *committed,
                next: *offset,
                log_start: -1,
                records: Vec::new(),
                in_range: true,
                failed: false,
            });
            wanted.push(FetchPartition {
                topic: view.map_or(Slot::NONE, |view| view.slot),
                index: PartitionIndex(*index),
                offset: Offset(*offset),
                max_bytes: *max_bytes,
                current_leader_epoch: None,
                last_fetched_epoch: None,
            });
        }
        let up_to = match committed {
            _ if self.sabotaged(Sabotage::ReadsAboveHighWatermark) => ReadUpTo::LogEnd,
            true if !self.sabotaged(Sabotage::ReadsUndecided) => ReadUpTo::LastStable,
            true | false => ReadUpTo::HighWatermark,
        };
        let keeps_aborted = self.sabotaged(Sabotage::ShowsAborted);
        let limits = FetchLimits { min_bytes: *min_bytes, max_bytes: *max_bytes, up_to };
        let disk = self.disk.clone();
        let outcome = self.shard.fetch(at, &wanted, limits, &mut List::grown(1 << 10), |number, fetched, aborted| {
            let Some(read) = read.get_mut(number) else { return };
            match fetched {
                Ok(range) => {
                    read.high_watermark = range.watermarks.high_watermark().0;
                    read.last_stable = range.watermarks.last_stable().0;
                    read.log_start = range.watermarks.log_start().0;
                    if let Some(slice) = range.bytes {
                        let media = disk.borrow();
                        let from = usize::try_from(slice.position).unwrap_or(usize::MAX);
                        let to = from.saturating_add(usize::try_from(slice.size).unwrap_or(0));
                        let bytes = media.bytes(slice.handle.file).get(from..to).unwrap_or_default();
                        let aborted = if keeps_aborted { &[] } else { aborted };
                        (read.records, read.next) = records(bytes, read.from, aborted);
                    }
                }
                Err(FetchError::Read(ReadError::OutOfRange { log_start, .. })) => {
                    (read.in_range, read.log_start) = (false, log_start.0);
                }
                Err(_) => read.failed = true,
            }
        });
        if !outcome.complete && at.now < due {
            let missing = i64::from(*min_bytes).saturating_sub(i64::try_from(outcome.bytes).unwrap_or(i64::MAX));
            if self.shard.await_bytes(call, due, missing, &wanted, &mut self.slots) {
                self.calls.insert(call, Call::Fetch { request, due });
                return;
            }
        }
        self.say(call, Answer::Read(read));
    }

    fn offsets(&self, group: &str) -> Vec<(Partition, i64)> {
        let group = self.shard.groups().group(group);
        let offsets = group.into_iter().flat_map(|group| group.offsets());
        offsets
            .map(|(topic, index, stored)| (Partition { topic: topic.to_owned(), id: stored.topic_id, index: index.0 }, stored.offset.0))
            .collect()
    }

    fn group(&mut self, at: Moment, call: CallId, request: &Request) {
        // As in the broker: who finds nowhere to write is told so by the turn itself.
        let _ = self.ensure(at, name::CONSUMER_OFFSETS);
        let protocols = [Protocol { name: "random", metadata: b"" }];
        let suffix = call.0.to_string();
        let caller = |member: &crate::sim::message::Member| (member.group.clone(), member.id.clone());
        let mut commits: Vec<CommitPartition<'_>> = Vec::new();
        let mut shares: Vec<MemberAssignment<'_>> = Vec::new();
        let (group_id, member_id) = match request {
            Request::Join { member }
            | Request::Sync { member, .. }
            | Request::Heartbeat { member }
            | Request::Leave { member }
            | Request::Commit { member, .. } => caller(member),
            _ => return,
        };
        let caller = Caller { call, group_id: &group_id, member_id: &member_id, group_instance_id: None };
        let leaving = [LeavingMember { member_id: &member_id, group_instance_id: None }];
        let input = match request {
            Request::Join { .. } => GroupInput::Join(Join {
                caller,
                client_id: "client",
                client_host: "/::1",
                session_timeout: Millis(10_000),
                rebalance_timeout: Millis(20_000),
                protocol_type: "consumer",
                protocols: &protocols,
                id_required: call.0.is_multiple_of(2),
                may_skip_assignment: false,
                id_suffix: &suffix,
            }),
            Request::Sync { member, assignments } => {
                shares.extend(assignments.iter().map(|(member_id, assignment)| MemberAssignment { member_id, assignment }));
                if self.sabotage == Some(Sabotage::GivesPartitionsTwice)
                    && let [first, .., last] = shares.as_mut_slice()
                {
                    last.assignment = first.assignment;
                }
                GroupInput::Sync(Sync {
                    caller,
                    generation_id: GenerationId(member.generation),
                    protocol_type: None,
                    protocol_name: None,
                    assignments: &shares,
                })
            }
            Request::Heartbeat { member } => GroupInput::Heartbeat(Heartbeat { caller, generation_id: GenerationId(member.generation) }),
            Request::Leave { .. } => GroupInput::Leave(Leave { call, group_id: &group_id, members: &leaving }),
            Request::Commit { member, offsets } => {
                for (partition, offset) in offsets {
                    let topic_id = self.shard.catalog().topic(&partition.topic).map_or(TopicId::ZERO, |topic| topic.topic_id);
                    if topic_id != partition.id {
                        continue;
                    }
                    commits.push(CommitPartition {
                        topic: &partition.topic,
                        topic_id,
                        partition: PartitionIndex(partition.index),
                        offset: Offset(*offset),
                        leader_epoch: None,
                        metadata: "",
                    });
                }
                if commits.is_empty() {
                    return self.say(call, Answer::Refused);
                }
                GroupInput::Commit(Commit {
                    knows_epochs: true,
                    transaction: None,
                    caller,
                    generation_id: Some(GenerationId(member.generation)),
                    expire_timestamp: None,
                    partitions: &commits,
                })
            }
            _ => return,
        };
        self.calls.insert(call, Call::Machine);
        let mut answers = GroupAnswers { calls: &mut self.calls, ready: Vec::new() };
        let result = self.shard.group(at, input, &NoMatcher, &mut answers, &mut self.released);
        let ready = answers.ready;
        self.deliver(at, ready, result.map_err(|_| ()));
    }

    pub(super) fn deliver(&mut self, at: Moment, ready: Vec<(CallId, When, Answer)>, written: Result<Option<Written>, ()>) {
        for (call, when, answer) in ready {
            match (when, written) {
                (When::Now, _) | (When::Written, Ok(None)) => self.say(call, answer),
                (When::Written, Ok(Some(_))) if self.sabotaged(Sabotage::CommitsOffsetsEarly) => self.say(call, answer),
                (When::Written, Ok(Some(_))) if matches!(answer, Answer::Seat(_)) && self.sabotaged(Sabotage::SeatsEarly) => {
                    self.say(call, answer);
                }
                (When::Written, Ok(Some(written))) => self.hold(at, call, answer, &[written], PATIENCE),
                (When::Written, Err(())) => self.say(call, Answer::Refused),
            }
        }
    }

    pub(super) fn hold(&mut self, at: Moment, call: CallId, answer: Answer, written: &[Written], patience: Millis) {
        if self.shard.is_committed(written) {
            return self.say(call, answer);
        }
        self.calls.insert(call, Call::Held { answer });
        if !self.shard.hold(call, at.now.after(patience), written, &mut self.ends) {
            self.released.release(call, Outcome::Failed);
        }
    }

    fn say(&mut self, call: CallId, answer: Answer) {
        if self.sabotaged(Sabotage::SwallowsAnswers) && call.0.is_multiple_of(64) {
            return;
        }
        if self.sabotaged(Sabotage::AnswersTwice) && call.0.is_multiple_of(64) {
            self.said.push((call.0, answer.clone()));
        }
        self.said.push((call.0, answer));
    }

    /// Answers whoever was released during the turn.
    fn settle(&mut self, at: Moment) {
        self.shard.proceed(at, &mut self.released, &mut |_, _| ());
        while let Some((call, outcome)) = self.released.0.pop_front() {
            if self.sabotaged(Sabotage::ForgetsCalls) && call.0.is_multiple_of(16) {
                continue;
            }
            match self.calls.remove(&call) {
                None | Some(Call::Machine) => {}
                Some(Call::Held { answer }) => self.say(call, if outcome == Outcome::Ready { answer } else { Answer::Unknown }),
                Some(Call::Fetch { request, due }) => self.fetch(at, call, request, due),
                Some(Call::Again { request }) => self.write(at, call, request, outcome == Outcome::Ready),
            }
            self.shard.proceed(at, &mut self.released, &mut |_, _| ());
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.shard.poll_timeout()
    }

    pub(crate) fn handle_timeout(&mut self, at: Moment) {
        if self.sabotaged(Sabotage::SleepsThroughDeadlines) {
            return;
        }
        self.shard.handle_timeout(at.now, &mut self.released);
        loop {
            let mut answers = GroupAnswers { calls: &mut self.calls, ready: Vec::new() };
            let Some(result) = self.shard.groups_timeout(at, &mut answers, &mut self.released) else { break };
            let ready = answers.ready;
            self.deliver(at, ready, result.map_err(|_| ()));
        }
        // What cannot be written is tried again.
        while self.shard.shares_timeout(at, &mut self.released).is_some() {}
        while self.shard.transactions_timeout(at, &mut self.released).is_some() {}
        self.settle(at);
    }

    pub(crate) fn retain(&mut self, at: Moment) {
        self.shard.retain(at, |_, _| ());
        // What cannot be written is tried again.
        let _ = self.shard.prune_shares(at, 2, &mut self.released);
        self.settle(at);
    }

    /// Does the next piece of a compaction, or begins one. False when there is nothing to be compacted.
    pub(crate) fn compact(&mut self, at: Moment, random: &mut Random) -> bool {
        let Some(mut running) = self.compaction.take() else { return self.begin_compaction(at, random) };
        let goes_on = match running.job.step(&mut Codecs::default()) {
            Ok(Step::Worked(_)) => true,
            Ok(Step::Swap) => {
                self.disk.borrow_mut().lies_of_names = self.sabotaged(Sabotage::SwapsUnsyncedNames);
                // That it has failed the broker logs: the log is closed.
                let swapped = self.shard.swap_compacted(running.log, &mut running.job);
                self.disk.borrow_mut().lies_of_names = false;
                swapped == Ok(true)
            }
            Ok(Step::Done) => {
                self.compactions += 1;
                // Soon, but not in the same turn: power may be lost in between.
                if random.once_in(2) {
                    self.checkpoint();
                }
                false
            }
            Err(_) => {
                let _told = self.shard.compaction_failed(running.log, &running.job);
                false
            }
        };
        if goes_on {
            self.compaction = Some(running);
        } else {
            running.job.abandon();
        }
        self.settle(at);
        true
    }

    fn begin_compaction(&mut self, at: Moment, random: &mut Random) -> bool {
        let limits = CompactLimits {
            // A few keys at least: those of one batch.
            key_map_bytes: 24 * *random.pick(&[40, 4000]),
            batch_bytes: *random.pick(&[8000, 1 << 20]),
            producers: *random.pick(&[1, 64]),
            ..CompactLimits::default()
        };
        match self.shard.begin_compaction(at, CompactMemory::grown(&limits), |_, _| ()) {
            NextCompaction::Begun(log, job) => self.compaction = Some(Running { log, job }),
            NextCompaction::Nothing(_) => return false,
        }
        true
    }

    /// Below which offset a log is said to be compacted.
    pub(crate) fn first_dirty(&self, partition: &Partition) -> Option<Offset> {
        let mut logs = self.shard.open_logs();
        let log = logs.find(|(topic, index, _)| (*topic, index.0) == (partition.id, partition.index)).map(|(_, _, log)| log);
        log.and_then(compacted_below)
    }

    pub(crate) fn begin_syncs(&mut self, at: Moment) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        while let Ok(Some((log, ticket))) = self.shard.begin_sync(&mut self.released) {
            tickets.push(SyncJob { log, ticket });
        }
        self.settle(at);
        tickets
    }

    /// Syncs what a ticket names.
    pub(crate) fn carry_out(&self, job: &Ticket) -> Result<(), super::disk::DiskError> {
        let mut media = self.disk.borrow_mut();
        if self.sabotaged(Sabotage::SkipsSyncs) {
            return Ok(());
        }
        for file in job.ticket.files() {
            media.sync(file.handle.file)?;
        }
        match job.ticket.files().first() {
            Some(file) if job.ticket.must_sync_names() => file.handle.sync_names(&mut media),
            _ => Ok(()),
        }
    }

    pub(crate) fn end_sync(&mut self, at: Moment, job: Ticket, outcome: Result<(), super::disk::DiskError>) {
        let outcome = if self.sabotaged(Sabotage::BelievesFailedSyncs) { Ok(()) } else { outcome };
        // The broker logs the error; whoever waited was told.
        let _ = self.shard.end_sync(job.log, job.ticket, outcome, &mut self.released);
        self.settle(at);
    }

    /// Writes down how the logs stand, while they are in use.
    pub(crate) fn checkpoint(&mut self) {
        let mut left = Vec::new();
        self.shard.survey(|name, log| {
            let (topic, marks) = (name.topic.to_owned(), log.watermarks());
            let first_dirty = compacted_below(log);
            left.push(LeftLog { topic, index: name.index, durable_end: log.durable_end(), log_start: marks.log_start(), first_dirty });
        });
        // What cannot be written is missing after the next crash, no more.
        let _ = self.shard.directory_mut().remember(&left, false);
    }

    /// Stops in good order.
    pub(crate) fn stop(mut self) {
        if let Some(mut running) = self.compaction.take() {
            running.job.abandon();
        }
        let mut left = Vec::new();
        let mut clean = true;
        let mut compacted = BTreeMap::new();
        self.shard.survey(|name, log| {
            compacted.insert((name.topic_id, name.index), compacted_below(log));
        });
        self.shard.close(|name, result| match result {
            Ok(marks) => left.push(LeftLog {
                topic: name.topic.to_owned(),
                index: name.index,
                durable_end: marks.log_end(),
                log_start: marks.log_start(),
                first_dirty: compacted.get(&(name.topic_id, name.index)).copied().flatten(),
            }),
            Err(_) => clean = false,
        });
        // A stop that cannot be written down is an unclean one.
        let _ = self.shard.directory_mut().remember(&left, clean);
    }

    /// Who waits: as the broker has it, and as the core has it.
    pub(crate) fn waiting(&self) -> (BTreeSet<u64>, usize, BTreeSet<u64>) {
        let parked = self.calls.iter().filter(|(_, call)| !matches!(call, Call::Machine)).count();
        let machine = self.calls.iter().filter(|(_, call)| matches!(call, Call::Machine)).map(|(call, _)| call.0);
        (machine.collect(), parked, self.shard.groups().waiting().map(|call| call.0).collect())
    }

    /// Prints who has transactions open in a partition, and what the coordinator knows.
    pub(crate) fn show(&self, partition: &Partition) {
        let mut logs = self.shard.open_logs();
        let log = logs.find(|(topic, index, _)| (*topic, index.0) == (partition.id, partition.index)).map(|(_, _, log)| log);
        for producer in log.into_iter().flat_map(|log| log.producers().iter()).filter(|producer| producer.transaction_start.is_some()) {
            println!("open: {producer:?}");
        }
        for transaction in self.shard.txns().views() {
            let topics: Vec<_> = transaction.topics().map(|(topic, partitions)| (topic, partitions.collect::<Vec<_>>())).collect();
            println!("{} {:?} {:?} {topics:?}", transaction.transactional_id(), transaction.state(), transaction.identity());
        }
    }

    pub(crate) fn waits(&self, id: RequestId) -> bool {
        self.calls.contains_key(&CallId(id))
    }
}

/// How far a log was compacted, if it was.
fn compacted_below(log: &PartitionLog<'_, Store>) -> Option<Offset> {
    Some(log.first_dirty()).filter(|offset| log.config().compact && *offset > Offset::ZERO)
}

/// The offset and the number of every record of whole batches, without those of aborted transactions, and the offset behind them.
/// As clients do it: from the first record of an aborted transaction to its marker, what its producer wrote is left out.
fn records(mut bytes: &[u8], from: i64, aborted: &[AbortedTransaction]) -> (Vec<(i64, u64)>, i64) {
    let mut found = Vec::new();
    let mut next = from;
    let mut to_come: Vec<AbortedTransaction> = aborted.to_vec();
    to_come.sort_by_key(|one| one.first_offset);
    let mut left_out = BTreeSet::new();
    while let Ok((batch, behind)) = Batch::split_first(bytes) {
        bytes = behind;
        let header = batch.header();
        next = header.next_offset().0;
        while to_come.first().is_some_and(|one| one.first_offset <= header.last_offset()) {
            left_out.insert(to_come.remove(0).producer_id);
        }
        let producer = header.producer().map(|stamp| stamp.id);
        if header.is_control() {
            let marker = batch.records().and_then(|mut records| records.next()?.ok()).and_then(|record| EndMarker::read(&record));
            if let (Some(producer), Some(EndMarker { outcome: End::Abort, .. })) = (producer, marker) {
                left_out.remove(&producer);
            }
            continue;
        }
        if header.is_transactional() && producer.is_some_and(|producer| left_out.contains(&producer)) {
            continue;
        }
        let base = header.base_offset().0;
        for record in batch.records().into_iter().flatten() {
            let Ok(record) = record else {
                found.push((base, u64::MAX));
                break;
            };
            let number = number_of(&record).filter(|_| batch.crc_is_right()).unwrap_or(u64::MAX);
            found.push((base + i64::from(record.offset_delta), number));
        }
    }
    (found, next)
}
