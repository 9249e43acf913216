//! What must hold between any two steps, for tests and for runtimes that would rather stop than go on wrongly.

use crate::bounded::chain::{Chain, Linked, Slots};
use crate::bounded::slab::Slot;
use crate::time::Instant;

use super::classic::state::{Group, State, Waiting};
use super::coordinator::Coordinator;
use super::modern::partitions::Partitions;
use super::modern::tables::holder;

impl Coordinator<'_> {
    /// Asserts that everything kept twice agrees with itself, and that whoever waits has a deadline. Costs a walk through everything.
    ///
    /// # Panics
    /// When something does not hold: the machine is broken.
    pub fn assert_consistent(&self) {
        let (mut members, mut pendings, mut offered, mut offsets) = (0, 0, 0, 0);
        for (slot, group) in self.groups.iter() {
            let id = self.texts.str(group.id);
            assert_eq!(self.find_group(id), Some(slot), "a group is found by its id");
            members += length(&group.members, &self.members);
            pendings += length(&group.pendings, &self.pendings);
            offered += length(&group.offered, &self.offered);
            offsets += length(&group.offsets, &self.offsets);
            self.assert_members(slot, group);
            self.assert_state(slot, group);
            for (pending, entry) in group.pendings.iter(&self.pendings) {
                assert_eq!(self.find_pending(slot, self.texts.str(entry.id)), Some(pending), "{id}: a pending member is found by its id");
                assert!(self.pending_sessions.is_set(pending), "{id}: a pending member has a deadline");
            }
            for (offset, entry) in group.offsets.iter(&self.offsets) {
                let (topic, partition, _) = self.stored(entry);
                assert_eq!(self.find_offset(slot, topic, partition), Some(offset), "{id}: an offset is found by its partition");
            }
        }
        assert_eq!((members, pendings), (self.members.len(), self.pendings.len()), "everybody is in a group");
        assert_eq!((offered, offsets), (self.offered.len(), self.offsets.len()), "everything is in a group");
        let statics = self.members.iter().filter(|(_, member)| member.instance.is_some()).count();
        assert_eq!(statics, self.instances.len(), "an instance id for each static member");
        self.assert_consumers();
        self.assert_pending();
        assert!(self.results.is_empty(), "no results are left over from a step");
        assert!(self.groups.is_empty() || self.expiry.is_some(), "where there are groups, offsets are looked through some day");
        if self.groups.is_empty() {
            assert_eq!(self.texts.live(), 0, "nothing is left of groups that are gone");
        }
    }

    fn assert_members(&self, slot: Slot, group: &Group) {
        let id = self.texts.str(group.id);
        let (mut joining, mut unsynced) = (0, 0);
        for (at, member) in group.members.iter(&self.members) {
            let name = self.texts.str(member.id);
            assert_eq!(member.group, slot, "{id}: {name} knows its group");
            assert_eq!(self.find_member(slot, name), Some(at), "{id}: {name} is found by its id");
            if let Some(instance) = member.instance {
                assert_eq!(self.find_instance(slot, self.texts.str(instance)), Some(at), "{id}: {name} is found by its instance id");
            }
            assert!(!member.protocols.is_empty(), "{id}: {name} offers something");
            length(&member.protocols, &self.protocols);
            joining += usize::from(matches!(member.waiting, Waiting::InJoin(_)));
            unsynced += usize::from(member.unsynced);
            if let Some(due) = self.sessions.get(at) {
                assert!(due <= member.session_due, "{id}: the session of {name} is looked at in time");
            } else {
                assert!(member.waiting != Waiting::Nowhere, "{id}: {name} has a deadline or waits");
            }
            if matches!(member.waiting, Waiting::InJoin(_)) {
                assert!(matches!(group.state, State::PreparingRebalance(_)), "{id}: {name} waits for a round that is in preparation");
            }
            if matches!(member.waiting, Waiting::InSync(_)) {
                assert_eq!(group.state, State::CompletingRebalance, "{id}: {name} waits for an assignment that is to come");
                assert!(!member.unsynced, "{id}: {name} has synced");
            }
        }
        assert_eq!((group.joining, group.unsynced), (joining, unsynced), "{id}: waiting members are counted");
        for (_, offered) in group.offered.iter(&self.offered) {
            let offers = |member: Slot| {
                let member = self.members.get(member)?;
                member
                    .protocols
                    .iter(&self.protocols)
                    .find(|(_, entry)| self.offered.get(entry.offered).is_some_and(|it| it.name == offered.name))
            };
            let count = group.members.iter(&self.members).filter(|(member, _)| offers(*member).is_some()).count();
            assert_eq!(offered.count, count, "{id}: {} is counted once for each member", self.texts.str(offered.name));
        }
    }

    fn assert_state(&self, slot: Slot, group: &Group) {
        let id = self.texts.str(group.id);
        let due: Option<Instant> = self.rounds.get(slot);
        let leads = self.members.get(group.leader).is_some_and(|leader| leader.group == slot);
        match group.state {
            State::Empty => {
                assert!(group.members.is_empty() && group.protocol.is_none(), "{id}: an empty group has no members and no protocol");
                assert!(due.is_none(), "{id}: nothing is waited for in an empty group");
            }
            State::PreparingRebalance(_) => {
                assert!(due.is_some(), "{id}: a round in preparation ends some day");
                assert!(leads || group.members.is_empty(), "{id}: somebody leads");
            }
            State::CompletingRebalance | State::Stable => {
                assert!(leads, "{id}: somebody leads");
                assert!(group.protocol.is_some() && group.protocol_type.is_some(), "{id}: a generation has a protocol");
                assert_eq!(due.is_some(), group.unsynced > 0 || group.rejoins, "{id}: who has not synced has a deadline");
                assert!(group.state == State::Stable || group.unsynced > 0, "{id}: a syncing group has a deadline");
            }
        }
    }
}

