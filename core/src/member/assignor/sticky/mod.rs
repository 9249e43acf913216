//! The assignors `sticky` and `cooperative-sticky`: balanced first, and then everybody keeps what it can.
//!
//! ```text
//!  what members claim ──► claims: who has what ──► all subscribe to the same? ──yes──► equal
//!                                                             └──no──► general         │
//!                                                cooperative ◄────────────┴────────────┘
//!                                            what changes hands is held back
//! ```
//! Source: `AbstractStickyAssignor`, `StickyAssignor`, `CooperativeStickyAssignor`; KIP-54, KIP-341, KIP-429, KIP-881.

mod claims;
mod equal;
mod general;
mod movements;
mod near;
mod run;

pub(super) use run::{Protocol, assign};
