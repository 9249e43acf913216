//! Calls that wait: what each needs to be answered, found by the id under which core knows it.

use millpond_core::ids::CallId;
use millpond_core::shard::logs::Written;
use millpond_core::time::Instant;

use crate::api::produce::WaitingProduce;
use crate::api::remote::WaitingRemote;
use crate::api::share_fetch::WaitingShare;
use crate::protocol::api_key::ApiKey;
use crate::protocol::error_code::ErrorCode;

use super::reply::{Outgoing, Reply};

/// What an answer repeats of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which request.
    pub api_key: ApiKey,
    /// In which version.
    pub version: i16,
    /// What the client calls it.
    pub correlation_id: i32,
}

/// A call that waits.
#[derive(Debug)]
pub enum Call {
    /// For a machine to answer it.
    Machine {
        /// What the answer repeats.
        head: Head,
        /// Where it goes.
        reply: Reply,
    },
    /// For its answer to become true: it is encoded already.
    Held {
        /// What the answer repeats.
        head: Head,
        /// Where it goes.
        reply: Reply,
        /// The answer.
        outgoing: Outgoing,
        /// What it says instead when the disk fails.
        on_failure: ErrorCode,
        /// Of an answer that speaks of each partition by itself: what each that is granted depends on, in order.
        parts: Vec<Written>,
        /// What all of it depends on besides.
        common: Vec<Written>,
    },
    /// For bytes to read: then it is carried out again.
    Fetch(Box<WaitingRequest>),
    /// For records to work on: then it is carried out again.
    Share(Box<WaitingShare>),
    /// For the object store: then it is carried out again.
    Remote(Box<WaitingRemote>),
    /// For the end of a transaction: then it is carried out again.
    Again(Box<WaitingRequest>),
    /// For the end of a transaction, with batches that are checked already.
    Produce(Box<WaitingProduce>),
}

/// A request that waits to be carried out again.
#[derive(Debug)]
pub struct WaitingRequest {
    /// What the answer repeats.
    pub head: Head,
    /// Where it goes.
    pub reply: Reply,
    /// The request.
    pub body: Vec<u8>,
    /// When it is answered with whatever there is.
    pub due: Instant,
}

/// All calls that wait.
///
/// An id is a place and how often that place was used, so that a late answer to a call that is gone finds nobody.
#[derive(Debug, Default)]
pub struct Calls {
    places: Vec<(u32, Option<Call>)>,
    free: Vec<u32>,
}

impl Calls {
    /// Keeps a call.
    pub fn add(&mut self, call: Call) -> CallId {
        self.add_with(|_| call)
    }

    /// Keeps a call that is made for its id.
    pub fn add_with(&mut self, make: impl FnOnce(CallId) -> Call) -> CallId {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let id = |used: u32| CallId(u64::from(used) << 32 | u64::from(place));
        let Some((count, slot)) = self.places.get_mut(index(place)) else { return id(0) };
        *count = count.wrapping_add(1);
        *slot = Some(make(id(*count)));
        id(*count)
    }

    /// Takes a call out.
    pub fn take(&mut self, id: CallId) -> Option<Call> {
        let (used, slot) = self.places.get_mut(index(place(id)))?;
        if u64::from(*used) != id.0 >> 32 {
            return None;
        }
        let call = slot.take()?;
        self.free.push(place(id));
        Some(call)
    }

    /// What the answer to a call repeats.
    #[must_use]
    pub fn head(&self, id: CallId) -> Option<Head> {
        let (used, call) = self.places.get(index(place(id)))?;
        if u64::from(*used) != id.0 >> 32 {
            return None;
        }
        match call.as_ref()? {
            Call::Machine { head, .. } | Call::Held { head, .. } => Some(*head),
            Call::Fetch(request) | Call::Again(request) => Some(request.head),
            Call::Remote(waiting) => Some(waiting.request.head),
            Call::Share(waiting) => Some(waiting.head),
            Call::Produce(produce) => Some(produce.head),
        }
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn place(id: CallId) -> u32 {
    u32::try_from(id.0 & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}
