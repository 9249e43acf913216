//! Groups out of a seed, as text for Java's assignors and as numbers for ours.
//!
//! - [`scenario`]: what a group looks like, and what may have happened to it. [`text`]: what Java reads and answers.
//! - [`answer`]: what ours answer, and what can be said of an answer.

pub mod answer;
pub mod scenario;
pub mod text;
