//! Reading from the object store for requests that wait for it.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use millpond_core::ids::{CallId, Offset};
use millpond_core::log::reading::FoundOffset;
use millpond_core::log::tier::remote::RemoteSegment;
use millpond_core::log::txn_index::{self, AbortedTransaction, Look};
use millpond_core::shard::fetch::RemoteRead;
use millpond_core::shard::tier::TieredLog;
use millpond_core::time::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::api;
use crate::compression::Codecs;
use crate::tier::Cold;
use crate::tier::error::{ColdError, ColdRead};

use super::worker::Worker;

/// What a partition of a request wants of the store.
#[derive(Clone, Copy, Debug)]
pub enum RemoteWish {
    /// Records from an offset on.
    Read {
        /// Of which segment, and how many.
        read: RemoteRead,
        /// From where on.
        from: Offset,
        /// Whether those of aborted transactions are to be named.
        committed_only: bool,
    },
    /// The first record that is not older than a timestamp.
    Find {
        /// In which segment first.
        segment: RemoteSegment,
        /// The timestamp.
        timestamp: Timestamp,
        /// From where on.
        from: Offset,
    },
}

/// What the store had for a partition of a request.
#[derive(Debug)]
pub enum RemoteAnswer {
    /// Records, and which transactions among them were aborted.
    Records(Vec<u8>, Vec<AbortedTransaction>),
    /// An offset.
    Found(FoundOffset),
    /// Nothing in that segment: it is to be asked for from this offset on.
    Behind(Offset),
    /// It failed; that was said out loud.
    Failed,
    /// It did not come in time.
    Late,
}

/// Partitions of one request that want something of the store, by their number in it.
#[derive(Debug)]
pub struct RemoteOrder {
    /// The call that waits for it.
    pub call: CallId,
    /// How long it does.
    pub patience: Duration,
    /// What they want.
    pub wishes: Vec<(usize, TieredLog, RemoteWish)>,
}

/// What came of an order in time, by the number of the partition.
pub type RemoteAnswers = HashMap<usize, RemoteAnswer>;

impl Worker {
    /// Carries out what requests want of the object store.
    pub async fn drive_remote(self: Arc<Self>) {
        let Some(cold) = self.around().cold.clone() else { return };
        let readers = Arc::new(Semaphore::new(cold.settings().readers));
        let mut running = JoinSet::new();
        loop {
            let orders = self.turn(|turn| core::mem::take(&mut turn.inner.remote_orders));
            for order in orders {
                running.spawn(Arc::clone(&self).carry_out(Arc::clone(&cold), Arc::clone(&readers), order));
            }
            tokio::select! {
                () = self.remote.notified() => {}
                Some(_) = running.join_next() => {}
            }
        }
    }

    /// Carries out one order, as far as it goes in time.
    async fn carry_out(self: Arc<Self>, cold: Arc<Cold>, readers: Arc<Semaphore>, order: RemoteOrder) {
        let RemoteOrder { call, patience, wishes } = order;
        let mut running = JoinSet::new();
        let mut answers = RemoteAnswers::new();
        for (number, log, wish) in wishes {
            let (worker, cold, readers) = (Arc::clone(&self), Arc::clone(&cold), Arc::clone(&readers));
            running.spawn(async move { (number, worker.grant(&cold, &readers, log, wish).await) });
        }
        let in_time = async {
            while let Some(done) = running.join_next().await {
                if let Ok((number, answer)) = done {
                    answers.insert(number, answer);
                }
            }
        };
        let is_late = tokio::time::timeout(patience, in_time).await.is_err();
        if is_late {
            // What is on its way still comes, for whoever asks again.
            running.detach_all();
        }
        self.turn(|turn| api::remote::resume(turn, call, answers));
    }

