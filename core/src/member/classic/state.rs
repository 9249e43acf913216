//! Where a classic member stands, and which way it goes.
//!
//! ```text
//!            subscribe                        everybody has joined            the leader has assigned
//!   Outside ───────────► Joining ──┬── leads ──► Leading ── assign ──► Syncing ─────────────► Settling ──► Seated
//!      ▲                 ▲  ▲      └── follows ─────────────────────────▲  │                     │  what it lost   │
//!      │                 │  │                                              │ REBALANCE_IN_PROGRESS  is given back   │
//!      │                 │  └──────────────────────────────────────────────┘                     ▼                 │
//!      │                 └───────────────────────────────────────────────────────── GivingBack ◄─┴── rebalance ────┘
//!      │                                                                    what must not be kept, is given back
//!      └── Departing ◄── Parting ◄── leave: everything is given back (from anywhere)
//! ```
//! `UNKNOWN_MEMBER_ID`, `ILLEGAL_GENERATION`, and a session without an answer lead from anywhere to `Joining`, with everything lost. An
//! application that does not poll leads to `Departing` and then `Stale`; what will not pass, to `Failed`.
//!
//! | stage | asks | may be asked to wait for | then |
//! |---|---|---|---|
//! | Outside, Stale, Failed | nothing | | |
//! | Joining | JoinGroup | the application to look at what it lost | Leading, Syncing |
//! | Leading | Metadata, Heartbeat | | Syncing |
//! | Syncing | SyncGroup | | Settling, Seated |
//! | Settling | Heartbeat | the application to give back | Seated |
//! | Seated | Heartbeat | the application to look at what it got | GivingBack, Joining |
//! | GivingBack | Heartbeat | the application to give back | Joining |
//! | Parting | Heartbeat | the application to give back | Departing, Outside |
//! | Departing | LeaveGroup | | Outside, Stale, Failed |

use crate::member::error::Failure;
use crate::member::standing::After;

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is no member and does not want to be.
    Outside,
    /// It wants a seat in the next generation.
    Joining,
    /// It has a seat and is to divide the partitions.
    Leading,
    /// It has a seat and wants to know what it got.
    Syncing,
    /// It knows what it got, and gives back what it did not get again.
    Settling,
    /// It has what it got.
    Seated,
    /// It gives back what it must not keep while the group comes together.
    GivingBack,
    /// It gives everything back, to leave.
    Parting,
    /// It says that it leaves, and then is what follows.
    Departing(After),
    /// It has left, since the application did not poll; it comes back when it does.
    Stale,
    /// It has given up.
    Failed(Failure),
}

/// What kind of request is under way to the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    FindCoordinator,
    JoinGroup,
    SyncGroup,
    Heartbeat,
    LeaveGroup,
}
