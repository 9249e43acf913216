//! The machine: what it is told, what it asks, and when.

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::list::List;
use crate::ids::GenerationId;
use crate::member::assignor::assignor::Assignor;
use crate::member::contact::{Contact, RequestId};
use crate::member::error::Failure;
use crate::member::names::Names;
use crate::member::partitions::{PartitionSet, Partitions, TopicNames};
use crate::member::standing::{After, Departure, Standing};
use crate::member::telling::Telling;
use crate::time::Instant;

use super::lead::Seat;
use super::memory::{ClassicConfig, ClassicMemory, Identity};
use super::request::{Asked, Assignments, Caller, Event, Heartbeat, JoinGroup, LeaveGroup, Protocols, Request, SyncGroup};
use super::state::{Kind, Stage};

/// What kind of group this is.
pub(super) const PROTOCOL_TYPE: &str = "consumer";

/// A member of a classic group, as a value: told what happens, it says what to do.
///
/// After each call that tells it something, [`Self::poll_request`] and [`Self::poll_event`] are called until both have nothing; and
/// again when the time of [`Self::poll_timeout`] has come. One request is under way to the coordinator at a time, and beside it one for
/// metadata. Each ends with [`Self::on_reply`] or [`Self::on_lost`]; one that ends with neither is waited for for ever.
/// Bounds: its memory. What does not fit is a [`Failure::Full`], and the member leaves.
#[derive(Debug)]
pub struct ClassicMember<'m> {
    pub(super) config: ClassicConfig,
    pub(super) group_id: Text,
    pub(super) instance_id: Option<Text>,
    pub(super) rack_id: Option<Text>,
    pub(super) assignors: heapless::Vec<Assignor, 4>,
    pub(super) names: Names<'m>,
    /// What the member subscribes to, in Java's order of strings.
    pub(super) topics: List<'m, Text>,
    pub(super) stage: Stage,
    pub(super) telling: Telling,
    /// Whether it has given up and the application does not know.
    pub(super) failed_untold: bool,
    /// Why it has to join again as soon as it is seated, if it has to.
    pub(super) rejoins: Option<&'static str>,
    /// Why it joins or leaves.
    pub(super) reason: &'static str,
    pub(super) contact: Contact<Kind>,
    /// The request for metadata under way.
    pub(super) metadata_asked: Option<RequestId>,
    /// Empty before the group has given it one.
    pub(super) member_id: Text,
    /// Negative outside of any.
    pub(super) generation: GenerationId,
    /// That of the generation.
    pub(super) assignor: Option<Assignor>,
    /// Whether this member divides the partitions of the generation.
    pub(super) leads: bool,
    /// Whether it is to leave them as they are.
    pub(super) skips: bool,
    /// For a leader: what anybody subscribes to, in Java's order of strings.
    pub(super) watched: List<'m, Text>,
    /// For a leader: how many partitions these have; empty before that is known.
    pub(super) counts: List<'m, u32>,
    pub(super) seats: List<'m, Seat>,
    /// What the application has, or has yet to give back.
    pub(super) owned: PartitionSet<'m, Text>,
    /// What the leader gave.
    pub(super) target: PartitionSet<'m, Text>,
    /// What the application is told about.
    pub(super) moving: PartitionSet<'m, Text>,
    /// What the leader gave, kept for the sticky assignor when it was given back.
    pub(super) previous: PartitionSet<'m, Text>,
    pub(super) previous_generation: GenerationId,
    pub(super) metadata: List<'m, u8>,
    pub(super) metadata_ends: heapless::Vec<usize, 4>,
    pub(super) given: List<'m, u8>,
    pub(super) departure: Departure,
    pub(super) heartbeat_due: Instant,
    pub(super) heartbeat_sent: Instant,
    /// When the group last knew for certain that the member lives.
    pub(super) heard: Instant,
    polled: Instant,
}

