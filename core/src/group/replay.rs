//! Belief: what a record of `__consumer_offsets`, once written, makes true. The same at load.

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::slab::Slot;
use crate::ids::GenerationId;

use super::classic::state::State;
use super::coordinator::Coordinator;
use super::input::Protocol;
use super::record::{GroupImage, GroupRecord, ImageMember};

impl Coordinator<'_> {
    /// Makes a record true.
    ///
    /// Decisions leave room for what they write. A load may still need more room than there ever was: a round that did not come to
    /// its end has freed what its members held, while the log still has them. So offsets come first, and members that find no room,
    /// or take that of an offset, are forgotten: they join again. Held by: `a_load_keeps_offsets_rather_than_members`.
    ///
    /// # Panics
    /// When the memory set aside cannot hold the groups and offsets of the log: a load into less memory than the log was written
    /// with cannot be made good.
    pub(super) fn believe(&mut self, record: &GroupRecord<'_>) {
        let mut believed = self.try_believe(record);
        while believed.is_err() && self.forget_some_members() {
            believed = self.try_believe(record);
        }
        assert!(believed.is_ok(), "the memory for groups holds what their log says: {record:?}");
    }

    /// Forgets the members of a group that has some, which leaves it empty in its generation.
    fn forget_some_members(&mut self) -> bool {
        let has_consumers = |slot: Slot| self.consumer_group(slot).is_some_and(|entry| !entry.members.is_empty());
        let found = self.groups.iter().map(|(slot, _)| slot).find(|slot| has_consumers(*slot));
        if let Some(slot) = found {
            self.drop_consumers(slot);
            return true;
        }
        let Some(slot) = self.groups.iter().find(|(_, group)| !group.members.is_empty()).map(|(slot, _)| slot) else { return false };
        self.drop_members(slot);
        let Some(group) = self.groups.get_mut(slot) else { return false };
        let protocol = group.protocol.take();
        group.state = State::Empty;
        self.texts.release(protocol.unwrap_or(Text::EMPTY));
        true
    }

    fn drop_members(&mut self, slot: Slot) {
        while let Some(member) = self.groups.get(slot).map(|group| group.members.first()).filter(|member| member.is_some()) {
            self.drop_member(slot, member);
        }
        self.rounds.clear(slot);
    }

    fn try_believe(&mut self, record: &GroupRecord<'_>) -> Result<(), Full> {
        match record {
            GroupRecord::Offset { group, topic, partition, commit, transaction } => match transaction {
                None => self.believe_offset(group, topic, *partition, commit),
                Some(producer_id) => self.believe_pending_offset(*producer_id, (group, topic, *partition), commit),
            },
            GroupRecord::TransactionEnded { producer_id, outcome } => self.believe_end(*producer_id, *outcome),
            GroupRecord::OffsetDeleted { group, topic, partition } => {
                let Some(group) = self.find_group(group) else { return Ok(()) };
                if let Some(offset) = self.find_offset(group, topic, *partition) {
                    self.drop_offset(offset);
                }
                while let Some(pending) = self.find_pending_offset(group, topic, *partition) {
                    self.drop_pending_offset(pending);
                }
                Ok(())
            }
            GroupRecord::Group { group, image } => self.believe_image(group, image),
            GroupRecord::GroupDeleted { group } => {
                if let Some(group) = self.find_group(group) {
                    self.forget_classic(group);
                    self.drop_group_if_bare(group);
                }
                Ok(())
            }
            GroupRecord::Consumer { group, record } => self.believe_consumer(group, record),
            GroupRecord::Foreign => Ok(()),
        }
    }

    /// Nothing is left of a classic group but its offsets, which have records of their own.
    pub(super) fn forget_classic(&mut self, slot: Slot) {
        self.drop_members(slot);
        while let Some(pending) = self.groups.get(slot).map(|group| group.pendings.first()).filter(|pending| pending.is_some()) {
            self.drop_pending(pending);
        }
        let Some(group) = self.groups.get_mut(slot) else { return };
        let texts = [group.protocol_type.take(), group.protocol.take()];
        group.generation_id = GenerationId(0);
        (group.state, group.state_timestamp) = (State::Empty, None);
        (group.leader, group.unsynced, group.rejoins) = (Slot::NONE, 0, false);
        texts.into_iter().flatten().for_each(|text| self.texts.release(text));
    }

    pub(super) fn find_or_create_group(&mut self, group_id: &str) -> Result<Slot, Full> {
        self.find_group(group_id).map_or_else(|| self.create_group(group_id), Ok)
    }

    fn believe_image(&mut self, group_id: &str, image: &GroupImage<'_>) -> Result<(), Full> {
        let slot = self.find_or_create_group(group_id)?;
        let Some(group) = self.groups.get(slot) else { return Ok(()) };
        let same_generation = group.generation_id == image.generation_id;
        match group.state {
            // The image shows what was before the round that is going on.
            State::PreparingRebalance(_) if same_generation => Ok(()),
            State::CompletingRebalance if same_generation => self.believe_assignments(slot, image),
            // A static member has come back. Whoever decided that knows it already; at load it is news.
            State::Stable if same_generation && self.agrees(slot, image) => self.believe_assignments(slot, image),
            // Nothing but the time is new, so nothing needs room.
            State::Empty if same_generation && image.leader.is_none() && self.is_of_type(slot, image.protocol_type) => {
                if let Some(group) = self.groups.get_mut(slot) {
                    group.state_timestamp = image.state_timestamp;
                }
                Ok(())
            }
            State::Empty | State::PreparingRebalance(_) | State::CompletingRebalance | State::Stable => self.load_image(slot, image),
        }
    }

    fn is_of_type(&self, slot: Slot, protocol_type: &str) -> bool {
        self.groups.get(slot).is_some_and(|group| group.protocol_type.map_or("", |text| self.texts.str(text)) == protocol_type)
    }

    /// Whether everything about a group but its assignments is as an image shows it.
    fn agrees(&self, slot: Slot, image: &GroupImage<'_>) -> bool {
        let Some(group) = self.groups.get(slot) else { return false };
        let protocol = group.protocol.map(|text| self.texts.str(text));
        let leader = self.members.get(group.leader).map(|leader| self.texts.str(leader.id));
        let mut agree = protocol == image.protocol && leader == image.leader && self.is_of_type(slot, image.protocol_type);
        let mut count = 0;
        image.members.for_each(|shown| {
            count += 1;
            let known = self.find_member(slot, shown.member_id).and_then(|slot| self.members.get(slot));
            agree &= known.is_some_and(|member| {
                // As it was stored: a timeout may be longer than a record can say.
                self.image_member(member, protocol.unwrap_or_default(), shown.assignment).as_stored() == shown.as_stored()
            });
        });
        agree && count == group.members.len()
    }

    /// The members are known: they get what the image gives them, and the group is stable.
    fn believe_assignments(&mut self, slot: Slot, image: &GroupImage<'_>) -> Result<(), Full> {
        let mut result = Ok(());
        image.members.for_each(|member| {
            if result.is_ok() {
                result = self.believe_assignment(slot, &member);
            }
        });
        result?;
        if let Some(group) = self.groups.get_mut(slot) {
            group.state = State::Stable;
            group.state_timestamp = image.state_timestamp;
            let leader = group.leader;
            self.note_synced(slot, leader);
        }
        Ok(())
    }

    fn believe_assignment(&mut self, group: Slot, member: &ImageMember<'_>) -> Result<(), Full> {
        let Some(slot) = self.find_member(group, member.member_id) else { return Ok(()) };
        let Some(before) = self.members.get(slot).map(|member| member.assignment) else { return Ok(()) };
        let assignment = self.texts.replace(before, member.assignment)?;
        if let Some(member) = self.members.get_mut(slot) {
            member.assignment = assignment;
        }
        Ok(())
    }

    /// Puts the group of an image in the place of whatever was known of it; its offsets stay.
    fn load_image(&mut self, slot: Slot, image: &GroupImage<'_>) -> Result<(), Full> {
        self.drop_members(slot);
        let protocol = image.protocol.map(|protocol| self.texts.store(protocol.as_bytes())).transpose()?;
        let protocol_type = Some(image.protocol_type).filter(|text| !text.is_empty());
        let protocol_type = protocol_type.map(|text| self.texts.store(text.as_bytes())).transpose();
        let protocol_type = protocol_type.inspect_err(|Full| self.texts.release(protocol.unwrap_or(Text::EMPTY)))?;
        let Some(group) = self.groups.get_mut(slot) else { return Ok(()) };
        let before = [core::mem::replace(&mut group.protocol, protocol), core::mem::replace(&mut group.protocol_type, protocol_type)];
        group.generation_id = image.generation_id;
        group.state_timestamp = image.state_timestamp;
        group.leader = Slot::NONE;
        group.unsynced = 0;
        before.iter().for_each(|text| self.texts.release(text.unwrap_or(Text::EMPTY)));
        let mut result = Ok(());
        image.members.for_each(|member| {
            if result.is_ok() {
                result = self.load_member(slot, &member, image);
            }
        });
        let is_empty = self.groups.get(slot).is_some_and(|group| group.members.is_empty());
        if result.is_err() || is_empty || image.protocol.is_none() {
            // The group is there, and so is its generation: that is what must not be lost. Members and a protocol come together
            // or not at all, whatever the image says.
            self.drop_members(slot);
            let protocol = self.groups.get_mut(slot).and_then(|group| group.protocol.take());
            self.texts.release(protocol.unwrap_or(Text::EMPTY));
        }
        let leader = image.leader.and_then(|leader| self.find_member(slot, leader));
        if let Some(group) = self.groups.get_mut(slot) {
            group.leader = leader.unwrap_or_else(|| group.members.first());
            group.state = if group.members.is_empty() { State::Empty } else { State::Stable };
        }
        Ok(())
    }

    fn load_member(&mut self, group: Slot, member: &ImageMember<'_>, image: &GroupImage<'_>) -> Result<(), Full> {
        // An image that names somebody twice is no image of ours: the last one counts.
        let instance = member.group_instance_id.and_then(|instance_id| self.find_instance(group, instance_id));
        for twin in [self.find_member(group, member.member_id), instance].into_iter().flatten() {
            self.drop_member(group, twin);
        }
        let id = self.texts.store(member.member_id.as_bytes())?;
        let seat = super::classic::Seat {
            group_instance_id: member.group_instance_id,
            client_id: member.client_id,
            client_host: member.client_host,
            rebalance_timeout: member.rebalance_timeout,
            session_timeout: member.session_timeout,
            protocol_type: image.protocol_type,
        };
        let said = Protocol { name: image.protocol.unwrap_or_default(), metadata: member.subscription };
        let slot = self.seat(group, id, &seat, &[said])?;
        // Without room for it the member goes with the others.
        let assignment = self.texts.store(member.assignment)?;
        if let Some(member) = self.members.get_mut(slot) {
            member.assignment = assignment;
        }
        Ok(())
    }
}
