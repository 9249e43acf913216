//! From what the member has to what it is to have: give back first, then take up. Source: `AbstractMembershipManager.maybeReconcile`.

use crate::bounded::Full;
use crate::ids::{MemberEpoch, TopicId};
use crate::member::contact::RequestId;
use crate::member::error::Failure;
use crate::member::standing::{After, Departure};
use crate::member::telling::Telling;
use crate::time::Instant;

use super::member::ConsumerMember;
use super::request::{ShowAssigned, TopicIds};
use super::state::Stage;

impl ConsumerMember<'_> {
    /// Takes up what the coordinator says that the member is to have.
    pub(super) fn take_assignment(&mut self, assignment: &ShowAssigned<'_>) -> Result<(), Full> {
        self.take_back_untold();
        self.target.clear();
        let mut result = Ok(());
        let target = &mut self.target;
        assignment(&mut |topic, partition| {
            if result.is_ok() && partition.0 >= 0 {
                result = target.add(topic, partition);
            }
        });
        self.target.sort();
        self.reconciles = true;
        self.forget_names();
        result
    }

    /// The names of topics that were asked for: the answer to [`super::request::Request::TopicNames`]. Those still missing are asked for
    /// again, a little later.
    pub fn names_known(&mut self, now: Instant, id: RequestId, topics: &[(TopicId, &str)]) {
        if self.names_asked.take_if(|asked| *asked == id).is_none() {
            return;
        }
        let mut learnt = Ok(());
        for (topic, name) in topics {
            let is_wanted = self.target.has_topic(*topic) && !name.is_empty();
            if is_wanted && learnt.is_ok() {
                learnt = self.names.keep(name).and_then(|name| self.ids.learn(*topic, name));
            }
        }
        let is_missing = TopicIds { ids: &self.ids, held: self.target.held() }.iter().next().is_some();
        self.names_due = if is_missing { now.after(self.names_pause()) } else { now };
        if let Err(full) = learnt {
            self.fail_and_leave(full.into());
        }
        self.advance();
    }

    /// Goes on where nothing is waited for any more.
    pub(super) fn advance(&mut self) {
        while self.can_advance() {
            match self.stage {
                Stage::Member => self.reconcile(),
                Stage::Parting => self.depart(After::Outside),
                _ => self.departed(),
            }
        }
    }

    pub(super) fn can_advance(&self) -> bool {
        match self.stage {
            Stage::Member => self.telling == Telling::Nothing && self.reconciles && self.can_reconcile(),
            Stage::Parting => self.telling == Telling::Nothing,
            // It says so to the coordinator that it knows, or to none.
            Stage::Departing(_) => !self.contact.is_found,
            Stage::Outside | Stage::Joining | Stage::Stale | Stage::Failed(_) => false,
        }
    }

    /// Whether the member has all that it is to have.
    pub(super) fn has_all(&self) -> bool {
        self.target.held().iter().all(|held| self.owned.has(held))
    }

    /// Whether there is something to give back or to take up, or nothing left to do. What cannot be taken up yet is waited for: names that
    /// are missing, and a coordinator that has heard that the member does not have something, to say whether it is still to have it.
    fn can_reconcile(&self) -> bool {
        let gives = self.owned.held().iter().any(|held| !self.target.has(held));
        let takes = self.target.held().iter().any(|held| !self.owned.has(held) && self.ids.find(held.topic).is_some());
        gives || (takes && !self.has_disclaimed) || self.has_all()
    }

    fn reconcile(&mut self) {
        let Self { owned, target, moving, ids, .. } = self;
        // The sets have the same capacity.
        let _ = moving.copy(owned, |held| !target.has(held));
        if !moving.is_empty() {
            self.telling = Telling::Revoked;
            return;
        }
        let _ = moving.copy(target, |held| !owned.has(held) && ids.find(held.topic).is_some());
        if !moving.is_empty() {
            // From here on the application may look at any time, so a heartbeat must not say that the member does not have it. All that is
            // owned is part of the target, which has the same capacity.
            let _ = owned.unite(moving);
            self.telling = Telling::Assigned;
            return;
        }
        // There it is: the coordinator is told what the member has, even if that is what it had.
        self.reconciles = false;
        self.says_owned = true;
    }

    /// What the application was not yet told that it got, it does not get.
    pub(super) fn take_back_untold(&mut self) {
        if self.telling == Telling::Assigned {
            self.owned.subtract(&self.moving);
            self.telling = Telling::Nothing;
        }
    }

    /// Forgets the names of topics that nothing is held of and nobody subscribes to.
    pub(super) fn forget_names(&mut self) {
        let Self { names, ids, topics, owned, target, moving, .. } = self;
        ids.retain(|id| owned.has_topic(id) || target.has_topic(id) || moving.has_topic(id));
        names.retain(|text| topics.contains(&text) || ids.has_name(text));
    }

    /// One who holds nothing wants to be a member.
    pub(super) fn enter(&mut self) {
        self.epoch = MemberEpoch::JOINS;
        self.says_all = true;
        self.says_owned = false;
        self.stage = Stage::Joining;
    }

    /// Asks the application for everything it has.
    pub(super) fn give_all_back(&mut self) {
        self.take_back_untold();
        self.telling.give_all_back(&self.owned, &mut self.moving);
    }

    /// Everything the application has is lost.
    pub(super) fn lose_all(&mut self) {
        self.take_back_untold();
        self.target.clear();
        self.reconciles = false;
        self.names_asked = None;
        self.telling.lose_all(&mut self.owned, &mut self.moving);
    }

    /// The group has gone on without the member: what it has may be somebody else's.
    pub(super) fn fenced(&mut self) {
        self.lose_all();
        match self.stage {
            // There is nothing to leave any more.
            Stage::Parting | Stage::Departing(_) => {
                if self.stage == Stage::Parting {
                    self.stage = Stage::Departing(After::Outside);
                }
                self.departed();
            }
            Stage::Joining | Stage::Member => self.enter(),
            Stage::Outside | Stage::Stale | Stage::Failed(_) => {}
        }
    }

    /// Gives up on its own account, and tells the group.
    pub(super) fn fail_and_leave(&mut self, failure: Failure) {
        self.lose_all();
        self.departure = Departure::ForGood;
        self.depart(After::Failed(failure));
    }

    /// Leaves, and tells the group if it may know the member. Source: `ConsumerHeartbeatRequestManager.shouldSendLeaveHeartbeatNow`.
    pub(super) fn depart(&mut self, after: After) {
        // Whoever leaves does not wait for an answer first.
        self.contact.abandon();
        self.stage = Stage::Departing(after);
        let is_silent = self.departure == Departure::Silently && self.instance_id.is_none();
        if !self.is_known || is_silent {
            self.departed();
        }
    }

    pub(super) fn forget_membership(&mut self) {
        self.epoch = MemberEpoch::JOINS;
        self.is_known = false;
        self.target.clear();
        self.reconciles = false;
        self.names_asked = None;
    }

    /// The member has left.
    pub(super) fn departed(&mut self) {
        self.forget_membership();
        match self.stage {
            Stage::Departing(After::Stale) => self.stage = Stage::Stale,
            Stage::Departing(After::Failed(failure)) => self.fail(failure),
            // What it was told meanwhile.
            Stage::Departing(After::Outside) if self.is_subscribed() => self.enter(),
            Stage::Departing(After::Outside) => self.stage = Stage::Outside,
            Stage::Outside | Stage::Joining | Stage::Member | Stage::Parting | Stage::Stale | Stage::Failed(_) => {}
        }
    }
}
