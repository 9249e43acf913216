//! Requests and replies that are under way: copies of what the machines lend.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::group::error::GroupError;
use crate::ids::{PartitionIndex, TopicId};
use crate::member::error::MemberError;
use crate::member::{classic, consumer};
use crate::time::Millis;

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) member_id: String,
    pub(super) instance_id: Option<String>,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) enum Message {
    Find,
    Join { caller: Caller, session: Millis, rebalance: Millis, protocols: Vec<(String, Vec<u8>)> },
    Sync { caller: Caller, generation: i32, protocol: String, assignments: Vec<(String, Vec<u8>)> },
    Heartbeat { caller: Caller, generation: i32 },
    Leave { caller: Caller },
    Commit { caller: Caller, generation: i32 },
    Counts(Vec<String>),
    Names(Vec<TopicId>),
    Modern(Modern),
}

/// A member of a consumer group says something.
#[derive(Clone, Debug)]
pub(super) struct Modern {
    pub(super) caller: Caller,
    pub(super) epoch: i32,
    pub(super) rebalance: Option<Millis>,
    pub(super) names: Option<Vec<String>>,
    pub(super) pattern: Option<String>,
    pub(super) assignor: Option<String>,
    pub(super) owned: Option<Vec<(TopicId, PartitionIndex)>>,
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    Found(Result<(), MemberError>),
    Joined(Seated),
    NeedsId(String),
    JoinRefused(MemberError),
    Synced(Result<(Option<String>, Vec<u8>), MemberError>),
    Heard(Result<(), MemberError>),
    Left(Result<(), MemberError>),
    Committed(Result<(), MemberError>),
    Counts(Vec<u32>),
    Names(Vec<(TopicId, String)>),
    Modern(Result<Told, MemberError>),
}

/// A seat in a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seated {
    pub(super) generation: i32,
    pub(super) protocol: String,
    pub(super) leader: String,
    pub(super) member_id: String,
    pub(super) members: Vec<(Caller, Vec<u8>)>,
    pub(super) skips: bool,
}

/// What a member of a consumer group was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) epoch: i32,
    pub(super) interval: Millis,
    pub(super) assigned: Option<Vec<(TopicId, PartitionIndex)>>,
}

impl Message {
    pub(super) fn of_classic(request: &classic::request::Request<'_>) -> Self {
        use classic::request::Request;
        let copy = |caller: &classic::request::Caller<'_>| Caller {
            member_id: caller.member_id.to_string(),
            instance_id: caller.group_instance_id.map(ToString::to_string),
        };
        match request {
            Request::FindCoordinator { .. } => Self::Find,
            Request::JoinGroup(join) => Self::Join {
                caller: copy(&join.caller),
                session: join.session_timeout,
                rebalance: join.rebalance_timeout,
                protocols: join.protocols.iter().map(|(name, metadata)| (name.to_string(), metadata.to_vec())).collect(),
            },
            Request::Metadata { topics } => Self::Counts(topics.iter().map(ToString::to_string).collect()),
            Request::SyncGroup(sync) => Self::Sync {
                caller: copy(&sync.caller),
                generation: sync.generation_id.0,
                protocol: sync.protocol_name.to_string(),
                assignments: sync.assignments.iter().map(|(id, bytes)| (id.to_string(), bytes.to_vec())).collect(),
            },
            Request::Heartbeat(heartbeat) => Self::Heartbeat { caller: copy(&heartbeat.caller), generation: heartbeat.generation_id.0 },
            Request::LeaveGroup(leave) => Self::Leave { caller: copy(&leave.caller) },
        }
    }

    pub(super) fn of_consumer(request: &consumer::request::Request<'_>) -> Self {
        use consumer::request::Request;
        match request {
            Request::FindCoordinator { .. } => Self::Find,
            Request::TopicNames { topics } => Self::Names(topics.iter().collect()),
            Request::ConsumerGroupHeartbeat(says) => Self::Modern(Modern {
                caller: Caller { member_id: says.member_id.to_string(), instance_id: says.instance_id.map(ToString::to_string) },
                epoch: says.member_epoch.0,
                rebalance: says.rebalance_timeout,
                names: says.subscribed_topic_names.map(|names| names.iter().map(ToString::to_string).collect()),
                pattern: says.subscribed_topic_regex.map(ToString::to_string),
                assignor: says.server_assignor.map(ToString::to_string),
                owned: says.topic_partitions.map(|held| held.iter().map(|held| (held.topic_id, held.index)).collect()),
            }),
        }
    }

    /// Whether it says that a member lives, and nothing else.
    pub(super) fn is_quiet(&self) -> bool {
        match self {
            Self::Heartbeat { .. } | Self::Commit { .. } => true,
            Self::Modern(says) => says.names.is_none() && says.owned.is_none() && says.epoch > 0,
            Self::Find | Self::Join { .. } | Self::Sync { .. } | Self::Leave { .. } | Self::Counts(_) | Self::Names(_) => false,
        }
    }
}

/// As a runtime would read the codes of the wire.
pub(super) fn refusal(error: GroupError) -> MemberError {
    match error {
        GroupError::InvalidGroupId => MemberError::InvalidGroupId,
        GroupError::InvalidSessionTimeout { .. } => MemberError::InvalidSessionTimeout,
        GroupError::UnknownMemberId => MemberError::UnknownMemberId,
        GroupError::FencedInstanceId => MemberError::FencedInstanceId,
        GroupError::IllegalGeneration => MemberError::IllegalGeneration,
        GroupError::RebalanceInProgress => MemberError::RebalanceInProgress,
        GroupError::InconsistentProtocol => MemberError::InconsistentGroupProtocol,
        GroupError::GroupFull => MemberError::GroupMaxSizeReached,
        GroupError::GroupNotFound => MemberError::GroupIdNotFound,
        GroupError::InvalidRequest(_) => MemberError::InvalidRequest,
        GroupError::UnsupportedAssignor => MemberError::UnsupportedAssignor,
        GroupError::FencedMemberEpoch { .. } => MemberError::FencedMemberEpoch,
        GroupError::UnreleasedInstanceId => MemberError::UnreleasedInstanceId,
        GroupError::InvalidPattern => MemberError::InvalidRegularExpression,
        GroupError::MemberIdRequired
        | GroupError::NonEmptyGroup
        | GroupError::SubscribedToTopic
        | GroupError::MetadataTooLarge
        | GroupError::CommitTooLarge
        | GroupError::StaleMemberEpoch { .. }
        | GroupError::EpochsUnknown
        | GroupError::Assignor(_) => MemberError::Unexpected,
    }
}
