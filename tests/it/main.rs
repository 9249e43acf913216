//! What millpond promises, as programs.

mod broker;
mod group;
mod interop;
mod tidy;
mod wire;
