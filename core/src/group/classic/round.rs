//! Between two generations: who has a seat, when a round begins, when it is complete, and what happens when patience ends.

use crate::bounded::Full;
use crate::bounded::bytes::{ByteHeap, Text};
use crate::bounded::chain::{Chain, Links};
use crate::bounded::slab::{Slab, Slot};
use crate::bounded::table::Table;
use crate::group::answer::{Answer, Joined, Roster};
use crate::group::coordinator::{Coordinator, Fx};
use crate::group::error::GroupError;
use crate::group::input::{Join, Protocol};
use crate::group::record::{GroupImage, GroupRecord, ImageMember, ImageMembers};
use crate::ids::GenerationId;
use crate::machine::When;
use crate::time::{Instant, Millis, Moment, Timestamp};

use super::state::{Member, Offered, Pending, Preparing, ProtocolEntry, State, Waiting};

/// Who a member is, apart from what it offers.
#[derive(Clone, Copy, Debug)]
pub(in crate::group) struct Seat<'a> {
    pub(in crate::group) group_instance_id: Option<&'a str>,
    pub(in crate::group) client_id: &'a str,
    pub(in crate::group) client_host: &'a str,
    pub(in crate::group) rebalance_timeout: Millis,
    pub(in crate::group) session_timeout: Millis,
    pub(in crate::group) protocol_type: &'a str,
}

impl<'a> Seat<'a> {
    pub(super) const fn of(join: &Join<'a>) -> Self {
        Self {
            group_instance_id: join.caller.group_instance_id,
            client_id: join.client_id,
            client_host: join.client_host,
            rebalance_timeout: join.rebalance_timeout,
            session_timeout: join.session_timeout,
            protocol_type: join.protocol_type,
        }
    }
}

/// What members offer.
#[derive(Clone, Copy, Debug)]
pub(in crate::group) struct Spoken<'a, 'm> {
    pub(in crate::group) texts: &'a ByteHeap<'m>,
    pub(in crate::group) offered: &'a Table<'m, Offered>,
    pub(in crate::group) protocols: &'a Slab<'m, ProtocolEntry>,
}

impl<'a> Spoken<'a, '_> {
    /// All that a member offers, most preferred first.
    pub(in crate::group) fn all(self, member: &Member) -> impl Iterator<Item = Protocol<'a>> {
        member.protocols.iter(self.protocols).map(move |(_, entry)| Protocol {
            name: self.offered.get(entry.offered).map_or("", |offered| self.texts.str(offered.name)),
            metadata: self.texts.bytes(entry.metadata),
        })
    }

    /// What a member says under a protocol; nothing if it does not offer it.
    pub(in crate::group) fn under(self, member: &Member, protocol: &str) -> &'a [u8] {
        self.all(member).find(|offer| offer.name == protocol).map_or(&[], |offer| offer.metadata)
    }
}

/// Members and what belongs to them.
impl<'m> Coordinator<'m> {
    fn text_of(&self, group: Slot) -> &[u8] {
        self.groups.get(group).map_or(&[], |group| self.texts.bytes(group.id))
    }

    /// The key of something named within a group.
    pub(in crate::group) fn hash_within(&self, group: Slot, name: &[u8]) -> u64 {
        self.key.hash(&[self.text_of(group), name])
    }

    pub(in crate::group) fn find_member(&self, group: Slot, member_id: &str) -> Option<Slot> {
        let hash = self.hash_within(group, member_id.as_bytes());
        self.members.find(hash, |member| member.group == group && self.texts.bytes(member.id) == member_id.as_bytes())
    }

    pub(in crate::group) fn find_instance(&self, group: Slot, instance_id: &str) -> Option<Slot> {
        let hash = self.hash_within(group, instance_id.as_bytes());
        let found = self.instances.find(hash, |slot| self.is_instance(*slot, group, instance_id))?;
        self.instances.get(found).copied()
    }

    fn is_instance(&self, member: Slot, group: Slot, instance_id: &str) -> bool {
        let Some(member) = self.members.get(member) else { return false };
        member.group == group && member.instance.is_some_and(|text| self.texts.bytes(text) == instance_id.as_bytes())
    }

    pub(in crate::group) fn find_pending(&self, group: Slot, member_id: &str) -> Option<Slot> {
        let hash = self.hash_within(group, member_id.as_bytes());
        self.pendings.find(hash, |pending| pending.group == group && self.texts.bytes(pending.id) == member_id.as_bytes())
    }