/// Consumer groups.
impl Coordinator<'_> {
    fn assert_consumers(&self) {
        let modern = &self.modern;
        let (mut groups, mut members, mut topics, mut patterns, mut holdings, mut statics) = (0, 0, 0, 0, 0, 0);
        for (slot, group) in self.groups.iter() {
            let Some(entry) = self.consumer_group(slot) else { continue };
            let id = self.texts.str(group.id);
            assert!(group.members.is_empty() && group.pendings.is_empty(), "{id}: it has no classic members too");
            groups += 1;
            members += length(&entry.members, &modern.members);
            topics += length(&entry.topics, &modern.topics);
            patterns += length(&entry.patterns, &modern.patterns);
            let classics = entry.members.iter(&modern.members).filter(|(_, member)| member.classic.is_some()).count();
            assert_eq!(classics, entry.classics, "{id}: who speaks the classic protocol is counted");
            for (at, member) in entry.members.iter(&modern.members) {
                let name = self.texts.str(member.id);
                assert_eq!((member.group, self.find_consumer(slot, name)), (slot, Some(at)), "{id}: {name} is found by its id");
                statics += usize::from(member.instance.is_some());
                assert!(!member.goes, "{id}: {name} stays");
                for text in [member.assigned, member.revoking] {
                    for held in Partitions::of(self.texts.bytes(text)).iter() {
                        holdings += 1;
                        assert_eq!(holder(&modern.holdings, self.key, slot, &held), Some(at), "{id}: {held:?} is {name}'s alone");
                    }
                }
            }
            for (_, topic) in entry.topics.iter(&modern.topics) {
                let name = self.texts.str(topic.name);
                let named = entry.members.iter(&modern.members).filter(|(_, member)| self.names(member.names).contains(name)).count();
                assert_eq!(topic.off, 0, "{id}: nobody counts {name} off");
                assert_eq!(topic.by_name, named, "{id}: who subscribes to {name} is counted");
            }
        }
        assert_eq!(
            (groups, members, statics),
            (modern.groups.len(), modern.members.len(), modern.instances.len()),
            "everybody is in a group"
        );
        assert_eq!((topics, patterns), (modern.topics.len(), modern.patterns.len()), "everything is in a group");
        assert_eq!(holdings, modern.holdings.len(), "whatever is held is somebody's");
    }
}

/// The length of a chain, which must be the one it says.
fn length<T: Linked>(chain: &Chain, entries: &impl Slots<T>) -> usize {
    let mut slot = chain.first();
    let mut count = 0;
    while slot.is_some() && count <= chain.len() {
        count += 1;
        slot = Chain::next(entries, slot);
    }
    assert_eq!(count, chain.len(), "a chain is as long as it says");
    count
}
