//! Syncing files beside the shard, without its lock.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use millpond_core::log::durability::SyncTicket;
use millpond_core::shard::logs::SyncedLog;
use millpond_core::time::Millis;

use crate::disk::files::{DiskError, OpenFile};
use crate::disk::partition_dir::sync_directory;

use super::worker::Worker;

/// How many threads sync files at one time.
const SYNC_THREADS: usize = 4;

/// How long a log that cannot be synced waits for its next try.
const SYNC_RETRY: Duration = Duration::from_millis(200);

/// How soon after the catalogue has grown it is written down how far.
const CATALOG_CHECKPOINT: Millis = Millis(1000);

impl Worker {
    /// Syncs what wants to be synced, until [`Worker::end_sync_rounds`]: one round serves all who wait, and while it runs the next gathers.
    pub async fn drive_sync(self: Arc<Self>) {
        while !self.ending.load(Ordering::Relaxed) {
            if !self.sync_once().await {
                self.sync.notified().await;
            }
        }
    }

    /// Lets [`Worker::drive_sync`] end, after the round that it is in.
    pub fn end_sync_rounds(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.sync.notify_one();
    }

    /// One round of syncs. Answers whether there was anything to do.
    async fn sync_once(self: &Arc<Self>) -> bool {
        let (tickets, failure) = self.turn(|turn| {
            let mut tickets = Vec::new();
            loop {
                match turn.inner.shard.begin_sync(&mut turn.inner.released) {
                    Ok(Some(ticket)) => tickets.push(ticket),
                    Ok(None) => return (tickets, None),
                    Err(error) => return (tickets, Some(error)),
                }
            }
        });
        if let Some(error) = &failure {
            tracing::error!(%error, "a log cannot be synced now; it is tried again");
        }
        if tickets.is_empty() {
            if failure.is_some() {
                tokio::time::sleep(SYNC_RETRY).await;
            }
            return failure.is_some();
        }
        let share = tickets.len().div_ceil(SYNC_THREADS).max(1);
        let mut rest = tickets;
        let mut running = Vec::new();
        while !rest.is_empty() {
            let mine: Vec<Ticket> = rest.split_off(rest.len().saturating_sub(share));
            running.push(tokio::task::spawn_blocking(move || carry_out(mine)));
        }
        for batch in running {
            // A sync that panicked tells nothing; its logs stay unsynced and their callers time out.
            let Ok(done) = batch.await else { continue };
            self.turn(|turn| {
                turn.arm_checkpoint(turn.around.config.recovery_point_checkpoint_interval);
                for (log, ticket, outcome) in done {
                    if log.is_catalog() {
                        // So that a catalogue whose end is lost is not taken for one that never was longer.
                        turn.arm_checkpoint(CATALOG_CHECKPOINT);
                    }
                    if let Err(error) = turn.inner.shard.end_sync(log, ticket, outcome, &mut turn.inner.released) {
                        tracing::error!(%error, "a log could not be synced and is closed; restart the broker when the disk is in order");
                    }
                }
            });
        }
        true
    }
}

type Ticket = (SyncedLog, SyncTicket<OpenFile>);

type Carried = (SyncedLog, SyncTicket<OpenFile>, Result<(), DiskError>);

/// Syncs what tickets name. Runs on a thread that may block.
fn carry_out(tickets: Vec<Ticket>) -> Vec<Carried> {
    let mut done: Vec<_> = tickets.into_iter().map(|(log, ticket)| (log, sync_files(&ticket), ticket)).collect();
    // Directories that are new mostly lie in the same one: it is synced once, when all of them are done inside.
    let mut parents: BTreeMap<PathBuf, Result<(), DiskError>> = BTreeMap::new();
    for (_, outcome, ticket) in &mut done {
        let Some(directory) = ticket.files().first().map(|file| file.handle.directory()).filter(|_| ticket.must_sync_names()) else {
            continue;
        };
        if let (Ok(()), Some(parent)) = (&outcome, directory.unsettled_in()) {
            let synced = parents.entry(parent.to_path_buf()).or_insert_with(|| sync_directory(parent).map_err(DiskError::from));
            *outcome = *synced;
            if synced.is_ok() {
                directory.settled();
            }
        }
    }
    done.into_iter().map(|(log, outcome, ticket)| (log, ticket, outcome)).collect()
}

fn sync_files(ticket: &SyncTicket<OpenFile>) -> Result<(), DiskError> {
    for file in ticket.files() {
        file.handle.file().sync_data()?;
    }
    match ticket.files().first() {
        Some(file) if ticket.must_sync_names() => Ok(file.handle.directory().sync_inside()?),
        _ => Ok(()),
    }
}
