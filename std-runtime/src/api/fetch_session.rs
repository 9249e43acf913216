//! Fetch sessions: what a consumer reads from is remembered, so that a request names only what has changed, and an answer only what is new.
//! Source: KIP-227; `FetchManager`, `FetchSession`, `FetchSessionCacheShard`.
//!
//! All of it is soft state: a consumer whose session is gone is told so, and begins another. Memory is bounded by the number of sessions
//! and by the number of partitions in all of them together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use millpond_core::ids::TopicId;
use millpond_core::time::{Instant, Millis};
use millpond_core::wire::value::Records;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData};

/// No session.
pub(crate) const NO_SESSION: i32 = 0;
/// The epoch of a request that opens a session.
pub(crate) const FIRST_EPOCH: i32 = 0;
/// The epoch of a request that ends its session, or has none.
pub(crate) const LAST_EPOCH: i32 = -1;

/// How long a session is safe from those that would take its place. Source: `ServerConfigs.MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`.
const SAFE_FOR: Millis = Millis(120_000);
/// How many partitions all sessions may have together: some hundred MB at the most. Kafka bounds the number of sessions only.
const PARTITIONS_MAX: usize = 1_000_000;

/// How many partitions one session may have: each of its requests, however small, costs as much as naming all of them.
const SESSION_PARTITIONS_MAX: usize = 10_000;

/// The epoch behind this one. Source: `FetchMetadata.nextEpoch`.
#[must_use]
pub(crate) const fn next_epoch(epoch: i32) -> i32 {
    if epoch < 0 {
        LAST_EPOCH
    } else if epoch == i32::MAX {
        1
    } else {
        epoch + 1
    }
}

/// A topic as the requests of a session name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum TopicKey {
    Id(TopicId),
    Name(Arc<str>),
}

impl TopicKey {
    fn of(name: &str, topic_id: TopicId, by_id: bool) -> Self {
        if by_id { Self::Id(topic_id) } else { Self::Name(Arc::from(name)) }
    }
}

type PartitionKey = (TopicKey, i32);

/// What a session remembers of a partition.
#[derive(Debug)]
struct Cached {
    key: PartitionKey,
    /// What is wanted of it, as the client said last.
    wanted: FetchPartition,
    /// What the client was told last; -1 when nothing.
    high_watermark: i64,
    log_start_offset: i64,
}

/// One session.
#[derive(Debug)]
struct Session {
    /// The epoch of the next request.
    epoch: i32,
    by_id: bool,
    created: Instant,
    last_used: Instant,
    /// How many partitions the books of the sessions have for it.
    size: usize,
    /// The partitions, in the order in which they are read: who had something to tell goes behind the others.
    order: BTreeMap<u64, Cached>,
    places: HashMap<PartitionKey, u64>,
    next_place: u64,
}

impl Session {
    fn put(&mut self, key: PartitionKey, wanted: FetchPartition) {
        if let Some(known) = self.places.get(&key).and_then(|place| self.order.get_mut(place)) {
            known.wanted = wanted;
            return;
        }
        self.append(Cached { key, wanted, high_watermark: -1, log_start_offset: -1 });
    }

    fn append(&mut self, cached: Cached) {
        let place = self.next_place;
        self.next_place += 1;
        self.places.insert(cached.key.clone(), place);
        self.order.insert(place, cached);
    }

    fn forget(&mut self, key: &PartitionKey) {
        if let Some(place) = self.places.remove(key) {
            self.order.remove(&place);
        }
    }

