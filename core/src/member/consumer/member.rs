//! The machine: what it is told, what it asks, and when.

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::list::List;
use crate::ids::{MemberEpoch, TopicId};
use crate::member::contact::{Contact, RequestId};
use crate::member::error::{Failure, MemberError};
use crate::member::names::{Ids, Names};
use crate::member::partitions::{PartitionSet, Partitions, TopicNames};
use crate::member::standing::{After, Departure, Standing};
use crate::member::telling::Telling;
use crate::time::{Instant, Millis};

use super::memory::{ConsumerConfig, ConsumerMemory, Identity};
use super::request::{Asked, ConsumerGroupHeartbeat, Event, Request, TopicIds};
use super::state::{Kind, Stage};

/// A member of a consumer group, as a value: told what happens, it says what to do.
///
/// After each call that tells it something, [`Self::poll_request`] and [`Self::poll_event`] are called until both have nothing; and
/// again when the time of [`Self::poll_timeout`] has come. One request is under way to the coordinator at a time, and beside it one for
/// names of topics. Each ends with [`Self::on_reply`] or [`Self::on_lost`]; one that ends with neither is waited for for ever.
/// Bounds: its memory. What does not fit is a [`Failure::Full`], and the member leaves.
#[derive(Debug)]
pub struct ConsumerMember<'m> {
    config: ConsumerConfig,
    group_id: Text,
    member_id: Text,
    pub(super) instance_id: Option<Text>,
    rack_id: Option<Text>,
    assignor: Option<Text>,
    pub(super) names: Names<'m>,
    pub(super) ids: Ids<'m>,
    /// What the member subscribes to by name, in Java's order of strings.
    pub(super) topics: List<'m, Text>,
    /// What it subscribes to by pattern.
    pub(super) pattern: Option<Text>,
    pub(super) stage: Stage,
    pub(super) telling: Telling,
    /// Whether it has given up and the application does not know.
    pub(super) failed_untold: bool,
    /// What the coordinator refused and the application does not know.
    pub(super) refused_untold: Option<MemberError>,
    pub(super) contact: Contact<Kind>,
    /// The request for names under way.
    pub(super) names_asked: Option<RequestId>,
    /// When names are asked for again.
    pub(super) names_due: Instant,
    pub(super) epoch: MemberEpoch,
    /// Whether the coordinator may know the member.
    pub(super) is_known: bool,
    /// Whether the next heartbeat says everything, since nobody knows what the coordinator has heard.
    pub(super) says_all: bool,
    /// Whether the coordinator may know a pattern, which has to be taken back when there is none any more.
    said_pattern: bool,
    /// Whether the next one says what the member subscribes to.
    says_subscription: bool,
    /// Whether the next one says what the member has.
    pub(super) says_owned: bool,
    /// What the application has: what it is yet to be told that it got, and what it has yet to give back, included.
    pub(super) owned: PartitionSet<'m, TopicId>,
    /// Whether the coordinator may have heard that the member does not have something that it was to have, and nobody knows what it made
    /// of that: somebody else may have it by now.
    pub(super) has_disclaimed: bool,
    /// What the coordinator said last that the member is to have.
    pub(super) target: PartitionSet<'m, TopicId>,
    /// Whether the member is on its way there.
    pub(super) reconciles: bool,
    /// What the application is told about.
    pub(super) moving: PartitionSet<'m, TopicId>,
    pub(super) departure: Departure,
    pub(super) heartbeat_interval: Millis,
    pub(super) heartbeat_due: Instant,
    polled: Instant,
}

impl<'m> ConsumerMember<'m> {
    /// One who has not subscribed yet.
    ///
    /// # Errors
    /// [`Full`] when the texts do not hold who it is.
    /// # Panics
    /// When it has no member id, or the sets of partitions have different capacities.
    pub fn new(identity: Identity<'_>, config: ConsumerConfig, memory: ConsumerMemory<'m>) -> Result<Self, Full> {
        assert!(!identity.member_id.is_empty(), "a member of a consumer group names itself");
        let mut names = Names::new(memory.texts, memory.names);
        let mut text = |text: &str| names.texts.store(text.as_bytes());
        let group_id = text(identity.group_id)?;
        let member_id = text(identity.member_id)?;
        let instance_id = identity.group_instance_id.map(&mut text).transpose()?;
        let rack_id = identity.rack_id.map(&mut text).transpose()?;
        let assignor = identity.assignor.map(&mut text).transpose()?;
        let mut member = Self {
            config,
            group_id,
            member_id,
            instance_id,
            rack_id,
            assignor,
            names,
            ids: Ids::new(memory.ids),
            topics: memory.topics,
            pattern: None,
            stage: Stage::Outside,
            telling: Telling::Nothing,
            failed_untold: false,
            refused_untold: None,
            contact: Contact::new(config.retry, identity.seed),
            names_asked: None,
            names_due: Instant::ZERO,
            epoch: MemberEpoch::JOINS,
            is_known: false,
            says_all: true,
            // An earlier life of a static member may have had one, and what is not said stays.
            said_pattern: instance_id.is_some(),
            says_subscription: false,
            says_owned: false,
            has_disclaimed: false,
            owned: PartitionSet::new(memory.owned),
            target: PartitionSet::new(memory.target),
            reconciles: false,
            moving: PartitionSet::new(memory.moving),
            departure: Departure::AsMember,
            heartbeat_interval: Millis::ZERO,
            heartbeat_due: Instant::ZERO,
            polled: Instant::ZERO,
        };
        let capacity = member.owned.capacity();
        assert!(member.target.capacity() == capacity && member.moving.capacity() == capacity, "sets have the same capacity");
        member.topics.clear();
        Ok(member)
    }

