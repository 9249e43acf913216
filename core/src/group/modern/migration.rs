//! From a classic group to a consumer group and back, while its members go on reading.
//!
//! ```text
//!                 a member that speaks the consumer protocol joins
//!   classic ─────────────────────────────────────────────────────────► consumer, with members of both protocols
//!      ▲                                                                                   │
//!      └───────────────────────────────────────────────────────────────────────────────────┘
//!                 the last member that speaks the consumer protocol leaves
//! ```
//! Either way everything is written in one go, and a group without members needs none of it: it is forgotten and made anew, and its offsets
//! stay. Source: KIP-848, `convertToConsumerGroup`, `convertToClassicGroup`.

use core::ops::Range;

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::chain::{Chain, Links};
use crate::bounded::slab::Slot;
use crate::group::answer::Answer;
use crate::group::classic::Spoken;
use crate::group::classic::state::{Member, Offered, ProtocolEntry, State, Waiting};
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::group::record::{GroupRecord, ImageMember, ImageMembers};
use crate::ids::{GenerationId, MemberEpoch, PartitionIndex};
use crate::machine::When;
use crate::member::consumer_protocol;
use crate::time::{Instant, Moment};
use crate::wire::writer::Writer;

use super::classic_members::{CONSUMER, classic_seat, put_assignment};
use super::names::{self, Names};
use super::offers::{self, Offers, StoredClassic};
use super::partitions::{self, Held, Partitions};
use super::presence::Presence;
use super::record::{ConsumerRecord, Current, GroupEpoch, Says, StoredNames, StoredPartitions, TargetMade};
use super::state::{GroupKind, MemberState};
use super::topics::Topics;

/// Members on their way out, or on their way to another protocol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    pub(super) members: usize,
    /// How many of them speak the classic protocol.
    pub(super) classics: usize,
}

/// What a classic member says and has, laid out in the scratch for bytes.
struct Laid {
    names: Range<usize>,
    offers: Range<usize>,
    assigned: Range<usize>,
    /// What it said that it reads, and was not given again.
    revoking: Range<usize>,
}

/// Up.
impl<'m> Coordinator<'m> {
    /// Writes down a classic group that has members as a consumer group, in the epoch of its generation. Whoever waits in a call is sent
    /// to join again.
    ///
    /// # Errors
    /// [`GroupError::GroupNotFound`] when it may not, or cannot: it is a group of other things than consumers, or its members were given
    /// more than partitions by an assignor of their own.
    pub(super) fn upgrade(&mut self, group: Slot, said: &Presence<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), GroupError> {
        let cannot = GroupError::GroupNotFound;
        let Some(entry) = self.groups.get(group) else { return Err(cannot) };
        let size = entry.members.len();
        let is_of_consumers = entry.protocol_type.is_some_and(|text| self.texts.str(text) == CONSUMER);
        if !self.config.consumer_migration.is_upgrade_enabled() || !is_of_consumers || size > self.config.consumer_size_max {
            return Err(cannot);
        }
        if size == self.config.consumer_size_max && self.find_member(group, said.caller.member_id).is_none() {
            return Err(GroupError::GroupFull);
        }
        let (epoch, chosen) = (MemberEpoch(entry.generation_id.0), entry.protocol);
        // Before its first generation the group has no protocol yet: then it is what it would choose.
        let voted = if chosen.is_some() { None } else { self.vote(group).and_then(|winner| self.offered.get(winner)) };
        let protocol = chosen.or(voted.map(|offered| offered.name)).ok_or(cannot)?;
        let metadata_hash = self.hash_of_classic(group, protocol, said.topics)?;
        self.check_room_to_upgrade(group, protocol, epoch, said.topics)?;

        let group_id = said.caller.group_id;
        let full = |Full| GroupError::GroupFull;
        self.record(&GroupRecord::GroupDeleted { group: group_id }, fx).map_err(full)?;
        self.for_each_classic(group, |this, slot| {
            let laid = this.lay_out(slot, protocol, epoch, said.topics)?;
            let Some(member) = this.members.get(slot) else { return Ok(()) };
            let says = this.says_of_classic(member, protocol, &laid)?;
            let record = ConsumerRecord::Member { member_id: this.texts.str(member.id), says: Some(says) };
            this.record_consumer(group_id, record, fx)
        })?;
        self.record_consumer(group_id, ConsumerRecord::Group(Some(GroupEpoch { epoch, metadata_hash })), fx)?;
        self.for_each_classic(group, |this, slot| {
            let laid = this.lay_out(slot, protocol, epoch, said.topics)?;
            let partitions = Some(StoredPartitions::Known(this.laid_partitions(&laid)));
            let member_id = this.members.get(slot).map_or("", |member| this.texts.str(member.id));
            this.record_consumer(group_id, ConsumerRecord::Target { member_id, partitions }, fx)
        })?;
        self.record_consumer(group_id, ConsumerRecord::TargetMade(Some(TargetMade { epoch, at: None })), fx)?;
        self.for_each_classic(group, |this, slot| {
            let laid = this.lay_out(slot, protocol, epoch, said.topics)?;
            let revoking = this.laid_revoking(&laid);
            let state = if revoking.is_empty() { MemberState::Stable } else { MemberState::UnrevokedPartitions };
            let [assigned, revoking] = [this.laid_partitions(&laid), revoking].map(StoredPartitions::Known);
            let current = Current { epoch, previous: epoch, state, assigned, revoking };
            let member_id = this.members.get(slot).map_or("", |member| this.texts.str(member.id));
            this.record_consumer(group_id, ConsumerRecord::Current { member_id, current: Some(current) }, fx)
        })?;
        // Only now, when nothing can be refused any more.
        self.for_each_classic(group, |this, slot| {
            this.answer_waiting(slot, GroupError::RebalanceInProgress, fx);
            Ok(())
        })
    }

