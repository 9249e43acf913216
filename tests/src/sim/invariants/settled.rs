//! What a member of a share group was told to be settled nobody gets again; and nobody gets what another one works on.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::ids::TopicId;
use millpond_core::share::config::ShareLimits;
use millpond_core::share::state::AcknowledgeType;

use super::Verdict;
use crate::sim::message::{Lot, Partition, Settle, Worker};
use crate::sim::share::{Acquisition, LOCK};

#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// By whom what was settled, of each group.
    settled: BTreeMap<(String, Partition), BTreeMap<i64, String>>,
    /// Who works on what, and until when.
    locked: BTreeMap<(String, Partition), BTreeMap<i64, (String, u64)>>,
    gone: BTreeSet<TopicId>,
}

impl Settled {
    /// The broker gives records to a worker.
    pub(crate) fn acquired(&mut self, now: u64, acquisition: &Acquisition) -> Verdict {
        let Acquisition { worker, lot } = acquisition;
        let key = (worker.group.clone(), lot.partition.clone());
        let settled = self.settled.get(&key).and_then(|settled| settled.range(lot.first..=lot.last).next());
        if let Some((offset, by)) = settled {
            return Err(format!("{key:?} {offset} was settled by {by}, and is given to {}", worker.id));
        }
        if lot.times > ShareLimits::default().delivery_count_max {
            return Err(format!("{key:?} {} is given to {} for the {}. time", lot.first, worker.id, lot.times));
        }
        let locked = self.locked.entry(key.clone()).or_default();
        let other = locked.range(lot.first..=lot.last).find(|(_, (by, until))| *until > now && *by != worker.id);
        if let Some((offset, (by, until))) = other {
            return Err(format!("{key:?} {offset} is {by}'s until {until}, and is given to {} at {now}", worker.id));
        }
        for offset in lot.first..=lot.last {
            locked.insert(offset, (worker.id.clone(), now + LOCK.0));
        }
        Ok(())
    }

    /// A worker says something of records: it may be theirs no longer, whether it is told so or not.
    pub(crate) fn said(&mut self, worker: &Worker, settle: &Settle) {
        let Lot { partition, first, last, .. } = &settle.lot;
        if let Some(locked) = self.locked.get_mut(&(worker.group.clone(), partition.clone())) {
            locked.retain(|offset, (by, _)| !(first..=last).contains(&offset) || *by != worker.id);
        }
    }

    /// The broker says that records are settled.
    pub(crate) fn told(&mut self, worker: &Worker, settle: &Settle) {
        if settle.how == AcknowledgeType::Release || self.gone.contains(&settle.lot.partition.id) {
            return;
        }
        let settled = self.settled.entry((worker.group.clone(), settle.lot.partition.clone())).or_default();
        settled.extend((settle.lot.first..=settle.lot.last).map(|offset| (offset, worker.id.clone())));
    }

    /// Somebody wants to delete a topic: what a group knows of it may go with it, even if the topic comes back with a loss of power.
    pub(crate) fn forget_topic(&mut self, id: TopicId) {
        self.gone.insert(id);
        self.settled.retain(|(_, partition), _| partition.id != id);
        self.locked.retain(|(_, partition), _| partition.id != id);
    }

    /// Whatever was acquired is not any more.
    pub(crate) fn restart(&mut self) {
        self.locked.clear();
    }

    /// Records of a topic that does not wait for its disk were lost: others may have their offsets.
    pub(crate) fn forget(&mut self, topic: &str) {
        self.settled.retain(|(_, partition), _| partition.topic != topic);
    }
}
