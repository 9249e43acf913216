//! Members of a consumer group that speak the classic protocol, while a group is on its way from one protocol to the other.
//!
//! What they ask for is the same, in other words: a join says what a member subscribes to and owns, and is a heartbeat of the consumer
//! protocol; a sync fetches what it was given; a heartbeat sends it to join again when there is something to do. They have no leader, and
//! a generation is the epoch of a member.
//!
//! Source: KIP-848, "Supporting Online Consumer Group Upgrade"; `classicGroup{Join,Sync,Heartbeat}ToConsumerGroup`.

use crate::bounded::slab::Slot;
use crate::group::answer::{Answer, Joined, Roster};
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::group::input::{Caller, Heartbeat, Join, Sync};
use crate::ids::{GenerationId, MemberEpoch, PartitionIndex, TopicId};
use crate::machine::When;
use crate::member::consumer_protocol::{self, ConsumerProtocolSubscription};
use crate::time::{Instant, Millis, Moment};
use crate::wire::writer::Writer;

use super::offers::Offers;
use super::partitions::Partitions;
use super::presence::Presence;
use super::state::{GroupKind, MemberState};
use super::tables::holder;
use super::topics::Topics;

/// The kind of classic groups that consumers form.
pub(in crate::group) const CONSUMER: &str = "consumer";

/// A seat as a member that speaks the classic protocol is told of it: nobody leads.
pub(super) fn classic_seat<'a>(join: &Join<'a>, member_id: &'a str, epoch: MemberEpoch) -> Joined<'a> {
    Joined {
        generation_id: GenerationId(epoch.0),
        protocol_type: Some(CONSUMER),
        protocol_name: join.protocols.first().map(|protocol| protocol.name),
        leader: "",
        member_id,
        roster: Roster::NOBODY,
        skip_assignment: false,
    }
}

impl<'m> Coordinator<'m> {
    /// A classic member joins a consumer group that has members. Refuses with the member id that the member is told.
    pub(in crate::group) fn join_consumers<'j>(
        &mut self,
        at: Moment,
        group: Slot,
        join: &Join<'j>,
        topics: &dyn Topics,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<(), (&'j str, GroupError)> {
        let asked = join.caller.member_id;
        let is_new = asked.is_empty();
        let member_id = if is_new { join.id_suffix } else { asked };
        // Without a member id, unlike a classic group. Source: `GroupCoordinatorService.joinGroup`, what is thrown.
        let refuse = |error| ("", error);
        // All protocols say the same, so any of them will do.
        let said = join.protocols.first().ok_or(refuse(GroupError::InconsistentProtocol))?;
        if !self.goes_on(join.caller.call) {
            let has_room = self.consumer_group(group).is_some_and(|entry| entry.members.len() < self.config.consumer_size_max);
            if !has_room && self.find_consumer(group, member_id).is_none() {
                return Err(refuse(GroupError::GroupFull));
            }
            if !self.supports_classic(group, join) {
                return Err(refuse(GroupError::InconsistentProtocol));
            }
            if is_new && join.id_required && join.caller.group_instance_id.is_none() {
                // Nobody keeps it: who comes with an id that nobody has gets a seat under it.
                let answer = Answer::JoinRefused { member_id, error: GroupError::MemberIdRequired };
                fx.answers.answer(join.caller.call, When::Now, answer);
                return Ok(());
            }
            if let Some(instance_id) = join.caller.group_instance_id.filter(|_| !is_new) {
                self.check_consumer(group, asked, Some(instance_id)).map_err(refuse)?;
            }
        }
        let subscription = consumer_protocol::subscription(said.metadata);
        let subscription: ConsumerProtocolSubscription<'_> = subscription.map_err(|_| refuse(GroupError::InconsistentProtocol))?;
        // Whoever owns something has been here before, and was sent away: it may be somebody else's by now. A member that was only given its
        // id owns nothing. Kafka lets it in, and it reads on until it is told what it has (`classicGroupJoinToConsumerGroup`).
        if !is_new && !subscription.owned_partitions.is_empty() && self.find_consumer(group, asked).is_none() {
            return Err(refuse(GroupError::UnknownMemberId));
        }
        let owned = |see: &mut dyn FnMut(TopicId, PartitionIndex)| {
            for owned in subscription.owned_partitions {
                let Some(shape) = topics.find(owned.topic) else { continue };
                owned.partitions.iter().for_each(|partition| see(shape.id, PartitionIndex(partition)));
            }
        };
        let presence = Presence {
            caller: Caller { member_id, ..join.caller },
            epoch: MemberEpoch::JOINS,
            client_id: join.client_id,
            client_host: join.client_host,
            rack_id: subscription.rack_id,
            rebalance_timeout: Some(join.rebalance_timeout),
            names: Some(subscription.topics),
            pattern: Some(""),
            assignor: None,
            owned: Some(&owned),
            topics,
            kind: GroupKind::Consumer,
            config: topics.settings_of(join.caller.group_id).unwrap_or(self.config),
            classic: Some(join),
        };
        let before = fx.records.len();
        self.enter(at, &presence, fx).map_err(|error| {
            fx.records.truncate(before);
            refuse(error)
        })
    }

    /// Whether all members that speak the classic protocol offer something that this one offers too. Source:
    /// `ConsumerGroup.supportsClassicProtocols`.
    fn supports_classic(&self, group: Slot, join: &Join<'_>) -> bool {
        let Some(entry) = self.consumer_group(group).filter(|_| join.protocol_type == CONSUMER) else { return false };
        let all = |name: &str| {
            let mut classics = entry.members.iter(&self.modern.members).filter_map(|(_, member)| member.classic);
            classics.all(|classic| Offers::of(self.texts.bytes(classic.offers)).has(name))
        };
        join.protocols.iter().any(|protocol| all(protocol.name))
    }

