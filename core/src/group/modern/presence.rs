//! What a member says of itself, in whichever protocol it says it.

use crate::group::config::GroupConfig;
use crate::group::error::GroupError;
use crate::group::input::{Caller, ConsumerHeartbeat, Join, ShareHeartbeat, ShowOwned};
use crate::ids::MemberEpoch;
use crate::time::Millis;
use crate::wire::value::Array;

use super::partitions::Partitions;
use super::state::GroupKind;
use super::target::ServerAssignor;
use super::topics::Topics;

/// A member that joins, stays or leaves, and what there is to read while it does. What is `None` is as it was.
#[derive(Clone, Copy)]
pub(super) struct Presence<'a> {
    pub(super) caller: Caller<'a>,
    pub(super) epoch: MemberEpoch,
    pub(super) client_id: &'a str,
    pub(super) client_host: &'a str,
    pub(super) rack_id: Option<&'a str>,
    pub(super) rebalance_timeout: Option<Millis>,
    pub(super) names: Option<Array<'a, &'a str>>,
    pub(super) pattern: Option<&'a str>,
    pub(super) assignor: Option<&'a str>,
    pub(super) owned: Option<&'a ShowOwned<'a>>,
    pub(super) topics: &'a dyn Topics,
    pub(super) kind: GroupKind,
    /// The settings in force for its group.
    pub(super) config: GroupConfig,
    /// What it said in the classic protocol, if that is the one it speaks.
    pub(super) classic: Option<&'a Join<'a>>,
}

impl<'a> Presence<'a> {
    /// A member that speaks the consumer protocol.
    pub(super) fn of(heartbeat: &ConsumerHeartbeat<'a>, topics: &'a dyn Topics, config: GroupConfig) -> Self {
        let ConsumerHeartbeat { caller, epoch, client_id, client_host, rack_id, rebalance_timeout, names, pattern, assignor, owned } =
            *heartbeat;
        Self {
            caller,
            epoch,
            client_id,
            client_host,
            rack_id,
            rebalance_timeout,
            names,
            pattern,
            assignor,
            owned,
            topics,
            kind: GroupKind::Consumer,
            config,
            classic: None,
        }
    }

    /// A member of a share group.
    pub(super) fn of_share(heartbeat: &ShareHeartbeat<'a>, topics: &'a dyn Topics, config: GroupConfig) -> Self {
        let ShareHeartbeat { caller, epoch, client_id, client_host, rack_id, names } = *heartbeat;
        Self {
            caller,
            epoch,
            client_id,
            client_host,
            rack_id,
            rebalance_timeout: None,
            names,
            pattern: None,
            assignor: None,
            owned: None,
            topics,
            kind: GroupKind::Share,
            config,
            classic: None,
        }
    }

    /// Source: `GroupCoordinatorService.throwIfConsumerGroupHeartbeatRequestIsInvalid`, `throwIfShareGroupHeartbeatRequestIsInvalid`, in their
    /// order.
    pub(super) fn check(&self) -> Result<(), GroupError> {
        let refuse = |why| Err(GroupError::InvalidRequest(why));
        let caller = &self.caller;
        if caller.member_id.is_empty() {
            return refuse("MemberId can't be empty.");
        }
        if caller.group_id.is_empty() {
            return refuse("GroupId can't be empty.");
        }
        if caller.group_instance_id.is_some_and(str::is_empty) {
            return refuse("InstanceId can't be empty.");
        }
        if self.rack_id.is_some_and(str::is_empty) {
            return refuse("RackId can't be empty.");
        }
        if self.kind == GroupKind::Share {
            if self.epoch == MemberEpoch::JOINS && self.names.is_none_or(|names| names.is_empty()) {
                return refuse("SubscribedTopicNames must be set in first request.");
            }
            return if self.epoch < MemberEpoch::LEAVES { refuse("MemberEpoch is invalid.") } else { Ok(()) };
        }
        if self.epoch == MemberEpoch::JOINS {
            if self.rebalance_timeout.is_none() {
                return refuse("RebalanceTimeoutMs must be provided in first request.");
            }
            if !self.owns_nothing() {
                return refuse("TopicPartitions must be empty when (re-)joining.");
            }
            if self.names.is_none() && self.pattern.is_none() {
                return refuse("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
            }
        } else if self.epoch == MemberEpoch::LEAVES_FOR_A_WHILE {
            if caller.group_instance_id.is_none() {
                return refuse("InstanceId can't be null.");
            }
        } else if self.epoch < MemberEpoch::LEAVES_FOR_A_WHILE {
            return refuse("MemberEpoch is invalid.");
        }
        match self.assignor.map(ServerAssignor::named) {
            Some(None) => Err(GroupError::UnsupportedAssignor),
            Some(Some(_)) | None => Ok(()),
        }
    }

    /// Whether it says everything there is to say: then it is told everything.
    pub(super) const fn is_full(&self) -> bool {
        if matches!(self.kind, GroupKind::Share) {
            return self.names.is_some();
        }
        self.rebalance_timeout.is_some() && (self.names.is_some() || self.pattern.is_some()) && self.owned.is_some()
    }

    /// Whether it says that it owns nothing.
    pub(super) fn owns_nothing(&self) -> bool {
        let mut count = 0;
        self.owned.is_some_and(|show| {
            show(&mut |_, _| count += 1);
            count == 0
        })
    }

    /// Whether it owns some of these, as far as it says: who says nothing may own all of them.
    pub(super) fn owns_any(&self, of: Partitions<'_>) -> bool {
        let Some(show) = self.owned else { return true };
        let mut any = false;
        show(&mut |topic, partition| any |= of.since(topic, partition).is_some());
        any
    }

    /// Whether it says what it owns, and that is some of these.
    pub(super) fn owns_only(&self, of: Partitions<'_>) -> bool {
        let Some(show) = self.owned else { return false };
        let mut only = true;
        show(&mut |topic, partition| only &= of.since(topic, partition).is_some());
        only
    }
}