    /// Whether the client has to be told of a partition, and remembers that it is. Source: `CachedPartition.maybeUpdateResponseData`.
    fn tells(&mut self, key: &PartitionKey, told: &PartitionData<'_>) -> bool {
        let Some(place) = self.places.get(key).copied() else { return false };
        let has_records = match told.records {
            Some(Records::Here(bytes)) => !bytes.is_empty(),
            Some(Records::Elsewhere(size)) => size > 0,
            None => false,
        };
        let Some(cached) = self.order.get_mut(&place) else { return false };
        let has_moved = cached.high_watermark != told.high_watermark || cached.log_start_offset != told.log_start_offset;
        let is_refused = told.error_code != ErrorCode::NONE.number();
        let diverges = told.diverging_epoch.epoch >= 0;
        // What was refused is told again once it is not.
        cached.high_watermark = if is_refused { -1 } else { told.high_watermark };
        cached.log_start_offset = told.log_start_offset;
        if has_records && let Some(cached) = self.order.remove(&place) {
            self.append(cached);
        }
        has_records || has_moved || is_refused || diverges
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// It stands by itself.
    Whole,
    /// It goes on with its session, whose partitions are to be read.
    Incremental,
    /// It has taken the last partition out of its session, and the session has ended: what it names is read.
    Ended,
}

/// Whom an answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// All of it, under this session: a new one, or none.
    All(i32),
    /// Those partitions of it, by their place in the answer, under this session.
    Some(i32, Vec<bool>),
    /// The session has gone on meanwhile.
    Refused(i32, ErrorCode),
}

/// All sessions.
#[derive(Debug)]
pub struct FetchSessions {
    /// `max.incremental.fetch.session.cache.slots`.
    slots: usize,
    partitions_max: usize,
    partitions: usize,
    sessions: HashMap<i32, Session>,
    /// By when they were last used.
    by_use: BTreeSet<(Instant, i32)>,
    /// By their size: those that are not safe any more.
    by_size: BTreeSet<(usize, i32)>,
}

impl FetchSessions {
    /// Room for so many sessions.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self {
            slots,
            partitions_max: PARTITIONS_MAX,
            partitions: 0,
            sessions: HashMap::new(),
            by_use: BTreeSet::new(),
            by_size: BTreeSet::new(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// A request has come; topics are named by id or by name.
    ///
    /// # Errors
    /// When it is not the next one of its session.
    pub(crate) fn open(&mut self, now: Instant, request: &FetchRequest<'_>, by_id: bool) -> Result<Opened, ErrorCode> {
        let id = request.session_id;
        if [FIRST_EPOCH, LAST_EPOCH].contains(&request.session_epoch) {
            self.remove(id);
            return Ok(Opened::Whole);
        }
        let Some(session) = self.sessions.get_mut(&id) else { return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND) };
        if session.epoch != request.session_epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.by_id != by_id {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        for topic in request.topics.iter() {
            let key = TopicKey::of(topic.topic, topic.topic_id, by_id);
            for partition in topic.partitions.iter() {
                session.put((key.clone(), partition.partition), partition);
            }
        }
        for topic in request.forgotten_topics_data.iter() {
            let key = TopicKey::of(topic.topic, topic.topic_id, by_id);
            for partition in topic.partitions.iter() {
                session.forget(&(key.clone(), partition));
            }
        }
        let size = session.places.len();
        let others = self.partitions.saturating_sub(session.size);
        if size == 0 || size > SESSION_PARTITIONS_MAX || others.saturating_add(size) > self.partitions_max {
            self.remove(id);
            // Who wants too much is told to say all of it each time.
            return if size == 0 { Ok(Opened::Ended) } else { Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND) };
        }
        session.epoch = next_epoch(session.epoch);
        self.touch(now, id);
        Ok(Opened::Incremental)
    }

    /// The partitions of a session, in the order in which they are to be read: of each topic's name, its id, and what is wanted.
    pub(crate) fn wanted(&self, id: i32) -> Vec<(&str, TopicId, FetchPartition)> {
        let session = self.sessions.get(&id);
        let partitions = session.into_iter().flat_map(|session| session.order.values());
        let named = partitions.map(|cached| match &cached.key.0 {
            TopicKey::Id(topic_id) => ("", *topic_id, cached.wanted),
            TopicKey::Name(name) => (&**name, TopicId::ZERO, cached.wanted),
        });
        named.collect()
    }

