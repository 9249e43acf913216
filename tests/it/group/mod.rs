//! The group coordinator: transcripts, the table of its states, random days, fixed memory.

mod random_days;
mod transcripts;
