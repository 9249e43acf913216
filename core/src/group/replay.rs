//! Belief: what a record of `__consumer_offsets`, once written, makes true. The same at load.

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::slab::Slot;

use super::classic::state::State;
use super::coordinator::Coordinator;
use super::input::Protocol;
use super::record::{GroupImage, GroupRecord, ImageMember};

impl Coordinator<'_> {
    /// Makes a record true.
    ///
    /// # Panics
    /// When the memory set aside cannot hold what was written down: decisions leave room for what they write, and a load into less
    /// memory than the log was written with cannot be made good.
    pub(super) fn believe(&mut self, record: &GroupRecord<'_>) {
        let believed = match record {
            GroupRecord::Offset { group, topic, partition, commit } => self.believe_offset(group, topic, *partition, commit),
            GroupRecord::OffsetDeleted { group, topic, partition } => {
                if let Some(group) = self.find_group(group)
                    && let Some(offset) = self.find_offset(group, topic, *partition)
                {
                    self.drop_offset(offset);
                }
                Ok(())
            }
            GroupRecord::Group { group, image } => self.believe_image(group, image),
            GroupRecord::GroupDeleted { group } => {
                if let Some(group) = self.find_group(group) {
                    self.drop_group(group);
                }
                Ok(())
            }
            GroupRecord::Foreign => Ok(()),
        };
        assert!(believed.is_ok(), "the memory for groups holds what their log says: {record:?}");
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
        while let Some(member) = self.groups.get(slot).map(|group| group.members.first()).filter(|member| member.is_some()) {
            self.drop_member(slot, member);
        }
        self.rounds.clear(slot);
        let protocol = image.protocol.map(|protocol| self.texts.store(protocol.as_bytes())).transpose()?;
        let protocol_type = Some(image.protocol_type).filter(|text| !text.is_empty());
        let protocol_type = protocol_type.map(|text| self.texts.store(text.as_bytes())).transpose()?;
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
        result?;
        let leader = image.leader.and_then(|leader| self.find_member(slot, leader));
        if let Some(group) = self.groups.get_mut(slot) {
            group.leader = leader.unwrap_or_else(|| group.members.first());
            group.state = if group.members.is_empty() { State::Empty } else { State::Stable };
        }
        Ok(())
    }

    fn load_member(&mut self, group: Slot, member: &ImageMember<'_>, image: &GroupImage<'_>) -> Result<(), Full> {
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
        let assignment = self.texts.store(member.assignment)?;
        if let Some(member) = self.members.get_mut(slot) {
            member.assignment = assignment;
        }
        Ok(())
    }
}
