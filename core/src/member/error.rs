//! Why a broker refuses what a member asks, and why a member gives up.

use core::fmt;

use crate::bounded::Full;
use crate::wire::reader::DecodeError;

use super::assignor::error::AssignError;

/// A refusal, in Kafka's words. The runtime maps the codes of the wire to these, each to the one of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberError {
    /// The coordinator is reading its log.
    CoordinatorLoadInProgress,
    /// There is no coordinator at the moment.
    CoordinatorNotAvailable,
    /// The coordinator is somebody else by now.
    NotCoordinator,
    /// The group is between two generations: join again.
    RebalanceInProgress,
    /// The group does not know the member (any more).
    UnknownMemberId,
    /// The group is in another generation.
    IllegalGeneration,
    /// Another member has taken over the instance id. Source: KIP-345.
    FencedInstanceId,
    /// The member is not where it says: it has to give everything up and join anew. Source: KIP-848.
    FencedMemberEpoch,
    /// Another member has the instance id and has not left. Source: KIP-848.
    UnreleasedInstanceId,
    /// The members of the group have no assignor in common with this one, or it is no group of consumers.
    InconsistentGroupProtocol,
    /// The session timeout lies outside what the broker allows.
    InvalidSessionTimeout,
    /// The group id cannot be one.
    InvalidGroupId,
    /// There is no such group, or it speaks another protocol.
    GroupIdNotFound,
    /// The group has as many members as it may.
    GroupMaxSizeReached,
    /// The member may not read with this group.
    GroupAuthorizationFailed,
    /// The member may not read a topic that it subscribes to.
    TopicAuthorizationFailed,
    /// The broker has no assignor of this name. Source: KIP-848.
    UnsupportedAssignor,
    /// The broker does not know the request.
    UnsupportedVersion,
    /// The broker makes no sense of the request.
    InvalidRequest,
    /// The pattern is no regular expression to the broker. Source: KIP-848.
    InvalidRegularExpression,
    /// Something else that passes by itself.
    Retriable,
    /// Something else that does not.
    Unexpected,
}

impl fmt::Display for MemberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CoordinatorLoadInProgress => "the coordinator of the group is reading its log",
            Self::CoordinatorNotAvailable => "the group has no coordinator at the moment",
            Self::NotCoordinator => "the broker is not the coordinator of the group",
            Self::RebalanceInProgress => "the group is rebalancing",
            Self::UnknownMemberId => "the group does not know this member",
            Self::IllegalGeneration => "the group is in another generation",
            Self::FencedInstanceId => "another member has taken over the group instance id",
            Self::FencedMemberEpoch => "the member epoch is not the one that the group knows",
            Self::UnreleasedInstanceId => "another member that has not left has the group instance id",
            Self::InconsistentGroupProtocol => "the members of the group have no assignor in common with this one",
            Self::InvalidSessionTimeout => "the session timeout lies outside what the broker allows",
            Self::InvalidGroupId => "the group id is invalid",
            Self::GroupIdNotFound => "there is no such group",
            Self::GroupMaxSizeReached => "the group has as many members as it may",
            Self::GroupAuthorizationFailed => "reading with this group is not allowed",
            Self::TopicAuthorizationFailed => "reading a topic of the subscription is not allowed",
            Self::UnsupportedAssignor => "the broker does not have the assignor",
            Self::UnsupportedVersion => "the broker does not know the request",
            Self::InvalidRequest => "the broker makes no sense of the request",
            Self::InvalidRegularExpression => "the pattern is no regular expression",
            Self::Retriable => "the request failed for now",
            Self::Unexpected => "the request failed",
        })
    }
}

impl core::error::Error for MemberError {}

/// Why a member gives up. It reads nothing any more, and asks nothing before it is told to subscribe again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The broker refused, and will again.
    Refused(MemberError),
    /// What the leader gave this member cannot be read.
    Assignment(DecodeError),
    /// This member leads the group and cannot divide the partitions.
    Assignor(AssignError),
    /// The memory of the member is too small for its group.
    Full,
}

impl From<Full> for Failure {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Assignment(error) => write!(f, "the assignment cannot be read: {error}"),
            Self::Assignor(error) => write!(f, "the partitions of the group cannot be divided: {error}"),
            Self::Full => Full.fmt(f),
        }
    }
}

impl core::error::Error for Failure {}