    fn for_each_classic(&mut self, group: Slot, mut each: impl FnMut(&mut Self, Slot) -> Result<(), GroupError>) -> Result<(), GroupError> {
        let mut slot = self.groups.get(group).map_or(Slot::NONE, |group| group.members.first());
        while slot.is_some() {
            let next = Chain::next(&self.members, slot);
            each(self, slot)?;
            slot = next;
        }
        Ok(())
    }

    /// The hash of the topics that the members of a classic group subscribe to.
    fn hash_of_classic(&mut self, group: Slot, protocol: Text, topics: &dyn Topics) -> Result<i64, GroupError> {
        self.modern.matched.clear();
        let mut slot = self.groups.get(group).map_or(Slot::NONE, |group| group.members.first());
        let mut last: Option<Slot> = None;
        while let Some(member) = self.members.get(slot) {
            let spoken = Spoken { texts: &self.texts, offered: &self.offered, protocols: &self.protocols };
            let metadata = spoken.under(member, self.texts.str(protocol));
            let before = last.and_then(|last| self.members.get(last)).map(|member| spoken.under(member, self.texts.str(protocol)));
            // Mostly all subscribe to the same.
            if before != Some(metadata) {
                let subscription = consumer_protocol::subscription(metadata).map_err(|_| GroupError::GroupNotFound)?;
                for name in subscription.topics {
                    names::push(name, &mut self.modern.matched).map_err(|Full| GroupError::GroupFull)?;
                }
            }
            last = Some(slot);
            slot = member.links.next_slot();
        }
        let modern = &mut self.modern;
        modern.bytes.clear();
        let range = names::sorted(Names::of(&modern.matched).iter(), &mut modern.bytes, &mut modern.places);
        let range = range.map_err(|Full| GroupError::GroupFull)?;
        let names = Names::of(modern.bytes.get(range).unwrap_or_default());
        Ok(names.iter().fold(0i64, |sum, name| sum.wrapping_add(topics.hash_of(name))))
    }

