//! The states of a classic group and what belongs to each.
//!
//! ```text
//!            first join                     everybody has joined, or time is up
//!   Empty ───────────────► PreparingRebalance ─────────────────────────► CompletingRebalance
//!     ▲                      ▲    ▲    │ nobody is left                      │        │
//!     │                      │    │    ▼                                    │        │ the leader's
//!     └──────────────────────┼────┼── Empty                                 │        ▼ assignment is written
//!                            │    └──── a member comes, goes or changes ◄────┘      Stable
//!                            └──────────────────────────────────────────────────────┘
//! ```
//!
//! What each state answers to a member that is known, in the right generation, with the right instance id:
//!
//! | | join | sync | heartbeat | leave | commit |
//! |---|---|---|---|---|---|
//! | Empty | `UnknownMemberId` (no member is known) | `UnknownMemberId` | `UnknownMemberId` | `UnknownMemberId` | accepted without a generation |
//! | Preparing | parked | `RebalanceInProgress` | `RebalanceInProgress`, session goes on | removed; may complete the round | accepted, session goes on |
//! | Completing | same protocols: answered again; else a new round | parked; the leader's completes | accepted | removed, new round | `RebalanceInProgress` |
//! | Stable | follower with same protocols: answered again; else a new round | its assignment | accepted | removed, new round | accepted, session goes on |
//!
//! Source: `ClassicGroupState`, `GroupMetadataManager`. There is no state Dead: a deleted group is gone.
//! Held by: `each_state_answers_each_request_as_the_table_says`, and the transcripts of `golden/group`.

use crate::bounded::bytes::Text;
use crate::bounded::chain::{Chain, Links, linked};
use crate::bounded::slab::Slot;
use crate::ids::{CallId, GenerationId};
use crate::time::{Instant, Millis, Timestamp};

/// Where a group stands between and within generations. Soft, except that `Empty` and `Stable` are what images say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Without members; it may have offsets.
    Empty,
    /// Waiting for members to join the next generation.
    PreparingRebalance(Preparing),
    /// Waiting for the leader's assignment.
    CompletingRebalance,
    /// Everybody has, or can ask for, its assignment.
    Stable,
}

impl State {
    /// Kafka's name for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance(_) => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// How long a group in preparation still waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparing {
    /// A new group gathers its first members: it waits in steps, as long as more of them come.
    Gathering {
        /// The step that is running.
        delay: Millis,
        /// What is left of the rebalance timeout after it.
        remaining: Millis,
        /// Whether somebody has come during the step.
        grown: bool,
    },
    /// Known members are to join again: it waits until all have, or until the rebalance timeout.
    Rejoining,
}

/// One group.
#[derive(Debug)]
pub struct Group {
    pub(in crate::group) id: Text,
    /// Hard: set by the first member, kept when the group empties. `None`: only offsets, so far.
    pub(in crate::group) protocol_type: Option<Text>,
    /// Hard in `Empty` and `Stable`; between them one ahead of the last image.
    pub(in crate::group) generation_id: GenerationId,
    /// Of the current generation.
    pub(in crate::group) protocol: Option<Text>,
    /// Of the current generation.
    pub(in crate::group) leader: Slot,
    pub(in crate::group) state: State,
    /// Hard: when the state was entered, as far as images say it.
    pub(in crate::group) state_timestamp: Option<Timestamp>,
    /// Hard: what makes it a consumer group, if it is one; then there is nothing of a classic one.
    pub(in crate::group) consumer: Slot,
    /// In the order in which they joined.
    pub(in crate::group) members: Chain,
    pub(in crate::group) pendings: Chain,
    pub(in crate::group) offered: Chain,
    /// Hard.
    pub(in crate::group) offsets: Chain,
    /// How many offsets open transactions have committed for it. Hard.
    pub(in crate::group) pending_offsets: usize,
    /// How many members wait in a join.
    pub(in crate::group) joining: usize,
    /// How many members have not synced in this generation.
    pub(in crate::group) unsynced: usize,
    /// Soft: it was a consumer group until now, and a round is to begin at once.
    pub(in crate::group) rejoins: bool,
}

impl Group {
    pub(in crate::group) fn new(id: Text) -> Self {
        Self {
            id,
            protocol_type: None,
            generation_id: GenerationId(0),
            protocol: None,
            leader: Slot::NONE,
            state: State::Empty,
            state_timestamp: None,
            consumer: Slot::NONE,
            members: Chain::default(),
            pendings: Chain::default(),
            offered: Chain::default(),
            offsets: Chain::default(),
            pending_offsets: 0,
            joining: 0,
            unsynced: 0,
            rejoins: false,
        }
    }

    pub(in crate::group) const fn enter(&mut self, state: State, wall: Timestamp) {
        self.state = state;
        self.state_timestamp = Some(wall);
    }

    /// Whether everybody waits in a join, and nobody is still on the way back with a fresh id.
    pub(in crate::group) const fn all_joined(&self) -> bool {
        self.members.len() == self.joining && self.pendings.is_empty()
    }
}

/// One member of a group.
#[derive(Debug)]
pub struct Member {
    pub(in crate::group) group: Slot,
    pub(in crate::group) id: Text,
    pub(in crate::group) instance: Option<Text>,
    pub(in crate::group) client_id: Text,
    pub(in crate::group) client_host: Text,
    pub(in crate::group) rebalance_timeout: Millis,
    pub(in crate::group) session_timeout: Millis,
    /// What it offers, most preferred first.
    pub(in crate::group) protocols: Chain,
    /// Hard: what the leader gave it.
    pub(in crate::group) assignment: Text,
    /// Soft: the call it waits in.
    pub(in crate::group) waiting: Waiting,
    /// Soft: it has never had an answer to its join, so it cannot send heartbeats.
    pub(in crate::group) is_new: bool,
    /// Soft: it has not synced in this generation.
    pub(in crate::group) unsynced: bool,
    /// Soft: when its session ends; the deadline kept for it may be earlier, never later.
    pub(in crate::group) session_due: Instant,
    /// Scratch of a sync: which assignment of the leader's is this member's, counted from 1.
    pub(in crate::group) given: usize,
    pub(in crate::group) links: Links,
}

/// The call that a member waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// None.
    Nowhere,
    /// For the next generation.
    InJoin(CallId),
    /// For its assignment.
    InSync(CallId),
}

/// An id that was given out, whose owner has not come back with it. Soft.
#[derive(Debug)]
pub struct Pending {
    pub(in crate::group) group: Slot,
    pub(in crate::group) id: Text,
    pub(in crate::group) links: Links,
}

/// A protocol that members of a group offer. Soft.
#[derive(Debug)]
pub struct Offered {
    pub(in crate::group) group: Slot,
    pub(in crate::group) name: Text,
    /// How many members offer it.
    pub(in crate::group) count: usize,
    /// Scratch of a vote.
    pub(in crate::group) votes: usize,
    /// Scratch of an offer: the member that is making it.
    pub(in crate::group) offerer: Slot,
    pub(in crate::group) links: Links,
}

/// What one member says under one protocol.
#[derive(Debug)]
pub struct ProtocolEntry {
    pub(in crate::group) offered: Slot,
    pub(in crate::group) metadata: Text,
    pub(in crate::group) links: Links,
}

linked!(Member, Pending, Offered, ProtocolEntry);