    /// An answer is ready: what of it is told, and under which session. `told` stands in the order of the request's partitions; `draw`
    /// draws an id for a new session.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        request: &FetchRequest<'_>,
        by_id: bool,
        told: &[PartitionData<'_>],
        draw: &mut dyn FnMut() -> i32,
    ) -> Answered {
        match request.session_epoch {
            LAST_EPOCH => Answered::All(NO_SESSION),
            FIRST_EPOCH => Answered::All(self.create(now, request, by_id, told, draw)),
            epoch => {
                let id = request.session_id;
                // It may have made room for another meanwhile: then the client hears that it has none.
                let Some(session) = self.sessions.get_mut(&id) else { return Answered::All(NO_SESSION) };
                if session.epoch != next_epoch(epoch) {
                    return Answered::Refused(id, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
                }
                let tells = keys(request, by_id).zip(told).map(|((key, _), told)| session.tells(&key, told));
                Answered::Some(id, tells.collect())
            }
        }
    }

    /// Opens a session for the partitions of a request, if there is room or some can be made.
    fn create(
        &mut self,
        now: Instant,
        request: &FetchRequest<'_>,
        by_id: bool,
        told: &[PartitionData<'_>],
        draw: &mut dyn FnMut() -> i32,
    ) -> i32 {
        let size = told.len();
        let too_large = size > SESSION_PARTITIONS_MAX || self.partitions.saturating_add(size) > self.partitions_max;
        if self.slots == 0 || too_large || (self.sessions.len() >= self.slots && !self.evict(now, size)) {
            return NO_SESSION;
        }
        let mut session = Session {
            epoch: next_epoch(FIRST_EPOCH),
            by_id,
            created: now,
            last_used: now,
            size: 0,
            order: BTreeMap::new(),
            places: HashMap::new(),
            next_place: 0,
        };
        for ((key, wanted), told) in keys(request, by_id).zip(told) {
            session.put(key.clone(), wanted);
            session.tells(&key, told);
        }
        let mut id = draw();
        while id <= NO_SESSION || self.sessions.contains_key(&id) {
            id = draw();
        }
        self.by_use.insert((now, id));
        self.sessions.insert(id, session);
        self.touch(now, id);
        id
    }

    /// Makes room for a session of this size: that of one that nobody has used for long, or of a smaller one that is no longer safe.
    /// Source: `FetchSessionCacheShard.tryEvict`.
    fn evict(&mut self, now: Instant, size: usize) -> bool {
        let Some((last_used, oldest)) = self.by_use.first().copied() else { return false };
        if now.since(last_used) > SAFE_FOR {
            self.remove(oldest);
            return true;
        }
        match self.by_size.first().copied() {
            // Of two of one size the one that is there stays, unless its id is 0, which none has.
            Some((smallest, id)) if smallest < size => {
                self.remove(id);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Notes that a session was used, and how large it is now.
    fn touch(&mut self, now: Instant, id: i32) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        self.by_use.remove(&(session.last_used, id));
        self.by_size.remove(&(session.size, id));
        self.partitions = self.partitions.saturating_sub(session.size);
        session.last_used = now;
        session.size = session.places.len();
        self.partitions = self.partitions.saturating_add(session.size);
        self.by_use.insert((now, id));
        if now.since(session.created) > SAFE_FOR {
            self.by_size.insert((session.size, id));
        }
    }

    fn remove(&mut self, id: i32) {
        if let Some(session) = self.sessions.remove(&id) {
            self.by_use.remove(&(session.last_used, id));
            self.by_size.remove(&(session.size, id));
            self.partitions = self.partitions.saturating_sub(session.size);
        }
    }
}

/// The partitions of a request, in its order.
fn keys<'a>(request: &FetchRequest<'a>, by_id: bool) -> impl Iterator<Item = (PartitionKey, FetchPartition)> + use<'a> {
    request.topics.iter().flat_map(move |topic: FetchTopic<'a>| {
        let key = TopicKey::of(topic.topic, topic.topic_id, by_id);
        topic.partitions.iter().map(move |partition| ((key.clone(), partition.partition), partition))
    })
}

#[cfg(test)]
#[path = "fetch_session_tests.rs"]
mod tests;