    async fn grant(&self, cold: &Arc<Cold>, readers: &Semaphore, log: TieredLog, wish: RemoteWish) -> RemoteAnswer {
        match self.try_grant(cold, readers, log, wish).await {
            Ok(answer) => answer,
            Err(error) => {
                self.turn(|turn| {
                    let name = turn.inner.shard.tiered_name(log).map(|name| (name.topic, name.index.0));
                    tracing::warn!(partition = ?name, %error, "what lies in the object store cannot be read now");
                });
                RemoteAnswer::Failed
            }
        }
    }

    async fn try_grant(&self, cold: &Arc<Cold>, readers: &Semaphore, log: TieredLog, wish: RemoteWish) -> Result<RemoteAnswer, ColdError> {
        let _waits = self.wait_for_store(cold)?;
        // Nobody closes it.
        let Ok(_permit) = readers.acquire().await else { return Err(ColdError::Ending) };
        match wish {
            RemoteWish::Read { read, from, committed_only } => match cold.read(log, &read, from).await? {
                ColdRead::Behind(segment) => Ok(RemoteAnswer::Behind(segment.end)),
                ColdRead::Bytes(bytes) => {
                    let below = millpond_core::log::tier::look::end_of(&bytes).filter(|_| committed_only);
                    let aborted = match below {
                        Some(below) => self.aborted(cold, log, &read.segment, (from, below)).await?,
                        None => Vec::new(),
                    };
                    Ok(RemoteAnswer::Records(bytes, aborted))
                }
            },
            RemoteWish::Find { segment, timestamp, from } => {
                let mut codecs = Codecs::default();
                let found = cold.find(log, &segment, (timestamp, from), &mut codecs).await?;
                Ok(found.map_or(RemoteAnswer::Behind(segment.end), RemoteAnswer::Found))
            }
        }
    }

    /// Counts who waits for the store, for as long as the answer lives.
    fn wait_for_store(&self, cold: &Cold) -> Result<tokio::sync::OwnedSemaphorePermit, ColdError> {
        let max = cold.settings().pending_reads_max;
        Arc::clone(&self.pending_reads).try_acquire_owned().map_err(|_| ColdError::Busy(max))
    }

    /// The aborted transactions with records in a range: from the indexes of segments in the store, and behind these from those on the disk.
    /// Source: `RemoteLogManager.collectAbortedTransactions`.
    async fn aborted(
        &self,
        cold: &Arc<Cold>,
        log: TieredLog,
        first: &RemoteSegment,
        range: (Offset, Offset),
    ) -> Result<Vec<AbortedTransaction>, ColdError> {
        let mut aborted = Vec::new();
        let mut next = Some(*first);
        // Everything below was looked at, or is about to be.
        let mut end = first.end;
        while let Some(segment) = next {
            if segment.txn_entries > 0 {
                let entries = cold.aborted_entries(log, &segment).await?;
                match txn_index::collect_from(&entries, range, &mut |one| aborted.push(one)) {
                    Look::Done => return Ok(aborted),
                    Look::GoesOn => {}
                    Look::Unreadable => {
                        let object = segment.object(millpond_core::store::file_name::FileKind::TxnIndex);
                        return Err(ColdError::Damaged { object, position: 0 });
                    }
                }
            }
            next = self.turn(|turn| {
                let remote = turn.inner.shard.tiered(log)?.remote();
                let mut behind = remote.segments().iter().filter(|segment| segment.base >= end);
                let next = behind.find(|segment| segment.txn_entries > 0).copied();
                end = next.map_or_else(|| remote.segments().last().map_or(end, |last| last.end), |next| next.end);
                next
            });
        }
        // What ended later than what was copied.
        let told = self.turn(|turn| {
            let log = turn.inner.shard.tiered(log)?;
            Some(log.aborted_transactions(end, range.1, &mut |one| {
                if one.first_offset < range.1 && one.last_offset >= end {
                    aborted.push(one);
                }
            }))
        });
        match told {
            None | Some(Ok(())) => Ok(aborted),
            Some(Err(error)) => Err(ColdError::Local(error.to_string())),
        }
    }
}
