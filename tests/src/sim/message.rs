//! What clients and the broker say to each other, without the wire.

use std::collections::BTreeMap;

use millpond_core::group::error::GroupError;
use millpond_core::ids::TopicId;
use millpond_core::record::records::Record;
use millpond_core::share::state::AcknowledgeType;
use millpond_core::txn::answer::Identity;
use millpond_core::txn::error::TxnError;

use crate::group::Reply;

use super::consumers::{Beat, Told};

/// The number of a record tells everything about it: who sent it, as which of its records, its key, and whether it says that there is
/// nothing of its key any more.
pub(crate) const fn record_number(client: u64, nth: u64, chance: u8) -> u64 {
    client << 40 | nth << 8 | chance as u64
}

/// There are few keys, so that most of what is written supersedes something.
pub(crate) const fn key_of(number: u64) -> [u8; 1] {
    [b'a' + (number & 0xff) as u8 % 6]
}

pub(crate) const fn is_tombstone(number: u64) -> bool {
    number & 0xff >= 0xe0
}

/// The number that a record carries, in its value or else in a header; `None` when it is not what the number says.
pub(crate) fn number_of(record: &Record<'_>) -> Option<u64> {
    let mut headers = record.headers;
    let bytes = record.value.or_else(|| headers.next()?.value)?;
    let number = u64::from_be_bytes(*bytes.first_chunk()?);
    (record.key == Some(&key_of(number)) && record.value.is_none() == is_tombstone(number)).then_some(number)
}

/// A partition of a topic that was there at some time: one of the same name that comes later is another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Partition {
    pub(crate) topic: String,
    pub(crate) id: TopicId,
    pub(crate) index: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) id: TopicId,
    pub(crate) partitions: i32,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) group: String,
    pub(crate) id: String,
    pub(crate) generation: i32,
}

/// The topics that there may be.
pub(crate) const TOPICS: [&str; 4] = ["t", "u", "v", "w"];

/// A member of a share group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Worker {
    pub(crate) group: String,
    pub(crate) id: String,
    /// Whether it wants so many records and no more.
    pub(crate) is_strict: bool,
}

/// Records in a row that a worker has.
#[derive(Clone, Debug)]
pub(crate) struct Lot {
    pub(crate) partition: Partition,
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// How often they were delivered.
    pub(crate) times: u16,
}

/// What a worker says of records.
#[derive(Clone, Debug)]
pub(crate) struct Settle {
    pub(crate) lot: Lot,
    pub(crate) how: AcknowledgeType,
}

#[derive(Clone, Debug)]
pub(crate) enum Request {
    Metadata,
    InitProducer,
    Produce {
        topic: String,
        partition: i32,
        bytes: Vec<u8>,
        acks: i8,
        records: Vec<u64>,
        producer: Option<i64>,
        transaction: Option<Transaction>,
    },
    /// A producer takes over a transactional id.
    Initialize {
        id: String,
    },
    /// A producer ends its transaction: that number, under that epoch.
    End {
        transaction: Transaction,
        commit: bool,
    },
    /// `committed`: only what is decided, without what was aborted.
    Fetch {
        partitions: Vec<(String, i32, i64)>,
        min_bytes: i32,
        max_bytes: u32,
        committed: bool,
    },
    Join {
        member: Member,
    },
    Sync {
        member: Member,
        assignments: Vec<(String, Vec<u8>)>,
    },
    Heartbeat {
        member: Member,
    },
    Leave {
        member: Member,
    },
    Commit {
        member: Member,
        offsets: Vec<(Partition, i64)>,
    },
    FetchOffsets {
        group: String,
    },
    /// A member of a consumer group says something.
    Beat(Beat),
    /// A member of a share group joins, or says that it lives.
    Work {
        worker: Worker,
        epoch: i32,
    },
    /// It says what has become of records, and wants others.
    Share {
        worker: Worker,
        settles: Vec<Settle>,
        wanted: Vec<Partition>,
    },
    CreateTopic {
        topic: String,
        partitions: i32,
        configs: Vec<(&'static str, String)>,
    },
    GrowTopic {
        topic: String,
        partitions: i32,
    },
    AlterTopic {
        topic: String,
        config: &'static str,
        value: Option<String>,
    },
    DeleteTopic {
        topic: String,
    },
    DeleteRecords {
        topic: String,
        partition: i32,
        upto: i64,
    },
}

/// One transaction of a producer, as it numbers them itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Transaction {
    pub(crate) id: String,
    pub(crate) identity: Identity,
    pub(crate) number: u64,
}

/// What one partition of a fetch yields.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) partition: Partition,
    pub(crate) from: i64,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable: i64,
    /// Only what is decided was asked for.
    pub(crate) committed: bool,
    /// Behind the last batch that was read.
    pub(crate) next: i64,
    pub(crate) log_start: i64,
    /// Offset and number.
    pub(crate) records: Vec<(i64, u64)>,
    pub(crate) in_range: bool,
    pub(crate) failed: bool,
}

/// All that one log holds, read at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whole {
    /// By offset.
    pub(crate) records: BTreeMap<i64, u64>,
    pub(crate) log_start: i64,
    /// Something could not be read.
    pub(crate) is_broken: bool,
}

impl Whole {
    pub(crate) fn take(&mut self, read: &Read) {
        self.records.extend(read.records.iter().copied());
        self.log_start = self.log_start.max(read.log_start);
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Topics(Vec<Topic>),
    Producer(i64),
    /// A transactional producer goes on as this one.
    Identity(Identity),
    /// The transaction coordinator says no.
    NotSo(TxnError),
    Produced {
        partition: Partition,
        base_offset: i64,
        safe: bool,
    },
    Read(Vec<Read>),
    Group(Reply),
    /// A member of a consumer group is in it, or is refused.
    Seat(Result<Told, GroupError>),
    Offsets(Vec<(Partition, i64)>),
    /// Whether each is settled, and what there is to work on.
    Shared {
        settled: Vec<bool>,
        acquired: Vec<Lot>,
    },
    Deleted(TopicId),
    Done,
    /// Nothing was done.
    Refused,
    /// It may have been done, or may yet be.
    Unknown,
}
