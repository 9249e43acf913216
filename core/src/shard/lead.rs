//! Taking the lead of the catalogue's log, before the first write since the start.

use crate::bounded::slab::Slot;
use crate::catalog::quorum::ControlRecord;
use crate::catalog::record::CatalogRecord;
use crate::catalog::schema::AbortTransactionRecord;
use crate::ids::LeaderEpoch;
use crate::log::watermarks::Watermarks;
use crate::record::batch::Batch;
use crate::record::validate;
use crate::time::Moment;

use super::directory::LogDirectory;
use super::error::{PartitionError, WriteError};
use super::parked::Release;
use super::shard::{Shard, StoreFailure};
use super::turn::machine_rules;

/// How the catalogue's log is led. Soft state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lead {
    /// The latest epoch that anybody has led under, as far as is known; under which this broker leads once it does.
    epoch: LeaderEpoch,
    leads: bool,
    /// Whether the log ends inside of a transaction: what is written now would belong to it. Source: KIP-868.
    pub(super) is_unfinished: bool,
}

impl Lead {
    /// Somebody has led under this epoch.
    pub(super) fn heard_of(&mut self, epoch: LeaderEpoch) {
        self.epoch = self.epoch.max(epoch);
    }
}

impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// How the catalogue's log stands, and the latest epoch that anybody has led it under.
    ///
    /// # Errors
    /// When the log cannot be opened.
    pub fn catalog_stands(&mut self, at: Moment) -> Result<(Watermarks, LeaderEpoch), PartitionError<StoreFailure<'m, D>>> {
        let slot = self.metadata_log(at)?;
        let partition = self.logs.partitions.get(slot).ok_or(PartitionError::Unknown)?;
        let latest = partition.log.epochs().last().map_or(self.lead.epoch, |start| start.epoch);
        Ok((partition.log.watermarks(), latest.max(self.lead.epoch)))
    }

    /// Takes the lead of the catalogue's log if this broker does not have it since its start, and answers the epoch: a new one, so that
    /// an offset and an epoch always name one record. Source: KIP-595; `QuorumState.transitionToLeader`.
    pub(super) fn take_the_lead(
        &mut self,
        at: Moment,
        slot: Slot,
        out: &mut dyn Release,
    ) -> Result<LeaderEpoch, WriteError<StoreFailure<'m, D>>> {
        if self.lead.leads {
            return Ok(self.lead.epoch);
        }
        let Some(partition) = self.logs.partitions.get(slot) else { return Err(WriteError::Partition(PartitionError::Unknown)) };
        let latest = partition.log.epochs().last().map(|start| start.epoch);
        let heard = [Some(self.lead.epoch), latest, Some(self.directory.quorum_epoch())];
        let epoch = LeaderEpoch(heard.into_iter().flatten().max().unwrap_or_default().0.saturating_add(1));
        // A log that says nothing of a quorum gets one whose voters are in the log.
        let kraft_version = if self.catalog.quorum().is_new() { 1 } else { self.catalog.quorum().kraft_version() };
        self.directory.lead_quorum(epoch, kraft_version);
        let (node, directory) = (self.catalog.node(), self.catalog.directory());
        self.batch.clear();
        let built = self.catalog.quorum().begin_reign(at.wall, node, directory, &mut self.batch);
        built.map_err(|_| WriteError::TooLarge)?;
        self.append_built(at, slot, epoch, out)?;
        // What stands in the log now.
        if let Ok((batch, _)) = Batch::split_first(&self.batch) {
            for record in batch.records().into_iter().flatten().flatten() {
                let record = ControlRecord::decode(&record);
                debug_assert!(record.is_ok(), "what is encoded here can be decoded");
                if let Ok(record) = record {
                    self.catalog.replay_control(&record);
                }
            }
        }
        (self.lead.epoch, self.lead.leads) = (epoch, true);
        Ok(epoch)
    }

    /// Writes down that what the log ends with never counted, if it ends inside of a transaction: before anything else is written.
    /// Source: `ActivationRecordsGenerator.recordsForNonEmptyLog`.
    pub(super) fn abort_unfinished(
        &mut self,
        at: Moment,
        slot: Slot,
        out: &mut dyn Release,
    ) -> Result<(), WriteError<StoreFailure<'m, D>>> {
        if !self.lead.is_unfinished {
            return Ok(());
        }
        let epoch = self.take_the_lead(at, slot, out)?;
        self.records.clear();
        let abort = CatalogRecord::AbortTransaction(AbortTransactionRecord { reason: Some("the broker was restarted") });
        abort.encode(self.catalog.metadata_version(), &mut self.records).map_err(|_| WriteError::TooLarge)?;
        self.write_down(at, slot, epoch, false, out)?;
        self.lead.is_unfinished = false;
        Ok(())
    }

    /// Appends the batch that was built.
    pub(super) fn append_built(
        &mut self,
        at: Moment,
        slot: Slot,
        epoch: LeaderEpoch,
        out: &mut dyn Release,
    ) -> Result<super::logs::Written, WriteError<StoreFailure<'m, D>>> {
        let Some(partition) = self.logs.partitions.get(slot) else { return Err(WriteError::Partition(PartitionError::Unknown)) };
        let rules = machine_rules(partition.log.config());
        let checked = validate::check(&self.batch, &rules, at.wall, None);
        debug_assert!(checked.is_ok(), "what a shard builds passes its own check: {checked:?}");
        let checked = checked.map_err(|_| WriteError::TooLarge)?;
        self.logs.append(at, slot, epoch, &checked, out).map(|(_, written)| written)
    }
}
