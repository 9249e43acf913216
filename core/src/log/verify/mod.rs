//! Looking through a log that is not in use: what of it is sound, what is not, and keeping the one without the other.
//!
//! Opening a log looks at as little as it can and cuts at what it cannot read. Whoever wants to know first, or wants to keep what lies
//! behind the damage, comes here. Nothing is changed by looking.
//!
//! - [`verifier`]: the walk over all files of a partition. [`finding`]: what it may come across, as values.
//! - `batches`: which bytes of a segment are batches and which are not; `indexes`: whether the ways into it lead where they say.
//! - [`repair`]: writing anew what is not sound, without what cannot be read.

mod batches;
pub mod finding;
mod indexes;
pub mod repair;
pub mod verifier;