impl<'m> ClassicMember<'m> {
    /// One who has not subscribed yet.
    ///
    /// # Errors
    /// [`Full`] when the texts do not hold who it is.
    /// # Panics
    /// When it offers no assignor or more than there are, or the sets of partitions have different capacities.
    pub fn new(identity: Identity<'_>, config: ClassicConfig, memory: ClassicMemory<'m>) -> Result<Self, Full> {
        assert!(!identity.assignors.is_empty(), "a member offers one assignor at least");
        let assignors = heapless::Vec::from_slice(identity.assignors);
        assert!(assignors.is_ok(), "a member offers each assignor once at most");
        let mut names = Names::new(memory.texts, memory.names);
        let mut text = |text: &str| names.texts.store(text.as_bytes());
        let group_id = text(identity.group_id)?;
        let instance_id = identity.group_instance_id.map(&mut text).transpose()?;
        let rack_id = identity.rack_id.map(&mut text).transpose()?;
        let mut member = Self {
            config,
            group_id,
            instance_id,
            rack_id,
            assignors: assignors.unwrap_or_default(),
            names,
            topics: memory.topics,
            stage: Stage::Outside,
            telling: Telling::Nothing,
            failed_untold: false,
            rejoins: None,
            reason: "",
            contact: Contact::new(config.retry, identity.seed),
            metadata_asked: None,
            member_id: Text::EMPTY,
            generation: GenerationId(-1),
            assignor: None,
            leads: false,
            skips: false,
            watched: memory.watched,
            counts: memory.counts,
            seats: memory.seats,
            owned: PartitionSet::new(memory.owned),
            target: PartitionSet::new(memory.target),
            moving: PartitionSet::new(memory.moving),
            previous: PartitionSet::new(memory.previous),
            previous_generation: GenerationId(-1),
            metadata: memory.metadata,
            metadata_ends: heapless::Vec::new(),
            given: memory.given,
            departure: Departure::AsMember,
            heartbeat_due: Instant::ZERO,
            heartbeat_sent: Instant::ZERO,
            heard: Instant::ZERO,
            polled: Instant::ZERO,
        };
        let capacity = member.owned.capacity();
        assert!(member.target.capacity() == capacity && member.moving.capacity() == capacity, "sets have the same capacity");
        assert!(!member.offers(Assignor::Sticky) || member.previous.capacity() == capacity, "a sticky member remembers all that it had");
        member.topics.clear();
        member.watched.clear();
        member.counts.clear();
        member.seats.clear();
        Ok(member)
    }

    pub(super) fn offers(&self, assignor: Assignor) -> bool {
        self.assignors.contains(&assignor)
    }

    /// Whether the application goes on reading what it has while the group comes together.
    /// Source: `ConsumerCoordinator`, which takes the best that all assignors support.
    #[must_use]
    pub fn is_cooperative(&self) -> bool {
        self.assignors.iter().all(|assignor| assignor.is_cooperative())
    }

