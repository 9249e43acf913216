//! A partition is nobody's before whoever was told to have it has given it back; and who was told to be a member is one.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::group::error::GroupError;
use millpond_core::ids::{MemberEpoch, PartitionIndex, TopicId};

use super::Verdict;
use crate::sim::consumers::{Beat, REBALANCE, SESSION, Told};

/// What a member was told and may still go by.
#[derive(Clone, Debug, Default)]
struct Known {
    epoch: MemberEpoch,
    has: BTreeSet<(TopicId, PartitionIndex)>,
    /// Whether that is more than it was told last: it is to give something back.
    gives_back: bool,
    /// When the broker has heard what it then answered.
    heard: u64,
    /// The same of the last answer with which it had all that it has, and nothing to give back.
    settled: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Exclusive {
    members: BTreeMap<String, Known>,
    /// The request that the broker has heard last from each, and when. Of those before it nobody waits for an answer.
    heard: BTreeMap<String, (u64, u64)>,
    gone: BTreeSet<TopicId>,
}

impl Exclusive {
    /// The broker hears a member.
    pub(crate) fn heard(&mut self, now: u64, call: u64, beat: &Beat) {
        self.heard.insert(beat.member_id.clone(), (call, now));
        if beat.epoch.0 <= 0 {
            // It begins anew or goes: it has nothing.
            self.members.remove(&beat.member_id);
        } else if let (Some(known), Some(owned)) = (self.members.get_mut(&beat.member_id), &beat.owned) {
            known.has.retain(|partition| owned.contains(partition));
        }
    }

    /// The broker answers a member.
    pub(crate) fn told(&mut self, call: u64, beat: &Beat, told: &Result<Told, GroupError>) -> Verdict {
        let heard = self.heard.get(&beat.member_id).filter(|(last, _)| *last == call);
        let (Some((_, heard)), Ok(told), 0..) = (heard, told, beat.epoch.0) else { return Ok(()) };
        let heard = *heard;
        let Known { epoch, .. } = self.members.get(&beat.member_id).cloned().unwrap_or_default();
        if told.epoch < epoch {
            return Err(format!("{} was told epoch {epoch:?}, and now {:?}", beat.member_id, told.epoch));
        }
        for partition in told.assigned.iter().flatten() {
            let mut others = self.members.iter().filter(|(id, _)| **id != beat.member_id);
            if let Some((other, known)) = others.find(|(_, known)| known.has.contains(partition)) {
                return Err(format!("{} is told to have {partition:?} while {other} has it: {known:?}", beat.member_id));
            }
        }
        let known = self.members.entry(beat.member_id.clone()).or_default();
        known.epoch = told.epoch;
        known.heard = known.heard.max(heard);
        if let Some(assigned) = &told.assigned {
            known.has.extend(assigned.iter().filter(|(topic, _)| !self.gone.contains(topic)));
            known.gives_back = known.has.iter().any(|partition| !assigned.contains(partition));
        }
        if !known.gives_back {
            known.settled = known.settled.max(heard);
        }
        Ok(())
    }

    /// After every turn: a member that is not one any more has had its time.
    pub(crate) fn look(&mut self, now: u64, members: &BTreeSet<&str>) -> Verdict {
        let absent = |id: &String| !members.contains(id.as_str());
        let had_its_time = |known: &Known| now >= known.heard + SESSION.0 || now >= known.settled + REBALANCE.0;
        if let Some((id, known)) = self.members.iter().find(|(id, known)| absent(id) && !had_its_time(known)) {
            return Err(format!("{id} is no member at {now}, and was told that it is: {known:?}"));
        }
        self.members.retain(|id, _| !absent(id));
        Ok(())
    }

    /// Somebody wants to delete a topic.
    pub(crate) fn forget_topic(&mut self, id: TopicId) {
        self.gone.insert(id);
        self.members.values_mut().for_each(|known| known.has.retain(|(topic, _)| *topic != id));
    }
}
