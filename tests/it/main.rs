//! What millpond promises, as programs.

mod group;
mod interop;
mod wire;
