//! Making records durable, and who waits for that.

use crate::bounded::list::List;
use crate::bounded::slab::Slot;
use crate::catalog::name;
use crate::ids::{CallId, Offset, PartitionIndex, TopicId};
use crate::log::durability::SyncTicket;
use crate::log::error::LogError;
use crate::machine::Machine as _;
use crate::time::Instant;

use super::directory::LogDirectory;
use super::logs::{Partition, PartitionTable, SyncedLog, Written};
use super::parked::{Outcome, Release};
use super::shard::{Shard, StoreFailure, StoreHandle};

impl<'m, D: LogDirectory<'m>> Shard<'m, D> {
    /// Whether everything is committed already.
    #[must_use]
    pub fn is_committed(&self, written: &[Written]) -> bool {
        written.iter().all(|written| {
            let partition = self.logs.partitions.get(written.partition);
            partition.is_some_and(|partition| partition.log.watermarks().high_watermark() >= written.end)
        })
    }

    /// Lets a call wait until everything is committed. Answers whether it waits; if not, there are too many who do.
    pub fn hold(&mut self, call: CallId, due: Instant, written: &[Written], ends: &mut List<'_, (Slot, Offset)>) -> bool {
        ends.clear();
        for one in written {
            let committed = self.is_committed(core::slice::from_ref(one));
            if !committed && ends.push((one.partition, one.end)).is_err() {
                return false;
            }
        }
        self.logs.parked.hold(call, due, ends, &mut PartitionTable(&mut self.logs.partitions)).is_ok()
    }

    /// The end of the catalogue's log, while it is not committed: who has seen the catalogue waits for it before telling anybody.
    #[must_use]
    pub fn uncommitted_catalog(&self) -> Option<Written> {
        self.uncommitted(self.logs.find(TopicId::METADATA, PartitionIndex(0))?)
    }

    /// The end of the log that keeps a group, while it is not committed.
    #[must_use]
    pub fn uncommitted_group(&self, group_id: &str) -> Option<Written> {
        let topic = self.catalog.topic(name::CONSUMER_OFFSETS)?;
        self.uncommitted(self.logs.find(topic.topic_id, self.groups.partition_of(group_id))?)
    }

    pub(super) fn uncommitted(&self, partition: Slot) -> Option<Written> {
        let marks = self.logs.partitions.get(partition)?.log.watermarks();
        (marks.high_watermark() < marks.log_end()).then_some(Written { partition, end: marks.log_end() })
    }

    /// How many calls wait here: for commitment, or for bytes. Those that the machines keep are not among them.
    #[must_use]
    pub const fn waiting_count(&self) -> usize {
        self.logs.parked.len()
    }

    /// Whether some log wants a sync.
    #[must_use]
    pub fn wants_sync(&self) -> bool {
        let settled = self.settled();
        self.logs.unsynced.iter().any(|slot| self.is_founded(*slot, settled))
    }

    /// How far the catalogue is committed.
    fn settled(&self) -> Offset {
        let metadata = self.logs.find(TopicId::METADATA, PartitionIndex(0)).and_then(|slot| self.logs.partitions.get(slot));
        metadata.map_or(Offset::ZERO, |partition| partition.log.watermarks().high_watermark())
    }

    /// Whether a partition outlives a loss of power.
    fn is_founded(&self, slot: Slot, settled: Offset) -> bool {
        self.logs.partitions.get(slot).is_none_or(|partition| partition.founded <= settled)
    }

    /// Takes the next log that wants a sync, and says what is to be synced. To be called until it answers `None`; the tickets are
    /// carried out beside the shard and come back through [`Shard::end_sync`].
    ///
    /// The log of a partition waits until the catalogue is committed that knows of it: else a record could be acknowledged, or read,
    /// whose topic a loss of power takes away.
    /// # Errors
    /// When a log cannot say what is to be synced: whoever waited for it was told, and it stands last among those that want a sync.
    #[expect(clippy::type_complexity, reason = "a ticket and whose it is, or what went wrong, or nothing")]
    pub fn begin_sync(
        &mut self,
        out: &mut dyn Release,
    ) -> Result<Option<(SyncedLog, SyncTicket<StoreHandle<'m, D>>)>, LogError<StoreFailure<'m, D>>> {
        let settled = self.settled();
        let mut at = self.logs.unsynced.len();
        while let Some(next) = at.checked_sub(1) {
            at = next;
            let Some(slot) = self.logs.unsynced.get(at).copied().filter(|slot| self.is_founded(*slot, settled)) else { continue };
            self.logs.unsynced.swap_remove(at);
            let Some(partition) = self.logs.partitions.get_mut(slot) else { continue };
            partition.wants_sync = false;
            let log = SyncedLog { slot, topic_id: partition.topic_id, index: partition.index };
            match partition.log.begin_sync() {
                Ok(Some(ticket)) => return Ok(Some((log, ticket))),
                Ok(None) => {}
                Err(error) => {
                    if partition.log.closed().is_none() {
                        partition.wants_sync = true;
                        let noted = self.logs.unsynced.insert(0, slot);
                        debug_assert!(noted.is_ok(), "it was just taken out");
                    }
                    self.logs.abandon(slot, Outcome::Failed, out);
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    /// Hears how a sync went: what it covers is committed, and whoever waited for that is released; or the log has failed.
    ///
    /// # Errors
    /// When the sync failed: the log is closed, and whoever waited for it was told.
    pub fn end_sync(
        &mut self,
        log: SyncedLog,
        ticket: SyncTicket<StoreHandle<'m, D>>,
        outcome: Result<(), StoreFailure<'m, D>>,
        out: &mut dyn Release,
    ) -> Result<(), LogError<StoreFailure<'m, D>>> {
        let slot = log.slot;
        let is_it = |partition: &&mut Partition<'m, D::Store>| (partition.topic_id, partition.index) == (log.topic_id, log.index);
        // The topic may have been deleted meanwhile, and its place taken by another log, of which this says nothing.
        let Some(partition) = self.logs.partitions.get_mut(slot).filter(is_it) else { return Ok(()) };
        match partition.log.end_sync(ticket, outcome) {
            Ok(marks) => {
                let again = partition.log.durable_end() < marks.log_end();
                self.logs.has_dirt |= partition.log.config().compact;
                if partition.topic_id == TopicId::METADATA {
                    self.purge_doomed(marks.high_watermark());
                }
                self.logs.committed(slot, marks.high_watermark(), out);
                if again {
                    self.logs.want_sync(slot);
                }
                Ok(())
            }
            Err(error) => {
                self.logs.abandon(slot, Outcome::Failed, out);
                Err(error)
            }
        }
    }

    fn purge_doomed(&mut self, high_watermark: Offset) {
        let mut at = 0;
        while let Some(doomed) = self.doomed.get(at).copied() {
            if doomed.end <= high_watermark {
                self.directory.purge(doomed.topic_id);
                self.doomed.swap_remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// The earliest instant at which [`Shard::handle_timeout`] has work.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let machines = [self.groups.poll_timeout(), self.transactions.poll_timeout(), self.shares.poll_timeout()];
        machines.into_iter().flatten().chain(self.logs.parked.poll_timeout()).min()
    }

    /// Ends the waits whose time is up. The machines' own deadlines are handled by [`Shard::groups_timeout`],
    /// [`Shard::transactions_timeout`] and [`Shard::shares_timeout`].
    pub fn handle_timeout(&mut self, now: Instant, out: &mut dyn Release) {
        while self.logs.parked.handle_timeout(now, &mut PartitionTable(&mut self.logs.partitions), out) {}
    }
}