    /// Whether everybody finds room in a consumer group. Belief cannot fail, so this errs on the safe side.
    fn check_room_to_upgrade(&mut self, group: Slot, protocol: Text, epoch: MemberEpoch, topics: &dyn Topics) -> Result<(), GroupError> {
        let (mut size, mut names, mut partitions, mut count) = (0, 0, 0, 0);
        self.for_each_classic(group, |this, slot| {
            let laid = this.lay_out(slot, protocol, epoch, topics)?;
            let Some(member) = this.members.get(slot) else { return Ok(()) };
            let own = [member.id, member.client_id, member.client_host, member.instance.unwrap_or(Text::EMPTY)];
            size += own.iter().map(|text| this.texts.bytes(*text).len()).sum::<usize>();
            size += laid.offers.len() + laid.names.len() * 2 + laid.assigned.len() * 2 + laid.revoking.len() + 256;
            names += this.laid_names(&laid).iter().count();
            partitions += this.laid_partitions(&laid).iter().count() + this.laid_revoking(&laid).iter().count();
            count += 1;
            Ok(())
        })?;
        let modern = &self.modern;
        let has_room = modern.members.capacity() - modern.members.len() >= count
            && modern.instances.capacity() - modern.instances.len() >= count
            && modern.topics.capacity() - modern.topics.len() >= names
            && modern.holdings.capacity() - modern.holdings.len() >= partitions
            && !modern.groups.is_full()
            && self.texts.has_room_for(size, count * 12 + names);
        if has_room { Ok(()) } else { Err(GroupError::GroupFull) }
    }

    /// Lays out in the scratch what a classic member says and has.
    ///
    /// A cooperative member reads what it owned when it joined until it has given it back and joined again: also what the leader did not give
    /// it any more, or would have given it, had the round come to its end. Nobody else may have that before. Kafka forgets it
    /// (`ConsumerGroup.fromClassicGroup` looks at the assignment alone), so that two members read the same.
    fn lay_out(&mut self, slot: Slot, protocol: Text, epoch: MemberEpoch, topics: &dyn Topics) -> Result<Laid, GroupError> {
        let cannot = GroupError::GroupNotFound;
        let full = |Full| GroupError::GroupFull;
        let modern = &mut self.modern;
        let Some(member) = self.members.get(slot) else { return Err(cannot) };
        let spoken = Spoken { texts: &self.texts, offered: &self.offered, protocols: &self.protocols };
        let metadata = spoken.under(member, self.texts.str(protocol));
        let subscription = consumer_protocol::subscription(metadata).map_err(|_| cannot)?;
        modern.bytes.clear();
        let names = names::sorted(subscription.topics.iter(), &mut modern.bytes, &mut modern.places).map_err(full)?;
        let offers = offers::put(spoken.all(member), &mut modern.bytes).map_err(full)?;
        modern.held.clear();
        let given = self.texts.bytes(member.assignment);
        // One that has just come was given nothing yet.
        if !given.is_empty() {
            let given = consumer_protocol::assignment(given).map_err(|_| cannot)?;
            if given.user_data.is_some_and(|data| !data.is_empty()) {
                return Err(cannot);
            }
            for topic in given.assigned_partitions {
                let Some(shape) = topics.find(topic.topic) else { continue };
                for partition in topic.partitions {
                    let held = Held { topic: shape.id, partition: PartitionIndex(partition), since: epoch };
                    modern.held.push(held).map_err(full)?;
                }
            }
        }
        let assigned = partitions::sorted(&mut modern.held, &mut modern.bytes).map_err(full)?;
        let (members, texts) = (&self.members, &self.texts);
        let spoken = |at| members.get(at).map(|other| spoken.under(other, texts.str(protocol))).unwrap_or_default();
        let others = || self.groups.get(member.group).into_iter().flat_map(|group| group.members.iter(members));
        for topic in subscription.owned_partitions {
            let Some(shape) = topics.find(topic.topic) else { continue };
            for partition in topic.partitions.iter().filter(|partition| u32::try_from(*partition).is_ok_and(|it| it < shape.partitions)) {
                let held = Held { topic: shape.id, partition: PartitionIndex(partition), since: epoch };
                // What two say that they own has the one that has been there for longer; what somebody was given, he has.
                // Mostly that is the member itself.
                let mut is_behind = false;
                let is_elsewhere = is_given(texts.bytes(member.assignment), topic.topic, partition)
                    || others().any(|(at, other)| {
                        is_behind |= at == slot;
                        is_given(texts.bytes(other.assignment), topic.topic, partition)
                            || (!is_behind && is_owned(spoken(at), topic.topic, partition))
                    });
                if !is_elsewhere {
                    modern.held.push(held).map_err(full)?;
                }
            }
        }
        let revoking = partitions::sorted(&mut modern.held, &mut modern.bytes).map_err(full)?;
        Ok(Laid { names, offers, assigned, revoking })
    }

