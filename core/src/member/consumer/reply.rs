//! What replies mean.

use crate::member::contact::RequestId;
use crate::member::error::{Failure, MemberError};
use crate::time::{Instant, Millis};

use super::member::ConsumerMember;
use super::request::{Heard, Reply};
use super::state::{Kind, Stage};

impl ConsumerMember<'_> {
    /// A request was answered. A reply to one that nobody waits for any more changes nothing.
    ///
    /// # Panics
    /// When the reply is not of the request's kind: the runtime has mixed them up.
    pub fn on_reply(&mut self, now: Instant, id: RequestId, reply: Reply<'_>) {
        let Some(kind) = self.contact.end(id) else { return };
        match (kind, reply) {
            (Kind::FindCoordinator, Reply::FindCoordinator(Ok(()))) => self.contact.is_found = true,
            (Kind::Heartbeat, Reply::ConsumerGroupHeartbeat(_)) if matches!(self.stage, Stage::Departing(_)) => self.departed(),
            (Kind::Heartbeat, Reply::ConsumerGroupHeartbeat(Ok(heard))) => self.heard(now, &heard),
            (Kind::FindCoordinator, Reply::FindCoordinator(Err(error))) | (Kind::Heartbeat, Reply::ConsumerGroupHeartbeat(Err(error))) => {
                self.refused(now, error)
            }
            (kind, reply) => panic!("{reply:?} is no reply to {kind:?}"),
        }
        self.advance();
    }

    /// A request was not answered in time, or the connection broke: it may have been heard or not.
    pub fn on_lost(&mut self, now: Instant, id: RequestId) {
        if self.names_asked.take_if(|asked| *asked == id).is_some() {
            self.names_due = now.after(self.names_pause());
            return;
        }
        let Some(kind) = self.contact.end(id) else { return };
        self.contact.is_found = false;
        self.contact.back_off(now);
        if kind == Kind::Heartbeat {
            self.heartbeat_due = now;
            self.says_all = true;
            if matches!(self.stage, Stage::Departing(_)) {
                self.departed();
            }
        }
        self.advance();
    }

    /// How long to wait before names are asked for again: as long as anything that was tried often.
    pub(super) const fn names_pause(&self) -> Millis {
        self.contact.longest()
    }

    fn heard(&mut self, now: Instant, heard: &Heard<'_>) {
        if heard.member_epoch.0 < 0 {
            // An answer to somebody who leaves, and this one does not: it is asked again.
            self.says_all = true;
            self.contact.back_off(now);
            return;
        }
        self.contact.succeed();
        self.has_disclaimed = false;
        self.epoch = heard.member_epoch;
        self.heartbeat_interval = heard.heartbeat_interval;
        self.heartbeat_due = now.after(heard.heartbeat_interval);
        if self.stage == Stage::Joining {
            self.stage = Stage::Member;
        }
        // Whoever is about to leave does not take up anything.
        if self.stage == Stage::Member
            && let Some(assignment) = heard.assignment
            && let Err(full) = self.take_assignment(assignment)
        {
            self.fail_and_leave(full.into());
        }
    }

    /// Source: `AbstractHeartbeatRequestManager.onErrorResponse`, `ConsumerHeartbeatRequestManager`.
    fn refused(&mut self, now: Instant, error: MemberError) {
        self.heartbeat_due = now;
        self.says_all = true;
        match error {
            MemberError::CoordinatorNotAvailable | MemberError::NotCoordinator => {
                self.contact.is_found = false;
                self.contact.back_off(now);
            }
            MemberError::CoordinatorLoadInProgress | MemberError::Retriable => self.contact.back_off(now),
            MemberError::TopicAuthorizationFailed => {
                self.refused_untold = Some(error);
                self.contact.back_off(now);
            }
            MemberError::FencedMemberEpoch | MemberError::UnknownMemberId => {
                if self.stage == Stage::Joining {
                    self.contact.back_off(now);
                }
                self.fenced();
            }
            MemberError::RebalanceInProgress
            | MemberError::IllegalGeneration
            | MemberError::FencedInstanceId
            | MemberError::UnreleasedInstanceId
            | MemberError::InconsistentGroupProtocol
            | MemberError::InvalidSessionTimeout
            | MemberError::InvalidGroupId
            | MemberError::GroupIdNotFound
            | MemberError::GroupMaxSizeReached
            | MemberError::GroupAuthorizationFailed
            | MemberError::UnsupportedAssignor
            | MemberError::UnsupportedVersion
            | MemberError::InvalidRequest
            | MemberError::InvalidRegularExpression
            | MemberError::Unexpected => self.fail(Failure::Refused(error)),
        }
    }
}
