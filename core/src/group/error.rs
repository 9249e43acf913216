//! Why the coordinator refuses.

use core::fmt;

use crate::ids::MemberEpoch;
use crate::member::assignor::error::AssignError;
use crate::time::Millis;

/// A refusal: the client's doing, or a limit it has run into. Nothing else of the group has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupError {
    /// The group id is empty where a group must be named.
    InvalidGroupId,
    /// The session timeout lies outside what the broker allows.
    InvalidSessionTimeout {
        /// What the member asked for.
        asked: Millis,
        /// `group.min.session.timeout.ms`.
        min: Millis,
        /// `group.max.session.timeout.ms`.
        max: Millis,
    },
    /// The group has no such member.
    UnknownMemberId,
    /// The member is to join again with the id it was given. Source: KIP-394.
    MemberIdRequired,
    /// Another member has taken over the instance id. Source: KIP-345.
    FencedInstanceId,
    /// The call belongs to another generation of the group.
    IllegalGeneration,
    /// The group is between two generations: the member is to join again.
    RebalanceInProgress,
    /// The protocol type differs from the group's, or no offered protocol is supported by all members.
    InconsistentProtocol,
    /// The group has `group.max.size` members, or the memory set aside for groups is used up.
    GroupFull,
    /// There is no such group.
    GroupNotFound,
    /// The group still has members.
    NonEmptyGroup,
    /// A member of the group subscribes to the topic, so its offsets stay.
    SubscribedToTopic,
    /// The metadata of a commit is longer than `offset.metadata.max.bytes`.
    MetadataTooLarge,
    /// The commit does not fit into the memory set aside for offsets.
    CommitTooLarge,
    /// The request makes no sense.
    InvalidRequest(&'static str),
    /// The assignor that the member wants is none of the broker's. Source: KIP-848.
    UnsupportedAssignor,
    /// The member is not where it says: it has to give everything up and join anew. Source: KIP-848.
    FencedMemberEpoch {
        /// Where it says it is.
        named: MemberEpoch,
        /// Where it is.
        known: MemberEpoch,
    },
    /// What is committed or asked for is of another epoch of the member. Source: KIP-848.
    StaleMemberEpoch {
        /// The one that was named.
        named: MemberEpoch,
        /// Where the member is.
        known: MemberEpoch,
    },
    /// A member of a consumer group commits in a way that says no epoch.
    EpochsUnknown,
    /// Another member has the instance id and has not left. Source: KIP-848.
    UnreleasedInstanceId,
    /// The target of the group cannot be made.
    Assignor(AssignError),
    /// What the member subscribes to is no regular expression.
    InvalidPattern,
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidGroupId => f.write_str("the group id is empty"),
            Self::InvalidSessionTimeout { asked, min, max } => {
                write!(f, "session timeout {asked:?} lies outside {min:?} to {max:?}")
            }
            Self::UnknownMemberId => f.write_str("the group has no such member"),
            Self::MemberIdRequired => f.write_str("join again with the member id given here"),
            Self::FencedInstanceId => f.write_str("another member has taken over this group instance id"),
            Self::IllegalGeneration => f.write_str("the call belongs to another generation of the group"),
            Self::RebalanceInProgress => f.write_str("the group is rebalancing: join again"),
            Self::InconsistentProtocol => f.write_str("no offered protocol is supported by all members of the group"),
            Self::GroupFull => f.write_str("the group has reached its maximum size"),
            Self::GroupNotFound => f.write_str("there is no group of this kind by this id"),
            Self::NonEmptyGroup => f.write_str("the group still has members"),
            Self::SubscribedToTopic => f.write_str("a member of the group subscribes to the topic"),
            Self::MetadataTooLarge => f.write_str("the metadata of the commit is too long"),
            Self::CommitTooLarge => f.write_str("the commit does not fit into the memory set aside for offsets"),
            Self::InvalidRequest(why) => f.write_str(why),
            Self::UnsupportedAssignor => f.write_str("the assignor is not supported; those that are: uniform, range"),
            Self::FencedMemberEpoch { named, known } if named > known => {
                write!(f, "the member is at epoch {named}, and known to be at {known}: it must abandon all its partitions and rejoin")
            }
            Self::FencedMemberEpoch { named, known } => {
                write!(f, "the member is still at epoch {named}, and known to be at {known}: it must abandon all its partitions and rejoin")
            }
            Self::StaleMemberEpoch { named, known } => write!(f, "the member epoch {named} is not the member's, which is at {known}"),
            Self::EpochsUnknown => f.write_str("members of a consumer group commit with a version of the request that knows member epochs"),
            Self::UnreleasedInstanceId => f.write_str("another member that has not left owns this group instance id"),
            Self::InvalidPattern => f.write_str("the subscribed topic regex is not a valid regular expression (RE2 syntax)"),
            Self::Assignor(error) => write!(f, "the target assignment of the group cannot be made: {error}"),
        }
    }
}

impl core::error::Error for GroupError {}
