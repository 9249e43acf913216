//! Coming into a seat and out of it: what is given back first, what is lost, what is taken up.

use crate::bounded::bytes::Text;
use crate::ids::{GenerationId, PartitionIndex};
use crate::member::assignor::assignor::Assignor;
use crate::member::consumer_protocol::assignment;
use crate::member::error::Failure;
use crate::member::standing::{After, Departure};
use crate::member::telling::Telling;

use super::member::ClassicMember;
use super::state::Stage;

impl ClassicMember<'_> {
    /// One who holds nothing wants a seat.
    pub(super) fn enter(&mut self, reason: &'static str) {
        self.reason = reason;
        self.rejoins = None;
        self.stage = Stage::Joining;
    }

    /// Joins again, when what must not be kept meanwhile is given back: for eager members everything, for cooperative ones what they do
    /// not subscribe to any more. Source: `ConsumerCoordinator.onJoinPrepare`.
    pub(super) fn begin_join(&mut self, reason: &'static str) {
        self.enter(reason);
        self.clear_seats();
        let keeps = self.is_cooperative();
        let topics = &self.topics;
        // The sets have the same capacity.
        let _ = self.moving.copy(&self.owned, |held| !keeps || !topics.contains(&held.topic));
        if !self.moving.is_empty() {
            self.telling = Telling::Revoked;
            self.stage = Stage::GivingBack;
        }
    }

    /// Goes on where nothing is waited for any more.
    pub(super) fn advance(&mut self) {
        while self.can_advance() {
            match (self.stage, self.rejoins) {
                (Stage::GivingBack, _) => self.stage = Stage::Joining,
                (Stage::Settling, _) => {
                    self.rejoins = self.rejoins.or(Some("what others are to have was given back"));
                    self.take_up();
                }
                (Stage::Seated, Some(reason)) => self.begin_join(reason),
                (Stage::Parting, _) if self.is_announced() => self.stage = Stage::Departing(After::Outside),
                (Stage::Parting, _) => {
                    self.stage = Stage::Departing(After::Outside);
                    self.departed();
                }
                _ => self.departed(),
            }
        }
    }

    pub(super) fn can_advance(&self) -> bool {
        match self.stage {
            Stage::GivingBack | Stage::Settling | Stage::Parting => self.telling == Telling::Nothing,
            Stage::Seated => self.telling == Telling::Nothing && self.rejoins.is_some(),
            // It says so to the coordinator that it knows, or to none.
            Stage::Departing(_) => !self.contact.is_found,
            Stage::Outside | Stage::Joining | Stage::Leading | Stage::Syncing | Stage::Stale | Stage::Failed(_) => false,
        }
    }

    /// Gives back what the leader has not given again, before it takes up what is new. Source: `ConsumerCoordinator.onJoinComplete`.
    pub(super) fn settle(&mut self) {
        let target = &self.target;
        let _ = self.moving.copy(&self.owned, |held| !target.has(held));
        if self.moving.is_empty() {
            self.take_up();
        } else {
            self.telling = Telling::Revoked;
            self.stage = Stage::Settling;
        }
    }

    fn take_up(&mut self) {
        let owned = &self.owned;
        let _ = self.moving.copy(&self.target, |held| !owned.has(held));
        self.telling = if self.moving.is_empty() { Telling::Nothing } else { Telling::Assigned };
        self.stage = Stage::Seated;
    }

    /// Reads what the leader gave. What the member does not subscribe to is passed over; it joins again, for the group to know: so does a
    /// static member that comes back with another subscription, and gets what it had. Source: `checkAssignmentMatchedSubscription`.
    pub(super) fn take_assignment(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.target.clear();
        if !bytes.is_empty() {
            let read = assignment(bytes).map_err(Failure::Assignment)?;
            for topic in read.assigned_partitions {
                let Some(text) = self.names.find(topic.topic).filter(|text| self.topics.contains(text)) else {
                    self.rejoins = self.rejoins.or(Some("the assignment has a topic that the member does not subscribe to"));
                    continue;
                };
                let indexes = topic.partitions.iter().filter(|index| *index >= 0);
                indexes.map(PartitionIndex).try_for_each(|index| self.target.add(text, index))?;
            }
            self.target.sort();
        }
        if self.offers(Assignor::Sticky) {
            self.previous.copy(&self.target, |_| true)?;
            self.previous_generation = self.generation;
        }
        self.forget_names();
        Ok(())
    }

    /// Forgets the names that nothing is held of and nobody subscribes to.
    pub(super) fn forget_names(&mut self) {
        let Self { names, topics, watched, owned, target, moving, previous, .. } = self;
        let sets = [owned, target, moving, previous];
        let is_held = |text: Text| sets.iter().any(|set| set.has_topic(text));
        names.retain(|text| topics.contains(&text) || watched.contains(&text) || is_held(text));
    }

    /// Everything the application has is lost.
    pub(super) fn lose_all(&mut self) {
        self.clear_seats();
        self.leads = false;
        self.rejoins = None;
        self.telling.lose_all(&mut self.owned, &mut self.moving);
    }

    /// The member is in no generation any more.
    fn forget_seat(&mut self, forgets_id: bool) {
        self.generation = GenerationId(-1);
        self.assignor = None;
        if forgets_id {
            self.names.texts.release(self.member_id);
            self.member_id = Text::EMPTY;
        }
    }

    /// The group has gone on without the member: what it has may be somebody else's.
    pub(super) fn fenced(&mut self, forgets_id: bool, reason: &'static str) {
        self.lose_all();
        self.forget_seat(forgets_id);
        match self.stage {
            // There is nothing to leave any more.
            Stage::Parting | Stage::Departing(_) => {
                if self.stage == Stage::Parting {
                    self.stage = Stage::Departing(After::Outside);
                }
                self.departed();
            }
            Stage::Joining | Stage::Leading | Stage::Syncing | Stage::Settling | Stage::Seated | Stage::GivingBack => self.enter(reason),
            Stage::Outside | Stage::Stale | Stage::Failed(_) => {}
        }
    }

    /// Gives up.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.lose_all();
        self.forget_seat(true);
        self.contact.abandon();
        self.stage = Stage::Failed(failure);
        self.failed_untold = true;
    }

    /// Gives up on its own account, and tells the group.
    pub(super) fn fail_and_leave(&mut self, failure: Failure) {
        self.lose_all();
        self.reason = "the member has failed";
        self.departure = Departure::ForGood;
        self.stage = Stage::Departing(After::Failed(failure));
    }

    /// Whether the group is told that the member leaves. Source: `AbstractCoordinator.maybeLeaveGroup`.
    pub(super) fn is_announced(&self) -> bool {
        let is_known = match (self.departure, self.instance_id) {
            (Departure::Silently, _) | (Departure::AsMember, Some(_)) => false,
            (Departure::ForGood, Some(_)) => true,
            (Departure::AsMember | Departure::ForGood, None) => self.member_id != Text::EMPTY,
        };
        is_known && self.contact.is_found
    }

    /// The member has left.
    pub(super) fn departed(&mut self) {
        self.forget_seat(true);
        match self.stage {
            Stage::Departing(After::Stale) => self.stage = Stage::Stale,
            Stage::Departing(After::Failed(failure)) => self.fail(failure),
            // What it was told meanwhile.
            Stage::Departing(After::Outside) if self.topics.is_empty() => self.stage = Stage::Outside,
            Stage::Departing(After::Outside) => self.enter("a consumer subscribes"),
            Stage::Outside
            | Stage::Joining
            | Stage::Leading
            | Stage::Syncing
            | Stage::Settling
            | Stage::Seated
            | Stage::GivingBack
            | Stage::Parting
            | Stage::Stale
            | Stage::Failed(_) => {}
        }
    }

    /// What a leader knew of its group is of no use any more.
    pub(super) fn clear_seats(&mut self) {
        for at in 0..self.seats.len() {
            let Some(seat) = self.seats.get(at) else { continue };
            let texts = [seat.member_id, seat.instance_id.unwrap_or(Text::EMPTY), seat.metadata];
            texts.into_iter().for_each(|text| self.names.texts.release(text));
        }
        self.seats.clear();
        self.given.clear();
        self.metadata_asked = None;
    }
}
