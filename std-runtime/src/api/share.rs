//! What the requests of share groups share.

use std::collections::BTreeMap;

use millpond_core::catalog::input::ResourceKind;
use millpond_core::catalog::name::{SHARE_GROUP_STATE, SHARE_VERSION};
use millpond_core::group::error::GroupError;
use millpond_core::ids::{CallId, Offset, PartitionIndex, TopicId};
use millpond_core::machine::{Answers, When};
use millpond_core::shard::logs::Written;
use millpond_core::share::answer::{Acquired, Answer};
use millpond_core::share::coordinator::Coordinator;
use millpond_core::share::error::ShareError;
use millpond_core::share::input::{Acknowledge, Acknowledged, Input, Release, ShareKey};
use millpond_core::share::state::AcknowledgeType;

use crate::config::groups::{self, GroupSettings};
use crate::protocol::error_code::ErrorCode;
use crate::worker::turn::Turn;

use super::catalog::{Refusal, ensure_topic};
use super::error_map;
use super::share_session::{Owner, SessionError, Wanted};

/// The longest id of a member. Source: `ShareFetchUtils`, KIP-932: an id is a UUID in text.
pub(crate) const MEMBER_ID_SIZE_MAX: usize = 36;

/// The call of a turn whose answer is caught on the spot.
const HERE: CallId = CallId(0);

/// Whether share groups are in force. Source: `KafkaApis.isShareGroupProtocolEnabled`.
pub(crate) fn is_enabled(at: &Turn<'_>) -> bool {
    at.inner.shard.catalog().features().any(|(name, level)| name == SHARE_VERSION && level >= 1)
}

/// Creates `__share_group_state`, if it is not there. What is in it is deleted when no snapshot needs it any more, and never by its age.
/// Source: `ShareCoordinatorService.shareGroupStateTopicConfigs`.
///
/// # Errors
/// Why there is none now either.
pub(crate) fn ensure_state_topic(at: &mut Turn<'_>) -> Result<Option<Written>, Refusal> {
    let count = at.around.config.share.state_partition_count;
    let segment_bytes = at.around.config.value_of("share.coordinator.state.topic.segment.bytes").unwrap_or_default();
    let configs =
        [("compression.type", "producer"), ("cleanup.policy", "delete"), ("segment.bytes", segment_bytes), ("retention.ms", "-1")];
    ensure_topic(at, SHARE_GROUP_STATE, count, &configs)
}

/// Catches the one answer of a turn.
#[derive(Default)]
struct Catch(Option<Result<Vec<Acquired>, ShareError>>);

impl Answers<Coordinator<'static>> for Catch {
    fn answer(&mut self, _: CallId, _: When, answer: Answer<'_>) {
        self.0 = Some(match answer {
            Answer::Acquired(result) => result.map(<[Acquired]>::to_vec),
            Answer::Done(result) => result.map(|()| Vec::new()),
        });
    }
}

/// A turn of the shared partitions: what it has come to, and what must be committed before that may be told.
///
/// # Errors
/// The code of a refusal, or of what cannot be written down.
pub(crate) fn turn(at: &mut Turn<'_>, input: Input<'_>) -> Result<(Vec<Acquired>, Option<Written>), ErrorCode> {
    let mut catch = Catch::default();
    let inner = &mut *at.inner;
    let written = inner.shard.share(at.at, input, &mut catch, &mut inner.released).map_err(|error| {
        tracing::warn!(%error, "what has become of shared records could not be written down");
        error_map::of_group_write(&error)
    })?;
    match catch.0 {
        Some(Ok(acquired)) => Ok((acquired, written)),
        Some(Err(error)) => Err(error_map::of_share(&error)),
        None => {
            debug_assert!(false, "the coordinator answers in the turn of the request");
            Err(ErrorCode::UNKNOWN_SERVER_ERROR)
        }
    }
}

/// What is in force for a group.
pub(crate) fn settings(at: &Turn<'_>, group_id: &str) -> GroupSettings {
    let config = at.around.live.get();
    groups::effective(&config, at.inner.shard.catalog().configs_of(ResourceKind::GROUP, group_id))
}

/// What a member is told of an acknowledgement that is refused.
pub(crate) fn explained(code: ErrorCode) -> Option<&'static str> {
    code.row().filter(|_| !code.is_none()).map(|row| row.text)
}

/// A batch of acknowledgements as a request names it: the first and the last offset, and what is said of them.
pub(crate) type SaidBatch = (i64, i64, Vec<i8>);

