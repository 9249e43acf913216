//! What millpond promises, as programs.

mod group;
mod wire;