    fn find_offered(&self, group: Slot, name: &str) -> Option<Slot> {
        let hash = self.hash_within(group, name.as_bytes());
        self.offered.find(hash, |offered| offered.group == group && self.texts.bytes(offered.name) == name.as_bytes())
    }

    /// Checks that a member exists and owns the instance id it names. Source: `ClassicGroup.validateMember`.
    pub(in crate::group) fn check_member(&self, group: Slot, member_id: &str, instance_id: Option<&str>) -> Result<Slot, GroupError> {
        let member = self.find_member(group, member_id);
        if let Some(instance_id) = instance_id {
            match self.find_instance(group, instance_id) {
                None => return Err(GroupError::UnknownMemberId),
                Some(owner) if Some(owner) != member => return Err(GroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        member.ok_or(GroupError::UnknownMemberId)
    }

    /// Gives out a seat to a member that waits nowhere yet. `id` is the member's from now on; when something is full, it is
    /// released and nothing has changed.
    pub(in crate::group) fn seat(&mut self, group: Slot, id: Text, seat: &Seat<'_>, protocols: &[Protocol<'_>]) -> Result<Slot, Full> {
        if !self.has_room_to_seat(group, seat, protocols) {
            self.texts.release(id);
            return Err(Full);
        }
        let mut texts = [id, Text::EMPTY, Text::EMPTY, Text::EMPTY, Text::EMPTY];
        let result = self.try_seat(group, seat, &mut texts);
        let slot = result.inspect_err(|Full| texts.iter().for_each(|text| self.texts.release(*text)))?;
        self.link_member(group, slot);
        let offered = self.offer(group, slot, protocols);
        debug_assert!(offered.is_ok(), "there is room for the offer");
        offered.inspect_err(|Full| self.drop_member(group, slot))?;
        Ok(slot)
    }

    /// Whether a member that has an id already would find room for everything else.
    pub(super) fn has_room_to_seat(&mut self, group: Slot, seat: &Seat<'_>, protocols: &[Protocol<'_>]) -> bool {
        let instance = seat.group_instance_id.unwrap_or_default();
        let size = seat.client_id.len() + seat.client_host.len() + instance.len() + seat.protocol_type.len();
        !self.members.is_full()
            && (seat.group_instance_id.is_none() || !self.instances.is_full())
            && self.has_room_to_offer(group, Slot::NONE, protocols, (size, 4))
    }

    fn try_seat(&mut self, group: Slot, seat: &Seat<'_>, texts: &mut [Text; 5]) -> Result<Slot, Full> {
        let [id, client_id, client_host, instance, protocol_type] = texts;
        *client_id = self.texts.store(seat.client_id.as_bytes())?;
        *client_host = self.texts.store(seat.client_host.as_bytes())?;
        *instance = self.texts.store(seat.group_instance_id.unwrap_or_default().as_bytes())?;
        // The kind of a group is that of its first member.
        let first = self.groups.get(group).is_some_and(|group| group.members.is_empty());
        if first {
            *protocol_type = self.texts.store(seat.protocol_type.as_bytes())?;
        }
        let member = Member {
            group,
            id: *id,
            instance: seat.group_instance_id.map(|_| *instance),
            client_id: *client_id,
            client_host: *client_host,
            rebalance_timeout: seat.rebalance_timeout,
            session_timeout: seat.session_timeout,
            protocols: Chain::default(),
            assignment: Text::EMPTY,
            waiting: Waiting::Nowhere,
            is_new: false,
            unsynced: false,
            session_due: Instant::ZERO,
            given: 0,
            links: Links::default(),
        };
        let slot = self.members.insert(self.hash_within(group, self.texts.bytes(*id)), member)?;
        if let Some(instance_id) = seat.group_instance_id {
            let hash = self.hash_within(group, instance_id.as_bytes());
            self.instances.insert(hash, slot).inspect_err(|Full| {
                self.members.remove(slot);
            })?;
        }
        if first && let Some(group) = self.groups.get_mut(group) {
            let before = group.protocol_type.replace(*protocol_type);
            self.texts.release(before.unwrap_or(Text::EMPTY));
        }
        Ok(slot)
    }

    pub(in crate::group) fn link_member(&mut self, group: Slot, slot: Slot) {
        if let Some(group) = self.groups.get_mut(group) {
            group.members.push(&mut self.members, slot);
            if !group.leader.is_some() {
                group.leader = slot;
            }
        }
    }

    /// Whether what a member offers, or a new one is to offer, can be replaced with this, and `beside` it so many bytes of so many
    /// texts be stored. What the member gives back counts. Held by: `an_offer_fits_or_changes_nothing`.
    pub(super) fn has_room_to_offer(&mut self, group: Slot, slot: Slot, protocols: &[Protocol<'_>], beside: (usize, usize)) -> bool {
        let chosen = self.groups.get(group).and_then(|group| group.protocol);
        let mut entries = self.protocols.capacity() - self.protocols.len();
        let mut names = self.offered.capacity() - self.offered.len();
        let (mut size_back, mut texts_back) = (0, 0);
        let mut entry = self.members.get(slot).map_or(Slot::NONE, |member| member.protocols.first());
        while let Some(ProtocolEntry { offered, metadata, links }) = self.protocols.get(entry) {
            entries += 1;
            size_back += self.texts.bytes(*metadata).len();
            texts_back += usize::from(*metadata != Text::EMPTY);
            if let Some(offered) = self.offered.get_mut(*offered) {
                offered.offerer = slot;
                if offered.count == 1 {
                    names += 1;
                    // The name of the group's own protocol stays when nobody offers it any more.
                    if chosen != Some(offered.name) && offered.name != Text::EMPTY {
                        size_back += self.texts.bytes(offered.name).len();
                        texts_back += 1;
                    }
                }
            }
            entry = links.next_slot();
        }
        let (mut size, mut texts) = beside;
        let mut fresh = 0;
        for protocol in protocols {
            let known = self.find_offered(group, protocol.name).and_then(|offered| self.offered.get(offered));
            size += protocol.metadata.len();
            texts += usize::from(!protocol.metadata.is_empty());
            if !known.is_some_and(|offered| offered.count > 1 || !slot.is_some() || offered.offerer != slot) {
                fresh += 1;
                size += protocol.name.len();
                texts += usize::from(!protocol.name.is_empty());
            }
        }
        entries >= protocols.len()
            && names >= fresh
            && self.texts.has_room_for(size.saturating_sub(size_back), texts.saturating_sub(texts_back))
    }

    /// Replaces what a member offers; of a protocol named twice, the first counts. When something is full, it offers nothing.
    pub(in crate::group) fn offer(&mut self, group: Slot, slot: Slot, protocols: &[Protocol<'_>]) -> Result<(), Full> {
        self.withdraw(group, slot);
        for protocol in protocols {
            self.offer_one(group, slot, protocol).inspect_err(|Full| self.withdraw(group, slot))?;
        }
        Ok(())
    }

    fn offer_one(&mut self, group: Slot, slot: Slot, protocol: &Protocol<'_>) -> Result<(), Full> {
        let offered = match self.find_offered(group, protocol.name) {
            Some(offered) => offered,
            None => self.add_offered(group, protocol.name)?,
        };
        if let Some(offered) = self.offered.get_mut(offered) {
            if core::mem::replace(&mut offered.offerer, slot) == slot {
                return Ok(());
            }
            offered.count += 1;
        }
        let added = self.texts.store(protocol.metadata).and_then(|metadata| {
            let entry = ProtocolEntry { offered, metadata, links: Links::default() };
            self.protocols.insert(entry).inspect_err(|Full| self.texts.release(metadata))
        });
        let entry = added.inspect_err(|Full| self.release_offered(group, offered))?;
        if let Some(member) = self.members.get_mut(slot) {
            member.protocols.push(&mut self.protocols, entry);
        }
        Ok(())
    }

    fn add_offered(&mut self, group: Slot, name: &str) -> Result<Slot, Full> {
        let hash = self.hash_within(group, name.as_bytes());
        let name = self.texts.store(name.as_bytes())?;
        let offered = Offered { group, name, count: 0, votes: 0, offerer: Slot::NONE, links: Links::default() };
        let slot = self.offered.insert(hash, offered).inspect_err(|Full| self.texts.release(name))?;
        if let Some(group) = self.groups.get_mut(group) {
            group.offered.push(&mut self.offered, slot);
        }
        Ok(slot)
    }

    fn release_offered(&mut self, group: Slot, slot: Slot) {
        let Some(offered) = self.offered.get_mut(slot) else { return };
        offered.count -= 1;
        offered.offerer = Slot::NONE;
        if offered.count == 0 {
            let name = offered.name;
            if let Some(group) = self.groups.get_mut(group) {
                group.offered.unlink(&mut self.offered, slot);
            }
            self.offered.remove(slot);
            self.texts.release(name);
        }
    }

    /// Takes back everything a member offers.
    fn withdraw(&mut self, group: Slot, slot: Slot) {
        while let Some(member) = self.members.get_mut(slot)
            && member.protocols.first().is_some()
        {
            let entry = member.protocols.first();
            member.protocols.unlink(&mut self.protocols, entry);
            if let Some(entry) = self.protocols.remove(entry) {
                self.texts.release(entry.metadata);
                self.release_offered(group, entry.offered);
            }
        }
    }

    /// Takes a member out of its group: nobody is told, no round begins. Source: `ClassicGroup.remove`.
    pub(in crate::group) fn drop_member(&mut self, group: Slot, slot: Slot) {
        self.withdraw(group, slot);
        self.sessions.clear(slot);
        if let Some(instance) = self.members.get(slot).and_then(|member| member.instance) {
            let hash = self.hash_within(group, self.texts.bytes(instance));
            if let Some(entry) = self.instances.find(hash, |owner| *owner == slot) {
                self.instances.remove(entry);
            }
        }
        if let Some(group) = self.groups.get_mut(group) {
            group.members.unlink(&mut self.members, slot);
        }
        let Some(member) = self.members.remove(slot) else { return };
        for text in [member.id, member.instance.unwrap_or(Text::EMPTY), member.client_id, member.client_host, member.assignment] {
            self.texts.release(text);
        }
        if let Some(group) = self.groups.get_mut(group) {
            group.joining -= usize::from(matches!(member.waiting, Waiting::InJoin(_)));
            group.unsynced -= usize::from(member.unsynced);
            if group.leader == slot {
                group.leader = group.members.first();
            }
        }
    }

    /// Takes an id out of the pending ones: its owner has come back with it.
    pub(super) fn take_pending(&mut self, slot: Slot) -> Text {
        self.pending_sessions.clear(slot);
        let Some(group) = self.pendings.get(slot).map(|pending| pending.group) else { return Text::EMPTY };
        if let Some(group) = self.groups.get_mut(group) {
            group.pendings.unlink(&mut self.pendings, slot);
        }
        self.pendings.remove(slot).map_or(Text::EMPTY, |pending| pending.id)
    }

    pub(in crate::group) fn drop_pending(&mut self, slot: Slot) {
        let id = self.take_pending(slot);
        self.texts.release(id);
    }

    /// Notes that a fresh id was given out. It stays the caller's when there is no room.
    pub(super) fn add_pending(&mut self, group: Slot, id: Text, due: Instant) -> Result<(), Full> {
        let hash = self.hash_within(group, self.texts.bytes(id));
        let slot = self.pendings.insert(hash, Pending { group, id, links: Links::default() })?;
        if let Some(group) = self.groups.get_mut(group) {
            group.pendings.push(&mut self.pendings, slot);
        }
        // The list of deadlines has the capacity of the table of pending ids.
        let set = self.pending_sessions.set(slot, due);
        debug_assert!(set.is_ok(), "every pending id has room for its deadline");
        Ok(())
    }

    /// Gives a member another id and answers the old one, which is the caller's to release: a static member has come back.
    pub(in crate::group) fn rename_member(&mut self, slot: Slot, id: Text) -> Text {
        let Some(member) = self.members.get_mut(slot) else { return id };
        let old = core::mem::replace(&mut member.id, id);
        let group = member.group;
        self.members.rekey(slot, self.hash_within(group, self.texts.bytes(id)));
        old
    }

    /// Starts a member's session anew.
    pub(in crate::group) fn restart_session(&mut self, now: Instant, slot: Slot) {
        let Some(timeout) = self.members.get(slot).map(|member| member.session_timeout) else { return };
        self.extend_session(slot, now.after(timeout));
    }

    /// Moves the end of a member's session. A later end is only noted: the deadline moves when it is found to have passed.
    pub(super) fn extend_session(&mut self, slot: Slot, due: Instant) {
        let Some(member) = self.members.get_mut(slot) else { return };
        let later = due >= member.session_due && member.session_due > Instant::ZERO;
        member.session_due = due;
        if !later || !self.sessions.is_set(slot) {
            // The list of deadlines has the capacity of the table of members.
            let set = self.sessions.set(slot, due);
            debug_assert!(set.is_ok(), "every member has room for its deadline");
        }
    }

    /// Whether an offer suits the group. Source: `ClassicGroup.supportsProtocols`.
    pub(super) fn supports(&self, slot: Slot, protocol_type: &str, protocols: &[Protocol<'_>]) -> bool {
        let Some(group) = self.groups.get(slot) else { return false };
        if group.state == State::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let same_type = group.protocol_type.is_some_and(|text| self.texts.str(text) == protocol_type);
        same_type && protocols.iter().any(|protocol| self.offer_count(slot, protocol.name) == group.members.len())
    }

    fn offer_count(&self, group: Slot, name: &str) -> usize {
        self.find_offered(group, name).and_then(|slot| self.offered.get(slot)).map_or(0, |offered| offered.count)
    }

    /// Whether a member offers just this, in this order. Source: `ClassicGroupMember.matches`.
    pub(super) fn offers_exactly(&self, slot: Slot, protocols: &[Protocol<'_>]) -> bool {
        let Some(member) = self.members.get(slot) else { return false };
        member.protocols.len() == protocols.len()
            && member.protocols.iter(&self.protocols).zip(protocols).all(|((_, entry), protocol)| {
                self.texts.bytes(entry.metadata) == protocol.metadata
                    && self.offered.get(entry.offered).is_some_and(|offered| self.texts.str(offered.name) == protocol.name)
            })
    }

    /// The protocol that all members support and most prefer; among equals the one that was offered first.
    /// Source: `ClassicGroup.selectProtocol`, which leaves ties open.
    pub(in crate::group) fn vote(&mut self, slot: Slot) -> Option<Slot> {
        let group = self.groups.get(slot)?;
        let count = group.members.len();
        let mut offered = group.offered.first();
        while let Some(entry) = self.offered.get_mut(offered) {
            entry.votes = 0;
            offered = entry.links.next_slot();
        }
        let mut member = group.members.first();
        while let Some(entry) = self.members.get(member) {
            let supported = |offered: Slot| self.offered.get(offered).is_some_and(|offered| offered.count == count);
            let choice = entry.protocols.iter(&self.protocols).map(|(_, entry)| entry.offered).find(|offered| supported(*offered));
            member = entry.links.next_slot();
            if let Some(offered) = choice.and_then(|choice| self.offered.get_mut(choice)) {
                offered.votes += 1;
            }
        }
        let mut winner: Option<(Slot, usize)> = None;
        for (slot, offered) in group.offered.iter(&self.offered) {
            if offered.count == count && winner.is_none_or(|(_, votes)| offered.votes > votes) {
                winner = Some((slot, offered.votes));
            }
        }
        winner.map(|(slot, _)| slot)
    }

    /// What a member says under a protocol.
    pub(in crate::group) fn metadata_under(&self, member: &Member, protocol: &str) -> &[u8] {
        Spoken { texts: &self.texts, offered: &self.offered, protocols: &self.protocols }.under(member, protocol)
    }

    fn rebalance_timeout(&self, slot: Slot) -> Millis {
        let Some(group) = self.groups.get(slot) else { return Millis::ZERO };
        group.members.iter(&self.members).map(|(_, member)| member.rebalance_timeout).max().unwrap_or(Millis::ZERO)
    }

    pub(in crate::group) fn set_round(&mut self, slot: Slot, due: Instant) {
        // The list of deadlines has the capacity of the table of groups.
        let set = self.rounds.set(slot, due);
        debug_assert!(set.is_ok(), "every group has room for its deadline");
    }
}

/// Rounds.
impl<'m> Coordinator<'m> {
    /// Begins a round if none is in preparation, else completes the one that is if everybody is there.
    /// Source: `maybePrepareRebalanceOrCompleteJoin`.
    pub(super) fn begin_or_complete_round(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        match self.groups.get(slot).map(|group| group.state) {
            Some(State::PreparingRebalance(_)) => self.complete_round_if_all_joined(at, slot, fx),
            Some(State::Empty | State::CompletingRebalance | State::Stable) => self.begin_round(at, slot, fx),
            None => {}
        }
    }

    /// Begins a round: whoever waits for its assignment is sent to join again. Source: `prepareRebalance`.
    pub(super) fn begin_round(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        if self.groups.get(slot).is_some_and(|group| group.state == State::CompletingRebalance) {
            self.refuse_syncs(at.now, slot, GroupError::RebalanceInProgress, fx);
        }
        let first = self.begin_round_without_effects(at, slot);
        if !first {
            let all_joined = self.groups.get(slot).is_some_and(super::state::Group::all_joined);
            if all_joined {
                self.complete_round(at, slot, fx);
            }
        }
    }

    /// Turns a group to preparation and sets its deadline. Answers whether it gathers its first members.
    pub(in crate::group) fn begin_round_without_effects(&mut self, at: Moment, slot: Slot) -> bool {
        self.forget_unsynced(slot);
        let timeout = self.rebalance_timeout(slot);
        let delay = self.config.initial_rebalance_delay;
        let Some(group) = self.groups.get_mut(slot) else { return false };
        group.rejoins = false;
        let first = group.state == State::Empty;
        let (preparing, due) = if first {
            let remaining = Millis(timeout.0.saturating_sub(delay.0));
            (Preparing::Gathering { delay, remaining, grown: false }, at.now.after(delay))
        } else {
            (Preparing::Rejoining, at.now.after(timeout))
        };
        group.enter(State::PreparingRebalance(preparing), at.wall);
        self.set_round(slot, due);
        first
    }

    /// Completes the round in preparation if everybody has joined, unless the group is still gathering its first members.
    /// Source: `maybeCompleteJoinPhase`.
    pub(super) fn complete_round_if_all_joined(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        let Some(group) = self.groups.get(slot) else { return };
        if group.state == State::PreparingRebalance(Preparing::Rejoining) && group.all_joined() {
            self.complete_round(at, slot, fx);
        }
    }

    /// Completes the round in preparation with whoever is there. Source: `completeClassicGroupJoin`.
    fn complete_round(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        self.rounds.clear(slot);
        self.drop_absent_members(slot);
        let Some(group) = self.groups.get(slot) else { return };
        if group.members.is_empty() {
            return self.complete_round_empty(at, slot, fx);
        }
        if !self.elect_joined_leader(slot) {
            // Only static members are left, and none of them is here: wait for one, or for their sessions to end.
            let timeout = self.rebalance_timeout(slot);
            return self.set_round(slot, at.now.after(timeout));
        }
        let winner = self.vote(slot).and_then(|winner| self.offered.get(winner)).map(|offered| offered.name);
        // The group owns the name too: the offer may be withdrawn before the generation ends.
        let protocol = winner.map(|name| self.texts.share(name));
        if let Some(group) = self.groups.get_mut(slot) {
            let before = core::mem::replace(&mut group.protocol, protocol);
            self.texts.release(before.unwrap_or(Text::EMPTY));
            group.generation_id = GenerationId(group.generation_id.0.wrapping_add(1));
            group.enter(State::CompletingRebalance, at.wall);
            group.unsynced = group.members.len();
        }
        let mut member = self.groups.get(slot).map_or(Slot::NONE, |group| group.members.first());
        while member.is_some() {
            self.answer_join(member, false, None, When::Now, fx);
            self.restart_session(at.now, member);
            if let Some(entry) = self.members.get_mut(member) {
                entry.is_new = false;
                entry.unsynced = true;
            }
            member = Chain::next(&self.members, member);
        }
        let timeout = self.rebalance_timeout(slot);
        self.set_round(slot, at.now.after(timeout));
    }

    /// Nobody is left: the group is empty in its next generation, and that is written down.
    fn complete_round_empty(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        let Some(group) = self.groups.get_mut(slot) else { return };
        let protocol = group.protocol.take().unwrap_or(Text::EMPTY);
        group.leader = Slot::NONE;
        group.unsynced = 0;
        group.generation_id = GenerationId(group.generation_id.0.wrapping_add(1));
        group.enter(State::Empty, at.wall);
        self.texts.release(protocol);
        // When even this record does not fit, a restart finds the previous generation, whose members then time out.
        let _ = self.record_image(slot, &ImageMembers::NONE, fx);
        self.arm_expiry(at.now);
    }

    /// Takes out the dynamic members that have not joined.
    fn drop_absent_members(&mut self, slot: Slot) {
        let mut member = self.groups.get(slot).map_or(Slot::NONE, |group| group.members.first());
        while let Some(entry) = self.members.get(member) {
            let next = entry.links.next_slot();
            if entry.instance.is_none() && !matches!(entry.waiting, Waiting::InJoin(_)) {
                self.drop_member(slot, member);
            }
            member = next;
        }
    }

    /// Sees to it that the leader is one of those who have joined. Source: `maybeElectNewJoinedLeader`.
    fn elect_joined_leader(&mut self, slot: Slot) -> bool {
        let Some(group) = self.groups.get_mut(slot) else { return false };
        let joined = |member: &Member| matches!(member.waiting, Waiting::InJoin(_));
        if self.members.get(group.leader).is_some_and(joined) {
            return true;
        }
        let first = group.members.iter(&self.members).find(|(_, member)| joined(member)).map(|(slot, _)| slot);
        if let Some(leader) = first {
            group.leader = leader;
        }
        first.is_some()
    }

    /// Answers a member that waits in a join with the current generation. `leader` overrides the leader's id that it is told.
    pub(super) fn answer_join(&mut self, slot: Slot, skip: bool, leader: Option<Text>, when: When, fx: &mut Fx<'_, '_, 'm>) {
        let Some(member) = self.members.get_mut(slot) else { return };
        let Waiting::InJoin(call) = member.waiting else { return };
        member.waiting = Waiting::Nowhere;
        let group_slot = member.group;
        if let Some(group) = self.groups.get_mut(group_slot) {
            group.joining -= 1;
        }
        let Some(joined) = self.joined(slot, skip, leader) else { return };
        fx.answers.answer(call, when, Answer::Joined(joined));
    }

    /// A member's seat in the current generation.
    pub(super) fn joined(&self, slot: Slot, skip: bool, leader: Option<Text>) -> Option<Joined<'_>> {
        let member = self.members.get(slot)?;
        let group = self.groups.get(member.group)?;
        let is_leader = group.leader == slot;
        // Who is told a leader other than itself is told no members either.
        let roster = if is_leader && leader.is_none() { Roster::of(self, member.group) } else { Roster::NOBODY };
        let known_leader = self.members.get(group.leader).map_or("", |leader| self.texts.str(leader.id));
        Some(Joined {
            generation_id: group.generation_id,
            protocol_type: group.protocol_type.map(|text| self.texts.str(text)),
            protocol_name: group.protocol.map(|text| self.texts.str(text)),
            leader: leader.map_or(known_leader, |text| self.texts.str(text)),
            member_id: self.texts.str(member.id),
            roster,
            skip_assignment: skip,
        })
    }

    /// Sends everybody who waits for an assignment away and forgets the assignments.
    /// Source: `resetAndPropagateAssignmentWithError`.
    pub(super) fn refuse_syncs(&mut self, now: Instant, slot: Slot, error: GroupError, fx: &mut Fx<'_, '_, 'm>) {
        let mut member = self.groups.get(slot).map_or(Slot::NONE, |group| group.members.first());
        while let Some(entry) = self.members.get_mut(member) {
            let next = entry.links.next_slot();
            let assignment = core::mem::replace(&mut entry.assignment, Text::EMPTY);
            if let Waiting::InSync(call) = entry.waiting {
                entry.waiting = Waiting::Nowhere;
                fx.answers.answer(call, When::Now, Answer::SyncRefused(error));
                self.restart_session(now, member);
            }
            self.texts.release(assignment);
            member = next;
        }
    }

    fn forget_unsynced(&mut self, slot: Slot) {
        let Some(group) = self.groups.get_mut(slot) else { return };
        group.unsynced = 0;
        let mut member = group.members.first();
        while let Some(entry) = self.members.get_mut(member) {
            entry.unsynced = false;
            member = entry.links.next_slot();
        }
    }

    /// Writes down how a group stands.
    pub(super) fn record_image(&self, slot: Slot, members: &ImageMembers<'_>, fx: &mut Fx<'_, '_, 'm>) -> Result<(), Full> {
        let Some(group) = self.groups.get(slot) else { return Ok(()) };
        self.record_image_since(slot, group.state_timestamp, members, fx)
    }

    /// Writes down how a group stands, in a state that it enters when that is written.
    pub(in crate::group) fn record_image_since(
        &self,
        slot: Slot,
        state_timestamp: Option<Timestamp>,
        members: &ImageMembers<'_>,
        fx: &mut Fx<'_, '_, 'm>,
    ) -> Result<(), Full> {
        let Some(group) = self.groups.get(slot) else { return Ok(()) };
        let leader = self.members.get(group.leader).map(|leader| self.texts.str(leader.id));
        let image = GroupImage {
            protocol_type: group.protocol_type.map_or("", |text| self.texts.str(text)),
            generation_id: group.generation_id,
            protocol: group.protocol.map(|text| self.texts.str(text)),
            leader,
            state_timestamp,
            members: *members,
        };
        self.record(&GroupRecord::Group { group: self.texts.str(group.id), image }, fx)
    }

    /// A member as an image shows it, with the assignment given beside it.
    pub(in crate::group) fn image_member<'a>(&'a self, member: &'a Member, protocol: &str, assignment: &'a [u8]) -> ImageMember<'a> {
        ImageMember {
            member_id: self.texts.str(member.id),
            group_instance_id: member.instance.map(|text| self.texts.str(text)),
            client_id: self.texts.str(member.client_id),
            client_host: self.texts.str(member.client_host),
            rebalance_timeout: member.rebalance_timeout,
            session_timeout: member.session_timeout,
            subscription: self.metadata_under(member, protocol),
            assignment,
        }
    }
}

/// What happens when patience ends.
impl<'m> Coordinator<'m> {
    /// A member's session may have ended. Source: `expireClassicGroupMemberHeartbeat`.
    pub(in crate::group) fn session_due(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        self.sessions.clear(slot);
        let Some(member) = self.members.get(slot) else { return };
        if member.session_due > at.now {
            // Heartbeats have moved the end: now the deadline follows.
            let due = member.session_due;
            let set = self.sessions.set(slot, due);
            return debug_assert!(set.is_ok(), "every member has room for its deadline");
        }
        // Who waits for us is not silent, unless it has waited since before it had an id.
        if member.is_new || member.waiting == Waiting::Nowhere {
            self.remove_member(at, slot, fx);
        }
    }

    /// Takes a member out and lets the others go on without it. Source: `removeMemberAndUpdateClassicGroup`.
    fn remove_member(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        let Some(group) = self.members.get(slot).map(|member| member.group) else { return };
        self.evict(slot, fx);
        let Some(entry) = self.groups.get(group) else { return };
        match entry.state {
            State::Stable | State::CompletingRebalance => self.begin_round(at, group, fx),
            State::PreparingRebalance(_) if entry.all_joined() => self.complete_round(at, group, fx),
            State::PreparingRebalance(_) | State::Empty => {}
        }
    }

    /// Answers the join that a member waits in, if it does, and takes the member out.
    pub(super) fn evict(&mut self, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        let Some(member) = self.members.get(slot) else { return };
        let refused = match member.waiting {
            Waiting::InJoin(call) => Some((call, Answer::JoinRefused { member_id: "", error: GroupError::UnknownMemberId })),
            Waiting::InSync(call) => Some((call, Answer::SyncRefused(GroupError::UnknownMemberId))),
            Waiting::Nowhere => None,
        };
        if let Some((call, answer)) = refused {
            fx.answers.answer(call, When::Now, answer);
        }
        self.drop_member(member.group, slot);
    }

    /// Somebody who was given an id did not come back with it. Source: `removePendingMemberAndUpdateClassicGroup`.
    pub(in crate::group) fn pending_due(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        let Some(group) = self.pendings.get(slot).map(|pending| pending.group) else { return };
        self.drop_pending(slot);
        let Some(entry) = self.groups.get(group) else { return };
        if matches!(entry.state, State::PreparingRebalance(_)) && entry.all_joined() {
            self.complete_round(at, group, fx);
        }
    }

    /// The deadline of a round: of joining in preparation, of syncing afterwards.
    /// Source: `tryCompleteInitialRebalanceElseSchedule`, `completeClassicGroupJoin`, `expirePendingSync`.
    pub(in crate::group) fn round_due(&mut self, at: Moment, slot: Slot, fx: &mut Fx<'_, '_, 'm>) {
        self.rounds.clear(slot);
        let Some(group) = self.groups.get_mut(slot) else { return };
        match group.state {
            State::Empty => {}
            State::PreparingRebalance(Preparing::Gathering { delay, remaining, grown: true }) if remaining > Millis::ZERO => {
                let next = self.config.initial_rebalance_delay.min(remaining);
                let remaining = Millis(remaining.0.saturating_sub(delay.0));
                group.state = State::PreparingRebalance(Preparing::Gathering { delay: next, remaining, grown: false });
                self.set_round(slot, at.now.after(next));
            }
            State::PreparingRebalance(_) => self.complete_round(at, slot, fx),
            State::Stable if group.rejoins => self.begin_round(at, slot, fx),
            State::CompletingRebalance | State::Stable if group.unsynced > 0 => {
                let mut member = group.members.first();
                while let Some(entry) = self.members.get(member) {
                    let next = entry.links.next_slot();
                    if entry.unsynced {
                        self.evict(member, fx);
                    }
                    member = next;
                }
                self.begin_round(at, slot, fx);
            }
            State::CompletingRebalance | State::Stable => {}
        }
    }
}