    fn laid_revoking(&self, laid: &Laid) -> Partitions<'_> {
        Partitions::of(self.modern.bytes.get(laid.revoking.clone()).unwrap_or_default())
    }

    fn laid_names(&self, laid: &Laid) -> Names<'_> {
        Names::of(self.modern.bytes.get(laid.names.clone()).unwrap_or_default())
    }

    fn laid_partitions(&self, laid: &Laid) -> Partitions<'_> {
        Partitions::of(self.modern.bytes.get(laid.assigned.clone()).unwrap_or_default())
    }

    fn says_of_classic<'a>(&'a self, member: &'a Member, protocol: Text, laid: &Laid) -> Result<Says<'a>, GroupError> {
        let metadata = self.metadata_under(member, self.texts.str(protocol));
        let subscription = consumer_protocol::subscription(metadata).map_err(|_| GroupError::GroupNotFound)?;
        let offers = Offers::of(self.modern.bytes.get(laid.offers.clone()).unwrap_or_default());
        Ok(Says {
            instance_id: member.instance.map(|text| self.texts.str(text)),
            rack_id: subscription.rack_id,
            client_id: self.texts.str(member.client_id),
            client_host: self.texts.str(member.client_host),
            names: StoredNames::Known(self.laid_names(laid)),
            pattern: Some(""),
            rebalance_timeout: Some(member.rebalance_timeout),
            assignor: None,
            classic: Some(StoredClassic::Known { session_timeout: member.session_timeout, offers }),
        })
    }
}

/// Whether an assignment has a partition.
fn is_given(assignment: &[u8], topic: &str, partition: i32) -> bool {
    let Ok(given) = consumer_protocol::assignment(assignment) else { return false };
    given.assigned_partitions.iter().any(|given| given.topic == topic && given.partitions.iter().any(|given| given == partition))
}

/// Whether a subscription says that its member owns a partition.
fn is_owned(subscription: &[u8], topic: &str, partition: i32) -> bool {
    let Ok(said) = consumer_protocol::subscription(subscription) else { return false };
    said.owned_partitions.iter().any(|owned| owned.topic == topic && owned.partitions.iter().any(|owned| owned == partition))
}

/// Down.
impl<'m> Coordinator<'m> {
    /// Whether a consumer group becomes a classic one when these have left it and so many stay or come.
    /// Source: `validateOnlineDowngradeWithFencedMembers`, `validateOnlineDowngradeWithReplacedMember`.
    pub(super) fn may_downgrade(&self, group: Slot, leaving: Leaving, left: usize) -> bool {
        let Some(entry) = self.consumer_group(group) else { return false };
        let stay = (entry.members.len().saturating_sub(leaving.members), entry.classics.saturating_sub(leaving.classics));
        entry.kind == GroupKind::Consumer
            && stay.0 == stay.1
            && left > 0
            && left <= self.config.size_max
            && self.config.consumer_migration.is_downgrade_enabled()
    }

    /// Whether the group is further than its target.
    pub(super) fn lags(&self, group: Slot) -> bool {
        self.consumer_group(group).is_some_and(|entry| entry.target_epoch < entry.epoch)
    }

    /// A classic member has come in the place of the last one that spoke the consumer protocol: the group is a classic one again.
    ///
    /// # Errors
    /// [`Full`] when it stays a consumer group.
    pub(super) fn downgrade_joined(&mut self, at: Moment, said: &Presence<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        let (Some(join), Ok(group)) = (said.classic, self.consumer_group_named(said.caller.group_id)) else { return Err(Full) };
        let all = self.consumer_group(group).is_some_and(|entry| entry.classics == entry.members.len());
        let member = self.find_consumer(group, said.caller.member_id).and_then(|slot| self.modern.members.get(slot));
        let Some(epoch) = member.filter(|_| all).map(|member| member.epoch) else { return Err(Full) };
        self.downgrade(at, group, self.lags(group), said.topics, fx)?;
        let seat = classic_seat(join, said.caller.member_id, epoch);
        fx.answers.answer(said.caller.call, When::Written, Answer::Joined(seat));
        Ok(())
    }

