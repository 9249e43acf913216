//! Turns of the shared partitions, and what share groups and they have to do with each other.

use crate::catalog::name;
use crate::group::answer::Answer as GroupAnswer;
use crate::group::coordinator::Coordinator as Groups;
use crate::group::error::GroupError;
use crate::group::input::{AlterShares, DeleteShares, Input as GroupInput, ShareStart, Shared};
use crate::group::modern::topics::NoMatcher;
use crate::ids::{CallId, Offset, PartitionIndex, TopicId};
use crate::machine::{Answers, Effects, Machine as _, When};
use crate::share::coordinator::Coordinator;
use crate::share::input::{Initialize, Input, Place, ShareKey};
use crate::share::record::ShareRecord;
use crate::time::Moment;

use super::directory::LogDirectory;
use super::error::{PartitionError, WriteError};
use super::logs::{PartitionTable, Written};
use super::parked::Release;
use super::shard::{Shard, StoreFailure};
use super::turn::Nobody;

/// The call of a turn that nobody waits for.
const NOBODYS: CallId = CallId(0);

impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// The shared partitions.
    #[must_use]
    pub const fn shares(&self) -> &Coordinator<'m> {
        &self.shares
    }

    /// A turn of the shared partitions. Answers the log end that answers marked [`crate::machine::When::Written`] wait for, if there is any.
    ///
    /// # Errors
    /// When what the step decided cannot be written down: answers so marked must be replaced by that failure.
    pub fn share(
        &mut self,
        at: Moment,
        input: Input<'_>,
        answers: &mut dyn Answers<Coordinator<'m>>,
        out: &mut dyn Release,
    ) -> Result<Option<Written>, WriteError<StoreFailure<'m, D>>> {
        self.records.clear();
        self.shares.step(at, input, &mut Effects { records: &mut self.records, answers });
        if self.records.is_empty() {
            // What is told now may have been decided by a step whose records are not safe yet.
            return Ok(input.key().and_then(|key| self.uncommitted_share(key)));
        }
        self.write_down_share(at, out)
    }

    /// Acts on one deadline of the shared partitions. Answers `None` when none is due, else what a turn answers.
    pub fn shares_timeout(
        &mut self,
        at: Moment,
        out: &mut dyn Release,
    ) -> Option<Result<Option<Written>, WriteError<StoreFailure<'m, D>>>> {
        self.records.clear();
        let acted = self.shares.handle_timeout(at, &mut Effects { records: &mut self.records, answers: &mut Nobody });
        acted.then(|| self.write_down_share(at, out))
    }

    fn write_down_share(&mut self, at: Moment, out: &mut dyn Release) -> Result<Option<Written>, WriteError<StoreFailure<'m, D>>> {
        let Some(index) = self.records.partition() else { return Ok(None) };
        let written = self.write_down_in(at, name::SHARE_GROUP_STATE, index, out)?;
        let count = i64::try_from(self.records.len()).unwrap_or(0);
        for (number, record) in (0i64..).zip(self.records.iter()) {
            let record = ShareRecord::decode(record);
            debug_assert!(record.is_ok(), "what a machine encodes, it can decode");
            let Ok(record) = record else { continue };
            self.shares.believe(&record, Offset(written.end.0 - count + number));
            // Something may have come back that somebody waits for.
            if let Some(log) = record.key().and_then(|key| self.logs.find(key.topic_id, key.partition)) {
                self.logs.parked.wake(log, &mut PartitionTable(&mut self.logs.partitions), out);
            }
        }
        Ok(Some(written))
    }

    /// The end of the log that keeps the state of a shared partition, while it is not committed.
    #[must_use]
    pub fn uncommitted_share(&self, key: &ShareKey<'_>) -> Option<Written> {
        let topic = self.catalog.topic(name::SHARE_GROUP_STATE)?;
        self.uncommitted(self.logs.find(topic.topic_id, self.shares.partition_of(key))?)
    }

    /// Makes a state for each partition that a share group is about to share, and lets the group share it. Whatever fails is tried again the next
    /// time.
    ///
    /// # Errors
    /// When something cannot be written down.
    pub fn begin_to_share(&mut self, at: Moment, group_id: &str, out: &mut dyn Release) -> Result<(), WriteError<StoreFailure<'m, D>>> {
        let mut place: Option<(TopicId, PartitionIndex)> = None;
        while let Some((_, begins)) = self.groups.about_to_share(group_id)
            && let Some(held) = begins.next_behind(place)
        {
            place = Some((held.topic, held.partition));
            let key = ShareKey { group_id, topic_id: held.topic, partition: held.partition };
            if self.shares.view(&key).is_some() {
                // It was made before the coordinator stopped.
                continue;
            }
            let state_epoch = self.groups.consumer_group_view(group_id).map_or(0, |group| group.epoch().0);
            let initialize = Initialize { call: NOBODYS, key, state_epoch, start: None };
            self.records.clear();
            self.shares.step(at, Input::Initialize(initialize), &mut Effects { records: &mut self.records, answers: &mut Nobody });
            if self.records.is_empty() {
                // There is no room for more.
                return Ok(());
            }
            self.write_down_share(at, out)?;
        }
        if let Some((group, _)) = self.groups.about_to_share(group_id) {
            self.group(at, GroupInput::Shared(Shared { group }), &NoMatcher, &mut Nobody, out)?;
        }
        Ok(())
    }

    /// Forgets the states of all partitions that somebody means: of a group that is deleted, or of a topic that is gone. `told` hears
    /// what must be committed so that they stay forgotten.
    ///
    /// # Errors
    /// When something cannot be written down.
    pub fn forget_shares(
        &mut self,
        at: Moment,
        concerns: impl Fn(&ShareKey<'_>) -> bool,
        told: &mut dyn FnMut(Written),
        out: &mut dyn Release,
    ) -> Result<(), WriteError<StoreFailure<'m, D>>> {
        let mut from = 0;
        while let Some(view) = self.shares.next_view(from) {
            from = view.slot.index() + 1;
            if !concerns(&view.key) {
                continue;
            }
            let gone = Input::Delete(Place { call: NOBODYS, slot: view.slot });
            if let Some(written) = self.share(at, gone, &mut Nobody, out)? {
                told(written);
            }
        }
        Ok(())
    }

    /// Deletes what no state of a shared partition needs any more, segment by segment. Snapshots that stand in old segments are written anew
    /// before: at most `snapshots_max` of them, so that a call ends soon; what is left is for the next one.
    ///
    /// Kafka lets go below the lowest of the snapshots, and writes one of each partition that had none for five minutes. Source:
    /// `ShareCoordinatorOffsetsManager`, `ShareCoordinatorShard.snapshotColdPartitions`.
    ///
    /// # Errors
    /// When something cannot be written down, or deleted.
    pub fn prune_shares(&mut self, at: Moment, snapshots_max: usize, out: &mut dyn Release) -> Result<(), WriteError<StoreFailure<'m, D>>> {
        let Some(topic) = self.catalog.topic(name::SHARE_GROUP_STATE).map(|topic| (topic.topic_id, topic.slot, topic.partition_count))
        else {
            return Ok(());
        };
        let (topic_id, topic, count) = topic;
        let mut left = snapshots_max;
        for index in (0..count).map(PartitionIndex) {
            let log = self.logs.find(topic_id, index).and_then(|slot| self.logs.partitions.get(slot)).map(|partition| &partition.log);
            let Some(log) = log else { continue };
            let [_, .., active] = log.segments() else { continue };
            let (active, committed) = (active.base(), log.watermarks().high_watermark());
            let mut lowest = active;
            let mut from = 0;
            while let Some(view) = self.shares.next_view(from) {
                from = view.slot.index() + 1;
                if self.shares.partition_of(&view.key) != index {
                    continue;
                }
                let [last, before] = view.snapshots_at;
                let safe = [last, before].into_iter().find(|at| *at < committed);
                lowest = lowest.min(safe.unwrap_or(Offset::ZERO));
                if last < active && left > 0 {
                    left -= 1;
                    self.share(at, Input::Snapshot(Place { call: NOBODYS, slot: view.slot }), &mut Nobody, out)?;
                }
            }
            let log = self.log(at, topic, index).map_err(WriteError::Partition)?;
            let pruned = log.delete_records(lowest.min(committed)).and_then(|_| log.retain_from_start(at.wall));
            pruned.map_err(|error| WriteError::Partition(PartitionError::Log(error)))?;
        }
        Ok(())
    }

    /// An administrator says where a share group is to go on. `told` hears what must be committed before it may be told so.
    ///
    /// # Errors
    /// When something cannot be written down; inside of that, why the group does not go on there.
    pub fn alter_shares(
        &mut self,
        at: Moment,
        group_id: &str,
        starts: &[ShareStart],
        told: &mut dyn FnMut(Written),
        out: &mut dyn Release,
    ) -> Result<Result<(), GroupError>, WriteError<StoreFailure<'m, D>>> {
        let alter = AlterShares { call: NOBODYS, group_id, starts };
        if let Err(error) = self.set_shares(at, GroupInput::AlterShares(alter), told, out)? {
            return Ok(Err(error));
        }
        let Some((group, epoch)) = self.groups.consumer_group_view(group_id).map(|group| (group.slot(), group.epoch())) else {
            return Ok(Ok(()));
        };
        for start in starts {
            let key = ShareKey { group_id, topic_id: start.topic_id, partition: start.partition };
            let initialize = Initialize { call: NOBODYS, key, state_epoch: epoch.0, start: Some(start.start) };
            self.records.clear();
            self.shares.step(at, Input::Initialize(initialize), &mut Effects { records: &mut self.records, answers: &mut Nobody });
            if self.records.is_empty() {
                // There is no room for more: what it was about to share it shares from wherever it begins, once there is.
                return Ok(Err(GroupError::GroupFull));
            }
            if let Some(written) = self.write_down_share(at, out)? {
                told(written);
            }
        }
        if let Some(written) = self.group(at, GroupInput::Shared(Shared { group }), &NoMatcher, &mut Nobody, out)? {
            told(written);
        }
        Ok(Ok(()))
    }

    /// An administrator says that a share group is to forget a topic. `told` hears what must be committed before it may be told so.
    ///
    /// # Errors
    /// When something cannot be written down; inside of that, why the group does not forget it.
    pub fn delete_shares(
        &mut self,
        at: Moment,
        group_id: &str,
        topic_id: TopicId,
        told: &mut dyn FnMut(Written),
        out: &mut dyn Release,
    ) -> Result<Result<(), GroupError>, WriteError<StoreFailure<'m, D>>> {
        let delete = DeleteShares { call: NOBODYS, group_id, topic_id };
        // The group first: a state that nobody shares is of no account, but what is shared has one.
        if let Err(error) = self.set_shares(at, GroupInput::DeleteShares(delete), told, out)? {
            return Ok(Err(error));
        }
        self.forget_shares(at, |key| key.group_id == group_id && key.topic_id == topic_id, told, out).map(Ok)
    }

    fn set_shares(
        &mut self,
        at: Moment,
        input: GroupInput<'_>,
        told: &mut dyn FnMut(Written),
        out: &mut dyn Release,
    ) -> Result<Result<(), GroupError>, WriteError<StoreFailure<'m, D>>> {
        let mut set = Set(Ok(()));
        if let Some(written) = self.group(at, input, &NoMatcher, &mut set, out)? {
            told(written);
        }
        Ok(set.0)
    }
}

/// Catches what an administrator is answered.
struct Set(Result<(), GroupError>);

impl<'m> Answers<Groups<'m>> for Set {
    fn answer(&mut self, _: CallId, _: When, answer: GroupAnswer<'_>) {
        if let GroupAnswer::SharesSet(result) = answer {
            self.0 = result;
        }
    }
}

#[cfg(test)]
#[path = "share_tests.rs"]
mod tests;