    /// A classic member of a consumer group asks for what it was given.
    pub(in crate::group) fn sync_consumer(
        &mut self,
        at: Moment,
        group: Slot,
        sync: &Sync<'_>,
        topics: &dyn Topics,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<(), GroupError> {
        let slot = self.check_classic(group, &sync.caller, sync.generation_id)?;
        let Some(member) = self.modern.members.get(slot) else { return Err(GroupError::UnknownMemberId) };
        let offers = member.classic.map_or(Offers::NONE, |classic| Offers::of(self.texts.bytes(classic.offers)));
        let offer = offers.first();
        let is_other = |given: Option<&str>, known: Option<&str>| given.is_some() && given != known;
        if is_other(sync.protocol_type, Some(CONSUMER)) || is_other(sync.protocol_name, offer.map(|offer| offer.name)) {
            return Err(GroupError::InconsistentProtocol);
        }
        let target_epoch = self.consumer_group(group).map_or(MemberEpoch(0), |entry| entry.target_epoch);
        // One that is to give back has joined already, and joins again of itself when it has.
        if target_epoch > member.epoch && member.state != MemberState::UnrevokedPartitions {
            self.await_join(at.now, slot);
            return Err(GroupError::RebalanceInProgress);
        }
        let version = offer.map_or(0, |offer| consumer_protocol::version(offer.metadata));
        self.modern.bytes.clear();
        put_assignment(&mut Writer::behind(&mut self.modern.bytes), version, Partitions::of(self.texts.bytes(member.assigned)), topics);
        if let Some(member) = self.modern.members.get_mut(slot) {
            member.sync_due = None;
        }
        self.await_classic(slot);
        let config = self.config;
        self.extend_consumer_session(at.now, slot, &config);
        let answer =
            Answer::Synced { protocol_type: sync.protocol_type, protocol_name: sync.protocol_name, assignment: &self.modern.bytes };
        // It was written by an earlier step, which need not be durable yet.
        fx.answers.answer(sync.caller.call, When::Written, answer);
        Ok(())
    }

    /// A classic member of a consumer group says that it lives, and is told when it is to join again.
    pub(in crate::group) fn hear_consumer(&mut self, now: Instant, group: Slot, heartbeat: &Heartbeat<'_>) -> Result<(), GroupError> {
        let slot = self.check_classic(group, &heartbeat.caller, heartbeat.generation_id)?;
        let config = self.config;
        self.extend_consumer_session(now, slot, &config);
        let Some(member) = self.modern.members.get(slot) else { return Err(GroupError::UnknownMemberId) };
        let target_epoch = self.consumer_group(group).map_or(MemberEpoch(0), |entry| entry.target_epoch);
        let is_to_join = match member.state {
            MemberState::UnrevokedPartitions => true,
            MemberState::UnreleasedPartitions => member.epoch < target_epoch || !self.waits_for_others(group, slot),
            MemberState::Stable | MemberState::Unknown => member.epoch < target_epoch,
        };
        if !is_to_join {
            return Ok(());
        }
        self.await_join(now, slot);
        Err(GroupError::RebalanceInProgress)
    }

    /// The member that a call of the classic protocol is from.
    fn check_classic(&self, group: Slot, caller: &Caller<'_>, generation_id: GenerationId) -> Result<Slot, GroupError> {
        let slot = self.check_consumer(group, caller.member_id, caller.group_instance_id)?;
        let member = self.modern.members.get(slot).filter(|member| member.classic.is_some());
        let epoch = member.ok_or(GroupError::UnknownMemberId)?.epoch;
        if epoch.0 == generation_id.0 { Ok(slot) } else { Err(GroupError::IllegalGeneration) }
    }

    /// A member has its time to join again, from when it was first told to.
    fn await_join(&mut self, now: Instant, slot: Slot) {
        if let Some(member) = self.modern.members.get_mut(slot) {
            let timeout: Millis = member.rebalance_timeout.unwrap_or_default();
            member.join_due.get_or_insert(now.after(timeout));
        }
        self.await_classic(slot);
    }

    /// Whether a member is to have partitions that others have not given back. Source: `waitingOnUnreleasedPartition`.
    fn waits_for_others(&self, group: Slot, slot: Slot) -> bool {
        let Some(member) = self.modern.members.get(slot) else { return false };
        let target = member.target.map_or(Partitions::NONE, |text| self.partitions(text));
        target.iter().any(|held| {
            let of = holder(&self.modern.holdings, self.key, group, &held);
            of.is_some_and(|of| of != slot)
        })
    }
}

/// Writes what a member is given as the classic protocol has it, with the version before it. Topics that are gone are left out.
///
/// Source: `ConsumerProtocolAssignment`, which is the same in versions 0 to 3; `toConsumerProtocolAssignment`.
pub(super) fn put_assignment(writer: &mut Writer<'_>, version: i16, partitions: Partitions<'_>, topics: &dyn Topics) {
    let known = || partitions.topics().filter_map(|topic| topics.name_of(topic.topic).map(|name| (name, topic)));
    let size = |count: usize| i32::try_from(count).unwrap_or(i32::MAX).to_be_bytes();
    writer.put(&version.to_be_bytes());
    writer.put(&size(known().count()));
    for (name, topic) in known() {
        writer.put(&i16::try_from(name.len()).unwrap_or(0).to_be_bytes());
        writer.put(name.as_bytes());
        writer.put(&size(topic.len()));
        topic.iter().for_each(|held| writer.put(&held.partition.0.to_be_bytes()));
    }
    // No user data.
    writer.put(&(-1i32).to_be_bytes());
}