/// Carries out what a request says of partitions, each by itself. Answers what each has come to, and what must be committed before that may
/// be told.
pub(crate) fn acknowledge_all(
    at: &mut Turn<'_>,
    owner: &Owner,
    said: impl Iterator<Item = (Wanted, Vec<SaidBatch>)>,
    renews: bool,
) -> (BTreeMap<Wanted, ErrorCode>, Vec<Written>) {
    let (mut codes, mut written) = (BTreeMap::new(), Vec::new());
    for (place, said) in said {
        let told = check_partition(at, place).and_then(|()| acknowledge(at, owner, place, &said, renews));
        let code = match told {
            Ok(end) => {
                written.extend(end);
                ErrorCode::NONE
            }
            Err(code) => code,
        };
        codes.insert(place, code);
    }
    (codes, written)
}

/// Carries out what a member says of a partition. Answers what must be committed before it may be told so.
///
/// # Errors
/// Why nothing of it is true. Source: `KafkaApis.validateAcknowledgementBatches`.
fn acknowledge(
    at: &mut Turn<'_>,
    (group_id, member_id): &Owner,
    (topic_id, partition): Wanted,
    said: &[SaidBatch],
    renews: bool,
) -> Result<Option<Written>, ErrorCode> {
    let mut last = None;
    let mut types: Vec<Vec<AcknowledgeType>> = Vec::with_capacity(said.len());
    for (first, end, numbers) in said {
        let size = end.checked_sub(*first).and_then(|size| usize::try_from(size).ok()).map(|size| size.saturating_add(1));
        let fits = size.is_some_and(|size| numbers.len() == 1 || numbers.len() == size);
        // One that begins where the one before ends is a question of state.
        if *first < 0 || !fits || last.is_some_and(|last| *first < last) {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        last = Some(*end);
        let known: Option<Vec<AcknowledgeType>> = numbers.iter().map(|number| AcknowledgeType::from_number(*number)).collect();
        let known = known.filter(|all| renews || !all.contains(&AcknowledgeType::Renew));
        types.push(known.ok_or(ErrorCode::INVALID_REQUEST)?);
    }
    let batches: Vec<Acknowledged<'_>> = said
        .iter()
        .zip(&types)
        .map(|((first, last, _), types)| Acknowledged { first: Offset(*first), last: Offset(*last), types })
        .collect();
    let key = ShareKey { group_id, topic_id, partition };
    let limits = settings(at, group_id).share;
    turn(at, Input::Acknowledge(Acknowledge { call: HERE, key, member_id, batches: &batches, limits })).map(|(_, written)| written)
}

/// What a member has acquired comes back: its session is closed.
pub(crate) fn release(at: &mut Turn<'_>, owner: &Owner, wanted: &[Wanted]) -> Vec<Written> {
    let (group_id, member_id) = (&*owner.0, &*owner.1);
    let mut all = Vec::new();
    for (topic_id, partition) in wanted {
        let key = ShareKey { group_id, topic_id: *topic_id, partition: *partition };
        match turn(at, Input::Release(Release { call: HERE, key, member_id })) {
            Ok((_, written)) => all.extend(written),
            // The locks expire by themselves.
            Err(error) => tracing::debug!(group_id, member_id, ?error, "what a member had acquired comes back when its time is up"),
        }
    }
    all
}

/// Whose session a request is of.
///
/// # Errors
/// When it says so of nobody. Source: `KafkaApis.handleShareFetchRequest`.
pub(crate) fn owner(group_id: Option<&str>, member_id: Option<&str>) -> Result<Owner, ErrorCode> {
    let group_id = group_id.filter(|id| !id.is_empty()).ok_or(ErrorCode::INVALID_REQUEST)?;
    let member_id = member_id.filter(|id| !id.is_empty() && id.len() <= MEMBER_ID_SIZE_MAX).ok_or(ErrorCode::INVALID_REQUEST)?;
    Ok((group_id.to_string(), member_id.to_string()))
}

/// The code of a request that is not the next one of a session.
pub(crate) const fn code_of(error: SessionError) -> ErrorCode {
    match error {
        SessionError::NotFound => ErrorCode::SHARE_SESSION_NOT_FOUND,
        SessionError::WrongEpoch => ErrorCode::INVALID_SHARE_SESSION_EPOCH,
        SessionError::TooMany => ErrorCode::SHARE_SESSION_LIMIT_REACHED,
    }
}

/// Why an administrator's wish for a group is refused.
pub(crate) fn refusal(group_id: &str, error: &GroupError) -> (ErrorCode, Option<String>) {
    let why = match error {
        GroupError::GroupNotFound => format!("Group {group_id} not found."),
        other => other.to_string(),
    };
    (error_map::of_group(error), Some(why))
}

/// Whether a partition is there to be shared.
///
/// # Errors
/// Why it is not.
pub(crate) fn check_partition(at: &Turn<'_>, (topic_id, partition): (TopicId, PartitionIndex)) -> Result<(), ErrorCode> {
    let catalog = at.inner.shard.catalog();
    let topic = catalog.topic_by_id(topic_id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?;
    if (0..topic.partition_count).contains(&partition.0) { Ok(()) } else { Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) }
}