    /// Where the member stands.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        match self.stage {
            Stage::Outside | Stage::Failed(_) => Standing::Outside,
            Stage::Stale => Standing::Stale,
            Stage::Joining | Stage::Leading | Stage::Syncing | Stage::Settling | Stage::GivingBack => Standing::Rebalancing,
            Stage::Seated => match (self.rejoins, self.telling) {
                (None, Telling::Nothing) => Standing::Seated,
                (..) => Standing::Rebalancing,
            },
            Stage::Parting | Stage::Departing(_) => Standing::Leaving,
        }
    }

    /// Its id in the group; empty when it has none.
    #[must_use]
    pub fn member_id(&self) -> &str {
        self.names.str(self.member_id)
    }

    /// The generation that it commits in, with [`Self::member_id`]; `None` when it is in none.
    #[must_use]
    pub fn generation_id(&self) -> Option<GenerationId> {
        Some(self.generation).filter(|generation| generation.0 >= 0)
    }

    /// What the application has.
    #[must_use]
    pub fn owned(&self) -> Partitions<'_> {
        Partitions::named(&self.names, self.owned.held())
    }

    /// The topics whose partitions are to be looked after: for a leader those that anybody in the group subscribes to.
    pub fn watched(&self) -> impl Iterator<Item = &str> {
        self.watched.iter().map(|topic| self.names.str(*topic))
    }

    /// The application is alive. To be said more often than `max_poll_interval`.
    pub fn poll(&mut self, now: Instant) {
        self.polled = now;
        if self.stage == Stage::Stale {
            self.enter("the application polls again");
        }
    }

    /// Wants to read these topics, and no others any more; with none, leaves.
    ///
    /// # Errors
    /// [`Full`] when they do not fit; everything is then as it was.
    pub fn subscribe(&mut self, now: Instant, topics: &[&str]) -> Result<(), Full> {
        if topics.is_empty() {
            self.leave(Departure::AsMember);
            return Ok(());
        }
        self.forget_names();
        let is_same = |topic: &Text| topics.contains(&self.names.str(*topic));
        let has_changed = !self.topics.iter().all(is_same) || !topics.iter().all(|topic| self.subscribes_to(topic));
        self.names.keep_all(topics, &mut self.topics)?;
        let reason = "the subscription has changed";
        match self.stage {
            Stage::Outside | Stage::Failed(_) => {
                self.polled = now;
                self.failed_untold = false;
                self.enter("a consumer subscribes");
            }
            // What is not subscribed to any more is given back before it joins.
            Stage::Joining if self.contact.under_way() != Some(Kind::JoinGroup) && self.telling == Telling::Nothing => {
                self.begin_join(self.reason);
            }
            Stage::Joining | Stage::Leading | Stage::Syncing | Stage::Settling | Stage::Seated | Stage::GivingBack => {
                self.rejoins = self.rejoins.or(has_changed.then_some(reason));
            }
            // It comes back when it has left, as if it subscribed then.
            Stage::Parting | Stage::Departing(After::Outside) => self.polled = now,
            // It comes back when its application polls.
            Stage::Departing(After::Stale | After::Failed(_)) | Stage::Stale => {}
        }
        self.advance();
        Ok(())
    }

    fn subscribes_to(&self, name: &str) -> bool {
        self.names.find(name).is_some_and(|text| self.topics.contains(&text))
    }

    /// Calls the group together, if the member has a seat and the group is not coming together anyway.
    /// Source: KIP-568, `Consumer.enforceRebalance`.
    pub fn rejoin(&mut self, reason: &'static str) {
        match self.stage {
            Stage::Settling | Stage::Seated => {
                self.rejoins = self.rejoins.or(Some(reason));
                self.advance();
            }
            Stage::Outside
            | Stage::Joining
            | Stage::Leading
            | Stage::Syncing
            | Stage::GivingBack
            | Stage::Parting
            | Stage::Departing(_)
            | Stage::Stale
            | Stage::Failed(_) => {}
        }
    }

    /// Gives everything back and leaves. The application is asked to give back first, unless it has nothing.
    pub fn leave(&mut self, departure: Departure) {
        self.departure = departure;
        self.reason = "the consumer unsubscribes";
        self.topics.clear();
        match self.stage {
            Stage::Outside | Stage::Parting | Stage::Departing(After::Outside) => {}
            Stage::Stale | Stage::Failed(_) => {
                self.stage = Stage::Outside;
                self.failed_untold = false;
            }
            Stage::Departing(After::Stale | After::Failed(_)) => self.stage = Stage::Departing(After::Outside),
            Stage::Joining | Stage::Leading | Stage::Syncing | Stage::Settling | Stage::Seated | Stage::GivingBack => {
                // Whoever leaves does not wait until the others have come together.
                self.contact.abandon();
                self.clear_seats();
                self.stage = Stage::Parting;
                self.telling.give_all_back(&self.owned, &mut self.moving);
            }
        }
        self.advance();
    }

    /// The application has given back what the last [`Event::Revoked`] named. Without one, nothing happens.
    pub fn revoked_done(&mut self) {
        if self.telling.given_back(&mut self.owned, &self.moving) {
            self.advance();
        }
    }

    /// What the application is to be told next.
    pub fn poll_event(&mut self) -> Option<Event<'_>> {
        self.advance();
        let event = match self.telling {
            Telling::Nothing => {
                let Stage::Failed(failure) = self.stage else { return None };
                return core::mem::take(&mut self.failed_untold).then_some(Event::Failed(failure));
            }
            Telling::AwaitsRevoked => return None,
            Telling::Lost => {
                self.telling = Telling::Nothing;
                Event::Lost
            }
            Telling::Revoked => {
                self.telling = Telling::AwaitsRevoked;
                Event::Revoked
            }
            Telling::Assigned => {
                self.telling = Telling::Nothing;
                // What is owned by then is part of the target, and that has the same capacity.
                let _ = self.owned.unite(&self.moving);
                Event::Assigned
            }
        };
        Some(event(Partitions::named(&self.names, self.moving.held())))
    }

    /// The request that is to be sent now, if there is one.
    pub fn poll_request(&mut self, now: Instant) -> Option<Asked<'_>> {
        self.expire(now);
        self.advance();
        if self.metadata_due().is_some_and(|due| due <= now) {
            let id = self.contact.name();
            self.metadata_asked = Some(id);
            let topics = TopicNames::new(&self.names, &self.watched);
            return Some(Asked { id, request: Request::Metadata { topics } });
        }
        let (kind, _) = self.next().filter(|(_, due)| *due <= now)?;
        if kind == Kind::JoinGroup
            && let Err(Full) = self.write_metadata()
        {
            self.fail(Failure::Full);
            return None;
        }
        let id = self.contact.begin(kind);
        Some(Asked { id, request: self.request(kind, now) })
    }

    fn request(&mut self, kind: Kind, now: Instant) -> Request<'_> {
        match kind {
            Kind::JoinGroup => self.rejoins = None,
            Kind::Heartbeat => {
                self.heartbeat_sent = now;
                self.heartbeat_due = now.after(self.config.heartbeat_interval);
            }
            Kind::FindCoordinator | Kind::SyncGroup | Kind::LeaveGroup => {}
        }
        let caller = Caller {
            group_id: self.names.str(self.group_id),
            member_id: self.names.str(self.member_id),
            group_instance_id: self.instance_id.map(|id| self.names.str(id)),
        };
        match kind {
            Kind::FindCoordinator => Request::FindCoordinator { group_id: caller.group_id },
            Kind::JoinGroup => Request::JoinGroup(JoinGroup {
                caller,
                session_timeout: self.config.session_timeout,
                rebalance_timeout: self.config.max_poll_interval,
                protocol_type: PROTOCOL_TYPE,
                protocols: Protocols { assignors: &self.assignors, metadata: &self.metadata, ends: &self.metadata_ends },
                reason: self.reason,
            }),
            Kind::SyncGroup => Request::SyncGroup(SyncGroup {
                caller,
                generation_id: self.generation,
                protocol_type: PROTOCOL_TYPE,
                protocol_name: self.assignor.map_or("", Assignor::name),
                assignments: Assignments { names: &self.names, seats: &self.seats, bytes: &self.given },
            }),
            Kind::Heartbeat => Request::Heartbeat(Heartbeat { caller, generation_id: self.generation }),
            Kind::LeaveGroup => Request::LeaveGroup(LeaveGroup { caller, reason: self.reason }),
        }
    }

    /// What the member wants from its coordinator next, and when.
    fn next(&self) -> Option<(Kind, Instant)> {
        let (kind, due) = match self.stage {
            Stage::Outside | Stage::Stale | Stage::Failed(_) => return None,
            // The application first has to look at what it lost.
            Stage::Joining if self.telling != Telling::Nothing => return None,
            Stage::Joining => (Kind::JoinGroup, Instant::ZERO),
            Stage::Syncing => (Kind::SyncGroup, Instant::ZERO),
            Stage::Parting if self.generation.0 < 0 => return None,
            Stage::Leading | Stage::Settling | Stage::Seated | Stage::GivingBack | Stage::Parting => (Kind::Heartbeat, self.heartbeat_due),
            Stage::Departing(_) => (Kind::LeaveGroup, Instant::ZERO),
        };
        let due = due.max(self.contact.free_from()?);
        Some((if self.contact.is_found { kind } else { Kind::FindCoordinator }, due))
    }

    fn metadata_due(&self) -> Option<Instant> {
        let is_due = self.stage == Stage::Leading && self.metadata_asked.is_none();
        is_due.then_some(self.contact.not_before)
    }

    /// Until when the group must have heard the member. While it waits for the group to come together, the group waits for it, too.
    fn session_end(&self) -> Option<Instant> {
        let is_parked = matches!(self.contact.under_way(), Some(Kind::JoinGroup | Kind::SyncGroup));
        let is_in = match self.stage {
            Stage::Joining | Stage::Leading | Stage::Syncing | Stage::Settling | Stage::Seated | Stage::GivingBack | Stage::Parting => true,
            Stage::Outside | Stage::Departing(_) | Stage::Stale | Stage::Failed(_) => false,
        };
        (is_in && !is_parked && self.generation.0 >= 0).then(|| self.heard.after(self.config.session_timeout))
    }

    /// Until when the application must have polled.
    fn patience_end(&self) -> Option<Instant> {
        let is_in = match self.stage {
            Stage::Joining | Stage::Leading | Stage::Syncing | Stage::Settling | Stage::Seated | Stage::GivingBack => true,
            Stage::Outside | Stage::Parting | Stage::Departing(_) | Stage::Stale | Stage::Failed(_) => false,
        };
        is_in.then(|| self.polled.after(self.config.max_poll_interval))
    }

    /// When [`Self::poll_request`] is to be called again; `None` when nothing is waited for but replies and the application.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.can_advance() {
            return Some(Instant::ZERO);
        }
        let next = self.next().map(|(_, due)| due);
        [next, self.metadata_due(), self.session_end(), self.patience_end()].into_iter().flatten().min()
    }

    fn expire(&mut self, now: Instant) {
        if self.session_end().is_some_and(|end| end <= now) {
            // The coordinator may be alive and unreachable: another one is looked for.
            self.contact.abandon();
            self.contact.is_found = false;
            self.fenced(false, "the session has passed without an answer");
        }
        // Who comes back by that may have waited for too long already.
        if self.patience_end().is_some_and(|end| end <= now) {
            self.reason = "the application did not poll in time";
            self.lose_all();
            self.contact.abandon();
            self.stage = Stage::Departing(After::Stale);
            self.departure = Departure::AsMember;
            if !self.is_announced() {
                self.departed();
            }
        }
    }
}
