//! What millpond promises, as programs.

mod group;
mod sim;
mod wire;
