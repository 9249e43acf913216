//! What replies mean.

use crate::ids::GenerationId;
use crate::member::assignor::assignor::Assignor;
use crate::member::contact::RequestId;
use crate::member::error::{Failure, MemberError};
use crate::time::Instant;

use super::member::{ClassicMember, PROTOCOL_TYPE};
use super::request::{Joined, Reply, Synced};
use super::state::{Kind, Stage};

impl ClassicMember<'_> {
    /// A request was answered. A reply to one that nobody waits for any more changes nothing.
    ///
    /// # Panics
    /// When the reply is not of the request's kind: the runtime has mixed them up.
    pub fn on_reply(&mut self, now: Instant, id: RequestId, reply: Reply<'_>) {
        let Some(kind) = self.contact.end(id) else { return };
        match (kind, reply) {
            (Kind::FindCoordinator, Reply::FindCoordinator(Ok(()))) => self.contact.is_found = true,
            (Kind::JoinGroup, Reply::JoinGroup(Ok(joined))) => self.joined(now, &joined),
            (Kind::JoinGroup, Reply::MemberIdRequired { member_id }) => self.named(now, member_id),
            (Kind::SyncGroup, Reply::SyncGroup(Ok(synced))) => self.synced(now, &synced),
            (Kind::Heartbeat, Reply::Heartbeat(Ok(()))) => self.heard_by_group(),
            (Kind::LeaveGroup, Reply::LeaveGroup(_)) => self.departed(),
            (Kind::FindCoordinator, Reply::FindCoordinator(Err(error)))
            | (Kind::JoinGroup, Reply::JoinGroup(Err(error)))
            | (Kind::SyncGroup, Reply::SyncGroup(Err(error)))
            | (Kind::Heartbeat, Reply::Heartbeat(Err(error))) => self.refused(now, kind, error),
            (kind, reply) => panic!("{reply:?} is no reply to {kind:?}"),
        }
        self.advance();
    }

    /// A request was not answered in time, or the connection broke: it may have been heard or not.
    pub fn on_lost(&mut self, now: Instant, id: RequestId) {
        if self.metadata_asked.take_if(|asked| *asked == id).is_some() {
            self.contact.back_off(now);
            return;
        }
        let Some(kind) = self.contact.end(id) else { return };
        self.contact.is_found = false;
        self.contact.back_off(now);
        match kind {
            Kind::Heartbeat => self.heartbeat_due = now,
            Kind::LeaveGroup => self.departed(),
            // What was asked is asked again. Whoever has a seat gets the same one, or hears that the group has moved on.
            Kind::FindCoordinator | Kind::JoinGroup | Kind::SyncGroup => {}
        }
        self.advance();
    }

    /// The group has given the member an id, to join with. Source: KIP-394.
    fn named(&mut self, now: Instant, member_id: &str) {
        if !self.member_id_is(member_id) && self.take_member_id(member_id) {
            return;
        }
        // It has joined with that already.
        self.contact.back_off(now);
    }

    fn heard_by_group(&mut self) {
        self.contact.succeed();
        self.heard = self.heard.max(self.heartbeat_sent);
    }

    fn refused(&mut self, now: Instant, kind: Kind, error: MemberError) {
        match error {
            MemberError::CoordinatorNotAvailable | MemberError::NotCoordinator => {
                self.contact.is_found = false;
                self.again(now, kind);
            }
            MemberError::CoordinatorLoadInProgress | MemberError::Retriable => self.again(now, kind),
            MemberError::RebalanceInProgress => match kind {
                Kind::FindCoordinator | Kind::JoinGroup | Kind::LeaveGroup => self.again(now, kind),
                Kind::SyncGroup => self.begin_join("the group has gone on without giving an assignment"),
                Kind::Heartbeat => {
                    // The coordinator has heard it all the same.
                    self.heard_by_group();
                    self.called();
                }
            },
            MemberError::UnknownMemberId => {
                if kind == Kind::JoinGroup {
                    self.contact.back_off(now);
                }
                self.fenced(true, "the group did not know the member");
            }
            MemberError::IllegalGeneration => {
                if kind == Kind::JoinGroup {
                    self.contact.back_off(now);
                }
                self.fenced(false, "the group was in another generation");
            }
            MemberError::FencedInstanceId
            | MemberError::FencedMemberEpoch
            | MemberError::UnreleasedInstanceId
            | MemberError::InconsistentGroupProtocol
            | MemberError::InvalidSessionTimeout
            | MemberError::InvalidGroupId
            | MemberError::GroupIdNotFound
            | MemberError::GroupMaxSizeReached
            | MemberError::GroupAuthorizationFailed
            | MemberError::TopicAuthorizationFailed
            | MemberError::UnsupportedAssignor
            | MemberError::UnsupportedVersion
            | MemberError::InvalidRequest
            | MemberError::InvalidRegularExpression
            | MemberError::Unexpected => self.fail(Failure::Refused(error)),
        }
    }

    /// A commit in the name of the member, in a generation of its own, was refused: what that says of its seat. What becomes of the offsets
    /// is the runtime's affair. To the generation of another time nothing happens. Source: `ConsumerCoordinator.OffsetCommitResponseHandler`.
    pub fn commit_refused(&mut self, generation_id: GenerationId, error: MemberError) {
        if self.generation_id() != Some(generation_id) {
            return;
        }
        match error {
            MemberError::UnknownMemberId | MemberError::IllegalGeneration => {
                self.contact.abandon();
                self.fenced(error == MemberError::UnknownMemberId, "a commit was refused");
            }
            MemberError::RebalanceInProgress => self.rejoin("a commit was refused, since the group is rebalancing"),
            MemberError::CoordinatorNotAvailable | MemberError::NotCoordinator => self.contact.is_found = false,
            // The commit alone has failed; or the next heartbeat is told the same.
            MemberError::CoordinatorLoadInProgress
            | MemberError::Retriable
            | MemberError::FencedInstanceId
            | MemberError::FencedMemberEpoch
            | MemberError::UnreleasedInstanceId
            | MemberError::InconsistentGroupProtocol
            | MemberError::InvalidSessionTimeout
            | MemberError::InvalidGroupId
            | MemberError::GroupIdNotFound
            | MemberError::GroupMaxSizeReached
            | MemberError::GroupAuthorizationFailed
            | MemberError::TopicAuthorizationFailed
            | MemberError::UnsupportedAssignor
            | MemberError::UnsupportedVersion
            | MemberError::InvalidRequest
            | MemberError::InvalidRegularExpression
            | MemberError::Unexpected => {}
        }
        self.advance();
    }

    /// Asks the same again, a little later.
    fn again(&mut self, now: Instant, kind: Kind) {
        self.contact.back_off(now);
        if kind == Kind::Heartbeat {
            self.heartbeat_due = now;
        }
    }

    /// The group comes together again.
    fn called(&mut self) {
        let reason = "the group is rebalancing";
        // Whoever has not assigned yet is too late.
        if self.stage == Stage::Leading { self.begin_join(reason) } else { self.rejoin(reason) }
    }

    fn joined(&mut self, now: Instant, joined: &Joined<'_>) {
        let assignor = Assignor::from_name(joined.protocol_name).filter(|assignor| self.offers(*assignor));
        if assignor.is_none() || joined.protocol_type.is_some_and(|protocol_type| protocol_type != PROTOCOL_TYPE) {
            self.fail(Failure::Refused(MemberError::InconsistentGroupProtocol));
            return;
        }
        self.contact.succeed();
        if !self.take_member_id(joined.member_id) {
            return;
        }
        self.generation = joined.generation_id;
        self.assignor = assignor;
        self.heard = now;
        self.heartbeat_due = now.after(self.config.heartbeat_interval);
        self.leads = !joined.leader.is_empty() && joined.leader == joined.member_id;
        self.skips = joined.skip_assignment;
        self.watched.clear();
        self.counts.clear();
        if !self.leads {
            self.stage = Stage::Syncing;
        } else if self.take_seats(joined.members).is_ok() {
            self.stage = Stage::Leading;
        } else {
            self.fail_and_leave(Failure::Full);
        }
    }

    fn synced(&mut self, now: Instant, synced: &Synced<'_>) {
        let is_other_type = synced.protocol_type.is_some_and(|protocol_type| protocol_type != PROTOCOL_TYPE);
        if is_other_type || synced.protocol_name.is_some_and(|name| self.assignor.map(Assignor::name) != Some(name)) {
            self.fail(Failure::Refused(MemberError::InconsistentGroupProtocol));
            return;
        }
        self.contact.succeed();
        self.heard = now;
        self.heartbeat_due = now.after(self.config.heartbeat_interval);
        self.clear_seats();
        match self.take_assignment(synced.assignment) {
            Ok(()) => self.settle(),
            Err(failure) => self.fail_and_leave(failure),
        }
    }

    fn member_id_is(&self, member_id: &str) -> bool {
        self.member_id() == member_id
    }

    /// Whether the member could take up its id.
    fn take_member_id(&mut self, member_id: &str) -> bool {
        match self.names.texts.replace(self.member_id, member_id.as_bytes()) {
            Ok(text) => {
                self.member_id = text;
                true
            }
            Err(full) => {
                self.fail(full.into());
                false
            }
        }
    }
}
