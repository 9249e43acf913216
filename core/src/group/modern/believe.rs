//! Belief: what a record of a consumer group, once written, makes true. The same at load, where records of one group may come in any order:
//! compaction keeps the latest of each key, wherever that stands. Source: `GroupMetadataManager.replay`.

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::slab::Slot;
use crate::group::coordinator::Coordinator;
use crate::ids::MemberEpoch;

use super::names;
use super::partitions::{self, Held};
use super::record::{ConsumerRecord, Current, Matches, Says, SharedPartitions, StoredNames, StoredPartitions};
use super::state::{Classic, Consumer, GroupKind, MemberState};

impl Coordinator<'_> {
    pub(in crate::group) fn believe_consumer(&mut self, group_id: &str, kind: GroupKind, record: &ConsumerRecord<'_>) -> Result<(), Full> {
        match *record {
            ConsumerRecord::Group(None) => {
                if let Some(group) = self.find_group(group_id) {
                    self.drop_consumer_group(group);
                    self.drop_group_if_bare(group);
                }
            }
            ConsumerRecord::Group(Some(epoch)) => {
                let group = self.consumer_group_of(group_id, kind)?;
                if let Some(entry) = self.consumer_group_mut(group) {
                    entry.epoch = epoch.epoch;
                    entry.metadata_hash = epoch.metadata_hash;
                }
            }
            ConsumerRecord::Topics => {}
            ConsumerRecord::TargetMade(made) => {
                let Some(made) = made else {
                    if let Some(entry) = self.find_group(group_id).and_then(|group| self.consumer_group_mut(group)) {
                        (entry.target_epoch, entry.target_at) = (MemberEpoch(-1), None);
                    }
                    return Ok(());
                };
                let group = self.consumer_group_of(group_id, kind)?;
                if let Some(entry) = self.consumer_group_mut(group) {
                    (entry.target_epoch, entry.target_at) = (made.epoch, made.at);
                }
            }
            ConsumerRecord::Member { member_id, says: None } => {
                if let Some(member) = self.find_group(group_id).and_then(|group| self.find_consumer(group, member_id)) {
                    self.drop_consumer(member);
                }
            }
            ConsumerRecord::Member { member_id, says: Some(says) } => {
                let group = self.consumer_group_of(group_id, kind)?;
                let member = self.found_consumer(group, member_id)?;
                self.believe_said(group, member, &says)?;
            }
            ConsumerRecord::Target { member_id, partitions: None } => {
                if let Some(member) = self.find_group(group_id).and_then(|group| self.find_consumer(group, member_id)) {
                    self.put_option(member, |member| &mut member.target, None);
                }
            }
            ConsumerRecord::Target { member_id, partitions: Some(partitions) } => {
                let group = self.consumer_group_of(group_id, kind)?;
                let member = self.found_consumer(group, member_id)?;
                let target = self.store_partitions(&partitions)?;
                self.put_option(member, |member| &mut member.target, Some(target));
            }
            ConsumerRecord::Current { member_id, current: None } => {
                if let Some(member) = self.find_group(group_id).and_then(|group| self.find_consumer(group, member_id)) {
                    self.forget_current(member);
                }
            }
            ConsumerRecord::Current { member_id, current: Some(current) } => {
                let group = self.consumer_group_of(group_id, kind)?;
                let member = self.found_consumer(group, member_id)?;
                self.believe_current(member, &current)?;
            }
            ConsumerRecord::Pattern { pattern, matches: None } => {
                if let Some(slot) = self.find_group(group_id).and_then(|group| self.find_pattern(group, pattern)) {
                    self.forget_matches(slot);
                    self.drop_pattern_if_unused(slot);
                }
            }
            ConsumerRecord::Pattern { pattern, matches: Some(matches) } => {
                let group = self.consumer_group_of(group_id, kind)?;
                let slot = self.found_pattern(group, pattern)?;
                self.believe_matches(group, slot, &matches)?;
            }
            ConsumerRecord::Shared(shared) => {
                let (begins, shares) = match shared {
                    None if self.find_group(group_id).is_none() => return Ok(()),
                    None => (Text::EMPTY, Text::EMPTY),
                    Some(shared) => (self.store_shared(&shared.begins)?, self.store_shared(&shared.shares)?),
                };
                let group = self.consumer_group_of(group_id, kind)?;
                let Some(entry) = self.consumer_group_mut(group) else { return Ok(()) };
                entry.all_shared_at = None;
                let before = [core::mem::replace(&mut entry.begins, begins), core::mem::replace(&mut entry.shares, shares)];
                before.into_iter().for_each(|text| self.texts.release(text));
            }
        }
        Ok(())
    }

    fn consumer_group_of(&mut self, group_id: &str, kind: GroupKind) -> Result<Slot, Full> {
        let group = self.find_or_create_group(group_id)?;
        self.found_consumer_group(group, kind)?;
        Ok(group)
    }

    /// Puts a text into the place of another one, which is released.
    fn put_text(&mut self, member: Slot, place: impl FnOnce(&mut Consumer) -> &mut Text, text: Text) {
        let before = self.modern.members.get_mut(member).map(place).map(|place| core::mem::replace(place, text));
        self.texts.release(before.unwrap_or(text));
    }

    fn put_option(&mut self, member: Slot, place: impl FnOnce(&mut Consumer) -> &mut Option<Text>, text: Option<Text>) {
        let before = self.modern.members.get_mut(member).map(place).map(|place| core::mem::replace(place, text));
        self.texts.release(before.unwrap_or(text).unwrap_or(Text::EMPTY));
    }

    fn store_option(&mut self, text: Option<&str>) -> Result<Option<Text>, Full> {
        text.map(|text| self.texts.store(text.as_bytes())).transpose()
    }

    fn believe_said(&mut self, group: Slot, member: Slot, says: &Says<'_>) -> Result<(), Full> {
        let client_id = self.texts.store(says.client_id.as_bytes())?;
        self.put_text(member, |member| &mut member.client_id, client_id);
        let client_host = self.texts.store(says.client_host.as_bytes())?;
        self.put_text(member, |member| &mut member.client_host, client_host);
        let rack = self.store_option(says.rack_id)?;
        self.put_option(member, |member| &mut member.rack, rack);
        let assignor = self.store_option(says.assignor)?;
        self.put_option(member, |member| &mut member.assignor, assignor);
        let classic = match says.classic {
            None => None,
            Some(classic) => {
                self.modern.bytes.clear();
                let range = classic.put_offers(&mut self.modern.bytes)?;
                let offers = self.texts.store(self.modern.bytes.get(range).unwrap_or_default())?;
                Some(Classic { session_timeout: classic.session_timeout(), offers })
            }
        };
        self.put_classic(member, classic);
        self.believe_instance(group, member, says.instance_id)?;
        self.believe_names(group, member, &says.names)?;
        self.believe_pattern(group, member, says.pattern)?;
        if let Some(member) = self.modern.members.get_mut(member) {
            member.rebalance_timeout = says.rebalance_timeout;
            if says.classic.is_none() {
                (member.join_due, member.sync_due) = (None, None);
            }
        }
        Ok(())
    }

    fn believe_instance(&mut self, group: Slot, member: Slot, instance_id: Option<&str>) -> Result<(), Full> {
        self.forget_instance(member);
        let instance = self.store_option(instance_id)?;
        self.put_option(member, |member| &mut member.instance, instance);
        let Some(instance_id) = instance_id else { return Ok(()) };
        // The latest to say so has it.
        if let Some(before) = self.find_consumer_instance(group, instance_id) {
            self.forget_instance(before);
        }
        let hash = self.hash_within(group, instance_id.as_bytes());
        self.modern.instances.insert(hash, member).map(|_| ())
    }

    fn believe_names(&mut self, group: Slot, member: Slot, names: &StoredNames<'_>) -> Result<(), Full> {
        let names = self.store_names(names)?;
        self.subscribe(group, names).inspect_err(|Full| self.texts.release(names))?;
        let Some(before) = self.modern.members.get(member).map(|member| member.names) else { return Ok(()) };
        self.unsubscribe(group, before);
        self.put_text(member, |member| &mut member.names, names);
        Ok(())
    }

    fn believe_pattern(&mut self, group: Slot, member: Slot, pattern: Option<&str>) -> Result<(), Full> {
        // An empty one is none, but it is what the member said.
        let text = self.store_option(pattern)?;
        if let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty()) {
            let slot = self.found_pattern(group, pattern)?;
            if let Some(entry) = self.modern.patterns.get_mut(slot) {
                entry.members += 1;
            }
        }
        let before = self.modern.members.get(member).and_then(|member| member.pattern);
        self.leave_pattern(group, before);
        self.put_option(member, |member| &mut member.pattern, text);
        Ok(())
    }

    fn believe_current(&mut self, slot: Slot, current: &Current<'_>) -> Result<(), Full> {
        let assigned = self.store_partitions(&current.assigned)?;
        let revoking = self.store_partitions(&current.revoking).inspect_err(|Full| self.texts.release(assigned))?;
        self.release_held(slot);
        self.put_text(slot, |member| &mut member.assigned, assigned);
        self.put_text(slot, |member| &mut member.revoking, revoking);
        if let Some(member) = self.modern.members.get_mut(slot) {
            member.epoch = current.epoch;
            member.previous = current.previous;
            member.state = current.state;
        }
        self.take_hold(slot)
    }

    /// What a member had is forgotten; it is one that leaves. Source: `ConsumerGroupMember` of a tombstone.
    fn forget_current(&mut self, slot: Slot) {
        self.release_held(slot);
        self.put_text(slot, |member| &mut member.assigned, Text::EMPTY);
        self.put_text(slot, |member| &mut member.revoking, Text::EMPTY);
        if let Some(member) = self.modern.members.get_mut(slot) {
            (member.epoch, member.previous) = (MemberEpoch::LEAVES, MemberEpoch::LEAVES);
            member.state = MemberState::Stable;
        }
    }

    fn forget_matches(&mut self, slot: Slot) {
        let Some(entry) = self.modern.patterns.get_mut(slot) else { return };
        let (group, matches) = (entry.group, entry.matches.take());
        if let Some((names, _, _)) = matches {
            self.unmatch_topics(group, names);
            self.texts.release(names);
        }
    }

    fn believe_matches(&mut self, group: Slot, slot: Slot, matches: &Matches<'_>) -> Result<(), Full> {
        let names = self.store_names(&matches.topics)?;
        self.match_topics(group, names).inspect_err(|Full| self.texts.release(names))?;
        self.forget_matches(slot);
        if let Some(entry) = self.modern.patterns.get_mut(slot) {
            entry.matches = Some((names, matches.version, matches.at));
        }
        Ok(())
    }

    fn store_names(&mut self, stored: &StoredNames<'_>) -> Result<Text, Full> {
        let known = match stored {
            StoredNames::Known(known) => return self.texts.store(known.bytes()),
            StoredNames::Stored(array) => array,
        };
        self.modern.bytes.clear();
        let range = names::sorted(known.iter(), &mut self.modern.bytes, &mut self.modern.places)?;
        let bytes = self.modern.bytes.get(range).unwrap_or_default();
        self.texts.store(bytes)
    }

    fn store_shared(&mut self, stored: &SharedPartitions<'_>) -> Result<Text, Full> {
        self.store_shown(|see| stored.for_each(see))
    }

    fn store_partitions(&mut self, stored: &StoredPartitions<'_>) -> Result<Text, Full> {
        self.store_shown(|see| stored.for_each(see))
    }

    /// Stores partitions in their order: whoever wrote the record need not have kept to it.
    fn store_shown(&mut self, show: impl FnOnce(&mut dyn FnMut(Held))) -> Result<Text, Full> {
        let modern = &mut self.modern;
        modern.held.clear();
        let mut result = Ok(());
        show(&mut |one| result = result.and(modern.held.push(one)));
        result?;
        modern.bytes.clear();
        let range = partitions::sorted(&mut modern.held, &mut modern.bytes)?;
        self.texts.store(modern.bytes.get(range).unwrap_or_default())
    }
}
