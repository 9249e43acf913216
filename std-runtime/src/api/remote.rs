//! Requests that wait for the object store, and what comes of them.

use std::collections::HashMap;

use millpond_core::ids::{CallId, Offset};
use millpond_core::time::{Millis, Timestamp};

use crate::protocol::api_key::ApiKey;
use crate::worker::calls::{Call, WaitingRequest};
use crate::worker::remote::{RemoteAnswer, RemoteAnswers, RemoteOrder, RemoteWish};
use crate::worker::turn::Turn;

use super::{fetch, list_offsets, share_fetch};
use millpond_core::shard::tier::TieredLog;

/// What a request has got of the store so far, by the number of its partitions.
#[derive(Debug, Default)]
pub struct Progress {
    /// What came.
    pub answers: RemoteAnswers,
    /// From where on it is looked next: what lies before was looked through. For searches the time that is looked for too.
    pub from: HashMap<usize, (Timestamp, Offset)>,
}

/// A request that waits for the object store.
#[derive(Debug)]
pub struct WaitingRemote {
    /// The request.
    pub request: WaitingRequest,
    /// What it has got so far.
    pub progress: Progress,
    /// What it waits for.
    pub wishes: Vec<(usize, TieredLog, RemoteWish)>,
}

/// Lets a request wait for what its partitions want of the store.
pub(crate) fn wait(turn: &mut Turn<'_>, waiting: WaitingRemote, patience: Millis) {
    let wishes = waiting.wishes.clone();
    let inner = &mut *turn.inner;
    let call = inner.calls.add_with(|call| {
        waiting.request.reply.waits(call, waiting.request.body.len());
        Call::Remote(Box::new(waiting))
    });
    inner.remote_orders.push(RemoteOrder { call, patience: core::time::Duration::from_millis(patience.0), wishes });
}

/// Carries out a request again with what the store had for it. What did not come in time is missing.
pub(crate) fn resume(turn: &mut Turn<'_>, call: CallId, answers: RemoteAnswers) {
    let waiting = match turn.inner.calls.take(call) {
        Some(Call::Remote(waiting)) => waiting,
        Some(Call::Share(waiting)) => {
            waiting.reply.waited(call, waiting.size());
            return share_fetch::resume_remote(turn, *waiting, answers);
        }
        // Who hung up is not answered; the others do not wait for the store.
        None | Some(Call::Machine { .. } | Call::Held { .. } | Call::Fetch(_) | Call::Again(_) | Call::Produce(_)) => return,
    };
    let WaitingRemote { request, mut progress, wishes } = *waiting;
    request.reply.waited(call, request.body.len());
    let mut answers = answers;
    for (number, _, wish) in wishes {
        match (answers.remove(&number), wish) {
            (Some(RemoteAnswer::Behind(offset)), RemoteWish::Read { .. }) => {
                progress.from.insert(number, (Timestamp(0), offset));
            }
            (Some(RemoteAnswer::Behind(offset)), RemoteWish::Find { timestamp, .. }) => {
                progress.from.insert(number, (timestamp, offset));
            }
            (Some(answer), _) => {
                progress.answers.insert(number, answer);
            }
            // Source: `DelayedRemoteFetch`: without records, and without an error.
            (None, RemoteWish::Read { .. }) => {
                progress.answers.insert(number, RemoteAnswer::Records(Vec::new(), Vec::new()));
            }
            (None, RemoteWish::Find { .. }) => {
                progress.answers.insert(number, RemoteAnswer::Late);
            }
        }
    }
    if request.head.api_key == ApiKey::ListOffsets {
        list_offsets::resume(turn, request, progress);
    } else {
        fetch::resume_remote(turn, request, progress);
    }
}
