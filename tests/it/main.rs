//! What millpond promises, as programs.

mod cli;
mod group;
mod wire;
