//! What the requests that change the catalogue share.

use millpond_core::catalog::answer::Answer;
use millpond_core::catalog::catalog::Catalog;
use millpond_core::catalog::error::CatalogError;
use millpond_core::catalog::input::{CreateTopic, Input};
use millpond_core::ids::{CallId, TopicId};
use millpond_core::machine::{Answers, When};
use millpond_core::shard::logs::Written;

use crate::protocol::error_code::ErrorCode;
use crate::worker::turn::Turn;

/// A refusal, for one part of a request: its code, and what is wrong in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Kafka's code.
    pub code: ErrorCode,
    /// What is wrong.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<&CatalogError> for Refusal {
    fn from(error: &CatalogError) -> Self {
        Self::new(super::error_map::of_catalog(error), error.to_string())
    }
}

/// Catches the one answer of a turn and keeps what its reader wants of it.
struct Catch<T, F: FnMut(Answer<'_>) -> T> {
    read: F,
    caught: Option<T>,
}

impl<T, F: FnMut(Answer<'_>) -> T> Answers<Catalog<'static>> for Catch<T, F> {
    fn answer(&mut self, _: CallId, _: When, answer: Answer<'_>) {
        self.caught = Some((self.read)(answer));
    }
}

/// The call of a turn whose answer is caught on the spot.
pub const HERE: CallId = CallId(0);

/// A turn of the catalogue. Answers what `read` makes of the answer, and what must be committed before it may be told.
///
/// # Errors
/// When `read` refuses, or what was decided cannot be written down.
pub fn turn<T>(
    turn: &mut Turn<'_>,
    input: Input<'_>,
    read: impl FnMut(Answer<'_>) -> Result<T, Refusal>,
) -> Result<(T, Option<Written>), Refusal> {
    let mut catch = Catch { read, caught: None };
    let written = turn.inner.shard.catalog_turn(turn.at, input, &mut catch, &mut turn.inner.released);
    let written = written.map_err(|error| {
        tracing::error!(%error, "the catalogue could not write down what it decided");
        Refusal::new(super::error_map::of_catalog_write(&error), error.to_string())
    })?;
    match catch.caught {
        Some(Ok(value)) => Ok((value, written)),
        Some(Err(refusal)) => Err(refusal),
        None => Err(Refusal::new(ErrorCode::UNKNOWN_SERVER_ERROR, "the catalogue gave no answer")),
    }
}

/// Answers of a kind that was not asked for: a bug.
#[must_use]
pub fn unexpected(answer: &Answer<'_>) -> Refusal {
    debug_assert!(false, "the catalogue answered something else: {answer:?}");
    Refusal::new(ErrorCode::UNKNOWN_SERVER_ERROR, "the catalogue answered something else")
}

/// An id that no other topic has.
#[must_use]
pub fn fresh_id() -> TopicId {
    let mut id = TopicId(random());
    // Source: `Uuid.randomUuid`: not one of the reserved ids, and no text that begins with a hyphen, which looks like an option.
    while id.0.starts_with(&[0; 15]) || id.to_string().starts_with('-') {
        id = TopicId(random());
    }
    id
}

/// Random bytes.
///
/// # Panics
/// When the system has none: nothing that must be unique could be made then.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system's random numbers");
    bytes
}

/// Creates a topic with the broker's defaults, if there is none of this name. Answers what must be committed first.
///
/// # Errors
/// Why there is none now either.
pub fn ensure_topic(at: &mut Turn<'_>, name: &str, partition_count: i32, configs: &[(&str, &str)]) -> Result<Option<Written>, Refusal> {
    if at.inner.shard.catalog().topic(name).is_some() {
        return Ok(at.inner.shard.uncommitted_catalog());
    }
    let create = CreateTopic {
        call: HERE,
        name,
        topic_id: fresh_id(),
        partition_count,
        replication_factor: at.around.config.replication_factor,
        configs,
        validate_only: false,
    };
    let (_, written) = turn(at, Input::CreateTopic(create), |answer| match answer {
        Answer::TopicCreated(Ok(created)) => Ok(created),
        Answer::TopicCreated(Err(error)) => Err(Refusal::from(&error)),
        other => Err(unexpected(&other)),
    })?;
    tracing::info!(topic = name, partitions = partition_count, "created a topic that was asked for");
    Ok(written)
}

/// Creates `__consumer_offsets`, if it is not there. Source: `GroupCoordinatorConfig`, `DefaultAutoTopicCreationManager`.
///
/// # Errors
/// Why there is none now either.
pub fn ensure_offsets_topic(at: &mut Turn<'_>) -> Result<Option<Written>, Refusal> {
    let count = at.around.config.groups.group.offsets_partition_count;
    let segment_bytes = at.around.config.value_of("offsets.topic.segment.bytes").unwrap_or_default();
    let configs = [("compression.type", "producer"), ("cleanup.policy", "compact"), ("segment.bytes", segment_bytes)];
    ensure_topic(at, millpond_core::catalog::name::CONSUMER_OFFSETS, count, &configs)
}
