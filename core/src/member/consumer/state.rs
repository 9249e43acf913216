//! Where a member of a consumer group stands, and which way it goes.
//!
//! ```text
//!            subscribe             an epoch                 ┌── revoked: give back ──► taken up ──► acknowledged ──┐
//!   Outside ───────────► Joining ───────────► Member ───────┤                                                      │
//!      ▲                    ▲                   │  ▲        └────────────── an assignment ◄────────────────────────┘
//!      │                    └── fenced, unknown ┘  └── nothing has changed
//!      └── Departing ◄── Parting ◄── leave: everything is given back (from anywhere)
//! ```
//! An application that does not poll leads to `Departing` and then `Stale`; what will not pass, to `Failed`.
//!
//! | stage | says, as member epoch | when |
//! |---|---|---|
//! | Outside, Stale, Failed | nothing | |
//! | Joining | 0, and everything | when the application has looked at what it lost |
//! | Member, Parting | its epoch, and what has changed | each interval; at once when something was given back or taken up, or it subscribes anew |
//! | Departing | -1, or -2 for a static member that means to come back | once |
//!
//! Source: `AbstractMembershipManager`, `ConsumerHeartbeatRequestManager`.

use crate::member::error::Failure;
use crate::member::standing::After;

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is no member and does not want to be.
    Outside,
    /// It wants to be one.
    Joining,
    /// It is one, and follows what it is told.
    Member,
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
    Heartbeat,
}
