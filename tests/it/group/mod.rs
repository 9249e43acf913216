//! The group coordinator: transcripts, the table of its states, random days, fixed memory.

mod crowd;
mod fixed_memory;
mod random_days;
mod states;
mod transcripts;