    /// Where the member stands.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        match (self.stage, self.telling) {
            (Stage::Outside | Stage::Failed(_), _) => Standing::Outside,
            (Stage::Stale, _) => Standing::Stale,
            (Stage::Member, Telling::Nothing) if !self.reconciles => Standing::Seated,
            (Stage::Joining | Stage::Member, _) => Standing::Rebalancing,
            (Stage::Parting | Stage::Departing(_), _) => Standing::Leaving,
        }
    }

    /// Its id in the group.
    #[must_use]
    pub fn member_id(&self) -> &str {
        self.names.str(self.member_id)
    }

    /// The epoch that it commits in, with [`Self::member_id`]; `None` when it is in none.
    #[must_use]
    pub fn member_epoch(&self) -> Option<MemberEpoch> {
        Some(self.epoch).filter(|epoch| epoch.0 > 0)
    }

    /// What the application has.
    #[must_use]
    pub fn owned(&self) -> Partitions<'_> {
        Partitions::by_id(&self.names, &self.ids, self.owned.held())
    }

    /// The application is alive. To be said more often than `max_poll_interval`.
    pub fn poll(&mut self, now: Instant) {
        self.polled = now;
        if self.stage == Stage::Stale {
            self.enter();
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
        self.names.keep_all(topics, &mut self.topics)?;
        self.set_pattern(None);
        self.subscribed(now);
        Ok(())
    }

    /// Wants to read the topics whose whole name a pattern matches, and no others any more. The coordinator reads it, as RE2 would.
    ///
    /// # Errors
    /// [`Full`] when it does not fit; everything is then as it was.
    pub fn subscribe_pattern(&mut self, now: Instant, pattern: &str) -> Result<(), Full> {
        let pattern = self.names.texts.store(pattern.as_bytes())?;
        self.topics.clear();
        self.set_pattern(Some(pattern));
        self.subscribed(now);
        Ok(())
    }

    fn set_pattern(&mut self, pattern: Option<Text>) {
        if let Some(before) = core::mem::replace(&mut self.pattern, pattern) {
            self.names.texts.release(before);
        }
    }

    fn subscribed(&mut self, now: Instant) {
        self.says_subscription = true;
        match self.stage {
            Stage::Outside | Stage::Failed(_) => {
                self.polled = now;
                self.failed_untold = false;
                self.enter();
            }
            // It comes back when it has left, as if it subscribed then.
            Stage::Parting | Stage::Departing(After::Outside) => self.polled = now,
            // The next heartbeat says it, or, when the application polls again, the first one.
            Stage::Joining | Stage::Member | Stage::Departing(After::Stale | After::Failed(_)) | Stage::Stale => {}
        }
    }

    pub(super) fn is_subscribed(&self) -> bool {
        !self.topics.is_empty() || self.pattern.is_some()
    }

    /// Gives everything back and leaves. The application is asked to give back first, unless it has nothing.
    pub fn leave(&mut self, departure: Departure) {
        self.departure = departure;
        self.topics.clear();
        self.set_pattern(None);
        match self.stage {
            Stage::Outside | Stage::Parting | Stage::Departing(After::Outside) => {}
            Stage::Stale | Stage::Failed(_) => {
                self.stage = Stage::Outside;
                self.failed_untold = false;
            }
            Stage::Departing(After::Stale | After::Failed(_)) => self.stage = Stage::Departing(After::Outside),
            Stage::Joining | Stage::Member => {
                self.stage = Stage::Parting;
                self.give_all_back();
            }
        }
        self.advance();
    }

    /// The application has given back what the last [`Event::Revoked`] named. Without one, nothing happens.
    pub fn revoked_done(&mut self) {
        if self.telling.given_back(&mut self.owned, &self.moving) {
            // Others may be waiting for it.
            self.says_owned = true;
            self.advance();
        }
    }

    /// What the application is to be told next.
    pub fn poll_event(&mut self) -> Option<Event<'_>> {
        self.advance();
        let event = match self.telling {
            Telling::Nothing | Telling::AwaitsRevoked if self.refused_untold.is_some() => {
                return self.refused_untold.take().map(Event::Refused);
            }
            Telling::AwaitsRevoked => return None,
            Telling::Nothing => {
                let Stage::Failed(failure) = self.stage else { return None };
                return core::mem::take(&mut self.failed_untold).then_some(Event::Failed(failure));
            }
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
                Event::Assigned
            }
        };
        Some(event(Partitions::by_id(&self.names, &self.ids, self.moving.held())))
    }

    /// The request that is to be sent now, if there is one.
    pub fn poll_request(&mut self, now: Instant) -> Option<Asked<'_>> {
        self.expire(now);
        self.advance();
        if self.names_wanted().is_some_and(|due| due <= now) {
            let id = self.contact.name();
            self.names_asked = Some(id);
            let topics = TopicIds { ids: &self.ids, held: self.target.held() };
            return Some(Asked { id, request: Request::TopicNames { topics } });
        }
        let (kind, _) = self.next().filter(|(_, due)| *due <= now)?;
        let id = self.contact.begin(kind);
        let request = match kind {
            Kind::FindCoordinator => Request::FindCoordinator { group_id: self.names.str(self.group_id) },
            Kind::Heartbeat => Request::ConsumerGroupHeartbeat(self.heartbeat(now)),
        };
        Some(Asked { id, request })
    }

    /// What the member says of itself, as far as the coordinator does not know it.
    /// Source: `ConsumerHeartbeatRequestManager.HeartbeatState`.
    fn heartbeat(&mut self, now: Instant) -> ConsumerGroupHeartbeat<'_> {
        let leaves = matches!(self.stage, Stage::Departing(_));
        let is_static = self.instance_id.is_some();
        let member_epoch = match self.departure {
            _ if !leaves => self.epoch,
            Departure::AsMember | Departure::Silently if is_static => MemberEpoch::LEAVES_FOR_A_WHILE,
            Departure::AsMember | Departure::Silently | Departure::ForGood => MemberEpoch::LEAVES,
        };
        let says_all = core::mem::take(&mut self.says_all) && !leaves;
        let says_subscription = core::mem::take(&mut self.says_subscription) && !leaves;
        let says_owned = core::mem::take(&mut self.says_owned) && !leaves;
        self.has_disclaimed |= (says_all || says_owned) && !self.has_all();
        self.is_known = true;
        self.heartbeat_due = now.after(self.heartbeat_interval);
        self.said_pattern |= self.pattern.is_some();
        let text = |text: Option<Text>| text.map(|text| self.names.str(text));
        let pattern = text(self.pattern).or(self.said_pattern.then_some(""));
        ConsumerGroupHeartbeat {
            group_id: self.names.str(self.group_id),
            member_id: self.names.str(self.member_id),
            member_epoch,
            instance_id: text(self.instance_id),
            rack_id: text(self.rack_id).filter(|_| says_all),
            rebalance_timeout: Some(self.config.max_poll_interval).filter(|_| says_all),
            subscribed_topic_names: (says_all || says_subscription).then(|| TopicNames::new(&self.names, &self.topics)),
            subscribed_topic_regex: pattern.filter(|_| says_all || says_subscription),
            server_assignor: text(self.assignor).filter(|_| says_all),
            topic_partitions: (says_all || says_owned).then(|| Partitions::by_id(&self.names, &self.ids, self.owned.held())),
        }
    }

    /// What the member wants from its coordinator next, and when.
    fn next(&self) -> Option<(Kind, Instant)> {
        let is_urgent = self.says_subscription || self.says_owned;
        let due = match self.stage {
            Stage::Outside | Stage::Stale | Stage::Failed(_) => return None,
            // The application first has to look at what it lost.
            Stage::Joining if self.telling != Telling::Nothing => return None,
            Stage::Parting if self.epoch.0 <= 0 => return None,
            Stage::Joining | Stage::Departing(_) => Instant::ZERO,
            Stage::Member | Stage::Parting => {
                if is_urgent {
                    Instant::ZERO
                } else {
                    self.heartbeat_due
                }
            }
        };
        let due = due.max(self.contact.free_from()?);
        Some((if self.contact.is_found { Kind::Heartbeat } else { Kind::FindCoordinator }, due))
    }

    /// When names are to be asked for, if any are missing.
    fn names_wanted(&self) -> Option<Instant> {
        let wants = self.stage == Stage::Member && self.reconciles && self.names_asked.is_none();
        let topics = TopicIds { ids: &self.ids, held: self.target.held() };
        (wants && topics.iter().next().is_some()).then_some(self.names_due)
    }

    /// Until when the application must have polled.
    fn patience_end(&self) -> Option<Instant> {
        match self.stage {
            Stage::Joining | Stage::Member => Some(self.polled.after(self.config.max_poll_interval)),
            Stage::Outside | Stage::Parting | Stage::Departing(_) | Stage::Stale | Stage::Failed(_) => None,
        }
    }

    /// When [`Self::poll_request`] is to be called again; `None` when nothing is waited for but replies and the application.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.can_advance() {
            return Some(Instant::ZERO);
        }
        [self.next().map(|(_, due)| due), self.names_wanted(), self.patience_end()].into_iter().flatten().min()
    }

    fn expire(&mut self, now: Instant) {
        if self.patience_end().is_some_and(|end| end <= now) {
            self.lose_all();
            self.departure = Departure::AsMember;
            self.depart(After::Stale);
        }
    }

    /// Gives up.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.lose_all();
        self.contact.abandon();
        self.forget_membership();
        self.stage = Stage::Failed(failure);
        self.failed_untold = true;
    }
}