    /// Writes down a consumer group, without the members that are marked, as a classic group whose generation is its epoch. Its members have
    /// seats at once, and their assignments when that is believed; then they may be to join again.
    ///
    /// # Errors
    /// [`Full`] when they find no room; then nothing has changed but the effects.
    pub(super) fn downgrade(
        &mut self,
        at: Moment,
        group: Slot,
        rejoins: bool,
        topics: &dyn Topics,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<(), Full> {
        self.modern.downgraded = group;
        self.try_downgrade(at, group, topics, fx).inspect_err(|Full| self.undo_downgrade())?;
        let mut slot = self.groups.get(group).map_or(Slot::NONE, |group| group.members.first());
        while slot.is_some() {
            self.restart_session(at.now, slot);
            slot = Chain::next(&self.members, slot);
        }
        if let Some(entry) = self.groups.get_mut(group).filter(|_| rejoins) {
            entry.rejoins = true;
            self.set_round(group, at.now);
        }
        Ok(())
    }

    /// What the last step made a classic group is none: it could not be written down.
    pub(super) fn undo_downgrade(&mut self) {
        let group = core::mem::replace(&mut self.modern.downgraded, Slot::NONE);
        if self.groups.get(group).is_some() {
            self.forget_classic(group);
        }
    }

    fn try_downgrade(&mut self, at: Moment, group: Slot, topics: &dyn Topics, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        let epoch = self.consumer_group(group).map_or(MemberEpoch(0), |entry| entry.epoch);
        let mut slot = self.consumer_group(group).map_or(Slot::NONE, |entry| entry.members.first());
        while let Some(member) = self.modern.members.get(slot) {
            let (next, goes) = (member.links.next_slot(), member.goes);
            if !goes {
                self.seat_consumer(group, slot)?;
            }
            slot = next;
        }
        let kind = self.texts.store(CONSUMER.as_bytes())?;
        let winner = self.vote(group).and_then(|winner| self.offered.get(winner)).map(|offered| offered.name);
        let protocol = winner.map(|name| self.texts.share(name));
        if let Some(entry) = self.groups.get_mut(group) {
            entry.protocol_type = Some(kind);
            entry.protocol = protocol;
            entry.generation_id = GenerationId(epoch.0);
            // It is stable when the assignments are believed.
            entry.enter(State::CompletingRebalance, at.wall);
        }
        self.record_consumer_group_gone(group, fx).map_err(|_| Full)?;
        self.lay_out_assignments(group, protocol.unwrap_or(Text::EMPTY), topics)?;
        let Some(entry) = self.groups.get(group) else { return Err(Full) };
        let protocol = protocol.map_or("", |text| self.texts.str(text));
        let show = |see: &mut dyn FnMut(ImageMember<'_>)| {
            let mut rest: &[u8] = &self.modern.bytes;
            for (_, member) in entry.members.iter(&self.members) {
                let (assignment, behind) = split_sized(rest);
                see(self.image_member(member, protocol, assignment));
                rest = behind;
            }
        };
        self.record_image_since(group, Some(at.wall), &ImageMembers::Known(&show), fx)?;
        let size = self.modern.bytes.len();
        let count = self.groups.get(group).map_or(0, |entry| entry.members.len());
        if self.texts.has_room_for(size, count) { Ok(()) } else { Err(Full) }
    }

    /// Lays out in the scratch what everybody who stays holds, as the classic protocol says it: each behind its size.
    ///
    /// Unlike Kafka, which says what everybody is to have: who has not given something back yet still reads it, and if the group goes up
    /// again before it has heard of all this, nobody else may be given that. Held by:
    /// `members_of_both_protocols_share_everything_and_nothing_twice`.
    fn lay_out_assignments(&mut self, group: Slot, protocol: Text, topics: &dyn Topics) -> Result<(), Full> {
        let modern = &mut self.modern;
        modern.bytes.clear();
        let protocol = self.texts.str(protocol);
        let members =
            self.groups.get(group).and_then(|entry| modern.groups.get(entry.consumer)).map(|entry| entry.members.iter(&modern.members));
        for (_, member) in members.into_iter().flatten().filter(|(_, member)| !member.goes) {
            let offers = member.classic.map_or(Offers::NONE, |classic| Offers::of(self.texts.bytes(classic.offers)));
            let version = offers.iter().find(|offer| offer.name == protocol).map_or(0, |offer| consumer_protocol::version(offer.metadata));
            modern.held.clear();
            for text in [member.assigned, member.revoking] {
                Partitions::of(self.texts.bytes(text)).iter().try_for_each(|held| modern.held.push(held))?;
            }
            modern.matched.clear();
            partitions::sorted(&mut modern.held, &mut modern.matched)?;
            let start = modern.bytes.len();
            modern.bytes.extend_from_slice(&[0; 4])?;
            let mut writer = Writer::behind(&mut modern.bytes);
            put_assignment(&mut writer, version, Partitions::of(&modern.matched), topics);
            if writer.overflowed() {
                return Err(Full);
            }
            let size = u32::try_from(modern.bytes.len() - start - 4).map_err(|_| Full)?;
            if let Some(place) = modern.bytes.get_mut(start..).and_then(<[u8]>::first_chunk_mut::<4>) {
                *place = size.to_be_bytes();
            }
        }
        Ok(())
    }

    /// Gives a member of a consumer group that speaks the classic protocol a seat in the classic group. What it says it shares with itself.
    fn seat_consumer(&mut self, group: Slot, slot: Slot) -> Result<(), Full> {
        let Some(consumer) = self.modern.members.get(slot) else { return Err(Full) };
        let Some(classic) = consumer.classic else { return Err(Full) };
        if self.members.is_full() || (consumer.instance.is_some() && self.instances.is_full()) {
            return Err(Full);
        }
        let member = Member {
            group,
            id: self.texts.share(consumer.id),
            instance: consumer.instance.map(|text| self.texts.share(text)),
            client_id: self.texts.share(consumer.client_id),
            client_host: self.texts.share(consumer.client_host),
            rebalance_timeout: consumer.rebalance_timeout.unwrap_or_default(),
            session_timeout: classic.session_timeout,
            protocols: Chain::default(),
            assignment: Text::EMPTY,
            waiting: Waiting::Nowhere,
            is_new: false,
            unsynced: false,
            session_due: Instant::ZERO,
            given: 0,
            links: Links::default(),
        };
        let hash = self.hash_within(group, self.texts.bytes(member.id));
        let instance = member.instance.map(|text| self.hash_within(group, self.texts.bytes(text)));
        let seat = self.members.insert(hash, member)?;
        if let Some(hash) = instance {
            self.instances.insert(hash, seat)?;
        }
        self.link_member(group, seat);
        self.modern.bytes.clear();
        self.modern.bytes.extend_from_slice(self.texts.bytes(classic.offers))?;
        for at in 0..Offers::of(&self.modern.bytes).iter().count() {
            let Some(offer) = Offers::of(&self.modern.bytes).iter().nth(at) else { break };
            if self.offered.is_full() || self.protocols.is_full() {
                return Err(Full);
            }
            let name = self.texts.store(offer.name.as_bytes())?;
            let metadata = self.texts.store(offer.metadata).inspect_err(|Full| self.texts.release(name))?;
            self.offer_stored(group, seat, name, metadata)?;
        }
        Ok(())
    }

    /// A member offers a protocol more. There is room for it; the texts are the offer's from now on.
    fn offer_stored(&mut self, group: Slot, member: Slot, name: Text, metadata: Text) -> Result<(), Full> {
        let hash = self.hash_within(group, self.texts.bytes(name));
        let texts = &self.texts;
        let known = self.offered.find(hash, |offered| offered.group == group && texts.bytes(offered.name) == texts.bytes(name));
        let offered = match known {
            Some(known) => {
                self.texts.release(name);
                known
            }
            None => {
                let fresh = Offered { group, name, count: 0, votes: 0, offerer: Slot::NONE, links: Links::default() };
                let fresh = self.offered.insert(hash, fresh)?;
                if let Some(group) = self.groups.get_mut(group) {
                    group.offered.push(&mut self.offered, fresh);
                }
                fresh
            }
        };
        if let Some(offered) = self.offered.get_mut(offered) {
            (offered.count, offered.offerer) = (offered.count + 1, member);
        }
        let entry = self.protocols.insert(ProtocolEntry { offered, metadata, links: Links::default() })?;
        if let Some(member) = self.members.get_mut(member) {
            member.protocols.push(&mut self.protocols, entry);
        }
        Ok(())
    }
}

/// What stands behind its size, and what comes after it.
fn split_sized(bytes: &[u8]) -> (&[u8], &[u8]) {
    let sized = bytes.split_first_chunk::<4>().and_then(|(size, rest)| {
        let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
        rest.split_at_checked(size)
    });
    sized.unwrap_or_default()
}
